/* SPDX-License-Identifier: Apache-2.0
 *
 * Encoding against a naive BPE, long words, text that is refused, and what stays untouched then.
 */
#include "tokenizer/files.h"

#include <time.h>

enum { TOKENS_MAX = 64, WORD_MAX = 200 };

/* ---- a vocabulary over a few letters, and BPE as its definition says it ---- */

typedef struct naive {
    char tokens[TOKENS_MAX][32];
    size_t count;
    size_t left[TOKENS_MAX], right[TOKENS_MAX], whole[TOKENS_MAX]; /* by rank */
    size_t merges;
} naive;

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static size_t find(const naive *n, const char *text) {
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->tokens[i], text) == 0) return i;
    return n->count;
}

static bool has_merge(const naive *n, size_t left, size_t right) {
    for (size_t m = 0; m < n->merges; m++)
        if (n->left[m] == left && n->right[m] == right) return true;
    return false;
}

static naive make_naive(uint64_t seed) {
    naive n = {.tokens = {"a", "b", "c", "d"}, .count = 4};
    while (n.merges < 24) {
        char joined[64];
        size_t left = next_random(&seed) % n.count, right = next_random(&seed) % n.count;
        (void)snprintf(joined, sizeof joined, "%s%s", n.tokens[left], n.tokens[right]);
        if (strlen(joined) > 12 || has_merge(&n, left, right)) continue;
        size_t whole = find(&n, joined);
        if (whole == n.count) memcpy(n.tokens[n.count++], joined, strlen(joined) + 1);
        n.left[n.merges] = left;
        n.right[n.merges] = right;
        n.whole[n.merges++] = whole;
    }
    return n;
}

static sw_tokenizer *open_naive(const naive *n) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER(1 << 16);
    sw_tokenizer *t = NULL;
    sw_error err = {0};
    sw_put_text(&json, "{\"added_tokens\":[],\"normalizer\":null,\"pre_tokenizer\":{\"type\":"
                       "\"ByteLevel\",\"add_prefix_space\":false},\"post_processor\":null,"
                       "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"vocab\":{");
    for (size_t i = 0; i < n->count; i++)
        sw_put_format(&json, "%s\"%s\":%zu", i == 0 ? "" : ",", n->tokens[i], i);
    sw_put_text(&json, "},\"merges\":[");
    for (size_t m = 0; m < n->merges; m++)
        sw_put_format(&json, "%s[\"%s\",\"%s\"]", m == 0 ? "" : ",", n->tokens[n->left[m]],
                      n->tokens[n->right[m]]);
    sw_put_text(&json, "]}}");
    if (sw_tokenizer_open(sw_buffer_bytes(&json), &t, &err) != SW_OK) fail_msg("%s", err.message);
    return t;
}

/* Until no pair has a rank: merge the pair of lowest rank, leftmost first. */
static size_t naive_encode(const naive *n, const char *word, size_t *ids) {
    size_t count = 0;
    for (; word[count] != 0; count++) ids[count] = (size_t)(word[count] - 'a');
    for (size_t rank = 0; rank < n->merges;) {
        size_t at = 0;
        while (at + 1 < count && !(ids[at] == n->left[rank] && ids[at + 1] == n->right[rank])) at++;
        if (at + 1 >= count) {
            rank++;
            continue;
        }
        ids[at] = n->whole[rank];
        memmove(ids + at + 1, ids + at + 2, (count - at - 2) * sizeof *ids);
        count--;
        rank = 0;
    }
    return count;
}

static void random_merges_agree_with_the_definition(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        naive n = make_naive(seed * 0x9e3779b97f4a7c15u);
        sw_tokenizer *t = open_naive(&n);
        uint64_t r = seed;
        for (size_t w = 0; w < 200; w++) {
            char word[WORD_MAX + 1] = "";
            size_t size = 1 + next_random(&r) % (w % 4 == 0 ? WORD_MAX : 12), ids[WORD_MAX];
            for (size_t i = 0; i < size; i++) word[i] = (char)('a' + next_random(&r) % 4);
            sw_tokens tokens = {0};
            assert_int_equal(sw_tokenizer_encode(t, sw_text(word), false, &tokens, NULL), SW_OK);
            assert_int_equal(tokens.count, naive_encode(&n, word, ids));
            for (size_t i = 0; i < tokens.count; i++) assert_int_equal(tokens.ids[i], ids[i]);
            sw_tokens_free(&tokens);
        }
        sw_tokenizer_close(&t);
    }
}

/* More words of one length than the cache has places: each is still told from the others. */
static void words_that_share_a_place_in_the_cache_stay_apart(void **state) {
    (void)state;
    enum { WORDS = 1 << 18, LETTERS = 9 };
    naive n = make_naive(77);
    sw_tokenizer *t = open_naive(&n);
    sw_tokens tokens = {0};
    for (size_t w = 0; w < WORDS; w++) {
        char word[LETTERS + 1] = "";
        size_t ids[LETTERS];
        for (size_t i = 0; i < LETTERS; i++) word[i] = (char)('a' + (w >> (2 * i) & 3));
        tokens.count = 0;
        assert_int_equal(sw_tokenizer_encode(t, sw_text(word), false, &tokens, NULL), SW_OK);
        size_t count = naive_encode(&n, word, ids);
        bool same = tokens.count == count;
        for (size_t i = 0; same && i < count; i++) same = tokens.ids[i] == ids[i];
        if (!same) fail_msg("%s differs", word);
    }
    sw_tokens_free(&tokens);
    sw_tokenizer_close(&t);
}

/* ---- long text ---- */

/* Quadratic merging of a megabyte would take hours. */
static void long_words_and_runs_take_moments(void **state) {
    (void)state;
    static const char units[] = {'a', ' ', '\n', '=', '7'};
    enum { SIZE = 1 << 20 };
    char *text = malloc(SIZE);
    sw_tokenizer *t = open_golden("qwen2");
    for (size_t i = 0; i < COUNT(units); i++) {
        SW_SCOPED(sw_buffer) back = SW_BUFFER(SIZE);
        sw_tokens tokens = {0};
        memset(text, units[i], SIZE);
        assert_int_equal(sw_tokenizer_encode(t, SW_BYTES(text, SIZE), false, &tokens, NULL), SW_OK);
        assert_int_equal(sw_tokenizer_decode(t, tokens.ids, tokens.count, false, &back, NULL),
                         SW_OK);
        assert_true(sw_bytes_equal(sw_buffer_bytes(&back), SW_BYTES(text, SIZE)));
        sw_tokens_free(&tokens);
    }
    sw_tokenizer_close(&t);
    free(text);
}

/* Processor time of one encoding, the least of three. */
static double encode_seconds(sw_tokenizer *t, sw_bytes text) {
    double least = 1e9;
    sw_tokens tokens = {0};
    for (int i = 0; i < 3; i++) {
        struct timespec from, to;
        tokens.count = 0;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
        assert_int_equal(sw_tokenizer_encode(t, text, false, &tokens, NULL), SW_OK);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
        double seconds =
            (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
        if (seconds < least) least = seconds;
    }
    sw_tokens_free(&tokens);
    return least;
}

/* Sixteen times the text in less than sixty-four times the time: quadratic would be 256. One word,
 * a run of spaces, marks that are all one word, words that the cache never keeps. */
static void time_grows_with_the_text(void **state) {
    (void)state;
    static const char *const names[] = {"qwen2", "smollm", "llama2", "mistral", "crossing"};
    static const char *const units[] = {
        "a", "the", " ", "\n", " a", "\xe2\x96\x81", "1", "\xf0\x9f\x99\x82", "'s"};
    enum { SMALL = 1 << 14, LARGE = SMALL * 16 };
    char *text = malloc(LARGE);
    for (size_t n = 0; n < COUNT(names); n++) {
        sw_tokenizer *t = open_golden(names[n]);
        for (size_t u = 0; u < COUNT(units); u++) {
            size_t unit = strlen(units[u]);
            for (size_t i = 0; i + unit <= LARGE; i += unit) memcpy(text + i, units[u], unit);
            double small = encode_seconds(t, SW_BYTES(text, SMALL / unit * unit));
            double large = encode_seconds(t, SW_BYTES(text, LARGE / unit * unit));
            if (large > 64 * small + 0.05)
                fail_msg("%s, %s: %.4f s, then %.4f s", names[n], units[u], small, large);
        }
        sw_tokenizer_close(&t);
    }
    free(text);
}

/* The largest text there may be, as one word. */
static void the_largest_word_is_encoded_and_decoded(void **state) {
    (void)state;
    enum { SIZE = 16 << 20 };
    char *text = malloc(SIZE);
    sw_tokenizer *t = open_golden("llama2");
    SW_SCOPED(sw_buffer) back = SW_BUFFER(SIZE);
    sw_tokens tokens = {0};
    memset(text, ' ', SIZE);
    assert_int_equal(sw_tokenizer_encode(t, SW_BYTES(text, SIZE), false, &tokens, NULL), SW_OK);
    assert_int_equal(sw_tokenizer_decode(t, tokens.ids, tokens.count, false, &back, NULL), SW_OK);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&back), SW_BYTES(text, SIZE)));
    sw_tokens_free(&tokens);
    sw_tokenizer_close(&t);
    free(text);
}

static void text_above_the_limit_is_refused(void **state) {
    (void)state;
    enum { SIZE = (16 << 20) + 1 };
    char *text = calloc(SIZE, 1);
    sw_tokens tokens = {0};
    sw_tokenizer *t = open_golden("smollm");
    assert_int_equal(sw_tokenizer_encode(t, SW_BYTES(text, SIZE), false, &tokens, NULL), SW_LIMIT);
    assert_int_equal(tokens.count, 0);
    sw_tokenizer_close(&t);
    free(text);
}

/* ---- text that is not text ---- */

static void bad_utf8_is_refused_and_leaves_the_list(void **state) {
    (void)state;
    static const char *const bad[] = {"\x80",
                                      "a\xff",
                                      "\xc3",
                                      "\xc0\xaf",
                                      "\xe0\x80\x80",
                                      "\xed\xa0\x80",
                                      "\xf0\x9f",
                                      "\xf8\x88\x80\x80",
                                      "\xf4\x90\x80\x80",
                                      "x\xc3(",
                                      "\xe2\x82"};
    sw_tokenizer *t = open_golden("llama3");
    for (size_t i = 0; i < COUNT(bad); i++) {
        sw_tokens tokens = {0};
        sw_error err = {0};
        assert_int_equal(sw_tokenizer_encode(t, SW_LITERAL("a"), true, &tokens, NULL), SW_OK);
        size_t before = tokens.count;
        assert_int_equal(sw_tokenizer_encode(t, sw_text(bad[i]), true, &tokens, &err),
                         SW_MALFORMED);
        assert_string_equal(err.word, "format");
        assert_int_equal(tokens.count, before);
        sw_tokens_free(&tokens);
    }
    sw_tokenizer_close(&t);
}

/* Table 3-8 of the Unicode standard, and others: one U+FFFD for each maximal subpart. */
static void bytes_decode_with_replacement(void **state) {
    (void)state;
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", "????????A"},
        {"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", "????????A"},
        {"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", "?????A??B"},
        {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", "????A"},
        {"\xc3", "?"},
        {"\xe2\x82\xac", "\xe2\x82\xac"},
        {"\xf0\x9f\x99\x82\xf0\x9f\x99", "\xf0\x9f\x99\x82?"},
    };
    sw_tokenizer *t = open_golden("unknown");
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(256);
        SW_SCOPED(sw_buffer) wanted = SW_BUFFER(256);
        uint32_t ids[16];
        size_t count = 0;
        for (const char *c = cases[i].bytes; *c != 0; c++) {
            uint8_t byte = (uint8_t)*c;
            bool self = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte != 0xad);
            uint32_t point = self ? byte : 0x100u + 33 + (byte - 0x7fu); /* 0x7f..0xa0 */
            char spelled[3] = {(char)(point < 0x80 ? point : 0xc0 | point >> 6),
                               (char)(point < 0x80 ? 0 : 0x80 | (point & 63)), 0};
            assert_true(sw_tokenizer_id(t, sw_text(spelled), &ids[count++]));
        }
        for (const char *c = cases[i].text; *c != 0; c++)
            if (*c == '?')
                sw_put_text(&wanted, "\xef\xbf\xbd");
            else
                sw_put_u8(&wanted, (uint8_t)*c);
        assert_int_equal(sw_tokenizer_decode(t, ids, count, false, &text, NULL), SW_OK);
        assert_true(sw_bytes_equal(sw_buffer_bytes(&text), sw_buffer_bytes(&wanted)));
    }
    sw_tokenizer_close(&t);
}

static void a_full_buffer_is_a_limit(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) small = SW_BUFFER(3);
    uint32_t ids[] = {10, 11, 12, 13};
    sw_tokenizer *t = open_golden("smollm");
    assert_int_equal(sw_tokenizer_decode(t, ids, 4, false, &small, NULL), SW_LIMIT);
    assert_int_equal(small.size, 0);
    sw_tokenizer_close(&t);
    sw_tokenizer_close(&t);
}

/* PLN-009: tables as the formula has them, and a tree of 112 bytes a value. */
static void what_it_takes_is_measured(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) arena = {0};
    sw_json *root;
    sw_bytes file = read_golden(&arena, "tokenizer", "smollm.json");
    size_t before = arena.used_bytes;
    assert_int_equal(sw_json_parse(&arena, file, NULL, &root, NULL), SW_OK);
    size_t tree = arena.used_bytes - before;
    const sw_json *model = sw_json_member(root, "model");
    size_t tokens = sw_json_member(model, "vocab")->count, slots = 16, pairs = 16;
    size_t merges = sw_json_member(model, "merges")->count;
    while (slots < 2 * tokens) slots *= 2;
    while (pairs < 2 * merges) pairs *= 2;
    size_t least = 33 * tokens + 4 * slots + 16 * pairs + ((size_t)2 << 20);
    sw_tokenizer *t = open_golden("smollm");
    sw_tokenizer_sizes sizes = sw_tokenizer_measure(t);
    assert_int_equal(sizes.tree_bytes, tree);
    assert_true(tree >= 112 * (tokens + merges));
    assert_in_range(sizes.held_bytes, least + 32 * tokens, least + 96 * tokens + (64 << 10));
    sw_tokenizer_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_merges_agree_with_the_definition),
        cmocka_unit_test(words_that_share_a_place_in_the_cache_stay_apart),
        cmocka_unit_test(long_words_and_runs_take_moments),
        cmocka_unit_test(time_grows_with_the_text),
        cmocka_unit_test(the_largest_word_is_encoded_and_decoded),
        cmocka_unit_test(text_above_the_limit_is_refused),
        cmocka_unit_test(bad_utf8_is_refused_and_leaves_the_list),
        cmocka_unit_test(bytes_decode_with_replacement),
        cmocka_unit_test(a_full_buffer_is_a_limit),
        cmocka_unit_test(what_it_takes_is_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
