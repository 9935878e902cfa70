/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands in evidence, field by field, for people. Nothing here is a verdict, and everything
 * that came from outside is shown as hex, as numbers, or after its characters were found plain.
 */
#ifndef SW_ATTEST_EXPLAIN_H
#define SW_ATTEST_EXPLAIN_H
#include "attest/measure.h"

/* Each appends to `out`, whose limit is the caller's; SW_MALFORMED where it cannot be read. */
SW_NODISCARD sw_status sw_quote_explain(sw_bytes quote, sw_buffer *out, sw_error *err);
SW_NODISCARD sw_status sw_certificates_explain(sw_bytes pem, sw_buffer *out, sw_error *err);
SW_NODISCARD sw_status sw_collateral_explain(const sw_collateral *c, sw_buffer *out, sw_error *err);
/* One answer of the provisioning service: TCB info or QE identity. */
SW_NODISCARD sw_status sw_document_explain(sw_bytes json, sw_buffer *out, sw_error *err);
/* A revocation list (DER): whose it is, its dates, every certificate that it lists. */
SW_NODISCARD sw_status sw_list_explain(sw_bytes der, sw_buffer *out, sw_error *err);
SW_NODISCARD sw_status sw_ocsp_explain(sw_bytes der, sw_buffer *out, sw_error *err);
/* Every event, and what the registers replay to. */
SW_NODISCARD sw_status sw_log_explain(const sw_event_log *log, sw_buffer *out, sw_error *err);
/* Every JSON web token in the text: header and claims. */
SW_NODISCARD sw_status sw_tokens_explain(sw_bytes text, sw_buffer *out, sw_error *err);
#endif
