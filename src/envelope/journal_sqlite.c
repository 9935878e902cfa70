/* SPDX-License-Identifier: Apache-2.0
 *
 * A store in one SQLite file. Format: docs/formats/journal.md (JRN-010 ... JRN-017).
 *
 * The idea: SQLite gives atomic, durable transactions between processes; it gives no truth. The
 * file may be hostile, so the schema is compared as text, nothing but our own statements runs, and
 * every row is bounded before it is copied. A head row beside the entries makes a row that a
 * damaged page lost a contradiction instead of a shorter journal.
 */
#include "envelope/journal_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_TIMEOUT_MS = 10000, APPLICATION_ID = 0x53574a31, USER_VERSION = 1 };

#define HEAD_TABLE                                                                                 \
    "CREATE TABLE head(one INTEGER PRIMARY KEY CHECK(one=1), id BLOB NOT NULL, "                   \
    "position INTEGER NOT NULL, hash BLOB NOT NULL) STRICT"
#define ENTRIES_TABLE                                                                              \
    "CREATE TABLE entries(position INTEGER PRIMARY KEY, envelope BLOB NOT NULL) STRICT"

enum { SQL_BEGIN, SQL_BEGIN_WRITE, SQL_COMMIT, SQL_HEAD, SQL_ROWS, SQL_ADD, SQL_MOVE, SQL_COUNT };
static const char *const SQL[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN",
    [SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_HEAD] = "SELECT id, position, hash FROM head",
    [SQL_ROWS] = "SELECT position, envelope FROM entries WHERE position >= ? ORDER BY position",
    [SQL_ADD] = "INSERT INTO entries(position, envelope) VALUES(?, ?)",
    [SQL_MOVE] = "UPDATE head SET position = ?, hash = ?",
};

typedef struct sqlite_store {
    sw_journal_vfs *files;
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_COUNT];
    sw_hash id;
} sqlite_store;

/* What SQLite says, as a status. Its text may quote the file's content, so it is not passed on. */
static sw_status failed(sqlite3 *db, sw_error *err) {
    int code = db == NULL ? SQLITE_NOMEM : sqlite3_extended_errcode(db);
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return sw_fail(err, SW_UNAVAILABLE, "busy", "another process is writing to the journal");
    case SQLITE_NOMEM:
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a journal");
    case SQLITE_FULL:
        return sw_fail(err, SW_IO, "io", "the journal's disk is full");
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return sw_fail(err, SW_IO, "io", "the journal cannot be read or written (SQLite code %d)",
                       code);
    default:
        return sw_fail(err, SW_MALFORMED, "format",
                       "the journal is no intact SQLite file (SQLite code %d)", code);
    }
}

static sw_status not_ours(sw_error *err, const char *what) {
    return sw_fail(err, SW_MALFORMED, "format", "the file is not a Sealwright journal: %s", what);
}

static sw_status run(sqlite_store *s, const char *sql, sw_error *err) {
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? SW_OK : failed(s->db, err);
}

/* Runs a prepared statement that yields no row. */
static sw_status step(sqlite_store *s, int which, sw_error *err) {
    sqlite3_stmt *statement = s->statements[which];
    int code = sqlite3_step(statement);
    sw_status status = code == SQLITE_DONE ? SW_OK : failed(s->db, err);
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return status;
}

static bool column_hash(sqlite3_stmt *row, int column, sw_hash *out) {
    if (sqlite3_column_type(row, column) != SQLITE_BLOB) return false;
    const void *data = sqlite3_column_blob(row, column);
    if (data == NULL || sqlite3_column_bytes(row, column) != SW_HASH_BYTES) return false;
    memcpy(out->b, data, SW_HASH_BYTES);
    return true;
}

static bool column_position(sqlite3_stmt *row, int column, uint64_t *out) {
    if (sqlite3_column_type(row, column) != SQLITE_INTEGER) return false;
    sqlite3_int64 value = sqlite3_column_int64(row, column);
    if (value < 0 || (uint64_t)value > SW_JOURNAL_ENTRY_LIMIT) return false;
    *out = (uint64_t)value;
    return true;
}

/* ---- the store's functions ---- */

static sw_status store_begin(void *self, bool writing, sw_error *err) {
    return step(self, writing ? SQL_BEGIN_WRITE : SQL_BEGIN, err);
}

static sw_status store_commit(void *self, sw_error *err) {
    return step(self, SQL_COMMIT, err);
}

static void store_rollback(void *self) {
    sqlite_store *s = self;
    if (sqlite3_get_autocommit(s->db) == 0) (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

static sw_status head_row(sqlite_store *s, sw_head *out, sw_error *err) {
    sqlite3_stmt *row = s->statements[SQL_HEAD];
    sw_hash id;
    int code = sqlite3_step(row);
    if (code == SQLITE_DONE) return not_ours(err, "it has no head");
    if (code != SQLITE_ROW) return failed(s->db, err);
    sw_head made;
    if (!column_hash(row, 0, &id) || !column_position(row, 1, &made.index) ||
        !column_hash(row, 2, &made.hash))
        return not_ours(err, "its head is ill-typed");
    if (!sw_hash_equal(&id, &s->id))
        return sw_fail(err, SW_REFUSED, "journal", "the file is the journal of something else");
    code = sqlite3_step(row);
    if (code == SQLITE_ROW) return not_ours(err, "it has two heads");
    if (code != SQLITE_DONE) return failed(s->db, err);
    *out = made;
    return SW_OK;
}

static sw_status store_head(void *self, sw_head *out, sw_error *err) {
    sqlite_store *s = self;
    sw_status status = head_row(s, out, err);
    (void)sqlite3_reset(s->statements[SQL_HEAD]);
    return status;
}

static sw_status entry_row(sqlite_store *s, sw_journal_row row, void *context, sw_error *err) {
    sqlite3_stmt *found = s->statements[SQL_ROWS];
    uint64_t position;
    if (!column_position(found, 0, &position) || sqlite3_column_type(found, 1) != SQLITE_BLOB)
        return not_ours(err, "an entry is ill-typed");
    const void *data = sqlite3_column_blob(found, 1);
    int size = sqlite3_column_bytes(found, 1);
    if (data == NULL && size > 0) return failed(s->db, err);
    return row(context, position, SW_BYTES(data, (size_t)size), err);
}

static sw_status store_rows(void *self, uint64_t from, sw_journal_row row, void *context,
                            sw_error *err) {
    sqlite_store *s = self;
    sqlite3_stmt *found = s->statements[SQL_ROWS];
    sw_status status = SW_OK;
    int code = sqlite3_bind_int64(found, 1, (sqlite3_int64)from);
    if (code == SQLITE_OK)
        while (status == SW_OK && (code = sqlite3_step(found)) == SQLITE_ROW)
            status = entry_row(s, row, context, err);
    if (status == SW_OK && code != SQLITE_DONE) status = failed(s->db, err);
    (void)sqlite3_reset(found);
    return status;
}

static sw_status store_add(void *self, sw_bytes envelope, const sw_head *head, sw_error *err) {
    sqlite_store *s = self;
    sqlite3_stmt *add = s->statements[SQL_ADD], *move = s->statements[SQL_MOVE];
    bool bound =
        sqlite3_bind_int64(add, 1, (sqlite3_int64)head->index) == SQLITE_OK &&
        sqlite3_bind_blob(add, 2, envelope.data, (int)envelope.size, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_int64(move, 1, (sqlite3_int64)head->index) == SQLITE_OK &&
        sqlite3_bind_blob(move, 2, head->hash.b, SW_HASH_BYTES, SQLITE_STATIC) == SQLITE_OK;
    if (!bound) return failed(s->db, err);
    SW_TRY(step(s, SQL_ADD, err));
    return step(s, SQL_MOVE, err);
}

static void store_close(void *self) {
    sqlite_store *s = self;
    for (int i = 0; i < SQL_COUNT; i++) (void)sqlite3_finalize(s->statements[i]);
    (void)sqlite3_close(s->db);
    sw_journal_vfs_close(&s->files);
    free(s);
}

static const sw_journal_store STORE = {store_begin,  store_head,     store_rows, store_add,
                                       store_commit, store_rollback, store_close};

/* ---- opening ---- */

/* The file exists with our mode before SQLite sees it; a link in its place is refused. A file that
 * is there is not opened here: closing it would drop the locks that this process holds on it. */
static sw_status make_file(const char *path, sw_error *err) {
    struct stat there;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) return close(fd), SW_OK;
    if (errno != EEXIST || lstat(path, &there) != 0)
        return sw_fail(err, SW_IO, "io", "cannot make %s: %s", path, strerror(errno));
    if (!S_ISREG(there.st_mode)) return sw_fail(err, SW_IO, "io", "%s is not a regular file", path);
    return SW_OK;
}

/* The pragma answers with the mode that is, and fails in silence. */
static sw_status keep_rollback_journal(sqlite_store *s, sw_error *err) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(s->db, "PRAGMA journal_mode=PERSIST", -1, &statement, NULL) != SQLITE_OK)
        return failed(s->db, err);
    bool row = sqlite3_step(statement) == SQLITE_ROW;
    const char *mode = row ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    sw_status status = SW_OK;
    if (mode == NULL)
        status = failed(s->db, err);
    else if (strcmp(mode, "persist") != 0)
        status = not_ours(err, "it keeps no rollback journal");
    (void)sqlite3_finalize(statement);
    return status;
}

/* A hostile file runs nothing: no triggers, no views, no functions in its schema, no mapping. */
static sw_status configure(sqlite_store *s, sw_error *err) {
    static const int off[] = {SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW,
                              SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_DQS_DML,
                              SQLITE_DBCONFIG_DQS_DDL};
    bool good = sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) == SQLITE_OK;
    for (size_t i = 0; good && i < sizeof off / sizeof *off; i++)
        good = sqlite3_db_config(s->db, off[i], 0, NULL) == SQLITE_OK;
    if (!good) return failed(s->db, err);
    (void)sqlite3_extended_result_codes(s->db, 1);
    (void)sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, (int)SW_ENVELOPE_LIMIT + 4096);
    (void)sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0);
    if (sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS) != SQLITE_OK) return failed(s->db, err);
    SW_TRY(run(s,
               "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY; "
               "PRAGMA synchronous=FULL;",
               err));
    return keep_rollback_journal(s, err);
}

static sw_status read_number(sqlite_store *s, const char *sql, int64_t *out, sw_error *err) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) != SQLITE_OK)
        return failed(s->db, err);
    sw_status status = SW_OK;
    if (sqlite3_step(statement) == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    else
        status = failed(s->db, err);
    (void)sqlite3_finalize(statement);
    return status;
}

/* In a transaction: a new file gets schema, marks and an empty head (JRN-011, JRN-012). */
static sw_status make_schema(sqlite_store *s, sw_error *err) {
    static const char sql[] = "INSERT INTO head(one, id, position, hash) VALUES(1, ?1, 0, ?1)";
    SW_TRY(run(s,
               HEAD_TABLE ";" ENTRIES_TABLE
                          "; PRAGMA application_id=1398229553; PRAGMA user_version=1;",
               err));
    static_assert(APPLICATION_ID == 1398229553 && USER_VERSION == 1, "the marks of JRN-010");
    sqlite3_stmt *insert;
    if (sqlite3_prepare_v2(s->db, sql, -1, &insert, NULL) != SQLITE_OK) return failed(s->db, err);
    bool good = sqlite3_bind_blob(insert, 1, s->id.b, SW_HASH_BYTES, SQLITE_STATIC) == SQLITE_OK &&
                sqlite3_step(insert) == SQLITE_DONE;
    sw_status status = good ? SW_OK : failed(s->db, err);
    (void)sqlite3_finalize(insert);
    return status;
}

/* Exactly the two tables, as text; nothing else may lie in the schema. */
static sw_status check_schema(sqlite_store *s, sw_error *err) {
    static const char sql[] =
        "SELECT (SELECT count(*) FROM sqlite_schema) = 2 AND (SELECT count(*) FROM sqlite_schema "
        "WHERE type='table' AND ((name='head' AND tbl_name='head' AND sql='" HEAD_TABLE
        "') OR (name='entries' AND tbl_name='entries' AND sql='" ENTRIES_TABLE "'))) = 2";
    int64_t application = 0, version = 0, same = 0;
    SW_TRY(read_number(s, "PRAGMA application_id", &application, err));
    SW_TRY(read_number(s, "PRAGMA user_version", &version, err));
    SW_TRY(read_number(s, sql, &same, err));
    if (application != APPLICATION_ID) return not_ours(err, "its application id is another");
    if (version != USER_VERSION) return not_ours(err, "its version is not 1");
    if (same != 1) return not_ours(err, "its tables are others");
    return SW_OK;
}

/* SQLite takes a file that is shorter than a page for an empty one; only one of zero bytes is
 * (JRN-015). In a writing transaction, where a new file's first page is still in memory. */
static sw_status check_or_make_schema(sqlite_store *s, const char *path, sw_error *err) {
    struct stat there;
    if (lstat(path, &there) != 0)
        return sw_fail(err, SW_IO, "io", "cannot read %s: %s", path, strerror(errno));
    return there.st_size == 0 ? make_schema(s, err) : check_schema(s, err);
}

static sw_status prepare(sqlite_store *s, const char *path, sw_error *err) {
    SW_TRY(run(s, "BEGIN IMMEDIATE", err)); /* two processes may make the same file at once */
    SW_TRY(check_or_make_schema(s, path, err));
    SW_TRY(run(s, "COMMIT", err));
    for (int i = 0; i < SQL_COUNT; i++)
        if (sqlite3_prepare_v3(s->db, SQL[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i],
                               NULL) != SQLITE_OK)
            return failed(s->db, err);
    return SW_OK;
}

static sw_status open_store(const char *path, sqlite_store *s, sw_error *err) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX;
    SW_TRY(make_file(path, err));
    SW_TRY(sw_journal_vfs_open(&s->files, err));
    if (sqlite3_open_v2(path, &s->db, flags, sw_journal_vfs_name(s->files)) != SQLITE_OK)
        return failed(s->db, err);
    SW_TRY(configure(s, err));
    return prepare(s, path, err);
}

sw_status sw_journal_open_sqlite(const char *path, const sw_hash *id, sw_journal **out,
                                 sw_error *err) {
    sqlite_store *s = calloc(1, sizeof *s);
    if (s == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a journal");
    s->id = *id;
    sw_status status = open_store(path, s, err);
    if (status == SW_OK) return sw_journal_make(id, &STORE, s, out, err);
    store_close(s);
    return status;
}
