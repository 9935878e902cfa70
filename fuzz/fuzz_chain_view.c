/* SPDX-License-Identifier: Apache-2.0
 *
 * A view of a chain, judged for the block that it is of and a genesis that fits the corpus. One
 * that is accepted says the same twice, keeps its rules, and is refused for any other block.
 */
#include "fuzz.h"
#include "ledger/chain_view.h"

#include <string.h>

/* The app of tests/ledger/chain/recorded.json, whose views are the corpus. */
static void make_genesis(sw_genesis *g) {
    static const sw_address contract = {{0xe7, 0xad, 0x3a, 0xde, 0xff, 0x1e, 0xb6,
                                         0x8f, 0x73, 0x86, 0xfd, 0x9e, 0x0d, 0x43,
                                         0x81, 0xc7, 0x0a, 0x88, 0x17, 0xd1}};
    static const sw_address owners[] = {
        {{0x21, 0xf1, 0xdb, 0x6a, 0x3b, 0xd7, 0x81, 0xbc, 0x73, 0x21,
          0x8b, 0x75, 0x6b, 0x40, 0x29, 0x9b, 0xc0, 0xea, 0xb8, 0xfc}},
        {{0x49, 0xd5, 0xcc, 0x2d, 0x60, 0xee, 0x6f, 0xd2, 0xd6, 0xa8,
          0x44, 0xa4, 0x6a, 0xd5, 0x32, 0xae, 0xef, 0x28, 0xe5, 0x88}},
        {{0xd6, 0x19, 0x78, 0xd3, 0x51, 0x65, 0xe7, 0xcc, 0xfb, 0xa2,
          0x84, 0x7c, 0x65, 0xab, 0xd7, 0xce, 0x05, 0x16, 0xe3, 0xc4}}};
    *g = (sw_genesis){.quorum = 2, .backend = SW_LEDGER_ETHEREUM, .owner_count = 3};
    g->chain = (sw_app_place){31337, contract};
    g->code_hash = sw_chain_code_hash;
    for (size_t i = 0; i < 3; i++) {
        g->owners[i].address = owners[i];
        g->owners[i].id.b[0] = (uint8_t)(i + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sw_genesis g;
    static const sw_hash composes[] = {
        {{0xb1, 0xff, 0x70, 0xc4, 0xa6, 0x8b, 0x98, 0x81, 0xe8, 0xbd, 0xba,
          0xa1, 0xa7, 0x76, 0x31, 0x97, 0xab, 0xb5, 0xc1, 0x95, 0x10, 0x9b,
          0xbe, 0xf2, 0xb7, 0x08, 0x4e, 0x5c, 0xcc, 0x7a, 0xaa, 0xdc}}};
    sw_chain_ask ask = {composes, 1, NULL, 0};
    sw_bytes view = SW_BYTES(data, size);
    sw_head at;
    sw_ledger *l = NULL;
    sw_approval a;
    make_genesis(&g);
    if (sw_chain_view_head(view, &at, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(size <= SW_CHAIN_VIEW_LIMIT && at.index >> 53 == 0);
    if (sw_chain_view_verify(&g, &at, view, &ask, &l, NULL) != SW_OK) return 0;
    sw_ledger_approval(l, &composes[0], &a);
    FUZZ_REQUIRE(a.approver_count == a.approvals && a.quorum >= 1);
    FUZZ_REQUIRE((sw_ledger_check_run(l, &composes[0], NULL) == SW_OK) == a.approved);
    sw_ledger_close(&l);
    (void)!(sw_chain_view_check_new(&g, &at, view, NULL, 0, NULL) == SW_OK);
    at.hash.b[5] ^= 1;
    FUZZ_REQUIRE(sw_chain_view_verify(&g, &at, view, &ask, &l, NULL) != SW_OK);
    return 0;
}
