/* SPDX-License-Identifier: Apache-2.0
 *
 * Hex in members of JSON: one reader with its rule of size, case and absence.
 */
#include "cmocka_plain.h"
#include "codec/golden_json.h"
#include "codec/json.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hex by its rule: exact or at most, of either case, and what is no bytes. */
static void hex_has_one_reader(void **state) {
    (void)state;
    static const char text[] =
        "{\"e\":\"\",\"n\":null,\"l\":\"01ab\",\"u\":\"01AB\",\"o\":\"01a\",\"w\":7}";
    static const struct {
        const char *name;
        sw_hex_rule rule;
        bool any; /* at most, not exactly */
        int size; /* of what is read; -1: refused */
        sw_status status;
    } table[] = {
        {"l", {2, false, false}, false, 2, SW_OK},
        {"u", {2, true, false}, false, 2, SW_OK},
        {"l", {2, true, false}, false, 2, SW_OK},
        {"u", {2, false, false}, false, -1, SW_MALFORMED},
        {"l", {1, false, false}, false, -1, SW_MALFORMED},
        {"l", {3, false, false}, false, -1, SW_MALFORMED},
        {"o", {1, false, false}, false, -1, SW_MALFORMED},
        {"w", {1, false, true}, false, -1, SW_MALFORMED},
        {"e", {2, false, false}, false, -1, SW_MALFORMED},
        {"n", {2, false, false}, false, -1, SW_MALFORMED},
        {"z", {2, false, false}, false, -1, SW_MALFORMED},
        {"e", {2, false, true}, false, 0, SW_OK},
        {"n", {2, false, true}, false, 0, SW_OK},
        {"z", {2, false, true}, false, 0, SW_OK},
        {"l", {2, false, false}, true, 2, SW_OK},
        {"l", {9, false, false}, true, 2, SW_OK},
        {"u", {9, true, true}, true, 2, SW_OK},
        {"l", {1, false, false}, true, -1, SW_LIMIT},
        {"o", {9, false, false}, true, -1, SW_MALFORMED},
        {"u", {9, false, false}, true, -1, SW_MALFORMED},
        {"e", {9, false, false}, true, 0, SW_OK},
        {"z", {9, false, false}, true, -1, SW_MALFORMED},
        {"z", {9, false, true}, true, 0, SW_OK},
        {"n", {9, false, true}, true, 0, SW_OK},
        {"w", {9, false, true}, true, -1, SW_MALFORMED},
    };
    SW_SCOPED(sw_arena) a = {0};
    sw_json *v;
    assert_int_equal(sw_json_parse(&a, sw_text(text), NULL, &v, NULL), SW_OK);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint8_t two[2] = {9, 9};
        bool there = true, good = table[i].size >= 0;
        sw_bytes out = SW_LITERAL("untouched");
        sw_error err = {0};
        const sw_hex_rule *rule = &table[i].rule;
        sw_status status = table[i].any
                               ? sw_json_hex_bytes(&a, v, "w", table[i].name, rule, &out, &err)
                               : sw_json_hex_exact(v, "w", table[i].name, rule, two, &there, &err);
        assert_int_equal(status, table[i].status);
        if (!good) assert_int_equal(strncmp(err.message, "w.", 2), 0);
        if (table[i].any && good) assert_int_equal(out.size, table[i].size);
        if (table[i].any && !good) assert_true(sw_bytes_is(out, "untouched"));
        if (!table[i].any && good) assert_int_equal(there, table[i].size > 0);
        if (!table[i].any) assert_memory_equal(two, table[i].size > 0 ? "\x01\xab" : "\x09\x09", 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(hex_has_one_reader)};
    return cmocka_run_group_tests_name("json hex", tests, NULL, NULL);
}
