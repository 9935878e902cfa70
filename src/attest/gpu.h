/* SPDX-License-Identifier: Apache-2.0
 *
 * NVIDIA GPUs and switches: SPDM reports, device chains, reference manifests, in one verdict over
 * the whole set. Pure: time, anchors, manifests and OCSP answers come in. Docs: docs/formats/gpu.md
 * (GPU-001 ...).
 *
 * What ties a GPU to one machine is the measured driver's own session; this evidence alone does
 * not.
 */
#ifndef SW_ATTEST_GPU_H
#define SW_ATTEST_GPU_H
#include "attest/check.h"
#include "attest/rim.h"
#include "crypto/ocsp.h"
#include "recipe/policy.h"
#include "sys/pool.h"

#define SW_GPU_REPORT_LIMIT ((size_t)16 << 10)
#define SW_GPU_CHAIN_LIMIT  ((size_t)32 << 10) /* PEM of five certificates */
#define SW_GPU_RIM_COUNT    16
#define SW_GPU_OCSP_COUNT   128

/* ---- one device's evidence, views ---- */
typedef struct sw_gpu_device {
    sw_bytes report; /* SPDM GET_MEASUREMENTS request and MEASUREMENTS response */
    sw_bytes chain;  /* PEM, leaf first, root last */
} sw_gpu_device;
/* What one OCSP answer says of one certificate: good, and for how long. */
typedef struct sw_gpu_known_answer {
    sw_hash id; /* SHA-256 of certificate, issuer and answer, each DER */
    sw_ocsp_verdict verdict;
} sw_gpu_known_answer;
/* For whoever judges the same machines again and again: manifests that held before, by their exact
 * bytes and root, whose content is kept and whose dates are judged anew; and of devices that held
 * the parsed form of their certificates, that the signatures of this very chain link it, and what
 * their OCSP answers say, which are judged anew in everything else. Starts as zeros; its owner's
 * alone, one verdict at a time. */
typedef struct sw_gpu_known {
    sw_hash ids[SW_GPU_RIM_COUNT];
    sw_rim *rims[SW_GPU_RIM_COUNT];
    size_t kept;                             /* ever; the oldest makes room */
    sw_cert_cache chains[SW_GPU_LIMIT];      /* by a device's place in its set */
    struct sw_gpu_chain *held[SW_GPU_LIMIT]; /* likewise: the last chain that held, owned */
    sw_gpu_known_answer answers[SW_GPU_OCSP_COUNT];
    size_t answers_kept; /* ever; the oldest makes room */
} sw_gpu_known;
void sw_gpu_known_free(sw_gpu_known *k);
typedef struct sw_gpu_collateral {
    const sw_bytes *rims; /* XML texts; a device finds its own by version */
    size_t rim_count;
    const sw_bytes *ocsp; /* DER OCSPResponses */
    size_t ocsp_count;
    sw_gpu_known *known; /* may be NULL */
    sw_pool *pool;       /* threads that share the signatures (GPU-044); may be NULL */
    sw_arena *memory;    /* that the verdict takes its own from; NULL: the allocator */
} sw_gpu_collateral;

/* ---- the report as fields ---- */
#define SW_GPU_BLOCK_LIMIT  64
#define SW_GPU_OPAQUE_LIMIT 64
typedef struct sw_gpu_opaque {
    uint16_t type;
    sw_bytes value;
} sw_gpu_opaque;
typedef struct sw_gpu_report {
    uint8_t nonce[32];           /* the requester's: what freshness rests on */
    uint8_t responder_nonce[32]; /* the device's own randomness */
    size_t block_count;
    uint8_t blocks[SW_GPU_BLOCK_LIMIT][SW_SHA384_BYTES]; /* [i]: SPDM index i+1, RIM index i */
    bool present[SW_GPU_BLOCK_LIMIT];
    size_t opaque_count;
    sw_gpu_opaque opaque[SW_GPU_OPAQUE_LIMIT];
    sw_bytes signed_part;
    uint8_t signature[SW_P384_SIGNATURE_BYTES];
    size_t trailing_bytes; /* zeros behind the signature: drivers pad */
    /* from the opaque fields; empty when absent */
    char driver[32], vbios[32], project[16], project_sku[16], chip_sku[16], chip_info[16];
    bool has_fwid, nvdec0_disabled, has_feature;
    uint8_t fwid[SW_SHA384_BYTES];
    uint16_t feature; /* 0 one GPU, 1 several, 2 protected PCIe */
    bool is_switch;
} sw_gpu_report;
SW_NODISCARD sw_status sw_gpu_report_parse(sw_bytes report, sw_gpu_report *out, sw_error *err);
/* The names under which NVIDIA publishes the two manifests; empty for a switch's driver. */
void sw_gpu_rim_names(const sw_gpu_report *r, char driver[128], char vbios[128]);

/* NVIDIA's own JSON: [{"certificate": base64 of PEM, "evidence": base64, "nonce": hex, ...}], or an
 * object with that list as `evidence_list` (a request to its service) or `evidences` (what nvattest
 * collects). Members that are not named here are left alone; `out`
 * has `limit` places. Views into the arena. */
SW_NODISCARD sw_status sw_gpu_nvidia_list_parse(sw_arena *a, sw_bytes json, sw_gpu_device *out,
                                                size_t limit, size_t *count, sw_error *err);

/* ---- what a set of devices proves ---- */
typedef struct sw_gpu_claims { /* of one device */
    char model[64];            /* common name of the certificate above the leaf */
    sw_gpu_serial serial;      /* the leaf's */
    char driver[32], vbios[32];
    uint8_t nonce[32];
    bool is_switch;
    uint16_t feature;
    bool revocation_checked; /* a good OCSP answer stood for every certificate that has one */
    int64_t valid_from_ms, valid_until_ms; /* joint window of chain, manifests and OCSP answers */
    int64_t ocsp_from_ms; /* thisUpdate of the oldest answer, of each certificate its newest;
                             INT64_MAX without answers */
    int64_t rim_from_ms;  /* start of the oldest signer of its manifests */
} sw_gpu_claims;
/* Cryptographic truth of every device, in order: report, chain to the policy's device root, FWID,
 * signature, both manifests to the policy's RIM root, measurements, revocation; then of the set:
 * one nonce, pairwise distinct serials, no single-GPU devices beside multi-GPU ones, PPCIE
 * topology. Every manifest and every OCSP answer that is given must hold. `out` has `count` places;
 * 1 to SW_GPU_LIMIT devices. SW_REFUSED "evidence" names the device by its place; nothing else but
 * SW_MEMORY and SW_INTERNAL. Whether the nonce is the one wanted is sw_gpu_fresh's. */
SW_NODISCARD sw_status sw_gpu_verify(const sw_gpu_device *devices, size_t count,
                                     const sw_gpu_collateral *collateral,
                                     const sw_gpu_policy *policy, int64_t wall_ms,
                                     const sw_check_log *log, sw_gpu_claims *out, sw_error *err);

/* ---- freshness ---- */
/* The nonce that a device is asked with for one channel: bound to the challenge and to the TLS key
 * of the machine that asks (DESIGN section 3). */
void sw_gpu_nonce(sw_hash *out, const sw_hash *challenge, const sw_p256_public *own_tls);
/* One that NVIDIA's public samples answer. */
bool sw_gpu_nonce_known_test(const uint8_t nonce[32]);
/* Every device answered this nonce, and it is none of the public samples'. SW_REFUSED "evidence".
 */
SW_NODISCARD sw_status sw_gpu_fresh(const sw_gpu_claims *claims, size_t count,
                                    const sw_hash *expected, sw_error *err);
/* Policy: number of GPUs, serials, drivers, revocation; then the age below. SW_REFUSED "policy". */
SW_NODISCARD sw_status sw_gpu_policy_check(const sw_gpu_policy *policy, const sw_gpu_claims *claims,
                                           size_t count, int64_t wall_ms, const sw_check_log *log,
                                           sw_error *err);
/* What is demanded where there is no policy: GPU-086, and the ages of one that names none. */
SW_NODISCARD sw_status sw_gpu_default_check(const sw_gpu_claims *claims, size_t count,
                                            int64_t wall_ms, const sw_check_log *log,
                                            sw_error *err);
/* How old answers and manifests were at wall_ms (GPU-087, GPU-088); nothing where no device is. */
SW_NODISCARD sw_status sw_gpu_age_check(const sw_gpu_policy *policy, const sw_gpu_claims *claims,
                                        size_t count, int64_t wall_ms, const sw_check_log *log,
                                        sw_error *err);
/* Everything inside one report and its chain, for people: never a verdict. A chain that is empty is
 * left out. */
SW_NODISCARD sw_status sw_gpu_explain(const sw_gpu_device *device, sw_buffer *out, sw_error *err);
#endif
