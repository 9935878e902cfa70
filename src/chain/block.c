/* SPDX-License-Identifier: Apache-2.0
 *
 * Block headers and accounts (yellow paper, 4.1 and 4.3; CHN-041, CHN-043). A header's first 15
 * items are the same on every fork; those that later forks have added are strings and say nothing
 * here.
 */
#include "chain/chain.h"

#include <string.h>

enum { ITEMS_MIN = 15, ITEMS_LIMIT = 32, ANY = -1, NUMBER = -2 };

/* Sizes of the items that every header has. */
static const struct {
    const char *name;
    int bytes; /* exactly; NUMBER: at most 32 without leading zeros; ANY */
} fields[ITEMS_MIN] = {
    {"parent", 32},       {"uncles", 32},        {"beneficiary", 20},  {"state root", 32},
    {"transactions", 32}, {"receipts", 32},      {"bloom", 256},       {"difficulty", NUMBER},
    {"number", NUMBER},   {"gas limit", NUMBER}, {"gas used", NUMBER}, {"time", NUMBER},
    {"extra data", ANY},  {"mix", 32},           {"nonce", 8},
};
enum { PARENT = 0, STATE_ROOT = 3, NUMBER_AT = 8, TIME_AT = 11 };

static bool is_number(sw_bytes v) {
    return v.size <= 32 && (v.size == 0 || v.data[0] != 0);
}

static bool fits(const sw_rlp_item *item, int bytes) {
    if (item->list) return false;
    if (bytes == ANY) return true;
    return bytes == NUMBER ? is_number(item->payload) : item->payload.size == (size_t)bytes;
}

/* All items of the one list that `rlp` is. */
static sw_status read_list(sw_bytes rlp, const char *what, sw_rlp_item *out, size_t limit,
                           size_t *count, sw_error *err) {
    sw_rlp_item list;
    sw_bytes rest = rlp;
    size_t n = 0;
    SW_TRY(sw_rlp_next(&rest, &list, err));
    if (!list.list || rest.size != 0)
        return sw_fail(err, SW_MALFORMED, "format", "%s is not one RLP list", what);
    rest = list.payload;
    while (rest.size > 0) {
        if (n == limit)
            return sw_fail(err, SW_MALFORMED, "format", "%s has more than %zu items", what, limit);
        SW_TRY(sw_rlp_next(&rest, &out[n++], err));
    }
    *count = n;
    return SW_OK;
}

/* A number that our JSON can name. */
static sw_status read_small(const sw_rlp_item *item, const char *what, uint64_t *out,
                            sw_error *err) {
    uint64_t v;
    SW_TRY(sw_rlp_u64(item, &v, err));
    if (v >> 53 != 0)
        return sw_fail(err, SW_MALFORMED, "format", "a block header's %s is above 2^53-1", what);
    *out = v;
    return SW_OK;
}

sw_status sw_block_parse(sw_bytes rlp, sw_block *out, sw_error *err) {
    sw_rlp_item items[ITEMS_LIMIT];
    sw_block b;
    size_t count;
    if (rlp.size == 0 || rlp.size > SW_CHAIN_HEADER_LIMIT)
        return sw_fail(err, SW_MALFORMED, "format", "a block header is not 1 to %zu bytes",
                       SW_CHAIN_HEADER_LIMIT);
    SW_TRY(read_list(rlp, "a block header", items, ITEMS_LIMIT, &count, err));
    if (count < ITEMS_MIN)
        return sw_fail(err, SW_MALFORMED, "format", "a block header has fewer than %d items",
                       ITEMS_MIN);
    for (size_t i = 0; i < count; i++)
        if (!fits(&items[i], i < ITEMS_MIN ? fields[i].bytes : ANY))
            return sw_fail(err, SW_MALFORMED, "format", "item %zu (%s) of a block header is none",
                           i + 1, i < ITEMS_MIN ? fields[i].name : "of a later fork");
    SW_TRY(read_small(&items[NUMBER_AT], "number", &b.number, err));
    SW_TRY(read_small(&items[TIME_AT], "time", &b.time_s, err));
    memcpy(b.parent.b, items[PARENT].payload.data, sizeof b.parent.b);
    memcpy(b.state_root.b, items[STATE_ROOT].payload.data, sizeof b.state_root.b);
    sw_keccak256(&b.hash, rlp);
    *out = b;
    return SW_OK;
}

sw_status sw_account_parse(sw_bytes rlp, sw_account *out, sw_error *err) {
    enum { NONCE, BALANCE, STORAGE_ROOT, CODE_HASH, ITEMS };
    sw_rlp_item items[ITEMS];
    size_t count;
    uint64_t nonce;
    SW_TRY(read_list(rlp, "an account", items, ITEMS, &count, err));
    if (count != ITEMS || !fits(&items[BALANCE], NUMBER) ||
        !fits(&items[STORAGE_ROOT], SW_HASH_BYTES) || !fits(&items[CODE_HASH], SW_HASH_BYTES))
        return sw_fail(err, SW_MALFORMED, "format",
                       "an account is not nonce, balance, storage root and code hash");
    SW_TRY(sw_rlp_u64(&items[NONCE], &nonce, err));
    memcpy(out->storage_root.b, items[STORAGE_ROOT].payload.data, SW_HASH_BYTES);
    memcpy(out->code_hash.b, items[CODE_HASH].payload.data, SW_HASH_BYTES);
    return SW_OK;
}
