/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands in evidence of any kind, shown and not judged.
 */
#include "attest/explain.h"

#include "attest/dstack.h"
#include "attest/gpu.h"
#include "cli/attest_kind.h"
#include "codec/text.h"
#include "machine/collect.h"
#include "manifest/manifest.h"

/* Each grant's evidence is restored from the one before it, so a small file may stand for much. */
#define RESTORED_LIMIT ((size_t)256 << 20)

/* ---- by kind ---- */
/* `whole` is the evidence before it (MAN-006), and then this one; `restored` counts all of them. */
static sw_status explain_member(const sw_json *parent, const char *where, const char *name,
                                sw_buffer *whole, size_t *restored, sw_buffer *text,
                                sw_error *err) {
    SW_SCOPED(sw_buffer) before = *whole;
    const sw_json *evidence;
    *whole = SW_BUFFER(SW_EVIDENCE_LIMIT);
    SW_TRY(sw_json_object(parent, where, name, &evidence, err));
    sw_status status = sw_manifest_restore(sw_buffer_bytes(&before), evidence->span, whole, err);
    *restored += whole->size;
    if (status == SW_OK && *restored > RESTORED_LIMIT)
        status = sw_fail(err, SW_LIMIT, "limit", "all evidence up to here has more than %zu bytes",
                         RESTORED_LIMIT);
    if (status == SW_OK) status = sw_evidence_explain(sw_buffer_bytes(whole), text, err);
    if (status != SW_OK) sw_error_prefix(err, "%s.%s", where, name);
    return status;
}

/* A run's evidence.json (MAN-005): each grant's evidence and the closing one. */
static sw_status explain_run(sw_arena *a, sw_bytes json, sw_buffer *text, sw_error *err) {
    const sw_json_limits limits = {.bytes = json.size, .depth = 8, .nodes = 1000000};
    sw_json *root;
    const sw_json *grants;
    size_t number = 0, restored = 0;
    SW_SCOPED(sw_buffer) whole = SW_BUFFER(SW_EVIDENCE_LIMIT);
    SW_TRY(sw_json_parse(a, json, &limits, &root, err));
    SW_TRY(sw_json_array(root, "evidence.json", "grants", SW_MANIFEST_GRANT_LIMIT, &grants, err));
    for (const sw_json *g = grants->first; g != NULL; g = g->next) {
        sw_put_format(text, "---- grant %zu of %zu\n", ++number, grants->count);
        SW_TRY(explain_member(g, "grants", "evidence", &whole, &restored, text, err));
    }
    sw_put_text(text, "---- closing\n");
    return explain_member(root, "evidence.json", "closing", &whole, &restored, text, err);
}

static sw_status explain_gpus(sw_arena *a, sw_bytes json, sw_buffer *text, sw_error *err) {
    sw_gpu_device devices[SW_GPU_LIMIT];
    size_t count;
    SW_TRY(sw_gpu_nvidia_list_parse(a, json, devices, SW_GPU_LIMIT, &count, err));
    for (size_t i = 0; i < count; i++) {
        sw_put_format(text, "---- device %zu of %zu\n", i + 1, count);
        SW_TRY(sw_gpu_explain(&devices[i], text, err));
    }
    return SW_OK;
}

static sw_status explain_dstack(sw_arena *a, const sw_attest_input *in, sw_buffer *text,
                                sw_error *err) {
    sw_dstack_quote answer;
    sw_dstack_attestation attestation;
    sw_bytes bytes;
    if (in->kind == SW_ATTEST_DSTACK_QUOTE) {
        SW_TRY(sw_dstack_quote_parse(a, in->bytes, &answer, err));
        SW_TRY(sw_quote_explain(answer.quote, text, err));
        return sw_log_explain(&answer.log, text, err);
    }
    SW_TRY(sw_attest_attestation_bytes(a, in->bytes, &bytes, err));
    SW_TRY(sw_dstack_attestation_parse(a, bytes, &attestation, err));
    SW_TRY(sw_quote_explain(attestation.quote, text, err));
    return sw_log_explain(&attestation.log, text, err);
}

/* And the quote that the first of them carries in dstack's extension, where it does. */
static sw_status explain_certificates(sw_arena *a, sw_bytes pem, sw_buffer *text, sw_error *err) {
    sw_ratls_facts facts;
    SW_TRY(sw_certificates_explain(pem, text, err));
    if (sw_attest_certificate_read(a, pem, &facts, NULL) != SW_OK) return SW_OK;
    SW_TRY(sw_quote_explain(facts.attestation.quote, text, err));
    return sw_log_explain(&facts.attestation.log, text, err);
}

static sw_status explain_info(sw_arena *a, sw_bytes json, sw_buffer *text, sw_error *err) {
    sw_dstack_info info;
    SW_TRY(sw_dstack_info_parse(a, json, &info, err));
    sw_put_text(text, "a guest agent says, and proves nothing of it\n  compose hash           ");
    sw_hex_encode(text, SW_BYTES_OF(info.compose.b));
    sw_put_text(text, "\n  app id                 ");
    sw_hex_encode(text, SW_BYTES_OF(info.app_id));
    sw_put_text(text, "\ncertificates\n");
    if (info.app_cert.size > 0) SW_TRY(sw_certificates_explain(info.app_cert, text, err));
    return sw_log_explain(&info.log, text, err);
}

static sw_status explain_log(sw_arena *a, const sw_attest_input *in, sw_buffer *text,
                             sw_error *err) {
    sw_event_log log;
    SW_TRY(in->kind == SW_ATTEST_CCEL ? sw_log_from_ccel(a, in->bytes, &log, err)
                                      : sw_log_from_json(a, in->bytes, &log, err));
    return sw_log_explain(&log, text, err);
}

static sw_status explain_collateral(sw_arena *a, sw_bytes bundle, sw_buffer *text, sw_error *err) {
    sw_collateral collateral = {0};
    sw_gpu_collateral gpu = {0};
    SW_TRY(sw_attest_collateral_parse(a, bundle, &collateral, &gpu, err));
    if (collateral.tcb_info.text.size > 0) SW_TRY(sw_collateral_explain(&collateral, text, err));
    for (size_t i = 0; i < gpu.rim_count; i++) SW_TRY(sw_rim_explain(gpu.rims[i], text, err));
    if (gpu.rim_count + gpu.ocsp_count > 0) sw_answers_explain(gpu.ocsp, gpu.ocsp_count, text);
    return sw_buffer_check(text, "the explanation", err);
}

static sw_status explain_key(sw_arena *a, sw_bytes json, sw_buffer *text, sw_error *err) {
    sw_dstack_key_chain chain;
    SW_TRY(sw_dstack_key_parse(a, json, &chain, err));
    bool plain = sw_utf8_plain(chain.purpose);
    sw_put_text(text, "a key and the signatures of app and KMS over it\n  public key             ");
    sw_hex_encode(text, chain.public_key);
    sw_put_text(text, "\n  purpose                ");
    sw_put_bytes(text, plain ? chain.purpose : SW_LITERAL("?"));
    sw_put_u8(text, '\n');
    return SW_OK;
}

sw_status sw_attest_explain(sw_arena *a, const sw_attest_input *in, sw_buffer *text,
                            sw_error *err) {
    switch (in->kind) {
    case SW_ATTEST_EVIDENCE:
        return sw_evidence_explain(in->bytes, text, err);
    case SW_ATTEST_RUN:
        return explain_run(a, in->bytes, text, err);
    case SW_ATTEST_COLLATERAL:
        return explain_collateral(a, in->bytes, text, err);
    case SW_ATTEST_QUOTE:
        return sw_quote_explain(in->bytes, text, err);
    case SW_ATTEST_DSTACK_QUOTE:
    case SW_ATTEST_DSTACK:
        return explain_dstack(a, in, text, err);
    case SW_ATTEST_DSTACK_INFO:
        return explain_info(a, in->bytes, text, err);
    case SW_ATTEST_CCEL:
    case SW_ATTEST_LOG:
        return explain_log(a, in, text, err);
    case SW_ATTEST_GPU_LIST:
        return explain_gpus(a, in->bytes, text, err);
    case SW_ATTEST_GPU_REPORT:
        return sw_gpu_explain(&(sw_gpu_device){.report = in->bytes}, text, err);
    case SW_ATTEST_RIM:
        return sw_rim_explain(in->bytes, text, err);
    case SW_ATTEST_CERTIFICATES:
        return explain_certificates(a, in->bytes, text, err);
    case SW_ATTEST_LIST:
        return sw_list_explain(in->bytes, text, err);
    case SW_ATTEST_OCSP:
        return sw_ocsp_explain(in->bytes, text, err);
    case SW_ATTEST_TOKENS:
        return sw_tokens_explain(in->bytes, text, err);
    case SW_ATTEST_KEY:
        return explain_key(a, in->bytes, text, err);
    case SW_ATTEST_TCB_INFO:
    case SW_ATTEST_QE_IDENTITY:
        return sw_document_explain(in->bytes, in->kind == SW_ATTEST_TCB_INFO, text, err);
    }
    SW_CHECK(err, in->kind <= SW_ATTEST_QE_IDENTITY);
    return SW_OK;
}
