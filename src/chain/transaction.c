/* SPDX-License-Identifier: Apache-2.0
 *
 * Transactions of type 2 (EIP-2718, EIP-1559), and addresses as people write them (EIP-55). What is
 * signed is the same list without its last three items. No value and no access list is ever sent.
 */
#include "chain/chain_internal.h"
#include "codec/text.h"

enum { TYPE = 0x02, SCALAR = 32, V_AT = 2 * SCALAR };

/* What nodes pass on, and more than the largest contract (EIP-3860: 49,152 bytes). */
#define TRANSACTION_LIMIT ((size_t)128 << 10)

static void put_items(sw_buffer *out, const sw_transaction *t) {
    sw_bytes to = {0};
    if (t->to != NULL) to = SW_BYTES_OF(t->to->b);
    sw_rlp_put_u64(out, t->chain);
    sw_rlp_put_u64(out, t->nonce);
    sw_rlp_put_u64(out, t->max_priority_fee);
    sw_rlp_put_u64(out, t->max_fee);
    sw_rlp_put_u64(out, t->gas);
    sw_rlp_put_string(out, to);
    sw_rlp_put_u64(out, 0); /* value */
    sw_rlp_put_string(out, t->data);
    sw_rlp_put_list(out, (sw_bytes){0}); /* access list */
}

static void put_scalar(sw_buffer *out, const uint8_t scalar[SCALAR]) {
    size_t zeros = 0;
    while (zeros < SCALAR && scalar[zeros] == 0) zeros++;
    sw_rlp_put_string(out, SW_BYTES(scalar + zeros, SCALAR - zeros));
}

sw_status sw_transaction_sign(const sw_transaction *t, const sw_chain_key *key, sw_buffer *raw,
                              sw_hash *hash, sw_error *err) {
    SW_SCOPED(sw_buffer) items = SW_BUFFER(TRANSACTION_LIMIT);
    SW_SCOPED(sw_buffer) made = SW_BUFFER(TRANSACTION_LIMIT);
    uint8_t signature[SW_SECP256K1_SIG_BYTES];
    sw_hash digest;
    put_items(&items, t);
    sw_put_u8(&made, TYPE);
    sw_rlp_put_list(&made, sw_buffer_bytes(&items));
    SW_TRY(sw_buffer_check(&made, "a transaction", err));
    SW_TRY(sw_buffer_check(&items, "a transaction", err));
    sw_keccak256(&digest, sw_buffer_bytes(&made));
    SW_TRY(sw_chain_key_sign(key, &digest, signature, err));
    sw_rlp_put_u64(&items, signature[V_AT]);
    put_scalar(&items, signature);
    put_scalar(&items, signature + SCALAR);
    sw_buffer_reset(&made);
    sw_put_u8(&made, TYPE);
    sw_rlp_put_list(&made, sw_buffer_bytes(&items));
    SW_TRY(sw_buffer_check(&items, "a transaction", err));
    SW_TRY(sw_buffer_check(&made, "a transaction", err));
    sw_put_bytes(raw, sw_buffer_bytes(&made));
    SW_TRY(sw_buffer_check(raw, "a transaction", err));
    sw_keccak256(hash, sw_buffer_bytes(&made));
    return SW_OK;
}

void sw_contract_address(sw_address *out, const sw_address *from, uint64_t nonce) {
    uint8_t list[1 + 1 + SW_ADDRESS_BYTES + 1 + sizeof nonce], number[sizeof nonce] = {0};
    size_t size = 1, count = 0;
    sw_hash hash;
    list[size++] = 0x80 + SW_ADDRESS_BYTES;
    memcpy(list + size, from->b, SW_ADDRESS_BYTES);
    size += SW_ADDRESS_BYTES;
    for (size_t i = sizeof nonce; i-- > 0;)
        if (count > 0 || nonce >> 8 * i != 0) number[count++] = (uint8_t)(nonce >> 8 * i);
    if (count != 1 || number[0] >= 0x80) list[size++] = (uint8_t)(0x80 + count);
    memcpy(list + size, number, count);
    size += count;
    list[0] = (uint8_t)(0xc0 + size - 1);
    sw_keccak256(&hash, SW_BYTES(list, size));
    memcpy(out->b, hash.b + sizeof hash.b - sizeof out->b, sizeof out->b);
}

/* ---- EIP-55 ---- */

void sw_address_text(char out[43], const sw_address *a) {
    char text[2 * SW_ADDRESS_BYTES + 1];
    sw_hash hash;
    sw_hex_text(text, SW_BYTES_OF(a->b));
    sw_keccak256(&hash, sw_text(text));
    for (size_t i = 0; i < 2 * SW_ADDRESS_BYTES; i++) {
        bool upper = (hash.b[i / 2] >> (i % 2 == 0 ? 4 : 0) & 8) != 0;
        if (upper && text[i] >= 'a') text[i] = (char)(text[i] - 'a' + 'A');
    }
    memcpy(out, "0x", 2);
    memcpy(out + 2, text, sizeof text);
}

sw_status sw_address_parse(sw_bytes text, sw_address *out, sw_error *err) {
    char right[2 + 2 * SW_ADDRESS_BYTES + 1];
    sw_address a;
    bool upper = false;
    if (text.size != sizeof right - 1 || !sw_bytes_starts(text, SW_LITERAL("0x")) ||
        sw_hex_decode(a.b, sizeof a.b, SW_BYTES(text.data + 2, text.size - 2), true, NULL) != SW_OK)
        return sw_fail(err, SW_MALFORMED, "format", "an address is 0x and 40 hex digits");
    sw_address_text(right, &a);
    for (size_t i = 2; i < text.size; i++)
        upper = upper || (text.data[i] >= 'A' && text.data[i] <= 'F');
    if (upper && !sw_bytes_is(text, right))
        return sw_fail(err, SW_MALFORMED, "format",
                       "an address is mistyped: its capitals (EIP-55) are not those of its digits");
    *out = a;
    return SW_OK;
}
