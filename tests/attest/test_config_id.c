/* SPDX-License-Identifier: Apache-2.0
 *
 * MRCONFIGID in its versions 0 to 3: constants of dstack's own tests, one of Python's hashlib
 * (golden_boot.py), and every way to contradict the log.
 */
#include "attest/golden_boot.h"
#include "attest/measure.h"
#include "crypto/secp256k1.h"
#include "crypto/vector.h"

#include <stdio.h>
#include <string.h>

static const uint8_t PINNED[] = {0xaa, 0xbb, 0xcc, 0xdd};
static uint8_t instance[20], policy[32], id33[32];

/* The facts behind the golden document; compose 00 to 1f, app 00 to 13. */
static sw_config_facts golden_facts(void) {
    sw_config_facts f = {.provider = SW_KEY_PROVIDER_LOCAL,
                         .provider_id = SW_BYTES_OF(id33),
                         .instance_id = SW_BYTES_OF(instance),
                         .gpu_policy = SW_BYTES_OF(policy),
                         .init_script_count = 2,
                         .document = SW_LITERAL(GOLDEN_CONFIG_DOCUMENT)};
    memset(instance, 0x44, sizeof instance);
    memset(policy, 0x55, sizeof policy);
    memset(id33, 0x33, sizeof id33);
    memset(f.init_scripts[0].b, 0xaa, 32);
    memset(f.init_scripts[1].b, 0xbb, 32);
    for (uint8_t i = 0; i < 32; i++) f.compose.b[i] = i;
    for (uint8_t i = 0; i < 20; i++) f.app_id[i] = i;
    return f;
}

static sw_config_facts plain_facts(void) {
    sw_config_facts f = golden_facts();
    f.document = (sw_bytes){0};
    return f;
}

/* What dstack's unit test of version 2 commits to. */
static sw_config_facts keccak_facts(void) {
    sw_config_facts f = plain_facts();
    f.provider = SW_KEY_PROVIDER_KMS;
    f.provider_id = SW_BYTES_OF(PINNED);
    return f;
}

static sw_status verify(const uint8_t id[48], const sw_config_facts *f, unsigned *version,
                        sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    unsigned before = *version;
    sw_status status = sw_config_id_verify(&a, id, f, version, err);
    if (status != SW_OK) assert_int_equal(*version, before);
    return status;
}

static void expect_refused(const uint8_t id[48], const sw_config_facts *f, const char *sentence) {
    unsigned version = 99;
    sw_error err = {0};
    assert_int_not_equal(verify(id, f, &version, &err), SW_OK);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
}

#define V1_ID                                                                                      \
    "01000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00000000000000000000000000" \
    "0000"
#define V2_ID                                                                                      \
    "02e472ed80a08042f044ba63b53b798e98e3ea5219cd078007b1ac8b3dfc762b9400000000000000000000000000" \
    "0000"
#define V0_ID                                                                                      \
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" \
    "0000"

static const struct {
    const char *id;
    unsigned version;
    sw_config_facts (*facts)(void);
} ACCEPTED[] = {{V0_ID, 0, plain_facts},
                {V1_ID, 1, plain_facts},
                {V2_ID, 2, keccak_facts},
                {GOLDEN_CONFIG_ID_V3, 3, golden_facts}};

/* Beside another version it would stand there unheeded. */
static void test_needless_document(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    for (size_t i = 0; i < 3; i++) {
        sw_config_facts f = ACCEPTED[i].facts();
        f.document = SW_LITERAL(GOLDEN_CONFIG_DOCUMENT);
        expect_refused(unhex(&a, ACCEPTED[i].id).data, &f, "a document of version 3 is here");
    }
}

static void test_accepted(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    for (size_t i = 0; i < COUNT(ACCEPTED); i++) {
        sw_config_facts f = ACCEPTED[i].facts();
        unsigned version = 99;
        sw_error err = {0};
        if (verify(unhex(&a, ACCEPTED[i].id).data, &f, &version, &err) != SW_OK)
            fail_msg("%zu: %s", i, err.message);
        assert_int_equal(version, ACCEPTED[i].version);
    }
}

/* No bit of any value is free. */
static void test_flips(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    for (size_t i = 0; i < COUNT(ACCEPTED); i++) {
        sw_config_facts f = ACCEPTED[i].facts();
        uint8_t *id = (uint8_t *)unhex(&a, ACCEPTED[i].id).data;
        for (size_t bit = 0; bit < 8 * 48; bit++) {
            unsigned version = 99;
            sw_error err = {0};
            id[bit / 8] ^= (uint8_t)(1U << bit % 8);
            if (verify(id, &f, &version, &err) == SW_OK)
                fail_msg("%zu: a flip of bit %zu passes", i, bit);
            id[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
}

static void test_facts_matter(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    const uint8_t *v1 = unhex(&a, V1_ID).data, *v2 = unhex(&a, V2_ID).data;
    sw_config_facts f = plain_facts();
    f.compose.b[31] ^= 1;
    expect_refused(v1, &f, "not that of the compose hash");
    for (size_t i = 0; i < 5; i++) {
        f = keccak_facts();
        if (i == 0) f.compose.b[0] ^= 1;
        if (i == 1) f.app_id[19] ^= 1;
        if (i == 2) f.provider = SW_KEY_PROVIDER_LOCAL;
        if (i == 3) f.provider_id.size--;
        if (i == 4) f.provider_id.size = 0;
        expect_refused(v2, &f, "compose hash, app id and key provider");
    }
    f.provider = (sw_key_provider_kind)4;
    expect_refused(v2, &f, "of a kind that is not known");
}

/* Version 2 of a compose that pins no id: the id of the log is not part of it. */
static void test_unpinned(void **state) {
    (void)state;
    sw_config_facts f = keccak_facts();
    static const uint8_t kind = SW_KEY_PROVIDER_KMS;
    const sw_bytes parts[] = {SW_BYTES_OF(f.compose.b), SW_BYTES_OF(f.app_id), SW_BYTES(&kind, 1)};
    uint8_t whole[53], id[48] = {2};
    memcpy(whole, parts[0].data, 32);
    memcpy(whole + 32, parts[1].data, 20);
    whole[52] = kind;
    sw_hash digest;
    unsigned version = 99;
    sw_error err = {0};
    sw_keccak256(&digest, SW_BYTES_OF(whole));
    memcpy(id + 1, digest.b, 32);
    assert_int_equal(verify(id, &f, &version, &err), SW_OK);
    assert_int_equal(version, 2);
}

/* ---- documents ---- */
static void id_of(sw_bytes document, uint8_t id[48]) {
    static const char domain[] = "dstack-mr-config-v3:";
    const sw_bytes parts[] = {SW_BYTES_OF(domain), document};
    sw_hash hash;
    sw_sha256_parts(&hash, parts, 2);
    memset(id, 0, 48);
    id[0] = 3;
    memcpy(id + 1, hash.b, 32);
}

#define C    "\"compose_hash\":\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\""
#define A    "\"app_id\":\"000102030405060708090a0b0c0d0e0f10111213\","
#define K    "\"key_provider\":\"local\""
#define V    "\"version\":3"
#define AA32 "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""
#define BB32 "\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\""
static const struct {
    const char *document, *sentence;
} DOCUMENTS[] = {
    {"{" C "," K "," V "}", NULL},
    {"{" A C "," K "," V "}", NULL},
    {"{" C ",\"init_script_hashes\":[" AA32 "," BB32 "]," K "," V "}", NULL},
    {"{" C "," K ",\"key_provider_id\":\"\"," V "}", NULL}, /* pins none */
    {"{" C ",\"gpu_policy_hash\":\"\"," K "," V "}", "another gpu_policy_hash"},
    {"{" C ",\"instance_id\":\"\"," K "," V "}", "another instance_id"},
    {"{" C "," K ",\"key_provider_id\":0," V "}", "key_provider_id"},
    {"{" C "," K ",\"key_provider_id\":\"3\"," V "}", "another key_provider_id"},
    {"{\"compose_hash\":\"\"," K "," V "}", "another compose_hash"},
    {"{" C ", " K "," V "}", "RFC 8785 form"},
    {"{" K "," C "," V "}", "RFC 8785 form"},
    {"{" K "," V "}", "compose_hash is missing"},
    {"{" C "," V "}", "key_provider is missing"},
    {"{" C "," K "}", "version is missing"},
    {"{" C "," K ",\"version\":4}", "not of version 3"},
    {"{" C "," K "," V ",\"z\":1}", "z is not known"},
    {"{\"app_id\":\"\"," C "," K "," V "}", "another app_id"},
    {"{\"app_id\":\"000102030405060708090a0b0c0d0e0f10111214\"," C "," K "," V "}",
     "another app_id"},
    {"{\"compose_hash\":\"00\"," K "," V "}", "another compose_hash"},
    {"{" C ",\"gpu_policy_hash\":" AA32 "," K "," V "}", "another gpu_policy_hash"},
    {"{" C ",\"init_script_hashes\":[]," K "," V "}", "another init_script_hashes"},
    {"{" C ",\"init_script_hashes\":[" AA32 "]," K "," V "}", "another init_script_hashes"},
    {"{" C ",\"init_script_hashes\":[" BB32 "," AA32 "]," K "," V "}",
     "another init_script_hashes"},
    {"{" C ",\"init_script_hashes\":[" AA32 "," BB32 "," BB32 "]," K "," V "}",
     "another init_script_hashes"},
    {"{" C ",\"init_script_hashes\":[1,2]," K "," V "}", "another init_script_hashes"},
    {"{" C ",\"init_script_hashes\":1," K "," V "}", "init_script_hashes"},
    {"{" C ",\"instance_id\":\"00\"," K "," V "}", "another instance_id"},
    {"{" C ",\"key_provider\":\"local-sgx\"," V "}", "another key_provider"},
    {"{" C ",\"key_provider\":\"kms\"," V "}", "another key_provider"},
    {"{" C "," K ",\"key_provider_id\":" AA32 "," V "}", "another key_provider_id"},
    {"[]", "not an object"},
    {"{", "MRCONFIGID's document: JSON"},
};

static void test_documents(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(DOCUMENTS); i++) {
        sw_config_facts f = golden_facts();
        uint8_t id[48];
        f.document = sw_text(DOCUMENTS[i].document);
        id_of(f.document, id);
        if (DOCUMENTS[i].sentence != NULL) {
            expect_refused(id, &f, DOCUMENTS[i].sentence);
            continue;
        }
        unsigned version = 99;
        sw_error err = {0};
        if (verify(id, &f, &version, &err) != SW_OK) fail_msg("%zu: %s", i, err.message);
        f.document = SW_LITERAL(GOLDEN_CONFIG_DOCUMENT);
        expect_refused(id, &f, "not that of its document");
        f.document = (sw_bytes){0};
        expect_refused(id, &f, "its document is not there");
    }
    static char large[SW_CONFIG_DOCUMENT_LIMIT + 1];
    sw_config_facts f = golden_facts();
    uint8_t id[48] = {3};
    f.document = SW_BYTES_OF(large);
    expect_refused(id, &f, "more than 8192 bytes");
}

/* What a log does not name stands there as "", as dstack's releases write it, or not at all. */
static void test_nothing_named(void **state) {
    (void)state;
    static const char *const documents[] = {
        "{" A C ",\"gpu_policy_hash\":\"\",\"instance_id\":\"\",\"key_provider\":\"none\","
        "\"key_provider_id\":\"\"," V "}",
        "{" A C ",\"key_provider\":\"none\"," V "}"};
    for (size_t i = 0; i < COUNT(documents); i++) {
        sw_config_facts f = golden_facts();
        uint8_t id[48];
        unsigned version = 99;
        sw_error err = {0};
        f.provider = SW_KEY_PROVIDER_NONE;
        f.provider_id = f.instance_id = f.gpu_policy = (sw_bytes){0};
        f.document = sw_text(documents[i]);
        id_of(f.document, id);
        if (verify(id, &f, &version, &err) != SW_OK) fail_msg("%zu: %s", i, err.message);
        f.instance_id = SW_BYTES_OF(instance);
        if (i == 0) expect_refused(id, &f, "another instance_id");
        f.instance_id = (sw_bytes){0};
        f.gpu_policy = SW_BYTES_OF(policy);
        if (i == 0) expect_refused(id, &f, "another gpu_policy_hash");
    }
}

/* ---- facts from a log ---- */
static const struct {
    const char *name, *payload, *sentence;
} EVENTS[] = {
    {"key-provider", "{\"name\":\"none\",\"id\":\"\"}", NULL},
    {"key-provider", "{\"id\":\"00ff\",\"name\":\"tpm\"}", NULL},
    {"key-provider", "{\"id\":\"00\",\"name\":\"none\"}", "names no provider and yet an id"},
    {"key-provider", "{\"id\":\"00\",\"name\":\"local\"}", "kind that is not known"},
    {"key-provider", "{\"id\":\"00\",\"name\":\"\"}", "kind that is not known"},
    {"key-provider", "{\"id\":\"0\",\"name\":\"kms\"}", "hex"},
    {"key-provider", "{\"id\":\"AA\",\"name\":\"kms\"}", "hex"},
    {"key-provider", "{\"id\":\"00\",\"type\":\"kms\"}", "type is not known"},
    {"key-provider", "{\"id\":\"00\"}", "name is missing"},
    {"key-provider", "kms", "event key-provider: JSON"},
    {"gpu-policy-hash", "x", "gpu-policy-hash has not 32 bytes"},
    {"init-script-hash", "x", "init-script-hash has not 32 bytes"},
    {"instance-id", "x", "instance-id has neither 0 nor 20 bytes"},
};

static void test_facts_read(void **state) {
    (void)state;
    static const uint8_t zeros[32];
    for (size_t i = 0; i < COUNT(EVENTS); i++) {
        SW_SCOPED(sw_arena) a = {0};
        const sw_event events[] = {
            {SW_LITERAL("app-id"), SW_BYTES(zeros, 20), false},
            {SW_LITERAL("compose-hash"), SW_BYTES_OF(zeros), false},
            {sw_text(EVENTS[i].name), sw_text(EVENTS[i].payload), false},
            {SW_LITERAL("system-ready"), {0}, false},
            {SW_LITERAL("init-script-hash"), {0}, false}, /* an application's own */
        };
        sw_config_facts f = {.init_script_count = 99};
        sw_error err = {0};
        sw_status status = sw_config_facts_read(&a, events, COUNT(events), &f, &err);
        if (EVENTS[i].sentence == NULL) {
            if (status != SW_OK) fail_msg("%s", err.message);
            assert_int_equal(f.provider, i == 0 ? SW_KEY_PROVIDER_NONE : SW_KEY_PROVIDER_TPM);
            assert_int_equal(f.provider_id.size, i == 0 ? 0 : 2);
            assert_int_equal(f.init_script_count, 0);
            continue;
        }
        assert_int_not_equal(status, SW_OK);
        assert_int_equal(f.init_script_count, 99);
        if (strstr(err.message, EVENTS[i].sentence) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", EVENTS[i].sentence, err.message);
    }
}

static void test_init_scripts(void **state) {
    (void)state;
    static const uint8_t zeros[32];
    SW_SCOPED(sw_arena) a = {0};
    sw_event events[SW_INIT_SCRIPT_LIMIT + 5];
    size_t count = 0;
    events[count++] = (sw_event){SW_LITERAL("app-id"), SW_BYTES(zeros, 20), false};
    events[count++] = (sw_event){SW_LITERAL("compose-hash"), SW_BYTES_OF(zeros), false};
    for (size_t i = 0; i < SW_INIT_SCRIPT_LIMIT; i++)
        events[count++] = (sw_event){SW_LITERAL("init-script-hash"), SW_BYTES_OF(policy), false};
    events[count++] = (sw_event){SW_LITERAL("system-ready"), {0}, false};
    sw_config_facts f;
    sw_error err = {0};
    assert_int_equal(sw_config_facts_read(&a, events, count, &f, &err), SW_OK);
    assert_int_equal(f.init_script_count, SW_INIT_SCRIPT_LIMIT);
    events[count] = events[count - 1];
    events[count - 1] = events[2];
    assert_int_equal(sw_config_facts_read(&a, events, count + 1, &f, &err), SW_LIMIT);
    assert_non_null(strstr(err.message, "more than 5 init scripts"));
    events[3].name = SW_LITERAL("gpu-policy-hash");
    events[4].name = SW_LITERAL("gpu-policy-hash");
    assert_int_equal(sw_config_facts_read(&a, events, count + 1, &f, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "gpu-policy-hash stands twice"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),         cmocka_unit_test(test_flips),
        cmocka_unit_test(test_facts_matter),     cmocka_unit_test(test_unpinned),
        cmocka_unit_test(test_documents),        cmocka_unit_test(test_nothing_named),
        cmocka_unit_test(test_facts_read),       cmocka_unit_test(test_init_scripts),
        cmocka_unit_test(test_needless_document)};
    return cmocka_run_group_tests_name("config_id", tests, NULL, NULL);
}
