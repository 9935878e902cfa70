/* SPDX-License-Identifier: Apache-2.0
 *
 * A genesis that parses, bare or in its envelope, has a quorum that can be met and owners in order.
 */
#include "fuzz.h"
#include "ledger/ledger.h"

static void look(const sw_genesis *g) {
    FUZZ_REQUIRE(g->quorum >= 1 && g->quorum <= g->owner_count);
    FUZZ_REQUIRE(g->owner_count <= SW_OWNER_LIMIT);
    for (size_t i = 0; i < g->owner_count; i++)
        FUZZ_REQUIRE(sw_genesis_owner(g, &g->owners[i].id) == &g->owners[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sw_genesis g;
    SW_SCOPED(sw_arena) arena = {.limit_bytes = (size_t)64 << 20};
    if (sw_genesis_parse(SW_BYTES(data, size), &g, NULL) == SW_OK) look(&g);
    if (sw_genesis_open(&arena, SW_BYTES(data, size), false, &g, NULL) == SW_OK) look(&g);
    return 0;
}
