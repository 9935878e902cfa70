/* SPDX-License-Identifier: Apache-2.0
 *
 * The values that dstack derives from registers and identities (MSR-040 to MSR-044). Each is a hash
 * of plain concatenations of fixed sizes.
 */
#include "attest/measure_internal.h"

#include <string.h>

enum { INSTANCE_ID_BYTES = 20 };

void sw_mr_system(sw_hash *out, const sw_td_measurements *m, sw_bytes key_provider) {
    sw_hash provider = {{0}};
    if (key_provider.size > 0) sw_sha256(&provider, key_provider);
    const sw_bytes parts[] = {SW_BYTES_OF(m->mrtd), SW_BYTES_OF(m->rtmr[0]),
                              SW_BYTES_OF(m->rtmr[1]), SW_BYTES_OF(m->rtmr[2]),
                              SW_BYTES_OF(provider.b)};
    sw_sha256_parts(out, parts, sizeof parts / sizeof parts[0]);
}

static bool any_set(sw_bytes bytes) {
    for (size_t i = 0; i < bytes.size; i++)
        if (bytes.data[i] != 0) return true;
    return false;
}

void sw_mr_aggregated(sw_hash *out, const sw_td_measurements *m) {
    const sw_bytes parts[] = {SW_BYTES_OF(m->mrtd),     SW_BYTES_OF(m->rtmr[0]),
                              SW_BYTES_OF(m->rtmr[1]),  SW_BYTES_OF(m->rtmr[2]),
                              SW_BYTES_OF(m->rtmr[3]),  SW_BYTES_OF(m->mr_config_id),
                              SW_BYTES_OF(m->mr_owner), SW_BYTES_OF(m->mr_owner_config)};
    bool owned = any_set(parts[5]) || any_set(parts[6]) || any_set(parts[7]);
    sw_sha256_parts(out, parts, owned ? 8 : 5);
}

void sw_instance_id(uint8_t out[20], sw_bytes seed, const uint8_t app_id[20]) {
    const sw_bytes parts[] = {seed, SW_BYTES(app_id, INSTANCE_ID_BYTES)};
    sw_hash whole;
    sw_sha256_parts(&whole, parts, 2);
    memcpy(out, whole.b, INSTANCE_ID_BYTES);
}

void sw_device_ids(const uint8_t ppid[16], const uint8_t user_data[20], sw_hash *by_ppid,
                   sw_hash *by_user_data) {
    sw_sha256(by_ppid, SW_BYTES(ppid, 16));
    sw_sha256(by_user_data, SW_BYTES(user_data, 20));
}
