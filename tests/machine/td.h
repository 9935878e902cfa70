/* SPDX-License-Identifier: Apache-2.0
 *
 * A TDX guest without an agent, as a program in it sees it: a kernel (kernel.h), the lines that a
 * measured init wrote, and a clock source.
 */
#ifndef SW_TESTS_MACHINE_TD_H
#define SW_TESTS_MACHINE_TD_H
#include "machine/kernel.h"

#include "codec/text.h"
#include "sys/files.h"

typedef struct td {
    kernel kernel;
    sw_tsm tsm;
    char clock_path[128], events_path[128], lock_path[128];
} td;

static inline void td_write(const char *path, sw_bytes content) {
    assert_int_equal(sw_file_write(path, content, 0600, SW_WRITE_REPLACE, NULL), SW_OK);
}

/* Its files lie in `folder`. */
static inline void td_place(td *t, const char *folder) {
    (void)snprintf(t->clock_path, sizeof t->clock_path, "%s/clocksource", folder);
    (void)snprintf(t->events_path, sizeof t->events_path, "%s/events.json", folder);
    (void)snprintf(t->lock_path, sizeof t->lock_path, "%s/lock", folder);
    td_write(t->clock_path, SW_LITERAL("tsc\n"));
}

/* As the plan says; no event yet, and no file of them. */
static inline void td_reset(td *t, const kernel *plan) {
    t->kernel = *plan;
    t->tsm = kernel_tsm(&t->kernel, t->lock_path);
    (void)unlink(t->events_path);
}

/* And what a measured init does: it extends RTMR3 and writes the lines. */
static inline void td_boot(td *t, const kernel *plan, const sw_event *events, size_t count) {
    SW_SCOPED(sw_buffer) lines = SW_BUFFER((size_t)1 << 20);
    td_reset(t, plan);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(sw_tsm_extend(&t->tsm, &events[i], NULL), SW_OK);
        sw_put_text(&lines, "{\"event\":\"");
        sw_put_bytes(&lines, events[i].name);
        sw_put_text(&lines, "\",\"payload\":\"");
        sw_base64_encode(&lines, events[i].payload);
        sw_put_text(&lines, "\"}\n");
    }
    td_write(t->events_path, sw_buffer_bytes(&lines));
}
#endif
