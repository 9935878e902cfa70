/* SPDX-License-Identifier: Apache-2.0
 *
 * Status and error: one sentence for people, one stable word for programs.
 * Every writer cuts at its buffer's end and keeps the NUL; a NULL error only carries the status.
 * What it writes is plain text (sw_utf8_plain), whatever a file's name or a peer's word was.
 * Words: docs/formats/errors.md.
 */
#include "base/status.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A cut may split a UTF-8 character: drop what is left of it. */
static void trim_split_character(char *text) {
    size_t size = strlen(text), back = 0;
    while (back < size && back < 4 && ((uint8_t)text[size - 1 - back] & 0xc0) == 0x80) back++;
    if (back == size) return;
    uint8_t lead = (uint8_t)text[size - 1 - back];
    size_t need = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    if (need > back) text[size - 1 - back] = 0;
}

__attribute__((format(printf, 3, 0))) static void write_text(char *out, size_t size,
                                                             const char *format, va_list args) {
    int length = vsnprintf(out, size, format, args);
    if (length < 0) out[0] = 0;
    if (length >= 0 && (size_t)length >= size) trim_split_character(out);
    sw_utf8_make_plain(out);
}

void sw_error_write(sw_error *err, sw_status status, const char *word, const char *format, ...) {
    if (err == NULL) return;
    sw_error made = {.status = status};
    va_list args;
    va_start(args, format);
    write_text(made.message, sizeof made.message, format, args);
    va_end(args);
    (void)snprintf(made.word, sizeof made.word, "%s", word);
    *err = made;
}

void sw_error_prefix(sw_error *err, const char *format, ...) {
    if (err == NULL) return;
    char text[SW_ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    write_text(text, sizeof text, format, args);
    va_end(args);
    size_t used = strlen(text);
    if (used + 2 >= sizeof text) used = sizeof text - 3;
    int cut = snprintf(text + used, sizeof text - used, ": %s", err->message);
    if (cut > 0 && (size_t)cut >= sizeof text - used) trim_split_character(text);
    memcpy(err->message, text, sizeof text);
}

void sw_error_hint(sw_error *err, const char *format, ...) {
    if (err == NULL) return;
    va_list args;
    va_start(args, format);
    write_text(err->hint, sizeof err->hint, format, args);
    va_end(args);
}
