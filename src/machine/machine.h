/* SPDX-License-Identifier: Apache-2.0
 *
 * Machines: evidence made. "sim:DIR" is the software machine; "tdx" is the TDX guest in which
 * this process runs, "dstack[:SOCKET]" the same behind dstack's guest agent. Docs:
 * docs/formats/evidence.md, docs/formats/machine.md.
 *
 * Each sw_machine_boot of sim is a fresh boot: RTMR3 is replayed from zero with dstack's events for
 * the app-compose given, so evidence of this process always names that compose. A real machine was
 * booted before this process began: its RTMR3 must name the same compose, or there is no evidence.
 */
#ifndef SW_MACHINE_H
#define SW_MACHINE_H
#include "attest/attest.h"
#include "sys/clock.h"

typedef struct sw_machine sw_machine;
/* Where a real machine's parts are. A member that is NULL takes the place of the kernel, of dstack
 * or of Intel. All of it must outlive the machine. */
struct sw_tsm;
struct sw_collateral_source;
typedef struct sw_machine_places {
    const struct sw_tsm *tsm;
    const char *events_path;      /* RTMR3's log on tdx */
    const char *clocksource_path; /* the kernel's word for where its time comes from */
    const struct sw_collateral_source *collateral;
    const char *nvml_library; /* NVIDIA's */
    const sw_policy *policy;  /* by which evidence of this machine will be judged, for how old its
                                 collateral may be; NULL: nobody knows. Read at boot */
} sw_machine_places;
/* `where`: "sim:DIR", "tdx", "dstack" or "dstack:SOCKET". SW_USAGE names the kinds that exist;
 * SW_MISSING where this is no such machine; SW_REFUSED "compose" when it was booted with another
 * app-compose. `places` may be NULL. */
SW_NODISCARD sw_status sw_machine_boot_at(const sw_machine_places *places, const char *where,
                                          sw_bytes app_compose, const uint8_t app_id[20],
                                          const sw_entropy *e, const sw_clock *clock,
                                          sw_machine **out, sw_error *err);
/* The same with everything where it usually is. */
SW_NODISCARD sw_status sw_machine_boot(const char *where, sw_bytes app_compose,
                                       const uint8_t app_id[20], const sw_entropy *e,
                                       const sw_clock *clock, sw_machine **out, sw_error *err);
void sw_machine_close(sw_machine **m);
sw_platform sw_machine_platform(const sw_machine *m);
/* Evidence JSON with collateral, for this report data; without GPUs. */
SW_NODISCARD sw_status sw_machine_evidence(sw_machine *m, const sw_report_data *report,
                                           sw_buffer *evidence, sw_error *err);
/* Evidence for one channel (GPU-221): when the policy asks for GPUs the machine's are asked first,
 * over the channel's GPU nonce; what they answered completes the binding, and the report data made
 * from that are quoted last. `binding` comes without GPU evidence. SW_REFUSED "policy" when the
 * machine has another number of devices. Of `policy` the count is read, and how old answers and
 * manifests may be. */
SW_NODISCARD sw_status sw_machine_channel_evidence(sw_machine *m, const sw_channel_binding *binding,
                                                   const sw_gpu_policy *policy, sw_buffer *evidence,
                                                   sw_error *err);
/* One runtime event into RTMR3 and its log: on tdx by the kernel, with the log kept by us, on
 * dstack by the guest agent (SW_REFUSED "agent" since 0.6). SW_REFUSED "evidence" when the log does
 * not replay to the register, "busy" when somebody else extends at this moment. */
struct sw_event;
SW_NODISCARD sw_status sw_machine_extend(const sw_machine_places *places, const char *where,
                                         const struct sw_event *event, const sw_entropy *e,
                                         const sw_clock *clock, sw_error *err);
/* A self-signed certificate for this key, PEM, with its attestation in dstack's current form. */
SW_NODISCARD sw_status sw_machine_certificate(sw_machine *m, const sw_session_key *secret,
                                              int64_t from_ms, int64_t until_ms, sw_buffer *pem,
                                              sw_error *err);
/* A key that only this machine, booted with these measurements and this app, derives (sim: from the
 * folder's platform secret; dstack: from its local key provider, whose keys follow from the
 * measurements; with any other provider, whose keys are every program's of the app, and tdx:
 * SW_MISSING). */
bool sw_machine_seals(const sw_machine *m); /* whether it derives one */
SW_NODISCARD sw_status sw_machine_sealing_key(sw_machine *m, sw_file_key *out, sw_error *err);
/* Milliseconds by a counter that the platform vouches for (sim: its own steady clock; tdx and
 * dstack: the TSC, which the TDX module keeps from the host; SW_COUNTER_LOST once the kernel has
 * left it). Never a host wall clock. */
#define SW_COUNTER_LOST (INT64_C(1) << 52) /* later than every lease, and a number in JSON */
int64_t sw_machine_counter_ms(sw_machine *m);

/* `sim init`: a new folder (0700) with its own root, PCK chain, CRLs, collateral valid for ten
 * years from wall_ms, platform secret, one image "sim". */
SW_NODISCARD sw_status sw_sim_init(const char *folder, const sw_entropy *e, int64_t wall_ms,
                                   sw_error *err);
/* The same with so many simulated GPUs (0 to SW_GPU_LIMIT), under roots of the folder's own. */
SW_NODISCARD sw_status sw_sim_init_gpus(const char *folder, size_t gpu_count, const sw_entropy *e,
                                        int64_t wall_ms, sw_error *err);
/* Adds an image of that name (other MRTD and RTMR0-2) to the folder; `boot` makes it the one that
 * boots. */
SW_NODISCARD sw_status sw_sim_add_image(const char *folder, const char *name, bool boot,
                                        const sw_entropy *e, sw_error *err);
/* The policy that names this machine's anchor, its booting image, its device and its GPUs: what a
 * recipe's `machine:` would say. */
SW_NODISCARD sw_status sw_sim_policy(const char *folder, sw_policy *out, sw_error *err);
#endif
