/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML (libyaml): a tree with line and column for every node, for messages such as
 * "recipe.yaml:12:3". Aliases, anchors, tags, merge keys, duplicate keys and more than one document
 * are refused.
 */
#ifndef SW_CODEC_YAML_H
#define SW_CODEC_YAML_H
#include "base/base.h"

typedef enum sw_yaml_type { SW_YAML_SCALAR, SW_YAML_SEQUENCE, SW_YAML_MAP } sw_yaml_type;
typedef struct sw_yaml {
    sw_yaml_type type;
    bool plain; /* scalar without quotes: may be a number, bool or null */
    sw_bytes text;
    sw_bytes key;
    size_t line, column;         /* from 1 */
    size_t key_line, key_column; /* of the key; 0 outside maps */
    size_t count;
    struct sw_yaml *first, *last, *next;
} sw_yaml;

/* Limits: 1 MiB, depth 16, 20000 nodes, 1000 members in one map. `name` is the file's name for
 * messages. */
SW_NODISCARD sw_status sw_yaml_parse(sw_arena *arena, sw_bytes input, const char *name,
                                     sw_yaml **out, sw_error *err);
const sw_yaml *sw_yaml_member(const sw_yaml *map, const char *name);
/* Plain scalars by the YAML 1.2 core schema; false when it is not one. */
bool sw_yaml_u64(const sw_yaml *node, uint64_t *out);
bool sw_yaml_number(const sw_yaml *node, double *out);
bool sw_yaml_flag(const sw_yaml *node, bool *out);
bool sw_yaml_null(const sw_yaml *node);
/* The nearest of `names` (NULL-terminated) by edit distance, or NULL when nothing is near. */
const char *sw_nearest_name(sw_bytes name, const char *const *names);
#endif
