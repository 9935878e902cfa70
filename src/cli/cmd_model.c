/* SPDX-License-Identifier: Apache-2.0
 *
 * model import, train, eval, generate: the engine on plain files, unsealed and without a manifest.
 * The same functions run inside the sealed worker.
 */
#include "cli/cli.h"
#include "cli/plain.h"
#include "cli/plain_state.h"
#include "cli/plan.h"
#include "cli/plot.h"
#include "codec/text.h"
#include "recipe/recipe.h"
#include "sys/files.h"
#include "sys/folder.h"
#include "tensor/numbers.h"
#include "tokenizer/jinja.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GGUF_LIMIT ((size_t)64 << 30)

typedef struct folder_sink {
    sw_cli *cli;
    const char *folder;
} folder_sink;

static sw_status write_file(void *context, const char *name, sw_bytes bytes, sw_error *err) {
    folder_sink *s = context;
    const char *path = sw_path_join(sw_cli_arena(s->cli), s->folder, name);
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    return sw_file_write(path, bytes, 0644, SW_WRITE_NEW, err);
}

static sw_status import(sw_cli *cli, sw_error *err) {
    const char *gguf = sw_cli_argument(cli, 0), *folder = sw_cli_argument(cli, 1);
    const char *dtype = sw_cli_value(cli, "dtype");
    if (dtype && strcmp(dtype, "bf16") != 0 && strcmp(dtype, "f32") != 0)
        return sw_fail(err, SW_USAGE, "usage", "--dtype is bf16 or f32");
    if (sw_path_exists(folder))
        return sw_fail(err, SW_EXISTS, "exists", "%s exists already", folder);
    sw_bytes bytes;
    SW_TRY(sw_plain_map(cli, gguf, GGUF_LIMIT, &bytes, err));
    sw_draft draft;
    SW_TRY(sw_folder_draft(sw_cli_arena(cli), folder, NULL, 0755, &draft, err));
    folder_sink context = {cli, draft.path};
    const sw_model_sink sink = {&context, write_file};
    sw_status status = sw_gguf_import(
        bytes, dtype && strcmp(dtype, "f32") == 0 ? SW_DTYPE_F32 : SW_DTYPE_BF16, &sink, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", gguf);
    if (status == SW_OK) status = sw_draft_publish(&draft, folder, err);
    sw_draft_discard(&draft);
    SW_TRY(status);
    sw_arena *a = sw_cli_arena(cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_text(a, root, "folder", sw_text(folder));
    sw_cli_result(cli, root);
    sw_cli_print(cli, "%s\n", folder);
    return SW_OK;
}

/* ---- train ---- */

typedef struct plain_run {
    sw_cli *cli;
    const char *folder;
    int64_t start_ms, first_ms; /* of training; of its first step */
    uint64_t tokens;
    sw_curve_point *points; /* of the steps so far; `capacity` of them */
    size_t count, capacity;
    sw_json *losses, *ended_ms; /* of each step; of those made here, since the start */
    sw_plain_state *state;
} plain_run;

static volatile sig_atomic_t interrupted, tells;

/* A step may take minutes: who is not told that it was heard asks again, and loses the step. */
static void on_signal(int number) {
    static const char words[] =
        "\nsealwright: stopping behind this step; once more stops at once\n";
    int before = errno;
    (void)number;
    interrupted = 1;
    if (tells && write(STDERR_FILENO, words, sizeof words - 1) < 0) tells = 0;
    errno = before;
}

/* The first one ends the run behind its step; a second one ends it at once, as without this.
 * Whoever started us deaf to a lost terminal (nohup) keeps us so. */
static void watch_signals(const sw_cli *cli) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction watched = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND}, before;
    tells = !sw_cli_json(cli) && isatty(STDERR_FILENO);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i] != SIGHUP ||
            (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN))
            (void)sigaction(numbers[i], &watched, NULL);
}

static int64_t now_ms(const plain_run *r) {
    const sw_clock *clock = sw_cli_clock(r->cli);
    return clock->steady_ms(clock->context);
}

/* Lists of the result, which people do not see. */
static void add_number(const plain_run *r, sw_json *list, double value) {
    if (sw_cli_json(r->cli)) sw_json_add_number(sw_cli_arena(r->cli), list, NULL, value);
}

static void on_ready(void *context, uint64_t done, uint64_t total) {
    plain_run *r = context;
    r->first_ms = now_ms(r);
    sw_plain_state_unmap(r->state); /* it was read; a mapped file that is replaced fills the disk */
    sw_arena_allow(sw_cli_arena(r->cli), (size_t)total * sizeof(sw_curve_point));
    r->points = SW_ARENA_NEW(sw_cli_arena(r->cli), sw_curve_point, (size_t)total);
    r->capacity = r->points ? (size_t)total : 0;
    for (; r->count < done && r->count < r->capacity; r->count++) {
        r->points[r->count] = r->state->points[r->count];
        add_number(r, r->losses, r->points[r->count].value[SW_SERIES_LOSS]);
    }
    char text[64];
    snprintf(text, sizeof text, "step %" PRIu64 "/%" PRIu64, done, total);
    sw_cli_progress(r->cli, done, total, text);
}

static sw_status on_step(void *context, const sw_train_step *s, sw_error *err) {
    plain_run *r = context;
    int64_t now = now_ms(r);
    if (r->count == r->capacity)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for the curve of %" PRIu64 " steps",
                       s->total_steps);
    r->tokens += s->tokens;
    r->points[r->count++] = (sw_curve_point){s->step, {s->loss, s->learning_rate, s->grad_norm}};
    char text[160];
    double seconds = (double)(now - r->first_ms) / 1000;
    snprintf(text, sizeof text,
             "step %" PRIu64 "/%" PRIu64 "  %.0f tokens/s  loss %.4f  lr %.2e  norm %.3g", s->step,
             s->total_steps, seconds > 0 ? (double)r->tokens / seconds : 0.0, s->loss,
             s->learning_rate, s->grad_norm);
    sw_cli_progress(r->cli, s->step, s->total_steps, text);
    add_number(r, r->losses, s->loss);
    add_number(r, r->ended_ms, (double)(now - r->start_ms));
    return SW_OK;
}

static sw_curve curve_of(const plain_run *r) {
    return (sw_curve){r->points, r->count, SW_SERIES_COUNT};
}

static sw_status on_checkpoint(void *context, uint64_t step, sw_bytes state, sw_error *err) {
    plain_run *r = context;
    if (step == 0) return SW_OK; /* stopped before the first one: there is nothing to keep */
    sw_curve curve = curve_of(r);
    return sw_plain_state_write(r->state, &curve, state, err);
}

static sw_status on_output(void *context, const char *name, sw_bytes bytes, sw_error *err) {
    plain_run *r = context;
    folder_sink sink = {r->cli, r->folder};
    return write_file(&sink, name, bytes, err);
}

static bool is_interrupted(void *context) {
    (void)context;
    return interrupted != 0;
}

static sw_status write_curve(plain_run *r, sw_error *err) {
    SW_SCOPED(sw_buffer) svg = SW_BUFFER(SW_CURVE_SVG_LIMIT);
    sw_curve curve = curve_of(r);
    SW_TRY(sw_curve_svg(&curve, &svg, err));
    return on_output(r, "curve.svg", sw_buffer_bytes(&svg), err);
}

static sw_status train_on(plain_run *r, sw_plain_model *m, const sw_train_job *job, bool recompute,
                          sw_error *err) {
    sw_train_host host = {.context = r,
                          .ready = on_ready,
                          .step = on_step,
                          .checkpoint = on_checkpoint,
                          .output = on_output,
                          .stop = is_interrupted,
                          .release = sw_plain_release,
                          .recompute = recompute};
    sw_pool *pool;
    SW_TRY(sw_plain_pool(r->cli, &pool, &host.parallel, err));
    bool stopped = false;
    const sw_finite_check finite = {.model = job->model,
                                    .files = m->files,
                                    .file_count = m->file_count,
                                    .parallel = &host.parallel,
                                    .release = sw_plain_release};
    sw_status status = sw_model_check_finite(&finite, err);
    if (status == SW_OK) status = sw_train_run(job, &host, &stopped, err);
    sw_pool_close(&pool);
    if (status == SW_OK && stopped)
        status = sw_fail(err, SW_REFUSED, "stopped", "stopped after step %zu", r->count);
    return status;
}

/* Into `draft`, which gets the name `out` when all of it is there. */
static sw_status train_rows(sw_cli *cli, sw_plain_model *m, const sw_train_job *job, bool recompute,
                            sw_plain_state *state, sw_draft *draft, const char *out,
                            sw_error *err) {
    plain_run r = {.cli = cli, .folder = draft->path, .state = state};
    uint64_t resumed = state->kept;
    sw_arena *a = sw_cli_arena(cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    r.losses = sw_json_add_array(a, root, "losses");
    r.ended_ms = sw_json_add_array(a, root, "step_ended_ms");
    r.start_ms = now_ms(&r);
    SW_TRY(train_on(&r, m, job, recompute, err));
    SW_TRY(write_curve(&r, err));
    SW_TRY(sw_draft_publish(draft, out, err));
    sw_plain_state_remove(state);
    sw_json_add_integer(a, root, "first_step_ms", r.first_ms - r.start_ms);
    sw_json_add_integer(a, root, "milliseconds", now_ms(&r) - r.start_ms);
    sw_json_add_integer(a, root, "tokens", (int64_t)r.tokens);
    sw_json_add_text(a, root, "folder", sw_text(out));
    sw_json_add_integer(a, root, "resumed_from", (int64_t)resumed);
    sw_cli_result(cli, root);
    sw_curve curve = curve_of(&r);
    sw_cli_plot(cli, &curve);
    sw_cli_print(cli, "%s\n", out);
    return SW_OK;
}

/* From the state beside `out`, if there is one. */
static sw_status train_or_resume(sw_cli *cli, sw_plain_model *m, sw_train_job job,
                                 const sw_train_budget *budget, const char *out, sw_error *err) {
    sw_plain_state state;
    sw_draft draft; /* its lock is the state's too */
    watch_signals(cli);
    SW_TRY(sw_folder_draft(sw_cli_arena(cli), out, NULL, 0755, &draft, err));
    sw_status status = sw_plain_state_open(cli, out, m, &job, &state, err);
    if (status == SW_OK) {
        job.resume = state.resume;
        status = sw_cli_fit_disk(budget, state.keeps, state.resume.size, draft.path, err);
        if (status != SW_OK) {
            sw_error_prefix(err, "%s", out);
        } else {
            status = train_rows(cli, m, &job, budget->recompute, &state, &draft, out, err);
            if (status != SW_OK) sw_plain_state_hint(&state, err);
        }
        sw_plain_state_unmap(&state);
    }
    sw_draft_discard(&draft);
    return status;
}

/* Plans, and trains unless the plan is all that was asked for. */
static sw_status plan_and_train(sw_cli *cli, sw_plain_model *m, const sw_recipe *recipe,
                                sw_rows *rows, const char *out, sw_error *err) {
    size_t tokenizer_bytes = sw_plain_close_tokenizer(m, rows);
    const sw_train_job job = {.settings = &recipe->training,
                              .model = &m->model,
                              .rows = rows,
                              .base_model_name = recipe->model_name,
                              .files = m->files,
                              .file_count = m->file_count,
                              .tokenizer_bytes = tokenizer_bytes,
                              .program_bytes = SW_CLI_PROGRAM_BYTES};
    uint64_t lanes;
    sw_train_budget budget;
    SW_TRY(sw_plain_lanes(cli, &lanes, err));
    sw_status fits = sw_cli_fit(cli, &job, (size_t)lanes, &budget, err);
    if (fits != SW_OK && strcmp(err->word, "recipe") == 0)
        sw_error_prefix(err, "%s", sw_cli_argument(cli, 0));
    SW_TRY(fits);
    if (sw_cli_flag(cli, "plan")) return sw_cli_show_plan(cli, &job, &budget, err);
    return train_or_resume(cli, m, job, &budget, out, err);
}

static sw_status read_recipe(sw_cli *cli, sw_recipe *out, sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_cli_read(cli, sw_cli_argument(cli, 0), SW_RECIPE_LIMIT, &text, err));
    SW_TRY(sw_recipe_parse(text, sw_cli_argument(cli, 0), out, err));
    if (out->native) return SW_OK;
    return sw_fail(err, SW_REFUSED, "recipe",
                   "%s: trainer.kind is command: only the native trainer trains on plain files",
                   sw_cli_argument(cli, 0));
}

static sw_status no_data(const char *command, sw_error *err) {
    sw_status status = sw_fail(err, SW_USAGE, "usage", "'%s' needs --data", command);
    sw_error_hint(err, "sealwright %s --help", command);
    return status;
}

static sw_status train(sw_cli *cli, sw_error *err) {
    const char *folder, *out = sw_cli_value(cli, "out");
    bool plan = sw_cli_flag(cli, "plan");
    size_t count;
    const char *const *data = sw_cli_list(cli, "data", &count);
    SW_TRY(sw_cli_model(cli, &folder, err));
    if (count == 0) return no_data("train", err);
    if (!plan) SW_TRY(sw_cli_need(cli, "out", &out, err));
    if (!plan && sw_path_exists(out))
        return sw_fail(err, SW_EXISTS, "exists", "%s exists already", out);
    sw_recipe *recipe = SW_ARENA_NEW(sw_cli_arena(cli), sw_recipe, 1);
    sw_plain_model *m = SW_ARENA_NEW(sw_cli_arena(cli), sw_plain_model, 1);
    if (!recipe || !m) return sw_fail(err, SW_MEMORY, "memory", "no memory to train");
    SW_TRY(read_recipe(cli, recipe, err));
    SW_TRY(sw_plain_open(cli, folder, m, err));
    sw_rows rows = {0};
    sw_status status = sw_plain_rows(cli, m, &recipe->training, data, count, &rows, err);
    if (status == SW_OK) status = plan_and_train(cli, m, recipe, &rows, out, err);
    sw_rows_free(&rows);
    sw_plain_close(m);
    return status;
}

/* ---- eval ---- */

static sw_status measure(sw_cli *cli, sw_plain_model *m, const sw_training *settings,
                         const sw_rows *rows, sw_evaluation *out, sw_error *err) {
    sw_adapter adapter;
    const char *folder = sw_cli_value(cli, "adapter");
    if (folder) SW_TRY(sw_plain_adapter(cli, folder, &adapter, err));
    sw_evaluate_job job = {.model = &m->model,
                           .adapter = folder ? &adapter : NULL,
                           .settings = settings,
                           .rows = rows};
    sw_pool *pool;
    SW_TRY(sw_plain_pool(cli, &pool, &job.parallel, err));
    sw_status status = sw_plain_blame(m, &job.parallel, sw_evaluate(&job, out, err), err);
    sw_pool_close(&pool);
    return status;
}

#define LOSS_LIMIT 700 /* e^loss is a number up to here; behind it sw_exp64 stands still */

static void show_evaluation(sw_cli *cli, const sw_evaluation *v) {
    double perplexity = sw_exp64(v->loss);
    bool known = v->loss <= LOSS_LIMIT;
    char text[32] = "beyond 1e304";
    sw_arena *a = sw_cli_arena(cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_integer(a, root, "rows", (int64_t)v->rows);
    sw_json_add_integer(a, root, "tokens", (int64_t)v->tokens);
    sw_json_add_integer(a, root, "targets", (int64_t)v->targets);
    sw_json_add_number(a, root, "loss", v->loss);
    if (known)
        sw_json_add_number(a, root, "perplexity", perplexity);
    else
        sw_json_add_null(a, root, "perplexity");
    sw_cli_result(cli, root);
    if (known) snprintf(text, sizeof text, perplexity < 1e9 ? "%.3f" : "%.3e", perplexity);
    sw_cli_print(cli,
                 "rows        %zu\ntargets     %zu of %zu tokens\nloss        %.4f\n"
                 "perplexity  %s\n",
                 v->rows, v->targets, v->tokens, v->loss, text);
}

static sw_status evaluate(sw_cli *cli, sw_error *err) {
    const char *folder;
    size_t count;
    SW_TRY(sw_cli_model(cli, &folder, err));
    const char *const *data = sw_cli_list(cli, "data", &count);
    if (count == 0) return no_data("eval", err);
    sw_recipe *recipe = SW_ARENA_NEW(sw_cli_arena(cli), sw_recipe, 1);
    sw_plain_model *m = SW_ARENA_NEW(sw_cli_arena(cli), sw_plain_model, 1);
    if (!recipe || !m) return sw_fail(err, SW_MEMORY, "memory", "no memory to evaluate");
    SW_TRY(read_recipe(cli, recipe, err));
    SW_TRY(sw_plain_open(cli, folder, m, err));
    sw_rows rows = {0};
    sw_evaluation result;
    sw_status status = sw_plain_rows(cli, m, &recipe->training, data, count, &rows, err);
    if (status == SW_OK) status = measure(cli, m, &recipe->training, &rows, &result, err);
    if (status == SW_OK) show_evaluation(cli, &result);
    sw_rows_free(&rows);
    sw_plain_close(m);
    return status;
}

/* ---- generate ---- */

/* Not by printf: a token may hold a NUL. */
static void show_answer(sw_cli *cli, sw_bytes text) {
    sw_arena *a = sw_cli_arena(cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_text(a, root, "text", text);
    sw_cli_result(cli, root);
    if (sw_cli_json(cli)) return;
    sw_cli_write(cli, text);
    sw_cli_print(cli, "\n");
}

static sw_status generate(sw_cli *cli, sw_error *err) {
    const char *folder;
    uint64_t limit;
    SW_TRY(sw_cli_model(cli, &folder, err));
    SW_TRY(sw_cli_u64(cli, "max-new-tokens", 64, 4096, &limit, err));
    const char *date = sw_cli_value(cli, "date");
    if (date && !sw_jinja_is_date(sw_text(date)))
        return sw_fail(err, SW_USAGE, "usage", "--date is a day as YYYY-MM-DD");
    sw_profile profile = SW_PROFILE_BF16_DP;
    const char *word = sw_cli_value(cli, "profile");
    if (word && !sw_profile_parse(sw_text(word), &profile))
        return sw_fail(err, SW_USAGE, "usage", "--profile is bf16-dp, bf16-amx or fp32-ref");
    sw_plain_model *m = SW_ARENA_NEW(sw_cli_arena(cli), sw_plain_model, 1);
    if (!m) return sw_fail(err, SW_MEMORY, "memory", "no memory to generate");
    SW_TRY(sw_plain_open(cli, folder, m, err));
    sw_token_ends ends;
    sw_generate_job job = {
        .model = &m->model, .max_new_tokens = (size_t)limit, .ends = &ends, .profile = profile};
    sw_adapter adapter;
    const char *adapted = sw_cli_value(cli, "adapter");
    if (adapted) job.adapter = &adapter;
    sw_status status = sw_plain_ends(m, &ends, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", folder);
    if (status == SW_OK && adapted) status = sw_plain_adapter(cli, adapted, &adapter, err);
    sw_tokens prompt = {0}, answer = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER((size_t)1 << 20);
    if (status == SW_OK)
        status = sw_plain_prompt(cli, m, sw_text(sw_cli_argument(cli, 0)), &prompt, err);
    job.prompt = prompt.ids;
    job.prompt_count = prompt.count;
    sw_pool *pool = NULL;
    sw_parallel parallel;
    if (status == SW_OK) status = sw_plain_pool(cli, &pool, &parallel, err);
    if (status == SW_OK)
        status = sw_plain_blame(m, &parallel, sw_generate(&job, &parallel, &answer, err), err);
    if (status == SW_OK)
        status = sw_tokenizer_decode(m->tokenizer, answer.ids, answer.count, true, &text, err);
    if (pool) sw_pool_close(&pool);
    if (status == SW_OK) show_answer(cli, sw_buffer_bytes(&text));
    sw_tokens_free(&prompt);
    sw_tokens_free(&answer);
    sw_plain_close(m);
    return status;
}

static const sw_option import_options[] = {
    {"dtype", SW_OPTION_VALUE, "TYPE", "bf16 (default; the exact f32 value rounded) or f32"},
    {0},
};
static const sw_option train_options[] = {
    {"model", SW_OPTION_VALUE, "DIR", "the base model's folder, or its name in `models`"},
    {"data", SW_OPTION_LIST, "FILE", "a JSONL file, in the recipe's order of shards"},
    {"out", SW_OPTION_VALUE, "DIR",
     "a folder that does not exist yet; DIR.state is resumed from where it is there"},
    {"threads", SW_OPTION_VALUE, "N", "threads; the result does not depend on it"},
    SW_CLI_MEMORY_OPTION,
    {"plan", SW_OPTION_FLAG, NULL, "say steps, tokens, memory by part and time, and stop"},
    {0},
};
static const sw_option eval_options[] = {
    {"model", SW_OPTION_VALUE, "DIR", "the base model's folder, or its name in `models`"},
    {"adapter", SW_OPTION_VALUE, "DIR", "a PEFT adapter's folder"},
    {"data", SW_OPTION_LIST, "FILE", "a JSONL file of rows that were held out"},
    {"threads", SW_OPTION_VALUE, "N", "threads; the result does not depend on it"},
    {0},
};
static const sw_option generate_options[] = {
    {"model", SW_OPTION_VALUE, "DIR", "the base model's folder, or its name in `models`"},
    {"adapter", SW_OPTION_VALUE, "DIR", "a PEFT adapter's folder"},
    {"max-new-tokens", SW_OPTION_VALUE, "N", "at most so many tokens (64)"},
    {"threads", SW_OPTION_VALUE, "N", "threads; the result does not depend on it"},
    {"date", SW_OPTION_VALUE, "DAY", "YYYY-MM-DD, for a chat template that names the day"},
    {"profile", SW_OPTION_VALUE, "NAME", "bf16-dp (default), bf16-amx or fp32-ref, as in a recipe"},
    {0},
};

const sw_command sw_commands_model[] = {
    {"model import", "GGUF DIR", "turn a GGUF file into a Hugging Face model folder", NULL, 2, 2,
     import_options, import},
    {"train", "RECIPE", "train a recipe on plain files, unsealed and without a manifest",
     "Refuses before the first step what cannot fit into memory. Beside the model lies curve.svg: "
     "loss, learning rate\n"
     "and gradient norm over the steps; a terminal shows the loss at the end.\n"
     "With save_steps the newest state lies in OUT.state until the run is over: after a crash, "
     "SIGINT, SIGTERM or SIGHUP the\n"
     "same command goes on from it, to the same bytes; after a divergence it is the last good one. "
     "Without, nothing is kept.",
     1, 1, train_options, train},
    {"eval", "RECIPE", "loss and perplexity of plain rows, read as the recipe reads them", NULL, 1,
     1, eval_options, evaluate},
    {"generate", "PROMPT", "answer one question, greedily", NULL, 1, 1, generate_options, generate},
    {0},
};
