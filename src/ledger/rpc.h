/* SPDX-License-Identifier: Apache-2.0
 *
 * A node of an Ethereum chain over JSON-RPC. It carries and does not testify: what decides is
 * proven under a block hash (chain_view.h). Docs: docs/formats/chain.md (CHN-050 to CHN-052,
 * CHN-200 on).
 *
 * Calls block until the answer or the time limit. One thread at a time for each sw_rpc.
 */
#ifndef SW_LEDGER_RPC_H
#define SW_LEDGER_RPC_H
#include "ledger/chain_view.h"
#include "sys/clock.h"

#define SW_RPC_ANSWER_LIMIT ((size_t)4 << 20)
#define SW_RPC_TIMEOUT_MS   30000
typedef struct sw_rpc_options {
    const char *url;     /* https://...; http:// for a loopback address alone */
    const char *ca_file; /* PEM; NULL: the system's */
    const char *proxy;   /* NULL: none; a loopback address is asked without */
    int64_t timeout_ms;  /* of one call; 0: SW_RPC_TIMEOUT_MS */
} sw_rpc_options;
typedef struct sw_rpc sw_rpc;
/* SW_USAGE for an address that is none. Nothing is asked yet. */
SW_NODISCARD sw_status sw_rpc_open(const sw_rpc_options *o, sw_rpc **out, sw_error *err);
/* Over something else than HTTP: `carry` brings one question's bytes there and the answer's back,
 * which it appends to `answer` (limited by SW_RPC_ANSWER_LIMIT). */
typedef struct sw_rpc_carrier {
    sw_status (*carry)(void *context, sw_bytes question, sw_buffer *answer, sw_error *err);
    void *context;
} sw_rpc_carrier;
SW_NODISCARD sw_status sw_rpc_open_over(const sw_rpc_carrier *carrier, sw_rpc **out, sw_error *err);
void sw_rpc_close(sw_rpc **r);
/* SW_REFUSED "chain" unless the node says that it is on this chain. */
SW_NODISCARD sw_status sw_rpc_check_chain(sw_rpc *r, uint64_t chain, sw_error *err);
/* The chain that the node says it is on. */
SW_NODISCARD sw_status sw_rpc_chain(sw_rpc *r, uint64_t *chain, sw_error *err);

/* ---- reading. A node without an answer: SW_UNAVAILABLE "unavailable"; an answer that is none:
 * SW_MALFORMED "format", SW_LIMIT; one whose hashes do not hold: SW_UNAUTHENTIC "proof". ---- */
/* The newest finalised block's number and hash, by its header: rebuilt from the answer and hashed.
 * `made_ms` (may be NULL) is the header's time. */
SW_NODISCARD sw_status sw_rpc_final(sw_rpc *r, sw_head *out, int64_t *made_ms, sw_error *err);
/* The header of this block, hash checked: SW_MISSING when the node does not have it. `rlp` (may be
 * NULL) receives its bytes. */
SW_NODISCARD sw_status sw_rpc_header(sw_rpc *r, const sw_hash *block, sw_buffer *rlp, sw_block *out,
                                     sw_error *err);
/* What was seen as final before is of this chain and final still: `final`, the node's newest, is
 * not before it, and the node shows it at its number. SW_UNAUTHENTIC "rollback" when not, also when
 * the node shows no block there. Nothing was seen: index 0. */
SW_NODISCARD sw_status sw_rpc_check_seen(sw_rpc *r, const sw_head *seen, const sw_head *final,
                                         sw_error *err);
/* The final block of this number, by its header: SW_MISSING when there is none. */
SW_NODISCARD sw_status sw_rpc_block_at(sw_rpc *r, uint64_t number, sw_block *out, sw_error *err);
/* A view of the app at this block, verified (sw_chain_view_verify) before it is handed out;
 * *ledger (unless NULL) is what it says. */
SW_NODISCARD sw_status sw_rpc_view(sw_rpc *r, const sw_genesis *g, const sw_head *at,
                                   const sw_chain_ask *ask, sw_buffer *view, sw_ledger **ledger,
                                   sw_error *err);
/* The contract's own words at this block, by proof, its code hash the genesis': what owners sign
 * repeats rounds and numbers that a folded ledger does not show. */
typedef struct sw_rpc_app {
    sw_app_head head;
    sw_app_owner owners[SW_PLACE_LIMIT];
    sw_app_decision compose; /* of the one that was asked for */
} sw_rpc_app;
SW_NODISCARD sw_status sw_rpc_app_at(sw_rpc *r, const sw_genesis *g, const sw_head *at,
                                     const sw_hash *compose, sw_rpc_app *out, sw_error *err);
/* Compose hashes and openings that the contract's events up to `at` speak of: a list of what to ask
 * about, proven by nobody. At most SW_RPC_FOUND_COUNT of both together, the newest ones; *more says
 * that there were others, or openings to keys that are no owner's (events name a key by its hash).
 * In the arena. */
#define SW_RPC_FOUND_COUNT 48
SW_NODISCARD sw_status sw_rpc_discover(sw_rpc *r, const sw_genesis *g, const sw_head *at,
                                       sw_arena *arena, sw_chain_ask *out, bool *more,
                                       sw_error *err);

/* ---- writing ---- */
typedef struct sw_rpc_sent {
    sw_hash transaction;
    sw_address contract; /* of a creation */
    sw_head block;       /* where it was mined and is final */
} sw_rpc_sent;
typedef struct sw_rpc_progress { /* hears one sentence a stage */
    void *context;
    void (*say)(void *context, const char *sentence);
} sw_rpc_progress;
/* What a lying node cannot exceed: gas of one transaction (EIP-7825), and its price in gwei when
 * the order names none: 0.1 ether. */
#define SW_RPC_GAS_LIMIT       ((uint64_t)1 << 24)
#define SW_RPC_MAX_COST_GWEI   UINT64_C(100000000)
#define SW_RPC_COST_LIMIT_GWEI UINT64_C(100000000000)
typedef struct sw_rpc_order {
    uint64_t chain;
    const sw_chain_key *key;
    const sw_address *to; /* NULL: makes a contract */
    sw_bytes data;
    const sw_clock *clock;
    int64_t wait_ms;                 /* for being mined and final, together */
    uint64_t max_cost_gwei;          /* 0: SW_RPC_MAX_COST_GWEI */
    const sw_rpc_progress *progress; /* NULL: nobody listens */
} sw_rpc_order;
/* Signs, sends, waits until it is mined and final. Words: "chain", "gas", "reverted" (the reason in
 * words), "dropped", "unavailable", "waiting" (not mined or not final in time). What was decided is
 * read by proof afterwards: nothing here is. */
SW_NODISCARD sw_status sw_rpc_send(sw_rpc *r, const sw_rpc_order *order, sw_rpc_sent *out,
                                   sw_error *err);
#endif
