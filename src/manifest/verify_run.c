/* SPDX-License-Identifier: Apache-2.0
 *
 * The later links: the machine's evidence, the manifest under the machine's key, the closing quote,
 * and the model.
 */
#include "codec/text.h"
#include "manifest/manifest_internal.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static sw_status read_key(const sw_json *o, const char *name, sw_p256_public *out, sw_error *err) {
    return sw_json_hex(o, "evidence.json", name, out->b, sizeof out->b, err);
}

/* EVD report data `channel`, recomputed from the channel's values beside the evidence. */
static sw_status expected_report(const sw_json *o, const sw_grant *g, sw_report_data *out,
                                 sw_error *err) {
    sw_p256_public response;
    sw_channel_binding b = {.role = SW_ROLE_MACHINE,
                            .purpose = g->purpose,
                            .response = &response,
                            .manifest = &g->machine};
    SW_TRY(sw_json_hash(o, "evidence.json", "challenge", &b.challenge, err));
    SW_TRY(read_key(o, "own_tls", &b.own_tls, err));
    SW_TRY(read_key(o, "peer_tls", &b.peer_tls, err));
    SW_TRY(read_key(o, "response", &response, err));
    return sw_report_channel(out, &b, err);
}

static sw_status verify_one(sw_walk *w, const sw_json *o, const sw_grant *g, sw_claims *claims,
                            sw_error *err) {
    static const char *const names[] = {"challenge", "evidence", "own_tls",
                                        "peer_tls",  "response", NULL};
    SW_TRY(sw_json_expect(o, "evidence.json", names, err));
    const sw_json *evidence;
    SW_TRY(sw_json_object(o, "evidence.json", "evidence", &evidence, err));
    sw_hash digest;
    sw_sha256(&digest, evidence->span);
    if (!sw_hash_equal(&digest, &g->evidence))
        return sw_fail(err, SW_UNAUTHENTIC, "evidence",
                       "the evidence beside the manifest is not what the key service judged");
    sw_report_data report;
    SW_TRY(expected_report(o, g, &report, err));
    return sw_attest(evidence->span, &w->recipe->policy, g->granted_ms, &report,
                     &w->verdict.compose, claims, err);
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
    sw_claims claims;
    size_t i = 0;
    for (const sw_json *o = list->first; o; o = o->next, i++)
        SW_TRY(verify_one(w, o, &w->grants[i], &claims, err));
    sw_walk_holds(w, "evidence",
                  "image '%s', %s, TCB %s, compose measured, keys bound to the channel",
                  claims.image, w->verdict.simulated ? "simulated" : "TDX", claims.tcb_status);
    return SW_OK;
}

/* ---- the statement ---- */

static sw_status same_hash(const sw_json *o, const char *name, const sw_hash *expected,
                           sw_error *err) {
    sw_hash value;
    SW_TRY(sw_json_hash(o, "manifest", name, &value, err));
    if (sw_hash_equal(&value, expected)) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                   "the manifest's %s is another than the links before it established", name);
}

static sw_status check_header(sw_walk *w, sw_error *err) {
    sw_bytes compose;
    SW_TRY(sw_json_text(w->predicate, "manifest", "app_compose", &compose, err));
    if (!sw_bytes_equal(compose, w->in->app_compose))
        return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                       "the manifest carries another app-compose than app-compose.json");
    SW_TRY(same_hash(w->predicate, "genesis", &w->genesis->hash, err));
    SW_TRY(same_hash(w->predicate, "compose_hash", &w->verdict.compose, err));
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
    const sw_json *engine;
    SW_TRY(sw_json_object(w->predicate, "manifest", "engine", &engine, err));
    return same_hash(engine, "trainer_digest", &w->recipe->trainer_digest, err);
}

static sw_status check_dataset(const sw_walk *w, const sw_json *o, size_t index, uint64_t *rows,
                               sw_error *err) {
    static const char *const names[] = {
        "dataset", "owner", "rows_delivered", "rows_listed", "tokens", "tokens_commitment", NULL};
    SW_TRY(sw_json_expect(o, "manifest.datasets", names, err));
    const sw_shard *s = &w->recipe->shards[index];
    SW_TRY(same_hash(o, "dataset", &s->dataset, err));
    SW_TRY(same_hash(o, "owner", &s->owner, err));
    uint64_t listed, delivered;
    SW_TRY(sw_json_u64(o, "manifest.datasets", "rows_listed", s->rows, &listed, err));
    SW_TRY(sw_json_u64(o, "manifest.datasets", "rows_delivered", s->rows, &delivered, err));
    if (listed != s->rows)
        return sw_fail(err, SW_UNAUTHENTIC, "manifest", "shard %zu has another number of rows",
                       index + 1);
    *rows += delivered;
    return SW_OK;
}

static sw_status check_datasets(const sw_walk *w, uint64_t *rows, sw_error *err) {
    const sw_json *list;
    SW_TRY(sw_json_array(w->predicate, "manifest", "datasets", SW_SHARD_LIMIT, &list, err));
    if (list->count != w->recipe->shard_count)
        return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                       "the manifest lists other shards than the recipe");
    size_t i = 0;
    for (const sw_json *o = list->first; o; o = o->next, i++)
        SW_TRY(check_dataset(w, o, i, rows, err));
    return SW_OK;
}

static sw_status check_run(sw_walk *w, sw_error *err) {
    const sw_json *run, *sandbox, *output;
    SW_TRY(sw_json_object(w->predicate, "manifest", "run", &run, err));
    SW_TRY(sw_json_u64(run, "manifest.run", "steps", UINT32_MAX, &w->verdict.steps, err));
    sw_bytes finished;
    SW_TRY(sw_json_text(run, "manifest.run", "finished", &finished, err));
    SW_TRY(sw_time_parse(finished, &w->finished_ms, err));
    const sw_grant *last = &w->grants[w->grant_count - 1];
    if (w->finished_ms + 1000 < last->granted_ms ||
        w->finished_ms > last->granted_ms + last->lease_ms)
        return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                       "the run did not end within its last lease");
    SW_TRY(sw_json_object(run, "manifest.run", "sandbox", &sandbox, err));
    static const char *const required[] = {"no_new_privs", "seccomp", "no_core", "not_dumpable"};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        bool held;
        SW_TRY(sw_json_flag(sandbox, "manifest.run.sandbox", required[i], &held, err));
        if (!held)
            return sw_fail(err, SW_UNAUTHENTIC, "manifest", "the worker ran without the layer %s",
                           required[i]);
    }
    uint64_t abi;
    SW_TRY(sw_json_u64(sandbox, "manifest.run.sandbox", "landlock_abi", 1000, &abi, err));
    if (abi < 3) return sw_fail(err, SW_UNAUTHENTIC, "manifest", "the worker ran without Landlock");
    SW_TRY(sw_json_object(w->predicate, "manifest", "output", &output, err));
    SW_TRY(sw_json_hash(output, "manifest.output", "root", &w->output_root, err));
    return sw_json_hash(output, "manifest.output", "model_commitment", &w->model_commitment, err);
}

static sw_status check_subject(const sw_walk *w, sw_error *err) {
    sw_json *root;
    SW_SCOPED(sw_arena) a = {0};
    SW_TRY(sw_json_parse_canonical(
        &a, w->manifest.payload,
        &(sw_json_limits){.bytes = SW_MANIFEST_TEXT_LIMIT, .nodes = SW_MANIFEST_NODE_LIMIT}, &root,
        err));
    const sw_json *list, *digest;
    SW_TRY(sw_json_array(root, "manifest", "subject", 1, &list, err));
    if (!list->first) return sw_fail(err, SW_MALFORMED, "manifest", "the manifest has no subject");
    SW_TRY(sw_json_object(list->first, "manifest.subject", "digest", &digest, err));
    return same_hash(digest, "sealwrightRoot", &w->output_root, err);
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

sw_status sw_walk_statement(sw_walk *w, sw_error *err) {
    SW_TRY(sw_envelope_verify(&w->manifest, SW_PAYLOAD_STATEMENT, &w->machine, err));
    SW_TRY(check_pem(w, err));
    SW_TRY(check_header(w, err));
    uint64_t rows = 0;
    SW_TRY(check_datasets(w, &rows, err));
    SW_TRY(check_run(w, err));
    SW_TRY(check_subject(w, err));
    sw_walk_holds(w, "manifest",
                  "signed by the machine that the receipt names: %" PRIu64 " rows, %" PRIu64
                  " steps",
                  rows, w->verdict.steps);
    const sw_json *claims = sw_json_member(w->predicate, "claims_by_trainer");
    if (claims && claims->count)
        sw_walk_holds(w, "claims", "%zu claims by the trainer itself: unproven", claims->count);
    return SW_OK;
}

sw_status sw_walk_closing(sw_walk *w, sw_error *err) {
    const sw_json *closing;
    SW_TRY(sw_json_object(w->evidence_file, "evidence.json", "closing", &closing, err));
    sw_report_data report;
    sw_report_manifest(&report, &w->verdict.digest);
    sw_claims claims;
    SW_TRY(sw_attest(closing->span, &w->recipe->policy, w->finished_ms, &report,
                     &w->verdict.compose, &claims, err));
    sw_walk_holds(w, "closing quote", "the machine quoted this very statement at its end");
    return SW_OK;
}

sw_status sw_walk_sealed(sw_walk *w, sw_error *err) {
    if (w->in->model_fd < 0)
        return sw_fail(err, SW_MISSING, "missing", "model.sealed is not in the folder");
    sw_container_body body;
    sw_container_trailer trailer;
    SW_TRY(sw_container_inspect(&w->arena, w->in->model_fd, NULL, &body, &trailer, err));
    if (body.kind != SW_CONTAINER_OUTPUT || !sw_hash_equal(&trailer.root_id, &w->output_root))
        return sw_fail(err, SW_UNAUTHENTIC, "model",
                       "model.sealed is not the output that the manifest names");
    if (!sw_hash_equal(&body.binding.compose, &w->verdict.compose) ||
        body.binding.step != w->verdict.steps)
        return sw_fail(err, SW_UNAUTHENTIC, "model",
                       "model.sealed is bound to another recipe or step");
    char id[17];
    sw_hex_text(id, SW_BYTES(w->output_root.b, 8));
    sw_walk_holds(w, "model.sealed", "root %s..., %" PRIu64 " bytes", id, trailer.plain_bytes);
    return SW_OK;
}

/* ---- the opened folder ---- */

static const sw_oms_file *find_file(const sw_walk *w, const char *name) {
    for (size_t i = 0; i < w->in->model_count; i++)
        if (strcmp(w->in->model[i].name, name) == 0) return &w->in->model[i];
    return NULL;
}

static sw_status read_salt(sw_walk *w, sw_hash *salt, sw_error *err) {
    const sw_oms_file *facts = find_file(w, SW_MODEL_FACTS_NAME);
    if (!facts)
        return sw_fail(err, SW_MISSING, "model", "the opened folder has no " SW_MODEL_FACTS_NAME);
    sw_json *o;
    SW_TRY(sw_json_parse_canonical(&w->arena, facts->content, NULL, &o, err));
    return sw_json_hash(o, SW_MODEL_FACTS_NAME, "salt", salt, err);
}

sw_status sw_walk_model(sw_walk *w, sw_error *err) {
    if (!w->in->model) return SW_OK;
    sw_hash salt, root, commitment;
    SW_TRY(read_salt(w, &salt, err));
    const sw_oms_file *signature = find_file(w, SW_MODEL_SIGNATURE_NAME);
    if (!signature)
        return sw_fail(err, SW_MISSING, "model",
                       "the opened folder has no " SW_MODEL_SIGNATURE_NAME);
    sw_oms_file *files = SW_ARENA_NEW(&w->arena, sw_oms_file, w->in->model_count);
    if (!files) return sw_fail(err, SW_MEMORY, "memory", "no memory for the model's files");
    size_t count = 0;
    for (size_t i = 0; i < w->in->model_count; i++)
        if (&w->in->model[i] != signature) files[count++] = w->in->model[i];
    SW_TRY(sw_oms_root(files, count, &root, err));
    sw_model_commitment(&commitment, &salt, &root);
    if (!sw_hash_equal(&commitment, &w->model_commitment))
        return sw_fail(err, SW_UNAUTHENTIC, "model",
                       "these files are not the model that the manifest commits to");
    SW_TRY(sw_oms_check(signature->content, &root, &w->machine, err));
    w->verdict.model_compared = true;
    sw_walk_holds(
        w, "model",
        "%zu files open the manifest's commitment; model.sig holds under the machine's key", count);
    return SW_OK;
}
