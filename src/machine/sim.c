/* SPDX-License-Identifier: Apache-2.0
 *
 * The software machine: one boot of one compose from a folder (EVD-090 on).
 *
 * RTMR3 starts from zero and takes dstack's events for the compose given, so whatever this process
 * attests names that compose. It answers GetQuote as the guest agent of dstack 0.6 does: events of
 * RTMR3 come without digests, the log is a JSON text inside JSON.
 */
#include "attest/measure.h"
#include "codec/text.h"
#include "machine/sim_internal.h"
#include "sys/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BOOT_EVENT_LIMIT = 16, SECRET_BYTES = 32 };
#define CERTIFICATION_LIMIT ((size_t)32 << 10)

typedef struct sim {
    sw_arena arena; /* holds all bytes below */
    sw_clock clock;
    sw_image image;
    sw_sim_td td;
    uint8_t rtmr3_at_boot[SW_SHA384_BYTES]; /* up to boot-mr-done */
    sw_event events[BOOT_EVENT_LIMIT];
    size_t event_count;
    sw_sim_key *attestation;
    sw_p256_public attestation_public;
    sw_bytes certification;
    sw_file_key *secret;
    sw_collateral collateral;
    sw_entropy entropy; /* of the GPUs' own nonces */
    sw_sim_gpus gpus;
} sim;

static void sim_close(void *self) {
    sim *s = self;
    sw_sim_key_drop(&s->attestation);
    sw_file_key_drop(&s->secret);
    sw_sim_gpus_free(&s->gpus);
    sw_arena_free(&s->arena);
    free(s);
}

/* ---- RTMR3 ---- */
static sw_status extend(sim *s, const char *name, sw_bytes payload, sw_error *err) {
    uint8_t digest[SW_SHA384_BYTES];
    SW_CHECK(err, s->event_count < BOOT_EVENT_LIMIT);
    sw_bytes kept = sw_arena_copy(&s->arena, payload);
    if (kept.data == NULL && payload.size > 0)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for an event");
    sw_event *event = &s->events[s->event_count++];
    *event = (sw_event){.name = sw_text(name), .payload = kept};
    SW_TRY(sw_event_digest(event, digest, err));
    sw_rtmr_extend(s->td.rtmr3, digest);
    return SW_OK;
}

/* dstack's order; what stands behind boot-mr-done is not part of the sealing key. */
static sw_status boot_events(sim *s, const sw_boot *boot, const sw_sim_facts *facts,
                             sw_error *err) {
    sw_hash gpu_policy;
    uint8_t instance[20];
    sw_instance_id(instance, SW_BYTES_OF(facts->instance_seed), boot->app_id);
    sw_sha256(&gpu_policy, SW_LITERAL("{}"));
    SW_TRY(extend(s, "system-preparing", (sw_bytes){0}, err));
    SW_TRY(extend(s, "app-id", SW_BYTES(boot->app_id, 20), err));
    SW_TRY(extend(s, "compose-hash", SW_BYTES_OF(s->td.compose.b), err));
    SW_TRY(extend(s, "gpu-policy-hash", SW_BYTES_OF(gpu_policy.b), err));
    SW_TRY(extend(s, "instance-id", SW_BYTES_OF(instance), err));
    SW_TRY(extend(s, "boot-mr-done", (sw_bytes){0}, err));
    memcpy(s->rtmr3_at_boot, s->td.rtmr3, sizeof s->rtmr3_at_boot);
    SW_TRY(extend(s, "key-provider", SW_LITERAL("{\"id\":\"\",\"name\":\"none\"}"), err));
    SW_TRY(extend(s, "storage-fs", SW_LITERAL("ext4"), err));
    return extend(s, "system-ready", (sw_bytes){0}, err);
}

/* ---- the folder ---- */
static sw_status collateral_load(sim *s, const char *folder, sw_error *err) {
    sw_collateral *c = &s->collateral;
    sw_bytes info, identity;
    SW_TRY(sw_sim_read(&s->arena, folder, "pck_crl.der", &c->pck_crl, err));
    SW_TRY(sw_sim_read(&s->arena, folder, "root_ca_crl.der", &c->root_crl, err));
    SW_TRY(sw_sim_read(&s->arena, folder, "tcb_info.json", &info, err));
    SW_TRY(sw_sim_read(&s->arena, folder, "qe_identity.json", &identity, err));
    SW_TRY(sw_pcs_parse(info, "tcbInfo", &c->tcb_info, err));
    SW_TRY(sw_pcs_parse(identity, "enclaveIdentity", &c->qe_identity, err));
    SW_TRY(sw_sim_read(&s->arena, folder, "tcb_signing_chain.pem", &c->tcb_info.issuer_chain, err));
    c->qe_identity.issuer_chain = c->tcb_info.issuer_chain;
    return SW_OK;
}

static sw_status certification_load(sim *s, const char *folder, sw_error *err) {
    SW_SCOPED_SECRET(sw_sim_key) pck = sw_sim_key_new();
    SW_SCOPED(sw_buffer) made = SW_BUFFER(CERTIFICATION_LIMIT);
    sw_bytes chain;
    s->attestation = sw_sim_key_new();
    if (pck == NULL || s->attestation == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(sw_sim_key_read(folder, "keys/pck.pem", pck, err));
    SW_TRY(sw_sim_key_read(folder, "keys/attestation.pem", s->attestation, err));
    SW_TRY(sw_p256_derive(s->attestation->b, &s->attestation_public, err));
    SW_TRY(sw_sim_read(&s->arena, folder, "pck_chain.pem", &chain, err));
    SW_TRY(sw_sim_certification_make(pck, &s->attestation_public, chain, &made, err));
    s->certification = sw_arena_copy(&s->arena, sw_buffer_bytes(&made));
    if (s->certification.data == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a machine");
    return SW_OK;
}

static sw_status secret_load(sim *s, const char *folder, sw_error *err) {
    char *path = sw_path_join(&s->arena, folder, "keys/platform-secret");
    void *secret = NULL;
    size_t size = 0;
    s->secret = sw_file_key_new();
    if (path == NULL || s->secret == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(sw_file_read_secret(path, SECRET_BYTES + 1, &secret, &size, err));
    if (size == sizeof s->secret->b) memcpy(s->secret->b, secret, sizeof s->secret->b);
    sw_secret_release(secret);
    if (size != sizeof s->secret->b)
        return sw_fail(err, SW_MALFORMED, "format", "the platform secret has not %d bytes",
                       SECRET_BYTES);
    return SW_OK;
}

static sw_status sim_load(sim *s, const char *folder, const sw_boot *boot, sw_error *err) {
    sw_sim_facts facts;
    SW_TRY(sw_sim_facts_read(folder, &facts, err));
    s->clock = *boot->clock;
    s->entropy = *boot->entropy;
    s->image = facts.images[facts.boot_index];
    s->td.image = &s->image;
    sw_sha256(&s->td.compose, boot->app_compose);
    SW_TRY(boot_events(s, boot, &facts, err));
    SW_TRY(certification_load(s, folder, err));
    SW_TRY(secret_load(s, folder, err));
    SW_TRY(sw_sim_gpus_load(&s->arena, folder, &s->gpus, err));
    return collateral_load(s, folder, err);
}

sw_status sw_sim_boot(const char *folder, const sw_boot *boot, void **self, sw_error *err) {
    sim *s = calloc(1, sizeof *s);
    if (s == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a machine");
    s->arena.limit_bytes = 16 * SW_SIM_FILE_LIMIT;
    sw_status status = sim_load(s, folder, boot, err);
    if (status == SW_OK)
        *self = s;
    else
        sim_close(s);
    return status;
}

/* ---- the guest agent's answers ---- */
static sw_status sim_quote(void *self, const sw_report_data *report, sw_buffer *answer,
                           sw_error *err) {
    const sim *s = self;
    SW_SCOPED(sw_buffer) quote = SW_BUFFER(SW_QUOTE_LIMIT);
    sw_sim_signer signer = {s->attestation, &s->attestation_public, s->certification};
    SW_TRY(sw_sim_quote_make(&s->td, report, &signer, &quote, err));
    const sw_answer made = {.quote = sw_buffer_bytes(&quote),
                            .report = report,
                            .events = s->events,
                            .event_count = s->event_count,
                            .vm_config = SW_LITERAL("{\"image\":\"sim\"}")};
    return sw_answer_put(&made, answer, err);
}

static sw_status sim_collateral(void *self, sw_bytes quote, sw_collateral *out, sw_error *err) {
    (void)quote;
    (void)err;
    *out = ((sim *)self)->collateral;
    return SW_OK;
}

/* ---- GPUs ---- */
static sw_status sim_gpus(void *self, const sw_hash *nonce, sw_arena *a, sw_gpu_device *out,
                          size_t *count, sw_error *err) {
    const sim *s = self;
    for (size_t i = 0; i < s->gpus.facts.count; i++) {
        SW_SCOPED(sw_buffer) report = SW_BUFFER(SW_GPU_REPORT_LIMIT);
        SW_TRY(sw_sim_gpu_report_make(&s->gpus, i, nonce, &s->entropy, &report, err));
        out[i] = (sw_gpu_device){.report = sw_arena_copy(a, sw_buffer_bytes(&report)),
                                 .chain = s->gpus.chains[i]};
        if (out[i].report.data == NULL)
            return sw_fail(err, SW_MEMORY, "memory", "no memory for GPU evidence");
    }
    *count = s->gpus.facts.count;
    return SW_OK;
}

static sw_status sim_gpu_collateral(void *self, const sw_gpu_need *need, sw_arena *a,
                                    sw_gpu_collateral *out, sw_error *err) {
    sim *s = self;
    int64_t now_ms = s->clock.wall_ms(s->clock.context);
    (void)a;
    SW_TRY(sw_sim_gpus_answer(&s->gpus, now_ms, sw_gpu_ocsp_max_age_ms(need->policy), err));
    *out = s->gpus.collateral;
    return SW_OK;
}

/* ---- the rest ---- */
static sw_status sim_sealing_key(void *self, sw_file_key *out, sw_error *err) {
    const sim *s = self;
    SW_SCOPED(sw_buffer) info = SW_BUFFER(1024);
    sw_put_field(&info, SW_LITERAL("sealwright/sim/sealing/v1"));
    sw_put_field(&info, SW_BYTES_OF(s->image.mrtd));
    for (size_t i = 0; i < 3; i++) sw_put_field(&info, SW_BYTES_OF(s->image.rtmr[i]));
    sw_put_field(&info, SW_BYTES_OF(s->rtmr3_at_boot));
    SW_TRY(sw_buffer_check(&info, "the sealing key's info", err));
    return sw_hkdf(out->b, sizeof out->b, SW_BYTES_OF(s->secret->b), (sw_bytes){0},
                   sw_buffer_bytes(&info), err);
}

static int64_t sim_counter(void *self) {
    const sim *s = self;
    return s->clock.steady_ms(s->clock.context);
}

const sw_machine_kind sw_machine_sim = {.platform = SW_PLATFORM_SIM,
                                        .quote = sim_quote,
                                        .collateral = sim_collateral,
                                        .sealing_key = sim_sealing_key,
                                        .counter_ms = sim_counter,
                                        .close = sim_close,
                                        .gpus = sim_gpus,
                                        .gpu_collateral = sim_gpu_collateral};
