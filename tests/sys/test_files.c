/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: limits, atomic writing, outputs that leave nothing, locks. Kills are counted by system
 * call: a child is traced and killed before its n-th call, for every n.
 */
#include "cmocka_plain.h"
#include "sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct place {
    sw_arena arena;
    char *folder;
} place;

/* The library's own call, before which something may happen once. */
static void (*before_lock)(void);
int flock(int fd, int operation) {
    void (*act)(void) = before_lock;
    before_lock = NULL;
    if (act != NULL) act();
    return (int)syscall(SYS_flock, fd, operation);
}

static int make_place(void **state) {
    place *p = calloc(1, sizeof *p);
    char form[] = "/tmp/sealwright-files-XXXXXX";
    assert_non_null(mkdtemp(form));
    p->folder = sw_arena_text(&p->arena, sw_text(form));
    *state = p;
    return 0;
}

static size_t count_names(place *p) {
    const char **names = NULL;
    size_t count = 0;
    assert_int_equal(sw_folder_list(&p->arena, p->folder, 100, &names, &count, NULL), SW_OK);
    return count;
}

static int remove_place(void **state) {
    place *p = *state;
    const char **names = NULL;
    size_t count = 0;
    assert_int_equal(sw_folder_list(&p->arena, p->folder, 100, &names, &count, NULL), SW_OK);
    for (size_t i = 0; i < count; i++) (void)remove(sw_path_join(&p->arena, p->folder, names[i]));
    assert_int_equal(rmdir(p->folder), 0);
    sw_arena_free(&p->arena);
    free(p);
    return 0;
}

static const char *in(place *p, const char *name) {
    return sw_path_join(&p->arena, p->folder, name);
}

static void expect_content(const char *path, const char *content) {
    SW_SCOPED(sw_buffer) b = SW_BUFFER(1 << 20);
    assert_int_equal(sw_file_read(path, 1 << 20, &b, NULL), SW_OK);
    assert_true(sw_bytes_is(sw_buffer_bytes(&b), content));
}

static sw_status write_file(const char *path, const char *text, sw_write_rule rule, sw_error *err) {
    return sw_file_write(path, sw_text(text), 0600, rule, err);
}

static void a_file_is_read_up_to_its_limit(void **state) {
    place *p = *state;
    sw_error err = {0};
    const char *path = in(p, "f");
    assert_int_equal(write_file(path, "0123456789", SW_WRITE_NEW, &err), SW_OK);
    static const struct {
        size_t limit, room;
        sw_status status;
    } cases[] = {{10, 100, SW_OK}, {11, 100, SW_OK},    {9, 100, SW_LIMIT},    {0, 100, SW_LIMIT},
                 {100, 14, SW_OK}, {100, 13, SW_LIMIT}, {SIZE_MAX, 100, SW_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        SW_SCOPED(sw_buffer) b = SW_BUFFER(cases[i].room);
        sw_put_text(&b, "four");
        assert_int_equal(sw_file_read(path, cases[i].limit, &b, &err), cases[i].status);
        assert_int_equal(b.size, cases[i].status == SW_OK ? 14 : 4);
        assert_int_equal(b.limit, cases[i].room);
        assert_memory_equal(b.data, "four", 4);
    }
}

static void what_cannot_be_read_is_said(void **state) {
    place *p = *state;
    SW_SCOPED(sw_buffer) b = SW_BUFFER(100);
    sw_error err = {0};
    assert_int_equal(sw_file_read(in(p, "none"), 10, &b, &err), SW_MISSING);
    assert_string_equal(err.word, "missing");
    assert_int_equal(sw_file_read(in(p, "none/none"), 10, &b, &err), SW_MISSING);
    assert_int_equal(sw_file_read(p->folder, 10, &b, &err), SW_IO);
    assert_non_null(strstr(err.message, "is a folder"));
    assert_int_equal(b.size, 0);
}

static void a_large_file_goes_both_ways(void **state) {
    place *p = *state;
    size_t size = (3 << 20) + 17;
    uint8_t *large = malloc(size);
    for (size_t i = 0; i < size; i++) large[i] = (uint8_t)(i * 31 >> 3);
    const char *path = in(p, "large");
    assert_int_equal(sw_file_write(path, SW_BYTES(large, size), 0600, SW_WRITE_NEW, NULL), SW_OK);
    SW_SCOPED(sw_buffer) b = SW_BUFFER(size);
    assert_int_equal(sw_file_read(path, size, &b, NULL), SW_OK);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&b), SW_BYTES(large, size)));
    free(large);
}

static void secrets_are_read_from_private_files_only(void **state) {
    place *p = *state;
    const char *path = in(p, "secret");
    void *secret = NULL;
    size_t size = 0;
    sw_error err = {0};
    assert_int_equal(write_file(path, "0123456789", SW_WRITE_NEW, &err), SW_OK);
    static const struct {
        mode_t mode;
        size_t limit;
        sw_status status;
    } cases[] = {{0600, 10, SW_OK},      {0400, 10, SW_OK},      {0600, 9, SW_LIMIT},
                 {0640, 10, SW_REFUSED}, {0604, 10, SW_REFUSED}, {0644, 10, SW_REFUSED},
                 {0620, 10, SW_OK},      {0600, 5000, SW_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        secret = NULL;
        assert_int_equal(chmod(path, cases[i].mode), 0);
        sw_status status = sw_file_read_secret(path, cases[i].limit, &secret, &size, &err);
        assert_int_equal(status, cases[i].status);
        assert_int_equal(secret != NULL, status == SW_OK);
        if (status == SW_OK) assert_int_equal(size, 10);
        if (status == SW_OK) assert_memory_equal(secret, "0123456789", 10);
        if (status == SW_REFUSED) assert_non_null(strstr(err.hint, "chmod 600"));
        sw_secret_release(secret);
    }
    assert_int_equal(sw_file_read_secret(in(p, "none"), 9, &secret, &size, &err), SW_MISSING);
}

static void a_new_file_never_overwrites(void **state) {
    place *p = *state;
    sw_error err = {0};
    const char *path = in(p, "f");
    assert_int_equal(write_file(path, "old", SW_WRITE_NEW, &err), SW_OK);
    assert_int_equal(write_file(path, "new", SW_WRITE_NEW, &err), SW_EXISTS);
    assert_string_equal(err.word, "exists");
    expect_content(path, "old");
    /* one that appears while we write */
    sw_output *o = NULL;
    const char *other = in(p, "g");
    assert_int_equal(sw_output_open(other, 0600, SW_WRITE_NEW, &o, &err), SW_OK);
    assert_int_equal(sw_output_write(o, SW_LITERAL("mine"), &err), SW_OK);
    assert_int_equal(write_file(other, "theirs", SW_WRITE_NEW, &err), SW_OK);
    assert_int_equal(sw_output_commit(&o, &err), SW_EXISTS);
    assert_null(o);
    expect_content(other, "theirs");
    assert_int_equal(count_names(p), 2);
}

static void a_replaced_file_is_old_or_new(void **state) {
    place *p = *state;
    sw_error err = {0};
    const char *path = in(p, "f");
    assert_int_equal(write_file(path, "first", SW_WRITE_REPLACE, &err), SW_OK);
    sw_output *o = NULL;
    assert_int_equal(sw_output_open(path, 0640, SW_WRITE_REPLACE, &o, &err), SW_OK);
    assert_int_equal(sw_output_write(o, SW_LITERAL("second"), &err), SW_OK);
    expect_content(path, "first");
    assert_int_equal(sw_output_commit(&o, &err), SW_OK);
    expect_content(path, "second");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(count_names(p), 1);
}

static void an_aborted_output_leaves_nothing(void **state) {
    place *p = *state;
    for (int rule = 0; rule < 2; rule++) {
        sw_output *o = NULL;
        assert_int_equal(sw_output_open(in(p, "f"), 0600, (sw_write_rule)rule, &o, NULL), SW_OK);
        assert_int_equal(sw_output_write(o, SW_LITERAL("x"), NULL), SW_OK);
        assert_true(sw_output_fd(o) > 2);
        sw_output_abort(&o);
        assert_null(o);
        assert_int_equal(count_names(p), 0);
    }
    sw_output_abort(&(sw_output *){NULL});
    sw_output_abort(NULL);
}

static void bad_targets_are_refused(void **state) {
    place *p = *state;
    sw_error err = {0};
    const char *link = in(p, "link");
    assert_int_equal(write_file(in(p, "f"), "kept", SW_WRITE_NEW, &err), SW_OK);
    assert_int_equal(symlink("f", link), 0);
    assert_int_equal(mkfifo(in(p, "pipe"), 0600), 0);
    const struct {
        const char *path;
        sw_write_rule rule;
        sw_status status;
    } cases[] = {
        {link, SW_WRITE_NEW, SW_EXISTS},
        {link, SW_WRITE_REPLACE, SW_IO},
        {in(p, "pipe"), SW_WRITE_REPLACE, SW_IO},
        {"/dev/null", SW_WRITE_REPLACE, SW_IO},
        {p->folder, SW_WRITE_REPLACE, SW_IO},
        {in(p, "no/f"), SW_WRITE_NEW, SW_MISSING},
        {in(p, "f/f"), SW_WRITE_NEW, SW_MISSING},
        {in(p, ""), SW_WRITE_NEW, SW_USAGE},
        {in(p, "."), SW_WRITE_NEW, SW_USAGE},
        {in(p, ".."), SW_WRITE_NEW, SW_USAGE},
        {"", SW_WRITE_NEW, SW_USAGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sw_status status = write_file(cases[i].path, "x", cases[i].rule, &err);
        if (status != cases[i].status) fail_msg("case %zu: %d %s", i, (int)status, err.message);
    }
    expect_content(in(p, "f"), "kept");
    struct stat st;
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
}

static void a_dead_partial_file_is_cleared_and_a_held_one_is_not(void **state) {
    place *p = *state;
    sw_error err = {0};
    const char *partial = in(p, ".f.partial"), *path = in(p, "f");
    int fd = open(partial, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    int held = -1;
    assert_int_equal(sw_lock_take(partial, &held, &err), SW_OK);
    assert_int_equal(write_file(path, "x", SW_WRITE_REPLACE, &err), SW_REFUSED);
    assert_string_equal(err.word, "busy");
    assert_true(sw_path_exists(partial));
    (void)close(held);
    (void)close(fd);
    assert_int_equal(write_file(path, "x", SW_WRITE_REPLACE, &err), SW_OK);
    expect_content(path, "x");
    assert_int_equal(count_names(p), 1);
}

/* Two clear one leftover: whoever comes second has opened what the first removes, and must leave
 * alone what the first puts there. */
static const char *swapped;
static void swap_partial(void) {
    assert_int_equal(unlink(swapped), 0);
    int fd = open(swapped, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, "theirs", 6) == 6 && close(fd) == 0);
}

static void a_partial_file_that_is_another_now_is_not_cleared(void **state) {
    place *p = *state;
    sw_error err = {0};
    const char *path = in(p, "f");
    swapped = in(p, ".f.partial");
    for (int at = 0; at < 2; at++) { /* when it begins, and when it gives the name */
        sw_output *o = NULL;
        if (at == 1)
            assert_int_equal(sw_output_open(path, 0600, SW_WRITE_REPLACE, &o, NULL), SW_OK);
        int fd = open(swapped, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(fd >= 0 && close(fd) == 0);
        before_lock = swap_partial;
        sw_status status =
            at == 1 ? sw_output_commit(&o, &err) : write_file(path, "ours", SW_WRITE_REPLACE, &err);
        assert_int_equal(status, SW_REFUSED);
        assert_string_equal(err.word, "busy");
        assert_null(before_lock);
        expect_content(swapped, "theirs");
        assert_false(sw_path_exists(path));
        assert_int_equal(unlink(swapped), 0);
    }
}

static void a_full_disk_leaves_the_old_file(void **state) {
    place *p = *state;
    const char *path = in(p, "f");
    assert_int_equal(write_file(path, "old", SW_WRITE_NEW, NULL), SW_OK);
    pid_t pid = fork();
    if (pid == 0) {
        const struct rlimit small = {1000, 1000};
        sw_error err = {0};
        char large[2000] = "";
        (void)signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &small) != 0) _exit(1);
        sw_status status = sw_file_write(path, SW_BYTES_OF(large), 0600, SW_WRITE_REPLACE, &err);
        _exit(status == SW_IO && strstr(err.message, path) != NULL ? 42 : 2);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    expect_content(path, "old");
    assert_int_equal(count_names(p), 1);
}

/* Runs a replacing write, killed before its n-th system call; false when it came to its end. */
static bool write_killed_at(const char *path, const char *text, int n) {
    pid_t pid = fork();
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(3);
        (void)raise(SIGSTOP);
        _exit(write_file(path, text, SW_WRITE_REPLACE, NULL) == SW_OK ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    for (int call = 0; WIFSTOPPED(status); call++) { /* each call stops twice: entry and exit */
        if (call == 2 * n) (void)kill(pid, SIGKILL);
        if (call < 2 * n) assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
    }
    return WIFSIGNALED(status);
}

static void a_kill_at_any_call_leaves_old_or_new(void **state) {
    place *p = *state;
    const char *path = in(p, "f");
    int calls = 0, still_old = 0;
    assert_int_equal(write_file(path, "old", SW_WRITE_NEW, NULL), SW_OK);
    while (write_killed_at(path, "new", calls)) {
        SW_SCOPED(sw_buffer) b = SW_BUFFER(100);
        assert_int_equal(sw_file_read(path, 100, &b, NULL), SW_OK);
        bool old = sw_bytes_is(sw_buffer_bytes(&b), "old");
        assert_true(old || sw_bytes_is(sw_buffer_bytes(&b), "new"));
        assert_true(count_names(p) <= 2); /* a partial file, which the next write removes */
        still_old += old;
        calls++;
        assert_int_equal(write_file(path, "old", SW_WRITE_REPLACE, NULL), SW_OK);
        assert_int_equal(count_names(p), 1);
    }
    expect_content(path, "new");
    assert_true(calls > 8 && still_old > 4 && still_old < calls);
}

/* A file system without unnamed files, as a filter in a child plays it. */
static int write_without_unnamed_files(place *p) {
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    sw_output *o = NULL;
    sw_error err = {0};
    const char *path = in(p, "f");
    (void)seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EOPNOTSUPP), SCMP_SYS(openat), 1,
                           SCMP_A2_64(SCMP_CMP_MASKED_EQ, O_TMPFILE, O_TMPFILE));
    if (seccomp_load(ctx) != 0) return 1;
    if (sw_output_open(path, 0600, SW_WRITE_NEW, &o, &err) != SW_OK) return 2;
    if (!sw_path_exists(in(p, ".f.partial")) || sw_path_exists(path)) return 3;
    sw_output_abort(&o);
    if (count_names(p) != 0) return 4;
    if (write_file(path, "one", SW_WRITE_NEW, &err) != SW_OK || count_names(p) != 1) return 5;
    if (write_file(path, "two", SW_WRITE_NEW, &err) != SW_EXISTS || count_names(p) != 1) return 6;
    if (write_file(path, "two", SW_WRITE_REPLACE, &err) != SW_OK || count_names(p) != 1) return 7;
    if (sw_output_open(in(p, "g"), 0600, SW_WRITE_NEW, &o, &err) != SW_OK) return 8;
    int other = open(in(p, "g"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (other < 0 || sw_output_commit(&o, &err) != SW_EXISTS || count_names(p) != 2) return 9;
    seccomp_release(ctx);
    return 42;
}

static void outputs_work_without_unnamed_files(void **state) {
    place *p = *state;
    pid_t pid = fork();
    if (pid == 0) _exit(write_without_unnamed_files(p));
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 42);
    expect_content(in(p, "f"), "two");
}

static void reading_at_an_offset_is_exact(void **state) {
    place *p = *state;
    const char *path = in(p, "f");
    char got[8] = "";
    sw_error err = {0};
    assert_int_equal(write_file(path, "0123456789", SW_WRITE_NEW, &err), SW_OK);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(sw_fd_pread(fd, got, 4, 6, &err), SW_OK);
    assert_memory_equal(got, "6789", 4);
    assert_int_equal(sw_fd_pread(fd, got, 4, 7, &err), SW_MALFORMED);
    assert_int_equal(sw_fd_pread(fd, got, 1, 1 << 20, &err), SW_MALFORMED);
    assert_int_equal(sw_fd_pread(fd, got, 1, UINT64_MAX, &err), SW_MALFORMED);
    assert_int_equal(sw_fd_pread(fd, got, 2, INT64_MAX, &err), SW_MALFORMED);
    assert_int_equal(sw_fd_pread(-1, got, 1, 0, &err), SW_IO);
    (void)close(fd);
}

static void folders_are_made_and_listed(void **state) {
    place *p = *state;
    const char **names = NULL;
    size_t count = 0;
    sw_error err = {0};
    assert_int_equal(sw_folder_make(in(p, "b"), 0700, &err), SW_OK);
    assert_int_equal(sw_folder_make(in(p, "b"), 0700, &err), SW_OK);
    assert_int_equal(write_file(in(p, "a"), "x", SW_WRITE_NEW, &err), SW_OK);
    assert_int_equal(write_file(in(p, "\xc3\xa9"), "x", SW_WRITE_NEW, &err), SW_OK);
    assert_int_equal(write_file(in(p, "B"), "x", SW_WRITE_NEW, &err), SW_OK);
    assert_int_equal(sw_folder_list(&p->arena, p->folder, 4, &names, &count, &err), SW_OK);
    assert_int_equal(count, 4);
    assert_string_equal(names[0], "B");
    assert_string_equal(names[1], "a");
    assert_string_equal(names[2], "b");
    assert_string_equal(names[3], "\xc3\xa9");
    assert_int_equal(sw_folder_list(&p->arena, p->folder, 3, &names, &count, &err), SW_LIMIT);
    assert_int_equal(sw_folder_list(&p->arena, in(p, "z"), 3, &names, &count, &err), SW_MISSING);
    assert_int_equal(sw_folder_make(in(p, "a"), 0700, &err), SW_EXISTS);
    assert_int_not_equal(sw_folder_make(in(p, "a/b"), 0700, &err), SW_OK);
    assert_true(sw_path_is_folder(in(p, "b")) && !sw_path_is_folder(in(p, "a")));
    assert_true(sw_path_exists(in(p, "a")) && !sw_path_exists(in(p, "z")));
}

static void parents_are_made_too(void **state) {
    place *p = *state;
    assert_int_equal(sw_folder_make(in(p, "x/y//z/"), 0700, NULL), SW_OK);
    assert_true(sw_path_is_folder(in(p, "x/y/z")));
    assert_int_equal(rmdir(in(p, "x/y/z")), 0);
    assert_int_equal(rmdir(in(p, "x/y")), 0);
}

static void a_lock_is_held_by_one_process(void **state) {
    place *p = *state;
    const char *path = in(p, "lock");
    int fd = -1, second = -1;
    sw_error err = {0};
    assert_int_equal(sw_lock_take(path, &fd, &err), SW_OK);
    assert_int_equal(sw_lock_take(path, &second, &err), SW_REFUSED);
    assert_string_equal(err.word, "busy");
    assert_int_equal(second, -1);
    (void)close(fd);
    assert_int_equal(sw_lock_take(path, &fd, &err), SW_OK);
    (void)close(fd);
    assert_int_equal(sw_lock_take(in(p, "no/lock"), &fd, &err), SW_MISSING);
    assert_int_equal(symlink("lock", in(p, "link")), 0);
    assert_int_equal(sw_lock_take(in(p, "link"), &fd, &err), SW_IO);
}

static void paths_join(void **state) {
    place *p = *state;
    assert_string_equal(sw_path_join(&p->arena, "a", "b"), "a/b");
    assert_string_equal(sw_path_join(&p->arena, "a/", "b"), "a/b");
    assert_string_equal(sw_path_join(&p->arena, "", "b"), "b");
    assert_string_equal(sw_path_join(&p->arena, "/", "b"), "/b");
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_PLACE(a_file_is_read_up_to_its_limit),
        IN_PLACE(what_cannot_be_read_is_said),
        IN_PLACE(a_large_file_goes_both_ways),
        IN_PLACE(secrets_are_read_from_private_files_only),
        IN_PLACE(a_new_file_never_overwrites),
        IN_PLACE(a_replaced_file_is_old_or_new),
        IN_PLACE(an_aborted_output_leaves_nothing),
        IN_PLACE(bad_targets_are_refused),
        IN_PLACE(a_dead_partial_file_is_cleared_and_a_held_one_is_not),
        IN_PLACE(a_partial_file_that_is_another_now_is_not_cleared),
        IN_PLACE(a_full_disk_leaves_the_old_file),
        IN_PLACE(a_kill_at_any_call_leaves_old_or_new),
        IN_PLACE(outputs_work_without_unnamed_files),
        IN_PLACE(reading_at_an_offset_is_exact),
        IN_PLACE(folders_are_made_and_listed),
        IN_PLACE(parents_are_made_too),
        IN_PLACE(a_lock_is_held_by_one_process),
        IN_PLACE(paths_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
