/* SPDX-License-Identifier: Apache-2.0
 *
 * OCSP answers that PyPI's cryptography made (golden_ocsp.h): right ones are taken and say what
 * they were told to; those by signers that may not sign are refused (GPU-150 to GPU-157).
 */
#include "crypto/vector.h"
/* golden data second */
#include "crypto/golden_ocsp.h"

#include "crypto/ocsp.h"

#include <string.h>

#define NOW (INT64_C(1790000000) * 1000) /* 2026-09-21T14:13:20Z */
#define DAY ((int64_t)86400 * 1000)

static void check(const golden_answer *g, const sw_cert *leaf, const sw_cert *issuer,
                  sw_bytes answer) {
    sw_ocsp_verdict v;
    sw_error err = {0};
    sw_status status = sw_ocsp_verify(answer, leaf, issuer, NOW, &v, &err);
    if (g->message != NULL) {
        if (status != SW_REFUSED || strstr(err.message, g->message) == NULL)
            fail_msg("%s: %d \"%s\"", g->name, status, err.message);
        return;
    }
    if (status != SW_OK) fail_msg("%s: %s", g->name, err.message);
    assert_int_equal(v.state, g->revoked != 0 ? SW_OCSP_REVOKED : SW_OCSP_GOOD);
    assert_int_equal(v.reason, g->reason);
    assert_int_equal(v.this_update_ms, NOW - DAY);
    assert_int_equal(v.next_update_ms, NOW + DAY);
    if (g->revoked != 0) assert_int_equal(v.revoked_ms, NOW - 30 * DAY);
}

static void test_answers(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    size_t taken = 0;
    for (size_t i = 0; i < COUNT(golden_answers); i++) {
        const golden_answer *g = &golden_answers[i];
        sw_cert *issuer = NULL, *leaf = NULL;
        assert_int_equal(sw_cert_parse(unhex(&a, golden_issuers[g->house]), &issuer, NULL), SW_OK);
        assert_int_equal(sw_cert_parse(unhex(&a, golden_leafs[g->house]), &leaf, NULL), SW_OK);
        check(g, leaf, issuer, unhex(&a, g->answer));
        taken += g->message == NULL;
        sw_cert_free(&issuer);
        sw_cert_free(&leaf);
    }
    assert_int_equal(taken, COUNT(golden_answers) / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers)};
    return cmocka_run_group_tests_name("ocsp_foreign", tests, NULL, NULL);
}
