/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine of forged devices with their manifests and OCSP answers, judged as a whole.
 */
#ifndef SW_TESTS_ATTEST_GPU_RIG_H
#define SW_TESTS_ATTEST_GPU_RIG_H
#include "attest/gpu_forge.h"

/* ---- a machine: devices and their manifests ---- */
typedef struct rig {
    gpu_plan plans[SW_GPU_LIMIT];
    gpu_made made[SW_GPU_LIMIT];
    size_t count;
    sw_buffer rims[4];
    size_t rim_count;
    sw_bytes ocsp[16];
    size_t ocsp_count;
    sw_gpu_policy policy;
    int64_t at_ms;
    sw_gpu_known *known;
    sw_pool *pool;
    sw_arena *memory;
} rig;
static sw_gpu_claims claims[SW_GPU_LIMIT];

static inline void rig_add(rig *r, gpu_plan plan) {
    r->plans[r->count] = plan;
    gpu_make(&plan, &r->made[r->count++]);
}

static inline void rig_manifest(rig *r, sw_rim_kind kind, bool is_switch, const char *version,
                                const sw_rim_entry *entries) {
    gpu_manifest(kind, is_switch, version, entries, &r->rims[r->rim_count++]);
}

static inline void rig_open(rig *r) {
    memset(r, 0, sizeof *r);
    r->policy = gpu_maker.policy;
    r->at_ms = GPU_NOW;
    rig_manifest(r, SW_RIM_DRIVER, false, "570.00.1", NULL);
    rig_manifest(r, SW_RIM_VBIOS, false, "96.00.cf.00.02", NULL); /* no matter the case */
}

static inline void rig_close(rig *r) {
    for (size_t i = 0; i < r->count; i++) gpu_made_free(&r->made[i]);
    for (size_t i = 0; i < r->rim_count; i++) sw_buffer_free(&r->rims[i]);
}

static inline sw_status rig_judge(const rig *r, const sw_check_log *log, sw_error *err) {
    sw_gpu_device devices[SW_GPU_LIMIT + 1] = {0};
    sw_bytes rims[4];
    for (size_t i = 0; i < r->count && i < SW_GPU_LIMIT; i++) devices[i] = gpu_device(&r->made[i]);
    for (size_t i = 0; i < r->rim_count; i++) rims[i] = sw_buffer_bytes(&r->rims[i]);
    sw_gpu_collateral c = {rims,     r->rim_count, r->ocsp,  r->ocsp_count,
                           r->known, r->pool,      r->memory};
    return sw_gpu_verify(devices, r->count, &c, &r->policy, r->at_ms, log, claims, err);
}

/* One thread and three say the same, to the letter. */
static inline sw_status rig_judge_twice(const rig *r, sw_error *err) {
    rig other = *r;
    sw_error again = {0};
    sw_status status = rig_judge(r, NULL, err);
    if (other.pool != NULL) return status;
    assert_int_equal(sw_pool_open(3, &other.pool, NULL), SW_OK);
    assert_int_equal(rig_judge(&other, NULL, &again), status);
    assert_string_equal(again.message, err->message);
    sw_pool_close(&other.pool);
    return status;
}

static inline void check_good(const rig *r) {
    sw_error err = {0};
    if (rig_judge_twice(r, &err) != SW_OK) fail_msg("%s", err.message);
}

static inline void check_refused(const rig *r, const char *sentence) {
    static sw_gpu_claims before[SW_GPU_LIMIT];
    sw_error err = {0};
    memset(claims, 0x5a, sizeof claims);
    memset(before, 0x5a, sizeof before);
    if (rig_judge_twice(r, &err) == SW_OK) fail_msg("taken, not refused: \"%s\"", sentence);
    assert_memory_equal(claims, before, sizeof claims);
    assert_int_equal(err.status, SW_REFUSED);
    assert_string_equal(err.word, "evidence");
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
}
#endif
