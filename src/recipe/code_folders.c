/* SPDX-License-Identifier: Apache-2.0
 *
 * The code that owners read is the code that runs: what a script imports by name comes first from
 * the folder in which it lies, so nothing lies there that nobody is shown (CMD-011).
 *
 * The folders looked at are those of the listed files and what is below them on the way to another
 * listed file. In each of them an entry is a listed file or such a folder; everything else, a link
 * and an empty folder too, is refused by its path. So the walk is as long as the list, whatever
 * lies in the tree.
 */
#include "recipe/recipe_internal.h"
#include "sys/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of the folder of a path, without its last slash: 0 for the tree's own. */
static size_t folder_size(const char *path) {
    return (size_t)(strrchr(path, '/') - path);
}

/* Whether the file lies in the folder, or below it. */
static bool is_below(const char *folder, size_t size, const char *file) {
    return strncmp(folder, file, size) == 0 && file[size] == '/';
}

/* A file lies in it, or it lies below a file's folder and above another file. */
static bool is_covered(const sw_recipe_command *c, const char *path, size_t size) {
    for (size_t i = 0; i < c->file_count; i++) {
        size_t top = folder_size(c->files[i].path);
        if (top <= size && (top == size || path[top] == '/') &&
            strncmp(c->files[i].path, path, top) == 0)
            return true;
    }
    return false;
}

static bool is_listed(const sw_recipe_command *c, const char *path) {
    for (size_t i = 0; i < c->file_count; i++)
        if (strcmp(c->files[i].path, path) == 0) return true;
    return false;
}

static bool leads_to_listed(const sw_recipe_command *c, const char *path) {
    for (size_t i = 0; i < c->file_count; i++)
        if (is_below(path, strlen(path), c->files[i].path)) return true;
    return false;
}

static sw_status refuse(const char *path, sw_error *err) {
    sw_status status = sw_fail(err, SW_REFUSED, "trainer",
                               "the tree has %s beside a file that owners read as the code, and "
                               "they are not shown it",
                               path);
    sw_error_hint(err, "a file's folder and all below it hold nothing but trainer.files: name it "
                       "there, or lay it elsewhere");
    return status;
}

static sw_status check_entry(const sw_recipe_command *c, int folder, const char *path,
                             const char *name, sw_error *err) {
    struct stat st;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return sw_fail(err, SW_IO, "io", "looking at %s of the tree: %s", path, strerror(errno));
    bool good = S_ISREG(st.st_mode)   ? is_listed(c, path)
                : S_ISDIR(st.st_mode) ? leads_to_listed(c, path)
                                      : false;
    return good ? SW_OK : refuse(path, err);
}

/* The first in ascending order is named, whatever order the file system has. */
static sw_status check_names(const sw_recipe_command *c, DIR *folder, const char *where,
                             sw_error *err) {
    char first[SW_TREE_PATH + 1] = "";
    sw_error why = {0};
    sw_status status = SW_OK;
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(folder)) != NULL) {
        char path[SW_TREE_PATH + 1];
        sw_error one = {0};
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        int size = snprintf(path, sizeof path, "%s/%s", where, entry->d_name);
        if (size < 0 || (size_t)size >= sizeof path)
            return sw_fail(err, SW_LIMIT, "limit", "the tree has a longer path than %d bytes",
                           SW_TREE_PATH);
        sw_status found = check_entry(c, dirfd(folder), path, entry->d_name, &one);
        if (found == SW_OK || (status != SW_OK && strcmp(path, first) >= 0)) continue;
        status = found;
        why = one;
        memcpy(first, path, (size_t)size + 1);
    }
    if (errno != 0) return sw_fail(err, SW_IO, "io", "listing %s/: %s", where, strerror(errno));
    if (status != SW_OK && err) *err = why;
    return status;
}

static sw_status check_folder(const sw_recipe_command *c, int tree_fd, const char *where,
                              sw_error *err) {
    int fd = openat(tree_fd, where[0] == '/' ? where + 1 : ".",
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        sw_status status =
            sw_fail(err, SW_IO, "io", "listing %s/ of the tree: %s", where, strerror(errno));
        if (fd >= 0) (void)close(fd);
        return status;
    }
    sw_status status = check_names(c, folder, where, err);
    (void)closedir(folder);
    return status;
}

sw_status sw_command_check_folders(const sw_recipe_command *c, int tree_fd, sw_error *err) {
    for (size_t i = 0; i < c->file_count; i++) {
        const char *path = c->files[i].path;
        for (size_t size = folder_size(path); is_covered(c, path, size);) {
            char where[SW_COMMAND_PATH + 1];
            memcpy(where, path, size);
            where[size] = 0;
            SW_TRY(check_folder(c, tree_fd, where, err));
            if (size == 0) break;
            while (where[size - 1] != '/') size--;
            size--;
        }
    }
    return sw_command_check_texts(c, tree_fd, err);
}
