/* SPDX-License-Identifier: Apache-2.0
 *
 * What shall be trained, as plain structs: the part of a recipe that the compute wing reads. Names
 * and defaults are TRL's and PEFT's (reference versions trl 1.16, peft 0.21.2);
 * docs/formats/recipe.md lists every key with its default.
 */
#ifndef SW_RECIPE_TRAINING_H
#define SW_RECIPE_TRAINING_H
#include "base/base.h"

typedef enum sw_phase {
    SW_PHASE_SFT,
    SW_PHASE_CPT /* continued pre-training: rows of text, every token a target */
} sw_phase;      /* dpo, reward, ppo, embed, classify, vision join here */
typedef enum sw_method {
    SW_METHOD_FULL,
    SW_METHOD_LORA,
    SW_METHOD_QLORA /* LoRA over a base in NF4 with double quantisation */
} sw_method;
typedef enum sw_profile {
    SW_PROFILE_BF16_DP,
    SW_PROFILE_FP32_REF,
    SW_PROFILE_BF16_AMX
} sw_profile;                                    /* "bf16-dp", "fp32-ref", "bf16-amx" */
const char *sw_profile_word(sw_profile profile); /* as recipes, locks and manifests write it */
bool sw_profile_parse(sw_bytes word, sw_profile *out);
typedef enum sw_schedule {
    SW_SCHEDULE_LINEAR,
    SW_SCHEDULE_COSINE,
    SW_SCHEDULE_CONSTANT,
    SW_SCHEDULE_CONSTANT_WITH_WARMUP,
    SW_SCHEDULE_POLYNOMIAL,
    SW_SCHEDULE_INVERSE_SQRT,
    SW_SCHEDULE_COSINE_WITH_RESTARTS,
    SW_SCHEDULE_COSINE_WITH_MIN_LR,
    SW_SCHEDULE_WARMUP_STABLE_DECAY
} sw_schedule;
typedef enum sw_decay { SW_DECAY_COSINE, SW_DECAY_LINEAR, SW_DECAY_1_SQRT } sw_decay;

/* How rows share the sequences of a batch, as TRL packs them (docs/formats/training.md). */
typedef enum sw_packing {
    SW_PACKING_BFD,       /* whole rows, best fit decreasing; longer ones are cut to max_length */
    SW_PACKING_BFD_SPLIT, /* the same, longer ones in pieces */
    SW_PACKING_WRAPPED    /* one stream cut at max_length; attention across the rows in it */
} sw_packing;
typedef enum sw_optimiser { SW_OPTIMISER_ADAMW, SW_OPTIMISER_ADAMW_8BIT } sw_optimiser;

/* `lr_scheduler_kwargs`: what a schedule reads beside the steps (docs/formats/recipe.md, RCP-033).
 * What it does not read keeps its default. */
typedef struct sw_schedule_settings {
    double num_cycles;  /* 0: the schedule's own, 0.5 for a cosine and 1 for restarts */
    double power;       /* 1, of the polynomial */
    double lr_end;      /* 1e-7, the polynomial's last rate */
    uint64_t timescale; /* 0: the steps of warmup, or 10,000 without one */
    double min_lr_rate; /* of the peak rate */
    uint64_t num_decay_steps;
    sw_decay decay_type; /* cosine */
    double min_lr_ratio; /* 0 */
} sw_schedule_settings;

/* How rows that are lists of turns become text; the base model's own template must be the one that
 * is named, and SW_CHAT_MODEL takes it whatever it is. Rows of plain text use none. */
typedef enum sw_chat {
    SW_CHAT_NONE,
    SW_CHAT_CHATML,
    SW_CHAT_CHATML_SMOLLM2,
    SW_CHAT_MODEL
} sw_chat; /* "none", "chatml", "chatml-smollm2", "model" */

#define SW_LORA_TARGET_LIMIT  16
#define SW_LORA_TARGET_BYTES  32
#define SW_LORA_PATTERN_LIMIT 16
#define SW_LORA_SAVE_LIMIT    4
/* One member of rank_pattern or alpha_pattern: a suffix of dotted module names, and its value. The
 * first that matches decides. */
typedef struct sw_lora_pattern {
    char module[SW_LORA_TARGET_BYTES];
    double value;
} sw_lora_pattern;
typedef struct sw_lora_patterns {
    size_t count;
    sw_lora_pattern at[SW_LORA_PATTERN_LIMIT];
} sw_lora_patterns;
typedef struct sw_lora_settings {
    uint32_t r;          /* 8 */
    double lora_alpha;   /* 8 */
    double lora_dropout; /* 0 */
    bool use_rslora;     /* false */
    bool use_dora;       /* false */
    size_t target_count; /* suffix match on the dotted module name: q_proj ... */
    char targets[SW_LORA_TARGET_LIMIT][SW_LORA_TARGET_BYTES];
    sw_lora_patterns rank_pattern, alpha_pattern; /* instead of r and lora_alpha */
    size_t save_count;                            /* modules_to_save: trained whole, suffix match */
    char save[SW_LORA_SAVE_LIMIT][SW_LORA_TARGET_BYTES];
} sw_lora_settings;

typedef struct sw_training {
    sw_phase phase;
    sw_method method;
    sw_profile profile;
    uint64_t seed;       /* 42; data order: torch.randperm of MT19937(seed + epoch) */
    uint32_t max_length; /* 1024 tokens, keep_start */
    uint32_t per_device_train_batch_size; /* 8 rows */
    uint32_t gradient_accumulation_steps; /* 1 */
    double num_train_epochs;              /* 3; ignored when max_steps > 0 */
    uint64_t max_steps;                   /* 0: from epochs */
    double learning_rate;                 /* 2e-5 */
    sw_schedule lr_scheduler_type;        /* linear */
    sw_schedule_settings scheduler;       /* its lr_scheduler_kwargs */
    double warmup_steps;                  /* >= 1: steps; [0,1): ratio of all steps, rounded up */
    double adam_beta1, adam_beta2, adam_epsilon, weight_decay; /* 0.9 0.999 1e-8 0 */
    double max_grad_norm;                                      /* 1.0; 0 for none */
    sw_optimiser optim;                                        /* adamw_torch */
    bool completion_only_loss; /* true for prompt/completion rows, see sw_rows_append in
                                  train/train.h */
    bool assistant_only_loss;  /* false; rows of turns: the assistant's tokens alone are targets */
    bool packing;              /* false */
    sw_packing packing_strategy; /* bfd; read with packing alone */
    uint64_t save_steps;         /* sealed checkpoint every so many steps; 0: none */
    sw_lora_settings lora;       /* read when sw_training_adapts */
    sw_chat chat;                /* the recipe's `template` */
    uint32_t template_date; /* 0: none; the day that strftime_now gives, as sw_date_number; read by
                               SW_CHAT_MODEL */
} sw_training;

void sw_training_defaults(sw_training *out); /* TRL's SFT defaults, method lora with PEFT's, profile
                                                bf16-dp, template chatml */

/* The base stays as it is and an adapter is trained beside it: lora, qlora. */
bool sw_training_adapts(const sw_training *t);
/* Rows are cut to max_length; else packing lays longer ones in pieces. */
bool sw_training_cuts(const sw_training *t);

/* ---- adapted modules, as PEFT finds them by their dotted names ---- */
/* What may stand in the lists of sw_lora_settings: A-Z a-z 0-9 _ and dots between, NUL behind. */
bool sw_lora_is_name(const char name[SW_LORA_TARGET_BYTES]);
/* The module's whole name is `suffix`, or ends in it behind a dot. */
bool sw_lora_names(const char *suffix, const char *module);
/* Where the patterns give the module something of its own: the first one in order that matches as a
 * regular expression of PEFT does, in which a dot is any character; -1 for none. */
ptrdiff_t sw_lora_pattern_index(const sw_lora_patterns *p, const char *module);
uint32_t sw_lora_rank(const sw_lora_settings *lora, const char *module);
double sw_lora_scale(const sw_lora_settings *lora,
                     const char *module); /* alpha / r, or alpha / sqrt r */

/* ---- the settings as a table: reading a recipe, the wire form, checks and what people are shown
 * all walk it ---- */
typedef enum sw_setting_type {
    SW_SETTING_U32,
    SW_SETTING_U64,
    SW_SETTING_NUMBER,
    SW_SETTING_FLAG,
    SW_SETTING_CHOICE,
    SW_SETTING_DATE /* a day as sw_date_number, or 0 for none */
} sw_setting_type;
typedef enum sw_setting_group {
    SW_GROUP_RECIPE,
    SW_GROUP_TRAINER,
    SW_GROUP_TRAINING,
    SW_GROUP_SCHEDULER, /* training.lr_scheduler_kwargs */
    SW_GROUP_LORA
} sw_setting_group;
typedef struct sw_setting {
    const char *name;       /* as in recipe.yaml */
    sw_setting_group group; /* under which key it stands */
    sw_setting_type type;
    size_t offset;              /* in sw_training */
    uint64_t min, max;          /* U32, U64 */
    double low, high;           /* NUMBER: low <= v <= high */
    bool above_low, below_high; /* NUMBER: the bound itself is excluded */
    const char *const *choices; /* CHOICE: words by enum value, NULL-terminated */
    unsigned readers;           /* SCHEDULER: which schedules read it, one bit each */
} sw_setting;
const sw_setting *sw_training_settings(size_t *count);
uint64_t
sw_setting_integer(const sw_training *t,
                   const sw_setting *s); /* U32, U64, DATE, FLAG as 0 or 1, CHOICE as its index */
/* The same of a DATE as text; empty for none. */
void sw_setting_date(const sw_training *t, const sw_setting *s, char out[SW_DATE_BYTES]);
double sw_setting_number(const sw_training *t, const sw_setting *s); /* NUMBER */
/* Store without looking at ranges; sw_training_check judges afterwards. */
void sw_setting_store_integer(sw_training *t, const sw_setting *s, uint64_t value);
void sw_setting_store_number(sw_training *t, const sw_setting *s, double value);
/* Of SW_GROUP_SCHEDULER: the schedule in use reads it. */
bool sw_setting_is_read(const sw_training *t, const sw_setting *s);
/* Every range and the rules between settings: SW_REFUSED "recipe" naming the setting. Nothing that
 * passes can make the engine divide by zero. */
SW_NODISCARD sw_status sw_training_check(const sw_training *t, sw_error *err);
/* The same; *setting is the name of the one that is refused. */
SW_NODISCARD sw_status sw_training_judge(const sw_training *t, const char **setting, sw_error *err);

/* Optimiser steps for that many rows, or packed sequences: TRL's count (a short last window
 * counts). Rows that are dropped while decoding make it smaller. */
uint64_t sw_training_steps(const sw_training *t, uint64_t rows);
/* What is known of the steps from rows and their tokens alone: the same number twice, but with
 * packing, where the length of each row decides (RCP-041). */
void sw_training_step_bounds(const sw_training *t, uint64_t rows, uint64_t tokens, uint64_t *least,
                             uint64_t *most);

/* Wire form from the agent to the worker (docs/formats/recipe.md, RCP-080): "SWTRAIN", version,
 * then every setting as u64le or IEEE bits in table order, then the lists: target modules,
 * modules_to_save, rank_pattern, alpha_pattern, each a count and all its slots. One value, one
 * encoding; parse runs sw_training_check. */
SW_NODISCARD sw_status sw_training_encode(const sw_training *t, sw_buffer *out, sw_error *err);
SW_NODISCARD sw_status sw_training_parse(sw_bytes wire, sw_training *out, sw_error *err);
#endif
