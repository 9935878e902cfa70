/* SPDX-License-Identifier: Apache-2.0
 *
 * An owner's card: what others need to name this owner. Format: docs/formats/identity.md
 * (ID-001 ... ID-006).
 *
 * The id certifies the identity key, whose signature certifies the rest: a card in which somebody
 * put his own encryption key is no card. The name is the owner's word and is kept printable.
 */
#include "codec/json.h"
#include "codec/text.h"
#include "envelope/envelope.h"
#include "identity/identity_internal.h"

#include <string.h>

#define CARD_KIND "sealwright/card/v1"

bool sw_name_good(sw_bytes name) { /* ID-005 */
    return name.size <= SW_NAME_LIMIT && sw_utf8_name(name);
}

/* A point of the curve in hex. */
sw_status sw_json_p256(const sw_json *object, const char *where, const char *name,
                       sw_p256_public *out, sw_error *err) {
    sw_p256_public key;
    SW_TRY(sw_json_hex(object, where, name, key.b, sizeof key.b, err));
    SW_TRY(sw_p256_check(&key, err));
    *out = key;
    return SW_OK;
}

/* The members that are signed, in RFC 8785 form when encoded. */
static sw_json *members(sw_arena *a, const sw_card *card) {
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    if (card->has_address) sw_json_add_hex(a, root, "address", SW_BYTES_OF(card->address.b));
    sw_json_add_hex(a, root, "encryption_key", SW_BYTES_OF(card->encryption_key.b));
    sw_json_add_hex(a, root, "id", SW_BYTES_OF(card->id.b));
    sw_json_add_hex(a, root, "identity_key", SW_BYTES_OF(card->identity_key.b));
    sw_json_add_text(a, root, "kind", SW_LITERAL(CARD_KIND));
    sw_json_add_text(a, root, "name", sw_text(card->name));
    return root;
}

/* ID-007: what the signature is over. */
static sw_status put_signed(sw_buffer *out, const sw_card *card, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_CARD_LIMIT);
    sw_json_encode(&json, members(&arena, card));
    SW_TRY(sw_buffer_check(&json, "card", err));
    sw_envelope_pae(out, sw_text(sw_payload_type(SW_PAYLOAD_CARD)), sw_buffer_bytes(&json));
    return sw_buffer_check(out, "card", err);
}

sw_status sw_card_sign(sw_card *card, const sw_identity_key *key, sw_error *err) {
    SW_SCOPED(sw_buffer) message = SW_BUFFER(2 * SW_CARD_LIMIT);
    SW_TRY(put_signed(&message, card, err));
    return sw_p256_sign(key->b, sw_buffer_bytes(&message), card->signature, &card->signature_bytes,
                        err);
}

static sw_status check_signature(const sw_card *card, sw_error *err) {
    SW_SCOPED(sw_buffer) message = SW_BUFFER(2 * SW_CARD_LIMIT);
    SW_TRY(put_signed(&message, card, err));
    sw_bytes der = SW_BYTES(card->signature, card->signature_bytes);
    if (sw_p256_verify(&card->identity_key, sw_buffer_bytes(&message), der, true, NULL) == SW_OK)
        return SW_OK;
    sw_status status =
        sw_fail(err, SW_UNAUTHENTIC, "card", "a card is not signed by its identity key");
    sw_error_hint(err, "it was changed on its way; ask the owner for her card.json");
    return status;
}

static sw_status check_card(const sw_card *card, sw_error *err) {
    sw_hash id;
    sw_key_id(&id, &card->identity_key);
    if (!sw_hash_equal(&id, &card->id)) /* ID-003 */
        return sw_fail(err, SW_UNAUTHENTIC, "card", "a card's id is not that of its identity key");
    if (sw_p256_equal(&card->identity_key, &card->encryption_key)) /* ID-004 */
        return sw_fail(err, SW_MALFORMED, "format", "a card names one key for two uses");
    static const sw_address none = {0};
    if (card->has_address == (memcmp(card->address.b, none.b, sizeof none.b) == 0)) /* ID-009 */
        return sw_fail(err, SW_MALFORMED, "format", "a card's address is zero, or is not said");
    if (!sw_name_good(sw_text(card->name)))
        return sw_fail(err, SW_MALFORMED, "format",
                       "an owner's name is 1 to %d bytes of " SW_UTF8_NAME_FORM, SW_NAME_LIMIT);
    return check_signature(card, err);
}

sw_status sw_card_parse(sw_bytes json, sw_card *out, sw_error *err) {
    sw_arena arena = {0};
    sw_card card = {0};
    sw_status status = sw_card_parse_in(&arena, json, &card, err);
    sw_arena_free(&arena);
    if (status == SW_OK) *out = card;
    return status;
}

static sw_status parse_signature(const sw_json *root, sw_card *card, sw_error *err) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(sizeof card->signature);
    sw_bytes text;
    SW_TRY(sw_json_text(root, "card", "signature", &text, err));
    SW_TRY(sw_base64_decode(&der, text, err));
    if (sw_buffer_check(&der, "card", NULL) != SW_OK || der.size == 0)
        return sw_fail(err, SW_MALFORMED, "format", "a card's signature has 1 to %d bytes",
                       SW_ECDSA_DER_LIMIT);
    memcpy(card->signature, der.data, der.size);
    card->signature_bytes = der.size;
    return SW_OK;
}

sw_status sw_card_parse_in(sw_arena *arena, sw_bytes json, sw_card *card, sw_error *err) {
    static const char *const names[] = {"?address", "encryption_key", "id",        "identity_key",
                                        "kind",     "name",           "signature", NULL};
    const sw_json_limits limits = {.bytes = SW_CARD_LIMIT, .depth = 2, .nodes = 16};
    sw_json *root;
    sw_bytes kind, name;
    SW_TRY(sw_json_parse_canonical(arena, json, &limits, &root, err));
    SW_TRY(sw_json_expect(root, "card", names, err));
    SW_TRY(sw_json_text(root, "card", "kind", &kind, err));
    if (!sw_bytes_is(kind, CARD_KIND))
        return sw_fail(err, SW_MALFORMED, "format", "the file is not a card of version 1");
    SW_TRY(sw_json_p256(root, "card", "encryption_key", &card->encryption_key, err));
    SW_TRY(sw_json_p256(root, "card", "identity_key", &card->identity_key, err));
    SW_TRY(sw_json_hash(root, "card", "id", &card->id, err));
    SW_TRY(sw_json_text(root, "card", "name", &name, err));
    if (!sw_name_good(name))
        return sw_fail(err, SW_MALFORMED, "format", "a card's name is not printable text");
    memcpy(card->name, name.data, name.size);
    card->has_address = sw_json_member(root, "address") != NULL;
    if (card->has_address)
        SW_TRY(sw_json_hex(root, "card", "address", card->address.b, SW_ADDRESS_BYTES, err));
    SW_TRY(parse_signature(root, card, err));
    return check_card(card, err);
}

static sw_status encode(sw_arena *a, const sw_card *card, sw_buffer *out, sw_error *err) {
    sw_json *root = members(a, card);
    sw_json_add_base64(a, root, "signature", SW_BYTES(card->signature, card->signature_bytes));
    sw_json_encode(out, root);
    return sw_buffer_check(out, "card", err);
}

sw_status sw_card_encode(const sw_card *card, sw_buffer *out, sw_error *err) {
    SW_TRY(check_card(card, err));
    sw_arena arena = {0};
    sw_status status = encode(&arena, card, out, err);
    sw_arena_free(&arena);
    return status;
}
