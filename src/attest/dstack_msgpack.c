/* SPDX-License-Identifier: Apache-2.0
 *
 * dstack's attestation as msgpack, V1, and the app info of certificates (DSK-020 to DSK-027).
 *
 * The grammar has a fixed depth, so there is nothing to recurse into and nothing to skip: each map
 * has a table of its members, each member once, none unknown. Lengths and integers are taken in
 * their shortest form; bytes are a bin or an array of integers, as two of dstack's writers differ.
 */
#include "attest/dstack_internal.h"
#include "attest/measure_internal.h"
#include "codec/text.h"

#include <string.h>

enum {
    FIXMAP = 0x80,
    FIXARRAY = 0x90,
    FIXSTR = 0xa0,
    NIL = 0xc0,
    BIN8 = 0xc4,
    BIN16,
    BIN32,
    UINT8 = 0xcc,
    UINT16,
    UINT32,
    STR8 = 0xd9,
    STR16,
    STR32,
    ARRAY16 = 0xdc,
    ARRAY32,
    MAP16,
    MAP32
};
#define PREIMAGE_LIMIT (3 * SW_EVENT_PAYLOAD_LIMIT)
enum { KEY_LIMIT = 32, EVENT_LEAST_BYTES = 32, SCRIPT_LIMIT = 5 };

typedef struct walk {
    sw_reader r;
    sw_arena *a;
    sw_error *err;
} walk;

/* ---- one value ---- */
static sw_status bad(const walk *w, const char *what) {
    return BROKEN(w->err, "the attestation's %s is not of its form (offset %zu)", what,
                  w->r.offset);
}

static uint8_t peek(const walk *w) {
    return w->r.failed || w->r.rest.size == 0 ? NIL : w->r.rest.data[0];
}

/* An unsigned big-endian number of 1, 2 or 4 bytes that does not fit a narrower form. */
static uint32_t read_wide(walk *w, unsigned width, uint32_t least) {
    uint32_t value = width == 1   ? sw_read_u8(&w->r)
                     : width == 2 ? sw_read_u16be(&w->r)
                                  : sw_read_u32be(&w->r);
    if (value < least) w->r.failed = true;
    return w->r.failed ? 0 : value;
}

static uint32_t read_number(walk *w) {
    uint8_t head = sw_read_u8(&w->r);
    if (head < 0x80) return head;
    if (head == UINT8) return read_wide(w, 1, 0x80);
    if (head == UINT16) return read_wide(w, 2, 0x100);
    if (head == UINT32) return read_wide(w, 4, 0x10000);
    w->r.failed = true;
    return 0;
}

static uint32_t read_array(walk *w) {
    uint8_t head = sw_read_u8(&w->r);
    if ((head & 0xf0) == FIXARRAY) return head & 0x0f;
    if (head == ARRAY16) return read_wide(w, 2, 0x10);
    if (head == ARRAY32) return read_wide(w, 4, 0x10000);
    w->r.failed = true;
    return 0;
}

/* Any of the three widths: dstack says which first bytes it takes, and these are among them. */
static uint32_t read_map(walk *w) {
    uint8_t head = sw_read_u8(&w->r);
    if ((head & 0xf0) == FIXMAP) return head & 0x0f;
    if (head == MAP16) return read_wide(w, 2, 0);
    if (head == MAP32) return read_wide(w, 4, 0);
    w->r.failed = true;
    return 0;
}

static sw_status read_text(walk *w, size_t limit, const char *what, sw_bytes *out) {
    uint8_t head = sw_read_u8(&w->r);
    uint32_t size = 0;
    if ((head & 0xe0) == FIXSTR)
        size = head & 0x1f;
    else if (head == STR8)
        size = read_wide(w, 1, 0x20);
    else if (head == STR16)
        size = read_wide(w, 2, 0x100);
    else if (head == STR32)
        size = read_wide(w, 4, 0x10000);
    else
        w->r.failed = true;
    if (size > limit)
        return sw_fail(w->err, SW_LIMIT, "evidence", "the attestation's %s has more than %zu bytes",
                       what, limit);
    *out = sw_read_bytes(&w->r, size);
    if (w->r.failed || !sw_utf8_valid(*out)) return bad(w, what);
    return SW_OK;
}

/* An array of integers, each a byte: copied into the arena, after its length was bounded. */
static sw_status read_byte_array(walk *w, size_t limit, const char *what, sw_bytes *out) {
    uint32_t size = read_array(w);
    if (w->r.failed || size > w->r.rest.size) return bad(w, what);
    if (size > limit)
        return sw_fail(w->err, SW_LIMIT, "evidence", "the attestation's %s has more than %zu bytes",
                       what, limit);
    uint8_t *bytes = sw_arena_alloc(w->a, size, 1);
    if (bytes == NULL) return sw_dstack_memory(w->err);
    for (uint32_t i = 0; i < size; i++) {
        uint32_t value = read_number(w);
        if (value > UINT8_MAX) w->r.failed = true;
        bytes[i] = (uint8_t)value;
    }
    if (w->r.failed) return bad(w, what);
    *out = SW_BYTES(bytes, size);
    return SW_OK;
}

static sw_status read_bytes(walk *w, size_t limit, const char *what, sw_bytes *out) {
    uint8_t head = peek(w);
    uint32_t size = 0;
    if (head < BIN8 || head > BIN32) return read_byte_array(w, limit, what, out);
    (void)sw_read_u8(&w->r);
    if (head == BIN8) size = read_wide(w, 1, 0);
    if (head == BIN16) size = read_wide(w, 2, 0x100);
    if (head == BIN32) size = read_wide(w, 4, 0x10000);
    if (size > limit)
        return sw_fail(w->err, SW_LIMIT, "evidence", "the attestation's %s has more than %zu bytes",
                       what, limit);
    *out = sw_read_bytes(&w->r, size);
    return w->r.failed ? bad(w, what) : SW_OK;
}

static sw_status read_exact(walk *w, size_t size, const char *what, void *out) {
    sw_bytes bytes;
    SW_TRY(read_bytes(w, size, what, &bytes));
    if (bytes.size != size)
        return BROKEN(w->err, "the attestation's %s has %zu bytes, not %zu", what, bytes.size,
                      size);
    memcpy(out, bytes.data, size);
    return SW_OK;
}

/* ---- maps ---- */
typedef struct map {
    const char *what;
    const char *const *names; /* NULL-terminated; '?' before one that may be missing */
    size_t left;
    uint32_t seen; /* a bit for each name */
} map;

static sw_status map_open(walk *w, const char *what, const char *const *names, map *out) {
    uint32_t count = read_map(w);
    if (w->r.failed) return bad(w, what);
    *out = (map){what, names, count, 0};
    return SW_OK;
}

static bool is_name(const char *name, sw_bytes key) {
    return sw_bytes_is(key, name[0] == '?' ? name + 1 : name);
}

/* The next member's index, each once. */
static sw_status map_next(walk *w, map *m, size_t *index) {
    sw_bytes key;
    size_t i = 0;
    m->left--;
    SW_TRY(read_text(w, KEY_LIMIT, "member's name", &key));
    while (m->names[i] != NULL && !is_name(m->names[i], key)) i++;
    if (m->names[i] == NULL)
        return BROKEN(w->err, "the attestation's %s has a member that is not known (offset %zu)",
                      m->what, w->r.offset);
    if ((m->seen >> i & 1) != 0)
        return BROKEN(w->err, "the attestation's %s has the member %s twice", m->what,
                      m->names[i][0] == '?' ? m->names[i] + 1 : m->names[i]);
    m->seen |= UINT32_C(1) << i;
    *index = i;
    return SW_OK;
}

static sw_status map_close(const walk *w, const map *m) {
    for (size_t i = 0; m->names[i] != NULL; i++)
        if ((m->seen >> i & 1) == 0 && m->names[i][0] != '?')
            return BROKEN(w->err, "the attestation's %s has no %s", m->what, m->names[i]);
    return SW_OK;
}

/* {"kind": ..., "data": ...}, the kind first, as nothing can be read before it is known. */
static sw_status read_kind(walk *w, const char *what, sw_bytes *kind) {
    static const char *const names[] = {"kind", "data", NULL};
    map m;
    size_t index;
    SW_TRY(map_open(w, what, names, &m));
    if (m.left != 2) return bad(w, what);
    SW_TRY(map_next(w, &m, &index));
    if (index != 0) return BROKEN(w->err, "the attestation's %s has no kind before its data", what);
    SW_TRY(read_text(w, KEY_LIMIT, "kind", kind));
    return map_next(w, &m, &index); /* data: the kind cannot stand twice */
}

/* ---- events ---- */
static sw_status read_version(walk *w, bool *v2) {
    if (peek(w) == NIL && w->r.rest.size > 0) { /* said to be none */
        (void)sw_read_u8(&w->r);
        return SW_OK;
    }
    if (read_number(w) != 2 || w->r.failed)
        return BROKEN(w->err, "an event's version is neither left out, nil nor 2");
    *v2 = true;
    return SW_OK;
}

/* What was hashed, as hex, for readers that do not know how: it must be just that. */
static sw_status preimage_check(const walk *w, sw_bytes hex, const sw_log_event *event) {
    const sw_event as = {event->name, event->payload, true};
    if (!event->v2) return BROKEN(w->err, "an event that is not of version 2 has a preimage");
    SW_SCOPED(sw_buffer) claimed = SW_BUFFER(PREIMAGE_LIMIT);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(PREIMAGE_LIMIT);
    SW_TRY(sw_hex_append(&claimed, hex, false, w->err));
    sw_event_v2_text(&text, &as);
    SW_TRY(sw_buffer_check(&text, "an event", w->err));
    if (!sw_bytes_equal(sw_buffer_bytes(&claimed), sw_buffer_bytes(&text)))
        return REFUSE(w->err, "an event's preimage is not that of its name and payload");
    return SW_OK;
}

static sw_status read_event(walk *w, sw_log_event *out) {
    enum { IMR, TYPE, DIGEST, NAME, PAYLOAD, VERSION, PREIMAGE };
    static const char *const names[] = {"imr",           "event_type", "digest",    "event",
                                        "event_payload", "?version",   "?preimage", NULL};
    sw_log_event event = {0};
    sw_bytes digest = {0}, preimage = {0};
    map m;
    size_t index;
    SW_TRY(map_open(w, "event", names, &m));
    while (m.left > 0) {
        SW_TRY(map_next(w, &m, &index));
        if (index == IMR) event.imr = read_number(w);
        if (index == TYPE) event.type = read_number(w);
        if (w->r.failed) return bad(w, "event");
        if (index == DIGEST) SW_TRY(read_bytes(w, SW_SHA384_BYTES, "event digest", &digest));
        if (index == NAME) SW_TRY(read_text(w, SW_EVENT_NAME_LIMIT, "event name", &event.name));
        if (index == PAYLOAD)
            SW_TRY(read_bytes(w, SW_EVENT_PAYLOAD_LIMIT, "event payload", &event.payload));
        if (index == VERSION) SW_TRY(read_version(w, &event.v2));
        if (index == PREIMAGE) SW_TRY(read_text(w, 2 * PREIMAGE_LIMIT, "preimage", &preimage));
    }
    SW_TRY(map_close(w, &m));
    SW_TRY(sw_dstack_event_fill(&event, digest, w->err));
    if ((m.seen >> PREIMAGE & 1) != 0) SW_TRY(preimage_check(w, preimage, &event));
    *out = event;
    return SW_OK;
}

static sw_status read_count(walk *w, size_t least, const char *what, size_t *out) {
    uint32_t count = read_array(w);
    if (w->r.failed) return bad(w, what);
    if (count > SW_LOG_EVENT_LIMIT)
        return sw_fail(w->err, SW_LIMIT, "evidence", "the attestation has more than %d events",
                       SW_LOG_EVENT_LIMIT);
    if (count > w->r.rest.size / least)
        return BROKEN(w->err, "the attestation ends inside its events");
    *out = count;
    return SW_OK;
}

static sw_status read_log(walk *w, sw_event_log *out) {
    size_t count;
    SW_TRY(read_count(w, EVENT_LEAST_BYTES, "event log", &count));
    sw_log_event *events = SW_ARENA_NEW(w->a, sw_log_event, count);
    if (events == NULL) return sw_dstack_memory(w->err);
    for (size_t i = 0; i < count; i++) SW_TRY(read_event(w, &events[i]));
    *out = (sw_event_log){events, count};
    return SW_OK;
}

static sw_status read_runtime_event(walk *w, sw_event *out) {
    enum { NAME, PAYLOAD, VERSION };
    static const char *const names[] = {"event", "payload", "?version", NULL};
    sw_event event = {0};
    map m;
    size_t index;
    SW_TRY(map_open(w, "runtime event", names, &m));
    while (m.left > 0) {
        SW_TRY(map_next(w, &m, &index));
        if (index == NAME) SW_TRY(read_text(w, SW_EVENT_NAME_LIMIT, "event name", &event.name));
        if (index == PAYLOAD)
            SW_TRY(read_bytes(w, SW_EVENT_PAYLOAD_LIMIT, "event payload", &event.payload));
        if (index == VERSION) SW_TRY(read_version(w, &event.v2));
    }
    SW_TRY(map_close(w, &m));
    *out = event;
    return SW_OK;
}

static sw_status read_runtime(walk *w, sw_dstack_attestation *t) {
    size_t count;
    SW_TRY(read_count(w, EVENT_LEAST_BYTES / 2, "runtime events", &count));
    sw_event *events = SW_ARENA_NEW(w->a, sw_event, count);
    if (events == NULL) return sw_dstack_memory(w->err);
    for (size_t i = 0; i < count; i++) SW_TRY(read_runtime_event(w, &events[i]));
    t->runtime = events;
    t->runtime_count = count;
    return SW_OK;
}

/* ---- the attestation ---- */
static sw_status read_platform(walk *w, sw_dstack_attestation *t) {
    enum { QUOTE, LOG };
    static const char *const names[] = {"quote", "event_log", NULL};
    static const char *const others[] = {"gcp-tdx", "nitro-enclave", "sev-snp", "aws-nitro-tpm",
                                         NULL};
    sw_bytes kind;
    map m;
    size_t index;
    SW_TRY(read_kind(w, "platform", &kind));
    for (size_t i = 0; others[i] != NULL; i++)
        if (sw_bytes_is(kind, others[i]))
            return REFUSE(w->err, "the attestation is of %s, and only tdx is judged here",
                          others[i]);
    if (!sw_bytes_is(kind, "tdx"))
        return REFUSE(w->err, "the attestation is of a platform that dstack does not have");
    SW_TRY(map_open(w, "platform data", names, &m));
    while (m.left > 0) {
        SW_TRY(map_next(w, &m, &index));
        if (index == QUOTE) SW_TRY(read_bytes(w, SW_QUOTE_LIMIT, "quote", &t->quote));
        if (index == LOG) SW_TRY(read_log(w, &t->log));
    }
    return map_close(w, &m);
}

static sw_status read_stack(walk *w, sw_dstack_attestation *t) {
    enum { REPORT, RUNTIME, CONFIG, POD };
    static const char *const plain[] = {"report_data", "runtime_events", "config", NULL};
    static const char *const with_pod[] = {"report_data", "runtime_events", "config",
                                           "report_data_payload", NULL};
    sw_bytes kind;
    map m;
    size_t index;
    SW_TRY(read_kind(w, "stack", &kind));
    t->pod = sw_bytes_is(kind, "dstack-pod");
    if (!t->pod && !sw_bytes_is(kind, "dstack"))
        return REFUSE(w->err, "the attestation's stack is neither dstack nor dstack-pod");
    SW_TRY(map_open(w, "stack data", t->pod ? with_pod : plain, &m));
    while (m.left > 0) {
        SW_TRY(map_next(w, &m, &index));
        if (index == REPORT)
            SW_TRY(read_exact(w, sizeof t->report_data, "report data", t->report_data));
        if (index == RUNTIME) SW_TRY(read_runtime(w, t));
        if (index == CONFIG) SW_TRY(read_text(w, SW_DSTACK_CONFIG_LIMIT, "config", &t->config));
        if (index == POD)
            SW_TRY(read_text(w, SW_DSTACK_CONFIG_LIMIT, "pod's payload", &t->pod_payload));
    }
    return map_close(w, &m);
}

sw_status sw_dstack_msgpack_decode(sw_arena *a, sw_bytes in, sw_dstack_attestation *out,
                                   sw_error *err) {
    enum { VERSION, PLATFORM, STACK };
    static const char *const names[] = {"version", "platform", "stack", NULL};
    sw_dstack_attestation t = {.version = 1};
    walk w = {sw_reader_of(in), a, err};
    map m;
    size_t index;
    SW_TRY(map_open(&w, "whole", names, &m));
    while (m.left > 0) {
        SW_TRY(map_next(&w, &m, &index));
        if (index == VERSION && (read_number(&w) != 1 || w.r.failed))
            return REFUSE(err, "the attestation's version is not 1");
        if (index == PLATFORM) SW_TRY(read_platform(&w, &t));
        if (index == STACK) SW_TRY(read_stack(&w, &t));
    }
    SW_TRY(map_close(&w, &m));
    if (w.r.rest.size != 0)
        return BROKEN(err, "%zu bytes stand behind the attestation", w.r.rest.size);
    *out = t;
    return SW_OK;
}

/* ---- app info ---- */
static sw_status read_scripts(walk *w, sw_dstack_app_info *info) {
    if (peek(w) == NIL && w->r.rest.size > 0) {
        (void)sw_read_u8(&w->r);
        return SW_OK;
    }
    uint32_t count = read_array(w);
    if (w->r.failed || count > SCRIPT_LIMIT) return bad(w, "list of init scripts");
    sw_hash *hashes = SW_ARENA_NEW(w->a, sw_hash, count);
    if (hashes == NULL) return sw_dstack_memory(w->err);
    for (uint32_t i = 0; i < count; i++)
        SW_TRY(read_exact(w, sizeof hashes[i].b, "init script's hash", hashes[i].b));
    info->has_init_scripts = true;
    info->init_scripts = hashes;
    info->init_script_count = count;
    return SW_OK;
}

sw_status sw_dstack_app_info_decode(sw_arena *a, sw_bytes in, sw_dstack_app_info *out,
                                    sw_error *err) {
    enum { UNTIL_0_5 = 8, SINCE_0_6 = 9 };
    sw_dstack_app_info info = {0};
    walk w = {sw_reader_of(in), a, err};
    uint32_t count = read_array(&w);
    if (w.r.failed || (count != UNTIL_0_5 && count != SINCE_0_6))
        return BROKEN(err, "the app info is not a list of 8 or 9 members");
    SW_TRY(read_exact(&w, sizeof info.app_id, "app id", info.app_id));
    SW_TRY(read_exact(&w, sizeof info.compose.b, "compose hash", info.compose.b));
    SW_TRY(read_bytes(&w, 20, "instance id", &info.instance_id));
    SW_TRY(read_bytes(&w, SW_HASH_BYTES, "device id", &info.device_id));
    SW_TRY(read_exact(&w, sizeof info.mr_system.b, "mr_system", info.mr_system.b));
    SW_TRY(read_exact(&w, sizeof info.mr_aggregated.b, "mr_aggregated", info.mr_aggregated.b));
    SW_TRY(read_bytes(&w, SW_HASH_BYTES, "OS image hash", &info.os_image_hash));
    SW_TRY(read_bytes(&w, SW_EVENT_PAYLOAD_LIMIT, "key provider", &info.key_provider));
    if (count == SINCE_0_6) SW_TRY(read_scripts(&w, &info));
    if (w.r.rest.size != 0)
        return BROKEN(err, "%zu bytes stand behind the app info", w.r.rest.size);
    *out = info;
    return SW_OK;
}
