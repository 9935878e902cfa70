/* SPDX-License-Identifier: Apache-2.0
 *
 * Training: rows in, metrics and checkpoints and outputs out; nothing else. The same function
 * serves `sealwright train` (plain files) and the sealed worker.
 *
 * Bit rule: same settings, model, rows and profile give the same bytes in every callback, for any
 * number of lanes, with native or emulated bf16, and for a run that was stopped at any step and
 * resumed from its last checkpoint.
 */
#ifndef SW_TRAIN_H
#define SW_TRAIN_H
#include "model/model.h"
#include "tokenizer/jinja.h"

/* ---- rows: what the decoder of one shard hands on. Rows of all shards are laid one after the
 * other in the recipe's order. ---- */
typedef struct sw_rows {
    uint32_t *ids;   /* all tokens */
    uint8_t *target; /* 1: this token counts in the loss as a prediction target; the first token of
                        a row never does, but packed behind another row (ROW-031) */
    uint64_t *ends;  /* ends[i]: index behind row i's last token */
    size_t count, token_count, row_capacity, token_capacity;
} sw_rows;
void sw_rows_free(sw_rows *r); /* wipes */
/* Where a base model keeps its own chat template (MODEL-093): chat_template.jinja, and
 * tokenizer_config.json. A file that is missing is an empty view. */
typedef struct sw_chat_files {
    sw_bytes jinja, tokenizer_config;
} sw_chat_files;
/* Its text as it stands there, in the files or in `arena`; data NULL: the model carries none.
 * SW_MALFORMED: tokenizer_config.json is no JSON, or has neither a text nor a list of named ones;
 * SW_REFUSED "model": the list has no `default`. */
SW_NODISCARD sw_status sw_chat_text(sw_arena *arena, const sw_chat_files *files, sw_bytes *out,
                                    sw_error *err);
/* The special tokens that a template may read, out of tokenizer_config.json; data NULL: none. */
typedef struct sw_chat_tokens {
    sw_bytes bos_token, eos_token;
    bool says_bos, says_eos; /* the file has the member, which may say null */
} sw_chat_tokens;
SW_NODISCARD sw_status sw_chat_tokens_read(sw_arena *arena, sw_bytes tokenizer_config,
                                           sw_chat_tokens *out, sw_error *err);
/* The token whose text ends a row of text (ROW-003): the one that tokenizer_config.json calls
 * `eos_token`, as TRL takes it; where it says none, the first id of config.json's `eos_token_id`.
 * Rows of turns need none, so a model without one is refused by the first row of text. */
typedef struct sw_row_end {
    uint32_t id;         /* UINT32_MAX for none */
    const char *missing; /* then: why, a sentence naming file and member; static */
} sw_row_end;
/* SW_MALFORMED: tokenizer_config.json (empty when missing) is no JSON. */
SW_NODISCARD sw_status sw_row_end_find(const sw_tokenizer *t, sw_bytes tokenizer_config,
                                       const sw_model_config *config, sw_row_end *out,
                                       sw_error *err);
/* How rows of turns become text (RCP-045 to RCP-047). {0} serves where the recipe's template is
 * none. */
typedef struct sw_row_template {
    sw_template named; /* with chatml and chatml-smollm2 */
    sw_jinja *own;     /* with `model`: the base model's, parsed */
    sw_arena arena;    /* of the rest */
    sw_bytes bos_token, eos_token;
    char date[SW_DATE_BYTES]; /* empty for none */
    bool tool_use; /* the model has another template for rows with tools: these are refused */
} sw_row_template;
/* The template that the settings name: it must be the base model's own, which SW_CHAT_MODEL takes
 * as it is. SW_REFUSED "model" naming both otherwise, or what the model's own one asks for and the
 * recipe does not give (template_date), the recipe gives and it does not read, or
 * assistant_only_loss wants and it does not mark; "template" when it is not one that is known here.
 * With SW_CHAT_NONE the model's is not looked at. The bytes of `files` must outlive it. */
SW_NODISCARD sw_status sw_row_template_open(const sw_chat_files *files, const sw_training *settings,
                                            sw_row_template *out, sw_error *err);
void sw_row_template_close(sw_row_template *t);
/* One JSONL line ({"prompt","completion"} as strings or as turns, {"messages":[{role,content}]},
 * {"text"}) becomes one row, by TRL's rules: EOS appended to plain text, prompt masked when
 * completion_only_loss, all but the assistant's turns with assistant_only_loss, cut to max_length
 * keeping the start; a row of which no token counts is dropped (*kept = false). With packing
 * none is, and rows that it cuts itself stay whole. A malformed line, or one that the phase or the
 * loss does not read, is SW_MALFORMED naming the row, never its content. */
SW_NODISCARD sw_status sw_rows_append(sw_rows *r, sw_tokenizer *t, const sw_row_template *chat,
                                      sw_row_end end, const sw_training *settings, sw_bytes line,
                                      size_t row_number, bool *kept, sw_error *err);
/* A row's tokens are those of the model's vocabulary, and it, or each piece that packing cuts it
 * into, is not longer than the model's positions: SW_REFUSED "rows" that names it as `row_number`.
 * sw_train_run checks all rows, counted from 1; who knows their files checks them there. */
SW_NODISCARD sw_status sw_rows_check_row(const sw_rows *r, size_t row, size_t row_number,
                                         const sw_training *t, const sw_model_config *config,
                                         sw_error *err);
/* The wire form between the decoder's process and the agent, and from the agent to the worker
 * (docs/formats/training.md): u64le rows, u64le tokens, ends u64le[rows], ids u32le[tokens], target
 * u8[tokens]. parse gives views when aligned; refuses ids >= vocab and ends out of order. */
SW_NODISCARD sw_status sw_rows_encode(sw_buffer *out, const sw_rows *r, sw_error *err);
SW_NODISCARD sw_status sw_rows_parse(sw_arena *arena, const sw_bytes *shards, size_t shard_count,
                                     uint32_t vocab, sw_rows *out, sw_error *err);

/* ---- the run ---- */
/* How a profile's operators compute, in the calling thread; not native. */
sw_compute sw_train_compute(sw_profile profile);

typedef struct sw_train_step {
    uint64_t step, total_steps; /* step counts from 1: completed optimiser steps */
    double loss, learning_rate, grad_norm;
    uint64_t tokens; /* non-padding tokens of this step */
    sw_bytes state;  /* the trainable parameters, f32le, in name order; valid during the call: the
                        agent alone gets a keyed digest of it */
} sw_train_step;

typedef struct sw_train_host {
    void *context;
    /* Once, when everything is loaded and the first step begins, `done` steps being behind it; NULL
     * for nobody. */
    void (*ready)(void *context, uint64_t done, uint64_t total_steps);
    /* After every optimiser step. Returning anything but SW_OK ends the run with that status. */
    sw_status (*step)(void *context, const sw_train_step *step, sw_error *err);
    /* A complete resumable state after `step` (every save_steps, at the end, and when stop asks for
     * it). The bytes are valid during the call. */
    sw_status (*checkpoint)(void *context, uint64_t step, sw_bytes state, sw_error *err);
    /* The outputs at the end, in order: adapter_config.json, adapter_model.safetensors (or
     * config.json, what sw_train_copies names and model.safetensors when full). */
    sw_status (*output)(void *context, const char *name, sw_bytes bytes, sw_error *err);
    /* Asked after every step: true writes a checkpoint and returns SW_OK with *stopped. */
    bool (*stop)(void *context);
    /* A tensor of the model whose bytes will not be read again, while weights are loaded: the
     * caller may let go of its pages. NULL: nobody asks. */
    void (*release)(void *context, sw_bytes tensor);
    sw_parallel parallel;
    bool emulate_bf16; /* take the portable path of a bf16 profile though the CPU has the
                          instruction */
    bool recompute; /* keep only each layer's input and compute the rest again in the backward pass;
                       taken by itself above SW_TRAIN_KEPT_BYTES */
} sw_train_host;

/* Activations kept for the backward pass beyond this size are computed again instead. The bits are
 * the same either way. */
#define SW_TRAIN_KEPT_BYTES ((size_t)1 << 30)

typedef struct sw_train_job {
    const sw_training *settings;
    const sw_model *model;
    const sw_rows *rows;
    const char *base_model_name; /* for adapter_config.json */
    const sw_model_file *files;  /* the base model's, for sw_train_copies; NULL for none */
    size_t file_count;
    sw_bytes resume; /* empty, or a checkpoint's bytes, which nobody reads after `ready` */
    /* For the plan alone: the most that a tokeniser took which is closed before the run, while it
     * was opened and beside the rows that it made (PLN-009); 0: there was none. */
    size_t tokenizer_bytes;
    size_t program_bytes; /* for the plan alone: of the process before the run; 0: not counted */
} sw_train_job;

/* Whether a file of the base model lies beside a model that was trained whole, byte for byte, so
 * that the folder can be loaded: the tokeniser's files, generation_config.json,
 * chat_template.jinja. */
bool sw_train_copies(const char *name);
/* What lies beside a model that was trained whole must be readable with it (MODEL-026): as
 * sw_train_run would say it of the base model's files, before there are rows or keys. */
SW_NODISCARD sw_status sw_train_check_files(const sw_training *settings,
                                            const sw_model_config *config,
                                            const sw_model_file *files, size_t count,
                                            sw_error *err);

/* The completed steps that a state's bytes name; 0 when they name none. Nothing else is checked. */
uint64_t sw_train_state_step(sw_bytes state);
/* Judges a job's `resume` as sw_train_run would, before anything is mapped for it, and says its
 * step: SW_MALFORMED "format" where it is damaged, SW_REFUSED "checkpoint" where it is another
 * job's. `step` is untouched on failure. */
SW_NODISCARD sw_status sw_train_check_resume(const sw_train_job *job, uint64_t *step,
                                             sw_error *err);
/* Total optimiser steps of a job, packed sequences counted; SW_REFUSED when there are no rows. */
SW_NODISCARD sw_status sw_train_steps(const sw_train_job *job, uint64_t *steps, sw_error *err);
SW_NODISCARD sw_status sw_train_run(const sw_train_job *job, const sw_train_host *host,
                                    bool *stopped, sw_error *err);

/* Whether these settings fit a model of this shape, before there are rows, weights or keys:
 * SW_REFUSED as sw_train_run would. The sizes are those of a state and of the outputs at least (a
 * full model's biases and files' headers come on top). */
typedef struct sw_train_sizes {
    uint64_t state_bytes, output_bytes;
} sw_train_sizes;
SW_NODISCARD sw_status sw_train_check(const sw_training *settings, const sw_model_config *config,
                                      sw_train_sizes *out, sw_error *err);

/* ---- the plan: what a run will hold and compute, before anything starts ---- */
#define SW_TRAIN_PARTS 32
typedef struct sw_train_part {
    const char *name; /* "activations"; static */
    size_t bytes;
} sw_train_part;
typedef struct sw_train_budget {
    uint64_t steps;
    size_t bytes; /* of all parts */
    size_t part_count;
    sw_train_part parts[SW_TRAIN_PARTS]; /* largest first */
    bool recompute;                      /* as sw_train_host has it */
    uint64_t output_bytes, state_bytes;  /* of files: what comes out, and one state (PLN-011) */
    double tokens, operations; /* of all steps; a product and a sum are two operations (PLN-003) */
} sw_train_budget;
/* `recompute` as sw_train_host has it. Refuses what sw_train_run would refuse before its first
 * step. */
SW_NODISCARD sw_status sw_train_plan(const sw_train_job *job, size_t lanes, bool recompute,
                                     sw_train_budget *out, sw_error *err);
/* The plan that fits into `limit_bytes`, with `recompute` where only that fits. SW_MEMORY "memory"
 * otherwise: it names the largest part, and the hint a setting that fits, found by planning. */
SW_NODISCARD sw_status sw_train_fit(const sw_train_job *job, size_t lanes, size_t limit_bytes,
                                    sw_train_budget *out, sw_error *err);

/* ---- evaluation: the loss of held-out rows, as a training step would count it ---- */
typedef struct sw_evaluate_job {
    const sw_model *model;
    const sw_adapter *adapter;   /* NULL for none */
    const sw_training *settings; /* profile, batch size and packing are read */
    const sw_rows *rows;
    sw_parallel parallel;
} sw_evaluate_job;
typedef struct sw_evaluation {
    double loss; /* mean over all targets of all rows, in nats; perplexity is e^loss */
    size_t rows, tokens, targets;
} sw_evaluation;
/* SW_REFUSED "rows" when there are none, "diverged" when the loss is no number; `out` untouched on
 * failure. */
SW_NODISCARD sw_status sw_evaluate(const sw_evaluate_job *job, sw_evaluation *out, sw_error *err);

/* ---- greedy generation, for the example and for checks ---- */
typedef struct sw_generate_job {
    const sw_model *model;
    const sw_adapter *adapter; /* NULL for none */
    const uint32_t *prompt;
    size_t prompt_count;
    size_t max_new_tokens;
    const sw_token_ends *ends; /* the answer ends before any of them; NULL: none */
    sw_profile profile;
} sw_generate_job;
/* Greedily, the first of equal logits. Appends at most max_new_tokens, fewer where an end comes or
 * the model's positions do; on failure `out` has what it had. SW_USAGE for an empty prompt,
 * SW_LIMIT for one beyond the positions and for more than 2^32 - 1 tokens, SW_MALFORMED for an id
 * that the vocabulary has not, SW_REFUSED "diverged" when the logits are no numbers. */
SW_NODISCARD sw_status sw_generate(const sw_generate_job *job, const sw_parallel *parallel,
                                   sw_tokens *out, sw_error *err);
/* Logits (T, V) f32 of one sequence, for parity tests. */
SW_NODISCARD sw_status sw_logits(const sw_generate_job *job, const sw_parallel *parallel,
                                 float *out, sw_error *err);
#endif
