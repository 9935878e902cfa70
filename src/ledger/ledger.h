/* SPDX-License-Identifier: Apache-2.0
 *
 * Ledger rules: pure functions from entries to answers. The same rules hold for every backend.
 * Docs: docs/formats/ledger.md (LDG-001 ...).
 *
 * Every entry is one owner's envelope whose payload is canonical JSON: {"app": G, "kind", "owner",
 * "sequence", ...}. Sequence counts each owner's own entries from 1: exactly the next one, but a
 * revocation may skip ahead (nobody can race it out by withholding). Rules:
 *  - a compose hash is approved when at least k owners' approve entries stand that came after the
 * last lift concerning it, and no revocation stands;
 *  - a revocation (of one compose hash, or of everything: compose absent) stands until its own
 * owner lifts it; no one else can;
 *  - opening is its own approval: manifest digest, recipient key, recipe's open quorum among the
 * owners of listed shards, no revocation standing.
 */
#ifndef SW_LEDGER_H
#define SW_LEDGER_H
#include "chain/chain.h"
#include "envelope/journal.h"
#include "recipe/recipe.h"

#define SW_OWNER_LIMIT        32
#define SW_LEDGER_ENTRY_LIMIT 100000
/* So that no owner can fill the ledger for the others; the last ones are for revocations alone. */
#define SW_LEDGER_OWNER_ENTRIES  3000
#define SW_LEDGER_OWNER_RESERVED 100
#define SW_GENESIS_LIMIT         ((size_t)64 << 10)
typedef struct sw_owner {
    char name[65];
    sw_hash id;
    sw_p256_public identity_key, encryption_key;
    sw_address address; /* of the chain key; zero on a local ledger */
} sw_owner;
typedef enum sw_ledger_backend { SW_LEDGER_LOCAL, SW_LEDGER_ETHEREUM } sw_ledger_backend;
typedef struct sw_genesis {
    char name[65];
    sw_hash hash; /* G = SHA-256(payload) */
    uint32_t quorum;
    sw_ledger_backend backend;
    sw_app_place chain; /* and of its contract the code: zero on a local ledger (CHN-001) */
    sw_hash code_hash;
    size_t owner_count;
    sw_owner owners[SW_OWNER_LIMIT]; /* sorted by id */
} sw_genesis;
/* Draft payload (canonical JSON, fresh nonce), to be signed by all. 1 <= quorum <= n, distinct
 * owners. `chain` NULL: a local ledger. */
typedef struct sw_genesis_chain {
    sw_app_place at;
    sw_hash code_hash;
} sw_genesis_chain;
SW_NODISCARD sw_status sw_genesis_draft(const char *name, uint32_t quorum, const sw_owner *owners,
                                        size_t count, const sw_genesis_chain *chain,
                                        const sw_entropy *e, sw_buffer *payload, sw_error *err);
/* Canonical payload to genesis: for a draft that nobody has signed yet. */
SW_NODISCARD sw_status sw_genesis_parse(sw_bytes payload, sw_genesis *out, sw_error *err);
/* Parses the payload of a join envelope; every signature must be a named owner's; `complete`
 * demands valid signatures of all n owners (else SW_REFUSED "quorum" naming who is missing). */
SW_NODISCARD sw_status sw_genesis_open(sw_arena *arena, sw_bytes envelope, bool complete,
                                       sw_genesis *out, sw_error *err);
const sw_owner *sw_genesis_owner(const sw_genesis *g,
                                 const sw_hash *id); /* NULL when not an owner */
/* First 20 bytes of G; on a chain the contract's address. */
void sw_genesis_app_id(const sw_genesis *g, uint8_t out[20]);

/* ---- entries: each makes a signed envelope ---- */
typedef struct sw_entry {
    sw_payload_kind kind; /* APPROVE, REVOKE, LIFT, OPEN */
    sw_hash genesis, owner;
    uint64_t sequence;
    bool everything;          /* REVOKE, LIFT: the whole app */
    sw_hash compose;          /* APPROVE, REVOKE, LIFT (unless everything), OPEN */
    sw_hash manifest;         /* OPEN: SHA-256 of the manifest's payload */
    sw_p256_public recipient; /* OPEN: encryption key */
} sw_entry;
SW_NODISCARD sw_status sw_entry_sign(const sw_entry *entry, const sw_identity_key *key,
                                     sw_buffer *envelope, sw_error *err);
/* Owner's key from the genesis alone. */
SW_NODISCARD sw_status sw_entry_open(sw_arena *arena, sw_bytes envelope, const sw_genesis *g,
                                     sw_entry *out, sw_error *err);

/* ---- state: fold entries in order ---- */
typedef struct sw_ledger sw_ledger;
/* Of a local ledger. On a chain a state comes from a view (chain_view.h), and here, in apply, check
 * and load, its genesis is refused: SW_REFUSED "ledger". */
SW_NODISCARD sw_status sw_ledger_open(const sw_genesis *g, sw_ledger **out, sw_error *err);
void sw_ledger_close(sw_ledger **l);
/* Checks signature, sequence, and sense (lifting what was not revoked, approving twice in one
 * round: SW_REFUSED "ledger"); then applies. */
SW_NODISCARD sw_status sw_ledger_apply(sw_ledger *l, const sw_head *at, sw_bytes envelope,
                                       sw_error *err);
/* As apply, without changing anything: may this entry be appended now? */
SW_NODISCARD sw_status sw_ledger_check(const sw_ledger *l, sw_bytes envelope, sw_error *err);
/* Applies what is new in the journal; the state's head must be on it (else "rollback"). When an
 * entry is refused the state stays at the one before it. */
SW_NODISCARD sw_status sw_ledger_load(sw_ledger *l, sw_journal *j, sw_error *err);
sw_head sw_ledger_head(const sw_ledger *l);
uint64_t sw_ledger_sequence(const sw_ledger *l, const sw_hash *owner); /* last used, 0 when none */
/* May this owner approve and revoke now (CHN-025)? On a local ledger every owner of the genesis. */
bool sw_ledger_owner_active(const sw_ledger *l, const sw_hash *owner);

/* An owner added on a chain after the genesis has as id 12 zero bytes and the address (CHN-100). */
typedef struct sw_approval {
    uint32_t approvals, quorum;
    bool approved;
    size_t revoker_count;
    sw_hash
        revokers[SW_OWNER_LIMIT]; /* owners with a standing revocation that concerns this hash */
    size_t approver_count;
    sw_hash approvers[SW_OWNER_LIMIT];
} sw_approval;
void sw_ledger_approval(const sw_ledger *l, const sw_hash *compose, sw_approval *out);
/* SW_OK when approved; SW_REFUSED "revoked" naming who, or "quorum" with the count. */
SW_NODISCARD sw_status sw_ledger_check_run(const sw_ledger *l, const sw_hash *compose,
                                           sw_error *err);
/* Does every owner of a listed shard still stand in the app? On a chain owners can be removed:
 * SW_REFUSED "removed" naming who (CHN-026). A local ledger removes nobody. */
SW_NODISCARD sw_status sw_ledger_check_owners(const sw_ledger *l, const sw_recipe *recipe,
                                              sw_error *err);
/* May this manifest be opened to this recipient, by this recipe's open quorum? */
SW_NODISCARD sw_status sw_ledger_check_open(const sw_ledger *l, const sw_recipe *recipe,
                                            const sw_hash *compose, const sw_hash *manifest,
                                            const sw_p256_public *recipient, sw_error *err);
/* People's view, JSON view. */
SW_NODISCARD sw_status sw_ledger_show(const sw_ledger *l, bool json, sw_buffer *out, sw_error *err);
#endif
