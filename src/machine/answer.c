/* SPDX-License-Identifier: Apache-2.0
 *
 * GetQuote's answer as the guest agent of dstack 0.6 writes it: events of RTMR3 without digests,
 * the log as a JSON text inside JSON. What a machine without an agent gives, so that one reader
 * serves all.
 */
#include "machine/machine_internal.h"

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
