/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests of our own making: what they say is what the plan said, verifiers take them, and plans
 * that have no such form are turned away (GPU-148).
 */
#include "attest/rim_forge.h"

static void test_round(void **state) {
    (void)state;
    char *text = rim_good();
    sw_rim rim = {0};
    sw_error err = {0};
    if (rim_judge(sw_text(text), &rim, &err) != SW_OK) fail_msg("%s", err.message);
    assert_string_equal(rim.version, "570.00.1");
    assert_string_equal(rim.product, "FH100");
    assert_string_equal(rim.edition, "GPU");
    assert_string_equal(rim.name, "FH100");
    assert_int_equal(rim.active_count, 22);
    assert_int_equal(rim.chain_count, 3);
    assert_memory_equal(&rim.anchor, &forge.anchor, sizeof rim.anchor);
    assert_int_equal(rim.valid_from_ms, RIM_NOW - 100 * RIM_DAY);
    assert_int_equal(rim.valid_until_ms, RIM_NOW + 400 * RIM_DAY);
    for (size_t i = 0; i < SW_RIM_INDEX_LIMIT; i++) {
        const sw_rim_entry *a = &forge.entries[i], *b = &rim.entries[i];
        assert_int_equal(a->active, b->active);
        assert_int_equal(a->alternative_count == 0 ? 1 : a->alternative_count,
                         b->alternative_count);
        assert_memory_equal(a->alternatives, b->alternatives, sizeof a->alternatives);
    }
    sw_rim_free(&rim);
    free(text);
}

static void test_kinds(void **state) {
    (void)state;
    sw_bytes chain[3];
    sw_rim_plan plan = rim_plan_of(chain);
    char *driver = rim_text(&plan);
    plan.kind = SW_RIM_VBIOS;
    char *vbios = rim_text(&plan);
    const char *a = strstr(driver, "tagId="), *b = strstr(vbios, "tagId=");
    assert_memory_not_equal(a, b, 7 + 96);
    plan.entry_count = 1;
    char *small = rim_text(&plan);
    assert_null(strstr(small, "index=\"1\""));
    sw_rim rim = {0};
    assert_int_equal(rim_judge(sw_text(small), &rim, NULL), SW_OK);
    sw_rim_free(&rim);
    free(driver);
    free(vbios);
    free(small);
}

static void turned_away(const sw_rim_plan *plan, sw_status status) {
    SW_SCOPED(sw_buffer) xml = SW_BUFFER(SW_RIM_LIMIT);
    assert_int_equal(sw_rim_make(plan, &xml, NULL), status);
    assert_int_equal(xml.size, 0);
}

static void test_plans(void **state) {
    (void)state;
    static const char *const texts[] = {"", "a&b", "a<b", "a\"b", "a\nb", "\xc3\xa9", NULL};
    sw_rim_entry entry = {.active = true};
    sw_bytes chain[3];
    const sw_rim_plan good = rim_plan_of(chain);
    sw_rim_plan plan = good;
    for (size_t i = 0; i < COUNT(texts); i++) {
        plan = good;
        plan.version = texts[i];
        turned_away(&plan, SW_USAGE);
        plan = good;
        plan.product = texts[i];
        turned_away(&plan, SW_USAGE);
        plan = good;
        plan.edition = texts[i];
        turned_away(&plan, SW_USAGE);
    }
    plan = good;
    plan.version = "5 7";
    turned_away(&plan, SW_USAGE);
    plan = good;
    plan.entry_count = SW_RIM_INDEX_LIMIT + 1;
    turned_away(&plan, SW_USAGE);
    plan.entry_count = 0;
    turned_away(&plan, SW_USAGE);
    plan = good;
    plan.entries = &entry;
    plan.entry_count = 1;
    turned_away(&plan, SW_USAGE);
    entry.alternative_count = SW_RIM_ALTERNATIVE_LIMIT + 1;
    turned_away(&plan, SW_USAGE);
    plan = good;
    plan.chain_count = 1;
    turned_away(&plan, SW_USAGE);
    plan.chain_count = SW_RIM_CHAIN_LIMIT + 1;
    turned_away(&plan, SW_USAGE);
    plan = good;
    plan.secret = forge.spare.secret;
    turned_away(&plan, SW_USAGE);
    chain[0].size--;
    turned_away(&good, SW_MALFORMED);
}

/* What people are shown, of a manifest that is good and of one that is edited. */
static void test_explain(void **state) {
    (void)state;
    static const char *const lines[] = {"  version                  570.00.1\n",
                                        "  product                  FH100\n",
                                        "active measurements (22)\n",
                                        "  12                       c0c0c0",
                                        "    or                     c1c1c1",
                                        "  Forged Signer\n",
                                        "  Forged Root\n"};
    SW_SCOPED(sw_buffer) out = SW_BUFFER(SW_RIM_LIMIT);
    char *text = rim_good();
    assert_int_equal(sw_rim_explain(sw_text(text), &out, NULL), SW_OK);
    sw_put_u8(&out, 0);
    for (size_t i = 0; i < COUNT(lines); i++)
        if (strstr((const char *)out.data, lines[i]) == NULL) fail_msg("no \"%s\"", lines[i]);
    assert_null(strstr((const char *)out.data, "  13  "));
    sw_buffer_reset(&out);
    text = rim_bend(text, "ns2:Hash0=\"00", "ns2:Hash0=\"fe");
    assert_int_equal(sw_rim_explain(sw_text(text), &out, NULL), SW_OK);
    sw_buffer_reset(&out);
    text = rim_bend(text, "index=\"1\"", "index=\"0\"");
    assert_int_equal(sw_rim_explain(sw_text(text), &out, NULL), SW_MALFORMED);
    assert_int_equal(out.size, 0);
    free(text);
}

static int open_all(void **state) {
    (void)state;
    rim_forge_open();
    return 0;
}

static int close_all(void **state) {
    (void)state;
    rim_forge_close();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_explain),
    };
    return cmocka_run_group_tests_name("rim_make", tests, open_all, close_all);
}
