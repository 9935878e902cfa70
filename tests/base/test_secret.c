/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets: guarded on both sides, locked, left out of dumps, wiped in children and at release. What
 * the kernel knows is read from /proc/self/smaps; what must fault is tried in a child.
 */
#include "base/secret.h"
#include "cmocka_plain.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The VmFlags of the mapping that holds `address`. */
static void flags_of(const void *address, char out[256]) {
    char line[512];
    bool inside = false;
    FILE *smaps = fopen("/proc/self/smaps", "r");
    assert_non_null(smaps);
    out[0] = 0;
    while (fgets(line, sizeof line, smaps) != NULL && out[0] == 0) {
        uintptr_t from, to;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2)
            inside = (uintptr_t)address >= from && (uintptr_t)address < to;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            (void)snprintf(out, 256, "%.250s", line + 8);
    }
    (void)fclose(smaps);
}

static void a_secret_is_locked_and_not_dumped(void **state) {
    (void)state;
    char flags[256];
    uint8_t *secret = sw_secret_alloc(100);
    assert_non_null(secret);
    flags_of(secret, flags);
#if !defined(SW_VARIANT_ASAN) && !defined(SW_VARIANT_TSAN) /* which make mlock do nothing */
    assert_non_null(strstr(flags, " lo "));
#endif
    assert_non_null(strstr(flags, " dd "));
    assert_non_null(strstr(flags, " wf "));
    sw_secret_release(secret);
}

static void a_secret_starts_as_zeros_at_any_size(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 15, 16, 17, 32, 4095, 4096, 4097, 10000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *secret = sw_secret_alloc(sizes[i]), any = 0;
        assert_non_null(secret);
        assert_int_equal((uintptr_t)secret % 16, 0);
        for (size_t j = 0; j < sizes[i]; j++) any |= secret[j];
        assert_int_equal(any, 0);
        memset(secret, 0xff, sizes[i]);
        sw_secret_release(secret);
    }
    assert_null(sw_secret_alloc(0));
    assert_null(sw_secret_alloc(SIZE_MAX));
    assert_null(sw_secret_alloc(SIZE_MAX - 20000));
    sw_secret_release(NULL);
}

/* The signal that ends a child which touches `offset` bytes from a secret of 32 bytes. */
static int touch(ptrdiff_t offset, bool write_there, bool released) {
    pid_t pid = fork();
    if (pid == 0) {
        (void)signal(SIGSEGV, SIG_DFL);
        volatile uint8_t *secret = sw_secret_alloc(32);
        if (released) sw_secret_release((void *)(uintptr_t)secret);
        if (write_there)
            secret[offset] = 1;
        else
            (void)secret[offset];
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void guards_stand_on_both_sides(void **state) {
    (void)state;
    static const struct {
        ptrdiff_t offset;
        bool write_there, released;
        int signal;
    } cases[] = {
        {0, true, false, 0},
        {31, true, false, 0},
        {32, false, false, SIGSEGV},
        {32, true, false, SIGSEGV},
        {-4096, false, false, SIGSEGV},
        {-4096, true, false, SIGSEGV},
        {-8192, true, false, SIGSEGV}, /* the length */
        {0, false, true, SIGSEGV},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(touch(cases[i].offset, cases[i].write_there, cases[i].released),
                         cases[i].signal);
}

static void a_child_finds_zeros(void **state) {
    (void)state;
    uint8_t *secret = sw_secret_alloc(32);
    memset(secret, 0x5a, 32);
    pid_t pid = fork();
    if (pid == 0) {
        uint8_t any = 0;
        for (size_t i = 0; i < 32; i++) any |= secret[i];
        _exit(any == 0 ? 42 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    assert_int_equal(secret[31], 0x5a);
    sw_secret_release(secret);
}

static void no_lock_no_secret(void **state) {
    (void)state;
#if !defined(SW_VARIANT_ASAN) && !defined(SW_VARIANT_TSAN)
    pid_t pid = fork();
    if (pid == 0) { /* a user without privileges and without lockable memory */
        const struct rlimit none = {0, 0};
        if (setrlimit(RLIMIT_MEMLOCK, &none) != 0) _exit(1);
        if (geteuid() == 0 && setuid(65534) != 0) _exit(2);
        _exit(sw_secret_alloc(32) == NULL ? 42 : 3);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
#endif
}

static void roles_are_made_and_dropped(void **state) {
    (void)state;
    sw_data_key *key = sw_data_key_new();
    assert_non_null(key);
    sw_data_key_drop(&key);
    assert_null(key);
    sw_data_key_drop(&key);
    {
        SW_SCOPED_SECRET(sw_run_key) scoped = sw_run_key_new();
        assert_non_null(scoped);
    }
}

static void secrets_compare_whole(void **state) {
    (void)state;
    uint8_t a[64] = {0}, b[64] = {0};
    assert_true(sw_secret_equal(a, b, 64));
    assert_true(sw_secret_equal(a, b, 0));
    for (size_t i = 0; i < 512; i++) {
        b[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_false(sw_secret_equal(a, b, 64));
        b[i / 8] = 0;
    }
}

static void wiped_is_zero(void **state) {
    (void)state;
    uint8_t a[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    sw_wipe(a, 7);
    assert_memory_equal(a, "\0\0\0\0\0\0\0\x08", 8);
    sw_wipe(NULL, 0);
}

static bool has_run(const uint8_t *memory, size_t size, uint8_t value, size_t length) {
    size_t run = 0;
    for (size_t i = 0; i < size && run < length; i++) run = memory[i] == value ? run + 1 : 0;
    return run == length;
}

/* Whether memory of this process holds `length` bytes in a row each of which is `value`, in a
 * mapping as small as a secret's; where they are read to is greater. */
static bool memory_holds(uint8_t value, size_t length) {
    enum { MOST = 1 << 20 };
    char line[512];
    bool held = false;
    uint8_t *read = malloc(MOST);
    FILE *maps = fopen("/proc/self/maps", "r");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_true(read != NULL && maps != NULL && memory >= 0);
    while (fgets(line, sizeof line, maps) != NULL) {
        uintptr_t from, to;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) != 2) continue;
        if (to - from > MOST) continue; /* closed ones are read too */
        ssize_t got = pread(memory, read, to - from, (off_t)from);
        if (got > 0 && has_run(read, (size_t)got, value, length)) held = true;
    }
    (void)close(memory);
    (void)fclose(maps);
    free(read);
    return held;
}

static void what_is_withdrawn_is_nowhere(void **state) {
    (void)state;
    enum { SIZE = 23456, VALUE = 0xb7 };
    void *secret = sw_secret_alloc(SIZE);
    assert_non_null(secret);
    memset(secret, VALUE, SIZE);
    assert_true(memory_holds(VALUE, SIZE));
    sw_secret_withdraw(secret);
    assert_false(memory_holds(VALUE, SIZE));
}

/* The thread that uses it never sees zeros in its place. */
static void what_is_withdrawn_cannot_be_read(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 32, 4096, 10000};
    sw_secret_withdraw(NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        volatile uint8_t *secret = sw_secret_alloc(sizes[i]);
        assert_non_null(secret);
        secret[0] = secret[sizes[i] - 1] = 7;
        sw_secret_withdraw((void *)(uintptr_t)secret);
        for (int end = 0; end < 2; end++) {
            pid_t pid = fork();
            int code = 0;
            assert_true(pid >= 0);
            if (pid == 0) {
                (void)signal(SIGSEGV, SIG_DFL);
                _exit(secret[end == 0 ? 0 : sizes[i] - 1]);
            }
            assert_int_equal(waitpid(pid, &code, 0), pid);
            assert_true(WIFSIGNALED(code) && WTERMSIG(code) == SIGSEGV);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_locked_and_not_dumped),
        cmocka_unit_test(a_secret_starts_as_zeros_at_any_size),
        cmocka_unit_test(guards_stand_on_both_sides),
        cmocka_unit_test(a_child_finds_zeros),
        cmocka_unit_test(no_lock_no_secret),
        cmocka_unit_test(roles_are_made_and_dropped),
        cmocka_unit_test(secrets_compare_whole),
        cmocka_unit_test(wiped_is_zero),
        cmocka_unit_test(what_is_withdrawn_cannot_be_read),
        cmocka_unit_test(what_is_withdrawn_is_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
