/* SPDX-License-Identifier: Apache-2.0
 *
 * Flips of every bit whose judgement costs signatures take minutes, which `make test` does not
 * have: there they are sampled, and all of them with SEALWRIGHT_EVERY_BIT=1 in the environment.
 */
#ifndef SW_TESTS_EVERY_BIT_H
#define SW_TESTS_EVERY_BIT_H
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if defined(SW_VARIANT_ASAN) || defined(SW_VARIANT_TSAN)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

static inline bool every_bit(void) {
    const char *asked = getenv("SEALWRIGHT_EVERY_BIT");
    return asked != NULL && strcmp(asked, "1") == 0;
}
#endif
