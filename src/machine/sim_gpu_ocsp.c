/* SPDX-License-Identifier: Apache-2.0
 *
 * What the simulated GPUs' authorities answer about their certificates: the OCSP answers that
 * NVIDIA's service would give, so that a simulated GPU is judged as a real one is.
 * docs/formats/gpu-policy.md, GPU-235.
 */
#include "codec/text.h"
#include "crypto/ocsp.h"
#include "machine/sim_internal.h"

#define DAY_MS     ((int64_t)24 * 3600 * 1000)
#define EARLIER_MS ((int64_t)5 * 60 * 1000) /* whoever judges may have a clock that is behind */

enum { ASKED = 3, DEVICE_CHAIN = ASKED + 2, RIM_CHAIN = ASKED + 1 };

typedef struct chain {
    sw_cert *certs[DEVICE_CHAIN];
    size_t count;
} chain;

static void chain_free(chain *c) {
    for (size_t i = 0; i < c->count; i++) sw_cert_free(&c->certs[i]);
}

static sw_status chain_add(void *context, sw_bytes der, sw_error *err) {
    chain *c = context;
    SW_TRY(sw_cert_parse(der, &c->certs[c->count], err));
    c->count++;
    return SW_OK;
}

typedef struct responder {
    sw_sim_gpus *g;
    int64_t from_ms;
    sw_hash told[SW_SIM_GPU_OCSP_LIMIT]; /* SHA-256 of the certificates so far */
    size_t count;
} responder;

static bool told_before(const responder *r, const sw_hash *digest) {
    for (size_t i = 0; i < r->count; i++)
        if (sw_hash_equal(&r->told[i], digest)) return true;
    return false;
}

static sw_status answer(responder *r, const sw_cert *cert, const sw_cert *issuer,
                        sw_sim_gpu_shared by, sw_error *err) {
    const sw_ocsp_plan plan = {cert, issuer, r->from_ms, r->from_ms + DAY_MS};
    SW_SCOPED(sw_buffer) der = SW_BUFFER(SW_OCSP_LIMIT);
    sw_hash digest;
    sw_sha256(&digest, sw_cert_der(cert));
    if (told_before(r, &digest)) return SW_OK;
    SW_CHECK(err, r->count < SW_SIM_GPU_OCSP_LIMIT);
    sw_status status = sw_ocsp_make_p384(&plan, r->g->authorities[by]->b, &der, err);
    if (status == SW_USAGE) /* a folder that was put together from two */
        return sw_fail(err, SW_MALFORMED, "format", "%s is not the key of the certificate above it",
                       sw_sim_gpu_shared_files[by]);
    SW_TRY(status);
    sw_bytes kept = sw_arena_copy(&r->g->answers, sw_buffer_bytes(&der));
    if (kept.data == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for OCSP answers");
    r->g->ocsp[r->count] = kept;
    r->told[r->count++] = digest;
    return SW_OK;
}

/* The three below the root, each by the one above it; nobody asks after the root. */
static sw_status chain_answer(responder *r, sw_bytes pem, size_t count,
                              const sw_sim_gpu_shared by[ASKED], sw_error *err) {
    SW_SCOPED(chain) c = {.count = 0};
    SW_TRY(sw_pem_decode(pem, "CERTIFICATE", count, chain_add, &c, err));
    if (c.count != count)
        return sw_fail(err, SW_MALFORMED, "format", "a GPU's chain has %zu certificates, not %zu",
                       c.count, count);
    for (size_t i = 0, at = count - ASKED - 1; i < ASKED; i++, at++)
        SW_TRY(answer(r, c.certs[at], c.certs[at + 1], by[i], err));
    return SW_OK;
}

static sw_status all_answer(responder *r, sw_error *err) {
    static const sw_sim_gpu_shared device[ASKED] = {SW_SIM_GPU_PROVISIONER, SW_SIM_GPU_FAMILY,
                                                    SW_SIM_GPU_DEVICE_ROOT};
    static const sw_sim_gpu_shared rim[ASKED] = {SW_SIM_GPU_RIM_ISSUER, SW_SIM_GPU_RIM_CA,
                                                 SW_SIM_GPU_RIM_ROOT};
    for (size_t i = 0; i < r->g->facts.count; i++) {
        sw_status status = chain_answer(r, r->g->chains[i], DEVICE_CHAIN, device, err);
        if (status != SW_OK) sw_error_prefix(err, "gpu_%zu_chain.pem", i);
        SW_TRY(status);
    }
    sw_status status = chain_answer(r, r->g->rim_chain, RIM_CHAIN, rim, err);
    if (status != SW_OK) sw_error_prefix(err, "gpu_rim_chain.pem");
    return status;
}

sw_status sw_sim_gpus_answer(sw_sim_gpus *g, int64_t wall_ms, int64_t max_age_ms, sw_error *err) {
    int64_t age_ms = max_age_ms < DAY_MS ? max_age_ms : DAY_MS, past = wall_ms - EARLIER_MS;
    bool young = g->collateral.ocsp_count > 0 && wall_ms >= g->answered_ms &&
                 wall_ms - g->answered_ms < age_ms / 2;
    if (young || g->facts.count == 0) return SW_OK;
    responder r = {.g = g, .from_ms = past - past % 1000};
    g->collateral.ocsp_count = 0;
    sw_arena_free(&g->answers);
    SW_TRY(all_answer(&r, err));
    g->answered_ms = r.from_ms;
    g->collateral.ocsp = g->ocsp;
    g->collateral.ocsp_count = r.count;
    return SW_OK;
}
