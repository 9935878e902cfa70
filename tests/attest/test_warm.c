/* SPDX-License-Identifier: Apache-2.0
 *
 * A verifier that has seen a quote's chain and collateral judges the next quote without taking
 * anything from the allocator (EVD-106). OpenSSL's own requests are told apart: it gets its memory
 * through functions of the test.
 */
#include "attest/forge.h"
#include "attest/quote.h"

#include <openssl/crypto.h>

/* One thread; volatile, because a compiler knows malloc and believes that it looks at nothing. */
static volatile bool of_openssl;
static volatile size_t requests;

#if defined(SW_VARIANT_ASAN) || defined(SW_VARIANT_TSAN)
__attribute__((visibility("default"))) void __sanitizer_malloc_hook(const volatile void *p,
                                                                    size_t size);
void __sanitizer_malloc_hook(const volatile void *p, size_t size) {
    (void)p;
    (void)size;
    if (!of_openssl) requests = requests + 1;
}
#else
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *malloc(size_t size) {
    if (!of_openssl) requests = requests + 1;
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    if (!of_openssl) requests = requests + 1;
    return __libc_calloc(count, size);
}
void *realloc(void *p, size_t size) {
    if (!of_openssl) requests = requests + 1;
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

static forge house;

static size_t requests_of(const bend *b, sw_verifier *v, sw_quote_claims *out) {
    sw_error err = {0};
    size_t before = requests;
    sw_status status = sw_quote_verify(SW_BYTES(b->quote, b->quote_size), &b->e.collateral,
                                       &b->policy, b->at_ms, v, out, &err);
    size_t taken = requests - before;
    if (status != SW_OK) fail_msg("%s", err.message);
    return taken;
}

/* Other quotes of the same machine, in both versions, at other times. */
static void test_a_warm_verifier(void **state) {
    (void)state;
    for (unsigned type = 1; type <= 3; type++) {
        bend b;
        sw_quote_claims c;
        sw_verifier *v = NULL;
        bend_start(&b, &house);
        if (type > 1) make_v5(&b, type);
        assert_int_equal(sw_verifier_open(NULL, &v, NULL), SW_OK);
        size_t cold = requests_of(&b, v, &c);
        print_message("# the first quote of its kind: %zu requests\n", cold);
        assert_true(cold > 10); /* the count counts */
        for (uint8_t i = 0; i < 50; i++) {
            in_body(&b, AT_REPORT_DATA)[i] ^= 0xa5;
            sign_quote(&b);
            b.at_ms += 1000;
            assert_int_equal(requests_of(&b, v, &c), 0);
            assert_memory_equal(c.td.report_data, in_body(&b, AT_REPORT_DATA), 64);
        }
        assert_true(requests_of(&b, NULL, &c) > 10);
        sw_verifier_close(&v);
        bend_end(&b);
    }
}

int main(void) {
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1) return 1;
    forge_open(&house);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_warm_verifier)};
    int failed = cmocka_run_group_tests_name("warm", tests, NULL, NULL);
    forge_close(&house);
    return failed;
}
