/* SPDX-License-Identifier: Apache-2.0
 *
 * The installed interface: the library itself, and owners' folders. Contracts:
 * include/sealwright.h.
 */
#include "lib/lib_internal.h"
#include "sys/pool.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *sealwright_version(void) {
    return SEALWRIGHT_VERSION;
}

const char *sealwright_status_name(sw_status status) {
    static const char *const names[] = {
        "ok",     "usage", "malformed", "refused",     "unauthentic", "missing",
        "exists", "limit", "io",        "unavailable", "memory",      "internal",
    };
    size_t index = (size_t)status;
    return index < sizeof names / sizeof *names ? names[index] : "unknown";
}

sw_status sealwright_lock_heap(sw_error *err) {
    return sw_crypto_lock_heap(err);
}

sw_status sealwright_identity_make(const char *folder, const char *name, sealwright_passphrase ask,
                                   void *context, sw_error *err) {
    const sw_passphrase passphrase = {ask, context};
    sw_entropy entropy = sw_entropy_system();
    return sw_identity_make(folder, name, ask != NULL ? &passphrase : NULL, &entropy, err);
}

sw_status sealwright_identity_open(const char *folder, sealwright_passphrase ask, void *context,
                                   sealwright_identity **out, sw_error *err) {
    const sw_passphrase passphrase = {ask, context};
    if (folder == NULL) return sw_fail(err, SW_USAGE, "usage", "an identity's folder is missing");
    sealwright_identity *i = calloc(1, sizeof *i);
    if (i == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for an identity");
    i->entropy = sw_entropy_system();
    sw_status status =
        sw_identity_open(folder, ask != NULL ? &passphrase : NULL, &i->entropy, &i->identity, err);
    if (status == SW_OK)
        *out = i;
    else
        free(i);
    return status;
}

void sealwright_identity_close(sealwright_identity **identity) {
    if (*identity == NULL) return;
    sw_identity_close(&(*identity)->identity);
    free(*identity);
    *identity = NULL;
}

void sealwright_identity_id(const sealwright_identity *identity, uint8_t out[SEALWRIGHT_ID_BYTES]) {
    memcpy(out, sw_identity_card(identity->identity)->id.b, SEALWRIGHT_ID_BYTES);
}

/* ---- shared ---- */

sw_status sw_lib_threads(size_t asked, size_t *lanes, sw_error *err) {
    size_t processors = sw_cpu_count();
    if (asked > SW_SEAL_LANES)
        return sw_fail(err, SW_USAGE, "usage", "threads are 1 to %d, or 0 for all processors",
                       SW_SEAL_LANES);
    *lanes = asked > 0 ? asked : processors < SW_SEAL_LANES ? processors : SW_SEAL_LANES;
    return SW_OK;
}

void sw_lib_dataset(sealwright_dataset *out, const sw_hash *owner, const char *media_type,
                    const sw_container_trailer *trailer) {
    sealwright_dataset made = {
        .rows = trailer->rows, .bytes = trailer->plain_bytes, .chunks = trailer->chunk_count};
    static_assert(sizeof made.media_type > SW_MEDIA_TYPE_LIMIT, "a media type fits with its NUL");
    memcpy(made.id, trailer->root_id.b, sizeof made.id);
    memcpy(made.owner, owner->b, sizeof made.owner);
    memcpy(made.media_type, media_type, strnlen(media_type, SW_MEDIA_TYPE_LIMIT));
    *out = made;
}
