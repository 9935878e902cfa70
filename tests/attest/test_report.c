/* SPDX-License-Identifier: Apache-2.0
 *
 * Report data against an independent implementation, and that every field of a binding counts.
 */
#include "attest/attest.h"
#include "attest/golden_report.h"
#include "crypto/vector.h"

#include <string.h>

static sw_p256_public key_of(uint8_t n) {
    sw_p256_public key;
    memset(key.b, n, sizeof key.b);
    key.b[0] = 4;
    return key;
}

static sw_hash counting(void) {
    sw_hash h;
    for (uint8_t i = 0; i < 32; i++) h.b[i] = i;
    return h;
}

static sw_channel_binding channel(void) {
    return (sw_channel_binding){
        .role = SW_ROLE_KMS, .challenge = counting(), .own_tls = key_of(1), .peer_tls = key_of(2)};
}

static sw_report_data report_of(const sw_channel_binding *b) {
    sw_report_data made;
    assert_int_equal(sw_report_channel(&made, b, NULL), SW_OK);
    return made;
}

static void test_golden(void **state) {
    (void)state;
    sw_p256_public response = key_of(3), manifest = key_of(4);
    sw_channel_binding b = channel();
    sw_report_data r = report_of(&b);
    assert_hex(r.b, sizeof r.b, GOLDEN_CHANNEL_KMS);
    b.role = SW_ROLE_MACHINE;
    b.purpose = SW_PURPOSE_TRAIN;
    b.response = &response;
    b.manifest = &manifest;
    r = report_of(&b);
    assert_hex(r.b, sizeof r.b, GOLDEN_CHANNEL_TRAIN);
    b.purpose = SW_PURPOSE_OPEN;
    b.gpu_evidence = SW_LITERAL("gpu evidence");
    r = report_of(&b);
    assert_hex(r.b, sizeof r.b, GOLDEN_CHANNEL_GPU);
    sw_hash nonce = counting(), boot = {{0}};
    sw_p256_public root = key_of(5), receipt = key_of(6), tls = key_of(7);
    sw_report_kms_root(&r, &nonce, &boot, &root, &receipt, &tls);
    assert_hex(r.b, sizeof r.b, GOLDEN_KMS_ROOT);
    sw_report_manifest(&r, &nonce);
    assert_hex(r.b, sizeof r.b, GOLDEN_MANIFEST);
}

/* One change in any field is another value; a key moved to the next field is another as well. */
static void test_every_field_counts(void **state) {
    (void)state;
    sw_p256_public extra = key_of(9);
    sw_channel_binding all[9];
    for (size_t i = 0; i < COUNT(all); i++) all[i] = channel();
    all[1].role = SW_ROLE_MACHINE;
    all[2].purpose = SW_PURPOSE_REPLAY;
    all[3].challenge.b[31] ^= 1;
    all[4].own_tls.b[64] ^= 1;
    all[5].peer_tls.b[1] ^= 1;
    all[6].response = &extra;
    all[7].manifest = &extra;
    all[8].gpu_evidence = SW_BYTES_OF(extra.b);
    for (size_t i = 0; i < COUNT(all); i++)
        for (size_t k = 0; k < i; k++) {
            sw_report_data x = report_of(&all[i]), y = report_of(&all[k]);
            assert_memory_not_equal(x.b, y.b, sizeof x.b);
        }
}

static void test_unknown(void **state) {
    (void)state;
    sw_channel_binding b = channel();
    sw_report_data r = {{7}};
    sw_purpose p = SW_PURPOSE_NONE;
    b.role = (sw_role)2;
    assert_int_equal(sw_report_channel(&r, &b, NULL), SW_USAGE);
    b.role = SW_ROLE_KMS;
    b.purpose = (sw_purpose)5;
    assert_int_equal(sw_report_channel(&r, &b, NULL), SW_USAGE);
    assert_int_equal(r.b[0], 7);
    static const char *const names[] = {"none", "train", "resume", "replay", "open"};
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_true(sw_purpose_parse(sw_text(names[i]), &p));
        assert_int_equal(p, i);
        assert_string_equal(sw_purpose_name(p), names[i]);
    }
    assert_false(sw_purpose_parse(SW_LITERAL("Train"), &p));
    assert_false(sw_purpose_parse(SW_LITERAL(""), &p));
    assert_string_equal(sw_purpose_name((sw_purpose)9), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_every_field_counts),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
