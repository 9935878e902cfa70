/* SPDX-License-Identifier: Apache-2.0
 *
 * Boot measurements: event logs of all four RTMRs, what they replay to, and the values that dstack
 * derives from them. Pure; nothing here is a verdict by itself: what a log replays to must be the
 * quote's. Docs: docs/formats/measurement.md (MSR-001 ...).
 *
 * Host-supplied hints (vm_config, os_image_hash beside a quote) may be parsed to recompute; they
 * are never believed.
 */
#ifndef SW_ATTEST_MEASURE_H
#define SW_ATTEST_MEASURE_H
#include "attest/evidence.h"

#define SW_LOG_EVENT_LIMIT 4096
#define SW_LOG_LIMIT       ((size_t)4 << 20)
#define SW_CCEL_LIMIT      ((size_t)1 << 20)

/* ---- logs ---- */
typedef struct sw_log_event {
    unsigned imr; /* 0 to 3, as dstack counts (a CCEL counts from 1) */
    uint32_t type;
    bool has_digest; /* `digest` was written; a runtime event (SW_RUNTIME_EVENT_TYPE) may lack it */
    bool v2;
    uint8_t digest[SW_SHA384_BYTES];
    sw_bytes name, payload; /* a CCEL's event data stand in payload, its name is empty */
} sw_log_event;
typedef struct sw_event_log {
    const sw_log_event *events;
    size_t count;
} sw_event_log;
/* dstack's JSON array (0.3 to 0.6): runtime events' digests are recomputed from name and payload,
 * and one that is written must be right; other events need theirs. Views into `json` or the arena.
 */
SW_NODISCARD sw_status sw_log_from_json(sw_arena *a, sw_bytes json, sw_event_log *out,
                                        sw_error *err);
/* A CCEL: TCG2 crypto-agile log with SHA-384 digests, Spec ID event first, ended by its size or by
 * padding of 0xff or zeros. Events that extend nothing (EV_NO_ACTION) are left out. */
SW_NODISCARD sw_status sw_log_from_ccel(sw_arena *a, sw_bytes ccel, sw_event_log *out,
                                        sw_error *err);
/* Every register from 48 zeros. `seen[r]`: the log has an event of register r. A runtime event's
 * digest is computed here, whatever the log came from. */
SW_NODISCARD sw_status sw_log_replay(const sw_event_log *log, uint8_t rtmr[4][SW_SHA384_BYTES],
                                     bool seen[4], sw_error *err);
/* The firmware's log and RTMR3's as one; a register that both have events of is refused, since
 * nothing says in which order they were measured. The result lives in the arena. */
SW_NODISCARD sw_status sw_log_join(sw_arena *a, const sw_event_log *firmware,
                                   const sw_event_log *runtime, sw_event_log *out, sw_error *err);
/* RTMR3's runtime events in order, at most SW_EVENT_LIMIT. */
SW_NODISCARD sw_status sw_log_runtime(sw_arena *a, const sw_event_log *log, const sw_event **out,
                                      size_t *count, sw_error *err);

/* ---- what dstack derives ---- */
typedef struct sw_td_measurements {
    uint8_t mrtd[48], rtmr[4][48], mr_config_id[48], mr_owner[48], mr_owner_config[48];
} sw_td_measurements;
/* `key_provider`: the event's JSON payload; empty for none. The "boottime" forms of both are those
 * of no key provider and of sw_rtmr3_at_boot's RTMR3. */
void sw_mr_system(sw_hash *out, const sw_td_measurements *m, sw_bytes key_provider);
void sw_mr_aggregated(sw_hash *out, const sw_td_measurements *m);
/* RTMR3 up to and including boot-mr-done, as SignCert and early checks see it. SW_MISSING without
 * that event. */
SW_NODISCARD sw_status sw_rtmr3_at_boot(const sw_event_log *log, uint8_t out[SW_SHA384_BYTES],
                                        sw_error *err);
void sw_instance_id(uint8_t out[20], sw_bytes seed, const uint8_t app_id[20]);
/* The device's id: SHA-256(PPID) since 0.5.6, SHA-256(user data of the quote's header) before. */
void sw_device_ids(const uint8_t ppid[16], const uint8_t user_data[20], sw_hash *by_ppid,
                   sw_hash *by_user_data);

/* ---- MRCONFIGID ---- */
typedef enum sw_key_provider_kind {
    SW_KEY_PROVIDER_NONE,
    SW_KEY_PROVIDER_LOCAL,
    SW_KEY_PROVIDER_KMS,
    SW_KEY_PROVIDER_TPM
} sw_key_provider_kind;
#define SW_KEY_PROVIDER_ID_LIMIT 256
#define SW_INIT_SCRIPT_LIMIT     5
typedef struct sw_config_facts { /* what a MRCONFIGID commits to; from the log and the compose */
    sw_hash compose;
    uint8_t app_id[20];
    sw_key_provider_kind provider;
    sw_bytes provider_id; /* empty when none */
    sw_bytes instance_id; /* empty when none */
    sw_bytes gpu_policy;  /* payload of gpu-policy-hash; empty when the log has none */
    size_t init_script_count;
    sw_hash init_scripts[SW_INIT_SCRIPT_LIMIT];
    sw_bytes document; /* the exact mr_config document of version 3; empty: there is none */
} sw_config_facts;
/* The payload of the event key-provider, which dstack's agent repeats (key_provider_info), into
 * `provider` and `provider_id`, a view into the arena. SW_REFUSED "evidence" where it does not say
 * what a provider is, SW_MALFORMED "format" and SW_LIMIT "limit" where it is no such JSON. */
SW_NODISCARD sw_status sw_key_provider_read(sw_arena *a, sw_bytes payload, sw_config_facts *out,
                                            sw_error *err);
/* All but `document`, from RTMR3's runtime events before `system-ready`. Views into the events and
 * the arena. A log without key-provider has none. */
SW_NODISCARD sw_status sw_config_facts_read(sw_arena *a, const sw_event *events, size_t count,
                                            sw_config_facts *out, sw_error *err);
/* Zero, V1, V2 or V3; anything else, a V3 without its document or whose document contradicts the
 * facts, and a document beside another version, is refused. *version is 0 to 3. SW_REFUSED
 * "evidence". */
SW_NODISCARD sw_status sw_config_id_verify(sw_arena *a, const uint8_t mr_config_id[48],
                                           const sw_config_facts *facts, unsigned *version,
                                           sw_error *err);

/* ---- TDX-lite: the measurements of a named OS image, recomputed ---- */
#define SW_VM_CONFIG_LIMIT ((size_t)128 << 10)
typedef struct sw_lite_values {
    sw_hash os_image;    /* SHA-256(checksum_file) */
    uint8_t mrtd[2][48]; /* single pass, two pass */
    uint8_t rtmr[3][48];
} sw_lite_values;
SW_NODISCARD sw_status sw_lite_measure(const sw_lite_image *image, const sw_lite_machine *machine,
                                       sw_lite_values *out, sw_error *err);
/* The files and the memory size from a host's vm_config, or from a system configuration that holds
 * one. Members that are not needed are left alone. SW_MISSING where no image is described. */
typedef struct sw_lite_hints {
    sw_lite_image image;
    uint64_t memory_bytes;
} sw_lite_hints;
SW_NODISCARD sw_status sw_lite_hints_read(sw_arena *a, sw_bytes vm_config, sw_lite_hints *out,
                                          sw_error *err);
/* The OS image hash that the host names: compared with the log's to be told, and nothing more.
 * False where it names none. */
bool sw_host_image_read(sw_arena *a, sw_bytes vm_config, sw_hash *out);
/* The exact document of MRCONFIGID's version 3 where a host's system configuration or its vm_config
 * holds one; empty where neither does. A view into `config` or the arena. */
SW_NODISCARD sw_status sw_config_document_read(sw_arena *a, sw_bytes config, sw_bytes *out,
                                               sw_error *err);
/* The three ACPI digests of a log. */
SW_NODISCARD sw_status sw_lite_acpi(const sw_event_log *log, uint8_t out[SW_ACPI_COUNT][48],
                                    sw_error *err);
/* The quote's MRTD is one of the two, RTMR0 to RTMR2 are these, and the event os-image-hash, where
 * there is one before system-ready, names this image. `events` are RTMR3's, replayed. SW_REFUSED
 * "evidence" says what differs. */
SW_NODISCARD sw_status sw_lite_check(const sw_lite_values *values, const sw_td_measurements *td,
                                     const sw_event *events, size_t count, sw_error *err);
/* Both, one after the other: what a prover or a host says of an image, held against the quote.
 * *os_image is the name of what was measured. */
SW_NODISCARD sw_status sw_lite_verify(const sw_evidence_image *image, const sw_td_measurements *td,
                                      const sw_event *events, size_t count, sw_hash *os_image,
                                      sw_error *err);
#endif
