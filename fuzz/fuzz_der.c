/* SPDX-License-Identifier: Apache-2.0
 *
 * An element that is read and written again gives the same bytes: DER has one form.
 */
#include "codec/der.h"
#include "fuzz.h"

static void read_elements(sw_reader r) {
    while (!r.failed && r.rest.size > 0) {
        SW_SCOPED(sw_buffer) again = SW_BUFFER((size_t)1 << 22);
        const uint8_t *from = r.rest.data;
        uint8_t tag = sw_der_peek(&r);
        sw_reader copy = r;
        uint64_t value = sw_der_read_u64(&copy, tag);
        sw_bytes content = sw_der_read(&r, tag);
        if (r.failed) return;
        sw_der_put(&again, tag, content);
        FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&again), SW_BYTES(from, again.size)));
        if (copy.failed) continue;
        sw_buffer_reset(&again);
        sw_der_put_u64(&again, tag, value);
        FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&again), SW_BYTES(from, again.size)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sw_reader r = sw_reader_of(SW_BYTES(data, size));
    read_elements(r);
    sw_reader outer = sw_der_enter(&r, SW_DER_SEQUENCE);
    read_elements(outer);
    read_elements(sw_der_enter(&outer, SW_DER_SEQUENCE));
    return 0;
}
