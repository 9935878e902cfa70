/* SPDX-License-Identifier: Apache-2.0
 *
 * The key service's clients: an owner (ledger, unlock) and a machine (keys). Docs:
 * docs/formats/kms.md.
 */
#ifndef SW_KMS_CLIENT_H
#define SW_KMS_CLIENT_H
#include "http/http.h"
#include "identity/identity.h"
#include "kms/audit.h"
#include "ledger/rpc.h"
#include "machine/machine.h"
#include "manifest/grant.h"
#include "seal/consent.h"

/* ---- ledger: self-certifying data, no attestation needed ---- */
typedef struct sw_remote sw_remote; /* one connection to one KMS */
SW_NODISCARD sw_status sw_remote_open(const char *url, const sw_entropy *e, sw_remote **out,
                                      sw_error *err);
void sw_remote_close(sw_remote **r);
/* How long each later request may take, and all of them together from now on: behind that none is
 * answered (SW_UNAVAILABLE). A ledger of many pages takes many requests. */
void sw_remote_patience(sw_remote *r, int64_t each_ms, int64_t all_ms);
/* The caller's own node, which shows an app's chain (CHN-060); the caller's until the close. */
void sw_remote_node(sw_remote *r, sw_rpc *node);
SW_NODISCARD sw_status
sw_remote_found(sw_remote *r, sw_bytes genesis_envelope,
                sw_error *err); /* registers a complete genesis; idempotent */
/* The ledger's entries as a memory journal, verified entry by entry under `g`. Of a ledger that
 * the key service keeps: it has none of a chain's. */
SW_NODISCARD sw_status sw_remote_ledger(sw_remote *r, const sw_genesis *g, sw_journal **journal,
                                        sw_ledger **ledger, sw_error *err);
SW_NODISCARD sw_status sw_remote_append(sw_remote *r, const sw_genesis *g, sw_bytes entry_envelope,
                                        sw_head *head, sw_error *err);
/* An app on a chain: the signed call that revokes (CHN-304), so that it counts before it is mined.
 * Idempotent. */
SW_NODISCARD sw_status sw_remote_revoke(sw_remote *r, const sw_genesis *g, sw_bytes call,
                                        sw_error *err);

/* Is it there, and still the process that this connection met? SW_UNAVAILABLE when nobody answers,
 * SW_UNAUTHENTIC when another process does. */
SW_NODISCARD sw_status sw_remote_probe(sw_remote *r, const sw_genesis *g, sw_error *err);

/* ---- owner: look at the KMS, then give it one's word ---- */
typedef struct sw_kms_facts {
    sw_hash boot_nonce;
    sw_p256_public root, receipt, tls;
    sw_head audit;
    sw_claims claims;
    sw_head ledger;   /* that the unlock statement named */
    int64_t block_ms; /* on a chain, when that block was made; else 0 */
} sw_kms_facts;
/* Challenges the KMS with a fresh nonce and verifies its evidence by the owner's own reference:
 * images, compose hash, report data `kms-root`, TLS key of this connection. */
SW_NODISCARD sw_status sw_remote_look(sw_remote *r, const sw_kms_reference *reference,
                                      int64_t wall_ms, sw_kms_facts *out, sw_error *err);
/* Looks, checks that the ledger and audit log contain what this owner has seen, signs the unlock
 * statement and hands it over with the secret (HPKE-sealed to the root). Updates `seen`, and holds
 * the identity meanwhile. An app on a chain needs the owner's own node (sw_remote_node): its newest
 * final block is what the statement names, and what this owner saw last must not be newer. */
SW_NODISCARD sw_status sw_remote_unlock(sw_remote *r, const sw_kms_reference *reference,
                                        const sw_genesis *g, sw_identity *owner,
                                        const sw_entropy *e, const sw_clock *clock,
                                        sw_kms_facts *facts, sw_error *err);

/* Follows the audit log from facts->audit, as a word was given: each entry must be signed by
 * facts->receipt. The newest head is kept as seen, in `owner` and in *facts: SW_UNAUTHENTIC when
 * the log does not grow out of what was seen. */
SW_NODISCARD sw_status sw_remote_follow(sw_remote *r, const sw_genesis *g, sw_identity *owner,
                                        sw_kms_facts *facts, sw_error *err);

/* ---- anyone: the audit log ---- */
/* The whole log as a journal export, its chain recomputed, its entries not yet verified. */
SW_NODISCARD sw_status sw_remote_audit(sw_remote *r, sw_buffer *json, sw_error *err);
typedef struct sw_audit_summary {
    sw_hash id; /* of the log: hash of the root key */
    sw_head head;
    uint64_t starts, unlocks, grants, refusals;
    uint64_t revocations; /* handed over by owners of apps on chains */
    /* Starts that no word of the app's owners is about: how many, and the first ones' entries. */
    uint64_t alone_count, alone[SW_AUDIT_ALONE_COUNT];
} sw_audit_summary;
/* Chain, form, every signature and the numbers of grants of an exported log. With `g` (may be NULL)
 * the statements of that app's owners in it, too: each must be about the start that it stands in,
 * and no grant of the app stands in another one. Whether it is the whole log is for owners to say:
 * each knows a head of it. */
SW_NODISCARD sw_status sw_audit_verify(sw_bytes json, const sw_genesis *g, sw_audit_summary *out,
                                       sw_error *err);

/* ---- machine: keys for all listed shards, or none ---- */
typedef struct sw_key_request {
    sw_purpose purpose;
    sw_bytes app_compose, genesis_envelope;
    const sw_genesis *genesis;
    const sw_recipe *recipe;
    const sw_consent *consents; /* recipe->shard_count, in the recipe's order */
    sw_machine *machine;
    const sw_session_key
        *manifest_key; /* the machine's: bound in report data and named in the receipt */
    sw_p256_public manifest_public;
    sw_hash open_manifest; /* purpose OPEN: what is opened, and to whom */
    sw_p256_public open_recipient;
    uint64_t renew_grant; /* 0: a new grant; else renews that grant's lease with fresh evidence */
    /* Judges the KMS's own evidence, beside the owners' statements about it (KMS-054). */
    const sw_kms_reference *reference;
    sw_verifier *verifier; /* of the KMS's evidence, kept between requests; may be NULL */
} sw_key_request;
typedef struct sw_granted {
    sw_hpke_keys *keys[SW_SHARD_LIMIT]; /* secret memory; sw_granted_free */
    size_t count;
    sw_grant grant;
    sw_buffer receipt;    /* the grant envelope */
    sw_buffer statements; /* canonical JSON array of unlock envelopes that the decision rested on */
    sw_buffer evidence;   /* the machine's evidence that was judged: goes into evidence.json */
    sw_hash challenge; /* with the next three, what an offline verifier recomputes that evidence's
                          report data from */
    sw_p256_public own_tls, peer_tls, response;
    sw_buffer ledger; /* journal export at the time of the decision; on a chain the views */
} sw_granted;
void sw_granted_drop_keys(sw_granted *g); /* wipes them; the rest stays */
void sw_granted_free(sw_granted *g);      /* wipes */
/* Challenge, mutual attestation, request, HPKE-sealed answer; verifies the receipt. On refusal the
 * KMS's word and sentence are passed on. */
SW_NODISCARD sw_status sw_remote_keys(sw_remote *r, const sw_key_request *q, const sw_entropy *e,
                                      int64_t wall_ms, sw_granted *out, sw_error *err);
#endif
