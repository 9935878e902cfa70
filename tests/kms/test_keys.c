/* SPDX-License-Identifier: Apache-2.0
 *
 * Who gets keys and who does not: the rules of docs/formats/kms.md (KMS-051) one by one, against
 * the service without sockets.
 */
#include "kms/world.h"

static void test_granted(void **state) {
    (void)state;
    world *w = world_ready();
    sw_grant g = keys_granted(w, (ask){0});
    assert_true(sw_hash_equal(&g.compose, &w->x));
    assert_int_equal(g.number, 1);
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_granted),
    };
    return cmocka_run_group_tests_name("kms/keys", tests, NULL, NULL);
}
