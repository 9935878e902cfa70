/* SPDX-License-Identifier: Apache-2.0
 *
 * The signed journal: an append-only, hash-chained list of envelopes. Ledger and audit log are both
 * one. Docs: docs/formats/journal.md (JRN-001 ...).
 *
 * entry hash = bind-SHA-256("sealwright/journal/v1", journal id, u64be index, previous hash,
 * payload type, payload): it chains payloads, not signatures. Index counts from 1; the head of an
 * empty journal is index 0 with the journal id as hash. The journal checks the chain, its user
 * checks signatures and meaning before appending (and again on reading). A store on a hostile disk
 * is untrusted: opening recomputes every hash, and every row that is read later is hashed again and
 * compared. One thread at a time; a visitor does not call back into its journal.
 */
#ifndef SW_ENVELOPE_JOURNAL_H
#define SW_ENVELOPE_JOURNAL_H
#include "envelope/envelope.h"

#define SW_JOURNAL_ENTRY_LIMIT  ((size_t)1 << 22)
#define SW_JOURNAL_EXPORT_LIMIT ((size_t)64 << 20)
#define SW_JOURNAL_EXPORT_NODES ((size_t)1 << 20)

typedef struct sw_head {
    uint64_t index;
    sw_hash hash;
} sw_head;
bool sw_head_equal(const sw_head *a, const sw_head *b);

typedef struct sw_journal sw_journal;
/* SQLite file (mode 0600 when made), rollback journal that stays beside it (JRN-017), synchronous
 * FULL; refuses a file of another id, schema or with a broken chain. */
SW_NODISCARD sw_status sw_journal_open_sqlite(const char *path, const sw_hash *id, sw_journal **out,
                                              sw_error *err);
/* In memory: for verification of exported entries. */
SW_NODISCARD sw_status sw_journal_open_memory(const sw_hash *id, sw_journal **out, sw_error *err);
void sw_journal_close(sw_journal **j);
sw_head sw_journal_head(const sw_journal *j);
/* Durable when it returns. `expected` NULL appends at the head; else SW_REFUSED "conflict" unless
 * it equals the head. */
SW_NODISCARD sw_status sw_journal_append(sw_journal *j, const sw_head *expected, sw_bytes envelope,
                                         sw_head *head, sw_error *err);
typedef sw_status (*sw_journal_visit)(void *context, const sw_head *at, const sw_envelope *envelope,
                                      sw_bytes envelope_bytes, sw_error *err);
/* Visits entries from index `from` (>= 1) in order, each hashed again onto the chain that this
 * process has recomputed from the start; SW_UNAUTHENTIC "rollback" when the store's chain is broken
 * or ends before the head that this process has seen. The views that a visitor gets live during its
 * call. A visitor that fails ends the reading with its status. */
SW_NODISCARD sw_status sw_journal_read(sw_journal *j, uint64_t from, sw_journal_visit visit,
                                       void *context, sw_error *err);
/* Is `known` on this chain? SW_UNAUTHENTIC "rollback" when the journal is shorter, or has another
 * entry at that index (fork). */
SW_NODISCARD sw_status sw_journal_contains(sw_journal *j, const sw_head *known, sw_error *err);
/* Export: {"entries":[envelope,...],"id":hex} canonical JSON, and back into a memory journal. */
SW_NODISCARD sw_status sw_journal_export(sw_journal *j, sw_buffer *out, sw_error *err);
SW_NODISCARD sw_status sw_journal_import(sw_bytes json, const sw_hash *id, sw_journal **out,
                                         sw_error *err);
/* JRN-003: the hash behind entry `index`, whose envelope this is, of the journal `id`. */
void sw_journal_chain(const sw_hash *id, uint64_t index, const sw_hash *previous,
                      const sw_envelope *e, sw_hash *out);
#endif
