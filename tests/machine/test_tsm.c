/* SPDX-License-Identifier: Apache-2.0
 *
 * configfs-tsm and RTMRs against a kernel of the test's own (kernel.h), the real file calls on
 * plain files and a pipe, and RTMR3's log as lines.
 */
#include "cmocka_plain.h"

#include "machine/kernel.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static char folder[64], lock_path[80];
static sw_report_data report;

static int setup(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/sealwright-test-XXXXXX");
    if (mkdtemp(folder) == NULL) return -1;
    (void)snprintf(lock_path, sizeof lock_path, "%s/lock", folder);
    for (size_t i = 0; i < sizeof report.b; i++) report.b[i] = (uint8_t)(i + 1);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    (void)unlink(lock_path);
    return rmdir(folder);
}

/* MCH-010 to MCH-015 */
static void test_quote(void **state) {
    (void)state;
    kernel k = {0};
    sw_tsm t = kernel_tsm(&k, lock_path);
    SW_SCOPED(sw_buffer) quote = SW_BUFFER(SW_QUOTE_LIMIT);
    assert_int_equal(sw_tsm_quote(&t, &report, &quote, NULL), SW_OK);
    assert_int_equal(quote.size, 5000);
    assert_memory_equal(quote.data + 568, report.b, sizeof report.b);
    assert_false(k.has_entry); /* nothing is left lying */
    char first[256];
    memcpy(first, k.entry, sizeof first);
    assert_int_equal(sw_tsm_quote(&t, &report, &quote, NULL), SW_OK);
    assert_int_equal(k.entries, 2);
    assert_string_not_equal(first, k.entry); /* an entry of its own each time */
    assert_int_equal(quote.size, 10000);     /* appended */
}

static void test_passing(void **state) {
    (void)state;
    static const struct {
        kernel k;
        unsigned quotes;
    } table[] = {
        {{.inblob_error = EBUSY, .error_count = 1}, 1},
        {{.inblob_error = EINTR, .error_count = 3}, 1},
        {{.outblob_error = EBUSY, .error_count = 2}, 1},
        {{.outblob_error = EINTR, .error_count = 1}, 1},
        {{.outblob_error = EAGAIN, .error_count = SW_TSM_TRIES - 1}, 1},
        {{.intruder_writes = 2}, 3},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        kernel k = table[i].k;
        sw_tsm t = kernel_tsm(&k, lock_path);
        SW_SCOPED(sw_buffer) quote = SW_BUFFER(SW_QUOTE_LIMIT);
        assert_int_equal(sw_tsm_quote(&t, &report, &quote, NULL), SW_OK);
        assert_int_equal(quote.size, 5000);
        assert_int_equal(k.quotes, table[i].quotes);
        assert_true(k.pauses > 0);
    }
}

static void huge(kernel *k, const uint8_t data[64], sw_buffer *out) {
    (void)k;
    (void)data;
    uint8_t *space = sw_put_space(out, SW_QUOTE_LIMIT + 1);
    if (space != NULL) memset(space, 0, SW_QUOTE_LIMIT + 1);
}

static void short_quote(kernel *k, const uint8_t data[64], sw_buffer *out) {
    uint8_t bytes[631];
    (void)k;
    kernel_frame(bytes, sizeof bytes, 4);
    memcpy(bytes + 568, data, 63);
    sw_put_bytes(out, SW_BYTES_OF(bytes));
}

static void version_3(kernel *k, const uint8_t data[64], sw_buffer *out) {
    uint8_t bytes[1000];
    (void)k;
    kernel_frame(bytes, sizeof bytes, 3);
    memcpy(bytes + 568, data, 64);
    sw_put_bytes(out, SW_BYTES_OF(bytes));
}

static void version_5(kernel *k, const uint8_t data[64], sw_buffer *out) {
    uint8_t bytes[1000];
    (void)k;
    kernel_frame(bytes, sizeof bytes, 5);
    memcpy(bytes + 574, data, 64);
    sw_put_bytes(out, SW_BYTES_OF(bytes));
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        kernel k;
        sw_status status;
        const char *sentence;
    } table[] = {
        {{.make_error = ENOENT}, SW_MISSING, "the kernel has no such file"},
        {{.make_error = EACCES}, SW_IO, "Permission denied"},
        {{.provider = "sev_guest\n"}, SW_REFUSED, "sev_guest, and not from tdx_guest"},
        {{.provider = "tdx guest\n"}, SW_MALFORMED, "not one word"},
        {{.provider = ""}, SW_REFUSED, "and not from tdx_guest"},
        {{.generation_text = "one\n"}, SW_MALFORMED, "generation is no number"},
        {{.generation_text = "\n"}, SW_MALFORMED, "generation is no number"},
        {{.generation_text = "1234567890123456789\n"}, SW_MALFORMED, "generation is no number"},
        {{.generation_text = "7\n"}, SW_UNAVAILABLE, "busy with other quotes"},
        {{.inblob_error = EINVAL, .error_count = -1}, SW_IO, "Invalid argument"},
        {{.inblob_error = EBUSY, .error_count = -1}, SW_UNAVAILABLE, "busy with other quotes"},
        {{.outblob_error = EIO, .error_count = -1}, SW_IO, "Input/output error"},
        {{.outblob_error = EFBIG, .error_count = 1}, SW_LIMIT, "larger than any"},
        {{.outblob_error = EINTR, .error_count = -1}, SW_UNAVAILABLE, "busy with other quotes"},
        {{.intruder_writes = 1000}, SW_UNAVAILABLE, "busy with other quotes"},
        {{.wrong_report = true}, SW_REFUSED, "other report data"},
        {{.quote = huge}, SW_LIMIT, "larger than any"},
        {{.quote = short_quote}, SW_MALFORMED, "ends inside its TD report"},
        {{.quote = version_3}, SW_REFUSED, "version 3"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        kernel k = table[i].k;
        sw_tsm t = kernel_tsm(&k, lock_path);
        sw_error err = {0};
        SW_SCOPED(sw_buffer) quote = SW_BUFFER(SW_QUOTE_LIMIT);
        sw_put_text(&quote, "before");
        sw_status status = sw_tsm_quote(&t, &report, &quote, &err);
        if (status != table[i].status || strstr(err.message, table[i].sentence) == NULL)
            fail_msg("row %zu: %d %s", i, status, err.message);
        assert_int_equal(quote.size, 6);
        assert_false(k.has_entry);
    }
}

static void test_version_5(void **state) {
    (void)state;
    kernel k = {.quote = version_5};
    sw_tsm t = kernel_tsm(&k, lock_path);
    SW_SCOPED(sw_buffer) quote = SW_BUFFER(SW_QUOTE_LIMIT);
    assert_int_equal(sw_tsm_quote(&t, &report, &quote, NULL), SW_OK);
}

/* ---- one at a time, across processes ---- */
static int64_t ticks;
static int64_t ticking(void *context) {
    (void)context;
    return ticks += 1000;
}

static void test_lock(void **state) {
    (void)state;
    kernel k = {0};
    sw_tsm t = kernel_tsm(&k, lock_path);
    sw_error err = {0};
    SW_SCOPED(sw_buffer) quote = SW_BUFFER(SW_QUOTE_LIMIT);
    int go[2], done[2];
    char byte = 0;
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(done), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = open(lock_path, O_RDWR | O_CREAT, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) != 0 || write(done[1], "x", 1) != 1) _exit(1);
        (void)!read(go[0], &byte, 1);
        _exit(0);
    }
    assert_int_equal(read(done[0], &byte, 1), 1);
    t.clock.steady_ms = ticking; /* the wait is a count of ticks, and no time passes */
    assert_int_equal(sw_tsm_quote(&t, &report, &quote, &err), SW_REFUSED);
    assert_string_equal(err.word, "busy");
    assert_int_equal(k.entries, 0);
    assert_int_equal(k.pauses, SW_TSM_LOCK_MS / 1000);
    assert_int_equal(write(go[1], "x", 1), 1);
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(sw_tsm_quote(&t, &report, &quote, &err), SW_OK);
    for (size_t i = 0; i < 2; i++) {
        (void)close(go[i]);
        (void)close(done[i]);
    }
    t.lock_path = "/nowhere/at/all";
    assert_int_equal(sw_tsm_quote(&t, &report, &quote, &err), SW_MISSING);
}

/* ---- registers (MCH-016 to MCH-018) ---- */
static void test_extend(void **state) {
    (void)state;
    kernel k = {0};
    sw_tsm t = kernel_tsm(&k, lock_path);
    const sw_event events[] = {{SW_LITERAL("system-preparing"), {0}, false},
                               {SW_LITERAL("app-id"), SW_LITERAL("12345678901234567890"), false},
                               {SW_LITERAL("two"), SW_LITERAL("2"), true}};
    uint8_t replayed[48], there[48];
    for (size_t i = 0; i < COUNT(events); i++)
        assert_int_equal(sw_tsm_extend(&t, &events[i], NULL), SW_OK);
    assert_int_equal(sw_events_replay(events, COUNT(events), replayed, NULL), SW_OK);
    assert_int_equal(sw_tsm_register(&t, 3, there, NULL), SW_OK);
    assert_memory_equal(there, replayed, 48);
    assert_int_equal(sw_tsm_register(&t, 0, there, NULL), SW_OK);
    assert_int_equal(sw_tsm_register(&t, 4, there, NULL), SW_INTERNAL);
}

static void test_extend_refusals(void **state) {
    (void)state;
    static const struct {
        kernel k;
        const char *name;
        sw_status status;
        const char *sentence;
    } table[] = {
        {{.no_registers = true}, "x", SW_MISSING, "no such file"},
        {{.extend_error = EINVAL}, "x", SW_IO, "Invalid argument"},
        {{.foreign_extend = true}, "x", SW_REFUSED, "somebody else"},
        {{.register_bytes = 47}, "x", SW_MALFORMED, "47 bytes"},
        {{0}, "a:b", SW_REFUSED, "colon"},
        {{0}, "", SW_MALFORMED, "name"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        kernel k = table[i].k;
        sw_tsm t = kernel_tsm(&k, lock_path);
        sw_error err = {0};
        const sw_event event = {.name = sw_text(table[i].name)};
        sw_status status = sw_tsm_extend(&t, &event, &err);
        if (status != table[i].status || strstr(err.message, table[i].sentence) == NULL)
            fail_msg("row %zu: %d %s", i, status, err.message);
    }
}

/* ---- the real file calls ---- */
static void test_files(void **state) {
    (void)state;
    const sw_tsm_files f = sw_tsm_files_system();
    SW_SCOPED(sw_buffer) got = SW_BUFFER(100000);
    char entry[96], path[128];
    (void)snprintf(entry, sizeof entry, "%s/entry", folder);
    (void)snprintf(path, sizeof path, "%s/inblob", entry);
    assert_int_equal(f.make_entry(NULL, entry), 0);
    assert_int_equal(f.make_entry(NULL, entry), EEXIST);
    assert_int_equal(f.write(NULL, path, SW_LITERAL("abc")), ENOENT); /* it makes no file */
    assert_int_equal(f.read(NULL, path, 10, &got), ENOENT);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(f.write(NULL, path, SW_BYTES_OF(report.b)), 0);
    assert_int_equal(f.read(NULL, path, 64, &got), 0);
    assert_int_equal(got.size, 64);
    assert_memory_equal(got.data, report.b, 64);
    assert_int_equal(f.read(NULL, path, 63, &got), EFBIG);
    assert_int_equal(got.size, 64); /* half a file is none */
    assert_int_equal(f.remove_entry(NULL, entry), ENOTEMPTY);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(f.remove_entry(NULL, entry), 0);
    assert_int_equal(f.remove_entry(NULL, entry), ENOENT);
    f.pause(NULL, 1);
}

/* A file that comes in small pieces is read to its end. */
static void test_short_reads(void **state) {
    (void)state;
    const sw_tsm_files f = sw_tsm_files_system();
    SW_SCOPED(sw_buffer) got = SW_BUFFER(100000);
    char path[96];
    (void)snprintf(path, sizeof path, "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = open(path, O_WRONLY);
        for (int i = 0; i < 5000; i += 250) {
            uint8_t piece[250];
            memset(piece, i / 250, sizeof piece);
            if (write(fd, piece, sizeof piece) != sizeof piece) _exit(1);
            (void)usleep(200);
        }
        _exit(0);
    }
    assert_int_equal(f.read(NULL, path, 5000, &got), 0);
    assert_int_equal(got.size, 5000);
    for (int i = 0; i < 5000; i++) assert_int_equal(got.data[i], i / 250);
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(unlink(path), 0);
}

/* ---- RTMR3's log (MCH-030 to MCH-034) ---- */
static void test_log(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    const sw_event *events;
    size_t count = 9;
    static const char text[] = "{\"event\":\"system-preparing\",\"payload\":\"\"}\n"
                               "{\"event\":\"app-id\",\"payload\":\"AQID\"}\n"
                               "{ \"payload\" : \"/+8=\", \"version\":2, \"event\":\"later\" }\n";
    assert_int_equal(sw_runtime_log_parse(&a, sw_text(text), &events, &count, NULL), SW_OK);
    assert_int_equal(count, 3);
    assert_true(sw_bytes_is(events[0].name, "system-preparing"));
    assert_int_equal(events[0].payload.size, 0);
    assert_true(sw_bytes_equal(events[1].payload, SW_LITERAL("\1\2\3")));
    assert_false(events[1].v2);
    assert_true(events[2].v2);
    assert_int_equal(sw_runtime_log_parse(&a, (sw_bytes){0}, &events, &count, NULL), SW_OK);
    assert_int_equal(count, 0);
}

static void test_log_refusals(void **state) {
    (void)state;
    static const struct {
        const char *text, *sentence;
    } table[] = {
        {"{\"event\":\"a\",\"payload\":\"\"}", "line 1 has no line end"},
        {"\n", "line 1"},
        {"{\"event\":\"a\",\"payload\":\"\"}\n\n", "line 2"},
        {"[]\n", "line 1"},
        {"{\"event\":\"a\"}\n", "payload"},
        {"{\"payload\":\"\"}\n", "event"},
        {"{\"event\":\"a\",\"payload\":\"A\"}\n", "line 1"},
        {"{\"event\":\"a\",\"payload\":\"AB==\"}\n", "line 1"},
        {"{\"event\":\"a\",\"payload\":7}\n", "payload"},
        {"{\"event\":\"a\",\"payload\":\"\",\"version\":1}\n", "version"},
        {"{\"event\":\"a\",\"payload\":\"\",\"digest\":\"\"}\n", "digest"},
        {"{\"event\":\"a\",\"event\":\"b\",\"payload\":\"\"}\n", "line 1"},
        {"{\"event\":\"a:b\",\"payload\":\"\"}\n", "colon"},
        {"{\"event\":\"\",\"payload\":\"\"}\n", "name"},
        {"{\"event\":\"a\",\"payload\":\"\"}\r\n{}\n", "line 2"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_error err = {0};
        const sw_event *events = NULL;
        size_t count = 9;
        sw_status status = sw_runtime_log_parse(&a, sw_text(table[i].text), &events, &count, &err);
        if (status == SW_OK || strstr(err.message, table[i].sentence) == NULL)
            fail_msg("row %zu: %d %s", i, status, err.message);
        assert_null(events);
        assert_int_equal(count, 9);
    }
}

static void test_log_limits(void **state) {
    (void)state;
    static const char line[] = "{\"event\":\"a\",\"payload\":\"\"}\n";
    SW_SCOPED(sw_buffer) text = SW_BUFFER((size_t)8 << 20);
    SW_SCOPED(sw_arena) a = {0};
    const sw_event *events;
    size_t count;
    for (size_t i = 0; i < SW_EVENT_LIMIT; i++) sw_put_text(&text, line);
    assert_int_equal(sw_runtime_log_parse(&a, sw_buffer_bytes(&text), &events, &count, NULL),
                     SW_OK);
    assert_int_equal(count, SW_EVENT_LIMIT);
    sw_put_text(&text, line);
    assert_int_equal(sw_runtime_log_parse(&a, sw_buffer_bytes(&text), &events, &count, NULL),
                     SW_LIMIT);
    sw_buffer_reset(&text);
    uint8_t *space = sw_put_space(&text, SW_RUNTIME_LOG_LIMIT + 1);
    assert_non_null(space);
    memset(space, '\n', SW_RUNTIME_LOG_LIMIT + 1);
    assert_int_equal(sw_runtime_log_parse(&a, sw_buffer_bytes(&text), &events, &count, NULL),
                     SW_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_passing),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_version_5),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_extend),
        cmocka_unit_test(test_extend_refusals),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_short_reads),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_log_refusals),
        cmocka_unit_test(test_log_limits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
