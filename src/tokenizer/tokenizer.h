/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokeniser: BPE from tokenizer.json (HF `tokenizers` format), over bytes as GPT-2 has it or with
 * byte fallback as SentencePiece has it, token for token equal to HF's, and the ChatML template.
 *
 * What a tokenizer.json holds and this room does not know (another model, normaliser,
 * pre-tokeniser, pattern, post-processor) is refused by name.
 */
#ifndef SW_TOKENIZER_H
#define SW_TOKENIZER_H
#include "base/base.h"

typedef struct sw_tokenizer sw_tokenizer;
/* tokenizer_json at most 64 MiB; everything lives in the returned object. */
SW_NODISCARD sw_status sw_tokenizer_open(sw_bytes tokenizer_json, sw_tokenizer **out,
                                         sw_error *err);
void sw_tokenizer_close(sw_tokenizer **t);
size_t sw_tokenizer_vocab(const sw_tokenizer *t); /* highest id + 1 */
/* Memory in bytes: of the tables that it holds now, and of the JSON tree that was there beside them
 * while it was opened. */
typedef struct sw_tokenizer_sizes {
    size_t held_bytes, tree_bytes;
} sw_tokenizer_sizes;
sw_tokenizer_sizes sw_tokenizer_measure(const sw_tokenizer *t);

/* A growing list of ids. */
typedef struct sw_tokens {
    uint32_t *ids; /* owned */
    size_t count, capacity;
} sw_tokens;
void sw_tokens_free(sw_tokens *t);
/* Behind those that are there; a list that grows leaves none of them behind. */
SW_NODISCARD sw_status sw_tokens_append(sw_tokens *t, const uint32_t *ids, size_t count,
                                        sw_error *err);

/* Appends the ids of `text` (valid UTF-8, else SW_MALFORMED). add_special as in HF `encode(...,
 * add_special_tokens=)`. */
SW_NODISCARD sw_status sw_tokenizer_encode(sw_tokenizer *t, sw_bytes text, bool add_special,
                                           sw_tokens *out, sw_error *err);
/* A character of a text that is tokenised, and the token that holds it. */
typedef struct sw_place {
    size_t at;    /* in: where the character's first byte lies in the text */
    size_t token; /* out: index into the ids of this call; SIZE_MAX when none holds it */
} sw_place;
/* The same without special tokens, and of `count` characters, ascending, the first token that holds
 * each: what HF's char_to_token says (MODEL-104). SW_REFUSED "unsupported" where a character
 * is put together with others or vanishes on the way, so that no one answer is certain. */
SW_NODISCARD sw_status sw_tokenizer_locate(sw_tokenizer *t, sw_bytes text, sw_place *places,
                                           size_t count, sw_tokens *out, sw_error *err);
/* Appends the text of ids; skip_special drops special tokens. Ill-formed UTF-8 becomes U+FFFD as in
 * HF. */
SW_NODISCARD sw_status sw_tokenizer_decode(const sw_tokenizer *t, const uint32_t *ids, size_t count,
                                           bool skip_special, sw_buffer *out, sw_error *err);
/* Id of one added or vocabulary token by its exact content; false when there is none. */
bool sw_tokenizer_id(const sw_tokenizer *t, sw_bytes content, uint32_t *id);

/* ---- writing a tokenizer.json from a vocabulary, as GGUF holds one ---- */
typedef enum sw_pre_tokenizer {
    SW_PRE_GPT2,
    SW_PRE_SMOLLM,
    SW_PRE_LLAMA3,
    SW_PRE_QWEN2,
    SW_PRE_MARKED /* as SentencePiece: U+2581 for a space and before each text, byte tokens */
} sw_pre_tokenizer;
typedef enum sw_token_kind { SW_TOKEN_NORMAL, SW_TOKEN_CONTROL, SW_TOKEN_USER } sw_token_kind;
typedef struct sw_tokenizer_parts {
    const sw_bytes *tokens;     /* by id, in HF's spelling of bytes as characters; control and user
                                   tokens as they are */
    const sw_token_kind *kinds; /* by id */
    size_t count;
    const sw_bytes *merges; /* "left right", best first */
    size_t merge_count;
    sw_pre_tokenizer pre;
    uint32_t bos;     /* put before every text with add_special; UINT32_MAX for none */
    uint32_t unknown; /* unk_token of SW_PRE_MARKED, which must have one; UINT32_MAX for none */
} sw_tokenizer_parts;
/* Sets merges and merge_count, in the arena, from the vocabulary and a score for each token: every
 * way to put a token together out of two, that of the highest score first; SW_REFUSED
 * "unsupported" when that token holds a blank (MODEL-105). */
SW_NODISCARD sw_status sw_tokenizer_rank_merges(sw_arena *arena, sw_tokenizer_parts *parts,
                                                const double *scores, sw_error *err);
/* Appends a file that HF tokenizers loads; what is appended was opened once, so it is sound. */
SW_NODISCARD sw_status sw_tokenizer_write(const sw_tokenizer_parts *parts, sw_buffer *out,
                                          sw_error *err);

/* ---- chat ---- */
typedef struct sw_chat_turn {
    sw_bytes role, content;
} sw_chat_turn;
typedef enum sw_template {
    SW_TEMPLATE_CHATML,
    SW_TEMPLATE_CHATML_SMOLLM2
} sw_template; /* SMOLLM2 adds its default system turn */
/* Recognises a chat_template string from tokenizer_config.json by its exact text; SW_REFUSED naming
 * "chat_template" otherwise. */
SW_NODISCARD sw_status sw_template_recognise(sw_bytes chat_template, sw_template *out,
                                             sw_error *err);
const char *sw_template_text(sw_template t); /* the Jinja text that this template stands for, as
                                                written into model folders */
SW_NODISCARD sw_status sw_template_render(sw_template t, const sw_chat_turn *turns, size_t count,
                                          bool add_generation_prompt, sw_buffer *out,
                                          sw_error *err);
#endif
