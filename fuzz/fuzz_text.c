/* SPDX-License-Identifier: Apache-2.0
 *
 * Hex, base64, PEM and time: what decodes encodes to the same text.
 */
#include "codec/text.h"
#include "fuzz.h"
#include "sys/clock.h"

static sw_status count_block(void *context, sw_bytes der, sw_error *err) {
    (void)err;
    FUZZ_REQUIRE(der.size > 0);
    ++*(size_t *)context;
    return SW_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sw_bytes text = SW_BYTES(data, size);
    SW_SCOPED(sw_buffer) bytes = SW_BUFFER((size_t)4 << 20);
    SW_SCOPED(sw_buffer) again = SW_BUFFER((size_t)4 << 20);
    if (sw_hex_append(&bytes, text, false, NULL) == SW_OK) {
        sw_hex_encode(&again, sw_buffer_bytes(&bytes));
        FUZZ_REQUIRE(sw_bytes_equal(text, sw_buffer_bytes(&again)));
    }
    sw_buffer_reset(&bytes);
    sw_buffer_reset(&again);
    if (sw_base64_decode(&bytes, text, NULL) == SW_OK) {
        sw_base64_encode(&again, sw_buffer_bytes(&bytes));
        FUZZ_REQUIRE(sw_bytes_equal(text, sw_buffer_bytes(&again)));
    }
    sw_buffer_reset(&bytes);
    (void)sw_base64_decode_any(&bytes, text, NULL);
    size_t blocks = 0;
    if (sw_pem_decode(text, "CERTIFICATE", 4, count_block, &blocks, NULL) == SW_OK)
        FUZZ_REQUIRE(blocks >= 1 && blocks <= 4);
    int64_t ms;
    char written[21];
    if (sw_time_parse(text, &ms, NULL) == SW_OK) {
        sw_time_text(written, ms);
        FUZZ_REQUIRE(sw_bytes_is(text, written));
    }
    return 0;
}
