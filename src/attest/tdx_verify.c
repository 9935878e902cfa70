/* SPDX-License-Identifier: Apache-2.0
 *
 * A quote under its collateral, in the order of EVD-030 to EVD-047: chains and lists, signed
 * collateral, identities, the three signatures, TCB levels. The first failure ends it.
 *
 * Nothing is optional: there is no call that leaves out a part.
 */
#include "attest/tdx_internal.h"

#include <string.h>

typedef struct judgement {
    const sw_tdx_quote *quote;
    const sw_collateral *collateral;
    const sw_policy *policy;
    sw_window window;
    sw_tdx_roots roots;
    sw_p256_public pck_key;
    sw_pck pck;
    sw_tcb_info info;
    sw_qe_identity identity;
    sw_arena arena;
} judgement;

static void judgement_free(judgement *j) {
    sw_tdx_roots_free(&j->roots);
    sw_arena_free(&j->arena);
}

/* ---- what the roots vouch for ---- */
static sw_status pck_read(judgement *j, sw_error *err) {
    sw_bytes extension;
    SW_TRY(sw_cert_extension(j->roots.pck[0], SW_PCK_EXTENSION_OID, &extension, err));
    SW_TRY(sw_pck_parse(extension, &j->pck, err));
    if (j->pck.platform != j->roots.platform_ca)
        return REFUSE(err, "the PCK certificate's SGX extension does not fit its issuer");
    return sw_cert_key(j->roots.pck[0], &j->pck_key, err);
}

static sw_status signature_check(const sw_p256_public *key, sw_bytes message, const uint8_t raw[64],
                                 const char *sentence, sw_error *err) {
    sw_status status = sw_p256_verify_raw(key, message, raw, err);
    if (status == SW_OK || status == SW_INTERNAL || status == SW_MEMORY) return status;
    return REFUSE(err, "%s", sentence);
}

static sw_status collateral_signatures(judgement *j, sw_error *err) {
    const sw_signed_json *info = &j->collateral->tcb_info, *identity = &j->collateral->qe_identity;
    sw_p256_public key;
    SW_TRY(sw_tcb_signer_verify(&j->roots, info->issuer_chain, "TCB info's issuer chain",
                                &j->window, &key, err));
    SW_TRY(signature_check(&key, info->text, info->signature,
                           "the TCB info's signature does not hold", err));
    if (!sw_bytes_equal(info->issuer_chain, identity->issuer_chain))
        SW_TRY(sw_tcb_signer_verify(&j->roots, identity->issuer_chain, "QE identity's issuer chain",
                                    &j->window, &key, err));
    return signature_check(&key, identity->text, identity->signature,
                           "the QE identity's signature does not hold", err);
}

static sw_status collateral_read(judgement *j, sw_error *err) {
    SW_TRY(sw_tcb_info_parse(&j->arena, j->collateral->tcb_info.text, &j->info, err));
    SW_TRY(sw_qe_identity_parse(&j->arena, j->collateral->qe_identity.text, &j->identity, err));
    SW_TRY(sw_window_narrow(&j->window, "TCB info", j->info.issued_ms, j->info.next_ms, err));
    SW_TRY(sw_window_narrow(&j->window, "QE identity", j->identity.issued_ms, j->identity.next_ms,
                            err));
    if (memcmp(j->info.fmspc, j->pck.fmspc, sizeof j->pck.fmspc) != 0)
        return REFUSE(err, "the TCB info is of another FMSPC than the platform");
    if (memcmp(j->info.pce_id, j->pck.pce_id, sizeof j->pck.pce_id) != 0)
        return REFUSE(err, "the TCB info is of another PCE id than the platform");
    return SW_OK;
}

/* ---- the quote itself ---- */
static sw_status qe_verify(const judgement *j, sw_error *err) {
    const sw_tdx_quote *q = j->quote;
    static const uint8_t zeros[32];
    SW_TRY(signature_check(&j->pck_key, q->qe.raw, q->qe_signature,
                           "the quoting enclave's report is not signed by the PCK key", err));
    sw_hash bound;
    sw_bytes parts[2] = {SW_BYTES(q->attestation_key.b + 1, sizeof q->attestation_key.b - 1),
                         q->auth_data};
    sw_sha256_parts(&bound, parts, 2);
    if (memcmp(q->qe.report_data, bound.b, sizeof bound.b) != 0 ||
        memcmp(q->qe.report_data + 32, zeros, sizeof zeros) != 0)
        return REFUSE(err, "the attestation key is not the one that the quoting enclave reports");
    return sw_qe_check(&q->qe, &j->identity, err);
}

static sw_status quote_verify(const judgement *j, sw_error *err) {
    const sw_tdx_quote *q = j->quote;
    sw_status status = sw_p256_check(&q->attestation_key, err);
    if (status == SW_INTERNAL || status == SW_MEMORY) return status;
    if (status != SW_OK) return REFUSE(err, "the attestation key is not a point of P-256");
    return signature_check(&q->attestation_key, q->signed_part, q->signature,
                           "the quote's signature does not hold", err);
}

static sw_status judge(judgement *j, sw_tdx_verdict *out, sw_error *err) {
    SW_TRY(sw_tdx_roots_verify(j->quote->pck_chain, j->collateral, j->policy, &j->window, &j->roots,
                               err));
    SW_TRY(pck_read(j, err));
    SW_TRY(collateral_signatures(j, err));
    SW_TRY(collateral_read(j, err));
    SW_TRY(sw_module_check(&j->quote->td, &j->info, err));
    SW_TRY(qe_verify(j, err));
    SW_TRY(quote_verify(j, err));
    const sw_tcb_question question = {&j->quote->td, &j->pck, j->quote->qe.isv_svn, &j->info,
                                      &j->identity};
    SW_TRY(sw_tcb_evaluate(&question, &out->tcb, err));
    out->anchor = j->roots.anchor;
    out->pck = j->pck;
    out->tcb_evaluation_number = j->info.evaluation_number;
    out->qe_evaluation_number = j->identity.evaluation_number;
    out->valid_from_ms = j->window.from_ms;
    out->valid_until_ms = j->window.until_ms;
    sw_tdx_roots_keep(&j->roots);
    return SW_OK;
}

sw_status sw_tdx_verify(const sw_tdx_quote *quote, const sw_collateral *c, const sw_policy *policy,
                        int64_t wall_ms, sw_tdx_verdict *out, sw_error *err) {
    SW_SCOPED(judgement)
    j = {.quote = quote,
         .collateral = c,
         .policy = policy,
         .window = {wall_ms, INT64_MIN, INT64_MAX},
         .arena = {.limit_bytes = (size_t)16 << 20}};
    sw_tdx_verdict made = {0};
    SW_TRY(judge(&j, &made, err));
    *out = made;
    return SW_OK;
}
