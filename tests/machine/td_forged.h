/* SPDX-License-Identifier: Apache-2.0
 *
 * A td's quotes by a forge: its good quote over what was asked for and this kernel's RTMR3, signed
 * again. The kernel's context is a td_quoter.
 */
#ifndef SW_TESTS_MACHINE_TD_FORGED_H
#define SW_TESTS_MACHINE_TD_FORGED_H
#include "attest/forge.h"
#include "machine/td.h"

typedef struct td_quoter {
    const forge *house;
    bool no_mr_config; /* the host of a guest without an agent sets none */
} td_quoter;

static inline void td_forged_quote(kernel *k, const uint8_t report[64], sw_buffer *out) {
    const td_quoter *q = k->quote_context;
    const sw_bytes good = q->house->good.quote;
    uint8_t quote[FORGE_QUOTE_MAX];
    memcpy(quote, good.data, good.size);
    if (q->no_mr_config) memset(quote + AT_MR_CONFIG_ID, 0, 48);
    memcpy(quote + AT_REPORT_DATA, report, 64);
    memcpy(quote + AT_RTMR3, k->rtmr[3], 48);
    assert_int_equal(sw_p256_sign_raw(q->house->attestation_key, SW_BYTES(quote, AT_SIGNATURE_SIZE),
                                      quote + AT_SIGNATURE, NULL),
                     SW_OK);
    sw_put_bytes(out, SW_BYTES(quote, good.size));
}
#endif
