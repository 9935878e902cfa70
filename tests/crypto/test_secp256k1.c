/* SPDX-License-Identifier: Apache-2.0
 *
 * secp256k1: a signature of dstack's public simulator keys (made with RFC 6979 by python-ecdsa),
 * every bit of it flipped, second spellings of keys and signatures, Ethereum's address of the
 * generator, and what libsecp256k1 signs for us here. Chain keys: RFC 6979's vectors for this curve
 * (those of Bitcoin's wallets: SHA-256 of the message, low s), the group's ends, and EIP-155's key.
 */
#include "crypto/secp256k1.h"
#include "crypto/vector.h"

#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <string.h>

#define MESSAGE "mainnet:02c53a10a891f3c5d599539056edcfa080555ac975cae78e59b5d519dcdaf03389"
#define DIGEST  "183330eca766696ebc51952870d0930952cec2db7df463a180df1ab40dd0ec19"
#define SIGNATURE                                                                                  \
    "b42d1bd3d0e02a40231f5da1dc7f13244facf8d0332b90d46c01b9ccbe636c6b7e26757b6810286436ff0b8ceeb2" \
    "ec2a91fafef1b410d8c4278e6c765cdc676800"
#define SIGNER "02818494263695e8839122dbd88e281d7380622999df4e60a14befa0f2d096fc7c"
#define ORDER  "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
#define PRIME  "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"
#define X_OF_G "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define Y_OF_G "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"

static void put(uint8_t *out, size_t size, const char *text) {
    assert_int_equal(sw_hex_decode(out, size, sw_text(text), false, NULL), SW_OK);
}

static void test_recover(void **state) {
    (void)state;
    sw_hash digest;
    uint8_t signature[65], expected[33];
    sw_secp256k1_public key, untouched;
    put(signature, sizeof signature, SIGNATURE);
    put(expected, sizeof expected, SIGNER);
    sw_keccak256(&digest, sw_text(MESSAGE));
    assert_hex(digest.b, sizeof digest.b, DIGEST);
    assert_int_equal(sw_secp256k1_recover(&digest, signature, &key, NULL), SW_OK);
    assert_memory_equal(key.b, expected, sizeof expected);
    memset(&untouched, 0xa5, sizeof untouched);
    for (size_t bit = 0; bit < 8 * sizeof signature; bit++) {
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        key = untouched;
        sw_status status = sw_secp256k1_recover(&digest, signature, &key, NULL);
        if (status == SW_OK) {
            assert_memory_not_equal(key.b, expected, sizeof expected);
        } else {
            assert_int_equal(status, SW_UNAUTHENTIC);
            assert_memory_equal(key.b, untouched.b, sizeof key.b);
        }
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    digest.b[31] ^= 1;
    assert_int_equal(sw_secp256k1_recover(&digest, signature, &key, NULL), SW_OK);
    assert_memory_not_equal(key.b, expected, sizeof expected);
}

/* The same signature with n - s and the other v: valid mathematics, a second spelling. */
static void make_high_s(uint8_t signature[65]) {
    uint8_t order[32];
    int borrow = 0;
    put(order, sizeof order, ORDER);
    for (size_t i = 32; i-- > 0;) {
        int difference = order[i] - signature[32 + i] - borrow;
        borrow = difference < 0;
        signature[32 + i] = (uint8_t)difference;
    }
    signature[64] ^= 1;
}

static void test_signatures_refused(void **state) {
    (void)state;
    static const struct {
        size_t at;
        const char *bytes, *sentence;
    } cases[] = {
        {64, "02", "v is 2, neither 0 nor 1"},
        {64, "03", "v is 3"},
        {64, "1b", "v is 27"},
        {64, "ff", "v is 255"},
        {0, ORDER, "out of range"},
        {32, ORDER, "out of range"},
        {0, PRIME, "out of range"},
        {0, "0000000000000000000000000000000000000000000000000000000000000000", "of no key"},
        {32, "0000000000000000000000000000000000000000000000000000000000000000", "of no key"},
        /* n/2 rounded up */
        {32, "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1", "above n/2"},
        /* no point of the curve has x = 5 */
        {0, "0000000000000000000000000000000000000000000000000000000000000005", "of no key"},
    };
    sw_hash digest;
    put(digest.b, sizeof digest.b, DIGEST);
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t signature[65];
        sw_secp256k1_public key = {{1}}, before = key;
        sw_error err = {0};
        put(signature, sizeof signature, SIGNATURE);
        put(signature + cases[i].at, strlen(cases[i].bytes) / 2, cases[i].bytes);
        assert_int_equal(sw_secp256k1_recover(&digest, signature, &key, &err), SW_UNAUTHENTIC);
        assert_string_equal(err.word, "signature");
        if (strstr(err.message, cases[i].sentence) == NULL) fail_msg("%zu: %s", i, err.message);
        assert_memory_equal(key.b, before.b, sizeof key.b);
    }
    uint8_t signature[65];
    sw_secp256k1_public key;
    sw_error err = {0};
    put(signature, sizeof signature, SIGNATURE);
    make_high_s(signature);
    assert_int_equal(sw_secp256k1_recover(&digest, signature, &key, &err), SW_UNAUTHENTIC);
    assert_non_null(strstr(err.message, "above n/2"));
}

static void test_keys(void **state) {
    (void)state;
    static const struct {
        const char *sec1;
        bool good;
    } cases[] = {
        {"02" X_OF_G, true},
        {"04" X_OF_G Y_OF_G, true},
        {"03" X_OF_G, true},
        {"06" X_OF_G Y_OF_G, false}, /* hybrid */
        {"07" X_OF_G Y_OF_G, false},
        {"04" X_OF_G X_OF_G, false},
        {"04" X_OF_G, false},
        {"02" X_OF_G Y_OF_G, false},
        {"00" X_OF_G, false},
        {"02" PRIME, false},
        {"020000000000000000000000000000000000000000000000000000000000000005", false},
        {"00", false},
        {"", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_arena arena = {0};
        sw_secp256k1_public key = {{9}};
        sw_error err = {0};
        sw_status status = sw_secp256k1_parse(unhex(&arena, cases[i].sec1), &key, &err);
        if (status != (cases[i].good ? SW_OK : SW_MALFORMED)) fail_msg("%zu: %s", i, err.message);
        if (!cases[i].good) {
            assert_string_equal(err.word, "key");
            assert_int_equal(key.b[0], 9);
        }
        sw_arena_free(&arena);
    }
}

static void test_address(void **state) {
    (void)state;
    uint8_t address[20];
    sw_secp256k1_public key;
    put(key.b, sizeof key.b, "02" X_OF_G);
    assert_int_equal(sw_secp256k1_address(&key, address, NULL), SW_OK);
    assert_hex(address, sizeof address, "7e5f4552091a69125d5dfcb7b8c2659029395bdf");
    key.b[0] = 4;
    assert_int_equal(sw_secp256k1_address(&key, address, NULL), SW_MALFORMED);
}

static void test_library_signatures(void **state) {
    (void)state;
    uint64_t seed = 0x5eed;
    secp256k1_context *ctx = secp256k1_context_create(SECP256K1_CONTEXT_SIGN);
    for (int round = 0; round < 50; round++) {
        uint8_t secret[32], signature[65], sec1[65];
        size_t size = sizeof sec1;
        int v = -1;
        sw_hash digest;
        secp256k1_pubkey point;
        secp256k1_ecdsa_recoverable_signature made;
        sw_secp256k1_public key, parsed;
        assert_int_equal(fill_from_seed(&seed, secret, sizeof secret, NULL), SW_OK);
        assert_int_equal(fill_from_seed(&seed, digest.b, sizeof digest.b, NULL), SW_OK);
        assert_int_equal(secp256k1_ec_pubkey_create(ctx, &point, secret), 1);
        secp256k1_ec_pubkey_serialize(ctx, sec1, &size, &point, SECP256K1_EC_UNCOMPRESSED);
        assert_int_equal(secp256k1_ecdsa_sign_recoverable(ctx, &made, digest.b, secret, NULL, NULL),
                         1);
        secp256k1_ecdsa_recoverable_signature_serialize_compact(ctx, signature, &v, &made);
        signature[64] = (uint8_t)v;
        assert_int_equal(sw_secp256k1_recover(&digest, signature, &key, NULL), SW_OK);
        assert_int_equal(sw_secp256k1_parse(SW_BYTES_OF(sec1), &parsed, NULL), SW_OK);
        assert_memory_equal(key.b, parsed.b, sizeof key.b);
    }
    secp256k1_context_destroy(ctx);
}

static void chain_key(sw_chain_key *out, const char *hex) {
    put(out->b, sizeof out->b, hex);
}

/* Deterministic signatures that wallets have published since 2013 (trezor-crypto, bitcoinjs). */
static void test_rfc6979(void **state) {
    static const struct {
        const char *secret, *message, *signature; /* r || s */
    } cases[] = {
        {"0000000000000000000000000000000000000000000000000000000000000001", "Satoshi Nakamoto",
         "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
         "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"},
        {"0000000000000000000000000000000000000000000000000000000000000001",
         "All those moments will be lost in time, like tears in rain. Time to die...",
         "8600dbd41e348fe5c9465ab92d23e3db8b98b873beecd930736488696438cb6b"
         "547fe64427496db33bf66019dacbf0039c04199abb0122918601db38a72cfc21"},
        {"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140", "Satoshi Nakamoto",
         "fd567d121db66e382991534ada77a6bd3106f0a1098c231e47993447cd6af2d0"
         "6b39cd0eb1bc8603e159ef5c20a5c8ad685a45b06ce9bebed3f153d10d93bed5"},
        {"f8b8af8ce3c7cca5e300d33939540c10d45ce001b8f252bfbc57ba0342904181", "Alan Turing",
         "7063ae83e7f62bbb171798131b4a0564b956930092b33b07b395615d9ec7e15c"
         "58dfcc1e00a35e1572f366ffe34ba0fc47db1e7189759b9fb233c5b05ab388ea"},
        {"e91671c46231f833a6406ccbea0e3e392c76c167bac1cb013f6f1013980455c2",
         "There is a computer disease that anybody who works with computers knows about. It's a "
         "very serious disease and it interferes completely with the work. The trouble with "
         "computers is that you 'play' with them!",
         "b552edd27580141f3b2a5463048cb7cd3e047b97c9f98076c32dbdf85a68718b"
         "279fa72dd19bfae05577e06c7c0c1900c371fcd5893f7e1d56a37d30174671f6"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_chain_key key;
        sw_hash digest;
        uint8_t signature[65];
        sw_secp256k1_public mine, recovered;
        chain_key(&key, cases[i].secret);
        sw_sha256(&digest, sw_text(cases[i].message));
        assert_int_equal(sw_chain_key_sign(&key, &digest, signature, NULL), SW_OK);
        assert_hex(signature, 64, cases[i].signature);
        assert_int_equal(sw_chain_key_public(&key, &mine, NULL), SW_OK);
        assert_int_equal(sw_secp256k1_recover(&digest, signature, &recovered, NULL), SW_OK);
        assert_memory_equal(mine.b, recovered.b, sizeof mine.b);
    }
}

static void test_chain_key_ends(void **state) {
    static const struct {
        const char *secret, *address; /* NULL: refused */
    } cases[] = {
        {"0000000000000000000000000000000000000000000000000000000000000000", NULL},
        {ORDER, NULL},
        {"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364142", NULL},
        {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", NULL},
        {"0000000000000000000000000000000000000000000000000000000000000001",
         "7e5f4552091a69125d5dfcb7b8c2659029395bdf"},
        {"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140",
         "80c0dbf239224071c59dd8970ab9d542e3414ab2"},
        {"4646464646464646464646464646464646464646464646464646464646464646",
         "9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f"}, /* EIP-155 */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_chain_key key;
        sw_hash digest = {{7}};
        uint8_t signature[65] = {9}, address[20];
        sw_secp256k1_public public = {{9}};
        sw_error err = {0};
        sw_status wanted = cases[i].address == NULL ? SW_MALFORMED : SW_OK;
        chain_key(&key, cases[i].secret);
        assert_int_equal(sw_chain_key_check(&key, &err), wanted);
        assert_int_equal(sw_chain_key_public(&key, &public, &err), wanted);
        assert_int_equal(sw_chain_key_sign(&key, &digest, signature, &err), wanted);
        if (wanted == SW_OK) {
            assert_int_equal(sw_secp256k1_address(&public, address, NULL), SW_OK);
            assert_hex(address, sizeof address, cases[i].address);
        } else {
            assert_string_equal(err.word, "key");
            assert_int_equal(signature[0], 9);
            assert_int_equal(public.b[0], 9);
        }
    }
}

/* Randomness that gives the same byte always: 0 and ff are no keys, and no loop without an end. */
static sw_status fill_with(void *context, void *out, size_t size, sw_error *err) {
    (void)err;
    memset(out, *(int *)context, size);
    return SW_OK;
}

static void test_chain_key_make(void **state) {
    (void)state;
    uint64_t seed = 0xc4a1;
    sw_entropy seeded = {fill_from_seed, &seed};
    sw_chain_key last = {{0}};
    for (int i = 0; i < 20; i++) {
        sw_chain_key key;
        sw_hash digest;
        uint8_t signature[65];
        sw_secp256k1_public mine, recovered;
        assert_int_equal(sw_chain_key_make(&seeded, &key, NULL), SW_OK);
        assert_memory_not_equal(key.b, last.b, sizeof key.b);
        last = key;
        assert_int_equal(fill_from_seed(&seed, digest.b, sizeof digest.b, NULL), SW_OK);
        assert_int_equal(sw_chain_key_sign(&key, &digest, signature, NULL), SW_OK);
        assert_int_equal(sw_secp256k1_recover(&digest, signature, &recovered, NULL), SW_OK);
        assert_int_equal(sw_chain_key_public(&key, &mine, NULL), SW_OK);
        assert_memory_equal(mine.b, recovered.b, sizeof mine.b);
    }
    static const int bad[] = {0, 0xff};
    for (size_t i = 0; i < COUNT(bad); i++) {
        int byte = bad[i];
        sw_entropy broken = {fill_with, &byte};
        sw_chain_key key = {{5}};
        assert_int_equal(sw_chain_key_make(&broken, &key, NULL), SW_INTERNAL);
        assert_int_equal(key.b[0], 5);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recover),
        cmocka_unit_test(test_signatures_refused),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_library_signatures),
        cmocka_unit_test(test_rfc6979),
        cmocka_unit_test(test_chain_key_ends),
        cmocka_unit_test(test_chain_key_make),
    };
    return cmocka_run_group_tests_name("secp256k1", tests, NULL, NULL);
}
