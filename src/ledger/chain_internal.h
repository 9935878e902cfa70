/* SPDX-License-Identifier: Apache-2.0
 *
 * Between a view's proofs and what they say: words of the contract's storage, proven.
 */
#ifndef SW_LEDGER_CHAIN_INTERNAL_H
#define SW_LEDGER_CHAIN_INTERNAL_H
#include "ledger/chain_view.h"
#include "ledger/ledger_internal.h"

typedef struct sw_chain_word {
    sw_word slot, value;
} sw_chain_word;
/* The state that proven words (ascending by slot) say, of the composes and openings asked about.
 * SW_UNAUTHENTIC "proof" naming a word that is not among them or that the contract never has. */
SW_NODISCARD sw_status sw_chain_fold(const sw_genesis *g, const sw_head *at,
                                     const sw_chain_ask *ask, const sw_chain_word *words,
                                     size_t count, sw_ledger **out, sw_error *err);
int sw_word_compare(const sw_word *a, const sw_word *b);
#endif
