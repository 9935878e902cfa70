/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenSSF Model Signing v1.0: a Sigstore bundle v0.3 in public-key mode over a Statement whose
 * predicate lists every file's digest (docs/formats/manifest.md, MAN-050). P-256 with SHA-256, one
 * signature, no transparency entry: what both `model-signing` and `@sigstore/verify` take.
 *
 * The root digest does not bind names, so names that two tools would sort differently are refused
 * (here: anything but plain base names).
 */
#include "codec/text.h"
#include "manifest/manifest_internal.h"
#include <assert.h>
#include <string.h>

#define STATEMENT_LIMIT ((size_t)1 << 20)

static sw_status check_name(const char *name, sw_error *err) {
    size_t size = strlen(name);
    bool good = size >= 1 && size <= 128 && name[0] != '.';
    for (size_t i = 0; i < size && good; i++) {
        char c = name[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    }
    return good ? SW_OK
                : sw_fail(err, SW_REFUSED, "model",
                          "a model file's name cannot be signed without doubt");
}

static sw_status check_count(size_t count, sw_error *err) {
    if (count >= 1 && count <= SW_OMS_FILE_LIMIT) return SW_OK;
    return sw_fail(err, SW_LIMIT, "limit", "a model has 1 to %d files", SW_OMS_FILE_LIMIT);
}

/* Names in order, each with its digest: insertion sort over at most SW_OMS_FILE_LIMIT files. */
sw_status sw_oms_list_hashed(const sw_manifest_file *files, size_t count, sw_oms_listing *out,
                             sw_error *err) {
    SW_TRY(check_count(count, err));
    const sw_manifest_file *order[SW_OMS_FILE_LIMIT] = {&files[0]};
    SW_TRY(check_name(files[0].name, err));
    for (size_t i = 1; i < count; i++) {
        SW_TRY(check_name(files[i].name, err));
        size_t at = i;
        for (; at > 0 && strcmp(order[at - 1]->name, files[i].name) > 0; at--)
            order[at] = order[at - 1];
        if (at > 0 && strcmp(order[at - 1]->name, files[i].name) == 0)
            return sw_fail(err, SW_MALFORMED, "model", "two model files have one name");
        order[at] = &files[i];
    }
    out->count = count;
    for (size_t i = 0; i < count; i++) {
        out->names[i] = order[i]->name;
        out->sizes[i] = order[i]->size;
        out->digests[i] = order[i]->digest;
    }
    return SW_OK;
}

sw_status sw_oms_list(const sw_oms_file *files, size_t count, sw_oms_listing *out, sw_error *err) {
    sw_manifest_file hashed[SW_OMS_FILE_LIMIT];
    SW_TRY(check_count(count, err));
    for (size_t i = 0; i < count; i++) {
        hashed[i] = (sw_manifest_file){.name = files[i].name, .size = files[i].content.size};
        sw_sha256(&hashed[i].digest, files[i].content);
    }
    return sw_oms_list_hashed(hashed, count, out, err);
}

void sw_oms_listing_root(const sw_oms_listing *listing, sw_hash *root) {
    static_assert(sizeof listing->digests[0] == SW_HASH_BYTES, "digests stand one behind another");
    sw_sha256(root, SW_BYTES(listing->digests, listing->count * SW_HASH_BYTES));
}

sw_status sw_oms_root(const sw_oms_file *files, size_t count, sw_hash *root, sw_error *err) {
    sw_oms_listing listing;
    SW_TRY(sw_oms_list(files, count, &listing, err));
    sw_oms_listing_root(&listing, root);
    return SW_OK;
}

void sw_model_commitment(sw_hash *out, const sw_hash *salt, const sw_hash *oms_root) {
    const sw_bytes fields[2] = {SW_BYTES_OF(salt->b), SW_BYTES_OF(oms_root->b)};
    sw_bind_sha256(out, "sealwright/model/v1", fields, 2);
}

static void add_resources(sw_arena *a, sw_json *predicate, const sw_oms_listing *listing) {
    sw_json *resources = sw_json_add_array(a, predicate, "resources");
    for (size_t i = 0; i < listing->count; i++) {
        sw_json *o = sw_json_add_object(a, resources, NULL);
        sw_json_add_text(a, o, "name", sw_text(listing->names[i]));
        sw_json_add_text(a, o, "algorithm", SW_LITERAL("sha256"));
        sw_json_add_hex(a, o, "digest", SW_BYTES_OF(listing->digests[i].b));
    }
}

static sw_status statement(const char *model_name, const sw_oms_listing *listing, sw_buffer *out,
                           sw_error *err) {
    sw_hash root;
    sw_oms_listing_root(listing, &root);
    SW_SCOPED(sw_arena) a = {0};
    sw_json *o = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_text(&a, o, "_type", SW_LITERAL("https://in-toto.io/Statement/v1"));
    sw_json_add_text(&a, o, "predicateType", SW_LITERAL("https://model_signing/signature/v1.0"));
    sw_json *subjects = sw_json_add_array(&a, o, "subject"),
            *subject = sw_json_add_object(&a, subjects, NULL);
    sw_json_add_text(&a, subject, "name", sw_text(model_name));
    sw_json_add_hex(&a, sw_json_add_object(&a, subject, "digest"), "sha256", SW_BYTES_OF(root.b));
    sw_json *predicate = sw_json_add_object(&a, o, "predicate");
    sw_json *how = sw_json_add_object(&a, predicate, "serialization");
    sw_json_add_text(&a, how, "method", SW_LITERAL("files"));
    sw_json_add_text(&a, how, "hash_type", SW_LITERAL("sha256"));
    sw_json_add_flag(&a, how, "allow_symlinks", false);
    add_resources(&a, predicate, listing);
    sw_json_encode(out, o);
    return sw_buffer_check(out, "model statement", err);
}

/* The hint is the hex SHA-256 of the key's PEM text. */
static sw_status key_hint(const sw_p256_public *key, sw_hash *out, sw_error *err) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(256);
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(1024);
    sw_p256_spki(&der, key);
    sw_pem_encode(&pem, "PUBLIC KEY", sw_buffer_bytes(&der));
    SW_TRY(sw_buffer_check(&pem, "public key", err));
    sw_sha256(out, sw_buffer_bytes(&pem));
    return SW_OK;
}

/* The bundle around a payload and its signature; nothing in it is left to choose. */
static sw_status bundle_of(sw_bytes payload, const sw_p256_public *key, sw_bytes signature,
                           sw_buffer *out, sw_error *err) {
    sw_hash hint;
    SW_TRY(key_hint(key, &hint, err));
    SW_SCOPED(sw_arena) a = {0};
    sw_json *o = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_text(&a, o, "mediaType",
                     SW_LITERAL("application/vnd.dev.sigstore.bundle.v0.3+json"));
    sw_json *material = sw_json_add_object(&a, o, "verificationMaterial");
    sw_json_add_hex(&a, sw_json_add_object(&a, material, "publicKey"), "hint", SW_BYTES_OF(hint.b));
    sw_json_add_array(&a, material, "tlogEntries");
    sw_json *envelope = sw_json_add_object(&a, o, "dsseEnvelope");
    sw_json_add_base64(&a, envelope, "payload", payload);
    sw_json_add_text(&a, envelope, "payloadType", sw_text(sw_payload_type(SW_PAYLOAD_STATEMENT)));
    sw_json *signatures = sw_json_add_array(&a, envelope, "signatures"),
            *one = sw_json_add_object(&a, signatures, NULL);
    sw_json_add_base64(&a, one, "sig", signature);
    sw_json_encode(out, o);
    return sw_buffer_check(out, "model signature", err);
}

static sw_status encode_pae(sw_bytes payload, sw_buffer *out, sw_error *err) {
    sw_envelope_pae(out, sw_text(sw_payload_type(SW_PAYLOAD_STATEMENT)), payload);
    return sw_buffer_check(out, "model statement", err);
}

sw_status sw_oms_sign(const char *model_name, const sw_oms_file *files, size_t count,
                      const sw_session_key *key, sw_buffer *bundle, sw_error *err) {
    sw_oms_listing listing;
    SW_TRY(sw_oms_list(files, count, &listing, err));
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(STATEMENT_LIMIT);
    SW_SCOPED(sw_buffer) pae = SW_BUFFER(2 * STATEMENT_LIMIT);
    SW_TRY(statement(model_name, &listing, &payload, err));
    SW_TRY(encode_pae(sw_buffer_bytes(&payload), &pae, err));
    uint8_t signature[SW_ECDSA_DER_LIMIT];
    size_t size = 0;
    SW_TRY(sw_p256_sign(key->b, sw_buffer_bytes(&pae), signature, &size, err));
    sw_p256_public public;
    SW_TRY(sw_p256_derive(key->b, &public, err));
    return bundle_of(sw_buffer_bytes(&payload), &public, SW_BYTES(signature, size), bundle, err);
}

/* ---- checking our own bundle again: made anew from the files, and every byte compared ---- */

static sw_status read_signature(sw_arena *a, sw_bytes bundle, sw_buffer *out, sw_error *err) {
    const sw_json *envelope, *signatures;
    sw_json *o;
    sw_bytes text;
    SW_TRY(sw_json_parse_canonical(a, bundle, NULL, &o, err));
    SW_TRY(sw_json_object(o, "model.sig", "dsseEnvelope", &envelope, err));
    SW_TRY(sw_json_array(envelope, "model.sig", "signatures", 1, &signatures, err));
    if (!signatures->first)
        return sw_fail(err, SW_UNAUTHENTIC, "model", "model.sig holds no signature");
    SW_TRY(sw_json_text(signatures->first, "model.sig", "sig", &text, err));
    return sw_base64_decode(out, text, err);
}

sw_status sw_oms_check(sw_bytes bundle, const char *model_name, const sw_oms_listing *listing,
                       const sw_p256_public *key, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) signature = SW_BUFFER(256);
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(STATEMENT_LIMIT);
    SW_SCOPED(sw_buffer) pae = SW_BUFFER(2 * STATEMENT_LIMIT);
    SW_SCOPED(sw_buffer) again = SW_BUFFER(2 * STATEMENT_LIMIT);
    SW_TRY(read_signature(&a, bundle, &signature, err));
    SW_TRY(statement(model_name, listing, &payload, err));
    SW_TRY(bundle_of(sw_buffer_bytes(&payload), key, sw_buffer_bytes(&signature), &again, err));
    if (!sw_bytes_equal(sw_buffer_bytes(&again), bundle))
        return sw_fail(err, SW_UNAUTHENTIC, "model",
                       "model.sig is over other files than these, or names another key");
    SW_TRY(encode_pae(sw_buffer_bytes(&payload), &pae, err));
    return sw_p256_verify(key, sw_buffer_bytes(&pae), sw_buffer_bytes(&signature), true, err);
}
