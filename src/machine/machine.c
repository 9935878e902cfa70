/* SPDX-License-Identifier: Apache-2.0
 *
 * Machines by name, and evidence assembled from a guest agent's answer.
 */
#include "machine/machine_internal.h"

#include <stdlib.h>
#include <string.h>

struct sw_machine {
    const sw_machine_kind *kind;
    void *self;
    sw_hash compose;
};

/* ---- by name ---- */
static sw_status machine_start(const char *where, const sw_boot *boot, sw_machine *m,
                               sw_error *err) {
    static const char sim[] = "sim:", dstack[] = "dstack:";
    if (strncmp(where, sim, sizeof sim - 1) == 0 && where[sizeof sim - 1] != 0) {
        m->kind = &sw_machine_sim;
        return sw_sim_boot(where + sizeof sim - 1, boot, &m->self, err);
    }
    if (strcmp(where, "tdx") == 0) {
        m->kind = &sw_machine_tdx;
        return sw_tdx_boot(boot, &m->self, err);
    }
    bool named = strncmp(where, dstack, sizeof dstack - 1) == 0 && where[sizeof dstack - 1] != 0;
    if (named || strcmp(where, "dstack") == 0) {
        m->kind = &sw_machine_dstack;
        return sw_dstack_boot(named ? where + sizeof dstack - 1 : NULL, boot, &m->self, err);
    }
    return sw_fail(err, SW_USAGE, "usage",
                   "a machine is named sim:DIR, tdx, dstack or dstack:SOCKET; no other kind is "
                   "here");
}

sw_status sw_machine_boot_at(const sw_machine_places *places, const char *where,
                             sw_bytes app_compose, const uint8_t app_id[20], const sw_entropy *e,
                             const sw_clock *clock, sw_machine **out, sw_error *err) {
    static const sw_machine_places usual;
    sw_boot boot = {app_compose, app_id, e, clock, places == NULL ? &usual : places};
    sw_machine *made = calloc(1, sizeof *made);
    if (made == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a machine");
    sw_sha256(&made->compose, app_compose);
    sw_status status = machine_start(where, &boot, made, err);
    if (status == SW_OK)
        *out = made;
    else
        free(made);
    return status;
}

sw_status sw_machine_boot(const char *where, sw_bytes app_compose, const uint8_t app_id[20],
                          const sw_entropy *e, const sw_clock *clock, sw_machine **out,
                          sw_error *err) {
    return sw_machine_boot_at(NULL, where, app_compose, app_id, e, clock, out, err);
}

void sw_machine_close(sw_machine **m) {
    if (*m == NULL) return;
    (*m)->kind->close((*m)->self);
    free(*m);
    *m = NULL;
}

sw_platform sw_machine_platform(const sw_machine *m) {
    return m->kind->platform;
}

bool sw_machine_seals(const sw_machine *m) {
    if (m->kind->sealing_key == NULL) return false;
    return m->kind->seals == NULL || m->kind->seals(m->self);
}

sw_status sw_machine_sealing_key(sw_machine *m, sw_file_key *out, sw_error *err) {
    if (!sw_machine_seals(m))
        return sw_fail(err, SW_MISSING, "missing",
                       "this machine derives no key that outlives it: there is nothing to seal "
                       "with");
    return m->kind->sealing_key(m->self, out, err);
}

int64_t sw_machine_counter_ms(sw_machine *m) {
    return m->kind->counter_ms(m->self);
}

/* ---- evidence ---- */
sw_status sw_machine_quote(sw_machine *m, const sw_report_data *report, sw_arena *a,
                           sw_evidence *out, sw_error *err) {
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(SW_ANSWER_LIMIT);
    out->platform = m->kind->platform;
    SW_TRY(m->kind->quote(m->self, report, &answer, err));
    sw_bytes kept = sw_arena_copy(a, sw_buffer_bytes(&answer)); /* texts are views of it */
    if (kept.data == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a quote");
    return sw_answer_read(a, kept, report, &m->compose, out, err);
}

static sw_status evidence_make(sw_machine *m, const sw_report_data *report, sw_evidence *e,
                               sw_buffer *evidence, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 16 * SW_EVIDENCE_LIMIT};
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_EVIDENCE_LIMIT);
    SW_TRY(sw_machine_quote(m, report, &a, e, err));
    SW_TRY(m->kind->collateral(m->self, e->quote, &e->collateral, err));
    SW_TRY(sw_evidence_encode(e, &made, err));
    sw_put_bytes(evidence, sw_buffer_bytes(&made));
    return sw_buffer_check(evidence, "the evidence", err);
}

sw_status sw_machine_evidence(sw_machine *m, const sw_report_data *report, sw_buffer *evidence,
                              sw_error *err) {
    sw_evidence e = {0};
    return evidence_make(m, report, &e, evidence, err);
}

/* ---- evidence of a channel, with GPUs ---- */
/* How many of the devices are no switches; their reports are looked at before they are handed on.
 */
static sw_status gpus_count(const sw_gpu_device *devices, size_t count, size_t *gpus,
                            sw_error *err) {
    sw_gpu_report report;
    *gpus = 0;
    for (size_t i = 0; i < count; i++) {
        SW_TRY(sw_gpu_report_parse(devices[i].report, &report, err));
        *gpus += !report.is_switch;
    }
    return SW_OK;
}

/* Into `devices` of SW_GPU_LIMIT places; nothing of a machine whose kind has none. */
static sw_status gpus_ask(sw_machine *m, const sw_channel_binding *b, size_t expected, sw_arena *a,
                          sw_gpu_device *devices, size_t *count, sw_error *err) {
    size_t gpus;
    sw_hash nonce;
    sw_gpu_nonce(&nonce, &b->challenge, &b->own_tls);
    *count = 0;
    if (m->kind->gpus != NULL) SW_TRY(m->kind->gpus(m->self, &nonce, a, devices, count, err));
    SW_TRY(gpus_count(devices, *count, &gpus, err));
    if (gpus != expected)
        return sw_fail(err, SW_REFUSED, "policy",
                       "the recipe asks for %zu GPUs and this machine has %zu", expected, gpus);
    return SW_OK;
}

sw_status sw_machine_channel_evidence(sw_machine *m, const sw_channel_binding *binding,
                                      const sw_gpu_policy *policy, sw_buffer *evidence,
                                      sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 16 * SW_EVIDENCE_LIMIT};
    SW_SCOPED(sw_buffer) list = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_gpu_device devices[SW_GPU_LIMIT];
    sw_channel_binding complete = *binding;
    sw_report_data report;
    sw_evidence e = {.gpus = devices};
    SW_CHECK(err, binding->gpu_evidence.size == 0 && policy->count <= SW_GPU_LIMIT);
    if (policy->count > 0) {
        SW_TRY(gpus_ask(m, binding, policy->count, &a, devices, &e.gpu_count, err));
        const sw_gpu_need need = {devices, e.gpu_count, policy};
        SW_TRY(m->kind->gpu_collateral(m->self, &need, &a, &e.gpu_collateral, err));
    }
    SW_TRY(sw_gpu_list_encode(devices, e.gpu_count, &list, err));
    complete.gpu_evidence = sw_buffer_bytes(&list);
    SW_TRY(sw_report_channel(&report, &complete, err));
    return evidence_make(m, &report, &e, evidence, err);
}
