/* SPDX-License-Identifier: Apache-2.0
 *
 * Renderings equal to transformers' (docs/formats/template.md): the goldens are made by
 * tests/parity/template_golden.py with transformers 5.24.0 and jinja2 3.1.6. Then what is refused,
 * and the limits.
 */
#include "tokenizer/files.h"
#include "tokenizer/jinja.h"

static sw_bytes text_of(const sw_json *object, const char *name) {
    const sw_json *member = sw_json_member(object, name);
    return member && member->type == SW_JSON_STRING ? member->text : (sw_bytes){0};
}

static sw_status render_case(sw_arena *arena, const sw_json *c, sw_buffer *out,
                             sw_jinja_spans *spans, sw_error *err) {
    const sw_json *tools = sw_json_member(c, "tools");
    sw_jinja *t = NULL;
    const sw_jinja_input input = {.messages = sw_json_member(c, "messages"),
                                  .tools = tools->type == SW_JSON_ARRAY ? tools : NULL,
                                  .add_generation_prompt =
                                      sw_json_member(c, "add_generation_prompt")->boolean,
                                  .bos_token = text_of(c, "bos_token"),
                                  .eos_token = text_of(c, "eos_token"),
                                  .date = text_of(c, "date")};
    SW_TRY(sw_jinja_parse(text_of(c, "template"), &t, err));
    sw_status status = sw_jinja_render(t, &input, out, arena, spans, err);
    sw_jinja_free(&t);
    return status;
}

static void check_golden(size_t number, const sw_json *c) {
    sw_arena arena = {0};
    SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 20);
    sw_jinja_spans spans = {0};
    sw_error err = {0};
    sw_bytes wanted = text_of(c, "text");
    sw_status status = render_case(&arena, c, &out, &spans, &err);
    if (sw_json_member(c, "refused")) {
        if (status != SW_REFUSED) fail_msg("case %zu was not refused", number);
        assert_int_equal(out.size, 0);
        sw_arena_free(&arena);
        return;
    }
    if (status != SW_OK) fail_msg("case %zu: %s", number, err.message);
    if (!sw_bytes_equal(sw_buffer_bytes(&out), wanted))
        fail_msg("case %zu: %.*s\nnot %.*s", number, (int)out.size, (const char *)out.data,
                 (int)wanted.size, (const char *)wanted.data);
    size_t i = 0;
    for (const sw_json *span = sw_json_member(c, "spans")->first; span; span = span->next, i++) {
        assert_true(i < spans.count);
        assert_int_equal(spans.spans[i].start, span->first->integer);
        assert_int_equal(spans.spans[i].end, span->last->integer);
    }
    assert_int_equal(i, spans.count);
    sw_arena_free(&arena);
}

static void test_goldens(void **state) {
    (void)state;
    sw_arena arena = {0};
    sw_json *all;
    size_t number = 0;
    assert_int_equal(
        sw_json_parse(&arena, read_golden(&arena, "tokenizer", "template.json"), NULL, &all, NULL),
        SW_OK);
    for (const sw_json *c = all->first; c; c = c->next) check_golden(number++, c);
    assert_true(number > 150);
    sw_arena_free(&arena);
}

/* ---- one conversation, one template ---- */

static sw_status render(const char *text, const char *messages, sw_buffer *out, sw_error *err) {
    sw_arena arena = {0};
    sw_jinja *t = NULL;
    sw_json *list;
    sw_status status = sw_jinja_parse(sw_text(text), &t, err);
    if (status == SW_OK) {
        assert_int_equal(sw_json_parse(&arena, sw_text(messages), NULL, &list, NULL), SW_OK);
        const sw_jinja_input input = {.messages = list};
        status = sw_jinja_render(t, &input, out, &arena, NULL, err);
    }
    sw_jinja_free(&t);
    sw_arena_free(&arena);
    return status;
}

/* TPL-004: by name and line, when it is parsed. */
static void test_unknown_is_refused_by_name(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"{{ x | sort }}", "line 1: the filter sort is"},
        {"\n\n{{ x | tojson | safe }}", "line 3: the filter safe is"},
        {"{{ x is odd }}", "the test odd is"},
        {"{{ x is not odd }}", "the test odd is"},
        {"{{ x | select('odd') }}", "the test odd is"},
        {"{{ x | selectattr('a', 'callable') }}", "the test callable is"},
        {"{{ x | select(y) }}", "not named in a string"},
        {"{{ x | select('equalto') }}", "too many or too few"},
        {"{{ x | select('none', 1) }}", "too many or too few"},
        {"{{ range(3) }}", "range is not known"},
        {"{{ open('/etc/passwd') }}", "the function open is"},
        {"{{ x.format('a') }}", "the method format is"},
        {"{{ x.__class__ }}", "begins with __"},
        {"{{ ''.__class__.__mro__ }}", "begins with __"},
        {"{{ x() () }}", "the function x is"},
        {"{{ 'x'() }}", "a call of what is no function"},
        {"{{ x['a']() }}", "a call of what is no function"},
        {"{% if false %}{{ x | sort }}{% endif %}", "the filter sort is"},
        {"{% macro m() %}{% endmacro %}", "the statement macro is"},
        {"{% include 'a' %}", "the statement include is"},
        {"{% import 'a' as b %}", "the statement import is"},
        {"{% raw %}{% endraw %}", "the statement raw is"},
        {"{% set x %}a{% endset %}", "set without ="},
        {"{% for x in y recursive %}{% endfor %}", "recursive"},
        {"{% for x in y %}{% break %}{% endfor %}", "the statement break is"},
        {"{% generation %}{% generation %}{% endgeneration %}{% endgeneration %}",
         "inside another"},
        {"{{ 1 / 2 }}", "the operator / is"},
        {"{{ 1 // 2 }}", "the operator // is"},
        {"{{ 2 ** 2 }}", "the operator ** is"},
        {"{{ x | trim(1, 2) }}", "trim with an argument"},
        {"{{ x | tojson(separators=1) }}", "tojson with an argument"},
        {"{{ x | map('upper') }}", "map with an argument"},
        {"{{ x | replace('a') }}", "replace lacks an argument"},
        {"{{ x is none 1 }}", "the test none with an argument"},
        {"{{ x is equalto }}", "equalto lacks an argument"},
        {"{{ raise_exception() }}", "raise_exception lacks"},
        {"{{ pad_token }}", "pad_token is not known"},
        {"{{ namespace(_a=1) }}", "begins with _"},
        {"{{ namespace({}) }}", "a name expected"},
        {"{% set ns._a = 1 %}", "begins with _"},
        {"{% set namespace = 1 %}", "cannot be given another meaning"},
        {"{% for loop in x %}{% endfor %}", "cannot be given another meaning"},
        {"{% set true = 1 %}", "cannot be given another meaning"},
        {"{{ 99999999999999999 }}", "too large"},
        {"{{ x[1, 2] }}", "a subscript"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_jinja *t = NULL;
        sw_error err = {0};
        sw_status status = sw_jinja_parse(sw_text(cases[i].text), &t, &err);
        if (status == SW_OK || !strstr(err.message, cases[i].says))
            fail_msg("%s: %s", cases[i].text, err.message);
        assert_null(t);
        assert_string_equal(err.word, "template");
    }
}

static void test_malformed(void **state) {
    (void)state;
    static const char *const cases[] = {
        "{{",
        "{{ x",
        "{{ }}",
        "{% %}",
        "{%",
        "{#",
        "{{ 'a }}",
        "{{ 'a\\' }}",
        "{{ (1 }}",
        "{{ 1) }}",
        "{{ [1 }}",
        "{{ (1] }}",
        "{{ {1} }}",
        "{{ {1:} }}",
        "{{ 1 2 }}",
        "{{ x. }}",
        "{{ x[ }}",
        "{{ x[] }}",
        "{{ x[1:2:3:4] }}",
        "{{ x | }}",
        "{{ x is }}",
        "{{ not }}",
        "{{ 1 + }}",
        "{{ 1 if }}",
        "{{ $ }}",
        "{{ 01 }}",
        "{{ 1a }}",
        "{{ '\\ud800' }}",
        "{{ '\\xg1' }}",
        "{{ '\\777' }}",
        "{{ '\\N{DASH}' }}",
        "{{ '\\\xc3\xa9' }}",
        "\xff",
        "{{ \xc3\xa9 }}",
        "{% if %}{% endif %}",
        "{% if x %}",
        "{% if x %}{% endfor %}",
        "{% endif %}",
        "{% else %}",
        "{% if x %}{% else %}{% else %}{% endif %}",
        "{% if x %}{% else %}{% elif y %}{% endif %}",
        "{% for x in %}{% endfor %}",
        "{% for in y %}{% endfor %}",
        "{% for x y %}{% endfor %}",
        "{% for x in y %}",
        "{% set %}",
        "{% set x = %}",
        "{% set 1 = 2 %}",
        "{% generation %}",
        "{% set x = 1 }}",
        "{{ x %}",
        "{{ x(a b) }}",
        "{{ x | trim(chars=) }}",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_jinja *t = NULL;
        sw_error err = {0};
        sw_status status = sw_jinja_parse(sw_text(cases[i]), &t, &err);
        if (status != SW_MALFORMED && status != SW_REFUSED)
            fail_msg("%s was not refused: %d", cases[i], (int)status);
        assert_null(t);
    }
}

/* TPL-036, TPL-006: beyond what transformers refuses, and never with a message's text. */
static void test_refused_when_rendered(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"{{ messages }}", "a list is not printed"},
        {"{{ messages[0] }}", "an object is not printed"},
        {"{{ messages | map(attribute='role') }}", "a generator is not printed"},
        {"{{ namespace() }}", "a namespace is not printed"},
        {"{% for x in messages %}{{ loop }}{% endfor %}", "loop is not printed"},
        {"{{ strftime_now }}", "a function is not printed"},
        {"\n{{ messages[0].items }}", "line 2: the method items is used as a value"},
        {"{{ messages[0]['items'] }}", "names a method"},
        {"{{ 'a'.upper }}", "the method upper is used"},
        {"{% for x in messages %}{{ loop.cycle }}{% endfor %}", "attribute of loop"},
        {"{{ strftime_now('%Y') }}", "no date is given"},
        {"{{ messages[0].content | upper }}", "beyond ASCII"},
        {"{{ 'a' | replace('', 'b') }}", "empty text"},
        {"{{ 9007199254740991 + 1 }}", "beyond 2^53"},
        {"{{ 1e300 * 1e300 }}", "not finite"},
        {"{{ 'a' * 2 }}", "do not go together"},
        {"{{ '%s' % 'a' }}", "do not go together"},
        {"{{ [1] | tojson(indent=65) }}", "an indent"},
        {"{{ (1, 2) == (1, 2) }}", "in a comparison"},
        {"{{ (1, 2) is sequence }}", "is sequence"},
        {"{% set n = namespace(a=1) %}{% for x in messages if n.a %}{% endfor %}",
         "condition of a"},
        {"{{ {1: 2} }}", "a number as a key"},
        {"{{ raise_exception('Not\x01 this.') }}", "conversation: Not? this."},
        {"{{ raise_exception('No ' + messages[0].content) }}", "refuses this conversation"},
        {"{{ messages[0].content + 1 }}", "a text and a number"},
        {"{{ messages[0].content.x.y }}", "undefined value"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 20);
        sw_error err = {0};
        sw_put_text(&out, "before");
        sw_status status = render(
            cases[i].text, "[{\"role\":\"user\",\"content\":\"\xc3\xa9 secret\"}]", &out, &err);
        if (status != SW_REFUSED || !strstr(err.message, cases[i].says))
            fail_msg("%s: %d %s", cases[i].text, (int)status, err.message);
        assert_null(strstr(err.message, "secret"));
        assert_int_equal(out.size, 6);
    }
}

static void test_dates(void **state) {
    (void)state;
    static const char *const bad[] = {"2026-3-7",    "2026-02-29", "2026-13-01",
                                      "2026-00-01",  "2026-01-00", "0999-01-01",
                                      "2026-01-01x", "20260101",   "2100-02-29"};
    static const char *const formats[] = {"%H", "%", "%-", "%-Y", "%e", "%q", "a%"};
    sw_arena arena = {0};
    sw_json *list = sw_json_make(&arena, SW_JSON_ARRAY);
    for (size_t i = 0; i < COUNT(bad) + COUNT(formats) + 2; i++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(4096);
        bool date = i < COUNT(bad), format = !date && i < COUNT(bad) + COUNT(formats);
        char text[64];
        (void)snprintf(text, sizeof text, "{{ strftime_now('%s') }}",
                       format ? formats[i - COUNT(bad)] : "%A");
        sw_jinja *t = NULL;
        assert_int_equal(sw_jinja_parse(sw_text(text), &t, NULL), SW_OK);
        const sw_jinja_input input = {.messages = list,
                                      .date = sw_text(date ? bad[i] : "2000-02-29")};
        sw_status status = sw_jinja_render(t, &input, &out, &arena, NULL, NULL);
        assert_int_equal(status, date || format ? SW_REFUSED : SW_OK);
        if (status == SW_OK) assert_true(sw_bytes_is(sw_buffer_bytes(&out), "Tuesday"));
        sw_jinja_free(&t);
    }
    sw_arena_free(&arena);
}

/* ---- limits, TPL-003 ---- */

static sw_bytes repeated(sw_arena *arena, const char *head, const char *piece, size_t count,
                         const char *tail) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 24);
    sw_put_text(&text, head);
    for (size_t i = 0; i < count; i++) sw_put_text(&text, piece);
    sw_put_text(&text, tail);
    return sw_arena_copy(arena, sw_buffer_bytes(&text));
}

static void test_limits_of_text(void **state) {
    (void)state;
    static const struct {
        const char *head, *piece, *tail;
        size_t good, bad;
    } cases[] = {
        {"", "a", "", SW_JINJA_TEXT_LIMIT, SW_JINJA_TEXT_LIMIT + 1},
        {"{{ ", "1 + ", "1 }}", 60, SW_JINJA_DEPTH_LIMIT},
        {"{{ ", "1 if 1 else ", "1 }}", 30, SW_JINJA_DEPTH_LIMIT},
        {"{{ x", "|trim", " }}", 60, SW_JINJA_DEPTH_LIMIT},
        {"{{ x", ".a", " }}", 60, SW_JINJA_DEPTH_LIMIT},
        {"{{ ", "not ", "1 }}", 60, SW_JINJA_DEPTH_LIMIT},
        {"{{ ", "-", "1 }}", 50, SW_JINJA_DEPTH_LIMIT},
        {"{{ [", "1,", "] }}", 20000, SW_JINJA_NODE_LIMIT},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_arena arena = {0};
        sw_jinja *t = NULL;
        sw_bytes good =
            repeated(&arena, cases[i].head, cases[i].piece, cases[i].good, cases[i].tail);
        assert_int_equal(sw_jinja_parse(good, &t, NULL), SW_OK);
        sw_jinja_free(&t);
        sw_bytes bad = repeated(&arena, cases[i].head, cases[i].piece, cases[i].bad, cases[i].tail);
        assert_int_equal(sw_jinja_parse(bad, &t, NULL), SW_LIMIT);
        assert_null(t);
        sw_arena_free(&arena);
    }
}

/* Openings without an end: the depth is what is named, before the text's end is missed. */
static void test_limits_of_nesting(void **state) {
    (void)state;
    static const char *const pieces[] = {"{% if 1 %}", "{% for x in y %}"};
    for (size_t i = 0; i < COUNT(pieces) + 2; i++) {
        sw_arena arena = {0};
        sw_jinja *t = NULL;
        bool inside = i >= COUNT(pieces);
        const char *piece = inside ? (i % 2 ? "(" : "[") : pieces[i];
        size_t most = SW_JINJA_DEPTH_LIMIT + 1;
        sw_bytes deep = repeated(&arena, inside ? "{{ " : "", piece, most, "");
        assert_int_equal(sw_jinja_parse(deep, &t, NULL), SW_LIMIT);
        sw_arena_free(&arena);
    }
}

static void test_limits_of_rendering(void **state) {
    (void)state;
#define LIST "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"
    static const char *const cases[] = {
        /* iterations */
        "{% for a in " LIST " %}{% for b in " LIST " %}{% for c in " LIST " %}{% for d in " LIST
        " %}{% for e in " LIST " %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
        /* a text that doubles */
        "{% set n = namespace(s='aaaaaaaaaaaaaaaa') %}{% for a in " LIST
        " %}{% set n.s = n.s + n.s %}{% endfor %}",
        /* a list that doubles */
        "{% set n = namespace(s=" LIST ") %}{% for a in " LIST
        " %}{% set n.s = n.s + n.s %}{% endfor %}",
        /* a value that deepens */
        "{% set n = namespace(s=[]) %}{% for a in " LIST " %}{% for b in " LIST
        " %}{% set n.s = [n.s] %}{% endfor %}{% endfor %}",
        /* output */
        "{% set n = namespace(s='aaaaaaaaaaaaaaaa') %}{% for a in " LIST
        " %}{% set n.s = n.s ~ n.s %}{{ n.s }}{% endfor %}",
        /* replace that grows */
        "{% set n = namespace(s='a') %}{% for a in " LIST
        " %}{% set n.s = n.s | replace('a', 'aaaaaaaa') %}{% endfor %}",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(SIZE_MAX);
        sw_error err = {0};
        sw_status status = render(cases[i], "[]", &out, &err);
        if (status != SW_LIMIT) fail_msg("case %zu: %d %s", i, (int)status, err.message);
        assert_int_equal(out.size, 0);
    }
}

static void test_input(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) small = SW_BUFFER(4);
    assert_int_equal(render("x", "{}", &out, NULL), SW_MALFORMED);
    assert_int_equal(render("x", "[1]", &out, NULL), SW_MALFORMED);
    assert_int_equal(render("x", "[{\"n\":9007199254740993}]", &out, NULL), SW_REFUSED);
    assert_int_equal(render("long text", "[]", &small, NULL), SW_LIMIT);
    assert_int_equal(render("{{ messages[0] | length }}", "[{\"a\":null,\"b\":1}]", &out, NULL),
                     SW_OK);
    assert_true(sw_bytes_is(sw_buffer_bytes(&out), "1"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens),
        cmocka_unit_test(test_unknown_is_refused_by_name),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_refused_when_rendered),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_limits_of_text),
        cmocka_unit_test(test_limits_of_nesting),
        cmocka_unit_test(test_limits_of_rendering),
        cmocka_unit_test(test_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
