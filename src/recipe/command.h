/* SPDX-License-Identifier: Apache-2.0
 *
 * What a recipe with a command says (docs/formats/command.md, CMD-010 ...).
 */
#ifndef SW_RECIPE_COMMAND_H
#define SW_RECIPE_COMMAND_H
#include "base/base.h"

#define SW_COMMAND_ARGUMENTS   64
#define SW_COMMAND_TEXT        1024 /* bytes of one argument or value */
#define SW_COMMAND_FILES       32
#define SW_COMMAND_PATH        512
#define SW_COMMAND_ENVIRONMENT 32
#define SW_COMMAND_CODE        ((size_t)16 << 20) /* bytes of one file that owners read */

typedef struct sw_recipe_code {
    char path[SW_COMMAND_PATH + 1]; /* absolute, in the tree */
    uint64_t size;                  /* of the lock */
    sw_hash digest;
} sw_recipe_code;

typedef struct sw_recipe_command {
    size_t argument_count, file_count, environment_count;
    char arguments[SW_COMMAND_ARGUMENTS][SW_COMMAND_TEXT + 1];
    sw_recipe_code files[SW_COMMAND_FILES]; /* in the recipe's order */
    char names[SW_COMMAND_ENVIRONMENT][65]; /* in ascending order */
    char values[SW_COMMAND_ENVIRONMENT][SW_COMMAND_TEXT + 1];
    uint64_t max_steps, save_steps, scratch_bytes;
    bool gpu;
    sw_hash tree; /* of the lock: CMD-002 */
    uint64_t tree_entries, tree_bytes;
} sw_recipe_command;

/* CMD-011, of the tree behind an open folder: the folder of each of `files`, and all below it,
 * holds files of the list and nothing else, and each that is text runs as what it shows (CMD-016).
 * SW_REFUSED "trainer" names the first path that is none, or that file; SW_LIMIT a file of more
 * than SW_COMMAND_CODE bytes.
 * Paths have been judged (CMD-011). */
SW_NODISCARD sw_status sw_command_check_folders(const sw_recipe_command *c, int tree_fd,
                                                sw_error *err);

/* What the agent adds to the environment (CMD-012), "NAME=VALUE", NULL-terminated; a recipe cannot
 * set these names. */
const char *const *sw_command_environment(void);
#endif
