/* SPDX-License-Identifier: Apache-2.0
 *
 * Merkle-Patricia proofs: roots that Ethereum's repository of tests publishes for hashed keys
 * (trieanyorder_secureTrie.json), proofs that its Python package makes (golden_chain.h), random
 * tries with neighbours so close that nodes lie inside nodes, everything that can be done to a
 * proof, and nodes that no trie of hashes has.
 */
#include "chain/chain_support.h"
#include "chain/trie_maker.h"

typedef struct pair {
    const char *key, *value;
} pair;

static trie_maker maker; /* one at a time */
static uint64_t proofs_made, flips_made, inside, deepest;

static sw_status prove(const sw_hash *root, sw_bytes key, const maker_proof *p, sw_bytes *value,
                       sw_error *err) {
    return sw_trie_prove(root, key, p->nodes, p->count, value, err);
}

static void test_published(void **state) {
    static const struct {
        pair pairs[5];
        const char *root;
    } cases[] = {
        {{{NULL, NULL}}, "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"},
        {{{"A", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}},
         "e9e2935138352776cad724d31c9fa5266a5c593bb97726dd2a908fe6d53284df"},
        {{{"doe", "reindeer"}, {"dog", "puppy"}, {"dogglesworth", "cat"}},
         "d4cd937e4a4368d7931a9cf51686b7e10abb3dce38a39000fd7902a092b64585"},
        {{{"do", "verb"}, {"horse", "stallion"}, {"doge", "coin"}, {"dog", "puppy"}},
         "29b235a58c3c25ab83010c327d5932bcf05324b7d6b1185e650798034783ca9d"},
        {{{"foo", "bar"}, {"food", "bass"}},
         "1385f23a33021025d9e87cca5c66c00de06178807b96a9acc92b7d651ccde842"},
        {{{"be", "e"}, {"dog", "puppy"}, {"bed", "d"}},
         "826a4f9f9054a3e980e54b20da992c24fa20467f1ca635115ef4917be66e746f"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const pair *pairs = cases[i].pairs;
        for (const pair *p = pairs; p->key != NULL; p++)
            maker_put(&maker, sw_text(p->key), sw_text(p->value));
        sw_hash root = maker_root(&maker);
        assert_hex(root.b, sizeof root.b, cases[i].root);
        maker_proof proof;
        sw_bytes value;
        for (const pair *p = pairs; p->key != NULL; p++) {
            maker_prove(&maker, sw_text(p->key), &proof);
            assert_int_equal(prove(&root, sw_text(p->key), &proof, &value, NULL), SW_OK);
            assert_true(sw_bytes_is(value, p->value));
        }
        maker_prove(&maker, SW_LITERAL("cow"), &proof);
        assert_int_equal(prove(&root, SW_LITERAL("cow"), &proof, &value, NULL), SW_OK);
        assert_int_equal(value.size, 0);
        maker_free(&maker);
    }
}

/* Proofs of a foreign hand: 30 words that stand in a trie, 10 that do not. */
static void test_foreign_proofs(void **state) {
    (void)state;
    sw_hash root;
    size_t absent = 0;
    take(root.b, sizeof root.b, GOLDEN_TRIE_ROOT);
    for (size_t i = 0; i < COUNT(golden_proofs); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_bytes nodes[COUNT(golden_proofs[i].nodes)], value;
        for (size_t n = 0; n < golden_proofs[i].count; n++)
            nodes[n] = unhex(&a, golden_proofs[i].nodes[n]);
        sw_bytes key = unhex(&a, golden_proofs[i].key), due = unhex(&a, golden_proofs[i].value);
        assert_int_equal(sw_trie_prove(&root, key, nodes, golden_proofs[i].count, &value, NULL),
                         SW_OK);
        assert_true(sw_bytes_equal(value, due));
        absent += due.size == 0;
    }
    assert_int_equal(absent, 10);
}

/* ---- random tries ---- */

enum { KEYS = 300 };
static const size_t key_counts[] = {0, 1, 2, 3, 17, KEYS};

static sw_hash key_of(uint64_t n) {
    sw_hash key;
    sw_keccak256(&key, SW_BYTES_OF(((uint64_t[]){n})));
    return key;
}

/* `count` keys with values of 1 to 40 bytes, and items whose paths leave theirs late. */
static void fill(size_t count, bool neighbours, uint64_t *seed) {
    uint8_t value[40];
    for (size_t i = 0; i < count; i++) {
        sw_hash key = key_of(i), path;
        (void)fill_from_seed(seed, value, sizeof value, NULL);
        maker_put(&maker, SW_BYTES_OF(key.b), SW_BYTES(value, 1 + next_random(seed) % 40));
        sw_keccak256(&path, SW_BYTES_OF(key.b));
        for (size_t n = 0; neighbours && n < next_random(seed) % 6; n++) {
            size_t at = next_random(seed) % 3 == 0 ? next_random(seed) % 64 : 60 + n % 4;
            path.b[at / 2] ^= (uint8_t)((1 + next_random(seed) % 15) << (at % 2 == 0 ? 4 : 0));
            maker_put_path(&maker, &path, SW_BYTES(value, 1 + next_random(seed) % 2));
        }
    }
}

static const maker_item *find(const sw_hash *key) {
    sw_hash path;
    sw_keccak256(&path, SW_BYTES_OF(key->b));
    for (size_t i = 0; i < maker.count; i++)
        if (sw_hash_equal(&maker.items[i].path, &path)) return &maker.items[i];
    return NULL;
}

static void check_key(const sw_hash *root, const sw_hash *key, maker_proof *proof) {
    sw_bytes value = SW_LITERAL("untouched");
    const maker_item *item = find(key);
    maker_prove(&maker, SW_BYTES_OF(key->b), proof);
    sw_error err = {0};
    if (prove(root, SW_BYTES_OF(key->b), proof, &value, &err) != SW_OK) fail_msg("%s", err.message);
    if (item == NULL)
        assert_int_equal(value.size, 0);
    else
        assert_true(sw_bytes_equal(value, item->value));
    proofs_made++;
    inside += proof->embedded > 0;
    if (proof->embedded > deepest) deepest = proof->embedded;
}

static void test_random(void **state) {
    (void)state;
    uint64_t seed = 0x7e1e;
    for (size_t i = 0; i < COUNT(key_counts); i++)
        for (int neighbours = 0; neighbours < 2; neighbours++) {
            fill(key_counts[i], neighbours, &seed);
            sw_hash root = maker_root(&maker);
            for (uint64_t n = 0; n < key_counts[i] + 50; n++) {
                maker_proof proof;
                sw_hash key = key_of(n);
                check_key(&root, &key, &proof);
            }
            maker_free(&maker);
        }
    print_message("# %llu proofs, %llu with nodes inside nodes, up to %llu\n",
                  (unsigned long long)proofs_made, (unsigned long long)inside,
                  (unsigned long long)deepest);
    assert_true(inside > 50 && deepest > 1);
}

/* ---- what can be done to a proof ---- */

static void refused(const sw_hash *root, const sw_hash *key, const maker_proof *p) {
    sw_bytes value = SW_LITERAL("untouched");
    sw_error err = {0};
    assert_int_equal(prove(root, SW_BYTES_OF(key->b), p, &value, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "proof");
    assert_true(sw_bytes_is(value, "untouched"));
}

static void flip_all(const sw_hash *root, const sw_hash *key, const maker_proof *p) {
    for (size_t n = 0; n < p->count; n++)
        for (size_t bit = 0; bit < 8 * p->nodes[n].size; bit++, flips_made++) {
            uint8_t *at = (uint8_t *)p->nodes[n].data + bit / 8; /* the maker's own memory */
            *at ^= (uint8_t)(1 << bit % 8);
            refused(root, key, p);
            *at ^= (uint8_t)(1 << bit % 8);
        }
    for (size_t bit = 0; bit < 8 * sizeof root->b; bit++) {
        sw_hash other = *root;
        other.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refused(&other, key, p);
    }
}

static void rearrange(const sw_hash *root, const sw_hash *key, const maker_proof *p) {
    for (size_t n = 0; n <= p->count; n++) {
        maker_proof other = *p;
        if (n < p->count) { /* one node less, cut, longer */
            memmove(&other.nodes[n], &other.nodes[n + 1], (p->count - n - 1) * sizeof(sw_bytes));
            other.count--;
            refused(root, key, &other);
            other = *p;
            other.nodes[n].size--;
            refused(root, key, &other);
            other.nodes[n].size = 0;
            refused(root, key, &other);
        }
        for (size_t k = 0; k < p->count; k++) { /* one node twice, anywhere */
            other = *p;
            memmove(&other.nodes[n + 1], &other.nodes[n], (p->count - n) * sizeof(sw_bytes));
            other.nodes[n] = p->nodes[k];
            other.count++;
            refused(root, key, &other);
        }
        for (size_t k = 0; k < n && n < p->count; k++) { /* two exchanged */
            other = *p;
            other.nodes[n] = p->nodes[k];
            other.nodes[k] = p->nodes[n];
            refused(root, key, &other);
        }
    }
}

static void test_changed_proofs(void **state) {
    (void)state;
    uint64_t seed = 0xf11b;
    for (size_t i = 1; i < COUNT(key_counts); i++) {
        fill(key_counts[i], true, &seed);
        sw_hash root = maker_root(&maker);
        for (uint64_t n = 0; n < 6; n++) {
            maker_proof proof;
            sw_hash key = key_of(n < 3 ? n : n + KEYS);
            check_key(&root, &key, &proof);
            rearrange(&root, &key, &proof);
            if (n % 3 == 0) flip_all(&root, &key, &proof);
        }
        maker_free(&maker);
    }
    print_message("# %llu flips\n", (unsigned long long)flips_made);
}

/* One key's nodes for another key: refused, or the other's own truth. */
static void test_other_keys(void **state) {
    (void)state;
    uint64_t seed = 0x07e5;
    size_t shared = 0;
    fill(40, true, &seed);
    sw_hash root = maker_root(&maker);
    for (uint64_t a = 0; a < 60; a++)
        for (uint64_t b = 0; b < 60; b++) {
            sw_hash key = key_of(a), other = key_of(b);
            maker_proof proof;
            sw_bytes value;
            check_key(&root, &key, &proof);
            if (prove(&root, SW_BYTES_OF(other.b), &proof, &value, NULL) != SW_OK) continue;
            const maker_item *item = find(&other);
            assert_true(sw_bytes_equal(value, item == NULL ? (sw_bytes){0} : item->value));
            shared++;
        }
    assert_true(shared < 60 * 60 / 4);
    maker_free(&maker);
}

static void test_empty_root(void **state) {
    (void)state;
    sw_hash root = maker_root(&maker), key = key_of(1);
    maker_proof proof = {0};
    sw_bytes value = SW_LITERAL("x");
    assert_int_equal(prove(&root, SW_BYTES_OF(key.b), &proof, &value, NULL), SW_OK);
    assert_int_equal(value.size, 0);
    proof.nodes[proof.count++] = SW_LITERAL("\x80"); /* as some nodes write it */
    refused(&root, &key, &proof);
    maker_put(&maker, SW_LITERAL("k"), SW_LITERAL("v"));
    root = maker_root(&maker);
    proof.count = 0;
    refused(&root, &key, &proof);
    maker_free(&maker);
}

static void test_too_many_nodes(void **state) {
    (void)state;
    sw_bytes nodes[SW_CHAIN_PROOF_COUNT + 1], value;
    sw_hash root = key_of(0);
    sw_error err = {0};
    for (size_t i = 0; i < COUNT(nodes); i++) nodes[i] = SW_LITERAL("\xc0");
    assert_int_equal(sw_trie_prove(&root, SW_LITERAL("k"), nodes, COUNT(nodes), &value, &err),
                     SW_UNAUTHENTIC);
    assert_non_null(strstr(err.message, "more than 64 nodes"));
    assert_int_equal(sw_trie_prove(&root, SW_LITERAL("k"), nodes, SIZE_MAX, &value, &err),
                     SW_UNAUTHENTIC);
}

/* ---- nodes that no trie has, each under its own hash ---- */

#define EMPTY_14 "8080808080808080808080808080"
#define EMPTY_15 "80" EMPTY_14
#define HASH     "a01111111111111111111111111111111111111111111111111111111111111111"
#define SHORT    "9f11111111111111111111111111111111111111111111111111111111111111"
#define LIST_32  "df9e222222222222222222222222222222222222222222222222222222222222"
/* The key and its path. */
#define KEY  "dog"
#define PATH "41791102999c339c844880b23950704cc43aa840f3739e365323cda4dfa89e7a"

static void test_forged_nodes(void **state) {
    static const struct {
        const char *node, *sentence; /* the payload of a list; with a =, all of it */
    } cases[] = {
        {"=c080", "is not one RLP list"},
        {"=c1", "is not one RLP list"},
        {"=f800", "is not one RLP list"},
        {"=bfffffffffffffffff", "is not one RLP list"},
        {"=ffffffffffffffffff", "is not one RLP list"},
        {"", "neither 2 nor 17"},
        {"80", "neither 2 nor 17"},
        {"808080", "neither 2 nor 17"},
        {EMPTY_15 "80", "neither 2 nor 17"},
        {EMPTY_15 "808080", "more than 17"},
        {EMPTY_15 "c1", "holds what is no RLP"},
        {EMPTY_15 "8100", "holds what is no RLP"},
        {EMPTY_15 "8080", "fewer than two"},
        {HASH EMPTY_15 "80", "fewer than two"},
        {HASH SHORT EMPTY_15, "holds no node"},
        {HASH "01" EMPTY_15, "holds no node"},
        {HASH LIST_32 EMPTY_15, "holds no node"},
        {HASH HASH EMPTY_14 "01", "a value"},
        {HASH HASH EMPTY_14 "c0", "a value"},
        {"8001", "a path that is none"},
        {"c001", "a path that is none"},
        {"a20000" PATH "01", "a path that is none"},
        {"4001", "another prefix"},
        {"7f01", "another prefix"},
        {"818201", "another prefix"},
        {"0101", "another prefix"},
        {"2f01", "another prefix"},
        {"a114" PATH "01", "longer than a key"},
        {"a134" PATH "01", "longer than a key"},
        {"2001", "does not end"},
        {"3401", "does not end"},
        {"a120" PATH "80", "without a value"},
        {"a120" PATH "c0", "without a value"},
        {"00" HASH, "by nothing"},
        {"a100" PATH HASH, "to the end"},
        {"1480", "leads to no node"},
        {"14" SHORT, "leads to no node"},
        {"14" LIST_32, "leads to no node"},
        {"14c23101", "a leaf where a branch"},
        {"14c311c180", "an extension where a branch"},
        {"14c180", "neither 2 nor 17"},
        {"14" HASH, "ends after node 1"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *hex = cases[i].node;
        bool whole = hex[0] == '=';
        sw_bytes node = unhex(&maker.arena, hex + whole);
        if (!whole) node = maker_wrap(&maker, 0xc0, node);
        sw_hash root;
        sw_bytes value;
        sw_error err = {0};
        sw_keccak256(&root, node);
        sw_status status = sw_trie_prove(&root, SW_LITERAL(KEY), &node, 1, &value, &err);
        if (status != SW_UNAUTHENTIC || strstr(err.message, cases[i].sentence) == NULL)
            fail_msg("%zu %s: %d %s", i, hex, status, err.message);
        maker_free(&maker);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),      cmocka_unit_test(test_foreign_proofs),
        cmocka_unit_test(test_random),         cmocka_unit_test(test_changed_proofs),
        cmocka_unit_test(test_other_keys),     cmocka_unit_test(test_empty_root),
        cmocka_unit_test(test_too_many_nodes), cmocka_unit_test(test_forged_nodes),
    };
    return cmocka_run_group_tests_name("trie", tests, NULL, NULL);
}
