/* SPDX-License-Identifier: Apache-2.0
 *
 * The wire between agent and worker (WRK-002 ... WRK-031): jobs, steps and packs as Python's struct
 * makes them, and everything that must be refused.
 */
#include "run/wire.h"

#include "cmocka_plain.h"
#include "run/golden_wire.h"
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FLIPS = 8 };

/* ---- parsers as one kind of function, for cuts, additions and flips ---- */
typedef bool (*parser)(sw_bytes in, sw_buffer *again); /* whether it parsed; what it encodes to */

static bool parse_job(sw_bytes in, sw_buffer *again) {
    sw_wire_job *job = calloc(1, sizeof *job), *before = calloc(1, sizeof *before);
    assert_true(job && before);
    bool good = sw_wire_job_parse(in, job, NULL) == SW_OK;
    if (good)
        assert_int_equal(sw_wire_job_encode(job, again, NULL), SW_OK);
    else
        assert_memory_equal(job, before, sizeof *job); /* untouched */
    free(job);
    free(before);
    return good;
}

static bool parse_step(sw_bytes in, sw_buffer *again) {
    sw_wire_step step = {0};
    if (sw_wire_step_parse(in, &step, NULL) != SW_OK) return false;
    uint8_t out[SW_WIRE_STEP_BYTES];
    sw_wire_step_encode(out, &step);
    sw_put_bytes(again, SW_BYTES_OF(out));
    return true;
}

static bool parse_pack(sw_bytes in, sw_buffer *again) {
    sw_packed files[SW_PACK_FILE_LIMIT];
    size_t count = 77;
    if (sw_pack_parse(in, files, SW_PACK_FILE_LIMIT, &count, NULL) != SW_OK) {
        assert_int_equal(count, 77);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        char name[129] = "";
        memcpy(name, files[i].name.data, files[i].name.size);
        sw_pack_add(again, name, files[i].content);
    }
    sw_pack_end(again);
    while (again->size < in.size) sw_put_u8(again, 0);
    return true;
}

static const struct format {
    const char *name;
    parser parse;
    const uint8_t *golden;
    size_t size;
    size_t least; /* a shorter one never parses */
} formats[] = {
    {"job", parse_job, golden_job, sizeof golden_job, sizeof golden_job},
    {"decode", parse_job, golden_decode, sizeof golden_decode, sizeof golden_decode},
    {"step", parse_step, golden_step, sizeof golden_step, sizeof golden_step},
    {"pack", parse_pack, golden_pack, sizeof golden_pack, sizeof golden_pack - 9},
};
#define FORMAT_COUNT (sizeof formats / sizeof formats[0])

static void test_golden_comes_back(void **state) {
    (void)state;
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        const struct format *f = &formats[i];
        SW_SCOPED(sw_buffer) again = SW_BUFFER((size_t)1 << 20);
        assert_true(f->parse(SW_BYTES(f->golden, f->size), &again));
        assert_true(sw_bytes_equal(sw_buffer_bytes(&again), SW_BYTES(f->golden, f->size)));
    }
}

static void test_cut_and_extended(void **state) {
    (void)state;
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        const struct format *f = &formats[i];
        SW_SCOPED(sw_buffer) again = SW_BUFFER((size_t)1 << 20);
        for (size_t size = 0; size < f->least; size++)
            assert_false(f->parse(SW_BYTES(f->golden, size), &again));
        uint8_t longer[4096];
        memcpy(longer, f->golden, f->size);
        longer[f->size] = 1;
        assert_false(f->parse(SW_BYTES(longer, f->size + 1), &again));
    }
}

/* A flipped bit is refused, or read as another value that encodes to just these bytes. */
static void test_flipped(void **state) {
    (void)state;
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        const struct format *f = &formats[i];
        uint8_t copy[4096];
        for (size_t bit = 0; bit < f->size * FLIPS; bit++) {
            SW_SCOPED(sw_buffer) again = SW_BUFFER((size_t)1 << 20);
            memcpy(copy, f->golden, f->size);
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (!f->parse(SW_BYTES(copy, f->size), &again)) continue;
            assert_true(sw_bytes_equal(sw_buffer_bytes(&again), SW_BYTES(copy, f->size)));
        }
    }
}

static void test_values(void **state) {
    (void)state;
    sw_wire_step s;
    assert_int_equal(sw_wire_step_parse(SW_BYTES_OF(golden_step), &s, NULL), SW_OK);
    assert_true(s.step == 3 && s.total_steps == 40 && s.tokens == 1234);
    assert_true(s.loss == 2.5 && s.learning_rate == 1e-4 && s.grad_norm == acos(-1));
    sw_wire_job *job = calloc(1, sizeof *job);
    assert_int_equal(sw_wire_job_parse(SW_BYTES_OF(golden_job), job, NULL), SW_OK);
    assert_true(job->kind == SW_JOB_TRAIN && job->lanes == 3 && job->file_count == 2);
    assert_true(job->shard_count == 2 && job->model_bytes == 1000 && job->resume_bytes == 7);
    assert_string_equal(job->files[1].name, "model.safetensors");
    assert_true(job->files[1].offset == 128 && job->files[1].size == 872);
    free(job);
}

/* ---- jobs that must be refused: one change each ---- */
static void bad_kind(sw_wire_job *j) {
    j->kind = (sw_job_kind)3;
}
static void no_lanes(sw_wire_job *j) {
    j->lanes = 0;
}
static void many_lanes(sw_wire_job *j) {
    j->lanes = 257;
}
static void span_behind(sw_wire_job *j) {
    j->files[1].offset = 1001;
    j->files[1].size = 0;
}
static void span_too_long(sw_wire_job *j) {
    j->files[1].size = 873;
}
static void span_wraps(sw_wire_job *j) {
    j->files[1].size = UINT64_MAX;
}
static void spans_overlap(sw_wire_job *j) {
    j->files[1].offset = 99;
}
static void rows_too_long(sw_wire_job *j) {
    j->shards[1].size = 197;
}
static void less_memory(sw_wire_job *j) {
    j->model_bytes = 999;
}

static void test_jobs_refused(void **state) {
    (void)state;
    static void (*const changes[])(sw_wire_job *) = {bad_kind,      no_lanes,      many_lanes,
                                                     span_behind,   span_too_long, span_wraps,
                                                     spans_overlap, rows_too_long, less_memory};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        SW_SCOPED(sw_buffer) wire = SW_BUFFER((size_t)1 << 20);
        SW_SCOPED(sw_buffer) again = SW_BUFFER((size_t)1 << 20);
        sw_wire_job *job = calloc(1, sizeof *job);
        assert_int_equal(sw_wire_job_parse(SW_BYTES_OF(golden_job), job, NULL), SW_OK);
        changes[i](job);
        assert_int_equal(sw_wire_job_encode(job, &wire, NULL), SW_OK);
        assert_false(parse_job(sw_buffer_bytes(&wire), &again));
        free(job);
    }
}

/* ---- packs that must be refused ---- */
static void test_pack_names(void **state) {
    (void)state;
    static char most[129], more[130];
    memset(most, 'n', 128);
    memset(more, 'n', 129);
    const struct {
        const char *name;
        bool good;
    } names[] = {
        {"a", true},    {"A-b_c.0", true}, {"a..b", true},  {most, true},        {"..", false},
        {".", false},   {".a", false},     {"../a", false}, {"/a", false},       {"a/b", false},
        {"a b", false}, {"a\n", false},    {"a\\b", false}, {"\xc3\xa4", false}, {more, false},
        {"a:b", false}, {"~a", false},     {"a*", false},   {"-", true},         {"", false},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(sw_pack_name_fits(sw_text(names[i].name)), names[i].good);
        if (!names[i].name[0]) continue; /* an empty name is a pack's end */
        SW_SCOPED(sw_buffer) pack = SW_BUFFER(4096);
        SW_SCOPED(sw_buffer) again = SW_BUFFER(4096);
        sw_pack_add(&pack, names[i].name, SW_LITERAL("content"));
        sw_pack_end(&pack);
        assert_int_equal(parse_pack(sw_buffer_bytes(&pack), &again), names[i].good);
    }
    assert_false(sw_pack_name_fits(SW_BYTES("a\0b", 3)));
}

static void test_packs_refused(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) again = SW_BUFFER((size_t)1 << 20);
    SW_SCOPED(sw_buffer) twice = SW_BUFFER(4096);
    sw_pack_add(&twice, "a", SW_LITERAL("1"));
    sw_pack_add(&twice, "a", SW_LITERAL("1"));
    sw_pack_end(&twice);
    assert_false(parse_pack(sw_buffer_bytes(&twice), &again));
    SW_SCOPED(sw_buffer) open = SW_BUFFER(4096);
    sw_pack_add(&open, "a", SW_LITERAL("1"));
    assert_false(parse_pack(sw_buffer_bytes(&open), &again)); /* no end */
    sw_pack_end(&open);
    sw_put_u8(&open, 0);
    sw_put_u8(&open, 1); /* something behind the end */
    assert_false(parse_pack(sw_buffer_bytes(&open), &again));
    SW_SCOPED(sw_buffer) huge = SW_BUFFER(4096);
    sw_put_field(&huge, SW_LITERAL("a"));
    sw_put_u64be(&huge, UINT64_MAX);
    sw_put_text(&huge, "content");
    assert_false(parse_pack(sw_buffer_bytes(&huge), &again));
    SW_SCOPED(sw_buffer) many = SW_BUFFER((size_t)1 << 20);
    for (int i = 0; i <= SW_PACK_FILE_LIMIT; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        sw_pack_add(&many, name, (sw_bytes){0});
    }
    sw_pack_end(&many);
    assert_false(parse_pack(sw_buffer_bytes(&many), &again));
}

/* ---- frames ---- */
static sw_status header_of(const void *bytes, size_t size, sw_frame_type *type, uint64_t *count) {
    int pipes[2];
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(write(pipes[1], bytes, size), (ssize_t)size);
    close(pipes[1]);
    sw_status status = sw_frame_read_header(pipes[0], type, count, NULL);
    close(pipes[0]);
    return status;
}

static void test_frame_headers(void **state) {
    (void)state;
    for (uint32_t kind = 0; kind < 300; kind++) {
        uint8_t out[SW_FRAME_HEADER_BYTES];
        sw_frame_type type = SW_FRAME_DONE;
        uint64_t count = 5;
        sw_frame_header(out, (sw_frame_type)kind, UINT64_C(0x0102030405060708));
        bool known = kind >= SW_FRAME_JOB && kind <= SW_FRAME_CLAIMS;
        sw_status status = header_of(out, sizeof out, &type, &count);
        assert_int_equal(status, known ? SW_OK : SW_MALFORMED);
        assert_true(known ? type == kind && count == UINT64_C(0x0102030405060708) : count == 5);
        for (size_t size = 1; size < sizeof out; size++)
            assert_int_equal(header_of(out, size, &type, &count), SW_MALFORMED);
    }
    sw_frame_type type;
    uint64_t count;
    assert_int_equal(header_of("", 0, &type, &count), SW_MISSING);
}

static void test_frames_written(void **state) {
    (void)state;
    static const uint8_t expected[] = {0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5, 'h', 'e', 'a', 'd', '!'};
    uint8_t got[sizeof expected + 1];
    int pipes[2];
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(
        sw_frame_write(pipes[1], SW_FRAME_OUTPUT, SW_LITERAL("head"), SW_LITERAL("!"), NULL),
        SW_OK);
    assert_int_equal(read(pipes[0], got, sizeof got), sizeof expected);
    assert_memory_equal(got, expected, sizeof expected);
    close(pipes[0]);
    assert_int_equal(sw_frame_write(pipes[1], SW_FRAME_STOP, (sw_bytes){0}, (sw_bytes){0}, NULL),
                     SW_IO);
    close(pipes[1]);
}

/* WRK-020: whatever byte a worker sends, one of the fixed sentences is said. */
static void test_failures(void **state) {
    (void)state;
    for (int i = 0; i < 256; i++) assert_true(strlen(sw_failure_sentence((sw_failure)i)) > 10);
    assert_string_equal(sw_failure_sentence((sw_failure)200), sw_failure_sentence(0));
}

int main(void) {
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_comes_back), cmocka_unit_test(test_cut_and_extended),
        cmocka_unit_test(test_flipped),           cmocka_unit_test(test_values),
        cmocka_unit_test(test_jobs_refused),      cmocka_unit_test(test_pack_names),
        cmocka_unit_test(test_packs_refused),     cmocka_unit_test(test_frame_headers),
        cmocka_unit_test(test_frames_written),    cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests_name("run/wire", tests, NULL, NULL);
}
