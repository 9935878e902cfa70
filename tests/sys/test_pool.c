/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool: every index once, lanes in range, jobs in a row, nothing allocated while it runs.
 */
#include "cmocka_plain.h"
#include "sys/pool.h"

#include <malloc.h>
#include <stdatomic.h>
#include <string.h>

enum { MOST = 1000 };

typedef struct tally {
    atomic_uint runs[MOST];
    atomic_uint busy[256]; /* by lane: must never be entered twice at once */
    size_t lanes;
    atomic_bool broken;
} tally;

static void count(void *context, size_t index, size_t lane) {
    tally *t = context;
    if (index >= MOST || lane >= t->lanes || atomic_fetch_add(&t->busy[lane], 1) != 0)
        atomic_store(&t->broken, true);
    atomic_fetch_add(&t->runs[index], 1);
    atomic_fetch_sub(&t->busy[lane], 1);
}

static void every_index_runs_once(void **state) {
    (void)state;
    static const size_t lanes[] = {1, 2, 3, 8, 64};
    static const size_t counts[] = {0, 1, 2, 7, MOST};
    for (size_t i = 0; i < sizeof lanes / sizeof lanes[0]; i++) {
        sw_pool *pool = NULL;
        assert_int_equal(sw_pool_open(lanes[i], &pool, NULL), SW_OK);
        assert_int_equal(sw_pool_lanes(pool), lanes[i]);
        for (size_t j = 0; j < sizeof counts / sizeof counts[0]; j++) {
            static tally t;
            memset(&t, 0, sizeof t);
            t.lanes = lanes[i];
            sw_pool_run(pool, counts[j], count, &t);
            for (size_t k = 0; k < MOST; k++)
                assert_int_equal(atomic_load(&t.runs[k]), k < counts[j] ? 1 : 0);
            assert_false(atomic_load(&t.broken));
        }
        sw_pool_close(&pool);
        assert_null(pool);
    }
}

static void add(void *context, size_t index, size_t lane) {
    uint64_t *sums = context;
    (void)lane;
    sums[index] += index + 1;
}

/* A job sees what the job before it wrote, and the caller sees all of it. */
static void jobs_in_a_row_see_each_other(void **state) {
    (void)state;
    sw_pool *pool = NULL;
    uint64_t sums[16] = {0};
    assert_int_equal(sw_pool_open(4, &pool, NULL), SW_OK);
    struct mallinfo2 before = mallinfo2();
    for (int job = 0; job < 20000; job++) sw_pool_run(pool, 16, add, sums);
    struct mallinfo2 after = mallinfo2();
    for (size_t i = 0; i < 16; i++) assert_true(sums[i] == 20000 * (i + 1));
    assert_int_equal(before.uordblks, after.uordblks);
    sw_pool_close(&pool);
}

static void bad_pools_are_refused(void **state) {
    (void)state;
    sw_pool *pool = NULL;
    sw_error err = {0};
    assert_int_equal(sw_pool_open(0, &pool, &err), SW_USAGE);
    assert_int_equal(sw_pool_open(257, &pool, &err), SW_USAGE);
    assert_int_equal(sw_pool_open(SIZE_MAX, &pool, &err), SW_USAGE);
    assert_null(pool);
    sw_pool_close(&pool);
    sw_pool_close(NULL);
    assert_true(sw_cpu_count() >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_runs_once),
        cmocka_unit_test(jobs_in_a_row_see_each_other),
        cmocka_unit_test(bad_pools_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
