/* SPDX-License-Identifier: Apache-2.0
 *
 * A tree is hashed (CMD-002 to CMD-005): against an independent implementation, what is refused,
 * limits, and folders that change while they are read.
 */
#include "codec/text.h"
#include "tree_support.h"

#include "golden_tree.h"
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

typedef struct tree {
    char folder[64];
} tree;

static int make(void **state) {
    static tree t;
    make_tree_folder(t.folder);
    *state = &t;
    return 0;
}

static int unmake(void **state) {
    remove_tree(((tree *)*state)->folder);
    return 0;
}

static sw_status hash(const char *folder, sw_tree_digest *out, sw_error *err) {
    return sw_tree_hash(folder, NULL, NULL, out, err);
}

static void expect_golden(const sw_tree_digest *found) {
    char text[65];
    sw_hex_text(text, SW_BYTES_OF(found->digest.b));
    assert_string_equal(text, GOLDEN_TREE);
    assert_int_equal(found->entries, GOLDEN_TREE_ENTRIES);
    assert_int_equal(found->bytes, GOLDEN_TREE_BYTES);
}

static void the_digest_is_that_of_another_implementation(void **state) {
    const tree *t = *state;
    sw_tree_digest found;
    sw_error err = {0};
    put_golden(t->folder);
    if (hash(t->folder, &found, &err) != SW_OK) fail_msg("%s", err.message);
    expect_golden(&found);
}

/* CMD-003: owners, times, other modes and how many names a file has. */
static void what_is_no_part_of_it_changes_nothing(void **state) {
    const tree *t = *state;
    sw_tree_digest found;
    sw_error err = {0};
    put_golden(t->folder);
    assert_int_equal(chmod(inside(t->folder, "a-b"), 0464), 0);
    assert_int_equal(chmod(inside(t->folder, "a"), 02755), 0);
    assert_int_equal(utimensat(AT_FDCWD, inside(t->folder, "a-b"), NULL, 0), 0);
    assert_int_equal(unlink(inside(t->folder, "a/empty")), 0);
    put_file(t->folder, "nothing/other", "", 0, 0644);
    assert_int_equal(link(inside(t->folder, "nothing/other"), inside(t->folder, "a/empty")), 0);
    assert_int_equal(unlink(inside(t->folder, "nothing/other")), 0);
    assert_int_equal(hash(t->folder, &found, &err), SW_OK);
    expect_golden(&found);
}

/* Every change that a command could see is seen. */
static void each_change_gives_another_digest(void **state) {
    const tree *t = *state;
    static const char *const commands[] = {"chmod +x a-b",
                                           "chmod -x a/x",
                                           "printf hellO >a-b",
                                           "printf hello >>a-b",
                                           ": >nothing/new",
                                           "mkdir nothing/new",
                                           "rmdir nothing",
                                           "rm a/empty",
                                           "mv a-b a-c",
                                           "ln -sfn usr/bim bin",
                                           "mv a/x app/x",
                                           "rm bin && mkdir bin",
                                           "rm a-b && ln -s hello a-b"};
    sw_tree_digest seen[16];
    sw_error err = {0};
    size_t count = sizeof commands / sizeof commands[0];
    for (size_t i = 0; i <= count; i++) {
        char command[256];
        remove_tree(t->folder);
        assert_int_equal(mkdir(t->folder, 0700), 0);
        put_golden(t->folder);
        (void)snprintf(command, sizeof command, "cd %s && %s", t->folder,
                       i ? commands[i - 1] : ":");
        assert_int_equal(system(command), 0);
        assert_int_equal(hash(t->folder, &seen[i], &err), SW_OK);
        for (size_t k = 0; k < i; k++)
            assert_false(sw_hash_equal(&seen[i].digest, &seen[k].digest));
    }
}

static void names_are_judged(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool top, anywhere; /* is it good at the top, and below? */
    } names[] = {
        {"a", true, true},
        {"..a", true, true},
        {"\xe2\x82\xac 1", true, true},
        {"models", true, true},
        {"dev", false, true},
        {"proc", false, true},
        {"sys", false, true},
        {"tmp", false, true},
        {"model", false, true},
        {"run", false, true},
        {"", false, false},
        {".", false, false},
        {"..", false, false},
        {"a/b", false, false},
        {"/", false, false},
        {"a\nb", false, false},
        {"\x1b[2J", false, false},
        {"a\x7f", false, false},
        {"\xc2\x85", false, false},         /* a control of the second row */
        {"a\xe2\x80\xaetxt", false, false}, /* turns the direction */
        {"a\xe2\x80\x8b", false, false},    /* without width */
        {"\xff", false, false},
        {"\xc0\xaf", false, false},     /* overlong */
        {"\xed\xa0\x80", false, false}, /* a surrogate */
        {"a\xc3", false, false},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((sw_tree_judge_name(names[i].name, true) == NULL) != names[i].top)
            fail_msg("name %zu at the top", i);
        if ((sw_tree_judge_name(names[i].name, false) == NULL) != names[i].anywhere)
            fail_msg("name %zu below", i);
    }
    char text[258];
    memset(text, 'a', sizeof text);
    text[256] = 0;
    assert_non_null(sw_tree_judge_name(text, true));
    text[255] = 0;
    assert_null(sw_tree_judge_name(text, true));
}

static void put_socket(const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    (void)snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    (void)close(fd);
}

static bool put_kind(const char *folder, const char *name, char kind) {
    const char *path = inside(folder, name);
    switch (kind) {
    case 'p':
        return mkfifo(path, 0600) == 0;
    case 's':
        put_socket(path);
        return true;
    case 'c':
        return mknod(path, S_IFCHR | 0600, makedev(1, 3)) == 0;
    case 'b':
        return mknod(path, S_IFBLK | 0600, makedev(7, 0)) == 0;
    case 'd':
        put_folder(folder, name);
        return true;
    case 'u':
    case 'g':
        put_file(folder, name, "x", 1, kind == 'u' ? 04755 : 02755);
        return true;
    default:
        put_file(folder, name, "x", 1, 0644);
        return true;
    }
}

static const struct {
    const char *name;
    char kind;
    const char *sentence; /* holds this, and the place */
    const char *place;
} refusals[] = {
    {"a/pipe", 'p', "a pipe", "/a/pipe"},
    {"a/socket", 's', "a socket", "/a/socket"},
    {"a/null", 'c', "a device", "/a/null"},
    {"a/loop", 'b', "a device", "/a/loop"},
    {"a/su", 'u', "sets a user or group", "/a/su"},
    {"a/sg", 'g', "sets a user or group", "/a/sg"},
    {"a/li\nne", 'f', "control character", "/a/"},
    {"li\nne", 'd', "control character", "folder /"},
    {"a/\xff", 'f', "not UTF-8", "/a/"},
    {"dev", 'd', "the agent's own", "folder /"},
    {"proc", 'f', "the agent's own", "folder /"},
    {"sys", 'd', "the agent's own", "folder /"},
    {"tmp", 'd', "the agent's own", "folder /"},
    {"model", 'd', "the agent's own", "folder /"},
    {"run", 'd', "the agent's own", "folder /"},
};

static void what_is_no_tree_is_refused(void **state) {
    const tree *t = *state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        sw_tree_digest found, before;
        sw_error err = {0};
        memset(&found, 7, sizeof found);
        before = found;
        remove_tree(t->folder);
        assert_int_equal(mkdir(t->folder, 0700), 0);
        put_golden(t->folder);
        if (!put_kind(t->folder, refusals[i].name, refusals[i].kind)) {
            print_message("# no right to make %s: not tried\n", refusals[i].place);
            continue;
        }
        sw_status status = hash(t->folder, &found, &err);
        if (status != SW_MALFORMED || strcmp(err.word, "tree") != 0 ||
            strstr(err.message, refusals[i].sentence) == NULL ||
            strstr(err.message, refusals[i].place) == NULL || strchr(err.message, '\n') != NULL)
            fail_msg("case %zu: %d %s", i, (int)status, err.message);
        assert_memory_equal(&found, &before, sizeof found);
    }
}

static void a_folder_that_is_none(void **state) {
    const tree *t = *state;
    sw_tree_digest found;
    sw_error err = {0};
    put_file(t->folder, "file", "x", 1, 0644);
    assert_int_equal(hash(inside(t->folder, "nowhere"), &found, &err), SW_MISSING);
    assert_int_equal(hash(inside(t->folder, "file"), &found, &err), SW_MISSING);
}

static sw_status walk(const tree *t, sw_tree_limits limits, sw_error *err) {
    sw_tree_digest found;
    const sw_tree_plan plan = {t->folder, -1, NULL, NULL, limits};
    return sw_tree_walk(&plan, &found, err);
}

static void each_limit_holds(void **state) {
    const tree *t = *state;
    const sw_tree_limits exact = {GOLDEN_TREE_ENTRIES, GOLDEN_TREE_BYTES, 3};
    sw_tree_limits less;
    sw_error err = {0};
    put_golden(t->folder);
    assert_int_equal(walk(t, exact, &err), SW_OK);
    less = exact;
    less.entries--;
    assert_int_equal(walk(t, less, &err), SW_LIMIT);
    assert_non_null(strstr(err.message, "more than 14 entries"));
    less = exact;
    less.bytes--;
    assert_int_equal(walk(t, less, &err), SW_LIMIT);
    less = exact;
    less.folders--;
    assert_int_equal(walk(t, less, &err), SW_LIMIT);
    assert_non_null(strstr(err.message, "/app/deep/er"));
}

/* 64 folders, each in the one before, and no more; and no path beyond 4095 bytes. */
static void trees_are_not_deeper_than_they_may_be(void **state) {
    const tree *t = *state;
    char path[256] = "";
    sw_tree_digest found;
    sw_error err = {0};
    for (int i = 0; i < 64; i++) {
        (void)strcat(path, i == 0 ? "d" : "/d");
        put_folder(t->folder, path);
    }
    assert_int_equal(hash(t->folder, &found, &err), SW_OK);
    assert_int_equal(found.entries, 64);
    (void)strcat(path, "/d");
    put_folder(t->folder, path);
    assert_int_equal(hash(t->folder, &found, &err), SW_LIMIT);
}

static void paths_are_not_longer_than_they_may_be(void **state) {
    const tree *t = *state;
    char name[256];
    sw_tree_digest found;
    sw_error err = {0};
    int at = open(t->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    memset(name, 'n', 255);
    name[255] = 0;
    for (int i = 0; i < 15; i++) { /* 15 * 256 bytes with the slash behind each */
        assert_int_equal(mkdirat(at, name, 0700), 0);
        int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)close(at);
        at = next;
    }
    assert_int_equal(mkdirat(at, name, 0700), 0); /* 4095 */
    assert_int_equal(hash(t->folder, &found, &err), SW_OK);
    int deep = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(deep, "x", 0700), 0);
    assert_int_equal(hash(t->folder, &found, &err), SW_LIMIT);
    assert_int_equal(unlinkat(deep, "x", AT_REMOVEDIR), 0);
    (void)close(deep);
    (void)close(at);
}

/* ---- folders that change: after "a-b" was read, a later entry is another ---- */

typedef struct change {
    const char *folder, *command;
    int seen;
} change;

static sw_status change_behind(void *context, const char *path, uint64_t size,
                               const sw_hash *digest, sw_error *err) {
    change *c = context;
    char command[256];
    (void)size;
    (void)digest;
    (void)err;
    c->seen++;
    if (strcmp(path, "/a-b") != 0) return SW_OK;
    (void)snprintf(command, sizeof command, "cd %s && %s", c->folder, c->command);
    assert_int_equal(system(command), 0);
    return SW_OK;
}

static void what_changes_is_refused_or_another_tree(void **state) {
    const tree *t = *state;
    static const struct {
        const char *command;
        sw_status expected;
    } cases[] = {
        {"rm 'z'", SW_MALFORMED},
        {"rm z && mkfifo z", SW_MALFORMED},
        {"rm z && ln -s /etc/passwd z", SW_OK}, /* a link of the tree, to nowhere inside */
        {"mv usr other && ln -s /etc usr", SW_OK},
        {"printf later >z", SW_OK},
    };
    sw_tree_digest plain;
    sw_error err = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sw_tree_digest found;
        remove_tree(t->folder);
        assert_int_equal(mkdir(t->folder, 0700), 0);
        put_golden(t->folder);
        put_file(t->folder, "z", "first", 5, 0644);
        assert_int_equal(hash(t->folder, &plain, &err), SW_OK);
        change c = {t->folder, cases[i].command, 0};
        sw_status status = sw_tree_hash(t->folder, change_behind, &c, &found, &err);
        if (status != cases[i].expected) fail_msg("case %zu: %d %s", i, (int)status, err.message);
        if (status == SW_OK) assert_false(sw_hash_equal(&found.digest, &plain.digest));
        assert_true(c.seen > 0);
    }
}

static sw_status refuse_all(void *context, const char *path, uint64_t size, const sw_hash *digest,
                            sw_error *err) {
    (void)size;
    (void)digest;
    (*(int *)context)++;
    return sw_fail(err, SW_UNAUTHENTIC, "trainer", "%s is another", path);
}

static void the_one_who_is_told_may_end_it(void **state) {
    const tree *t = *state;
    int told = 0;
    sw_tree_digest found;
    sw_error err = {0};
    put_golden(t->folder);
    assert_int_equal(sw_tree_hash(t->folder, refuse_all, &told, &found, &err), SW_UNAUTHENTIC);
    assert_int_equal(told, 1);
    assert_string_equal(err.message, "/a/empty is another");
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, make, unmake)

int main(void) {
    (void)umask(022);
    const struct CMUnitTest tests[] = {
        IN_TREE(the_digest_is_that_of_another_implementation),
        IN_TREE(what_is_no_part_of_it_changes_nothing),
        IN_TREE(each_change_gives_another_digest),
        cmocka_unit_test(names_are_judged),
        IN_TREE(what_is_no_tree_is_refused),
        IN_TREE(a_folder_that_is_none),
        IN_TREE(each_limit_holds),
        IN_TREE(trees_are_not_deeper_than_they_may_be),
        IN_TREE(paths_are_not_longer_than_they_may_be),
        IN_TREE(what_changes_is_refused_or_another_tree),
        IN_TREE(the_one_who_is_told_may_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
