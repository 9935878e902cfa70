/* SPDX-License-Identifier: Apache-2.0
 *
 * The recipe: what shall be trained, on whose data, by which machine, and who may see what. Docs:
 * docs/formats/recipe.md (RCP-001 ...).
 *
 * recipe.yaml is written by people and checked strictly; `compose` is a pure function of
 * recipe.yaml, model.lock and trainer.lock to app-compose.json. The compose hash X = SHA-256 of
 * those bytes. KMS, agent and verifier read everything they decide by from the parsed app-compose
 * and from nowhere else.
 */
#ifndef SW_RECIPE_H
#define SW_RECIPE_H
#include "codec/json.h"
#include "recipe/command.h"
#include "recipe/policy.h"
#include "recipe/training.h"

#define SW_RECIPE_LIMIT    ((size_t)1 << 20)
#define SW_COMPOSE_LIMIT   ((size_t)200 << 10) /* below the 256 KiB that dstack 0.5.5 accepts */
#define SW_SHARD_LIMIT     64
#define SW_LOCK_FILE_LIMIT 64

typedef struct sw_shard {
    sw_hash owner, dataset;
    uint64_t rows;
    char name[65]; /* for people: whose it is */
} sw_shard;

typedef enum sw_metrics { SW_METRICS_SEALED, SW_METRICS_PUBLIC } sw_metrics;
typedef struct sw_locked_file {
    char name[129];
    uint64_t size;
    sw_hash digest;
} sw_locked_file;

typedef struct sw_recipe {
    char name[65], description[513], model_name[129];
    sw_hash genesis; /* the app */
    size_t shard_count;
    sw_shard
        shards[SW_SHARD_LIMIT]; /* in the recipe's order: the order of rows and of key derivation */
    sw_training training;
    sw_policy policy;
    uint32_t open_quorum; /* 0: every owner of a listed shard */
    sw_metrics metrics;
    uint64_t metrics_interval;       /* steps per record */
    uint64_t output_limit_bytes;     /* declared size to which the output is padded */
    uint64_t checkpoint_limit_bytes; /* likewise */
    uint64_t lease_ms, max_silence_ms;
    uint32_t grants;
    bool native; /* false: a command (code), and `training` holds defaults that say nothing */
    sw_recipe_command command;
    sw_hash model_digest; /* SHA-256 of model.lock */
    size_t model_file_count;
    sw_locked_file model_files[SW_LOCK_FILE_LIMIT];
    sw_hash trainer_digest; /* of the worker program */
    char profiles[128];     /* numerics profiles that the trainer lock names, comma-separated; of a
                               command none */
} sw_recipe;

/* ---- what a run keeps of its states and step records (RCP-043) ---- */
enum { SW_RECIPE_STATE_LIMIT = 100000, SW_RECIPE_RECORD_LIMIT = 300000 };
/* States of so many steps: one every `save_steps`, and the last. */
uint64_t sw_recipe_states(uint64_t steps, uint64_t save_steps);

/* ---- recipe.yaml, locks ---- */
/* Fills everything but model files and what trainer.lock says. `file` is the name for messages;
 * unknown or ill-typed keys name file, line and the nearest known key. */
SW_NODISCARD sw_status sw_recipe_parse(sw_bytes yaml, const char *file, sw_recipe *out,
                                       sw_error *err);
/* model.lock / trainer.lock: canonical JSON; see docs/formats/recipe.md. */
SW_NODISCARD sw_status sw_model_lock_encode(const sw_locked_file *files, size_t count,
                                            sw_buffer *out, sw_error *err);
SW_NODISCARD sw_status sw_model_lock_parse(sw_bytes json, sw_recipe *into, sw_error *err);
SW_NODISCARD sw_status sw_trainer_lock_parse(sw_bytes json, sw_recipe *into, sw_error *err);
/* trainer.lock of a command (CMD-006): of `command` its files, in whatever order, and its tree.
 * Parsing needs the recipe in `into`: each of its files gets size and digest, and a lock that lacks
 * one or names another is refused; then the tree and the trainer's digest. */
SW_NODISCARD sw_status sw_command_lock_encode(const sw_recipe_command *command,
                                              const sw_hash *worker, sw_buffer *out, sw_error *err);
SW_NODISCARD sw_status sw_command_lock_parse(sw_bytes json, sw_recipe *into, sw_error *err);

/* ---- app-compose.json ---- */
SW_NODISCARD sw_status sw_compose_make(sw_bytes recipe_yaml, const char *file, sw_bytes model_lock,
                                       sw_bytes trainer_lock, sw_buffer *out, sw_error *err);
/* Parses the exact bytes of an app-compose and refuses ("compose") anything but what
 * sw_compose_make writes: it re-makes the compose from the recipe text and locks that it holds and
 * compares every byte, so one recipe has one compose. */
SW_NODISCARD sw_status sw_compose_parse(sw_bytes app_compose, sw_recipe *out, sw_error *err);
void sw_compose_hash(sw_hash *out, sw_bytes app_compose);

/* ---- for people ---- */
/* Text that people may be shown as it stands: valid UTF-8, not empty, no control, direction or
 * invisible characters (RCP-004). Names of recipes, shards and owners are that. */
bool sw_recipe_is_plain_text(sw_bytes text);
SW_NODISCARD sw_status sw_recipe_show(const sw_recipe *r, const sw_hash *compose, sw_buffer *out,
                                      sw_error *err);
SW_NODISCARD sw_status sw_recipe_show_json(const sw_recipe *r, const sw_hash *compose,
                                           sw_buffer *out, sw_error *err);
SW_NODISCARD sw_status sw_recipe_diff(const sw_recipe *a, const sw_recipe *b, sw_buffer *out,
                                      size_t *differences, sw_error *err);
/* The locked file that holds the base model's own chat template, if one does (MODEL-093); NULL when
 * the lock names none that could. */
const sw_locked_file *sw_recipe_template_file(const sw_recipe *r);
/* A template's text for people: indented, and what is not seen where it stands as \u{HEX}. */
SW_NODISCARD sw_status sw_recipe_show_template(sw_bytes text, sw_buffer *out, sw_error *err);
/* One of a command's files for people: SW_REFUSED "trainer" when `bytes` are not those that the
 * lock names; then its text as above, or that it is binary. `out` gets all of it or nothing. */
SW_NODISCARD sw_status sw_recipe_show_code(const sw_recipe_code *file, sw_bytes bytes,
                                           sw_buffer *out, sw_error *err);
/* RCP-095: what the host may observe, in bits: of a grant, of a command's grant besides (RCP-103),
 * and of each record. */
enum {
    SW_BITS_TOTAL = 32,
    SW_BITS_END = 4,
    SW_BITS_END_MORE = 1, /* of a command, which has some ends that the native trainer has not */
    SW_BITS_MEMORY = 1,   /* and may run the machine out of memory beside any of them */
    SW_BITS_TOKENS = 12,
    SW_BITS_LOSS = 16
};
/* The value that leaves the agent for this loss, one of at most 2^SW_BITS_LOSS: 12 bits of mantissa
 * from 2^-15 to 65,520; less, and what is below zero, is 0; more, and what is no number, the most.
 * Of what it gives it gives the same again. */
double sw_recipe_round_loss(double loss);
/* And for a count of tokens: 7 significant bits, one of at most 2^SW_BITS_TOKENS. */
uint64_t sw_recipe_round_tokens(uint64_t count);
/* Total of what the host may observe, in bits, from the declared list (docs/formats/recipe.md). */
uint64_t sw_recipe_observable_bits(const sw_recipe *r, uint64_t total_steps);
#endif
