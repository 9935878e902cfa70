/* SPDX-License-Identifier: Apache-2.0
 *
 * An owner's folder: card, keys with and without passphrase, stored secrets, heads that never go
 * back (ID-001 ...).
 */
#include "identity/folder.h"

#include <pthread.h>

/* ---- the card ---- */

static void test_card(void **state) {
    (void)state;
    fixture *f = start(1);
    key_pair signer;
    sw_card card = make_card(f, &signer), parsed;
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_CARD_LIMIT);
    assert_int_equal(sw_card_encode(&card, &json, NULL), SW_OK);
    assert_int_equal(sw_card_parse(sw_buffer_bytes(&json), &parsed, NULL), SW_OK);
    assert_memory_equal(&parsed, &card, sizeof card);
    for (size_t size = 0; size < json.size; size++)
        assert_int_equal(sw_card_parse(SW_BYTES(json.data, size), &parsed, NULL), SW_MALFORMED);
    for (size_t bit = 0; bit < json.size * 8; bit++) { /* every bit is bound: ID-007 */
        json.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        sw_card other = {0};
        if (sw_card_parse(sw_buffer_bytes(&json), &other, NULL) == SW_OK) fail();
        json.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    sw_put_u8(&json, '\n');
    assert_int_equal(sw_card_parse(sw_buffer_bytes(&json), &parsed, NULL), SW_MALFORMED);
    end(f);
}

static void test_cards_that_lie(void **state) {
    (void)state;
    fixture *f = start(2);
    sw_buffer none = SW_BUFFER(SW_CARD_LIMIT);
    key_pair signer;
    sw_card good = make_card(f, &signer), card = good;
    card.id.b[0] ^= 1;
    assert_int_equal(sw_card_encode(&card, &none, NULL), SW_UNAUTHENTIC);
    card = good;
    card.encryption_key = card.identity_key;
    assert_int_equal(sw_card_encode(&card, &none, NULL), SW_MALFORMED);
    static const char *const names[] = {"",
                                        " a",
                                        "a ",
                                        "a\nb",
                                        "\x7f",
                                        "a\tb",
                                        "\xff",
                                        "\xc2\x80 x",
                                        "\xc2\x9b",
                                        "\xc3",
                                        "\xe2\x80\xae"
                                        "nna",
                                        "a\xe2\x81\xa6",
                                        "\xd8\x9c"
                                        "b",
                                        "a\xe2\x80\xa8"
                                        "b",
                                        "An\xe2\x80\x8bna",
                                        "Anna\xef\xbb\xbf",
                                        "An\xc2\xadna",
                                        "Anna\xf3\xa0\x81\x81"};
    for (size_t i = 0; i < COUNT(names); i++) {
        card = good;
        memset(card.name, 0, sizeof card.name);
        memcpy(card.name, names[i], strlen(names[i]));
        assert_int_equal(sw_card_encode(&card, &none, NULL), SW_MALFORMED);
        assert_int_equal(sw_identity_make(f->folder, names[i], NULL, &f->c.entropy, NULL),
                         SW_USAGE);
        assert_false(sw_path_exists(f->folder));
    }
    assert_int_equal(none.size, 0);
    sw_put_text(&none, "{\"encryption_key\":\"\",\"id\":\"\",\"identity_key\":\"\",\"kind\":"
                       "\"sealwright/card/v2\",\"name\":\"a\"}");
    assert_int_equal(sw_card_parse(sw_buffer_bytes(&none), &card, NULL), SW_MALFORMED);
    sw_buffer_free(&none);
    end(f);
}

/* Members that are good each for itself and are not the owner's word (ID-007). */
static void test_cards_of_another_hand(void **state) {
    (void)state;
    fixture *f = start(12);
    key_pair signer, stranger;
    sw_card good = make_card(f, &signer), other = make_card(f, &stranger), parsed = {0};
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_CARD_LIMIT);
    sw_error err = {0};
    for (int what = 0; what < 7; what++) {
        sw_card card = good;
        if (what == 0) card.encryption_key = other.encryption_key;
        if (what == 1) memcpy(card.name, "Klinik Nord", sizeof "Klinik Nord");
        if (what == 2) card.identity_key = other.identity_key, card.id = other.id;
        if (what == 3) sign(&card, &stranger);
        if (what == 4) {
            memcpy(card.signature, other.signature, sizeof card.signature);
            card.signature_bytes = other.signature_bytes;
        }
        if (what == 5) card.signature_bytes--;
        if (what == 6) card.signature_bytes = 0;
        err = (sw_error){0};
        assert_int_equal(sw_card_encode(&card, &json, &err), SW_UNAUTHENTIC);
        assert_string_equal(err.word, "card");
        assert_int_equal(json.size, 0);
    }
    /* As text: the key of another card in this one, at its place. */
    assert_int_equal(sw_card_encode(&good, &json, NULL), SW_OK);
    char hex[2 * SW_P256_BYTES + 1];
    sw_hex_text(hex, SW_BYTES_OF(other.encryption_key.b));
    memcpy(json.data + strlen("{\"encryption_key\":\""), hex, sizeof hex - 1);
    assert_int_equal(sw_card_parse(sw_buffer_bytes(&json), &parsed, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "card");
    assert_int_equal(parsed.name[0], 0);
    end(f);
}

/* ---- making and opening ---- */

static void assert_mode(const char *folder, const char *name, mode_t mode) {
    char path[512];
    struct stat st;
    path_in(path, folder, name);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, mode);
}

static void test_make_and_open(void **state) {
    (void)state;
    fixture *f = start(3);
    sw_identity *i = make_and_open(f, "Alice");
    const sw_card *card = sw_identity_card(i);
    const sw_identity_key *signing = NULL;
    const sw_encryption_key *encryption = NULL;
    sw_p256_public public;
    assert_string_equal(card->name, "Alice");
    assert_int_equal(sw_identity_signing_key(i, &signing, NULL), SW_OK);
    assert_int_equal(sw_p256_derive(signing->b, &public, NULL), SW_OK);
    assert_true(sw_p256_equal(&public, &card->identity_key));
    assert_int_equal(sw_identity_encryption_key(i, &encryption, NULL), SW_OK);
    assert_int_equal(sw_p256_derive(encryption->b, &public, NULL), SW_OK);
    assert_true(sw_p256_equal(&public, &card->encryption_key));
    sw_identity_close(&i);
    assert_null(i);
    static const char *const files[] = {"card.json",   "public.json", "identity.key",
                                        "keyring.key", "unlock.key",  "encryption.key"};
    static const char *const folders[] = {".", "keyring", "unlock", "heads"};
    for (size_t k = 0; k < COUNT(files); k++) assert_mode(f->folder, files[k], 0600);
    for (size_t k = 0; k < COUNT(folders); k++) assert_mode(f->folder, folders[k], 0700);
    assert_int_equal(sw_identity_make(f->folder, "Bob", NULL, &f->c.entropy, NULL), SW_EXISTS);
    /* Nothing of the making is left beside it. */
    sw_arena arena = {0};
    const char **names;
    size_t count;
    assert_int_equal(sw_folder_list(&arena, f->root, 9, &names, &count, NULL), SW_OK);
    assert_int_equal(count, 1);
    sw_arena_free(&arena);
    end(f);
}

static sw_status no_passphrase(void *context, const char *file, char *out, size_t limit,
                               size_t *size, sw_error *err) {
    (void)context, (void)file, (void)out, (void)limit, (void)size;
    return sw_fail(err, SW_REFUSED, "passphrase", "none");
}

static void test_failed_making_leaves_nothing(void **state) {
    (void)state;
    fixture *f = start(4);
    const sw_passphrase none = {no_passphrase, NULL};
    sw_arena arena = {0};
    const char **names;
    size_t count;
    assert_int_equal(sw_identity_make(f->folder, "A", &none, &f->c.entropy, NULL), SW_REFUSED);
    assert_int_equal(sw_folder_list(&arena, f->root, 9, &names, &count, NULL), SW_OK);
    assert_int_equal(count, 0);
    sw_arena_free(&arena);
    end(f);
}

static void test_passphrase(void **state) {
    (void)state;
    fixture *f = start(5);
    sw_identity *i = NULL;
    const sw_identity_key *key = NULL;
    sw_data_key stored = {{1, 2, 3}}, loaded;
    sw_hash id = make_hash(&f->c);
    sw_error err;
    assert_int_equal(sw_identity_make(f->folder, "A", &f->passphrase, &f->c.entropy, NULL), SW_OK);
    assert_int_equal(f->asked, 4);
    /* Storing needs none; reading does. */
    assert_int_equal(sw_identity_open(f->folder, NULL, &f->c.entropy, &i, NULL), SW_OK);
    assert_int_equal(sw_identity_store_data_key(i, &id, &stored, NULL), SW_OK);
    assert_int_equal(sw_identity_signing_key(i, &key, &err), SW_REFUSED);
    assert_string_equal(err.word, "passphrase");
    assert_int_equal(sw_identity_load_data_key(i, &id, &loaded, NULL), SW_REFUSED);
    sw_identity_close(&i);
    f->asked = 0;
    assert_int_equal(sw_identity_open(f->folder, &f->passphrase, &f->c.entropy, &i, NULL), SW_OK);
    assert_int_equal(f->asked, 0);
    assert_int_equal(sw_identity_load_data_key(i, &id, &loaded, NULL), SW_OK);
    assert_memory_equal(loaded.b, stored.b, 32);
    assert_int_equal(sw_identity_load_data_key(i, &id, &loaded, NULL), SW_OK);
    assert_int_equal(f->asked, 1);
    f->wrong_after = 0;
    assert_int_equal(sw_identity_signing_key(i, &key, NULL), SW_UNAUTHENTIC);
    assert_null(key);
    sw_identity_close(&i);
    end(f);
}

/* ID-013, ID-014 */
static void test_foreign_and_open_key_files(void **state) {
    (void)state;
    fixture *f = start(6);
    sw_identity *i = make_and_open(f, "A");
    const sw_identity_key *key = NULL;
    const sw_encryption_key *encryption = NULL;
    char from[512], to[512];
    path_in(from, f->folder, "keyring.key");
    path_in(to, f->folder, "identity.key");
    assert_int_equal(chmod(to, 0640), 0);
    assert_int_not_equal(sw_identity_signing_key(i, &key, NULL), SW_OK);
    sw_buffer other = read_file(from);
    replace_file(to, sw_buffer_bytes(&other));
    assert_int_equal(chmod(to, 0600), 0);
    assert_int_equal(sw_identity_signing_key(i, &key, NULL), SW_UNAUTHENTIC);
    replace_file(to, SW_BYTES(other.data, other.size / 2));
    assert_int_not_equal(sw_identity_signing_key(i, &key, NULL), SW_OK);
    assert_int_equal(unlink(to), 0);
    assert_int_equal(sw_identity_signing_key(i, &key, NULL), SW_MISSING);
    assert_null(key);
    assert_int_equal(sw_identity_encryption_key(i, &encryption, NULL), SW_OK);
    sw_buffer_free(&other);
    sw_identity_close(&i);
    end(f);
}

static void test_damaged_folders_are_refused(void **state) {
    (void)state;
    static const char *const files[] = {"card.json", "public.json"};
    fixture *f = start(7);
    sw_identity *i = make_and_open(f, "A");
    sw_identity_close(&i);
    for (size_t k = 0; k < COUNT(files); k++) {
        char path[512];
        path_in(path, f->folder, files[k]);
        sw_buffer content = read_file(path);
        for (size_t size = 0; size < content.size; size += 13) {
            replace_file(path, SW_BYTES(content.data, size));
            assert_int_equal(sw_identity_open(f->folder, NULL, &f->c.entropy, &i, NULL),
                             SW_MALFORMED);
        }
        assert_int_equal(unlink(path), 0);
        assert_int_equal(sw_identity_open(f->folder, NULL, &f->c.entropy, &i, NULL), SW_MISSING);
        replace_file(path, sw_buffer_bytes(&content));
        sw_buffer_free(&content);
    }
    assert_int_equal(sw_identity_open(f->root, NULL, &f->c.entropy, &i, NULL), SW_MISSING);
    assert_int_equal(sw_identity_open("/nowhere/at/all", NULL, &f->c.entropy, &i, NULL),
                     SW_MISSING);
    assert_null(i);
    end(f);
}

/* ---- stored secrets ---- */

static void stored_path(fixture *f, const char *sub, const sw_hash *name, char out[512]) {
    char folder[512], hex[65];
    sw_hex_text(hex, SW_BYTES_OF(name->b));
    path_in(folder, f->folder, sub);
    path_in(out, folder, hex);
}

static void test_data_keys(void **state) {
    (void)state;
    fixture *f = start(8);
    sw_identity *i = make_and_open(f, "A");
    sw_hash id = make_hash(&f->c), other = make_hash(&f->c);
    sw_data_key key = {{9, 8, 7}}, loaded = {{0}};
    char path[512], elsewhere[512];
    assert_int_equal(sw_identity_load_data_key(i, &id, &loaded, NULL), SW_MISSING);
    assert_int_equal(sw_identity_store_data_key(i, &id, &key, NULL), SW_OK);
    assert_int_equal(sw_identity_store_data_key(i, &id, &key, NULL), SW_EXISTS);
    assert_int_equal(sw_identity_load_data_key(i, &id, &loaded, NULL), SW_OK);
    assert_memory_equal(loaded.b, key.b, 32);
    stored_path(f, "keyring", &id, path);
    stored_path(f, "keyring", &other, elsewhere);
    sw_buffer file = read_file(path);
    assert_int_equal(file.size, 121);
    assert_null(memmem(file.data, file.size, key.b, 8));
    /* Under another name it opens nothing, and no bit of it may change. */
    replace_file(elsewhere, sw_buffer_bytes(&file));
    assert_int_equal(sw_identity_load_data_key(i, &other, &loaded, NULL), SW_UNAUTHENTIC);
    for (size_t bit = 0; bit < file.size * 8; bit++) {
        file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        replace_file(path, sw_buffer_bytes(&file));
        assert_int_not_equal(sw_identity_load_data_key(i, &id, &loaded, NULL), SW_OK);
        file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < file.size; size++) {
        replace_file(path, SW_BYTES(file.data, size));
        assert_int_equal(sw_identity_load_data_key(i, &id, &loaded, NULL), SW_MALFORMED);
    }
    sw_put_u8(&file, 0);
    replace_file(path, sw_buffer_bytes(&file));
    assert_int_equal(sw_identity_load_data_key(i, &id, &loaded, NULL), SW_MALFORMED);
    sw_buffer_free(&file);
    sw_identity_close(&i);
    end(f);
}

static void test_unlock_secrets(void **state) {
    (void)state;
    fixture *f = start(9);
    sw_identity *i = make_and_open(f, "A");
    sw_hash app = make_hash(&f->c), other = make_hash(&f->c);
    sw_unlock_secret first = {{0}}, again = {{0}}, second = {{0}};
    assert_int_equal(sw_identity_unlock_secret(i, &app, false, &first, NULL), SW_MISSING);
    assert_int_equal(sw_identity_unlock_secret(i, &app, true, &first, NULL), SW_OK);
    assert_int_equal(sw_identity_unlock_secret(i, &app, true, &again, NULL), SW_OK);
    assert_memory_equal(first.b, again.b, 32);
    assert_int_equal(sw_identity_unlock_secret(i, &app, false, &again, NULL), SW_OK);
    assert_memory_equal(first.b, again.b, 32);
    assert_int_equal(sw_identity_unlock_secret(i, &other, true, &second, NULL), SW_OK);
    assert_memory_not_equal(first.b, second.b, 32);
    assert_int_equal(sw_identity_erase_unlock(i, &app, NULL), SW_OK);
    assert_int_equal(sw_identity_erase_unlock(i, &app, NULL), SW_MISSING);
    assert_int_equal(sw_identity_unlock_secret(i, &app, false, &again, NULL), SW_MISSING);
    assert_int_equal(sw_identity_unlock_secret(i, &app, true, &again, NULL), SW_OK);
    assert_memory_not_equal(first.b, again.b, 32);
    /* A data key's file is no unlock secret's. */
    char from[512], to[512];
    sw_data_key key = {{5}};
    assert_int_equal(sw_identity_store_data_key(i, &app, &key, NULL), SW_OK);
    stored_path(f, "keyring", &app, from);
    stored_path(f, "unlock", &app, to);
    sw_buffer file = read_file(from);
    replace_file(to, sw_buffer_bytes(&file));
    assert_int_equal(sw_identity_unlock_secret(i, &app, true, &again, NULL), SW_MALFORMED);
    sw_buffer_free(&file);
    sw_identity_close(&i);
    end(f);
}

/* ---- heads (ID-031) ---- */

static void test_heads_never_go_back(void **state) {
    (void)state;
    fixture *f = start(10);
    sw_identity *i = make_and_open(f, "A");
    sw_hash app = make_hash(&f->c), other = make_hash(&f->c);
    sw_seen seen,
        now = {.ledger = {3, make_hash(&f->c)}, .audit = {10, make_hash(&f->c)}, .sequence = 2};
    assert_int_equal(sw_identity_load_seen(i, &app, &seen, NULL), SW_OK);
    assert_int_equal(seen.ledger.index, 0);
    assert_true(sw_hash_zero(&seen.ledger.hash));
    assert_int_equal(sw_identity_store_seen(i, &app, &now, NULL), SW_INTERNAL); /* not held */
    assert_int_equal(sw_identity_hold(i, 0, NULL), SW_OK);
    assert_int_equal(sw_identity_store_seen(i, &app, &now, NULL), SW_OK);
    assert_int_equal(sw_identity_store_seen(i, &app, &now, NULL), SW_OK);
    assert_int_equal(sw_identity_load_seen(i, &app, &seen, NULL), SW_OK);
    assert_memory_equal(&seen, &now, sizeof now);
    for (int what = 0; what < 6; what++) {
        sw_seen back = now;
        sw_error err = {0};
        if (what == 0) back.ledger.index = 2;
        if (what == 1) back.ledger.hash.b[0] ^= 1;
        if (what == 2) back.audit.index = 9;
        if (what == 3) back.audit.hash.b[31] ^= 1;
        if (what == 4) back.sequence = 1;
        if (what == 5) back = (sw_seen){0};
        assert_int_equal(sw_identity_store_seen(i, &app, &back, &err), SW_UNAUTHENTIC);
        assert_string_equal(err.word, "rollback");
    }
    now.ledger = (sw_head){4, make_hash(&f->c)};
    now.sequence = 7;
    assert_int_equal(sw_identity_store_seen(i, &app, &now, NULL), SW_OK);
    assert_int_equal(sw_identity_load_seen(i, &other, &seen, NULL), SW_OK);
    assert_int_equal(seen.sequence, 0);
    char path[512];
    stored_path(f, "heads", &app, path);
    sw_buffer file = read_file(path);
    for (size_t size = 0; size < file.size; size++) {
        replace_file(path, SW_BYTES(file.data, size));
        assert_int_equal(sw_identity_load_seen(i, &app, &seen, NULL), SW_MALFORMED);
    }
    now.sequence = (uint64_t)1 << 60;
    replace_file(path, sw_buffer_bytes(&file));
    assert_int_equal(sw_identity_store_seen(i, &app, &now, NULL), SW_LIMIT);
    sw_buffer_free(&file);
    sw_identity_close(&i);
    end(f);
}

/* ---- holding (ID-032) ---- */

static void *hold_patiently(void *identity) {
    return sw_identity_hold(identity, SW_IDENTITY_WAIT_MS, NULL) == SW_OK ? identity : NULL;
}

static void test_one_holder_at_a_time(void **state) {
    (void)state;
    fixture *f = start(11);
    sw_identity *one = make_and_open(f, "A"), *two = NULL;
    sw_error err = {0};
    pthread_t waiter;
    void *held;
    assert_int_equal(sw_identity_open(f->folder, NULL, &f->c.entropy, &two, NULL), SW_OK);
    assert_int_equal(sw_identity_hold(one, 0, NULL), SW_OK);
    assert_int_equal(sw_identity_hold(one, 0, NULL), SW_INTERNAL); /* it is held already */
    for (int64_t wait_ms = 0; wait_ms <= 20; wait_ms += 20) {
        assert_int_equal(sw_identity_hold(two, wait_ms, &err), SW_REFUSED);
        assert_string_equal(err.word, "busy");
    }
    assert_int_equal(pthread_create(&waiter, NULL, hold_patiently, two), 0);
    sw_identity_release(one);
    assert_int_equal(pthread_join(waiter, &held), 0);
    assert_ptr_equal(held, two);
    assert_int_equal(sw_identity_hold(one, 0, NULL), SW_REFUSED);
    sw_identity_close(&two); /* which releases */
    assert_int_equal(sw_identity_hold(one, 0, NULL), SW_OK);
    sw_identity_close(&one);
    end(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_card),
        cmocka_unit_test(test_cards_that_lie),
        cmocka_unit_test(test_cards_of_another_hand),
        cmocka_unit_test(test_make_and_open),
        cmocka_unit_test(test_failed_making_leaves_nothing),
        cmocka_unit_test(test_passphrase),
        cmocka_unit_test(test_foreign_and_open_key_files),
        cmocka_unit_test(test_damaged_folders_are_refused),
        cmocka_unit_test(test_data_keys),
        cmocka_unit_test(test_unlock_secrets),
        cmocka_unit_test(test_heads_never_go_back),
        cmocka_unit_test(test_one_holder_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
