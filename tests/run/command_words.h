/* SPDX-License-Identifier: Apache-2.0
 *
 * What a command says on its wire (CMD-040 on), as calls: for the script of the tests and for the
 * table of frames.
 */
#ifndef SW_TEST_COMMAND_WORDS_H
#define SW_TEST_COMMAND_WORDS_H
#include "run/wire.h"
#include <string.h>
#include <unistd.h>

static int stream_fd = SW_FD_STREAM, metrics_fd = SW_FD_METRICS;

static void put_u64be(uint8_t out[8], uint64_t v) {
    for (int i = 0; i < 8; i++) out[i] = (uint8_t)(v >> (56 - 8 * i));
}
static void say(sw_frame_type type, sw_bytes head, sw_bytes body) {
    (void)!sw_frame_write(stream_fd, type, head, body, NULL);
}
static void hello(void) {
    say(SW_FRAME_HELLO, (sw_bytes){0}, (sw_bytes){0});
}
static void plan_with(uint64_t steps, uint64_t tokens) {
    uint8_t out[16];
    put_u64be(out, steps);
    put_u64be(out + 8, tokens);
    say(SW_FRAME_PLAN, SW_BYTES_OF(out), (sw_bytes){0});
}
static void plan(uint64_t steps) {
    plan_with(steps, 0);
}
static void step_of(uint64_t number, uint64_t of, double loss) {
    const sw_wire_step s = {number, of, 7, loss, 0.25, 0};
    uint8_t out[SW_WIRE_STEP_BYTES];
    sw_wire_step_encode(out, &s);
    (void)!sw_frame_write(metrics_fd, SW_FRAME_STEP, (sw_bytes){0}, SW_BYTES_OF(out), NULL);
}
static void state_of(uint64_t number, sw_bytes content) {
    uint8_t out[8];
    put_u64be(out, number);
    say(SW_FRAME_CHECKPOINT, SW_BYTES_OF(out), content);
}
static void output(const char *name, sw_bytes content) {
    uint8_t head[4 + 256] = {0, 0, 0, (uint8_t)strlen(name)};
    memcpy(head + 4, name, strlen(name));
    say(SW_FRAME_OUTPUT, SW_BYTES(head, 4 + strlen(name)), content);
}
static inline void claims(const char *text) {
    say(SW_FRAME_CLAIMS, sw_text(text), (sw_bytes){0});
}
static inline void done(uint8_t early) {
    say(SW_FRAME_DONE, SW_BYTES(&early, 1), (sw_bytes){0});
}
static inline void failed(uint8_t class) {
    say(SW_FRAME_FAILED, SW_BYTES(&class, 1), (sw_bytes){0});
}
#endif
