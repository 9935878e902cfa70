/* SPDX-License-Identifier: Apache-2.0
 *
 * A service's answer to a deployment: one that is taken shows a text with the hash that it names,
 * and the docker compose that was asked for.
 */
#include "fuzz.h"
#include "recipe/deploy.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char docker[] = "services:\n  a:\n    image: x\n";
    const sw_deployment d = {.name = "fuzzed",
                             .instance_type = "h200.small",
                             .docker_compose = SW_LITERAL("services:\n  a:\n    image: x\n")};
    sw_hash hash;
    if (sw_deploy_answer_check(&d, SW_BYTES(data, size), &hash, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(!sw_hash_zero(&hash) && size > sizeof docker);
    FUZZ_REQUIRE(memmem(data, size, "compose_hash", 12) != NULL ||
                 memchr(data, '\\', size) != NULL);
    return 0;
}
