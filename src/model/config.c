/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json of a Llama-architecture model, in both spellings of transformers (MODEL-020 to
 * MODEL-029): rope_theta and rope_scaling, or rope_parameters.
 *
 * Members that the Llama class reads and that would change what is computed must have the value
 * that the engine computes with; members that it does not read are ignored.
 */
#include "model/model_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static sw_status refused(sw_error *err, const char *what) {
    return sw_fail(err, SW_REFUSED, "unsupported", "config.json: %s is not supported", what);
}

static sw_status malformed(sw_error *err, const char *name, const char *what) {
    return sw_fail(err, SW_MALFORMED, "format", "config.json: %s %s", name, what);
}

static const sw_json *present(const sw_json *object, const char *name) {
    const sw_json *m = sw_json_member(object, name);
    return m == NULL || m->type == SW_JSON_NULL ? NULL : m;
}

/* ---- what must be one thing ---- */

static bool is_off(const sw_json *v) {
    return v == NULL || (v->type == SW_JSON_BOOL && !v->boolean);
}

static bool is_number(const sw_json *v, double wanted) {
    return v == NULL || (v->type == SW_JSON_NUMBER && v->number == wanted);
}

static bool is_one_of(const sw_json *v, const char *const *words) {
    if (v == NULL) return true;
    for (; v->type == SW_JSON_STRING && *words != NULL; words++)
        if (sw_bytes_is(v->text, *words)) return true;
    return false;
}

static sw_status check_architecture(const sw_json *root, sw_model_config *out, sw_error *err) {
    static const char *const classes[] = {"LlamaForCausalLM", "MistralForCausalLM", NULL};
    static const char *const types[] = {"llama", "mistral", NULL};
    char shown[SW_SHOWN_NAME_BYTES], message[SW_SHOWN_NAME_BYTES + 16];
    const sw_json *type = present(root, "model_type"), *list = present(root, "architectures");
    if (type == NULL || type->type != SW_JSON_STRING)
        return malformed(err, "model_type", "is missing");
    if (!is_one_of(type, types)) {
        (void)snprintf(message, sizeof message, "model_type %s", sw_shown_name(shown, type->text));
        return refused(err, message);
    }
    if (list != NULL &&
        (list->type != SW_JSON_ARRAY || list->count != 1 || !is_one_of(list->first, classes)))
        return refused(err, "architectures other than LlamaForCausalLM or MistralForCausalLM");
    memcpy(out->model_type, type->text.data, type->text.size);
    out->model_type[type->text.size] = 0;
    return SW_OK;
}

static sw_status check_fixed(const sw_json *root, const sw_model_config *config, sw_error *err) {
    static const char *const silu[] = {"silu", NULL};
    if (!is_one_of(present(root, "hidden_act"), silu)) return refused(err, "hidden_act");
    if (!is_off(present(root, "attention_bias"))) return refused(err, "attention_bias");
    if (!is_off(present(root, "mlp_bias"))) return refused(err, "mlp_bias");
    if (!is_number(present(root, "attention_dropout"), 0)) return refused(err, "attention_dropout");
    if (!is_number(present(root, "pretraining_tp"), 1)) return refused(err, "pretraining_tp");
    if (present(root, "quantization_config") != NULL) return refused(err, "quantization_config");
    bool mistral = strcmp(config->model_type, "mistral") == 0;
    const sw_json *window = sw_json_member(root, "sliding_window");
    if (mistral && (window == NULL || window->type != SW_JSON_NULL))
        return refused(err, "sliding_window (of mistral, unless it is null)");
    return SW_OK;
}

/* ---- numbers ---- */

typedef struct count_field {
    const char *name;
    size_t place;
    uint32_t fallback; /* 0: required */
    uint32_t limit;
} count_field;

static sw_status read_count(const sw_json *root, const count_field *f, sw_model_config *out,
                            sw_error *err) {
    const sw_json *m = present(root, f->name);
    uint32_t value = f->fallback;
    if (m == NULL && f->fallback == 0) return malformed(err, f->name, "is missing");
    if (m != NULL) {
        if (m->type != SW_JSON_NUMBER || !m->integral || m->integer < 1)
            return malformed(err, f->name, "is not a positive whole number");
        if (m->integer > f->limit)
            return sw_fail(err, SW_LIMIT, "limit", "config.json: %s is above %u", f->name,
                           f->limit);
        value = (uint32_t)m->integer;
    }
    memcpy((char *)out + f->place, &value, sizeof value);
    return SW_OK;
}

#define AT(member) offsetof(sw_model_config, member)

static sw_status read_counts(const sw_json *root, sw_model_config *out, sw_error *err) {
    static const count_field required[] = {
        {"hidden_size", AT(hidden_size), 0, SW_MODEL_SIZE_LIMIT},
        {"intermediate_size", AT(intermediate_size), 0, SW_MODEL_SIZE_LIMIT},
        {"num_hidden_layers", AT(num_hidden_layers), 0, SW_MODEL_LAYER_LIMIT},
        {"num_attention_heads", AT(num_attention_heads), 0, 4096},
        {"vocab_size", AT(vocab_size), 0, SW_MODEL_SIZE_LIMIT},
        {"max_position_embeddings", AT(max_position_embeddings), 2048, UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        SW_TRY(read_count(root, &required[i], out, err));
    const count_field derived[] = {
        {"num_key_value_heads", AT(num_key_value_heads), out->num_attention_heads, 4096},
        {"head_dim", AT(head_dim), out->hidden_size / out->num_attention_heads, 4096},
    };
    for (size_t i = 0; i < sizeof derived / sizeof derived[0]; i++)
        SW_TRY(read_count(root, &derived[i], out, err));
    return SW_OK;
}

static sw_status read_real(const sw_json *m, const char *name, double low, double high, double *out,
                           sw_error *err) {
    if (m == NULL) return SW_OK;
    if (m->type != SW_JSON_NUMBER || !(m->number >= low) || !(m->number <= high))
        return malformed(err, name, "is not a number in its range");
    *out = m->number;
    return SW_OK;
}

/* ---- rotary embedding: the plain kind only ---- */

static sw_status check_rope_kind(const sw_json *rope, const char *where, sw_error *err) {
    static const char *const plain[] = {"default", NULL};
    if (rope == NULL) return SW_OK;
    if (rope->type != SW_JSON_OBJECT) return malformed(err, where, "is not an object");
    if (!is_one_of(present(rope, "rope_type"), plain) || !is_one_of(present(rope, "type"), plain) ||
        !is_number(present(rope, "partial_rotary_factor"), 1))
        return refused(err, where);
    return SW_OK;
}

static sw_status read_rope(const sw_json *root, sw_model_config *out, sw_error *err) {
    const sw_json *old = present(root, "rope_theta"), *rope = present(root, "rope_parameters");
    const sw_json *new = present(rope, "rope_theta");
    SW_TRY(check_rope_kind(present(root, "rope_scaling"), "rope_scaling", err));
    SW_TRY(check_rope_kind(rope, "rope_parameters", err));
    if (!is_off(present(root, "rope_interleaved"))) return refused(err, "rope_interleaved");
    if (!is_number(present(root, "partial_rotary_factor"), 1))
        return refused(err, "partial_rotary_factor");
    out->rope_theta = 10000;
    SW_TRY(read_real(old, "rope_theta", 1, 1e12, &out->rope_theta, err));
    double theta = out->rope_theta;
    SW_TRY(read_real(new, "rope_parameters.rope_theta", 1, 1e12, &theta, err));
    if (old != NULL && theta != out->rope_theta)
        return malformed(err, "rope_theta", "is not what rope_parameters says");
    out->rope_theta = theta;
    return SW_OK;
}

/* An id, the first of a list of ids, or none. */
static sw_status read_id(const sw_json *root, const char *name, uint32_t *out, sw_error *err) {
    const sw_json *m = present(root, name);
    *out = UINT32_MAX;
    if (m != NULL && m->type == SW_JSON_ARRAY) m = m->first;
    if (m == NULL) return SW_OK;
    if (m->type != SW_JSON_NUMBER || !m->integral || m->integer < 0 || m->integer >= UINT32_MAX)
        return malformed(err, name, "is not a token id");
    *out = (uint32_t)m->integer;
    return SW_OK;
}

sw_status sw_model_config_check(const sw_model_config *c, sw_error *err) {
    if (c->head_dim == 0 || c->head_dim % 2 != 0)
        return malformed(err, "head_dim", "is not a positive even number");
    if (c->num_key_value_heads == 0 || c->num_attention_heads % c->num_key_value_heads != 0)
        return malformed(err, "num_attention_heads", "is no multiple of num_key_value_heads");
    if (c->vocab_size < 2) return malformed(err, "vocab_size", "is below 2");
    return SW_OK;
}

sw_status sw_model_config_parse(sw_bytes config_json, sw_model_config *out, sw_error *err) {
    const sw_json_limits limits = {SW_MODEL_CONFIG_LIMIT, 16, 65536};
    SW_SCOPED(sw_arena) arena = {0};
    sw_json *root;
    sw_model_config c = {.rms_norm_eps = 1e-6};
    SW_TRY(sw_json_parse(&arena, config_json, &limits, &root, err));
    SW_TRY(check_architecture(root, &c, err));
    SW_TRY(check_fixed(root, &c, err));
    SW_TRY(read_counts(root, &c, err));
    SW_TRY(
        read_real(present(root, "rms_norm_eps"), "rms_norm_eps", 1e-30, 1, &c.rms_norm_eps, err));
    SW_TRY(read_rope(root, &c, err));
    const sw_json *tied = present(root, "tie_word_embeddings");
    if (tied != NULL && tied->type != SW_JSON_BOOL)
        return malformed(err, "tie_word_embeddings", "is not true or false");
    c.tie_word_embeddings = tied != NULL && tied->boolean;
    SW_TRY(read_id(root, "bos_token_id", &c.bos_token_id, err));
    SW_TRY(read_id(root, "eos_token_id", &c.eos_token_id, err));
    SW_TRY(read_id(root, "pad_token_id", &c.pad_token_id, err));
    SW_TRY(sw_model_config_check(&c, err));
    *out = c;
    return SW_OK;
}
