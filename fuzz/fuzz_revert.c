/* SPDX-License-Identifier: Apache-2.0
 *
 * A revert's data in words: short, and nothing but printable ASCII, whatever a node sends.
 */
#include "chain/chain.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(4096);
    sw_app_revert_text(&text, SW_BYTES(data, size));
    FUZZ_REQUIRE(!text.failed && text.size > 0 && text.size < 1000);
    for (size_t i = 0; i < text.size; i++)
        FUZZ_REQUIRE(text.data[i] >= 0x20 && text.data[i] < 0x7f);
    return 0;
}
