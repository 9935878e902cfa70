/* SPDX-License-Identifier: Apache-2.0
 *
 * NVIDIA's library as we call it, against a fake of it that is compiled here (MCH-080 to MCH-086).
 */
#include "cmocka_plain.h"

#include "machine/collect.h"
#include "machine/fake_nvml.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static char folder[64], usual[96], old[96], older[96];
static void *held;
static fake_plan *plan;
static sw_hash nonce;

#define OFF 99 /* in a plan: a zero that is meant */

static const fake_plan GOOD = {
    .fails = -1, .devices = 2, .cc = 1, .report_size = 1000, .chain_size = 10};

static bool build(char path[96], const char *name, const char *flags) {
    char command[512];
    (void)snprintf(path, 96, "%s/%s", folder, name);
    (void)snprintf(command, sizeof command,
                   "gcc -std=c2x -shared -fPIC %s -o %s tests/machine/fake_nvml.c", flags, path);
    return system(command) == 0;
}

static int setup(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/sealwright-test-XXXXXX");
    if (mkdtemp(folder) == NULL || !build(usual, "libnvidia-ml.so.1", "") ||
        !build(old, "old.so", "-DFAKE_OLD") || !build(older, "older.so", "-DFAKE_OLDER"))
        return -1;
    held = dlopen(usual, RTLD_NOW | RTLD_LOCAL);
    plan = held == NULL ? NULL : dlsym(held, "plan");
    for (size_t i = 0; i < sizeof nonce.b; i++) nonce.b[i] = (uint8_t)(7 * i + 1);
    return plan != NULL ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    (void)dlclose(held);
    (void)unlink(usual);
    (void)unlink(old);
    (void)unlink(older);
    return rmdir(folder);
}

static void test_devices(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_gpu_device devices[SW_GPU_LIMIT];
    size_t count = 0;
    *plan = GOOD;
    assert_int_equal(sw_nvml_collect(usual, &nonce, &a, devices, COUNT(devices), &count, NULL),
                     SW_OK);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(devices[i].report.size, 1000);
        assert_int_equal(devices[i].report.data[0], i);
        assert_int_equal(devices[i].report.data[999], 0xab);
        assert_memory_equal(devices[i].report.data + 4, nonce.b, sizeof nonce.b);
        assert_true(sw_bytes_is(devices[i].chain, i == 0 ? "chain of 0" : "chain of 1"));
    }
    assert_int_equal(plan->begun, 1);
    assert_int_equal(plan->ended, 1);
    assert_int_equal(plan->settings_version, 20 | 1 << 24);
}

/* Protected PCIe is the mode of eight GPUs; there the feature itself is off. */
static void test_modes(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_gpu_device devices[SW_GPU_LIMIT];
    size_t count = 0;
    *plan = GOOD;
    plan->cc = 0;
    plan->multi_gpu = 1;
    plan->devices = SW_GPU_LIMIT;
    plan->report_size = 0x2000;
    plan->chain_size = 0x1400;
    assert_int_equal(sw_nvml_collect(usual, &nonce, &a, devices, COUNT(devices), &count, NULL),
                     SW_OK);
    assert_int_equal(count, SW_GPU_LIMIT);
    /* A library without settings: the state alone says it. */
    assert_int_equal(sw_nvml_collect(old, &nonce, &a, devices, COUNT(devices), &count, NULL),
                     SW_REFUSED);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        fake_plan p;
        sw_status status;
        const char *sentence;
    } table[] = {
        {{.fails = FAKE_INIT}, SW_UNAVAILABLE, "no start"},
        {{.fails = FAKE_STATE}, SW_UNAVAILABLE, "state: its error 3"},
        {{.fails = FAKE_SETTINGS}, SW_UNAVAILABLE, "settings"},
        {{.fails = FAKE_COUNT}, SW_UNAVAILABLE, "number of devices"},
        {{.fails = FAKE_HANDLE}, SW_UNAVAILABLE, "device 0"},
        {{.fails = FAKE_CHAIN}, SW_UNAVAILABLE, "certificate chain"},
        {{.fails = FAKE_REPORT}, SW_UNAVAILABLE, "attestation report"},
        {{.fails = -1, .cc = OFF}, SW_REFUSED, "not in confidential computing mode"},
        {{.fails = -1, .cc = 9}, SW_REFUSED, "not in confidential computing mode"},
        {{.fails = -1, .multi_gpu = 2, .cc = OFF},
         SW_REFUSED,
         "not in confidential computing mode"},
        {{.fails = -1, .devtools = 1}, SW_REFUSED, "devtools"},
        {{.fails = -1, .settings_devtools = 1}, SW_REFUSED, "devtools"},
        {{.fails = -1, .devtools = 1, .multi_gpu = 1}, SW_REFUSED, "devtools"},
        {{.fails = -1, .devices = OFF}, SW_MISSING, "no NVIDIA device"},
        {{.fails = -1, .devices = SW_GPU_LIMIT + 1}, SW_LIMIT, "more than"},
        {{.fails = -1, .report_size = 0x2001}, SW_MALFORMED, "device 0: its report"},
        {{.fails = -1, .report_size = UINT32_MAX}, SW_MALFORMED, "its report"},
        {{.fails = -1, .chain_size = 0x1401}, SW_MALFORMED, "its chain"},
        {{.fails = -1, .report_size = 35}, SW_REFUSED, "another nonce"},
        {{.fails = -1, .other_nonce = 1}, SW_REFUSED, "device 1: its report answers another"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_gpu_device devices[SW_GPU_LIMIT] = {0};
        size_t count = 77;
        sw_error err = {0};
        fake_plan p = table[i].p;
        p.cc = p.cc == 0 ? 1 : p.cc == OFF ? 0 : p.cc; /* what is not said is good */
        p.devices = p.devices == 0 ? 2 : p.devices == OFF ? 0 : p.devices;
        p.report_size = p.report_size == 0 ? 1000 : p.report_size;
        p.chain_size = p.chain_size == 0 ? 10 : p.chain_size;
        *plan = p;
        sw_status status =
            sw_nvml_collect(usual, &nonce, &a, devices, COUNT(devices), &count, &err);
        if (status != table[i].status || strstr(err.message, table[i].sentence) == NULL)
            fail_msg("row %zu: %d %s", i, status, err.message);
        assert_int_equal(count, 77);
        assert_null(devices[0].report.data);
        assert_int_equal(plan->begun, plan->ended);
    }
}

static void test_libraries(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_gpu_device devices[2];
    size_t count = 0;
    sw_error err = {0};
    *plan = GOOD;
    assert_int_equal(sw_nvml_collect("/nowhere.so", &nonce, &a, devices, 2, &count, &err),
                     SW_MISSING);
    assert_int_equal(sw_nvml_collect(older, &nonce, &a, devices, 2, &count, &err), SW_MISSING);
    assert_non_null(strstr(err.message, "GpuAttestationReport"));
    plan->devices = 2;
    assert_int_equal(sw_nvml_collect(usual, &nonce, &a, devices, 1, &count, &err), SW_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_libraries),
    };
    return cmocka_run_group_tests_name("nvml", tests, setup, teardown);
}
