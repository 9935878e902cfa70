/* SPDX-License-Identifier: Apache-2.0
 *
 * A bare TDX quote judged with collateral, without our evidence object: for tools, and for whoever
 * holds quotes of others. The same verifier as for evidence (EVD-030 to EVD-047); event log, app
 * and machine policy are not in play. Pure: time, anchors, collateral come in.
 */
#ifndef SW_ATTEST_QUOTE_H
#define SW_ATTEST_QUOTE_H
#include "attest/evidence.h"

/* Bodies by their type in version 5; that of version 4 is always TD 1.0. */
typedef enum sw_td_kind { SW_TD10 = 2, SW_TD15 = 3 } sw_td_kind;
typedef struct sw_td_report {
    sw_td_kind kind;
    uint8_t tee_tcb_svn[16];
    uint8_t mr_seam[48], mr_signer_seam[48], seam_attributes[8];
    uint64_t td_attributes, xfam;
    uint8_t mrtd[48], mr_config_id[48], mr_owner[48], mr_owner_config[48], rtmr[4][48];
    uint8_t report_data[64];
    uint8_t tee_tcb_svn2[16], mr_service_td[48]; /* TD 1.5; zeros in TD 1.0 */
} sw_td_report;

/* The TD's own attributes: DEBUG group, MIGRATABLE, unknown bits, SEPT_VE_DISABLE, XFAM,
 * MRSERVICETD (EVD-081, EVD-082). `sept_ve_left`: a TD without SEPT_VE_DISABLE is said and not
 * refused, for who has no machine policy. SW_REFUSED "evidence". `log` may be NULL. */
SW_NODISCARD sw_status sw_td_attributes_check(const sw_td_report *td, bool sept_ve_left,
                                              const sw_check_log *log, sw_error *err);

/* What a quote proves once it was judged. Names of statuses are constants. */
typedef struct sw_quote_claims {
    unsigned version; /* 4 or 5 */
    sw_td_report td;
    uint8_t user_data[20];
    size_t trailing_bytes; /* behind the signature data: nobody signed them, nothing reads them */
    bool trailing_zeros;   /* all of them are; true where there are none */
    /* the platform, from its PCK certificate */
    sw_hash anchor, device; /* SHA-256 of the root's DER; SHA-256(PPID) */
    uint8_t ppid[16], cpu_svn[16], pce_id[2], fmspc[6], sgx_svn[16];
    uint16_t pce_svn;
    bool platform_ca; /* issued by the platform CA, not by the processor CA */
    /* the quoting enclave */
    uint8_t qe_mr_enclave[32], qe_mr_signer[32];
    uint16_t qe_isv_prod_id, qe_isv_svn;
    /* TCB (EVD-043 to EVD-047, EVD-101 to EVD-103) */
    const char *tcb_status;                  /* of all together */
    const char *platform_status, *qe_status; /* at launch */
    const char *module_status;               /* NULL where a module has no level (line 0) */
    const char *now_platform,
        *now_module; /* by TEE_TCB_SVN2; NULL in TD 1.0, and without a level */
    char advisories[sizeof((sw_claims *)NULL)->advisories]; /* comma-separated, each once */
    int64_t tcb_date_ms;                                    /* the oldest of the levels' dates */
    uint32_t tcb_evaluation_number, qe_evaluation_number;
    int64_t valid_from_ms, valid_until_ms; /* joint window of chain and collateral */
    int64_t collateral_issued_ms;          /* when its oldest part was made (EVD-068) */
} sw_quote_claims;
/* EVD-020 to EVD-047 in order; of the policy its anchors alone count. The TD's attributes are not
 * judged here: call sw_td_attributes_check with out->td. Nor are bytes behind the quote, which
 * nothing signs: who must have none but zeros asks out->trailing_zeros. `v` may be NULL. SW_REFUSED
 * or SW_MALFORMED "evidence". */
SW_NODISCARD sw_status sw_quote_verify(sw_bytes quote, const sw_collateral *c,
                                       const sw_policy *anchors_only, int64_t wall_ms,
                                       sw_verifier *v, sw_quote_claims *out, sw_error *err);
#endif
