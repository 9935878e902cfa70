/* SPDX-License-Identifier: Apache-2.0
 *
 * The pipeline: order in and out whatever the lanes, and the first failure in order of frames wins.
 */
#include "crypto/vector.h"
#include "sys/pipeline.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES = 300, NONE = FRAMES };

typedef struct job {
    uint64_t taken, given, frames;
    uint64_t fail_take, fail_work, fail_give; /* at this frame */
    pthread_mutex_t lock;
    size_t together, busy[SW_PIPELINE_LANES];
} job;

static sw_status take(void *context, sw_frame *f, sw_error *err) {
    job *j = context;
    assert_int_equal(f->index, j->taken++);
    if (f->index == j->fail_take) return sw_fail(err, SW_IO, "take", "%d", (int)f->index);
    f->data = f->buffer;
    f->size = sizeof f->index;
    memcpy(f->data, &f->index, sizeof f->index);
    f->last = f->index + 1 == j->frames;
    return SW_OK;
}

static sw_status work_one(job *j, sw_frame *f, sw_error *err) {
    uint64_t number, mixed;
    memcpy(&number, f->data, sizeof number);
    mixed = number * 3;
    for (uint64_t spin = 0; spin < number % 7 * 1000; spin++) __asm__ volatile("" : "+r"(mixed));
    memcpy(f->note, &mixed, sizeof mixed);
    if (number == j->fail_work) return sw_fail(err, SW_UNAUTHENTIC, "work", "%d", (int)number);
    return SW_OK;
}

static void work(void *context, sw_frame *frames, size_t count, size_t lane) {
    job *j = context;
    (void)pthread_mutex_lock(&j->lock);
    assert_int_equal(j->busy[lane]++, 0);
    (void)pthread_mutex_unlock(&j->lock);
    assert_in_range(count, 1, j->together);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(frames[i].status, SW_OK);
        assert_int_equal(frames[i].index, frames[0].index + i);
        frames[i].status = work_one(j, &frames[i], &frames[i].error);
    }
    (void)pthread_mutex_lock(&j->lock);
    j->busy[lane]--;
    (void)pthread_mutex_unlock(&j->lock);
}

static sw_status give(void *context, sw_frame *f, sw_error *err) {
    job *j = context;
    uint64_t mixed;
    if (f->index == j->fail_give) return sw_fail(err, SW_LIMIT, "give", "%d", (int)f->index);
    assert_int_equal(f->index, j->given++);
    memcpy(&mixed, f->note, sizeof mixed);
    assert_int_equal(mixed, f->index * 3);
    return SW_OK;
}

static sw_status run(job *j, size_t lanes, sw_error *err) {
    const sw_pipeline plan = {.lanes = lanes,
                              .together = j->together,
                              .buffer_bytes = 100,
                              .take = take,
                              .work = work,
                              .give = give,
                              .context = j};
    (void)pthread_mutex_init(&j->lock, NULL);
    sw_status status = sw_pipeline_run(&plan, err);
    (void)pthread_mutex_destroy(&j->lock);
    return status;
}

static void test_order(void **state) {
    (void)state;
    static const uint64_t counts[] = {1, 2, 3, FRAMES};
    for (size_t lanes = 1; lanes <= SW_PIPELINE_LANES; lanes++)
        for (size_t i = 0; i < 2 * COUNT(counts); i++) {
            job j = {.together = 1 + i / COUNT(counts),
                     .frames = counts[i % COUNT(counts)],
                     .fail_take = NONE,
                     .fail_work = NONE,
                     .fail_give = NONE};
            assert_int_equal(run(&j, lanes, NULL), SW_OK);
            assert_int_equal(j.taken, j.frames);
            assert_int_equal(j.given, j.frames);
        }
}

static void test_the_first_failure_wins(void **state) {
    (void)state;
    static const struct {
        uint64_t take, work, give;
        sw_status status;
        const char *word, *message;
    } cases[] = {{0, NONE, NONE, SW_IO, "take", "0"},
                 {9, NONE, NONE, SW_IO, "take", "9"},
                 {NONE, 0, NONE, SW_UNAUTHENTIC, "work", "0"},
                 {30, 9, 10, SW_UNAUTHENTIC, "work", "9"},
                 {30, 29, 7, SW_LIMIT, "give", "7"},
                 {NONE, FRAMES - 1, NONE, SW_UNAUTHENTIC, "work", "299"},
                 {NONE, NONE, FRAMES - 1, SW_LIMIT, "give", "299"}};
    for (size_t lanes = 1; lanes <= SW_PIPELINE_LANES; lanes++)
        for (size_t i = 0; i < 2 * COUNT(cases); i++) {
            size_t c = i % COUNT(cases);
            job j = {.together = 1 + i / COUNT(cases),
                     .frames = FRAMES,
                     .fail_take = cases[c].take,
                     .fail_work = cases[c].work,
                     .fail_give = cases[c].give};
            sw_error err = {0};
            assert_int_equal(run(&j, lanes, &err), cases[c].status);
            assert_string_equal(err.word, cases[c].word);
            assert_string_equal(err.message, cases[c].message);
            /* all before it, nothing from it on */
            assert_int_equal(j.given, strtoull(cases[c].message, NULL, 10));
        }
}

static void test_lanes_have_bounds(void **state) {
    (void)state;
    job j = {.together = 1, .frames = 1, .fail_take = NONE, .fail_work = NONE, .fail_give = NONE};
    assert_int_equal(run(&j, 0, NULL), SW_USAGE);
    assert_int_equal(run(&j, SW_PIPELINE_LANES + 1, NULL), SW_USAGE);
    j.together = 0;
    assert_int_equal(run(&j, 1, NULL), SW_USAGE);
    j.together = SW_PIPELINE_TOGETHER + 1;
    assert_int_equal(run(&j, 1, NULL), SW_USAGE);
    assert_int_equal(j.taken, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_the_first_failure_wins),
        cmocka_unit_test(test_lanes_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
