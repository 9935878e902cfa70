/* SPDX-License-Identifier: Apache-2.0
 *
 * What parses as a compose is no different from itself.
 */
#include "fuzz.h"
#include "recipe/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sw_recipe r;
    size_t differences = 1;
    SW_SCOPED(sw_buffer) text = SW_BUFFER((size_t)4 << 20);
    if (sw_compose_parse(SW_BYTES(data, size), &r, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(size <= SW_COMPOSE_LIMIT && r.model_file_count > 0);
    FUZZ_REQUIRE(r.native ? r.profiles[0] != 0 : r.command.tree_entries >= r.command.file_count);
    FUZZ_REQUIRE(sw_recipe_diff(&r, &r, &text, &differences, NULL) == SW_OK && differences == 0);
    return 0;
}
