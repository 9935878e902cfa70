/* SPDX-License-Identifier: Apache-2.0
 *
 * The kind "tdx": the TDX guest in which this process runs, by the kernel's own files (MCH-100 to
 * MCH-103).
 *
 * Who booted and with what app-compose was extended into RTMR3 by the measured init, which left its
 * log in a file. The file proves nothing; that it replays to RTMR3 does.
 */
#include "machine/machine_internal.h"
#include "sys/files.h"

#include <stdlib.h>
#include <string.h>

typedef struct tdx {
    sw_real real;
    sw_tsm tsm;
    sw_arena arena; /* of the log */
    const sw_event *events;
    size_t event_count;
} tdx;

static void tdx_close(void *self) {
    tdx *t = self;
    sw_real_end(&t->real);
    sw_arena_free(&t->arena);
    free(t);
}

/* ---- RTMR3's log ---- */
static sw_status log_load(tdx *t, const char *path, sw_error *err) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_RUNTIME_LOG_LIMIT);
    if (path == NULL) path = SW_RUNTIME_LOG_PATH;
    sw_status status = sw_file_read(path, SW_RUNTIME_LOG_LIMIT, &text, err);
    if (status == SW_MISSING)
        sw_error_hint(err, "the measured init of a TDX image keeps RTMR3's events there");
    SW_TRY(status);
    sw_bytes kept = sw_arena_copy(&t->arena, sw_buffer_bytes(&text));
    if (kept.data == NULL && text.size > 0)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for the event log");
    return sw_runtime_log_parse(&t->arena, kept, &t->events, &t->event_count, err);
}

/* Kernels before 6.16 do not show registers: each quote is compared in any case. */
static sw_status log_compare(const tdx *t, sw_error *err) {
    uint8_t there[SW_SHA384_BYTES], replayed[SW_SHA384_BYTES];
    sw_status status = sw_tsm_register(&t->tsm, SW_RUNTIME_EVENT_REGISTER, there, err);
    if (status == SW_MISSING) return SW_OK;
    SW_TRY(status);
    SW_TRY(sw_events_replay(t->events, t->event_count, replayed, err));
    if (memcmp(there, replayed, sizeof there) != 0)
        return sw_fail(err, SW_REFUSED, "evidence",
                       "the machine's event log does not replay to its RTMR3");
    return SW_OK;
}

static sw_status compose_compare(const tdx *t, sw_bytes app_compose, sw_error *err) {
    sw_hash booted, given;
    sw_status status = sw_events_compose(t->events, t->event_count, &booted, err);
    if (status != SW_OK)
        sw_error_hint(err, "the image's measured init says it before an app's code runs, with "
                           "attest extend: no recipe can be had from a machine without");
    SW_TRY(status);
    sw_sha256(&given, app_compose);
    if (!sw_hash_equal(&booted, &given))
        return sw_fail(err, SW_REFUSED, "compose",
                       "this machine was booted with another app-compose than the one given");
    return SW_OK;
}

/* ---- a machine ---- */
static sw_status tdx_load(tdx *t, const sw_boot *boot, sw_error *err) {
    t->arena.limit_bytes = 16 * SW_RUNTIME_LOG_LIMIT;
    t->tsm =
        boot->places->tsm == NULL ? sw_tsm_system(boot->clock, boot->entropy) : *boot->places->tsm;
    SW_TRY(sw_real_begin(&t->real, boot, err));
    SW_TRY(log_load(t, boot->places->events_path, err));
    SW_TRY(log_compare(t, err));
    return compose_compare(t, boot->app_compose, err);
}

sw_status sw_tdx_boot(const sw_boot *boot, void **self, sw_error *err) {
    tdx *t = calloc(1, sizeof *t);
    if (t == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a machine");
    sw_status status = tdx_load(t, boot, err);
    if (status == SW_OK)
        *self = t;
    else
        tdx_close(t);
    return status;
}

static sw_status tdx_quote(void *self, const sw_report_data *report, sw_buffer *answer,
                           sw_error *err) {
    const tdx *t = self;
    SW_SCOPED(sw_buffer) quote = SW_BUFFER(SW_QUOTE_LIMIT);
    SW_TRY(sw_tsm_quote(&t->tsm, report, &quote, err));
    const sw_answer made = {.quote = sw_buffer_bytes(&quote),
                            .report = report,
                            .events = t->events,
                            .event_count = t->event_count,
                            .vm_config = SW_LITERAL("{}")};
    return sw_answer_put(&made, answer, err);
}

static sw_status tdx_collateral(void *self, sw_bytes quote, sw_collateral *out, sw_error *err) {
    return sw_real_collateral(&((tdx *)self)->real, quote, out, err);
}

static int64_t tdx_counter(void *self) {
    return sw_real_counter(&((tdx *)self)->real);
}

static sw_status tdx_gpus(void *self, const sw_hash *nonce, sw_arena *a, sw_gpu_device *out,
                          size_t *count, sw_error *err) {
    return sw_real_gpus(&((tdx *)self)->real, nonce, a, out, count, err);
}

static sw_status tdx_gpu_collateral(void *self, const sw_gpu_need *need, sw_arena *a,
                                    sw_gpu_collateral *out, sw_error *err) {
    return sw_real_gpu_collateral(&((tdx *)self)->real, need, a, out, err);
}

const sw_machine_kind sw_machine_tdx = {.platform = SW_PLATFORM_TDX,
                                        .quote = tdx_quote,
                                        .collateral = tdx_collateral,
                                        .counter_ms = tdx_counter,
                                        .close = tdx_close,
                                        .gpus = tdx_gpus,
                                        .gpu_collateral = tdx_gpu_collateral};
