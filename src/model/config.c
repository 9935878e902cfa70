/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json of a model of a known family, in both spellings of transformers (MODEL-020 to
 * MODEL-029): rope_theta and rope_scaling, or rope_parameters.
 *
 * Members that the family's class reads and that would change what is computed must have the value
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
    char shown[SW_SHOWN_NAME_BYTES], message[SW_SHOWN_NAME_BYTES + 32];
    const sw_json *type = present(root, "model_type"), *list = present(root, "architectures");
    if (type == NULL || type->type != SW_JSON_STRING)
        return malformed(err, "model_type", "is missing");
    out->family = sw_model_family_find(type->text, false);
    if (out->family == NULL) {
        (void)snprintf(message, sizeof message, "model_type %s", sw_shown_name(shown, type->text));
        return refused(err, message);
    }
    const char *const classes[] = {out->family->architecture, NULL};
    if (list == NULL ||
        (list->type == SW_JSON_ARRAY && list->count == 1 && is_one_of(list->first, classes)))
        return SW_OK;
    (void)snprintf(message, sizeof message, "architectures other than %s",
                   out->family->architecture);
    return refused(err, message);
}

static sw_status check_fixed(const sw_json *root, const sw_model_config *config, sw_error *err) {
    static const char *const silu[] = {"silu", NULL};
    const sw_model_family *family = config->family;
    for (size_t i = 0; i < sizeof family->off / sizeof family->off[0]; i++)
        if (family->off[i] != NULL && !is_off(present(root, family->off[i])))
            return refused(err, family->off[i]);
    if (!is_one_of(present(root, "hidden_act"), silu)) return refused(err, "hidden_act");
    if (!is_number(present(root, "attention_dropout"), 0)) return refused(err, "attention_dropout");
    if (!is_number(present(root, "pretraining_tp"), 1)) return refused(err, "pretraining_tp");
    if (present(root, "quantization_config") != NULL) return refused(err, "quantization_config");
    return SW_OK;
}

/* Layers of one kind: what the others would see is not what is computed here. */
static sw_status check_layer_types(const sw_json *root, const sw_model_config *c, sw_error *err) {
    static const char *const full[] = {"full_attention", NULL};
    const sw_json *list = present(root, "layer_types");
    if (list == NULL || c->sliding_window > 0) return SW_OK;
    if (list->type != SW_JSON_ARRAY) return malformed(err, "layer_types", "is not a list");
    for (const sw_json *m = list->first; m != NULL; m = m->next)
        if (!is_one_of(m, full)) return refused(err, "layer_types other than full_attention");
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
    const count_field required[] = {
        {"hidden_size", AT(hidden_size), 0, SW_MODEL_SIZE_LIMIT},
        {"intermediate_size", AT(intermediate_size), 0, SW_MODEL_SIZE_LIMIT},
        {"num_hidden_layers", AT(num_hidden_layers), 0, SW_MODEL_LAYER_LIMIT},
        {"num_attention_heads", AT(num_attention_heads), 0, 4096},
        {"vocab_size", AT(vocab_size), 0, SW_MODEL_SIZE_LIMIT},
        {"max_position_embeddings", AT(max_position_embeddings),
         out->family->max_position_embeddings, UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        SW_TRY(read_count(root, &required[i], out, err));
    uint32_t kv_heads = out->family->num_key_value_heads;
    if (kv_heads == 0 || sw_json_member(root, "num_key_value_heads") != NULL)
        kv_heads = out->num_attention_heads;
    const count_field derived[] = {
        {"num_key_value_heads", AT(num_key_value_heads), kv_heads, 4096},
        {"head_dim", AT(head_dim), out->hidden_size / out->num_attention_heads, 4096},
    };
    for (size_t i = 0; i < sizeof derived / sizeof derived[0]; i++)
        SW_TRY(read_count(root, &derived[i], out, err));
    return SW_OK;
}

static sw_status read_window(const sw_json *root, sw_model_config *out, sw_error *err) {
    const count_field field = {"sliding_window", AT(sliding_window), out->family->sliding_window,
                               UINT32_MAX};
    if (field.fallback == 0) return SW_OK;
    const sw_json *m = sw_json_member(root, field.name);
    return m != NULL && m->type == SW_JSON_NULL ? SW_OK : read_count(root, &field, out, err);
}

static sw_status read_real(const sw_json *m, const char *name, double low, double high, double *out,
                           sw_error *err) {
    if (m == NULL) return SW_OK;
    if (m->type != SW_JSON_NUMBER || !(m->number >= low) || !(m->number <= high))
        return malformed(err, name, "is not a number in its range");
    *out = m->number;
    return SW_OK;
}

/* ---- rotary embedding, in both spellings ---- */

typedef struct rope_reader {
    const sw_json *root;
    sw_rope_settings rope;
    bool theta_given;
    sw_error *err;
} rope_reader;

static bool is_null(const sw_json *object, const char *name) {
    const sw_json *m = sw_json_member(object, name);
    return m != NULL && m->type == SW_JSON_NULL;
}

static sw_status null_theta(const rope_reader *r) {
    return malformed(r->err, "rope_theta", "is null, which is no default");
}

static sw_status read_theta(rope_reader *r, const sw_json *m) {
    double theta = r->rope.theta;
    SW_TRY(read_real(m, "rope_theta", 1, 1e12, &theta, r->err));
    if (r->theta_given && theta != r->rope.theta)
        return malformed(r->err, "rope_theta", "is not what rope_parameters says");
    r->theta_given = r->theta_given || m != NULL;
    r->rope.theta = theta;
    return SW_OK;
}

static sw_status read_rope_kind(const rope_reader *r, const sw_json *rope, const char *where,
                                sw_rope_kind *out) {
    static const char *const kinds[] = {
        [SW_ROPE_DEFAULT] = "default", [SW_ROPE_LINEAR] = "linear", [SW_ROPE_LLAMA3] = "llama3"};
    char shown[SW_SHOWN_NAME_BYTES], message[SW_SHOWN_NAME_BYTES + 32];
    const sw_json *name = present(rope, "rope_type"), *old = present(rope, "type");
    if (name == NULL) name = old;
    if (name == NULL) return SW_OK;
    if (name->type != SW_JSON_STRING || (old != NULL && old->type != SW_JSON_STRING) ||
        (old != NULL && !sw_bytes_equal(name->text, old->text)))
        return malformed(r->err, where, "has no type, or two");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!sw_bytes_is(name->text, kinds[i])) continue;
        *out = (sw_rope_kind)i;
        return SW_OK;
    }
    (void)snprintf(message, sizeof message, "%s of type %s", where,
                   sw_shown_name(shown, name->text));
    return refused(r->err, message);
}

/* Refuses a member that the kind does not read: another kind may be meant. */
static sw_status check_rope_members(const rope_reader *r, const sw_json *rope, sw_rope_kind kind) {
    static const struct {
        const char *name;
        sw_rope_kind least; /* the kinds from here on read it */
    } members[] = {
        {"rope_type", SW_ROPE_DEFAULT},       {"type", SW_ROPE_DEFAULT},
        {"rope_theta", SW_ROPE_DEFAULT},      {"partial_rotary_factor", SW_ROPE_DEFAULT},
        {"factor", SW_ROPE_LINEAR},           {"low_freq_factor", SW_ROPE_LLAMA3},
        {"high_freq_factor", SW_ROPE_LLAMA3}, {"original_max_position_embeddings", SW_ROPE_LLAMA3}};
    char shown[SW_SHOWN_NAME_BYTES], message[SW_SHOWN_NAME_BYTES + 32];
    for (const sw_json *m = rope->first; m != NULL; m = m->next) {
        bool read = m->type == SW_JSON_NULL;
        for (size_t i = 0; i < sizeof members / sizeof members[0] && !read; i++)
            read = kind >= members[i].least && sw_bytes_is(m->key, members[i].name);
        if (read) continue;
        (void)snprintf(message, sizeof message, "%s of rotation", sw_shown_name(shown, m->key));
        return refused(r->err, message);
    }
    return SW_OK;
}

static sw_status read_factor(const rope_reader *r, const sw_json *rope, const char *name,
                             double low, double *out) {
    const sw_json *m = present(rope, name);
    if (m == NULL) return malformed(r->err, name, "is missing");
    return read_real(m, name, low, 1e9, out, r->err);
}

/* rope_scaling or rope_parameters into r->rope. */
static sw_status read_rope_object(rope_reader *r, const char *where) {
    const sw_json *rope = present(r->root, where);
    sw_rope_settings *s = &r->rope;
    double old = 0;
    *s = (sw_rope_settings){.theta = s->theta};
    if (rope == NULL) return SW_OK;
    if (rope->type != SW_JSON_OBJECT) return malformed(r->err, where, "is not an object");
    SW_TRY(read_rope_kind(r, rope, where, &s->kind));
    SW_TRY(check_rope_members(r, rope, s->kind));
    if (!is_number(present(rope, "partial_rotary_factor"), 1)) return refused(r->err, where);
    if (is_null(rope, "rope_theta")) return null_theta(r);
    SW_TRY(read_theta(r, present(rope, "rope_theta")));
    if (s->kind == SW_ROPE_DEFAULT) return SW_OK;
    SW_TRY(read_factor(r, rope, "factor", 1, &s->factor));
    if (s->kind == SW_ROPE_LINEAR) return SW_OK;
    SW_TRY(read_factor(r, rope, "low_freq_factor", 1e-3, &s->low_freq_factor));
    SW_TRY(read_factor(r, rope, "high_freq_factor", 1e-3, &s->high_freq_factor));
    if (!(s->low_freq_factor < s->high_freq_factor))
        return malformed(r->err, "high_freq_factor", "is not above low_freq_factor");
    SW_TRY(read_factor(r, rope, "original_max_position_embeddings", 1, &old));
    s->original_max_position_embeddings = (uint32_t)old;
    return old == (double)(uint32_t)old
               ? SW_OK
               : malformed(r->err, "original_max_position_embeddings", "is not a whole number");
}

static bool same_scaling(const sw_rope_settings *a, const sw_rope_settings *b) {
    return a->kind == b->kind && a->factor == b->factor &&
           a->low_freq_factor == b->low_freq_factor && a->high_freq_factor == b->high_freq_factor &&
           a->original_max_position_embeddings == b->original_max_position_embeddings;
}

static sw_status read_rope(const sw_json *root, sw_model_config *out, sw_error *err) {
    rope_reader r = {.root = root, .rope = {.theta = 10000}, .err = err};
    if (!is_off(present(root, "rope_interleaved"))) return refused(err, "rope_interleaved");
    if (!is_number(present(root, "partial_rotary_factor"), 1))
        return refused(err, "partial_rotary_factor");
    /* transformers would put it in the place of the one in rope_parameters */
    if (present(root, "original_max_position_embeddings") != NULL)
        return refused(err, "original_max_position_embeddings outside rope_parameters");
    SW_TRY(read_theta(&r, present(root, "rope_theta")));
    SW_TRY(read_rope_object(&r, "rope_scaling"));
    sw_rope_settings old = r.rope;
    bool scaled = present(root, "rope_scaling") != NULL;
    bool again = present(root, "rope_parameters") != NULL;
    if (again) SW_TRY(read_rope_object(&r, "rope_parameters"));
    if (!r.theta_given && is_null(root, "rope_theta")) return null_theta(&r);
    if (scaled && again && !same_scaling(&old, &r.rope))
        return malformed(err, "rope_scaling", "is not what rope_parameters says");
    out->rope = r.rope;
    return SW_OK;
}

/* ---- token ids ---- */

static bool is_id(const sw_json *m) {
    return m->type == SW_JSON_NUMBER && m->integral && m->integer >= 0 && m->integer < UINT32_MAX;
}

/* An id or none; eos_token_id alone may be a list. */
static sw_status read_id(const sw_json *root, const char *name, uint32_t *out, sw_error *err) {
    const sw_json *m = present(root, name);
    *out = UINT32_MAX;
    if (m == NULL) return SW_OK;
    if (!is_id(m)) return malformed(err, name, "is not a token id");
    *out = (uint32_t)m->integer;
    return SW_OK;
}

static sw_status read_ends(const sw_json *root, const char *file, sw_token_ends *out,
                           sw_error *err) {
    const sw_json *m = present(root, "eos_token_id");
    sw_token_ends ends = {.listed = m != NULL && m->type == SW_JSON_ARRAY};
    if (ends.listed && m->count > SW_MODEL_END_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "%s: eos_token_id lists more than %d tokens", file,
                       SW_MODEL_END_LIMIT);
    if (ends.listed) m = m->first;
    for (; m != NULL; m = ends.listed ? m->next : NULL) {
        if (!is_id(m))
            return sw_fail(err, SW_MALFORMED, "format", "%s: eos_token_id is not a token id", file);
        ends.ids[ends.count++] = (uint32_t)m->integer;
    }
    *out = ends;
    return SW_OK;
}

sw_status sw_model_ends(sw_bytes generation_config_json, const sw_model_config *config,
                        sw_token_ends *out, sw_error *err) {
    const sw_json_limits limits = {SW_MODEL_CONFIG_LIMIT, 16, 65536};
    static const char file[] = "generation_config.json";
    SW_SCOPED(sw_arena) arena = {0};
    sw_json *root;
    if (!generation_config_json.size) {
        *out = config->ends;
        return SW_OK;
    }
    sw_status status = sw_json_parse(&arena, generation_config_json, &limits, &root, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", file);
    SW_TRY(status);
    if (root->type != SW_JSON_OBJECT)
        return sw_fail(err, SW_MALFORMED, "format", "%s is no object", file);
    return read_ends(root, file, out, err);
}

sw_status sw_model_config_check(const sw_model_config *c, sw_error *err) {
    if (c->head_dim == 0 || c->head_dim % 2 != 0)
        return malformed(err, "head_dim", "is not a positive even number");
    if (c->num_key_value_heads == 0 || c->num_attention_heads % c->num_key_value_heads != 0)
        return malformed(err, "num_attention_heads", "is no multiple of num_key_value_heads");
    if (c->vocab_size < 2) return malformed(err, "vocab_size", "is below 2");
    if (c->pad_token_id != UINT32_MAX && c->pad_token_id >= c->vocab_size)
        return malformed(err, "pad_token_id", "is not below vocab_size");
    return SW_OK;
}

sw_status sw_model_config_parse(sw_bytes config_json, sw_model_config *out, sw_error *err) {
    const sw_json_limits limits = {SW_MODEL_CONFIG_LIMIT, 16, 65536};
    SW_SCOPED(sw_arena) arena = {0};
    sw_json *root;
    sw_model_config c = {.rms_norm_eps = 1e-6};
    sw_status status = sw_json_parse(&arena, config_json, &limits, &root, err);
    if (status != SW_OK) sw_error_prefix(err, "config.json");
    SW_TRY(status);
    SW_TRY(check_architecture(root, &c, err));
    SW_TRY(check_fixed(root, &c, err));
    SW_TRY(read_counts(root, &c, err));
    SW_TRY(
        read_real(present(root, "rms_norm_eps"), "rms_norm_eps", 1e-30, 1, &c.rms_norm_eps, err));
    SW_TRY(read_window(root, &c, err));
    SW_TRY(check_layer_types(root, &c, err));
    SW_TRY(read_rope(root, &c, err));
    const sw_json *tied = present(root, "tie_word_embeddings");
    if (tied != NULL && tied->type != SW_JSON_BOOL)
        return malformed(err, "tie_word_embeddings", "is not true or false");
    c.tie_word_embeddings = tied != NULL && tied->boolean;
    SW_TRY(read_id(root, "bos_token_id", &c.bos_token_id, err));
    SW_TRY(read_ends(root, "config.json", &c.ends, err));
    c.eos_token_id = c.ends.count ? c.ends.ids[0] : UINT32_MAX;
    SW_TRY(read_id(root, "pad_token_id", &c.pad_token_id, err));
    SW_TRY(sw_model_config_check(&c, err));
    *out = c;
    return SW_OK;
}
