/* SPDX-License-Identifier: Apache-2.0
 *
 * The template that a recipe names beside the one that the base model carries. Owners were shown
 * the recipe's, so another one is refused, never taken instead.
 */
#include "codec/json.h"
#include "train/train.h"

/* As a recipe writes them. */
static const char *const names[] = {
    [SW_TEMPLATE_CHATML] = "chatml", [SW_TEMPLATE_CHATML_SMOLLM2] = "chatml-smollm2"};

static sw_status compare(sw_bytes carried, sw_template named, sw_error *err) {
    sw_template found;
    sw_status status = sw_template_recognise(carried, &found, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "the recipe's template is %s", names[named]);
        return status;
    }
    if (found == named) return SW_OK;
    status =
        sw_fail(err, SW_REFUSED, "model", "the recipe's template is %s, but the base model's is %s",
                names[named], names[found]);
    sw_error_hint(err, "write `template: %s` into the recipe, or `none` for plain text",
                  names[found]);
    return status;
}

sw_status sw_chat_text(sw_arena *arena, const sw_chat_files *files, sw_bytes *out, sw_error *err) {
    sw_bytes text = files->jinja;
    sw_json *root = NULL;
    if (text.size) { /* the line feed at a file's end is none of the template (TPL-010) */
        text.size -= text.data[text.size - 1] == '\n';
        *out = text;
        return SW_OK;
    }
    if (files->tokenizer_config.size) {
        sw_status status = sw_json_parse(arena, files->tokenizer_config, NULL, &root, err);
        if (status != SW_OK) sw_error_prefix(err, "tokenizer_config.json");
        SW_TRY(status);
    }
    const sw_json *member = root ? sw_json_member(root, "chat_template") : NULL;
    *out = member && member->type == SW_JSON_STRING ? member->text : (sw_bytes){0};
    return SW_OK;
}

sw_status sw_rows_template(const sw_chat_files *files, sw_chat named, sw_template *out,
                           sw_error *err) {
    *out = named == SW_CHAT_CHATML_SMOLLM2 ? SW_TEMPLATE_CHATML_SMOLLM2 : SW_TEMPLATE_CHATML;
    if (named == SW_CHAT_NONE) return SW_OK;
    SW_SCOPED(sw_arena) arena = {0};
    sw_bytes text;
    SW_TRY(sw_chat_text(&arena, files, &text, err));
    if (text.data) return compare(text, *out, err);
    sw_status status =
        sw_fail(err, SW_REFUSED, "model",
                "the recipe's template is %s, but the base model carries none", names[*out]);
    sw_error_hint(err, "`template: none` trains on plain text");
    return status;
}
