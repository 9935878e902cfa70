/* SPDX-License-Identifier: Apache-2.0
 *
 * Characters: UTF-8 stepping, GPT-2's table of bytes as printable characters, and the repair of
 * ill-formed UTF-8.
 *
 * The table: the 188 printable bytes of Latin-1 stand for themselves; the other 68, in ascending
 * order, are U+0100 and the following. Repair replaces each maximal subpart of an ill-formed
 * sequence by U+FFFD (Unicode 15, table 3-7 and section 3.9, "Substitution of Maximal Subparts").
 */
#include "tokenizer/tokenizer_internal.h"

static bool printable(uint32_t byte) {
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) ||
           (byte >= 0xae && byte <= 0xff);
}

/* The others are 0x00-0x20, 0x7f-0xa0 and 0xad: 33 + 34 + 1. */
uint32_t sw_byte_character(uint8_t byte) {
    if (printable(byte)) return byte;
    if (byte <= 0x20) return 0x100u + byte;
    return byte == 0xad ? 0x100u + 67 : 0x100u + 33 + (byte - 0x7fu);
}

static bool character_byte(uint32_t character, uint8_t *out) {
    if (character <= 0xff) {
        *out = (uint8_t)character;
        return printable(character);
    }
    if (character > 0x100 + 67) return false;
    uint32_t rank = character - 0x100;
    *out = (uint8_t)(rank < 33 ? rank : rank == 67 ? 0xad : 0x7f + (rank - 33));
    return true;
}

bool sw_token_spelling(sw_bytes content, uint8_t *out, size_t *out_size) {
    size_t size = 0;
    for (size_t at = 0; at < content.size; size++)
        if (!character_byte(sw_utf8_next(content, &at), &out[size])) return false;
    *out_size = size;
    return true;
}

/* Bytes of the well-formed character at the front, or minus those of the ill-formed part. */
static int measure(sw_bytes b) {
    uint8_t lead = b.data[0], low = 0x80, high = 0xbf;
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return -1;
    int length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
    for (int i = 1; i < length; i++) {
        if ((size_t)i >= b.size || b.data[i] < low || b.data[i] > high) return -i;
        low = 0x80, high = 0xbf;
    }
    return length;
}

void sw_utf8_repair(sw_buffer *out, sw_bytes bytes) {
    size_t plain = 0, at = 0;
    while (at < bytes.size) {
        int length = measure(SW_BYTES(bytes.data + at, bytes.size - at));
        if (length > 0) {
            at += (size_t)length;
            continue;
        }
        sw_put_bytes(out, SW_BYTES(bytes.data + plain, at - plain));
        sw_put_text(out, "\xef\xbf\xbd");
        at += (size_t)-length;
        plain = at;
    }
    if (plain < at) sw_put_bytes(out, SW_BYTES(bytes.data + plain, at - plain));
}
