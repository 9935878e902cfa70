/* SPDX-License-Identifier: Apache-2.0
 *
 * attest verify: evidence of any kind, judged.
 *
 * One table says what is judged how. Without a policy the makers' own roots are the anchors and
 * UpToDate alone is taken; the output says what was not compared.
 */
#include "attest/dstack.h"
#include "attest/gpu.h"
#include "attest/standalone.h"
#include "cli/attest_checks.h"
#include "cli/attest_input.h"
#include "codec/text.h"
#include "machine/collect.h"

#include <string.h>

typedef struct inquiry {
    sw_cli *cli;
    sw_attest_input input;
    const sw_policy *policy; /* NULL: none was given */
    sw_attest_policy given;
    int64_t wall_ms;
    sw_checks checks;
    sw_verifier *verifier;
    sw_json *facts;
} inquiry;

/* ---- what is given beside the file ---- */
static sw_status time_of(sw_cli *cli, int64_t *out, sw_error *err) {
    const char *text = sw_cli_value(cli, "time");
    const sw_clock *clock = sw_cli_clock(cli);
    *out = clock->wall_ms(clock->context);
    if (text == NULL || sw_time_parse(sw_text(text), out, NULL) == SW_OK) return SW_OK;
    return sw_fail(err, SW_USAGE, "usage", "--time is not a time such as 2026-11-23T04:21:32Z");
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

/* A value that follows from what was proven. */
static void derived(inquiry *q, const char *key, const sw_hash *value) {
    char hex[2 * SW_HASH_BYTES + 1];
    sw_hex_text(hex, SW_BYTES_OF(value->b));
    sw_cli_print(q->cli, "proven  %-28s %s\n", key, hex);
    fact(q, key, hex);
}

/* ---- what was asked for ---- */
/* `mr_system` is NULL without a log. */
static sw_status values_compare(inquiry *q, const sw_hash *device, const sw_hash *mr_aggregated,
                                const sw_hash *mr_system, sw_error *err) {
    const sw_check_log *log = &q->checks.log;
    SW_TRY(sw_attest_hash_compare(q->cli, log, "device", "device", device, err));
    SW_TRY(
        sw_attest_hash_compare(q->cli, log, "mr-aggregated", "mr_aggregated", mr_aggregated, err));
    return sw_attest_hash_compare(q->cli, log, "mr-system", "mr_system", mr_system, err);
}

/* `booted` is NULL where no log says which compose it was. */
static sw_status compose_compare(inquiry *q, const sw_hash *booted, sw_error *err) {
    if (!q->given.has_compose) return SW_OK;
    sw_check_begin(&q->checks.log, "reference: compose hash");
    if (booted == NULL)
        return sw_fail(err, SW_REFUSED, "policy",
                       "without an event log nothing says which compose the machine booted");
    if (!sw_hash_equal(&q->given.compose, booted))
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
    derived(q, "device", &c->device);
    derived(q, "mr_aggregated", &c->mr_aggregated);
    derived(q, "mr_system", &c->mr_system);
    fact_hex(q, "app_id", SW_BYTES_OF(c->app_id));
    fact_hex(q, "instance_id", SW_BYTES_OF(c->instance_id));
    fact_hex(q, "compose_hash", SW_BYTES_OF(c->compose.b));
    fact_hex(q, "report_data", SW_BYTES_OF(c->report_data.b));
    facts_window(q, c->valid_from_ms, c->valid_until_ms);
    gpu_tell(q, c->gpus, c->gpu_count);
    facts_simulated(q, c->platform == SW_PLATFORM_SIM);
}

/* Only the report data of a channel commit to GPUs, and it is not known here (GPU-224, GPU-229). */
static sw_status gpu_binding(inquiry *q, const sw_claims *claims, sw_error *err) {
    if (claims->gpu_count == 0) return SW_OK;
    sw_check_begin(&q->checks.log, "GPU binding");
    if (sw_cli_option(q->cli, "report-data") != NULL)
        return sw_fail(err, SW_REFUSED, "evidence",
                       "the evidence holds GPUs, to which the report data given do not commit");
    sw_check_left(&q->checks.log, "only who knows the exchange that the quote was made for can "
                                  "tell whether it commits to these GPUs");
    return SW_OK;
}

static sw_status judge_evidence(inquiry *q, sw_error *err) {
    sw_claims claims;
    const char *needed;
    if (q->policy == NULL) return sw_cli_need(q->cli, "policy", &needed, err);
    SW_TRY(sw_evidence_verify(q->input.bytes, q->policy, q->wall_ms, q->verifier, &claims, err));
    SW_TRY(sw_policy_check(q->policy, &claims, &q->checks.log, err));
    SW_TRY(compose_compare(q, &claims.compose, err));
    SW_TRY(gpu_binding(q, &claims, err));
    SW_TRY(sw_attest_report_compare(q->cli, &q->checks.log, claims.report_data.b, err));
    SW_TRY(values_compare(q, &claims.device, &claims.mr_aggregated, &claims.mr_system, err));
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
    sw_hash by_ppid, by_user_data;
    sw_device_ids(quote->ppid, quote->user_data, &by_ppid, &by_user_data);
    derived(q, "device", &by_ppid);
    fact_hex(q, "device_by_user_data", SW_BYTES_OF(by_user_data.b));
    derived(q, "mr_aggregated", &c->mr_aggregated);
    if (c->has_log) derived(q, "mr_system", &c->mr_system);
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

/* The document of MRCONFIGID's third kind; empty without --mr-config. */
static sw_status document_read(inquiry *q, const sw_standalone *asked, sw_bytes *out,
                               sw_error *err) {
    const char *path = sw_cli_option(q->cli, "mr-config");
    if (path == NULL) return SW_OK;
    if (asked->log == NULL || asked->firmware_log)
        return sw_fail(err, SW_USAGE, "usage",
                       "--mr-config says what a log confirms, and there is none: give --log");
    SW_TRY(sw_cli_read_regular(q->cli, path, SW_CONFIG_DOCUMENT_LIMIT, out, err));
    if (out->size == 0) return sw_fail(err, SW_MALFORMED, "format", "%s is empty", path);
    return SW_OK;
}

static sw_status collateral_lacks(sw_error *err) {
    sw_status status = sw_fail(err, SW_USAGE, "usage", "a quote is judged with --collateral");
    sw_error_hint(err, "sealwright attest collateral fetch FILE --out BUNDLE brings it");
    return status;
}

/* A quote and what came with it: `given` without collateral, document, policy and time. */
static sw_status judge_quote_with(inquiry *q, const sw_standalone *given, sw_error *err) {
    sw_collateral collateral = {0};
    sw_standalone_claims claims;
    sw_standalone asked = *given;
    const char *path = sw_cli_option(q->cli, "collateral");
    if (path == NULL) return collateral_lacks(err);
    sw_check_begin(&q->checks.log, "collateral");
    SW_TRY(sw_attest_collateral_read(q->cli, path, &collateral, NULL, err));
    sw_check_held(&q->checks.log, "read; each part is judged by its own signature");
    SW_TRY(document_read(q, given, &asked.document, err));
    asked.collateral = &collateral;
    asked.policy = q->policy;
    asked.wall_ms = q->wall_ms;
    SW_TRY(sw_standalone_verify(&asked, q->verifier, &claims, err));
    SW_TRY(compose_compare(q, claims.has_log ? &claims.compose : NULL, err));
    SW_TRY(sw_attest_report_compare(q->cli, &q->checks.log, claims.quote.td.report_data, err));
    SW_TRY(values_compare(q, &claims.quote.device, &claims.mr_aggregated,
                          claims.has_log ? &claims.mr_system : NULL, err));
    quote_tell(q, &claims);
    return SW_OK;
}

static sw_status judge_quote(inquiry *q, sw_error *err) {
    sw_event_log log;
    sw_standalone asked = {.quote = q->input.bytes};
    bool there;
    SW_TRY(sw_attest_log_read(q->cli, &log, &there, &asked.firmware_log, err));
    if (there) asked.log = &log;
    return judge_quote_with(q, &asked, err);
}

static sw_status judge_dstack_quote(inquiry *q, sw_error *err) {
    sw_dstack_quote answer;
    sw_check_begin(&q->checks.log, "guest agent's answer");
    SW_TRY(sw_dstack_quote_parse(sw_cli_arena(q->cli), q->input.bytes, &answer, err));
    sw_check_held(&q->checks.log, "quote and event log of %zu events", answer.log.count);
    const sw_standalone asked = {
        .quote = answer.quote, .log = &answer.log, .vm_config = answer.vm_config};
    return judge_quote_with(q, &asked, err);
}

static sw_status judge_dstack(inquiry *q, sw_error *err) {
    sw_dstack_attestation attestation;
    sw_bytes bytes;
    sw_check_begin(&q->checks.log, "dstack attestation");
    SW_TRY(sw_attest_attestation_bytes(sw_cli_arena(q->cli), q->input.bytes, &bytes, err));
    SW_TRY(sw_dstack_attestation_parse(sw_cli_arena(q->cli), bytes, &attestation, err));
    sw_check_held(&q->checks.log, "version %u, %zu events", attestation.version,
                  attestation.log.count);
    const sw_standalone asked = {
        .quote = attestation.quote, .log = &attestation.log, .vm_config = attestation.config};
    return judge_quote_with(q, &asked, err);
}

/* ---- a certificate of dstack's RA-TLS ---- */
/* Who issued it (DSK-040 to DSK-047), where --kms-root says whose word counts. */
static sw_status issuer_judge(inquiry *q, const sw_event_log *log, sw_error *err) {
    sw_ratls_anchor root = {.of_spki = true};
    sw_ratls_chain chain = {0};
    bool there;
    SW_TRY(sw_attest_hex_option(q->cli, "kms-root", root.hash.b, sizeof root.hash.b, &there, err));
    sw_check_begin(&q->checks.log, "RA-TLS chain");
    if (!there) {
        sw_check_left(&q->checks.log,
                      "no --kms-root was given: who issued the certificate, for which names and "
                      "until when was not judged; the quote speaks for its key alone");
        return SW_OK;
    }
    SW_TRY(sw_ratls_chain_verify(sw_cli_arena(q->cli), q->input.bytes, &root, q->wall_ms, &chain,
                                 err));
    sw_check_held(&q->checks.log, "%zu certificates to the KMS root given", chain.count);
    sw_check_begin(&q->checks.log, "key provider");
    sw_status status = sw_ratls_chain_machine_check(sw_cli_arena(q->cli), &chain, log, err);
    if (status == SW_OK) sw_check_held(&q->checks.log, "the KMS root given, in the event log too");
    sw_ratls_chain_free(&chain);
    return status;
}

static sw_status first_take(void *context, sw_bytes der, sw_error *err) {
    sw_cert **first = context;
    return *first == NULL ? sw_cert_parse(der, first, err) : SW_OK;
}

/* Of several certificates the first is judged, and said to be. */
static sw_status certificate_tell(inquiry *q, sw_error *err) {
    sw_cert *first = NULL;
    char name[128], hex[2 * SW_HASH_BYTES + 1];
    sw_hash digest;
    SW_TRY(sw_pem_decode(q->input.bytes, "CERTIFICATE", 8, first_take, &first, err));
    if (sw_cert_common_name(first, name, sizeof name, NULL) != SW_OK || name[0] == 0)
        memcpy(name, "no name", sizeof "no name");
    sw_sha256(&digest, sw_cert_der(first));
    sw_cert_free(&first);
    sw_hex_text(hex, SW_BYTES_OF(digest.b));
    sw_check_held(&q->checks.log, "%s, SHA-256 %s: its key is the one in the quote", name, hex);
    fact(q, "certificate", hex);
    return SW_OK;
}

static sw_status judge_certificates(inquiry *q, sw_error *err) {
    sw_ratls_facts facts;
    sw_check_begin(&q->checks.log, "RA-TLS certificate");
    sw_status status =
        sw_attest_certificate_read(sw_cli_arena(q->cli), q->input.bytes, &facts, err);
    if (status == SW_OK) status = certificate_tell(q, err);
    if (status == SW_OK) status = issuer_judge(q, &facts.attestation.log, err);
    SW_TRY(status);
    const sw_standalone asked = {.quote = facts.attestation.quote,
                                 .log = &facts.attestation.log,
                                 .vm_config = facts.attestation.config};
    return judge_quote_with(q, &asked, err);
}

/* ---- a key that dstack derived ---- */
static sw_status judge_key(inquiry *q, sw_error *err) {
    sw_dstack_key_chain chain;
    uint8_t app_id[20];
    sw_secp256k1_public root;
    const char *text;
    bool there;
    SW_TRY(sw_cli_need(q->cli, "kms-root", &text, err));
    SW_TRY(sw_cli_need(q->cli, "app-id", &text, err));
    SW_TRY(sw_attest_hex_option(q->cli, "kms-root", root.b, sizeof root.b, &there, err));
    SW_TRY(sw_attest_hex_option(q->cli, "app-id", app_id, sizeof app_id, &there, err));
    sw_check_begin(&q->checks.log, "key's file");
    SW_TRY(sw_dstack_key_parse(sw_cli_arena(q->cli), q->input.bytes, &chain, err));
    sw_check_held_hex(&q->checks.log, chain.public_key);
    sw_check_begin(&q->checks.log, "purpose");
    bool plain = chain.purpose.size > 0 && sw_utf8_plain(chain.purpose);
    sw_check_held(&q->checks.log, "%.*s", plain ? (int)chain.purpose.size : 1,
                  plain ? (const char *)chain.purpose.data : "?");
    sw_check_begin(&q->checks.log, "signature chain");
    SW_TRY(sw_dstack_key_verify(&chain, app_id, &root, err));
    sw_check_held(&q->checks.log, "this app's key for this purpose, under the KMS root given");
    fact_hex(q, "public_key", chain.public_key);
    sw_json_add_text(sw_cli_arena(q->cli), q->facts, "purpose", chain.purpose);
    fact_hex(q, "app_id", SW_BYTES_OF(app_id));
    return SW_OK;
}

/* ---- GPUs ---- */
/* Without a policy: NVIDIA's roots, and the ages that a policy has that names none. */
static sw_gpu_policy makers_policy(void) {
    return (sw_gpu_policy){.device_root = sw_nvidia_device_root, .rim_root = sw_nvidia_rim_root};
}

/* The roots of what a policy says of GPUs; one of none has no roots to judge by. */
static sw_status gpu_policy_of(inquiry *q, const sw_gpu_policy *makers, const sw_gpu_policy **out,
                               sw_error *err) {
    *out = q->policy == NULL ? makers : &q->policy->gpu;
    if (q->policy == NULL || q->policy->gpu.count > 0) return SW_OK;
    sw_check_begin(&q->checks.log, "policy: GPUs");
    return sw_fail(err, SW_REFUSED, "policy", "the machine policy says none");
}

static sw_status files_read(sw_cli *cli, const char *option, size_t limit, size_t most,
                            sw_bytes *out, size_t *count, sw_error *err) {
    const char *const *paths = sw_cli_list(cli, option, count);
    if (*count > most)
        return sw_fail(err, SW_USAGE, "usage", "--%s is given more than %zu times", option, most);
    for (size_t i = 0; i < *count; i++)
        SW_TRY(sw_cli_read_regular(cli, paths[i], limit, &out[i], err));
    return SW_OK;
}

/* XML, or NVIDIA's answer with the XML inside, as its service sends it. */
static sw_status rim_read(sw_cli *cli, sw_bytes *rim, sw_error *err) {
    if (sw_bytes_starts(*rim, SW_LITERAL("{")))
        SW_TRY(sw_rim_answer_parse(sw_cli_arena(cli), *rim, NULL, rim, err));
    if (rim->size <= SW_RIM_LIMIT) return SW_OK;
    return sw_fail(err, SW_LIMIT, "limit", "a manifest has more than %zu bytes", SW_RIM_LIMIT);
}

static sw_status rims_read(sw_cli *cli, sw_bytes rims[SW_GPU_RIM_COUNT], size_t *count,
                           sw_error *err) {
    SW_TRY(files_read(cli, "rim", 2 * SW_RIM_LIMIT, SW_GPU_RIM_COUNT, rims, count, err));
    for (size_t i = 0, given; i < *count; i++) {
        sw_status status = rim_read(cli, &rims[i], err);
        if (status != SW_OK) sw_error_prefix(err, "%s", sw_cli_list(cli, "rim", &given)[i]);
        SW_TRY(status);
    }
    return SW_OK;
}

static sw_status gpu_after(inquiry *q, const sw_gpu_policy *policy, const sw_gpu_claims *claims,
                           size_t count, sw_error *err) {
    SW_TRY(compose_compare(q, NULL, err));
    SW_TRY(sw_attest_nonce_compare(q->cli, &q->checks.log, claims, count, err));
    SW_TRY(q->policy == NULL
               ? sw_gpu_default_check(claims, count, q->wall_ms, &q->checks.log, err)
               : sw_gpu_policy_check(policy, claims, count, q->wall_ms, &q->checks.log, err));
    return SW_OK;
}

/* What a bundle holds for GPUs, where nothing was given one by one: of two sets neither may be
 * passed over. */
static sw_status bundle_add(inquiry *q, const char *path, sw_gpu_collateral *c, sw_error *err) {
    sw_collateral of_quote = {0};
    sw_gpu_collateral of_gpus = {0};
    if (c->rim_count + c->ocsp_count > 0)
        return sw_fail(err, SW_USAGE, "usage",
                       "a bundle holds manifests and OCSP answers: give --rim and --ocsp, or "
                       "--collateral");
    sw_check_begin(&q->checks.log, "collateral");
    SW_TRY(sw_attest_collateral_read(q->cli, path, &of_quote, &of_gpus, err));
    if (of_gpus.rim_count + of_gpus.ocsp_count == 0)
        return sw_fail(err, SW_MALFORMED, "format", "%s holds nothing for GPUs", path);
    sw_check_held(&q->checks.log, "read; each part is judged by its own signature");
    *c = of_gpus;
    return SW_OK;
}

/* When all of them hold. */
static void gpus_window(inquiry *q, const sw_gpu_claims *claims, size_t count) {
    int64_t from_ms = claims[0].valid_from_ms, until_ms = claims[0].valid_until_ms;
    for (size_t i = 1; i < count; i++) {
        if (claims[i].valid_from_ms > from_ms) from_ms = claims[i].valid_from_ms;
        if (claims[i].valid_until_ms < until_ms) until_ms = claims[i].valid_until_ms;
    }
    facts_window(q, from_ms, until_ms);
}

static sw_status judge_gpus(inquiry *q, const sw_gpu_device *devices, size_t count, sw_error *err) {
    static sw_gpu_claims claims[SW_GPU_LIMIT];
    sw_bytes rims[SW_GPU_RIM_COUNT], ocsp[SW_GPU_OCSP_COUNT];
    sw_gpu_collateral c = {.rims = rims, .ocsp = ocsp};
    const char *bundle = sw_cli_option(q->cli, "collateral");
    const sw_gpu_policy makers = makers_policy(), *policy;
    SW_TRY(gpu_policy_of(q, &makers, &policy, err));
    SW_TRY(rims_read(q->cli, rims, &c.rim_count, err));
    SW_TRY(files_read(q->cli, "ocsp", SW_OCSP_LIMIT, SW_GPU_OCSP_COUNT, ocsp, &c.ocsp_count, err));
    if (bundle != NULL) SW_TRY(bundle_add(q, bundle, &c, err));
    SW_TRY(sw_gpu_verify(devices, count, &c, policy, q->wall_ms, &q->checks.log, claims, err));
    gpu_tell(q, claims, count);
    gpus_window(q, claims, count);
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
    SW_TRY(sw_attest_chain_read(q->cli, &device.chain, err));
    return judge_gpus(q, &device, 1, err);
}

static sw_status judge_rim(inquiry *q, sw_error *err) {
    sw_rim rim = {0};
    const sw_gpu_policy makers = makers_policy(), *policy;
    SW_TRY(gpu_policy_of(q, &makers, &policy, err));
    sw_check_begin(&q->checks.log, "reference manifest");
    SW_TRY(sw_rim_verify(q->input.bytes, &policy->rim_root, q->wall_ms, &rim, err));
    sw_check_held(&q->checks.log, "%s, %zu active measurements", rim.version, rim.active_count);
    fact(q, "version", rim.version);
    facts_window(q, rim.valid_from_ms, rim.valid_until_ms);
    facts_simulated(q, !sw_hash_equal(&rim.anchor, &sw_nvidia_rim_root));
    const sw_gpu_claims age = {.ocsp_from_ms = INT64_MAX, .rim_from_ms = rim.signer_from_ms};
    sw_rim_free(&rim);
    SW_TRY(compose_compare(q, NULL, err));
    return sw_gpu_age_check(policy, &age, 1, q->wall_ms, &q->checks.log, err);
}

/* ---- by kind ---- */
static sw_status judge_none(inquiry *q, sw_error *err) {
    sw_status status = sw_fail(err, SW_USAGE, "usage", "%s proves nothing by itself",
                               sw_attest_kind_name(q->input.kind));
    sw_error_hint(err, q->input.kind == SW_ATTEST_RUN
                           ? "sealwright verify judges the run with its manifest"
                           : "verify the evidence that it belongs to; attest explain shows what is "
                             "in it");
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
    case SW_ATTEST_KEY:
        return judge_key;
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
    if (policy != NULL) SW_TRY(sw_attest_policy_read(q->cli, policy, &q->given, err));
    q->policy = policy == NULL ? NULL : &q->given.policy;
    sw_status status = sw_attest_input_read(q->cli, sw_cli_argument(q->cli, 0), &q->input, err);
    if (status != SW_OK) sw_check_begin(&q->checks.log, "file");
    SW_TRY(status);
    fact(q, "kind", sw_attest_kind_name(q->input.kind));
    judge by_kind = judge_of(q->input.kind);
    if (by_kind != judge_none) SW_TRY(sw_attest_options_check(q->cli, q->input.kind, err));
    return by_kind(q, err);
}

static bool says_any(const sw_error *err, const char *const *texts, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strstr(err->message, texts[i]) != NULL) return true;
    return false;
}

/* Evidence of the past is judged at its own time, and what a verifier lacks can be had: both are
 * said where they are missed. */
static void hint_add(const sw_cli *cli, sw_attest_kind kind, sw_error *err) {
    static const char *const dated[] = {"no longer valid",  "not valid yet",       "is out of date",
                                        "is of the future", "older than accepted", "has expired",
                                        "not yet valid"}; /* the last two are OpenSSL's */
    static const char *const lacking[] = {" is missing", "holds nothing for GPUs"};
    bool gpus = kind == SW_ATTEST_GPU_LIST || kind == SW_ATTEST_GPU_REPORT;
    if (sw_cli_option(cli, "time") == NULL && says_any(err, dated, sizeof dated / sizeof *dated))
        sw_error_hint(err, kind == SW_ATTEST_RIM
                               ? "--time judges at a time in the past"
                               : "--time judges at a time in the past; attest collateral fetch "
                                 "brings what is valid now");
    if (gpus && says_any(err, lacking, sizeof lacking / sizeof *lacking))
        sw_error_hint(err, "attest collateral fetch brings manifests and OCSP answers");
}

static sw_status attest_verify(sw_cli *cli, sw_error *err) {
    inquiry q = {.cli = cli, .facts = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT)};
    sw_checks_open(&q.checks, cli);
    SW_TRY(sw_verifier_open(&q.checks.log, &q.verifier, err));
    sw_status status = inquire(&q, err);
    sw_verifier_close(&q.verifier);
    if (status != SW_OK) hint_add(cli, q.input.kind, err);
    return sw_checks_close(&q.checks, q.facts, status, err);
}

static const sw_option verify_options[] = {
    {"policy", SW_OPTION_VALUE, "FILE", "the machine policy, or a KMS reference, as JSON"},
    {"time", SW_OPTION_VALUE, "TIME", "judge at this time, 2026-11-23T04:21:32Z; default now"},
    {"collateral", SW_OPTION_VALUE, "PLACE",
     "of a quote or of GPUs: a bundle, dcap-qvl's file, or a folder with a quote's parts"},
    {"report-data", SW_OPTION_VALUE, "HEX", "what the quote's 64 bytes of report data must be"},
    {"log", SW_OPTION_VALUE, "FILE", "of a bare quote: dstack's event log, JSON"},
    {"ccel", SW_OPTION_VALUE, "FILE", "of a bare quote: the firmware's event log (ACPI's CCEL)"},
    {"mr-config", SW_OPTION_VALUE, "FILE", "the document that MRCONFIGID commits to"},
    {"device", SW_OPTION_VALUE, "HEX", "what the machine's device must be: SHA-256 of its PPID"},
    {"mr-aggregated", SW_OPTION_VALUE, "HEX", "what dstack's mr_aggregated must be"},
    {"mr-system", SW_OPTION_VALUE, "HEX", "what dstack's mr_system must be; needs an event log"},
    {"kms-root", SW_OPTION_VALUE, "HEX",
     "of an RA-TLS certificate: SHA-256 of its root's SubjectPublicKeyInfo; of a key: the root"},
    {"app-id", SW_OPTION_VALUE, "HEX", "of a key's signature chain: the app's id"},
    {"chain", SW_OPTION_VALUE, "FILE", "of a GPU report: its certificates, PEM"},
    {"rim", SW_OPTION_LIST, "FILE",
     "a reference manifest for the GPUs: XML, or the service's answer; may be given again"},
    {"ocsp", SW_OPTION_LIST, "FILE", "an OCSP answer for their chains; may be given again"},
    {"nonce", SW_OPTION_VALUE, "HEX", "the 32 bytes that every GPU must have answered"},
    {0},
};

const sw_command sw_commands_attest[] = {
    {"attest verify", "FILE", "judge evidence, one line a check",
     "FILE is evidence with a machine policy; or a TDX quote, a dstack answer, attestation or\n"
     "RA-TLS certificate, with --collateral; or GPU evidence, with --collateral or --rim; or the\n"
     "signature chain of a key that dstack derived, with --kms-root and --app-id. FILE in\n"
     "hexadecimal or base64 counts as the bytes that it stands for. Without a policy Intel's\n"
     "and NVIDIA's roots are the anchors, UpToDate alone is taken, and nothing is compared with\n"
     "an image.\n"
     "--collateral takes a bundle of attest collateral fetch, dcap-qvl's collateral, or a folder\n"
     "with tcb_info.json, qe_identity.json, tcb_signing_chain.pem, pck_crl.der and\n"
     "root_ca_crl.der. A policy is the member `machine` of recipe show --json, by itself, or what\n"
     "sim show --json prints (docs/formats/evidence.md, EVD-060). A line is ok, LEFT for a check\n"
     "that could not be made and on which the verdict does not rest, or FAILED; HOLDS is the last\n"
     "one where none failed. A freshness check needs the exchange that the evidence was made for:\n"
     "--report-data and --nonce say what it asked. Exit 1 names the first check that failed.",
     1, 1, verify_options, attest_verify},
    {0},
};
