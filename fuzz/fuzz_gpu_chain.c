/* SPDX-License-Identifier: Apache-2.0
 *
 * Device chains and the firmware extensions of their leaves: what parses has five certificates and
 * is exactly its own encoding; a firmware id is found in one form alone.
 */
#include "attest/gpu_internal.h"
#include "codec/text.h"
#include "fuzz.h"

#include <string.h>

static void chain_check(const sw_gpu_chain *c, sw_bytes input) {
    SW_SCOPED(sw_buffer) again = SW_BUFFER(2 * SW_GPU_CHAIN_LIMIT);
    FUZZ_REQUIRE(c->count == SW_GPU_CHAIN_COUNT);
    FUZZ_REQUIRE(c->serial.size > 0 && c->serial.size <= sizeof c->serial.b);
    FUZZ_REQUIRE(strlen(c->model) < sizeof c->model && c->key.b[0] == 0x04);
    for (size_t i = 0; i < SW_GPU_CHAIN_COUNT; i++)
        sw_pem_encode(&again, "CERTIFICATE", sw_cert_der(c->certs[i]));
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&again), input));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sw_bytes input = SW_BYTES(data, size);
    uint8_t fwid[SW_SHA384_BYTES];
    sw_gpu_chain chain = {0};
    bool composite = sw_gpu_fwid_parse(input, false, fwid, NULL) == SW_OK;
    bool tcb_info = sw_gpu_fwid_parse(input, true, fwid, NULL) == SW_OK;
    FUZZ_REQUIRE(!composite || !tcb_info);
    if (sw_gpu_chain_parse(input, NULL, &chain, NULL) != SW_OK) return 0;
    chain_check(&chain, input);
    sw_gpu_chain_free(&chain);
    return 0;
}
