/* SPDX-License-Identifier: Apache-2.0
 *
 * What dstack writes, read and checked: its attestation in both encodings, RA-TLS certificates, the
 * signature chains of its keys. Pure. Docs: docs/formats/dstack.md (DSK-001 ...).
 *
 * dstack's public simulator (its root key, app id and keys) is refused always: there is no policy
 * that lets it in.
 */
#ifndef SW_ATTEST_DSTACK_H
#define SW_ATTEST_DSTACK_H
#include "attest/measure.h"
#include "crypto/secp256k1.h"

#define SW_DSTACK_ATTESTATION_LIMIT ((size_t)10 << 20)

/* ---- the deny list ---- */
/* The one place that knows the simulator's public identity. SW_REFUSED "evidence". Called by every
 * function below and by sw_evidence_verify. */
SW_NODISCARD sw_status sw_dstack_deny_app(const uint8_t app_id[20], sw_error *err);
SW_NODISCARD sw_status sw_dstack_deny_key(const sw_secp256k1_public *key, sw_error *err);

/* ---- attestation: SCALE (V0) and msgpack (V1) ---- */
typedef struct sw_dstack_attestation { /* views into the input or the arena */
    unsigned version;
    sw_bytes quote;
    sw_event_log log;
    const sw_event *runtime; /* RTMR3's runtime events */
    size_t runtime_count;
    uint8_t report_data[64];
    sw_bytes config; /* hints */
} sw_dstack_attestation;
/* First byte decides; nothing may stand behind it; other platforms than TDX are refused by name. */
SW_NODISCARD sw_status sw_dstack_attestation_parse(sw_arena *a, sw_bytes in,
                                                   sw_dstack_attestation *out, sw_error *err);
/* SCALE V0, the form in use. */
SW_NODISCARD sw_status sw_dstack_attestation_encode(const sw_dstack_attestation *in, sw_buffer *out,
                                                    sw_error *err);

/* ---- RA-TLS certificates ---- */
typedef struct sw_ratls_facts {
    sw_dstack_attestation attestation;
    bool has_app_id;
    uint8_t app_id[20];
    sw_bytes usage; /* "special usage" text, empty when absent */
    sw_bytes key_spki;
} sw_ratls_facts;
/* Every form of the extensions 1.3.6.1.4.1.62397.1.*: quote and event log (.1, .2), attestation
 * (.8), app id (.3), usage (.4), app info (.9); nested OCTET STRING or not. The quote's report data
 * must be SHA-512("ratls-cert:" || SubjectPublicKeyInfo). The quote itself is not judged here. */
SW_NODISCARD sw_status sw_ratls_read(sw_arena *a, const sw_cert *cert, sw_ratls_facts *out,
                                     sw_error *err);
/* The current form (.8 with SCALE V0), as an extension's DER value. */
SW_NODISCARD sw_status sw_ratls_extension_make(const sw_dstack_attestation *in, sw_buffer *out,
                                               sw_error *err);
/* The report data of a certificate for this key. */
void sw_ratls_report(sw_report_data *out, sw_bytes key_spki);

/* ---- GetKey's signature chain ---- */
typedef struct sw_dstack_key_chain {
    sw_bytes purpose;    /* of GetKey */
    sw_bytes public_key; /* 33 bytes of secp256k1 or 32 of ed25519 */
    uint8_t link[2][SW_SECP256K1_SIG_BYTES];
} sw_dstack_key_chain;
/* Both links, for this app, to this KMS root; the simulator's root is refused first. */
SW_NODISCARD sw_status sw_dstack_key_verify(const sw_dstack_key_chain *chain,
                                            const uint8_t app_id[20],
                                            const sw_secp256k1_public *kms_root, sw_error *err);

/* ---- app-compose and answers of the guest agent ---- */
typedef struct sw_dstack_info { /* Info's answer; views */
    sw_bytes app_compose;       /* exact bytes; empty when the agent withholds it */
    sw_hash compose;            /* as claimed */
    uint8_t app_id[20];
    sw_bytes app_cert, key_provider, vm_config;
    sw_event_log log;
} sw_dstack_info;
SW_NODISCARD sw_status sw_dstack_info_parse(sw_arena *a, sw_bytes json, sw_dstack_info *out,
                                            sw_error *err);
typedef struct sw_dstack_quote { /* GetQuote's answer; views */
    sw_bytes quote, vm_config;
    sw_event_log log;
    bool has_report_data;
    uint8_t report_data[64];
} sw_dstack_quote;
SW_NODISCARD sw_status sw_dstack_quote_parse(sw_arena *a, sw_bytes json, sw_dstack_quote *out,
                                             sw_error *err);
#endif
