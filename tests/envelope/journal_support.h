/* SPDX-License-Identifier: Apache-2.0
 *
 * A journal in a folder of its own, with entries whose payload is their number.
 */
#ifndef SW_TESTS_JOURNAL_SUPPORT_H
#define SW_TESTS_JOURNAL_SUPPORT_H
#include "envelope/journal_internal.h"
#include "seal/support.h"

#include <fcntl.h>

typedef struct fixture {
    chance c;
    key_pair owner;
    sw_hash id;
    char folder[64], path[512];
} fixture;

static inline fixture *start(uint64_t seed) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    chance_start(&f->c, seed);
    f->owner = make_key_pair(&f->c);
    f->id = make_hash(&f->c);
    make_folder(f->folder);
    path_in(f->path, f->folder, "journal.db");
    return f;
}

static inline void end(fixture *f) {
    remove_folder(f->folder);
    free(f);
}

/* The n-th entry of a test: its payload is its number. */
static inline void make_entry(fixture *f, uint64_t number, sw_buffer *out) {
    char payload[64];
    (void)snprintf(payload, sizeof payload, "{\"number\":%llu}", (unsigned long long)number);
    sw_buffer_reset(out);
    assert_int_equal(
        sw_envelope_sign(SW_PAYLOAD_APPROVE, sw_text(payload), f->owner.secret, out, NULL), SW_OK);
}

static inline sw_head append(fixture *f, sw_journal *j, uint64_t number) {
    SW_SCOPED(sw_buffer) entry = SW_BUFFER(4096);
    sw_head head;
    make_entry(f, number, &entry);
    assert_int_equal(sw_journal_append(j, NULL, sw_buffer_bytes(&entry), &head, NULL), SW_OK);
    return head;
}

static inline sw_journal *open_sqlite(fixture *f) {
    sw_journal *j = NULL;
    assert_int_equal(sw_journal_open_sqlite(f->path, &f->id, &j, NULL), SW_OK);
    return j;
}

typedef struct seen {
    uint64_t next, count, stop_at;
    sw_head last;
} seen;

static inline sw_status check_entry(void *context, const sw_head *at, const sw_envelope *e,
                                    sw_bytes bytes, sw_error *err) {
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

static inline seen read_all(sw_journal *j, uint64_t from) {
    seen s = {.next = from};
    assert_int_equal(sw_journal_read(j, from, check_entry, &s, NULL), SW_OK);
    return s;
}

static inline void copy_file(const char *from, const char *to) {
    sw_buffer content = read_file(from);
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(sw_fd_write(fd, sw_buffer_bytes(&content), NULL), SW_OK);
    (void)close(fd);
    sw_buffer_free(&content);
}

/* The reader's part: the signature (JRN-004). */
static inline sw_status verify_entry(void *context, const sw_head *at, const sw_envelope *e,
                                     sw_bytes b, sw_error *err) {
    (void)at, (void)b;
    return sw_envelope_verify(e, SW_PAYLOAD_APPROVE, context, err);
}

#endif
