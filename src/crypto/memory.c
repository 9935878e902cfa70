/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenSSL's own secure heap: private scalars that OpenSSL holds while it computes lie there, locked
 * and left out of core files.
 *
 * The heap belongs to the process, so the program's main switches it on; the library works without
 * it, then those scalars are wiped after use but not locked.
 */
#include "crypto/crypto_internal.h"

#include <openssl/crypto.h>

#define HEAP_BYTES    ((size_t)256 << 10)
#define HEAP_MINIMUM  32 /* bytes of the smallest piece: one scalar */
#define HEAP_UNLOCKED 2  /* CRYPTO_secure_malloc_init: made, but mlock failed */

sw_status sw_crypto_lock_heap(sw_error *err) {
    if (CRYPTO_secure_malloc_initialized() == 1) return SW_OK;
    int made = CRYPTO_secure_malloc_init(HEAP_BYTES, HEAP_MINIMUM);
    if (made == 1) return SW_OK;
    if (made == HEAP_UNLOCKED) (void)CRYPTO_secure_malloc_done();
    return sw_openssl_refused(err, SW_MEMORY, "memory", "no lockable memory for private keys");
}
