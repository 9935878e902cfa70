/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of GPU evidence share: field types of a report, a device's chain, its manifests,
 * OCSP answers, and one device as far as it has been judged. Docs: docs/formats/gpu.md.
 */
#ifndef SW_ATTEST_GPU_INTERNAL_H
#define SW_ATTEST_GPU_INTERNAL_H
#include "attest/gpu.h"
#include "attest/rim_internal.h"
#include "attest/tdx_internal.h" /* sw_window, REFUSE, BROKEN */

/* ---- opaque fields (GPU-020) ---- */
enum {
    SW_GPU_FIELD_DRIVER = 3,
    SW_GPU_FIELD_VBIOS = 6,
    SW_GPU_FIELD_NVDEC0 = 11,
    SW_GPU_FIELD_CHIP_SKU = 15,
    SW_GPU_FIELD_PROJECT = 17,
    SW_GPU_FIELD_PROJECT_SKU = 18,
    SW_GPU_FIELD_FWID = 20,
    SW_GPU_FIELD_SWITCH_PDI = 22, /* of a GPU: the switches it sees; of a switch: its own */
    SW_GPU_FIELD_GPU_PDIS = 26,   /* of a switch: the GPUs it sees, then its ports */
    SW_GPU_FIELD_VERSION = 34,
    SW_GPU_FIELD_CHIP_INFO = 35,
    SW_GPU_FIELD_FEATURE = 36
};
enum { SW_GPU_PDI_BYTES = 8, SW_GPU_PDIS_BYTES = 128, SW_GPU_PDIS_LISTED = 8 };
/* NULL when the report has none. */
const sw_gpu_opaque *sw_gpu_field(const sw_gpu_report *r, uint16_t type);
/* The field's name, "" when it is not known. */
const char *sw_gpu_field_name(uint16_t type);

/* ---- what is judged once, by whichever thread, and asked for in the verdict's order ---- */
typedef struct sw_gpu_outcome {
    bool made; /* false: nobody has judged it yet */
    sw_status status;
    sw_error err;
} sw_gpu_outcome;
sw_status sw_gpu_outcome_take(const sw_gpu_outcome *o, sw_error *err);

/* ---- chain (GPU-030) ---- */
enum { SW_GPU_CHAIN_COUNT = 5 };
#define SW_GPU_FWID_OID     "2.23.133.5.4.1"
#define SW_GPU_TCB_INFO_OID "2.23.133.5.4.1.1"
typedef struct sw_gpu_chain {
    sw_cert *certs[SW_GPU_CHAIN_COUNT]; /* leaf first, root last; owned */
    size_t count;
    sw_p384_public key; /* the leaf's: it signs the report */
    char model[64];
    sw_gpu_serial serial;
    uint8_t fwid[SW_SHA384_BYTES];
    sw_hash id; /* SHA-256 of its PEM, which has one form */
} sw_gpu_chain;
void sw_gpu_chain_free(sw_gpu_chain *c);
/* The same with holds of its own; NULL without memory. */
sw_gpu_chain *sw_gpu_chain_copy(const sw_gpu_chain *c);
void sw_gpu_chain_drop(sw_gpu_chain **held);
/* Whether `c` was parsed from these very bytes. Then *out is what parsing them would give. */
bool sw_gpu_chain_reuse(const sw_gpu_chain *c, sw_bytes pem, sw_gpu_chain *out);
/* PEM to five certificates and what the leaf says; nothing is verified. Certificates that `known`
 * holds are not parsed again. On failure *out is untouched. */
SW_NODISCARD sw_status sw_gpu_chain_parse(sw_bytes pem, const sw_cert_cache *known,
                                          sw_gpu_chain *out, sw_error *err);
/* The provisioner's certificate, the family's and the root are the same bytes in both, and
 * constrain no names, so that what they allowed one device they allow another. */
bool sw_gpu_chain_shares_upper(const sw_gpu_chain *c, const sw_gpu_chain *other);
/* Root and dates. */
SW_NODISCARD sw_status sw_gpu_chain_check(const sw_gpu_chain *c, const sw_hash *root, sw_window *w,
                                          sw_error *err);
/* The path, strictly: with the dates that are looked at above a function of the certificates' bytes
 * alone. `held` is a chain without whose holding this verdict fails before it comes to `c`, or
 * NULL: what both share above the boot ROM's certificate has its signatures judged once (GPU-038).
 */
SW_NODISCARD sw_status sw_gpu_chain_link(const sw_gpu_chain *c, const sw_gpu_chain *held,
                                         int64_t wall_ms, sw_error *err);
/* The digest of the firmware from an extension's value: TCG's composite device id, or DICE's
 * TcbInfo. */
SW_NODISCARD sw_status sw_gpu_fwid_parse(sw_bytes extension, bool tcb_info,
                                         uint8_t out[SW_SHA384_BYTES], sw_error *err);

/* ---- manifests and measurements (GPU-050) ---- */
typedef struct sw_gpu_manifests {
    const sw_gpu_collateral *collateral;
    const sw_hash *root;
    int64_t wall_ms;
    const sw_rim *rims[SW_GPU_RIM_COUNT]; /* made here, or known */
    sw_rim *made[SW_GPU_RIM_COUNT];       /* owned; NULL where it was known */
    sw_rim_reading readings[SW_GPU_RIM_COUNT];
    sw_gpu_outcome read[SW_GPU_RIM_COUNT], judged[SW_GPU_RIM_COUNT];
    sw_hash ids[SW_GPU_RIM_COUNT];
    size_t count; /* verified */
} sw_gpu_manifests;
void sw_gpu_manifests_free(sw_gpu_manifests *m);
/* Both halves of one manifest, each once: any number of them at once, a second half when all first
 * halves are made. Nothing is left to judge of one that is known. */
void sw_gpu_manifest_read(sw_gpu_manifests *m, size_t place);
void sw_gpu_manifest_judge(sw_gpu_manifests *m, size_t place);
/* Every manifest, in their order; the first that fails ends it. */
SW_NODISCARD sw_status sw_gpu_manifests_verify(sw_gpu_manifests *m, sw_error *err);
/* Those that were made go over to `known`, which may be NULL. Once, when all is judged. */
void sw_gpu_manifests_keep(sw_gpu_manifests *m, sw_gpu_known *known);
/* The one manifest of a device's driver or VBIOS. `model` is the chain's. */
SW_NODISCARD sw_status sw_gpu_manifest_find(const sw_gpu_manifests *m, const sw_gpu_report *r,
                                            const char *model, sw_rim_kind kind, const sw_rim **out,
                                            sw_error *err);
typedef struct sw_gpu_comparison {
    size_t compared, differing;
    bool differs[SW_RIM_INDEX_LIMIT];
} sw_gpu_comparison;
/* Report against manifests (`driver` NULL for a switch). Refuses manifests that are too small or
 * overlap; whether the rest is the same is `out`. */
SW_NODISCARD sw_status sw_gpu_compare(const sw_gpu_report *r, const sw_rim *driver,
                                      const sw_rim *vbios, sw_gpu_comparison *out, sw_error *err);
/* The same, and a refusal that names the first index that differs. */
SW_NODISCARD sw_status sw_gpu_measure(const sw_gpu_report *r, const sw_rim *driver,
                                      const sw_rim *vbios, size_t *compared, sw_error *err);

/* ---- one device, as far as it has been judged ---- */
typedef struct sw_gpu_judged {
    sw_gpu_outcome read, parsed, path, signature; /* report, chain, certificates, report's */
    sw_gpu_report report;
    sw_gpu_chain chain;
    const sw_rim *driver, *vbios;
    bool revocation_checked;
    int64_t ocsp_from_ms; /* as in the claims */
    sw_window window;
} sw_gpu_judged;

/* ---- revocation (GPU-060) ---- */
#define SW_GPU_ASKED_LIMIT                                                                         \
    (SW_GPU_LIMIT * SW_GPU_CHAIN_COUNT + SW_GPU_RIM_COUNT * SW_RIM_CHAIN_LIMIT)
typedef struct sw_gpu_asked { /* a certificate after which the answers were asked */
    const sw_cert *cert;
    bool answered;
    int64_t updated_ms; /* the newest thisUpdate */
    int64_t from_ms, until_ms;
} sw_gpu_asked;
typedef struct sw_gpu_answer {
    sw_gpu_outcome parsed, judged;
    sw_ocsp_answer *answer; /* owned; NULL while it is not parsed */
    const sw_cert *cert;    /* for which it is judged, and its issuer */
    const sw_cert *issuer;
    sw_ocsp_verdict verdict;
} sw_gpu_answer;
typedef struct sw_gpu_answers {
    const sw_bytes *ocsp;
    size_t count;
    int64_t wall_ms;
    const sw_gpu_known *known; /* may be NULL */
    sw_gpu_answer answers[SW_GPU_OCSP_COUNT];
    bool used[SW_GPU_OCSP_COUNT];
    size_t asked_count;
    sw_gpu_asked asked[SW_GPU_ASKED_LIMIT];
} sw_gpu_answers;
void sw_gpu_answers_free(sw_gpu_answers *a);
void sw_gpu_answer_parse(sw_gpu_answers *a, size_t place);
/* Ahead: which answers concern a certificate; each is then judged for the one that `cert` names. */
void sw_gpu_answers_plan(sw_gpu_answers *a, const sw_cert *cert, const sw_cert *issuer);
void sw_gpu_answer_judge(sw_gpu_answers *a, size_t place);
/* Those that held go over to `known`, which may be NULL. Once, when all is judged. */
void sw_gpu_answers_keep(const sw_gpu_answers *a, sw_gpu_known *known);
/* Asks after every certificate of one device and its manifests; narrows its window. */
SW_NODISCARD sw_status sw_gpu_revocation(sw_gpu_answers *a, sw_gpu_judged *d, sw_error *err);
/* Every answer was of one of the certificates. */
SW_NODISCARD sw_status sw_gpu_answers_finish(const sw_gpu_answers *a, sw_error *err);

/* ---- the set (GPU-070) ---- */
SW_NODISCARD sw_status sw_gpu_set_check(const sw_gpu_judged *devices, size_t count, sw_error *err);

/* ---- one verdict; large, so in an arena, the verifier's where there is one ---- */
typedef struct sw_gpu_judgement {
    const sw_gpu_device *evidence;
    size_t count;
    const sw_gpu_collateral *collateral;
    const sw_gpu_policy *policy;
    const sw_check_log *log;
    sw_cert_cache lanes[SW_GPU_LIMIT]; /* one a thread, which knows the upper certificates */
    sw_gpu_answers answers;
    sw_gpu_manifests manifests;
    sw_gpu_judged devices[SW_GPU_LIMIT];
} sw_gpu_judgement;
/* What costs, of one device, each once: report and chain from their bytes (`lane` has certificates
 * of its own), then the certificates' signatures, and the report's. Nothing but the device's own
 * places is written. What follows a failure is not filled. */
void sw_gpu_device_parse(sw_gpu_judgement *j, size_t place, size_t lane);
void sw_gpu_device_path(sw_gpu_judgement *j, size_t place);
void sw_gpu_device_signature(sw_gpu_judgement *j, size_t place);
/* All of that, of manifests and of answers too, on the pool's threads (GPU-044); without a pool
 * nothing. No verdict: whoever judges asks for the outcomes in the verdict's order. */
void sw_gpu_judge_ahead(sw_gpu_judgement *j);
#endif
