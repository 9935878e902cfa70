/* SPDX-License-Identifier: Apache-2.0
 *
 * Event logs as dstack's JSON and as a CCEL: both replay to what Python's hashlib gives
 * (golden_boot.py), every way to be wrong has its sentence, and no cut or flip passes but in bytes
 * that no register holds.
 */
#include "attest/golden_boot.h"
#include "attest/measure.h"
#include "crypto/vector.h"

#include <string.h>

typedef sw_status (*log_reader)(sw_arena *, sw_bytes, sw_event_log *, sw_error *);

/* Bytes that no register holds, by cause. */
typedef struct span {
    size_t from, to;
    const char *cause;
} span;
typedef struct sample {
    log_reader read;
    sw_bytes bytes;
    const char *rtmr[4];
    size_t count;
    const span *free;
    size_t free_count;
} sample;

/* The answer that counts: the log replays to these registers. */
static sw_status judge(const sample *s, sw_bytes bytes, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_event_log log = {NULL, 99};
    uint8_t rtmr[4][48];
    bool seen[4];
    sw_status status = s->read(&a, bytes, &log, err);
    if (status != SW_OK) {
        assert_int_equal(log.count, 99);
        assert_true(err->message[0] != 0);
        return status;
    }
    SW_TRY(sw_log_replay(&log, rtmr, seen, err));
    for (size_t i = 0; i < 4; i++) {
        if (memcmp(rtmr[i], unhex(&a, s->rtmr[i]).data, 48) != 0) return SW_REFUSED;
        assert_true(seen[i]);
    }
    return SW_OK;
}

static const span FILLED[] = {GOLDEN_JSON_FILLED_FREE}, EMPTY[] = {GOLDEN_JSON_EMPTY_FREE},
                  V2[] = {GOLDEN_JSON_V2_FREE}, CCEL[] = {GOLDEN_CCEL_FREE};
#define JSON_RTMRS                                                                                 \
    { GOLDEN_JSON_RTMR0, GOLDEN_JSON_RTMR1, GOLDEN_JSON_RTMR2, GOLDEN_JSON_RTMR3 }
#define JSON_SAMPLE(text, spans)                                                                   \
    { sw_log_from_json, SW_LITERAL(text), JSON_RTMRS, 15, spans, COUNT(spans) }

static void samples_make(sw_arena *a, sample out[5]) {
    out[0] = (sample)JSON_SAMPLE(GOLDEN_JSON_FILLED, FILLED);
    out[1] = (sample)JSON_SAMPLE(GOLDEN_JSON_EMPTY, EMPTY);
    out[2] = (sample)JSON_SAMPLE(GOLDEN_JSON_V2, V2);
    out[2].rtmr[3] = GOLDEN_JSON_V2_RTMR3;
    out[3] = (sample){sw_log_from_ccel,
                      unhex(a, GOLDEN_CCEL),
                      {GOLDEN_CCEL_RTMR0, GOLDEN_CCEL_RTMR1, GOLDEN_CCEL_RTMR2, GOLDEN_CCEL_RTMR3},
                      6,
                      CCEL,
                      COUNT(CCEL)};
    out[4] = out[3];
    out[4].bytes.size = GOLDEN_CCEL_END;
}

static void test_golden(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sample samples[5];
    samples_make(&a, samples);
    for (size_t i = 0; i < COUNT(samples); i++) {
        sw_event_log log;
        sw_error err = {0};
        if (judge(&samples[i], samples[i].bytes, &err) != SW_OK)
            fail_msg("sample %zu: %s", i, err.message);
        assert_int_equal(samples[i].read(&a, samples[i].bytes, &log, &err), SW_OK);
        assert_int_equal(log.count, samples[i].count);
    }
}

/* ---- cuts, extensions, flips ---- */
static const char *const CAUSES[] = {
    "type", "name", "data", "other digest", "header", "extends nothing", "size before padding"};

/* Which cause a byte is free for; COUNT(CAUSES) for none. */
static size_t cause_of(const sample *s, size_t at) {
    for (size_t i = 0; i < s->free_count; i++)
        if (at >= s->free[i].from && at < s->free[i].to)
            for (size_t c = 0; c < COUNT(CAUSES); c++)
                if (strcmp(CAUSES[c], s->free[i].cause) == 0) return c;
    return COUNT(CAUSES);
}

static void test_cut(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sample samples[5];
    samples_make(&a, samples);
    for (size_t i = 0; i < COUNT(samples); i++) {
        size_t size = samples[i].bytes.size, least = i == 3 ? GOLDEN_CCEL_END : size;
        uint8_t *longer = sw_arena_alloc(&a, size + 1, 1);
        memcpy(longer, samples[i].bytes.data, size);
        longer[size] = 'x';
        sw_error err = {0};
        for (size_t n = 0; n < least; n++) /* less padding is the same log */
            assert_int_not_equal(judge(&samples[i], SW_BYTES(longer, n), &err), SW_OK);
        assert_int_not_equal(judge(&samples[i], SW_BYTES(longer, size + 1), &err), SW_OK);
    }
}

static void flip_all(const sample *s, uint8_t *bytes, size_t passed[COUNT(CAUSES)]) {
    for (size_t bit = 0; bit < 8 * s->bytes.size; bit++) {
        sw_error err = {0};
        uint8_t mask = (uint8_t)(1U << bit % 8);
        bytes[bit / 8] ^= mask;
        bool ok = judge(s, SW_BYTES(bytes, s->bytes.size), &err) == SW_OK;
        bytes[bit / 8] ^= mask;
        if (!ok) continue;
        size_t cause = cause_of(s, bit / 8);
        if (cause == COUNT(CAUSES)) fail_msg("a flip of bit %zu passes", bit);
        passed[cause]++;
    }
}

static void test_flips(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sample samples[5];
    size_t passed[COUNT(CAUSES)] = {0};
    samples_make(&a, samples);
    for (size_t i = 0; i < COUNT(samples); i++) {
        uint8_t *bytes = sw_arena_alloc(&a, samples[i].bytes.size, 1);
        memcpy(bytes, samples[i].bytes.data, samples[i].bytes.size);
        flip_all(&samples[i], bytes, passed);
    }
    for (size_t c = 0; c < COUNT(CAUSES); c++) {
        print_message("# %zu flips change no register: %s\n", passed[c], CAUSES[c]);
        assert_true(passed[c] > 0);
    }
}

/* ---- JSON refused ---- */
#define D48                                                                                        \
    "8ae1e425351df7992c444586eff99d35af3b779aa2b0e981cb4b73bc5b279f2ade19b6a62a203fc3c3bbdaae80af" \
    "59"
#define DIGEST  D48 "6d"
#define ONE(m)  "[{" m "}]"
#define BOOT(m) ONE("\"imr\":0,\"event_type\":10," m)
#define RUN(m)  ONE("\"imr\":3,\"event_type\":134217729," m)
#define REST    "\"event\":\"a\",\"event_payload\":\"00\""
#define ZEROS   "0000000000000000000000000000000000000000000000000000000000000000"

static const struct {
    const char *log, *sentence;
} JSON_TABLE[] = {
    {"[]", NULL},
    {BOOT("\"digest\":\"" DIGEST "\"," REST), NULL},
    {BOOT("\"digest\":\"" DIGEST "\",\"event\":\"\",\"event_payload\":\"\""), NULL},
    {RUN("\"digest\":\"\"," REST), NULL},
    {RUN("\"digest\":\"\"," REST ",\"version\":2"), NULL},
    {"{}", "not a list"},
    {"[3]", "event 0: event_log[] is not an object"},
    {BOOT("\"digest\":\"" DIGEST "\"," REST ",\"more\":1"), "more is not known"},
    {BOOT("\"digest\":\"" DIGEST "\"," REST ",\"imr\":0"), "is repeated"},
    {BOOT("\"digest\":\"" DIGEST "\",\"event\":\"a\""), "event_payload is missing"},
    {BOOT("\"digest\":\"\"," REST), "an event of RTMR0 has no digest"},
    {BOOT("\"digest\":\"" D48 "\"," REST), "hex"},
    {BOOT("\"digest\":\"" DIGEST "00\"," REST), "hex"},
    {BOOT("\"digest\":\"" DIGEST "\",\"event\":\"a:b\",\"event_payload\":\"\""), "holds a colon"},
    {BOOT("\"digest\":\"" DIGEST "\",\"event\":\"a\",\"event_payload\":\"0\""), "hex"},
    {BOOT("\"digest\":\"" DIGEST "\",\"event\":\"a\",\"event_payload\":\"AA\""), "hex"},
    {BOOT("\"digest\":\"" DIGEST "\"," REST ",\"version\":2"), "has a version or a preimage"},
    {BOOT("\"digest\":\"" DIGEST "\"," REST ",\"preimage\":\"\""), "has a version or a preimage"},
    {ONE("\"imr\":4,\"event_type\":10,\"digest\":\"" DIGEST "\"," REST), "beyond RTMR3"},
    {ONE("\"imr\":3,\"event_type\":10,\"digest\":\"" DIGEST "\"," REST), "not a runtime event"},
    {ONE("\"imr\":0,\"event_type\":134217729,\"digest\":\"\"," REST),
     "another register than RTMR3"},
    {ONE("\"imr\":-1,\"event_type\":10,\"digest\":\"" DIGEST "\"," REST), "imr"},
    {ONE("\"imr\":0,\"event_type\":4294967296,\"digest\":\"" DIGEST "\"," REST), "event_type"},
    {RUN("\"digest\":\"" DIGEST "\"," REST), "digest is not that of its name and payload"},
    {RUN("\"digest\":\"\",\"event\":\"a:b\",\"event_payload\":\"\""), "holds a colon"},
    {RUN("\"digest\":\"\",\"event\":\"\",\"event_payload\":\"\""), "name has not 1 to 128"},
    {RUN("\"digest\":\"\",\"event\":\"a\\u0007\",\"event_payload\":\"\""), "control character"},
    {RUN("\"digest\":\"\",\"event\":\"" ZEROS ZEROS "0\",\"event_payload\":\"\""),
     "name has not 1 to 128"},
    {RUN("\"digest\":\"\"," REST ",\"version\":1"), "neither left out nor 2"},
    {RUN("\"digest\":\"\"," REST ",\"version\":3"), "neither left out nor 2"},
    {RUN("\"digest\":\"\"," REST ",\"preimage\":\"00\""), "not of version 2 has a preimage"},
    {RUN("\"digest\":\"\"," REST ",\"version\":2,\"preimage\":\"00\""),
     "preimage is not that of its name and payload"},
    {RUN("\"digest\":\"\"," REST ",\"version\":2,\"preimage\":\"0\""), "hex"},
    {"[" BOOT("\"digest\":\"" DIGEST "\"," REST) "]", "not an object"},
    {"[{\"imr\":3,\"event_type\":134217729,\"digest\":\"\"," REST "},{}]", "event 1: "},
};

static void test_json_refusals(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(JSON_TABLE); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_event_log log = {NULL, 99};
        sw_error err = {0};
        sw_status status = sw_log_from_json(&a, sw_text(JSON_TABLE[i].log), &log, &err);
        if (JSON_TABLE[i].sentence == NULL) {
            if (status != SW_OK) fail_msg("%s: %s", JSON_TABLE[i].log, err.message);
            continue;
        }
        assert_int_not_equal(status, SW_OK);
        assert_int_equal(log.count, 99);
        if (strstr(err.message, JSON_TABLE[i].sentence) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", JSON_TABLE[i].sentence, err.message);
    }
}

static void test_json_limits(void **state) {
    (void)state;
    static const char event[] = "{\"imr\":0,\"event_type\":10,\"digest\":\"" DIGEST "\"," REST "},";
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_LOG_LIMIT);
    sw_event_log log;
    sw_error err = {0};
    sw_put_u8(&text, '[');
    for (size_t i = 0; i < SW_LOG_EVENT_LIMIT; i++) sw_put_text(&text, event);
    text.data[text.size - 1] = ']';
    assert_int_equal(sw_log_from_json(&a, sw_buffer_bytes(&text), &log, &err), SW_OK);
    assert_int_equal(log.count, SW_LOG_EVENT_LIMIT);
    text.data[text.size - 1] = ',';
    sw_put_text(&text, event);
    text.data[text.size - 1] = ']';
    assert_int_not_equal(sw_log_from_json(&a, sw_buffer_bytes(&text), &log, &err), SW_OK);
}

/* ---- a CCEL refused ---- */
/* Bytes written over the golden log at a place. */
static const struct {
    size_t at;
    const char *hex, *sentence;
} CCEL_TABLE[] = {
    {0, "02000000", "does not begin with a Spec ID event"},
    {4, "04000000", "does not begin with a Spec ID event"},
    {8, "01", "does not begin with a Spec ID event"},
    {28, "ffffffff", "ends within its header"},
    {28, "00000000", "ends within its header"},
    {28, "2d", "bytes too many"},
    {32, "54", "does not begin with a Spec ID event"},
    {48, "02", "version 2.0"},
    {52, "01", "version 2.0"},
    {53, "01", "version 2.0"},
    {55, "00", "version 2.0"},
    {55, "03", "version 2.0"},
    {56, "00000000", "names not 1 to 8"},
    {56, "09000000", "names not 1 to 8"},
    {56, "01000000", "no SHA-384 digests"},
    {60, "99", "algorithm 0x99, which is not known"},
    {60, "0c003000", "names algorithm 0xc twice"},
    {62, "30", "gives algorithm 0xb digests of 48 bytes"},
    {66, "20", "gives algorithm 0xc digests of 32 bytes"},
    {68, "ff", "ends within its header"},
    {72, "00000000", "extends MRTD"},
    {72, "05000000", "register that does not exist"},
    {72, "ffffffff", "padding"},
    {76, "03000000", "extends nothing and has a digest"},
    {76, "01000008", "is a runtime event"},
    {80, "01000000", "not one digest of each algorithm"},
    {80, "ffffffff", "not one digest of each algorithm"},
    {84, "0c", "not one digest of each algorithm"},
    {84, "0d", "not one digest of each algorithm"},
    {118, "0b", "not one digest of each algorithm"},
    {168, "01000100", "more than 65536 bytes"},
    {168, "00000100", "ends within an event"},
    {GOLDEN_CCEL_END + 50, "fe", "not 0xff throughout"},
    {GOLDEN_CCEL_END, "00", "not one digest of each algorithm"},
};

static void test_ccel_refusals(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(CCEL_TABLE); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_event_log log = {NULL, 99};
        sw_error err = {0};
        sw_bytes golden = unhex(&a, GOLDEN_CCEL), patch = unhex(&a, CCEL_TABLE[i].hex);
        memcpy((uint8_t *)golden.data + CCEL_TABLE[i].at, patch.data, patch.size);
        assert_int_not_equal(sw_log_from_ccel(&a, golden, &log, &err), SW_OK);
        assert_int_equal(log.count, 99);
        if (strstr(err.message, CCEL_TABLE[i].sentence) == NULL)
            fail_msg("%zu: \"%s\" is not in \"%s\"", CCEL_TABLE[i].at, CCEL_TABLE[i].sentence,
                     err.message);
    }
}

/* Some firmware pads with zeros; a mixture is no padding. */
static void test_ccel_padding(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sample samples[5];
    samples_make(&a, samples);
    sw_error err = {0};
    uint8_t *bytes = (uint8_t *)samples[3].bytes.data;
    size_t padding = samples[3].bytes.size - GOLDEN_CCEL_END;
    memset(bytes + GOLDEN_CCEL_END, 0, padding);
    assert_int_equal(judge(&samples[3], samples[3].bytes, &err), SW_OK);
    for (size_t i = 0; i < padding; i++) {
        bytes[GOLDEN_CCEL_END + i] = 0xff;
        assert_int_not_equal(judge(&samples[3], samples[3].bytes, &err), SW_OK);
        bytes[GOLDEN_CCEL_END + i] = 0;
    }
}

static void test_ccel_limits(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) log = SW_BUFFER(SW_CCEL_LIMIT + 1);
    sw_event_log out;
    sw_error err = {0};
    /* the golden header and its first event again and again */
    sw_bytes golden = unhex(&a, GOLDEN_CCEL);
    sw_put_bytes(&log, SW_BYTES(golden.data, 72));
    sw_bytes event = SW_BYTES(golden.data + 72, 4 + 4 + 4 + 2 + 32 + 2 + 48 + 4 + 15);
    for (size_t i = 0; i < SW_LOG_EVENT_LIMIT; i++) sw_put_bytes(&log, event);
    assert_int_equal(sw_log_from_ccel(&a, sw_buffer_bytes(&log), &out, &err), SW_OK);
    assert_int_equal(out.count, SW_LOG_EVENT_LIMIT);
    sw_put_bytes(&log, event);
    assert_int_equal(sw_log_from_ccel(&a, sw_buffer_bytes(&log), &out, &err), SW_LIMIT);
    assert_non_null(strstr(err.message, "more than 4096 events"));
    while (log.size <= SW_CCEL_LIMIT) sw_put_u8(&log, 0xff);
    assert_int_equal(sw_log_from_ccel(&a, sw_buffer_bytes(&log), &out, &err), SW_LIMIT);
    assert_non_null(strstr(err.message, "more than 1048576 bytes"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),       cmocka_unit_test(test_cut),
        cmocka_unit_test(test_flips),        cmocka_unit_test(test_json_refusals),
        cmocka_unit_test(test_json_limits),  cmocka_unit_test(test_ccel_refusals),
        cmocka_unit_test(test_ccel_padding), cmocka_unit_test(test_ccel_limits)};
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
