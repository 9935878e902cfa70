/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics: step records as they come out of a pipe that the worker may fill with anything, rounded
 * by the agent, drawn as a curve that lies beside the model, and sealed to each owner of a listed
 * shard unless the recipe makes them public (DESIGN section 8; MAN-021, MAN-024, MAN-042).
 */
#include "codec/json.h"
#include "run/agent.h"
#include "train/curve.h"
#include "train/schedule.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define METRICS_LIMIT ((size_t)64 << 20)

/* Of one record's text, whatever its loss: the longest loss has 23 characters. */
#define RECORD_BYTES (sizeof "{\"loss\":,\"step\":4294967295}," - 1 + 23)

#define CURVE_NAME "curve.svg"

sw_status sw_agent_metric_room(sw_agent *a, uint64_t count, sw_error *err) {
    SW_CHECK(err, count <= SW_RECIPE_RECORD_LIMIT + 1); /* the plan was looked at */
    if (count <= a->metric_capacity) return SW_OK;
    sw_manifest_metric *metrics = SW_ARENA_NEW(&a->arena, sw_manifest_metric, (size_t)count);
    if (!metrics) return sw_fail(err, SW_MEMORY, "memory", "no memory for step records");
    if (a->metric_count) memcpy(metrics, a->metrics, a->metric_count * sizeof *metrics);
    a->metrics = metrics;
    a->metric_capacity = (size_t)count;
    return SW_OK;
}

/* A script's rate is its own word, and is shown to nobody (CMD-049). */
static double rate(const sw_agent *a, uint64_t step) {
    return a->command ? 0 : sw_schedule_rate(&a->recipe->training, step - 1, a->total_steps);
}

/* Of a script they are its own word and nobody sees them (CMD-049). */
static void note_tokens(sw_agent *a, uint64_t count) {
    if (__builtin_add_overflow(a->tokens_unsaid, count, &a->tokens_unsaid))
        a->tokens_unsaid = UINT64_MAX;
}

/* RCP-095: loss and tokens are seen at multiples of the interval alone, and rounded. */
static sw_status keep_record(sw_agent *a, const sw_wire_step *s, sw_wire_step *seen,
                             sw_error *err) {
    if (a->metric_count == a->metric_capacity)
        return sw_fail(err, SW_LIMIT, "limit", "more step records than the recipe can have");
    seen->loss = sw_recipe_round_loss(s->loss);
    seen->tokens = sw_recipe_round_tokens(a->tokens_unsaid);
    a->tokens_unsaid = 0;
    a->metrics[a->metric_count++] = (sw_manifest_metric){s->step, seen->loss};
    return SW_OK;
}

void sw_agent_note_pace(sw_agent *a, uint64_t steps) {
    int64_t now = sw_machine_counter_ms(a->machine), each = (now - a->stepped_ms) / (int64_t)steps;
    if (each > a->step_ms) a->step_ms = each;
    a->stepped_ms = now;
}

static sw_status take_metric(sw_agent *a, const sw_wire_step *s, sw_error *err) {
    bool next = a->command ? s->step > a->step : s->step == a->step + 1; /* CMD-042 */
    if (!next || s->step > s->total_steps || s->total_steps != a->total_steps)
        return sw_fail(err, SW_UNAUTHENTIC, "worker", "the %s counts its steps wrongly",
                       a->command ? "command" : "worker");
    sw_agent_note_pace(a, s->step - a->step);
    a->step = s->step;
    if (!a->command) note_tokens(a, s->tokens);
    sw_wire_step seen = {
        .step = s->step, .total_steps = s->total_steps, .learning_rate = rate(a, s->step)};
    bool recorded = s->step % a->recipe->metrics_interval == 0;
    if (recorded) SW_TRY(keep_record(a, s, &seen, err));
    bool with_loss = recorded && a->recipe->metrics == SW_METRICS_PUBLIC;
    if (a->o->eyes.step) a->o->eyes.step(a->o->eyes.context, &seen, with_loss);
    return SW_OK;
}

/* WRK-004: records of one length; one that has begun waits here for its end. */
sw_status sw_agent_take_metrics(sw_agent *a, sw_error *err) {
    ssize_t n =
        read(a->metrics_fd, a->record + a->record_bytes, sizeof a->record - a->record_bytes);
    if (n < 0 && errno == EINTR) return SW_OK;
    if (n < 0) return sw_fail(err, SW_IO, "io", "the metrics pipe: %s", strerror(errno));
    a->record_bytes += (size_t)n;
    if (n == 0) {
        close(a->metrics_fd);
        a->metrics_fd = -1;
    }
    if (a->record_bytes < sizeof a->record) return SW_OK;
    a->record_bytes = 0;
    sw_reader r = sw_reader_of(SW_BYTES_OF(a->record));
    uint32_t type = sw_read_u32be(&r);
    uint64_t size = sw_read_u64be(&r);
    if (type != SW_FRAME_STEP || size != SW_WIRE_STEP_BYTES)
        return sw_fail(err, SW_UNAUTHENTIC, "worker",
                       "the %s's metrics pipe holds something else than step records",
                       a->command ? "command" : "worker");
    sw_wire_step step;
    SW_TRY(sw_wire_step_parse(r.rest, &step, err));
    return take_metric(a, &step, err);
}

/* ---- the curve ---- */

/* The records, and beside each loss the rate that the recipe gives; a script's recipe gives none.
 */
static sw_status curve_of(const sw_agent *a, sw_arena *arena, sw_curve *out, sw_error *err) {
    sw_curve_point *points = SW_ARENA_NEW(arena, sw_curve_point, a->metric_count);
    if (!points) return sw_fail(err, SW_MEMORY, "memory", "no memory for the curve");
    for (size_t i = 0; i < a->metric_count; i++) {
        uint64_t step = a->metrics[i].step;
        points[i].step = step;
        points[i].value[SW_SERIES_LOSS] = a->metrics[i].loss;
        points[i].value[SW_SERIES_LEARNING_RATE] = rate(a, step);
    }
    *out = (sw_curve){points, a->metric_count,
                      a->command ? SW_SERIES_LEARNING_RATE : SW_SERIES_GRAD_NORM};
    return SW_OK;
}

/* MAN-042. Whether there is room depends on the worker's outputs alone, so that an interrupted run
 * decides as one that was not. */
sw_status sw_agent_add_curve(sw_agent *a, sw_error *err) {
    if (!a->metric_count) return SW_OK;
    SW_SCOPED(sw_arena) arena = {0};
    sw_curve curve;
    SW_TRY(curve_of(a, &arena, &curve, err));
    if (a->recipe->metrics == SW_METRICS_PUBLIC && a->o->eyes.curve)
        a->o->eyes.curve(a->o->eyes.context, &curve); /* however many outputs there are */
    if (a->output_count == SW_AGENT_OUTPUT_FILES) return SW_OK;
    SW_SCOPED(sw_buffer) svg = SW_BUFFER(SW_CURVE_SVG_LIMIT);
    SW_TRY(sw_curve_svg(&curve, &svg, err));
    uint64_t room = a->recipe->output_limit_bytes - a->output_bytes;
    if (room < svg.size + SW_AGENT_OUTPUT_REST) return SW_OK;
    snprintf(a->output_names[a->output_count], sizeof a->output_names[0], "%s", CURVE_NAME);
    a->outputs[a->output_count++] = svg;
    a->output_bytes += svg.size;
    svg = (sw_buffer){0};
    return SW_OK;
}

/* ---- sealed to the owners ---- */

#define PADDING_MEMBER ",\"padding\":\"\""
#define EMPTY_RECORDS  "{\"kind\":\"sealwright/metrics/v1\",\"metrics\":[]" PADDING_MEMBER "}"

static uint64_t record_count(const sw_agent *a) {
    return a->total_steps / a->recipe->metrics_interval;
}

/* All of it but the padding, into `root`. */
static void put_records(const sw_agent *a, sw_arena *arena, sw_json *root) {
    sw_json_add_text(arena, root, "kind", SW_LITERAL("sealwright/metrics/v1"));
    sw_json *list = sw_json_add_array(arena, root, "metrics");
    for (size_t i = 0; i < a->metric_count; i++) {
        sw_json *o = sw_json_add_object(arena, list, NULL);
        sw_json_add_integer(arena, o, "step", (int64_t)a->metrics[i].step);
        sw_json_add_number(arena, o, "loss", a->metrics[i].loss);
    }
}

/* MAN-024: of a size that follows from the recipe and the number of steps, whatever the losses are
 * and whichever steps a script reported. */
sw_status sw_agent_encode_metrics(const sw_agent *a, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) bare = SW_BUFFER(METRICS_LIMIT);
    sw_json *root = sw_json_make(&arena, SW_JSON_OBJECT);
    put_records(a, &arena, root);
    sw_json_encode(&bare, root);
    SW_TRY(sw_buffer_check(&bare, "metrics", err));
    size_t most = sizeof EMPTY_RECORDS - 1 + RECORD_BYTES * (size_t)record_count(a);
    size_t used = bare.size + sizeof PADDING_MEMBER - 1;
    SW_CHECK(err, used <= most);
    char *padding = SW_ARENA_NEW(&arena, char, most - used + 1);
    if (!padding) return sw_fail(err, SW_MEMORY, "memory", "no memory for metrics");
    memset(padding, ' ', most - used);
    sw_json_add_text(&arena, root, "padding", SW_BYTES(padding, most - used));
    sw_json_encode(out, root);
    return sw_buffer_check(out, "metrics", err);
}

static sw_status seal_to(sw_agent *a, const sw_owner *owner, size_t number, sw_bytes text,
                         sw_hash *root, sw_error *err) {
    char name[48];
    snprintf(name, sizeof name, "out/metrics-%zu.sealed", number);
    char *path = sw_path_join(&a->arena, a->o->folder, name);
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    sw_agent_output o = {.agent = a};
    SW_TRY(sw_output_open(path, 0644, SW_WRITE_REPLACE, &o.output, err));
    const sw_seal_plan plan = {.kind = SW_CONTAINER_OPENED,
                               .media_type = "application/json",
                               .binding = {a->compose, a->step, a->previous_root},
                               .recipient = &owner->encryption_key,
                               .lanes = 1,
                               .entropy = &a->o->entropy,
                               .write = sw_agent_to_output,
                               .context = &o};
    sw_sealer *sealer = NULL;
    sw_container_trailer trailer;
    sw_status status = sw_sealer_open(&plan, &sealer, err);
    if (status == SW_OK) status = sw_sealer_add(sealer, text, err);
    if (status == SW_OK) status = sw_sealer_finish(sealer, &trailer, NULL, err);
    if (status == SW_OK) *root = trailer.root_id;
    sw_sealer_close(&sealer);
    if (status == SW_OK) return sw_output_commit(&o.output, err);
    sw_output_abort(&o.output);
    return status;
}

static bool owns_a_shard(const sw_agent *a, const sw_owner *owner) {
    for (size_t i = 0; i < a->recipe->shard_count; i++)
        if (sw_hash_equal(&a->recipe->shards[i].owner, &owner->id)) return true;
    return false;
}

size_t sw_agent_metric_owners(const sw_agent *a) {
    size_t count = 0;
    if (a->recipe->metrics == SW_METRICS_PUBLIC) return 0;
    for (size_t i = 0; i < a->genesis->owner_count; i++)
        if (owns_a_shard(a, &a->genesis->owners[i])) count++;
    return count;
}

sw_status sw_agent_seal_metrics(sw_agent *a, sw_manifest_facts *facts, sw_error *err) {
    if (a->recipe->metrics == SW_METRICS_PUBLIC) return SW_OK;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(METRICS_LIMIT);
    SW_TRY(sw_agent_encode_metrics(a, &text, err));
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
