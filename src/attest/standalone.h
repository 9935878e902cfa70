/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence that others made, judged by the same verifier as our own: a bare quote, or a guest
 * agent's quote with its event log. What our evidence object demands beyond that (our canonical
 * form, a policy) is not in it. Pure. Docs: docs/formats/evidence.md, EVD-140 on.
 */
#ifndef SW_ATTEST_STANDALONE_H
#define SW_ATTEST_STANDALONE_H
#include "attest/measure.h"
#include "attest/quote.h"

typedef struct sw_standalone { /* views */
    sw_bytes quote;
    const sw_collateral *collateral;
    const sw_event_log *log; /* NULL: a bare quote */
    bool firmware_log;       /* the log is the firmware's alone, so no app is looked for */
    sw_bytes document;       /* the mr_config document of MRCONFIGID's third kind; may be empty */
    sw_bytes vm_config;      /* what the host says of the machine, beside a log; may be empty */
    const sw_policy *policy; /* NULL: Intel's root, UpToDate alone, no image compared */
    int64_t wall_ms;
} sw_standalone;
typedef struct sw_standalone_claims {
    sw_quote_claims quote;
    bool has_log;     /* one that names an app */
    bool replayed[4]; /* this register's events are in the log, and they replay to it */
    uint8_t app_id[20], instance_id[20]; /* with a log */
    sw_hash compose, mr_system;          /* with a log */
    sw_hash mr_aggregated;
    unsigned config_version; /* of MRCONFIGID, 0 to 3 */
    bool has_os_image;       /* an image in vm_config measures to this quote (EVD-119) */
    sw_hash os_image;        /* its hash: the host's own word until a policy names it */
    uint8_t acpi[SW_ACPI_COUNT][48];
    uint64_t memory_bytes;
    char image[65]; /* name in the policy; empty without one */
} sw_standalone_claims;
/* In order: quote (EVD-020 to EVD-047), the TD's attributes, the log's registers, the
 * host's document of MRCONFIGID, the runtime events, dstack's simulator, the app, MRCONFIGID, the
 * OS image where one is described, then the policy, or without one the TCB status. SW_REFUSED
 * "evidence" or "policy"; `v` may be NULL. */
SW_NODISCARD sw_status sw_standalone_verify(const sw_standalone *s, sw_verifier *v,
                                            sw_standalone_claims *out, sw_error *err);
#endif
