/* SPDX-License-Identifier: Apache-2.0
 *
 * The families: one row each of what differs between models that share one forward pass
 * (docs/formats/model.md, MODEL-020). The defaults are those of transformers' configuration
 * classes, the members of `off` what those classes read and the engine does not compute.
 */
#include "model/model_internal.h"

static const sw_model_family families[] = {
    {.model_type = "llama",
     .architecture = "LlamaForCausalLM",
     .gguf = "llama",
     .permuted = true,
     .off = {"attention_bias", "mlp_bias"},
     .max_position_embeddings = 2048},
    {.model_type = "mistral", /* GGUF calls it llama */
     .architecture = "MistralForCausalLM",
     .off = {"attention_bias", "mlp_bias"},
     .max_position_embeddings = 131072,
     .num_key_value_heads = 8,
     .sliding_window = 4096},
    {.model_type = "qwen2",
     .architecture = "Qwen2ForCausalLM",
     .gguf = "qwen2",
     .qkv_bias = true,
     .off = {"use_sliding_window"},
     .max_position_embeddings = 32768,
     .num_key_value_heads = 32},
};

const sw_model_family *sw_model_family_find(sw_bytes name, bool gguf) {
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        const char *own = gguf ? families[i].gguf : families[i].model_type;
        if (own != NULL && sw_bytes_is(name, own)) return &families[i];
    }
    return NULL;
}

size_t sw_layer_tensors(const sw_model_config *config) {
    return config->family->qkv_bias ? SW_LAYER_TENSORS : SW_LAYER_TENSORS - SW_LAYER_BIASES;
}

size_t sw_end_tensors(const sw_model_config *config) {
    return config->tie_word_embeddings ? SW_END_TENSORS - 1 : SW_END_TENSORS;
}
