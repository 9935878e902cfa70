/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks as they are made, for whoever watches. A value longer than a line is cut: it is for
 * people.
 */
#include "attest/check.h"
#include "codec/text.h"

#include <stdarg.h>
#include <stdio.h>

enum { VALUE_BYTES = 1280 };

void sw_check_begin(const sw_check_log *log, const char *check) {
    if (log != NULL) log->begun(log->context, check);
}

void sw_check_held(const sw_check_log *log, const char *format, ...) {
    char value[VALUE_BYTES];
    if (log == NULL) return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    log->held(log->context, value);
}

void sw_check_held_hex(const sw_check_log *log, sw_bytes value) {
    char text[2 * 64 + 1];
    if (log == NULL) return;
    sw_hex_text(text, SW_BYTES(value.data, value.size < 64 ? value.size : 64));
    log->held(log->context, text);
}

void sw_check_left(const sw_check_log *log, const char *reason) {
    if (log != NULL && log->left != NULL) log->left(log->context, reason);
}
