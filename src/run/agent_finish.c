/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a run: outputs sealed, the manifest written from what the agent saw, signed, and a
 * closing quote over it. Order: model.sealed, then the files that name it, manifest.json last, so
 * that an out folder with a manifest is complete.
 *
 * No worker ticks here, so the lease is held by hand: before each chunk that is sealed, and before
 * the manifest says when the run ended (WRK-052).
 */
#include "codec/json.h"
#include "codec/text.h"
#include "run/agent.h"
#include <stdio.h>
#include <string.h>

#define TEXT_LIMIT ((size_t)256 << 20)
#define FACTS_NAME "sealwright.json"

static sw_status write_out(sw_agent *a, const char *name, sw_bytes content, sw_error *err) {
    char *folder = sw_path_join(&a->arena, a->o->folder, "out");
    char *path = folder ? sw_path_join(&a->arena, folder, name) : NULL;
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    return sw_file_write(path, content, 0644, SW_WRITE_REPLACE, err);
}

/* From the run key and from what was put out: whoever opens one run of a recipe knows nothing of
 * another's salt, whose commitment he could try outputs against; and what comes out the same again,
 * after an interruption or at a replay, has the same one. */
static sw_status make_salt(const sw_agent *a, const sw_agent_model *m, sw_hash *out,
                           sw_error *err) {
    sw_hash outputs;
    SW_TRY(sw_oms_root(m->files, a->output_count, &outputs, err));
    const sw_bytes field = SW_BYTES_OF(outputs.b);
    sw_agent_commit(a, out, "sealwright/salt/v2", &field, 1);
    return SW_OK;
}

/* MAN-040: lies inside the sealed output only, and is one of the files that model.sig signs. */
static sw_status make_facts(const sw_agent *a, const sw_hash *salt, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_json *o = sw_json_make(&arena, SW_JSON_OBJECT);
    sw_json_add_text(&arena, o, "kind", SW_LITERAL("sealwright/model/v1"));
    sw_json_add_hex(&arena, o, "compose_hash", SW_BYTES_OF(a->compose.b));
    sw_json_add_hex(&arena, o, "salt", SW_BYTES_OF(salt->b));
    if (a->recipe->policy.platform == SW_PLATFORM_SIM)
        sw_json_add_flag(&arena, o, "simulated", true);
    sw_json *files = sw_json_add_array(&arena, o, "files");
    for (size_t i = 0; i < a->output_count; i++) {
        sw_json *f = sw_json_add_object(&arena, files, NULL);
        sw_hash digest;
        sw_sha256(&digest, sw_buffer_bytes(&a->outputs[i]));
        sw_json_add_text(&arena, f, "name", sw_text(a->output_names[i]));
        sw_json_add_integer(&arena, f, "size", (int64_t)a->outputs[i].size);
        sw_json_add_hex(&arena, f, "sha256", SW_BYTES_OF(digest.b));
    }
    sw_json_encode(out, o);
    return sw_buffer_check(out, FACTS_NAME, err);
}

sw_status sw_agent_make_model(const sw_agent *a, sw_agent_model *out, sw_error *err) {
    sw_hash root, salt;
    out->facts = SW_BUFFER((size_t)1 << 20);
    for (size_t i = 0; i < a->output_count; i++)
        out->files[i] = (sw_oms_file){a->output_names[i], sw_buffer_bytes(&a->outputs[i])};
    SW_TRY(make_salt(a, out, &salt, err));
    SW_TRY(make_facts(a, &salt, &out->facts, err));
    out->files[a->output_count] = (sw_oms_file){FACTS_NAME, sw_buffer_bytes(&out->facts)};
    out->count = a->output_count + 1;
    SW_TRY(sw_oms_root(out->files, out->count, &root, err));
    sw_model_commitment(&out->commitment, &salt, &root);
    return SW_OK;
}

sw_status sw_agent_to_output(void *context, sw_bytes bytes, sw_error *err) {
    const sw_agent_output *o = context;
    SW_TRY(sw_agent_hold_lease(o->agent, err));
    return sw_output_write(o->output, bytes, err);
}

/* MAN-070: the last checkpoint that the manifest lists. Of a script a stop may have left a newer
 * one, which is none of its chain. */
static sw_hash last_listed(const sw_agent *a) {
    static const sw_hash none;
    return a->checkpoint_count ? a->checkpoints[a->checkpoint_count - 1].value : none;
}

static sw_status seal_pack(sw_agent *a, sw_bytes pack, sw_container_trailer *trailer,
                           sw_error *err) {
    char *folder = sw_path_join(&a->arena, a->o->folder, "out");
    char *path = folder ? sw_path_join(&a->arena, folder, "model.sealed") : NULL;
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    sw_agent_output o = {.agent = a};
    SW_TRY(sw_output_open(path, 0644, SW_WRITE_REPLACE, &o.output, err));
    const sw_seal_plan plan = {.kind = SW_CONTAINER_OUTPUT,
                               .media_type = "application/vnd.sealwright.pack",
                               .subkey = a->output_key,
                               .binding = {a->compose, a->step, last_listed(a)},
                               .lanes = 1,
                               .entropy = &a->o->entropy,
                               .write = sw_agent_to_output,
                               .context = &o};
    sw_sealer *sealer = NULL;
    sw_status status = sw_sealer_open(&plan, &sealer, err);
    if (status == SW_OK) status = sw_sealer_add(sealer, pack, err);
    if (status == SW_OK) status = sw_sealer_finish(sealer, trailer, NULL, err);
    sw_sealer_close(&sealer);
    if (status == SW_OK) return sw_output_commit(&o.output, err);
    sw_output_abort(&o.output);
    return status;
}

/* One sentence wherever it is noticed: how far it went beyond would be the worker's to choose. */
sw_status sw_agent_too_large(const sw_agent *a, sw_error *err) {
    return sw_fail(err, SW_LIMIT, "limit",
                   "the output is larger than the recipe's output.limit of %llu bytes",
                   (unsigned long long)a->recipe->output_limit_bytes);
}

static sw_status add_padding(const sw_agent *a, sw_buffer *pack, sw_error *err) {
    uint64_t limit = a->recipe->output_limit_bytes;
    if (pack->size > limit) return sw_agent_too_large(a, err);
    size_t count = (size_t)limit - pack->size;
    uint8_t *space = sw_put_space(pack, count);
    SW_TRY(sw_buffer_check(pack, "output", err));
    if (count) memset(space, 0, count);
    return SW_OK;
}

/* Of a script this is asked at its last word, so that what goes beyond the limit by a little ends
 * as what goes far beyond does (CMD-045). */
sw_status sw_agent_check_room(const sw_agent *a, sw_error *err) {
    const uint64_t limit = a->recipe->output_limit_bytes, varies = 16; /* a signature's length */
    if (a->output_bytes + SW_AGENT_OUTPUT_REST <= limit) return SW_OK;
    sw_agent_model model = {0};
    SW_SCOPED(sw_buffer) signature = SW_BUFFER((size_t)4 << 20);
    SW_SCOPED(sw_buffer) heads = SW_BUFFER(SW_AGENT_OUTPUT_REST);
    sw_status status = sw_agent_make_model(a, &model, err);
    if (status == SW_OK)
        status = sw_oms_sign(a->recipe->name, model.files, model.count, a->manifest_key, &signature,
                             err);
    for (size_t i = 0; i < model.count; i++)
        sw_pack_add(&heads, model.files[i].name, (sw_bytes){0});
    sw_pack_add(&heads, "model.sig", (sw_bytes){0});
    sw_pack_end(&heads);
    uint64_t added = heads.size + model.facts.size + signature.size + varies;
    sw_buffer_free(&model.facts);
    SW_TRY(status);
    SW_TRY(sw_buffer_check(&heads, "output", err));
    if (added <= limit - a->output_bytes) return SW_OK;
    return sw_agent_too_large(a, err);
}

static sw_status seal_model(sw_agent *a, const sw_agent_model *model, sw_manifest_facts *facts,
                            sw_error *err) {
    SW_SCOPED(sw_buffer) signature = SW_BUFFER((size_t)4 << 20);
    SW_TRY(
        sw_oms_sign(a->recipe->name, model->files, model->count, a->manifest_key, &signature, err));
    SW_SCOPED(sw_buffer) pack = SW_BUFFER((size_t)a->recipe->output_limit_bytes + 4096);
    for (size_t i = 0; i < model->count; i++)
        sw_pack_add(&pack, model->files[i].name, model->files[i].content);
    sw_pack_add(&pack, "model.sig", sw_buffer_bytes(&signature));
    sw_pack_end(&pack);
    SW_TRY(sw_buffer_check(&pack, "output", err));
    SW_TRY(add_padding(a, &pack, err));
    sw_container_trailer trailer;
    SW_TRY(seal_pack(a, sw_buffer_bytes(&pack), &trailer, err));
    facts->model_commitment = model->commitment;
    facts->output_root = trailer.root_id;
    facts->output_bytes = trailer.plain_bytes;
    return SW_OK;
}

static sw_status seal_outputs(sw_agent *a, sw_manifest_facts *facts, sw_error *err) {
    sw_agent_model model = {0};
    sw_status status = sw_agent_make_model(a, &model, err);
    if (status == SW_OK) status = seal_model(a, &model, facts, err);
    sw_buffer_free(&model.facts);
    return status;
}

/* Adds all else to what was sealed, as of this moment, which is the run's end. */
static sw_status collect_facts(sw_agent *a, sw_manifest_facts *f, sw_error *err) {
    int64_t now = sw_machine_counter_ms(a->machine);
    if (now >= a->lease_end_ms) return sw_agent_end_lease(a, err); /* MAN-086 */
    sw_manifest_grant *grants = SW_ARENA_NEW(&a->arena, sw_manifest_grant, a->grant_count);
    if (!grants) return sw_fail(err, SW_MEMORY, "memory", "no memory for grants");
    for (size_t i = 0; i < a->grant_count; i++) grants[i] = a->grants[i].view;
    *f = (sw_manifest_facts){
        .app_compose = a->o->app_compose,
        .genesis_envelope = a->o->genesis_envelope,
        .ledger_export = sw_buffer_bytes(&a->granted.ledger),
        .views = sw_buffer_bytes(&a->views),
        .genesis = a->genesis->hash,
        .compose = a->compose,
        .simulated = a->recipe->policy.platform == SW_PLATFORM_SIM,
        .native = a->recipe->native,
        .worker_digest = a->command ? a->recipe->trainer_digest : a->worker_digest,
        .command = a->command ? &a->recipe->command : NULL,
        .claims = a->command && a->command->claimed,
        .profile = sw_profile_word(a->recipe->training.profile),
        .machine = a->manifest_public,
        .dataset_count = a->recipe->shard_count,
        .datasets = a->datasets,
        .grant_count = a->grant_count,
        .grants = grants,
        .newest_evidence = sw_buffer_bytes(&a->newest_evidence),
        .layers = a->layers,
        .steps = a->step,
        .resumes = a->resumes,
        .link_count = a->link_count,
        .checkpoint_count = a->checkpoint_count,
        .metric_count = a->recipe->metrics == SW_METRICS_PUBLIC ? a->metric_count : 0,
        .links = a->links,
        .checkpoints = a->checkpoints,
        .metrics = a->metrics,
        .started_ms = a->started_ms,
        .finished_ms = a->time_base_ms + now,
        .output_root = f->output_root,
        .output_bytes = f->output_bytes,
        .model_commitment = f->model_commitment,
        .sealed_metrics = f->sealed_metrics,
        .sealed_metrics_count = f->sealed_metrics_count};
    return SW_OK;
}

static sw_status write_machine_key(sw_agent *a, sw_error *err) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(256);
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(1024);
    sw_p256_spki(&der, &a->manifest_public);
    sw_pem_encode(&pem, "PUBLIC KEY", sw_buffer_bytes(&der));
    SW_TRY(sw_buffer_check(&pem, "machine.pem", err));
    return write_out(a, "machine.pem", sw_buffer_bytes(&pem), err);
}

/* The closing quote names the statement's digest; it stands beside the manifest, not in it. */
static sw_status write_evidence(sw_agent *a, const sw_manifest_facts *f, const sw_hash *digest,
                                sw_error *err) {
    sw_report_data report;
    sw_report_manifest(&report, digest);
    SW_SCOPED(sw_buffer) closing = SW_BUFFER(SW_EVIDENCE_LIMIT);
    SW_TRY(sw_machine_evidence(a->machine, &report, &closing, err));
    SW_SCOPED(sw_buffer) evidence = SW_BUFFER(TEXT_LIMIT);
    SW_TRY(sw_manifest_evidence(f, sw_buffer_bytes(&closing), &evidence, err));
    return write_out(a, "evidence.json", sw_buffer_bytes(&evidence), err);
}

sw_status sw_agent_finish(sw_agent *a, sw_hash *manifest, sw_error *err) {
    int64_t begin = sw_agent_now_us(a);
    char *folder = sw_path_join(&a->arena, a->o->folder, "out");
    if (!folder) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    SW_TRY(sw_folder_make(folder, 0755, err));
    sw_manifest_facts facts = {0};
    SW_TRY(seal_outputs(a, &facts, err));
    SW_TRY(sw_agent_seal_metrics(a, &facts, err));
    SW_TRY(sw_agent_hold_lease(a, err));
    SW_TRY(collect_facts(a, &facts, err));
    SW_TRY(sw_agent_release_lease(a, err));
    sw_agent_drop_keys(a);
    SW_SCOPED(sw_buffer) statement = SW_BUFFER(TEXT_LIMIT);
    SW_TRY(sw_manifest_statement(&facts, &statement, err));
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(TEXT_LIMIT);
    sw_hash digest;
    SW_TRY(sw_manifest_sign(sw_buffer_bytes(&statement), a->manifest_key, &envelope, &digest, err));
    SW_TRY(write_evidence(a, &facts, &digest, err));
    SW_SCOPED(sw_buffer) ledger = SW_BUFFER(TEXT_LIMIT);
    SW_TRY(sw_manifest_ledger(&facts, &ledger, err));
    SW_TRY(write_out(a, "ledger.json", sw_buffer_bytes(&ledger), err));
    SW_TRY(write_out(a, "app-compose.json", a->o->app_compose, err));
    SW_TRY(write_machine_key(a, err));
    SW_TRY(write_out(a, "manifest.json", sw_buffer_bytes(&envelope), err));
    SW_TRY(sw_agent_write_state(a, "done", a->total_steps, err));
    a->account.finish_us += sw_agent_now_us(a) - begin;
    *manifest = digest;
    return SW_OK;
}

static sw_status check_there(sw_agent *a, const char *name, sw_error *err) {
    char *folder = sw_path_join(&a->arena, a->o->folder, "out");
    char *path = folder ? sw_path_join(&a->arena, folder, name) : NULL;
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    if (sw_path_exists(path)) return SW_OK;
    sw_status status =
        sw_fail(err, SW_MISSING, "missing", "the run is finished, but %s is not there", path);
    sw_error_hint(err,
                  "bring it back from a copy; or remove %s, and the same command ends the run anew "
                  "with another manifest, whose opening the owners approve anew",
                  folder);
    return status;
}

sw_status sw_agent_check_finished(sw_agent *a, sw_error *err) {
    static const char *const names[] = {"model.sealed", "evidence.json", "ledger.json",
                                        "app-compose.json", "machine.pem"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        SW_TRY(check_there(a, names[i], err));
    for (size_t i = 0; i < sw_agent_metric_owners(a); i++) {
        char name[48];
        snprintf(name, sizeof name, "metrics-%zu.sealed", i + 1);
        SW_TRY(check_there(a, name, err));
    }
    return SW_OK;
}
