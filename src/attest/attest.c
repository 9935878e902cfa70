/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence judged: cryptographic truth first, policy second, the question at hand last (EVD-080
 * on).
 *
 * Whatever fails, the word is "evidence" or "policy" and the sentence says which rule; outputs are
 * written once everything held.
 */
#include "attest/attest_internal.h"
#include "attest/tdx_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- the TD itself ---- */
#define TD_DEBUG_GROUP     UINT64_C(0xff)
#define TD_SEPT_VE_DISABLE (UINT64_C(1) << 28)
#define TD_MIGRATABLE      (UINT64_C(1) << 29)
#define TD_KNOWN                                                                                   \
    (UINT64_C(1) << 27 | TD_SEPT_VE_DISABLE | UINT64_C(1) << 30 | UINT64_C(1) << 31 |              \
     UINT64_C(1) << 63) /* LASS, SEPT_VE_DISABLE, PKS, KL, PERFMON */
#define XFAM_REQUIRED UINT64_C(0x3)
#define XFAM_KNOWN    UINT64_C(0x6dbe7)
enum { CONFIG_NONE = 0, CONFIG_COMPOSE = 1 }; /* first byte of dstack's MRCONFIGID */

static sw_status config_id_check(const sw_td_report *td, const sw_hash *compose, sw_error *err) {
    uint8_t expected[48] = {td->mr_config_id[0]};
    if (expected[0] == CONFIG_COMPOSE) memcpy(expected + 1, compose->b, sizeof compose->b);
    if (expected[0] > CONFIG_COMPOSE)
        return REFUSE(err, "MRCONFIGID is of kind %u, which is not verified here", expected[0]);
    if (memcmp(expected, td->mr_config_id, sizeof expected) != 0)
        return REFUSE(err, "MRCONFIGID is not that of the compose hash in the event log");
    return SW_OK;
}

sw_status sw_td_check(const sw_td_report *td, const sw_hash *compose, sw_error *err) {
    static const uint8_t no_service[48];
    uint64_t a = td->td_attributes;
    if ((a & TD_DEBUG_GROUP) != 0)
        return REFUSE(err, "the TD runs under DEBUG: its memory is open to the host");
    if ((a & TD_MIGRATABLE) != 0) return REFUSE(err, "the TD is MIGRATABLE");
    if ((a & ~TD_KNOWN) != 0) return REFUSE(err, "the TD has attribute bits that are not known");
    if ((a & TD_SEPT_VE_DISABLE) == 0) return REFUSE(err, "the TD runs without SEPT_VE_DISABLE");
    if ((td->xfam & XFAM_REQUIRED) != XFAM_REQUIRED || (td->xfam & ~XFAM_KNOWN) != 0)
        return REFUSE(err, "the TD's extended features (XFAM) are not known");
    if (memcmp(td->mr_service_td, no_service, sizeof no_service) != 0)
        return REFUSE(err, "the TD is bound to a service TD (MRSERVICETD)");
    return config_id_check(td, compose, err);
}

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
    c->trailing_bytes = (uint32_t)q->trailing_bytes;
}

static sw_status log_verify(const sw_evidence *e, const sw_tdx_quote *q, sw_boot_facts *out,
                            sw_error *err) {
    uint8_t replayed[SW_SHA384_BYTES];
    SW_TRY(sw_events_replay(e->events, e->event_count, replayed, err));
    if (memcmp(replayed, q->td.rtmr[3], sizeof replayed) != 0)
        return REFUSE(err, "the event log does not replay to the quote's RTMR3");
    return sw_events_read(e->events, e->event_count, out, err);
}

/* What evidence is judged by. */
typedef struct measure {
    const sw_policy *policy;
    int64_t wall_ms;
    sw_cert_cache *known;
} measure;

static sw_status verify(sw_arena *a, sw_bytes json, const measure *by, sw_claims *out,
                        sw_error *err) {
    sw_evidence e;
    sw_tdx_quote quote;
    sw_tdx_verdict verdict;
    sw_boot_facts facts;
    SW_TRY(sw_evidence_parse(a, json, &e, err));
    if (e.platform != by->policy->platform)
        return REFUSE(err, "the evidence is of another platform than the machine policy names");
    SW_TRY(sw_tdx_quote_parse(e.quote, &quote, err));
    e.collateral.known = by->known;
    SW_TRY(sw_tdx_verify(&quote, &e.collateral, by->policy, by->wall_ms, &verdict, err));
    SW_TRY(log_verify(&e, &quote, &facts, err));
    SW_TRY(sw_td_check(&quote.td, &facts.compose, err));
    sw_claims claims = {.platform = e.platform};
    claims_fill(&claims, &quote, &verdict, &facts);
    SW_TRY(sw_claims_gpus_verify(&e, by->policy, by->wall_ms, NULL, &claims, err));
    *out = claims;
    return SW_OK;
}

/* A failure of ours keeps its word; everything else is the evidence's. */
static sw_status as_evidence(sw_status status, sw_error *err) {
    if (status == SW_INTERNAL || status == SW_MEMORY || err == NULL) return status;
    (void)snprintf(err->word, sizeof err->word, "evidence");
    return status;
}

static sw_status evidence_verify(sw_bytes evidence_json, const measure *by, sw_claims *out,
                                 sw_error *err) {
    SW_TRY(sw_policy_complete(by->policy, err));
    SW_SCOPED(sw_arena) a = {.limit_bytes = 16 * SW_EVIDENCE_LIMIT};
    sw_status status = verify(&a, evidence_json, by, out, err);
    return status == SW_OK ? SW_OK : as_evidence(status, err);
}

sw_status sw_evidence_verify(sw_bytes evidence_json, const sw_policy *policy, int64_t wall_ms,
                             sw_claims *out, sw_error *err) {
    const measure by = {.policy = policy, .wall_ms = wall_ms};
    return evidence_verify(evidence_json, &by, out, err);
}

/* ---- policy ---- */
static sw_status policy_refuse(sw_error *err, const char *sentence) {
    return sw_fail(err, SW_REFUSED, "policy", "%s", sentence);
}

static const sw_image *image_find(const sw_policy *policy, const sw_claims *claims) {
    for (size_t i = 0; i < policy->image_count; i++) {
        const sw_image *image = &policy->images[i];
        if (memcmp(image->mrtd, claims->mrtd, sizeof image->mrtd) == 0 &&
            memcmp(image->rtmr, claims->rtmr, sizeof image->rtmr) == 0)
            return image;
    }
    return NULL;
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

static sw_status tcb_check(const sw_policy *policy, const sw_claims *claims, sw_error *err) {
    bool accepted =
        strcmp(claims->tcb_status, "UpToDate") == 0 ||
        (!policy->up_to_date_only && strcmp(claims->tcb_status, "SWHardeningNeeded") == 0);
    if (!accepted)
        return sw_fail(err, SW_REFUSED, "policy",
                       "the platform's TCB status is %s, which the machine policy does not accept",
                       claims->tcb_status);
    if (claims->tcb_evaluation_number < policy->minimum_evaluation_number)
        return policy_refuse(err, "the TCB info's evaluation number is below the machine policy's");
    if (claims->qe_evaluation_number < policy->minimum_evaluation_number)
        return policy_refuse(err,
                             "the QE identity's evaluation number is below the machine policy's");
    return SW_OK;
}

sw_status sw_policy_check(const sw_policy *policy, sw_claims *claims, sw_error *err) {
    SW_TRY(sw_policy_complete(policy, err));
    if (claims->platform != policy->platform || !anchor_listed(policy, claims))
        return policy_refuse(err, "the machine is of another platform or anchor than the policy's");
    const sw_image *image = image_find(policy, claims);
    if (image == NULL)
        return policy_refuse(err, "the machine booted an image that the machine policy does not "
                                  "name (MRTD, RTMR0-2)");
    if (!device_listed(policy, claims))
        return policy_refuse(err, "the machine's device is not among those that the policy names");
    SW_TRY(tcb_check(policy, claims, err));
    SW_TRY(sw_gpu_policy_check(&policy->gpu, claims->gpus, claims->gpu_count, err));
    memcpy(claims->image, image->name, sizeof claims->image);
    return SW_OK;
}

/* ---- the everyday call ---- */
sw_status sw_attest(sw_bytes evidence_json, const sw_policy *policy, int64_t wall_ms,
                    const sw_question *question, sw_claims *out, sw_error *err) {
    const measure by = {policy, wall_ms, question->known};
    sw_report_data expected;
    sw_claims claims;
    SW_TRY(evidence_verify(evidence_json, &by, &claims, err));
    SW_TRY(sw_policy_check(policy, &claims, err));
    SW_TRY(sw_question_expect(question, &claims, &expected, err));
    if (!sw_secret_equal(claims.report_data.b, expected.b, sizeof expected.b))
        return REFUSE(err, "the quote's report data are not those of this exchange");
    if (!sw_hash_equal(&claims.compose, question->compose))
        return REFUSE(err, "the machine booted another compose than the one in question");
    *out = claims;
    return SW_OK;
}
