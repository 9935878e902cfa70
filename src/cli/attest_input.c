/* SPDX-License-Identifier: Apache-2.0
 *
 * A file of evidence told by its first bytes, or as JSON by its members.
 *
 * A file that fits two kinds is of none: it would be judged as one and believed to be the other.
 */
#include "cli/attest_input.h"
#include "codec/text.h"
#include "machine/collect.h"
#include "manifest/manifest.h"
#include "sys/files.h"

#include <string.h>

#define INPUT_LIMIT ((size_t)64 << 20) /* the evidence of a run with some hundred grants */

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
    [SW_ATTEST_TOKENS] = "attestation tokens",
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

static bool kind_is(const sw_json *object, const char *kind) {
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
        if (!kind_is(root, table[i].kind)) continue;
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
        {has(root, "detached_eat"), SW_ATTEST_TOKENS},
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

static bool array_kind(const sw_json *root, sw_attest_kind *out) {
    const sw_json *first = root->first;
    if (first == NULL) return false;
    if (first->type == SW_JSON_OBJECT && has(first, "evidence") && has(first, "certificate"))
        *out = SW_ATTEST_GPU_LIST;
    else if (first->type == SW_JSON_OBJECT && has(first, "imr"))
        *out = SW_ATTEST_LOG;
    else if (first->type == SW_JSON_ARRAY)
        *out = SW_ATTEST_TOKENS;
    else
        return false;
    return true;
}

static sw_status json_kind(sw_cli *cli, sw_bytes text, bool *known, sw_attest_kind *out,
                           sw_error *err) {
    const sw_json_limits limits = {.bytes = INPUT_LIMIT, .depth = 24, .nodes = 1000000};
    sw_json *root;
    SW_TRY(sw_json_parse(sw_cli_arena(cli), text, &limits, &root, err));
    *known = root->type == SW_JSON_OBJECT ? own_kind(root, out) : array_kind(root, out);
    return *known || root->type != SW_JSON_OBJECT ? SW_OK : others_kind(root, known, out, err);
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
        {in.size > 1 && (in.data[0] == 0 || in.data[0] >> 4 == 8), SW_ATTEST_DSTACK},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!table[i].fits) continue;
        *out = table[i].kind;
        return true;
    }
    return false;
}

static sw_bytes trimmed(sw_bytes in) {
    while (in.size > 0 && strchr(" \t\r\n", in.data[in.size - 1]) != NULL) in.size--;
    return in;
}

/* A quote as people paste it: hex, in either case, with 0x or without. */
static sw_status hex_read(sw_cli *cli, sw_bytes text, sw_attest_input *out, sw_error *err) {
    if (BEGINS(text, "0x")) text = SW_BYTES(text.data + 2, text.size - 2);
    if (text.size / 2 > SW_QUOTE_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "it has more than %zu bytes of hex",
                       2 * SW_QUOTE_LIMIT);
    uint8_t *bytes = sw_arena_alloc(sw_cli_arena(cli), text.size / 2 + 1, 1);
    if (bytes == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a quote");
    SW_TRY(sw_hex_decode(bytes, text.size / 2, text, true, err));
    *out = (sw_attest_input){SW_ATTEST_QUOTE, SW_BYTES(bytes, text.size / 2)};
    return SW_OK;
}

/* Version 3, or a later one that says so; ECDSA of P-256. */
static bool is_sgx(sw_bytes in, sw_bytes text) {
    if (BEGINS(text, "0x")) text = SW_BYTES(text.data + 2, text.size - 2);
    return BEGINS(in, "\3\0\2\0\0\0\0\0") || BEGINS(in, "\4\0\2\0\0\0\0\0") ||
           BEGINS(in, "\5\0\2\0\0\0\0\0") || BEGINS(text, "0300020000000000") ||
           BEGINS(text, "0400020000000000") || BEGINS(text, "0500020000000000");
}

static sw_status recognise(sw_cli *cli, sw_bytes in, sw_attest_input *out, sw_error *err) {
    bool known = false;
    sw_bytes text = trimmed(in);
    out->bytes = in;
    if (BEGINS(in, "{") || BEGINS(in, "["))
        SW_TRY(json_kind(cli, in, &known, &out->kind, err));
    else if (BEGINS(text, "0400020081") || BEGINS(text, "0500020081") ||
             BEGINS(text, "0x0400020081") || BEGINS(text, "0x0500020081"))
        return hex_read(cli, text, out, err);
    else
        known = bytes_kind(in, &out->kind);
    if (known) return SW_OK;
    if (is_sgx(in, text))
        return sw_fail(err, SW_MALFORMED, "format",
                       "it is an SGX quote; of Intel's quotes a TD's alone is judged");
    return sw_fail(err, SW_MALFORMED, "format", "it is no evidence of a kind that is known");
}

sw_status sw_attest_input_read(sw_cli *cli, const char *path, sw_attest_input *out, sw_error *err) {
    sw_bytes in;
    sw_attest_input made = {0};
    SW_TRY(sw_cli_read_regular(cli, path, INPUT_LIMIT, &in, err));
    sw_status status = recognise(cli, in, &made, err);
    if (status == SW_OK)
        *out = made;
    else
        sw_error_prefix(err, "%s", path);
    return status;
}

/* ---- what holds a quote ---- */
/* Attest's answer in JSON is the bytes in hex. */
sw_status sw_attest_attestation_bytes(sw_cli *cli, sw_bytes in, sw_bytes *out, sw_error *err) {
    const sw_hex_rule rule = {.bytes = SW_DSTACK_ATTESTATION_LIMIT};
    sw_arena *a = sw_cli_arena(cli);
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

sw_status sw_attest_certificate_read(sw_cli *cli, sw_bytes pem, sw_ratls_facts *out,
                                     sw_error *err) {
    sw_cert *leaf = NULL;
    sw_status status = sw_pem_decode(pem, "CERTIFICATE", 8, first_certificate, &leaf, err);
    if (status == SW_OK && leaf == NULL)
        status = sw_fail(err, SW_MALFORMED, "format", "no certificate is here");
    if (status == SW_OK) status = sw_ratls_read(sw_cli_arena(cli), leaf, out, err);
    sw_cert_free(&leaf);
    return status;
}

/* ---- options ---- */
sw_status sw_attest_policy_parse(const sw_json *root, sw_policy *out, sw_error *err) {
    static const char *const members[] = {"machine", NULL};
    const sw_json *machine = sw_json_member(root, "machine");
    if (machine == NULL) return sw_policy_from_json(root, "policy", out, err);
    SW_TRY(sw_json_expect(root, "policy", members, err));
    return sw_policy_from_json(machine, "policy", out, err);
}

/* An option that a kind of file has no use for would be believed to have been heeded. */
sw_status sw_attest_options_check(const sw_cli *cli, sw_attest_kind kind, sw_error *err) {
    const unsigned evidence = 1U << SW_ATTEST_EVIDENCE, certificates = 1U << SW_ATTEST_CERTIFICATES,
                   quote = 1U << SW_ATTEST_QUOTE, key = 1U << SW_ATTEST_KEY,
                   quotes =
                       quote | 1U << SW_ATTEST_DSTACK_QUOTE | 1U << SW_ATTEST_DSTACK | certificates,
                   report = 1U << SW_ATTEST_GPU_REPORT, gpus = report | 1U << SW_ATTEST_GPU_LIST;
    const struct {
        const char *name;
        unsigned kinds;
    } table[] = {{"policy", ~key},
                 {"time", ~key},
                 {"collateral", quotes | gpus},
                 {"report-data", quotes | evidence},
                 {"mr-aggregated", quotes | evidence},
                 {"mr-system", quotes | evidence},
                 {"device", quotes | evidence},
                 {"log", quote},
                 {"ccel", quote},
                 {"mr-config", quotes},
                 {"kms-root", certificates | key},
                 {"app-id", key},
                 {"chain", report},
                 {"rim", gpus},
                 {"ocsp", gpus},
                 {"nonce", gpus | evidence}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (sw_cli_option(cli, table[i].name) == NULL || (table[i].kinds >> kind & 1) != 0)
            continue;
        return sw_fail(err, SW_USAGE, "usage", "--%s has no meaning for %s", table[i].name,
                       sw_attest_kind_name(kind));
    }
    return SW_OK;
}

/* --NAME as exactly so many bytes of hex; *there is false without it. */
sw_status sw_attest_hex_option(const sw_cli *cli, const char *name, void *out, size_t size,
                               bool *there, sw_error *err) {
    const char *text = sw_cli_option(cli, name);
    *there = text != NULL;
    if (text == NULL || sw_hex_decode(out, size, sw_text(text), true, NULL) == SW_OK) return SW_OK;
    return sw_fail(err, SW_USAGE, "usage", "--%s is not %zu hex digits", name, 2 * size);
}

sw_status sw_attest_report_compare(const sw_cli *cli, const sw_check_log *log,
                                   const uint8_t report[64], sw_error *err) {
    uint8_t expected[64];
    bool there;
    SW_TRY(sw_attest_hex_option(cli, "report-data", expected, sizeof expected, &there, err));
    if (!there) return SW_OK;
    sw_check_begin(log, "report data");
    if (memcmp(expected, report, sizeof expected) != 0)
        return sw_fail(err, SW_REFUSED, "evidence", "the quote's report data are not those given");
    sw_check_held(log, "those given");
    return SW_OK;
}

sw_status sw_attest_hash_compare(const sw_cli *cli, const sw_check_log *log, const char *option,
                                 const char *name, const sw_hash *proven, sw_error *err) {
    sw_hash expected;
    bool there;
    SW_TRY(sw_attest_hex_option(cli, option, expected.b, sizeof expected.b, &there, err));
    if (!there) return SW_OK;
    sw_check_begin(log, name);
    if (proven == NULL)
        return sw_fail(err, SW_REFUSED, "evidence", "without an event log nothing says the %s",
                       name);
    if (!sw_hash_equal(&expected, proven))
        return sw_fail(err, SW_REFUSED, "evidence", "the machine's %s is not the one given", name);
    sw_check_held(log, "the one given");
    return SW_OK;
}

sw_status sw_attest_nonce_compare(const sw_cli *cli, const sw_check_log *log,
                                  const sw_gpu_claims *claims, size_t count, sw_error *err) {
    sw_hash nonce;
    bool there;
    SW_TRY(sw_attest_hex_option(cli, "nonce", nonce.b, sizeof nonce.b, &there, err));
    if (!there) return SW_OK;
    sw_check_begin(log, "nonce");
    SW_TRY(sw_gpu_fresh(claims, count, &nonce, err));
    sw_check_held(log, "the one given");
    return SW_OK;
}

/* ---- logs beside a quote ---- */
typedef sw_status (*log_reader)(sw_arena *a, sw_bytes in, sw_event_log *out, sw_error *err);

static sw_status log_read(sw_cli *cli, const char *path, size_t limit, log_reader reader,
                          sw_event_log *out, sw_error *err) {
    sw_bytes in;
    SW_TRY(sw_cli_read_regular(cli, path, limit, &in, err));
    sw_status status = reader(sw_cli_arena(cli), in, out, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", path);
    return status;
}

sw_status sw_attest_log_read(sw_cli *cli, sw_event_log *out, bool *there, bool *firmware_only,
                             sw_error *err) {
    const char *log = sw_cli_option(cli, "log"), *ccel = sw_cli_option(cli, "ccel");
    sw_event_log runtime = {0}, firmware = {0};
    *there = log != NULL || ccel != NULL;
    *firmware_only = log == NULL;
    if (log != NULL) SW_TRY(log_read(cli, log, SW_LOG_LIMIT, sw_log_from_json, &runtime, err));
    if (ccel != NULL) SW_TRY(log_read(cli, ccel, SW_CCEL_LIMIT, sw_log_from_ccel, &firmware, err));
    return sw_log_join(sw_cli_arena(cli), &firmware, &runtime, out, err);
}

/* ---- collateral ---- */
static sw_status signed_file(sw_cli *cli, const char *folder, const char *name, const char *member,
                             sw_signed_json *out, sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_cli_read_in(cli, folder, name, SW_TCB_INFO_LIMIT + 1024, &text, err));
    sw_status status = sw_pcs_parse(text, member, out, err);
    if (status != SW_OK) sw_error_prefix(err, "%s/%s", folder, name);
    return status;
}

static sw_status folder_read(sw_cli *cli, const char *folder, sw_collateral *out, sw_error *err) {
    sw_bytes chain;
    SW_TRY(
        sw_cli_read_in(cli, folder, "tcb_signing_chain.pem", SW_ISSUER_CHAIN_LIMIT, &chain, err));
    out->tcb_info.issuer_chain = out->qe_identity.issuer_chain = chain;
    SW_TRY(signed_file(cli, folder, "tcb_info.json", "tcbInfo", &out->tcb_info, err));
    SW_TRY(signed_file(cli, folder, "qe_identity.json", "enclaveIdentity", &out->qe_identity, err));
    SW_TRY(sw_cli_read_in(cli, folder, "pck_crl.der", SW_REVOCATION_LIMIT, &out->pck_crl, err));
    return sw_cli_read_in(cli, folder, "root_ca_crl.der", SW_REVOCATION_LIMIT, &out->root_crl, err);
}

static sw_status bundle_read(sw_cli *cli, sw_bytes json, sw_collateral *out, sw_gpu_collateral *gpu,
                             sw_error *err) {
    sw_json *root;
    sw_gpu_collateral devices = {0};
    const sw_json_limits limits = {.bytes = SW_COLLATERAL_FILE_LIMIT, .depth = 8, .nodes = 10000};
    SW_TRY(sw_json_parse(sw_cli_arena(cli), json, &limits, &root, err));
    if (!kind_is(root, SW_COLLATERAL_KIND))
        return sw_collateral_from_qvl(sw_cli_arena(cli), json, out, err);
    SW_TRY(sw_collateral_parse(sw_cli_arena(cli), json, out, &devices, err));
    if (gpu != NULL && devices.rim_count + devices.ocsp_count > 0) *gpu = devices;
    return SW_OK;
}

sw_status sw_attest_collateral_read(sw_cli *cli, const char *path, sw_collateral *out,
                                    sw_gpu_collateral *gpu, sw_error *err) {
    sw_bytes json;
    if (sw_path_is_folder(path)) return folder_read(cli, path, out, err);
    SW_TRY(sw_cli_read_regular(cli, path, SW_COLLATERAL_FILE_LIMIT, &json, err));
    sw_status status = bundle_read(cli, json, out, gpu, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", path);
    return status;
}
