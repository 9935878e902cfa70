/* SPDX-License-Identifier: Apache-2.0
 *
 * Where rows begin (CMD-030): offsets ascend inside the text, each at the start of a line with
 * something in it, the size behind them; another number of rows is refused.
 */
#include "fuzz.h"
#include "run/agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > 4096) return 0;
    const sw_bytes text = SW_BYTES(data + 2, size - 2);
    uint8_t index[8 * 4098];
    uint64_t rows = (uint64_t)(data[0] | data[1] << 8) % 4097, before = 0;
    if (sw_agent_index_rows(text, rows, index, NULL) != SW_OK) return 0;
    sw_reader r = sw_reader_of(SW_BYTES(index, 8 * (size_t)(rows + 1)));
    for (uint64_t i = 0; i < rows; i++) {
        uint64_t at = sw_read_u64le(&r);
        FUZZ_REQUIRE(at < text.size && (i == 0 || at > before));
        FUZZ_REQUIRE(at == 0 || text.data[at - 1] == '\n');
        FUZZ_REQUIRE(text.data[at] != '\n');
        before = at;
    }
    FUZZ_REQUIRE(sw_read_u64le(&r) == text.size);
    return 0;
}
