/* SPDX-License-Identifier: Apache-2.0
 *
 * Hex and base64 (RFC 4648). One value, one encoding: padding is demanded and its
 * bits are zero. A decoder that fails leaves its output as it was.
 */
#include "codec/text.h"

#include <string.h>

static const char HEX_DIGITS[16] = "0123456789abcdef";
static const char BASE64_DIGITS[64] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ---- hex ---- */

static void hex_write(char *out, sw_bytes in) {
    for (size_t i = 0; i < in.size; i++) {
        out[2 * i] = HEX_DIGITS[in.data[i] >> 4];
        out[2 * i + 1] = HEX_DIGITS[in.data[i] & 15];
    }
}

void sw_hex_encode(sw_buffer *out, sw_bytes in) {
    size_t size;
    if (!sw_mul_size(in.size, 2, &size)) {
        sw_buffer_fail(out, SW_LIMIT);
        return;
    }
    char *space = (char *)sw_put_space(out, size);
    if (space != NULL) hex_write(space, in);
}

void sw_hex_text(char *out, sw_bytes in) {
    hex_write(out, in);
    out[2 * in.size] = 0;
}

/* -1 when it is no digit. */
static int hex_value(uint8_t c, bool upper) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (upper && c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static sw_status hex_check(sw_bytes text, bool upper, sw_error *err) {
    if (text.size % 2 != 0)
        return sw_fail(err, SW_MALFORMED, "format", "hex has an odd number of digits (%zu)",
                       text.size);
    for (size_t i = 0; i < text.size; i++)
        if (hex_value(text.data[i], upper) < 0)
            return sw_fail(err, SW_MALFORMED, "format", "character %zu is not a hex digit%s", i,
                           upper ? "" : " in lower case");
    return SW_OK;
}

/* Of checked text. */
static void hex_read(uint8_t *out, sw_bytes text) {
    for (size_t i = 0; i < text.size / 2; i++) {
        unsigned high = (unsigned)hex_value(text.data[2 * i], true);
        out[i] = (uint8_t)(high << 4 | (unsigned)hex_value(text.data[2 * i + 1], true));
    }
}

sw_status sw_hex_decode(void *out, size_t out_size, sw_bytes text, bool upper, sw_error *err) {
    if (text.size / 2 != out_size || text.size % 2 != 0)
        return sw_fail(err, SW_MALFORMED, "format", "hex has %zu digits, not %zu", text.size,
                       2 * out_size);
    SW_TRY(hex_check(text, upper, err));
    hex_read(out, text);
    return SW_OK;
}

bool sw_hex_is(sw_bytes text, sw_bytes bytes) {
    if (text.size / 2 != bytes.size || text.size % 2 != 0) return false;
    for (size_t i = 0; i < bytes.size; i++)
        if (text.data[2 * i] != (uint8_t)HEX_DIGITS[bytes.data[i] >> 4] ||
            text.data[2 * i + 1] != (uint8_t)HEX_DIGITS[bytes.data[i] & 15])
            return false;
    return true;
}

sw_status sw_hex_append(sw_buffer *out, sw_bytes text, bool upper, sw_error *err) {
    SW_TRY(hex_check(text, upper, err));
    uint8_t *space = sw_put_space(out, text.size / 2);
    if (space == NULL) return sw_buffer_check(out, "the decoded hex", err);
    hex_read(space, text);
    return SW_OK;
}

/* ---- base64 ---- */

void sw_base64_encode(sw_buffer *out, sw_bytes in) {
    size_t size;
    if (!sw_mul_size(in.size / 3 + (in.size % 3 != 0), 4, &size)) {
        sw_buffer_fail(out, SW_LIMIT);
        return;
    }
    uint8_t *to = sw_put_space(out, size);
    if (to == NULL) return;
    for (size_t i = 0; i < in.size; i += 3, to += 4) {
        size_t left = in.size - i;
        uint32_t three = (uint32_t)in.data[i] << 16;
        if (left > 1) three |= (uint32_t)in.data[i + 1] << 8;
        if (left > 2) three |= in.data[i + 2];
        to[0] = (uint8_t)BASE64_DIGITS[three >> 18];
        to[1] = (uint8_t)BASE64_DIGITS[three >> 12 & 63];
        to[2] = left > 1 ? (uint8_t)BASE64_DIGITS[three >> 6 & 63] : '=';
        to[3] = left > 2 ? (uint8_t)BASE64_DIGITS[three & 63] : '=';
    }
}

typedef struct alphabet {
    uint8_t digit62, digit63;
} alphabet;

typedef struct base64_values { /* by character; -1: no digit */
    int8_t of[256];
} base64_values;

static void base64_values_of(alphabet a, base64_values *out) {
    memset(out->of, -1, sizeof out->of);
    for (int8_t i = 0; i < 62; i++) out->of[(uint8_t)BASE64_DIGITS[i]] = i;
    out->of[a.digit62] = 62;
    out->of[a.digit63] = 63;
}

/* The number of decoded bytes; refuses bad length, digits, padding and padding bits. */
static sw_status base64_check(sw_bytes text, const base64_values *values, size_t *size,
                              sw_error *err) {
    if (text.size % 4 != 0)
        return sw_fail(err, SW_MALFORMED, "format", "base64 of %zu characters is not padded to 4",
                       text.size);
    size_t pad = 0;
    while (pad < 2 && pad < text.size && text.data[text.size - 1 - pad] == '=') pad++;
    int last = 0;
    for (size_t i = 0; i < text.size - pad; i++) {
        last = values->of[text.data[i]];
        if (last < 0) return sw_fail(err, SW_MALFORMED, "format", "character %zu is not base64", i);
    }
    if ((pad == 1 && (last & 3) != 0) || (pad == 2 && (last & 15) != 0))
        return sw_fail(err, SW_MALFORMED, "format", "the last bits of the base64 are not zero");
    *size = text.size / 4 * 3 - pad;
    return SW_OK;
}

static sw_status base64_decode(sw_buffer *out, sw_bytes text, alphabet a, sw_error *err) {
    size_t size = 0;
    base64_values values;
    base64_values_of(a, &values);
    SW_TRY(base64_check(text, &values, &size, err));
    uint8_t *to = sw_put_space(out, size);
    if (to == NULL) return sw_buffer_check(out, "the decoded base64", err);
    uint32_t bits = 0, held = 0;
    for (size_t i = 0, done = 0; done < size; i++) {
        bits = bits << 6 | (uint32_t)values.of[text.data[i]];
        held += 6;
        if (held < 8) continue;
        held -= 8;
        to[done++] = (uint8_t)(bits >> held);
    }
    return SW_OK;
}

sw_status sw_base64_decode(sw_buffer *out, sw_bytes text, sw_error *err) {
    return base64_decode(out, text, (alphabet){'+', '/'}, err);
}

sw_status sw_der_text_decode(sw_buffer *out, sw_bytes text, sw_error *err) {
    if (text.size == 0) return sw_fail(err, SW_MALFORMED, "format", "it is empty");
    return sw_bytes_starts(text, SW_LITERAL("M")) ? sw_base64_decode(out, text, err)
                                                  : sw_hex_append(out, text, true, err);
}

sw_status sw_base64_decode_any(sw_buffer *out, sw_bytes text, sw_error *err) {
    bool url = text.size > 0 && (memchr(text.data, '-', text.size) != NULL ||
                                 memchr(text.data, '_', text.size) != NULL);
    return base64_decode(out, text, url ? (alphabet){'-', '_'} : (alphabet){'+', '/'}, err);
}
