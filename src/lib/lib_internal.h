/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the installed interface share. Contracts: include/sealwright.h.
 */
#ifndef SW_LIB_INTERNAL_H
#define SW_LIB_INTERNAL_H
#include "identity/identity.h"
#include "seal/container.h"

struct sealwright_identity {
    sw_entropy entropy;
    sw_identity *identity;
};

/* 0: one per processor. */
SW_NODISCARD sw_status sw_lib_threads(size_t asked, size_t *lanes, sw_error *err);
void sw_lib_dataset(sealwright_dataset *out, const sw_hash *owner, const char *media_type,
                    const sw_container_trailer *trailer);
#endif
