/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: read whole with a limit, write atomically, stream out through an unnamed file that becomes
 * visible only on commit.
 *
 * Everything is opened O_CLOEXEC; what is read is read once. No function follows a symlink at the
 * last component when writing.
 */
#ifndef SW_SYS_FILES_H
#define SW_SYS_FILES_H
#include "base/base.h"
#include <sys/types.h>

/* Appends the whole file. SW_MISSING, SW_LIMIT above `limit`, SW_IO. `path` "-" is stdin. */
SW_NODISCARD sw_status sw_file_read(const char *path, size_t limit, sw_buffer *out, sw_error *err);
/* As sw_file_read into locked memory; refuses a file whose mode lets group or others read it. *out:
 * sw_secret_release. */
SW_NODISCARD sw_status sw_file_read_secret(const char *path, size_t limit, void **out, size_t *size,
                                           sw_error *err);
typedef enum sw_write_rule {
    SW_WRITE_NEW,
    SW_WRITE_REPLACE
} sw_write_rule; /* NEW: SW_EXISTS when there is one */
/* Temporary file in the same folder, fsync, rename or link, fsync of the folder. A crash leaves the
 * old file or the new one. */
SW_NODISCARD sw_status sw_file_write(const char *path, sw_bytes content, mode_t mode,
                                     sw_write_rule rule, sw_error *err);

/* A stream out: nothing with the final name exists before commit; abort, exit or kill leaves
 * nothing (O_TMPFILE; where the file system has none, a dot file that the next open removes). "-"
 * is stdout: commit then only flushes. */
typedef struct sw_output sw_output;
SW_NODISCARD sw_status sw_output_open(const char *path, mode_t mode, sw_write_rule rule,
                                      sw_output **out, sw_error *err);
int sw_output_fd(const sw_output *o);
SW_NODISCARD sw_status sw_output_write(sw_output *o, sw_bytes bytes, sw_error *err);
SW_NODISCARD sw_status sw_output_commit(sw_output **o,
                                        sw_error *err); /* fsync first; frees, also on failure */
void sw_output_abort(sw_output **o);                    /* NULL allowed */

SW_NODISCARD sw_status sw_fd_read(int fd, void *buffer, size_t size, size_t *got,
                                  sw_error *err); /* until full or end; EINTR retried */
SW_NODISCARD sw_status sw_fd_write(int fd, sw_bytes bytes, sw_error *err); /* all of it */
SW_NODISCARD sw_status sw_fd_pread(int fd, void *buffer, size_t size, uint64_t offset,
                                   sw_error *err); /* exactly; SW_MALFORMED when short */

SW_NODISCARD sw_status sw_folder_make(const char *path, mode_t mode,
                                      sw_error *err); /* OK when it is there; parents too */
bool sw_path_is_folder(const char *path);
bool sw_path_is_file(const char *path); /* a regular one */
bool sw_path_exists(const char *path);
/* Names in a folder, sorted bytewise, without . and ..; at most `limit`. */
SW_NODISCARD sw_status sw_folder_list(sw_arena *arena, const char *path, size_t limit,
                                      const char ***names, size_t *count, sw_error *err);
/* "a/b": into the arena; NULL on failure. */
char *sw_path_join(sw_arena *arena, const char *folder, const char *name);
/* Holds an exclusive lock until closed; SW_REFUSED "busy" at once when another process holds it. */
SW_NODISCARD sw_status sw_lock_take(const char *path, int *fd, sw_error *err);
#endif
