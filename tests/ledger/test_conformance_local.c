/* SPDX-License-Identifier: Apache-2.0
 *
 * The local ledger against the table of conformance.h.
 */
#include "ledger/conformance.h"

static void test_stories(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(stories); i++) {
        people p;
        sw_ledger *l = NULL;
        found_app(&p, 7, 3, 2);
        assert_int_equal(sw_ledger_open(&p.genesis, &l, NULL), SW_OK);
        local_keeper k = keep_local(&p, l);
        tell_story(&k.k, &stories[i]);
        sw_ledger_close(&l);
        part(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
