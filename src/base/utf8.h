/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8, and text that may be shown.
 */
#ifndef SW_BASE_UTF8_H
#define SW_BASE_UTF8_H
#include "base/bytes.h"

bool sw_utf8_valid(sw_bytes text); /* no surrogates, no overlong forms, <= U+10FFFF */
/* One character of valid UTF-8 at `at` (advances it), and the one that ends at `at` (moves back).
 */
uint32_t sw_utf8_next(sw_bytes text, size_t *at);
uint32_t sw_utf8_previous(sw_bytes text, size_t *at);
typedef struct sw_utf8_range {
    uint32_t first, last;
} sw_utf8_range;
bool sw_utf8_among(uint32_t character, const sw_utf8_range *ranges, size_t count);
/* Valid UTF-8, every character of which is seen where it stands: no controls, no line ends, nothing
 * that is not drawn or that turns the direction (RCP-004). The empty text is that. */
bool sw_utf8_plain(sw_bytes text);
/* Plain, and what a name may be: no space but U+0020 (Zs of Unicode, and the empty U+2800), none at
 * either end and no two together, so that two names that differ look different. */
bool sw_utf8_name(sw_bytes text);
#define SW_UTF8_NAME_FORM                                                                          \
    "UTF-8 without control or invisible characters, with single spaces within it and no other "    \
    "space"
/* Puts "?" for every byte that keeps the text from being plain. */
void sw_utf8_make_plain(char *text);
#endif
