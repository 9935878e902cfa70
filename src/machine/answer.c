/* SPDX-License-Identifier: Apache-2.0
 *
 * GetQuote's answer, written and read (MCH-095 to MCH-099).
 *
 * Written as the guest agent of dstack 0.6 does, events of RTMR3 without digests, the log as a JSON
 * text inside JSON: what a machine without an agent gives, so that one reader serves all. Read as
 * an outsider's: strictly where we look, its quote must hold the report data that were asked for,
 * its log must replay to the quote's RTMR3 and name our compose. Only RTMR3's events travel; the
 * other registers are compared with the policy's images, and of a TDX-lite image the two files, the
 * ACPI digests and the memory size travel when they measure to the quote, and so does the document
 * that MRCONFIGID commits to.
 */
#include "attest/measure.h"
#include "codec/text.h"
#include "machine/machine_internal.h"

#include <string.h>

/* ---- writing ---- */
static void put_event(sw_arena *a, sw_json *array, const sw_event *event) {
    sw_json *object = sw_json_add_object(a, array, NULL);
    sw_json_add_integer(a, object, "imr", SW_RUNTIME_EVENT_REGISTER);
    sw_json_add_integer(a, object, "event_type", SW_RUNTIME_EVENT_TYPE);
    sw_json_add_text(a, object, "digest", (sw_bytes){0});
    sw_json_add_text(a, object, "event", event->name);
    sw_json_add_hex(a, object, "event_payload", event->payload);
    if (event->v2) sw_json_add_integer(a, object, "version", 2);
}

sw_status sw_answer_put(const sw_answer *answer, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 4 * SW_EVIDENCE_LIMIT};
    SW_SCOPED(sw_buffer) log = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_json *events = sw_json_make(&a, SW_JSON_ARRAY);
    for (size_t i = 0; i < answer->event_count; i++) put_event(&a, events, &answer->events[i]);
    sw_json_encode(&log, events);
    SW_TRY(sw_buffer_check(&log, "the event log", err));
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_text(&a, root, "event_log", sw_buffer_bytes(&log));
    sw_json_add_hex(&a, root, "quote", answer->quote);
    sw_json_add_hex(&a, root, "report_data", SW_BYTES_OF(answer->report->b));
    sw_json_add_text(&a, root, "vm_config", answer->vm_config);
    sw_json_encode(out, root);
    return sw_buffer_check(out, "GetQuote's answer", err);
}

/* ---- reading ---- */
static sw_status quote_read(sw_arena *a, sw_bytes hex, const sw_report_data *report,
                            sw_quote_fields *fields, sw_bytes *out, sw_error *err) {
    size_t size = hex.size / 2;
    if (size > SW_QUOTE_LIMIT || size == 0)
        return sw_fail(err, SW_MALFORMED, "evidence", "the machine's quote has %zu bytes", size);
    uint8_t *space = sw_arena_alloc(a, size, 1);
    if (space == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a quote");
    SW_TRY(sw_hex_decode(space, size, hex, false, err));
    SW_TRY(sw_quote_fields_read(SW_BYTES(space, size), fields, err));
    if (memcmp(fields->report.b, report->b, sizeof report->b) != 0)
        return sw_fail(err, SW_REFUSED, "evidence",
                       "the machine's quote holds other report data than were asked for");
    *out = SW_BYTES(space, size);
    return SW_OK;
}

/* What a verifier would stumble over, said here, where it can be put right. */
static sw_status log_check(const sw_evidence *e, const sw_quote_fields *fields,
                           const sw_hash *compose, sw_error *err) {
    uint8_t rtmr3[SW_SHA384_BYTES];
    sw_hash booted;
    SW_TRY(sw_events_replay(e->events, e->event_count, rtmr3, err));
    if (memcmp(rtmr3, fields->rtmr[3], sizeof rtmr3) != 0)
        return sw_fail(err, SW_REFUSED, "evidence",
                       "the machine's event log does not replay to its RTMR3");
    SW_TRY(sw_events_compose(e->events, e->event_count, &booted, err));
    if (!sw_hash_equal(&booted, compose))
        return sw_fail(err, SW_REFUSED, "compose",
                       "this machine was booted with another app-compose than the one given");
    return SW_OK;
}

/* ---- the OS image that the agent describes ---- */
static sw_status image_read(sw_arena *a, sw_bytes vm_config, const sw_event_log *log,
                            sw_evidence_image *out) {
    sw_lite_hints hints;
    SW_TRY(sw_lite_hints_read(a, vm_config, &hints, NULL));
    SW_TRY(sw_lite_acpi(log, out->machine.acpi, NULL));
    out->files = hints.image;
    out->machine.memory_bytes = hints.memory_bytes;
    return SW_OK;
}

/* The host's words, unsigned: they become a part of the evidence when they measure to this very
 * quote, and are left out otherwise, since a verifier would refuse them (EVD-118). */
static sw_status image_find(sw_arena *a, const sw_json *root, const sw_event_log *log,
                            const sw_quote_fields *fields, sw_evidence *out, sw_error *err) {
    const sw_json *vm_config = sw_json_member(root, "vm_config");
    sw_td_measurements td = {0};
    sw_hash name;
    if (vm_config == NULL || vm_config->type != SW_JSON_STRING) return SW_OK;
    sw_evidence_image *image = SW_ARENA_NEW(a, sw_evidence_image, 1);
    if (image == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for evidence");
    memcpy(td.mrtd, fields->mrtd, sizeof td.mrtd);
    memcpy(td.rtmr, fields->rtmr, sizeof td.rtmr);
    if (image_read(a, vm_config->text, log, image) == SW_OK &&
        sw_lite_verify(image, &td, out->events, out->event_count, &name, NULL) == SW_OK)
        out->image = image;
    return SW_OK;
}

/* ---- MRCONFIGID ---- */
/* The document of the third kind, where the quote commits to one; whatever kind it is, it must be
 * that of the log (MCH-089). */
static sw_status config_check(sw_arena *a, const sw_json *root, const sw_quote_fields *fields,
                              sw_evidence *out, sw_error *err) {
    const sw_json *vm_config = sw_json_member(root, "vm_config");
    bool there = vm_config != NULL && vm_config->type == SW_JSON_STRING;
    sw_config_facts facts;
    unsigned version;
    if (there && vm_config->text.size > 0 && fields->mr_config_id[0] == 3)
        SW_TRY(sw_config_document_read(a, vm_config->text, &out->mr_config, err));
    SW_TRY(sw_config_facts_read(a, out->events, out->event_count, &facts, err));
    facts.document = out->mr_config;
    return sw_config_id_verify(a, fields->mr_config_id, &facts, &version, err);
}

/* GetQuote's answer; members that are not known are the agent's own business. */
sw_status sw_answer_read(sw_arena *a, sw_bytes answer, const sw_report_data *report,
                         const sw_hash *compose, sw_evidence *out, sw_error *err) {
    static const char where[] = "GetQuote";
    const sw_json_limits limits = {.bytes = SW_ANSWER_LIMIT, .depth = 8, .nodes = 10000};
    sw_quote_fields fields;
    sw_json *root;
    sw_bytes quote, log;
    sw_event_log events;
    SW_TRY(sw_json_parse(a, answer, &limits, &root, err));
    SW_TRY(sw_json_text(root, where, "quote", &quote, err));
    SW_TRY(sw_json_text(root, where, "event_log", &log, err));
    SW_TRY(quote_read(a, quote, report, &fields, &out->quote, err));
    SW_TRY(sw_log_from_json(a, log, &events, err));
    SW_TRY(sw_log_runtime(a, &events, &out->events, &out->event_count, err));
    SW_TRY(log_check(out, &fields, compose, err));
    SW_TRY(config_check(a, root, &fields, out, err));
    return image_find(a, root, &events, &fields, out, err);
}
