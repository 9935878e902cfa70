/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that owners read: the mark of UTF-8 in front changes no answer, and no control character
 * passes.
 */
#include "codec/text.h"
#include "fuzz.h"
#include "recipe/recipe_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const sw_bytes text = SW_BYTES(data, size);
    SW_SCOPED(sw_buffer) other = SW_BUFFER((size_t)4 << 20);
    const char *fault = sw_command_text_fault(text);
    sw_put_text(&other, "\xef\xbb\xbf");
    sw_put_bytes(&other, text);
    FUZZ_REQUIRE(sw_command_text_fault(sw_buffer_bytes(&other)) == fault);
    if (fault == NULL && sw_utf8_valid(text)) {
        sw_put_u8(&other, 0);
        FUZZ_REQUIRE(sw_command_text_fault(sw_buffer_bytes(&other)) != NULL);
    }
    return 0;
}
