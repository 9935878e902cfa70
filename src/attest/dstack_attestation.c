/* SPDX-License-Identifier: Apache-2.0
 *
 * dstack's attestation: SCALE V0 to fields and back, and what both encodings must hold (DSK-010 to
 * DSK-018).
 *
 * SCALE: integers little endian; a list or text is its compact length and its items. A compact
 * length has four widths, named by its two lowest bits; only the shortest is taken, so that what
 * was read and is written again are the same bytes.
 */
#include "attest/dstack_internal.h"
#include "attest/measure_internal.h"
#include "codec/text.h"

#include <string.h>

enum {
    SCALE_VERSION = 0,
    EVENT_LEAST_BYTES = 11, /* imr, type, and three empty lists */
    RUNTIME_LEAST_BYTES = 2
};
static const char *const platforms[] = {"dstack-tdx", "dstack-gcp-tdx", "dstack-nitro-enclave",
                                        "dstack-amd-sev-snp", "dstack-aws-nitro-tpm"};

/* ---- what both encodings end with ---- */
sw_status sw_dstack_event_fill(sw_log_event *event, sw_bytes digest, sw_error *err) {
    uint8_t computed[SW_SHA384_BYTES];
    bool runtime = event->type == SW_RUNTIME_EVENT_TYPE;
    if (event->imr > SW_RUNTIME_EVENT_REGISTER)
        return REFUSE(err, "an event is of a register beyond RTMR3");
    if (runtime != (event->imr == SW_RUNTIME_EVENT_REGISTER))
        return REFUSE(err,
                      "an event of RTMR%u is of type 0x%x: runtime events stand in RTMR3 alone",
                      event->imr, event->type);
    if (!runtime && event->v2) return BROKEN(err, "an event of RTMR%u has version 2", event->imr);
    if (digest.size != 0 && digest.size != SW_SHA384_BYTES)
        return BROKEN(err, "an event's digest has %zu bytes, neither 0 nor 48", digest.size);
    event->has_digest = digest.size != 0;
    if (event->has_digest) memcpy(event->digest, digest.data, sizeof event->digest);
    if (!runtime && event->name.size != 0) SW_TRY(sw_event_name_check(event->name, err));
    return sw_log_event_digest(event, computed, err);
}

sw_status sw_dstack_report_of(sw_bytes quote, uint8_t out[64], sw_error *err) {
    sw_tdx_quote parsed;
    SW_TRY(sw_tdx_quote_parse(quote, &parsed, err));
    memcpy(out, parsed.td.report_data, sizeof parsed.td.report_data);
    return SW_OK;
}

static sw_status runtime_check(const sw_dstack_attestation *t, sw_error *err) {
    size_t n = 0;
    for (size_t i = 0; i < t->log.count; i++) {
        const sw_log_event *e = &t->log.events[i];
        if (e->imr != SW_RUNTIME_EVENT_REGISTER) continue;
        const sw_event *twin = n < t->runtime_count ? &t->runtime[n++] : NULL;
        if (twin == NULL || twin->v2 != e->v2 || !sw_bytes_equal(twin->name, e->name) ||
            !sw_bytes_equal(twin->payload, e->payload))
            return REFUSE(err, "the attestation's runtime events are not those of its event log");
    }
    if (n != t->runtime_count)
        return REFUSE(err, "the attestation has more runtime events than its event log");
    return SW_OK;
}

/* What is said twice must be the same twice. */
static sw_status attestation_check(const sw_dstack_attestation *t, sw_error *err) {
    uint8_t report[64];
    if (t->runtime_count > SW_EVENT_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "the attestation has more than %d runtime events",
                       SW_EVENT_LIMIT);
    SW_TRY(runtime_check(t, err));
    SW_TRY(sw_dstack_report_of(t->quote, report, err));
    if (memcmp(report, t->report_data, sizeof report) != 0)
        return REFUSE(err, "the attestation's report data are not its quote's");
    if (!t->pod) return SW_OK;
    SW_SCOPED(sw_buffer) tagged = SW_BUFFER(SW_DSTACK_CONFIG_LIMIT + 16);
    sw_put_text(&tagged, "app-data:");
    sw_put_bytes(&tagged, t->pod_payload);
    SW_TRY(sw_buffer_check(&tagged, "a pod's report data", err));
    sw_sha512(report, sw_buffer_bytes(&tagged));
    if (memcmp(report, t->report_data, sizeof report) != 0)
        return REFUSE(err, "the attestation's report data are not those of its pod's payload");
    return SW_OK;
}

/* ---- SCALE to fields ---- */
/* Width 0: 6 bits in one byte; 1: 14 in two; 2: 30 in four. Nothing of ours needs more. */
static uint32_t read_compact(sw_reader *r) {
    uint8_t first = r->rest.size > 0 ? r->rest.data[0] : 0;
    uint32_t value, least;
    switch (first & 3) {
    case 0:
        return sw_read_u8(r) >> 2;
    case 1:
        value = (uint32_t)sw_read_u16le(r) >> 2;
        least = UINT32_C(1) << 6;
        break;
    case 2:
        value = sw_read_u32le(r) >> 2;
        least = UINT32_C(1) << 14;
        break;
    default:
        r->failed = true;
        return 0;
    }
    if (value < least) r->failed = true;
    return r->failed ? 0 : value;
}

static sw_status read_list(sw_reader *r, size_t limit, const char *what, sw_bytes *out,
                           sw_error *err) {
    size_t at = r->offset;
    uint32_t size = read_compact(r);
    if (r->failed)
        return BROKEN(err, "the attestation's %s has no length in its shortest form (offset %zu)",
                      what, at);
    if (size > limit)
        return sw_fail(err, SW_LIMIT, "evidence", "the attestation's %s has more than %zu bytes",
                       what, limit);
    *out = sw_read_bytes(r, size);
    if (r->failed) return BROKEN(err, "the attestation ends inside its %s", what);
    return SW_OK;
}

static sw_status read_text(sw_reader *r, size_t limit, const char *what, sw_bytes *out,
                           sw_error *err) {
    SW_TRY(read_list(r, limit, what, out, err));
    if (!sw_utf8_valid(*out)) return BROKEN(err, "the attestation's %s is not UTF-8", what);
    return SW_OK;
}

/* A count bounded by our limit and by what is left, of items that take `least` bytes each. */
static sw_status read_count(sw_reader *r, size_t least, size_t *out, sw_error *err) {
    size_t at = r->offset;
    uint32_t count = read_compact(r);
    if (r->failed)
        return BROKEN(err, "a number of events has not its shortest form (offset %zu)", at);
    if (count > SW_LOG_EVENT_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "the attestation has more than %d events",
                       SW_LOG_EVENT_LIMIT);
    if (count > r->rest.size / least) return BROKEN(err, "the attestation ends inside its events");
    *out = count;
    return SW_OK;
}

static sw_status read_event(sw_reader *r, sw_log_event *out, sw_error *err) {
    sw_log_event event = {0};
    sw_bytes digest;
    event.imr = sw_read_u32le(r);
    event.type = sw_read_u32le(r);
    if (r->failed) return BROKEN(err, "the attestation ends inside an event");
    SW_TRY(read_list(r, SW_SHA384_BYTES, "event digest", &digest, err));
    SW_TRY(read_text(r, SW_EVENT_NAME_LIMIT, "event name", &event.name, err));
    SW_TRY(read_list(r, SW_EVENT_PAYLOAD_LIMIT, "event payload", &event.payload, err));
    SW_TRY(sw_dstack_event_fill(&event, digest, err));
    *out = event;
    return SW_OK;
}

static sw_status read_log(sw_arena *a, sw_reader *r, sw_event_log *out, sw_error *err) {
    size_t count;
    SW_TRY(read_count(r, EVENT_LEAST_BYTES, &count, err));
    sw_log_event *events = SW_ARENA_NEW(a, sw_log_event, count);
    if (events == NULL) return sw_dstack_memory(err);
    for (size_t i = 0; i < count; i++) {
        sw_status status = read_event(r, &events[i], err);
        if (status != SW_OK) sw_error_prefix(err, "event %zu", i);
        SW_TRY(status);
    }
    *out = (sw_event_log){events, count};
    return SW_OK;
}

static sw_status read_runtime(sw_arena *a, sw_reader *r, sw_dstack_attestation *t, sw_error *err) {
    size_t count;
    SW_TRY(read_count(r, RUNTIME_LEAST_BYTES, &count, err));
    sw_event *events = SW_ARENA_NEW(a, sw_event, count);
    if (events == NULL) return sw_dstack_memory(err);
    for (size_t i = 0; i < count; i++) {
        SW_TRY(read_text(r, SW_EVENT_NAME_LIMIT, "runtime event's name", &events[i].name, err));
        SW_TRY(read_list(r, SW_EVENT_PAYLOAD_LIMIT, "runtime event's payload", &events[i].payload,
                         err));
    }
    t->runtime = events;
    t->runtime_count = count;
    return SW_OK;
}

static sw_status scale_decode(sw_arena *a, sw_bytes in, sw_dstack_attestation *out, sw_error *err) {
    sw_dstack_attestation t = {0};
    sw_reader r = sw_reader_of(in);
    (void)sw_read_u8(&r); /* the version, which chose this function */
    uint8_t platform = sw_read_u8(&r);
    if (r.failed) return BROKEN(err, "the attestation ends before its platform");
    if (platform >= sizeof platforms / sizeof platforms[0])
        return REFUSE(err, "the attestation is of platform %u, which dstack does not have",
                      platform);
    if (platform != 0)
        return REFUSE(err, "the attestation is of %s, and only %s is judged here",
                      platforms[platform], platforms[0]);
    SW_TRY(read_list(&r, SW_QUOTE_LIMIT, "quote", &t.quote, err));
    SW_TRY(read_log(a, &r, &t.log, err));
    SW_TRY(read_runtime(a, &r, &t, err));
    sw_read_into(&r, t.report_data, sizeof t.report_data);
    if (r.failed) return BROKEN(err, "the attestation ends inside its report data");
    SW_TRY(read_text(&r, SW_DSTACK_CONFIG_LIMIT, "config", &t.config, err));
    if (r.rest.size != 0) return BROKEN(err, "%zu bytes stand behind the attestation", r.rest.size);
    *out = t;
    return SW_OK;
}

sw_status sw_dstack_attestation_decode(sw_arena *a, sw_bytes in, sw_dstack_attestation *out,
                                       sw_error *err) {
    sw_dstack_attestation t = {0};
    if (in.size > SW_DSTACK_ATTESTATION_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "the attestation has more than %zu bytes",
                       SW_DSTACK_ATTESTATION_LIMIT);
    if (in.size == 0) return BROKEN(err, "the attestation is empty");
    uint8_t first = in.data[0];
    if (first == SCALE_VERSION)
        SW_TRY(scale_decode(a, in, &t, err));
    else if ((first & 0xf0) == 0x80 || first == 0xde || first == 0xdf)
        SW_TRY(sw_dstack_msgpack_decode(a, in, &t, err));
    else
        return REFUSE(err, "the attestation begins with 0x%02x, which is no form of dstack's",
                      first);
    SW_TRY(attestation_check(&t, err));
    *out = t;
    return SW_OK;
}

sw_status sw_dstack_attestation_parse(sw_arena *a, sw_bytes in, sw_dstack_attestation *out,
                                      sw_error *err) {
    sw_dstack_attestation t;
    SW_TRY(sw_dstack_attestation_decode(a, in, &t, err));
    SW_TRY(sw_dstack_deny_log(a, &t.log, err));
    *out = t;
    return SW_OK;
}

/* ---- fields to SCALE ---- */
static void put_compact(sw_buffer *out, size_t value) {
    if (value < (size_t)1 << 6)
        sw_put_u8(out, (uint8_t)(value << 2));
    else if (value < (size_t)1 << 14)
        sw_put_u16le(out, (uint16_t)(value << 2 | 1));
    else if (value < (size_t)1 << 30)
        sw_put_u32le(out, (uint32_t)(value << 2 | 2));
    else
        sw_buffer_fail(out, SW_LIMIT);
}

static void put_list(sw_buffer *out, sw_bytes bytes) {
    put_compact(out, bytes.size);
    sw_put_bytes(out, bytes);
}

static void put_event(sw_buffer *out, const sw_log_event *e) {
    sw_put_u32le(out, e->imr);
    sw_put_u32le(out, e->type);
    put_list(out, e->has_digest ? SW_BYTES_OF(e->digest) : (sw_bytes){0});
    put_list(out, e->name);
    put_list(out, e->payload);
}

static sw_status encodable(const sw_dstack_attestation *in, sw_error *err) {
    if (in->pod) return sw_fail(err, SW_USAGE, "usage", "SCALE V0 has no place for a pod");
    for (size_t i = 0; i < in->log.count; i++)
        if (in->log.events[i].v2)
            return sw_fail(err, SW_USAGE, "usage",
                           "SCALE V0 has no place for digests of version 2");
    return runtime_check(in, err);
}

sw_status sw_dstack_attestation_encode(const sw_dstack_attestation *in, sw_buffer *out,
                                       sw_error *err) {
    SW_TRY(encodable(in, err));
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_DSTACK_ATTESTATION_LIMIT);
    sw_put_u8(&made, SCALE_VERSION);
    sw_put_u8(&made, 0);
    put_list(&made, in->quote);
    put_compact(&made, in->log.count);
    for (size_t i = 0; i < in->log.count; i++) put_event(&made, &in->log.events[i]);
    put_compact(&made, in->runtime_count);
    for (size_t i = 0; i < in->runtime_count; i++) {
        put_list(&made, in->runtime[i].name);
        put_list(&made, in->runtime[i].payload);
    }
    sw_put_bytes(&made, SW_BYTES_OF(in->report_data));
    put_list(&made, in->config);
    SW_TRY(sw_buffer_check(&made, "an attestation", err));
    sw_put_bytes(out, sw_buffer_bytes(&made));
    return sw_buffer_check(out, "an attestation", err);
}
