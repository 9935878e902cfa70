/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests and OCSP answers for a set of NVIDIA devices (MCH-064 to MCH-069, MCH-124).
 *
 * What to ask for stands in the devices' reports and chains: names are looked at before they go
 * into an address or a file's name, chain and signature before anybody is asked. Manifests are
 * verified to the RIM root, answers to the certificate's issuer, before they are kept; whether a
 * certificate is revoked is the verifier's to judge. Each manifest and each certificate is asked
 * for once.
 */
#include "attest/gpu_internal.h"
#include "codec/text.h"
#include "machine/collateral_internal.h"

#include <stdio.h>
#include <string.h>

#define RIM_ANSWER_LIMIT (2 * SW_RIM_LIMIT) /* base64 and JSON around a manifest */
#define NAME_LIMIT       128

typedef struct errand {
    const sw_collateral_source *s;
    sw_arena *a;
    const sw_hash *device_root, *rim_root;
    const char *rim_base, *ocsp_base;
    int64_t wall_ms;
    int64_t ocsp_age_ms, rim_age_ms; /* the greatest */
    int64_t until_ms;                /* of all that is had so far */
    size_t rim_count, ocsp_count;
    char names[SW_GPU_RIM_COUNT][NAME_LIMIT];
    sw_bytes rims[SW_GPU_RIM_COUNT];
    sw_hash asked[SW_GPU_OCSP_COUNT]; /* SHA-256 of the certificate */
    sw_bytes ocsp[SW_GPU_OCSP_COUNT];
} errand;

static sw_status offline(const errand *e, const char *what, sw_status status, sw_error *err) {
    if (!e->s->offline) return SW_OK;
    sw_error_prefix(err, "the cache holds no %s", what);
    sw_error_hint(err, "fetch it once without --offline");
    return status;
}

/* What a verifier would refuse for its age, although it holds (GPU-087, GPU-088). */
static sw_status age_check(const errand *e, int64_t from_ms, int64_t most_ms, sw_error *err) {
    if (e->wall_ms - from_ms <= most_ms) return SW_OK;
    return sw_fail(err, SW_REFUSED, "policy", "it is older than the machine policy accepts");
}

static void until_lower(errand *e, int64_t until_ms) {
    if (until_ms < e->until_ms) e->until_ms = until_ms;
}

/* ---- OCSP ---- */
static sw_status ocsp_judge(errand *e, sw_bytes answer, const sw_cert *cert, const sw_cert *issuer,
                            sw_error *err) {
    sw_ocsp_verdict verdict;
    SW_TRY(sw_ocsp_verify(answer, cert, issuer, e->wall_ms, &verdict, err));
    SW_TRY(age_check(e, verdict.this_update_ms, e->ocsp_age_ms, err));
    until_lower(e, verdict.valid_until_ms);
    until_lower(e, verdict.this_update_ms + e->ocsp_age_ms);
    return SW_OK;
}

static sw_status ocsp_service(errand *e, const sw_cert *cert, const sw_cert *issuer, sw_bytes *out,
                              sw_error *err) {
    SW_SCOPED(sw_buffer) url = SW_BUFFER(SW_SOURCE_URL_BYTES);
    SW_SCOPED(sw_buffer) request = SW_BUFFER(SW_OCSP_LIMIT);
    SW_SCOPED(sw_fetch_reply) reply = {0};
    sw_put_format(&url, "%s/", e->ocsp_base);
    SW_TRY(sw_source_url(&url, err));
    SW_TRY(sw_ocsp_request(cert, issuer, &request, err));
    const sw_source_question q = {.url = (const char *)url.data,
                                  .content_type = "application/ocsp-request",
                                  .body = sw_buffer_bytes(&request),
                                  .body_limit = SW_OCSP_LIMIT};
    SW_TRY(sw_source_ask(e->s, &q, &reply, err));
    sw_status status = ocsp_judge(e, sw_buffer_bytes(&reply.body), cert, issuer, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "%s", q.url);
        return status;
    }
    *out = sw_arena_copy(e->a, sw_buffer_bytes(&reply.body));
    return out->data != NULL ? SW_OK
                             : sw_fail(err, SW_MEMORY, "memory", "no memory for an OCSP answer");
}

static sw_status ocsp_fetch(errand *e, const sw_hash *digest, const sw_cert *cert,
                            const sw_cert *issuer, sw_bytes *out, sw_error *err) {
    char hex[2 * SW_HASH_BYTES + 1], name[NAME_LIMIT];
    sw_hex_text(hex, SW_BYTES_OF(digest->b));
    (void)snprintf(name, sizeof name, "ocsp-%s.der", hex);
    sw_status status = sw_source_cached(e->s, e->a, name, SW_OCSP_LIMIT, out, err);
    if (status == SW_OK) status = ocsp_judge(e, *out, cert, issuer, err);
    if (status == SW_OK) return SW_OK;
    SW_TRY(offline(e, "OCSP answer for a certificate of the devices", status, err));
    SW_TRY(ocsp_service(e, cert, issuer, out, err));
    return sw_source_keep(e->s, name, *out, err);
}

static sw_status ocsp_need(errand *e, const sw_cert *cert, const sw_cert *issuer, sw_error *err) {
    sw_hash digest;
    sw_sha256(&digest, sw_cert_der(cert));
    for (size_t i = 0; i < e->ocsp_count; i++)
        if (sw_hash_equal(&e->asked[i], &digest)) return SW_OK;
    if (e->ocsp_count == SW_GPU_OCSP_COUNT)
        return sw_fail(err, SW_LIMIT, "limit", "the devices have more than %d certificates",
                       SW_GPU_OCSP_COUNT);
    SW_TRY(ocsp_fetch(e, &digest, cert, issuer, &e->ocsp[e->ocsp_count], err));
    e->asked[e->ocsp_count++] = digest;
    return SW_OK;
}

/* From certificate `first` up to the one below the root. */
static sw_status chain_need(errand *e, sw_cert *const *chain, size_t count, size_t first,
                            sw_error *err) {
    for (size_t i = first; i + 1 < count; i++) SW_TRY(ocsp_need(e, chain[i], chain[i + 1], err));
    return SW_OK;
}

/* ---- manifests ---- */
sw_status sw_rim_answer_parse(sw_arena *a, sw_bytes json, const char *name, sw_bytes *xml,
                              sw_error *err) {
    const sw_json_limits limits = {.bytes = RIM_ANSWER_LIMIT, .depth = 4, .nodes = 64};
    SW_SCOPED(sw_buffer) decoded = SW_BUFFER(SW_RIM_LIMIT);
    sw_json *root;
    sw_bytes id, text;
    SW_TRY(sw_json_parse(a, json, &limits, &root, err));
    SW_TRY(sw_json_text(root, "manifest", "id", &id, err));
    SW_TRY(sw_json_text(root, "manifest", "rim", &text, err));
    if (name != NULL && !sw_bytes_is(id, name))
        return sw_fail(err, SW_REFUSED, "evidence", "the manifest is another than %s", name);
    SW_TRY(sw_base64_decode(&decoded, text, err));
    if (decoded.size == 0) return sw_fail(err, SW_MALFORMED, "format", "the manifest is empty");
    *xml = sw_arena_copy(a, sw_buffer_bytes(&decoded));
    return xml->data != NULL ? SW_OK
                             : sw_fail(err, SW_MEMORY, "memory", "no memory for a manifest");
}

static sw_status rim_service(const errand *e, const char *name, sw_bytes *out, sw_error *err) {
    SW_SCOPED(sw_buffer) url = SW_BUFFER(SW_SOURCE_URL_BYTES);
    SW_SCOPED(sw_fetch_reply) reply = {0};
    sw_put_format(&url, "%s/v1/rim/%s", e->rim_base, name);
    SW_TRY(sw_source_url(&url, err));
    const sw_source_question q = {.url = (const char *)url.data, .body_limit = RIM_ANSWER_LIMIT};
    SW_TRY(sw_source_ask(e->s, &q, &reply, err));
    sw_bytes body = sw_arena_copy(e->a, sw_buffer_bytes(&reply.body));
    sw_status status = sw_rim_answer_parse(e->a, body, name, out, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", q.url);
    return status;
}

static sw_status rim_judge(errand *e, sw_bytes xml, sw_rim *rim, sw_error *err) {
    SW_TRY(sw_rim_verify(xml, e->rim_root, e->wall_ms, rim, err));
    sw_status status = age_check(e, rim->signer_from_ms, e->rim_age_ms, err);
    if (status != SW_OK) {
        sw_rim_free(rim);
        return status;
    }
    until_lower(e, rim->valid_until_ms);
    until_lower(e, rim->signer_from_ms + e->rim_age_ms);
    return SW_OK;
}

/* Gives the chain with it: whoever frees `rim` may ask about its certificates first. */
static sw_status rim_fetch(errand *e, const char *name, sw_rim *rim, sw_bytes *xml, sw_error *err) {
    char file[NAME_LIMIT + 16];
    (void)snprintf(file, sizeof file, "rim-%s.xml", name);
    sw_status status = sw_source_cached(e->s, e->a, file, SW_RIM_LIMIT, xml, err);
    if (status == SW_OK) status = rim_judge(e, *xml, rim, err);
    if (status == SW_OK) return SW_OK;
    SW_TRY(offline(e, name, status, err));
    SW_TRY(rim_service(e, name, xml, err));
    status = rim_judge(e, *xml, rim, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "%s", name);
        return status;
    }
    status = sw_source_keep(e->s, file, *xml, err);
    if (status != SW_OK) sw_rim_free(rim);
    return status;
}

/* It goes into an address and into a file's name. */
static bool name_good(const char *name) {
    for (const char *c = name; *c != 0; c++)
        if (!((*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') ||
              (strchr("_-.", *c) != NULL && c != name)))
            return false;
    return name[0] != 0;
}

static sw_status name_check(const char *name, sw_error *err) {
    if (name[0] == 0 || name_good(name)) return SW_OK; /* a switch has no driver */
    return sw_fail(err, SW_REFUSED, "evidence",
                   "the device's versions name no manifest that could be asked for");
}

static sw_status rim_need(errand *e, const char *name, sw_error *err) {
    if (name[0] == 0) return SW_OK;
    for (size_t i = 0; i < e->rim_count; i++)
        if (strcmp(e->names[i], name) == 0) return SW_OK;
    if (e->rim_count == SW_GPU_RIM_COUNT)
        return sw_fail(err, SW_LIMIT, "limit", "the devices need more than %d manifests",
                       SW_GPU_RIM_COUNT);
    sw_rim *rim = SW_ARENA_NEW(e->a, sw_rim, 1);
    if (rim == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a manifest");
    SW_TRY(rim_fetch(e, name, rim, &e->rims[e->rim_count], err));
    sw_status status = chain_need(e, rim->chain, rim->chain_count, 0, err);
    sw_rim_free(rim);
    (void)snprintf(e->names[e->rim_count++], NAME_LIMIT, "%s", name);
    return status;
}

/* ---- devices ---- */
/* Nothing is asked for evidence that does not hold: its chain to the device root, its signature. */
static sw_status device_check(errand *e, const sw_gpu_report *report, const sw_gpu_chain *chain,
                              sw_error *err) {
    sw_window window = {e->wall_ms, INT64_MIN, e->until_ms};
    SW_TRY(sw_gpu_chain_check(chain, e->device_root, &window, err));
    SW_TRY(sw_gpu_chain_link(chain, NULL, e->wall_ms, err));
    e->until_ms = window.until_ms;
    if (sw_p384_verify_raw(&chain->key, report->signed_part, report->signature, NULL) == SW_OK)
        return SW_OK;
    return sw_fail(err, SW_REFUSED, "evidence", "the signature over the device's report is wrong");
}

static sw_status device_ask(errand *e, const sw_gpu_report *report, const sw_gpu_chain *chain,
                            sw_error *err) {
    char driver[NAME_LIMIT], vbios[NAME_LIMIT];
    sw_gpu_rim_names(report, driver, vbios);
    SW_TRY(name_check(driver, err));
    SW_TRY(name_check(vbios, err));
    SW_TRY(device_check(e, report, chain, err));
    SW_TRY(rim_need(e, driver, err));
    SW_TRY(rim_need(e, vbios, err));
    /* A leaf has no record at its maker. */
    return chain_need(e, chain->certs, chain->count, 1, err);
}

static sw_status device_need(errand *e, const sw_gpu_device *device, sw_error *err) {
    sw_gpu_report report;
    sw_gpu_chain chain;
    SW_TRY(sw_gpu_report_parse(device->report, &report, err));
    SW_TRY(sw_gpu_chain_parse(device->chain, NULL, &chain, err));
    sw_status status = device_ask(e, &report, &chain, err);
    sw_gpu_chain_free(&chain);
    return status;
}

static sw_status devices_need(errand *e, const sw_gpu_device *devices, size_t count,
                              sw_error *err) {
    if (count > SW_GPU_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "there are more than %d devices", SW_GPU_LIMIT);
    for (size_t i = 0; i < count; i++) {
        sw_status status = device_need(e, &devices[i], err);
        if (status == SW_OK) continue;
        sw_error_prefix(err, "NVIDIA device %zu", i);
        return status;
    }
    return SW_OK;
}

sw_status sw_gpu_collateral_fetch(const sw_collateral_source *s, sw_arena *a,
                                  const sw_gpu_device *devices, size_t count,
                                  sw_gpu_collateral *out, int64_t *until_ms, sw_error *err) {
    errand *e = SW_ARENA_NEW(a, errand, 1);
    if (e == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for collateral");
    e->s = s;
    e->a = a;
    e->device_root = s->anchors == NULL ? &sw_nvidia_device_root : &s->anchors->gpu.device_root;
    e->rim_root = s->anchors == NULL ? &sw_nvidia_rim_root : &s->anchors->gpu.rim_root;
    e->wall_ms = s->clock.wall_ms(s->clock.context);
    const sw_gpu_policy ages = {.ocsp_max_age_ms = s->ocsp_max_age_ms,
                                .rim_max_age_ms = s->rim_max_age_ms};
    e->ocsp_age_ms = sw_gpu_ocsp_max_age_ms(&ages);
    e->rim_age_ms = sw_gpu_rim_max_age_ms(&ages);
    e->until_ms = INT64_MAX;
    SW_TRY(sw_source_base(a, s->rim_url, SW_RIM_URL, &e->rim_base, err));
    SW_TRY(sw_source_base(a, s->ocsp_url, SW_OCSP_URL, &e->ocsp_base, err));
    SW_TRY(devices_need(e, devices, count, err));
    *out = (sw_gpu_collateral){
        .rims = e->rims, .rim_count = e->rim_count, .ocsp = e->ocsp, .ocsp_count = e->ocsp_count};
    if (until_ms != NULL) *until_ms = e->until_ms;
    return SW_OK;
}
