/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal's chain. Format: docs/formats/journal.md (JRN-001 ...).
 *
 * The idea: the store (memory, SQLite) is only a place for bytes. This file keeps the hash of every
 * entry that it has recomputed, and no answer comes from a row whose hash it has not just
 * recomputed. So a changed row, a lost row and a row of another journal all become a refusal.
 * Invariant: hashes[0..count) is a chain from the journal's id; it grows and never changes.
 */
#include "envelope/journal.h"

#include "codec/text.h"
#include "envelope/journal_internal.h"
#include <stdlib.h>
#include <string.h>

enum { ENVELOPE_ARENA_FACTOR = 8 };

bool sw_head_equal(const sw_head *a, const sw_head *b) {
    return a->index == b->index && sw_hash_equal(&a->hash, &b->hash);
}

void sw_journal_chain(const sw_hash *id, uint64_t index, const sw_hash *previous,
                      const sw_envelope *e, sw_hash *out) {
    uint8_t number[8];
    for (int i = 0; i < 8; i++) number[i] = (uint8_t)(index >> (56 - 8 * i));
    const sw_bytes fields[] = {SW_BYTES_OF(id->b), SW_BYTES_OF(number), SW_BYTES_OF(previous->b),
                               e->payload_type, e->payload};
    sw_bind_sha256(out, "sealwright/journal/v1", fields, sizeof fields / sizeof *fields);
}

static sw_head head_at(const sw_journal *j, uint64_t index) {
    sw_head head = {.index = index, .hash = index == 0 ? j->id : j->hashes[index - 1]};
    return head;
}

sw_head sw_journal_head(const sw_journal *j) {
    return head_at(j, j->count);
}

static sw_status rollback_found(sw_error *err, const char *sentence) {
    sw_status status = sw_fail(err, SW_UNAUTHENTIC, "rollback", "%s", sentence);
    sw_error_hint(err, "somebody has put back or replaced the journal; do not go on with it");
    return status;
}

static sw_status grow(sw_journal *j, sw_error *err) {
    if (j->count < j->capacity) return SW_OK;
    if (j->count >= SW_JOURNAL_ENTRY_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "a journal holds at most %zu entries",
                       (size_t)SW_JOURNAL_ENTRY_LIMIT);
    size_t capacity = j->capacity == 0 ? 64 : 2 * j->capacity;
    sw_hash *hashes = reallocarray(j->hashes, capacity, sizeof *hashes);
    if (hashes == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a journal");
    j->hashes = hashes;
    j->capacity = capacity;
    return SW_OK;
}

/* ---- taking in rows ---- */

typedef struct reading {
    sw_journal *j;
    uint64_t expected; /* the next row's position */
    sw_journal_visit visit;
    void *context;
} reading;

/* A row is either known, and must hash as before, or the next one. */
static sw_status take_entry(reading *r, const sw_envelope *e, sw_head *at, sw_error *err) {
    sw_journal *j = r->j;
    sw_head before = head_at(j, r->expected - 1);
    at->index = r->expected;
    sw_journal_chain(&j->id, at->index, &before.hash, e, &at->hash);
    if (at->index <= j->count) {
        if (sw_hash_equal(&at->hash, &j->hashes[at->index - 1])) return SW_OK;
        return rollback_found(err, "an entry of the journal is not what it was");
    }
    SW_TRY(grow(j, err));
    j->hashes[j->count++] = at->hash;
    return SW_OK;
}

static sw_status take_row(void *context, uint64_t position, sw_bytes bytes, sw_error *err) {
    reading *r = context;
    if (position != r->expected)
        return rollback_found(err, "the journal's entries are not numbered without a gap");
    sw_arena arena = {.limit_bytes = ENVELOPE_ARENA_FACTOR * SW_ENVELOPE_LIMIT};
    sw_envelope e;
    sw_head at;
    sw_status status = sw_envelope_parse(&arena, bytes, &e, err);
    if (status == SW_OK) status = take_entry(r, &e, &at, err);
    if (status == SW_OK && r->visit != NULL) status = r->visit(r->context, &at, &e, bytes, err);
    sw_arena_free(&arena);
    if (status == SW_OK) r->expected++;
    return status;
}

static sw_status take_all(sw_journal *j, reading *r, sw_error *err) {
    sw_head claimed;
    SW_TRY(j->store->head(j->self, &claimed, err));
    if (claimed.index < j->count)
        return rollback_found(err, "the journal ends before an entry that was seen in it");
    SW_TRY(j->store->rows(j->self, r->expected, take_row, r, err));
    sw_head head = sw_journal_head(j);
    if (r->expected - 1 != j->count || !sw_head_equal(&head, &claimed))
        return rollback_found(err, "the journal's entries do not end at its head");
    return SW_OK;
}

/* Reads from `from` and compares the end with the store's own head (JRN-013); keeps only hashes
 * that ended at it. In a transaction. */
static sw_status take_rows(sw_journal *j, uint64_t from, sw_journal_visit visit, void *context,
                           sw_error *err) {
    size_t before = j->count;
    reading r = {.j = j, .expected = from, .visit = visit, .context = context};
    sw_status status = take_all(j, &r, err);
    if (status != SW_OK) j->count = before;
    return status;
}

static sw_status end_transaction(sw_journal *j, sw_status status, sw_error *err) {
    if (status == SW_OK) status = j->store->commit(j->self, err);
    if (status != SW_OK) j->store->rollback(j->self);
    return status;
}

/* What others have appended since; nothing to do when there is nothing new. */
static sw_status refresh(sw_journal *j, sw_error *err) {
    SW_TRY(j->store->begin(j->self, false, err));
    return end_transaction(j, take_rows(j, j->count + 1, NULL, NULL, err), err);
}

sw_status sw_journal_make(const sw_hash *id, const sw_journal_store *store, void *self,
                          sw_journal **out, sw_error *err) {
    sw_journal *j = calloc(1, sizeof *j);
    if (j == NULL) {
        store->close(self);
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a journal");
    }
    *j = (sw_journal){.id = *id, .store = store, .self = self};
    sw_status status = refresh(j, err);
    if (status == SW_OK)
        *out = j;
    else
        sw_journal_close(&j);
    return status;
}

void sw_journal_close(sw_journal **j) {
    if (*j == NULL) return;
    (*j)->store->close((*j)->self);
    free((*j)->hashes);
    free(*j);
    *j = NULL;
}

sw_status sw_journal_read(sw_journal *j, uint64_t from, sw_journal_visit visit, void *context,
                          sw_error *err) {
    if (from == 0) return sw_fail(err, SW_USAGE, "usage", "a journal's entries count from 1");
    SW_TRY(j->store->begin(j->self, false, err));
    /* Entries between the last one known and `from` are taken in first, unvisited. */
    sw_status status = SW_OK;
    if (from > j->count + 1) status = take_rows(j, j->count + 1, NULL, NULL, err);
    if (status == SW_OK && from <= j->count + 1) status = take_rows(j, from, visit, context, err);
    return end_transaction(j, status, err);
}

sw_status sw_journal_contains(sw_journal *j, const sw_head *known, sw_error *err) {
    SW_TRY(refresh(j, err));
    if (known->index > j->count)
        return rollback_found(err, "the journal is shorter than it was when it was last seen");
    sw_head here = head_at(j, known->index);
    if (!sw_head_equal(&here, known))
        return rollback_found(err, "the journal has another entry where one was seen before");
    return SW_OK;
}

/* ---- appending ---- */

/* In a writing transaction: takes in what is new, then adds one entry behind it. */
static sw_status add_entry(sw_journal *j, const sw_head *expected, sw_bytes envelope,
                           const sw_envelope *e, sw_head *added, sw_error *err) {
    SW_TRY(take_rows(j, j->count + 1, NULL, NULL, err));
    sw_head head = sw_journal_head(j);
    if (expected != NULL && !sw_head_equal(expected, &head))
        return sw_fail(err, SW_REFUSED, "conflict",
                       "the journal has moved on to entry %llu in the meantime",
                       (unsigned long long)head.index);
    SW_TRY(grow(j, err));
    added->index = head.index + 1;
    sw_journal_chain(&j->id, added->index, &head.hash, e, &added->hash);
    return j->store->add(j->self, envelope, added, err);
}

static sw_status append(sw_journal *j, const sw_head *expected, sw_bytes envelope,
                        const sw_envelope *e, sw_head *head, sw_error *err) {
    sw_head added;
    SW_TRY(j->store->begin(j->self, true, err));
    SW_TRY(end_transaction(j, add_entry(j, expected, envelope, e, &added, err), err));
    j->hashes[j->count++] = added.hash;
    if (head != NULL) *head = added;
    return SW_OK;
}

sw_status sw_journal_append(sw_journal *j, const sw_head *expected, sw_bytes envelope,
                            sw_head *head, sw_error *err) {
    sw_arena arena = {.limit_bytes = ENVELOPE_ARENA_FACTOR * SW_ENVELOPE_LIMIT};
    sw_envelope e;
    sw_status status = sw_envelope_parse(&arena, envelope, &e, err);
    if (status == SW_OK) status = append(j, expected, envelope, &e, head, err);
    sw_arena_free(&arena);
    return status;
}

/* ---- export and import (JRN-020, JRN-021) ---- */

static sw_status export_entry(void *context, const sw_head *at, const sw_envelope *e,
                              sw_bytes bytes, sw_error *err) {
    sw_buffer *out = context;
    (void)e;
    if (at->index > 1) sw_put_u8(out, ',');
    sw_put_bytes(out, bytes);
    return sw_buffer_check(out, "journal export", err);
}

sw_status sw_journal_export(sw_journal *j, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_JOURNAL_EXPORT_LIMIT);
    sw_put_text(&made, "{\"entries\":[");
    SW_TRY(sw_journal_read(j, 1, export_entry, &made, err));
    sw_put_text(&made, "],\"id\":\"");
    sw_hex_encode(&made, SW_BYTES_OF(j->id.b));
    sw_put_text(&made, "\"}");
    SW_TRY(sw_buffer_check(&made, "journal export", err));
    sw_put_bytes(out, sw_buffer_bytes(&made));
    return sw_buffer_check(out, "journal export", err);
}

static sw_status import_tree(const sw_json *root, const sw_hash *id, sw_journal *j, sw_error *err) {
    static const char *const names[] = {"entries", "id", NULL};
    const sw_json *entries;
    sw_hash claimed;
    SW_TRY(sw_json_expect(root, "journal", names, err));
    SW_TRY(sw_json_hash(root, "journal", "id", &claimed, err));
    if (!sw_hash_equal(&claimed, id))
        return sw_fail(err, SW_REFUSED, "journal", "these are the entries of another journal");
    SW_TRY(sw_json_array(root, "journal", "entries", SW_JOURNAL_ENTRY_LIMIT, &entries, err));
    for (const sw_json *entry = entries->first; entry != NULL; entry = entry->next) {
        sw_status status = sw_journal_append(j, NULL, entry->span, NULL, err);
        if (status != SW_OK) {
            sw_error_prefix(err, "journal entry %zu", j->count + 1);
            return status;
        }
    }
    return SW_OK;
}

sw_status sw_journal_import(sw_bytes json, const sw_hash *id, sw_journal **out, sw_error *err) {
    const sw_json_limits limits = {
        .bytes = SW_JOURNAL_EXPORT_LIMIT, .depth = 8, .nodes = SW_JOURNAL_EXPORT_NODES};
    sw_arena arena = {0};
    sw_json *root;
    sw_journal *j = NULL;
    sw_status status = sw_json_parse_canonical(&arena, json, &limits, &root, err);
    if (status == SW_OK) status = sw_journal_open_memory(id, &j, err);
    if (status == SW_OK) status = import_tree(root, id, j, err);
    sw_arena_free(&arena);
    if (status == SW_OK)
        *out = j;
    else
        sw_journal_close(&j);
    return status;
}
