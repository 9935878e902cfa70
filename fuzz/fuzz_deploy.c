/* SPDX-License-Identifier: Apache-2.0
 *
 * A service's answer to a deployment: one that is taken shows a text with the hash that it names,
 * and the docker compose that was asked for.
 */
#include "fuzz.h"
#include "recipe/deploy.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const sw_deployment d = {.name = "fuzzed",
                             .instance_type = "h200.small",
                             .docker_compose = SW_LITERAL("services:\n  a:\n    image: x\n")};
    const sw_deploy_built known = {.app_id = "fuzzed"};
    sw_deploy_built built;
    sw_deploy_started started;
    SW_SCOPED(sw_buffer) request = SW_BUFFER(4096);
    if (sw_deploy_started_check(&d, &known, SW_BYTES(data, size), &started, NULL) == SW_OK)
        FUZZ_REQUIRE(strlen(started.machine) <= SW_DEPLOY_WORD_LIMIT);
    if (sw_deploy_answer_check(&d, SW_BYTES(data, size), &built, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(!sw_hash_zero(&built.compose) && size > 64);
    FUZZ_REQUIRE(memmem(data, size, "compose_hash", 12) != NULL ||
                 memchr(data, '\\', size) != NULL);
    FUZZ_REQUIRE((sw_deploy_start_make(&built, &request, NULL) == SW_OK) == (built.app_id[0] != 0));
    return 0;
}
