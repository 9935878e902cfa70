/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders that appear whole, and files that go away for good.
 */
#ifndef SW_SYS_FOLDER_H
#define SW_SYS_FOLDER_H
#include "base/base.h"
#include <sys/types.h>

/* SW_EXISTS when it is no folder, SW_IO when we may not make files in it. */
SW_NODISCARD sw_status sw_folder_usable(const char *path, sw_error *err);

typedef struct sw_draft {
    const char *path; /* "FOLDER.partial", in the arena; NULL: none */
    int lock_fd;      /* of that folder: whoever fills it holds its lock */
} sw_draft;
/* An empty "FOLDER.partial" to fill and then publish as FOLDER; what a killed making left there
 * goes, files and empty folders; files of the subfolder `inner`
 * too (NULL: none); what does not go, and anything in a folder that no making left, SW_EXISTS
 * names. SW_EXISTS when FOLDER is there,
 * SW_REFUSED "busy" while another process fills it, SW_USAGE for a name that no folder can get. */
SW_NODISCARD sw_status sw_folder_draft(sw_arena *arena, const char *folder, const char *inner,
                                       mode_t mode, sw_draft *out, sw_error *err);
/* Renames the complete draft to its final name, syncs the parent and lets go of the lock; SW_EXISTS
 * when anything has that name. The draft stays one on failure. */
SW_NODISCARD sw_status sw_draft_publish(sw_draft *d, const char *to, sw_error *err);
void sw_draft_discard(sw_draft *d); /* with all that is in it; nothing when there is none */
/* Renames without replacing and syncs the parent; SW_EXISTS when anything has that name. */
SW_NODISCARD sw_status sw_folder_publish(const char *from, const char *to, sw_error *err);
/* Removes what a failed making left: the files in the folder, its empty subfolders, itself. Links
 * are removed, never followed. Failures are left lying. */
void sw_folder_discard(const char *path);
/* Unlinks and syncs the folder; SW_MISSING when there is none. */
SW_NODISCARD sw_status sw_file_remove(const char *path, sw_error *err);
#endif
