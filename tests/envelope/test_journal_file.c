/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal's SQLite file under attack: flips, cuts, SQL by whoever can write it, other files in
 * its place (JRN-010 ... JRN-017).
 */
#include "envelope/journal_support.h"

#include <sqlite3.h>

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

/* An entry that this process has read before must be what it was, head or no head. */
static void test_entry_changed_while_open(void **state) {
    (void)state;
    static const char *const attacks[] = {
        "UPDATE entries SET envelope=(SELECT envelope FROM entries WHERE position=2) WHERE "
        "position=1",
        "UPDATE entries SET envelope=(SELECT envelope FROM entries WHERE position=1) WHERE "
        "position=2",
        "DELETE FROM entries WHERE position=2",
    };
    fixture *f = start(16);
    sw_journal *j = open_sqlite(f);
    for (uint64_t n = 1; n <= 3; n++) (void)append(f, j, n);
    sw_buffer file = read_file(f->path);
    for (size_t i = 0; i < COUNT(attacks); i++) {
        sqlite3 *db;
        sw_error err = {0};
        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, attacks[i], NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sw_journal_read(j, 1, verify_entry, &f->owner.public, &err),
                         SW_UNAUTHENTIC);
        assert_string_equal(err.word, "rollback");
        assert_int_equal(
            sqlite3_exec(db, "DELETE FROM entries; DELETE FROM head", NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        assert_int_not_equal(sw_journal_read(j, 1, verify_entry, &f->owner.public, NULL), SW_OK);
        sw_journal_close(&j);
        write_file(f->path, sw_buffer_bytes(&file));
        j = open_sqlite(f);
        assert_int_equal(sw_journal_read(j, 1, verify_entry, &f->owner.public, NULL), SW_OK);
    }
    sw_buffer_free(&file);
    sw_journal_close(&j);
    end(f);
}

/* ---- what lies beside it (JRN-017) ---- */
static void beside(const fixture *f, const char *tail, char path[1024]) {
    (void)snprintf(path, 1024, "%s%s", f->path, tail);
}

/* The rollback journal stays with its header wiped, so SQLite takes nothing from it; nobody can
 * make it count by one flip, and no other companion exists, also while the file is open. */
static void test_flips_beside_the_file(void **state) {
    (void)state;
    enum { FLIPS = 1200 };
    uint64_t seed = 8117, random = seed;
    char path[1024], other[1024];
    fixture *f = start(17);
    sw_journal *j = open_sqlite(f);
    sw_head head = {0};
    for (uint64_t n = 1; n <= 5; n++) head = append(f, j, n);
    beside(f, "-journal", path);
    beside(f, "-wal", other);
    assert_int_not_equal(access(other, F_OK), 0);
    sw_journal_close(&j);
    sw_buffer file = read_file(f->path), cold = read_file(path);
    static const uint8_t wiped[28];
    assert_true(cold.size > sizeof wiped);
    assert_memory_equal(cold.data, wiped, sizeof wiped);
    for (size_t i = 0; i < FLIPS; i++) {
        size_t bit = i < 600 ? i : next_random(&random) % (cold.size * 8);
        cold.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        write_file(path, sw_buffer_bytes(&cold));
        cold.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_true(answers(f, &head));
        sw_buffer now = read_file(f->path);
        assert_true(sw_bytes_equal(sw_buffer_bytes(&now), sw_buffer_bytes(&file)));
        sw_buffer_free(&now);
    }
    sw_buffer_free(&cold);
    sw_buffer_free(&file);
    end(f);
}

/* Writes the header that the last transaction had (sqlite.org/fileformat2.html 3): magic, all the
 * records, their nonce (the first record's checksum less every 200th byte of its page), pages
 * before, sector, page. */
static void revive(sw_buffer *journal, size_t pages) {
    enum { SECTOR = 512, PAGE = 4096, RECORD = SECTOR + 4 };
    static const uint8_t magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    SW_SCOPED(sw_buffer) header = SW_BUFFER(64);
    sw_reader r = sw_reader_of(SW_BYTES(journal->data + RECORD + PAGE, 4));
    uint32_t nonce = sw_read_u32be(&r);
    for (size_t i = PAGE - 200; i > 0 && i < PAGE; i -= 200) nonce -= journal->data[RECORD + i];
    sw_put_bytes(&header, SW_BYTES_OF(magic));
    sw_put_u32be(&header, UINT32_MAX);
    sw_put_u32be(&header, nonce);
    sw_put_u32be(&header, (uint32_t)pages);
    sw_put_u32be(&header, SECTOR);
    sw_put_u32be(&header, PAGE);
    memcpy(journal->data, header.data, header.size);
}

/* Whoever can write there can bring the last transaction's journal back to life. That is putting an
 * older file back, and is refused by whoever has seen the entry (JRN-014). */
static void test_a_journal_brought_back(void **state) {
    (void)state;
    char path[1024];
    sw_error err = {0};
    fixture *f = start(18);
    sw_journal *j = open_sqlite(f);
    for (uint64_t n = 1; n <= 3; n++) (void)append(f, j, n);
    sw_head head = sw_journal_head(j);
    beside(f, "-journal", path);
    sw_buffer journal = read_file(path), file = read_file(f->path);
    revive(&journal, file.size / 4096);
    write_file(path, sw_buffer_bytes(&journal));
    assert_int_equal(sw_journal_contains(j, &head, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "rollback");
    sw_journal_close(&j);
    j = open_sqlite(f);
    assert_int_equal(sw_journal_head(j).index, 2);
    assert_int_equal(sw_journal_contains(j, &head, &err), SW_UNAUTHENTIC);
    sw_journal_close(&j);
    sw_buffer_free(&journal);
    sw_buffer_free(&file);
    end(f);
}

/* A rollback journal of no page that names a super-journal (sqlite.org/fileformat2.html 3 and 4):
 * SQLite deletes whatever that is when it has played the journal back. */
static void name_super_journal(const char *journal, size_t pages, const char *victim) {
    static const uint8_t magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    SW_SCOPED(sw_buffer) b = SW_BUFFER(4096);
    uint32_t sum = 0;
    sw_put_bytes(&b, SW_BYTES_OF(magic));
    sw_put_u32be(&b, 0);
    sw_put_u32be(&b, 0);
    sw_put_u32be(&b, (uint32_t)pages);
    sw_put_u32be(&b, 512);
    sw_put_u32be(&b, 4096);
    while (b.size < 512) sw_put_u8(&b, 0);
    for (const char *c = victim; *c != 0; c++) sum += (uint8_t)*c;
    sw_put_u32be(&b, 0x40000000 / 4096 + 1);
    sw_put_text(&b, victim);
    sw_put_u32be(&b, (uint32_t)strlen(victim));
    sw_put_u32be(&b, sum);
    sw_put_bytes(&b, SW_BYTES_OF(magic));
    write_file(journal, sw_buffer_bytes(&b));
}

/* The owner's own heads, say, without which a ledger that was put back is as good as any. */
static void test_no_other_file_is_deleted(void **state) {
    (void)state;
    char path[1024], victim[1024];
    fixture *f = start(19);
    sw_journal *j = open_sqlite(f);
    for (uint64_t n = 1; n <= 3; n++) (void)append(f, j, n);
    sw_buffer file = read_file(f->path);
    beside(f, "-journal", path);
    beside(f, ".precious", victim);
    write_file(victim, SW_LITERAL("precious"));
    name_super_journal(path, file.size / 4096, victim);
    sw_head head = append(f, j, 4); /* beside a journal that is open */
    assert_int_equal(access(victim, F_OK), 0);
    sw_journal_close(&j);
    name_super_journal(path, file.size / 4096, victim);
    j = open_sqlite(f);
    assert_int_equal(access(victim, F_OK), 0);
    assert_int_equal(sw_journal_contains(j, &head, NULL), SW_OK);
    (void)append(f, j, 5);
    assert_int_equal(access(victim, F_OK), 0);
    sw_journal_close(&j);
    (void)unlink(victim);
    sw_buffer_free(&file);
    end(f);
}

static bool maps(const char *name) {
    char line[1024];
    FILE *file = fopen("/proc/self/maps", "r");
    bool found = false;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) found |= strstr(line, name) != NULL;
    (void)fclose(file);
    return found;
}

/* With a `-wal` beside it SQLite would keep entries there and map a `-shm` that others write. */
static void test_no_log_beside_it(void **state) {
    (void)state;
    static const uint8_t nothing[32];
    char log[1024], index[1024];
    fixture *f = start(20);
    sw_journal *j = open_sqlite(f);
    (void)append(f, j, 1);
    beside(f, "-wal", log);
    beside(f, "-shm", index);
    for (uint64_t n = 2; n <= 4; n++) {
        write_file(log, SW_BYTES_OF(nothing));
        if (n == 4) { /* there before it is opened */
            sw_journal_close(&j);
            j = open_sqlite(f);
        }
        (void)append(f, j, n);
        assert_int_not_equal(access(index, F_OK), 0);
        assert_false(maps("-shm") || maps("-wal"));
    }
    sw_head head = sw_journal_head(j);
    sw_journal_close(&j);
    clear_beside(f); /* all of it is in the file */
    assert_true(answers(f, &head));
    sw_buffer file = read_file(f->path);
    file.data[18] = file.data[19] = 2; /* a file that is to be read with a log */
    write_file(f->path, sw_buffer_bytes(&file));
    assert_false(answers(f, &head));
    assert_int_not_equal(access(index, F_OK), 0);
    sw_buffer_free(&file);
    clear_beside(f);
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
        cmocka_unit_test(test_flips_of_the_file),
        cmocka_unit_test(test_cuts_of_the_file),
        cmocka_unit_test(test_hostile_sql),
        cmocka_unit_test(test_entry_changed_while_open),
        cmocka_unit_test(test_flips_beside_the_file),
        cmocka_unit_test(test_a_journal_brought_back),
        cmocka_unit_test(test_no_other_file_is_deleted),
        cmocka_unit_test(test_no_log_beside_it),
        cmocka_unit_test(test_not_a_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
