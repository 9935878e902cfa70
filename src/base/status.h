/* SPDX-License-Identifier: Apache-2.0
 *
 * Status and error: how every function of the house says no.
 *
 * A function that can fail returns sw_status and takes `sw_error *err` last (NULL allowed). On
 * failure outputs are untouched.
 */
#ifndef SW_BASE_STATUS_H
#define SW_BASE_STATUS_H

#include "sealwright.h"

/* Fills *err (when not NULL): `word` is one of the stable words of docs/formats/errors.md; the
 * sentence is cut at its buffer's end. Clears the hint. */
__attribute__((format(printf, 4, 5))) void
sw_error_write(sw_error *err, sw_status status, const char *word, const char *format, ...);
static inline sw_status sw_status_same(sw_status status) {
    return status;
}
/* sw_error_write, with `status` as its value, so that `return sw_fail(err, SW_MALFORMED, "format",
 * "...")` is one line. A macro, so that compilers and analysers see that a failure is one. */
#define sw_fail(err, status, ...)                                                                  \
    sw_status_same((sw_error_write((err), (status), __VA_ARGS__), (status)))
/* Puts "context: " before the sentence that is already there; returns err->status (or SW_INTERNAL
 * when err is NULL). */
__attribute__((format(printf, 2, 3))) void sw_error_prefix(sw_error *err, const char *format, ...);
/* Sets the hint: what to do. Returns nothing; keeps status, word and message. */
__attribute__((format(printf, 2, 3))) void sw_error_hint(sw_error *err, const char *format, ...);

/* Returns early with the status of `expression` unless it is SW_OK. */
#define SW_TRY(expression)                                                                         \
    do {                                                                                           \
        sw_status sw_try_status_ = (expression);                                                   \
        if (sw_try_status_ != SW_OK) return sw_try_status_;                                        \
    } while (0)

/* An invariant of our own, checked in every build: fails with SW_INTERNAL naming the place. */
#define SW_CHECK(err, condition)                                                                   \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return sw_fail((err), SW_INTERNAL, "internal", "%s:%d: %s", __FILE__, __LINE__,        \
                           #condition);                                                            \
    } while (0)

#endif
