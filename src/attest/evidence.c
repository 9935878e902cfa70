/* SPDX-License-Identifier: Apache-2.0
 *
 * The evidence object (EVD-001 to EVD-008): canonical JSON with a quote, RTMR3's events and all
 * collateral, so that it can be judged later without asking anyone.
 *
 * One value, one encoding: the JSON is canonical, base64 and hex are, every event carries exactly
 * the members and the digest that follow from its name and payload.
 */
#include "attest/tdx_internal.h"
#include "codec/text.h"

#include <string.h>

/* ---- reading ---- */
static sw_status base64_read(sw_arena *a, const sw_json *object, const char *where,
                             const char *name, size_t limit, sw_bytes *out, sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_json_text(object, where, name, &text, err));
    SW_SCOPED(sw_buffer) decoded = SW_BUFFER(limit);
    sw_status status = sw_base64_decode(&decoded, text, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "%s.%s", where, name);
        return status;
    }
    if (decoded.size == 0) return BROKEN(err, "%s.%s is empty", where, name);
    *out = sw_arena_copy(a, sw_buffer_bytes(&decoded));
    if (out->data == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for evidence");
    return SW_OK;
}

static sw_status text_read(const sw_json *object, const char *where, const char *name, size_t limit,
                           sw_bytes *out, sw_error *err) {
    SW_TRY(sw_json_text(object, where, name, out, err));
    if (out->size > limit)
        return sw_fail(err, SW_LIMIT, "evidence", "%s.%s has more than %zu bytes", where, name,
                       limit);
    return SW_OK;
}

static sw_status signed_read(const sw_json *object, const char *const names[3], size_t limit,
                             sw_signed_json *out, sw_error *err) {
    static const char where[] = "collateral";
    SW_TRY(text_read(object, where, names[0], limit, &out->text, err));
    SW_TRY(text_read(object, where, names[1], SW_ISSUER_CHAIN_LIMIT, &out->issuer_chain, err));
    return sw_json_hex(object, where, names[2], out->signature, sizeof out->signature, err);
}

static const char *const COLLATERAL_NAMES[] = {
    "pck_crl",  "qe_identity", "qe_identity_issuer_chain", "qe_identity_signature",
    "root_crl", "tcb_info",    "tcb_info_issuer_chain",    "tcb_info_signature",
    NULL};

static sw_status collateral_read(sw_arena *a, const sw_json *root, sw_collateral *out,
                                 sw_error *err) {
    static const char where[] = "collateral";
    const sw_json *object;
    SW_TRY(sw_json_object(root, "evidence", where, &object, err));
    SW_TRY(sw_json_expect(object, where, COLLATERAL_NAMES, err));
    SW_TRY(base64_read(a, object, where, "pck_crl", SW_REVOCATION_LIMIT, &out->pck_crl, err));
    SW_TRY(base64_read(a, object, where, "root_crl", SW_REVOCATION_LIMIT, &out->root_crl, err));
    SW_TRY(signed_read(object, COLLATERAL_NAMES + 1, SW_QE_IDENTITY_LIMIT, &out->qe_identity, err));
    return signed_read(object, COLLATERAL_NAMES + 5, SW_TCB_INFO_LIMIT, &out->tcb_info, err);
}

static sw_status events_read(sw_arena *a, const sw_json *root, sw_evidence *out, sw_error *err) {
    static const char *const names[] = {"digest",   "event", "event_payload", "event_type", "imr",
                                        "?version", NULL};
    const sw_json *array;
    SW_TRY(sw_json_array(root, "evidence", "event_log", SW_EVENT_LIMIT, &array, err));
    sw_event *events = SW_ARENA_NEW(a, sw_event, array->count + 1);
    if (events == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for the event log");
    size_t n = 0;
    for (const sw_json *item = array->first; item != NULL; item = item->next) {
        SW_TRY(sw_json_expect(item, "event_log[]", names, err));
        SW_TRY(sw_event_read(a, item, true, &events[n++], err));
    }
    out->events = events;
    out->event_count = n;
    return SW_OK;
}

static sw_status frame_read(const sw_json *root, sw_evidence *out, sw_error *err) {
    static const char *const names[] = {"collateral", "event_log", "gpu", "kind",
                                        "platform",   "quote",     NULL};
    sw_bytes kind, platform;
    const sw_json *gpu;
    SW_TRY(sw_json_expect(root, "evidence", names, err));
    SW_TRY(sw_json_text(root, "evidence", "kind", &kind, err));
    if (!sw_bytes_is(kind, SW_EVIDENCE_KIND))
        return BROKEN(err, "evidence.kind is not " SW_EVIDENCE_KIND);
    SW_TRY(sw_json_text(root, "evidence", "platform", &platform, err));
    bool tdx = sw_bytes_is(platform, "tdx");
    if (!tdx && !sw_bytes_is(platform, "sim"))
        return BROKEN(err, "evidence.platform is neither sim nor tdx");
    out->platform = tdx ? SW_PLATFORM_TDX : SW_PLATFORM_SIM;
    SW_TRY(sw_json_array(root, "evidence", "gpu", 64, &gpu, err));
    if (gpu->count != 0)
        return REFUSE(err, "the evidence holds GPU evidence, which is not verified here yet");
    return SW_OK;
}

sw_status sw_evidence_parse(sw_arena *a, sw_bytes json, sw_evidence *out, sw_error *err) {
    const sw_json_limits limits = {.bytes = SW_EVIDENCE_LIMIT, .depth = 4, .nodes = 8192};
    sw_json *root;
    sw_evidence made = {0};
    SW_TRY(sw_json_parse_canonical(a, json, &limits, &root, err));
    SW_TRY(frame_read(root, &made, err));
    SW_TRY(base64_read(a, root, "evidence", "quote", SW_QUOTE_LIMIT, &made.quote, err));
    SW_TRY(events_read(a, root, &made, err));
    SW_TRY(collateral_read(a, root, &made.collateral, err));
    *out = made;
    return SW_OK;
}

/* ---- writing ---- */
static sw_status event_put(sw_arena *a, sw_json *array, const sw_event *event, sw_error *err) {
    uint8_t digest[SW_SHA384_BYTES];
    SW_TRY(sw_event_digest(event, digest, err));
    sw_json *object = sw_json_add_object(a, array, NULL);
    sw_json_add_hex(a, object, "digest", SW_BYTES_OF(digest));
    sw_json_add_text(a, object, "event", event->name);
    sw_json_add_hex(a, object, "event_payload", event->payload);
    sw_json_add_integer(a, object, "event_type", SW_RUNTIME_EVENT_TYPE);
    sw_json_add_integer(a, object, "imr", SW_RUNTIME_EVENT_REGISTER);
    if (event->v2) sw_json_add_integer(a, object, "version", 2);
    return SW_OK;
}

static void signed_put(sw_arena *a, sw_json *object, const char *const names[3],
                       const sw_signed_json *s) {
    sw_json_add_text(a, object, names[0], s->text);
    sw_json_add_text(a, object, names[1], s->issuer_chain);
    sw_json_add_hex(a, object, names[2], SW_BYTES_OF(s->signature));
}

static void collateral_put(sw_arena *a, sw_json *root, const sw_collateral *c) {
    sw_json *object = sw_json_add_object(a, root, "collateral");
    sw_json_add_base64(a, object, "pck_crl", c->pck_crl);
    signed_put(a, object, COLLATERAL_NAMES + 1, &c->qe_identity);
    sw_json_add_base64(a, object, "root_crl", c->root_crl);
    signed_put(a, object, COLLATERAL_NAMES + 5, &c->tcb_info);
}

sw_status sw_evidence_encode(const sw_evidence *e, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 4 * SW_EVIDENCE_LIMIT};
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    bool tdx = e->platform == SW_PLATFORM_TDX;
    collateral_put(&a, root, &e->collateral);
    sw_json *events = sw_json_add_array(&a, root, "event_log");
    for (size_t i = 0; i < e->event_count; i++) SW_TRY(event_put(&a, events, &e->events[i], err));
    (void)sw_json_add_array(&a, root, "gpu");
    sw_json_add_text(&a, root, "kind", SW_LITERAL(SW_EVIDENCE_KIND));
    sw_json_add_text(&a, root, "platform", tdx ? SW_LITERAL("tdx") : SW_LITERAL("sim"));
    sw_json_add_base64(&a, root, "quote", e->quote);
    sw_json_encode(out, root);
    return sw_buffer_check(out, "the evidence", err);
}

/* ---- the provisioning service's answers ---- */
sw_status sw_pcs_parse(sw_bytes json, const char *member, sw_signed_json *out, sw_error *err) {
    const char *const names[] = {member, "signature", NULL};
    const sw_json_limits limits = {.bytes = SW_TCB_INFO_LIMIT + 1024, .depth = 14, .nodes = 20000};
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)16 << 20};
    sw_json *root;
    const sw_json *object;
    sw_bytes signature;
    sw_signed_json made = {.issuer_chain = out->issuer_chain};
    SW_TRY(sw_json_parse(&a, json, &limits, &root, err));
    SW_TRY(sw_json_expect(root, "collateral", names, err));
    SW_TRY(sw_json_object(root, "collateral", member, &object, err));
    SW_TRY(sw_json_text(root, "collateral", "signature", &signature, err));
    SW_TRY(sw_hex_decode(made.signature, sizeof made.signature, signature, true, err));
    made.text = object->span; /* a view of `json` */
    *out = made;
    return SW_OK;
}
