/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes the corpus of fuzz/fuzz_manifest.c: make_corpus FOLDER. Two forged runs, one with sealed
 * and one with public metrics; the machine key in each is of no other use.
 */
#include "manifest/forge.h"

static void write_run(const char *path, bool public_metrics) {
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) out = SW_BUFFER(TEXT);
    sw_error err = {0};
    sw_envelope manifest;
    forge *f = forge_new(public_metrics);
    forge_plan(f);
    f->grant_count = 2; /* one machine, and its renewal: small is what a fuzzer wants */
    f->resigned_by = 0;
    f->facts.machine = f->machine_public[0];
    f->facts.resumes = 0;
    f->facts.finished_ms = START_MS + 300000;
    forge_make(f);
    must(sw_envelope_parse(&arena, bytes_of(&f->manifest), &manifest, &err), &err);
    sw_put_field(&out, SW_BYTES_OF(f->machines[0].b));
    sw_put_field(&out, manifest.payload);
    sw_put_field(&out, bytes_of(&f->evidence));
    sw_put_field(&out, bytes_of(&f->ledger));
    sw_put_field(&out, bytes_of(&f->w->compose));
    must(sw_file_write(path, bytes_of(&out), 0644, SW_WRITE_REPLACE, &err), &err);
    forge_close(f);
}

static const char *folder;

static void write_both(void **state) {
    (void)state;
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/sealed-metrics", folder);
    write_run(path, false);
    (void)snprintf(path, sizeof path, "%s/public-metrics", folder);
    write_run(path, true);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(write_both)};
    if (argc != 2) return 2;
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
