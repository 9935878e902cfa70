/* SPDX-License-Identifier: Apache-2.0
 *
 * attest collateral fetch: what a verifier of evidence needs besides it, as one file: of a quote
 * from Intel's provisioning service or a cache of it, of GPUs from NVIDIA's services.
 */
#include "attest/dstack.h"
#include "cli/attest_input.h"
#include "cli/source_options.h"
#include "sys/files.h"

#include <string.h>
#include <sys/stat.h>

/* ---- what it is for: a quote in any form, GPUs, or both in our evidence ---- */
/* An option that the file has no use for would be believed to have been heeded. */
static sw_status options_check(const sw_cli *cli, sw_attest_kind kind, const sw_evidence *e,
                               sw_error *err) {
    bool quote = e->quote.size > 0, gpus = e->gpu_count > 0, report = kind == SW_ATTEST_GPU_REPORT;
    const struct {
        const char *name;
        bool heeded;
    } table[] = {
        {"pccs", quote}, {"update", quote}, {"rim", gpus}, {"ocsp", gpus}, {"chain", report}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (!table[i].heeded && sw_cli_option(cli, table[i].name) != NULL)
            return sw_fail(err, SW_USAGE, "usage", "--%s has no meaning for %s%s", table[i].name,
                           sw_attest_kind_name(kind),
                           kind == SW_ATTEST_EVIDENCE ? " without GPUs" : "");
    return SW_OK;
}

/* Others' GPU evidence: a list, or one report whose chain is --chain. */
static sw_status devices_of(sw_cli *cli, const sw_attest_input *in, sw_evidence *out,
                            sw_error *err) {
    sw_arena *a = sw_cli_arena(cli);
    sw_gpu_device *devices = SW_ARENA_NEW(a, sw_gpu_device, SW_GPU_LIMIT);
    if (devices == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for devices");
    out->gpus = devices;
    if (in->kind == SW_ATTEST_GPU_LIST)
        return sw_gpu_nvidia_list_parse(a, in->bytes, devices, SW_GPU_LIMIT, &out->gpu_count, err);
    SW_TRY(sw_attest_chain_read(cli, &devices[0].chain, err));
    devices[0].report = in->bytes;
    out->gpu_count = 1;
    return SW_OK;
}

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
        SW_TRY(sw_attest_certificate_read(a, in->bytes, &facts, err));
        out->quote = facts.attestation.quote;
        return SW_OK;
    case SW_ATTEST_GPU_LIST:
    case SW_ATTEST_GPU_REPORT:
        return devices_of(cli, in, out, err);
    default:
        return sw_fail(err, SW_MALFORMED, "kind", "it is %s and holds nothing to fetch for",
                       sw_attest_kind_name(in->kind));
    }
}

/* The bundle must not take the place of evidence that nobody can make again. */
static sw_status place_check(const sw_cli *cli, const char *path, sw_error *err) {
    const char *to = sw_cli_option(cli, "out");
    struct stat from, other;
    if (to == NULL || stat(path, &from) != 0 || stat(to, &other) != 0) return SW_OK;
    if (from.st_dev != other.st_dev || from.st_ino != other.st_ino) return SW_OK;
    return sw_fail(err, SW_USAGE, "usage", "--out names the evidence itself, %s", path);
}

static sw_status subject_read(sw_cli *cli, const char *path, sw_evidence *out, sw_error *err) {
    sw_attest_input in;
    SW_TRY(place_check(cli, path, err));
    SW_TRY(sw_attest_input_read(cli, path, &in, err));
    sw_status status = subject_of(cli, &in, out, err);
    if (status == SW_OK) return options_check(cli, in.kind, out, err);
    if (status != SW_USAGE) sw_error_prefix(err, "%s", path);
    return status;
}

/* ---- from where ---- */
static sw_status source_read(sw_cli *cli, sw_attest_policy *policy, sw_collateral_source *out,
                             sw_error *err) {
    const char *update = sw_cli_option(cli, "update"), *anchors = sw_cli_option(cli, "policy");
    bool early = update != NULL && strcmp(update, "early") == 0;
    const sw_policy *p = &policy->policy;
    if (update != NULL && !early && strcmp(update, "standard") != 0)
        return sw_fail(err, SW_USAGE, "usage", "--update is early or standard");
    if (anchors != NULL) SW_TRY(sw_attest_policy_read(cli, anchors, policy, err));
    *out = sw_cli_source(cli, "cache");
    out->rim_url = sw_cli_option(cli, "rim");
    out->ocsp_url = sw_cli_option(cli, "ocsp");
    out->early = early;
    SW_TRY(sw_cli_source_check(out, "cache", err));
    if (anchors == NULL) return SW_OK;
    out->anchors = p;
    out->minimum_evaluation_number = p->minimum_evaluation_number;
    out->max_age_ms = p->collateral_max_age_ms;
    out->ocsp_max_age_ms = p->gpu.ocsp_max_age_ms;
    out->rim_max_age_ms = p->gpu.rim_max_age_ms;
    return SW_OK;
}

/* ---- fetch ---- */
static sw_status bundle_write(sw_cli *cli, sw_bytes bundle, int64_t until_ms, sw_error *err) {
    const char *path = sw_cli_option(cli, "out");
    char until[21];
    if (path == NULL || strcmp(path, "-") == 0) {
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

static sw_status gpus_fetch(sw_cli *cli, const sw_collateral_source *source,
                            const sw_evidence *subject, sw_gpu_collateral *out, int64_t *until_ms,
                            sw_error *err) {
    if (subject->gpu_count == 0) return SW_OK;
    if (source->anchors != NULL && source->anchors->gpu.count == 0)
        return sw_fail(err, SW_REFUSED, "policy", "the machine policy says none for GPUs");
    return sw_gpu_collateral_fetch(source, sw_cli_arena(cli), subject->gpus, subject->gpu_count,
                                   out, until_ms, err);
}

static sw_status collateral_fetch(sw_cli *cli, sw_error *err) {
    SW_SCOPED(sw_buffer) bundle = SW_BUFFER(SW_COLLATERAL_FILE_LIMIT);
    sw_attest_policy policy;
    sw_collateral_source source;
    sw_evidence subject;
    sw_collateral found = {0};
    sw_gpu_collateral gpu = {0};
    int64_t quote_until_ms = INT64_MAX, gpus_until_ms = INT64_MAX;
    sw_arena *a = sw_cli_arena(cli);
    SW_TRY(source_read(cli, &policy, &source, err));
    SW_TRY(subject_read(cli, sw_cli_argument(cli, 1), &subject, err));
    bool quote = subject.quote.size > 0;
    if (quote) SW_TRY(sw_collateral_fetch(&source, a, subject.quote, &found, &quote_until_ms, err));
    SW_TRY(gpus_fetch(cli, &source, &subject, &gpu, &gpus_until_ms, err));
    SW_TRY(sw_collateral_encode(quote ? &found : NULL, &gpu, &bundle, err));
    return bundle_write(cli, sw_buffer_bytes(&bundle),
                        quote_until_ms < gpus_until_ms ? quote_until_ms : gpus_until_ms, err);
}

static sw_status collateral(sw_cli *cli, sw_error *err) {
    if (strcmp(sw_cli_argument(cli, 0), "fetch") == 0) {
        sw_status fetched = collateral_fetch(cli, err);
        if (fetched == SW_UNAVAILABLE)
            sw_error_hint(err, "--proxy, --pccs, --rim and --ocsp name other ways there; --cache "
                               "keeps what came once");
        return fetched;
    }
    sw_status status = sw_fail(err, SW_USAGE, "usage", "'attest collateral' does not know '%.40s'",
                               sw_cli_argument(cli, 0));
    sw_error_hint(err, "sealwright attest collateral fetch FILE");
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
    {"chain", SW_OPTION_VALUE, "FILE", "of a GPU report: its certificates, PEM"},
    {"policy", SW_OPTION_VALUE, "FILE",
     "a machine policy: its anchors, evaluation number and ages; default Intel's and NVIDIA's"},
    {"out", SW_OPTION_VALUE, "FILE", "write the bundle here; default standard output"},
    {0},
};

const sw_command sw_commands_collateral[] = {
    {"attest collateral", "fetch FILE", "fetch what a verifier of evidence needs besides it",
     "FILE is a TDX quote as bytes, hexadecimal or base64, a guest agent's answer, a dstack\n"
     "attestation or RA-TLS certificate, GPU evidence as NVIDIA's tools write it, or a GPU report\n"
     "with --chain, or our evidence. TCB info, QE identity and revocation lists are verified\n"
     "together with the quote, now, before anything is written; of GPUs chains, signatures and\n"
     "manifests to NVIDIA's roots, or the policy's, and OCSP answers to their issuers. The bundle\n"
     "serves this evidence, and other evidence of the same devices, as attest verify's\n"
     "--collateral until its first part ends: of GPUs within a day. The environment names no\n"
     "proxy: --proxy does.",
     2, 2, options, collateral},
    {0},
};
