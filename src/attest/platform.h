/* SPDX-License-Identifier: Apache-2.0
 *
 * What a machine asks of its own quotes before it hands them on: whose collateral to fetch, what
 * was measured, and whether fetched collateral holds for them. Docs: docs/formats/machine.md.
 */
#ifndef SW_ATTEST_PLATFORM_H
#define SW_ATTEST_PLATFORM_H
#include "attest/evidence.h"

/* By what collateral is asked for; nothing of it is proven. */
typedef struct sw_quote_platform {
    uint8_t fmspc[6], pce_id[2];
    bool platform_ca; /* "Intel SGX PCK Platform CA" issued the PCK certificate, else Processor */
} sw_quote_platform;
SW_NODISCARD sw_status sw_quote_platform_read(sw_bytes quote, sw_quote_platform *out,
                                              sw_error *err);

/* Fields of a quote's body in either version; all stand before the report data. Nothing is
 * judged but the form: SW_MALFORMED "evidence" for what is no quote and for one with other bytes
 * than zeros behind it, which verifiers of ours refuse (EVD-023). */
typedef struct sw_quote_fields {
    sw_report_data report;
    uint8_t mrtd[SW_SHA384_BYTES], mr_config_id[48], rtmr[4][SW_SHA384_BYTES];
} sw_quote_fields;
SW_NODISCARD sw_status sw_quote_fields_read(sw_bytes quote, sw_quote_fields *out, sw_error *err);

/* The compose hash that the log names before system-ready; the log is one that was replayed. */
SW_NODISCARD sw_status sw_events_compose(const sw_event *events, size_t count, sw_hash *out,
                                         sw_error *err);

/* What collateral says of itself, once it holds. */
typedef struct sw_collateral_facts {
    int64_t from_ms, until_ms, issued_ms; /* its joint window, and the oldest issue (EVD-068) */
    uint32_t tcb_evaluation_number, qe_evaluation_number;
} sw_collateral_facts;
/* Whether this collateral proves this quote under one of the policy's anchors at wall_ms (EVD-030
 * on; the policy gives its anchors alone). */
SW_NODISCARD sw_status sw_collateral_judge(sw_bytes quote, const sw_collateral *c,
                                           const sw_policy *anchors, int64_t wall_ms,
                                           sw_collateral_facts *out, sw_error *err);
#endif
