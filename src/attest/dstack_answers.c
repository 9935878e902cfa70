/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers of dstack's guest agent as JSON (DSK-060 to DSK-066): Info and GetQuote.
 *
 * Agents write structures as JSON inside a string, bytes as lower-case hex, and leave out or leave
 * empty what they do not have; they may say more than is known here. What is said twice, beside
 * and inside tcb_info, must be the same twice. Nothing of it is proven by being said.
 */
#include "attest/dstack_internal.h"
#include "codec/json.h"
#include "codec/text.h"

#include <string.h>

#define WHERE_INFO  "Info"
#define WHERE_TCB   "Info.tcb_info"
#define WHERE_QUOTE "GetQuote"
/* An event is an object of at most eight members; besides there are some twenty. */
enum { DEPTH_LIMIT = 8, NODE_LIMIT = 10 * SW_LOG_EVENT_LIMIT + 4096 };

static sw_status parse(sw_arena *a, sw_bytes json, const char *where, sw_json **out,
                       sw_error *err) {
    const sw_json_limits limits = {
        .bytes = SW_DSTACK_ANSWER_LIMIT, .depth = DEPTH_LIMIT, .nodes = NODE_LIMIT};
    sw_status status = sw_json_parse(a, json, &limits, out, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "%s", where);
        return status;
    }
    if ((*out)->type != SW_JSON_OBJECT) return BROKEN(err, "%s is not an object", where);
    return SW_OK;
}

/* ---- members that may be missing ---- */
static sw_status text_read(const sw_json *object, const char *where, const char *name,
                           sw_bytes *out, sw_error *err) {
    *out = (sw_bytes){0};
    const sw_json *m = sw_json_member(object, name);
    if (m == NULL || m->type == SW_JSON_NULL) return SW_OK;
    return sw_json_text(object, where, name, out, err);
}

static sw_status hex_read(const sw_json *object, const char *where, const char *name, void *out,
                          size_t size, bool *there, sw_error *err) {
    const sw_hex_rule rule = {.bytes = size, .may_lack = true};
    return sw_json_hex_exact(object, where, name, &rule, out, there, err);
}

/* Beside tcb_info and inside it: once is enough, and twice must agree. */
static sw_status hash_read(const sw_json *info, const sw_json *tcb, const char *name, sw_hash *out,
                           bool *there, sw_error *err) {
    sw_hash outer, inner;
    bool has_outer, has_inner;
    SW_TRY(hex_read(info, WHERE_INFO, name, outer.b, sizeof outer.b, &has_outer, err));
    SW_TRY(hex_read(tcb, WHERE_TCB, name, inner.b, sizeof inner.b, &has_inner, err));
    if (has_outer && has_inner && !sw_hash_equal(&outer, &inner))
        return REFUSE(err, "%s.%s is not %s.%s", WHERE_INFO, name, WHERE_TCB, name);
    *there = has_outer || has_inner;
    if (*there) *out = has_outer ? outer : inner;
    return SW_OK;
}

/* ---- Info ---- */
/* An object, or a string that holds one, or nothing. NULL: withheld. */
static sw_status tcb_open(sw_arena *a, const sw_json *info, const sw_json **out, sw_error *err) {
    sw_bytes text;
    sw_json *root;
    const sw_json *m = sw_json_member(info, "tcb_info");
    *out = NULL;
    if (m != NULL && m->type == SW_JSON_OBJECT) {
        *out = m;
        return SW_OK;
    }
    SW_TRY(text_read(info, WHERE_INFO, "tcb_info", &text, err));
    if (text.size == 0) return SW_OK;
    SW_TRY(parse(a, text, WHERE_TCB, &root, err));
    *out = root;
    return SW_OK;
}

static sw_status registers_read(const sw_json *tcb, sw_dstack_info *out, sw_error *err) {
    static const char *const names[] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
    bool there;
    SW_TRY(hex_read(tcb, WHERE_TCB, "mrtd", out->mrtd, sizeof out->mrtd, &out->has_registers, err));
    for (size_t i = 0; i < 4; i++) {
        SW_TRY(hex_read(tcb, WHERE_TCB, names[i], out->rtmr[i], sizeof out->rtmr[i], &there, err));
        if (there != out->has_registers)
            return BROKEN(err, "%s has some registers and lacks %s", WHERE_TCB,
                          there ? "mrtd" : names[i]);
    }
    return SW_OK;
}

static sw_status log_read(sw_arena *a, const sw_json *tcb, sw_event_log *out, sw_error *err) {
    const sw_json *m = sw_json_member(tcb, "event_log");
    if (m == NULL || m->type == SW_JSON_NULL) return SW_OK;
    if (m->type != SW_JSON_ARRAY) return BROKEN(err, "%s.event_log is not a list", WHERE_TCB);
    sw_status status = sw_log_from_json(a, m->span, out, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", WHERE_TCB);
    return status;
}

static sw_status tcb_read(sw_arena *a, const sw_json *tcb, sw_dstack_info *out, sw_error *err) {
    if (tcb == NULL) return SW_OK;
    SW_TRY(text_read(tcb, WHERE_TCB, "app_compose", &out->app_compose, err));
    SW_TRY(registers_read(tcb, out, err));
    return log_read(a, tcb, &out->log, err);
}

static sw_status texts_read(const sw_json *info, sw_dstack_info *out, sw_error *err) {
    SW_TRY(text_read(info, WHERE_INFO, "app_name", &out->app_name, err));
    SW_TRY(text_read(info, WHERE_INFO, "app_cert", &out->app_cert, err));
    SW_TRY(text_read(info, WHERE_INFO, "key_provider_info", &out->key_provider, err));
    SW_TRY(text_read(info, WHERE_INFO, "vm_config", &out->vm_config, err));
    if (out->app_cert.size > SW_DSTACK_PEM_LIMIT || out->vm_config.size > SW_DSTACK_CONFIG_LIMIT ||
        out->key_provider.size > SW_EVENT_PAYLOAD_LIMIT ||
        out->app_name.size > SW_DSTACK_TEXT_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "%s has a text that is too long", WHERE_INFO);
    return SW_OK;
}

static sw_status info_read(sw_arena *a, const sw_json *info, sw_dstack_info *out, sw_error *err) {
    const sw_json *tcb;
    bool has_app, has_compose;
    SW_TRY(tcb_open(a, info, &tcb, err));
    SW_TRY(hex_read(info, WHERE_INFO, "app_id", out->app_id, sizeof out->app_id, &has_app, err));
    if (!has_app) return BROKEN(err, "%s has no app_id", WHERE_INFO);
    SW_TRY(sw_dstack_deny_app(out->app_id, err));
    SW_TRY(hex_read(info, WHERE_INFO, "instance_id", out->instance_id, sizeof out->instance_id,
                    &out->has_instance_id, err));
    SW_TRY(hash_read(info, tcb, "compose_hash", &out->compose, &has_compose, err));
    if (!has_compose) return BROKEN(err, "%s has no compose_hash", WHERE_INFO);
    SW_TRY(hash_read(info, tcb, "device_id", &out->device, &out->has_device, err));
    SW_TRY(
        hash_read(info, tcb, "mr_aggregated", &out->mr_aggregated, &out->has_mr_aggregated, err));
    SW_TRY(hash_read(info, tcb, "os_image_hash", &out->os_image, &out->has_os_image, err));
    SW_TRY(texts_read(info, out, err));
    SW_TRY(tcb_read(a, tcb, out, err));
    const sw_event provider = {SW_LITERAL("key-provider"), out->key_provider, false};
    SW_TRY(sw_dstack_deny_events(a, &provider, 1, err));
    return sw_dstack_deny_log(a, &out->log, err);
}

sw_status sw_dstack_info_parse(sw_arena *a, sw_bytes json, sw_dstack_info *out, sw_error *err) {
    sw_json *root;
    sw_dstack_info made = {0};
    SW_TRY(parse(a, json, WHERE_INFO, &root, err));
    SW_TRY(info_read(a, root, &made, err));
    *out = made;
    return SW_OK;
}

sw_status sw_dstack_info_compose_check(const sw_dstack_info *info, sw_error *err) {
    sw_hash hash;
    if (info->app_compose.size == 0)
        return sw_fail(err, SW_MISSING, "evidence", "the guest agent withholds its app-compose");
    sw_sha256(&hash, info->app_compose);
    if (!sw_hash_equal(&hash, &info->compose))
        return REFUSE(err, "the app-compose that %s shows does not have its compose_hash",
                      WHERE_INFO);
    return SW_OK;
}

/* ---- GetQuote ---- */
static sw_status quote_bytes(sw_arena *a, const sw_json *root, sw_bytes *out, sw_error *err) {
    const sw_hex_rule rule = {.bytes = SW_QUOTE_LIMIT, .may_lack = true};
    SW_TRY(sw_json_hex_bytes(a, root, WHERE_QUOTE, "quote", &rule, out, err));
    if (out->size > 0) return SW_OK;
    return sw_fail(err, SW_MISSING, "evidence", "%s holds no TDX quote", WHERE_QUOTE);
}

static sw_status report_check(const sw_json *root, sw_dstack_quote *out, sw_error *err) {
    uint8_t of_quote[64];
    SW_TRY(sw_dstack_report_of(out->quote, of_quote, err));
    SW_TRY(hex_read(root, WHERE_QUOTE, "report_data", out->report_data, sizeof out->report_data,
                    &out->has_report_data, err));
    if (out->has_report_data && memcmp(out->report_data, of_quote, sizeof of_quote) != 0)
        return REFUSE(err, "%s.report_data are not the quote's", WHERE_QUOTE);
    return SW_OK;
}

/* What newer agents say beside it is of the same quote: two readers of one answer judge one
 * machine.
 */
static sw_status attestation_check(sw_arena *a, const sw_json *root, const sw_dstack_quote *quote,
                                   sw_error *err) {
    const sw_hex_rule rule = {.bytes = SW_DSTACK_ATTESTATION_LIMIT, .may_lack = true};
    sw_dstack_attestation attestation;
    sw_bytes bytes;
    SW_TRY(sw_json_hex_bytes(a, root, WHERE_QUOTE, "attestation", &rule, &bytes, err));
    if (bytes.size == 0) return SW_OK;
    sw_status status = sw_dstack_attestation_parse(a, bytes, &attestation, err);
    if (status != SW_OK) sw_error_prefix(err, "%s.attestation", WHERE_QUOTE);
    SW_TRY(status);
    if (!sw_bytes_equal(attestation.quote, quote->quote))
        return REFUSE(err, "%s.attestation is of another quote", WHERE_QUOTE);
    return SW_OK;
}

static sw_status quote_read(sw_arena *a, const sw_json *root, sw_dstack_quote *out, sw_error *err) {
    sw_bytes log;
    SW_TRY(quote_bytes(a, root, &out->quote, err));
    SW_TRY(text_read(root, WHERE_QUOTE, "event_log", &log, err));
    if (log.size == 0)
        return sw_fail(err, SW_MISSING, "evidence", "%s holds no event log", WHERE_QUOTE);
    sw_status status = sw_log_from_json(a, log, &out->log, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", WHERE_QUOTE);
    SW_TRY(status);
    SW_TRY(text_read(root, WHERE_QUOTE, "vm_config", &out->vm_config, err));
    if (out->vm_config.size > SW_DSTACK_CONFIG_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "%s.vm_config has more than %zu bytes",
                       WHERE_QUOTE, SW_DSTACK_CONFIG_LIMIT);
    SW_TRY(report_check(root, out, err));
    SW_TRY(attestation_check(a, root, out, err));
    return sw_dstack_deny_log(a, &out->log, err);
}

sw_status sw_dstack_quote_parse(sw_arena *a, sw_bytes json, sw_dstack_quote *out, sw_error *err) {
    sw_json *root;
    sw_dstack_quote made = {0};
    SW_TRY(parse(a, json, WHERE_QUOTE, &root, err));
    SW_TRY(quote_read(a, root, &made, err));
    *out = made;
    return SW_OK;
}
