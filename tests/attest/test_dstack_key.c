/* SPDX-License-Identifier: Apache-2.0
 *
 * GetKey's signature chain with keys of our own, signed by libsecp256k1: what holds, what does not,
 * each flipped bit of both links; and the simulator's public identity in every place.
 */
#include "attest/dstack_support.h"
#include "codec/json.h"
#include "codec/text.h"

#include <secp256k1.h>
#include <secp256k1_recovery.h>

typedef struct signer {
    secp256k1_context *ctx;
    uint8_t root[32], app[32], derived[32];
    sw_secp256k1_public root_key, app_key, derived_key;
    uint8_t app_id[20];
} signer;

static void public_of(const signer *s, const uint8_t secret[32], sw_secp256k1_public *out) {
    secp256k1_pubkey point;
    size_t size = sizeof out->b;
    assert_int_equal(secp256k1_ec_pubkey_create(s->ctx, &point, secret), 1);
    secp256k1_ec_pubkey_serialize(s->ctx, out->b, &size, &point, SECP256K1_EC_COMPRESSED);
}

static void sign(const signer *s, const uint8_t secret[32], sw_bytes message, uint8_t out[65]) {
    secp256k1_ecdsa_recoverable_signature made;
    sw_hash digest;
    int v = -1;
    sw_keccak256(&digest, message);
    assert_int_equal(secp256k1_ecdsa_sign_recoverable(s->ctx, &made, digest.b, secret, NULL, NULL),
                     1);
    secp256k1_ecdsa_recoverable_signature_serialize_compact(s->ctx, out, &v, &made);
    out[64] = (uint8_t)v;
}

static void open_signer(signer *s) {
    uint64_t seed = 0xd57ac;
    s->ctx = secp256k1_context_create(SECP256K1_CONTEXT_SIGN);
    assert_int_equal(fill_from_seed(&seed, s->root, 32, NULL), SW_OK);
    assert_int_equal(fill_from_seed(&seed, s->app, 32, NULL), SW_OK);
    assert_int_equal(fill_from_seed(&seed, s->derived, 32, NULL), SW_OK);
    memset(s->app_id, 0xa9, sizeof s->app_id);
    public_of(s, s->root, &s->root_key);
    public_of(s, s->app, &s->app_key);
    public_of(s, s->derived, &s->derived_key);
}

/* The messages are written here once more, as the sheet of their format has them. */
static void sign_links(const signer *s, sw_dstack_key_chain *chain) {
    SW_SCOPED(sw_buffer) m = SW_BUFFER(4096);
    sw_put_bytes(&m, chain->purpose);
    sw_put_u8(&m, ':');
    sw_hex_encode(&m, chain->public_key);
    sign(s, s->app, sw_buffer_bytes(&m), chain->link[0]);
    sw_buffer_reset(&m);
    sw_put_text(&m, "dstack-kms-issued:");
    sw_put_bytes(&m, SW_BYTES_OF(s->app_id));
    sw_put_bytes(&m, SW_BYTES_OF(s->app_key.b));
    sign(s, s->root, sw_buffer_bytes(&m), chain->link[1]);
}

static sw_dstack_key_chain good_chain(const signer *s) {
    sw_dstack_key_chain chain = {.purpose = SW_LITERAL("training"),
                                 .public_key = SW_BYTES_OF(s->derived_key.b)};
    sign_links(s, &chain);
    return chain;
}

static void test_holds(void **state) {
    (void)state;
    static const uint8_t ed25519[32] = {9, 8, 7};
    static const char *const purposes[] = {"", "training", "a:b", "\xc3\xa9"};
    signer s;
    sw_error err = {0};
    open_signer(&s);
    for (size_t i = 0; i < COUNT(purposes); i++)
        for (size_t kind = 0; kind < 2; kind++) {
            sw_dstack_key_chain chain = {.purpose = sw_text(purposes[i])};
            chain.public_key = kind == 0 ? SW_BYTES_OF(s.derived_key.b) : SW_BYTES_OF(ed25519);
            sign_links(&s, &chain);
            if (sw_dstack_key_verify(&chain, s.app_id, &s.root_key, &err) != SW_OK)
                fail_msg("%s", err.message);
        }
    sw_dstack_key_chain chain = good_chain(&s);
    SW_SCOPED(sw_buffer) seed = SW_BUFFER(4096);
    sw_put_bytes(&seed, SW_BYTES_OF(s.root_key.b));
    sw_put_bytes(&seed, SW_BYTES_OF(s.app_id));
    sw_put_bytes(&seed, SW_BYTES_OF(chain.link[0]));
    sw_put_bytes(&seed, SW_BYTES_OF(chain.link[1]));
    sw_put_u8(&seed, (uint8_t)chain.purpose.size);
    sw_put_bytes(&seed, chain.purpose);
    sw_put_bytes(&seed, chain.public_key);
    write_seed("dstack_key", "good", sw_buffer_bytes(&seed));
    secp256k1_context_destroy(s.ctx);
}

static void refused(const sw_dstack_key_chain *chain, const uint8_t app_id[20],
                    const sw_secp256k1_public *root, sw_status status, const char *sentence) {
    sw_error err = {0};
    sw_status got = sw_dstack_key_verify(chain, app_id, root, &err);
    if (got != status || strstr(err.message, sentence) == NULL)
        fail_msg("%d \"%s\", not %d \"%s\"", got, err.message, status, sentence);
}

static void test_refusals(void **state) {
    (void)state;
    static const char elsewhere[] = "does not lead to the KMS root";
    signer s;
    open_signer(&s);
    sw_dstack_key_chain good = good_chain(&s), c = good;
    uint8_t other_app[20];
    memcpy(other_app, s.app_id, sizeof other_app);
    other_app[19] ^= 1;
    refused(&c, other_app, &s.root_key, SW_REFUSED, elsewhere);
    refused(&c, s.app_id, &s.app_key, SW_REFUSED, elsewhere);
    c.purpose = SW_LITERAL("trainin");
    refused(&c, s.app_id, &s.root_key, SW_REFUSED, elsewhere);
    c = good;
    c.public_key = SW_BYTES_OF(s.app_key.b);
    refused(&c, s.app_id, &s.root_key, SW_REFUSED, elsewhere);
    c = good;
    memcpy(c.link[0], good.link[1], 65);
    memcpy(c.link[1], good.link[0], 65);
    refused(&c, s.app_id, &s.root_key, SW_REFUSED, elsewhere);
    c = good;
    c.link[0][64] = 2;
    refused(&c, s.app_id, &s.root_key, SW_UNAUTHENTIC,
            "link 0 of the signature chain: a signature");
    c = good;
    memset(c.link[1], 0, 65);
    refused(&c, s.app_id, &s.root_key, SW_UNAUTHENTIC,
            "link 1 of the signature chain: a signature");
    c = good;
    c.public_key = SW_BYTES(s.derived_key.b, 31);
    refused(&c, s.app_id, &s.root_key, SW_MALFORMED, "has 31 bytes, neither 32");
    static uint8_t bytes[SW_DSTACK_TEXT_LIMIT + 1];
    c.public_key = SW_BYTES(bytes, 33);
    refused(&c, s.app_id, &s.root_key, SW_MALFORMED, "33 bytes from 02 or 03 on");
    c = good;
    c.purpose = SW_BYTES_OF(bytes);
    refused(&c, s.app_id, &s.root_key, SW_LIMIT, "purpose has more than 1024 bytes");
    for (size_t bit = 0; bit < 2 * 65 * 8; bit++) {
        c = good;
        ((uint8_t *)c.link)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(sw_dstack_key_verify(&c, s.app_id, &s.root_key, NULL), SW_OK);
    }
    for (size_t bit = 0; bit < 20 * 8; bit++) {
        uint8_t id[20];
        memcpy(id, s.app_id, sizeof id);
        id[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(sw_dstack_key_verify(&good, id, &s.root_key, NULL), SW_OK);
    }
    secp256k1_context_destroy(s.ctx);
}

/* ---- as a file (DSK-056, DSK-057) ---- */
static sw_bytes key_file(sw_arena *a, const sw_dstack_key_chain *chain) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 16);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_hex(a, root, "public_key", chain->public_key);
    sw_json_add_text(a, root, "purpose", chain->purpose);
    sw_json *links = sw_json_add_array(a, root, "signature_chain");
    for (size_t i = 0; i < 2; i++) sw_json_add_hex(a, links, NULL, SW_BYTES_OF(chain->link[i]));
    sw_json_encode(&text, root);
    return sw_arena_copy(a, sw_buffer_bytes(&text));
}

/* The first `old`, replaced. */
static sw_bytes replaced_text(sw_arena *a, sw_bytes text, const char *old, const char *new) {
    SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 16);
    const uint8_t *at = memmem(text.data, text.size, old, strlen(old));
    assert_non_null(at);
    size_t before = (size_t)(at - text.data), behind = before + strlen(old);
    sw_put_bytes(&out, SW_BYTES(text.data, before));
    sw_put_text(&out, new);
    sw_put_bytes(&out, SW_BYTES(text.data + behind, text.size - behind));
    return sw_arena_copy(a, sw_buffer_bytes(&out));
}

static const struct {
    const char *old, *new, *sentence;
} FILES[] = {
    {"{\"public_key\"", "{\"key\":\"00\",\"public_key\"", "the secret itself"},
    {"{\"public_key\"", "{\"more\":0,\"public_key\"", "more is not known"},
    {"\"purpose\":\"training\",", "", "purpose is missing"},
    {"\"purpose\":\"training\"", "\"purpose\":7", "purpose"},
    {"\"public_key\":\"0", "\"public_key\":\"", "hex"},
    {"\"public_key\":\"0", "\"public_key\":\"0000", "public_key has more than 33 bytes"},
    {"\"signature_chain\":[", "\"signature_chain\":[\"00\",", "signature_chain"},
    {"\"signature_chain\":[\"", "\"signature_chain\":[\"00", "[0] is not 65 bytes"},
    {"\"]}", "0\"]}", "[1] is not 65 bytes"},
    {"\"]}", "\"]", "JSON"},
};

static void test_file(void **state) {
    (void)state;
    signer s;
    sw_error err = {0};
    SW_SCOPED(sw_arena) a = {0};
    open_signer(&s);
    sw_dstack_key_chain good = good_chain(&s), read = {0};
    sw_bytes json = key_file(&a, &good);
    write_seed("dstack_key_file", "good", json);
    if (sw_dstack_key_parse(&a, json, &read, &err) != SW_OK) fail_msg("%s", err.message);
    assert_true(sw_bytes_equal(read.purpose, good.purpose));
    assert_true(sw_bytes_equal(read.public_key, good.public_key));
    assert_memory_equal(read.link, good.link, sizeof good.link);
    for (size_t size = 0; size < json.size; size++)
        assert_int_not_equal(sw_dstack_key_parse(&a, SW_BYTES(json.data, size), &read, NULL),
                             SW_OK);
    for (size_t bit = 0; bit < 8 * json.size; bit++) { /* no flip is another chain that holds */
        SW_SCOPED(sw_arena) own = {0};
        ((uint8_t *)(uintptr_t)json.data)[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (sw_dstack_key_parse(&own, json, &read, NULL) == SW_OK)
            assert_int_not_equal(sw_dstack_key_verify(&read, s.app_id, &s.root_key, NULL), SW_OK);
        ((uint8_t *)(uintptr_t)json.data)[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t i = 0; i < COUNT(FILES); i++) {
        sw_dstack_key_chain untouched = {.public_key = SW_LITERAL("untouched")};
        sw_bytes bent = replaced_text(&a, json, FILES[i].old, FILES[i].new);
        assert_int_not_equal(sw_dstack_key_parse(&a, bent, &untouched, &err), SW_OK);
        if (strstr(err.message, FILES[i].sentence) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", FILES[i].sentence, err.message);
        assert_true(sw_bytes_is(untouched.public_key, "untouched"));
    }
    secp256k1_context_destroy(s.ctx);
}

/* ---- the simulator (DSK-001) ---- */
static const char *const simulator_keys[] = {
    "0321529e458424ab1f710a3a57ec4dad2fb195ddca572f7469242ba6c7563085b6",
    "02cad3a8bb11c5c0858fb3e402048b5137457039d577986daade678ed4b4ab1b9b",
    "02818494263695e8839122dbd88e281d7380622999df4e60a14befa0f2d096fc7c",
    "02b85cceca0c02d878f0ebcda72a97469a472416eb6faf3c4807642132f9786810",
};
static const char *const simulator_apps[] = {"5bb4ff9a3837357f19dc176407a5709c62eb6c56",
                                             "ea549f02e1a25fabd1cb788380e033ec5461b2ff"};
/* A link that its app key signed (RFC 6979). */
#define SIMULATOR_KEY "02c53a10a891f3c5d599539056edcfa080555ac975cae78e59b5d519dcdaf03389"
#define SIMULATOR_LINK                                                                             \
    "b42d1bd3d0e02a40231f5da1dc7f13244facf8d0332b90d46c01b9ccbe636c6b7e26757b6810286436ff0b8ceeb2" \
    "ec2a91fafef1b410d8c4278e6c765cdc676800"

static void test_simulator(void **state) {
    (void)state;
    signer s;
    sw_error err = {0};
    open_signer(&s);
    sw_dstack_key_chain good = good_chain(&s);
    for (size_t i = 0; i < COUNT(simulator_keys); i++) {
        sw_secp256k1_public key;
        assert_int_equal(sw_hex_decode(key.b, 33, sw_text(simulator_keys[i]), false, NULL), SW_OK);
        assert_int_equal(sw_dstack_deny_key(&key, &err), SW_REFUSED);
        key.b[0] ^= 1; /* the negated point */
        assert_int_equal(sw_dstack_deny_key(&key, &err), SW_REFUSED);
        refused(&good, s.app_id, &key, SW_REFUSED, "a key is that of dstack's public simulator");
    }
    for (size_t i = 0; i < COUNT(simulator_apps); i++) {
        uint8_t id[20];
        assert_int_equal(sw_hex_decode(id, 20, sw_text(simulator_apps[i]), false, NULL), SW_OK);
        assert_int_equal(sw_dstack_deny_app(id, &err), SW_REFUSED);
        refused(&good, id, &s.root_key, SW_REFUSED, "app id is that of dstack's public simulator");
        id[0] ^= 1;
        assert_int_equal(sw_dstack_deny_app(id, &err), SW_OK);
    }
    /* its app key below a root that is not its own */
    SW_SCOPED(sw_arena) a = {0};
    sw_dstack_key_chain theirs = good;
    theirs.purpose = SW_LITERAL("mainnet");
    theirs.public_key = unhex(&a, SIMULATOR_KEY);
    memcpy(theirs.link[0], unhex(&a, SIMULATOR_LINK).data, 65);
    refused(&theirs, s.app_id, &s.root_key, SW_REFUSED,
            "a key is that of dstack's public simulator");
    assert_int_equal(sw_dstack_deny_key(&s.root_key, &err), SW_OK);
    secp256k1_context_destroy(s.ctx);
}

static void test_authority(void **state) {
    (void)state;
    static const char spki[] =
        "3059301306072a8648ce3d020106082a8648ce3d0301070342000419b2457dd9b8aa6446d980f136fff7812ecd"
        "6c77740eeb0e28b10d56c0c00028a5b6e59dcea307d583bd1f70769e9c116df2bcfb1758a95d8613e7de1c8482"
        "c0";
    static const char point[] =
        "0219b2457dd9b8aa6446d980f136fff7812ecd6c77740eeb0e28b10d56c0c00028";
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes bytes = unhex(&a, spki);
    sw_error err = {0};
    assert_int_equal(sw_dstack_deny_spki(bytes, &err), SW_REFUSED);
    assert_int_equal(sw_dstack_deny_spki(unhex(&a, point), &err), SW_REFUSED);
    ((uint8_t *)bytes.data)[40] ^= 1;
    assert_int_equal(sw_dstack_deny_spki(bytes, &err), SW_OK);
    assert_int_equal(sw_dstack_deny_spki((sw_bytes){0}, &err), SW_OK);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1024);
    static const char *const payloads[] = {"{\"id\":\"%s\",\"name\":\"kms\"}",
                                           " { \"name\" : \"kms\", \"id\" : \"%s\" } "};
    for (size_t i = 0; i < COUNT(payloads); i++) {
        sw_buffer_reset(&text);
        sw_put_format(&text, payloads[i], spki);
        sw_event event = {SW_LITERAL("key-provider"), sw_buffer_bytes(&text), false};
        assert_int_equal(sw_dstack_deny_events(&a, &event, 1, &err), SW_REFUSED);
        event.name = SW_LITERAL("other");
        assert_int_equal(sw_dstack_deny_events(&a, &event, 1, &err), SW_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds),     cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_file),      cmocka_unit_test(test_simulator),
        cmocka_unit_test(test_authority),
    };
    return cmocka_run_group_tests_name("dstack key", tests, NULL, NULL);
}
