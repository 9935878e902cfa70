/* SPDX-License-Identifier: Apache-2.0
 *
 * Call data (CHN-023): the contract ABI's encoding. A call is the first four bytes of its
 * signature's Keccak-256 and then words; what has no fixed size stands behind the words, which hold
 * its offset from where their own tuple begins.
 */
#include "chain/chain_internal.h"
#include "chain/contract_code.h"

enum { WORD = 32, V_AT = SW_SECP256K1_SIG_BYTES - 1, SIGNATURE_WORDS = 4 /* its size and 3 */ };

static void put_word(sw_buffer *out, sw_word w) {
    sw_put_bytes(out, SW_BYTES_OF(w.b));
}

static void put_number(sw_buffer *out, uint64_t v) {
    put_word(out, sw_word_u64(v));
}

static void put_hash(sw_buffer *out, const sw_hash *h) {
    sw_put_bytes(out, SW_BYTES_OF(h->b));
}

static void put_selector(sw_buffer *out, const char *signature) {
    sw_hash hash;
    sw_keccak256(&hash, sw_text(signature));
    sw_put_bytes(out, SW_BYTES(hash.b, 4));
}

/* `bytes signature`: size, r, s and v as the chain has it, to whole words. */
static void put_signature(sw_buffer *out, const uint8_t *signature) {
    uint8_t padded[(SIGNATURE_WORDS - 1) * WORD] = {0};
    if (signature == NULL) {
        put_number(out, 0);
        return;
    }
    memcpy(padded, signature, SW_SECP256K1_SIG_BYTES);
    padded[V_AT] = (uint8_t)(signature[V_AT] + 27);
    put_number(out, SW_SECP256K1_SIG_BYTES);
    sw_put_bytes(out, SW_BYTES_OF(padded));
}

void sw_app_say_call(sw_buffer *out, const sw_app_say *say, uint8_t place,
                     const uint8_t signature[SW_SECP256K1_SIG_BYTES]) {
    static const struct {
        const char *signature;
        uint64_t words;
    } functions[] = {
        [SW_ACT_APPROVE] = {"approve(uint8,bytes32,uint64,uint64,uint64,bytes)", 6},
        [SW_ACT_OPEN] = {"open(uint8,bytes32,bytes32,bytes32,uint64,uint64,uint64,bytes)", 8},
        [SW_ACT_REVOKE] = {"revoke(uint8,bytes32,bool,uint64,bytes)", 5},
        [SW_ACT_LIFT] = {"lift(uint8,bytes32,bool,uint64,bytes)", 5},
    };
    static const sw_hash none;
    bool ends = say->act == SW_ACT_REVOKE || say->act == SW_ACT_LIFT;
    put_selector(out, functions[say->act].signature);
    put_number(out, place);
    put_hash(out, ends && say->everything ? &none : &say->compose);
    if (say->act == SW_ACT_OPEN) {
        put_hash(out, &say->manifest);
        put_hash(out, &say->recipient);
    }
    if (ends) {
        put_number(out, say->everything);
    } else {
        put_number(out, say->app_round);
        put_number(out, say->round);
    }
    put_number(out, say->sequence);
    put_number(out, functions[say->act].words * WORD);
    put_signature(out, signature);
}

/* ---- lists ---- */

static void put_addresses(sw_buffer *out, const sw_address *list, size_t count) {
    put_number(out, count);
    for (size_t i = 0; i < count; i++) put_word(out, sw_word_address(&list[i]));
}

static void put_numbers(sw_buffer *out, const uint8_t *list, size_t count) {
    put_number(out, count);
    for (size_t i = 0; i < count; i++) put_number(out, list[i]);
}

static void put_hashes(sw_buffer *out, const sw_hash *list, size_t count) {
    put_number(out, count);
    for (size_t i = 0; i < count; i++) put_hash(out, &list[i]);
}

/* The offset of the next list; *at goes past its size and its elements of a word each. */
static void put_offset(sw_buffer *out, uint64_t *at, size_t count) {
    put_number(out, *at);
    *at += WORD * (UINT64_C(1) + count);
}

static void put_change(sw_buffer *out, const sw_app_change *c) {
    uint64_t at = UINT64_C(8) * WORD;
    put_offset(out, &at, c->add_count);
    put_offset(out, &at, c->remove_count);
    put_number(out, c->quorum);
    put_number(out, c->allow_any_device);
    put_offset(out, &at, c->add_device_count);
    put_offset(out, &at, c->remove_device_count);
    put_number(out, c->require_tcb_up_to_date);
    put_number(out, c->change);
    put_addresses(out, c->add, c->add_count);
    put_numbers(out, c->remove, c->remove_count);
    put_hashes(out, c->add_devices, c->add_device_count);
    put_hashes(out, c->remove_devices, c->remove_device_count);
}

/* Its 8 words, the sizes of 4 lists, and what they hold. */
static uint64_t change_bytes(const sw_app_change *c) {
    return WORD * (UINT64_C(12) + c->add_count + c->remove_count + c->add_device_count +
                   c->remove_device_count);
}

void sw_app_change_call(sw_buffer *out, const sw_app_change *c, const uint8_t *places,
                        const uint8_t (*signatures)[SW_SECP256K1_SIG_BYTES], size_t count) {
    uint64_t at = UINT64_C(3) * WORD;
    put_selector(out, "change((address[],uint8[],uint8,bool,bytes32[],bytes32[],bool,uint64),"
                      "uint8[],bytes[])");
    put_number(out, at);
    at += change_bytes(c);
    put_offset(out, &at, count);
    put_number(out, at);
    put_change(out, c);
    put_numbers(out, places, count);
    put_number(out, count);
    for (size_t i = 0; i < count; i++) put_number(out, WORD * (count + SIGNATURE_WORDS * i));
    for (size_t i = 0; i < count; i++) put_signature(out, signatures[i]);
}

void sw_app_deploy_code(sw_buffer *out, const sw_address *owners, size_t count, uint8_t quorum,
                        bool allow_any_device, const sw_hash *devices, size_t device_count,
                        bool require_tcb_up_to_date) {
    uint64_t at = UINT64_C(5) * WORD;
    sw_put_bytes(out, SW_BYTES_OF(sw_chain_contract_code));
    put_offset(out, &at, count);
    put_number(out, quorum);
    put_number(out, allow_any_device);
    put_offset(out, &at, device_count);
    put_number(out, require_tcb_up_to_date);
    put_addresses(out, owners, count);
    put_hashes(out, devices, device_count);
}
