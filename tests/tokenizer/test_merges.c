/* SPDX-License-Identifier: Apache-2.0
 *
 * Merges from scores (MODEL-105): their order, which tokens take part, and what is refused.
 * tests/parity/model.py makes Llama 2's from its vocabulary.
 */
#include "tokenizer/files.h"
#include <math.h>

static const sw_bytes tokens[] = {SW_LITERAL("a"),        SW_LITERAL("b"),        SW_LITERAL("ab"),
                                  SW_LITERAL("aa"),       SW_LITERAL("aaa"),      SW_LITERAL("<s>"),
                                  SW_LITERAL("\xc3\xa9"), SW_LITERAL("a\xc3\xa9")};
static const sw_token_kind plain[COUNT(tokens)] = {[5] = SW_TOKEN_CONTROL};

static sw_status rank(sw_arena *arena, sw_tokenizer_parts *p, const double *scores, sw_error *err) {
    *p = (sw_tokenizer_parts){.tokens = tokens, .kinds = plain, .count = COUNT(tokens)};
    return sw_tokenizer_rank_merges(arena, p, scores, err);
}

static void expect(const double *scores, const char *const *wanted, size_t count) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_tokenizer_parts p;
    assert_int_equal(rank(&arena, &p, scores, NULL), SW_OK);
    assert_int_equal(p.merge_count, count);
    for (size_t i = 0; i < count; i++)
        if (!sw_bytes_is(p.merges[i], wanted[i])) fail_msg("merge %zu is not %s", i, wanted[i]);
}

static void the_best_score_is_first(void **state) {
    (void)state;
    static const double falling[] = {0, 0, -1, -2, -3, 0, 0, -4};
    static const double rising[] = {0,  0,   -4, -3,
                                    -2, NAN, 0,  -1}; /* a control token's is not read */
    static const double equal[COUNT(tokens)] = {0};
    static const char *const in_order[] = {"a b", "a a", "a aa", "aa a", "a \xc3\xa9"};
    static const char *const turned[] = {"a \xc3\xa9", "a aa", "aa a", "a a", "a b"};
    expect(falling, in_order, COUNT(in_order));
    expect(rising, turned, COUNT(turned));
    expect(equal, in_order, COUNT(in_order)); /* then by token, then by left and right part */
}

static void other_tokens_take_no_part(void **state) {
    (void)state;
    static const sw_token_kind kinds[] = {SW_TOKEN_CONTROL, SW_TOKEN_NORMAL, SW_TOKEN_NORMAL,
                                          SW_TOKEN_USER,    SW_TOKEN_NORMAL, SW_TOKEN_CONTROL,
                                          SW_TOKEN_NORMAL,  SW_TOKEN_NORMAL};
    static const double scores[COUNT(tokens)] = {0};
    SW_SCOPED(sw_arena) arena = {0};
    sw_tokenizer_parts p = {.tokens = tokens, .kinds = kinds, .count = COUNT(tokens)};
    assert_int_equal(sw_tokenizer_rank_merges(&arena, &p, scores, NULL), SW_OK);
    assert_int_equal(p.merge_count, 0);
}

static void wrong_vocabularies_are_refused(void **state) {
    (void)state;
    static const double infinite[] = {0, 0, 0, 0, 0, 0, 0, -INFINITY};
    static const sw_bytes twice[] = {SW_LITERAL("a"), SW_LITERAL("a")};
    static const sw_bytes bytes[] = {SW_LITERAL("\xff")};
    static const double zeros[2000] = {0};
    static const sw_token_kind normal[2000] = {0};
    static char text[1025];
    SW_SCOPED(sw_arena) arena = {0};
    sw_error err = {0};
    sw_tokenizer_parts p;
    assert_int_equal(rank(&arena, &p, infinite, &err), SW_MALFORMED);
    assert_non_null(strstr(err.message, "token 7"));
    p = (sw_tokenizer_parts){.tokens = twice, .kinds = normal, .count = 2};
    assert_int_equal(sw_tokenizer_rank_merges(&arena, &p, zeros, NULL), SW_MALFORMED);
    p = (sw_tokenizer_parts){.tokens = bytes, .kinds = normal, .count = 1};
    assert_int_equal(sw_tokenizer_rank_merges(&arena, &p, zeros, NULL), SW_MALFORMED);
    p.count = ((size_t)1 << 20) + 1;
    assert_int_equal(sw_tokenizer_rank_merges(&arena, &p, zeros, NULL), SW_LIMIT);

    /* 2,000 tokens of 1,024 bytes and less would be split for long */
    memset(text, 'a', sizeof text);
    sw_bytes *many = SW_ARENA_NEW(&arena, sw_bytes, 2000);
    for (size_t i = 0; i < 2000; i++) {
        char *own = sw_arena_alloc(&arena, 1024, 1);
        memset(own, 'a', 1024);
        (void)snprintf(own, 6, "%05zu", i);
        own[5] = 'a';
        many[i] = SW_BYTES(own, 1024);
    }
    p = (sw_tokenizer_parts){.tokens = many, .kinds = normal, .count = 2000};
    assert_int_equal(sw_tokenizer_rank_merges(&arena, &p, zeros, NULL), SW_LIMIT);
    p.count = 1000;
    assert_int_equal(sw_tokenizer_rank_merges(&arena, &p, zeros, NULL), SW_OK);
    many[0] = SW_BYTES(text, 1025);
    p.count = 1;
    assert_int_equal(sw_tokenizer_rank_merges(&arena, &p, zeros, NULL), SW_LIMIT);
}

/* Runs of one letter are put together in every way: 1,024 tokens would give 523,776 merges, and
 * twice as many letters more than a vocabulary may have. */
static void the_number_of_merges_is_limited(void **state) {
    (void)state;
    enum { RUN = 400, LETTERS = 16 };
    static char runs[LETTERS][RUN];
    static const double scores[LETTERS * RUN] = {0};
    static const sw_token_kind normal[LETTERS * RUN] = {0};
    SW_SCOPED(sw_arena) arena = {0};
    sw_bytes *many = SW_ARENA_NEW(&arena, sw_bytes, LETTERS * RUN);
    for (size_t l = 0; l < LETTERS; l++) {
        memset(runs[l], 'a' + (int)l, RUN);
        for (size_t i = 0; i < RUN; i++) many[l * RUN + i] = SW_BYTES(runs[l], i + 1);
    }
    sw_tokenizer_parts p = {.tokens = many, .kinds = normal, .count = RUN};
    assert_int_equal(sw_tokenizer_rank_merges(&arena, &p, scores, NULL), SW_OK);
    assert_int_equal(p.merge_count, RUN * (RUN - 1) / 2);
    p = (sw_tokenizer_parts){.tokens = many, .kinds = normal, .count = (size_t)LETTERS * RUN};
    assert_int_equal(sw_tokenizer_rank_merges(&arena, &p, scores, NULL), SW_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_score_is_first),
        cmocka_unit_test(other_tokens_take_no_part),
        cmocka_unit_test(wrong_vocabularies_are_refused),
        cmocka_unit_test(the_number_of_merges_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
