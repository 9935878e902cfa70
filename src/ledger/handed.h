/* SPDX-License-Identifier: Apache-2.0
 *
 * Words on their way to a chain, as others hand them on: who signed them, and a revocation as its
 * owner hands it to a key service directly. Docs: docs/formats/chain.md (CHN-236, CHN-304 on).
 */
#ifndef SW_LEDGER_HANDED_H
#define SW_LEDGER_HANDED_H
#include "ledger/ledger.h"

/* SW_REFUSED "chain" unless the app's ledger is this contract on this chain. */
SW_NODISCARD sw_status sw_genesis_check_place(const sw_genesis *g, const sw_app_place *at,
                                              sw_error *err);
/* Whose chain key signed these words for this app. At the place of a founder it must be the
 * genesis' owner: SW_UNAUTHENTIC "signature". Places behind are the contract's to judge. */
SW_NODISCARD sw_status sw_app_say_signer(const sw_genesis *g, const sw_app_say *say, uint8_t place,
                                         const uint8_t signature[SW_SECP256K1_SIG_BYTES],
                                         sw_address *out, sw_error *err);

#define SW_HANDED_LIMIT 512 /* bytes of a call; it has 292 */
typedef struct sw_handed_revocation {
    size_t owner; /* place in the genesis */
    sw_app_say say;
    uint8_t signature[SW_SECP256K1_SIG_BYTES];
} sw_handed_revocation;
/* `call` is the call data that revokes (CHN-023), with its signature. It must be byte for byte what
 * we make of it, and signed by the chain key of the genesis' owner at that place: "format",
 * "signature". */
SW_NODISCARD sw_status sw_handed_revocation_open(const sw_genesis *g, sw_bytes call,
                                                 sw_handed_revocation *out, sw_error *err);
#endif
