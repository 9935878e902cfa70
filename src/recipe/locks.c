/* SPDX-License-Identifier: Apache-2.0
 *
 * model.lock and trainer.lock: canonical JSON, so one lock has one encoding.
 * docs/formats/recipe.md, RCP-060 to RCP-063.
 */
#include "crypto/crypto.h"
#include "recipe/recipe_internal.h"

#include <string.h>

#define MODEL_KIND       "sealwright/model-lock/v1"
#define TRAINER_KIND     "sealwright/trainer-lock/v1"
#define FILE_BYTES_LIMIT (UINT64_C(1) << 44)
#define PROFILE_LIMIT    8

/* A file directly in the model's folder: no path, no dot file. */
static bool is_file_name(sw_bytes name) {
    if (name.size == 0 || name.size > 128 || name.data[0] == '.' || name.data[0] == '-')
        return false;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == 0 || strchr("._-+", c) == NULL)) return false;
    }
    return true;
}

/* Names strictly ascending bytewise: no file twice, one order. */
static sw_status check_files(const sw_locked_file *files, size_t count, sw_error *err) {
    if (count == 0 || count > SW_LOCK_FILE_LIMIT)
        return sw_fail(err, SW_REFUSED, "recipe", "a model lock names 1 to %d files",
                       SW_LOCK_FILE_LIMIT);
    for (size_t i = 0; i < count; i++) {
        if (!is_file_name(sw_text(files[i].name)) || files[i].size > FILE_BYTES_LIMIT)
            return sw_fail(err, SW_REFUSED, "recipe",
                           "model.lock: files[%zu] has no proper name or"
                           " size",
                           i);
        if (i > 0 && strcmp(files[i - 1].name, files[i].name) >= 0)
            return sw_fail(err, SW_REFUSED, "recipe",
                           "model.lock: files are not in ascending order of their names");
    }
    return SW_OK;
}

sw_status sw_model_lock_encode(const sw_locked_file *files, size_t count, sw_buffer *out,
                               sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    SW_TRY(check_files(files, count, err));
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_text(&a, root, "kind", SW_LITERAL(MODEL_KIND));
    sw_json *list = sw_json_add_array(&a, root, "files");
    for (size_t i = 0; i < count; i++) {
        sw_json *f = sw_json_add_object(&a, list, NULL);
        sw_json_add_text(&a, f, "name", sw_text(files[i].name));
        sw_json_add_integer(&a, f, "size", (int64_t)files[i].size);
        sw_json_add_hex(&a, f, "sha256", SW_BYTES_OF(files[i].digest.b));
    }
    sw_json_encode(out, root);
    return sw_buffer_check(out, "model.lock", err);
}

/* A lock of the other kind of trainer is told by what it is, not by members that are unknown here.
 */
static sw_status refuse_other(sw_bytes given, const char *kind, sw_error *err) {
    if (strcmp(kind, TRAINER_KIND) == 0 && sw_bytes_is(given, SW_COMMAND_LOCK_KIND))
        return sw_fail(err, SW_REFUSED, "recipe",
                       "trainer.lock is the lock of a command (" SW_COMMAND_LOCK_KIND
                       "), but trainer.kind is native");
    if (strcmp(kind, SW_COMMAND_LOCK_KIND) == 0 && sw_bytes_is(given, TRAINER_KIND))
        return sw_fail(err, SW_REFUSED, "recipe",
                       "trainer.lock is the lock of the native trainer (" TRAINER_KIND
                       "), but trainer.kind is command");
    return SW_OK;
}

sw_status sw_recipe_open_lock(sw_arena *a, sw_bytes json, const char *where, const char *kind,
                              const char *const *names, sw_json **root, sw_error *err) {
    static const sw_json_limits limits = {.bytes = SW_LOCK_LIMIT, .depth = 4, .nodes = 1000};
    sw_bytes given = {0};
    sw_status status = sw_json_parse_canonical(a, json, &limits, root, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "%s", where);
        return status;
    }
    const sw_json *word = sw_json_member(*root, "kind");
    if (word != NULL && word->type == SW_JSON_STRING) SW_TRY(refuse_other(word->text, kind, err));
    SW_TRY(sw_json_expect(*root, where, names, err));
    SW_TRY(sw_json_text(*root, where, "kind", &given, err));
    if (!sw_bytes_is(given, kind))
        return sw_fail(err, SW_MALFORMED, "format", "%s.kind is not %s", where, kind);
    return SW_OK;
}

static sw_status read_file(const sw_json *node, sw_locked_file *out, sw_error *err) {
    static const char *const names[] = {"name", "sha256", "size", NULL};
    sw_bytes name = {0};
    SW_TRY(sw_json_expect(node, "model.lock.files[]", names, err));
    SW_TRY(sw_json_text(node, "model.lock.files[]", "name", &name, err));
    if (!is_file_name(name))
        return sw_fail(err, SW_REFUSED, "recipe",
                       "model.lock: a file's name is not 1 to 128 of A-Z a-z 0-9 . _ - +");
    memcpy(out->name, name.data, name.size);
    SW_TRY(sw_json_u64(node, "model.lock.files[]", "size", FILE_BYTES_LIMIT, &out->size, err));
    return sw_json_hash(node, "model.lock.files[]", "sha256", &out->digest, err);
}

sw_status sw_model_lock_parse(sw_bytes json, sw_recipe *into, sw_error *err) {
    static const char *const names[] = {"files", "kind", NULL};
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root = NULL;
    const sw_json *list = NULL;
    SW_TRY(sw_recipe_open_lock(&a, json, "model.lock", MODEL_KIND, names, &root, err));
    SW_TRY(sw_json_array(root, "model.lock", "files", SW_LOCK_FILE_LIMIT, &list, err));
    sw_locked_file *files = SW_ARENA_NEW(&a, sw_locked_file, SW_LOCK_FILE_LIMIT);
    if (files == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for model.lock");
    size_t count = 0;
    for (const sw_json *f = list->first; f != NULL; f = f->next)
        SW_TRY(read_file(f, &files[count++], err));
    SW_TRY(check_files(files, count, err));
    memcpy(into->model_files, files, sizeof into->model_files);
    into->model_file_count = count;
    sw_sha256(&into->model_digest, json);
    return SW_OK;
}

/* "bf16-dp,fp32-ref": what the struct keeps; words of a-z 0-9 and -, ascending, each once. */
static sw_status read_profiles(const sw_json *list, char *out, size_t size, sw_error *err) {
    sw_bytes previous = {0};
    size_t used = 0;
    for (const sw_json *p = list->first; p != NULL; p = p->next) {
        bool word = p->type == SW_JSON_STRING && p->text.size > 0 && p->text.size <= 32 &&
                    sw_bytes_compare(previous, p->text) < 0 && used + p->text.size + 2 <= size;
        for (size_t i = 0; word && i < p->text.size; i++) {
            uint8_t c = p->text.data[i];
            word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        }
        if (!word)
            return sw_fail(err, SW_REFUSED, "recipe",
                           "trainer.lock: profiles must be words in ascending order, each once");
        if (used > 0) out[used++] = ',';
        memcpy(out + used, p->text.data, p->text.size);
        used += p->text.size;
        previous = p->text;
    }
    if (used == 0) return sw_fail(err, SW_REFUSED, "recipe", "trainer.lock names no profile");
    return SW_OK;
}

sw_status sw_trainer_lock_parse(sw_bytes json, sw_recipe *into, sw_error *err) {
    static const char *const names[] = {"kind", "profiles", "worker", NULL};
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root = NULL;
    const sw_json *list = NULL;
    sw_hash worker;
    char profiles[sizeof into->profiles] = {0};
    SW_TRY(sw_recipe_open_lock(&a, json, "trainer.lock", TRAINER_KIND, names, &root, err));
    SW_TRY(sw_json_hash(root, "trainer.lock", "worker", &worker, err));
    SW_TRY(sw_json_array(root, "trainer.lock", "profiles", PROFILE_LIMIT, &list, err));
    SW_TRY(read_profiles(list, profiles, sizeof profiles, err));
    into->trainer_digest = worker;
    memcpy(into->profiles, profiles, sizeof profiles);
    return SW_OK;
}
