/* SPDX-License-Identifier: Apache-2.0
 *
 * A main for fuzz targets without libFuzzer: every file of the given folders and files goes to the
 * target, then a bounded number of mutations of each (cuts, flips, bytes set, removed, repeated).
 * The mutations come from a counter, so that a failing input is found again: on a crash its index
 * among the inputs of its file is what the last line on stderr names.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    INPUT_BYTES_MAX = 1 << 20,
    CUTS_MAX = 256,
    FLIPS_MAX = 1024,
    CHANGES = 512,
    PATH_BYTES = 1024,
    BYTES_PER_FILE = 32 << 20
};

static char where[PATH_BYTES + 64]; /* what runs now, for the signal handler */
static size_t inputs;

static void on_crash(int signal) {
    size_t size = strlen(where);
    (void)!write(STDERR_FILENO, where, size);
    (void)!write(STDERR_FILENO, "\n", 1);
    struct sigaction plain = {.sa_handler = SIG_DFL};
    (void)sigaction(signal, &plain, NULL);
    (void)raise(signal);
}

/* From a copy of exact size, so that a sanitizer sees a read beyond the end. */
static void feed(const uint8_t *data, size_t size, const char *path, const char *how, size_t n) {
    (void)snprintf(where, sizeof where, "# %s %s %zu", path, how, n);
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) abort();
    if (size > 0) memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    inputs++;
}

static uint64_t next_random(uint64_t *state) { /* splitmix64 */
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* One change in place; returns the new size. */
static size_t change(uint8_t *data, size_t size, uint64_t *state) {
    static const uint8_t telling[] = {0, 1, 0x7f, 0x80, 0xff, '"', '\\', '{', '[', '-', '\n', ':'};
    size_t at = next_random(state) % size, most = size - at < 16 ? size - at : 16;
    size_t count = 1 + next_random(state) % most;
    switch (next_random(state) % 4) {
    case 0:
        data[at] = telling[next_random(state) % sizeof telling];
        return size;
    case 1:
        data[at] = (uint8_t)next_random(state);
        return size;
    case 2:
        memmove(data + at, data + at + count, size - at - count);
        return size - count;
    default:
        memmove(data + at + count, data + at, size - at); /* there is room for 16 more */
        return size + count;
    }
}

static void mutate(uint8_t *data, size_t size, const char *path) {
    uint8_t *work = malloc(size + 64);
    if (work == NULL) abort();
    /* A large file gets fewer mutations: the bytes fed per file are bounded. */
    size_t most = BYTES_PER_FILE / (size + 1) + 16, step = size / CUTS_MAX + 1;
    for (size_t cut = 0, n = 0; cut < size && n < most; cut += step, n++)
        feed(data, cut, path, "cut to", cut);
    size_t bits = size * 8, stride = bits / FLIPS_MAX + 1;
    for (size_t bit = 0, n = 0; bit < bits && n < most; bit += stride, n++) {
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        feed(data, size, path, "with flipped bit", bit);
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t n = 0; size > 0 && n < CHANGES && n < most; n++) {
        uint64_t state = n;
        memcpy(work, data, size);
        size_t changed = change(work, size, &state);
        if (changed > 0) changed = n % 2 == 0 ? changed : change(work, changed, &state);
        feed(work, changed, path, "with change", n);
    }
    free(work);
}

static bool feed_file(const char *path) {
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(INPUT_BYTES_MAX);
    if (file == NULL || data == NULL) {
        (void)printf("Bail out! %s: %s\n", path, strerror(errno));
        if (file != NULL) (void)fclose(file);
        free(data);
        return false;
    }
    size_t size = fread(data, 1, INPUT_BYTES_MAX, file);
    (void)fclose(file);
    feed(data, size, path, "whole", 0);
    mutate(data, size, path);
    free(data);
    return true;
}

static bool feed_path(const char *path) {
    struct stat st;
    if (stat(path, &st) != 0) {
        (void)printf("Bail out! %s: %s\n", path, strerror(errno));
        return false;
    }
    if (!S_ISDIR(st.st_mode)) return feed_file(path);
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort);
    bool good = count >= 0;
    for (int i = 0; i < count; i++) {
        char inside[PATH_BYTES];
        (void)snprintf(inside, sizeof inside, "%s/%s", path, entries[i]->d_name);
        if (good && entries[i]->d_name[0] != '.') good = feed_file(inside);
        free(entries[i]);
    }
    free(entries);
    return good;
}

#ifdef SW_VARIANT_TSAN /* tenfold work: 215 s for the evidence of a machine without other load */
enum { HANG_SECONDS = 1800 };
#else
enum { HANG_SECONDS = 300 };
#endif

int main(int argc, char **argv) {
    static const int crashes[] = {
        SIGABRT, SIGALRM, /* a sanitizer sees to the others */
#ifndef SW_VARIANT_ASAN
        SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
#endif
    };
    struct sigaction action = {.sa_handler = on_crash};
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
        (void)sigaction(crashes[i], &action, NULL);
    const char *name = strrchr(argv[0], '/') == NULL ? argv[0] : strrchr(argv[0], '/') + 1;
    (void)printf("1..1\n");
    (void)fflush(stdout);
    (void)alarm(HANG_SECONDS); /* a hang is a failure */
    feed((const uint8_t *)"", 0, "nothing", "whole", 0);
    for (int i = 1; i < argc; i++)
        if (!feed_path(argv[i])) return 1;
    (void)printf("%s 1 - %s: %zu inputs\n", inputs > 1 ? "ok" : "not ok", name, inputs);
    return inputs > 1 ? 0 : 1;
}
