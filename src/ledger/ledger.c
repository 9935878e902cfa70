/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules: entries in, answers out. docs/formats/ledger.md, LDG-030 to LDG-052.
 *
 * A round for a compose hash begins with every revocation and every lift that concerns it;
 * approvals and openings count in the round in which they were made and in no other. So what stood
 * before a revocation never stands again by itself, and nobody but the revoker ends a revocation.
 * Invariants: an entry is judged completely before anything changes; bits name owners by their
 * place in the genesis; tables are sorted, so that a lookup costs a binary search.
 */
#include "ledger/ledger.h"
#include "ledger/ledger_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert((size_t)SW_OWNER_LIMIT * SW_LEDGER_OWNER_ENTRIES <= SW_LEDGER_ENTRY_LIMIT,
              "every owner's share fits");
static_assert(SW_OWNER_LIMIT == 32, "one bit an owner");

sw_status sw_ledger_make(const sw_genesis *g, sw_ledger **out, sw_error *err) {
    sw_ledger *l = calloc(1, sizeof *l);
    if (l == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a ledger");
    l->genesis = *g;
    l->head = (sw_head){.index = 0, .hash = g->hash};
    l->places = g->owner_count;
    l->active = sw_ledger_bits(g->owner_count);
    l->quorum = g->quorum;
    *out = l;
    return SW_OK;
}

/* LDG-040: what a chain keeps is read from the chain alone. */
static sw_status check_local(const sw_genesis *g, sw_error *err) {
    if (g->backend == SW_LEDGER_LOCAL) return SW_OK;
    return sw_fail(err, SW_REFUSED, "ledger", "this app's ledger is on a chain, not a list");
}

sw_status sw_ledger_open(const sw_genesis *g, sw_ledger **out, sw_error *err) {
    SW_TRY(check_local(g, err));
    return sw_ledger_make(g, out, err);
}

void sw_ledger_close(sw_ledger **l) {
    if (*l == NULL) return;
    free((*l)->composes);
    free((*l)->opens);
    free(*l);
    *l = NULL;
}

/* ---- sorted tables ---- */

/* The place of `compose`, or where it belongs. */
static size_t compose_place(const sw_ledger *l, const sw_hash *compose) {
    size_t low = 0, high = l->compose_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(l->composes[middle].compose.b, compose->b, SW_HASH_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const sw_compose_state *sw_ledger_compose(const sw_ledger *l, const sw_hash *compose) {
    size_t at = compose_place(l, compose);
    bool found = at < l->compose_count && sw_hash_equal(&l->composes[at].compose, compose);
    return found ? &l->composes[at] : NULL;
}

static int compare_open(const sw_open_state *o, const sw_hash *compose, const sw_hash *manifest,
                        const sw_p256_public *recipient) {
    int order = memcmp(o->compose.b, compose->b, SW_HASH_BYTES);
    if (order == 0) order = memcmp(o->manifest.b, manifest->b, SW_HASH_BYTES);
    if (order == 0) order = memcmp(o->recipient.b, recipient->b, SW_P256_BYTES);
    return order;
}

static size_t open_place(const sw_ledger *l, const sw_hash *compose, const sw_hash *manifest,
                         const sw_p256_public *recipient) {
    size_t low = 0, high = l->open_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_open(&l->opens[middle], compose, manifest, recipient) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const sw_open_state *sw_ledger_opening(const sw_ledger *l, const sw_hash *compose,
                                       const sw_hash *manifest, const sw_p256_public *recipient) {
    size_t at = open_place(l, compose, manifest, recipient);
    bool found =
        at < l->open_count && compare_open(&l->opens[at], compose, manifest, recipient) == 0;
    return found ? &l->opens[at] : NULL;
}

/* `table` with room for one more element, or NULL and `table` stays as it was. */
static void *with_room(void *table, size_t count, size_t *capacity, size_t element_bytes) {
    if (count < *capacity) return table;
    size_t wanted = *capacity == 0 ? 16 : 2 * *capacity;
    void *grown = reallocarray(table, wanted, element_bytes);
    if (grown != NULL) *capacity = wanted;
    return grown;
}

static sw_status reserve(sw_ledger *l, sw_error *err) {
    void *composes =
        with_room(l->composes, l->compose_count, &l->compose_capacity, sizeof *l->composes);
    if (composes != NULL) l->composes = composes;
    void *opens = with_room(l->opens, l->open_count, &l->open_capacity, sizeof *l->opens);
    if (opens != NULL) l->opens = opens;
    if (composes == NULL || opens == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a ledger");
    return SW_OK;
}

static sw_compose_state *compose_slot(sw_ledger *l, const sw_hash *compose) {
    size_t at = compose_place(l, compose);
    if (at < l->compose_count && sw_hash_equal(&l->composes[at].compose, compose))
        return &l->composes[at];
    memmove(&l->composes[at + 1], &l->composes[at], (l->compose_count - at) * sizeof *l->composes);
    l->composes[at] = (sw_compose_state){.compose = *compose};
    l->compose_count++;
    return &l->composes[at];
}

static sw_open_state *open_slot(sw_ledger *l, const sw_hash *compose, const sw_hash *manifest,
                                const sw_p256_public *recipient) {
    size_t at = open_place(l, compose, manifest, recipient);
    if (at < l->open_count && compare_open(&l->opens[at], compose, manifest, recipient) == 0)
        return &l->opens[at];
    memmove(&l->opens[at + 1], &l->opens[at], (l->open_count - at) * sizeof *l->opens);
    l->opens[at] =
        (sw_open_state){.compose = *compose, .manifest = *manifest, .recipient = *recipient};
    l->open_count++;
    return &l->opens[at];
}

sw_status sw_ledger_add_compose(sw_ledger *l, const sw_hash *compose, sw_compose_state **out,
                                sw_error *err) {
    SW_TRY(reserve(l, err));
    *out = compose_slot(l, compose);
    return SW_OK;
}

sw_status sw_ledger_add_opening(sw_ledger *l, const sw_hash *compose, const sw_hash *manifest,
                                const sw_p256_public *recipient, sw_open_state **out,
                                sw_error *err) {
    SW_TRY(reserve(l, err));
    *out = open_slot(l, compose, manifest, recipient);
    return SW_OK;
}

/* ---- judging ---- */

static sw_status refuse(sw_error *err, const char *sentence) {
    return sw_fail(err, SW_REFUSED, "ledger", "%s", sentence);
}

/* LDG-031: exactly the next one; a revocation may skip ahead. */
static sw_status judge_sequence(const sw_ledger *l, const sw_entry *e, size_t owner,
                                sw_error *err) {
    uint64_t last = l->sequences[owner];
    bool revoke = e->kind == SW_PAYLOAD_REVOKE;
    uint32_t limit = SW_LEDGER_OWNER_ENTRIES - (revoke ? 0 : SW_LEDGER_OWNER_RESERVED);
    if (revoke ? e->sequence <= last : e->sequence != last + 1)
        return sw_fail(err, SW_REFUSED, "ledger",
                       "the owner's sequence number is %llu where %llu%s is due",
                       (unsigned long long)e->sequence, (unsigned long long)last + 1,
                       revoke ? " or a later one" : "");
    if (l->counts[owner] >= limit)
        return sw_fail(err, SW_LIMIT, "limit", "an owner has at most %u entries%s", limit,
                       revoke ? "" : " apart from revocations");
    return SW_OK;
}

static sw_status judge_sense(const sw_ledger *l, const sw_entry *e, uint32_t bit, sw_error *err) {
    const sw_compose_state *c = sw_ledger_compose(l, &e->compose);
    uint32_t revocations = e->everything ? l->everything : c == NULL ? 0 : c->revocations;
    const sw_open_state *o = sw_ledger_opening(l, &e->compose, &e->manifest, &e->recipient);
    switch (e->kind) {
    case SW_PAYLOAD_APPROVE:
        if (c != NULL && (c->approvals & bit) != 0)
            return refuse(err, "this owner has approved this compose hash already");
        return SW_OK;
    case SW_PAYLOAD_REVOKE:
        if ((revocations & bit) != 0) return refuse(err, "this owner's revocation stands already");
        return SW_OK;
    case SW_PAYLOAD_LIFT:
        if ((revocations & bit) == 0)
            return refuse(err, "there is no revocation of this owner's to lift");
        return SW_OK;
    case SW_PAYLOAD_OPEN:
        if (o != NULL && (o->approvals & bit) != 0)
            return refuse(err, "this owner has approved this opening already");
        return SW_OK;
    default:
        return refuse(err, "this is no ledger entry");
    }
}

static sw_status judge(const sw_ledger *l, sw_bytes envelope, sw_entry *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_entry entry;
    SW_TRY(check_local(&l->genesis, err));
    SW_TRY(sw_entry_open(&arena, envelope, &l->genesis, &entry, err));
    size_t owner = sw_ledger_place(l, &entry.owner);
    SW_CHECK(err, owner < l->genesis.owner_count);
    SW_TRY(judge_sequence(l, &entry, owner, err));
    SW_TRY(judge_sense(l, &entry, UINT32_C(1) << owner, err));
    *out = entry;
    return SW_OK;
}

sw_status sw_ledger_check(const sw_ledger *l, sw_bytes envelope, sw_error *err) {
    sw_entry entry;
    return judge(l, envelope, &entry, err);
}

/* ---- applying ---- */

/* LDG-033: a new round for one compose hash, or for all. */
static void begin_round(sw_ledger *l, const sw_entry *e) {
    for (size_t i = 0; i < l->compose_count; i++)
        if (e->everything || sw_hash_equal(&l->composes[i].compose, &e->compose))
            l->composes[i].approvals = 0;
    for (size_t i = 0; i < l->open_count; i++)
        if (e->everything || sw_hash_equal(&l->opens[i].compose, &e->compose))
            l->opens[i].approvals = 0;
}

static void fold(sw_ledger *l, const sw_entry *e, uint32_t bit) {
    if (e->kind == SW_PAYLOAD_APPROVE) compose_slot(l, &e->compose)->approvals |= bit;
    if (e->kind == SW_PAYLOAD_OPEN)
        open_slot(l, &e->compose, &e->manifest, &e->recipient)->approvals |= bit;
    if (e->kind != SW_PAYLOAD_REVOKE && e->kind != SW_PAYLOAD_LIFT) return;
    uint32_t *revocations =
        e->everything ? &l->everything : &compose_slot(l, &e->compose)->revocations;
    if (e->kind == SW_PAYLOAD_REVOKE)
        *revocations |= bit;
    else
        *revocations &= ~bit;
    begin_round(l, e);
}

sw_status sw_ledger_apply(sw_ledger *l, const sw_head *at, sw_bytes envelope, sw_error *err) {
    sw_entry e;
    SW_TRY(check_local(&l->genesis, err));
    if (at->index != l->head.index + 1)
        return sw_fail(err, SW_UNAUTHENTIC, "rollback",
                       "entry %llu does not follow entry %llu of the ledger",
                       (unsigned long long)at->index, (unsigned long long)l->head.index);
    SW_TRY(judge(l, envelope, &e, err));
    SW_TRY(reserve(l, err));
    size_t owner = sw_ledger_place(l, &e.owner);
    fold(l, &e, UINT32_C(1) << owner);
    l->sequences[owner] = e.sequence;
    l->counts[owner]++;
    l->head = *at;
    return SW_OK;
}

static sw_status visit(void *context, const sw_head *at, const sw_envelope *envelope,
                       sw_bytes bytes, sw_error *err) {
    (void)envelope;
    sw_status status = sw_ledger_apply(context, at, bytes, err);
    if (status != SW_OK) sw_error_prefix(err, "ledger entry %llu", (unsigned long long)at->index);
    return status;
}

sw_status sw_ledger_load(sw_ledger *l, sw_journal *j, sw_error *err) {
    SW_TRY(check_local(&l->genesis, err));
    SW_TRY(sw_journal_contains(j, &l->head, err));
    return sw_journal_read(j, l->head.index + 1, visit, l, err);
}

/* ---- answers ---- */

sw_head sw_ledger_head(const sw_ledger *l) {
    return l->head;
}

uint64_t sw_ledger_sequence(const sw_ledger *l, const sw_hash *owner) {
    size_t i = sw_ledger_place(l, owner);
    return i < l->places ? l->sequences[i] : 0;
}

bool sw_ledger_owner_active(const sw_ledger *l, const sw_hash *owner) {
    size_t i = sw_ledger_place(l, owner);
    return i < l->places && (l->active >> i & 1) != 0;
}

static size_t list_owners(const sw_ledger *l, uint32_t bits, sw_hash out[SW_OWNER_LIMIT]) {
    size_t count = 0;
    for (size_t i = 0; i < l->places; i++)
        if ((bits >> i & 1) != 0) out[count++] = sw_ledger_owner_id(l, i);
    return count;
}

void sw_ledger_approval(const sw_ledger *l, const sw_hash *compose, sw_approval *out) {
    const sw_compose_state *c = sw_ledger_compose(l, compose);
    uint32_t revocations = l->everything | (c == NULL ? 0 : c->revocations);
    *out = (sw_approval){.quorum = l->quorum};
    out->approver_count = list_owners(l, c == NULL ? 0 : c->approvals & l->active, out->approvers);
    out->approvals = (uint32_t)out->approver_count;
    out->revoker_count = list_owners(l, revocations, out->revokers);
    out->approved = out->revoker_count == 0 && out->approvals >= out->quorum;
}

static sw_status check_revocations(const sw_ledger *l, const sw_hash *compose, sw_error *err) {
    const sw_compose_state *c = sw_ledger_compose(l, compose);
    uint32_t revocations = l->everything | (c == NULL ? 0 : c->revocations);
    if (revocations == 0) return SW_OK;
    SW_SCOPED(sw_buffer) names = SW_BUFFER(4096);
    sw_ledger_put_names(&names, l, revocations);
    sw_put_u8(&names, 0);
    SW_TRY(sw_buffer_check(&names, "the owners' names", err));
    sw_status status =
        sw_fail(err, SW_REFUSED, "revoked", "revoked by %s", (const char *)names.data);
    sw_error_hint(err, "only who revoked can lift it; then the quorum must approve again");
    return status;
}

sw_status sw_ledger_check_run(const sw_ledger *l, const sw_hash *compose, sw_error *err) {
    sw_approval a;
    SW_TRY(check_revocations(l, compose, err));
    sw_ledger_approval(l, compose, &a);
    if (a.approved) return SW_OK;
    sw_status status =
        sw_fail(err, SW_REFUSED, "quorum", "%u of the %u owners who must approve have approved",
                a.approvals, a.quorum);
    sw_error_hint(err, "owners approve with `sealwright approve`, or `consent` for their shard");
    return status;
}

sw_status sw_ledger_check_open(const sw_ledger *l, const sw_recipe *recipe, const sw_hash *compose,
                               const sw_hash *manifest, const sw_p256_public *recipient,
                               sw_error *err) {
    bool outside;
    uint32_t owners = sw_ledger_shard_owners(l, recipe, &outside);
    if (!sw_hash_equal(&recipe->genesis, &l->genesis.hash) || outside || owners == 0)
        return refuse(err, "the recipe is of another app, or lists a shard of nobody in this one");
    SW_TRY(sw_ledger_check_owners(l, recipe, err));
    SW_TRY(check_revocations(l, compose, err));
    const sw_open_state *o = sw_ledger_opening(l, compose, manifest, recipient);
    uint32_t approvals = (uint32_t)__builtin_popcount(o == NULL ? 0 : o->approvals & owners);
    uint32_t all = (uint32_t)__builtin_popcount(owners);
    uint32_t needed = recipe->open_quorum == 0 ? all : recipe->open_quorum;
    if (approvals >= needed) return SW_OK;
    sw_status status =
        sw_fail(err, SW_REFUSED, "quorum",
                "%u of the %u owners of listed shards who must approve this opening have approved",
                approvals, needed);
    sw_error_hint(err, "owners approve it with `sealwright open approve`");
    return status;
}
