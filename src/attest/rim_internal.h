/* SPDX-License-Identifier: Apache-2.0
 *
 * A manifest's XML as a flat table, its canonical form, and where its parts are: what the files of
 * rim.h share.
 */
#ifndef SW_ATTEST_RIM_INTERNAL_H
#define SW_ATTEST_RIM_INTERNAL_H
#include "attest/rim.h"

/* "return REFUSE(err, ...)" and "return BROKEN(err, ...)": not true, and not of its layout. */
#define REFUSE(err, ...) sw_fail((err), SW_REFUSED, "evidence", __VA_ARGS__)
#define BROKEN(err, ...) sw_fail((err), SW_MALFORMED, "evidence", __VA_ARGS__)

#define SW_RIM_SWID_URI "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
#define SW_RIM_HASH_URI "http://www.w3.org/2001/04/xmlenc#sha384"
#define SW_RIM_TCG_URI                                                                             \
    "https://trustedcomputinggroup.org/resource/"                                                  \
    "tcg-reference-integrity-manifest-rim-information-model/"
#define SW_RIM_DS_URI        "http://www.w3.org/2000/09/xmldsig#"
#define SW_RIM_C14N_URI      "http://www.w3.org/2006/12/xml-c14n11"
#define SW_RIM_ECDSA_URI     "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
#define SW_RIM_SHA384_URI    "http://www.w3.org/2001/04/xmldsig-more#sha384"
#define SW_RIM_ENVELOPED_URI "http://www.w3.org/2000/09/xmldsig#enveloped-signature"

/* ---- XML: elements in the order of the document ---- */
enum {
    SW_RIM_ELEMENT_LIMIT = 256,
    SW_RIM_ATTRIBUTE_LIMIT = 32, /* of one element, namespace declarations with them */
    SW_RIM_ATTRIBUTES_LIMIT = 2048,
    SW_RIM_NAMESPACE_LIMIT = 32, /* declarations in one document */
    SW_RIM_NAME_LIMIT = 64,      /* bytes of a prefix or of a local name */
    SW_RIM_DEPTH_LIMIT = 8
};
#define SW_RIM_NOWHERE SIZE_MAX /* the root's parent */

typedef struct sw_rim_attribute {
    bool declares; /* a namespace: local is the prefix (empty: the default), value its URI */
    sw_bytes prefix, local, value; /* views into the text */
    sw_bytes uri;                  /* the prefix's namespace; empty without prefix */
} sw_rim_attribute;
typedef struct sw_rim_element {
    size_t parent, behind; /* indices: behind is the first element outside its subtree */
    size_t depth;          /* of the root: 0 */
    sw_bytes prefix, local, uri;
    size_t first_attribute, attribute_count;
    size_t start, content, content_end, end; /* offsets: <, behind >, the end tag's <, behind it */
    bool has_text;                           /* more than white space stands between its children */
} sw_rim_element;
typedef struct sw_rim_xml {
    sw_bytes text;
    sw_rim_element *elements; /* of the arena; [0] is the root */
    size_t element_count;
    sw_rim_attribute *attributes;
    size_t attribute_count, namespace_count;
} sw_rim_xml;
/* SW_LIMIT and SW_MALFORMED "evidence" with the offset; views into `text`. */
SW_NODISCARD sw_status sw_rim_xml_parse(sw_arena *a, sw_bytes text, sw_rim_xml *out, sw_error *err);
/* The URI that `prefix` (empty: the default) stands for inside `element`; {NULL, 0}: none. */
sw_bytes sw_rim_namespace(const sw_rim_xml *xml, size_t element, sw_bytes prefix);
bool sw_rim_is(const sw_rim_xml *xml, size_t element, const char *uri, const char *local);
/* NULL when absent; `uri` "" for attributes without prefix. */
const sw_rim_attribute *sw_rim_attribute_find(const sw_rim_xml *xml, size_t element,
                                              const char *uri, const char *local);
/* The first child at or behind index `from`; SW_RIM_NOWHERE when there is none. */
size_t sw_rim_child(const sw_rim_xml *xml, size_t parent, size_t from);

/* ---- C14N 1.1 of the subtree of `apex`, without the subtree of `without` (SW_RIM_NOWHERE: whole).
 * The apex's tag carries all namespaces in scope, whoever declared them. ---- */
#define SW_RIM_CANONICAL_LIMIT (4 * SW_RIM_LIMIT)
void sw_rim_canonical_put(sw_buffer *out, const sw_rim_xml *xml, size_t apex, size_t without);

/* ---- a manifest's parts, found by their structure alone ---- */
typedef struct sw_rim_parts { /* indices of elements */
    size_t meta, payload, signature, signed_info, digest_value, signature_value, x509_data;
} sw_rim_parts;
/* The one Signature, the root's last child, with its SignedInfo first. */
SW_NODISCARD sw_status sw_rim_signature_find(const sw_rim_xml *xml, size_t *signature,
                                             size_t *signed_info, sw_error *err);
SW_NODISCARD sw_status sw_rim_parts_find(const sw_rim_xml *xml, sw_rim_parts *out, sw_error *err);
/* Base64 between the tags of an element without children; line ends are dropped. */
SW_NODISCARD sw_status sw_rim_base64(const sw_rim_xml *xml, size_t element, sw_buffer *out,
                                     sw_error *err);
/* Into out->chain, in their order. */
SW_NODISCARD sw_status sw_rim_certificates(const sw_rim_xml *xml, const sw_rim_parts *parts,
                                           sw_rim *out, sw_error *err);
/* ---- a manifest on its way to a verdict ---- */
typedef struct sw_rim_reading {
    sw_arena arena;
    sw_rim_xml xml;
    sw_rim_parts parts;
    sw_rim *rim; /* the caller's; holds the certificates, and once judged the rest */
} sw_rim_reading;
void sw_rim_reading_free(sw_rim_reading *r);
/* GPU-130 up to the first signature: structure, digest, certificates. `rim` is of zeros. */
SW_NODISCARD sw_status sw_rim_read(sw_bytes xml, sw_rim *rim, sw_rim_reading *out, sw_error *err);
/* The signatures, and then what it says. With `path_held` the certificates are those of a manifest
 * that held in this verdict, byte for byte, and their path is not judged again (GPU-137). */
SW_NODISCARD sw_status sw_rim_judge(sw_rim_reading *r, bool path_held, const sw_hash *anchor,
                                    int64_t wall_ms, sw_error *err);
bool sw_rim_same_chain(const sw_rim *a, const sw_rim *b);
/* Names, versions and entries. */
SW_NODISCARD sw_status sw_rim_content(const sw_rim_xml *xml, const sw_rim_parts *parts, sw_rim *out,
                                      sw_error *err);
#endif
