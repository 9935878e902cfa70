/* SPDX-License-Identifier: Apache-2.0
 *
 * The stages around the BPE model, read from tokenizer.json: normaliser, pre-tokeniser,
 * post-processor and decoder (MODEL-074 to MODEL-077, MODEL-101 to MODEL-103). What is not known is
 * refused by its name.
 */
#include "tokenizer/tokenizer_internal.h"

#include <string.h>

static sw_status refused(sw_error *err, const char *where, const char *what) {
    return sw_fail(err, SW_REFUSED, "unsupported", "tokenizer.json: %s %s is not supported", where,
                   what);
}

/* Refuses a type that is not known here: shows its name when that is plain. */
static sw_status unknown_type(const sw_json *stage, const char *where, sw_error *err) {
    const sw_json *type = sw_json_member(stage, "type");
    char name[40] = "(without a type)";
    if (type == NULL || type->type != SW_JSON_STRING || type->text.size >= sizeof name)
        return refused(err, where, name);
    for (size_t i = 0; i < type->text.size; i++) {
        uint8_t c = type->text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        name[i] = plain ? (char)c : '?';
    }
    name[type->text.size] = 0;
    return refused(err, where, name);
}

static bool is_null(const sw_json *v) {
    return v == NULL || v->type == SW_JSON_NULL;
}

static bool has_type(const sw_json *stage, const char *type) {
    const sw_json *m = sw_json_member(stage, "type");
    return m != NULL && m->type == SW_JSON_STRING && sw_bytes_is(m->text, type);
}

static sw_status read_list(const sw_json *stage, const char *where, const char *name,
                           const sw_json **out, sw_error *err) {
    const char *const names[] = {"type", name, NULL};
    SW_TRY(sw_json_expect(stage, where, names, err));
    return sw_json_array(stage, where, name, SW_STAGE_LIMIT, out, err);
}

/* ---- marked text ---- */

/* A stage of this type, with one text under `name` that is `wanted`. */
static sw_status expect_text(const sw_json *stage, const char *where, const char *name,
                             const char *wanted, sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_json_text(stage, where, name, &text, err));
    return sw_bytes_is(text, wanted) ? SW_OK : refused(err, where, "with another text");
}

static sw_status read_replace(const sw_json *stage, const char *where, const char *from,
                              const char *to, sw_error *err) {
    static const char *const names[] = {"type", "pattern", "content", NULL};
    static const char *const forms[] = {"String", NULL};
    const sw_json *pattern;
    if (!has_type(stage, "Replace")) return unknown_type(stage, where, err);
    SW_TRY(sw_json_expect(stage, where, names, err));
    SW_TRY(sw_json_object(stage, where, "pattern", &pattern, err));
    if (sw_json_member(pattern, "String") == NULL)
        return refused(err, where, "Replace of something else than a String");
    SW_TRY(sw_json_expect(pattern, where, forms, err));
    SW_TRY(expect_text(pattern, where, "String", from, err));
    return expect_text(stage, where, "content", to, err);
}

/* Nothing, or Prepend and Replace. */
static sw_status read_marked_normalizer(sw_tokenizer *t, const sw_json *stage, sw_error *err) {
    static const char *const names[] = {"type", "prepend", NULL};
    const sw_json *list;
    if (is_null(stage)) return SW_OK;
    if (!has_type(stage, "Sequence")) return unknown_type(stage, "normalizer", err);
    SW_TRY(read_list(stage, "normalizer", "normalizers", &list, err));
    if (list->count != 2) return refused(err, "normalizer", "Sequence of this length");
    if (!has_type(list->first, "Prepend")) return unknown_type(list->first, "normalizer", err);
    SW_TRY(sw_json_expect(list->first, "normalizer", names, err));
    SW_TRY(expect_text(list->first, "normalizer", "prepend", SW_MARK, err));
    SW_TRY(read_replace(list->last, "normalizer", " ", SW_MARK, err));
    t->prefix = SW_PREFIX_NORMAL;
    return SW_OK;
}

typedef struct metaspace {
    sw_prefix prefix;
    bool split;
} metaspace;

static sw_status read_metaspace(const sw_json *stage, const char *where, metaspace *out,
                                sw_error *err) {
    static const char *const names[] = {"type", "replacement", "prepend_scheme", "split", NULL};
    sw_bytes scheme;
    if (!has_type(stage, "Metaspace")) return unknown_type(stage, where, err);
    SW_TRY(sw_json_expect(stage, where, names, err));
    SW_TRY(expect_text(stage, where, "replacement", SW_MARK, err));
    SW_TRY(sw_json_flag(stage, where, "split", &out->split, err));
    SW_TRY(sw_json_text(stage, where, "prepend_scheme", &scheme, err));
    if (sw_bytes_is(scheme, "first"))
        out->prefix = SW_PREFIX_FIRST;
    else if (sw_bytes_is(scheme, "always"))
        out->prefix = SW_PREFIX_ALWAYS;
    else if (sw_bytes_is(scheme, "never"))
        out->prefix = SW_PREFIX_NEVER;
    else
        return refused(err, where, "Metaspace with this prepend_scheme");
    return SW_OK;
}

/* Spaces are marked by the normaliser or by Metaspace, not by both. */
static sw_status read_marked_pre_tokenizer(sw_tokenizer *t, const sw_json *stage, sw_error *err) {
    metaspace m = {0};
    bool marked = t->prefix == SW_PREFIX_NORMAL;
    if (is_null(stage))
        return marked ? SW_OK : refused(err, "pre_tokenizer", "null without a normalizer");
    SW_TRY(read_metaspace(stage, "pre_tokenizer", &m, err));
    if (marked) return refused(err, "pre_tokenizer", "Metaspace behind a normalizer");
    t->prefix = m.prefix;
    if (m.split) t->cut = SW_CUT_EACH;
    return SW_OK;
}

static sw_status read_strip(const sw_json *stage, sw_error *err) {
    static const char *const names[] = {"type", "content", "start", "stop", NULL};
    uint64_t start, stop;
    SW_TRY(sw_json_expect(stage, "decoder", names, err));
    SW_TRY(expect_text(stage, "decoder", "content", " ", err));
    SW_TRY(sw_json_u64(stage, "decoder", "start", UINT32_MAX, &start, err));
    SW_TRY(sw_json_u64(stage, "decoder", "stop", UINT32_MAX, &stop, err));
    if (start != 1 || stop != 0) return refused(err, "decoder", "Strip of these lengths");
    return SW_OK;
}

static sw_status read_marked_decoder(sw_tokenizer *t, const sw_json *stage, sw_error *err) {
    static const char *const types[] = {"Replace", "ByteFallback", "Fuse", "Strip"};
    static const char *const names[] = {"type", NULL};
    const sw_json *list, *last;
    if (!has_type(stage, "Sequence")) {
        metaspace m = {0};
        SW_TRY(read_metaspace(stage, "decoder", &m, err));
        t->decoder = m.prefix == SW_PREFIX_NEVER ? SW_DECODE_MARKED : SW_DECODE_MARKED_PREFIX;
        return SW_OK;
    }
    SW_TRY(read_list(stage, "decoder", "decoders", &list, err));
    if (list->count != 4) return refused(err, "decoder", "Sequence of this length");
    last = list->first;
    for (size_t i = 0; i < 4; i++, last = last->next)
        if (!has_type(last, types[i])) return unknown_type(last, "decoder", err);
    SW_TRY(read_replace(list->first, "decoder", SW_MARK, " ", err));
    SW_TRY(sw_json_expect(list->first->next, "decoder", names, err));
    SW_TRY(sw_json_expect(list->first->next->next, "decoder", names, err));
    SW_TRY(read_strip(list->last, err));
    t->decoder = SW_DECODE_FALLBACK;
    return SW_OK;
}

/* ---- normaliser ---- */

static sw_status read_normalizer(sw_tokenizer *t, const sw_json *stage, sw_error *err) {
    static const char *const names[] = {"type", NULL};
    if (t->fallback) return read_marked_normalizer(t, stage, err);
    if (is_null(stage)) return SW_OK;
    if (!has_type(stage, "NFC")) return unknown_type(stage, "normalizer", err);
    SW_TRY(sw_json_expect(stage, "normalizer", names, err));
    t->compose = true;
    return SW_OK;
}

/* ---- pre-tokeniser ---- */

static sw_status add_stage(sw_tokenizer *t, sw_split split, sw_error *err) {
    if (t->stage_count == SW_STAGE_LIMIT) return refused(err, "pre_tokenizer", "with more stages");
    t->stages[t->stage_count++] = split;
    return SW_OK;
}

static sw_status read_digits(sw_tokenizer *t, const sw_json *stage, sw_error *err) {
    static const char *const names[] = {"type", "individual_digits", NULL};
    bool alone;
    SW_TRY(sw_json_expect(stage, "pre_tokenizer", names, err));
    SW_TRY(sw_json_flag(stage, "pre_tokenizer", "individual_digits", &alone, err));
    return add_stage(t, alone ? SW_SPLIT_DIGIT : SW_SPLIT_DIGITS, err);
}

static sw_status read_split(sw_tokenizer *t, const sw_json *stage, sw_error *err) {
    static const char *const names[] = {"type", "pattern", "behavior", "invert", NULL};
    static const char *const forms[] = {"Regex", NULL};
    const sw_json *pattern;
    sw_bytes behavior, regex;
    bool invert;
    sw_split split;
    SW_TRY(sw_json_expect(stage, "pre_tokenizer", names, err));
    SW_TRY(sw_json_text(stage, "pre_tokenizer", "behavior", &behavior, err));
    SW_TRY(sw_json_flag(stage, "pre_tokenizer", "invert", &invert, err));
    SW_TRY(sw_json_object(stage, "pre_tokenizer", "pattern", &pattern, err));
    if (!sw_bytes_is(behavior, "Isolated"))
        return refused(err, "pre_tokenizer", "Split with another behavior than Isolated");
    if (invert) return refused(err, "pre_tokenizer", "Split with invert");
    if (sw_json_member(pattern, "Regex") == NULL)
        return refused(err, "pre_tokenizer", "Split by something else than a Regex");
    SW_TRY(sw_json_expect(pattern, "pre_tokenizer.pattern", forms, err));
    SW_TRY(sw_json_text(pattern, "pre_tokenizer.pattern", "Regex", &regex, err));
    if (!sw_split_recognise(regex, &split))
        return refused(err, "pre_tokenizer", "Split by this Regex");
    return add_stage(t, split, err);
}

static sw_status read_byte_level(sw_tokenizer *t, const sw_json *stage, sw_error *err) {
    static const char *const names[] = {"type", "add_prefix_space", "?trim_offsets", "?use_regex",
                                        NULL};
    bool prefix, regex = true;
    SW_TRY(sw_json_expect(stage, "pre_tokenizer", names, err));
    SW_TRY(sw_json_flag(stage, "pre_tokenizer", "add_prefix_space", &prefix, err));
    if (prefix) return refused(err, "pre_tokenizer", "ByteLevel with add_prefix_space");
    if (sw_json_member(stage, "use_regex") != NULL)
        SW_TRY(sw_json_flag(stage, "pre_tokenizer", "use_regex", &regex, err));
    return regex ? add_stage(t, SW_SPLIT_GPT2, err) : SW_OK;
}

/* Stages in a row, the last one ByteLevel, which is also where bytes begin. */
static sw_status read_pre_tokenizer(sw_tokenizer *t, const sw_json *stage, sw_error *err) {
    if (t->fallback) return read_marked_pre_tokenizer(t, stage, err);
    if (is_null(stage)) return refused(err, "pre_tokenizer", "null");
    if (has_type(stage, "ByteLevel")) return read_byte_level(t, stage, err);
    if (!has_type(stage, "Sequence")) return unknown_type(stage, "pre_tokenizer", err);
    const sw_json *list;
    SW_TRY(read_list(stage, "pre_tokenizer", "pretokenizers", &list, err));
    for (const sw_json *s = list->first; s != NULL; s = s->next) {
        bool bytes = has_type(s, "ByteLevel");
        if (bytes != (s->next == NULL))
            return bytes ? refused(err, "pre_tokenizer", "ByteLevel before its end")
                         : unknown_type(s, "pre_tokenizer", err);
        if (bytes) return read_byte_level(t, s, err);
        if (has_type(s, "Digits"))
            SW_TRY(read_digits(t, s, err));
        else if (has_type(s, "Split"))
            SW_TRY(read_split(t, s, err));
        else
            return unknown_type(s, "pre_tokenizer", err);
    }
    return refused(err, "pre_tokenizer", "without ByteLevel");
}

/* ---- post-processor ---- */

typedef struct frame {
    uint32_t before[SW_FRAME_LIMIT], behind[SW_FRAME_LIMIT];
    size_t before_count, behind_count;
    bool text;
} frame;

/* The ids of one special token of a template. */
static sw_status append_special(const sw_tokenizer *t, const sw_json *specials, sw_bytes name,
                                frame *f, sw_error *err) {
    const sw_json *found = NULL, *ids;
    for (const sw_json *s = specials->first; s != NULL; s = s->next)
        if (sw_bytes_equal(s->key, name)) found = s;
    if (found == NULL)
        return sw_fail(err, SW_MALFORMED, "format",
                       "tokenizer.json: post_processor names a special token it does not have");
    SW_TRY(sw_json_array(found, "post_processor.special_tokens", "ids", SW_FRAME_LIMIT, &ids, err));
    size_t *count = f->text ? &f->behind_count : &f->before_count;
    uint32_t *list = f->text ? f->behind : f->before;
    for (const sw_json *id = ids->first; id != NULL; id = id->next) {
        if (id->type != SW_JSON_NUMBER || !id->integral || id->integer < 0 ||
            (uint64_t)id->integer >= t->id_count)
            return sw_fail(err, SW_MALFORMED, "format",
                           "tokenizer.json: post_processor has an id that no token has");
        if (*count == SW_FRAME_LIMIT) return refused(err, "post_processor", "with more tokens");
        list[(*count)++] = (uint32_t)id->integer;
    }
    return SW_OK;
}

static sw_status read_part(const sw_tokenizer *t, const sw_json *part, const sw_json *specials,
                           frame *f, sw_error *err) {
    const sw_json *special = sw_json_member(part, "SpecialToken");
    const sw_json *sequence = sw_json_member(part, "Sequence");
    sw_bytes name;
    if (special != NULL) {
        SW_TRY(sw_json_text(special, "post_processor.SpecialToken", "id", &name, err));
        return append_special(t, specials, name, f, err);
    }
    SW_TRY(sw_json_text(sequence, "post_processor.Sequence", "id", &name, err));
    if (f->text || !sw_bytes_is(name, "A"))
        return refused(err, "post_processor", "TemplateProcessing of another sequence than $A");
    f->text = true;
    return SW_OK;
}

static sw_status read_template(sw_tokenizer *t, const sw_json *stage, sw_error *err) {
    static const char *const names[] = {"type", "single", "pair", "special_tokens", NULL};
    const sw_json *single, *specials;
    frame f = {0};
    if (t->before_count + t->behind_count > 0)
        return refused(err, "post_processor", "with two templates");
    SW_TRY(sw_json_expect(stage, "post_processor", names, err));
    SW_TRY(sw_json_array(stage, "post_processor", "single", 2 * SW_FRAME_LIMIT, &single, err));
    SW_TRY(sw_json_object(stage, "post_processor", "special_tokens", &specials, err));
    for (const sw_json *p = single->first; p != NULL; p = p->next)
        SW_TRY(read_part(t, p, specials, &f, err));
    if (!f.text) return refused(err, "post_processor", "TemplateProcessing without $A");
    memcpy(t->before, f.before, sizeof t->before);
    memcpy(t->behind, f.behind, sizeof t->behind);
    t->before_count = f.before_count;
    t->behind_count = f.behind_count;
    return SW_OK;
}

/* ByteLevel moves offsets only (MODEL-104). */
static sw_status read_post_bytes(sw_tokenizer *t, const sw_json *stage, sw_error *err) {
    bool trims = false, spares = false;
    if (sw_json_member(stage, "trim_offsets"))
        SW_TRY(sw_json_flag(stage, "post_processor", "trim_offsets", &trims, err));
    if (sw_json_member(stage, "add_prefix_space"))
        SW_TRY(sw_json_flag(stage, "post_processor", "add_prefix_space", &spares, err));
    t->trims_offsets |= trims;
    t->spares_first |= trims && spares;
    return SW_OK;
}

static sw_status read_post_step(sw_tokenizer *t, const sw_json *stage, sw_error *err) {
    if (has_type(stage, "ByteLevel")) return read_post_bytes(t, stage, err);
    if (has_type(stage, "TemplateProcessing")) return read_template(t, stage, err);
    return unknown_type(stage, "post_processor", err);
}

static sw_status read_post_processor(sw_tokenizer *t, const sw_json *stage, sw_error *err) {
    if (is_null(stage)) return SW_OK;
    if (!has_type(stage, "Sequence")) return read_post_step(t, stage, err);
    const sw_json *list;
    SW_TRY(read_list(stage, "post_processor", "processors", &list, err));
    for (const sw_json *s = list->first; s != NULL; s = s->next) SW_TRY(read_post_step(t, s, err));
    return SW_OK;
}

static sw_status read_decoder(sw_tokenizer *t, const sw_json *stage, sw_error *err) {
    if (t->fallback) return read_marked_decoder(t, stage, err);
    return has_type(stage, "ByteLevel") ? SW_OK : unknown_type(stage, "decoder", err);
}

sw_status sw_tokenizer_read_stages(sw_tokenizer *t, const sw_json *root, sw_error *err) {
    SW_TRY(read_normalizer(t, sw_json_member(root, "normalizer"), err));
    SW_TRY(read_pre_tokenizer(t, sw_json_member(root, "pre_tokenizer"), err));
    SW_TRY(read_post_processor(t, sw_json_member(root, "post_processor"), err));
    return read_decoder(t, sw_json_member(root, "decoder"), err);
}
