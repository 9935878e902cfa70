/* SPDX-License-Identifier: Apache-2.0
 *
 * The floor under judging a quote: the same primitives by OpenSSL alone over the same bytes. Two
 * chains under their revocation lists (strict, every certificate below the root), the signatures of
 * TCB info, QE identity, QE report and quote, a hash of the root and one of the attestation key.
 * Nothing else: no layout is checked, no JSON read, no name or level compared. tdx_floor FOLDER
 * ROUNDS prints the medians of one: microseconds that pass, and those of processor time.
 *
 * It is meant to be hard to beat: certificates, lists, stores and the keys of PCK and signer are
 * parsed once; only the attestation key comes with each quote.
 */
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { QUOTES = 16, ROUNDS_MAX = 100000, FILE_LIMIT = 1 << 20 };
enum { /* offsets in a quote of version 4 with 32 bytes of authentication data */
       SIGNED_BYTES = 632,
       AT_SIGNATURE = 636,
       AT_KEY = 700,
       AT_QE_REPORT = 770,
       QE_REPORT_BYTES = 384,
       AT_QE_SIGNATURE = 1154,
       AT_AUTH = 1220,
       AUTH_BYTES = 32,
       AT_CHAIN = 1258
};

typedef struct text {
    unsigned char *data;
    size_t size;
} text;

typedef struct ground {
    text quotes[QUOTES], documents[2], signatures[2];
    X509 *pck[3], *signer;
    X509_CRL *lists[2];
    X509_STORE *store;
    STACK_OF(X509) * ca;
    EVP_PKEY *pck_key, *signer_key, *pattern; /* a P-256 key that others are copied from */
    unsigned char *root_der;
    int root_size;
} ground;

static bool take(const char *folder, const char *name, text *out) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    out->data = malloc(FILE_LIMIT);
    if (file == NULL || out->data == NULL) return false;
    out->size = fread(out->data, 1, FILE_LIMIT, file);
    return fclose(file) == 0;
}

static bool list_take(const char *folder, const char *name, X509_CRL **out) {
    text der;
    if (!take(folder, name, &der)) return false;
    const unsigned char *at = der.data;
    *out = d2i_X509_CRL(NULL, &at, (long)der.size);
    free(der.data);
    return *out != NULL;
}

static bool prepare(ground *g, const char *folder) {
    static const char *const names[2][2] = {{"tcb_info", "tcb_info.sig"},
                                            {"qe_identity", "qe_identity.sig"}};
    text signers;
    char name[32];
    for (int i = 0; i < QUOTES; i++) {
        (void)snprintf(name, sizeof name, "quote-%02d.bin", i);
        if (!take(folder, name, &g->quotes[i])) return false;
    }
    for (int i = 0; i < 2; i++)
        if (!take(folder, names[i][0], &g->documents[i]) ||
            !take(folder, names[i][1], &g->signatures[i]))
            return false;
    if (!take(folder, "signers.pem", &signers) ||
        !list_take(folder, "root_crl.der", &g->lists[0]) ||
        !list_take(folder, "pck_crl.der", &g->lists[1]))
        return false;
    BIO *chain = BIO_new_mem_buf(g->quotes[0].data + AT_CHAIN, (int)(g->quotes[0].size - AT_CHAIN));
    for (int i = 0; i < 3; i++) g->pck[i] = PEM_read_bio_X509(chain, NULL, NULL, NULL);
    BIO_free(chain);
    chain = BIO_new_mem_buf(signers.data, (int)signers.size);
    g->signer = PEM_read_bio_X509(chain, NULL, NULL, NULL);
    BIO_free(chain);
    free(signers.data);
    if (g->pck[2] == NULL || g->signer == NULL) return false;
    g->store = X509_STORE_new();
    X509_STORE_add_cert(g->store, g->pck[2]);
    for (int i = 0; i < 2; i++) X509_STORE_add_crl(g->store, g->lists[i]);
    g->ca = sk_X509_new_null();
    sk_X509_push(g->ca, g->pck[1]);
    g->pck_key = X509_get0_pubkey(g->pck[0]);
    g->signer_key = X509_get0_pubkey(g->signer);
    g->pattern = EVP_PKEY_dup(g->pck_key);
    g->root_size = i2d_X509(g->pck[2], &g->root_der);
    return g->pattern != NULL && g->root_size > 0;
}

/* ---- one judgement's primitives ---- */
static bool chain_holds(const ground *g, X509 *leaf, STACK_OF(X509) * between) {
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool good = X509_STORE_CTX_init(ctx, g->store, leaf, between) == 1;
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CRL_CHECK |
                                      X509_V_FLAG_CRL_CHECK_ALL);
    good = good && X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    return good;
}

static bool signature_holds(EVP_PKEY *key, const unsigned char *raw, const unsigned char *message,
                            size_t size) {
    unsigned char der[80], *end = der;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
    int length = i2d_ECDSA_SIG(sig, &end);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = length > 0 && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(ctx, der, (size_t)length, message, size) == 1;
    EVP_MD_CTX_free(ctx);
    ECDSA_SIG_free(sig);
    return good;
}

static bool quote_holds(const ground *g, const unsigned char *quote) {
    unsigned char point[65] = {4}, bound[AUTH_BYTES + 64], hash[32];
    memcpy(point + 1, quote + AT_KEY, 64);
    EVP_PKEY *key = EVP_PKEY_dup(g->pattern);
    bool good = key != NULL && EVP_PKEY_set1_encoded_public_key(key, point, sizeof point) == 1 &&
                signature_holds(key, quote + AT_SIGNATURE, quote, SIGNED_BYTES);
    EVP_PKEY_free(key);
    memcpy(bound, point + 1, 64);
    memcpy(bound + 64, quote + AT_AUTH, AUTH_BYTES);
    return good && EVP_Digest(bound, sizeof bound, hash, NULL, EVP_sha256(), NULL) == 1 &&
           memcmp(hash, quote + AT_QE_REPORT + 320, sizeof hash) == 0;
}

static bool judge(const ground *g, size_t round) {
    const unsigned char *quote = g->quotes[round % QUOTES].data;
    unsigned char anchor[32];
    return EVP_Digest(g->root_der, (size_t)g->root_size, anchor, NULL, EVP_sha256(), NULL) == 1 &&
           chain_holds(g, g->pck[0], g->ca) && chain_holds(g, g->signer, NULL) &&
           signature_holds(g->signer_key, g->signatures[0].data, g->documents[0].data,
                           g->documents[0].size) &&
           signature_holds(g->signer_key, g->signatures[1].data, g->documents[1].data,
                           g->documents[1].size) &&
           signature_holds(g->pck_key, quote + AT_QE_SIGNATURE, quote + AT_QE_REPORT,
                           QE_REPORT_BYTES) &&
           quote_holds(g, quote);
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

int main(int argc, char **argv) {
    static ground g;
    static double times[ROUNDS_MAX], work[ROUNDS_MAX];
    int rounds = argc == 3 ? atoi(argv[2]) : 0;
    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: tdx_floor FOLDER ROUNDS\n");
        return 2;
    }
    bool good = prepare(&g, argv[1]) && judge(&g, 0);
    for (int i = 0; i < rounds && good; i++) {
        double start = now_us(CLOCK_MONOTONIC), used = now_us(CLOCK_THREAD_CPUTIME_ID);
        good = judge(&g, (size_t)i);
        work[i] = now_us(CLOCK_THREAD_CPUTIME_ID) - used;
        times[i] = now_us(CLOCK_MONOTONIC) - start;
    }
    if (!good) {
        fprintf(stderr, "tdx_floor: failed\n");
        return 1;
    }
    qsort(times, (size_t)rounds, sizeof times[0], order);
    qsort(work, (size_t)rounds, sizeof work[0], order);
    printf("%.1f %.1f\n", times[rounds / 2], work[rounds / 2]);
    return 0;
}
