/* SPDX-License-Identifier: Apache-2.0
 *
 * Eight GPUs judged as one set, as a key service judges them at every renewal: gpu8 ROUNDS LANES
 * prints, for each round, microseconds of the verdict, of the verdict over devices that nobody has
 * seen with manifests that were seen, of the one with nothing seen, of two floors, and of the first
 * with an OCSP answer for each certificate. The devices are forged; what is computed is what
 * NVIDIA's own would take.
 *
 * A floor is OpenSSL's P-384 alone, keys ready, on as many threads: one verification for each
 * distinct signature of a set that is seen for the first time (8 reports, 8 leaves, 8 boot ROMs,
 * provisioner and family), and one for each report, which are what is new of a set that is known.
 * No parsing, no paths, no dates.
 */
#include "attest/gpu_forge.h"
#include "crypto/crypto_internal.h"
#include "crypto/ocsp_maker.h"
#include "sys/pool.h"

#include <stdio.h>
#include <time.h>

enum { DEVICES = 8, SIGNATURES = 3 * DEVICES + 2, CERT_BYTES = 700, ROUNDS_MAX = 100000 };
enum { ANSWERS = DEVICES + 4 }; /* boot ROMs; provisioner, family; the manifests' signer and CA */

typedef struct signature {
    EVP_PKEY *key;
    sw_bytes message;
    uint8_t der[128];
    size_t size;
} signature;
static struct {
    gpu_made made[DEVICES];
    sw_gpu_device devices[DEVICES];
    sw_buffer rims[2];
    signature signatures[SIGNATURES];
    sw_pool *pool;
    bool failed[SIGNATURES];
    sw_buffer answers[ANSWERS];
} b;

static int64_t now_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- floor ---- */
static void floor_prepare(void) {
    for (size_t i = 0; i < SIGNATURES; i++) {
        signature *s = &b.signatures[i];
        const gpu_party *party = &b.made[i % DEVICES].leaf;
        sw_bytes report = sw_buffer_bytes(&b.made[i % DEVICES].report);
        s->message = SW_BYTES(report.data, i < DEVICES ? report.size - 96 : CERT_BYTES);
        s->size = sizeof s->der;
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        assert_int_equal(sw_p384_evp_secret(party->secret, &s->key, NULL), SW_OK);
        assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, s->key), 1);
        assert_int_equal(EVP_DigestSign(ctx, s->der, &s->size, s->message.data, s->message.size),
                         1);
        EVP_MD_CTX_free(ctx);
    }
}

static void floor_one(void *context, size_t index, size_t lane) {
    (void)context;
    (void)lane;
    const signature *s = &b.signatures[index];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    b.failed[index] = EVP_DigestVerifyInit(ctx, NULL, EVP_sha384(), NULL, s->key) != 1 ||
                      EVP_DigestVerify(ctx, s->der, s->size, s->message.data, s->message.size) != 1;
    EVP_MD_CTX_free(ctx);
}

static int64_t floor_us(size_t count) {
    int64_t start = now_us();
    sw_pool_run(b.pool, count, floor_one, NULL);
    int64_t end = now_us();
    for (size_t i = 0; i < count; i++) assert_false(b.failed[i]);
    return end - start;
}

/* ---- answers ---- */
static void answer_put(size_t place, const gpu_party *about, const gpu_party *issuer) {
    signer by = {.p384 = true, .cert = issuer->cert};
    assert_int_equal(sw_p384_evp_secret(issuer->secret, &by.evp, NULL), SW_OK);
    const answer a = {.about = about->cert,
                      .issuer = issuer->cert,
                      .id_hash = EVP_sha384(),
                      .status = V_OCSP_CERTSTATUS_GOOD,
                      .reason = -1,
                      .from = GPU_NOW - GPU_DAY / 2,
                      .until = GPU_NOW + GPU_DAY,
                      .by = &by,
                      .hash = EVP_sha384(),
                      .flags = OCSP_NOCERTS};
    b.answers[place] = SW_BUFFER(SW_OCSP_LIMIT);
    answer_make(&a, &b.answers[place]);
    EVP_PKEY_free(by.evp);
}

static void answers_make(void) {
    for (size_t i = 0; i < DEVICES; i++) answer_put(i, &b.made[i].boot, &gpu_maker.provisioner);
    answer_put(DEVICES, &gpu_maker.provisioner, &gpu_maker.family);
    answer_put(DEVICES + 1, &gpu_maker.family, &gpu_maker.root);
    answer_put(DEVICES + 2, &gpu_maker.rim_signer, &gpu_maker.rim_ca);
    answer_put(DEVICES + 3, &gpu_maker.rim_ca, &gpu_maker.rim_root);
}

/* ---- ours ---- */
static int64_t verdict_us(sw_gpu_known *known, size_t answers) {
    static sw_gpu_claims claims[DEVICES];
    sw_error err = {0};
    sw_bytes rims[2] = {sw_buffer_bytes(&b.rims[0]), sw_buffer_bytes(&b.rims[1])};
    sw_bytes ocsp[ANSWERS];
    for (size_t i = 0; i < answers; i++) ocsp[i] = sw_buffer_bytes(&b.answers[i]);
    sw_gpu_collateral c = {.rims = rims,
                           .rim_count = 2,
                           .ocsp = ocsp,
                           .ocsp_count = answers,
                           .known = known,
                           .pool = b.pool};
    int64_t start = now_us();
    if (sw_gpu_verify(b.devices, DEVICES, &c, &gpu_maker.policy, GPU_NOW, NULL, claims, &err) !=
        SW_OK)
        fail_msg("%s", err.message);
    return now_us() - start;
}

static void chains_forget(sw_gpu_known *known) {
    for (size_t i = 0; i < SW_GPU_LIMIT; i++) sw_cert_cache_free(&known->chains[i]);
    for (size_t i = 0; i < SW_GPU_LIMIT; i++) sw_gpu_chain_drop(&known->held[i]);
    memset(known->chains, 0, sizeof known->chains);
}

int main(int argc, char **argv) {
    static sw_gpu_known known;
    int rounds = argc == 3 ? atoi(argv[1]) : 0, lanes = argc == 3 ? atoi(argv[2]) : 0;
    if (rounds < 1 || rounds > ROUNDS_MAX || lanes < 1 || lanes > DEVICES) {
        fprintf(stderr, "usage: gpu8 ROUNDS LANES\n");
        return 2;
    }
    gpu_maker_open();
    for (size_t i = 0; i < DEVICES; i++) {
        gpu_make(&(gpu_plan){.serial = 900 + i, .feature = 1, .nonce = 7}, &b.made[i]);
        b.devices[i] = gpu_device(&b.made[i]);
    }
    gpu_manifest(SW_RIM_DRIVER, false, "570.00.1", NULL, &b.rims[0]);
    gpu_manifest(SW_RIM_VBIOS, false, "96.00.CF.00.02", NULL, &b.rims[1]);
    floor_prepare();
    assert_int_equal(sw_pool_open((size_t)lanes, &b.pool, NULL), SW_OK);
    answers_make();
    (void)verdict_us(&known, ANSWERS);
    for (int i = 0; i < rounds; i++) {
        long long ours = verdict_us(&known, 0), answered = verdict_us(&known, ANSWERS);
        chains_forget(&known);
        long long first = verdict_us(&known, 0), fresh = verdict_us(NULL, 0);
        long long all = floor_us(SIGNATURES), reports = floor_us(DEVICES);
        printf("%lld %lld %lld %lld %lld %lld\n", ours, first, fresh, all, reports, answered);
    }
    sw_pool_close(&b.pool);
    sw_gpu_known_free(&known);
    for (size_t i = 0; i < SIGNATURES; i++) EVP_PKEY_free(b.signatures[i].key);
    for (size_t i = 0; i < DEVICES; i++) gpu_made_free(&b.made[i]);
    for (size_t i = 0; i < 2; i++) sw_buffer_free(&b.rims[i]);
    for (size_t i = 0; i < ANSWERS; i++) sw_buffer_free(&b.answers[i]);
    gpu_maker_close();
    return 0;
}
