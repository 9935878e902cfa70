/* SPDX-License-Identifier: Apache-2.0
 *
 * What attest.c leaves to attest_gpu.c and attest_image.c: GPUs (GPU-220 on) and a named OS image
 * (EVD-110 on) as parts of a machine's evidence.
 */
#ifndef SW_ATTEST_INTERNAL_H
#define SW_ATTEST_INTERNAL_H
#include "attest/measure.h"
#include "attest/tdx_internal.h"

/* Cryptographic truth of the evidence's GPUs, into the claims, whose window they narrow. The arena
 * is scratch: nothing in the claims points into it. */
SW_NODISCARD sw_status sw_claims_gpus_verify(sw_arena *a, const sw_evidence *e, const sw_judge *by,
                                             sw_claims *claims, sw_error *err);
/* Manifests that this verifier has seen hold; NULL for NULL. */
sw_gpu_known *sw_verifier_gpus(sw_verifier *v);
/* Started when GPUs are judged for the first time; NULL for one thread. */
sw_pool *sw_verifier_pool(sw_verifier *v);
/* For one judgement: the verifier's own memory until it is returned, so that nothing is taken from
 * the allocator once it has judged the like (EVD-106); without a verifier `own`. */
#define SW_JUDGE_ARENA_LIMIT (16 * SW_EVIDENCE_LIMIT)
sw_arena *sw_verifier_borrow(sw_verifier *v, sw_arena *own);
void sw_verifier_return(sw_verifier *v);
/* The report data that the question asks for, and the nonce that every GPU must have answered. */
SW_NODISCARD sw_status sw_question_expect(const sw_question *question, const sw_claims *claims,
                                          sw_report_data *report, sw_error *err);
/* What a replayed log says of the app: the simulator of dstack refused, facts read, MRCONFIGID
 * against them (EVD-053 to EVD-055). *config_version is MRCONFIGID's kind, 0 when it is not set.
 * The arena is scratch. */
typedef struct sw_app_log {
    const sw_event *events;
    size_t count;
    sw_bytes document; /* of MRCONFIGID's third kind; empty: there is none */
} sw_app_log;
SW_NODISCARD sw_status sw_app_verify(sw_arena *a, const sw_app_log *app,
                                     const uint8_t mr_config_id[48], const sw_check_log *log,
                                     sw_boot_facts *out, unsigned *config_version, sw_error *err);
/* Every register that dstack derives values from; and mr_system with the log's key provider. */
void sw_td_measurements_of(const sw_td_report *td, sw_td_measurements *out);
void sw_app_mr_system(const sw_td_measurements *td, const sw_app_log *app, sw_hash *out);
/* What is described, measured and held against this quote and its replayed log, into the claims;
 * on failure they are untouched. The check "OS image". */
SW_NODISCARD sw_status sw_claims_image_verify(const sw_evidence_image *image,
                                              const sw_td_report *td, const sw_app_log *app,
                                              const sw_check_log *log, sw_claims *claims,
                                              sw_error *err);
bool sw_policy_names_hashes(const sw_policy *policy); /* an image by its OS image hash */
/* The first image of the policy that these claims match (EVD-084, EVD-116). SW_REFUSED "policy". */
SW_NODISCARD sw_status sw_policy_image_check(const sw_policy *policy, const sw_claims *claims,
                                             const sw_image **out, sw_error *err);
/* Report data `channel` over GPU evidence of that digest; NULL: none. */
SW_NODISCARD sw_status sw_report_channel_over(sw_report_data *out, const sw_channel_binding *b,
                                              const sw_hash *gpu_evidence, sw_error *err);
#endif
