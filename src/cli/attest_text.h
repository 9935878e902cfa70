/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence as people paste it: text around what is meant.
 */
#ifndef SW_CLI_ATTEST_TEXT_H
#define SW_CLI_ATTEST_TEXT_H
#include "base/base.h"

/* Files that are hex or base64 as a whole are the bytes that they stand for (EVD-161), PEM behind
 * explanatory text (RFC 7468 section 2) is its blocks alone; everything else is itself. Done once:
 * what comes out is not looked at for text again. SW_MALFORMED "format" for digits that stand for
 * no bytes. Views of `in` or into the arena. */
SW_NODISCARD sw_status sw_attest_text_read(sw_arena *a, sw_bytes in, sw_bytes *out, sw_error *err);
#endif
