/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of turns: through a named template turn by turn, or through the base model's own, which is
 * interpreted (docs/formats/training.md, ROW-002, ROW-004, ROW-011 to ROW-013, ROW-040 to
 * ROW-045).
 */
#include "train/rows_internal.h"
#include <string.h>

#define TURN_LIMIT 4096

size_t sw_row_common_prefix(sw_tokens a, sw_tokens b) {
    size_t i = 0;
    while (i < a.count && i < b.count && a.ids[i] == b.ids[i]) i++;
    return i;
}

/* ---- named templates ---- */

static sw_status encode_turns(sw_row_decoder *d, sw_template chat, const sw_chat_turn *turns,
                              size_t count, bool generation, sw_tokens *out, sw_error *err) {
    sw_buffer_reset(&d->text);
    SW_TRY(sw_template_render(chat, turns, count, generation, &d->text, err));
    SW_TRY(sw_buffer_check(&d->text, "the row's text", err));
    return sw_tokenizer_encode(d->tokenizer, sw_buffer_bytes(&d->text), false, out, err);
}

static sw_status check_count(const sw_json *list, const char *name, size_t before, sw_error *err) {
    if (list->count > 0 && list->count <= TURN_LIMIT - before) return SW_OK;
    return sw_fail(err, SW_MALFORMED, "rows", "%s has no turns, or more than %d", name, TURN_LIMIT);
}

/* Turns of one list, appended. */
static sw_status read_turns(const sw_json *list, const char *name, sw_chat_turn *out, size_t *count,
                            sw_error *err) {
    SW_TRY(check_count(list, name, *count, err));
    for (const sw_json *turn = list->first; turn; turn = turn->next) {
        sw_chat_turn *t = &out[(*count)++];
        SW_TRY(sw_json_text(turn, name, "role", &t->role, err));
        SW_TRY(sw_json_text(turn, name, "content", &t->content, err));
    }
    return SW_OK;
}

/* Appends one turn's tokens to turn_ids, and to `said` which of them the assistant says: from
 * behind its header to the line feed behind <|im_end|> (ROW-041). */
static sw_status mark_turn(sw_row_decoder *d, sw_template chat, const sw_chat_turn *turn,
                           sw_error *err) {
    size_t first = d->turn_ids.count, header = 0;
    SW_TRY(encode_turns(d, chat, turn, 1, false, &d->turn_ids, err));
    bool says = sw_bytes_is(turn->role, "assistant");
    if (says) {
        size_t behind = turn->content.size + strlen("<|im_end|>\n");
        d->header_ids.count = 0;
        SW_TRY(sw_tokenizer_encode(d->tokenizer, SW_BYTES(d->text.data, d->text.size - behind),
                                   false, &d->header_ids, err));
        sw_tokens added = {.ids = d->turn_ids.ids + first, .count = d->turn_ids.count - first};
        header = sw_row_common_prefix(d->header_ids, added);
    }
    for (size_t i = first; i < d->turn_ids.count; i++)
        sw_put_u8(&d->said, says && i >= first + header);
    return sw_buffer_check(&d->said, "the row's targets", err);
}

/* Turn by turn, and the turns' tokens must be those of the row. */
static sw_status mark_turns(sw_row_decoder *d, const sw_chat_turn *turns, size_t count,
                            sw_error *err) {
    bool says = false;
    if (!d->settings->assistant_only_loss) return SW_OK;
    for (size_t i = 0; i < count; i++) {
        SW_TRY(mark_turn(d, i ? SW_TEMPLATE_CHATML : d->chat->named, &turns[i], err));
        says |= sw_bytes_is(turns[i].role, "assistant");
    }
    if (!says)
        return sw_fail(err, SW_MALFORMED, "rows",
                       "assistant_only_loss, and the row has no turn of the assistant");
    if (d->turn_ids.count == d->ids.count &&
        sw_row_common_prefix(d->turn_ids, d->ids) == d->ids.count)
        return SW_OK;
    return sw_fail(err, SW_REFUSED, "model",
                   "assistant_only_loss needs a tokenizer that joins no text across turns");
}

static sw_status decode_named(sw_row_decoder *d, const sw_json *prompt, const sw_json *rest,
                              const char *name, sw_error *err) {
    sw_chat_turn *turns = SW_ARENA_NEW(&d->arena, sw_chat_turn, TURN_LIMIT);
    if (!turns) return sw_fail(err, SW_MEMORY, "memory", "no memory for the turns");
    size_t count = 0;
    if (prompt) {
        SW_TRY(read_turns(prompt, "prompt", turns, &count, err));
        SW_TRY(encode_turns(d, d->chat->named, turns, count, true, &d->prompt_ids, err));
    }
    SW_TRY(read_turns(rest, name, turns, &count, err));
    SW_TRY(encode_turns(d, d->chat->named, turns, count, false, &d->ids, err));
    return mark_turns(d, turns, count, err);
}

/* ---- the base model's own template ---- */

/* What a turn holds beside its role is the template's business (ROW-011). */
static sw_status check_turns(const sw_json *list, const char *name, size_t before, sw_error *err) {
    sw_bytes role;
    SW_TRY(check_count(list, name, before, err));
    for (const sw_json *turn = list->first; turn; turn = turn->next)
        SW_TRY(sw_json_text(turn, name, "role", &role, err));
    return SW_OK;
}

/* ROW-012: the row's tools, as a list or as JSON text of one; NULL for none. */
static sw_status read_tools(sw_row_decoder *d, const sw_json *row, const sw_json **out,
                            sw_error *err) {
    const sw_json *tools = sw_json_member(row, "tools");
    const sw_json *more = sw_json_member(row, "chat_template_kwargs");
    sw_json *parsed = NULL;
    *out = NULL;
    if (more && more->type != SW_JSON_NULL && (more->type != SW_JSON_OBJECT || more->count))
        return sw_fail(err, SW_MALFORMED, "rows", "chat_template_kwargs of a row are not read");
    if (!tools || tools->type == SW_JSON_NULL) return SW_OK;
    if (tools->type == SW_JSON_STRING) {
        sw_status status = sw_json_parse(&d->arena, tools->text, NULL, &parsed, err);
        if (status != SW_OK) sw_error_prefix(err, "tools");
        SW_TRY(status);
        tools = parsed;
    }
    if (tools->type == SW_JSON_NULL) return SW_OK;
    if (tools->type != SW_JSON_ARRAY)
        return sw_fail(err, SW_MALFORMED, "rows", "tools must be a list, or JSON text of one");
    if (d->chat->tool_use)
        return sw_fail(err, SW_REFUSED, "model",
                       "the row has tools, and tokenizer_config.json lists a chat_template of the "
                       "name tool_use, which is not read");
    *out = tools;
    return SW_OK;
}

/* Both lists as one; the turns are shared. */
static sw_status join(sw_row_decoder *d, const sw_json *prompt, const sw_json *rest,
                      const sw_json **out, sw_error *err) {
    *out = rest;
    if (!prompt) return SW_OK;
    sw_json *list = SW_ARENA_NEW(&d->arena, sw_json, 1);
    sw_json *turns = SW_ARENA_NEW(&d->arena, sw_json, prompt->count);
    if (!list || !turns) return sw_fail(err, SW_MEMORY, "memory", "no memory for the turns");
    size_t i = 0;
    for (const sw_json *turn = prompt->first; turn; turn = turn->next, i++) {
        turns[i] = *turn;
        turns[i].next = turn->next ? &turns[i + 1] : rest->first;
    }
    *list = *rest;
    list->first = turns;
    list->count = prompt->count + rest->count;
    *out = list;
    return SW_OK;
}

static sw_status render(sw_row_decoder *d, const sw_json *messages, const sw_json *tools,
                        bool generation, sw_jinja_spans *spans, sw_error *err) {
    const sw_jinja_input input = {.messages = messages,
                                  .tools = tools,
                                  .add_generation_prompt = generation,
                                  .bos_token = d->chat->bos_token,
                                  .eos_token = d->chat->eos_token,
                                  .date = sw_text(d->chat->date)};
    sw_buffer_reset(&d->text);
    SW_TRY(sw_jinja_render(d->chat->own, &input, &d->text, &d->arena, spans, err));
    return sw_buffer_check(&d->text, "the row's text", err);
}

/* The first and the last character of a span, the one behind that ends where it begins for an empty
 * one: in the order of the text. False where no character stands before an empty span. */
static bool ask_span(sw_bytes text, sw_jinja_span span, sw_place ask[2]) {
    size_t last = span.end;
    if (span.end == 0) return false;
    do last--;
    while (last > 0 && (text.data[last] & 0xc0) == 0x80);
    bool empty = span.start == span.end;
    ask[empty] = (sw_place){.at = span.start};
    ask[!empty] = (sw_place){.at = last};
    return true;
}

/* ROW-045: as transformers turns spans into a mask, whose offsets know no token 0 as an end. */
static void mark_span(sw_row_decoder *d, size_t start, size_t last) {
    size_t stop = last == 0 || last == SIZE_MAX ? d->ids.count : last + 1;
    for (size_t i = start; i < stop; i++) d->said.data[i] = 1;
}

static sw_status mark_spans(sw_row_decoder *d, const sw_jinja_spans *spans, sw_error *err) {
    sw_bytes text = sw_buffer_bytes(&d->text);
    sw_place *ask = SW_ARENA_NEW(&d->arena, sw_place, 2 * spans->count + 1);
    if (!ask) return sw_fail(err, SW_MEMORY, "memory", "no memory for the row's targets");
    for (size_t i = 0; i < spans->count; i++)
        if (!ask_span(text, spans->spans[i], &ask[2 * i]))
            return sw_fail(err, SW_REFUSED, "template",
                           "the template marks nothing, at the beginning of the text");
    SW_TRY(sw_tokenizer_locate(d->tokenizer, text, ask, 2 * spans->count, &d->ids, err));
    uint8_t *said = sw_put_space(&d->said, d->ids.count);
    SW_TRY(sw_buffer_check(&d->said, "the row's targets", err));
    if (d->ids.count) memset(said, 0, d->ids.count);
    for (size_t i = 0; i < spans->count; i++) {
        bool empty = spans->spans[i].start == spans->spans[i].end;
        size_t start = ask[2 * i + empty].token, last = ask[2 * i + !empty].token;
        if (start == SIZE_MAX) break; /* there transformers marks no more */
        mark_span(d, start, last);
    }
    if (d->ids.count && memchr(d->said.data, 1, d->said.size)) return SW_OK;
    return sw_fail(err, SW_MALFORMED, "rows",
                   "assistant_only_loss, and the template marks nothing of the row as said by the "
                   "assistant");
}

static sw_status decode_own(sw_row_decoder *d, const sw_json *row, const sw_json *prompt,
                            const sw_json *rest, const char *name, sw_error *err) {
    const sw_json *tools, *whole;
    sw_jinja_spans spans = {0};
    bool marks = d->settings->assistant_only_loss;
    SW_CHECK(err, d->chat->own != NULL);
    SW_TRY(read_tools(d, row, &tools, err));
    if (prompt) {
        SW_TRY(check_turns(prompt, "prompt", 0, err));
        SW_TRY(render(d, prompt, tools, true, NULL, err));
        SW_TRY(sw_tokenizer_encode(d->tokenizer, sw_buffer_bytes(&d->text), false, &d->prompt_ids,
                                   err));
    }
    SW_TRY(check_turns(rest, name, prompt ? prompt->count : 0, err));
    SW_TRY(join(d, prompt, rest, &whole, err));
    SW_TRY(render(d, whole, tools, false, marks ? &spans : NULL, err));
    if (marks) return mark_spans(d, &spans, err);
    return sw_tokenizer_encode(d->tokenizer, sw_buffer_bytes(&d->text), false, &d->ids, err);
}

sw_status sw_row_decode_turns(sw_row_decoder *d, const sw_json *row, const sw_json *prompt,
                              const sw_json *rest, const char *name, sw_error *err) {
    if (d->settings->chat == SW_CHAT_NONE)
        return sw_fail(err, SW_REFUSED, "rows", "rows of turns, and the recipe's template is none");
    if (d->settings->chat == SW_CHAT_MODEL) return decode_own(d, row, prompt, rest, name, err);
    return decode_named(d, prompt, rest, name, err);
}
