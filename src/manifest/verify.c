/* SPDX-License-Identifier: Apache-2.0
 *
 * Offline verification: the walk. Each link is verified by what the links before it established,
 * starting from the genesis hash that the auditor brings (docs/formats/manifest.md, MAN-060).
 * Nothing is skipped and nothing is asked of a network.
 */
#include "manifest/manifest_internal.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void sw_walk_holds(sw_walk *w, const char *link, const char *format, ...) {
    char detail[512];
    va_list list;
    va_start(list, format);
    vsnprintf(detail, sizeof detail, format, list);
    va_end(list);
    if (w->report && w->report->link) w->report->link(w->report->context, link, true, detail);
}

static sw_status parse_file(sw_walk *w, sw_bytes bytes, const char *name, const char *kind,
                            const sw_json **out, sw_error *err) {
    sw_json *root;
    const sw_json_limits limits = {
        .bytes = SW_MANIFEST_TEXT_LIMIT, .depth = 32, .nodes = SW_MANIFEST_NODE_LIMIT};
    sw_status status = sw_json_parse_canonical(&w->arena, bytes, &limits, &root, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "%s", name);
        return status;
    }
    sw_bytes named;
    SW_TRY(sw_json_text(root, name, "kind", &named, err));
    if (!sw_bytes_is(named, kind))
        return sw_fail(err, SW_MALFORMED, "format", "%s is of another kind", name);
    *out = root;
    return SW_OK;
}

static sw_status parse_statement(sw_walk *w, sw_error *err) {
    static const char *const names[] = {"_type", "predicate", "predicateType", "subject", NULL};
    SW_TRY(sw_envelope_parse(&w->arena, w->in->manifest, &w->manifest, err));
    if (!sw_bytes_is(w->manifest.payload_type, sw_payload_type(SW_PAYLOAD_STATEMENT)) ||
        w->manifest.signature_count != 1)
        return sw_fail(err, SW_MALFORMED, "format", "manifest.json is no manifest");
    sw_json *root;
    const sw_json_limits limits = {
        .bytes = SW_MANIFEST_TEXT_LIMIT, .depth = 32, .nodes = SW_MANIFEST_NODE_LIMIT};
    SW_TRY(sw_json_parse_canonical(&w->arena, w->manifest.payload, &limits, &root, err));
    SW_TRY(sw_json_expect(root, "manifest", names, err));
    sw_bytes type, predicate_type;
    SW_TRY(sw_json_text(root, "manifest", "_type", &type, err));
    SW_TRY(sw_json_text(root, "manifest", "predicateType", &predicate_type, err));
    if (!sw_bytes_is(type, "https://in-toto.io/Statement/v1") ||
        !sw_bytes_is(predicate_type, SW_MANIFEST_PREDICATE))
        return sw_fail(err, SW_MALFORMED, "format", "manifest.json is a statement of another kind");
    w->statement = root;
    sw_sha256(&w->verdict.digest, w->manifest.payload);
    return sw_json_object(root, "manifest", "predicate", &w->predicate, err);
}

/* Everything is parsed before anything is believed; the manifest's payload is verified as the bytes
 * parsed here. */
static sw_status parse(sw_walk *w, sw_error *err) {
    SW_TRY(parse_statement(w, err));
    SW_TRY(
        parse_file(w, w->in->ledger, "ledger.json", SW_MANIFEST_LEDGER_KIND, &w->ledger_file, err));
    SW_TRY(parse_file(w, w->in->evidence, "evidence.json", SW_MANIFEST_EVIDENCE_KIND,
                      &w->evidence_file, err));
    w->genesis = SW_ARENA_NEW(&w->arena, sw_genesis, 1);
    w->recipe = SW_ARENA_NEW(&w->arena, sw_recipe, 1);
    return w->genesis && w->recipe ? SW_OK
                                   : sw_fail(err, SW_MEMORY, "memory", "no memory to verify");
}

typedef struct step {
    const char *name;
    sw_status (*verify)(sw_walk *w, sw_error *err);
} step;

static const step steps[] = {
    {"files", parse},
    {"genesis", sw_walk_genesis},
    {"app-compose", sw_walk_compose},
    {"ledger", sw_walk_ledger},
    {"grants", sw_walk_grants},
    {"evidence", sw_walk_evidence},
    {"manifest", sw_walk_statement},
    {"closing quote", sw_walk_closing},
    {"model.sealed", sw_walk_sealed},
    {"metrics", sw_walk_metrics},
    {"model", sw_walk_model},
};

static sw_status walk(sw_walk *w, sw_error *err) {
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        sw_error local = {0};
        w->link = steps[i].name;
        sw_status status = steps[i].verify(w, &local);
        if (status == SW_OK) continue;
        if (w->report && w->report->link)
            w->report->link(w->report->context, w->link, false, local.message);
        if (err) *err = local;
        return status;
    }
    return SW_OK;
}

sw_status sw_manifest_verify(const sw_manifest_input *in, const sw_manifest_report *report,
                             sw_manifest_verdict *out, sw_error *err) {
    sw_walk w = {.in = in,
                 .report = report,
                 .arena = {.limit_bytes = SW_MANIFEST_ARENA_LIMIT},
                 .evidence = SW_BUFFER(SW_EVIDENCE_LIMIT)};
    SW_TRY(sw_verifier_open(NULL, &w.verifier, err));
    sw_status status = walk(&w, err);
    if (status == SW_OK) *out = w.verdict;
    sw_journal_close(&w.journal);
    sw_buffer_free(&w.evidence);
    sw_verifier_close(&w.verifier);
    sw_arena_free(&w.arena);
    if (status == SW_OK && !in->app) {
        status = sw_fail(err, SW_REFUSED, "app",
                         "consistent in itself; compared with nobody's expectation");
        sw_error_hint(err, "give the genesis hash that you know: --app HASH");
    }
    return status;
}
