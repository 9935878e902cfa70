/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernel of this machine could show the host of a worker: its log, and a disk that it
 * swaps to (SANDBOX-050 to SANDBOX-054).
 *
 * On hardware both are demanded of every start, and before that once, so that a machine which
 * cannot have them costs no grant; here it is said what was set, and what is loud. On a software
 * machine a command alone is told, because the settings of a developer's own machine are none of a
 * native worker's business.
 */
#include "run/agent.h"
#include "sys/swap.h"
#include <stdio.h>

static const char *whose(const sw_agent *a) {
    return a->command ? "script" : "worker";
}

/* What stays loud is a refusal by the sandbox where it must be quiet. */
static void hush(sw_agent *a) {
    sw_kernel_log *log = &a->kernel_log;
    char text[512];
    sw_kernel_log_hush("", log);
    if (log->changed[0]) {
        snprintf(text, sizeof text, "the kernel prints no crash while the %s runs: %s", whose(a),
                 log->changed);
        sw_agent_phase(a, text);
    }
    if (log->loud[0]) {
        snprintf(text, sizeof text,
                 "the kernel may print what the %s chooses (%s); on hardware that is refused",
                 whose(a), log->loud);
        sw_agent_phase(a, text);
    }
}

static void look_for_swap(const sw_agent *a) {
    char text[128];
    if (sw_swap_is_off("")) return;
    snprintf(text, sizeof text,
             "this machine has swap, a disk that the %s can have its memory written to; on "
             "hardware that is refused",
             whose(a));
    sw_agent_phase(a, text);
}

void sw_agent_hush_kernel(sw_agent *a) {
    if (a->kernel_log.open || (!a->command && !a->on_hardware)) return;
    hush(a);
    look_for_swap(a);
}

sw_status sw_agent_check_kernel(sw_agent *a, sw_error *err) {
    const sw_sandbox_rules rules = {.silent_kernel = true, .no_swap = true};
    if (!a->on_hardware) return SW_OK;
    sw_agent_hush_kernel(a);
    return sw_process_check_machine(&rules, err);
}

void sw_agent_restore_kernel(sw_agent *a) {
    char text[128];
    if (sw_kernel_log_restore("", &a->kernel_log)) return;
    snprintf(text, sizeof text, "somebody let the kernel print crashes while the %s ran", whose(a));
    sw_agent_phase(a, text);
}
