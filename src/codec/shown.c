/* SPDX-License-Identifier: Apache-2.0
 *
 * Names in messages: a byte that a terminal would act on, or that hides another, is none of them.
 */
#include "codec/shown.h"

const char *sw_shown_name(char out[SW_SHOWN_NAME_BYTES], sw_bytes name) {
    size_t size = name.size < SW_SHOWN_NAME_BYTES - 1 ? name.size : SW_SHOWN_NAME_BYTES - 1;
    for (size_t i = 0; i < size; i++)
        out[i] = name.data[i] > 0x20 && name.data[i] < 0x7f ? (char)name.data[i] : '?';
    out[size] = 0;
    return out;
}
