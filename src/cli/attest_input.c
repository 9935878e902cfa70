/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of evidence, and what options say beside them.
 */
#include "cli/attest_input.h"
#include "codec/text.h"
#include "machine/collect.h"
#include "manifest/manifest.h"
#include "sys/files.h"

#include <string.h>

sw_status sw_attest_input_read(sw_cli *cli, const char *path, sw_attest_input *out, sw_error *err) {
    sw_bytes in;
    sw_attest_input made = {0};
    SW_TRY(sw_cli_read_regular(cli, path, SW_ATTEST_INPUT_LIMIT, &in, err));
    sw_status status = sw_attest_recognise(sw_cli_arena(cli), in, &made, err);
    if (status == SW_OK)
        *out = made;
    else
        sw_error_prefix(err, "%s", path);
    return status;
}

/* ---- options ---- */
static sw_status policy_parse(const sw_json *root, sw_policy *out, sw_error *err) {
    static const char *const members[] = {"machine", NULL};
    const sw_json *machine = sw_json_member(root, "machine");
    if (machine == NULL) return sw_policy_from_json(root, "policy", out, err);
    SW_TRY(sw_json_expect(root, "policy", members, err));
    return sw_policy_from_json(machine, "policy", out, err);
}

/* A policy of its own, under "machine", or the one inside a KMS reference. */
static sw_status policy_take(sw_cli *cli, sw_bytes text, sw_attest_policy *out, sw_error *err) {
    sw_json *root;
    sw_kms_reference reference;
    SW_TRY(sw_json_parse(sw_cli_arena(cli), text, NULL, &root, err));
    if (sw_json_member(root, "kind") == NULL) return policy_parse(root, &out->policy, err);
    SW_TRY(sw_kms_reference_parse(text, &reference, err));
    *out = (sw_attest_policy){reference.policy, true, reference.compose};
    return SW_OK;
}

sw_status sw_attest_policy_read(sw_cli *cli, const char *path, sw_attest_policy *out,
                                sw_error *err) {
    sw_bytes text;
    *out = (sw_attest_policy){0};
    SW_TRY(sw_cli_read_regular(cli, path, (size_t)1 << 20, &text, err));
    sw_status status = policy_take(cli, text, out, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", path);
    return status;
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
    sw_check_begin(log, "report data");
    if (!there) {
        sw_check_left(log, "no --report-data was given: freshness was not judged");
        return SW_OK;
    }
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

static bool nonce_public(const sw_gpu_claims *claims, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (sw_gpu_nonce_known_test(claims[i].nonce)) return true;
    return false;
}

sw_status sw_attest_nonce_compare(const sw_cli *cli, const sw_check_log *log,
                                  const sw_gpu_claims *claims, size_t count, sw_error *err) {
    sw_hash nonce;
    bool there;
    SW_TRY(sw_attest_hex_option(cli, "nonce", nonce.b, sizeof nonce.b, &there, err));
    if (!there && count == 0) return SW_OK;
    sw_check_begin(log, "nonce");
    if (!there) {
        sw_check_left(log, nonce_public(claims, count)
                               ? "no --nonce was given, and the one that was answered stands in "
                                 "public samples: anybody could have kept this report"
                               : "no --nonce was given: freshness was not judged");
        return SW_OK;
    }
    SW_TRY(sw_gpu_fresh(claims, count, &nonce, err));
    sw_check_held(log, "the one given");
    return SW_OK;
}

sw_status sw_attest_chain_read(sw_cli *cli, sw_bytes *out, sw_error *err) {
    const char *path;
    sw_bytes chain;
    SW_TRY(sw_cli_need(cli, "chain", &path, err));
    SW_TRY(sw_cli_read_regular(cli, path, SW_GPU_CHAIN_LIMIT, &chain, err));
    SW_TRY(sw_pem_normalise_chain(sw_cli_arena(cli), &chain, err));
    *out = chain;
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

/* As the service answers it, in whichever of its spellings. */
static sw_status list_file(sw_cli *cli, const char *folder, const char *name, sw_bytes *out,
                           sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_cli_read_in(cli, folder, name, 2 * SW_REVOCATION_LIMIT + 2, &text, err));
    sw_status status = sw_pcs_list_parse(sw_cli_arena(cli), text, out, err);
    if (status != SW_OK) sw_error_prefix(err, "%s/%s", folder, name);
    return status;
}

static sw_status folder_read(sw_cli *cli, const char *folder, sw_collateral *out, sw_error *err) {
    sw_bytes chain;
    SW_TRY(
        sw_cli_read_in(cli, folder, "tcb_signing_chain.pem", SW_ISSUER_CHAIN_LIMIT, &chain, err));
    SW_TRY(sw_pem_normalise_chain(sw_cli_arena(cli), &chain, err));
    out->tcb_info.issuer_chain = out->qe_identity.issuer_chain = chain;
    SW_TRY(signed_file(cli, folder, "tcb_info.json", "tcbInfo", &out->tcb_info, err));
    SW_TRY(signed_file(cli, folder, "qe_identity.json", "enclaveIdentity", &out->qe_identity, err));
    SW_TRY(list_file(cli, folder, "pck_crl.der", &out->pck_crl, err));
    return list_file(cli, folder, "root_ca_crl.der", &out->root_crl, err);
}

sw_status sw_attest_collateral_read(sw_cli *cli, const char *path, sw_collateral *out,
                                    sw_gpu_collateral *gpu, sw_error *err) {
    sw_bytes json;
    if (sw_path_is_folder(path)) return folder_read(cli, path, out, err);
    SW_TRY(sw_cli_read_regular(cli, path, SW_COLLATERAL_FILE_LIMIT, &json, err));
    sw_status status = sw_attest_collateral_parse(sw_cli_arena(cli), json, out, gpu, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", path);
    return status;
}
