/* SPDX-License-Identifier: Apache-2.0
 *
 * What shall be trained, as plain structs: the part of a recipe that the compute wing reads. Names and defaults are TRL's and PEFT's
 * (reference versions trl 1.10, peft 0.2x); docs/formats/recipe.md lists every key with its default.
 */
#ifndef SW_RECIPE_TRAINING_H
#define SW_RECIPE_TRAINING_H
#include "base/base.h"

typedef enum sw_phase { SW_PHASE_SFT } sw_phase; /* dpo, reward, ppo, cpt, embed, classify, vision join here */
typedef enum sw_method { SW_METHOD_FULL, SW_METHOD_LORA } sw_method;
typedef enum sw_profile { SW_PROFILE_BF16_DP, SW_PROFILE_FP32_REF } sw_profile; /* "bf16-dp", "fp32-ref" */
typedef enum sw_schedule { SW_SCHEDULE_LINEAR, SW_SCHEDULE_COSINE, SW_SCHEDULE_CONSTANT, SW_SCHEDULE_CONSTANT_WITH_WARMUP } sw_schedule;

#define SW_LORA_TARGET_LIMIT 16
typedef struct sw_lora_settings {
    uint32_t r;            /* 8 */
    double lora_alpha;     /* 8 */
    double lora_dropout;   /* 0 */
    bool use_rslora;       /* false */
    size_t target_count;   /* suffix match on the dotted module name: q_proj ... */
    char targets[SW_LORA_TARGET_LIMIT][32];
} sw_lora_settings;

typedef struct sw_training {
    sw_phase phase;
    sw_method method;
    sw_profile profile;
    uint64_t seed;                        /* 42; data order: torch.randperm of MT19937(seed + epoch) */
    uint32_t max_length;                  /* 1024 tokens, keep_start */
    uint32_t per_device_train_batch_size; /* 8 rows */
    uint32_t gradient_accumulation_steps; /* 1 */
    double num_train_epochs;              /* 3; ignored when max_steps > 0 */
    uint64_t max_steps;                   /* 0: from epochs */
    double learning_rate;                 /* 2e-5 */
    sw_schedule lr_scheduler_type;        /* linear */
    double warmup_steps;                  /* >= 1: steps; [0,1): ratio of all steps, rounded up */
    double adam_beta1, adam_beta2, adam_epsilon, weight_decay; /* 0.9 0.999 1e-8 0 */
    double max_grad_norm;                 /* 1.0; 0 for none */
    bool completion_only_loss;            /* true for prompt/completion rows, see rows.h */
    uint64_t save_steps;                  /* sealed checkpoint every so many steps; 0: none */
    sw_lora_settings lora;                /* read when method is LORA */
} sw_training;

void sw_training_defaults(sw_training *out); /* TRL's SFT defaults */
#endif
