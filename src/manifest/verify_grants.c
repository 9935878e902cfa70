/* SPDX-License-Identifier: Apache-2.0
 *
 * The key service's word at each grant: which owners spoke to it, what it signed, whether the
 * quorum stood, and whether one receipt follows from the one before (MAN-064 to MAN-066, MAN-080 to
 * MAN-085; KMS-040 on, KMS-070 on).
 *
 * The idea: a receipt is believed because the owners' statements name its key, so each receipt is
 * read against the statements beside it, and each pair of neighbours against the rules by which a
 * key service renews and counts. Approval is folded forward once: heads only grow.
 */
#include "manifest/manifest_internal.h"
#include <inttypes.h>

/* What the owners said to the key service's start behind one receipt, by genesis order of those who
 * have a shard. */
typedef struct words {
    size_t count;
    sw_unlock_statement said[SW_OWNER_LIMIT];
    int64_t known_ms[SW_OWNER_LIMIT]; /* how far each one's knowledge reached (CHN-060) */
} words;

typedef struct progress {
    words now, before;
    sw_ledger *ledger; /* state at `head`; NULL on a chain */
    uint64_t head;
    sw_approval approval;
} progress;

bool sw_walk_has_shard(const sw_walk *w, const sw_hash *owner) {
    for (size_t i = 0; i < w->recipe->shard_count; i++)
        if (sw_hash_equal(&w->recipe->shards[i].owner, owner)) return true;
    return false;
}

/* ---- statements ---- */

/* How far the owner's knowledge of the ledger reached: on a chain no further than the block that
 * she named (CHN-060). */
static sw_status known_until(const sw_walk *w, const sw_unlock_statement *s, int64_t *out,
                             sw_error *err) {
    sw_block block;
    size_t i;
    *out = s->time_ms;
    if (!sw_walk_on_chain(w)) return SW_OK;
    SW_TRY(sw_view_list_find(&w->views, &s->ledger, &i, err));
    SW_TRY(sw_chain_view_block(w->views.views[i], &block, err));
    int64_t made_ms = sw_block_ms(&block);
    if (made_ms < *out) *out = made_ms;
    return SW_OK;
}

static sw_status take_statement(sw_walk *w, const sw_json *envelope, const sw_owner *owner,
                                words *out, sw_error *err) {
    sw_unlock_statement *s = &out->said[out->count];
    SW_TRY(sw_unlock_open(&w->arena, envelope->span, w->genesis, s, err));
    if (!sw_hash_equal(&s->owner, &owner->id))
        return sw_fail(
            err, SW_UNAUTHENTIC, "statement",
            "the owners' statements are not those of the listed shards' owners in order");
    SW_TRY(sw_walk_find_head(w, &s->ledger, err));
    SW_TRY(known_until(w, s, &out->known_ms[out->count], err));
    const sw_unlock_statement *first = &out->said[0];
    if (!sw_hash_equal(&s->boot_nonce, &first->boot_nonce) ||
        !sw_p256_equal(&s->receipt, &first->receipt) || !sw_p256_equal(&s->root, &first->root))
        return sw_fail(err, SW_UNAUTHENTIC, "statement",
                       "the owners' statements name different starts of the key service");
    out->count++;
    return SW_OK;
}

/* KMS-053: each owner of a listed shard once, in the order of the genesis. */
static sw_status read_statements(sw_walk *w, const sw_json *grant, words *out, sw_error *err) {
    const sw_json *list;
    SW_TRY(sw_json_array(grant, "manifest.grants", "statements", SW_OWNER_LIMIT, &list, err));
    const sw_json *s = list->first;
    out->count = 0;
    for (size_t i = 0; i < w->genesis->owner_count; i++) {
        const sw_owner *owner = &w->genesis->owners[i];
        if (!sw_walk_has_shard(w, &owner->id)) continue;
        if (!s)
            return sw_fail(err, SW_UNAUTHENTIC, "statement",
                           "no word of %s, an owner of a listed shard, is there", owner->name);
        SW_TRY(take_statement(w, s, owner, out, err));
        s = s->next;
    }
    if (!out->count || s)
        return sw_fail(err, SW_UNAUTHENTIC, "statement",
                       "the owners' statements are not those of the listed shards' owners");
    return SW_OK;
}

/* The service's time is the earliest owner's time plus a counter, and no owner was silent for
 * longer than the recipe allows (KMS-043, KMS-051, KMS-071; on a chain CHN-060). */
static sw_status check_times(const sw_walk *w, const words *said, const sw_grant *g,
                             sw_error *err) {
    int64_t earliest = said->said[0].time_ms, known = said->known_ms[0];
    for (size_t i = 0; i < said->count; i++) {
        const sw_unlock_statement *s = &said->said[i];
        if (s->time_ms < earliest) earliest = s->time_ms;
        if (said->known_ms[i] < known) known = said->known_ms[i];
        if (s->ledger.index > g->ledger.index || s->audit.index >= g->audit.index)
            return sw_fail(err, SW_UNAUTHENTIC, "statement",
                           "an owner's statement is newer than the receipt that rests on it");
    }
    if (g->granted_ms < earliest)
        return sw_fail(err, SW_UNAUTHENTIC, "receipt",
                       "a receipt is older than every word that it rests on");
    if ((uint64_t)(g->granted_ms - earliest) > w->recipe->max_silence_ms)
        return sw_fail(err, SW_UNAUTHENTIC, "silence",
                       "an owner had been silent for longer than the recipe's max_silence");
    if ((uint64_t)(g->granted_ms - known) > sw_chain_known_limit_ms(w->recipe->max_silence_ms))
        return sw_fail(err, SW_UNAUTHENTIC, "silence",
                       "what an owner had named of the chain was older than a day and the "
                       "recipe's max_silence");
    return SW_OK;
}

/* ---- receipts ---- */

static sw_status check_receipt(const sw_walk *w, const sw_grant *g, sw_error *err) {
    if (!sw_hash_equal(&g->genesis, &w->genesis->hash) ||
        !sw_hash_equal(&g->compose, &w->verdict.compose))
        return sw_fail(err, SW_UNAUTHENTIC, "receipt", "a receipt is for another app or recipe");
    bool same = g->dataset_count == w->recipe->shard_count;
    for (size_t i = 0; i < g->dataset_count && same; i++)
        same = sw_hash_equal(&g->datasets[i], &w->recipe->shards[i].dataset);
    if (!same)
        return sw_fail(err, SW_UNAUTHENTIC, "receipt",
                       "a receipt covers other shards than the recipe's");
    if (g->lease_ms != (int64_t)w->recipe->lease_ms || g->number < 1 ||
        g->number > w->recipe->grants)
        return sw_fail(err, SW_UNAUTHENTIC, "receipt",
                       "a receipt's lease or number is not the recipe's");
    if (g->simulated != w->verdict.simulated)
        return sw_fail(err, SW_UNAUTHENTIC, "receipt",
                       "a receipt does not say whether it is simulated");
    return SW_OK;
}

static bool same_words(const words *a, const words *b) {
    bool same = a->count == b->count;
    for (size_t i = 0; i < a->count && same; i++)
        same =
            a->said[i].sequence == b->said[i].sequence && a->said[i].time_ms == b->said[i].time_ms;
    return same;
}

/* KMS-072, KMS-073: the same grant, lease and machine go on, without a gap. The number may leave
 * some out: the service counted a renewal whose answer got lost, and the machine asked again. What
 * must not be left out is time: that the next one came within this lease. Between other words of an
 * owner the service's time may jump, so the gap can be told only between the same words. */
static sw_status check_renewal(const progress *p, const sw_grant *before, const sw_grant *g,
                               sw_error *err) {
    bool one_start = sw_hash_equal(&p->now.said[0].boot_nonce, &p->before.said[0].boot_nonce);
    if (!one_start || g->renewal <= before->renewal || g->number != before->number ||
        g->purpose != before->purpose || !sw_p256_equal(&g->machine, &before->machine))
        return sw_fail(err, SW_UNAUTHENTIC, "receipt",
                       "a renewal does not follow from the receipt before it");
    int64_t since = g->granted_ms - before->granted_ms;
    if (same_words(&p->now, &p->before) && (since < 0 || since > before->lease_ms))
        return sw_fail(err, SW_UNAUTHENTIC, "lease",
                       "a lease was renewed before it began or after it had ended");
    return SW_OK;
}

/* A machine that starts again makes a new key and takes a new grant to resume. */
static sw_status check_resumption(const progress *p, const sw_grant *before, const sw_grant *g,
                                  sw_error *err) {
    bool one_service = sw_p256_equal(&p->now.said[0].root, &p->before.said[0].root);
    if (g->purpose != SW_PURPOSE_RESUME || sw_p256_equal(&g->machine, &before->machine) ||
        (one_service && g->number <= before->number))
        return sw_fail(err, SW_UNAUTHENTIC, "receipt",
                       "a receipt is neither a renewal nor a new grant to resume");
    return SW_OK;
}

static sw_status check_order(const progress *p, const sw_grant *before, const sw_grant *g,
                             sw_error *err) {
    bool one_service = sw_p256_equal(&p->now.said[0].root, &p->before.said[0].root);
    bool one_start = sw_hash_equal(&p->now.said[0].boot_nonce, &p->before.said[0].boot_nonce);
    bool back = g->ledger.index < before->ledger.index;
    if (p->ledger == NULL) back = back && one_start; /* another start may ask another node */
    bool grows = !back && (!one_service || g->audit.index > before->audit.index);
    for (size_t i = 0; i < p->now.count && grows && one_start; i++)
        grows = p->now.said[i].sequence >= p->before.said[i].sequence;
    if (!grows)
        return sw_fail(err, SW_UNAUTHENTIC, "receipt",
                       "the receipts are not in the order in which they were given");
    return g->renewal ? check_renewal(p, before, g, err) : check_resumption(p, before, g, err);
}

/* The first receipt is the run's beginning; each other one follows from the one before. */
static sw_status check_place(const sw_walk *w, const progress *p, const sw_grant *g,
                             sw_error *err) {
    if (w->grant_count) return check_order(p, &w->grants[w->grant_count - 1], g, err);
    if (g->purpose == SW_PURPOSE_TRAIN && !g->renewal) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "receipt", "the first receipt is not one to train");
}

/* ---- approval ---- */

typedef struct fold {
    progress *p;
    uint64_t until;
} fold;

static sw_status fold_entry(void *context, const sw_head *at, const sw_envelope *envelope,
                            sw_bytes bytes, sw_error *err) {
    (void)envelope;
    fold *f = context;
    if (at->index > f->until) return SW_OK;
    f->p->head = at->index;
    return sw_ledger_apply(f->p->ledger, at, bytes, err);
}

/* A block answers the same whoever named it, so it is asked once. `whose` NULL: the receipt. */
static sw_status judge_block(sw_walk *w, progress *p, const sw_head *at, const char *whose,
                             sw_error *err) {
    const sw_chain_question q = {
        .genesis = w->genesis, .recipe = w->recipe, .compose = &w->verdict.compose};
    size_t i;
    SW_TRY(sw_view_list_find(&w->views, at, &i, err));
    if (w->judged[i]) return SW_OK;
    SW_TRY(sw_chain_question_judge(&q, at, w->views.views[i], whose, &p->approval, err));
    w->judged[i] = true;
    return SW_OK;
}

/* As each owner knew the chain who spoke, and as the key service did (CHN-062). */
static sw_status check_blocks(sw_walk *w, progress *p, const sw_grant *g, sw_error *err) {
    for (size_t i = 0; i < p->now.count; i++) {
        const sw_unlock_statement *s = &p->now.said[i];
        const char *name = sw_genesis_owner(w->genesis, &s->owner)->name;
        SW_TRY(judge_block(w, p, &s->ledger, name, err));
    }
    return judge_block(w, p, &g->ledger, "the receipt", err);
}

/* As the ledger stood at the head that the receipt names (LDG-038). */
static sw_status check_approval(sw_walk *w, progress *p, const sw_grant *g, sw_error *err) {
    if (sw_walk_on_chain(w)) return check_blocks(w, p, g, err);
    SW_TRY(sw_journal_contains(w->journal, &g->ledger, err));
    fold f = {p, g->ledger.index};
    if (p->head < f.until) SW_TRY(sw_journal_read(w->journal, p->head + 1, fold_entry, &f, err));
    sw_ledger_approval(p->ledger, &w->verdict.compose, &p->approval);
    return sw_ledger_check_run(p->ledger, &w->verdict.compose, err);
}

/* ---- all grants ---- */

static sw_status read_grant(sw_walk *w, const sw_json *o, progress *p, sw_error *err) {
    static const char *const names[] = {"receipt", "statements", NULL};
    sw_grant *g = &w->grants[w->grant_count];
    const sw_json *receipt;
    w->link = "owners' words";
    SW_TRY(sw_json_expect(o, "manifest.grants", names, err));
    SW_TRY(read_statements(w, o, &p->now, err));
    w->link = "grants";
    SW_TRY(sw_json_object(o, "manifest.grants", "receipt", &receipt, err));
    SW_TRY(sw_grant_open(&w->arena, receipt->span, &p->now.said[0].receipt, g, err));
    SW_TRY(check_receipt(w, g, err));
    SW_TRY(check_times(w, &p->now, g, err));
    SW_TRY(check_place(w, p, g, err));
    w->link = "approval";
    SW_TRY(check_approval(w, p, g, err));
    if (!g->renewal) w->starts++;
    w->grant_count++;
    p->before = p->now;
    return SW_OK;
}

static sw_status read_grants(sw_walk *w, progress *p, sw_error *err) {
    const sw_json *list;
    SW_TRY(sw_json_array(w->predicate, "manifest", "grants", SW_MANIFEST_GRANT_LIMIT, &list, err));
    if (!list->count)
        return sw_fail(err, SW_UNAUTHENTIC, "receipt", "the manifest carries no grant");
    w->grants = SW_ARENA_NEW(&w->arena, sw_grant, list->count);
    if (!w->grants) return sw_fail(err, SW_MEMORY, "memory", "no memory for grants");
    for (const sw_json *o = list->first; o; o = o->next) SW_TRY(read_grant(w, o, p, err));
    /* MAN-004: so that no entry can be left out or added unseen. */
    w->link = "ledger";
    if (sw_walk_on_chain(w)) return sw_view_list_check_used(&w->views, err);
    const sw_head head = sw_journal_head(w->journal);
    if (sw_head_equal(&head, &w->grants[w->grant_count - 1].ledger)) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "ledger",
                   "ledger.json does not end where the newest receipt says");
}

static void report_grants(sw_walk *w, const sw_approval *approval) {
    const sw_grant *last = &w->grants[w->grant_count - 1];
    sw_walk_holds(w, "owners' words",
                  "every owner of a listed shard spoke to the key service that granted");
    sw_walk_holds(w, "grants",
                  "%zu receipts under that key service's key, all %zu shards each, %" PRIu64
                  " starts of a machine",
                  w->grant_count, w->recipe->shard_count, w->starts);
    sw_walk_holds(w, "approval", "%u of %u approvals needed stood, no revocation, at %s %" PRIu64,
                  approval->approvals, approval->quorum,
                  sw_walk_on_chain(w) ? "every block that was named, the newest" : "ledger entry",
                  last->ledger.index);
}

sw_status sw_walk_grants(sw_walk *w, sw_error *err) {
    progress *p = SW_ARENA_NEW(&w->arena, progress, 1);
    if (!p) return sw_fail(err, SW_MEMORY, "memory", "no memory for grants");
    *p = (progress){0};
    if (!sw_walk_on_chain(w)) SW_TRY(sw_ledger_open(w->genesis, &p->ledger, err));
    sw_status status = read_grants(w, p, err);
    sw_ledger_close(&p->ledger);
    if (status != SW_OK) return status;
    const sw_grant *last = &w->grants[w->grant_count - 1];
    w->machine = last->machine;
    w->verdict.time_ms = last->granted_ms;
    w->verdict.ledger = last->ledger;
    report_grants(w, &p->approval);
    return SW_OK;
}
