/* SPDX-License-Identifier: Apache-2.0
 *
 * Names, and the table of a model's tensors: what HF calls each, what GGUF calls it, its
 * shape, and where its view goes.
 */
#include "model/model_internal.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define LAYER(member) offsetof(sw_model_layer, member)

const sw_tensor_plan sw_layer_plan[SW_LAYER_TENSORS] = {
    {"input_layernorm.weight", "attn_norm.weight", SW_SIZE_C, SW_SIZE_NONE, LAYER(input_layernorm),
     false},
    {"self_attn.q_proj.weight", "attn_q.weight", SW_SIZE_Q, SW_SIZE_C, LAYER(q_proj), true},
    {"self_attn.k_proj.weight", "attn_k.weight", SW_SIZE_K, SW_SIZE_C, LAYER(k_proj), true},
    {"self_attn.v_proj.weight", "attn_v.weight", SW_SIZE_K, SW_SIZE_C, LAYER(v_proj), false},
    {"self_attn.o_proj.weight", "attn_output.weight", SW_SIZE_C, SW_SIZE_Q, LAYER(o_proj), false},
    {"post_attention_layernorm.weight", "ffn_norm.weight", SW_SIZE_C, SW_SIZE_NONE,
     LAYER(post_attention_layernorm), false},
    {"mlp.gate_proj.weight", "ffn_gate.weight", SW_SIZE_F, SW_SIZE_C, LAYER(gate_proj), false},
    {"mlp.up_proj.weight", "ffn_up.weight", SW_SIZE_F, SW_SIZE_C, LAYER(up_proj), false},
    {"mlp.down_proj.weight", "ffn_down.weight", SW_SIZE_C, SW_SIZE_F, LAYER(down_proj), false},
    {"self_attn.q_proj.bias", "attn_q.bias", SW_SIZE_Q, SW_SIZE_NONE, LAYER(q_bias), true},
    {"self_attn.k_proj.bias", "attn_k.bias", SW_SIZE_K, SW_SIZE_NONE, LAYER(k_bias), true},
    {"self_attn.v_proj.bias", "attn_v.bias", SW_SIZE_K, SW_SIZE_NONE, LAYER(v_bias), false},
};

const sw_tensor_plan sw_end_plan[SW_END_TENSORS] = {
    {"model.embed_tokens.weight", "token_embd.weight", SW_SIZE_V, SW_SIZE_C,
     offsetof(sw_model, embed_tokens), false},
    {"model.norm.weight", "output_norm.weight", SW_SIZE_C, SW_SIZE_NONE, offsetof(sw_model, norm),
     false},
    {"lm_head.weight", "output.weight", SW_SIZE_V, SW_SIZE_C, offsetof(sw_model, lm_head), false},
};

static size_t size_of(sw_model_size size, const sw_model_config *c) {
    switch (size) {
    case SW_SIZE_C:
        return c->hidden_size;
    case SW_SIZE_F:
        return c->intermediate_size;
    case SW_SIZE_Q:
        return (size_t)c->num_attention_heads * c->head_dim;
    case SW_SIZE_K:
        return (size_t)c->num_key_value_heads * c->head_dim;
    case SW_SIZE_V:
        return c->vocab_size;
    case SW_SIZE_NONE:
        break;
    }
    return 0;
}

void sw_plan_shape(const sw_tensor_plan *plan, const sw_model_config *config, sw_tensor_view *out) {
    out->dim_count = plan->in == SW_SIZE_NONE ? 1 : 2;
    out->dims[0] = size_of(plan->out, config);
    out->dims[1] = size_of(plan->in, config);
}

const sw_model_file *sw_model_file_find(const sw_model_file *files, size_t count,
                                        const char *name) {
    for (size_t i = 0; i < count; i++)
        if (sw_bytes_is(sw_text(files[i].name), name)) return &files[i];
    return NULL;
}

void sw_put_json_text(sw_buffer *out, sw_bytes text) {
    const sw_json value = {.type = SW_JSON_STRING, .text = text};
    sw_json_encode(out, &value);
}

static void put_number(sw_buffer *out, double value, bool single) {
    char text[40];
    int digits = 0, most = single ? 9 : 17;
    double back;
    do {
        (void)snprintf(text, sizeof text, "%.*g", ++digits, value);
        back = strtod(text, NULL);
    } while (digits < most && (single ? (float)back != (float)value : back != value));
    /* Python writes 1e-05 and 100000.0 where others write 1e-5 and 100000. */
    bool fixed = back == 0 || (back >= 1e-4 && back < 1e16);
    if (fixed && back == (double)(int64_t)back)
        sw_put_format(out, "%.1f", back);
    else if (fixed)
        sw_put_format(out, "%.*g", digits, back);
    else
        sw_put_text(out, text);
}

void sw_put_json_single(sw_buffer *out, double value) {
    put_number(out, value, true);
}

void sw_put_json_double(sw_buffer *out, double value) {
    put_number(out, value, false);
}

int sw_tensor_name_compare(const void *a, const void *b) {
    return sw_bytes_compare(((const sw_tensor_view *)a)->name, ((const sw_tensor_view *)b)->name);
}
