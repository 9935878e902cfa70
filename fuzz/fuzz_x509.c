/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever parses as a certificate or a revocation list keeps its bytes and can be read in full;
 * nothing of it verifies against a pinned root that it is not.
 */
#include "crypto/x509.h"
#include "fuzz.h"

#include <string.h>

static const char *const oids[] = {"2.5.29.14", "2.5.29.15", "2.5.29.19", "2.5.29.35",
                                   "1.2.840.113741.1.13.1"};

static void read_cert(const sw_cert *cert, sw_bytes input) {
    char name[65];
    int64_t from = 0, until = 0;
    sw_p256_public key;
    FUZZ_REQUIRE(sw_bytes_equal(sw_cert_der(cert), input));
    if (sw_cert_common_name(cert, name, sizeof name, NULL) == SW_OK)
        FUZZ_REQUIRE(strlen(name) < sizeof name);
    if (sw_cert_key(cert, &key, NULL) == SW_OK) FUZZ_REQUIRE(sw_p256_check(&key, NULL) == SW_OK);
    sw_cert_validity(cert, &from, &until);
    for (size_t i = 0; i < sizeof oids / sizeof oids[0]; i++) {
        sw_bytes value;
        if (sw_cert_extension(cert, oids[i], &value, NULL) == SW_OK)
            FUZZ_REQUIRE(value.size <= input.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t anchor[] = {0x30, 0x00};
    sw_bytes input = SW_BYTES(data, size);
    sw_cert *cert = NULL;
    sw_crl *crl = NULL;
    if (sw_cert_parse(input, &cert, NULL) == SW_OK) {
        sw_cert *chain[] = {cert, cert};
        read_cert(cert, input);
        FUZZ_REQUIRE(sw_chain_verify(chain, 2, SW_BYTES_OF(anchor), NULL, 0, 0, NULL) != SW_OK);
        FUZZ_REQUIRE(sw_chain_verify(chain, 2, input, NULL, 0, 0, NULL) != SW_OK);
        sw_cert_free(&cert);
    }
    if (sw_crl_parse(input, &crl, NULL) == SW_OK) {
        int64_t from = 0, until = 0;
        sw_crl_validity(crl, &from, &until);
        sw_crl_free(&crl);
    }
    FUZZ_REQUIRE(cert == NULL && crl == NULL);
    return 0;
}
