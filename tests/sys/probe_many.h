/* SPDX-License-Identifier: Apache-2.0
 *
 * Acts of probe_acts.c that are done many times over: floods of calls, how long one takes and what
 * ends it, and the limits of processes and memory (SANDBOX-047, SANDBOX-048, SANDBOX-062).
 */
#ifndef SW_TESTS_PROBE_MANY_H
#define SW_TESTS_PROBE_MANY_H
#include <limits.h>
#include <pthread.h>
#include <sys/time.h>
#include <time.h>

static bool act_flood(void) {
    for (int i = 0; i < 32; i++)
        if (fork() == 0)
            for (;;) (void)socket(AF_INET, SOCK_STREAM, 0);
    bool done = false;
    for (bool told = false; !done; told = true) {
        done = chroot("/") == 0 || socket(AF_INET, SOCK_STREAM, 0) >= 0;
        if (!told) (void)!write(GIVEN_OUT, "f", 1);
    }
    return done;
}
/* Callers that all wait at once: each is answered. */
static bool act_crowd(void) {
    enum { CALLERS = 600 };
    char path[32], byte;
    int gate[2], status = 0, done = 0;
    if (pipe(gate) != 0) return false;
    for (int i = 0; i < CALLERS; i++) {
        pid_t pid = fork();
        if (pid < 0) return false;
        if (pid != 0) continue;
        (void)close(gate[1]);
        (void)snprintf(path, sizeof path, "/tmp/%d", i);
        _exit(read(gate[0], &byte, 1) == 0 && mkdir(path, 0700) == 0 ? DONE : REFUSED);
    }
    (void)close(gate[1]); /* which opens it */
    while (wait(&status) > 0) done += WIFEXITED(status) && WEXITSTATUS(status) == DONE;
    return done == CALLERS;
}
/* How long a call takes, in nanoseconds. */
static bool tell_time(void (*call)(void), int calls) {
    enum { ROUNDS = 7 };
    struct timespec begin, end;
    long best = LONG_MAX;
    char text[32];
    for (int round = 0; round < ROUNDS; round++) {
        (void)clock_gettime(CLOCK_MONOTONIC, &begin);
        for (int i = 0; i < calls; i++) call();
        (void)clock_gettime(CLOCK_MONOTONIC, &end);
        long took = (end.tv_sec - begin.tv_sec) * 1000000000L + end.tv_nsec - begin.tv_nsec;
        if (took < best) best = took;
    }
    int size = snprintf(text, sizeof text, "%ld", best / calls);
    return write(GIVEN_OUT, text, (size_t)size) == size;
}
static void ask_parent(void) { /* which nobody but the kernel answers */
    (void)syscall(SYS_getppid);
}
static void open_to_write(void) {
    (void)close(open("/tmp/timed", O_WRONLY | O_CREAT, 0600));
}
static bool act_call_time(void) {
    return tell_time(ask_parent, 200000);
}
static bool act_open_time(void) {
    return tell_time(open_to_write, 500);
}

static void hear_signal(int number) {
    (void)number;
}
/* Watched calls under a timer whose handler does not restart them: how many it ended, of how many.
 */
static bool act_interrupted(void) {
    enum { CALLS = 2000 };
    const struct itimerval often = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}};
    struct sigaction heard = {.sa_handler = hear_signal};
    char text[32];
    int ended = 0;
    if (sigaction(SIGALRM, &heard, NULL) != 0 || setitimer(ITIMER_REAL, &often, NULL) != 0)
        return false;
    for (int i = 0; i < CALLS; i++) {
        ended += mkdir("/tmp/often", 0700) != 0 && errno == EINTR;
        ended += rmdir("/tmp/often") != 0 && errno == EINTR;
    }
    int size = snprintf(text, sizeof text, "%d of %d", ended, 2 * CALLS);
    return setitimer(ITIMER_REAL, &never, NULL) == 0 &&
           write(GIVEN_OUT, text, (size_t)size) == size;
}

static void *idle(void *nothing) {
    for (;;) (void)pause();
    return nothing;
}
/* Says how many there were. */
static bool act_fork_bomb(void) {
    char text[64];
    int count = 1; /* and itself */
    for (; count < 1 << 16; count++) {
        pid_t pid = fork();
        if (pid == 0) (void)idle(NULL);
        if (pid < 0) break;
    }
    int size = snprintf(text, sizeof text, "%d %d", count, errno);
    return write(GIVEN_OUT, text, (size_t)size) == size;
}
static bool act_thread_bomb(void) {
    char text[64];
    int count = 1, failed = 0;
    pthread_attr_t small;
    (void)pthread_attr_init(&small);
    (void)pthread_attr_setstacksize(&small, 1 << 15);
    for (; count < 1 << 16 && failed == 0; count++) {
        pthread_t thread;
        failed = pthread_create(&thread, &small, idle, NULL);
    }
    int size = snprintf(text, sizeof text, "%d %d", count - 1, failed);
    return write(GIVEN_OUT, text, (size_t)size) == size;
}
static void give_up(int signal) {
    _exit(signal == SIGALRM ? BAD_USAGE : 1);
}
/* In small pieces: no process of it is the machine's largest. */
static bool act_hog(void) {
    enum { PIECE = 1 << 20 };
    for (int i = 0; i < 64; i++) {
        pid_t pid = fork();
        if (pid != 0) continue;
        volatile uint8_t *piece = malloc(PIECE);
        for (size_t at = 0; piece != NULL && at < PIECE; at += 4096) piece[at] = 1;
        (void)idle(NULL);
    }
    int status = 0;
    (void)alarm(20); /* as process 1 it would not end by it */
    (void)signal(SIGALRM, give_up);
    while (wait(&status) > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        (void)!write(GIVEN_OUT, "killed", 6);
        return true;
    }
    return false;
}
#endif
