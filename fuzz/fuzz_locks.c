/* SPDX-License-Identifier: Apache-2.0
 *
 * A model lock and a command's lock that parse encode to the same bytes; a trainer lock names a
 * profile.
 */
#include "fuzz.h"
#include "recipe/recipe_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sw_recipe r;
    SW_SCOPED(sw_buffer) made = SW_BUFFER((size_t)1 << 20);
    if (sw_model_lock_parse(SW_BYTES(data, size), &r, NULL) == SW_OK) {
        FUZZ_REQUIRE(sw_model_lock_encode(r.model_files, r.model_file_count, &made, NULL) == SW_OK);
        FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&made), SW_BYTES(data, size)));
    }
    if (sw_trainer_lock_parse(SW_BYTES(data, size), &r, NULL) == SW_OK)
        FUZZ_REQUIRE(r.profiles[0] != 0);
    if (sw_command_lock_read(SW_BYTES(data, size), &r.command, &r.trainer_digest, NULL) == SW_OK) {
        made.size = 0;
        FUZZ_REQUIRE(sw_command_lock_encode(&r.command, &r.trainer_digest, &made, NULL) == SW_OK);
        FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&made), SW_BYTES(data, size)));
    }
    return 0;
}
