/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders that appear whole, and files that go away for good.
 */
#ifndef SW_SYS_FOLDER_H
#define SW_SYS_FOLDER_H
#include "base/base.h"
#include <sys/types.h>

/* Makes an empty "FOLDER.partial" to fill and then publish as FOLDER; what a killed making left
 * there goes. SW_EXISTS when FOLDER is there. */
SW_NODISCARD sw_status sw_folder_draft(sw_arena *arena, const char *folder, mode_t mode,
                                       const char **draft, sw_error *err);
/* Renames a complete folder to its final name and syncs the parent; SW_EXISTS when anything has
 * that name. */
SW_NODISCARD sw_status sw_folder_publish(const char *from, const char *to, sw_error *err);
/* Removes what a failed making left: the files in the folder, its empty subfolders, itself. Links
 * are removed, never followed. Failures are left lying. */
void sw_folder_discard(const char *path);
/* Unlinks and syncs the folder; SW_MISSING when there is none. */
SW_NODISCARD sw_status sw_file_remove(const char *path, sw_error *err);
#endif
