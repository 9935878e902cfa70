/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of the bf16 instructions a process may use.
 */
#include "tensor/tensor.h"
#include <sys/syscall.h>
#include <unistd.h>

#define ARCH_REQ_XCOMP_PERM 0x1023 /* <asm/prctl.h> of Linux 5.16 on */
#define XFEATURE_XTILEDATA  18

static bool has_avx512(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}

/* Linux keeps the tiles' 8 KiB for threads whose process has asked. */
static bool may_use_tiles(void) {
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

bool sw_tensor_has_instructions(sw_rule rule) {
    if (!has_avx512()) return false;
    if (rule == SW_RULE_PAIRS) return __builtin_cpu_supports("avx512bf16");
    return __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") &&
           may_use_tiles();
}
