/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees for tests: a folder that ends with the test, and the tree of golden_tree.py.
 */
#ifndef SW_TESTS_TREE_SUPPORT_H
#define SW_TESTS_TREE_SUPPORT_H
#include "sys/private_root.h"
#include "sys/tree_internal.h"

#include "cmocka_plain.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static inline void remove_tree(const char *folder) {
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void make_tree_folder(char folder[64]) {
    (void)snprintf(folder, 64, "/tmp/sealwright-tree-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

static inline const char *inside(const char *folder, const char *name) {
    static char paths[4][8192];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline void put_folder(const char *folder, const char *name) {
    assert_int_equal(mkdir(inside(folder, name), 0700), 0);
}

static inline void put_file(const char *folder, const char *name, const void *content, size_t size,
                            mode_t mode) {
    int fd = open(inside(folder, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, size), (ssize_t)size);
    assert_int_equal(fchmod(fd, mode), 0);
    (void)close(fd);
}

static inline void put_link(const char *folder, const char *name, const char *target) {
    assert_int_equal(symlink(target, inside(folder, name)), 0);
}

enum { LARGE_BYTES = 300000 };

static inline void put_golden(const char *folder) {
    static uint8_t large[LARGE_BYTES];
    for (size_t i = 0; i < sizeof large; i++) large[i] = (uint8_t)(i % 251);
    static const char *const folders[] = {"usr", "usr/bin",  "nothing",    "a",
                                          "app", "app/deep", "app/deep/er"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) put_folder(folder, folders[i]);
    put_file(folder, "a-b", "hello", 5, 0600);
    put_file(folder, "a/empty", "", 0, 0644);
    put_file(folder, "a/x", "x\n", 2, 0700);
    put_file(folder, "app/deep/er/large", large, sizeof large, 0444);
    put_file(folder, "usr/bin/run", "#!/bin/sh\n", 10, 0755);
    put_file(folder, "\xc3\xbc ber", "\0\xff", 2, 0640);
    put_link(folder, "bin", "usr/bin");
    put_link(folder, "outside", "/etc/passwd");
}
/* A plan that skips all, when no private root can be made here; what is asked of main. */
static inline bool root_is_missing(void) {
    sw_private_root *root = NULL;
    sw_error err = {0};
    if (sw_private_root_make(1 << 20, &root, &err) != SW_OK) {
        (void)printf("1..0 # SKIP %s\n", err.message);
        return true;
    }
    sw_private_root_drop(&root);
    return false;
}
#endif
