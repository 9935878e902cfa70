/* SPDX-License-Identifier: Apache-2.0
 *
 * What people are told: each thing that an owner must know before approving, for recipes that
 * differ in it; and what changed between two. docs/formats/recipe.md, RCP-090 to RCP-095.
 */
#include "recipe/golden.h"

#define CONFIG_DIGEST                                                                              \
    "94d5c6ba8f6b990e469897eee34148ec632ff2bdf718a02a9f05f99e9fe18f99" /* of the golden model.lock \
                                                                        */

#include "codec/json.h"

static void parse(const golden *g, const char *from, const char *to, sw_recipe *out) {
    SW_SCOPED(sw_buffer) yaml = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) made = SW_BUFFER(1 << 20);
    sw_error err = {0};
    replace(&g->recipe, from, to, &yaml);
    if (golden_make(g, sw_buffer_bytes(&yaml), &made, &err) != SW_OK) fail_msg("%s", err.message);
    assert_int_equal(sw_compose_parse(sw_buffer_bytes(&made), out, &err), SW_OK);
}

static const char *show(const sw_recipe *r, sw_buffer *text) {
    const sw_hash compose = {{0xc0}};
    text->size = 0;
    assert_int_equal(sw_recipe_show(r, &compose, text, NULL), SW_OK);
    sw_put_u8(text, 0);
    return (const char *)text->data;
}

static void test_words(void **state) {
    static const struct {
        const char *from, *to, *says;
    } cases[] = {
        {"", "", "c000000000000000000000000000000000000000000000000000000000000000"},
        {"", "", "SIMULATED"},
        {"", "", "Mercy (a0a0a0a0a0a0a0a0): 50.0 %"},
        {"", "", "Sankt Josef (a1a1a1a1a1a1a1a1): 30.0 %"},
        {"", "", "1000 rows x 2 epochs = 2000 row visits in at most 500 steps"},
        {"", "", "UNKNOWN: 5 files"},
        {"", "", "You are a helpful AI assistant named SmolLM"},
        {"", "", "every owner of a listed shard (3)"},
        {"", "", "rows and tokens of each shard that were trained on: 79 bits\n"},
        {"", "", "step of total, how it ended (6 bits)\n"},
        {"", "", "at most 717 bits a grant"},
        {"", "", "sealed to the owners, 0 bits"},
        {"", "", "Code: none"},
        {"", "", "devices: ANY"},
        {"", "", "GPUs: none"},
        {"", "", "after 10 minutes"},
        {"", "", "for 1 day"},
        {"", "", "at most 32 in all"},
        {"", "",
         "every run, every resuming, every replay and\n    every opening of an output takes one"},
        {"", "", "with none left no output can be opened"},
        {"", "", "128 MiB"},
        {"learning_rate: 2e-4", "learning_rate: 0.00002", "learning_rate: 0.00002\n"},
        {"max_length: 512", "max_steps: 7", "7 steps: at most 28 row visits"},
        {"max_length: 512", "max_steps: 7", "num_train_epochs: 2 (without effect: max_steps"},
        {"max_length: 512", "max_steps: 7", "max_steps: 7\n"},
        {"", "", "num_train_epochs: 2\n"},
        {"", "", "max_steps: 0 (none given: num_train_epochs"},
        {"max_length: 512", "packing: true",
         "row visits in at most 500 steps: packing joins rows and makes fewer\n"},
        {"max_length: 512", "packing: true", "at most 720 bits a grant"},
        {"max_length: 512", "packing: true", "packing_strategy: bfd\n"},
        {"max_length: 512", "packing: true\n  packing_strategy: bfd_split",
         "row visits in as many steps as the rows' lengths make: packing joins and cuts them\n"},
        {"max_length: 512", "packing: true\n  packing_strategy: wrapped",
         "226 bits a grant and those of its records\n"},
        {"max_length: 512", "packing: true\n  packing_strategy: wrapped\n  max_steps: 7",
         "7 steps of packed sequences: row visits follow from the rows' lengths\n"},
        {"max_length: 512", "packing: true\n  packing_strategy: wrapped\n  max_steps: 7",
         "at most 238 bits a grant"},
        {"template: chatml-smollm2", "template: none", "A row of turns is refused"},
        {"template: chatml-smollm2", "template: chatml", "<|im_start|>ROLE"},
        {"template: chatml-smollm2", "template: model",
         "It is `chat_template` in tokenizer_config.json, which the recipe locks:\n   "
         " " CONFIG_DIGEST "\n"},
        {"template: chatml-smollm2", "template: model", "recipe show COMPOSE --model DIR"},
        {"template: chatml-smollm2", "template: model\ntemplate_date: 2026-11-28",
         "told 2026-11-28 (template_date)"},
        {"open_quorum: all", "open_quorum: 2", "2 of the 3 owners"},
        {"metrics: sealed", "metrics: public", "PUBLIC, 16 bits"},
        {"metrics: sealed", "metrics: public", "at most 1517 bits a grant"},
        {"interval: 10", "interval: 1000", "at most 129 bits a grant"},
        {"save_steps: 50", "save_steps: 0", "a checkpoint when a run is stopped"},
        {"devices: any",
         "devices: [3333333333333333333333333333333333333333333333333333333333333333]",
         "1 named machine and no other"},
        {"status: UpToDate", "status: SWHardeningNeeded", "UpToDate or SWHardeningNeeded"},
        {"lease: 10m", "lease: 90s", "after 90 seconds"},
        {"owner: a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1",
         "owner: a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0",
         "Mercy (a0a0a0a0a0a0a0a0): 80.0 %"},
    };
    (void)state;
    golden g = golden_load();
    static sw_recipe r;
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        parse(&g, cases[i].from, cases[i].to, &r);
        if (strstr(show(&r, &text), cases[i].says) == NULL)
            fail_msg("does not say: %s\n%s", cases[i].says, (const char *)text.data);
    }
    golden_drop(&g);
}

/* RCP-096: two recipes that differ in one digit of what the machine must be are not told alike. */
static void test_every_digit_of_the_machine(void **state) {
    (void)state;
    golden g = golden_load();
    static sw_recipe r;
    SW_SCOPED(sw_buffer) yaml = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) first = SW_BUFFER(1 << 20);
    size_t flipped = 0;
    replace(&g.recipe, "devices: any",
            "devices: [3333333333333333333333333333333333333333333333333333333333333333]", &yaml);
    golden changed = g;
    changed.recipe = yaml;
    parse(&changed, "", "", &r);
    (void)show(&r, &first);
    uint8_t *at = memmem(yaml.data, yaml.size, "machine:", 8);
    const uint8_t *end = memmem(yaml.data, yaml.size, "minimum_tcb:", 12);
    assert_true(at != NULL && end != NULL && at < end);
    for (size_t run; at < end; at += run == 0 ? 1 : run) {
        run = strspn((const char *)at, "0123456789abcdef");
        for (size_t i = 0; run >= 64 && i < run; i++, flipped++) {
            SW_SCOPED(sw_buffer) other = SW_BUFFER(1 << 20);
            uint8_t was = at[i];
            at[i] = was == '9' ? '8' : '9';
            parse(&changed, "", "", &r);
            if (strcmp(show(&r, &other), (const char *)first.data) == 0)
                fail_msg("digit %zu of: %.*s", i, (int)run, (const char *)at);
            at[i] = was;
        }
    }
    assert_int_equal(flipped, 2 * 64 + 4 * 96);
    golden_drop(&g);
}

/* What is not so is not said. */
static void test_other_words(void **state) {
    (void)state;
    golden g = golden_load();
    static sw_recipe r;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    parse(&g, "", "", &r);
    r.policy.platform = SW_PLATFORM_TDX;
    r.training.method = SW_METHOD_FULL;
    const char *words = show(&r, &text);
    assert_non_null(strstr(words, "Not simulated"));
    assert_non_null(strstr(words, "all weights"));
    assert_null(strstr(words, "SIMULATED"));
    assert_null(strstr(words, "lora_alpha"));
    golden_drop(&g);
}

/* Known is who has the whole lock's digest, whatever the recipe calls it. */
static void test_known_model(void **state) {
    static const sw_hash known = {{0xac, 0x61, 0x51, 0xc5, 0xc5, 0x30, 0x1f, 0xda, 0xad, 0xbb, 0xa5,
                                   0xa1, 0xc3, 0x60, 0xda, 0x79, 0x11, 0x3e, 0xd1, 0xb1, 0x3a, 0x4c,
                                   0x17, 0x0b, 0xf3, 0x74, 0xf1, 0x0f, 0x8b, 0x06, 0x62, 0x3c}};
    (void)state;
    golden g = golden_load();
    static sw_recipe r;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    parse(&g, "", "", &r);
    r.model_digest = known;
    (void)snprintf(r.model_name, sizeof r.model_name, "another name");
    const char *words = show(&r, &text);
    assert_non_null(strstr(words, "KNOWN: all 5 files are those of SmolLM2-135M-Instruct"));
    assert_null(strstr(words, "UNKNOWN"));
    r.model_digest.b[31] ^= 1;
    assert_non_null(strstr(show(&r, &text), "UNKNOWN"));
    golden_drop(&g);
}

static void test_json(void **state) {
    (void)state;
    golden g = golden_load();
    static sw_recipe r;
    const sw_hash compose = {{0xc0}};
    sw_json *root;
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    parse(&g, "", "", &r);
    assert_int_equal(sw_recipe_show_json(&r, &compose, &text, NULL), SW_OK);
    assert_int_equal(sw_json_parse_canonical(&arena, sw_buffer_bytes(&text), NULL, &root, NULL),
                     SW_OK);
    assert_int_equal(sw_json_member(root, "rows")->integer, 1000);
    assert_int_equal(sw_json_member(root, "row_visits")->integer, 2000);
    assert_int_equal(sw_json_member(root, "observable_bits")->integer, 717);
    assert_true(sw_json_member(root, "simulated")->boolean);
    assert_false(sw_json_member(root, "code")->boolean);
    assert_int_equal(sw_json_member(root, "known_model")->type, SW_JSON_NULL);
    assert_int_equal(sw_json_member(root, "shares")->count, 3);
    /* packed: null where the rows' lengths decide */
    static const struct {
        uint64_t max_steps;
        sw_packing strategy;
        sw_json_type visits, steps, bits;
    } packed[] = {
        {0, SW_PACKING_BFD, SW_JSON_NUMBER, SW_JSON_NUMBER, SW_JSON_NUMBER},
        {0, SW_PACKING_WRAPPED, SW_JSON_NUMBER, SW_JSON_NULL, SW_JSON_NULL},
        {7, SW_PACKING_BFD_SPLIT, SW_JSON_NULL, SW_JSON_NUMBER, SW_JSON_NUMBER},
    };
    r.training.packing = true;
    for (size_t i = 0; i < COUNT(packed); i++) {
        r.training.max_steps = packed[i].max_steps;
        r.training.packing_strategy = packed[i].strategy;
        text.size = 0;
        assert_int_equal(sw_recipe_show_json(&r, &compose, &text, NULL), SW_OK);
        assert_int_equal(sw_json_parse_canonical(&arena, sw_buffer_bytes(&text), NULL, &root, NULL),
                         SW_OK);
        assert_int_equal(sw_json_member(root, "row_visits")->type, packed[i].visits);
        assert_int_equal(sw_json_member(root, "steps")->type, packed[i].steps);
        assert_int_equal(sw_json_member(root, "observable_bits")->type, packed[i].bits);
    }
    golden_drop(&g);
}

/* RCP-097: the file that holds the text, and the text. */
static void test_own_template(void **state) {
    (void)state;
    golden g = golden_load();
    static sw_recipe r;
    const sw_hash compose = {{0xc0}};
    sw_json *root;
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    parse(&g, "template: chatml-smollm2", "template: model\ntemplate_date: 2026-11-28", &r);
    r.model_files[1] = (sw_locked_file){"chat_template.jinja", 0, {{7}}};
    assert_string_equal(sw_recipe_template_file(&r)->name, "tokenizer_config.json"); /* MODEL-093 */
    r.model_files[1].size = 9;
    assert_non_null(strstr(show(&r, &text), "It is chat_template.jinja, which the recipe locks:\n"
                                            "    07000000"));
    text.size = 0;
    assert_int_equal(sw_recipe_show_json(&r, &compose, &text, NULL), SW_OK);
    assert_int_equal(sw_json_parse_canonical(&arena, sw_buffer_bytes(&text), NULL, &root, NULL),
                     SW_OK);
    const sw_json *file = sw_json_member(root, "template_file");
    assert_true(sw_bytes_is(sw_json_member(file, "name")->text, "chat_template.jinja"));
    assert_true(sw_bytes_is(sw_json_member(root, "template_date")->text, "2026-11-28"));
    r.model_file_count = 1;
    assert_null(sw_recipe_template_file(&r));
    assert_non_null(strstr(show(&r, &text), "locks no file that could hold one: every run is"));
    text.size = 0;
    assert_int_equal(
        sw_recipe_show_template(SW_LITERAL("a\n\tb\x1b[1m \u202e\u00e9\U0001f642\n"), &text, NULL),
        SW_OK);
    sw_put_u8(&text, 0);
    assert_string_equal((const char *)text.data, "\nTemplate text\n    a\n    \\u{9}b\\u{1b}[1m "
                                                 "\\u{202e}\u00e9\U0001f642\n");
    text.size = 0; /* what is written as ours is not shown as ours */
    assert_int_equal(sw_recipe_show_template(SW_LITERAL("a\\u{d}b \\n \\u\r"), &text, NULL), SW_OK);
    sw_put_u8(&text, 0);
    assert_string_equal((const char *)text.data,
                        "\nTemplate text\n    a\\u{5c}u{d}b \\n \\u\\u{d}\n");
    assert_int_equal(sw_recipe_show_template(SW_LITERAL("\xff"), &text, NULL), SW_MALFORMED);
    golden_drop(&g);
}

static void test_bits(void **state) {
    (void)state;
    sw_recipe *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->native = true;
    r->metrics_interval = 10;
    assert_int_equal(sw_recipe_observable_bits(r, 0), 36);
    assert_int_equal(sw_recipe_observable_bits(r, 1), 48);
    assert_int_equal(sw_recipe_observable_bits(r, 10), 48);
    assert_int_equal(sw_recipe_observable_bits(r, 11), 60);
    r->metrics = SW_METRICS_PUBLIC;
    assert_int_equal(sw_recipe_observable_bits(r, 11), 92);
    r->metrics_interval = 1;
    assert_true(sw_recipe_observable_bits(r, UINT64_MAX) == UINT64_MAX);
    free(r);
}

static void test_diff(void **state) {
    static const struct {
        const char *from, *to, *line;
        size_t differences;
    } cases[] = {
        {"", "", "", 0},
        {"# Three", "# Four", "", 0},
        {"2e-4", "0.0002", "", 0},
        {"2e-4", "1e-4", "~ training.learning_rate: 0.0002 -> 0.0001\n", 1},
        {"rows: 300", "rows: 301", "~ shards[Sankt Josef d1d1d1d1d1d1d1d1].rows: 300 -> 301\n", 1},
        {"devices: any",
         "devices: [3333333333333333333333333333333333333333333333333333333333333333]",
         "~ machine.devices: \"any\" -> [\"33333333", 1},
        {"open_quorum: all", "open_quorum: 1", "~ output.open_quorum: \"all\" -> 1\n", 1},
        {"metrics: sealed", "metrics: public", "~ observe.metrics: \"sealed\" -> \"public\"\n", 1},
        {"[q_proj, k_proj,", "[k_proj, q_proj,", "~ lora.target_modules: the order changed\n", 1},
        {"k_proj, ", "", "- lora.target_modules[k_proj]: \"k_proj\"\n", 1},
        {"dataset: d1d1", "dataset: e1e1", "- shards[Sankt Josef d1d1d1d1d1d1d1d1]: {", 2},
        {"name: sealwright-os-1", "name: sealwright-os-2", "+ machine.images[sealwright-os-2]: {",
         2},
    };
    (void)state;
    golden g = golden_load();
    static sw_recipe a, b;
    parse(&g, "", "", &a);
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        size_t differences;
        parse(&g, cases[i].from, cases[i].to, &b);
        assert_int_equal(sw_recipe_diff(&a, &b, &text, &differences, NULL), SW_OK);
        sw_put_u8(&text, 0);
        if (strstr((const char *)text.data, cases[i].line) == NULL)
            fail_msg("%s: %s", cases[i].to, (const char *)text.data);
        assert_int_equal(differences, cases[i].differences);
    }
    golden_drop(&g);
}

/* The order of shards decides, so a swap is a difference though nothing else changed. */
static void test_diff_order(void **state) {
    (void)state;
    golden g = golden_load();
    static sw_recipe a, b;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    size_t differences;
    parse(&g, "", "", &a);
    b = a;
    b.shards[0] = a.shards[2];
    b.shards[2] = a.shards[0];
    assert_int_equal(sw_recipe_diff(&a, &b, &text, &differences, NULL), SW_OK);
    assert_int_equal(differences, 1);
    sw_put_u8(&text, 0);
    assert_string_equal((const char *)text.data, "~ shards: the order changed\n");
    golden_drop(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),       cmocka_unit_test(test_every_digit_of_the_machine),
        cmocka_unit_test(test_other_words), cmocka_unit_test(test_known_model),
        cmocka_unit_test(test_json),        cmocka_unit_test(test_own_template),
        cmocka_unit_test(test_bits),        cmocka_unit_test(test_diff),
        cmocka_unit_test(test_diff_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
