/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines that explanations of every kind are made of: a label, and a value that is hex, numbers,
 * times, or text whose characters were found plain.
 */
#ifndef SW_ATTEST_EXPLAIN_LINES_H
#define SW_ATTEST_EXPLAIN_LINES_H
#include "crypto/x509.h"

void sw_line_text(sw_buffer *out, const char *label, const char *plain); /* nothing when empty */
void sw_line_hex(sw_buffer *out, const char *label, sw_bytes value);
/* With "?" for each byte that is no printable ASCII; nothing when empty. */
void sw_line_shown(sw_buffer *out, const char *label, sw_bytes text);
void sw_line_number(sw_buffer *out, const char *label, uint64_t value);
void sw_line_time(sw_buffer *out, const char *label, int64_t from_ms, int64_t until_ms);
/* At most so many bytes of it, and "?" for each that is no printable ASCII. */
void sw_put_plain(sw_buffer *out, sw_bytes text, size_t most);
/* One certificate: its common name and its issuer's, serial number, dates, SHA-256. */
void sw_put_certificate(sw_buffer *out, const sw_cert *cert);
#endif
