/* SPDX-License-Identifier: Apache-2.0
 *
 * Confinement seen from inside (SANDBOX-013).
 */
#include "sys/confine.h"

#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { SECCOMP_MODE_WITH_FILTER = 2 };

static sw_status missing(sw_error *err, const char *layer) {
    return sw_fail(err, SW_REFUSED, "sandbox", "the worker is not held by %s", layer);
}

sw_status sw_confine_enter(sw_error *err) {
    struct rlimit core = {1, 1};
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return missing(err, "a ban on dumps");
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return missing(err, "no_new_privs");
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_WITH_FILTER)
        return missing(err, "a seccomp list");
    if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
        return missing(err, "RLIMIT_CORE 0");
    (void)mallopt(M_ARENA_MAX, 1);
    return SW_OK;
}
