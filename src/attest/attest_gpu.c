/* SPDX-License-Identifier: Apache-2.0
 *
 * GPUs as a part of a machine's evidence (GPU-220 to GPU-226): verified under the policy's two
 * roots, fresh by the channel's nonce, and bound to the quote by report data that commit to them.
 *
 * Which GPUs came is decided before the quote was made and which nonce they answered follows from
 * the channel, so neither may be exchanged afterwards.
 */
#include "attest/attest_internal.h"
#include "attest/tdx_internal.h"

static void window_narrow(sw_claims *c, const sw_gpu_claims *gpu) {
    if (gpu->valid_from_ms > c->valid_from_ms) c->valid_from_ms = gpu->valid_from_ms;
    if (gpu->valid_until_ms < c->valid_until_ms) c->valid_until_ms = gpu->valid_until_ms;
}

sw_status sw_claims_gpus_verify(sw_arena *a, const sw_evidence *e, const sw_judge *by,
                                sw_claims *claims, sw_error *err) {
    const sw_gpu_policy *policy = &by->policy->gpu;
    sw_gpu_collateral collateral = e->gpu_collateral;
    if (e->gpu_count == 0) return SW_OK;
    if (policy->count == 0) {
        sw_check_begin(sw_verifier_log(by->verifier), "policy: GPUs");
        return REFUSE(err, "the evidence holds GPUs and the machine policy says none");
    }
    collateral.known = sw_verifier_gpus(by->verifier);
    collateral.memory = a;
    collateral.pool = sw_verifier_pool(by->verifier);
    SW_TRY(sw_gpu_verify(e->gpus, e->gpu_count, &collateral, policy, by->wall_ms,
                         sw_verifier_log(by->verifier), claims->gpus, err));
    sw_sha256(&claims->gpu_evidence, e->gpu_text);
    claims->gpu_count = e->gpu_count;
    for (size_t i = 0; i < e->gpu_count; i++) window_narrow(claims, &claims->gpus[i]);
    return SW_OK;
}

/* A live channel: what the GPUs answered is part of what was quoted. */
static sw_status channel_expect(const sw_channel_binding *channel, const sw_claims *claims,
                                sw_report_data *report, sw_error *err) {
    sw_hash nonce;
    SW_CHECK(err, channel->gpu_evidence.size == 0);
    if (claims->gpu_count == 0) return sw_report_channel_over(report, channel, NULL, err);
    sw_gpu_nonce(&nonce, &channel->challenge, &channel->own_tls);
    SW_TRY(sw_gpu_fresh(claims->gpus, claims->gpu_count, &nonce, err));
    return sw_report_channel_over(report, channel, &claims->gpu_evidence, err);
}

sw_status sw_question_expect(const sw_question *question, const sw_claims *claims,
                             sw_report_data *report, sw_error *err) {
    SW_CHECK(err, (question->report == NULL) != (question->channel == NULL));
    if (question->channel != NULL) return channel_expect(question->channel, claims, report, err);
    if (claims->gpu_count > 0)
        return REFUSE(err, "the evidence holds GPUs, to which these report data do not commit");
    *report = *question->report;
    return SW_OK;
}
