/* SPDX-License-Identifier: Apache-2.0
 *
 * An agent of a recipe with a command that has its keys, a folder and pipes, and nobody to start:
 * what a script says is written into the pipes before it listens.
 */
#ifndef SW_TEST_COMMAND_STAGE_H
#define SW_TEST_COMMAND_STAGE_H
#include "run/agent.h"

#include "cmocka_plain.h"
#include "run/command_words.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { TOTAL = 4, EVERY = 2, MAX = 6, LIMIT = 1 << 20, PIPE_BYTES = 1 << 20, HOUR_MS = 3600000 };

typedef struct stage {
    char folder[64];
    sw_run_options options;
    sw_agent *agent;
    sw_machine *machine;
} stage;

static void open_stage(stage *s) {
    char where[96];
    const uint8_t app[20] = {0};
    *s = (stage){.folder = "/tmp/sealwright-words-XXXXXX"};
    assert_non_null(mkdtemp(s->folder));
    s->options = (sw_run_options){
        .folder = s->folder, .entropy = sw_entropy_system(), .clock = sw_clock_system()};
    (void)snprintf(where, sizeof where, "sim:%s/machine", s->folder);
    assert_int_equal(sw_sim_init(where + 4, &s->options.entropy, 1795000000000, NULL), SW_OK);
    assert_int_equal(sw_machine_boot(where, SW_LITERAL("{}"), app, &s->options.entropy,
                                     &s->options.clock, &s->machine, NULL),
                     SW_OK);
}

static void fill_recipe(sw_agent *a) {
    sw_recipe *r = SW_ARENA_NEW(&a->arena, sw_recipe, 1);
    assert_non_null(r);
    r->command.max_steps = MAX;
    r->command.save_steps = EVERY;
    r->checkpoint_limit_bytes = r->output_limit_bytes = LIMIT;
    r->metrics_interval = 1;
    r->shard_count = 1;
    a->recipe = r;
    a->genesis = SW_ARENA_NEW(&a->arena, sw_genesis, 1);
    a->links = SW_ARENA_NEW(&a->arena, sw_manifest_link, SW_MANIFEST_CHECKPOINT_LIMIT);
    a->checkpoints = SW_ARENA_NEW(&a->arena, sw_manifest_link, SW_MANIFEST_CHECKPOINT_LIMIT);
    a->command = SW_ARENA_NEW(&a->arena, sw_agent_command, 1);
    assert_true(a->genesis && a->links && a->checkpoints && a->command);
    for (size_t i = 0; i < SW_AGENT_FD_LIMIT; i++) a->command->fds[i] = -1;
}

/* A pipe that takes a whole script before anybody reads it. */
static void make_pipe(int *from, int *to) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES) >= PIPE_BYTES);
    *from = ends[0];
    *to = ends[1];
}

static sw_agent *open_agent(stage *s) {
    sw_agent *a = sw_agent_new(&s->options);
    assert_non_null(a);
    fill_recipe(a);
    a->machine = s->machine;
    a->save_steps = EVERY;
    a->patience = SW_AGENT_COMMAND_PATIENCE;
    a->granted.grant.lease_ms = HOUR_MS;
    a->progress_ms = sw_machine_counter_ms(s->machine);
    a->lease_end_ms = a->renew_at_ms = a->progress_ms + HOUR_MS;
    a->checkpoint_key = sw_subkey_new();
    a->commit_key = sw_subkey_new();
    assert_true(a->checkpoint_key && a->commit_key);
    make_pipe(&a->stream_fd, &stream_fd);
    make_pipe(&a->metrics_fd, &metrics_fd);
    return a;
}

static void close_agent(stage *s, sw_agent **a) {
    char path[128];
    (*a)->machine = NULL; /* the stage's */
    sw_agent_drop(a);
    for (int step = 0; step <= MAX; step++) {
        (void)snprintf(path, sizeof path, "%s/checkpoint-%06d.sealed", s->folder, step);
        (void)unlink(path);
    }
}

static void close_stage(stage *s) {
    char command[128];
    sw_machine_close(&s->machine);
    (void)snprintf(command, sizeof command, "rm -rf %s", s->folder);
    assert_int_equal(system(command), 0);
}

/* Writes a whole script, then lets the agent listen to it. */
static inline sw_status listen_to(sw_agent *a, void (*says)(void), sw_error *err) {
    says();
    close(stream_fd);
    close(metrics_fd);
    return sw_agent_converse(a, err);
}

/* The words that most scripts begin with. */
static inline void step(uint64_t number) {
    step_of(number, TOTAL, 1.0 / 3);
}
static inline void state(uint64_t number) {
    state_of(number, SW_LITERAL("state"));
}
static inline void begin(void) {
    hello();
    plan(TOTAL);
}
static inline void trained(void) {
    begin();
    for (uint64_t i = 1; i <= TOTAL; i++) {
        step(i);
        if (i % EVERY == 0) state(i);
    }
}
static inline void named(const char *name) {
    output(name, SW_LITERAL("x"));
}

#define SCRIPT(name, ...)                                                                          \
    static void name(void) {                                                                       \
        __VA_ARGS__;                                                                               \
    }
#endif
