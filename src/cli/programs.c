/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds what belongs to this build; a build's worker and its lock lie in one folder.
 */
#include "cli/programs.h"
#include "sys/files.h"
#include <limits.h>
#include <string.h>
#include <unistd.h>

static sw_status find(sw_cli *cli, const char *option, const char *name, const char **path,
                      sw_error *err) {
    const char *given = sw_cli_value(cli, option);
    if (given) {
        *path = given;
        return SW_OK;
    }
    char self[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size <= 0)
        return sw_fail(err, SW_IO, "io", "this program cannot find itself; give --%s", option);
    self[size] = 0;
    *strrchr(self, '/') = 0;
    static const char *const folders[] = {"", "../libexec/sealwright/"};
    for (size_t i = 0; i < 2; i++) {
        char relative[128];
        snprintf(relative, sizeof relative, "%s%s", folders[i], name);
        const char *candidate = sw_path_join(sw_cli_arena(cli), self, relative);
        if (candidate && sw_path_exists(candidate)) {
            *path = candidate;
            return SW_OK;
        }
    }
    return sw_fail(err, SW_MISSING, "missing", "%s is not beside this program; give --%s", name,
                   option);
}

sw_status sw_cli_worker(sw_cli *cli, const char **path, sw_error *err) {
    return find(cli, "worker", "sealwright-worker", path, err);
}

sw_status sw_cli_trainer_lock(sw_cli *cli, const char **path, sw_error *err) {
    return find(cli, "trainer-lock", "trainer.lock", path, err);
}
