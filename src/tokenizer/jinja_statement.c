/* SPDX-License-Identifier: Apache-2.0
 *
 * Statements: text, {{ }}, if, for, set and generation (TPL-021). Any other word in a block is
 * refused by name.
 */
#include "tokenizer/jinja_internal.h"

#include <stdlib.h>

static bool is_word(const sw_jinja_parser *p, const char *text) {
    return sw_jinja_is(p, SW_JINJA_NAME, text);
}

static bool end_block(sw_jinja_parser *p) {
    return sw_jinja_expect(p, SW_JINJA_BLOCK_END, NULL);
}

/* At a word that ends or divides a block, which stays for the caller. */
static bool at_divider(const sw_jinja_parser *p) {
    static const char *const words[] = {"elif", "else", "endif", "endfor", "endgeneration"};
    if (p->token->kind != SW_JINJA_BLOCK_BEGIN || p->token[1].kind != SW_JINJA_NAME) return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (sw_bytes_is(p->token[1].text, words[i])) return true;
    return false;
}

static bool statement(sw_jinja_parser *p, sw_jinja_node **out);

static bool body(sw_jinja_parser *p, sw_jinja_node **out) {
    sw_jinja_node **place = out;
    while (p->token->kind != SW_JINJA_END && !at_divider(p)) {
        if (!statement(p, place)) return false;
        while (*place) place = &(*place)->next;
    }
    return true;
}

/* A body, and the block that ends it when that is `word`. */
static bool body_until(sw_jinja_parser *p, sw_jinja_node **out, const char *word) {
    return body(p, out) && sw_jinja_expect(p, SW_JINJA_BLOCK_BEGIN, word) &&
           sw_jinja_expect(p, SW_JINJA_NAME, word) && end_block(p);
}

/* A name that a template may bind. */
static bool target(sw_jinja_parser *p, sw_bytes *out) {
    static const char *const taken[] = {"loop", "true", "false", "none", "True", "False",
                                        "None", "not",  "and",   "or",   "in",   "is",
                                        "if",   "else", "self",  "super"};
    sw_bytes name = p->token->text;
    if (!sw_jinja_expect(p, SW_JINJA_NAME, NULL)) return false;
    bool free_name = !sw_jinja_global_find(name);
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (sw_bytes_is(name, taken[i])) free_name = false;
    *out = name;
    if (free_name) return true;
    (void)sw_jinja_refuse(p, SW_REFUSED, "a name that cannot be given another meaning");
    return false;
}

static bool parse_set(sw_jinja_parser *p, sw_jinja_node **out) {
    sw_jinja_node *set = *out = sw_jinja_node_new(p, SW_JINJA_S_SET);
    if (!set || !target(p, &set->text)) return false;
    if (sw_jinja_skip(p, SW_JINJA_OPERATOR, ".")) {
        sw_jinja_node *name = sw_jinja_node_new(p, SW_JINJA_VARIABLE);
        if (!name) return false;
        set->kind = SW_JINJA_S_SET_NAME;
        set->part[1] = name;
        name->text = p->token->text;
        if (!sw_jinja_expect(p, SW_JINJA_NAME, NULL)) return false;
        if (name->text.data[0] == '_')
            return sw_jinja_refuse(p, SW_REFUSED, "a namespace takes no name that begins with _");
    }
    if (!sw_jinja_skip(p, SW_JINJA_OPERATOR, "="))
        return sw_jinja_refuse(p, SW_REFUSED, "set without = is not known here");
    set->part[0] = sw_jinja_expression(p, true);
    return set->part[0] && end_block(p);
}

/* The branches of an if, the word itself taken. */
static bool parse_if(sw_jinja_parser *p, sw_jinja_node **out) {
    sw_jinja_node *node = *out = sw_jinja_node_new(p, SW_JINJA_S_IF);
    if (!node) return false;
    sw_jinja_node **place = &node->part[0];
    bool has_else = false;
    for (;;) {
        sw_jinja_node *branch = *place = sw_jinja_node_new(p, SW_JINJA_BRANCH);
        if (!branch) return false;
        if (!has_else && !(branch->part[0] = sw_jinja_expression(p, false))) return false;
        if (!end_block(p) || !body(p, &branch->part[1])) return false;
        if (!sw_jinja_expect(p, SW_JINJA_BLOCK_BEGIN, "endif")) return false;
        if (sw_jinja_skip(p, SW_JINJA_NAME, "endif")) return end_block(p);
        if (!has_else && sw_jinja_skip(p, SW_JINJA_NAME, "else"))
            has_else = true;
        else if (has_else || !sw_jinja_skip(p, SW_JINJA_NAME, "elif"))
            return sw_jinja_expect(p, SW_JINJA_NAME, "endif");
        place = &branch->next;
    }
}

static bool targets(sw_jinja_parser *p, sw_jinja_node *loop) {
    sw_jinja_node **place = &loop->part[0];
    do {
        *place = sw_jinja_node_new(p, SW_JINJA_VARIABLE);
        if (!*place || !target(p, &(*place)->text)) return false;
        place = &(*place)->next;
    } while (sw_jinja_skip(p, SW_JINJA_OPERATOR, ","));
    return true;
}

static bool parse_for(sw_jinja_parser *p, sw_jinja_node **out) {
    sw_jinja_node *loop = *out = sw_jinja_node_new(p, SW_JINJA_S_FOR);
    if (!loop || !targets(p, loop) || !sw_jinja_expect(p, SW_JINJA_NAME, "in")) return false;
    loop->part[1] = sw_jinja_expression(p, false);
    if (!loop->part[1]) return false;
    if (sw_jinja_skip(p, SW_JINJA_NAME, "if") && !(loop->part[2] = sw_jinja_expression(p, true)))
        return false;
    if (is_word(p, "recursive"))
        return sw_jinja_refuse(p, SW_REFUSED, "recursive loops are not known here");
    if (!end_block(p) || !body(p, &loop->part[3])) return false;
    if (p->token->kind == SW_JINJA_BLOCK_BEGIN && sw_bytes_is(p->token[1].text, "else")) {
        p->token += 2;
        if (!end_block(p) || !body(p, &loop->part[4])) return false;
    }
    return sw_jinja_expect(p, SW_JINJA_BLOCK_BEGIN, "endfor") &&
           sw_jinja_expect(p, SW_JINJA_NAME, "endfor") && end_block(p);
}

/* Spans do not nest: in transformers the inner one would begin at the wrong place. */
static bool parse_generation(sw_jinja_parser *p, sw_jinja_node **out) {
    if (p->generation) return sw_jinja_refuse(p, SW_REFUSED, "a generation block inside another");
    sw_jinja_node *node = *out = sw_jinja_node_new(p, SW_JINJA_S_GENERATION);
    p->generation = true;
    bool good = node && end_block(p) && body_until(p, &node->part[0], "endgeneration");
    p->generation = false;
    return good;
}

static bool block(sw_jinja_parser *p, sw_jinja_node **out) {
    static const struct {
        const char *word;
        bool (*parse)(sw_jinja_parser *, sw_jinja_node **);
    } known[] = {
        {"set", parse_set}, {"if", parse_if}, {"for", parse_for}, {"generation", parse_generation}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (sw_jinja_skip(p, SW_JINJA_NAME, known[i].word)) return known[i].parse(p, out);
    if (p->token->kind != SW_JINJA_NAME) return sw_jinja_expect(p, SW_JINJA_NAME, NULL);
    return sw_jinja_refuse(p, SW_REFUSED, "the statement %.*s is not known here",
                           p->token->text.size > 40 ? 40 : (int)p->token->text.size,
                           (const char *)p->token->text.data);
}

static bool statement(sw_jinja_parser *p, sw_jinja_node **out) {
    if (!sw_jinja_deepen(p)) return false;
    bool good = false;
    if (p->token->kind == SW_JINJA_TEXT) {
        *out = sw_jinja_node_new(p, SW_JINJA_S_TEXT);
        good = *out != NULL;
        if (good) (*out)->text = p->token++->text;
    } else if (sw_jinja_skip(p, SW_JINJA_OUTPUT_BEGIN, NULL)) {
        *out = sw_jinja_node_new(p, SW_JINJA_S_OUTPUT);
        good = *out && ((*out)->part[0] = sw_jinja_expression(p, true)) &&
               sw_jinja_expect(p, SW_JINJA_OUTPUT_END, NULL);
    } else {
        p->token++; /* a block begins: the lexer ends every tag before it begins another */
        good = block(p, out);
    }
    p->depth--;
    return good;
}

static sw_status parse_all(sw_jinja_parser *p, sw_jinja_node **out) {
    if (!body(p, out)) return p->status;
    if (p->token->kind == SW_JINJA_END) return SW_OK;
    p->token++;
    (void)sw_jinja_refuse(p, SW_MALFORMED, "%.*s ends nothing", (int)p->token->text.size,
                          (const char *)p->token->text.data);
    return p->status;
}

static sw_jinja_needs needs_of(const sw_jinja_token *token) {
    sw_jinja_needs needs = {0};
    for (; token->kind != SW_JINJA_END; token++) {
        bool begins = token->kind == SW_JINJA_BLOCK_BEGIN && token[1].kind == SW_JINJA_NAME;
        needs.generation |= begins && sw_bytes_is(token[1].text, "generation");
        if (token->kind != SW_JINJA_NAME) continue;
        bool called = token[1].kind == SW_JINJA_OPERATOR && sw_bytes_is(token[1].text, "(");
        needs.date |= called && sw_bytes_is(token->text, "strftime_now");
        needs.bos_token |= sw_bytes_is(token->text, "bos_token");
        needs.eos_token |= sw_bytes_is(token->text, "eos_token");
    }
    return needs;
}

sw_jinja_needs sw_jinja_needs_of(const sw_jinja *t) {
    return t->needs;
}

sw_status sw_jinja_parse(sw_bytes text, sw_jinja **out, sw_error *err) {
    sw_jinja *t = calloc(1, sizeof *t);
    if (!t) return sw_fail(err, SW_MEMORY, "memory", "no memory for a template");
    sw_jinja_parser p = {.arena = &t->arena, .err = err};
    sw_status status = sw_jinja_lex(&t->arena, text, &p.token, err);
    if (status == SW_OK) t->needs = needs_of(p.token);
    if (status == SW_OK) status = parse_all(&p, &t->body);
    if (status == SW_OK)
        *out = t;
    else
        sw_jinja_free(&t);
    return status;
}

void sw_jinja_free(sw_jinja **t) {
    if (!*t) return;
    sw_arena_free(&(*t)->arena);
    free(*t);
    *t = NULL;
}
