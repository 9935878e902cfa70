/* SPDX-License-Identifier: Apache-2.0
 *
 * What is imported is exported again byte for byte. The id is the one that the corpus uses.
 */
#include "envelope/journal.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const sw_hash id = {{0x11}};
    SW_SCOPED(sw_buffer) out = SW_BUFFER((size_t)64 << 20);
    sw_journal *j = NULL;
    if (sw_journal_import(SW_BYTES(data, size), &id, &j, NULL) != SW_OK) {
        FUZZ_REQUIRE(j == NULL);
        return 0;
    }
    FUZZ_REQUIRE(sw_journal_export(j, &out, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&out), SW_BYTES(data, size)));
    sw_journal_close(&j);
    return 0;
}
