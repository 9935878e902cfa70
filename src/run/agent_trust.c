/* SPDX-License-Identifier: Apache-2.0
 *
 * Trust: consents matched to the recipe, the machine booted with exactly this compose, keys asked
 * for, renewed and derived (DESIGN sections 2, 3, 5).
 */
#include "ledger/chain_judge.h"
#include "run/agent.h"
#include <string.h>

/* Data keys, run key, three subkeys, manifest key. */
_Static_assert(SW_SHARD_LIMIT + 5 <= SW_AGENT_GUARD_KEYS, "the guard has room for every key");

#define CONSENT_LIMIT  ((size_t)64 << 10)
#define RENEW_RETRY_MS 5000 /* between two tries, or half of what is left for them */
#define RENEW_LEAST_MS 500
#define RENEW_CALLS    4 /* requests of a renewal; a long ledger has more, in the same time */
/* WRK-054: how fast a state is taken to be saved before the first was, 64 MiB in a second; and what
 * is added to both for a machine that is busy. */
#define SAVED_BYTES_PER_MS ((uint64_t)65536)
#define FIRST_SAVE_PART    8
#define STOP_SLACK_MS      2000
#define STOP_ROOM_PART     4 /* of the lease, that a STOP may come early; so long is asked again */
#define REQUEST_LEAST_MS   10000 /* of one request: a service asks nodes of a chain, say */

/* The shard that a verified consent belongs to; every shard takes exactly one. */
static sw_status place_consent(sw_agent *a, const char *path, sw_bytes file, sw_error *err) {
    sw_hash owner_id;
    SW_TRY(sw_consent_owner(&a->arena, file, &owner_id, err));
    const sw_owner *owner = sw_genesis_owner(a->genesis, &owner_id);
    if (!owner)
        return sw_fail(err, SW_REFUSED, "consent",
                       "%s is by someone who is not an owner of this app", path);
    sw_consent consent;
    SW_TRY(sw_consent_open(&a->arena, file, &owner->identity_key, &consent, err));
    const sw_wrap_context *c = &consent.word.context;
    if (!sw_hash_equal(&c->compose, &a->compose) ||
        !sw_hash_equal(&c->genesis, &a->genesis->hash)) {
        sw_status status = sw_fail(err, SW_REFUSED, "consent", "%s by %s is for another recipe",
                                   path, owner->name);
        sw_error_hint(err, "ask %s to consent to this compose hash", owner->name);
        return status;
    }
    for (size_t i = 0; i < a->recipe->shard_count; i++) {
        const sw_shard *s = &a->recipe->shards[i];
        if (!sw_hash_equal(&s->owner, &c->owner) || !sw_hash_equal(&s->dataset, &c->dataset))
            continue;
        if (a->consents[i].shard_envelope.size)
            return sw_fail(err, SW_REFUSED, "consent", "two consents are given for shard %zu",
                           i + 1);
        a->consents[i] = consent;
        return SW_OK;
    }
    return sw_fail(err, SW_REFUSED, "consent", "%s is for a dataset that the recipe does not list",
                   path);
}

sw_status sw_agent_match_consents(sw_agent *a, const char *const *paths, size_t count,
                                  sw_error *err) {
    for (size_t i = 0; i < count; i++) {
        SW_SCOPED(sw_buffer) file = SW_BUFFER(CONSENT_LIMIT);
        SW_TRY(sw_file_read(paths[i], CONSENT_LIMIT, &file, err));
        sw_bytes kept = sw_arena_copy(&a->arena, sw_buffer_bytes(&file));
        if (!kept.data) return sw_fail(err, SW_MEMORY, "memory", "no memory for consents");
        sw_status status = place_consent(a, paths[i], kept, err);
        if (status != SW_OK) return status;
    }
    for (size_t i = 0; i < a->recipe->shard_count; i++)
        if (!a->consents[i].shard_envelope.size)
            return sw_fail(err, SW_MISSING, "consent", "no consent is given for shard %zu (%s)",
                           i + 1, a->recipe->shards[i].name);
    return SW_OK;
}

sw_status sw_agent_verify_folder(sw_agent *a, const sw_manifest_input *folder,
                                 sw_manifest_verdict *verdict, sw_manifest_record *record,
                                 sw_error *err) {
    sw_manifest_input in = *folder;
    in.app = &a->genesis->hash;
    sw_status status = sw_manifest_verify(&in, NULL, verdict, err);
    if (status != SW_OK)
        sw_error_hint(err, "`sealwright verify` names the link that does not hold");
    SW_TRY(status);
    return sw_manifest_parse_record(&a->arena, in.manifest, record, err);
}

sw_status sw_agent_boot(sw_agent *a, sw_error *err) {
    const sw_run_options *o = a->o;
    uint8_t app_id[20];
    sw_machine_places places = {0};
    if (o->places != NULL) places = *o->places;
    places.policy = &a->recipe->policy;
    sw_genesis_app_id(a->genesis, app_id);
    SW_TRY(sw_machine_boot_at(&places, o->machine, o->app_compose, app_id, &o->entropy, &o->clock,
                              &a->machine, err));
    a->manifest_key = sw_session_key_new();
    if (!a->manifest_key)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for the manifest key");
    SW_TRY(sw_p256_generate(&o->entropy, a->manifest_key->b, &a->manifest_public, err));
    return sw_agent_guard_open(SW_AGENT_GRACE_MS, &a->guard, err); /* before a grant is spent */
}

/* What earlier grants brought stays; on a journal the newest export holds all. */
sw_status sw_agent_keep_views(sw_agent *a, sw_bytes views, sw_error *err) {
    if (a->genesis->backend != SW_LEDGER_ETHEREUM) return SW_OK;
    sw_buffer merged = SW_BUFFER(SW_VIEWS_LIMIT);
    sw_bytes before = a->views.size > 0 ? sw_buffer_bytes(&a->views) : SW_LITERAL("[]");
    sw_status status = sw_view_list_merge(before, views, &merged, err);
    sw_buffer_free(status == SW_OK ? &a->views : &merged);
    if (status == SW_OK) a->views = merged;
    return status;
}

static sw_status too_many_grants(sw_error *err) {
    sw_status status = sw_fail(err, SW_LIMIT, "limit",
                               "this run has renewed its lease as often as a manifest can list");
    sw_error_hint(err, "a recipe with a longer lease is renewed less often");
    return status;
}

void sw_agent_weigh_grants(sw_agent *a) {
    const uint64_t rest = 1024; /* members' names and the channel */
    a->grant_bytes = a->largest_grant = 0;
    for (size_t i = 0; i < a->grant_count; i++) {
        const sw_manifest_grant *g = &a->grants[i].view;
        uint64_t size = g->receipt.size + g->statements.size + g->evidence.size + rest;
        a->grant_bytes += size;
        if (size > a->largest_grant) a->largest_grant = size;
    }
}

/* A run whose record is full could not be resumed: that takes a grant of its own. */
static bool has_room(const sw_agent *a) {
    return a->grant_count + SW_AGENT_RESUMES < SW_MANIFEST_GRANT_LIMIT &&
           a->grant_bytes + SW_AGENT_RESUMES * a->largest_grant < SW_AGENT_GRANT_BYTES;
}

static sw_status keep_grant(sw_agent *a, sw_error *err) {
    SW_SCOPED(sw_buffer) shortened = SW_BUFFER(SW_EVIDENCE_LIMIT);
    if (a->replay) return SW_OK; /* they stand in no manifest (KMS-056) */
    if (a->grant_count == SW_MANIFEST_GRANT_LIMIT) return too_many_grants(err);
    SW_TRY(sw_manifest_shorten(sw_buffer_bytes(&a->newest_evidence),
                               sw_buffer_bytes(&a->granted.evidence), &shortened, err));
    SW_TRY(sw_agent_keep_views(a, sw_buffer_bytes(&a->granted.ledger), err));
    sw_agent_grant *g = &a->grants[a->grant_count];
    *g = (sw_agent_grant){
        .receipt = a->granted.receipt, .statements = a->granted.statements, .evidence = shortened};
    sw_buffer_free(&a->newest_evidence);
    a->newest_evidence = a->granted.evidence;
    shortened = a->granted.receipt = a->granted.statements = a->granted.evidence = (sw_buffer){0};
    g->view = (sw_manifest_grant){.receipt = sw_buffer_bytes(&g->receipt),
                                  .statements = sw_buffer_bytes(&g->statements),
                                  .evidence = sw_buffer_bytes(&g->evidence),
                                  .challenge = a->granted.challenge,
                                  .own_tls = a->granted.own_tls,
                                  .peer_tls = a->granted.peer_tls,
                                  .response = a->granted.response};
    a->grant_count++;
    sw_agent_weigh_grants(a);
    return SW_OK;
}

/* The guard does not ask the machine. Its clock is read first, so that an agent that is held up
 * between the two ends early. */
static sw_status take_lease(sw_agent *a, int64_t asked_ms, sw_error *err) {
    int64_t now = sw_agent_guard_now_ms(), counter = sw_machine_counter_ms(a->machine);
    int64_t lasts = asked_ms + a->granted.grant.lease_ms - counter;
    if (counter >= SW_COUNTER_LOST || lasts <= 0 || !sw_agent_guard_extend(a->guard, now + lasts))
        return sw_agent_end_lease(a, err);
    a->lease_end_ms = asked_ms + a->granted.grant.lease_ms;
    a->renew_at_ms = asked_ms + a->granted.grant.lease_ms / 2;
    a->time_base_ms = a->granted.grant.granted_ms - asked_ms;
    if (!a->started_ms) a->started_ms = a->granted.grant.granted_ms;
    return SW_OK;
}

static sw_key_request request_for(sw_agent *a, sw_purpose purpose, uint64_t renew) {
    return (sw_key_request){.purpose = purpose,
                            .app_compose = a->o->app_compose,
                            .genesis_envelope = a->o->genesis_envelope,
                            .genesis = a->genesis,
                            .recipe = a->recipe,
                            .consents = a->consents,
                            .machine = a->machine,
                            .reference = a->o->reference,
                            .verifier = a->verifier,
                            .manifest_key = a->manifest_key,
                            .manifest_public = a->manifest_public,
                            .renew_grant = renew};
}

/* Opens every wrapped key with the KMS's answers: a wrong answer opens nothing. */
static sw_status unwrap_all(sw_agent *a, sw_error *err) {
    SW_CHECK(err, a->granted.count == a->recipe->shard_count);
    for (size_t i = 0; i < a->recipe->shard_count; i++) {
        a->data_keys[i] = sw_data_key_new();
        if (!a->data_keys[i])
            return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for data keys");
        sw_agent_guard_key(a->guard, a->data_keys[i]);
        SW_TRY(sw_consent_unwrap(&a->consents[i], a->granted.keys[i], a->data_keys[i], err));
    }
    return SW_OK;
}

static sw_status ask(sw_agent *a, const sw_key_request *q, sw_error *err) {
    SW_TRY(sw_remote_open(a->o->kms_url, &a->o->entropy, &a->kms, err));
    /* Owners' decisions went to the chain, so perhaps nobody has told this service of the app. */
    if (a->genesis->backend == SW_LEDGER_ETHEREUM)
        SW_TRY(sw_remote_found(a->kms, a->o->genesis_envelope, err));
    int64_t asked = sw_machine_counter_ms(a->machine);
    SW_TRY(sw_remote_keys(a->kms, q, &a->o->entropy, a->o->clock.wall_ms(a->o->clock.context),
                          &a->granted, err));
    sw_status status = take_lease(a, asked, err);
    sw_agent_guard_key(a->guard, a->manifest_key);
    if (status == SW_OK) status = unwrap_all(a, err);
    sw_granted_drop_keys(&a->granted); /* of which the guard knows nothing (WRK-055) */
    return status;
}

sw_status sw_agent_take_keys(sw_agent *a, sw_purpose purpose, sw_error *err) {
    const sw_key_request q = request_for(a, purpose, 0);
    SW_TRY(ask(a, &q, err));
    return keep_grant(a, err);
}

sw_status sw_agent_take_open_keys(sw_agent *a, const sw_hash *manifest,
                                  const sw_p256_public *recipient, sw_error *err) {
    sw_key_request q = request_for(a, SW_PURPOSE_OPEN, 0);
    q.open_manifest = *manifest;
    q.open_recipient = *recipient;
    return ask(a, &q, err);
}

static sw_status derive_subkey(const sw_agent *a, sw_subkey_label label, sw_subkey **out,
                               sw_error *err) {
    *out = sw_subkey_new();
    if (!*out) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for subkeys");
    sw_agent_guard_key(a->guard, *out);
    return sw_subkey_derive(a->run_key, label, *out, err);
}

sw_status sw_agent_derive(sw_agent *a, sw_error *err) {
    const sw_data_key *keys[SW_SHARD_LIMIT];
    for (size_t i = 0; i < a->recipe->shard_count; i++) keys[i] = a->data_keys[i];
    a->run_key = sw_run_key_new();
    if (!a->run_key) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for the run key");
    sw_agent_guard_key(a->guard, a->run_key);
    SW_TRY(sw_run_key_derive(keys, a->recipe->shard_count, &a->compose, a->run_key, err));
    SW_TRY(derive_subkey(a, SW_SUBKEY_CHECKPOINT, &a->checkpoint_key, err));
    SW_TRY(derive_subkey(a, SW_SUBKEY_OUTPUT, &a->output_key, err));
    return derive_subkey(a, SW_SUBKEY_COMMIT, &a->commit_key, err);
}

/* A guess, so it takes no large part of a lease away. */
static int64_t first_save_ms(const sw_agent *a) {
    int64_t guess = (int64_t)(a->recipe->checkpoint_limit_bytes / SAVED_BYTES_PER_MS);
    int64_t most = a->granted.grant.lease_ms / FIRST_SAVE_PART;
    return guess < most ? guess : most;
}

/* WRK-054: how long before the lease's end a STOP must be sent. */
static int64_t stop_room_ms(const sw_agent *a) {
    if (a->replay || !a->plan_seen || a->worker <= 0) return 0; /* there is nothing to save */
    if (a->saved_step == a->total_steps) return 0;
    int64_t step = a->step_ms;
    if (!a->command || step == 0) {
        int64_t in_hand = sw_machine_counter_ms(a->machine) - a->stepped_ms;
        if (step < in_hand) step = in_hand;
    }
    int64_t room = step + (a->save_ms ? a->save_ms : first_save_ms(a)) + STOP_SLACK_MS;
    int64_t most = a->granted.grant.lease_ms / STOP_ROOM_PART;
    return room < most ? room : most;
}

/* What each request of a renewal may take, and all of them, so that behind them there is time for a
 * STOP, but for a least. The lease's end bounds them anyhow. */
static void be_patient(const sw_agent *a, int64_t now) {
    int64_t left = a->lease_end_ms - now;
    int64_t each = (left - stop_room_ms(a)) / RENEW_CALLS, most = left / RENEW_CALLS;
    int64_t least = most < REQUEST_LEAST_MS ? most : REQUEST_LEAST_MS;
    if (each < least) each = least;
    sw_remote_patience(a->kms, each, each * RENEW_CALLS);
}

static sw_status renew(sw_agent *a, sw_error *err) {
    const sw_grant *held = &a->granted.grant;
    sw_key_request again = request_for(a, held->purpose, held->number);
    again.open_manifest = held->open_manifest;
    again.open_recipient = held->open_recipient;
    sw_granted next = {0};
    int64_t asked = sw_machine_counter_ms(a->machine);
    be_patient(a, asked);
    sw_status status = sw_remote_keys(a->kms, &again, &a->o->entropy,
                                      a->o->clock.wall_ms(a->o->clock.context), &next, err);
    if (status != SW_OK) return status;
    sw_granted_drop_keys(&next); /* the data keys are open */
    sw_granted_free(&a->granted);
    a->granted = next;
    SW_TRY(take_lease(a, asked, err));
    return a->grants ? keep_grant(a, err) : SW_OK; /* an opening writes no manifest */
}

/* WRK-054: while a STOP can wait; the less there is until then, the sooner. */
static bool asks_again(sw_agent *a) {
    int64_t now = sw_machine_counter_ms(a->machine);
    int64_t half = (a->lease_end_ms - stop_room_ms(a) - now) / 2;
    if (half < RENEW_LEAST_MS) return false;
    a->renew_at_ms = now + (half < RENEW_RETRY_MS ? half : RENEW_RETRY_MS);
    return true;
}

bool sw_agent_lease_holds(sw_agent *a) {
    if (a->lease_status != SW_OK) return false;
    int64_t now = sw_machine_counter_ms(a->machine);
    if (now < a->renew_at_ms) return true;
    bool room = a->replay || has_room(a);
    sw_status status = room ? renew(a, &a->lease_error) : too_many_grants(&a->lease_error);
    int64_t waited = sw_machine_counter_ms(a->machine) - now;
    a->waited_ms += waited; /* which is no part of a step or a save */
    a->stepped_ms += waited;
    if (status == SW_OK) return true;
    /* An unreachable KMS is asked again until a STOP is due; a refusal is final. */
    if (status == SW_UNAVAILABLE && asks_again(a)) return true;
    a->lease_status = status;
    return false;
}

sw_status sw_agent_end_lease(sw_agent *a, sw_error *err) {
    if (a->lease_status == SW_OK)
        a->lease_status = sw_fail(&a->lease_error, SW_REFUSED, "lease", "the lease has ended");
    if (err) *err = a->lease_error;
    return a->lease_status;
}

bool sw_agent_lease_ended(const sw_agent *a) {
    return sw_machine_counter_ms(a->machine) >= a->lease_end_ms || sw_agent_guard_ended(a->guard);
}

sw_status sw_agent_hold_lease(sw_agent *a, sw_error *err) {
    bool holds = !sw_agent_lease_ended(a) && sw_agent_lease_holds(a) &&
                 !sw_agent_lease_ended(a); /* a renewal may take long */
    return holds ? SW_OK : sw_agent_end_lease(a, err);
}

sw_status sw_agent_release_lease(sw_agent *a, sw_error *err) {
    return sw_agent_guard_release(a->guard) ? SW_OK : sw_agent_end_lease(a, err);
}
