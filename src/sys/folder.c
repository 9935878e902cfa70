/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders that appear whole, and files that go away for good: rename without replacement, unlink
 * and the sync of the folder that makes either of them last.
 */
#include "sys/folder.h"

#include "sys/files.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DISCARD_LIMIT = 4096 };

static sw_status sync_parent(const char *path, sw_error *err) {
    char *copy = strdup(path);
    if (copy == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    size_t size = strlen(copy);
    while (size > 1 && copy[size - 1] == '/') copy[--size] = 0;
    char *slash = strrchr(copy, '/');
    if (slash != NULL) slash[slash == copy ? 1 : 0] = 0;
    int fd = open(slash == NULL ? "." : copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    bool synced = fd >= 0 && fsync(fd) == 0;
    int cause = errno;
    if (fd >= 0) (void)close(fd);
    if (synced) return SW_OK;
    return sw_fail(err, SW_IO, "io", "syncing the folder of %s: %s", path, strerror(cause));
}

sw_status sw_folder_draft(sw_arena *arena, const char *folder, mode_t mode, const char **draft,
                          sw_error *err) {
    static const char end[] = ".partial";
    size_t size = strlen(folder);
    if (sw_path_exists(folder))
        return sw_fail(err, SW_EXISTS, "exists", "%s exists already", folder);
    while (size > 1 && folder[size - 1] == '/') size--;
    char *made = sw_arena_alloc(arena, size + sizeof end, 1);
    if (made == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    memcpy(made, folder, size);
    memcpy(made + size, end, sizeof end);
    sw_folder_discard(made);
    SW_TRY(sw_folder_make(made, mode, err));
    *draft = made;
    return SW_OK;
}

sw_status sw_folder_publish(const char *from, const char *to, sw_error *err) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return sync_parent(to, err);
    if (errno == EEXIST)
        return sw_fail(err, SW_EXISTS, "exists", "%s exists and is left as it is", to);
    return sw_fail(err, SW_IO, "io", "making %s: %s", to, strerror(errno));
}

sw_status sw_file_remove(const char *path, sw_error *err) {
    if (unlink(path) == 0) return sync_parent(path, err);
    if (errno == ENOENT)
        return sw_fail(err, SW_MISSING, "missing", "%s: no such file or folder", path);
    return sw_fail(err, SW_IO, "io", "removing %s: %s", path, strerror(errno));
}

void sw_folder_discard(const char *path) {
    sw_arena arena = {0};
    const char **names = NULL;
    size_t count = 0;
    if (sw_folder_list(&arena, path, DISCARD_LIMIT, &names, &count, NULL) == SW_OK)
        for (size_t i = 0; i < count; i++) {
            const char *file = sw_path_join(&arena, path, names[i]);
            if (file != NULL && unlink(file) != 0) (void)rmdir(file);
        }
    (void)rmdir(path);
    sw_arena_free(&arena);
}
