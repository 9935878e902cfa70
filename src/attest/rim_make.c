/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests of our own devices: the software machine's, and those of the tests (GPU-148).
 *
 * The text is NVIDIA's form to the byte, apart from what it says. What is signed is found by the
 * reader that verifiers use, so there is no second writer of canonical XML.
 */
#include "attest/rim_internal.h"
#include "codec/text.h"

#include <string.h>

enum { LINE_COLUMNS = 64, TAG_TEXT_LIMIT = 512 };

static const char zeros[2 * SW_SHA384_BYTES + 1] =
    "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "0"
    "0";

/* ---- the plan ---- */
static bool plain(const char *text, size_t size) {
    size_t length = text == NULL ? 0 : strlen(text);
    if (length == 0 || length >= size) return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] < 0x20 || text[i] > 0x7e || strchr("&<>\"", text[i]) != NULL) return false;
    return true;
}

static bool version_like(const char *text) {
    return strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_") ==
           strlen(text);
}

static sw_status entries_check(const sw_rim_plan *plan, sw_error *err) {
    size_t active = 0;
    for (size_t i = 0; i < plan->entry_count; i++) {
        const sw_rim_entry *e = &plan->entries[i];
        if (e->alternative_count > SW_RIM_ALTERNATIVE_LIMIT ||
            (e->active && e->alternative_count == 0))
            return sw_fail(err, SW_USAGE, "usage", "measurement %zu has %zu alternatives", i,
                           e->alternative_count);
        active += e->active;
    }
    if (active > 0) return SW_OK;
    return sw_fail(err, SW_USAGE, "usage", "a manifest has no active measurement");
}

static sw_status leaf_check(const sw_rim_plan *plan, sw_error *err) {
    sw_cert *leaf = NULL;
    sw_p384_public stated, own;
    SW_TRY(sw_cert_parse(plan->chain[0], &leaf, err));
    sw_status status = sw_cert_key_p384(leaf, &stated, err);
    sw_cert_free(&leaf);
    SW_TRY(status);
    SW_TRY(sw_p384_derive(plan->secret, &own, err));
    if (memcmp(own.b, stated.b, sizeof own.b) == 0) return SW_OK;
    return sw_fail(err, SW_USAGE, "usage", "the signing key is not the first certificate's");
}

static sw_status plan_check(const sw_rim_plan *plan, sw_error *err) {
    static const sw_rim place = {0};
    if (!plain(plan->version, sizeof place.version) || !version_like(plan->version) ||
        !plain(plan->product, sizeof place.product) || !plain(plan->edition, sizeof place.edition))
        return sw_fail(err, SW_USAGE, "usage",
                       "a manifest's version, product or edition is not short plain text");
    if (plan->entry_count > SW_RIM_INDEX_LIMIT || plan->chain_count < 2 ||
        plan->chain_count > SW_RIM_CHAIN_LIMIT)
        return sw_fail(err, SW_USAGE, "usage", "a manifest has %zu measurements, %zu certificates",
                       plan->entry_count, plan->chain_count);
    SW_TRY(entries_check(plan, err));
    return leaf_check(plan, err);
}

/* ---- text ---- */
static void put_tag_id(sw_buffer *out, const sw_rim_plan *plan) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(TAG_TEXT_LIMIT);
    uint8_t id[SW_SHA384_BYTES];
    sw_put_format(&text, "%s %s %s %s", plan->kind == SW_RIM_DRIVER ? "driver" : "vbios",
                  plan->version, plan->product, plan->edition);
    sw_sha384(id, sw_buffer_bytes(&text));
    sw_hex_encode(out, SW_BYTES_OF(id));
}

static void put_entry(sw_buffer *out, size_t index, const sw_rim_entry *e) {
    size_t count = e->alternative_count == 0 ? 1 : e->alternative_count;
    sw_put_format(out,
                  "        <ns0:Resource type=\"Measurement\" index=\"%zu\" active=\"%s\" "
                  "alternatives=\"%zu\"",
                  index, e->active ? "True" : "False", count);
    for (size_t i = 0; i < count; i++) {
        sw_put_format(out, " ns2:Hash%zu=\"", i);
        if (e->alternative_count == 0)
            sw_put_text(out, zeros);
        else
            sw_hex_encode(out, SW_BYTES_OF(e->alternatives[i]));
        sw_put_u8(out, '"');
    }
    sw_put_format(out, " name=\"Measurement_%zu\" size=\"48\"/>\n", index);
}

/* All but the signature and the root's end tag. */
static void put_head(sw_buffer *out, const sw_rim_plan *plan) {
    sw_put_format(out,
                  "<SoftwareIdentity xmlns=\"%s\" xmlns:ns0=\"%s\" xmlns:ns2=\"%s\" "
                  "corpus=\"false\" name=\"%s\" patch=\"false\" supplemental=\"false\" tagId=\"",
                  SW_RIM_SWID_URI, SW_RIM_SWID_URI, SW_RIM_HASH_URI, plan->product);
    put_tag_id(out, plan);
    sw_put_text(out, "\" version=\"1.0\" tagVersion=\"0\">\n"
                     "    <ns0:Entity name=\"Sealwright\" role=\"softwareCreator tagCreator\"/>\n");
    sw_put_format(out,
                  "    <ns0:Meta xmlns:ns1=\"%s\" colloquialVersion=\"%s\" edition=\"%s\" "
                  "product=\"%s\" revision=\"r1\" PayloadType=\"direct\" "
                  "ns1:BindingSpec=\"RIMIM\" ns1:BindingSpecVersion=\"1.01\"/>\n"
                  "    <ns0:Payload xmlns:SHA384=\"%s\">\n",
                  SW_RIM_TCG_URI, plan->version, plan->edition, plan->product, SW_RIM_HASH_URI);
    for (size_t i = 0; i < plan->entry_count; i++) put_entry(out, i, &plan->entries[i]);
    sw_put_text(out, "    </ns0:Payload>\n");
}

static void put_signed_info(sw_buffer *out, const uint8_t digest[SW_SHA384_BYTES]) {
    sw_put_format(out,
                  "<ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"%s\"/>"
                  "<ds:SignatureMethod Algorithm=\"%s\"/><ds:Reference URI=\"\"><ds:Transforms>"
                  "<ds:Transform Algorithm=\"%s\"/><ds:Transform Algorithm=\"%s\"/>"
                  "</ds:Transforms><ds:DigestMethod Algorithm=\"%s\"/><ds:DigestValue>",
                  SW_RIM_C14N_URI, SW_RIM_ECDSA_URI, SW_RIM_ENVELOPED_URI, SW_RIM_C14N_URI,
                  SW_RIM_SHA384_URI);
    sw_base64_encode(out, SW_BYTES(digest, SW_SHA384_BYTES));
    sw_put_text(out, "</ds:DigestValue></ds:Reference></ds:SignedInfo>");
}

static void put_certificate(sw_buffer *out, sw_bytes der) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_RIM_LIMIT);
    sw_base64_encode(&text, der);
    if (text.failed) sw_buffer_fail(out, text.cause);
    sw_put_text(out, "<ds:X509Certificate>");
    for (size_t at = 0; at < text.size; at += LINE_COLUMNS) {
        size_t left = text.size - at;
        sw_put_bytes(out, SW_BYTES(text.data + at, left < LINE_COLUMNS ? left : LINE_COLUMNS));
        sw_put_u8(out, '\n');
    }
    sw_put_text(out, "</ds:X509Certificate>");
}

typedef struct signed_values {
    uint8_t digest[SW_SHA384_BYTES], signature[SW_P384_SIGNATURE_BYTES];
} signed_values;

static void put_manifest(sw_buffer *out, const sw_rim_plan *plan, const signed_values *values) {
    put_head(out, plan);
    sw_put_format(out, "<ds:Signature xmlns:ds=\"%s\">", SW_RIM_DS_URI);
    put_signed_info(out, values->digest);
    sw_put_text(out, "<ds:SignatureValue>");
    sw_base64_encode(out, SW_BYTES_OF(values->signature));
    sw_put_text(out, "</ds:SignatureValue><ds:KeyInfo><ds:X509Data>");
    for (size_t i = 0; i < plan->chain_count; i++) put_certificate(out, plan->chain[i]);
    sw_put_text(out, "</ds:X509Data></ds:KeyInfo></ds:Signature></SoftwareIdentity>\n");
}

/* What is to be signed: `document` for digest, `info` for the signature. A signature takes no part
 * in the first, nor its value in the second, so any will do. */
static sw_status canonical(const sw_rim_plan *plan, const signed_values *values,
                           sw_buffer *document, sw_buffer *info, sw_error *err) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_RIM_LIMIT);
    put_manifest(&text, plan, values);
    SW_TRY(sw_buffer_check(&text, "a manifest", err));
    sw_buffer_reset(document);
    sw_buffer_reset(info);
    return sw_rim_canonical(sw_buffer_bytes(&text), document, info, err);
}

sw_status sw_rim_make(const sw_rim_plan *plan, sw_buffer *xml, sw_error *err) {
    SW_SCOPED(sw_buffer) document = SW_BUFFER(SW_RIM_CANONICAL_LIMIT);
    SW_SCOPED(sw_buffer) info = SW_BUFFER(SW_RIM_CANONICAL_LIMIT);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_RIM_LIMIT);
    signed_values values = {0};
    SW_TRY(plan_check(plan, err));
    SW_TRY(canonical(plan, &values, &document, &info, err));
    sw_sha384(values.digest, sw_buffer_bytes(&document));
    SW_TRY(canonical(plan, &values, &document, &info, err));
    SW_TRY(sw_p384_sign_raw(plan->secret, sw_buffer_bytes(&info), values.signature, err));
    put_manifest(&text, plan, &values);
    SW_TRY(sw_buffer_check(&text, "a manifest", err));
    sw_put_bytes(xml, sw_buffer_bytes(&text));
    return sw_buffer_check(xml, "a manifest", err);
}
