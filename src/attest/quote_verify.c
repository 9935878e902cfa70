/* SPDX-License-Identifier: Apache-2.0
 *
 * The TD's own attributes, and a bare quote judged for whoever has no evidence object (quote.h).
 */
#include "attest/tdx_internal.h"

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

sw_status sw_td_attributes_check(const sw_td_report *td, bool sept_ve_left, const sw_check_log *log,
                                 sw_error *err) {
    static const uint8_t no_service[48];
    uint64_t a = td->td_attributes;
    sw_check_begin(log, "TD attributes");
    if ((a & TD_DEBUG_GROUP) != 0)
        return REFUSE(err, "the TD runs under DEBUG: its memory is open to the host");
    if ((a & TD_MIGRATABLE) != 0) return REFUSE(err, "the TD is MIGRATABLE");
    if ((a & ~TD_KNOWN) != 0) return REFUSE(err, "the TD has attribute bits that are not known");
    bool sept_ve = (a & TD_SEPT_VE_DISABLE) == 0;
    if (sept_ve && !sept_ve_left) return REFUSE(err, "the TD runs without SEPT_VE_DISABLE");
    if ((td->xfam & XFAM_REQUIRED) != XFAM_REQUIRED || (td->xfam & ~XFAM_KNOWN) != 0)
        return REFUSE(err, "the TD's extended features (XFAM) are not known");
    if (memcmp(td->mr_service_td, no_service, sizeof no_service) != 0)
        return REFUSE(err, "the TD is bound to a service TD (MRSERVICETD)");
    sw_check_held(log, "attributes 0x%llx, XFAM 0x%llx", (unsigned long long)a,
                  (unsigned long long)td->xfam);
    if (!sept_ve) return SW_OK;
    sw_check_begin(log, "SEPT_VE_DISABLE");
    sw_check_left(log, "not set: of a page that the host takes away the guest is told, and what it "
                       "then does is its kernel's; a machine policy refuses such a TD");
    return SW_OK;
}

/* ---- a bare quote ---- */
static void platform_fill(sw_quote_claims *out, const sw_pck *pck) {
    sw_sha256(&out->device, SW_BYTES_OF(pck->ppid));
    memcpy(out->ppid, pck->ppid, sizeof out->ppid);
    memcpy(out->cpu_svn, pck->cpu_svn, sizeof out->cpu_svn);
    memcpy(out->pce_id, pck->pce_id, sizeof out->pce_id);
    memcpy(out->fmspc, pck->fmspc, sizeof out->fmspc);
    memcpy(out->sgx_svn, pck->component, sizeof out->sgx_svn);
    out->pce_svn = pck->pce_svn;
    out->platform_ca = pck->platform;
}

static void tcb_fill(sw_quote_claims *out, const sw_tcb_result *tcb) {
    out->tcb_status = sw_tcb_status_name(tcb->all);
    out->platform_status = sw_tcb_status_name(tcb->platform);
    out->qe_status = sw_tcb_status_name(tcb->qe);
    if (tcb->module_level) out->module_status = sw_tcb_status_name(tcb->module);
    if (tcb->second) out->now_platform = sw_tcb_status_name(tcb->current_platform);
    if (tcb->current_module_level) out->now_module = sw_tcb_status_name(tcb->current_module);
    memcpy(out->advisories, tcb->advisories, sizeof out->advisories);
    out->tcb_date_ms = tcb->date_ms;
}

static void claims_fill(sw_quote_claims *out, const sw_tdx_quote *q, const sw_tdx_verdict *v) {
    *out = (sw_quote_claims){.version = q->version,
                             .td = q->td,
                             .trailing_bytes = q->trailing_bytes,
                             .trailing_zeros = q->trailing_zeros,
                             .anchor = v->anchor,
                             .qe_isv_prod_id = q->qe.isv_prod_id,
                             .qe_isv_svn = q->qe.isv_svn,
                             .tcb_evaluation_number = v->tcb_evaluation_number,
                             .qe_evaluation_number = v->qe_evaluation_number,
                             .valid_from_ms = v->valid_from_ms,
                             .valid_until_ms = v->valid_until_ms,
                             .collateral_issued_ms = v->issued_ms};
    memcpy(out->user_data, q->user_data, sizeof out->user_data);
    memcpy(out->qe_mr_enclave, q->qe.mr_enclave, sizeof out->qe_mr_enclave);
    memcpy(out->qe_mr_signer, q->qe.mr_signer, sizeof out->qe_mr_signer);
    platform_fill(out, &v->pck);
    tcb_fill(out, &v->tcb);
}

sw_status sw_quote_verify(sw_bytes quote, const sw_collateral *c, const sw_policy *anchors_only,
                          int64_t wall_ms, sw_verifier *v, sw_quote_claims *out, sw_error *err) {
    const sw_judge by = {
        .policy = anchors_only, .wall_ms = wall_ms, .verifier = v, .any_behind = true};
    sw_tdx_quote parsed;
    sw_tdx_verdict verdict;
    sw_status status = sw_tdx_verify(quote, c, &by, &parsed, &verdict, err);
    if (status != SW_OK) return sw_as_evidence(status, err);
    claims_fill(out, &parsed, &verdict);
    return SW_OK;
}
