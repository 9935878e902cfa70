/* SPDX-License-Identifier: Apache-2.0
 *
 * A script of a recipe with a command, as a small static program: it adds its rows up, gives a
 * state now and then, an output and claims. Its first argument chooses an act; what most of them do
 * is wrong. `--list` prints what each is expected to come to:
 *
 * done: the run ends well. stopped: it waits until it is asked to. another shard: it reads one that
 * is no lines. contained: the script could not
 * do what it tried, and says so (it gives up; had it got out it would say "diverged"). Else the
 * sentence that the agent says.
 */
#include "run/command_words.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define JOB_LIMIT ((size_t)256 << 10)
enum { SHARDS = 64 };

typedef struct part {
    const uint8_t *rows, *index;
    uint64_t bytes, count;
} part;
static part parts[SHARDS];
static size_t part_count;
static uint64_t total, every, begun, sum, limit;
static bool saves_last;
static char job[JOB_LIMIT + 1];

/* ---- the job ---- */

static uint64_t number_after(const char *at, const char *key) {
    const char *found = strstr(at, key);
    if (!found) _exit(40);
    return strtoull(found + strlen(key), NULL, 10);
}

static const uint8_t *map(uint64_t fd, uint64_t size) {
    const void *at = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, (int)fd, 0);
    if (at == MAP_FAILED) _exit(41);
    return at;
}

static void read_shards(void) {
    const char *at = strstr(job, "\"shards\":");
    while (at && (at = strstr(at + 1, "{\"bytes\":"))) {
        part *p = &parts[part_count++];
        p->bytes = number_after(at, "\"bytes\":");
        p->count = number_after(at, "\"rows\":");
        p->rows = map(number_after(at, "\"fd\":"), p->bytes);
        p->index = map(number_after(at, "\"index_fd\":"), 8 * (p->count + 1));
    }
}

static void take_job(void) {
    sw_frame_type type;
    uint64_t size;
    if (sw_frame_read_header(SW_FD_CONTROL, &type, &size, NULL) != SW_OK || size > JOB_LIMIT ||
        type != SW_FRAME_JOB)
        _exit(42);
    for (uint64_t got = 0; got < size;) {
        ssize_t n = read(SW_FD_CONTROL, job + got, (size_t)(size - got));
        if (n <= 0) _exit(43);
        got += (uint64_t)n;
    }
    total = number_after(job, "\"max_steps\":");
    every = number_after(job, "\"save_steps\":");
    limit = number_after(job, "\"checkpoint_limit\":");
    const char *resume = strstr(job, "\"resume\":{");
    if (resume) {
        const uint8_t *state = map(number_after(resume, "\"fd\":"), 16);
        begun = number_after(resume, "\"step\":");
        memcpy(&sum, state + 8, sizeof sum);
    }
    read_shards();
}

/* ---- what an honest one does ---- */

static uint64_t offset(const part *p, uint64_t row) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--) v = v << 8 | p->index[8 * row + (uint64_t)i];
    return v;
}

static uint64_t sum_of(const part *p, uint64_t row) {
    uint64_t v = 5381;
    for (uint64_t i = offset(p, row); i < offset(p, row + 1) && p->rows[i] != '\n'; i++)
        v = v * 33 + p->rows[i];
    return v;
}

static void compute(uint64_t step) {
    for (size_t i = 0; i < part_count; i++)
        sum = sum * 31 + sum_of(&parts[i], (step - 1) % parts[i].count);
}

static void state(uint64_t step) {
    uint8_t out[16];
    put_u64be(out, step);
    memcpy(out + 8, &sum, sizeof sum);
    state_of(step, SW_BYTES_OF(out));
}

static bool stop_asked(void) {
    struct pollfd control = {SW_FD_CONTROL, POLLIN, 0};
    return poll(&control, 1, 0) == 1;
}

static void steps(uint64_t first, uint64_t last) {
    for (uint64_t i = first; i <= last; i++) {
        compute(i);
        step_of(i, total, 1.0 / (double)i);
        bool saved = (every && i % every == 0) || (saves_last && i == total);
        if (saved) state(i);
        if (!stop_asked()) continue;
        if (!saved) state(i);
        done(1);
        _exit(0);
    }
}

static void begin(void) {
    hello();
    plan(total);
}
static void trained(void) {
    begin();
    steps(begun + 1, total);
}
static void weights(void) {
    char text[64];
    int size = snprintf(text, sizeof text, "%016llx\n", (unsigned long long)sum);
    output("weights.bin", SW_BYTES(text, size));
}
static void honest(void) {
    char text[128];
    trained();
    weights();
    snprintf(text, sizeof text, "{\"final_loss\":%s,\"script\":\"fake\",\"shards\":%zu}",
             total == 4 ? "0.25" : "0.2", part_count);
    claims(text);
    done(0);
}
static void saving(void) {
    saves_last = true;
    honest();
}
/* Behind its third step, the first time, until it is asked to stop. */
static void waits(void) {
    struct pollfd control = {SW_FD_CONTROL, POLLIN, 0};
    begin();
    if (begun < 3) {
        steps(1, 2);
        (void)poll(&control, 1, -1);
    }
    steps(begun < 3 ? 3 : begun + 1, total);
    weights();
    done(0);
}
static void quiet(void) { /* one record and no state at all */
    begin();
    for (uint64_t i = 1; i <= total; i++) compute(i);
    step_of(total, total, 0.5);
    weights();
    done(0);
}

/* Losses that are none, or are more than a number can say. */
static void wild(void) {
    static const double losses[] = {__DBL_MAX__, -1, __builtin_inf(), __builtin_nan(""), 1e-300};
    begin();
    for (uint64_t i = 1; i <= total; i++) {
        compute(i);
        step_of(i, total, losses[(i - 1) % 5]);
    }
    weights();
    done(0);
}

/* ---- looking around ---- */

static _Noreturn void report(bool got_out) {
    failed(got_out ? SW_FAILURE_DIVERGED : SW_FAILURE_GAVE_UP);
    _exit(1);
}
static bool writes(const char *path) {
    return open(path, O_CREAT | O_WRONLY, 0600) >= 0;
}
static bool opens_socket(void) {
    return socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}
static bool leaves_root(void) {
    static const char *const there[] = {"/etc/passwd",          "/proc/self/mem", "/proc/1/environ",
                                        "/sys/kernel",          "/run/secrets",   "/../etc/passwd",
                                        "/app/../etc/hostname", "/dev/mem",       "/dev/vda"};
    for (size_t i = 0; i < sizeof there / sizeof there[0]; i++)
        if (open(there[i], O_RDONLY) >= 0) return true;
    return false;
}
static bool writes_outside(void) {
    static const char *const there[] = {
        "/x",      "/app/x", "/model/x",          "/dev/x",
        "/proc/x", "/run/x", "/app/fake_command", "/model/config.json"};
    for (size_t i = 0; i < sizeof there / sizeof there[0]; i++)
        if (writes(there[i])) return true;
    return false;
}
static void prints(void) {
    for (size_t i = 0; i < part_count; i++)
        for (int fd = 0; fd < 3; fd++) (void)!write(fd, parts[i].rows, (size_t)parts[i].bytes);
    honest();
}
static void scratch(void) { /* is for writing, as far as it goes */
    int fd = open("/tmp/kept", O_CREAT | O_RDWR, 0600),
        shm = open("/dev/shm/kept", O_CREAT | O_RDWR, 0600);
    if (fd < 0 || shm < 0 || write(fd, parts[0].rows, (size_t)parts[0].bytes) < 0) _exit(44);
    static uint8_t block[1 << 16];
    for (int i = 0; i < 64; i++)
        if (write(shm, block, sizeof block) < 0) {
            if (errno != ENOSPC) _exit(45);
            honest();
            return;
        }
    _exit(46); /* more than the recipe's scratch */
}
static void reads_model(void) {
    if (open("/model/config.json", O_RDONLY) < 0 || open("/model/model.safetensors", O_RDONLY) < 0)
        _exit(47);
    if (!getenv("SEALWRIGHT") || !getenv("COLOUR") || strcmp(getenv("COLOUR"), "blue") != 0)
        _exit(48);
    honest();
}
static void writes_rows(void) {
    int fd = SW_FD_SHARED;
    report(write(fd, "x", 1) > 0 || ftruncate(fd, 1) == 0 ||
           mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED);
}
static void descriptors(void) {
    int last = SW_FD_SHARED + 2 * (int)part_count - 1;
    for (int fd = 0; fd < 1000; fd++)
        if ((fcntl(fd, F_GETFD) >= 0) != (fd <= last)) report(true);
    report(false);
}
static void outside(void) {
    report(leaves_root() || writes_outside());
}
static void network(void) {
    report(opens_socket());
}
static void child(void) {
    pid_t pid = fork();
    if (pid < 0) _exit(49);
    if (pid == 0) _exit(opens_socket() || leaves_root() || writes_outside() ? 9 : 0);
    int status = 0;
    if (waitpid(pid, &status, 0) != pid) _exit(50);
    report(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
}
static void traces(void) {
    report(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
}

/* A shard that is no lines: one byte string, and an index with nothing in it. */
static void blob(void) {
    struct stat index, bytes;
    if (!strstr(job, "\"media_type\":\"application/octet-stream\"") || parts[0].count != 1 ||
        fstat(SW_FD_SHARED, &bytes) != 0 || fstat(SW_FD_SHARED + 1, &index) != 0 ||
        (uint64_t)bytes.st_size != parts[0].bytes || index.st_size != 0)
        _exit(51);
    begin();
    step_of(total, total, 0.5);
    output("copy.bin", SW_BYTES(parts[0].rows, (size_t)parts[0].bytes));
    done(0);
}

/* ---- its end ---- */

static void wait_here(void) {
    const struct timespec day = {86400, 0};
    for (;;) nanosleep(&day, NULL);
}
static void leaves(void) {
    begin();
    _exit(3);
}
static void leaves_well(void) {
    begin();
    _exit(0);
}
static void crashes(void) {
    begin();
    *(volatile int *)(uintptr_t)8 = 1;
}
static void orphans(void) { /* a child that holds all descriptors and does not end */
    begin();
    if (fork() == 0) wait_here();
    _exit(3);
}
static void fails(void) {
    begin();
    failed(SW_FAILURE_IMPORT);
    _exit(1);
}

/* ---- wrong words ---- */

static void child_speaks(void) {
    begin();
    pid_t pid = fork();
    if (pid == 0) {
        (void)!write(SW_FD_STREAM, "\377\377\377\377 what a row says", 21);
        _exit(0);
    }
    wait_here();
}
static void too_many(void) {
    hello();
    plan(total + 1);
    wait_here();
}
static void state_early(void) {
    begin();
    step_of(1, total, 1);
    state(1);
    wait_here();
}
static void state_long(void) {
    uint8_t header[SW_FRAME_HEADER_BYTES], number[8];
    begin();
    sw_frame_header(header, SW_FRAME_CHECKPOINT, 8 + limit + 1);
    put_u64be(number, every);
    (void)!write(SW_FD_STREAM, header, sizeof header);
    (void)!write(SW_FD_STREAM, number, sizeof number);
    wait_here();
}
static void hello_twice(void) {
    hello();
    hello();
    wait_here();
}
static void name_taken(void) {
    trained();
    output("model.sig", SW_LITERAL("x"));
    wait_here();
}
/* What the agent adds has no room any more. */
static void near_limit(void) {
    trained();
    uint64_t most = number_after(job, "\"output_limit\":");
    output("a", SW_BYTES(calloc(1, (size_t)most), (size_t)most - 600));
    done(0);
}
static void claims_deep(void) {
    trained();
    weights();
    claims("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}");
    wait_here();
}

static const struct act {
    const char *name, *expected;
    void (*run)(void);
} acts[] = {
    {"honest", "done", honest},
    {"saving", "done", saving},
    {"waits", "stopped", waits},
    {"blob", "another shard", blob},
    {"quiet", "done", quiet},
    {"wild", "done", wild},
    {"prints", "done", prints},
    {"scratch", "done", scratch},
    {"reads_model", "done", reads_model},
    {"becomes", "done", NULL}, /* by exec, before it is anything */
    {"writes_rows", "contained", writes_rows},
    {"descriptors", "contained", descriptors},
    {"outside", "contained", outside},
    {"network", "contained", network},
    {"child", "contained", child},
    {"traces", "contained", traces},
    {"leaves", "ended without its last word", leaves},
    {"leaves_well", "ended without its last word", leaves_well},
    {"crashes", "ended without its last word", crashes},
    {"orphans", "ended without its last word", orphans},
    {"fails", "the tree lacks a module or a file", fails},
    {"child_speaks", "what is not due, or went beyond a limit", child_speaks},
    {"too_many", "what is not due, or went beyond a limit", too_many},
    {"state_early", "what is not due, or went beyond a limit", state_early},
    {"state_long", "what is not due, or went beyond a limit", state_long},
    {"hello_twice", "what is not due, or went beyond a limit", hello_twice},
    {"name_taken", "what is not due, or went beyond a limit", name_taken},
    {"near_limit", "what is not due, or went beyond a limit", near_limit},
    {"claims_deep", "what is not due, or went beyond a limit", claims_deep},
    {"never", "not a byte during 10 leases", wait_here},
};
#define ACT_COUNT (sizeof acts / sizeof acts[0])

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[argc - 1] : ""; /* behind the file that a recipe names */
    if (strcmp(name, "--list") == 0)
        for (size_t i = 0; i < ACT_COUNT; i++) printf("%s %s\n", acts[i].name, acts[i].expected);
    if (strcmp(name, "--list") == 0) return 0;
    if (strcmp(name, "becomes") == 0) {
        argv[argc - 1] = (char[]){"honest"};
        return execve(argv[0], argv, environ);
    }
    (void)prctl(PR_SET_NAME, "fake");
    take_job();
    for (size_t i = 0; i < ACT_COUNT; i++)
        if (strcmp(acts[i].name, name) == 0) acts[i].run();
    _exit(0);
}
