/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON: a reader with limits, duplicate-key refusal and the byte span of every value, and an RFC
 * 8785 writer. One tree serves both.
 *
 * Reader: RFC 8259, UTF-8 only (no BOM), lone surrogates refused, numbers must be finite doubles,
 * duplicate keys refused, depth and node count bounded; no recursion on input depth. Every value
 * keeps `span`, its exact bytes in the input (for signed slices). Writer: RFC 8785 (members by
 * UTF-16 code units, ES6 numbers, minimal escapes). Nodes live in the caller's arena; text is not
 * copied on parse unless it holds escapes.
 */
#ifndef SW_CODEC_JSON_H
#define SW_CODEC_JSON_H
#include "base/base.h"

typedef enum sw_json_type {
    SW_JSON_NULL,
    SW_JSON_BOOL,
    SW_JSON_NUMBER,
    SW_JSON_STRING,
    SW_JSON_ARRAY,
    SW_JSON_OBJECT
} sw_json_type;

typedef struct sw_json {
    sw_json_type type;
    bool boolean;
    bool integral;   /* number is an integer with |integer| <= 2^53 - 1 */
    int64_t integer; /* valid when integral */
    double number;
    sw_bytes text; /* decoded string */
    sw_bytes key;  /* decoded member name when the parent is an object */
    sw_bytes span; /* bytes in the input; empty for built nodes */
    size_t count;  /* children of an array or object */
    bool broken;   /* a child could not be added: the encoder refuses the tree */
    struct sw_json *first, *last, *next; /* children in order */
} sw_json;

typedef struct sw_json_limits {
    size_t bytes, depth, nodes; /* 0 takes the default: 16 MiB, 32 (at most 128), 200000 */
} sw_json_limits;

/* Parses exactly one value with nothing behind it but white space. SW_MALFORMED "format" names the
 * byte offset. */
SW_NODISCARD sw_status sw_json_parse(sw_arena *arena, sw_bytes input, const sw_json_limits *limits,
                                     sw_json **out, sw_error *err);
/* As sw_json_parse, and refuses input that is not byte for byte its own RFC 8785 encoding: for
 * formats of our own. The arena needs room for that encoding besides, which is given back. */
SW_NODISCARD sw_status sw_json_parse_canonical(sw_arena *arena, sw_bytes input,
                                               const sw_json_limits *limits, sw_json **out,
                                               sw_error *err);
/* Appends the RFC 8785 encoding. Refuses non-finite numbers and invalid UTF-8 by failing the
 * buffer. */
void sw_json_encode(sw_buffer *out, const sw_json *value);
void sw_json_encode_text(sw_buffer *out, sw_bytes text); /* a string with its quotes */

/* ---- reading an object strictly. `where` in messages is the dotted name, e.g.
 * "genesis.owners[2]". ---- */
const sw_json *sw_json_member(const sw_json *object,
                              const char *name); /* NULL when absent or not an object */
/* Refuses any member that is not in `names` (NULL-terminated) and any that is missing unless its
 * name starts with '?'. */
SW_NODISCARD sw_status sw_json_expect(const sw_json *object, const char *where,
                                      const char *const *names, sw_error *err);
/* Each refuses an absent or ill-typed member, naming where and name. Views live as long as the
 * tree's input and arena. */
SW_NODISCARD sw_status sw_json_text(const sw_json *object, const char *where, const char *name,
                                    sw_bytes *out, sw_error *err);
SW_NODISCARD sw_status sw_json_u64(const sw_json *object, const char *where, const char *name,
                                   uint64_t max, uint64_t *out, sw_error *err);
SW_NODISCARD sw_status sw_json_flag(const sw_json *object, const char *where, const char *name,
                                    bool *out, sw_error *err);
SW_NODISCARD sw_status sw_json_hash(const sw_json *object, const char *where, const char *name,
                                    sw_hash *out, sw_error *err); /* 64 hex */
SW_NODISCARD sw_status sw_json_hex(const sw_json *object, const char *where, const char *name,
                                   void *out, size_t size, sw_error *err);
/* Hex as others write it. */
typedef struct sw_hex_rule {
    size_t bytes;  /* exactly, or at most */
    bool upper;    /* A-F too (Intel's collateral) */
    bool may_lack; /* absent, null and "" are no bytes (dstack's answers) */
} sw_hex_rule;
/* Exactly rule->bytes into `out`, untouched where there are none; *there says which. */
SW_NODISCARD sw_status sw_json_hex_exact(const sw_json *object, const char *where, const char *name,
                                         const sw_hex_rule *rule, void *out, bool *there,
                                         sw_error *err);
/* At most rule->bytes, into the arena. SW_LIMIT above. */
SW_NODISCARD sw_status sw_json_hex_bytes(sw_arena *a, const sw_json *object, const char *where,
                                         const char *name, const sw_hex_rule *rule, sw_bytes *out,
                                         sw_error *err);
SW_NODISCARD sw_status sw_json_array(const sw_json *object, const char *where, const char *name,
                                     size_t limit, const sw_json **out, sw_error *err);
SW_NODISCARD sw_status sw_json_object(const sw_json *object, const char *where, const char *name,
                                      const sw_json **out, sw_error *err);

/* ---- building. A NULL parent or a failed allocation propagates as NULL and breaks the tree;
 * encoding NULL or a broken tree fails the buffer: check once, at the end. Keys are copied, except
 * by sw_json_add. ---- */
sw_json *sw_json_make(sw_arena *a, sw_json_type type);
sw_json *sw_json_add(sw_json *parent, const char *key,
                     sw_json *child); /* key NULL for arrays; returns child */
sw_json *sw_json_add_object(sw_arena *a, sw_json *parent, const char *key);
sw_json *sw_json_add_array(sw_arena *a, sw_json *parent, const char *key);
void sw_json_add_text(sw_arena *a, sw_json *parent, const char *key, sw_bytes text); /* copies */
void sw_json_add_integer(sw_arena *a, sw_json *parent, const char *key, int64_t v);
void sw_json_add_number(sw_arena *a, sw_json *parent, const char *key, double v);
void sw_json_add_flag(sw_arena *a, sw_json *parent, const char *key, bool v);
void sw_json_add_null(sw_arena *a, sw_json *parent, const char *key);
void sw_json_add_hex(sw_arena *a, sw_json *parent, const char *key,
                     sw_bytes bytes); /* lower-case hex string */
void sw_json_add_base64(sw_arena *a, sw_json *parent, const char *key, sw_bytes bytes);
sw_json *sw_json_copy(sw_arena *a, const sw_json *value); /* deep */
#endif
