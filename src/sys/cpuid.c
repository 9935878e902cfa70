/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking CPUID's hypervisor leaves (CMD-052). The first of them holds the name of whoever answers:
 * no host that is in order answers it with zeros.
 */
#include "sys/cpuid.h"

#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_LEAF = 0x40000000, LAST_LEAF = 0x4fffffff, SILENT = 42 };

sw_cpuid_answer sw_cpuid_ask(uint32_t leaf, uint32_t subleaf) {
    sw_cpuid_answer a;
    __cpuid_count(leaf, subleaf, a.eax, a.ebx, a.ecx, a.edx);
    return a;
}

static bool all_silent(sw_cpuid *ask) {
    static const uint32_t leaves[] = {FIRST_LEAF,         FIRST_LEAF + 1,    FIRST_LEAF + 0x10,
                                      FIRST_LEAF + 0x100, FIRST_LEAF + 0xff, LAST_LEAF};
    static const uint32_t subleaves[] = {0, 1, 2, 0x80000000, UINT32_MAX};
    const sw_cpuid_answer zeros = {0, 0, 0, 0};
    bool silent = true;
    for (size_t i = 0; i < sizeof leaves / sizeof leaves[0]; i++)
        for (size_t k = 0; k < sizeof subleaves / sizeof subleaves[0]; k++) {
            sw_cpuid_answer a = ask(leaves[i], subleaves[k]);
            silent &= memcmp(&a, &zeros, sizeof a) == 0;
        }
    return silent;
}

sw_cpuid_silence sw_cpuid_listen(sw_cpuid *ask) {
    int status = 0;
    pid_t child = fork(), ended;
    if (child == 0) {
        (void)signal(SIGSEGV, SIG_DFL);
        (void)signal(SIGBUS, SIG_DFL);
        _exit(all_silent(ask) ? SILENT : 0);
    }
    if (child < 0) return SW_CPUID_UNASKED;
    do ended = waitpid(child, &status, 0);
    while (ended < 0 && errno == EINTR);
    if (ended != child) return SW_CPUID_UNASKED;
    return WIFEXITED(status) && WEXITSTATUS(status) == SILENT ? SW_CPUID_SILENT : SW_CPUID_LOUD;
}
