/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host learns of a script (RCP-095, RCP-103, CMD-045): how it ended is one of a fixed list
 * of classes, a STOP is answered once, losses are values of a finite set at the interval alone, and
 * what is sealed has a size that no loss changes. And nothing that a child does to its pipes holds
 * the agent (WRK-050).
 */
#include "run/command_stage.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- how it ended ---- */

/* A child that ends so; the agent's streams are at their end already. */
static void start_child(sw_agent *a, int signal_number, int code) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (signal_number) {
            (void)signal(signal_number, SIG_DFL);
            (void)raise(signal_number);
        }
        _exit(code);
    }
    a->worker = pid;
    a->worker_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_true(a->worker_pidfd >= 0);
    siginfo_t info; /* ended, and still there to be waited for */
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static const char gone[] = "training ended: the script ended without its last word",
                  killed[] =
                      "training ended: the script made a system call that the sandbox forbids",
                  broke[] = "training ended: the script said what is not due, or went beyond a "
                            "limit of the recipe";

static void test_ends(void **unused) {
    (void)unused;
    static const struct {
        int signal_number, code;
        const char *said;
    } cases[] = {{0, 0, gone},       {0, 3, gone},       {0, 255, gone},      {SIGSEGV, 0, gone},
                 {SIGABRT, 0, gone}, {SIGKILL, 0, gone}, {SIGTERM, 0, gone},  {40, 0, gone},
                 {SIGFPE, 0, gone},  {SIGBUS, 0, gone},  {SIGSYS, 0, killed}, {SIGALRM, 0, gone}};
    stage s;
    open_stage(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sw_error err = {0};
        sw_agent *a = open_agent(&s);
        start_child(a, cases[i].signal_number, cases[i].code);
        sw_status status = listen_to(a, begin, &err);
        assert_int_not_equal(status, SW_OK);
        assert_int_equal(sw_agent_fold(a, status, &err), SW_REFUSED);
        assert_string_equal(err.word, "worker");
        assert_string_equal(err.message, cases[i].said);
        assert_string_equal(err.hint, "");
        close_agent(&s, &a);
    }
    close_stage(&s);
}

/* Ten leases without a byte; and what is none of the script's doing stays as it is. */
static void test_not_its_own(void **unused) {
    (void)unused;
    stage s;
    sw_error err = {0};
    open_stage(&s);
    sw_agent *a = open_agent(&s);
    a->progress_ms = sw_machine_counter_ms(s.machine) - 10 * (int64_t)HOUR_MS - 1;
    sw_status status = sw_agent_tick(a, &err);
    assert_int_equal(sw_agent_fold(a, status, &err), SW_REFUSED);
    assert_string_equal(err.message,
                        "training ended: the script has stalled: not a byte during 10 leases");
    a->end = SW_END_BROKE;
    status = sw_fail(&err, SW_MEMORY, "memory", "no memory for 12345 bytes");
    assert_int_equal(sw_agent_fold(a, status, &err), SW_REFUSED);
    assert_string_equal(err.message, "training ended: there is not enough memory");
    status = sw_fail(&err, SW_IO, "io", "poll: something");
    assert_int_equal(sw_agent_fold(a, status, &err), SW_REFUSED);
    assert_string_equal(err.message, "training ended: the worker failed");
    a->end = SW_END_HOST;
    status = sw_fail(&err, SW_IO, "io", "no space left");
    assert_int_equal(sw_agent_fold(a, status, &err), SW_IO);
    assert_string_equal(err.message, "what the run leaves cannot be written");
    assert_int_equal(sw_fail(&err, SW_REFUSED, "stopped", "stopped"), SW_REFUSED);
    assert_int_equal(sw_agent_fold(a, SW_REFUSED, &err), SW_REFUSED);
    assert_string_equal(err.message, "stopped");
    a->end = SW_END_BROKE;
    a->lease_status = SW_REFUSED;
    assert_int_equal(sw_agent_fold(a, status, &err), SW_IO);
    a->lease_status = SW_OK;
    assert_int_equal(sw_agent_fold(a, SW_OK, &err), SW_OK);
    close_agent(&s, &a);
    close(stream_fd);
    close(metrics_fd);
    close_stage(&s);
}

/* ---- when its last word is said ---- */

/* What the agent adds goes into the limit too: an output that leaves no room for it is told as one
 * that is larger, and before anything is sealed. */
static size_t output_size;
static void one_output(void) {
    static uint8_t zeros[LIMIT];
    begin();
    step(TOTAL);
    output("a", SW_BYTES(zeros, output_size));
    done(0);
}

static void test_output_room(void **unused) {
    (void)unused;
    static const struct {
        size_t left;
        bool good;
    } cases[] = {{0, false}, {600, false}, {1000, false}, {20000, true}, {70000, true}};
    stage s;
    open_stage(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sw_error err = {0};
        sw_agent *a = open_agent(&s);
        a->recipe->output_limit_bytes = 1 << 18;
        (void)snprintf(a->recipe->name, sizeof a->recipe->name, "room");
        a->manifest_key = sw_session_key_new();
        sw_p256_public public;
        assert_int_equal(sw_p256_generate(&s.options.entropy, a->manifest_key->b, &public, NULL),
                         SW_OK);
        output_size = (1 << 18) - cases[i].left;
        sw_status status = listen_to(a, one_output, &err);
        assert_int_equal(status == SW_OK, cases[i].good);
        assert_int_equal(sw_agent_fold(a, status, &err), cases[i].good ? SW_OK : SW_REFUSED);
        if (!cases[i].good) assert_string_equal(err.message, broke);
        close_agent(&s, &a);
    }
    close_stage(&s);
}

static void test_finish_folds(void **unused) {
    (void)unused;
    static const struct {
        sw_status status, folded;
        const char *said;
    } cases[] = {{SW_LIMIT, SW_REFUSED, broke},
                 {SW_MEMORY, SW_REFUSED, "training ended: there is not enough memory"},
                 {SW_INTERNAL, SW_REFUSED, "training ended: the worker failed"},
                 {SW_IO, SW_IO, "what the run leaves cannot be written"},
                 {SW_UNAVAILABLE, SW_UNAVAILABLE, "12345"}};
    stage s;
    open_stage(&s);
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        sw_error err = {0};
        sw_agent *a = open_agent(&s);
        a->lease_status = i % 2 ? SW_REFUSED : SW_OK;
        sw_status status = sw_fail(&err, cases[i / 2].status, "word", "12345");
        assert_int_equal(sw_agent_fold_finish(a, status, &err), cases[i / 2].folded);
        assert_string_equal(err.message, cases[i / 2].said);
        assert_int_equal(sw_agent_fold_finish(a, SW_OK, &err), SW_OK);
        close(stream_fd);
        close(metrics_fd);
        close_agent(&s, &a);
    }
    close_stage(&s);
}

/* Public losses are drawn whatever the number of outputs: it would be a bit. */
static int files;
static void many_files(void) {
    begin();
    step(TOTAL);
    for (int i = 0; i < files; i++) named((char[]){(char)('a' + i), 0});
    done(0);
}
static void see_curve(void *context, const sw_curve *curve) {
    (void)curve;
    ++*(size_t *)context;
}

static void test_drawn(void **unused) {
    (void)unused;
    stage s;
    size_t drawn = 0;
    open_stage(&s);
    s.options.eyes = (sw_run_eyes){.context = &drawn, .curve = see_curve};
    for (files = 14; files <= SW_AGENT_OUTPUT_FILES; files++) {
        sw_agent *a = open_agent(&s);
        a->recipe->metrics = SW_METRICS_PUBLIC;
        drawn = 0;
        assert_int_equal(listen_to(a, many_files, NULL), SW_OK);
        assert_int_equal(drawn, 1);
        close_agent(&s, &a);
    }
    close_stage(&s);
}

/* ---- a STOP is answered by one state at most, and behind it by an end ---- */

SCRIPT(one_state, begin(), step(1), state(1), done(1))
SCRIPT(fixed_state, begin(), step(1), step(2), state(2), done(1))
SCRIPT(two_states, begin(), step(1), state(1), step(3), state(3), done(1))
SCRIPT(fixed_behind, begin(), step(1), state(1), step(2), state(2), done(1))
SCRIPT(goes_on, begin(), step(1), state(1), step(TOTAL), named("a"), done(0))
SCRIPT(fails_behind, begin(), step(1), state(1), failed(SW_FAILURE_GAVE_UP))

static void test_stop_answers(void **unused) {
    (void)unused;
    static const struct {
        void (*says)(void);
        const char *sentence; /* NULL: it is stopped */
    } cases[] = {{one_state, NULL},
                 {fixed_state, NULL},
                 {two_states, "a state that is not due"},
                 {fixed_behind, "a state that is not due"},
                 {goes_on, "an output that is not due"},
                 {fails_behind, "the script gave up"}};
    stage s;
    open_stage(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sw_error err = {0};
        sw_agent *a = open_agent(&s);
        a->stop_sent = true;
        sw_status status = listen_to(a, cases[i].says, &err);
        assert_int_equal(status == SW_OK, cases[i].sentence == NULL);
        if (cases[i].sentence) assert_non_null(strstr(err.message, cases[i].sentence));
        assert_int_equal(a->stopped, cases[i].sentence == NULL);
        close_agent(&s, &a);
    }
    close_stage(&s);
}

/* ---- pipes that nobody reads ---- */

static bool interrupt(void *context) {
    (void)context;
    return true;
}

/* As the agent's spawn makes it, and filled to its end. */
static int full_pipe(sw_agent *a) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 4096);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    while (write(ends[1], "x", 1) == 1) continue;
    a->control_fd = ends[1];
    return ends[0];
}

static void test_full_pipe(void **unused) {
    (void)unused;
    stage s;
    uint8_t got[4096 + 64], stop[SW_FRAME_HEADER_BYTES];
    open_stage(&s);
    (void)alarm(60); /* a write that blocks ends the program */
    s.options.eyes.interrupted = interrupt;
    sw_agent *a = open_agent(&s);
    int reader = full_pipe(a);
    a->plan_seen = true;
    assert_int_equal(sw_agent_tick(a, NULL), SW_OK);
    assert_true(a->stop_sent && a->stop_due);
    assert_int_equal(sw_agent_tick(a, NULL), SW_OK); /* and still */
    assert_true(a->stop_due);
    assert_int_equal(read(reader, got, 4096), 4096);
    assert_int_equal(sw_agent_tick(a, NULL), SW_OK);
    assert_false(a->stop_due);
    assert_int_equal(sw_agent_tick(a, NULL), SW_OK); /* once */
    sw_frame_header(stop, SW_FRAME_STOP, 0);
    assert_int_equal(read(reader, got, sizeof got), sizeof stop);
    assert_memory_equal(got, stop, sizeof stop);
    close_agent(&s, &a);
    close(stream_fd);
    close(metrics_fd);
    close(reader);
    close_stage(&s);
}

/* JOB: the lease ends the wait for a child that reads nothing, and one that has gone is no wait. */
static void test_job_unread(void **unused) {
    (void)unused;
    stage s;
    sw_error err = {0};
    open_stage(&s);
    (void)alarm(60);
    sw_agent *a = open_agent(&s);
    int reader = full_pipe(a);
    a->lease_end_ms = sw_machine_counter_ms(s.machine) + 300;
    assert_int_equal(sw_agent_tell_job(a, SW_LITERAL("{}"), &err), SW_REFUSED);
    assert_string_equal(err.word, "lease");
    close(reader);
    a->lease_end_ms += HOUR_MS;
    a->lease_status = SW_OK;
    assert_int_equal(sw_agent_tell_job(a, SW_LITERAL("{}"), &err), SW_OK);
    close_agent(&s, &a);
    close(stream_fd);
    close(metrics_fd);
    close_stage(&s);
}

/* ---- losses ---- */

static void with_losses(const double *losses) {
    begin();
    for (uint64_t i = 1; i <= TOTAL; i++) step_of(i, TOTAL, losses[i - 1]);
    named("a");
    done(0);
}
static const double calm[TOTAL] = {1, 1, 1, 1},
                    wild[TOTAL] = {__DBL_MAX__, -1.0 / 3, 1e-300, 3.0517578125e-05 * 4095 / 2048},
                    odd[TOTAL] = {__builtin_nan(""), __builtin_inf(), -__builtin_inf(), -0.0};
SCRIPT(calm_losses, with_losses(calm))
SCRIPT(wild_losses, with_losses(wild))
SCRIPT(odd_losses, with_losses(odd))
SCRIPT(one_record, begin(), step(TOTAL), named("a"), done(0))
SCRIPT(no_record, begin(), state(2), state(4), named("a"), done(0))

/* MAN-024: one size, whatever is said; and it can be encoded, whatever is said (a loss that rounded
 * to infinity once ended a run at its end). */
static void test_sizes(void **unused) {
    (void)unused;
    static void (*const scripts[])(void) = {calm_losses, wild_losses, odd_losses, one_record,
                                            no_record};
    stage s;
    size_t size = 0;
    open_stage(&s);
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        sw_agent *a = open_agent(&s);
        assert_int_equal(listen_to(a, scripts[i], NULL), SW_OK);
        assert_int_equal(sw_agent_encode_metrics(a, &text, NULL), SW_OK);
        if (i == 0) size = 58 + 51 * TOTAL;
        assert_int_equal(text.size, size);
        a->total_steps = 2 * TOTAL; /* the size follows from this */
        sw_buffer_reset(&text);
        assert_int_equal(sw_agent_encode_metrics(a, &text, NULL), SW_OK);
        assert_true(text.size > size);
        close_agent(&s, &a);
    }
    close_stage(&s);
}

static void test_values(void **unused) {
    (void)unused;
    static const struct {
        void (*says)(void);
        double losses[TOTAL];
    } cases[] = {{calm_losses, {1, 1, 1, 1}},
                 {wild_losses, {65520, 0, 0, 6.1020255088806152e-05}},
                 {odd_losses, {65520, 65520, 0, 0}}};
    stage s;
    open_stage(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sw_agent *a = open_agent(&s);
        assert_int_equal(listen_to(a, cases[i].says, NULL), SW_OK);
        assert_int_equal(a->metric_count, TOTAL);
        for (size_t k = 0; k < TOTAL; k++)
            if (a->metrics[k].loss != cases[i].losses[k] || __builtin_signbit(a->metrics[k].loss))
                fail_msg("script %zu, step %zu: %.17g", i, k + 1, a->metrics[k].loss);
        close_agent(&s, &a);
    }
    close_stage(&s);
}

/* ---- what is seen while it trains ---- */

typedef struct sight {
    uint64_t interval, steps, losses, tokens;
} sight;

static void see_step(void *context, const sw_wire_step *seen, bool with_loss) {
    sight *s = context;
    bool due = seen->step % s->interval == 0;
    assert_int_equal(with_loss, due);
    if (!due) assert_true(seen->loss == 0 && seen->tokens == 0);
    s->steps++;
    s->losses += with_loss;
    s->tokens += seen->tokens;
}

/* Public losses are seen at multiples of the interval, and nothing else between. */
static void test_interval(void **unused) {
    (void)unused;
    stage s;
    sight seen = {.interval = 2};
    open_stage(&s);
    s.options.eyes = (sw_run_eyes){.context = &seen, .step = see_step};
    sw_agent *a = open_agent(&s);
    a->recipe->metrics = SW_METRICS_PUBLIC;
    a->recipe->metrics_interval = 2;
    assert_int_equal(listen_to(a, calm_losses, NULL), SW_OK);
    assert_int_equal(seen.steps, TOTAL);
    assert_int_equal(seen.losses, TOTAL / 2);
    assert_int_equal(seen.tokens, 0);
    close_agent(&s, &a);
    close_stage(&s);
}

int main(void) {
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),        cmocka_unit_test(test_not_its_own),
        cmocka_unit_test(test_output_room), cmocka_unit_test(test_finish_folds),
        cmocka_unit_test(test_drawn),       cmocka_unit_test(test_stop_answers),
        cmocka_unit_test(test_full_pipe),   cmocka_unit_test(test_job_unread),
        cmocka_unit_test(test_sizes),       cmocka_unit_test(test_values),
        cmocka_unit_test(test_interval),
    };
    return cmocka_run_group_tests_name("run/command_said", tests, NULL, NULL);
}
