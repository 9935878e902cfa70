/* SPDX-License-Identifier: Apache-2.0
 *
 * A file of evidence of any kind, as `attest explain` takes it: it is of one kind or of none, what is
 * shown of it are lines of plain text, and the same both times.
 */
#include "cli/attest_kind.h"
#include "codec/text.h"
#include "fuzz.h"

#include <string.h>

static sw_status explain(sw_bytes input, sw_buffer *text) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)256 << 20};
    sw_attest_input in = {0};
    if (sw_attest_recognise(&a, input, &in, NULL) != SW_OK) return SW_MALFORMED;
    FUZZ_REQUIRE(strlen(sw_attest_kind_name(in.kind)) > 0);
    return sw_attest_explain(&a, &in, text, NULL);
}

static void lines_check(sw_bytes text) {
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t size = end == NULL ? text.size : (size_t)(end - text.data);
        FUZZ_REQUIRE(sw_utf8_plain(SW_BYTES(text.data, size)));
        size_t whole = size + (end != NULL);
        text = SW_BYTES(text.data + whole, text.size - whole);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_buffer) once = SW_BUFFER(SW_EXPLANATION_LIMIT);
    SW_SCOPED(sw_buffer) twice = SW_BUFFER(SW_EXPLANATION_LIMIT);
    sw_bytes input = SW_BYTES(data, size);
    sw_status status = explain(input, &once);
    FUZZ_REQUIRE(explain(input, &twice) == status);
    lines_check(sw_buffer_bytes(&once));
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&once), sw_buffer_bytes(&twice)));
    return 0;
}
