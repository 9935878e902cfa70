/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever parses can be walked; every node has its place.
 */
#include "codec/yaml.h"
#include "fuzz.h"

enum { DEPTH_MAX = 16 };

static void look(const sw_yaml *node) {
    uint64_t whole;
    double number;
    bool flag;
    FUZZ_REQUIRE(node->line > 0 && node->column > 0);
    (void)sw_yaml_u64(node, &whole);
    (void)sw_yaml_number(node, &number);
    (void)sw_yaml_flag(node, &flag);
    (void)sw_yaml_null(node);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"recipe", "learning_rate", "owners", NULL};
    SW_SCOPED(sw_arena) arena = {.limit_bytes = (size_t)64 << 20};
    const sw_yaml *stack[DEPTH_MAX + 2];
    sw_yaml *tree = NULL;
    (void)sw_nearest_name(SW_BYTES(data, size), names);
    if (sw_yaml_parse(&arena, SW_BYTES(data, size), "fuzz", &tree, NULL) != SW_OK) return 0;
    size_t depth = 0;
    stack[depth++] = tree;
    while (depth > 0) {
        const sw_yaml *node = stack[--depth];
        look(node);
        if (node->next != NULL) stack[depth++] = node->next;
        FUZZ_REQUIRE(depth <= DEPTH_MAX);
        if (node->first != NULL) stack[depth++] = node->first;
    }
    return 0;
}
