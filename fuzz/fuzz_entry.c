/* SPDX-License-Identifier: Apache-2.0
 *
 * Input: u32be size, a genesis payload, and an entry's envelope. An entry that opens can be applied
 * to the empty ledger or is refused by it, and check says the same before.
 */
#include "fuzz.h"
#include "ledger/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sw_genesis g;
    sw_reader r = sw_reader_of(SW_BYTES(data, size));
    sw_bytes genesis = sw_read_field(&r, SW_GENESIS_LIMIT), entry = r.rest;
    sw_ledger *l = NULL;
    sw_entry e;
    SW_SCOPED(sw_arena) arena = {.limit_bytes = (size_t)64 << 20};
    if (r.failed || sw_genesis_parse(genesis, &g, NULL) != SW_OK) return 0;
    if (sw_ledger_open(&g, &l, NULL) != SW_OK) return 0;
    const sw_head at = {.index = 1};
    bool opens = sw_entry_open(&arena, entry, &g, &e, NULL) == SW_OK;
    sw_status checked = sw_ledger_check(l, entry, NULL);
    FUZZ_REQUIRE(sw_ledger_apply(l, &at, entry, NULL) == checked);
    FUZZ_REQUIRE(checked != SW_OK || opens);
    sw_ledger_close(&l);
    return 0;
}
