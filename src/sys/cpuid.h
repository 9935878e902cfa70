/* SPDX-License-Identifier: Apache-2.0
 *
 * The leaves of the CPUID instruction that belong to hypervisors, 0x40000000 to 0x4FFFFFFF, as a
 * program on this machine finds them (CMD-052).
 */
#ifndef SW_SYS_CPUID_H
#define SW_SYS_CPUID_H
#include "base/base.h"

typedef struct sw_cpuid_answer {
    uint32_t eax, ebx, ecx, edx;
} sw_cpuid_answer;
typedef sw_cpuid_answer sw_cpuid(uint32_t leaf, uint32_t subleaf);
sw_cpuid_answer sw_cpuid_ask(uint32_t leaf, uint32_t subleaf); /* the instruction */

typedef enum sw_cpuid_silence { SW_CPUID_SILENT, SW_CPUID_LOUD, SW_CPUID_UNASKED } sw_cpuid_silence;
/* Silent: every leaf that is asked answers zeros, as a kernel does that keeps these leaves from the
 * host. Asked in a child, whose crash is loud; unasked where there is none, or nobody may wait for
 * it (SIGCHLD ignored). A host that is asked may answer zeros too: this finds an image that was
 * taken for another, and no host that lies. */
sw_cpuid_silence sw_cpuid_listen(sw_cpuid *ask);
#endif
