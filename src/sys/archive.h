/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder as a tar stream that is a function of names and contents alone.
 */
#ifndef SW_SYS_ARCHIVE_H
#define SW_SYS_ARCHIVE_H
#include "base/base.h"

#define SW_ARCHIVE_DEPTH   64
#define SW_ARCHIVE_ENTRIES 1000000 /* in one folder */

typedef struct sw_archive_input {
    const char *path; /* a file or a folder */
    const char *name; /* its name inside; "" for a folder whose content stands at the root */
} sw_archive_input;

typedef sw_status (*sw_archive_sink)(void *context, sw_bytes bytes, sw_error *err);

/* Inputs in the order given; in a folder bytewise by name, what a folder holds right behind it.
 * Owner 0, time 0, modes 0644 and 0755. Links and special files are refused (SW_REFUSED "archive"),
 * and a file that changes its size while it is read. */
SW_NODISCARD sw_status sw_archive_write(const sw_archive_input *inputs, size_t count,
                                        sw_archive_sink sink, void *context, sw_error *err);
#endif
