/* SPDX-License-Identifier: Apache-2.0
 *
 * Shortened evidence behind evidence: an input is a field, the evidence before, and the rest. What
 * is restored shortens to the same bytes again.
 */
#include "fuzz.h"
#include "manifest/manifest.h"

enum { LIMIT = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_buffer) whole = SW_BUFFER(SW_EVIDENCE_LIMIT);
    SW_SCOPED(sw_buffer) again = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_error err = {0};
    sw_reader r = sw_reader_of(SW_BYTES(data, size));
    sw_bytes before = sw_read_field(&r, LIMIT), shortened = r.rest;
    if (r.failed) return 0;
    if (sw_manifest_restore(before, shortened, &whole, &err) != SW_OK) {
        FUZZ_REQUIRE(whole.size == 0 && err.word[0] != 0 && err.message[0] != 0);
        return 0;
    }
    FUZZ_REQUIRE(sw_manifest_shorten(before, sw_buffer_bytes(&whole), &again, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&again), shortened));
    return 0;
}
