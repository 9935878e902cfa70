/* SPDX-License-Identifier: Apache-2.0
 *
 * Training settings: one table of names, types and ranges, and what follows from it: defaults,
 * checks, the count of steps and the wire form from the agent to the worker.
 *
 * The worker links this file, so it needs nothing but base. Names and defaults are those of TRL
 * 1.16 (SFTConfig) and PEFT 0.21.2 (LoraConfig). docs/formats/recipe.md, RCP-030 to RCP-045,
 * RCP-080.
 */
#include "recipe/training.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define WIRE_MAGIC   "SWTRAIN"
#define WIRE_VERSION 4
#define RANK_LIMIT   1024
#define ALPHA_LIMIT  65536

static const char *const phases[] = {"sft", "cpt", NULL};
static const char *const methods[] = {"full", "lora", "qlora", NULL};
static const char *const profiles[] = {"bf16-dp", "fp32-ref", "bf16-amx", NULL};
static const char *const schedules[] = {"linear",
                                        "cosine",
                                        "constant",
                                        "constant_with_warmup",
                                        "polynomial",
                                        "inverse_sqrt",
                                        "cosine_with_restarts",
                                        "cosine_with_min_lr",
                                        "warmup_stable_decay",
                                        NULL};
static const char *const decays[] = {"cosine", "linear", "1-sqrt", NULL};
static const char *const packings[] = {"bfd", "bfd_split", "wrapped", NULL};
static const char *const optimisers[] = {"adamw_torch", "adamw_bnb_8bit", NULL};
static const char *const chats[] = {"none", "chatml", "chatml-smollm2", "model", NULL};

#define AT(member) offsetof(sw_training, member)
#define CHOICE(key, in, member, words)                                                             \
    { .name = key, .group = in, .type = SW_SETTING_CHOICE, .offset = AT(member), .choices = words }
#define WHOLE(key, kind, member, least, most)                                                      \
    {                                                                                              \
        .name = key, .group = SW_GROUP_TRAINING, .type = kind, .offset = AT(member), .min = least, \
        .max = most                                                                                \
    }
#define REAL(key, in, member, from, open, to, below)                                               \
    {                                                                                              \
        .name = key, .group = in, .type = SW_SETTING_NUMBER, .offset = AT(member), .low = from,    \
        .high = to, .above_low = open, .below_high = below                                         \
    }
#define FLAG(key, in, member)                                                                      \
    { .name = key, .group = in, .type = SW_SETTING_FLAG, .offset = AT(member) }

#define SCHEDULER(key, kind, member)                                                               \
    .name = key, .group = SW_GROUP_SCHEDULER, .type = kind, .offset = AT(scheduler.member)
#define READ_BY(schedule) (1u << SW_SCHEDULE_##schedule)

/* The order is the wire's. */
static const sw_setting settings[] = {
    CHOICE("phase", SW_GROUP_RECIPE, phase, phases),
    CHOICE("method", SW_GROUP_RECIPE, method, methods),
    CHOICE("template", SW_GROUP_RECIPE, chat, chats),
    {.name = "template_date",
     .group = SW_GROUP_RECIPE,
     .type = SW_SETTING_DATE,
     .offset = AT(template_date)},
    CHOICE("profile", SW_GROUP_TRAINER, profile, profiles),
    WHOLE("seed", SW_SETTING_U64, seed, 0, UINT32_MAX),
    WHOLE("max_length", SW_SETTING_U32, max_length, 2, 131072),
    WHOLE("per_device_train_batch_size", SW_SETTING_U32, per_device_train_batch_size, 1, 65536),
    WHOLE("gradient_accumulation_steps", SW_SETTING_U32, gradient_accumulation_steps, 1, 65536),
    REAL("num_train_epochs", SW_GROUP_TRAINING, num_train_epochs, 0, true, 10000, false),
    WHOLE("max_steps", SW_SETTING_U64, max_steps, 0, 100000000),
    REAL("learning_rate", SW_GROUP_TRAINING, learning_rate, 0, true, 1, false),
    CHOICE("lr_scheduler_type", SW_GROUP_TRAINING, lr_scheduler_type, schedules),
    REAL("warmup_steps", SW_GROUP_TRAINING, warmup_steps, 0, false, 1e8, false),
    REAL("adam_beta1", SW_GROUP_TRAINING, adam_beta1, 0, false, 1, true),
    REAL("adam_beta2", SW_GROUP_TRAINING, adam_beta2, 0, false, 1, true),
    REAL("adam_epsilon", SW_GROUP_TRAINING, adam_epsilon, 1e-30, false, 1, false),
    REAL("weight_decay", SW_GROUP_TRAINING, weight_decay, 0, false, 1, false),
    REAL("max_grad_norm", SW_GROUP_TRAINING, max_grad_norm, 0, false, 1e6, false),
    CHOICE("optim", SW_GROUP_TRAINING, optim, optimisers),
    FLAG("completion_only_loss", SW_GROUP_TRAINING, completion_only_loss),
    FLAG("assistant_only_loss", SW_GROUP_TRAINING, assistant_only_loss),
    FLAG("packing", SW_GROUP_TRAINING, packing),
    CHOICE("packing_strategy", SW_GROUP_TRAINING, packing_strategy, packings),
    WHOLE("save_steps", SW_SETTING_U64, save_steps, 0, 100000000),
    {.name = "r",
     .group = SW_GROUP_LORA,
     .type = SW_SETTING_U32,
     .offset = AT(lora.r),
     .min = 1,
     .max = RANK_LIMIT},
    REAL("lora_alpha", SW_GROUP_LORA, lora.lora_alpha, 0, true, ALPHA_LIMIT, false),
    REAL("lora_dropout", SW_GROUP_LORA, lora.lora_dropout, 0, false, 1, true),
    FLAG("use_rslora", SW_GROUP_LORA, lora.use_rslora),
    FLAG("use_dora", SW_GROUP_LORA, lora.use_dora),
    {SCHEDULER("num_cycles", SW_SETTING_NUMBER, num_cycles), .high = 10000,
     .readers = READ_BY(COSINE) | READ_BY(COSINE_WITH_RESTARTS) | READ_BY(COSINE_WITH_MIN_LR)},
    {SCHEDULER("power", SW_SETTING_NUMBER, power), .above_low = true, .high = 100,
     .readers = READ_BY(POLYNOMIAL)},
    {SCHEDULER("lr_end", SW_SETTING_NUMBER, lr_end), .high = 1, .readers = READ_BY(POLYNOMIAL)},
    {SCHEDULER("timescale", SW_SETTING_U64, timescale), .max = 100000000,
     .readers = READ_BY(INVERSE_SQRT)},
    {SCHEDULER("min_lr_rate", SW_SETTING_NUMBER, min_lr_rate), .high = 1,
     .readers = READ_BY(COSINE_WITH_MIN_LR)},
    {SCHEDULER("num_decay_steps", SW_SETTING_U64, num_decay_steps), .max = 100000000,
     .readers = READ_BY(WARMUP_STABLE_DECAY)},
    {SCHEDULER("decay_type", SW_SETTING_CHOICE, decay_type), .choices = decays,
     .readers = READ_BY(WARMUP_STABLE_DECAY)},
    {SCHEDULER("min_lr_ratio", SW_SETTING_NUMBER, min_lr_ratio), .high = 1,
     .readers = READ_BY(WARMUP_STABLE_DECAY)},
};
#define SETTING_COUNT (sizeof settings / sizeof settings[0])
static_assert(sizeof(sw_phase) == 4 && sizeof(sw_method) == 4 && sizeof(sw_profile) == 4 &&
                  sizeof(sw_schedule) == 4 && sizeof(sw_chat) == 4 && sizeof(sw_decay) == 4 &&
                  sizeof(sw_packing) == 4 && sizeof(sw_optimiser) == 4,
              "a choice is stored as 32 bits");

const char *sw_profile_word(sw_profile profile) {
    return profiles[profile];
}

bool sw_profile_parse(sw_bytes word, sw_profile *out) {
    for (size_t i = 0; profiles[i] != NULL; i++) {
        if (!sw_bytes_is(word, profiles[i])) continue;
        *out = (sw_profile)i;
        return true;
    }
    return false;
}

void sw_training_defaults(sw_training *out) {
    *out = (sw_training){
        .phase = SW_PHASE_SFT,
        .method = SW_METHOD_LORA,
        .profile = SW_PROFILE_BF16_DP,
        .seed = 42,
        .max_length = 1024,
        .per_device_train_batch_size = 8,
        .gradient_accumulation_steps = 1,
        .num_train_epochs = 3,
        .learning_rate = 2e-5,
        .lr_scheduler_type = SW_SCHEDULE_LINEAR,
        .scheduler = {.power = 1, .lr_end = 1e-7},
        .adam_beta1 = 0.9,
        .adam_beta2 = 0.999,
        .adam_epsilon = 1e-8,
        .max_grad_norm = 1,
        .completion_only_loss = true,
        .chat = SW_CHAT_CHATML,
        .lora = {.r = 8, .lora_alpha = 8, .target_count = 2, .targets = {"q_proj", "v_proj"}},
    };
}

const sw_setting *sw_training_settings(size_t *count) {
    *count = SETTING_COUNT;
    return settings;
}

/* ---- one setting ---- */

uint64_t sw_setting_integer(const sw_training *t, const sw_setting *s) {
    const uint8_t *at = (const uint8_t *)t + s->offset;
    uint32_t narrow;
    uint64_t wide;
    bool flag;
    switch (s->type) {
    case SW_SETTING_U32:
    case SW_SETTING_CHOICE:
    case SW_SETTING_DATE:
        memcpy(&narrow, at, sizeof narrow);
        return narrow;
    case SW_SETTING_U64:
        memcpy(&wide, at, sizeof wide);
        return wide;
    case SW_SETTING_FLAG:
        memcpy(&flag, at, sizeof flag);
        return flag ? 1 : 0;
    case SW_SETTING_NUMBER:
        break;
    }
    return 0;
}

void sw_setting_date(const sw_training *t, const sw_setting *s, char out[SW_DATE_BYTES]) {
    sw_date day;
    out[0] = 0;
    if (s->type == SW_SETTING_DATE && sw_date_of_number((uint32_t)sw_setting_integer(t, s), &day))
        sw_date_text(out, &day);
}

/* Stored as 32 bits. */
static bool is_narrow(const sw_setting *s) {
    return s->type == SW_SETTING_U32 || s->type == SW_SETTING_CHOICE || s->type == SW_SETTING_DATE;
}

double sw_setting_number(const sw_training *t, const sw_setting *s) {
    double value = 0;
    if (s->type == SW_SETTING_NUMBER) memcpy(&value, (const uint8_t *)t + s->offset, sizeof value);
    return value;
}

void sw_setting_store_integer(sw_training *t, const sw_setting *s, uint64_t value) {
    uint8_t *at = (uint8_t *)t + s->offset;
    uint32_t narrow = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    bool flag = value != 0;
    if (s->type == SW_SETTING_U64) memcpy(at, &value, sizeof value);
    if (is_narrow(s)) memcpy(at, &narrow, sizeof narrow);
    if (s->type == SW_SETTING_FLAG) memcpy(at, &flag, sizeof flag);
}

void sw_setting_store_number(sw_training *t, const sw_setting *s, double value) {
    if (s->type == SW_SETTING_NUMBER) memcpy((uint8_t *)t + s->offset, &value, sizeof value);
}

/* ---- checks ---- */

static uint64_t choice_count(const sw_setting *s) {
    uint64_t count = 0;
    while (s->choices[count] != NULL) count++;
    return count;
}

static sw_status check_setting(const sw_training *t, const sw_setting *s, sw_error *err) {
    uint64_t whole = sw_setting_integer(t, s);
    double v = sw_setting_number(t, s);
    sw_date day;
    switch (s->type) {
    case SW_SETTING_U32:
    case SW_SETTING_U64:
        if (whole >= s->min && whole <= s->max) return SW_OK;
        return sw_fail(err, SW_REFUSED, "recipe", "%s must be from %llu to %llu", s->name,
                       (unsigned long long)s->min, (unsigned long long)s->max);
    case SW_SETTING_CHOICE:
        if (whole < choice_count(s)) return SW_OK;
        return sw_fail(err, SW_REFUSED, "recipe", "%s is none of its words", s->name);
    case SW_SETTING_DATE:
        if (whole == 0 || sw_date_of_number((uint32_t)whole, &day)) return SW_OK;
        return sw_fail(err, SW_REFUSED, "recipe", "%s must be a day, YYYY-MM-DD", s->name);
    case SW_SETTING_NUMBER:
        if (v >= s->low && v <= s->high && !(s->above_low && v == s->low) &&
            !(s->below_high && v == s->high))
            return SW_OK;
        return sw_fail(err, SW_REFUSED, "recipe", "%s must be %s %g and %s %g", s->name,
                       s->above_low ? "above" : "at least", s->low,
                       s->below_high ? "below" : "at most", s->high);
    case SW_SETTING_FLAG:
        break;
    }
    return SW_OK;
}

/* A module name: what a suffix match on dotted names can meet. */
bool sw_lora_is_name(const char name[SW_LORA_TARGET_BYTES]) {
    size_t size = strnlen(name, SW_LORA_TARGET_BYTES);
    if (size == 0 || size == SW_LORA_TARGET_BYTES) return false;
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '.') return false;
    }
    return name[0] != '.' && name[size - 1] != '.';
}

/* Names of one list: each a module's, none twice. `stride` bytes from name to name. */
static sw_status check_names(const char *list, const char *first, size_t stride, size_t count,
                             sw_error *err) {
    for (size_t i = 0; i < count; i++) {
        if (!sw_lora_is_name(first + i * stride))
            return sw_fail(err, SW_REFUSED, "recipe", "%s[%zu] is not a module's name", list, i);
        for (size_t j = 0; j < i; j++)
            if (strcmp(first + i * stride, first + j * stride) == 0)
                return sw_fail(err, SW_REFUSED, "recipe", "%s names %s twice", list,
                               first + i * stride);
    }
    return SW_OK;
}

static sw_status check_patterns(const char *list, const sw_lora_patterns *p, double high,
                                bool whole, sw_error *err) {
    if (p->count > SW_LORA_PATTERN_LIMIT)
        return sw_fail(err, SW_REFUSED, "recipe", "%s has more than %d members", list,
                       SW_LORA_PATTERN_LIMIT);
    SW_TRY(check_names(list, p->at[0].module, sizeof p->at[0], p->count, err));
    for (size_t i = 0; i < p->count; i++) {
        double v = p->at[i].value;
        if (!(v > 0) || !(v <= high) || (whole && v != floor(v)))
            return sw_fail(err, SW_REFUSED, "recipe", "%s: %s must be %s, at most %g", list,
                           p->at[i].module, whole ? "whole and from 1 on" : "above 0", high);
    }
    return SW_OK;
}

/* Each of the two that can be saved at most once. */
static sw_status check_saved(const sw_lora_settings *lora, sw_error *err) {
    size_t tables = 0, heads = 0;
    for (size_t i = 0; i < lora->save_count; i++) {
        bool table = sw_lora_names(lora->save[i], "model.embed_tokens");
        bool head = sw_lora_names(lora->save[i], "lm_head");
        tables += table;
        heads += head;
        if ((table || head) && tables <= 1 && heads <= 1) continue;
        return sw_fail(err, SW_REFUSED, "recipe",
                       "modules_to_save[%zu] must be embed_tokens or lm_head, each once", i);
    }
    return SW_OK;
}

static sw_status judge_lora(const sw_lora_settings *lora, const char **setting, sw_error *err) {
    *setting = "target_modules";
    if (lora->target_count == 0 || lora->target_count > SW_LORA_TARGET_LIMIT)
        return sw_fail(err, SW_REFUSED, "recipe", "target_modules must name 1 to %d modules",
                       SW_LORA_TARGET_LIMIT);
    SW_TRY(
        check_names(*setting, lora->targets[0], sizeof lora->targets[0], lora->target_count, err));
    *setting = "modules_to_save";
    if (lora->save_count > SW_LORA_SAVE_LIMIT)
        return sw_fail(err, SW_REFUSED, "recipe", "modules_to_save names more than %d modules",
                       SW_LORA_SAVE_LIMIT);
    SW_TRY(check_names(*setting, lora->save[0], sizeof lora->save[0], lora->save_count, err));
    SW_TRY(check_saved(lora, err));
    *setting = "rank_pattern";
    SW_TRY(check_patterns(*setting, &lora->rank_pattern, RANK_LIMIT, true, err));
    *setting = "alpha_pattern";
    return check_patterns(*setting, &lora->alpha_pattern, ALPHA_LIMIT, false, err);
}

bool sw_lora_names(const char *suffix, const char *module) {
    size_t n = strlen(module), s = strlen(suffix);
    return s > 0 && s <= n && strcmp(module + n - s, suffix) == 0 &&
           (s == n || module[n - s - 1] == '.');
}

static bool pattern_matches(const char *pattern, const char *module) {
    size_t n = strlen(module), p = strlen(pattern);
    if (p == 0 || p > n || (p < n && module[n - p - 1] != '.')) return false;
    for (size_t i = 0; i < p; i++)
        if (pattern[i] != '.' && pattern[i] != module[n - p + i]) return false;
    return true;
}

ptrdiff_t sw_lora_pattern_index(const sw_lora_patterns *p, const char *module) {
    for (size_t i = 0; i < p->count; i++)
        if (pattern_matches(p->at[i].module, module)) return (ptrdiff_t)i;
    return -1;
}

uint32_t sw_lora_rank(const sw_lora_settings *lora, const char *module) {
    ptrdiff_t i = sw_lora_pattern_index(&lora->rank_pattern, module);
    return i < 0 ? lora->r : (uint32_t)lora->rank_pattern.at[i].value;
}

double sw_lora_scale(const sw_lora_settings *lora, const char *module) {
    ptrdiff_t i = sw_lora_pattern_index(&lora->alpha_pattern, module);
    double alpha = i < 0 ? lora->lora_alpha : lora->alpha_pattern.at[i].value;
    double rank = sw_lora_rank(lora, module);
    return alpha / (lora->use_rslora ? sqrt(rank) : rank);
}

bool sw_training_adapts(const sw_training *t) {
    return t->method != SW_METHOD_FULL;
}

bool sw_training_cuts(const sw_training *t) {
    return !t->packing || t->packing_strategy == SW_PACKING_BFD;
}

bool sw_setting_is_read(const sw_training *t, const sw_setting *s) {
    return (s->readers >> t->lr_scheduler_type & 1) != 0;
}

static bool same_value(const sw_training *a, const sw_training *b, const sw_setting *s) {
    return sw_setting_integer(a, s) == sw_setting_integer(b, s) &&
           sw_setting_number(a, s) == sw_setting_number(b, s);
}

/* What is set for another schedule, and what this one cannot do without; ranges hold already. */
static sw_status judge_schedule(const sw_training *t, const char **setting, sw_error *err) {
    const char *schedule = schedules[t->lr_scheduler_type];
    sw_training usual;
    sw_training_defaults(&usual);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const sw_setting *s = &settings[i];
        bool idle = s->group == SW_GROUP_SCHEDULER && !sw_setting_is_read(t, s);
        if (!idle || same_value(t, &usual, s)) continue;
        *setting = s->name;
        return sw_fail(err, SW_REFUSED, "recipe", "%s is not read by the schedule %s", s->name,
                       schedule);
    }
    *setting = "warmup_steps";
    if (t->lr_scheduler_type == SW_SCHEDULE_CONSTANT && t->warmup_steps > 0)
        return sw_fail(err, SW_REFUSED, "recipe",
                       "warmup_steps is not read by the schedule constant: constant_with_warmup "
                       "reads it");
    *setting = "lr_end";
    if (t->lr_scheduler_type == SW_SCHEDULE_POLYNOMIAL && t->scheduler.lr_end >= t->learning_rate)
        return sw_fail(err, SW_REFUSED, "recipe", "lr_end must be below learning_rate");
    *setting = "lr_scheduler_type";
    if (t->lr_scheduler_type == SW_SCHEDULE_COSINE_WITH_MIN_LR && t->scheduler.min_lr_rate == 0)
        return sw_fail(err, SW_REFUSED, "recipe", "%s needs min_lr_rate", schedule);
    if (t->lr_scheduler_type == SW_SCHEDULE_WARMUP_STABLE_DECAY &&
        t->scheduler.num_decay_steps == 0)
        return sw_fail(err, SW_REFUSED, "recipe", "%s needs num_decay_steps", schedule);
    return SW_OK;
}

/* Settings that say nothing, or nothing sensible, beside others. */
static sw_status judge_rows(const sw_training *t, const char **setting, sw_error *err) {
    *setting = "packing_strategy";
    if (!t->packing && t->packing_strategy != SW_PACKING_BFD)
        return sw_fail(err, SW_REFUSED, "recipe", "packing_strategy is not read without packing");
    *setting = "assistant_only_loss";
    if (t->assistant_only_loss && (t->phase == SW_PHASE_CPT || t->chat == SW_CHAT_NONE))
        return sw_fail(err, SW_REFUSED, "recipe", "assistant_only_loss needs rows of turns");
    *setting = "template";
    if (t->phase == SW_PHASE_CPT && t->chat != SW_CHAT_NONE)
        return sw_fail(err, SW_REFUSED, "recipe",
                       "phase cpt reads plain text: template must be none");
    *setting = "template_date";
    if (t->template_date != 0 && t->chat != SW_CHAT_MODEL)
        return sw_fail(err, SW_REFUSED, "recipe", "template_date is not read by the template %s",
                       chats[t->chat]);
    *setting = "use_dora";
    if (t->method == SW_METHOD_QLORA && t->lora.use_dora)
        return sw_fail(err, SW_REFUSED, "recipe", "use_dora is not offered with method qlora");
    return SW_OK;
}

sw_status sw_training_judge(const sw_training *t, const char **setting, sw_error *err) {
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        *setting = settings[i].name;
        SW_TRY(check_setting(t, &settings[i], err));
    }
    *setting = "warmup_steps";
    if (t->warmup_steps >= 1 && t->warmup_steps != floor(t->warmup_steps))
        return sw_fail(err, SW_REFUSED, "recipe",
                       "warmup_steps must be whole, or a ratio below 1 of all steps");
    SW_TRY(judge_schedule(t, setting, err));
    SW_TRY(judge_rows(t, setting, err));
    return judge_lora(&t->lora, setting, err);
}

sw_status sw_training_check(const sw_training *t, sw_error *err) {
    const char *setting;
    return sw_training_judge(t, &setting, err);
}

/* T = ceil(len(dataloader) / accumulation) * epochs, the last short window counted. */
uint64_t sw_training_steps(const sw_training *t, uint64_t rows) {
    if (t->max_steps > 0) return t->max_steps;
    uint64_t batch = t->per_device_train_batch_size, window = t->gradient_accumulation_steps;
    if (rows == 0 || batch == 0 || window == 0) return 0;
    uint64_t batches = rows / batch + (rows % batch != 0);
    uint64_t per_epoch = batches / window + (batches % window != 0);
    double total = ceil((double)per_epoch * t->num_train_epochs);
    return total < 1e18 ? (uint64_t)total : UINT64_C(1000000000000000000);
}

void sw_training_step_bounds(const sw_training *t, uint64_t rows, uint64_t tokens, uint64_t *least,
                             uint64_t *most) {
    uint64_t full = tokens / t->max_length, fewest = full + (tokens % t->max_length != 0);
    *least = sw_training_steps(t, t->packing ? fewest : rows);
    *most = sw_training_steps(t, sw_training_cuts(t) ? rows : rows + full);
}

/* ---- the wire form ---- */

static void put_name(sw_buffer *out, const char name[SW_LORA_TARGET_BYTES]) {
    char slot[SW_LORA_TARGET_BYTES] = {0};
    if (name != NULL) memcpy(slot, name, strlen(name));
    sw_put_bytes(out, SW_BYTES_OF(slot));
}

static void put_names(sw_buffer *out, const char names[][SW_LORA_TARGET_BYTES], size_t count,
                      size_t slots) {
    sw_put_u64le(out, count);
    for (size_t i = 0; i < slots; i++) put_name(out, i < count ? names[i] : NULL);
}

static void put_patterns(sw_buffer *out, const sw_lora_patterns *p) {
    sw_put_u64le(out, p->count);
    for (size_t i = 0; i < SW_LORA_PATTERN_LIMIT; i++) {
        uint64_t bits = 0;
        if (i < p->count) memcpy(&bits, &p->at[i].value, sizeof bits);
        put_name(out, i < p->count ? p->at[i].module : NULL);
        sw_put_u64le(out, bits);
    }
}

sw_status sw_training_encode(const sw_training *t, sw_buffer *out, sw_error *err) {
    SW_TRY(sw_training_check(t, err));
    sw_put_text(out, WIRE_MAGIC);
    sw_put_u8(out, WIRE_VERSION);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        uint64_t bits = sw_setting_integer(t, &settings[i]);
        double v = sw_setting_number(t, &settings[i]) + 0.0; /* no negative zero */
        if (settings[i].type == SW_SETTING_NUMBER) memcpy(&bits, &v, sizeof bits);
        sw_put_u64le(out, bits);
    }
    const sw_lora_settings *lora = &t->lora;
    put_names(out, lora->targets, lora->target_count, SW_LORA_TARGET_LIMIT);
    put_names(out, lora->save, lora->save_count, SW_LORA_SAVE_LIMIT);
    put_patterns(out, &lora->rank_pattern);
    put_patterns(out, &lora->alpha_pattern);
    return sw_buffer_check(out, "the training settings", err);
}

static sw_status parse_setting(sw_training *t, const sw_setting *s, uint64_t bits, sw_error *err) {
    if ((is_narrow(s) && bits > UINT32_MAX) || (s->type == SW_SETTING_FLAG && bits > 1))
        return sw_fail(err, SW_MALFORMED, "format", "training settings: %s is out of range",
                       s->name);
    if (s->type != SW_SETTING_NUMBER) {
        sw_setting_store_integer(t, s, bits);
        return SW_OK;
    }
    double v;
    memcpy(&v, &bits, sizeof v);
    if (signbit(v))
        return sw_fail(err, SW_MALFORMED, "format", "training settings: %s is negative", s->name);
    sw_setting_store_number(t, s, v);
    return SW_OK;
}

/* A slot in use ends with NULs only; a slot that is not in use is all NUL. */
static bool slot_is_canonical(const char slot[SW_LORA_TARGET_BYTES], bool used) {
    size_t size = strnlen(slot, SW_LORA_TARGET_BYTES);
    if (used ? size == 0 || size == SW_LORA_TARGET_BYTES : size != 0) return false;
    for (size_t i = size; i < SW_LORA_TARGET_BYTES; i++)
        if (slot[i] != 0) return false;
    return true;
}

/* A count, then all slots; false where a slot or the count is not canonical. */
static bool read_names(sw_reader *r, char names[][SW_LORA_TARGET_BYTES], size_t *count,
                       size_t slots) {
    uint64_t n = sw_read_u64le(r);
    bool good = n <= slots;
    for (size_t i = 0; i < slots; i++) {
        sw_read_into(r, names[i], SW_LORA_TARGET_BYTES);
        good = good && slot_is_canonical(names[i], i < n);
    }
    *count = good ? (size_t)n : 0;
    return good;
}

static bool read_patterns(sw_reader *r, sw_lora_patterns *p) {
    uint64_t n = sw_read_u64le(r);
    bool good = n <= SW_LORA_PATTERN_LIMIT;
    for (size_t i = 0; i < SW_LORA_PATTERN_LIMIT; i++) {
        sw_read_into(r, p->at[i].module, SW_LORA_TARGET_BYTES);
        uint64_t bits = sw_read_u64le(r);
        memcpy(&p->at[i].value, &bits, sizeof bits);
        good = good && slot_is_canonical(p->at[i].module, i < n) && (i < n || bits == 0);
    }
    p->count = good ? (size_t)n : 0;
    return good;
}

sw_status sw_training_parse(sw_bytes wire, sw_training *out, sw_error *err) {
    sw_reader r = sw_reader_of(wire);
    sw_training t = {0};
    bool known = sw_bytes_is(sw_read_bytes(&r, strlen(WIRE_MAGIC)), WIRE_MAGIC) &&
                 sw_read_u8(&r) == WIRE_VERSION;
    if (!known)
        return sw_fail(err, SW_MALFORMED, "format", "not training settings of version %d",
                       WIRE_VERSION);
    for (size_t i = 0; i < SETTING_COUNT; i++)
        SW_TRY(parse_setting(&t, &settings[i], sw_read_u64le(&r), err));
    sw_lora_settings *lora = &t.lora;
    bool good = read_names(&r, lora->targets, &lora->target_count, SW_LORA_TARGET_LIMIT) &&
                read_names(&r, lora->save, &lora->save_count, SW_LORA_SAVE_LIMIT) &&
                read_patterns(&r, &lora->rank_pattern) && read_patterns(&r, &lora->alpha_pattern);
    if (!good && !r.failed)
        return sw_fail(err, SW_MALFORMED, "format",
                       "training settings: a list is too long or not padded with NUL");
    SW_TRY(sw_reader_finish(&r, "training settings", err));
    SW_TRY(sw_training_check(&t, err));
    *out = t;
    return SW_OK;
}
