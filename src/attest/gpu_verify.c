/* SPDX-License-Identifier: Apache-2.0
 *
 * Device by device, then the set (GPU-040 to GPU-043). Nothing is optional: there is no call that
 * leaves out a part. Manifests are shared by the devices of one call and verified once, and so are
 * the signatures of certificates that the first device's chain and another's have in common.
 *
 * What costs is signatures. With a pool, report, chain and signature of all devices are judged at
 * once and each outcome is kept; the verdict then goes through them in order, so what a watcher
 * sees and which failure is named are the same with any number of threads.
 */
#include "attest/gpu_internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct outcome {
    sw_status status;
    sw_error err;
} outcome;
typedef struct identity { /* of one device; what follows a failure is not filled */
    bool judged;
    outcome report, chain, signature;
} identity;
/* Large, so on the heap. */
typedef struct judgement {
    const sw_gpu_device *evidence;
    const sw_gpu_collateral *collateral;
    const sw_gpu_policy *policy;
    const sw_check_log *log;
    sw_cert_cache known[SW_GPU_LIMIT]; /* one a thread, which knows the upper certificates */
    identity identities[SW_GPU_LIMIT];
    sw_gpu_answers answers;
    sw_gpu_manifests manifests;
    sw_gpu_judged devices[SW_GPU_LIMIT];
    const sw_gpu_chain *held; /* the first device's chain, once it held; NULL before */
} judgement;

static void judgement_close(judgement *j) {
    for (size_t i = 0; i < SW_GPU_LIMIT; i++) sw_gpu_chain_free(&j->devices[i].chain);
    sw_gpu_manifests_free(&j->manifests);
    for (size_t i = 0; i < SW_GPU_LIMIT; i++) sw_cert_cache_free(&j->known[i]);
    free(j);
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

static sw_status chain_judge(const judgement *j, size_t place, sw_cert_cache *known,
                             sw_gpu_judged *d, sw_error *err) {
    SW_TRY(sw_gpu_chain_parse(j->evidence[place].chain, known, &d->chain, err));
    SW_TRY(sw_gpu_chain_verify(&d->chain, j->held, &j->policy->device_root, &d->window, err));
    for (size_t i = 2; i < SW_GPU_CHAIN_COUNT; i++) sw_cert_cache_keep(known, d->chain.certs[i]);
    return SW_OK;
}

/* Touches nothing but this device's own places and this thread's certificates. */
static void identity_judge(void *context, size_t place, size_t lane) {
    judgement *j = context;
    sw_gpu_judged *d = &j->devices[place];
    identity *i = &j->identities[place];
    if (i->judged) return;
    sw_cert_cache *known = lane < SW_GPU_LIMIT ? &j->known[lane] : NULL;
    i->judged = true;
    i->report.status = sw_gpu_report_parse(j->evidence[place].report, &d->report, &i->report.err);
    if (i->report.status != SW_OK) return;
    i->chain.status = chain_judge(j, place, known, d, &i->chain.err);
    if (i->chain.status != SW_OK) return;
    if (place == 0) j->held = &d->chain; /* before any other thread begins */
    i->signature.status = sw_p384_verify_raw(&d->chain.key, d->report.signed_part,
                                             d->report.signature, &i->signature.err);
}

static sw_status outcome_take(const outcome *o, sw_error *err) {
    if (o->status != SW_OK) *err = o->err;
    return o->status;
}

static sw_status identity_verify(judgement *j, size_t place, sw_gpu_judged *d, sw_error *err) {
    const identity *i = &j->identities[place];
    sw_check_begin(j->log, "GPU report");
    identity_judge(j, place, 0);
    SW_TRY(outcome_take(&i->report, err));
    sw_check_held(j->log, DEVICE_FORMAT ": %zu measurements, driver %s, VBIOS %s",
                  DEVICE_VALUES(d, place), d->report.block_count,
                  d->report.is_switch ? "none" : d->report.driver, d->report.vbios);
    sw_check_begin(j->log, "GPU chain");
    SW_TRY(outcome_take(&i->chain, err));
    sw_check_held(j->log, DEVICE_FORMAT ": %s", DEVICE_VALUES(d, place), d->chain.model);
    sw_check_begin(j->log, "GPU firmware id");
    SW_TRY(fwid_check(d, err));
    sw_check_held(j->log, DEVICE_FORMAT ": %s", DEVICE_VALUES(d, place),
                  d->report.has_fwid ? "the leaf's" : "not in reports of this kind");
    sw_check_begin(j->log, "GPU signature");
    if (i->signature.status == SW_UNAUTHENTIC || i->signature.status == SW_MALFORMED)
        return REFUSE(err, "the report's signature does not hold");
    SW_TRY(outcome_take(&i->signature, err));
    sw_check_held(j->log, DEVICE_FORMAT ": over %zu bytes", DEVICE_VALUES(d, place),
                  d->report.signed_part.size);
    return SW_OK;
}

static sw_status manifest_take(judgement *j, size_t place, sw_rim_kind kind, sw_gpu_judged *d,
                               sw_error *err) {
    const char *what = kind == SW_RIM_DRIVER ? "driver manifest" : "VBIOS manifest";
    const sw_rim *found;
    sw_check_begin(j->log, kind == SW_RIM_DRIVER ? "GPU driver manifest" : "GPU VBIOS manifest");
    SW_TRY(sw_gpu_manifests_verify(&j->manifests, j->collateral, &j->policy->rim_root,
                                   d->window.wall_ms, err));
    SW_TRY(sw_gpu_manifest_find(&j->manifests, &d->report, d->chain.model, kind, &found, err));
    SW_TRY(sw_window_narrow(&d->window, what, found->valid_from_ms, found->valid_until_ms, err));
    *(kind == SW_RIM_DRIVER ? &d->driver : &d->vbios) = found;
    sw_check_held(j->log, DEVICE_FORMAT ": %s", DEVICE_VALUES(d, place), found->version);
    return SW_OK;
}

static sw_status firmware_verify(judgement *j, size_t place, sw_gpu_judged *d, sw_error *err) {
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

static sw_status device_verify(judgement *j, size_t place, sw_error *err) {
    sw_gpu_judged *d = &j->devices[place];
    sw_status status = identity_verify(j, place, d, err);
    if (status == SW_OK) status = firmware_verify(j, place, d, err);
    if (status != SW_OK) sw_error_prefix(err, DEVICE_FORMAT, DEVICE_VALUES(d, place));
    return status;
}

/* ---- all of them ---- */
static void claims_take(const sw_gpu_judged *d, sw_gpu_claims *out) {
    *out = (sw_gpu_claims){.serial = d->chain.serial,
                           .is_switch = d->report.is_switch,
                           .feature = d->report.feature,
                           .revocation_checked = d->revocation_checked,
                           .valid_from_ms = d->window.from_ms,
                           .valid_until_ms = d->window.until_ms};
    memcpy(out->model, d->chain.model, sizeof out->model);
    memcpy(out->driver, d->report.driver, sizeof out->driver);
    memcpy(out->vbios, d->report.vbios, sizeof out->vbios);
    memcpy(out->nonce, d->report.nonce, sizeof out->nonce);
}

static sw_status judge(judgement *j, size_t count, int64_t wall_ms, sw_error *err) {
    size_t switches = 0;
    for (size_t i = 0; i < count; i++)
        j->devices[i].window = (sw_window){wall_ms, INT64_MIN, INT64_MAX};
    identity_judge(j, 0, 0);
    if (j->collateral->pool != NULL && count > 1)
        sw_pool_run(j->collateral->pool, count, identity_judge, j);
    for (size_t i = 0; i < count; i++) {
        SW_TRY(device_verify(j, i, err));
        switches += j->devices[i].report.is_switch;
    }
    sw_check_begin(j->log, "GPU set");
    SW_TRY(sw_gpu_answers_finish(&j->answers, err));
    SW_TRY(sw_gpu_set_check(j->devices, count, err));
    sw_check_held(j->log, "%zu GPUs, %zu switches, one nonce", count - switches, switches);
    return SW_OK;
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
    judgement *j = calloc(1, sizeof *j);
    if (j == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for GPU evidence");
    j->evidence = devices;
    j->collateral = collateral;
    j->policy = policy;
    j->log = log;
    j->answers.ocsp = collateral->ocsp;
    j->answers.count = collateral->ocsp_count;
    sw_status status = judge(j, count, wall_ms, &cause);
    for (size_t i = 0; status == SW_OK && i < count; i++) claims_take(&j->devices[i], &out[i]);
    if (status == SW_OK) sw_gpu_manifests_keep(&j->manifests, collateral->known);
    judgement_close(j);
    return status == SW_OK ? SW_OK : as_refusal(status, &cause, err);
}
