/* SPDX-License-Identifier: Apache-2.0
 *
 * Revocations that are handed over: read, made again, compared, recovered (CHN-304).
 *
 * The idea: these are the bytes that would go to the contract, so an owner signs once. One value
 * has one spelling (sw_app_say_parse).
 */
#include "ledger/handed.h"

#include <string.h>

static sw_status no_revocation(sw_error *err) {
    return sw_fail(err, SW_MALFORMED, "format", "this is no signed call that revokes");
}

static sw_status check_said(const sw_app_say *say, sw_error *err) {
    if (say->act != SW_ACT_REVOKE || sw_hash_zero(&say->compose) != say->everything)
        return no_revocation(err);
    if (say->sequence == 0 || say->sequence >= UINT64_C(1) << 53) return no_revocation(err);
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
    if (sw_app_say_parse(call, &made.say, &place, made.signature, NULL) != SW_OK)
        return no_revocation(err);
    SW_TRY(check_said(&made.say, err));
    if (place >= g->owner_count)
        return sw_fail(err, SW_REFUSED, "ledger",
                       "the revocation is by nobody in the genesis: place %u", (unsigned)place);
    made.owner = place;
    SW_TRY(check_signature(g, &made, err));
    *out = made;
    return SW_OK;
}
