/* SPDX-License-Identifier: Apache-2.0
 *
 * Time and chance come in as parameters, so that a test owns both.
 */
#ifndef SW_SYS_CLOCK_H
#define SW_SYS_CLOCK_H
#include "base/base.h"

/* Milliseconds since 1970 (wall) or since an arbitrary start (steady, counts suspend). */
typedef struct sw_clock {
    int64_t (*wall_ms)(void *context);
    int64_t (*steady_ms)(void *context);
    void *context;
} sw_clock;
sw_clock sw_clock_system(void);

typedef struct sw_entropy {
    sw_status (*fill)(void *context, void *out, size_t size, sw_error *err);
    void *context;
} sw_entropy;
sw_entropy sw_entropy_system(void); /* getrandom(2) */
SW_NODISCARD sw_status sw_entropy_fill(const sw_entropy *e, void *out, size_t size, sw_error *err);

/* "2026-11-23T04:21:32Z" <-> milliseconds. `out` has 21 bytes. */
void sw_time_text(char out[21], int64_t wall_ms);
SW_NODISCARD sw_status sw_time_parse(sw_bytes text, int64_t *wall_ms, sw_error *err);
#endif
