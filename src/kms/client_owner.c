/* SPDX-License-Identifier: Apache-2.0
 *
 * An owner's client: look at a key service, then give it one's word. Format: docs/formats/kms.md
 * (KMS-030 ... KMS-032, KMS-040 ... KMS-044).
 *
 * The idea: nothing is signed before the service's evidence holds against the owner's own
 * reference, the ledger holds what the owner saw last, and the audit log grew out of what the owner
 * saw last. What the log grows by afterwards the owner's watch follows, entry by entry under the
 * receipt key that the evidence named, so that a grant is not rolled back unseen. Keys are read
 * first, so that typing a passphrase does not use up the look's 60 s; then the identity is held
 * until what was seen is stored, and the time of the word is read under that.
 */
#include "kms/audit.h"
#include "kms/client_internal.h"

#include <string.h>

/* ---- looking ---- */
static sw_status check_facts(const sw_kms_self *self, sw_bytes evidence, const sw_hash *nonce,
                             const sw_kms_reference *reference, int64_t wall_ms,
                             const sw_p256_public *server, sw_claims *claims, sw_error *err) {
    sw_report_data expected;
    if (!sw_p256_equal(&self->tls, server))
        return sw_fail(err, SW_UNAUTHENTIC, "evidence",
                       "the key service speaks of another connection than this one");
    sw_report_kms_root(&expected, nonce, &self->boot_nonce, &self->root, &self->receipt,
                       &self->tls);
    const sw_question question = {.report = &expected, .compose = &reference->compose};
    return sw_attest(evidence, &reference->policy, wall_ms, &question, claims, err);
}

sw_status sw_remote_look(sw_remote *r, const sw_kms_reference *reference, int64_t wall_ms,
                         sw_kms_facts *out, sw_error *err) {
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    SW_SCOPED(sw_arena) arena = {0};
    sw_kms_facts made = {0};
    sw_p256_public server;
    sw_kms_self self;
    sw_hash nonce;
    SW_TRY(sw_entropy_fill(&r->entropy, nonce.b, sizeof nonce.b, err));
    SW_TRY(
        sw_remote_call(r, "POST", SW_KMS_LOOK_PATH, SW_BYTES_OF(nonce.b), &answer, &server, err));
    sw_reader reader = sw_reader_of(sw_buffer_bytes(&answer));
    sw_bytes facts = sw_read_field(&reader, SW_KMS_FACTS_LIMIT);
    sw_bytes evidence = sw_read_field(&reader, SW_EVIDENCE_LIMIT);
    SW_TRY(sw_reader_finish(&reader, "the key service's answer", err));
    SW_TRY(sw_kms_self_parse(&arena, facts, &self, err));
    SW_TRY(check_facts(&self, evidence, &nonce, reference, wall_ms, &server, &made.claims, err));
    made.boot_nonce = self.boot_nonce;
    made.root = self.root;
    made.receipt = self.receipt;
    made.tls = self.tls;
    made.audit = self.audit;
    *out = made;
    return SW_OK;
}

/* ---- what this owner has seen ---- */
/* Audit logs belong to a root key, so heads of them are kept by app and root. */
static void audit_place(sw_hash *out, const sw_genesis *g, const sw_p256_public *root) {
    const sw_bytes fields[] = {SW_BYTES_OF(g->hash.b), SW_BYTES_OF(root->b)};
    sw_bind_sha256(out, "sealwright/audit-seen/v1", fields, 2);
}

typedef struct chain { /* from a head that was seen to one that is claimed */
    sw_hash id;
    sw_head at, target;
    const sw_p256_public *receipt; /* must have signed each entry; NULL: not asked */
} chain;

/* JRN-003, one entry on. */
static sw_status follow(void *context, sw_bytes envelope, sw_error *err) {
    chain *c = context;
    SW_SCOPED(sw_arena) arena = {0};
    sw_envelope e;
    sw_hash next;
    SW_TRY(sw_envelope_parse(&arena, envelope, &e, err));
    if (c->receipt != NULL) SW_TRY(sw_envelope_verify(&e, SW_PAYLOAD_AUDIT, c->receipt, err));
    c->at.index++;
    sw_journal_chain(&c->id, c->at.index, &c->at.hash, &e, &next);
    c->at.hash = next;
    return c->at.index == c->target.index ? SW_EXISTS : SW_OK;
}

static sw_status put_back(sw_error *err) {
    sw_status status = sw_fail(err, SW_UNAUTHENTIC, "rollback",
                               "the key service's audit log is not the one that was seen before");
    sw_error_hint(err, "somebody has put back or replaced it; do not unlock, and ask its operator");
    return status;
}

static sw_status check_audit(sw_remote *r, const sw_head *seen, const sw_kms_facts *facts,
                             sw_error *err) {
    chain c = {.at = *seen, .target = facts->audit};
    sw_head head;
    if (seen->index == 0) return SW_OK; /* the first look at this root */
    sw_audit_id(&c.id, &facts->root);
    if (seen->index < facts->audit.index)
        SW_TRY(
            sw_remote_pages(r, SW_KMS_AUDIT_PATH, &c.id, seen->index + 1, follow, &c, &head, err));
    return sw_head_equal(&c.at, &facts->audit) ? SW_OK : put_back(err);
}

/* CHN-060: what this owner's own node calls final, and never an older block than before. */
static sw_status check_chain(sw_remote *r, const sw_genesis *g, sw_seen *seen, int64_t *made_ms,
                             sw_error *err) {
    sw_head final;
    if (r->node == NULL) {
        sw_status status =
            sw_fail(err, SW_USAGE, "usage",
                    "the app's ledger is on chain %llu: a node of yours must show it",
                    (unsigned long long)g->chain.chain);
        sw_error_hint(err, "give it with --rpc");
        return status;
    }
    SW_TRY(sw_rpc_check_chain(r->node, g->chain.chain, err));
    SW_TRY(sw_rpc_final(r->node, &final, made_ms, err));
    SW_TRY(sw_rpc_check_seen(r->node, &seen->ledger, &final, err));
    seen->ledger = final;
    return SW_OK;
}

static sw_status check_ledger(sw_remote *r, const sw_genesis *g, sw_seen *seen, int64_t *made_ms,
                              sw_error *err) {
    if (g->backend == SW_LEDGER_ETHEREUM) return check_chain(r, g, seen, made_ms, err);
    sw_journal *journal = NULL;
    sw_ledger *ledger = NULL;
    SW_TRY(sw_remote_ledger(r, g, &journal, &ledger, err));
    sw_status status = SW_OK;
    if (seen->ledger.index > 0) status = sw_journal_contains(journal, &seen->ledger, err);
    if (status == SW_OK) seen->ledger = sw_journal_head(journal);
    sw_ledger_close(&ledger);
    sw_journal_close(&journal);
    return status;
}

/* ---- giving one's word ---- */
static sw_status seal_secret(const sw_unlock_statement *s, sw_bytes envelope,
                             const sw_unlock_secret *secret, const sw_entropy *e, sw_buffer *out,
                             sw_error *err) {
    uint8_t enc[SW_HPKE_ENC_BYTES], sealed[SW_KMS_SECRET_BYTES];
    SW_SCOPED(sw_buffer) info = SW_BUFFER(512);
    SW_SCOPED_SECRET(sw_hpke_keys) keys = sw_hpke_keys_new();
    if (keys == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    sw_kms_unlock_info(&info, &s->genesis, &s->owner, &s->boot_nonce, envelope);
    SW_TRY(sw_buffer_check(&info, "an unlock request", err));
    const sw_hpke_info binding = {.info = sw_buffer_bytes(&info)};
    SW_TRY(sw_hpke_setup_sender(e, &s->root, &binding, enc, keys, err));
    SW_TRY(sw_hpke_seal(keys, (sw_bytes){0}, SW_BYTES_OF(secret->b), sealed, err));
    sw_put_field(out, envelope);
    sw_put_field(out, SW_BYTES_OF(enc));
    sw_put_field(out, SW_BYTES_OF(sealed));
    return sw_buffer_check(out, "an unlock request", err);
}

typedef struct owner_keys {
    const sw_identity_key *signing; /* held by the identity */
    sw_unlock_secret *secret;
    bool missing; /* the secret */
} owner_keys;

static sw_status send_word(sw_remote *r, const sw_unlock_statement *s, const owner_keys *keys,
                           const sw_entropy *e, sw_head *audit, sw_error *err) {
    char path[SW_KMS_PATH_BYTES];
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(SW_KMS_STATEMENT_LIMIT);
    SW_SCOPED(sw_buffer) body = SW_BUFFER(2 * SW_KMS_STATEMENT_LIMIT);
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(SW_KMS_FACTS_LIMIT);
    SW_SCOPED(sw_arena) arena = {0};
    SW_TRY(sw_unlock_sign(s, keys->signing, &envelope, err));
    SW_TRY(seal_secret(s, sw_buffer_bytes(&envelope), keys->secret, e, &body, err));
    sw_remote_app_path(path, &s->genesis, "/unlock");
    SW_TRY(sw_remote_call(r, "POST", path, sw_buffer_bytes(&body), &answer, NULL, err));
    return sw_head_parse(&arena, sw_buffer_bytes(&answer), "audit", audit, err);
}

/* ID-023: who has spoken to this root had a secret then. A new one in its place opens nothing that
 * was consented to, so it is made by `consent` alone. */
static sw_status need_secret(sw_identity *owner, const sw_genesis *g, bool spoke,
                             sw_unlock_secret *secret, sw_error *err) {
    sw_status status = sw_identity_unlock_secret(owner, &g->hash, !spoke, secret, err);
    if (status == SW_MISSING)
        sw_error_hint(err, "it was erased, or lost: a copy of the identity has it in unlock/; else "
                           "`sealwright consent` makes a new one, and consents before that open "
                           "nothing");
    return status;
}

/* The identity is held. */
static sw_status give_word(sw_remote *r, const sw_kms_reference *reference, const sw_genesis *g,
                           sw_identity *owner, const owner_keys *keys, const sw_entropy *e,
                           const sw_clock *clock, sw_kms_facts *facts, sw_error *err) {
    int64_t wall_ms = clock->wall_ms(clock->context);
    sw_kms_facts looked;
    sw_seen seen = {0}, audit_seen = {0};
    sw_hash place;
    SW_TRY(sw_remote_look(r, reference, wall_ms, &looked, err));
    looked.block_ms = 0;
    audit_place(&place, g, &looked.root);
    SW_TRY(sw_identity_load_seen(owner, &g->hash, &seen, err));
    SW_TRY(sw_identity_load_seen(owner, &place, &audit_seen, err));
    SW_TRY(check_ledger(r, g, &seen, &looked.block_ms, err));
    SW_TRY(check_audit(r, &audit_seen.audit, &looked, err));
    if (keys->missing) SW_TRY(need_secret(owner, g, audit_seen.audit.index > 0, keys->secret, err));
    const sw_unlock_statement s = {.genesis = g->hash,
                                   .owner = sw_identity_card(owner)->id,
                                   .boot_nonce = looked.boot_nonce,
                                   .root = looked.root,
                                   .receipt = looked.receipt,
                                   .ledger = seen.ledger,
                                   .audit = looked.audit,
                                   .time_ms = wall_ms,
                                   .sequence = (uint64_t)wall_ms};
    SW_TRY(send_word(r, &s, keys, e, &looked.audit, err));
    audit_seen.audit = looked.audit; /* with this word's own entry */
    looked.ledger = seen.ledger;
    SW_TRY(sw_identity_store_seen(owner, &g->hash, &seen, err));
    SW_TRY(sw_identity_store_seen(owner, &place, &audit_seen, err));
    *facts = looked;
    return SW_OK;
}

sw_status sw_remote_unlock(sw_remote *r, const sw_kms_reference *reference, const sw_genesis *g,
                           sw_identity *owner, const sw_entropy *e, const sw_clock *clock,
                           sw_kms_facts *facts, sw_error *err) {
    if (sw_genesis_owner(g, &sw_identity_card(owner)->id) == NULL)
        return sw_fail(err, SW_REFUSED, "owner", "this identity is no owner of the app");
    SW_SCOPED_SECRET(sw_unlock_secret) secret = sw_unlock_secret_new();
    if (secret == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a secret");
    owner_keys keys = {.secret = secret};
    SW_TRY(sw_identity_signing_key(owner, &keys.signing, err));
    sw_status status = sw_identity_unlock_secret(owner, &g->hash, false, secret, err);
    keys.missing = status == SW_MISSING;
    if (status != SW_OK && !keys.missing) return status;
    SW_TRY(sw_identity_hold(owner, SW_IDENTITY_WAIT_MS, err));
    status = give_word(r, reference, g, owner, &keys, e, clock, facts, err);
    sw_identity_release(owner);
    return status;
}

/* ---- between two words ---- */
/* Another program of this owner may have seen more meanwhile. The identity is held. */
static sw_status keep_audit(sw_identity *owner, const sw_hash *place, const sw_head *at,
                            sw_error *err) {
    sw_seen seen;
    SW_TRY(sw_identity_load_seen(owner, place, &seen, err));
    if (seen.audit.index >= at->index) return SW_OK;
    seen.audit = *at;
    return sw_identity_store_seen(owner, place, &seen, err);
}

sw_status sw_remote_follow(sw_remote *r, const sw_genesis *g, sw_identity *owner,
                           sw_kms_facts *facts, sw_error *err) {
    chain c = {.at = facts->audit, .target = {.index = UINT64_MAX}, .receipt = &facts->receipt};
    sw_head head;
    sw_hash place;
    sw_audit_id(&c.id, &facts->root);
    SW_TRY(sw_remote_pages(r, SW_KMS_AUDIT_PATH, &c.id, c.at.index + 1, follow, &c, &head, err));
    if (!sw_head_equal(&c.at, &head)) return put_back(err);
    if (c.at.index == facts->audit.index) return SW_OK;
    audit_place(&place, g, &facts->root);
    SW_TRY(sw_identity_hold(owner, SW_IDENTITY_WAIT_MS, err));
    sw_status status = keep_audit(owner, &place, &c.at, err);
    sw_identity_release(owner);
    if (status == SW_OK) facts->audit = c.at;
    return status;
}
