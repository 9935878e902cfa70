/* SPDX-License-Identifier: Apache-2.0
 *
 * A ledger as one block of a chain proves it. Pure: a view's bytes, a genesis and a block in, the
 * same folded ledger out as that of a local one. Docs: docs/formats/chain.md (CHN-040 to CHN-043).
 */
#ifndef SW_LEDGER_CHAIN_VIEW_H
#define SW_LEDGER_CHAIN_VIEW_H
#include "chain/chain.h"
#include "ledger/ledger.h"

#define SW_CHAIN_VIEW_LIMIT ((size_t)1 << 20)
#define SW_CHAIN_SLOT_COUNT 128
#define SW_CHAIN_ASK_COUNT  64
typedef struct sw_chain_opening {
    sw_hash compose, manifest;
    sw_p256_public recipient;
} sw_chain_opening;
/* What a reader wants to know beside the owners. An opening's compose is asked about with it,
 * whether or not it stands in `composes`: what revokes that ends the opening. */
typedef struct sw_chain_ask {
    const sw_hash *composes;
    size_t compose_count;
    const sw_chain_opening *openings;
    size_t opening_count;
} sw_chain_ask;

/* ---- making a view ---- */
/* The slots that an answer needs, ascending, without repetition: head, `places` owners, composes,
 * openings. `out` has room for SW_CHAIN_SLOT_COUNT; SW_LIMIT when that is too few. */
SW_NODISCARD sw_status sw_chain_slots(const sw_chain_ask *ask, size_t places, sw_word *out,
                                      size_t *count, sw_error *err);
typedef struct sw_chain_proof {
    sw_word slot;
    const sw_bytes *nodes;
    size_t count;
} sw_chain_proof;
/* SW_USAGE unless the slots are strictly ascending, SW_LIMIT above CHN-043. Nothing is verified. */
SW_NODISCARD sw_status sw_chain_view_encode(sw_bytes header, const sw_bytes *account,
                                            size_t account_count, const sw_chain_proof *storage,
                                            size_t storage_count, sw_buffer *out, sw_error *err);

/* ---- judging one ---- */
/* Number and hash of the block that a view is of, read from its header: for finding it. Everything
 * else in it is unverified. */
SW_NODISCARD sw_status sw_chain_view_block(sw_bytes view, sw_block *out, sw_error *err);
SW_NODISCARD sw_status sw_chain_view_head(sw_bytes view, sw_head *out, sw_error *err);
/* `at` is what the owner named. Refuses a view that lacks a slot which `ask` needs; others may be
 * there, since several questions share a view. SW_UNAUTHENTIC "proof" with the cause, SW_MALFORMED
 * "format" for what is no view, SW_REFUSED "ledger" for the genesis of a local ledger. Close with
 * sw_ledger_close. */
SW_NODISCARD sw_status sw_chain_view_verify(const sw_genesis *g, const sw_head *at, sw_bytes view,
                                            const sw_chain_ask *ask, sw_ledger **out,
                                            sw_error *err);

/* Is the contract as its constructor leaves it: the genesis' owners, these devices, no decision,
 * and nothing else at all in its storage (CHN-105)? For whoever is about to sign a genesis. The
 * view need hold the head and the owners alone. SW_REFUSED "ledger" when decisions have been made,
 * SW_UNAUTHENTIC "proof" when something else stands there. */
#define SW_CHAIN_DEVICE_COUNT 64
SW_NODISCARD sw_status sw_chain_view_check_new(const sw_genesis *g, const sw_head *at,
                                               sw_bytes view, const sw_hash *devices,
                                               size_t device_count, sw_error *err);

/* ---- what an owner's next word must say (CHN-012, CHN-022) ---- */
typedef struct sw_chain_turn {
    uint8_t place;
    bool active;
    uint64_t sequence;         /* that is due: the last one plus one */
    uint64_t app_round, round; /* the second of `compose`, 0 without one */
    uint64_t changes;          /* the next change is this plus one */
} sw_chain_turn;
/* For whoever has this address: at the place that is active, else at the last one. `compose` NULL:
 * none. SW_REFUSED "owner" when nobody has it; SW_USAGE for a compose hash not asked about. */
SW_NODISCARD sw_status sw_chain_turn_of(const sw_ledger *l, const sw_address *owner,
                                        const sw_hash *compose, sw_chain_turn *out, sw_error *err);
#endif
