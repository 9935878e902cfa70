/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine's client before a key service that answers something else than it decided
 * (docs/formats/kms.md, KMS-054). The liar runs inside the service and even holds its receipt key,
 * so the only thing wrong is the one that each row names.
 */
#include "kms/remote.h"

#include "kms/kms_internal.h"

typedef enum lie {
    HONEST,
    OTHER_GENESIS,
    OTHER_COMPOSE,
    OTHER_PURPOSE,
    OTHER_DATASET,
    ONE_DATASET_LESS,
    OTHER_MACHINE,
    OTHER_EVIDENCE,
    OTHER_LEASE,
    NUMBER_ZERO,
    NUMBER_ABOVE,
    A_RENEWAL,
    NOT_SIMULATED,
    LEDGER_FORKED,
    LEDGER_AHEAD,
    OTHER_SIGNER,
    STATEMENT_LEFT_OUT,
    STATEMENTS_SWAPPED,
    STATEMENT_TWICE,
    NO_STATEMENTS,
    STATEMENT_FORGED,
    OTHER_KEYS,
    OTHER_ENC,
    VIEWS_OF_NOTHING,
    ANSWER_CUT,
    ANSWER_LONGER,
    LIES
} lie;

static const struct {
    const char *what, *word;
} lies[LIES] = {
    [HONEST] = {"the truth", ""},
    [OTHER_GENESIS] = {"a receipt for another app", "receipt"},
    [OTHER_COMPOSE] = {"a receipt for another recipe", "receipt"},
    [OTHER_PURPOSE] = {"a receipt for another purpose", "receipt"},
    [OTHER_DATASET] = {"a receipt for another dataset", "receipt"},
    [ONE_DATASET_LESS] = {"a receipt for one dataset less", "receipt"},
    [OTHER_MACHINE] = {"a receipt for another machine", "receipt"},
    [OTHER_EVIDENCE] = {"a receipt over other evidence", "receipt"},
    [OTHER_LEASE] = {"a longer lease", "receipt"},
    [NUMBER_ZERO] = {"grant number 0", "receipt"},
    [NUMBER_ABOVE] = {"a number above the recipe's", "receipt"},
    [A_RENEWAL] = {"a renewal that nobody asked for", "receipt"},
    [NOT_SIMULATED] = {"a simulated machine called real", "receipt"},
    [LEDGER_FORKED] = {"another ledger head", "rollback"},
    [LEDGER_AHEAD] = {"a ledger head that is not there", "rollback"},
    [OTHER_SIGNER] = {"a receipt by another key", "signature"},
    [STATEMENT_LEFT_OUT] = {"one owner's statement left out", "statement"},
    [STATEMENTS_SWAPPED] = {"statements out of order", "statement"},
    [STATEMENT_TWICE] = {"a statement twice", "statement"},
    [NO_STATEMENTS] = {"no statements", "statement"},
    [STATEMENT_FORGED] = {"a statement that nobody signed", "signature"},
    [OTHER_KEYS] = {"keys that were sealed for something else", ""},
    [OTHER_ENC] = {"keys to another response key", ""},
    [VIEWS_OF_NOTHING] = {"views of a chain, where there is none", "format"},
    [ANSWER_CUT] = {"half an answer", "format"},
    [ANSWER_LONGER] = {"more than an answer", "format"},
};

/* ---- the liar ---- */
typedef struct parts {
    sw_bytes enc, sealed, receipt, statements, views;
} parts;

static void spoil_grant(sw_grant *g, lie which) {
    switch (which) {
    case OTHER_GENESIS:
        g->genesis.b[0] ^= 1;
        break;
    case OTHER_COMPOSE:
        g->compose.b[0] ^= 1;
        break;
    case OTHER_PURPOSE:
        g->purpose = SW_PURPOSE_REPLAY;
        break;
    case OTHER_DATASET:
        g->datasets[1].b[7] ^= 1;
        break;
    case ONE_DATASET_LESS:
        g->dataset_count--;
        break;
    case OTHER_MACHINE:
        g->machine = g->open_recipient;
        break;
    case OTHER_EVIDENCE:
        g->evidence.b[31] ^= 1;
        break;
    case OTHER_LEASE:
        g->lease_ms++;
        break;
    case NUMBER_ZERO:
        g->number = 0;
        break;
    case NUMBER_ABOVE:
        g->number = 33;
        break;
    case A_RENEWAL:
        g->renewal = 1;
        break;
    case NOT_SIMULATED:
        g->simulated = false;
        break;
    case LEDGER_FORKED:
        g->ledger.hash.b[0] ^= 1;
        break;
    case LEDGER_AHEAD:
        g->ledger.index += 5;
        break;
    default:
        break;
    }
}

static void spoil_receipt(const sw_kms *k, sw_bytes receipt, lie which, sw_buffer *out) {
    sw_arena arena = {0};
    sw_grant g;
    sw_session_key other = {{1, 2, 3}};
    if (sw_grant_open(&arena, receipt, &k->receipt_public, &g, NULL) != SW_OK) _exit(3);
    if (which == OTHER_MACHINE) g.open_recipient = k->tls_public; /* any key on the curve */
    spoil_grant(&g, which);
    if (sw_grant_sign(&g, which == OTHER_SIGNER ? &other : k->receipt, out, NULL) != SW_OK)
        _exit(4);
    sw_arena_free(&arena);
}

static void spoil_statements(sw_bytes statements, lie which, sw_buffer *out) {
    sw_arena arena = {0};
    sw_json *list;
    if (sw_json_parse(&arena, statements, NULL, &list, NULL) != SW_OK || list->count != OWNERS)
        _exit(5);
    sw_bytes s[OWNERS];
    const sw_json *e = list->first;
    for (size_t i = 0; i < OWNERS; i++, e = e->next) s[i] = e->span;
    static const size_t orders[][OWNERS] = {{0, 1, 2}, {1, 0, 2}, {0, 0, 2}};
    size_t order = which == STATEMENTS_SWAPPED ? 1 : which == STATEMENT_TWICE ? 2 : 0;
    size_t count = which == STATEMENT_LEFT_OUT ? 2 : which == NO_STATEMENTS ? 0 : OWNERS;
    sw_put_u8(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) sw_put_u8(out, ',');
        size_t at = out->size;
        sw_put_bytes(out, s[orders[order][i]]);
        uint8_t *signature = out->data + at + s[orders[order][i]].size - 24;
        if (which == STATEMENT_FORGED && i == 1) *signature = *signature == 'A' ? 'B' : 'A';
    }
    sw_put_u8(out, ']');
    sw_arena_free(&arena);
}

static void spoil(const sw_kms *k, lie which, sw_buffer *body) {
    parts p;
    sw_reader r = sw_reader_of(bytes_of(body));
    p.enc = sw_read_field(&r, 65);
    p.sealed = sw_read_field(&r, 1 << 14);
    p.receipt = sw_read_field(&r, 1 << 16);
    p.statements = sw_read_field(&r, 1 << 20);
    p.views = sw_read_field(&r, SW_KMS_VIEWS_LIMIT);
    if (sw_reader_finish(&r, "answer", NULL) != SW_OK) _exit(6);
    sw_buffer receipt = SW_BUFFER(1 << 16), statements = SW_BUFFER(1 << 20);
    sw_buffer made = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    if (which < STATEMENT_LEFT_OUT && which != HONEST)
        spoil_receipt(k, p.receipt, which, &receipt);
    else
        sw_put_bytes(&receipt, p.receipt);
    if (which >= STATEMENT_LEFT_OUT && which <= STATEMENT_FORGED)
        spoil_statements(p.statements, which, &statements);
    else
        sw_put_bytes(&statements, p.statements);
    if (which == OTHER_KEYS) ((uint8_t *)p.sealed.data)[3] ^= 1;
    sw_put_field(&made, which == OTHER_ENC ? SW_BYTES_OF(k->root_public.b) : p.enc);
    sw_put_field(&made, p.sealed);
    sw_put_field(&made, bytes_of(&receipt));
    sw_put_field(&made, bytes_of(&statements));
    sw_put_field(&made, which == VIEWS_OF_NOTHING ? SW_LITERAL("[{}]") : p.views);
    if (which == ANSWER_CUT) made.size /= 2;
    if (which == ANSWER_LONGER) sw_put_u8(&made, 0);
    body->size = 0;
    sw_put_bytes(body, bytes_of(&made));
    sw_buffer_free(&receipt);
    sw_buffer_free(&statements);
    sw_buffer_free(&made);
}

static void answer_lying(void *context, const sw_http_request *q, sw_http_reply *reply) {
    const liar *l = context;
    size_t size = strlen(q->path);
    sw_kms_answer(l->kms, q, reply);
    bool keys = size > 5 && strcmp(q->path + size - 5, "/keys") == 0;
    if (keys && reply->status == 200) spoil(l->kms, (lie)*l->r->lie, &reply->body);
}

/* ---- what the client makes of it ---- */
static void test_no_lie_is_believed(void **state) {
    (void)state;
    remote_world *r = remote_new(answer_lying);
    unlock_all_by(r);
    for (int i = HONEST; i < LIES; i++) {
        *r->lie = i;
        sw_granted granted = {0};
        sw_error err = {0};
        sw_key_request q = request_of(r);
        sw_status status = ask_by(r, &q, &granted, &err);
        bool right = i == HONEST ? status == SW_OK : status != SW_OK;
        if (i != HONEST && lies[i].word[0] != 0)
            right = right && strcmp(err.word, lies[i].word) == 0;
        if (!right) print_message("# %s: %s, %s\n", lies[i].what, err.word, err.message);
        assert_true(right);
        if (status != SW_OK) assert_null(granted.receipt.data); /* untouched */
        sw_granted_free(&granted);
    }
    remote_free(r);
}

/* Consents to another root than the one that the statements name are not asked with. */
static void test_consents_to_another_root(void **state) {
    (void)state;
    remote_world *r = remote_new(answer_lying);
    unlock_all_by(r);
    sw_consent other[OWNERS];
    memcpy(other, r->w->consents, sizeof other);
    other[2].word.root_key_hash.b[0] ^=
        1; /* as the machine read it; the envelope is the right one */
    sw_key_request q = request_of(r);
    q.consents = other;
    refused_by(r, q, "root");
    remote_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_lie_is_believed),
        cmocka_unit_test(test_consents_to_another_root),
    };
    return cmocka_run_group_tests_name("kms/lies", tests, NULL, NULL);
}
