/* SPDX-License-Identifier: Apache-2.0
 *
 * The Statement's bytes: canonical JSON from the facts that the agent saw
 * (docs/formats/manifest.md, MAN-001 to MAN-030), and the files beside it.
 */
#include "codec/text.h"
#include "manifest/manifest_internal.h"
#include <string.h>

/* Bytes that are already canonical JSON become part of the tree. */
static sw_status add_json(sw_arena *a, sw_json *parent, const char *key, sw_bytes json,
                          sw_error *err) {
    sw_json *value;
    const sw_json_limits limits = {
        .bytes = SW_MANIFEST_TEXT_LIMIT, .depth = 32, .nodes = SW_MANIFEST_NODE_LIMIT};
    SW_TRY(sw_json_parse_canonical(a, json, &limits, &value, err));
    value->key = (sw_bytes){0};
    sw_json_add(parent, key, value);
    return SW_OK;
}

static void add_datasets(sw_arena *a, sw_json *predicate, const sw_manifest_facts *f) {
    sw_json *array = sw_json_add_array(a, predicate, "datasets");
    for (size_t i = 0; i < f->dataset_count; i++) {
        const sw_manifest_dataset *d = &f->datasets[i];
        sw_json *o = sw_json_add_object(a, array, NULL);
        sw_json_add_hex(a, o, "dataset", SW_BYTES_OF(d->dataset.b));
        sw_json_add_hex(a, o, "owner", SW_BYTES_OF(d->owner.b));
        sw_json_add_integer(a, o, "rows_listed", (int64_t)d->rows_listed);
        sw_json_add_integer(a, o, "rows_delivered", (int64_t)d->rows_delivered);
        sw_json_add_integer(a, o, "tokens", (int64_t)d->tokens);
        sw_json_add_hex(a, o, "tokens_commitment", SW_BYTES_OF(d->tokens_commitment.b));
    }
}

static sw_status add_grants(sw_arena *a, sw_json *predicate, const sw_manifest_facts *f,
                            sw_error *err) {
    sw_json *array = sw_json_add_array(a, predicate, "grants");
    for (size_t i = 0; i < f->grant_count; i++) {
        sw_json *o = sw_json_add_object(a, array, NULL);
        SW_TRY(add_json(a, o, "receipt", f->grants[i].receipt, err));
        SW_TRY(add_json(a, o, "statements", f->grants[i].statements, err));
    }
    return SW_OK;
}

static void add_layers(sw_arena *a, sw_json *run, const sw_manifest_facts *f) {
    const sw_sandbox_layers *l = &f->layers;
    sw_json *o = sw_json_add_object(a, run, "sandbox");
    sw_json_add_flag(a, o, "no_new_privs", l->no_new_privs);
    sw_json_add_flag(a, o, "seccomp", l->seccomp);
    sw_json_add_integer(a, o, "landlock_abi", l->landlock_abi);
    sw_json_add_flag(a, o, "no_core", l->no_core);
    sw_json_add_flag(a, o, "not_dumpable", l->not_dumpable);
    sw_json_add_flag(a, o, "other_user", l->other_user);
    sw_json_add_flag(a, o, "network_namespace", l->network_namespace);
    sw_json_add_flag(a, o, "pid_namespace", l->pid_namespace);
    sw_json_add_flag(a, o, "ipc_namespace", l->ipc_namespace);
    sw_json_add_flag(a, o, "mount_namespace", l->mount_namespace);
    if (f->command) sw_json_add_flag(a, o, "private_root", l->private_root);
    if (!f->command && f->simulated) return;
    sw_json_add_flag(a, o, "silent_kernel", l->silent_kernel);
    sw_json_add_flag(a, o, "no_swap", l->no_swap);
}

static void add_links(sw_arena *a, sw_json *run, const char *key, const char *value,
                      const sw_manifest_link *links, size_t count) {
    sw_json *array = sw_json_add_array(a, run, key);
    for (size_t i = 0; i < count; i++) {
        sw_json *o = sw_json_add_object(a, array, NULL);
        sw_json_add_integer(a, o, "step", (int64_t)links[i].step);
        sw_json_add_hex(a, o, value, SW_BYTES_OF(links[i].value.b));
    }
}

static void add_run(sw_arena *a, sw_json *predicate, const sw_manifest_facts *f) {
    sw_json *run = sw_json_add_object(a, predicate, "run");
    sw_json_add_integer(a, run, "steps", (int64_t)f->steps);
    sw_json_add_integer(a, run, "resumes", (int64_t)f->resumes);
    char time[21];
    sw_time_text(time, f->started_ms);
    sw_json_add_text(a, run, "started", sw_text(time));
    sw_time_text(time, f->finished_ms);
    sw_json_add_text(a, run, "finished", sw_text(time));
    add_layers(a, run, f);
    add_links(a, run, "step_chain", "value", f->links, f->link_count);
    add_links(a, run, "checkpoints", "root", f->checkpoints, f->checkpoint_count);
    sw_json *metrics = sw_json_add_array(a, run, "metrics");
    for (size_t i = 0; i < f->metric_count; i++) {
        sw_json *o = sw_json_add_object(a, metrics, NULL);
        sw_json_add_integer(a, o, "step", (int64_t)f->metrics[i].step);
        sw_json_add_number(a, o, "loss", f->metrics[i].loss);
    }
    sw_json *sealed = sw_json_add_array(a, run, "sealed_metrics");
    for (size_t i = 0; i < f->sealed_metrics_count; i++) {
        sw_json *o = sw_json_add_object(a, sealed, NULL);
        sw_json_add_hex(a, o, "owner", SW_BYTES_OF(f->sealed_metrics[i].owner.b));
        sw_json_add_hex(a, o, "root", SW_BYTES_OF(f->sealed_metrics[i].root.b));
    }
}

/* MAN-016, MAN-025 */
static void add_command(sw_arena *a, sw_json *engine, const sw_recipe_command *c) {
    sw_json *o = sw_json_add_object(a, engine, "command");
    sw_json *arguments = sw_json_add_array(a, o, "arguments");
    for (size_t i = 0; i < c->argument_count; i++)
        sw_json_add_text(a, arguments, NULL, sw_text(c->arguments[i]));
    sw_json_add_hex(a, o, "tree", SW_BYTES_OF(c->tree.b));
}

static void add_engine(sw_arena *a, sw_json *predicate, const sw_manifest_facts *f) {
    sw_json *engine = sw_json_add_object(a, predicate, "engine");
    sw_json_add_text(a, engine, "kind", sw_text(f->native ? "native" : "script"));
    if (f->command)
        add_command(a, engine, f->command);
    else
        sw_json_add_text(a, engine, "profile", sw_text(f->profile));
    sw_json_add_hex(a, engine, "trainer_digest", SW_BYTES_OF(f->worker_digest.b));
}

static const sw_json_limits claims_limits = {
    .bytes = SW_MANIFEST_CLAIMS_LIMIT, .depth = SW_MANIFEST_CLAIMS_DEPTH, .nodes = 32768};

bool sw_manifest_are_claims(sw_bytes json) {
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root;
    return json.size <= SW_MANIFEST_CLAIMS_LIMIT &&
           sw_json_parse_canonical(&a, json, &claims_limits, &root, NULL) == SW_OK &&
           root->type == SW_JSON_OBJECT;
}

/* MAN-023 */
static void add_claims(sw_arena *a, sw_json *predicate, const sw_manifest_facts *f) {
    sw_json *claims = sw_json_add_object(a, predicate, "claims_by_trainer");
    if (f->claims) sw_json_add_text(a, claims, "file", SW_LITERAL(SW_MANIFEST_CLAIMS_NAME));
}

static void add_output(sw_arena *a, sw_json *predicate, const sw_manifest_facts *f) {
    sw_json *output = sw_json_add_object(a, predicate, "output");
    sw_json_add_hex(a, output, "root", SW_BYTES_OF(f->output_root.b));
    sw_json_add_integer(a, output, "bytes", (int64_t)f->output_bytes);
    sw_json_add_hex(a, output, "model_commitment", SW_BYTES_OF(f->model_commitment.b));
}

static sw_json *add_frame(sw_arena *a, const sw_manifest_facts *f, sw_json *root) {
    sw_json_add_text(a, root, "_type", SW_LITERAL("https://in-toto.io/Statement/v1"));
    sw_json_add_text(a, root, "predicateType", SW_LITERAL(SW_MANIFEST_PREDICATE));
    sw_json *subjects = sw_json_add_array(a, root, "subject"),
            *subject = sw_json_add_object(a, subjects, NULL);
    sw_json_add_text(a, subject, "name", SW_LITERAL("model.sealed"));
    sw_json *digest = sw_json_add_object(a, subject, "digest");
    sw_json_add_hex(a, digest, "sealwrightRoot", SW_BYTES_OF(f->output_root.b));
    return sw_json_add_object(a, root, "predicate");
}

sw_status sw_manifest_statement(const sw_manifest_facts *f, sw_buffer *payload, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT), *predicate = add_frame(&a, f, root);
    sw_json_add_text(&a, predicate, "app_compose", f->app_compose);
    sw_json_add_hex(&a, predicate, "genesis", SW_BYTES_OF(f->genesis.b));
    sw_json_add_hex(&a, predicate, "compose_hash", SW_BYTES_OF(f->compose.b));
    sw_json_add_flag(&a, predicate, "simulated", f->simulated);
    sw_json_add_hex(&a, predicate, "machine", SW_BYTES_OF(f->machine.b));
    add_engine(&a, predicate, f);
    add_claims(&a, predicate, f);
    add_datasets(&a, predicate, f);
    SW_TRY(add_grants(&a, predicate, f, err));
    add_run(&a, predicate, f);
    add_output(&a, predicate, f);
    sw_json_encode(payload, root);
    return sw_buffer_check(payload, "manifest", err);
}

sw_status sw_manifest_sign(sw_bytes payload, const sw_session_key *machine, sw_buffer *envelope,
                           sw_hash *digest, sw_error *err) {
    SW_TRY(sw_envelope_sign(SW_PAYLOAD_STATEMENT, payload, machine->b, envelope, err));
    sw_sha256(digest, payload);
    return SW_OK;
}

static sw_status add_evidence(sw_arena *a, sw_json *array, const sw_manifest_grant *g,
                              sw_error *err) {
    sw_json *o = sw_json_add_object(a, array, NULL);
    sw_json_add_hex(a, o, "challenge", SW_BYTES_OF(g->challenge.b));
    sw_json_add_hex(a, o, "own_tls", SW_BYTES_OF(g->own_tls.b));
    sw_json_add_hex(a, o, "peer_tls", SW_BYTES_OF(g->peer_tls.b));
    sw_json_add_hex(a, o, "response", SW_BYTES_OF(g->response.b));
    return add_json(a, o, "evidence", g->evidence, err);
}

sw_status sw_manifest_evidence(const sw_manifest_facts *f, sw_bytes closing_evidence,
                               sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_text(&a, root, "kind", SW_LITERAL(SW_MANIFEST_EVIDENCE_KIND));
    SW_SCOPED(sw_buffer) closing = SW_BUFFER(SW_EVIDENCE_LIMIT);
    SW_TRY(sw_manifest_shorten(f->newest_evidence, closing_evidence, &closing, err));
    SW_TRY(add_json(&a, root, "closing", sw_buffer_bytes(&closing), err));
    sw_json *grants = sw_json_add_array(&a, root, "grants");
    for (size_t i = 0; i < f->grant_count; i++)
        SW_TRY(add_evidence(&a, grants, &f->grants[i], err));
    sw_json_encode(out, root);
    return sw_buffer_check(out, "evidence.json", err);
}

sw_status sw_manifest_ledger(const sw_manifest_facts *f, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_text(&a, root, "kind", SW_LITERAL(SW_MANIFEST_LEDGER_KIND));
    SW_TRY(add_json(&a, root, "genesis", f->genesis_envelope, err));
    bool chain = f->views.size > 0;
    SW_TRY(
        add_json(&a, root, chain ? "views" : "journal", chain ? f->views : f->ledger_export, err));
    sw_json_encode(out, root);
    return sw_buffer_check(out, "ledger.json", err);
}
