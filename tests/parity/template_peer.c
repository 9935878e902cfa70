/* SPDX-License-Identifier: Apache-2.0
 *
 * Renders what template.py asks for: one JSON object a line on stdin, one on stdout, either
 * {"text", "spans"} (spans in bytes) or {"error", "status"}.
 */
#include "tokenizer/jinja.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sw_bytes text_of(const sw_json *object, const char *name) {
    const sw_json *member = sw_json_member(object, name);
    return member && member->type == SW_JSON_STRING ? member->text : (sw_bytes){0};
}

static sw_status answer(sw_arena *arena, sw_bytes line, sw_json *out, sw_error *err) {
    sw_json *ask;
    sw_jinja *t = NULL;
    sw_jinja_spans spans;
    SW_SCOPED(sw_buffer) text = SW_BUFFER((size_t)1 << 24);
    SW_TRY(sw_json_parse(arena, line, NULL, &ask, err));
    SW_TRY(sw_jinja_parse(text_of(ask, "template"), &t, err));
    const sw_json *tools = sw_json_member(ask, "tools");
    const sw_json *prompt = sw_json_member(ask, "add_generation_prompt");
    const sw_jinja_input input = {.messages = sw_json_member(ask, "messages"),
                                  .tools = tools && tools->type == SW_JSON_ARRAY ? tools : NULL,
                                  .add_generation_prompt = prompt && prompt->boolean,
                                  .bos_token = text_of(ask, "bos_token"),
                                  .eos_token = text_of(ask, "eos_token"),
                                  .date = text_of(ask, "date")};
    sw_status status = sw_jinja_render(t, &input, &text, arena, &spans, err);
    sw_jinja_free(&t);
    SW_TRY(status);
    sw_json_add_text(arena, out, "text", sw_buffer_bytes(&text));
    sw_json *list = sw_json_add_array(arena, out, "spans");
    for (size_t i = 0; i < spans.count; i++) {
        sw_json *span = sw_json_add_array(arena, list, NULL);
        sw_json_add_integer(arena, span, NULL, (int64_t)spans.spans[i].start);
        sw_json_add_integer(arena, span, NULL, (int64_t)spans.spans[i].end);
    }
    return SW_OK;
}

int main(void) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    while ((size = getline(&line, &capacity, stdin)) > 0) {
        sw_arena arena = {0};
        sw_error err = {0};
        SW_SCOPED(sw_buffer) json = SW_BUFFER((size_t)1 << 26);
        sw_json *out = sw_json_make(&arena, SW_JSON_OBJECT);
        sw_status status = answer(&arena, SW_BYTES(line, (size_t)size), out, &err);
        if (status != SW_OK) {
            sw_json_add_text(&arena, out, "error", sw_text(err.message));
            sw_json_add_integer(&arena, out, "status", status);
        }
        sw_json_encode(&json, out);
        sw_put_u8(&json, '\n');
        if (json.failed || fwrite(json.data, 1, json.size, stdout) != json.size) return 1;
        sw_arena_free(&arena);
    }
    free(line);
    return 0;
}
