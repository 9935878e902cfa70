/* SPDX-License-Identifier: Apache-2.0
 *
 * What lies beside tokenizer.json and speaks of its tokens too (MODEL-110 on). tokenizer.json alone
 * says how a text becomes ids; transformers changes what it made of that file by the others, so a
 * folder in which they contradict it is refused, never read in one of two ways.
 */
#ifndef SW_TOKENIZER_BESIDE_H
#define SW_TOKENIZER_BESIDE_H
#include "codec/json.h"
#include "tokenizer/tokenizer.h"

/* The contents of these files; an empty view where one is missing. */
typedef struct sw_tokenizer_beside {
    sw_bytes tokenizer_config;   /* tokenizer_config.json */
    sw_bytes special_tokens_map; /* special_tokens_map.json */
    sw_bytes added_tokens;       /* added_tokens.json */
} sw_tokenizer_beside;
/* SW_REFUSED "model" naming file and member that contradict `t`'s file, or both files that
 * contradict each other; SW_MALFORMED "format" and SW_LIMIT "limit" where one is no JSON of at most
 * 16 MiB and 200,000 values. */
SW_NODISCARD sw_status sw_tokenizer_check_beside(const sw_tokenizer *t,
                                                 const sw_tokenizer_beside *files, sw_error *err);
/* A special token as these files spell it: a text, or an object that holds it as `content`; empty
 * for none. A view into the tree. */
sw_bytes sw_special_token_text(const sw_json *token);
#endif
