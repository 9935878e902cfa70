/* SPDX-License-Identifier: Apache-2.0
 *
 * OCSP answers about one certificate of a CA whose keys are fixed (the seeds are its): what is
 * taken has a state, a reason and dates around the time of asking, and is not taken outside of
 * them.
 */
#include "crypto/ocsp.h"
#include "fuzz.h"

#include <string.h>

#define NOW (INT64_C(1790000000) * 1000)
#define DAY ((int64_t)86400 * 1000)

static sw_cert *make(const char *name, uint64_t serial, uint8_t fill, const sw_cert *issuer) {
    const sw_cert_plan plan = {.common_name = name,
                               .serial = serial,
                               .not_before_ms = NOW - 900 * DAY,
                               .not_after_ms = NOW + 900 * DAY,
                               .ca = issuer == NULL};
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    uint8_t secret[32], signing[32];
    sw_p256_public key;
    sw_cert *cert = NULL;
    memset(secret, fill, sizeof secret);
    memset(signing, 0x11, sizeof signing);
    FUZZ_REQUIRE(sw_p256_derive(secret, &key, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_cert_make(&plan, &key, issuer, signing, &der, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_cert_parse(sw_buffer_bytes(&der), &cert, NULL) == SW_OK);
    return cert;
}

static sw_status ask(sw_bytes answer, const sw_cert *leaf, const sw_cert *issuer, int64_t at) {
    sw_ocsp_verdict v;
    return sw_ocsp_verify(answer, leaf, issuer, at, &v, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sw_cert *issuer, *leaf;
    if (issuer == NULL) issuer = make("Fuzzed CA", 1, 0x11, NULL);
    if (leaf == NULL) leaf = make("Fuzzed leaf", 77, 0x22, issuer);
    sw_bytes input = SW_BYTES(data, size);
    sw_ocsp_verdict v;
    if (sw_ocsp_verify(input, leaf, issuer, NOW, &v, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(v.state == SW_OCSP_GOOD || v.state == SW_OCSP_REVOKED ||
                 v.state == SW_OCSP_UNKNOWN);
    FUZZ_REQUIRE(v.state == SW_OCSP_REVOKED ? v.reason >= -1 && v.reason <= 10 : v.reason == -1);
    FUZZ_REQUIRE(v.this_update_ms <= NOW && NOW < v.next_update_ms);
    FUZZ_REQUIRE(ask(input, leaf, issuer, v.this_update_ms - 1) == SW_REFUSED);
    FUZZ_REQUIRE(ask(input, leaf, issuer, v.next_update_ms) == SW_REFUSED);
    FUZZ_REQUIRE(ask(SW_BYTES(data, size - 1), leaf, issuer, NOW) != SW_OK);
    return 0;
}
