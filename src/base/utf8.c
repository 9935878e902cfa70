/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8 (RFC 3629), and which of its characters are seen.
 */
#include "base/utf8.h"

#include <string.h>

/* Length of the well-formed sequence at the start (RFC 3629 section 4), 0 when there is none. */
static size_t utf8_sequence(sw_bytes t) {
    uint8_t lead = t.data[0];
    if (lead < 0x80) return 1;
    size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || t.size < size) return 0;
    uint8_t low = 0x80, high = 0xbf;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
    if (t.data[1] < low || t.data[1] > high) return 0;
    for (size_t i = 2; i < size; i++)
        if ((t.data[i] & 0xc0) != 0x80) return 0;
    return size;
}

/* Bytes of ASCII at the start, in whole words of eight. */
static size_t ascii_words(sw_bytes t) {
    uint64_t word;
    size_t size = 0;
    for (; t.size - size >= sizeof word; size += sizeof word) {
        memcpy(&word, t.data + size, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0) break;
    }
    return size;
}

bool sw_utf8_valid(sw_bytes text) {
    while (text.size > 0) {
        size_t size = ascii_words(text);
        if (size == 0) size = utf8_sequence(text);
        if (size == 0) return false;
        text.data += size;
        text.size -= size;
    }
    return true;
}

/* Of Unicode 15.0, ascending. What nobody sees: Cc, Zl, Zp, Cf and Default_Ignorable_Code_Point. */
static const sw_utf8_range UNSEEN[] = {
    {0x0000, 0x001f},   {0x007f, 0x009f},   {0x00ad, 0x00ad},   {0x034f, 0x034f},
    {0x0600, 0x0605},   {0x061c, 0x061c},   {0x06dd, 0x06dd},   {0x070f, 0x070f},
    {0x0890, 0x0891},   {0x08e2, 0x08e2},   {0x115f, 0x1160},   {0x17b4, 0x17b5},
    {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},
    {0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
    {0xfff0, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f},
    {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

/* Zs but U+0020, and the braille pattern without a dot. */
static const sw_utf8_range ODD_SPACE[] = {
    {0x00a0, 0x00a0}, {0x1680, 0x1680}, {0x2000, 0x200a}, {0x202f, 0x202f},
    {0x205f, 0x205f}, {0x2800, 0x2800}, {0x3000, 0x3000},
};

bool sw_utf8_among(uint32_t character, const sw_utf8_range *ranges, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (character >= ranges[i].first && character <= ranges[i].last) return true;
    return false;
}

uint32_t sw_utf8_next(sw_bytes text, size_t *at) {
    const uint8_t *p = text.data + *at;
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    *at += length;
    if (length == 1) return p[0];
    uint32_t c = p[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) c = c << 6 | (p[i] & 0x3fu);
    return c;
}

uint32_t sw_utf8_previous(sw_bytes text, size_t *at) {
    do --*at;
    while (*at > 0 && (text.data[*at] & 0xc0) == 0x80);
    size_t start = *at;
    return sw_utf8_next(text, &start);
}

/* Length of the character at the start when it is seen where it stands, else 0. */
static size_t plain_sequence(sw_bytes text) {
    size_t size = utf8_sequence(text), at = 0;
    if (size == 0) return 0;
    uint32_t character = sw_utf8_next(text, &at);
    return sw_utf8_among(character, UNSEEN, sizeof UNSEEN / sizeof *UNSEEN) ? 0 : size;
}

bool sw_utf8_plain(sw_bytes text) {
    while (text.size > 0) {
        size_t size = plain_sequence(text);
        if (size == 0) return false;
        text.data += size;
        text.size -= size;
    }
    return true;
}

bool sw_utf8_name(sw_bytes text) {
    if (text.size == 0 || !sw_utf8_plain(text)) return false;
    uint32_t before = ' ';
    for (size_t at = 0; at < text.size;) {
        uint32_t character = sw_utf8_next(text, &at);
        if (character == ' ' && before == ' ') return false;
        if (sw_utf8_among(character, ODD_SPACE, sizeof ODD_SPACE / sizeof *ODD_SPACE)) return false;
        before = character;
    }
    return before != ' ';
}

void sw_utf8_make_plain(char *text) {
    size_t size = strlen(text);
    for (size_t at = 0; at < size;) {
        size_t plain = plain_sequence(SW_BYTES(text + at, size - at));
        if (plain == 0) text[at] = '?';
        at += plain == 0 ? 1 : plain;
    }
}
