/* SPDX-License-Identifier: Apache-2.0
 *
 * TDX quotes and their collateral, apart from event logs and policy: the part that judges Intel's
 * own data unchanged. Docs: docs/formats/evidence.md, EVD-020 on.
 */
#ifndef SW_ATTEST_TDX_INTERNAL_H
#define SW_ATTEST_TDX_INTERNAL_H
#include "attest/quote.h"
#include "crypto/x509.h"

/* "return REFUSE(err, ...)" and "return BROKEN(err, ...)": not true, and not of its layout. */
#define REFUSE(err, ...) sw_fail((err), SW_REFUSED, "evidence", __VA_ARGS__)
#define BROKEN(err, ...) sw_fail((err), SW_MALFORMED, "evidence", __VA_ARGS__)

/* ---- quote, versions 4 and 5 ---- */
enum {
    SW_QUOTE_HEADER_BYTES = 48,
    SW_QUOTE_BODY_HEAD_BYTES = 6, /* u16 type, u32 size: version 5 alone */
    SW_TD10_REPORT_BYTES = 584,
    SW_TD15_REPORT_BYTES = 648,
    SW_QE_REPORT_BYTES = 384
};
extern const uint8_t sw_intel_vendor_id[16];
/* A failure of ours keeps its word; everything else is the evidence's. */
sw_status sw_as_evidence(sw_status status, sw_error *err);

typedef struct sw_qe_report {
    sw_bytes raw;
    uint8_t attributes[16], mr_enclave[32], mr_signer[32], report_data[64];
    uint32_t misc_select;
    uint16_t isv_prod_id, isv_svn;
} sw_qe_report;
typedef struct sw_tdx_quote {
    uint16_t version;
    sw_bytes signed_part; /* header, in version 5 the body's type and size, body */
    uint8_t user_data[20];
    sw_td_report td;
    uint8_t signature[64], qe_signature[64];
    sw_p256_public attestation_key;
    sw_qe_report qe;
    sw_bytes auth_data;
    sw_bytes pck_chain;    /* PEM, without its optional NUL */
    size_t trailing_bytes; /* behind the signature data, which nobody signed */
    bool trailing_zeros;   /* all of them are; true where there are none */
} sw_tdx_quote;
SW_NODISCARD sw_status sw_tdx_quote_parse(sw_bytes quote, sw_tdx_quote *out, sw_error *err);

/* ---- PCK extension 1.2.840.113741.1.13.1 ---- */
#define SW_PCK_EXTENSION_OID "1.2.840.113741.1.13.1"
typedef struct sw_pck {
    uint8_t ppid[16], cpu_svn[16], pce_id[2], fmspc[6], component[16];
    uint16_t pce_svn;
    bool platform; /* issued by the platform CA: seven members instead of five */
} sw_pck;
SW_NODISCARD sw_status sw_pck_parse(sw_bytes extension, sw_pck *out, sw_error *err);

/* ---- TCB info (id TDX, version 3) and QE identity (id TD_QE, version 2) ---- */
/* A status is a set, so that levels converge by union (EVD-047). */
enum {
    SW_TCB_OUT_OF_DATE = 1,
    SW_TCB_CONFIGURATION = 2,
    SW_TCB_HARDENING = 4,
    SW_TCB_REVOKED = 8,
    SW_TCB_RELAUNCH = 16 /* out of date at launch and no longer so: no level's own, EVD-102 */
};
const char *sw_tcb_status_name(unsigned status);

#define SW_TCB_LEVEL_LIMIT 64
#define SW_MODULE_LIMIT    16
typedef struct sw_level {
    unsigned status;
    int64_t date_ms;
    const sw_json *advisories; /* NULL for none */
} sw_level;
typedef struct sw_platform_level {
    uint8_t sgx[16], tdx[16];
    uint16_t pce_svn;
    sw_level level;
} sw_platform_level;
typedef struct sw_isv_level {
    uint16_t isv_svn;
    sw_level level;
} sw_isv_level;
typedef struct sw_isv_levels {
    size_t count;
    sw_isv_level *items;
} sw_isv_levels;
typedef struct sw_tdx_module {
    uint8_t line; /* of "TDX_01"; 0 for the plain tdxModule */
    uint8_t mr_signer[48], attributes[8];
    sw_isv_levels levels;
} sw_tdx_module;
typedef struct sw_tcb_info {
    int64_t issued_ms, next_ms;
    uint8_t fmspc[6], pce_id[2];
    uint32_t evaluation_number;
    size_t module_count, level_count;
    sw_tdx_module modules[SW_MODULE_LIMIT]; /* [0] is line 0 */
    sw_platform_level *levels;
} sw_tcb_info;
typedef struct sw_qe_identity {
    int64_t issued_ms, next_ms;
    uint32_t evaluation_number, misc_select, misc_select_mask;
    uint8_t attributes[16], attributes_mask[16], mr_signer[32];
    uint16_t isv_prod_id;
    sw_isv_levels levels;
} sw_qe_identity;
/* Views live as long as the arena and the text. */
SW_NODISCARD sw_status sw_tcb_info_parse(sw_arena *a, sw_bytes text, sw_tcb_info *out,
                                         sw_error *err);
SW_NODISCARD sw_status sw_qe_identity_parse(sw_arena *a, sw_bytes text, sw_qe_identity *out,
                                            sw_error *err);

/* Module identity, levels of platform, module and QE, convergence. */
typedef struct sw_tcb_result {
    unsigned platform, module, qe; /* at launch; module 0 where there is no module level */
    bool module_level;
    bool second;                               /* TD 1.5: judged by TEE_TCB_SVN2 as well */
    unsigned current_platform, current_module; /* of that second judgement, else 0 */
    bool current_module_level;
    unsigned all;
    int64_t date_ms;
    char advisories[sizeof((sw_claims *)NULL)->advisories];
} sw_tcb_result;
SW_NODISCARD sw_status sw_module_check(const sw_td_report *td, const sw_tcb_info *info,
                                       sw_error *err);
SW_NODISCARD sw_status sw_qe_check(const sw_qe_report *qe, const sw_qe_identity *identity,
                                   sw_error *err);
typedef struct sw_tcb_question {
    const sw_td_report *td;
    const sw_pck *pck;
    uint16_t qe_isv_svn;
    const sw_tcb_info *info;
    const sw_qe_identity *identity;
} sw_tcb_question;
SW_NODISCARD sw_status sw_tcb_evaluate(const sw_tcb_question *question, sw_tcb_result *out,
                                       sw_error *err);

/* ---- what was parsed from exact bytes, and may be kept (verifier.c) ---- */
typedef enum sw_part_kind {
    SW_PART_PCK_CHAIN,    /* PEM: leaf, CA, root */
    SW_PART_ISSUER_CHAIN, /* PEM: signer, root */
    SW_PART_LIST,         /* DER */
    SW_PART_TCB_INFO,
    SW_PART_QE_IDENTITY,
    SW_PART_KINDS
} sw_part_kind;
typedef struct sw_part {
    sw_part_kind kind;
    size_t holds;
    uint64_t used; /* when: the verifier counts */
    sw_arena arena;
    sw_bytes text; /* a copy: what it is found by */
    /* chains */
    size_t block_count;
    sw_bytes blocks[3]; /* DER of each certificate */
    sw_cert *certs[3];  /* of an issuer chain the signer alone */
    bool path_held;     /* signatures and form of the path to its own root */
    bool lists_held;    /* the same and revocation, under the root's list and, of a PCK chain, its
                         * issuer's: those of these digests */
    sw_hash lists[2];
    sw_crl *list;
    sw_hash digest; /* of a list's text */
    /* documents */
    sw_p256_public signer; /* the signature below holds over the text under this very key */
    uint8_t signature[64];
    bool parsed;
    union {
        sw_tcb_info info;
        sw_qe_identity identity;
    };
} sw_part;
/* One of these bytes with a hold of its own, or NULL; `v` may be NULL. */
sw_part *sw_part_find(sw_verifier *v, sw_part_kind kind, sw_bytes text);
/* A new one with a copy of its text and nothing parsed; NULL without memory. */
sw_part *sw_part_new(sw_part_kind kind, sw_bytes text);
void sw_part_drop(sw_part **held);
/* Takes a hold of its own, once; of its kind the one unused for longest makes room. NULL: nothing
 * is kept. */
void sw_part_keep(sw_verifier *v, sw_part *part);
sw_cert_cache *sw_verifier_certs(sw_verifier *v);

/* ---- what a quote stands on: everything but the quote itself ---- */
typedef struct sw_judge { /* by which policy, at what time; remembering and telling what */
    const sw_policy *policy;
    int64_t wall_ms;
    sw_verifier *verifier; /* may be NULL */
    bool any_behind;       /* anything may stand behind the quote, not zeros alone (EVD-023) */
} sw_judge;
typedef struct sw_window {
    int64_t wall_ms, from_ms, until_ms;
} sw_window;
/* Refuses unless from <= wall < until, naming `what`, and narrows the window. */
SW_NODISCARD sw_status sw_window_narrow(sw_window *w, const char *what, int64_t from_ms,
                                        int64_t until_ms, sw_error *err);

typedef struct sw_tdx_ground {
    const sw_judge *by;
    const sw_check_log *log;
    sw_window window;
    sw_part *pck_chain, *root_list, *pck_list;
    sw_part *issuers[2]; /* of TCB info and QE identity; the second NULL when it is the same */
    sw_part *tcb_info, *qe_identity;
    sw_hash anchor;
    sw_pck pck;
    sw_p256_public pck_key;
    bool platform_ca;
} sw_tdx_ground;
void sw_tdx_ground_free(sw_tdx_ground *g);
/* Everything held: its parts need not be parsed again (EVD-086). */
void sw_tdx_ground_keep(const sw_tdx_ground *g);

/* EVD-030 to EVD-036 in order. A function of chain text, collateral, anchors and time: no other
 * byte of the quote is looked at. *g is overwritten and freed by the caller in any case. */
SW_NODISCARD sw_status sw_tdx_ground_verify(sw_bytes pck_chain, const sw_collateral *c,
                                            const sw_judge *by, sw_tdx_ground *g, sw_error *err);
/* Its stages, which continue in *g: the PCK chain with both lists; the signer of one document,
 * whose chain hangs from that root; the document's signature under that signer. */
SW_NODISCARD sw_status sw_tdx_roots_verify(sw_bytes pck_chain, const sw_collateral *c,
                                           sw_tdx_ground *g, sw_error *err);
SW_NODISCARD sw_status sw_tcb_signer_verify(sw_tdx_ground *g, sw_bytes issuer_chain,
                                            const char *what, sw_part **out, sw_p256_public *key,
                                            sw_error *err);
SW_NODISCARD sw_status sw_tcb_document_verify(sw_tdx_ground *g, sw_part_kind kind,
                                              const sw_signed_json *s, const sw_p256_public *key,
                                              sw_part **out, sw_error *err);

/* ---- everything together ---- */
typedef struct sw_tdx_verdict {
    sw_hash anchor;
    sw_pck pck;
    sw_tcb_result tcb;
    uint32_t tcb_evaluation_number, qe_evaluation_number;
    int64_t valid_from_ms, valid_until_ms;
    int64_t issued_ms; /* the oldest issue of TCB info, QE identity and the PCK list (EVD-068) */
} sw_tdx_verdict;
/* EVD-040 to EVD-047: the quote itself, on ground that held. */
SW_NODISCARD sw_status sw_tdx_quote_verify(const sw_tdx_quote *quote, const sw_tdx_ground *g,
                                           sw_tdx_verdict *out, sw_error *err);
/* EVD-020 to EVD-047: parses the quote into *quote, whose views are the input's. */
SW_NODISCARD sw_status sw_tdx_verify(sw_bytes quote, const sw_collateral *c, const sw_judge *by,
                                     sw_tdx_quote *parsed, sw_tdx_verdict *out, sw_error *err);

/* ---- what RTMR3 says ---- */
/* One runtime event of RTMR3 from JSON; a digest that is there must be right, and there when
 * needed. */
SW_NODISCARD sw_status sw_event_read(sw_arena *a, const sw_json *item, bool digest_needed,
                                     sw_event *out, sw_error *err);
typedef struct sw_boot_facts {
    uint8_t app_id[20], instance_id[20];
    sw_hash compose;
} sw_boot_facts;
SW_NODISCARD sw_status sw_events_read(const sw_event *events, size_t count, sw_boot_facts *out,
                                      sw_error *err);
#endif
