/* SPDX-License-Identifier: Apache-2.0
 *
 * Confinement seen from inside (SANDBOX-013). The filter here is a program of five instructions:
 * filters add up and the strictest answer wins, so it only has to name what is taken away.
 */
#include "sys/confine.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SECCOMP_MODE_WITH_FILTER = 2 };

static sw_status missing(sw_error *err, const char *layer) {
    return sw_fail(err, SW_REFUSED, "sandbox", "the worker is not held by %s", layer);
}

static bool tighten(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const struct sock_fprog program = {sizeof code / sizeof code[0], code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

sw_status sw_confine_enter(sw_error *err) {
    struct rlimit core = {1, 1};
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return missing(err, "a ban on dumps");
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return missing(err, "no_new_privs");
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_WITH_FILTER)
        return missing(err, "a seccomp list");
    if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
        return missing(err, "RLIMIT_CORE 0");
    if (!tighten()) return missing(err, "a list without exec");
    (void)mallopt(M_ARENA_MAX, 1);
    return SW_OK;
}
