/* SPDX-License-Identifier: Apache-2.0
 *
 * Which token holds a character, beside HF's char_to_token (MODEL-104). The golden is made by
 * tests/parity/locate_golden.py with tokenizers 0.23.3.
 */
#include "files.h"

#define TEXT_BYTES 4096

typedef struct tally {
    size_t same, refused, refused_texts;
} tally;

/* The tokenizer of a golden row; post-processors stand in the golden as they are put into it. */
static sw_tokenizer *open_row(const sw_json *row) {
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) post = SW_BUFFER(TEXT_BYTES);
    const sw_json *member = sw_json_member(row, "post_processor");
    char file[64];
    (void)snprintf(file, sizeof file, "%.*s.json", (int)sw_json_member(row, "tokenizer")->text.size,
                   (const char *)sw_json_member(row, "tokenizer")->text.data);
    sw_bytes text = read_golden(&arena, "tokenizer", file);
    sw_tokenizer *t = NULL;
    if (member) {
        sw_put_text(&post, "\"post_processor\":");
        sw_json_encode(&post, member);
        sw_put_u8(&post, 0);
        text = replace(&arena, text, "\"post_processor\":null", (const char *)post.data);
    }
    assert_int_equal(sw_tokenizer_open(text, &t, NULL), SW_OK);
    return t;
}

static size_t number_at(sw_bytes signs, size_t *at) {
    size_t v = 0;
    while (signs.data[++*at] != '>') v = v * 10 + (size_t)(signs.data[*at] - '0');
    return v;
}

/* The golden's answers, one a character, and where the characters begin. */
static size_t read_row(const sw_json *row, sw_place *ask, size_t *wanted) {
    sw_bytes text = sw_json_member(row, "text")->text, signs = sw_json_member(row, "places")->text;
    size_t count = 0, last = SIZE_MAX;
    for (size_t i = 0; i < text.size; i++)
        if ((text.data[i] & 0xc0) != 0x80) ask[count++].at = i;
    for (size_t at = 0, i = 0; i < count; at++, i++) {
        assert_true(at < signs.size);
        wanted[i] = SIZE_MAX;
        if (signs.data[at] == '-') continue;
        if (signs.data[at] == '+') last++;
        if (signs.data[at] == '<') last = number_at(signs, &at);
        wanted[i] = last;
    }
    return count;
}

static void one_row(sw_tokenizer *t, const sw_json *row, tally *seen) {
    static sw_place ask[TEXT_BYTES], alone;
    static size_t wanted[TEXT_BYTES];
    sw_bytes text = sw_json_member(row, "text")->text;
    sw_tokens all = {0}, plain = {0};
    size_t count = read_row(row, ask, wanted);
    assert_int_equal(sw_tokenizer_encode(t, text, false, &plain, NULL), SW_OK);
    sw_status status = sw_tokenizer_locate(t, text, ask, count, &all, NULL);
    assert_int_equal(all.count, status == SW_OK ? plain.count : 0);
    if (all.count) assert_memory_equal(all.ids, plain.ids, plain.count * sizeof *plain.ids);
    seen->refused_texts += status != SW_OK;
    for (size_t i = 0; i < count; i++) {
        alone = (sw_place){.at = ask[i].at};
        sw_status one = sw_tokenizer_locate(t, text, &alone, 1, &all, NULL);
        if (one == SW_OK && alone.token != wanted[i])
            fail_msg("%.*s%s, %.*s: character %zu is held by %zd, not %zd",
                     (int)sw_json_member(row, "tokenizer")->text.size,
                     (const char *)sw_json_member(row, "tokenizer")->text.data,
                     sw_json_member(row, "post_processor") ? " trimmed" : "", (int)text.size,
                     (const char *)text.data, i, (ssize_t)wanted[i], (ssize_t)alone.token);
        if (status == SW_OK) assert_int_equal(ask[i].token, wanted[i]);
        if (one != SW_OK) assert_int_equal(one, SW_REFUSED);
        seen->same += one == SW_OK;
        seen->refused += one != SW_OK;
    }
    sw_tokens_free(&all);
    sw_tokens_free(&plain);
}

static void characters_are_held_as_in_hf(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) arena = {0};
    sw_json *root = NULL;
    tally seen = {0};
    assert_int_equal(
        sw_json_parse(&arena, read_golden(&arena, "tokenizer", "locate.json"), NULL, &root, NULL),
        SW_OK);
    for (const sw_json *row = root->first; row; row = row->next) {
        sw_tokenizer *t = open_row(row);
        one_row(t, row, &seen);
        sw_tokenizer_close(&t);
    }
    print_message("# %zu characters the same, %zu refused in %zu texts\n", seen.same, seen.refused,
                  seen.refused_texts);
    assert_int_equal(seen.same, 24652);
    assert_int_equal(seen.refused, 84); /* joined by NFC, or asked for beside such a one */
}

/* What is asked behind the text is held by nothing; what is out of order is a caller's mistake. */
static void places_beyond_the_text(void **state) {
    (void)state;
    sw_tokenizer *t = open_golden("smollm");
    sw_tokens ids = {0};
    sw_place ask[] = {{.at = 0}, {.at = 2}, {.at = 3}, {.at = 9}};
    assert_int_equal(sw_tokenizer_locate(t, SW_LITERAL("abc"), ask, 4, &ids, NULL), SW_OK);
    assert_int_equal(ask[0].token, 0);
    assert_int_equal(ask[1].token, ids.count - 1);
    assert_true(ask[2].token == SIZE_MAX && ask[3].token == SIZE_MAX);
    sw_place none = {.at = 0};
    assert_int_equal(sw_tokenizer_locate(t, (sw_bytes){0}, &none, 1, &ids, NULL), SW_OK);
    assert_true(none.token == SIZE_MAX);
    sw_place back[] = {{.at = 2}, {.at = 1}};
    assert_int_equal(sw_tokenizer_locate(t, SW_LITERAL("abc"), back, 2, &ids, NULL), SW_INTERNAL);
    sw_tokens_free(&ids);
    sw_tokenizer_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(characters_are_held_as_in_hf),
                                       cmocka_unit_test(places_beyond_the_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
