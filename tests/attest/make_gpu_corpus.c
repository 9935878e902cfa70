/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes the corpora of fuzz/fuzz_gpu_report.c and fuzz/fuzz_gpu_chain.c: make_gpu_corpus
 * REPORTS CHAINS. Forged devices; their keys are of no other use.
 */
#include "attest/gpu_forge.h"

#include <stdio.h>

static void write_seed(const char *folder, const char *name, sw_bytes content) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(content.data, 1, content.size, file) != content.size) exit(1);
    (void)fclose(file);
}

static void write_extensions(const char *folder) {
    uint8_t digest[SW_SHA384_BYTES];
    SW_SCOPED(sw_buffer) composite = SW_BUFFER(1024);
    SW_SCOPED(sw_buffer) tcb_info = SW_BUFFER(1024);
    memset(digest, 0x5f, sizeof digest);
    put_composite(&composite, digest);
    put_tcb_info(&tcb_info, digest);
    write_seed(folder, "composite", sw_buffer_bytes(&composite));
    write_seed(folder, "tcb-info", sw_buffer_bytes(&tcb_info));
}

int main(int argc, char **argv) {
    gpu_made gpu, other;
    if (argc != 3) return 2;
    gpu_maker_open();
    gpu_make(&(gpu_plan){.serial = 1, .feature = 2, .trailing = 1}, &gpu);
    gpu_make(&(gpu_plan){.serial = 2,
                         .feature = -1,
                         .is_switch = true,
                         .tcb_info = true,
                         .more = SW_LITERAL("\x16\0\x08\0\1\2\3\4\5\6\7\x08")},
             &other);
    write_seed(argv[1], "gpu", sw_buffer_bytes(&gpu.report));
    write_seed(argv[1], "switch", sw_buffer_bytes(&other.report));
    write_seed(argv[2], "hopper", sw_buffer_bytes(&gpu.chain));
    write_seed(argv[2], "blackwell", sw_buffer_bytes(&other.chain));
    write_extensions(argv[2]);
    gpu_made_free(&gpu);
    gpu_made_free(&other);
    gpu_maker_close();
    return 0;
}
