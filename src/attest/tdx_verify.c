/* SPDX-License-Identifier: Apache-2.0
 *
 * A quote under its collateral, in the order of EVD-030 to EVD-047: first the ground that it stands
 * on (chains, lists, signed collateral), then the quote itself (identities, the signatures, TCB
 * levels). The first failure ends it.
 *
 * Nothing is optional: there is no call that leaves out a part.
 */
#include "attest/tdx_internal.h"

#include <stdio.h>
#include <string.h>

void sw_tdx_ground_free(sw_tdx_ground *g) {
    sw_part **const parts[] = {&g->pck_chain,  &g->root_list, &g->pck_list,   &g->issuers[0],
                               &g->issuers[1], &g->tcb_info,  &g->qe_identity};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) sw_part_drop(parts[i]);
}

void sw_tdx_ground_keep(const sw_tdx_ground *g) {
    sw_part *const parts[] = {g->pck_chain,  g->root_list, g->pck_list,   g->issuers[0],
                              g->issuers[1], g->tcb_info,  g->qe_identity};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        sw_part_keep(g->by->verifier, parts[i]);
}

static sw_status signature_check(const sw_p256_public *key, sw_bytes message, const uint8_t raw[64],
                                 const char *sentence, sw_error *err) {
    sw_status status = sw_p256_verify_raw(key, message, raw, err);
    if (status == SW_OK || status == SW_INTERNAL || status == SW_MEMORY) return status;
    return REFUSE(err, "%s", sentence);
}

/* ---- signed collateral ---- */
/* A part that is known had its signature checked: the same text, key and signature give the same
 * answer (EVD-086). */
sw_status sw_tcb_document_verify(sw_tdx_ground *g, sw_part_kind kind, const sw_signed_json *s,
                                 const sw_p256_public *key, sw_part **out, sw_error *err) {
    sw_part *part = sw_part_find(g->by->verifier, kind, s->text);
    *out = part;
    if (part != NULL && sw_p256_equal(&part->signer, key) &&
        memcmp(part->signature, s->signature, sizeof part->signature) == 0)
        return SW_OK;
    SW_TRY(signature_check(key, s->text, s->signature,
                           kind == SW_PART_TCB_INFO ? "the TCB info's signature does not hold"
                                                    : "the QE identity's signature does not hold",
                           err));
    if (part != NULL) return SW_OK;
    part = sw_part_new(kind, s->text);
    if (part == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for collateral");
    part->signer = *key;
    memcpy(part->signature, s->signature, sizeof part->signature);
    *out = part;
    return SW_OK;
}

static void signer_held(const sw_tdx_ground *g, const sw_part *issuer) {
    int64_t from = 0, until = 0;
    char text[21];
    if (g->log == NULL) return;
    sw_cert_validity(issuer->certs[0], &from, &until);
    sw_time_text(text, until);
    sw_check_held(g->log, "signer valid until %s", text);
}

static sw_status documents_verify(sw_tdx_ground *g, const sw_collateral *c, sw_error *err) {
    sw_p256_public key;
    sw_check_begin(g->log, "TCB info signature");
    SW_TRY(sw_tcb_signer_verify(g, c->tcb_info.issuer_chain, "TCB info's issuer chain",
                                &g->issuers[0], &key, err));
    SW_TRY(sw_tcb_document_verify(g, SW_PART_TCB_INFO, &c->tcb_info, &key, &g->tcb_info, err));
    signer_held(g, g->issuers[0]);
    sw_check_begin(g->log, "QE identity signature");
    if (!sw_bytes_equal(c->tcb_info.issuer_chain, c->qe_identity.issuer_chain))
        SW_TRY(sw_tcb_signer_verify(g, c->qe_identity.issuer_chain, "QE identity's issuer chain",
                                    &g->issuers[1], &key, err));
    SW_TRY(sw_tcb_document_verify(g, SW_PART_QE_IDENTITY, &c->qe_identity, &key, &g->qe_identity,
                                  err));
    signer_held(g, g->issuers[1] != NULL ? g->issuers[1] : g->issuers[0]);
    return SW_OK;
}

static sw_status document_parse(sw_part *part, sw_error *err) {
    if (part->parsed) return SW_OK;
    sw_status status = part->kind == SW_PART_TCB_INFO
                           ? sw_tcb_info_parse(&part->arena, part->text, &part->info, err)
                           : sw_qe_identity_parse(&part->arena, part->text, &part->identity, err);
    part->parsed = status == SW_OK;
    return status;
}

static sw_status contents_read(sw_tdx_ground *g, sw_error *err) {
    sw_check_begin(g->log, "TCB info content");
    SW_TRY(document_parse(g->tcb_info, err));
    sw_check_held(g->log, "%zu levels, %zu module identities", g->tcb_info->info.level_count,
                  g->tcb_info->info.module_count);
    sw_check_begin(g->log, "QE identity content");
    SW_TRY(document_parse(g->qe_identity, err));
    sw_check_held(g->log, "%zu levels", g->qe_identity->identity.levels.count);
    return SW_OK;
}

static sw_status dates_check(sw_tdx_ground *g, sw_error *err) {
    sw_check_begin(g->log, "collateral dates");
    const sw_tcb_info *info = &g->tcb_info->info;
    const sw_qe_identity *identity = &g->qe_identity->identity;
    SW_TRY(sw_window_narrow(&g->window, "TCB info", info->issued_ms, info->next_ms, err));
    SW_TRY(
        sw_window_narrow(&g->window, "QE identity", identity->issued_ms, identity->next_ms, err));
    char from[21], until[21];
    sw_time_text(from, g->window.from_ms);
    sw_time_text(until, g->window.until_ms);
    sw_check_held(g->log, "%s to %s, evaluation numbers %u and %u", from, until,
                  info->evaluation_number, identity->evaluation_number);
    return SW_OK;
}

static sw_status pck_read(sw_tdx_ground *g, sw_error *err) {
    const sw_cert *leaf = g->pck_chain->certs[0];
    sw_bytes extension;
    SW_TRY(sw_cert_extension(leaf, SW_PCK_EXTENSION_OID, &extension, err));
    SW_TRY(sw_pck_parse(extension, &g->pck, err));
    if (g->pck.platform != g->platform_ca)
        return REFUSE(err, "the PCK certificate's SGX extension does not fit its issuer");
    return sw_cert_key(leaf, &g->pck_key, err);
}

static sw_status platform_check(sw_tdx_ground *g, sw_error *err) {
    const sw_tcb_info *info = &g->tcb_info->info;
    sw_check_begin(g->log, "FMSPC");
    SW_TRY(pck_read(g, err));
    if (memcmp(info->fmspc, g->pck.fmspc, sizeof g->pck.fmspc) != 0)
        return REFUSE(err, "the TCB info is of another FMSPC than the platform");
    if (memcmp(info->pce_id, g->pck.pce_id, sizeof g->pck.pce_id) != 0)
        return REFUSE(err, "the TCB info is of another PCE id than the platform");
    sw_check_held_hex(g->log, SW_BYTES_OF(info->fmspc));
    return SW_OK;
}

sw_status sw_tdx_ground_verify(sw_bytes pck_chain, const sw_collateral *c, const sw_judge *by,
                               sw_tdx_ground *g, sw_error *err) {
    *g = (sw_tdx_ground){.by = by,
                         .log = sw_verifier_log(by->verifier),
                         .window = {by->wall_ms, INT64_MIN, INT64_MAX}};
    SW_TRY(sw_tdx_roots_verify(pck_chain, c, g, err));
    SW_TRY(documents_verify(g, c, err));
    SW_TRY(contents_read(g, err));
    SW_TRY(dates_check(g, err));
    return platform_check(g, err);
}

/* ---- the quote itself ---- */
static sw_status module_verify(const sw_tdx_quote *q, const sw_tdx_ground *g, sw_error *err) {
    sw_check_begin(g->log, "TDX module");
    SW_TRY(sw_module_check(&q->td, &g->tcb_info->info, err));
    sw_check_held(g->log, "line %u, version %u", q->td.tee_tcb_svn[1], q->td.tee_tcb_svn[0]);
    return SW_OK;
}

static sw_status qe_verify(const sw_tdx_quote *q, const sw_tdx_ground *g, sw_error *err) {
    static const uint8_t zeros[32];
    sw_check_begin(g->log, "QE report signature");
    SW_TRY(signature_check(&g->pck_key, q->qe.raw, q->qe_signature,
                           "the quoting enclave's report is not signed by the PCK key", err));
    sw_check_held(g->log, "signed by the PCK key");
    sw_check_begin(g->log, "attestation key binding");
    sw_hash bound;
    sw_bytes parts[2] = {SW_BYTES(q->attestation_key.b + 1, sizeof q->attestation_key.b - 1),
                         q->auth_data};
    sw_sha256_parts(&bound, parts, 2);
    if (memcmp(q->qe.report_data, bound.b, sizeof bound.b) != 0 ||
        memcmp(q->qe.report_data + 32, zeros, sizeof zeros) != 0)
        return REFUSE(err, "the attestation key is not the one that the quoting enclave reports");
    sw_check_held_hex(g->log, SW_BYTES_OF(bound.b));
    sw_check_begin(g->log, "QE identity");
    SW_TRY(sw_qe_check(&q->qe, &g->qe_identity->identity, err));
    sw_check_held(g->log, "product %u, version %u", q->qe.isv_prod_id, q->qe.isv_svn);
    return SW_OK;
}

static sw_status signature_verify(const sw_tdx_quote *q, const sw_tdx_ground *g, sw_error *err) {
    sw_check_begin(g->log, "quote signature");
    sw_status status = sw_p256_check(&q->attestation_key, err);
    if (status == SW_INTERNAL || status == SW_MEMORY) return status;
    if (status != SW_OK) return REFUSE(err, "the attestation key is not a point of P-256");
    SW_TRY(signature_check(&q->attestation_key, q->signed_part, q->signature,
                           "the quote's signature does not hold", err));
    sw_check_held(g->log, "over the first %zu bytes", q->signed_part.size);
    return SW_OK;
}

static const char *module_name(bool level, unsigned status) {
    return level ? sw_tcb_status_name(status) : "without levels";
}

static void level_held(const sw_check_log *log, const sw_tcb_result *tcb) {
    char date[21], now[96] = "";
    if (log == NULL) return;
    sw_time_text(date, tcb->date_ms);
    if (tcb->second)
        (void)snprintf(now, sizeof now, "; now platform %s, module %s",
                       sw_tcb_status_name(tcb->current_platform),
                       module_name(tcb->current_module_level, tcb->current_module));
    sw_check_held(log, "%s (platform %s, module %s, QE %s%s) of %s, advisories: %s",
                  sw_tcb_status_name(tcb->all), sw_tcb_status_name(tcb->platform),
                  module_name(tcb->module_level, tcb->module), sw_tcb_status_name(tcb->qe), now,
                  date, tcb->advisories[0] != 0 ? tcb->advisories : "none");
}

/* The root's list is not in it: it is issued once a year, and its own end bounds it. */
static int64_t oldest_issue(const sw_tdx_ground *g) {
    int64_t oldest, until;
    const int64_t documents[] = {g->tcb_info->info.issued_ms, g->qe_identity->identity.issued_ms};
    sw_crl_validity(g->pck_list->list, &oldest, &until);
    for (size_t i = 0; i < 2; i++)
        if (documents[i] < oldest) oldest = documents[i];
    return oldest;
}

sw_status sw_tdx_quote_verify(const sw_tdx_quote *q, const sw_tdx_ground *g, sw_tdx_verdict *out,
                              sw_error *err) {
    const sw_tcb_info *info = &g->tcb_info->info;
    const sw_qe_identity *identity = &g->qe_identity->identity;
    const sw_tcb_question question = {&q->td, &g->pck, q->qe.isv_svn, info, identity};
    sw_tdx_verdict made = {.anchor = g->anchor,
                           .pck = g->pck,
                           .tcb_evaluation_number = info->evaluation_number,
                           .qe_evaluation_number = identity->evaluation_number,
                           .valid_from_ms = g->window.from_ms,
                           .valid_until_ms = g->window.until_ms,
                           .issued_ms = oldest_issue(g)};
    SW_TRY(module_verify(q, g, err));
    SW_TRY(qe_verify(q, g, err));
    SW_TRY(signature_verify(q, g, err));
    sw_check_begin(g->log, "TCB level");
    SW_TRY(sw_tcb_evaluate(&question, &made.tcb, err));
    level_held(g->log, &made.tcb);
    *out = made;
    return SW_OK;
}

sw_status sw_tdx_verify(sw_bytes quote, const sw_collateral *c, const sw_judge *by,
                        sw_tdx_quote *parsed, sw_tdx_verdict *out, sw_error *err) {
    const sw_check_log *log = sw_verifier_log(by->verifier);
    sw_tdx_quote q;
    sw_check_begin(log, "quote layout");
    SW_TRY(sw_tdx_quote_parse(quote, &q, err));
    if (!q.trailing_zeros && !by->any_behind)
        return BROKEN(err, "something other than zeros stands behind the quote");
    sw_check_held(log, "version %u, TD report 1.%d, %zu %s behind", q.version,
                  q.td.kind == SW_TD15 ? 5 : 0, q.trailing_bytes,
                  q.trailing_zeros ? "zeros" : "bytes");
    SW_SCOPED(sw_tdx_ground) g = {0};
    SW_TRY(sw_tdx_ground_verify(q.pck_chain, c, by, &g, err));
    SW_TRY(sw_tdx_quote_verify(&q, &g, out, err));
    sw_tdx_ground_keep(&g);
    *parsed = q;
    return SW_OK;
}
