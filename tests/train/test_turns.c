/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of turns through the base model's own template (RCP-045 to RCP-047, ROW-011 to ROW-013,
 * ROW-044, ROW-045). What TRL makes of them is in golden/turns.json, by tests/parity/turns.py with
 * TRL 1.16.0 and transformers 5.23.0.
 */
#include "support.h"

#define LITERAL_CONFIG                                                                             \
    "{\"bos_token\":\"<|im_start|>\",\"eos_token\":{\"content\":\"<|im_end|>\",\"lstrip\":false}}"

static sw_status open_text(const char *text, sw_training *t, sw_row_template *out, sw_error *err) {
    const sw_chat_files files = {sw_text(text), SW_LITERAL(LITERAL_CONFIG)};
    t->chat = SW_CHAT_MODEL;
    return sw_row_template_open(&files, t, out, err);
}

static sw_status append(const miniature *m, const sw_row_template *chat, const sw_training *t,
                        const char *line, sw_rows *rows, sw_error *err) {
    bool kept;
    return sw_rows_append(rows, m->tokenizer, chat, m->end, t, sw_text(line), 7, &kept, err);
}

/* ---- the golden ---- */

static void take_settings(const sw_json *settings, sw_training *t) {
    for (const sw_json *s = settings->first; s; s = s->next) {
        bool on = s->integer != 0;
        if (sw_bytes_is(s->key, "assistant_only_loss"))
            t->assistant_only_loss = on;
        else if (sw_bytes_is(s->key, "completion_only_loss"))
            t->completion_only_loss = on;
        else
            fail_msg("a setting that this test does not know");
    }
}

static void same_rows(const sw_rows *rows, const sw_json *wanted, const char *name) {
    size_t at = 0, i = 0;
    assert_int_equal(rows->count, wanted->count);
    for (const sw_json *row = wanted->first; row; row = row->next, i++) {
        if (rows->ends[i] - at != row->count)
            fail_msg("%s, row %zu: %zu tokens, not %zu", name, i, (size_t)rows->ends[i] - at,
                     row->count);
        for (const sw_json *pair = row->first; pair; pair = pair->next, at++)
            if (rows->ids[at] != (uint32_t)pair->first->integer ||
                rows->target[at] != (uint8_t)pair->last->integer)
                fail_msg("%s, row %zu, token %zu: %u:%u, not %lld:%lld", name, i, at, rows->ids[at],
                         rows->target[at], (long long)pair->first->integer,
                         (long long)pair->last->integer);
    }
}

/* The miniature's tokeniser with a post-processor that takes blanks out of offsets. */
static sw_tokenizer *open_trimmed(const miniature *m) {
    static const char from[] = "\"post_processor\": null",
                      to[] = "\"post_processor\": {\"type\": \"ByteLevel\", \"add_prefix_space\": "
                             "false, \"trim_offsets\": true, \"use_regex\": true}";
    SW_SCOPED(sw_buffer) text = SW_BUFFER(LIMIT);
    sw_bytes file = miniature_file(m, "tokenizer.json");
    const uint8_t *at = memmem(file.data, file.size, from, strlen(from));
    assert_non_null(at);
    size_t before = (size_t)(at - file.data), behind = before + strlen(from);
    sw_tokenizer *t = NULL;
    sw_put_bytes(&text, SW_BYTES(file.data, before));
    sw_put_text(&text, to);
    sw_put_bytes(&text, SW_BYTES(file.data + behind, file.size - behind));
    assert_int_equal(sw_tokenizer_open(sw_buffer_bytes(&text), &t, NULL), SW_OK);
    return t;
}

static void one_case(const miniature *m, const sw_json *golden, const sw_json *c) {
    char name[64];
    sw_error err = {0};
    sw_rows rows = {0};
    sw_row_template chat = {0};
    sw_training t = small_settings();
    bool trimmed = sw_json_member(c, "trimmed")->integer != 0;
    sw_tokenizer *own = trimmed ? open_trimmed(m) : NULL, *tokenizer = own ? own : m->tokenizer;
    sw_bytes word = sw_json_member(c, "template")->text, form = sw_json_member(c, "rows")->text;
    snprintf(name, sizeof name, "%.*s, %.*s", (int)word.size, (const char *)word.data,
             (int)form.size, (const char *)form.data);
    const sw_json *text = sw_json_member(golden, "templates")->first, *lines;
    while (!sw_bytes_equal(text->key, word)) text = text->next;
    lines = sw_json_member(golden, "rows")->first;
    while (!sw_bytes_equal(lines->key, form)) lines = lines->next;
    t.max_length = (uint32_t)sw_json_member(golden, "max_length")->integer;
    t.chat = SW_CHAT_MODEL;
    t.template_date = sw_bytes_is(word, "dated") ? 20261128 : 0;
    take_settings(sw_json_member(c, "settings"), &t);
    const sw_chat_files files = {text->text, miniature_file(m, "tokenizer_config.json")};
    if (sw_row_template_open(&files, &t, &chat, &err) != SW_OK)
        fail_msg("%s: %s", name, err.message);
    for (const sw_json *line = lines->first; line; line = line->next) {
        bool kept;
        if (sw_rows_append(&rows, tokenizer, &chat, m->end, &t, line->text, 1, &kept, &err) !=
            SW_OK)
            fail_msg("%s: %s", name, err.message);
    }
    same_rows(&rows, sw_json_member(c, "sequences"), name);
    if (own) sw_tokenizer_close(&own);
    sw_row_template_close(&chat);
    sw_rows_free(&rows);
}

static void test_rows_are_trls(void **state) {
    const miniature *m = *state;
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(LIMIT);
    sw_json *golden = NULL;
    assert_int_equal(sw_file_read("tests/train/golden/turns.json", LIMIT, &text, NULL), SW_OK);
    assert_int_equal(sw_json_parse(&arena, sw_buffer_bytes(&text), NULL, &golden, NULL), SW_OK);
    const sw_json *cases = sw_json_member(golden, "cases");
    for (const sw_json *c = cases->first; c; c = c->next) one_case(m, golden, c);
    assert_int_equal(cases->count, 21);
}

/* ---- what a template and a recipe ask of each other ---- */

static void test_asked_of_each_other(void **state) {
    (void)state;
    static const char plain[] = "{% for m in messages %}{{ m.content }}{% endfor %}",
                      dated[] = "{{ strftime_now('%Y') }}",
                      told[] = "{{ strftime_now is defined }}",
                      never[] = "{% if false %}{{ strftime_now('%Y') }}{% endif %}",
                      marked[] = "{%- generation -%}a{% endgeneration %}";
    static const struct {
        const char *text;
        uint32_t date;
        bool assistant;
        sw_status status;
        const char *says;
    } cases[] = {
        {plain, 0, false, SW_OK, ""},
        {dated, 20261128, false, SW_OK, ""},
        {marked, 0, true, SW_OK, ""},
        {marked, 0, false, SW_OK, ""},
        {told, 0, false, SW_OK, ""},
        {dated, 0, false, SW_REFUSED, "asks for the date, and the recipe gives none"},
        {never, 0, false, SW_REFUSED, "asks for the date, and the recipe gives none"},
        {plain, 20261128, false, SW_REFUSED, "template_date is not read"},
        {told, 20261128, false, SW_REFUSED, "template_date is not read"},
        {plain, 0, true, SW_REFUSED, "needs a template with {% generation %} blocks"},
        {"{% generate %}", 0, false, SW_REFUSED,
         "the base model's template: chat_template, line 1"},
        {"{% if %}", 0, false, SW_MALFORMED, "the base model's template: chat_template, line 1"},
        {"\xff", 0, false, SW_MALFORMED, "not UTF-8"},
        {"", 0, false, SW_REFUSED, "is model, but the base model carries none"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sw_training t = small_settings();
        sw_row_template chat = {.named = SW_TEMPLATE_CHATML_SMOLLM2};
        sw_error err = {0};
        t.template_date = cases[i].date;
        t.assistant_only_loss = cases[i].assistant;
        sw_status status = open_text(cases[i].text, &t, &chat, &err);
        if (status != cases[i].status || !strstr(err.message, cases[i].says))
            fail_msg("case %zu: %d, %s", i, status, err.message);
        if (status != SW_OK) assert_true(chat.named == SW_TEMPLATE_CHATML_SMOLLM2 && !chat.own);
        if (status == SW_OK) sw_row_template_close(&chat);
    }
}

/* A token that tokenizer_config.json does not speak of is one that transformers would make up. */
static void test_tokens_of_the_template(void **state) {
    const miniature *m = *state;
    static const struct {
        const char *config, *text, *line;
        sw_status status;
        const char *says;
    } cases[] = {
        {"{}", "{{ messages[0].content }}", "a", SW_OK, ""},
        {"{}", "{{ bos_token }}", "", SW_REFUSED, "reads bos_token, which tokenizer_config.json"},
        {"{\"bos_token\":\"x\"}", "{{ bos_token ~ eos_token }}", "", SW_REFUSED, "reads eos_token"},
        {"{\"bos_token\":null}", "{{ bos_token }}Q", "Q", SW_OK, ""},
        {"{\"bos_token\":{\"content\":\"QZ\"}}", "{{ bos_token }}", "QZ", SW_OK, ""},
        {"[]", "{{ eos_token }}", "", SW_REFUSED, "reads eos_token"},
        {"{", "a", "", SW_MALFORMED, "tokenizer_config.json: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sw_training t = small_settings();
        sw_row_template chat = {0};
        sw_error err = {0};
        sw_rows rows = {0};
        sw_tokens wanted = {0};
        t.chat = SW_CHAT_MODEL;
        t.packing = true; /* nothing is dropped */
        const sw_chat_files files = {sw_text(cases[i].text), sw_text(cases[i].config)};
        sw_status status = sw_row_template_open(&files, &t, &chat, &err);
        if (status != cases[i].status || !strstr(err.message, cases[i].says))
            fail_msg("case %zu: %d, %s", i, status, err.message);
        if (status != SW_OK) continue;
        assert_int_equal(append(m, &chat, &t,
                                "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", &rows,
                                NULL),
                         SW_OK);
        assert_int_equal(
            sw_tokenizer_encode(m->tokenizer, sw_text(cases[i].line), false, &wanted, NULL), SW_OK);
        assert_int_equal(rows.token_count, wanted.count);
        assert_memory_equal(rows.ids, wanted.ids, wanted.count * sizeof *wanted.ids);
        sw_tokens_free(&wanted);
        sw_rows_free(&rows);
        sw_row_template_close(&chat);
    }
}

/* Of a list of named ones `default` is the model's, and `tool_use` is for rows that have tools. */
static void test_a_list_of_templates(void **state) {
    const miniature *m = *state;
#define OF(name, text) "{\"name\":\"" name "\",\"template\":\"" text "\"}"
#define LINE           "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"
    static const struct {
        const char *list;
        sw_status with_tools;
    } cases[] = {{OF("default", "QZ"), SW_OK},
                 {OF("rag", "no") "," OF("default", "QZ"), SW_OK},
                 {OF("default", "QZ") "," OF("tool_use", "no"), SW_REFUSED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        SW_SCOPED(sw_buffer) config = SW_BUFFER(4096);
        sw_training t = small_settings();
        sw_row_template chat = {0};
        sw_error err = {0};
        sw_rows rows = {0};
        sw_tokens wanted = {0};
        t.chat = SW_CHAT_MODEL;
        t.packing = true; /* nothing is dropped */
        sw_put_format(&config, "{\"chat_template\":[%s]}", cases[i].list);
        const sw_chat_files files = {.tokenizer_config = sw_buffer_bytes(&config)};
        assert_int_equal(sw_row_template_open(&files, &t, &chat, NULL), SW_OK);
        assert_int_equal(append(m, &chat, &t, LINE "}", &rows, NULL), SW_OK);
        assert_int_equal(sw_tokenizer_encode(m->tokenizer, SW_LITERAL("QZ"), false, &wanted, NULL),
                         SW_OK);
        assert_int_equal(rows.token_count, wanted.count);
        assert_memory_equal(rows.ids, wanted.ids, wanted.count * sizeof *wanted.ids);
        sw_status status = append(m, &chat, &t, LINE ",\"tools\":[{}]}", &rows, &err);
        assert_int_equal(status, cases[i].with_tools);
        if (status != SW_OK) assert_non_null(strstr(err.message, "of the name tool_use"));
        sw_tokens_free(&wanted);
        sw_rows_free(&rows);
        sw_row_template_close(&chat);
    }
}

/* ---- rows ---- */

#define TURN(role, more) "{\"role\":\"" role "\"" more "}"
#define ROW(turns, more) "{\"messages\":[" turns "]" more "}"

static void test_refused_rows(void **state) {
    const miniature *m = *state;
    static const char text[] =
        "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
        "{% endgeneration %}{% else %}{{ m.content }}{% endif %}"
        "{% if m.role == 'nobody' %}{{ raise_exception('Nobody speaks here.') }}{% endif %}"
        "{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}{% endfor %}"
        "{% if tools %}{{ tools | tojson }}{% endif %}";
    static const struct {
        const char *line;
        sw_status status;
        const char *says;
    } cases[] = {
        {ROW(TURN("assistant", ",\"content\":\"a\",\"name\":\"n\",\"x\":[1]"), ""), SW_OK, ""},
        {ROW(TURN("assistant", ",\"content\":\"a\"") "," TURN(
                 "assistant", ",\"content\":null,\"tool_calls\":[1]"),
             ",\"tools\":[{\"a\":1}]"),
         SW_OK, ""},
        {ROW(TURN("assistant", ",\"content\":\"a\""), ",\"tools\":\"[1]\""), SW_OK, ""},
        {ROW(TURN("assistant", ",\"content\":\"a\""), ",\"tools\":null"), SW_OK, ""},
        {ROW(TURN("assistant", ",\"content\":\"a\""), ",\"tools\":\"null\""), SW_OK, ""},
        {ROW(TURN("assistant", ",\"content\":\"a\""), ",\"tools\":\"[\""), SW_MALFORMED,
         "row 7: tools: "},
        {ROW(TURN("assistant", ",\"content\":\"a\""), ",\"tools\":{}"), SW_MALFORMED,
         "tools must be a list"},
        {ROW(TURN("assistant", ",\"content\":\"a\""), ",\"chat_template_kwargs\":{\"a\":1}"),
         SW_MALFORMED, "chat_template_kwargs"},
        {ROW(TURN("assistant", ",\"content\":\"a\""), ",\"chat_template_kwargs\":{}"), SW_OK, ""},
        {ROW(TURN("assistant", ",\"content\":\"a\""), ",\"chat_template_kwargs\":null"), SW_OK, ""},
        {ROW("", ""), SW_MALFORMED, "messages has no turns"},
        {ROW("1", ""), SW_MALFORMED, "row 7: "},
        {ROW("{\"content\":\"CANARY\"}", ""), SW_MALFORMED, "role"},
        {ROW("{\"role\":1}", ""), SW_MALFORMED, "role"},
        {ROW(TURN("user", ",\"content\":\"CANARY\""), ""), SW_MALFORMED,
         "marks nothing of the row"},
        {ROW(TURN("nobody", ",\"content\":\"CANARY\""), ""), SW_REFUSED, "Nobody speaks here."},
        {ROW(TURN("assistant", ",\"content\":[\"CANARY\"]"), ""), SW_REFUSED, "line 1"},
        {ROW(TURN("assistant", ",\"content\":\"\""), ""), SW_REFUSED, "at the beginning"},
        {"{\"text\":\"CANARY\"}", SW_MALFORMED, "no turns"},
        {"{\"prompt\":[],\"completion\":[" TURN("assistant", "") "]}", SW_MALFORMED, "prompt"},
        {"{\"prompt\":[" TURN("user", ",\"content\":\"a\"") "],\"completion\":[]}", SW_MALFORMED,
         "completion"},
    };
    sw_training t = small_settings();
    sw_row_template chat = {0};
    t.assistant_only_loss = true;
    assert_int_equal(open_text(text, &t, &chat, NULL), SW_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sw_rows rows = {0};
        sw_error err = {0};
        sw_status status = append(m, &chat, &t, cases[i].line, &rows, &err);
        if (status != cases[i].status || !strstr(err.message, cases[i].says))
            fail_msg("%s: %d, %s", cases[i].line, status, err.message);
        if (status != SW_OK) assert_non_null(strstr(err.message, "row 7: "));
        assert_null(strstr(err.message, "CANARY"));
        assert_null(strstr(err.hint, "CANARY"));
        sw_rows_free(&rows);
    }
    sw_row_template_close(&chat);
}

/* ChatML by its name and as a model's own text: the same rows. */
static void test_named_and_own_agree(void **state) {
    const miniature *m = *state;
    static const char *const forms[] = {"dialogues", "messages", "turns", "pairs", "text"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char path[64];
        sw_rows named = {0}, own = {0};
        sw_training t = small_settings();
        snprintf(path, sizeof path, "tests/parity/data/%s.jsonl", forms[i]);
        read_rows(m, &t, path, &named);
        t.chat = SW_CHAT_MODEL;
        read_rows_by(m, &t, sw_text(sw_template_text(SW_TEMPLATE_CHATML_SMOLLM2)), path, &own);
        assert_int_equal(named.count, own.count);
        assert_int_equal(named.token_count, own.token_count);
        assert_memory_equal(named.ids, own.ids, own.token_count * sizeof *own.ids);
        assert_memory_equal(named.target, own.target, own.token_count);
        sw_rows_free(&named);
        sw_rows_free(&own);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_trls),          cmocka_unit_test(test_asked_of_each_other),
        cmocka_unit_test(test_tokens_of_the_template), cmocka_unit_test(test_a_list_of_templates),
        cmocka_unit_test(test_refused_rows),           cmocka_unit_test(test_named_and_own_agree),
    };
    return cmocka_run_group_tests_name("turns", tests, group_open, group_close);
}
