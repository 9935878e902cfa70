/* SPDX-License-Identifier: Apache-2.0
 *
 * What a fuzz target is: takes any bytes, returns 0, and traps when a promise does not hold.
 */
#ifndef SW_FUZZ_H
#define SW_FUZZ_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_REQUIRE(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

#endif
