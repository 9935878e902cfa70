/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's own record, which travels inside every sealed checkpoint (WRK-041, WRK-045): what it
 * has seen so far and will write into the manifest. What one grant has in common with the grant
 * before it stands there once.
 */
#include "codec/json.h"
#include "codec/text.h"
#include "run/agent.h"
#include <string.h>

static const sw_json_limits record_limits = {
    .bytes = SW_AGENT_RECORD_LIMIT, .depth = 12, .nodes = 4000000};

/* WRK-045: nothing of a grant that the one before it told already (NULL: the first). */
static sw_status add_grant(sw_arena *arena, sw_json *array, const sw_manifest_grant *g,
                           const sw_manifest_grant *before, sw_error *err) {
    sw_json *evidence, *o = sw_json_add_object(arena, array, NULL);
    SW_TRY(sw_json_parse_canonical(arena, g->evidence, &record_limits, &evidence, err));
    evidence->key = (sw_bytes){0};
    sw_json_add(o, "evidence", evidence);
    sw_json_add_base64(arena, o, "receipt", g->receipt);
    if (before != NULL && sw_bytes_equal(before->statements, g->statements))
        sw_json_add_null(arena, o, "statements");
    else
        sw_json_add_base64(arena, o, "statements", g->statements);
    sw_json_add_hex(arena, o, "challenge", SW_BYTES_OF(g->challenge.b));
    sw_json_add_hex(arena, o, "own_tls", SW_BYTES_OF(g->own_tls.b));
    sw_json_add_hex(arena, o, "peer_tls", SW_BYTES_OF(g->peer_tls.b));
    sw_json_add_hex(arena, o, "response", SW_BYTES_OF(g->response.b));
    return SW_OK;
}

static void add_links(sw_arena *arena, sw_json *parent, const char *key,
                      const sw_manifest_link *links, size_t count) {
    sw_json *array = sw_json_add_array(arena, parent, key);
    for (size_t i = 0; i < count; i++) {
        sw_json *o = sw_json_add_object(arena, array, NULL);
        sw_json_add_integer(arena, o, "step", (int64_t)links[i].step);
        sw_json_add_hex(arena, o, "value", SW_BYTES_OF(links[i].value.b));
    }
}

/* As of `step`: records of later steps may have been read already. */
sw_status sw_agent_encode_record(const sw_agent *a, uint64_t step, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_json *root = sw_json_make(&arena, SW_JSON_OBJECT);
    sw_json_add_text(&arena, root, "kind", SW_LITERAL("sealwright/run-record/v1"));
    sw_json_add_integer(&arena, root, "resumes", (int64_t)a->resumes);
    sw_json_add_integer(&arena, root, "started_ms", a->started_ms);
    sw_json *grants = sw_json_add_array(&arena, root, "grants");
    for (size_t i = 0; i < a->grant_count; i++)
        SW_TRY(add_grant(&arena, grants, &a->grants[i].view, i == 0 ? NULL : &a->grants[i - 1].view,
                         err));
    if (a->views.size > 0) sw_json_add_base64(&arena, root, "views", sw_buffer_bytes(&a->views));
    if (a->command) sw_json_add_integer(&arena, root, "total_steps", (int64_t)a->total_steps);
    add_links(&arena, root, "links", a->links, a->link_count);
    add_links(&arena, root, "checkpoints", a->checkpoints, a->checkpoint_count);
    sw_json *metrics = sw_json_add_array(&arena, root, "metrics");
    for (size_t i = 0; i < a->metric_count && a->metrics[i].step <= step; i++) {
        sw_json *o = sw_json_add_object(&arena, metrics, NULL);
        sw_json_add_integer(&arena, o, "step", (int64_t)a->metrics[i].step);
        sw_json_add_number(&arena, o, "loss", a->metrics[i].loss);
    }
    sw_json_encode(out, root);
    return sw_buffer_check(out, "run record", err);
}

static sw_status read_base64(const sw_json *o, const char *name, sw_buffer *out, sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_json_text(o, "record.grants", name, &text, err));
    *out = SW_BUFFER(SW_AGENT_RECORD_LIMIT);
    return sw_base64_decode(out, text, err);
}

static sw_status read_key(const sw_json *o, const char *name, sw_p256_public *out, sw_error *err) {
    return sw_json_hex(o, "record.grants", name, out->b, sizeof out->b, err);
}

/* As it stands there, and into a->newest_evidence what it tells. */
static sw_status read_evidence(sw_agent *a, const sw_json *o, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) whole = SW_BUFFER(SW_EVIDENCE_LIMIT);
    const sw_json *evidence;
    SW_TRY(sw_json_object(o, "record.grants", "evidence", &evidence, err));
    SW_TRY(sw_manifest_restore(sw_buffer_bytes(&a->newest_evidence), evidence->span, &whole, err));
    *out = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_put_bytes(out, evidence->span);
    sw_buffer_free(&a->newest_evidence);
    a->newest_evidence = whole;
    whole = (sw_buffer){0};
    return sw_buffer_check(out, "evidence", err);
}

static sw_status read_statements(const sw_agent *a, const sw_json *o, sw_buffer *out,
                                 sw_error *err) {
    const sw_json *said = sw_json_member(o, "statements");
    bool same = said != NULL && said->type == SW_JSON_NULL && a->grant_count > 1;
    if (!same) return read_base64(o, "statements", out, err);
    *out = SW_BUFFER(SW_AGENT_RECORD_LIMIT);
    sw_put_bytes(out, a->grants[a->grant_count - 2].view.statements);
    return sw_buffer_check(out, "unlock statements", err);
}

static sw_status read_grant(sw_agent *a, const sw_json *o, sw_error *err) {
    if (a->grant_count == SW_MANIFEST_GRANT_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "too many grants in a checkpoint");
    sw_agent_grant *g = &a->grants[a->grant_count];
    *g = (sw_agent_grant){0};
    a->grant_count++;
    SW_TRY(read_base64(o, "receipt", &g->receipt, err));
    SW_TRY(read_statements(a, o, &g->statements, err));
    SW_TRY(read_evidence(a, o, &g->evidence, err));
    g->view.receipt = sw_buffer_bytes(&g->receipt);
    g->view.statements = sw_buffer_bytes(&g->statements);
    g->view.evidence = sw_buffer_bytes(&g->evidence);
    SW_TRY(sw_json_hash(o, "record.grants", "challenge", &g->view.challenge, err));
    SW_TRY(read_key(o, "own_tls", &g->view.own_tls, err));
    SW_TRY(read_key(o, "peer_tls", &g->view.peer_tls, err));
    return read_key(o, "response", &g->view.response, err);
}

static sw_status read_links(const sw_json *root, const char *key, sw_manifest_link *links,
                            size_t *count, sw_error *err) {
    const sw_json *array;
    SW_TRY(sw_json_array(root, "record", key, SW_MANIFEST_CHECKPOINT_LIMIT, &array, err));
    *count = 0;
    for (const sw_json *o = array->first; o; o = o->next) {
        SW_TRY(sw_json_u64(o, key, "step", UINT32_MAX, &links[*count].step, err));
        SW_TRY(sw_json_hash(o, key, "value", &links[*count].value, err));
        (*count)++;
    }
    return SW_OK;
}

static sw_status read_metrics(sw_agent *a, const sw_json *root, sw_error *err) {
    const sw_json *array;
    SW_TRY(sw_json_array(root, "record", "metrics", SW_RECIPE_RECORD_LIMIT, &array, err));
    SW_TRY(sw_agent_metric_room(a, array->count, err));
    a->metric_count = 0;
    for (const sw_json *o = array->first; o; o = o->next) {
        const sw_json *loss = sw_json_member(o, "loss");
        if (!loss || loss->type != SW_JSON_NUMBER)
            return sw_fail(err, SW_MALFORMED, "format", "record.metrics: loss is not a number");
        sw_manifest_metric *m = &a->metrics[a->metric_count];
        SW_TRY(sw_json_u64(o, "record.metrics", "step", UINT32_MAX, &m->step, err));
        m->loss = loss->number;
        a->metric_count++;
    }
    return SW_OK;
}

/* Those that the earlier grants rest on. */
static sw_status read_views(sw_agent *a, const sw_json *root, sw_error *err) {
    SW_SCOPED(sw_buffer) views = SW_BUFFER(SW_AGENT_RECORD_LIMIT);
    sw_bytes text;
    if (a->genesis->backend != SW_LEDGER_ETHEREUM) return SW_OK;
    SW_TRY(sw_json_text(root, "record", "views", &text, err));
    SW_TRY(sw_base64_decode(&views, text, err));
    return sw_agent_keep_views(a, sw_buffer_bytes(&views), err);
}

/* The first grant of this start stood behind nothing, and now stands behind the last of those that
 * were read. */
static sw_status join_grants(sw_agent_grant *first, sw_bytes before, sw_error *err) {
    SW_SCOPED(sw_buffer) shortened = SW_BUFFER(SW_EVIDENCE_LIMIT);
    SW_TRY(sw_manifest_shorten(before, first->view.evidence, &shortened, err));
    sw_buffer_free(&first->evidence);
    first->evidence = shortened;
    first->view.evidence = sw_buffer_bytes(&first->evidence);
    shortened = (sw_buffer){0};
    return SW_OK;
}

/* The grants of this start are already in a->grants: those of earlier starts go before them. */
static sw_status decode_grants(sw_agent *a, sw_arena *arena, const sw_json *root, sw_error *err) {
    sw_agent_grant *mine = SW_ARENA_NEW(arena, sw_agent_grant, a->grant_count + 1);
    size_t mine_count = a->grant_count;
    if (!mine) return sw_fail(err, SW_MEMORY, "memory", "no memory for grants");
    sw_buffer newest = a->newest_evidence; /* of this start */
    a->newest_evidence = (sw_buffer){0};
    memcpy(mine, a->grants, mine_count * sizeof *mine);
    a->grant_count = 0;
    const sw_json *grants;
    sw_status status =
        sw_json_array(root, "record", "grants", SW_MANIFEST_GRANT_LIMIT - mine_count, &grants, err);
    for (const sw_json *o = status == SW_OK ? grants->first : NULL; o && status == SW_OK;
         o = o->next)
        status = read_grant(a, o, err);
    if (status == SW_OK && mine_count > 0)
        status = join_grants(&mine[0], sw_buffer_bytes(&a->newest_evidence), err);
    while (status != SW_OK && a->grant_count > 0) sw_agent_grant_free(&a->grants[--a->grant_count]);
    memcpy(a->grants + a->grant_count, mine, mine_count * sizeof *mine);
    a->grant_count += mine_count;
    sw_agent_weigh_grants(a);
    if (mine_count > 0) {
        sw_buffer read = a->newest_evidence;
        a->newest_evidence = newest;
        newest = read;
    }
    sw_buffer_free(&newest);
    return status;
}

sw_status sw_agent_decode_record(sw_agent *a, sw_bytes text, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_json *root;
    SW_TRY(sw_json_parse_canonical(&arena, text, &record_limits, &root, err));
    uint64_t started = 0;
    SW_TRY(read_views(a, root, err));
    SW_TRY(sw_json_u64(root, "record", "resumes", UINT32_MAX, &a->resumes, err));
    SW_TRY(sw_json_u64(root, "record", "started_ms", INT64_MAX >> 11, &started, err));
    a->started_ms = (int64_t)started;
    if (a->command)
        SW_TRY(sw_json_u64(root, "record", "total_steps", UINT32_MAX, &a->command->planned, err));
    SW_TRY(read_links(root, "links", a->links, &a->link_count, err));
    SW_TRY(read_links(root, "checkpoints", a->checkpoints, &a->checkpoint_count, err));
    SW_TRY(read_metrics(a, root, err));
    return decode_grants(a, &arena, root, err);
}
