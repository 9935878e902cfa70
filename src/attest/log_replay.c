/* SPDX-License-Identifier: Apache-2.0
 *
 * What a log says the registers are (MSR-030 to MSR-034): a fold over its events, each register
 * from 48 zeros.
 */
#include "attest/measure_internal.h"

#include <string.h>

sw_status sw_log_event_digest(const sw_log_event *event, uint8_t out[SW_SHA384_BYTES],
                              sw_error *err) {
    uint8_t digest[SW_SHA384_BYTES];
    if (event->type != SW_RUNTIME_EVENT_TYPE) {
        if (!event->has_digest) return REFUSE(err, "an event of RTMR%u has no digest", event->imr);
        memcpy(out, event->digest, sizeof digest);
        return SW_OK;
    }
    const sw_event runtime = {event->name, event->payload, event->v2};
    SW_TRY(sw_event_digest(&runtime, digest, err));
    if (event->has_digest && memcmp(digest, event->digest, sizeof digest) != 0)
        return REFUSE(err, "an event's digest is not that of its name and payload");
    memcpy(out, digest, sizeof digest);
    return SW_OK;
}

sw_status sw_log_replay(const sw_event_log *log, uint8_t rtmr[4][SW_SHA384_BYTES], bool seen[4],
                        sw_error *err) {
    uint8_t value[4][SW_SHA384_BYTES] = {0}, digest[SW_SHA384_BYTES];
    bool met[4] = {false};
    for (size_t i = 0; i < log->count; i++) {
        const sw_log_event *event = &log->events[i];
        if (event->imr > SW_RUNTIME_EVENT_REGISTER)
            return REFUSE(err, "event %zu is of a register beyond RTMR3", i);
        SW_TRY(sw_log_event_digest(event, digest, err));
        sw_rtmr_extend(value[event->imr], digest);
        met[event->imr] = true;
    }
    memcpy(rtmr, value, sizeof value);
    memcpy(seen, met, sizeof met);
    return SW_OK;
}

static bool in_runtime_register(const sw_log_event *event) {
    return event->imr == SW_RUNTIME_EVENT_REGISTER;
}

sw_status sw_rtmr3_at_boot(const sw_event_log *log, uint8_t out[SW_SHA384_BYTES], sw_error *err) {
    uint8_t value[SW_SHA384_BYTES] = {0}, digest[SW_SHA384_BYTES];
    for (size_t i = 0; i < log->count; i++) {
        const sw_log_event *event = &log->events[i];
        if (!in_runtime_register(event)) continue;
        SW_TRY(sw_log_event_digest(event, digest, err));
        sw_rtmr_extend(value, digest);
        if (event->type != SW_RUNTIME_EVENT_TYPE || !sw_bytes_is(event->name, "boot-mr-done"))
            continue;
        memcpy(out, value, sizeof value);
        return SW_OK;
    }
    return sw_fail(err, SW_MISSING, "evidence", "the event log has no boot-mr-done");
}

sw_status sw_log_runtime(sw_arena *a, const sw_event_log *log, const sw_event **out, size_t *count,
                         sw_error *err) {
    sw_event *events = SW_ARENA_NEW(a, sw_event, SW_EVENT_LIMIT);
    if (events == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for the event log");
    size_t n = 0;
    for (size_t i = 0; i < log->count; i++) {
        const sw_log_event *event = &log->events[i];
        if (!in_runtime_register(event)) continue;
        if (event->type != SW_RUNTIME_EVENT_TYPE)
            return REFUSE(err, "event %zu of RTMR3 is not a runtime event", i);
        if (n == SW_EVENT_LIMIT)
            return sw_fail(err, SW_LIMIT, "evidence", "the event log has more than %d events",
                           SW_EVENT_LIMIT);
        events[n++] = (sw_event){event->name, event->payload, event->v2};
    }
    *out = events;
    *count = n;
    return SW_OK;
}

sw_status sw_log_join(sw_arena *a, const sw_event_log *firmware, const sw_event_log *runtime,
                      sw_event_log *out, sw_error *err) {
    bool met[4] = {false};
    if (firmware->count > SW_LOG_EVENT_LIMIT || runtime->count > SW_LOG_EVENT_LIMIT ||
        firmware->count + runtime->count > SW_LOG_EVENT_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "both event logs have more than %d events",
                       SW_LOG_EVENT_LIMIT);
    sw_log_event *events = SW_ARENA_NEW(a, sw_log_event, firmware->count + runtime->count + 1);
    if (events == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for the event log");
    size_t n = 0;
    for (size_t i = 0; i < firmware->count; i++) {
        events[n] = firmware->events[i];
        met[events[n++].imr & 3] = true;
    }
    for (size_t i = 0; i < runtime->count; i++) {
        events[n] = runtime->events[i];
        if (met[events[n].imr & 3])
            return REFUSE(err, "both event logs have events of RTMR%u", events[n].imr & 3);
        n++;
    }
    *out = (sw_event_log){events, n};
    return SW_OK;
}
