/* SPDX-License-Identifier: Apache-2.0
 *
 * A ledger on a chain, as a key service judges by it. Format: docs/formats/chain.md (CHN-060 ...
 * CHN-062, CHN-300 ... CHN-307).
 *
 * The idea: owners name blocks, and a request is allowed when every one of these blocks allows it;
 * the newest final block that a node shows can only refuse more. Every byte under a block is
 * proven, so the node is trusted with nothing but telling of the newest one. Invariants: the newest
 * block never goes back; what a revocation says that was handed over holds until the process ends,
 * and in later ones until the chain has passed it.
 * Nothing is asked of a node before the peer has proven itself, and not for long.
 */
#include "kms/kms_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    FINAL_MS = 10000, /* CHN-061 */
    VIEW_COUNT = 40,  /* kept; more than one request needs */
    RECENT_COUNT = 16,
    HANDED_COUNT = 256,
    SLOW_MS = 1000
};
#define VIEW_KEEP_LIMIT  ((size_t)512 << 10)
#define VIEWS_KEEP_LIMIT ((size_t)256 << 20) /* of all apps */
static_assert(VIEW_COUNT > SW_KMS_BLOCK_COUNT, "a request does not push out its own views");

typedef struct kept_view { /* proven when it is used */
    sw_head at;
    sw_buffer bytes;
    uint64_t used; /* turn of its last use */
} kept_view;
typedef struct handed {
    sw_handed_revocation r;
    bool compared; /* with the chain: it was not there yet */
} handed;
typedef struct chain_ledger {
    sw_kms_ledger base;
    sw_kms *kms;
    const sw_genesis *genesis;
    sw_head final, newest; /* as the node said last; and what judges, which never goes back */
    int64_t final_ms;      /* counter; when `final` was said */
    bool final_known;
    uint64_t turn;
    kept_view views[VIEW_COUNT];
    kept_view passing;            /* of the newest block, for whom it has not approved yet */
    sw_hash recent[RECENT_COUNT]; /* compose hashes that a newest block approved, a ring */
    size_t recent_count;
    handed handed[HANDED_COUNT + SW_OWNER_LIMIT]; /* one of everything by each owner beside */
    size_t handed_count;
} chain_ledger;

void sw_kms_finding_free(sw_kms_finding *f) {
    sw_buffer_free(&f->views);
    for (size_t i = 0; i < f->block_count; i++) sw_buffer_free(&f->each[i]);
}

/* ---- the node ---- */
typedef struct turn { /* one request's calls to a node */
    chain_ledger *l;
    sw_kms_node *node;
    int64_t begun_ms;
    bool passing; /* what is read goes to the one place for strangers */
} turn;

static int64_t now_ms(const chain_ledger *l) {
    return sw_kms_counter_ms(l->kms);
}

static sw_status unavailable(const chain_ledger *l, sw_error *err, const char *why) {
    return sw_fail(err, SW_UNAVAILABLE, "unavailable", "the key service's node of chain %llu: %s",
                   (unsigned long long)l->genesis->chain.chain, why);
}

/* What a node says that does not hold, and what it does not say, is the node's failure: trying
 * again may help, and nothing was decided. */
static sw_status heard(const turn *t, int64_t asked_ms, sw_status status, sw_error *err) {
    if (status == SW_OK || status == SW_MEMORY || status == SW_INTERNAL) return status;
    if (now_ms(t->l) - asked_ms >= SLOW_MS)
        t->node->rest_until_ms = now_ms(t->l) + SW_KMS_NODE_REST_MS;
    t->node->known = 0;
    sw_error_prefix(err, "the key service's node of chain %llu",
                    (unsigned long long)t->l->genesis->chain.chain);
    if (err != NULL) err->status = SW_UNAVAILABLE;
    return SW_UNAVAILABLE;
}

static sw_status may_ask(const turn *t, sw_error *err) {
    if (t->node == NULL) return unavailable(t->l, err, "it does not answer");
    if (now_ms(t->l) - t->begun_ms <= SW_KMS_NODE_REQUEST_MS) return SW_OK;
    return unavailable(t->l, err, "it takes too long to answer");
}

static sw_status begin(chain_ledger *l, turn *out, sw_error *err) {
    uint64_t chain = l->genesis->chain.chain;
    *out = (turn){.l = l, .node = sw_kms_node_of(l->kms, chain), .begun_ms = now_ms(l)};
    l->turn++;
    if (out->node == NULL) {
        sw_status status = unavailable(l, err, "there is none");
        sw_error_hint(err, "its operator names one with `kms serve --rpc`");
        return status;
    }
    if (out->begun_ms < out->node->rest_until_ms)
        return unavailable(l, err, "it did not answer a moment ago");
    if (out->node->known == chain) return SW_OK;
    SW_TRY(heard(out, now_ms(l), sw_rpc_check_chain(out->node->rpc, chain, err), err));
    out->node->known = chain;
    return SW_OK;
}

/* ---- views ---- */
static void drop_view(chain_ledger *l, kept_view *slot) {
    l->kms->view_bytes -= slot->bytes.size;
    sw_buffer_free(&slot->bytes);
    *slot = (kept_view){.bytes = SW_BUFFER(VIEW_KEEP_LIMIT)};
}

static void fill_view(chain_ledger *l, kept_view *slot, const sw_head *at, sw_bytes view) {
    drop_view(l, slot);
    if (view.size > VIEWS_KEEP_LIMIT - l->kms->view_bytes) return; /* all apps keep too much */
    sw_put_bytes(&slot->bytes, view);
    if (slot->bytes.failed) sw_buffer_free(&slot->bytes);
    if (slot->bytes.size == 0) return;
    l->kms->view_bytes += slot->bytes.size;
    slot->at = *at;
    slot->used = l->turn;
}

static kept_view *oldest_view(chain_ledger *l) {
    kept_view *slot = &l->views[0];
    for (size_t i = 1; i < VIEW_COUNT; i++)
        if (l->views[i].used < slot->used) slot = &l->views[i];
    return slot;
}

/* CHN-303: anybody with a recipe of their own gets as far as the newest block. What is read for
 * them takes nobody's place before it approves. */
static void stay(turn *t) {
    kept_view *passing = &t->l->passing, *slot = oldest_view(t->l);
    t->passing = false;
    if (passing->bytes.size == 0 || passing->used != t->l->turn) return;
    const kept_view oldest = *slot;
    *slot = *passing;
    *passing = oldest;
}

/* It answers what is asked. */
static bool use_view(chain_ledger *l, kept_view *v, const sw_head *at, const sw_chain_ask *ask,
                     sw_buffer *view, sw_ledger **ledger) {
    sw_bytes bytes = sw_buffer_bytes(&v->bytes);
    if (bytes.size == 0 || !sw_head_equal(&v->at, at)) return false;
    if (sw_chain_view_verify(l->genesis, at, bytes, ask, ledger, NULL) != SW_OK) return false;
    v->used = l->turn;
    sw_put_bytes(view, bytes);
    return true;
}

static bool find_view(chain_ledger *l, const sw_head *at, const sw_chain_ask *ask, sw_buffer *view,
                      sw_ledger **ledger) {
    for (size_t i = 0; i < VIEW_COUNT; i++)
        if (use_view(l, &l->views[i], at, ask, view, ledger)) return true;
    return use_view(l, &l->passing, at, ask, view, ledger);
}

/* *ledger is what the block says; the view goes to `view`. */
static sw_status read_block(const turn *t, const sw_head *at, const sw_chain_ask *ask,
                            sw_buffer *view, sw_ledger **ledger, sw_error *err) {
    if (find_view(t->l, at, ask, view, ledger)) return SW_OK;
    SW_TRY(may_ask(t, err));
    int64_t asked_ms = now_ms(t->l);
    sw_status status = sw_rpc_view(t->node->rpc, t->l->genesis, at, ask, view, ledger, err);
    if (status != SW_OK) sw_error_prefix(err, "block %llu", (unsigned long long)at->index);
    SW_TRY(heard(t, asked_ms, status, err));
    fill_view(t->l, t->passing ? &t->l->passing : oldest_view(t->l), at, sw_buffer_bytes(view));
    return SW_OK;
}

/* CHN-301: the newest that the node or an owner has named; it never goes back. */
static sw_status find_newest(const turn *t, sw_error *err) {
    chain_ledger *l = t->l;
    int64_t now = now_ms(l);
    if (!l->final_known || now - l->final_ms > FINAL_MS || now < l->final_ms) {
        sw_head final;
        SW_TRY(may_ask(t, err));
        SW_TRY(heard(t, now, sw_rpc_final(t->node->rpc, &final, NULL, err), err));
        l->final = final;
        l->final_ms = now;
        l->final_known = true;
    }
    if (l->final.index > l->newest.index) l->newest = l->final;
    return SW_OK;
}

/* ---- compose hashes ---- */
static bool remembers(const chain_ledger *l, const sw_hash *compose) {
    for (size_t i = 0; i < l->recent_count; i++)
        if (sw_hash_equal(&l->recent[i], compose)) return true;
    return false;
}

static void remember(chain_ledger *l, const sw_hash *compose) {
    if (remembers(l, compose)) return;
    if (l->recent_count == RECENT_COUNT) {
        memmove(l->recent, l->recent + 1, (RECENT_COUNT - 1) * sizeof *l->recent);
        l->recent_count--;
    }
    l->recent[l->recent_count++] = *compose;
}

/* ---- revocations that were handed over (CHN-304, CHN-305) ---- */
static sw_status check_handed(const chain_ledger *l, const sw_hash *compose, bool compared,
                              sw_error *err) {
    for (size_t i = 0; i < l->handed_count; i++) {
        const sw_app_say *say = &l->handed[i].r.say;
        if (compared && !l->handed[i].compared) continue;
        if (!say->everything && !sw_hash_equal(&say->compose, compose)) continue;
        sw_status status =
            sw_fail(err, SW_REFUSED, "revoked", "revoked by %s, who told this key service directly",
                    l->genesis->owners[l->handed[i].r.owner].name);
        sw_error_hint(err, "its owner lifts it on the chain, behind the same revocation there; "
                           "then the key service is restarted");
        return status;
    }
    return SW_OK;
}

/* What a block says of an owner; `known` false when no such block was read. */
typedef struct standing {
    bool known, active;
    uint64_t sequence;
} standing;

static standing standing_of(const chain_ledger *l, const sw_ledger *ledger, size_t owner) {
    const sw_hash *id = &l->genesis->owners[owner].id;
    return (standing){true, sw_ledger_owner_active(ledger, id), sw_ledger_sequence(ledger, id)};
}

/* Everybody reads the chain: an old revocation that its owner has lifted could be handed over again
 * by anyone, and one that was removed revokes no more. Such a one is dropped by `own`, which never
 * rests on the node's word alone; the newest can keep a revocation open to the next comparison. */
static void compare_handed(chain_ledger *l, size_t owner, const standing *own,
                           const standing *newest) {
    size_t kept = 0;
    for (size_t i = 0; i < l->handed_count; i++) {
        handed *h = &l->handed[i];
        bool compares = h->r.owner == owner && !h->compared && own->known;
        if (compares && (own->sequence >= h->r.say.sequence || !own->active)) continue;
        if (compares && newest->known && newest->sequence < h->r.say.sequence) h->compared = true;
        l->handed[kept++] = *h;
    }
    l->handed_count = kept;
}

/* By the same owner in the same words: numbers may differ. */
static bool same_words(const sw_handed_revocation *a, const sw_handed_revocation *b) {
    return a->owner == b->owner && a->say.everything == b->say.everything &&
           sw_hash_equal(&a->say.compose, &b->say.compose);
}

static standing read_standing(const turn *t, const sw_head *at, size_t owner) {
    static const sw_chain_ask nothing;
    SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    sw_ledger *ledger = NULL;
    if (read_block(t, at, &nothing, &view, &ledger, NULL) != SW_OK) return (standing){0};
    const standing out = standing_of(t->l, ledger, owner);
    sw_ledger_close(&ledger);
    return out;
}

/* The block that this owner has named in this start; when she has named none, what the newest and
 * all that others have named agree on. One that could not be read leaves it unknown, and so it is
 * while nobody has named any: the newest alone is the node's word. */
static standing own_standing(const turn *t, size_t owner, const standing *newest) {
    const sw_kms_app *app = sw_kms_app_find(t->l->kms, &t->l->genesis->hash);
    if (app == NULL) return *newest; /* it is being founded: nobody has named any */
    if (app->words[owner].present)
        return read_standing(t, &app->words[owner].statement.ledger, owner);
    standing out = *newest;
    bool named = false;
    for (size_t i = 0; i < t->l->genesis->owner_count && out.known; i++) {
        if (!app->words[i].present) continue;
        named = true;
        const standing there = read_standing(t, &app->words[i].statement.ledger, owner);
        out.known = there.known;
        out.active |= there.active;
        if (there.sequence < out.sequence) out.sequence = there.sequence;
    }
    return named ? out : (standing){0};
}

/* Without a node the newest is unknown: what is kept of it may have been passed since. */
static void compare_owner(const turn *t, size_t owner) {
    standing newest = {0};
    turn passing = *t;
    passing.passing = true;
    if (t->node != NULL) newest = read_standing(&passing, &t->l->newest, owner);
    const standing own = own_standing(t, owner, &newest);
    compare_handed(t->l, owner, &own, &newest);
}

/* As the chain stands now, when a node says so; else by what is kept of the owner's own block. */
static void compare_now(chain_ledger *l, size_t owner) {
    turn t;
    if (begin(l, &t, NULL) != SW_OK || find_newest(&t, NULL) != SW_OK) t.node = NULL;
    compare_owner(&t, owner);
}

static bool holds_open(const chain_ledger *l, size_t owner) {
    for (size_t i = 0; i < l->handed_count; i++)
        if (l->handed[i].r.owner == owner && !l->handed[i].compared) return true;
    return false;
}

/* No owner takes another's room, and none is needed to revoke everything. */
static sw_status check_room(const chain_ledger *l, const sw_handed_revocation *r, sw_error *err) {
    const size_t most = HANDED_COUNT / l->genesis->owner_count;
    size_t held = 0;
    if (r->say.everything) return SW_OK;
    for (size_t i = 0; i < l->handed_count; i++)
        held += l->handed[i].r.owner == r->owner && !l->handed[i].r.say.everything;
    if (held < most) return SW_OK;
    sw_status status =
        sw_fail(err, SW_LIMIT, "limit", "this key service holds %zu revocations by %s already",
                held, l->genesis->owners[r->owner].name);
    sw_error_hint(err, "revoke on the chain, or everything");
    return status;
}

/* The one in these words; NULL when there is none. */
static handed *find_handed(chain_ledger *l, const sw_handed_revocation *r) {
    for (size_t i = 0; i < l->handed_count; i++)
        if (same_words(&l->handed[i].r, r)) return &l->handed[i];
    return NULL;
}

/* In the same words the higher number holds longer. */
static bool covers(const handed *h, const sw_handed_revocation *r) {
    return h != NULL && h->r.say.sequence >= r->say.sequence;
}

static sw_status append(sw_kms_ledger *ledger, sw_bytes call, sw_head *head, sw_error *err) {
    chain_ledger *l = (chain_ledger *)ledger;
    sw_handed_revocation r;
    SW_TRY(sw_handed_revocation_open(l->genesis, call, &r, err));
    handed *there = find_handed(l, &r);
    if (!covers(there, &r)) {
        bool compared = there != NULL && there->compared; /* holds until the process ends */
        if (there == NULL) {
            if (check_room(l, &r, NULL) != SW_OK) compare_now(l, r.owner);
            SW_TRY(check_room(l, &r, err)); /* what was passed takes none */
            there = &l->handed[l->handed_count++];
        }
        *there = (handed){.r = r, .compared = compared};
        if (!compared) compare_now(l, r.owner);
        if (find_handed(l, &r) == NULL)
            return sw_fail(err, SW_REFUSED, "ledger",
                           "the chain holds this revocation already, or a later word of %s, who "
                           "may have been removed",
                           l->genesis->owners[r.owner].name);
        SW_TRY(sw_kms_audit_revocation(l->kms, &l->genesis->hash, &r, err));
    }
    *head = l->newest;
    return SW_OK;
}

/* A place for one more by this owner. In a log there may be more than were ever held at a time:
 * those with the lower numbers are what the chain had passed. NULL: this is such a one. */
static handed *place_for(chain_ledger *l, const sw_handed_revocation *r) {
    handed *lowest = NULL;
    if (check_room(l, r, NULL) == SW_OK) return &l->handed[l->handed_count++];
    for (size_t i = 0; i < l->handed_count; i++) {
        handed *h = &l->handed[i];
        if (h->r.owner != r->owner || h->r.say.everything) continue;
        if (lowest == NULL || h->r.say.sequence < lowest->r.say.sequence) lowest = h;
    }
    return lowest != NULL && lowest->r.say.sequence < r->say.sequence ? lowest : NULL;
}

/* CHN-305: what was handed over to an earlier start is compared with the chain anew. */
static sw_status restore(sw_kms_ledger *ledger, sw_bytes call, sw_error *err) {
    chain_ledger *l = (chain_ledger *)ledger;
    sw_handed_revocation r;
    SW_TRY(sw_handed_revocation_open(l->genesis, call, &r, err));
    handed *there = find_handed(l, &r);
    if (covers(there, &r)) return SW_OK;
    if (there == NULL) there = place_for(l, &r);
    if (there != NULL) *there = (handed){.r = r};
    return SW_OK;
}

/* ---- an owner names a block (CHN-060) ---- */
static sw_status check_order(const sw_head *named, const sw_head *before, sw_error *err) {
    if (before == NULL || named->index > before->index || sw_head_equal(named, before))
        return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "rollback",
                   "the owner names block %llu after block %llu, or another one of that number",
                   (unsigned long long)named->index, (unsigned long long)before->index);
}

/* What was asked about lately is read while the block is young: nodes forget the states of old
 * ones. Whether this works decides nothing. */
static void read_ahead(const turn *t, const sw_head *at) {
    chain_ledger *l = t->l;
    const sw_chain_ask ask = {.composes = l->recent, .compose_count = l->recent_count};
    SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    sw_ledger *ledger = NULL;
    if (l->recent_count == 0) return;
    if (read_block(t, at, &ask, &view, &ledger, NULL) == SW_OK) sw_ledger_close(&ledger);
}

static sw_status check_head(sw_kms_ledger *ledger, const sw_head *named, const sw_head *before,
                            int64_t *made_ms, sw_error *err) {
    chain_ledger *l = (chain_ledger *)ledger;
    SW_SCOPED(sw_buffer) rlp = SW_BUFFER(SW_CHAIN_HEADER_LIMIT);
    sw_block block;
    turn t;
    SW_TRY(check_order(named, before, err));
    SW_TRY(begin(l, &t, err));
    int64_t asked_ms = now_ms(l);
    sw_status status = sw_rpc_header(t.node->rpc, &named->hash, &rlp, &block, err);
    if (status == SW_MISSING) {
        status = sw_fail(err, SW_UNAVAILABLE, "unavailable",
                         "the key service's node does not have block %llu, which the owner names",
                         (unsigned long long)named->index);
        sw_error_hint(err, "when it is on the same chain it lacks behind: try again in a minute");
        return status;
    }
    SW_TRY(heard(&t, asked_ms, status, err));
    if (block.number != named->index || !sw_hash_equal(&block.hash, &named->hash))
        return sw_fail(err, SW_UNAUTHENTIC, "rollback",
                       "the owner names block %llu, and the one with this hash is %llu",
                       (unsigned long long)named->index, (unsigned long long)block.number);
    *made_ms = sw_block_ms(&block);
    read_ahead(&t, named);
    return SW_OK;
}

/* ---- a request (CHN-061) ---- */
typedef struct judging {
    turn t;
    const sw_kms_question *q;
    sw_chain_question question;
    size_t count;
    sw_head heads[SW_KMS_BLOCK_COUNT]; /* ascending, as the views */
    sw_buffer views[SW_KMS_BLOCK_COUNT];
} judging;

static int compare_heads(const sw_head *a, const sw_head *b) {
    if (a->index != b->index) return a->index < b->index ? -1 : 1;
    return memcmp(a->hash.b, b->hash.b, SW_HASH_BYTES);
}

/* Takes over the view. */
static void add_view(judging *j, const sw_head *at, sw_buffer *view) {
    size_t i = j->count++;
    for (; i > 0 && compare_heads(&j->heads[i - 1], at) > 0; i--) {
        j->heads[i] = j->heads[i - 1];
        j->views[i] = j->views[i - 1];
    }
    j->heads[i] = *at;
    j->views[i] = *view;
    *view = (sw_buffer){0};
}

/* `whose` NULL: the newest. A block that was judged already has said yes. */
static sw_status judge_block(judging *j, const sw_head *at, const char *whose, sw_error *err) {
    for (size_t i = 0; i < j->count; i++)
        if (sw_head_equal(&j->heads[i], at)) return SW_OK;
    SW_CHECK(err, j->count < SW_KMS_BLOCK_COUNT);
    const sw_chain_ask ask = sw_chain_question_ask(&j->question);
    SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    sw_ledger *ledger = NULL;
    SW_TRY(read_block(&j->t, at, &ask, &view, &ledger, err));
    add_view(j, at, &view);
    sw_status status = sw_chain_question_check(&j->question, ledger, whose, NULL, err);
    sw_ledger_close(&ledger);
    return status;
}

static sw_status judge_blocks(judging *j, sw_error *err) {
    chain_ledger *l = j->t.l;
    SW_TRY(find_newest(&j->t, err));
    for (size_t i = 0; i < l->genesis->owner_count; i++) {
        const sw_head *named = &j->q->words[i].statement.ledger;
        if (j->q->listed[i] && named->index > l->newest.index) l->newest = *named;
    }
    j->t.passing = true;
    SW_TRY(judge_block(j, &l->newest, NULL, err));
    stay(&j->t);
    remember(l, j->q->compose);
    for (size_t i = 0; i < l->genesis->owner_count; i++) {
        if (!j->q->listed[i]) continue;
        const char *name = l->genesis->owners[i].name;
        sw_status status = judge_block(j, &j->q->words[i].statement.ledger, name, err);
        if (status == SW_REFUSED)
            sw_error_hint(err,
                          "the newest block allows it: the decision is younger than %s's word, and "
                          "%s runs `sealwright kms unlock` again",
                          name, name);
        if (status != SW_OK) return status;
    }
    for (size_t i = 0; i < l->genesis->owner_count; i++)
        if (holds_open(l, i)) compare_owner(&j->t, i);
    return check_handed(l, j->q->compose, false, err);
}

/* Takes the views over. */
static sw_status fill_finding(judging *j, sw_kms_finding *out, sw_error *err) {
    out->head = j->t.l->newest;
    out->block_count = j->count;
    memcpy(out->blocks, j->heads, j->count * sizeof *j->heads);
    out->views = SW_BUFFER(SW_KMS_VIEWS_LIMIT);
    sw_put_u8(&out->views, '[');
    for (size_t i = 0; i < j->count; i++) {
        if (i > 0) sw_put_u8(&out->views, ',');
        sw_put_bytes(&out->views, sw_buffer_bytes(&j->views[i]));
        out->each[i] = j->views[i];
        j->views[i] = (sw_buffer){0};
    }
    sw_put_u8(&out->views, ']');
    return sw_buffer_check(&out->views, "the views of an answer", err);
}

static sw_status judge(sw_kms_ledger *ledger, const sw_kms_question *q, sw_kms_finding *out,
                       sw_error *err) {
    chain_ledger *l = (chain_ledger *)ledger;
    judging j = {.q = q,
                 .question = {.genesis = l->genesis,
                              .recipe = q->recipe,
                              .compose = q->compose,
                              .opening = q->opening}};
    SW_TRY(check_handed(l, q->compose, true, err));
    SW_TRY(begin(l, &j.t, err));
    sw_status status = judge_blocks(&j, err), filled = fill_finding(&j, out, NULL);
    out->known = remembers(l, q->compose);
    if (status == SW_OK && filled != SW_OK)
        status = sw_fail(err, filled, "limit", "the views of an answer have more than %zu bytes",
                         SW_KMS_VIEWS_LIMIT);
    for (size_t i = 0; i < j.count; i++) sw_buffer_free(&j.views[i]);
    return status;
}

/* ---- beginning and end ---- */
static sw_status page(sw_kms_ledger *ledger, uint64_t from, sw_buffer *out, sw_error *err) {
    (void)ledger, (void)from, (void)out;
    sw_status status = sw_fail(err, SW_MISSING, "missing", "the ledger of this app is on a chain");
    sw_error_hint(err, "ask a node of that chain");
    return status;
}

static void end(sw_kms_ledger *ledger) {
    chain_ledger *l = (chain_ledger *)ledger;
    drop_view(l, &l->passing);
    for (size_t i = 0; i < VIEW_COUNT; i++) drop_view(l, &l->views[i]);
    free(l);
}

static const sw_kms_ledger_kind kind = {.check_head = check_head,
                                        .judge = judge,
                                        .append = append,
                                        .restore = restore,
                                        .page = page,
                                        .close = end};

sw_status sw_kms_ledger_open_chain(sw_kms *k, const sw_genesis *g, sw_kms_ledger **out,
                                   sw_error *err) {
    chain_ledger *l = calloc(1, sizeof *l);
    if (l == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a ledger");
    l->base.kind = &kind;
    l->kms = k;
    l->genesis = g;
    *out = &l->base;
    return SW_OK;
}
