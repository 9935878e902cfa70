/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics: rounded by the agent, and sealed to each owner of a listed shard unless the recipe makes
 * them public (DESIGN section 8; MAN-021, MAN-024).
 */
#include "codec/json.h"
#include "run/agent.h"
#include <stdio.h>
#include <string.h>

#define METRICS_LIMIT ((size_t)64 << 20)

static sw_status records(const sw_agent *a, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_json *root = sw_json_make(&arena, SW_JSON_OBJECT);
    sw_json_add_text(&arena, root, "kind", SW_LITERAL("sealwright/metrics/v1"));
    sw_json *list = sw_json_add_array(&arena, root, "metrics");
    for (size_t i = 0; i < a->metric_count; i++) {
        sw_json *o = sw_json_add_object(&arena, list, NULL);
        sw_json_add_integer(&arena, o, "step", (int64_t)a->metrics[i].step);
        sw_json_add_number(&arena, o, "loss", a->metrics[i].loss);
    }
    sw_json_encode(out, root);
    return sw_buffer_check(out, "metrics", err);
}

static sw_status to_output(void *context, sw_bytes bytes, sw_error *err) {
    return sw_output_write((sw_output *)context, bytes, err);
}

static sw_status seal_to(sw_agent *a, const sw_owner *owner, size_t number, sw_bytes text,
                         sw_hash *root, sw_error *err) {
    char name[48];
    snprintf(name, sizeof name, "out/metrics-%zu.sealed", number);
    char *path = sw_path_join(&a->arena, a->o->folder, name);
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    sw_output *output;
    SW_TRY(sw_output_open(path, 0644, SW_WRITE_REPLACE, &output, err));
    const sw_seal_plan plan = {.kind = SW_CONTAINER_OPENED,
                               .media_type = "application/json",
                               .binding = {a->compose, a->step, a->previous_root},
                               .recipient = &owner->encryption_key,
                               .lanes = 1,
                               .entropy = &a->o->entropy,
                               .write = to_output,
                               .context = output};
    sw_sealer *sealer = NULL;
    sw_container_trailer trailer;
    sw_status status = sw_sealer_open(&plan, &sealer, err);
    if (status == SW_OK) status = sw_sealer_add(sealer, text, err);
    if (status == SW_OK) status = sw_sealer_finish(sealer, &trailer, NULL, err);
    if (status == SW_OK) *root = trailer.root_id;
    sw_sealer_close(&sealer);
    if (status == SW_OK) return sw_output_commit(&output, err);
    sw_output_abort(&output);
    return status;
}

static bool owns_a_shard(const sw_agent *a, const sw_owner *owner) {
    for (size_t i = 0; i < a->recipe->shard_count; i++)
        if (sw_hash_equal(&a->recipe->shards[i].owner, &owner->id)) return true;
    return false;
}

sw_status sw_agent_seal_metrics(sw_agent *a, sw_manifest_facts *facts, sw_error *err) {
    if (a->recipe->metrics == SW_METRICS_PUBLIC) return SW_OK;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(METRICS_LIMIT);
    SW_TRY(records(a, &text, err));
    sw_manifest_sealed_metrics *sealed =
        SW_ARENA_NEW(&a->arena, sw_manifest_sealed_metrics, SW_OWNER_LIMIT);
    if (!sealed) return sw_fail(err, SW_MEMORY, "memory", "no memory for metrics");
    size_t count = 0;
    for (size_t i = 0; i < a->genesis->owner_count; i++) {
        const sw_owner *owner = &a->genesis->owners[i];
        if (!owns_a_shard(a, owner)) continue;
        sealed[count].owner = owner->id;
        SW_TRY(seal_to(a, owner, count + 1, sw_buffer_bytes(&text), &sealed[count].root, err));
        count++;
    }
    facts->sealed_metrics = sealed;
    facts->sealed_metrics_count = count;
    return SW_OK;
}
