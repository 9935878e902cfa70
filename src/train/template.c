/* SPDX-License-Identifier: Apache-2.0
 *
 * The template that a recipe names beside the one that the base model carries. Owners were shown
 * the recipe's, so another one is refused, never taken instead. With `model` they were shown the
 * locked file that holds it.
 */
#include "codec/json.h"
#include "tokenizer/beside.h"
#include "train/train.h"

/* As a recipe writes them. */
static const char *const names[] = {
    [SW_TEMPLATE_CHATML] = "chatml", [SW_TEMPLATE_CHATML_SMOLLM2] = "chatml-smollm2"};

static sw_status compare(sw_bytes text, sw_template named, sw_error *err) {
    sw_template found;
    /* the line feed at a file's end is none of the template (TPL-010) */
    text.size -= text.size && text.data[text.size - 1] == '\n';
    sw_status status = sw_template_recognise(text, &found, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "the recipe's template is %s", names[named]);
        sw_error_hint(err, "`template: model` takes the base model's own, whatever it is");
        return status;
    }
    if (found == named) return SW_OK;
    status =
        sw_fail(err, SW_REFUSED, "model", "the recipe's template is %s, but the base model's is %s",
                names[named], names[found]);
    sw_error_hint(err,
                  "write `template: %s` or `template: model` into the recipe, or `none` for "
                  "plain text",
                  names[found]);
    return status;
}

/* What a model carries: its template, and whether transformers would take another for tools. */
typedef struct carried {
    sw_bytes text;
    bool tool_use;
} carried;

/* `[{"name", "template"}]`: of these `default` counts. */
static sw_status read_named(const sw_json *list, carried *out, sw_error *err) {
    static const char where[] = "tokenizer_config.json: chat_template";
    carried found = {0};
    for (const sw_json *m = list->first; m; m = m->next) {
        const sw_json *name = sw_json_member(m, "name"), *text = sw_json_member(m, "template");
        if (!name || name->type != SW_JSON_STRING || !text || text->type != SW_JSON_STRING)
            return sw_fail(err, SW_MALFORMED, "format",
                           "%s lists something else than a name with a template", where);
        found.tool_use |= sw_bytes_is(name->text, "tool_use");
        if (!sw_bytes_is(name->text, "default")) continue;
        if (found.text.data)
            return sw_fail(err, SW_MALFORMED, "format", "%s lists two of the name default", where);
        found.text = text->text;
    }
    if (!found.text.data)
        return sw_fail(err, SW_REFUSED, "model", "%s lists none of the name default", where);
    *out = found;
    return SW_OK;
}

static sw_status find_text(sw_arena *arena, const sw_chat_files *files, carried *out,
                           sw_error *err) {
    sw_json *root = NULL;
    *out = (carried){.text = files->jinja};
    if (files->jinja.size) return SW_OK;
    if (files->tokenizer_config.size) {
        sw_status status = sw_json_parse(arena, files->tokenizer_config, NULL, &root, err);
        if (status != SW_OK) sw_error_prefix(err, "tokenizer_config.json");
        SW_TRY(status);
    }
    const sw_json *member = root ? sw_json_member(root, "chat_template") : NULL;
    if (member && member->type == SW_JSON_ARRAY) return read_named(member, out, err);
    if (member && member->type != SW_JSON_STRING && member->type != SW_JSON_NULL)
        return sw_fail(err, SW_MALFORMED, "format",
                       "tokenizer_config.json: chat_template is neither a text nor a list");
    out->text = member && member->type == SW_JSON_STRING ? member->text : (sw_bytes){0};
    return SW_OK;
}

sw_status sw_chat_text(sw_arena *arena, const sw_chat_files *files, sw_bytes *out, sw_error *err) {
    carried found;
    SW_TRY(find_text(arena, files, &found, err));
    *out = found.text;
    return SW_OK;
}

sw_status sw_chat_tokens_read(sw_arena *arena, sw_bytes tokenizer_config, sw_chat_tokens *out,
                              sw_error *err) {
    sw_json *root = NULL;
    *out = (sw_chat_tokens){0};
    if (!tokenizer_config.size) return SW_OK;
    sw_status status = sw_json_parse(arena, tokenizer_config, NULL, &root, err);
    if (status != SW_OK) sw_error_prefix(err, "tokenizer_config.json");
    SW_TRY(status);
    const sw_json *bos = sw_json_member(root, "bos_token"),
                  *eos = sw_json_member(root, "eos_token");
    *out = (sw_chat_tokens){sw_special_token_text(bos), sw_special_token_text(eos), bos != NULL,
                            eos != NULL};
    return SW_OK;
}

/* ---- the base model's own template ---- */

/* What it asks for and what the recipe says must be of one mind (RCP-046, RCP-047). */
static sw_status check_needs(const sw_jinja_needs *needs, const sw_training *t, sw_error *err) {
    if (needs->date && !t->template_date) {
        sw_status status =
            sw_fail(err, SW_REFUSED, "model",
                    "the base model's template asks for the date, and the recipe gives none");
        sw_error_hint(err, "write `template_date: YYYY-MM-DD` into the recipe: a run reads no "
                           "clock for rows");
        return status;
    }
    if (!needs->date && t->template_date)
        return sw_fail(err, SW_REFUSED, "model",
                       "template_date is not read: the base model's template asks for no date");
    if (!t->assistant_only_loss || needs->generation) return SW_OK;
    sw_status status = sw_fail(err, SW_REFUSED, "model",
                               "assistant_only_loss needs a template with {%% generation %%} "
                               "blocks, and the base model's has none");
    sw_error_hint(err, "rows of prompt and completion with completion_only_loss need no blocks; or "
                       "lock the model with a chat_template.jinja that has them");
    return status;
}

/* transformers makes up a token that the file does not speak of, by the tokeniser's class. */
static sw_status check_tokens(const sw_jinja_needs *needs, const sw_chat_tokens *tokens,
                              sw_error *err) {
    bool bos = needs->bos_token && !tokens->says_bos, eos = needs->eos_token && !tokens->says_eos;
    if (!bos && !eos) return SW_OK;
    return sw_fail(err, SW_REFUSED, "model",
                   "the base model's template reads %s, which tokenizer_config.json does not name",
                   bos ? "bos_token" : "eos_token");
}

static sw_status open_own(sw_bytes text, sw_bytes tokenizer_config, const sw_training *t,
                          sw_row_template *out, sw_error *err) {
    sw_chat_tokens tokens;
    sw_date day;
    sw_status status = sw_jinja_parse(text, &out->own, err);
    if (status != SW_OK) sw_error_prefix(err, "the base model's template");
    SW_TRY(status);
    const sw_jinja_needs needs = sw_jinja_needs_of(out->own);
    SW_TRY(check_needs(&needs, t, err));
    SW_TRY(sw_chat_tokens_read(&out->arena, tokenizer_config, &tokens, err));
    SW_TRY(check_tokens(&needs, &tokens, err));
    out->bos_token = tokens.bos_token;
    out->eos_token = tokens.eos_token;
    if (sw_date_of_number(t->template_date, &day)) sw_date_text(out->date, &day);
    return SW_OK;
}

static sw_status open_template(const sw_chat_files *files, const sw_training *t,
                               sw_row_template *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    carried found;
    SW_TRY(find_text(&arena, files, &found, err));
    sw_bytes text = found.text;
    out->tool_use = found.tool_use;
    if (text.data && t->chat == SW_CHAT_MODEL)
        return open_own(text, files->tokenizer_config, t, out, err);
    if (text.data) return compare(text, out->named, err);
    sw_status status = sw_fail(err, SW_REFUSED, "model",
                               "the recipe's template is %s, but the base model carries none",
                               t->chat == SW_CHAT_MODEL ? "model" : names[out->named]);
    sw_error_hint(err, "`template: none` trains on plain text");
    return status;
}

sw_status sw_row_template_open(const sw_chat_files *files, const sw_training *settings,
                               sw_row_template *out, sw_error *err) {
    sw_row_template t = {.named = settings->chat == SW_CHAT_CHATML_SMOLLM2
                                      ? SW_TEMPLATE_CHATML_SMOLLM2
                                      : SW_TEMPLATE_CHATML};
    sw_status status =
        settings->chat == SW_CHAT_NONE ? SW_OK : open_template(files, settings, &t, err);
    if (status == SW_OK)
        *out = t;
    else
        sw_row_template_close(&t);
    return status;
}

void sw_row_template_close(sw_row_template *t) {
    sw_jinja_free(&t->own);
    sw_arena_free(&t->arena);
    *t = (sw_row_template){0};
}
