/* SPDX-License-Identifier: Apache-2.0
 *
 * A TDX quote of version 4 or 5, from bytes to fields (EVD-020 to EVD-025, EVD-100).
 *
 * The signature data are consumed exactly at both levels; behind them only zeros may stand. Every
 * length is the host's word, so each is compared with what is there before it is used.
 */
#include "attest/tdx_internal.h"

#include <assert.h>
#include <string.h>

const uint8_t sw_intel_vendor_id[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                        0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

enum {
    KEY_TYPE_P256 = 2,
    TEE_TDX = 0x81,
    CERTIFICATION_QE_REPORT = 6,
    CERTIFICATION_PCK_CHAIN = 5
};
static_assert(SW_QUOTE_HEADER_BYTES + SW_TD10_REPORT_BYTES == 632, "version 4");
static_assert(SW_QUOTE_HEADER_BYTES + SW_QUOTE_BODY_HEAD_BYTES + SW_TD15_REPORT_BYTES == 702,
              "version 5 with a TD report 1.5");

static sw_status header_parse(sw_reader *r, sw_tdx_quote *q, sw_error *err) {
    uint16_t version = sw_read_u16le(r), key_type = sw_read_u16le(r);
    uint32_t tee = sw_read_u32le(r), reserved = sw_read_u32le(r);
    sw_bytes vendor = sw_read_bytes(r, sizeof sw_intel_vendor_id);
    sw_read_into(r, q->user_data, sizeof q->user_data);
    if (r->failed) return BROKEN(err, "the quote ends inside its header");
    if (version != 4 && version != 5)
        return REFUSE(err, "the quote is of version %u, neither 4 nor 5", version);
    if (key_type != KEY_TYPE_P256)
        return REFUSE(err, "the quote's attestation key is of type %u, not ECDSA P-256", key_type);
    if (tee != TEE_TDX) return REFUSE(err, "the quote is of TEE type 0x%x, not TDX", tee);
    if (reserved != 0) return REFUSE(err, "the quote's reserved header words are not zero");
    if (!sw_bytes_equal(vendor, SW_BYTES_OF(sw_intel_vendor_id)))
        return REFUSE(err, "the quote's QE vendor is not Intel");
    q->version = version;
    return SW_OK;
}

/* What kind of body follows: version 5 says it, with a size that belongs to the kind. */
static sw_status body_head_parse(sw_reader *r, sw_tdx_quote *q, sw_error *err) {
    q->td.kind = SW_TD10;
    if (q->version == 4) return SW_OK;
    uint16_t type = sw_read_u16le(r);
    uint32_t size = sw_read_u32le(r);
    if (r->failed) return BROKEN(err, "the quote ends inside its body's type and size");
    if (type == 1) return REFUSE(err, "the quote's body is an SGX report, not a TD's");
    if (type == 4)
        return REFUSE(err, "the quote's body is of type 4 (TD 1.5 extended), which is not "
                           "verified here");
    if (type != SW_TD10 && type != SW_TD15)
        return REFUSE(err, "the quote's body is of type %u, which is not known", type);
    q->td.kind = (sw_td_kind)type;
    uint32_t expected = type == SW_TD10 ? SW_TD10_REPORT_BYTES : SW_TD15_REPORT_BYTES;
    if (size != expected)
        return BROKEN(err, "the quote's body of type %u claims %u bytes, not %u", type, size,
                      expected);
    return SW_OK;
}

static void td_report_parse(sw_reader *r, sw_td_report *td) {
    sw_read_into(r, td->tee_tcb_svn, sizeof td->tee_tcb_svn);
    sw_read_into(r, td->mr_seam, sizeof td->mr_seam);
    sw_read_into(r, td->mr_signer_seam, sizeof td->mr_signer_seam);
    sw_read_into(r, td->seam_attributes, sizeof td->seam_attributes);
    td->td_attributes = sw_read_u64le(r);
    td->xfam = sw_read_u64le(r);
    sw_read_into(r, td->mrtd, sizeof td->mrtd);
    sw_read_into(r, td->mr_config_id, sizeof td->mr_config_id);
    sw_read_into(r, td->mr_owner, sizeof td->mr_owner);
    sw_read_into(r, td->mr_owner_config, sizeof td->mr_owner_config);
    for (size_t i = 0; i < 4; i++) sw_read_into(r, td->rtmr[i], sizeof td->rtmr[i]);
    sw_read_into(r, td->report_data, sizeof td->report_data);
    if (td->kind != SW_TD15) return;
    sw_read_into(r, td->tee_tcb_svn2, sizeof td->tee_tcb_svn2);
    sw_read_into(r, td->mr_service_td, sizeof td->mr_service_td);
}

/* Everything that is signed. */
static sw_status front_parse(sw_reader *r, sw_bytes quote, sw_tdx_quote *q, sw_error *err) {
    if (quote.size > SW_QUOTE_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "the quote has more than %zu bytes",
                       SW_QUOTE_LIMIT);
    SW_TRY(header_parse(r, q, err));
    SW_TRY(body_head_parse(r, q, err));
    td_report_parse(r, &q->td);
    if (r->failed) return BROKEN(err, "the quote ends inside its TD report");
    q->signed_part = SW_BYTES(quote.data, r->offset);
    return SW_OK;
}

sw_status sw_quote_report_data(sw_bytes quote, sw_bytes *view, sw_error *err) {
    sw_tdx_quote q = {0};
    sw_reader r = sw_reader_of(quote);
    SW_TRY(front_parse(&r, quote, &q, err));
    size_t behind = q.td.kind == SW_TD15 ? sizeof q.td.tee_tcb_svn2 + sizeof q.td.mr_service_td : 0;
    size_t size = sizeof q.td.report_data;
    *view = SW_BYTES(quote.data + q.signed_part.size - behind - size, size);
    return SW_OK;
}

/* An SGX report body; what lies between the fields is signed and of no meaning here. */
static void qe_report_parse(sw_bytes raw, sw_qe_report *qe) {
    sw_reader r = sw_reader_of(raw);
    qe->raw = raw;
    (void)sw_read_bytes(&r, 16); /* CPUSVN */
    qe->misc_select = sw_read_u32le(&r);
    (void)sw_read_bytes(&r, 28);
    sw_read_into(&r, qe->attributes, sizeof qe->attributes);
    sw_read_into(&r, qe->mr_enclave, sizeof qe->mr_enclave);
    (void)sw_read_bytes(&r, 32);
    sw_read_into(&r, qe->mr_signer, sizeof qe->mr_signer);
    (void)sw_read_bytes(&r, 96);
    qe->isv_prod_id = sw_read_u16le(&r);
    qe->isv_svn = sw_read_u16le(&r);
    (void)sw_read_bytes(&r, 60);
    sw_read_into(&r, qe->report_data, sizeof qe->report_data);
}

/* QE report, its signature, authentication data, PCK chain. */
static sw_status certification_parse(sw_bytes data, sw_tdx_quote *q, sw_error *err) {
    sw_reader r = sw_reader_of(data);
    sw_bytes report = sw_read_bytes(&r, SW_QE_REPORT_BYTES);
    sw_read_into(&r, q->qe_signature, sizeof q->qe_signature);
    q->auth_data = sw_read_bytes(&r, sw_read_u16le(&r));
    uint16_t type = sw_read_u16le(&r);
    if (r.failed) return BROKEN(err, "the quote's QE certification data are cut short");
    if (type != CERTIFICATION_PCK_CHAIN)
        return REFUSE(err, "the quote's inner certification data are of type %u, not 5", type);
    uint32_t size = sw_read_u32le(&r);
    if (r.failed || size != r.rest.size)
        return BROKEN(err, "the length of the quote's PCK chain is not what is there");
    q->pck_chain = sw_read_bytes(&r, size);
    if (size > 0 && q->pck_chain.data[size - 1] == 0) q->pck_chain.size--;
    qe_report_parse(report, &q->qe);
    return SW_OK;
}

static sw_status signature_parse(sw_bytes data, sw_tdx_quote *q, sw_error *err) {
    sw_reader r = sw_reader_of(data);
    sw_read_into(&r, q->signature, sizeof q->signature);
    q->attestation_key.b[0] = 0x04;
    sw_read_into(&r, q->attestation_key.b + 1, sizeof q->attestation_key.b - 1);
    uint16_t type = sw_read_u16le(&r);
    if (r.failed) return BROKEN(err, "the quote's signature data are cut short");
    if (type != CERTIFICATION_QE_REPORT)
        return REFUSE(err, "the quote's outer certification data are of type %u, not 6", type);
    uint32_t size = sw_read_u32le(&r);
    if (r.failed || size != r.rest.size)
        return BROKEN(err, "the length of the quote's certification data is not what is there");
    return certification_parse(sw_read_bytes(&r, size), q, err);
}

sw_status sw_tdx_quote_parse(sw_bytes quote, sw_tdx_quote *out, sw_error *err) {
    sw_tdx_quote q = {0};
    sw_reader r = sw_reader_of(quote);
    SW_TRY(front_parse(&r, quote, &q, err));
    uint32_t size = sw_read_u32le(&r);
    if (r.failed || size > r.rest.size)
        return BROKEN(err, "the quote ends inside its signature data");
    SW_TRY(signature_parse(sw_read_bytes(&r, size), &q, err));
    q.trailing_bytes = r.rest.size;
    q.trailing_zeros = true;
    for (size_t i = 0; i < r.rest.size; i++) q.trailing_zeros &= r.rest.data[i] == 0;
    *out = q;
    return SW_OK;
}
