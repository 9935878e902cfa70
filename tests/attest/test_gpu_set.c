/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of forged GPUs and switches (GPU-070 to GPU-073): one nonce, no device twice, one mode, and
 * who sees whom in protected PCIe mode.
 */
#include "attest/gpu_rig.h"

/* ---- sets ---- */
static void test_set(void **state) {
    (void)state;
    rig r;
    rig_open(&r);
    for (size_t i = 0; i < 8; i++)
        rig_add(&r, (gpu_plan){.serial = 400 + i, .feature = 1, .nonce = 0x41});
    check_good(&r);
    for (size_t i = 0; i < 8; i++) assert_int_equal(claims[i].serial.b[1], (400 + i) & 0xff);
    gpu_made kept = r.made[5];
    r.made[5] = r.made[2];
    check_refused(&r, "devices 2 and 5 are one and the same");
    gpu_make(&(gpu_plan){.serial = 405, .feature = 1, .nonce = 0x42}, &r.made[5]);
    check_refused(&r, "devices 0 and 5 answered different nonces");
    gpu_made_free(&r.made[5]);
    for (int feature = -1; feature <= 2; feature++) {
        if (feature == 1) continue;
        gpu_make(&(gpu_plan){.serial = 405, .feature = feature, .nonce = 0x41}, &r.made[5]);
        check_refused(&r, "GPUs 0 and 5 are in different modes");
        gpu_made_free(&r.made[5]);
    }
    r.made[5] = kept;
    rig_close(&r);
}

/* One boot ROM that certified two leaves, with a serial and a key each. */
static void test_twins(void **state) {
    (void)state;
    rig r;
    rig_open(&r);
    rig_add(&r, (gpu_plan){.serial = 400, .feature = 1, .nonce = 0x41});
    rig_add(&r, (gpu_plan){.serial = 401, .feature = 1, .nonce = 0x41});
    rig_add(&r, (gpu_plan){.serial = 402, .feature = 1, .nonce = 0x41, .rom = &r.made[1]});
    check_refused(&r, "devices 1 and 2 are one and the same");
    gpu_made_free(&r.made[2]);
    r.count = 2;
    check_good(&r);
    rig_close(&r);
}

/* ---- protected PCIe ---- */
/* Opaque fields of the topology: what GPU or switch says of the others. */
typedef struct topology {
    uint8_t field[512];
    size_t size;
} topology;

static void put_pdi(uint8_t out[8], char kind, size_t number, bool reversed) {
    for (size_t i = 0; i < 8; i++)
        out[reversed ? 7 - i : i] = (uint8_t)(kind + (i == 0 ? (int)number : (int)i));
}

/* 18 links over `switches` switches, the last links unused. */
static sw_bytes gpu_sees(topology *t, size_t first, size_t switches) {
    SW_SCOPED(sw_buffer) out = SW_BUFFER(sizeof t->field);
    uint8_t list[18 * 8] = {0};
    for (size_t i = 0; i < 16; i++) put_pdi(list + 8 * i, 'S', first + i % switches, true);
    put_field(&out, SW_GPU_FIELD_SWITCH_PDI, SW_BYTES_OF(list));
    memcpy(t->field, out.data, t->size = out.size);
    return SW_BYTES(t->field, t->size);
}

static sw_bytes switch_sees(topology *t, size_t own, size_t first, size_t gpus) {
    SW_SCOPED(sw_buffer) out = SW_BUFFER(sizeof t->field);
    uint8_t pdi[8], list[128] = {0};
    put_pdi(pdi, 'S', own, false);
    put_field(&out, SW_GPU_FIELD_SWITCH_PDI, SW_BYTES_OF(pdi));
    for (size_t i = 0; i < gpus; i++) put_pdi(list + 8 * i, 'G', first + i, false);
    memset(list + 64, 0xff, 64);
    if (gpus > 0) put_field(&out, SW_GPU_FIELD_GPU_PDIS, SW_BYTES_OF(list));
    memcpy(t->field, out.data, t->size = out.size);
    return SW_BYTES(t->field, t->size);
}

/* Four GPUs and two switches; one of them of another plan. */
static void check_topology(size_t place, const gpu_plan *other, const char *sentence) {
    static topology seen[6];
    rig r;
    rig_open(&r);
    rig_manifest(&r, SW_RIM_VBIOS, true, "96.10.55.00.01", NULL);
    for (size_t i = 0; i < 6; i++) {
        gpu_plan plan = {.serial = 500 + i, .feature = i < 4 ? 2 : -1, .nonce = 0x51};
        plan.is_switch = i >= 4;
        if (plan.is_switch) plan.model = "FS_10 A01 FSP BROM";
        plan.more = i < 4 ? gpu_sees(&seen[i], 1, 2) : switch_sees(&seen[i], i - 3, 1, 4);
        rig_add(&r, other != NULL && i == place ? *other : plan);
    }
    if (sentence == NULL)
        check_good(&r);
    else
        check_refused(&r, sentence);
    rig_close(&r);
}

static void test_topology(void **state) {
    (void)state;
    topology seen;
    check_topology(0, NULL, NULL);
    assert_true(claims[5].is_switch && !claims[3].is_switch);
    assert_string_equal(claims[5].driver, "");
    gpu_plan gpu = {.serial = 600, .feature = 2, .nonce = 0x51};
    check_topology(2, &gpu, "GPU 2 does not say which switches it sees");
    gpu.more = gpu_sees(&seen, 1, 1);
    check_topology(2, &gpu, "GPU 2 sees 1 switches that are not the 2 present");
    gpu.more = gpu_sees(&seen, 2, 2);
    check_topology(2, &gpu, "GPU 2 sees 2 switches that are not the 2 present");
    gpu.more = gpu_sees(&seen, 1, 3);
    check_topology(2, &gpu, "GPU 2 sees 3 switches that are not the 2 present");
    gpu_plan device = {.serial = 601, .feature = -1, .nonce = 0x51, .is_switch = true};
    device.model = "FS_10 A01 FSP BROM";
    device.more = switch_sees(&seen, 2, 1, 0);
    check_topology(5, &device, "switch 5 does not say which GPUs it sees");
    device.more = switch_sees(&seen, 2, 1, 3);
    check_topology(5, &device, "switch 5 sees 3 GPUs, and 4 are present");
    device.more = switch_sees(&seen, 2, 2, 4);
    check_topology(5, &device, "switch 5 sees other GPUs than the switches before it");
    device.more = switch_sees(&seen, 1, 1, 4);
    check_topology(5, &device, "switch 5 has no identifier of its own");
    device.more = switch_sees(&seen, 3, 1, 4);
    check_topology(5, &device, "GPU 0 sees 2 switches that are not the 2 present");
}

static void test_switch_alone(void **state) {
    (void)state;
    topology seen;
    sw_rim_entry entries[SW_RIM_INDEX_LIMIT];
    gpu_plan plan = {.serial = 700, .feature = -1, .nonce = 1, .is_switch = true};
    plan.model = "FS_10 A01 FSP BROM";
    plan.more = switch_sees(&seen, 1, 1, 8);
    for (int round = 0; round < 3; round++) {
        rig r;
        rig_open(&r);
        rig_add(&r, plan);
        gpu_entries(SW_RIM_VBIOS, true, entries);
        for (size_t i = 20; round == 1 && i < 31; i++) entries[i].active = false;
        for (size_t i = 19; round == 2 && i < 31; i++) entries[i].active = false;
        rig_manifest(&r, SW_RIM_VBIOS, true, "96.10.55.00.01", entries);
        if (round < 2)
            check_good(&r);
        else
            check_refused(&r, "switch 0: the VBIOS manifest lists 19 active indices, and 20");
        rig_close(&r);
    }
    rig r;
    rig_open(&r);
    rig_add(&r, plan);
    check_refused(&r, "switch 0: the manifest NV_SWITCH_BIOS_5612_0002_890_9610550001 is missing");
    rig_close(&r);
}

/* A mode other than protected PCIe beside switches. */
static void test_switches_beside_one_gpu(void **state) {
    (void)state;
    static topology seen[2];
    for (int feature = -1; feature <= 2; feature++) {
        rig r;
        rig_open(&r);
        rig_manifest(&r, SW_RIM_VBIOS, true, "96.10.55.00.01", NULL);
        gpu_plan gpu = {.serial = 710, .feature = feature, .nonce = 1};
        gpu_plan device = {.serial = 711, .feature = -1, .nonce = 1, .is_switch = true};
        device.model = "FS_10 A01 FSP BROM";
        gpu.more = gpu_sees(&seen[0], 1, 1);
        device.more = switch_sees(&seen[1], 1, 1, 1);
        rig_add(&r, gpu);
        rig_add(&r, device);
        if (feature == 0 || feature == 1)
            check_refused(&r, "GPU 0 is not in protected PCIe mode");
        else
            check_good(&r);
        rig_close(&r);
    }
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
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_twins),
        cmocka_unit_test(test_topology),
        cmocka_unit_test(test_switch_alone),
        cmocka_unit_test(test_switches_beside_one_gpu),
    };
    return cmocka_run_group_tests_name("gpu set", tests, open_all, close_all);
}
