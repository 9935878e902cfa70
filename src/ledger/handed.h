/* SPDX-License-Identifier: Apache-2.0
 *
 * A revocation on its way to a chain, as its owner hands it to a key service directly. Docs:
 * docs/formats/chain.md (CHN-304 on).
 */
#ifndef SW_LEDGER_HANDED_H
#define SW_LEDGER_HANDED_H
#include "ledger/ledger.h"

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
