/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON: refusals, spans, limits, RFC 8785 forms against npm canonicalize and node's numbers.
 */
#include "cmocka_plain.h"
#include "codec/golden_json.h"
#include "codec/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static sw_status parse(sw_arena *a, const char *text, sw_json **out, sw_error *err) {
    return sw_json_parse(a, sw_text(text), NULL, out, err);
}

static void malformed_text_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t at; /* the byte that the message names */
    } cases[] = {
        {"", 0},
        {" ", 1},
        {"\n\t\r", 3},
        {"nul", 0},
        {"nulll", 4},
        {"True", 0},
        {"NaN", 0},
        {"Infinity", 0},
        {"-Infinity", 1},
        {"undefined", 0},
        {"'a'", 0},
        {"\xef\xbb\xbf{}", 0},
        {"// no\n1", 0},
        {"1 2", 2},
        {"1,", 1},
        {"[", 1},
        {"[1", 2},
        {"[1,", 3},
        {"[1,]", 3},
        {"[,1]", 1},
        {"[1 2]", 3},
        {"[1}", 2},
        {"[1]]", 3},
        {"]", 0},
        {"{", 1},
        {"{]", 1},
        {"{\"a\"", 4},
        {"{\"a\":", 5},
        {"{\"a\":}", 5},
        {"{\"a\" 1}", 5},
        {"{\"a\":1", 6},
        {"{\"a\":1,", 7},
        {"{\"a\":1,}", 7},
        {"{\"a\":1 \"b\":2}", 7},
        {"{a:1}", 1},
        {"{1:1}", 1},
        {"{,}", 1},
        {"{\"a\":1}{", 7},
        {"{\"a\":1,\"a\":2}", 11},
        {"{\"a\":1,\"\\u0061\":2}", 16},
        {"{\"\":1,\"\":1}", 9},
        {"{\"x\":{\"b\":1,\"b\":1}}", 16},
        {"01", 1},
        {"-", 1},
        {"+1", 0},
        {".5", 0},
        {"1.", 2},
        {"1.e1", 2},
        {"1e", 2},
        {"1e+", 3},
        {"--1", 1},
        {"0x10", 1},
        {"1e999", 0},
        {"-1e999", 0},
        {"[1e309]", 1},
        {"\"", 1},
        {"\"a", 2},
        {"\"\\\"", 3},
        {"\"\\", 2},
        {"\"\n\"", 1},
        {"\"a\tb\"", 2},
        {"\"\x1f\"", 1},
        {"\"\\x\"", 1},
        {"\"\\u12\"", 1},
        {"\"\\u123g\"", 1},
        {"\"\\ud800\"", 1},
        {"\"\\udc00\"", 1},
        {"\"\\ud800\\ud800\"", 1},
        {"\"\\ud800x\"", 1},
        {"\"\\udc00\\ud800\"", 1},
        {"\"\xff\"", 1},
        {"\"\xc3\"", 1},
        {"\"\xc0\x80\"", 1},
        {"\"\xed\xa0\x80\"", 1},
        {"\"\xf4\x90\x80\x80\"", 1},
        {"\"\x80\"", 1},
        {"[1]\x01", 3},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_arena a = {0};
        sw_error err = {0};
        sw_json *out = NULL;
        char named[64];
        (void)snprintf(named, sizeof named, "JSON byte %zu: ", cases[i].at);
        if (parse(&a, cases[i].text, &out, &err) != SW_MALFORMED)
            fail_msg("case %zu is accepted", i);
        if (strncmp(err.message, named, strlen(named)) != 0)
            fail_msg("case %zu: %s instead of %s", i, err.message, named);
        assert_string_equal(err.word, "format");
        assert_null(out);
        sw_arena_free(&a);
    }
}

static void a_nul_is_no_end(void **state) {
    (void)state;
    static const sw_bytes cases[] = {SW_LITERAL("1\0"), SW_LITERAL("\0"), SW_LITERAL("[1\0]"),
                                     SW_LITERAL("\"a\0b\""), SW_LITERAL("{}\0")};
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_arena a = {0};
        sw_json *out = NULL;
        assert_int_equal(sw_json_parse(&a, cases[i], NULL, &out, NULL), SW_MALFORMED);
        sw_arena_free(&a);
    }
}

static const char whole[] = " {\"a\" : [1, -2.5e3, \"x\\u00e9\", null, true, false, {}], "
                            "\"b\":{\"c\":[]}, \"\\ud83d\\ude00\":\"\xf0\x9f\x98\x80\"} ";

static void every_cut_is_refused(void **state) {
    (void)state;
    size_t last = strlen(whole) - 1; /* without the last space it is whole */
    for (size_t size = 0; size <= last; size++) {
        sw_arena a = {0};
        sw_json *out = NULL;
        uint8_t *exact = malloc(size + 1);
        memcpy(exact, whole, size);
        sw_status status = sw_json_parse(&a, SW_BYTES(exact, size), NULL, &out, NULL);
        assert_int_equal(status, size == last ? SW_OK : SW_MALFORMED);
        free(exact);
        sw_arena_free(&a);
    }
}

static void a_tree_holds_values_and_spans(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root = NULL;
    sw_error err;
    assert_int_equal(parse(&a, whole, &root, &err), SW_OK);
    assert_int_equal(root->type, SW_JSON_OBJECT);
    assert_int_equal(root->count, 3);
    assert_int_equal(root->span.size, strlen(whole) - 2);
    const sw_json *array = sw_json_member(root, "a");
    assert_true(sw_bytes_is(array->span, "[1, -2.5e3, \"x\\u00e9\", null, true, false, {}]"));
    assert_int_equal(array->count, 7);
    const sw_json *v = array->first;
    assert_true(v->integral && v->integer == 1);
    v = v->next;
    assert_true(v->integral && v->integer == -2500 && sw_bytes_is(v->span, "-2.5e3"));
    v = v->next;
    assert_true(sw_bytes_is(v->text, "x\xc3\xa9") && sw_bytes_is(v->span, "\"x\\u00e9\""));
    v = v->next;
    assert_int_equal(v->type, SW_JSON_NULL);
    v = v->next;
    assert_true(v->type == SW_JSON_BOOL && v->boolean);
    v = v->next;
    assert_true(v->type == SW_JSON_BOOL && !v->boolean);
    v = v->next;
    assert_true(v->type == SW_JSON_OBJECT && v->count == 0 && sw_bytes_is(v->span, "{}"));
    assert_null(v->next);
    assert_true(sw_bytes_is(root->last->key, "\xf0\x9f\x98\x80"));
    assert_true(sw_bytes_equal(root->last->key, root->last->text));
    assert_null(sw_json_member(root, "c"));
    assert_null(sw_json_member(array, "a"));
    assert_null(sw_json_member(NULL, "a"));
}

static void integers_are_known_as_such(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool integral;
        int64_t integer;
    } cases[] = {{"0", true, 0},
                 {"-0", true, 0},
                 {"1e2", true, 100},
                 {"1.0", true, 1},
                 {"9007199254740991", true, 9007199254740991},
                 {"-9007199254740991", true, -9007199254740991},
                 {"9007199254740992", false, 0},
                 {"9007199254740993", false, 0},
                 {"1.5", false, 0},
                 {"1e300", false, 0},
                 {"1e-400", true, 0}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_json *v = NULL;
        assert_int_equal(parse(&a, cases[i].text, &v, NULL), SW_OK);
        assert_int_equal(v->integral, cases[i].integral);
        assert_int_equal(v->integer, cases[i].integer);
    }
}

static void repeat(char *out, char c, size_t count) {
    memset(out, c, count);
    out[count] = 0;
}

static void limits_hold_at_their_edge(void **state) {
    (void)state;
    char deep[400], number[200];
    sw_json *out = NULL;
    sw_error err;
    static const struct {
        size_t given, depth;
        sw_status status;
    } depths[] = {{0, 32, SW_OK},    {0, 33, SW_LIMIT},  {3, 3, SW_OK},        {3, 4, SW_LIMIT},
                  {128, 128, SW_OK}, {1000, 128, SW_OK}, {1000, 129, SW_LIMIT}};
    for (size_t i = 0; i < COUNT(depths); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_json_limits limits = {.depth = depths[i].given};
        repeat(deep, '[', depths[i].depth);
        repeat(deep + depths[i].depth, ']', depths[i].depth);
        assert_int_equal(sw_json_parse(&a, sw_text(deep), &limits, &out, &err), depths[i].status);
    }
    SW_SCOPED(sw_arena) a = {0};
    sw_json_limits nodes = {.nodes = 3}, bytes = {.bytes = 5};
    assert_int_equal(sw_json_parse(&a, sw_text("[1,2]"), &nodes, &out, &err), SW_OK);
    assert_int_equal(sw_json_parse(&a, sw_text("[1,2,3]"), &nodes, &out, &err), SW_LIMIT);
    assert_int_equal(sw_json_parse(&a, sw_text("[1,2]"), &bytes, &out, &err), SW_OK);
    assert_int_equal(sw_json_parse(&a, sw_text("[1,2] "), &bytes, &out, &err), SW_LIMIT);
    repeat(number, '1', 128);
    assert_int_equal(parse(&a, number, &out, &err), SW_OK);
    repeat(number, '1', 129);
    assert_int_equal(parse(&a, number, &out, &err), SW_MALFORMED);
    sw_arena small = {.limit_bytes = 64};
    assert_int_equal(parse(&small, "[1,2,3]", &out, &err), SW_MEMORY);
    sw_arena_free(&small);
}

/* 100,000 members in one object: sorting, not pairs. */
static void many_members_are_no_burden(void **state) {
    (void)state;
    for (int repeated = 0; repeated < 2; repeated++) {
        SW_SCOPED(sw_arena) a = {0};
        SW_SCOPED(sw_buffer) text = SW_BUFFER(16 << 20);
        sw_json *out = NULL;
        for (int i = 0; i < 100000; i++)
            sw_put_format(&text, "%c\"%d\":0", i == 0 ? '{' : ',', i * 7919 % 100003);
        sw_put_text(&text, repeated ? ",\"5\":1}" : "}");
        assert_int_equal(sw_json_parse(&a, sw_buffer_bytes(&text), NULL, &out, NULL),
                         repeated ? SW_MALFORMED : SW_OK);
    }
}

/* ---- RFC 8785 ---- */

static void documents_have_the_form_of_canonicalize(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(golden_documents); i++) {
        SW_SCOPED(sw_arena) a = {0};
        SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 16);
        SW_SCOPED(sw_buffer) copied = SW_BUFFER(1 << 16);
        sw_json *tree = NULL, *again = NULL;
        const char *in = (const char *)golden_documents[i].in;
        sw_bytes expected = sw_text((const char *)golden_documents[i].out);
        assert_int_equal(parse(&a, in, &tree, NULL), SW_OK);
        sw_json_encode(&out, tree);
        if (!sw_bytes_equal(sw_buffer_bytes(&out), expected))
            fail_msg("document %zu: %.*s", i, (int)out.size, (const char *)out.data);
        assert_int_equal(sw_json_parse_canonical(&a, expected, NULL, &again, NULL), SW_OK);
        sw_json_encode(&copied, sw_json_copy(&a, tree));
        assert_true(sw_bytes_equal(sw_buffer_bytes(&copied), expected));
    }
}

static void numbers_have_the_form_of_ecmascript(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(golden_numbers); i++) {
        SW_SCOPED(sw_arena) a = {0};
        SW_SCOPED(sw_buffer) out = SW_BUFFER(64);
        double v;
        memcpy(&v, &golden_numbers[i].bits, sizeof v);
        sw_json *array = sw_json_make(&a, SW_JSON_ARRAY), *back = NULL;
        sw_json_add_number(&a, array, NULL, v);
        sw_json_encode(&out, array->first);
        if (!sw_bytes_is(sw_buffer_bytes(&out), golden_numbers[i].text))
            fail_msg("%s is written %.*s", golden_numbers[i].text, (int)out.size,
                     (const char *)out.data);
        assert_int_equal(parse(&a, golden_numbers[i].text, &back, NULL), SW_OK);
        assert_true(back->number == v);
    }
}

static void only_the_canonical_form_passes(void **state) {
    (void)state;
    static const char *const cases[] = {
        " {}",
        "{} ",
        "{}\n",
        "{\"b\":1,\"a\":2}",
        "1.0",
        "1e2",
        "-0",
        "0.10",
        "1E30",
        "\"\\u0061\"",
        "\"\\/\"",
        "\"\\u000a\"",
        "[1, 2]",
        "{\"a\": 1}",
        "\"\\u00e9\"",
        "\"\\u001F\"",
        "100000000000000000000000",
        "[1.50]",
        "{\"\\ue000\":1,\"\\ud800\\udc00\":2}",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_json *out = NULL;
        sw_error err;
        assert_int_equal(parse(&a, cases[i], &out, &err), SW_OK);
        out = NULL;
        assert_int_equal(sw_json_parse_canonical(&a, sw_text(cases[i]), NULL, &out, &err),
                         SW_MALFORMED);
        assert_null(out);
    }
}

/* Each flipped bit of a canonical text is refused or is another canonical text with another value.
 */
static void no_flip_is_the_same_document(void **state) {
    (void)state;
    char text[] = "{\"a\":[1.5,\"x\",true],\"b\":{\"c\":\"\xc3\xa9\"}}";
    SW_SCOPED(sw_arena) a = {0};
    for (size_t bit = 0; bit < 8 * (sizeof text - 1); bit++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(256);
        sw_json *tree = NULL;
        text[bit / 8] ^= (char)(1 << bit % 8);
        sw_bytes input = SW_BYTES(text, sizeof text - 1);
        if (sw_json_parse_canonical(&a, input, NULL, &tree, NULL) == SW_OK) {
            sw_json_encode(&out, tree);
            assert_true(sw_bytes_equal(sw_buffer_bytes(&out), input));
        }
        text[bit / 8] ^= (char)(1 << bit % 8);
    }
}

/* ---- building ---- */

static void a_built_tree_is_encoded_sorted(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) out = SW_BUFFER(1000);
    char key[] = "zz";
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_text(&a, root, key, SW_LITERAL("last\n"));
    key[0] = 'q'; /* the name was copied */
    sw_json_add_integer(&a, root, "n", -5);
    sw_json_add_number(&a, root, "m", 0.5);
    sw_json_add_flag(&a, root, "f", true);
    sw_json_add_null(&a, root, "e");
    sw_json_add_hex(&a, root, "h", SW_LITERAL("\x01\xab"));
    sw_json_add_base64(&a, root, "g", SW_LITERAL("\x01\xab"));
    sw_json *list = sw_json_add_array(&a, root, "list");
    sw_json_add_text(&a, list, NULL, SW_LITERAL(""));
    (void)sw_json_add_object(&a, list, NULL);
    (void)sw_json_add(list, NULL, sw_json_copy(&a, root->first));
    sw_json_encode(&out, root);
    assert_true(
        sw_bytes_is(sw_buffer_bytes(&out),
                    "{\"e\":null,\"f\":true,\"g\":\"Aas=\",\"h\":\"01ab\",\"list\":[\"\",{},"
                    "\"last\\n\"],\"m\":0.5,\"n\":-5,\"zz\":\"last\\n\"}"));
}

typedef void (*breaker)(sw_arena *, sw_json *);
static void add_repeated(sw_arena *a, sw_json *o) {
    sw_json_add_null(a, o, "a");
    sw_json_add_null(a, o, "a");
}
static void add_repeated_apart(sw_arena *a, sw_json *o) {
    sw_json_add_null(a, o, "b");
    sw_json_add_null(a, o, "a");
    sw_json_add_null(a, o, "b");
}
static void add_infinity(sw_arena *a, sw_json *o) {
    sw_json_add_number(a, o, "a", INFINITY);
}
static void add_nan(sw_arena *a, sw_json *o) {
    sw_json_add_number(a, o, "a", NAN);
}
static void add_large(sw_arena *a, sw_json *o) {
    sw_json_add_integer(a, o, "a", INT64_MAX);
}
static void add_bad_text(sw_arena *a, sw_json *o) {
    sw_json_add_text(a, o, "a", SW_LITERAL("\xff"));
}
static void add_bad_key(sw_arena *a, sw_json *o) {
    sw_json_add_null(a, o, "\xff");
}
static void add_no_key(sw_arena *a, sw_json *o) {
    sw_json_add_null(a, o, NULL);
}
static void add_nothing(sw_arena *a, sw_json *o) {
    (void)a;
    assert_null(sw_json_add(o, "a", NULL));
}
static void add_key_in_array(sw_arena *a, sw_json *o) {
    sw_json_add_null(a, sw_json_add_array(a, o, "a"), "key");
}
static void add_to_scalar(sw_arena *a, sw_json *o) {
    sw_json_add_flag(a, o, "a", true);
    sw_json_add_null(a, o->first, "b");
}
static void add_too_deep(sw_arena *a, sw_json *o) {
    for (int i = 0; i < 128; i++) o = sw_json_add_object(a, o, "a");
}
static void add_beyond_memory(sw_arena *a, sw_json *o) {
    a->limit_bytes = a->used_bytes + 40;
    sw_json_add_null(a, o, "a");
}

static void a_broken_tree_is_not_encoded(void **state) {
    (void)state;
    static const breaker breakers[] = {
        add_repeated,  add_repeated_apart, add_infinity,     add_nan,     add_large,
        add_bad_text,  add_bad_key,        add_no_key,       add_nothing, add_key_in_array,
        add_to_scalar, add_too_deep,       add_beyond_memory};
    for (size_t i = 0; i < COUNT(breakers); i++) {
        SW_SCOPED(sw_arena) a = {0};
        SW_SCOPED(sw_buffer) out = SW_BUFFER(10000);
        sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
        breakers[i](&a, root);
        sw_json_encode(&out, root);
        if (!out.failed) fail_msg("breaker %zu is encoded", i);
    }
    SW_SCOPED(sw_buffer) out = SW_BUFFER(100);
    SW_SCOPED(sw_arena) a = {0};
    sw_json_add_null(&a, NULL, "a");
    assert_null(sw_json_add_object(&a, NULL, "a"));
    assert_null(sw_json_copy(&a, NULL));
    sw_json_encode(&out, NULL);
    assert_true(out.failed);
}

/* ---- strict objects ---- */

static void objects_are_read_strictly(void **state) {
    (void)state;
    static const char *const names[] = {"t", "n", "?o", NULL};
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"t\":1,\"n\":2}", NULL},
        {"{\"t\":1,\"n\":2,\"o\":3}", NULL},
        {"{\"n\":2,\"o\":3}", "here.t is missing"},
        {"{}", "here.t is missing"},
        {"{\"t\":1,\"n\":2,\"x\":3}", "here.x is not known here"},
        {"{\"t\":1,\"n\":2,\"?o\":3}", "here.?o is not known here"},
        {"{\"t\":1,\"n\":2,\"\\u001b[1m\":3}", "here.(a member) is not known here"},
        {"{\"t\":1,\"n\":2,\"\":3}", "here.(a member) is not known here"},
        {"[]", "here is not an object"},
        {"null", "here is not an object"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_json *v = NULL;
        sw_error err = {0};
        assert_int_equal(parse(&a, cases[i].text, &v, &err), SW_OK);
        sw_status status = sw_json_expect(v, "here", names, &err);
        assert_int_equal(status, cases[i].message == NULL ? SW_OK : SW_MALFORMED);
        if (cases[i].message != NULL) assert_string_equal(err.message, cases[i].message);
    }
}

static void members_have_their_types(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_json *v = NULL;
    const sw_json *inner = NULL;
    sw_bytes text = {NULL, 0};
    uint64_t u = 77;
    bool flag = false;
    uint8_t two[2] = {9, 9};
    sw_hash hash = {{7}};
    sw_error err;
    assert_int_equal(parse(&a,
                           "{\"t\":\"x\",\"n\":5,\"m\":-1,\"h\":1.5,\"f\":true,\"hex\":\"01ab\","
                           "\"HEX\":\"01AB\",\"list\":[1,2],\"o\":{}}",
                           &v, &err),
                     SW_OK);
    assert_int_equal(sw_json_text(v, "w", "t", &text, &err), SW_OK);
    assert_true(sw_bytes_is(text, "x"));
    assert_int_equal(sw_json_u64(v, "w", "n", 5, &u, &err), SW_OK);
    assert_int_equal(u, 5);
    assert_int_equal(sw_json_flag(v, "w", "f", &flag, &err), SW_OK);
    assert_true(flag);
    assert_int_equal(sw_json_hex(v, "w", "hex", two, 2, &err), SW_OK);
    assert_memory_equal(two, "\x01\xab", 2);
    assert_int_equal(sw_json_array(v, "w", "list", 2, &inner, &err), SW_OK);
    assert_int_equal(sw_json_object(v, "w", "o", &inner, &err), SW_OK);
    assert_int_equal(sw_json_text(v, "w", "n", &text, &err), SW_MALFORMED);
    assert_string_equal(err.message, "w.n is not a string");
    assert_int_equal(sw_json_text(v, "", "z", &text, &err), SW_MALFORMED);
    assert_string_equal(err.message, "z is missing");
    assert_int_equal(sw_json_u64(v, "w", "n", 4, &u, &err), SW_MALFORMED);
    assert_int_equal(sw_json_u64(v, "w", "m", 9, &u, &err), SW_MALFORMED);
    assert_int_equal(sw_json_u64(v, "w", "h", 9, &u, &err), SW_MALFORMED);
    assert_int_equal(sw_json_u64(v, "w", "t", 9, &u, &err), SW_MALFORMED);
    assert_int_equal(sw_json_flag(v, "w", "n", &flag, &err), SW_MALFORMED);
    assert_int_equal(sw_json_hex(v, "w", "HEX", two, 2, &err), SW_MALFORMED);
    assert_int_equal(sw_json_hex(v, "w", "hex", two, 1, &err), SW_MALFORMED);
    assert_int_equal(sw_json_hash(v, "w", "hex", &hash, &err), SW_MALFORMED);
    assert_int_equal(sw_json_array(v, "w", "list", 1, &inner, &err), SW_LIMIT);
    assert_int_equal(sw_json_array(v, "w", "o", 1, &inner, &err), SW_MALFORMED);
    assert_int_equal(sw_json_object(v, "w", "list", &inner, &err), SW_MALFORMED);
    assert_int_equal(u, 5); /* outputs untouched */
    assert_int_equal(hash.b[0], 7);
    assert_memory_equal(two, "\x01\xab", 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_text_is_refused),
        cmocka_unit_test(a_nul_is_no_end),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(a_tree_holds_values_and_spans),
        cmocka_unit_test(integers_are_known_as_such),
        cmocka_unit_test(limits_hold_at_their_edge),
        cmocka_unit_test(many_members_are_no_burden),
        cmocka_unit_test(documents_have_the_form_of_canonicalize),
        cmocka_unit_test(numbers_have_the_form_of_ecmascript),
        cmocka_unit_test(only_the_canonical_form_passes),
        cmocka_unit_test(no_flip_is_the_same_document),
        cmocka_unit_test(a_built_tree_is_encoded_sorted),
        cmocka_unit_test(a_broken_tree_is_not_encoded),
        cmocka_unit_test(objects_are_read_strictly),
        cmocka_unit_test(members_have_their_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
