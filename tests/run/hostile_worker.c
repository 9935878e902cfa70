/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker that means harm. Its digest stands in the recipe of the test's own world, so the agent
 * approves and starts it; the number of threads that the run asks for chooses one act of the table
 * below. What an act is expected to come to is in the table: `--list` prints it for the test.
 *
 * contained: the run ends with the word `worker`, and the act did not get what it wanted (it then
 * says FAILED "internal"; had it got it, it would say "diverged"). limit, rows, done: the run ends
 * with that word, or well. stalled: after one lease without a byte. diverged: it says so, behind a
 * state.
 */
#include "run/hostile_words.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define DUMP_LIMIT ((size_t)12 << 20)
enum { PAGE = 4096, NEAR_PAGES = 16384, TOKENS_PER_ROW = 4 };

extern char **environ;
extern char __executable_start, _end;

/* ---- acts: behave, and look around ---- */
static void behave(void) {
    train();
    named("adapter_model.safetensors");
    done(0);
}
/* Another result with these threads than with one: only a replay can tell (test_replay.sh). */
SAYS(drift_late, begin(), steps(1, every), drift = 1, rest(every + 1))
SAYS(drift_first, drift = 1, behave())
SAYS(drift_model, train(), output("adapter_model.safetensors", 25, "y", 1), done(0))
static void descriptors(void) {
    for (int fd = 0; fd < 4096; fd++)
        if ((fcntl(fd, F_GETFD) >= 0) != (fd <= SW_FD_ROWS)) report(true);
    report(false);
}
TRIES(surroundings, environ[0] || getuid() == 0 || prctl(PR_GET_DUMPABLE) != 0)
static bool readable(const uint8_t *page) {
    return syscall(SYS_rt_sigprocmask, 99, page, NULL, 8) < 0 && errno == EINVAL;
}
static size_t take(const uint8_t *from, const uint8_t *to, uint8_t *out, size_t at) {
    for (const uint8_t *p = from; p < to && at + PAGE <= DUMP_LIMIT; p += PAGE) {
        if ((p >= out && p < out + DUMP_LIMIT) || !readable(p)) continue;
        memcpy(out + at, p, PAGE);
        at += PAGE;
    }
    return at;
}
/* Everything that it can read, into an output: image, heap, stack and what is mapped near by. */
static void dump(void) {
    static const uint8_t zero;
    uint8_t *out =
        mmap(NULL, DUMP_LIMIT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (out == MAP_FAILED) report(false);
    train();
    const uint8_t *stack =
                      (const uint8_t *)((uintptr_t)__builtin_frame_address(0) & -(uintptr_t)PAGE),
                  *image = (const uint8_t *)((uintptr_t)&__executable_start & -(uintptr_t)PAGE);
    size_t size = take(image, (const uint8_t *)&_end, out, 0);
    size = take(stack - (size_t)64 * PAGE, stack + (size_t)512 * PAGE, out, size);
    uint8_t *heap = sbrk(0);
    size = take(heap - (size_t)1024 * PAGE, heap, out, size);
    size = take(out - (size_t)NEAR_PAGES * PAGE, out + (size_t)NEAR_PAGES * PAGE, out, size);
    output("memory.bin", 10, size ? out : &zero, size ? size : 1);
    done(0);
}

/* ---- acts: ways out ---- */
TRIES(act_tcp, socket(AF_INET, SOCK_STREAM, 0) >= 0)
TRIES(act_udp, socket(AF_INET, SOCK_DGRAM, 0) >= 0)
TRIES(act_unix, socket(AF_UNIX, SOCK_STREAM, 0) >= 0)
TRIES(act_vsock, socket(AF_VSOCK, SOCK_STREAM, 0) >= 0)
TRIES(act_read_file, open("/etc/passwd", O_RDONLY) >= 0)
TRIES(act_write_file, open("/tmp/hostile", O_CREAT | O_WRONLY, 0600) >= 0)
TRIES(act_shared_memory, open("/dev/shm/hostile", O_CREAT | O_RDWR, 0600) >= 0)
TRIES(act_maps, open("/proc/self/maps", O_RDONLY) >= 0)
TRIES(act_agent_memory, open("/proc/1/mem", O_RDONLY) >= 0)
TRIES(act_processes, open("/proc", O_RDONLY | O_DIRECTORY) >= 0)
TRIES(act_quote, open("/sys/kernel/config/tsm/report", O_RDONLY) >= 0)
TRIES(act_mkdir, mkdir("/tmp/hostile", 0700) == 0)
TRIES(act_link, symlink("/etc/passwd", "/tmp/hostile") == 0)
TRIES(act_unlink, unlink("/tmp/hostile") == 0)
static void act_exec(void) {
    char *const none[] = {NULL};
    report(execve("/bin/true", none, none) == 0);
}
static void act_exec_again(void) {
    char *const none[] = {NULL};
    for (int fd = 0; fd < 64; fd++) syscall(SYS_execveat, fd, "", none, none, AT_EMPTY_PATH);
    report(false);
}
TRIES(act_fork, fork() >= 0)
TRIES(act_raw_fork, syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0)
TRIES(act_namespace, unshare(CLONE_NEWUSER) == 0)
TRIES(act_trace, ptrace(PTRACE_ATTACH, getppid(), 0, 0) == 0)
TRIES(act_traced, ptrace(PTRACE_TRACEME, 0, 0, 0) == 0)
static void act_peek(void) {
    struct iovec mine = {big, sizeof big}, theirs = {&__executable_start, 4096};
    report(syscall(SYS_process_vm_readv, 1, &mine, 1, &theirs, 1, 0) >= 0);
}
TRIES(act_kill_all, kill(-1, SIGTERM) == 0)
TRIES(act_kill_agent, syscall(SYS_kill, 1, SIGKILL) == 0)
TRIES(act_pidfd, syscall(SYS_pidfd_open, 1, 0) >= 0)
TRIES(act_memfd, syscall(SYS_memfd_create, "x", 0) >= 0)
TRIES(act_code,
      mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
static void act_code_later(void) {
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    report(mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0);
}
TRIES(act_dumpable, prctl(PR_SET_DUMPABLE, 1) == 0)
static void act_core(void) {
    const struct rlimit all = {1, 1};
    report(setrlimit(RLIMIT_CORE, &all) == 0);
}
TRIES(act_model, write(SW_FD_MODEL, "x", 1) > 0 || ftruncate(SW_FD_MODEL, 1) == 0)
TRIES(act_rows, mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, SW_FD_ROWS, 0) != MAP_FAILED)
static void act_ring(void) {
    struct io_uring_params p = {0};
    report(syscall(SYS_io_uring_setup, 4, &p) >= 0);
}
TRIES(act_terminal, syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x") == 0)
TRIES(act_setuid, setuid(0) == 0)
TRIES(act_bpf, syscall(SYS_bpf, 0, big, 64) >= 0)
TRIES(act_keyring, syscall(SYS_add_key, "user", "x", "x", 1, -3) >= 0)
TRIES(act_queue, syscall(SYS_shmget, 1, 4096, 01600) >= 0)
static void act_time(void) {
    const struct timespec t = {0};
    report(clock_settime(CLOCK_REALTIME, &t) == 0);
}
static void act_foreign_call(void) {
    long r;
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(20) : "memory"); /* getpid of another ABI */
    report(r > 0);
}
static void act_crash(void) {
    raise(SIGSEGV);
}
SAYS(act_trap, __builtin_trap())
SAYS(act_exit, _exit(77))

/* ---- acts: wrong words ---- */
static void garbage(void) {
    for (size_t i = 0; i < sizeof big; i++) big[i] = (uint8_t)(i * 31 + 7);
    for (;;)
        if (write(SW_FD_STREAM, big, sizeof big) <= 0) _exit(1);
}
static void say_nothing(void) {}
static void half_a_frame(void) {
    begin();
    header(SW_FRAME_CHECKPOINT, 100);
    (void)!write(SW_FD_STREAM, big, 50);
}
static void frame_of(int type) {
    hello();
    frame(SW_FD_STREAM, (sw_frame_type)type, "x", 1);
    plan(total);
    rest(1);
}
SAYS(frame_job, frame_of(SW_FRAME_JOB))
SAYS(frame_stop, frame_of(SW_FRAME_STOP))
SAYS(frame_rows, frame_of(SW_FRAME_ROWS))
SAYS(frame_step, frame_of(SW_FRAME_STEP))
SAYS(frame_unknown, frame_of(77))
SAYS(failed_long, hello(), frame(SW_FD_STREAM, SW_FRAME_FAILED, "xy", 2))
SAYS(failed_unknown, hello(), frame(SW_FD_STREAM, SW_FRAME_FAILED, "\377", 1))
SAYS(hello_twice, hello(), hello(), plan(total), rest(1))
SAYS(hello_long, frame(SW_FD_STREAM, SW_FRAME_HELLO, "secret", 6), plan(total), rest(1))
SAYS(plan_first, plan(total), rest(1))
SAYS(plan_twice, begin(), plan(total), rest(1))
SAYS(plan_short, hello(), frame(SW_FD_STREAM, SW_FRAME_PLAN, big, 8), plan(total), rest(1))
SAYS(plan_more, hello(), plan(total + 1), total++, rest(1))
SAYS(plan_none, hello(), plan(0), total = 0, named("a"), done(0))
SAYS(plan_huge, hello(), plan(UINT64_MAX))
SAYS(state_first, hello(), checkpoint(every), plan(total), rest(1))
SAYS(state_early, begin(), step(1, total, 1), checkpoint(1), rest(2))
SAYS(state_of_no_step, begin(), checkpoint(0), rest(1))
SAYS(state_beyond, begin(), checkpoint(total + every), rest(1))
SAYS(state_twice, begin(), steps(1, every), checkpoint(every), rest(every + 1))
SAYS(state_skipped, begin(), step(1, total, 1), step(2, total, 1), rest(3))
SAYS(state_short, begin(), frame(SW_FD_STREAM, SW_FRAME_CHECKPOINT, big, 7), rest(1))
static void state_huge(void) {
    begin();
    header(SW_FRAME_CHECKPOINT, UINT64_MAX / 2);
    uint8_t number[8];
    put_u64(number, every);
    (void)!write(SW_FD_STREAM, number, 8);
    wait_here();
}
static void state_unstepped(void) {
    begin();
    checkpoint(every);
    step(1, total, 1);
    close(SW_FD_METRICS);
    for (;;) sched_yield();
}
SAYS(output_first, begin(), named("adapter.bin"), rest(1))
SAYS(output_empty, train(), frame(SW_FD_STREAM, SW_FRAME_OUTPUT, NULL, 0), named("a"), done(0))
static void output_many(void) {
    train();
    for (int i = 0; i < 17; i++) named((char[]){(char)('a' + i), 0});
    done(0);
}
static void output_huge(void) {
    train();
    header(SW_FRAME_OUTPUT, UINT64_MAX);
    (void)!write(SW_FD_STREAM, "\0\0\0\1x", 5);
    wait_here();
}
SAYS(output_twice, train(), named("a"), named("a"), done(0))
SAYS(name_up, train(), named("../escaped"), done(0))
SAYS(name_root, train(), named("/tmp/hostile"), done(0))
SAYS(name_hidden, train(), named(".bashrc"), done(0))
SAYS(name_empty, train(), output("", 0, "x", 1), done(0))
SAYS(name_zero, train(), output("a\0b", 3, "x", 1), done(0))
SAYS(name_long, train(), output((const char *)big, 200, "x", 1), done(0))
SAYS(name_facts, train(), named("sealwright.json"), done(0))
SAYS(name_signature, train(), named("model.sig"), done(0))
SAYS(name_curve, train(), named("curve.svg"), done(0))
SAYS(diverges, begin(), steps(1, every), leave(SW_FAILURE_DIVERGED))
SAYS(done_first, begin(), done(0))
SAYS(done_at_once, hello(), done(0))
SAYS(done_empty, train(), done(0))
SAYS(done_unasked, begin(), steps(1, every), done(1))
SAYS(done_other, train(), named("a"), done(7))
SAYS(done_long, train(), named("a"), frame(SW_FD_STREAM, SW_FRAME_DONE, big, 9))
static void speaks_on(void) {
    behave();
    for (;;)
        if (write(SW_FD_STREAM, big, sizeof big) <= 0) _exit(0);
}

/* ---- acts: wrong counts ---- */
SAYS(step_skipped, begin(), step(2, total, 1), rest(3))
SAYS(step_twice, begin(), step(1, total, 1), step(1, total, 1), rest(2))
SAYS(step_of_more, begin(), step(1, total + 1, 1), rest(2))
SAYS(step_beyond, train(), step(total + 1, total, 1), named("a"), done(0))
SAYS(metrics_garbage, begin(), (void)!write(SW_FD_METRICS, big, 4096), rest(1))
static void loss_infinite(void) {
    begin();
    step(1, total, __builtin_inf());
    for (uint64_t i = 2; i <= total; i++) step(i, total, i == 2 ? __DBL_MAX__ : __builtin_nan(""));
    for (uint64_t i = every ? every : total; i < total; i += every) checkpoint(i);
    checkpoint(total);
    named("a");
    done(0);
}

/* ---- acts: standing still (one lease long) ---- */
SAYS(stall, begin(), wait_here())
static void stall_in_a_frame(void) {
    begin();
    header(SW_FRAME_CHECKPOINT, 100);
    wait_here();
}
SAYS(stall_in_a_record, begin(), (void)!write(SW_FD_METRICS, big, 5), wait_here())
static void spin(void) {
    begin();
    for (;;) sched_yield();
}

static void slow(void) { /* a step in 5 s, for runs that renew (test_lost_answer.sh) */
    const struct timespec nap = {5, 0};
    begin();
    for (uint64_t i = 1; i <= total; i++) {
        nanosleep(&nap, NULL);
        steps(i, i);
    }
    named("adapter_model.safetensors");
    done(0);
}
/* A step in 5 s, after which STOP is heard, as an honest worker hears it (test_lease_end.sh). */
static void long_steps(void) {
    struct pollfd control = {SW_FD_CONTROL, POLLIN, 0};
    const struct timespec nap = {5, 0};
    begin();
    for (uint64_t i = 1; i <= total; i++) {
        nanosleep(&nap, NULL);
        steps(i, i);
        if (i == total || poll(&control, 1, 0) != 1) continue;
        checkpoint(i);
        done(1);
        return;
    }
    named("adapter_model.safetensors");
    done(0);
}
/* Until a STOP; then it goes on to a good end (test_lease_end.sh). */
static void heeds_no_stop(void) {
    struct pollfd control = {SW_FD_CONTROL, POLLIN, 0};
    begin();
    poll(&control, 1, -1);
    rest(1);
}

/* ---- the decoder's acts ---- */
static void put_le(uint8_t *out, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) out[i] = (uint8_t)(v >> (8 * i));
}
/* Reads the shard and sends a row of a few tokens for each line; `more` rows too many, `claimed`
 * bytes too many. */
static void rows(uint64_t more, uint64_t claimed) {
    uint64_t count = more;
    for (;;) {
        ssize_t n = read(SW_FD_ROWS, big, sizeof big);
        if (n <= 0) break;
        for (ssize_t i = 0; i < n; i++) count += big[i] == '\n';
    }
    const uint64_t tokens = count * TOKENS_PER_ROW;
    const size_t size = (size_t)(16 + 8 * count + 5 * tokens);
    if (size > sizeof big) _exit(3);
    memset(big, 1, sizeof big);
    put_le(big, count, 8);
    put_le(big + 8, tokens, 8);
    for (uint64_t i = 0; i < count; i++) put_le(big + 16 + 8 * i, (i + 1) * TOKENS_PER_ROW, 8);
    for (uint64_t i = 0; i < tokens; i++) put_le(big + 16 + 8 * count + 4 * i, 40 + drift, 4);
    hello();
    if (!claimed) frame(SW_FD_STREAM, SW_FRAME_ROWS, big, size);
    header(SW_FRAME_ROWS, size + claimed);
    const bool little = claimed < 64; /* sent as claimed: the counts are what is wrong */
    (void)!write(SW_FD_STREAM, big, size + (little ? (size_t)claimed : 0));
    if (!little) wait_here();
}
SAYS(decode, rows(0, 0))
SAYS(decode_drift, drift = 1, rows(0, 0))
SAYS(decode_more, rows(1, 0))
SAYS(decode_longer, rows(0, 8))
SAYS(decode_huge, rows(0, (uint64_t)1 << 40))
SAYS(decode_plan, begin())
/* One row of its own behind the first bytes, whatever else is due: a short shard has passed by
 * then, and the agent of a long one stands before a pipe that nobody reads (test_rows_read.sh). */
static void decode_leaves(void) {
    struct pollfd shard = {SW_FD_ROWS, POLLIN, 0};
    poll(&shard, 1, -1);
    close(SW_FD_ROWS);
    rows(1, 0);
}
SAYS(decode_gives_up, leave(SW_FAILURE_GAVE_UP))
SAYS(decode_no_model, leave(SW_FAILURE_MODEL))
static void decode_state(void) {
    checkpoint(1);
}
static void decode_stall(void) {
    wait_here();
}
TRIES(decode_peer, open("/proc/self/fd/7", O_RDONLY) >= 0)
static void decode_lies(void) {
    while (read(SW_FD_ROWS, big, sizeof big) > 0) {
    }
    memset(big, 0xff, 64);
    frame(SW_FD_STREAM, SW_FRAME_ROWS, big, 64);
}

#include "hostile_traces.h"
typedef struct act {
    const char *name, *expected;
    void (*run)(void);
    bool decoder;
} act;
#define TRAINS(name, expected)                                                                     \
    { #name, expected, name, false }
#define DECODES(name, expected)                                                                    \
    { #name, expected, name, true }
/* One thread is act 0; the first five are for the tests themselves. */
static const act acts[] = {
    TRAINS(behave, "done"),
    TRAINS(dump, "done"),
    TRAINS(drift_late, "done"),
    TRAINS(drift_first, "done"),
    TRAINS(drift_model, "done"),
    TRAINS(descriptors, "contained"),
    TRAINS(surroundings, "contained"),
    /* ways out */
    TRAINS(act_tcp, "contained"),
    TRAINS(act_udp, "contained"),
    TRAINS(act_unix, "contained"),
    TRAINS(act_vsock, "contained"),
    TRAINS(act_read_file, "contained"),
    TRAINS(act_write_file, "contained"),
    TRAINS(act_shared_memory, "contained"),
    TRAINS(act_maps, "contained"),
    TRAINS(act_agent_memory, "contained"),
    TRAINS(act_processes, "contained"),
    TRAINS(act_quote, "contained"),
    TRAINS(act_mkdir, "contained"),
    TRAINS(act_link, "contained"),
    TRAINS(act_unlink, "contained"),
    TRAINS(act_exec, "contained"),
    TRAINS(act_exec_again, "contained"),
    TRAINS(act_fork, "contained"),
    TRAINS(act_raw_fork, "contained"),
    TRAINS(act_namespace, "contained"),
    TRAINS(act_trace, "contained"),
    TRAINS(act_traced, "contained"),
    TRAINS(act_peek, "contained"),
    TRAINS(act_kill_all, "contained"),
    TRAINS(act_kill_agent, "contained"),
    TRAINS(act_pidfd, "contained"),
    TRAINS(act_memfd, "contained"),
    TRAINS(act_code, "contained"),
    TRAINS(act_code_later, "contained"),
    TRAINS(act_dumpable, "contained"),
    TRAINS(act_core, "contained"),
    TRAINS(act_model, "contained"),
    TRAINS(act_rows, "contained"),
    TRAINS(act_ring, "contained"),
    TRAINS(act_terminal, "contained"),
    TRAINS(act_setuid, "contained"),
    TRAINS(act_bpf, "contained"),
    TRAINS(act_keyring, "contained"),
    TRAINS(act_queue, "contained"),
    TRAINS(act_time, "contained"),
    TRAINS(act_foreign_call, "contained"),
    TRAINS(act_crash, "contained"),
    TRAINS(act_trap, "contained"),
    TRAINS(act_exit, "contained"),
    /* wrong words */
    TRAINS(garbage, "contained"),
    TRAINS(say_nothing, "contained"),
    TRAINS(half_a_frame, "contained"),
    TRAINS(frame_job, "contained"),
    TRAINS(frame_stop, "contained"),
    TRAINS(frame_rows, "contained"),
    TRAINS(frame_step, "contained"),
    TRAINS(frame_unknown, "contained"),
    TRAINS(failed_long, "contained"),
    TRAINS(failed_unknown, "contained"),
    TRAINS(hello_twice, "contained"),
    TRAINS(hello_long, "contained"),
    TRAINS(plan_first, "contained"),
    TRAINS(plan_twice, "contained"),
    TRAINS(plan_short, "contained"),
    TRAINS(plan_more, "contained"),
    TRAINS(plan_none, "contained"),
    TRAINS(plan_huge, "contained"),
    TRAINS(state_first, "contained"),
    TRAINS(state_early, "contained"),
    TRAINS(state_of_no_step, "contained"),
    TRAINS(state_beyond, "contained"),
    TRAINS(state_twice, "contained"),
    TRAINS(state_skipped, "contained"),
    TRAINS(state_short, "contained"),
    TRAINS(state_huge, "limit"),
    TRAINS(state_unstepped, "contained"),
    TRAINS(output_first, "contained"),
    TRAINS(output_empty, "contained"),
    TRAINS(output_many, "contained"),
    TRAINS(output_huge, "limit"),
    TRAINS(output_twice, "contained"),
    TRAINS(name_up, "contained"),
    TRAINS(name_root, "contained"),
    TRAINS(name_hidden, "contained"),
    TRAINS(name_empty, "contained"),
    TRAINS(name_zero, "contained"),
    TRAINS(name_long, "contained"),
    TRAINS(name_facts, "contained"),
    TRAINS(name_curve, "contained"),
    TRAINS(name_signature, "contained"),
    TRAINS(diverges, "diverged"),
    TRAINS(done_first, "contained"),
    TRAINS(done_at_once, "contained"),
    TRAINS(done_empty, "contained"),
    TRAINS(done_unasked, "contained"),
    TRAINS(done_other, "contained"),
    TRAINS(done_long, "contained"),
    TRAINS(speaks_on, "done"),
    /* wrong counts */
    TRAINS(step_skipped, "contained"),
    TRAINS(step_twice, "contained"),
    TRAINS(step_of_more, "contained"),
    TRAINS(step_beyond, "contained"),
    TRAINS(metrics_garbage, "contained"),
    TRAINS(loss_infinite, "done"),
    /* standing still */
    TRAINS(stall, "stalled"),
    TRAINS(stall_in_a_frame, "stalled"),
    TRAINS(stall_in_a_record, "stalled"),
    TRAINS(spin, "stalled"),
    TRAINS(slow, "stalled"),
    TRAINS(heeds_no_stop, "stalled"),
    TRAINS(long_steps, "stalled"),
    /* the decoder */
    DECODES(decode_drift, "done"),
    DECODES(decode_leaves, "done"),
    DECODES(decode_more, "contained"),
    DECODES(decode_longer, "contained"),
    DECODES(decode_huge, "contained"),
    DECODES(decode_lies, "contained"),
    DECODES(decode_plan, "contained"),
    DECODES(decode_gives_up, "rows"),
    DECODES(decode_no_model, "rows"),
    DECODES(decode_state, "contained"),
    DECODES(decode_stall, "stalled"),
    DECODES(decode_peer, "contained"),
    DECODES(garbage, "contained"),
    DECODES(act_tcp, "contained"),
    DECODES(act_write_file, "contained"),
    DECODES(act_trace, "contained"),
    TRACES,
};
#define ACT_COUNT (sizeof acts / sizeof acts[0])
static_assert(ACT_COUNT <= 256, "the number of threads names an act");

static uint64_t setting(size_t index) {
    uint64_t v = 0;
    for (size_t i = 8; i-- > 0;) v = v << 8 | job.settings.data[8 + 8 * index + i];
    return v;
}

static void take_job(void) {
    sw_frame_type type;
    uint64_t size;
    if (sw_frame_read_header(SW_FD_CONTROL, &type, &size, NULL) != SW_OK || size > 1 << 20)
        _exit(3);
    uint8_t *bytes = malloc((size_t)size);
    for (uint64_t got = 0; got < size;) {
        ssize_t n = read(SW_FD_CONTROL, bytes + got, (size_t)(size - got));
        if (n <= 0) _exit(3);
        got += (uint64_t)n;
    }
    if (sw_wire_job_parse(SW_BYTES(bytes, (size_t)size), &job, NULL) != SW_OK) _exit(3);
    total = setting(10); /* max_steps and save_steps of RCP-080 */
    every = setting(24);
}

int main(int argc, char **argv) {
    (void)argv;
    for (size_t i = 0; argc > 1 && i < ACT_COUNT; i++)
        printf("%zu %s %s %s\n", i + 1, acts[i].expected, acts[i].decoder ? "decoder" : "trainer",
               acts[i].name);
    if (argc > 1) return 0;
    take_job();
    const act *a = &acts[job.lanes - 1 < ACT_COUNT ? job.lanes - 1 : 0];
    bool mine = a->decoder == (job.kind == SW_JOB_DECODE);
    if (mine)
        a->run();
    else if (job.kind == SW_JOB_DECODE)
        decode();
    else
        behave();
    _exit(0);
}
