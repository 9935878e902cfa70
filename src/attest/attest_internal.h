/* SPDX-License-Identifier: Apache-2.0
 *
 * What attest.c leaves to attest_gpu.c: GPUs as a part of a machine's evidence (GPU-220 on).
 */
#ifndef SW_ATTEST_INTERNAL_H
#define SW_ATTEST_INTERNAL_H
#include "attest/evidence.h"

/* Cryptographic truth of the evidence's GPUs, into the claims, whose window they narrow. */
SW_NODISCARD sw_status sw_claims_gpus_verify(const sw_evidence *e, const sw_policy *policy,
                                             int64_t wall_ms, const sw_check_log *log,
                                             sw_claims *claims, sw_error *err);
/* The report data that the question asks for, and the nonce that every GPU must have answered. */
SW_NODISCARD sw_status sw_question_expect(const sw_question *question, const sw_claims *claims,
                                          sw_report_data *report, sw_error *err);
/* Report data `channel` over GPU evidence of that digest; NULL: none. */
SW_NODISCARD sw_status sw_report_channel_over(sw_report_data *out, const sw_channel_binding *b,
                                              const sw_hash *gpu_evidence, sw_error *err);
#endif
