/* SPDX-License-Identifier: Apache-2.0
 *
 * attest collateral fetch for GPU evidence as NVIDIA's tools write it, and attest verify with the
 * bundle, as a person runs them now (MCH-075, MCH-076, MCH-137): a software machine's two GPUs, and
 * services on loopback (pcs.py) that publish for them.
 */
#include "machine/gpu_service.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>

enum { ARGUMENTS = 24, OUTPUT_LIMIT = 1 << 20 };
#define HOUR (DAY / 24)

static char program[PATH_MAX], work[96];

/* ---- files ---- */
static const char *at(const char *name) {
    static char paths[4][160];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", work, name);
    return path;
}

static void put_in(const char *name, sw_bytes content) {
    assert_int_equal(sw_file_write(at(name), content, 0644, SW_WRITE_REPLACE, NULL), SW_OK);
}

/* NVIDIA's list of the first `count` devices. */
static void put_list(const char *name, size_t count) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER(OUTPUT_LIMIT);
    sw_put_text(&json, "[");
    for (size_t i = 0; i < count; i++) {
        sw_put_text(&json, i > 0 ? ",{\"certificate\":\"" : "{\"certificate\":\"");
        sw_base64_encode(&json, devices[i].chain);
        sw_put_text(&json, "\",\"evidence\":\"");
        sw_base64_encode(&json, devices[i].report);
        sw_put_text(&json, "\",\"arch\":\"HOPPER\",\"nonce\":\"");
        sw_hex_encode(&json, SW_BYTES_OF(nonce.b));
        sw_put_text(&json, "\"}");
    }
    sw_put_text(&json, "]");
    put_in(name, sw_buffer_bytes(&json));
}

/* ---- the program ---- */
static char said[OUTPUT_LIMIT + 1];

static void program_become(char *const *arguments, int output) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
    if (dup2(output, 1) >= 0 && dup2(output, 2) >= 0) (void)execv(program, arguments);
    _exit(127);
}

/* Its exit status; what it printed, both streams, is in `said`. Words end with NULL. */
static int runs(const char *first, ...) {
    char *arguments[ARGUMENTS] = {program, (char *)(uintptr_t)first};
    int output[2], status;
    size_t size = 0;
    va_list words;
    va_start(words, first);
    for (size_t i = 2; i < ARGUMENTS - 1 && arguments[i - 1] != NULL; i++)
        arguments[i] = va_arg(words, char *);
    va_end(words);
    assert_int_equal(pipe(output), 0);
    pid_t pid = fork();
    if (pid == 0) program_become(arguments, output[1]);
    (void)close(output[1]);
    for (ssize_t got; (got = read(output[0], said + size, OUTPUT_LIMIT - size)) > 0;)
        size += (size_t)got;
    said[size] = 0;
    (void)close(output[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void said_so(int found, int expected, const char *sentence) {
    if (found != expected || strstr(said, sentence) == NULL)
        fail_msg("exit %d, not %d with \"%s\": %s", found, expected, sentence, said);
}

#define FETCH(file, ...)                                                                           \
    runs("attest", "collateral", "fetch", at(file), "--ca", service.ca, __VA_ARGS__, NULL)
/* From services that answer so, under the machine's own policy. */
#define FETCH_FROM(mode, file, ...)                                                                \
    (source_of(mode),                                                                              \
     FETCH(file, "--rim", base, "--ocsp", base, "--policy", at("policy"), __VA_ARGS__))
#define VERIFY(file, ...) runs("attest", "verify", at(file), __VA_ARGS__, NULL)

static int setup(void **state) {
    (void)state;
    const sw_clock clock = sw_clock_system();
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    char *folder = size > 0 ? strstr(program, "/tests/machine/") : NULL;
    if (folder == NULL) return -1;
    (void)strcpy(folder, "/sealwright");
    service_now = clock.wall_ms(clock.context) / 1000 * 1000; /* a certificate's dates */
    answer_age = HOUR;
    if (!service_open()) return -1;
    (void)snprintf(work, sizeof work, "%s/../work", gpu_machine);
    if (sw_folder_make(work, 0700, NULL) != SW_OK) return -1;
    put_list("list", GPU_COUNT);
    put_in("report", devices[0].report);
    put_in("chain", devices[0].chain);
    if (runs("sim", "show", gpu_machine, "--json", NULL) != 0) return -1;
    put_in("policy", sw_text(said));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    service_close();
    return 0;
}

/* ---- tests ---- */
/* Answers are the first to be too old, a day after they were given (GPU-209). */
static void test_list(void **state) {
    (void)state;
    char until[64], when[21], hex[65];
    (void)pcs_asked(&service);
    sw_time_text(when, service_now - HOUR + DAY);
    (void)snprintf(until, sizeof until, "valid until %s", when);
    said_so(FETCH_FROM("good+fresh", "list", "--out", at("bundle")), 0, until);
    assert_int_equal(pcs_asked(&service), RIM_EXPECTED + OCSP_EXPECTED);
    sw_hex_text(hex, SW_BYTES_OF(nonce.b));
    said_so(VERIFY("list", "--collateral", at("bundle"), "--policy", at("policy"), "--nonce", hex),
            0, "\nHOLDS");
    assert_non_null(strstr(said, "SIMULATED"));
    assert_null(strstr(said, "LEFT"));
    said_so(runs("attest", "explain", at("bundle"), NULL), 0, "570.172.08");
    assert_null(strstr(said, "TCB"));
}

/* The same from a cache, which asks nobody; and no later than --policy's age of answers. */
static void test_cache(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) one = SW_BUFFER(OUTPUT_LIMIT);
    SW_SCOPED(sw_buffer) two = SW_BUFFER(OUTPUT_LIMIT);
    said_so(FETCH_FROM("good+fresh", "list", "--cache", at("cache"), "--out", at("one")), 0,
            "valid until");
    (void)pcs_asked(&service);
    said_so(
        FETCH_FROM("good+nowhere", "list", "--cache", at("cache"), "--offline", "--out", at("two")),
        0, "valid until");
    assert_int_equal(pcs_asked(&service), 0);
    assert_int_equal(sw_file_read(at("one"), OUTPUT_LIMIT, &one, NULL), SW_OK);
    assert_int_equal(sw_file_read(at("two"), OUTPUT_LIMIT, &two, NULL), SW_OK);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&one), sw_buffer_bytes(&two)));
    said_so(FETCH_FROM("good+fresh", "list", "--cache", at("empty"), "--offline"), 1,
            "the cache holds no NV_GPU_DRIVER");
}

static void test_report(void **state) {
    (void)state;
    said_so(FETCH_FROM("good+fresh", "report", "--chain", at("chain"), "--out", at("of-one")), 0,
            "valid until");
    said_so(VERIFY("report", "--chain", at("chain"), "--collateral", at("of-one"), "--policy",
                   at("policy")),
            1, "FAILED  policy: GPUs"); /* the policy wants two */
    said_so(FETCH_FROM("good+fresh", "report", "--json"), 2, "--chain");
    said_so(FETCH_FROM("good+fresh", "list", "--chain", at("chain")), 2,
            "--chain has no meaning for GPU evidence");
}

/* A bundle can hold what a verifier then refuses. */
static void test_revoked(void **state) {
    (void)state;
    said_so(FETCH_FROM("good+revoked", "list", "--out", at("bad")), 0, "valid until");
    said_so(VERIFY("list", "--collateral", at("bad"), "--policy", at("policy")), 1, "revoked");
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *mode, *sentence;
    } table[] = {{"good+stale", "out of date"},
                 {"good+nowhere", "the service has none"},
                 {"other-answer+fresh", "another certificate"},
                 {"redirect+fresh", "no redirect"}};
    for (size_t i = 0; i < COUNT(table); i++) {
        said_so(FETCH_FROM(table[i].mode, "list", "--out", at("none")), 1, table[i].sentence);
        assert_false(sw_path_exists(at("none")));
    }
    said_so(FETCH_FROM("good+fresh", "list", "--pccs", base), 2,
            "--pccs has no meaning for GPU evidence");
    said_so(FETCH_FROM("good+fresh", "list", "--update", "early"), 2, "--update has no meaning");
    source_of("good+fresh");
    said_so(FETCH("list", "--rim", base, "--ocsp", base), 1, "device root"); /* NVIDIA's */
    said_so(FETCH("list", "--rim", base, "--ocsp", base, "--policy", "fuzz/corpus/policy/sim"), 1,
            "the machine policy says none for GPUs");
}

/* What would be lost, or believed to have been heeded. */
static void test_usage(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) kept = SW_BUFFER(OUTPUT_LIMIT);
    put_list("only", GPU_COUNT);
    assert_int_equal(link(at("only"), at("again")), 0);
    said_so(FETCH_FROM("good+fresh", "only", "--out", at("only")), 2, "names the evidence itself");
    said_so(FETCH_FROM("good+fresh", "only", "--out", at("again")), 2, "names the evidence itself");
    assert_int_equal(sw_file_read(at("only"), OUTPUT_LIMIT, &kept, NULL), SW_OK);
    assert_int_equal(kept.data[0], '[');
    said_so(FETCH("list", "--rim", "sim/driver.xml"), 2, "--rim is not written as https://HOST");
    said_so(FETCH("list", "--ocsp", "https://a/?b"), 2, "--ocsp is not written as https://HOST");
    said_so(FETCH("list", "--offline"), 2, "--offline needs --cache");
    put_in("broken", sw_text("{"));
    said_so(FETCH("list", "--policy", at("broken")), 1, "broken: JSON");
}

/* As nvattest writes them, and in base64. */
static void test_forms(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) list = SW_BUFFER(OUTPUT_LIMIT);
    SW_SCOPED(sw_buffer) json = SW_BUFFER(OUTPUT_LIMIT);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(OUTPUT_LIMIT);
    assert_int_equal(sw_file_read(at("list"), OUTPUT_LIMIT, &list, NULL), SW_OK);
    sw_put_text(&json, "{\"evidences\":");
    sw_put_bytes(&json, sw_buffer_bytes(&list));
    sw_put_text(&json, ",\"result_code\":0,\"result_message\":\"Ok\"}");
    put_in("collected", sw_buffer_bytes(&json));
    sw_base64_encode(&text, sw_buffer_bytes(&json));
    put_in("in-text", sw_buffer_bytes(&text));
    said_so(FETCH_FROM("good+fresh", "collected", "--out", at("for-all")), 0, "valid until");
    said_so(VERIFY("collected", "--collateral", at("for-all"), "--policy", at("policy")), 0,
            "\nHOLDS");
    said_so(VERIFY("in-text", "--collateral", at("for-all"), "--policy", at("policy"), "--json"), 0,
            "\"valid_until\":\"");
    said_so(VERIFY("collected", "--policy", at("policy")), 1, "hint: attest collateral fetch");
}

/* A KMS reference names a compose, of which GPUs alone say nothing (EVD-146). */
static void test_reference(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) machine = SW_BUFFER(OUTPUT_LIMIT);
    SW_SCOPED(sw_buffer) json = SW_BUFFER(OUTPUT_LIMIT);
    char *end;
    assert_int_equal(sw_file_read(at("policy"), OUTPUT_LIMIT, &machine, NULL), SW_OK);
    sw_put_u8(&machine, 0);
    end = strrchr((char *)machine.data, '}');
    *end = 0;
    sw_put_text(&json, "{\"compose_hash\":\"");
    for (size_t i = 0; i < 32; i++) sw_put_text(&json, "ee");
    sw_put_text(&json, "\",\"kind\":\"sealwright/kms-reference/v1\",\"policy\":");
    sw_put_text(&json, strchr((char *)machine.data, ':') + 1);
    sw_put_text(&json, "}");
    put_in("reference", sw_buffer_bytes(&json));
    said_so(FETCH_FROM("good+fresh", "list", "--out", at("of-reference")), 0, "valid until");
    said_so(VERIFY("list", "--collateral", at("of-reference"), "--policy", at("reference")), 1,
            "FAILED  reference: compose hash");
    source_of("good+fresh");
    said_so(FETCH("list", "--rim", base, "--ocsp", base, "--policy", at("reference")), 0,
            "sealwright/collateral/v1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),    cmocka_unit_test(test_cache),
        cmocka_unit_test(test_report),  cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_usage),
        cmocka_unit_test(test_forms),   cmocka_unit_test(test_reference),
    };
    return cmocka_run_group_tests_name("gpu collateral command", tests, setup, teardown);
}
