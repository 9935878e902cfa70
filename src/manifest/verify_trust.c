/* SPDX-License-Identifier: Apache-2.0
 *
 * The first links: genesis, compose, ledger, and the key service's word at each grant.
 */
#include "codec/text.h"
#include "manifest/manifest_internal.h"
#include <inttypes.h>
#include <string.h>

static void short_hex(char out[17], const sw_hash *h) {
    sw_hex_text(out, SW_BYTES(h->b, 8));
}

sw_status sw_walk_genesis(sw_walk *w, sw_error *err) {
    const sw_json *envelope;
    static const char *const names[] = {"genesis", "journal", "kind", NULL};
    SW_TRY(sw_json_expect(w->ledger_file, "ledger.json", names, err));
    SW_TRY(sw_json_object(w->ledger_file, "ledger.json", "genesis", &envelope, err));
    SW_TRY(sw_genesis_open(&w->arena, envelope->span, true, w->genesis, err));
    if (w->in->app && !sw_hash_equal(w->in->app, &w->genesis->hash))
        return sw_fail(err, SW_REFUSED, "app",
                       "this is another app: its genesis hash is not the one you brought");
    w->verdict.app_compared = w->in->app != NULL;
    w->verdict.genesis = w->genesis->hash;
    char id[17];
    short_hex(id, &w->genesis->hash);
    sw_walk_holds(w, "genesis", "%s..., '%s', signed by all %zu owners, quorum %u%s", id,
                  w->genesis->name, w->genesis->owner_count, w->genesis->quorum,
                  w->in->app ? ", equals --app" : "");
    return SW_OK;
}

sw_status sw_walk_compose(sw_walk *w, sw_error *err) {
    SW_TRY(sw_compose_parse(w->in->app_compose, w->recipe, err));
    sw_compose_hash(&w->verdict.compose, w->in->app_compose);
    if (!sw_hash_equal(&w->recipe->genesis, &w->genesis->hash))
        return sw_fail(err, SW_UNAUTHENTIC, "compose", "the app-compose names another app");
    w->verdict.simulated = w->recipe->policy.platform == SW_PLATFORM_SIM;
    char id[17];
    short_hex(id, &w->verdict.compose);
    sw_walk_holds(w, "app-compose", "%s..., recipe '%s', %zu shards, %s%s", id, w->recipe->name,
                  w->recipe->shard_count, w->recipe->native ? "native trainer" : "a command",
                  w->verdict.simulated ? ", SIMULATED machine" : "");
    return SW_OK;
}

sw_status sw_walk_ledger(sw_walk *w, sw_error *err) {
    const sw_json *journal;
    SW_TRY(sw_json_object(w->ledger_file, "ledger.json", "journal", &journal, err));
    SW_TRY(sw_journal_import(journal->span, &w->genesis->hash, &w->journal, err));
    sw_ledger *ledger;
    SW_TRY(sw_ledger_open(w->genesis, &ledger, err));
    sw_status status = sw_ledger_load(ledger, w->journal, err);
    w->verdict.ledger = sw_ledger_head(ledger);
    sw_ledger_close(&ledger);
    if (status != SW_OK) return status;
    char id[17];
    short_hex(id, &w->verdict.ledger.hash);
    sw_walk_holds(w, "ledger", "%" PRIu64 " entries, each signed by its owner, chain ends in %s...",
                  w->verdict.ledger.index, id);
    return SW_OK;
}

/* ---- grants ---- */

/* All statements of one grant must name one KMS start; every owner of a listed shard must have
 * spoken to it. */
typedef struct words {
    bool any;
    sw_unlock_statement first;
    bool spoke[SW_OWNER_LIMIT];
} words;

static sw_status take_statement(sw_walk *w, const sw_json *envelope, words *out, sw_error *err) {
    sw_unlock_statement s;
    SW_TRY(sw_unlock_open(&w->arena, envelope->span, w->genesis, &s, err));
    SW_TRY(sw_journal_contains(w->journal, &s.ledger, err));
    if (!out->any) out->first = s;
    if (!sw_hash_equal(&s.boot_nonce, &out->first.boot_nonce) ||
        !sw_p256_equal(&s.receipt, &out->first.receipt) ||
        !sw_p256_equal(&s.root, &out->first.root))
        return sw_fail(err, SW_UNAUTHENTIC, "statement",
                       "the owners' statements name different starts of the key service");
    out->any = true;
    for (size_t i = 0; i < w->genesis->owner_count; i++)
        if (sw_hash_equal(&w->genesis->owners[i].id, &s.owner)) out->spoke[i] = true;
    return SW_OK;
}

static sw_status read_statements(sw_walk *w, const sw_json *grant, words *out, sw_error *err) {
    const sw_json *list;
    SW_TRY(sw_json_array(grant, "manifest.grants", "statements", SW_OWNER_LIMIT, &list, err));
    for (const sw_json *s = list->first; s; s = s->next) SW_TRY(take_statement(w, s, out, err));
    for (size_t i = 0; i < w->recipe->shard_count; i++) {
        bool spoke = false;
        for (size_t k = 0; k < w->genesis->owner_count; k++)
            if (out->spoke[k] &&
                sw_hash_equal(&w->genesis->owners[k].id, &w->recipe->shards[i].owner))
                spoke = true;
        if (!spoke)
            return sw_fail(err, SW_UNAUTHENTIC, "statement",
                           "no word of the owner of shard %zu (%s) is there", i + 1,
                           w->recipe->shards[i].name);
    }
    return out->any ? SW_OK
                    : sw_fail(err, SW_UNAUTHENTIC, "statement", "a grant rests on no owner's word");
}

static sw_status check_receipt(const sw_walk *w, const sw_grant *g, sw_error *err) {
    if (!sw_hash_equal(&g->genesis, &w->genesis->hash) ||
        !sw_hash_equal(&g->compose, &w->verdict.compose))
        return sw_fail(err, SW_UNAUTHENTIC, "receipt", "a receipt is for another app or recipe");
    if (g->purpose != SW_PURPOSE_TRAIN && g->purpose != SW_PURPOSE_RESUME)
        return sw_fail(err, SW_UNAUTHENTIC, "receipt", "a receipt is for the purpose %s",
                       sw_purpose_name(g->purpose));
    if (g->dataset_count != w->recipe->shard_count)
        return sw_fail(err, SW_UNAUTHENTIC, "receipt",
                       "a receipt covers other shards than the recipe's");
    for (size_t i = 0; i < g->dataset_count; i++)
        if (!sw_hash_equal(&g->datasets[i], &w->recipe->shards[i].dataset))
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

typedef struct fold {
    sw_ledger *ledger;
    uint64_t until;
} fold;

static sw_status fold_entry(void *context, const sw_head *at, const sw_envelope *envelope,
                            sw_bytes bytes, sw_error *err) {
    (void)envelope;
    fold *f = context;
    return at->index > f->until ? SW_OK : sw_ledger_apply(f->ledger, at, bytes, err);
}

/* Approval as the ledger stood at the head that the receipt names. */
static sw_status check_approval(sw_walk *w, const sw_grant *g, sw_approval *approval,
                                sw_error *err) {
    SW_TRY(sw_journal_contains(w->journal, &g->ledger, err));
    fold f = {.until = g->ledger.index};
    SW_TRY(sw_ledger_open(w->genesis, &f.ledger, err));
    sw_status status =
        g->ledger.index ? sw_journal_read(w->journal, 1, fold_entry, &f, err) : SW_OK;
    if (status == SW_OK) status = sw_ledger_check_run(f.ledger, &w->verdict.compose, err);
    sw_ledger_approval(f.ledger, &w->verdict.compose, approval);
    sw_ledger_close(&f.ledger);
    return status;
}

static sw_status read_grant(sw_walk *w, const sw_json *o, size_t index, sw_approval *approval,
                            sw_error *err) {
    static const char *const names[] = {"receipt", "statements", NULL};
    SW_TRY(sw_json_expect(o, "manifest.grants", names, err));
    words spoken = {0};
    SW_TRY(read_statements(w, o, &spoken, err));
    const sw_json *receipt;
    SW_TRY(sw_json_object(o, "manifest.grants", "receipt", &receipt, err));
    sw_grant *g = &w->grants[index];
    SW_TRY(sw_grant_open(&w->arena, receipt->span, &spoken.first.receipt, g, err));
    SW_TRY(check_receipt(w, g, err));
    if (index && g->granted_ms < w->grants[index - 1].granted_ms)
        return sw_fail(err, SW_UNAUTHENTIC, "receipt",
                       "the receipts are not in the order of their time");
    return check_approval(w, g, approval, err);
}

sw_status sw_walk_grants(sw_walk *w, sw_error *err) {
    const sw_json *list;
    SW_TRY(sw_json_array(w->predicate, "manifest", "grants", SW_MANIFEST_GRANT_LIMIT, &list, err));
    if (!list->count)
        return sw_fail(err, SW_UNAUTHENTIC, "receipt", "the manifest carries no grant");
    w->grants = SW_ARENA_NEW(&w->arena, sw_grant, list->count);
    if (!w->grants) return sw_fail(err, SW_MEMORY, "memory", "no memory for grants");
    sw_approval approval = {0};
    for (const sw_json *o = list->first; o; o = o->next) {
        SW_TRY(read_grant(w, o, w->grant_count, &approval, err));
        w->grant_count++;
    }
    const sw_grant *last = &w->grants[w->grant_count - 1];
    w->machine = last->machine;
    w->verdict.time_ms = last->granted_ms;
    w->verdict.ledger = last->ledger;
    sw_walk_holds(w, "owners' words",
                  "every owner of a listed shard spoke to the key service that granted");
    sw_walk_holds(w, "grants", "%zu receipts under that key service's key, all %zu shards each",
                  w->grant_count, w->recipe->shard_count);
    sw_walk_holds(w, "approval",
                  "%u of %u approvals needed stood, no revocation, at ledger entry %" PRIu64,
                  approval.approvals, approval.quorum, last->ledger.index);
    return SW_OK;
}
