/* SPDX-License-Identifier: Apache-2.0
 *
 * OCSP answers over the certificates of devices and manifests (GPU-060 to GPU-063): what all of
 * them together prove, what one that is missing leaves open, and each way in which one refuses.
 */
#include "attest/gpu_answers.h"

static rig one;
static bag answers;

static int start(void **state) {
    (void)state;
    gpu_maker_open();
    rig_open(&one);
    rig_add(&one, (gpu_plan){.serial = 800, .feature = -1, .nonce = 1});
    bag_open(&answers, &one.made[0], 0, NULL);
    rig_answers(&one, &answers);
    return 0;
}

static int end(void **state) {
    (void)state;
    bag_close(&answers);
    rig_close(&one);
    gpu_maker_close();
    return 0;
}

static void test_all_good(void **state) {
    (void)state;
    check_good(&one);
    assert_true(claims[0].revocation_checked);
    assert_int_equal(claims[0].valid_from_ms, GPU_NOW - GPU_DAY);
    assert_int_equal(claims[0].valid_until_ms, GPU_NOW + GPU_DAY);
    assert_int_equal(sw_gpu_policy_check(&one.policy, claims, 1, one.at_ms, NULL, NULL), SW_OK);
    one.at_ms = GPU_NOW + GPU_DAY;
    check_refused(&one, "an OCSP answer is out of date");
    one.at_ms = GPU_NOW - GPU_DAY - 1;
    check_refused(&one, "an OCSP answer is of the future");
}

static void test_one_missing(void **state) {
    (void)state;
    for (size_t i = 0; i < ANSWERS; i++) {
        sw_error err = {0};
        sw_bytes kept = one.ocsp[i];
        one.ocsp[i] = one.ocsp[--one.ocsp_count];
        check_good(&one);
        assert_false(claims[0].revocation_checked);
        assert_int_equal(sw_gpu_policy_check(&one.policy, claims, 1, one.at_ms, NULL, &err),
                         SW_REFUSED);
        assert_non_null(strstr(err.message, "has no OCSP answer"));
        one.ocsp[one.ocsp_count++] = one.ocsp[i];
        one.ocsp[i] = kept;
    }
    one.ocsp_count = 0;
    check_good(&one);
    assert_false(claims[0].revocation_checked);
    assert_int_equal(claims[0].valid_until_ms, GPU_NOW + 400 * GPU_DAY);
}

static void check_bent(size_t place, answer bent, const char *sentence) {
    bag b;
    bag_open(&b, &one.made[0], place, &bent);
    rig_answers(&one, &b);
    check_refused(&one, sentence);
    bag_close(&b);
}

static void test_bent(void **state) {
    (void)state;
    answer bent = good_answer(&gpu_maker.family, &gpu_maker.root);
    bent.status = V_OCSP_CERTSTATUS_REVOKED;
    check_bent(BOOT, bent,
               "GPU 0: certificate 1 of the device's chain: OCSP answer 0: a certificate is "
               "revoked (reason -1)");
    bent.reason = 6;
    check_bent(PROVISIONER, bent, "OCSP answer 1: a certificate is revoked (reason 6, on hold)");
    bent.reason = 1;
    check_bent(RIM_SIGNER, bent,
               "certificate 0 of the driver manifest's chain: OCSP answer 3: a certificate is "
               "revoked (reason 1)");
    bent = good_answer(&gpu_maker.family, &gpu_maker.root);
    bent.status = V_OCSP_CERTSTATUS_UNKNOWN;
    check_bent(BOOT, bent, "a certificate is not known to its issuer");
    bent = good_answer(&gpu_maker.family, &gpu_maker.root);
    bent.until = GPU_NOW;
    check_bent(RIM_SIGNER, bent, "OCSP answer 3: an OCSP answer is out of date");
    bent.until = 0;
    check_bent(BOOT, bent, "does not say when the next one comes");
}

/* One more answer beside the good ones. */
static void check_more(answer a, const gpu_party *issuer, const char *sentence) {
    put_answer(&answers, a, issuer);
    rig_answers(&one, &answers);
    if (sentence == NULL)
        check_good(&one);
    else
        check_refused(&one, sentence);
    sw_buffer_free(&answers.der[--answers.count]);
}

static void test_more(void **state) {
    (void)state;
    const gpu_party *provisioner = &gpu_maker.provisioner;
    answer second = good_answer(&one.made[0].boot, provisioner);
    check_more(second, provisioner, NULL);
    second.status = V_OCSP_CERTSTATUS_REVOKED; /* after a good one it is still a revocation */
    check_more(second, provisioner, "OCSP answer 5: a certificate is revoked");
    answer leaf = good_answer(&one.made[0].leaf, &one.made[0].boot);
    check_more(leaf, &one.made[0].boot, "OCSP answer 5 is of no certificate here");
    answer forged = good_answer(&one.made[0].boot, provisioner);
    check_more(forged, &gpu_maker.family, "OCSP answer 5"); /* signed by another */
    one.ocsp[5] = SW_LITERAL("no answer");
    one.ocsp_count = 6;
    check_refused(&one, "GPU 0: certificate 1 of the device's chain: OCSP answer 5");
}

/* Answers of authorities are shared; each device needs one of its own. */
static void test_two_devices(void **state) {
    (void)state;
    rig_add(&one, (gpu_plan){.serial = 801, .feature = -1, .nonce = 1});
    check_good(&one);
    assert_true(claims[0].revocation_checked);
    assert_false(claims[1].revocation_checked);
    one.policy.count = 2;
    assert_int_equal(sw_gpu_policy_check(&one.policy, claims, 2, one.at_ms, NULL, NULL),
                     SW_REFUSED);
    put_answer(&answers, good_answer(&one.made[1].boot, &gpu_maker.provisioner),
               &gpu_maker.provisioner);
    rig_answers(&one, &answers);
    check_good(&one);
    assert_true(claims[0].revocation_checked && claims[1].revocation_checked);
    assert_int_equal(sw_gpu_policy_check(&one.policy, claims, 2, one.at_ms, NULL, NULL), SW_OK);
}

/* ---- how old (GPU-087, GPU-088) ---- */
static void check_age(const sw_gpu_policy *p, const char *sentence) {
    sw_error err = {0};
    check_good(&one);
    sw_status status = sw_gpu_policy_check(p, claims, one.count, one.at_ms, NULL, &err);
    if (sentence == NULL && status != SW_OK) fail_msg("%s", err.message);
    if (sentence == NULL) return;
    assert_int_equal(status, SW_REFUSED);
    assert_string_equal(err.word, "policy");
    if (strstr(err.message, sentence) == NULL) fail_msg("%s", err.message);
}

/* Every answer is good for months: what ends it is the bound, at the moment that is judged. */
static void test_answers_age(void **state) {
    (void)state;
    for (size_t place = 0; place < ANSWERS; place++) {
        bag b;
        answer bent = good_answer(&gpu_maker.family, &gpu_maker.root);
        sw_gpu_policy p = one.policy;
        bent.from = GPU_NOW - 3 * GPU_DAY;
        bent.until = GPU_NOW + 90 * GPU_DAY;
        bag_open(&b, &one.made[0], place, &bent);
        rig_answers(&one, &b);
        check_age(&p, "an OCSP answer is of 2026-09-18T14:13:20Z, older than accepted");
        p.ocsp_max_age_ms = 3 * GPU_DAY;
        check_age(&p, NULL);
        one.at_ms++;
        check_age(&p, "older than accepted");
        one.at_ms -= 2;
        check_age(&p, NULL);
        one.at_ms = GPU_NOW;
        bag_close(&b);
    }
}

/* Of two answers about one certificate the newer says how it stands. */
static void test_newer_answer(void **state) {
    (void)state;
    bag b;
    answer bent = good_answer(&gpu_maker.family, &gpu_maker.root);
    bent.from = GPU_NOW - 3 * GPU_DAY;
    bag_open(&b, &one.made[0], BOOT, &bent);
    put_answer(&b, good_answer(&one.made[0].boot, &gpu_maker.provisioner), &gpu_maker.provisioner);
    rig_answers(&one, &b);
    check_age(&one.policy, NULL);
    bag_close(&b);
}

/* The signer's own certificate counts: one of an authority that was renewed makes nothing younger.
 */
static void test_manifests_age(void **state) {
    (void)state;
    sw_gpu_policy p = one.policy;
    p.rim_max_age_ms = 100 * GPU_DAY; /* exactly: the forged signer is as old */
    check_age(&p, NULL);
    p.rim_max_age_ms--;
    check_age(&p, "a manifest's signer is certified since 2026-06-13T14:13:20Z, longer than");
    p.rim_max_age_ms = 0; /* the default */
    check_age(&p, NULL);
}

/* ---- known from before (GPU-043) ---- */
/* One who answers in the provisioner's name, until shortly before the answers end. */
static void delegate_open(gpu_party *p) {
    sw_cert_plan plan = {.common_name = "Forged Responder",
                         .serial = 4711,
                         .not_before_ms = GPU_NOW - 90 * GPU_DAY,
                         .not_after_ms = GPU_NOW + GPU_DAY / 2,
                         .extension_oid = "2.5.29.37",
                         .extension = SW_LITERAL(OCSP_SIGNING)};
    gpu_certify(p, &plan, &gpu_maker.provisioner);
}

/* The boot ROM's certificate is spoken for by a delegate, all others by their issuers. */
static void bag_delegated(bag *b, const gpu_party *delegate) {
    answer a = good_answer(&one.made[0].boot, &gpu_maker.provisioner);
    signer by = signer_of(delegate);
    bag_open(b, &one.made[0], 0, NULL);
    a.by = &by;
    a.flags = 0; /* with the delegate's certificate */
    answer_make(&a, &b->der[BOOT]);
    EVP_PKEY_free(by.evp);
}

static void known_refused(const char *sentence) {
    check_refused(&one, sentence);
    one.known = NULL;
    check_refused(&one, sentence); /* in the same words as by one who knows nothing */
}

static void test_known_answers(void **state) {
    (void)state;
    static sw_gpu_known known;
    bag b;
    gpu_party delegate = {0};
    delegate_open(&delegate);
    bag_delegated(&b, &delegate);
    rig_answers(&one, &b);
    one.known = &known;
    for (int round = 0; round < 3; round++) {
        check_good(&one);
        assert_int_equal(known.answers_kept, ANSWERS);
        assert_true(claims[0].revocation_checked);
        assert_int_equal(claims[0].ocsp_from_ms, GPU_NOW - GPU_DAY);
        assert_int_equal(claims[0].valid_until_ms, GPU_NOW + GPU_DAY / 2); /* the delegate's */
    }
    one.at_ms = GPU_NOW + GPU_DAY / 2 + 1000;
    known_refused("the signer of an OCSP answer is not certified by the issuer: certificate has "
                  "expired");
    one.known = &known;
    one.at_ms = GPU_NOW - GPU_DAY - 1;
    known_refused("an OCSP answer is of the future");
    one.known = &known;
    one.at_ms = GPU_NOW;
    for (size_t place = 0; place < ANSWERS; place++)
        for (size_t at = place; at < b.der[place].size; at += 7) {
            b.der[place].data[at] ^= (uint8_t)(1 << at % 8);
            if (rig_judge(&one, NULL, NULL) == SW_OK) fail_msg("answer %zu, byte %zu", place, at);
            b.der[place].data[at] ^= (uint8_t)(1 << at % 8);
        }
    assert_int_equal(known.answers_kept, ANSWERS);
    one.ocsp[BOOT] = one.ocsp[PROVISIONER]; /* known of another certificate, it is none of this */
    check_good(&one);
    assert_false(claims[0].revocation_checked);
    bag_close(&b);
    sw_cert_free(&delegate.cert);
    sw_gpu_known_free(&known);
}

/* A revocation that comes in the meantime counts, whatever was known. */
static void test_known_then_revoked(void **state) {
    (void)state;
    static sw_gpu_known known;
    one.known = &known;
    check_good(&one);
    answer bent = good_answer(&gpu_maker.family, &gpu_maker.root);
    bent.status = V_OCSP_CERTSTATUS_REVOKED;
    for (size_t place = 0; place < ANSWERS; place++)
        check_bent(place, bent, "a certificate is revoked");
    assert_int_equal(known.answers_kept, ANSWERS);
    rig_answers(&one, &answers);
    check_good(&one);
    sw_gpu_known_free(&known);
}

static void test_flips(void **state) {
    (void)state;
    sw_buffer *der = &answers.der[RIM_SIGNER];
    for (size_t at = 0; at < der->size; at += 3) {
        der->data[at] ^= (uint8_t)(1 << at % 8);
        if (rig_judge(&one, NULL, NULL) == SW_OK) fail_msg("byte %zu", at);
        der->data[at] ^= (uint8_t)(1 << at % 8);
    }
    check_good(&one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_good, start, end),
        cmocka_unit_test_setup_teardown(test_one_missing, start, end),
        cmocka_unit_test_setup_teardown(test_bent, start, end),
        cmocka_unit_test_setup_teardown(test_more, start, end),
        cmocka_unit_test_setup_teardown(test_two_devices, start, end),
        cmocka_unit_test_setup_teardown(test_answers_age, start, end),
        cmocka_unit_test_setup_teardown(test_newer_answer, start, end),
        cmocka_unit_test_setup_teardown(test_manifests_age, start, end),
        cmocka_unit_test_setup_teardown(test_known_answers, start, end),
        cmocka_unit_test_setup_teardown(test_known_then_revoked, start, end),
        cmocka_unit_test_setup_teardown(test_flips, start, end),
    };
    return cmocka_run_group_tests_name("gpu revocation", tests, NULL, NULL);
}
