/* SPDX-License-Identifier: Apache-2.0
 *
 * Hex and base64 (RFC 4648). Decoders are strict: hex is lower case only unless said otherwise,
 * base64 demands canonical padding bits.
 */
#ifndef SW_CODEC_TEXT_H
#define SW_CODEC_TEXT_H
#include "base/base.h"

void sw_hex_encode(sw_buffer *out, sw_bytes in);
/* Writes 2*in.size characters and a NUL to `out`. */
void sw_hex_text(char *out, sw_bytes in);
/* Exactly out_size bytes from exactly 2*out_size characters. `upper` also accepts A-F (Intel's
 * collateral). */
SW_NODISCARD sw_status sw_hex_decode(void *out, size_t out_size, sw_bytes text, bool upper,
                                     sw_error *err);
bool sw_hex_is(sw_bytes text, sw_bytes bytes); /* lower-case hex of exactly these bytes */
SW_NODISCARD sw_status sw_hex_append(sw_buffer *out, sw_bytes text, bool upper, sw_error *err);
/* DER as others write it in text: base64 of a long SEQUENCE begins with M, all else is hex of
 * either case. Not empty. */
SW_NODISCARD sw_status sw_der_text_decode(sw_buffer *out, sw_bytes text, sw_error *err);

void sw_base64_encode(sw_buffer *out, sw_bytes in); /* standard alphabet, padded */
SW_NODISCARD sw_status sw_base64_decode(sw_buffer *out, sw_bytes text,
                                        sw_error *err); /* standard alphabet only */
SW_NODISCARD sw_status sw_base64_decode_any(sw_buffer *out, sw_bytes text,
                                            sw_error *err); /* either alphabet (DSSE) */

/* PEM blocks of one label ("CERTIFICATE"): calls `each` with the DER of every block in order;
 * refuses text between blocks other than white space, more than `limit` blocks, and a missing final
 * block. A trailing NUL is allowed (Intel's chains). */
typedef sw_status (*sw_pem_visit)(void *context, sw_bytes der, sw_error *err);
SW_NODISCARD sw_status sw_pem_decode(sw_bytes text, const char *label, size_t limit,
                                     sw_pem_visit each, void *context, sw_error *err);
/* The same blocks in the form of sw_pem_encode, for others' chains: nothing signs what stands
 * between certificates, so we know one form. *count blocks. */
SW_NODISCARD sw_status sw_pem_rewrite(sw_bytes text, const char *label, size_t limit,
                                      sw_buffer *out, size_t *count, sw_error *err);
/* The same of a chain of at most 8 certificates for who only passes it on: text that is no such PEM
 * stays as it is, and whoever judges it says what is wrong. SW_MEMORY alone. */
SW_NODISCARD sw_status sw_pem_normalise_chain(sw_arena *a, sw_bytes *text, sw_error *err);
void sw_pem_encode(sw_buffer *out, const char *label,
                   sw_bytes der); /* 64 columns, trailing newline */
#endif
