/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands where in a manifest (GPU-120 to GPU-125): one structure, element by element, so that
 * what is signed and what is read cannot be two places.
 *
 * Names are compared by namespace and local name, never by prefix. An element, an attribute of a
 * measurement or a text that the structure does not name is refused.
 */
#include "attest/rim_internal.h"
#include "codec/text.h"

#include <string.h>

/* ---- elements ---- */
#define NAME_OF(xml, element)                                                                      \
    (int)(xml)->elements[element].local.size, (const char *)(xml)->elements[element].local.data

static sw_status unexpected(const sw_rim_xml *xml, size_t element, sw_error *err) {
    return BROKEN(err, "the element %.*s at offset %zu is not one that a manifest has there",
                  NAME_OF(xml, element), xml->elements[element].start);
}

/* The children of `parent` are these, in this order, and no others; `out` has as many places. */
static sw_status children_are(const sw_rim_xml *xml, size_t parent, const char *uri,
                              const char *const *names, size_t count, size_t *out, sw_error *err) {
    size_t child = sw_rim_child(xml, parent, 0);
    for (size_t i = 0; i < count; i++) {
        if (child == SW_RIM_NOWHERE)
            return BROKEN(err, "the element %.*s lacks its %s", NAME_OF(xml, parent), names[i]);
        if (!sw_rim_is(xml, child, uri, names[i])) return unexpected(xml, child, err);
        out[i] = child;
        child = sw_rim_child(xml, parent, xml->elements[child].behind);
    }
    return child == SW_RIM_NOWHERE ? SW_OK : unexpected(xml, child, err);
}

static size_t count_named(const sw_rim_xml *xml, const char *uri, const char *local) {
    size_t count = 0;
    for (size_t i = 0; i < xml->element_count; i++) count += sw_rim_is(xml, i, uri, local);
    return count;
}

static sw_status no_children(const sw_rim_xml *xml, size_t element, sw_error *err) {
    size_t child = sw_rim_child(xml, element, 0);
    return child == SW_RIM_NOWHERE ? SW_OK : unexpected(xml, child, err);
}

/* Three elements hold text, and nothing else does. */
static sw_status text_check(const sw_rim_xml *xml, sw_error *err) {
    static const char *const holders[] = {"DigestValue", "SignatureValue", "X509Certificate"};
    for (size_t i = 0; i < xml->element_count; i++) {
        bool may = false;
        for (size_t k = 0; k < sizeof holders / sizeof holders[0]; k++)
            may = may || sw_rim_is(xml, i, SW_RIM_DS_URI, holders[k]);
        if (xml->elements[i].has_text && !may)
            return BROKEN(err, "text stands in the element %.*s at offset %zu", NAME_OF(xml, i),
                          xml->elements[i].start);
    }
    return SW_OK;
}

/* ---- attributes ---- */
/* Besides declarations. */
static sw_status attributes_count(const sw_rim_xml *xml, size_t element, size_t count,
                                  sw_error *err) {
    const sw_rim_element *e = &xml->elements[element];
    size_t there = 0;
    for (size_t i = 0; i < e->attribute_count; i++)
        there += !xml->attributes[e->first_attribute + i].declares;
    if (there == count) return SW_OK;
    return BROKEN(err, "the element %.*s at offset %zu has %zu attributes, not %zu",
                  NAME_OF(xml, element), e->start, there, count);
}

static sw_status attribute_is(const sw_rim_xml *xml, size_t element, const char *local,
                              const char *value, sw_error *err) {
    const sw_rim_attribute *a = sw_rim_attribute_find(xml, element, "", local);
    if (a == NULL)
        return BROKEN(err, "the element %.*s at offset %zu lacks its %s", NAME_OF(xml, element),
                      xml->elements[element].start, local);
    if (sw_bytes_is(a->value, value)) return SW_OK;
    return REFUSE(err, "the %s of the element %.*s at offset %zu is not \"%s\"", local,
                  NAME_OF(xml, element), xml->elements[element].start, value);
}

/* Its one attribute, and nothing inside. */
static sw_status algorithm_is(const sw_rim_xml *xml, size_t element, const char *uri,
                              sw_error *err) {
    SW_TRY(no_children(xml, element, err));
    SW_TRY(attribute_is(xml, element, "Algorithm", uri, err));
    return attributes_count(xml, element, 1, err);
}

/* ---- the signature ---- */
sw_status sw_rim_signature_find(const sw_rim_xml *xml, size_t *signature, size_t *signed_info,
                                sw_error *err) {
    size_t last = SW_RIM_NOWHERE, count = count_named(xml, SW_RIM_DS_URI, "Signature");
    if (count != 1) return BROKEN(err, "the manifest has %zu signatures, not one", count);
    for (size_t c = sw_rim_child(xml, 0, 0); c != SW_RIM_NOWHERE;
         c = sw_rim_child(xml, 0, xml->elements[c].behind))
        last = c;
    if (last == SW_RIM_NOWHERE || !sw_rim_is(xml, last, SW_RIM_DS_URI, "Signature"))
        return BROKEN(err, "the signature is not the last child of the root element");
    size_t first = sw_rim_child(xml, last, 0);
    if (first == SW_RIM_NOWHERE || !sw_rim_is(xml, first, SW_RIM_DS_URI, "SignedInfo"))
        return BROKEN(err, "the signature does not open with its SignedInfo");
    *signature = last;
    *signed_info = first;
    return SW_OK;
}

static sw_status reference_check(const sw_rim_xml *xml, size_t reference, size_t *digest_value,
                                 sw_error *err) {
    static const char *const names[] = {"Transforms", "DigestMethod", "DigestValue"};
    static const char *const transforms[] = {"Transform", "Transform"};
    size_t parts[3] = {0}, transform[2] = {0};
    SW_TRY(attribute_is(xml, reference, "URI", "", err));
    SW_TRY(attributes_count(xml, reference, 1, err));
    SW_TRY(children_are(xml, reference, SW_RIM_DS_URI, names, 3, parts, err));
    SW_TRY(attributes_count(xml, parts[0], 0, err));
    SW_TRY(children_are(xml, parts[0], SW_RIM_DS_URI, transforms, 2, transform, err));
    SW_TRY(algorithm_is(xml, transform[0], SW_RIM_ENVELOPED_URI, err));
    SW_TRY(algorithm_is(xml, transform[1], SW_RIM_C14N_URI, err));
    SW_TRY(algorithm_is(xml, parts[1], SW_RIM_SHA384_URI, err));
    *digest_value = parts[2];
    return attributes_count(xml, parts[2], 0, err);
}

static sw_status signed_info_check(const sw_rim_xml *xml, size_t info, size_t *digest_value,
                                   sw_error *err) {
    static const char *const names[] = {"CanonicalizationMethod", "SignatureMethod", "Reference"};
    size_t parts[3] = {0}, references = count_named(xml, SW_RIM_DS_URI, "Reference");
    if (references != 1)
        return BROKEN(err, "the manifest's signature has %zu references, not one", references);
    SW_TRY(attributes_count(xml, info, 0, err));
    SW_TRY(children_are(xml, info, SW_RIM_DS_URI, names, 3, parts, err));
    SW_TRY(algorithm_is(xml, parts[0], SW_RIM_C14N_URI, err));
    SW_TRY(algorithm_is(xml, parts[1], SW_RIM_ECDSA_URI, err));
    return reference_check(xml, parts[2], digest_value, err);
}

static sw_status signature_check(const sw_rim_xml *xml, sw_rim_parts *p, sw_error *err) {
    static const char *const names[] = {"SignedInfo", "SignatureValue", "KeyInfo"};
    static const char *const data[] = {"X509Data"};
    size_t parts[3] = {0};
    SW_TRY(attributes_count(xml, p->signature, 0, err));
    SW_TRY(children_are(xml, p->signature, SW_RIM_DS_URI, names, 3, parts, err));
    SW_TRY(signed_info_check(xml, parts[0], &p->digest_value, err));
    SW_TRY(attributes_count(xml, parts[1], 0, err));
    SW_TRY(attributes_count(xml, parts[2], 0, err));
    SW_TRY(children_are(xml, parts[2], SW_RIM_DS_URI, data, 1, &p->x509_data, err));
    p->signature_value = parts[1];
    return attributes_count(xml, p->x509_data, 0, err);
}

sw_status sw_rim_parts_find(const sw_rim_xml *xml, sw_rim_parts *out, sw_error *err) {
    static const char *const names[] = {"Entity", "Meta", "Payload"};
    size_t parts[3] = {0};
    sw_rim_parts p = {0};
    if (!sw_rim_is(xml, 0, SW_RIM_SWID_URI, "SoftwareIdentity"))
        return BROKEN(err, "the root element is not SoftwareIdentity of ISO 19770-2");
    SW_TRY(sw_rim_signature_find(xml, &p.signature, &p.signed_info, err));
    size_t child = 0;
    for (size_t i = 0; i < 3; i++) {
        child = sw_rim_child(xml, 0, child == 0 ? 0 : xml->elements[child].behind);
        if (!sw_rim_is(xml, child, SW_RIM_SWID_URI, names[i])) return unexpected(xml, child, err);
        parts[i] = child;
    }
    if (xml->elements[child].behind != p.signature)
        return unexpected(xml, xml->elements[child].behind, err);
    SW_TRY(no_children(xml, parts[0], err));
    SW_TRY(no_children(xml, parts[1], err));
    SW_TRY(signature_check(xml, &p, err));
    SW_TRY(text_check(xml, err));
    p.meta = parts[1];
    p.payload = parts[2];
    *out = p;
    return SW_OK;
}

sw_status sw_rim_base64(const sw_rim_xml *xml, size_t element, sw_buffer *out, sw_error *err) {
    const sw_rim_element *e = &xml->elements[element];
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_RIM_LIMIT);
    SW_TRY(no_children(xml, element, err));
    for (size_t i = e->content; i < e->content_end; i++)
        if (xml->text.data[i] != '\n') sw_put_u8(&text, xml->text.data[i]);
    SW_TRY(sw_buffer_check(&text, "base64 of a manifest", err));
    if (text.size > 0 && sw_base64_decode(out, sw_buffer_bytes(&text), NULL) == SW_OK) return SW_OK;
    SW_TRY(sw_buffer_check(out, "base64 of a manifest", err));
    return BROKEN(err, "the element %.*s at offset %zu is not base64", NAME_OF(xml, element),
                  e->start);
}

sw_status sw_rim_certificates(const sw_rim_xml *xml, const sw_rim_parts *parts, sw_rim *out,
                              sw_error *err) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(SW_RIM_LIMIT);
    for (size_t c = sw_rim_child(xml, parts->x509_data, 0); c != SW_RIM_NOWHERE;
         c = sw_rim_child(xml, parts->x509_data, xml->elements[c].behind)) {
        if (!sw_rim_is(xml, c, SW_RIM_DS_URI, "X509Certificate")) return unexpected(xml, c, err);
        if (out->chain_count == SW_RIM_CHAIN_LIMIT)
            return sw_fail(err, SW_LIMIT, "evidence", "the manifest has more than %d certificates",
                           SW_RIM_CHAIN_LIMIT);
        SW_TRY(attributes_count(xml, c, 0, err));
        sw_buffer_reset(&der);
        SW_TRY(sw_rim_base64(xml, c, &der, err));
        sw_status status = sw_cert_parse(sw_buffer_bytes(&der), &out->chain[out->chain_count], err);
        if (status == SW_MEMORY) return status;
        if (status != SW_OK)
            return BROKEN(err, "certificate %zu of the manifest is not X.509 in DER",
                          out->chain_count);
        out->chain_count++;
    }
    if (out->chain_count > 0) return SW_OK;
    return BROKEN(err, "the manifest has no certificate");
}
