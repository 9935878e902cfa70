/* SPDX-License-Identifier: Apache-2.0
 *
 * The questions of platform.h, answered with the verifier's own parsers: a quote is read in one
 * way, whoever reads it (MCH-020 on).
 */
#include "attest/platform.h"
#include "attest/tdx_internal.h"
#include "codec/text.h"

#include <string.h>

enum { CHAIN_LIMIT = 3 };

static sw_status take_first(void *context, sw_bytes der, sw_error *err) {
    sw_cert **leaf = context;
    return *leaf == NULL ? sw_cert_parse(der, leaf, err) : SW_OK;
}

sw_status sw_quote_platform_read(sw_bytes quote, sw_quote_platform *out, sw_error *err) {
    sw_tdx_quote q;
    sw_pck pck = {0};
    sw_bytes extension;
    sw_cert *leaf = NULL;
    SW_TRY(sw_tdx_quote_parse(quote, &q, err));
    sw_status status =
        sw_pem_decode(q.pck_chain, "CERTIFICATE", CHAIN_LIMIT, take_first, &leaf, err);
    if (status == SW_OK) status = sw_cert_extension(leaf, SW_PCK_EXTENSION_OID, &extension, err);
    if (status == SW_OK) status = sw_pck_parse(extension, &pck, err);
    sw_cert_free(&leaf);
    SW_TRY(status);
    memcpy(out->fmspc, pck.fmspc, sizeof out->fmspc);
    memcpy(out->pce_id, pck.pce_id, sizeof out->pce_id);
    out->platform_ca = pck.platform;
    return SW_OK;
}

/* MRTD, MRCONFIGID, MROWNER, MROWNERCONFIG, four RTMRs: 48 bytes each, then the report data. */
enum { MRTD_BEFORE_REPORT = 8 * SW_SHA384_BYTES };

sw_status sw_quote_fields_read(sw_bytes quote, sw_quote_fields *out, sw_error *err) {
    sw_bytes report;
    sw_tdx_quote whole;
    bool more = sw_tdx_quote_parse(quote, &whole, NULL) == SW_OK && !whole.trailing_zeros;
    if (more) /* of a machine's own: its verifiers refuse it (EVD-023) */
        return BROKEN(err, "something other than zeros stands behind the quote");
    SW_TRY(sw_quote_report_data(quote, &report, err));
    SW_CHECK(err, report.size == sizeof out->report.b); /* in a body, so the registers are before */
    memcpy(out->rtmr, report.data - sizeof out->rtmr, sizeof out->rtmr);
    memcpy(out->mrtd, report.data - MRTD_BEFORE_REPORT, sizeof out->mrtd);
    memcpy(out->mr_config_id, report.data - MRTD_BEFORE_REPORT + SW_SHA384_BYTES,
           sizeof out->mr_config_id);
    memcpy(out->report.b, report.data, sizeof out->report.b);
    return SW_OK;
}

sw_status sw_events_compose(const sw_event *events, size_t count, sw_hash *out, sw_error *err) {
    sw_boot_facts facts;
    SW_TRY(sw_events_read(events, count, &facts, err));
    *out = facts.compose;
    return SW_OK;
}

sw_status sw_collateral_judge(sw_bytes quote, const sw_collateral *c, const sw_policy *anchors,
                              int64_t wall_ms, sw_collateral_facts *out, sw_error *err) {
    sw_quote_claims claims;
    SW_TRY(sw_quote_verify(quote, c, anchors, wall_ms, NULL, &claims, err));
    *out = (sw_collateral_facts){claims.valid_from_ms, claims.valid_until_ms,
                                 claims.collateral_issued_ms, claims.tcb_evaluation_number,
                                 claims.qe_evaluation_number};
    return SW_OK;
}
