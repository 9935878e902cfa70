/* SPDX-License-Identifier: Apache-2.0
 *
 * What tdx and dstack share: collateral in hand while it is valid, and a clock of the processor's
 * own (MCH-090 to MCH-094).
 */
#include "machine/machine_internal.h"
#include "sys/files.h"

#include <string.h>

#define CLOCKSOURCE_PATH "/sys/devices/system/clocksource/clocksource0/current_clocksource"

/* Leases are counted by the steady clock. Where that is a page of the hypervisor's the host could
 * turn it back; the TSC of a TD is kept by the TDX module. */
static sw_status clock_check(const char *path, sw_error *err) {
    SW_SCOPED(sw_buffer) name = SW_BUFFER(64);
    SW_TRY(sw_file_read(path, 63, &name, err));
    if (sw_bytes_equal(sw_buffer_bytes(&name), SW_LITERAL("tsc\n"))) return SW_OK;
    sw_status status =
        sw_fail(err, SW_REFUSED, "unsupported",
                "the kernel's time does not come from the TSC, so the host could turn it");
    sw_error_hint(err, "boot the guest with clocksource=tsc");
    return status;
}

sw_status sw_real_begin(sw_real *r, const sw_boot *boot, sw_error *err) {
    const sw_collateral_source *source = boot->places->collateral;
    const char *path = boot->places->clocksource_path;
    r->clocksource_path = path == NULL ? CLOCKSOURCE_PATH : path;
    SW_TRY(clock_check(r->clocksource_path, err));
    r->clock = *boot->clock;
    r->nvml_library = boot->places->nvml_library;
    if (source != NULL)
        r->source = *source;
    else
        r->source.clock = *boot->clock;
    if (boot->places->policy != NULL) {
        r->source.minimum_evaluation_number = boot->places->policy->minimum_evaluation_number;
        r->source.max_age_ms = boot->places->policy->collateral_max_age_ms;
    }
    return SW_OK;
}

void sw_real_end(sw_real *r) {
    sw_arena_free(&r->arena);
}

static sw_status collateral_renew(sw_real *r, sw_bytes quote, sw_error *err) {
    sw_arena fresh = {.limit_bytes = (size_t)64 << 20};
    sw_status status =
        sw_collateral_fetch(&r->source, &fresh, quote, &r->collateral, &r->until_ms, err);
    sw_arena old = r->arena;
    r->arena = status == SW_OK ? fresh : old;
    r->has_collateral = r->has_collateral || status == SW_OK;
    sw_arena_free(status == SW_OK ? &old : &fresh);
    return status;
}

sw_status sw_real_collateral(sw_real *r, sw_bytes quote, sw_collateral *out, sw_error *err) {
    if (!r->has_collateral || r->clock.wall_ms(r->clock.context) >= r->until_ms)
        SW_TRY(collateral_renew(r, quote, err));
    *out = r->collateral;
    return SW_OK;
}

/* A kernel that distrusts the TSC takes another source while it runs, and nobody knows what the
 * clock has missed then: every lease is over, for good. */
int64_t sw_real_counter(sw_real *r) {
    r->clock_lost = r->clock_lost || clock_check(r->clocksource_path, NULL) != SW_OK;
    return r->clock_lost ? SW_COUNTER_LOST : r->clock.steady_ms(r->clock.context);
}

sw_status sw_real_gpus(const sw_real *r, const sw_hash *nonce, sw_arena *a, sw_gpu_device *out,
                       size_t *count, sw_error *err) {
    return sw_nvml_collect(r->nvml_library, nonce, a, out, SW_GPU_LIMIT, count, err);
}

sw_status sw_real_gpu_collateral(const sw_real *r, const sw_gpu_need *need, sw_arena *a,
                                 sw_gpu_collateral *out, sw_error *err) {
    sw_collateral_source source = r->source;
    source.ocsp_max_age_ms = need->policy->ocsp_max_age_ms;
    source.rim_max_age_ms = need->policy->rim_max_age_ms;
    return sw_gpu_collateral_fetch(&source, a, need->devices, need->count, out, NULL, err);
}
