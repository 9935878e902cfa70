/* SPDX-License-Identifier: Apache-2.0
 *
 * The chains of one quote: PCK leaf, CA and root with both revocation lists, and the signers of TCB
 * info and QE identity below that same root (EVD-030 to EVD-034).
 *
 * The anchor is a hash in the policy; nothing is built in, and no certificate is parsed before the
 * root's hash was found there. Each part's dates are checked one by one before OpenSSL judges the
 * whole, so that a refusal names the part. Chains must be written in the one PEM form, because
 * nothing signs the spaces between certificates.
 */
#include "attest/tdx_internal.h"
#include "codec/text.h"

#include <string.h>

#define NAME_BYTES 128
enum { LEAF, CA, ROOT, SIGNER = 0 };

/* ---- chains as text ---- */
typedef struct reading {
    sw_part *part;
    sw_buffer again; /* the same certificates, encoded */
} reading;

static sw_status block_add(void *context, sw_bytes der, sw_error *err) {
    reading *r = context;
    sw_bytes copy = sw_arena_copy(&r->part->arena, der);
    if (copy.size != der.size) return sw_fail(err, SW_MEMORY, "memory", "no memory for a chain");
    r->part->blocks[r->part->block_count++] = copy;
    sw_pem_encode(&r->again, "CERTIFICATE", der);
    return SW_OK;
}

static sw_status blocks_check(const reading *r, const char *what, size_t count, sw_error *err) {
    if (r->part->block_count != count)
        return REFUSE(err, "the %s has %zu certificates, not %zu", what, r->part->block_count,
                      count);
    if (r->again.failed || !sw_bytes_equal(sw_buffer_bytes(&r->again), r->part->text))
        return BROKEN(err, "the %s is not written in the one PEM form", what);
    return SW_OK;
}

/* PEM of `count` certificates as DER, found or read. */
static sw_status chain_read(sw_tdx_ground *g, sw_part_kind kind, sw_bytes pem, const char *what,
                            size_t count, sw_part **out, sw_error *err) {
    sw_part *part = sw_part_find(g->by->verifier, kind, pem);
    if (part == NULL) {
        part = sw_part_new(kind, pem);
        if (part == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a chain");
        reading r = {part, SW_BUFFER(SW_QUOTE_LIMIT)};
        sw_status status = sw_pem_decode(part->text, "CERTIFICATE", count, block_add, &r, err);
        if (status != SW_OK)
            sw_error_prefix(err, "the %s", what);
        else
            status = blocks_check(&r, what, count, err);
        sw_buffer_free(&r.again);
        if (status != SW_OK) {
            sw_part_drop(&part);
            return status;
        }
    }
    *out = part;
    return SW_OK;
}

static sw_status cert_read(const sw_tdx_ground *g, sw_part *part, size_t index, const char *what,
                           sw_error *err) {
    sw_cert **made = &part->certs[index];
    if (*made == NULL)
        *made = sw_cert_cache_find(sw_verifier_certs(g->by->verifier), part->blocks[index]);
    if (*made != NULL) return SW_OK;
    sw_status status = sw_cert_parse(part->blocks[index], made, err);
    if (status != SW_OK) sw_error_prefix(err, "the %s", what);
    return status;
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

/* Who signs reports or documents issues no certificates. */
static sw_status leaf_demand(const sw_cert *cert, const char *what, sw_error *err) {
    if (sw_cert_is_ca(cert)) return REFUSE(err, "the %s is a CA's", what);
    return sw_cert_signs(cert) ? SW_OK : REFUSE(err, "the %s's key usage is not to sign", what);
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
static sw_status anchor_find(sw_tdx_ground *g, sw_error *err) {
    const sw_policy *policy = g->by->policy;
    sw_check_begin(g->log, "anchor");
    sw_sha256(&g->anchor, g->pck_chain->blocks[ROOT]);
    for (size_t i = 0; i < policy->anchor_count && i < SW_ANCHOR_LIMIT; i++) {
        if (!sw_hash_equal(&g->anchor, &policy->anchors[i])) continue;
        sw_check_held_hex(g->log, SW_BYTES_OF(g->anchor.b));
        return SW_OK;
    }
    return REFUSE(err, "the evidence hangs from a root that the machine policy does not name");
}

static sw_status pck_names(sw_tdx_ground *g, sw_error *err) {
    sw_cert *const *certs = g->pck_chain->certs;
    bool processor;
    SW_TRY(name_demand(certs[LEAF], "Intel SGX PCK Certificate", "PCK certificate", err));
    SW_TRY(leaf_demand(certs[LEAF], "PCK certificate", err));
    SW_TRY(name_check(certs[CA], "Intel SGX PCK Platform CA", &g->platform_ca, err));
    SW_TRY(name_check(certs[CA], "Intel SGX PCK Processor CA", &processor, err));
    if (!g->platform_ca && !processor)
        return REFUSE(err, "the PCK certificate's issuer is neither the platform nor the processor "
                           "CA");
    return name_demand(certs[ROOT], "Intel SGX Root CA", "root", err);
}

static sw_status pck_dates(sw_tdx_ground *g, sw_error *err) {
    sw_cert *const *certs = g->pck_chain->certs;
    SW_TRY(cert_dates(certs[LEAF], "PCK certificate", &g->window, err));
    SW_TRY(cert_dates(certs[CA], "PCK CA's certificate", &g->window, err));
    return cert_dates(certs[ROOT], "root certificate", &g->window, err);
}

/* ---- what holds by its bytes alone ---- */
/* Signatures, form and revocation of a chain under lists depend on their bytes and on dates, and
 * dates are checked one by one for every quote. So what held once under the very same lists holds
 * (EVD-086). */
static bool lists_known(const sw_part *chain, const sw_part *const *lists, size_t count) {
    bool same = chain->lists_held;
    for (size_t i = 0; i < count; i++)
        same = same && sw_hash_equal(&chain->lists[i], &lists[i]->digest);
    return same;
}

static sw_status under_lists(sw_part *chain, sw_cert *const *certs, size_t cert_count,
                             const sw_part *const *lists, size_t count, int64_t wall_ms,
                             sw_error *err) {
    sw_crl *crls[2] = {lists[0]->list, count > 1 ? lists[1]->list : NULL};
    if (lists_known(chain, lists, count)) return SW_OK;
    SW_TRY(sw_chain_verify(certs, cert_count, sw_cert_der(certs[cert_count - 1]), crls, count,
                           wall_ms, err));
    for (size_t i = 0; i < count; i++) chain->lists[i] = lists[i]->digest;
    chain->lists_held = true;
    return SW_OK;
}

static sw_status list_read(sw_tdx_ground *g, sw_bytes der, const char *what, sw_part **out,
                           sw_error *err) {
    if (*out == NULL) *out = sw_part_find(g->by->verifier, SW_PART_LIST, der);
    if (*out == NULL) *out = sw_part_new(SW_PART_LIST, der);
    sw_part *part = *out;
    if (part == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a list");
    if (part->list != NULL) return SW_OK;
    sw_sha256(&part->digest, part->text);
    sw_status status = sw_crl_parse(part->text, &part->list, err);
    if (status != SW_OK) sw_error_prefix(err, "the %s", what);
    return status;
}

static sw_status lists_read(sw_tdx_ground *g, const sw_collateral *c, sw_error *err) {
    SW_TRY(list_read(g, c->root_crl, "root's revocation list", &g->root_list, err));
    return list_read(g, c->pck_crl, "PCK revocation list", &g->pck_list, err);
}

static sw_status pck_under_lists(sw_tdx_ground *g, sw_error *err) {
    const sw_part *both[2] = {g->root_list, g->pck_list};
    return under_lists(g->pck_chain, g->pck_chain->certs, 3, both, 2, g->window.wall_ms, err);
}

/* Signatures and form of the path, which depend on its bytes alone now that dates were checked.
 * Where path and lists hold together the path holds; else it is judged by itself, so that what
 * fails is told apart, and lists_verify says what is wrong with the lists. */
static sw_status path_verify(sw_tdx_ground *g, const sw_collateral *c, sw_error *err) {
    sw_part *chain = g->pck_chain;
    if (!chain->path_held)
        chain->path_held = lists_read(g, c, NULL) == SW_OK && pck_under_lists(g, NULL) == SW_OK;
    if (chain->path_held) return SW_OK;
    sw_status status =
        sw_chain_verify_path(chain->certs, 3, chain->blocks[ROOT], g->window.wall_ms, err);
    if (status != SW_OK) sw_error_prefix(err, "the PCK chain");
    chain->path_held = status == SW_OK;
    return status;
}

static sw_status pck_verify(sw_tdx_ground *g, const sw_collateral *c, sw_error *err) {
    sw_check_begin(g->log, "PCK certificates");
    for (size_t i = 0; i < 3; i++) SW_TRY(cert_read(g, g->pck_chain, i, "PCK chain", err));
    SW_TRY(pck_names(g, err));
    SW_TRY(pck_dates(g, err));
    SW_TRY(path_verify(g, c, err));
    char from[21], until[21];
    sw_time_text(from, g->window.from_ms);
    sw_time_text(until, g->window.until_ms);
    sw_check_held(g->log, "%s CA, valid %s to %s", g->platform_ca ? "platform" : "processor", from,
                  until);
    return SW_OK;
}

/* ---- revocation lists ---- */
static sw_status lists_verify(sw_tdx_ground *g, const sw_collateral *c, sw_error *err) {
    sw_cert *const *certs = g->pck_chain->certs;
    sw_window lists = {g->window.wall_ms, INT64_MIN, INT64_MAX};
    sw_check_begin(g->log, "revocation lists");
    SW_TRY(lists_read(g, c, err));
    sw_crl *both[2] = {g->root_list->list, g->pck_list->list};
    if (!sw_crl_issued_by(both[0], certs[ROOT]))
        return REFUSE(err, "the root's revocation list is not of this root");
    if (!sw_crl_issued_by(both[1], certs[CA]))
        return REFUSE(err, "the PCK revocation list is not of the PCK certificate's issuer");
    SW_TRY(crl_dates(both[0], "root's revocation list", &lists, err));
    SW_TRY(crl_dates(both[1], "PCK revocation list", &lists, err));
    sw_status status = pck_under_lists(g, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "the PCK chain");
        return status;
    }
    char from[21], until[21];
    sw_time_text(from, lists.from_ms);
    sw_time_text(until, lists.until_ms);
    sw_check_held(g->log, "nothing is revoked, valid %s to %s", from, until);
    return sw_window_narrow(&g->window, "revocation lists", lists.from_ms, lists.until_ms, err);
}

sw_status sw_tdx_roots_verify(sw_bytes pck_chain, const sw_collateral *c, sw_tdx_ground *g,
                              sw_error *err) {
    sw_check_begin(g->log, "PCK chain");
    SW_TRY(chain_read(g, SW_PART_PCK_CHAIN, pck_chain, "PCK chain", 3, &g->pck_chain, err));
    sw_check_held(g->log, "3 certificates");
    SW_TRY(anchor_find(g, err));
    SW_TRY(pck_verify(g, c, err));
    return lists_verify(g, c, err);
}

/* ---- signers of collateral ---- */
sw_status sw_tcb_signer_verify(sw_tdx_ground *g, sw_bytes issuer_chain, const char *what,
                               sw_part **out, sw_p256_public *key, sw_error *err) {
    sw_cert *root = g->pck_chain->certs[ROOT];
    SW_TRY(chain_read(g, SW_PART_ISSUER_CHAIN, issuer_chain, what, 2, out, err));
    sw_part *part = *out;
    if (!sw_bytes_equal(part->blocks[1], sw_cert_der(root)))
        return REFUSE(err, "the %s does not end in the root of the PCK chain", what);
    SW_TRY(cert_read(g, part, SIGNER, what, err));
    SW_TRY(name_demand(part->certs[SIGNER], "Intel SGX TCB Signing", "collateral's signer", err));
    SW_TRY(leaf_demand(part->certs[SIGNER], "TCB signing certificate", err));
    SW_TRY(cert_dates(part->certs[SIGNER], "TCB signing certificate", &g->window, err));
    sw_cert *const chain[2] = {part->certs[SIGNER], root};
    const sw_part *list = g->root_list;
    sw_status status = under_lists(part, chain, 2, &list, 1, g->window.wall_ms, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "the %s", what);
        return status;
    }
    return sw_cert_key(part->certs[SIGNER], key, err);
}
