/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine behind its joint: whatever answers like dstack's guest agent, and what that agent does
 * not know (collateral, sealing key, counter).
 */
#ifndef SW_MACHINE_INTERNAL_H
#define SW_MACHINE_INTERNAL_H
#include "attest/evidence.h"
#include "machine/collect.h"
#include "machine/machine.h"

/* What collateral is for. */
typedef struct sw_gpu_need {
    const sw_gpu_device *devices;
    size_t count;
    const sw_gpu_policy *policy; /* how old all may be */
} sw_gpu_need;

typedef struct sw_machine_kind {
    sw_platform platform;
    /* GetQuote's answer as JSON: {"event_log": text, "quote": hex, "report_data": hex, "vm_config":
     * text}. */
    sw_status (*quote)(void *self, const sw_report_data *report, sw_buffer *answer, sw_error *err);
    /* What proves this quote of its own; views live until the next call. */
    sw_status (*collateral)(void *self, sw_bytes quote, sw_collateral *out, sw_error *err);
    /* NULL: a kind that derives no key which outlives it (MCH-102). */
    sw_status (*sealing_key)(void *self, sw_file_key *out, sw_error *err);
    bool (*seals)(const void *self); /* where not every machine of the kind does; NULL: all do */
    int64_t (*counter_ms)(void *self);
    void (*close)(void *self);
    /* Chains and reports of all GPUs over this nonce, in the arena; `out` has SW_GPU_LIMIT places.
     * NULL: a kind without GPUs. */
    sw_status (*gpus)(void *self, const sw_hash *nonce, sw_arena *a, sw_gpu_device *out,
                      size_t *count, sw_error *err);
    /* Manifests and OCSP answers for these devices; views live in the arena or until the next call.
     */
    sw_status (*gpu_collateral)(void *self, const sw_gpu_need *need, sw_arena *a,
                                sw_gpu_collateral *out, sw_error *err);
} sw_machine_kind;

typedef struct sw_boot {
    sw_bytes app_compose;
    const uint8_t *app_id; /* 20 bytes */
    const sw_entropy *entropy;
    const sw_clock *clock;
    const sw_machine_places *places; /* never NULL; its members may be */
} sw_boot;

extern const sw_machine_kind sw_machine_sim, sw_machine_tdx, sw_machine_dstack;
SW_NODISCARD sw_status sw_sim_boot(const char *folder, const sw_boot *boot, void **self,
                                   sw_error *err);
SW_NODISCARD sw_status sw_tdx_boot(const sw_boot *boot, void **self, sw_error *err);
/* `socket` NULL: dstack's search order. */
SW_NODISCARD sw_status sw_dstack_boot(const char *socket, const sw_boot *boot, void **self,
                                      sw_error *err);

/* ---- answers in the guest agent's form (answer.c) ---- */
typedef struct sw_answer {
    sw_bytes quote;
    const sw_report_data *report;
    const sw_event *events;
    size_t event_count;
    sw_bytes vm_config;
} sw_answer;
SW_NODISCARD sw_status sw_answer_put(const sw_answer *answer, sw_buffer *out, sw_error *err);

/* Quote and events of an answer, with the report data asked for and the compose booted. Views live
 * in the arena. */
#define SW_ANSWER_LIMIT (2 * SW_EVIDENCE_LIMIT)
SW_NODISCARD sw_status sw_answer_read(sw_arena *a, sw_bytes answer, const sw_report_data *report,
                                      const sw_hash *compose, sw_evidence *out, sw_error *err);

/* Quote, events and what belongs to them, without collateral. Views live in the arena. */
SW_NODISCARD sw_status sw_machine_quote(sw_machine *m, const sw_report_data *report, sw_arena *a,
                                        sw_evidence *out, sw_error *err);

/* ---- what real machines share (real.c) ---- */
typedef struct sw_real {
    sw_clock clock;
    sw_collateral_source source;
    const char *nvml_library; /* NULL: the usual one */
    const char *clocksource_path;
    bool clock_lost; /* the kernel's clock source was another than the TSC once */
    sw_arena arena;  /* of the collateral in hand */
    sw_collateral collateral;
    bool has_collateral;
    int64_t until_ms; /* the end of its window */
} sw_real;
/* Demands a clock that the host cannot turn (MCH-093). */
SW_NODISCARD sw_status sw_real_begin(sw_real *r, const sw_boot *boot, sw_error *err);
void sw_real_end(sw_real *r);
/* Fetched when there is none in hand or its window has ended. */
SW_NODISCARD sw_status sw_real_collateral(sw_real *r, sw_bytes quote, sw_collateral *out,
                                          sw_error *err);
int64_t sw_real_counter(sw_real *r);
/* By NVIDIA's library. */
SW_NODISCARD sw_status sw_real_gpus(const sw_real *r, const sw_hash *nonce, sw_arena *a,
                                    sw_gpu_device *out, size_t *count, sw_error *err);
SW_NODISCARD sw_status sw_real_gpu_collateral(const sw_real *r, const sw_gpu_need *need,
                                              sw_arena *a, sw_gpu_collateral *out, sw_error *err);
#endif
