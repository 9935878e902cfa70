/* SPDX-License-Identifier: Apache-2.0
 *
 * What an Ethereum chain's data says, as pure functions: RLP, Merkle-Patricia proofs, headers, ABI
 * words, EIP-712 digests, EIP-1559 transactions. No sockets, no clocks; every input is hostile.
 * Docs: docs/formats/chain.md (CHN-...); sources: the Ethereum yellow paper (appendices B to D, F),
 * EIP-712, EIP-1559, EIP-2718.
 */
#ifndef SW_CHAIN_CHAIN_H
#define SW_CHAIN_CHAIN_H
#include "crypto/secp256k1.h"

#define SW_ADDRESS_BYTES      20
#define SW_CHAIN_HEADER_LIMIT ((size_t)2048)
#define SW_CHAIN_NODE_LIMIT   ((size_t)1024)
#define SW_CHAIN_PROOF_COUNT  64
typedef struct sw_address {
    uint8_t b[SW_ADDRESS_BYTES];
} sw_address;
typedef struct sw_word { /* 256 bits, big-endian */
    uint8_t b[32];
} sw_word;

/* ---- RLP: one value, one spelling ---- */
typedef struct sw_rlp_item {
    bool list;
    sw_bytes payload; /* view: the string's bytes, or the items of the list */
    sw_bytes span;    /* with its prefix */
} sw_rlp_item;
/* Takes the next item from `rest`, without looking into it: nothing here goes deep. Refuses
 * prefixes longer than needed and what ends early: SW_MALFORMED "format". */
SW_NODISCARD sw_status sw_rlp_next(sw_bytes *rest, sw_rlp_item *out, sw_error *err);
/* A string of at most 8 bytes without leading zeros. */
SW_NODISCARD sw_status sw_rlp_u64(const sw_rlp_item *item, uint64_t *out, sw_error *err);
void sw_rlp_put_string(sw_buffer *out, sw_bytes s);
void sw_rlp_put_u64(sw_buffer *out, uint64_t v);
void sw_rlp_put_list(sw_buffer *out, sw_bytes items); /* items: encoded one after another */

/* ---- Merkle-Patricia proofs ---- */
/* What stands at keccak-256(key) under `root`, by nodes from the root downward. *value is a view
 * into the last node; size 0 and SW_OK when the nodes prove that nothing stands there. All nodes
 * must be used. `root` of an empty trie needs no node. SW_UNAUTHENTIC "proof" says which node. */
SW_NODISCARD sw_status sw_trie_prove(const sw_hash *root, sw_bytes key, const sw_bytes *nodes,
                                     size_t count, sw_bytes *value, sw_error *err);

/* ---- headers ---- */
/* Number and time are below 2^53. SW_MALFORMED "format". */
typedef struct sw_block {
    sw_hash hash, parent, state_root;
    uint64_t number, time_s;
} sw_block;
SW_NODISCARD sw_status sw_block_parse(sw_bytes rlp, sw_block *out, sw_error *err);
static inline int64_t sw_block_ms(const sw_block *block) { /* its time, since 1970 */
    return (int64_t)block->time_s * 1000;                  /* below 2^63 */
}
/* nonce, balance, storage root, code hash. SW_MALFORMED "format". */
typedef struct sw_account {
    sw_hash storage_root, code_hash;
} sw_account;
SW_NODISCARD sw_status sw_account_parse(sw_bytes rlp, sw_account *out, sw_error *err);

/* ---- the contract's words (CHN-010) ---- */
enum {
    SW_SLOT_HEAD = 0,
    SW_SLOT_OWNERS = 1,
    SW_SLOT_COMPOSES = 33,
    SW_SLOT_OPENINGS = 34,
    SW_SLOT_DEVICES = 35,
    SW_PLACE_LIMIT = 32
};
typedef struct sw_app_head {
    uint32_t active, everything;
    uint8_t places, quorum;
    uint64_t round, changes;
    bool allow_any_device, require_tcb_up_to_date;
} sw_app_head;
typedef struct sw_app_owner {
    sw_address account;
    uint64_t sequence;
} sw_app_owner;
typedef struct sw_app_decision { /* of a compose hash, or an opening (no revocations) */
    uint32_t approvals, revocations;
    uint64_t app_round, round;
} sw_app_decision;
typedef struct sw_stored_word {
    sw_word slot, value;
} sw_stored_word;
/* The word that a storage proof's value is: the RLP of its bytes without leading zeros; a value of
 * no bytes is the word 0. SW_UNAUTHENTIC "proof". */
SW_NODISCARD sw_status sw_word_parse(sw_bytes value, sw_word *out, sw_error *err);
/* The root of a storage that holds these words and nothing else; words of zero are not there, in
 * any order. SW_USAGE for a slot that stands twice, SW_LIMIT above SW_STORED_LIMIT. */
#define SW_STORED_LIMIT 160
SW_NODISCARD sw_status sw_storage_root(const sw_stored_word *words, size_t count, sw_hash *root,
                                       sw_error *err);
/* Bits that no member has must be zero: SW_UNAUTHENTIC "proof". */
SW_NODISCARD sw_status sw_app_head_read(const sw_word *w, sw_app_head *out, sw_error *err);
SW_NODISCARD sw_status sw_app_owner_read(const sw_word *w, sw_app_owner *out, sw_error *err);
SW_NODISCARD sw_status sw_app_compose_read(const sw_word *w, sw_app_decision *out, sw_error *err);
SW_NODISCARD sw_status sw_app_opening_read(const sw_word *w, sw_app_decision *out, sw_error *err);
void sw_slot_of_place(sw_word *out, uint8_t place);
void sw_slot_of_compose(sw_word *out, const sw_hash *compose);
void sw_opening_id(sw_hash *out, const sw_hash *compose, const sw_hash *manifest,
                   const sw_p256_public *recipient);
void sw_slot_of_opening(sw_word *out, const sw_hash *opening);
void sw_slot_of_device(sw_word *out, const sw_hash *device);

/* ---- what owners sign (CHN-020) ---- */
typedef enum sw_app_act { SW_ACT_APPROVE, SW_ACT_OPEN, SW_ACT_REVOKE, SW_ACT_LIFT } sw_app_act;
typedef struct sw_app_say {
    sw_app_act act;
    sw_hash compose, manifest, recipient; /* recipient: SHA-256 of the key; zero where unused */
    bool everything;
    uint64_t app_round, round, sequence;
} sw_app_say;
typedef struct sw_app_place { /* where it is said */
    uint64_t chain;
    sw_address contract;
} sw_app_place;
void sw_app_say_digest(sw_hash *out, const sw_app_place *at, const sw_app_say *say);
/* Call data of CHN-023; `signature` r || s || v with v 0 or 1, NULL: empty (the sender is the
 * owner). */
void sw_app_say_call(sw_buffer *out, const sw_app_say *say, uint8_t place,
                     const uint8_t signature[SW_SECP256K1_SIG_BYTES]);
/* The inverse, for calls that somebody else made: any of the four acts with a signature of 65
 * bytes. It must be byte for byte what sw_app_say_call makes of it, so nothing else is carried out
 * under the sender's name. *signature has v 0 or 1; nothing is verified. SW_MALFORMED "format". */
SW_NODISCARD sw_status sw_app_say_parse(sw_bytes call, sw_app_say *out, uint8_t *place,
                                        uint8_t signature[SW_SECP256K1_SIG_BYTES], sw_error *err);
typedef struct sw_app_change {
    const sw_address *add;
    const uint8_t *remove;
    const sw_hash *add_devices, *remove_devices;
    size_t add_count, remove_count, add_device_count, remove_device_count;
    uint8_t quorum;
    bool allow_any_device, require_tcb_up_to_date;
    uint64_t change;
} sw_app_change;
/* At most SW_PLACE_LIMIT are added and removed; the digest of more is zero, which no owner's
 * signature is of. */
void sw_app_change_digest(sw_hash *out, const sw_app_place *at, const sw_app_change *c);
void sw_app_change_call(sw_buffer *out, const sw_app_change *c, const uint8_t *places,
                        const uint8_t (*signatures)[SW_SECP256K1_SIG_BYTES], size_t count);
/* Creation code and constructor's words: constructor(address[] owners, uint8 quorum, bool
 * allowAnyDevice, bytes32[] devices, bool requireTcbUpToDate). */
void sw_app_deploy_code(sw_buffer *out, const sw_address *owners, size_t count, uint8_t quorum,
                        bool allow_any_device, const sw_hash *devices, size_t device_count,
                        bool require_tcb_up_to_date);
extern const sw_hash sw_chain_code_hash; /* of the runtime code that this release deploys */
/* That, or the code of an earlier release whose storage and rules are the same (CHN-003). */
bool sw_chain_code_known(const sw_hash *code_hash);
/* A revert's data in words: a custom error of CHN-024, Error(string) with its text escaped and
 * cut, or "reverted without a reason". */
void sw_app_revert_text(sw_buffer *out, sw_bytes data);

/* ---- transactions (EIP-1559) ---- */
typedef struct sw_transaction {
    uint64_t chain, nonce, gas;
    uint64_t max_fee, max_priority_fee; /* wei a unit of gas */
    const sw_address *to;               /* NULL: makes a contract */
    sw_bytes data;                      /* no value is ever sent */
} sw_transaction;
/* The raw transaction, signed; *hash is its id. */
SW_NODISCARD sw_status sw_transaction_sign(const sw_transaction *t, const sw_chain_key *key,
                                           sw_buffer *raw, sw_hash *hash, sw_error *err);
/* The address of a contract that `from` makes with this nonce. */
void sw_contract_address(sw_address *out, const sw_address *from, uint64_t nonce);
/* EIP-55 text, 42 characters and NUL; reading takes all-lower-case or a right checksum alone. */
void sw_address_text(char out[43], const sw_address *a);
SW_NODISCARD sw_status sw_address_parse(sw_bytes text, sw_address *out, sw_error *err);
#endif
