/* SPDX-License-Identifier: Apache-2.0
 *
 * RTMR3's log as dstack's guest writes it, one JSON object a line (MCH-030 to MCH-034).
 *
 * A file that anybody in the guest may have touched: read strictly, and worth nothing until RTMR3
 * replays to the same.
 */
#include "codec/text.h"
#include "machine/collect.h"

#include <string.h>

#define LINE_LIMIT (2 * SW_EVENT_PAYLOAD_LIMIT)

static sw_status payload_read(sw_arena *a, const sw_json *line, sw_event *out, sw_error *err) {
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(SW_EVENT_PAYLOAD_LIMIT);
    sw_bytes text;
    SW_TRY(sw_json_text(line, "event", "payload", &text, err));
    SW_TRY(sw_base64_decode(&payload, text, err));
    out->payload = sw_arena_copy(a, sw_buffer_bytes(&payload));
    if (out->payload.data == NULL && payload.size > 0)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for an event");
    return SW_OK;
}

static sw_status line_read(sw_arena *a, sw_bytes text, sw_event *out, sw_error *err) {
    static const char *const names[] = {"event", "payload", "?version", NULL};
    const sw_json_limits limits = {.bytes = LINE_LIMIT, .depth = 1, .nodes = 8};
    uint8_t digest[SW_SHA384_BYTES];
    sw_event event = {0};
    sw_json *line;
    uint64_t version;
    SW_TRY(sw_json_parse(a, text, &limits, &line, err));
    SW_TRY(sw_json_expect(line, "event", names, err));
    SW_TRY(sw_json_text(line, "event", "event", &event.name, err));
    SW_TRY(payload_read(a, line, &event, err));
    if (sw_json_member(line, "version") != NULL) {
        SW_TRY(sw_json_u64(line, "event", "version", UINT32_MAX, &version, err));
        if (version != 2)
            return sw_fail(err, SW_MALFORMED, "format",
                           "an event's version is neither left out nor 2");
        event.v2 = true;
    }
    SW_TRY(sw_event_digest(&event, digest, err)); /* judges name and payload */
    *out = event;
    return SW_OK;
}

static sw_status lines_read(sw_arena *a, sw_bytes text, sw_event *events, size_t *count,
                            sw_error *err) {
    for (size_t n = 0; text.size > 0; n++) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        if (end == NULL)
            return sw_fail(err, SW_MALFORMED, "format", "line %zu has no line end", n + 1);
        if (n == SW_EVENT_LIMIT)
            return sw_fail(err, SW_LIMIT, "limit", "there are more than %d events", SW_EVENT_LIMIT);
        size_t size = (size_t)(end - text.data);
        sw_status status = line_read(a, SW_BYTES(text.data, size), &events[n], err);
        if (status != SW_OK) {
            sw_error_prefix(err, "line %zu", n + 1);
            return status;
        }
        text = SW_BYTES(end + 1, text.size - size - 1);
        *count = n + 1;
    }
    return SW_OK;
}

sw_status sw_runtime_log_parse(sw_arena *a, sw_bytes text, const sw_event **out, size_t *count,
                               sw_error *err) {
    size_t n = 0;
    if (text.size > SW_RUNTIME_LOG_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "the runtime event log has more than %zu bytes",
                       SW_RUNTIME_LOG_LIMIT);
    sw_event *events = SW_ARENA_NEW(a, sw_event, SW_EVENT_LIMIT);
    if (events == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for the event log");
    sw_status status = lines_read(a, text, events, &n, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "the runtime event log");
        return status;
    }
    *out = events;
    *count = n;
    return SW_OK;
}
