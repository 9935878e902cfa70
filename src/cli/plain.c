/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening what lies in plain folders. These commands hold no secret: what they read is the user's
 * own.
 */
#include "cli/plain.h"
#include "sys/files.h"
#include "sys/processor.h"
#include "tokenizer/beside.h"
#include "tokenizer/jinja.h"
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPLATE_FILE   "chat_template.jinja"
#define TEMPLATE_FOLDER "additional_chat_templates"
#define MODEL_LIMIT     ((size_t)256 << 30)
#define DATA_LIMIT      ((size_t)64 << 30)

static sw_status map_file(int fd, const char *path, size_t limit, sw_bytes *out, sw_error *err) {
    struct stat info;
    if (fstat(fd, &info) || !S_ISREG(info.st_mode) || info.st_size < 0)
        return sw_fail(err, SW_IO, "io", "%s is not a regular file", path);
    size_t size = (size_t)info.st_size;
    if (size > limit)
        return sw_fail(err, SW_LIMIT, "limit", "%s is larger than %zu MiB", path, limit >> 20);
    void *map = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (map == MAP_FAILED) return sw_fail(err, SW_IO, "io", "%s cannot be mapped", path);
    *out = SW_BYTES(map, size);
    return SW_OK;
}

sw_status sw_plain_map(sw_cli *cli, const char *path, size_t limit, sw_bytes *out, sw_error *err) {
    (void)cli;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is refused, not waited for */
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return sw_fail(err, SW_MISSING, "missing", "%s: no such file or folder", path);
    if (fd < 0) return sw_fail(err, SW_IO, "io", "%s cannot be opened", path);
    sw_status status = map_file(fd, path, limit, out, err);
    close(fd);
    return status;
}

static bool wanted(const char *name) {
    size_t size = strlen(name);
    return (size > 5 && strcmp(name + size - 5, ".json") == 0) ||
           (size > 12 && strcmp(name + size - 12, ".safetensors") == 0) ||
           strcmp(name, TEMPLATE_FILE) == 0;
}

static sw_status map_folder(sw_cli *cli, const char *folder,
                            sw_model_file files[SW_MODEL_FILE_LIMIT], size_t *count,
                            sw_error *err) {
    const char **names;
    size_t found;
    if (sw_path_exists(folder) && !sw_path_is_folder(folder))
        return sw_fail(err, SW_MISSING, "missing", "%s is no folder", folder);
    SW_TRY(sw_folder_list(sw_cli_arena(cli), folder, 1000, &names, &found, err));
    *count = 0;
    for (size_t i = 0; i < found; i++) {
        if (!wanted(names[i])) continue;
        if (*count == SW_MODEL_FILE_LIMIT)
            return sw_fail(err, SW_LIMIT, "limit", "%s holds too many model files", folder);
        const char *path = sw_path_join(sw_cli_arena(cli), folder, names[i]);
        if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
        files[*count].name = names[i];
        SW_TRY(sw_plain_map(cli, path, MODEL_LIMIT, &files[*count].bytes, err));
        (*count)++;
    }
    return SW_OK;
}

static sw_bytes file_of(const sw_model_file *files, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(files[i].name, name) == 0) return files[i].bytes;
    return (sw_bytes){0};
}

static sw_chat_files chat_files(const sw_plain_model *m) {
    return (sw_chat_files){file_of(m->files, m->file_count, TEMPLATE_FILE),
                           file_of(m->files, m->file_count, "tokenizer_config.json")};
}

static sw_status check_beside(const sw_plain_model *m, sw_error *err) {
    const sw_tokenizer_beside beside = {
        .tokenizer_config = file_of(m->files, m->file_count, "tokenizer_config.json"),
        .special_tokens_map = file_of(m->files, m->file_count, "special_tokens_map.json"),
        .added_tokens = file_of(m->files, m->file_count, "added_tokens.json")};
    return sw_tokenizer_check_beside(m->tokenizer, &beside, err);
}

static sw_status open_tokenizer(sw_plain_model *m, sw_error *err) {
    sw_bytes file = file_of(m->files, m->file_count, "tokenizer.json");
    sw_status status;
    if (file.size) {
        status = sw_tokenizer_open(file, &m->tokenizer, err);
        sw_plain_release(NULL, file);
        if (status == SW_OK) status = check_beside(m, err);
        if (status != SW_OK) sw_tokenizer_close(&m->tokenizer);
        return status;
    }
    status = sw_fail(err, SW_MISSING, "missing", "there is no tokenizer.json, or it is empty");
    sw_error_hint(err, "of a model that was trained whole copy it, tokenizer_config.json and "
                       "generation_config.json from the base model's folder");
    return status;
}

sw_status sw_plain_open(sw_cli *cli, const char *folder, sw_plain_model *out, sw_error *err) {
    sw_plain_model m = {.folder = folder};
    SW_TRY(sw_processor_check(sw_cpuid_ask, err));
    SW_TRY(map_folder(cli, folder, m.files, &m.file_count, err));
    sw_status status = sw_model_open(sw_cli_arena(cli), m.files, m.file_count, &m.model, err);
    if (status == SW_OK) status = open_tokenizer(&m, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "%s", folder);
        return status;
    }
    *out = m;
    return SW_OK;
}

sw_status sw_plain_check_tokens(sw_cli *cli, const char *folder, sw_error *err) {
    sw_plain_model *m = SW_ARENA_NEW(sw_cli_arena(cli), sw_plain_model, 1);
    if (!m) return sw_fail(err, SW_MEMORY, "memory", "no memory for a tokeniser");
    sw_status status = map_folder(cli, folder, m->files, &m->file_count, err);
    sw_bytes file = file_of(m->files, m->file_count, "tokenizer.json");
    if (status == SW_OK && file.size && sw_tokenizer_open(file, &m->tokenizer, NULL) == SW_OK)
        status = check_beside(m, err);
    sw_plain_close(m);
    return status;
}

sw_status sw_plain_check_templates(sw_cli *cli, const char *folder, sw_error *err) {
    const char **names, *path = sw_path_join(sw_cli_arena(cli), folder, TEMPLATE_FOLDER);
    size_t count, jinja = sizeof ".jinja" - 1;
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    if (!sw_path_is_folder(path)) return SW_OK;
    SW_TRY(sw_folder_list(sw_cli_arena(cli), path, 1000, &names, &count, err));
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(names[i]);
        if (size < jinja || strcmp(names[i] + size - jinja, ".jinja") != 0) continue;
        sw_status status =
            sw_fail(err, SW_REFUSED, "model",
                    "%s holds chat templates, and those of that folder are not read", path);
        sw_error_hint(err, "transformers takes its tool_use.jinja for rows with tools: move the "
                           "folder away, and every row goes through the model's one template");
        return status;
    }
    return SW_OK;
}

sw_status sw_plain_ends(const sw_plain_model *m, sw_token_ends *out, sw_error *err) {
    return sw_model_ends(file_of(m->files, m->file_count, "generation_config.json"),
                         &m->model.config, out, err);
}

sw_status sw_plain_blame(const sw_plain_model *m, const sw_parallel *parallel, sw_status status,
                         sw_error *err) {
    const sw_finite_check finite = {
        .model = &m->model, .files = m->files, .file_count = m->file_count, .parallel = parallel};
    sw_error cause = {0};
    if (status != SW_REFUSED || strcmp(err->word, "diverged") != 0) return status;
    if (sw_model_check_finite(&finite, &cause) == SW_OK) return status;
    *err = cause;
    return cause.status;
}

void sw_plain_close(sw_plain_model *m) {
    sw_tokenizer_close(&m->tokenizer);
    for (size_t i = 0; i < m->file_count; i++)
        if (m->files[i].bytes.size)
            munmap((void *)(uintptr_t)m->files[i].bytes.data, m->files[i].bytes.size);
    m->file_count = 0;
}

void sw_plain_release(void *context, sw_bytes tensor) {
    (void)context;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)tensor.data;
    uintptr_t first = (at + page - 1) / page * page, end = (at + tensor.size) / page * page;
    if (first < end) (void)madvise((void *)first, end - first, MADV_DONTNEED); /* only a wish */
}

/* What one file held. */
typedef struct tally {
    size_t rows, dropped, first_dropped;
} tally;

static sw_status add_row(sw_plain_model *m, const sw_row_template *chat,
                         const sw_training *settings, sw_bytes line, tally *seen, sw_rows *rows,
                         sw_error *err) {
    bool kept;
    SW_TRY(
        sw_rows_append(rows, m->tokenizer, chat, m->end, settings, line, ++seen->rows, &kept, err));
    if (kept)
        return sw_rows_check_row(rows, rows->count - 1, seen->rows, settings, &m->model.config,
                                 err);
    if (!seen->dropped++) seen->first_dropped = seen->rows;
    return SW_OK;
}

static sw_status add_file(sw_plain_model *m, const sw_row_template *chat,
                          const sw_training *settings, sw_bytes text, tally *seen, sw_rows *rows,
                          sw_error *err) {
    while (text.size) {
        const uint8_t *newline = memchr(text.data, '\n', text.size);
        size_t size = newline ? (size_t)(newline - text.data) : text.size;
        sw_bytes line = SW_BYTES(text.data, size);
        size_t used = newline ? size + 1 : size;
        text = SW_BYTES(text.data + used, text.size - used);
        size_t at = 0;
        while (at < line.size && strchr(" \t\r", line.data[at]) && line.data[at]) at++;
        if (at == line.size) continue;
        SW_TRY(add_row(m, chat, settings, line, seen, rows, err));
    }
    return seen->rows ? SW_OK : sw_fail(err, SW_REFUSED, "rows", "there is no row in it");
}

/* ROW-007 leaves such rows out. */
static void tell_dropped(sw_cli *cli, const char *file, const tally *seen,
                         const sw_training *settings) {
    if (!seen->dropped) return;
    sw_cli_note(cli, "%s: row %zu has nothing to predict within max_length %u and is left out%s",
                file, seen->first_dropped, settings->max_length,
                seen->dropped > 1 ? ", as are others" : "");
}

static sw_status add_files(sw_cli *cli, sw_plain_model *m, const sw_row_template *chat,
                           const sw_training *settings, const char *const *files, size_t count,
                           sw_rows *out, sw_error *err) {
    for (size_t i = 0; i < count; i++) {
        sw_bytes text;
        tally seen = {0};
        SW_TRY(sw_plain_map(cli, files[i], DATA_LIMIT, &text, err));
        sw_status status = add_file(m, chat, settings, text, &seen, out, err);
        if (text.size) munmap((void *)(uintptr_t)text.data, text.size);
        if (status != SW_OK) {
            sw_error_prefix(err, "%s", files[i]);
            return status;
        }
        tell_dropped(cli, files[i], &seen, settings);
    }
    return SW_OK;
}

/* Rows whose first token alone counts are kept (ROW-007), and of those alone nothing is learnt but
 * where sequences run across rows. */
static bool teaches(const sw_rows *r, const sw_training *settings) {
    if (settings->packing && settings->packing_strategy == SW_PACKING_WRAPPED) return r->count > 0;
    uint64_t at = 0;
    for (size_t row = 0; row < r->count; at = r->ends[row++]) {
        if (memchr(r->target + at + 1, 1, r->ends[row] - at - 1)) return true;
    }
    return false;
}

sw_status sw_plain_rows(sw_cli *cli, sw_plain_model *m, const sw_training *settings,
                        const char *const *files, size_t count, sw_rows *out, sw_error *err) {
    sw_row_template chat = {0};
    sw_chat_files own = chat_files(m);
    if (settings->chat != SW_CHAT_NONE) SW_TRY(sw_plain_check_templates(cli, m->folder, err));
    SW_TRY(sw_row_end_find(m->tokenizer, own.tokenizer_config, &m->model.config, &m->end, err));
    SW_TRY(sw_row_template_open(&own, settings, &chat, err));
    sw_status status = add_files(cli, m, &chat, settings, files, count, out, err);
    sw_row_template_close(&chat);
    if (status != SW_OK || teaches(out, settings)) return status;
    status = sw_fail(err, SW_REFUSED, "rows", "no row of %s%s has anything to predict", files[0],
                     count > 1 ? " and the other files" : "");
    sw_error_hint(err,
                  "max_length is %u tokens: what a row is to answer lies behind it, or is empty",
                  settings->max_length);
    return status;
}

/* Rows that grow are there twice for a moment. */
size_t sw_plain_close_tokenizer(sw_plain_model *m, const sw_rows *rows) {
    sw_tokenizer_sizes sizes = sw_tokenizer_measure(m->tokenizer);
    size_t twice = 2 * (rows->token_count * (sizeof *rows->ids + sizeof *rows->target) +
                        rows->count * sizeof *rows->ends);
    sw_tokenizer_close(&m->tokenizer);
    (void)malloc_trim(0); /* what the tree left between blocks that are still used goes as well */
    return sizes.held_bytes + (sizes.tree_bytes > twice ? sizes.tree_bytes : twice);
}

sw_status sw_plain_adapter(sw_cli *cli, const char *folder, sw_adapter *out, sw_error *err) {
    sw_model_file *files = SW_ARENA_NEW(sw_cli_arena(cli), sw_model_file, SW_MODEL_FILE_LIMIT);
    if (!files) return sw_fail(err, SW_MEMORY, "memory", "no memory for the adapter");
    size_t count;
    SW_TRY(map_folder(cli, folder, files, &count, err));
    sw_status status = sw_adapter_read(sw_cli_arena(cli), files, count, out, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", folder);
    return status;
}

static sw_status render(sw_cli *cli, sw_bytes tokenizer_config, const sw_jinja *template,
                        sw_bytes text, sw_buffer *out, sw_error *err) {
    sw_arena *a = sw_cli_arena(cli);
    sw_chat_tokens tokens;
    SW_TRY(sw_chat_tokens_read(a, tokenizer_config, &tokens, err));
    sw_json *messages = sw_json_make(a, SW_JSON_ARRAY);
    sw_json *message = sw_json_add_object(a, messages, NULL);
    sw_json_add_text(a, message, "role", SW_LITERAL("user"));
    sw_json_add_text(a, message, "content", text);
    if (!messages || !message || message->count != 2)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a turn");
    const sw_jinja_input input = {.messages = messages,
                                  .add_generation_prompt = true,
                                  .bos_token = tokens.bos_token,
                                  .eos_token = tokens.eos_token,
                                  .date = sw_text(sw_cli_value(cli, "date"))};
    return sw_jinja_render(template, &input, out, a, NULL, err);
}

sw_status sw_plain_prompt(sw_cli *cli, sw_plain_model *m, sw_bytes text, sw_tokens *out,
                          sw_error *err) {
    sw_chat_files own = chat_files(m);
    sw_bytes template;
    sw_jinja *parsed = NULL;
    SW_TRY(sw_chat_text(sw_cli_arena(cli), &own, &template, err));
    if (template.data) SW_TRY(sw_jinja_parse(template, &parsed, err));
    if (sw_cli_value(cli, "date") && !(parsed && sw_jinja_needs_of(parsed).date)) {
        sw_jinja_free(&parsed);
        return sw_fail(err, SW_REFUSED, "model",
                       "--date is not read: no chat template of the model asks for it");
    }
    if (!parsed) return sw_tokenizer_encode(m->tokenizer, text, true, out, err);
    SW_SCOPED(sw_buffer) rendered = SW_BUFFER((size_t)1 << 20);
    sw_status status = render(cli, own.tokenizer_config, parsed, text, &rendered, err);
    sw_jinja_free(&parsed);
    SW_TRY(status);
    return sw_tokenizer_encode(m->tokenizer, sw_buffer_bytes(&rendered), false, out, err);
}

sw_status sw_plain_lanes(sw_cli *cli, uint64_t *lanes, sw_error *err) {
    SW_TRY(sw_cli_u64(cli, "threads", sw_cpu_count(), 256, lanes, err));
    return *lanes ? SW_OK : sw_fail(err, SW_USAGE, "usage", "--threads must be at least 1");
}

static void run_pool(void *pool, size_t count, void (*fn)(void *, size_t, size_t), void *context) {
    sw_pool_run(pool, count, fn, context);
}

sw_status sw_plain_pool(sw_cli *cli, sw_pool **pool, sw_parallel *parallel, sw_error *err) {
    uint64_t lanes;
    SW_TRY(sw_plain_lanes(cli, &lanes, err));
    SW_TRY(sw_pool_open((size_t)lanes, pool, err));
    *parallel = (sw_parallel){*pool, run_pool, (size_t)lanes};
    return SW_OK;
}
