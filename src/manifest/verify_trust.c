/* SPDX-License-Identifier: Apache-2.0
 *
 * The first links: the genesis that the auditor brings, the app-compose that names it, and what its
 * owners wrote into the ledger (MAN-061 to MAN-063).
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
    static const char *const local[] = {"genesis", "journal", "kind", NULL};
    static const char *const chain[] = {"genesis", "kind", "views", NULL};
    SW_TRY(sw_json_object(w->ledger_file, "ledger.json", "genesis", &envelope, err));
    SW_TRY(sw_genesis_open(&w->arena, envelope->span, true, w->genesis, err));
    SW_TRY(sw_json_expect(w->ledger_file, "ledger.json", sw_walk_on_chain(w) ? chain : local, err));
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
    sw_walk_holds(w, "app-compose", "%s..., recipe '%s', %zu shards, base model '%s', %s%s", id,
                  w->recipe->name, w->recipe->shard_count, w->recipe->model_name,
                  w->recipe->native ? "native trainer" : "a command",
                  w->verdict.simulated ? ", SIMULATED machine" : "");
    return SW_OK;
}

/* ---- the ledger ---- */
bool sw_walk_on_chain(const sw_walk *w) {
    return w->genesis->backend == SW_LEDGER_ETHEREUM;
}

sw_status sw_walk_find_head(sw_walk *w, const sw_head *head, sw_error *err) {
    size_t index;
    if (!sw_walk_on_chain(w)) return sw_journal_contains(w->journal, head, err);
    return sw_view_list_find(&w->views, head, &index, err);
}

/* Every view proves what it says under its own header; whether anybody named that block is for the
 * links that follow. */
static sw_status verify_views(sw_walk *w, sw_error *err) {
    const sw_chain_ask ask = {.composes = &w->verdict.compose, .compose_count = 1};
    for (size_t i = 0; i < w->views.count; i++) {
        sw_ledger *ledger = NULL;
        sw_status status = sw_chain_view_verify(w->genesis, &w->views.heads[i], w->views.views[i],
                                                &ask, &ledger, err);
        if (status != SW_OK) {
            sw_error_prefix(err, "view of block %" PRIu64, w->views.heads[i].index);
            return status;
        }
        sw_ledger_close(&ledger);
    }
    return SW_OK;
}

static sw_status walk_chain(sw_walk *w, sw_error *err) {
    const sw_json *array;
    char contract[43];
    SW_TRY(sw_json_array(w->ledger_file, "ledger.json", "views", SW_VIEW_LIST_COUNT, &array, err));
    SW_TRY(sw_view_list_parse(&w->arena, array, &w->views, err));
    if (w->views.count == 0)
        return sw_fail(err, SW_UNAUTHENTIC, "proof", "ledger.json shows no block");
    SW_TRY(verify_views(w, err));
    w->judged = SW_ARENA_NEW(&w->arena, bool, w->views.count);
    if (w->judged == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for views");
    memset(w->judged, 0, w->views.count * sizeof *w->judged);
    w->verdict.chain = w->genesis->chain.chain;
    w->verdict.contract = w->genesis->chain.contract;
    sw_address_text(contract, &w->verdict.contract);
    sw_walk_holds(w, "ledger",
                  "chain %" PRIu64 ", contract %s: %zu block%s, every word proven under its header",
                  w->verdict.chain, contract, w->views.count, w->views.count == 1 ? "" : "s");
    return SW_OK;
}

sw_status sw_walk_ledger(sw_walk *w, sw_error *err) {
    const sw_json *journal;
    if (sw_walk_on_chain(w)) return walk_chain(w, err);
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
