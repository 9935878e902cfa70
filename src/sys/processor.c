/* SPDX-License-Identifier: Apache-2.0
 *
 * The features of x86-64-v3 by CPUID (Intel's manual, volume 2, CPUID; the x86-64 psABI,
 * table 3.1), and the kernel's word that it keeps the wide registers (XCR0).
 */
#include "sys/processor.h"

#include <stddef.h>
#include <string.h>

enum { LEAF_BASE = 1, LEAF_MORE = 7 };
#define LEAF_AMD 0x80000001u

static const struct {
    const char *name;
    uint32_t leaf;
    size_t at; /* of the register in the answer */
    unsigned bit;
} FEATURES[] = {
    {"AVX", LEAF_BASE, offsetof(sw_cpuid_answer, ecx), 28},
    {"OSXSAVE", LEAF_BASE, offsetof(sw_cpuid_answer, ecx), 27},
    {"F16C", LEAF_BASE, offsetof(sw_cpuid_answer, ecx), 29},
    {"FMA", LEAF_BASE, offsetof(sw_cpuid_answer, ecx), 12},
    {"MOVBE", LEAF_BASE, offsetof(sw_cpuid_answer, ecx), 22},
    {"AVX2", LEAF_MORE, offsetof(sw_cpuid_answer, ebx), 5},
    {"BMI1", LEAF_MORE, offsetof(sw_cpuid_answer, ebx), 3},
    {"BMI2", LEAF_MORE, offsetof(sw_cpuid_answer, ebx), 8},
    {"LZCNT", LEAF_AMD, offsetof(sw_cpuid_answer, ecx), 5},
};

static sw_status lacks(const char *name, sw_error *err) {
    sw_status status =
        sw_fail(err, SW_REFUSED, "processor", "this processor or its kernel has no %s", name);
    sw_error_hint(err,
                  "training, evaluating and generating need one of x86-64-v3: AVX2 and FMA, as "
                  "of 2013 on; everything else works here");
    return status;
}

static bool answers(sw_cpuid *ask, uint32_t leaf) {
    uint32_t range = leaf & 0x80000000u;
    return ask(range, 0).eax >= leaf;
}

static bool keeps_wide_registers(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6; /* SSE and AVX */
}

sw_status sw_processor_check(sw_cpuid *ask, sw_error *err) {
    for (size_t i = 0; i < sizeof FEATURES / sizeof FEATURES[0]; i++) {
        sw_cpuid_answer answer = {0};
        uint32_t word;
        if (answers(ask, FEATURES[i].leaf)) answer = ask(FEATURES[i].leaf, 0);
        memcpy(&word, (const char *)&answer + FEATURES[i].at, sizeof word);
        if ((word >> FEATURES[i].bit & 1) == 0) return lacks(FEATURES[i].name, err);
    }
    return keeps_wide_registers() ? SW_OK : lacks("room for AVX's registers", err);
}
