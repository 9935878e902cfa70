/* SPDX-License-Identifier: Apache-2.0
 *
 * XML as NVIDIA writes it, and nothing more (GPU-100 to GPU-105).
 *
 * One pass from the first < to the last >, an index of the innermost open element instead of
 * recursion, every count bounded before its place in the table is used. What the subset leaves out
 * is refused by name: entities, comments, CDATA, declarations and instructions are where readers of
 * XML disagree, and a signature must mean the same to all of them.
 */
#include "attest/rim_internal.h"
#include "codec/text.h"

#include <string.h>

typedef struct scan {
    sw_rim_xml *xml;
    size_t at;   /* next byte */
    size_t open; /* innermost open element */
} scan;

/* ---- characters ---- */
static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\n';
}

static bool name_start(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool name_rest(uint8_t c) {
    return name_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

/* U+FFFE and U+FFFF are no characters of XML; U+FEFF at the start would be a byte order mark. */
static bool noncharacter(const uint8_t *at, size_t left) {
    return left >= 3 && at[0] == 0xef && at[1] == 0xbf && (at[2] == 0xbe || at[2] == 0xbf);
}

static sw_status characters_check(sw_bytes text, sw_error *err) {
    if (text.size > SW_RIM_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "the manifest has more than %zu bytes",
                       SW_RIM_LIMIT);
    if (sw_bytes_starts(text, SW_LITERAL("\xef\xbb\xbf")))
        return BROKEN(err, "the manifest opens with a byte order mark");
    if (!sw_utf8_valid(text)) return BROKEN(err, "the manifest is not UTF-8");
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '&') return BROKEN(err, "an entity or a bare & at offset %zu", i);
        if (c == '\r') return BROKEN(err, "a carriage return at offset %zu", i);
        if ((c < 0x20 && !is_space(c)) || c == 0x7f || noncharacter(text.data + i, text.size - i))
            return BROKEN(err, "a control character at offset %zu", i);
    }
    return SW_OK;
}

static uint8_t peek(const scan *s) {
    return s->at < s->xml->text.size ? s->xml->text.data[s->at] : 0; /* no NUL is in the text */
}

static bool take(scan *s, const char *literal) {
    sw_bytes rest = SW_BYTES(s->xml->text.data + s->at, s->xml->text.size - s->at);
    if (!sw_bytes_starts(rest, sw_text(literal))) return false;
    s->at += strlen(literal);
    return true;
}

static bool skip_space(scan *s) {
    size_t from = s->at;
    while (is_space(peek(s))) s->at++;
    return s->at > from;
}

/* ---- names ---- */
static sw_status name_part(scan *s, sw_bytes *out, sw_error *err) {
    size_t from = s->at;
    if (!name_start(peek(s))) return BROKEN(err, "no name at offset %zu", from);
    while (name_rest(peek(s))) s->at++;
    if (s->at - from > SW_RIM_NAME_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "a name of more than %d bytes at offset %zu",
                       SW_RIM_NAME_LIMIT, from);
    *out = SW_BYTES(s->xml->text.data + from, s->at - from);
    return SW_OK;
}

static sw_status qualified_name(scan *s, sw_bytes *prefix, sw_bytes *local, sw_error *err) {
    *prefix = (sw_bytes){0};
    SW_TRY(name_part(s, local, err));
    if (!take(s, ":")) return SW_OK;
    *prefix = *local;
    return name_part(s, local, err);
}

/* ---- namespaces ---- */
static const sw_rim_attribute *declaration_of(const sw_rim_xml *xml, const sw_rim_element *e,
                                              sw_bytes prefix) {
    for (size_t i = 0; i < e->attribute_count; i++) {
        const sw_rim_attribute *a = &xml->attributes[e->first_attribute + i];
        if (a->declares && sw_bytes_equal(a->local, prefix)) return a;
    }
    return NULL;
}

sw_bytes sw_rim_namespace(const sw_rim_xml *xml, size_t element, sw_bytes prefix) {
    for (; element != SW_RIM_NOWHERE; element = xml->elements[element].parent) {
        const sw_rim_attribute *a = declaration_of(xml, &xml->elements[element], prefix);
        if (a != NULL) return a->value;
    }
    return (sw_bytes){0};
}

static bool absolute(sw_bytes uri) {
    size_t i = 0;
    while (i < uri.size && name_rest(uri.data[i]) && uri.data[i] != '_') i++;
    return i > 0 && i < uri.size && uri.data[i] == ':' && name_start(uri.data[0]);
}

/* Canonical XML knows no relative URI, and the two reserved names belong to XML itself. */
static sw_status declaration_check(scan *s, const sw_rim_attribute *a, size_t at, sw_error *err) {
    if (++s->xml->namespace_count > SW_RIM_NAMESPACE_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "more than %d namespaces are declared",
                       SW_RIM_NAMESPACE_LIMIT);
    if (sw_bytes_is(a->local, "xml") || sw_bytes_is(a->local, "xmlns"))
        return BROKEN(err, "the reserved prefix %.*s is declared at offset %zu", (int)a->local.size,
                      (const char *)a->local.data, at);
    if (!absolute(a->value))
        return BROKEN(err, "the namespace declared at offset %zu is not an absolute URI", at);
    if (sw_bytes_is(a->value, "http://www.w3.org/XML/1998/namespace") ||
        sw_bytes_is(a->value, "http://www.w3.org/2000/xmlns/"))
        return BROKEN(err, "a reserved namespace is declared at offset %zu", at);
    return SW_OK;
}

static sw_status resolve(const sw_rim_xml *xml, size_t element, sw_bytes prefix, sw_bytes *uri,
                         sw_error *err) {
    *uri = sw_rim_namespace(xml, element, prefix);
    if (prefix.size == 0 || uri->data != NULL) return SW_OK;
    return BROKEN(err, "the prefix %.*s is not declared (element at offset %zu)", (int)prefix.size,
                  (const char *)prefix.data, xml->elements[element].start);
}

/* Of the element and its attributes, once all of its declarations are known. */
static sw_status names_resolve(sw_rim_xml *xml, size_t element, sw_error *err) {
    sw_rim_element *e = &xml->elements[element];
    sw_rim_attribute *list = xml->attributes + e->first_attribute;
    SW_TRY(resolve(xml, element, e->prefix, &e->uri, err));
    for (size_t i = 0; i < e->attribute_count; i++)
        if (!list[i].declares && list[i].prefix.size > 0)
            SW_TRY(resolve(xml, element, list[i].prefix, &list[i].uri, err));
    for (size_t i = 0; i < e->attribute_count; i++)
        for (size_t k = 0; k < i; k++)
            if (list[i].declares == list[k].declares &&
                sw_bytes_equal(list[i].local, list[k].local) &&
                sw_bytes_equal(list[i].uri, list[k].uri))
                return BROKEN(err, "the attribute %.*s stands twice in the element at offset %zu",
                              (int)list[i].local.size, (const char *)list[i].local.data, e->start);
    return SW_OK;
}

/* ---- tags ---- */
static sw_status attribute_value(scan *s, sw_bytes *out, sw_error *err) {
    if (take(s, "='")) return BROKEN(err, "an attribute in single quotes at offset %zu", s->at - 1);
    if (!take(s, "=\"")) return BROKEN(err, "no =\" behind the attribute at offset %zu", s->at);
    size_t from = s->at;
    for (; peek(s) != '"'; s->at++) {
        if (s->at == s->xml->text.size) return BROKEN(err, "the manifest ends inside an attribute");
        if (peek(s) == '<' || peek(s) == '\t' || peek(s) == '\n')
            return BROKEN(err, "a line end, a tab or a < in the attribute at offset %zu", from);
    }
    *out = SW_BYTES(s->xml->text.data + from, s->at - from);
    s->at++;
    return SW_OK;
}

static sw_status attribute_parse(scan *s, sw_rim_element *e, sw_error *err) {
    sw_rim_xml *xml = s->xml;
    size_t at = s->at;
    if (e->attribute_count == SW_RIM_ATTRIBUTE_LIMIT ||
        xml->attribute_count == SW_RIM_ATTRIBUTES_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "too many attributes at offset %zu", at);
    sw_rim_attribute *a = &xml->attributes[xml->attribute_count]; /* each takes one = (places) */
    SW_TRY(qualified_name(s, &a->prefix, &a->local, err));
    SW_TRY(attribute_value(s, &a->value, err));
    bool the_default = a->prefix.size == 0 && sw_bytes_is(a->local, "xmlns");
    if (the_default) a->local.size = 0;
    a->declares = the_default || sw_bytes_is(a->prefix, "xmlns");
    xml->attribute_count++;
    e->attribute_count++;
    return a->declares ? declaration_check(s, a, at, err) : SW_OK;
}

static void element_close(scan *s, sw_rim_element *e) {
    e->end = s->at;
    e->behind = s->xml->element_count;
    s->open = e->parent;
}

static sw_status element_open(scan *s, size_t start, sw_rim_element **out, sw_error *err) {
    sw_rim_xml *xml = s->xml;
    bool root = s->open == SW_RIM_NOWHERE;
    size_t depth = root ? 0 : xml->elements[s->open].depth + 1;
    if (root && xml->element_count > 0)
        return BROKEN(err, "a second root element at offset %zu", start);
    if (depth == SW_RIM_DEPTH_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "more than %d elements inside each other",
                       SW_RIM_DEPTH_LIMIT);
    if (xml->element_count == SW_RIM_ELEMENT_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "more than %d elements", SW_RIM_ELEMENT_LIMIT);
    sw_rim_element *e = &xml->elements[xml->element_count];
    *e = (sw_rim_element){
        .parent = s->open, .depth = depth, .start = start, .first_attribute = xml->attribute_count};
    s->open = xml->element_count++;
    *out = e;
    return SW_OK;
}

static sw_status start_tag(scan *s, size_t start, sw_error *err) {
    sw_rim_element *e = NULL;
    SW_TRY(element_open(s, start, &e, err));
    SW_TRY(qualified_name(s, &e->prefix, &e->local, err));
    bool apart = skip_space(s), closed = false;
    while (!(closed = take(s, "/>")) && !take(s, ">")) {
        if (s->at == s->xml->text.size) return BROKEN(err, "the manifest ends inside a tag");
        if (!apart) return BROKEN(err, "no space before the attribute at offset %zu", s->at);
        SW_TRY(attribute_parse(s, e, err));
        apart = skip_space(s);
    }
    SW_TRY(names_resolve(s->xml, s->open, err));
    e->content = e->content_end = s->at;
    if (closed) element_close(s, e);
    return SW_OK;
}

static sw_status end_tag(scan *s, size_t start, sw_error *err) {
    sw_bytes prefix, local;
    if (s->open == SW_RIM_NOWHERE) return BROKEN(err, "an end tag too many at offset %zu", start);
    sw_rim_element *e = &s->xml->elements[s->open];
    SW_TRY(qualified_name(s, &prefix, &local, err));
    (void)skip_space(s);
    if (!take(s, ">")) return BROKEN(err, "the end tag at offset %zu does not end", start);
    if (!sw_bytes_equal(prefix, e->prefix) || !sw_bytes_equal(local, e->local))
        return BROKEN(err, "the end tag at offset %zu is not of the element that is open", start);
    e->content_end = start;
    element_close(s, e);
    return SW_OK;
}

/* ---- the document ---- */
static sw_status foreign_markup(const scan *s, size_t start, sw_error *err) {
    static const struct {
        const char *opening, *name;
    } kinds[] = {{"<?xml ", "an XML declaration"},
                 {"<?", "a processing instruction"},
                 {"<!--", "a comment"},
                 {"<![CDATA[", "a CDATA section"},
                 {"<!DOCTYPE", "a DTD"},
                 {"<!", "a declaration"}};
    sw_bytes rest = SW_BYTES(s->xml->text.data + start, s->xml->text.size - start);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (sw_bytes_starts(rest, sw_text(kinds[i].opening)))
            return BROKEN(err, "%s at offset %zu", kinds[i].name, start);
    return SW_OK;
}

static sw_status markup(scan *s, sw_error *err) {
    size_t start = s->at++;
    SW_TRY(foreign_markup(s, start, err));
    return take(s, "/") ? end_tag(s, start, err) : start_tag(s, start, err);
}

/* Up to the next tag. */
static sw_status text_run(scan *s, sw_error *err) {
    bool any = false;
    size_t from = s->at;
    for (; s->at < s->xml->text.size && peek(s) != '<'; s->at++) {
        if (peek(s) == '>') return BROKEN(err, "a > outside of a tag at offset %zu", s->at);
        any = any || !is_space(peek(s));
    }
    if (s->open != SW_RIM_NOWHERE) {
        if (any) s->xml->elements[s->open].has_text = true;
        return SW_OK;
    }
    if (!any && s->xml->element_count > 0) return SW_OK;
    return BROKEN(err, "something stands outside of the root element at offset %zu", from);
}

/* Places for `limit`, or for fewer when `mark`, without which none begins, stands there less often.
 */
static size_t places(sw_bytes text, char mark, size_t limit) {
    size_t count = 1;
    for (size_t i = 0; i < text.size && count < limit; i++) count += text.data[i] == (uint8_t)mark;
    return count;
}

sw_status sw_rim_xml_parse(sw_arena *a, sw_bytes text, sw_rim_xml *out, sw_error *err) {
    SW_TRY(characters_check(text, err));
    size_t elements = places(text, '<', SW_RIM_ELEMENT_LIMIT);
    size_t attributes = places(text, '=', SW_RIM_ATTRIBUTES_LIMIT);
    sw_rim_xml xml = {.text = text,
                      .elements = SW_ARENA_NEW(a, sw_rim_element, elements),
                      .attributes = SW_ARENA_NEW(a, sw_rim_attribute, attributes)};
    if (xml.elements == NULL || xml.attributes == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a manifest");
    scan s = {.xml = &xml, .open = SW_RIM_NOWHERE};
    while (s.at < text.size) SW_TRY(peek(&s) == '<' ? markup(&s, err) : text_run(&s, err));
    if (xml.element_count == 0) return BROKEN(err, "the manifest is empty");
    if (s.open != SW_RIM_NOWHERE)
        return BROKEN(err, "the manifest ends inside the element at offset %zu",
                      xml.elements[s.open].start);
    *out = xml;
    return SW_OK;
}

/* ---- what is asked of the table ---- */
bool sw_rim_is(const sw_rim_xml *xml, size_t element, const char *uri, const char *local) {
    const sw_rim_element *e = &xml->elements[element];
    return sw_bytes_is(e->uri, uri) && sw_bytes_is(e->local, local);
}

const sw_rim_attribute *sw_rim_attribute_find(const sw_rim_xml *xml, size_t element,
                                              const char *uri, const char *local) {
    const sw_rim_element *e = &xml->elements[element];
    for (size_t i = 0; i < e->attribute_count; i++) {
        const sw_rim_attribute *a = &xml->attributes[e->first_attribute + i];
        if (!a->declares && sw_bytes_is(a->uri, uri) && sw_bytes_is(a->local, local)) return a;
    }
    return NULL;
}

size_t sw_rim_child(const sw_rim_xml *xml, size_t parent, size_t from) {
    if (from <= parent) from = parent + 1;
    return from < xml->elements[parent].behind ? from : SW_RIM_NOWHERE;
}
