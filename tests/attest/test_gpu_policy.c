/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of devices that verified (GPU-080 to GPU-085): their number, serials and drivers,
 * revocation, and the nonce of the moment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "attest/gpu.h"
#include "codec/text.h"

#include <string.h>

#define NOW INT64_C(1790000000000)
#define DAY INT64_C(86400000)

static sw_gpu_claims three[3]; /* two GPUs and a switch */
static sw_gpu_policy open_policy;

static int start(void **state) {
    (void)state;
    memset(three, 0, sizeof three);
    for (size_t i = 0; i < 3; i++) {
        three[i].serial = (sw_gpu_serial){2, {7, (uint8_t)i}};
        three[i].revocation_checked = true;
        three[i].ocsp_from_ms = three[i].rim_from_ms = NOW;
        memset(three[i].nonce, 0x61, sizeof three[i].nonce);
    }
    strcpy(three[0].driver, "570.1");
    strcpy(three[1].driver, "570.2");
    three[2].is_switch = true;
    open_policy = (sw_gpu_policy){.count = 2, .any_device = true, .any_driver = true};
    return 0;
}

static void check_refused(const sw_gpu_policy *p, size_t count, const char *sentence) {
    sw_error err = {0};
    assert_int_equal(sw_gpu_policy_check(p, three, count, NOW, NULL, &err), SW_REFUSED);
    assert_string_equal(err.word, "policy");
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
}

static void check_good(const sw_gpu_policy *p, size_t count) {
    sw_error err = {0};
    if (sw_gpu_policy_check(p, three, count, NOW, NULL, &err) != SW_OK) fail_msg("%s", err.message);
}

static void test_count(void **state) {
    (void)state;
    sw_gpu_policy p = open_policy;
    check_good(&p, 3);
    check_good(&p, 2);
    check_refused(&p, 1, "shows 1 GPUs, and the machine policy says 2");
    p.count = 3;
    check_refused(&p, 3, "shows 2 GPUs, and the machine policy says 3");
    p.count = 0;
    check_good(&p, 0);
    check_refused(&p, 2, "shows 2 GPUs, and the machine policy says 0");
    three[0].is_switch = three[1].is_switch = true;
    check_refused(&p, 3, "shows switches, and the machine policy says no GPUs");
}

/* GPU-086 */
static void test_protected_pcie(void **state) {
    (void)state;
    sw_gpu_policy p = open_policy;
    uint16_t kept = three[1].feature;
    three[1].feature = 2;
    check_good(&p, 3);
    check_refused(&p, 2, "came without the switches");
    sw_error err = {0}; /* with a policy or without one */
    assert_int_equal(sw_gpu_default_check(three, 2, NOW, NULL, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "came without the switches"));
    assert_int_equal(sw_gpu_default_check(three, 3, NOW, NULL, &err), SW_OK);
    three[1].feature = kept;
    check_good(&p, 2);
    assert_int_equal(sw_gpu_default_check(three, 2, NOW, NULL, &err), SW_OK);
    three[0].ocsp_from_ms = NOW - DAY - 1;
    assert_int_equal(sw_gpu_default_check(three, 2, NOW, NULL, &err), SW_REFUSED);
}

static void test_serials(void **state) {
    (void)state;
    sw_gpu_policy p = open_policy;
    p.any_device = false;
    check_refused(&p, 3, "device 0 (serial 0700) is not one");
    for (size_t i = 0; i < 2; i++) p.devices[p.device_count++] = three[i].serial;
    check_good(&p, 2);
    check_refused(&p, 3, "device 2 (serial 0702) is not one"); /* a switch is named as well */
    p.devices[p.device_count++] = three[2].serial;
    check_good(&p, 3);
    p.devices[1].size = 1; /* the beginning of a serial is another serial */
    check_refused(&p, 3, "device 1 (serial 0701) is not one");
}

static void test_drivers(void **state) {
    (void)state;
    sw_gpu_policy p = open_policy;
    p.any_driver = false;
    check_refused(&p, 3, "GPU 0 runs driver 570.1, which");
    strcpy(p.drivers[0], "570.1");
    p.driver_count = 1;
    check_refused(&p, 3, "GPU 1 runs driver 570.2, which");
    strcpy(p.drivers[1], "570.2");
    check_refused(&p, 3, "GPU 1 runs driver 570.2, which");
    p.driver_count = 2;
    check_good(&p, 3); /* a switch has none */
}

static void test_revocation(void **state) {
    (void)state;
    sw_gpu_policy p = open_policy;
    three[2].revocation_checked = false;
    check_good(&p, 2);
    check_refused(&p, 3, "device 2: a certificate of it or of its manifests has no OCSP answer");
}

/* The oldest of all devices counts, by a bound that is there without being written (GPU-087,
 * GPU-088). */
static void test_age(void **state) {
    (void)state;
    sw_gpu_policy p = open_policy;
    three[1].ocsp_from_ms = NOW - DAY;
    check_good(&p, 3);
    three[1].ocsp_from_ms--;
    check_refused(&p, 3, "an OCSP answer is of 2026-09-20T14:13:19Z, older than accepted");
    p.ocsp_max_age_ms = DAY + 1;
    check_good(&p, 3);
    for (size_t i = 0; i < 3; i++) three[i].ocsp_from_ms = INT64_MAX; /* no answers */
    p.ocsp_max_age_ms = 0;
    check_good(&p, 3);
    three[2].rim_from_ms = NOW - 731 * DAY;
    check_good(&p, 3);
    three[2].rim_from_ms--;
    check_refused(&p, 3, "a manifest's signer is certified since 2024-09-20T14:13:19Z, longer");
    p.rim_max_age_ms = 731 * DAY + 1;
    check_good(&p, 3);
    p.rim_max_age_ms = 30 * DAY;
    check_refused(&p, 3, "longer than accepted");
}

/* ---- freshness ---- */
static void check_stale(size_t count, const sw_hash *nonce, const char *sentence) {
    sw_error err = {0};
    assert_int_equal(sw_gpu_fresh(three, count, nonce, &err), SW_REFUSED);
    assert_string_equal(err.word, "evidence");
    assert_non_null(strstr(err.message, sentence));
}

static void test_fresh(void **state) {
    (void)state;
    sw_hash nonce;
    memset(nonce.b, 0x61, sizeof nonce.b);
    assert_int_equal(sw_gpu_fresh(three, 3, &nonce, NULL), SW_OK);
    check_stale(0, &nonce, "there is no GPU evidence");
    for (size_t bit = 0; bit < 256; bit++) {
        three[1].nonce[bit / 8] ^= (uint8_t)(1 << bit % 8);
        check_stale(3, &nonce, "device 1 answered another nonce");
        three[1].nonce[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    static const char *const samples[] = {
        "4cff7f5380ead8fad8ec2c531c110aca4302a88f603792801a8ca29ee151af2e",
        "931d8dd0add203ac3d8b4fbde75e115278eefcdceac5b87671a748f32364dfcb"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sw_hex_decode(nonce.b, 32, sw_text(samples[i]), false, NULL), SW_OK);
        memcpy(three[0].nonce, nonce.b, sizeof nonce.b);
        assert_true(sw_gpu_nonce_known_test(nonce.b));
        check_stale(1, &nonce, "a nonce of public samples");
        nonce.b[31] ^= 1;
        assert_false(sw_gpu_nonce_known_test(nonce.b));
    }
}

/* SHA-256 over u32be length and bytes of label, challenge and key, by `hashlib` of Python 3. */
static void test_nonce(void **state) {
    (void)state;
    sw_hash challenge, nonce;
    sw_p256_public key;
    char hex[65];
    memset(challenge.b, 1, sizeof challenge.b);
    memset(key.b, 2, sizeof key.b);
    sw_gpu_nonce(&nonce, &challenge, &key);
    sw_hex_text(hex, SW_BYTES_OF(nonce.b));
    assert_string_equal(hex, "f4c4321a4798cae282bd77fb2710970150eae59022b9c8c821b6e49c2129d43f");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_count, start),
        cmocka_unit_test_setup(test_protected_pcie, start),
        cmocka_unit_test_setup(test_serials, start),
        cmocka_unit_test_setup(test_drivers, start),
        cmocka_unit_test_setup(test_revocation, start),
        cmocka_unit_test_setup(test_age, start),
        cmocka_unit_test_setup(test_fresh, start),
        cmocka_unit_test(test_nonce),
    };
    return cmocka_run_group_tests_name("gpu policy", tests, NULL, NULL);
}
