/* SPDX-License-Identifier: Apache-2.0
 *
 * Who wants to watch a verdict being made: each check by name when it begins, and with what it
 * found when it held. A watcher sees and never decides: with and without one the verdict is the
 * same. The check that was begun and did not hold is the one that failed; its reason is the error.
 */
#ifndef SW_ATTEST_CHECK_H
#define SW_ATTEST_CHECK_H
#include "base/base.h"

typedef struct sw_check_log {
    /* `check` is a constant such as "quote signature"; `value` is plain text of one line. */
    void (*begun)(void *context, const char *check);
    void (*held)(void *context, const char *value);
    /* Begun and left: what it needs is not there and the verdict does not rest on it. May be NULL.
     */
    void (*left)(void *context, const char *reason);
    void *context;
} sw_check_log;
/* `log` may be NULL. */
void sw_check_begin(const sw_check_log *log, const char *check);
__attribute__((format(printf, 2, 3))) void sw_check_held(const sw_check_log *log,
                                                         const char *format, ...);
void sw_check_left(const sw_check_log *log, const char *reason);
/* sw_check_held with bytes as hex. */
void sw_check_held_hex(const sw_check_log *log, sw_bytes value);
#endif
