/* SPDX-License-Identifier: Apache-2.0
 *
 * A chat template, rendered over two conversations: it ends, gives UTF-8 and spans inside it, the
 * same twice, or is refused and leaves nothing.
 */
#include "codec/text.h"
#include "fuzz.h"
#include "tokenizer/jinja.h"

static sw_json *parse(sw_arena *arena, const char *text) {
    sw_json *out;
    FUZZ_REQUIRE(sw_json_parse(arena, sw_text(text), NULL, &out, NULL) == SW_OK);
    return out;
}

static void render(const sw_jinja *t, const sw_jinja_input *input, sw_arena *arena) {
    SW_SCOPED(sw_buffer) first = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) second = SW_BUFFER(1 << 20);
    sw_jinja_spans spans = {0};
    sw_status status = sw_jinja_render(t, input, &first, arena, &spans, NULL);
    FUZZ_REQUIRE(sw_jinja_render(t, input, &second, arena, NULL, NULL) == status);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&first), sw_buffer_bytes(&second)));
    FUZZ_REQUIRE(status == SW_OK || first.size == 0);
    FUZZ_REQUIRE(sw_utf8_valid(sw_buffer_bytes(&first)));
    for (size_t i = 0, at = 0; i < spans.count; at = spans.spans[i++].end)
        FUZZ_REQUIRE(spans.spans[i].start >= at && spans.spans[i].end >= spans.spans[i].start &&
                     spans.spans[i].end <= first.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char talk[] =
        "[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\" caf\\u00e9 \"},"
        "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"abcdefghi\","
        "\"function\":"
        "{\"name\":\"f\",\"arguments\":{\"x\":[1,2.5,true]}}}]},{\"role\":\"tool\",\"content\":"
        "\"r\"}]";
    sw_jinja *t = NULL;
    sw_arena arena = {0};
    if (sw_jinja_parse(SW_BYTES(data, size), &t, NULL) != SW_OK) return 0;
    sw_jinja_input input = {.messages = parse(&arena, "[]"), .date = SW_LITERAL("2026-03-07")};
    render(t, &input, &arena);
    input = (sw_jinja_input){.messages = parse(&arena, talk),
                             .tools = parse(&arena, "[{\"function\":{\"name\":\"f\"}}]"),
                             .add_generation_prompt = true,
                             .bos_token = SW_LITERAL("<s>"),
                             .eos_token = SW_LITERAL("</s>"),
                             .date = SW_LITERAL("2026-03-07")};
    render(t, &input, &arena);
    sw_jinja_free(&t);
    sw_arena_free(&arena);
    return 0;
}
