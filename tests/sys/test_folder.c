/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders that appear whole (sys/folder.h): one maker at a time, and nothing of one that was
 * killed.
 */
#include "cmocka_plain.h"
#include "sys/files.h"
#include "sys/folder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct place {
    sw_arena arena;
    char form[32];
    const char *folder, *partial;
} place;

static int open_place(void **state) {
    place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    strcpy(p->form, "/tmp/sw-folder-XXXXXX");
    assert_non_null(mkdtemp(p->form));
    p->folder = sw_path_join(&p->arena, p->form, "out");
    p->partial = sw_path_join(&p->arena, p->form, "out.partial");
    *state = p;
    return 0;
}

static int close_place(void **state) {
    place *p = *state;
    sw_folder_discard(p->folder);
    sw_folder_discard(p->partial);
    assert_int_equal(rmdir(p->form), 0); /* nothing else was left */
    sw_arena_free(&p->arena);
    free(p);
    return 0;
}

static void put(place *p, const char *folder, const char *name) {
    const char *path = sw_path_join(&p->arena, folder, name);
    assert_int_equal(sw_file_write(path, SW_LITERAL("x"), 0600, SW_WRITE_NEW, NULL), SW_OK);
}

static bool has(place *p, const char *folder, const char *name) {
    return sw_path_exists(sw_path_join(&p->arena, folder, name));
}

static void a_draft_becomes_the_folder(void **state) {
    place *p = *state;
    sw_draft d;
    struct stat made;
    assert_int_equal(sw_folder_draft(&p->arena, p->folder, NULL, 0700, &d, NULL), SW_OK);
    assert_string_equal(d.path, p->partial);
    assert_int_equal(stat(d.path, &made), 0);
    assert_int_equal(made.st_mode & 0777, 0700);
    assert_int_equal(made.st_mode & S_ISVTX, S_ISVTX); /* the mark of a draft */
    put(p, d.path, "a");
    assert_false(sw_path_exists(p->folder));
    assert_int_equal(sw_draft_publish(&d, p->folder, NULL), SW_OK);
    assert_true(has(p, p->folder, "a"));
    assert_int_equal(stat(p->folder, &made), 0);
    assert_int_equal(made.st_mode & 07777, 0700);
    assert_false(sw_path_exists(p->partial));
    assert_null(d.path);
    sw_draft_discard(&d); /* of none */
    assert_true(has(p, p->folder, "a"));
    assert_int_equal(sw_folder_draft(&p->arena, p->folder, NULL, 0700, &d, NULL), SW_EXISTS);
}

static void the_second_maker_touches_nothing(void **state) {
    place *p = *state;
    sw_draft first, second;
    sw_error err = {0};
    assert_int_equal(sw_folder_draft(&p->arena, p->folder, NULL, 0700, &first, NULL), SW_OK);
    put(p, first.path, "a");
    assert_int_equal(sw_folder_draft(&p->arena, p->folder, NULL, 0700, &second, &err), SW_REFUSED);
    assert_string_equal(err.word, "busy");
    assert_null(second.path);
    sw_draft_discard(&second);
    assert_true(has(p, p->partial, "a"));
    sw_draft_discard(&first);
    assert_false(sw_path_exists(p->partial));
    assert_int_equal(sw_folder_draft(&p->arena, p->folder, NULL, 0700, &second, NULL), SW_OK);
    sw_draft_discard(&second);
}

static void what_a_dead_maker_left_goes(void **state) {
    place *p = *state;
    sw_draft d;
    assert_int_equal(mkdir(p->partial, 01700), 0);
    put(p, p->partial, "old");
    assert_int_equal(sw_folder_draft(&p->arena, p->folder, NULL, 0700, &d, NULL), SW_OK);
    assert_false(has(p, d.path, "old"));
    sw_draft_discard(&d);
}

/* A folder of that name without the mark is somebody's, whatever lies in it. */
static void what_somebody_else_made_stays(void **state) {
    place *p = *state;
    sw_draft d;
    struct stat made;
    sw_error err = {0};
    assert_int_equal(mkdir(p->partial, 0700), 0);
    put(p, p->partial, "thesis");
    assert_int_equal(sw_folder_draft(&p->arena, p->folder, NULL, 0700, &d, &err), SW_EXISTS);
    assert_non_null(strstr(err.message, "holds thesis already"));
    assert_null(d.path);
    assert_true(has(p, p->partial, "thesis"));
    assert_int_equal(unlink(sw_path_join(&p->arena, p->partial, "thesis")), 0);
    assert_int_equal(sw_folder_draft(&p->arena, p->folder, NULL, 0700, &d, NULL), SW_OK);
    assert_int_equal(stat(p->partial, &made), 0);
    assert_int_equal(made.st_mode & 07777, 01700); /* it was empty, and is a draft now */
    sw_draft_discard(&d);
}

static void folders_above_have_no_mark(void **state) {
    place *p = *state;
    sw_draft d;
    struct stat made;
    const char *above = sw_path_join(&p->arena, p->form, "above");
    assert_int_equal(
        sw_folder_draft(&p->arena, sw_path_join(&p->arena, above, "out"), NULL, 0700, &d, NULL),
        SW_OK);
    assert_int_equal(stat(above, &made), 0);
    assert_int_equal(made.st_mode & 07777, 0700);
    sw_draft_discard(&d);
    assert_int_equal(rmdir(above), 0);
}

/* What is left would be published: it is named, and left. */
static void what_is_not_ours_stays_and_is_named(void **state) {
    place *p = *state;
    sw_draft d;
    sw_error err = {0};
    const char *deep = sw_path_join(&p->arena, p->partial, "theirs");
    assert_int_equal(sw_folder_make(deep, 0700, NULL), SW_OK);
    assert_int_equal(chmod(p->partial, 01700), 0);
    put(p, deep, "a");
    assert_int_equal(sw_folder_draft(&p->arena, p->folder, NULL, 0700, &d, &err), SW_EXISTS);
    assert_non_null(strstr(err.message, "holds theirs already"));
    assert_null(d.path);
    assert_true(has(p, deep, "a"));
    assert_int_equal(sw_folder_draft(&p->arena, p->folder, "theirs", 0700, &d, NULL), SW_OK);
    assert_false(sw_path_exists(deep));
    sw_draft_discard(&d);
}

static void names_that_no_folder_gets(void **state) {
    place *p = *state;
    sw_draft d;
    static const char *const ends[] = {"/.", "/new/..", "/new/.", "/new/../"};
    assert_int_equal(sw_folder_draft(&p->arena, "", NULL, 0700, &d, NULL), SW_USAGE);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%s%s", p->folder, ends[i]);
        assert_int_equal(sw_folder_draft(&p->arena, path, NULL, 0700, &d, NULL), SW_USAGE);
    }
}

static void a_file_is_no_folder_to_use(void **state) {
    place *p = *state;
    sw_error err = {0};
    put(p, p->form, "file");
    const char *file = sw_path_join(&p->arena, p->form, "file");
    assert_int_equal(sw_folder_usable(file, &err), SW_EXISTS);
    assert_int_equal(sw_folder_usable(p->form, NULL), SW_OK);
    assert_int_equal(unlink(file), 0);
}

static void the_draft_stays_when_the_name_is_taken(void **state) {
    place *p = *state;
    sw_draft d;
    assert_int_equal(sw_folder_draft(&p->arena, p->folder, NULL, 0700, &d, NULL), SW_OK);
    assert_int_equal(sw_folder_make(p->folder, 0700, NULL), SW_OK);
    assert_int_equal(sw_draft_publish(&d, p->folder, NULL), SW_EXISTS);
    assert_string_equal(d.path, p->partial);
    sw_draft_discard(&d);
    assert_true(sw_path_exists(p->folder));
}

static void a_link_is_no_draft(void **state) {
    place *p = *state;
    sw_draft d;
    const char *other = sw_path_join(&p->arena, p->form, "other");
    assert_int_equal(sw_folder_make(other, 0700, NULL), SW_OK);
    put(p, other, "kept");
    assert_int_equal(symlink("other", p->partial), 0);
    assert_int_equal(sw_folder_draft(&p->arena, p->folder, NULL, 0700, &d, NULL), SW_IO);
    assert_true(has(p, other, "kept"));
    assert_int_equal(unlink(p->partial), 0);
    sw_folder_discard(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_draft_becomes_the_folder, open_place, close_place),
        cmocka_unit_test_setup_teardown(the_second_maker_touches_nothing, open_place, close_place),
        cmocka_unit_test_setup_teardown(what_a_dead_maker_left_goes, open_place, close_place),
        cmocka_unit_test_setup_teardown(the_draft_stays_when_the_name_is_taken, open_place,
                                        close_place),
        cmocka_unit_test_setup_teardown(what_is_not_ours_stays_and_is_named, open_place,
                                        close_place),
        cmocka_unit_test_setup_teardown(what_somebody_else_made_stays, open_place, close_place),
        cmocka_unit_test_setup_teardown(folders_above_have_no_mark, open_place, close_place),
        cmocka_unit_test_setup_teardown(names_that_no_folder_gets, open_place, close_place),
        cmocka_unit_test_setup_teardown(a_file_is_no_folder_to_use, open_place, close_place),
        cmocka_unit_test_setup_teardown(a_link_is_no_draft, open_place, close_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
