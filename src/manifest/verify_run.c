/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine's evidence, the manifest under the machine's key, and the closing quote (MAN-067 to
 * MAN-069). Every object has exactly its members, so nothing stands in a manifest unread.
 */
#include "codec/text.h"
#include "manifest/manifest_internal.h"
#include <inttypes.h>
#include <string.h>

#define TOKEN_LIMIT ((uint64_t)1 << 53)

static sw_status read_key(const sw_json *o, const char *name, sw_p256_public *out, sw_error *err) {
    return sw_json_hex(o, "evidence.json", name, out->b, sizeof out->b, err);
}

/* The channel's values beside the evidence; `response` is kept where the binding points. */
static sw_status read_channel(const sw_json *o, const sw_grant *g, sw_p256_public *response,
                              sw_channel_binding *out, sw_error *err) {
    sw_channel_binding b = {.role = SW_ROLE_MACHINE,
                            .purpose = g->purpose,
                            .response = response,
                            .manifest = &g->machine};
    SW_TRY(sw_json_hash(o, "evidence.json", "challenge", &b.challenge, err));
    SW_TRY(read_key(o, "own_tls", &b.own_tls, err));
    SW_TRY(read_key(o, "peer_tls", &b.peer_tls, err));
    SW_TRY(read_key(o, "response", response, err));
    *out = b;
    return SW_OK;
}

/* The whole of what `shortened` tells, into w->evidence (MAN-006). */
static sw_status restore(sw_walk *w, const sw_json *shortened, sw_error *err) {
    SW_SCOPED(sw_buffer) whole = SW_BUFFER(SW_EVIDENCE_LIMIT);
    SW_TRY(sw_manifest_restore(sw_buffer_bytes(&w->evidence), shortened->span, &whole, err));
    sw_buffer before = w->evidence;
    w->evidence = whole;
    whole = before;
    return SW_OK;
}

static sw_status verify_one(sw_walk *w, const sw_json *o, const sw_grant *g, sw_claims *claims,
                            sw_error *err) {
    static const char *const names[] = {"challenge", "evidence", "own_tls",
                                        "peer_tls",  "response", NULL};
    SW_TRY(sw_json_expect(o, "evidence.json", names, err));
    const sw_json *evidence;
    SW_TRY(sw_json_object(o, "evidence.json", "evidence", &evidence, err));
    SW_TRY(restore(w, evidence, err));
    sw_hash digest;
    sw_sha256(&digest, sw_buffer_bytes(&w->evidence));
    if (!sw_hash_equal(&digest, &g->evidence))
        return sw_fail(err, SW_UNAUTHENTIC, "evidence",
                       "the evidence beside the manifest is not what the key service judged");
    sw_channel_binding channel;
    sw_p256_public response;
    SW_TRY(read_channel(o, g, &response, &channel, err));
    const sw_question question = {
        .channel = &channel, .compose = &w->verdict.compose, .verifier = w->verifier};
    return sw_attest(sw_buffer_bytes(&w->evidence), &w->recipe->policy, g->granted_ms, &question,
                     claims, err);
}

/* What was shown at the newest grant; a recipe without GPUs has no such line. */
static void hold_gpus(sw_walk *w) {
    uint32_t count = w->recipe->policy.gpu.count;
    size_t i = 0;
    if (count == 0) return;
    while (i + 1 < w->claims.gpu_count && w->claims.gpus[i].is_switch) i++;
    sw_walk_holds(w, "GPUs", "%u attested at every grant, %s, driver %s, revocation checked", count,
                  w->claims.gpus[i].model, w->claims.gpus[i].driver);
}

sw_status sw_walk_evidence(sw_walk *w, sw_error *err) {
    static const char *const names[] = {"closing", "grants", "kind", NULL};
    SW_TRY(sw_json_expect(w->evidence_file, "evidence.json", names, err));
    const sw_json *list;
    SW_TRY(sw_json_array(w->evidence_file, "evidence.json", "grants", SW_MANIFEST_GRANT_LIMIT,
                         &list, err));
    if (list->count != w->grant_count)
        return sw_fail(err, SW_UNAUTHENTIC, "evidence",
                       "evidence.json holds another number of grants than the manifest");
    size_t i = 0;
    for (const sw_json *o = list->first; o; o = o->next, i++)
        SW_TRY(verify_one(w, o, &w->grants[i], &w->claims, err));
    sw_walk_holds(
        w, "evidence", "image '%s', %s, TCB %s, compose measured, keys bound to the channel",
        w->claims.image, w->verdict.simulated ? "simulated" : "TDX", w->claims.tcb_status);
    hold_gpus(w);
    return SW_OK;
}

/* ---- the statement ---- */

sw_status sw_walk_same_hash(const sw_json *o, const char *where, const char *name,
                            const sw_hash *expected, sw_error *err) {
    sw_hash value;
    SW_TRY(sw_json_hash(o, where, name, &value, err));
    if (sw_hash_equal(&value, expected)) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                   "%s.%s is another than the links before it established", where, name);
}

static sw_status same_text(const sw_json *o, const char *where, const char *name,
                           const char *expected, sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_json_text(o, where, name, &text, err));
    if (sw_bytes_is(text, expected)) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "manifest", "%s.%s is not '%s'", where, name, expected);
}

/* MAN-025: what ran is what the recipe names, tree and arguments. */
static sw_status check_command(const sw_walk *w, const sw_json *engine, sw_error *err) {
    static const char *const names[] = {"arguments", "tree", NULL};
    const char *where = "manifest.engine.command";
    const sw_recipe_command *c = &w->recipe->command;
    const sw_json *command, *list;
    SW_TRY(sw_json_object(engine, "manifest.engine", "command", &command, err));
    SW_TRY(sw_json_expect(command, where, names, err));
    SW_TRY(sw_walk_same_hash(command, where, "tree", &c->tree, err));
    SW_TRY(sw_json_array(command, where, "arguments", SW_COMMAND_ARGUMENTS, &list, err));
    bool same = list->count == c->argument_count;
    const sw_json *o = list->first;
    for (size_t i = 0; same && o; o = o->next, i++)
        same = o->type == SW_JSON_STRING && sw_bytes_is(o->text, c->arguments[i]);
    if (same) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                   "the manifest names other arguments than the recipe's command has");
}

static sw_status check_script(const sw_walk *w, const sw_json *engine, sw_error *err) {
    static const char *const names[] = {"command", "kind", "trainer_digest", NULL};
    const char *where = "manifest.engine";
    SW_TRY(sw_json_expect(engine, where, names, err));
    SW_TRY(same_text(engine, where, "kind", "script", err));
    SW_TRY(sw_walk_same_hash(engine, where, "trainer_digest", &w->recipe->trainer_digest, err));
    return check_command(w, engine, err);
}

static sw_status check_engine(const sw_walk *w, sw_error *err) {
    static const char *const names[] = {"kind", "profile", "trainer_digest", NULL};
    const char *where = "manifest.engine";
    const char *profile = sw_profile_word(w->recipe->training.profile);
    const sw_json *engine;
    SW_TRY(sw_json_object(w->predicate, "manifest", "engine", &engine, err));
    if (!w->recipe->native) return check_script(w, engine, err);
    SW_TRY(sw_json_expect(engine, where, names, err));
    SW_TRY(same_text(engine, where, "kind", "native", err));
    SW_TRY(same_text(engine, where, "profile", profile, err));
    return sw_walk_same_hash(engine, where, "trainer_digest", &w->recipe->trainer_digest, err);
}

static sw_status check_header(sw_walk *w, sw_error *err) {
    static const char *const names[] = {
        "app_compose", "claims_by_trainer", "compose_hash", "datasets", "engine",    "genesis",
        "grants",      "machine",           "output",       "run",      "simulated", NULL};
    sw_bytes compose;
    SW_TRY(sw_json_expect(w->predicate, "manifest.predicate", names, err));
    SW_TRY(sw_json_text(w->predicate, "manifest", "app_compose", &compose, err));
    if (!sw_bytes_equal(compose, w->in->app_compose))
        return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                       "the manifest carries another app-compose than app-compose.json");
    SW_TRY(sw_walk_same_hash(w->predicate, "manifest", "genesis", &w->genesis->hash, err));
    SW_TRY(sw_walk_same_hash(w->predicate, "manifest", "compose_hash", &w->verdict.compose, err));
    bool simulated;
    SW_TRY(sw_json_flag(w->predicate, "manifest", "simulated", &simulated, err));
    if (simulated != w->verdict.simulated)
        return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                       "the manifest does not say whether it is simulated");
    sw_p256_public machine;
    SW_TRY(sw_json_hex(w->predicate, "manifest", "machine", machine.b, sizeof machine.b, err));
    if (!sw_p256_equal(&machine, &w->machine))
        return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                       "the manifest names another machine than the newest receipt");
    return check_engine(w, err);
}

/* A command is given all rows, and nobody counts tokens for it (MAN-017). */
static sw_status check_delivered(const sw_walk *w, size_t index, uint64_t delivered,
                                 uint64_t tokens, sw_error *err) {
    const sw_training *t = &w->recipe->training;
    if (!w->recipe->native) {
        if (delivered == w->recipe->shards[index].rows && tokens == 0) return SW_OK;
        return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                       "shard %zu was not given to the command whole, or has tokens", index + 1);
    }
    bool fits = !sw_training_cuts(t) || tokens <= delivered * t->max_length;
    if (fits && !tokens == !delivered) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                   "shard %zu has more tokens than its rows can hold, or none", index + 1);
}

static sw_status check_dataset(sw_walk *w, const sw_json *o, size_t index, sw_error *err) {
    static const char *const names[] = {
        "dataset", "owner", "rows_delivered", "rows_listed", "tokens", "tokens_commitment", NULL};
    const char *where = "manifest.datasets";
    const sw_shard *s = &w->recipe->shards[index];
    uint64_t listed, delivered, tokens;
    sw_hash commitment;
    SW_TRY(sw_json_expect(o, where, names, err));
    SW_TRY(sw_walk_same_hash(o, where, "dataset", &s->dataset, err));
    SW_TRY(sw_walk_same_hash(o, where, "owner", &s->owner, err));
    SW_TRY(sw_json_u64(o, where, "rows_listed", s->rows, &listed, err));
    SW_TRY(sw_json_u64(o, where, "rows_delivered", s->rows, &delivered, err));
    SW_TRY(sw_json_u64(o, where, "tokens", TOKEN_LIMIT, &tokens, err));
    SW_TRY(sw_json_hash(o, where, "tokens_commitment", &commitment, err));
    if (listed != s->rows)
        return sw_fail(err, SW_UNAUTHENTIC, "manifest", "shard %zu has another number of rows",
                       index + 1);
    SW_TRY(check_delivered(w, index, delivered, tokens, err));
    w->rows_listed += listed;
    w->rows += delivered;
    w->tokens += tokens;
    return SW_OK;
}

static sw_status check_datasets(sw_walk *w, sw_error *err) {
    const sw_json *list;
    SW_TRY(sw_json_array(w->predicate, "manifest", "datasets", SW_SHARD_LIMIT, &list, err));
    if (list->count != w->recipe->shard_count)
        return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                       "the manifest lists other shards than the recipe");
    size_t i = 0;
    for (const sw_json *o = list->first; o; o = o->next, i++) SW_TRY(check_dataset(w, o, i, err));
    return SW_OK;
}

static sw_status check_output(sw_walk *w, sw_error *err) {
    static const char *const names[] = {"bytes", "model_commitment", "root", NULL};
    const char *where = "manifest.output";
    const sw_json *output;
    uint64_t bytes, limit = w->recipe->output_limit_bytes;
    SW_TRY(sw_json_object(w->predicate, "manifest", "output", &output, err));
    SW_TRY(sw_json_expect(output, where, names, err));
    SW_TRY(sw_json_u64(output, where, "bytes", limit, &bytes, err));
    SW_TRY(sw_json_hash(output, where, "root", &w->output_root, err));
    SW_TRY(sw_json_hash(output, where, "model_commitment", &w->model_commitment, err));
    if (bytes == limit) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                   "the output does not have the size that the recipe declares");
}

/* MAN-011 */
static sw_status check_subject(const sw_walk *w, sw_error *err) {
    static const char *const names[] = {"digest", "name", NULL};
    static const char *const digests[] = {"sealwrightRoot", NULL};
    const char *where = "manifest.subject";
    const sw_json *list, *digest;
    SW_TRY(sw_json_array(w->statement, "manifest", "subject", 1, &list, err));
    if (!list->first) return sw_fail(err, SW_MALFORMED, "manifest", "the manifest has no subject");
    SW_TRY(sw_json_expect(list->first, where, names, err));
    SW_TRY(same_text(list->first, where, "name", "model.sealed", err));
    SW_TRY(sw_json_object(list->first, where, "digest", &digest, err));
    SW_TRY(sw_json_expect(digest, where, digests, err));
    return sw_walk_same_hash(digest, where, "sealwrightRoot", &w->output_root, err);
}

static sw_status check_pem(const sw_walk *w, sw_error *err) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(256);
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(1024);
    sw_p256_spki(&der, &w->machine);
    sw_pem_encode(&pem, "PUBLIC KEY", sw_buffer_bytes(&der));
    SW_TRY(sw_buffer_check(&pem, "machine.pem", err));
    if (sw_bytes_equal(sw_buffer_bytes(&pem), w->in->machine_pem)) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                   "machine.pem is not the key that the newest receipt names");
}

/* MAN-023: which file holds them, and nothing that the trainer chose. */
static sw_status hold_claims(sw_walk *w, sw_error *err) {
    static const char *const names[] = {"file", NULL};
    const sw_json *claims;
    sw_bytes file;
    SW_TRY(sw_json_object(w->predicate, "manifest", "claims_by_trainer", &claims, err));
    if (!claims->count) return SW_OK;
    SW_TRY(sw_json_expect(claims, "claims_by_trainer", names, err));
    SW_TRY(sw_json_text(claims, "claims_by_trainer", "file", &file, err));
    if (w->recipe->native || !sw_bytes_is(file, SW_MANIFEST_CLAIMS_NAME))
        return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                       "claims_by_trainer names another file than " SW_MANIFEST_CLAIMS_NAME
                       " of a script");
    w->claims_named = true;
    sw_walk_holds(
        w, "claims",
        "what the script says about itself is sealed with the model, in " SW_MANIFEST_CLAIMS_NAME
        ": UNPROVEN");
    return SW_OK;
}

/* The argument that names the first of the files that owners read as the code (CMD-011). */
static const char *script_of(const sw_recipe_command *c) {
    for (size_t at = 1; at < c->argument_count; at++)
        for (size_t i = 0; i < c->file_count; i++)
            if (strcmp(c->files[i].path, c->arguments[at]) == 0) return c->arguments[at];
    return c->arguments[0];
}

/* A script can be anything, so it is said by itself. */
static void hold_script(sw_walk *w) {
    const sw_recipe_command *c = &w->recipe->command;
    char id[17];
    if (w->recipe->native) return;
    sw_hex_text(id, SW_BYTES(c->tree.b, 8));
    sw_walk_holds(w, "script",
                  "a command trained, not the native trainer: %.120s of tree %s..., run by %.120s, "
                  "as the recipe names them; what it computed is its own word, and no replay can "
                  "repeat it%s",
                  script_of(c), id, c->arguments[0], sw_walk_place_words(w->recipe));
}

sw_status sw_walk_statement(sw_walk *w, sw_error *err) {
    const sw_json *run;
    SW_TRY(sw_envelope_verify(&w->manifest, SW_PAYLOAD_STATEMENT, &w->machine, err));
    SW_TRY(check_pem(w, err));
    SW_TRY(check_header(w, err));
    SW_TRY(check_datasets(w, err));
    SW_TRY(sw_json_object(w->predicate, "manifest", "run", &run, err));
    SW_TRY(sw_walk_record(w, run, err));
    SW_TRY(check_output(w, err));
    SW_TRY(check_subject(w, err));
    sw_walk_holds(w, "manifest",
                  "signed by the machine that the receipt names: %" PRIu64 " of %" PRIu64
                  " rows, %" PRIu64 " steps, %s trainer",
                  w->rows, w->rows_listed, w->verdict.steps,
                  w->recipe->native ? "native" : "script");
    hold_script(w);
    return hold_claims(w, err);
}

/* MAN-069: one machine obtained the keys and made the end. */
sw_status sw_walk_closing(sw_walk *w, sw_error *err) {
    const sw_json *closing;
    SW_TRY(sw_json_object(w->evidence_file, "evidence.json", "closing", &closing, err));
    sw_report_data report;
    sw_report_manifest(&report, &w->verdict.digest);
    sw_claims claims;
    sw_policy policy = w->recipe->policy;
    policy.gpu = (sw_gpu_policy){0}; /* GPU-226: they were attested at every grant; none here */
    const sw_question question = {
        .report = &report, .compose = &w->verdict.compose, .verifier = w->verifier};
    SW_TRY(restore(w, closing, err));
    SW_TRY(
        sw_attest(sw_buffer_bytes(&w->evidence), &policy, w->finished_ms, &question, &claims, err));
    if (!sw_hash_equal(&claims.device, &w->claims.device) ||
        memcmp(claims.instance_id, w->claims.instance_id, sizeof claims.instance_id) != 0 ||
        strcmp(claims.image, w->claims.image) != 0)
        return sw_fail(err, SW_UNAUTHENTIC, "evidence",
                       "another machine made the closing quote than obtained the keys");
    sw_walk_holds(w, "closing quote", "the same machine quoted this very statement at its end");
    return SW_OK;
}
