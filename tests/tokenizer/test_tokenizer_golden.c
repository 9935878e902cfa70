/* SPDX-License-Identifier: Apache-2.0
 *
 * Ids and texts equal to those of HF tokenizers 0.23.3, for each family of tokenizer.json that is
 * known. The goldens are made by tests/parity/tokenizer_golden.py.
 */
#include "tokenizer/files.h"

static const char *const names[] = {"smollm", "gpt2",    "llama3", "qwen2", "added",    "unknown",
                                    "llama2", "mistral", "always", "never", "crossing", "crossed"};

static void assert_ids(const char *name, size_t row, const sw_json *wanted,
                       const sw_tokens *tokens) {
    size_t i = 0;
    if (wanted->count != tokens->count)
        fail_msg("%s row %zu: %zu ids, not %zu", name, row, tokens->count, wanted->count);
    for (const sw_json *id = wanted->first; id != NULL; id = id->next, i++)
        if (id->integer != tokens->ids[i])
            fail_msg("%s row %zu id %zu: %u, not %lld", name, row, i, tokens->ids[i],
                     (long long)id->integer);
}

static void check_text(const char *name, size_t row, sw_tokenizer *t, const sw_json *golden) {
    const sw_json *text = sw_json_member(golden, "text"), *ids = sw_json_member(golden, "ids");
    const sw_json *framed = sw_json_member(golden, "framed");
    const sw_json *decoded = sw_json_member(golden, "decoded");
    SW_SCOPED(sw_buffer) back = SW_BUFFER(1 << 20);
    sw_tokens tokens = {0};
    for (int again = 0; again < 2; again++) { /* the second time from the cache */
        tokens.count = 0;
        assert_int_equal(sw_tokenizer_encode(t, text->text, false, &tokens, NULL), SW_OK);
        assert_ids(name, row, ids, &tokens);
    }
    assert_int_equal(sw_tokenizer_decode(t, tokens.ids, tokens.count, false, &back, NULL), SW_OK);
    sw_bytes wanted = decoded != NULL ? decoded->text : text->text;
    if (!sw_bytes_equal(sw_buffer_bytes(&back), wanted))
        fail_msg("%s row %zu: decodes to another text", name, row);
    tokens.count = 0;
    assert_int_equal(sw_tokenizer_encode(t, text->text, true, &tokens, NULL), SW_OK);
    assert_ids(name, row, framed != NULL ? framed : ids, &tokens);
    sw_tokens_free(&tokens);
}

static void check_decode(const char *name, size_t row, const sw_tokenizer *t,
                         const sw_json *golden) {
    const sw_json *ids = sw_json_member(golden, "decode");
    uint32_t list[64];
    size_t count = 0;
    for (const sw_json *id = ids->first; id != NULL; id = id->next)
        list[count++] = (uint32_t)id->integer;
    for (int skip = 0; skip < 2; skip++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        const sw_json *wanted = sw_json_member(golden, skip ? "skip" : "all");
        assert_int_equal(sw_tokenizer_decode(t, list, count, skip, &text, NULL), SW_OK);
        if (!sw_bytes_equal(sw_buffer_bytes(&text), wanted->text))
            fail_msg("%s row %zu: ids decode to another text", name, row);
    }
}

static void golden_rows_agree(void **state) {
    (void)state;
    size_t rows = 0;
    for (size_t i = 0; i < COUNT(names); i++) {
        SW_SCOPED(sw_arena) arena = {0};
        char file[64];
        sw_json *root = NULL;
        size_t row = 0;
        (void)snprintf(file, sizeof file, "%s.golden.json", names[i]);
        sw_tokenizer *t = open_golden(names[i]);
        sw_bytes golden = read_golden(&arena, "tokenizer", file);
        assert_int_equal(sw_json_parse(&arena, golden, NULL, &root, NULL), SW_OK);
        for (const sw_json *r = root->first; r != NULL; r = r->next, row++, rows++)
            if (sw_json_member(r, "text") != NULL)
                check_text(names[i], row, t, r);
            else
                check_decode(names[i], row, t, r);
        sw_tokenizer_close(&t);
        assert_null(t);
    }
    assert_true(rows > 1500);
}

static void tokens_are_found_by_content(void **state) {
    (void)state;
    uint32_t id = 7;
    sw_tokenizer *t = open_golden("added");
    assert_true(sw_tokenizer_id(t, SW_LITERAL("<|im_end|>"), &id));
    assert_int_equal(id, 2);
    assert_true(sw_tokenizer_id(t, SW_LITERAL("cafe\xcc\x81"), &id));
    assert_int_equal(id, sw_tokenizer_vocab(t) - 2);
    assert_false(sw_tokenizer_id(t, SW_LITERAL("no such token"), &id));
    assert_false(sw_tokenizer_id(t, SW_LITERAL(""), &id));
    assert_int_equal(id, sw_tokenizer_vocab(t) - 2);
    sw_tokenizer_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_rows_agree),
                                       cmocka_unit_test(tokens_are_found_by_content)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
