/* SPDX-License-Identifier: Apache-2.0
 *
 * Who stands at which place: owners of the genesis, and on a chain those whom the owners have added
 * since, of whom nothing but an address is known (CHN-100).
 */
#include "ledger/ledger_internal.h"

#include <string.h>

sw_hash sw_ledger_owner_id(const sw_ledger *l, size_t place) {
    sw_hash id = {{0}};
    if (place < l->genesis.owner_count) return l->genesis.owners[place].id;
    memcpy(id.b + sizeof id.b - SW_ADDRESS_BYTES, l->accounts[place].b, SW_ADDRESS_BYTES);
    return id;
}

size_t sw_ledger_place(const sw_ledger *l, const sw_hash *id) {
    size_t i = 0;
    for (; i < l->places; i++) {
        sw_hash there = sw_ledger_owner_id(l, i);
        if (sw_hash_equal(&there, id)) break;
    }
    return i;
}

void sw_ledger_put_name(sw_buffer *out, const sw_ledger *l, size_t place) {
    char address[43];
    if (place < l->genesis.owner_count) {
        sw_put_text(out, l->genesis.owners[place].name);
        return;
    }
    sw_address_text(address, &l->accounts[place]);
    sw_put_text(out, address);
}

void sw_ledger_put_names(sw_buffer *out, const sw_ledger *l, uint32_t owners) {
    bool first = true;
    for (size_t i = 0; i < l->places; i++) {
        if ((owners >> i & 1) == 0) continue;
        if (!first) sw_put_text(out, ", ");
        sw_ledger_put_name(out, l, i);
        first = false;
    }
}

uint32_t sw_ledger_shard_owners(const sw_ledger *l, const sw_recipe *r, bool *outside) {
    uint32_t bits = 0;
    *outside = false;
    for (size_t i = 0; i < r->shard_count; i++) {
        size_t owner = sw_ledger_place(l, &r->shards[i].owner);
        if (owner >= l->genesis.owner_count)
            *outside = true;
        else
            bits |= UINT32_C(1) << owner;
    }
    return bits;
}

sw_status sw_ledger_check_owners(const sw_ledger *l, const sw_recipe *recipe, sw_error *err) {
    bool outside;
    uint32_t gone = sw_ledger_shard_owners(l, recipe, &outside) & ~l->active;
    if (gone == 0) return SW_OK;
    SW_SCOPED(sw_buffer) names = SW_BUFFER(4096);
    sw_ledger_put_names(&names, l, gone);
    sw_put_u8(&names, 0);
    SW_TRY(sw_buffer_check(&names, "the owners' names", err));
    sw_status status =
        sw_fail(err, SW_REFUSED, "removed",
                "the app's owners have removed %s, whose data is listed", (const char *)names.data);
    sw_error_hint(err, "a recipe without that data can be approved instead");
    return status;
}
