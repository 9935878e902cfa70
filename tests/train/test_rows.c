/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows: which lines are refused and how, which are dropped or cut, and the wire form between
 * processes (docs/formats/training.md ROW-001 ...). What TRL makes of good lines is in
 * test_golden.c.
 */
#include "support.h"

static sw_status append(const miniature *m, const sw_training *t, const char *line, size_t size,
                        sw_rows *rows, bool *kept, sw_error *err) {
    static const sw_row_template chat = {.named = SW_TEMPLATE_CHATML};
    return sw_rows_append(rows, m->tokenizer, &chat, m->end, t, SW_BYTES(line, size), 7, kept, err);
}

static void test_refused_lines(void **state) {
    const miniature *m = *state;
    static const char *const lines[] = {
        "",
        " ",
        "null",
        "[]",
        "\"text\"",
        "{}",
        "{\"text\":1}",
        "{\"text\":null}",
        "{\"text\":[\"a\"]}",
        "{\"text\":\"a\"",
        "{\"text\":\"a\"}{\"text\":\"b\"}",
        "{\"text\":\"a\",\"text\":\"b\"}",
        "{\"text\":\"\\ud800\"}",
        "{\"text\":\"\xff\"}",
        "{\"text\":\"a\",\"messages\":[]}",
        "{\"prompt\":\"a\"}",
        "{\"completion\":\"a\"}",
        "{\"prompt\":\"a\",\"completion\":1}",
        "{\"prompt\":1,\"completion\":1}",
        "{\"prompt\":{},\"completion\":{}}",
        "{\"prompt\":\"a\",\"completion\":[{\"role\":\"user\",\"content\":\"b\"}]}",
        "{\"prompt\":[{\"role\":\"user\",\"content\":\"b\"}],\"completion\":\"a\"}",
        "{\"prompt\":[],\"completion\":[{\"role\":\"assistant\",\"content\":\"b\"}]}",
        "{\"prompt\":[{\"role\":\"user\",\"content\":\"b\"}],\"completion\":[]}",
        "{\"prompt\":\"a\",\"completion\":\"b\",\"text\":\"c\"}",
        "{\"messages\":\"a\"}",
        "{\"messages\":{}}",
        "{\"messages\":[]}",
        "{\"messages\":[1]}",
        "{\"messages\":[{}]}",
        "{\"messages\":[{\"role\":\"user\"}]}",
        "{\"messages\":[{\"content\":\"a\"}]}",
        "{\"messages\":[{\"role\":1,\"content\":\"a\"}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[\"a\"]}]}",
    };
    sw_training t = small_settings();
    sw_rows rows = {0};
    bool kept;
    assert_int_equal(append(m, &t, "{\"text\":\"first\"}", 16, &rows, &kept, NULL), SW_OK);
    sw_rows before = rows;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        sw_error err = {0};
        kept = true;
        sw_status status = append(m, &t, lines[i], strlen(lines[i]), &rows, &kept, &err);
        if (status != SW_MALFORMED) fail_msg("accepted: %s", lines[i]);
        assert_non_null(strstr(err.message, "row 7"));
        assert_true(kept); /* untouched */
        assert_memory_equal(&rows, &before, sizeof rows);
    }
    sw_rows_free(&rows);
}

/* What editors and other systems write in front of a file's first row. */
static void test_marks_before_a_row(void **state) {
    const miniature *m = *state;
    const sw_training t = small_settings();
    static const struct {
        const char *line;
        size_t size;
        bool hint;
    } cases[] = {{"\xef\xbb\xbf{\"text\":\"a\"}", 15, true},
                 {"\xff\xfe{\0\"\0", 6, true},
                 {"\xfe\xff\0{\0\"", 6, true},
                 {"\xef\xbb{\"text\":\"a\"}", 14, false},
                 {"text", 4, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sw_rows rows = {0};
        sw_error err = {0};
        bool kept;
        assert_int_equal(append(m, &t, cases[i].line, cases[i].size, &rows, &kept, &err),
                         SW_MALFORMED);
        assert_int_equal(strstr(err.hint, "UTF-8 without a byte order mark") != NULL,
                         cases[i].hint);
        sw_rows_free(&rows);
    }
}

static void test_no_message_quotes_a_row(void **state) {
    const miniature *m = *state;
    sw_training t = small_settings();
    const char *good = "{\"prompt\": \"CANARY one\", \"completion\": \"CANARY two\"}";
    char copy[256];
    for (size_t cut = 0; cut < strlen(good); cut++) {
        sw_rows rows = {0};
        sw_error err = {0};
        bool kept;
        assert_int_not_equal(append(m, &t, good, cut, &rows, &kept, &err), SW_OK);
        assert_null(strstr(err.message, "CANARY"));
        assert_null(strstr(err.hint, "CANARY"));
        strcpy(copy, good);
        copy[cut] ^= 0x80; /* never valid UTF-8 */
        assert_int_not_equal(append(m, &t, copy, strlen(good), &rows, &kept, &err), SW_OK);
        assert_null(strstr(err.message, "CANARY"));
        sw_rows_free(&rows);
    }
}

/* A token that the model has no embedding for is told with its row, not with its place in all. */
static void test_rows_fit_the_vocabulary(void **state) {
    const miniature *m = *state;
    const sw_training t = small_settings();
    static const char line[] = "{\"text\":\"a b\"}";
    sw_model_config config = m->model.config;
    sw_rows rows = {0};
    sw_error err = {0};
    bool kept;
    for (int i = 0; i < 2; i++)
        assert_int_equal(append(m, &t, line, sizeof line - 1, &rows, &kept, &err), SW_OK);
    uint32_t greatest = 0;
    for (size_t i = 0; i < rows.ends[0]; i++)
        greatest = rows.ids[i] > greatest ? rows.ids[i] : greatest;
    config.vocab_size = greatest + 1;
    assert_int_equal(sw_rows_check_row(&rows, 1, 9, &t, &config, &err), SW_OK);
    config.vocab_size = greatest;
    assert_int_equal(sw_rows_check_row(&rows, 1, 9, &t, &config, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "row 9 holds token "));
    assert_non_null(strstr(err.message, "config.json's vocab_size is"));
    assert_non_null(strstr(err.hint, "tokenizer.json"));
    sw_rows_free(&rows);
}

/* ROW-003: the tokeniser's word goes before config.json's. */
static void test_what_ends_a_row(void **state) {
    const miniature *m = *state;
    static const struct {
        const char *config;
        uint32_t listed; /* by config.json */
        uint32_t id;     /* UINT32_MAX: refused */
        const char *said;
    } cases[] = {
        {"{\"eos_token\":\"<|im_end|>\"}", 0, 2, ""},
        {"{\"eos_token\":\"<|endoftext|>\"}", 2, 0, ""},
        {"{\"eos_token\":{\"content\":\"<|endoftext|>\",\"lstrip\":false}}", 2, 0, ""},
        {"{\"eos_token\":\"<|im_end|>\"}", UINT32_MAX, 2, ""},
        {"{\"eos_token\":null}", 1, 1, ""},
        {"{}", 2, 2, ""},
        {"", 2, 2, ""},
        {"{}", UINT32_MAX, UINT32_MAX, "row 7: neither eos_token of tokenizer_config.json nor"},
        {"", 1u << 19, UINT32_MAX, "first eos_token_id of config.json is no token of"},
        {"{\"eos_token\":\"<|eot_id|>\"}", 2, UINT32_MAX,
         "row 7: eos_token of tokenizer_config.json is no token of tokenizer.json"},
    };
    static const char text[] = "{\"text\":\"a b\"}", turns[] = "{\"messages\":[{\"role\":"
                                                               "\"assistant\",\"content\":\"a\"}]}";
    static const sw_row_template chat = {.named = SW_TEMPLATE_CHATML};
    const sw_training t = small_settings();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sw_model_config config = {.eos_token_id = cases[i].listed};
        sw_row_end end;
        sw_rows rows = {0};
        sw_error err = {0};
        bool kept;
        assert_int_equal(
            sw_row_end_find(m->tokenizer, sw_text(cases[i].config), &config, &end, &err), SW_OK);
        assert_int_equal(end.id, cases[i].id);
        sw_status status =
            sw_rows_append(&rows, m->tokenizer, &chat, end, &t, sw_text(text), 7, &kept, &err);
        assert_int_equal(status, cases[i].id == UINT32_MAX ? SW_REFUSED : SW_OK);
        if (status == SW_OK) assert_int_equal(rows.ids[rows.token_count - 1], cases[i].id);
        if (!strstr(err.message, cases[i].said)) fail_msg("%zu: %s", i, err.message);
        assert_int_equal(
            sw_rows_append(&rows, m->tokenizer, &chat, end, &t, sw_text(turns), 8, &kept, &err),
            SW_OK); /* turns need none */
        sw_rows_free(&rows);
    }
    sw_row_end end;
    assert_int_equal(sw_row_end_find(m->tokenizer, SW_LITERAL("{"), &m->model.config, &end, NULL),
                     SW_MALFORMED);
}

/* A recipe without a template reads plain text alone (RCP-045). */
static void test_no_template_no_turns(void **state) {
    const miniature *m = *state;
    sw_training t = small_settings();
    static const char *const lines[] = {
        "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}",
        "{\"prompt\":[{\"role\":\"user\",\"content\":\"a\"}],"
        "\"completion\":[{\"role\":\"assistant\",\"content\":\"b\"}]}",
    };
    sw_rows rows = {0};
    bool kept;
    for (size_t i = 0; i < 2; i++) {
        t.chat = SW_CHAT_CHATML;
        assert_int_equal(append(m, &t, lines[i], strlen(lines[i]), &rows, &kept, NULL), SW_OK);
        t.chat = SW_CHAT_NONE;
        assert_int_equal(append(m, &t, lines[i], strlen(lines[i]), &rows, &kept, NULL), SW_REFUSED);
    }
    assert_int_equal(append(m, &t, "{\"text\":\"plain\"}", 16, &rows, &kept, NULL), SW_OK);
    sw_rows_free(&rows);
}

/* Rows that say nothing under settings that ask for what they do not hold (ROW-040, ROW-043). */
static void test_rows_of_another_kind(void **state) {
    const miniature *m = *state;
    static const char *const text = "{\"text\":\"a\"}",
                             *pair = "{\"prompt\":\"a\",\"completion\":\"b\"}",
                             *said = "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
                                     "{\"role\":\"assistant\",\"content\":\"CANARY\"}]}",
                             *asked = "{\"messages\":[{\"role\":\"user\",\"content\":\"CANARY\"}]}",
                             *turns = "{\"prompt\":[{\"role\":\"user\",\"content\":\"CANARY\"}],"
                                      "\"completion\":[{\"role\":\"other\",\"content\":\"b\"}]}";
    const struct {
        bool cpt, assistant;
        const char *line;
        sw_status status;
    } cases[] = {
        {true, false, text, SW_OK},         {true, false, pair, SW_MALFORMED},
        {true, false, said, SW_MALFORMED},  {true, false, turns, SW_MALFORMED},
        {false, true, said, SW_OK},         {false, true, text, SW_MALFORMED},
        {false, true, pair, SW_MALFORMED},  {false, true, asked, SW_MALFORMED},
        {false, true, turns, SW_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sw_training t = small_settings();
        sw_rows rows = {0};
        sw_error err = {0};
        bool kept;
        if (cases[i].cpt) t.phase = SW_PHASE_CPT;
        if (cases[i].cpt) t.chat = SW_CHAT_NONE;
        t.assistant_only_loss = cases[i].assistant;
        assert_int_equal(append(m, &t, cases[i].line, strlen(cases[i].line), &rows, &kept, &err),
                         cases[i].status);
        if (cases[i].status != SW_OK) assert_non_null(strstr(err.message, "row 7"));
        assert_null(strstr(err.message, "CANARY"));
        assert_int_equal(rows.count, cases[i].status == SW_OK);
        sw_rows_free(&rows);
    }
}

/* With packing nothing is dropped, and rows are cut where nothing else can be done with them. */
static void test_rows_to_be_packed(void **state) {
    const miniature *m = *state;
    static const char *const line = "{\"prompt\":\"QQQ\",\"completion\":\"ZZ\"}";
    static const size_t tokens[] = {3, 6, 6};
    for (int s = SW_PACKING_BFD; s <= SW_PACKING_WRAPPED; s++) {
        sw_training t = small_settings();
        sw_rows rows = {0};
        bool kept = false;
        t.packing = true;
        t.packing_strategy = (sw_packing)s;
        t.max_length = 3; /* the prompt alone */
        assert_int_equal(append(m, &t, line, strlen(line), &rows, &kept, NULL), SW_OK);
        assert_true(kept);
        assert_int_equal(rows.token_count, tokens[s]);
        for (size_t i = 0; i < rows.token_count; i++) assert_int_equal(rows.target[i], i >= 3);
        assert_int_equal(append(m, &t, "{\"text\":\"QQ\"}", 13, &rows, &kept, NULL), SW_OK);
        assert_int_equal(rows.target[tokens[s]], 1); /* behind the row before it */
        sw_rows_free(&rows);
    }
}

#define NAMED(name, text) "{\"chat_template\":[{\"name\":\"" name "\",\"template\":\"" text "\"}]}"

/* A model's template that is not the recipe's is never taken instead (RCP-045). */
static void test_template_of_the_model(void **state) {
    (void)state;
    static const struct {
        const char *carried; /* NULL: no tokenizer_config.json */
        sw_chat named;
        sw_status status;
        const char *said;
    } cases[] = {
        {NULL, SW_CHAT_NONE, SW_OK, ""},
        {"{", SW_CHAT_NONE, SW_OK, ""},
        {NULL, SW_CHAT_CHATML, SW_REFUSED, "is chatml, but the base model carries none"},
        {"{}", SW_CHAT_CHATML_SMOLLM2, SW_REFUSED, "is chatml-smollm2, but the base model carries"},
        {"[]", SW_CHAT_CHATML, SW_REFUSED, "carries none"},
        {"{\"chat_template\":null}", SW_CHAT_CHATML, SW_REFUSED, "carries none"},
        {"{\"chat_template\":[]}", SW_CHAT_CHATML, SW_REFUSED, "lists none of the name default"},
        {NAMED("tool_use", "x"), SW_CHAT_CHATML, SW_REFUSED, "lists none of the name default"},
        {NAMED("default", "x"), SW_CHAT_CHATML, SW_REFUSED, "not one of the templates"},
        {NAMED("default", "x\"},{\"name\":\"default\",\"template\":\"y"), SW_CHAT_CHATML,
         SW_MALFORMED, "two of the name default"},
        {NAMED("default", "x\"},{\"name\":\"rag"), SW_CHAT_CHATML, SW_MALFORMED,
         "something else than a name with a template"},
        {"{\"chat_template\":[\"x\"]}", SW_CHAT_CHATML, SW_MALFORMED, "something else than a name"},
        {"{\"chat_template\":7}", SW_CHAT_CHATML, SW_MALFORMED, "neither a text nor a list"},
        {"{\"chat_template\":7}", SW_CHAT_NONE, SW_OK, ""},
        {"{\"chat_template\":\"\"}", SW_CHAT_CHATML, SW_REFUSED,
         "the recipe's template is chatml: "},
        {"{\"chat_template\":\"{{ x }}\"}", SW_CHAT_CHATML, SW_REFUSED, "not one of the templates"},
        {"{", SW_CHAT_CHATML, SW_MALFORMED, "tokenizer_config.json: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sw_row_template chat = {0};
        sw_training t = small_settings();
        sw_error err = {0};
        t.chat = cases[i].named;
        sw_bytes config = cases[i].carried ? sw_text(cases[i].carried) : (sw_bytes){0};
        sw_chat_files files = {.tokenizer_config = config};
        assert_int_equal(sw_row_template_open(&files, &t, &chat, &err), cases[i].status);
        assert_non_null(strstr(err.message, cases[i].said));
    }
    static const sw_chat named[] = {SW_CHAT_CHATML, SW_CHAT_CHATML_SMOLLM2};
    static const sw_template templates[] = {SW_TEMPLATE_CHATML, SW_TEMPLATE_CHATML_SMOLLM2};
    for (size_t i = 0; i < 4; i++) {
        SW_SCOPED(sw_arena) arena = {0};
        SW_SCOPED(sw_buffer) text = SW_BUFFER(65536);
        sw_row_template chat = {0};
        sw_training t = small_settings();
        t.chat = named[i % 2];
        sw_json *root = sw_json_make(&arena, SW_JSON_OBJECT);
        sw_json_add_text(&arena, root, "chat_template",
                         sw_text(sw_template_text(templates[i / 2])));
        sw_json_encode(&text, root);
        sw_status wanted = i / 2 == i % 2 ? SW_OK : SW_REFUSED;
        sw_chat_files files = {.tokenizer_config = sw_buffer_bytes(&text)};
        assert_int_equal(sw_row_template_open(&files, &t, &chat, NULL), wanted);
        if (wanted == SW_OK) assert_int_equal(chat.named, templates[i / 2]);
        /* as a file of its own it is the model's, whatever tokenizer_config.json says */
        sw_buffer_reset(&text);
        sw_put_format(&text, "%s%s", sw_template_text(templates[i / 2]), i % 2 ? "\n" : "");
        files = (sw_chat_files){sw_buffer_bytes(&text), SW_LITERAL("{\"chat_template\":\"\"}")};
        assert_int_equal(sw_row_template_open(&files, &t, &chat, NULL), wanted);
        files.jinja = SW_LITERAL("{{ x }}");
        assert_int_equal(sw_row_template_open(&files, &t, &chat, NULL), SW_REFUSED);
    }
}

static void test_dropped_and_cut(void **state) {
    const miniature *m = *state;
    sw_training t = small_settings();
    static const struct {
        const char *line;
        uint32_t max_length;
        bool kept;
        size_t tokens, targets; /* of the row when kept */
    } cases[] = {
        {"{\"text\":\"\"}", 100, true, 1, 0}, /* only the end-of-sequence token */
        {"{\"text\":\"<|im_end|>\"}", 100, true, 1, 0},
        {"{\"prompt\":\"\",\"completion\":\"\"}", 100, true, 1, 0},
        {"{\"text\":\"Q\"}", 100, true, 2, 1},
        {"{\"text\":\"Q\"}", 1, true, 1, 0},
        {"{\"text\":\"QQQQQQ\"}", 4, true, 4, 3},
        {"{\"text\":\"Q\",\"id\":17,\"source\":null}", 100, true, 2,
         1}, /* more members are ignored */
        {"{\"prompt\":\"QQQ\",\"completion\":\"ZZ\"}", 100, true, 6, 3},
        {"{\"prompt\":\"QQQ\",\"completion\":\"ZZ\"}", 4, true, 4, 1},
        {"{\"prompt\":\"QQQ\",\"completion\":\"ZZ\"}", 3, false, 0, 0},
        {"{\"prompt\":\"\",\"completion\":\"ZZ\"}", 100, true, 3, 2},
        {"{\"prompt\":\"QQQ\",\"completion\":\"\"}", 100, true, 4, 1},
        {"{\"prompt\":\"QQQ\",\"completion\":\"Z<|im_end|>\"}", 100, true, 5, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sw_rows rows = {0};
        bool kept = !cases[i].kept;
        t.max_length = cases[i].max_length;
        assert_int_equal(append(m, &t, cases[i].line, strlen(cases[i].line), &rows, &kept, NULL),
                         SW_OK);
        assert_int_equal(kept, cases[i].kept);
        assert_int_equal(rows.count, cases[i].kept);
        assert_int_equal(rows.token_count, cases[i].tokens);
        size_t targets = 0;
        for (size_t at = 0; at < rows.token_count; at++) targets += rows.target[at];
        assert_int_equal(targets, cases[i].targets);
        if (kept) assert_int_equal(rows.target[0], 0);
        sw_rows_free(&rows);
    }
    sw_rows rows = {0};
    bool kept;
    t.max_length = 100;
    t.completion_only_loss = false; /* then the prompt counts too */
    const char *pair = "{\"prompt\":\"QQQ\",\"completion\":\"ZZ\"}";
    assert_int_equal(append(m, &t, pair, strlen(pair), &rows, &kept, NULL), SW_OK);
    for (size_t at = 0; at < 6; at++) assert_int_equal(rows.target[at], at > 0);
    sw_rows_free(&rows);
}

/* ---- wire ---- */

static void some_rows(const miniature *m, sw_rows *rows) {
    sw_training t = small_settings();
    bool kept;
    const char *const lines[] = {"{\"text\":\"one\"}",
                                 "{\"prompt\":\"two\",\"completion\":\"three\"}",
                                 "{\"text\":\"the patient was seen\"}"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(append(m, &t, lines[i], strlen(lines[i]), rows, &kept, NULL), SW_OK);
    }
}

static void test_wire_round_trip(void **state) {
    sw_rows rows = {0}, parsed, both;
    sw_arena arena = {0};
    sw_buffer wire = SW_BUFFER(LIMIT), again = SW_BUFFER(LIMIT);
    some_rows(*state, &rows);
    assert_int_equal(sw_rows_encode(&wire, &rows, NULL), SW_OK);
    sw_bytes shards[3] = {sw_buffer_bytes(&wire), sw_buffer_bytes(&wire), sw_buffer_bytes(&wire)};
    assert_int_equal(sw_rows_parse(&arena, shards, 1, 320, &parsed, NULL), SW_OK);
    assert_ptr_equal(parsed.ends, wire.data + 16); /* views */
    assert_int_equal(sw_rows_encode(&again, &parsed, NULL), SW_OK);
    same_bytes(&wire, &again);
    uint8_t *odd = malloc(wire.size + 1); /* from an odd address it is copied */
    memcpy(odd + 1, wire.data, wire.size);
    sw_bytes shifted = SW_BYTES(odd + 1, wire.size);
    assert_int_equal(sw_rows_parse(&arena, &shifted, 1, 320, &parsed, NULL), SW_OK);
    assert_memory_equal(parsed.ids, rows.ids, rows.token_count * sizeof *rows.ids);
    free(odd);
    assert_int_equal(sw_rows_parse(&arena, shards, 3, 320, &both, NULL), SW_OK);
    assert_int_equal(both.count, 9);
    assert_int_equal(both.token_count, 3 * rows.token_count);
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(both.ends[i], rows.ends[i % 3] + i / 3 * rows.token_count);
    }
    assert_int_equal(sw_rows_parse(&arena, shards, 0, 320, &both, NULL), SW_OK);
    assert_int_equal(both.count, 0);
    sw_arena small = {.limit_bytes = 400}; /* rows are as large as their shards are */
    assert_int_equal(sw_rows_parse(&small, shards, 3, 320, &both, NULL), SW_OK);
    assert_int_equal(both.token_count, 3 * rows.token_count);
    sw_arena_free(&small);
    sw_buffer_free(&wire);
    sw_buffer_free(&again);
    sw_rows_free(&rows);
    sw_arena_free(&arena);
}

static sw_status parse(const uint8_t *data, size_t size) {
    sw_arena arena = {0};
    sw_rows out = {.count = 77};
    sw_bytes shard = SW_BYTES(data, size);
    sw_status status = sw_rows_parse(&arena, &shard, 1, 320, &out, NULL);
    if (status == SW_OK) { /* whatever is accepted has one encoding */
        sw_buffer wire = SW_BUFFER(LIMIT);
        assert_int_equal(sw_rows_encode(&wire, &out, NULL), SW_OK);
        assert_int_equal(wire.size, size);
        assert_memory_equal(wire.data, data, size);
        sw_buffer_free(&wire);
    } else {
        assert_int_equal(out.count, 77);
    }
    sw_arena_free(&arena);
    return status;
}

static void test_wire_refusals(void **state) {
    sw_rows rows = {0};
    sw_buffer wire = SW_BUFFER(LIMIT);
    some_rows(*state, &rows);
    assert_int_equal(sw_rows_encode(&wire, &rows, NULL), SW_OK);
    size_t ends = 16, ids = ends + 8 * rows.count, target = ids + 4 * rows.token_count;
    uint8_t *copy = malloc(wire.size + 1);
    for (size_t size = 0; size < wire.size; size++) {
        assert_int_equal(parse(wire.data, size), SW_MALFORMED);
    }
    memcpy(copy, wire.data, wire.size);
    copy[wire.size] = 0;
    assert_int_equal(parse(copy, wire.size + 1), SW_MALFORMED);
    for (size_t bit = 0; bit < 8 * wire.size; bit++) { /* tokens and targets may become others */
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        sw_status status = parse(copy, wire.size);
        if (bit / 8 < ends) assert_int_equal(status, SW_MALFORMED);
        if (bit / 8 >= target && bit % 8) assert_int_equal(status, SW_MALFORMED);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{0, 4},       {0, 2},      {8, 1},         {7, 0xff},      {15, 0xff},
                   {ends, 0},    {ends, 200}, {ends + 8, 1},  {ends + 16, 0}, {ids + 1, 2},
                   {ids + 3, 1}, {target, 2}, {target + 1, 2}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        memcpy(copy, wire.data, wire.size);
        copy[changes[i].at] = changes[i].value;
        assert_int_equal(parse(copy, wire.size), SW_MALFORMED);
    }
    free(copy);
    sw_buffer_free(&wire);
    sw_rows_free(&rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused_lines),
                                       cmocka_unit_test(test_what_ends_a_row),
                                       cmocka_unit_test(test_rows_fit_the_vocabulary),
                                       cmocka_unit_test(test_marks_before_a_row),
                                       cmocka_unit_test(test_no_message_quotes_a_row),
                                       cmocka_unit_test(test_dropped_and_cut),
                                       cmocka_unit_test(test_no_template_no_turns),
                                       cmocka_unit_test(test_rows_of_another_kind),
                                       cmocka_unit_test(test_rows_to_be_packed),
                                       cmocka_unit_test(test_template_of_the_model),
                                       cmocka_unit_test(test_wire_round_trip),
                                       cmocka_unit_test(test_wire_refusals)};
    return cmocka_run_group_tests_name("rows", tests, group_open, group_close);
}
