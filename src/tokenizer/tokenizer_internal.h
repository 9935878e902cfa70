/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the tokeniser: its parts and the one struct that holds them.
 *
 * A text goes through: added tokens that match raw text, the normaliser, added tokens that match
 * normalised text, the split stages, BPE, the template. Ids come out. BPE is over bytes, each
 * spelled as a printable character, or over characters with byte tokens for those that have no
 * token
 * (`fallback`, marked.c).
 */
#ifndef SW_TOKENIZER_INTERNAL_H
#define SW_TOKENIZER_INTERNAL_H

#include "codec/json.h"
#include "tokenizer/tokenizer.h"

/* Limits of docs/formats/model.md, MODEL-070. */
#define SW_TOKENIZER_FILE_LIMIT  ((size_t)64 << 20)
#define SW_TOKENIZER_NODE_LIMIT  ((size_t)4000000)
#define SW_TOKENIZER_TEXT_LIMIT  ((size_t)16 << 20) /* of one encode call */
#define SW_TOKENIZER_VOCAB_LIMIT ((size_t)1 << 20)
#define SW_TOKENIZER_MERGE_LIMIT ((size_t)1 << 20)
#define SW_TOKENIZER_ADDED_LIMIT ((size_t)1 << 14)
#define SW_TOKENIZER_TOKEN_LIMIT ((size_t)1024) /* bytes of one token */
#define SW_TOKENIZER_PROBE_LIMIT                                                                   \
    ((size_t)1024) /* a table that is worse than this was built to be */

#define SW_TOKEN_NONE  UINT32_MAX
#define SW_STAGE_LIMIT 4
#define SW_FRAME_LIMIT 8 /* ids that the template puts before or behind the text */
#define SW_CACHE_COUNT 32768
#define SW_CACHE_TEXT  24
#define SW_CACHE_IDS   9

/* ---- memory that grows and is used again ---- */
typedef struct sw_scratch {
    void *memory; /* wiped when outgrown and when freed */
    size_t size;
} sw_scratch;
void *sw_scratch_reserve(sw_scratch *s, size_t size); /* NULL: no memory; content is lost */
void sw_scratch_free(sw_scratch *s);

/* ---- maps: open addressing, built once, at most half full ---- */
typedef struct sw_text_map {
    uint32_t *slots;       /* ids, SW_TOKEN_NONE when free */
    const sw_bytes *texts; /* by id */
    size_t mask;
} sw_text_map;
typedef struct sw_merge {
    uint32_t rank, id;
} sw_merge;
typedef struct sw_pair_slot {
    uint64_t key; /* left << 32 | right; UINT64_MAX when free */
    sw_merge merge;
} sw_pair_slot;
typedef struct sw_pair_map {
    sw_pair_slot *slots;
    size_t mask;
} sw_pair_map;

uint64_t sw_text_hash(sw_bytes text);
SW_NODISCARD sw_status sw_text_map_make(sw_arena *arena, const sw_bytes *texts, size_t count,
                                        sw_text_map *out, sw_error *err);
/* SW_EXISTS when the text is there already, SW_LIMIT when the table degenerates. */
SW_NODISCARD sw_status sw_text_map_add(sw_text_map *map, uint32_t id);
uint32_t sw_text_map_find(const sw_text_map *map, sw_bytes text); /* SW_TOKEN_NONE: not there */
SW_NODISCARD sw_status sw_pair_map_make(sw_arena *arena, size_t count, sw_pair_map *out,
                                        sw_error *err);
SW_NODISCARD sw_status sw_pair_map_add(sw_pair_map *map, uint64_t key, sw_merge merge);
const sw_merge *sw_pair_map_find(const sw_pair_map *map, uint32_t left, uint32_t right);

/* ---- bytes and their printable stand-ins ---- */
/* GPT-2's table: the character that stands for a byte in vocabularies. */
uint32_t sw_byte_character(uint8_t byte);
/* The bytes that a token's characters stand for; false when one of them stands for none. `out` has
 * room for content.size bytes. */
bool sw_token_spelling(sw_bytes content, uint8_t *out, size_t *out_size);
/* Appends `bytes` with each maximal ill-formed part as one U+FFFD. */
void sw_utf8_repair(sw_buffer *out, sw_bytes bytes);

/* ---- added tokens ---- */
typedef struct sw_added {
    uint32_t id;
    bool single_word, lstrip, rstrip, normalized, special;
} sw_added;
typedef struct sw_trie {
    sw_pair_map edges;   /* (node, byte) -> node in merge.id */
    uint32_t *ends;      /* by node: index into added, SW_TOKEN_NONE */
    size_t count, limit; /* nodes */
    bool first[256];     /* some token starts with this byte */
} sw_trie;
typedef struct sw_added_cursor {
    sw_bytes text;
    size_t scan, done;
} sw_added_cursor;
SW_NODISCARD sw_status sw_trie_make(sw_arena *arena, size_t node_limit, sw_trie *out,
                                    sw_error *err);
SW_NODISCARD sw_status sw_trie_add(sw_trie *trie, sw_bytes text, uint32_t added_index);
/* The next stretch of plain text (may be empty) and the token behind it (NULL: the text's end);
 * false when the text is used up. */
bool sw_added_next(const sw_tokenizer *t, const sw_trie *trie, sw_added_cursor *cursor,
                   sw_bytes *gap, const sw_added **token);

/* ---- classes of characters ---- */
enum {
    SW_CLASS_SPACE = 1,  /* White_Space */
    SW_CLASS_LETTER = 2, /* \p{L} */
    SW_CLASS_NUMBER = 4, /* \p{N} */
    SW_CLASS_DIGIT = 8,  /* of the stage Digits */
    SW_CLASS_WORD = 16   /* of single_word */
};
unsigned sw_character_class(uint32_t character);

/* ---- splits ---- */
typedef enum sw_split {
    SW_SPLIT_GPT2,
    SW_SPLIT_LLAMA3,
    SW_SPLIT_QWEN2,
    SW_SPLIT_DIGIT, /* each digit alone */
    SW_SPLIT_DIGITS /* runs of digits */
} sw_split;
/* The split that a regular expression in a tokenizer.json stands for, by its exact text. */
bool sw_split_recognise(sw_bytes regex, sw_split *out);
const char *sw_split_regex(sw_split split); /* NULL for those that files do not spell */
/* Where the piece of valid UTF-8 that begins at `at` < text.size ends. */
size_t sw_split_stop(sw_split split, sw_bytes text, size_t at);

/* ---- marked text: byte fallback and U+2581 for a space ---- */
#define SW_MARK "\xe2\x96\x81"
typedef enum sw_prefix {
    SW_PREFIX_NEVER,
    SW_PREFIX_NORMAL, /* by the normaliser, before every text between raw added tokens */
    SW_PREFIX_ALWAYS, /* by Metaspace, unless a mark is there */
    SW_PREFIX_FIRST   /* likewise, and only where the whole text begins */
} sw_prefix;
typedef enum sw_cut { SW_CUT_NOWHERE, SW_CUT_RUNS, SW_CUT_EACH } sw_cut; /* before marks */
typedef enum sw_decoder {
    SW_DECODE_BYTES,
    SW_DECODE_FALLBACK,     /* Replace, ByteFallback, Fuse, Strip */
    SW_DECODE_MARKED,       /* Metaspace that never prepends */
    SW_DECODE_MARKED_PREFIX /* Metaspace: the first token loses its marks */
} sw_decoder;
bool sw_mark_starts(sw_bytes text);
bool sw_mark_ends(sw_bytes text);
/* The text with marks for spaces, and one before it: in scratch memory, or the text itself. */
SW_NODISCARD sw_status sw_text_mark(sw_scratch *scratch, sw_bytes text, bool prefix, sw_bytes *out,
                                    sw_error *err);
/* Ids of text, not empty, between added tokens; `first`: the whole text begins with it. */
SW_NODISCARD sw_status sw_marked_append(sw_tokenizer *t, sw_bytes text, bool first, sw_tokens *out,
                                        sw_error *err);
SW_NODISCARD sw_status sw_marked_decode(const sw_tokenizer *t, const uint32_t *ids, size_t count,
                                        bool skip_special, sw_buffer *out, sw_error *err);

/* ---- places: characters of the text on their way to a token (locate.c). Every function does
 * nothing when nobody asks: `p` is then NULL. ---- */
typedef struct sw_places {
    sw_place *asked; /* `token` is the offset in the stretch in hand until it is answered */
    size_t count, done;
    size_t stop;        /* asked[done..stop) lie in the stretch between raw tokens */
    size_t near;        /* asked[done..near) lie in the gap that is split next */
    const uint8_t *gap; /* where its text begins, marks put in */
    size_t first;       /* the ids of this call begin here */
    bool lost;
} sw_places;
void sw_places_enter(sw_places *p, size_t start, size_t stop); /* of the whole text */
SW_NODISCARD sw_status sw_places_compose(sw_places *p, sw_bytes text, sw_error *err);
void sw_places_mark(sw_places *p, size_t stop, sw_bytes text, bool prefix);
void sw_places_gap(sw_places *p, sw_bytes gap, size_t start); /* of the normalised stretch */
/* A word of the gap has become the ids from `first_id` on. */
void sw_places_walk(sw_places *p, const sw_tokenizer *t, sw_bytes word, const sw_tokens *ids,
                    size_t first_id);
/* An added token, the last id, has taken text[start..stop); `whole`: of the whole text, else of the
 * normalised stretch. */
void sw_places_added(sw_places *p, const sw_tokenizer *t, sw_bytes text, size_t start, size_t stop,
                     bool whole, const sw_tokens *ids);

/* ---- BPE ---- */
typedef struct sw_cached_word {
    uint8_t size, count; /* size 0: free */
    uint8_t text[SW_CACHE_TEXT];
    uint32_t ids[SW_CACHE_IDS];
} sw_cached_word;
SW_NODISCARD sw_status sw_bpe_append(sw_tokenizer *t, sw_bytes word, sw_tokens *out, sw_error *err);

/* ---- the whole ---- */
struct sw_tokenizer {
    sw_arena arena;
    size_t model_count;  /* ids 0..model_count-1 are the BPE vocabulary */
    size_t id_count;     /* with the added ones */
    sw_bytes *contents;  /* by id, as written in the file */
    sw_bytes *spellings; /* by id, the bytes that decoding gives; of marked text, the marked text */
    bool *specials;      /* by id */
    sw_text_map by_content, by_spelling;
    sw_pair_map merges;
    uint32_t byte_ids[256]; /* by byte: its character's token, or its byte token */
    uint32_t unknown_id;    /* SW_TOKEN_NONE: unknown bytes vanish, as in HF */
    bool fuse_unknown, ignore_merges, fallback, compose; /* compose: NFC */
    sw_prefix prefix;                                    /* the next two: of marked text */
    sw_cut cut;
    sw_decoder decoder;
    sw_added *added;
    size_t added_count;
    sw_trie raw_trie, normal_trie;
    sw_split stages[SW_STAGE_LIMIT];
    size_t stage_count;
    uint32_t before[SW_FRAME_LIMIT], behind[SW_FRAME_LIMIT];
    size_t before_count, behind_count;
    sw_cached_word *cache;
    sw_scratch symbols, heap, normal;
    bool trims_offsets, spares_first; /* of HF's offsets: ByteLevel as a post-processor */
    sw_places *places;                /* during sw_tokenizer_locate */
    size_t tree_bytes;                /* of the file's JSON tree, which is gone */
};

/* Reads the stages around the model: normaliser, pre-tokeniser, post-processor, decoder. The
 * vocabulary is already in `t`. */
SW_NODISCARD sw_status sw_tokenizer_read_stages(sw_tokenizer *t, const sw_json *root,
                                                sw_error *err);
/* Appends the NFC form of valid UTF-8 text in scratch memory. */
SW_NODISCARD sw_status sw_text_compose(sw_scratch *scratch, sw_bytes text, sw_bytes *out,
                                       sw_error *err);
#endif
