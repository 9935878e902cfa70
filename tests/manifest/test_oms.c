/* SPDX-License-Identifier: Apache-2.0
 *
 * Model Signing: root digests that PyPI's model-signing gave, commitments by hashlib, our bundle
 * and what is refused in its place (docs/formats/manifest.md, MAN-041, MAN-050). That others verify
 * the bundle is shown in tests/parity/opened.py.
 */
#include "crypto/vector.h"
#include "manifest/manifest_internal.h"

#include <stdio.h>
#include <string.h>

#include "manifest/golden_oms.h"

enum { BUNDLE = 1 << 16 };

static void test_golden_roots(void **state) {
    (void)state;
    for (size_t m = 0; m < COUNT(golden_models); m++) {
        sw_oms_file files[SW_OMS_FILE_LIMIT];
        sw_hash root, salt, commitment;
        size_t count = golden_models[m].count;
        for (size_t i = 0; i < count; i++)
            files[i] = (sw_oms_file){
                golden_models[m].files[i].name,
                SW_BYTES(golden_models[m].files[i].content, golden_models[m].files[i].size)};
        assert_int_equal(sw_oms_root(files, count, &root, NULL), SW_OK);
        assert_hex(root.b, 32, golden_models[m].root);
        sw_sha256(&salt, SW_BYTES_OF(root.b));
        sw_model_commitment(&commitment, &salt, &root);
        assert_hex(commitment.b, 32, golden_models[m].commitment);
        for (size_t i = 0; i < count / 2; i++) { /* the order given means nothing */
            sw_oms_file held = files[i];
            files[i] = files[count - 1 - i];
            files[count - 1 - i] = held;
        }
        sw_hash again;
        assert_int_equal(sw_oms_root(files, count, &again, NULL), SW_OK);
        assert_memory_equal(root.b, again.b, 32);
    }
}

/* Tools disagree about the order of anything but plain base names. */
static void test_names_refused(void **state) {
    (void)state;
    static char longest[130];
    memset(longest, 'a', 129);
    static const char *const names[] = {"",     ".",           "..",  ".hidden", "a/b",  "/a",
                                        "a\\b", "a b",         "a\n", "a\x01",   "\x7f", "a:b",
                                        "a*",   "caf\xc3\xa9", "a+b", longest};
    for (size_t i = 0; i < COUNT(names); i++) {
        const sw_oms_file file = {names[i], SW_LITERAL("x")};
        sw_hash root = {{9}}, before = root;
        sw_error err = {0};
        assert_int_equal(sw_oms_root(&file, 1, &root, &err), SW_REFUSED);
        assert_string_equal(err.word, "model");
        assert_memory_equal(root.b, before.b, 32);
    }
    longest[128] = 0;
    const sw_oms_file good = {longest, SW_LITERAL("x")};
    sw_hash root;
    assert_int_equal(sw_oms_root(&good, 1, &root, NULL), SW_OK);
}

static void test_counts_refused(void **state) {
    (void)state;
    static char names[SW_OMS_FILE_LIMIT + 1][8];
    sw_oms_file files[SW_OMS_FILE_LIMIT + 1];
    sw_hash root;
    for (size_t i = 0; i < COUNT(files); i++) {
        (void)snprintf(names[i], sizeof names[i], "f%zu", i);
        files[i] = (sw_oms_file){names[i], SW_LITERAL("x")};
    }
    assert_int_equal(sw_oms_root(files, 0, &root, NULL), SW_LIMIT);
    assert_int_equal(sw_oms_root(files, SW_OMS_FILE_LIMIT + 1, &root, NULL), SW_LIMIT);
    assert_int_equal(sw_oms_root(files, SW_OMS_FILE_LIMIT, &root, NULL), SW_OK);
    files[63].name = "f7";
    assert_int_equal(sw_oms_root(files, SW_OMS_FILE_LIMIT, &root, NULL), SW_MALFORMED);
}

/* ---- the bundle ---- */

typedef struct model {
    uint64_t seed;
    sw_entropy entropy;
    sw_session_key key;
    sw_p256_public public, other;
    sw_oms_file files[3];
    sw_oms_listing listing;
    sw_buffer bundle;
} model;

static int set_up(void **state) {
    static model m;
    uint8_t unused[32];
    m = (model){.seed = 5, .bundle = SW_BUFFER(BUNDLE)};
    m.entropy = (sw_entropy){fill_from_seed, &m.seed};
    assert_int_equal(sw_p256_generate(&m.entropy, m.key.b, &m.public, NULL), SW_OK);
    assert_int_equal(sw_p256_generate(&m.entropy, unused, &m.other, NULL), SW_OK);
    m.files[0] = (sw_oms_file){"b.bin", SW_LITERAL("two")};
    m.files[1] = (sw_oms_file){"a.bin", SW_LITERAL("one")};
    m.files[2] = (sw_oms_file){"sealwright.json", SW_LITERAL("{}")};
    assert_int_equal(sw_oms_list(m.files, 3, &m.listing, NULL), SW_OK);
    assert_int_equal(sw_oms_sign("a model", m.files, 3, &m.key, &m.bundle, NULL), SW_OK);
    *state = &m;
    return 0;
}

static int tear_down(void **state) {
    sw_buffer_free(&((model *)*state)->bundle);
    return 0;
}

static sw_status check(const model *m, sw_bytes bundle) {
    return sw_oms_check(bundle, "a model", &m->listing, &m->public, NULL);
}

static void test_bundle_holds(void **state) {
    model *m = *state;
    assert_int_equal(check(m, sw_buffer_bytes(&m->bundle)), SW_OK);
    SW_SCOPED(sw_buffer) again = SW_BUFFER(BUNDLE);
    assert_int_equal(sw_oms_sign("a model", m->files, 3, &m->key, &again, NULL), SW_OK);
    assert_int_equal(check(m, sw_buffer_bytes(&again)), SW_OK);
    static const char *const said[] = {
        "{\"dsseEnvelope\":{\"payload\":\"", "\"payloadType\":\"application/vnd.in-toto+json\"",
        "\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\"", "\"tlogEntries\":[]"};
    for (size_t i = 0; i < COUNT(said); i++)
        assert_non_null(memmem(m->bundle.data, m->bundle.size, said[i], strlen(said[i])));
}

static void test_bundle_changed(void **state) {
    model *m = *state;
    sw_buffer *b = &m->bundle;
    for (size_t size = 0; size < b->size; size++)
        assert_int_not_equal(check(m, SW_BYTES(b->data, size)), SW_OK);
    for (size_t bit = 0; bit < b->size * 8; bit++) {
        b->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_not_equal(check(m, sw_buffer_bytes(b)), SW_OK);
        b->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    SW_SCOPED(sw_buffer) longer = SW_BUFFER(BUNDLE);
    sw_put_bytes(&longer, sw_buffer_bytes(b));
    sw_put_u8(&longer, '\n');
    assert_int_not_equal(check(m, sw_buffer_bytes(&longer)), SW_OK);
    assert_int_equal(check(m, sw_buffer_bytes(b)), SW_OK);
}

static void test_bundle_of_others(void **state) {
    const model *m = *state;
    sw_bytes bundle = sw_buffer_bytes(&m->bundle);
    sw_oms_listing other;
    assert_int_equal(sw_oms_check(bundle, "another", &m->listing, &m->public, NULL),
                     SW_UNAUTHENTIC);
    assert_int_equal(sw_oms_check(bundle, "a model", &m->listing, &m->other, NULL), SW_UNAUTHENTIC);
    sw_oms_file files[3];
    memcpy(files, m->files, sizeof files);
    files[0].name = "c.bin"; /* the same root: names are compared as well */
    assert_int_equal(sw_oms_list(files, 3, &other, NULL), SW_OK);
    sw_hash one, two;
    sw_oms_listing_root(&m->listing, &one);
    sw_oms_listing_root(&other, &two);
    assert_memory_equal(one.b, two.b, 32);
    assert_int_equal(sw_oms_check(bundle, "a model", &other, &m->public, NULL), SW_UNAUTHENTIC);
    assert_int_equal(sw_oms_list(m->files, 2, &other, NULL), SW_OK);
    assert_int_equal(sw_oms_check(bundle, "a model", &other, &m->public, NULL), SW_UNAUTHENTIC);
}

/* Shapes that JSON allows and a bundle of ours never has. */
static void test_bundle_shapes(void **state) {
    const model *m = *state;
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "null",
        "{\"dsseEnvelope\":1}",
        "{\"dsseEnvelope\":{}}",
        "{\"dsseEnvelope\":{\"signatures\":[]}}",
        "{\"dsseEnvelope\":{\"signatures\":[1]}}",
        "{\"dsseEnvelope\":{\"signatures\":[{\"sig\":\"\"}]}}",
        "{\"dsseEnvelope\":{\"signatures\":[{\"sig\":\"AAAA\"}]}}",
        "{\"dsseEnvelope\":{\"signatures\":[{\"sig\":\"@\"}]}}",
        "{\"dsseEnvelope\":{\"signatures\":[{\"sig\":\"AAAA\"},{\"sig\":\"AAAA\"}]}}"};
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_int_not_equal(check(m, sw_text(texts[i])), SW_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_roots),   cmocka_unit_test(test_names_refused),
        cmocka_unit_test(test_counts_refused), cmocka_unit_test(test_bundle_holds),
        cmocka_unit_test(test_bundle_changed), cmocka_unit_test(test_bundle_of_others),
        cmocka_unit_test(test_bundle_shapes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
