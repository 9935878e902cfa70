/* SPDX-License-Identifier: Apache-2.0
 *
 * What several blocks say about one question: key service, machine and verifier ask it alike.
 * Docs: docs/formats/chain.md (CHN-061, CHN-062, CHN-300 on).
 */
#ifndef SW_LEDGER_CHAIN_JUDGE_H
#define SW_LEDGER_CHAIN_JUDGE_H
#include "codec/json.h"
#include "ledger/chain_view.h"

/* ---- views side by side ---- */
#define SW_VIEW_LIST_COUNT 140000 /* each grant of a manifest may name others (MAN-018) */
typedef struct sw_view_list {     /* in the arena that it was read into */
    size_t count;
    const sw_bytes *views; /* spans of the JSON */
    const sw_head *heads;  /* ascending by number, then hash; unverified */
    bool *used;
} sw_view_list;
/* From a JSON array of views; SW_MALFORMED "format" when they are not strictly ascending. */
SW_NODISCARD sw_status sw_view_list_parse(sw_arena *a, const sw_json *array, sw_view_list *out,
                                          sw_error *err);
/* The view of this block; SW_UNAUTHENTIC "proof" when none is there. Marks it as used. */
SW_NODISCARD sw_status sw_view_list_find(const sw_view_list *l, const sw_head *at, size_t *index,
                                         sw_error *err);
/* SW_UNAUTHENTIC "proof" naming a block that nothing named. */
SW_NODISCARD sw_status sw_view_list_check_used(const sw_view_list *l, sw_error *err);

/* Two arrays of views as one, ascending, each block once: where both have one, the first's view
 * stays. */
#define SW_VIEWS_LIMIT ((size_t)192 << 20)
#define SW_VIEWS_NODES ((size_t)4000000)
SW_NODISCARD sw_status sw_view_list_merge(sw_bytes first, sw_bytes second, sw_buffer *out,
                                          sw_error *err);

/* ---- one question to each block ---- */
typedef struct sw_chain_question {
    const sw_genesis *genesis;
    const sw_recipe *recipe;
    const sw_hash *compose;
    const sw_chain_opening *opening; /* purpose `open`, else NULL */
} sw_chain_question;
/* What a view must hold to answer it; points into `q`. */
sw_chain_ask sw_chain_question_ask(const sw_chain_question *q);
/* Do the owners, as of this block, allow what is asked (LDG-036, LDG-037, CHN-026)? The error says
 * the block's number and who named it (`whose` NULL: the newest final one). *approval (may be NULL)
 * is what stood there. `ledger` is what a verified view says. */
SW_NODISCARD sw_status sw_chain_question_check(const sw_chain_question *q, const sw_ledger *ledger,
                                               const char *whose, sw_approval *approval,
                                               sw_error *err);
/* Verifies the view, then checks. */
SW_NODISCARD sw_status sw_chain_question_judge(const sw_chain_question *q, const sw_head *at,
                                               sw_bytes view, const char *whose,
                                               sw_approval *approval, sw_error *err);
#endif
