/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the programs lie that this one starts or names: beside it (build tree) or in
 * ../libexec/sealwright (installed).
 */
#ifndef SW_CLI_PROGRAMS_H
#define SW_CLI_PROGRAMS_H
#include "cli/cli.h"

/* --worker, else sealwright-worker beside this program. */
SW_NODISCARD sw_status sw_cli_worker(sw_cli *cli, const char **path, sw_error *err);
/* --trainer-lock, else trainer.lock beside this program. */
SW_NODISCARD sw_status sw_cli_trainer_lock(sw_cli *cli, const char **path, sw_error *err);
#endif
