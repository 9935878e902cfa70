/* SPDX-License-Identifier: Apache-2.0
 *
 * Flipped evidence of every device of NVIDIA's at hand, every so many bytes. None holds.
 */
#include "attest/gpu_flips.h"

enum { FAR = 401 };

static void test_some_of_all(void **state) {
    (void)state;
    tally reports = {0}, chains = {0};
    size_t count = 0;
    DIR *all = opendir(VECTORS);
    assert_non_null(all);
    for (struct dirent *entry = readdir(all); entry != NULL; entry = readdir(all)) {
        vector v;
        bool there = entry->d_name[0] != '.' && vector_open(&v, entry->d_name);
        if (!there) continue;
        sw_arena_free(&v.arena);
        flip_all(entry->d_name, FAR, &reports, &chains);
        count++;
    }
    (void)closedir(all);
    say("reports", &reports);
    say("chains", &chains);
    assert_true(count >= 24 && reports.carried > 100 && chains.carried > 60);
    assert_int_equal(reports.held, 0);
    assert_int_equal(reports.unsigned_, 0);
    assert_int_equal(chains.held, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_some_of_all)};
    if (!vector_roots()) return vector_skip();
    return cmocka_run_group_tests_name("gpu flips", tests, NULL, NULL);
}
