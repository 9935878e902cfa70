/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of a container: what stands before the first chunk. Format: docs/formats/seal.md
 * (SEAL-010 ...).
 *
 * One encoding per body: fixed fields in one order, one size field that must agree, nothing
 * optional. All of it is authenticated by every chunk (aad) and by the root id.
 */
#include "seal/container_internal.h"

#include <assert.h>
#include <string.h>

enum { VERSION = 1, SUITE = 1 };
static const uint8_t MAGIC[8] = {'S', 'W', 'S', 'E', 'A', 'L', 'E', 'D'};

static_assert(SW_CHUNK_BYTES == 1048576, "the chunk size is part of version 1");

static bool has_run(sw_container_kind kind) { /* X, step, previous root, object id */
    return kind == SW_CONTAINER_CHECKPOINT || kind == SW_CONTAINER_OUTPUT;
}

/* SEAL-011 */
static bool media_type_good(sw_bytes text) {
    size_t slashes = 0, slash_at = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool plain =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '+' || c == '-';
        if (!plain && c != '/') return false;
        if (c != '/') continue;
        slashes++;
        slash_at = i;
    }
    return text.size <= SW_MEDIA_TYPE_LIMIT && slashes == 1 && slash_at > 0 &&
           slash_at + 1 < text.size;
}

/* ---- encoding ---- */

static void put_hash(sw_buffer *out, const sw_hash *hash) {
    sw_put_bytes(out, SW_BYTES_OF(hash->b));
}

static void put_kind(sw_buffer *out, const sw_container_body *body) {
    if (body->kind == SW_CONTAINER_DATASET) return;
    put_hash(out, &body->binding.compose);
    sw_put_u64be(out, body->binding.step);
    if (has_run(body->kind)) {
        put_hash(out, &body->binding.previous_root);
        put_hash(out, &body->object_id);
    } else {
        sw_put_bytes(out, SW_BYTES_OF(body->enc));
    }
    sw_put_bytes(out, SW_BYTES_OF(body->wrapped_key));
}

sw_status sw_body_encode(const sw_container_body *body, sw_buffer *out, sw_error *err) {
    sw_bytes media = sw_text(body->media_type);
    if (!media_type_good(media))
        return sw_fail(err, SW_USAGE, "usage",
                       "a media type is TYPE/SUBTYPE of at most %d lower-case characters",
                       SW_MEDIA_TYPE_LIMIT);
    SW_SCOPED(sw_buffer) rest = SW_BUFFER(SW_BODY_LIMIT);
    sw_put_u16be(&rest, VERSION);
    sw_put_u16be(&rest, SUITE);
    sw_put_u8(&rest, (uint8_t)body->kind);
    sw_put_u32be(&rest, SW_CHUNK_BYTES);
    put_hash(&rest, &body->content_id);
    put_hash(&rest, &body->owner_id);
    sw_put_field(&rest, media);
    put_kind(&rest, body);
    sw_put_bytes(out, SW_BYTES_OF(MAGIC));
    sw_put_u32be(out, (uint32_t)(SW_BODY_PREFIX_BYTES + rest.size));
    sw_put_bytes(out, sw_buffer_bytes(&rest));
    SW_TRY(sw_buffer_check(&rest, "container body", err));
    return sw_buffer_check(out, "container body", err);
}

/* ---- parsing ---- */

sw_status sw_body_size(const uint8_t prefix[SW_BODY_PREFIX_BYTES], size_t *out, sw_error *err) {
    sw_reader r = sw_reader_of(SW_BYTES(prefix, SW_BODY_PREFIX_BYTES));
    sw_bytes magic = sw_read_bytes(&r, sizeof MAGIC);
    uint32_t size = sw_read_u32be(&r);
    if (!sw_bytes_equal(magic, SW_BYTES_OF(MAGIC)))
        return sw_fail(err, SW_MALFORMED, "format", "this is not a sealed file");
    if (size <= SW_BODY_PREFIX_BYTES || size > SW_BODY_LIMIT)
        return sw_fail(err, SW_MALFORMED, "format", "a sealed file's body claims %u bytes", size);
    *out = size;
    return SW_OK;
}

static void read_hash(sw_reader *r, sw_hash *out) {
    sw_read_into(r, out->b, sizeof out->b);
}

static void read_kind(sw_reader *r, sw_container_body *body) {
    if (body->kind == SW_CONTAINER_DATASET) return;
    read_hash(r, &body->binding.compose);
    body->binding.step = sw_read_u64be(r);
    if (has_run(body->kind)) {
        read_hash(r, &body->binding.previous_root);
        read_hash(r, &body->object_id);
    } else {
        sw_read_into(r, body->enc, sizeof body->enc);
    }
    sw_read_into(r, body->wrapped_key, sizeof body->wrapped_key);
}

static sw_status check_head(uint16_t version, uint16_t suite, uint8_t kind, uint32_t chunk_bytes,
                            sw_error *err) {
    if (version != VERSION)
        return sw_fail(err, SW_MALFORMED, "format",
                       "the file is sealed in version %u, and this program knows version %d",
                       version, VERSION);
    if (suite != SUITE)
        return sw_fail(err, SW_MALFORMED, "format", "the file's cipher suite %u is unknown", suite);
    if (kind < SW_CONTAINER_DATASET || kind > SW_CONTAINER_OPENED)
        return sw_fail(err, SW_MALFORMED, "format", "the file's kind %u is unknown", kind);
    if (chunk_bytes != SW_CHUNK_BYTES)
        return sw_fail(err, SW_MALFORMED, "format", "the file's chunk size %u is not 1 MiB",
                       chunk_bytes);
    return SW_OK;
}

/* Who owns which kind, and what the readers leave out. */
static sw_status check_body(const sw_container_body *body, sw_bytes media, sw_error *err) {
    if (!media_type_good(media))
        return sw_fail(err, SW_MALFORMED, "format", "the file's media type is malformed");
    if (has_run(body->kind) != sw_hash_zero(&body->owner_id))
        return sw_fail(err, SW_MALFORMED, "format",
                       "the file names an owner where its kind has none, or none where it has one");
    return SW_OK;
}

sw_status sw_body_parse(sw_bytes bytes, sw_container_body *out, sw_error *err) {
    sw_reader r = sw_reader_of(bytes);
    uint8_t prefix[SW_BODY_PREFIX_BYTES];
    size_t size;
    sw_container_body body = {.encoded = bytes};
    sw_read_into(&r, prefix, sizeof prefix);
    SW_TRY(sw_body_size(prefix, &size, err));
    if (size != bytes.size)
        return sw_fail(err, SW_MALFORMED, "format",
                       "a sealed file's body is not as long as it says");
    uint16_t version = sw_read_u16be(&r), suite = sw_read_u16be(&r);
    uint8_t kind = sw_read_u8(&r);
    body.chunk_bytes = sw_read_u32be(&r);
    SW_TRY(check_head(version, suite, kind, body.chunk_bytes, err));
    body.kind = (sw_container_kind)kind;
    read_hash(&r, &body.content_id);
    read_hash(&r, &body.owner_id);
    sw_bytes media = sw_read_field(&r, SW_MEDIA_TYPE_LIMIT);
    read_kind(&r, &body);
    SW_TRY(sw_reader_finish(&r, "a sealed file's body", err));
    SW_TRY(check_body(&body, media, err));
    memcpy(body.media_type, media.data, media.size);
    *out = body;
    return SW_OK;
}
