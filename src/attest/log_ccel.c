/* SPDX-License-Identifier: Apache-2.0
 *
 * The firmware's event log as ACPI's CCEL table points to it (MSR-020 to MSR-027): TCG's
 * crypto-agile log (PC Client Platform Firmware Profile, chapter "Event Logging") with MR indices
 * in place of PCRs.
 *
 * Little-endian throughout. The first record is in the old SHA-1 form and holds the table of
 * algorithms; every other record has one digest of each of them. Nothing signs a log: it counts for
 * what it replays to.
 */
#include "attest/measure_internal.h"

#include <string.h>

enum {
    EV_NO_ACTION = 3,
    SHA1_BYTES = 20,
    ALGORITHM_LIMIT = 8,
    ALGORITHM_SHA384 = 0x0c,
    FIRST_INDEX = 1, /* of RTMR0; 0 is MRTD, which no event extends */
    LAST_INDEX = 4,
    PADDING = 0xff,
    EVENT_MINIMUM_BYTES = 4 + 4 + 4 + 2 + SW_SHA384_BYTES + 4
};

typedef struct algorithm {
    uint16_t id, bytes;
} algorithm;
static const algorithm KNOWN[] = {{0x04, 20},  /* SHA-1 */
                                  {0x0b, 32},  /* SHA-256 */
                                  {0x0c, 48},  /* SHA-384 */
                                  {0x0d, 64},  /* SHA-512 */
                                  {0x12, 32},  /* SM3-256 */
                                  {0x27, 32},  /* SHA3-256 */
                                  {0x28, 48},  /* SHA3-384 */
                                  {0x29, 64}}; /* SHA3-512 */
typedef struct algorithms {
    size_t count;
    algorithm items[ALGORITHM_LIMIT];
} algorithms;

static sw_status short_of(const sw_reader *r, const char *what, sw_error *err) {
    return BROKEN(err, "the CCEL ends within %s at byte %zu", what, r->offset);
}

/* ---- the first record ---- */
static const algorithm *find(const algorithm *items, size_t count, uint16_t id) {
    for (size_t i = 0; i < count; i++)
        if (items[i].id == id) return &items[i];
    return NULL;
}

static sw_status algorithms_read(sw_reader *r, algorithms *out, sw_error *err) {
    uint32_t count = sw_read_u32le(r);
    if (count == 0 || count > ALGORITHM_LIMIT)
        return BROKEN(err, "the CCEL's header names not 1 to %d algorithms", ALGORITHM_LIMIT);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t id = sw_read_u16le(r), bytes = sw_read_u16le(r);
        const algorithm *known = find(KNOWN, sizeof KNOWN / sizeof KNOWN[0], id);
        if (r->failed) return short_of(r, "its header", err);
        if (known == NULL)
            return BROKEN(err, "the CCEL's header names algorithm 0x%x, which is not known", id);
        if (known->bytes != bytes)
            return BROKEN(err, "the CCEL's header gives algorithm 0x%x digests of %u bytes", id,
                          bytes);
        if (find(out->items, out->count, id) != NULL)
            return BROKEN(err, "the CCEL's header names algorithm 0x%x twice", id);
        out->items[out->count++] = *known;
    }
    if (find(out->items, out->count, ALGORITHM_SHA384) == NULL)
        return REFUSE(err, "the CCEL has no SHA-384 digests");
    return SW_OK;
}

static sw_status spec_id_read(sw_bytes data, algorithms *out, sw_error *err) {
    static const char signature[16] = "Spec ID Event03";
    sw_reader r = sw_reader_of(data);
    sw_bytes written = sw_read_bytes(&r, sizeof signature);
    uint32_t platform = sw_read_u32le(&r);
    uint8_t minor = sw_read_u8(&r), major = sw_read_u8(&r);
    (void)sw_read_u8(&r); /* errata */
    uint8_t word = sw_read_u8(&r);
    if (r.failed) return short_of(&r, "its header", err);
    if (!sw_bytes_equal(written, SW_BYTES_OF(signature)))
        return BROKEN(err, "the CCEL does not begin with a Spec ID event");
    if (platform > 1 || major != 2 || minor != 0 || word < 1 || word > 2)
        return BROKEN(err, "the CCEL's Spec ID event is not of version 2.0 for client or server");
    SW_TRY(algorithms_read(&r, out, err));
    (void)sw_read_bytes(&r, sw_read_u8(&r)); /* the vendor's */
    if (r.failed) return short_of(&r, "its header", err);
    if (r.rest.size != 0)
        return BROKEN(err, "the CCEL's Spec ID event has %zu bytes too many", r.rest.size);
    return SW_OK;
}

static bool all_are(sw_bytes bytes, uint8_t value) {
    for (size_t i = 0; i < bytes.size; i++)
        if (bytes.data[i] != value) return false;
    return true;
}

static sw_status header_read(sw_reader *r, algorithms *out, sw_error *err) {
    uint32_t index = sw_read_u32le(r), type = sw_read_u32le(r);
    sw_bytes digest = sw_read_bytes(r, SHA1_BYTES);
    uint32_t size = sw_read_u32le(r);
    if (r->failed) return short_of(r, "its header", err);
    if (type != EV_NO_ACTION || index > FIRST_INDEX || !all_are(digest, 0))
        return BROKEN(err, "the CCEL does not begin with a Spec ID event");
    sw_bytes data = sw_read_bytes(r, size);
    if (r->failed) return short_of(r, "its header", err);
    return spec_id_read(data, out, err);
}

/* ---- every other record ---- */
static sw_status digests_read(sw_reader *r, const algorithms *table, uint8_t sha384[],
                              bool *all_zero, sw_error *err) {
    size_t at = r->offset;
    uint32_t count = sw_read_u32le(r), seen = 0;
    if (!r->failed && count != table->count)
        return BROKEN(err, "the CCEL's event at byte %zu has not one digest of each algorithm", at);
    *all_zero = true;
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        uint16_t id = sw_read_u16le(r);
        const algorithm *one = find(table->items, table->count, id);
        if (r->failed) break;
        if (one == NULL || (seen & 1U << (one - table->items)) != 0)
            return BROKEN(err, "the CCEL's event at byte %zu has not one digest of each algorithm",
                          at);
        seen |= 1U << (one - table->items);
        sw_bytes digest = sw_read_bytes(r, one->bytes);
        *all_zero = *all_zero && all_are(digest, 0);
        if (id == ALGORITHM_SHA384 && !r->failed) memcpy(sha384, digest.data, digest.size);
    }
    return r->failed ? short_of(r, "an event", err) : SW_OK;
}

static sw_status event_check(const sw_log_event *event, uint32_t index, bool all_zero, size_t at,
                             sw_error *err) {
    if (index > LAST_INDEX)
        return BROKEN(err, "the CCEL's event at byte %zu is of a register that does not exist", at);
    if (event->type == EV_NO_ACTION) {
        if (!all_zero)
            return BROKEN(err, "the CCEL's event at byte %zu extends nothing and has a digest", at);
        return SW_OK;
    }
    if (index < FIRST_INDEX)
        return REFUSE(err, "the CCEL's event at byte %zu extends MRTD, which no event can", at);
    if (event->type == SW_RUNTIME_EVENT_TYPE)
        return REFUSE(
            err, "the CCEL's event at byte %zu is a runtime event, which has no name here", at);
    return SW_OK;
}

/* *extends is false for what belongs to no register. */
static sw_status event_read(sw_reader *r, const algorithms *table, sw_log_event *out, bool *extends,
                            sw_error *err) {
    size_t at = r->offset;
    bool all_zero;
    sw_log_event event = {.has_digest = true};
    uint32_t index = sw_read_u32le(r);
    event.type = sw_read_u32le(r);
    SW_TRY(digests_read(r, table, event.digest, &all_zero, err));
    uint32_t size = sw_read_u32le(r);
    if (!r->failed && size > SW_EVENT_PAYLOAD_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence",
                       "the CCEL's event at byte %zu has more than %zu bytes of data", at,
                       SW_EVENT_PAYLOAD_LIMIT);
    event.payload = sw_read_bytes(r, size);
    if (r->failed) return short_of(r, "an event", err);
    SW_TRY(event_check(&event, index, all_zero, at, err));
    *extends = event.type != EV_NO_ACTION;
    event.imr = *extends ? index - FIRST_INDEX : 0;
    *out = event;
    return SW_OK;
}

/* Firmware fills what is left of its log area with 0xff, some with zeros; no event begins so. */
static sw_status ended(const sw_reader *r, bool *out, sw_error *err) {
    bool padded = r->rest.size > 0 && r->rest.data[0] == PADDING;
    if (padded && !all_are(r->rest, PADDING))
        return BROKEN(err, "the CCEL's padding from byte %zu is not 0xff throughout", r->offset);
    *out = padded || all_are(r->rest, 0);
    return SW_OK;
}

sw_status sw_log_from_ccel(sw_arena *a, sw_bytes ccel, sw_event_log *out, sw_error *err) {
    algorithms table = {0};
    if (ccel.size > SW_CCEL_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "the CCEL has more than %zu bytes",
                       SW_CCEL_LIMIT);
    sw_reader r = sw_reader_of(ccel);
    SW_TRY(header_read(&r, &table, err));
    size_t room = r.rest.size / EVENT_MINIMUM_BYTES + 1; /* what the bytes can hold */
    if (room > SW_LOG_EVENT_LIMIT) room = SW_LOG_EVENT_LIMIT;
    sw_log_event *events = SW_ARENA_NEW(a, sw_log_event, room);
    if (events == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for the event log");
    size_t n = 0;
    for (;;) {
        bool end = false, extends = false;
        sw_log_event event;
        SW_TRY(ended(&r, &end, err));
        if (end) break;
        SW_TRY(event_read(&r, &table, &event, &extends, err));
        if (!extends) continue;
        if (n == room)
            return sw_fail(err, SW_LIMIT, "evidence", "the CCEL has more than %d events",
                           SW_LOG_EVENT_LIMIT);
        events[n++] = event;
    }
    *out = (sw_event_log){events, n};
    return SW_OK;
}
