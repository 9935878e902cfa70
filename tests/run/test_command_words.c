/* SPDX-License-Identifier: Apache-2.0
 *
 * The conversation with a command, word by word (CMD-040 to CMD-049): an agent with keys and a
 * folder of its own, and pipes that were filled before it listens. Each row of the table is one
 * script and what it comes to; besides, the index of rows and the job.
 */
#include "run/command_stage.h"

#include "codec/json.h"
#include <signal.h>

/* ---- scripts ---- */

static void header(sw_frame_type type, uint64_t size) {
    uint8_t out[SW_FRAME_HEADER_BYTES];
    sw_frame_header(out, type, size);
    (void)!write(stream_fd, out, sizeof out);
}
SCRIPT(honest, trained(), named("a"), named("b"), claims("{\"loss\":1}"), done(0))
SCRIPT(claimless, trained(), named("a"), done(0))
SCRIPT(stateless, begin(), step(TOTAL), named("a"), done(0))
SCRIPT(recordless, begin(), state(2), state(4), named("a"), done(0))
SCRIPT(sparse, begin(), step(2), step(4), named("a"), done(0))
SCRIPT(shorter, hello(), plan(1), step_of(1, 1, 1), named("a"), done(0))
SCRIPT(longest, hello(), plan(MAX), step_of(MAX, MAX, 1), named("a"), done(0))
SCRIPT(not_a_number, begin(), step_of(TOTAL, TOTAL, __builtin_nan("")), named("a"), done(0))
SCRIPT(says_more, honest(), header(77, 1))

SCRIPT(no_hello, plan(TOTAL))
SCRIPT(two_hellos, hello(), hello())
SCRIPT(hello_with, say(SW_FRAME_HELLO, SW_LITERAL("row"), (sw_bytes){0}))
SCRIPT(plan_zero, hello(), plan(0))
SCRIPT(plan_above, hello(), plan(MAX + 1))
SCRIPT(plan_wraps, hello(), plan(UINT64_MAX))
SCRIPT(plan_tokens, hello(), plan_with(TOTAL, 1))
SCRIPT(plan_twice, begin(), plan(TOTAL))
SCRIPT(plan_short, hello(), say(SW_FRAME_PLAN, SW_LITERAL("12345678"), (sw_bytes){0}))
SCRIPT(frame_job, begin(), say(SW_FRAME_JOB, (sw_bytes){0}, (sw_bytes){0}))
SCRIPT(frame_stop, begin(), say(SW_FRAME_STOP, (sw_bytes){0}, (sw_bytes){0}))
SCRIPT(frame_rows, begin(), say(SW_FRAME_ROWS, SW_LITERAL("x"), (sw_bytes){0}))
SCRIPT(frame_step, begin(), say(SW_FRAME_STEP, SW_LITERAL("x"), (sw_bytes){0}))
SCRIPT(frame_zero, begin(), header(0, 0))
SCRIPT(frame_unknown, begin(), header(12, 0))
SCRIPT(frame_cut, begin(), (void)!write(stream_fd, "\0\0\0", 3))

SCRIPT(state_before, hello(), state(2))
SCRIPT(state_between, begin(), state(1))
SCRIPT(state_zero, begin(), state(0))
SCRIPT(state_beyond, begin(), state(TOTAL + EVERY))
SCRIPT(state_twice, begin(), state(2), state(2))
SCRIPT(state_back, begin(), state(4), state(2))
SCRIPT(state_empty, begin(), state_of(2, (sw_bytes){0}))
SCRIPT(state_short, begin(), say(SW_FRAME_CHECKPOINT, SW_LITERAL("1234567"), (sw_bytes){0}))
static void state_huge(void) {
    uint8_t number[8];
    begin();
    header(SW_FRAME_CHECKPOINT, UINT64_MAX);
    put_u64be(number, EVERY);
    (void)!write(stream_fd, number, sizeof number);
}
SCRIPT(state_behind, begin(), step(TOTAL), named("a"), state(TOTAL))

SCRIPT(step_twice, begin(), step(1), step(1), state(2))
SCRIPT(step_back, begin(), step(2), step(1), state(2))
SCRIPT(step_beyond, begin(), step(TOTAL + 1), state(4))
SCRIPT(step_of_more, begin(), step_of(1, TOTAL + 1, 1), state(2))
SCRIPT(metrics_garbage, begin(), (void)!write(metrics_fd, (uint8_t[60]){0}, 60), state(2))

SCRIPT(output_before, begin(), step(3), named("a"))
SCRIPT(output_unplanned, hello(), named("a"))
SCRIPT(output_empty, trained(), say(SW_FRAME_OUTPUT, (sw_bytes){0}, (sw_bytes){0}))
SCRIPT(output_nameless, trained(), named(""))
SCRIPT(output_twice, trained(), named("a"), named("a"))
SCRIPT(output_up, trained(), named("../a"))
SCRIPT(output_hidden, trained(), named(".a"))
SCRIPT(output_facts, trained(), named("sealwright.json"))
SCRIPT(output_curve, trained(), named("curve.svg"))
SCRIPT(output_signature, trained(), named("model.sig"))
static void output_many(void) {
    trained();
    for (int i = 0; i <= SW_AGENT_OUTPUT_FILES; i++) named((char[]){(char)('a' + i), 0});
}
static void output_huge(void) {
    trained();
    header(SW_FRAME_OUTPUT, 5 + LIMIT + 1);
    (void)!write(stream_fd, "\0\0\0\1a", 5);
}
SCRIPT(output_behind, trained(), named("a"), claims("{}"), named("b"))

SCRIPT(claims_before, trained(), claims("{}"))
SCRIPT(claims_unplanned, hello(), claims("{}"))
SCRIPT(claims_twice, trained(), named("a"), claims("{}"), claims("{}"))
SCRIPT(claims_none, trained(), named("a"), claims(""))
SCRIPT(claims_list, trained(), named("a"), claims("[1]"))
SCRIPT(claims_text, trained(), named("a"), claims("\"a\""))
SCRIPT(claims_order, trained(), named("a"), claims("{\"b\":1,\"a\":1}"))
SCRIPT(claims_double, trained(), named("a"), claims("{\"a\":1,\"a\":1}"))
SCRIPT(claims_space, trained(), named("a"), claims("{\"a\": 1}"))
SCRIPT(claims_nan, trained(), named("a"), claims("{\"a\":NaN}"))
SCRIPT(claims_deep, trained(), named("a"),
       claims("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}"))
SCRIPT(claims_at_depth, trained(), named("a"),
       claims("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}"), done(0))
static void claims_of(size_t size) {
    static char text[(64 << 10) + 16];
    memset(text, 'a', sizeof text);
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + size - 2, "\"}", 3);
    trained();
    named("a");
    claims(text);
    done(0);
}
SCRIPT(claims_longest, claims_of(64 << 10))
SCRIPT(claims_long, claims_of((64 << 10) + 1))

SCRIPT(done_first, hello(), done(0))
SCRIPT(done_early, trained(), done(0))
SCRIPT(done_unasked, trained(), done(1))
SCRIPT(done_other, trained(), named("a"), done(2))
SCRIPT(done_long, trained(), named("a"), say(SW_FRAME_DONE, SW_LITERAL("xy"), (sw_bytes){0}))
SCRIPT(fails_import, hello(), failed(SW_FAILURE_IMPORT))
SCRIPT(fails_data, begin(), failed(SW_FAILURE_DATA))
SCRIPT(fails_unknown, begin(), failed(200))
SCRIPT(fails_long, begin(), say(SW_FRAME_FAILED, SW_LITERAL("xy"), (sw_bytes){0}))

static const char plan_word[] = "max_steps is", due[] = "not due", frame[] = "no frame",
                  counts[] = "counts its steps wrongly", form[] = "not one RFC 8785 object";
static const struct {
    const char *name;
    void (*says)(void);
    size_t links, checkpoints, metrics; /* of the manifest */
} good[] = {
    {"honest", honest, 2, 2, 4},
    {"without claims", claimless, 2, 2, 4},
    {"without a state", stateless, 1, 0, 1},
    {"without a record", recordless, 2, 2, 0},
    {"some records and no state", sparse, 1, 0, 2},
    {"fewer steps", shorter, 1, 0, 1},
    {"as many as there may be", longest, 1, 0, 1},
    {"a loss that is no number", not_a_number, 1, 0, 1},
    {"more behind its end", says_more, 2, 2, 4},
    {"claims of 8 levels", claims_at_depth, 2, 2, 4},
    {"claims of 64 KiB", claims_longest, 2, 2, 4},
};
static const struct {
    const char *name;
    void (*says)(void);
    const char *sentence;
} wrong[] = {
    {"no hello", no_hello, due},
    {"two hellos", two_hellos, due},
    {"a hello with a row in it", hello_with, due},
    {"no step planned", plan_zero, plan_word},
    {"too many steps planned", plan_above, plan_word},
    {"2^64 - 1 steps planned", plan_wraps, plan_word},
    {"a plan with tokens", plan_tokens, due},
    {"two plans", plan_twice, due},
    {"half a plan", plan_short, due},
    {"JOB", frame_job, due},
    {"STOP", frame_stop, due},
    {"ROWS", frame_rows, due},
    {"STEP on the stream", frame_step, due},
    {"type 0", frame_zero, frame},
    {"type 12", frame_unknown, frame},
    {"a cut header", frame_cut, "waiting for a child"},
    {"a state before the plan", state_before, due},
    {"a state between", state_between, due},
    {"a state of step 0", state_zero, due},
    {"a state beyond the last step", state_beyond, due},
    {"a state twice", state_twice, due},
    {"a state of an earlier step", state_back, due},
    {"a state without a byte", state_empty, due},
    {"half a state's step", state_short, due},
    {"a state of 2^64 bytes", state_huge, "are declared"},
    {"a state behind an output", state_behind, due},
    {"a record twice", step_twice, counts},
    {"a record of an earlier step", step_back, counts},
    {"a record beyond the last step", step_beyond, counts},
    {"a record of another plan", step_of_more, counts},
    {"metrics that are none", metrics_garbage, "something else than step records"},
    {"an output before the last step", output_before, due},
    {"an output before the plan", output_unplanned, due},
    {"an output of no bytes", output_empty, due},
    {"an output without a name", output_nameless, due},
    {"an output twice", output_twice, due},
    {"a name that leads up", output_up, due},
    {"a hidden name", output_hidden, due},
    {"sealwright.json", output_facts, due},
    {"curve.svg", output_curve, due},
    {"model.sig", output_signature, due},
    {"17 outputs", output_many, due},
    {"an output above the limit", output_huge, "output.limit"},
    {"an output behind the claims", output_behind, due},
    {"claims before an output", claims_before, due},
    {"claims before the plan", claims_unplanned, due},
    {"claims twice", claims_twice, due},
    {"claims of no bytes", claims_none, due},
    {"a list as claims", claims_list, form},
    {"a text as claims", claims_text, form},
    {"claims in another order", claims_order, form},
    {"a claim twice", claims_double, form},
    {"claims with a space", claims_space, form},
    {"a claim that is no number", claims_nan, form},
    {"claims of 9 levels", claims_deep, form},
    {"claims above 64 KiB", claims_long, "are declared"},
    {"an end before the plan", done_first, due},
    {"an end without an output", done_early, due},
    {"an end that nobody asked for", done_unasked, due},
    {"an end of another kind", done_other, due},
    {"an end of two bytes", done_long, due},
    {"a missing module", fails_import, "training ended: the tree lacks a module or a file"},
    {"rows it cannot read", fails_data, "training ended: the script cannot read the rows"},
    {"a class that is none", fails_unknown, "training ended: the worker failed"},
    {"a failure of two bytes", fails_long, due},
};

static void test_good(void **unused) {
    (void)unused;
    stage s;
    open_stage(&s);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        sw_error err = {0};
        sw_agent *a = open_agent(&s);
        if (listen_to(a, good[i].says, &err) != SW_OK || a->link_count != good[i].links ||
            a->checkpoint_count != good[i].checkpoints || a->metric_count != good[i].metrics)
            fail_msg("%s: %s (%zu links, %zu checkpoints, %zu records)", good[i].name, err.message,
                     a->link_count, a->checkpoint_count, a->metric_count);
        close_agent(&s, &a);
    }
    close_stage(&s);
}

/* CMD-045: all that the host is told of a failure, and there is no number of the script's in it. */
static bool is_class(const sw_error *err) {
    static const char *const own[] = {
        "the script ended without its last word",
        "the script said what is not due, or went beyond a limit of the recipe"};
    static const char before[] = "training ended: ";
    const char *said = err->message + sizeof before - 1;
    if (strcmp(err->word, "worker") != 0 || strncmp(err->message, before, sizeof before - 1) != 0)
        return false;
    for (int i = 0; i < SW_FAILURE_COUNT; i++)
        if (strcmp(said, sw_failure_sentence((sw_failure)i)) == 0) return true;
    return strcmp(said, own[0]) == 0 || strcmp(said, own[1]) == 0;
}

static void test_wrong(void **unused) {
    (void)unused;
    stage s;
    open_stage(&s);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        sw_error err = {0};
        sw_agent *a = open_agent(&s);
        sw_status status = listen_to(a, wrong[i].says, &err);
        if (status == SW_OK || !strstr(err.message, wrong[i].sentence))
            fail_msg("%s: %s", wrong[i].name, status == SW_OK ? "it ends well" : err.message);
        assert_int_equal(sw_agent_fold(a, status, &err), SW_REFUSED);
        if (!is_class(&err)) fail_msg("%s: the host is told: %s", wrong[i].name, err.message);
        close_agent(&s, &a);
    }
    close_stage(&s);
}

/* CMD-049: rounded; the rate and the tokens of the script are nowhere. */
static void see_step(void *context, const sw_wire_step *seen, bool with_loss) {
    assert_false(with_loss);
    assert_true(seen->learning_rate == 0 && seen->tokens == 0 && seen->grad_norm == 0);
    (*(size_t *)context)++;
}

static void test_what_is_seen(void **unused) {
    (void)unused;
    stage s;
    size_t count = 0;
    open_stage(&s);
    s.options.eyes = (sw_run_eyes){.context = &count, .step = see_step};
    sw_agent *a = open_agent(&s);
    assert_int_equal(listen_to(a, honest, NULL), SW_OK);
    assert_int_equal(count, TOTAL);
    assert_true(a->metrics[0].loss == 2731.0 / 8192);
    assert_int_equal(a->output_count, 4); /* with the claims and the curve */
    assert_string_equal(a->output_names[2], "claims.json");
    assert_true(sw_bytes_is(sw_buffer_bytes(&a->outputs[2]), "{\"loss\":1}"));
    assert_string_equal(a->output_names[3], "curve.svg");
    close_agent(&s, &a);
    close_stage(&s);
}

/* CMD-054: how far records run ahead of a state is nowhere. */
SCRIPT(ahead_by_none, begin(), step(1), state(2), step(4), named("a"))
SCRIPT(ahead_by_one, begin(), step(1), step(3), state(2))
SCRIPT(ahead_by_two, begin(), step(1), step(2), step(4), state(2))

static void test_ahead(void **unused) {
    (void)unused;
    static void (*const scripts[])(void) = {ahead_by_none, ahead_by_one, ahead_by_two};
    stage s;
    open_stage(&s);
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        char path[128];
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 16);
        sw_agent *a = open_agent(&s);
        (void)listen_to(a, scripts[i], NULL);
        assert_int_equal(a->saved_step, 2);
        (void)snprintf(path, sizeof path, "%s/state.json", s.folder);
        assert_int_equal(sw_file_read(path, 1 << 15, &text, NULL), SW_OK);
        sw_put_u8(&text, 0);
        assert_non_null(strstr((const char *)text.data, "\"step\":2,\"total_steps\":4"));
        close_agent(&s, &a);
    }
    close_stage(&s);
}

/* ---- stop and resume ---- */

SCRIPT(stops, begin(), step(1), state(1), done(1))
SCRIPT(stops_without, begin(), step(1), done(1))
SCRIPT(stops_later, begin(), step(1), state(1), step(2), done(1))
SCRIPT(ends_anyhow, honest())
SCRIPT(resumed, hello(), plan(TOTAL), step(3), step(4), state(4), named("a"), done(0))
SCRIPT(resumed_back, hello(), plan(TOTAL), step(2), state(4))
SCRIPT(resumed_state, hello(), plan(TOTAL), state(2))
SCRIPT(resumed_plan, hello(), plan(MAX))
SCRIPT(resumed_less, hello(), plan(1))

static void test_stop(void **unused) {
    (void)unused;
    static const struct {
        void (*says)(void);
        bool good, stopped;
    } cases[] = {{stops, true, true},
                 {stops_without, false, false},
                 {stops_later, false, false},
                 {ends_anyhow, true, false}};
    stage s;
    open_stage(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sw_agent *a = open_agent(&s);
        a->stop_sent = true;
        assert_int_equal(listen_to(a, cases[i].says, NULL) == SW_OK, cases[i].good);
        assert_int_equal(a->stopped, cases[i].stopped);
        if (cases[i].stopped) assert_true(a->saved_step == 1 && a->link_count == 0);
        close_agent(&s, &a);
    }
    close_stage(&s);
}

static void test_resumed(void **unused) {
    (void)unused;
    static const struct {
        void (*says)(void);
        const char *sentence;
    } cases[] = {{resumed, NULL},
                 {resumed_back, counts},
                 {resumed_state, due},
                 {resumed_plan, "before it was resumed"},
                 {resumed_less, plan_word}};
    stage s;
    open_stage(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sw_error err = {0};
        sw_agent *a = open_agent(&s);
        a->step = a->saved_step = 2;
        a->command->planned = TOTAL;
        sw_status status = listen_to(a, cases[i].says, &err);
        if (cases[i].sentence)
            assert_true(status != SW_OK && strstr(err.message, cases[i].sentence));
        else
            assert_int_equal(status, SW_OK);
        close_agent(&s, &a);
    }
    close_stage(&s);
}

/* ---- where rows begin ---- */

static void test_index(void **unused) {
    (void)unused;
    static const struct {
        const char *text;
        int rows;
        uint64_t at[4]; /* of each row; what follows the last is the size */
    } cases[] = {
        {"{}\n{}\n", 2, {0, 3}},
        {"{}\n{}", 2, {0, 3}},
        {"\n{}\n\n{}\n\n", 2, {1, 5}},
        {" \t\r\n{}\r\n", 1, {4}},
        {"{}", 1, {0}},
        {"  {}\n", 1, {0}},
        {"a\nb\nc", 3, {0, 2, 4}},
        {"\xff\n\x00x\n", 1, {0}},
        {"", 0, {0}},
        {"\n \n", 0, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t index[8 * 5] = {0};
        sw_bytes text = sw_text(cases[i].text);
        uint64_t rows = (uint64_t)cases[i].rows;
        assert_int_equal(sw_agent_index_rows(text, rows, index, NULL), SW_OK);
        sw_reader r = sw_reader_of(SW_BYTES_OF(index));
        for (uint64_t row = 0; row < rows; row++)
            assert_int_equal(sw_read_u64le(&r), cases[i].at[row]);
        assert_int_equal(sw_read_u64le(&r), text.size);
        uint8_t less[8 * 5] = {0};
        sw_error err = {0};
        assert_int_equal(sw_agent_index_rows(text, rows + 1, less, &err), SW_REFUSED);
        assert_string_equal(err.word, "shard");
        if (rows == 0) continue;
        memset(less, 0xee, sizeof less); /* no more is written than there is room for */
        assert_int_equal(sw_agent_index_rows(text, 0, less, NULL), SW_REFUSED);
        for (size_t at = 8; at < sizeof less; at++) assert_int_equal(less[at], 0xee);
    }
}

/* ---- the job ---- */

static void test_job(void **unused) {
    (void)unused;
    stage s;
    open_stage(&s);
    sw_agent *a = open_agent(&s);
    SW_SCOPED(sw_buffer) job = SW_BUFFER((size_t)256 << 10);
    a->command->shard_bytes[0] = 77;
    strcpy(a->command->media_types[0], "application/jsonl");
    strcpy(a->recipe->shards[0].name, "Mercy \"x\"");
    a->recipe->shards[0].rows = 5;
    assert_int_equal(sw_agent_encode_job(a, &job, NULL), SW_OK);
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define SHARDS                                                                                     \
    "\"shards\":[{\"bytes\":77,\"dataset\":\"" ZEROS "\",\"fd\":6,\"index_fd\":7,"                 \
    "\"media_type\":\"application/jsonl\",\"name\":\"Mercy \\\"x\\\"\",\"owner\":\"" ZEROS         \
    "\",\"rows\":5}]}"
    static const char first[] =
        "{\"checkpoint_limit\":1048576,\"kind\":\"sealwright/job/v1\",\"max_steps\":6,"
        "\"model\":\"/model\",\"output_limit\":1048576,\"resume\":null,\"save_steps\":2," SHARDS;
    assert_true(sw_bytes_is(sw_buffer_bytes(&job), first));
    sw_buffer_reset(&job);
    a->resume = SW_BUFFER(16);
    sw_put_text(&a->resume, "state");
    a->step = 3;
    assert_int_equal(sw_agent_encode_job(a, &job, NULL), SW_OK);
    static const char again[] =
        "{\"checkpoint_limit\":1048576,\"kind\":\"sealwright/job/v1\",\"max_steps\":6,"
        "\"model\":\"/model\",\"output_limit\":1048576,\"resume\":{\"bytes\":5,\"fd\":8,\"step\":3}"
        ",\"save_steps\":2," SHARDS;
    assert_true(sw_bytes_is(sw_buffer_bytes(&job), again));
    /* The largest one that a recipe can ask for fits. */
    sw_buffer_reset(&job);
    a->recipe->shard_count = SW_SHARD_LIMIT;
    for (size_t i = 0; i < SW_SHARD_LIMIT; i++) {
        memset(a->recipe->shards[i].name, '"', 64);
        memset(a->command->media_types[i], 'm', SW_MEDIA_TYPE_LIMIT);
        a->command->shard_bytes[i] = a->recipe->shards[i].rows = (UINT64_C(1) << 53) - 1;
    }
    assert_int_equal(sw_agent_encode_job(a, &job, NULL), SW_OK);
    close_agent(&s, &a);
    close(stream_fd);
    close(metrics_fd);
    close_stage(&s);
}

static sw_cpuid_answer silent(uint32_t leaf, uint32_t subleaf) {
    (void)leaf;
    (void)subleaf;
    return (sw_cpuid_answer){0};
}
static sw_cpuid_answer loud(uint32_t leaf, uint32_t subleaf) {
    (void)subleaf;
    return (sw_cpuid_answer){.ebx = leaf == 0x40000000};
}

/* CMD-052, and nothing is said that the script chose. */
static void test_where(void **unused) {
    (void)unused;
    stage s;
    sw_error err = {0};
    open_stage(&s);
    sw_agent *a = open_agent(&s);
    sw_policy *p = &a->recipe->policy;
    p->image_count = 1;
    p->platform = SW_PLATFORM_TDX;
    assert_int_equal(sw_agent_open_command(a, &err), SW_REFUSED);
    assert_string_equal(err.word, "command");
    assert_non_null(strstr(err.message, "the processor's CPUID instruction hands what a program"));
    assert_non_null(strstr(err.message, "does not say of all its images"));
    assert_int_equal(sw_agent_check_place(p, silent, &err), SW_REFUSED);
    /* Of all of them, and then it is so. */
    p->image_count = 2;
    p->images[0].answers_cpuid = true;
    assert_int_equal(sw_agent_check_place(p, silent, &err), SW_REFUSED);
    p->images[1].answers_cpuid = true;
    assert_int_equal(sw_agent_check_place(p, silent, &err), SW_OK);
    assert_int_equal(sw_agent_check_place(p, loud, &err), SW_REFUSED);
    assert_string_equal(err.word, "command");
    assert_non_null(strstr(err.message, "here it does, whatever the recipe says"));
    void (*before)(int) = signal(SIGCHLD, SIG_IGN);
    assert_int_equal(sw_agent_check_place(p, silent, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "here it could not be asked"));
    (void)signal(SIGCHLD, before);
    p->platform = SW_PLATFORM_SIM;
    assert_int_equal(sw_agent_check_place(p, loud, &err), SW_OK);
    close_agent(&s, &a);
    close(stream_fd);
    close(metrics_fd);
    close_stage(&s);
}

int main(void) {
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),         cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_what_is_seen), cmocka_unit_test(test_ahead),
        cmocka_unit_test(test_stop),         cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_index),        cmocka_unit_test(test_job),
        cmocka_unit_test(test_where),
    };
    return cmocka_run_group_tests_name("run/command_words", tests, NULL, NULL);
}
