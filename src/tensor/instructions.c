/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of the bf16 instructions a process may use.
 */
#include "tensor/tensor.h"
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARCH_REQ_XCOMP_PERM 0x1023 /* <asm/prctl.h> of Linux 5.16 on */
#define XFEATURE_XTILEDATA  18
#define CPUID_FEATURES      7
#define EDX_AMX_BF16        (1u << 22)
#define EDX_AMX_TILE        (1u << 24)

static bool has_pairs(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bf16");
}

static bool has_tiles(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(CPUID_FEATURES, 0, &a, &b, &c, &d) && d & EDX_AMX_BF16 &&
           d & EDX_AMX_TILE;
}

/* Linux keeps the tiles' 8 KiB for threads whose process has asked. */
static bool may_use_tiles(void) {
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

bool sw_tensor_has_instructions(sw_rule rule) {
    return has_pairs() && (rule == SW_RULE_PAIRS || (has_tiles() && may_use_tiles()));
}
