/* SPDX-License-Identifier: Apache-2.0
 *
 * One question, put to every block that an owner or a receipt names (CHN-061, CHN-062).
 *
 * The idea: who asks does not matter. The key service asks before it grants, the machine before it
 * believes, the verifier years later; all of them call this with the bytes of a view and a block
 * that somebody who signed has named. Nothing here knows a node.
 */
#include "ledger/chain_judge.h"

#include <string.h>

/* ---- views side by side ---- */
static int compare_heads(const sw_head *a, const sw_head *b) {
    if (a->index != b->index) return a->index < b->index ? -1 : 1;
    return memcmp(a->hash.b, b->hash.b, SW_HASH_BYTES);
}

sw_status sw_view_list_parse(sw_arena *a, const sw_json *array, sw_view_list *out, sw_error *err) {
    if (array->type != SW_JSON_ARRAY || array->count > SW_VIEW_LIST_COUNT)
        return sw_fail(err, SW_MALFORMED, "format", "the views are no list of at most %d",
                       SW_VIEW_LIST_COUNT);
    sw_bytes *views = SW_ARENA_NEW(a, sw_bytes, array->count + 1);
    sw_head *heads = SW_ARENA_NEW(a, sw_head, array->count + 1);
    bool *used = SW_ARENA_NEW(a, bool, array->count + 1);
    if (views == NULL || heads == NULL || used == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for views");
    size_t i = 0;
    for (const sw_json *v = array->first; v != NULL; v = v->next, i++) {
        views[i] = v->span;
        used[i] = false;
        SW_TRY(sw_chain_view_head(v->span, &heads[i], err));
        if (i > 0 && compare_heads(&heads[i - 1], &heads[i]) >= 0)
            return sw_fail(err, SW_MALFORMED, "format",
                           "view %zu: the views are not each of a later block than the one before",
                           i + 1);
    }
    *out = (sw_view_list){.count = i, .views = views, .heads = heads, .used = used};
    return SW_OK;
}

sw_status sw_view_list_find(const sw_view_list *l, const sw_head *at, size_t *index,
                            sw_error *err) {
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_heads(&l->heads[middle], at) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == l->count || !sw_head_equal(&l->heads[low], at))
        return sw_fail(err, SW_UNAUTHENTIC, "proof", "no view of block %llu is there",
                       (unsigned long long)at->index);
    l->used[low] = true;
    *index = low;
    return SW_OK;
}

sw_status sw_view_list_check_used(const sw_view_list *l, sw_error *err) {
    for (size_t i = 0; i < l->count; i++)
        if (!l->used[i])
            return sw_fail(err, SW_UNAUTHENTIC, "proof",
                           "nothing names block %llu, of which a view is there",
                           (unsigned long long)l->heads[i].index);
    return SW_OK;
}

static sw_status parse_array(sw_arena *a, sw_bytes json, sw_view_list *out, sw_error *err) {
    const sw_json_limits limits = {SW_VIEWS_LIMIT, 8, SW_VIEWS_NODES};
    sw_json *array;
    SW_TRY(sw_json_parse_canonical(a, json, &limits, &array, err));
    return sw_view_list_parse(a, array, out, err);
}

sw_status sw_view_list_merge(sw_bytes first, sw_bytes second, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_VIEWS_LIMIT);
    sw_view_list a, b;
    SW_TRY(parse_array(&arena, first, &a, err));
    SW_TRY(parse_array(&arena, second, &b, err));
    sw_put_u8(&made, '[');
    for (size_t i = 0, k = 0; i < a.count || k < b.count;) {
        int order = i == a.count ? 1 : k == b.count ? -1 : compare_heads(&a.heads[i], &b.heads[k]);
        if (made.size > 1) sw_put_u8(&made, ',');
        sw_put_bytes(&made, order <= 0 ? a.views[i] : b.views[k]);
        i += order <= 0;
        k += order >= 0;
    }
    sw_put_u8(&made, ']');
    SW_TRY(sw_buffer_check(&made, "views", err));
    sw_put_bytes(out, sw_buffer_bytes(&made));
    return sw_buffer_check(out, "views", err);
}

/* ---- one question to each block ---- */
sw_chain_ask sw_chain_question_ask(const sw_chain_question *q) {
    return (sw_chain_ask){.composes = q->compose,
                          .compose_count = 1,
                          .openings = q->opening,
                          .opening_count = q->opening != NULL};
}

static sw_status check(const sw_chain_question *q, const sw_ledger *ledger, sw_error *err) {
    SW_TRY(sw_ledger_check_run(ledger, q->compose, err));
    SW_TRY(sw_ledger_check_owners(ledger, q->recipe, err));
    if (q->opening == NULL) return SW_OK;
    return sw_ledger_check_open(ledger, q->recipe, q->compose, &q->opening->manifest,
                                &q->opening->recipient, err);
}

static void name_block(sw_error *err, const sw_head *at, const char *whose) {
    if (whose != NULL)
        sw_error_prefix(err, "at block %llu, which %s named", (unsigned long long)at->index, whose);
    else
        sw_error_prefix(err, "at block %llu, the newest final one", (unsigned long long)at->index);
}

sw_status sw_chain_question_check(const sw_chain_question *q, const sw_ledger *ledger,
                                  const char *whose, sw_approval *approval, sw_error *err) {
    sw_head at = sw_ledger_head(ledger);
    sw_status status = check(q, ledger, err);
    if (status != SW_OK) name_block(err, &at, whose);
    if (status == SW_OK && approval != NULL) sw_ledger_approval(ledger, q->compose, approval);
    return status;
}

sw_status sw_chain_question_judge(const sw_chain_question *q, const sw_head *at, sw_bytes view,
                                  const char *whose, sw_approval *approval, sw_error *err) {
    const sw_chain_ask ask = sw_chain_question_ask(q);
    sw_ledger *ledger = NULL;
    sw_status status = sw_chain_view_verify(q->genesis, at, view, &ask, &ledger, err);
    if (status != SW_OK) {
        name_block(err, at, whose);
        return status;
    }
    status = sw_chain_question_check(q, ledger, whose, approval, err);
    sw_ledger_close(&ledger);
    return status;
}
