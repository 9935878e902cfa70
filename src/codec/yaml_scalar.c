/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a YAML tree: members, plain scalars by the YAML 1.2 core schema (section 10.3.2), and the
 * nearest known name for a hint.
 */
#include "codec/json_internal.h"
#include "codec/yaml.h"

#include <string.h>

enum { NAME_BYTES_MAX = 63 };

const sw_yaml *sw_yaml_member(const sw_yaml *map, const char *name) {
    if (map == NULL || map->type != SW_YAML_MAP) return NULL;
    for (const sw_yaml *m = map->first; m != NULL; m = m->next)
        if (sw_bytes_is(m->key, name)) return m;
    return NULL;
}

static bool is_plain(const sw_yaml *node) {
    return node != NULL && node->type == SW_YAML_SCALAR && node->plain;
}

static bool is_one_of(const sw_yaml *node, const char *const *words) {
    for (; *words != NULL; words++)
        if (sw_bytes_is(node->text, *words)) return true;
    return false;
}

static int digit_value(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return 16;
}

bool sw_yaml_u64(const sw_yaml *node, uint64_t *out) {
    if (!is_plain(node)) return false;
    sw_bytes t = node->text;
    unsigned base = 10;
    if (sw_bytes_starts(t, SW_LITERAL("0x"))) base = 16;
    if (sw_bytes_starts(t, SW_LITERAL("0o"))) base = 8;
    size_t skip = base != 10 ? 2 : t.size > 0 && t.data[0] == '+' ? 1 : 0;
    if (t.size == skip) return false;
    uint64_t value = 0;
    for (size_t i = skip; i < t.size; i++) {
        unsigned digit = (unsigned)digit_value(t.data[i]);
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *out = value;
    return true;
}

static size_t count_digits(sw_bytes t, size_t at) {
    size_t from = at;
    while (at < t.size && t.data[at] >= '0' && t.data[at] <= '9') at++;
    return at - from;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(sw_bytes t) {
    size_t at = t.size > 0 && (t.data[0] == '+' || t.data[0] == '-') ? 1 : 0;
    size_t whole = count_digits(t, at), fraction = 0;
    at += whole;
    if (at < t.size && t.data[at] == '.') {
        fraction = count_digits(t, at + 1);
        at += 1 + fraction;
    }
    if (whole + fraction == 0) return false;
    if (at == t.size) return true;
    if (t.data[at] != 'e' && t.data[at] != 'E') return false;
    at++;
    if (at < t.size && (t.data[at] == '+' || t.data[at] == '-')) at++;
    size_t exponent = count_digits(t, at);
    return exponent > 0 && at + exponent == t.size;
}

bool sw_yaml_number(const sw_yaml *node, double *out) {
    uint64_t whole;
    if (!is_plain(node)) return false;
    if (is_float(node->text)) return sw_json_number_parse(node->text, out);
    if (!sw_yaml_u64(node, &whole)) return false; /* 0x and 0o */
    *out = (double)whole;
    return true;
}

bool sw_yaml_flag(const sw_yaml *node, bool *out) {
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    static const char *const no[] = {"false", "False", "FALSE", NULL};
    if (!is_plain(node)) return false;
    bool value = is_one_of(node, yes);
    if (!value && !is_one_of(node, no)) return false;
    *out = value;
    return true;
}

bool sw_yaml_null(const sw_yaml *node) {
    static const char *const words[] = {"null", "Null", "NULL", "~", "", NULL};
    return is_plain(node) && is_one_of(node, words);
}

/* Levenshtein distance by rows; both texts have at most NAME_BYTES_MAX bytes. */
static size_t distance(sw_bytes a, sw_bytes b) {
    uint8_t row[NAME_BYTES_MAX + 1];
    for (size_t j = 0; j <= b.size; j++) row[j] = (uint8_t)j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t diagonal = row[0];
        row[0] = (uint8_t)i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t change = diagonal + (a.data[i - 1] != b.data[j - 1]);
            diagonal = row[j];
            row[j] = (uint8_t)sw_least(change, sw_least(row[j], row[j - 1]) + 1);
        }
    }
    return row[b.size];
}

const char *sw_nearest_name(sw_bytes name, const char *const *names) {
    const char *nearest = NULL;
    if (name.size == 0 || name.size > NAME_BYTES_MAX) return NULL;
    size_t best = sw_least(name.size / 2, 4) + 1; /* farther than that is no hint */
    for (; *names != NULL; names++) {
        sw_bytes known = sw_text(*names);
        if (known.size > NAME_BYTES_MAX) continue;
        size_t d = distance(name, known);
        if (d >= best) continue;
        best = d;
        nearest = *names;
    }
    return nearest;
}
