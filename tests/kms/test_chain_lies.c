/* SPDX-License-Identifier: Apache-2.0
 *
 * A key service that lies to a machine about a chain: views left out, repeated, of other blocks and
 * other apps, altered; receipts that name other blocks (docs/formats/chain.md, CHN-062, CHN-306).
 * And the judge that both use: what a true view says no to.
 */
#include "kms/chain_world.h"
#include "kms/kms_internal.h"
#include "kms/remote.h"

typedef enum lie {
    HONEST,
    NO_VIEWS,
    FIRST_LEFT_OUT,
    SECOND_LEFT_OUT,
    LAST_LEFT_OUT,
    ONE_TWICE,
    SWAPPED,
    ONE_MORE,
    ANOTHER_APP,
    HEADER_CHANGED,
    ACCOUNT_CHANGED,
    VALUE_CHANGED,
    SLOT_LEFT_OUT,
    NOT_AN_ARRAY,
    RECEIPT_OLDER,
    RECEIPT_FORKED,
    LIES
} lie;
static const struct {
    const char *what, *word;
} lies[LIES] = {
    [HONEST] = {"the truth", ""},
    [NO_VIEWS] = {"no views", "proof"},
    [FIRST_LEFT_OUT] = {"the first view left out", "proof"},
    [SECOND_LEFT_OUT] = {"the second view left out", "proof"},
    [LAST_LEFT_OUT] = {"the last view left out", "proof"},
    [ONE_TWICE] = {"a view twice", "format"},
    [SWAPPED] = {"views out of order", "format"},
    [ONE_MORE] = {"a true view that nobody named", "proof"},
    [ANOTHER_APP] = {"another app of the same owners at the same block", "proof"},
    [HEADER_CHANGED] = {"a header's byte", "proof"},
    [ACCOUNT_CHANGED] = {"an account node's byte", "proof"},
    [VALUE_CHANGED] = {"a storage node's byte", "proof"},
    [SLOT_LEFT_OUT] = {"a slot left out", "proof"},
    [NOT_AN_ARRAY] = {"an object instead of views", "format"},
    [RECEIPT_OLDER] = {"a receipt of an older block than an owner's", "statement"},
    [RECEIPT_FORKED] = {"a receipt of a block that is not shown", "proof"},
};
enum { VIEWS = 3 };

typedef struct lying_world {
    chain_world *c;
    remote_world *r;
} lying_world;

static const char *kept_path(const world *w, const char *name) {
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", w->folder, name);
    return path;
}

/* ---- the liar ---- */
static void flip_in(sw_buffer *text, const char *member, size_t behind) {
    sw_put_u8(text, 0);
    char *at = strstr((char *)text->data, member);
    if (at == NULL) _exit(5);
    at += strlen(member) + behind;
    *at = *at == '0' ? '1' : '0';
    text->size--;
}

static void drop_slot(sw_buffer *text) {
    sw_put_u8(text, 0);
    char *begin = strstr((char *)text->data, "},{\"proof\"");
    if (begin == NULL) _exit(6);
    char *end = strstr(begin + 2, "}");
    memmove(begin, end, strlen(end) + 1);
    text->size = strlen((char *)text->data);
}

static void put_kept(const world *w, const char *name, sw_buffer *out) {
    sw_buffer file = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    if (sw_file_read(kept_path(w, name), SW_CHAIN_VIEW_LIMIT, &file, NULL) != SW_OK) _exit(7);
    sw_put_bytes(out, bytes_of(&file));
    sw_buffer_free(&file);
}

static void put_view(const world *w, lie which, size_t i, sw_bytes view, sw_buffer *out) {
    sw_buffer one = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    if (which == ANOTHER_APP && i == 0)
        put_kept(w, "other.view", &one);
    else
        sw_put_bytes(&one, view);
    if (i == 0 && which == HEADER_CHANGED) flip_in(&one, "\"header\":\"", 20);
    if (i == 0 && which == ACCOUNT_CHANGED) flip_in(&one, "\"account\":[\"", 30);
    if (i == 0 && which == VALUE_CHANGED) flip_in(&one, "\"proof\":[\"", 30);
    if (i == 0 && which == SLOT_LEFT_OUT) drop_slot(&one);
    if (out->size > 1) sw_put_u8(out, ',');
    sw_put_bytes(out, bytes_of(&one));
    sw_buffer_free(&one);
}

static void spoil_views(const world *w, sw_bytes views, lie which, sw_buffer *out) {
    sw_arena arena = {0};
    sw_json *list;
    const sw_json_limits limits = {0, 8, SW_KMS_VIEWS_NODES};
    if (sw_json_parse(&arena, views, &limits, &list, NULL) != SW_OK || list->count != VIEWS)
        _exit(8);
    static const size_t orders[LIES][VIEWS + 1] = {[FIRST_LEFT_OUT] = {2, 3},
                                                   [SECOND_LEFT_OUT] = {1, 3},
                                                   [LAST_LEFT_OUT] = {1, 2},
                                                   [ONE_TWICE] = {1, 2, 2, 3},
                                                   [SWAPPED] = {2, 1, 3}};
    static const size_t all[VIEWS + 1] = {1, 2, 3};
    const size_t *order = orders[which][0] != 0 ? orders[which] : all;
    sw_bytes v[VIEWS];
    const sw_json *e = list->first;
    for (size_t i = 0; i < VIEWS; i++, e = e->next) v[i] = e->span;
    sw_put_u8(out, '[');
    if (which == ONE_MORE) put_kept(w, "earlier.view", out);
    for (size_t i = 0; which != NO_VIEWS && i <= VIEWS && order[i] != 0; i++)
        put_view(w, which, i, v[order[i] - 1], out);
    sw_put_u8(out, ']');
    sw_arena_free(&arena);
}

static void spoil_receipt(const sw_kms *k, sw_bytes receipt, lie which, sw_buffer *out) {
    sw_arena arena = {0};
    sw_grant g;
    if (sw_grant_open(&arena, receipt, &k->receipt_public, &g, NULL) != SW_OK) _exit(3);
    if (which == RECEIPT_OLDER) g.ledger = k->apps[k->app_count - 1]->words[0].statement.ledger;
    if (which == RECEIPT_FORKED) g.ledger.hash.b[5] ^= 1;
    if (sw_grant_sign(&g, k->receipt, out, NULL) != SW_OK) _exit(4);
    sw_arena_free(&arena);
}

static void spoil(const sw_kms *k, const world *w, lie which, sw_buffer *body) {
    sw_bytes fields[5];
    sw_reader r = sw_reader_of(bytes_of(body));
    for (size_t i = 0; i < 5; i++) fields[i] = sw_read_field(&r, SW_HTTP_BODY_LIMIT);
    if (sw_reader_finish(&r, "answer", NULL) != SW_OK) _exit(9);
    sw_buffer receipt = SW_BUFFER(1 << 16), views = SW_BUFFER(SW_KMS_VIEWS_LIMIT);
    sw_buffer made = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    spoil_receipt(k, fields[2], which, &receipt);
    spoil_views(w, fields[4], which, &views);
    bool new_receipt = which == RECEIPT_OLDER || which == RECEIPT_FORKED;
    sw_put_field(&made, fields[0]);
    sw_put_field(&made, fields[1]);
    sw_put_field(&made, new_receipt ? bytes_of(&receipt) : fields[2]);
    sw_put_field(&made, fields[3]);
    sw_put_field(&made, which == NOT_AN_ARRAY ? SW_LITERAL("{}") : bytes_of(&views));
    body->size = 0;
    sw_put_bytes(body, bytes_of(&made));
    sw_buffer_free(&receipt);
    sw_buffer_free(&views);
    sw_buffer_free(&made);
}

static void answer_lying(void *context, const sw_http_request *q, sw_http_reply *reply) {
    const liar *l = context;
    size_t size = strlen(q->path);
    sw_kms_answer(l->kms, q, reply);
    bool keys = size > 5 && strcmp(q->path + size - 5, "/keys") == 0;
    if (keys && reply->status == 200) spoil(l->kms, l->r->w, (lie)*l->r->lie, &reply->body);
}

/* ---- beginning and end ---- */
static lying_world *lying_new(void) {
    lying_world *l = calloc(1, sizeof *l);
    chain_world *c = calloc(1, sizeof *c);
    assert_true(l != NULL && c != NULL);
    l->c = c;
    c->w = world_begin();
    chain_keys(c);
    start_chain(c);
    c->place = (sw_kms_node_place){.chain = TOY_CHAIN, .url = c->url};
    c->w->options.nodes = &c->place;
    c->w->options.node_count = 1;
    start_kms(c->w); /* makes the root */
    l->r = remote_begin(c->w, answer_lying);
    l->r->node = c->node;
    found_on_chain(c);
    remote_found(l->r);
    return l;
}

static void lying_free(lying_world *l) {
    chain_world *c = l->c;
    remote_free(l->r); /* with the world */
    sw_rpc_close(&c->node);
    end_python(c->proxy);
    end_python(c->toy);
    free(c);
    free(l);
}

/* A view of the app of this genesis, asked about the recipe in hand, into a file. */
static void keep(chain_world *c, const sw_genesis *g, const sw_head *at, const char *name) {
    SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    const sw_chain_ask about = {.composes = &c->w->x, .compose_count = 1};
    sw_error err = {0};
    sw_status status = sw_rpc_view(c->node, g, at, &about, &view, NULL, &err);
    if (status != SW_OK) print_message("# %s: %s\n", err.word, err.message);
    assert_int_equal(status, SW_OK);
    assert_int_equal(
        sw_file_write(kept_path(c->w, name), bytes_of(&view), 0600, SW_WRITE_NEW, &err), SW_OK);
}

/* ---- what the machine makes of it ---- */
static void ask_lying(lying_world *l) {
    for (int i = HONEST; i < LIES; i++) {
        *l->r->lie = i;
        sw_granted granted = {0};
        sw_error err = {0};
        sw_key_request q = request_of(l->r);
        sw_status status = ask_by(l->r, &q, &granted, &err);
        bool right = (status == SW_OK) == (i == HONEST) &&
                     (i == HONEST || strcmp(err.word, lies[i].word) == 0);
        if (!right) print_message("# %s: %s, %s\n", lies[i].what, err.word, err.message);
        assert_true(right);
        if (status != SW_OK) assert_null(granted.receipt.data); /* untouched */
        sw_granted_free(&granted);
    }
}

static void test_no_lie_is_believed(void **state) {
    (void)state;
    lying_world *l = lying_new();
    chain_world *c = l->c;
    sw_genesis other = c->w->p.genesis;
    SW_SCOPED(sw_buffer) code = SW_BUFFER(1 << 16);
    sw_address addresses[OWNERS];
    for (size_t i = 0; i < OWNERS; i++) addresses[i] = other.owners[i].address;
    sw_app_deploy_code(&code, addresses, OWNERS, 2, true, NULL, 0, false);
    other.chain.contract = send_call(c, NULL, bytes_of(&code)).contract;
    act(c, 0, SW_ACT_APPROVE);
    act(c, 1, SW_ACT_APPROVE);
    const sw_head earlier = final_of(c);
    keep(c, &c->w->p.genesis, &earlier, "earlier.view");
    for (size_t i = 0; i < OWNERS; i++) { /* each names another block, and nobody the first */
        sw_error err = {0};
        mine(c, 1);
        const sw_head named = final_of(c);
        if (i == 0) keep(c, &other, &named, "other.view");
        assert_int_equal(unlock_by(l->r, i, &err), SW_OK);
    }
    ask_lying(l);
    lying_free(l);
}

/* An owner's client names what her own node calls final, and nothing older than she has seen. */
static void test_an_owners_node(void **state) {
    (void)state;
    lying_world *l = lying_new();
    sw_error err = {0};
    l->r->node = NULL;
    assert_int_equal(unlock_by(l->r, 0, &err), SW_USAGE);
    l->r->node = l->c->node;
    tell_node(l->c, "proxy_stand", "[true]");
    mine(l->c, 2);
    tell_node(l->c, "proxy_stand", "[false]");
    assert_int_equal(unlock_by(l->r, 0, &err), SW_OK);
    tell_node(l->c, "toy_reorganise", "[5]"); /* other blocks, as many */
    assert_int_equal(unlock_by(l->r, 0, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "rollback");
    lying_free(l);
}

/* Nothing on it is newer than 1970: what her co-owners decided since, she would not see. */
static void test_an_owners_node_that_stands_still(void **state) {
    (void)state;
    toy_born_s = 1;
    lying_world *l = lying_new();
    toy_born_s = 0;
    sw_error err = {0};
    l->r->node = l->c->node;
    assert_int_equal(unlock_by(l->r, 0, &err), SW_UNAVAILABLE);
    assert_non_null(strstr(err.message, "is of 1970-01-01T00:0"));
    assert_non_null(strstr(err.message, "it stands still"));
    lying_free(l);
}

/* ---- the judge ---- */
static sw_status judge_now(chain_world *c, const char *whose, sw_error *err) {
    SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    const sw_chain_question q = {
        .genesis = &c->w->p.genesis, .recipe = &c->w->recipe, .compose = &c->w->x};
    const sw_chain_ask about = sw_chain_question_ask(&q);
    const sw_head at = final_of(c);
    sw_approval approval = {0};
    assert_int_equal(sw_rpc_view(c->node, q.genesis, &at, &about, &view, NULL, NULL), SW_OK);
    sw_status status = sw_chain_question_judge(&q, &at, bytes_of(&view), whose, &approval, err);
    if (status == SW_OK) assert_true(approval.approved);
    return status;
}

static void test_what_a_view_says(void **state) {
    (void)state;
    chain_world *c = chain_new();
    static const uint8_t last[] = {2};
    sw_error err = {0};
    assert_int_equal(judge_now(c, "Anna", &err), SW_REFUSED);
    assert_string_equal(err.word, "quorum");
    assert_non_null(strstr(err.message, "which Anna named"));
    act(c, 0, SW_ACT_APPROVE);
    assert_int_equal(judge_now(c, NULL, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "1 of the 2"));
    act(c, 1, SW_ACT_APPROVE);
    assert_int_equal(judge_now(c, NULL, &err), SW_OK);
    act(c, 2, SW_ACT_REVOKE);
    assert_int_equal(judge_now(c, NULL, &err), SW_REFUSED);
    assert_string_equal(err.word, "revoked");
    act(c, 2, SW_ACT_LIFT);
    change(c, last, 1);
    act(c, 0, SW_ACT_APPROVE);
    act(c, 1, SW_ACT_APPROVE);
    assert_int_equal(judge_now(c, NULL, &err), SW_REFUSED);
    assert_string_equal(err.word, "removed");
    chain_free(c);
}

static void put_view_at(chain_world *c, const sw_head *at, sw_buffer *out) {
    const sw_chain_ask about = {.composes = &c->w->x, .compose_count = 1};
    assert_int_equal(sw_rpc_view(c->node, &c->w->p.genesis, at, &about, out, NULL, NULL), SW_OK);
}

/* Two arrays as one: ascending, each block once. */
static void test_merging(void **state) {
    (void)state;
    chain_world *c = chain_new();
    sw_buffer views[3];
    SW_SCOPED(sw_buffer) first = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) second = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) expected = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) merged = SW_BUFFER(1 << 20);
    sw_error err = {0};
    for (size_t i = 0; i < 3; i++) {
        const sw_head at = final_of(c);
        views[i] = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
        put_view_at(c, &at, &views[i]);
        mine(c, 1);
    }
#define TEXT(b) (int)(b).size, (const char *)(b).data
    sw_put_format(&first, "[%.*s,%.*s]", TEXT(views[0]), TEXT(views[2]));
    sw_put_format(&second, "[%.*s,%.*s]", TEXT(views[1]), TEXT(views[2]));
    sw_put_format(&expected, "[%.*s,%.*s,%.*s]", TEXT(views[0]), TEXT(views[1]), TEXT(views[2]));
    assert_int_equal(sw_view_list_merge(bytes_of(&first), bytes_of(&second), &merged, &err), SW_OK);
    assert_true(sw_bytes_equal(bytes_of(&merged), bytes_of(&expected)));
    merged.size = 0;
    assert_int_equal(sw_view_list_merge(SW_LITERAL("[]"), bytes_of(&first), &merged, &err), SW_OK);
    assert_true(sw_bytes_equal(bytes_of(&merged), bytes_of(&first)));
    merged.size = 0;
    assert_int_equal(sw_view_list_merge(SW_LITERAL("{}"), bytes_of(&first), &merged, &err),
                     SW_MALFORMED);
    second.size = 0;
    sw_put_format(&second, "[%.*s,%.*s]", TEXT(views[2]), TEXT(views[1]));
    assert_int_equal(sw_view_list_merge(bytes_of(&first), bytes_of(&second), &merged, &err),
                     SW_MALFORMED);
    assert_int_equal(merged.size, 0);
#undef TEXT
    for (size_t i = 0; i < 3; i++) sw_buffer_free(&views[i]);
    chain_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_lie_is_believed),
        cmocka_unit_test(test_an_owners_node),
        cmocka_unit_test(test_an_owners_node_that_stands_still),
        cmocka_unit_test(test_what_a_view_says),
        cmocka_unit_test(test_merging),
    };
    return cmocka_run_group_tests_name("kms/chain_lies", tests, NULL, NULL);
}
