/* SPDX-License-Identifier: Apache-2.0
 *
 * One runtime event into RTMR3, measured and logged (MCH-130 to MCH-135): what the measured init of
 * a guest calls for each of its events, and whoever has an event of an application's own.
 *
 * The log is worth something only while it replays to the register. So it is looked at before the
 * register is touched, one writer at a time, and replaced at once behind it.
 */
#include "codec/text.h"
#include "machine/machine_internal.h"
#include "sys/files.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 1024

/* ---- the log ---- */
static sw_status log_read(sw_arena *a, const char *path, sw_buffer *text, const sw_event **events,
                          size_t *count, sw_error *err) {
    sw_status status = sw_file_read(path, SW_RUNTIME_LOG_LIMIT, text, err);
    if (status != SW_OK && status != SW_MISSING) return status; /* the first event makes the file */
    return sw_runtime_log_parse(a, sw_buffer_bytes(text), events, count, err);
}

static sw_status line_put(sw_arena *a, const sw_event *event, sw_buffer *text, sw_error *err) {
    sw_json *line = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_text(a, line, "event", event->name);
    sw_json_add_base64(a, line, "payload", event->payload);
    if (event->v2) sw_json_add_integer(a, line, "version", 2);
    sw_json_encode(text, line);
    sw_put_u8(text, '\n');
    return sw_buffer_check(text, "the runtime event log", err);
}

static sw_status log_compare(const sw_tsm *t, const sw_event *events, size_t count, sw_error *err) {
    uint8_t there[SW_SHA384_BYTES], replayed[SW_SHA384_BYTES];
    SW_TRY(sw_tsm_register(t, SW_RUNTIME_EVENT_REGISTER, there, err));
    SW_TRY(sw_events_replay(events, count, replayed, err));
    if (memcmp(there, replayed, sizeof there) == 0) return SW_OK;
    return sw_fail(
        err, SW_REFUSED, "evidence",
        "the event log does not replay to RTMR3, so one more event would explain nothing");
}

/* Everything that can fail fails before the register is touched, but for the last write. */
static sw_status extend_logged(const sw_tsm *t, const char *path, const sw_event *event,
                               sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 16 * SW_RUNTIME_LOG_LIMIT};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_RUNTIME_LOG_LIMIT);
    const sw_event *events;
    uint8_t digest[SW_SHA384_BYTES];
    size_t count;
    SW_TRY(sw_event_digest(event, digest, err)); /* judges name and payload */
    SW_TRY(log_read(&a, path, &text, &events, &count, err));
    if (count >= SW_EVENT_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "RTMR3 has %d events already", SW_EVENT_LIMIT);
    SW_TRY(log_compare(t, events, count, err));
    SW_TRY(line_put(&a, event, &text, err));
    SW_TRY(sw_tsm_extend(t, event, err));
    sw_status status = sw_file_write(path, sw_buffer_bytes(&text), 0600, SW_WRITE_REPLACE, err);
    if (status != SW_OK)
        sw_error_hint(err, "RTMR3 holds an event that no log explains: boot this machine anew");
    return status;
}

/* ---- by kind ---- */
static sw_status tdx_extend(const sw_machine_places *places, const sw_tsm *t, const sw_event *event,
                            sw_error *err) {
    const char *path = places->events_path == NULL ? SW_RUNTIME_LOG_PATH : places->events_path;
    char lock_path[PATH_BYTES];
    int lock = -1;
    int size = snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    if (size < 0 || (size_t)size >= sizeof lock_path)
        return sw_fail(err, SW_USAGE, "usage", "the event log's path is too long");
    SW_TRY(sw_lock_take(lock_path, &lock, err));
    sw_status status = extend_logged(t, path, event, err);
    (void)close(lock);
    return status;
}

/* The agent extends and keeps the log; since dstack 0.6 it refuses (MCH-046). */
static sw_status dstack_extend(const char *socket, const sw_event *event, sw_error *err) {
    sw_guest *guest = NULL;
    SW_TRY(sw_guest_open(socket, &guest, err));
    sw_status status = sw_guest_emit(guest, event, err);
    sw_guest_close(&guest);
    return status;
}

sw_status sw_machine_extend(const sw_machine_places *places, const char *where,
                            const sw_event *event, const sw_entropy *e, const sw_clock *clock,
                            sw_error *err) {
    static const char dstack[] = "dstack:";
    static const sw_machine_places usual;
    if (places == NULL) places = &usual;
    if (strcmp(where, "tdx") == 0) {
        const sw_tsm system = sw_tsm_system(clock, e);
        return tdx_extend(places, places->tsm == NULL ? &system : places->tsm, event, err);
    }
    bool named = strncmp(where, dstack, sizeof dstack - 1) == 0 && where[sizeof dstack - 1] != 0;
    if (named || strcmp(where, "dstack") == 0)
        return dstack_extend(named ? where + sizeof dstack - 1 : NULL, event, err);
    return sw_fail(err, SW_USAGE, "usage",
                   "RTMR3 is extended on tdx, dstack or dstack:SOCKET; a software machine's events "
                   "are its own");
}
