/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk behind sw_tree_hash and sw_private_root_copy.
 */
#ifndef SW_SYS_TREE_INTERNAL_H
#define SW_SYS_TREE_INTERNAL_H
#include "sys/tree.h"

/* CMD-004; a test gives smaller ones. */
typedef struct sw_tree_limits {
    uint64_t entries, bytes;
    size_t folders; /* how deep */
} sw_tree_limits;
#define SW_TREE_LIMITS ((sw_tree_limits){SW_TREE_ENTRIES, SW_TREE_BYTES, SW_TREE_DEPTH})

typedef struct sw_tree_plan {
    const char *folder;
    int into; /* an open folder to copy into, or -1 */
    sw_tree_seen seen;
    void *context;
    sw_tree_limits limits; /* folders: at most SW_TREE_DEPTH */
} sw_tree_plan;

SW_NODISCARD sw_status sw_tree_walk(const sw_tree_plan *plan, sw_tree_digest *out, sw_error *err);

/* What is wrong with one name of a tree, as a part of a sentence, or NULL. `top`: it stands in the
 * tree's own folder, where some names are the agent's. */
const char *sw_tree_judge_name(const char *name, bool top);

/* Reads `from` to its end: every part goes into the hash and, unless `into` is -1, into that file.
 * SW_LIMIT above `limit` bytes. Outputs untouched on failure; `into` is then in any state. */
SW_NODISCARD sw_status sw_tree_copy_file(int from, int into, uint64_t limit, uint64_t *size,
                                         sw_hash *digest, sw_error *err);
#endif
