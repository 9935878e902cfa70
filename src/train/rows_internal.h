/* SPDX-License-Identifier: Apache-2.0
 *
 * One row on its way from a JSONL line to tokens and targets: what rows.c and rows_turns.c share.
 */
#ifndef SW_TRAIN_ROWS_INTERNAL_H
#define SW_TRAIN_ROWS_INTERNAL_H
#include "train/train.h"

typedef struct sw_row_decoder {
    sw_arena arena;
    sw_tokenizer *tokenizer;
    const sw_row_template *chat;
    const sw_training *settings;
    const char *missing_end; /* why `eos` is empty */
    sw_buffer eos, text;
    sw_tokens ids, prompt_ids, turn_ids, header_ids;
    size_t masked;  /* tokens from the start that are no targets */
    sw_buffer said; /* with assistant_only_loss: 1 for each token that the assistant says, or 0 */
} sw_row_decoder;

/* The tokens that both begin with (as TRL finds where a completion begins). */
size_t sw_row_common_prefix(sw_tokens a, sw_tokens b);
/* Lists of turns: `prompt` (NULL for messages alone) into prompt_ids, prompt and `rest` into ids,
 * and with assistant_only_loss who says what. `name` is that of rest's member. */
SW_NODISCARD sw_status sw_row_decode_turns(sw_row_decoder *d, const sw_json *row,
                                           const sw_json *prompt, const sw_json *rest,
                                           const char *name, sw_error *err);
#endif
