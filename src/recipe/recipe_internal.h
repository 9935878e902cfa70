/* SPDX-License-Identifier: Apache-2.0
 *
 * What the recipe's files share: the strict YAML reader, words and units, and a recipe as a tree of
 * facts from which people's views are made.
 */
#ifndef SW_RECIPE_INTERNAL_H
#define SW_RECIPE_INTERNAL_H
#include "codec/yaml.h"
#include "recipe/recipe.h"

/* ---- reading YAML strictly; every refusal names file:line:column and the dotted key ---- */
typedef struct sw_recipe_reader {
    const char *file;
    sw_arena *arena;
    sw_error *err;
} sw_recipe_reader;

/* SW_REFUSED "recipe": "FILE:LINE:COLUMN: WHERE.KEY sentence". */
__attribute__((format(printf, 4, 5))) sw_status sw_recipe_refuse(const sw_recipe_reader *r,
                                                                 const sw_yaml *node,
                                                                 const char *where,
                                                                 const char *format, ...);
/* A map with no member outside `names` (NULL-terminated; '?' before a name: may be absent). */
SW_NODISCARD sw_status sw_recipe_expect(const sw_recipe_reader *r, const sw_yaml *map,
                                        const char *where, const char *const *names);
/* Each reads `map`'s member; a missing one is refused. `where` is the map's dotted name, "" on top.
 */
SW_NODISCARD sw_status sw_recipe_text(const sw_recipe_reader *r, const sw_yaml *map,
                                      const char *where, const char *key, size_t limit, char *out);
/* The same, and single spaces within it at most (sw_utf8_name). */
SW_NODISCARD sw_status sw_recipe_name(const sw_recipe_reader *r, const sw_yaml *map,
                                      const char *where, const char *key, size_t limit, char *out);
SW_NODISCARD sw_status sw_recipe_hex(const sw_recipe_reader *r, const sw_yaml *map,
                                     const char *where, const char *key, void *out, size_t size);
SW_NODISCARD sw_status sw_recipe_whole(const sw_recipe_reader *r, const sw_yaml *map,
                                       const char *where, const char *key, uint64_t min,
                                       uint64_t max, uint64_t *out);
SW_NODISCARD sw_status sw_recipe_number(const sw_recipe_reader *r, const sw_yaml *map,
                                        const char *where, const char *key, double *out);
SW_NODISCARD sw_status sw_recipe_flag(const sw_recipe_reader *r, const sw_yaml *map,
                                      const char *where, const char *key, bool *out);
SW_NODISCARD sw_status sw_recipe_choice(const sw_recipe_reader *r, const sw_yaml *map,
                                        const char *where, const char *key,
                                        const char *const *words, uint64_t *out);
/* A day, YYYY-MM-DD, as sw_date_number. */
SW_NODISCARD sw_status sw_recipe_day(const sw_recipe_reader *r, const sw_yaml *map,
                                     const char *where, const char *key, uint64_t *out);
SW_NODISCARD sw_status sw_recipe_map(const sw_recipe_reader *r, const sw_yaml *map,
                                     const char *where, const char *key, const sw_yaml **out);
SW_NODISCARD sw_status sw_recipe_list(const sw_recipe_reader *r, const sw_yaml *map,
                                      const char *where, const char *key, size_t limit,
                                      const sw_yaml **out);
/* "64MiB": a whole number and one of B, KiB, MiB, GiB, TiB. */
SW_NODISCARD sw_status sw_recipe_size(const sw_recipe_reader *r, const sw_yaml *map,
                                      const char *where, const char *key, uint64_t min,
                                      uint64_t max, uint64_t *out);
/* "10m": a whole number and one of s, m, h, d. */
SW_NODISCARD sw_status sw_recipe_duration(const sw_recipe_reader *r, const sw_yaml *map,
                                          const char *where, const char *key, uint64_t min_ms,
                                          uint64_t max_ms, uint64_t *out);

/* The largest unit that divides the value: "64 MiB", "10 minutes". */
void sw_recipe_put_size(sw_buffer *out, uint64_t bytes);
void sw_recipe_put_duration(sw_buffer *out, uint64_t ms);

/* ---- the machine policy's GPUs (policy_gpu.c, GPU-200 on) ---- */
#define SW_GPU_POLICY_FORM                                                                         \
    "none or {count, device_root, rim_root, devices, drivers, revocation}, all of them: a number " \
    "alone does not say which GPUs"
#define SW_GPU_SERIAL_FORM  "a serial: 2 to 40 lower-case hex digits, no 00 in front"
#define SW_GPU_VERSION_FORM "a driver's version: 1 to 31 of A-Z a-z 0-9 . _ -"
/* Each word as it stands in a file; false when it is none. */
bool sw_gpu_serial_parse(sw_bytes hex, sw_gpu_serial *out);
bool sw_gpu_version_parse(sw_bytes text, char out[32]);
SW_NODISCARD sw_status sw_gpu_policy_complete(const sw_gpu_policy *p, sw_platform platform,
                                              sw_error *err);
/* The member "gpu" of the policy's object, read and written; complete only by
 * sw_gpu_policy_complete. */
SW_NODISCARD sw_status sw_gpu_policy_from_json(const sw_json *object, const char *where,
                                               sw_gpu_policy *out, sw_error *err);
void sw_gpu_policy_to_json(sw_arena *a, sw_json *parent, const sw_gpu_policy *p);

/* ---- the machine policy's images (policy_image.c) and its grace (EVD-067) ---- */
#define SW_IMAGE_ACPI_FORM  "three digests, each of 96 lower-case hex digits"
#define SW_GRACE_STATUS     "OutOfDate"
#define SW_GRACE_UNTIL_FORM "a time like 2026-12-31T00:00:00Z"
SW_NODISCARD sw_status sw_image_policy_complete(const sw_policy *p, sw_error *err);
/* The member "images" of the policy's object, read and written; complete only by
 * sw_image_policy_complete. */
SW_NODISCARD sw_status sw_image_policy_from_json(const sw_json *object, const char *where,
                                                 sw_policy *p, sw_error *err);
void sw_image_policy_to_json(sw_arena *a, sw_json *parent, const sw_policy *p);

/* ---- the parts of recipe.yaml ---- */
/* `trainer`: which kind it is; every key of the other kind is refused, at the top too (CMD-014). */
SW_NODISCARD sw_status sw_recipe_read_kind(const sw_recipe_reader *r, const sw_yaml *root,
                                           bool *native);
/* What kind command says; `out` is zeroed before. */
SW_NODISCARD sw_status sw_recipe_read_command(const sw_recipe_reader *r, const sw_yaml *root,
                                              const sw_policy *machine, sw_recipe_command *out);
/* Why `path` is no absolute path in a command's tree; NULL when it is one. Plain text is asked
 * elsewhere. */
const char *sw_command_path_fault(const char *path);
/* Why a file that owners read would not run as the text that they are shown (CMD-016), as the end
 * of a sentence; NULL of a text that would, and of what is no text. */
const char *sw_command_text_fault(sw_bytes bytes);
/* The same as a refusal of one file, and of all files of a tree. */
SW_NODISCARD sw_status sw_command_check_text(const char *path, sw_bytes bytes, sw_error *err);
SW_NODISCARD sw_status sw_command_check_texts(const sw_recipe_command *c, int tree_fd,
                                              sw_error *err);
/* Why a recipe cannot set a variable of a command (CMD-012), as the end of a sentence, or NULL. */
const char *sw_command_variable_fault(const char *name);
/* CMD-015: of a recipe with a command, that its model.lock names data alone. */
SW_NODISCARD sw_status sw_command_check_model(const sw_recipe *r, sw_error *err);
SW_NODISCARD sw_status sw_recipe_read_training(const sw_recipe_reader *r, const sw_yaml *root,
                                               sw_training *out);
SW_NODISCARD sw_status sw_recipe_read_machine(const sw_recipe_reader *r, const sw_yaml *root,
                                              sw_policy *out);

/* ---- locks ---- */
#define SW_LOCK_LIMIT        ((size_t)64 << 10)
#define SW_COMMAND_LOCK_KIND "sealwright/command-lock/v1"
/* Canonical JSON with these members and that kind; `where` is the lock's name for messages. */
SW_NODISCARD sw_status sw_recipe_open_lock(sw_arena *a, sw_bytes json, const char *where,
                                           const char *kind, const char *const *names,
                                           sw_json **root, sw_error *err);
/* A command's lock by itself, whatever recipe it is for: files in ascending order, tree, worker.
 * Of `out` nothing else is written. */
SW_NODISCARD sw_status sw_command_lock_read(sw_bytes json, sw_recipe_command *out, sw_hash *worker,
                                            sw_error *err);

/* ---- views ---- */
/* Everything that decides, as one tree; NULL without memory. */
sw_json *sw_recipe_facts(sw_arena *arena, const sw_recipe *r);
/* Of `template: model`: where its text is, and what it is told (RCP-097). */
void sw_recipe_put_own_template(sw_buffer *out, const sw_recipe *r);
/* Valid UTF-8 for people, indented; what is not seen where it stands as \u{HEX}. */
void sw_recipe_put_text(sw_buffer *out, sw_bytes text);
/* Of a command: what it is, and how long it lasts and what it may tell the host (RCP-100 on). */
void sw_recipe_put_command(sw_buffer *out, const sw_recipe *r);
void sw_recipe_put_command_bits(sw_buffer *out, const sw_recipe *r);
/* RCP-103: what a command's own choices have beside RCP-095, in bits. */
typedef struct sw_command_bits {
    uint64_t reported, states, stop, same, acts;
} sw_command_bits;
sw_command_bits sw_recipe_command_bits(const sw_recipe *r);
/* RCP-095: what the manifest says of the shards' rows and tokens. */
uint64_t sw_recipe_shard_bits(const sw_recipe *r);
uint64_t sw_recipe_end_bits(const sw_recipe *r);
/* The name of a base model whose lock has this digest, or NULL when this build knows none. */
const char *sw_recipe_known_model(const sw_hash *model_lock);
/* Rows that one owner brings, and of all. */
uint64_t sw_recipe_rows(const sw_recipe *r, const sw_hash *owner); /* NULL: all */
size_t sw_recipe_owner_count(const sw_recipe *r);                  /* distinct */
/* What an owner is told about one image (RCP-096). */
void sw_recipe_put_image(sw_buffer *out, const sw_image *image);
/* What an owner is told about the GPUs (GPU-208). */
void sw_recipe_put_gpus(sw_buffer *out, const sw_policy *p);
extern const char *const sw_recipe_platforms[], *const sw_recipe_metrics_words[],
                                                    *const sw_recipe_tcb_words[],
                                                        *const sw_recipe_revocation_words[];
#endif
