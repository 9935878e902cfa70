/* SPDX-License-Identifier: Apache-2.0
 *
 * A node of an Ethereum chain over JSON-RPC. It carries and does not testify: what decides is
 * proven under a block hash (chain_view.h). Docs: docs/formats/chain.md (CHN-050 to CHN-052).
 *
 * Calls block until the answer or the time limit. One thread at a time for each sw_rpc.
 */
#ifndef SW_LEDGER_RPC_H
#define SW_LEDGER_RPC_H
#include "ledger/chain_view.h"
#include "sys/clock.h"

#define SW_RPC_ANSWER_LIMIT ((size_t)4 << 20)
typedef struct sw_rpc_options {
    const char *url;     /* https://...; http:// for a loopback address alone */
    const char *ca_file; /* PEM; NULL: the system's */
    const char *proxy;   /* NULL: none */
    int64_t timeout_ms;  /* of one call */
} sw_rpc_options;
typedef struct sw_rpc sw_rpc;
/* SW_USAGE for an address that is none. Nothing is asked yet. */
SW_NODISCARD sw_status sw_rpc_open(const sw_rpc_options *o, sw_rpc **out, sw_error *err);
void sw_rpc_close(sw_rpc **r);
/* SW_REFUSED "chain" unless the node says that it is on this chain. */
SW_NODISCARD sw_status sw_rpc_check_chain(sw_rpc *r, uint64_t chain, sw_error *err);

/* ---- reading ---- */
/* The newest finalised block's number and hash, by its header: rebuilt from the answer and hashed.
 */
SW_NODISCARD sw_status sw_rpc_final(sw_rpc *r, sw_head *out, sw_error *err);
/* The header of this block, hash checked: SW_MISSING when the node does not have it. */
SW_NODISCARD sw_status sw_rpc_header(sw_rpc *r, const sw_hash *block, sw_buffer *rlp, sw_block *out,
                                     sw_error *err);
/* A view of the app at this block, verified (sw_chain_view_verify) before it is handed out;
 * *ledger (unless NULL) is what it says. */
SW_NODISCARD sw_status sw_rpc_view(sw_rpc *r, const sw_genesis *g, const sw_head *at,
                                   const sw_chain_ask *ask, sw_buffer *view, sw_ledger **ledger,
                                   sw_error *err);
/* Compose hashes and openings that the contract's events up to `at` speak of: a list of what to ask
 * about, proven by nobody. At most SW_CHAIN_ASK_COUNT of each, the newest ones; *more says that
 * there were others. In the arena. */
SW_NODISCARD sw_status sw_rpc_discover(sw_rpc *r, const sw_genesis *g, const sw_head *at,
                                       sw_arena *arena, sw_chain_ask *out, bool *more,
                                       sw_error *err);

/* ---- writing ---- */
typedef struct sw_rpc_sent {
    sw_hash transaction;
    sw_address contract; /* of a creation */
    sw_head block;       /* where it was mined and is final */
} sw_rpc_sent;
/* Signs as `key`, sends, waits until it is mined and final (at most `wait_ms` by `clock`). to NULL:
 * makes a contract. Words: "chain", "gas", "reverted" (the reason in words), "dropped",
 * "unavailable", "waiting" (mined, not final in time). `progress` (may be NULL) hears one sentence
 * a stage. */
typedef struct sw_rpc_progress {
    void *context;
    void (*say)(void *context, const char *sentence);
} sw_rpc_progress;
SW_NODISCARD sw_status sw_rpc_send(sw_rpc *r, uint64_t chain, const sw_chain_key *key,
                                   const sw_address *to, sw_bytes data, const sw_clock *clock,
                                   int64_t wait_ms, const sw_rpc_progress *progress,
                                   sw_rpc_sent *out, sw_error *err);
#endif
