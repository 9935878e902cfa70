/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes a seed of fuzz/fuzz_evidence.c with MRCONFIGID's document, and the policy that it holds
 * under: make_document_corpus EVIDENCE POLICY. The machine's keys are of no other use.
 */
#include "attest/document_forge.h"

static void write_seed(const char *path, sw_bytes content) {
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(content.data, 1, content.size, file) != content.size) exit(1);
    (void)fclose(file);
}

int main(int argc, char **argv) {
    static forge house;
    static bend b;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    if (argc != 3) return 2;
    forge_open(&house);
    documented_start(&b, &house);
    write_seed(argv[1], bend_encode(&b));
    sw_json *root = sw_json_make(&b.arena, SW_JSON_OBJECT);
    sw_policy_to_json(&b.arena, root, "p", &b.policy);
    sw_json_encode(&text, sw_json_member(root, "p"));
    write_seed(argv[2], sw_buffer_bytes(&text));
    bend_end(&b);
    forge_close(&house);
    return 0;
}
