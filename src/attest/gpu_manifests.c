/* SPDX-License-Identifier: Apache-2.0
 *
 * The manifests of one call, each verified once and shared by all devices (GPU-041), and those that
 * held before (GPU-043).
 *
 * A known one is found by the hash of its exact bytes and of the root it was verified to; its dates
 * are judged anew, and when they do not hold the manifest is, so that the refusal is the same.
 */
#include "attest/gpu_internal.h"

#include <stdlib.h>
#include <string.h>

static void rim_drop(sw_rim **rim) {
    if (*rim != NULL) sw_rim_free(*rim);
    free(*rim);
    *rim = NULL;
}

void sw_gpu_known_free(sw_gpu_known *k) {
    for (size_t i = 0; i < SW_GPU_RIM_COUNT; i++) rim_drop(&k->rims[i]);
    for (size_t i = 0; i < SW_GPU_LIMIT; i++) sw_cert_cache_free(&k->chains[i]);
    for (size_t i = 0; i < SW_GPU_LIMIT; i++) sw_gpu_chain_drop(&k->held[i]);
    memset(k->answers, 0, sizeof k->answers);
    k->kept = k->answers_kept = 0;
}

void sw_gpu_manifests_free(sw_gpu_manifests *m) {
    for (size_t i = 0; i < SW_GPU_RIM_COUNT; i++) {
        sw_rim_reading_free(&m->readings[i]);
        rim_drop(&m->made[i]);
    }
    m->count = 0;
}

static const sw_rim *known_find(const sw_gpu_known *k, const sw_hash *id, int64_t wall_ms) {
    for (size_t i = 0; k != NULL && i < SW_GPU_RIM_COUNT; i++) {
        const sw_rim *rim = k->rims[i];
        if (rim == NULL || !sw_hash_equal(&k->ids[i], id)) continue;
        return wall_ms >= rim->valid_from_ms && wall_ms < rim->valid_until_ms ? rim : NULL;
    }
    return NULL;
}

static sw_status manifest_read(sw_gpu_manifests *m, size_t place, sw_error *err) {
    sw_bytes xml = m->collateral->rims[place];
    const sw_bytes parts[2] = {SW_BYTES_OF(m->root->b), xml};
    sw_sha256_parts(&m->ids[place], parts, 2);
    m->rims[place] = known_find(m->collateral->known, &m->ids[place], m->wall_ms);
    if (m->rims[place] != NULL) return SW_OK;
    sw_rim *made = calloc(1, sizeof *made);
    if (made == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a manifest");
    m->rims[place] = m->made[place] = made;
    return sw_rim_read(xml, made, &m->readings[place], err);
}

void sw_gpu_manifest_read(sw_gpu_manifests *m, size_t place) {
    sw_gpu_outcome *o = &m->read[place];
    if (o->made) return;
    o->status = manifest_read(m, place, &o->err);
    o->made = true;
}

/* An earlier manifest of the same certificates: should it not hold, nobody asks for this one. */
static bool path_held(const sw_gpu_manifests *m, size_t place) {
    for (size_t i = 0; i < place; i++)
        if (m->made[i] != NULL && sw_rim_same_chain(m->made[i], m->made[place])) return true;
    return false;
}

void sw_gpu_manifest_judge(sw_gpu_manifests *m, size_t place) {
    sw_gpu_outcome *o = &m->judged[place];
    if (o->made) return;
    o->status = m->read[place].status;
    if (o->status != SW_OK)
        o->err = m->read[place].err;
    else if (m->made[place] != NULL)
        o->status =
            sw_rim_judge(&m->readings[place], path_held(m, place), m->root, m->wall_ms, &o->err);
    o->made = true;
}

sw_status sw_gpu_manifests_verify(sw_gpu_manifests *m, sw_error *err) {
    size_t count = m->collateral->rim_count;
    if (count > SW_GPU_RIM_COUNT)
        return sw_fail(err, SW_LIMIT, "evidence", "more than %d manifests", SW_GPU_RIM_COUNT);
    for (; m->count < count; m->count++) {
        sw_gpu_manifest_read(m, m->count);
        sw_gpu_manifest_judge(m, m->count);
        sw_status status = sw_gpu_outcome_take(&m->judged[m->count], err);
        if (status == SW_OK) continue;
        sw_error_prefix(err, "manifest %zu", m->count);
        return status;
    }
    return SW_OK;
}

static bool known_has(const sw_gpu_known *k, const sw_hash *id) {
    for (size_t i = 0; i < SW_GPU_RIM_COUNT; i++)
        if (k->rims[i] != NULL && sw_hash_equal(&k->ids[i], id)) return true;
    return false;
}

void sw_gpu_manifests_keep(sw_gpu_manifests *m, sw_gpu_known *known) {
    for (size_t i = 0; known != NULL && i < m->count; i++) {
        if (m->made[i] == NULL || known_has(known, &m->ids[i])) continue;
        size_t place = known->kept++ % SW_GPU_RIM_COUNT;
        rim_drop(&known->rims[place]);
        known->ids[place] = m->ids[i];
        known->rims[place] = m->made[i];
        m->made[i] = NULL;
    }
}
