/* SPDX-License-Identifier: Apache-2.0
 *
 * What an owner would approve, in plain words. Everything said here follows from the compose alone;
 * the same recipe gives the same text in every locale. docs/formats/recipe.md, RCP-090 to RCP-097.
 */
#include "codec/text.h"
#include "recipe/recipe_internal.h"
#include "sys/clock.h"

#include <math.h>
#include <string.h>

#define SHOW_LIMIT ((size_t)1 << 20)
/* ---- small words ---- */

static void put_hash(sw_buffer *out, const sw_hash *h) {
    sw_hex_encode(out, SW_BYTES_OF(h->b));
}

static void put_short(sw_buffer *out, const sw_hash *h) {
    sw_hex_encode(out, SW_BYTES(h->b, 8));
}

static void put_number(sw_buffer *out, double v) {
    const sw_json node = {.type = SW_JSON_NUMBER, .number = v};
    sw_json_encode(out, &node);
}

/* `part` of `whole` in percent, one decimal, rounded down. */
static void put_percent(sw_buffer *out, uint64_t part, uint64_t whole) {
    unsigned permille = whole == 0 ? 0 : (unsigned)((unsigned __int128)part * 1000 / whole);
    sw_put_format(out, "%u.%u %%", permille / 10, permille % 10);
}

static uint64_t row_visits(const sw_recipe *r, uint64_t rows) {
    const sw_training *t = &r->training;
    double visits = t->max_steps == 0
                        ? ceil((double)rows * t->num_train_epochs)
                        : (double)t->max_steps * (double)t->per_device_train_batch_size *
                              (double)t->gradient_accumulation_steps;
    return visits < 9e15 ? (uint64_t)visits : UINT64_C(9000000000000000);
}

/* RCP-041: where packing cuts rows, their lengths decide, and no recipe says them. */
static bool steps_are_bounded(const sw_training *t) {
    return t->max_steps > 0 || sw_training_cuts(t);
}

static const char *word_of(const sw_recipe *r, const char *name) {
    size_t count;
    const sw_setting *all = sw_training_settings(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].choices[sw_setting_integer(&r->training, &all[i])];
    return "";
}

/* ---- sections ---- */

static void put_head(sw_buffer *out, const sw_recipe *r, const sw_hash *compose) {
    sw_put_format(out, "%s\n", r->name);
    if (r->description[0] != 0) sw_put_format(out, "  %s\n", r->description);
    sw_put_text(out, "  compose hash  ");
    put_hash(out, compose);
    sw_put_text(out, "\n  app           ");
    put_hash(out, &r->genesis);
    if (r->policy.platform == SW_PLATFORM_SIM)
        sw_put_text(out,
                    "\n\nSIMULATED\n"
                    "  The machine is software that anyone can make. Whoever runs it can read every"
                    " row.\n"
                    "  Approve this with data that is not secret.\n");
    else
        sw_put_text(out, "\n\nNot simulated: only Intel TDX hardware with the images below.\n");
}

static void put_model(sw_buffer *out, const sw_recipe *r) {
    uint64_t bytes = 0;
    const char *known = sw_recipe_known_model(&r->model_digest);
    for (size_t i = 0; i < r->model_file_count; i++) bytes += r->model_files[i].size;
    sw_put_format(out, "\nBase model: %s\n", r->model_name);
    if (known != NULL)
        sw_put_format(out, "  KNOWN: all %zu files are those of %s (%llu bytes).\n",
                      r->model_file_count, known, (unsigned long long)bytes);
    else
        sw_put_format(out,
                      "  UNKNOWN: %zu files, %llu bytes, which this program does not know; the name"
                      " is the author's word.\n"
                      "  A base model can be prepared to keep rows and give them out. Compare"
                      " model.lock:\n  ",
                      r->model_file_count, (unsigned long long)bytes);
    if (known == NULL) {
        put_hash(out, &r->model_digest);
        sw_put_text(out, "\n");
    }
}

static void put_visits(sw_buffer *out, const sw_recipe *r, uint64_t rows) {
    const sw_training *t = &r->training;
    if (!r->native) {
        sw_put_format(out,
                      "  %llu rows; the command's code decides how often it reads which, in at most"
                      " %llu steps\n",
                      (unsigned long long)rows, (unsigned long long)r->command.max_steps);
        return;
    }
    unsigned long long visits = row_visits(r, rows), steps = sw_training_steps(t, rows);
    if (t->max_steps > 0) {
        sw_put_format(out, "  %llu rows, %llu steps", (unsigned long long)rows, steps);
        if (t->packing)
            sw_put_text(out, " of packed sequences: row visits follow from the rows' lengths\n");
        else
            sw_put_format(out, ": at most %llu row visits\n", visits);
        return;
    }
    sw_put_format(out, "  %llu rows x ", (unsigned long long)rows);
    put_number(out, t->num_train_epochs);
    sw_put_format(out, " epochs = %llu row visits in ", visits);
    if (!steps_are_bounded(t))
        sw_put_text(out, "as many steps as the rows' lengths make: packing joins and cuts them\n");
    else if (t->packing)
        sw_put_format(out, "at most %llu steps: packing joins rows and makes fewer\n", steps);
    else
        sw_put_format(out, "at most %llu steps\n", steps);
}

static void put_shards(sw_buffer *out, const sw_recipe *r) {
    uint64_t rows = sw_recipe_rows(r, NULL);
    sw_put_format(out, "\nData: %zu shards of %zu owners, all of them or none\n", r->shard_count,
                  sw_recipe_owner_count(r));
    for (size_t i = 0; i < r->shard_count; i++) {
        const sw_shard *s = &r->shards[i];
        sw_put_format(out, "  %s: %llu rows\n    owner   ", s->name, (unsigned long long)s->rows);
        put_hash(out, &s->owner);
        sw_put_text(out, "\n    dataset ");
        put_hash(out, &s->dataset);
        sw_put_text(out, "\n");
    }
    sw_put_text(out, "  Shares of the rows:\n");
    for (size_t i = 0; i < r->shard_count; i++) {
        size_t k = 0;
        while (k < i && !sw_hash_equal(&r->shards[k].owner, &r->shards[i].owner)) k++;
        if (k < i) continue;
        sw_put_format(out, "    %s (", r->shards[i].name);
        put_short(out, &r->shards[i].owner);
        sw_put_text(out, "): ");
        put_percent(out, sw_recipe_rows(r, &r->shards[i].owner), rows);
        sw_put_text(out, "\n");
    }
    put_visits(out, r, rows);
}

/* RCP-040: of these two one decides how long a run lasts. */
static const char *without_effect(const sw_training *t, const sw_setting *s) {
    if (t->max_steps > 0 && strcmp(s->name, "num_train_epochs") == 0)
        return " (without effect: max_steps says how long it trains)";
    if (t->max_steps == 0 && strcmp(s->name, "max_steps") == 0)
        return " (none given: num_train_epochs says how long it trains)";
    return "";
}

static void put_setting(sw_buffer *out, const sw_training *t, const sw_setting *s) {
    sw_put_format(out, "  %s: ", s->name);
    uint64_t whole = sw_setting_integer(t, s);
    if (s->type == SW_SETTING_NUMBER)
        put_number(out, sw_setting_number(t, s));
    else if (s->type == SW_SETTING_FLAG)
        sw_put_text(out, whole != 0 ? "true" : "false");
    else if (s->type == SW_SETTING_CHOICE)
        sw_put_text(out, s->choices[whole]);
    else
        sw_put_format(out, "%llu", (unsigned long long)whole);
    sw_put_format(out, "%s\n", without_effect(t, s));
}

static void put_names(sw_buffer *out, const char *key, const char names[][SW_LORA_TARGET_BYTES],
                      size_t count) {
    if (count == 0) return;
    sw_put_format(out, "  %s:", key);
    for (size_t i = 0; i < count; i++) sw_put_format(out, " %s", names[i]);
    sw_put_text(out, "\n");
}

static void put_patterns(sw_buffer *out, const char *key, const sw_lora_patterns *p) {
    if (p->count == 0) return;
    sw_put_format(out, "  %s:", key);
    for (size_t i = 0; i < p->count; i++) {
        sw_put_format(out, " %s ", p->at[i].module);
        put_number(out, p->at[i].value);
        if (i + 1 < p->count) sw_put_text(out, ",");
    }
    sw_put_text(out, "\n");
}

static bool is_shown(const sw_training *t, const sw_setting *s) {
    switch (s->group) {
    case SW_GROUP_TRAINING:
        return t->packing || strcmp(s->name, "packing_strategy") != 0;
    case SW_GROUP_SCHEDULER:
        return sw_setting_is_read(t, s);
    case SW_GROUP_LORA:
        return sw_training_adapts(t);
    case SW_GROUP_RECIPE:
    case SW_GROUP_TRAINER:
        break;
    }
    return false;
}

static void put_training(sw_buffer *out, const sw_recipe *r) {
    static const char *const methods[] = {
        [SW_METHOD_FULL] = "all weights",
        [SW_METHOD_LORA] = "LoRA adapters beside the frozen base model",
        [SW_METHOD_QLORA] = "LoRA adapters beside the base model frozen in 4 bits (NF4)"};
    const sw_training *t = &r->training;
    size_t count;
    const sw_setting *all = sw_training_settings(&count);
    sw_put_format(out, "\nTraining: %s, %s\n", word_of(r, "phase"), methods[t->method]);
    for (size_t i = 0; i < count; i++)
        if (is_shown(t, &all[i])) put_setting(out, t, &all[i]);
    if (!sw_training_adapts(t)) return;
    put_names(out, "target_modules", t->lora.targets, t->lora.target_count);
    put_names(out, "modules_to_save", t->lora.save, t->lora.save_count);
    put_patterns(out, "rank_pattern", &t->lora.rank_pattern);
    put_patterns(out, "alpha_pattern", &t->lora.alpha_pattern);
}

static void put_template(sw_buffer *out, const sw_recipe *r) {
    sw_put_format(out, "\nTemplate: %s\n", word_of(r, "template"));
    if (r->training.chat == SW_CHAT_MODEL) {
        sw_recipe_put_own_template(out, r);
        return;
    }
    if (r->training.chat == SW_CHAT_NONE) {
        sw_put_text(out, "  Rows are plain text, read as they stand. A row of turns is refused.\n");
        return;
    }
    sw_put_text(out, "  A row of turns becomes this text (ROLE and TEXT from the row):\n");
    if (r->training.chat == SW_CHAT_CHATML_SMOLLM2)
        sw_put_text(out, "    <|im_start|>system\n"
                         "    You are a helpful AI assistant named SmolLM, trained by Hugging Face"
                         "<|im_end|>\n"
                         "      (these two lines only when the row has no system turn of its"
                         " own)\n");
    sw_put_text(out, "    <|im_start|>ROLE\n    TEXT<|im_end|>\n");
}

static void put_open(sw_buffer *out, const sw_recipe *r) {
    size_t owners = sw_recipe_owner_count(r);
    sw_put_text(out, "\nWho may open what comes out\n  Nobody, until ");
    if (r->open_quorum == 0)
        sw_put_format(out, "every owner of a listed shard (%zu) names", owners);
    else
        sw_put_format(out, "%u of the %zu owners of listed shards name", r->open_quorum, owners);
    sw_put_text(out, " one recipient for one manifest.\n"
                     "  Whoever opens it holds a model that may repeat rows.\n");
}

static void put_padding(sw_buffer *out, const sw_recipe *r) {
    uint64_t every = r->native ? r->training.save_steps : r->command.save_steps;
    if (every == 0) sw_put_text(out, "  a checkpoint when a run is stopped, padded to ");
    if (every > 0)
        sw_put_format(out, "  a checkpoint every %llu steps, padded to ",
                      (unsigned long long)every);
    sw_recipe_put_size(out, r->checkpoint_limit_bytes);
    sw_put_text(out, "; the result, padded to ");
    sw_recipe_put_size(out, r->output_limit_bytes);
    sw_put_text(out, ": 0 bits\n");
    if (!r->native) sw_recipe_put_command_bits(out, r);
    sw_put_text(out, "  Not counted: the time between steps, and memory access patterns"
                     " of the processor.\n");
}

/* How many steps a grant has at most; false where no recipe says it. */
static bool step_limit(const sw_recipe *r, uint64_t *steps) {
    *steps =
        r->native ? sw_training_steps(&r->training, sw_recipe_rows(r, NULL)) : r->command.max_steps;
    return !r->native || steps_are_bounded(&r->training);
}

static void put_bits(sw_buffer *out, const sw_recipe *r) {
    uint64_t bound;
    bool bounded = step_limit(r, &bound);
    unsigned long long bits = sw_recipe_observable_bits(r, bounded ? bound : 0);
    if (bounded)
        sw_put_format(out, "\nWhat the host may observe: at most %llu bits a grant\n", bits);
    else
        sw_put_format(
            out, "\nWhat the host may observe: %llu bits a grant and those of its records\n", bits);
}

static void put_observe(sw_buffer *out, const sw_recipe *r) {
    bool open = r->metrics == SW_METRICS_PUBLIC;
    put_bits(out, r);
    sw_put_format(out,
                  "  number of steps (%d bits), step of total, how it ended (%llu bits)\n"
                  "  tokens a second: %d bits in each record, a record every %llu steps\n",
                  SW_BITS_TOTAL, (unsigned long long)sw_recipe_end_bits(r),
                  r->native ? SW_BITS_TOKENS : 0, (unsigned long long)r->metrics_interval);
    if (r->native)
        sw_put_format(out, "  rows and tokens of each shard that were trained on: %llu bits\n",
                      (unsigned long long)sw_recipe_shard_bits(r));
    if (open)
        sw_put_format(out, "  loss: PUBLIC, %d bits in each record\n", SW_BITS_LOSS);
    else if (r->native)
        sw_put_text(out, "  loss: sealed to the owners, 0 bits\n");
    else
        sw_put_format(out,
                      "  loss: sealed to the owners, 0 bits; but %d bits in each record are the"
                      " script's to choose, and\n"
                      "  every owner of a listed shard reads them: so can one owner's rows reach"
                      " another\n",
                      SW_BITS_LOSS);
    put_padding(out, r);
}

static void put_code(sw_buffer *out, const sw_recipe *r) {
    if (!r->native) {
        sw_recipe_put_command(out, r);
        return;
    }
    sw_put_text(out, "\nCode: none. The native trainer alone, trainer digest\n  ");
    put_hash(out, &r->trainer_digest);
    sw_put_format(out, "\n  numerics profile %s\n", word_of(r, "profile"));
}

static void put_devices(sw_buffer *out, const sw_policy *p) {
    if (p->any_device) {
        sw_put_text(out, "  devices: ANY. Every machine of this platform will do, also one that an"
                         " attacker owns and can open;\n"
                         "  what that costs: a fault in one processor anywhere is enough.\n");
        return;
    }
    sw_put_format(out, "  devices: %zu named machine%s and no other\n", p->device_count,
                  p->device_count == 1 ? "" : "s");
    for (size_t i = 0; i < p->device_count; i++) {
        sw_put_text(out, "    device ");
        put_hash(out, &p->devices[i]);
        sw_put_text(out, "\n");
    }
}

static void put_grace(sw_buffer *out, const sw_policy *p) {
    char until[21];
    if (!p->has_grace) return;
    sw_time_text(until, p->grace_until_ms);
    sw_put_format(
        out,
        "  GRACE: before %s a machine that is OutOfDate is accepted as well;\n"
        "  what that costs: until then known holes of its firmware will do. A machine that"
        " is revoked, or configured\n"
        "  wrongly, is never accepted.\n",
        until);
}

static void put_age(sw_buffer *out, const sw_policy *p) {
    if (p->collateral_max_age_ms == 0) {
        sw_put_text(out,
                    "  collateral: OF ANY AGE within its dates (Intel's: 30 days);\n"
                    "  what that costs: the machine chooses what it shows, so a hole that became"
                    " known, or a revocation, may be\n"
                    "  overlooked until the older collateral ends\n");
        return;
    }
    sw_put_text(out, "  collateral: at most ");
    sw_recipe_put_duration(out, (uint64_t)p->collateral_max_age_ms);
    sw_put_text(out, " old\n");
}

static void put_machine(sw_buffer *out, const sw_recipe *r) {
    const sw_policy *p = &r->policy;
    sw_put_format(out, "\nMachine: %s\n", sw_recipe_platforms[p->platform]);
    for (size_t i = 0; i < p->anchor_count; i++) {
        sw_put_text(out, "  root of trust ");
        put_hash(out, &p->anchors[i]);
        sw_put_text(out, "\n");
    }
    for (size_t i = 0; i < p->image_count; i++) sw_recipe_put_image(out, &p->images[i]);
    put_devices(out, p);
    sw_put_format(out, "  TCB %s, evaluation data number %u or later\n",
                  p->up_to_date_only ? "UpToDate only" : "UpToDate or SWHardeningNeeded",
                  p->minimum_evaluation_number);
    put_age(out, p);
    put_grace(out, p);
    sw_recipe_put_gpus(out, p);
}

static void put_terms(sw_buffer *out, const sw_recipe *r) {
    sw_put_text(out, "\nTerms\n  lease: keys are wiped after ");
    sw_recipe_put_duration(out, r->lease_ms);
    sw_put_text(out, " unless every check holds again; a revocation takes effect by then\n"
                     "  silence: no key of an owner who has not been heard from for ");
    sw_recipe_put_duration(out, r->max_silence_ms);
    sw_put_format(out,
                  "\n  grants: at most %u in all, renewals apart; every run, every resuming, every "
                  "replay and\n    every opening of an output takes one, and with none left no "
                  "output can be opened\n",
                  r->grants);
}

sw_status sw_recipe_show(const sw_recipe *r, const sw_hash *compose, sw_buffer *out,
                         sw_error *err) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SHOW_LIMIT);
    put_head(&text, r, compose);
    put_shards(&text, r);
    put_open(&text, r);
    put_observe(&text, r);
    put_code(&text, r);
    put_model(&text, r);
    if (r->native) put_template(&text, r);
    if (r->native) put_training(&text, r);
    put_machine(&text, r);
    put_terms(&text, r);
    SW_TRY(sw_buffer_check(&text, "the recipe's description", err));
    sw_put_bytes(out, sw_buffer_bytes(&text));
    return sw_buffer_check(out, "the recipe's description", err);
}

/* ---- for programs ---- */

static void add_shares(sw_arena *a, sw_json *root, const sw_recipe *r) {
    sw_json *list = sw_json_add_array(a, root, "shares");
    for (size_t i = 0; i < r->shard_count; i++) {
        size_t k = 0;
        while (k < i && !sw_hash_equal(&r->shards[k].owner, &r->shards[i].owner)) k++;
        if (k < i) continue;
        sw_json *share = sw_json_add_object(a, list, NULL);
        sw_json_add_hex(a, share, "owner", SW_BYTES_OF(r->shards[i].owner.b));
        sw_json_add_integer(a, share, "rows", (int64_t)sw_recipe_rows(r, &r->shards[i].owner));
    }
}

/* How long it trains and what that lets the host see; null where the rows' lengths decide. */
static void add_lengths(sw_arena *a, sw_json *root, const sw_recipe *r, uint64_t rows) {
    const sw_training *t = &r->training;
    uint64_t steps;
    bool bounded = step_limit(r, &steps);
    if (!r->native || (t->max_steps > 0 && t->packing))
        sw_json_add_null(a, root, "row_visits");
    else
        sw_json_add_integer(a, root, "row_visits", (int64_t)row_visits(r, rows));
    if (!bounded) {
        sw_json_add_null(a, root, "steps");
        sw_json_add_null(a, root, "observable_bits");
        return;
    }
    sw_json_add_integer(a, root, "steps", (int64_t)(steps < (UINT64_C(1) << 52) ? steps : 0));
    sw_json_add_number(a, root, "observable_bits", (double)sw_recipe_observable_bits(r, steps));
}

static void add_template(sw_arena *a, sw_json *root, const sw_recipe *r) {
    const sw_locked_file *f = sw_recipe_template_file(r);
    if (!r->native || r->training.chat != SW_CHAT_MODEL) return;
    if (f == NULL) {
        sw_json_add_null(a, root, "template_file");
        return;
    }
    sw_json *file = sw_json_add_object(a, root, "template_file");
    sw_json_add_text(a, file, "name", sw_text(f->name));
    sw_json_add_hex(a, file, "sha256", SW_BYTES_OF(f->digest.b));
}

sw_status sw_recipe_show_json(const sw_recipe *r, const sw_hash *compose, sw_buffer *out,
                              sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SHOW_LIMIT);
    uint64_t rows = sw_recipe_rows(r, NULL);
    const char *known = sw_recipe_known_model(&r->model_digest);
    sw_json *root = sw_recipe_facts(&a, r);
    sw_json_add_hex(&a, root, "compose_hash", SW_BYTES_OF(compose->b));
    sw_json_add_hex(&a, root, "model_lock", SW_BYTES_OF(r->model_digest.b));
    if (known == NULL)
        sw_json_add_null(&a, root, "known_model");
    else
        sw_json_add_text(&a, root, "known_model", sw_text(known));
    add_template(&a, root, r);
    sw_json_add_integer(&a, root, "rows", (int64_t)rows);
    add_lengths(&a, root, r, rows);
    add_shares(&a, root, r);
    sw_json_add_flag(&a, root, "simulated", r->policy.platform == SW_PLATFORM_SIM);
    sw_json_add_flag(&a, root, "code", !r->native);
    sw_json_encode(&text, root);
    SW_TRY(sw_buffer_check(&text, "the recipe's description", err));
    sw_put_bytes(out, sw_buffer_bytes(&text));
    return sw_buffer_check(out, "the recipe's description", err);
}
