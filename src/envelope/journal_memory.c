/* SPDX-License-Identifier: Apache-2.0
 *
 * A store in memory: for exported entries that are verified and thrown away.
 *
 * One growing array of copies. There is nobody else to write to it, so transactions are empty.
 */
#include "envelope/journal_internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct memory_store {
    sw_bytes *envelopes; /* owned, one allocation each */
    size_t count, capacity;
    sw_head head;
} memory_store;

static sw_status begin(void *self, bool writing, sw_error *err) {
    (void)self, (void)writing, (void)err;
    return SW_OK;
}

static sw_status commit(void *self, sw_error *err) {
    (void)self, (void)err;
    return SW_OK;
}

static void rollback(void *self) {
    (void)self;
}

static sw_status head(void *self, sw_head *out, sw_error *err) {
    (void)err;
    *out = ((memory_store *)self)->head;
    return SW_OK;
}

static sw_status rows(void *self, uint64_t from, sw_journal_row row, void *context, sw_error *err) {
    const memory_store *s = self;
    for (size_t i = from - 1; i < s->count; i++) SW_TRY(row(context, i + 1, s->envelopes[i], err));
    return SW_OK;
}

static sw_status add(void *self, sw_bytes envelope, const sw_head *after, sw_error *err) {
    memory_store *s = self;
    if (s->count == s->capacity) {
        size_t capacity = s->capacity == 0 ? 16 : 2 * s->capacity;
        sw_bytes *grown = reallocarray(s->envelopes, capacity, sizeof *grown);
        if (grown == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a journal");
        s->envelopes = grown;
        s->capacity = capacity;
    }
    uint8_t *copy = malloc(envelope.size);
    if (copy == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a journal");
    memcpy(copy, envelope.data, envelope.size);
    s->envelopes[s->count++] = SW_BYTES(copy, envelope.size);
    s->head = *after;
    return SW_OK;
}

static void close_store(void *self) {
    memory_store *s = self;
    for (size_t i = 0; i < s->count; i++) free((void *)s->envelopes[i].data);
    free(s->envelopes);
    free(s);
}

static const sw_journal_store STORE = {begin, head, rows, add, commit, rollback, close_store};

sw_status sw_journal_open_memory(const sw_hash *id, sw_journal **out, sw_error *err) {
    memory_store *s = calloc(1, sizeof *s);
    if (s == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a journal");
    s->head.hash = *id;
    return sw_journal_make(id, &STORE, s, out, err);
}
