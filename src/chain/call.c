/* SPDX-License-Identifier: Apache-2.0
 *
 * Call data (CHN-023): the contract ABI's encoding. A call is the first four bytes of its
 * signature's Keccak-256 and then words; what has no fixed size stands behind the words, which hold
 * its offset from where their own tuple begins.
 */
#include "chain/chain_internal.h"
#include "chain/contract_code.h"

#include <string.h>

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

static const struct {
    const char *signature;
    uint64_t words; /* before what has no fixed size */
} FUNCTIONS[] = {
    [SW_ACT_APPROVE] = {"approve(uint8,bytes32,uint64,uint64,uint64,bytes)", 6},
    [SW_ACT_OPEN] = {"open(uint8,bytes32,bytes32,bytes32,uint64,uint64,uint64,bytes)", 8},
    [SW_ACT_REVOKE] = {"revoke(uint8,bytes32,bool,uint64,bytes)", 5},
    [SW_ACT_LIFT] = {"lift(uint8,bytes32,bool,uint64,bytes)", 5},
};
enum { FUNCTION_COUNT = sizeof FUNCTIONS / sizeof FUNCTIONS[0] };

void sw_app_say_call(sw_buffer *out, const sw_app_say *say, uint8_t place,
                     const uint8_t signature[SW_SECP256K1_SIG_BYTES]) {
    static const sw_hash none;
    bool ends = say->act == SW_ACT_REVOKE || say->act == SW_ACT_LIFT;
    put_selector(out, FUNCTIONS[say->act].signature);
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
    put_number(out, FUNCTIONS[say->act].words * WORD);
    put_signature(out, signature);
}

/* ---- and back ---- */
enum { SELECTOR = 4 };

static sw_status no_call(sw_error *err) {
    return sw_fail(err, SW_MALFORMED, "format",
                   "this is no signed call that approves, opens, revokes or lifts");
}

static bool act_find(sw_bytes call, sw_app_act *out) {
    for (unsigned act = 0; act < FUNCTION_COUNT; act++) {
        uint8_t selector[SELECTOR];
        sw_buffer b = sw_buffer_over(selector, sizeof selector);
        put_selector(&b, FUNCTIONS[act].signature);
        if (!sw_bytes_starts(call, sw_buffer_bytes(&b))) continue;
        *out = (sw_app_act)act;
        return call.size == SELECTOR + (FUNCTIONS[act].words + SIGNATURE_WORDS) * WORD;
    }
    return false;
}

/* The low 8 bytes; what stands above them shows when the call is made again. */
static uint64_t take_number(sw_reader *r) {
    (void)sw_read_bytes(r, WORD - 8);
    return sw_read_u64be(r);
}

static void take_words(sw_reader *r, sw_app_say *say, uint8_t *place) {
    *place = (uint8_t)take_number(r);
    sw_read_into(r, say->compose.b, SW_HASH_BYTES);
    if (say->act == SW_ACT_OPEN) {
        sw_read_into(r, say->manifest.b, SW_HASH_BYTES);
        sw_read_into(r, say->recipient.b, SW_HASH_BYTES);
    }
    if (say->act == SW_ACT_REVOKE || say->act == SW_ACT_LIFT) {
        say->everything = take_number(r) == 1;
    } else {
        say->app_round = take_number(r);
        say->round = take_number(r);
    }
    say->sequence = take_number(r);
}

static bool same_call(sw_bytes call, const sw_app_say *say, uint8_t place,
                      const uint8_t signature[SW_SECP256K1_SIG_BYTES]) {
    uint8_t made[SELECTOR + 12 * WORD];
    sw_buffer again = sw_buffer_over(made, sizeof made);
    sw_app_say_call(&again, say, place, signature);
    return !again.failed && sw_bytes_equal(sw_buffer_bytes(&again), call);
}

sw_status sw_app_say_parse(sw_bytes call, sw_app_say *out, uint8_t *place,
                           uint8_t signature[SW_SECP256K1_SIG_BYTES], sw_error *err) {
    sw_app_say say = {0};
    uint8_t at = 0, read[SW_SECP256K1_SIG_BYTES];
    if (!act_find(call, &say.act)) return no_call(err);
    sw_reader r = sw_reader_of(SW_BYTES(call.data + SELECTOR, call.size - SELECTOR));
    take_words(&r, &say, &at);
    (void)sw_read_bytes(&r, (size_t)2 * WORD); /* offset and size: made again below */
    sw_read_into(&r, read, sizeof read);
    read[V_AT] = (uint8_t)(read[V_AT] - 27);
    if (r.failed || read[V_AT] > 1 || !same_call(call, &say, at, read)) return no_call(err);
    *out = say;
    *place = at;
    memcpy(signature, read, sizeof read);
    return SW_OK;
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
