/* SPDX-License-Identifier: Apache-2.0
 *
 * DER: a bounds-checked reader for the few structures we parse ourselves (the PCK extension, ECDSA
 * signatures), and a small writer. Definite, minimal lengths only.
 */
#ifndef SW_CODEC_DER_H
#define SW_CODEC_DER_H
#include "base/base.h"

enum {
    SW_DER_BOOLEAN = 0x01,
    SW_DER_INTEGER = 0x02,
    SW_DER_OCTETS = 0x04,
    SW_DER_OID = 0x06,
    SW_DER_ENUMERATED = 0x0a,
    SW_DER_SEQUENCE = 0x30
};

uint8_t sw_der_peek(const sw_reader *r); /* next tag, 0 at the end */
sw_bytes sw_der_read(
    sw_reader *r,
    uint8_t tag); /* content of the next element, which must have this tag; sticky failure */
sw_reader sw_der_enter(sw_reader *r,
                       uint8_t tag); /* reader over that content; failed when r failed */
uint64_t sw_der_read_u64(sw_reader *r,
                         uint8_t tag); /* non-negative minimal INTEGER or ENUMERATED */
void sw_der_put(sw_buffer *out, uint8_t tag, sw_bytes content);
void sw_der_put_u64(sw_buffer *out, uint8_t tag, uint64_t v);
/* Dotted OID to DER content; false when malformed. */
bool sw_der_oid(sw_buffer *out, const char *dotted);
#endif
