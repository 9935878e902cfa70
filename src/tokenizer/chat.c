/* SPDX-License-Identifier: Apache-2.0
 *
 * Chat: ChatML with and without SmolLM2's default system turn, known by the exact Jinja text.
 *
 * Jinja is not interpreted. A template that is not one of these texts, to the byte, is refused: two
 * texts that look alike may render differently. Each template is known in two spellings, with line
 * feeds in its string literals or with \n escapes there; both render the same.
 */
#include "tokenizer/tokenizer_internal.h"

#define SYSTEM_TURN "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
#define TEXT(newline, first)                                                                       \
    "{% for message in messages %}" first "{{'<|im_start|>' + message['role'] + '" newline         \
    "' + message['content'] + '<|im_end|>' + '" newline "'}}{% endfor %}"                          \
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant" newline "' }}{% endif %}"
#define SMOLLM2(newline)                                                                           \
    TEXT(newline,                                                                                  \
         "{% if loop.first and messages[0]['role'] != 'system' %}"                                 \
         "{{ '<|im_start|>system" newline SYSTEM_TURN "<|im_end|>" newline "' }}{% endif %}")

static const struct {
    sw_template template;
    const char *text;
} templates[] = {
    {SW_TEMPLATE_CHATML, TEXT("\n", "")},
    {SW_TEMPLATE_CHATML_SMOLLM2, SMOLLM2("\n")},
    {SW_TEMPLATE_CHATML, TEXT("\\n", "")},
    {SW_TEMPLATE_CHATML_SMOLLM2, SMOLLM2("\\n")},
};

sw_status sw_template_recognise(sw_bytes chat_template, sw_template *out, sw_error *err) {
    for (size_t i = 0; i < sizeof templates / sizeof templates[0]; i++) {
        if (!sw_bytes_is(chat_template, templates[i].text)) continue;
        *out = templates[i].template;
        return SW_OK;
    }
    sw_status status = sw_fail(err, SW_REFUSED, "unsupported",
                               "chat_template is not one of the templates that are known here");
    sw_error_hint(err, "known are ChatML and SmolLM2's ChatML, by their exact text");
    return status;
}

const char *sw_template_text(sw_template t) {
    return templates[t].text;
}

static void put_turn(sw_buffer *out, sw_bytes role, sw_bytes content) {
    sw_put_text(out, "<|im_start|>");
    sw_put_bytes(out, role);
    sw_put_u8(out, '\n');
    sw_put_bytes(out, content);
    sw_put_text(out, "<|im_end|>\n");
}

sw_status sw_template_render(sw_template t, const sw_chat_turn *turns, size_t count,
                             bool add_generation_prompt, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SIZE_MAX);
    if (t == SW_TEMPLATE_CHATML_SMOLLM2 && count > 0 && !sw_bytes_is(turns[0].role, "system"))
        put_turn(&text, SW_LITERAL("system"), SW_LITERAL(SYSTEM_TURN));
    for (size_t i = 0; i < count; i++) put_turn(&text, turns[i].role, turns[i].content);
    if (add_generation_prompt) sw_put_text(&text, "<|im_start|>assistant\n");
    SW_TRY(sw_buffer_check(&text, "a conversation", err));
    sw_put_bytes(out, sw_buffer_bytes(&text));
    return sw_buffer_check(out, "a conversation", err);
}
