/* SPDX-License-Identifier: Apache-2.0
 *
 * Jinja, as far as chat templates need it: text in, a validated tree, and renderings that equal
 * transformers' apply_chat_template to the byte (docs/formats/template.md, TPL-001 and following;
 * source: jinja2 3.1.6 and transformers 5.24, with trim_blocks and lstrip_blocks).
 *
 * What the tree does not know is refused when it is parsed, by name and line: a statement, filter,
 * test, function, method or operator. What Python would raise, or print in a form of its own, is
 * refused when it is rendered. A template reads no clock, no file and no environment, and every
 * template ends within the limits below.
 */
#ifndef SW_TOKENIZER_JINJA_H
#define SW_TOKENIZER_JINJA_H
#include "codec/json.h"

/* Limits of TPL-003. */
#define SW_JINJA_TEXT_LIMIT   ((size_t)128 << 10) /* bytes of a template */
#define SW_JINJA_NODE_LIMIT   ((size_t)32768)
#define SW_JINJA_DEPTH_LIMIT  64                  /* of statements, expressions and values */
#define SW_JINJA_LOOP_LIMIT   ((size_t)1 << 20)   /* iterations of one rendering */
#define SW_JINJA_STEP_LIMIT   ((size_t)1 << 25)   /* nodes visited, and 64 bytes of text each */
#define SW_JINJA_MEMORY_LIMIT ((size_t)256 << 20) /* values of one rendering */
#define SW_JINJA_OUTPUT_LIMIT ((size_t)64 << 20)  /* bytes that one rendering appends */
#define SW_JINJA_SPAN_LIMIT   ((size_t)8192)      /* generation blocks of one rendering */

typedef struct sw_jinja sw_jinja; /* immutable once parsed: threads may share it */
/* SW_REFUSED "template" names what is not known and its line; SW_MALFORMED what is no Jinja. */
SW_NODISCARD sw_status sw_jinja_parse(sw_bytes text, sw_jinja **out, sw_error *err);
void sw_jinja_free(sw_jinja **t);

/* What a template's text asks its caller for, wherever in it, also in a branch that is never taken
 * (TPL-008). */
typedef struct sw_jinja_needs {
    bool date;                 /* it calls strftime_now */
    bool generation;           /* it has generation blocks: a rendering can have spans */
    bool bos_token, eos_token; /* it reads the name */
} sw_jinja_needs;
sw_jinja_needs sw_jinja_needs_of(const sw_jinja *t);

/* What a template sees. Names that are not here are undefined, as in transformers. */
typedef struct sw_jinja_input {
    const sw_json *messages;       /* an array of objects; null members count as absent */
    const sw_json *tools;          /* an array, or NULL for none */
    bool add_generation_prompt;    /* */
    sw_bytes bos_token, eos_token; /* data NULL: undefined */
    sw_bytes
        date; /* YYYY-MM-DD for strftime_now, never the clock; empty: strftime_now is refused */
} sw_jinja_input;

bool sw_jinja_is_date(sw_bytes text); /* a day that exists, as `date` wants it */

typedef struct sw_jinja_span {
    size_t start, end; /* bytes, counted from the rendering's first */
} sw_jinja_span;
/* What {% generation %} blocks enclose, in order. */
typedef struct sw_jinja_spans {
    sw_jinja_span *spans; /* in the caller's arena */
    size_t count;
} sw_jinja_spans;

/* Appends the rendering. `spans` may be NULL; else its spans are put into `arena`. SW_REFUSED
 * "template": raise_exception was called (its sentence, when the template spells it out), or a
 * value was used as Python would not let it; SW_LIMIT: a limit above. No message quotes a message
 * or a tool. On failure `out` is as it was. */
SW_NODISCARD sw_status sw_jinja_render(const sw_jinja *t, const sw_jinja_input *input,
                                       sw_buffer *out, sw_arena *arena, sw_jinja_spans *spans,
                                       sw_error *err);
#endif
