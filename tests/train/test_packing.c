/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows as TRL lays them (docs/formats/training.md, ROW-030 to ROW-043): goldens of
 * tests/parity/packing.py, and the bit rule with packing. Which lines are refused is in
 * test_rows.c.
 */
#include "golden.h"
#include "train/engine.h"

/* What training sees of rows, sequence by sequence. */
typedef struct laid {
    sw_sequences sequences;
    sw_order order;
    sw_batch batch;
} laid;

static void lay(sw_arena *arena, const sw_rows *rows, const sw_training *t, laid *out) {
    sw_capacity c = {0};
    assert_int_equal(sw_rows_pack(arena, rows, t, &out->sequences, NULL), SW_OK);
    out->order = (sw_order){.rows = rows,
                            .sequences = &out->sequences,
                            .index = SW_ARENA_NEW(arena, uint32_t, out->sequences.count),
                            .batch_rows = 1};
    for (uint32_t i = 0; i < out->sequences.count; i++) out->order.index[i] = i;
    assert_int_equal(sw_order_capacity(&out->order, 1, &c, NULL), SW_OK);
    assert_true(c.tokens <= t->max_length && c.longest <= c.tokens && c.keys == c.tokens);
    out->batch = (sw_batch){.ids = SW_ARENA_NEW(arena, uint32_t, c.tokens),
                            .position = SW_ARENA_NEW(arena, uint32_t, c.tokens),
                            .labelled = SW_ARENA_NEW(arena, uint32_t, c.labels),
                            .target = SW_ARENA_NEW(arena, uint32_t, c.labels),
                            .segments = SW_ARENA_NEW(arena, sw_segment, c.segments)};
}

/* Token `at` of the batch is a target. */
static bool counts(const sw_batch *b, size_t at) {
    for (size_t i = 0; i < b->label_count; i++) {
        if (b->labelled[i] + 1 != at) continue;
        assert_int_equal(b->target[i], b->ids[at]);
        return true;
    }
    return false;
}

static sw_packing strategy_of(sw_bytes word) {
    if (sw_bytes_is(word, "bfd_split")) return SW_PACKING_BFD_SPLIT;
    return sw_bytes_is(word, "wrapped") ? SW_PACKING_WRAPPED : SW_PACKING_BFD;
}

static void put_row(sw_rows *rows, size_t length) {
    rows->token_count += length;
    rows->ends[rows->count++] = rows->token_count;
}

/* Rows of the golden's lengths; their tokens are numbered, three in ten are no targets. */
static void numbered_rows(sw_arena *arena, const sw_json *lengths, sw_rows *out) {
    size_t tokens = 0;
    for (const sw_json *v = lengths->first; v; v = v->next) tokens += (size_t)v->integer;
    *out = (sw_rows){.ids = SW_ARENA_NEW(arena, uint32_t, tokens),
                     .target = SW_ARENA_NEW(arena, uint8_t, tokens),
                     .ends = SW_ARENA_NEW(arena, uint64_t, lengths->count)};
    for (const sw_json *v = lengths->first; v; v = v->next) put_row(out, (size_t)v->integer);
    for (size_t i = 0; i < tokens; i++) {
        out->ids[i] = (uint32_t)i;
        out->target[i] = (i * 7919 + 13) % 10 > 2;
    }
}

static unsigned nibble(sw_bytes hex, size_t at) {
    char digit = (char)hex.data[at];
    return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

/* pieces: start and length of each, in turn. */
static void check_sequence(const sw_batch *b, const sw_json *pieces, sw_bytes mask) {
    size_t at = 0, segment = 0;
    for (const sw_json *v = pieces->first; v; v = v->next->next, segment++) {
        size_t start = (size_t)v->integer, length = (size_t)v->next->integer;
        assert_int_equal(b->segments[segment].query, at);
        assert_int_equal(b->segments[segment].key, at);
        assert_int_equal(b->segments[segment].query_count, length);
        assert_int_equal(b->segments[segment].key_count, length);
        for (size_t i = 0; i < length; i++, at++) {
            assert_int_equal(b->ids[at], start + i);
            assert_int_equal(b->position[at], i);
            assert_int_equal(counts(b, at), nibble(mask, at / 4) >> at % 4 & 1);
        }
    }
    assert_int_equal(segment, b->segment_count);
    assert_int_equal(at, b->tokens);
    assert_int_equal(mask.size, (at + 3) / 4);
}

static void check_steps(sw_training t, const sw_rows *rows, const sw_sequences *made) {
    sw_train_job job = {.settings = &t, .rows = rows};
    uint64_t steps, least, most, tokens = 0;
    t.max_steps = 0;
    t.per_device_train_batch_size = t.gradient_accumulation_steps = 1;
    t.num_train_epochs = 1;
    assert_int_equal(sw_train_steps(&job, &steps, NULL), SW_OK);
    assert_int_equal(steps, made->count);
    for (size_t i = 0; i < made->piece_count; i++) tokens += made->piece[i].length;
    sw_training_step_bounds(&t, rows->count, tokens, &least, &most);
    assert_true(least <= steps && steps <= most && (!t.packing || least < most));
}

static void test_layouts(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(LIMIT);
    const sw_json *all = golden(&arena, &text, "packing");
    const sw_json *layouts = sw_json_member(all, "layouts");
    sw_rows rows;
    numbered_rows(&arena, sw_json_member(all, "lengths"), &rows);
    assert_true(rows.count > 1000); /* more than one window */
    assert_int_equal(layouts->count, 3);
    for (const sw_json *l = layouts->first; l; l = l->next) {
        sw_training t = small_settings();
        laid made;
        t.packing = true;
        t.packing_strategy = strategy_of(sw_json_member(l, "strategy")->text);
        t.max_length = (uint32_t)sw_json_member(l, "max_length")->integer;
        lay(&arena, &rows, &t, &made);
        const sw_json *s = sw_json_member(l, "sequences"), *m = sw_json_member(l, "masks");
        assert_int_equal(made.sequences.count, s->count);
        s = s->first;
        m = m->first;
        for (uint64_t i = 0; s; s = s->next, m = m->next, i++) {
            sw_order_fill(&made.order, i, &made.batch);
            check_sequence(&made.batch, s, m->text);
        }
        check_steps(t, &rows, &made.sequences);
    }
    sw_training plain = small_settings(); /* without packing each row is a sequence, uncut */
    plain.max_length = 1000;
    laid made;
    lay(&arena, &rows, &plain, &made);
    assert_int_equal(made.sequences.count, rows.count);
    for (size_t i = 0; i < rows.count; i++) {
        assert_int_equal(made.sequences.ends[i], i + 1);
        assert_int_equal(made.sequences.piece[i].start + made.sequences.piece[i].length,
                         rows.ends[i]);
    }
    check_steps(plain, &rows, &made.sequences);
}

/* What a golden's settings say about rows. */
static void read_row_settings(const sw_json *s, sw_training *t) {
    const sw_json *strategy = sw_json_member(s, "packing_strategy");
    const sw_json *completion = sw_json_member(s, "completion_only_loss");
    t->packing = sw_json_member(s, "packing") != NULL;
    if (strategy) t->packing_strategy = strategy_of(strategy->text);
    t->assistant_only_loss = sw_json_member(s, "assistant_only_loss") != NULL;
    if (completion) t->completion_only_loss = completion->integer;
    if (sw_json_member(s, "phase")) t->phase = SW_PHASE_CPT;
    if (t->phase == SW_PHASE_CPT) t->chat = SW_CHAT_NONE;
}

static void read_form(const miniature *m, const sw_training *t, const sw_json *form, sw_rows *out) {
    char path[128];
    snprintf(path, sizeof path, "tests/parity/data/%.*s.jsonl", (int)form->text.size,
             (const char *)form->text.data);
    read_rows(m, t, path, out);
}

static void test_rows(void **state) {
    const miniature *m = *state;
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(LIMIT);
    const sw_json *all = golden(&arena, &text, "packing");
    size_t targets = 0;
    for (const sw_json *c = sw_json_member(all, "rows")->first; c; c = c->next) {
        sw_training t = small_settings();
        sw_rows rows = {0};
        laid made;
        t.max_length = (uint32_t)sw_json_member(all, "max_length")->integer;
        if (sw_bytes_is(sw_json_member(c, "template")->text, "chatml")) t.chat = SW_CHAT_CHATML;
        read_row_settings(sw_json_member(c, "settings"), &t);
        read_form(m, &t, sw_json_member(c, "form"), &rows);
        lay(&arena, &rows, &t, &made);
        const sw_json *sequences = sw_json_member(c, "sequences");
        assert_int_equal(made.sequences.count, sequences->count);
        uint64_t i = 0;
        for (const sw_json *s = sequences->first; s; s = s->next, i++) {
            sw_order_fill(&made.order, i, &made.batch);
            assert_int_equal(made.batch.tokens, s->count);
            size_t at = 0;
            for (const sw_json *pair = s->first; pair; pair = pair->next, at++) {
                assert_int_equal(made.batch.ids[at], pair->first->integer);
                assert_int_equal(counts(&made.batch, at), pair->last->integer);
            }
            targets += made.batch.label_count;
        }
        sw_rows_free(&rows);
    }
    assert_true(targets > 1000);
}

static void test_losses(void **state) {
    const miniature *m = *state;
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(LIMIT);
    const sw_json *runs = sw_json_member(golden(&arena, &text, "packing"), "runs");
    assert_int_equal(runs->count, 9);
    for (const sw_json *run = runs->first; run; run = run->next) {
        const sw_json *settings = sw_json_member(run, "settings");
        sw_training t = settings_of(settings);
        sw_rows rows = {0};
        memory kept = memory_new();
        read_row_settings(settings, &t);
        read_form(m, &t, sw_json_member(settings, "rows"), &rows);
        sw_train_job job = job_of(m, &t, &rows);
        sw_train_host host = host_of(&kept);
        run_job(&job, &host);
        assert_int_equal(kept.steps, t.max_steps);
        bool exact = t.profile == SW_PROFILE_FP32_REF;
        check_series("loss", kept.loss, kept.steps, sw_json_member(run, "loss"),
                     exact ? 1e-5 : 1e-3);
        check_series("norm", kept.norm, kept.steps, sw_json_member(run, "grad_norm"),
                     exact ? 1e-4 : 2e-2);
        memory_drop(&kept);
        sw_rows_free(&rows);
    }
}

/* ---- the bit rule ---- */

static sw_training packed(sw_packing strategy) {
    sw_training t = small_settings();
    t.packing = true;
    t.packing_strategy = strategy;
    t.max_length = 80;
    t.per_device_train_batch_size = 2;
    return t;
}

static void same_run(const memory *a, const memory *b) {
    assert_int_equal(a->steps, b->steps);
    same_bytes(&a->state, &b->state);
    same_bytes(&a->outputs, &b->outputs);
}

/* 1 and 3 lanes, kept and computed again, whole and resumed at every step: the same bytes. */
static void test_same_bytes(void **state) {
    const miniature *m = *state;
    for (int s = SW_PACKING_BFD; s <= SW_PACKING_WRAPPED; s++) {
        sw_training t = packed((sw_packing)s);
        sw_rows rows = {0};
        memory one = memory_new(), three = memory_new();
        read_rows(m, &t, "tests/parity/data/pairs.jsonl", &rows);
        sw_train_job job = job_of(m, &t, &rows);
        sw_train_host host = host_of(&one);
        run_job(&job, &host);
        assert_int_equal(one.steps, t.max_steps);
        sw_pool *pool;
        assert_int_equal(sw_pool_open(3, &pool, NULL), SW_OK);
        host = host_of(&three);
        host.parallel = (sw_parallel){pool, pool_run, 3};
        host.recompute = true;
        run_job(&job, &host);
        sw_pool_close(&pool);
        same_run(&one, &three);
        for (uint64_t stop = 1; stop < t.max_steps; stop++) {
            memory first = memory_new(), second = memory_new();
            first.stop_at = stop;
            sw_train_host a = host_of(&first), b = host_of(&second);
            job.resume = (sw_bytes){0};
            assert_true(run_job(&job, &a));
            job.resume = sw_buffer_bytes(&first.state);
            assert_false(run_job(&job, &b));
            same_run(&one, &second);
            memory_drop(&first);
            memory_drop(&second);
        }
        memory_drop(&one);
        memory_drop(&three);
        sw_rows_free(&rows);
    }
}

/* A state of one strategy is none of another's. */
static void test_state_of_another_strategy(void **state) {
    const miniature *m = *state;
    sw_training t = packed(SW_PACKING_BFD_SPLIT), other = packed(SW_PACKING_WRAPPED);
    sw_rows rows = {0};
    memory kept = memory_new();
    kept.stop_at = 2;
    read_rows(m, &t, "tests/parity/data/pairs.jsonl", &rows);
    sw_train_job job = job_of(m, &t, &rows);
    sw_train_host host = host_of(&kept);
    assert_true(run_job(&job, &host));
    bool stopped;
    job.resume = sw_buffer_bytes(&kept.state);
    job.settings = &other;
    assert_int_equal(sw_train_run(&job, &host, &stopped, NULL), SW_REFUSED);
    memory_drop(&kept);
    sw_rows_free(&rows);
}

/* Evaluation packs as training does: a fresh adapter's first step over all sequences has its loss.
 */
static void test_evaluation(void **state) {
    const miniature *m = *state;
    for (int s = SW_PACKING_BFD; s <= SW_PACKING_WRAPPED; s++) {
        sw_training t = packed((sw_packing)s);
        sw_rows rows = {0};
        memory seen = memory_new();
        sw_evaluation v;
        t.per_device_train_batch_size = 1000;
        t.max_steps = 1;
        read_rows(m, &t, "tests/parity/data/text.jsonl", &rows);
        sw_train_job job = job_of(m, &t, &rows);
        sw_train_host host = host_of(&seen);
        run_job(&job, &host);
        sw_evaluate_job evaluate = {
            .model = &m->model, .settings = &t, .rows = &rows, .parallel = sw_parallel_serial()};
        assert_int_equal(sw_evaluate(&evaluate, &v, NULL), SW_OK);
        assert_true(fabs(v.loss - seen.loss[0]) < 1e-12 * v.loss);
        assert_int_equal(v.rows, rows.count);
        if (s != SW_PACKING_BFD) assert_int_equal(v.tokens, rows.token_count);
        memory_drop(&seen);
        sw_rows_free(&rows);
    }
}

/* ---- targets ---- */

typedef struct few_rows {
    uint32_t ids[40];
    uint8_t target[40];
    uint64_t ends[4];
    sw_rows rows;
} few_rows;

/* Four rows of ten tokens, of which the second's and later ones of rows in `counting` are targets.
 */
static void make_few(few_rows *f, unsigned counting) {
    *f = (few_rows){.rows = {.count = 4, .token_count = 40}};
    for (size_t i = 0; i < 40; i++) {
        f->ids[i] = (uint32_t)(3 + i);
        f->target[i] = i % 10 > 0 && (counting >> i / 10 & 1);
        f->ends[i / 10] = i + 1;
    }
    f->rows.ids = f->ids;
    f->rows.target = f->target;
    f->rows.ends = f->ends;
}

/* A step over packed prompts alone is a step: its loss is nothing, not no number, and of the steps
 * before nothing is left in its gradients. */
static void steps_without_targets(const miniature *m, sw_method method) {
    for (int s = SW_PACKING_BFD; s <= SW_PACKING_WRAPPED; s++) {
        few_rows few;
        sw_training t = packed((sw_packing)s);
        memory kept = memory_new();
        make_few(&few, 5);
        t.method = method;
        t.max_length = 10;
        t.per_device_train_batch_size = t.gradient_accumulation_steps = 1;
        t.max_steps = 4;
        sw_train_job job = job_of(m, &t, &few.rows);
        sw_train_host host = host_of(&kept);
        run_job(&job, &host);
        size_t nothing = 0, behind = 0;
        for (size_t i = 0; i < 4; i++) {
            bool none = kept.loss[i] == 0 && kept.norm[i] == 0;
            nothing += none;
            behind += none && i > 0 && kept.loss[i - 1] != 0;
        }
        assert_int_equal(nothing, 2);
        assert_true(behind > 0);
        memory_drop(&kept);
    }
}

static void test_a_step_without_targets(void **state) {
    steps_without_targets(*state, SW_METHOD_LORA);
    steps_without_targets(*state, SW_METHOD_FULL);
}

static void test_refusals(void **state) {
    const miniature *m = *state;
    static const struct {
        unsigned counting;
        bool packing, first; /* first: the second row's first token is a target */
        sw_status status;
    } cases[] = {
        {15, false, false, SW_OK},       {15, true, false, SW_OK},
        {15, true, true, SW_OK},         {13, true, false, SW_OK},
        {13, false, false, SW_OK},       {15, false, true, SW_MALFORMED},
        {13, false, true, SW_MALFORMED}, {0, false, false, SW_REFUSED},
        {0, true, false, SW_REFUSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        few_rows few;
        sw_training t = small_settings();
        memory kept = memory_new();
        sw_error err = {0};
        bool stopped;
        make_few(&few, cases[i].counting);
        few.target[10] = cases[i].first;
        t.packing = cases[i].packing;
        t.max_steps = 1;
        sw_train_job job = job_of(m, &t, &few.rows);
        sw_train_host host = host_of(&kept);
        sw_evaluate_job evaluate = {.model = &m->model,
                                    .settings = &t,
                                    .rows = &few.rows,
                                    .parallel = sw_parallel_serial()};
        sw_evaluation v;
        assert_int_equal(sw_train_run(&job, &host, &stopped, &err), cases[i].status);
        if (cases[i].status != SW_OK) assert_string_equal(err.word, "rows");
        assert_int_equal(sw_evaluate(&evaluate, &v, NULL), cases[i].status);
        memory_drop(&kept);
    }
}

/* More rows than torch's permutation is known for (NUM-061); nothing of them is read. */
static void test_too_many(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) arena = {0};
    sw_training t;
    sw_sequences out;
    sw_error err = {0};
    sw_training_defaults(&t);
    t.packing = false;
    const sw_rows rows = {.count = (size_t)UINT32_MAX / 20};
    assert_int_equal(sw_rows_pack(&arena, &rows, &t, &out, &err), SW_LIMIT);
    assert_string_equal(err.message, "rows: too many");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layouts),
                                       cmocka_unit_test(test_rows),
                                       cmocka_unit_test(test_losses),
                                       cmocka_unit_test(test_same_bytes),
                                       cmocka_unit_test(test_state_of_another_strategy),
                                       cmocka_unit_test(test_evaluation),
                                       cmocka_unit_test(test_a_step_without_targets),
                                       cmocka_unit_test(test_too_many),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests_name("packing", tests, group_open, group_close);
}
