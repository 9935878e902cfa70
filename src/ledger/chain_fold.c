/* SPDX-License-Identifier: Apache-2.0
 *
 * Proven words to a folded ledger (CHN-010 to CHN-013, CHN-042). What rounds have ended stands at
 * zero; every word must be one that the contract can have written, and what was asked about must be
 * there: a word left out is not a word of zero.
 */
#include "ledger/chain_internal.h"

#include <string.h>

typedef struct words {
    const sw_chain_word *list;
    size_t count;
} words;

int sw_word_compare(const sw_word *a, const sw_word *b) {
    return memcmp(a->b, b->b, sizeof a->b);
}

static sw_status refuse(sw_error *err, const char *what) {
    return sw_fail(err, SW_UNAUTHENTIC, "proof", "the contract's words do not fit: %s", what);
}

static sw_status find(const words *w, const sw_word *slot, const char *what, sw_word *out,
                      sw_error *err) {
    for (size_t i = 0; i < w->count; i++)
        if (sw_word_compare(&w->list[i].slot, slot) == 0) {
            *out = w->list[i].value;
            return SW_OK;
        }
    return sw_fail(err, SW_UNAUTHENTIC, "proof", "the view does not say what stands of %s", what);
}

/* ---- the app as a whole ---- */

static sw_status check_head(const sw_genesis *g, const sw_app_head *h, sw_error *err) {
    if (h->places < g->owner_count || h->places > SW_PLACE_LIMIT)
        return refuse(err, "the number of owners");
    uint32_t all = sw_ledger_bits(h->places);
    if (((h->active | h->everything) & ~all) != 0)
        return refuse(err, "an owner at a place that nobody has");
    if (h->quorum == 0 || h->quorum > __builtin_popcount(h->active))
        return refuse(err, "a quorum that cannot be met");
    if (h->round == 0) return refuse(err, "the round 0");
    /* What nothing has changed is as the owners signed it (CHN-102). */
    if (h->changes == 0 &&
        (h->places != g->owner_count || h->active != all || h->quorum != g->quorum))
        return refuse(err, "owners or quorum are not the genesis', and nothing has changed them");
    return SW_OK;
}

static sw_status fold_head(sw_ledger *l, const words *w, sw_error *err) {
    sw_word slot = {{0}}, word;
    sw_app_head h;
    slot.b[sizeof slot.b - 1] = SW_SLOT_HEAD;
    SW_TRY(find(w, &slot, "the app", &word, err));
    SW_TRY(sw_app_head_read(&word, &h, err));
    SW_TRY(check_head(&l->genesis, &h, err));
    l->places = h.places;
    l->active = h.active;
    l->everything = h.everything;
    l->quorum = h.quorum;
    l->app_round = h.round;
    l->changes = h.changes;
    return SW_OK;
}

static sw_status fold_owner(sw_ledger *l, const words *w, size_t place, sw_error *err) {
    static const sw_address nobody;
    sw_word slot, word;
    sw_app_owner o;
    sw_slot_of_place(&slot, (uint8_t)place);
    SW_TRY(find(w, &slot, "an owner", &word, err));
    SW_TRY(sw_app_owner_read(&word, &o, err));
    const sw_address *expected =
        place < l->genesis.owner_count ? &l->genesis.owners[place].address : NULL;
    if (expected != NULL && memcmp(expected->b, o.account.b, sizeof o.account.b) != 0)
        return sw_fail(err, SW_UNAUTHENTIC, "proof",
                       "the contract's owner at place %zu has another address than the genesis'",
                       place);
    if (memcmp(nobody.b, o.account.b, sizeof o.account.b) == 0)
        return refuse(err, "a place without an owner");
    for (size_t i = 0; i < place; i++)
        if (memcmp(l->accounts[i].b, o.account.b, sizeof o.account.b) == 0)
            return refuse(err, "an address at two places");
    if (o.sequence >> 53 != 0) return refuse(err, "a sequence number of 2^53 or more");
    l->accounts[place] = o.account;
    l->sequences[place] = o.sequence;
    return SW_OK;
}

/* ---- decisions ---- */

static sw_status check_mask(const sw_ledger *l, uint32_t mask, sw_error *err) {
    if ((mask & ~sw_ledger_bits(l->places)) == 0) return SW_OK;
    return refuse(err, "a decision of an owner at a place that nobody has");
}

static sw_status fold_compose(sw_ledger *l, const words *w, const sw_hash *compose, sw_error *err) {
    sw_word slot, word;
    sw_app_decision d;
    sw_compose_state *c = NULL;
    sw_slot_of_compose(&slot, compose);
    SW_TRY(find(w, &slot, "a compose hash that is asked about", &word, err));
    SW_TRY(sw_app_compose_read(&word, &d, err));
    SW_TRY(check_mask(l, d.approvals | d.revocations, err));
    SW_TRY(sw_ledger_add_compose(l, compose, &c, err));
    c->approvals = d.app_round == l->app_round ? d.approvals & l->active : 0;
    c->revocations = d.revocations;
    c->round = d.round;
    return SW_OK;
}

/* With its compose hash: what revokes that ends the opening. */
static sw_status fold_opening(sw_ledger *l, const words *w, const sw_chain_opening *asked,
                              sw_error *err) {
    sw_hash id;
    sw_word slot, word;
    sw_app_decision d;
    sw_open_state *o = NULL;
    SW_TRY(fold_compose(l, w, &asked->compose, err));
    sw_opening_id(&id, &asked->compose, &asked->manifest, &asked->recipient);
    sw_slot_of_opening(&slot, &id);
    SW_TRY(find(w, &slot, "an opening that is asked about", &word, err));
    SW_TRY(sw_app_opening_read(&word, &d, err));
    SW_TRY(check_mask(l, d.approvals, err));
    const sw_compose_state *c = sw_ledger_compose(l, &asked->compose);
    bool stands = c != NULL && d.app_round == l->app_round && d.round == c->round;
    SW_TRY(sw_ledger_add_opening(l, &asked->compose, &asked->manifest, &asked->recipient, &o, err));
    o->approvals = stands ? d.approvals & l->active : 0;
    return SW_OK;
}

static sw_status fold_all(sw_ledger *l, const sw_chain_ask *ask, const words *w, sw_error *err) {
    SW_TRY(fold_head(l, w, err));
    for (size_t i = 0; i < l->places; i++) SW_TRY(fold_owner(l, w, i, err));
    for (size_t i = 0; i < ask->compose_count; i++)
        SW_TRY(fold_compose(l, w, &ask->composes[i], err));
    for (size_t i = 0; i < ask->opening_count; i++)
        SW_TRY(fold_opening(l, w, &ask->openings[i], err));
    return SW_OK;
}

sw_status sw_chain_fold(const sw_genesis *g, const sw_head *at, const sw_chain_ask *ask,
                        const sw_chain_word *list, size_t count, sw_ledger **out, sw_error *err) {
    sw_ledger *l = NULL;
    words w = {list, count};
    SW_TRY(sw_ledger_make(g, &l, err));
    l->head = *at;
    sw_status status = fold_all(l, ask, &w, err);
    if (status == SW_OK)
        *out = l;
    else
        sw_ledger_close(&l);
    return status;
}

/* ---- an owner's next word ---- */

sw_status sw_chain_turn_of(const sw_ledger *l, const sw_address *owner, const sw_hash *compose,
                           sw_chain_turn *out, sw_error *err) {
    sw_chain_turn turn = {.app_round = l->app_round, .changes = l->changes};
    bool found = false;
    if (!sw_ledger_on_chain(l))
        return sw_fail(err, SW_REFUSED, "ledger", "this app's ledger is on no chain");
    for (size_t i = 0; i < l->places && !turn.active; i++) {
        if (memcmp(l->accounts[i].b, owner->b, sizeof owner->b) != 0) continue;
        found = true;
        turn.place = (uint8_t)i;
        turn.active = (l->active >> i & 1) != 0;
        turn.sequence = l->sequences[i] + 1;
    }
    if (!found)
        return sw_fail(err, SW_REFUSED, "owner", "nobody in the app has this chain key's address");
    const sw_compose_state *c = compose == NULL ? NULL : sw_ledger_compose(l, compose);
    if (compose != NULL && c == NULL)
        return sw_fail(err, SW_USAGE, "usage", "the view was not asked about this compose hash");
    if (c != NULL) turn.round = c->round;
    *out = turn;
    return SW_OK;
}
