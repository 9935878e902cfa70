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
#include "attest/platform.h"
#include "sys/clock.h"

/* ---- configfs-tsm ---- */
#define SW_TSM_REPORT_FOLDER "/sys/kernel/config/tsm/report"
#define SW_TDX_MEASUREMENTS  "/sys/devices/virtual/misc/tdx_guest/measurements"
#define SW_CCEL_PATH         "/sys/firmware/acpi/tables/data/CCEL"
#define SW_TSM_LOCK_PATH     "/run/sealwright/tsm.lock"
#define SW_TSM_TRIES         8
#define SW_TSM_LOCK_MS       60000

/* The kernel's files as this room touches them; each call gives 0 or an errno value. A test puts a
 * kernel of its own behind them. */
typedef struct sw_tsm_files {
    int (*make_entry)(void *context, const char *folder);
    int (*remove_entry)(void *context, const char *folder);
    /* The file to its end, at most `limit` bytes (EFBIG); appends. */
    int (*read)(void *context, const char *path, size_t limit, sw_buffer *out);
    int (*write)(void *context, const char *path, sw_bytes bytes); /* in one write(2) */
    void (*pause)(void *context, int64_t ms);
    void *context;
} sw_tsm_files;
sw_tsm_files sw_tsm_files_system(void);

typedef struct sw_tsm {
    const char *report_folder, *measurement_folder;
    const char *lock_path; /* quotes and extensions are made one at a time, across processes */
    sw_tsm_files files;
    sw_clock clock;
    sw_entropy entropy;
} sw_tsm;
/* The kernel's places. */
sw_tsm sw_tsm_system(const sw_clock *clock, const sw_entropy *entropy);
/* A quote over this report data: an entry of its own, generation read before and after; EBUSY,
 * EINTR, EAGAIN and a generation that others moved are tried again up to SW_TSM_TRIES. The quote's
 * report data are compared. SW_MISSING where the kernel offers none. */
SW_NODISCARD sw_status sw_tsm_quote(const sw_tsm *t, const sw_report_data *report, sw_buffer *quote,
                                    sw_error *err);
/* Extends RTMR3 by one runtime event. The register is read before and after, and SW_REFUSED "busy"
 * when it is not what this event alone makes of it: somebody else extended too, and no log of ours
 * explains the register any more. */
SW_NODISCARD sw_status sw_tsm_extend(const sw_tsm *t, const sw_event *event, sw_error *err);
/* RTMR0 to 3 as they are now. */
SW_NODISCARD sw_status sw_tsm_register(const sw_tsm *t, unsigned index,
                                       uint8_t out[SW_SHA384_BYTES], sw_error *err);

/* ---- RTMR3's log as the guest's init keeps it ---- */
#define SW_RUNTIME_LOG_PATH        "/run/sealwright/events.json"
#define SW_RUNTIME_LOG_DSTACK_PATH "/run/log/dstack/runtime_events.log"
#define SW_RUNTIME_LOG_LIMIT       ((size_t)4 << 20)
/* Lines of {"event":NAME,"payload":BASE64[,"version":2]}, each ended by a line feed. Untrusted: it
 * is what RTMR3 replays to that gives it a meaning. */
SW_NODISCARD sw_status sw_runtime_log_parse(sw_arena *a, sw_bytes text, const sw_event **out,
                                            size_t *count, sw_error *err);

/* ---- dstack's guest agent ---- */
#define SW_GUEST_ANSWER_LIMIT ((size_t)10 << 20)
typedef struct sw_guest sw_guest;
/* `socket` NULL: the first of dstack's places that there is. SW_MISSING when there is none. */
SW_NODISCARD sw_status sw_guest_open(const char *socket, sw_guest **out, sw_error *err);
void sw_guest_close(sw_guest **g);
const char *sw_guest_socket(const sw_guest *g);
/* POST /METHOD with JSON in and out, at most SW_GUEST_ANSWER_LIMIT back. HTTP 400 with
 * {"error":text} is SW_REFUSED "agent" with that text in the sentence when it is short and plain: a
 * method that this agent does not have is answered so too. HTTP 404 is SW_MISSING. `timeout_ms` of
 * the whole call. */
SW_NODISCARD sw_status sw_guest_call(sw_guest *g, const char *method, sw_bytes json,
                                     int64_t timeout_ms, sw_buffer *answer, sw_error *err);
/* GetQuote's answer as it came, asked for these report data. */
SW_NODISCARD sw_status sw_guest_quote(sw_guest *g, const sw_report_data *report, sw_buffer *answer,
                                      sw_error *err);
/* "0.5.11"; empty for an agent that is older than the question (0.5.6 and before). */
SW_NODISCARD sw_status sw_guest_version(sw_guest *g, char out[32], sw_error *err);
/* Info's compose_hash, as claimed. SW_MISSING when this agent does not say it. */
SW_NODISCARD sw_status sw_guest_compose(sw_guest *g, sw_hash *out, sw_error *err);
/* Whether the guest's keys come from dstack's local key provider, which derives them from its
 * measurements: the word of the agent that hands them out (Info's key_provider_info). False for any
 * other provider, and where the agent does not say. */
SW_NODISCARD sw_status sw_guest_keys_are_local(sw_guest *g, bool *out, sw_error *err);
/* Extends RTMR3 through the agent, which also keeps the log. Agents of 0.6 on do not offer it and
 * say so as they say any error: SW_REFUSED "agent". */
SW_NODISCARD sw_status sw_guest_emit(sw_guest *g, const sw_event *event, sw_error *err);
/* GetKey: 32 bytes that this app alone derives, into locked memory. */
SW_NODISCARD sw_status sw_guest_key(sw_guest *g, const char *path, const char *purpose,
                                    uint8_t out[32], sw_error *err);

/* ---- collateral ---- */
#define SW_PCS_URL      "https://api.trustedservices.intel.com"
#define SW_ROOT_CRL_URL "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
#define SW_RIM_URL      "https://rim.attestation.nvidia.com"
#define SW_OCSP_URL     "https://ocsp.ndis.nvidia.com"
#define SW_FETCH_MS     30000
typedef struct sw_collateral_source {
    const char *pcs_url;            /* Intel's service or a PCCS; NULL: Intel's */
    const char *rim_url, *ocsp_url; /* NULL: NVIDIA's */
    const char *proxy;              /* http://HOST:PORT; NULL: none */
    const char *ca_file;      /* PEM of who vouches for the service's TLS; NULL: the system's */
    const char *cache_folder; /* 0700, made when needed; NULL: no cache */
    bool offline;             /* cache alone */
    bool early;               /* update=early: the newest evaluation numbers */
    const sw_policy *anchors; /* its anchors alone; NULL: Intel's root */
    uint32_t minimum_evaluation_number;      /* of TCB info and QE identity; 0: any (MCH-056) */
    int64_t max_age_ms;                      /* of its oldest part (EVD-068); 0: any */
    int64_t ocsp_max_age_ms, rim_max_age_ms; /* as in a policy of GPUs; 0: its defaults */
    int64_t timeout_ms;                      /* of one request; 0: SW_FETCH_MS */
    sw_clock clock;
} sw_collateral_source;
/* All that a verifier of this quote needs, from the cache while it is valid. What comes back is
 * verified as a verifier would, with this quote at the clock's time, before it is kept or given; a
 * cached bundle below the least evaluation number or above the greatest age is fetched anew.
 * `until_ms` (may be NULL) is the end of its joint window, or of its greatest age. */
SW_NODISCARD sw_status sw_collateral_fetch(const sw_collateral_source *s, sw_arena *a,
                                           sw_bytes quote, sw_collateral *out, int64_t *until_ms,
                                           sw_error *err);
/* The manifests that the devices' reports name, verified to the RIM root, and an OCSP answer for
 * each certificate that has one (of manifests all below the root, of devices those above the leaf),
 * verified to its issuer; from the cache while they are valid. The roots are the anchors' (`gpu`),
 * NVIDIA's when there are none. Whether a certificate is revoked is not judged here. `until_ms`
 * (may be NULL) is when the first of them, or of the devices' certificates, ends or is too old.
 * Views live in the arena. */
SW_NODISCARD sw_status sw_gpu_collateral_fetch(const sw_collateral_source *s, sw_arena *a,
                                               const sw_gpu_device *devices, size_t count,
                                               sw_gpu_collateral *out, int64_t *until_ms,
                                               sw_error *err);
/* NVIDIA's answer {"id","rim",...} to the question for the manifest of this name (NULL: of any):
 * its XML, not yet verified. */
SW_NODISCARD sw_status sw_rim_answer_parse(sw_arena *a, sw_bytes json, const char *name,
                                           sw_bytes *xml, sw_error *err);
/* What the provisioning service answers beside JSON: an issuer chain, percent-encoded in a header
 * field, as PEM of exactly two certificates; a revocation list as DER, PEM, or DER in hex or
 * base64. */
SW_NODISCARD sw_status sw_pcs_chain_parse(sw_arena *a, sw_bytes field, sw_bytes *out,
                                          sw_error *err);
SW_NODISCARD sw_status sw_pcs_list_parse(sw_arena *a, sw_bytes body, sw_bytes *der, sw_error *err);

/* A collateral bundle as a file: canonical JSON of kind "sealwright/collateral/v1". `c` NULL: of
 * GPUs alone; `gpu` NULL: of a quote alone. A bundle is for one of them at least (MCH-076): of GPUs
 * alone it leaves *out as zeros, whose parts are empty. */
#define SW_COLLATERAL_KIND       "sealwright/collateral/v1"
#define SW_COLLATERAL_FILE_LIMIT ((size_t)16 << 20)
SW_NODISCARD sw_status sw_collateral_encode(const sw_collateral *c, const sw_gpu_collateral *gpu,
                                            sw_buffer *out, sw_error *err);
SW_NODISCARD sw_status sw_collateral_parse(sw_arena *a, sw_bytes json, sw_collateral *out,
                                           sw_gpu_collateral *gpu, sw_error *err);

/* ---- NVML ---- */
#define SW_NVML_LIBRARY "libnvidia-ml.so.1"
/* Reports and attestation chains of all NVIDIA devices for this nonce, by libnvidia-ml.so.1
 * (dlopen; SW_MISSING when it is not there), with CC mode on and devtools off demanded first.
 * `library` NULL: the usual name. Views live in the arena. */
SW_NODISCARD sw_status sw_nvml_collect(const char *library, const sw_hash *nonce, sw_arena *a,
                                       sw_gpu_device *out, size_t limit, size_t *count,
                                       sw_error *err);
#endif
