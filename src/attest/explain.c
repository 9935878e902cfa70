/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence for people: what stands in it, field by field, without a word on whether it is true.
 *
 * Text from outside appears only as hex, as numbers, or after its characters were found plain.
 */
#include "attest/tdx_internal.h"
#include "codec/text.h"

#include <string.h>

#define PAYLOAD_SHOWN_BYTES 48

typedef struct bit_name {
    unsigned bit;
    const char *name;
} bit_name;
static const bit_name TD_BITS[] = {{0, "DEBUG"},       {27, "LASS"}, {28, "SEPT_VE_DISABLE"},
                                   {29, "MIGRATABLE"}, {30, "PKS"},  {31, "KL"},
                                   {63, "PERFMON"}};

static void line_hex(sw_buffer *out, const char *label, sw_bytes value) {
    sw_put_format(out, "  %-22s ", label);
    sw_hex_encode(out, value);
    sw_put_u8(out, '\n');
}

static void line_time(sw_buffer *out, const char *label, int64_t from_ms, int64_t until_ms) {
    char from[21], until[21];
    sw_time_text(from, from_ms);
    sw_time_text(until, until_ms);
    sw_put_format(out, "  %-22s %s to %s\n", label, from, until);
}

static void put_plain(sw_buffer *out, sw_bytes text, size_t most) {
    for (size_t i = 0; i < text.size && i < most; i++) {
        uint8_t c = text.data[i];
        sw_put_u8(out, c >= 0x20 && c < 0x7f ? c : '?');
    }
}

/* ---- quote ---- */
static void explain_attributes(sw_buffer *out, uint64_t attributes) {
    sw_put_format(out, "  %-22s 0x%016llx", "TD attributes", (unsigned long long)attributes);
    for (size_t i = 0; i < sizeof TD_BITS / sizeof TD_BITS[0]; i++)
        if ((attributes >> TD_BITS[i].bit & 1) != 0) sw_put_format(out, " %s", TD_BITS[i].name);
    sw_put_u8(out, '\n');
}

static void explain_td(sw_buffer *out, const sw_td_report *td) {
    static const char *const names[4] = {"RTMR0", "RTMR1", "RTMR2", "RTMR3"};
    sw_put_text(out, "TD report\n");
    line_hex(out, "MRTD", SW_BYTES_OF(td->mrtd));
    for (size_t i = 0; i < 4; i++) line_hex(out, names[i], SW_BYTES_OF(td->rtmr[i]));
    line_hex(out, "report data", SW_BYTES_OF(td->report_data));
    explain_attributes(out, td->td_attributes);
    sw_put_format(out, "  %-22s 0x%016llx\n", "XFAM", (unsigned long long)td->xfam);
    line_hex(out, "TEE_TCB_SVN", SW_BYTES_OF(td->tee_tcb_svn));
    line_hex(out, "MRSEAM", SW_BYTES_OF(td->mr_seam));
    line_hex(out, "MRSIGNERSEAM", SW_BYTES_OF(td->mr_signer_seam));
    line_hex(out, "SEAMATTRIBUTES", SW_BYTES_OF(td->seam_attributes));
    line_hex(out, "MRCONFIGID", SW_BYTES_OF(td->mr_config_id));
    line_hex(out, "MROWNER", SW_BYTES_OF(td->mr_owner));
    line_hex(out, "MROWNERCONFIG", SW_BYTES_OF(td->mr_owner_config));
    if (td->kind != SW_TD15) return;
    line_hex(out, "TEE_TCB_SVN2", SW_BYTES_OF(td->tee_tcb_svn2));
    line_hex(out, "MRSERVICETD", SW_BYTES_OF(td->mr_service_td));
}

static void explain_quote(sw_buffer *out, const sw_tdx_quote *q) {
    sw_put_format(out, "quote of version %u with a TD report 1.%d\n", q->version,
                  q->td.kind == SW_TD15 ? 5 : 0);
    explain_td(out, &q->td);
    sw_put_text(out, "quoting enclave\n");
    line_hex(out, "MRENCLAVE", SW_BYTES_OF(q->qe.mr_enclave));
    line_hex(out, "MRSIGNER", SW_BYTES_OF(q->qe.mr_signer));
    sw_put_format(out, "  %-22s %u, version %u\n", "product", q->qe.isv_prod_id, q->qe.isv_svn);
    line_hex(out, "attestation key", SW_BYTES_OF(q->attestation_key.b));
    sw_put_format(out, "  %-22s %zu\n", "zeros behind the quote", q->trailing_bytes);
}

/* ---- certificates ---- */
static void explain_pck(sw_buffer *out, const sw_cert *leaf) {
    sw_bytes extension;
    sw_pck pck;
    sw_hash device;
    if (sw_cert_extension(leaf, SW_PCK_EXTENSION_OID, &extension, NULL) != SW_OK ||
        sw_pck_parse(extension, &pck, NULL) != SW_OK)
        return;
    sw_sha256(&device, SW_BYTES_OF(pck.ppid));
    line_hex(out, "FMSPC", SW_BYTES_OF(pck.fmspc));
    line_hex(out, "PCE id", SW_BYTES_OF(pck.pce_id));
    line_hex(out, "SGX components", SW_BYTES_OF(pck.component));
    sw_put_format(out, "  %-22s %u\n", "PCE version", pck.pce_svn);
    line_hex(out, "device", SW_BYTES_OF(device.b));
}

static sw_status explain_certificate(void *context, sw_bytes der, sw_error *err) {
    sw_buffer *out = context;
    sw_cert *cert = NULL;
    char name[128];
    int64_t from = 0, until = 0;
    SW_TRY(sw_cert_parse(der, &cert, err));
    if (sw_cert_common_name(cert, name, sizeof name, NULL) == SW_OK) {
        sw_put_text(out, "  ");
        put_plain(out, sw_text(name), sizeof name);
        sw_put_u8(out, '\n');
    }
    sw_cert_validity(cert, &from, &until);
    line_time(out, "valid", from, until);
    sw_hash digest;
    sw_sha256(&digest, der);
    line_hex(out, "SHA-256", SW_BYTES_OF(digest.b));
    explain_pck(out, cert);
    sw_cert_free(&cert);
    return SW_OK;
}

/* ---- collateral ---- */
static sw_status explain_list(sw_buffer *out, const char *label, sw_bytes der, sw_error *err) {
    sw_crl *crl = NULL;
    int64_t from = 0, until = 0;
    SW_TRY(sw_crl_parse(der, &crl, err));
    sw_crl_validity(crl, &from, &until);
    sw_crl_free(&crl);
    line_time(out, label, from, until);
    return SW_OK;
}

static sw_status explain_collateral(sw_arena *a, sw_buffer *out, const sw_collateral *c,
                                    sw_error *err) {
    sw_tcb_info info;
    sw_qe_identity identity;
    SW_TRY(sw_tcb_info_parse(a, c->tcb_info.text, &info, err));
    SW_TRY(sw_qe_identity_parse(a, c->qe_identity.text, &identity, err));
    sw_put_text(out, "collateral\n");
    line_time(out, "TCB info", info.issued_ms, info.next_ms);
    line_time(out, "QE identity", identity.issued_ms, identity.next_ms);
    SW_TRY(explain_list(out, "PCK revocations", c->pck_crl, err));
    SW_TRY(explain_list(out, "root's revocations", c->root_crl, err));
    sw_put_format(out, "  %-22s %u (TCB info), %u (QE identity)\n", "evaluation numbers",
                  info.evaluation_number, identity.evaluation_number);
    line_hex(out, "TCB info's FMSPC", SW_BYTES_OF(info.fmspc));
    sw_put_format(out, "  %-22s %zu, module identities %zu\n", "platform levels", info.level_count,
                  info.module_count - 1);
    return SW_OK;
}

/* ---- event log ---- */
static void explain_events(sw_buffer *out, const sw_evidence *e) {
    sw_put_text(out, "event log (RTMR3)\n");
    for (size_t i = 0; i < e->event_count; i++) {
        const sw_event *event = &e->events[i];
        sw_put_text(out, "  ");
        put_plain(out, event->name, SW_EVENT_NAME_LIMIT);
        for (size_t pad = event->name.size; pad < 22; pad++) sw_put_u8(out, ' ');
        size_t shown =
            event->payload.size < PAYLOAD_SHOWN_BYTES ? event->payload.size : PAYLOAD_SHOWN_BYTES;
        sw_put_u8(out, ' ');
        sw_hex_encode(out, SW_BYTES(event->payload.data, shown));
        if (shown < event->payload.size) sw_put_format(out, "... (%zu bytes)", event->payload.size);
        sw_put_u8(out, '\n');
    }
}

static sw_status explain(sw_arena *a, sw_bytes json, sw_buffer *out, sw_error *err) {
    sw_evidence e;
    sw_tdx_quote quote;
    SW_TRY(sw_evidence_parse(a, json, &e, err));
    SW_TRY(sw_tdx_quote_parse(e.quote, &quote, err));
    if (e.platform == SW_PLATFORM_SIM)
        sw_put_text(out, "SIMULATED: made by a software machine, whatever it says below\n");
    explain_quote(out, &quote);
    sw_put_text(out, "PCK chain\n");
    SW_TRY(sw_pem_decode(quote.pck_chain, "CERTIFICATE", 3, explain_certificate, out, err));
    SW_TRY(explain_collateral(a, out, &e.collateral, err));
    explain_events(out, &e);
    sw_put_text(out, "nothing above was verified\n");
    return SW_OK;
}

sw_status sw_evidence_explain(sw_bytes evidence_json, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 16 * SW_EVIDENCE_LIMIT};
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_EVIDENCE_LIMIT);
    SW_TRY(explain(&a, evidence_json, &made, err));
    SW_TRY(sw_buffer_check(&made, "the explanation", err));
    sw_put_bytes(out, sw_buffer_bytes(&made));
    return sw_buffer_check(out, "the explanation", err);
}
