/* SPDX-License-Identifier: Apache-2.0
 *
 * Events measured and logged on a TDX guest (MCH-130 to MCH-135), over a kernel of the test's own:
 * a log that grows with the register, and everything that leaves both as they were.
 */
#include "attest/forge.h"
#include "machine/kernel.h"
#include "sys/files.h"

static kernel linux_kernel;
static sw_tsm tsm;
static char folder[64], events_path[96], lock_path[96];
static sw_machine_places places;

static sw_status extend(const char *name, const char *payload, sw_error *err) {
    const sw_event event = {.name = sw_text(name), .payload = sw_text(payload)};
    return sw_machine_extend(&places, "tdx", &event, &tsm.entropy, &tsm.clock, err);
}

static void fresh(void) {
    linux_kernel = (kernel){0};
    tsm = kernel_tsm(&linux_kernel, lock_path);
    places = (sw_machine_places){.tsm = &tsm, .events_path = events_path};
    (void)unlink(events_path);
}

static size_t log_replays(void) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_RUNTIME_LOG_LIMIT);
    const sw_event *events;
    size_t count;
    uint8_t rtmr3[48];
    assert_int_equal(sw_file_read(events_path, SW_RUNTIME_LOG_LIMIT, &text, NULL), SW_OK);
    assert_int_equal(sw_runtime_log_parse(&a, sw_buffer_bytes(&text), &events, &count, NULL),
                     SW_OK);
    assert_int_equal(sw_events_replay(events, count, rtmr3, NULL), SW_OK);
    assert_memory_equal(rtmr3, linux_kernel.rtmr[3], 48);
    return count;
}

static void test_grows(void **state) {
    (void)state;
    static const char *const names[] = {"system-preparing", "app-id", "caf\xc3\xa9 \"x\"",
                                        "system-ready"};
    sw_error err = {0};
    fresh();
    for (size_t i = 0; i < COUNT(names); i++) {
        if (extend(names[i], i == 1 ? "payload" : "", &err) != SW_OK) fail_msg("%s", err.message);
        assert_int_equal(log_replays(), i + 1);
    }
}

/* Neither the register nor the log moves. */
static void unmoved(sw_status got, const sw_error *err, const char *sentence,
                    const uint8_t before[48]) {
    assert_int_not_equal(got, SW_OK);
    if (strstr(err->message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err->message);
    assert_memory_equal(before, linux_kernel.rtmr[3], 48);
}

static void test_refused(void **state) {
    (void)state;
    uint8_t before[48];
    sw_error err = {0};
    fresh();
    assert_int_equal(extend("first", "", NULL), SW_OK);
    memcpy(before, linux_kernel.rtmr[3], 48);
    unmoved(extend("a:b", "", &err), &err, "colon", before);
    unmoved(extend("", "", &err), &err, "name", before);
    assert_int_equal(log_replays(), 1);
    int lock = -1;
    char log_lock[128];
    (void)snprintf(log_lock, sizeof log_lock, "%s.lock", events_path);
    assert_int_equal(sw_lock_take(log_lock, &lock, NULL), SW_OK);
    assert_int_equal(extend("second", "", &err), SW_REFUSED);
    assert_string_equal(err.word, "busy");
    (void)close(lock);
    linux_kernel.rtmr[3][0] ^= 1; /* somebody extended and kept no log here */
    memcpy(before, linux_kernel.rtmr[3], 48);
    unmoved(extend("second", "", &err), &err, "does not replay to RTMR3", before);
    linux_kernel.rtmr[3][0] ^= 1;
    assert_int_equal(log_replays(), 1);
    linux_kernel.foreign_extend = true;
    assert_int_equal(extend("second", "", &err), SW_REFUSED);
    assert_string_equal(err.word, "busy");
    fresh();
    assert_int_equal(sw_file_write(events_path, SW_LITERAL("{}\n"), 0600, SW_WRITE_REPLACE, NULL),
                     SW_OK);
    assert_int_equal(extend("first", "", &err), SW_MALFORMED);
    assert_non_null(strstr(err.message, "line 1"));
    fresh();
    linux_kernel.no_registers = true;
    assert_int_equal(extend("first", "", &err), SW_MISSING);
    assert_false(sw_path_exists(events_path));
}

static void test_kinds(void **state) {
    (void)state;
    static const char *const none[] = {"sim:/x", "dstack:", "sev", ""};
    const sw_event event = {.name = SW_LITERAL("a")};
    sw_error err = {0};
    fresh();
    for (size_t i = 0; i < COUNT(none); i++)
        assert_int_equal(
            sw_machine_extend(&places, none[i], &event, &tsm.entropy, &tsm.clock, &err), SW_USAGE);
    assert_int_equal(
        sw_machine_extend(&places, "dstack:/nowhere.sock", &event, &tsm.entropy, &tsm.clock, &err),
        SW_MISSING);
}

static int setup(void **state) {
    (void)state;
    (void)strcpy(folder, "/tmp/extend.XXXXXX");
    if (mkdtemp(folder) == NULL) return -1;
    (void)snprintf(events_path, sizeof events_path, "%s/events.json", folder);
    (void)snprintf(lock_path, sizeof lock_path, "%s/tsm.lock", folder);
    return 0;
}

static int teardown(void **state) {
    char command[96];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_grows), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_kinds)};
    return cmocka_run_group_tests_name("extend", tests, setup, teardown);
}
