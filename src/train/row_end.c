/* SPDX-License-Identifier: Apache-2.0
 *
 * The token that ends a row of text (ROW-003). Files of one model may disagree: Llama 3's Instruct
 * models end a turn by the tokeniser's `eos_token`, and config.json lists that one third. TRL
 * appends the tokeniser's.
 */
#include "train/train.h"

static const char unknown[] =
    "eos_token of tokenizer_config.json is no token of tokenizer.json, so nothing "
    "ends a row of text",
                  unknown_id[] =
                      "tokenizer_config.json has no eos_token, and the first eos_token_id of "
                      "config.json is no token of tokenizer.json, so nothing ends a row of text",
                  none[] = "neither eos_token of tokenizer_config.json nor eos_token_id of "
                           "config.json names the token that ends a row of text";

static bool has_text(const sw_tokenizer *t, uint32_t id) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(4096);
    return sw_tokenizer_decode(t, &id, 1, false, &text, NULL) == SW_OK && text.size > 0;
}

sw_status sw_row_end_find(const sw_tokenizer *t, sw_bytes tokenizer_config,
                          const sw_model_config *config, sw_row_end *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_chat_tokens tokens;
    uint32_t id = config->eos_token_id;
    SW_TRY(sw_chat_tokens_read(&arena, tokenizer_config, &tokens, err));
    if (tokens.eos_token.data && !sw_tokenizer_id(t, tokens.eos_token, &id))
        *out = (sw_row_end){UINT32_MAX, unknown};
    else if (id == UINT32_MAX)
        *out = (sw_row_end){UINT32_MAX, none};
    else if (!has_text(t, id))
        *out = (sw_row_end){UINT32_MAX, unknown_id};
    else
        *out = (sw_row_end){id, NULL};
    return SW_OK;
}
