/* SPDX-License-Identifier: Apache-2.0
 *
 * The forge: a software machine whose every key is in the test's hands, so that evidence can be
 * bent in one place and signed again everywhere else.
 *
 * A bend starts as a copy of good evidence. Helpers named sign_... restore the signature that
 * covers what was bent; what is not signed again must be what the verifier stumbles over.
 */
#ifndef SW_TESTS_ATTEST_FORGE_H
#define SW_TESTS_ATTEST_FORGE_H
#include "attest/evidence.h"
#include "crypto/vector.h"
#include "crypto/x509.h"
#include "machine/machine.h"
#include "machine/sim_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORGE_NOW       (INT64_C(1790000000) * 1000) /* 2026-09-21T14:13:20Z */
#define FORGE_DAY       ((int64_t)86400 * 1000)
#define FORGE_TEXT_MAX  ((size_t)64 << 10)
#define FORGE_QUOTE_MAX ((size_t)16 << 10)

/* Offsets in a v4 quote whose QE authentication data have 32 bytes; see in_body and behind_body. */
enum {
    AT_BODY = 48,
    AT_TEE_TCB_SVN = AT_BODY,
    AT_MR_SEAM = AT_BODY + 16,
    AT_MR_SIGNER_SEAM = AT_BODY + 64,
    AT_SEAM_ATTRIBUTES = AT_BODY + 112,
    AT_TD_ATTRIBUTES = AT_BODY + 120,
    AT_XFAM = AT_BODY + 128,
    AT_MRTD = AT_BODY + 136,
    AT_MR_CONFIG_ID = AT_BODY + 184,
    AT_RTMR0 = AT_BODY + 328,
    AT_RTMR3 = AT_BODY + 472,
    AT_REPORT_DATA = AT_BODY + 520,
    AT_SIGNATURE_SIZE = 632,
    AT_SIGNATURE = 636,
    AT_ATTESTATION_KEY = 700,
    AT_OUTER_TYPE = 764,
    AT_OUTER_SIZE = 766,
    AT_QE_REPORT = 770,
    AT_QE_SIGNATURE = 1154,
    AT_AUTH_SIZE = 1218,
    AT_AUTH = 1220,
    AT_INNER_TYPE = 1252,
    AT_INNER_SIZE = 1254,
    AT_CHAIN = 1258
};

typedef struct forge {
    char folder[64], machine[80];
    sw_arena arena;
    sw_entropy entropy;
    sw_clock clock;
    sw_policy policy;
    sw_report_data report;
    sw_channel_binding channel; /* what evidence with GPUs is made for, instead of `report` */
    size_t gpu_count;
    sw_bytes compose_text;
    sw_hash compose;
    uint8_t app_id[20];
    sw_buffer json;
    sw_evidence good; /* views into json and arena */
    uint8_t root_key[32], ca_key[32], pck_key[32], tcb_key[32], attestation_key[32];
    sw_cert *pck, *ca, *root, *tcb;
} forge;

/* One thing to judge. */
typedef struct bend {
    const forge *f;
    sw_arena arena;
    uint8_t *quote;
    size_t quote_size, lead, tail; /* what v5 has more before and at the end of the body */
    sw_event *events;
    sw_evidence e; /* quote and events are set from the above when encoded */
    sw_policy policy;
    sw_report_data expected;
    sw_hash compose;
    int64_t at_ms;
    sw_verifier *verifier;             /* NULL: everything is parsed */
    const sw_channel_binding *channel; /* of a forge with GPUs: judged by it, not by `expected` */
} bend;

/* ---- a fixed clock ---- */
static inline int64_t forge_wall(void *context) {
    (void)context;
    return FORGE_NOW;
}

/* ---- opening ---- */
static inline void forge_key(const forge *f, const char *name, uint8_t out[32]) {
    sw_sim_key *key = sw_sim_key_new();
    assert_non_null(key);
    assert_int_equal(sw_sim_key_read(f->folder, name, key, NULL), SW_OK);
    memcpy(out, key->b, 32);
    sw_sim_key_drop(&key);
}

typedef struct forge_chain {
    sw_cert *certs[4];
    size_t count;
} forge_chain;

static inline sw_status forge_collect(void *context, sw_bytes der, sw_error *err) {
    forge_chain *c = context;
    return sw_cert_parse(der, &c->certs[c->count++], err);
}

static inline void forge_certs(forge *f) {
    forge_chain pck = {0}, tcb = {0};
    sw_bytes text;
    assert_int_equal(sw_sim_read(&f->arena, f->folder, "pck_chain.pem", &text, NULL), SW_OK);
    assert_int_equal(sw_pem_decode(text, "CERTIFICATE", 3, forge_collect, &pck, NULL), SW_OK);
    assert_int_equal(sw_sim_read(&f->arena, f->folder, "tcb_signing_chain.pem", &text, NULL),
                     SW_OK);
    assert_int_equal(sw_pem_decode(text, "CERTIFICATE", 2, forge_collect, &tcb, NULL), SW_OK);
    f->pck = pck.certs[0];
    f->ca = pck.certs[1];
    f->root = pck.certs[2];
    f->tcb = tcb.certs[0];
    sw_cert_free(&tcb.certs[1]);
}

static inline void forge_evidence(forge *f) {
    sw_machine *m = NULL;
    sw_error err = {0};
    const sw_gpu_policy gpus = {.count = (uint32_t)f->gpu_count};
    if (sw_machine_boot(f->machine, f->compose_text, f->app_id, &f->entropy, &f->clock, &m, &err) !=
            SW_OK ||
        (f->gpu_count == 0
             ? sw_machine_evidence(m, &f->report, &f->json, &err)
             : sw_machine_channel_evidence(m, &f->channel, &gpus, &f->json, &err)) != SW_OK ||
        sw_evidence_parse(&f->arena, sw_buffer_bytes(&f->json), &f->good, &err) != SW_OK)
        fail_msg("%s", err.message);
    sw_machine_close(&m);
}

static inline void forge_channel(forge *f) {
    uint8_t secret[32];
    f->channel = (sw_channel_binding){.role = SW_ROLE_MACHINE, .purpose = SW_PURPOSE_TRAIN};
    memset(f->channel.challenge.b, 0xc4, sizeof f->channel.challenge.b);
    assert_int_equal(sw_p256_generate(&f->entropy, secret, &f->channel.own_tls, NULL), SW_OK);
    assert_int_equal(sw_p256_generate(&f->entropy, secret, &f->channel.peer_tls, NULL), SW_OK);
}

static inline void forge_open_gpus(forge *f, size_t gpu_count) {
    memset(f, 0, sizeof *f);
    sw_error err = {0};
    f->gpu_count = gpu_count;
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/sealwright-test-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)strcat(f->folder, "/sim");
    (void)snprintf(f->machine, sizeof f->machine, "sim:%s", f->folder);
    f->entropy = sw_entropy_system();
    f->clock = (sw_clock){forge_wall, forge_wall, NULL};
    f->json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    f->compose_text = SW_LITERAL("{\"name\":\"forge\"}");
    sw_sha256(&f->compose, f->compose_text);
    memset(f->app_id, 0xa9, sizeof f->app_id);
    sw_report_manifest(&f->report, &f->compose);
    forge_channel(f);
    if (sw_sim_init_gpus(f->folder, gpu_count, &f->entropy, FORGE_NOW - 30 * FORGE_DAY, &err) !=
            SW_OK ||
        sw_sim_policy(f->folder, &f->policy, &err) != SW_OK)
        fail_msg("%s", err.message);
    forge_key(f, "keys/root.pem", f->root_key);
    forge_key(f, "keys/platform-ca.pem", f->ca_key);
    forge_key(f, "keys/pck.pem", f->pck_key);
    forge_key(f, "keys/tcb-signing.pem", f->tcb_key);
    forge_key(f, "keys/attestation.pem", f->attestation_key);
    forge_certs(f);
    forge_evidence(f);
}

static inline void forge_open(forge *f) {
    forge_open_gpus(f, 0);
}

static inline void forge_close(forge *f) {
    char command[96];
    *strrchr(f->folder, '/') = 0;
    (void)snprintf(command, sizeof command, "rm -rf %s", f->folder);
    assert_int_equal(system(command), 0);
    sw_cert_free(&f->pck);
    sw_cert_free(&f->ca);
    sw_cert_free(&f->root);
    sw_cert_free(&f->tcb);
    sw_buffer_free(&f->json);
    sw_arena_free(&f->arena);
}

/* ---- bending ---- */
static inline void bend_start(bend *b, const forge *f) {
    memset(b, 0, sizeof *b);
    b->f = f;
    b->e = f->good;
    b->policy = f->policy;
    b->expected = f->report;
    b->channel = f->gpu_count > 0 ? &f->channel : NULL;
    b->compose = f->compose;
    b->at_ms = FORGE_NOW;
    b->quote = sw_arena_alloc(&b->arena, FORGE_QUOTE_MAX, 1);
    b->quote_size = f->good.quote.size;
    memcpy(b->quote, f->good.quote.data, b->quote_size);
    b->events = SW_ARENA_NEW(&b->arena, sw_event, SW_EVENT_LIMIT);
    memcpy(b->events, f->good.events, f->good.event_count * sizeof *b->events);
}

static inline void bend_end(bend *b) {
    sw_arena_free(&b->arena);
}

/* Where an offset of v4 lies in this quote: of the body, and of what stands behind it. */
static inline uint8_t *in_body(const bend *b, size_t at) {
    return b->quote + at + b->lead;
}

static inline uint8_t *behind_body(const bend *b, size_t at) {
    return b->quote + at + b->lead + b->tail;
}

static inline void sign_quote(bend *b) {
    assert_int_equal(sw_p256_sign_raw(b->f->attestation_key,
                                      SW_BYTES(b->quote, 632 + b->lead + b->tail),
                                      behind_body(b, AT_SIGNATURE), NULL),
                     SW_OK);
}

static inline void sign_qe(bend *b) {
    assert_int_equal(sw_p256_sign_raw(b->f->pck_key, SW_BYTES(behind_body(b, AT_QE_REPORT), 384),
                                      behind_body(b, AT_QE_SIGNATURE), NULL),
                     SW_OK);
}

static inline void put_le(uint8_t *at, uint32_t value, size_t size) {
    for (size_t i = 0; i < size; i++) at[i] = (uint8_t)(value >> (8 * i));
}

/* Sets every length from the chain's size. */
static inline void set_lengths(bend *b, size_t chain_size) {
    put_le(behind_body(b, AT_INNER_SIZE), (uint32_t)chain_size, 4);
    put_le(behind_body(b, AT_OUTER_SIZE), (uint32_t)(AT_CHAIN - AT_QE_REPORT + chain_size), 4);
    put_le(behind_body(b, AT_SIGNATURE_SIZE), (uint32_t)(AT_CHAIN - AT_SIGNATURE + chain_size), 4);
    b->quote_size = AT_CHAIN + b->lead + b->tail + chain_size;
}

/* ---- version 5 ---- */
enum { V5_BODY_TYPE = 48, V5_BODY_SIZE = 50, V5_LEAD = 6, V5_TAIL = 64, V5_FRONT_15 = 702 };
enum { AT_TEE_TCB_SVN2 = 632, AT_MR_SERVICE_TD = 648 }; /* for in_body */

/* The same TD in version 5, with body type 2 or 3; a TD report 1.5 says the same version twice and
 * no service TD. Signed. */
static inline void make_v5(bend *b, unsigned type) {
    size_t tail = type == 3 ? V5_TAIL : 0, behind = b->quote_size - AT_SIGNATURE_SIZE;
    assert_true(b->lead == 0 && b->quote_size + V5_LEAD + tail <= FORGE_QUOTE_MAX);
    memmove(b->quote + AT_SIGNATURE_SIZE + V5_LEAD + tail, b->quote + AT_SIGNATURE_SIZE, behind);
    memmove(b->quote + AT_BODY + V5_LEAD, b->quote + AT_BODY, 584);
    b->lead = V5_LEAD;
    b->tail = tail;
    b->quote_size += V5_LEAD + tail;
    put_le(b->quote, 5, 2);
    put_le(b->quote + V5_BODY_TYPE, type, 2);
    put_le(b->quote + V5_BODY_SIZE, (uint32_t)(584 + tail), 4);
    memset(in_body(b, AT_TEE_TCB_SVN2), 0, tail);
    if (tail > 0) memcpy(in_body(b, AT_TEE_TCB_SVN2), in_body(b, AT_TEE_TCB_SVN), 16);
    sign_quote(b);
}

static inline sw_bytes chain_text(bend *b, const sw_cert *const *certs, size_t count) {
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(FORGE_TEXT_MAX);
    for (size_t i = 0; i < count; i++) sw_pem_encode(&pem, "CERTIFICATE", sw_cert_der(certs[i]));
    return sw_arena_copy(&b->arena, sw_buffer_bytes(&pem));
}

static inline void set_pck_text(bend *b, sw_bytes pem) {
    assert_true(AT_CHAIN + pem.size <= FORGE_QUOTE_MAX);
    if (pem.size > 0) memcpy(behind_body(b, AT_CHAIN), pem.data, pem.size);
    set_lengths(b, pem.size);
}

static inline void set_pck_chain(bend *b, const sw_cert *leaf, const sw_cert *ca,
                                 const sw_cert *root) {
    const sw_cert *certs[3] = {leaf, ca, root};
    set_pck_text(b, chain_text(b, certs, 3));
}

/* Another certificate for the same key; what is 0 or NULL in `plan` is as it was. */
static inline sw_cert *reissue(const forge *f, const sw_cert *old, sw_cert_plan plan,
                               const sw_cert *issuer, const uint8_t secret[32]) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(FORGE_TEXT_MAX);
    sw_p256_public key;
    sw_cert *made = NULL;
    sw_error err = {0};
    char name[128];
    (void)f;
    assert_int_equal(sw_cert_key(old, &key, NULL), SW_OK);
    assert_int_equal(sw_cert_common_name(old, name, sizeof name, NULL), SW_OK);
    if (plan.common_name == NULL) plan.common_name = name;
    if (plan.serial == 0) plan.serial = 99;
    if (plan.not_before_ms == 0) plan.not_before_ms = FORGE_NOW - 30 * FORGE_DAY;
    if (plan.not_after_ms == 0) plan.not_after_ms = FORGE_NOW + 300 * FORGE_DAY;
    if (plan.extension_oid == NULL &&
        sw_cert_extension(old, "1.2.840.113741.1.13.1", &plan.extension, NULL) == SW_OK)
        plan.extension_oid = "1.2.840.113741.1.13.1";
    if (sw_cert_make(&plan, &key, issuer, secret, &der, &err) != SW_OK ||
        sw_cert_parse(sw_buffer_bytes(&der), &made, &err) != SW_OK)
        fail_msg("%s", err.message);
    return made;
}

typedef struct list_plan {
    int64_t from_ms, until_ms;
    uint64_t revoked; /* serial, 0 for none */
} list_plan;

static inline sw_bytes make_list(bend *b, const sw_cert *issuer, const uint8_t secret[32],
                                 list_plan plan) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(FORGE_TEXT_MAX);
    sw_error err = {0};
    if (plan.from_ms == 0) plan.from_ms = FORGE_NOW - FORGE_DAY;
    if (plan.until_ms == 0) plan.until_ms = FORGE_NOW + FORGE_DAY;
    if (sw_crl_make(issuer, secret, plan.from_ms, plan.until_ms, 7, &plan.revoked,
                    plan.revoked != 0, &der, &err) != SW_OK)
        fail_msg("%s", err.message);
    return sw_arena_copy(&b->arena, sw_buffer_bytes(&der));
}

/* ---- signed JSON ---- */
/* Replaces the n-th occurrence (from 0) of `old`; fails the test when there is none. */
static inline sw_bytes replaced(sw_arena *a, sw_bytes text, const char *old, const char *new,
                                size_t n) {
    SW_SCOPED(sw_buffer) out = SW_BUFFER(SW_EVIDENCE_LIMIT);
    const uint8_t *at = text.data, *end = text.data + text.size;
    for (size_t i = 0;; i++) {
        const uint8_t *hit = memmem(at, (size_t)(end - at), old, strlen(old));
        if (hit == NULL) fail_msg("no \"%s\" to replace", old);
        bool wanted = i == n;
        size_t kept = (size_t)(hit - at) + (wanted ? 0 : strlen(old));
        sw_put_bytes(&out, SW_BYTES(at, kept));
        at = hit + strlen(old);
        if (!wanted) continue;
        sw_put_text(&out, new);
        break;
    }
    sw_put_bytes(&out, SW_BYTES(at, (size_t)(end - at)));
    return sw_arena_copy(a, sw_buffer_bytes(&out));
}

static inline void sign_json(const bend *b, sw_signed_json *s) {
    assert_int_equal(sw_p256_sign_raw(b->f->tcb_key, s->text, s->signature, NULL), SW_OK);
}

static inline void edit_tcb_info(bend *b, const char *old, const char *new, size_t n) {
    sw_signed_json *s = &b->e.collateral.tcb_info;
    s->text = replaced(&b->arena, s->text, old, new, n);
    sign_json(b, s);
}

static inline void edit_qe_identity(bend *b, const char *old, const char *new, size_t n) {
    sw_signed_json *s = &b->e.collateral.qe_identity;
    s->text = replaced(&b->arena, s->text, old, new, n);
    sign_json(b, s);
}

/* ---- events ---- */
/* RTMR3 as the events now have it, signed. */
static inline void replay_events(bend *b) {
    uint8_t rtmr3[48];
    assert_int_equal(sw_events_replay(b->events, b->e.event_count, rtmr3, NULL), SW_OK);
    memcpy(in_body(b, AT_RTMR3), rtmr3, sizeof rtmr3);
    sign_quote(b);
}

static inline size_t find_event(const bend *b, const char *name) {
    for (size_t i = 0; i < b->e.event_count; i++)
        if (sw_bytes_is(b->events[i].name, name)) return i;
    fail_msg("no event %s", name);
    return 0;
}

static inline void insert_event(bend *b, size_t at, sw_event event) {
    memmove(&b->events[at + 1], &b->events[at], (b->e.event_count - at) * sizeof event);
    b->events[at] = event;
    b->e.event_count++;
}

static inline void drop_event(bend *b, size_t at) {
    b->e.event_count--;
    memmove(&b->events[at], &b->events[at + 1], (b->e.event_count - at) * sizeof b->events[0]);
}

/* ---- judging ---- */
static inline sw_bytes bend_encode(bend *b) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER(2 * SW_EVIDENCE_LIMIT);
    sw_error err = {0};
    b->e.quote = SW_BYTES(b->quote, b->quote_size);
    b->e.events = b->events;
    if (sw_evidence_encode(&b->e, &json, &err) != SW_OK) fail_msg("%s", err.message);
    return sw_arena_copy(&b->arena, sw_buffer_bytes(&json));
}

static inline sw_status bend_judge(bend *b, sw_bytes json, sw_claims *claims, sw_error *err) {
    const sw_question question = {.report = b->channel == NULL ? &b->expected : NULL,
                                  .channel = b->channel,
                                  .compose = &b->compose,
                                  .verifier = b->verifier};
    return sw_attest(json, &b->policy, b->at_ms, &question, claims, err);
}

#endif
