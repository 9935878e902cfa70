/* SPDX-License-Identifier: Apache-2.0
 *
 * What a verdict over GPUs costs, on all threads from its beginning (GPU-044).
 *
 * First everything is parsed: devices, manifests, OCSP answers. Then every signature that is to be
 * judged stands in one list, the longest paths first so that no thread waits for another at the
 * end: certificates that chains share once (GPU-038, GPU-137). Each task writes its own place and
 * nothing else. No verdict is made here: it asks for the outcomes in its own order, so that it is
 * the same with any number of threads.
 */
#include "attest/gpu_internal.h"

/* ---- tasks ---- */
typedef enum task_kind {
    TASK_DEVICE, /* parse */
    TASK_READ,   /* a manifest, up to its signatures */
    TASK_ANSWER, /* parse */
    TASK_PATH,   /* signatures, from here on */
    TASK_MANIFEST,
    TASK_REVOCATION,
    TASK_REPORT
} task_kind;
typedef struct task {
    task_kind kind;
    size_t place;
} task;
enum { TASK_LIMIT = 2 * SW_GPU_LIMIT + SW_GPU_RIM_COUNT + SW_GPU_OCSP_COUNT };
typedef struct tasks {
    sw_gpu_judgement *j;
    size_t count;
    task list[TASK_LIMIT];
} tasks;

static void task_run(void *context, size_t index, size_t lane) {
    tasks *t = context;
    size_t place = t->list[index].place;
    switch (t->list[index].kind) {
    case TASK_DEVICE:
        sw_gpu_device_parse(t->j, place, lane);
        break;
    case TASK_READ:
        sw_gpu_manifest_read(&t->j->manifests, place);
        break;
    case TASK_ANSWER:
        sw_gpu_answer_parse(&t->j->answers, place);
        break;
    case TASK_PATH:
        sw_gpu_device_path(t->j, place);
        break;
    case TASK_MANIFEST:
        sw_gpu_manifest_judge(&t->j->manifests, place);
        break;
    case TASK_REVOCATION:
        sw_gpu_answer_judge(&t->j->answers, place);
        break;
    case TASK_REPORT:
        sw_gpu_device_signature(t->j, place);
        break;
    }
}

static void add(tasks *t, task_kind kind, size_t place) {
    if (t->count < TASK_LIMIT) t->list[t->count++] = (task){kind, place};
}

static void add_all(tasks *t, task_kind kind, size_t count) {
    for (size_t i = 0; i < count; i++) add(t, kind, i);
}

static void run(tasks *t) {
    sw_pool_run(t->j->collateral->pool, t->count, task_run, t);
    t->count = 0;
}

/* ---- both rounds ---- */
static bool parsed(const sw_gpu_judgement *j) {
    for (size_t i = 0; i < j->count; i++)
        if (j->devices[i].parsed.status != SW_OK || !j->devices[i].parsed.made) return false;
    for (size_t i = 0; i < j->collateral->rim_count; i++)
        if (j->manifests.read[i].status != SW_OK) return false;
    for (size_t i = 0; i < j->answers.count; i++)
        if (j->answers.answers[i].parsed.status != SW_OK) return false;
    return true;
}

static void plan_chain(sw_gpu_answers *a, sw_cert *const *chain, size_t count, size_t first) {
    for (size_t i = first; i + 1 < count; i++) sw_gpu_answers_plan(a, chain[i], chain[i + 1]);
}

static void plan_answers(sw_gpu_judgement *j) {
    if (j->answers.count == 0) return;
    for (size_t i = 0; i < j->count; i++)
        plan_chain(&j->answers, j->devices[i].chain.certs, SW_GPU_CHAIN_COUNT, 1);
    for (size_t i = 0; i < j->collateral->rim_count; i++)
        plan_chain(&j->answers, j->manifests.rims[i]->chain, j->manifests.rims[i]->chain_count, 0);
}

static void add_signatures(tasks *t) {
    sw_gpu_judgement *j = t->j;
    for (size_t i = 0; i < j->count; i++) /* whole paths: four signatures each */
        if (i == 0 || !sw_gpu_chain_shares_upper(&j->devices[i].chain, &j->devices[0].chain))
            add(t, TASK_PATH, i);
    add_all(t, TASK_MANIFEST, j->collateral->rim_count); /* three, or one */
    for (size_t i = 1; i < j->count; i++)                /* two */
        if (sw_gpu_chain_shares_upper(&j->devices[i].chain, &j->devices[0].chain))
            add(t, TASK_PATH, i);
    for (size_t i = 0; i < j->answers.count; i++) /* two */
        if (j->answers.answers[i].cert != NULL) add(t, TASK_REVOCATION, i);
    add_all(t, TASK_REPORT, j->count);
}

void sw_gpu_judge_ahead(sw_gpu_judgement *j) {
    tasks t = {.j = j};
    const sw_gpu_collateral *c = j->collateral;
    if (c->pool == NULL || c->rim_count > SW_GPU_RIM_COUNT || c->ocsp_count > SW_GPU_OCSP_COUNT)
        return;
    add_all(&t, TASK_READ, c->rim_count);
    add_all(&t, TASK_DEVICE, j->count);
    add_all(&t, TASK_ANSWER, c->ocsp_count);
    run(&t);
    if (!parsed(j)) return; /* it will be refused, and most of the signatures with it are not */
    plan_answers(j);
    add_signatures(&t);
    run(&t);
}
