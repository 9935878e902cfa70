/* SPDX-License-Identifier: Apache-2.0
 *
 * A miniature model from tools/make-miniature.py, rows for it, and hosts that remember what they
 * were given. Tests run in the repository's root, as the Makefile does.
 */
#ifndef SW_TESTS_TRAIN_SUPPORT_H
#define SW_TESTS_TRAIN_SUPPORT_H
#include "cmocka_plain.h"
#include "codec/json.h"
#include "sys/files.h"
#include "sys/pool.h"
#include "train/train.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT ((size_t)1 << 26)

#define MINIATURE_FILES 16

typedef struct miniature {
    sw_arena arena;
    sw_model_file files[MINIATURE_FILES];
    sw_buffer bytes[MINIATURE_FILES];
    size_t count;
    sw_model model;
    sw_tokenizer *tokenizer;
    sw_row_end end;
} miniature;

static inline sw_bytes miniature_file(const miniature *m, const char *name) {
    for (size_t i = 0; i < m->count; i++) {
        if (strcmp(m->files[i].name, name) == 0) return m->files[i].bytes;
    }
    return (sw_bytes){0};
}

static inline void miniature_open(miniature *m, const char *options) {
    char folder[] = P_tmpdir "/sealwright-miniature-XXXXXX", command[256];
    const char **names;
    *m = (miniature){0};
    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof command, "python3 tools/make-miniature.py %s %s", folder, options);
    assert_int_equal(system(command), 0);
    assert_int_equal(sw_folder_list(&m->arena, folder, MINIATURE_FILES, &names, &m->count, NULL),
                     SW_OK);
    for (size_t i = 0; i < m->count; i++) {
        const char *path = sw_path_join(&m->arena, folder, names[i]);
        m->bytes[i] = SW_BUFFER(LIMIT);
        assert_int_equal(sw_file_read(path, LIMIT, &m->bytes[i], NULL), SW_OK);
        m->files[i] = (sw_model_file){.name = names[i], .bytes = sw_buffer_bytes(&m->bytes[i])};
        unlink(path);
    }
    rmdir(folder);
    sw_error err = {0};
    if (sw_model_open(&m->arena, m->files, m->count, &m->model, &err) != SW_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(sw_tokenizer_open(miniature_file(m, "tokenizer.json"), &m->tokenizer, NULL),
                     SW_OK);
    assert_int_equal(sw_row_end_find(m->tokenizer, miniature_file(m, "tokenizer_config.json"),
                                     &m->model.config, &m->end, NULL),
                     SW_OK);
}

static inline void miniature_close(miniature *m) {
    sw_tokenizer_close(&m->tokenizer);
    for (size_t i = 0; i < m->count; i++) sw_buffer_free(&m->bytes[i]);
    sw_arena_free(&m->arena);
}

/* A group of tests over one miniature, its *state. */
static inline int group_open(void **state) {
    static miniature m;
    miniature_open(&m, "");
    *state = &m;
    return 0;
}

static inline int group_close(void **state) {
    miniature_close(*state);
    return 0;
}

static inline sw_training small_settings(void) {
    sw_training t;
    sw_training_defaults(&t);
    t.per_device_train_batch_size = 3;
    t.gradient_accumulation_steps = 2;
    t.max_steps = 6;
    t.learning_rate = 1e-2;
    t.max_length = 120;
    t.chat = SW_CHAT_CHATML_SMOLLM2; /* the miniature's */
    t.lora = (sw_lora_settings){
        .r = 4, .lora_alpha = 8, .target_count = 3, .targets = {"q_proj", "v_proj", "down_proj"}};
    return t;
}

/* All lines of a JSONL file as rows; of `own`, the template file of a model, where t says model. */
static inline void read_rows_by(const miniature *m, const sw_training *t, sw_bytes own,
                                const char *path, sw_rows *out) {
    sw_buffer text = SW_BUFFER(LIMIT);
    assert_int_equal(sw_file_read(path, LIMIT, &text, NULL), SW_OK);
    size_t number = 0;
    sw_error err = {0};
    sw_row_template chat = {.named = t->chat == SW_CHAT_CHATML ? SW_TEMPLATE_CHATML
                                                               : SW_TEMPLATE_CHATML_SMOLLM2};
    const sw_chat_files files = {own, miniature_file(m, "tokenizer_config.json")};
    if (t->chat == SW_CHAT_MODEL && sw_row_template_open(&files, t, &chat, &err) != SW_OK)
        fail_msg("%s", err.message);
    for (size_t at = 0; at < text.size; number++) {
        const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
        bool kept;
        sw_bytes line = SW_BYTES(text.data + at, (size_t)(end - text.data) - at);
        if (sw_rows_append(out, m->tokenizer, &chat, m->end, t, line, number, &kept, &err) !=
            SW_OK) {
            fail_msg("%s", err.message);
        }
        at += line.size + 1;
    }
    sw_row_template_close(&chat);
    sw_buffer_free(&text);
}

static inline void read_rows(const miniature *m, const sw_training *t, const char *path,
                             sw_rows *out) {
    read_rows_by(m, t, (sw_bytes){0}, path, out);
}

/* ---- a host that remembers ---- */
#define STEP_LIMIT 64
typedef struct memory {
    double loss[STEP_LIMIT], norm[STEP_LIMIT], rate[STEP_LIMIT];
    size_t steps;
    uint64_t stop_at; /* ask to stop after this step; 0: never */
    sw_buffer state;  /* the last checkpoint */
    uint64_t state_step, checkpoints;
    sw_buffer values;  /* the trainable state after the last step */
    sw_buffer outputs; /* names and contents, one behind the other */
    sw_buffer weights; /* the last output's bytes */
} memory;

static inline memory memory_new(void) {
    return (memory){.state = SW_BUFFER(LIMIT),
                    .values = SW_BUFFER(LIMIT),
                    .outputs = SW_BUFFER(LIMIT),
                    .weights = SW_BUFFER(LIMIT)};
}

static inline void memory_drop(memory *m) {
    sw_buffer_free(&m->state);
    sw_buffer_free(&m->values);
    sw_buffer_free(&m->outputs);
    sw_buffer_free(&m->weights);
}

static inline sw_status keep_step(void *context, const sw_train_step *s, sw_error *err) {
    (void)err;
    memory *m = context;
    m->loss[s->step - 1] = s->loss;
    m->norm[s->step - 1] = s->grad_norm;
    m->rate[s->step - 1] = s->learning_rate;
    m->steps = s->step;
    sw_buffer_reset(&m->values);
    sw_put_bytes(&m->values, s->state);
    return SW_OK;
}

static inline sw_status keep_checkpoint(void *context, uint64_t step, sw_bytes state,
                                        sw_error *err) {
    (void)err;
    memory *m = context;
    sw_buffer_reset(&m->state);
    sw_put_bytes(&m->state, state);
    m->state_step = step;
    m->checkpoints++;
    return SW_OK;
}

static inline sw_status keep_output(void *context, const char *name, sw_bytes bytes,
                                    sw_error *err) {
    (void)err;
    memory *m = context;
    sw_put_field(&m->outputs, sw_text(name));
    sw_put_field(&m->outputs, bytes);
    sw_buffer_reset(&m->weights);
    sw_put_bytes(&m->weights, bytes);
    return SW_OK;
}

static inline bool ask_stop(void *context) {
    const memory *m = context;
    return m->stop_at && m->steps >= m->stop_at;
}

static inline sw_train_host host_of(memory *m) {
    return (sw_train_host){.context = m,
                           .step = keep_step,
                           .checkpoint = keep_checkpoint,
                           .output = keep_output,
                           .stop = ask_stop,
                           .parallel = sw_parallel_serial()};
}

static inline sw_train_job job_of(const miniature *m, const sw_training *t, const sw_rows *rows) {
    return (sw_train_job){
        .settings = t, .model = &m->model, .rows = rows, .base_model_name = "miniature"};
}

/* Runs and fails the test with the engine's own words when it does not succeed. */
static inline bool run_job(const sw_train_job *job, const sw_train_host *host) {
    sw_error err = {0};
    bool stopped = false;
    if (sw_train_run(job, host, &stopped, &err) != SW_OK) fail_msg("%s", err.message);
    return stopped;
}

static inline void same_bytes(const sw_buffer *a, const sw_buffer *b) {
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->data, b->data, a->size);
}

static inline void pool_run(void *pool, size_t count, void (*fn)(void *, size_t, size_t),
                            void *context) {
    sw_pool_run(pool, count, fn, context);
}

/* A model in bf16 and the rows of pairs.jsonl, for a whole group. */
typedef struct fixture {
    miniature model;
    sw_rows rows;
} fixture;

static inline int fixture_open(void **state) {
    static fixture f;
    sw_training t = small_settings();
    miniature_open(&f.model, "--dtype bf16");
    read_rows(&f.model, &t, "tests/parity/data/pairs.jsonl", &f.rows);
    *state = &f;
    return 0;
}

static inline int fixture_close(void **state) {
    fixture *f = *state;
    sw_rows_free(&f->rows);
    miniature_close(&f->model);
    return 0;
}
#endif
