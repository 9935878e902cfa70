/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence in the forms that other tools pass around: collateral as dcap-qvl keeps it, NVIDIA's
 * lists of devices, and what is explained of tokens, certificates and documents.
 */
#include "attest/explain.h"
#include "attest/gpu.h"
#include "fuzz.h"

static void explain(sw_bytes input) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER((size_t)16 << 20);
    (void)sw_tokens_explain(input, &text, NULL);
    (void)sw_certificates_explain(input, &text, NULL);
    (void)sw_document_explain(input, true, &text, NULL);
    (void)sw_document_explain(input, false, &text, NULL);
    (void)sw_quote_explain(input, &text, NULL);
    for (size_t i = 0; i < text.size; i++)
        FUZZ_REQUIRE(text.data[i] == '\n' || (text.data[i] >= 0x20 && text.data[i] < 0x7f));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)64 << 20};
    sw_bytes input = SW_BYTES(data, size);
    sw_collateral c = {0};
    sw_gpu_device devices[SW_GPU_LIMIT];
    size_t count = 0;
    if (sw_collateral_from_qvl(&a, input, &c, NULL) == SW_OK)
        FUZZ_REQUIRE(c.pck_crl.size <= SW_REVOCATION_LIMIT &&
                     c.tcb_info.text.size <= SW_TCB_INFO_LIMIT &&
                     c.qe_identity.issuer_chain.size <= SW_ISSUER_CHAIN_LIMIT);
    if (sw_gpu_nvidia_list_parse(&a, input, devices, SW_GPU_LIMIT, &count, NULL) == SW_OK)
        FUZZ_REQUIRE(count > 0 && count <= SW_GPU_LIMIT);
    explain(input);
    return 0;
}
