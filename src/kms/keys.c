/* SPDX-License-Identifier: Apache-2.0
 *
 * May this machine have the keys? The checks of KMS-051, in their order; nothing is released here.
 *
 * The idea: everything that decides stands in the app-compose that the evidence carries, in the
 * ledger, and in what owners said to this start. A check that cannot be made is a refusal.
 * Invariant: no check writes anything but the case; a renewal passes every one of them again.
 */
#include "kms/kms_internal.h"

#include <string.h>

/* ---- 1. the challenge ---- */
static sw_status check_challenge(sw_kms_case *c, sw_error *err) {
    int64_t made_ms;
    c->proving = true;
    if (!c->request->has_peer)
        return sw_fail(err, SW_UNAUTHENTIC, "evidence", "the peer showed no TLS key");
    return sw_kms_token_take(&c->kms->challenges, &c->call.challenge, &c->request->peer, c->now_ms,
                             &made_ms, err);
}

/* ---- 2. the app-compose ---- */
static sw_status read_compose(sw_kms_case *c, sw_error *err) {
    c->proving = false;
    c->recipe = SW_ARENA_NEW(c->arena, sw_recipe, 1);
    if (c->recipe == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a recipe");
    SW_TRY(sw_compose_parse(c->app_compose, c->recipe, err));
    if (!sw_hash_equal(&c->recipe->genesis, &c->app->genesis.hash))
        return sw_fail(err, SW_REFUSED, "app", "the app-compose belongs to another app");
    if (c->recipe->shard_count == 0 || c->recipe->shard_count > SW_SHARD_LIMIT)
        return sw_fail(err, SW_REFUSED, "compose", "the app-compose lists no shard");
    return SW_OK;
}

/* ---- 3. the owners' words ---- */
static sw_status silent(sw_error *err, const sw_owner *owner) {
    sw_status status =
        sw_fail(err, SW_REFUSED, "silence",
                "%s has not been heard for longer than the recipe's max_silence", owner->name);
    sw_error_hint(err, "%s runs `sealwright kms unlock`", owner->name);
    return status;
}

/* A node that stands still would let an owner speak for ever of a chain as it once was: what she
 * decided since is not heard (CHN-060). */
static sw_status stands_still(sw_error *err, const sw_owner *owner) {
    sw_status status = sw_fail(err, SW_REFUSED, "silence",
                               "what %s has named of the chain is older than a day and the "
                               "recipe's max_silence",
                               owner->name);
    sw_error_hint(err,
                  "the node that %s asks stands still: another one, then `sealwright kms "
                  "unlock`",
                  owner->name);
    return status;
}

static sw_status check_word(sw_kms_case *c, size_t place, sw_error *err) {
    const sw_owner *owner = &c->app->genesis.owners[place];
    const sw_kms_word *word = &c->app->words[place];
    if (!word->present) {
        sw_status status =
            sw_fail(err, SW_REFUSED, "locked", "%s has not unlocked this start of the key service",
                    owner->name);
        sw_error_hint(err, "%s runs `sealwright kms unlock`", owner->name);
        return status;
    }
    int64_t since_ms = c->now_ms - word->heard_ms;
    if (since_ms < 0 || (uint64_t)since_ms > c->recipe->max_silence_ms) return silent(err, owner);
    int64_t time_ms = word->statement.time_ms + since_ms; /* below 2^54 */
    if ((uint64_t)(time_ms - word->known_ms) > sw_chain_known_limit_ms(c->recipe->max_silence_ms))
        return stands_still(err, owner);
    if (time_ms > c->latest_ms) c->latest_ms = time_ms;
    if (time_ms < c->earliest_ms) c->earliest_ms = time_ms;
    return SW_OK;
}

static sw_status check_words(sw_kms_case *c, sw_error *err) {
    const sw_genesis *g = &c->app->genesis;
    c->earliest_ms = INT64_MAX;
    c->latest_ms = INT64_MIN;
    for (size_t i = 0; i < c->recipe->shard_count; i++) {
        const sw_owner *owner = sw_genesis_owner(g, &c->recipe->shards[i].owner);
        if (owner == NULL)
            return sw_fail(err, SW_REFUSED, "compose",
                           "shard %zu of the app-compose is of nobody in the genesis", i + 1);
        c->owners[i] = (size_t)(owner - g->owners);
        SW_TRY(check_word(c, c->owners[i], err));
    }
    c->decision.time_ms = c->earliest_ms;
    return SW_OK;
}

/* ---- 4. the evidence ---- */
static sw_status check_evidence(sw_kms_case *c, sw_error *err) {
    c->proving = true;
    sw_channel_binding binding = {.role = SW_ROLE_MACHINE,
                                  .purpose = c->call.purpose,
                                  .challenge = c->call.challenge,
                                  .own_tls = c->request->peer,
                                  .peer_tls = c->kms->tls_public,
                                  .response = &c->call.response_key,
                                  .manifest = &c->call.manifest_key};
    const sw_question question = {
        .channel = &binding, .compose = &c->decision.compose, .verifier = c->kms->verifier};
    SW_TRY(sw_attest(c->evidence, &c->recipe->policy, c->latest_ms, &question, &c->claims, err));
    if (c->earliest_ms < c->claims.valid_from_ms || c->latest_ms > c->claims.valid_until_ms)
        return sw_fail(err, SW_REFUSED, "evidence",
                       "the collateral is not valid at the time of every listed owner");
    c->proving = false;
    return SW_OK;
}

/* ---- 5. and 6. the ledger ---- */
static sw_status check_ledger(sw_kms_case *c, sw_error *err) {
    bool listed[SW_OWNER_LIMIT] = {false};
    for (size_t i = 0; i < c->recipe->shard_count; i++) listed[c->owners[i]] = true;
    const sw_chain_opening opening = {.compose = c->decision.compose,
                                      .manifest = c->call.open_manifest,
                                      .recipient = c->call.open_recipient};
    const sw_kms_question q = {.recipe = c->recipe,
                               .compose = &c->decision.compose,
                               .opening = c->call.purpose == SW_PURPOSE_OPEN ? &opening : NULL,
                               .words = c->app->words,
                               .listed = listed};
    sw_status status = c->app->ledger->kind->judge(c->app->ledger, &q, &c->finding, err);
    c->decision.finding = &c->finding;
    return status;
}

/* ---- 7. the shards ---- */
static sw_status shard_refused(sw_error *err, size_t index, const char *word, const char *why) {
    return sw_fail(err, SW_REFUSED, word, "shard %zu: %s", index + 1, why);
}

static sw_status check_shard(sw_kms_case *c, size_t i, sw_bytes envelope, const sw_hash *root_hash,
                             sw_error *err) {
    const sw_shard *listed = &c->recipe->shards[i];
    const sw_owner *owner = &c->app->genesis.owners[c->owners[i]];
    sw_shard_word *word = &c->words[i];
    if (sw_shard_open(c->arena, envelope, &owner->identity_key, word, NULL) != SW_OK)
        return shard_refused(err, i, "consent",
                             "the consent is not by the owner whom the recipe lists");
    const sw_wrap_context *w = &word->context;
    if (!sw_hash_equal(&w->genesis, &c->app->genesis.hash) ||
        !sw_hash_equal(&w->owner, &listed->owner))
        return shard_refused(err, i, "consent", "the consent is for another app or owner");
    if (!sw_hash_equal(&w->compose, &c->decision.compose))
        return shard_refused(err, i, "consent", "the consent is for another recipe");
    if (!sw_hash_equal(&w->dataset, &listed->dataset))
        return shard_refused(err, i, "shard",
                             "the consent is for another dataset than the recipe lists");
    if (!sw_hash_equal(&word->root_key_hash, root_hash))
        return shard_refused(err, i, "consent", "the consent is to another key service's root");
    return SW_OK;
}

static sw_status check_shards(sw_kms_case *c, sw_error *err) {
    size_t count = c->recipe->shard_count, given = 0;
    sw_hash root_hash;
    sw_sha256(&root_hash, SW_BYTES_OF(c->kms->root_public.b));
    c->words = SW_ARENA_NEW(c->arena, sw_shard_word, count);
    if (c->words == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for consents");
    sw_reader r = sw_reader_of(c->shards);
    for (; r.rest.size > 0 && !r.failed; given++) {
        sw_bytes envelope = sw_read_field(&r, SW_KMS_SHARD_LIMIT);
        if (r.failed) break;
        if (given == count)
            return sw_fail(err, SW_REFUSED, "shard", "more shards than the recipe's %zu", count);
        SW_TRY(check_shard(c, given, envelope, &root_hash, err));
    }
    SW_TRY(sw_reader_finish(&r, "a key request's shards", err));
    if (given < count)
        return sw_fail(err, SW_REFUSED, "shard", "%zu shards instead of the recipe's %zu", given,
                       count);
    return SW_OK;
}

/* ---- 8. the grant ---- */
static sw_status lease_refused(sw_error *err, const char *why) {
    sw_status status = sw_fail(err, SW_REFUSED, "lease", "%s", why);
    sw_error_hint(err, "the same `sealwright run` command resumes from the last checkpoint");
    return status;
}

static sw_status check_renewal(sw_kms_case *c, sw_error *err) {
    sw_kms_lease *lease = NULL;
    for (size_t i = 0; i < SW_KMS_GRANT_LIMIT && lease == NULL; i++) {
        sw_kms_lease *slot = &c->kms->leases[i];
        if (slot->live && slot->number == c->call.renew &&
            sw_hash_equal(&slot->compose, &c->decision.compose))
            lease = slot;
    }
    if (lease == NULL)
        return lease_refused(err, "this start of the key service gave no such grant");
    if (c->now_ms >= lease->until_ms) return lease_refused(err, "the lease has ended");
    if (lease->purpose != c->call.purpose ||
        !sw_p256_equal(&lease->machine, &c->call.manifest_key) ||
        !sw_hash_equal(&lease->open_manifest, &c->call.open_manifest) ||
        !sw_p256_equal(&lease->open_recipient, &c->call.open_recipient))
        return lease_refused(err, "the grant was given to another machine or purpose");
    c->lease = lease;
    c->decision.number = lease->number;
    c->decision.renewal = lease->renewal + 1;
    return SW_OK;
}

static sw_status check_new_grant(sw_kms_case *c, sw_error *err) {
    SW_TRY(sw_kms_audit_catch_up(c->kms, err));
    uint64_t granted = sw_kms_granted(&c->kms->counts, &c->decision.compose);
    if (granted >= c->recipe->grants) {
        sw_status status = sw_fail(err, SW_REFUSED, "grants",
                                   "all %u grants of this recipe are used up", c->recipe->grants);
        sw_error_hint(err, "every run, resuming, replay and opening takes one; with none left no "
                           "output of this recipe can be opened, and another approval does not "
                           "change that: choose `grants` larger in a new recipe");
        return status;
    }
    SW_TRY(sw_kms_count_room(&c->kms->counts, &c->decision.compose, err));
    c->decision.number = granted + 1;
    return SW_OK;
}

sw_status sw_kms_judge(sw_kms_case *c, sw_error *err) {
    SW_TRY(sw_kms_check_counter(c->kms, err));
    SW_TRY(check_challenge(c, err));
    SW_TRY(read_compose(c, err));
    SW_TRY(check_words(c, err));
    SW_TRY(check_evidence(c, err));
    SW_TRY(check_ledger(c, err));
    c->decision.vouched = true;
    SW_TRY(check_shards(c, err));
    return c->call.renew != 0 ? check_renewal(c, err) : check_new_grant(c, err);
}
