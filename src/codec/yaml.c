/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML through libyaml's events: a loop and a stack of open containers, no recursion.
 *
 * Accepted is the part of YAML that says one thing in one way: one document, no directives,
 * anchors, aliases, tags or merge keys, keys are scalars and each stands once in its map.
 * Everything refused names the file, line and column.
 */
#include "codec/yaml.h"

#include "codec/text.h"
#include <string.h>
#include <yaml.h>

enum {
    BYTES_MAX = 1 << 20,
    DEPTH_MAX = 16,
    NODES_MAX = 20000,
    MEMBERS_MAX = 1000, /* of one map: names are compared in pairs */
    SHOWN_KEY_BYTES = 64
};

typedef struct loader {
    yaml_parser_t parser;
    sw_arena *arena;
    const char *name;
    sw_yaml *root, *open[DEPTH_MAX];
    size_t depth, nodes;
    sw_bytes key;
    yaml_mark_t key_at;
    bool has_key; /* of the value that comes next */
    bool done;
    sw_error *err;
} loader;

static sw_status refuse(const loader *l, yaml_mark_t at, const char *what) {
    return sw_fail(l->err, SW_MALFORMED, "format", "%s:%zu:%zu: %s", l->name, at.line + 1,
                   at.column + 1, what);
}

static sw_status refuse_syntax(const loader *l) {
    if (l->parser.error == YAML_MEMORY_ERROR)
        return sw_fail(l->err, SW_MEMORY, "memory", "no memory for %s", l->name);
    const char *problem = l->parser.problem == NULL ? "not YAML" : l->parser.problem;
    yaml_mark_t at = l->parser.error == YAML_READER_ERROR ? l->parser.mark : l->parser.problem_mark;
    return refuse(l, at, problem);
}

static bool repeats(const sw_yaml *map, sw_bytes key) {
    for (const sw_yaml *m = map->first; m != NULL; m = m->next)
        if (sw_bytes_equal(m->key, key)) return true;
    return false;
}

/* Takes a scalar as the name of the member that follows. */
static sw_status take_key(loader *l, const yaml_event_t *e, sw_bytes text) {
    if (sw_bytes_is(text, "<<")) return refuse(l, e->start_mark, "merge keys are not accepted");
    if (l->open[l->depth - 1]->count == MEMBERS_MAX)
        return sw_fail(l->err, SW_LIMIT, "limit", "%s:%zu:%zu: more than %d members", l->name,
                       e->start_mark.line + 1, e->start_mark.column + 1, MEMBERS_MAX);
    if (repeats(l->open[l->depth - 1], text)) {
        int shown = text.size > SHOWN_KEY_BYTES ? SHOWN_KEY_BYTES : (int)text.size;
        return sw_fail(l->err, SW_MALFORMED, "format", "%s:%zu:%zu: \"%.*s\" stands here twice",
                       l->name, e->start_mark.line + 1, e->start_mark.column + 1, shown,
                       (const char *)text.data);
    }
    l->key = text;
    l->key_at = e->start_mark;
    l->has_key = true;
    return SW_OK;
}

static sw_status place(loader *l, const yaml_event_t *e, sw_yaml_type type, sw_yaml **out) {
    if (l->nodes++ == NODES_MAX)
        return sw_fail(l->err, SW_LIMIT, "limit", "%s holds more than %d values", l->name,
                       NODES_MAX);
    sw_yaml *node = SW_ARENA_NEW(l->arena, sw_yaml, 1);
    if (node == NULL) return sw_fail(l->err, SW_MEMORY, "memory", "no memory for %s", l->name);
    node->type = type;
    node->line = e->start_mark.line + 1;
    node->column = e->start_mark.column + 1;
    if (l->depth == 0) {
        l->root = node;
    } else {
        sw_yaml *parent = l->open[l->depth - 1];
        if (l->has_key) {
            node->key = l->key;
            node->key_line = l->key_at.line + 1;
            node->key_column = l->key_at.column + 1;
        }
        l->has_key = false;
        if (parent->last == NULL)
            parent->first = node;
        else
            parent->last->next = node;
        parent->last = node;
        parent->count++;
    }
    *out = node;
    return SW_OK;
}

static bool wants_key(const loader *l) {
    return l->depth > 0 && l->open[l->depth - 1]->type == SW_YAML_MAP && !l->has_key;
}

static sw_status on_scalar(loader *l, const yaml_event_t *e) {
    if (e->data.scalar.anchor != NULL) return refuse(l, e->start_mark, "anchors are not accepted");
    if (e->data.scalar.tag != NULL) return refuse(l, e->start_mark, "tags are not accepted");
    sw_bytes given = SW_BYTES(e->data.scalar.value, e->data.scalar.length), text = SW_LITERAL("");
    if (given.size > 0) text = sw_arena_copy(l->arena, given);
    if (text.data == NULL) return sw_fail(l->err, SW_MEMORY, "memory", "no memory for %s", l->name);
    if (wants_key(l)) return take_key(l, e, text);
    sw_yaml *node = NULL;
    SW_TRY(place(l, e, SW_YAML_SCALAR, &node));
    node->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = text;
    return SW_OK;
}

static sw_status on_open(loader *l, const yaml_event_t *e, sw_yaml_type type) {
    bool map = type == SW_YAML_MAP;
    if ((map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor) != NULL)
        return refuse(l, e->start_mark, "anchors are not accepted");
    if ((map ? e->data.mapping_start.tag : e->data.sequence_start.tag) != NULL)
        return refuse(l, e->start_mark, "tags are not accepted");
    if (wants_key(l)) return refuse(l, e->start_mark, "a key must be plain text");
    if (l->depth == DEPTH_MAX)
        return sw_fail(l->err, SW_LIMIT, "limit", "%s:%zu:%zu: deeper than %d", l->name,
                       e->start_mark.line + 1, e->start_mark.column + 1, DEPTH_MAX);
    sw_yaml *node = NULL;
    SW_TRY(place(l, e, type, &node));
    l->open[l->depth++] = node;
    return SW_OK;
}

static sw_status on_document(const loader *l, const yaml_event_t *e) {
    if (l->root != NULL) return refuse(l, e->start_mark, "more than one document");
    bool tags =
        e->data.document_start.tag_directives.start != e->data.document_start.tag_directives.end;
    if (tags || e->data.document_start.version_directive != NULL)
        return refuse(l, e->start_mark, "directives are not accepted");
    return SW_OK;
}

static sw_status on_event(loader *l, const yaml_event_t *e) {
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        return on_document(l, e);
    case YAML_ALIAS_EVENT:
        return refuse(l, e->start_mark, "aliases are not accepted");
    case YAML_SCALAR_EVENT:
        return on_scalar(l, e);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(l, e, SW_YAML_SEQUENCE);
    case YAML_MAPPING_START_EVENT:
        return on_open(l, e, SW_YAML_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        l->depth--;
        return SW_OK;
    case YAML_STREAM_END_EVENT:
        l->done = true;
        return SW_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return SW_OK;
}

static sw_status load(loader *l) {
    while (!l->done) {
        yaml_event_t event;
        if (yaml_parser_parse(&l->parser, &event) == 0) return refuse_syntax(l);
        sw_status status = on_event(l, &event);
        yaml_event_delete(&event);
        SW_TRY(status);
    }
    if (l->root == NULL)
        return sw_fail(l->err, SW_MALFORMED, "format", "%s holds nothing", l->name);
    return SW_OK;
}

/* ---- characters ---- */
/* libyaml ends a line, and a comment with it, where YAML 1.2 and editors do not: at a lone CR, NEL,
 * LS and PS. And what turns the direction of writing shows a line in another order than it is read.
 * No file of ours says two things to two readers. */
static bool misread(uint32_t character, sw_bytes behind) {
    static const sw_utf8_range ranges[] = {{0x0085, 0x0085}, {0x061c, 0x061c}, {0x200e, 0x200f},
                                           {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfeff, 0xfeff}};
    if (character == '\r') return !sw_bytes_starts(behind, SW_LITERAL("\n"));
    return sw_utf8_among(character, ranges, sizeof ranges / sizeof ranges[0]);
}

/* Of valid UTF-8. */
static sw_status check_characters(sw_bytes input, const char *name, sw_error *err) {
    size_t line = 1;
    for (size_t at = 0; at < input.size;) {
        uint32_t character = sw_utf8_next(input, &at);
        line += character == '\n';
        if (misread(character, SW_BYTES(input.data + at, input.size - at)))
            return sw_fail(err, SW_MALFORMED, "format",
                           "%s:%zu: a character that ends the line for some readers and not for "
                           "others, or turns the direction of writing",
                           name, line);
    }
    return SW_OK;
}

sw_status sw_yaml_parse(sw_arena *arena, sw_bytes input, const char *name, sw_yaml **out,
                        sw_error *err) {
    loader l = {.arena = arena, .name = name, .err = err};
    if (input.size > BYTES_MAX)
        return sw_fail(err, SW_LIMIT, "limit", "%s is larger than %d bytes", name, BYTES_MAX);
    if (!sw_utf8_valid(input) || sw_bytes_starts(input, SW_LITERAL("\xef\xbb\xbf")))
        return sw_fail(err, SW_MALFORMED, "format", "%s is not plain UTF-8", name);
    SW_TRY(check_characters(input, name, err));
    if (yaml_parser_initialize(&l.parser) == 0)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for %s", name);
    yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&l.parser, input.size > 0 ? input.data : (const uint8_t *)"",
                                 input.size);
    sw_status status = load(&l);
    yaml_parser_delete(&l.parser);
    if (status == SW_OK) *out = l.root;
    return status;
}
