/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence judged: cryptographic truth first, policy second, the question at hand last (EVD-080
 * on).
 *
 * Whatever fails, the word is "evidence" or "policy" and the sentence says which rule; outputs are
 * written once everything held.
 */
#include "attest/attest_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- evidence to claims ---- */
static void claims_fill(sw_claims *c, const sw_tdx_quote *q, const sw_tdx_verdict *v,
                        const sw_boot_facts *f) {
    c->anchor = v->anchor;
    memcpy(c->mrtd, q->td.mrtd, sizeof c->mrtd);
    memcpy(c->rtmr, q->td.rtmr, sizeof c->rtmr);
    memcpy(c->mr_config_id, q->td.mr_config_id, sizeof c->mr_config_id);
    memcpy(c->mr_seam, q->td.mr_seam, sizeof c->mr_seam);
    memcpy(c->report_data.b, q->td.report_data, sizeof c->report_data.b);
    memcpy(c->app_id, f->app_id, sizeof c->app_id);
    memcpy(c->instance_id, f->instance_id, sizeof c->instance_id);
    c->compose = f->compose;
    sw_sha256(&c->device, SW_BYTES_OF(v->pck.ppid));
    (void)snprintf(c->tcb_status, sizeof c->tcb_status, "%s", sw_tcb_status_name(v->tcb.all));
    memcpy(c->advisories, v->tcb.advisories, sizeof c->advisories);
    c->tcb_date_ms = v->tcb.date_ms;
    c->tcb_evaluation_number = v->tcb_evaluation_number;
    c->qe_evaluation_number = v->qe_evaluation_number;
    c->valid_from_ms = v->valid_from_ms;
    c->valid_until_ms = v->valid_until_ms;
    c->collateral_issued_ms = v->issued_ms;
    c->trailing_bytes = (uint32_t)q->trailing_bytes;
}

static void aggregates_fill(sw_claims *c, const sw_td_report *td, const sw_app_log *app) {
    sw_td_measurements quoted;
    sw_td_measurements_of(td, &quoted);
    sw_mr_aggregated(&c->mr_aggregated, &quoted);
    sw_app_mr_system(&quoted, app, &c->mr_system);
}

static sw_status log_verify(sw_arena *a, const sw_app_log *app, const sw_td_report *td,
                            const sw_check_log *log, sw_boot_facts *out, sw_error *err) {
    uint8_t replayed[SW_SHA384_BYTES];
    sw_check_begin(log, "RTMR3 replay");
    SW_TRY(sw_events_replay(app->events, app->count, replayed, err));
    if (memcmp(replayed, td->rtmr[3], sizeof replayed) != 0)
        return REFUSE(err, "the event log does not replay to the quote's RTMR3");
    sw_check_held(log, "%zu events", app->count);
    unsigned version;
    return sw_app_verify(a, app, td->mr_config_id, log, out, &version, err);
}

static sw_status object_read(sw_arena *a, sw_bytes json, const sw_judge *by, sw_evidence *out,
                             sw_error *err) {
    const sw_check_log *log = sw_verifier_log(by->verifier);
    sw_check_begin(log, "evidence object");
    SW_TRY(sw_evidence_parse(a, json, out, err));
    if (out->platform != by->policy->platform)
        return REFUSE(err, "the evidence is of another platform than the machine policy names");
    sw_check_held(log, "of platform %s, %zu events, %zu GPUs and switches",
                  out->platform == SW_PLATFORM_SIM ? "sim" : "tdx", out->event_count,
                  out->gpu_count);
    return SW_OK;
}

static sw_status verify(sw_arena *a, sw_bytes json, const sw_judge *by, sw_claims *out,
                        sw_error *err) {
    const sw_check_log *log = sw_verifier_log(by->verifier);
    sw_evidence e;
    sw_tdx_quote quote;
    sw_tdx_verdict verdict;
    sw_boot_facts facts;
    SW_TRY(object_read(a, json, by, &e, err));
    SW_TRY(sw_tdx_verify(e.quote, &e.collateral, by, &quote, &verdict, err));
    SW_TRY(sw_td_attributes_check(&quote.td, false, log, err));
    const sw_app_log app = {.events = e.events, .count = e.event_count, .document = e.mr_config};
    SW_TRY(log_verify(a, &app, &quote.td, log, &facts, err));
    sw_claims claims = {.platform = e.platform, .judged_ms = by->wall_ms};
    claims_fill(&claims, &quote, &verdict, &facts);
    aggregates_fill(&claims, &quote.td, &app);
    if (e.image != NULL)
        SW_TRY(sw_claims_image_verify(e.image, &quote.td, &app, log, &claims, err));
    SW_TRY(sw_claims_gpus_verify(a, &e, by, &claims, err));
    *out = claims;
    return SW_OK;
}

sw_status sw_as_evidence(sw_status status, sw_error *err) {
    if (status == SW_INTERNAL || status == SW_MEMORY || err == NULL) return status;
    (void)snprintf(err->word, sizeof err->word, "evidence");
    return status;
}

static sw_status evidence_verify(sw_bytes evidence_json, const sw_judge *by, sw_claims *out,
                                 sw_error *err) {
    SW_TRY(sw_policy_complete(by->policy, err));
    SW_SCOPED(sw_arena) own = {.limit_bytes = SW_JUDGE_ARENA_LIMIT};
    sw_status status = verify(sw_verifier_borrow(by->verifier, &own), evidence_json, by, out, err);
    sw_verifier_return(by->verifier);
    return status == SW_OK ? SW_OK : sw_as_evidence(status, err);
}

sw_status sw_evidence_verify(sw_bytes evidence_json, const sw_policy *policy, int64_t wall_ms,
                             sw_verifier *v, sw_claims *out, sw_error *err) {
    const sw_judge by = {.policy = policy, .wall_ms = wall_ms, .verifier = v};
    return evidence_verify(evidence_json, &by, out, err);
}

/* ---- policy ---- */
static sw_status policy_refuse(sw_error *err, const char *sentence) {
    return sw_fail(err, SW_REFUSED, "policy", "%s", sentence);
}

static bool device_listed(const sw_policy *policy, const sw_claims *claims) {
    if (policy->any_device) return true;
    for (size_t i = 0; i < policy->device_count; i++)
        if (sw_hash_equal(&policy->devices[i], &claims->device)) return true;
    return false;
}

static bool anchor_listed(const sw_policy *policy, const sw_claims *claims) {
    for (size_t i = 0; i < policy->anchor_count; i++)
        if (sw_hash_equal(&policy->anchors[i], &claims->anchor)) return true;
    return false;
}

/* EVD-064, EVD-067. The judgement is the evidence's time, so that it is the same when repeated. */
static bool status_accepted(const sw_policy *policy, const sw_claims *claims, bool *by_grace) {
    const char *status = claims->tcb_status;
    *by_grace = policy->has_grace && claims->judged_ms < policy->grace_until_ms &&
                strcmp(status, "OutOfDate") == 0;
    return *by_grace || strcmp(status, "UpToDate") == 0 ||
           (!policy->up_to_date_only && strcmp(status, "SWHardeningNeeded") == 0);
}

static sw_status tcb_check(const sw_policy *policy, const sw_claims *claims,
                           const sw_check_log *log, sw_error *err) {
    bool by_grace;
    sw_check_begin(log, "policy: TCB status");
    if (!status_accepted(policy, claims, &by_grace))
        return sw_fail(err, SW_REFUSED, "policy",
                       "the platform's TCB status is %s, which the machine policy does not accept",
                       claims->tcb_status);
    char until[21] = "";
    if (by_grace) sw_time_text(until, policy->grace_until_ms);
    sw_check_held(log, "%s%s%s", claims->tcb_status, by_grace ? ", in grace until " : "", until);
    sw_check_begin(log, "policy: evaluation numbers");
    if (claims->tcb_evaluation_number < policy->minimum_evaluation_number)
        return policy_refuse(err, "the TCB info's evaluation number is below the machine policy's");
    if (claims->qe_evaluation_number < policy->minimum_evaluation_number)
        return policy_refuse(err,
                             "the QE identity's evaluation number is below the machine policy's");
    sw_check_held(log, "%u and %u, at least %u", claims->tcb_evaluation_number,
                  claims->qe_evaluation_number, policy->minimum_evaluation_number);
    return SW_OK;
}

/* EVD-068. Within its dates the attested side chooses how old its collateral is; the policy says
 * how old it may be at the time that the evidence is judged at. */
static sw_status age_check(const sw_policy *policy, const sw_claims *claims,
                           const sw_check_log *log, sw_error *err) {
    char issued[21];
    sw_time_text(issued, claims->collateral_issued_ms);
    sw_check_begin(log, "policy: collateral age");
    bool bounded = policy->collateral_max_age_ms > 0;
    if (bounded && claims->judged_ms - claims->collateral_issued_ms > policy->collateral_max_age_ms)
        return sw_fail(err, SW_REFUSED, "policy",
                       "the collateral is of %s, older than the machine policy accepts", issued);
    sw_check_held(log, "of %s; %s", issued,
                  bounded ? "not older than accepted" : "any age is accepted");
    return SW_OK;
}

static sw_status place_check(const sw_policy *policy, const sw_claims *claims,
                             const sw_check_log *log, const sw_image **out, sw_error *err) {
    sw_check_begin(log, "policy: platform");
    if (claims->platform != policy->platform || !anchor_listed(policy, claims))
        return policy_refuse(err, "the machine is of another platform or anchor than the policy's");
    sw_check_held(log, "%s", claims->platform == SW_PLATFORM_SIM ? "sim" : "tdx");
    sw_check_begin(log, "policy: image");
    const sw_image *image = NULL;
    SW_TRY(sw_policy_image_check(policy, claims, &image, err));
    sw_check_held(log, "%s", image->name);
    sw_check_begin(log, "policy: device");
    if (!device_listed(policy, claims))
        return policy_refuse(err, "the machine's device is not among those that the policy names");
    sw_check_held(log, policy->any_device ? "any" : "named");
    *out = image;
    return SW_OK;
}

sw_status sw_policy_check(const sw_policy *policy, sw_claims *claims, const sw_check_log *log,
                          sw_error *err) {
    const sw_image *image = NULL;
    SW_TRY(sw_policy_complete(policy, err));
    SW_TRY(place_check(policy, claims, log, &image, err));
    SW_TRY(tcb_check(policy, claims, log, err));
    SW_TRY(age_check(policy, claims, log, err));
    SW_TRY(sw_gpu_policy_check(&policy->gpu, claims->gpus, claims->gpu_count, claims->judged_ms,
                               log, err));
    memcpy(claims->image, image->name, sizeof claims->image);
    return SW_OK;
}

/* ---- the everyday call ---- */
static sw_status question_check(const sw_question *question, const sw_claims *claims,
                                const sw_check_log *log, sw_error *err) {
    sw_report_data expected;
    sw_check_begin(log, "report data");
    SW_TRY(sw_question_expect(question, claims, &expected, err));
    if (!sw_secret_equal(claims->report_data.b, expected.b, sizeof expected.b))
        return REFUSE(err, "the quote's report data are not those of this exchange");
    sw_check_held(log, "those of this exchange");
    sw_check_begin(log, "compose hash");
    if (!sw_hash_equal(&claims->compose, question->compose))
        return REFUSE(err, "the machine booted another compose than the one in question");
    sw_check_held_hex(log, SW_BYTES_OF(claims->compose.b));
    return SW_OK;
}

sw_status sw_attest(sw_bytes evidence_json, const sw_policy *policy, int64_t wall_ms,
                    const sw_question *question, sw_claims *out, sw_error *err) {
    const sw_judge by = {.policy = policy, .wall_ms = wall_ms, .verifier = question->verifier};
    const sw_check_log *log = sw_verifier_log(question->verifier);
    sw_claims claims;
    SW_TRY(evidence_verify(evidence_json, &by, &claims, err));
    SW_TRY(sw_policy_check(policy, &claims, log, err));
    SW_TRY(question_check(question, &claims, log, err));
    *out = claims;
    return SW_OK;
}
