/* SPDX-License-Identifier: Apache-2.0
 *
 * An owner's card: what others need to name this owner. Format: docs/formats/identity.md
 * (ID-001 ... ID-006).
 *
 * The id certifies the identity key; the name certifies nothing and is kept printable.
 */
#include "codec/json.h"
#include "codec/text.h"
#include "identity/identity_internal.h"

#include <string.h>

#define CARD_KIND "sealwright/card/v1"

/* Control characters, and those that turn the direction of what follows: a name is shown to people
 * (RCP-004). */
static bool deceives(const uint8_t *at, size_t left) {
    if (at[0] < 0x20 || at[0] == 0x7f) return true;
    if (left < 2) return false;
    if ((at[0] == 0xc2 && at[1] < 0xa0) || (at[0] == 0xd8 && at[1] == 0x9c)) return true;
    if (left < 3 || at[0] != 0xe2) return false;
    return (at[1] == 0x80 &&
            ((at[2] >= 0xa8 && at[2] <= 0xae) || at[2] == 0x8e || at[2] == 0x8f)) ||
           (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
}

bool sw_name_good(sw_bytes name) { /* ID-005 */
    if (name.size == 0 || name.size > SW_NAME_LIMIT || !sw_utf8_valid(name)) return false;
    if (name.data[0] == ' ' || name.data[name.size - 1] == ' ') return false;
    for (size_t i = 0; i < name.size; i++)
        if (deceives(name.data + i, name.size - i)) return false;
    return true;
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

static sw_status check_card(const sw_card *card, sw_error *err) {
    sw_hash id;
    sw_key_id(&id, &card->identity_key);
    if (!sw_hash_equal(&id, &card->id)) /* ID-003 */
        return sw_fail(err, SW_UNAUTHENTIC, "card", "a card's id is not that of its identity key");
    if (sw_p256_equal(&card->identity_key, &card->encryption_key)) /* ID-004 */
        return sw_fail(err, SW_MALFORMED, "format", "a card names one key for two uses");
    if (!sw_name_good(sw_text(card->name)))
        return sw_fail(err, SW_MALFORMED, "format",
                       "an owner's name is 1 to %d bytes of UTF-8 without control characters",
                       SW_NAME_LIMIT);
    return SW_OK;
}

sw_status sw_card_parse(sw_bytes json, sw_card *out, sw_error *err) {
    sw_arena arena = {0};
    sw_card card = {0};
    sw_status status = sw_card_parse_in(&arena, json, &card, err);
    sw_arena_free(&arena);
    if (status == SW_OK) *out = card;
    return status;
}

sw_status sw_card_parse_in(sw_arena *arena, sw_bytes json, sw_card *card, sw_error *err) {
    static const char *const names[] = {"encryption_key", "id",   "identity_key",
                                        "kind",           "name", NULL};
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
    return check_card(card, err);
}

static sw_status encode(sw_arena *a, const sw_card *card, sw_buffer *out, sw_error *err) {
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_hex(a, root, "encryption_key", SW_BYTES_OF(card->encryption_key.b));
    sw_json_add_hex(a, root, "id", SW_BYTES_OF(card->id.b));
    sw_json_add_hex(a, root, "identity_key", SW_BYTES_OF(card->identity_key.b));
    sw_json_add_text(a, root, "kind", SW_LITERAL(CARD_KIND));
    sw_json_add_text(a, root, "name", sw_text(card->name));
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
