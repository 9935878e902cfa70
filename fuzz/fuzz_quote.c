/* SPDX-License-Identifier: Apache-2.0
 *
 * Quotes: every view of what parses lies inside the input, its parts add up to the whole, and
 * behind it are zeros only.
 */
#include "attest/tdx_internal.h"
#include "fuzz.h"

static bool inside(sw_bytes part, sw_bytes whole) {
    return part.data >= whole.data && part.size <= whole.size &&
           (size_t)(part.data - whole.data) <= whole.size - part.size;
}

static size_t front_bytes(const sw_tdx_quote *q) {
    if (q->version == 4) return 632;
    return q->td.kind == SW_TD15 ? 702 : 638;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sw_bytes input = SW_BYTES(data, size);
    sw_tdx_quote q;
    sw_pck pck;
    if (sw_pck_parse(input, &pck, NULL) == SW_OK) FUZZ_REQUIRE(size > 200);
    if (sw_tdx_quote_parse(input, &q, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(inside(q.signed_part, input) && q.signed_part.size == front_bytes(&q));
    sw_bytes report;
    FUZZ_REQUIRE(sw_quote_report_data(input, &report, NULL) == SW_OK && inside(report, input));
    FUZZ_REQUIRE(sw_bytes_equal(report, SW_BYTES_OF(q.td.report_data)));
    FUZZ_REQUIRE(inside(q.qe.raw, input) && q.qe.raw.size == SW_QE_REPORT_BYTES);
    FUZZ_REQUIRE(inside(q.auth_data, input) && inside(q.pck_chain, input));
    size_t known = q.signed_part.size + 4 + 64 + 64 + 6 + 384 + 64 + 2 + q.auth_data.size + 6 +
                   q.pck_chain.size;
    FUZZ_REQUIRE(known + q.trailing_bytes <= size && known + q.trailing_bytes + 1 >= size);
    bool zeros = true;
    for (size_t i = size - q.trailing_bytes; i < size; i++) zeros &= data[i] == 0;
    FUZZ_REQUIRE(zeros == q.trailing_zeros);
    return 0;
}
