/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json, generation_config.json and adapter_config.json: what parses keeps to its ranges.
 */
#include "fuzz.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sw_model_config c;
    sw_arena arena = {.limit_bytes = (size_t)16 << 20};
    sw_adapter adapter = {.pair_count = 1};
    const sw_model_file files[] = {{"adapter_config.json", SW_BYTES(data, size)},
                                   {"adapter_model.safetensors", SW_BYTES(data, size)}};
    if (sw_model_config_parse(SW_BYTES(data, size), &c, NULL) == SW_OK) {
        FUZZ_REQUIRE(c.head_dim > 0 && c.head_dim % 2 == 0);
        FUZZ_REQUIRE(c.num_key_value_heads > 0 &&
                     c.num_attention_heads % c.num_key_value_heads == 0);
        FUZZ_REQUIRE(c.num_hidden_layers > 0 && c.rms_norm_eps > 0 && c.rope.theta >= 1);
        FUZZ_REQUIRE(c.family != NULL && (c.sliding_window == 0 || c.family->sliding_window > 0));
        FUZZ_REQUIRE(c.rope.kind != SW_ROPE_LLAMA3 ||
                     c.rope.low_freq_factor < c.rope.high_freq_factor);
    }
    const sw_model_config config = {.ends = {.ids = {7}, .count = 1}};
    sw_token_ends ends;
    if (sw_model_ends(SW_BYTES(data, size), &config, &ends, NULL) == SW_OK)
        FUZZ_REQUIRE(ends.count <= (ends.listed ? SW_MODEL_END_LIMIT : 1));
    FUZZ_REQUIRE(sw_adapter_read(&arena, files, 2, &adapter, NULL) != SW_OK);
    FUZZ_REQUIRE(adapter.pairs == NULL && adapter.pair_count == 1);
    sw_arena_free(&arena);
    return 0;
}
