/* SPDX-License-Identifier: Apache-2.0
 *
 * What owners are told of a command: all of it, nothing of settings that it does not have, and what
 * changed between two. docs/formats/recipe.md, RCP-100 to RCP-104.
 */
#include "codec/json.h"
#include "crypto/crypto.h"
#include "recipe/golden.h"

#define ARGUMENTS "[/usr/bin/python3, -s, /app/train.py, --lr, \"2e-4\", --epochs, \"2\"]"
/* Of the golden trainer.lock. */
#define SCRIPT_DIGEST "aa2f688556a3c3aa1c780fce53fdfd2fb3d98bac53fcecb77fa0b68ac3da5436"

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
        {"", "", "CODE: this recipe runs a command on the rows, not the native trainer\n"},
        {"", "", "its author and the host together have timing\n"},
        {"", "", "memory-access channels that no sandbox closes"},
        {"", "",
         "Arguments:\n    \"/usr/bin/python3\"\n    \"-s\"\n    \"/app/train.py\"\n    \"--lr\"\n"
         "    \"2e-4\"\n    \"--epochs\"\n    \"2\"\n"},
        {"", "", "Its code to read, 2 files of the tree (`recipe show COMPOSE --tree DIR`"},
        {"", "", "    /app/train.py, 1714 bytes\n      " SCRIPT_DIGEST "\n"},
        {"", "", "    /app/requirements.lock, 48211 bytes\n"},
        {"", "", "    Nothing else lies in their folders, or it does not run.\n"},
        {"", "",
         "    Everything in it but the files above is its maker's word, until you lay it out anew"
         " from packages that you\n    trust (`python -m sealwright.tree`) and get the same "
         "digest\n"},
        {"", "", "as its /: 31415 entries, 5368709120 bytes; its interpreter"},
        {"", "", "    3772490f916f9552aaf44abb1c0046039eaa558e619f9d8ad48ac9c9af5e49b8\n"},
        {"", "", "    CUDA_VISIBLE_DEVICES=\"0\"\n    OMP_NUM_THREADS=\"4\"\n"},
        {"", "", "and of the agent: HOME=/tmp TMPDIR=/tmp "},
        {"", "", "max_steps: 500\n  save_steps: 50\n  scratch: 2 GiB of memory"},
        {"", "", "gpu: true, it sees the GPUs"},
        {"", "", "1000 rows; the command's code decides how often it reads which, in at most 500"},
        {"", "", "a checkpoint every 50 steps, padded to 128 MiB"},
        {"", "", "at most 585 bits a grant"},
        {"", "", "whether each step is reported (500 bits)"},
        {"", "", "whether a state comes where one may (11 bits)"},
        {"", "", "whether it says something about itself (1 bit; what it says is\n"},
        {"", "", "number of steps (32 bits), step of total, how it ended (5 bits)"},
        {"", "", "how it answers when it is stopped (10 bits)"},
        {"", "", "how far it computes what an earlier grant did (15 bits)"},
        {"", "",
         "of which kinds a call was refused it and whether it printed (10 bits), and whether the "
         "machine ran out of memory\n  meanwhile (1 bit)\n"},
        {"", "", "tokens a second: 0 bits in each record"},
        {"metrics: sealed", "metrics: public", "loss: PUBLIC, 16 bits in each record"},
        {"max_steps: 500", "max_steps: 10", "at most 78 bits a grant"},
        {"metrics: sealed", "metrics: public", "at most 1385 bits a grant"},
        {"  save_steps: 50\n", "", "save_steps: 0 (none)\n"},
        {"  save_steps: 50\n", "", "whether a state comes where one may (1 bits)"},
        {"  save_steps: 50\n", "", "a checkpoint when a run is stopped"},
        {"  gpu: true\n", "", "gpu: false, it sees no GPU\n"},
        {"  environment: {OMP_NUM_THREADS: \"4\", CUDA_VISIBLE_DEVICES: \"0\"}\n", "",
         "Environment: 0 of the recipe\n    and of the agent:"},
        {ARGUMENTS, "[/bin/sh, /app/train.py, \" a \\\"b\\\" \"]",
         "    \"/app/train.py\"\n    \" a \\\"b\\\" \"\n"},
    };
    (void)state;
    golden g = golden_load_in("command/");
    static sw_recipe r;
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        parse(&g, cases[i].from, cases[i].to, &r);
        if (strstr(show(&r, &text), cases[i].says) == NULL)
            fail_msg("does not say: %s\n%s", cases[i].says, (const char *)text.data);
    }
    golden_drop(&g);
}

/* CMD-052: who approves it for a real machine is told why it does not run there. */
static void test_hardware(void **state) {
    static const char words[] = "On tdx a program gives the host 92 bits of its choice with each "
                                "CPUID instruction, unless the image's kernel\n  answers it. ";
    static const char check[] = "    It is SAID to answer CPUID's hypervisor leaves itself";
    (void)state;
    golden g = golden_load_in("command/");
    static sw_recipe r;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    parse(&g, "", "", &r);
    assert_null(strstr(show(&r, &text), "CPUID"));
    r.policy.platform = SW_PLATFORM_TDX;
    const char *shown = show(&r, &text);
    if (strstr(shown, words) == NULL || strstr(shown, "command is REFUSED there") == NULL)
        fail_msg("%s", shown);
    assert_null(strstr(shown, check));
    for (size_t i = 0; i < r.policy.image_count; i++) r.policy.images[i].answers_cpuid = true;
    shown = show(&r, &text);
    if (strstr(shown, words) == NULL || strstr(shown, "that is your word when") == NULL)
        fail_msg("%s", shown);
    assert_null(strstr(shown, "REFUSED there"));
    assert_non_null(strstr(shown, check));
    golden_drop(&g);
}

/* Whatever `training` holds, a command is shown and compared without it. */
static void test_nothing_of_training(void **state) {
    static const char *const absent[] = {
        "Code: none", "Template", "Training:", "learning_rate", "lora",      "profile",
        "numerics",   "epochs =", "phase",     "max_length",    "row visits"};
    (void)state;
    golden g = golden_load_in("command/");
    static sw_recipe r, other;
    const sw_hash compose = {{0xc0}};
    size_t differences;
    SW_SCOPED(sw_buffer) first = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) second = SW_BUFFER(1 << 20);
    parse(&g, "", "", &r);
    other = r;
    memset(&other.training, 0x5a, sizeof other.training);
    memset(other.profiles, 0x5a, sizeof other.profiles - 1);
    const char *words = show(&r, &first);
    for (size_t i = 0; i < COUNT(absent); i++)
        if (strstr(words, absent[i]) != NULL) fail_msg("says: %s\n%s", absent[i], words);
    assert_string_equal(show(&other, &second), words);
    first.size = second.size = 0;
    assert_int_equal(sw_recipe_show_json(&r, &compose, &first, NULL), SW_OK);
    assert_int_equal(sw_recipe_show_json(&other, &compose, &second, NULL), SW_OK);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&first), sw_buffer_bytes(&second)));
    second.size = 0;
    assert_int_equal(sw_recipe_diff(&r, &other, &second, &differences, NULL), SW_OK);
    assert_int_equal(differences, 0);
    golden_drop(&g);
}

static const sw_json *inside(const sw_json *root, const char *one, const char *two) {
    return sw_json_member(sw_json_member(root, one), two);
}

static void test_json(void **state) {
    (void)state;
    golden g = golden_load_in("command/");
    static sw_recipe r;
    const sw_hash compose = {{0xc0}};
    sw_json *root;
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    parse(&g, "", "", &r);
    assert_int_equal(sw_recipe_show_json(&r, &compose, &text, NULL), SW_OK);
    assert_int_equal(sw_json_parse_canonical(&arena, sw_buffer_bytes(&text), NULL, &root, NULL),
                     SW_OK);
    assert_true(sw_json_member(root, "code")->boolean);
    assert_null(sw_json_member(root, "phase"));
    assert_null(sw_json_member(root, "training"));
    assert_null(inside(root, "trainer", "profiles"));
    assert_int_equal(sw_json_member(root, "row_visits")->type, SW_JSON_NULL);
    assert_int_equal(sw_json_member(root, "steps")->integer, 500);
    assert_int_equal(sw_json_member(root, "observable_bits")->integer, 585);
    assert_true(sw_bytes_is(inside(root, "trainer", "kind")->text, "command"));
    assert_int_equal(inside(root, "trainer", "command")->count, 7);
    assert_int_equal(inside(root, "trainer", "files")->count, 2);
    assert_true(sw_bytes_is(sw_json_member(inside(root, "trainer", "files")->first, "sha256")->text,
                            SCRIPT_DIGEST));
    assert_int_equal(sw_json_member(inside(root, "trainer", "tree"), "entries")->integer, 31415);
    assert_true(sw_bytes_is(
        sw_json_member(inside(root, "trainer", "environment"), "OMP_NUM_THREADS")->text, "4"));
    assert_int_equal(inside(root, "trainer", "max_steps")->integer, 500);
    assert_true(inside(root, "trainer", "gpu")->boolean);
    golden_drop(&g);
}

static void test_diff(void **state) {
    static const struct {
        const char *from, *to, *line;
        size_t differences;
    } cases[] = {
        {"name: Mercy}", "name: Mercy} # and a comment", "", 0},
        /* argument lists are compared whole: one may stand twice, and the place decides */
        {"--epochs, \"2\"]", "--epochs, \"2\", \"2\"]", "~ trainer.command: [\"/usr/bin/python3\"",
         1},
        {"\"2e-4\", --epochs, \"2\"", "\"2\", --epochs, \"2e-4\"", "~ trainer.command: [", 1},
        {"OMP_NUM_THREADS: \"4\"", "OMP_NUM_THREADS: \"5\"",
         "~ trainer.environment.OMP_NUM_THREADS: \"4\" -> \"5\"\n", 1},
        {"OMP_NUM_THREADS: \"4\", ", "", "- trainer.environment.OMP_NUM_THREADS: \"4\"\n", 1},
        {"[/app/train.py, /app/requirements.lock]", "[/app/requirements.lock, /app/train.py]",
         "~ trainer.files: the order changed\n", 1},
        {"max_steps: 500", "max_steps: 501", "~ trainer.max_steps: 500 -> 501\n", 1},
        {"save_steps: 50", "save_steps: 51", "~ trainer.save_steps: 50 -> 51\n", 1},
        {"scratch: 2GiB", "scratch: 1MiB", "~ trainer.scratch_bytes: 2147483648 -> 1048576\n", 1},
        {"gpu: true", "gpu: false", "~ trainer.gpu: true -> false\n", 1},
    };
    (void)state;
    golden g = golden_load_in("command/");
    static sw_recipe a, b;
    size_t differences;
    parse(&g, "", "", &a);
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        parse(&g, cases[i].from, cases[i].to, &b);
        assert_int_equal(sw_recipe_diff(&a, &b, &text, &differences, NULL), SW_OK);
        sw_put_u8(&text, 0);
        if (strstr((const char *)text.data, cases[i].line) == NULL)
            fail_msg("%s: %s", cases[i].to, (const char *)text.data);
        assert_int_equal(differences, cases[i].differences);
    }
    b = a;
    b.command.files[0].digest.b[31] ^= 1;
    b.command.tree.b[0] ^= 1;
    b.command.tree_entries++;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    assert_int_equal(sw_recipe_diff(&a, &b, &text, &differences, NULL), SW_OK);
    assert_int_equal(differences, 3);
    sw_put_u8(&text, 0);
    assert_non_null(
        strstr((const char *)text.data, "~ trainer.files[/app/train.py].sha256: \"" SCRIPT_DIGEST));
    golden_drop(&g);
}

/* A native recipe against a command: what one has and the other lacks is said. */
static void test_diff_of_kinds(void **state) {
    static const char *const lines[] = {
        "- training: {",
        "- template: \"chatml-smollm2\"\n",
        "~ trainer.kind: \"native\" -> \"command\"\n",
        "+ trainer.command: [",
        "+ trainer.tree: {",
    };
    (void)state;
    golden g = golden_load(), h = golden_load_in("command/");
    static sw_recipe a, b;
    size_t differences;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    parse(&g, "", "", &a);
    parse(&h, "", "", &b);
    assert_int_equal(sw_recipe_diff(&a, &b, &text, &differences, NULL), SW_OK);
    sw_put_u8(&text, 0);
    for (size_t i = 0; i < COUNT(lines); i++)
        if (strstr((const char *)text.data, lines[i]) == NULL)
            fail_msg("does not say: %s\n%s", lines[i], (const char *)text.data);
    golden_drop(&g);
    golden_drop(&h);
}

static void test_code(void **state) {
    static const struct {
        const char *bytes, *shown;
        size_t size;
    } cases[] = {
        {"import sealwright\n\nprint(1)\n",
         "\nFile /app/train.py\n    import sealwright\n    \n    print(1)\n", 28},
        {"a\tb\r\n\xe2\x80\xae x\xc3\xa9", /* what is not seen where it stands */
         "\nFile /app/train.py\n    a\\u{9}b\\u{d}\n    \\u{202e} x\xc3\xa9\n", 12},
        {"", "\nFile /app/train.py\n  empty\n", 0},
        {"\x7f"
         "ELF\xff\xfe",
         "\nFile /app/train.py\n  BINARY, no text: 6 bytes\n", 6},
    };
    (void)state;
    sw_recipe_code file = {.path = "/app/train.py"};
    sw_error err = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const sw_bytes bytes = SW_BYTES((const uint8_t *)cases[i].bytes, cases[i].size);
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        file.size = cases[i].size;
        sw_sha256(&file.digest, bytes);
        assert_int_equal(sw_recipe_show_code(&file, bytes, &text, &err), SW_OK);
        sw_put_u8(&text, 0);
        assert_string_equal((const char *)text.data, cases[i].shown);
        text.size = 0;
        file.digest.b[0] ^= 1;
        assert_int_equal(sw_recipe_show_code(&file, bytes, &text, &err), SW_REFUSED);
        file.digest.b[0] ^= 1;
        file.size++;
        assert_int_equal(sw_recipe_show_code(&file, bytes, &text, &err), SW_REFUSED);
        assert_int_equal(text.size, 0);
    }
    static const char hidden[] = "# coding: utf-7\n# +AAo-print(1)\n";
    const sw_bytes other = SW_BYTES((const uint8_t *)hidden, sizeof hidden - 1);
    SW_SCOPED(sw_buffer) none = SW_BUFFER(1 << 20);
    sw_error why = {0};
    file.size = other.size;
    sw_sha256(&file.digest, other);
    assert_int_equal(sw_recipe_show_code(&file, other, &none, &why), SW_REFUSED);
    assert_int_equal(none.size, 0);
    assert_non_null(strstr(why.message, "/app/train.py, which owners read as the code, declares"));
    assert_string_equal(err.message, "the tree has another file than the one that the recipe's"
                                     " trainer lock names: /app/train.py");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_hardware),
        cmocka_unit_test(test_nothing_of_training),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_diff),
        cmocka_unit_test(test_diff_of_kinds),
        cmocka_unit_test(test_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
