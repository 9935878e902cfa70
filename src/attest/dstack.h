/* SPDX-License-Identifier: Apache-2.0
 *
 * What dstack writes, read and checked: its attestation in both encodings, RA-TLS certificates and
 * their chains, the signature chains of its keys, answers of its guest agent. Pure. Docs:
 * docs/formats/dstack.md (DSK-001 ...).
 *
 * Reading proves nothing: a quote is judged by sw_tdx_verify and its log by what it replays to.
 * dstack's public simulator (its root keys, app ids and keys) is refused always: there is no policy
 * that lets it in.
 */
#ifndef SW_ATTEST_DSTACK_H
#define SW_ATTEST_DSTACK_H
#include "attest/measure.h"
#include "crypto/secp256k1.h"

#define SW_DSTACK_ATTESTATION_LIMIT ((size_t)10 << 20)
#define SW_DSTACK_ANSWER_LIMIT      ((size_t)10 << 20)
#define SW_DSTACK_CONFIG_LIMIT      ((size_t)256 << 10)
#define SW_DSTACK_TEXT_LIMIT        ((size_t)1024) /* app names, usages, purposes */
#define SW_DSTACK_CHAIN_LIMIT       3              /* certificates */
#define SW_DSTACK_PEM_LIMIT         ((size_t)256 << 10)
#define SW_DSTACK_SPKI_BYTES        91 /* P-256 in SubjectPublicKeyInfo's one form */

/* ---- the deny list ---- */
/* The one place that knows the simulator's public identity, of every release. SW_REFUSED
 * "evidence". Called by every function below and, as sw_dstack_deny_events, by whoever judges
 * evidence. */
SW_NODISCARD sw_status sw_dstack_deny_app(const uint8_t app_id[20], sw_error *err);
SW_NODISCARD sw_status sw_dstack_deny_key(const sw_secp256k1_public *key, sw_error *err);
/* A P-256 key as SubjectPublicKeyInfo, such as the id of a key provider or a key of a certificate.
 */
SW_NODISCARD sw_status sw_dstack_deny_spki(sw_bytes spki, sw_error *err);
/* The events app-id and key-provider, wherever they stand. The arena is scratch, given back. */
SW_NODISCARD sw_status sw_dstack_deny_events(sw_arena *a, const sw_event *events, size_t count,
                                             sw_error *err);

/* ---- attestation: SCALE (V0) and msgpack (V1) ---- */
typedef struct sw_dstack_attestation { /* views into the input or the arena */
    unsigned version;                  /* 0 or 1 */
    sw_bytes quote;
    sw_event_log log;
    const sw_event *runtime; /* RTMR3's runtime events: the same as in the log */
    size_t runtime_count;
    uint8_t report_data[64]; /* the quote's */
    sw_bytes config;         /* hints */
    bool pod;                /* report data are SHA-512("app-data:" || pod_payload) */
    sw_bytes pod_payload;
} sw_dstack_attestation;
/* First byte decides; nothing may stand behind it; other platforms than TDX are refused by name.
 * The quote is taken apart, for its report data, and not judged. */
SW_NODISCARD sw_status sw_dstack_attestation_parse(sw_arena *a, sw_bytes in,
                                                   sw_dstack_attestation *out, sw_error *err);
/* SCALE V0, the form in use. An event whose digest is of version 2 and a pod have no place in it:
 * SW_USAGE. */
SW_NODISCARD sw_status sw_dstack_attestation_encode(const sw_dstack_attestation *in, sw_buffer *out,
                                                    sw_error *err);

/* ---- RA-TLS certificates ---- */
typedef struct sw_dstack_app_info { /* the issuer's word, proven by no quote */
    uint8_t app_id[20];
    sw_hash compose, mr_system, mr_aggregated;
    sw_bytes instance_id, device_id, os_image_hash, key_provider;
    bool has_init_scripts;
    size_t init_script_count;
    const sw_hash *init_scripts;
} sw_dstack_app_info;
typedef struct sw_ratls_facts { /* views into the arena */
    sw_dstack_attestation attestation;
    bool has_app_id;
    uint8_t app_id[20];
    sw_bytes usage; /* "special usage" text, empty when absent */
    sw_p256_public key;
    bool has_app_info;
    sw_dstack_app_info app_info;
} sw_ratls_facts;
/* Every form of the extensions 1.3.6.1.4.1.62397.1.*: quote and event log (.1, .2) or attestation
 * (.8), app id (.3), usage (.4), app info (.9); each an OCTET STRING inside the extension's own or
 * bare. The quote's report data must be SHA-512("ratls-cert:" || SubjectPublicKeyInfo), and the app
 * ids of certificate and event log the same. The quote itself is not judged here. SW_MISSING when
 * the certificate carries no attestation. */
SW_NODISCARD sw_status sw_ratls_read(sw_arena *a, const sw_cert *cert, sw_ratls_facts *out,
                                     sw_error *err);
/* The current form (.8 with SCALE V0, stripped as dstack strips it), as an extension's DER value.
 */
#define SW_RATLS_ATTESTATION_OID "1.3.6.1.4.1.62397.1.8"
SW_NODISCARD sw_status sw_ratls_extension_make(const sw_dstack_attestation *in, sw_buffer *out,
                                               sw_error *err);
/* The one form that a key of P-256 has as SubjectPublicKeyInfo, and the report data of a
 * certificate for it. */
void sw_ratls_spki(uint8_t out[SW_DSTACK_SPKI_BYTES], const sw_p256_public *key);
void sw_ratls_report(sw_report_data *out, const sw_p256_public *key);

typedef struct sw_ratls_anchor { /* the one root that is trusted, from outside the evidence */
    bool of_spki; /* the hash is of the root's SubjectPublicKeyInfo, else of its DER */
    sw_hash hash; /* SHA-256 */
} sw_ratls_anchor;
typedef struct sw_ratls_chain {
    sw_cert *certs[SW_DSTACK_CHAIN_LIMIT]; /* leaf first; owned */
    size_t count;                          /* 2: the root's own leaf; 3: below an app's CA */
    bool has_app_id;
    uint8_t app_id[20];                      /* what the CA vouches for */
    sw_bytes usage;                          /* the leaf's; in the arena */
    uint8_t root_spki[SW_DSTACK_SPKI_BYTES]; /* what a key-provider event of kms names */
} sw_ratls_chain;
/* PEM, leaf first, root last: P-256 throughout, dates at wall_ms, CA flags, names, signatures, and
 * of dstack's own: an app CA has usage app:ca and an app id, which is its leaf's too. dstack
 * publishes no revocation. SW_REFUSED "evidence". */
SW_NODISCARD sw_status sw_ratls_chain_verify(sw_arena *a, sw_bytes pem,
                                             const sw_ratls_anchor *anchor, int64_t wall_ms,
                                             sw_ratls_chain *out, sw_error *err);
void sw_ratls_chain_free(sw_ratls_chain *chain);
/* What the chain vouches for is what the machine's log says, which is judged elsewhere: its app,
 * and the chain's root as the KMS that its keys come from. SW_REFUSED "evidence". */
SW_NODISCARD sw_status sw_ratls_chain_machine_check(sw_arena *a, const sw_ratls_chain *chain,
                                                    const sw_event_log *log, sw_error *err);

/* ---- GetKey's signature chain ---- */
typedef struct sw_dstack_key_chain {
    sw_bytes purpose;    /* of GetKey */
    sw_bytes public_key; /* 33 bytes of secp256k1 or 32 of ed25519 */
    uint8_t link[2][SW_SECP256K1_SIG_BYTES];
} sw_dstack_key_chain;
/* {"public_key":hex,"purpose":text,"signature_chain":[hex,hex]}: what GetKey answers without its
 * secret, and for whom it was asked. A text with the secret key in it is refused by name. Views
 * into `json` and the arena. */
#define SW_DSTACK_KEY_LIMIT ((size_t)8 << 10)
SW_NODISCARD sw_status sw_dstack_key_parse(sw_arena *a, sw_bytes json, sw_dstack_key_chain *out,
                                           sw_error *err);
/* Both links, for this app, to this KMS root; the simulator's root is refused first. SW_REFUSED
 * "evidence", SW_UNAUTHENTIC "signature" for a link that is no signature. */
SW_NODISCARD sw_status sw_dstack_key_verify(const sw_dstack_key_chain *chain,
                                            const uint8_t app_id[20],
                                            const sw_secp256k1_public *kms_root, sw_error *err);

/* ---- answers of the guest agent ---- */
typedef struct sw_dstack_info { /* Info's answer; views; claims, none of them proven */
    uint8_t app_id[20];
    sw_hash compose;
    bool has_instance_id, has_device, has_mr_aggregated, has_os_image, has_registers;
    uint8_t instance_id[20];
    sw_hash device, mr_aggregated, os_image;
    uint8_t mrtd[48], rtmr[4][48];
    sw_bytes app_name, app_cert, key_provider, vm_config;
    sw_bytes app_compose; /* exact bytes; empty when the agent withholds it */
    sw_event_log log;     /* empty when it is withheld */
} sw_dstack_info;
/* tcb_info as JSON in a string, as agents write it, or as an object, as Phala's service does.
 * Members that are unknown are left alone, those that are missing or "" are absent; app id and
 * compose hash must be there; what is said twice must be the same. */
SW_NODISCARD sw_status sw_dstack_info_parse(sw_arena *a, sw_bytes json, sw_dstack_info *out,
                                            sw_error *err);
/* The app-compose is there, and its hash is the one claimed. */
SW_NODISCARD sw_status sw_dstack_info_compose_check(const sw_dstack_info *info, sw_error *err);
typedef struct sw_dstack_quote { /* GetQuote's answer; views */
    sw_bytes quote, vm_config;
    sw_event_log log;
    bool has_report_data;
    uint8_t report_data[64];
} sw_dstack_quote;
/* quote and event_log must be there; report_data, where it is, must be the quote's. */
SW_NODISCARD sw_status sw_dstack_quote_parse(sw_arena *a, sw_bytes json, sw_dstack_quote *out,
                                             sw_error *err);
#endif
