/* SPDX-License-Identifier: Apache-2.0
 *
 * Canonical XML 1.1 of the subset that rim_xml.c lets in (GPU-110 to GPU-113).
 *
 * In this subset nothing between tags changes, so the canonical form is the text with its tags
 * written anew: declarations that are not yet in force, by prefix, then attributes by namespace and
 * name, one space before each, and an end tag for every element. Elements stand in the table in the
 * order of the document, so a walk along it with the innermost open element in hand is enough.
 */
#include "attest/rim_internal.h"

#include <string.h>

/* What one start tag shows: its own, and for the apex the namespaces of those around it. */
typedef struct shown {
    const sw_rim_attribute *list[SW_RIM_ATTRIBUTE_LIMIT + SW_RIM_NAMESPACE_LIMIT];
    size_t count;
} shown;

static bool comes_before(const sw_rim_attribute *a, const sw_rim_attribute *b) {
    if (a->declares != b->declares) return a->declares;
    int order = a->declares ? 0 : sw_bytes_compare(a->uri, b->uri);
    return (order != 0 ? order : sw_bytes_compare(a->local, b->local)) < 0;
}

static void insert(shown *s, const sw_rim_attribute *a) {
    size_t at = s->count++;
    for (; at > 0 && comes_before(a, s->list[at - 1]); at--) s->list[at] = s->list[at - 1];
    s->list[at] = a;
}

static bool declared(const shown *s, sw_bytes prefix) {
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i]->declares && sw_bytes_equal(s->list[i]->local, prefix)) return true;
    return false;
}

static bool in_force_outside(const sw_rim_xml *xml, const sw_rim_element *e,
                             const sw_rim_attribute *a) {
    if (e->parent == SW_RIM_NOWHERE) return false;
    sw_bytes there = sw_rim_namespace(xml, e->parent, a->local);
    return there.data != NULL && sw_bytes_equal(there, a->value);
}

static void collect(shown *s, const sw_rim_xml *xml, const sw_rim_element *e, bool apex) {
    for (size_t i = 0; i < e->attribute_count; i++) {
        const sw_rim_attribute *a = &xml->attributes[e->first_attribute + i];
        if (apex || !a->declares || !in_force_outside(xml, e, a)) insert(s, a);
    }
    size_t above = apex ? e->parent : SW_RIM_NOWHERE;
    for (; above != SW_RIM_NOWHERE; above = xml->elements[above].parent)
        for (size_t i = 0; i < xml->elements[above].attribute_count; i++) {
            const sw_rim_attribute *a = &xml->attributes[xml->elements[above].first_attribute + i];
            if (a->declares && !declared(s, a->local)) insert(s, a);
        }
}

static void put_name(sw_buffer *out, sw_bytes prefix, sw_bytes local) {
    sw_put_bytes(out, prefix);
    if (prefix.size > 0) sw_put_u8(out, ':');
    sw_put_bytes(out, local);
}

static void put_attribute(sw_buffer *out, const sw_rim_attribute *a) {
    sw_put_u8(out, ' ');
    if (!a->declares)
        put_name(out, a->prefix, a->local);
    else if (a->local.size == 0)
        sw_put_text(out, "xmlns");
    else
        put_name(out, SW_LITERAL("xmlns"), a->local);
    sw_put_text(out, "=\"");
    sw_put_bytes(out, a->value);
    sw_put_u8(out, '"');
}

static void put_start(sw_buffer *out, const sw_rim_xml *xml, const sw_rim_element *e, bool apex) {
    shown s = {.count = 0};
    collect(&s, xml, e, apex);
    sw_put_u8(out, '<');
    put_name(out, e->prefix, e->local);
    for (size_t i = 0; i < s.count; i++) put_attribute(out, s.list[i]);
    sw_put_u8(out, '>');
}

typedef struct walk {
    const sw_rim_xml *xml;
    sw_buffer *out;
    size_t open, at; /* innermost open element; the text up to here was written */
} walk;

static void put_text_to(walk *w, size_t end) {
    sw_put_bytes(w->out, SW_BYTES(w->xml->text.data + w->at, end - w->at));
}

static void open_element(walk *w, size_t element, bool apex) {
    const sw_rim_element *e = &w->xml->elements[element];
    put_start(w->out, w->xml, e, apex);
    w->open = element;
    w->at = e->content;
}

static void close_element(walk *w) {
    const sw_rim_element *e = &w->xml->elements[w->open];
    put_text_to(w, e->content_end);
    sw_put_text(w->out, "</");
    put_name(w->out, e->prefix, e->local);
    sw_put_u8(w->out, '>');
    w->open = e->parent;
    w->at = e->end;
}

void sw_rim_canonical_put(sw_buffer *out, const sw_rim_xml *xml, size_t apex, size_t without) {
    walk w = {.xml = xml, .out = out};
    open_element(&w, apex, true);
    for (size_t i = apex + 1; i < xml->elements[apex].behind;) {
        const sw_rim_element *e = &xml->elements[i];
        while (w.open != e->parent) close_element(&w);
        put_text_to(&w, e->start);
        if (i == without) {
            w.at = e->end;
            i = e->behind;
        } else {
            open_element(&w, i++, false);
        }
    }
    while (w.open != xml->elements[apex].parent) close_element(&w);
}

sw_status sw_rim_canonical(sw_bytes xml, sw_buffer *document, sw_buffer *signed_info,
                           sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) whole = SW_BUFFER(SW_RIM_CANONICAL_LIMIT);
    SW_SCOPED(sw_buffer) part = SW_BUFFER(SW_RIM_CANONICAL_LIMIT);
    sw_rim_xml table;
    size_t signature = 0, info = 0;
    SW_TRY(sw_rim_xml_parse(&a, xml, &table, err));
    SW_TRY(sw_rim_signature_find(&table, &signature, &info, err));
    sw_rim_canonical_put(&whole, &table, 0, signature);
    sw_rim_canonical_put(&part, &table, info, SW_RIM_NOWHERE);
    SW_TRY(sw_buffer_check(&whole, "a canonical manifest", err));
    SW_TRY(sw_buffer_check(&part, "a canonical SignedInfo", err));
    sw_put_bytes(document, sw_buffer_bytes(&whole));
    sw_put_bytes(signed_info, sw_buffer_bytes(&part));
    SW_TRY(sw_buffer_check(document, "a canonical manifest", err));
    return sw_buffer_check(signed_info, "a canonical SignedInfo", err);
}
