/* SPDX-License-Identifier: Apache-2.0
 *
 * The floor under sealing: AES-256-GCM and SHA-256 leaves over the same bytes, in chunks of 1 MiB,
 * plus reading and writing them between two files, and the sync that a file which must not be lost
 * costs. Nothing else: no format, no order, no rows, no key of anyone's. floor seal|unseal THREADS
 * IN OUT
 *
 * It is meant to be hard to beat: every thread takes the next chunk by one atomic addition, reads
 * and writes it at its known place, and keeps it in its own cache in between; ciphers and digests
 * are set up once.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, TAG = 16, THREADS_MAX = 8 };
static const unsigned char key[32] = "a key that protects nothing here";

typedef struct job {
    int in, out;
    bool sealing;
    uint64_t in_bytes, chunk_count;
    _Atomic uint64_t next;
    atomic_bool failed;
    unsigned char *leaves; /* 32 bytes each */
} job;

static bool transfer(ssize_t (*move)(int, void *, size_t, off_t), int fd, unsigned char *data,
                     size_t size, uint64_t at) {
    while (size > 0) {
        ssize_t n = move(fd, data, size, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        data += n;
        size -= (size_t)n;
        at += (uint64_t)n;
    }
    return true;
}

static ssize_t move_out(int fd, void *data, size_t size, off_t at) {
    return pwrite(fd, data, size, at);
}

static bool hash(EVP_MD_CTX *sha, const unsigned char *data, size_t size, unsigned char *leaf) {
    return EVP_DigestInit_ex2(sha, NULL, NULL) == 1 && EVP_DigestUpdate(sha, data, size) == 1 &&
           EVP_DigestFinal_ex(sha, leaf, NULL) == 1;
}

static bool seal(EVP_CIPHER_CTX *aes, const unsigned char *nonce, unsigned char *data, int size) {
    int n = 0;
    return EVP_EncryptInit_ex(aes, NULL, NULL, NULL, nonce) == 1 &&
           EVP_EncryptUpdate(aes, data, &n, data, size) == 1 &&
           EVP_EncryptFinal_ex(aes, data, &n) == 1 &&
           EVP_CIPHER_CTX_ctrl(aes, EVP_CTRL_AEAD_GET_TAG, TAG, data + size) == 1;
}

static bool unseal(EVP_CIPHER_CTX *aes, const unsigned char *nonce, unsigned char *data, int size) {
    int n = 0;
    return EVP_DecryptInit_ex(aes, NULL, NULL, NULL, nonce) == 1 &&
           EVP_DecryptUpdate(aes, data, &n, data, size) == 1 &&
           EVP_CIPHER_CTX_ctrl(aes, EVP_CTRL_AEAD_SET_TAG, TAG, data + size) == 1 &&
           EVP_DecryptFinal_ex(aes, data, &n) == 1;
}

static bool one_chunk(job *j, uint64_t index, EVP_CIPHER_CTX *aes, EVP_MD_CTX *sha,
                      unsigned char *data) {
    uint64_t in_chunk = j->sealing ? CHUNK : CHUNK + TAG,
             out_chunk = j->sealing ? CHUNK + TAG : CHUNK;
    uint64_t left = j->in_bytes - index * in_chunk;
    size_t size = (size_t)(left < in_chunk ? left : in_chunk);
    unsigned char nonce[12] = {0}, *leaf = j->leaves + 32 * index;
    memcpy(nonce, &index, sizeof index);
    if (!transfer(pread, j->in, data, size, index * in_chunk)) return false;
    bool good = j->sealing
                    ? seal(aes, nonce, data, (int)size) && hash(sha, data, size + TAG, leaf)
                    : hash(sha, data, size, leaf) && unseal(aes, nonce, data, (int)size - TAG);
    size = j->sealing ? size + TAG : size - TAG;
    return good && transfer(move_out, j->out, data, size, index * out_chunk);
}

static void *run_thread(void *argument) {
    job *j = argument;
    EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    unsigned char *data = aligned_alloc(64, CHUNK + 64);
    bool good = aes && sha && data && EVP_DigestInit_ex2(sha, EVP_sha256(), NULL) == 1 &&
                (j->sealing ? EVP_EncryptInit_ex(aes, EVP_aes_256_gcm(), NULL, key, NULL)
                            : EVP_DecryptInit_ex(aes, EVP_aes_256_gcm(), NULL, key, NULL)) == 1;
    while (good && !j->failed) {
        uint64_t index = atomic_fetch_add(&j->next, 1);
        if (index >= j->chunk_count) break;
        good = one_chunk(j, index, aes, sha, data);
    }
    if (!good) j->failed = true;
    free(data);
    EVP_MD_CTX_free(sha);
    EVP_CIPHER_CTX_free(aes);
    return NULL;
}

static bool run(job *j, int threads) {
    pthread_t others[THREADS_MAX];
    int started = 0;
    for (; started < threads - 1; started++)
        if (pthread_create(&others[started], NULL, run_thread, j) != 0) j->failed = true;
    run_thread(j);
    for (int i = 0; i < started; i++) pthread_join(others[i], NULL);
    return !j->failed && fsync(j->out) == 0;
}

int main(int argc, char **argv) {
    struct stat st;
    int threads = argc == 5 ? atoi(argv[2]) : 0;
    if (threads < 1 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: floor seal|unseal THREADS IN OUT\n");
        return 2;
    }
    job j = {.in = open(argv[3], O_RDONLY),
             .out = open(argv[4], O_WRONLY | O_CREAT | O_EXCL, 0600),
             .sealing = strcmp(argv[1], "seal") == 0};
    uint64_t in_chunk = j.sealing ? CHUNK : CHUNK + TAG;
    if (j.in < 0 || j.out < 0 || fstat(j.in, &st) != 0) {
        perror("floor");
        return 1;
    }
    j.in_bytes = (uint64_t)st.st_size;
    j.chunk_count = (j.in_bytes + in_chunk - 1) / in_chunk;
    j.leaves = calloc(j.chunk_count + 1, 32);
    bool good = j.leaves != NULL && run(&j, threads);
    free(j.leaves);
    if (!good) fprintf(stderr, "floor: failed\n");
    return good ? 0 : 1;
}
