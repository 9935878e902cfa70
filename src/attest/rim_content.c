/* SPDX-License-Identifier: Apache-2.0
 *
 * What a manifest says (GPU-140 to GPU-143): its version and names, and by index the values that a
 * device may report.
 */
#include "attest/rim_internal.h"
#include "codec/text.h"

#include <stdio.h>
#include <string.h>

/* ---- texts ---- */
static bool version_character(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_';
}

static bool printable(uint8_t c) {
    return c >= 0x20 && c < 0x7f;
}

typedef struct text_rule {
    const char *name;
    size_t size; /* of the place, its NUL with it */
    bool (*allowed)(uint8_t c);
    bool needed;
} text_rule;

static sw_status text_read(const sw_rim_xml *xml, size_t element, const text_rule *rule, char *out,
                           sw_error *err) {
    const sw_rim_attribute *a = sw_rim_attribute_find(xml, element, "", rule->name);
    out[0] = 0;
    if (a == NULL && !rule->needed) return SW_OK;
    if (a == NULL || a->value.size == 0) return BROKEN(err, "the manifest has no %s", rule->name);
    if (a->value.size >= rule->size)
        return sw_fail(err, SW_LIMIT, "evidence", "the manifest's %s has more than %zu bytes",
                       rule->name, rule->size - 1);
    for (size_t i = 0; i < a->value.size; i++)
        if (!rule->allowed(a->value.data[i]))
            return BROKEN(err, "the manifest's %s has a character that it may not have",
                          rule->name);
    memcpy(out, a->value.data, a->value.size);
    out[a->value.size] = 0;
    return SW_OK;
}

/* ---- entries ---- */
/* Decimal below `limit`, in its one spelling. */
static bool number_read(sw_bytes text, size_t limit, size_t *out) {
    size_t value = 0;
    if (text.size == 0 || text.size > 3 || (text.size > 1 && text.data[0] == '0')) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        value = value * 10 + (size_t)(text.data[i] - '0');
    }
    if (value >= limit) return false;
    *out = value;
    return true;
}

static sw_bytes value_of(const sw_rim_xml *xml, size_t resource, const char *uri,
                         const char *local) {
    const sw_rim_attribute *a = sw_rim_attribute_find(xml, resource, uri, local);
    if (a == NULL) return (sw_bytes){0};
    return a->value;
}

static sw_status alternatives_read(const sw_rim_xml *xml, size_t resource, size_t index,
                                   sw_rim_entry *e, sw_error *err) {
    for (size_t i = 0; i < e->alternative_count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "Hash%zu", i);
        sw_bytes hex = value_of(xml, resource, SW_RIM_HASH_URI, name);
        if (hex.data == NULL) return BROKEN(err, "the measurement %zu lacks its %s", index, name);
        if (sw_hex_decode(e->alternatives[i], SW_SHA384_BYTES, hex, false, NULL) != SW_OK)
            return BROKEN(err, "%s of the measurement %zu is not %d bytes in lower-case hex", name,
                          index, SW_SHA384_BYTES);
    }
    return SW_OK;
}

/* Every attribute is one of those that were read: the names of the values are as many as
 * `alternatives` says, so counting is enough. */
static sw_status attributes_check(const sw_rim_xml *xml, size_t resource, size_t index,
                                  const sw_rim_entry *e, sw_error *err) {
    static const char *const plain[] = {"type", "index", "active", "alternatives", "name", "size"};
    const sw_rim_element *r = &xml->elements[resource];
    size_t known = e->alternative_count, there = 0;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        known += sw_rim_attribute_find(xml, resource, "", plain[i]) != NULL;
    for (size_t i = 0; i < r->attribute_count; i++)
        there += !xml->attributes[r->first_attribute + i].declares;
    if (known == there) return SW_OK;
    return BROKEN(err,
                  "the measurement %zu has other values or attributes than its %zu alternatives",
                  index, e->alternative_count);
}

static sw_status entry_read(const sw_rim_xml *xml, size_t resource, size_t index, sw_rim_entry *e,
                            sw_error *err) {
    sw_bytes active = value_of(xml, resource, "", "active");
    if (!sw_bytes_is(value_of(xml, resource, "", "type"), "Measurement"))
        return BROKEN(err, "the resource %zu is not a measurement", index);
    if (!sw_bytes_is(value_of(xml, resource, "", "size"), "48"))
        return BROKEN(err, "the measurement %zu is not of 48 bytes", index);
    e->active = sw_bytes_is(active, "True");
    if (!e->active && !sw_bytes_is(active, "False"))
        return BROKEN(err, "the measurement %zu is neither active nor inactive", index);
    size_t count = 0;
    if (!number_read(value_of(xml, resource, "", "alternatives"), SW_RIM_ALTERNATIVE_LIMIT + 1,
                     &count) ||
        count == 0)
        return BROKEN(err, "the measurement %zu has no number of alternatives from 1 to %d", index,
                      SW_RIM_ALTERNATIVE_LIMIT);
    e->alternative_count = count;
    SW_TRY(alternatives_read(xml, resource, index, e, err));
    return attributes_check(xml, resource, index, e, err);
}

static sw_status entries_read(const sw_rim_xml *xml, size_t payload, sw_rim *out, sw_error *err) {
    bool seen[SW_RIM_INDEX_LIMIT] = {false};
    for (size_t r = sw_rim_child(xml, payload, 0); r != SW_RIM_NOWHERE;
         r = sw_rim_child(xml, payload, xml->elements[r].behind)) {
        size_t index = 0;
        if (!sw_rim_is(xml, r, SW_RIM_SWID_URI, "Resource") ||
            sw_rim_child(xml, r, 0) != SW_RIM_NOWHERE)
            return BROKEN(err, "the payload's element at offset %zu is not a resource",
                          xml->elements[r].start);
        if (!number_read(value_of(xml, r, "", "index"), SW_RIM_INDEX_LIMIT, &index))
            return BROKEN(err, "the resource at offset %zu has no index from 0 to %d",
                          xml->elements[r].start, SW_RIM_INDEX_LIMIT - 1);
        if (seen[index]) return BROKEN(err, "the measurement %zu stands there twice", index);
        seen[index] = true;
        SW_TRY(entry_read(xml, r, index, &out->entries[index], err));
        out->active_count += out->entries[index].active;
    }
    if (out->active_count > 0) return SW_OK;
    return REFUSE(err, "the manifest has no active measurement");
}

sw_status sw_rim_content(const sw_rim_xml *xml, const sw_rim_parts *parts, sw_rim *out,
                         sw_error *err) {
    const text_rule version = {"colloquialVersion", sizeof out->version, version_character, true};
    const text_rule product = {"product", sizeof out->product, printable, false};
    const text_rule edition = {"edition", sizeof out->edition, printable, false};
    const text_rule name = {"name", sizeof out->name, printable, false};
    SW_TRY(text_read(xml, parts->meta, &version, out->version, err));
    SW_TRY(text_read(xml, parts->meta, &product, out->product, err));
    SW_TRY(text_read(xml, parts->meta, &edition, out->edition, err));
    SW_TRY(text_read(xml, 0, &name, out->name, err));
    return entries_read(xml, parts->payload, out, err);
}
