/* SPDX-License-Identifier: Apache-2.0
 *
 * Others' evidence, step by step (EVD-140 on). Each step is one that evidence of our own takes too;
 * only their order of arrival differs.
 *
 * A register for which the log has events must replay, whatever else is compared: a log that
 * contradicts its quote is refused even where nobody reads it.
 */
#include "attest/standalone.h"
#include "attest/attest_internal.h"
#include "attest/measure_internal.h"

#include <stdio.h>
#include <string.h>

static sw_policy strict_policy(void) {
    sw_policy p = {.platform = SW_PLATFORM_TDX, .anchor_count = 1};
    p.anchors[0] = sw_intel_root;
    return p;
}

/* ---- the log ---- */
/* dstack's certificates and attestations keep RTMR3's events and RTMR0's three of ACPI; a log with
 * no others is such a one, and says nothing of RTMR0 to RTMR2. */
static bool stripped(const sw_event_log *log) {
    enum { EV_PLATFORM_CONFIG_FLAGS = 10 };
    size_t acpi = 0;
    for (size_t i = 0; i < log->count; i++) {
        const sw_log_event *e = &log->events[i];
        if (e->imr == SW_RUNTIME_EVENT_REGISTER) continue;
        if (e->imr != 0 || e->type != EV_PLATFORM_CONFIG_FLAGS || ++acpi > 3) return false;
    }
    return true;
}

static bool zeros(const uint8_t *bytes, size_t size) {
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) any |= bytes[i];
    return any == 0;
}

static sw_status registers_verify(const sw_standalone *s, const sw_check_log *log,
                                  sw_standalone_claims *c, sw_error *err) {
    uint8_t rtmr[4][SW_SHA384_BYTES];
    bool seen[4], part = !s->firmware_log && stripped(s->log);
    sw_check_begin(log, "event log replay");
    SW_TRY(sw_log_replay(s->log, rtmr, seen, err));
    for (unsigned r = 0; r < 4; r++) {
        if (part && r != 3) continue;
        const uint8_t *quoted = c->quote.td.rtmr[r];
        if (!seen[r] && !zeros(quoted, SW_SHA384_BYTES))
            return REFUSE(err,
                          "the event log has no event of RTMR%u, which the quote says was "
                          "extended",
                          r);
        if (seen[r] && memcmp(rtmr[r], quoted, SW_SHA384_BYTES) != 0)
            return REFUSE(err, "the event log does not replay to the quote's RTMR%u", r);
        c->replayed[r] = seen[r];
    }
    sw_check_held(log, "%zu events; %s", s->log->count,
                  part ? "RTMR3; of RTMR0 to 2 they are not all here" : "RTMR0 to 3");
    return SW_OK;
}

/* ---- the OS image that the host describes ---- */
static sw_status image_measure(const sw_standalone *s, const sw_app_log *app,
                               sw_standalone_claims *c, const sw_lite_hints *hints, sw_error *err) {
    sw_evidence_image image = {.files = hints->image, .machine.memory_bytes = hints->memory_bytes};
    sw_claims claims = {0};
    SW_TRY(sw_lite_acpi(s->log, image.machine.acpi, err));
    SW_TRY(sw_claims_image_verify(&image, &c->quote.td, app, NULL, &claims, err));
    c->has_os_image = true;
    c->os_image = claims.os_image;
    memcpy(c->acpi, claims.acpi, sizeof c->acpi);
    c->memory_bytes = claims.memory_bytes;
    return SW_OK;
}

/* Unsigned words of a host: what does not measure to the quote is no image, and a reason to refuse
 * only where a policy asks for one by its hash (EVD-119). */
static sw_status image_verify(const sw_standalone *s, const sw_app_log *app,
                              const sw_check_log *log, sw_standalone_claims *c, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)4 << 20};
    sw_lite_hints hints;
    sw_error why = {0};
    bool wanted = s->policy != NULL && sw_policy_names_hashes(s->policy);
    if (s->vm_config.size == 0) return SW_OK;
    sw_status status = sw_lite_hints_read(&a, s->vm_config, &hints, &why);
    if (status == SW_MISSING) return SW_OK;
    sw_check_begin(log, "OS image");
    if (status == SW_OK) status = image_measure(s, app, c, &hints, &why);
    if (status == SW_OK) {
        sw_check_held_hex(log, SW_BYTES_OF(c->os_image.b));
        return SW_OK;
    }
    if (wanted || status == SW_MEMORY || status == SW_INTERNAL) {
        if (err != NULL) *err = why;
        return sw_as_evidence(status, err);
    }
    char reason[sizeof why.message + 32];
    (void)snprintf(reason, sizeof reason, "none is claimed: %s", why.message);
    sw_check_left(log, reason);
    return SW_OK;
}

/* The document that was given, or the host's where MRCONFIGID commits to one. */
static sw_status document_find(const sw_standalone *s, const sw_td_report *td,
                               const sw_check_log *log, sw_arena *a, sw_bytes *out, sw_error *err) {
    *out = s->document;
    if (out->size > 0 || s->vm_config.size == 0 || td->mr_config_id[0] != 3) return SW_OK;
    sw_check_begin(log, "MRCONFIGID's document");
    sw_status status = sw_config_document_read(a, s->vm_config, out, err);
    if (status != SW_OK) return sw_as_evidence(status, err);
    sw_check_held(log, "the host's, of %zu bytes", out->size);
    return SW_OK;
}

/* A host that names another image than the log is told of; its word counts for nothing (EVD-119).
 */
static void host_image_tell(const sw_standalone *s, sw_arena *a, const sw_app_log *app,
                            const sw_check_log *log) {
    sw_hash named;
    const sw_event *event = sw_event_find(app->events, app->count, "os-image-hash");
    if (event == NULL || s->vm_config.size == 0 || !sw_host_image_read(a, s->vm_config, &named))
        return;
    sw_check_begin(log, "host's OS image hash");
    if (sw_bytes_equal(event->payload, SW_BYTES_OF(named.b)))
        sw_check_held(log, "the event log's");
    else
        sw_check_left(log, "the host names another OS image than the event log; the log's counts");
}

static sw_status app_verify(const sw_standalone *s, const sw_check_log *log,
                            sw_standalone_claims *c, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)8 << 20};
    sw_app_log app;
    sw_boot_facts facts;
    SW_TRY(document_find(s, &c->quote.td, log, &a, &app.document, err));
    sw_check_begin(log, "runtime events");
    SW_TRY(sw_log_runtime(&a, s->log, &app.events, &app.count, err));
    sw_check_held(log, "%zu in RTMR3", app.count);
    SW_TRY(sw_app_verify(&a, &app, c->quote.td.mr_config_id, log, &facts, &c->config_version, err));
    memcpy(c->app_id, facts.app_id, sizeof c->app_id);
    memcpy(c->instance_id, facts.instance_id, sizeof c->instance_id);
    c->compose = facts.compose;
    host_image_tell(s, &a, &app, log);
    sw_td_measurements quoted;
    sw_td_measurements_of(&c->quote.td, &quoted);
    sw_app_mr_system(&quoted, &app, &c->mr_system);
    return image_verify(s, &app, log, c, err);
}

/* ---- the policy ---- */
static sw_status status_check(const sw_standalone_claims *c, const sw_check_log *log,
                              sw_error *err) {
    sw_check_begin(log, "TCB status");
    if (strcmp(c->quote.tcb_status, "UpToDate") != 0)
        return sw_fail(err, SW_REFUSED, "policy",
                       "the platform's TCB status is %s; without a policy UpToDate alone is taken",
                       c->quote.tcb_status);
    sw_check_held(log, "UpToDate; no policy was given, so no image, device or app is compared");
    return SW_OK;
}

static sw_status policy_check(const sw_standalone *s, const sw_check_log *log,
                              sw_standalone_claims *c, sw_error *err) {
    const sw_quote_claims *q = &c->quote;
    sw_claims claims = {.platform = s->policy->platform,
                        .anchor = q->anchor,
                        .device = q->device,
                        .tcb_evaluation_number = q->tcb_evaluation_number,
                        .qe_evaluation_number = q->qe_evaluation_number,
                        .compose = c->compose,
                        .judged_ms = s->wall_ms,
                        .has_os_image = c->has_os_image,
                        .os_image = c->os_image,
                        .memory_bytes = c->memory_bytes,
                        .valid_from_ms = q->valid_from_ms,
                        .valid_until_ms = q->valid_until_ms,
                        .collateral_issued_ms = q->collateral_issued_ms,
                        .tcb_date_ms = q->tcb_date_ms};
    memcpy(claims.mrtd, q->td.mrtd, sizeof claims.mrtd);
    memcpy(claims.rtmr, q->td.rtmr, sizeof claims.rtmr);
    memcpy(claims.acpi, c->acpi, sizeof claims.acpi);
    memcpy(claims.tcb_status, q->tcb_status, strlen(q->tcb_status) + 1);
    SW_TRY(sw_policy_check(s->policy, &claims, log, err));
    memcpy(c->image, claims.image, sizeof c->image);
    return SW_OK;
}

/* EVD-023. */
static void behind_tell(const sw_quote_claims *q, const sw_check_log *log) {
    char reason[96];
    if (q->trailing_zeros) return;
    sw_check_begin(log, "bytes behind the quote");
    (void)snprintf(reason, sizeof reason, "%zu that nobody signed: nothing was read from them",
                   q->trailing_bytes);
    sw_check_left(log, reason);
}

static sw_status judge(const sw_standalone *s, sw_verifier *v, sw_standalone_claims *c,
                       sw_error *err) {
    const sw_check_log *log = sw_verifier_log(v);
    const sw_policy strict = strict_policy(), *policy = s->policy == NULL ? &strict : s->policy;
    SW_TRY(sw_quote_verify(s->quote, s->collateral, policy, s->wall_ms, v, &c->quote, err));
    behind_tell(&c->quote, log);
    SW_TRY(sw_td_attributes_check(&c->quote.td, s->policy == NULL, log, err));
    sw_td_measurements quoted;
    sw_td_measurements_of(&c->quote.td, &quoted);
    sw_mr_aggregated(&c->mr_aggregated, &quoted);
    c->has_log = s->log != NULL && !s->firmware_log;
    if (s->log != NULL) SW_TRY(registers_verify(s, log, c, err));
    if (c->has_log) SW_TRY(app_verify(s, log, c, err));
    return s->policy == NULL ? status_check(c, log, err) : policy_check(s, log, c, err);
}

sw_status sw_standalone_verify(const sw_standalone *s, sw_verifier *v, sw_standalone_claims *out,
                               sw_error *err) {
    sw_standalone_claims made = {0};
    if (s->policy != NULL) SW_TRY(sw_policy_complete(s->policy, err));
    SW_TRY(judge(s, v, &made, err));
    *out = made;
    return SW_OK;
}
