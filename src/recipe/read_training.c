/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of recipe.yaml that say how to train and on which machine. Training keys come from the
 * table in training.c; the machine policy is judged by sw_policy_complete, the same as everywhere.
 * docs/formats/recipe.md, RCP-030 to RCP-055.
 */
#include "codec/text.h"
#include "recipe/recipe_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_LIMIT = 32, GPU_LIMIT = 64 };

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

/* The optional names of a group, with room for `extra` behind them. */
static void group_names(sw_setting_group group, const char *extra, char store[][NAMES_LIMIT],
                        const char *names[NAMES_LIMIT + 1]) {
    size_t count, used = 0;
    const sw_setting *all = sw_training_settings(&count);
    for (size_t i = 0; i < count && used < NAMES_LIMIT - 1; i++) {
        if (all[i].group != group) continue;
        (void)snprintf(store[used], NAMES_LIMIT, "?%s", all[i].name);
        names[used] = store[used];
        used++;
    }
    if (extra != NULL) names[used++] = extra;
    names[used] = NULL;
}

/* The settings of one group that stand in the map `key`, which may be absent. */
static sw_status read_map(const sw_recipe_reader *r, const sw_yaml *parent, const char *where,
                          const char *key, const char *extra, sw_setting_group group, place *out,
                          sw_training *t) {
    char store[NAMES_LIMIT][NAMES_LIMIT];
    const char *names[NAMES_LIMIT + 1];
    *out = (place){.where = key};
    if (parent == NULL || sw_yaml_member(parent, key) == NULL) return SW_OK;
    group_names(group, extra, store, names);
    SW_TRY(sw_recipe_map(r, parent, where, key, &out->map));
    SW_TRY(sw_recipe_expect(r, out->map, key, names));
    return read_group(r, out->map, key, group, t);
}

static sw_status read_targets(const sw_recipe_reader *r, const sw_yaml *map, sw_training *t) {
    const sw_yaml *list = NULL;
    if (sw_yaml_member(map, "target_modules") == NULL) return SW_OK;
    SW_TRY(sw_recipe_list(r, map, "lora", "target_modules", SW_LORA_TARGET_LIMIT, &list));
    memset(t->lora.targets, 0, sizeof t->lora.targets);
    t->lora.target_count = 0;
    for (const sw_yaml *m = list->first; m != NULL; m = m->next) {
        bool name = m->type == SW_YAML_SCALAR && m->text.size > 0 &&
                    m->text.size < SW_LORA_TARGET_BYTES &&
                    memchr(m->text.data, 0, m->text.size) == NULL;
        if (!name)
            return sw_recipe_refuse(r, m, "lora", "target_modules holds what is no module's name");
        memcpy(t->lora.targets[t->lora.target_count++], m->text.data, m->text.size);
    }
    return SW_OK;
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
    static const char *const trainer_names[] = {"kind", "profile", NULL};
    static const char *const kinds[] = {"native", NULL};
    enum { TOP, TRAINER, TRAINING, SCHEDULER, LORA, PLACES };
    place at[PLACES] = {[TOP] = {root, ""}, [TRAINER] = {NULL, "trainer"}};
    uint64_t kind;
    SW_TRY(read_group(r, root, "", SW_GROUP_RECIPE, out));
    SW_TRY(sw_recipe_map(r, root, "", "trainer", &at[TRAINER].map));
    SW_TRY(sw_recipe_expect(r, at[TRAINER].map, "trainer", trainer_names));
    SW_TRY(sw_recipe_choice(r, at[TRAINER].map, "trainer", "kind", kinds, &kind));
    SW_TRY(read_group(r, at[TRAINER].map, "trainer", SW_GROUP_TRAINER, out));
    SW_TRY(read_map(r, root, "", "training", "?lr_scheduler_kwargs", SW_GROUP_TRAINING,
                    &at[TRAINING], out));
    SW_TRY(read_map(r, at[TRAINING].map, "training", "lr_scheduler_kwargs", NULL,
                    SW_GROUP_SCHEDULER, &at[SCHEDULER], out));
    SW_TRY(read_map(r, root, "", "lora", "?target_modules", SW_GROUP_LORA, &at[LORA], out));
    if (out->method == SW_METHOD_LORA && at[LORA].map == NULL)
        return sw_recipe_refuse(r, root, "", "lora is missing: method is lora");
    if (out->method != SW_METHOD_LORA && at[LORA].map != NULL)
        return sw_recipe_refuse(r, at[LORA].map, "", "lora stands here but method is not lora");
    if (at[LORA].map != NULL) SW_TRY(read_targets(r, at[LORA].map, out));
    return judge(r, root, at, PLACES, out);
}

/* ---- machine ---- */

static sw_status read_hash(const sw_recipe_reader *r, const sw_yaml *node, const char *what,
                           sw_hash *out) {
    bool good = node->type == SW_YAML_SCALAR &&
                sw_hex_decode(out->b, sizeof out->b, node->text, false, NULL) == SW_OK;
    if (!good)
        return sw_recipe_refuse(r, node, "machine", "%s holds what is not 64 lower-case hex digits",
                                what);
    return SW_OK;
}

static sw_status read_hashes(const sw_recipe_reader *r, const sw_yaml *map, const char *key,
                             size_t limit, sw_hash *out, size_t *count) {
    const sw_yaml *list = NULL;
    SW_TRY(sw_recipe_list(r, map, "machine", key, limit, &list));
    *count = 0;
    for (const sw_yaml *m = list->first; m != NULL; m = m->next)
        SW_TRY(read_hash(r, m, key, &out[(*count)++]));
    return SW_OK;
}

static sw_status read_image(const sw_recipe_reader *r, const sw_yaml *map, sw_image *out) {
    static const char *const names[] = {"name", "mrtd", "rtmr0", "rtmr1", "rtmr2", NULL};
    SW_TRY(sw_recipe_expect(r, map, "machine.images[]", names));
    SW_TRY(sw_recipe_text(r, map, "machine.images[]", "name", sizeof out->name - 1, out->name));
    SW_TRY(sw_recipe_hex(r, map, "machine.images[]", "mrtd", out->mrtd, sizeof out->mrtd));
    for (size_t i = 0; i < 3; i++)
        SW_TRY(sw_recipe_hex(r, map, "machine.images[]", names[2 + i], out->rtmr[i],
                             sizeof out->rtmr[i]));
    return SW_OK;
}

static sw_status read_images(const sw_recipe_reader *r, const sw_yaml *map, sw_policy *p) {
    const sw_yaml *list = NULL;
    SW_TRY(sw_recipe_list(r, map, "machine", "images", SW_IMAGE_LIMIT, &list));
    for (const sw_yaml *m = list->first; m != NULL; m = m->next)
        SW_TRY(read_image(r, m, &p->images[p->image_count++]));
    return SW_OK;
}

static sw_status read_devices(const sw_recipe_reader *r, const sw_yaml *map, sw_policy *p) {
    const sw_yaml *m = sw_yaml_member(map, "devices");
    p->any_device = m != NULL && m->type == SW_YAML_SCALAR && sw_bytes_is(m->text, "any");
    if (p->any_device) return SW_OK;
    if (m != NULL && m->type == SW_YAML_SCALAR)
        return sw_recipe_refuse(r, m, "machine", "devices must be a list of devices, or any");
    return read_hashes(r, map, "devices", SW_DEVICE_LIMIT, p->devices, &p->device_count);
}

static sw_status read_tcb(const sw_recipe_reader *r, const sw_yaml *map, sw_policy *p) {
    static const char *const names[] = {"status", "evaluation_data_number", NULL};
    const sw_yaml *tcb = NULL;
    uint64_t word, number;
    SW_TRY(sw_recipe_map(r, map, "machine", "minimum_tcb", &tcb));
    SW_TRY(sw_recipe_expect(r, tcb, "machine.minimum_tcb", names));
    SW_TRY(sw_recipe_choice(r, tcb, "machine.minimum_tcb", "status", sw_recipe_tcb_words, &word));
    SW_TRY(sw_recipe_whole(r, tcb, "machine.minimum_tcb", "evaluation_data_number", 1, UINT32_MAX,
                           &number));
    p->up_to_date_only = word == 0;
    p->minimum_evaluation_number = (uint32_t)number;
    return SW_OK;
}

static sw_status read_gpu(const sw_recipe_reader *r, const sw_yaml *map, sw_policy *p) {
    const sw_yaml *m = sw_yaml_member(map, "gpu");
    uint64_t count;
    if (m != NULL && m->type == SW_YAML_SCALAR && sw_bytes_is(m->text, "none")) return SW_OK;
    if (m != NULL && (!sw_yaml_u64(m, &count) || count == 0 || count > GPU_LIMIT))
        return sw_recipe_refuse(r, m, "machine", "gpu must be none, or a number from 1 to %d",
                                GPU_LIMIT);
    SW_TRY(sw_recipe_whole(r, map, "machine", "gpu", 1, GPU_LIMIT, &count));
    p->gpu_count = (uint32_t)count;
    return SW_OK;
}

sw_status sw_recipe_read_machine(const sw_recipe_reader *r, const sw_yaml *root, sw_policy *out) {
    static const char *const names[] = {"platform",    "anchors", "images", "devices",
                                        "minimum_tcb", "gpu",     NULL};
    const sw_yaml *map = NULL;
    sw_policy p = {0};
    uint64_t platform;
    sw_error why = {0};
    SW_TRY(sw_recipe_map(r, root, "", "machine", &map));
    SW_TRY(sw_recipe_expect(r, map, "machine", names));
    SW_TRY(sw_recipe_choice(r, map, "machine", "platform", sw_recipe_platforms, &platform));
    p.platform = (sw_platform)platform;
    SW_TRY(read_hashes(r, map, "anchors", SW_ANCHOR_LIMIT, p.anchors, &p.anchor_count));
    SW_TRY(read_images(r, map, &p));
    SW_TRY(read_devices(r, map, &p));
    SW_TRY(read_tcb(r, map, &p));
    SW_TRY(read_gpu(r, map, &p));
    if (sw_policy_complete(&p, &why) != SW_OK)
        return sw_recipe_refuse(r, map, "", "machine: %s", why.message);
    *out = p;
    return SW_OK;
}
