/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the machine has swap (SANDBOX-054). A process chooses what the kernel writes there
 * (MADV_PAGEOUT), and the disk is the host's.
 */
#ifndef SW_SYS_SWAP_H
#define SW_SYS_SWAP_H
#include "base/base.h"

/* `root` is "" (in tests a folder with a /proc). True when the kernel says that there is none; what
 * cannot be read says nothing. */
bool sw_swap_is_off(const char *root);
#endif
