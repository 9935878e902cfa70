/* SPDX-License-Identifier: Apache-2.0
 *
 * One question and its answer, and the spellings of numbers and bytes in JSON-RPC.
 */
#ifndef SW_LEDGER_RPC_INTERNAL_H
#define SW_LEDGER_RPC_INTERNAL_H
#include "codec/json.h"
#include "ledger/rpc.h"

/* What a node said instead of a result. */
typedef struct sw_rpc_refusal {
    bool refused;
    int64_t code;
    char text[128];    /* printable, cut */
    sw_buffer reverts; /* the bytes of error.data, when they are some */
} sw_rpc_refusal;
void sw_rpc_refusal_free(sw_rpc_refusal *f);

/* Asks. `params` is an array of the arena's; *result lives in the arena. A refusal is a failure
 * too (SW_UNAVAILABLE), told in `refusal` unless that is NULL. */
SW_NODISCARD sw_status sw_rpc_ask(sw_rpc *r, sw_arena *a, const char *method, sw_json *params,
                                  const sw_json **result, sw_rpc_refusal *refusal, sw_error *err);

/* ---- values. `where` names them in messages. ---- */
bool sw_rpc_absent(const sw_json *v); /* not there, or null */
/* "0x0", "0x1a": no leading zeros, lower case, at most 256 bits. */
SW_NODISCARD sw_status sw_rpc_word(const sw_json *v, const char *where, sw_word *out,
                                   sw_error *err);
SW_NODISCARD sw_status sw_rpc_u64(const sw_json *v, const char *where, uint64_t *out,
                                  sw_error *err);
/* "0x" and two digits a byte: exactly `size` bytes. */
SW_NODISCARD sw_status sw_rpc_bytes(const sw_json *v, const char *where, void *out, size_t size,
                                    sw_error *err);
/* At most `limit` bytes, appended. */
SW_NODISCARD sw_status sw_rpc_data(const sw_json *v, const char *where, size_t limit,
                                   sw_buffer *out, sw_error *err);
void sw_rpc_add_u64(sw_arena *a, sw_json *parent, const char *key, uint64_t v);
void sw_rpc_add_bytes(sw_arena *a, sw_json *parent, const char *key, sw_bytes v);

/* ---- headers ---- */
/* The header's RLP from a block in an answer, parsed; its `hash` member must be what was hashed. */
SW_NODISCARD sw_status sw_rpc_read_header(const sw_json *block, const char *where, sw_buffer *rlp,
                                          sw_block *out, sw_error *err);
#endif
