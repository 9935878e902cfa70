/* SPDX-License-Identifier: Apache-2.0
 *
 * A libnvidia-ml.so for tests, written from NVIDIA's documented layouts and apart from
 * src/machine/nvml.c. test_nvml.c compiles it; with -DFAKE_OLD it lacks what old drivers lack.
 */
#include "fake_nvml.h"

#include <string.h>

fake_plan plan = {.fails = -1};

typedef struct {
    unsigned int environment, ccFeature, devToolsMode;
} state_t;
typedef struct {
    unsigned int version, environment, ccFeature, devToolsMode, multiGpuMode;
} settings_t;
typedef struct {
    unsigned int certChainSize, attestationCertChainSize;
    unsigned char certChain[0x1000], attestationCertChain[0x1400];
} certificate_t;
typedef struct {
    unsigned int isCecAttestationReportPresent, attestationReportSize, cecAttestationReportSize;
    unsigned char nonce[0x20], attestationReport[0x2000], cecAttestationReport[0x1000];
} report_t;

static char handles[64];

#define CALL(number)                                                                               \
    if (plan.fails == (number)) return 3

int nvmlInit_v2(void) {
    CALL(FAKE_INIT);
    plan.begun++;
    return 0;
}

int nvmlShutdown(void) {
    plan.ended++;
    return 0;
}

int nvmlSystemGetConfComputeState(state_t *s) {
    CALL(FAKE_STATE);
    *s = (state_t){1, plan.cc, plan.devtools};
    return 0;
}

#ifndef FAKE_OLD
int nvmlSystemGetConfComputeSettings(settings_t *s) {
    CALL(FAKE_SETTINGS);
    plan.settings_version = s->version;
    s->ccFeature = plan.cc;
    s->devToolsMode = plan.settings_devtools;
    s->multiGpuMode = plan.multi_gpu;
    return 0;
}
#endif

int nvmlDeviceGetCount_v2(unsigned int *count) {
    CALL(FAKE_COUNT);
    *count = plan.devices;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    CALL(FAKE_HANDLE);
    *device = &handles[index];
    return 0;
}

int nvmlDeviceGetConfComputeGpuCertificate(void *device, certificate_t *c) {
    CALL(FAKE_CHAIN);
    memset(c, 0xee, sizeof *c);
    c->attestationCertChainSize = plan.chain_size;
    memcpy(c->attestationCertChain, "chain of ?", 10);
    if (plan.chain != NULL) {
        c->attestationCertChainSize =
            plan.chain((unsigned)((char *)device - handles), c->attestationCertChain);
        return 0;
    }
    c->attestationCertChain[9] = (unsigned char)('0' + ((char *)device - handles));
    return 0;
}

#ifndef FAKE_OLDER
int nvmlDeviceGetConfComputeGpuAttestationReport(void *device, report_t *r) {
    CALL(FAKE_REPORT);
    unsigned index = (unsigned)((char *)device - handles);
    plan.reports++;
    memset(r->attestationReport, 0xab, sizeof r->attestationReport);
    r->attestationReportSize = plan.report_size;
    r->attestationReport[0] = (unsigned char)index;
    memcpy(r->attestationReport + 4, r->nonce, sizeof r->nonce);
    if (plan.report != NULL)
        r->attestationReportSize = plan.report(index, r->nonce, r->attestationReport);
    if (plan.other_nonce && index + 1 == plan.devices) r->attestationReport[4] ^= 1;
    return 0;
}
#endif
