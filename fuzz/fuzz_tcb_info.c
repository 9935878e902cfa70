/* SPDX-License-Identifier: Apache-2.0
 *
 * Collateral: TCB info, QE identity and the service's answers; what parses can be evaluated.
 */
#include "attest/tdx_internal.h"
#include "fuzz.h"

#include <string.h>

static void evaluate(const sw_tcb_info *info) {
    static sw_isv_level qe_level;
    const sw_qe_identity identity = {.levels = {1, &qe_level}};
    sw_td_report td = {.kind = SW_TD15, .tee_tcb_svn = {5, 1, 3}, .tee_tcb_svn2 = {9, 1, 4}};
    sw_pck pck = {.pce_svn = 11, .component = {7, 7, 2, 2, 3, 1, 0, 255}};
    sw_tcb_result result;
    FUZZ_REQUIRE(info->module_count >= 1 && info->module_count <= SW_MODULE_LIMIT);
    FUZZ_REQUIRE(info->level_count <= SW_TCB_LEVEL_LIMIT);
    if (sw_module_check(&td, info, NULL) != SW_OK) return;
    const sw_tcb_question question = {&td, &pck, 6, info, &identity};
    if (sw_tcb_evaluate(&question, &result, NULL) != SW_OK) return;
    FUZZ_REQUIRE(strlen(result.advisories) < sizeof result.advisories);
    FUZZ_REQUIRE(strlen(sw_tcb_status_name(result.all)) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)32 << 20};
    sw_bytes input = SW_BYTES(data, size);
    sw_tcb_info info;
    sw_qe_identity identity;
    sw_signed_json answer = {0};
    if (sw_tcb_info_parse(&a, input, &info, NULL) == SW_OK) evaluate(&info);
    if (sw_qe_identity_parse(&a, input, &identity, NULL) == SW_OK)
        FUZZ_REQUIRE(identity.levels.count <= SW_TCB_LEVEL_LIMIT);
    if (sw_pcs_parse(input, "tcbInfo", &answer, NULL) == SW_OK ||
        sw_pcs_parse(input, "enclaveIdentity", &answer, NULL) == SW_OK)
        FUZZ_REQUIRE(answer.text.data >= data &&
                     answer.text.data + answer.text.size <= data + size);
    return 0;
}
