/* SPDX-License-Identifier: Apache-2.0
 *
 * What a manifest says, read and not verified: for whoever names it by its digest, and for whoever
 * has verified it and acts on what it says (a replay, an opening).
 */
#include "manifest/manifest_internal.h"

/* What it says, not yet verified. */
static sw_status read_payload(sw_arena *a, sw_bytes manifest_json, sw_bytes *payload,
                              sw_error *err) {
    sw_envelope envelope;
    SW_TRY(sw_envelope_parse(a, manifest_json, &envelope, err));
    if (!sw_bytes_is(envelope.payload_type, sw_payload_type(SW_PAYLOAD_STATEMENT)))
        return sw_fail(err, SW_MALFORMED, "format",
                       "this is no manifest: its payload type is another");
    *payload = envelope.payload;
    return SW_OK;
}

sw_status sw_manifest_digest(sw_bytes manifest_json, sw_hash *digest, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes payload;
    SW_TRY(read_payload(&a, manifest_json, &payload, err));
    sw_sha256(digest, payload);
    return SW_OK;
}

static sw_status read_datasets(const sw_json *predicate, sw_manifest_record *out, sw_error *err) {
    const char *where = "manifest.datasets";
    const sw_json *list;
    SW_TRY(sw_json_array(predicate, "manifest", "datasets", SW_SHARD_LIMIT, &list, err));
    for (const sw_json *o = list->first; o; o = o->next) {
        sw_manifest_dataset *d = &out->datasets[out->dataset_count++];
        SW_TRY(sw_json_hash(o, where, "owner", &d->owner, err));
        SW_TRY(sw_json_hash(o, where, "dataset", &d->dataset, err));
        SW_TRY(sw_json_u64(o, where, "rows_listed", UINT64_MAX >> 11, &d->rows_listed, err));
        SW_TRY(sw_json_u64(o, where, "rows_delivered", UINT64_MAX >> 11, &d->rows_delivered, err));
        SW_TRY(sw_json_u64(o, where, "tokens", UINT64_MAX >> 11, &d->tokens, err));
        SW_TRY(sw_json_hash(o, where, "tokens_commitment", &d->tokens_commitment, err));
    }
    return SW_OK;
}

static sw_status read_links(sw_arena *a, const sw_json *run, const char *name, const char *value,
                            sw_manifest_link **out, size_t *count, sw_error *err) {
    const sw_json *list;
    SW_TRY(sw_json_array(run, "manifest.run", name, SW_MANIFEST_CHECKPOINT_LIMIT, &list, err));
    sw_manifest_link *links = SW_ARENA_NEW(a, sw_manifest_link, list->count + 1);
    if (!links) return sw_fail(err, SW_MEMORY, "memory", "no memory for a manifest's record");
    *out = links;
    for (const sw_json *o = list->first; o; o = o->next, links++) {
        SW_TRY(sw_json_u64(o, name, "step", UINT32_MAX, &links->step, err));
        SW_TRY(sw_json_hash(o, name, value, &links->value, err));
    }
    *count = list->count;
    return SW_OK;
}

static sw_status read_record(sw_arena *a, const sw_json *predicate, sw_manifest_record *out,
                             sw_error *err) {
    const sw_json *run, *output;
    SW_TRY(sw_json_hash(predicate, "manifest", "compose_hash", &out->compose, err));
    SW_TRY(read_datasets(predicate, out, err));
    SW_TRY(sw_json_object(predicate, "manifest", "run", &run, err));
    SW_TRY(sw_json_u64(run, "manifest.run", "steps", UINT32_MAX, &out->steps, err));
    SW_TRY(read_links(a, run, "step_chain", "value", &out->links, &out->link_count, err));
    SW_TRY(
        read_links(a, run, "checkpoints", "root", &out->checkpoints, &out->checkpoint_count, err));
    SW_TRY(sw_json_object(predicate, "manifest", "output", &output, err));
    SW_TRY(sw_json_hash(output, "manifest.output", "root", &out->output_root, err));
    return sw_json_hash(output, "manifest.output", "model_commitment", &out->model_commitment, err);
}

sw_status sw_manifest_parse_record(sw_arena *arena, sw_bytes manifest_json, sw_manifest_record *out,
                                   sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = SW_MANIFEST_ARENA_LIMIT};
    const sw_json_limits limits = {
        .bytes = SW_MANIFEST_TEXT_LIMIT, .depth = 32, .nodes = SW_MANIFEST_NODE_LIMIT};
    sw_bytes payload;
    sw_json *statement;
    const sw_json *predicate;
    sw_manifest_record record = {0};
    SW_TRY(read_payload(&a, manifest_json, &payload, err));
    SW_TRY(sw_json_parse_canonical(&a, payload, &limits, &statement, err));
    SW_TRY(sw_json_object(statement, "manifest", "predicate", &predicate, err));
    SW_TRY(read_record(arena, predicate, &record, err));
    *out = record;
    return SW_OK;
}
