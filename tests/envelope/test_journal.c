/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal in memory and in SQLite: chain, conflict, rollback, fork, export and import, several
 * writers (JRN-001 ...). The file under attack: test_journal_file.c.
 */
#include "envelope/journal_support.h"

#include <signal.h>
#include <sys/wait.h>

/* ---- the chain ---- */

/* JRN-003, computed here a second time. */
static void test_chain(void **state) {
    (void)state;
    fixture *f = start(1);
    sw_journal *stores[2] = {NULL, open_sqlite(f)};
    assert_int_equal(sw_journal_open_memory(&f->id, &stores[0], NULL), SW_OK);
    for (size_t s = 0; s < 2; s++) {
        sw_head head = sw_journal_head(stores[s]);
        assert_int_equal(head.index, 0);
        assert_memory_equal(head.hash.b, f->id.b, 32);
        sw_hash previous = f->id;
        for (uint64_t n = 1; n <= 5; n++) {
            SW_SCOPED(sw_buffer) bound = SW_BUFFER(1024);
            char payload[64];
            sw_hash expected;
            (void)snprintf(payload, sizeof payload, "{\"number\":%llu}", (unsigned long long)n);
            const uint8_t index[8] = {0, 0, 0, 0, 0, 0, 0, (uint8_t)n};
            sw_put_field(&bound, SW_LITERAL("sealwright/journal/v1"));
            sw_put_field(&bound, SW_BYTES_OF(f->id.b));
            sw_put_field(&bound, SW_BYTES_OF(index));
            sw_put_field(&bound, SW_BYTES_OF(previous.b));
            sw_put_field(&bound, SW_LITERAL("application/vnd.sealwright.approve.v1+json"));
            sw_put_field(&bound, sw_text(payload));
            sw_sha256(&expected, sw_buffer_bytes(&bound));
            head = append(f, stores[s], n);
            assert_int_equal(head.index, n);
            assert_memory_equal(head.hash.b, expected.b, 32);
            previous = expected;
        }
        assert_int_equal(read_all(stores[s], 1).count, 5);
        assert_int_equal(read_all(stores[s], 4).count, 2);
        assert_int_equal(read_all(stores[s], 6).count, 0);
        assert_int_equal(read_all(stores[s], 99).count, 0);
        seen none = {0};
        assert_int_equal(sw_journal_read(stores[s], 0, check_entry, &none, NULL), SW_USAGE);
        none = (seen){.next = 1, .stop_at = 3};
        assert_int_equal(sw_journal_read(stores[s], 1, check_entry, &none, NULL), SW_REFUSED);
        assert_int_equal(none.count, 3);
        assert_int_equal(sw_journal_head(stores[s]).index, 5);
        sw_journal_close(&stores[s]);
        assert_null(stores[s]);
    }
    end(f);
}

static void test_conflict(void **state) {
    (void)state;
    fixture *f = start(2);
    sw_journal *j = open_sqlite(f);
    SW_SCOPED(sw_buffer) entry = SW_BUFFER(4096);
    sw_head empty = sw_journal_head(j), first = append(f, j, 1), out = {.index = 42};
    sw_head wrong = first;
    wrong.hash.b[0] ^= 1;
    make_entry(f, 2, &entry);
    sw_bytes bytes = sw_buffer_bytes(&entry);
    sw_error err;
    assert_int_equal(sw_journal_append(j, &empty, bytes, &out, &err), SW_REFUSED);
    assert_string_equal(err.word, "conflict");
    assert_int_equal(sw_journal_append(j, &wrong, bytes, &out, NULL), SW_REFUSED);
    assert_int_equal(sw_journal_append(j, NULL, SW_LITERAL("{}"), &out, NULL), SW_MALFORMED);
    assert_int_equal(sw_journal_append(j, NULL, SW_BYTES(bytes.data, bytes.size - 1), &out, NULL),
                     SW_MALFORMED);
    assert_int_equal(out.index, 42);
    assert_int_equal(sw_journal_head(j).index, 1);
    assert_int_equal(sw_journal_append(j, &first, bytes, &out, NULL), SW_OK);
    assert_int_equal(out.index, 2);
    sw_journal_close(&j);
    end(f);
}

static void test_reopen(void **state) {
    (void)state;
    fixture *f = start(3);
    sw_head head = {0};
    for (uint64_t n = 1; n <= 40; n++) {
        sw_journal *j = open_sqlite(f);
        if (n > 1) assert_int_equal(sw_journal_contains(j, &head, NULL), SW_OK);
        head = append(f, j, n);
        sw_journal_close(&j);
    }
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    sw_journal *j = open_sqlite(f);
    assert_int_equal(read_all(j, 1).count, 40);
    sw_journal_close(&j);
    sw_hash other = make_hash(&f->c);
    assert_int_equal(sw_journal_open_sqlite(f->path, &other, &j, NULL), SW_REFUSED);
    assert_null(j);
    end(f);
}

/* ---- rollback and fork (JRN-006, JRN-014) ---- */

static void test_rollback_and_fork(void **state) {
    (void)state;
    fixture *f = start(4);
    char old[512];
    sw_error err;
    path_in(old, f->folder, "old.db");
    sw_journal *j = open_sqlite(f);
    (void)append(f, j, 1);
    sw_head second = append(f, j, 2);
    sw_journal_close(&j);
    copy_file(f->path, old);
    j = open_sqlite(f);
    sw_head third = append(f, j, 3);
    sw_journal_close(&j);
    copy_file(old, f->path); /* put back */
    j = open_sqlite(f);
    assert_int_equal(sw_journal_contains(j, &second, NULL), SW_OK);
    assert_int_equal(sw_journal_contains(j, &third, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "rollback");
    (void)append(f, j, 33); /* another third entry */
    assert_int_equal(sw_journal_contains(j, &third, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "rollback");
    sw_head genesis = {.index = 0, .hash = f->id};
    assert_int_equal(sw_journal_contains(j, &genesis, NULL), SW_OK);
    genesis.hash.b[3] ^= 1;
    assert_int_equal(sw_journal_contains(j, &genesis, NULL), SW_UNAUTHENTIC);
    sw_journal_close(&j);
    end(f);
}

/* The store is put back under a process that has seen more. */
static void test_rollback_while_open(void **state) {
    (void)state;
    fixture *f = start(5);
    char old[512];
    path_in(old, f->folder, "old.db");
    sw_journal *j = open_sqlite(f);
    (void)append(f, j, 1);
    copy_file(f->path, old);
    sw_head second = append(f, j, 2);
    copy_file(old, f->path);
    seen s = {.next = 1};
    sw_error err;
    SW_SCOPED(sw_buffer) entry = SW_BUFFER(4096);
    make_entry(f, 2, &entry);
    assert_int_equal(sw_journal_read(j, 1, check_entry, &s, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "rollback");
    assert_int_equal(sw_journal_contains(j, &second, NULL), SW_UNAUTHENTIC);
    assert_int_equal(sw_journal_append(j, NULL, sw_buffer_bytes(&entry), NULL, NULL),
                     SW_UNAUTHENTIC);
    sw_journal_close(&j);
    end(f);
}

/* ---- several writers (JRN-016) ---- */

static void test_two_connections(void **state) {
    (void)state;
    fixture *f = start(6);
    sw_journal *a = open_sqlite(f), *b = open_sqlite(f);
    (void)append(f, a, 1);
    sw_head second = append(f, b, 2);
    assert_int_equal(second.index, 2);
    assert_int_equal(sw_journal_contains(a, &second, NULL), SW_OK);
    assert_int_equal(sw_journal_head(a).index, 2);
    sw_head stale = second;
    (void)append(f, a, 3);
    SW_SCOPED(sw_buffer) entry = SW_BUFFER(4096);
    make_entry(f, 4, &entry);
    assert_int_equal(sw_journal_append(b, &stale, sw_buffer_bytes(&entry), NULL, NULL), SW_REFUSED);
    assert_int_equal(read_all(b, 1).count, 3);
    sw_journal_close(&a);
    sw_journal_close(&b);
    end(f);
}

static void test_processes_append_together(void **state) {
    (void)state;
    enum { PROCESSES = 4, EACH = 10 };
    fixture *f = start(7);
    pid_t children[PROCESSES];
    for (int p = 0; p < PROCESSES; p++) {
        children[p] = fork();
        assert_true(children[p] >= 0);
        if (children[p] > 0) continue;
        sw_journal *j = NULL;
        SW_SCOPED(sw_buffer) entry = SW_BUFFER(4096);
        sw_status status = sw_journal_open_sqlite(f->path, &f->id, &j, NULL);
        for (int n = 0; status == SW_OK && n < EACH; n++) {
            sw_buffer_reset(&entry);
            status = sw_envelope_sign(SW_PAYLOAD_APPROVE, SW_LITERAL("{}"), f->owner.secret, &entry,
                                      NULL);
            if (status == SW_OK)
                status = sw_journal_append(j, NULL, sw_buffer_bytes(&entry), NULL, NULL);
        }
        _exit(status == SW_OK ? 0 : 1);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int result;
        assert_int_equal(waitpid(children[p], &result, 0), children[p]);
        assert_int_equal(result, 0);
    }
    sw_journal *j = open_sqlite(f);
    assert_int_equal(sw_journal_head(j).index, PROCESSES * EACH);
    sw_journal_close(&j);
    end(f);
}

/* A writer killed at any record loses at most the entry that it had not finished. */
static void test_killed_writer(void **state) {
    (void)state;
    fixture *f = start(8);
    uint64_t durable = 0;
    for (int round = 1; round <= 8; round++) {
        int told[2];
        assert_int_equal(pipe(told), 0);
        pid_t child = fork();
        if (child == 0) {
            sw_journal *j = NULL;
            if (sw_journal_open_sqlite(f->path, &f->id, &j, NULL) != SW_OK) _exit(1);
            for (uint64_t n = sw_journal_head(j).index + 1;; n++) {
                SW_SCOPED(sw_buffer) entry = SW_BUFFER(4096);
                make_entry(f, n, &entry);
                if (sw_journal_append(j, NULL, sw_buffer_bytes(&entry), NULL, NULL) != SW_OK)
                    _exit(1);
                if (write(told[1], &n, sizeof n) != sizeof n) _exit(1);
            }
        }
        (void)close(told[1]);
        for (int n = 0; n < round; n++)
            assert_int_equal(read(told[0], &durable, sizeof durable), sizeof durable);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        uint64_t later;
        while (read(told[0], &later, sizeof later) == sizeof later) durable = later;
        (void)close(told[0]);
        sw_journal *j = open_sqlite(f);
        assert_true(sw_journal_head(j).index >= durable);
        assert_int_equal(read_all(j, 1).count, sw_journal_head(j).index);
        sw_journal_close(&j);
    }
    end(f);
}

/* ---- export and import ---- */

static void export_three(fixture *f, sw_buffer *out) {
    sw_journal *j = open_sqlite(f);
    for (uint64_t n = 1; n <= 3; n++) (void)append(f, j, n);
    assert_int_equal(sw_journal_export(j, out, NULL), SW_OK);
    sw_journal_close(&j);
}

static void test_export_and_import(void **state) {
    (void)state;
    fixture *f = start(9);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_JOURNAL_EXPORT_LIMIT);
    SW_SCOPED(sw_buffer) again = SW_BUFFER(SW_JOURNAL_EXPORT_LIMIT);
    export_three(f, &text);
    sw_journal *j = NULL, *sqlite = open_sqlite(f);
    sw_head expected = sw_journal_head(sqlite);
    sw_journal_close(&sqlite);
    assert_int_equal(sw_journal_import(sw_buffer_bytes(&text), &f->id, &j, NULL), SW_OK);
    sw_head head = sw_journal_head(j);
    assert_true(sw_head_equal(&head, &expected));
    assert_int_equal(sw_journal_export(j, &again, NULL), SW_OK);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&text), sw_buffer_bytes(&again)));
    sw_journal_close(&j);
    sw_hash other = make_hash(&f->c);
    assert_int_equal(sw_journal_import(sw_buffer_bytes(&text), &other, &j, NULL), SW_REFUSED);
    assert_null(j);
    end(f);
}

static bool passes(sw_journal *j, const sw_head *expected, const sw_p256_public *owner) {
    sw_head head = sw_journal_head(j);
    return sw_head_equal(&head, expected) &&
           sw_journal_read(j, 1, verify_entry, (void *)owner, NULL) == SW_OK;
}

static void test_every_flip_of_an_export(void **state) {
    (void)state;
    fixture *f = start(10);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_JOURNAL_EXPORT_LIMIT);
    sw_journal *j = NULL;
    export_three(f, &text);
    assert_int_equal(sw_journal_import(sw_buffer_bytes(&text), &f->id, &j, NULL), SW_OK);
    sw_head head = sw_journal_head(j);
    assert_true(passes(j, &head, &f->owner.public));
    sw_journal_close(&j);
    for (size_t bit = 0; bit < text.size * 8; bit++) {
        text.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (sw_journal_import(sw_buffer_bytes(&text), &f->id, &j, NULL) == SW_OK) {
            assert_false(passes(j, &head, &f->owner.public));
            sw_journal_close(&j);
        }
        text.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < text.size; size++)
        assert_int_equal(sw_journal_import(SW_BYTES(text.data, size), &f->id, &j, NULL),
                         SW_MALFORMED);
    sw_put_u8(&text, '\n');
    assert_int_equal(sw_journal_import(sw_buffer_bytes(&text), &f->id, &j, NULL), SW_MALFORMED);
    end(f);
}

static void test_malformed_exports(void **state) {
    (void)state;
    static const char *const exports[] = {"",
                                          "{}",
                                          "[]",
                                          "{\"entries\":[]}",
                                          "{\"entries\":{},\"id\":\"\"}",
                                          "{\"entries\":[1],\"id\":\"%s\"}",
                                          "{\"entries\":[{}],\"id\":\"%s\"}",
                                          "{\"entries\":[],\"id\":\"%s\",\"x\":0}",
                                          "{\"id\":\"%s\",\"entries\":[]}",
                                          "{\"entries\": [],\"id\":\"%s\"}"};
    fixture *f = start(11);
    char hex[65], text[256];
    sw_journal *j = NULL;
    sw_hex_text(hex, SW_BYTES_OF(f->id.b));
    for (size_t i = 0; i < COUNT(exports); i++) {
        (void)snprintf(text, sizeof text, exports[i], hex);
        assert_int_not_equal(sw_journal_import(sw_text(text), &f->id, &j, NULL), SW_OK);
        assert_null(j);
    }
    (void)snprintf(text, sizeof text, "{\"entries\":[],\"id\":\"%s\"}", hex);
    assert_int_equal(sw_journal_import(sw_text(text), &f->id, &j, NULL), SW_OK);
    sw_journal_close(&j);
    end(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_conflict),
        cmocka_unit_test(test_reopen),
        cmocka_unit_test(test_rollback_and_fork),
        cmocka_unit_test(test_rollback_while_open),
        cmocka_unit_test(test_two_connections),
        cmocka_unit_test(test_processes_append_together),
        cmocka_unit_test(test_killed_writer),
        cmocka_unit_test(test_export_and_import),
        cmocka_unit_test(test_every_flip_of_an_export),
        cmocka_unit_test(test_malformed_exports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
