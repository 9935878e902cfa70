/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes and durations: a whole number and its unit, written together. docs/formats/recipe.md,
 * RCP-007 and RCP-008. What people are shown uses the largest unit that divides the value.
 */
#include "recipe/recipe_internal.h"

#include <string.h>

typedef struct unit {
    const char *mark, *one, *many; /* as written; as shown */
    uint64_t factor;
} unit;

static const unit sizes[] = {
    {"TiB", "TiB", "TiB", UINT64_C(1) << 40},
    {"GiB", "GiB", "GiB", UINT64_C(1) << 30},
    {"MiB", "MiB", "MiB", UINT64_C(1) << 20},
    {"KiB", "KiB", "KiB", UINT64_C(1) << 10},
    {"B", "byte", "bytes", 1},
    {0},
};
static const unit durations[] = {
    {"d", "day", "days", 86400000},
    {"h", "hour", "hours", 3600000},
    {"m", "minute", "minutes", 60000},
    {"s", "second", "seconds", 1000},
    {0},
};

static bool parse(sw_bytes text, const unit *units, uint64_t *out) {
    uint64_t value = 0;
    size_t digits = 0;
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9') {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text.data[digits] - (uint64_t)'0', &value))
            return false;
        digits++;
    }
    bool leading_zero = digits > 1 && text.data[0] == '0';
    if (digits == 0 || leading_zero) return false;
    for (; units->mark != NULL; units++)
        if (sw_bytes_is(SW_BYTES(text.data + digits, text.size - digits), units->mark))
            return !__builtin_mul_overflow(value, units->factor, out);
    return false;
}

static void put(sw_buffer *out, const unit *units, uint64_t value) {
    while (units[1].mark != NULL && (value == 0 || value % units->factor != 0)) units++;
    uint64_t shown = value / units->factor;
    sw_put_format(out, "%llu %s", (unsigned long long)shown, shown == 1 ? units->one : units->many);
}

void sw_recipe_put_size(sw_buffer *out, uint64_t bytes) {
    put(out, sizes, bytes);
}

void sw_recipe_put_duration(sw_buffer *out, uint64_t ms) {
    put(out, durations, ms);
}

static sw_status out_of_range(const sw_recipe_reader *r, const sw_yaml *node, const char *where,
                              const char *key, const unit *units, uint64_t min, uint64_t max) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(128);
    put(&text, units, min);
    sw_put_text(&text, " to ");
    put(&text, units, max);
    sw_put_u8(&text, 0);
    SW_TRY(sw_buffer_check(&text, "a range", r->err));
    return sw_recipe_refuse(r, node, where, "%s must be a whole number with a unit (%s), from %s",
                            key, units == sizes ? "B, KiB, MiB, GiB, TiB" : "s, m, h, d",
                            (const char *)text.data);
}

static sw_status read(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                      const char *key, const unit *units, uint64_t min, uint64_t max,
                      uint64_t *out) {
    const sw_yaml *m = sw_yaml_member(map, key);
    uint64_t value;
    if (m == NULL) return sw_recipe_refuse(r, map, where, "%s is missing", key);
    if (m->type != SW_YAML_SCALAR || !parse(m->text, units, &value) || value < min || value > max)
        return out_of_range(r, m, where, key, units, min, max);
    *out = value;
    return SW_OK;
}

sw_status sw_recipe_size(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                         const char *key, uint64_t min, uint64_t max, uint64_t *out) {
    return read(r, map, where, key, sizes, min, max, out);
}

sw_status sw_recipe_duration(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                             const char *key, uint64_t min_ms, uint64_t max_ms, uint64_t *out) {
    return read(r, map, where, key, durations, min_ms, max_ms, out);
}
