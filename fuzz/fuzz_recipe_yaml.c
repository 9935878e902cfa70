/* SPDX-License-Identifier: Apache-2.0
 *
 * What parses as a recipe is complete: its settings and its policy hold, and it can be shown.
 */
#include "fuzz.h"
#include "recipe/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sw_recipe r;
    const sw_hash compose = {{0}};
    SW_SCOPED(sw_buffer) text = SW_BUFFER((size_t)4 << 20);
    if (sw_recipe_parse(SW_BYTES(data, size), "fuzz", &r, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(sw_training_check(&r.training, NULL) == SW_OK);
    FUZZ_REQUIRE(r.native || (r.command.argument_count > 0 && r.command.file_count > 0));
    FUZZ_REQUIRE(sw_policy_complete(&r.policy, NULL) == SW_OK);
    FUZZ_REQUIRE(r.shard_count > 0 && r.lease_ms <= r.max_silence_ms);
    FUZZ_REQUIRE(sw_recipe_show(&r, &compose, &text, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_recipe_show_json(&r, &compose, &text, NULL) == SW_OK);
    return 0;
}
