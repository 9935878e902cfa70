/* SPDX-License-Identifier: Apache-2.0
 *
 * The software machine: its folder, its boots, its evidence as the verifier sees it, its sealing
 * key and its counter.
 */
#include "attest/forge.h"
#include "sys/files.h"

#include <sys/stat.h>

static forge house;

static sw_machine *boot(const char *compose, uint8_t app) {
    sw_machine *m = NULL;
    sw_error err = {0};
    uint8_t app_id[20];
    memset(app_id, app, sizeof app_id);
    if (sw_machine_boot(house.machine, sw_text(compose), app_id, &house.entropy, &house.clock, &m,
                        &err) != SW_OK)
        fail_msg("%s", err.message);
    return m;
}

static sw_status judge(sw_machine *m, const sw_policy *policy, const char *compose,
                       sw_claims *claims, sw_error *err) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_hash hash;
    sw_sha256(&hash, sw_text(compose));
    SW_TRY(sw_machine_evidence(m, &house.report, &json, err));
    const sw_question question = {.report = &house.report, .compose = &hash};
    return sw_attest(sw_buffer_bytes(&json), policy, FORGE_NOW, &question, claims, err);
}

static void test_boots(void **state) {
    (void)state;
    sw_machine *a = boot("{}", 1), *b = boot("{}", 1), *c = boot("{ }", 1), *d = boot("{}", 2);
    sw_claims ca, cb, cc, cd;
    sw_error err = {0};
    assert_int_equal(sw_machine_platform(a), SW_PLATFORM_SIM);
    assert_int_equal(judge(a, &house.policy, "{}", &ca, &err), SW_OK);
    assert_int_equal(judge(b, &house.policy, "{}", &cb, &err), SW_OK);
    assert_int_equal(judge(c, &house.policy, "{ }", &cc, &err), SW_OK);
    assert_int_equal(judge(d, &house.policy, "{}", &cd, &err), SW_OK);
    assert_memory_equal(ca.rtmr, cb.rtmr, sizeof ca.rtmr);
    assert_memory_not_equal(ca.rtmr[3], cc.rtmr[3], 48);
    assert_memory_not_equal(ca.rtmr[3], cd.rtmr[3], 48);
    assert_memory_equal(ca.instance_id, cc.instance_id, 20);
    assert_memory_not_equal(ca.instance_id, cd.instance_id, 20);
    assert_int_equal(judge(c, &house.policy, "{}", &cc, &err), SW_REFUSED);
    sw_machine_close(&a);
    sw_machine_close(&b);
    sw_machine_close(&c);
    sw_machine_close(&d);
    sw_machine_close(&d);
}

static void test_names(void **state) {
    (void)state;
    static const struct {
        const char *where;
        sw_status status;
        const char *word;
    } table[] = {
        {"", SW_USAGE, "usage"},        {"sim", SW_USAGE, "usage"},
        {"sim:", SW_USAGE, "usage"},    {"tdx:1", SW_USAGE, "usage"},
        {"dstack:", SW_USAGE, "usage"}, {"sim:tests/machine", SW_MISSING, "missing"},
        {"tdx ", SW_USAGE, "usage"},    {"dstack:tests/machine", SW_MISSING, "missing"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        sw_machine *m = NULL;
        sw_error err = {0};
        assert_int_equal(sw_machine_boot(table[i].where, SW_LITERAL("{}"), house.app_id,
                                         &house.entropy, &house.clock, &m, &err),
                         table[i].status);
        assert_null(m);
        assert_string_equal(err.word, table[i].word);
    }
}

static void test_sealing_key(void **state) {
    (void)state;
    sw_machine *machines[4] = {boot("{}", 1), boot("{}", 1), boot("{ }", 1), boot("{}", 2)};
    sw_file_key *keys[4];
    for (size_t i = 0; i < 4; i++) {
        keys[i] = sw_file_key_new();
        assert_non_null(keys[i]);
        assert_int_equal(sw_machine_sealing_key(machines[i], keys[i], NULL), SW_OK);
        sw_machine_close(&machines[i]);
    }
    assert_memory_equal(keys[0]->b, keys[1]->b, 32);
    assert_memory_not_equal(keys[0]->b, keys[2]->b, 32);
    assert_memory_not_equal(keys[0]->b, keys[3]->b, 32);
    for (size_t i = 0; i < 4; i++) sw_file_key_drop(&keys[i]);
}

/* Another image: other measurements, another sealing key, refused by the old policy. */
static void test_images(void **state) {
    (void)state;
    forge f;
    forge_open(&f);
    sw_claims claims;
    sw_error err = {0};
    sw_policy later;
    sw_file_key *before = sw_file_key_new(), *after = sw_file_key_new();
    sw_machine *m = NULL;
    assert_int_equal(
        sw_machine_boot(f.machine, f.compose_text, f.app_id, &f.entropy, &f.clock, &m, NULL),
        SW_OK);
    assert_int_equal(sw_machine_sealing_key(m, before, NULL), SW_OK);
    sw_machine_close(&m);
    assert_int_equal(sw_sim_add_image(f.folder, "spare", false, &f.entropy, NULL), SW_OK);
    assert_int_equal(sw_sim_policy(f.folder, &later, NULL), SW_OK);
    assert_memory_equal(later.images[0].mrtd, f.policy.images[0].mrtd, 48);
    assert_int_equal(sw_sim_add_image(f.folder, "second", true, &f.entropy, NULL), SW_OK);
    assert_int_equal(sw_sim_policy(f.folder, &later, NULL), SW_OK);
    assert_string_equal(later.images[0].name, "second");
    assert_int_equal(
        sw_machine_boot(f.machine, f.compose_text, f.app_id, &f.entropy, &f.clock, &m, NULL),
        SW_OK);
    assert_int_equal(sw_machine_sealing_key(m, after, NULL), SW_OK);
    assert_memory_not_equal(before->b, after->b, 32);
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    assert_int_equal(sw_machine_evidence(m, &f.report, &json, NULL), SW_OK);
    const sw_question question = {.report = &f.report, .compose = &f.compose};
    assert_int_equal(
        sw_attest(sw_buffer_bytes(&json), &f.policy, FORGE_NOW, &question, &claims, &err),
        SW_REFUSED);
    assert_string_equal(err.word, "policy");
    assert_int_equal(sw_attest(sw_buffer_bytes(&json), &later, FORGE_NOW, &question, &claims, &err),
                     SW_OK);
    assert_string_equal(claims.image, "second");
    sw_machine_close(&m);
    sw_file_key_drop(&before);
    sw_file_key_drop(&after);
    forge_close(&f);
}

static void test_image_names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        sw_status status;
    } table[] = {
        {"sim", SW_EXISTS},
        {"", SW_USAGE},
        {"a b", SW_USAGE},
        {"a/b", SW_USAGE},
        {"0123456789012345678901234567890123456789012345678901234567890123x", SW_USAGE},
    };
    sw_policy before, after;
    assert_int_equal(sw_sim_policy(house.folder, &before, NULL), SW_OK);
    for (size_t i = 0; i < COUNT(table); i++)
        assert_int_equal(sw_sim_add_image(house.folder, table[i].name, true, &house.entropy, NULL),
                         table[i].status);
    assert_int_equal(sw_sim_policy(house.folder, &after, NULL), SW_OK);
    assert_memory_equal(&before.images[0], &after.images[0], sizeof before.images[0]);
    assert_int_equal(sw_sim_add_image("tests/machine", "x", true, &house.entropy, NULL),
                     SW_MISSING);
}

/* ---- the folder ---- */
static mode_t mode_of(const char *name) {
    char path[256];
    struct stat s;
    (void)snprintf(path, sizeof path, "%s/%s", house.folder, name);
    assert_int_equal(stat(path, &s), 0);
    return s.st_mode & 0777;
}

static void test_folder(void **state) {
    (void)state;
    static const char *const secrets[] = {"keys/root.pem",        "keys/platform-ca.pem",
                                          "keys/pck.pem",         "keys/tcb-signing.pem",
                                          "keys/attestation.pem", "keys/platform-secret"};
    sw_error err = {0};
    assert_int_equal(mode_of("."), 0700);
    assert_int_equal(mode_of("keys"), 0700);
    for (size_t i = 0; i < COUNT(secrets); i++) assert_int_equal(mode_of(secrets[i]), 0600);
    assert_int_equal(sw_sim_init(house.folder, &house.entropy, FORGE_NOW, &err), SW_EXISTS);
    assert_int_not_equal(sw_sim_init("/dev/null/x", &house.entropy, FORGE_NOW, &err), SW_OK);
}

/* Any file gone or spoilt: one clear refusal, no machine. */
static void test_spoilt_files(void **state) {
    (void)state;
    static const char *const files[] = {"sim.json",
                                        "pck_chain.pem",
                                        "tcb_signing_chain.pem",
                                        "tcb_info.json",
                                        "pck_crl.der",
                                        "qe_identity.json",
                                        "keys/pck.pem",
                                        "root_ca_crl.der",
                                        "keys/attestation.pem",
                                        "keys/platform-secret"};
    forge f;
    forge_open(&f);
    for (size_t i = 0; i < COUNT(files); i++) {
        char path[128];
        SW_SCOPED(sw_buffer) old = SW_BUFFER(1 << 20);
        sw_machine *m = NULL;
        sw_error err = {0};
        (void)snprintf(path, sizeof path, "%s/%s", f.folder, files[i]);
        assert_int_equal(sw_file_read(path, 1 << 20, &old, NULL), SW_OK);
        assert_int_equal(unlink(path), 0);
        assert_int_not_equal(
            sw_machine_boot(f.machine, f.compose_text, f.app_id, &f.entropy, &f.clock, &m, &err),
            SW_OK);
        assert_true(err.message[0] != 0);
        assert_int_equal(sw_file_write(path, SW_LITERAL(""), 0600, SW_WRITE_NEW, NULL), SW_OK);
        assert_int_not_equal(
            sw_machine_boot(f.machine, f.compose_text, f.app_id, &f.entropy, &f.clock, &m, &err),
            SW_OK);
        assert_int_equal(sw_file_write(path, sw_buffer_bytes(&old), 0600, SW_WRITE_REPLACE, NULL),
                         SW_OK);
        assert_int_equal(
            sw_machine_boot(f.machine, f.compose_text, f.app_id, &f.entropy, &f.clock, &m, &err),
            SW_OK);
        sw_machine_close(&m);
    }
    forge_close(&f);
}

/* A secret that others may read is refused. */
static void test_open_secret(void **state) {
    (void)state;
    forge f;
    char path[128];
    sw_machine *m = NULL;
    forge_open(&f);
    (void)snprintf(path, sizeof path, "%s/keys/platform-secret", f.folder);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_not_equal(
        sw_machine_boot(f.machine, f.compose_text, f.app_id, &f.entropy, &f.clock, &m, NULL),
        SW_OK);
    forge_close(&f);
}

/* ---- counter ---- */
static int64_t steady = 5000;
static int64_t read_steady(void *context) {
    (void)context;
    return steady;
}

static void test_counter(void **state) {
    (void)state;
    sw_clock clock = {forge_wall, read_steady, NULL};
    sw_machine *m = NULL;
    assert_int_equal(sw_machine_boot(house.machine, house.compose_text, house.app_id,
                                     &house.entropy, &clock, &m, NULL),
                     SW_OK);
    assert_int_equal(sw_machine_counter_ms(m), 5000);
    steady = 7001;
    assert_int_equal(sw_machine_counter_ms(m), 7001);
    sw_machine_close(&m);
}

int main(void) {
    forge_open(&house);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boots),        cmocka_unit_test(test_names),
        cmocka_unit_test(test_sealing_key),  cmocka_unit_test(test_images),
        cmocka_unit_test(test_image_names),  cmocka_unit_test(test_folder),
        cmocka_unit_test(test_spoilt_files), cmocka_unit_test(test_open_secret),
        cmocka_unit_test(test_counter),
    };
    int failed = cmocka_run_group_tests_name("sim", tests, NULL, NULL);
    forge_close(&house);
    return failed;
}
