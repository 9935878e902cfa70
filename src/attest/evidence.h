/* SPDX-License-Identifier: Apache-2.0
 *
 * The evidence object as bytes and as a struct, and RTMR3's events: what a machine assembles and
 * the verifier takes apart. Docs: docs/formats/evidence.md.
 *
 * Views point into the input or the arena. Nothing here is a verdict.
 */
#ifndef SW_ATTEST_EVIDENCE_H
#define SW_ATTEST_EVIDENCE_H
#include "attest/attest.h"
#include "attest/gpu.h"

#define SW_EVIDENCE_KIND       "sealwright/evidence/v1"
#define SW_QUOTE_LIMIT         ((size_t)32 << 10)
#define SW_TCB_INFO_LIMIT      ((size_t)128 << 10)
#define SW_QE_IDENTITY_LIMIT   ((size_t)32 << 10)
#define SW_ISSUER_CHAIN_LIMIT  ((size_t)16 << 10)
#define SW_REVOCATION_LIMIT    ((size_t)1 << 20)
#define SW_EVENT_LIMIT         512
#define SW_EVENT_NAME_LIMIT    128
#define SW_EVENT_PAYLOAD_LIMIT ((size_t)64 << 10)

/* A quote's report data, 64 bytes, in either version: what a machine looks at before it hands a
 * quote on. Header and body are parsed as the verifier parses them; what stands behind is not
 * looked at. */
SW_NODISCARD sw_status sw_quote_report_data(sw_bytes quote, sw_bytes *view, sw_error *err);

/* ---- RTMR3's runtime events (dstack's format) ---- */
#define SW_RUNTIME_EVENT_TYPE     UINT32_C(0x08000001)
#define SW_RUNTIME_EVENT_REGISTER 3
typedef struct sw_event {
    sw_bytes name, payload;
    bool v2; /* digest by version 2 */
} sw_event;
/* SHA-384 of le32(type) ":" name ":" payload, or of the RFC 8785 text of version 2. */
SW_NODISCARD sw_status sw_event_digest(const sw_event *event, uint8_t out[SW_SHA384_BYTES],
                                       sw_error *err);
void sw_rtmr_extend(uint8_t rtmr[SW_SHA384_BYTES], const uint8_t digest[SW_SHA384_BYTES]);
/* Every event from a register of zeros. */
SW_NODISCARD sw_status sw_events_replay(const sw_event *events, size_t count,
                                        uint8_t rtmr3[SW_SHA384_BYTES], sw_error *err);
/* A guest agent's event_log text: events of other registers are left out, a digest may be missing
 * and otherwise must be right. */
SW_NODISCARD sw_status sw_events_from_guest(sw_arena *a, sw_bytes json, const sw_event **out,
                                            size_t *count, sw_error *err);

/* ---- collateral ---- */
typedef struct sw_signed_json {
    sw_bytes text;         /* the exact signed bytes */
    uint8_t signature[64]; /* r||s */
    sw_bytes issuer_chain; /* PEM: signer, root */
} sw_signed_json;
typedef struct sw_collateral {
    sw_signed_json tcb_info, qe_identity;
    sw_bytes pck_crl, root_crl; /* DER */
} sw_collateral;
/* One answer of the provisioning service, {MEMBER: {...}, "signature": hex}: the signed slice and
 * its signature. */
SW_NODISCARD sw_status sw_pcs_parse(sw_bytes json, const char *member, sw_signed_json *out,
                                    sw_error *err);

/* Collateral as dcap-qvl and its users keep it: one object with pck_crl and root_ca_crl (DER in
 * hex), tcb_info and qe_identity (text), their ..._signature (hex) and ..._issuer_chain (PEM).
 * Nothing is judged. Views into the arena and `json`. */
SW_NODISCARD sw_status sw_collateral_from_qvl(sw_arena *a, sw_bytes json, sw_collateral *out,
                                              sw_error *err);

/* ---- a named OS image, as a prover describes it (EVD-110) ---- */
#define SW_CHECKSUM_LIMIT       ((size_t)16 << 10)
#define SW_MEASUREMENT_LIMIT    ((size_t)16 << 10)
#define SW_EVIDENCE_IMAGE_LIMIT ((size_t)64 << 10) /* the member `image` as text */
typedef struct sw_lite_image {
    sw_bytes checksum_file; /* sha256sum.txt; its SHA-256 is the OS image hash */
    sw_bytes measurement;   /* measurement.tdx.cbor */
} sw_lite_image;
typedef struct sw_lite_machine { /* hints; wrong ones give other registers */
    uint64_t memory_bytes;
    uint8_t acpi[SW_ACPI_COUNT][48]; /* loader, RSDP, tables: as measured, whatever they hold */
} sw_lite_machine;
/* The document behind a MRCONFIGID of the third kind (EVD-150). */
#define SW_CONFIG_DOCUMENT_LIMIT ((size_t)8 << 10)
typedef struct sw_evidence_image { /* what sw_lite_verify holds against the quote */
    sw_lite_image files;
    sw_lite_machine machine;
} sw_evidence_image;

/* ---- the evidence object ---- */
typedef struct sw_evidence {
    sw_platform platform;
    sw_bytes quote;
    const sw_event *events;
    size_t event_count;
    sw_collateral collateral;
    const sw_gpu_device *gpus; /* GPU-210: in the order in which the report data hash them */
    size_t gpu_count;          /* 0: gpu_collateral is empty */
    sw_gpu_collateral gpu_collateral;
    sw_bytes gpu_text; /* of parsed evidence: the list as it stands there, a view (GPU-213) */
    const sw_evidence_image *image; /* NULL: none is described */
    sw_bytes mr_config;             /* MRCONFIGID's document; empty: there is none */
} sw_evidence;
SW_NODISCARD sw_status sw_evidence_parse(sw_arena *a, sw_bytes json, sw_evidence *out,
                                         sw_error *err);
SW_NODISCARD sw_status sw_evidence_encode(const sw_evidence *e, sw_buffer *out, sw_error *err);
/* The bytes that report data `channel` hash (GPU-213): the evidence's member `gpu` as canonical
 * JSON, devices alone. Nothing when there is no device. */
SW_NODISCARD sw_status sw_gpu_list_encode(const sw_gpu_device *gpus, size_t count, sw_buffer *out,
                                          sw_error *err);
#endif
