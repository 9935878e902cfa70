/* SPDX-License-Identifier: Apache-2.0
 *
 * A name from outside, fit for a message.
 */
#ifndef SW_CODEC_SHOWN_H
#define SW_CODEC_SHOWN_H
#include "base/base.h"

#define SW_SHOWN_NAME_BYTES 97
/* Printable ASCII, any other byte as "?", cut. Returns `out`. */
const char *sw_shown_name(char out[SW_SHOWN_NAME_BYTES], sw_bytes name);
#endif
