/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fake libnvidia-ml.so does and what it saw; the test finds it as the symbol `plan`.
 */
#ifndef SW_TESTS_MACHINE_FAKE_NVML_H
#define SW_TESTS_MACHINE_FAKE_NVML_H
#include <stdint.h>

enum { FAKE_INIT, FAKE_STATE, FAKE_SETTINGS, FAKE_COUNT, FAKE_HANDLE, FAKE_CHAIN, FAKE_REPORT };
typedef struct fake_plan {
    int fails;        /* the call that fails, with error 3; -1: none */
    unsigned devices; /* how many there are */
    uint32_t cc, devtools, settings_devtools, multi_gpu;
    uint32_t report_size, chain_size; /* as reported */
    int other_nonce;                  /* the last device answers another one */
    unsigned begun, ended, reports;   /* seen */
    uint32_t settings_version;
    /* When set, what a device gives instead of marks; sizes out. */
    uint32_t (*report)(unsigned index, const uint8_t nonce[32], uint8_t out[0x2000]);
    uint32_t (*chain)(unsigned index, uint8_t out[0x1400]);
} fake_plan;
#endif
