/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes evidence of a forged machine with two GPUs and its machine policy, for tests/cli and the
 * fuzz corpora: make_pair_corpus EVIDENCE POLICY. Its keys are of no other use.
 */
#include "attest/forge.h"

static void write_seed(const char *path, sw_bytes content) {
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(content.data, 1, content.size, file) != content.size) exit(1);
    (void)fclose(file);
}

int main(int argc, char **argv) {
    static forge pair;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_arena) a = {0};
    if (argc != 3) return 2;
    forge_open_gpus(&pair, 2);
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_policy_to_json(&a, root, "p", &pair.policy);
    sw_json_encode(&text, sw_json_member(root, "p"));
    write_seed(argv[1], sw_buffer_bytes(&pair.json));
    write_seed(argv[2], sw_buffer_bytes(&text));
    forge_close(&pair);
    return 0;
}
