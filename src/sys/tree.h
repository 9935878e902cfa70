/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder tree copied into private memory while it is hashed: what a recipe's command sees as its
 * `/`. Docs: docs/formats/command.md (CMD-001 ... CMD-025).
 *
 * The copy is a file system in memory that is mounted nowhere; a descriptor holds it, and a child
 * of sys/process.h mounts it for itself alone. Every file is opened once and read once; what was
 * hashed is what the child sees.
 */
#ifndef SW_SYS_TREE_H
#define SW_SYS_TREE_H
#include "base/base.h"

#define SW_TREE_ENTRIES 400000
#define SW_TREE_BYTES   ((uint64_t)64 << 30)
#define SW_TREE_DEPTH   64
#define SW_TREE_PATH    4095

typedef struct sw_tree_digest {
    sw_hash digest;          /* CMD-002 */
    uint64_t entries, bytes; /* of content */
} sw_tree_digest;

/* Told of each file (kinds 2 and 3) after it was read: its path in the tree with a leading `/`.
 * Anything but SW_OK ends the walk with that status. */
typedef sw_status (*sw_tree_seen)(void *context, const char *path, uint64_t size,
                                  const sw_hash *digest, sw_error *err);

/* Hashes without a copy. SW_MISSING, SW_MALFORMED "tree" naming the path of what CMD-004 refuses,
 * SW_LIMIT. `seen` may be NULL. */
SW_NODISCARD sw_status sw_tree_hash(const char *folder, sw_tree_seen seen, void *context,
                                    sw_tree_digest *out, sw_error *err);

/* A private root under construction and afterwards. One thread. */
typedef struct sw_private_root sw_private_root;
/* `scratch_bytes`: CMD-021. SW_REFUSED "sandbox" where file systems cannot be made. */
SW_NODISCARD sw_status sw_private_root_make(uint64_t scratch_bytes, sw_private_root **out,
                                            sw_error *err);
/* The tree, hashed as it is copied. */
SW_NODISCARD sw_status sw_private_root_copy(sw_private_root *root, const char *folder,
                                            sw_tree_seen seen, void *context, sw_tree_digest *out,
                                            sw_error *err);
/* One more file of `size` bytes, mode 0444, at `path` ("/model/config.json"; its folders are made),
 * read once from `fd` and hashed; shorter or longer is SW_MALFORMED. */
SW_NODISCARD sw_status sw_private_root_add(sw_private_root *root, const char *path, int fd,
                                           uint64_t size, sw_hash *digest, sw_error *err);
/* /dev, /proc and the places of CMD-021; with `gpu` the device nodes of CMD-025 below `devices`
 * ("/dev"; another folder in tests). Then everything but the scratch is read-only for good. */
SW_NODISCARD sw_status sw_private_root_close(sw_private_root *root, bool gpu, const char *devices,
                                             sw_error *err);
/* Ends it, and with its last child the memory is free. */
void sw_private_root_drop(sw_private_root **root);
#endif
