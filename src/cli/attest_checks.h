/* SPDX-License-Identifier: Apache-2.0
 *
 * The checks of one verdict as a person and a program see them: a line each, in the order in which
 * they were made, the failed one last.
 */
#ifndef SW_CLI_ATTEST_CHECKS_H
#define SW_CLI_ATTEST_CHECKS_H
#include "attest/check.h"
#include "cli/cli.h"

typedef struct sw_checks {
    sw_cli *cli;
    sw_json *list; /* {"check","held","value"} each */
    sw_json *open; /* begun and not held */
    const char *name;
    sw_check_log log; /* hand this to whoever verifies */
} sw_checks;
void sw_checks_open(sw_checks *checks, sw_cli *cli);
/* Prints what is left to say and hands `facts` (an object, may be empty) with the checks and the
 * verdict to programs. The status is the verdict's own: SW_OK stays SW_OK, and a failure gets the
 * failed check's name before its sentence. */
SW_NODISCARD sw_status sw_checks_close(sw_checks *checks, sw_json *facts, sw_status status,
                                       sw_error *err);
#endif
