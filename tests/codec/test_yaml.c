/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML: what is refused and where, what a tree holds, which plain scalars are numbers.
 */
#include "cmocka_plain.h"
#include "codec/yaml.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void what_yaml_should_not_say_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *start; /* of the message */
    } cases[] = {
        {"", "f.yaml holds nothing"},
        {"# only words\n", "f.yaml holds nothing"},
        {"a: &x 1\n", "f.yaml:1:4: anchors"},
        {"&x a: 1\n", "f.yaml:1:1: anchors"},
        {"a: &x [1]\n", "f.yaml:1:4: anchors"},
        {"a: &x {b: 1}\n", "f.yaml:1:4: anchors"},
        {"a: *x\n", "f.yaml:1:4: aliases"},
        {"*x : 1\n", "f.yaml:1:1: aliases"},
        {"a: !!str 1\n", "f.yaml:1:4: tags"},
        {"a: !x 1\n", "f.yaml:1:4: tags"},
        {"a: ! 1\n", "f.yaml:1:4: tags"},
        {"a: !!seq [1]\n", "f.yaml:1:4: tags"},
        {"!!map {a: 1}\n", "f.yaml:1:1: tags"},
        {"%YAML 1.1\n---\na: 1\n", "f.yaml:1:1: directives"},
        {"%TAG ! tag:x,2026:\n---\na: 1\n", "f.yaml:1:1: directives"},
        {"a: 1\n---\nb: 2\n", "f.yaml:2:1: more than one"},
        {"<<: {a: 1}\n", "f.yaml:1:1: merge"},
        {"a:\n  <<: 1\n", "f.yaml:2:3: merge"},
        {"a: 1\na: 2\n", "f.yaml:2:1: \"a\" stands here twice"},
        {"a: 1\n\"a\": 2\n", "f.yaml:2:1: \"a\" stands here twice"},
        {"x:\n  - a: 1\n    b: 2\n    a: 3\n", "f.yaml:4:5: \"a\" stands"},
        {"{a: 1, a: 2}\n", "f.yaml:1:8: \"a\" stands"},
        {"[a]: 1\n", "f.yaml:1:1: a key must be"},
        {"{a: 1}: 1\n", "f.yaml:1:1: a key must be"},
        {"? [a]\n: 1\n", "f.yaml:1:3: a key must be"},
        {"a: [1\n", "f.yaml:"},
        {"a: 'x\n", "f.yaml:"},
        {"a: \"\\q\"\n", "f.yaml:"},
        {"a: b: c\n", "f.yaml:1:5:"},
        {"a:\n\tb: 1\n", "f.yaml:2:"},
        {"a: 1\n  b: 2\n", "f.yaml:2:"},
        {"a: @x\n", "f.yaml:1:4:"},
        {"a: `x\n", "f.yaml:1:4:"},
        {"\xef\xbb\xbf"
         "a: 1\n",
         "f.yaml is not plain UTF-8"},
        {"a: \xff\n", "f.yaml is not plain UTF-8"},
        {"a: \x01\n", "f.yaml:"},
        {"a: 1\n# 3\xc2\x85 b: 2\n", "f.yaml:2: a character that ends"},
        {"a: 1 # 3\xe2\x80\xa8"
         "b: 2\n",
         "f.yaml:1: a character"},
        {"a: 1\n\n# 3\xe2\x80\xa9"
         "b: 2\n",
         "f.yaml:3: a character"},
        {"a: 1 # 3\rb: 2\n", "f.yaml:1: a character"},
        {"a: 1\r", "f.yaml:1: a character"},
        {"a: 1 # \xe2\x80\xae 2\n", "f.yaml:1: a character"},
        {"a: 1 # \xe2\x81\xa6 2\n", "f.yaml:1: a character"},
        {"a: 1 # \xd8\x9c 2\n", "f.yaml:1: a character"},
        {"a: \"\xe2\x80\x8f\"\n", "f.yaml:1: a character"},
        {"a: 1 # \xef\xbb\xbf\n", "f.yaml:1: a character"},
        {"\xff\xfe"
         "a",
         "f.yaml is not plain UTF-8"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_yaml *out = NULL;
        sw_error err = {0};
        if (sw_yaml_parse(&a, sw_text(cases[i].text), "f.yaml", &out, &err) != SW_MALFORMED)
            fail_msg("case %zu is accepted", i);
        if (strncmp(err.message, cases[i].start, strlen(cases[i].start)) != 0)
            fail_msg("case %zu: %s", i, err.message);
        assert_null(out);
    }
}

static void a_tree_holds_text_and_places(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_yaml *root = NULL;
    sw_error err = {0};
    static const char text[] = "name: three # why\nlist:\n  - 1\n  - 'two'\n  - [x, \"y\"]\n"
                               "map: {k: |-\n   ...}\nempty:\n";
    static const char good[] = "name: three # why\nlist:\n  - 1\n  - 'two'\n  - [x, \"y\"]\n"
                               "text: |\n  a\n  b\nempty:\n\"quoted key\": {}\n";
    assert_int_not_equal(sw_yaml_parse(&a, sw_text(text), "f", &root, &err), SW_OK);
    assert_int_equal(sw_yaml_parse(&a, sw_text(good), "f", &root, &err), SW_OK);
    assert_int_equal(root->type, SW_YAML_MAP);
    assert_int_equal(root->count, 5);
    const sw_yaml *name = sw_yaml_member(root, "name"), *list = sw_yaml_member(root, "list");
    assert_true(sw_bytes_is(name->text, "three") && name->plain);
    assert_true(name->line == 1 && name->column == 7);
    assert_int_equal(list->count, 3);
    assert_true(list->first->line == 3 && list->first->column == 5 && list->first->plain);
    assert_true(sw_bytes_is(list->first->next->text, "two") && !list->first->next->plain);
    assert_int_equal(list->last->count, 2);
    assert_true(sw_bytes_is(sw_yaml_member(root, "text")->text, "a\nb\n"));
    assert_true(sw_yaml_null(sw_yaml_member(root, "empty")));
    assert_int_equal(sw_yaml_member(root, "quoted key")->type, SW_YAML_MAP);
    assert_null(sw_yaml_member(root, "k"));
    assert_null(sw_yaml_member(list, "k"));
    assert_null(sw_yaml_member(NULL, "k"));
}

static void limits_hold_at_their_edge(void **state) {
    (void)state;
    static const struct {
        size_t depth, members, elements;
        sw_status status;
    } cases[] = {{16, 0, 0, SW_OK},      {17, 0, 0, SW_LIMIT}, {0, 1000, 0, SW_OK},
                 {0, 1001, 0, SW_LIMIT}, {0, 0, 19999, SW_OK}, {0, 0, 20000, SW_LIMIT}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) a = {0};
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        sw_yaml *out = NULL;
        sw_error err;
        for (size_t j = 0; j < cases[i].depth; j++) sw_put_u8(&text, '[');
        for (size_t j = 0; j < cases[i].depth; j++) sw_put_u8(&text, ']');
        for (size_t j = 0; j < cases[i].members; j++) sw_put_format(&text, "k%zu: 1\n", j);
        for (size_t j = 0; j < cases[i].elements; j++) sw_put_text(&text, "- 1\n");
        sw_status status = sw_yaml_parse(&a, sw_buffer_bytes(&text), "f", &out, &err);
        if (status != cases[i].status) fail_msg("case %zu: %d", i, (int)status);
    }
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(2 << 20);
    sw_yaml *out = NULL;
    sw_put_text(&text, "a: ");
    while (text.size < (1 << 20)) sw_put_u8(&text, 'x');
    assert_int_equal(sw_yaml_parse(&a, sw_buffer_bytes(&text), "f", &out, NULL), SW_OK);
    sw_put_u8(&text, 'x');
    assert_int_equal(sw_yaml_parse(&a, sw_buffer_bytes(&text), "f", &out, NULL), SW_LIMIT);
}

static const sw_yaml *scalar(const char *text, bool plain) {
    static sw_yaml node;
    node = (sw_yaml){.type = SW_YAML_SCALAR, .plain = plain, .text = sw_text(text)};
    return &node;
}

static void plain_scalars_are_read_by_the_core_schema(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool whole;
        uint64_t u;
        bool number;
        double d;
    } cases[] = {
        {"0", true, 0, true, 0},
        {"12", true, 12, true, 12},
        {"+12", true, 12, true, 12},
        {"007", true, 7, true, 7},
        {"0x1F", true, 31, true, 31},
        {"0o17", true, 15, true, 15},
        {"18446744073709551615", true, UINT64_MAX, true, 18446744073709551616.0},
        {"18446744073709551616", false, 0, true, 18446744073709551616.0},
        {"-12", false, 0, true, -12},
        {"1.5", false, 0, true, 1.5},
        {".5", false, 0, true, 0.5},
        {"5.", false, 0, true, 5},
        {"2e-4", false, 0, true, 2e-4},
        {"1E+3", false, 0, true, 1000},
        {"-.5e1", false, 0, true, -5},
        {"", false, 0, false, 0},
        {"+", false, 0, false, 0},
        {".", false, 0, false, 0},
        {"1e", false, 0, false, 0},
        {"1e+", false, 0, false, 0},
        {"1_000", false, 0, false, 0},
        {"0b1", false, 0, false, 0},
        {"0x", false, 0, false, 0},
        {"0xg", false, 0, false, 0},
        {"0o8", false, 0, false, 0},
        {"-0x1", false, 0, false, 0},
        {"1 2", false, 0, false, 0},
        {"1.2.3", false, 0, false, 0},
        {".inf", false, 0, false, 0},
        {".nan", false, 0, false, 0},
        {"nan", false, 0, false, 0},
        {"inf", false, 0, false, 0},
        {"1e999", false, 0, false, 0},
        {"0x1p3", false, 0, false, 0},
        {"12:30", false, 0, false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t u = 0;
        double d = 0;
        const sw_yaml *node = scalar(cases[i].text, true);
        if (sw_yaml_u64(node, &u) != cases[i].whole || u != cases[i].u) fail_msg("whole %zu", i);
        if (sw_yaml_number(node, &d) != cases[i].number || d != cases[i].d)
            fail_msg("number %zu", i);
        node = scalar(cases[i].text, false); /* quotes make it text */
        assert_false(sw_yaml_u64(node, &u) || sw_yaml_number(node, &d));
    }
    assert_false(sw_yaml_u64(NULL, &(uint64_t){0}));
}

static void words_are_read_by_the_core_schema(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int flag; /* 1, 0, or -1 for none */
        bool null;
    } cases[] = {{"true", 1, false},  {"True", 1, false},  {"TRUE", 1, false},  {"false", 0, false},
                 {"False", 0, false}, {"FALSE", 0, false}, {"tRUE", -1, false}, {"yes", -1, false},
                 {"no", -1, false},   {"on", -1, false},   {"y", -1, false},    {"1", -1, false},
                 {"null", -1, true},  {"Null", -1, true},  {"NULL", -1, true},  {"~", -1, true},
                 {"", -1, true},      {"nULL", -1, false}, {"none", -1, false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool flag = false;
        const sw_yaml *node = scalar(cases[i].text, true);
        assert_int_equal(sw_yaml_flag(node, &flag), cases[i].flag >= 0);
        assert_int_equal(flag, cases[i].flag == 1);
        assert_int_equal(sw_yaml_null(node), cases[i].null);
        node = scalar(cases[i].text, false);
        assert_false(sw_yaml_flag(node, &flag) || sw_yaml_null(node));
    }
}

static void the_nearest_name_is_a_hint(void **state) {
    (void)state;
    static const char *const names[] = {"learning_rate", "lora_alpha", "lora_r", "seed", NULL};
    static const struct {
        const char *given, *nearest;
    } cases[] = {{"learning_rte", "learning_rate"},
                 {"learningrate", "learning_rate"},
                 {"Lora_Alpha", "lora_alpha"},
                 {"lora_apha", "lora_alpha"},
                 {"lora", "lora_r"},
                 {"sed", "seed"},
                 {"seeds", "seed"},
                 {"zzz", NULL},
                 {"", NULL},
                 {"x", NULL},
                 {"something entirely different", NULL}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *nearest = sw_nearest_name(sw_text(cases[i].given), names);
        if (cases[i].nearest == NULL)
            assert_null(nearest);
        else
            assert_string_equal(nearest, cases[i].nearest);
    }
    char longest[65];
    memset(longest, 'l', sizeof longest);
    assert_null(sw_nearest_name(SW_BYTES(longest, 64), names));
    assert_null(sw_nearest_name(SW_BYTES(longest, 63), names));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_yaml_should_not_say_is_refused),
        cmocka_unit_test(a_tree_holds_text_and_places),
        cmocka_unit_test(limits_hold_at_their_edge),
        cmocka_unit_test(plain_scalars_are_read_by_the_core_schema),
        cmocka_unit_test(words_are_read_by_the_core_schema),
        cmocka_unit_test(the_nearest_name_is_a_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
