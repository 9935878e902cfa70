/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a manifest is NVIDIA's (GPU-130 to GPU-136): structure, digest of the canonical document,
 * signature over the canonical SignedInfo, chain to the pinned root at an explicit time; then, and
 * not before, what it says.
 */
#include "attest/rim_internal.h"

#include <string.h>

void sw_rim_free(sw_rim *rim) {
    for (size_t i = 0; i < SW_RIM_CHAIN_LIMIT; i++) sw_cert_free(&rim->chain[i]);
    *rim = (sw_rim){0};
}

static sw_status fixed_base64(const sw_rim_xml *xml, size_t element, const char *what, uint8_t *out,
                              size_t size, sw_error *err) {
    SW_SCOPED(sw_buffer) bytes = SW_BUFFER(SW_RIM_LIMIT);
    SW_TRY(sw_rim_base64(xml, element, &bytes, err));
    if (bytes.size != size)
        return BROKEN(err, "the manifest's %s has %zu bytes, not %zu", what, bytes.size, size);
    memcpy(out, bytes.data, size);
    return SW_OK;
}

static sw_status digest_check(const sw_rim_xml *xml, const sw_rim_parts *parts, sw_error *err) {
    SW_SCOPED(sw_buffer) document = SW_BUFFER(SW_RIM_CANONICAL_LIMIT);
    uint8_t stated[SW_SHA384_BYTES], found[SW_SHA384_BYTES];
    SW_TRY(fixed_base64(xml, parts->digest_value, "digest", stated, sizeof stated, err));
    sw_rim_canonical_put(&document, xml, 0, parts->signature);
    SW_TRY(sw_buffer_check(&document, "a canonical manifest", err));
    sw_sha384(found, sw_buffer_bytes(&document));
    if (memcmp(stated, found, sizeof found) == 0) return SW_OK;
    return REFUSE(err, "the manifest is not the one that was signed: its digest is another");
}

static sw_status signature_check(const sw_rim_xml *xml, const sw_rim_parts *parts,
                                 const sw_cert *leaf, sw_error *err) {
    SW_SCOPED(sw_buffer) info = SW_BUFFER(SW_RIM_CANONICAL_LIMIT);
    uint8_t signature[SW_P384_SIGNATURE_BYTES];
    sw_p384_public key;
    SW_TRY(
        fixed_base64(xml, parts->signature_value, "signature", signature, sizeof signature, err));
    if (sw_cert_key_p384(leaf, &key, NULL) != SW_OK)
        return REFUSE(err, "the key of the manifest's first certificate is not of P-384");
    sw_rim_canonical_put(&info, xml, parts->signed_info, SW_RIM_NOWHERE);
    SW_TRY(sw_buffer_check(&info, "a canonical SignedInfo", err));
    sw_status status = sw_p384_verify_raw(&key, sw_buffer_bytes(&info), signature, err);
    if (status == SW_OK || status == SW_INTERNAL) return status;
    return REFUSE(err, "the manifest's signature by its first certificate does not hold");
}

/* Whoever answers OCSP under the same CA, or is a CA, signs no manifests. keyUsage (RFC
 * 5280 4.2.1.3) is a BIT STRING: after its tag, length and unused bits the first byte has
 * digitalSignature as its highest bit and keyCertSign as its sixth. */
static sw_status signer_check(const sw_cert *leaf, sw_error *err) {
    enum { BIT_STRING = 0x03, DIGITAL_SIGNATURE = 0x80, CERT_SIGN = 0x04 };
    sw_bytes value = {0}, other = {0};
    bool good = sw_cert_extension(leaf, "2.5.29.15", &value, NULL) == SW_OK && value.size >= 4 &&
                value.data[0] == BIT_STRING;
    good = good && (value.data[3] & (DIGITAL_SIGNATURE | CERT_SIGN)) == DIGITAL_SIGNATURE;
    if (good && sw_cert_extension(leaf, "2.5.29.37", &other, NULL) == SW_MISSING) return SW_OK;
    return REFUSE(err, "the manifest's first certificate is not one for signatures alone");
}

/* Every certificate has its place in the chain, leaf first: the path that is found must be the one
 * that is given. */
static sw_status chain_check(sw_rim *rim, bool path_held, const sw_hash *anchor, int64_t wall_ms,
                             sw_error *err) {
    sw_bytes root = sw_cert_der(rim->chain[rim->chain_count - 1]);
    sw_sha256(&rim->anchor, root);
    if (!sw_hash_equal(&rim->anchor, anchor))
        return REFUSE(err, "the manifest's chain does not end in the pinned root");
    sw_status status =
        path_held ? SW_OK : sw_chain_verify_path(rim->chain, rim->chain_count, root, wall_ms, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "the manifest's chain");
        return status;
    }
    SW_TRY(signer_check(rim->chain[0], err));
    sw_cert_validity(rim->chain[0], &rim->signer_from_ms, &rim->valid_until_ms);
    rim->valid_from_ms = rim->signer_from_ms;
    for (size_t i = 1; i < rim->chain_count; i++) {
        int64_t from = 0, until = 0;
        sw_cert_validity(rim->chain[i], &from, &until);
        if (from > rim->valid_from_ms) rim->valid_from_ms = from;
        if (until < rim->valid_until_ms) rim->valid_until_ms = until;
    }
    return SW_OK;
}

/* ---- in two halves ---- */
void sw_rim_reading_free(sw_rim_reading *r) {
    sw_arena_free(&r->arena);
}

static sw_status reading_make(sw_bytes xml, sw_rim_reading *r, sw_error *err) {
    SW_TRY(sw_rim_xml_parse(&r->arena, xml, &r->xml, err));
    SW_TRY(sw_rim_parts_find(&r->xml, &r->parts, err));
    SW_TRY(digest_check(&r->xml, &r->parts, err)); /* of all checks the cheapest, so first */
    return sw_rim_certificates(&r->xml, &r->parts, r->rim, err);
}

sw_status sw_rim_read(sw_bytes xml, sw_rim *rim, sw_rim_reading *out, sw_error *err) {
    sw_rim_reading made = {.rim = rim};
    sw_status status = reading_make(xml, &made, err);
    if (status == SW_OK)
        *out = made;
    else
        sw_rim_reading_free(&made);
    return status;
}

sw_status sw_rim_judge(sw_rim_reading *r, bool path_held, const sw_hash *anchor, int64_t wall_ms,
                       sw_error *err) {
    SW_TRY(signature_check(&r->xml, &r->parts, r->rim->chain[0], err));
    SW_TRY(chain_check(r->rim, path_held, anchor, wall_ms, err));
    return sw_rim_content(&r->xml, &r->parts, r->rim, err);
}

bool sw_rim_same_chain(const sw_rim *a, const sw_rim *b) {
    bool same = a->chain_count == b->chain_count;
    for (size_t i = 0; same && i < a->chain_count; i++)
        same = sw_bytes_equal(sw_cert_der(a->chain[i]), sw_cert_der(b->chain[i]));
    return same;
}

sw_status sw_rim_verify(sw_bytes xml, const sw_hash *anchor, int64_t wall_ms, sw_rim *out,
                        sw_error *err) {
    SW_SCOPED(sw_rim) made = {0};
    SW_SCOPED(sw_rim_reading) r = {0};
    SW_TRY(sw_rim_read(xml, &made, &r, err));
    SW_TRY(sw_rim_judge(&r, false, anchor, wall_ms, err));
    *out = made;
    made = (sw_rim){0};
    return SW_OK;
}
