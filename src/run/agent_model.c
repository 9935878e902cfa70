/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be said of the base model before a key is asked for (docs/formats/worker.md, WRK-046):
 * every file that the run reads is read, and the settings are held against it. Decoders and worker
 * look again; here it costs no grant.
 */
#include "run/agent.h"
#include "sys/processor.h"
#include "tokenizer/beside.h"
#include "train/train.h"
#include <string.h>

typedef struct base_model {
    const sw_recipe *recipe;
    sw_model_file files[SW_LOCK_FILE_LIMIT];
    size_t count;
    sw_arena arena;
} base_model;

static sw_bytes file_of(const base_model *m, const char *name) {
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->files[i].name, name) == 0) return m->files[i].bytes;
    return (sw_bytes){0};
}

static sw_status check_template(const base_model *m, sw_error *err) {
    const sw_chat_files files = {file_of(m, "chat_template.jinja"),
                                 file_of(m, "tokenizer_config.json")};
    sw_row_template chat = {0};
    sw_status status = sw_row_template_open(&files, &m->recipe->training, &chat, err);
    sw_row_template_close(&chat);
    return status;
}

static sw_status check_limit(const char *key, const char *what, uint64_t needs, uint64_t limit,
                             sw_error *err) {
    if (needs <= limit) return SW_OK;
    sw_status status = sw_fail(err, SW_REFUSED, "limit",
                               "%s takes at least %llu bytes, and the recipe's %s is %llu", what,
                               (unsigned long long)needs, key, (unsigned long long)limit);
    sw_error_hint(err, "compose the recipe with a larger %s; owners then consent to that one", key);
    return status;
}

/* RCP-042: whether the model can be trained so, and what comes out fits what the recipe declares.
 */
static sw_status check_settings(const base_model *m, const sw_model_config *config, sw_error *err) {
    const sw_training *t = &m->recipe->training;
    sw_train_sizes sizes;
    SW_TRY(sw_train_check(t, config, &sizes, err));
    for (size_t i = 0; i < m->count; i++)
        if (t->method == SW_METHOD_FULL && sw_train_copies(m->files[i].name))
            sizes.output_bytes += m->files[i].bytes.size;
    SW_TRY(check_limit("observe.checkpoint_limit", "a checkpoint", sizes.state_bytes,
                       m->recipe->checkpoint_limit_bytes, err));
    return check_limit("output.limit", "the output", sizes.output_bytes,
                       m->recipe->output_limit_bytes, err);
}

/* What lies beside the tokeniser; without a template every row is text, and text needs a token that
 * ends it (ROW-003). */
static sw_status check_tokens(const base_model *m, const sw_tokenizer *t,
                              const sw_model_config *config, sw_error *err) {
    sw_row_end end;
    const sw_tokenizer_beside beside = {file_of(m, "tokenizer_config.json"),
                                        file_of(m, "special_tokens_map.json"),
                                        file_of(m, "added_tokens.json")};
    SW_TRY(sw_tokenizer_check_beside(t, &beside, err));
    SW_TRY(sw_row_end_find(t, file_of(m, "tokenizer_config.json"), config, &end, err));
    if (!end.missing || m->recipe->training.chat != SW_CHAT_NONE) return SW_OK;
    return sw_fail(err, SW_REFUSED, "model", "%s", end.missing);
}

static sw_status check_tokenizer(const base_model *m, const sw_model_config *config,
                                 sw_error *err) {
    sw_bytes file = file_of(m, "tokenizer.json");
    sw_tokenizer *tokenizer = NULL;
    if (!file.size)
        return sw_fail(err, SW_MISSING, "missing", "there is no tokenizer.json, or it is empty");
    SW_TRY(sw_tokenizer_open(file, &tokenizer, err));
    sw_status status = check_tokens(m, tokenizer, config, err);
    sw_tokenizer_close(&tokenizer);
    return status;
}

static void run_here(void *pool, size_t count, void (*fn)(void *, size_t, size_t), void *context) {
    (void)pool;
    for (size_t i = 0; i < count; i++) fn(context, i, 0);
}

static sw_status check_weights(const base_model *m, const sw_model *model, sw_error *err) {
    const sw_parallel here = {NULL, run_here, 1};
    const sw_finite_check finite = {
        .model = model, .files = m->files, .file_count = m->count, .parallel = &here};
    return sw_model_check_finite(&finite, err);
}

/* The weights come last: what takes a moment is said at once. */
static sw_status check(base_model *m, sw_error *err) {
    sw_model model;
    SW_TRY(check_template(m, err));
    SW_TRY(sw_model_open(&m->arena, m->files, m->count, &model, err));
    SW_TRY(check_settings(m, &model.config, err));
    SW_TRY(check_tokenizer(m, &model.config, err));
    SW_TRY(sw_train_check_files(&m->recipe->training, &model.config, m->files, m->count, err));
    return check_weights(m, &model, err);
}

sw_status sw_agent_check_model(const sw_agent *a, const uint8_t *map, sw_error *err) {
    base_model m = {.recipe = a->recipe, .count = a->recipe->model_file_count};
    SW_TRY(sw_processor_check(sw_cpuid_ask, err));
    for (size_t i = 0; i < m.count; i++)
        m.files[i] = (sw_model_file){a->files[i].name,
                                     SW_BYTES(map + a->files[i].offset, (size_t)a->files[i].size)};
    sw_status status = check(&m, err);
    sw_arena_free(&m.arena);
    if (status == SW_OK || status == SW_MEMORY) return status;
    sw_error_prefix(err, "%s", a->o->model_folder);
    if (err && !err->hint[0])
        sw_error_hint(err, "the recipe's model lock names these bytes: lock a model that can be "
                           "read, compose the recipe again and ask the owners");
    return status;
}
