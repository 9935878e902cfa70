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
    sw_walk_holds(w, "app-compose", "%s..., recipe '%s', %zu shards, base model '%s', %s%s", id,
                  w->recipe->name, w->recipe->shard_count, w->recipe->model_name,
                  w->recipe->native ? "native trainer" : "a command",
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
