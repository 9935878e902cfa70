/* SPDX-License-Identifier: Apache-2.0
 *
 * Forged GPUs (GPU-040 to GPU-057): what a whole verdict says, and each part of it that can fail
 * alone, with its sentence.
 */
#include "attest/gpu_rig.h"

#include <stdio.h>

/* One device of this plan under the usual manifests. */
static void check_plan(gpu_plan plan, const char *sentence) {
    rig r;
    rig_open(&r);
    rig_add(&r, plan);
    if (sentence == NULL)
        check_good(&r);
    else
        check_refused(&r, sentence);
    rig_close(&r);
}

static const gpu_plan usual = {.serial = 300, .feature = -1, .nonce = 0x31};

/* ---- one GPU ---- */
static void test_claims(void **state) {
    (void)state;
    rig r;
    rig_open(&r);
    rig_add(&r, usual);
    check_good(&r);
    assert_string_equal(claims[0].model, "FH100 A01 GSP BROM");
    assert_string_equal(claims[0].driver, "570.00.1");
    assert_string_equal(claims[0].vbios, "96.00.CF.00.02");
    assert_int_equal(claims[0].serial.size, 2);
    assert_memory_equal(claims[0].serial.b, "\x01\x2c", 2);
    assert_int_equal(claims[0].nonce[7], 0x31);
    assert_false(claims[0].is_switch || claims[0].revocation_checked);
    assert_int_equal(claims[0].valid_from_ms, GPU_NOW - 100 * GPU_DAY);
    assert_int_equal(claims[0].valid_until_ms, GPU_NOW + 400 * GPU_DAY);
    r.at_ms = claims[0].valid_until_ms;
    check_refused(&r, "manifest 0");
    r.at_ms = GPU_NOW - 101 * GPU_DAY;
    check_refused(&r, "manifest 0");
    rig_close(&r);
}

static void test_firmware_id(void **state) {
    (void)state;
    gpu_plan plan = usual;
    plan.tcb_info = true;
    check_plan(plan, NULL);
    plan.no_fwid = true;
    check_plan(plan, "GPU 0: the report of driver 570.00.1 has no firmware id");
    static const char *const drivers[] = {"535.104.05", "545.00"};
    for (size_t i = 0; i < COUNT(drivers); i++) {
        rig r;
        rig_open(&r);
        plan.driver = drivers[i];
        rig_add(&r, plan);
        rig_manifest(&r, SW_RIM_DRIVER, false, drivers[i], NULL);
        check_good(&r);
        rig_close(&r);
    }
    plan.driver = "5350.1";
    check_plan(plan, "has no firmware id");
    rig r;
    rig_open(&r);
    rig_add(&r, usual);
    r.made[0].fwid[47] ^= 1;
    sw_buffer_free(&r.made[0].report);
    gpu_report_make(&usual, &r.made[0]);
    check_refused(&r, "GPU 0: the report's firmware id is not the leaf certificate's");
    rig_close(&r);
}

static void test_chains_and_signatures(void **state) {
    (void)state;
    rig r;
    rig_open(&r);
    rig_add(&r, usual);
    rig_add(&r, (gpu_plan){.serial = 301, .feature = -1, .nonce = 0x31});
    check_good(&r);
    sw_buffer kept = r.made[1].chain;
    r.made[1].chain = r.made[0].chain;
    check_refused(&r, "GPU 1: the report's signature does not hold");
    r.made[1].chain = kept;
    r.policy.device_root.b[0] ^= 1;
    check_refused(&r, "GPU 0: the chain does not end in the policy's device root");
    r.policy.device_root.b[0] ^= 1;
    r.policy.rim_root.b[0] ^= 1;
    check_refused(&r, "GPU 0: manifest 0");
    r.policy.rim_root.b[0] ^= 1;
    r.made[1].report.data[4] ^= 1;
    check_refused(&r, "GPU 1: the report's signature does not hold");
    r.made[1].report.data[4] ^= 1;
    r.made[1].report.data[0] = 0x12;
    check_refused(&r, "GPU 1: the report does not begin with");
    rig_close(&r);
}

/* GPU-038: what the first device's chain proved helps nobody whose own part does not hold. The
 * bent character lies in the signature under which the provisioner put the boot ROM. */
static void test_shared_upper(void **state) {
    (void)state;
    static const char end[] = "-----END";
    static const char sentence[] =
        "GPU 1: certificate 1 (an intermediate): certificate signature failure";
    rig r;
    rig_open(&r);
    rig_add(&r, usual);
    rig_add(&r, (gpu_plan){.serial = 302, .feature = -1, .nonce = 0x31});
    check_good(&r);
    char *pem = (char *)r.made[1].chain.data, *second = strstr(strstr(pem, end) + 1, end);
    char *bent = second - 24;
    *bent = *bent == 'B' ? 'C' : 'B';
    check_refused(&r, sentence);
    for (size_t lanes = 1; lanes < 4; lanes++) {
        assert_int_equal(sw_pool_open(lanes, &r.pool, NULL), SW_OK);
        check_refused(&r, sentence);
        sw_pool_close(&r.pool);
    }
    rig_close(&r);
}

/* ---- manifests ---- */
static void test_missing_manifests(void **state) {
    (void)state;
    rig r;
    rig_open(&r);
    rig_add(&r, usual);
    sw_buffer vbios = r.rims[1];
    r.rim_count = 1;
    check_refused(&r, "GPU 0: the manifest NV_GPU_VBIOS_G520_0280_895_9600CF0002 is missing");
    r.rims[0] = (r.rims[1] = r.rims[0], vbios);
    check_refused(&r, "GPU 0: the manifest NV_GPU_DRIVER_GH100_570.00.1 is missing");
    r.rim_count = 0;
    check_refused(&r, "GPU 0: the manifest NV_GPU_DRIVER_GH100_570.00.1 is missing");
    r.rim_count = 2;
    check_good(&r);
    rig_manifest(&r, SW_RIM_DRIVER, false, "570.00.2", NULL); /* nobody's */
    check_good(&r);
    rig_manifest(&r, SW_RIM_VBIOS, false, "96.00.CF.00.02", NULL);
    check_refused(&r, "two manifests fit, of which one is NV_GPU_VBIOS_G520_0280_895_9600CF0002");
    rig_close(&r);
}

static void test_other_products(void **state) {
    (void)state;
    gpu_plan plan = usual;
    plan.model = "FH200 A01 GSP BROM";
    check_plan(plan, "the manifest NV_GPU_DRIVER_GH100_570.00.1 is missing");
    plan.model = "F_H100 A01";
    check_plan(plan, NULL);
    rig r;
    rig_open(&r);
    plan.model = "FH100";
    rig_add(&r, plan);
    sw_buffer_free(&r.rims[--r.rim_count]);
    rig_manifest(&r, SW_RIM_VBIOS, true, "96.00.CF.00.02", NULL); /* product FS10 */
    check_refused(&r, "the manifest NV_GPU_VBIOS_G520_0280_895_9600CF0002 is missing");
    rig_close(&r);
}

static void test_bent_manifest(void **state) {
    (void)state;
    rig r;
    rig_open(&r);
    rig_add(&r, usual);
    r.rims[1].data[r.rims[1].size / 2] ^= 1;
    check_refused(&r, "GPU 0: manifest 1");
    rig_close(&r);
}

/* A GPU against manifests with these entries. */
static void check_entries(const sw_rim_entry *driver, const sw_rim_entry *vbios, gpu_plan plan,
                          const char *sentence) {
    rig r;
    rig_open(&r);
    rig_add(&r, plan);
    for (size_t i = 0; i < 2; i++) sw_buffer_free(&r.rims[i]);
    r.rim_count = 0;
    rig_manifest(&r, SW_RIM_DRIVER, false, "570.00.1", driver);
    rig_manifest(&r, SW_RIM_VBIOS, false, "96.00.CF.00.02", vbios);
    if (sentence == NULL)
        check_good(&r);
    else
        check_refused(&r, sentence);
    rig_close(&r);
}

static void test_measurements(void **state) {
    (void)state;
    sw_rim_entry driver[SW_RIM_INDEX_LIMIT], vbios[SW_RIM_INDEX_LIMIT];
    gpu_plan plan = usual;
    gpu_entries(SW_RIM_DRIVER, false, driver);
    gpu_entries(SW_RIM_VBIOS, false, vbios);
    check_entries(driver, vbios, plan, NULL);
    driver[21].alternatives[0][47] ^= 1;
    check_entries(driver, vbios, plan,
                  "index 21 was measured as 5555555555555555..., and the driver manifest has "
                  "5555555555555555... (1 alternatives; 1 indices differ)");
    vbios[9].alternatives[0][0] ^= 1;
    check_entries(driver, vbios, plan,
                  "index 9 was measured as 4949494949494949..., and the VBIOS manifest has "
                  "4849494949494949... (1 alternatives; 2 indices differ)");
    gpu_entries(SW_RIM_DRIVER, false, driver);
    gpu_entries(SW_RIM_VBIOS, false, vbios);
    vbios[12].alternative_count = 3; /* without the right one */
    check_entries(driver, vbios, plan, "index 12 was measured as");
    gpu_entries(SW_RIM_VBIOS, false, vbios);
    plan.left_out = 10;
    check_entries(driver, vbios, plan, "index 9 of the VBIOS manifest was not measured (1 differ)");
    plan.left_out = 64; /* in no manifest */
    check_entries(driver, vbios, plan, NULL);
}

static void test_nvdec0(void **state) {
    (void)state;
    sw_rim_entry driver[SW_RIM_INDEX_LIMIT], vbios[SW_RIM_INDEX_LIMIT];
    gpu_plan plan = usual;
    gpu_entries(SW_RIM_DRIVER, false, driver);
    gpu_entries(SW_RIM_VBIOS, false, vbios);
    driver[35].alternatives[0][0] ^= 1;
    check_entries(driver, vbios, plan, NULL);
    plan.nvdec0 = true;
    check_entries(driver, vbios, plan, "index 35 was measured as");
}

static void test_small_and_shared(void **state) {
    (void)state;
    sw_rim_entry driver[SW_RIM_INDEX_LIMIT], vbios[SW_RIM_INDEX_LIMIT];
    gpu_entries(SW_RIM_DRIVER, false, driver);
    gpu_entries(SW_RIM_VBIOS, false, vbios);
    driver[7].active = false;
    check_entries(driver, vbios, usual, NULL);
    driver[21].active = false;
    check_entries(driver, vbios, usual,
                  "the driver manifest lists 19 active indices, and 20 is the least");
    gpu_entries(SW_RIM_DRIVER, false, driver);
    vbios[0].active = vbios[1].active = false;
    check_entries(driver, vbios, usual, NULL);
    vbios[2].active = false;
    check_entries(driver, vbios, usual,
                  "the VBIOS manifest lists 9 active indices, and 10 is the least");
    for (size_t i = 1; i < SW_RIM_INDEX_LIMIT; i++) vbios[i].active = false;
    vbios[0].active = true;
    check_entries(driver, vbios, usual, "the VBIOS manifest lists 1 active indices");
    gpu_entries(SW_RIM_VBIOS, false, vbios);
    vbios[30] = driver[30];
    check_entries(driver, vbios, usual,
                  "index 30 is active in the driver's and in the VBIOS manifest");
}

static void test_counts(void **state) {
    (void)state;
    rig r;
    rig_open(&r);
    check_refused(&r, "there is no GPU evidence");
    r.count = SW_GPU_LIMIT + 1;
    check_refused(&r, "evidence of more than 16 devices");
    r.count = 0;
    rig_add(&r, usual);
    sw_bytes many[SW_GPU_OCSP_COUNT + 1] = {{0}};
    sw_bytes rims[SW_GPU_RIM_COUNT + 1] = {{0}};
    sw_gpu_device device = gpu_device(&r.made[0]);
    sw_error err = {0};
    sw_gpu_collateral c = {.rims = rims, .rim_count = COUNT(rims)};
    assert_int_equal(sw_gpu_verify(&device, 1, &c, &r.policy, GPU_NOW, NULL, claims, &err),
                     SW_REFUSED);
    assert_non_null(strstr(err.message, "more than 16 manifests"));
    rims[0] = sw_buffer_bytes(&r.rims[0]);
    rims[1] = sw_buffer_bytes(&r.rims[1]);
    c = (sw_gpu_collateral){.rims = rims, .rim_count = 2, .ocsp = many, .ocsp_count = COUNT(many)};
    assert_int_equal(sw_gpu_verify(&device, 1, &c, &r.policy, GPU_NOW, NULL, claims, &err),
                     SW_REFUSED);
    assert_non_null(strstr(err.message, "more than 128 OCSP answers"));
    rig_close(&r);
}

/* ---- what a watcher sees ---- */
typedef struct watcher {
    char text[4096];
    size_t size;
} watcher;

static void watch(watcher *w, const char *mark, const char *text) {
    w->size += (size_t)snprintf(w->text + w->size, sizeof w->text - w->size, "%s%s\n", mark, text);
}

static void see_begun(void *context, const char *check) {
    watch(context, "", check);
}

static void see_held(void *context, const char *value) {
    watch(context, "  ", value);
}

static void test_check_log(void **state) {
    (void)state;
    static watcher w;
    rig r;
    rig_open(&r);
    rig_add(&r, usual);
    const sw_check_log log = {
        .begun = see_begun, .held = see_held, .left = see_held, .context = &w};
    assert_int_equal(rig_judge(&r, &log, NULL), SW_OK);
    assert_string_equal(w.text, "GPU report\n"
                                "  GPU 0: 64 measurements, driver 570.00.1, VBIOS 96.00.CF.00.02\n"
                                "GPU chain\n"
                                "  GPU 0: FH100 A01 GSP BROM\n"
                                "GPU firmware id\n"
                                "  GPU 0: the leaf's\n"
                                "GPU signature\n"
                                "  GPU 0: over 3729 bytes\n"
                                "GPU driver manifest\n"
                                "  GPU 0: 570.00.1\n"
                                "GPU VBIOS manifest\n"
                                "  GPU 0: 96.00.cf.00.02\n"
                                "GPU measurements\n"
                                "  GPU 0: 32 are the manifests'\n"
                                "GPU revocation\n"
                                "  not checked: answers are missing\n"
                                "GPU set\n"
                                "  1 GPUs, 0 switches, one nonce\n");
    w.size = 0;
    r.rim_count = 0;
    assert_int_equal(rig_judge(&r, &log, NULL), SW_REFUSED);
    assert_non_null(strstr(w.text, "GPU driver manifest\n"));
    assert_null(strstr(w.text, "GPU VBIOS manifest\n"));
    r.rim_count = 2;
    rig_close(&r);
}

/* ---- threads, and manifests that are known ---- */
static void test_threads(void **state) {
    (void)state;
    static watcher alone, together;
    rig r;
    rig_open(&r);
    for (size_t i = 0; i < 5; i++)
        rig_add(&r, (gpu_plan){.serial = 900 + i, .feature = 1, .nonce = 0x61});
    for (size_t round = 0; round < 4; round++) {
        sw_error first = {0}, second = {0};
        const sw_check_log one_log = {
            .begun = see_begun, .held = see_held, .left = see_held, .context = &alone};
        const sw_check_log two_log = {
            .begun = see_begun, .held = see_held, .left = see_held, .context = &together};
        alone.size = together.size = 0;
        if (round == 1) r.made[4].report.data[100] ^= 1;
        if (round == 2) r.made[2].chain.data[r.made[2].chain.size - 40] ^= 1;
        if (round == 3) r.made[1].report.data[0] ^= 1;
        r.pool = NULL;
        sw_status status = rig_judge(&r, &one_log, &first);
        assert_int_equal(sw_pool_open(3, &r.pool, NULL), SW_OK);
        assert_int_equal(rig_judge(&r, &two_log, &second), status);
        sw_pool_close(&r.pool);
        assert_int_equal(status, round == 0 ? SW_OK : SW_REFUSED);
        assert_string_equal(first.message, second.message);
        assert_string_equal(alone.text, together.text);
    }
    rig_close(&r);
}

static void test_known_manifests(void **state) {
    (void)state;
    sw_gpu_known known = {0};
    rig r;
    rig_open(&r);
    rig_add(&r, usual);
    r.known = &known;
    for (int round = 0; round < 3; round++) {
        check_good(&r);
        assert_int_equal(known.kept, 2);
        assert_int_equal(claims[0].valid_until_ms, GPU_NOW + 400 * GPU_DAY);
    }
    r.at_ms = GPU_NOW + 400 * GPU_DAY; /* dates are judged anew */
    check_refused(&r, "manifest 0");
    r.at_ms = GPU_NOW;
    r.policy.rim_root.b[0] ^= 1; /* known to hold to another root */
    check_refused(&r, "manifest 0");
    r.policy.rim_root.b[0] ^= 1;
    r.rims[1].data[r.rims[1].size / 2] ^= 1; /* other bytes are another manifest */
    check_refused(&r, "manifest 1");
    r.rims[1].data[r.rims[1].size / 2] ^= 1;
    r.made[0].report.data[60] ^= 1;
    check_refused(&r, "signature does not hold");
    assert_int_equal(known.kept, 2);
    rig_close(&r);
    sw_gpu_known_free(&known);
}

/* Of chains that held it is known that their signatures link them, and nothing more (GPU-043). */
static void test_known_chains(void **state) {
    (void)state;
    sw_gpu_known known = {0};
    size_t flips = 0;
    rig r;
    rig_open(&r);
    rig_add(&r, usual);
    rig_add(&r, (gpu_plan){.serial = 303, .feature = -1, .nonce = 0x31});
    r.known = &known;
    r.made[1].report.data[60] ^=
        1; /* what fails leaves nothing behind, of its good parts neither */
    check_refused(&r, "signature does not hold");
    for (size_t i = 0; i < 2; i++) assert_null(known.held[i]);
    r.made[1].report.data[60] ^= 1;
    for (int round = 0; round < 2; round++) check_good(&r);
    for (size_t i = 0; i < 2; i++) assert_non_null(known.held[i]);
    for (size_t k = 0; k < 2; k++)
        for (size_t at = k; at < r.made[k].chain.size; at += 29, flips++) {
            r.made[k].chain.data[at] ^= 1;
            if (rig_judge(&r, NULL, NULL) == SW_OK) fail_msg("GPU %zu, byte %zu", k, at);
            r.made[k].chain.data[at] ^= 1;
        }
    assert_true(flips > 200);
    r.at_ms = GPU_NOW - 901 * GPU_DAY;
    check_refused(&r, "GPU 0: the leaf certificate is not valid yet");
    r.at_ms = GPU_NOW;
    r.policy.device_root.b[0] ^= 1;
    check_refused(&r, "GPU 0: the chain does not end in the policy's device root");
    r.policy.device_root.b[0] ^= 1;
    gpu_made first =
        r.made[0]; /* known at another place is not known here, and holds all the same */
    r.made[0] = r.made[1];
    r.made[1] = first;
    check_good(&r);
    sw_buffer chain = r.made[0].chain; /* a known chain beside another's report */
    r.made[0].chain = r.made[1].chain;
    check_refused(&r, "GPU 0: the report's signature does not hold");
    r.made[0].chain = chain;
    check_good(&r);
    rig_close(&r);
    sw_gpu_known_free(&known);
}

/* More manifests than there is room for: the oldest go. */
static void test_many_known(void **state) {
    (void)state;
    sw_gpu_known known = {0};
    rig r;
    rig_open(&r);
    rig_add(&r, usual);
    r.known = &known;
    for (size_t i = 0; i < SW_GPU_RIM_COUNT + 2; i++) {
        char version[16];
        (void)snprintf(version, sizeof version, "571.%zu", i);
        rig_manifest(&r, SW_RIM_DRIVER, false, version, NULL);
        check_good(&r);
        sw_buffer_free(&r.rims[--r.rim_count]);
    }
    assert_true(known.kept >= SW_GPU_RIM_COUNT + 4);
    rig_close(&r);
    sw_gpu_known_free(&known);
}

/* ---- for people ---- */
static void test_explain(void **state) {
    (void)state;
    static const char *const lines[] = {
        "GPU\n",
        "  nonce                    "
        "3131313131313131313131313131313131313131313131313131313131313131\n",
        "  driver                   570.00.1\n",
        "  mode                     protected PCIe\n",
        "  driver manifest          NV_GPU_DRIVER_GH100_570.00.1\n",
        "  zeros behind the report  2\n",
        "  200 (not known)          6f66206e6f206b6e6f776e2074797065\n",
        "  3 driver version         3537302e30302e3100\n",
        "  model                    FH100 A01 GSP BROM\n",
        "  serial                   012c\n",
        "  Forged Device Root\n",
    };
    SW_SCOPED(sw_buffer) out = SW_BUFFER(65536);
    gpu_plan plan = usual;
    gpu_made m;
    plan.feature = 2;
    plan.trailing = 2;
    gpu_make(&plan, &m);
    sw_gpu_device device = gpu_device(&m);
    assert_int_equal(sw_gpu_explain(&device, &out, NULL), SW_OK);
    sw_put_u8(&out, 0);
    for (size_t i = 0; i < COUNT(lines); i++)
        if (strstr((const char *)out.data, lines[i]) == NULL) fail_msg("no line %s", lines[i]);
    sw_buffer_reset(&out);
    device.chain.size--;
    assert_int_equal(sw_gpu_explain(&device, &out, NULL), SW_MALFORMED);
    assert_int_equal(out.size, 0);
    gpu_made_free(&m);
}

static int open_all(void **state) {
    (void)state;
    gpu_maker_open();
    return 0;
}

static int close_all(void **state) {
    (void)state;
    gpu_maker_close();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_firmware_id),
        cmocka_unit_test(test_chains_and_signatures),
        cmocka_unit_test(test_shared_upper),
        cmocka_unit_test(test_missing_manifests),
        cmocka_unit_test(test_other_products),
        cmocka_unit_test(test_bent_manifest),
        cmocka_unit_test(test_measurements),
        cmocka_unit_test(test_nvdec0),
        cmocka_unit_test(test_small_and_shared),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_check_log),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_known_manifests),
        cmocka_unit_test(test_known_chains),
        cmocka_unit_test(test_many_known),
        cmocka_unit_test(test_explain),
    };
    return cmocka_run_group_tests_name("gpu verify", tests, open_all, close_all);
}
