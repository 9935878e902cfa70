/* SPDX-License-Identifier: Apache-2.0
 *
 * A card that parses encodes to the same bytes.
 */
#include "fuzz.h"
#include "identity/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_buffer) out = SW_BUFFER((size_t)1 << 20);
    sw_card card;
    if (sw_card_parse(SW_BYTES(data, size), &card, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(sw_card_encode(&card, &out, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&out), SW_BYTES(data, size)));
    return 0;
}
