/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows from JSONL, by TRL's rules (docs/formats/training.md, ROW-001 to ROW-008, ROW-040 to
 * ROW-043).
 *
 * A row is tokenised into lists of its own and appended only when it is whole, so a refused line
 * leaves nothing. No message quotes a row: it names the row's number and the member.
 */
#include "train/rows_internal.h"
#include <stdlib.h>
#include <string.h>

#define TEXT_LIMIT   ((size_t)64 << 20)
#define FIRST_ROWS   256
#define FIRST_TOKENS 65536

void sw_rows_free(sw_rows *r) {
    if (r->ids) sw_wipe(r->ids, r->token_capacity * sizeof *r->ids);
    if (r->target) sw_wipe(r->target, r->token_capacity);
    if (r->ends) sw_wipe(r->ends, r->row_capacity * sizeof *r->ends);
    free(r->ids);
    free(r->target);
    free(r->ends);
    *r = (sw_rows){0};
}

/* A larger copy; the old one is wiped. */
static void *grown(void *old, size_t count, size_t capacity, size_t size) {
    void *out = reallocarray(NULL, capacity, size);
    if (!out) return NULL;
    if (count) memcpy(out, old, count * size);
    return out;
}

static void replace(void **held, void *with, size_t bytes) {
    if (*held) sw_wipe(*held, bytes);
    free(*held);
    *held = with;
}

static bool reserve_tokens(sw_rows *r, size_t more) {
    if (r->token_capacity - r->token_count >= more) return true;
    size_t capacity = r->token_capacity ? r->token_capacity : FIRST_TOKENS;
    while (capacity - r->token_count < more) {
        if (!sw_mul_size(capacity, 2, &capacity)) return false;
    }
    void *ids = grown(r->ids, r->token_count, capacity, sizeof *r->ids);
    void *target = grown(r->target, r->token_count, capacity, sizeof *r->target);
    if (!ids || !target) {
        free(ids);
        free(target);
        return false;
    }
    replace((void **)&r->ids, ids, r->token_capacity * sizeof *r->ids);
    replace((void **)&r->target, target, r->token_capacity);
    r->token_capacity = capacity;
    return true;
}

static bool reserve_row(sw_rows *r) {
    if (r->count < r->row_capacity) return true;
    size_t capacity = r->row_capacity ? 2 * r->row_capacity : FIRST_ROWS;
    void *ends = grown(r->ends, r->count, capacity, sizeof *r->ends);
    if (!ends) return false;
    replace((void **)&r->ends, ends, r->row_capacity * sizeof *r->ends);
    r->row_capacity = capacity;
    return true;
}

static void decoder_free(sw_row_decoder *d) {
    sw_buffer_free(&d->eos);
    sw_buffer_free(&d->text);
    sw_buffer_free(&d->said);
    sw_tokens_free(&d->ids);
    sw_tokens_free(&d->prompt_ids);
    sw_tokens_free(&d->turn_ids);
    sw_tokens_free(&d->header_ids);
    sw_arena_free(&d->arena);
}

static bool ends_with(sw_bytes text, sw_bytes end) {
    return text.size >= end.size &&
           memcmp(text.data + text.size - end.size, end.data, end.size) == 0;
}

/* ROW-040 */
static sw_status check_plain(const sw_row_decoder *d, sw_error *err) {
    if (!d->settings->assistant_only_loss) return SW_OK;
    return sw_fail(err, SW_MALFORMED, "rows", "assistant_only_loss, and the row has no turns");
}

/* text = prompt + body + EOS unless body ends with it; as tokens. */
static sw_status encode_plain(sw_row_decoder *d, sw_bytes prompt, sw_bytes body, sw_error *err) {
    sw_bytes eos = sw_buffer_bytes(&d->eos);
    sw_put_bytes(&d->text, prompt);
    sw_put_bytes(&d->text, body);
    if (!eos.size) return sw_fail(err, SW_REFUSED, "model", "%s", d->missing_end);
    if (!ends_with(body, eos)) sw_put_bytes(&d->text, eos);
    SW_TRY(sw_buffer_check(&d->text, "the row's text", err));
    return sw_tokenizer_encode(d->tokenizer, sw_buffer_bytes(&d->text), true, &d->ids, err);
}

static sw_status decode_pair(sw_row_decoder *d, const sw_json *row, const sw_json *prompt,
                             const sw_json *completion, sw_error *err) {
    if (prompt->type != completion->type ||
        (prompt->type != SW_JSON_STRING && prompt->type != SW_JSON_ARRAY)) {
        return sw_fail(err, SW_MALFORMED, "rows",
                       "prompt and completion must both be text, or both lists of turns");
    }
    if (prompt->type == SW_JSON_STRING) {
        SW_TRY(check_plain(d, err));
        SW_TRY(sw_tokenizer_encode(d->tokenizer, prompt->text, true, &d->prompt_ids, err));
        SW_TRY(encode_plain(d, prompt->text, completion->text, err));
    } else {
        SW_TRY(sw_row_decode_turns(d, row, prompt, completion, "completion", err));
    }
    if (d->settings->completion_only_loss) /* ROW-005 */
        d->masked = sw_row_common_prefix(d->prompt_ids, d->ids);
    return SW_OK;
}

static sw_status decode_messages(sw_row_decoder *d, const sw_json *row, const sw_json *messages,
                                 sw_error *err) {
    if (messages->type != SW_JSON_ARRAY) {
        return sw_fail(err, SW_MALFORMED, "rows", "messages must be a list of turns");
    }
    return sw_row_decode_turns(d, row, NULL, messages, "messages", err);
}

/* As some systems write text: UTF-8 or UTF-16 behind a byte order mark. */
static bool has_order_mark(sw_bytes line) {
    return (line.size >= 3 && memcmp(line.data, "\xef\xbb\xbf", 3) == 0) ||
           (line.size >= 2 &&
            (memcmp(line.data, "\xff\xfe", 2) == 0 || memcmp(line.data, "\xfe\xff", 2) == 0));
}

static sw_status decode_line(sw_row_decoder *d, sw_bytes line, sw_error *err) {
    sw_json *row;
    sw_status status = sw_json_parse(&d->arena, line, NULL, &row, err);
    if (status != SW_OK && has_order_mark(line))
        sw_error_hint(err, "write the file as UTF-8 without a byte order mark");
    SW_TRY(status);
    if (row->type != SW_JSON_OBJECT) {
        return sw_fail(err, SW_MALFORMED, "rows", "a line must be a JSON object");
    }
    const sw_json *prompt = sw_json_member(row, "prompt"), *text = sw_json_member(row, "text");
    const sw_json *completion = sw_json_member(row, "completion");
    const sw_json *messages = sw_json_member(row, "messages");
    if ((prompt != NULL) != (completion != NULL) ||
        (prompt != NULL) + (text != NULL) + (messages != NULL) != 1) {
        return sw_fail(err, SW_MALFORMED, "rows",
                       "a row holds prompt and completion, or messages, or text");
    }
    if (d->settings->phase == SW_PHASE_CPT && !text) {
        return sw_fail(err, SW_MALFORMED, "rows", "phase cpt reads rows of text alone");
    }
    if (prompt) return decode_pair(d, row, prompt, completion, err);
    if (messages) return decode_messages(d, row, messages, err);
    if (text->type != SW_JSON_STRING) {
        return sw_fail(err, SW_MALFORMED, "rows", "text must be a string");
    }
    SW_TRY(check_plain(d, err));
    return encode_plain(d, (sw_bytes){0}, text->text, err);
}

static bool is_marked(const sw_row_decoder *d, size_t i) {
    return i >= d->masked && (!d->settings->assistant_only_loss || d->said.data[i]);
}

/* The first token of a row follows another row's last one where rows are wrapped, so with packing
 * it may be a target (ROW-031). */
static bool is_target(const sw_row_decoder *d, size_t i) {
    return (i > 0 || d->settings->packing) && is_marked(d, i);
}

/* Whether the first `count` tokens make a row: as in TRL the first one's mark counts here, though
 * it is no target (ROW-007), and what fills a packed sequence decides how the others lie. */
static bool is_row(const sw_row_decoder *d, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (d->settings->packing || is_marked(d, i)) return true;
    return false;
}

static sw_status append(sw_rows *r, const sw_row_decoder *d, bool *kept, sw_error *err) {
    const sw_training *t = d->settings;
    size_t count = d->ids.count;
    if (sw_training_cuts(t) && count > t->max_length) count = t->max_length;
    *kept = is_row(d, count);
    if (!*kept) return SW_OK;
    if (!reserve_tokens(r, count) || !reserve_row(r)) {
        return sw_fail(err, SW_MEMORY, "memory", "no memory for the rows");
    }
    memcpy(r->ids + r->token_count, d->ids.ids, count * sizeof *r->ids);
    for (size_t i = 0; i < count; i++) r->target[r->token_count + i] = is_target(d, i);
    r->token_count += count;
    r->ends[r->count++] = r->token_count;
    return SW_OK;
}

sw_status sw_rows_append(sw_rows *r, sw_tokenizer *t, const sw_row_template *chat, sw_row_end end,
                         const sw_training *settings, sw_bytes line, size_t row_number, bool *kept,
                         sw_error *err) {
    sw_row_decoder d = {.tokenizer = t,
                        .chat = chat,
                        .settings = settings,
                        .missing_end = end.missing,
                        .eos = SW_BUFFER(4096),
                        .text = SW_BUFFER(TEXT_LIMIT),
                        .said = SW_BUFFER(TEXT_LIMIT)};
    bool whole = false;
    sw_status status = sw_tokenizer_decode(t, &end.id, 1, false, &d.eos, err);
    if (status == SW_OK) status = decode_line(&d, line, err);
    if (status == SW_OK) status = append(r, &d, &whole, err);
    if (status == SW_OK) {
        *kept = whole;
    } else {
        sw_error_prefix(err, "row %zu", row_number);
    }
    decoder_free(&d);
    return status;
}
