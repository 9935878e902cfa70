/* SPDX-License-Identifier: Apache-2.0
 *
 * A pool of persistent threads around one shared job. A run publishes the job under a new
 * generation, works along as lane 0, and returns when the last lane has left the job.
 *
 * Threads spin for some microseconds before they sleep, because a training step is thousands of
 * short jobs in a row; on a machine with fewer processors than lanes they sleep at once.
 * Invariant: the job's fields change only while `running` is 0.
 */
#include "sys/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { LANES_MAX = 256, SPINS = 4000, STACK_BYTES = 2 << 20 };

typedef struct pool_thread {
    pthread_t id;
    sw_pool *pool;
    size_t lane;
} pool_thread;

struct sw_pool {
    size_t lanes, started; /* started: threads that run, lanes - 1 once open */
    unsigned spins;
    sw_pool_fn fn;
    void *context;
    size_t count;
    _Alignas(64) atomic_size_t next; /* the next index to take */
    _Alignas(64) atomic_size_t running;
    _Alignas(64) atomic_size_t generation;
    atomic_bool closing;
    pthread_mutex_t lock;
    pthread_cond_t start, done;
    pool_thread threads[];
};

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void work(sw_pool *p, size_t lane) {
    size_t index = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
    while (index < p->count) {
        p->fn(p->context, index, lane);
        index = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
    }
}

/* Returns the generation that follows `seen`. */
static size_t await_job(sw_pool *p, size_t seen) {
    for (unsigned i = 0; i < p->spins; i++) {
        size_t now = atomic_load_explicit(&p->generation, memory_order_acquire);
        if (now != seen) return now;
        relax();
    }
    (void)pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->generation) == seen) (void)pthread_cond_wait(&p->start, &p->lock);
    size_t now = atomic_load(&p->generation);
    (void)pthread_mutex_unlock(&p->lock);
    return now;
}

static void leave_job(sw_pool *p) {
    if (atomic_fetch_sub(&p->running, 1) != 1) return;
    (void)pthread_mutex_lock(&p->lock);
    (void)pthread_cond_signal(&p->done);
    (void)pthread_mutex_unlock(&p->lock);
}

static void await_lanes(sw_pool *p) {
    for (unsigned i = 0; i < p->spins; i++) {
        if (atomic_load_explicit(&p->running, memory_order_acquire) == 0) return;
        relax();
    }
    (void)pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->running) != 0) (void)pthread_cond_wait(&p->done, &p->lock);
    (void)pthread_mutex_unlock(&p->lock);
}

static void publish(sw_pool *p) {
    (void)pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->generation, 1);
    (void)pthread_cond_broadcast(&p->start);
    (void)pthread_mutex_unlock(&p->lock);
}

static void *run_thread(void *argument) {
    pool_thread *self = argument;
    sw_pool *p = self->pool;
    size_t seen = 0;
    for (;;) {
        seen = await_job(p, seen);
        if (atomic_load(&p->closing)) return NULL;
        work(p, self->lane);
        leave_job(p);
    }
}

void sw_pool_run(sw_pool *p, size_t count, sw_pool_fn fn, void *context) {
    if (p->lanes == 1 || count < 2) {
        for (size_t i = 0; i < count; i++) fn(context, i, 0);
        return;
    }
    p->fn = fn;
    p->context = context;
    p->count = count;
    atomic_store(&p->next, 0);
    atomic_store(&p->running, p->lanes - 1);
    publish(p);
    work(p, 0);
    await_lanes(p);
}

/* Threads take no signals: those belong to whoever opened the pool. */
static bool start_threads(sw_pool *p) {
    pthread_attr_t attributes;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0) return false;
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (p->started + 1 < p->lanes) {
        pool_thread *t = &p->threads[p->started];
        *t = (pool_thread){.pool = p, .lane = p->started + 1};
        if (pthread_create(&t->id, &attributes, run_thread, t) != 0) break;
        p->started++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return p->started + 1 == p->lanes;
}

sw_status sw_pool_open(size_t lanes, sw_pool **out, sw_error *err) {
    if (lanes < 1 || lanes > LANES_MAX)
        return sw_fail(err, SW_USAGE, "usage", "a pool has 1 to %d lanes, not %zu", LANES_MAX,
                       lanes);
    size_t size = sizeof(sw_pool) + (lanes - 1) * sizeof(pool_thread);
    sw_pool *p = aligned_alloc(64, (size + 63) / 64 * 64);
    if (p == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for %zu threads", lanes);
    *p = (sw_pool){.lanes = lanes, .spins = lanes <= sw_cpu_count() ? SPINS : 0};
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->start, NULL);
    (void)pthread_cond_init(&p->done, NULL);
    if (!start_threads(p)) {
        sw_pool_close(&p);
        return sw_fail(err, SW_MEMORY, "memory", "the system gives us fewer than %zu threads",
                       lanes);
    }
    *out = p;
    return SW_OK;
}

void sw_pool_close(sw_pool **pool) {
    if (pool == NULL || *pool == NULL) return;
    sw_pool *p = *pool;
    atomic_store(&p->closing, true);
    publish(p);
    for (size_t i = 0; i < p->started; i++) (void)pthread_join(p->threads[i].id, NULL);
    (void)pthread_cond_destroy(&p->done);
    (void)pthread_cond_destroy(&p->start);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
    *pool = NULL;
}

size_t sw_pool_lanes(const sw_pool *pool) {
    return pool->lanes;
}

size_t sw_cpu_count(void) {
    cpu_set_t usable;
    if (sched_getaffinity(0, sizeof usable, &usable) == 0) return (size_t)CPU_COUNT(&usable);
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than cpu_set_t holds */
    return online < 1 ? 1 : (size_t)online;
}
