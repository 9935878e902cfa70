/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8, and text that may be shown.
 */
#ifndef SW_BASE_UTF8_H
#define SW_BASE_UTF8_H
#include "base/bytes.h"

bool sw_utf8_valid(sw_bytes text); /* no surrogates, no overlong forms, <= U+10FFFF */
/* Valid UTF-8, every character of which is seen where it stands: no controls, no line ends, nothing
 * that is not drawn or that turns the direction (RCP-004). The empty text is that. */
bool sw_utf8_plain(sw_bytes text);
/* Plain, and what a name may be: no space but U+0020 (Zs of Unicode, and the empty U+2800), none at
 * either end and no two together, so that two names that differ look different. */
bool sw_utf8_name(sw_bytes text);
/* Puts "?" for every byte that keeps the text from being plain. */
void sw_utf8_make_plain(char *text);
#endif
