/* SPDX-License-Identifier: Apache-2.0
 *
 * The files beside tokenizer.json, held against it (MODEL-110 to MODEL-116; source: transformers
 * 5.23, tokenization_utils_base.py `_from_pretrained` and TokenizersBackend.__init__).
 *
 * There every token that such a file names is added to the tokeniser, and an added token is cut out
 * of a text before anything else looks at it. So what tokenizer.json has as an added token with the
 * same flags changes nothing, and whatever else is named changes the ids of some text.
 */
#include "tokenizer/beside.h"
#include "codec/shown.h"
#include "tokenizer/tokenizer_internal.h"
#include <string.h>

#define CONFIG "tokenizer_config.json"
#define MAP    "special_tokens_map.json"
#define ADDED  "added_tokens.json"

typedef struct beside {
    const sw_tokenizer *t;
    const sw_added **added; /* by id; NULL: no added token */
    const sw_json *config, *map, *more;
    bool decoder; /* CONFIG has added_tokens_decoder, so the others are not looked at */
} beside;

sw_bytes sw_special_token_text(const sw_json *token) {
    if (token && token->type == SW_JSON_OBJECT) token = sw_json_member(token, "content");
    return token && token->type == SW_JSON_STRING ? token->text : (sw_bytes){0};
}

static sw_status with_hint(sw_status status, sw_error *err) {
    sw_error_hint(err, "tokenizer.json alone is read, and what the model was trained with: take "
                       "out of the other file what is not so, or add it to tokenizer.json");
    return status;
}

static const sw_added *find(const beside *b, sw_bytes content) {
    uint32_t id = sw_text_map_find(&b->t->by_content, content);
    return id == SW_TOKEN_NONE ? NULL : b->added[id];
}

/* ---- settings ---- */

static bool says_yes(const sw_json *member) {
    return member && member->type != SW_JSON_NULL &&
           (member->type != SW_JSON_BOOL || member->boolean);
}

static sw_status check_settings(const beside *b, sw_error *err) {
    const sw_json *files = sw_json_member(b->config, "fast_tokenizer_files");
    if (says_yes(sw_json_member(b->config, "split_special_tokens")))
        return with_hint(sw_fail(err, SW_REFUSED, "model",
                                 CONFIG ": split_special_tokens would cut special tokens of a text "
                                        "into others, and tokenizer.json does not"),
                         err);
    if (b->t->prefix == SW_PREFIX_NEVER && says_yes(sw_json_member(b->config, "add_prefix_space")))
        return with_hint(sw_fail(err, SW_REFUSED, "model",
                                 CONFIG ": add_prefix_space would put a space before a text, and "
                                        "tokenizer.json does not"),
                         err);
    for (const sw_json *f = files ? files->first : NULL; f; f = f->next)
        if (f->type != SW_JSON_STRING || !sw_bytes_is(f->text, "tokenizer.json"))
            return with_hint(sw_fail(err, SW_REFUSED, "model",
                                     CONFIG ": fast_tokenizer_files names another file than "
                                            "tokenizer.json"),
                             err);
    return SW_OK;
}

/* ---- added_tokens_decoder ---- */

static const sw_added *added_of(const beside *b, sw_bytes key) {
    uint64_t id = 0;
    for (size_t i = 0; i < key.size; i++) {
        if (key.data[i] < '0' || key.data[i] > '9') return NULL;
        id = 10 * id + (key.data[i] - '0');
        if (id >= b->t->id_count) return NULL;
    }
    return key.size ? b->added[id] : NULL;
}

static bool flag_of(const sw_json *entry, const char *name, bool absent) {
    const sw_json *m = sw_json_member(entry, name);
    return m && m->type == SW_JSON_BOOL ? m->boolean : absent;
}

static sw_status check_flags(const sw_json *entry, const sw_added *added, sw_error *err) {
    bool special = flag_of(entry, "special", false); /* itself it changes no id */
    const struct {
        const char *name;
        bool absent, ours;
    } flags[] = {{"lstrip", false, added->lstrip},
                 {"rstrip", false, added->rstrip},
                 {"single_word", false, added->single_word},
                 {"normalized", !special, added->normalized}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (flag_of(entry, flags[i].name, flags[i].absent) != flags[i].ours)
            return with_hint(sw_fail(err, SW_REFUSED, "model",
                                     CONFIG ": added_tokens_decoder: %s of token %u is not that of "
                                            "tokenizer.json",
                                     flags[i].name, added->id),
                             err);
    return SW_OK;
}

static sw_status check_decoder(const beside *b, sw_error *err) {
    const sw_json *decoder = sw_json_member(b->config, "added_tokens_decoder");
    char id[SW_SHOWN_NAME_BYTES], shown[SW_SHOWN_NAME_BYTES];
    for (const sw_json *e = decoder ? decoder->first : NULL; e; e = e->next) {
        const sw_added *added = added_of(b, e->key);
        sw_bytes content = sw_special_token_text(e);
        if (!added || !sw_bytes_equal(content, b->t->contents[added->id]))
            return with_hint(sw_fail(err, SW_REFUSED, "model",
                                     CONFIG ": added_tokens_decoder: tokenizer.json has no added "
                                            "token %s of the id %s",
                                     sw_shown_name(shown, content), sw_shown_name(id, e->key)),
                             err);
        SW_TRY(check_flags(e, added, err));
    }
    return SW_OK;
}

/* ---- special tokens by name ---- */

static sw_status check_named(const beside *b, const char *file, const char *name,
                             const sw_json *token, sw_error *err) {
    char shown[SW_SHOWN_NAME_BYTES];
    sw_bytes content = sw_special_token_text(token);
    if (!content.size || find(b, content)) return SW_OK;
    return with_hint(sw_fail(err, SW_REFUSED, "model",
                             "%s: %s is %s, which is no added token of tokenizer.json", file, name,
                             sw_shown_name(shown, content)),
                     err);
}

static bool is_list(sw_bytes name) {
    return sw_bytes_is(name, "additional_special_tokens") ||
           sw_bytes_is(name, "extra_special_tokens") ||
           sw_bytes_is(name, "model_specific_special_tokens");
}

static bool is_token(sw_bytes name) {
    static const char tail[] = "_token";
    size_t size = sizeof tail - 1;
    return name.size > size && memcmp(name.data + name.size - size, tail, size) == 0;
}

/* bos_token and its like, those of a name that the file makes up, and lists. */
static sw_status check_names(const beside *b, const char *file, const sw_json *root,
                             sw_error *err) {
    char name[SW_SHOWN_NAME_BYTES];
    if (!root || root->type != SW_JSON_OBJECT) return SW_OK;
    for (const sw_json *m = root->first; m; m = m->next) {
        sw_shown_name(name, m->key);
        if (is_token(m->key)) SW_TRY(check_named(b, file, name, m, err));
        if (!is_list(m->key)) continue;
        for (const sw_json *token = m->first; token; token = token->next)
            SW_TRY(check_named(b, file, name, token, err));
    }
    return SW_OK;
}

/* ---- files of older folders ---- */

/* transformers takes the map's where CONFIG has no added_tokens_decoder. */
static sw_status check_map(const beside *b, sw_error *err) {
    static const char *const names[] = {"eos_token", "bos_token"};
    char theirs[SW_SHOWN_NAME_BYTES], ours[SW_SHOWN_NAME_BYTES];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const sw_json *token = sw_json_member(b->map, names[i]);
        sw_bytes here = sw_special_token_text(token);
        sw_bytes there = sw_special_token_text(sw_json_member(b->config, names[i]));
        if (!token || sw_bytes_equal(here, there)) continue;
        sw_status status =
            sw_fail(err, SW_REFUSED, "model", "%s is %s in " MAP ", and %s in " CONFIG, names[i],
                    here.size ? sw_shown_name(theirs, here) : "none",
                    there.size ? sw_shown_name(ours, there) : "none");
        sw_error_hint(err, "make the two files say the same: transformers takes the former, since "
                           "the latter has no added_tokens_decoder");
        return status;
    }
    return check_names(b, MAP, b->map, err);
}

static sw_status check_more(const beside *b, sw_error *err) {
    char shown[SW_SHOWN_NAME_BYTES];
    for (const sw_json *m = b->more ? b->more->first : NULL; m; m = m->next) {
        const sw_added *added = find(b, m->key);
        if (added && m->type == SW_JSON_NUMBER && m->integral && m->integer == added->id) continue;
        return with_hint(sw_fail(err, SW_REFUSED, "model",
                                 ADDED ": %s is no added token of that id in tokenizer.json",
                                 sw_shown_name(shown, m->key)),
                         err);
    }
    return SW_OK;
}

/* ---- the whole ---- */

static sw_status parse(sw_arena *arena, const char *name, sw_bytes file, const sw_json **out,
                       sw_error *err) {
    sw_json *root = NULL;
    if (!file.size) return SW_OK;
    sw_status status = sw_json_parse(arena, file, NULL, &root, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", name);
    *out = root;
    return status;
}

static sw_status open_files(sw_arena *arena, const sw_tokenizer_beside *files, beside *out,
                            sw_error *err) {
    SW_TRY(parse(arena, CONFIG, files->tokenizer_config, &out->config, err));
    out->decoder = sw_json_member(out->config, "added_tokens_decoder") != NULL;
    if (out->decoder) return SW_OK;
    SW_TRY(parse(arena, MAP, files->special_tokens_map, &out->map, err));
    return parse(arena, ADDED, files->added_tokens, &out->more, err);
}

sw_status sw_tokenizer_check_beside(const sw_tokenizer *t, const sw_tokenizer_beside *files,
                                    sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    beside b = {.t = t, .added = SW_ARENA_NEW(&arena, const sw_added *, t->id_count)};
    if (!b.added) return sw_fail(err, SW_MEMORY, "memory", "no memory for the added tokens");
    for (size_t i = 0; i < t->added_count; i++) b.added[t->added[i].id] = &t->added[i];
    SW_TRY(open_files(&arena, files, &b, err));
    SW_TRY(check_settings(&b, err));
    SW_TRY(check_decoder(&b, err));
    if (!b.decoder) SW_TRY(check_map(&b, err));
    if (!b.decoder) SW_TRY(check_more(&b, err));
    return check_names(&b, CONFIG, b.config, err);
}
