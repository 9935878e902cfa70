/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts what a program asks of the allocator, on all threads, but for what OpenSSL asks: it gets
 * its memory through functions of this header (requests_begin, before anything else).
 */
#ifndef SW_TESTS_ATTEST_REQUESTS_H
#define SW_TESTS_ATTEST_REQUESTS_H
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* Volatile, because a compiler knows malloc and believes that it looks at nothing. */
static _Thread_local volatile bool of_openssl;
static atomic_size_t requests;

#if defined(SW_VARIANT_ASAN) || defined(SW_VARIANT_TSAN)
__attribute__((visibility("default"))) void __sanitizer_malloc_hook(const volatile void *p,
                                                                    size_t size);
void __sanitizer_malloc_hook(const volatile void *p, size_t size) {
    (void)p;
    (void)size;
    if (!of_openssl) requests++;
}
#else
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *malloc(size_t size) {
    if (!of_openssl) requests++;
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    if (!of_openssl) requests++;
    return __libc_calloc(count, size);
}
void *realloc(void *p, size_t size) {
    if (!of_openssl) requests++;
    return __libc_realloc(p, size);
}
#endif

static void *openssl_malloc(size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    of_openssl = true;
    void *p = malloc(size);
    of_openssl = false;
    return p;
}

static void *openssl_realloc(void *old, size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    of_openssl = true;
    void *p = realloc(old, size);
    of_openssl = false;
    return p;
}

static void openssl_free(void *p, const char *file, int line) {
    (void)file;
    (void)line;
    free(p);
}

static inline bool requests_begin(void) {
    return CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) == 1;
}
#endif
