/* SPDX-License-Identifier: Apache-2.0
 *
 * A device that is judged again, with manifests and OCSP answers that held before and on one thread
 * or three, takes nothing from the allocator (EVD-106).
 */
#include "attest/gpu_answers.h"
#include "attest/requests.h"

static size_t requests_of(rig *r) {
    sw_error err = {0};
    size_t before = requests;
    sw_status status = rig_judge(r, NULL, &err);
    size_t taken = requests - before;
    if (status != SW_OK) fail_msg("%s", err.message);
    assert_true(claims[0].revocation_checked);
    sw_arena_rewind(r->memory, (sw_arena_place){0});
    return taken;
}

static void test_answers(void **state) {
    (void)state;
    for (size_t lanes = 1; lanes <= 3; lanes += 2) {
        static sw_gpu_known known;
        SW_SCOPED(sw_arena) memory = {0};
        rig r;
        bag b;
        rig_open(&r);
        rig_add(&r, (gpu_plan){.serial = 800, .feature = -1, .nonce = 1});
        bag_open(&b, &r.made[0], 0, NULL);
        rig_answers(&r, &b);
        r.known = &known;
        r.memory = &memory;
        assert_int_equal(sw_pool_open(lanes, &r.pool, NULL), SW_OK);
        assert_true(requests_of(&r) > 10);
        for (size_t i = 0; i < 20; i++, r.at_ms += 1000) assert_int_equal(requests_of(&r), 0);
        sw_pool_close(&r.pool);
        sw_gpu_known_free(&known);
        bag_close(&b);
        rig_close(&r);
    }
}

int main(void) {
    if (!requests_begin()) return 1;
    gpu_maker_open();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers)};
    int failed = cmocka_run_group_tests_name("warm_gpu", tests, NULL, NULL);
    gpu_maker_close();
    return failed;
}
