/* SPDX-License-Identifier: Apache-2.0
 *
 * What Intel's provisioning service and its caches (PCCS) answer beside JSON (MCH-060 to MCH-063):
 * issuer chains, percent-encoded in header fields, and revocation lists in three spellings.
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

/* RFC 3986 2.1; what stands for itself is printable and not '%'. */
static sw_status percent_decode(sw_bytes in, sw_buffer *out, sw_error *err) {
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
        sw_put_u8(out, c);
    }
    return SW_OK;
}

static sw_status count_one(void *context, sw_bytes der, sw_error *err) {
    (void)der;
    (void)err;
    ++*(size_t *)context;
    return SW_OK;
}

sw_status sw_pcs_chain_parse(sw_arena *a, sw_bytes field, sw_bytes *pem, sw_error *err) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_ISSUER_CHAIN_LIMIT);
    size_t count = 0;
    if (field.size == 0)
        return sw_fail(err, SW_MALFORMED, "format", "the answer has no issuer chain");
    SW_TRY(percent_decode(field, &text, err));
    SW_TRY(sw_buffer_check(&text, "an issuer chain", err));
    if (memchr(text.data, 0, text.size) != NULL)
        return sw_fail(err, SW_MALFORMED, "format", "an issuer chain holds a NUL");
    sw_status status =
        sw_pem_decode(sw_buffer_bytes(&text), "CERTIFICATE", CHAIN_COUNT, count_one, &count, err);
    if (status == SW_OK && count != CHAIN_COUNT)
        status = sw_fail(err, SW_MALFORMED, "format", "%zu certificate instead of two", count);
    if (status != SW_OK) {
        sw_error_prefix(err, "an issuer chain");
        return status;
    }
    return keep(a, &text, "an issuer chain", pem, err);
}

/* ---- revocation lists ---- */
static sw_status take_der(void *context, sw_bytes der, sw_error *err) {
    sw_put_bytes(context, der);
    return sw_buffer_check(context, "a revocation list", err);
}

sw_status sw_pcs_list_parse(sw_arena *a, sw_bytes body, sw_bytes *der, sw_error *err) {
    static const uint8_t sequence[] = {0x30, 0x82};
    SW_SCOPED(sw_buffer) list = SW_BUFFER(SW_REVOCATION_LIMIT);
    sw_status status;
    if (sw_bytes_starts(body, SW_LITERAL("-----BEGIN"))) {
        status = sw_pem_decode(body, LIST_LABEL, 1, take_der, &list, err);
    } else if (sw_bytes_starts(body, SW_BYTES_OF(sequence)) ||
               sw_bytes_starts(body, SW_LITERAL("0\x81"))) {
        status = take_der(&list, body, err);
    } else {
        status = sw_hex_append(&list, body, true, err);
    }
    if (status == SW_OK && list.size == 0)
        status = sw_fail(err, SW_MALFORMED, "format", "it is empty");
    if (status != SW_OK) {
        sw_error_prefix(err, "a revocation list is neither DER, PEM nor hexadecimal");
        return status;
    }
    return keep(a, &list, "a revocation list", der, err);
}
