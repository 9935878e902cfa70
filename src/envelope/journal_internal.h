/* SPDX-License-Identifier: Apache-2.0
 *
 * A journal is a chain that this process has recomputed (hashes, in memory) over a store of
 * envelopes that it does not trust. The chain is common; a store knows how to keep bytes.
 */
#ifndef SW_ENVELOPE_JOURNAL_INTERNAL_H
#define SW_ENVELOPE_JOURNAL_INTERNAL_H
#include "envelope/journal.h"

/* A store hands on rows in order of position: position, then the envelope's bytes. */
typedef sw_status (*sw_journal_row)(void *context, uint64_t position, sw_bytes envelope,
                                    sw_error *err);

typedef struct sw_journal_store {
    /* Begins a transaction that excludes other writers (`writing`) or sees one state (else). */
    sw_status (*begin)(void *self, bool writing, sw_error *err);
    /* What the store claims to be its head; compared, never believed. */
    sw_status (*head)(void *self, sw_head *out, sw_error *err);
    sw_status (*rows)(void *self, uint64_t from, sw_journal_row row, void *context, sw_error *err);
    sw_status (*add)(void *self, sw_bytes envelope, const sw_head *head, sw_error *err);
    sw_status (*commit)(void *self, sw_error *err);
    void (*rollback)(void *self);
    void (*close)(void *self);
} sw_journal_store;

struct sw_journal {
    sw_hash id;
    sw_hash *hashes; /* hashes[i] belongs to index i + 1 */
    size_t count, capacity;
    const sw_journal_store *store;
    void *self;
};

/* Takes the store over (also on failure) and recomputes what it holds. */
SW_NODISCARD sw_status sw_journal_make(const sw_hash *id, const sw_journal_store *store, void *self,
                                       sw_journal **out, sw_error *err);
/* The files that SQLite may touch for one journal (journal_vfs.c). Opened before the database and
 * closed after it. */
typedef struct sw_journal_vfs sw_journal_vfs;
SW_NODISCARD sw_status sw_journal_vfs_open(sw_journal_vfs **out, sw_error *err);
const char *sw_journal_vfs_name(const sw_journal_vfs *v);
void sw_journal_vfs_close(sw_journal_vfs **held);
#endif
