/* SPDX-License-Identifier: Apache-2.0
 *
 * The files that SQLite may touch for one journal: the database and its own rollback journal, and
 * no other (JRN-018).
 *
 * The idea: what lies beside a database steers SQLite. The end of a rollback journal may name a
 * super-journal, which is then deleted, wherever it is; a `-wal` makes it map a `-shm` that others
 * write. Every other name is therefore not there, cannot be opened and is not deleted, and the
 * methods of a file are those of SQLite's first version, which has neither shared memory nor
 * mapping. All else is the system's own VFS.
 */
#include "envelope/journal_internal.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOURNAL_END "-journal"

struct sw_journal_vfs {
    sqlite3_vfs vfs; /* first: SQLite hands it back */
    sqlite3_vfs *base;
    char name[40];
    char database[4096]; /* as SQLite opened it; empty before */
    sqlite3_io_methods of_database, of_journal;
};

static sw_journal_vfs *own(sqlite3_vfs *vfs) {
    return (sw_journal_vfs *)vfs;
}

static bool is_database(const sw_journal_vfs *v, const char *name) {
    return name != NULL && v->database[0] != 0 && strcmp(name, v->database) == 0;
}

static bool is_journal(const sw_journal_vfs *v, const char *name) {
    size_t size = strlen(v->database);
    return name != NULL && size > 0 && strncmp(name, v->database, size) == 0 &&
           strcmp(name + size, JOURNAL_END) == 0;
}

/* The first file is the database: nothing is opened before it. */
static bool may_open(sw_journal_vfs *v, const char *name, int flags) {
    if ((flags & SQLITE_OPEN_MAIN_JOURNAL) != 0) return is_journal(v, name);
    if ((flags & SQLITE_OPEN_MAIN_DB) == 0 || name == NULL) return false;
    if (v->database[0] != 0) return is_database(v, name);
    if (strlen(name) >= sizeof v->database) return false;
    (void)snprintf(v->database, sizeof v->database, "%s", name);
    return true;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
    sw_journal_vfs *v = own(vfs);
    file->pMethods = NULL;
    if (!may_open(v, name, flags)) return SQLITE_CANTOPEN;
    int code = v->base->xOpen(v->base, name, file, flags, out);
    if (code != SQLITE_OK || file->pMethods == NULL) return code;
    sqlite3_io_methods *methods =
        (flags & SQLITE_OPEN_MAIN_DB) != 0 ? &v->of_database : &v->of_journal;
    *methods = *file->pMethods;
    methods->iVersion = 1;
    file->pMethods = methods;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    sw_journal_vfs *v = own(vfs);
    return is_journal(v, name) ? v->base->xDelete(v->base, name, sync) : SQLITE_IOERR_DELETE;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
    sw_journal_vfs *v = own(vfs);
    *out = 0;
    if (!is_database(v, name) && !is_journal(v, name)) return SQLITE_OK;
    return v->base->xAccess(v->base, name, flags, out);
}

static int vfs_full_name(sqlite3_vfs *vfs, const char *name, int size, char *out) {
    return own(vfs)->base->xFullPathname(own(vfs)->base, name, size, out);
}
static int vfs_random(sqlite3_vfs *vfs, int size, char *out) {
    return own(vfs)->base->xRandomness(own(vfs)->base, size, out);
}
static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
    return own(vfs)->base->xSleep(own(vfs)->base, microseconds);
}
static int vfs_time(sqlite3_vfs *vfs, double *out) {
    return own(vfs)->base->xCurrentTime(own(vfs)->base, out);
}
static int vfs_last_error(sqlite3_vfs *vfs, int size, char *out) {
    return own(vfs)->base->xGetLastError(own(vfs)->base, size, out);
}

sw_status sw_journal_vfs_open(sw_journal_vfs **out, sw_error *err) {
    sqlite3_vfs *base = sqlite3_vfs_find(NULL);
    sw_journal_vfs *v = calloc(1, sizeof *v);
    if (base == NULL || v == NULL) {
        free(v);
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a journal");
    }
    v->base = base;
    (void)snprintf(v->name, sizeof v->name, "sealwright-%p", (void *)v);
    v->vfs = (sqlite3_vfs){.iVersion = 1,
                           .szOsFile = base->szOsFile,
                           .mxPathname = base->mxPathname,
                           .zName = v->name,
                           .xOpen = vfs_open,
                           .xDelete = vfs_delete,
                           .xAccess = vfs_access,
                           .xFullPathname = vfs_full_name,
                           .xRandomness = vfs_random,
                           .xSleep = vfs_sleep,
                           .xCurrentTime = vfs_time,
                           .xGetLastError = vfs_last_error};
    if (sqlite3_vfs_register(&v->vfs, 0) != SQLITE_OK) {
        free(v);
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a journal");
    }
    *out = v;
    return SW_OK;
}

const char *sw_journal_vfs_name(const sw_journal_vfs *v) {
    return v->name;
}

void sw_journal_vfs_close(sw_journal_vfs **held) {
    sw_journal_vfs *v = *held;
    *held = NULL;
    if (v == NULL) return;
    (void)sqlite3_vfs_unregister(&v->vfs);
    free(v);
}
