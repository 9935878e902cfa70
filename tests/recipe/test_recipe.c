/* SPDX-License-Identifier: Apache-2.0
 *
 * recipe.yaml: what every key gives, its default, and what is refused where. docs/formats/
 * recipe.md, RCP-001 to RCP-055.
 */
#include "recipe/golden.h"

static void test_golden(void **state) {
    (void)state;
    golden g = golden_load();
    static sw_recipe r;
    sw_error err = {0};
    assert_int_equal(sw_recipe_parse(sw_buffer_bytes(&g.recipe), "recipe.yaml", &r, &err), SW_OK);
    assert_string_equal(r.name, "three-hospitals");
    assert_string_equal(r.model_name, "SmolLM2-135M-Instruct");
    assert_int_equal(r.genesis.b[31], 0x11);
    assert_int_equal(r.shard_count, 3);
    assert_int_equal(r.shards[1].rows, 300);
    assert_int_equal(r.shards[2].owner.b[0], 0xa2);
    assert_string_equal(r.shards[1].name, "Sankt Josef");
    assert_int_equal(r.training.method, SW_METHOD_LORA);
    assert_int_equal(r.training.chat, SW_CHAT_CHATML_SMOLLM2);
    assert_true(r.training.learning_rate == 2e-4);
    assert_true(r.training.warmup_steps == 0.1);
    assert_int_equal(r.training.lr_scheduler_type, SW_SCHEDULE_COSINE);
    assert_int_equal(r.training.lora.r, 16);
    assert_int_equal(r.training.lora.target_count, 4);
    assert_string_equal(r.training.lora.targets[3], "o_proj");
    assert_int_equal(r.policy.platform, SW_PLATFORM_SIM);
    assert_int_equal(r.policy.anchors[0].b[5], 0xbb);
    assert_int_equal(r.policy.images[0].rtmr[2][0], 0x04);
    assert_true(r.policy.any_device);
    assert_true(r.policy.up_to_date_only);
    assert_int_equal(r.policy.minimum_evaluation_number, 17);
    assert_int_equal(r.open_quorum, 0);
    assert_int_equal(r.output_limit_bytes, 64 << 20);
    assert_int_equal(r.checkpoint_limit_bytes, 128 << 20);
    assert_int_equal(r.metrics_interval, 10);
    assert_int_equal(r.lease_ms, 600000);
    assert_int_equal(r.max_silence_ms, 86400000);
    assert_int_equal(r.grants, 32);
    assert_true(r.native);
    golden_drop(&g);
}

static void cut_lines(sw_buffer *text, const char *from, const char *to) {
    sw_buffer out = SW_BUFFER(1 << 20);
    const uint8_t *a = memmem(text->data, text->size, from, strlen(from));
    const uint8_t *b = memmem(text->data, text->size, to, strlen(to));
    assert_non_null(a);
    assert_non_null(b);
    sw_put_bytes(&out, SW_BYTES(text->data, a - text->data));
    sw_put_bytes(&out, SW_BYTES(b, text->data + text->size - b));
    sw_buffer_free(text);
    *text = out;
}

/* What is left out takes TRL's, PEFT's and our defaults. */
static void test_defaults(void **state) {
    (void)state;
    golden g = golden_load();
    static sw_recipe r;
    sw_error err = {0};
    sw_training d;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    cut_lines(&g.recipe, "training:\n", "trainer: {");
    cut_lines(&g.recipe, "lease: ", "grants: ");
    replace(&g.recipe, "grants: 32\n", "lora: {}\n", &text);
    replace(&text, "open_quorum: all, limit: 64MiB", "open_quorum: 2", &g.recipe);
    replace(&g.recipe, "metrics: sealed, interval: 10, checkpoint_limit: 128MiB", "metrics: public",
            &text);
    assert_int_equal(sw_recipe_parse(sw_buffer_bytes(&text), "recipe.yaml", &r, &err), SW_OK);
    sw_training_defaults(&d);
    d.chat = SW_CHAT_CHATML_SMOLLM2;
    sw_buffer a = SW_BUFFER(4096), b = SW_BUFFER(4096);
    assert_int_equal(sw_training_encode(&r.training, &a, &err), SW_OK);
    assert_int_equal(sw_training_encode(&d, &b, &err), SW_OK);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&a), sw_buffer_bytes(&b)));
    assert_int_equal(r.open_quorum, 2);
    assert_int_equal(r.metrics, SW_METRICS_PUBLIC);
    assert_int_equal(r.metrics_interval, 1);
    assert_int_equal(r.output_limit_bytes, 64 << 20);
    assert_int_equal(r.checkpoint_limit_bytes, 256 << 20);
    assert_int_equal(r.lease_ms, 600000);
    assert_int_equal(r.max_silence_ms, 86400000);
    assert_int_equal(r.grants, 32);
    sw_buffer_free(&a);
    sw_buffer_free(&b);
    golden_drop(&g);
}

#define HASH_3 "3333333333333333333333333333333333333333333333333333333333333333"
#define INTEL  "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3"
#define ANCHOR "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

typedef struct change {
    const char *from, *to;
} change;

static void test_accepted(void **state) {
    static const change changes[] = {
        {"devices: any", "devices: [" HASH_3 "]"},
        {"status: UpToDate", "status: SWHardeningNeeded"},
        {"open_quorum: all", "open_quorum: 3"},
        {"limit: 64MiB", "limit: 4KiB"},
        {"limit: 64MiB", "limit: 1TiB"},
        {"lease: 10m", "lease: 1s"},
        {"max_silence: 24h", "max_silence: 30d"},
        {"learning_rate: 2e-4", "learning_rate: 0.0002"},
        {"warmup_steps: 0.1", "warmup_steps: 100"},
        {"lr_scheduler_type: cosine",
         "lr_scheduler_type: cosine\n  lr_scheduler_kwargs: {num_cycles: 1.5}"},
        {"lr_scheduler_type: cosine", "lr_scheduler_type: cosine\n  lr_scheduler_kwargs: {}"},
        {"lr_scheduler_type: cosine", "lr_scheduler_type: polynomial"},
        {"lr_scheduler_type: cosine",
         "lr_scheduler_type: polynomial\n  lr_scheduler_kwargs: {power: 2, lr_end: 1e-8}"},
        {"lr_scheduler_type: cosine",
         "lr_scheduler_type: inverse_sqrt\n  lr_scheduler_kwargs: {timescale: 100}"},
        {"lr_scheduler_type: cosine",
         "lr_scheduler_type: cosine_with_restarts\n  lr_scheduler_kwargs: {num_cycles: 3}"},
        {"lr_scheduler_type: cosine",
         "lr_scheduler_type: cosine_with_min_lr\n  lr_scheduler_kwargs: {min_lr_rate: 0.1}"},
        {"lr_scheduler_type: cosine",
         "lr_scheduler_type: warmup_stable_decay\n  lr_scheduler_kwargs: {num_decay_steps: 10, "
         "decay_type: 1-sqrt, min_lr_ratio: 0.1}"},
        {"max_length: 512", "max_length: 512\n  max_steps: 100\n  seed: 4294967295"},
        {"template: chatml-smollm2", "template: none"},
        {"template: chatml-smollm2", "template: model"},
        {"template: chatml-smollm2", "template: model\ntemplate_date: 2026-11-28"},
        {"profile: bf16-dp", "profile: fp32-ref"},
        {"description: \"Question answering on discharge notes\"\n", ""},
        {"lora_dropout: 0.05", "use_rslora: true"},
        {"lora_dropout: 0.05",
         "use_dora: true\n  rank_pattern: {q_proj: 4, layers.0.self_attn.q_proj: 8}\n"
         "  alpha_pattern: {v_proj: 0.5}\n  modules_to_save: [lm_head]"},
        {"max_length: 512", "max_length: 512\n  packing: true\n  packing_strategy: wrapped"},
    };
    (void)state;
    golden g = golden_load();
    static sw_recipe r;
    for (size_t i = 0; i < COUNT(changes); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        sw_error err = {0};
        replace(&g.recipe, changes[i].from, changes[i].to, &text);
        if (sw_recipe_parse(sw_buffer_bytes(&text), "recipe.yaml", &r, &err) != SW_OK)
            fail_msg("%s: %s", changes[i].to, err.message);
    }
    golden_drop(&g);
}

/* `says` stands in the message or the hint; `line` is where it must point. */
typedef struct refusal {
    const char *from, *to, *says;
    size_t line;
} refusal;

static const refusal refusals[] = {
    /* keys */
    {"learning_rate:", "learning_rat:", "learning_rate", 15},
    {"per_device_train_batch_size", "per_device_batch_size", "per_device_train_batch_size", 16},
    {"lora_alpha", "alpha", "alpha", 24},
    {"shards:", "shard:", "shards", 10},
    {"name: three-hospitals\n", "", "name is missing", 2},
    {"sealwright: 1", "sealwright: 2", "1", 2},
    {"phase: sft", "phase: dpo", "sft", 7},
    {"method: lora", "method: lor", "lora", 8},
    {"method: lora", "method: full", "method is full", 23},
    {"template: chatml-smollm2\n", "", "template is missing", 2},
    {"phase: sft", "phase: cpt", "template must be none", 9},
    {"max_length: 512", "packing_strategy: wrapped", "without packing", 18},
    {"lora_dropout: 0.05", "rank_pattern: {q_proj: x}", "modules and numbers", 25},
    {"lora_dropout: 0.05", "rank_pattern: {q_proj: 0}", "whole and from 1", 25},
    {"lora_dropout: 0.05", "alpha_pattern: [q_proj]", "map", 25},
    {"lora_dropout: 0.05", "modules_to_save: [lm_head, lm_head]", "twice", 25},
    {"template: chatml-smollm2", "template: chatlm", "chatml", 9},
    {"template: chatml-smollm2", "template: modell", "did you mean model?", 9},
    {"template: chatml-smollm2", "template: model\ntemplate_dat: 2026-11-28", "template_date", 10},
    {"template: chatml-smollm2", "template: model\ntemplate_date: 2026-11-31", "YYYY-MM-DD", 10},
    {"template: chatml-smollm2", "template: model\ntemplate_date: 20261128", "YYYY-MM-DD", 10},
    {"template: chatml-smollm2", "template: model\ntemplate_date: 2026-11-28T00:00", "YYYY-MM-DD",
     10},
    {"template: chatml-smollm2", "template: model\ntemplate_date: [2026-11-28]", "a day", 10},
    {"template: chatml-smollm2", "template: chatml\ntemplate_date: 2026-11-28",
     "not read by the template chatml", 10},
    {"model: {name: SmolLM2-135M-Instruct}", "model: SmolLM2", "map", 6},
    {"model: {name: SmolLM2-135M-Instruct}", "model: {name: a, path: /x}", "path", 6},
    {"name: three-hospitals", "name: \"\"", "name", 3},
    {"name: three-hospitals", "name: \"a\\e[31mb\"", "control", 3},
    {"name: three-hospitals", "name: \"a\\u202eb\"", "control", 3},
    {"name: three-hospitals", "name: \"a\\u061cb\"", "control", 3},
    {"name: three-hospitals", "name: \"three\\u200b-hospitals\"", "invisible", 3},
    {"name: three-hospitals", "name: \"three\\u00adhospitals\"", "invisible", 3},
    {"Question answering", "Question\\ufeff answering", "invisible", 4},
    {"name: Mercy", "name: \"Mercy\xf3\xa0\x81\x81\"", "invisible", 11},
    {"name: three-hospitals", "name: [a]", "name must be text", 3},
    {"app: 1", "app: 2222222", "64 lower-case hex digits", 5},
    {"app: 11", "app: AA", "64 lower-case hex digits", 5},
    /* shards */
    {"dataset: d1d1", "dataset: d1d", "64 lower-case hex", 12},
    {"d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1",
     "d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0", "twice", 12},
    {"rows: 300", "rows: 0", "rows", 12},
    {"rows: 300", "rows: many", "rows", 12},
    {"rows: 300", "rows: 300.5", "rows", 12},
    {"rows: 300", "rows: 1099511627777", "rows", 12},
    {", rows: 300", "", "rows is missing", 12},
    {", name: Mercy", ", name: Mercy, path: x", "path", 11},
    /* training */
    {"learning_rate: 2e-4", "learning_rate: 0", "learning_rate", 15},
    {"learning_rate: 2e-4", "learning_rate: -1", "learning_rate", 15},
    {"learning_rate: 2e-4", "learning_rate: 2", "learning_rate", 15},
    {"learning_rate: 2e-4", "learning_rate: fast", "number", 15},
    {"learning_rate: 2e-4", "learning_rate: \"2e-4\"", "number", 15},
    {"learning_rate: 2e-4", "learning_rate: .nan", "number", 15},
    {"learning_rate: 2e-4", "learning_rate: .inf", "number", 15},
    {"learning_rate: 2e-4", "learning_rate: 1e999", "number", 15},
    {"learning_rate: 2e-4", "learning_rate: [2e-4]", "number", 15},
    {"batch_size: 4", "batch_size: 0", "from 1 to", 16},
    {"batch_size: 4", "batch_size: 65537", "from 1 to", 16},
    {"batch_size: 4", "batch_size: 4.0", "whole", 16},
    {"num_train_epochs: 2", "num_train_epochs: 0", "num_train_epochs", 17},
    {"max_length: 512", "max_length: 1", "max_length", 18},
    {"lr_scheduler_type: cosine", "lr_scheduler_type: cosin", "cosine", 19},
    {"lr_scheduler_type: cosine", "lr_scheduler_type: cosine\n  lr_scheduler_kwargs: {power: 2}",
     "not read by the schedule cosine", 20},
    {"lr_scheduler_type: cosine",
     "lr_scheduler_type: linear\n  lr_scheduler_kwargs: {num_cycles: 1}",
     "not read by the schedule linear", 20},
    {"lr_scheduler_type: cosine",
     "lr_scheduler_type: polynomial\n  lr_scheduler_kwargs: {lr_end: 2e-4}", "below learning_rate",
     20},
    {"lr_scheduler_type: cosine",
     "lr_scheduler_type: polynomial\n  lr_scheduler_kwargs: {power: 0}", "power", 20},
    {"lr_scheduler_type: cosine",
     "lr_scheduler_type: polynomial\n  lr_scheduler_kwargs: {pover: 2}", "power", 20},
    {"lr_scheduler_type: cosine", "lr_scheduler_type: cosine_with_min_lr", "min_lr_rate", 19},
    {"lr_scheduler_type: cosine",
     "lr_scheduler_type: cosine_with_min_lr\n  lr_scheduler_kwargs: {min_lr_rate: 1.5}",
     "min_lr_rate", 20},
    {"lr_scheduler_type: cosine",
     "lr_scheduler_type: warmup_stable_decay\n  lr_scheduler_kwargs: {min_lr_ratio: 0.1}",
     "num_decay_steps", 19},
    {"lr_scheduler_type: cosine",
     "lr_scheduler_type: warmup_stable_decay\n  lr_scheduler_kwargs: {num_decay_steps: 5, "
     "decay_type: slow}",
     "decay_type", 20},
    {"lr_scheduler_type: cosine",
     "lr_scheduler_type: inverse_sqrt\n  lr_scheduler_kwargs: {timescale: 1.5}", "whole", 20},
    {"lr_scheduler_type: cosine",
     "lr_scheduler_type: inverse_sqrt\n  lr_scheduler_kwargs: {timescale: 5, timescale: 6}",
     "twice", 20},
    {"lr_scheduler_type: cosine", "lr_scheduler_kwargs: 3", "map", 19},
    {"lr_scheduler_type: cosine", "lr_scheduler_type: constant", "constant_with_warmup", 20},
    {"warmup_steps: 0.1", "warmup_steps: 1.5", "whole", 20},
    {"warmup_steps: 0.1", "warmup_steps: -0.1", "warmup_steps", 20},
    {"save_steps: 50", "save_steps: 50\n  completion_only_loss: yes", "true or false", 22},
    {"save_steps: 50", "save_steps: 50\n  save_steps: 60", "twice", 22},
    {"save_steps: 50", "save_steps: 50\n  adam_beta1: 1", "adam_beta1", 22},
    {"save_steps: 50", "save_steps: 50\n  adam_epsilon: 0", "adam_epsilon", 22},
    {"save_steps: 50", "save_steps: 50\n  seed: 4294967296", "seed", 22},
    {"r: 16", "r: 0", "r must be", 23},
    {"lora_dropout: 0.05", "lora_dropout: 1", "lora_dropout", 25},
    {"[q_proj, k_proj, v_proj, o_proj]", "[]", "empty", 26},
    {"[q_proj, k_proj, v_proj, o_proj]", "all-linear", "list", 26},
    {"[q_proj, k_proj,", "[q_proj, q_proj,", "twice", 26},
    {"[q_proj, k_proj,", "[q_proj, \"k*\",", "module", 26},
    {"[q_proj, k_proj,", "[q_proj, [k_proj],", "module", 26},
    /* trainer, machine */
    {"kind: native", "kind: command", "phase stands here but trainer.kind is command", 7},
    {"kind: native", "kind: comand", "did you mean command?", 27},
    {"profile: bf16-dp", "profile: fp8", "bf16-dp", 27},
    {"trainer: {kind: native, profile: bf16-dp}\n", "", "trainer is missing", 2},
    {"platform: sim", "platform: tdx", "Intel", 29},
    {"platform: sim", "platform: sgx", "sim", 29},
    {"anchors: [" ANCHOR "]", "anchors: []", "empty", 30},
    {"anchors: [" ANCHOR "]", "anchors: [" ANCHOR ", " ANCHOR "]", "twice", 29},
    {"anchors: [" ANCHOR "]", "anchors: [" INTEL "]", "Intel", 29},
    {"anchors: [bb", "anchors: [b", "64 lower-case hex digits", 30},
    {"  devices: any\n", "", "devices is missing", 29},
    {"devices: any", "devices: []", "empty", 37},
    {"devices: any", "devices: all", "any", 37},
    {"devices: any", "devices: [any]", "hex", 37},
    {"  gpu: none\n", "", "gpu is missing", 29},
    {"gpu: none", "gpu: 8", "a number alone does not say which GPUs", 39},
    {"gpu: none", "gpu: some", "gpu", 39},
    {"status: UpToDate", "status: OutOfDate", "UpToDate", 38},
    {"evaluation_data_number: 17", "evaluation_data_number: 0", "evaluation_data_number", 38},
    {", evaluation_data_number: 17", "", "evaluation_data_number is missing", 38},
    {"mrtd: 01", "mrtd: 1", "96 lower-case hex", 33},
    {"      rtmr1: 030303030303030303030303030303030303030303030303030303030303030303030303030303"
     "030303030303030303\n",
     "", "rtmr1 is missing", 32},
    {"- name: sealwright-os-1", "- name: \"os 1\"", "name", 29},
    /* output, observe, terms */
    {"open_quorum: all", "open_quorum: 0", "open_quorum", 40},
    {"open_quorum: all", "open_quorum: 4", "open_quorum", 40},
    {"open_quorum: all", "open_quorum: most", "open_quorum", 40},
    {"open_quorum: all, ", "", "open_quorum is missing", 40},
    {"limit: 64MiB", "limit: 64", "unit", 40},
    {"limit: 64MiB", "limit: 64MB", "unit", 40},
    {"limit: 64MiB", "limit: 64 MiB", "unit", 40},
    {"limit: 64MiB", "limit: 064MiB", "unit", 40},
    {"limit: 64MiB", "limit: 1KiB", "unit", 40},
    {"limit: 64MiB", "limit: 99999999999999999999TiB", "unit", 40},
    {"metrics: sealed", "metrics: shown", "sealed, public", 41},
    {"interval: 10", "interval: 0", "interval", 41},
    {"lease: 10m", "lease: 600", "unit", 42},
    {"lease: 10m", "lease: 0s", "unit", 42},
    {"lease: 10m", "lease: 2d", "unit", 42},
    {"max_silence: 24h", "max_silence: 5m", "max_silence", 2},
    {"max_silence: 24h", "max_silence: 31d", "unit", 43},
    {"grants: 32", "grants: 0", "grants", 44},
    {"grants: 32", "grants: 100001", "grants", 44},
    /* YAML itself */
    {"sealwright: 1", "sealwright: 1\nsealwright: 1", "twice", 3},
    {"sealwright: 1", "sealwright: !!int 1", "tag", 2},
    {"phase: sft", "phase: &a sft", "anchor", 7},
    {"phase: sft", "phase: {sft", "", 0},
};

static void test_refusals(void **state) {
    (void)state;
    golden g = golden_load();
    static sw_recipe r, untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    for (size_t i = 0; i < COUNT(refusals); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        sw_error err = {0};
        char place[64];
        replace(&g.recipe, refusals[i].from, refusals[i].to, &text);
        memcpy(&r, &untouched, sizeof r);
        if (sw_recipe_parse(sw_buffer_bytes(&text), "recipe.yaml", &r, &err) == SW_OK)
            fail_msg("accepted: %s", refusals[i].to);
        assert_memory_equal(&r, &untouched, sizeof r);
        (void)snprintf(place, sizeof place, "recipe.yaml:%zu:", refusals[i].line);
        if (refusals[i].line > 0 && strncmp(err.message, place, strlen(place)) != 0)
            fail_msg("%s: not at line %zu: %s", refusals[i].to, refusals[i].line, err.message);
        if (strstr(err.message, refusals[i].says) == NULL &&
            strstr(err.hint, refusals[i].says) == NULL)
            fail_msg("%s: does not say %s: %s (%s)", refusals[i].to, refusals[i].says, err.message,
                     err.hint);
    }
    golden_drop(&g);
}

/* What is cut short is refused unless only the last line's end or a default went missing. */
static void test_cuts(void **state) {
    (void)state;
    golden g = golden_load();
    static sw_recipe r;
    const char *text = (const char *)g.recipe.data;
    const uint8_t *last = memmem(text, g.recipe.size, "\nlease:", 7);
    assert_non_null(last);
    for (size_t i = 0; i < (size_t)((const char *)last - text); i++)
        assert_int_not_equal(sw_recipe_parse(SW_BYTES(text, i), "recipe.yaml", &r, NULL), SW_OK);
    golden_drop(&g);
}

static void test_too_large(void **state) {
    (void)state;
    static sw_recipe r;
    sw_error err = {0};
    uint8_t *big = calloc(1, SW_RECIPE_LIMIT + 1);
    assert_non_null(big);
    memset(big, '#', SW_RECIPE_LIMIT + 1);
    assert_int_equal(sw_recipe_parse(SW_BYTES(big, SW_RECIPE_LIMIT + 1), "r", &r, &err), SW_LIMIT);
    free(big);
}

static void test_shard_limit(void **state) {
    (void)state;
    golden g = golden_load();
    static sw_recipe r;
    sw_error err = {0};
    for (size_t count = SW_SHARD_LIMIT - 3; count <= SW_SHARD_LIMIT - 2; count++) {
        SW_SCOPED(sw_buffer) lines = SW_BUFFER(1 << 20);
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        for (size_t i = 0; i < count; i++)
            sw_put_format(&lines, "  - {owner: %064zx, dataset: %064zx, rows: 1, name: s%zu}\n",
                          i % 7, i, i);
        sw_put_text(&lines, "training:\n");
        sw_put_u8(&lines, 0);
        replace(&g.recipe, "training:\n", (const char *)lines.data, &text);
        sw_status status = sw_recipe_parse(sw_buffer_bytes(&text), "recipe.yaml", &r, &err);
        assert_int_equal(status, count + 3 <= SW_SHARD_LIMIT ? SW_OK : SW_REFUSED);
    }
    golden_drop(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),      cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_accepted),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_cuts),        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_shard_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
