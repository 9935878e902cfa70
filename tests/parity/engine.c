/* SPDX-License-Identifier: Apache-2.0
 *
 * A driver for the parity scripts: the engine on an HF folder and a JSONL file, results as text.
 *
 *   engine train MODEL ROWS OUT key=value...   one line a step: step loss rate norm tokens
 *   engine logits MODEL PROFILE OUT id,id,... [ADAPTER]   logits (T, V) f32le into OUT
 *   engine generate MODEL ADAPTER|- COUNT id,id,...   the new ids on one line
 *   engine rows MODEL ROWS                     one line a row: id:target ...
 *   engine sequences MODEL ROWS key=value...   the same of what training sees, packed or not
 *
 * keys: those of the recipe's training section, lora.r and the like, targets=a,b,
 * modules_to_save=a,b, rank_pattern=a:8,b:4, alpha_pattern, lanes=N, emulate=1, recompute=1.
 */
#include "train/engine.h"
#include "sys/files.h"
#include "sys/pool.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FILE_LIMIT ((size_t)8 << 30)

static void need(sw_status status, const sw_error *err) {
    if (status == SW_OK) return;
    fprintf(stderr, "engine: %s\n", err->message);
    exit(1);
}

typedef struct folder {
    sw_arena arena;
    sw_model_file files[SW_MODEL_FILE_LIMIT];
    sw_buffer bytes[SW_MODEL_FILE_LIMIT];
    size_t count;
} folder;

static void open_folder(folder *f, const char *path) {
    sw_error err;
    const char **names;
    size_t count;
    f->arena = (sw_arena){.limit_bytes = FILE_LIMIT};
    need(sw_folder_list(&f->arena, path, SW_MODEL_FILE_LIMIT, &names, &count, &err), &err);
    for (size_t i = 0; i < count; i++) {
        char *full = sw_path_join(&f->arena, path, names[i]);
        if (sw_path_is_folder(full)) continue;
        f->bytes[f->count] = SW_BUFFER(FILE_LIMIT);
        need(sw_file_read(full, FILE_LIMIT, &f->bytes[f->count], &err), &err);
        f->files[f->count] =
            (sw_model_file){.name = names[i], .bytes = sw_buffer_bytes(&f->bytes[f->count])};
        f->count++;
    }
}

static sw_bytes file_of(const folder *f, const char *name) {
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->files[i].name, name) == 0) return f->files[i].bytes;
    }
    return (sw_bytes){0};
}

static void pool_run(void *pool, size_t count, void (*fn)(void *, size_t, size_t), void *context) {
    sw_pool_run(pool, count, fn, context);
}

static sw_parallel open_lanes(size_t lanes) {
    sw_error err;
    sw_pool *pool;
    need(sw_pool_open(lanes, &pool, &err), &err);
    return (sw_parallel){.pool = pool, .run = pool_run, .lanes = lanes};
}

static void read_rows(const folder *f, const sw_model *m, const sw_training *t, const char *path,
                      sw_rows *rows) {
    sw_error err;
    sw_tokenizer *tokenizer;
    sw_buffer text = SW_BUFFER(FILE_LIMIT);
    need(sw_tokenizer_open(file_of(f, "tokenizer.json"), &tokenizer, &err), &err);
    need(sw_file_read(path, FILE_LIMIT, &text, &err), &err);
    size_t number = 0;
    sw_row_template chat = {.named = t->chat == SW_CHAT_CHATML ? SW_TEMPLATE_CHATML
                                                               : SW_TEMPLATE_CHATML_SMOLLM2};
    const sw_chat_files files = {file_of(f, "chat_template.jinja"),
                                 file_of(f, "tokenizer_config.json")};
    if (t->chat == SW_CHAT_MODEL) need(sw_row_template_open(&files, t, &chat, &err), &err);
    sw_row_end end;
    need(sw_row_end_find(tokenizer, files.tokenizer_config, &m->config, &end, &err), &err);
    for (size_t at = 0; at < text.size; number++) {
        const uint8_t *newline = memchr(text.data + at, '\n', text.size - at);
        size_t size = newline ? (size_t)(newline - text.data) - at : text.size - at;
        bool kept;
        need(sw_rows_append(rows, tokenizer, &chat, end, t, SW_BYTES(text.data + at, size), number,
                            &kept, &err),
             &err);
        at += size + 1;
    }
    sw_row_template_close(&chat);
    sw_tokenizer_close(&tokenizer);
    sw_buffer_free(&text);
}

static bool one_setting(sw_training *t, const char *name, const char *value) {
    size_t count;
    const sw_setting *s = sw_training_settings(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(s[i].name, name) != 0) continue;
        if (s[i].type == SW_SETTING_NUMBER) {
            sw_setting_store_number(t, &s[i], strtod(value, NULL));
        } else if (s[i].type == SW_SETTING_CHOICE) {
            for (uint64_t c = 0; s[i].choices[c]; c++) {
                if (strcmp(s[i].choices[c], value) == 0) sw_setting_store_integer(t, &s[i], c);
            }
        } else {
            sw_setting_store_integer(t, &s[i], strtoull(value, NULL, 10));
        }
        return true;
    }
    return false;
}

static size_t store_names(char names[][SW_LORA_TARGET_BYTES], char *list) {
    size_t count = 0;
    for (char *save, *at = strtok_r(list, ",", &save); at; at = strtok_r(NULL, ",", &save)) {
        snprintf(names[count++], SW_LORA_TARGET_BYTES, "%s", at);
    }
    return count;
}

/* name:value,... */
static void store_patterns(sw_lora_patterns *p, char *list) {
    for (char *save, *at = strtok_r(list, ",", &save); at; at = strtok_r(NULL, ",", &save)) {
        char *value = strchr(at, ':');
        *value++ = 0;
        snprintf(p->at[p->count].module, SW_LORA_TARGET_BYTES, "%s", at);
        p->at[p->count++].value = strtod(value, NULL);
    }
}

static bool one_list(sw_lora_settings *lora, const char *name, char *value) {
    if (strcmp(name, "targets") == 0) {
        lora->target_count = store_names(lora->targets, value);
    } else if (strcmp(name, "modules_to_save") == 0) {
        lora->save_count = store_names(lora->save, value);
    } else if (strcmp(name, "rank_pattern") == 0) {
        store_patterns(&lora->rank_pattern, value);
    } else if (strcmp(name, "alpha_pattern") == 0) {
        store_patterns(&lora->alpha_pattern, value);
    } else {
        return false;
    }
    return true;
}

typedef struct options {
    sw_training training;
    size_t lanes;
    bool emulate, recompute;
} options;

static void read_options(options *o, int count, char **arguments) {
    sw_training_defaults(&o->training);
    o->training.chat = SW_CHAT_CHATML_SMOLLM2; /* the miniature's */
    o->lanes = sw_cpu_count();
    for (int i = 0; i < count; i++) {
        char *value = strchr(arguments[i], '=');
        if (!value) exit(2);
        *value++ = 0;
        if (one_list(&o->training.lora, arguments[i], value)) continue;
        if (strcmp(arguments[i], "lanes") == 0) {
            o->lanes = strtoul(value, NULL, 10);
        } else if (strcmp(arguments[i], "emulate") == 0) {
            o->emulate = atoi(value);
        } else if (strcmp(arguments[i], "recompute") == 0) {
            o->recompute = atoi(value);
        } else if (!one_setting(&o->training, arguments[i], value)) {
            fprintf(stderr, "engine: no setting is named %s\n", arguments[i]);
            exit(2);
        }
    }
}

typedef struct sinks {
    const char *folder;
    struct timespec last;
} sinks;

static sw_status on_step(void *context, const sw_train_step *s, sw_error *err) {
    (void)err;
    sinks *k = context;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds =
        (double)(now.tv_sec - k->last.tv_sec) + 1e-9 * (double)(now.tv_nsec - k->last.tv_nsec);
    k->last = now;
    printf("%llu %.9g %.9g %.9g %llu %.4f\n", (unsigned long long)s->step, s->loss,
           s->learning_rate, s->grad_norm, (unsigned long long)s->tokens, seconds);
    fflush(stdout);
    return SW_OK;
}

static sw_status on_checkpoint(void *context, uint64_t step, sw_bytes state, sw_error *err) {
    (void)context;
    (void)step;
    (void)state;
    (void)err;
    return SW_OK;
}

static sw_status on_output(void *context, const char *name, sw_bytes bytes, sw_error *err) {
    const sinks *k = context;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", k->folder, name);
    return sw_file_write(path, bytes, 0644, SW_WRITE_REPLACE, err);
}

static int train(int count, char **arguments) {
    if (count < 3) return 2;
    sw_error err = {0};
    folder f = {0};
    options o = {0};
    sw_model model;
    sw_rows rows = {0};
    bool stopped;
    open_folder(&f, arguments[0]);
    read_options(&o, count - 3, arguments + 3);
    need(sw_model_open(&f.arena, f.files, f.count, &model, &err), &err);
    read_rows(&f, &model, &o.training, arguments[1], &rows);
    sinks k = {.folder = arguments[2]};
    clock_gettime(CLOCK_MONOTONIC, &k.last);
    need(sw_folder_make(arguments[2], 0755, &err), &err);
    sw_train_job job = {
        .settings = &o.training, .model = &model, .rows = &rows, .base_model_name = "base"};
    sw_train_host host = {.context = &k,
                          .step = on_step,
                          .checkpoint = on_checkpoint,
                          .output = on_output,
                          .parallel = open_lanes(o.lanes),
                          .emulate_bf16 = o.emulate,
                          .recompute = o.recompute};
    sw_train_budget budget;
    need(sw_train_plan(&job, o.lanes, o.recompute, &budget, &err), &err);
    fprintf(stderr, "engine: plan %zu MiB\n", budget.bytes >> 20);
    need(sw_train_run(&job, &host, &stopped, &err), &err);
    sw_rows_free(&rows);
    return 0;
}

static size_t read_ids(char *list, uint32_t *ids, size_t limit) {
    size_t count = 0;
    for (char *save, *at = strtok_r(list, ",", &save); at && count < limit;
         at = strtok_r(NULL, ",", &save)) {
        ids[count++] = (uint32_t)strtoul(at, NULL, 10);
    }
    return count;
}

/* "-": none */
static void open_adapter(folder *a, const char *path, sw_adapter *adapter, sw_generate_job *job) {
    if (strcmp(path, "-") == 0) return;
    sw_error err = {0};
    open_folder(a, path);
    need(sw_adapter_read(&a->arena, a->files, a->count, adapter, &err), &err);
    job->adapter = adapter;
}

static int logits(int count, char **arguments) {
    if (count != 4 && count != 5) return 2;
    sw_error err = {0};
    folder f = {0}, a = {0};
    sw_model model;
    sw_adapter adapter;
    static uint32_t ids[8192];
    size_t tokens = read_ids(arguments[3], ids, 8192);
    open_folder(&f, arguments[0]);
    need(sw_model_open(&f.arena, f.files, f.count, &model, &err), &err);
    bool reference = strcmp(arguments[1], "fp32-ref") == 0;
    sw_generate_job job = {.model = &model,
                           .prompt = ids,
                           .prompt_count = tokens,
                           .profile = reference ? SW_PROFILE_FP32_REF : SW_PROFILE_BF16_DP};
    if (count == 5) open_adapter(&a, arguments[4], &adapter, &job);
    sw_parallel lanes = open_lanes(sw_cpu_count());
    size_t bytes = tokens * model.config.vocab_size * sizeof(float);
    float *out = malloc(bytes);
    need(sw_logits(&job, &lanes, out, &err), &err);
    need(sw_file_write(arguments[2], SW_BYTES(out, bytes), 0644, SW_WRITE_REPLACE, &err), &err);
    free(out);
    return 0;
}

static int generate(int count, char **arguments) {
    if (count != 4) return 2;
    sw_error err = {0};
    folder f = {0}, a = {0};
    sw_model model;
    sw_adapter adapter;
    static uint32_t ids[8192];
    size_t tokens = read_ids(arguments[3], ids, 8192);
    open_folder(&f, arguments[0]);
    need(sw_model_open(&f.arena, f.files, f.count, &model, &err), &err);
    sw_token_ends ends;
    need(sw_model_ends(file_of(&f, "generation_config.json"), &model.config, &ends, &err), &err);
    sw_generate_job job = {.model = &model,
                           .prompt = ids,
                           .prompt_count = tokens,
                           .max_new_tokens = strtoul(arguments[2], NULL, 10),
                           .ends = &ends,
                           .profile = SW_PROFILE_FP32_REF};
    open_adapter(&a, arguments[1], &adapter, &job);
    sw_parallel lanes = open_lanes(sw_cpu_count());
    sw_tokens out = {0};
    need(sw_generate(&job, &lanes, &out, &err), &err);
    for (size_t i = 0; i < out.count; i++) printf("%u ", out.ids[i]);
    printf("\n");
    sw_tokens_free(&out);
    return 0;
}

static int rows(int count, char **arguments) {
    if (count < 2) return 2;
    sw_error err = {0};
    folder f = {0};
    options o = {0};
    sw_model model;
    sw_rows all = {0};
    open_folder(&f, arguments[0]);
    read_options(&o, count - 2, arguments + 2);
    need(sw_model_open(&f.arena, f.files, f.count, &model, &err), &err);
    read_rows(&f, &model, &o.training, arguments[1], &all);
    for (size_t i = 0, at = 0; i < all.count; i++) {
        for (; at < all.ends[i]; at++) printf("%u:%u ", all.ids[at], all.target[at]);
        printf("\n");
    }
    sw_rows_free(&all);
    return 0;
}

/* Each sequence as a micro-batch of its own, the way a step reads it. */
static int sequences(int count, char **arguments) {
    if (count < 2) return 2;
    sw_error err = {0};
    folder f = {0};
    options o = {0};
    sw_model model;
    sw_rows all = {0};
    sw_sequences laid;
    sw_capacity c = {0};
    open_folder(&f, arguments[0]);
    read_options(&o, count - 2, arguments + 2);
    need(sw_model_open(&f.arena, f.files, f.count, &model, &err), &err);
    read_rows(&f, &model, &o.training, arguments[1], &all);
    need(sw_rows_pack(&f.arena, &all, &o.training, &laid, &err), &err);
    sw_order order = {.rows = &all, .sequences = &laid, .batch_rows = 1};
    order.index = SW_ARENA_NEW(&f.arena, uint32_t, laid.count);
    for (uint32_t i = 0; i < laid.count; i++) order.index[i] = i;
    need(sw_order_capacity(&order, 1, &c, &err), &err);
    sw_batch b = {.ids = SW_ARENA_NEW(&f.arena, uint32_t, c.tokens),
                  .position = SW_ARENA_NEW(&f.arena, uint32_t, c.tokens),
                  .labelled = SW_ARENA_NEW(&f.arena, uint32_t, c.labels),
                  .target = SW_ARENA_NEW(&f.arena, uint32_t, c.labels),
                  .segments = SW_ARENA_NEW(&f.arena, sw_segment, c.segments)};
    for (uint64_t i = 0; i < laid.count; i++) {
        sw_order_fill(&order, i, &b);
        for (size_t t = 0, label = 0; t < b.tokens; t++) {
            bool next = label < b.label_count && b.labelled[label] + 1 == t;
            printf("%u:%d ", b.ids[t], next);
            label += next;
        }
        printf("\n");
    }
    sw_rows_free(&all);
    return 0;
}

int main(int count, char **arguments) {
    const struct {
        const char *name;
        int (*run)(int count, char **arguments);
    } commands[] = {{"train", train},
                    {"logits", logits},
                    {"generate", generate},
                    {"rows", rows},
                    {"sequences", sequences}};
    for (size_t i = 0; count > 1 && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(arguments[1], commands[i].name) == 0) {
            return commands[i].run(count - 2, arguments + 2);
        }
    }
    fprintf(stderr, "usage: engine train|logits|generate|rows|sequences ...\n");
    return 2;
}
