/* SPDX-License-Identifier: Apache-2.0
 *
 * The folded state: what stands now, as one bit an owner (SW_OWNER_LIMIT is 32). Bit i is owner i
 * of the genesis; on a chain also whoever was added later, at the place i (CHN-004, CHN-100).
 */
#ifndef SW_LEDGER_INTERNAL_H
#define SW_LEDGER_INTERNAL_H
#include "ledger/ledger.h"

typedef struct sw_compose_state {
    sw_hash compose;
    uint32_t approvals, revocations;
    uint64_t round; /* on a chain: of this compose hash (CHN-012) */
} sw_compose_state;
typedef struct sw_open_state {
    sw_hash compose, manifest;
    sw_p256_public recipient;
    uint32_t approvals;
} sw_open_state;

struct sw_ledger {
    sw_genesis genesis;
    sw_head head;
    size_t places;   /* owners: those of the genesis, and on a chain those added later */
    uint32_t active; /* who may approve now; all, on a local ledger */
    uint32_t quorum; /* the genesis', or what the chain's owners have changed it to */
    sw_address accounts[SW_OWNER_LIMIT]; /* on a chain, as are the next two */
    uint64_t app_round, changes;
    uint64_t sequences[SW_OWNER_LIMIT]; /* last used by each owner */
    uint32_t counts[SW_OWNER_LIMIT];    /* entries of each owner */
    uint32_t everything;                /* owners whose revocation of the whole app stands */
    sw_compose_state *composes;         /* ascending by compose */
    size_t compose_count, compose_capacity;
    sw_open_state *opens; /* ascending by compose, manifest, recipient */
    size_t open_count, open_capacity;
};

static inline bool sw_ledger_on_chain(const sw_ledger *l) {
    return l->genesis.backend == SW_LEDGER_ETHEREUM;
}
/* The bits of the first `count` owners. */
static inline uint32_t sw_ledger_bits(size_t count) {
    return count >= SW_OWNER_LIMIT ? UINT32_MAX : (UINT32_C(1) << count) - 1;
}
/* A ledger on which nothing stands yet, of either backend. */
SW_NODISCARD sw_status sw_ledger_make(const sw_genesis *g, sw_ledger **out, sw_error *err);
/* What stands of a compose hash or an opening, made when it is new: valid until the next one. */
SW_NODISCARD sw_status sw_ledger_add_compose(sw_ledger *l, const sw_hash *compose,
                                             sw_compose_state **out, sw_error *err);
SW_NODISCARD sw_status sw_ledger_add_opening(sw_ledger *l, const sw_hash *compose,
                                             const sw_hash *manifest,
                                             const sw_p256_public *recipient, sw_open_state **out,
                                             sw_error *err);

/* NULL when no entry has named it. */
const sw_compose_state *sw_ledger_compose(const sw_ledger *l, const sw_hash *compose);
const sw_open_state *sw_ledger_opening(const sw_ledger *l, const sw_hash *compose,
                                       const sw_hash *manifest, const sw_p256_public *recipient);

/* ---- owners by their place (owners.c) ---- */
/* Its number of places when nobody has this id. */
size_t sw_ledger_place(const sw_ledger *l, const sw_hash *id);
/* The genesis' id, or CHN-100's of an owner added later. */
sw_hash sw_ledger_owner_id(const sw_ledger *l, size_t place);
/* The genesis' name, or the address of an owner added later. */
void sw_ledger_put_name(sw_buffer *out, const sw_ledger *l, size_t place);
/* "Mercy, Sankt Josef": the owners whose bits are set. */
void sw_ledger_put_names(sw_buffer *out, const sw_ledger *l, uint32_t owners);
/* Owners of listed shards as bits; `outside` is true when one is of nobody in the genesis. */
uint32_t sw_ledger_shard_owners(const sw_ledger *l, const sw_recipe *r, bool *outside);
#endif
