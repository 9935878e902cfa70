/* SPDX-License-Identifier: Apache-2.0
 *
 * The folded state: what stands now, as one bit an owner (SW_OWNER_LIMIT is 32).
 */
#ifndef SW_LEDGER_INTERNAL_H
#define SW_LEDGER_INTERNAL_H
#include "ledger/ledger.h"

typedef struct sw_compose_state {
    sw_hash compose;
    uint32_t approvals, revocations;
} sw_compose_state;
typedef struct sw_open_state {
    sw_hash compose, manifest;
    sw_p256_public recipient;
    uint32_t approvals;
} sw_open_state;

struct sw_ledger {
    sw_genesis genesis;
    sw_head head;
    uint64_t sequences[SW_OWNER_LIMIT]; /* last used by each owner */
    uint32_t counts[SW_OWNER_LIMIT];    /* entries of each owner */
    uint32_t everything;                /* owners whose revocation of the whole app stands */
    sw_compose_state *composes;         /* ascending by compose */
    size_t compose_count, compose_capacity;
    sw_open_state *opens; /* ascending by compose, manifest, recipient */
    size_t open_count, open_capacity;
};

/* NULL when no entry has named it. */
const sw_compose_state *sw_ledger_compose(const sw_ledger *l, const sw_hash *compose);
const sw_open_state *sw_ledger_opening(const sw_ledger *l, const sw_hash *compose,
                                       const sw_hash *manifest, const sw_p256_public *recipient);
/* "Mercy, Sankt Josef": the owners whose bits are set. */
void sw_ledger_put_names(sw_buffer *out, const sw_genesis *g, uint32_t owners);
#endif
