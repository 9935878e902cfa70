/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder as a tar: a function of names and contents alone (SEAL-080); links and special files
 * are refused. Also folders that appear whole.
 */
#include "seal/support.h"
#include "sys/archive.h"
#include "sys/folder.h"

#include <fcntl.h>
#include <utime.h>

static sw_status collect(void *context, sw_bytes bytes, sw_error *err) {
    sw_put_bytes(context, bytes);
    return sw_buffer_check(context, "tar", err);
}

static void put_file(const char *folder, const char *name, sw_bytes content, mode_t mode) {
    char path[512];
    path_in(path, folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(sw_fd_write(fd, content, NULL), SW_OK);
    (void)close(fd);
}

static void put_folder(const char *folder, const char *name) {
    char path[512];
    path_in(path, folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static sw_buffer tar_of(const char *folder) {
    sw_buffer out = SW_BUFFER((size_t)64 << 20);
    const sw_archive_input input = {folder, ""};
    assert_int_equal(sw_archive_write(&input, 1, collect, &out, NULL), SW_OK);
    return out;
}

/* The names of a tar's headers, by the format's own offsets (name 0, size 124, type 156). */
static size_t names_of(sw_bytes tar, char names[][100], size_t most) {
    size_t count = 0;
    for (size_t at = 0; at + 512 <= tar.size && tar.data[at] != 0;) {
        const char *size = (const char *)tar.data + at + 124;
        assert_true(count < most);
        memcpy(names[count++], tar.data + at, 100);
        at += 512 + (strtoull(size, NULL, 8) + 511) / 512 * 512;
    }
    return count;
}

/* Mode (100), owner (108, 116) and time (136): nothing of the machine. */
static void assert_plain_headers(sw_bytes tar) {
    for (size_t at = 0; at + 512 <= tar.size && tar.data[at] != 0;) {
        const char *h = (const char *)tar.data + at;
        bool folder = h[156] == '5';
        assert_int_equal(strtoull(h + 100, NULL, 8), folder ? 0755 : 0644);
        assert_int_equal(strtoull(h + 108, NULL, 8), 0);
        assert_int_equal(strtoull(h + 116, NULL, 8), 0);
        assert_int_equal(strtoull(h + 136, NULL, 8), 0);
        assert_int_equal(h[265], 0); /* no names of owner and group either */
        assert_int_equal(h[297], 0);
        at += 512 + (strtoull(h + 124, NULL, 8) + 511) / 512 * 512;
    }
}

static void test_deterministic(void **state) {
    (void)state;
    char one[64], two[64], path[512], names[16][100];
    make_folder(one);
    make_folder(two);
    put_file(one, "a", SW_LITERAL("hello"), 0600);
    put_file(one, "B", SW_LITERAL(""), 0755);
    put_folder(one, "b");
    put_file(one, "b.txt", SW_LITERAL("text"), 0644);
    put_folder(one, "b/c");
    put_file(one, "b/d", SW_LITERAL("d"), 0600);
    put_file(one, "b/0", SW_LITERAL("zero"), 0600);
    put_file(one, "b/c/x", SW_LITERAL("x"), 0600);
    put_folder(two, "b");
    put_folder(two, "b/c");
    put_file(two, "b/c/x", SW_LITERAL("x"), 0644);
    put_file(two, "b/0", SW_LITERAL("zero"), 0640);
    put_file(two, "b/d", SW_LITERAL("d"), 0644);
    put_file(two, "B", SW_LITERAL(""), 0600);
    put_file(two, "b.txt", SW_LITERAL("text"), 0600);
    put_file(two, "a", SW_LITERAL("hello"), 0777);
    path_in(path, two, "a");
    assert_int_equal(utime(path, &(struct utimbuf){1, 2}), 0);
    sw_buffer first = tar_of(one), second = tar_of(two);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&first), sw_buffer_bytes(&second)));
    size_t count = names_of(sw_buffer_bytes(&first), names, 16);
    assert_int_equal(count, 8);
    static const char *const order[] = {"B", "a", "b/", "b/0", "b/c/", "b/c/x", "b/d", "b.txt"};
    for (size_t i = 0; i < count; i++) assert_string_equal(names[i], order[i]);
    assert_plain_headers(sw_buffer_bytes(&first));
    sw_buffer_free(&first);
    sw_buffer_free(&second);
    remove_folder(one);
    remove_folder(two);
}

static void test_several_inputs(void **state) {
    (void)state;
    char folder[64], a[512], b[512], names[16][100];
    SW_SCOPED(sw_buffer) tar = SW_BUFFER((size_t)1 << 20);
    make_folder(folder);
    put_file(folder, "a", SW_LITERAL("1"), 0600);
    put_folder(folder, "b");
    put_file(folder, "b/c", SW_LITERAL("2"), 0600);
    path_in(a, folder, "a");
    path_in(b, folder, "b");
    const sw_archive_input inputs[] = {{b, "b"}, {a, "z"}};
    assert_int_equal(sw_archive_write(inputs, 2, collect, &tar, NULL), SW_OK);
    assert_int_equal(names_of(sw_buffer_bytes(&tar), names, 16), 3);
    assert_string_equal(names[0], "b/");
    assert_string_equal(names[1], "b/c");
    assert_string_equal(names[2], "z");
    remove_folder(folder);
}

static sw_status refuse_all(void *context, sw_bytes bytes, sw_error *err) {
    (void)context, (void)bytes;
    return sw_fail(err, SW_LIMIT, "full", "no room");
}

static void test_refusals(void **state) {
    (void)state;
    char folder[64], path[512];
    SW_SCOPED(sw_buffer) tar = SW_BUFFER((size_t)1 << 20);
    sw_error err;
    make_folder(folder);
    sw_archive_input input = {folder, ""};
    path_in(path, folder, "link");
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(sw_archive_write(&input, 1, collect, &tar, &err), SW_REFUSED);
    assert_string_equal(err.word, "archive");
    assert_int_equal(unlink(path), 0);
    path_in(path, folder, "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(sw_archive_write(&input, 1, collect, &tar, &err), SW_REFUSED);
    assert_int_equal(unlink(path), 0);
    put_file(folder, "file", SW_LITERAL("x"), 0600);
    assert_int_equal(sw_archive_write(&input, 1, refuse_all, NULL, &err), SW_LIMIT);
    assert_string_equal(err.word, "full");
    input.path = "/nowhere/at/all";
    assert_int_equal(sw_archive_write(&input, 1, collect, &tar, &err), SW_MISSING);
    remove_folder(folder);
}

static void test_depth_is_bounded(void **state) {
    (void)state;
    char folder[64], path[512];
    SW_SCOPED(sw_buffer) tar = SW_BUFFER((size_t)1 << 20);
    make_folder(folder);
    const sw_archive_input input = {folder, ""};
    memcpy(path, folder, strlen(folder) + 1);
    for (int depth = 0; depth < SW_ARCHIVE_DEPTH; depth++) {
        sw_buffer_reset(&tar);
        if (depth > 0) assert_int_equal(sw_archive_write(&input, 1, collect, &tar, NULL), SW_OK);
        memcpy(path + strlen(path), "/d", 3);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    assert_int_equal(sw_archive_write(&input, 1, collect, &tar, NULL), SW_LIMIT);
    remove_folder(folder);
}

static void test_folders_appear_whole(void **state) {
    (void)state;
    char folder[64], from[512], to[512];
    make_folder(folder);
    put_folder(folder, "making");
    put_file(folder, "making/file", SW_LITERAL("x"), 0600);
    path_in(from, folder, "making");
    path_in(to, folder, "made");
    assert_int_equal(sw_folder_publish(from, to, NULL), SW_OK);
    assert_false(sw_path_exists(from));
    put_folder(folder, "making");
    assert_int_equal(sw_folder_publish(from, to, NULL), SW_EXISTS);
    assert_true(sw_path_exists(from));
    put_folder(folder, "making/sub");
    put_file(folder, "making/file", SW_LITERAL("x"), 0600);
    sw_folder_discard(from);
    assert_false(sw_path_exists(from));
    path_in(from, folder, "made/file");
    assert_int_equal(sw_file_remove(from, NULL), SW_OK);
    assert_int_equal(sw_file_remove(from, NULL), SW_MISSING);
    assert_int_equal(sw_file_remove(to, NULL), SW_IO);
    remove_folder(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_several_inputs),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_folders_appear_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
