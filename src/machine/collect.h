/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence collected from a real machine: configfs-tsm, dstack's guest agent, RTMR extension,
 * NVML; and collateral fetched from Intel's and NVIDIA's services. Everything that comes back is
 * untrusted input: a quote is looked at for our own report data before it is handed on.
 * Docs: docs/formats/machine.md (MCH-001 ...).
 *
 * Places are parameters with the kernel's and dstack's own as defaults, so that tests own them; the
 * environment is read by nobody.
 */
#ifndef SW_MACHINE_COLLECT_H
#define SW_MACHINE_COLLECT_H
#include "attest/gpu.h"
#include "attest/measure.h"
#include "sys/clock.h"

/* ---- configfs-tsm ---- */
#define SW_TSM_REPORT_FOLDER "/sys/kernel/config/tsm/report"
#define SW_TDX_MEASUREMENTS  "/sys/devices/virtual/misc/tdx_guest/measurements"
#define SW_CCEL_PATH         "/sys/firmware/acpi/tables/data/CCEL"
typedef struct sw_tsm {
    const char *report_folder, *measurement_folder, *ccel_path;
    const char *lock_path; /* quotes are made one at a time, across processes */
    const sw_clock *clock;
    const sw_entropy *entropy;
} sw_tsm;
/* A quote over this report data: an entry of its own, generation read before and after, EBUSY,
 * EINTR and a generation that others moved tried again up to a limit. The quote's report data are
 * compared. */
SW_NODISCARD sw_status sw_tsm_quote(const sw_tsm *t, const sw_report_data *report, sw_buffer *quote,
                                    sw_error *err);
/* Extends RTMR3 by one runtime event and gives the digest written. */
SW_NODISCARD sw_status sw_tsm_extend(const sw_tsm *t, const sw_event *event, sw_error *err);
SW_NODISCARD sw_status sw_tsm_register(const sw_tsm *t, unsigned index,
                                       uint8_t out[SW_SHA384_BYTES], sw_error *err);

/* ---- dstack's guest agent ---- */
typedef struct sw_agent sw_agent;
/* `socket` NULL: dstack's search order. Connects at the first call. */
SW_NODISCARD sw_status sw_agent_open(const char *socket, sw_agent **out, sw_error *err);
void sw_agent_close(sw_agent **a);
/* POST /METHOD with JSON in and out, at most 10 MiB back, one call at a time. HTTP 400 with
 * {"error":text} is SW_REFUSED with a plain sentence. */
SW_NODISCARD sw_status sw_agent_call(sw_agent *a, const char *method, sw_bytes json,
                                     sw_buffer *answer, sw_error *err);

/* ---- collateral ---- */
typedef struct sw_collateral_source {
    const char *pcs_url;            /* Intel's service or a PCCS; NULL: Intel's */
    const char *rim_url, *ocsp_url; /* NULL: NVIDIA's */
    const char *proxy;              /* NULL: none */
    const char *cache_folder;       /* NULL: no cache */
    bool offline;                   /* cache alone */
    const sw_clock *clock;
} sw_collateral_source;
/* All that a verifier of this quote needs, from the cache while it is valid. What comes back is
 * parsed and its signatures and dates are looked at before it is kept. */
SW_NODISCARD sw_status sw_collateral_fetch(const sw_collateral_source *s, sw_arena *a,
                                           sw_bytes quote, sw_collateral *out, sw_error *err);
SW_NODISCARD sw_status sw_gpu_collateral_fetch(const sw_collateral_source *s, sw_arena *a,
                                               const sw_gpu_device *devices, size_t count,
                                               sw_gpu_collateral *out, sw_error *err);
/* A collateral bundle as a file: canonical JSON of kind "sealwright/collateral/v1". */
SW_NODISCARD sw_status sw_collateral_encode(const sw_collateral *c, const sw_gpu_collateral *gpu,
                                            sw_buffer *out, sw_error *err);
SW_NODISCARD sw_status sw_collateral_parse(sw_arena *a, sw_bytes json, sw_collateral *out,
                                           sw_gpu_collateral *gpu, sw_error *err);

/* ---- NVML ---- */
/* Reports and attestation chains of all NVIDIA devices for this nonce, by libnvidia-ml.so.1
 * (dlopen; SW_MISSING when it is not there), with CC mode on and devtools off demanded first.
 * `library` NULL: the usual name. */
SW_NODISCARD sw_status sw_nvml_collect(const char *library, const sw_hash *nonce, sw_arena *a,
                                       sw_gpu_device *out, size_t limit, size_t *count,
                                       sw_error *err);
#endif
