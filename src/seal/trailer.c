/* SPDX-License-Identifier: Apache-2.0
 *
 * The trailer of a container, the root id, and the checks at a container's end. Format:
 * docs/formats/seal.md (SEAL-040 ...).
 *
 * A dataset's trailer is signed by its owner. For the other kinds every field follows from chunks
 * that are authentic one by one, so it is recomputed and compared.
 */
#include "seal/container_internal.h"

#include <string.h>

static const uint8_t MAGIC[8] = {'S', 'W', 'T', 'R', 'A', 'I', 'L', 'R'};
enum { DER_MIN_BYTES = 8 };

size_t sw_trailer_size(sw_container_kind kind) {
    return kind == SW_CONTAINER_DATASET ? SW_TRAILER_SIGNED : SW_TRAILER_BYTES;
}

void sw_trailer_encode(const sw_container_trailer *t, uint8_t out[SW_TRAILER_BYTES]) {
    const uint64_t numbers[3] = {t->chunk_count, t->rows, t->plain_bytes};
    memcpy(out, MAGIC, sizeof MAGIC);
    for (size_t i = 0; i < 24; i++) out[8 + i] = (uint8_t)(numbers[i / 8] >> (56 - 8 * (i % 8)));
    memcpy(out + 32, t->merkle_root.b, sizeof t->merkle_root.b);
}

/* A size byte, the signature, and zeros: one signature has one encoding. */
static sw_status parse_signature(sw_reader *r, sw_container_trailer *t, sw_error *err) {
    uint8_t any = 0;
    t->signature_bytes = sw_read_u8(r);
    sw_read_into(r, t->signature, sizeof t->signature);
    bool sized = t->signature_bytes >= DER_MIN_BYTES && t->signature_bytes <= sizeof t->signature;
    for (size_t i = t->signature_bytes; sized && i < sizeof t->signature; i++)
        any |= t->signature[i];
    if (sized && any == 0) return SW_OK;
    return sw_fail(err, SW_MALFORMED, "format", "the sealed file's signature is malformed");
}

sw_status sw_trailer_parse(sw_bytes bytes, sw_container_kind kind, sw_container_trailer *out,
                           sw_error *err) {
    sw_reader r = sw_reader_of(bytes);
    sw_container_trailer t = {0};
    if (!sw_bytes_equal(sw_read_bytes(&r, sizeof MAGIC), SW_BYTES_OF(MAGIC)))
        return sw_fail(err, SW_MALFORMED, "format", "the sealed file does not end in a trailer");
    t.chunk_count = sw_read_u64be(&r);
    t.rows = sw_read_u64be(&r);
    t.plain_bytes = sw_read_u64be(&r);
    sw_read_into(&r, t.merkle_root.b, sizeof t.merkle_root.b);
    if (kind == SW_CONTAINER_DATASET) SW_TRY(parse_signature(&r, &t, err));
    SW_TRY(sw_reader_finish(&r, "the sealed file's trailer", err));
    *out = t;
    return SW_OK;
}

void sw_trailer_message(sw_buffer *out, sw_bytes body, const sw_container_trailer *t) {
    uint8_t encoded[SW_TRAILER_BYTES];
    sw_trailer_encode(t, encoded);
    sw_put_field(out, SW_LITERAL("sealwright/trailer/v1"));
    sw_put_field(out, body);
    sw_put_field(out, SW_BYTES_OF(t->commitment.b));
    sw_put_field(out, SW_BYTES_OF(encoded));
}

sw_status sw_trailer_verify(sw_bytes body, const sw_container_trailer *t,
                            const sw_p256_public *owner, sw_error *err) {
    SW_SCOPED(sw_buffer) message = SW_BUFFER(2 * SW_BODY_LIMIT);
    sw_trailer_message(&message, body, t);
    SW_TRY(sw_buffer_check(&message, "trailer", err));
    sw_bytes der = SW_BYTES(t->signature, t->signature_bytes);
    sw_status status = sw_p256_verify(owner, sw_buffer_bytes(&message), der, true, err);
    if (status == SW_OK || status == SW_INTERNAL) return status;
    return sw_fail(err, SW_UNAUTHENTIC, "signature",
                   "the sealed file's signature is not its owner's over this content");
}

void sw_root_id(sw_bytes body, const sw_container_trailer *t, sw_hash *out) {
    const sw_bytes fields[] = {body, SW_BYTES_OF(t->commitment.b), SW_BYTES_OF(t->merkle_root.b)};
    sw_bind_sha256(out, "sealwright/dataset/v1", fields, 3);
}

/* SEAL-042 */
static sw_status check_counts(const sw_container_body *body, const sw_container_facts *facts,
                              const sw_container_trailer *t, sw_error *err) {
    if (t->chunk_count != facts->chunk_count || t->plain_bytes != facts->plain_bytes)
        return sw_fail(err, SW_UNAUTHENTIC, "trailer",
                       "the sealed file's trailer counts other chunks or bytes than there are");
    if (body->kind != SW_CONTAINER_DATASET && t->rows != 0)
        return sw_fail(err, SW_MALFORMED, "format", "rows are counted where its kind has none");
    if (facts->merkle_root != NULL && !sw_hash_equal(facts->merkle_root, &t->merkle_root))
        return sw_fail(err, SW_UNAUTHENTIC, "trailer",
                       "the sealed file's chunks do not give its Merkle root");
    return SW_OK;
}

sw_status sw_trailer_check(const sw_container_body *body, const sw_container_facts *facts,
                           const sw_p256_public *owner, const sw_hash *root_id,
                           sw_container_trailer *t, sw_error *err) {
    SW_TRY(check_counts(body, facts, t, err));
    if (owner != NULL) SW_TRY(sw_trailer_verify(body->encoded, t, owner, err));
    sw_root_id(body->encoded, t, &t->root_id);
    if (root_id != NULL && !sw_hash_equal(root_id, &t->root_id))
        return sw_fail(err, SW_UNAUTHENTIC, "id", "the sealed file is another one than was named");
    return SW_OK;
}
