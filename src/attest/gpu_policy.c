/* SPDX-License-Identifier: Apache-2.0
 *
 * Verified devices against what is wanted: the policy's number, serials, drivers and ages, and the
 * nonce of the moment (GPU-080 to GPU-088).
 */
#include "attest/gpu_internal.h"
#include "codec/text.h"
#include "sys/clock.h"

#include <string.h>

#define AGAINST(err, ...) sw_fail((err), SW_REFUSED, "policy", __VA_ARGS__)

/* ---- freshness ---- */
/* Nonces of NVIDIA's own samples, which public evidence answers. */
static const uint8_t TEST_NONCES[][32] = {
    {0x4c, 0xff, 0x7f, 0x53, 0x80, 0xea, 0xd8, 0xfa, 0xd8, 0xec, 0x2c,
     0x53, 0x1c, 0x11, 0x0a, 0xca, 0x43, 0x02, 0xa8, 0x8f, 0x60, 0x37,
     0x92, 0x80, 0x1a, 0x8c, 0xa2, 0x9e, 0xe1, 0x51, 0xaf, 0x2e},
    {0x93, 0x1d, 0x8d, 0xd0, 0xad, 0xd2, 0x03, 0xac, 0x3d, 0x8b, 0x4f,
     0xbd, 0xe7, 0x5e, 0x11, 0x52, 0x78, 0xee, 0xfc, 0xdc, 0xea, 0xc5,
     0xb8, 0x76, 0x71, 0xa7, 0x48, 0xf3, 0x23, 0x64, 0xdf, 0xcb},
};

bool sw_gpu_nonce_known_test(const uint8_t nonce[32]) {
    for (size_t i = 0; i < sizeof TEST_NONCES / sizeof TEST_NONCES[0]; i++)
        if (memcmp(nonce, TEST_NONCES[i], 32) == 0) return true;
    return false;
}

void sw_gpu_nonce(sw_hash *out, const sw_hash *challenge, const sw_p256_public *own_tls) {
    sw_bytes fields[2] = {SW_BYTES_OF(challenge->b), SW_BYTES_OF(own_tls->b)};
    sw_bind_sha256(out, "sealwright/gpu/v1", fields, 2);
}

sw_status sw_gpu_fresh(const sw_gpu_claims *claims, size_t count, const sw_hash *expected,
                       sw_error *err) {
    if (count == 0) return REFUSE(err, "there is no GPU evidence");
    for (size_t i = 0; i < count; i++) {
        if (sw_gpu_nonce_known_test(claims[i].nonce))
            return REFUSE(err, "device %zu answered a nonce of public samples", i);
        if (memcmp(claims[i].nonce, expected->b, sizeof expected->b) != 0)
            return REFUSE(err, "device %zu answered another nonce than this one", i);
    }
    return SW_OK;
}

/* ---- policy ---- */
enum { FEATURE_PROTECTED_PCIE = 2 };

static bool serial_listed(const sw_gpu_policy *p, const sw_gpu_serial *serial) {
    for (size_t i = 0; i < p->device_count && i < SW_GPU_LIMIT; i++)
        if (sw_bytes_equal(SW_BYTES(p->devices[i].b, p->devices[i].size),
                           SW_BYTES(serial->b, serial->size)))
            return true;
    return false;
}

static bool driver_listed(const sw_gpu_policy *p, const char *driver) {
    for (size_t i = 0; i < p->driver_count && i < SW_GPU_DRIVER_LIMIT; i++)
        if (strcmp(p->drivers[i], driver) == 0) return true;
    return false;
}

static sw_status device_check(const sw_gpu_policy *p, const sw_gpu_claims *c, size_t place,
                              sw_error *err) {
    char serial[2 * sizeof c->serial.b + 1];
    sw_hex_text(serial, SW_BYTES(c->serial.b, c->serial.size));
    if (!p->any_device && !serial_listed(p, &c->serial))
        return AGAINST(err, "device %zu (serial %s) is not one that the machine policy names",
                       place, serial);
    if (!c->is_switch && !p->any_driver && !driver_listed(p, c->driver))
        return AGAINST(err, "GPU %zu runs driver %s, which the machine policy does not name", place,
                       c->driver);
    if (!c->revocation_checked)
        return AGAINST(
            err, "device %zu: a certificate of it or of its manifests has no OCSP answer", place);
    return SW_OK;
}

/* ---- how old what the maker says is ---- */
static void oldest_find(const sw_gpu_claims *claims, size_t count, int64_t *ocsp, int64_t *rim) {
    *ocsp = *rim = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (claims[i].ocsp_from_ms < *ocsp) *ocsp = claims[i].ocsp_from_ms;
        if (claims[i].rim_from_ms < *rim) *rim = claims[i].rim_from_ms;
    }
}

/* Within its dates the attested side chooses which answer and which manifest it shows. */
sw_status sw_gpu_age_check(const sw_gpu_policy *policy, const sw_gpu_claims *claims, size_t count,
                           int64_t wall_ms, const sw_check_log *log, sw_error *err) {
    int64_t ocsp, rim;
    char answered[21] = "", certified[21];
    if (count == 0) return SW_OK;
    oldest_find(claims, count, &ocsp, &rim);
    bool any = ocsp != INT64_MAX;
    if (any) sw_time_text(answered, ocsp);
    sw_time_text(certified, rim);
    sw_check_begin(log, "policy: GPU collateral age");
    if (any && wall_ms - ocsp > sw_gpu_ocsp_max_age_ms(policy))
        return AGAINST(err, "an OCSP answer is of %s, older than accepted", answered);
    if (wall_ms - rim > sw_gpu_rim_max_age_ms(policy))
        return AGAINST(err, "a manifest's signer is certified since %s, longer than accepted",
                       certified);
    sw_check_held(log, "OCSP answers: %s%s; manifests' signers: since %s", any ? "since " : "none",
                  answered, certified);
    return SW_OK;
}

/* ---- all of it ---- */
static sw_status guarded_check(const sw_gpu_claims *claims, size_t count, sw_error *err) {
    size_t gpus = 0, guarded = 0;
    for (size_t i = 0; i < count; i++) {
        gpus += !claims[i].is_switch;
        guarded += !claims[i].is_switch && claims[i].feature == FEATURE_PROTECTED_PCIE;
    }
    if (guarded == 0 || gpus < count) return SW_OK;
    return AGAINST(err, "the GPUs are in protected PCIe mode and came without the switches that "
                        "their traffic goes through");
}

static sw_status set_check(const sw_gpu_policy *policy, const sw_gpu_claims *claims, size_t count,
                           sw_error *err) {
    size_t gpus = 0;
    for (size_t i = 0; i < count; i++) gpus += !claims[i].is_switch;
    if (gpus != policy->count)
        return AGAINST(err, "the machine shows %zu GPUs, and the machine policy says %u", gpus,
                       policy->count);
    if (policy->count == 0 && count > 0)
        return AGAINST(err, "the machine shows switches, and the machine policy says no GPUs");
    SW_TRY(guarded_check(claims, count, err));
    for (size_t i = 0; i < count; i++) SW_TRY(device_check(policy, &claims[i], i, err));
    return SW_OK;
}

sw_status sw_gpu_policy_check(const sw_gpu_policy *policy, const sw_gpu_claims *claims,
                              size_t count, int64_t wall_ms, const sw_check_log *log,
                              sw_error *err) {
    sw_check_begin(log, "policy: GPUs");
    SW_TRY(set_check(policy, claims, count, err));
    sw_check_held(log, "%u asked for, %zu devices", policy->count, count);
    return sw_gpu_age_check(policy, claims, count, wall_ms, log, err);
}

sw_status sw_gpu_default_check(const sw_gpu_claims *claims, size_t count, int64_t wall_ms,
                               const sw_check_log *log, sw_error *err) {
    static const sw_gpu_policy none;
    sw_check_begin(log, "policy: GPUs");
    SW_TRY(guarded_check(claims, count, err));
    sw_check_held(log, "%zu devices; no policy was given, so none is compared", count);
    return sw_gpu_age_check(&none, claims, count, wall_ms, log, err);
}
