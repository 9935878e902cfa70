/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence of NVIDIA's devices by libnvidia-ml.so.1 (MCH-080 to MCH-086), opened when it is asked
 * for, so that the program builds and runs without it.
 *
 * What the library says of the machine's mode is unsigned: it keeps an honest operator from a
 * mistake. Reports and chains are what a verifier judges; here they are bounded and looked at for
 * our own nonce.
 */
#include "machine/collect.h"

#include <assert.h>
#include <dlfcn.h>
#include <string.h>

/* ---- the library's own layouts ---- */
enum {
    NVML_SUCCESS = 0,
    FEATURE_ON = 1,
    PROTECTED_PCIE = 1,
    CHAIN_BYTES = 0x1000,
    ATTESTATION_CHAIN_BYTES = 0x1400,
    REPORT_BYTES = 0x2000,
    CEC_REPORT_BYTES = 0x1000,
    NONCE_AT = 4 /* in the report: behind the request's four header bytes */
};
typedef struct nvml_state {
    uint32_t environment, cc_feature, devtools;
} nvml_state;
typedef struct nvml_settings {
    uint32_t version, environment, cc_feature, devtools, multi_gpu;
} nvml_settings;
typedef struct nvml_chain {
    uint32_t size, attestation_size;
    uint8_t chain[CHAIN_BYTES], attestation[ATTESTATION_CHAIN_BYTES];
} nvml_chain;
typedef struct nvml_report {
    uint32_t has_cec, size, cec_size;
    uint8_t nonce[SW_HASH_BYTES], report[REPORT_BYTES], cec[CEC_REPORT_BYTES];
} nvml_report;
static_assert(sizeof(nvml_state) == 12 && sizeof(nvml_settings) == 20, "NVML's layouts");
static_assert(sizeof(nvml_chain) == 8 + 0x2400 && sizeof(nvml_report) == 12 + 32 + 0x3000,
              "NVML's layouts");

typedef struct nvml {
    void *library;
    bool begun;
    int (*init)(void);
    int (*shutdown)(void);
    int (*state)(nvml_state *);
    int (*settings)(nvml_settings *); /* NULL in older libraries */
    int (*count)(unsigned *);
    int (*handle)(unsigned, void **);
    int (*chain)(void *, nvml_chain *);
    int (*report)(void *, nvml_report *);
} nvml;

static void nvml_free(nvml *n) {
    if (n->begun) (void)n->shutdown();
    if (n->library != NULL) (void)dlclose(n->library);
}

/* ---- opening ---- */
static sw_status symbols_find(nvml *n, sw_error *err) {
    const struct {
        const char *name;
        void **to;
    } table[] = {
        {"nvmlInit_v2", (void **)&n->init},
        {"nvmlShutdown", (void **)&n->shutdown},
        {"nvmlSystemGetConfComputeState", (void **)&n->state},
        {"nvmlDeviceGetCount_v2", (void **)&n->count},
        {"nvmlDeviceGetHandleByIndex_v2", (void **)&n->handle},
        {"nvmlDeviceGetConfComputeGpuCertificate", (void **)&n->chain},
        {"nvmlDeviceGetConfComputeGpuAttestationReport", (void **)&n->report},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        *table[i].to = dlsym(n->library, table[i].name);
        if (*table[i].to == NULL)
            return sw_fail(err, SW_MISSING, "missing",
                           "NVIDIA's library has no %s: its driver is "
                           "too old for confidential computing",
                           table[i].name);
    }
    *(void **)&n->settings = dlsym(n->library, "nvmlSystemGetConfComputeSettings");
    return SW_OK;
}

static sw_status called(int code, const char *what, sw_error *err) {
    if (code == NVML_SUCCESS) return SW_OK;
    return sw_fail(err, SW_UNAVAILABLE, "unavailable", "NVIDIA's library gives no %s: its error %d",
                   what, code);
}

static sw_status nvml_begin(nvml *n, const char *library, sw_error *err) {
    const char *name = library == NULL ? SW_NVML_LIBRARY : library;
    n->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (n->library == NULL)
        return sw_fail(err, SW_MISSING, "missing", "%.200s cannot be loaded: no NVIDIA driver",
                       name);
    SW_TRY(symbols_find(n, err));
    SW_TRY(called(n->init(), "start", err));
    n->begun = true;
    return SW_OK;
}

/* ---- mode ---- */
static sw_status mode_check(const nvml *n, sw_error *err) {
    nvml_state state = {0};
    nvml_settings settings = {.version = sizeof settings | 1u << 24};
    SW_TRY(called(n->state(&state), "confidential computing state", err));
    if (n->settings != NULL)
        SW_TRY(called(n->settings(&settings), "confidential computing settings", err));
    if (state.devtools != 0 || settings.devtools != 0)
        return sw_fail(err, SW_REFUSED, "evidence",
                       "the GPUs are in devtools mode, which lets a debugger in");
    if (state.cc_feature != FEATURE_ON && settings.multi_gpu != PROTECTED_PCIE)
        return sw_fail(err, SW_REFUSED, "evidence",
                       "the GPUs are not in confidential computing mode");
    return SW_OK;
}

/* ---- one device ---- */
static sw_status keep(sw_arena *a, const uint8_t *from, size_t size, size_t limit, const char *what,
                      sw_bytes *out, sw_error *err) {
    if (size == 0 || size > limit)
        return sw_fail(err, SW_MALFORMED, "evidence", "its %s has not 1 to %zu bytes", what, limit);
    *out = sw_arena_copy(a, SW_BYTES(from, size));
    if (out->data == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for evidence");
    return SW_OK;
}

static sw_status device_read(const nvml *n, unsigned index, const sw_hash *nonce, sw_arena *a,
                             sw_gpu_device *out, sw_error *err) {
    nvml_report *report = SW_ARENA_NEW(a, nvml_report, 1);
    nvml_chain *chain = SW_ARENA_NEW(a, nvml_chain, 1);
    void *device = NULL;
    if (report == NULL || chain == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for evidence");
    memcpy(report->nonce, nonce->b, sizeof report->nonce);
    SW_TRY(called(n->handle(index, &device), "device", err));
    SW_TRY(called(n->chain(device, chain), "certificate chain", err));
    SW_TRY(called(n->report(device, report), "attestation report", err));
    SW_TRY(keep(a, chain->attestation, chain->attestation_size, sizeof chain->attestation, "chain",
                &out->chain, err));
    SW_TRY(
        keep(a, report->report, report->size, sizeof report->report, "report", &out->report, err));
    if (out->report.size < NONCE_AT + sizeof nonce->b ||
        memcmp(out->report.data + NONCE_AT, nonce->b, sizeof nonce->b) != 0)
        return sw_fail(err, SW_REFUSED, "evidence",
                       "its report answers another nonce than the one that was asked with");
    return SW_OK;
}

static sw_status devices_read(const nvml *n, const sw_hash *nonce, sw_arena *a, sw_gpu_device *made,
                              size_t limit, size_t *count, sw_error *err) {
    unsigned there = 0;
    SW_TRY(called(n->count(&there), "number of devices", err));
    if (there == 0) return sw_fail(err, SW_MISSING, "missing", "there is no NVIDIA device");
    if (there > limit)
        return sw_fail(err, SW_LIMIT, "limit", "there are %u NVIDIA devices, more than %zu", there,
                       limit);
    for (unsigned i = 0; i < there; i++) {
        sw_status status = device_read(n, i, nonce, a, &made[i], err);
        if (status == SW_OK) continue;
        sw_error_prefix(err, "NVIDIA device %u", i);
        return status;
    }
    *count = there;
    return SW_OK;
}

sw_status sw_nvml_collect(const char *library, const sw_hash *nonce, sw_arena *a,
                          sw_gpu_device *out, size_t limit, size_t *count, sw_error *err) {
    SW_SCOPED(nvml) n = {0};
    sw_gpu_device made[SW_GPU_LIMIT] = {0};
    size_t there = 0;
    if (limit > SW_GPU_LIMIT) limit = SW_GPU_LIMIT;
    SW_TRY(nvml_begin(&n, library, err));
    SW_TRY(mode_check(&n, err));
    SW_TRY(devices_read(&n, nonce, a, made, limit, &there, err));
    memcpy(out, made, there * sizeof *out);
    *count = there;
    return SW_OK;
}
