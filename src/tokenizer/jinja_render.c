/* SPDX-License-Identifier: Apache-2.0
 *
 * One rendering: statements in order, names in scopes, and the books on what it spends (TPL-003).
 *
 * A scope is one iteration of a loop, or a generation block; `if` makes none. A name is looked for
 * from the innermost scope outwards, then among what the caller gave, then among the functions.
 */
#include "tokenizer/jinja_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct binding binding;
struct binding {
    sw_bytes name;
    sw_jinja_value value;
    binding *next;
};
struct sw_jinja_scope {
    binding *bindings;
    sw_jinja_scope *outer;
};

sw_status sw_jinja_fail(const sw_jinja_run *run, const char *format, ...) {
    char text[220];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return sw_fail(run->err, SW_REFUSED, "template", "chat_template, line %u: %s",
                   (unsigned)run->line, text);
}

sw_status sw_jinja_spend(sw_jinja_run *run, size_t bytes) {
    enum { STEP_BYTES = 64 };
    run->steps += 1 + bytes / STEP_BYTES;
    if (run->steps <= SW_JINJA_STEP_LIMIT) return SW_OK;
    return sw_fail(run->err, SW_LIMIT, "limit", "chat_template, line %u: more than %zu steps",
                   (unsigned)run->line, SW_JINJA_STEP_LIMIT);
}

void *sw_jinja_alloc(sw_jinja_run *run, size_t count, size_t size) {
    return sw_arena_alloc(&run->arena, count, size);
}

sw_status sw_jinja_no_memory(sw_jinja_run *run) {
    return sw_fail(run->err, SW_LIMIT, "limit", "chat_template, line %u: more than %zu bytes",
                   (unsigned)run->line, SW_JINJA_MEMORY_LIMIT);
}

/* ---- scopes and names ---- */

static sw_status enter(sw_jinja_run *run) {
    sw_jinja_scope *scope = sw_jinja_alloc(run, 1, sizeof *scope);
    if (!scope) return sw_jinja_no_memory(run);
    scope->outer = run->scope;
    run->scope = scope;
    return SW_OK;
}

static void leave(sw_jinja_run *run) {
    run->scope = run->scope->outer;
}

static binding *bound(const sw_jinja_scope *scope, sw_bytes name) {
    for (binding *b = scope->bindings; b; b = b->next)
        if (sw_bytes_equal(b->name, name)) return b;
    return NULL;
}

static sw_status bind(sw_jinja_run *run, sw_bytes name, const sw_jinja_value *value) {
    binding *b = bound(run->scope, name);
    if (!b) {
        b = sw_jinja_alloc(run, 1, sizeof *b);
        if (!b) return sw_jinja_no_memory(run);
        *b = (binding){.name = name, .next = run->scope->bindings};
        run->scope->bindings = b;
    }
    b->value = *value;
    return SW_OK;
}

sw_status sw_jinja_lookup(sw_jinja_run *run, sw_bytes name, sw_jinja_value *out) {
    for (const sw_jinja_scope *scope = run->scope; scope; scope = scope->outer) {
        const binding *b = bound(scope, name);
        if (!b) continue;
        *out = b->value;
        return SW_OK;
    }
    *out = SW_JINJA_NOTHING;
    if (sw_jinja_global_find(name)) out->type = SW_JINJA_FUNCTION;
    return SW_OK;
}

/* ---- statements ---- */

static sw_status render_all(sw_jinja_run *run, const sw_jinja_node *node);

static sw_status put(sw_jinja_run *run, sw_bytes text) {
    SW_TRY(sw_jinja_spend(run, text.size));
    sw_put_bytes(&run->out, text);
    return sw_buffer_check(&run->out, "a conversation", run->err);
}

static sw_status render_if(sw_jinja_run *run, const sw_jinja_node *node) {
    for (const sw_jinja_node *branch = node->part[0]; branch; branch = branch->next) {
        sw_jinja_value condition = sw_jinja_of_bool(true);
        if (branch->part[0]) SW_TRY(sw_jinja_eval(run, branch->part[0], &condition));
        if (sw_jinja_truth(&condition)) return render_all(run, branch->part[1]);
    }
    return SW_OK;
}

static sw_status render_set_name(sw_jinja_run *run, const sw_jinja_node *node) {
    sw_jinja_value value, space;
    sw_bytes name = node->part[1]->text;
    SW_TRY(sw_jinja_eval(run, node->part[0], &value));
    SW_TRY(sw_jinja_lookup(run, node->text, &space));
    if (space.type != SW_JINJA_NAMESPACE)
        return sw_jinja_fail(run, "an attribute of what is no namespace is set");
    sw_jinja_namespace *n = space.names;
    while (n->next && !sw_bytes_equal(n->next->name, name)) n = n->next;
    if (!n->next) {
        n->next = sw_jinja_alloc(run, 1, sizeof *n);
        if (!n->next) return sw_jinja_no_memory(run);
        n->next->name = name;
    }
    n->next->value = value;
    return SW_OK;
}

static sw_status render_generation(sw_jinja_run *run, const sw_jinja_node *node) {
    size_t start = run->out.size;
    SW_TRY(enter(run));
    SW_TRY(render_all(run, node->part[0]));
    leave(run);
    if (!run->spans.spans) return SW_OK;
    if (run->spans.count == SW_JINJA_SPAN_LIMIT)
        return sw_fail(run->err, SW_LIMIT, "limit", "more than %zu generation blocks",
                       SW_JINJA_SPAN_LIMIT);
    run->spans.spans[run->spans.count++] = (sw_jinja_span){start, run->out.size};
    return SW_OK;
}

/* ---- for ---- */

static sw_status unpack(sw_jinja_run *run, const sw_jinja_node *targets,
                        const sw_jinja_value *item) {
    if (!targets->next) return bind(run, targets->text, item);
    const sw_jinja_value *parts;
    size_t count, at = 0;
    SW_TRY(sw_jinja_iterate(run, item, &parts, &count));
    for (const sw_jinja_node *t = targets; t; t = t->next, at++) {
        if (at >= count) break;
        SW_TRY(bind(run, t->text, &parts[at]));
        if (!t->next && at + 1 == count) return SW_OK;
    }
    return sw_jinja_fail(run, "an item does not have as many parts as there are names for");
}

/* The items that the condition lets through; `loop` is not known in it. */
static sw_status filtered(sw_jinja_run *run, const sw_jinja_node *node,
                          const sw_jinja_value **items, size_t *count) {
    sw_jinja_value *kept = sw_jinja_alloc(run, *count, sizeof *kept), holds;
    if (!kept) return sw_jinja_no_memory(run);
    size_t kept_count = 0;
    bool outer = run->in_condition;
    for (size_t i = 0; i < *count; i++) {
        SW_TRY(enter(run));
        run->in_condition = true;
        sw_jinja_value nothing = SW_JINJA_NOTHING;
        SW_TRY(bind(run, SW_LITERAL("loop"), &nothing));
        SW_TRY(unpack(run, node->part[0], &(*items)[i]));
        SW_TRY(sw_jinja_eval(run, node->part[2], &holds));
        run->in_condition = outer;
        leave(run);
        if (sw_jinja_truth(&holds)) kept[kept_count++] = (*items)[i];
    }
    *items = kept;
    *count = kept_count;
    return SW_OK;
}

static sw_status iterate(sw_jinja_run *run, const sw_jinja_node *node, sw_jinja_loop *loop) {
    sw_jinja_value value = {.type = SW_JINJA_LOOP, .loop = loop};
    if (++run->loops > SW_JINJA_LOOP_LIMIT)
        return sw_fail(run->err, SW_LIMIT, "limit",
                       "chat_template, line %u: more than %zu iterations", (unsigned)node->line,
                       SW_JINJA_LOOP_LIMIT);
    SW_TRY(enter(run));
    run->line = node->line;
    SW_TRY(bind(run, SW_LITERAL("loop"), &value));
    SW_TRY(unpack(run, node->part[0], &loop->items[loop->index]));
    SW_TRY(render_all(run, node->part[3]));
    leave(run);
    return SW_OK;
}

static sw_status render_for(sw_jinja_run *run, const sw_jinja_node *node) {
    sw_jinja_value over;
    sw_jinja_loop *loop = sw_jinja_alloc(run, 1, sizeof *loop);
    if (!loop) return sw_jinja_no_memory(run);
    SW_TRY(sw_jinja_eval(run, node->part[1], &over));
    SW_TRY(sw_jinja_iterate(run, &over, &loop->items, &loop->count));
    if (node->part[2]) SW_TRY(filtered(run, node, &loop->items, &loop->count));
    for (; loop->index < loop->count; loop->index++) SW_TRY(iterate(run, node, loop));
    if (loop->count || !node->part[4]) return SW_OK;
    SW_TRY(enter(run));
    SW_TRY(render_all(run, node->part[4]));
    leave(run);
    return SW_OK;
}

static sw_status render_one(sw_jinja_run *run, const sw_jinja_node *node) {
    sw_jinja_value value;
    sw_bytes text;
    run->line = node->line;
    SW_TRY(sw_jinja_spend(run, 0));
    switch (node->kind) {
    case SW_JINJA_S_TEXT:
        return put(run, node->text);
    case SW_JINJA_S_OUTPUT:
        SW_TRY(sw_jinja_eval(run, node->part[0], &value));
        SW_TRY(sw_jinja_str(run, &value, &text));
        return put(run, text);
    case SW_JINJA_S_IF:
        return render_if(run, node);
    case SW_JINJA_S_FOR:
        return render_for(run, node);
    case SW_JINJA_S_SET:
        SW_TRY(sw_jinja_eval(run, node->part[0], &value));
        return bind(run, node->text, &value);
    case SW_JINJA_S_SET_NAME:
        return render_set_name(run, node);
    case SW_JINJA_S_GENERATION:
        return render_generation(run, node);
    default:
        return sw_fail(run->err, SW_INTERNAL, "internal", "a node that is no statement");
    }
}

static sw_status render_all(sw_jinja_run *run, const sw_jinja_node *node) {
    for (; node; node = node->next) SW_TRY(render_one(run, node));
    return SW_OK;
}

/* ---- what the caller gives ---- */

/* Null members count as absent, as transformers 5 has it. */
static sw_status drop_nulls(sw_jinja_run *run, const sw_jinja_value *messages) {
    for (size_t i = 0; i < messages->count; i++) {
        sw_jinja_value *m = (sw_jinja_value *)(uintptr_t)&messages->items[i];
        size_t kept = 0;
        if (m->type != SW_JINJA_DICT)
            return sw_fail(run->err, SW_MALFORMED, "rows", "a message is no object");
        sw_jinja_entry *entries = (sw_jinja_entry *)(uintptr_t)m->entries;
        for (size_t j = 0; j < m->count; j++)
            if (entries[j].value.type != SW_JINJA_NONE) entries[kept++] = entries[j];
        m->count = kept;
    }
    return SW_OK;
}

static sw_status bind_input(sw_jinja_run *run, const sw_jinja_input *input) {
    sw_jinja_value messages, tools = {.type = SW_JINJA_NONE}, documents = tools;
    sw_jinja_value prompt = sw_jinja_of_bool(input->add_generation_prompt);
    if (input->messages->type != SW_JSON_ARRAY ||
        (input->tools && input->tools->type != SW_JSON_ARRAY))
        return sw_fail(run->err, SW_MALFORMED, "rows", "messages and tools must be lists");
    SW_TRY(sw_jinja_of_json(run, input->messages, 0, &messages));
    SW_TRY(drop_nulls(run, &messages));
    if (input->tools) SW_TRY(sw_jinja_of_json(run, input->tools, 0, &tools));
    SW_TRY(bind(run, SW_LITERAL("messages"), &messages));
    SW_TRY(bind(run, SW_LITERAL("tools"), &tools));
    SW_TRY(bind(run, SW_LITERAL("documents"), &documents));
    SW_TRY(bind(run, SW_LITERAL("add_generation_prompt"), &prompt));
    const struct {
        sw_bytes name, text;
    } tokens[] = {{SW_LITERAL("bos_token"), input->bos_token},
                  {SW_LITERAL("eos_token"), input->eos_token}};
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        sw_jinja_value text = sw_jinja_of_text(tokens[i].text);
        if (tokens[i].text.data) SW_TRY(bind(run, tokens[i].name, &text));
    }
    return SW_OK;
}

static sw_status render(sw_jinja_run *run, const sw_jinja *t, const sw_jinja_input *input,
                        sw_buffer *out, sw_arena *arena, sw_jinja_spans *spans) {
    SW_TRY(enter(run));
    if (spans) {
        run->spans.spans = SW_ARENA_NEW(arena, sw_jinja_span, SW_JINJA_SPAN_LIMIT);
        if (!run->spans.spans) return sw_fail(run->err, SW_MEMORY, "memory", "no memory for spans");
    }
    SW_TRY(bind_input(run, input));
    SW_TRY(render_all(run, t->body));
    if (run->out.size > out->limit - out->size)
        return sw_fail(run->err, SW_LIMIT, "limit", "a conversation is longer than its limit");
    sw_put_bytes(out, sw_buffer_bytes(&run->out));
    SW_TRY(sw_buffer_check(out, "a conversation", run->err));
    if (spans) *spans = run->spans;
    return SW_OK;
}

sw_status sw_jinja_render(const sw_jinja *t, const sw_jinja_input *input, sw_buffer *out,
                          sw_arena *arena, sw_jinja_spans *spans, sw_error *err) {
    sw_jinja_run run = {.input = input,
                        .arena = {.limit_bytes = SW_JINJA_MEMORY_LIMIT},
                        .out = SW_BUFFER(SW_JINJA_OUTPUT_LIMIT),
                        .line = 1,
                        .err = err};
    sw_status status = render(&run, t, input, out, arena, spans);
    sw_buffer_free(&run.out);
    sw_arena_free(&run.arena);
    return status;
}
