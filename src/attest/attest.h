/* SPDX-License-Identifier: Apache-2.0
 *
 * Attestation: evidence in, claims or one precise refusal out. Pure: time, anchors and collateral
 * come in. Docs: docs/formats/evidence.md (EVD-001 ...).
 *
 * One verifier for every root: the software machine and Intel's hardware differ in the anchor that
 * the policy names, in nothing else.
 */
#ifndef SW_ATTEST_H
#define SW_ATTEST_H
#include "attest/gpu.h"
#include "crypto/x509.h"
#include "recipe/policy.h"

#define SW_EVIDENCE_LIMIT ((size_t)4 << 20)

/* Report data is made by these functions alone; no caller chooses its bytes. */
typedef struct sw_report_data {
    uint8_t b[64];
} sw_report_data;
typedef enum sw_role { SW_ROLE_KMS, SW_ROLE_MACHINE } sw_role;
typedef enum sw_purpose {
    SW_PURPOSE_NONE,
    SW_PURPOSE_TRAIN,
    SW_PURPOSE_RESUME,
    SW_PURPOSE_REPLAY,
    SW_PURPOSE_OPEN
} sw_purpose;
const char *sw_purpose_name(sw_purpose p); /* "none", "train", ... */
bool sw_purpose_parse(sw_bytes text, sw_purpose *out);
typedef struct sw_channel_binding { /* report data `channel` (DESIGN section 3); keys SEC1, absent
                                       ones as empty fields */
    sw_role role;
    sw_purpose purpose;
    sw_hash challenge; /* the verifier's */
    sw_p256_public own_tls, peer_tls;
    const sw_p256_public *response, *manifest; /* NULL: empty */
    sw_bytes gpu_evidence;                     /* hashed; empty when none */
} sw_channel_binding;
SW_NODISCARD sw_status sw_report_channel(sw_report_data *out, const sw_channel_binding *b,
                                         sw_error *err);
void sw_report_kms_root(sw_report_data *out, const sw_hash *nonce, const sw_hash *boot_nonce,
                        const sw_p256_public *root, const sw_p256_public *receipt,
                        const sw_p256_public *tls);
void sw_report_manifest(sw_report_data *out, const sw_hash *statement_digest);

/* What evidence proves. */
typedef struct sw_claims {
    sw_platform platform;
    sw_hash anchor; /* SHA-256 of the root that the chain ended in */
    uint8_t mrtd[48], rtmr[4][48], mr_config_id[48], mr_seam[48];
    uint8_t app_id[20];
    sw_hash compose, device;          /* from the replayed RTMR3 log; SHA-256(PPID) */
    sw_hash mr_aggregated, mr_system; /* as dstack derives them (MSR-040, MSR-041) */
    uint8_t instance_id[20];
    sw_report_data report_data;
    char tcb_status[48];   /* "UpToDate", ... */
    char advisories[1024]; /* comma-separated, each once */
    uint32_t tcb_evaluation_number, qe_evaluation_number;
    int64_t valid_from_ms, valid_until_ms; /* joint window of the collateral */
    int64_t collateral_issued_ms;          /* when its oldest part was made (EVD-068) */
    int64_t tcb_date_ms;                   /* the oldest of the three levels' dates */
    uint32_t trailing_bytes;               /* zeros behind the quote's signature data */
    int64_t judged_ms;                     /* the time that this was judged at */
    char image[65];                        /* name in the policy; filled by sw_policy_check */
    /* What the evidence's member `image` measures to (EVD-114). The hash is the prover's own word:
     * anyone can mint one, so it is worth something only beside a policy that names it. */
    bool has_os_image; /* false: the next three say nothing */
    sw_hash os_image;
    uint8_t acpi[SW_ACPI_COUNT][48];
    uint64_t memory_bytes;
    size_t gpu_count;     /* devices, switches with them; 0: the next two say nothing */
    sw_hash gpu_evidence; /* SHA-256 of what report data `channel` commit to (GPU-213) */
    sw_gpu_claims gpus[SW_GPU_LIMIT];
} sw_claims;

/* Who judges often keeps one of these: the parsed form of chains and collateral of evidence that
 * held, found by all of its bytes (EVD-086), never a verdict. It also carries who watches; `log` is
 * borrowed for as long as the verifier lives and may be NULL. One thread at a time; where GPUs are
 * judged it starts threads of its own, which end with it. Wherever a verifier is asked for, NULL
 * judges the same and keeps nothing. */
typedef struct sw_verifier sw_verifier;
SW_NODISCARD sw_status sw_verifier_open(const sw_check_log *log, sw_verifier **out, sw_error *err);
void sw_verifier_close(sw_verifier **v);
const sw_check_log *sw_verifier_log(const sw_verifier *v); /* NULL for NULL */

/* Verifies cryptographic truth: layout, chain to one of the policy's anchors, CRLs, TCB info, QE
 * identity, QE report, quote signature, attributes (DEBUG group, MIGRATABLE, unknown bits,
 * MRSERVICETD), event log replay against RTMR3, compose-hash event, the OS image where one is
 * described. `wall_ms` is the time to judge at. SW_REFUSED "evidence". */
SW_NODISCARD sw_status sw_evidence_verify(sw_bytes evidence_json, const sw_policy *policy,
                                          int64_t wall_ms, sw_verifier *v, sw_claims *out,
                                          sw_error *err);
/* Policy: platform, images, devices, TCB status, evaluation numbers, GPU. SW_REFUSED "policy" with
 * one sentence. An incomplete policy is refused first. `log` may be NULL. */
SW_NODISCARD sw_status sw_policy_check(const sw_policy *policy, sw_claims *claims,
                                       const sw_check_log *log, sw_error *err);
/* What the evidence of one exchange must say: either of a live channel, whose report data commit to
 * the GPU evidence that came and whose nonce every GPU must have answered, or these very report
 * data, which commit to no GPU. Exactly one of the two is set. */
typedef struct sw_question {
    const sw_report_data *report; /* KMS root, manifest */
    const sw_hash *compose;
    const sw_channel_binding *channel; /* without gpu_evidence: that is the evidence's own */
    sw_verifier *verifier;             /* may be NULL */
} sw_question;
/* Both, then report data and compose hash must be those of the question. The everyday call. */
SW_NODISCARD sw_status sw_attest(sw_bytes evidence_json, const sw_policy *policy, int64_t wall_ms,
                                 const sw_question *question, sw_claims *out, sw_error *err);
/* Everything inside, for people: never a verdict. */
SW_NODISCARD sw_status sw_evidence_explain(sw_bytes evidence_json, sw_buffer *out, sw_error *err);
#endif
