/* SPDX-License-Identifier: Apache-2.0
 *
 * Chat templates: recognised by their exact text, refused otherwise, rendered as Jinja would.
 */
#include "tokenizer/files.h"

static void texts_are_recognised(void **state) {
    (void)state;
    static const sw_template all[] = {SW_TEMPLATE_CHATML, SW_TEMPLATE_CHATML_SMOLLM2};
    for (size_t i = 0; i < COUNT(all); i++) {
        sw_template found = all[1 - i];
        assert_int_equal(sw_template_recognise(sw_text(sw_template_text(all[i])), &found, NULL),
                         SW_OK);
        assert_int_equal(found, all[i]);
    }
}

/* The other spelling: \n as an escape inside the template's string literals. */
static void escaped_texts_are_recognised(void **state) {
    (void)state;
    static const sw_template all[] = {SW_TEMPLATE_CHATML, SW_TEMPLATE_CHATML_SMOLLM2};
    for (size_t i = 0; i < COUNT(all); i++) {
        SW_SCOPED(sw_buffer) escaped = SW_BUFFER(1 << 12);
        sw_template found = all[1 - i];
        for (const char *c = sw_template_text(all[i]); *c != 0; c++)
            if (*c == '\n')
                sw_put_text(&escaped, "\\n");
            else
                sw_put_u8(&escaped, (uint8_t)*c);
        assert_int_equal(sw_template_recognise(sw_buffer_bytes(&escaped), &found, NULL), SW_OK);
        assert_int_equal(found, all[i]);
    }
}

static void every_other_text_is_refused(void **state) {
    (void)state;
    static const sw_template all[] = {SW_TEMPLATE_CHATML, SW_TEMPLATE_CHATML_SMOLLM2};
    for (size_t i = 0; i < COUNT(all); i++) {
        sw_bytes text = sw_text(sw_template_text(all[i]));
        uint8_t *copy = malloc(text.size + 1);
        memcpy(copy, text.data, text.size + 1);
        sw_template found = SW_TEMPLATE_CHATML;
        sw_error err = {0};
        for (size_t cut = 0; cut < text.size; cut++)
            assert_int_equal(sw_template_recognise(SW_BYTES(copy, cut), &found, NULL), SW_REFUSED);
        assert_int_equal(sw_template_recognise(SW_BYTES(copy, text.size + 1), &found, &err),
                         SW_REFUSED);
        assert_non_null(strstr(err.message, "chat_template"));
        for (size_t bit = 0; bit < text.size * 8; bit++) {
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(sw_template_recognise(SW_BYTES(copy, text.size), &found, NULL),
                             SW_REFUSED);
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        free(copy);
    }
}

#define TURN(role, content)                                                                        \
    { SW_LITERAL(role), SW_LITERAL(content) }
#define SYSTEM                                                                                     \
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "         \
    "Face<|im_end|>\n"

static void conversations_render(void **state) {
    (void)state;
    static const struct {
        sw_template template;
        size_t count;
        sw_chat_turn turns[3];
        bool prompt;
        const char *text;
    } cases[] = {
        {SW_TEMPLATE_CHATML, 0, {{{0}, {0}}}, false, ""},
        {SW_TEMPLATE_CHATML, 0, {{{0}, {0}}}, true, "<|im_start|>assistant\n"},
        {SW_TEMPLATE_CHATML_SMOLLM2, 0, {{{0}, {0}}}, false, ""},
        {SW_TEMPLATE_CHATML, 1, {TURN("user", "Hi")}, false, "<|im_start|>user\nHi<|im_end|>\n"},
        {SW_TEMPLATE_CHATML_SMOLLM2,
         1,
         {TURN("user", "Hi")},
         true,
         SYSTEM "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"},
        {SW_TEMPLATE_CHATML_SMOLLM2,
         2,
         {TURN("system", "Be brief."), TURN("user", "Hi")},
         false,
         "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"},
        {SW_TEMPLATE_CHATML_SMOLLM2,
         2,
         {TURN("user", " {{x}}\n"), TURN("system", "")},
         false,
         SYSTEM "<|im_start|>user\n {{x}}\n<|im_end|>\n<|im_start|>system\n<|im_end|>\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 12);
        assert_int_equal(sw_template_render(cases[i].template, cases[i].turns, cases[i].count,
                                            cases[i].prompt, &out, NULL),
                         SW_OK);
        sw_put_u8(&out, 0);
        assert_string_equal((const char *)out.data, cases[i].text);
    }
}

static void a_full_buffer_is_a_limit(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) small = SW_BUFFER(20);
    const sw_chat_turn turn = TURN("user", "a question");
    assert_int_equal(sw_template_render(SW_TEMPLATE_CHATML, &turn, 1, false, &small, NULL),
                     SW_LIMIT);
    assert_int_equal(small.size, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_recognised),
        cmocka_unit_test(conversations_render),
        cmocka_unit_test(escaped_texts_are_recognised),
        cmocka_unit_test(every_other_text_is_refused),
        cmocka_unit_test(a_full_buffer_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
