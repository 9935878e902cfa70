/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's side of confinement: its first call, before any thread and any byte of data.
 */
#ifndef SW_SYS_CONFINE_H
#define SW_SYS_CONFINE_H
#include "base/base.h"

/* Checks that this process is held (no_new_privs, a seccomp filter, RLIMIT_CORE 0) and forbids
 * dumps. Also keeps the allocator to one arena, because a second one would open files.
 * SW_REFUSED "sandbox" when a layer is missing: the worker must then end. */
SW_NODISCARD sw_status sw_confine_enter(sw_error *err);

#endif
