/* SPDX-License-Identifier: Apache-2.0
 *
 * An owner's key on a chain: its file, and the card that names its address (ID-009, ID-015 to
 * ID-016).
 */
#include "identity/folder.h"

/* A card with an address is another card, signed like the others; one without is what it was. */
static void test_card_with_address(void **state) {
    (void)state;
    fixture *f = start(41);
    key_pair signer;
    sw_card card = make_card(f, &signer), parsed;
    SW_SCOPED(sw_buffer) plain = SW_BUFFER(SW_CARD_LIMIT);
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_CARD_LIMIT);
    SW_SCOPED(sw_buffer) again = SW_BUFFER(SW_CARD_LIMIT);
    assert_int_equal(sw_card_encode(&card, &plain, NULL), SW_OK);
    assert_null(memmem(plain.data, plain.size, "address", 7));
    card.has_address = true;
    assert_int_equal(sw_card_encode(&card, &json, NULL), SW_MALFORMED); /* of zero */
    memset(card.address.b, 0x5a, sizeof card.address.b);
    assert_int_equal(sw_card_encode(&card, &json, NULL), SW_UNAUTHENTIC); /* not signed */
    sign(&card, &signer);
    assert_int_equal(sw_card_encode(&card, &json, NULL), SW_OK);
    assert_int_equal(sw_card_parse(sw_buffer_bytes(&json), &parsed, NULL), SW_OK);
    assert_true(parsed.has_address);
    assert_memory_equal(parsed.address.b, card.address.b, sizeof card.address.b);
    assert_int_equal(sw_card_encode(&parsed, &again, NULL), SW_OK);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&again), sw_buffer_bytes(&json)));
    for (size_t bit = 0; bit < json.size * 8; bit++) {
        json.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (sw_card_parse(sw_buffer_bytes(&json), &parsed, NULL) == SW_OK) fail();
        json.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    card.has_address = false;
    assert_int_equal(sw_card_encode(&card, &json, NULL), SW_MALFORMED); /* said and unsaid */
    end(f);
}

/* ID-015, ID-016: made once, kept as the other keys are, and the card's own. */
static void make_chain_key(fixture *f, const sw_passphrase *passphrase) {
    sw_identity *i = NULL;
    const sw_chain_key *key = NULL, *again = NULL;
    sw_chain_key first;
    char card_path[600], key_path[600];
    SW_SCOPED(sw_buffer) card = SW_BUFFER(SW_CARD_LIMIT);
    path_in(card_path, f->folder, "card.json");
    path_in(key_path, f->folder, "chain.key");
    assert_int_equal(sw_identity_make(f->folder, "Anna", passphrase, &f->c.entropy, NULL), SW_OK);
    assert_int_equal(sw_file_read(card_path, SW_CARD_LIMIT, &card, NULL), SW_OK);
    assert_int_equal(sw_identity_open(f->folder, passphrase, &f->c.entropy, &i, NULL), SW_OK);
    assert_int_equal(sw_identity_chain_key(i, &key, NULL), SW_MISSING);
    assert_int_equal(sw_identity_make_chain_key(i, passphrase, NULL), SW_OK);
    assert_int_equal(sw_identity_chain_key(i, &key, NULL), SW_OK);
    first = *key;
    assert_int_equal(sw_identity_make_chain_key(i, passphrase, NULL), SW_EXISTS);
    sw_identity_close(&i);
    /* killed between key and card: the card is the old one, and the key is taken */
    replace_file(card_path, sw_buffer_bytes(&card));
    assert_int_equal(sw_identity_open(f->folder, passphrase, &f->c.entropy, &i, NULL), SW_OK);
    assert_false(sw_identity_card(i)->has_address);
    assert_int_equal(sw_identity_make_chain_key(i, passphrase, NULL), SW_OK);
    assert_int_equal(sw_identity_chain_key(i, &again, NULL), SW_OK);
    assert_memory_equal(first.b, again->b, sizeof first.b);
    sw_identity_close(&i);
}

static void test_chain_key(void **state) {
    (void)state;
    fixture *f = start(42);
    sw_identity *i = NULL;
    const sw_chain_key *key;
    char key_path[600], other_path[600];
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(SW_KEY_FILE_LIMIT);
    SW_SCOPED(sw_buffer) other = SW_BUFFER(SW_KEY_FILE_LIMIT);
    make_chain_key(f, NULL);
    path_in(key_path, f->folder, "chain.key");
    path_in(other_path, f->folder, "unlock.key");
    assert_int_equal(sw_file_read(key_path, SW_KEY_FILE_LIMIT, &pem, NULL), SW_OK);
    assert_int_equal(sw_file_read(other_path, SW_KEY_FILE_LIMIT, &other, NULL), SW_OK);
    for (size_t byte = 0; byte < pem.size; byte++) { /* no flip gives another key */
        pem.data[byte] ^= 1;
        replace_file(key_path, sw_buffer_bytes(&pem));
        assert_int_equal(sw_identity_open(f->folder, NULL, &f->c.entropy, &i, NULL), SW_OK);
        if (sw_identity_chain_key(i, &key, NULL) == SW_OK) fail();
        sw_identity_close(&i);
        pem.data[byte] ^= 1;
    }
    replace_file(key_path, sw_buffer_bytes(&other)); /* a key of the other curve */
    assert_int_equal(sw_identity_open(f->folder, NULL, &f->c.entropy, &i, NULL), SW_OK);
    assert_int_equal(sw_identity_chain_key(i, &key, NULL), SW_MALFORMED);
    sw_identity_close(&i);
    end(f);
}

static void test_chain_key_with_passphrase(void **state) {
    (void)state;
    fixture *f = start(43);
    sw_identity *i = NULL;
    const sw_chain_key *key;
    sw_error err = {0};
    make_chain_key(f, &f->passphrase);
    assert_int_equal(sw_identity_open(f->folder, NULL, &f->c.entropy, &i, NULL), SW_OK);
    assert_int_equal(sw_identity_chain_key(i, &key, &err), SW_REFUSED);
    assert_string_equal(err.word, "passphrase");
    sw_identity_close(&i);
    f->wrong_after = f->asked;
    assert_int_equal(sw_identity_open(f->folder, &f->passphrase, &f->c.entropy, &i, NULL), SW_OK);
    assert_int_equal(sw_identity_chain_key(i, &key, NULL), SW_UNAUTHENTIC);
    sw_identity_close(&i);
    end(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_card_with_address),
        cmocka_unit_test(test_chain_key),
        cmocka_unit_test(test_chain_key_with_passphrase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
