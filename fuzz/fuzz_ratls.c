/* SPDX-License-Identifier: Apache-2.0
 *
 * RA-TLS certificates as DER and chains as PEM: a certificate that is read is bound to its quote,
 * and a chain that holds ends in the named root, here the root that stands in it.
 */
#include "attest/dstack_internal.h"
#include "codec/text.h"
#include "fuzz.h"

#include <string.h>

#define NOW_MS (INT64_C(1790000000) * 1000)

static void read_leaf(sw_arena *a, const sw_cert *cert) {
    sw_ratls_facts f;
    sw_report_data report;
    if (sw_ratls_read(a, cert, &f, NULL) != SW_OK) return;
    sw_ratls_report(&report, &f.key);
    FUZZ_REQUIRE(memcmp(report.b, f.attestation.report_data, sizeof report.b) == 0);
    FUZZ_REQUIRE(f.usage.size <= SW_DSTACK_TEXT_LIMIT);
}

/* The last certificate's hash: the fuzzer has no anchor, so it takes the one that is there. */
static sw_status last_hash(void *context, sw_bytes der, sw_error *err) {
    (void)err;
    sw_sha256(context, der);
    return SW_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)64 << 20};
    sw_bytes input = SW_BYTES(data, size);
    sw_cert *cert = NULL;
    if (sw_cert_parse(input, &cert, NULL) == SW_OK) {
        read_leaf(&a, cert);
        sw_cert_free(&cert);
        return 0;
    }
    sw_ratls_chain chain;
    sw_ratls_anchor anchor = {0};
    FUZZ_REQUIRE(sw_ratls_chain_verify(&a, input, &anchor, NOW_MS, &chain, NULL) != SW_OK);
    if (sw_pem_decode(input, "CERTIFICATE", SW_DSTACK_CHAIN_LIMIT, last_hash, &anchor.hash, NULL) !=
        SW_OK)
        return 0;
    if (sw_ratls_chain_verify(&a, input, &anchor, NOW_MS, &chain, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(chain.count == 2 || (chain.count == 3 && chain.has_app_id));
    read_leaf(&a, chain.certs[0]);
    sw_ratls_chain_free(&chain);
    return 0;
}
