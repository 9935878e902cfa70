/* SPDX-License-Identifier: Apache-2.0
 *
 * trainer lock: the folder that becomes a command's `/`, hashed, and the files in it that owners
 * read as its code. docs/formats/command.md, CMD-002 and CMD-006.
 */
#include "cli/cli.h"
#include "cli/programs.h"
#include "recipe/recipe.h"
#include "sys/files.h"
#include "sys/tree.h"
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define LOCK_BYTES ((size_t)64 << 10)

typedef struct search {
    sw_recipe_command *command;
    bool found[SW_COMMAND_FILES];
} search;

static sw_status see(void *context, const char *path, uint64_t size, const sw_hash *digest,
                     sw_error *err) {
    search *s = context;
    (void)err;
    for (size_t i = 0; i < s->command->file_count; i++) {
        sw_recipe_code *f = &s->command->files[i];
        if (strcmp(f->path, path) != 0) continue;
        f->size = size;
        f->digest = *digest;
        s->found[i] = true;
    }
    return SW_OK;
}

/* --file, before a large tree is read for it. */
static sw_status read_files(sw_cli *cli, sw_recipe_command *c, sw_error *err) {
    size_t count;
    const char *const *files = sw_cli_list(cli, "file", &count);
    if (count == 0 || count > SW_COMMAND_FILES)
        return sw_fail(err, SW_USAGE, "usage", "trainer lock needs 1 to %d of --file",
                       SW_COMMAND_FILES);
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(files[i]);
        if (files[i][0] != '/' || size > SW_COMMAND_PATH)
            return sw_fail(err, SW_USAGE, "usage",
                           "--file is a path in the tree that starts with /, of at most %d bytes",
                           SW_COMMAND_PATH);
        for (size_t k = 0; k < i; k++)
            if (strcmp(files[i], files[k]) == 0)
                return sw_fail(err, SW_USAGE, "usage", "--file names one file twice: %s", files[i]);
        memcpy(c->files[i].path, files[i], size + 1);
    }
    c->file_count = count;
    return SW_OK;
}

static sw_status hash_tree(const char *folder, sw_recipe_command *c, sw_error *err) {
    search s = {.command = c};
    sw_tree_digest tree;
    SW_TRY(sw_tree_hash(folder, see, &s, &tree, err));
    for (size_t i = 0; i < c->file_count; i++)
        if (!s.found[i])
            return sw_fail(err, SW_MISSING, "missing",
                           "%s has no file %s (a folder or a link is none)", folder,
                           c->files[i].path);
    c->tree = tree.digest;
    c->tree_entries = tree.entries;
    c->tree_bytes = tree.bytes;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return sw_fail(err, SW_IO, "io", "%s cannot be opened again", folder);
    sw_status status = sw_command_check_folders(c, fd, err);
    close(fd);
    return status;
}

static void report(sw_cli *cli, const sw_recipe_command *c, const char *out) {
    sw_arena *a = sw_cli_arena(cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_text(a, root, "file", sw_text(out));
    sw_json_add_hex(a, root, "tree", SW_BYTES_OF(c->tree.b));
    sw_json_add_integer(a, root, "entries", (int64_t)c->tree_entries);
    sw_json_add_integer(a, root, "bytes", (int64_t)c->tree_bytes);
    sw_cli_result(cli, root);
    sw_cli_print(cli, "%s: a tree of %" PRIu64 " entries, %" PRIu64 " bytes\n", out,
                 c->tree_entries, c->tree_bytes);
}

static sw_status lock(sw_cli *cli, sw_error *err) {
    const char *out = sw_cli_value(cli, "out"), *native;
    sw_recipe *r = SW_ARENA_NEW(sw_cli_arena(cli), sw_recipe, 1);
    sw_bytes json;
    SW_SCOPED(sw_buffer) made = SW_BUFFER(LOCK_BYTES);
    if (r == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a lock");
    SW_TRY(read_files(cli, &r->command, err));
    SW_TRY(sw_cli_trainer_lock(cli, &native, err));
    SW_TRY(sw_cli_read(cli, native, LOCK_BYTES, &json, err));
    SW_TRY(sw_trainer_lock_parse(json, r, err));
    SW_TRY(hash_tree(sw_cli_argument(cli, 0), &r->command, err));
    SW_TRY(sw_command_lock_encode(&r->command, &r->trainer_digest, &made, err));
    if (out == NULL) {
        sw_cli_write(cli, sw_buffer_bytes(&made));
        return SW_OK;
    }
    SW_TRY(sw_file_write(out, sw_buffer_bytes(&made), 0644, SW_WRITE_REPLACE, err));
    report(cli, &r->command, out);
    return SW_OK;
}

static const sw_option lock_options[] = {
    {"file", SW_OPTION_LIST, "PATH",
     "a file of the tree that owners read as the code: /app/train.py"},
    {"trainer-lock", SW_OPTION_VALUE, "FILE",
     "the native trainer.lock whose digest it takes over (default: the one beside the program)"},
    {"out", SW_OPTION_VALUE, "FILE", "where trainer.lock goes (default: standard output)"},
    {0},
};

const sw_command sw_commands_trainer[] = {
    {"trainer lock", "DIR", "write trainer.lock of a recipe with a command: DIR becomes its /",
     "Hashes every entry of DIR: interpreter, libraries, the script. Each --file is one that the"
     " recipe names in\ntrainer.files; `recipe show --tree DIR` prints them to owners, and nothing "
     "else"
     " lies in their folders. Nothing\nof DIR's owner, times and modes counts but whether a file "
     "may be"
     " executed.",
     1, 1, lock_options, lock},
    {0},
};
