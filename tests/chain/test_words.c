/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract's words (CHN-010): members where solc puts them, each bit in one member or refused;
 * slots; what a proof's value is as a word; and reverts in words.
 */
#include "chain/chain_support.h"

static sw_word word_of(const char *hex) {
    sw_word w;
    take(w.b, sizeof w.b, hex);
    return w;
}

/* Byte by byte from the left: none, tcb, any device, changes, round, quorum, places, everything,
 * active. */
#define HEAD                                                                                       \
    "00000000"                                                                                     \
    "01"                                                                                           \
    "00"                                                                                           \
    "1112131415161718"                                                                             \
    "2122232425262728"                                                                             \
    "03"                                                                                           \
    "05"                                                                                           \
    "0000000a"                                                                                     \
    "80000015"
#define OWNER                                                                                      \
    "00000000"                                                                                     \
    "0011223344556677"                                                                             \
    "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3"
#define COMPOSE                                                                                    \
    "0000000000000000"                                                                             \
    "3132333435363738"                                                                             \
    "4142434445464748"                                                                             \
    "00000004"                                                                                     \
    "0000000b"
#define OPENING                                                                                    \
    "000000000000000000000000"                                                                     \
    "3132333435363738"                                                                             \
    "4142434445464748"                                                                             \
    "0000000b"

static void test_members(void **state) {
    (void)state;
    sw_app_head h;
    sw_app_owner o;
    sw_app_decision d;
    sw_word w = word_of(HEAD);
    assert_int_equal(sw_app_head_read(&w, &h, NULL), SW_OK);
    assert_true(h.active == 0x80000015 && h.everything == 10 && h.places == 5 && h.quorum == 3);
    assert_true(h.round == 0x2122232425262728 && h.changes == 0x1112131415161718);
    assert_true(!h.allow_any_device && h.require_tcb_up_to_date);
    w = word_of(OWNER);
    assert_int_equal(sw_app_owner_read(&w, &o, NULL), SW_OK);
    assert_hex(o.account.b, 20, "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3");
    assert_true(o.sequence == 0x11223344556677);
    w = word_of(COMPOSE);
    assert_int_equal(sw_app_compose_read(&w, &d, NULL), SW_OK);
    assert_true(d.approvals == 11 && d.revocations == 4);
    assert_true(d.app_round == 0x4142434445464748 && d.round == 0x3132333435363738);
    w = word_of(OPENING);
    assert_int_equal(sw_app_opening_read(&w, &d, NULL), SW_OK);
    assert_true(d.approvals == 11 && d.revocations == 0);
    assert_true(d.app_round == 0x4142434445464748 && d.round == 0x3132333435363738);
}

typedef sw_status (*reader)(const sw_word *w, void *out, sw_error *err);

static sw_status read_head(const sw_word *w, void *out, sw_error *err) {
    return sw_app_head_read(w, out, err);
}
static sw_status read_owner(const sw_word *w, void *out, sw_error *err) {
    return sw_app_owner_read(w, out, err);
}
static sw_status read_compose(const sw_word *w, void *out, sw_error *err) {
    return sw_app_compose_read(w, out, err);
}
static sw_status read_opening(const sw_word *w, void *out, sw_error *err) {
    return sw_app_opening_read(w, out, err);
}

/* Each of the 256 bits: it is in a member, and then changes what is read, or it is refused. */
static void test_every_bit(void **state) {
    static const struct {
        reader read;
        const char *word;
        size_t unused; /* bits in no member */
    } cases[] = {
        /* of each flag seven bits, and the last bit of one that is set is no second spelling */
        {read_head, HEAD, 32 + 7 + 7},
        {read_owner, OWNER, 32},
        {read_compose, COMPOSE, 64},
        {read_opening, OPENING, 96},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t refused = 0;
        uint8_t before[64] = {0};
        sw_word w = word_of(cases[i].word);
        assert_int_equal(cases[i].read(&w, before, NULL), SW_OK);
        for (size_t bit = 0; bit < 256; bit++) {
            uint8_t after[64] = {0}, zero[64] = {0};
            sw_error err = {0};
            w.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
            sw_status status = cases[i].read(&w, after, &err);
            w.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (status == SW_OK) {
                assert_memory_not_equal(after, before, sizeof after);
                continue;
            }
            assert_int_equal(status, SW_UNAUTHENTIC);
            assert_string_equal(err.word, "proof");
            assert_memory_equal(after, zero, sizeof after);
            refused++;
        }
        assert_int_equal(refused, cases[i].unused);
    }
}

static void test_values(void **state) {
    static const struct {
        const char *value, *word; /* word NULL: refused */
    } cases[] = {
        {"", "0000000000000000000000000000000000000000000000000000000000000000"},
        {"01", "0000000000000000000000000000000000000000000000000000000000000001"},
        {"7f", "000000000000000000000000000000000000000000000000000000000000007f"},
        {"8180", "0000000000000000000000000000000000000000000000000000000000000080"},
        {"820100", "0000000000000000000000000000000000000000000000000000000000000100"},
        {"a0" HEAD, NULL},
        {"9c"
         "01"
         "00"
         "1112131415161718"
         "2122232425262728"
         "03"
         "05"
         "0000000a"
         "80000015",
         HEAD},
        {"a0ff00000000000000000000000000000000000000000000000000000000000001",
         "ff00000000000000000000000000000000000000000000000000000000000001"},
        {"a1ff0000000000000000000000000000000000000000000000000000000000000101", NULL},
        {"80", NULL},
        {"00", NULL},
        {"8101", NULL},
        {"820001", NULL},
        {"0101", NULL},
        {"8201", NULL},
        {"c0", NULL},
        {"c101", NULL},
        {"b80101", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_word w = {{5}};
        sw_error err = {0};
        sw_status status = sw_word_parse(unhex(&a, cases[i].value), &w, &err);
        if ((status == SW_OK) != (cases[i].word != NULL)) fail_msg("%s", cases[i].value);
        if (status == SW_OK) {
            assert_hex(w.b, sizeof w.b, cases[i].word);
        } else {
            assert_int_equal(status, SW_UNAUTHENTIC);
            assert_string_equal(err.word, "proof");
            assert_int_equal(w.b[0], 5);
        }
    }
}

/* Solidity's documentation: a mapping's member stands at Keccak-256(key, slot). */
static void test_slots(void **state) {
    (void)state;
    sw_word slot;
    sw_hash x = {{0}}, id, sum;
    sw_p256_public key = {{4, 7}};
    sw_slot_of_place(&slot, 0);
    assert_hex(slot.b, 32, "0000000000000000000000000000000000000000000000000000000000000001");
    sw_slot_of_place(&slot, 31);
    assert_hex(slot.b, 32, "0000000000000000000000000000000000000000000000000000000000000020");
    uint8_t member[64] = {[63] = SW_SLOT_COMPOSES};
    sw_slot_of_compose(&slot, &x);
    sw_keccak256(&sum, SW_BYTES_OF(member));
    assert_memory_equal(slot.b, sum.b, 32);
    member[0] = x.b[0] = 0xee;
    member[63] = SW_SLOT_OPENINGS;
    sw_slot_of_opening(&slot, &x);
    sw_keccak256(&sum, SW_BYTES_OF(member));
    assert_memory_equal(slot.b, sum.b, 32);
    uint8_t opening[96] = {0xee, [32] = 0xdd};
    sw_hash manifest = {{0xdd}}, recipient;
    sw_sha256(&recipient, SW_BYTES_OF(key.b));
    memcpy(opening + 64, recipient.b, 32);
    sw_keccak256(&sum, SW_BYTES_OF(opening));
    sw_opening_id(&id, &x, &manifest, &key);
    assert_memory_equal(id.b, sum.b, 32);
}

/* ---- reverts ---- */

#define N32(n) "00000000000000000000000000000000000000000000000000000000000000" n

static void test_reverts(void **state) {
    static const struct {
        const char *error, *words, *text; /* error NULL: words are all of the data */
    } cases[] = {
        {NULL, "", "reverted without a reason"},
        {"NotAnOwner()", "", "nobody has this place in the app"},
        {"NotActive()", "", "this owner is not active in the app"},
        {"BadSignature()", "", "the signature is not that of the owner at this place"},
        {"WrongSequence(uint64,uint64)", N32("07") N32("09"),
         "the owner's last sequence number is 7, given was 9"},
        {"WrongRound(uint64,uint64)", N32("02") N32("01"),
         "another round has begun: the app's is 2, this one's 1"},
        {"AlreadyApproved()", "", "this owner has approved this already"},
        {"AlreadyRevoked()", "", "this owner's revocation stands already"},
        {"NothingToLift()", "", "there is no revocation of this owner's to lift"},
        {"BadChange()", "", "the change does not fit the app as it is"},
        {"BelowQuorum(uint256,uint256)", N32("01") N32("02"),
         "1 owners have signed the change, 2 must"},
        {"Panic(uint256)", N32("11"), "the contract stopped itself (panic 17)"},
        {"Error(string)",
         N32("20") N32("05") "68656c6c6f000000000000000000000000000000000000000000000000000000",
         "\"hello\""},
        {"Error(string)",
         N32("20") N32("06") "1b5b22c3a95c0000000000000000000000000000000000000000000000000000",
         "\"\\x1b[\\x22\\xc3\\xa9\\x5c\""},
        {"Error(string)", N32("20") N32("00"), "\"\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) data = SW_BUFFER(1000);
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1000);
        sw_hash hash;
        if (cases[i].error != NULL) {
            sw_keccak256(&hash, sw_text(cases[i].error));
            sw_put_bytes(&data, SW_BYTES(hash.b, 4));
        }
        assert_int_equal(sw_hex_append(&data, sw_text(cases[i].words), false, NULL), SW_OK);
        sw_app_revert_text(&text, sw_buffer_bytes(&data));
        if (!sw_bytes_is(sw_buffer_bytes(&text), cases[i].text))
            fail_msg("%zu: %.*s", i, (int)text.size, (const char *)text.data);
    }
}

/* Known errors with words too few, too many or too large, and what is not known. */
static void test_odd_reverts(void **state) {
    static const struct {
        const char *error, *words;
    } cases[] = {
        {"NotActive()", "00"},
        {"NotActive()", N32("00")},
        {"WrongSequence(uint64,uint64)", N32("07")},
        {"WrongSequence(uint64,uint64)", N32("07") N32("07") "00"},
        {"WrongSequence(uint64,uint64)",
         N32("07") "0000000000000000000000000000000000000000000000010000000000000000"},
        {"Error(string)", N32("20")},
        {"Error(string)", N32("40") N32("00")},
        {"Error(string)", N32("20") N32("01")},
        {"Error(string)", N32("20") N32("21") N32("20")},
        {"Error(string)", N32("20") N32("01") N32("01")},
        {"Error(string)", N32("20") N32("01") "61"},
        {"Error(string)",
         N32("20") "000000000000000000000000000000000000000000000000ffffffffffffffff"},
        {"Error(string)", N32("20") N32("00") N32("00")},
        {"Panic(uint256)", ""},
        {"Panic(uint256)", N32("01") N32("01")},
        {"Unknown()", ""},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) data = SW_BUFFER(1000);
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1000);
        sw_hash hash;
        sw_keccak256(&hash, sw_text(cases[i].error));
        sw_put_bytes(&data, SW_BYTES(hash.b, 4));
        assert_int_equal(sw_hex_append(&data, sw_text(cases[i].words), false, NULL), SW_OK);
        sw_app_revert_text(&text, sw_buffer_bytes(&data));
        assert_true(sw_bytes_starts(sw_buffer_bytes(&text),
                                    SW_LITERAL("reverted with a reason that is not known here")));
    }
    for (size_t size = 1; size < 4; size++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1000);
        sw_app_revert_text(&text, SW_BYTES("\xab\xcd\xef", size));
        sw_put_u8(&text, 0);
        assert_non_null(strstr((const char *)text.data, "and 0 bytes"));
    }
}

static void test_long_text(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) data = SW_BUFFER(2000);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(2000);
    sw_hash hash;
    sw_keccak256(&hash, SW_LITERAL("Error(string)"));
    sw_put_bytes(&data, SW_BYTES(hash.b, 4));
    assert_int_equal(sw_hex_append(&data, sw_text(N32("20") N32("e0")), false, NULL), SW_OK);
    for (int i = 0; i < 0xe0; i++) sw_put_u8(&data, 'a');
    sw_app_revert_text(&text, sw_buffer_bytes(&data));
    assert_int_equal(text.size, 1 + 160 + 4);
}

/* ---- calls, and back ---- */
static bool same_say(const sw_app_say *a, const sw_app_say *b) {
    return a->act == b->act && a->everything == b->everything && a->app_round == b->app_round &&
           a->round == b->round && a->sequence == b->sequence &&
           sw_hash_equal(&a->compose, &b->compose) && sw_hash_equal(&a->manifest, &b->manifest) &&
           sw_hash_equal(&a->recipient, &b->recipient);
}

static void fill(sw_hash *h, uint8_t with) {
    memset(h->b, with, sizeof h->b);
}

static void parse_call(const sw_app_say *say, uint8_t place) {
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1000);
    uint8_t signature[SW_SECP256K1_SIG_BYTES], read[SW_SECP256K1_SIG_BYTES], at = 0;
    sw_app_say back;
    memset(signature, 0x5c, sizeof signature);
    signature[SW_SECP256K1_SIG_BYTES - 1] = place & 1;
    sw_app_say_call(&call, say, place, signature);
    assert_int_equal(sw_app_say_parse(sw_buffer_bytes(&call), &back, &at, read, NULL), SW_OK);
    assert_true(same_say(say, &back) && at == place);
    assert_memory_equal(read, signature, sizeof read);
    for (size_t bit = 0; bit < 8 * call.size; bit++) { /* refused, or another call altogether */
        call.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        sw_app_say other = {.sequence = 77};
        uint8_t there = 99;
        if (sw_app_say_parse(sw_buffer_bytes(&call), &other, &there, read, NULL) == SW_OK)
            assert_false(same_say(say, &other) && there == place &&
                         memcmp(read, signature, sizeof read) == 0);
        else
            assert_true(other.sequence == 77 && there == 99);
        call.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < call.size; size++)
        assert_int_equal(sw_app_say_parse(SW_BYTES(call.data, size), &back, &at, read, NULL),
                         SW_MALFORMED);
    sw_put_u8(&call, 0);
    assert_int_equal(sw_app_say_parse(sw_buffer_bytes(&call), &back, &at, read, NULL),
                     SW_MALFORMED);
    sw_buffer_reset(&call);
    sw_app_say_call(&call, say, place, NULL); /* the sender's own word: nobody else's */
    assert_int_equal(sw_app_say_parse(sw_buffer_bytes(&call), &back, &at, read, NULL),
                     SW_MALFORMED);
}

static void test_calls_back(void **state) {
    (void)state;
    for (unsigned act = SW_ACT_APPROVE; act <= SW_ACT_LIFT; act++) {
        bool ends = act == SW_ACT_REVOKE || act == SW_ACT_LIFT;
        sw_app_say say = {.act = (sw_app_act)act, .sequence = 9};
        fill(&say.compose, 0xc0);
        if (!ends) say.app_round = 3, say.round = UINT64_MAX;
        if (act == SW_ACT_OPEN) fill(&say.manifest, 0xaa), fill(&say.recipient, 0xbb);
        parse_call(&say, 0);
        parse_call(&say, 31);
        if (!ends) continue;
        say.everything = true;
        fill(&say.compose, 0);
        parse_call(&say, 255);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),   cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_values),    cmocka_unit_test(test_slots),
        cmocka_unit_test(test_reverts),   cmocka_unit_test(test_odd_reverts),
        cmocka_unit_test(test_long_text), cmocka_unit_test(test_calls_back),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
