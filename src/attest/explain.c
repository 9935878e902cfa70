/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence for people: what stands in it, field by field, without a word on whether it is true.
 *
 * Text from outside appears only as hex, as numbers, or after its characters were found plain.
 */
#include "attest/explain.h"
#include "attest/explain_lines.h"
#include "attest/gpu.h"
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

/* ---- quote ---- */
static void explain_attributes(sw_buffer *out, uint64_t attributes) {
    sw_put_format(out, "  %-24s 0x%016llx", "TD attributes", (unsigned long long)attributes);
    for (size_t i = 0; i < sizeof TD_BITS / sizeof TD_BITS[0]; i++)
        if ((attributes >> TD_BITS[i].bit & 1) != 0) sw_put_format(out, " %s", TD_BITS[i].name);
    sw_put_u8(out, '\n');
}

static void explain_td(sw_buffer *out, const sw_td_report *td) {
    static const char *const names[4] = {"RTMR0", "RTMR1", "RTMR2", "RTMR3"};
    sw_put_text(out, "TD report\n");
    sw_line_hex(out, "MRTD", SW_BYTES_OF(td->mrtd));
    for (size_t i = 0; i < 4; i++) sw_line_hex(out, names[i], SW_BYTES_OF(td->rtmr[i]));
    sw_line_hex(out, "report data", SW_BYTES_OF(td->report_data));
    explain_attributes(out, td->td_attributes);
    sw_put_format(out, "  %-24s 0x%016llx\n", "XFAM", (unsigned long long)td->xfam);
    sw_line_hex(out, "TEE_TCB_SVN", SW_BYTES_OF(td->tee_tcb_svn));
    sw_line_hex(out, "MRSEAM", SW_BYTES_OF(td->mr_seam));
    sw_line_hex(out, "MRSIGNERSEAM", SW_BYTES_OF(td->mr_signer_seam));
    sw_line_hex(out, "SEAMATTRIBUTES", SW_BYTES_OF(td->seam_attributes));
    sw_line_hex(out, "MRCONFIGID", SW_BYTES_OF(td->mr_config_id));
    sw_line_hex(out, "MROWNER", SW_BYTES_OF(td->mr_owner));
    sw_line_hex(out, "MROWNERCONFIG", SW_BYTES_OF(td->mr_owner_config));
    if (td->kind != SW_TD15) return;
    sw_line_hex(out, "TEE_TCB_SVN2", SW_BYTES_OF(td->tee_tcb_svn2));
    sw_line_hex(out, "MRSERVICETD", SW_BYTES_OF(td->mr_service_td));
}

static void explain_quote(sw_buffer *out, const sw_tdx_quote *q) {
    sw_put_format(out, "quote of version %u with a TD report 1.%d\n", q->version,
                  q->td.kind == SW_TD15 ? 5 : 0);
    explain_td(out, &q->td);
    sw_put_text(out, "quoting enclave\n");
    sw_line_hex(out, "MRENCLAVE", SW_BYTES_OF(q->qe.mr_enclave));
    sw_line_hex(out, "MRSIGNER", SW_BYTES_OF(q->qe.mr_signer));
    sw_put_format(out, "  %-24s %u, version %u\n", "product", q->qe.isv_prod_id, q->qe.isv_svn);
    sw_line_hex(out, "attestation key", SW_BYTES_OF(q->attestation_key.b));
    sw_put_format(out, "  %-24s %zu\n",
                  q->trailing_zeros ? "zeros behind the quote" : "bytes behind the quote",
                  q->trailing_bytes);
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
    sw_line_hex(out, "FMSPC", SW_BYTES_OF(pck.fmspc));
    sw_line_hex(out, "PCE id", SW_BYTES_OF(pck.pce_id));
    sw_line_hex(out, "SGX components", SW_BYTES_OF(pck.component));
    sw_put_format(out, "  %-24s %u\n", "PCE version", pck.pce_svn);
    sw_line_hex(out, "device", SW_BYTES_OF(device.b));
}

static sw_status explain_certificate(void *context, sw_bytes der, sw_error *err) {
    sw_buffer *out = context;
    sw_cert *cert = NULL;
    SW_TRY(sw_cert_parse(der, &cert, err));
    sw_put_certificate(out, cert);
    explain_pck(out, cert);
    sw_cert_free(&cert);
    return SW_OK;
}

/* ---- OS image ---- */
static void explain_image(sw_buffer *out, const sw_evidence_image *image) {
    static const char *const names[SW_ACPI_COUNT] = {"ACPI loader", "ACPI RSDP", "ACPI tables"};
    sw_hash name;
    if (image == NULL) return;
    sw_sha256(&name, image->files.checksum_file);
    sw_put_text(out, "OS image, as the prover describes it\n");
    sw_line_hex(out, "OS image hash", SW_BYTES_OF(name.b));
    sw_put_format(out, "  %-24s %llu bytes\n", "memory",
                  (unsigned long long)image->machine.memory_bytes);
    for (size_t i = 0; i < SW_ACPI_COUNT; i++)
        sw_line_hex(out, names[i], SW_BYTES_OF(image->machine.acpi[i]));
}

static void explain_document(sw_buffer *out, sw_bytes document) {
    if (document.size == 0) return;
    sw_put_format(out, "MRCONFIGID's document\n  ");
    sw_put_plain(out, document, SW_CONFIG_DOCUMENT_LIMIT);
    sw_put_u8(out, '\n');
}

/* ---- event log ---- */
static void put_event(sw_buffer *out, sw_bytes name, sw_bytes payload) {
    sw_put_text(out, "  ");
    sw_put_plain(out, name, SW_EVENT_NAME_LIMIT);
    for (size_t pad = name.size; pad < 22; pad++) sw_put_u8(out, ' ');
    size_t shown = payload.size < PAYLOAD_SHOWN_BYTES ? payload.size : PAYLOAD_SHOWN_BYTES;
    sw_put_u8(out, ' ');
    sw_hex_encode(out, SW_BYTES(payload.data, shown));
    if (shown < payload.size) sw_put_format(out, "... (%zu bytes)", payload.size);
    sw_put_u8(out, '\n');
}

static void explain_events(sw_buffer *out, const sw_evidence *e) {
    sw_put_text(out, "event log (RTMR3)\n");
    for (size_t i = 0; i < e->event_count; i++)
        put_event(out, e->events[i].name, e->events[i].payload);
}

sw_status sw_log_explain(const sw_event_log *log, sw_buffer *out, sw_error *err) {
    uint8_t rtmr[4][SW_SHA384_BYTES];
    bool seen[4];
    SW_TRY(sw_log_replay(log, rtmr, seen, err));
    for (unsigned r = 0; r < 4; r++) {
        sw_put_format(out, "RTMR%u\n", r);
        for (size_t i = 0; i < log->count; i++) {
            const sw_log_event *event = &log->events[i];
            if (event->imr != r) continue;
            sw_put_format(out, "  0x%08x ", event->type);
            put_event(out, event->name, event->payload);
        }
        if (seen[r]) sw_line_hex(out, "replays to", SW_BYTES_OF(rtmr[r]));
    }
    return sw_buffer_check(out, "the explanation", err);
}

/* ---- tokens ---- */
/* One part of a token: JSON in base64url without padding. */
static void put_part(sw_buffer *out, sw_bytes part) {
    SW_SCOPED(sw_buffer) padded = SW_BUFFER(SW_EVIDENCE_LIMIT);
    SW_SCOPED(sw_buffer) decoded = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_put_bytes(&padded, part);
    for (size_t i = part.size; i % 4 != 0; i++) sw_put_u8(&padded, '=');
    if (sw_base64_decode_any(&decoded, sw_buffer_bytes(&padded), NULL) != SW_OK) {
        sw_put_text(out, "  (no base64)\n");
        return;
    }
    sw_put_text(out, "  ");
    sw_put_plain(out, sw_buffer_bytes(&decoded), decoded.size);
    sw_put_u8(out, '\n');
}

static sw_bytes until(sw_bytes text, const char *ends) {
    size_t n = 0;
    while (n < text.size && (text.data[n] == 0 || strchr(ends, text.data[n]) == NULL)) n++;
    return SW_BYTES(text.data, n);
}

/* Header and claims of the token that begins here. */
static bool put_token(sw_buffer *out, sw_bytes text) {
    sw_bytes token = until(text, "\" \t\r\n,"), header = until(token, ".");
    if (header.size == token.size) return false;
    sw_bytes rest = SW_BYTES(token.data + header.size + 1, token.size - header.size - 1);
    sw_bytes claims = until(rest, ".");
    if (claims.size == rest.size) return false;
    sw_put_text(out, "token\n");
    put_part(out, header);
    put_part(out, claims);
    return true;
}

sw_status sw_tokens_explain(sw_bytes text, sw_buffer *out, sw_error *err) {
    static const char start[3] = "eyJ";
    size_t tokens = 0;
    for (size_t i = 0; i + sizeof start <= text.size; i++) {
        if (memcmp(text.data + i, start, sizeof start) != 0) continue;
        if (i > 0 && text.data[i - 1] != '"') continue; /* the second half of another */
        tokens += put_token(out, SW_BYTES(text.data + i, text.size - i));
    }
    if (tokens == 0) return BROKEN(err, "no JSON web token is here");
    sw_put_format(out, "tokens: %zu\n", tokens);
    return sw_buffer_check(out, "the explanation", err);
}

/* ---- parts by themselves ---- */
sw_status sw_certificates_explain(sw_bytes pem, sw_buffer *out, sw_error *err) {
    SW_TRY(sw_pem_decode(pem, "CERTIFICATE", 16, explain_certificate, out, err));
    return sw_buffer_check(out, "the explanation", err);
}

sw_status sw_quote_explain(sw_bytes bytes, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) chain = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_tdx_quote quote;
    SW_TRY(sw_tdx_quote_parse(bytes, &quote, err));
    explain_quote(out, &quote);
    sw_put_text(out, "PCK chain\n");
    if (sw_certificates_explain(quote.pck_chain, &chain, NULL) == SW_OK)
        sw_put_bytes(out, sw_buffer_bytes(&chain));
    else
        sw_put_format(out, "  %zu bytes that are no certificates\n", quote.pck_chain.size);
    return sw_buffer_check(out, "the explanation", err);
}

static sw_status explain_gpus(sw_buffer *out, const sw_evidence *e, sw_error *err) {
    sw_status status = SW_OK;
    for (size_t i = 0; status == SW_OK && i < e->gpu_count; i++) {
        sw_put_format(out, "device %zu of %zu\n", i + 1, e->gpu_count);
        status = sw_gpu_explain(&e->gpus[i], out, err);
        if (status != SW_OK) sw_error_prefix(err, "gpu[%zu]", i);
    }
    for (size_t i = 0; status == SW_OK && i < e->gpu_collateral.rim_count; i++) {
        status = sw_rim_explain(e->gpu_collateral.rims[i], out, err);
        if (status != SW_OK) sw_error_prefix(err, "gpu_rims[%zu]", i);
    }
    if (status == SW_OK && e->gpu_count > 0)
        sw_answers_explain(e->gpu_collateral.ocsp, e->gpu_collateral.ocsp_count, out);
    return status;
}

/* ---- our own evidence ---- */
static sw_status explain(sw_arena *a, sw_bytes json, sw_buffer *out, sw_error *err) {
    sw_evidence e;
    SW_TRY(sw_evidence_parse(a, json, &e, err));
    if (e.platform == SW_PLATFORM_SIM)
        sw_put_text(out, "SIMULATED: made by a software machine, whatever it says below\n");
    SW_TRY(sw_quote_explain(e.quote, out, err));
    SW_TRY(sw_collateral_explain(&e.collateral, out, err));
    SW_TRY(explain_gpus(out, &e, err));
    explain_image(out, e.image);
    explain_document(out, e.mr_config);
    explain_events(out, &e);
    return SW_OK;
}

sw_status sw_evidence_explain(sw_bytes evidence_json, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 16 * SW_EVIDENCE_LIMIT};
    SW_SCOPED(sw_buffer) made = SW_BUFFER(4 * SW_EVIDENCE_LIMIT);
    SW_TRY(explain(&a, evidence_json, &made, err));
    SW_TRY(sw_buffer_check(&made, "the explanation", err));
    sw_put_bytes(out, sw_buffer_bytes(&made));
    return sw_buffer_check(out, "the explanation", err);
}
