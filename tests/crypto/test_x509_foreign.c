/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains that PyPI's cryptography made (golden_x509.h): right ones verify, those that break one
 * rule of RFC 5280 are refused.
 */
#include "crypto/vector.h"
/* golden data second */
#include "crypto/golden_x509.h"
#include "crypto/x509.h"

#include <string.h>

#define NOW (INT64_C(1780000000) * 1000) /* 2026-05-28T20:26:40Z */

typedef struct loaded {
    sw_arena arena;
    sw_cert *chain[8];
    sw_crl *crls[8];
    sw_bytes anchor;
} loaded;

static void load(loaded *l, const golden_chain *c) {
    memset(l, 0, sizeof *l);
    for (size_t i = 0; i < c->count; i++)
        if (sw_cert_parse(unhex(&l->arena, golden_blobs[c->chain[i]]), &l->chain[i], NULL) != SW_OK)
            fail_msg("%s: certificate %zu", c->name, i);
    for (size_t i = 0; i < c->crl_count; i++)
        if (sw_crl_parse(unhex(&l->arena, golden_blobs[c->crls[i]]), &l->crls[i], NULL) != SW_OK)
            fail_msg("%s: list %zu", c->name, i);
    l->anchor = unhex(&l->arena, golden_blobs[0]);
}

static void drop(loaded *l) {
    for (size_t i = 0; i < COUNT(l->chain); i++) sw_cert_free(&l->chain[i]);
    for (size_t i = 0; i < COUNT(l->crls); i++) sw_crl_free(&l->crls[i]);
    sw_arena_free(&l->arena);
}

static void test_chains(void **state) {
    (void)state;
    size_t verified = 0;
    for (size_t i = 0; i < COUNT(golden_chains); i++) {
        const golden_chain *c = &golden_chains[i];
        loaded l;
        sw_error err = {0};
        load(&l, c);
        sw_status got =
            sw_chain_verify(l.chain, c->count, l.anchor, l.crls, c->crl_count, NOW, &err);
        if (c->message == NULL && got != SW_OK) fail_msg("%s: %s", c->name, err.message);
        if (c->message != NULL && (got != SW_REFUSED || strcmp(err.word, "evidence") != 0 ||
                                   strstr(err.message, c->message) == NULL))
            fail_msg("%s: %d %s", c->name, got, err.message);
        verified += got == SW_OK;
        drop(&l);
    }
    assert_in_range(verified, 8, COUNT(golden_chains) / 2);
}

static const golden_chain *chain_named(const char *name) {
    for (size_t i = 0; i < COUNT(golden_chains); i++)
        if (strcmp(golden_chains[i].name, name) == 0) return &golden_chains[i];
    return NULL;
}

static void test_fields_refused(void **state) {
    (void)state;
    loaded l;
    char name[64] = "untouched";
    sw_p256_public key = {{9}};
    load(&l, chain_named("two common names"));
    assert_int_equal(sw_cert_common_name(l.chain[0], name, sizeof name, NULL), SW_MALFORMED);
    assert_string_equal(name, "untouched");
    drop(&l);
    load(&l, chain_named("P-384 key"));
    assert_int_equal(sw_cert_key(l.chain[0], &key, NULL), SW_MALFORMED);
    assert_int_equal(key.b[0], 9);
    drop(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_fields_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
