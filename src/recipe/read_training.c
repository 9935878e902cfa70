/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of recipe.yaml that says how to train. Keys come from the table in training.c.
 * docs/formats/recipe.md, RCP-030 to RCP-045.
 */
#include "recipe/recipe_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_LIMIT = 32 };

/* ---- training ---- */

/* A map of settings, NULL when absent, and its name. */
typedef struct place {
    const sw_yaml *map;
    const char *where;
} place;

static sw_status read_setting(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                              const sw_setting *s, sw_training *t) {
    uint64_t whole = 0;
    double number = 0;
    bool flag = false;
    switch (s->type) {
    case SW_SETTING_U32:
    case SW_SETTING_U64:
        SW_TRY(sw_recipe_whole(r, map, where, s->name, s->min, s->max, &whole));
        break;
    case SW_SETTING_CHOICE:
        SW_TRY(sw_recipe_choice(r, map, where, s->name, s->choices, &whole));
        break;
    case SW_SETTING_FLAG:
        SW_TRY(sw_recipe_flag(r, map, where, s->name, &flag));
        whole = flag ? 1 : 0;
        break;
    case SW_SETTING_DATE:
        SW_TRY(sw_recipe_day(r, map, where, s->name, &whole));
        break;
    case SW_SETTING_NUMBER:
        SW_TRY(sw_recipe_number(r, map, where, s->name, &number));
        break;
    }
    sw_setting_store_integer(t, s, whole);
    sw_setting_store_number(t, s, number);
    return SW_OK;
}

static sw_status read_group(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                            sw_setting_group group, sw_training *t) {
    size_t count;
    const sw_setting *all = sw_training_settings(&count);
    for (size_t i = 0; map != NULL && i < count; i++)
        if (all[i].group == group && sw_yaml_member(map, all[i].name) != NULL)
            SW_TRY(read_setting(r, map, where, &all[i], t));
    return SW_OK;
}

/* The optional names of a group, and `extra` (NULL-terminated) behind them. */
static void group_names(sw_setting_group group, const char *const *extra, char store[][NAMES_LIMIT],
                        const char *names[NAMES_LIMIT + 1]) {
    size_t count, used = 0;
    const sw_setting *all = sw_training_settings(&count);
    for (size_t i = 0; i < count && used < NAMES_LIMIT - 1; i++) {
        if (all[i].group != group) continue;
        (void)snprintf(store[used], NAMES_LIMIT, "?%s", all[i].name);
        names[used] = store[used];
        used++;
    }
    while (*extra != NULL && used < NAMES_LIMIT) names[used++] = *extra++;
    names[used] = NULL;
}

/* The settings of one group that stand in the map `key`, which may be absent. */
static sw_status read_map(const sw_recipe_reader *r, const sw_yaml *parent, const char *where,
                          const char *key, const char *const *extra, sw_setting_group group,
                          place *out, sw_training *t) {
    char store[NAMES_LIMIT][NAMES_LIMIT];
    const char *names[NAMES_LIMIT + 1];
    *out = (place){.where = key};
    if (parent == NULL || sw_yaml_member(parent, key) == NULL) return SW_OK;
    group_names(group, extra, store, names);
    SW_TRY(sw_recipe_map(r, parent, where, key, &out->map));
    SW_TRY(sw_recipe_expect(r, out->map, key, names));
    return read_group(r, out->map, key, group, t);
}

static bool read_name(sw_bytes text, char out[SW_LORA_TARGET_BYTES]) {
    if (text.size == 0 || text.size >= SW_LORA_TARGET_BYTES ||
        memchr(text.data, 0, text.size) != NULL)
        return false;
    memcpy(out, text.data, text.size);
    return true;
}

/* A list of module names, when it is there. */
static sw_status read_names(const sw_recipe_reader *r, const sw_yaml *map, const char *key,
                            size_t limit, char out[][SW_LORA_TARGET_BYTES], size_t *count) {
    const sw_yaml *list = NULL;
    if (sw_yaml_member(map, key) == NULL) return SW_OK;
    SW_TRY(sw_recipe_list(r, map, "lora", key, limit, &list));
    memset(out, 0, limit * SW_LORA_TARGET_BYTES);
    *count = 0;
    for (const sw_yaml *m = list->first; m != NULL; m = m->next)
        if (m->type != SW_YAML_SCALAR || !read_name(m->text, out[(*count)++]))
            return sw_recipe_refuse(r, m, "lora", "%s holds what is no module's name", key);
    return SW_OK;
}

/* A map from module names to numbers, when it is there; its order is kept. */
static sw_status read_patterns(const sw_recipe_reader *r, const sw_yaml *map, const char *key,
                               sw_lora_patterns *out) {
    const sw_yaml *members = NULL;
    if (sw_yaml_member(map, key) == NULL) return SW_OK;
    SW_TRY(sw_recipe_map(r, map, "lora", key, &members));
    for (const sw_yaml *m = members->first; m != NULL; m = m->next) {
        if (out->count == SW_LORA_PATTERN_LIMIT)
            return sw_recipe_refuse(r, m, "lora", "%s has more than %d members", key,
                                    SW_LORA_PATTERN_LIMIT);
        sw_lora_pattern *p = &out->at[out->count++];
        if (!read_name(m->key, p->module) || !sw_yaml_number(m, &p->value))
            return sw_recipe_refuse(r, m, "lora", "%s must give modules and numbers", key);
    }
    return SW_OK;
}

static sw_status read_lora_lists(const sw_recipe_reader *r, const sw_yaml *map, sw_training *t) {
    sw_lora_settings *lora = &t->lora;
    SW_TRY(read_names(r, map, "target_modules", SW_LORA_TARGET_LIMIT, lora->targets,
                      &lora->target_count));
    SW_TRY(
        read_names(r, map, "modules_to_save", SW_LORA_SAVE_LIMIT, lora->save, &lora->save_count));
    SW_TRY(read_patterns(r, map, "rank_pattern", &lora->rank_pattern));
    return read_patterns(r, map, "alpha_pattern", &lora->alpha_pattern);
}

/* Refuses what sw_training_check refuses, at the line of the setting that it names. */
static sw_status judge(const sw_recipe_reader *r, const sw_yaml *root, const place *places,
                       size_t count, const sw_training *t) {
    const char *setting;
    sw_error why = {0};
    if (sw_training_judge(t, &setting, &why) == SW_OK) return SW_OK;
    for (size_t i = 0; i < count; i++) {
        const sw_yaml *at = places[i].map == NULL ? NULL : sw_yaml_member(places[i].map, setting);
        if (at != NULL) return sw_recipe_refuse(r, at, places[i].where, "%s", why.message);
    }
    return sw_recipe_refuse(r, root, "", "%s", why.message);
}

sw_status sw_recipe_read_training(const sw_recipe_reader *r, const sw_yaml *root,
                                  sw_training *out) {
    static const char *const none[] = {NULL}, *const scheduler[] = {"?lr_scheduler_kwargs", NULL};
    static const char *const lists[] = {"?target_modules", "?modules_to_save", "?rank_pattern",
                                        "?alpha_pattern", NULL};
    enum { TOP, TRAINER, TRAINING, SCHEDULER, LORA, PLACES };
    place at[PLACES] = {[TOP] = {root, ""}, [TRAINER] = {NULL, "trainer"}};
    SW_TRY(read_group(r, root, "", SW_GROUP_RECIPE, out));
    SW_TRY(sw_recipe_map(r, root, "", "trainer", &at[TRAINER].map));
    SW_TRY(read_group(r, at[TRAINER].map, "trainer", SW_GROUP_TRAINER, out));
    SW_TRY(read_map(r, root, "", "training", scheduler, SW_GROUP_TRAINING, &at[TRAINING], out));
    SW_TRY(read_map(r, at[TRAINING].map, "training", "lr_scheduler_kwargs", none,
                    SW_GROUP_SCHEDULER, &at[SCHEDULER], out));
    SW_TRY(read_map(r, root, "", "lora", lists, SW_GROUP_LORA, &at[LORA], out));
    if (sw_training_adapts(out) && at[LORA].map == NULL)
        return sw_recipe_refuse(r, root, "", "lora is missing: method is %s",
                                out->method == SW_METHOD_LORA ? "lora" : "qlora");
    if (!sw_training_adapts(out) && at[LORA].map != NULL)
        return sw_recipe_refuse(r, at[LORA].map, "", "lora stands here but method is full");
    if (at[LORA].map != NULL) SW_TRY(read_lora_lists(r, at[LORA].map, out));
    return judge(r, root, at, PLACES, out);
}
