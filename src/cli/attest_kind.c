/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence told by its first bytes, or as JSON by its members.
 *
 * What fits two kinds is of none: it would be judged as one and believed to be the other.
 */
#include "cli/attest_kind.h"

#include "attest/dstack.h"
#include "cli/attest_text.h"
#include "codec/der.h"
#include "codec/text.h"
#include "machine/collect.h"
#include "manifest/manifest.h"

#include <string.h>

static const char *const names[] = {
    [SW_ATTEST_EVIDENCE] = "evidence",
    [SW_ATTEST_RUN] = "the evidence of a run",
    [SW_ATTEST_COLLATERAL] = "collateral",
    [SW_ATTEST_QUOTE] = "a TDX quote",
    [SW_ATTEST_DSTACK_QUOTE] = "a guest agent's quote",
    [SW_ATTEST_DSTACK_INFO] = "a guest agent's Info",
    [SW_ATTEST_DSTACK] = "a dstack attestation",
    [SW_ATTEST_CCEL] = "a TCG event log",
    [SW_ATTEST_LOG] = "an event log",
    [SW_ATTEST_GPU_LIST] = "GPU evidence",
    [SW_ATTEST_GPU_REPORT] = "a GPU report",
    [SW_ATTEST_RIM] = "a reference manifest",
    [SW_ATTEST_CERTIFICATES] = "certificates",
    [SW_ATTEST_LIST] = "a revocation list",
    [SW_ATTEST_OCSP] = "an OCSP answer",
    [SW_ATTEST_TOKENS] = "a file of attestation tokens",
    [SW_ATTEST_KEY] = "a key's signature chain",
    [SW_ATTEST_TCB_INFO] = "TCB info",
    [SW_ATTEST_QE_IDENTITY] = "a QE identity",
};

const char *sw_attest_kind_name(sw_attest_kind kind) {
    return names[kind];
}

/* ---- JSON, by its members ---- */
static bool has(const sw_json *object, const char *name) {
    return sw_json_member(object, name) != NULL;
}

static bool says_kind(const sw_json *object, const char *kind) {
    const sw_json *m = sw_json_member(object, "kind");
    return m != NULL && m->type == SW_JSON_STRING && sw_bytes_is(m->text, kind);
}

/* Ours say what they are and hold nothing else. */
static bool own_kind(const sw_json *root, sw_attest_kind *out) {
    static const struct {
        const char *kind;
        sw_attest_kind is;
    } table[] = {{SW_EVIDENCE_KIND, SW_ATTEST_EVIDENCE},
                 {SW_MANIFEST_EVIDENCE_KIND, SW_ATTEST_RUN},
                 {SW_COLLATERAL_KIND, SW_ATTEST_COLLATERAL}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!says_kind(root, table[i].kind)) continue;
        *out = table[i].is;
        return true;
    }
    return false;
}

/* A guest agent's GetQuote says its quote once more as an attestation, which is compared. */
static sw_status others_kind(const sw_json *root, bool *known, sw_attest_kind *out, sw_error *err) {
    const struct {
        bool fits;
        sw_attest_kind kind;
    } table[] = {
        {has(root, "tcbInfo"), SW_ATTEST_TCB_INFO},
        {has(root, "enclaveIdentity"), SW_ATTEST_QE_IDENTITY},
        {has(root, "evidence_list"), SW_ATTEST_GPU_LIST},
        {has(root, "evidences"), SW_ATTEST_GPU_LIST},
        {has(root, "detached_eat"), SW_ATTEST_TOKENS},
        {has(root, "tcb_info") && has(root, "qe_identity"), SW_ATTEST_COLLATERAL},
        {has(root, "tcb_info") && has(root, "app_id"), SW_ATTEST_DSTACK_INFO},
        {has(root, "quote") && has(root, "event_log"), SW_ATTEST_DSTACK_QUOTE},
        {has(root, "attestation") && !has(root, "quote"), SW_ATTEST_DSTACK},
        {has(root, "signature_chain"), SW_ATTEST_KEY},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!table[i].fits) continue;
        if (*known)
            return sw_fail(err, SW_MALFORMED, "format", "it is %s and %s at once", names[*out],
                           names[table[i].kind]);
        *known = true;
        *out = table[i].kind;
    }
    return SW_OK;
}

static sw_status array_kind(const sw_json *root, bool *known, sw_attest_kind *out, sw_error *err) {
    const sw_json *first = root->first;
    if (first == NULL) return SW_OK;
    bool object = first->type == SW_JSON_OBJECT, log = object && has(first, "imr"),
         gpus = object && has(first, "evidence") && has(first, "certificate");
    if (log && gpus)
        return sw_fail(err, SW_MALFORMED, "format", "it is %s and %s at once", names[SW_ATTEST_LOG],
                       names[SW_ATTEST_GPU_LIST]);
    *out = log ? SW_ATTEST_LOG : gpus ? SW_ATTEST_GPU_LIST : SW_ATTEST_TOKENS;
    *known = log || gpus || first->type == SW_JSON_ARRAY;
    return SW_OK;
}

static sw_status json_kind(sw_arena *a, sw_bytes text, bool *known, sw_attest_kind *out,
                           sw_error *err) {
    const sw_json_limits limits = {.bytes = SW_ATTEST_INPUT_LIMIT, .depth = 24, .nodes = 1000000};
    sw_json *root;
    SW_TRY(sw_json_parse(a, text, &limits, &root, err));
    if (root->type != SW_JSON_OBJECT) return array_kind(root, known, out, err);
    *known = own_kind(root, out);
    return *known ? SW_OK : others_kind(root, known, out, err);
}

/* ---- bytes, by how they begin ---- */
static bool begins(sw_bytes in, const char *bytes, size_t size) {
    return in.size >= size && memcmp(in.data, bytes, size) == 0;
}
#define BEGINS(in, literal) begins((in), (literal), sizeof(literal) - 1)

/* Version 4 or 5, key type 2, TEE type 0x81: eight bytes. */
static bool is_quote(sw_bytes in) {
    return BEGINS(in, "\x04\0\x02\0\x81\0\0\0") || BEGINS(in, "\x05\0\x02\0\x81\0\0\0");
}

static bool is_map(uint8_t msgpack) {
    return msgpack >> 4 == 8 || msgpack == 0xde || msgpack == 0xdf;
}

static bool bytes_kind(sw_bytes in, sw_attest_kind *out) {
    const struct {
        bool fits;
        sw_attest_kind kind;
    } table[] = {
        {is_quote(in), SW_ATTEST_QUOTE},
        {BEGINS(in, "\x11\xe0\x01\xff"), SW_ATTEST_GPU_REPORT},
        {BEGINS(in, "-----BEGIN CERTIFICATE-----"), SW_ATTEST_CERTIFICATES},
        {BEGINS(in, "<"), SW_ATTEST_RIM},
        {BEGINS(in, "eyJ"), SW_ATTEST_TOKENS},
        {in.size > 48 && begins(SW_BYTES(in.data + 32, 16), "Spec ID Event03", 16), SW_ATTEST_CCEL},
        {in.size > 1 && (in.data[0] == 0 || is_map(in.data[0])), SW_ATTEST_DSTACK},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!table[i].fits) continue;
        *out = table[i].kind;
        return true;
    }
    return false;
}

/* ---- DER and PEM ---- */
static sw_status keep(sw_arena *a, sw_bytes bytes, sw_bytes *out, sw_error *err) {
    *out = sw_arena_copy(a, bytes);
    if (out->data != NULL) return SW_OK;
    return sw_fail(err, SW_MEMORY, "memory", "no memory for a file of evidence");
}

static sw_status certificate_as_pem(sw_arena *a, sw_bytes der, sw_attest_input *out,
                                    sw_error *err) {
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(SW_ATTEST_INPUT_LIMIT);
    sw_pem_encode(&pem, "CERTIFICATE", der);
    SW_TRY(sw_buffer_check(&pem, "the certificate", err));
    out->kind = SW_ATTEST_CERTIFICATES;
    return keep(a, sw_buffer_bytes(&pem), &out->bytes, err);
}

/* Behind a number and two sequences a certificate of version 1 has its dates, a list of version 2
 * one date. */
static uint8_t tag_behind(sw_reader r) {
    (void)sw_der_read(&r, SW_DER_INTEGER);
    (void)sw_der_read(&r, SW_DER_SEQUENCE);
    (void)sw_der_read(&r, SW_DER_SEQUENCE);
    return r.failed ? 0 : sw_der_peek(&r);
}

static bool is_first_version(sw_reader inner) {
    return tag_behind(inner) == SW_DER_SEQUENCE;
}

static bool is_list(sw_reader inner) {
    enum { UTC_TIME = 0x17, GENERALIZED_TIME = 0x18 };
    uint8_t tag = tag_behind(inner);
    return tag == UTC_TIME || tag == GENERALIZED_TIME;
}

/* The structure that the first tags are of (RFC 5280 4.1 and 5.1, RFC 6960 4.2.1). */
static sw_status der_read(sw_arena *a, sw_bytes in, bool *known, sw_attest_input *out,
                          sw_error *err) {
    enum { VERSION = 0xa0 };
    sw_reader r = sw_reader_of(in), outer = sw_der_enter(&r, SW_DER_SEQUENCE);
    if (r.failed || r.rest.size > 0) return SW_OK;
    *known = true;
    if (sw_der_peek(&outer) == SW_DER_ENUMERATED) {
        out->kind = SW_ATTEST_OCSP;
        return SW_OK;
    }
    sw_reader inner = sw_der_enter(&outer, SW_DER_SEQUENCE);
    uint8_t tag = outer.failed ? 0 : sw_der_peek(&inner);
    if (tag == VERSION || is_first_version(inner)) return certificate_as_pem(a, in, out, err);
    *known = is_list(inner);
    out->kind = SW_ATTEST_LIST;
    return SW_OK;
}

typedef struct keeping {
    sw_arena *arena;
    sw_bytes *to;
} keeping;

static sw_status keep_block(void *context, sw_bytes der, sw_error *err) {
    const keeping *k = context;
    return keep(k->arena, der, k->to, err);
}

static sw_status list_read(sw_arena *a, sw_bytes pem, sw_attest_input *out, sw_error *err) {
    keeping k = {a, &out->bytes};
    out->kind = SW_ATTEST_LIST;
    return sw_pem_decode(pem, "X509 CRL", 1, keep_block, &k, err);
}

/* Version 3, or a later one that says so; ECDSA of P-256. */
static bool is_sgx(sw_bytes in) {
    return BEGINS(in, "\3\0\2\0\0\0\0\0") || BEGINS(in, "\4\0\2\0\0\0\0\0") ||
           BEGINS(in, "\5\0\2\0\0\0\0\0");
}

sw_status sw_attest_recognise(sw_arena *a, sw_bytes in, sw_attest_input *out, sw_error *err) {
    bool known = false;
    SW_TRY(sw_attest_text_read(a, in, &in, err));
    out->bytes = in;
    if (BEGINS(in, "{") || BEGINS(in, "["))
        SW_TRY(json_kind(a, in, &known, &out->kind, err));
    else if (BEGINS(in, "-----BEGIN X509 CRL-----"))
        return list_read(a, in, out, err);
    else if (BEGINS(in, "0"))
        SW_TRY(der_read(a, in, &known, out, err)); /* a SEQUENCE */
    else
        known = bytes_kind(in, &out->kind);
    if (known) return SW_OK;
    if (is_sgx(in))
        return sw_fail(err, SW_MALFORMED, "format",
                       "it is an SGX quote; of Intel's quotes a TD's alone is judged");
    sw_status status =
        sw_fail(err, SW_MALFORMED, "format", "it is no evidence of a kind that is known");
    sw_error_hint(err, "sealwright attest explain --help names the kinds");
    return status;
}

/* ---- what holds a quote ---- */
/* Attest's answer in JSON is the bytes in hex. */
sw_status sw_attest_attestation_bytes(sw_arena *a, sw_bytes in, sw_bytes *out, sw_error *err) {
    const sw_hex_rule rule = {.bytes = SW_DSTACK_ATTESTATION_LIMIT};
    sw_json *root;
    *out = in;
    if (out->size == 0 || out->data[0] != '{') return SW_OK;
    SW_TRY(sw_json_parse(a, in, NULL, &root, err));
    return sw_json_hex_bytes(a, root, "answer", "attestation", &rule, out, err);
}

static sw_status first_certificate(void *context, sw_bytes der, sw_error *err) {
    sw_cert **leaf = context;
    return *leaf == NULL ? sw_cert_parse(der, leaf, err) : SW_OK;
}

sw_status sw_attest_certificate_read(sw_arena *a, sw_bytes pem, sw_ratls_facts *out,
                                     sw_error *err) {
    sw_cert *leaf = NULL;
    sw_status status = sw_pem_decode(pem, "CERTIFICATE", 8, first_certificate, &leaf, err);
    if (status == SW_OK && leaf == NULL)
        status = sw_fail(err, SW_MALFORMED, "format", "no certificate is here");
    if (status == SW_OK) status = sw_ratls_read(a, leaf, out, err);
    sw_cert_free(&leaf);
    return status;
}

/* ---- collateral in either form ---- */
sw_status sw_attest_collateral_parse(sw_arena *a, sw_bytes json, sw_collateral *out,
                                     sw_gpu_collateral *gpu, sw_error *err) {
    sw_json *root;
    sw_gpu_collateral devices = {0};
    const sw_json_limits limits = {.bytes = SW_COLLATERAL_FILE_LIMIT, .depth = 8, .nodes = 10000};
    SW_TRY(sw_json_parse(a, json, &limits, &root, err));
    if (!says_kind(root, SW_COLLATERAL_KIND) && !has(root, "pck_crl"))
        return sw_fail(err, SW_MALFORMED, "format",
                       "it is no collateral: neither ours nor in dcap-qvl's form");
    if (!says_kind(root, SW_COLLATERAL_KIND)) return sw_collateral_from_qvl(a, json, out, err);
    SW_TRY(sw_collateral_parse(a, json, out, &devices, err));
    if (gpu == NULL && out->tcb_info.text.size == 0)
        return sw_fail(err, SW_MALFORMED, "format", "it is collateral of GPUs alone");
    if (gpu != NULL && devices.rim_count + devices.ocsp_count > 0) *gpu = devices;
    return SW_OK;
}
