/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence as people paste it (EVD-161).
 *
 * No kind of evidence in bytes consists of digits and white space alone, or of text (a quote that
 * holds PEM is none), and none in text but PEM has lines that begin a block. What is taken off here
 * must be nothing that another reader would take for a part: a boundary anywhere but at the
 * beginning of a line, or of another label, ends the attempt, and text is looked for only before
 * the first block.
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
static bool is_white(uint8_t c) {
    return memchr(" \t\r\n", c, 4) != NULL;
}

static bool is_hex(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_base64(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           memchr("+/-_=", c, 5) != NULL;
}

/* The digits without the white space between them, for hex, or without line ends; false where
 * anything else stands, or too few. */
static bool digits_take(sw_bytes in, bool hex, sw_buffer *out) {
    sw_buffer_reset(out);
    while (in.size > 0 && is_white(in.data[in.size - 1])) in.size--;
    if (hex && (sw_bytes_starts(in, SW_LITERAL("0x")) || sw_bytes_starts(in, SW_LITERAL("0X"))))
        in = SW_BYTES(in.data + 2, in.size - 2);
    for (size_t i = 0; i < in.size; i++) {
        uint8_t c = in.data[i];
        if (c == '\n' || c == '\r' || (hex && is_white(c))) continue;
        if (!(hex ? is_hex(c) : is_base64(c))) return false;
        sw_put_u8(out, c);
    }
    return out->size >= LEAST_DIGITS;
}

/* *made stays empty where it is neither. */
static sw_status digits_decode(sw_bytes in, sw_buffer *made, sw_error *err) {
    SW_SCOPED(sw_buffer) digits = SW_BUFFER(in.size + 4);
    bool hex = digits_take(in, true, &digits), base64 = !hex && digits_take(in, false, &digits);
    SW_TRY(sw_buffer_check(&digits, "text for bytes", err));
    if (!hex && !base64) return SW_OK;
    if (hex) return sw_hex_append(made, sw_buffer_bytes(&digits), true, err);
    while (digits.size % 4 != 0 && !digits.failed) sw_put_u8(&digits, '=');
    return sw_base64_decode_any(made, sw_buffer_bytes(&digits), err);
}

/* ---- text before PEM ---- */
static bool line_next(sw_bytes *rest, sw_bytes *line) {
    if (rest->size == 0) return false;
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    size_t size = end == NULL ? rest->size : (size_t)(end - rest->data) + 1;
    *line = SW_BYTES(rest->data, size);
    *rest = SW_BYTES(rest->data + size, rest->size - size);
    return true;
}

static bool has(sw_bytes line, const char *text) {
    return memmem(line.data, line.size, text, strlen(text)) != NULL;
}

/* Nothing but the boundary, and the line's end. */
static bool is_boundary(sw_bytes line, const char *boundary) {
    sw_bytes whole = sw_text(boundary);
    if (!sw_bytes_starts(line, whole)) return false;
    for (size_t i = whole.size; i < line.size; i++)
        if (!is_white(line.data[i])) return false;
    return true;
}

/* The blocks of one label. False where a boundary stands within a line, one of another label
 * anywhere, or one out of turn. */
static bool blocks_take(sw_bytes in, const char *begin, const char *end, sw_buffer *out) {
    bool inside = false;
    sw_bytes line;
    sw_buffer_reset(out);
    while (line_next(&in, &line)) {
        bool bound = has(line, "-----BEGIN") || has(line, "-----END");
        if (bound && !is_boundary(line, inside ? end : begin)) return false;
        if (inside || bound) sw_put_bytes(out, line);
        inside = inside != bound;
    }
    return !inside && out->size > 0;
}

/* Quotes, event logs and DER have bytes that no text has. */
static bool is_text(sw_bytes in) {
    for (size_t i = 0; i < in.size; i++)
        if (in.data[i] < ' ' && !is_white(in.data[i])) return false;
    return true;
}

/* What begins with a block is read as it is, by whoever reads blocks. */
static void pem_take(sw_bytes in, sw_buffer *made) {
    if (sw_bytes_starts(in, SW_LITERAL("-----")) || !is_text(in)) return;
    if (!blocks_take(in, "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", made) &&
        !blocks_take(in, "-----BEGIN X509 CRL-----", "-----END X509 CRL-----", made))
        sw_buffer_reset(made);
}

/* JSON and XML are themselves, whatever stands in them. */
static bool is_document(sw_bytes in) {
    return in.size == 0 || memchr("{[<", in.data[0], 3) != NULL;
}

sw_status sw_attest_text_read(sw_arena *a, sw_bytes in, sw_bytes *out, sw_error *err) {
    SW_SCOPED(sw_buffer) made = SW_BUFFER(in.size);
    *out = in;
    if (is_document(in)) return SW_OK;
    SW_TRY(digits_decode(in, &made, err));
    if (made.size == 0) pem_take(in, &made);
    SW_TRY(sw_buffer_check(&made, "evidence in text", err));
    return made.size > 0 ? keep(a, sw_buffer_bytes(&made), out, err) : SW_OK;
}
