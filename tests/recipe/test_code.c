/* SPDX-License-Identifier: Apache-2.0
 *
 * The code that owners read is the code that runs: what lies beside a listed file, and what a base
 * model of a command may hold; and what its container may do. docs/formats/command.md, CMD-011,
 * CMD-015, CMD-020.
 */
#include "recipe/golden.h"
#include "recipe/recipe_internal.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static golden load(void) {
    return golden_load_in("command/");
}

/* ---- the base model ---- */

static void test_model_is_data(void **state) {
    static const char *const data[] = {"a.safetensors", "a.txt",  "a.model",    "a.jinja",
                                       "a.gguf",        "a.md",   "a.tiktoken", "a.spm",
                                       "a.py.json",     "-a.json"};
    static const char *const code[] = {
        "a.py",   "a.pyc", "a.so",   "a.bin",     "a.pt", "a.pth", "a.pkl",  "a.PY",      "a.jsonx",
        "a.so.1", "a.h5",  "a.onnx", "a.json.py", "a",    "json",  "a.ckpt", "a.msgpack", ".json"};
    (void)state;
    golden g = load();
    static sw_recipe r;
    sw_error err = {0};
    for (size_t i = 0; i < COUNT(data) + COUNT(code); i++) {
        const char *name = i < COUNT(data) ? data[i] : code[i - COUNT(data)];
        r.model_file_count = 1;
        (void)snprintf(r.model_files[0].name, sizeof r.model_files[0].name, "%s", name);
        sw_status status = sw_command_check_model(&r, &err);
        if (status != (i < COUNT(data) ? SW_OK : SW_REFUSED)) fail_msg("%s", name);
        if (status != SW_OK) assert_non_null(strstr(err.message, name));
    }
    SW_SCOPED(sw_buffer) lock = SW_BUFFER(1 << 16);
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_COMPOSE_LIMIT);
    replace(&g.model_lock, "\"tokenizer.json\"", "\"tokenizer.bin\"", &lock);
    assert_int_equal(sw_compose_make(sw_buffer_bytes(&g.recipe), "r", sw_buffer_bytes(&lock),
                                     sw_buffer_bytes(&g.trainer_lock), &made, &err),
                     SW_REFUSED);
    assert_string_equal(err.message,
                        "model.lock names tokenizer.bin, which may hold code: a command's base"
                        " model is data alone, by the ends of its files' names (CMD-015)");
    /* and out of a compose that somebody else made */
    replace(&g.compose, "\"tokenizer.json\"", "\"tokenizer.bin\"", &made);
    assert_int_equal(sw_compose_parse(sw_buffer_bytes(&made), &r, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "tokenizer.bin, which may hold code"));
    golden_drop(&g);
}

/* ---- the folders of the files ---- */

static void put_file(const char *root, const char *path) {
    char where[600];
    (void)snprintf(where, sizeof where, "%s%s", root, path);
    for (char *at = where + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = 0;
        (void)mkdir(where, 0700);
        *at = '/';
    }
    if (path[strlen(path) - 1] == '/') return; /* a folder */
    int fd = open(where, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
}

/* What lies in the tree besides the files, and the first path of it that is refused. */
static const struct {
    const char *files[4], *more[3], *link, *refused;
} folders[] = {
    {{"/app/train.py", "/app/requirements.lock"}, {"/lib/a.py", "/app2/b"}, NULL, NULL},
    {{"/app/train.py", "/app/lib/x/y.py"}, {NULL}, NULL, NULL},
    {{"/app/train.py", "/lib/lock"}, {NULL}, NULL, NULL},
    {{"/app/train.py"}, {"/app/train.pyc"}, NULL, "/app/train.pyc"},
    {{"/app/train.py"}, {"/app/__pycache__/train.cpython-311.pyc"}, NULL, "/app/__pycache__"},
    {{"/app/train.py"},
     {"/app/train.cpython-311-x86_64-linux-gnu.so"},
     NULL,
     "/app/train.cpython-311-x86_64-linux-gnu.so"},
    {{"/app/train.py"}, {"/app/torch/__init__.py"}, NULL, "/app/torch"},
    {{"/app/train.py"}, {"/app/torch/"}, NULL, "/app/torch"},
    {{"/app/train.py"}, {"/app/.pth"}, NULL, "/app/.pth"},
    {{"/app/train.py"}, {NULL}, "/app/torch.py", "/app/torch.py"},
    {{"/app/train.py"}, {"/app/z", "/app/b", "/app/m"}, NULL, "/app/b"},
    {{"/app/lib/x.py", "/app/train.py"}, {"/app/lib/y.py"}, NULL, "/app/lib/y.py"},
    {{"/app/lib/x/y.py", "/app/train.py"}, {"/app/lib/z.py"}, NULL, "/app/lib/z.py"},
    {{"/app/lib/x.py"}, {"/app/other.py"}, NULL, NULL}, /* above every file's folder */
    {{"/app/train.py", "/app/x/y.py"}, {"/app/xx/y.py"}, NULL, "/app/xx"},
    {{"/train.py"}, {NULL}, NULL, NULL},
    {{"/train.py"}, {"/lib/a.py"}, NULL, "/lib"},
};

static void test_folders(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(folders); i++) {
        char root[] = "/tmp/sealwright-folders-XXXXXX", link[256], command[128];
        static sw_recipe_command c;
        sw_error err = {0};
        assert_non_null(mkdtemp(root));
        for (c.file_count = 0; c.file_count < 4 && folders[i].files[c.file_count]; c.file_count++) {
            const char *path = folders[i].files[c.file_count];
            (void)snprintf(c.files[c.file_count].path, sizeof c.files[0].path, "%s", path);
            put_file(root, path);
        }
        for (size_t k = 0; k < 3 && folders[i].more[k]; k++) put_file(root, folders[i].more[k]);
        (void)snprintf(link, sizeof link, "%s%s", root, folders[i].link ? folders[i].link : "");
        if (folders[i].link) assert_int_equal(symlink("/lib/evil.py", link), 0);
        int fd = open(root, O_RDONLY | O_DIRECTORY);
        sw_status status = sw_command_check_folders(&c, fd, &err);
        char said[400];
        (void)snprintf(said, sizeof said,
                       "the tree has %s beside a file that owners read as the code, and they are"
                       " not shown it",
                       folders[i].refused ? folders[i].refused : "");
        if (status != (folders[i].refused ? SW_REFUSED : SW_OK) ||
            (folders[i].refused && strcmp(err.message, said) != 0))
            fail_msg("folder %zu: %s", i, err.message);
        (void)close(fd);
        (void)snprintf(command, sizeof command, "rm -rf %s", root);
        assert_int_equal(system(command), 0);
    }
}

/* ---- the text of the files ---- */

#define CONTROLS "has control characters, and may be run as what no text shows"
#define ENCODED  "declares another encoding than UTF-8, and would run as another text than it shows"
#define TEXT(s)  (s), sizeof(s) - 1

/* What Python takes as declared was tried with Python 3.11 (tokenize.detect_encoding, as imports
 * read it, and running the file); what only we refuse is marked. */
static const struct {
    const char *text;
    size_t size;
    const char *fault;
} texts[] = {
    {TEXT(""), NULL},
    {TEXT("import sealwright\n"), NULL},
    {TEXT("a\tb\f\r\n\xc3\xa9\n"), NULL},
    {TEXT("# -*- coding: utf-8 -*-\n"), NULL},
    {TEXT("# vim: set fileencoding=UTF-8 :\n"), NULL},
    {TEXT("#coding=utf8\n"), NULL},
    {TEXT("\xef\xbb\xbf# coding: utf_8\nx = 1\n"), NULL},
    {TEXT("#!/usr/bin/python3\n\n# coding: utf-7\n"), NULL}, /* the third line */
    {TEXT("open(x, encoding=\"ascii\")\n"), NULL},
    {TEXT("x.coding = utf7\n"), NULL},
    {TEXT("# coding is fun\n# encoding: \n"), NULL},
    {TEXT("# -*- coding: utf-7 -*-\n# a comment +AAo-print(\"RAN\")\n"), ENCODED},
    {TEXT("#!/usr/bin/python3\n# coding: utf-7\n"), ENCODED},
    {TEXT("\n \t\f# coding=\tutf_7\n"), ENCODED},
    {TEXT("#coding:utf-7"), ENCODED},
    {TEXT("# fileencoding=latin-1 coding: utf-8\n"), ENCODED},
    {TEXT("# coding: utf-8 coding: utf-7\n"), ENCODED}, /* ours alone */
    {TEXT("# coding: utf-80\n"), ENCODED},
    {TEXT("# coding: utf-8-sig\n"), ENCODED}, /* ours alone */
    {TEXT("# coding: rot13\n"), ENCODED},
    {TEXT("# coding: raw_unicode_escape\n"), ENCODED},
    {TEXT("\xef\xbb\xbf# coding: utf-7\n"), ENCODED},
    {TEXT("#\r# coding: utf-7\r"), CONTROLS},
    {TEXT("# rows end with \rimport os\n"), CONTROLS}, /* a comment that Python ends there */
    {TEXT("x = 1\r"), CONTROLS},
    {TEXT("#\r\n# coding: utf-7\r\n"), ENCODED},
    {TEXT("#\r#\r#\r# coding: utf-7\n"), CONTROLS}, /* to imports \r ends no line */
    {TEXT("# a\rcoding: utf-7\n"), CONTROLS},
    {TEXT("x = 1 # coding: utf-7\n"), ENCODED}, /* ours alone */
    {TEXT("a\0b"), CONTROLS},
    {TEXT("# x\nPK\5\6"), CONTROLS},     /* the end of an archive: Python runs its __main__.py */
    {TEXT("o\r\r\n\0\0\0\0"), CONTROLS}, /* compiled for Python 3.10 */
    {TEXT("\x1b[8mhidden"), CONTROLS},
    {TEXT("x\x7f"), CONTROLS},
    {TEXT("\xff\0"), NULL}, /* shown as binary */
};

static void test_texts(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        const sw_bytes text = SW_BYTES((const uint8_t *)texts[i].text, texts[i].size);
        const char *fault = sw_command_text_fault(text);
        if (fault != texts[i].fault && (!fault || !texts[i].fault || strcmp(fault, texts[i].fault)))
            fail_msg("text %zu: %s", i, fault ? fault : "passes");
    }
}

/* At every cut of such a line: what is not declared yet is not refused, and nothing beyond is read
 * (the cut is a block of its own). */
static void test_cut_texts(void **state) {
    static const char line[] = "# -*- coding: utf-7 -*-";
    const size_t name_at = 14;
    (void)state;
    for (size_t size = 1; size < sizeof line; size++) {
        uint8_t *cut = malloc(size);
        assert_non_null(cut);
        memcpy(cut, line, size);
        bool refused = sw_command_text_fault(SW_BYTES(cut, size)) != NULL;
        assert_int_equal(refused, size > name_at);
        free(cut);
    }
}

/* In a tree, by the file's path: what `trainer lock` and the agent ask. */
static void test_texts_of_a_tree(void **state) {
    (void)state;
    char root[] = "/tmp/sealwright-texts-XXXXXX", path[64], command[128];
    static sw_recipe_command c;
    sw_error err = {0};
    assert_non_null(mkdtemp(root));
    c.file_count = 2;
    (void)snprintf(c.files[0].path, sizeof c.files[0].path, "/app/train.py");
    (void)snprintf(c.files[1].path, sizeof c.files[1].path, "/app/helper.py");
    for (size_t i = 0; i < 2; i++) put_file(root, c.files[i].path);
    int fd = open(root, O_RDONLY | O_DIRECTORY);
    assert_int_equal(sw_command_check_folders(&c, fd, &err), SW_OK);
    (void)snprintf(path, sizeof path, "%s/app/helper.py", root);
    int file = open(path, O_WRONLY);
    assert_int_equal(write(file, "# coding: utf-7\n", 16), 16);
    assert_int_equal(sw_command_check_folders(&c, fd, &err), SW_REFUSED);
    assert_string_equal(err.word, "trainer");
    assert_string_equal(err.message, "/app/helper.py, which owners read as the code, " ENCODED);
    assert_int_equal(ftruncate(file, SW_COMMAND_CODE + 1), 0);
    assert_int_equal(sw_command_check_folders(&c, fd, &err), SW_LIMIT);
    (void)close(file);
    (void)close(fd);
    (void)snprintf(command, sizeof command, "rm -rf %s", root);
    assert_int_equal(system(command), 0);
}

/* ---- the container ---- */

/* CMD-020: it may mount in its container, which a native recipe's may not. */
static void test_mounts(void **state) {
    static const char may[] = "    cap_add: [SYS_ADMIN, SYS_PTRACE]\\n    security_opt: "
                              "[\\\"seccomp=unconfined\\\", \\\"apparmor=unconfined\\\"]\\n";
    (void)state;
    golden command = load(), native = golden_load();
    assert_non_null(memmem(command.compose.data, command.compose.size, may, sizeof may - 1));
    assert_null(memmem(native.compose.data, native.compose.size, "SYS_ADMIN", 9));
    static sw_recipe r;
    SW_SCOPED(sw_buffer) bent = SW_BUFFER(1 << 20);
    replace(&command.compose, may, "", &bent);
    assert_int_equal(sw_compose_parse(sw_buffer_bytes(&bent), &r, NULL), SW_REFUSED);
    golden_drop(&command);
    golden_drop(&native);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model_is_data),   cmocka_unit_test(test_folders),
        cmocka_unit_test(test_texts),           cmocka_unit_test(test_cut_texts),
        cmocka_unit_test(test_texts_of_a_tree), cmocka_unit_test(test_mounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
