/* SPDX-License-Identifier: Apache-2.0
 *
 * Private keys in PEM. No passphrase is given, so an encrypted key is parsed up to its costs and
 * computes nothing. A plain key that is accepted encodes to a form that decodes to the same secret.
 */
#include "crypto/crypto.h"
#include "fuzz.h"

#include <string.h>

static sw_status fill_zero(void *context, void *out, size_t size, sw_error *err) {
    (void)context;
    (void)err;
    memset(out, 0, size);
    return SW_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t untouched[32] = {0x77};
    uint8_t secret[32], again[32];
    sw_bytes input = SW_BYTES(data, size), none = {0};
    memcpy(secret, untouched, sizeof secret);
    sw_status status = sw_pkcs8_decode(input, none, secret, NULL);
    if (status != SW_OK) {
        FUZZ_REQUIRE(memcmp(secret, untouched, sizeof secret) == 0);
        return 0;
    }
    FUZZ_REQUIRE(!sw_pkcs8_is_encrypted(input));
    const sw_entropy e = {fill_zero, NULL};
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(4096);
    FUZZ_REQUIRE(sw_pkcs8_encode(&pem, secret, none, &e, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_pkcs8_decode(sw_buffer_bytes(&pem), none, again, NULL) == SW_OK);
    FUZZ_REQUIRE(memcmp(secret, again, sizeof secret) == 0);
    return 0;
}
