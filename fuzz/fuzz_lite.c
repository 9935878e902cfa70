/* SPDX-License-Identifier: Apache-2.0
 *
 * TDX-lite's two files, and the hints that bring them or MRCONFIGID's document (what begins with a
 * brace). Otherwise two bytes say what follows and how much memory the machine has (in 256 MiB):
 * after an even one comes a measurement file, whose checksum file is made here; after an odd one a
 * checksum file of an empty measurement file.
 */
#include "attest/measure.h"
#include "codec/text.h"
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

static void measure(const sw_lite_image *image, uint64_t memory_bytes) {
    const sw_lite_machine machine = {memory_bytes, {{1}, {2}, {3}}};
    sw_lite_values values;
    sw_td_measurements td = {0};
    if (sw_lite_measure(image, &machine, &values, NULL) != SW_OK) return;
    memcpy(td.mrtd, values.mrtd[1], sizeof td.mrtd);
    memcpy(td.rtmr, values.rtmr, sizeof values.rtmr);
    FUZZ_REQUIRE(sw_lite_check(&values, &td, NULL, 0, NULL) == SW_OK);
    td.rtmr[0][0] ^= 1;
    FUZZ_REQUIRE(sw_lite_check(&values, &td, NULL, 0, NULL) == SW_REFUSED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    if (data[0] == '{') {
        SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)4 << 20};
        sw_lite_hints hints;
        sw_bytes document;
        if (sw_config_document_read(&a, SW_BYTES(data, size), &document, NULL) == SW_OK)
            FUZZ_REQUIRE(document.size <= size);
        if (sw_lite_hints_read(&a, SW_BYTES(data, size), &hints, NULL) == SW_OK)
            measure(&hints.image, hints.memory_bytes);
        return 0;
    }
    uint64_t memory_bytes = (uint64_t)data[1] << 28;
    sw_lite_image image = {.measurement = SW_BYTES(data + 2, size - 2)};
    if (data[0] % 2 == 1) {
        image = (sw_lite_image){.checksum_file = image.measurement};
        measure(&image, memory_bytes);
        return 0;
    }
    char hex[65], line[128];
    sw_hash hash;
    sw_sha256(&hash, image.measurement);
    sw_hex_text(hex, SW_BYTES_OF(hash.b));
    (void)snprintf(line, sizeof line, "%s  measurement.tdx.cbor\n", hex);
    image.checksum_file = sw_text(line);
    measure(&image, memory_bytes);
    return 0;
}
