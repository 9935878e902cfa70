/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence as people paste it (EVD-161).
 *
 * No kind of evidence in bytes consists of digits and line ends alone, or of text (a quote that
 * holds PEM is none), and of text PEM alone has lines that begin a block. So what is taken off here
 * is never a part of what is judged.
 */
#include "cli/attest_text.h"

#include "codec/text.h"

#include <string.h>

/* Shorter text is a word. */
enum { LEAST_DIGITS = 16 };

static sw_status keep(sw_arena *a, sw_bytes made, sw_bytes *out, sw_error *err) {
    *out = sw_arena_copy(a, made);
    if (out->data != NULL) return SW_OK;
    return sw_fail(err, SW_MEMORY, "memory", "no memory for a file of evidence");
}

/* ---- hex and base64 ---- */
static bool is_digit(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           memchr("+/-_=", c, 5) != NULL;
}

/* The digits of either, without line ends and the blanks behind them; none when there is anything
 * else. */
static void digits_take(sw_bytes in, sw_buffer *out) {
    while (in.size > 0 && memchr(" \t\r\n", in.data[in.size - 1], 4) != NULL) in.size--;
    for (size_t i = 0; i < in.size; i++) {
        if (in.data[i] == '\n' || in.data[i] == '\r') continue;
        if (!is_digit(in.data[i])) {
            sw_buffer_reset(out);
            return;
        }
        sw_put_u8(out, in.data[i]);
    }
}

/* Hex in either case, with 0x or without; base64 in either alphabet, with its padding or without.
 * Nothing for a token, which begins as every JSON object does in base64. */
static void digits_decode(sw_buffer *digits, sw_buffer *made) {
    sw_bytes hex = sw_buffer_bytes(digits);
    if (hex.size < LEAST_DIGITS || sw_bytes_starts(hex, SW_LITERAL("eyJ"))) return;
    if (sw_bytes_starts(hex, SW_LITERAL("0x"))) hex = SW_BYTES(hex.data + 2, hex.size - 2);
    if (sw_hex_append(made, hex, true, NULL) == SW_OK) return;
    while (digits->size % 4 != 0 && !digits->failed) sw_put_u8(digits, '=');
    (void)sw_base64_decode_any(made, sw_buffer_bytes(digits), NULL);
}

/* ---- PEM with text around ---- */
static bool line_next(sw_bytes *rest, sw_bytes *line) {
    if (rest->size == 0) return false;
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    size_t size = end == NULL ? rest->size : (size_t)(end - rest->data) + 1;
    *line = SW_BYTES(rest->data, size);
    *rest = SW_BYTES(rest->data + size, rest->size - size);
    return true;
}

static bool begins(sw_bytes line, const char *text) {
    return sw_bytes_starts(line, sw_text(text));
}

/* The blocks of one label, which begin and end lines of their own; none beside those of another. */
static void blocks_take(sw_bytes in, const char *begin, const char *end, sw_buffer *out) {
    bool inside = false;
    sw_bytes line;
    while (line_next(&in, &line)) {
        bool first = begins(line, "-----BEGIN ");
        if (first && (inside || !begins(line, begin))) {
            sw_buffer_reset(out);
            return;
        }
        inside = inside || first;
        if (inside) sw_put_bytes(out, line);
        inside = inside && !begins(line, end);
    }
}

/* Quotes, event logs and DER have bytes that no text has. */
static bool is_text(sw_bytes in) {
    for (size_t i = 0; i < in.size; i++)
        if (in.data[i] < ' ' && memchr("\t\r\n", in.data[i], 3) == NULL) return false;
    return true;
}

static void pem_take(sw_bytes in, sw_buffer *made) {
    if (!is_text(in)) return;
    blocks_take(in, "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", made);
    if (made->size == 0)
        blocks_take(in, "-----BEGIN X509 CRL-----", "-----END X509 CRL-----", made);
}

/* JSON and XML are themselves, whatever stands in them. */
static bool is_document(sw_bytes in) {
    return in.size == 0 || memchr("{[<", in.data[0], 3) != NULL;
}

sw_status sw_attest_text_read(sw_arena *a, sw_bytes in, sw_bytes *out, sw_error *err) {
    SW_SCOPED(sw_buffer) digits = SW_BUFFER(in.size + 4);
    SW_SCOPED(sw_buffer) made = SW_BUFFER(in.size);
    *out = in;
    if (is_document(in)) return SW_OK;
    digits_take(in, &digits);
    SW_TRY(sw_buffer_check(&digits, "text for bytes", err));
    digits_decode(&digits, &made);
    if (made.size == 0) pem_take(in, &made);
    SW_TRY(sw_buffer_check(&made, "evidence in text", err));
    return made.size > 0 ? keep(a, sw_buffer_bytes(&made), out, err) : SW_OK;
}
