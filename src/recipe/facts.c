/* SPDX-License-Identifier: Apache-2.0
 *
 * A recipe as one tree of facts: what programs are shown, and what two recipes are compared by.
 * Settings come from the table, so a new setting is shown and compared without a line here.
 */
#include "recipe/recipe_internal.h"

static void add_settings(sw_arena *a, sw_json *parent, const sw_training *t,
                         sw_setting_group group) {
    size_t count;
    const sw_setting *all = sw_training_settings(&count);
    for (size_t i = 0; i < count; i++) {
        if (all[i].group != group) continue;
        uint64_t whole = sw_setting_integer(t, &all[i]);
        char day[SW_DATE_BYTES];
        sw_setting_date(t, &all[i], day);
        if (all[i].type == SW_SETTING_NUMBER)
            sw_json_add_number(a, parent, all[i].name, sw_setting_number(t, &all[i]));
        else if (all[i].type == SW_SETTING_FLAG)
            sw_json_add_flag(a, parent, all[i].name, whole != 0);
        else if (all[i].type == SW_SETTING_CHOICE)
            sw_json_add_text(a, parent, all[i].name, sw_text(all[i].choices[whole]));
        else if (all[i].type == SW_SETTING_DATE && whole == 0)
            sw_json_add_null(a, parent, all[i].name);
        else if (all[i].type == SW_SETTING_DATE)
            sw_json_add_text(a, parent, all[i].name, sw_text(day));
        else
            sw_json_add_integer(a, parent, all[i].name, (int64_t)whole);
    }
}

static void add_shards(sw_arena *a, sw_json *root, const sw_recipe *r) {
    sw_json *list = sw_json_add_array(a, root, "shards");
    for (size_t i = 0; i < r->shard_count; i++) {
        sw_json *s = sw_json_add_object(a, list, NULL);
        sw_json_add_text(a, s, "name", sw_text(r->shards[i].name));
        sw_json_add_hex(a, s, "owner", SW_BYTES_OF(r->shards[i].owner.b));
        sw_json_add_hex(a, s, "dataset", SW_BYTES_OF(r->shards[i].dataset.b));
        sw_json_add_integer(a, s, "rows", (int64_t)r->shards[i].rows);
    }
}

static void add_model(sw_arena *a, sw_json *root, const sw_recipe *r) {
    sw_json *model = sw_json_add_object(a, root, "model");
    sw_json_add_text(a, model, "name", sw_text(r->model_name));
    sw_json *files = sw_json_add_array(a, model, "files");
    for (size_t i = 0; i < r->model_file_count; i++) {
        sw_json *f = sw_json_add_object(a, files, NULL);
        sw_json_add_text(a, f, "name", sw_text(r->model_files[i].name));
        sw_json_add_integer(a, f, "size", (int64_t)r->model_files[i].size);
        sw_json_add_hex(a, f, "sha256", SW_BYTES_OF(r->model_files[i].digest.b));
    }
}

static void add_names(sw_arena *a, sw_json *parent, const char *key,
                      const char names[][SW_LORA_TARGET_BYTES], size_t count) {
    sw_json *list = sw_json_add_array(a, parent, key);
    for (size_t i = 0; i < count; i++) sw_json_add_text(a, list, NULL, sw_text(names[i]));
}

/* A list, since the first that matches decides. */
static void add_patterns(sw_arena *a, sw_json *parent, const char *key, const sw_lora_patterns *p) {
    sw_json *list = sw_json_add_array(a, parent, key);
    for (size_t i = 0; i < p->count; i++) {
        sw_json *one = sw_json_add_object(a, list, NULL);
        sw_json_add_text(a, one, "module", sw_text(p->at[i].module));
        sw_json_add_number(a, one, "value", p->at[i].value);
    }
}

static void add_lora(sw_arena *a, sw_json *root, const sw_training *t) {
    sw_json *lora = sw_json_add_object(a, root, "lora");
    add_settings(a, lora, t, SW_GROUP_LORA);
    add_names(a, lora, "target_modules", t->lora.targets, t->lora.target_count);
    add_names(a, lora, "modules_to_save", t->lora.save, t->lora.save_count);
    add_patterns(a, lora, "rank_pattern", &t->lora.rank_pattern);
    add_patterns(a, lora, "alpha_pattern", &t->lora.alpha_pattern);
}

static void add_native(sw_arena *a, sw_json *root, sw_json *trainer, const sw_recipe *r) {
    add_settings(a, trainer, &r->training, SW_GROUP_TRAINER);
    sw_json_add_text(a, trainer, "profiles", sw_text(r->profiles));
    add_settings(a, root, &r->training, SW_GROUP_RECIPE);
    sw_json *training = sw_json_add_object(a, root, "training");
    add_settings(a, training, &r->training, SW_GROUP_TRAINING);
    add_settings(a, sw_json_add_object(a, training, "lr_scheduler_kwargs"), &r->training,
                 SW_GROUP_SCHEDULER);
    if (sw_training_adapts(&r->training)) add_lora(a, root, &r->training);
}

static void add_command(sw_arena *a, sw_json *trainer, const sw_recipe_command *c) {
    sw_json *list = sw_json_add_array(a, trainer, "command");
    for (size_t i = 0; i < c->argument_count; i++)
        sw_json_add_text(a, list, NULL, sw_text(c->arguments[i]));
    list = sw_json_add_array(a, trainer, "files");
    for (size_t i = 0; i < c->file_count; i++) {
        sw_json *f = sw_json_add_object(a, list, NULL);
        sw_json_add_text(a, f, "name", sw_text(c->files[i].path));
        sw_json_add_integer(a, f, "size", (int64_t)c->files[i].size);
        sw_json_add_hex(a, f, "sha256", SW_BYTES_OF(c->files[i].digest.b));
    }
    sw_json *tree = sw_json_add_object(a, trainer, "tree");
    sw_json_add_hex(a, tree, "sha256", SW_BYTES_OF(c->tree.b));
    sw_json_add_integer(a, tree, "entries", (int64_t)c->tree_entries);
    sw_json_add_integer(a, tree, "bytes", (int64_t)c->tree_bytes);
    sw_json *environment = sw_json_add_object(a, trainer, "environment");
    for (size_t i = 0; i < c->environment_count; i++)
        sw_json_add_text(a, environment, c->names[i], sw_text(c->values[i]));
    sw_json_add_integer(a, trainer, "max_steps", (int64_t)c->max_steps);
    sw_json_add_integer(a, trainer, "save_steps", (int64_t)c->save_steps);
    sw_json_add_integer(a, trainer, "scratch_bytes", (int64_t)c->scratch_bytes);
    sw_json_add_flag(a, trainer, "gpu", c->gpu);
}

static void add_trainer(sw_arena *a, sw_json *root, const sw_recipe *r) {
    sw_json *trainer = sw_json_add_object(a, root, "trainer");
    sw_json_add_text(a, trainer, "kind", r->native ? SW_LITERAL("native") : SW_LITERAL("command"));
    sw_json_add_hex(a, trainer, "worker", SW_BYTES_OF(r->trainer_digest.b));
    if (r->native)
        add_native(a, root, trainer, r);
    else
        add_command(a, trainer, &r->command);
}

static void add_terms(sw_arena *a, sw_json *root, const sw_recipe *r) {
    sw_json *output = sw_json_add_object(a, root, "output");
    if (r->open_quorum == 0)
        sw_json_add_text(a, output, "open_quorum", SW_LITERAL("all"));
    else
        sw_json_add_integer(a, output, "open_quorum", r->open_quorum);
    sw_json_add_integer(a, output, "limit_bytes", (int64_t)r->output_limit_bytes);
    sw_json *observe = sw_json_add_object(a, root, "observe");
    sw_json_add_text(a, observe, "metrics", sw_text(sw_recipe_metrics_words[r->metrics]));
    sw_json_add_integer(a, observe, "interval", (int64_t)r->metrics_interval);
    sw_json_add_integer(a, observe, "checkpoint_limit_bytes", (int64_t)r->checkpoint_limit_bytes);
    sw_json_add_integer(a, root, "lease_ms", (int64_t)r->lease_ms);
    sw_json_add_integer(a, root, "max_silence_ms", (int64_t)r->max_silence_ms);
    sw_json_add_integer(a, root, "grants", r->grants);
}

sw_json *sw_recipe_facts(sw_arena *arena, const sw_recipe *r) {
    sw_json *root = sw_json_make(arena, SW_JSON_OBJECT);
    sw_json_add_text(arena, root, "name", sw_text(r->name));
    sw_json_add_text(arena, root, "description", sw_text(r->description));
    sw_json_add_hex(arena, root, "app", SW_BYTES_OF(r->genesis.b));
    add_model(arena, root, r);
    add_shards(arena, root, r);
    add_trainer(arena, root, r);
    sw_policy_to_json(arena, root, "machine", &r->policy);
    add_terms(arena, root, r);
    return root;
}
