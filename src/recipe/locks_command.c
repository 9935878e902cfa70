/* SPDX-License-Identifier: Apache-2.0
 *
 * trainer.lock of a command: the files that owners read as its code, the whole tree, and the build
 * of the agent's programs. The lock and the recipe name the same files, so that no file is shown
 * whose digest nobody gave, and none is locked that nobody is shown.
 * docs/formats/command.md, CMD-006; docs/formats/recipe.md, RCP-105.
 */
#include "recipe/recipe_internal.h"
#include "sys/tree.h"

#include <stdlib.h>
#include <string.h>

static const char LOCK[] = "trainer.lock", FILES[] = "trainer.lock.files[]",
                  TREE[] = "trainer.lock.tree";

static int compare_paths(const void *a, const void *b) {
    const sw_recipe_code *const *x = a, *const *y = b;
    return strcmp((*x)->path, (*y)->path);
}

/* Of both, what is encoded and what was read. */
static sw_status check_tree(const sw_recipe_command *c, sw_error *err) {
    if (c->file_count == 0 || c->file_count > SW_COMMAND_FILES)
        return sw_fail(err, SW_REFUSED, "recipe", "a command's lock names 1 to %d files",
                       SW_COMMAND_FILES);
    if (c->tree_entries < c->file_count || c->tree_entries > SW_TREE_ENTRIES ||
        c->tree_bytes > SW_TREE_BYTES)
        return sw_fail(err, SW_REFUSED, "recipe",
                       "%s has more entries or bytes than a tree may have, or fewer entries than"
                       " files",
                       TREE);
    return SW_OK;
}

/* `files` in the lock's order. */
static sw_status check_files(const sw_recipe_code *const *files, size_t count, uint64_t left,
                             sw_error *err) {
    const char *previous = "";
    for (size_t i = 0; i < count; i++) {
        const char *path = files[i]->path, *fault = sw_command_path_fault(path);
        if (!sw_recipe_is_plain_text(sw_text(path)))
            fault = "is not text, or has control or invisible characters";
        if (fault != NULL)
            return sw_fail(err, SW_REFUSED, "recipe", "%s.files[%zu] %s", LOCK, i, fault);
        if (strcmp(previous, path) >= 0)
            return sw_fail(err, SW_REFUSED, "recipe",
                           "%s: files are not in ascending order of their names", LOCK);
        if (files[i]->size > left)
            return sw_fail(err, SW_REFUSED, "recipe", "%s: files are larger than their tree", LOCK);
        left -= files[i]->size;
        previous = path;
    }
    return SW_OK;
}

sw_status sw_command_lock_encode(const sw_recipe_command *command, const sw_hash *worker,
                                 sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_LOCK_LIMIT);
    const sw_recipe_code *files[SW_COMMAND_FILES];
    size_t count = command->file_count;
    SW_TRY(check_tree(command, err));
    for (size_t i = 0; i < count; i++) files[i] = &command->files[i];
    qsort(files, count, sizeof files[0], compare_paths);
    SW_TRY(check_files(files, count, command->tree_bytes, err));
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_text(&a, root, "kind", SW_LITERAL(SW_COMMAND_LOCK_KIND));
    sw_json *list = sw_json_add_array(&a, root, "files");
    for (size_t i = 0; i < count; i++) {
        sw_json *f = sw_json_add_object(&a, list, NULL);
        sw_json_add_text(&a, f, "name", sw_text(files[i]->path));
        sw_json_add_integer(&a, f, "size", (int64_t)files[i]->size);
        sw_json_add_hex(&a, f, "sha256", SW_BYTES_OF(files[i]->digest.b));
    }
    sw_json *tree = sw_json_add_object(&a, root, "tree");
    sw_json_add_hex(&a, tree, "sha256", SW_BYTES_OF(command->tree.b));
    sw_json_add_integer(&a, tree, "entries", (int64_t)command->tree_entries);
    sw_json_add_integer(&a, tree, "bytes", (int64_t)command->tree_bytes);
    sw_json_add_hex(&a, root, "worker", SW_BYTES_OF(worker->b));
    sw_json_encode(&made, root);
    SW_TRY(sw_buffer_check(&made, LOCK, err));
    sw_put_bytes(out, sw_buffer_bytes(&made));
    return sw_buffer_check(out, LOCK, err);
}

static sw_status read_file(const sw_json *node, sw_recipe_code *out, sw_error *err) {
    static const char *const names[] = {"name", "sha256", "size", NULL};
    sw_bytes name = {0};
    SW_TRY(sw_json_expect(node, FILES, names, err));
    SW_TRY(sw_json_text(node, FILES, "name", &name, err));
    if (name.size > SW_COMMAND_PATH || (name.size > 0 && memchr(name.data, 0, name.size) != NULL))
        return sw_fail(err, SW_REFUSED, "recipe", "%s.name is no path of at most %d bytes", FILES,
                       SW_COMMAND_PATH);
    memset(out->path, 0, sizeof out->path);
    if (name.size > 0) memcpy(out->path, name.data, name.size);
    SW_TRY(sw_json_u64(node, FILES, "size", SW_TREE_BYTES, &out->size, err));
    return sw_json_hash(node, FILES, "sha256", &out->digest, err);
}

sw_status sw_command_lock_read(sw_bytes json, sw_recipe_command *out, sw_hash *worker,
                               sw_error *err) {
    static const char *const names[] = {"files", "kind", "tree", "worker", NULL};
    static const char *const tree_names[] = {"bytes", "entries", "sha256", NULL};
    SW_SCOPED(sw_arena) a = {0};
    const sw_recipe_code *files[SW_COMMAND_FILES];
    sw_json *root = NULL;
    const sw_json *list = NULL, *tree = NULL;
    SW_TRY(sw_recipe_open_lock(&a, json, LOCK, SW_COMMAND_LOCK_KIND, names, &root, err));
    SW_TRY(sw_json_hash(root, LOCK, "worker", worker, err));
    SW_TRY(sw_json_object(root, LOCK, "tree", &tree, err));
    SW_TRY(sw_json_expect(tree, TREE, tree_names, err));
    SW_TRY(sw_json_hash(tree, TREE, "sha256", &out->tree, err));
    SW_TRY(sw_json_u64(tree, TREE, "entries", SW_TREE_ENTRIES, &out->tree_entries, err));
    SW_TRY(sw_json_u64(tree, TREE, "bytes", SW_TREE_BYTES, &out->tree_bytes, err));
    SW_TRY(sw_json_array(root, LOCK, "files", SW_COMMAND_FILES, &list, err));
    size_t count = 0;
    for (const sw_json *f = list->first; f != NULL; f = f->next) {
        files[count] = &out->files[count];
        SW_TRY(read_file(f, &out->files[count++], err));
    }
    out->file_count = count;
    SW_TRY(check_tree(out, err));
    return check_files(files, count, out->tree_bytes, err);
}

/* ---- the base model of a command ---- */

/* Names of files that are read and never executed. Python loads .py, .pyc and .so by their names,
 * and .bin, .pt, .pth and .pkl are pickles, which run code; nothing else is known here. */
static bool is_data(const char *name) {
    static const char *const ends[] = {".safetensors", ".json", ".txt",      ".model", ".jinja",
                                       ".gguf",        ".md",   ".tiktoken", ".spm",   NULL};
    size_t size = strlen(name);
    for (size_t i = 0; ends[i] != NULL; i++) {
        size_t end = strlen(ends[i]);
        if (size > end && strcmp(name + size - end, ends[i]) == 0) return true;
    }
    return false;
}

sw_status sw_command_check_model(const sw_recipe *r, sw_error *err) {
    for (size_t i = 0; i < r->model_file_count; i++)
        if (!is_data(r->model_files[i].name))
            return sw_fail(err, SW_REFUSED, "recipe",
                           "model.lock names %s, which may hold code: a command's base model is "
                           "data alone, by the ends of its files' names (CMD-015)",
                           r->model_files[i].name);
    return SW_OK;
}

/* ---- the lock and the recipe ---- */

static const sw_recipe_code *find(const sw_recipe_command *c, const char *path) {
    for (size_t i = 0; i < c->file_count; i++)
        if (strcmp(c->files[i].path, path) == 0) return &c->files[i];
    return NULL;
}

/* The same files on both sides (CMD-011); names are distinct on both. */
static sw_status match(const sw_recipe_command *recipe, const sw_recipe_command *lock,
                       sw_error *err) {
    for (size_t i = 0; i < recipe->file_count; i++)
        if (find(lock, recipe->files[i].path) == NULL)
            return sw_fail(err, SW_REFUSED, "recipe",
                           "trainer.lock lacks a file of trainer.files: %s", recipe->files[i].path);
    for (size_t i = 0; i < lock->file_count; i++)
        if (find(recipe, lock->files[i].path) == NULL)
            return sw_fail(err, SW_REFUSED, "recipe",
                           "trainer.lock names a file that trainer.files does not: %s",
                           lock->files[i].path);
    return SW_OK;
}

sw_status sw_command_lock_parse(sw_bytes json, sw_recipe *into, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_recipe_command *lock = SW_ARENA_NEW(&a, sw_recipe_command, 1);
    sw_hash worker;
    if (lock == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for %s", LOCK);
    SW_TRY(sw_command_lock_read(json, lock, &worker, err));
    SW_TRY(match(&into->command, lock, err));
    for (size_t i = 0; i < into->command.file_count; i++)
        into->command.files[i] = *find(lock, into->command.files[i].path);
    into->command.tree = lock->tree;
    into->command.tree_entries = lock->tree_entries;
    into->command.tree_bytes = lock->tree_bytes;
    into->trainer_digest = worker;
    return SW_OK;
}
