/* SPDX-License-Identifier: Apache-2.0
 *
 * What `train` will take, before it starts.
 */
#ifndef SW_CLI_PLAN_H
#define SW_CLI_PLAN_H
#include "cli/plain.h"

/* Of the program, its libraries and what they hold before there is anything of a run (PLN-010):
 * about 13 MiB, measured. */
#define SW_CLI_PROGRAM_BYTES ((size_t)16 << 20)

/* The plan of `job` for so many threads, refused when it does not fit into --memory, else into what
 * this machine (or the control group that holds this process) has: SW_MEMORY "memory". A note when
 * it fits, but not into what is free now. */
SW_NODISCARD sw_status sw_cli_fit(sw_cli *cli, const sw_train_job *job, size_t lanes,
                                  sw_train_budget *out, sw_error *err);
/* PLN-011: whether what the run writes beside `path`, a folder that is there, fits into what is
 * free there: SW_LIMIT "disk". `there`: bytes of a state that lies there already; `keeps`: it
 * writes states. */
SW_NODISCARD sw_status sw_cli_fit_disk(const sw_train_budget *b, bool keeps, uint64_t there,
                                       const char *path, sw_error *err);
/* --plan: steps, rows, tokens, memory by part, and the time by what this machine multiplies now. */
SW_NODISCARD sw_status sw_cli_show_plan(sw_cli *cli, const sw_train_job *job,
                                        const sw_train_budget *budget, sw_error *err);
#define SW_CLI_MEMORY_OPTION                                                                       \
    {                                                                                              \
        "memory", SW_OPTION_VALUE, "SIZE",                                                         \
            "refuse what takes more, such as 8GiB (default: what this machine has)"                \
    }
#endif
