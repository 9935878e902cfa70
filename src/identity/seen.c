/* SPDX-License-Identifier: Apache-2.0
 *
 * What an owner has seen of an app: heads and the own sequence number. Format:
 * docs/formats/identity.md (ID-030, ID-031).
 *
 * It never goes backwards: this file is how a rolled-back ledger is noticed. A command that loads,
 * uses and stores it holds the identity meanwhile, or a ledger that another command of the same
 * owner carries on would look put back.
 */
#include "identity/identity_internal.h"

#include "sys/files.h"
#include <time.h>
#include <unistd.h>

#define SEEN_KIND "sealwright/heads/v1"
enum { SEEN_LIMIT = 1024, POLL_MS = 10 };
#define NUMBER_MAX (((uint64_t)1 << 53) - 1)

static void add_head(sw_arena *a, sw_json *root, const char *name, const sw_head *head) {
    sw_json *node = sw_json_add_object(a, root, name);
    sw_json_add_hex(a, node, "hash", SW_BYTES_OF(head->hash.b));
    sw_json_add_integer(a, node, "index", (int64_t)head->index);
}

static sw_status encode(sw_arena *a, const sw_seen *seen, sw_buffer *out, sw_error *err) {
    if (seen->ledger.index > NUMBER_MAX || seen->audit.index > NUMBER_MAX ||
        seen->sequence > NUMBER_MAX)
        return sw_fail(err, SW_LIMIT, "limit", "a head's index is above 2^53");
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    add_head(a, root, "audit", &seen->audit);
    sw_json_add_text(a, root, "kind", SW_LITERAL(SEEN_KIND));
    add_head(a, root, "ledger", &seen->ledger);
    sw_json_add_integer(a, root, "sequence", (int64_t)seen->sequence);
    sw_json_encode(out, root);
    return sw_buffer_check(out, "heads", err);
}

static sw_status parse_head(const sw_json *root, const char *name, sw_head *out, sw_error *err) {
    static const char *const names[] = {"hash", "index", NULL};
    const sw_json *node;
    SW_TRY(sw_json_object(root, "heads", name, &node, err));
    SW_TRY(sw_json_expect(node, "heads", names, err));
    SW_TRY(sw_json_u64(node, "heads", "index", NUMBER_MAX, &out->index, err));
    return sw_json_hash(node, "heads", "hash", &out->hash, err);
}

static sw_status parse(sw_arena *a, sw_bytes json, sw_seen *out, sw_error *err) {
    static const char *const names[] = {"audit", "kind", "ledger", "sequence", NULL};
    const sw_json_limits limits = {.bytes = SEEN_LIMIT, .depth = 4, .nodes = 16};
    sw_json *root;
    sw_bytes kind;
    SW_TRY(sw_json_parse_canonical(a, json, &limits, &root, err));
    SW_TRY(sw_json_expect(root, "heads", names, err));
    SW_TRY(sw_json_text(root, "heads", "kind", &kind, err));
    if (!sw_bytes_is(kind, SEEN_KIND))
        return sw_fail(err, SW_MALFORMED, "format", "the heads are not of version 1");
    SW_TRY(parse_head(root, "audit", &out->audit, err));
    SW_TRY(parse_head(root, "ledger", &out->ledger, err));
    return sw_json_u64(root, "heads", "sequence", NUMBER_MAX, &out->sequence, err);
}

sw_status sw_identity_load_seen(sw_identity *i, const sw_hash *genesis, sw_seen *out,
                                sw_error *err) {
    SW_SCOPED(sw_buffer) file = SW_BUFFER(SEEN_LIMIT);
    const char *path;
    SW_TRY(sw_identity_hash_path(i, "heads", genesis, &path, err));
    sw_status status = sw_file_read(path, SEEN_LIMIT, &file, err);
    if (status == SW_MISSING) {
        *out = (sw_seen){0};
        return SW_OK;
    }
    SW_TRY(status);
    sw_arena arena = {0};
    sw_seen made;
    status = parse(&arena, sw_buffer_bytes(&file), &made, err);
    sw_arena_free(&arena);
    if (status == SW_OK) *out = made;
    return status;
}

/* ---- storing ---- */

static bool head_follows(const sw_head *old, const sw_head *new) {
    bool none = old->index == 0 && sw_hash_zero(&old->hash);
    return none || new->index > old->index || sw_head_equal(old, new);
}

static sw_status check_forward(const sw_seen *old, const sw_seen *new, sw_error *err) {
    if (head_follows(&old->ledger, &new->ledger) && head_follows(&old->audit, &new->audit) &&
        new->sequence >= old->sequence)
        return SW_OK;
    sw_status status = sw_fail(err, SW_UNAUTHENTIC, "rollback",
                               "the ledger or the audit log lies before what this owner has seen");
    sw_error_hint(err, "somebody has put back or replaced the ledger; do not go on with it");
    return status;
}

sw_status sw_identity_store_seen(sw_identity *i, const sw_hash *genesis, const sw_seen *seen,
                                 sw_error *err) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SEEN_LIMIT);
    sw_arena arena = {0};
    sw_seen old;
    const char *path;
    SW_CHECK(err, i->lock >= 0);
    SW_TRY(sw_identity_load_seen(i, genesis, &old, err));
    SW_TRY(check_forward(&old, seen, err));
    sw_status status = encode(&arena, seen, &json, err);
    sw_arena_free(&arena);
    SW_TRY(status);
    SW_TRY(sw_identity_hash_path(i, "heads", genesis, &path, err));
    return sw_file_write(path, sw_buffer_bytes(&json), 0600, SW_WRITE_REPLACE, err);
}

/* ---- holding ---- */

sw_status sw_identity_hold(sw_identity *i, int64_t wait_ms, sw_error *err) {
    const struct timespec poll = {.tv_nsec = POLL_MS * 1000000};
    const char *path;
    SW_CHECK(err, i->lock < 0);
    SW_TRY(sw_identity_path(i, "lock", &path, err));
    sw_status status = sw_lock_take(path, &i->lock, err);
    for (int64_t left = wait_ms; status == SW_REFUSED && left > 0; left -= POLL_MS) {
        (void)nanosleep(&poll, NULL);
        status = sw_lock_take(path, &i->lock, err);
    }
    if (status == SW_REFUSED) sw_error_hint(err, "another command of this owner does not end");
    return status;
}

void sw_identity_release(sw_identity *i) {
    if (i->lock >= 0) (void)close(i->lock);
    i->lock = -1;
}
