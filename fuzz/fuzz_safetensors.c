/* SPDX-License-Identifier: Apache-2.0
 *
 * What parses covers its data exactly, and is written and read again as the same tensors.
 */
#include "fuzz.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) arena = {.limit_bytes = (size_t)64 << 20};
    SW_SCOPED(sw_buffer) out = SW_BUFFER((size_t)64 << 20);
    sw_tensor_view *tensors = NULL, *again = NULL;
    size_t count = 0, other = 0;
    if (sw_safetensors_parse(&arena, SW_BYTES(data, size), &tensors, &count, NULL) != SW_OK)
        return 0;
    for (size_t i = 0; i < count; i++)
        FUZZ_REQUIRE(tensors[i].data.data >= data &&
                     tensors[i].data.data + tensors[i].data.size <= data + size);
    FUZZ_REQUIRE(sw_safetensors_encode(&out, tensors, count, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_safetensors_parse(&arena, sw_buffer_bytes(&out), &again, &other, NULL) ==
                 SW_OK);
    FUZZ_REQUIRE(count == other);
    return 0;
}
