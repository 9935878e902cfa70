/* SPDX-License-Identifier: Apache-2.0
 *
 * What owners are shown of a template that is the base model's own: the locked file that holds it,
 * and its text when somebody has that file (docs/formats/recipe.md, RCP-097).
 */
#include "codec/text.h"
#include "recipe/recipe_internal.h"

#include <string.h>

#define TEXT_LIMIT ((size_t)1 << 20)

const sw_locked_file *sw_recipe_template_file(const sw_recipe *r) {
    const sw_locked_file *config = NULL;
    for (size_t i = 0; i < r->model_file_count; i++) {
        const sw_locked_file *f = &r->model_files[i];
        if (strcmp(f->name, "chat_template.jinja") == 0 && f->size > 0) return f;
        if (strcmp(f->name, "tokenizer_config.json") == 0) config = f;
    }
    return config;
}

/* The text is the model's, so what is approved is its file. */
void sw_recipe_put_own_template(sw_buffer *out, const sw_recipe *r) {
    const sw_locked_file *f = sw_recipe_template_file(r);
    sw_put_text(out, "  A row of turns becomes text by the base model's own chat template.\n");
    if (f == NULL) {
        sw_put_text(out, "  The recipe locks no file that could hold one: every run is refused.\n");
        return;
    }
    sw_put_format(out, "  It is %s%s, which the recipe locks:\n    ",
                  strcmp(f->name, "chat_template.jinja") == 0 ? "" : "`chat_template` in ",
                  f->name);
    sw_hex_encode(out, SW_BYTES_OF(f->digest.b));
    sw_put_text(out, "\n  `recipe show COMPOSE --model DIR` prints the text out of that file.\n");
    size_t count;
    char day[SW_DATE_BYTES] = {0};
    const sw_setting *all = sw_training_settings(&count);
    for (size_t i = 0; i < count; i++)
        if (all[i].type == SW_SETTING_DATE) sw_setting_date(&r->training, &all[i], day);
    if (day[0] != 0)
        sw_put_format(out, "  Where it asks for the date it is told %s (template_date).\n", day);
}

static size_t character_bytes(uint8_t lead) {
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

static uint32_t code_point(sw_bytes c) {
    uint32_t v = c.size == 1 ? c.data[0] : c.data[0] & (0x7fu >> c.size);
    for (size_t i = 1; i < c.size; i++) v = v << 6 | (c.data[i] & 0x3fu);
    return v;
}

/* A backslash that would read as one of ours is written as one: two texts are never shown alike. */
static bool reads_as_ours(sw_bytes rest) {
    return sw_bytes_starts(rest, SW_LITERAL("\\u{"));
}

void sw_recipe_put_text(sw_buffer *out, sw_bytes text) {
    sw_put_text(out, "    ");
    for (size_t at = 0; at < text.size;) {
        sw_bytes c = SW_BYTES(text.data + at, character_bytes(text.data[at]));
        bool ours = reads_as_ours(SW_BYTES(text.data + at, text.size - at));
        at += c.size;
        if (sw_utf8_plain(c) && !ours)
            sw_put_bytes(out, c);
        else if (c.data[0] != '\n')
            sw_put_format(out, "\\u{%x}", (unsigned)code_point(c));
        else if (at < text.size)
            sw_put_text(out, "\n    ");
    }
    sw_put_text(out, "\n");
}

sw_status sw_recipe_show_template(sw_bytes text, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) shown = SW_BUFFER(TEXT_LIMIT);
    if (!sw_utf8_valid(text))
        return sw_fail(err, SW_MALFORMED, "template", "chat_template is not UTF-8");
    sw_put_text(&shown, "\nTemplate text\n");
    sw_recipe_put_text(&shown, text);
    SW_TRY(sw_buffer_check(&shown, "the template's text", err));
    sw_put_bytes(out, sw_buffer_bytes(&shown));
    return sw_buffer_check(out, "the template's text", err);
}
