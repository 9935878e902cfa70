/* SPDX-License-Identifier: Apache-2.0
 *
 * The manifests of one call, each verified once and shared by all devices (GPU-041), and those that
 * held before (GPU-043).
 *
 * A known one is found by the hash of its exact bytes and of the root it was verified to; its dates
 * are judged anew, by sw_rim_verify itself when they do not hold, so that the refusal is the same.
 */
#include "attest/gpu_internal.h"

#include <stdlib.h>

static void rim_drop(sw_rim **rim) {
    if (*rim != NULL) sw_rim_free(*rim);
    free(*rim);
    *rim = NULL;
}

void sw_gpu_known_free(sw_gpu_known *k) {
    for (size_t i = 0; i < SW_GPU_RIM_COUNT; i++) rim_drop(&k->rims[i]);
    k->kept = 0;
}

void sw_gpu_manifests_free(sw_gpu_manifests *m) {
    for (size_t i = 0; i < SW_GPU_RIM_COUNT; i++) rim_drop(&m->made[i]);
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

static sw_status manifest_add(sw_gpu_manifests *m, sw_bytes xml, const sw_gpu_known *known,
                              const sw_hash *root, int64_t wall_ms, sw_error *err) {
    sw_bytes parts[2] = {SW_BYTES_OF(root->b), xml};
    size_t place = m->count;
    sw_sha256_parts(&m->ids[place], parts, 2);
    m->rims[place] = known_find(known, &m->ids[place], wall_ms);
    if (m->rims[place] == NULL) {
        sw_rim *made = calloc(1, sizeof *made);
        if (made == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a manifest");
        m->rims[place] = m->made[place] = made;
        SW_TRY(sw_rim_verify(xml, root, wall_ms, made, err));
    }
    m->count++;
    return SW_OK;
}

sw_status sw_gpu_manifests_verify(sw_gpu_manifests *m, const sw_gpu_collateral *c,
                                  const sw_hash *root, int64_t wall_ms, sw_error *err) {
    if (m->verified) return SW_OK;
    if (c->rim_count > SW_GPU_RIM_COUNT)
        return sw_fail(err, SW_LIMIT, "evidence", "more than %d manifests", SW_GPU_RIM_COUNT);
    for (size_t i = 0; i < c->rim_count; i++) {
        sw_status status = manifest_add(m, c->rims[i], c->known, root, wall_ms, err);
        if (status == SW_OK) continue;
        sw_error_prefix(err, "manifest %zu", i);
        return status;
    }
    m->verified = true;
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
