/* SPDX-License-Identifier: Apache-2.0
 *
 * Device by device, then the set (GPU-040 to GPU-044). Nothing is optional: there is no call that
 * leaves out a part. Manifests are shared by the devices of one call and verified once, and so are
 * the signatures of certificates that the first device's chain and another's have in common.
 *
 * What costs is signatures. Each is judged once and its outcome is kept: ahead, on a pool's threads
 * (gpu_ahead.c), or when the verdict comes to it. The verdict goes through the outcomes in order,
 * so what a watcher sees and which failure is named are the same with any number of threads.
 */
#include "attest/gpu_internal.h"

#include <string.h>

static void judgement_close(sw_gpu_judgement *j) {
    for (size_t i = 0; i < SW_GPU_LIMIT; i++) sw_gpu_chain_free(&j->devices[i].chain);
    sw_gpu_manifests_free(&j->manifests);
    sw_gpu_answers_free(&j->answers);
    for (size_t i = 0; i < SW_GPU_LIMIT; i++) sw_cert_cache_free(&j->lanes[i]);
}

sw_status sw_gpu_outcome_take(const sw_gpu_outcome *o, sw_error *err) {
    if (o->status != SW_OK && err != NULL) *err = o->err;
    return o->status;
}

/* ---- one device ---- */
/* "GPU 3": how a value and a refusal name the device. */
#define DEVICE_FORMAT           "%s %zu"
#define DEVICE_VALUES(d, place) ((d)->report.is_switch ? "switch" : "GPU"), (place)

/* Drivers 535 and 545 write no firmware id into their reports, and neither do switches; the leaf
 * has one all the same, and its key can only be had by that firmware. */
static bool fwid_excused(const sw_gpu_report *r) {
    return r->is_switch || strncmp(r->driver, "535.", 4) == 0 || strncmp(r->driver, "545.", 4) == 0;
}

static sw_status fwid_check(const sw_gpu_judged *d, sw_error *err) {
    if (!d->report.has_fwid && !fwid_excused(&d->report))
        return REFUSE(err, "the report of driver %s has no firmware id", d->report.driver);
    if (d->report.has_fwid && memcmp(d->report.fwid, d->chain.fwid, sizeof d->chain.fwid) != 0)
        return REFUSE(err, "the report's firmware id is not the leaf certificate's");
    return SW_OK;
}

/* ---- outcomes, each made once ---- */
static sw_status chain_parse(sw_gpu_judgement *j, size_t place, size_t lane, sw_error *err) {
    const sw_gpu_known *known = j->collateral->known;
    sw_gpu_chain *chain = &j->devices[place].chain;
    sw_cert_cache *own = lane < SW_GPU_LIMIT ? &j->lanes[lane] : NULL;
    bool seen = known != NULL && known->held[place] != NULL;
    if (seen && sw_gpu_chain_reuse(known->held[place], j->evidence[place].chain, chain))
        return SW_OK;
    SW_TRY(sw_gpu_chain_parse(j->evidence[place].chain, seen ? &known->chains[place] : own, chain,
                              err));
    for (size_t i = 2; i < SW_GPU_CHAIN_COUNT; i++) sw_cert_cache_keep(own, chain->certs[i]);
    return SW_OK;
}

void sw_gpu_device_parse(sw_gpu_judgement *j, size_t place, size_t lane) {
    sw_gpu_judged *d = &j->devices[place];
    if (d->read.made) return;
    d->read.made = true;
    d->read.status = sw_gpu_report_parse(j->evidence[place].report, &d->report, &d->read.err);
    if (d->read.status != SW_OK) return;
    d->parsed.made = true;
    d->parsed.status = chain_parse(j, place, lane, &d->parsed.err);
}

/* Of the first device the whole path. When that fails nobody asks for another device's. What the
 * signatures of a known chain say is known as well (GPU-043). */
static sw_status path_verify(const sw_gpu_judgement *j, size_t place, sw_gpu_judged *d,
                             sw_error *err) {
    const sw_gpu_known *known = j->collateral->known;
    const sw_gpu_chain *held = place == 0 ? NULL : &j->devices[0].chain;
    SW_TRY(sw_gpu_chain_check(&d->chain, &j->policy->device_root, &d->window, err));
    bool seen = known != NULL && known->held[place] != NULL;
    if (seen && sw_hash_equal(&known->held[place]->id, &d->chain.id)) return SW_OK;
    return sw_gpu_chain_link(&d->chain, held, d->window.wall_ms, err);
}

void sw_gpu_device_path(sw_gpu_judgement *j, size_t place) {
    sw_gpu_judged *d = &j->devices[place];
    if (d->path.made) return;
    d->path.status = path_verify(j, place, d, &d->path.err);
    d->path.made = true;
}

void sw_gpu_device_signature(sw_gpu_judgement *j, size_t place) {
    sw_gpu_judged *d = &j->devices[place];
    if (d->signature.made) return;
    d->signature.status = sw_p384_verify_raw(&d->chain.key, d->report.signed_part,
                                             d->report.signature, &d->signature.err);
    d->signature.made = true;
}

/* ---- one device ---- */
static sw_status chain_take(sw_gpu_judgement *j, size_t place, sw_gpu_judged *d, sw_error *err) {
    SW_TRY(sw_gpu_outcome_take(&d->parsed, err));
    sw_gpu_device_path(j, place);
    return sw_gpu_outcome_take(&d->path, err);
}

static sw_status signature_take(sw_gpu_judgement *j, size_t place, sw_gpu_judged *d,
                                sw_error *err) {
    sw_gpu_device_signature(j, place);
    if (d->signature.status == SW_UNAUTHENTIC || d->signature.status == SW_MALFORMED)
        return REFUSE(err, "the report's signature does not hold");
    return sw_gpu_outcome_take(&d->signature, err);
}

static sw_status identity_verify(sw_gpu_judgement *j, size_t place, sw_gpu_judged *d,
                                 sw_error *err) {
    sw_check_begin(j->log, "GPU report");
    sw_gpu_device_parse(j, place, 0);
    SW_TRY(sw_gpu_outcome_take(&d->read, err));
    sw_check_held(j->log, DEVICE_FORMAT ": %zu measurements, driver %s, VBIOS %s",
                  DEVICE_VALUES(d, place), d->report.block_count,
                  d->report.is_switch ? "none" : d->report.driver, d->report.vbios);
    sw_check_begin(j->log, "GPU chain");
    SW_TRY(chain_take(j, place, d, err));
    sw_check_held(j->log, DEVICE_FORMAT ": %s", DEVICE_VALUES(d, place), d->chain.model);
    sw_check_begin(j->log, "GPU firmware id");
    SW_TRY(fwid_check(d, err));
    sw_check_held(j->log, DEVICE_FORMAT ": %s", DEVICE_VALUES(d, place),
                  d->report.has_fwid ? "the leaf's" : "not in reports of this kind");
    sw_check_begin(j->log, "GPU signature");
    SW_TRY(signature_take(j, place, d, err));
    sw_check_held(j->log, DEVICE_FORMAT ": over %zu bytes", DEVICE_VALUES(d, place),
                  d->report.signed_part.size);
    return SW_OK;
}

static sw_status manifest_take(sw_gpu_judgement *j, size_t place, sw_rim_kind kind,
                               sw_gpu_judged *d, sw_error *err) {
    const char *what = kind == SW_RIM_DRIVER ? "driver manifest" : "VBIOS manifest";
    const sw_rim *found;
    sw_check_begin(j->log, kind == SW_RIM_DRIVER ? "GPU driver manifest" : "GPU VBIOS manifest");
    SW_TRY(sw_gpu_manifests_verify(&j->manifests, err));
    SW_TRY(sw_gpu_manifest_find(&j->manifests, &d->report, d->chain.model, kind, &found, err));
    SW_TRY(sw_window_narrow(&d->window, what, found->valid_from_ms, found->valid_until_ms, err));
    *(kind == SW_RIM_DRIVER ? &d->driver : &d->vbios) = found;
    sw_check_held(j->log, DEVICE_FORMAT ": %s", DEVICE_VALUES(d, place), found->version);
    return SW_OK;
}

static sw_status firmware_verify(sw_gpu_judgement *j, size_t place, sw_gpu_judged *d,
                                 sw_error *err) {
    size_t compared = 0;
    if (!d->report.is_switch) SW_TRY(manifest_take(j, place, SW_RIM_DRIVER, d, err));
    SW_TRY(manifest_take(j, place, SW_RIM_VBIOS, d, err));
    sw_check_begin(j->log, "GPU measurements");
    SW_TRY(sw_gpu_measure(&d->report, d->driver, d->vbios, &compared, err));
    sw_check_held(j->log, DEVICE_FORMAT ": %zu are the manifests'", DEVICE_VALUES(d, place),
                  compared);
    sw_check_begin(j->log, "GPU revocation");
    SW_TRY(sw_gpu_revocation(&j->answers, d, err));
    if (d->revocation_checked)
        sw_check_held(j->log, DEVICE_FORMAT ": good", DEVICE_VALUES(d, place));
    else
        sw_check_left(j->log, "not checked: answers are missing");
    return SW_OK;
}

static sw_status device_verify(sw_gpu_judgement *j, size_t place, sw_error *err) {
    sw_gpu_judged *d = &j->devices[place];
    sw_status status = identity_verify(j, place, d, err);
    if (status == SW_OK) status = firmware_verify(j, place, d, err);
    if (status != SW_OK) sw_error_prefix(err, DEVICE_FORMAT, DEVICE_VALUES(d, place));
    return status;
}

/* ---- all of them ---- */
/* A switch has no driver. */
static int64_t oldest_signer(const sw_gpu_judged *d) {
    int64_t vbios = d->vbios->signer_from_ms;
    return d->driver == NULL || vbios < d->driver->signer_from_ms ? vbios
                                                                  : d->driver->signer_from_ms;
}

static void claims_take(const sw_gpu_judged *d, sw_gpu_claims *out) {
    *out = (sw_gpu_claims){.serial = d->chain.serial,
                           .is_switch = d->report.is_switch,
                           .feature = d->report.feature,
                           .revocation_checked = d->revocation_checked,
                           .valid_from_ms = d->window.from_ms,
                           .valid_until_ms = d->window.until_ms,
                           .ocsp_from_ms = d->ocsp_from_ms,
                           .rim_from_ms = oldest_signer(d)};
    memcpy(out->model, d->chain.model, sizeof out->model);
    memcpy(out->driver, d->report.driver, sizeof out->driver);
    memcpy(out->vbios, d->report.vbios, sizeof out->vbios);
    memcpy(out->nonce, d->report.nonce, sizeof out->nonce);
}

static sw_status judge(sw_gpu_judgement *j, sw_error *err) {
    size_t switches = 0;
    sw_gpu_judge_ahead(j);
    for (size_t i = 0; i < j->count; i++) {
        SW_TRY(device_verify(j, i, err));
        switches += j->devices[i].report.is_switch;
    }
    sw_check_begin(j->log, "GPU set");
    SW_TRY(sw_gpu_answers_finish(&j->answers, err));
    SW_TRY(sw_gpu_set_check(j->devices, j->count, err));
    sw_check_held(j->log, "%zu GPUs, %zu switches, one nonce", j->count - switches, switches);
    return SW_OK;
}

/* Of evidence that held; what fails leaves nothing behind. */
static void known_keep(sw_gpu_judgement *j) {
    sw_gpu_known *known = j->collateral->known;
    sw_gpu_manifests_keep(&j->manifests, known);
    sw_gpu_answers_keep(&j->answers, known);
    for (size_t i = 0; known != NULL && i < j->count; i++) {
        const sw_gpu_chain *chain = &j->devices[i].chain;
        if (known->held[i] != NULL && sw_hash_equal(&known->held[i]->id, &chain->id)) continue;
        for (size_t k = 0; k < SW_GPU_CHAIN_COUNT; k++)
            sw_cert_cache_keep(&known->chains[i], chain->certs[k]);
        sw_gpu_chain_drop(&known->held[i]);
        known->held[i] = sw_gpu_chain_copy(chain);
    }
}

static sw_gpu_judgement *judgement_new(sw_arena *a, const sw_gpu_device *devices, size_t count,
                                       const sw_gpu_collateral *collateral,
                                       const sw_gpu_policy *policy, int64_t wall_ms) {
    sw_gpu_judgement *j = SW_ARENA_NEW(a, sw_gpu_judgement, 1);
    if (j == NULL) return NULL;
    j->evidence = devices;
    j->count = count;
    j->collateral = collateral;
    j->policy = policy;
    j->answers.ocsp = collateral->ocsp;
    j->answers.count = collateral->ocsp_count;
    j->answers.wall_ms = wall_ms;
    j->answers.known = collateral->known;
    j->manifests.collateral = collateral;
    j->manifests.root = &policy->rim_root;
    j->manifests.wall_ms = wall_ms;
    for (size_t i = 0; i < count; i++) {
        j->devices[i].window = (sw_window){wall_ms, INT64_MIN, INT64_MAX};
        j->devices[i].ocsp_from_ms = INT64_MAX;
    }
    return j;
}

/* What comes from a parser or a signature is a refusal of evidence to whoever asked. */
static sw_status as_refusal(sw_status status, const sw_error *cause, sw_error *err) {
    if (status == SW_INTERNAL || status == SW_MEMORY) {
        if (err != NULL) *err = *cause;
        return status;
    }
    return REFUSE(err, "%s", cause->message);
}

sw_status sw_gpu_verify(const sw_gpu_device *devices, size_t count,
                        const sw_gpu_collateral *collateral, const sw_gpu_policy *policy,
                        int64_t wall_ms, const sw_check_log *log, sw_gpu_claims *out,
                        sw_error *err) {
    sw_error cause = {0};
    if (count == 0) return REFUSE(err, "there is no GPU evidence");
    if (count > SW_GPU_LIMIT)
        return REFUSE(err, "there is evidence of more than %d devices", SW_GPU_LIMIT);
    SW_SCOPED(sw_arena) own = {0};
    sw_arena *memory = collateral->memory != NULL ? collateral->memory : &own;
    sw_gpu_judgement *j = judgement_new(memory, devices, count, collateral, policy, wall_ms);
    if (j == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for GPU evidence");
    j->log = log;
    sw_status status = judge(j, &cause);
    for (size_t i = 0; status == SW_OK && i < count; i++) claims_take(&j->devices[i], &out[i]);
    if (status == SW_OK) known_keep(j);
    judgement_close(j);
    return status == SW_OK ? SW_OK : as_refusal(status, &cause, err);
}
