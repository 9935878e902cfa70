/* SPDX-License-Identifier: Apache-2.0
 *
 * Expressions: a node to its value. Recursion is as deep as the tree, which the parser bounded.
 */
#include "tokenizer/jinja_internal.h"

#include <string.h>

static sw_status eval_elements(sw_jinja_run *run, const sw_jinja_node *node, sw_jinja_value *out) {
    size_t count = 0;
    for (const sw_jinja_node *n = node->part[0]; n; n = n->next) count++;
    sw_jinja_value *items = sw_jinja_alloc(run, count, sizeof *items);
    if (!items) return sw_jinja_no_memory(run);
    count = 0;
    for (const sw_jinja_node *n = node->part[0]; n; n = n->next)
        SW_TRY(sw_jinja_eval(run, n, &items[count++]));
    bool list = node->kind == SW_JINJA_MAKE_LIST;
    return sw_jinja_of_list(run, items, count, list ? SW_JINJA_LIST : SW_JINJA_VIEW, out);
}

/* A key that comes again keeps its place and takes the later value. */
static sw_status eval_dict(sw_jinja_run *run, const sw_jinja_node *node, sw_jinja_value *out) {
    size_t count = 0, filled = 0;
    for (const sw_jinja_node *n = node->part[0]; n; n = n->next) count++;
    sw_jinja_entry *entries = sw_jinja_alloc(run, count, sizeof *entries);
    sw_jinja_value *values = sw_jinja_alloc(run, count, sizeof *values);
    if (!entries || !values) return sw_jinja_no_memory(run);
    for (const sw_jinja_node *n = node->part[0]; n; n = n->next) {
        sw_jinja_value key;
        SW_TRY(sw_jinja_eval(run, n->part[0], &key));
        SW_TRY(sw_jinja_eval(run, n->part[1], &values[filled]));
        SW_TRY(sw_jinja_spend(run, 8 * filled));
        if (key.type != SW_JINJA_STRING)
            return sw_jinja_fail(run, "%s as a key", sw_jinja_type_name(&key));
        size_t at = 0;
        while (at < filled && !sw_bytes_equal(entries[at].key, key.text)) at++;
        entries[at] = (sw_jinja_entry){key.text, values[filled]};
        values[at] = values[filled];
        filled = at == filled ? filled + 1 : filled;
    }
    SW_TRY(sw_jinja_of_list(run, values, filled, SW_JINJA_DICT, out));
    out->entries = entries;
    return SW_OK;
}

/* Each operand once, up to the first comparison that does not hold. */
static sw_status eval_compare(sw_jinja_run *run, const sw_jinja_node *node, sw_jinja_value *out) {
    sw_jinja_value left, right;
    bool holds = true;
    SW_TRY(sw_jinja_eval(run, node->part[0], &left));
    for (const sw_jinja_node *n = node->part[1]; n && holds; n = n->next) {
        SW_TRY(sw_jinja_eval(run, n->part[0], &right));
        run->line = n->line;
        SW_TRY(sw_jinja_compare(run, n->op, &left, &right, &holds));
        left = right;
    }
    *out = sw_jinja_of_bool(holds);
    return SW_OK;
}

static sw_status eval_concat(sw_jinja_run *run, const sw_jinja_node *node, sw_jinja_value *out) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_JINJA_OUTPUT_LIMIT);
    for (const sw_jinja_node *n = node->part[0]; n; n = n->next) {
        sw_jinja_value v;
        sw_bytes piece;
        SW_TRY(sw_jinja_eval(run, n, &v));
        SW_TRY(sw_jinja_str(run, &v, &piece));
        SW_TRY(sw_jinja_spend(run, piece.size));
        sw_put_bytes(&text, piece);
    }
    return sw_jinja_keep(run, &text, out);
}

static sw_status eval_sign(sw_jinja_run *run, const sw_jinja_node *node, sw_jinja_value *out) {
    sw_jinja_value zero = {.type = SW_JINJA_INTEGER}, v;
    SW_TRY(sw_jinja_eval(run, node->part[0], &v));
    if (v.type == SW_JINJA_FLOAT) { /* 0 - 0.0 would lose the sign */
        if (node->kind == SW_JINJA_NEGATE) v.number = -v.number;
        *out = v;
        return SW_OK;
    }
    return sw_jinja_arithmetic(run, node->kind == SW_JINJA_PLUS ? SW_JINJA_ADD : SW_JINJA_SUBTRACT,
                               &zero, &v, out);
}

static sw_status eval_slice(sw_jinja_run *run, const sw_jinja_node *node, sw_jinja_value *out) {
    sw_jinja_value v, bounds[3];
    SW_TRY(sw_jinja_eval(run, node->part[0], &v));
    for (unsigned i = 0; i < 3; i++) {
        bounds[i] = (sw_jinja_value){.type = SW_JINJA_NONE};
        if (node->part[i + 1]) SW_TRY(sw_jinja_eval(run, node->part[i + 1], &bounds[i]));
    }
    return sw_jinja_slice(run, &v, bounds, out);
}

static sw_status eval_call(sw_jinja_run *run, const sw_jinja_node *node, sw_jinja_value *out) {
    sw_jinja_arguments a = {0};
    if (sw_jinja_is_namespace(node->callable)) return node->callable->function(run, node, &a, out);
    for (unsigned i = 0; i <= SW_JINJA_ARGUMENTS; i++) {
        a.given[i] = node->part[i] != NULL;
        if (a.given[i]) SW_TRY(sw_jinja_eval(run, node->part[i], &a.value[i]));
    }
    run->line = node->line;
    return node->callable->function(run, node, &a, out);
}

/* and, or: the operand that decides, itself. */
static sw_status eval_junction(sw_jinja_run *run, const sw_jinja_node *node, sw_jinja_value *out) {
    SW_TRY(sw_jinja_eval(run, node->part[0], out));
    if (sw_jinja_truth(out) == (node->kind == SW_JINJA_OR)) return SW_OK;
    return sw_jinja_eval(run, node->part[1], out);
}

static sw_status eval_choice(sw_jinja_run *run, const sw_jinja_node *node, sw_jinja_value *out) {
    sw_jinja_value condition;
    SW_TRY(sw_jinja_eval(run, node->part[1], &condition));
    const sw_jinja_node *chosen = node->part[sw_jinja_truth(&condition) ? 0 : 2];
    *out = SW_JINJA_NOTHING;
    return chosen ? sw_jinja_eval(run, chosen, out) : SW_OK;
}

static sw_status eval_part(sw_jinja_run *run, const sw_jinja_node *node, sw_jinja_value *out) {
    sw_jinja_value v, key;
    SW_TRY(sw_jinja_eval(run, node->part[0], &v));
    if (node->kind == SW_JINJA_NOT) {
        *out = sw_jinja_of_bool(!sw_jinja_truth(&v));
        return SW_OK;
    }
    if (node->kind == SW_JINJA_ATTRIBUTE) {
        run->line = node->line;
        return sw_jinja_attribute(run, &v, node->text, out);
    }
    SW_TRY(sw_jinja_eval(run, node->part[1], &key));
    run->line = node->line;
    if (node->kind == SW_JINJA_SUBSCRIPT) return sw_jinja_subscript(run, &v, &key, out);
    return sw_jinja_arithmetic(run, node->op, &v, &key, out);
}

sw_status sw_jinja_eval(sw_jinja_run *run, const sw_jinja_node *node, sw_jinja_value *out) {
    run->line = node->line;
    SW_TRY(sw_jinja_spend(run, 0));
    switch (node->kind) {
    case SW_JINJA_CONSTANT:
        *out = node->constant;
        return SW_OK;
    case SW_JINJA_VARIABLE:
        return sw_jinja_lookup(run, node->text, out);
    case SW_JINJA_MAKE_LIST:
    case SW_JINJA_MAKE_TUPLE:
        return eval_elements(run, node, out);
    case SW_JINJA_MAKE_DICT:
        return eval_dict(run, node, out);
    case SW_JINJA_AND:
    case SW_JINJA_OR:
        return eval_junction(run, node, out);
    case SW_JINJA_CHOOSE:
        return eval_choice(run, node, out);
    case SW_JINJA_COMPARE:
        return eval_compare(run, node, out);
    case SW_JINJA_NEGATE:
    case SW_JINJA_PLUS:
        return eval_sign(run, node, out);
    case SW_JINJA_CONCAT:
        return eval_concat(run, node, out);
    case SW_JINJA_SLICE:
        return eval_slice(run, node, out);
    case SW_JINJA_FILTER:
    case SW_JINJA_TEST:
    case SW_JINJA_METHOD:
    case SW_JINJA_CALL:
        return eval_call(run, node, out);
    default:
        return eval_part(run, node, out);
    }
}
