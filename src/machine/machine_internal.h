/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine behind its joint: whatever answers like dstack's guest agent, and what that agent does
 * not know (collateral, sealing key, counter).
 */
#ifndef SW_MACHINE_INTERNAL_H
#define SW_MACHINE_INTERNAL_H
#include "attest/evidence.h"
#include "machine/machine.h"

typedef struct sw_machine_kind {
    sw_platform platform;
    /* GetQuote's answer as JSON: {"event_log": text, "quote": hex, "report_data": hex, "vm_config":
     * text}. */
    sw_status (*quote)(void *self, const sw_report_data *report, sw_buffer *answer, sw_error *err);
    const sw_collateral *(*collateral)(void *self);
    sw_status (*sealing_key)(void *self, sw_file_key *out, sw_error *err);
    int64_t (*counter_ms)(void *self);
    void (*close)(void *self);
} sw_machine_kind;

typedef struct sw_boot {
    sw_bytes app_compose;
    const uint8_t *app_id; /* 20 bytes */
    const sw_entropy *entropy;
    const sw_clock *clock;
} sw_boot;

extern const sw_machine_kind sw_machine_sim;
SW_NODISCARD sw_status sw_sim_boot(const char *folder, const sw_boot *boot, void **self,
                                   sw_error *err);
#endif
