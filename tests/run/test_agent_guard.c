/* SPDX-License-Identifier: Apache-2.0
 *
 * The lease's guard (WRK-055) beside an agent that stands still: what it does at the deadline and a
 * grace later, and what takes its deadline back. The test's own thread stands still by sleeping.
 */
#include "run/agent_guard.h"

#include "base/secret.h"
#include "cmocka_plain.h"
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SOON_MS = 200, LONG_MS = 60000, LATE_MS = 20000 };

static bool extend(sw_agent_guard *g, int64_t ms) { /* from now */
    return sw_agent_guard_extend(g, sw_agent_guard_now_ms() + ms);
}

static void sleep_ms(long ms) {
    const struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

/* A child that waits to be killed. */
static pid_t start_child(int *pidfd) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* it outlives no test that fails */
    while (pid == 0) (void)pause();
    *pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_true(*pidfd >= 0);
    return pid;
}

static bool ends_within(int pidfd, int ms) {
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    return poll(&end, 1, ms) == 1;
}

static void end_child(pid_t pid, int pidfd) {
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    (void)close(pidfd);
}

static sw_agent_guard *open_guard(int64_t grace_ms) {
    sw_agent_guard *g = NULL;
    assert_int_equal(sw_agent_guard_open(grace_ms, &g, NULL), SW_OK);
    return g;
}

static void at_the_deadline_the_child_is_killed(void **state) {
    (void)state;
    int pidfd;
    pid_t pid = start_child(&pidfd);
    sw_agent_guard *g = open_guard(LONG_MS);
    sw_agent_guard_child(g, pidfd);
    assert_true(extend(g, SOON_MS));
    assert_false(sw_agent_guard_ended(g));
    assert_true(ends_within(pidfd, LATE_MS));
    assert_true(sw_agent_guard_ended(g));
    assert_false(extend(g, LONG_MS)); /* a renewal that comes too late */
    assert_false(sw_agent_guard_release(g));
    sw_agent_guard_close(&g);
    assert_null(g);
    end_child(pid, pidfd);
}

/* Nobody looks in between: what comes too late has ended when it is said. */
static void a_lease_that_has_ended_already_is_none(void **state) {
    (void)state;
    for (int64_t ago_ms = 1; ago_ms < 1000000; ago_ms *= 10) {
        sw_agent_guard *g = open_guard(LONG_MS);
        assert_false(extend(g, -ago_ms));
        assert_true(sw_agent_guard_ended(g));
        assert_false(extend(g, LONG_MS));
        sw_agent_guard_close(&g);
    }
}

static void a_child_that_starts_too_late_is_killed(void **state) {
    (void)state;
    int pidfd;
    sw_agent_guard *g = open_guard(LONG_MS);
    assert_true(extend(g, SOON_MS));
    while (!sw_agent_guard_ended(g)) sleep_ms(10);
    pid_t pid = start_child(&pidfd);
    sw_agent_guard_child(g, pidfd);
    assert_true(ends_within(pidfd, LATE_MS));
    sw_agent_guard_close(&g);
    end_child(pid, pidfd);
}

/* Renewed, released, or another child behind the same number: it lives. */
static void what_is_taken_back_kills_nothing(void **state) {
    (void)state;
    for (int how = 0; how < 3; how++) {
        int pidfd;
        pid_t pid = start_child(&pidfd);
        sw_agent_guard *g = open_guard(LONG_MS);
        sw_agent_guard_child(g, pidfd);
        assert_true(extend(g, how == 2 ? SOON_MS : 10 * SOON_MS));
        if (how == 0) assert_true(extend(g, LONG_MS));
        if (how == 1) assert_true(sw_agent_guard_release(g));
        if (how == 2) sw_agent_guard_child(g, -1);
        assert_false(ends_within(pidfd, 12 * SOON_MS));
        assert_int_equal(sw_agent_guard_ended(g), how == 2);
        sw_agent_guard_close(&g);
        end_child(pid, pidfd);
    }
}

static void a_thread_that_has_not_run_yet_is_no_reprieve(void **state) {
    (void)state;
    int seen = 0;
    for (int i = 0; i < 100; i++) {
        sw_agent_guard *g = open_guard(LONG_MS);
        const int64_t due_ms = sw_agent_guard_now_ms() + 3;
        if (!sw_agent_guard_extend(g, due_ms)) { /* held up that long in between: no matter */
            sw_agent_guard_close(&g);
            continue;
        }
        while (sw_agent_guard_now_ms() < due_ms) (void)0;
        assert_false(i % 2 ? extend(g, LONG_MS) : sw_agent_guard_release(g));
        assert_true(sw_agent_guard_ended(g));
        sw_agent_guard_close(&g);
        seen++;
    }
    assert_true(seen > 0);
}

static void signals_are_left_to_the_agent(void **state) {
    (void)state;
    sigset_t one, before, pending;
    sw_agent_guard *g = open_guard(LONG_MS);
    assert_true(extend(g, SOON_MS));
    while (!sw_agent_guard_ended(g)) sleep_ms(10); /* its thread runs */
    (void)sigemptyset(&one);
    (void)sigaddset(&one, SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &one, &before), 0);
    assert_int_equal(sigismember(&before, SIGUSR1), 0); /* the guard's own mask is not ours */
    assert_int_equal(kill(getpid(), SIGUSR1), 0);       /* ends a process that hears it */
    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, SIGUSR1), 1);
    assert_true(sigtimedwait(&one, NULL, &(struct timespec){0}) == SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    sw_agent_guard_close(&g);
}

/* An agent that does not come back, each in a process of its own. What it does meanwhile. */
typedef enum stand_how {
    STANDS,  /* waits */
    LOOKS,   /* looks at a key over and over, and tells of what is no key */
    WRITES,  /* to a key */
    RENEWS,  /* for long, when the end has come; no lease is renewed so */
    IS_DONE, /* has released its lease and dropped its keys; a deadline that nobody sets comes */
    IS_BACK, /* heard of the end, and closed its guard */
} stand_how;
enum { KEYS = 64, LASTED = 100, SEEN = 97 };

static void go_on(stand_how how, sw_agent_guard **g, void **keys, volatile bool *wiped_seen) {
    volatile uint8_t *first = keys[0];
    if (how == WRITES) first[0] = 1;
    while (how == LOOKS)
        if (first[0] == 0) *wiped_seen = true;
    if (how == IS_DONE) {
        if (!sw_agent_guard_release(*g)) _exit(SEEN);
        for (size_t i = 0; i < KEYS; i++) sw_secret_release(keys[i]);
        if (!extend(*g, SOON_MS)) _exit(SEEN);
    }
    while ((how == RENEWS || how == IS_BACK) && !sw_agent_guard_ended(*g)) sleep_ms(10);
    if (how == RENEWS && extend(*g, LONG_MS)) _exit(SEEN);
    if (how == IS_BACK) sw_agent_guard_close(g);
    sleep_ms(how == IS_BACK ? 12 * SOON_MS : LATE_MS);
    _exit(LASTED);
}

/* Its exit code, or 256 and the signal that it died of. */
static int stand_still(stand_how how, volatile bool *wiped_seen) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        sw_agent_guard *g = NULL;
        void *keys[KEYS];
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)signal(SIGSEGV, SIG_DFL);
        if (sw_agent_guard_open(how == IS_BACK ? 10 * SOON_MS : SOON_MS, &g, NULL) != SW_OK)
            _exit(SEEN);
        for (size_t i = 0; i < KEYS; i++) {
            if ((keys[i] = sw_secret_alloc(32)) == NULL) _exit(SEEN);
            memset(keys[i], 7, 32);
            sw_agent_guard_key(g, keys[i]);
        }
        if (!extend(g, SOON_MS)) _exit(SEEN);
        go_on(how, &g, keys, wiped_seen);
    }
    int code = 0;
    assert_int_equal(waitpid(pid, &code, 0), pid);
    return WIFEXITED(code) ? WEXITSTATUS(code) : 256 + WTERMSIG(code);
}

static void a_grace_later_the_process_ends(void **state) {
    (void)state;
    assert_int_equal(stand_still(STANDS, NULL), 1);
    assert_int_equal(stand_still(WRITES, NULL), 1);
    assert_int_equal(stand_still(RENEWS, NULL), 1);
    assert_int_equal(stand_still(IS_DONE, NULL), 1);
    assert_int_equal(stand_still(IS_BACK, NULL), LASTED);
}

/* Which would be a key that everybody has. It finds the page closed, or ends before it looks. */
static void an_agent_in_mid_use_finds_no_key_of_zeros(void **state) {
    (void)state;
    volatile bool *seen =
        mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(seen != MAP_FAILED);
    int ended = stand_still(LOOKS, seen);
    assert_true(ended == 1 || ended == 256 + SIGSEGV);
    assert_false(*seen);
    (void)munmap((void *)(uintptr_t)seen, sizeof *seen);
}

#if !defined(SW_VARIANT_ASAN) && !defined(SW_VARIANT_TSAN) /* which make mlock do nothing */
static bool is_locked(const void *address) {
    char line[512];
    bool inside = false, locked = false;
    FILE *smaps = fopen("/proc/self/smaps", "r");
    assert_non_null(smaps);
    while (fgets(line, sizeof line, smaps) != NULL) {
        uintptr_t from, to;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2)
            inside = (uintptr_t)address >= from && (uintptr_t)address < to;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            locked = strstr(line, " lo ") != NULL;
    }
    (void)fclose(smaps);
    return locked;
}

/* The disk that they would be read from again is the host's. */
static void its_code_is_locked(void **state) {
    (void)state;
    sw_agent_guard *g = open_guard(LONG_MS);
    const void *ours, *libc;
    bool (*ended)(sw_agent_guard *) = sw_agent_guard_ended;
    int (*waits)(struct pollfd *, nfds_t, int) = poll;
    memcpy(&ours, &ended, sizeof ours);
    memcpy(&libc, &waits, sizeof libc);
    assert_true(is_locked(ours));
    assert_true(is_locked(libc));
    sw_agent_guard_close(&g);
}
#endif

static void without_a_guard_nothing_ends(void **state) {
    (void)state;
    sw_agent_guard *none = NULL;
    sw_agent_guard_child(none, 3);
    sw_agent_guard_key(none, NULL);
    assert_true(extend(none, 0));
    assert_true(sw_agent_guard_release(none));
    assert_false(sw_agent_guard_ended(none));
    sw_agent_guard_close(&none);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_the_deadline_the_child_is_killed),
        cmocka_unit_test(a_lease_that_has_ended_already_is_none),
        cmocka_unit_test(a_child_that_starts_too_late_is_killed),
        cmocka_unit_test(what_is_taken_back_kills_nothing),
        cmocka_unit_test(a_thread_that_has_not_run_yet_is_no_reprieve),
        cmocka_unit_test(signals_are_left_to_the_agent),
        cmocka_unit_test(a_grace_later_the_process_ends),
        cmocka_unit_test(an_agent_in_mid_use_finds_no_key_of_zeros),
#if !defined(SW_VARIANT_ASAN) && !defined(SW_VARIANT_TSAN)
        cmocka_unit_test(its_code_is_locked),
#endif
        cmocka_unit_test(without_a_guard_nothing_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
