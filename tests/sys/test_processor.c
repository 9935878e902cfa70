/* SPDX-License-Identifier: Apache-2.0
 *
 * A processor without one of the features that the compute rooms are compiled for is told so by
 * name (NUM-007). CPUID is the test's.
 */
#include "cmocka_plain.h"
#include "sys/processor.h"

#include <string.h>

static uint32_t without_leaf, most = UINT32_MAX;
static int without_register;
static unsigned without_bit;

/* A processor that has everything, but for one bit or all leaves above one. */
static sw_cpuid_answer ask(uint32_t leaf, uint32_t subleaf) {
    sw_cpuid_answer all = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    (void)subleaf;
    if ((leaf & 0x7fffffff) == 0) all.eax = most == UINT32_MAX ? leaf + 100 : most;
    if (leaf != without_leaf || leaf == 0) return all;
    uint32_t *word = without_register == 'b' ? &all.ebx : &all.ecx;
    *word &= ~(UINT32_C(1) << without_bit);
    return all;
}

static void check_lacks(const char *name) {
    sw_error err = {0};
    assert_int_equal(sw_processor_check(ask, &err), SW_REFUSED);
    assert_string_equal(err.word, "processor");
    if (strstr(err.message, name) == NULL) fail_msg("%s is not in \"%s\"", name, err.message);
}

static void each_feature_is_missed_by_name(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint32_t leaf;
        int at;
        unsigned bit;
    } table[] = {
        {"no AVX", 1, 'c', 28}, {"no OSXSAVE", 1, 'c', 27}, {"no F16C", 1, 'c', 29},
        {"no FMA", 1, 'c', 12}, {"no MOVBE", 1, 'c', 22},   {"no AVX2", 7, 'b', 5},
        {"no BMI1", 7, 'b', 3}, {"no BMI2", 7, 'b', 8},     {"no LZCNT", 0x80000001, 'c', 5}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        without_leaf = table[i].leaf;
        without_register = table[i].at;
        without_bit = table[i].bit;
        check_lacks(table[i].name);
    }
    without_leaf = 0;
    assert_int_equal(sw_processor_check(ask, NULL), SW_OK);
}

/* A leaf that a processor does not have answers what another one holds. */
static void a_leaf_that_is_not_there_is_not_believed(void **state) {
    (void)state;
    most = 6;
    check_lacks("no AVX2");
    most = 0;
    check_lacks("no AVX");
    most = UINT32_MAX;
}

static void this_one_has_all(void **state) {
    (void)state;
    sw_error err = {0};
    if (sw_processor_check(sw_cpuid_ask, &err) != SW_OK) fail_msg("%s", err.message);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_feature_is_missed_by_name),
                                       cmocka_unit_test(a_leaf_that_is_not_there_is_not_believed),
                                       cmocka_unit_test(this_one_has_all)};
    return cmocka_run_group_tests_name("processor", tests, NULL, NULL);
}
