/* SPDX-License-Identifier: Apache-2.0
 *
 * The points beside a state: what is accepted for two steps is written again as it was read.
 */
#include "fuzz.h"
#include "train/curve.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sw_hash of = {0};
    sw_curve_point points[2] = {0};
    if (sw_curve_parse(SW_BYTES(data, size), 2, &of, points, NULL) != SW_OK) {
        FUZZ_REQUIRE(points[0].step == 0 && sw_hash_zero(&of));
        return 0;
    }
    SW_SCOPED(sw_buffer) again = SW_BUFFER(1000);
    const sw_curve curve = {points, 2, SW_SERIES_COUNT};
    sw_curve_put(&curve, &of, &again);
    FUZZ_REQUIRE(!again.failed && again.size <= size);
    FUZZ_REQUIRE(memcmp(again.data, data, again.size) == 0);
    return 0;
}
