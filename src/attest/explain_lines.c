/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines that explanations share.
 */
#include "attest/explain_lines.h"

#include "codec/text.h"

void sw_line_text(sw_buffer *out, const char *label, const char *plain) {
    if (plain[0] != 0) sw_put_format(out, "  %-24s %s\n", label, plain);
}

void sw_line_hex(sw_buffer *out, const char *label, sw_bytes value) {
    sw_put_format(out, "  %-24s ", label);
    sw_hex_encode(out, value);
    sw_put_u8(out, '\n');
}

void sw_line_shown(sw_buffer *out, const char *label, sw_bytes text) {
    if (text.size == 0) return;
    sw_put_format(out, "  %-24s ", label);
    sw_put_plain(out, text, text.size);
    sw_put_u8(out, '\n');
}

void sw_line_number(sw_buffer *out, const char *label, uint64_t value) {
    sw_put_format(out, "  %-24s %llu\n", label, (unsigned long long)value);
}

void sw_line_time(sw_buffer *out, const char *label, int64_t from_ms, int64_t until_ms) {
    char from[21], until[21];
    sw_time_text(from, from_ms);
    sw_time_text(until, until_ms);
    sw_put_format(out, "  %-24s %s to %s\n", label, from, until);
}

void sw_put_plain(sw_buffer *out, sw_bytes text, size_t most) {
    for (size_t i = 0; i < text.size && i < most; i++) {
        uint8_t c = text.data[i];
        sw_put_u8(out, c >= 0x20 && c < 0x7f ? c : '?');
    }
}

void sw_put_certificate(sw_buffer *out, const sw_cert *cert) {
    char name[128];
    uint8_t serial[20];
    size_t serial_bytes = 0;
    int64_t from = 0, until = 0;
    sw_hash digest;
    sw_put_text(out, "  ");
    if (sw_cert_common_name(cert, name, sizeof name, NULL) == SW_OK)
        sw_put_plain(out, sw_text(name), sizeof name);
    else
        sw_put_text(out, "(no common name)");
    sw_put_u8(out, '\n');
    if (sw_cert_issuer_name(cert, name, sizeof name, NULL) == SW_OK)
        sw_line_shown(out, "issuer", sw_text(name));
    if (sw_cert_serial(cert, serial, &serial_bytes, NULL) == SW_OK)
        sw_line_hex(out, "serial number", SW_BYTES(serial, serial_bytes));
    sw_cert_validity(cert, &from, &until);
    sw_line_time(out, "valid", from, until);
    sw_sha256(&digest, sw_cert_der(cert));
    sw_line_hex(out, "SHA-256", SW_BYTES_OF(digest.b));
}
