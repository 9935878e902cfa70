/* SPDX-License-Identifier: Apache-2.0
 *
 * TDX quotes judged with their collateral. tdx make FOLDER writes quotes of a software machine and
 * what is published for it; tdx first|warm FOLDER ROUNDS judges them and prints the medians
 * of one, microseconds that pass and those of processor time: `first` with a verifier that knows
 * nothing, `warm` with one that has seen the machine and its collateral before.
 */
#include "attest/quote.h"
#include "codec/text.h"
#include "machine/machine.h"
#include "sys/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { QUOTES = 16, ROUNDS_MAX = 100000, FILE_LIMIT = 1 << 20, PATH_BYTES = 512 };
static const char *const SIGNED[2][2] = {{"tcb_info", "tcb_info.sig"},
                                         {"qe_identity", "qe_identity.sig"}};

typedef struct work {
    sw_arena arena;
    sw_bytes quotes[QUOTES];
    sw_collateral collateral;
    sw_policy policy;
    int64_t wall_ms;
} work;

/* ---- making ---- */
static sw_status put(const char *folder, const char *name, sw_bytes content, sw_error *err) {
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return sw_file_write(path, content, 0600, SW_WRITE_NEW, err);
}

static sw_status put_collateral(const char *folder, const sw_collateral *c, sw_error *err) {
    const sw_signed_json *documents[2] = {&c->tcb_info, &c->qe_identity};
    SW_TRY(put(folder, "pck_crl.der", c->pck_crl, err));
    SW_TRY(put(folder, "root_crl.der", c->root_crl, err));
    SW_TRY(put(folder, "signers.pem", c->tcb_info.issuer_chain, err));
    for (size_t i = 0; i < 2; i++) {
        SW_TRY(put(folder, SIGNED[i][0], documents[i]->text, err));
        SW_TRY(put(folder, SIGNED[i][1], SW_BYTES_OF(documents[i]->signature), err));
    }
    return SW_OK;
}

static sw_status put_quotes(const char *folder, sw_machine *m, sw_error *err) {
    for (unsigned i = 0; i < QUOTES; i++) {
        SW_SCOPED(sw_arena) a = {0};
        SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
        sw_report_data report = {{(uint8_t)i}};
        sw_evidence e;
        char name[32];
        SW_TRY(sw_machine_evidence(m, &report, &json, err));
        SW_TRY(sw_evidence_parse(&a, sw_buffer_bytes(&json), &e, err));
        (void)snprintf(name, sizeof name, "quote-%02u.bin", i);
        SW_TRY(put(folder, name, e.quote, err));
        if (i == 0) SW_TRY(put_collateral(folder, &e.collateral, err));
    }
    return SW_OK;
}

static sw_status make(const char *folder, sw_error *err) {
    const sw_entropy entropy = sw_entropy_system();
    const sw_clock clock = sw_clock_system();
    const uint8_t app[20] = {1};
    char sim[PATH_BYTES], where[PATH_BYTES + 8];
    sw_machine *m = NULL;
    (void)snprintf(sim, sizeof sim, "%s/sim", folder);
    (void)snprintf(where, sizeof where, "sim:%s", sim);
    SW_TRY(sw_sim_init(sim, &entropy, clock.wall_ms(clock.context), err));
    SW_TRY(sw_machine_boot(where, SW_LITERAL("{}"), app, &entropy, &clock, &m, err));
    sw_status status = put_quotes(folder, m, err);
    sw_machine_close(&m);
    return status;
}

/* ---- judging ---- */
static sw_status take(work *w, const char *folder, const char *name, sw_bytes *out, sw_error *err) {
    SW_SCOPED(sw_buffer) content = SW_BUFFER(FILE_LIMIT);
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    SW_TRY(sw_file_read(path, FILE_LIMIT, &content, err));
    *out = sw_arena_copy(&w->arena, sw_buffer_bytes(&content));
    return out->data ? SW_OK : sw_fail(err, SW_MEMORY, "memory", "no memory for %s", path);
}

static sw_status note_root(void *context, sw_bytes der, sw_error *err) {
    (void)err;
    sw_sha256(context, der);
    return SW_OK;
}

static sw_status prepare(work *w, const char *folder, sw_error *err) {
    const sw_clock clock = sw_clock_system();
    sw_collateral *c = &w->collateral;
    sw_signed_json *documents[2] = {&c->tcb_info, &c->qe_identity};
    sw_bytes signers;
    SW_TRY(take(w, folder, "pck_crl.der", &c->pck_crl, err));
    SW_TRY(take(w, folder, "root_crl.der", &c->root_crl, err));
    SW_TRY(take(w, folder, "signers.pem", &signers, err));
    for (size_t i = 0; i < 2; i++) {
        sw_bytes signature;
        SW_TRY(take(w, folder, SIGNED[i][0], &documents[i]->text, err));
        SW_TRY(take(w, folder, SIGNED[i][1], &signature, err));
        SW_CHECK(err, signature.size == sizeof documents[i]->signature);
        memcpy(documents[i]->signature, signature.data, signature.size);
        documents[i]->issuer_chain = signers;
    }
    for (unsigned i = 0; i < QUOTES; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "quote-%02u.bin", i);
        SW_TRY(take(w, folder, name, &w->quotes[i], err));
    }
    w->policy.anchor_count = 1;
    w->wall_ms = clock.wall_ms(clock.context);
    return sw_pem_decode(signers, "CERTIFICATE", 2, note_root, &w->policy.anchors[0], err);
}

static double now_us(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Microseconds that passed, and those of processor time. */
typedef struct cost {
    double passed[ROUNDS_MAX], work[ROUNDS_MAX];
} cost;

static sw_status judge(const work *w, size_t round, sw_verifier *v, cost *c, sw_error *err) {
    sw_quote_claims claims;
    double start = now_us(CLOCK_MONOTONIC), used = now_us(CLOCK_THREAD_CPUTIME_ID);
    SW_TRY(sw_quote_verify(w->quotes[round % QUOTES], &w->collateral, &w->policy, w->wall_ms, v,
                           &claims, err));
    c->work[round] = now_us(CLOCK_THREAD_CPUTIME_ID) - used;
    c->passed[round] = now_us(CLOCK_MONOTONIC) - start;
    SW_CHECK(err, strcmp(claims.tcb_status, "UpToDate") == 0);
    return SW_OK;
}

static sw_status measure(const work *w, bool warm, size_t rounds, cost *c, sw_error *err) {
    sw_verifier *v = NULL;
    SW_TRY(sw_verifier_open(NULL, &v, err));
    sw_status status = warm ? judge(w, 0, v, c, err) : SW_OK;
    for (size_t i = 0; i < rounds && status == SW_OK; i++) {
        if (!warm) sw_verifier_close(&v);
        if (!warm) status = sw_verifier_open(NULL, &v, err);
        if (status == SW_OK) status = judge(w, i, v, c, err);
    }
    sw_verifier_close(&v);
    return status;
}

int main(int argc, char **argv) {
    static work w;
    static cost c;
    sw_error err = {0};
    bool warm = argc == 4 && strcmp(argv[1], "warm") == 0;
    int rounds = argc == 4 ? atoi(argv[3]) : 0;
    bool making = argc == 3 && strcmp(argv[1], "make") == 0;
    if (!making && (rounds < 1 || rounds > ROUNDS_MAX)) {
        fprintf(stderr, "usage: tdx make FOLDER | tdx first|warm FOLDER ROUNDS\n");
        return 2;
    }
    sw_status status = making ? make(argv[2], &err) : prepare(&w, argv[2], &err);
    if (!making && status == SW_OK) status = measure(&w, warm, (size_t)rounds, &c, &err);
    if (status != SW_OK) {
        fprintf(stderr, "tdx: %s: %s\n", err.word, err.message);
        return 1;
    }
    qsort(c.passed, (size_t)rounds, sizeof c.passed[0], order);
    qsort(c.work, (size_t)rounds, sizeof c.work[0], order);
    if (!making) printf("%.1f %.1f\n", c.passed[rounds / 2], c.work[rounds / 2]);
    sw_arena_free(&w.arena);
    return 0;
}
