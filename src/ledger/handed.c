/* SPDX-License-Identifier: Apache-2.0
 *
 * Revocations that are handed over: read, made again, compared, recovered (CHN-304).
 *
 * The idea: these are the bytes that would go to the contract, so an owner signs once. One value
 * has one spelling, because what was read is encoded anew and must be the same bytes.
 */
#include "ledger/handed.h"

#include <string.h>

enum {
    SELECTOR_BYTES = 4,
    WORD_BYTES = 32,
    HEAD_WORDS = 6, /* place, compose hash, everything, sequence, offset and length of bytes */
    SIGNATURE_AT = SELECTOR_BYTES + HEAD_WORDS * WORD_BYTES,
    CALL_BYTES = SIGNATURE_AT + 3 * WORD_BYTES,
    V_BASE = 27 /* of recovery ids on the chain (CHN-021) */
};

static sw_status no_revocation(sw_error *err) {
    return sw_fail(err, SW_MALFORMED, "format", "this is no signed call that revokes");
}

/* The low 8 bytes; what stands above them shows when the call is made again. */
static uint64_t word_u64(sw_bytes call, size_t index) {
    const uint8_t *end = call.data + SELECTOR_BYTES + (index + 1) * WORD_BYTES;
    uint64_t v = 0;
    for (size_t i = 8; i > 0; i--) v = v << 8 | end[-(ptrdiff_t)i];
    return v;
}

static sw_status parse(sw_bytes call, uint8_t *place, sw_handed_revocation *out, sw_error *err) {
    if (call.size != CALL_BYTES) return no_revocation(err);
    sw_app_say *say = &out->say;
    *say = (sw_app_say){.act = SW_ACT_REVOKE, .everything = word_u64(call, 2) == 1};
    say->sequence = word_u64(call, 3);
    memcpy(say->compose.b, call.data + SELECTOR_BYTES + WORD_BYTES, SW_HASH_BYTES);
    memcpy(out->signature, call.data + SIGNATURE_AT, sizeof out->signature);
    uint8_t *v = &out->signature[SW_SECP256K1_SIG_BYTES - 1];
    if (*v < V_BASE || *v > V_BASE + 1) return no_revocation(err);
    *v = (uint8_t)(*v - V_BASE);
    *place = (uint8_t)word_u64(call, 0);
    return SW_OK;
}

static sw_status check_spelling(sw_bytes call, const sw_handed_revocation *r, uint8_t place,
                                sw_error *err) {
    SW_SCOPED(sw_buffer) again = SW_BUFFER(CALL_BYTES);
    sw_app_say_call(&again, &r->say, place, r->signature);
    bool same = !again.failed && sw_bytes_equal(sw_buffer_bytes(&again), call);
    if (!same || sw_hash_zero(&r->say.compose) != r->say.everything) return no_revocation(err);
    if (r->say.sequence == 0 || r->say.sequence >= UINT64_C(1) << 53) return no_revocation(err);
    return SW_OK;
}

static sw_status check_signature(const sw_genesis *g, const sw_handed_revocation *r,
                                 sw_error *err) {
    sw_secp256k1_public key;
    sw_address signer;
    sw_hash digest;
    sw_app_say_digest(&digest, &g->chain, &r->say);
    SW_TRY(sw_secp256k1_recover(&digest, r->signature, &key, err));
    SW_TRY(sw_secp256k1_address(&key, signer.b, err));
    if (memcmp(signer.b, g->owners[r->owner].address.b, sizeof signer.b) == 0) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "signature", "the revocation is not signed by %s",
                   g->owners[r->owner].name);
}

sw_status sw_handed_revocation_open(const sw_genesis *g, sw_bytes call, sw_handed_revocation *out,
                                    sw_error *err) {
    sw_handed_revocation made = {0};
    uint8_t place = 0;
    SW_TRY(parse(call, &place, &made, err));
    SW_TRY(check_spelling(call, &made, place, err));
    if (place >= g->owner_count)
        return sw_fail(err, SW_REFUSED, "ledger",
                       "the revocation is by nobody in the genesis: place %u", (unsigned)place);
    made.owner = place;
    SW_TRY(check_signature(g, &made, err));
    *out = made;
    return SW_OK;
}
