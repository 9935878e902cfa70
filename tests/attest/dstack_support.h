/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of dstack's formats share: a quote that is whole and proves nothing, a log that
 * boots, both of our own making, and files of the vectors.
 */
#ifndef SW_TESTS_ATTEST_DSTACK_SUPPORT_H
#define SW_TESTS_ATTEST_DSTACK_SUPPORT_H
#include "attest/dstack_internal.h"
#include "crypto/vector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTORS      "../shared/vectors/dstack"
#define FILE_BYTES   ((size_t)1 << 20)
#define MADE_MAX     ((size_t)1 << 20)
#define MADE_APP     "a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4"
#define MADE_COMPOSE "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"

/* Of the vectors; nothing when it is not there. */
static inline sw_bytes load(sw_arena *a, const char *name) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", VECTORS, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return (sw_bytes){0};
    uint8_t *bytes = sw_arena_alloc(a, FILE_BYTES, 1);
    assert_non_null(bytes);
    size_t size = fread(bytes, 1, FILE_BYTES, file);
    (void)fclose(file);
    return SW_BYTES(bytes, size);
}

static inline void put_count(sw_buffer *out, size_t count, uint8_t byte) {
    for (size_t i = 0; i < count; i++) sw_put_u8(out, byte);
}

/* Version 4, with these report data and this RTMR3; signatures and chain are filler. */
static inline sw_bytes make_quote(sw_arena *a, const uint8_t report[64], const uint8_t rtmr3[48]) {
    SW_SCOPED(sw_buffer) q = SW_BUFFER(MADE_MAX);
    sw_put_u16le(&q, 4);
    sw_put_u16le(&q, 2);
    sw_put_u32le(&q, 0x81);
    sw_put_u32le(&q, 0);
    sw_put_bytes(&q, SW_BYTES_OF(sw_intel_vendor_id));
    put_count(&q, 20, 0x33);
    put_count(&q, 520 - 48, 0x44);
    sw_put_bytes(&q, SW_BYTES(rtmr3, 48));
    sw_put_bytes(&q, SW_BYTES(report, 64));
    sw_put_u32le(&q, 64 + 64 + 6 + 384 + 64 + 2 + 32 + 6 + 5);
    put_count(&q, 64 + 64, 0x55);
    sw_put_u16le(&q, 6);
    sw_put_u32le(&q, 384 + 64 + 2 + 32 + 6 + 5);
    put_count(&q, 384 + 64, 0x66);
    sw_put_u16le(&q, 32);
    put_count(&q, 32, 0x77);
    sw_put_u16le(&q, 5);
    sw_put_u32le(&q, 5);
    sw_put_text(&q, "chain");
    return sw_arena_copy(a, sw_buffer_bytes(&q));
}

typedef struct made_event {
    const char *name, *payload; /* hex */
    bool v2;
} made_event;

static const made_event made_boot[] = {
    {"system-preparing", "", false},       {"app-id", MADE_APP, false},
    {"compose-hash", MADE_COMPOSE, false}, {"instance-id", "", false},
    {"boot-mr-done", "", false},           {"key-provider", "7b7d", false},
    {"system-ready", "", false},
};

/* The three ACPI events of RTMR0 and the given runtime events, as a stripped log has them. */
static inline void make_log(sw_arena *a, const made_event *events, size_t count,
                            sw_dstack_attestation *out) {
    static const char *const acpi[] = {"acpi-loader", "acpi-rsdp", "acpi-tables"};
    sw_log_event *log = SW_ARENA_NEW(a, sw_log_event, count + COUNT(acpi));
    sw_event *runtime = SW_ARENA_NEW(a, sw_event, count);
    assert_true(log != NULL && runtime != NULL);
    for (size_t i = 0; i < COUNT(acpi); i++) {
        log[i] = (sw_log_event){.type = 10,
                                .has_digest = true,
                                .name = sw_text(acpi[i]),
                                .payload = SW_LITERAL("ACPI DATA")};
        memset(log[i].digest, 0x10 + (int)i, sizeof log[i].digest);
    }
    for (size_t i = 0; i < count; i++) {
        sw_bytes payload = unhex(a, events[i].payload);
        runtime[i] = (sw_event){sw_text(events[i].name), payload, events[i].v2};
        log[COUNT(acpi) + i] = (sw_log_event){.imr = 3,
                                              .type = SW_RUNTIME_EVENT_TYPE,
                                              .v2 = events[i].v2,
                                              .name = runtime[i].name,
                                              .payload = payload};
    }
    out->log = (sw_event_log){log, count + COUNT(acpi)};
    out->runtime = runtime;
    out->runtime_count = count;
}

/* An attestation that parses, whose report data are these. */
static inline sw_dstack_attestation make_attestation(sw_arena *a, const uint8_t report[64],
                                                     const made_event *events, size_t count) {
    sw_dstack_attestation t = {.config = SW_LITERAL("{\"vm_config\":\"{}\"}")};
    uint8_t rtmr3[48];
    make_log(a, events, count, &t);
    assert_int_equal(sw_events_replay(t.runtime, t.runtime_count, rtmr3, NULL), SW_OK);
    memcpy(t.report_data, report, sizeof t.report_data);
    t.quote = make_quote(a, report, rtmr3);
    return t;
}

static inline bool same_log(const sw_event_log *a, const sw_event_log *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        const sw_log_event *x = &a->events[i], *y = &b->events[i];
        if (x->imr != y->imr || x->type != y->type || x->has_digest != y->has_digest ||
            x->v2 != y->v2 || memcmp(x->digest, y->digest, sizeof x->digest) != 0 ||
            !sw_bytes_equal(x->name, y->name) || !sw_bytes_equal(x->payload, y->payload))
            return false;
    }
    return true;
}

/* Everything that a reader of an attestation is told, but for the version of its encoding. */
static inline bool same_attestation(const sw_dstack_attestation *a,
                                    const sw_dstack_attestation *b) {
    if (!sw_bytes_equal(a->quote, b->quote) || !same_log(&a->log, &b->log) ||
        a->runtime_count != b->runtime_count || a->pod != b->pod ||
        memcmp(a->report_data, b->report_data, sizeof a->report_data) != 0 ||
        !sw_bytes_equal(a->config, b->config) || !sw_bytes_equal(a->pod_payload, b->pod_payload))
        return false;
    for (size_t i = 0; i < a->runtime_count; i++)
        if (!sw_bytes_equal(a->runtime[i].name, b->runtime[i].name) ||
            !sw_bytes_equal(a->runtime[i].payload, b->runtime[i].payload) ||
            a->runtime[i].v2 != b->runtime[i].v2)
            return false;
    return true;
}

/* A seed for the fuzz target; its folder is named by SEALWRIGHT_CORPUS when seeds are written. */
static inline void write_seed(const char *target, const char *name, sw_bytes bytes) {
    const char *root = getenv("SEALWRIGHT_CORPUS");
    char path[512];
    if (root == NULL) return;
    (void)snprintf(path, sizeof path, "%s/%s/%s", root, target, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
}
#endif
