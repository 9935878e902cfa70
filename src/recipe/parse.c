/* SPDX-License-Identifier: Apache-2.0
 *
 * recipe.yaml: from exact bytes to a checked recipe. What is left out takes the default that
 * docs/formats/recipe.md (RCP-010 to RCP-012) names; what decides who may read a row has none.
 */
#include "recipe/recipe_internal.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_LIMIT         (UINT64_C(1) << 40)
#define SECOND_MS          UINT64_C(1000)
#define DAY_MS             UINT64_C(86400000)
#define PADDING_MIN        UINT64_C(4096)
#define PADDING_MAX        (UINT64_C(1) << 40)
#define OUTPUT_DEFAULT     (UINT64_C(64) << 20)
#define CHECKPOINT_DEFAULT (UINT64_C(256) << 20)
#define GRANTS_LIMIT       100000

const char *const sw_recipe_platforms[] = {"sim", "tdx", NULL};
const char *const sw_recipe_metrics_words[] = {"sealed", "public", NULL};
const char *const sw_recipe_tcb_words[] = {"UpToDate", "SWHardeningNeeded", NULL};

uint64_t sw_recipe_rows(const sw_recipe *r, const sw_hash *owner) {
    uint64_t rows = 0;
    for (size_t i = 0; i < r->shard_count; i++)
        if (owner == NULL || sw_hash_equal(&r->shards[i].owner, owner)) rows += r->shards[i].rows;
    return rows;
}

size_t sw_recipe_owner_count(const sw_recipe *r) {
    size_t count = 0;
    for (size_t i = 0; i < r->shard_count; i++) {
        size_t k = 0;
        while (k < i && !sw_hash_equal(&r->shards[i].owner, &r->shards[k].owner)) k++;
        if (k == i) count++;
    }
    return count;
}

static sw_status read_shard(const sw_recipe_reader *r, const sw_yaml *map, sw_recipe *out) {
    static const char *const names[] = {"owner", "dataset", "rows", "name", NULL};
    sw_shard *s = &out->shards[out->shard_count];
    SW_TRY(sw_recipe_expect(r, map, "shards[]", names));
    SW_TRY(sw_recipe_hex(r, map, "shards[]", "owner", s->owner.b, sizeof s->owner.b));
    SW_TRY(sw_recipe_hex(r, map, "shards[]", "dataset", s->dataset.b, sizeof s->dataset.b));
    SW_TRY(sw_recipe_whole(r, map, "shards[]", "rows", 1, ROWS_LIMIT, &s->rows));
    SW_TRY(sw_recipe_name(r, map, "shards[]", "name", sizeof s->name - 1, s->name));
    for (size_t i = 0; i < out->shard_count; i++)
        if (sw_hash_equal(&out->shards[i].dataset, &s->dataset))
            return sw_recipe_refuse(r, map, "", "shards lists one dataset twice");
    out->shard_count++;
    return SW_OK;
}

static sw_status read_shards(const sw_recipe_reader *r, const sw_yaml *root, sw_recipe *out) {
    const sw_yaml *list = NULL;
    SW_TRY(sw_recipe_list(r, root, "", "shards", SW_SHARD_LIMIT, &list));
    for (const sw_yaml *m = list->first; m != NULL; m = m->next) SW_TRY(read_shard(r, m, out));
    return SW_OK;
}

static sw_status read_output(const sw_recipe_reader *r, const sw_yaml *root, sw_recipe *out) {
    static const char *const names[] = {"open_quorum", "?limit", NULL};
    const sw_yaml *map = NULL;
    uint64_t quorum;
    SW_TRY(sw_recipe_map(r, root, "", "output", &map));
    SW_TRY(sw_recipe_expect(r, map, "output", names));
    const sw_yaml *open = sw_yaml_member(map, "open_quorum");
    if (open->type != SW_YAML_SCALAR || !sw_bytes_is(open->text, "all")) {
        size_t owners = sw_recipe_owner_count(out);
        if (!sw_yaml_u64(open, &quorum) || quorum == 0 || quorum > owners)
            return sw_recipe_refuse(r, open, "output",
                                    "open_quorum must be all, or a number from 1 to %zu (the owners"
                                    " of listed shards)",
                                    owners);
        out->open_quorum = (uint32_t)quorum;
    }
    if (sw_yaml_member(map, "limit") == NULL) return SW_OK;
    return sw_recipe_size(r, map, "output", "limit", PADDING_MIN, PADDING_MAX,
                          &out->output_limit_bytes);
}

static sw_status read_observe(const sw_recipe_reader *r, const sw_yaml *root, sw_recipe *out) {
    static const char *const names[] = {"metrics", "?interval", "?checkpoint_limit", NULL};
    const sw_yaml *map = NULL;
    uint64_t word;
    SW_TRY(sw_recipe_map(r, root, "", "observe", &map));
    SW_TRY(sw_recipe_expect(r, map, "observe", names));
    SW_TRY(sw_recipe_choice(r, map, "observe", "metrics", sw_recipe_metrics_words, &word));
    out->metrics = (sw_metrics)word;
    if (sw_yaml_member(map, "interval") != NULL)
        SW_TRY(sw_recipe_whole(r, map, "observe", "interval", 1, 1000000, &out->metrics_interval));
    if (sw_yaml_member(map, "checkpoint_limit") == NULL) return SW_OK;
    return sw_recipe_size(r, map, "observe", "checkpoint_limit", PADDING_MIN, PADDING_MAX,
                          &out->checkpoint_limit_bytes);
}

static sw_status read_terms(const sw_recipe_reader *r, const sw_yaml *root, sw_recipe *out) {
    uint64_t grants = out->grants;
    if (sw_yaml_member(root, "lease") != NULL)
        SW_TRY(sw_recipe_duration(r, root, "", "lease", SECOND_MS, DAY_MS, &out->lease_ms));
    if (sw_yaml_member(root, "max_silence") != NULL)
        SW_TRY(sw_recipe_duration(r, root, "", "max_silence", SECOND_MS, 30 * DAY_MS,
                                  &out->max_silence_ms));
    if (out->lease_ms > out->max_silence_ms)
        return sw_recipe_refuse(r, root, "",
                                "lease is longer than max_silence: a key would outlive"
                                " the owner's word");
    if (sw_yaml_member(root, "grants") != NULL)
        SW_TRY(sw_recipe_whole(r, root, "", "grants", 1, GRANTS_LIMIT, &grants));
    out->grants = (uint32_t)grants;
    return SW_OK;
}

static sw_status read_head(const sw_recipe_reader *r, const sw_yaml *root, sw_recipe *out) {
    static const char *const names[] = {"sealwright", "name",         "?description",   "app",
                                        "model",      "?phase",       "?method",        "?template",
                                        "shards",     "trainer",      "machine",        "output",
                                        "observe",    "?lora",        "?training",      "?lease",
                                        "?grants",    "?max_silence", "?template_date", NULL};
    static const char *const of_native[] = {"phase", "method", "template", NULL};
    static const char *const model_names[] = {"name", NULL};
    const sw_yaml *model = NULL;
    uint64_t version;
    SW_TRY(sw_recipe_expect(r, root, "", names));
    SW_TRY(sw_recipe_whole(r, root, "", "sealwright", 1, 1, &version));
    SW_TRY(sw_recipe_read_kind(r, root, &out->native));
    for (size_t i = 0; out->native && of_native[i] != NULL; i++)
        if (sw_yaml_member(root, of_native[i]) == NULL)
            return sw_recipe_refuse(r, root, "", "%s is missing", of_native[i]);
    SW_TRY(sw_recipe_name(r, root, "", "name", sizeof out->name - 1, out->name));
    if (sw_yaml_member(root, "description") != NULL)
        SW_TRY(sw_recipe_text(r, root, "", "description", sizeof out->description - 1,
                              out->description));
    SW_TRY(sw_recipe_hex(r, root, "", "app", out->genesis.b, sizeof out->genesis.b));
    SW_TRY(sw_recipe_map(r, root, "", "model", &model));
    SW_TRY(sw_recipe_expect(r, model, "model", model_names));
    return sw_recipe_name(r, model, "model", "name", sizeof out->model_name - 1, out->model_name);
}

/* `out` is zeroed before. */
static sw_status read_recipe(const sw_recipe_reader *r, const sw_yaml *root, sw_recipe *out) {
    out->metrics_interval = 1;
    out->output_limit_bytes = OUTPUT_DEFAULT;
    out->checkpoint_limit_bytes = CHECKPOINT_DEFAULT;
    out->lease_ms = 600 * SECOND_MS;
    out->max_silence_ms = DAY_MS;
    out->grants = 32;
    sw_training_defaults(&out->training);
    SW_TRY(read_head(r, root, out));
    SW_TRY(read_shards(r, root, out));
    if (out->native) SW_TRY(sw_recipe_read_training(r, root, &out->training));
    SW_TRY(sw_recipe_read_machine(r, root, &out->policy));
    if (!out->native) SW_TRY(sw_recipe_read_command(r, root, &out->policy, &out->command));
    SW_TRY(read_output(r, root, out));
    SW_TRY(read_observe(r, root, out));
    return read_terms(r, root, out);
}

sw_status sw_recipe_parse(sw_bytes yaml, const char *file, sw_recipe *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_yaml *root = NULL;
    if (yaml.size > SW_RECIPE_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "%s is larger than %zu bytes", file,
                       SW_RECIPE_LIMIT);
    SW_TRY(sw_yaml_parse(&arena, yaml, file, &root, err));
    sw_recipe *made = SW_ARENA_NEW(&arena, sw_recipe, 1);
    if (made == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for %s", file);
    sw_recipe_reader r = {.file = file, .arena = &arena, .err = err};
    SW_TRY(read_recipe(&r, root, made));
    *out = *made;
    return SW_OK;
}
