/* SPDX-License-Identifier: Apache-2.0
 *
 * attest collateral fetch: what a verifier of a quote needs besides it, from Intel's provisioning
 * service or a cache of it, as one file.
 */
#include "attest/dstack.h"
#include "cli/attest_input.h"
#include "cli/source_options.h"
#include "sys/files.h"

#include <string.h>

/* ---- the quote: bare, in a guest agent's answer, an attestation, a certificate, or our evidence
 * ---- */
/* What collateral is for: a quote, and in evidence the GPUs beside it. */
static sw_status subject_of(sw_cli *cli, const sw_attest_input *in, sw_evidence *out,
                            sw_error *err) {
    sw_arena *a = sw_cli_arena(cli);
    sw_dstack_quote answer;
    sw_dstack_attestation attestation;
    sw_ratls_facts facts;
    sw_bytes bytes;
    *out = (sw_evidence){0};
    switch (in->kind) {
    case SW_ATTEST_QUOTE:
        out->quote = in->bytes;
        return SW_OK;
    case SW_ATTEST_EVIDENCE:
        return sw_evidence_parse(a, in->bytes, out, err);
    case SW_ATTEST_DSTACK_QUOTE:
        SW_TRY(sw_dstack_quote_parse(a, in->bytes, &answer, err));
        out->quote = answer.quote;
        return SW_OK;
    case SW_ATTEST_DSTACK:
        SW_TRY(sw_attest_attestation_bytes(sw_cli_arena(cli), in->bytes, &bytes, err));
        SW_TRY(sw_dstack_attestation_parse(a, bytes, &attestation, err));
        out->quote = attestation.quote;
        return SW_OK;
    case SW_ATTEST_CERTIFICATES:
        SW_TRY(sw_attest_certificate_read(cli, in->bytes, &facts, err));
        out->quote = facts.attestation.quote;
        return SW_OK;
    default:
        return sw_fail(err, SW_MALFORMED, "kind", "it is %s and holds no quote to fetch for",
                       sw_attest_kind_name(in->kind));
    }
}

static sw_status subject_read(sw_cli *cli, const char *path, sw_evidence *out, sw_error *err) {
    sw_attest_input in;
    SW_TRY(sw_attest_input_read(cli, path, &in, err));
    sw_status status = subject_of(cli, &in, out, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", path);
    return status;
}

/* ---- from where ---- */
static sw_status policy_read(sw_cli *cli, const char *path, sw_policy *out, sw_error *err) {
    sw_bytes text;
    sw_json *root;
    SW_TRY(sw_cli_read_regular(cli, path, (size_t)1 << 20, &text, err));
    SW_TRY(sw_json_parse(sw_cli_arena(cli), text, NULL, &root, err));
    return sw_attest_policy_parse(root, out, err);
}

static sw_status source_read(sw_cli *cli, sw_policy *policy, sw_collateral_source *out,
                             sw_error *err) {
    const char *update = sw_cli_option(cli, "update"), *anchors = sw_cli_option(cli, "policy");
    bool early = update != NULL && strcmp(update, "early") == 0;
    if (update != NULL && !early && strcmp(update, "standard") != 0)
        return sw_fail(err, SW_USAGE, "usage", "--update is early or standard");
    if (anchors != NULL) SW_TRY(policy_read(cli, anchors, policy, err));
    *out = sw_cli_source(cli, "cache");
    out->rim_url = sw_cli_option(cli, "rim");
    out->ocsp_url = sw_cli_option(cli, "ocsp");
    out->early = early;
    if (anchors == NULL) return SW_OK;
    out->anchors = policy;
    out->minimum_evaluation_number = policy->minimum_evaluation_number;
    out->max_age_ms = policy->collateral_max_age_ms;
    out->ocsp_max_age_ms = policy->gpu.ocsp_max_age_ms;
    out->rim_max_age_ms = policy->gpu.rim_max_age_ms;
    return SW_OK;
}

/* ---- fetch ---- */
static sw_status bundle_write(sw_cli *cli, sw_bytes bundle, int64_t until_ms, sw_error *err) {
    const char *path = sw_cli_option(cli, "out");
    char until[21];
    if (path == NULL) {
        sw_cli_write(cli, bundle);
        return SW_OK;
    }
    SW_TRY(sw_file_write(path, bundle, 0644, SW_WRITE_REPLACE, err));
    sw_time_text(until, until_ms);
    sw_cli_print(cli, "%s: collateral, valid until %s\n", path, until);
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    sw_json_add_text(sw_cli_arena(cli), root, "out", sw_text(path));
    sw_json_add_text(sw_cli_arena(cli), root, "valid_until", sw_text(until));
    sw_cli_result(cli, root);
    return SW_OK;
}

static sw_status collateral_fetch(sw_cli *cli, sw_error *err) {
    SW_SCOPED(sw_buffer) bundle = SW_BUFFER(SW_COLLATERAL_FILE_LIMIT);
    sw_policy policy;
    sw_collateral_source source;
    sw_evidence subject;
    sw_collateral found = {0};
    sw_gpu_collateral gpu = {0};
    int64_t until_ms;
    sw_arena *a = sw_cli_arena(cli);
    SW_TRY(source_read(cli, &policy, &source, err));
    SW_TRY(subject_read(cli, sw_cli_argument(cli, 1), &subject, err));
    SW_TRY(sw_collateral_fetch(&source, a, subject.quote, &found, &until_ms, err));
    if (subject.gpu_count > 0)
        SW_TRY(sw_gpu_collateral_fetch(&source, a, subject.gpus, subject.gpu_count, &gpu, err));
    SW_TRY(sw_collateral_encode(&found, &gpu, &bundle, err));
    return bundle_write(cli, sw_buffer_bytes(&bundle), until_ms, err);
}

static sw_status collateral(sw_cli *cli, sw_error *err) {
    if (strcmp(sw_cli_argument(cli, 0), "fetch") == 0) return collateral_fetch(cli, err);
    sw_status status = sw_fail(err, SW_USAGE, "usage", "'attest collateral' does not know '%.40s'",
                               sw_cli_argument(cli, 0));
    sw_error_hint(err, "sealwright attest collateral fetch QUOTE");
    return status;
}

static const sw_option options[] = {
    SW_CLI_PCCS_OPTION,
    {"rim", SW_OPTION_VALUE, "URL", "ask this service for GPUs' manifests; default NVIDIA's"},
    {"ocsp", SW_OPTION_VALUE, "URL", "ask this OCSP responder; default NVIDIA's"},
    SW_CLI_PROXY_OPTION,
    SW_CLI_CA_OPTION,
    SW_CLI_CACHE_OPTION("cache"),
    SW_CLI_OFFLINE_OPTION,
    {"update", SW_OPTION_VALUE, "RULE", "early or standard evaluation numbers; default standard"},
    {"policy", SW_OPTION_VALUE, "FILE",
     "a machine policy: its anchors, evaluation number and age; default Intel's root"},
    {"out", SW_OPTION_VALUE, "FILE", "write the bundle here; default standard output"},
    {0},
};

const sw_command sw_commands_collateral[] = {
    {"attest collateral", "fetch QUOTE", "fetch what a verifier of a quote needs besides it",
     "QUOTE is a TDX quote as bytes or hexadecimal, a guest agent's answer, a dstack attestation "
     "or\n"
     "RA-TLS certificate, or our evidence. TCB info, QE identity and revocation lists are "
     "verified\n"
     "together with the quote, now, before anything is written. For GPUs in evidence their\n"
     "manifests and OCSP answers are fetched too.\n"
     "The environment names no proxy: --proxy does.",
     2, 2, options, collateral},
    {0},
};
