/* SPDX-License-Identifier: Apache-2.0
 *
 * HPKE: for P-256 and HKDF-SHA256 the vectors that RFC 9180 prints (A.3.1 and A.3.2, AES-128-GCM)
 * and those of the RFC's machine-readable set for the exact suite (test-vectors.json of
 * cfrg/draft-irtf-cfrg-hpke at 5f503c5, AES-256-GCM); then golden_hpke.h, made by npm's
 * @hpke/core: what it sealed opens here, and with one ephemeral key both write the same bytes.
 */
#include "crypto/golden_hpke.h"
#include "crypto/hpke_internal.h"
#include "crypto/vector.h"

#include <string.h>

/* ---- RFC 9180, modes base and PSK ---- */
typedef struct rfc_case {
    const sw_hpke_aead *aead;
    const char *ikm_e, *secret_e, *public_e, *ikm_r, *secret_r, *public_r, *info, *psk, *psk_id;
    const char *shared, *context, *secret, *key, *base_nonce, *exporter_secret;
    const char *aad, *plain, *sealed; /* the first message */
} rfc_case;

/* clang-format off */
static const rfc_case rfc_cases[] = {
    {&sw_hpke_aes128gcm,
     "4270e54ffd08d79d5928020af4686d8f6b7d35dbe470265f1f5aa22816ce860e",
     "4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb",
     "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f95"
      "1c0900be863c403ce65c9bfcb9382657222d18c4",
     "668b37171f1072f3cf12ea8a236a45df23fc13b82af3609ad1e354f6ef817550",
     "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2",
     "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e539c7f6"
      "2fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0",
     "4f6465206f6e2061204772656369616e2055726e",
     "",
     "",
     "c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8",
     "00b88d4e6d91759e65e87c470e8b9141113e9ad5f0c8ceefc1e088c82e6980500798e486f9c9c09c9b5c753ac7"
      "2d6005de254c607d1b534ed11d493ae1c1d9ac85",
     "2eb7b6bf138f6b5aff857414a058a3f1750054a9ba1f72c2cf0684a6f20b10e1",
     "868c066ef58aae6dc589b6cfdd18f97e",
     "4e0bc5018beba4bf004cca59",
     "14ad94af484a7ad3ef40e9f3be99ecc6fa9036df9d4920548424df127ee0d99f",
     "436f756e742d30",
     "4265617574792069732074727574682c20747275746820626561757479",
     "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434"},
    {&sw_hpke_aes128gcm,
     "2afa611d8b1a7b321c761b483b6a053579afa4f767450d3ad0f84a39fda587a6",
     "57427244f6cc016cddf1c19c8973b4060aa13579b4c067fd5d93a5d74e32a90f",
     "04305d35563527bce037773d79a13deabed0e8e7cde61eecee403496959e89e4d0ca701726696d1485137ccb53"
      "41b3c1c7aaee90a4a02449725e744b1193b53b5f",
     "d42ef874c1913d9568c9405407c805baddaffd0898a00f1e84e154fa787b2429",
     "438d8bcef33b89e0e9ae5eb0957c353c25a94584b0dd59c991372a75b43cb661",
     "040d97419ae99f13007a93996648b2674e5260a8ebd2b822e84899cd52d87446ea394ca76223b76639eccdf00e"
      "1967db10ade37db4e7db476261fcc8df97c5ffd1",
     "4f6465206f6e2061204772656369616e2055726e",
     "0247fd33b913760fa1fa51e1892d9f307fbe65eb171e8132c2af18555a738b82",
     "456e6e796e20447572696e206172616e204d6f726961",
     "2e783ad86a1beae03b5749e0f3f5e9bb19cb7eb382f2fb2dd64c99f15ae0661b",
     "01b873cdf2dff4c1434988053b7a775e980dd2039ea24f950b26b056ccedcb933198e486f9c9c09c9b5c753ac7"
      "2d6005de254c607d1b534ed11d493ae1c1d9ac85",
     "f2f534e55931c62eeb2188c1f53450354a725183937e68c85e68d6b267504d26",
     "55d9eb9d26911d4c514a990fa8d57048",
     "b595dc6b2d7e2ed23af529b1",
     "895a723a1eab809804973a53c0ee18ece29b25a7555a4808277ad2651d66d705",
     "436f756e742d30",
     "4265617574792069732074727574682c20747275746820626561757479",
     "90c4deb5b75318530194e4bb62f890b019b1397bbf9d0d6eb918890e1fb2be1ac2603193b60a49c2126b75d0eb"},
    {&sw_hpke_aes256gcm,
     "a90d3417c3da9cb6c6ae19b4b5dd6cc9529a4cc24efb7ae0ace1f31887a8cd6c",
     "90345e3a1d116c1dd39ae76d95ab858c142223a63e44f8f85318cfa91a84858e",
     "04c06b4f6bebc7bb495cb797ab753f911aff80aefb86fd8b6fcc35525f3ab5f03e0b21bd31a86c6048af3cb2d9"
      "8e0d3bf01da5cc4c39ff5370d331a4f1f7d5a4e0",
     "a0ce15d49e28bd47a18a97e147582d814b08cbe00109fed5ec27d1b4e9f6f5e3",
     "317f915db7bc629c48fe765587897e01e282d3e8445f79f27f65d031a88082b2",
     "04abc7e49a4c6b3566d77d0304addc6ed0e98512ffccf505e6a8e3eb25c685136f853148544876de76c0f2ef99"
      "cdc3a05ccf5ded7860c7c021238f9e2073d2356c",
     "4f6465206f6e2061204772656369616e2055726e",
     "",
     "",
     "48893fecd82f7c3456af6a42d8f56325d21e08c10fa81299986aaff54cde7b49",
     "008fc3aeb832490a4b5ab3e42023287db29a1f4bc7c222c0df228727b70a4021127f1ff3fd1aa97af7e5d473e1"
      "cb01ba74831133d9659b6c26b03a038a49a84074",
     "520da82c752ee6e0be7aafbad57a62535d266b6333513d3eb94cb497dceaf94e",
     "ee16802a936d5f544771131900ee6973d0551de9e852ece2ef34bf0d5f9e1d1d",
     "9bc50980832a7b4b58c40161",
     "a8e9a7e62621879fdc89cea7da8e6153458f463e2851baaf009a7461d699cfb6",
     "436f756e742d30",
     "4265617574792069732074727574682c20747275746820626561757479",
     "58c61a45059d0c5704560e9d88b564a8b63f1364b8d1fcb3c4c6ddc1d291742465e902cd216f8908da49f8f96f"},
    {&sw_hpke_aes256gcm,
     "3f9edbfb0f212a16692104c98023db64197b8c94831cbc0c1e62d752d0a097e6",
     "5171dce7db66a978110f345b97bfbdd836338c368d1b819bc125daffd90703db",
     "04a3cd1fd41bb0915973a14325a6c7612b336630e6c2fd3f3ae5a311bfe950d493155f446f3fc4a45d439073e9"
      "98624fca9490ac7eca4c312271d8720f8e6d7a74",
     "0af0766dd39ca8eefef6b6f6b782bbed2e44f85380b794759d490b5fdbb1cfd6",
     "dd70766222d5a88e72c247bd8ad9c28ea49125ee463a63902cc6db68c34f76a6",
     "04349f377dc7fcbb0d52d09e7caa97f53a1badc59aac6959f74a4f5a965f1015d4eeced4cd89f4b3d06c7a716e"
      "741d4a9863d8313843c987b96f756b111080f07c",
     "4f6465206f6e2061204772656369616e2055726e",
     "0247fd33b913760fa1fa51e1892d9f307fbe65eb171e8132c2af18555a738b82",
     "456e6e796e20447572696e206172616e204d6f726961",
     "aeb4e12a4b956e80588b330a6105a9158b580382427a40dc7c480472dfa346a7",
     "014347bda95dee60516b0482433e06221b26075bceb38f3931c30f869f189cdf8f7f1ff3fd1aa97af7e5d473e1"
      "cb01ba74831133d9659b6c26b03a038a49a84074",
     "bb6d4948ea3d4a78f4806790eede4955400024adb313eae6612471c5be58577a",
     "2a3c038fe08ade60865e1ff54064471a20dcb4ef90bb692fff3d036f68c03b24",
     "2b272740b827c1e16070c32f",
     "b24a488883ad4461ab2b218b48b82063038b5aa6d7d71fbc6612a32539c26fa2",
     "436f756e742d30",
     "4265617574792069732074727574682c20747275746820626561757479",
     "1552f6db424acdef53728dbfab35b85266681af9f9c42fa60e30cc858da8eb1fe05437fea881290cdeaad317d0"},
};
/* clang-format on */

static sw_p256_public point_of(sw_bytes bytes) {
    sw_p256_public made;
    assert_int_equal(bytes.size, sizeof made.b);
    memcpy(made.b, bytes.data, sizeof made.b);
    return made;
}

static void test_rfc9180_schedules(void **state) {
    (void)state;
    sw_arena arena = {0};
    for (size_t i = 0; i < COUNT(rfc_cases); i++) {
        const rfc_case *c = &rfc_cases[i];
        uint8_t e[32], r[32], sent[32], received[32];
        sw_p256_public e_public, r_public;
        sw_hpke_schedule s;
        sw_hpke_info info = {unhex(&arena, c->info), unhex(&arena, c->psk),
                             unhex(&arena, c->psk_id)};
        assert_int_equal(sw_hpke_derive_key_pair(unhex(&arena, c->ikm_e), e, &e_public, NULL),
                         SW_OK);
        assert_int_equal(sw_hpke_derive_key_pair(unhex(&arena, c->ikm_r), r, &r_public, NULL),
                         SW_OK);
        assert_hex(e, sizeof e, c->secret_e);
        assert_hex(e_public.b, sizeof e_public.b, c->public_e);
        assert_hex(r, sizeof r, c->secret_r);
        assert_hex(r_public.b, sizeof r_public.b, c->public_r);
        assert_int_equal(sw_hpke_encap(e, &e_public, &r_public, sent, NULL), SW_OK);
        assert_int_equal(sw_hpke_decap(r, &e_public, received, NULL), SW_OK);
        assert_hex(sent, sizeof sent, c->shared);
        assert_hex(received, sizeof received, c->shared);
        assert_int_equal(sw_hpke_derive_schedule(c->aead, sent, &info, &s, NULL), SW_OK);
        assert_hex(s.context, sizeof s.context, c->context);
        assert_hex(s.secret, sizeof s.secret, c->secret);
        assert_hex(s.key, c->aead->key_bytes, c->key);
        assert_hex(s.base_nonce, sizeof s.base_nonce, c->base_nonce);
        assert_hex(s.exporter_secret, sizeof s.exporter_secret, c->exporter_secret);
    }
    sw_arena_free(&arena);
}

static void test_rfc9180_exact_suite(void **state) {
    (void)state;
    sw_arena arena = {0};
    for (size_t i = 0; i < COUNT(rfc_cases); i++) {
        const rfc_case *c = &rfc_cases[i];
        if (c->aead != &sw_hpke_aes256gcm) continue;
        uint8_t enc[SW_HPKE_ENC_BYTES], sealed[128], plain[128];
        sw_hpke_keys keys;
        sw_hpke_info info = {unhex(&arena, c->info), unhex(&arena, c->psk),
                             unhex(&arena, c->psk_id)};
        sw_p256_public to = point_of(unhex(&arena, c->public_r));
        sw_bytes aad = unhex(&arena, c->aad), message = unhex(&arena, c->plain);
        assert_int_equal(
            sw_hpke_setup_sender_from(unhex(&arena, c->ikm_e), &to, &info, enc, &keys, NULL),
            SW_OK);
        assert_hex(enc, sizeof enc, c->public_e);
        assert_int_equal(sw_hpke_seal(&keys, aad, message, sealed, NULL), SW_OK);
        assert_hex(sealed, message.size + SW_GCM_TAG_BYTES, c->sealed);
        assert_int_equal(
            sw_hpke_setup_receiver(unhex(&arena, c->secret_r).data, enc, &info, &keys, NULL),
            SW_OK);
        assert_hex(keys.key, sizeof keys.key, c->key);
        assert_hex(keys.base_nonce, sizeof keys.base_nonce, c->base_nonce);
        sw_bytes all = SW_BYTES(sealed, message.size + SW_GCM_TAG_BYTES);
        assert_int_equal(sw_hpke_unseal(&keys, aad, all, plain, NULL), SW_OK);
        assert_memory_equal(plain, message.data, message.size);
    }
    sw_arena_free(&arena);
}

/* The AEAD is part of the suite: the same secret gives another schedule for another AEAD. */
static void test_the_aead_is_bound(void **state) {
    (void)state;
    const uint8_t shared[32] = {7};
    sw_hpke_info info = {SW_LITERAL("info"), {0}, {0}};
    sw_hpke_schedule a, b;
    assert_int_equal(sw_hpke_derive_schedule(&sw_hpke_aes128gcm, shared, &info, &a, NULL), SW_OK);
    assert_int_equal(sw_hpke_derive_schedule(&sw_hpke_aes256gcm, shared, &info, &b, NULL), SW_OK);
    assert_memory_not_equal(a.secret, b.secret, sizeof a.secret);
    assert_memory_not_equal(a.key, b.key, 16);
    assert_memory_not_equal(a.base_nonce, b.base_nonce, sizeof a.base_nonce);
}

/* ---- the exact suite, @hpke/core ---- */
typedef struct loaded {
    sw_arena arena;
    uint8_t secret[32];
    sw_p256_public to;
    sw_hpke_info info;
    sw_bytes ikm_e, ikm_r, enc, aad, plain, sealed;
} loaded;

static void load(loaded *l, const golden_hpke *c) {
    memset(l, 0, sizeof *l);
    memcpy(l->secret, unhex(&l->arena, c->secret_r).data, sizeof l->secret);
    l->to = point_of(unhex(&l->arena, c->public_r));
    l->info.info = unhex(&l->arena, c->info);
    l->info.psk = unhex(&l->arena, c->psk);
    l->info.psk_id = unhex(&l->arena, c->psk_id);
    l->ikm_e = unhex(&l->arena, c->ikm_e);
    l->ikm_r = unhex(&l->arena, c->ikm_r);
    l->enc = unhex(&l->arena, c->enc);
    l->aad = unhex(&l->arena, c->aad);
    l->plain = unhex(&l->arena, c->plain);
    l->sealed = unhex(&l->arena, c->sealed);
}

static void test_golden(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(golden_hpke_cases); i++) {
        loaded l;
        uint8_t enc[SW_HPKE_ENC_BYTES], out[8192], secret[32];
        sw_p256_public derived;
        sw_hpke_keys ours, theirs;
        load(&l, &golden_hpke_cases[i]);
        assert_int_equal(sw_hpke_derive_key_pair(l.ikm_r, secret, &derived, NULL), SW_OK);
        assert_memory_equal(secret, l.secret, sizeof secret);
        assert_true(sw_p256_equal(&derived, &l.to));
        assert_int_equal(sw_hpke_setup_sender_from(l.ikm_e, &l.to, &l.info, enc, &ours, NULL),
                         SW_OK);
        assert_memory_equal(enc, l.enc.data, sizeof enc);
        assert_int_equal(sw_hpke_seal(&ours, l.aad, l.plain, out, NULL), SW_OK);
        assert_memory_equal(out, l.sealed.data, l.sealed.size);
        assert_int_equal(sw_hpke_setup_receiver(l.secret, l.enc.data, &l.info, &theirs, NULL),
                         SW_OK);
        assert_memory_equal(&ours, &theirs, sizeof ours);
        assert_int_equal(sw_hpke_unseal(&theirs, l.aad, l.sealed, out, NULL), SW_OK);
        assert_memory_equal(out, l.plain.data, l.plain.size);
        sw_arena_free(&l.arena);
    }
}

static void test_fresh_round_trip(void **state) {
    (void)state;
    uint64_t seed = 5;
    sw_entropy e = {fill_from_seed, &seed};
    sw_p256_public to;
    uint8_t secret[32], first[SW_HPKE_ENC_BYTES], second[SW_HPKE_ENC_BYTES];
    sw_hpke_info info = {SW_LITERAL("sealwright/test/v1"), {0}, {0}};
    SW_SCOPED_SECRET(sw_hpke_keys) a = sw_hpke_keys_new();
    SW_SCOPED_SECRET(sw_hpke_keys) b = sw_hpke_keys_new();
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(sw_p256_generate(&e, secret, &to, NULL), SW_OK);
    assert_int_equal(sw_hpke_setup_sender(&e, &to, &info, first, a, NULL), SW_OK);
    assert_int_equal(sw_hpke_setup_receiver(secret, first, &info, b, NULL), SW_OK);
    assert_memory_equal(a, b, sizeof *a);
    assert_int_equal(sw_hpke_setup_sender(&e, &to, &info, second, b, NULL), SW_OK);
    assert_memory_not_equal(first, second, sizeof first); /* one ephemeral key per setup */
    assert_memory_not_equal(a, b, sizeof *a);
}

/* ---- refusals ---- */
/* Whatever is changed on the way to the keys gives other keys, or none. */
static bool same_keys(const uint8_t secret[32], const uint8_t enc[SW_HPKE_ENC_BYTES],
                      const sw_hpke_info *info, const sw_hpke_keys *expected) {
    sw_hpke_keys keys;
    memset(&keys, 0x77, sizeof keys);
    if (sw_hpke_setup_receiver(secret, enc, info, &keys, NULL) != SW_OK) {
        assert_int_equal(keys.key[0], 0x77); /* untouched */
        return false;
    }
    return memcmp(keys.key, expected->key, sizeof keys.key) == 0 ||
           memcmp(keys.base_nonce, expected->base_nonce, sizeof keys.base_nonce) == 0;
}

static void flip_each(loaded *l, sw_bytes *field, const sw_hpke_keys *keys) {
    uint8_t *bytes = (uint8_t *)field->data;
    for (size_t bit = 0; bit < field->size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(same_keys(l->secret, l->enc.data, &l->info, keys));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void test_every_flip_gives_other_keys(void **state) {
    (void)state;
    loaded l;
    sw_hpke_keys keys;
    load(&l, &golden_hpke_cases[6]); /* mode PSK */
    assert_int_equal(sw_hpke_setup_receiver(l.secret, l.enc.data, &l.info, &keys, NULL), SW_OK);
    assert_true(same_keys(l.secret, l.enc.data, &l.info, &keys));
    sw_bytes secret = SW_BYTES_OF(l.secret);
    flip_each(&l, &secret, &keys);
    flip_each(&l, &l.enc, &keys);
    flip_each(&l, &l.info.info, &keys);
    flip_each(&l, &l.info.psk, &keys);
    flip_each(&l, &l.info.psk_id, &keys);
    sw_hpke_info base = {l.info.info, {0}, {0}};
    assert_false(same_keys(l.secret, l.enc.data, &base, &keys));
    sw_hpke_info moved = l.info; /* a byte moved from info's end to nothing */
    moved.info.size--;
    assert_false(same_keys(l.secret, l.enc.data, &moved, &keys));
    sw_arena_free(&l.arena);
}

static void test_bad_points(void **state) {
    (void)state;
    loaded l;
    sw_hpke_keys keys;
    sw_error err;
    load(&l, &golden_hpke_cases[2]);
    const uint8_t prefixes[] = {0, 1, 2, 3, 5, 6, 7, 0xff};
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        uint8_t enc[SW_HPKE_ENC_BYTES], out[SW_HPKE_ENC_BYTES] = {0};
        memcpy(enc, l.enc.data, sizeof enc);
        enc[0] = prefixes[i];
        assert_int_equal(sw_hpke_setup_receiver(l.secret, enc, &l.info, &keys, &err), SW_MALFORMED);
        assert_string_equal(err.word, "key");
        sw_p256_public to = point_of(SW_BYTES_OF(enc));
        sw_entropy system = sw_entropy_system();
        assert_int_equal(sw_hpke_setup_sender(&system, &to, &l.info, out, &keys, &err),
                         SW_MALFORMED);
        assert_int_equal(out[0], 0);
    }
    const uint8_t zero_point[SW_HPKE_ENC_BYTES] = {4}, zero_secret[32] = {0};
    assert_int_equal(sw_hpke_setup_receiver(l.secret, zero_point, &l.info, &keys, NULL),
                     SW_MALFORMED);
    assert_int_equal(sw_hpke_setup_receiver(zero_secret, l.enc.data, &l.info, &keys, NULL),
                     SW_MALFORMED);
    sw_arena_free(&l.arena);
}

static void test_psk_inputs(void **state) {
    (void)state;
    static const struct {
        size_t psk, psk_id;
        sw_status status;
    } cases[] = {{0, 0, SW_OK},     {32, 1, SW_OK},    {100, 5, SW_OK},  {0, 1, SW_USAGE},
                 {32, 0, SW_USAGE}, {31, 1, SW_USAGE}, {1, 1, SW_USAGE}, {31, 0, SW_USAGE}};
    static const uint8_t bytes[100] = {1};
    const uint8_t shared[32] = {2};
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_hpke_schedule s = {.key = {0x11}};
        sw_hpke_info info = {SW_LITERAL("i"), SW_BYTES(bytes, cases[i].psk),
                             SW_BYTES(bytes, cases[i].psk_id)};
        assert_int_equal(sw_hpke_derive_schedule(&sw_hpke_aes256gcm, shared, &info, &s, NULL),
                         cases[i].status);
        if (cases[i].status == SW_OK) assert_int_equal(s.context[0], cases[i].psk == 0 ? 0 : 1);
        if (cases[i].status != SW_OK) assert_int_equal(s.key[0], 0x11);
    }
    uint8_t secret[32];
    sw_p256_public out;
    assert_int_equal(sw_hpke_derive_key_pair(SW_BYTES(bytes, 31), secret, &out, NULL), SW_USAGE);
}

static void test_sealed_message_damage(void **state) {
    (void)state;
    loaded l;
    sw_hpke_keys keys;
    uint8_t out[8192];
    load(&l, &golden_hpke_cases[6]);
    assert_int_equal(sw_hpke_setup_receiver(l.secret, l.enc.data, &l.info, &keys, NULL), SW_OK);
    for (size_t bit = 0; bit < l.sealed.size * 8; bit++) {
        uint8_t *at = (uint8_t *)l.sealed.data + bit / 8;
        *at ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(sw_hpke_unseal(&keys, l.aad, l.sealed, out, NULL), SW_UNAUTHENTIC);
        *at ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < l.sealed.size; size++)
        assert_int_not_equal(sw_hpke_unseal(&keys, l.aad, SW_BYTES(l.sealed.data, size), out, NULL),
                             SW_OK);
    assert_int_equal(sw_hpke_unseal(&keys, SW_LITERAL(""), l.sealed, out, NULL), SW_UNAUTHENTIC);
    sw_arena_free(&l.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc9180_schedules),
        cmocka_unit_test(test_rfc9180_exact_suite),
        cmocka_unit_test(test_the_aead_is_bound),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_fresh_round_trip),
        cmocka_unit_test(test_every_flip_gives_other_keys),
        cmocka_unit_test(test_bad_points),
        cmocka_unit_test(test_psk_inputs),
        cmocka_unit_test(test_sealed_message_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
