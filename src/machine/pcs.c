/* SPDX-License-Identifier: Apache-2.0
 *
 * What Intel's provisioning service and its caches (PCCS) answer beside JSON (MCH-060 to MCH-063):
 * issuer chains, percent-encoded in header fields, and revocation lists in four spellings.
 *
 * Only form is judged here; that a chain or a list is genuine is seen when the whole is verified.
 */
#include "codec/text.h"
#include "machine/collect.h"

#include <string.h>

enum { CHAIN_COUNT = 2 };
#define LIST_LABEL "X509 CRL"

static sw_status keep(sw_arena *a, const sw_buffer *b, const char *what, sw_bytes *out,
                      sw_error *err) {
    SW_TRY(sw_buffer_check(b, what, err));
    sw_bytes kept = sw_arena_copy(a, sw_buffer_bytes(b));
    if (kept.data == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for %s", what);
    *out = kept;
    return SW_OK;
}

/* ---- chains ---- */
static int hex_digit(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* RFC 3986 2.1; what stands for itself is printable and not '%'. As a form is encoded, a plus is a
 * space. */
static sw_status percent_decode(sw_bytes in, bool form, sw_buffer *out, sw_error *err) {
    for (size_t i = 0; i < in.size; i++) {
        uint8_t c = in.data[i];
        if (c == '%') {
            int high = i + 2 < in.size ? hex_digit(in.data[i + 1]) : -1;
            int low = i + 2 < in.size ? hex_digit(in.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return sw_fail(err, SW_MALFORMED, "format",
                               "an issuer chain has no two digits behind a percent sign");
            c = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (c <= ' ' || c > '~') {
            return sw_fail(err, SW_MALFORMED, "format",
                           "an issuer chain is not percent-encoded at byte %zu", i);
        }
        sw_put_u8(out, form && in.data[i] == '+' ? ' ' : c);
    }
    return SW_OK;
}

/* A plus of base64 may stand for itself, but no label has one. */
static sw_status chain_decode(sw_bytes field, sw_buffer *out, sw_error *err) {
    SW_TRY(percent_decode(field, false, out, err));
    if (!sw_bytes_starts(sw_buffer_bytes(out), SW_LITERAL("-----BEGIN+"))) return SW_OK;
    sw_buffer_reset(out);
    return percent_decode(field, true, out, err);
}

static sw_status chain_read(sw_bytes text, sw_buffer *pem, sw_error *err) {
    size_t count;
    SW_TRY(sw_pem_rewrite(text, "CERTIFICATE", CHAIN_COUNT, pem, &count, err));
    if (count == CHAIN_COUNT) return SW_OK;
    return sw_fail(err, SW_MALFORMED, "format", "%zu certificate instead of two", count);
}

sw_status sw_pcs_chain_parse(sw_arena *a, sw_bytes field, sw_bytes *out, sw_error *err) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_ISSUER_CHAIN_LIMIT);
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(SW_ISSUER_CHAIN_LIMIT);
    if (field.size == 0)
        return sw_fail(err, SW_MALFORMED, "format", "the answer has no issuer chain");
    SW_TRY(chain_decode(field, &text, err));
    SW_TRY(sw_buffer_check(&text, "an issuer chain", err));
    if (memchr(text.data, 0, text.size) != NULL)
        return sw_fail(err, SW_MALFORMED, "format", "an issuer chain holds a NUL");
    sw_status status = chain_read(sw_buffer_bytes(&text), &pem, err);
    if (status == SW_OK) return keep(a, &pem, "an issuer chain", out, err);
    sw_error_prefix(err, "an issuer chain");
    return status;
}

/* ---- revocation lists ---- */
static sw_status take_der(void *context, sw_bytes der, sw_error *err) {
    sw_put_bytes(context, der);
    return sw_buffer_check(context, "a revocation list", err);
}

static bool is_line_end(uint8_t c) {
    return c == '\n' || c == '\r';
}

sw_status sw_pcs_list_parse(sw_arena *a, sw_bytes body, sw_bytes *der, sw_error *err) {
    SW_SCOPED(sw_buffer) list = SW_BUFFER(SW_REVOCATION_LIMIT);
    sw_status status;
    /* A SEQUENCE of a long length; of text no second byte is so high. */
    bool binary = body.size > 1 && body.data[0] == 0x30 && body.data[1] >= 0x80;
    while (!binary && body.size > 0 && is_line_end(body.data[body.size - 1])) body.size--;
    if (sw_bytes_starts(body, SW_LITERAL("-----BEGIN"))) {
        status = sw_pem_decode(body, LIST_LABEL, 1, take_der, &list, err);
    } else if (binary) {
        status = take_der(&list, body, err);
    } else {
        status = sw_der_text_decode(&list, body, err);
    }
    if (status == SW_OK && list.size == 0)
        status = sw_fail(err, SW_MALFORMED, "format", "it is empty");
    if (status != SW_OK) {
        sw_error_prefix(err, "a revocation list is neither DER, PEM, hexadecimal nor base64");
        return status;
    }
    return keep(a, &list, "a revocation list", der, err);
}
