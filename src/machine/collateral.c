/* SPDX-License-Identifier: Apache-2.0
 *
 * Collateral of one quote from Intel's provisioning service, version 4, or from a cache of it
 * (PCCS), and our own cache of what was verified (MCH-050 to MCH-059).
 *
 * What the service says is believed because Intel signed it, not because of who sent it: whatever
 * comes, from the network or from the cache's file, is judged together with the quote at the
 * clock's time before anybody gets it. The cache's file is used up to the end of that judgement's
 * window and is otherwise replaced.
 */
#include "codec/text.h"
#include "machine/collateral_internal.h"

#include <stdio.h>
#include <string.h>

#define BODY_SLACK 1024 /* around a signed text: its member's name and the signature */

typedef struct errand {
    const sw_collateral_source *s;
    sw_arena *a;
    sw_bytes quote;
    sw_quote_platform platform;
    char fmspc[13];
    const char *base; /* the service's address; Intel's own keeps the root's list elsewhere */
    int64_t wall_ms;
} errand;

/* What a verifier would refuse for its number or its age, although it holds. */
static sw_status demand_check(const errand *e, const sw_collateral_facts *f, int64_t *until_ms,
                              sw_error *err) {
    uint32_t least = e->s->minimum_evaluation_number;
    int64_t age = e->s->max_age_ms;
    if (f->tcb_evaluation_number < least || f->qe_evaluation_number < least) {
        sw_status status = sw_fail(err, SW_REFUSED, "policy",
                                   "its evaluation numbers are %u and %u, and the machine policy "
                                   "demands %u",
                                   f->tcb_evaluation_number, f->qe_evaluation_number, least);
        sw_error_hint(err, "attest collateral fetch --update early asks for the newest");
        return status;
    }
    if (age > 0 && e->wall_ms - f->issued_ms > age)
        return sw_fail(err, SW_REFUSED, "policy", "it is older than the machine policy accepts");
    *until_ms = f->until_ms;
    if (age > 0 && f->issued_ms + age < *until_ms) *until_ms = f->issued_ms + age;
    return SW_OK;
}

static sw_status judge(const errand *e, const sw_collateral *c, int64_t *until_ms, sw_error *err) {
    const sw_policy intel = {
        .platform = SW_PLATFORM_TDX, .anchor_count = 1, .anchors = {sw_intel_root}};
    sw_collateral_facts facts;
    SW_TRY(sw_collateral_judge(e->quote, c, e->s->anchors == NULL ? &intel : e->s->anchors,
                               e->wall_ms, &facts, err));
    return demand_check(e, &facts, until_ms, err);
}

static const char *url_text(const sw_buffer *url) {
    return (const char *)url->data;
}

/* ---- one answer ---- */
typedef struct signed_plan {
    const char *path, *member, *field;
    size_t limit;
} signed_plan;
static const signed_plan TCB_INFO = {"/tdx/certification/v4/tcb", "tcbInfo",
                                     "TCB-Info-Issuer-Chain", SW_TCB_INFO_LIMIT};
static const signed_plan QE_IDENTITY = {"/tdx/certification/v4/qe/identity", "enclaveIdentity",
                                        "SGX-Enclave-Identity-Issuer-Chain", SW_QE_IDENTITY_LIMIT};

static sw_status signed_read(const errand *e, const signed_plan *plan, const sw_fetch_reply *reply,
                             sw_signed_json *out, sw_error *err) {
    sw_signed_json made = {0};
    sw_bytes body = sw_arena_copy(e->a, sw_buffer_bytes(&reply->body));
    if (body.data == NULL) return sw_fail(err, SW_MALFORMED, "format", "the answer is empty");
    SW_TRY(sw_pcs_parse(body, plan->member, &made, err));
    if (made.text.size > plan->limit)
        return sw_fail(err, SW_LIMIT, "limit", "%s has more than %zu bytes", plan->member,
                       plan->limit);
    SW_TRY(sw_pcs_chain_parse(e->a, sw_buffer_bytes(&reply->fields[0]), &made.issuer_chain, err));
    *out = made;
    return SW_OK;
}

static sw_status signed_fetch(const errand *e, const signed_plan *plan, sw_signed_json *out,
                              sw_error *err) {
    SW_SCOPED(sw_buffer) url = SW_BUFFER(SW_SOURCE_URL_BYTES);
    SW_SCOPED(sw_fetch_reply) reply = {0};
    bool tcb = plan == &TCB_INFO;
    sw_put_format(&url, "%s%s%s%s", e->base, plan->path, tcb ? "?fmspc=" : "", tcb ? e->fmspc : "");
    if (e->s->early) sw_put_format(&url, "%cupdate=early", tcb ? '&' : '?');
    SW_TRY(sw_source_url(&url, err));
    const sw_source_question q = {
        .url = url_text(&url), .field = plan->field, .body_limit = plan->limit + BODY_SLACK};
    SW_TRY(sw_source_ask(e->s, &q, &reply, err));
    sw_status status = signed_read(e, plan, &reply, out, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", url_text(&url));
    return status;
}

static sw_status list_fetch(const errand *e, const char *url, sw_bytes *out, sw_error *err) {
    SW_SCOPED(sw_fetch_reply) reply = {0};
    const sw_source_question q = {.url = url, .body_limit = 2 * SW_REVOCATION_LIMIT};
    SW_TRY(sw_source_ask(e->s, &q, &reply, err));
    sw_status status = sw_pcs_list_parse(e->a, sw_buffer_bytes(&reply.body), out, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", url);
    return status;
}

static sw_status lists_fetch(const errand *e, sw_collateral *out, sw_error *err) {
    SW_SCOPED(sw_buffer) pck = SW_BUFFER(SW_SOURCE_URL_BYTES);
    SW_SCOPED(sw_buffer) root = SW_BUFFER(SW_SOURCE_URL_BYTES);
    sw_put_format(&pck, "%s/sgx/certification/v4/pckcrl?ca=%s&encoding=der", e->base,
                  e->platform.platform_ca ? "platform" : "processor");
    SW_TRY(sw_source_url(&pck, err));
    if (strcmp(e->base, SW_PCS_URL) == 0)
        sw_put_text(&root, SW_ROOT_CRL_URL);
    else
        sw_put_format(&root, "%s/sgx/certification/v4/rootcacrl", e->base);
    SW_TRY(sw_source_url(&root, err));
    SW_TRY(list_fetch(e, url_text(&pck), &out->pck_crl, err));
    return list_fetch(e, url_text(&root), &out->root_crl, err);
}

static sw_status service_fetch(const errand *e, sw_collateral *out, int64_t *until_ms,
                               sw_error *err) {
    sw_collateral made = {0};
    SW_TRY(signed_fetch(e, &TCB_INFO, &made.tcb_info, err));
    SW_TRY(signed_fetch(e, &QE_IDENTITY, &made.qe_identity, err));
    SW_TRY(lists_fetch(e, &made, err));
    sw_status status = judge(e, &made, until_ms, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "the collateral of %s does not hold for this quote", e->base);
        return status;
    }
    *out = made;
    return SW_OK;
}

/* ---- the cache ---- */
typedef char cache_name[64];

static void name_of(const errand *e, cache_name out) {
    (void)snprintf(out, sizeof(cache_name), "tdx-%s-%s-%s.json", e->fmspc,
                   e->platform.platform_ca ? "platform" : "processor",
                   e->s->early ? "early" : "standard");
}

static sw_status cache_fetch(const errand *e, const char *name, sw_collateral *out,
                             int64_t *until_ms, sw_error *err) {
    sw_bytes file;
    sw_collateral made = {0};
    sw_gpu_collateral gpu;
    SW_TRY(sw_source_cached(e->s, e->a, name, SW_COLLATERAL_FILE_LIMIT, &file, err));
    SW_TRY(sw_collateral_parse(e->a, file, &made, &gpu, err));
    SW_TRY(judge(e, &made, until_ms, err));
    *out = made;
    return SW_OK;
}

static sw_status cache_keep(const errand *e, const char *name, const sw_collateral *c,
                            sw_error *err) {
    SW_SCOPED(sw_buffer) file = SW_BUFFER(SW_COLLATERAL_FILE_LIMIT);
    SW_TRY(sw_collateral_encode(c, NULL, &file, err));
    return sw_source_keep(e->s, name, sw_buffer_bytes(&file), err);
}

/* ---- both ---- */
static sw_status errand_begin(errand *e, sw_error *err) {
    SW_TRY(sw_source_base(e->a, e->s->pcs_url, SW_PCS_URL, &e->base, err));
    SW_TRY(sw_quote_platform_read(e->quote, &e->platform, err));
    sw_hex_text(e->fmspc, SW_BYTES_OF(e->platform.fmspc));
    e->wall_ms = e->s->clock.wall_ms(e->s->clock.context);
    return SW_OK;
}

static sw_status errand_run(const errand *e, sw_collateral *out, int64_t *until_ms, sw_error *err) {
    cache_name name;
    if (e->s->cache_folder == NULL && e->s->offline)
        return sw_fail(err, SW_USAGE, "usage",
                       "offline and without a cache there is no collateral");
    name_of(e, name);
    sw_status status = cache_fetch(e, name, out, until_ms, err);
    if (status == SW_OK) return SW_OK;
    if (e->s->offline) {
        sw_error_prefix(err, "the cache holds no collateral for this quote");
        sw_error_hint(err, "fetch it once without --offline");
        return status;
    }
    SW_TRY(service_fetch(e, out, until_ms, err));
    return cache_keep(e, name, out, err);
}

sw_status sw_collateral_fetch(const sw_collateral_source *s, sw_arena *a, sw_bytes quote,
                              sw_collateral *out, int64_t *until_ms, sw_error *err) {
    errand e = {.s = s, .a = a, .quote = quote};
    sw_collateral made = {0};
    int64_t until = 0;
    SW_TRY(errand_begin(&e, err));
    SW_TRY(errand_run(&e, &made, &until, err));
    *out = made;
    if (until_ms != NULL) *until_ms = until;
    return SW_OK;
}
