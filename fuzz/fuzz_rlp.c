/* SPDX-License-Identifier: Apache-2.0
 *
 * RLP items that are read have one spelling: what the writer makes of them is what was read.
 */
#include "chain/chain.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_buffer) again = SW_BUFFER((size_t)4 << 20);
    sw_bytes rest = SW_BYTES(data, size);
    sw_rlp_item item;
    while (sw_rlp_next(&rest, &item, NULL) == SW_OK) {
        uint64_t v;
        if (item.list)
            sw_rlp_put_list(&again, item.payload);
        else
            sw_rlp_put_string(&again, item.payload);
        if (sw_rlp_u64(&item, &v, NULL) != SW_OK) continue;
        SW_SCOPED(sw_buffer) number = SW_BUFFER(16);
        sw_rlp_put_u64(&number, v);
        FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&number), item.span));
    }
    FUZZ_REQUIRE(!again.failed && again.size + rest.size == size);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&again), SW_BYTES(data, again.size)));
    return 0;
}
