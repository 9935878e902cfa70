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

/* ---- the parts of recipe.yaml ---- */
SW_NODISCARD sw_status sw_recipe_read_training(const sw_recipe_reader *r, const sw_yaml *root,
                                               sw_training *out);
SW_NODISCARD sw_status sw_recipe_read_machine(const sw_recipe_reader *r, const sw_yaml *root,
                                              sw_policy *out);

/* ---- views ---- */
/* Everything that decides, as one tree; NULL without memory. */
sw_json *sw_recipe_facts(sw_arena *arena, const sw_recipe *r);
/* The name of a base model whose lock has this digest, or NULL when this build knows none. */
const char *sw_recipe_known_model(const sw_hash *model_lock);
/* Rows that one owner brings, and of all. */
uint64_t sw_recipe_rows(const sw_recipe *r, const sw_hash *owner); /* NULL: all */
size_t sw_recipe_owner_count(const sw_recipe *r);                  /* distinct */
extern const char *const sw_recipe_platforms[], *const sw_recipe_metrics_words[],
                                                    *const sw_recipe_tcb_words[];
#endif
