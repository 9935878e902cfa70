/* SPDX-License-Identifier: Apache-2.0
 *
 * Event logs as dstack's JSON (MSR-010 to MSR-016): one reader for the log of a guest agent and for
 * the events inside evidence.
 *
 * A runtime event stands in RTMR3 and nowhere else, and nothing else stands there. Its digest
 * follows from name and payload: what is written may be missing, never wrong. The firmware's and
 * the kernel's events have digests that nothing here can recompute, so they need theirs.
 */
#include "attest/measure_internal.h"
#include "codec/json.h"
#include "codec/text.h"

static const char WHERE[] = "event_log[]";

/* ---- one event ---- */
static sw_status version_read(const sw_json *item, sw_log_event *out, sw_error *err) {
    uint64_t version;
    if (sw_json_member(item, "version") == NULL) return SW_OK;
    SW_TRY(sw_json_u64(item, WHERE, "version", UINT32_MAX, &version, err));
    if (version != 2) return BROKEN(err, "an event's version is neither left out nor 2");
    out->v2 = true;
    return SW_OK;
}

/* Where the text behind a digest of version 2 travels along, it must be that of the event. */
static sw_status preimage_check(sw_arena *a, const sw_json *item, const sw_event *event,
                                sw_error *err) {
    const sw_hex_rule rule = {.bytes = 3 * SW_EVENT_PAYLOAD_LIMIT};
    sw_bytes preimage;
    if (sw_json_member(item, "preimage") == NULL) return SW_OK;
    if (!event->v2) return BROKEN(err, "an event that is not of version 2 has a preimage");
    SW_TRY(sw_json_hex_bytes(a, item, WHERE, "preimage", &rule, &preimage, err));
    SW_SCOPED(sw_buffer) text = SW_BUFFER(3 * SW_EVENT_PAYLOAD_LIMIT);
    sw_event_v2_text(&text, event);
    SW_TRY(sw_buffer_check(&text, "an event", err));
    if (!sw_bytes_equal(preimage, sw_buffer_bytes(&text)))
        return REFUSE(err, "an event's preimage is not that of its name and payload");
    return SW_OK;
}

static sw_status place_check(const sw_log_event *event, sw_error *err) {
    bool runtime = event->type == SW_RUNTIME_EVENT_TYPE;
    if (event->imr == SW_RUNTIME_EVENT_REGISTER && !runtime)
        return REFUSE(err, "the event log holds an event that is not a runtime event in RTMR3");
    if (event->imr != SW_RUNTIME_EVENT_REGISTER && runtime)
        return REFUSE(err, "the event log holds a runtime event of another register than RTMR3");
    return SW_OK;
}

/* The firmware's events have no name, or one that dstack gave them. */
static sw_status boot_check(const sw_json *item, const sw_log_event *event, sw_error *err) {
    if (event->v2 || sw_json_member(item, "preimage") != NULL)
        return BROKEN(err, "an event that is not a runtime event has a version or a preimage");
    if (!event->has_digest) return REFUSE(err, "an event of RTMR%u has no digest", event->imr);
    return event->name.size == 0 ? SW_OK : sw_event_name_check(event->name, err);
}

static sw_status runtime_check(sw_arena *a, const sw_json *item, const sw_log_event *event,
                               bool digest_needed, sw_error *err) {
    uint8_t digest[SW_SHA384_BYTES];
    const sw_event as = {event->name, event->payload, event->v2};
    SW_TRY(sw_log_event_digest(event, digest, err)); /* judges the name as well */
    if (digest_needed && !event->has_digest)
        return BROKEN(err, "%s.digest is not %d hex digits", WHERE, 2 * SW_SHA384_BYTES);
    return preimage_check(a, item, &as, err);
}

static sw_status digest_read(const sw_json *item, sw_log_event *out, sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_json_text(item, WHERE, "digest", &text, err));
    if (text.size == 0) return SW_OK;
    SW_TRY(sw_hex_decode(out->digest, sizeof out->digest, text, false, err));
    out->has_digest = true;
    return SW_OK;
}

static sw_status item_read(sw_arena *a, const sw_json *item, bool digest_needed, sw_log_event *out,
                           sw_error *err) {
    const sw_hex_rule payload = {.bytes = SW_EVENT_PAYLOAD_LIMIT};
    sw_log_event event = {0};
    uint64_t imr, type;
    SW_TRY(sw_json_u64(item, WHERE, "imr", UINT32_MAX, &imr, err));
    if (imr > SW_RUNTIME_EVENT_REGISTER)
        return REFUSE(err, "the event log holds an event of a register beyond RTMR3");
    event.imr = (unsigned)imr;
    SW_TRY(sw_json_u64(item, WHERE, "event_type", UINT32_MAX, &type, err));
    event.type = (uint32_t)type;
    SW_TRY(place_check(&event, err));
    SW_TRY(sw_json_text(item, WHERE, "event", &event.name, err));
    SW_TRY(sw_json_hex_bytes(a, item, WHERE, "event_payload", &payload, &event.payload, err));
    SW_TRY(version_read(item, &event, err));
    SW_TRY(digest_read(item, &event, err));
    if (event.type == SW_RUNTIME_EVENT_TYPE)
        SW_TRY(runtime_check(a, item, &event, digest_needed, err));
    else
        SW_TRY(boot_check(item, &event, err));
    *out = event;
    return SW_OK;
}

sw_status sw_event_read(sw_arena *a, const sw_json *item, bool digest_needed, sw_event *out,
                        sw_error *err) {
    sw_log_event event;
    SW_TRY(item_read(a, item, digest_needed, &event, err));
    if (event.imr != SW_RUNTIME_EVENT_REGISTER)
        return REFUSE(err, "the event log holds an event of another register than RTMR3");
    *out = (sw_event){event.name, event.payload, event.v2};
    return SW_OK;
}

/* ---- a log ---- */
enum { ITEM_NODES = 8 }; /* an object and its seven members */

sw_status sw_log_from_json(sw_arena *a, sw_bytes json, sw_event_log *out, sw_error *err) {
    static const char *const names[] = {"digest", "event",     "event_payload", "event_type",
                                        "imr",    "?preimage", "?version",      NULL};
    const sw_json_limits limits = {
        .bytes = SW_LOG_LIMIT, .depth = 4, .nodes = SW_LOG_EVENT_LIMIT * ITEM_NODES + 1};
    sw_json *root;
    SW_TRY(sw_json_parse(a, json, &limits, &root, err));
    if (root->type != SW_JSON_ARRAY) return BROKEN(err, "the event log is not a list");
    if (root->count > SW_LOG_EVENT_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "the event log has more than %d events",
                       SW_LOG_EVENT_LIMIT);
    sw_log_event *events = SW_ARENA_NEW(a, sw_log_event, root->count + 1);
    if (events == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for the event log");
    size_t n = 0;
    for (const sw_json *item = root->first; item != NULL; item = item->next) {
        sw_status status = sw_json_expect(item, WHERE, names, err);
        if (status == SW_OK) status = item_read(a, item, false, &events[n], err);
        if (status != SW_OK) {
            sw_error_prefix(err, "event %zu", n);
            return status;
        }
        n++;
    }
    *out = (sw_event_log){events, n};
    return SW_OK;
}

sw_status sw_events_from_guest(sw_arena *a, sw_bytes json, const sw_event **out, size_t *count,
                               sw_error *err) {
    sw_event_log log;
    SW_TRY(sw_log_from_json(a, json, &log, err));
    return sw_log_runtime(a, &log, out, count, err);
}
