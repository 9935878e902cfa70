/* SPDX-License-Identifier: Apache-2.0
 *
 * Run keys: what follows from all data keys of a recipe together. Format: docs/formats/seal.md
 * (SEAL-070, SEAL-071).
 *
 * Only a machine that was granted every shard can compute the run key, so nobody else opens or
 * forges a checkpoint, and an owner who revokes locks them.
 */
#include "seal/consent.h"

#include <string.h>

enum { KEY_LIMIT = 4096 }; /* shards of one recipe: SW_SHARD_LIMIT is far below */

sw_status sw_run_key_derive(const sw_data_key *const *keys, size_t count, const sw_hash *compose,
                            sw_run_key *out, sw_error *err) {
    if (count == 0 || count > KEY_LIMIT)
        return sw_fail(err, SW_USAGE, "usage", "a run key is derived from 1 to %d data keys",
                       KEY_LIMIT);
    SW_SCOPED(sw_buffer) info = SW_BUFFER(64);
    sw_put_field(&info, SW_LITERAL("sealwright/run/v1"));
    SW_TRY(sw_buffer_check(&info, "run key", err));
    uint8_t *ikm = sw_secret_alloc(count * sizeof keys[0]->b);
    if (ikm == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for keys");
    for (size_t i = 0; i < count; i++) memcpy(ikm + i * sizeof keys[i]->b, keys[i]->b, 32);
    sw_status status = sw_hkdf(out->b, sizeof out->b, SW_BYTES(ikm, count * sizeof keys[0]->b),
                               SW_BYTES_OF(compose->b), sw_buffer_bytes(&info), err);
    sw_secret_release(ikm);
    return status;
}

sw_status sw_subkey_derive(const sw_run_key *run, sw_subkey_label label, sw_subkey *out,
                           sw_error *err) {
    static const char *const labels[] = {
        [SW_SUBKEY_CHECKPOINT] = "checkpoint",
        [SW_SUBKEY_OUTPUT] = "output",
        [SW_SUBKEY_NOISE] = "noise",
        [SW_SUBKEY_COMMIT] = "commit",
    };
    SW_CHECK(err, (size_t)label < sizeof labels / sizeof *labels);
    SW_SCOPED(sw_buffer) info = SW_BUFFER(64);
    sw_put_field(&info, SW_LITERAL("sealwright/subkey/v1"));
    sw_put_field(&info, sw_text(labels[label]));
    SW_TRY(sw_buffer_check(&info, "subkey", err));
    return sw_hkdf_expand(out->b, sizeof out->b, run->b, sw_buffer_bytes(&info), err);
}
