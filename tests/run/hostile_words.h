/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of the worker that means harm (hostile_worker.c): what an honest one says, in pieces
 * that an act can leave out, twist or repeat.
 */
#ifndef SW_TESTS_RUN_HOSTILE_WORDS_H
#define SW_TESTS_RUN_HOSTILE_WORDS_H
#include "run/wire.h"
#include <string.h>
#include <time.h>
#include <unistd.h>

static sw_wire_job job;
static uint64_t total, every; /* steps, and of them those with a state */
static uint8_t drift;         /* what a state or a token holds instead of what it should */
static uint8_t big[1 << 16];

static _Noreturn void leave(sw_failure how) {
    const uint8_t class = (uint8_t)how;
    (void)!sw_frame_write(SW_FD_STREAM, SW_FRAME_FAILED, (sw_bytes){0}, SW_BYTES(&class, 1), NULL);
    _exit(1);
}
/* The agent's sentence for DIVERGED is the alarm. */
static _Noreturn void report(bool got_out) {
    leave(got_out ? SW_FAILURE_DIVERGED : SW_FAILURE_INTERNAL);
}

/* An act that tries one call, and one that says some words. */
#define TRIES(name, got_out)                                                                       \
    static void name(void) {                                                                       \
        report(got_out);                                                                           \
    }
#define SAYS(name, ...)                                                                            \
    static void name(void) {                                                                       \
        __VA_ARGS__;                                                                               \
    }

static void wait_here(void) {
    const struct timespec day = {86400, 0};
    for (;;) nanosleep(&day, NULL);
}

/* ---- what an honest worker says ---- */
static void put_u64(uint8_t out[8], uint64_t v) {
    for (int i = 0; i < 8; i++) out[i] = (uint8_t)(v >> (56 - 8 * i));
}
static void frame(int fd, sw_frame_type type, const void *body, size_t size) {
    if (sw_frame_write(fd, type, (sw_bytes){0}, SW_BYTES(body, size), NULL) != SW_OK) _exit(3);
}
static void header(sw_frame_type type, uint64_t size) {
    uint8_t out[SW_FRAME_HEADER_BYTES];
    sw_frame_header(out, type, size);
    (void)!write(SW_FD_STREAM, out, sizeof out);
}
SAYS(hello, frame(SW_FD_STREAM, SW_FRAME_HELLO, NULL, 0))
static void plan(uint64_t steps) {
    uint8_t out[16] = {0};
    put_u64(out, steps);
    frame(SW_FD_STREAM, SW_FRAME_PLAN, out, sizeof out);
}
static void step(uint64_t number, uint64_t of, double loss) {
    const sw_wire_step s = {number, of, 1, loss, 0, 0};
    uint8_t out[SW_WIRE_STEP_BYTES];
    sw_wire_step_encode(out, &s);
    frame(SW_FD_METRICS, SW_FRAME_STEP, out, sizeof out);
}
static void checkpoint(uint64_t number) {
    uint8_t out[8 + 64] = {0};
    put_u64(out, number);
    out[8] = drift;
    out[9] = (uint8_t)number;
    frame(SW_FD_STREAM, SW_FRAME_CHECKPOINT, out, sizeof out);
}
static void output(const char *name, size_t name_size, const void *content, size_t size) {
    uint8_t head[512] = {0};
    head[2] = (uint8_t)(name_size >> 8);
    head[3] = (uint8_t)name_size;
    memcpy(head + 4, name, name_size);
    if (sw_frame_write(SW_FD_STREAM, SW_FRAME_OUTPUT, SW_BYTES(head, 4 + name_size),
                       SW_BYTES(content, size), NULL) != SW_OK)
        _exit(3);
}
static void named(const char *name) {
    output(name, strlen(name), "x", 1);
}
static void done(uint8_t early) {
    frame(SW_FD_STREAM, SW_FRAME_DONE, &early, 1);
}
static void steps(uint64_t first, uint64_t last) {
    for (uint64_t i = first; i <= last; i++) {
        step(i, total, 1);
        if (i == total || (every && i % every == 0)) checkpoint(i);
    }
}
static void begin(void) {
    hello();
    plan(total);
}
/* The step of the state to go on from, 0 without one. */
static uint64_t resumed(void) {
    uint8_t state[2] = {0};
    if (job.resume_bytes > 0 && read(SW_FD_RESUME, state, sizeof state) < 2) _exit(3);
    return state[1];
}
static void train(void) {
    begin();
    steps(resumed() + 1, total);
}
/* What follows a wrong word, so that an agent that took it would end well. */
static void rest(uint64_t first) {
    steps(first, total);
    named("adapter_model.safetensors");
    done(0);
}
#endif
