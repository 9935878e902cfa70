/* SPDX-License-Identifier: Apache-2.0
 *
 * Attacks on a run's out folder in one process, so that thousands can be tried: flip_out OUT
 * GENESIS_HEX FLIPS [SEED]. Each file of OUT is divided into FLIPS equal stretches and flipped in
 * one bit of each, drawn from the seed (in each bit when it has fewer, or with
 * SEALWRIGHT_EVERY_BIT=1), cut at sampled places, extended, and emptied; the rest of the folder
 * stays as it is. One line of TAP for each file and kind of attack.
 */
#include "codec/text.h"
#include "every_bit.h"
#include "manifest/manifest.h"
#include "sys/files.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Under sanitizers, where a judgement takes more than twice as long, a fifth of all samples. */
enum { SHARE = SANITIZED ? 5 : 1, PARTS = 9, CUTS = 60 / SHARE, LIMIT = 1 << 28 };
static const char *const names[PARTS] = {
    "manifest.json", "evidence.json",    "ledger.json",      "app-compose.json", "machine.pem",
    "model.sealed",  "metrics-1.sealed", "metrics-2.sealed", "metrics-3.sealed"};

typedef struct folder {
    sw_hash app;
    sw_buffer parts[PARTS]; /* with room for one byte more */
    int fds[PARTS];
    size_t tests, failed;
} folder;

static void must(bool good, const char *what) {
    if (good) return;
    printf("Bail out! %s\n", what);
    exit(1);
}

/* What an auditor's trust hangs on gets all flips; of app-compose.json and the metrics, whose
 * hashes stand in the manifest, a quarter. */
static size_t share(size_t part, size_t flips) {
    return part == 3 || part > 5 ? flips / 4 : flips;
}

/* A sealed part is read through its descriptor: memory, written anew for each attack. */
static bool sealed(size_t part) {
    return part >= 5;
}

static void write_part(folder *f, size_t part, sw_bytes content) {
    must(ftruncate(f->fds[part], 0) == 0, "ftruncate");
    must(pwrite(f->fds[part], content.data, content.size, 0) == (ssize_t)content.size, "pwrite");
}

/* `changed` PARTS: nothing is, and a refusal says why. */
static bool accepted(folder *f, size_t changed, sw_bytes content, char word[24]) {
    sw_bytes view[PARTS];
    sw_error err = {0};
    sw_manifest_verdict verdict;
    for (size_t i = 0; i < PARTS; i++) view[i] = sw_buffer_bytes(&f->parts[i]);
    if (changed < PARTS) view[changed] = content;
    for (size_t i = 5; i < PARTS; i++) (void)lseek(f->fds[i], 0, SEEK_SET);
    const sw_manifest_input in = {.manifest = view[0],
                                  .evidence = view[1],
                                  .ledger = view[2],
                                  .app_compose = view[3],
                                  .machine_pem = view[4],
                                  .model_fd = f->fds[5],
                                  .metrics_fds = f->fds + 6,
                                  .metrics_count = 3,
                                  .app = &f->app};
    sw_status status = sw_manifest_verify(&in, NULL, &verdict, &err);
    (void)snprintf(word, 24, "%s", err.word);
    if (status != SW_OK && changed == PARTS) printf("# %s: %s\n", err.word, err.message);
    return status == SW_OK;
}

static void result(folder *f, bool good, const char *name, const char *what, size_t count) {
    f->tests++;
    f->failed += !good;
    printf("%s %zu - %s: %zu %s, none accepted\n", good ? "ok" : "not ok", f->tests, name, count,
           what);
    (void)fflush(stdout);
}

static uint64_t next_random(uint64_t *state) { /* splitmix64 */
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static bool refused(folder *f, size_t part, sw_bytes content, const char *what, size_t at) {
    char word[24];
    if (sealed(part)) write_part(f, part, content);
    if (!accepted(f, part, content, word) && word[0]) return true;
    printf("# %s %s %zu\n", names[part], what, at);
    return false;
}

static void flip(folder *f, size_t part, size_t flips, uint64_t *state) {
    sw_buffer *b = &f->parts[part];
    size_t bits = b->size * 8;
    bool good = true, all = bits <= flips || every_bit();
    size_t count = all ? bits : flips;
    for (size_t n = 0; n < count; n++) {
        size_t from = n * bits / count, until = (n + 1) * bits / count;
        size_t bit = from + (size_t)(next_random(state) % (until - from));
        b->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        good &= refused(f, part, sw_buffer_bytes(b), "flipped bit", bit);
        b->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    result(f, good, names[part], "bits flipped", count);
}

static void cut(folder *f, size_t part) {
    sw_buffer *b = &f->parts[part];
    size_t step = b->size / CUTS + 1, tried = 0;
    bool good = true;
    for (size_t size = 0; size < b->size; size += step, tried++)
        good &= refused(f, part, SW_BYTES(b->data, size), "cut to", size);
    good &= refused(f, part, SW_BYTES(b->data, b->size - 1), "cut to", b->size - 1);
    result(f, good, names[part], "times cut", tried + 1);
    static const uint8_t more[] = {0, '\n', ' ', '}', 0xff};
    good = true;
    for (size_t i = 0; i < sizeof more; i++) {
        b->data[b->size] = more[i];
        good &= refused(f, part, SW_BYTES(b->data, b->size + 1), "extended by", more[i]);
    }
    result(f, good, names[part], "times extended", sizeof more);
}

static void open_part(folder *f, const char *path, size_t part) {
    sw_arena a = {0};
    sw_error err = {0};
    SW_SCOPED(sw_buffer) file = SW_BUFFER(LIMIT);
    sw_buffer *b = &f->parts[part];
    char *full = sw_path_join(&a, path, names[part]);
    must(full && sw_file_read(full, LIMIT, &file, &err) == SW_OK, names[part]);
    sw_arena_free(&a);
    *b = SW_BUFFER(file.size + 1);
    sw_put_bytes(b, sw_buffer_bytes(&file));
    sw_put_u8(b, 0);
    must(!b->failed, "no memory");
    b->size--;
    f->fds[part] = memfd_create(names[part], MFD_CLOEXEC);
    must(f->fds[part] >= 0, "memfd_create");
    write_part(f, part, sw_buffer_bytes(b));
}

int main(int argc, char **argv) {
    static folder f;
    char word[24];
    must(argc >= 4, "usage: flip_out OUT GENESIS_HEX FLIPS [SEED]");
    must(sw_hex_decode(f.app.b, 32, sw_text(argv[2]), false, NULL) == SW_OK, "not a hash");
    size_t flips = strtoul(argv[3], NULL, 10) / SHARE;
    uint64_t state = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
    printf("# seed %" PRIu64 "\n", state);
    for (size_t i = 0; i < PARTS; i++) open_part(&f, argv[1], i);
    must(accepted(&f, PARTS, (sw_bytes){0}, word), "the folder itself does not verify");
    for (size_t i = 0; i < PARTS; i++) {
        flip(&f, i, share(i, flips), &state);
        cut(&f, i);
        if (sealed(i)) write_part(&f, i, sw_buffer_bytes(&f.parts[i]));
    }
    must(accepted(&f, PARTS, (sw_bytes){0}, word), "the folder did not stay as it was");
    printf("1..%zu\n", f.tests);
    return f.failed ? 1 : 0;
}
