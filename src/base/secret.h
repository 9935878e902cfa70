/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets: memory that is locked, left out of core files, not inherited wiped-less by children, and
 * zeroised when freed.
 *
 * sw_secret_alloc maps whole pages with a guard page on both sides, mlock, MADV_DONTDUMP and
 * MADV_WIPEONFORK. It fails rather than hand out memory that could not be locked. Every role of key
 * is its own type, made by SW_SECRET_ROLE: the wrong key does not compile.
 */
#ifndef SW_BASE_SECRET_H
#define SW_BASE_SECRET_H

#include "base/bytes.h"

SW_NODISCARD void *sw_secret_alloc(size_t size); /* zeroed; NULL when it cannot be locked */
void sw_secret_release(void *memory);            /* wipes and unmaps; NULL allowed */
/* From a thread that is about to end the process: wipes what another may be using. That one never
 * reads the wiped bytes as its key, which would seal under a key that everybody knows: it dies at
 * the touch. Nothing else is done with `memory` after this. NULL allowed. */
void sw_secret_withdraw(void *memory);
void sw_wipe(void *memory, size_t size);                         /* never optimised away */
bool sw_secret_equal(const void *a, const void *b, size_t size); /* constant time */

/* SW_SECRET_ROLE(sw_data_key, 32) declares struct sw_data_key { uint8_t b[32]; }, sw_data_key
 * *sw_data_key_new(void) (NULL on failure) and sw_data_key_drop(sw_data_key **), for
 * SW_SCOPED_SECRET(sw_data_key) key = sw_data_key_new(); */
#define SW_SECRET_ROLE(name, count)                                                                \
    typedef struct name {                                                                          \
        uint8_t b[count];                                                                          \
    } name;                                                                                        \
    static inline name *name##_new(void) {                                                         \
        return (name *)sw_secret_alloc(sizeof(name));                                              \
    }                                                                                              \
    static inline void name##_drop(name **held) {                                                  \
        sw_secret_release(*held);                                                                  \
        *held = NULL;                                                                              \
    }
#define SW_SCOPED_SECRET(name) __attribute__((cleanup(name##_drop))) name *

/* Roles that more than one room handles (DESIGN section 3). */
SW_SECRET_ROLE(sw_data_key, 32)      /* encrypts one container */
SW_SECRET_ROLE(sw_unlock_secret, 32) /* an owner's psk for one app */
SW_SECRET_ROLE(sw_run_key, 32)       /* HKDF over all data keys of a recipe */
SW_SECRET_ROLE(sw_subkey, 32) /* HKDF-Expand(run key, label): checkpoint, output, noise, commit */
SW_SECRET_ROLE(sw_chain_key, 32) /* an owner's on a chain: secp256k1 scalar */
SW_SECRET_ROLE(sw_file_key, 32)  /* a key of the owner's folder: keyring, unlock secrets */

#endif
