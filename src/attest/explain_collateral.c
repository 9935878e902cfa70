/* SPDX-License-Identifier: Apache-2.0
 *
 * Collateral for people: what TCB info and QE identity say of every level, whom revocation lists
 * and OCSP answers name, without a word on whether it is true.
 */
#include "attest/explain.h"
#include "attest/explain_lines.h"
#include "attest/tdx_internal.h"
#include "codec/text.h"

#include <stdio.h>

/* ---- levels ---- */
static void put_advisories(sw_buffer *out, const sw_json *advisories) {
    const sw_json *first = advisories == NULL ? NULL : advisories->first;
    for (const sw_json *item = first; item != NULL; item = item->next) {
        sw_put_text(out, item == first ? ", advisories " : ",");
        sw_put_plain(out, item->type == SW_JSON_STRING ? item->text : SW_LITERAL("?"), 64);
    }
}

/* "OutOfDate of 2024-03-13T00:00:00Z, advisories A,B" */
static void put_level(sw_buffer *out, const sw_level *level) {
    char date[21];
    sw_time_text(date, level->date_ms);
    sw_put_format(out, "%s of %s", sw_tcb_status_name(level->status), date);
    put_advisories(out, level->advisories);
    sw_put_u8(out, '\n');
}

static void put_isv_levels(sw_buffer *out, const sw_isv_levels *levels) {
    for (size_t i = 0; i < levels->count; i++) {
        sw_put_format(out, "    version %-14u ", levels->items[i].isv_svn);
        put_level(out, &levels->items[i].level);
    }
}

static void put_module(sw_buffer *out, const sw_tdx_module *m) {
    char name[32] = "TDX module's MRSIGNER";
    if (m->line > 0) (void)snprintf(name, sizeof name, "TDX_%02X's MRSIGNER", m->line);
    sw_line_hex(out, name, SW_BYTES_OF(m->mr_signer));
    put_isv_levels(out, &m->levels);
}

static void put_tcb_info(sw_buffer *out, const sw_tcb_info *info) {
    sw_line_time(out, "TCB info", info->issued_ms, info->next_ms);
    sw_line_hex(out, "TCB info's FMSPC", SW_BYTES_OF(info->fmspc));
    sw_line_hex(out, "PCE id", SW_BYTES_OF(info->pce_id));
    sw_line_number(out, "evaluation number", info->evaluation_number);
    for (size_t i = 0; i < info->module_count; i++) put_module(out, &info->modules[i]);
    for (size_t i = 0; i < info->level_count; i++) {
        const sw_platform_level *level = &info->levels[i];
        sw_put_format(out, "  platform level %-9zu ", i + 1);
        put_level(out, &level->level);
        sw_line_hex(out, "  SGX components", SW_BYTES_OF(level->sgx));
        sw_line_hex(out, "  TDX components", SW_BYTES_OF(level->tdx));
        sw_line_number(out, "  PCE version", level->pce_svn);
    }
}

static void put_qe_identity(sw_buffer *out, const sw_qe_identity *identity) {
    sw_line_time(out, "QE identity", identity->issued_ms, identity->next_ms);
    sw_line_hex(out, "QE's MRSIGNER", SW_BYTES_OF(identity->mr_signer));
    sw_line_number(out, "evaluation number", identity->evaluation_number);
    put_isv_levels(out, &identity->levels);
}

/* ---- revocation ---- */
static sw_status put_entries(sw_buffer *out, const sw_crl *crl, sw_error *err) {
    for (size_t i = 0; i < sw_crl_count(crl); i++) {
        sw_crl_entry entry;
        char date[21];
        SW_TRY(sw_crl_entry_read(crl, i, &entry, err));
        sw_time_text(date, entry.revoked_ms);
        sw_put_text(out, "    ");
        sw_hex_encode(out, SW_BYTES(entry.serial, entry.serial_bytes));
        sw_put_format(out, " of %s\n", date);
    }
    return SW_OK;
}

static sw_status put_list(sw_buffer *out, const char *label, sw_bytes der, sw_error *err) {
    sw_crl *crl = NULL;
    char issuer[128];
    int64_t from = 0, until = 0;
    SW_TRY(sw_crl_parse(der, &crl, err));
    sw_crl_validity(crl, &from, &until);
    sw_line_time(out, label, from, until);
    if (sw_crl_issuer_name(crl, issuer, sizeof issuer, NULL) == SW_OK)
        sw_line_shown(out, "issuer", sw_text(issuer));
    sw_line_number(out, "revoked certificates", sw_crl_count(crl));
    sw_status status = put_entries(out, crl, err);
    sw_crl_free(&crl);
    return status;
}

/* CRLReason (RFC 5280 5.3.1). */
static const char *reason_name(int reason) {
    static const char *const names[] = {
        "unspecified",   "keyCompromise",        "cACompromise",    "affiliationChanged",
        "superseded",    "cessationOfOperation", "certificateHold", "7",
        "removeFromCRL", "privilegeWithdrawn",   "aACompromise"};
    return reason < 0 || reason >= (int)(sizeof names / sizeof *names) ? "not said" : names[reason];
}

static void put_answer(sw_buffer *out, const sw_ocsp_facts *facts) {
    static const char *const states[] = {
        [SW_OCSP_GOOD] = "good", [SW_OCSP_REVOKED] = "revoked", [SW_OCSP_UNKNOWN] = "unknown"};
    char date[21];
    sw_line_hex(out, "serial number", SW_BYTES(facts->serial, facts->serial_bytes));
    sw_line_hex(out, "issuer's key, hashed", SW_BYTES(facts->issuer_key, facts->issuer_key_bytes));
    sw_line_text(out, "state", states[facts->says.state]);
    if (facts->says.state == SW_OCSP_REVOKED) {
        sw_time_text(date, facts->says.revoked_ms);
        sw_line_text(out, "revoked", date);
        sw_line_text(out, "reason", reason_name(facts->says.reason));
    }
    sw_time_text(date, facts->says.this_update_ms);
    sw_line_text(out, "answer of", date);
    sw_time_text(date, facts->says.next_update_ms);
    sw_line_text(out, "next answer", facts->says.next_update_ms == 0 ? "not said" : date);
}

/* ---- by kind ---- */
sw_status sw_list_explain(sw_bytes der, sw_buffer *out, sw_error *err) {
    sw_put_text(out, "revocation list\n");
    SW_TRY(put_list(out, "valid", der, err));
    return sw_buffer_check(out, "the explanation", err);
}

sw_status sw_ocsp_explain(sw_bytes der, sw_buffer *out, sw_error *err) {
    sw_ocsp_answer *answer = NULL;
    sw_ocsp_facts facts;
    sw_status status = SW_OK;
    SW_TRY(sw_ocsp_parse(der, &answer, err));
    for (size_t i = 0; status == SW_OK && i < sw_ocsp_count(answer); i++) {
        status = sw_ocsp_read(answer, i, &facts, err);
        if (status != SW_OK) break;
        sw_put_text(out, "OCSP answer\n");
        put_answer(out, &facts);
    }
    sw_ocsp_free(&answer);
    SW_TRY(status);
    return sw_buffer_check(out, "the explanation", err);
}

void sw_answers_explain(const sw_bytes *answers, size_t count, sw_buffer *out) {
    sw_put_format(out, "OCSP answers: %zu\n", count);
    for (size_t i = 0; i < count; i++)
        if (sw_ocsp_explain(answers[i], out, NULL) != SW_OK)
            sw_put_format(out, "  answer %zu cannot be read\n", i + 1);
}

sw_status sw_document_explain(sw_bytes json, bool tcb_info, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 16 * SW_EVIDENCE_LIMIT};
    sw_signed_json document = {0};
    sw_tcb_info info;
    sw_qe_identity identity;
    if (tcb_info) {
        SW_TRY(sw_pcs_parse(json, "tcbInfo", &document, err));
        SW_TRY(sw_tcb_info_parse(&a, document.text, &info, err));
        put_tcb_info(out, &info);
    } else {
        SW_TRY(sw_pcs_parse(json, "enclaveIdentity", &document, err));
        SW_TRY(sw_qe_identity_parse(&a, document.text, &identity, err));
        put_qe_identity(out, &identity);
    }
    return sw_buffer_check(out, "the explanation", err);
}

sw_status sw_collateral_explain(const sw_collateral *c, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 16 * SW_EVIDENCE_LIMIT};
    sw_tcb_info info;
    sw_qe_identity identity;
    SW_TRY(sw_tcb_info_parse(&a, c->tcb_info.text, &info, err));
    SW_TRY(sw_qe_identity_parse(&a, c->qe_identity.text, &identity, err));
    sw_put_text(out, "collateral\n");
    put_tcb_info(out, &info);
    put_qe_identity(out, &identity);
    SW_TRY(put_list(out, "PCK revocations", c->pck_crl, err));
    SW_TRY(put_list(out, "root's revocations", c->root_crl, err));
    return sw_buffer_check(out, "the explanation", err);
}
