/* SPDX-License-Identifier: Apache-2.0
 *
 * The kind "dstack": the same TDX guest behind dstack's agent, from inside a container (MCH-110 to
 * MCH-114). The agent makes the quote and keeps RTMR3's log; both are compared before use.
 */
#include "machine/machine_internal.h"

#include <stdlib.h>
#include <string.h>

#define KEY_PATH    "sealwright/kms-root/v1"
#define KEY_PURPOSE "sealing"

SW_SECRET_ROLE(app_key, 32) /* what dstack derives for this app */

typedef struct dstack {
    sw_real real;
    sw_guest *guest;
    sw_hash compose;
    bool seals; /* the guest's keys follow from its measurements */
} dstack;

static void dstack_close(void *self) {
    dstack *d = self;
    sw_guest_close(&d->guest);
    sw_real_end(&d->real);
    free(d);
}

/* What the agent says of the compose: early words for people; the quote is what proves it. */
static sw_status compose_compare(const dstack *d, sw_error *err) {
    sw_hash claimed;
    sw_status status = sw_guest_compose(d->guest, &claimed, err);
    if (status == SW_MISSING) return SW_OK;
    SW_TRY(status);
    if (!sw_hash_equal(&claimed, &d->compose))
        return sw_fail(err, SW_REFUSED, "compose",
                       "this machine was booted with another app-compose than the one given");
    return SW_OK;
}

static sw_status dstack_load(dstack *d, const char *socket, const sw_boot *boot, sw_error *err) {
    sw_sha256(&d->compose, boot->app_compose);
    SW_TRY(sw_guest_open(socket, &d->guest, err));
    SW_TRY(sw_real_begin(&d->real, boot, err));
    SW_TRY(compose_compare(d, err));
    return sw_guest_keys_are_local(d->guest, &d->seals, err);
}

sw_status sw_dstack_boot(const char *socket, const sw_boot *boot, void **self, sw_error *err) {
    dstack *d = calloc(1, sizeof *d);
    if (d == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a machine");
    sw_status status = dstack_load(d, socket, boot, err);
    if (status == SW_OK)
        *self = d;
    else
        dstack_close(d);
    return status;
}

static sw_status dstack_quote(void *self, const sw_report_data *report, sw_buffer *answer,
                              sw_error *err) {
    return sw_guest_quote(((dstack *)self)->guest, report, answer, err);
}

static sw_status dstack_collateral(void *self, sw_bytes quote, sw_collateral *out, sw_error *err) {
    return sw_real_collateral(&((dstack *)self)->real, quote, out, err);
}

static bool dstack_seals(const void *self) {
    return ((const dstack *)self)->seals;
}

/* The local provider's key follows from MRTD and all RTMRs (MCH-112). */
static sw_status dstack_sealing_key(void *self, sw_file_key *out, sw_error *err) {
    const dstack *d = self;
    SW_SCOPED_SECRET(app_key) key = app_key_new();
    SW_SCOPED(sw_buffer) info = SW_BUFFER(256);
    if (key == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(sw_guest_key(d->guest, KEY_PATH, KEY_PURPOSE, key->b, err));
    sw_put_field(&info, SW_LITERAL("sealwright/dstack/sealing/v1"));
    sw_put_field(&info, SW_BYTES_OF(d->compose.b));
    SW_TRY(sw_buffer_check(&info, "the sealing key's info", err));
    return sw_hkdf(out->b, sizeof out->b, SW_BYTES_OF(key->b), (sw_bytes){0},
                   sw_buffer_bytes(&info), err);
}

static int64_t dstack_counter(void *self) {
    return sw_real_counter(&((dstack *)self)->real);
}

static sw_status dstack_gpus(void *self, const sw_hash *nonce, sw_arena *a, sw_gpu_device *out,
                             size_t *count, sw_error *err) {
    return sw_real_gpus(&((dstack *)self)->real, nonce, a, out, count, err);
}

static sw_status dstack_gpu_collateral(void *self, const sw_gpu_need *need, sw_arena *a,
                                       sw_gpu_collateral *out, sw_error *err) {
    return sw_real_gpu_collateral(&((dstack *)self)->real, need, a, out, err);
}

const sw_machine_kind sw_machine_dstack = {.platform = SW_PLATFORM_TDX,
                                           .quote = dstack_quote,
                                           .collateral = dstack_collateral,
                                           .sealing_key = dstack_sealing_key,
                                           .seals = dstack_seals,
                                           .counter_ms = dstack_counter,
                                           .close = dstack_close,
                                           .gpus = dstack_gpus,
                                           .gpu_collateral = dstack_gpu_collateral};
