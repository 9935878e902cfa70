/* SPDX-License-Identifier: Apache-2.0
 *
 * Words that are handed on: for which contract, by whom; revocations among them read, made again,
 * compared (CHN-236, CHN-304).
 *
 * The idea: these are the bytes that would go to the contract, so an owner signs once. One value
 * has one spelling (sw_app_say_parse).
 */
#include "ledger/handed.h"

#include <string.h>

sw_status sw_genesis_check_place(const sw_genesis *g, const sw_app_place *at, sw_error *err) {
    char address[43];
    if (g->backend != SW_LEDGER_ETHEREUM)
        return sw_fail(err, SW_REFUSED, "chain", "the ledger of %s is not on a chain", g->name);
    if (at->chain == g->chain.chain &&
        memcmp(at->contract.b, g->chain.contract.b, sizeof at->contract.b) == 0)
        return SW_OK;
    sw_address_text(address, &g->chain.contract);
    return sw_fail(err, SW_REFUSED, "chain", "the app's ledger is eip155:%llu/%s",
                   (unsigned long long)g->chain.chain, address);
}

sw_status sw_app_say_signer(const sw_genesis *g, const sw_app_say *say, uint8_t place,
                            const uint8_t signature[SW_SECP256K1_SIG_BYTES], sw_address *out,
                            sw_error *err) {
    sw_secp256k1_public key;
    sw_address signer;
    sw_hash digest;
    sw_app_say_digest(&digest, &g->chain, say);
    SW_TRY(sw_secp256k1_recover(&digest, signature, &key, err));
    SW_TRY(sw_secp256k1_address(&key, signer.b, err));
    const sw_owner *owner = place < g->owner_count ? &g->owners[place] : NULL;
    if (owner != NULL && memcmp(signer.b, owner->address.b, sizeof signer.b) != 0)
        return sw_fail(err, SW_UNAUTHENTIC, "signature", "this is not signed by %s", owner->name);
    *out = signer;
    return SW_OK;
}

/* ---- revocations ---- */
static sw_status no_revocation(sw_error *err) {
    return sw_fail(err, SW_MALFORMED, "format", "this is no signed call that revokes");
}

static sw_status check_said(const sw_app_say *say, sw_error *err) {
    if (say->act != SW_ACT_REVOKE || sw_hash_zero(&say->compose) != say->everything)
        return no_revocation(err);
    if (say->sequence == 0 || say->sequence >= UINT64_C(1) << 53) return no_revocation(err);
    return SW_OK;
}

sw_status sw_handed_revocation_open(const sw_genesis *g, sw_bytes call, sw_handed_revocation *out,
                                    sw_error *err) {
    sw_handed_revocation made = {0};
    sw_address signer;
    uint8_t place = 0;
    if (sw_app_say_parse(call, &made.say, &place, made.signature, NULL) != SW_OK)
        return no_revocation(err);
    SW_TRY(check_said(&made.say, err));
    if (place >= g->owner_count)
        return sw_fail(err, SW_REFUSED, "ledger",
                       "the revocation is by nobody in the genesis: place %u", (unsigned)place);
    made.owner = place;
    SW_TRY(sw_app_say_signer(g, &made.say, place, made.signature, &signer, err));
    *out = made;
    return SW_OK;
}
