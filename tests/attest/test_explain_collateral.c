/* SPDX-License-Identifier: Apache-2.0
 *
 * Revocation lists as people read them, line by line.
 */
#include "attest/explain.h"
#include "crypto/pki.h"

static void a_list_names_what_it_revokes(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(4096);
    const uint64_t revoked[] = {8, 0x1234};
    assert_int_equal(
        sw_crl_make(house.mid.cert, house.mid.secret, 0, 86400000, 1, revoked, 2, &der, NULL),
        SW_OK);
    assert_int_equal(sw_list_explain(sw_buffer_bytes(&der), &text, NULL), SW_OK);
    sw_put_u8(&text, 0);
    assert_string_equal((const char *)text.data,
                        "revocation list\n"
                        "  valid                    1970-01-01T00:00:00Z to 1970-01-02T00:00:00Z\n"
                        "  issuer                   Test Platform CA\n"
                        "  revoked certificates     2\n"
                        "    08 of 1970-01-01T00:00:00Z\n"
                        "    1234 of 1970-01-01T00:00:00Z\n");
}

static void what_does_not_fit_is_said(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(100);
    const uint64_t revoked[] = {8};
    assert_int_equal(
        sw_crl_make(house.mid.cert, house.mid.secret, 0, 86400000, 1, revoked, 1, &der, NULL),
        SW_OK);
    assert_int_equal(sw_list_explain(sw_buffer_bytes(&der), &text, NULL), SW_LIMIT);
    assert_int_equal(sw_list_explain(SW_LITERAL("0\0"), &text, NULL), SW_MALFORMED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_names_what_it_revokes),
        cmocka_unit_test(what_does_not_fit_is_said),
    };
    return cmocka_run_group_tests(tests, build, tear);
}
