/* SPDX-License-Identifier: Apache-2.0
 *
 * The evidence object (EVD-001 to EVD-008, EVD-110, EVD-150, GPU-210 to GPU-213): canonical JSON
 * with a quote, RTMR3's events, GPUs' reports and all collateral, so that it can be judged later
 * without asking anyone.
 *
 * One value, one encoding: the JSON is canonical, base64 and hex are, every event carries exactly
 * the members and the digest that follow from its name and payload.
 */
#include "attest/tdx_internal.h"
#include "codec/text.h"

#include <assert.h>
#include <string.h>

/* ---- reading ---- */
static sw_status base64_take(sw_arena *a, sw_bytes text, const char *where, const char *name,
                             size_t limit, sw_bytes *out, sw_error *err) {
    size_t most = text.size / 4 * 3 + 1;
    if (most > limit) most = limit;
    sw_buffer decoded = sw_buffer_over(sw_arena_alloc(a, most, 1), most);
    if (decoded.data == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for evidence");
    sw_status status = sw_base64_decode(&decoded, text, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "%s.%s", where, name);
        return status;
    }
    if (decoded.size == 0) return BROKEN(err, "%s.%s is empty", where, name);
    *out = sw_buffer_bytes(&decoded);
    return SW_OK;
}

static sw_status base64_read(sw_arena *a, const sw_json *object, const char *where,
                             const char *name, size_t limit, sw_bytes *out, sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_json_text(object, where, name, &text, err));
    return base64_take(a, text, where, name, limit, out, err);
}

static sw_status text_take(sw_bytes text, const char *where, const char *name, size_t limit,
                           sw_bytes *out, sw_error *err) {
    if (text.size > limit)
        return sw_fail(err, SW_LIMIT, "evidence", "%s.%s has more than %zu bytes", where, name,
                       limit);
    *out = text;
    return SW_OK;
}

static sw_status text_read(const sw_json *object, const char *where, const char *name, size_t limit,
                           sw_bytes *out, sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_json_text(object, where, name, &text, err));
    return text_take(text, where, name, limit, out, err);
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
/* GPU-211: beside GPUs these two stand too; without them they may not. */
static const char *const GPU_COLLATERAL_NAMES[] = {"gpu_ocsp",
                                                   "gpu_rims",
                                                   "pck_crl",
                                                   "qe_identity",
                                                   "qe_identity_issuer_chain",
                                                   "qe_identity_signature",
                                                   "root_crl",
                                                   "tcb_info",
                                                   "tcb_info_issuer_chain",
                                                   "tcb_info_signature",
                                                   NULL};

static sw_status collateral_read(sw_arena *a, const sw_json *object, sw_collateral *out,
                                 sw_error *err) {
    static const char where[] = "collateral";
    SW_TRY(base64_read(a, object, where, "pck_crl", SW_REVOCATION_LIMIT, &out->pck_crl, err));
    SW_TRY(base64_read(a, object, where, "root_crl", SW_REVOCATION_LIMIT, &out->root_crl, err));
    SW_TRY(signed_read(object, COLLATERAL_NAMES + 1, SW_QE_IDENTITY_LIMIT, &out->qe_identity, err));
    return signed_read(object, COLLATERAL_NAMES + 5, SW_TCB_INFO_LIMIT, &out->tcb_info, err);
}

/* ---- reading GPUs ---- */
static sw_status gpus_read(sw_arena *a, const sw_json *root, sw_evidence *out, sw_error *err) {
    static const char *const names[] = {"chain", "report", NULL};
    static const char where[] = "gpu[]";
    const sw_json *list;
    SW_TRY(sw_json_array(root, "evidence", "gpu", SW_GPU_LIMIT, &list, err));
    sw_gpu_device *gpus = SW_ARENA_NEW(a, sw_gpu_device, list->count + 1);
    if (gpus == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for GPU evidence");
    size_t n = 0;
    for (const sw_json *item = list->first; item != NULL; item = item->next, n++) {
        SW_TRY(sw_json_expect(item, where, names, err));
        SW_TRY(text_read(item, where, "chain", SW_GPU_CHAIN_LIMIT, &gpus[n].chain, err));
        SW_TRY(base64_read(a, item, where, "report", SW_GPU_REPORT_LIMIT, &gpus[n].report, err));
    }
    out->gpus = gpus;
    out->gpu_count = n;
    out->gpu_text = list->span;
    return SW_OK;
}

/* One list of `collateral`: each member once, since a second would say nothing or something else.
 */
typedef struct gpu_list {
    const char *name;
    size_t limit, bytes; /* of members, of one */
    bool base64;
} gpu_list;

static sw_status gpu_list_read(sw_arena *a, const sw_json *object, const gpu_list *l,
                               const sw_bytes **out, size_t *count, sw_error *err) {
    static const char where[] = "collateral";
    const sw_json *list;
    SW_TRY(sw_json_array(object, where, l->name, l->limit, &list, err));
    sw_bytes *made = SW_ARENA_NEW(a, sw_bytes, list->count + 1);
    if (made == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for GPU collateral");
    size_t n = 0;
    for (const sw_json *item = list->first; item != NULL; item = item->next, n++) {
        if (item->type != SW_JSON_STRING || item->text.size == 0)
            return BROKEN(err, "%s.%s[%zu] is not a text", where, l->name, n);
        if (l->base64)
            SW_TRY(base64_take(a, item->text, where, l->name, l->bytes, &made[n], err));
        else
            SW_TRY(text_take(item->text, where, l->name, l->bytes, &made[n], err));
        for (size_t k = 0; k < n; k++)
            if (sw_bytes_equal(made[k], made[n]))
                return BROKEN(err, "%s.%s[%zu] stands there twice", where, l->name, n);
    }
    *out = made;
    *count = n;
    return SW_OK;
}

static sw_status all_collateral_read(sw_arena *a, const sw_json *root, sw_evidence *out,
                                     sw_error *err) {
    static const gpu_list ocsp = {"gpu_ocsp", SW_GPU_OCSP_COUNT, SW_OCSP_LIMIT, true};
    static const gpu_list rims = {"gpu_rims", SW_GPU_RIM_COUNT, SW_RIM_LIMIT, false};
    static const char where[] = "collateral";
    const sw_json *object;
    bool gpus = out->gpu_count > 0;
    sw_gpu_collateral *gpu = &out->gpu_collateral;
    SW_TRY(sw_json_object(root, "evidence", where, &object, err));
    SW_TRY(sw_json_expect(object, where, gpus ? GPU_COLLATERAL_NAMES : COLLATERAL_NAMES, err));
    SW_TRY(collateral_read(a, object, &out->collateral, err));
    if (!gpus) return SW_OK;
    SW_TRY(gpu_list_read(a, object, &ocsp, &gpu->ocsp, &gpu->ocsp_count, err));
    return gpu_list_read(a, object, &rims, &gpu->rims, &gpu->rim_count, err);
}

/* ---- reading the image ---- */
static_assert(4 * (SW_CHECKSUM_LIMIT + SW_MEASUREMENT_LIMIT) / 3 + 1024 <= SW_EVIDENCE_IMAGE_LIMIT,
              "the two files in base64 and the rest of the member are within its limit");

static sw_status acpi_read(const sw_json *object, const char *where, uint8_t out[SW_ACPI_COUNT][48],
                           sw_error *err) {
    const sw_json *list;
    size_t n = 0;
    SW_TRY(sw_json_array(object, where, "acpi", SW_ACPI_COUNT, &list, err));
    bool good = list->count == SW_ACPI_COUNT;
    for (const sw_json *item = list->first; good && item != NULL; item = item->next)
        good = item->type == SW_JSON_STRING &&
               sw_hex_decode(out[n++], 48, item->text, false, NULL) == SW_OK;
    return good ? SW_OK : BROKEN(err, "%s.acpi is not three digests of 96 hex digits", where);
}

/* EVD-110; a prover who describes none leaves the member out. */
static sw_status image_read(sw_arena *a, const sw_json *root, sw_evidence *out, sw_error *err) {
    static const char *const names[] = {"acpi", "checksum_file", "measurement", "memory_bytes",
                                        NULL};
    static const char where[] = "image";
    const sw_json *object;
    if (sw_json_member(root, where) == NULL) return SW_OK;
    SW_TRY(sw_json_object(root, "evidence", where, &object, err));
    SW_TRY(sw_json_expect(object, where, names, err));
    sw_evidence_image *image = SW_ARENA_NEW(a, sw_evidence_image, 1);
    if (image == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for evidence");
    SW_TRY(acpi_read(object, where, image->machine.acpi, err));
    SW_TRY(base64_read(a, object, where, names[1], SW_CHECKSUM_LIMIT, &image->files.checksum_file,
                       err));
    SW_TRY(base64_read(a, object, where, names[2], SW_MEASUREMENT_LIMIT, &image->files.measurement,
                       err));
    SW_TRY(
        sw_json_u64(object, where, names[3], SW_MEMORY_LIMIT, &image->machine.memory_bytes, err));
    out->image = image;
    return SW_OK;
}

/* ---- reading the rest ---- */
/* EVD-150; without a document the member is left out. */
static sw_status document_read(const sw_json *root, sw_evidence *out, sw_error *err) {
    static const char name[] = "mr_config";
    if (sw_json_member(root, name) == NULL) return SW_OK;
    SW_TRY(text_read(root, "evidence", name, SW_CONFIG_DOCUMENT_LIMIT, &out->mr_config, err));
    return out->mr_config.size > 0 ? SW_OK : BROKEN(err, "evidence.%s is empty", name);
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
    static const char *const names[] = {"collateral", "event_log", "gpu",   "?image", "kind",
                                        "?mr_config", "platform",  "quote", NULL};
    sw_bytes kind, platform;
    SW_TRY(sw_json_expect(root, "evidence", names, err));
    SW_TRY(sw_json_text(root, "evidence", "kind", &kind, err));
    if (!sw_bytes_is(kind, SW_EVIDENCE_KIND))
        return BROKEN(err, "evidence.kind is not " SW_EVIDENCE_KIND);
    SW_TRY(sw_json_text(root, "evidence", "platform", &platform, err));
    bool tdx = sw_bytes_is(platform, "tdx");
    if (!tdx && !sw_bytes_is(platform, "sim"))
        return BROKEN(err, "evidence.platform is neither sim nor tdx");
    out->platform = tdx ? SW_PLATFORM_TDX : SW_PLATFORM_SIM;
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
    SW_TRY(gpus_read(a, root, &made, err));
    SW_TRY(image_read(a, root, &made, err));
    SW_TRY(document_read(root, &made, err));
    SW_TRY(all_collateral_read(a, root, &made, err));
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

static void gpus_put(sw_arena *a, sw_json *list, const sw_gpu_device *gpus, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sw_json *object = sw_json_add_object(a, list, NULL);
        sw_json_add_text(a, object, "chain", gpus[i].chain);
        sw_json_add_base64(a, object, "report", gpus[i].report);
    }
}

static void gpu_collateral_put(sw_arena *a, sw_json *object, const sw_gpu_collateral *c) {
    sw_json *ocsp = sw_json_add_array(a, object, "gpu_ocsp");
    for (size_t i = 0; i < c->ocsp_count; i++) sw_json_add_base64(a, ocsp, NULL, c->ocsp[i]);
    sw_json *rims = sw_json_add_array(a, object, "gpu_rims");
    for (size_t i = 0; i < c->rim_count; i++) sw_json_add_text(a, rims, NULL, c->rims[i]);
}

static void collateral_put(sw_arena *a, sw_json *object, const sw_collateral *c) {
    sw_json_add_base64(a, object, "pck_crl", c->pck_crl);
    signed_put(a, object, COLLATERAL_NAMES + 1, &c->qe_identity);
    sw_json_add_base64(a, object, "root_crl", c->root_crl);
    signed_put(a, object, COLLATERAL_NAMES + 5, &c->tcb_info);
}

static void image_put(sw_arena *a, sw_json *root, const sw_evidence_image *image) {
    sw_json *object = sw_json_add_object(a, root, "image");
    sw_json *acpi = sw_json_add_array(a, object, "acpi");
    for (size_t i = 0; i < SW_ACPI_COUNT; i++)
        sw_json_add_hex(a, acpi, NULL, SW_BYTES_OF(image->machine.acpi[i]));
    sw_json_add_base64(a, object, "checksum_file", image->files.checksum_file);
    sw_json_add_base64(a, object, "measurement", image->files.measurement);
    sw_json_add_integer(a, object, "memory_bytes", (int64_t)image->machine.memory_bytes);
}

sw_status sw_evidence_encode(const sw_evidence *e, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 4 * SW_EVIDENCE_LIMIT};
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    bool tdx = e->platform == SW_PLATFORM_TDX;
    sw_json *collateral = sw_json_add_object(&a, root, "collateral");
    collateral_put(&a, collateral, &e->collateral);
    if (e->gpu_count > 0) gpu_collateral_put(&a, collateral, &e->gpu_collateral);
    sw_json *events = sw_json_add_array(&a, root, "event_log");
    for (size_t i = 0; i < e->event_count; i++) SW_TRY(event_put(&a, events, &e->events[i], err));
    gpus_put(&a, sw_json_add_array(&a, root, "gpu"), e->gpus, e->gpu_count);
    if (e->image != NULL) image_put(&a, root, e->image);
    sw_json_add_text(&a, root, "kind", SW_LITERAL(SW_EVIDENCE_KIND));
    if (e->mr_config.size > 0) sw_json_add_text(&a, root, "mr_config", e->mr_config);
    sw_json_add_text(&a, root, "platform", tdx ? SW_LITERAL("tdx") : SW_LITERAL("sim"));
    sw_json_add_base64(&a, root, "quote", e->quote);
    sw_json_encode(out, root);
    return sw_buffer_check(out, "the evidence", err);
}

sw_status sw_gpu_list_encode(const sw_gpu_device *gpus, size_t count, sw_buffer *out,
                             sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 4 * SW_EVIDENCE_LIMIT};
    if (count == 0) return SW_OK;
    sw_json *list = sw_json_make(&a, SW_JSON_ARRAY);
    gpus_put(&a, list, gpus, count);
    sw_json_encode(out, list);
    return sw_buffer_check(out, "the GPU evidence", err);
}

/* ---- the provisioning service's answers ---- */
sw_status sw_pcs_parse(sw_bytes json, const char *member, sw_signed_json *out, sw_error *err) {
    const char *const names[] = {member, "signature", NULL};
    const sw_json_limits limits = {.bytes = SW_TCB_INFO_LIMIT + 1024, .depth = 14, .nodes = 20000};
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)16 << 20};
    sw_json *root;
    const sw_json *object;
    const sw_hex_rule rule = {.bytes = sizeof out->signature, .upper = true};
    bool there;
    sw_signed_json made = {.issuer_chain = out->issuer_chain};
    SW_TRY(sw_json_parse(&a, json, &limits, &root, err));
    SW_TRY(sw_json_expect(root, "collateral", names, err));
    SW_TRY(sw_json_object(root, "collateral", member, &object, err));
    SW_TRY(sw_json_hex_exact(root, "collateral", "signature", &rule, made.signature, &there, err));
    made.text = object->span; /* a view of `json` */
    *out = made;
    return SW_OK;
}
