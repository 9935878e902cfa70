/* SPDX-License-Identifier: Apache-2.0
 *
 * Expressions: tokens to a tree, with jinja2's precedence (TPL-020).
 *
 * Each function is one rule of the grammar. Depth is counted on the way down and stored in nodes on
 * the way up, so a long chain of + is as bounded as nested brackets are.
 */
#include "tokenizer/jinja_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sw_jinja_node *sw_jinja_refuse(sw_jinja_parser *p, sw_status status, const char *format, ...) {
    char text[160];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (p->status == SW_OK)
        p->status = sw_fail(p->err, status, status == SW_LIMIT ? "limit" : "template",
                            "chat_template, line %u: %s", (unsigned)p->token->line, text);
    return NULL;
}

sw_jinja_node *sw_jinja_node_new(sw_jinja_parser *p, sw_jinja_kind kind) {
    if (++p->nodes > SW_JINJA_NODE_LIMIT)
        return sw_jinja_refuse(p, SW_LIMIT, "more than %zu nodes", SW_JINJA_NODE_LIMIT);
    sw_jinja_node *node = SW_ARENA_NEW(p->arena, sw_jinja_node, 1);
    if (!node) {
        p->status = sw_fail(p->err, SW_MEMORY, "memory", "no memory for a template");
        return NULL;
    }
    node->kind = kind;
    node->line = p->token->line;
    node->depth = 1;
    return node;
}

bool sw_jinja_deepen(sw_jinja_parser *p) {
    if (p->depth < SW_JINJA_DEPTH_LIMIT) {
        p->depth++;
        return true;
    }
    (void)sw_jinja_refuse(p, SW_LIMIT, "nested deeper than %d", SW_JINJA_DEPTH_LIMIT);
    return false;
}

/* ---- tokens ---- */

bool sw_jinja_is(const sw_jinja_parser *p, sw_jinja_token_kind kind, const char *text) {
    bool spelled = kind == SW_JINJA_NAME || kind == SW_JINJA_OPERATOR;
    return p->token->kind == kind && (!text || !spelled || sw_bytes_is(p->token->text, text));
}

bool sw_jinja_skip(sw_jinja_parser *p, sw_jinja_token_kind kind, const char *text) {
    if (!sw_jinja_is(p, kind, text)) return false;
    p->token++;
    return true;
}

static int shown(sw_bytes text) {
    return text.size > 40 ? 40 : (int)text.size;
}

bool sw_jinja_expect(sw_jinja_parser *p, sw_jinja_token_kind kind, const char *text) {
    if (sw_jinja_skip(p, kind, text)) return true;
    bool quotable = p->token->kind == SW_JINJA_NAME || p->token->kind == SW_JINJA_OPERATOR;
    sw_bytes found = quotable ? p->token->text : SW_LITERAL("something else");
    (void)sw_jinja_refuse(p, SW_MALFORMED, "%s expected, %.*s found",
                          text                         ? text
                          : kind == SW_JINJA_NAME      ? "a name"
                          : kind == SW_JINJA_BLOCK_END ? "%}"
                                                       : "}}",
                          shown(found), (const char *)found.data);
    return false;
}

static bool is_operator(const sw_jinja_parser *p, const char *text) {
    return sw_jinja_is(p, SW_JINJA_OPERATOR, text);
}

static bool is_word(const sw_jinja_parser *p, const char *text) {
    return sw_jinja_is(p, SW_JINJA_NAME, text);
}

/* ---- nodes ---- */

/* Puts `child` into its place; false when either is missing or the tree grows too deep. */
static bool adopt(sw_jinja_parser *p, sw_jinja_node *node, unsigned place, sw_jinja_node *child) {
    if (!node || !child) return false;
    node->part[place] = child;
    for (const sw_jinja_node *c = child; c; c = c->next)
        if (c->depth >= node->depth) node->depth = c->depth + 1;
    if (node->depth <= SW_JINJA_DEPTH_LIMIT) return true;
    (void)sw_jinja_refuse(p, SW_LIMIT, "nested deeper than %d", SW_JINJA_DEPTH_LIMIT);
    return false;
}

static sw_jinja_node *join(sw_jinja_parser *p, sw_jinja_kind kind, sw_jinja_node *left,
                           sw_jinja_node *right) {
    if (!left || !right) return NULL;
    sw_jinja_node *node = sw_jinja_node_new(p, kind);
    return adopt(p, node, 0, left) && adopt(p, node, 1, right) ? node : NULL;
}

static sw_jinja_node *wrap(sw_jinja_parser *p, sw_jinja_kind kind, sw_jinja_node *child) {
    sw_jinja_node *node = child ? sw_jinja_node_new(p, kind) : NULL;
    return adopt(p, node, 0, child) ? node : NULL;
}

static sw_jinja_node *constant(sw_jinja_parser *p, sw_jinja_value value) {
    sw_jinja_node *node = sw_jinja_node_new(p, SW_JINJA_CONSTANT);
    if (node) node->constant = value;
    return node;
}

/* ---- primaries ---- */

static sw_jinja_node *number(sw_jinja_parser *p) {
    char digits[64];
    bool real = p->token->kind == SW_JINJA_REAL;
    sw_bytes text = p->token->text;
    if (text.size >= sizeof digits) return sw_jinja_refuse(p, SW_LIMIT, "a number is too long");
    memcpy(digits, text.data, text.size);
    digits[text.size] = 0;
    double v = strtod(digits, NULL);
    if (real ? v > 1e300 : v > 9007199254740991.0)
        return sw_jinja_refuse(p, SW_REFUSED, "a number is too large");
    sw_jinja_value value = {.type = SW_JINJA_INTEGER, .integer = real ? 0 : (int64_t)v};
    if (real) value = (sw_jinja_value){.type = SW_JINJA_FLOAT, .number = v};
    sw_jinja_node *node = constant(p, value);
    p->token++;
    return node;
}

/* Strings that stand side by side are one. */
static sw_jinja_node *string(sw_jinja_parser *p) {
    size_t size = 0;
    const sw_jinja_token *end = p->token;
    for (; end->kind == SW_JINJA_QUOTED; end++) size += end->text.size;
    uint8_t *joined = sw_arena_alloc(p->arena, size, 1);
    if (!joined) {
        p->status = sw_fail(p->err, SW_MEMORY, "memory", "no memory for a template");
        return NULL;
    }
    sw_jinja_node *node = constant(p, sw_jinja_of_text(SW_BYTES(joined, size)));
    for (size = 0; p->token != end; size += p->token++->text.size)
        if (p->token->text.size) memcpy(joined + size, p->token->text.data, p->token->text.size);
    return node;
}

static sw_jinja_node *variable(sw_jinja_parser *p) {
    static const char *const strangers[] = {"range",     "dict",
                                            "lipsum",    "cycler",
                                            "joiner",    "unk_token",
                                            "sep_token", "pad_token",
                                            "cls_token", "mask_token",
                                            "self",      "super",
                                            "varargs",   "additional_special_tokens"};
    static const struct {
        const char *name;
        sw_jinja_value value;
    } constants[] = {{"true", {.type = SW_JINJA_BOOL, .integer = 1}},
                     {"True", {.type = SW_JINJA_BOOL, .integer = 1}},
                     {"false", {.type = SW_JINJA_BOOL}},
                     {"False", {.type = SW_JINJA_BOOL}},
                     {"none", {.type = SW_JINJA_NONE}},
                     {"None", {.type = SW_JINJA_NONE}}};
    sw_bytes name = p->token->text;
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        if (sw_bytes_is(name, strangers[i]))
            return sw_jinja_refuse(p, SW_REFUSED, "%s is not known here", strangers[i]);
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
        if (!sw_bytes_is(name, constants[i].name)) continue;
        p->token++;
        return constant(p, constants[i].value);
    }
    sw_jinja_node *node = sw_jinja_node_new(p, SW_JINJA_VARIABLE);
    if (node) node->text = name;
    p->token++;
    return node;
}

/* Elements up to `close`, which is taken. *trailing: a comma stands behind the last one. */
static bool elements(sw_jinja_parser *p, const char *close, sw_jinja_node *into, bool *comma) {
    sw_jinja_node *first = NULL, **place = &first;
    *comma = false;
    while (!is_operator(p, close)) {
        if (first && !*comma) return sw_jinja_expect(p, SW_JINJA_OPERATOR, close);
        *place = sw_jinja_expression(p, true);
        if (!*place) return false;
        place = &(*place)->next;
        *comma = sw_jinja_skip(p, SW_JINJA_OPERATOR, ",");
    }
    p->token++;
    return !first || adopt(p, into, 0, first);
}

static sw_jinja_node *parenthesis(sw_jinja_parser *p) {
    sw_jinja_node *tuple = sw_jinja_node_new(p, SW_JINJA_MAKE_TUPLE);
    bool comma;
    p->token++;
    if (!tuple || !elements(p, ")", tuple, &comma)) return NULL;
    bool single = tuple->part[0] && !tuple->part[0]->next && !comma;
    return single ? tuple->part[0] : tuple;
}

static sw_jinja_node *list(sw_jinja_parser *p) {
    sw_jinja_node *node = sw_jinja_node_new(p, SW_JINJA_MAKE_LIST);
    bool comma;
    p->token++;
    return node && elements(p, "]", node, &comma) ? node : NULL;
}

static sw_jinja_node *dictionary(sw_jinja_parser *p) {
    sw_jinja_node *node = sw_jinja_node_new(p, SW_JINJA_MAKE_DICT), *first = NULL, **place = &first;
    p->token++;
    while (node && !is_operator(p, "}")) {
        if (first && !sw_jinja_expect(p, SW_JINJA_OPERATOR, ",")) return NULL;
        if (is_operator(p, "}")) break;
        sw_jinja_node *key = sw_jinja_expression(p, true);
        if (!key || !sw_jinja_expect(p, SW_JINJA_OPERATOR, ":")) return NULL;
        *place = join(p, SW_JINJA_PAIR, key, sw_jinja_expression(p, true));
        if (!*place) return NULL;
        place = &(*place)->next;
    }
    p->token++;
    return !first || adopt(p, node, 0, first) ? node : NULL;
}

static sw_jinja_node *primary(sw_jinja_parser *p) {
    switch (p->token->kind) {
    case SW_JINJA_NAME:
        return variable(p);
    case SW_JINJA_QUOTED:
        return string(p);
    case SW_JINJA_WHOLE:
    case SW_JINJA_REAL:
        return number(p);
    default:
        if (is_operator(p, "(")) return parenthesis(p);
        if (is_operator(p, "[")) return list(p);
        if (is_operator(p, "{")) return dictionary(p);
        return sw_jinja_refuse(p, SW_MALFORMED, "an expression expected");
    }
}

/* ---- calls ---- */

/* The place of a keyword among the parameters, counted from 1; 0 when there is none. */
static unsigned parameter(const sw_jinja_callable *callable, sw_bytes name) {
    for (unsigned i = 0; i < SW_JINJA_ARGUMENTS && callable->parameters[i]; i++) {
        const char *known = callable->parameters[i];
        if (known[0] && sw_bytes_is(name, known + (known[0] == '='))) return i + 1;
    }
    return 0;
}

static bool argument(sw_jinja_parser *p, sw_jinja_node *call, unsigned *placed) {
    const sw_jinja_callable *callable = call->callable;
    unsigned place;
    if (p->token->kind == SW_JINJA_NAME && p->token[1].kind == SW_JINJA_OPERATOR &&
        sw_bytes_is(p->token[1].text, "=")) {
        place = parameter(callable, p->token->text);
        if (place) p->token += 2;
    } else {
        bool more = *placed < SW_JINJA_ARGUMENTS && callable->parameters[*placed] &&
                    callable->parameters[*placed][0] != '=';
        place = more ? ++*placed : 0;
    }
    if (!place || call->part[place]) {
        (void)sw_jinja_refuse(p, SW_REFUSED, "%s with an argument that is not known here",
                              callable->name);
        return false;
    }
    return adopt(p, call, place, sw_jinja_expression(p, true));
}

/* Keywords of namespace(): any name. */
static bool names(sw_jinja_parser *p, sw_jinja_node *call) {
    sw_jinja_node *first = NULL, **place = &first;
    while (!is_operator(p, ")")) {
        if (first && !sw_jinja_expect(p, SW_JINJA_OPERATOR, ",")) return false;
        sw_bytes name = p->token->text;
        if (!sw_jinja_expect(p, SW_JINJA_NAME, NULL) || !sw_jinja_expect(p, SW_JINJA_OPERATOR, "="))
            return false;
        if (name.data[0] == '_') {
            (void)sw_jinja_refuse(p, SW_REFUSED, "a namespace takes no name that begins with _");
            return false;
        }
        *place = wrap(p, SW_JINJA_PAIR, sw_jinja_expression(p, true));
        if (!*place) return false;
        (*place)->text = name;
        place = &(*place)->next;
    }
    p->token++;
    return !first || adopt(p, call, 0, first);
}

/* Arguments in parentheses, whose first is already taken. */
static bool arguments(sw_jinja_parser *p, sw_jinja_node *call) {
    unsigned placed = 0;
    if (sw_jinja_is_namespace(call->callable)) return names(p, call);
    bool comma = true;
    while (!is_operator(p, ")")) {
        if (!comma) return sw_jinja_expect(p, SW_JINJA_OPERATOR, ")");
        if (!argument(p, call, &placed)) return false;
        comma = sw_jinja_skip(p, SW_JINJA_OPERATOR, ",");
    }
    p->token++;
    return true;
}

static sw_jinja_node *complete(sw_jinja_parser *p, sw_jinja_node *call) {
    for (unsigned i = 1; i <= call->callable->required; i++)
        if (!call->part[i])
            return sw_jinja_refuse(p, SW_REFUSED, "%s lacks an argument", call->callable->name);
    return call;
}

static sw_jinja_node *named(sw_jinja_parser *p, sw_jinja_kind kind, const char *what,
                            const sw_jinja_callable *(*find)(sw_bytes), sw_bytes name) {
    sw_jinja_node *node = sw_jinja_node_new(p, kind);
    if (!node) return NULL;
    node->callable = find(name);
    if (!node->callable)
        return sw_jinja_refuse(p, SW_REFUSED, "the %s %.*s is not known here", what, shown(name),
                               (const char *)name.data);
    return node;
}

/* ---- what stands behind a primary ---- */

static sw_jinja_node *attribute(sw_jinja_parser *p, sw_jinja_node *of) {
    p->token++;
    sw_bytes name = p->token->text;
    if (p->token->kind == SW_JINJA_WHOLE) {
        return join(p, SW_JINJA_SUBSCRIPT, of, number(p));
    }
    if (!sw_jinja_expect(p, SW_JINJA_NAME, NULL)) return NULL;
    if (sw_bytes_starts(name, SW_LITERAL("__")))
        return sw_jinja_refuse(p, SW_REFUSED, "an attribute that begins with __");
    if (sw_jinja_skip(p, SW_JINJA_OPERATOR, "(")) {
        sw_jinja_node *call = named(p, SW_JINJA_METHOD, "method", sw_jinja_method_find, name);
        return call && adopt(p, call, 0, of) && arguments(p, call) ? complete(p, call) : NULL;
    }
    sw_jinja_node *node = wrap(p, SW_JINJA_ATTRIBUTE, of);
    if (node) node->text = name;
    return node;
}

static sw_jinja_node *subscript(sw_jinja_parser *p, sw_jinja_node *of) {
    sw_jinja_node *bound[3] = {NULL}, *node;
    unsigned colons = 0;
    p->token++;
    while (!is_operator(p, "]")) {
        if (sw_jinja_skip(p, SW_JINJA_OPERATOR, ":")) {
            if (++colons > 2) return sw_jinja_refuse(p, SW_MALFORMED, "a slice of four parts");
        } else if (bound[colons]) {
            return sw_jinja_refuse(p, SW_REFUSED, "a subscript that is not known here");
        } else if (!(bound[colons] = sw_jinja_expression(p, true))) {
            return NULL;
        }
    }
    p->token++;
    if (colons == 0) {
        if (bound[0]) return join(p, SW_JINJA_SUBSCRIPT, of, bound[0]);
        return sw_jinja_refuse(p, SW_MALFORMED, "an empty subscript");
    }
    node = wrap(p, SW_JINJA_SLICE, of);
    for (unsigned i = 0; node && i < 3; i++)
        if (bound[i] && !adopt(p, node, i + 1, bound[i])) return NULL;
    return node;
}

static sw_jinja_node *call(sw_jinja_parser *p, sw_jinja_node *of) {
    if (of->kind != SW_JINJA_VARIABLE)
        return sw_jinja_refuse(p, SW_REFUSED, "a call of what is no function");
    sw_jinja_node *node = named(p, SW_JINJA_CALL, "function", sw_jinja_global_find, of->text);
    p->token++;
    return node && arguments(p, node) ? complete(p, node) : NULL;
}

static sw_jinja_node *postfix(sw_jinja_parser *p, sw_jinja_node *node) {
    while (node && p->token->kind == SW_JINJA_OPERATOR) {
        if (is_operator(p, "."))
            node = attribute(p, node);
        else if (is_operator(p, "["))
            node = subscript(p, node);
        else if (is_operator(p, "("))
            node = call(p, node);
        else
            break;
    }
    return node;
}

/* select and its kin name their test in a string. */
static sw_jinja_node *inner_test(sw_jinja_parser *p, sw_jinja_node *filter) {
    unsigned place;
    if (!sw_jinja_selects(filter->callable, &place) || !filter->part[place]) return filter;
    const sw_jinja_node *name = filter->part[place];
    if (name->kind != SW_JINJA_CONSTANT || name->constant.type != SW_JINJA_STRING)
        return sw_jinja_refuse(p, SW_REFUSED, "%s with a test that is not named in a string",
                               filter->callable->name);
    filter->inner = sw_jinja_test_find(name->constant.text);
    if (!filter->inner)
        return sw_jinja_refuse(p, SW_REFUSED, "the test %.*s is not known here",
                               shown(name->constant.text), (const char *)name->constant.text.data);
    bool given = filter->part[place + 1] != NULL;
    if (given ? filter->inner->parameters[0] == NULL : filter->inner->required > 0)
        return sw_jinja_refuse(p, SW_REFUSED, "%s with an argument too many or too few",
                               filter->inner->name);
    return filter;
}

static sw_jinja_node *filter(sw_jinja_parser *p, sw_jinja_node *of) {
    p->token++;
    sw_bytes name = p->token->text;
    if (!sw_jinja_expect(p, SW_JINJA_NAME, NULL)) return NULL;
    sw_jinja_node *node = named(p, SW_JINJA_FILTER, "filter", sw_jinja_filter_find, name);
    if (!adopt(p, node, 0, of)) return NULL;
    if (sw_jinja_skip(p, SW_JINJA_OPERATOR, "(") && !arguments(p, node)) return NULL;
    return complete(p, node) ? inner_test(p, node) : NULL;
}

/* A test's one argument may stand without parentheses. */
static bool begins_argument(const sw_jinja_parser *p) {
    switch (p->token->kind) {
    case SW_JINJA_NAME:
        return !is_word(p, "else") && !is_word(p, "or") && !is_word(p, "and") && !is_word(p, "is");
    case SW_JINJA_QUOTED:
    case SW_JINJA_WHOLE:
    case SW_JINJA_REAL:
        return true;
    default:
        return is_operator(p, "[") || is_operator(p, "{");
    }
}

static sw_jinja_node *test(sw_jinja_parser *p, sw_jinja_node *of) {
    p->token++;
    bool negated = sw_jinja_skip(p, SW_JINJA_NAME, "not");
    sw_bytes name = p->token->text;
    if (!sw_jinja_expect(p, SW_JINJA_NAME, NULL)) return NULL;
    sw_jinja_node *node = named(p, SW_JINJA_TEST, "test", sw_jinja_test_find, name);
    if (!adopt(p, node, 0, of)) return NULL;
    if (sw_jinja_skip(p, SW_JINJA_OPERATOR, "(")) {
        if (!arguments(p, node)) return NULL;
    } else if (begins_argument(p)) {
        if (!node->callable->parameters[0])
            return sw_jinja_refuse(p, SW_REFUSED, "the test %s with an argument",
                                   node->callable->name);
        if (!adopt(p, node, 1, postfix(p, primary(p)))) return NULL;
    }
    if (!complete(p, node)) return NULL;
    return negated ? wrap(p, SW_JINJA_NOT, node) : node;
}

static sw_jinja_node *filters(sw_jinja_parser *p, sw_jinja_node *node) {
    while (node) {
        if (is_operator(p, "|"))
            node = filter(p, node);
        else if (is_word(p, "is"))
            node = test(p, node);
        else if (is_operator(p, "("))
            node = call(p, node);
        else
            break;
    }
    return node;
}

/* ---- operators, from tight to loose ---- */

static sw_jinja_node *unary(sw_jinja_parser *p, bool with_filters) {
    sw_jinja_node *node = NULL;
    if (!sw_jinja_deepen(p)) return NULL;
    if (sw_jinja_skip(p, SW_JINJA_OPERATOR, "-"))
        node = wrap(p, SW_JINJA_NEGATE, unary(p, false));
    else if (sw_jinja_skip(p, SW_JINJA_OPERATOR, "+"))
        node = wrap(p, SW_JINJA_PLUS, unary(p, false));
    else
        node = primary(p);
    node = postfix(p, node);
    if (with_filters) node = filters(p, node);
    p->depth--;
    return node;
}

static sw_jinja_node *product(sw_jinja_parser *p) {
    sw_jinja_node *node = unary(p, true);
    while (node && (is_operator(p, "*") || is_operator(p, "%"))) {
        sw_jinja_operator op = is_operator(p, "*") ? SW_JINJA_MULTIPLY : SW_JINJA_MODULO;
        p->token++;
        node = join(p, SW_JINJA_ARITHMETIC, node, unary(p, true));
        if (node) node->op = op;
    }
    if (node && (is_operator(p, "/") || is_operator(p, "//") || is_operator(p, "**")))
        return sw_jinja_refuse(p, SW_REFUSED, "the operator %.*s is not known here",
                               (int)p->token->text.size, (const char *)p->token->text.data);
    return node;
}

static sw_jinja_node *concat(sw_jinja_parser *p) {
    sw_jinja_node *first = product(p), *last = first;
    if (!first || !is_operator(p, "~")) return first;
    while (last && sw_jinja_skip(p, SW_JINJA_OPERATOR, "~")) last = last->next = product(p);
    return last ? wrap(p, SW_JINJA_CONCAT, first) : NULL;
}

static sw_jinja_node *sum(sw_jinja_parser *p) {
    sw_jinja_node *node = concat(p);
    while (node && (is_operator(p, "+") || is_operator(p, "-"))) {
        sw_jinja_operator op = is_operator(p, "+") ? SW_JINJA_ADD : SW_JINJA_SUBTRACT;
        p->token++;
        node = join(p, SW_JINJA_ARITHMETIC, node, concat(p));
        if (node) node->op = op;
    }
    return node;
}

static bool comparison(sw_jinja_parser *p, sw_jinja_operator *op) {
    static const char signs[][3] = {"==", "!=", "<", "<=", ">", ">="};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        *op = (sw_jinja_operator)i;
        if (sw_jinja_skip(p, SW_JINJA_OPERATOR, signs[i])) return true;
    }
    *op = SW_JINJA_IN;
    if (sw_jinja_skip(p, SW_JINJA_NAME, "in")) return true;
    *op = SW_JINJA_NOT_IN;
    if (!is_word(p, "not") || p->token[1].kind != SW_JINJA_NAME ||
        !sw_bytes_is(p->token[1].text, "in"))
        return false;
    p->token += 2;
    return true;
}

static sw_jinja_node *compare(sw_jinja_parser *p) {
    sw_jinja_node *first = sum(p), *operands = NULL, **place = &operands;
    sw_jinja_operator op;
    while (first && comparison(p, &op)) {
        *place = wrap(p, SW_JINJA_OPERAND, sum(p));
        if (!*place) return NULL;
        (*place)->op = op;
        place = &(*place)->next;
    }
    return operands ? join(p, SW_JINJA_COMPARE, first, operands) : first;
}

static sw_jinja_node *negation(sw_jinja_parser *p) {
    unsigned count = 0;
    while (sw_jinja_skip(p, SW_JINJA_NAME, "not")) count++;
    sw_jinja_node *node = compare(p);
    while (count-- > 0) node = wrap(p, SW_JINJA_NOT, node);
    return node;
}

static sw_jinja_node *conjunction(sw_jinja_parser *p) {
    sw_jinja_node *node = negation(p);
    while (node && sw_jinja_skip(p, SW_JINJA_NAME, "and"))
        node = join(p, SW_JINJA_AND, node, negation(p));
    return node;
}

static sw_jinja_node *disjunction(sw_jinja_parser *p) {
    sw_jinja_node *node = conjunction(p);
    while (node && sw_jinja_skip(p, SW_JINJA_NAME, "or"))
        node = join(p, SW_JINJA_OR, node, conjunction(p));
    return node;
}

sw_jinja_node *sw_jinja_expression(sw_jinja_parser *p, bool with_condition) {
    if (!sw_jinja_deepen(p)) return NULL;
    sw_jinja_node *node = disjunction(p);
    while (node && with_condition && sw_jinja_skip(p, SW_JINJA_NAME, "if")) {
        node = join(p, SW_JINJA_CHOOSE, node, disjunction(p));
        if (node && sw_jinja_skip(p, SW_JINJA_NAME, "else") &&
            !adopt(p, node, 2, sw_jinja_expression(p, true)))
            node = NULL;
    }
    p->depth--;
    return node;
}
