/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes seeds of fuzz/fuzz_evidence.c and fuzz/fuzz_policy.c: make_image_corpus EVIDENCE POLICY.
 * A forged machine that booted the synthetic image; its keys are of no other use.
 */
#include "attest/image_forge.h"

static void write_seed(const char *path, sw_bytes content) {
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(content.data, 1, content.size, file) != content.size) exit(1);
    (void)fclose(file);
}

/* One image by its hash with everything named, one with `any` twice, and a grace. */
static void write_policy(const char *path, booted *m) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    sw_policy *p = &m->b.policy;
    sw_json *root = sw_json_make(&m->b.arena, SW_JSON_OBJECT);
    p->images[1] = (sw_image){.by_hash = true, .acpi_count = 1, .memory_count = 2};
    sw_image *image = &p->images[1];
    (void)strcpy(image->name, "narrow");
    image->os_image.b[0] = 1;
    memcpy(image->acpi[0], m->image.machine.acpi, sizeof image->acpi[0]);
    image->memory_bytes[0] = 2 * GIB;
    image->memory_bytes[1] = 4 * GIB;
    p->images[2] = m->b.f->policy.images[0];
    p->image_count = 3;
    p->has_grace = true;
    p->grace_until_ms = FORGE_NOW - FORGE_NOW % 1000;
    sw_policy_to_json(&m->b.arena, root, "p", p);
    sw_json_encode(&text, sw_json_member(root, "p"));
    write_seed(path, sw_buffer_bytes(&text));
}

int main(int argc, char **argv) {
    static forge house;
    static booted m;
    if (argc != 3) return 2;
    forge_open(&house);
    booted_start(&m, &house);
    write_seed(argv[1], bend_encode(&m.b));
    write_policy(argv[2], &m);
    booted_end(&m);
    forge_close(&house);
    return 0;
}
