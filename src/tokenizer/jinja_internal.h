/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the template: tokens, the tree, values, and one rendering.
 *
 * Recursion is bounded: the parser refuses a tree deeper than SW_JINJA_DEPTH_LIMIT, and no value
 * is built that is deeper than it.
 */
#ifndef SW_TOKENIZER_JINJA_INTERNAL_H
#define SW_TOKENIZER_JINJA_INTERNAL_H

#include "tokenizer/jinja.h"
#include "tokenizer/tokenizer_internal.h"

/* ---- values ---- */
typedef enum sw_jinja_type {
    SW_JINJA_UNDEFINED,
    SW_JINJA_NONE,
    SW_JINJA_BOOL,
    SW_JINJA_INTEGER, /* within 2^53 - 1 either way */
    SW_JINJA_FLOAT,
    SW_JINJA_STRING,
    SW_JINJA_LIST,
    SW_JINJA_VIEW, /* a tuple or a dict's items: iterated, counted and searched, nothing else */
    SW_JINJA_DICT,
    SW_JINJA_GENERATOR, /* iterated once */
    SW_JINJA_NAMESPACE,
    SW_JINJA_LOOP,
    SW_JINJA_FUNCTION
} sw_jinja_type;

typedef struct sw_jinja_value sw_jinja_value;
typedef struct sw_jinja_entry sw_jinja_entry;
typedef struct sw_jinja_loop sw_jinja_loop;
typedef struct sw_jinja_generator sw_jinja_generator;
typedef struct sw_jinja_namespace sw_jinja_namespace;
struct sw_jinja_value {
    sw_jinja_type type;
    uint32_t depth; /* of lists and dicts: 1 + the deepest child's */
    size_t count;   /* of lists and dicts */
    union {
        int64_t integer; /* and bool */
        double number;
        sw_bytes text;
        const sw_jinja_value *items;
        const sw_jinja_entry *entries;
        sw_jinja_generator *generator;
        sw_jinja_namespace *names;
        const sw_jinja_loop *loop;
    };
};
struct sw_jinja_entry {
    sw_bytes key;
    sw_jinja_value value;
};
struct sw_jinja_generator {
    const sw_jinja_value *items; /* what is left */
    size_t count;
};
struct sw_jinja_namespace {
    sw_bytes name; /* empty in the head */
    sw_jinja_value value;
    sw_jinja_namespace *next;
};
struct sw_jinja_loop {
    const sw_jinja_value *items;
    size_t index, count;
};

/* ---- tokens ---- */
typedef enum sw_jinja_token_kind {
    SW_JINJA_TEXT,
    SW_JINJA_OUTPUT_BEGIN,
    SW_JINJA_OUTPUT_END,
    SW_JINJA_BLOCK_BEGIN,
    SW_JINJA_BLOCK_END,
    SW_JINJA_NAME,
    SW_JINJA_QUOTED, /* a string literal, decoded */
    SW_JINJA_WHOLE,
    SW_JINJA_REAL,
    SW_JINJA_OPERATOR,
    SW_JINJA_END
} sw_jinja_token_kind;
typedef struct sw_jinja_token {
    sw_jinja_token_kind kind;
    uint32_t line;
    sw_bytes text;
} sw_jinja_token;
/* All tokens, the last of kind END; text is looked at as jinja2's lexer does (TPL-010). */
SW_NODISCARD sw_status sw_jinja_lex(sw_arena *arena, sw_bytes text, const sw_jinja_token **out,
                                    sw_error *err);

/* ---- the tree ---- */
typedef enum sw_jinja_kind {
    /* statements, linked by next */
    SW_JINJA_S_TEXT,
    SW_JINJA_S_OUTPUT,     /* part[0] */
    SW_JINJA_S_IF,         /* part[0]: branches, each part[0] condition or NULL, part[1] body */
    SW_JINJA_S_FOR,        /* part[0] targets, [1] iterable, [2] condition or NULL, [3] body, [4]
                              else */
    SW_JINJA_S_SET,        /* text = part[0] */
    SW_JINJA_S_SET_NAME,   /* text.name = part[0] */
    SW_JINJA_S_GENERATION, /* part[0] body */
    SW_JINJA_BRANCH,
    /* expressions */
    SW_JINJA_CONSTANT,
    SW_JINJA_VARIABLE,
    SW_JINJA_MAKE_LIST, /* part[0]: elements by next; MAKE_TUPLE the same */
    SW_JINJA_MAKE_TUPLE,
    SW_JINJA_MAKE_DICT, /* part[0]: pairs by next, each part[0] key, part[1] value */
    SW_JINJA_PAIR,
    SW_JINJA_AND,
    SW_JINJA_OR,
    SW_JINJA_NOT,
    SW_JINJA_CHOOSE,  /* part[0] if part[1] else part[2] (NULL: undefined) */
    SW_JINJA_COMPARE, /* part[0], then part[1]: operands by next, each with its op */
    SW_JINJA_OPERAND,
    SW_JINJA_ARITHMETIC,
    SW_JINJA_NEGATE,
    SW_JINJA_PLUS,
    SW_JINJA_CONCAT, /* part[0]: elements by next */
    SW_JINJA_ATTRIBUTE,
    SW_JINJA_SUBSCRIPT,
    SW_JINJA_SLICE,  /* part[0], start [1], stop [2], step [3], each may be NULL */
    SW_JINJA_FILTER, /* op: which; part[0] operand, part[1..] arguments or NULL */
    SW_JINJA_TEST,
    SW_JINJA_METHOD,
    SW_JINJA_CALL
} sw_jinja_kind;

typedef enum sw_jinja_operator {
    SW_JINJA_EQ,
    SW_JINJA_NE,
    SW_JINJA_LT,
    SW_JINJA_LE,
    SW_JINJA_GT,
    SW_JINJA_GE,
    SW_JINJA_IN,
    SW_JINJA_NOT_IN,
    SW_JINJA_ADD,
    SW_JINJA_SUBTRACT,
    SW_JINJA_MULTIPLY,
    SW_JINJA_MODULO
} sw_jinja_operator;

#define SW_JINJA_PARTS 5
typedef struct sw_jinja_node sw_jinja_node;
typedef struct sw_jinja_callable sw_jinja_callable;
struct sw_jinja_node {
    sw_jinja_kind kind;
    sw_jinja_operator op;
    uint32_t line, depth;
    const sw_jinja_callable *callable; /* of filters, tests, methods, calls */
    const sw_jinja_callable *inner;    /* the test that select and its kin apply, or NULL */
    sw_bytes text;
    sw_jinja_value constant;
    sw_jinja_node *part[SW_JINJA_PARTS];
    sw_jinja_node *next;
};

struct sw_jinja {
    sw_arena arena;
    sw_jinja_node *body;
    sw_jinja_needs needs;
};

/* ---- parsing ---- */
typedef struct sw_jinja_parser {
    sw_arena *arena;
    const sw_jinja_token *token;
    size_t nodes;
    uint32_t depth;
    bool generation; /* inside a generation block */
    sw_status status;
    sw_error *err;
} sw_jinja_parser;
/* All return NULL after a failure, which is in status and err. */
sw_jinja_node *sw_jinja_node_new(sw_jinja_parser *p, sw_jinja_kind kind);
sw_jinja_node *sw_jinja_expression(sw_jinja_parser *p, bool with_condition);
__attribute__((format(printf, 3, 4))) sw_jinja_node *
sw_jinja_refuse(sw_jinja_parser *p, sw_status status, const char *format, ...);
bool sw_jinja_is(const sw_jinja_parser *p, sw_jinja_token_kind kind, const char *text);
bool sw_jinja_skip(sw_jinja_parser *p, sw_jinja_token_kind kind, const char *text);
bool sw_jinja_expect(sw_jinja_parser *p, sw_jinja_token_kind kind, const char *text);
bool sw_jinja_deepen(sw_jinja_parser *p); /* one level down; the caller comes up by p->depth-- */
SW_NODISCARD sw_status sw_jinja_statements(sw_jinja_parser *p, sw_jinja_node **body);

/* ---- what has a name ---- */
typedef struct sw_jinja_run sw_jinja_run;
#define SW_JINJA_ARGUMENTS 3
/* argument[0] is the operand of a filter, test or method. Arguments that were not given are
 * undefined, with given[i] false. */
typedef struct sw_jinja_arguments {
    sw_jinja_value value[SW_JINJA_ARGUMENTS + 1];
    bool given[SW_JINJA_ARGUMENTS + 1];
} sw_jinja_arguments;
typedef sw_status (*sw_jinja_function)(sw_jinja_run *run, const sw_jinja_node *node,
                                       const sw_jinja_arguments *a, sw_jinja_value *out);
struct sw_jinja_callable {
    const char *name;
    sw_jinja_function function;
    unsigned required;                          /* of the arguments behind the operand */
    const char *parameters[SW_JINJA_ARGUMENTS]; /* NULL: no more; "": by place alone; "=name": by
                                                   name alone */
};
/* NULL when it is not known. */
const sw_jinja_callable *sw_jinja_callable_find(const sw_jinja_callable *all, size_t count,
                                                sw_bytes name);
const sw_jinja_callable *sw_jinja_filter_find(sw_bytes name);
const sw_jinja_callable *sw_jinja_test_find(sw_bytes name);
const sw_jinja_callable *sw_jinja_method_find(sw_bytes name);
const sw_jinja_callable *sw_jinja_global_find(sw_bytes name);
/* select, reject, selectattr, rejectattr, and at which place they name their test. */
bool sw_jinja_selects(const sw_jinja_callable *filter, unsigned *test_place);
bool sw_jinja_is_namespace(const sw_jinja_callable *global);

/* ---- rendering ---- */
typedef struct sw_jinja_scope sw_jinja_scope;
struct sw_jinja_run {
    const sw_jinja_input *input;
    sw_arena arena;
    sw_buffer out;
    sw_jinja_scope *scope;
    sw_jinja_spans spans;
    size_t steps, loops;
    bool in_condition; /* of a for: jinja2 evaluates it while the body runs */
    uint32_t line;
    sw_error *err;
};
/* SW_REFUSED "template" with the line. */
__attribute__((format(printf, 2, 3))) sw_status sw_jinja_fail(const sw_jinja_run *run,
                                                              const char *format, ...);
SW_NODISCARD sw_status sw_jinja_spend(sw_jinja_run *run, size_t bytes);
void *sw_jinja_alloc(sw_jinja_run *run, size_t count, size_t size); /* NULL: no memory */
SW_NODISCARD sw_status sw_jinja_no_memory(sw_jinja_run *run);
SW_NODISCARD sw_status sw_jinja_eval(sw_jinja_run *run, const sw_jinja_node *node,
                                     sw_jinja_value *out);
SW_NODISCARD sw_status sw_jinja_lookup(sw_jinja_run *run, sw_bytes name, sw_jinja_value *out);

/* ---- values ---- */
#define SW_JINJA_NOTHING ((sw_jinja_value){.type = SW_JINJA_UNDEFINED})
sw_jinja_value sw_jinja_of_bool(bool v);
sw_jinja_value sw_jinja_of_text(sw_bytes text);
const char *sw_jinja_type_name(const sw_jinja_value *v);
bool sw_jinja_whole(const sw_jinja_value *v, int64_t *out); /* of integers and bools */
bool sw_jinja_real(const sw_jinja_value *v, double *out);   /* and of floats */
SW_NODISCARD sw_status sw_jinja_of_list(sw_jinja_run *run, const sw_jinja_value *items,
                                        size_t count, sw_jinja_type type, sw_jinja_value *out);
SW_NODISCARD sw_status sw_jinja_of_items(sw_jinja_run *run, const sw_jinja_value *dict,
                                         sw_jinja_type type, sw_jinja_value *out);
SW_NODISCARD sw_status sw_jinja_of_json(sw_jinja_run *run, const sw_json *json, unsigned depth,
                                        sw_jinja_value *out);
SW_NODISCARD sw_status sw_jinja_generate(sw_jinja_run *run, const sw_jinja_value *items,
                                         size_t count, sw_jinja_value *out);
bool sw_jinja_truth(const sw_jinja_value *v);
const sw_jinja_value *sw_jinja_find(const sw_jinja_value *dict, sw_bytes key);
SW_NODISCARD sw_status sw_jinja_equal(sw_jinja_run *run, const sw_jinja_value *a,
                                      const sw_jinja_value *b, bool *out);
SW_NODISCARD sw_status sw_jinja_contains(sw_jinja_run *run, const sw_jinja_value *in,
                                         const sw_jinja_value *what, bool *out);
SW_NODISCARD sw_status sw_jinja_compare(sw_jinja_run *run, sw_jinja_operator op,
                                        const sw_jinja_value *a, const sw_jinja_value *b,
                                        bool *out);
SW_NODISCARD sw_status sw_jinja_arithmetic(sw_jinja_run *run, sw_jinja_operator op,
                                           const sw_jinja_value *a, const sw_jinja_value *b,
                                           sw_jinja_value *out);
/* Python's str(); lists and dicts are refused. */
SW_NODISCARD sw_status sw_jinja_str(sw_jinja_run *run, const sw_jinja_value *v, sw_bytes *out);
/* What iter() would give: characters of a string, keys of a dict; a generator is used up. */
SW_NODISCARD sw_status sw_jinja_iterate(sw_jinja_run *run, const sw_jinja_value *v,
                                        const sw_jinja_value **items, size_t *count);
SW_NODISCARD sw_status sw_jinja_length(sw_jinja_run *run, const sw_jinja_value *v, size_t *out);
SW_NODISCARD sw_status sw_jinja_attribute(sw_jinja_run *run, const sw_jinja_value *v, sw_bytes name,
                                          sw_jinja_value *out);
SW_NODISCARD sw_status sw_jinja_subscript(sw_jinja_run *run, const sw_jinja_value *v,
                                          const sw_jinja_value *key, sw_jinja_value *out);
SW_NODISCARD sw_status sw_jinja_slice(sw_jinja_run *run, const sw_jinja_value *v,
                                      const sw_jinja_value bounds[3], sw_jinja_value *out);
void sw_jinja_put_float(sw_buffer *out, double v); /* Python's repr of a finite float */
/* json.dumps(v, ensure_ascii=ascii, indent=indent); indent below 0: on one line. */
SW_NODISCARD sw_status sw_jinja_put_json(sw_jinja_run *run, sw_buffer *out, const sw_jinja_value *v,
                                         bool ascii, int64_t indent);

/* ---- text ---- */
bool sw_jinja_space(uint32_t character); /* Python's str.isspace */
size_t sw_jinja_characters(sw_bytes text);
typedef enum sw_jinja_side { SW_JINJA_LEFT = 1, SW_JINJA_RIGHT = 2 } sw_jinja_side;
/* Without white space, or without the characters of `set` when it is not NULL. */
sw_bytes sw_jinja_strip(sw_bytes text, const sw_bytes *set, unsigned sides);
/* The first `what` in text from `from` on; SIZE_MAX when there is none. `what` is not empty. */
size_t sw_jinja_search(sw_bytes text, sw_bytes what, size_t from);
typedef enum sw_jinja_case { SW_JINJA_UPPER, SW_JINJA_LOWER, SW_JINJA_TITLE } sw_jinja_case;
SW_NODISCARD sw_status sw_jinja_recase(sw_jinja_run *run, sw_bytes text, sw_jinja_case to,
                                       sw_jinja_value *out);
SW_NODISCARD sw_status sw_jinja_replace(sw_jinja_run *run, sw_bytes text, sw_bytes from,
                                        sw_bytes to, sw_jinja_value *out);
/* A copy of what was written, in the rendering's arena. */
SW_NODISCARD sw_status sw_jinja_keep(sw_jinja_run *run, const sw_buffer *text, sw_jinja_value *out);
SW_NODISCARD sw_status sw_jinja_date(sw_jinja_run *run, sw_bytes format, sw_jinja_value *out);
/* The characters between two indices of valid UTF-8. */
sw_bytes sw_jinja_between(sw_bytes text, size_t start, size_t stop);
#endif
