/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal in memory and in SQLite: chain, conflict, rollback, fork, export and import, several
 * writers, and every kind of damage to the file (JRN-001 ...).
 */
#include "envelope/journal_internal.h"
#include "seal/support.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

typedef struct fixture {
    chance c;
    key_pair owner;
    sw_hash id;
    char folder[64], path[512];
} fixture;

static fixture *start(uint64_t seed) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    chance_start(&f->c, seed);
    f->owner = make_key_pair(&f->c);
    f->id = make_hash(&f->c);
    make_folder(f->folder);
    path_in(f->path, f->folder, "journal.db");
    return f;
}

static void end(fixture *f) {
    remove_folder(f->folder);
    free(f);
}

/* The n-th entry of a test: its payload is its number. */
static void make_entry(fixture *f, uint64_t number, sw_buffer *out) {
    char payload[64];
    (void)snprintf(payload, sizeof payload, "{\"number\":%llu}", (unsigned long long)number);
    sw_buffer_reset(out);
    assert_int_equal(
        sw_envelope_sign(SW_PAYLOAD_APPROVE, sw_text(payload), f->owner.secret, out, NULL), SW_OK);
}

static sw_head append(fixture *f, sw_journal *j, uint64_t number) {
    SW_SCOPED(sw_buffer) entry = SW_BUFFER(4096);
    sw_head head;
    make_entry(f, number, &entry);
    assert_int_equal(sw_journal_append(j, NULL, sw_buffer_bytes(&entry), &head, NULL), SW_OK);
    return head;
}

static sw_journal *open_sqlite(fixture *f) {
    sw_journal *j = NULL;
    assert_int_equal(sw_journal_open_sqlite(f->path, &f->id, &j, NULL), SW_OK);
    return j;
}

typedef struct seen {
    uint64_t next, count, stop_at;
    sw_head last;
} seen;

static sw_status check_entry(void *context, const sw_head *at, const sw_envelope *e, sw_bytes bytes,
                             sw_error *err) {
    seen *s = context;
    char payload[64];
    (void)snprintf(payload, sizeof payload, "{\"number\":%llu}", (unsigned long long)at->index);
    assert_true(sw_bytes_is(e->payload, payload));
    assert_true(bytes.size > e->payload.size);
    assert_int_equal(at->index, s->next++);
    s->last = *at;
    s->count++;
    if (at->index == s->stop_at) return sw_fail(err, SW_REFUSED, "stop", "enough");
    return SW_OK;
}

static seen read_all(sw_journal *j, uint64_t from) {
    seen s = {.next = from};
    assert_int_equal(sw_journal_read(j, from, check_entry, &s, NULL), SW_OK);
    return s;
}

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

static void copy_file(const char *from, const char *to) {
    sw_buffer content = read_file(from);
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(sw_fd_write(fd, sw_buffer_bytes(&content), NULL), SW_OK);
    (void)close(fd);
    sw_buffer_free(&content);
}

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

/* A flip is refused, moves the head, or breaks a signature, which the reader verifies. */
static sw_status verify_entry(void *context, const sw_head *at, const sw_envelope *e, sw_bytes b,
                              sw_error *err) {
    (void)at, (void)b;
    return sw_envelope_verify(e, SW_PAYLOAD_APPROVE, context, err);
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

/* ---- the file under attack (JRN-013) ---- */

/* Opens the damaged file; true when it gives the whole true answer, false when it refuses. */
static bool answers(fixture *f, const sw_head *expected) {
    sw_journal *j = NULL;
    sw_status status = sw_journal_open_sqlite(f->path, &f->id, &j, NULL);
    if (status != SW_OK) return false;
    sw_head head = sw_journal_head(j);
    status = sw_journal_read(j, 1, verify_entry, &f->owner.public, NULL);
    if (status == SW_OK) assert_true(sw_head_equal(&head, expected));
    sw_journal_close(&j);
    return status == SW_OK;
}

/* What SQLite may have left beside a damaged file. */
static void clear_beside(const fixture *f) {
    static const char *const tails[] = {"-journal", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT(tails); i++) {
        char path[1024];
        (void)snprintf(path, sizeof path, "%s%s", f->path, tails[i]);
        (void)unlink(path);
    }
}

static void write_file(const char *path, sw_bytes content) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(sw_fd_write(fd, content, NULL), SW_OK);
    (void)close(fd);
}

static void test_flips_of_the_file(void **state) {
    (void)state;
    enum { FLIPS = 2500 };
    uint64_t seed = 5523, random = seed;
    fixture *f = start(12);
    size_t refused = 0, same = 0;
    sw_journal *j = open_sqlite(f);
    sw_head head = {0};
    for (uint64_t n = 1; n <= 12; n++) head = append(f, j, n);
    sw_journal_close(&j);
    sw_buffer file = read_file(f->path);
    assert_true(answers(f, &head));
    for (size_t i = 0; i < FLIPS; i++) {
        /* All bits of the first kilobyte's first bytes, where SQLite's header is, then anywhere. */
        size_t bit = i < 800 ? i : next_random(&random) % (file.size * 8);
        file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        write_file(f->path, sw_buffer_bytes(&file));
        file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (answers(f, &head))
            same++;
        else
            refused++;
        clear_beside(f);
    }
    print_message("# seed %llu: %zu flips refused, %zu without effect\n", (unsigned long long)seed,
                  refused, same);
    assert_true(refused > FLIPS / 4);
    sw_buffer_free(&file);
    end(f);
}

static void test_cuts_of_the_file(void **state) {
    (void)state;
    fixture *f = start(13);
    sw_journal *j = open_sqlite(f);
    sw_head head = {0};
    for (uint64_t n = 1; n <= 12; n++) head = append(f, j, n);
    sw_journal_close(&j);
    sw_buffer file = read_file(f->path);
    for (size_t size = 1; size < file.size; size += size < 600 ? 7 : 509) {
        write_file(f->path, SW_BYTES(file.data, size));
        assert_false(answers(f, &head));
        clear_beside(f);
    }
    sw_buffer_free(&file);
    end(f);
}

/* Whoever can write the file can run SQL on it. */
static void test_hostile_sql(void **state) {
    (void)state;
    static const char *const attacks[] = {
        "DELETE FROM entries WHERE position=3",
        "DELETE FROM entries WHERE position=2",
        "UPDATE entries SET position=9 WHERE position=3",
        "INSERT INTO entries SELECT 4, envelope FROM entries WHERE position=3",
        "UPDATE entries SET envelope=(SELECT envelope FROM entries WHERE position=1) WHERE "
        "position=2",
        "UPDATE head SET position=2",
        "UPDATE head SET position=4",
        "UPDATE head SET position=-1",
        "UPDATE head SET hash=zeroblob(32)",
        "UPDATE head SET hash=zeroblob(31)",
        "UPDATE head SET id=zeroblob(32)",
        "DELETE FROM head",
        "UPDATE entries SET envelope=zeroblob(10)",
        "UPDATE entries SET envelope=zeroblob(0) WHERE position=3",
        "DROP TABLE entries",
        "CREATE TABLE more(x)",
        "CREATE INDEX more ON entries(envelope)",
        "CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM entries; END",
        "CREATE VIEW v AS SELECT * FROM entries",
        "ALTER TABLE entries ADD COLUMN x INTEGER",
        "PRAGMA user_version=2",
        "PRAGMA application_id=7",
        "DROP TABLE entries; CREATE VIEW entries AS SELECT 1 AS position, zeroblob(9) AS envelope",
        "BEGIN; DELETE FROM entries WHERE position=3; UPDATE head SET position=2; COMMIT",
    };
    fixture *f = start(14);
    sw_journal *j = open_sqlite(f);
    sw_head head = {0};
    for (uint64_t n = 1; n <= 3; n++) head = append(f, j, n);
    sw_journal_close(&j);
    sw_buffer file = read_file(f->path);
    for (size_t i = 0; i < COUNT(attacks); i++) {
        sqlite3 *db;
        write_file(f->path, sw_buffer_bytes(&file));
        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, attacks[i], NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        assert_false(answers(f, &head));
    }
    write_file(f->path, sw_buffer_bytes(&file));
    assert_true(answers(f, &head));
    sw_buffer_free(&file);
    end(f);
}

static void test_not_a_journal(void **state) {
    (void)state;
    fixture *f = start(15);
    sw_journal *j = NULL;
    char target[512];
    write_file(f->path, SW_LITERAL("not a database, but long enough to be one if it tried hard"));
    assert_int_equal(sw_journal_open_sqlite(f->path, &f->id, &j, NULL), SW_MALFORMED);
    sw_buffer untouched = read_file(f->path);
    assert_int_equal(untouched.size, 58);
    sw_buffer_free(&untouched);
    assert_int_equal(sw_journal_open_sqlite(f->folder, &f->id, &j, NULL), SW_IO);
    path_in(target, f->folder, "nowhere/journal.db");
    assert_int_equal(sw_journal_open_sqlite(target, &f->id, &j, NULL), SW_IO);
    path_in(target, f->folder, "link.db");
    assert_int_equal(symlink(f->path, target), 0);
    assert_int_equal(sw_journal_open_sqlite(target, &f->id, &j, NULL), SW_IO);
    write_file(f->path, SW_LITERAL("")); /* JRN-015 */
    assert_int_equal(sw_journal_open_sqlite(f->path, &f->id, &j, NULL), SW_OK);
    assert_int_equal(sw_journal_head(j).index, 0);
    sw_journal_close(&j);
    assert_null(j);
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
        cmocka_unit_test(test_flips_of_the_file),
        cmocka_unit_test(test_cuts_of_the_file),
        cmocka_unit_test(test_hostile_sql),
        cmocka_unit_test(test_not_a_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
