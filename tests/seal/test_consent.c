/* SPDX-License-Identifier: Apache-2.0
 *
 * Consent and run keys: golden_consent.h was made by npm's @hpke/core and node's own crypto
 * (tests/parity/consent.mjs); then every flip, cut, mismatch and wrong key.
 */
#include "seal/consent.h"
#include "seal/golden_consent.h"
#include "seal/support.h"

typedef struct fixture {
    chance c;
    sw_arena arena;
    key_pair owner, other, root;
    sw_unlock_secret psk;
    sw_data_key key;
    sw_wrap_context context;
    sw_buffer file;
} fixture;

static fixture *start(uint64_t seed) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    chance_start(&f->c, seed);
    f->owner = make_key_pair(&f->c);
    f->other = make_key_pair(&f->c);
    f->root = make_key_pair(&f->c);
    sw_hash psk = make_hash(&f->c), key = make_hash(&f->c);
    memcpy(f->psk.b, psk.b, 32);
    memcpy(f->key.b, key.b, 32);
    f->context =
        (sw_wrap_context){make_hash(&f->c), make_hash(&f->c), f->owner.id, make_hash(&f->c)};
    f->file = SW_BUFFER(SW_CONSENT_LIMIT);
    assert_int_equal(sw_consent_make(&f->context, &f->root.public, &f->psk, &f->key,
                                     (const sw_identity_key *)f->owner.secret, &f->c.entropy,
                                     &f->file, NULL),
                     SW_OK);
    return f;
}

static void end(fixture *f) {
    sw_buffer_free(&f->file);
    sw_arena_free(&f->arena);
    free(f);
}

/* What the key service does for the context that it attested. */
static sw_status kms_answer(const uint8_t root[32], const sw_unlock_secret *psk,
                            const sw_wrap_context *attested, const uint8_t enc[SW_HPKE_ENC_BYTES],
                            sw_hpke_keys *out) {
    SW_SCOPED(sw_buffer) info = SW_BUFFER(512);
    SW_SCOPED(sw_buffer) psk_id = SW_BUFFER(128);
    sw_wrap_info(&info, attested);
    sw_wrap_psk_id(&psk_id, &attested->genesis, &attested->owner);
    const sw_hpke_info binding = {sw_buffer_bytes(&info), SW_BYTES_OF(psk->b),
                                  sw_buffer_bytes(&psk_id)};
    return sw_hpke_setup_receiver(root, enc, &binding, out, NULL);
}

static sw_status unwrap(const sw_consent *c, const uint8_t root[32], const sw_unlock_secret *psk,
                        const sw_wrap_context *attested, sw_data_key *out) {
    sw_hpke_keys keys;
    SW_TRY(kms_answer(root, psk, attested, c->word.enc, &keys));
    return sw_consent_unwrap(c, &keys, out, NULL);
}

static void test_there_and_back(void **state) {
    (void)state;
    fixture *f = start(1);
    sw_consent c;
    sw_shard_word word;
    sw_data_key key = {{0}};
    sw_hash claimed, root_hash;
    sw_bytes file = sw_buffer_bytes(&f->file);
    assert_int_equal(sw_consent_owner(&f->arena, file, &claimed, NULL), SW_OK);
    assert_memory_equal(claimed.b, f->owner.id.b, 32);
    assert_int_equal(sw_consent_open(&f->arena, file, &f->owner.public, &c, NULL), SW_OK);
    assert_memory_equal(&c.word.context, &f->context, sizeof f->context);
    sw_sha256(&root_hash, SW_BYTES_OF(f->root.public.b));
    assert_memory_equal(c.word.root_key_hash.b, root_hash.b, 32);
    assert_int_equal(sw_shard_open(&f->arena, c.shard_envelope, &f->owner.public, &word, NULL),
                     SW_OK);
    assert_memory_equal(&word, &c.word, sizeof word);
    assert_int_equal(unwrap(&c, f->root.secret, &f->psk, &f->context, &key), SW_OK);
    assert_memory_equal(key.b, f->key.b, 32);
    end(f);
}

/* The key service derives from what it attested: another anything opens nothing. */
static void test_another_context_opens_nothing(void **state) {
    (void)state;
    fixture *f = start(2);
    sw_consent c;
    sw_data_key key = {{0}};
    assert_int_equal(
        sw_consent_open(&f->arena, sw_buffer_bytes(&f->file), &f->owner.public, &c, NULL), SW_OK);
    for (size_t bit = 0; bit < sizeof(sw_wrap_context) * 8; bit++) {
        sw_wrap_context other = f->context;
        ((uint8_t *)&other)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(unwrap(&c, f->root.secret, &f->psk, &other, &key), SW_UNAUTHENTIC);
    }
    for (size_t bit = 0; bit < 256; bit++) {
        sw_unlock_secret psk = f->psk;
        psk.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(unwrap(&c, f->root.secret, &psk, &f->context, &key), SW_UNAUTHENTIC);
    }
    assert_int_equal(unwrap(&c, f->other.secret, &f->psk, &f->context, &key), SW_UNAUTHENTIC);
    end(f);
}

static void test_every_flip_is_refused(void **state) {
    (void)state;
    fixture *f = start(3);
    for (size_t bit = 0; bit < f->file.size * 8; bit++) {
        sw_consent c;
        f->file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(
            sw_consent_open(&f->arena, sw_buffer_bytes(&f->file), &f->owner.public, &c, NULL),
            SW_OK);
        f->file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        sw_arena_free(&f->arena);
    }
    end(f);
}

static void test_every_cut_and_extension_is_refused(void **state) {
    (void)state;
    fixture *f = start(4);
    sw_consent c;
    sw_hash id;
    for (size_t size = 0; size < f->file.size; size++) {
        sw_bytes cut = SW_BYTES(f->file.data, size);
        assert_int_not_equal(sw_consent_open(&f->arena, cut, &f->owner.public, &c, NULL), SW_OK);
        assert_int_not_equal(sw_consent_owner(&f->arena, cut, &id, NULL), SW_OK);
    }
    sw_put_u8(&f->file, '\n');
    assert_int_not_equal(
        sw_consent_open(&f->arena, sw_buffer_bytes(&f->file), &f->owner.public, &c, NULL), SW_OK);
    end(f);
}

static void test_wrong_owner_is_refused(void **state) {
    (void)state;
    fixture *f = start(5);
    sw_consent c;
    sw_buffer none = SW_BUFFER(SW_CONSENT_LIMIT);
    assert_int_equal(
        sw_consent_open(&f->arena, sw_buffer_bytes(&f->file), &f->other.public, &c, NULL),
        SW_UNAUTHENTIC);
    /* An owner cannot write in another's name. */
    assert_int_equal(sw_consent_make(&f->context, &f->root.public, &f->psk, &f->key,
                                     (const sw_identity_key *)f->other.secret, &f->c.entropy, &none,
                                     NULL),
                     SW_USAGE);
    assert_int_equal(none.size, 0);
    end(f);
}

/* ---- halves that do not belong together (SEAL-064) ---- */

static sw_bytes half(fixture *f, sw_bytes file, const char *name) {
    sw_json *root;
    assert_int_equal(sw_json_parse(&f->arena, file, NULL, &root, NULL), SW_OK);
    return sw_json_member(root, name)->span;
}

static void test_mixed_halves_are_refused(void **state) {
    (void)state;
    fixture *f = start(6);
    for (int what = 0; what < 5; what++) {
        sw_buffer second = SW_BUFFER(SW_CONSENT_LIMIT), mixed = SW_BUFFER(SW_CONSENT_LIMIT);
        sw_wrap_context context = f->context;
        sw_data_key key = f->key;
        if (what == 0) context.genesis.b[0] ^= 1;
        if (what == 1) context.compose.b[0] ^= 1;
        if (what == 2) context.dataset.b[0] ^= 1;
        if (what == 3) key.b[0] ^= 1; /* what == 4: the same again, with a fresh enc */
        assert_int_equal(sw_consent_make(&context, &f->root.public, &f->psk, &key,
                                         (const sw_identity_key *)f->owner.secret, &f->c.entropy,
                                         &second, NULL),
                         SW_OK);
        sw_put_text(&mixed, "{\"consent\":");
        sw_put_bytes(&mixed, half(f, sw_buffer_bytes(&f->file), "consent"));
        sw_put_text(&mixed, ",\"kind\":\"sealwright/consent/v1\",\"shard\":");
        sw_put_bytes(&mixed, half(f, sw_buffer_bytes(&second), "shard"));
        sw_put_text(&mixed, "}");
        sw_consent c;
        assert_int_equal(
            sw_consent_open(&f->arena, sw_buffer_bytes(&mixed), &f->owner.public, &c, NULL),
            SW_UNAUTHENTIC);
        sw_buffer_free(&second);
        sw_buffer_free(&mixed);
    }
    end(f);
}

/* One half's payload with one digit of one member changed, signed again by the owner herself. */
static void put_changed_half(fixture *f, const char *name, const char *member, sw_buffer *out) {
    sw_payload_kind kind = strcmp(name, "shard") == 0 ? SW_PAYLOAD_SHARD : SW_PAYLOAD_CONSENT;
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(4096);
    sw_envelope e;
    char start[64];
    sw_bytes bytes = half(f, sw_buffer_bytes(&f->file), name);
    assert_int_equal(sw_envelope_parse(&f->arena, bytes, &e, NULL), SW_OK);
    sw_put_bytes(&payload, e.payload);
    (void)snprintf(start, sizeof start, "\"%s\":\"", member);
    uint8_t *at = memmem(payload.data, payload.size, start, strlen(start));
    if (at != NULL) { /* the digit before the last, so that a point stays 04... */
        at += strlen(start);
        while (at[2] != '"') at++;
        *at = *at == '0' ? '1' : '0';
    }
    assert_int_equal(sw_envelope_sign(kind, sw_buffer_bytes(&payload), f->owner.secret, out, NULL),
                     SW_OK);
}

/* SEAL-064, member by member. */
static void test_every_common_member_must_agree(void **state) {
    (void)state;
    static const char *const members[] = {"none",          "compose",     "dataset",
                                          "enc",           "genesis",     "owner",
                                          "root_key_hash", "wrapped_key", "wrapped_key_hash"};
    static const char *const halves[] = {"consent", "shard"};
    fixture *f = start(10);
    for (size_t m = 0; m < COUNT(members); m++)
        for (size_t h = 0; h < COUNT(halves); h++) {
            SW_SCOPED(sw_buffer) file = SW_BUFFER(SW_CONSENT_LIMIT);
            sw_consent c;
            sw_put_text(&file, "{\"consent\":");
            put_changed_half(f, "consent", h == 0 ? members[m] : "none", &file);
            sw_put_text(&file, ",\"kind\":\"sealwright/consent/v1\",\"shard\":");
            put_changed_half(f, "shard", h == 1 ? members[m] : "none", &file);
            sw_put_text(&file, "}");
            bool elsewhere = (h == 0 && m == 8) || (h == 1 && m == 7);
            assert_int_equal(
                sw_consent_open(&f->arena, sw_buffer_bytes(&file), &f->owner.public, &c, NULL),
                m == 0 || elsewhere ? SW_OK : SW_UNAUTHENTIC);
        }
    end(f);
}

/* The kinds of the two envelopes cannot be exchanged. */
static void test_swapped_halves_are_refused(void **state) {
    (void)state;
    fixture *f = start(7);
    sw_buffer mixed = SW_BUFFER(SW_CONSENT_LIMIT);
    sw_consent c;
    sw_put_text(&mixed, "{\"consent\":");
    sw_put_bytes(&mixed, half(f, sw_buffer_bytes(&f->file), "shard"));
    sw_put_text(&mixed, ",\"kind\":\"sealwright/consent/v1\",\"shard\":");
    sw_put_bytes(&mixed, half(f, sw_buffer_bytes(&f->file), "consent"));
    sw_put_text(&mixed, "}");
    assert_int_equal(
        sw_consent_open(&f->arena, sw_buffer_bytes(&mixed), &f->owner.public, &c, NULL),
        SW_UNAUTHENTIC);
    sw_buffer_free(&mixed);
    end(f);
}

/* Signed by the owner, and still not in the format. */
static void test_malformed_payloads_are_refused(void **state) {
    (void)state;
    static const char *const payloads[] = {"", "{}", "[]", "null",
                                           "{\"kind\":\"sealwright/shard/v1\"}"};
    fixture *f = start(8);
    sw_shard_word word;
    for (size_t i = 0; i < COUNT(payloads); i++) {
        sw_buffer envelope = SW_BUFFER(SW_CONSENT_LIMIT);
        assert_int_equal(sw_envelope_sign(SW_PAYLOAD_SHARD, sw_text(payloads[i]), f->owner.secret,
                                          &envelope, NULL),
                         SW_OK);
        assert_int_equal(
            sw_shard_open(&f->arena, sw_buffer_bytes(&envelope), &f->owner.public, &word, NULL),
            SW_MALFORMED);
        sw_buffer_free(&envelope);
    }
    end(f);
}

/* ---- golden: npm's @hpke/core wrapped it, we open it ---- */

static void test_golden(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(golden_consents); i++) {
        const golden_consent *g = &golden_consents[i];
        sw_arena arena = {0};
        sw_consent c;
        sw_wrap_context context;
        sw_p256_public owner;
        sw_unlock_secret psk;
        sw_data_key key = {{0}};
        SW_SCOPED(sw_buffer) info = SW_BUFFER(512);
        memcpy(owner.b, unhex(&arena, g->owner).data, sizeof owner.b);
        memcpy(psk.b, unhex(&arena, g->psk).data, sizeof psk.b);
        memcpy(&context, unhex(&arena, g->context).data, sizeof context);
        sw_wrap_info(&info, &context);
        assert_hex(info.data, info.size, g->info);
        assert_int_equal(sw_consent_open(&arena, sw_text(g->file), &owner, &c, NULL), SW_OK);
        assert_memory_equal(&c.word.context, &context, sizeof context);
        assert_int_equal(unwrap(&c, unhex(&arena, g->root_secret).data, &psk, &context, &key),
                         SW_OK);
        assert_hex(key.b, sizeof key.b, g->data_key);
        sw_arena_free(&arena);
    }
}

/* ---- run keys ---- */

static void test_run_keys_golden(void **state) {
    (void)state;
    static const sw_subkey_label labels[] = {SW_SUBKEY_CHECKPOINT, SW_SUBKEY_OUTPUT,
                                             SW_SUBKEY_NOISE, SW_SUBKEY_COMMIT};
    for (size_t i = 0; i < COUNT(golden_run_keys); i++) {
        const golden_run_key *g = &golden_run_keys[i];
        sw_arena arena = {0};
        sw_data_key keys[8];
        const sw_data_key *list[8];
        sw_hash compose;
        sw_run_key run;
        for (size_t k = 0; k < g->count; k++) {
            memcpy(keys[k].b, unhex(&arena, g->data_keys).data + 32 * k, 32);
            list[k] = &keys[k];
        }
        memcpy(compose.b, unhex(&arena, g->compose).data, 32);
        assert_int_equal(sw_run_key_derive(list, g->count, &compose, &run, NULL), SW_OK);
        assert_hex(run.b, 32, g->run_key);
        for (size_t l = 0; l < COUNT(labels); l++) {
            sw_subkey subkey;
            assert_int_equal(sw_subkey_derive(&run, labels[l], &subkey, NULL), SW_OK);
            assert_hex(subkey.b, 32, g->subkeys[l]);
        }
        sw_arena_free(&arena);
    }
}

static void test_run_keys_need_every_shard_in_order(void **state) {
    (void)state;
    chance c;
    chance_start(&c, 9);
    sw_data_key keys[3];
    sw_hash compose = make_hash(&c), other = make_hash(&c);
    sw_run_key all, run = {{0}};
    for (size_t i = 0; i < 3; i++) {
        sw_hash h = make_hash(&c);
        memcpy(keys[i].b, h.b, 32);
    }
    const sw_data_key *order[] = {&keys[0], &keys[1], &keys[2], &keys[0]};
    const sw_data_key *swapped[] = {&keys[1], &keys[0], &keys[2]};
    assert_int_equal(sw_run_key_derive(order, 3, &compose, &all, NULL), SW_OK);
    assert_int_equal(sw_run_key_derive(order, 2, &compose, &run, NULL), SW_OK);
    assert_memory_not_equal(run.b, all.b, 32);
    assert_int_equal(sw_run_key_derive(order, 4, &compose, &run, NULL), SW_OK);
    assert_memory_not_equal(run.b, all.b, 32);
    assert_int_equal(sw_run_key_derive(swapped, 3, &compose, &run, NULL), SW_OK);
    assert_memory_not_equal(run.b, all.b, 32);
    assert_int_equal(sw_run_key_derive(order, 3, &other, &run, NULL), SW_OK);
    assert_memory_not_equal(run.b, all.b, 32);
    assert_int_equal(sw_run_key_derive(order, 0, &compose, &run, NULL), SW_USAGE);
    assert_int_equal(sw_subkey_derive(&all, (sw_subkey_label)4, (sw_subkey *)&run, NULL),
                     SW_INTERNAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_another_context_opens_nothing),
        cmocka_unit_test(test_every_flip_is_refused),
        cmocka_unit_test(test_every_cut_and_extension_is_refused),
        cmocka_unit_test(test_wrong_owner_is_refused),
        cmocka_unit_test(test_mixed_halves_are_refused),
        cmocka_unit_test(test_every_common_member_must_agree),
        cmocka_unit_test(test_swapped_halves_are_refused),
        cmocka_unit_test(test_malformed_payloads_are_refused),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_run_keys_golden),
        cmocka_unit_test(test_run_keys_need_every_shard_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
