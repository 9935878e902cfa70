/* SPDX-License-Identifier: Apache-2.0
 *
 * What a verifier keeps between quotes: parts of evidence that held, parsed, each found by all of
 * its bytes (EVD-086). Never a verdict: dates, names, anchors, lists and revocation are judged by
 * whoever finds one.
 *
 * A part is finished before it is kept and does not change afterwards. It is counted by its holds:
 * the verifier's own, and one of each judgement that uses it, so that making room frees nothing
 * that is in use.
 */
#include "attest/attest_internal.h"

#include <stdlib.h>

/* A service with more machines or more kinds of platform than this parses some of them anew. */
#define SW_VERIFIER_CHAIN_LIMIT    64 /* one a machine */
#define SW_VERIFIER_DOCUMENT_LIMIT 16 /* one a kind of platform */
#define SW_VERIFIER_SIGNER_LIMIT   8
#define SW_VERIFIER_LIST_LIMIT     8
#define SW_VERIFIER_LANE_LIMIT     8                 /* threads for the signatures of GPUs */
#define SW_VERIFIER_MEMORY_KEPT    ((size_t)4 << 20) /* evidence of eight GPUs takes less */
#define SLOTS_MAX                  SW_VERIFIER_CHAIN_LIMIT

/* One document's JSON tree may not take more than this. */
#define PART_ARENA_LIMIT ((size_t)16 << 20)

static const size_t limits[SW_PART_KINDS] = {
    [SW_PART_PCK_CHAIN] = SW_VERIFIER_CHAIN_LIMIT,
    [SW_PART_ISSUER_CHAIN] = SW_VERIFIER_SIGNER_LIMIT,
    [SW_PART_LIST] = SW_VERIFIER_LIST_LIMIT,
    [SW_PART_TCB_INFO] = SW_VERIFIER_DOCUMENT_LIMIT,
    [SW_PART_QE_IDENTITY] = SW_VERIFIER_DOCUMENT_LIMIT,
};

struct sw_verifier {
    const sw_check_log *log; /* borrowed */
    sw_cert_cache certs;     /* what chains share: CA, root, signer */
    sw_part *parts[SW_PART_KINDS][SLOTS_MAX];
    uint64_t uses;
    sw_gpu_known gpus; /* manifests and certificates of GPUs */
    sw_pool *pool;     /* NULL before the first GPUs, and where there is one processor */
    bool pool_tried;
    sw_arena memory; /* of the judgement that is being made */
};

sw_status sw_verifier_open(const sw_check_log *log, sw_verifier **out, sw_error *err) {
    sw_verifier *made = calloc(1, sizeof *made);
    if (made == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a verifier");
    made->log = log;
    made->memory.limit_bytes = SW_JUDGE_ARENA_LIMIT;
    *out = made;
    return SW_OK;
}

void sw_verifier_close(sw_verifier **held) {
    sw_verifier *v = *held;
    *held = NULL;
    if (v == NULL) return;
    for (size_t kind = 0; kind < SW_PART_KINDS; kind++)
        for (size_t i = 0; i < limits[kind]; i++) sw_part_drop(&v->parts[kind][i]);
    sw_cert_cache_free(&v->certs);
    sw_gpu_known_free(&v->gpus);
    sw_pool_close(&v->pool);
    sw_arena_free(&v->memory);
    free(v);
}

const sw_check_log *sw_verifier_log(const sw_verifier *v) {
    return v == NULL ? NULL : v->log;
}

sw_cert_cache *sw_verifier_certs(sw_verifier *v) {
    return v == NULL ? NULL : &v->certs;
}

sw_gpu_known *sw_verifier_gpus(sw_verifier *v) {
    return v == NULL ? NULL : &v->gpus;
}

sw_pool *sw_verifier_pool(sw_verifier *v) {
    size_t lanes = sw_cpu_count();
    if (v == NULL) return NULL;
    if (!v->pool_tried && lanes > 1 &&
        sw_pool_open(lanes < SW_VERIFIER_LANE_LIMIT ? lanes : SW_VERIFIER_LANE_LIMIT, &v->pool,
                     NULL) != SW_OK)
        v->pool = NULL; /* one thread judges the same */
    v->pool_tried = true;
    return v->pool;
}

sw_arena *sw_verifier_borrow(sw_verifier *v, sw_arena *own) {
    return v == NULL ? own : &v->memory;
}

void sw_verifier_return(sw_verifier *v) {
    if (v == NULL) return;
    sw_arena_rewind(&v->memory, (sw_arena_place){0});
    sw_arena_trim(&v->memory, SW_VERIFIER_MEMORY_KEPT);
}

/* ---- parts ---- */
sw_part *sw_part_new(sw_part_kind kind, sw_bytes text) {
    sw_part *made = calloc(1, sizeof *made);
    if (made == NULL) return NULL;
    *made = (sw_part){.kind = kind, .holds = 1, .arena = {.limit_bytes = PART_ARENA_LIMIT}};
    made->text = sw_arena_copy(&made->arena, text);
    if (made->text.size != text.size) sw_part_drop(&made);
    return made;
}

void sw_part_drop(sw_part **held) {
    sw_part *part = *held;
    *held = NULL;
    if (part == NULL || --part->holds > 0) return;
    for (size_t i = 0; i < 3; i++) sw_cert_free(&part->certs[i]);
    sw_crl_free(&part->list);
    sw_arena_free(&part->arena);
    free(part);
}

sw_part *sw_part_find(sw_verifier *v, sw_part_kind kind, sw_bytes text) {
    for (size_t i = 0; v != NULL && i < limits[kind]; i++) {
        sw_part *there = v->parts[kind][i];
        if (there == NULL || !sw_bytes_equal(there->text, text)) continue;
        there->holds++;
        there->used = ++v->uses;
        return there;
    }
    return NULL;
}

/* An empty one, or the one that was not used for longest. */
static sw_part **slot_find(sw_part **slots, size_t count) {
    sw_part **best = &slots[0];
    for (size_t i = 0; i < count; i++) {
        if (slots[i] == NULL) return &slots[i];
        if (slots[i]->used < (*best)->used) best = &slots[i];
    }
    return best;
}

void sw_part_keep(sw_verifier *v, sw_part *part) {
    if (v == NULL || part == NULL) return;
    sw_part *there = sw_part_find(v, part->kind, part->text);
    bool known = there != NULL;
    sw_part_drop(&there);
    if (known) return;
    for (size_t i = 0; i < 3; i++)
        if (part->certs[i] != NULL) sw_cert_cache_keep(&v->certs, part->certs[i]);
    sw_part **slot = slot_find(v->parts[part->kind], limits[part->kind]);
    sw_part_drop(slot);
    *slot = part;
    part->holds++;
    part->used = ++v->uses;
}
