/* SPDX-License-Identifier: Apache-2.0
 *
 * A proof in a trie: a key with a byte of size before it, then nodes with two bytes of size before
 * each. The root is the first node's hash, so that nodes are read and not refused for their hash;
 * those behind it must be the ones that are due, or lie inside. An accepted proof is refused with a
 * node more or a node less.
 */
#include "chain/chain.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sw_bytes nodes[SW_CHAIN_PROOF_COUNT + 1], value = {0};
    sw_reader r = sw_reader_of(SW_BYTES(data, size));
    sw_bytes key = sw_read_bytes(&r, sw_read_u8(&r));
    size_t count = 0;
    sw_hash root;
    while (!r.failed && r.rest.size > 0 && count < SW_CHAIN_PROOF_COUNT)
        nodes[count++] = sw_read_bytes(&r, sw_read_u16be(&r));
    if (r.failed || count == 0) return 0;
    sw_keccak256(&root, nodes[0]);
    if (sw_trie_prove(&root, key, nodes, count, &value, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(value.size <= SW_CHAIN_NODE_LIMIT);
    for (size_t i = 0; i < value.size; i++) /* a view into the last node */
        FUZZ_REQUIRE(value.data + i >= nodes[count - 1].data &&
                     value.data + i < nodes[count - 1].data + nodes[count - 1].size);
    FUZZ_REQUIRE(sw_trie_prove(&root, key, nodes, count - 1, &value, NULL) != SW_OK);
    nodes[count] = nodes[0];
    FUZZ_REQUIRE(sw_trie_prove(&root, key, nodes, count + 1, &value, NULL) != SW_OK);
    return 0;
}
