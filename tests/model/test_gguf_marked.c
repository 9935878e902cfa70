/* SPDX-License-Identifier: Apache-2.0
 *
 * A GGUF whose vocabulary is SentencePiece's, as Llama 2's and Mistral's files have it (MODEL-105):
 * it tokenises and says back what it was given, and every way to be wrong is refused.
 */
#include "model/gguf_files.h"

/* Of tests/model/make_gguf.py: the first ids of the byte tokens and of what stands behind them. */
enum { BYTE = 3, MARK = 259, T, H, E, ONE, TWO, HE, MARK_T, MARK_THE, THE, TOOL };

static sw_tokenizer *open_marked(folder *f) {
    sw_error err = {0};
    sw_tokenizer *t = NULL;
    if (import(read_golden(&f->arena, "model", "marked.gguf"), SW_DTYPE_BF16, f, &err) != SW_OK ||
        sw_tokenizer_open(file_of(f, "tokenizer.json"), &t, &err) != SW_OK)
        fail_msg("%s", err.message);
    return t;
}

static void scores_decide_what_is_joined(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint32_t ids[12];
        size_t count;
    } cases[] = {
        {"the", {1, MARK_THE}, 2},               /* of U+2581 t and he, not of U+2581 and the */
        {"xthe", {1, MARK, BYTE + 'x', THE}, 4}, /* he before the, and then of t and he */
        {"1 2", {1, MARK, ONE, MARK, TWO}, 5},   /* no token joins them */
        {"</s>he", {1, 2, MARK, HE}, 4},         /* a blank behind a special token too */
        {"<unk>", {1, 0}, 2},
        {"e<tool>", {1, MARK, E, TOOL}, 4},
        {"\xc3\xa9", {1, MARK, BYTE + 0xc3, BYTE + 0xa9}, 4},
        {"th", {1, MARK_T, H}, 3},
    };
    folder f = {.count = 0};
    sw_tokenizer *t = open_marked(&f);
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_tokens ids = {0};
        SW_SCOPED(sw_buffer) back = SW_BUFFER(256);
        assert_int_equal(sw_tokenizer_encode(t, sw_text(cases[i].text), true, &ids, NULL), SW_OK);
        if (ids.count != cases[i].count ||
            memcmp(ids.ids, cases[i].ids, ids.count * sizeof *ids.ids) != 0)
            fail_msg("\"%s\" became %zu ids, the second %u", cases[i].text, ids.count, ids.ids[1]);
        sw_tokens_free(&ids);
    }
    sw_tokenizer_close(&t);
    sw_arena_free(&f.arena);
}

static void what_was_encoded_is_decoded(void **state) {
    (void)state;
    folder f = {.count = 0};
    sw_tokenizer *t = open_marked(&f);
    static const char text[] = " the\n1\xf0\x9f\x8c\xb1 he  t";
    sw_tokens ids = {0};
    SW_SCOPED(sw_buffer) back = SW_BUFFER(256);
    assert_int_equal(sw_tokenizer_encode(t, sw_text(text), true, &ids, NULL), SW_OK);
    assert_int_equal(sw_tokenizer_decode(t, ids.ids, ids.count, true, &back, NULL), SW_OK);
    assert_true(sw_bytes_is(sw_buffer_bytes(&back), text));
    sw_tokens_free(&ids);
    sw_tokenizer_close(&t);
    sw_arena_free(&f.arena);
}

/* A type of token i, of 4 bytes each behind the array's head; a score likewise. */
#define TYPE_OF(i)  16 + 4 * (i)
#define SCORE_OF(i) 16 + 4 * (i)

static const patch patches[] = {
    {"tokenizer.ggml.scores", 16, PUT("\x00"), SW_OK, ""},
    {"tokenizer.ggml.score", 0, PUT("x"), SW_MALFORMED, "tokenizer.ggml.scores is missing"},
    {"tokenizer.ggml.scores", 4, PUT("\x05"), SW_MALFORMED, "tokenizer.ggml.scores is missing or"},
    {"tokenizer.ggml.scores", SCORE_OF(HE), PUT("\0\0\xc0\x7f"), SW_MALFORMED,
     "GGUF: the score of token 265 is no number"},
    {"tokenizer.ggml.scores", SCORE_OF(HE), PUT("\0\0\x80\xff"), SW_MALFORMED, "token 265"},
    {"tokenizer.ggml.token_type", TYPE_OF(0), PUT("\x03"), SW_MALFORMED, "no token is the unknown"},
    {"tokenizer.ggml.token_type", TYPE_OF(1), PUT("\x02"), SW_MALFORMED, "token 1 is a second"},
    {"tokenizer.ggml.token_type", TYPE_OF(1), PUT("\x07"), SW_REFUSED, "token 1 has the type 7"},
    {"tokenizer.ggml.token_type", TYPE_OF(MARK_T), PUT("\x04"), SW_REFUSED, "holds U+2581"},
    {"tokenizer.ggml.token_type", TYPE_OF(2), PUT("\x01"), SW_OK, ""},
    {"<0x4", 0, PUT("g"), SW_REFUSED, "token 67 has the type 6 and is no <0xNN>"},
    {"<0x4", 0, PUT("a"), SW_REFUSED, "token 67"},
    {"tokenizer.ggml.token_type", TYPE_OF(T), PUT("\x06"), SW_REFUSED, "token 260 has the type 6"},
    {"tokenizer.ggml.token_type", TYPE_OF(BYTE), PUT("\x01"), SW_OK, ""},
    {"tokenizer.ggml.unknown_token_id", 4, PUT("\x01"), SW_MALFORMED,
     "unknown_token_id is not the token of type 2"},
    {"tokenizer.ggml.unknown_token_id", 4, PUT("\xff\xff"), SW_MALFORMED, "unknown_token_id"},
    /* h is a blank, he a blank and e */
    {"<0xFF>", 28,
     PUT(" \1\0\0\0\0\0\0\0e\1\0\0\0\0\0\0\0"
         "1\1\0\0\0\0\0\0\0"
         "2\2\0\0\0\0\0\0\0 e"),
     SW_REFUSED, "token 265 holds a blank"},
    {"tokenizer.ggml.add_space_prefix", 4, PUT("\0"), SW_REFUSED, "add_space_prefix \"false\""},
    {"tokenizer.ggml.model", 12, PUT("llbma"), SW_REFUSED, "model \"llbma\""},
};

static void wrong_vocabularies_are_refused(void **state) {
    (void)state;
    refuse_all("marked.gguf", patches, COUNT(patches));
}

/* Whether the file names it or not. */
static void the_unknown_token_is_written(void **state) {
    (void)state;
    static const patch unnamed = {"tokenizer.ggml.unknown_token_i", 0, PUT("x"), SW_OK, ""};
    static const char said[] = "\"unk_token\": \"<unk>\"";
    for (int i = 0; i < 2; i++) {
        folder f = {.count = 0};
        sw_bytes file = read_golden(&f.arena, "model", "marked.gguf");
        if (i == 1) file = patched(&f.arena, file, &unnamed);
        assert_int_equal(import(file, SW_DTYPE_BF16, &f, NULL), SW_OK);
        sw_bytes settings = file_of(&f, "tokenizer_config.json");
        assert_non_null(memmem(settings.data, settings.size, said, sizeof said - 1));
        sw_arena_free(&f.arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_unknown_token_is_written),
        cmocka_unit_test(scores_decide_what_is_joined),
        cmocka_unit_test(what_was_encoded_is_decoded),
        cmocka_unit_test(wrong_vocabularies_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
