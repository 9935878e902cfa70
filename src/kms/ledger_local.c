/* SPDX-License-Identifier: Apache-2.0
 *
 * A ledger that the service keeps itself: a journal and its folded state. Format:
 * docs/formats/kms.md (KMS-022, KMS-023, KMS-042, KMS-051, KMS-093).
 *
 * Invariants: the whole journal was verified before the app is held; nothing is judged before the
 * folded ledger stands at the journal's head. An append that failed may be on the disk all the
 * same, and another process may have made one: what everybody reads here is what decides here.
 */
#include "codec/text.h"
#include "kms/kms_internal.h"
#include "sys/files.h"

#include <stdio.h>
#include <stdlib.h>

#define JOURNAL_END "apps/%s.db"
enum { RELATIVE_BYTES = 96 };

typedef struct local {
    sw_kms_ledger base;
    sw_journal *journal;
    sw_ledger *folded;
    sw_hash id;
} local;

/* Folds what the journal has beyond the state. A journal that cannot be read, or that no longer
 * holds, decides nothing: asking again may help. */
static sw_status catch_up(const local *own, sw_error *err) {
    sw_status status = sw_ledger_load(own->folded, own->journal, err);
    if (status == SW_OK || status == SW_MEMORY || status == SW_INTERNAL) return status;
    sw_error_prefix(err, "the key service cannot read the app's ledger");
    if (err != NULL) err->status = SW_UNAVAILABLE;
    return SW_UNAVAILABLE;
}

static sw_status check_head(sw_kms_ledger *l, const sw_head *named, const sw_head *before,
                            int64_t *made_ms, sw_error *err) {
    local *own = (local *)l;
    (void)before;
    *made_ms = INT64_MAX;
    SW_TRY(catch_up(own, err));
    return sw_journal_contains(own->journal, named, err);
}

static sw_status judge(sw_kms_ledger *l, const sw_kms_question *q, sw_kms_finding *out,
                       sw_error *err) {
    local *own = (local *)l;
    const sw_ledger *folded = own->folded;
    SW_TRY(catch_up(own, err));
    out->head = sw_ledger_head(folded);
    out->views = SW_BUFFER(4);
    sw_put_text(&out->views, "[]");
    SW_TRY(sw_buffer_check(&out->views, "no views", err));
    SW_TRY(sw_ledger_check_run(folded, q->compose, err));
    if (q->opening == NULL) return SW_OK;
    return sw_ledger_check_open(folded, q->recipe, q->compose, &q->opening->manifest,
                                &q->opening->recipient, err);
}

static sw_status append(sw_kms_ledger *l, sw_bytes entry, sw_head *head, sw_error *err) {
    local *own = (local *)l;
    SW_TRY(catch_up(own, err));
    sw_head at = sw_ledger_head(own->folded), made;
    SW_TRY(sw_ledger_check(own->folded, entry, err));
    SW_TRY(sw_journal_append(own->journal, &at, entry, &made, err));
    SW_TRY(sw_ledger_apply(own->folded, &made, entry, err));
    *head = made;
    return SW_OK;
}

static sw_status page(sw_kms_ledger *l, uint64_t from, sw_buffer *out, sw_error *err) {
    local *own = (local *)l;
    return sw_kms_page(own->journal, &own->id, from, out, err);
}

static void end(sw_kms_ledger *l) {
    local *own = (local *)l;
    sw_ledger_close(&own->folded);
    sw_journal_close(&own->journal);
    free(own);
}

static const sw_kms_ledger_kind kind = {
    .check_head = check_head, .judge = judge, .append = append, .page = page, .close = end};

static sw_status load(const sw_kms *k, const sw_genesis *g, local *own, sw_error *err) {
    char hex[2 * SW_HASH_BYTES + 1], relative[RELATIVE_BYTES];
    SW_SCOPED(sw_arena) arena = {0};
    sw_hex_text(hex, SW_BYTES_OF(g->hash.b));
    (void)snprintf(relative, sizeof relative, JOURNAL_END, hex);
    const char *path = sw_path_join(&arena, k->folder, relative);
    if (path == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    SW_TRY(sw_journal_open_sqlite(path, &g->hash, &own->journal, err));
    SW_TRY(sw_ledger_open(g, &own->folded, err));
    return sw_ledger_load(own->folded, own->journal, err);
}

sw_status sw_kms_ledger_open_local(sw_kms *k, const sw_genesis *g, sw_kms_ledger **out,
                                   sw_error *err) {
    local *own = calloc(1, sizeof *own);
    if (own == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a ledger");
    *own = (local){.base = {&kind}, .id = g->hash};
    sw_status status = load(k, g, own, err);
    if (status == SW_OK)
        *out = &own->base;
    else
        end(&own->base);
    return status;
}
