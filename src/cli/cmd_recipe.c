/* SPDX-License-Identifier: Apache-2.0
 *
 * recipe compose, hash, show, diff; model lock: from what people write to the exact bytes that
 * owners approve, and back to words.
 */
#include "cli/cli.h"
#include "cli/plain.h"
#include "cli/programs.h"
#include "codec/text.h"
#include "crypto/crypto.h"
#include "recipe/recipe.h"
#include "sys/files.h"
#include "train/train.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_BYTES     ((size_t)64 << 10)
#define TEXT_BYTES     ((size_t)4 << 20)
#define TEMPLATE_BYTES ((size_t)16 << 20)
#define CODE_BYTES     ((size_t)64 << 20) /* of all files of a command that are printed */
#define SHOWN_BYTES    ((size_t)256 << 20)
#define FOLDER_NAMES   4096
#define INDEX_NAME     "model.safetensors.index.json"
#define READ_BYTES     ((size_t)1 << 20)

static sw_status no_memory(sw_error *err) {
    return sw_fail(err, SW_MEMORY, "memory", "no memory for a recipe");
}

/* A compose of ours; anything else is refused. */
static sw_status read_compose(sw_cli *cli, const char *path, sw_recipe **recipe, sw_hash *hash,
                              sw_error *err) {
    sw_bytes bytes;
    *recipe = SW_ARENA_NEW(sw_cli_arena(cli), sw_recipe, 1);
    if (*recipe == NULL) return no_memory(err);
    SW_TRY(sw_cli_read(cli, path, SW_COMPOSE_LIMIT, &bytes, err));
    sw_compose_hash(hash, bytes);
    return sw_compose_parse(bytes, *recipe, err);
}

static void report_hash(sw_cli *cli, const sw_hash *hash, const char *path) {
    char hex[2 * SW_HASH_BYTES + 1];
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    sw_hex_text(hex, SW_BYTES_OF(hash->b));
    sw_json_add_text(sw_cli_arena(cli), root, "compose_hash", sw_text(hex));
    if (path != NULL) sw_json_add_text(sw_cli_arena(cli), root, "file", sw_text(path));
    sw_cli_result(cli, root);
    sw_cli_print(cli, "%s\n", hex);
}

/* CMD-052: it is a recipe, and no machine that it names would run it. */
static sw_status note_place(sw_cli *cli, sw_bytes compose, sw_error *err) {
    sw_recipe *r = SW_ARENA_NEW(sw_cli_arena(cli), sw_recipe, 1);
    if (r == NULL) return no_memory(err);
    SW_TRY(sw_compose_parse(compose, r, err));
    if (!r->native && r->policy.platform != SW_PLATFORM_SIM && !sw_policy_answers_cpuid(&r->policy))
        sw_cli_note(cli, "on tdx this command will be refused: not all images are said to answer "
                         "CPUID (answers_cpuid, docs/image-for-commands.md)");
    return SW_OK;
}

static sw_status compose(sw_cli *cli, sw_error *err) {
    const char *recipe = sw_cli_argument(cli, 0), *model_lock, *trainer_lock, *out;
    sw_bytes yaml, model, trainer;
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_COMPOSE_LIMIT);
    SW_TRY(sw_cli_need(cli, "model-lock", &model_lock, err));
    SW_TRY(sw_cli_need(cli, "out", &out, err));
    SW_TRY(sw_cli_trainer_lock(cli, &trainer_lock, err));
    SW_TRY(sw_cli_read(cli, recipe, SW_RECIPE_LIMIT, &yaml, err));
    SW_TRY(sw_cli_read(cli, model_lock, LOCK_BYTES, &model, err));
    SW_TRY(sw_cli_read(cli, trainer_lock, LOCK_BYTES, &trainer, err));
    SW_TRY(sw_compose_make(yaml, recipe, model, trainer, &made, err));
    SW_TRY(sw_file_write(out, sw_buffer_bytes(&made), 0644, SW_WRITE_REPLACE, err));
    sw_hash hash;
    sw_compose_hash(&hash, sw_buffer_bytes(&made));
    report_hash(cli, &hash, out);
    return note_place(cli, sw_buffer_bytes(&made), err);
}

static sw_status hash(sw_cli *cli, sw_error *err) {
    sw_recipe *recipe;
    sw_hash compose_hash;
    SW_TRY(read_compose(cli, sw_cli_argument(cli, 0), &recipe, &compose_hash, err));
    report_hash(cli, &compose_hash, NULL);
    return SW_OK;
}

/* The text of the base model's own template, out of the locked file that holds it. */
static sw_status read_template(sw_cli *cli, const sw_recipe *r, const char *folder, sw_bytes *out,
                               sw_error *err) {
    const sw_locked_file *f = sw_recipe_template_file(r);
    sw_bytes file;
    sw_hash digest;
    if (!r->native || r->training.chat != SW_CHAT_MODEL)
        return sw_fail(err, SW_USAGE, "usage", "--model is read where the template is model");
    if (f == NULL)
        return sw_fail(err, SW_REFUSED, "model", "the recipe locks no file that holds a template");
    SW_TRY(sw_cli_read_in(cli, folder, f->name, TEMPLATE_BYTES, &file, err));
    sw_sha256(&digest, file);
    if (!sw_hash_equal(&digest, &f->digest))
        return sw_fail(err, SW_REFUSED, "model",
                       "%s/%s is not the file that the recipe's model lock names", folder, f->name);
    bool jinja = strcmp(f->name, "chat_template.jinja") == 0;
    const sw_bytes none = {0};
    const sw_chat_files files = {jinja ? file : none, jinja ? none : file};
    SW_TRY(sw_chat_text(sw_cli_arena(cli), &files, out, err));
    if (out->data) return SW_OK;
    return sw_fail(err, SW_REFUSED, "model", "%s/%s holds no template: every run is refused",
                   folder, f->name);
}

/* The files of a command that owners read, out of the tree, each as it is looked at. */
typedef struct code_texts {
    size_t count;
    sw_bytes files[SW_COMMAND_FILES];
} code_texts;

static sw_status read_code(sw_cli *cli, const sw_recipe *r, const char *folder, code_texts *out,
                           sw_error *err) {
    if (r->native)
        return sw_fail(err, SW_USAGE, "usage", "--tree is read where the recipe has a command");
    size_t left = CODE_BYTES;
    for (size_t i = 0; i < r->command.file_count; i++) {
        const char *name = r->command.files[i].path + 1;
        SW_TRY(sw_cli_read_in(cli, folder, name, left, &out->files[i], err));
        left -= out->files[i].size;
    }
    out->count = r->command.file_count;
    return SW_OK;
}

/* Beside what programs are shown. A file that is not the lock's ended it in put_code. */
static void add_code(sw_arena *a, sw_json *root, const sw_recipe *r, const code_texts *code) {
    sw_json *list = sw_json_add_array(a, root, "tree_files");
    for (size_t i = 0; i < code->count; i++) {
        sw_json *f = sw_json_add_object(a, list, NULL);
        sw_json_add_text(a, f, "name", sw_text(r->command.files[i].path));
        if (sw_utf8_valid(code->files[i]))
            sw_json_add_text(a, f, "text", code->files[i]);
        else
            sw_json_add_null(a, f, "text");
    }
}

static sw_status put_code(const sw_recipe *r, const code_texts *code, sw_buffer *out,
                          sw_error *err) {
    for (size_t i = 0; i < code->count; i++)
        SW_TRY(sw_recipe_show_code(&r->command.files[i], code->files[i], out, err));
    return SW_OK;
}

typedef struct beside {
    sw_bytes template;
    code_texts code;
} beside;

/* What stands in files, as members of what programs are shown. */
static sw_status add_beside(sw_cli *cli, const sw_recipe *r, const beside *b, sw_buffer *text,
                            sw_error *err) {
    sw_json *root;
    SW_SCOPED(sw_buffer) whole = SW_BUFFER(SHOWN_BYTES);
    SW_TRY(put_code(r, &b->code, &whole, err));
    sw_buffer_reset(&whole);
    SW_TRY(sw_json_parse(sw_cli_arena(cli), sw_buffer_bytes(text), NULL, &root, err));
    if (b->template.data) sw_json_add_text(sw_cli_arena(cli), root, "template_text", b->template);
    if (b->code.count > 0) add_code(sw_cli_arena(cli), root, r, &b->code);
    sw_json_encode(&whole, root);
    SW_TRY(sw_buffer_check(&whole, "the recipe's description", err));
    sw_buffer_reset(text);
    sw_put_bytes(text, sw_buffer_bytes(&whole));
    return sw_buffer_check(text, "the recipe's description", err);
}

static sw_status put_beside(const sw_recipe *r, const beside *b, sw_buffer *text, sw_error *err) {
    if (b->template.data) SW_TRY(sw_recipe_show_template(b->template, text, err));
    return put_code(r, &b->code, text, err);
}

static sw_status show(sw_cli *cli, sw_error *err) {
    sw_recipe *r;
    sw_hash compose_hash;
    const char *model = sw_cli_option(cli, "model"), *tree = sw_cli_option(cli, "tree");
    beside *b = SW_ARENA_NEW(sw_cli_arena(cli), beside, 1);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SHOWN_BYTES);
    if (b == NULL) return no_memory(err);
    SW_TRY(read_compose(cli, sw_cli_argument(cli, 0), &r, &compose_hash, err));
    if (model) SW_TRY(sw_cli_model(cli, &model, err));
    if (model) SW_TRY(read_template(cli, r, model, &b->template, err));
    if (tree) SW_TRY(read_code(cli, r, tree, &b->code, err));
    SW_TRY(sw_cli_json(cli) ? sw_recipe_show_json(r, &compose_hash, &text, err)
                            : sw_recipe_show(r, &compose_hash, &text, err));
    SW_TRY(sw_cli_json(cli) ? add_beside(cli, r, b, &text, err) : put_beside(r, b, &text, err));
    if (sw_cli_json(cli)) sw_put_u8(&text, '\n');
    SW_TRY(sw_buffer_check(&text, "the recipe's description", err));
    sw_cli_write(cli, sw_buffer_bytes(&text));
    return SW_OK;
}

static sw_status diff(sw_cli *cli, sw_error *err) {
    sw_recipe *a, *b;
    sw_hash hash_a, hash_b;
    size_t differences;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(TEXT_BYTES);
    SW_TRY(read_compose(cli, sw_cli_argument(cli, 0), &a, &hash_a, err));
    SW_TRY(read_compose(cli, sw_cli_argument(cli, 1), &b, &hash_b, err));
    SW_TRY(sw_recipe_diff(a, b, &text, &differences, err));
    bool same_bytes = sw_hash_equal(&hash_a, &hash_b);
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    sw_json_add_integer(sw_cli_arena(cli), root, "differences", (int64_t)differences);
    sw_json_add_flag(sw_cli_arena(cli), root, "same_compose_hash", same_bytes);
    sw_json_add_text(sw_cli_arena(cli), root, "text", sw_buffer_bytes(&text));
    sw_cli_result(cli, root);
    sw_cli_print(cli, "%.*s", (int)text.size, text.size > 0 ? (const char *)text.data : "");
    if (same_bytes)
        sw_cli_print(cli, "the two are the same compose\n");
    else if (differences == 0)
        sw_cli_print(cli, "nothing that decides differs, but the compose hashes do (comments or"
                          " spelling): approvals of one do not count for the other\n");
    return SW_OK;
}

/* ---- model lock ---- */

static bool ends_with(const char *name, const char *tail) {
    size_t size = strlen(name), tail_size = strlen(tail);
    return size > tail_size && strcmp(name + size - tail_size, tail) == 0;
}

/* What a model is made of; licences, cards and other formats of the same weights are not. */
static bool belongs(const char *name) {
    return name[0] != '.' && (ends_with(name, ".json") || ends_with(name, ".safetensors") ||
                              ends_with(name, ".jinja") || strcmp(name, "merges.txt") == 0);
}

static sw_status hash_fd(int fd, sw_locked_file *out, uint8_t *space, sw_error *err) {
    sw_sha256_stream *stream = sw_sha256_open();
    size_t got = READ_BYTES;
    sw_status status = stream == NULL ? no_memory(err) : SW_OK;
    while (status == SW_OK && got == READ_BYTES) {
        status = sw_fd_read(fd, space, READ_BYTES, &got, err);
        if (status != SW_OK) break;
        sw_sha256_add(stream, SW_BYTES(space, got));
        out->size += got;
    }
    if (stream != NULL) sw_sha256_close(&stream, status == SW_OK ? &out->digest : NULL);
    return status;
}

static sw_status lock_file(sw_cli *cli, const char *folder, const char *name, sw_locked_file *out,
                           sw_error *err) {
    if (strlen(name) >= sizeof out->name)
        return sw_fail(err, SW_LIMIT, "limit", "%s/%.200s: the name is too long", folder, name);
    const char *path = sw_path_join(sw_cli_arena(cli), folder, name);
    uint8_t *space = malloc(READ_BYTES);
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    sw_status status = SW_OK;
    if (space == NULL || path == NULL) status = no_memory(err);
    if (status == SW_OK && (fd < 0 || fstat(fd, &st) != 0))
        status = sw_fail(err, SW_IO, "io", "%s: %s", path, strerror(errno));
    if (status == SW_OK && !S_ISREG(st.st_mode)) /* a device may have no end */
        status = sw_fail(err, SW_IO, "io", "%s is not a regular file", path);
    *out = (sw_locked_file){0};
    memcpy(out->name, name, strlen(name));
    if (status == SW_OK) status = hash_fd(fd, out, space, err);
    if (fd >= 0) (void)close(fd);
    free(space);
    return status;
}

static sw_status list_files(sw_cli *cli, const char *folder, sw_locked_file *files, size_t *count,
                            sw_error *err) {
    const char **names;
    size_t listed;
    bool config = false, weights = false;
    sw_bytes index = {0};
    SW_TRY(sw_folder_list(sw_cli_arena(cli), folder, FOLDER_NAMES, &names, &listed, err));
    for (size_t i = 0; i < listed; i++)
        if (strcmp(names[i], INDEX_NAME) == 0)
            SW_TRY(sw_cli_read_in(cli, folder, INDEX_NAME, TEMPLATE_BYTES, &index, err));
    *count = 0;
    for (size_t i = 0; i < listed; i++) {
        if (!belongs(names[i])) continue;
        if (sw_model_leaves_aside(index, names[i])) { /* no reader opens it */
            sw_cli_note(cli, "%s/%s is not locked: " INDEX_NAME " does not name it", folder,
                        names[i]);
            continue;
        }
        if (*count == SW_LOCK_FILE_LIMIT)
            return sw_fail(err, SW_LIMIT, "limit", "%s holds more than %d model files", folder,
                           SW_LOCK_FILE_LIMIT);
        SW_TRY(lock_file(cli, folder, names[i], &files[(*count)++], err));
        config = config || strcmp(names[i], "config.json") == 0;
        weights = weights || ends_with(names[i], ".safetensors");
    }
    if (config && weights) return SW_OK;
    return sw_fail(err, SW_MISSING, "missing", "%s is no model folder: it has no %s", folder,
                   config ? "*.safetensors" : "config.json");
}

/* MODEL-110: of a command the tokeniser is the script's business, so this is no refusal. */
static void note_tokens(sw_cli *cli, const char *folder) {
    sw_error why = {0};
    if (sw_plain_check_tokens(cli, folder, &why) != SW_OK)
        sw_cli_note(cli, "the native trainer refuses %s: %s", folder, why.message);
}

static sw_status model_lock(sw_cli *cli, sw_error *err) {
    const char *folder = sw_cli_argument(cli, 0), *out = sw_cli_value(cli, "out");
    sw_locked_file *files = SW_ARENA_NEW(sw_cli_arena(cli), sw_locked_file, SW_LOCK_FILE_LIMIT);
    size_t count;
    SW_SCOPED(sw_buffer) made = SW_BUFFER(LOCK_BYTES);
    if (files == NULL) return no_memory(err);
    SW_TRY(list_files(cli, folder, files, &count, err));
    SW_TRY(sw_plain_check_templates(cli, folder, err));
    note_tokens(cli, folder);
    SW_TRY(sw_model_lock_encode(files, count, &made, err));
    if (out == NULL) {
        sw_cli_write(cli, sw_buffer_bytes(&made));
        return SW_OK;
    }
    SW_TRY(sw_file_write(out, sw_buffer_bytes(&made), 0644, SW_WRITE_REPLACE, err));
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    sw_json_add_text(sw_cli_arena(cli), root, "file", sw_text(out));
    sw_json_add_integer(sw_cli_arena(cli), root, "files", (int64_t)count);
    sw_cli_result(cli, root);
    sw_cli_print(cli, "%s: %zu files\n", out, count);
    return SW_OK;
}

static const sw_option compose_options[] = {
    {"model-lock", SW_OPTION_VALUE, "FILE", "model.lock of the base model (`model lock`)"},
    {"trainer-lock", SW_OPTION_VALUE, "FILE",
     "trainer.lock (default: the native one beside the program; of a command `trainer lock`)"},
    {"out", SW_OPTION_VALUE, "FILE", "where app-compose.json goes"},
    {0},
};
static const sw_option show_options[] = {
    {"model", SW_OPTION_VALUE, "DIR",
     "the base model, to print its template's text: a folder, or a name of `models`"},
    {"tree", SW_OPTION_VALUE, "DIR", "the tree of a command, to print the files that are its code"},
    {0},
};
static const sw_option lock_options[] = {
    {"out", SW_OPTION_VALUE, "FILE", "where model.lock goes (default: standard output)"},
    {0},
};

const sw_command sw_commands_recipe[] = {
    {"recipe compose", "RECIPE", "write the exact app-compose.json of a recipe, print its hash",
     "A pure function of recipe.yaml, model.lock and trainer.lock: the same three files give the"
     " same bytes\non any machine.",
     1, 1, compose_options, compose},
    {"recipe hash", "COMPOSE", "print the compose hash, which is what owners approve", NULL, 1, 1,
     NULL, hash},
    {"recipe show", "COMPOSE", "say in plain words what an owner would approve",
     "Refuses a compose that holds anything but what `recipe compose` writes. With `template: "
     "model`"
     "\nthe template's text is in a file of the base model, named with its SHA-256; --model prints "
     "it"
     "\nwhen it is that file. With a command --tree prints each of its files when it is the locked"
     "\none; what is not seen where it stands is printed as \\u{HEX}, and a file that is no text is"
     "\nnamed.",
     1, 1, show_options, show},
    {"recipe diff", "A B", "say what changed between two composes", NULL, 2, 2, NULL, diff},
    {"model lock", "DIR", "write model.lock: name, size and SHA-256 of each file of a base model",
     "Locks config, tokenizer and weights (*.json, *.safetensors, *.jinja, merges.txt).", 1, 1,
     lock_options, model_lock},
    {0},
};
