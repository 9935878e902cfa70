/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard's thread: polls a timer and waits for nothing else that the host could hold up.
 *
 * The idea: every word to it is a change under one mutex, and what is due is judged there too, by
 * the clock: a renewal that came first has moved the deadline, and one that comes later hears that
 * the lease has ended. CLOCK_BOOTTIME is what a machine's counter of leases is on hardware, where
 * its source is the TSC (MCH-093), and does not stand still while the machine sleeps. The thread
 * allocates nothing: the agent clones children beside it, and none may inherit a lock of malloc's.
 */
#include "run/agent_guard.h"

#include "base/secret.h"
#include "sys/clock.h"
#include "sys/process.h"
#include <errno.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct sw_agent_guard {
    pthread_t thread;
    pthread_mutex_t mutex;
    int timer;
    int64_t grace_ms;
    int64_t due_ms; /* 0: nothing is due */
    bool ended, closing;
    int child; /* pidfd, or -1 */
    void *keys[SW_AGENT_GUARD_KEYS];
    size_t key_count;
};

int64_t sw_agent_guard_now_ms(void) {
    const sw_clock clock = sw_clock_system();
    return clock.steady_ms(clock.context);
}

/* Another time takes back what the timer has told before. */
static void set_timer(sw_agent_guard *g, int64_t due_ms) {
    const struct itimerspec at = {.it_value = {due_ms / 1000, due_ms % 1000 * 1000000}};
    g->due_ms = due_ms;
    (void)timerfd_settime(g->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

/* Another thread may be held up in the kernel for long yet, and the process's memory lasts until it
 * comes back: so the keys go first. It finds none of them wiped, it finds no page. */
static _Noreturn void end_process(sw_agent_guard *g) {
    for (size_t i = 0; i < g->key_count; i++) sw_secret_withdraw(g->keys[i]);
    _exit(1);
}

/* Under the mutex. What ended is said before the child can be missed. */
static void look(sw_agent_guard *g) {
    int64_t now = sw_agent_guard_now_ms();
    if (g->due_ms == 0 || now < g->due_ms) return;
    if (g->ended) end_process(g);
    g->ended = true;
    if (g->child >= 0) sw_process_kill(g->child);
    set_timer(g, now + g->grace_ms);
}

static void *stand(void *context) {
    sw_agent_guard *g = context;
    struct pollfd timer = {.fd = g->timer, .events = POLLIN};
    for (bool closing = false; !closing;) {
        if (poll(&timer, 1, -1) < 0) continue;
        (void)pthread_mutex_lock(&g->mutex);
        closing = g->closing;
        if (!closing) look(g);
        (void)pthread_mutex_unlock(&g->mutex);
    }
    return NULL;
}

/* Code is read from a disk when it is missed, and that disk is the host's too: what the thread runs
 * lies in the program and in libc, all of whose pages are kept. */
static int keep_pages(struct dl_phdr_info *object, size_t size, void *failed) {
    const char *name = object->dlpi_name, *last = strrchr(name, '/');
    (void)size;
    if (*name && strncmp(last ? last + 1 : name, "libc.so", strlen("libc.so")) != 0) return 0;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        uintptr_t at = object->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD || mlock((void *)at, part->p_memsz) == 0) continue;
        *(int *)failed = errno;
        return 1;
    }
    return 0;
}

/* Signals are the agent's thread's to hear. */
static int begin(sw_agent_guard *g) {
    sigset_t all, before;
    int failed = 0;
    if (dl_iterate_phdr(keep_pages, &failed) != 0) return failed;
    g->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (g->timer < 0) return errno;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&g->thread, NULL, stand, g);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static void drop(sw_agent_guard *g) {
    if (g->timer >= 0) (void)close(g->timer);
    (void)pthread_mutex_destroy(&g->mutex);
    free(g);
}

sw_status sw_agent_guard_open(int64_t grace_ms, sw_agent_guard **out, sw_error *err) {
    sw_agent_guard *g = calloc(1, sizeof *g);
    if (!g) return sw_fail(err, SW_MEMORY, "memory", "no memory for the lease's guard");
    *g = (sw_agent_guard){.grace_ms = grace_ms, .timer = -1, .child = -1};
    (void)pthread_mutex_init(&g->mutex, NULL);
    int failed = begin(g);
    if (failed == 0) {
        *out = g;
        return SW_OK;
    }
    drop(g);
    sw_status status =
        sw_fail(err, SW_MEMORY, "memory", "the lease's guard cannot begin: %s", strerror(failed));
    sw_error_hint(err, "it locks this program's pages in memory, some 5 MiB: see `ulimit -l`");
    return status;
}

void sw_agent_guard_close(sw_agent_guard **g) {
    if (!*g) return;
    (void)pthread_mutex_lock(&(*g)->mutex);
    (*g)->closing = true;
    set_timer(*g, 1); /* long ago */
    (void)pthread_mutex_unlock(&(*g)->mutex);
    (void)pthread_join((*g)->thread, NULL);
    drop(*g);
    *g = NULL;
}

/* What is due is done here too: the agent may be ahead of a thread that has not run yet. */
static bool move(sw_agent_guard *g, int64_t due_ms) {
    (void)pthread_mutex_lock(&g->mutex);
    look(g);
    if (!g->ended) set_timer(g, due_ms);
    look(g); /* a deadline that has passed already ends it here */
    bool lasts = !g->ended;
    (void)pthread_mutex_unlock(&g->mutex);
    return lasts;
}

bool sw_agent_guard_extend(sw_agent_guard *g, int64_t due_ms) {
    return !g || move(g, due_ms < 1 ? 1 : due_ms);
}

bool sw_agent_guard_release(sw_agent_guard *g) {
    if (!g) return true;
    bool lasted = move(g, 0);
    if (lasted) g->key_count = 0; /* the thread looks at them behind a deadline only */
    return lasted;
}

bool sw_agent_guard_ended(sw_agent_guard *g) {
    if (!g) return false;
    (void)pthread_mutex_lock(&g->mutex);
    bool ended = g->ended;
    (void)pthread_mutex_unlock(&g->mutex);
    return ended;
}

void sw_agent_guard_child(sw_agent_guard *g, int pidfd) {
    if (!g) return;
    (void)pthread_mutex_lock(&g->mutex);
    g->child = pidfd;
    if (g->ended && pidfd >= 0) sw_process_kill(pidfd);
    (void)pthread_mutex_unlock(&g->mutex);
}

void sw_agent_guard_key(sw_agent_guard *g, void *key) {
    if (!g || !key) return;
    (void)pthread_mutex_lock(&g->mutex);
    if (g->key_count < SW_AGENT_GUARD_KEYS) g->keys[g->key_count++] = key;
    (void)pthread_mutex_unlock(&g->mutex);
}
