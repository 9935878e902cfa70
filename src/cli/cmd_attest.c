/* SPDX-License-Identifier: Apache-2.0
 *
 * attest verify, attest explain: evidence of any kind, judged or shown.
 *
 * One table says what is judged how. Without a policy the makers' own roots are the anchors and
 * UpToDate alone is taken; the output says what was not compared.
 */
#include "attest/dstack.h"
#include "attest/explain.h"
#include "attest/gpu.h"
#include "attest/standalone.h"
#include "cli/attest_checks.h"
#include "cli/attest_input.h"
#include "codec/text.h"
#include "machine/collect.h"
#include "manifest/manifest.h"

#include <string.h>

#define EXPLANATION_LIMIT ((size_t)128 << 20)

typedef struct inquiry {
    sw_cli *cli;
    sw_attest_input input;
    const sw_policy *policy; /* NULL: none was given */
    sw_policy given;
    bool has_compose; /* a KMS reference was given: what it says beside its policy */
    sw_hash compose;
    int64_t wall_ms;
    sw_checks checks;
    sw_verifier *verifier;
    sw_json *facts;
} inquiry;

/* ---- what is given beside the file ---- */
/* A policy of its own, or the one inside a KMS reference or under "machine". */
static sw_status take_policy(inquiry *q, sw_bytes text, sw_error *err) {
    sw_json *root;
    sw_kms_reference reference;
    SW_TRY(sw_json_parse(sw_cli_arena(q->cli), text, NULL, &root, err));
    if (sw_json_member(root, "kind") != NULL) {
        SW_TRY(sw_kms_reference_parse(text, &reference, err));
        q->given = reference.policy;
        q->compose = reference.compose;
        q->has_compose = true;
        return SW_OK;
    }
    const sw_json *machine = sw_json_member(root, "machine");
    return sw_policy_from_json(machine == NULL ? root : machine, "policy", &q->given, err);
}

static sw_status read_policy(inquiry *q, const char *path, sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_cli_read(q->cli, path, (size_t)1 << 20, &text, err));
    sw_status status = take_policy(q, text, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", path);
    return status;
}

static sw_status time_of(sw_cli *cli, int64_t *out, sw_error *err) {
    const char *text = sw_cli_value(cli, "time");
    const sw_clock *clock = sw_cli_clock(cli);
    *out = clock->wall_ms(clock->context);
    return text == NULL ? SW_OK : sw_time_parse(sw_text(text), out, err);
}

/* ---- facts for programs ---- */
static void fact(inquiry *q, const char *key, const char *value) {
    sw_json_add_text(sw_cli_arena(q->cli), q->facts, key, sw_text(value));
}

static void fact_hex(inquiry *q, const char *key, sw_bytes value) {
    sw_json_add_hex(sw_cli_arena(q->cli), q->facts, key, value);
}

static void facts_window(inquiry *q, int64_t from_ms, int64_t until_ms) {
    char from[21], until[21];
    sw_time_text(from, from_ms);
    sw_time_text(until, until_ms);
    fact(q, "valid_from", from);
    fact(q, "valid_until", until);
}

static void facts_simulated(inquiry *q, bool simulated) {
    if (simulated) sw_cli_print(q->cli, "SIMULATED: made by a software machine\n");
    sw_json_add_flag(sw_cli_arena(q->cli), q->facts, "simulated", simulated);
}

/* A line each; nothing for a machine without. */
static void gpu_tell(inquiry *q, const sw_gpu_claims *claims, size_t count) {
    sw_arena *a = sw_cli_arena(q->cli);
    sw_json *list = sw_json_add_array(a, q->facts, "gpus");
    for (size_t i = 0; i < count; i++) {
        sw_json *item = sw_json_add_object(a, list, NULL);
        char serial[2 * sizeof claims[i].serial.b + 1];
        sw_hex_text(serial, SW_BYTES(claims[i].serial.b, claims[i].serial.size));
        sw_cli_print(q->cli, "%-7s %s, serial %s, driver %s, VBIOS %s, revocation %s\n",
                     claims[i].is_switch ? "switch" : "GPU", claims[i].model, serial,
                     claims[i].is_switch ? "none" : claims[i].driver, claims[i].vbios,
                     claims[i].revocation_checked ? "checked" : "unchecked");
        sw_json_add_text(a, item, "model", sw_text(claims[i].model));
        sw_json_add_text(a, item, "serial", sw_text(serial));
        sw_json_add_flag(a, item, "switch", claims[i].is_switch);
        sw_json_add_text(a, item, "driver", sw_text(claims[i].driver));
        sw_json_add_text(a, item, "vbios", sw_text(claims[i].vbios));
        sw_json_add_hex(a, item, "nonce", SW_BYTES_OF(claims[i].nonce));
        sw_json_add_flag(a, item, "revocation_checked", claims[i].revocation_checked);
    }
}

/* ---- what was asked for ---- */
/* `booted` is NULL where no log says which compose it was. */
static sw_status compose_compare(inquiry *q, const sw_hash *booted, sw_error *err) {
    if (!q->has_compose) return SW_OK;
    sw_check_begin(&q->checks.log, "reference: compose hash");
    if (booted == NULL)
        return sw_fail(err, SW_REFUSED, "policy",
                       "without an event log nothing says which compose the machine booted");
    if (!sw_hash_equal(&q->compose, booted))
        return sw_fail(err, SW_REFUSED, "policy",
                       "the machine booted another compose than the KMS reference names");
    sw_check_held(&q->checks.log, "the reference's");
    return SW_OK;
}

/* ---- evidence of our own ---- */
static void claims_tell(inquiry *q, const sw_claims *c) {
    fact(q, "platform", c->platform == SW_PLATFORM_SIM ? "sim" : "tdx");
    fact(q, "image", c->image);
    if (c->has_os_image) fact_hex(q, "os_image_hash", SW_BYTES_OF(c->os_image.b));
    fact(q, "tcb_status", c->tcb_status);
    fact(q, "advisories", c->advisories[0] == 0 ? "none" : c->advisories);
    fact_hex(q, "anchor", SW_BYTES_OF(c->anchor.b));
    fact_hex(q, "device", SW_BYTES_OF(c->device.b));
    fact_hex(q, "app_id", SW_BYTES_OF(c->app_id));
    fact_hex(q, "instance_id", SW_BYTES_OF(c->instance_id));
    fact_hex(q, "compose_hash", SW_BYTES_OF(c->compose.b));
    fact_hex(q, "report_data", SW_BYTES_OF(c->report_data.b));
    facts_window(q, c->valid_from_ms, c->valid_until_ms);
    gpu_tell(q, c->gpus, c->gpu_count);
    facts_simulated(q, c->platform == SW_PLATFORM_SIM);
}

static sw_status judge_evidence(inquiry *q, sw_error *err) {
    sw_claims claims;
    const char *needed;
    if (q->policy == NULL) return sw_cli_need(q->cli, "policy", &needed, err);
    SW_TRY(sw_evidence_verify(q->input.bytes, q->policy, q->wall_ms, q->verifier, &claims, err));
    SW_TRY(sw_policy_check(q->policy, &claims, &q->checks.log, err));
    SW_TRY(compose_compare(q, &claims.compose, err));
    SW_TRY(sw_attest_report_compare(q->cli, &q->checks.log, claims.report_data.b, err));
    SW_TRY(sw_attest_nonce_compare(q->cli, &q->checks.log, claims.gpus, claims.gpu_count, err));
    claims_tell(q, &claims);
    return SW_OK;
}

/* ---- quotes of others, with a log or without ---- */
static void quote_tell(inquiry *q, const sw_standalone_claims *c) {
    const sw_quote_claims *quote = &c->quote;
    fact(q, "tcb_status", quote->tcb_status);
    fact(q, "advisories", quote->advisories[0] == 0 ? "none" : quote->advisories);
    fact_hex(q, "anchor", SW_BYTES_OF(quote->anchor.b));
    fact_hex(q, "device", SW_BYTES_OF(quote->device.b));
    fact_hex(q, "mrtd", SW_BYTES_OF(quote->td.mrtd));
    static const char *const names[4] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
    for (size_t i = 0; i < 4; i++) fact_hex(q, names[i], SW_BYTES_OF(quote->td.rtmr[i]));
    fact_hex(q, "report_data", SW_BYTES_OF(quote->td.report_data));
    if (c->has_log) fact_hex(q, "app_id", SW_BYTES_OF(c->app_id));
    if (c->has_log) fact_hex(q, "compose_hash", SW_BYTES_OF(c->compose.b));
    if (c->has_os_image) fact_hex(q, "os_image_hash", SW_BYTES_OF(c->os_image.b));
    facts_window(q, quote->valid_from_ms, quote->valid_until_ms);
    facts_simulated(q, !sw_hash_equal(&quote->anchor, &sw_intel_root));
}

/* `vm_config`: a host's description, untrusted; may be empty. */
static sw_status judge_quote_and_log(inquiry *q, sw_bytes quote, const sw_event_log *log,
                                     sw_bytes vm_config, sw_error *err) {
    sw_collateral collateral = {0};
    sw_standalone_claims claims;
    const char *path;
    SW_TRY(sw_cli_need(q->cli, "collateral", &path, err));
    SW_TRY(sw_attest_collateral_read(q->cli, path, &collateral, NULL, err));
    const sw_standalone asked = {.quote = quote,
                                 .collateral = &collateral,
                                 .log = log,
                                 .vm_config = vm_config,
                                 .policy = q->policy,
                                 .wall_ms = q->wall_ms};
    SW_TRY(sw_standalone_verify(&asked, q->verifier, &claims, err));
    SW_TRY(compose_compare(q, claims.has_log ? &claims.compose : NULL, err));
    SW_TRY(sw_attest_report_compare(q->cli, &q->checks.log, claims.quote.td.report_data, err));
    quote_tell(q, &claims);
    return SW_OK;
}

static sw_status judge_quote(inquiry *q, sw_error *err) {
    return judge_quote_and_log(q, q->input.bytes, NULL, (sw_bytes){0}, err);
}

static sw_status judge_dstack_quote(inquiry *q, sw_error *err) {
    sw_dstack_quote answer;
    sw_check_begin(&q->checks.log, "guest agent's answer");
    SW_TRY(sw_dstack_quote_parse(sw_cli_arena(q->cli), q->input.bytes, &answer, err));
    sw_check_held(&q->checks.log, "quote and event log of %zu events", answer.log.count);
    return judge_quote_and_log(q, answer.quote, &answer.log, answer.vm_config, err);
}

static sw_status judge_dstack(inquiry *q, sw_error *err) {
    sw_dstack_attestation attestation;
    sw_bytes bytes;
    sw_check_begin(&q->checks.log, "dstack attestation");
    SW_TRY(sw_attest_attestation_bytes(q->cli, q->input.bytes, &bytes, err));
    SW_TRY(sw_dstack_attestation_parse(sw_cli_arena(q->cli), bytes, &attestation, err));
    sw_check_held(&q->checks.log, "version %u, %zu events", attestation.version,
                  attestation.log.count);
    return judge_quote_and_log(q, attestation.quote, &attestation.log, attestation.config, err);
}

/* ---- a certificate of dstack's RA-TLS ---- */
/* Who issued it (DSK-040 to DSK-046), where --kms-root says whose word counts. */
static sw_status issuer_judge(inquiry *q, sw_error *err) {
    sw_ratls_anchor root = {.of_spki = true};
    sw_ratls_chain chain = {0};
    bool there;
    SW_TRY(sw_attest_hex_option(q->cli, "kms-root", root.hash.b, sizeof root.hash.b, &there, err));
    if (!there) {
        sw_cli_note(q->cli, "no --kms-root was given: who issued the certificate, for which names "
                            "and until when was not judged; the quote speaks for its key alone");
        return SW_OK;
    }
    sw_check_begin(&q->checks.log, "RA-TLS chain");
    SW_TRY(sw_ratls_chain_verify(sw_cli_arena(q->cli), q->input.bytes, &root, q->wall_ms, &chain,
                                 err));
    sw_check_held(&q->checks.log, "%zu certificates to the KMS root given", chain.count);
    sw_ratls_chain_free(&chain);
    return SW_OK;
}

static sw_status judge_certificates(inquiry *q, sw_error *err) {
    sw_ratls_facts facts;
    sw_check_begin(&q->checks.log, "RA-TLS certificate");
    sw_status status = sw_attest_certificate_read(q->cli, q->input.bytes, &facts, err);
    if (status == SW_OK) sw_check_held(&q->checks.log, "its key is the one in the quote");
    if (status == SW_OK) status = issuer_judge(q, err);
    if (status == SW_OK)
        status = judge_quote_and_log(q, facts.attestation.quote, &facts.attestation.log,
                                     facts.attestation.config, err);
    return status;
}

/* ---- GPUs ---- */
static sw_status files_read(sw_cli *cli, const char *option, size_t limit, size_t most,
                            sw_bytes *out, size_t *count, sw_error *err) {
    const char *const *paths = sw_cli_list(cli, option, count);
    if (*count > most)
        return sw_fail(err, SW_USAGE, "usage", "--%s is given more than %zu times", option, most);
    for (size_t i = 0; i < *count; i++) SW_TRY(sw_cli_read(cli, paths[i], limit, &out[i], err));
    return SW_OK;
}

static sw_status gpu_after(inquiry *q, const sw_gpu_policy *policy, const sw_gpu_claims *claims,
                           size_t count, sw_error *err) {
    bool there = sw_cli_option(q->cli, "nonce") != NULL, checked = true;
    SW_TRY(sw_attest_nonce_compare(q->cli, &q->checks.log, claims, count, err));
    if (q->policy != NULL) {
        sw_check_begin(&q->checks.log, "policy: GPUs");
        SW_TRY(sw_gpu_policy_check(policy, claims, count, err));
        sw_check_held(&q->checks.log, "%zu devices", count);
    }
    for (size_t i = 0; i < count; i++) checked = checked && claims[i].revocation_checked;
    if (!there) sw_cli_note(q->cli, "no --nonce was given: freshness was not judged");
    if (!checked)
        sw_cli_note(q->cli, "revocation was not checked: not every certificate has its "
                            "OCSP answer here");
    return SW_OK;
}

/* What a bundle holds for GPUs, where nothing was given one by one: of two sets neither may be
 * passed over. */
static sw_status bundle_add(inquiry *q, const char *path, sw_gpu_collateral *c, sw_error *err) {
    sw_collateral of_quote = {0};
    sw_gpu_collateral of_gpus = {0};
    SW_TRY(sw_attest_collateral_read(q->cli, path, &of_quote, &of_gpus, err));
    if (of_gpus.rim_count + of_gpus.ocsp_count == 0) return SW_OK;
    if (c->rim_count + c->ocsp_count > 0)
        return sw_fail(err, SW_USAGE, "usage",
                       "%s holds manifests or OCSP answers: give --rim and --ocsp, or the bundle",
                       path);
    *c = of_gpus;
    return SW_OK;
}

static sw_status judge_gpus(inquiry *q, const sw_gpu_device *devices, size_t count, sw_error *err) {
    static sw_gpu_claims claims[SW_GPU_LIMIT];
    sw_bytes rims[SW_GPU_RIM_COUNT], ocsp[SW_GPU_OCSP_COUNT];
    sw_gpu_collateral c = {.rims = rims, .ocsp = ocsp};
    const char *bundle = sw_cli_option(q->cli, "collateral");
    const sw_gpu_policy makers = {.device_root = sw_nvidia_device_root,
                                  .rim_root = sw_nvidia_rim_root};
    const sw_gpu_policy *policy = q->policy == NULL ? &makers : &q->policy->gpu;
    SW_TRY(files_read(q->cli, "rim", SW_RIM_LIMIT, SW_GPU_RIM_COUNT, rims, &c.rim_count, err));
    SW_TRY(files_read(q->cli, "ocsp", SW_OCSP_LIMIT, SW_GPU_OCSP_COUNT, ocsp, &c.ocsp_count, err));
    if (bundle != NULL) SW_TRY(bundle_add(q, bundle, &c, err));
    SW_TRY(sw_gpu_verify(devices, count, &c, policy, q->wall_ms, &q->checks.log, claims, err));
    gpu_tell(q, claims, count);
    facts_simulated(q, q->policy != NULL && q->policy->platform == SW_PLATFORM_SIM);
    return gpu_after(q, policy, claims, count, err);
}

static sw_status judge_gpu_list(inquiry *q, sw_error *err) {
    sw_gpu_device devices[SW_GPU_LIMIT];
    size_t count;
    sw_check_begin(&q->checks.log, "device list");
    SW_TRY(sw_gpu_nvidia_list_parse(sw_cli_arena(q->cli), q->input.bytes, devices, SW_GPU_LIMIT,
                                    &count, err));
    sw_check_held(&q->checks.log, "%zu devices", count);
    return judge_gpus(q, devices, count, err);
}

static sw_status judge_gpu_report(inquiry *q, sw_error *err) {
    sw_gpu_device device = {.report = q->input.bytes};
    const char *chain;
    SW_TRY(sw_cli_need(q->cli, "chain", &chain, err));
    SW_TRY(sw_cli_read(q->cli, chain, SW_GPU_CHAIN_LIMIT, &device.chain, err));
    return judge_gpus(q, &device, 1, err);
}

static sw_status judge_rim(inquiry *q, sw_error *err) {
    sw_rim rim = {0};
    const sw_hash *root = q->policy == NULL ? &sw_nvidia_rim_root : &q->policy->gpu.rim_root;
    sw_check_begin(&q->checks.log, "reference manifest");
    SW_TRY(sw_rim_verify(q->input.bytes, root, q->wall_ms, &rim, err));
    sw_check_held(&q->checks.log, "%s, %zu active measurements", rim.version, rim.active_count);
    fact(q, "version", rim.version);
    facts_window(q, rim.valid_from_ms, rim.valid_until_ms);
    sw_rim_free(&rim);
    return SW_OK;
}

/* ---- by kind ---- */
static sw_status judge_none(inquiry *q, sw_error *err) {
    sw_status status = sw_fail(err, SW_USAGE, "usage", "%s proves nothing by itself",
                               sw_attest_kind_name(q->input.kind));
    sw_error_hint(err,
                  "verify the evidence that it belongs to; attest explain shows what is in it");
    return status;
}

typedef sw_status (*judge)(inquiry *q, sw_error *err);
static judge judge_of(sw_attest_kind kind) {
    switch (kind) {
    case SW_ATTEST_EVIDENCE:
        return judge_evidence;
    case SW_ATTEST_QUOTE:
        return judge_quote;
    case SW_ATTEST_DSTACK_QUOTE:
        return judge_dstack_quote;
    case SW_ATTEST_DSTACK:
        return judge_dstack;
    case SW_ATTEST_CERTIFICATES:
        return judge_certificates;
    case SW_ATTEST_GPU_LIST:
        return judge_gpu_list;
    case SW_ATTEST_GPU_REPORT:
        return judge_gpu_report;
    case SW_ATTEST_RIM:
        return judge_rim;
    default:
        return judge_none;
    }
}

static sw_status inquire(inquiry *q, sw_error *err) {
    const char *policy = sw_cli_option(q->cli, "policy");
    SW_TRY(time_of(q->cli, &q->wall_ms, err));
    if (policy != NULL) SW_TRY(read_policy(q, policy, err));
    q->policy = policy == NULL ? NULL : &q->given;
    SW_TRY(sw_attest_input_read(q->cli, sw_cli_argument(q->cli, 0), &q->input, err));
    fact(q, "kind", sw_attest_kind_name(q->input.kind));
    judge by_kind = judge_of(q->input.kind);
    if (by_kind != judge_none) SW_TRY(sw_attest_options_check(q->cli, q->input.kind, err));
    return by_kind(q, err);
}

/* Evidence of the past is judged at its own time, which is said where it is missed. */
static void hint_time(const sw_cli *cli, sw_error *err) {
    bool dated = strstr(err->message, "no longer valid") != NULL ||
                 strstr(err->message, "not valid yet") != NULL;
    if (dated && sw_cli_option(cli, "time") == NULL)
        sw_error_hint(err, "--time judges at a time in the past; attest collateral fetch brings "
                           "what is valid now");
}

static sw_status attest_verify(sw_cli *cli, sw_error *err) {
    inquiry q = {.cli = cli, .facts = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT)};
    sw_checks_open(&q.checks, cli);
    SW_TRY(sw_verifier_open(&q.checks.log, &q.verifier, err));
    sw_status status = inquire(&q, err);
    sw_verifier_close(&q.verifier);
    if (status != SW_OK) hint_time(cli, err);
    status = sw_checks_close(&q.checks, q.facts, status, err);
    if (status == SW_OK && sw_cli_option(cli, "report-data") == NULL &&
        sw_cli_option(cli, "nonce") == NULL)
        sw_cli_note(cli, "it holds; nobody's challenge was compared with it");
    return status;
}

/* ---- attest explain ---- */
static sw_status explain_member(const sw_json *parent, const char *where, const char *name,
                                sw_buffer *text, sw_error *err) {
    const sw_json *evidence;
    SW_TRY(sw_json_object(parent, where, name, &evidence, err));
    sw_status status = sw_evidence_explain(evidence->span, text, err);
    if (status != SW_OK) sw_error_prefix(err, "%s.%s", where, name);
    return status;
}

/* A run's evidence.json (MAN-005): each grant's evidence and the closing one. */
static sw_status explain_run(sw_cli *cli, sw_bytes json, sw_buffer *text, sw_error *err) {
    const sw_json_limits limits = {.bytes = json.size, .depth = 8, .nodes = 1000000};
    sw_json *root;
    const sw_json *grants;
    size_t number = 0;
    SW_TRY(sw_json_parse(sw_cli_arena(cli), json, &limits, &root, err));
    SW_TRY(sw_json_array(root, "evidence.json", "grants", SW_MANIFEST_GRANT_LIMIT, &grants, err));
    for (const sw_json *g = grants->first; g != NULL; g = g->next) {
        sw_put_format(text, "---- grant %zu of %zu\n", ++number, grants->count);
        SW_TRY(explain_member(g, "grants", "evidence", text, err));
    }
    sw_put_text(text, "---- closing\n");
    return explain_member(root, "evidence.json", "closing", text, err);
}

static sw_status explain_gpus(sw_cli *cli, sw_bytes json, sw_buffer *text, sw_error *err) {
    sw_gpu_device devices[SW_GPU_LIMIT];
    size_t count;
    SW_TRY(sw_gpu_nvidia_list_parse(sw_cli_arena(cli), json, devices, SW_GPU_LIMIT, &count, err));
    for (size_t i = 0; i < count; i++) {
        sw_put_format(text, "---- device %zu of %zu\n", i + 1, count);
        SW_TRY(sw_gpu_explain(&devices[i], text, err));
    }
    return SW_OK;
}

static sw_status explain_dstack(sw_cli *cli, const sw_attest_input *in, sw_buffer *text,
                                sw_error *err) {
    sw_arena *a = sw_cli_arena(cli);
    sw_dstack_quote answer;
    sw_dstack_attestation attestation;
    sw_bytes bytes;
    if (in->kind == SW_ATTEST_DSTACK_QUOTE) {
        SW_TRY(sw_dstack_quote_parse(a, in->bytes, &answer, err));
        SW_TRY(sw_quote_explain(answer.quote, text, err));
        return sw_log_explain(&answer.log, text, err);
    }
    SW_TRY(sw_attest_attestation_bytes(cli, in->bytes, &bytes, err));
    SW_TRY(sw_dstack_attestation_parse(a, bytes, &attestation, err));
    SW_TRY(sw_quote_explain(attestation.quote, text, err));
    return sw_log_explain(&attestation.log, text, err);
}

static sw_status explain_info(sw_cli *cli, sw_bytes json, sw_buffer *text, sw_error *err) {
    sw_dstack_info info;
    SW_TRY(sw_dstack_info_parse(sw_cli_arena(cli), json, &info, err));
    sw_put_text(text, "a guest agent says, and proves nothing of it\n  compose hash           ");
    sw_hex_encode(text, SW_BYTES_OF(info.compose.b));
    sw_put_text(text, "\n  app id                 ");
    sw_hex_encode(text, SW_BYTES_OF(info.app_id));
    sw_put_text(text, "\ncertificates\n");
    if (info.app_cert.size > 0) SW_TRY(sw_certificates_explain(info.app_cert, text, err));
    return sw_log_explain(&info.log, text, err);
}

static sw_status explain_log(sw_cli *cli, const sw_attest_input *in, sw_buffer *text,
                             sw_error *err) {
    sw_event_log log;
    sw_arena *a = sw_cli_arena(cli);
    SW_TRY(in->kind == SW_ATTEST_CCEL ? sw_log_from_ccel(a, in->bytes, &log, err)
                                      : sw_log_from_json(a, in->bytes, &log, err));
    return sw_log_explain(&log, text, err);
}

static sw_status explain_collateral(sw_cli *cli, sw_bytes bundle, sw_buffer *text, sw_error *err) {
    sw_collateral collateral = {0};
    sw_gpu_collateral gpu = {0};
    SW_TRY(sw_collateral_parse(sw_cli_arena(cli), bundle, &collateral, &gpu, err));
    return sw_collateral_explain(&collateral, text, err);
}

static sw_status explain(sw_cli *cli, const sw_attest_input *in, sw_buffer *text, sw_error *err) {
    switch (in->kind) {
    case SW_ATTEST_EVIDENCE:
        return sw_evidence_explain(in->bytes, text, err);
    case SW_ATTEST_RUN:
        return explain_run(cli, in->bytes, text, err);
    case SW_ATTEST_COLLATERAL:
        return explain_collateral(cli, in->bytes, text, err);
    case SW_ATTEST_QUOTE:
        return sw_quote_explain(in->bytes, text, err);
    case SW_ATTEST_DSTACK_QUOTE:
    case SW_ATTEST_DSTACK:
        return explain_dstack(cli, in, text, err);
    case SW_ATTEST_DSTACK_INFO:
        return explain_info(cli, in->bytes, text, err);
    case SW_ATTEST_CCEL:
    case SW_ATTEST_LOG:
        return explain_log(cli, in, text, err);
    case SW_ATTEST_GPU_LIST:
        return explain_gpus(cli, in->bytes, text, err);
    case SW_ATTEST_GPU_REPORT:
        return sw_gpu_explain(&(sw_gpu_device){.report = in->bytes}, text, err);
    case SW_ATTEST_RIM:
        return sw_rim_explain(in->bytes, text, err);
    case SW_ATTEST_CERTIFICATES:
        return sw_certificates_explain(in->bytes, text, err);
    case SW_ATTEST_TOKENS:
        return sw_tokens_explain(in->bytes, text, err);
    case SW_ATTEST_TCB_INFO:
    case SW_ATTEST_QE_IDENTITY:
        return sw_document_explain(in->bytes, text, err);
    }
    SW_CHECK(err, in->kind <= SW_ATTEST_QE_IDENTITY);
    return SW_OK;
}

static sw_status attest_explain(sw_cli *cli, sw_error *err) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(EXPLANATION_LIMIT);
    sw_attest_input in;
    SW_TRY(sw_attest_input_read(cli, sw_cli_argument(cli, 0), &in, err));
    sw_status status = explain(cli, &in, &text, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", sw_cli_argument(cli, 0));
    SW_TRY(status);
    sw_cli_print(cli, "%.*s", (int)text.size, (const char *)text.data);
    sw_cli_print(cli, "nothing above was verified\n");
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    sw_json_add_text(sw_cli_arena(cli), root, "explanation", sw_buffer_bytes(&text));
    sw_cli_result(cli, root);
    return SW_OK;
}

static const sw_option verify_options[] = {
    {"policy", SW_OPTION_VALUE, "FILE", "the machine policy, or a KMS reference, as JSON"},
    {"time", SW_OPTION_VALUE, "TIME", "judge at this time, 2026-11-23T04:21:32Z; default now"},
    {"collateral", SW_OPTION_VALUE, "PLACE", "of a quote: a bundle, or a folder with its parts"},
    {"report-data", SW_OPTION_VALUE, "HEX", "what the quote's 64 bytes of report data must be"},
    {"kms-root", SW_OPTION_VALUE, "HEX",
     "of an RA-TLS certificate: SHA-256 of its root's public key (SubjectPublicKeyInfo)"},
    {"chain", SW_OPTION_VALUE, "FILE", "of a GPU report: its certificates, PEM"},
    {"rim", SW_OPTION_LIST, "FILE", "a reference manifest for the GPUs; may be given again"},
    {"ocsp", SW_OPTION_LIST, "FILE", "an OCSP answer for their chains; may be given again"},
    {"nonce", SW_OPTION_VALUE, "HEX", "the 32 bytes that every GPU must have answered"},
    {0},
};

const sw_command sw_commands_attest[] = {
    {"attest explain", "FILE", "show what stands in evidence, without judging it",
     "FILE is told from its bytes: a machine's evidence or a run's evidence.json, a TDX quote, "
     "what\n"
     "a dstack guest agent answered, an event log (JSON or CCEL), a GPU report or list, a\n"
     "reference manifest, certificates, tokens, collateral.",
     1, 1, NULL, attest_explain},
    {"attest verify", "FILE", "judge evidence, one line a check",
     "FILE is evidence with a machine policy; or a TDX quote, a dstack answer, attestation or\n"
     "RA-TLS certificate, with --collateral; or GPU evidence, with --rim. Without a policy "
     "Intel's\n"
     "and NVIDIA's roots are the anchors, UpToDate alone is taken, and nothing is compared with "
     "an\n"
     "image. --collateral takes a bundle of attest collateral fetch, or a folder with "
     "tcb_info.json,\n"
     "qe_identity.json, tcb_signing_chain.pem, pck_crl.der and root_ca_crl.der. A freshness check "
     "needs the exchange that the evidence was made for: --report-data\n"
     "and --nonce say what it asked. Exit 1 names the first check that failed.",
     1, 1, verify_options, attest_verify},
    {0},
};
