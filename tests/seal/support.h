/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of envelope, identity and seal share: owned chance, keys from it, files in memory.
 */
#ifndef SW_TESTS_SEAL_SUPPORT_H
#define SW_TESTS_SEAL_SUPPORT_H
#include "crypto/vector.h"
#include "envelope/envelope.h"
#include "sys/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct chance {
    uint64_t state;
    sw_entropy entropy; /* points at state: do not copy */
} chance;

static inline void chance_start(chance *c, uint64_t seed) {
    c->state = seed * 2 + 1;
    c->entropy = (sw_entropy){fill_from_seed, &c->state};
}

typedef struct key_pair {
    uint8_t secret[32];
    sw_p256_public public;
    sw_hash id;
} key_pair;

static inline key_pair make_key_pair(chance *c) {
    key_pair made;
    assert_int_equal(sw_p256_generate(&c->entropy, made.secret, &made.public, NULL), SW_OK);
    sw_key_id(&made.id, &made.public);
    return made;
}

static inline sw_hash make_hash(chance *c) {
    sw_hash made;
    assert_int_equal(sw_entropy_fill(&c->entropy, &made, sizeof made, NULL), SW_OK);
    return made;
}

/* An unnamed file that holds `content` and stands at its start. */
static inline int file_of(sw_bytes content) {
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(sw_fd_write(fd, content, NULL), SW_OK);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* Replaces a file's content. */
static inline void refill(int fd, sw_bytes content) {
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(sw_fd_write(fd, content, NULL), SW_OK);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
}

/* A folder of this test's own, removed by remove_folder. */
static inline void make_folder(char path[64]) {
    (void)snprintf(path, 64, "/tmp/sealwright-test-XXXXXX");
    assert_non_null(mkdtemp(path));
}

static inline void remove_folder(const char *path) {
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", path);
    assert_int_equal(system(command), 0);
}

static inline void path_in(char out[512], const char *folder, const char *name) {
    size_t size = strlen(folder);
    assert_true(size + 1 + strlen(name) < 512);
    memcpy(out, folder, size);
    out[size] = '/';
    memcpy(out + size + 1, name, strlen(name) + 1);
}

static inline sw_buffer read_file(const char *path) {
    sw_buffer content = SW_BUFFER((size_t)64 << 20);
    assert_int_equal(sw_file_read(path, (size_t)64 << 20, &content, NULL), SW_OK);
    return content;
}

#endif
