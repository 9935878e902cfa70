/* SPDX-License-Identifier: Apache-2.0
 *
 * The chains of one quote: PCK leaf, CA and root, and the signers of TCB info and QE identity below
 * that same root (EVD-030 to EVD-034).
 *
 * The anchor is a hash in the policy; nothing is built in. Each part's dates are checked one by one
 * before OpenSSL judges the whole, so that a refusal names the part. Chains must be written in the
 * one PEM form, because nothing signs the spaces between certificates.
 */
#include "attest/tdx_internal.h"
#include "codec/text.h"

#include <string.h>

#define NAME_BYTES 128

/* ---- chains as text ---- */
typedef struct chain {
    sw_cert *certs[3];
    size_t count;
    sw_cert *root; /* borrowed; these bytes are not parsed a second time. NULL: none is known yet */
    const sw_cert_cache *known; /* nor those of certificates that held before; may be NULL */
    sw_buffer again;            /* the same certificates, encoded */
} chain;

static void chain_free(chain *c) {
    for (size_t i = 0; i < 3; i++)
        if (c->certs[i] != c->root) sw_cert_free(&c->certs[i]);
    sw_buffer_free(&c->again);
}

static sw_status chain_add(void *context, sw_bytes der, sw_error *err) {
    chain *c = context;
    sw_cert **made = &c->certs[c->count];
    bool root = c->root != NULL && sw_bytes_equal(sw_cert_der(c->root), der);
    *made = root ? c->root : sw_cert_cache_find(c->known, der);
    if (*made == NULL) SW_TRY(sw_cert_parse(der, made, err));
    c->count++;
    sw_pem_encode(&c->again, "CERTIFICATE", der);
    return SW_OK;
}

static sw_status chain_parse(sw_bytes pem, const char *what, size_t count, chain *c,
                             sw_error *err) {
    c->again = SW_BUFFER(SW_QUOTE_LIMIT);
    sw_status status = sw_pem_decode(pem, "CERTIFICATE", count, chain_add, c, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "the %s", what);
        return status;
    }
    if (c->count != count)
        return REFUSE(err, "the %s has %zu certificates, not %zu", what, c->count, count);
    if (c->again.failed || !sw_bytes_equal(sw_buffer_bytes(&c->again), pem))
        return BROKEN(err, "the %s is not written in the one PEM form", what);
    return SW_OK;
}

/* ---- names and dates ---- */
static sw_status name_check(const sw_cert *cert, const char *phrase, bool *matches, sw_error *err) {
    char name[NAME_BYTES];
    SW_TRY(sw_cert_common_name(cert, name, sizeof name, err));
    *matches = strcmp(name, phrase) == 0;
    return SW_OK;
}

static sw_status name_demand(const sw_cert *cert, const char *phrase, const char *what,
                             sw_error *err) {
    bool matches;
    SW_TRY(name_check(cert, phrase, &matches, err));
    if (!matches) return REFUSE(err, "the %s is not named \"%s\"", what, phrase);
    return SW_OK;
}

sw_status sw_window_narrow(sw_window *w, const char *what, int64_t from_ms, int64_t until_ms,
                           sw_error *err) {
    if (w->wall_ms < from_ms) return REFUSE(err, "the %s is not valid yet", what);
    if (w->wall_ms >= until_ms) return REFUSE(err, "the %s is no longer valid", what);
    if (from_ms > w->from_ms) w->from_ms = from_ms;
    if (until_ms < w->until_ms) w->until_ms = until_ms;
    return SW_OK;
}

static sw_status cert_dates(const sw_cert *cert, const char *what, sw_window *w, sw_error *err) {
    int64_t from = 0, until = 0;
    sw_cert_validity(cert, &from, &until);
    return sw_window_narrow(w, what, from, until, err);
}

static sw_status crl_dates(const sw_crl *crl, const char *what, sw_window *w, sw_error *err) {
    int64_t from = 0, until = 0;
    sw_crl_validity(crl, &from, &until);
    return sw_window_narrow(w, what, from, until, err);
}

/* ---- the PCK chain ---- */
void sw_tdx_roots_free(sw_tdx_roots *r) {
    for (size_t i = 0; i < 3; i++) sw_cert_free(&r->pck[i]);
    for (size_t i = 0; i < 2; i++) sw_cert_free(&r->signers[i]);
    sw_crl_free(&r->pck_crl);
    sw_crl_free(&r->root_crl);
}

void sw_tdx_roots_keep(const sw_tdx_roots *r) {
    for (size_t i = 0; i < 3; i++) sw_cert_cache_keep(r->known, r->pck[i]);
    for (size_t i = 0; i < 2 && r->signers[i] != NULL; i++)
        sw_cert_cache_keep(r->known, r->signers[i]);
}

static sw_status anchor_find(const sw_policy *policy, const sw_cert *root, sw_hash *out,
                             sw_error *err) {
    sw_sha256(out, sw_cert_der(root));
    for (size_t i = 0; i < policy->anchor_count && i < SW_ANCHOR_LIMIT; i++)
        if (sw_hash_equal(out, &policy->anchors[i])) return SW_OK;
    return REFUSE(err, "the evidence hangs from a root that the machine policy does not name");
}

static sw_status pck_names(sw_tdx_roots *r, sw_error *err) {
    bool processor;
    SW_TRY(name_demand(r->pck[0], "Intel SGX PCK Certificate", "PCK certificate", err));
    SW_TRY(name_check(r->pck[1], "Intel SGX PCK Platform CA", &r->platform_ca, err));
    SW_TRY(name_check(r->pck[1], "Intel SGX PCK Processor CA", &processor, err));
    if (!r->platform_ca && !processor)
        return REFUSE(err, "the PCK certificate's issuer is neither the platform nor the processor "
                           "CA");
    return name_demand(r->pck[2], "Intel SGX Root CA", "root", err);
}

static sw_status list_parse(sw_bytes der, const char *what, sw_crl **out, sw_error *err) {
    sw_status status = sw_crl_parse(der, out, err);
    if (status != SW_OK) sw_error_prefix(err, "the %s", what);
    return status;
}

static sw_status lists_parse(const sw_collateral *c, sw_tdx_roots *r, sw_error *err) {
    SW_TRY(list_parse(c->root_crl, "root's revocation list", &r->root_crl, err));
    SW_TRY(list_parse(c->pck_crl, "PCK revocation list", &r->pck_crl, err));
    if (!sw_crl_issued_by(r->root_crl, r->pck[2]))
        return REFUSE(err, "the root's revocation list is not of this root");
    if (!sw_crl_issued_by(r->pck_crl, r->pck[1]))
        return REFUSE(err, "the PCK revocation list is not of the PCK certificate's issuer");
    return SW_OK;
}

static sw_status pck_dates(const sw_tdx_roots *r, sw_window *w, sw_error *err) {
    SW_TRY(cert_dates(r->pck[0], "PCK certificate", w, err));
    SW_TRY(cert_dates(r->pck[1], "PCK CA's certificate", w, err));
    SW_TRY(cert_dates(r->pck[2], "root certificate", w, err));
    SW_TRY(crl_dates(r->root_crl, "root's revocation list", w, err));
    return crl_dates(r->pck_crl, "PCK revocation list", w, err);
}

static sw_status pck_verify(sw_bytes pck_chain, const sw_collateral *c, const sw_policy *policy,
                            sw_window *w, sw_tdx_roots *r, sw_error *err) {
    SW_SCOPED(chain) parsed = {.known = r->known};
    SW_TRY(chain_parse(pck_chain, "PCK chain", 3, &parsed, err));
    memcpy(r->pck, parsed.certs, sizeof r->pck);
    memset(parsed.certs, 0, sizeof parsed.certs);
    SW_TRY(anchor_find(policy, r->pck[2], &r->anchor, err));
    SW_TRY(pck_names(r, err));
    SW_TRY(lists_parse(c, r, err));
    SW_TRY(pck_dates(r, w, err));
    sw_crl *lists[2] = {r->root_crl, r->pck_crl};
    sw_status status =
        sw_chain_verify(r->pck, 3, sw_cert_der(r->pck[2]), lists, 2, w->wall_ms, err);
    if (status != SW_OK) sw_error_prefix(err, "the PCK chain");
    return status;
}

sw_status sw_tdx_roots_verify(sw_bytes pck_chain, const sw_collateral *c, const sw_policy *policy,
                              sw_window *w, sw_tdx_roots *out, sw_error *err) {
    sw_tdx_roots made = {.known = c->known};
    sw_status status = pck_verify(pck_chain, c, policy, w, &made, err);
    if (status == SW_OK)
        *out = made;
    else
        sw_tdx_roots_free(&made);
    return status;
}

/* ---- signers of collateral ---- */
sw_status sw_tcb_signer_verify(sw_tdx_roots *r, sw_bytes issuer_chain, const char *what,
                               sw_window *w, sw_p256_public *out, sw_error *err) {
    SW_SCOPED(chain) parsed = {.root = r->pck[2], .known = r->known};
    SW_TRY(chain_parse(issuer_chain, what, 2, &parsed, err));
    sw_bytes root = sw_cert_der(r->pck[2]);
    if (parsed.certs[1] != parsed.root)
        return REFUSE(err, "the %s does not end in the root of the PCK chain", what);
    SW_TRY(name_demand(parsed.certs[0], "Intel SGX TCB Signing", "collateral's signer", err));
    SW_TRY(cert_dates(parsed.certs[0], "TCB signing certificate", w, err));
    sw_status status =
        sw_chain_verify(parsed.certs, 2, root, &(sw_crl *){r->root_crl}, 1, w->wall_ms, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "the %s", what);
        return status;
    }
    SW_TRY(sw_cert_key(parsed.certs[0], out, err));
    r->signers[r->signers[0] != NULL] = parsed.certs[0];
    parsed.certs[0] = NULL;
    return SW_OK;
}
