/* SPDX-License-Identifier: Apache-2.0
 *
 * app relay, app watch: what somebody else has signed is sent; what becomes final is told.
 */
#include "cli/ledger_chain.h"
#include "codec/text.h"
#include "ledger/handed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define VIEW_BYTES ((size_t)64 << 20)
enum { POLL_SECONDS = 6, POLL_LIMIT = 3600 };

/* ---- app relay ---- */

typedef struct relayed { /* what somebody else has said, and who that is */
    sw_app_say say;
    sw_bytes data;
    char who[sizeof((sw_owner *)0)->name];
} relayed;

/* CHN-236: the contract takes some words from their owner's own account without a signature, so a
 * call that is not wholly somebody else's would speak for whoever sends it. */
static sw_status relay_judge(const sw_genesis *g, relayed *r, sw_error *err) {
    uint8_t place, signature[SW_SECP256K1_SIG_BYTES];
    sw_address signer;
    char address[43];
    SW_TRY(sw_app_say_parse(r->data, &r->say, &place, signature, err));
    SW_TRY(sw_app_say_signer(g, &r->say, place, signature, &signer, err));
    sw_address_text(address, &signer);
    (void)snprintf(r->who, sizeof r->who, "%s",
                   place < g->owner_count ? g->owners[place].name : address);
    return SW_OK;
}

static void relay_tell(sw_cli *cli, const relayed *r) {
    static const char *const acts[] = {[SW_ACT_APPROVE] = "approves",
                                       [SW_ACT_OPEN] = "approves the opening of",
                                       [SW_ACT_REVOKE] = "revokes",
                                       [SW_ACT_LIFT] = "lifts the revocation of"};
    char target[2 * SW_HASH_BYTES + 1] = "everything";
    const sw_hash *named = r->say.act == SW_ACT_OPEN ? &r->say.manifest : &r->say.compose;
    if (!r->say.everything) sw_hex_text(target, SW_BYTES_OF(named->b));
    sw_cli_note(cli, "%s %s %s, as number %" PRIu64, r->who, acts[r->say.act], target,
                r->say.sequence);
}

static sw_status relay(sw_cli *cli, sw_rpc *rpc, const sw_chain_key *key, const sw_genesis *g,
                       const relayed *r, sw_error *err) {
    sw_rpc_sent sent;
    relay_tell(cli, r);
    SW_TRY(sw_cli_transact(cli, rpc, &g->chain, key, &g->chain.contract, r->data, &sent, err));
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    sw_json_add_hex(sw_cli_arena(cli), root, "transaction", SW_BYTES_OF(sent.transaction.b));
    sw_json_add_integer(sw_cli_arena(cli), root, "index", (int64_t)sent.block.index);
    sw_json_add_hex(sw_cli_arena(cli), root, "head", SW_BYTES_OF(sent.block.hash.b));
    sw_json_add_text(sw_cli_arena(cli), root, "by", sw_text(r->who));
    sw_cli_result(cli, root);
    sw_cli_print(cli, "sent\nblock %" PRIu64 "\n", sent.block.index);
    return SW_OK;
}

sw_status sw_cli_relay(sw_cli *cli, sw_error *err) {
    const char *folder;
    const sw_chain_key *key;
    sw_genesis *g = SW_ARENA_NEW(sw_cli_arena(cli), sw_genesis, 1);
    sw_bytes envelope;
    sw_app_place at;
    relayed r = {0};
    sw_rpc *rpc;
    sw_identity *who;
    if (g == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for an app");
    SW_TRY(sw_cli_need(cli, "identity", &folder, err));
    SW_TRY(sw_cli_genesis(cli, g, &envelope, err));
    SW_TRY(sw_cli_relay_read(cli, sw_cli_argument(cli, 0), &at, &r.data, err));
    sw_status told = sw_genesis_check_place(g, &at, err);
    if (told == SW_OK) told = relay_judge(g, &r, err);
    if (told != SW_OK) sw_error_prefix(err, "%s", sw_cli_argument(cli, 0));
    SW_TRY(told);
    SW_TRY(sw_cli_node(cli, &rpc, err));
    sw_status status =
        sw_identity_open(folder, sw_cli_passphrase(cli), sw_cli_entropy(cli), &who, err);
    if (status == SW_OK) {
        status = sw_identity_chain_key(who, &key, err);
        if (status == SW_OK) status = relay(cli, rpc, key, g, &r, err);
        sw_identity_close(&who);
    }
    sw_rpc_close(&rpc);
    return status;
}

/* ---- app watch ---- */

typedef struct watching {
    sw_cli *cli;
    sw_ledger_access access;
    uint64_t told;       /* entries of a list */
    const sw_json *seen; /* a chain's last view, as `app show --json` */
    bool more;           /* the contract spoke of more than is told at the last look */
} watching;

static const char *name_of(const watching *w, const sw_hash *owner) {
    const sw_owner *o = sw_genesis_owner(&w->access.genesis, owner);
    return o == NULL ? "somebody" : o->name;
}

static void tell(watching *w, const char *word, const char *target, const char *who,
                 uint64_t index) {
    sw_arena *a = sw_cli_arena(w->cli);
    sw_json *line = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_text(a, line, "entry", sw_text(word));
    sw_json_add_text(a, line, "target", sw_text(target));
    sw_json_add_text(a, line, "owner", sw_text(who));
    sw_json_add_integer(a, line, "index", (int64_t)index);
    sw_cli_result(w->cli, line);
    sw_cli_print(w->cli, "%" PRIu64 "  %s  %s  by %s\n", index, word, target, who);
}

static sw_status tell_entry(void *context, const sw_head *at, const sw_envelope *envelope,
                            sw_bytes bytes, sw_error *err) {
    watching *w = context;
    sw_entry e;
    SW_SCOPED(sw_arena) a = {0};
    char target[2 * SW_HASH_BYTES + 1] = "everything";
    (void)envelope;
    SW_TRY(sw_entry_open(&a, bytes, &w->access.genesis, &e, err));
    const sw_hash *named = e.kind == SW_PAYLOAD_OPEN ? &e.manifest : &e.compose;
    if (!e.everything) sw_hex_text(target, SW_BYTES_OF(named->b));
    tell(w,
         e.kind == SW_PAYLOAD_APPROVE  ? "approved"
         : e.kind == SW_PAYLOAD_OPEN   ? "opening approved"
         : e.kind == SW_PAYLOAD_REVOKE ? "revoked"
                                       : "lifted",
         target, name_of(w, &e.owner), at->index);
    w->told = at->index;
    return SW_OK;
}

static bool has_text(const sw_json *list, sw_bytes text) {
    for (const sw_json *v = list == NULL ? NULL : list->first; v != NULL; v = v->next)
        if (sw_bytes_equal(v->text, text)) return true;
    return false;
}

/* Owners who stand in the new list and not in the old one, or the other way round. */
static void tell_difference(watching *w, const sw_json *old, const sw_json *new, const char *came,
                            const char *went, const char *target) {
    uint64_t index = sw_ledger_head(w->access.ledger).index;
    for (int back = 0; back < 2; back++) {
        const sw_json *from = back ? old : new, *other = back ? new : old;
        const char *word = back ? went : came;
        for (const sw_json *v = from == NULL ? NULL : from->first; v != NULL && word; v = v->next) {
            sw_hash owner;
            if (has_text(other, v->text)) continue;
            if (sw_hex_decode(owner.b, sizeof owner.b, v->text, false, NULL) == SW_OK)
                tell(w, word, target, name_of(w, &owner), index);
        }
    }
}

/* The element of the old view's list that is about the same thing. */
static const sw_json *find_same(const sw_json *list, const sw_json *node) {
    static const char *const names[] = {"compose", "manifest", "recipient"};
    for (const sw_json *v = list == NULL ? NULL : list->first; v != NULL; v = v->next) {
        bool same = true;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            const sw_json *a = sw_json_member(v, names[i]), *b = sw_json_member(node, names[i]);
            same = same && (a == NULL) == (b == NULL) &&
                   (a == NULL || sw_bytes_equal(a->text, b->text));
        }
        if (same) return v;
    }
    return NULL;
}

static void tell_list(watching *w, const sw_json *now, const char *list, const char *named,
                      const char *came) {
    const sw_json *old = sw_json_member(w->seen, list);
    const sw_json *everything = sw_json_member(now, "everything_revoked_by");
    const sw_json *all = sw_json_member(now, list);
    for (const sw_json *v = all == NULL ? NULL : all->first; v != NULL; v = v->next) {
        const sw_json *was = find_same(old, v), *target = sw_json_member(v, named);
        const char *text =
            target == NULL ? NULL : sw_arena_text(sw_cli_arena(w->cli), target->text);
        if (text == NULL) continue;
        tell_difference(w, sw_json_member(was, "approved_by"), sw_json_member(v, "approved_by"),
                        came, "approval void", text);
        if (everything == NULL || everything->count == 0)
            tell_difference(w, sw_json_member(was, "revoked_by"), sw_json_member(v, "revoked_by"),
                            "revoked", "lifted", text);
    }
}

/* What changed between two views of a chain; between them more may have come and gone. */
static sw_status tell_view(watching *w, sw_error *err) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(VIEW_BYTES);
    sw_arena *a = sw_cli_arena(w->cli);
    sw_json *now;
    bool more;
    SW_TRY(sw_chain_access_discover(&w->access, &more, err));
    if (more && !w->more)
        sw_cli_note(w->cli, "the contract's events speak of more than is told: what was decided "
                            "longest ago is left out");
    w->more = more;
    SW_TRY(sw_ledger_show(w->access.ledger, true, &text, err));
    sw_bytes kept = sw_arena_copy(a, sw_buffer_bytes(&text));
    SW_TRY(sw_json_parse(a, kept, NULL, &now, err));
    tell_difference(w, sw_json_member(w->seen, "everything_revoked_by"),
                    sw_json_member(now, "everything_revoked_by"), "revoked", "lifted",
                    "everything");
    tell_list(w, now, "composes", "compose", "approved");
    tell_list(w, now, "openings", "manifest", "opening approved");
    w->seen = now;
    return SW_OK;
}

static sw_status look(watching *w, sw_error *err) {
    if (w->access.rpc != NULL) return tell_view(w, err);
    return sw_journal_read(w->access.journal, w->told + 1, tell_entry, w, err);
}

static sw_status watch(watching *w, uint64_t seconds, sw_error *err) {
    const struct timespec pause = {.tv_sec = (time_t)seconds};
    sw_head head = {0};
    for (;;) {
        sw_head now = sw_ledger_head(w->access.ledger);
        if (now.index > head.index || w->seen == NULL) SW_TRY(look(w, err));
        head = now;
        if (sw_cli_flag(w->cli, "once")) return SW_OK;
        (void)nanosleep(&pause, NULL);
        sw_status status = sw_ledger_access_reload(&w->access, err);
        if (status == SW_UNAVAILABLE) sw_cli_note(w->cli, "the ledger does not answer");
        if (status != SW_OK && status != SW_UNAVAILABLE) return status;
    }
}

sw_status sw_cli_watch(sw_cli *cli, sw_error *err) {
    watching *w = SW_ARENA_NEW(sw_cli_arena(cli), watching, 1);
    uint64_t seconds;
    if (w == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a ledger");
    w->cli = cli;
    SW_TRY(sw_cli_u64(cli, "every", POLL_SECONDS, POLL_LIMIT, &seconds, err));
    SW_TRY(sw_ledger_access_open(cli, &w->access, err));
    sw_status status = watch(w, seconds == 0 ? 1 : seconds, err);
    sw_ledger_access_close(&w->access);
    return status;
}

/* ---- the tables ---- */

const sw_option sw_cli_relay_options[] = {
    {"identity", SW_OPTION_VALUE, "DIR", "whose chain key pays"},
    {"app", SW_OPTION_VALUE, "FILE", "the app's genesis: whose calls are sent"},
    SW_CLI_RPC_OPTIONS,
    SW_CLI_SEND_OPTIONS,
    SW_CLI_PASSPHRASE_OPTION,
    {0},
};
const sw_option sw_cli_watch_options[] = {
    {"once", SW_OPTION_FLAG, NULL, "tell what stands, and end"},
    {"every", SW_OPTION_VALUE, "SECONDS", "how often to look (default 6)"},
    {"app", SW_OPTION_VALUE, "FILE", "the app's genesis"},
    {"ledger", SW_OPTION_VALUE, "WHERE", "file:PATH, https://HOST:PORT or eip155:CHAIN/ADDRESS"},
    SW_CLI_RPC_OPTIONS,
    {"kms", SW_OPTION_VALUE, "URL", "the key service, when its ledger is the one"},
    {0},
};
