/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a run's out folder. The five small files must be there; whether a sealed one must be is
 * for the verifier to say.
 */
#include "cli/out_folder.h"

#include "sys/files.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define FILE_LIMIT ((size_t)256 << 20)

static int open_part(sw_cli *cli, const char *folder, const char *name) {
    const char *path = sw_path_join(sw_cli_arena(cli), folder, name);
    return path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
}

sw_status sw_out_folder_open(sw_cli *cli, const char *folder, sw_out_folder *out, sw_error *err) {
    sw_manifest_input *in = &out->in;
    *in = (sw_manifest_input){.metrics_fds = out->metrics, .metrics_count = SW_OWNER_LIMIT};
    SW_TRY(sw_cli_read_in(cli, folder, "manifest.json", FILE_LIMIT, &in->manifest, err));
    SW_TRY(sw_cli_read_in(cli, folder, "evidence.json", FILE_LIMIT, &in->evidence, err));
    SW_TRY(sw_cli_read_in(cli, folder, "app-compose.json", FILE_LIMIT, &in->app_compose, err));
    SW_TRY(sw_cli_read_in(cli, folder, "ledger.json", FILE_LIMIT, &in->ledger, err));
    SW_TRY(sw_cli_read_in(cli, folder, "machine.pem", FILE_LIMIT, &in->machine_pem, err));
    in->model_fd = open_part(cli, folder, "model.sealed");
    for (size_t i = 0; i < SW_OWNER_LIMIT; i++) {
        char name[32];
        snprintf(name, sizeof name, "metrics-%zu.sealed", i + 1);
        out->metrics[i] = open_part(cli, folder, name);
    }
    return SW_OK;
}

void sw_out_folder_close(sw_out_folder *o) {
    if (o->in.model_fd >= 0) close(o->in.model_fd);
    for (size_t i = 0; i < SW_OWNER_LIMIT; i++)
        if (o->metrics[i] >= 0) close(o->metrics[i]);
}
