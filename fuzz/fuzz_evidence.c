/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence: what parses is its own canonical encoding, can be explained, and is judged without harm
 * under its own roots (so that the verifier is reached in depth) and refused under others. A
 * verifier that lives from input to input comes to the same verdict as one that knows nothing. What
 * holds fits a policy that names just this machine, and none that names another.
 */
#include "attest/rim_internal.h"
#include "attest/tdx_internal.h"
#include "codec/text.h"
#include "fuzz.h"

#include <string.h>

#define AT_MS (INT64_C(1790000000) * 1000) /* inside the corpus's window */

static sw_status note_root(void *context, sw_bytes der, sw_error *err) {
    (void)err;
    sw_sha256(context, der);
    return SW_OK;
}

/* The last certificate of the first device's chain, and of the first manifest's. */
static void gpu_roots(const sw_evidence *e, sw_gpu_policy *p) {
    SW_SCOPED(sw_rim_reading) reading = {0};
    SW_SCOPED(sw_rim) rim = {0};
    if (sw_pem_decode(e->gpus[0].chain, "CERTIFICATE", 8, note_root, &p->device_root, NULL) !=
        SW_OK)
        p->device_root.b[0] = 1;
    if (e->gpu_collateral.rim_count > 0 &&
        sw_rim_read(e->gpu_collateral.rims[0], &rim, &reading, NULL) == SW_OK)
        sw_sha256(&p->rim_root, sw_cert_der(rim.chain[rim.chain_count - 1]));
}

static uint32_t gpus_alone(const sw_claims *c) {
    uint32_t count = 0;
    for (size_t i = 0; i < c->gpu_count; i++) count += !c->gpus[i].is_switch;
    return count;
}

static sw_policy policy_for(const sw_evidence *e) {
    sw_policy p = {.platform = e->platform,
                   .anchor_count = 1,
                   .image_count = 1,
                   .any_device = true,
                   .minimum_evaluation_number = 1};
    p.anchors[0].b[0] = 1;
    p.images[0].mrtd[0] = 1;
    memcpy(p.images[0].name, "image", 6);
    if (e->gpu_count > 0)
        p.gpu = (sw_gpu_policy){.count = 1,
                                .device_root = {{1}},
                                .rim_root = {{2}},
                                .any_device = true,
                                .any_driver = true};
    return p;
}

/* `p` after the claims: this image, these devices, as many GPUs. */
static void policy_check(const sw_policy *judged, sw_claims *claims) {
    sw_policy p = *judged;
    memcpy(p.images[0].mrtd, claims->mrtd, sizeof claims->mrtd);
    memcpy(p.images[0].rtmr, claims->rtmr, sizeof p.images[0].rtmr);
    p.any_device = false;
    p.device_count = 1;
    p.devices[0] = claims->device;
    p.gpu.count = gpus_alone(claims);
    sw_status status = sw_policy_check(&p, claims, NULL, NULL);
    FUZZ_REQUIRE(status == SW_OK || strcmp(claims->tcb_status, "UpToDate") != 0 ||
                 claims->tcb_evaluation_number == 0 || claims->qe_evaluation_number == 0 ||
                 claims->gpu_count > 0);
    FUZZ_REQUIRE(status != SW_OK || strcmp(claims->image, "image") == 0);
    p.devices[0].b[0] ^= 1;
    FUZZ_REQUIRE(sw_policy_check(&p, claims, NULL, NULL) == SW_REFUSED);
}

static sw_verifier *lasting;

static void judge_twice(sw_bytes input, const sw_policy *p) {
    sw_claims claims, again;
    sw_error fresh = {0}, known = {0};
    if (lasting == NULL) FUZZ_REQUIRE(sw_verifier_open(NULL, &lasting, NULL) == SW_OK);
    sw_status status = sw_evidence_verify(input, p, AT_MS, NULL, &claims, &fresh);
    FUZZ_REQUIRE(sw_evidence_verify(input, p, AT_MS, lasting, &again, &known) == status);
    FUZZ_REQUIRE(strcmp(fresh.message, known.message) == 0);
    if (status != SW_OK) return;
    FUZZ_REQUIRE(strcmp(claims.tcb_status, again.tcb_status) == 0);
    FUZZ_REQUIRE(memcmp(claims.rtmr, again.rtmr, sizeof claims.rtmr) == 0);
    FUZZ_REQUIRE(claims.valid_until_ms == again.valid_until_ms);
    policy_check(p, &claims);
}

static void judge(sw_bytes input, const sw_evidence *e) {
    sw_tdx_quote quote;
    sw_claims claims;
    sw_policy p = policy_for(e);
    FUZZ_REQUIRE(sw_evidence_verify(input, &p, AT_MS, NULL, &claims, NULL) != SW_OK);
    if (sw_tdx_quote_parse(e->quote, &quote, NULL) != SW_OK) return;
    if (e->gpu_count > 0) gpu_roots(e, &p.gpu);
    if (sw_pem_decode(quote.pck_chain, "CERTIFICATE", 3, note_root, &p.anchors[0], NULL) == SW_OK)
        judge_twice(input, &p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)64 << 20};
    SW_SCOPED(sw_buffer) again = SW_BUFFER(2 * SW_EVIDENCE_LIMIT);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(2 * SW_EVIDENCE_LIMIT);
    sw_evidence e;
    sw_bytes input = SW_BYTES(data, size);
    if (sw_evidence_parse(&a, input, &e, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(sw_evidence_encode(&e, &again, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&again), input));
    (void)sw_evidence_explain(input, &text, NULL);
    judge(input, &e);
    return 0;
}
