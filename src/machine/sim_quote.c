/* SPDX-License-Identifier: Apache-2.0
 *
 * True TDX quotes of version 4 from a software machine: layout as in docs/formats/evidence.md,
 * EVD-020 on, signed by the folder's attestation key, certified by its QE and PCK keys.
 */
#include "machine/sim_internal.h"

#include <string.h>

enum { AUTH_DATA_BYTES = 32, QUOTE_SIGNED_BYTES = 48 + 584, QE_REPORT_BYTES = 384 };
#define TD_ATTRIBUTES (UINT64_C(1) << 28) /* SEPT_VE_DISABLE */
#define TD_XFAM       UINT64_C(0x602e7)

static void put_zeros(sw_buffer *out, size_t count) {
    for (size_t i = 0; i < count; i++) sw_put_u8(out, 0);
}

static void put_auth_data(sw_buffer *out) {
    for (unsigned i = 0; i < AUTH_DATA_BYTES; i++) sw_put_u8(out, (uint8_t)i);
}

/* ---- quoting enclave ---- */
static void put_qe_report(sw_buffer *out, const sw_p256_public *attestation) {
    uint8_t signer[32], auth[AUTH_DATA_BYTES];
    sw_hash enclave, bound;
    for (unsigned i = 0; i < AUTH_DATA_BYTES; i++) auth[i] = (uint8_t)i;
    sw_bytes parts[2] = {SW_BYTES(attestation->b + 1, sizeof attestation->b - 1),
                         SW_BYTES_OF(auth)};
    sw_sha256_parts(&bound, parts, 2);
    sw_sim_qe_signer(signer);
    sw_sha256(&enclave, SW_BYTES_OF(signer));
    sw_put_bytes(out, SW_BYTES_OF(sw_sim_platform.component)); /* CPUSVN */
    put_zeros(out, 4 + 28);                                    /* MISCSELECT, reserved */
    sw_put_bytes(out, SW_BYTES_OF(sw_sim_platform.qe_attributes));
    sw_put_bytes(out, SW_BYTES_OF(enclave.b));
    put_zeros(out, 32);
    sw_put_bytes(out, SW_BYTES_OF(signer));
    put_zeros(out, 96);
    sw_put_u16le(out, sw_sim_platform.qe_product);
    sw_put_u16le(out, sw_sim_platform.qe_svn);
    put_zeros(out, 60);
    sw_put_bytes(out, SW_BYTES_OF(bound.b));
    put_zeros(out, 32);
}

sw_status sw_sim_certification_make(const sw_sim_key *pck, const sw_p256_public *attestation,
                                    sw_bytes pck_chain, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) report = SW_BUFFER(QE_REPORT_BYTES);
    uint8_t signature[64];
    put_qe_report(&report, attestation);
    SW_TRY(sw_buffer_check(&report, "the QE report", err));
    SW_CHECK(err, report.size == QE_REPORT_BYTES);
    SW_TRY(sw_p256_sign_raw(pck->b, sw_buffer_bytes(&report), signature, err));
    sw_put_bytes(out, sw_buffer_bytes(&report));
    sw_put_bytes(out, SW_BYTES_OF(signature));
    sw_put_u16le(out, AUTH_DATA_BYTES);
    put_auth_data(out);
    sw_put_u16le(out, 5);
    sw_put_u32le(out, (uint32_t)pck_chain.size);
    sw_put_bytes(out, pck_chain);
    return sw_buffer_check(out, "the QE certification data", err);
}

/* ---- quote ---- */
static void put_header(sw_buffer *out) {
    static const uint8_t vendor[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                       0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
    sw_put_u16le(out, 4);
    sw_put_u16le(out, 2);
    sw_put_u32le(out, 0x81);
    sw_put_u32le(out, 0);
    sw_put_bytes(out, SW_BYTES_OF(vendor));
    put_zeros(out, 20); /* user data */
}

static void put_td_report(sw_buffer *out, const sw_sim_td *td, const sw_report_data *report) {
    sw_put_bytes(out, SW_BYTES_OF(sw_sim_platform.tee_tcb_svn));
    put_zeros(out, 48 + 48 + 8); /* MRSEAM, MRSIGNERSEAM, SEAMATTRIBUTES */
    sw_put_u64le(out, TD_ATTRIBUTES);
    sw_put_u64le(out, TD_XFAM);
    sw_put_bytes(out, SW_BYTES_OF(td->image->mrtd));
    sw_put_u8(out, 1); /* MRCONFIGID of dstack's first kind: the compose hash */
    sw_put_bytes(out, SW_BYTES_OF(td->compose.b));
    put_zeros(out, 15 + 48 + 48); /* MROWNER, MROWNERCONFIG */
    for (size_t i = 0; i < 3; i++) sw_put_bytes(out, SW_BYTES_OF(td->image->rtmr[i]));
    sw_put_bytes(out, SW_BYTES_OF(td->rtmr3));
    sw_put_bytes(out, SW_BYTES_OF(report->b));
}

sw_status sw_sim_quote_make(const sw_sim_td *td, const sw_report_data *report,
                            const sw_sim_signer *signer, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) quote = SW_BUFFER(SW_QUOTE_LIMIT);
    uint8_t signature[64];
    put_header(&quote);
    put_td_report(&quote, td, report);
    SW_TRY(sw_buffer_check(&quote, "the quote", err));
    SW_CHECK(err, quote.size == QUOTE_SIGNED_BYTES);
    SW_TRY(sw_p256_sign_raw(signer->attestation->b, sw_buffer_bytes(&quote), signature, err));
    size_t certification = signer->certification.size;
    sw_put_u32le(&quote, (uint32_t)(64 + 64 + 6 + certification));
    sw_put_bytes(&quote, SW_BYTES_OF(signature));
    sw_put_bytes(&quote, SW_BYTES(signer->attestation_public->b + 1, 64));
    sw_put_u16le(&quote, 6);
    sw_put_u32le(&quote, (uint32_t)certification);
    sw_put_bytes(&quote, signer->certification);
    SW_TRY(sw_buffer_check(&quote, "the quote", err));
    sw_put_bytes(out, sw_buffer_bytes(&quote));
    return sw_buffer_check(out, "the quote", err);
}
