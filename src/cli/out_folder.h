/* SPDX-License-Identifier: Apache-2.0
 *
 * A run's out folder, as `verify` and `open approve` bring it to the verifier. Somebody else may
 * have filled it.
 */
#ifndef SW_CLI_OUT_FOLDER_H
#define SW_CLI_OUT_FOLDER_H
#include "cli/cli.h"
#include "manifest/manifest.h"

typedef struct sw_out_folder {
    sw_manifest_input in; /* without app and model */
    int metrics[SW_OWNER_LIMIT];
} sw_out_folder;
/* Its small files into the command's arena, its sealed files open: -1 where there is none. */
SW_NODISCARD sw_status sw_out_folder_open(sw_cli *cli, const char *folder, sw_out_folder *out,
                                          sw_error *err);
void sw_out_folder_close(sw_out_folder *o);
#endif
