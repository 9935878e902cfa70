/* SPDX-License-Identifier: Apache-2.0
 *
 * A private root is filled and closed (CMD-003, CMD-005, CMD-020 to CMD-025): what is hashed is
 * what is there, also of a file that changes while it is copied; what cannot be is refused.
 */
#include "codec/text.h"
#include "crypto/crypto.h"
#include "sys/private_root.h"
#include "sys/sandbox.h"
#include "tree_support.h"

#include "golden_tree.h"
#include <signal.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

enum { SCRATCH_BYTES = 1 << 20, BUSY_BYTES = 1 << 24 };

typedef struct fixture {
    char folder[64];
    sw_private_root *root;
} fixture;

static int make(void **state) {
    static fixture f;
    sw_error err = {0};
    make_tree_folder(f.folder);
    if (sw_private_root_make(SCRATCH_BYTES, &f.root, &err) != SW_OK) fail_msg("%s", err.message);
    *state = &f;
    return 0;
}

static int unmake(void **state) {
    fixture *f = *state;
    sw_private_root_drop(&f->root);
    assert_null(f->root);
    sw_private_root_drop(&f->root);
    remove_tree(f->folder);
    return 0;
}

static void copy(fixture *f, sw_tree_digest *found) {
    sw_error err = {0};
    if (sw_private_root_copy(f->root, f->folder, NULL, NULL, found, &err) != SW_OK)
        fail_msg("%s", err.message);
}

static const char *in_root(const fixture *f, const char *path) {
    char folder[64];
    (void)snprintf(folder, sizeof folder, "/proc/self/fd/%d", f->root->folder_fd);
    return inside(folder, path);
}

static void expect_mode(const fixture *f, const char *path, mode_t mode) {
    struct stat st;
    if (fstatat(f->root->folder_fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
        fail_msg("%s is not there", path);
    if (st.st_mode != mode || st.st_uid != 0) fail_msg("%s: %o", path, st.st_mode);
    if (S_ISREG(mode)) assert_int_equal(st.st_nlink, 1);
}

static void the_copy_has_the_digest(void **state) {
    fixture *f = *state;
    char text[65];
    sw_tree_digest found, again;
    sw_error err = {0};
    put_golden(f->folder);
    assert_int_equal(link(inside(f->folder, "a/x"), inside(f->folder, "a/y")), 0);
    assert_int_equal(sw_tree_hash(f->folder, NULL, NULL, &again, &err), SW_OK);
    copy(f, &found);
    assert_memory_equal(&found, &again, sizeof found);
    (void)snprintf(text, sizeof text, "/proc/self/fd/%d/.", f->root->folder_fd);
    assert_int_equal(sw_tree_hash(text, NULL, NULL, &again, &err), SW_OK);
    assert_memory_equal(&found, &again, sizeof found);
    expect_mode(f, "a", S_IFDIR | 0555);
    expect_mode(f, "app/deep/er", S_IFDIR | 0555);
    expect_mode(f, "a-b", S_IFREG | 0444);
    expect_mode(f, "a/x", S_IFREG | 0555); /* two names of one file are two files */
    expect_mode(f, "a/y", S_IFREG | 0555);
    expect_mode(f, "outside", S_IFLNK | 0777);
}

/* A child writes into the file for as long as we copy it. */
static void what_was_hashed_is_what_is_there(void **state) {
    fixture *f = *state;
    sw_tree_digest found;
    sw_hash digest, copied;
    uint64_t size = 0;
    sw_error err = {0};
    int ready[2];
    const char *path = inside(f->folder, "busy");
    put_file(f->folder, "busy", "x", 1, 0644);
    assert_int_equal(truncate(path, BUSY_BYTES), 0);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        for (uint64_t i = 0;; i++) {
            (void)!pwrite(fd, &i, sizeof i, (off_t)((i * 8191) % BUSY_BYTES));
            if (i == 1) (void)!write(ready[1], "r", 1);
        }
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    copy(f, &found);
    int fd = openat(f->root->folder_fd, "busy", O_RDONLY | O_CLOEXEC);
    assert_int_equal(sw_tree_copy_file(fd, -1, UINT64_MAX, &size, &copied, &err), SW_OK);
    (void)close(fd);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    for (int i = 0; i < 2; i++) (void)close(ready[i]);
    /* The tree of that one file, by hand. */
    uint8_t entry[4 + 4 + 1 + 8] = {0, 0, 0, 4, 'b', 'u', 's', 'y', 2};
    for (int i = 0; i < 8; i++) entry[9 + i] = (uint8_t)(size >> (56 - 8 * i));
    const sw_bytes parts[] = {SW_BYTES("sealwright/tree/v1", 19), SW_BYTES_OF(entry),
                              SW_BYTES_OF(copied.b)};
    sw_sha256_parts(&digest, parts, 3);
    assert_true(sw_hash_equal(&digest, &found.digest));
    assert_int_equal(found.bytes, size);
}

static sw_status add(fixture *f, const char *path, const char *content, uint64_t size,
                     sw_hash *digest, sw_error *err) {
    put_file(f->folder, "model-file", content, strlen(content), 0600);
    int fd = open(inside(f->folder, "model-file"), O_RDONLY | O_CLOEXEC);
    sw_status status = sw_private_root_add(f->root, path, fd, size, digest, err);
    (void)close(fd);
    return status;
}

static void files_are_added(void **state) {
    fixture *f = *state;
    sw_hash digest, expected;
    sw_error err = {0};
    assert_int_equal(add(f, "/model/config.json", "{}", 2, &digest, &err), SW_OK);
    sw_sha256(&expected, SW_LITERAL("{}"));
    assert_true(sw_hash_equal(&digest, &expected));
    assert_int_equal(add(f, "/model/deep/er/empty", "", 0, &digest, &err), SW_OK);
    assert_int_equal(add(f, "/model/other", "x", 1, &digest, &err), SW_OK);
    expect_mode(f, "model", S_IFDIR | 0555);
    expect_mode(f, "model/deep", S_IFDIR | 0555);
    expect_mode(f, "model/deep/er", S_IFDIR | 0555);
    expect_mode(f, "model/config.json", S_IFREG | 0444);
}

static void files_that_cannot_be_added(void **state) {
    static const struct {
        const char *path;
        uint64_t size; /* of 5 bytes */
        sw_status status;
    } cases[] = {
        {"/model/a", 4, SW_MALFORMED},
        {"/model/a", 6, SW_MALFORMED},
        {"/model/a", 0, SW_MALFORMED},
        {"/model/there", 5, SW_IO},
        {"/model/there/a", 5, SW_IO},
        {"/link/a", 5, SW_IO}, /* a link of the tree is not followed */
        {"", 5, SW_USAGE},
        {"/", 5, SW_USAGE},
        {"model/a", 5, SW_USAGE},
        {"/model/", 5, SW_USAGE},
        {"/model//a", 5, SW_USAGE},
        {"/model/../a", 5, SW_USAGE},
        {"/model/./a", 5, SW_USAGE},
        {"/model/a\n", 5, SW_USAGE},
        {"/dev/a", 5, SW_USAGE},
        {"/tmp/a", 5, SW_USAGE},
        {"/run/a", 5, SW_USAGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sw_hash digest, before;
        sw_tree_digest found;
        sw_error err = {0};
        assert_int_equal(make(state), 0);
        fixture *f = *state;
        put_link(f->folder, "link", "/tmp");
        copy(f, &found);
        assert_int_equal(add(f, "/model/there", "x", 1, &digest, &err), SW_OK);
        before = digest;
        sw_status status = add(f, cases[i].path, "hello", cases[i].size, &digest, &err);
        if (status != cases[i].status) fail_msg("case %zu: %d %s", i, (int)status, err.message);
        assert_true(sw_hash_equal(&digest, &before));
        /* A root that something failed in is not closed. */
        assert_int_equal(sw_private_root_close(f->root, false, "/dev", &err), SW_USAGE);
        assert_int_equal(unmake(state), 0);
    }
}

static void a_tree_that_is_refused_breaks_the_root(void **state) {
    fixture *f = *state;
    sw_tree_digest found;
    sw_error err = {0};
    put_folder(f->folder, "model");
    assert_int_equal(sw_private_root_copy(f->root, f->folder, NULL, NULL, &found, &err),
                     SW_MALFORMED);
    assert_int_equal(sw_private_root_close(f->root, false, "/dev", &err), SW_USAGE);
}

static void a_closed_root_takes_nothing_more(void **state) {
    fixture *f = *state;
    sw_hash digest;
    sw_tree_digest found;
    sw_error err = {0};
    copy(f, &found);
    assert_int_equal(sw_private_root_close(f->root, false, "/nowhere", &err), SW_OK);
    assert_int_equal(add(f, "/model/a", "x", 1, &digest, &err), SW_USAGE);
    assert_int_equal(sw_private_root_copy(f->root, f->folder, NULL, NULL, &found, &err), SW_USAGE);
    assert_int_equal(sw_private_root_close(f->root, false, "/dev", &err), SW_USAGE);
    assert_int_equal(openat(f->root->folder_fd, "x", O_WRONLY | O_CREAT, 0600), -1);
    assert_int_equal(errno, EROFS);
    assert_int_equal(unlinkat(f->root->folder_fd, "proc/cpuinfo", 0), -1);
    assert_int_equal(errno, EROFS);
}

static void the_places_are_made(void **state) {
    fixture *f = *state;
    static const struct {
        const char *path;
        unsigned minor;
    } devices[] = {
        {"dev/null", 3}, {"dev/zero", 5}, {"dev/full", 7}, {"dev/random", 8}, {"dev/urandom", 9}};
    struct stat st;
    struct statvfs scratch;
    sw_error err = {0};
    assert_int_equal(sw_private_root_close(f->root, false, "/nowhere", &err), SW_OK);
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        expect_mode(f, devices[i].path, S_IFCHR | 0666);
        assert_int_equal(stat(in_root(f, devices[i].path), &st), 0);
        assert_int_equal(st.st_rdev, makedev(1, devices[i].minor));
    }
    expect_mode(f, ".", S_IFDIR | 0555);
    expect_mode(f, "dev", S_IFDIR | 0555);
    expect_mode(f, "proc", S_IFDIR | 0555);
    expect_mode(f, "proc/cpuinfo", S_IFREG | 0444);
    expect_mode(f, "proc/meminfo", S_IFREG | 0444);
    assert_int_equal(fstatvfs(f->root->scratch_fd, &scratch), 0);
    assert_int_equal(scratch.f_blocks * scratch.f_frsize, SCRATCH_BYTES);
    const unsigned long held = ST_NOSUID | ST_NODEV | ST_NOEXEC;
    assert_int_equal(scratch.f_flag & held, held);
    assert_int_equal(fstatat(f->root->scratch_fd, "tmp", &st, 0), 0);
    assert_int_equal(st.st_uid, SW_SANDBOX_USER);
    assert_int_equal(st.st_mode, S_IFDIR | 0700);
}

static void gpu_nodes_are_copied_by_number(void **state) {
    fixture *f = *state;
    struct stat st;
    sw_error err = {0};
    assert_int_equal(mknod(inside(f->folder, "nvidiactl"), S_IFCHR | 0600, makedev(1, 3)), 0);
    assert_int_equal(mknod(inside(f->folder, "nvidia15"), S_IFCHR | 0600, makedev(1, 5)), 0);
    assert_int_equal(mknod(inside(f->folder, "nvidia16"), S_IFCHR | 0600, makedev(1, 3)), 0);
    assert_int_equal(mknod(inside(f->folder, "nvidia2"), S_IFBLK | 0600, makedev(7, 0)), 0);
    put_file(f->folder, "nvidia0", "x", 1, 0666);
    put_link(f->folder, "nvidia1", "/dev/null"); /* a link is no device */
    assert_int_equal(sw_private_root_close(f->root, true, f->folder, &err), SW_OK);
    expect_mode(f, "dev/nvidiactl", S_IFCHR | 0666);
    assert_int_equal(stat(in_root(f, "dev/nvidia15"), &st), 0);
    assert_int_equal(st.st_rdev, makedev(1, 5));
    static const char *const absent[] = {"dev/nvidia0", "dev/nvidia1", "dev/nvidia2",
                                         "dev/nvidia16"};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        assert_int_equal(stat(in_root(f, absent[i]), &st), -1);
}

static void a_folder_of_devices_that_is_none(void **state) {
    fixture *f = *state;
    sw_error err = {0};
    assert_int_equal(sw_private_root_close(f->root, true, "/nowhere", &err), SW_IO);
    assert_false(f->root->closed);
}

static void a_scratch_of_nothing(void **state) {
    (void)state;
    sw_private_root *root = NULL;
    sw_error err = {0};
    assert_int_equal(sw_private_root_make(0, &root, &err), SW_USAGE);
    assert_int_equal(sw_private_root_make(UINT64_MAX, &root, &err), SW_USAGE);
    assert_null(root);
}

#define IN_ROOT(test) cmocka_unit_test_setup_teardown(test, make, unmake)

int main(void) {
    if (root_is_missing()) return 0;
    const struct CMUnitTest tests[] = {
        IN_ROOT(the_copy_has_the_digest),
        IN_ROOT(what_was_hashed_is_what_is_there),
        IN_ROOT(files_are_added),
        cmocka_unit_test(files_that_cannot_be_added),
        IN_ROOT(a_tree_that_is_refused_breaks_the_root),
        IN_ROOT(a_closed_root_takes_nothing_more),
        IN_ROOT(the_places_are_made),
        IN_ROOT(gpu_nodes_are_copied_by_number),
        IN_ROOT(a_folder_of_devices_that_is_none),
        cmocka_unit_test(a_scratch_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
