/* SPDX-License-Identifier: Apache-2.0
 *
 * A ledger that is a contract. Nothing that the node says decides: the ledger is a view that was
 * verified under the finalised block's hash, and what was sent counts when a later view shows it.
 */
#include "cli/ledger_chain.h"
#include "codec/text.h"
#include "ledger/handed.h"
#include "sys/files.h"

#include <inttypes.h>
#include <string.h>

enum { WAIT_SECONDS = 1800, WAIT_LIMIT = 86400 };
/* Above what was sent by others and not seen (CHN-238), and room for 2^33 of them. */
enum { OFFLINE_SKIP = 1 << 20 };
#define RELAY_KIND  "sealwright/relay/v1"
#define RELAY_LIMIT ((size_t)128 << 10)

/* ---- the node ---- */

sw_status sw_cli_node(sw_cli *cli, sw_rpc **out, sw_error *err) {
    sw_rpc_options o = {.ca_file = sw_cli_value(cli, "rpc-ca")};
    SW_TRY(sw_cli_need(cli, "rpc", &o.url, err));
    return sw_rpc_open(&o, out, err);
}

sw_status sw_cli_chain_place(const char *text, sw_app_place *out, sw_error *err) {
    static const char prefix[] = "eip155:";
    sw_app_place place = {0};
    const char *at = text + sizeof prefix - 1;
    bool good = strncmp(text, prefix, sizeof prefix - 1) == 0 && *at >= '1' && *at <= '9';
    for (; good && *at >= '0' && *at <= '9'; at++) {
        place.chain = place.chain * 10 + (uint64_t)(*at - '0');
        good = place.chain >> 53 == 0;
    }
    if (!good || *at != '/')
        return sw_fail(err, SW_USAGE, "usage", "a ledger on a chain is eip155:CHAIN/ADDRESS");
    SW_TRY(sw_address_parse(sw_text(at + 1), &place.contract, err));
    *out = place;
    return SW_OK;
}

static void say(void *context, const char *sentence) {
    sw_cli_note(context, "%s", sentence);
}

sw_status sw_cli_transact(sw_cli *cli, sw_rpc *rpc, const sw_app_place *at, const sw_chain_key *key,
                          const sw_address *to, sw_bytes data, sw_rpc_sent *out, sw_error *err) {
    uint64_t seconds;
    const sw_rpc_progress progress = {cli, say};
    sw_rpc_order order = {.chain = at->chain,
                          .key = key,
                          .to = to,
                          .data = data,
                          .clock = sw_cli_clock(cli),
                          .progress = &progress};
    SW_TRY(sw_cli_u64(cli, "wait", WAIT_SECONDS, WAIT_LIMIT, &seconds, err));
    SW_TRY(sw_cli_u64(cli, "max-cost-gwei", SW_RPC_MAX_COST_GWEI, SW_RPC_COST_LIMIT_GWEI,
                      &order.max_cost_gwei, err));
    if (order.max_cost_gwei == 0)
        return sw_fail(err, SW_USAGE, "usage", "--max-cost-gwei is at least 1");
    order.wait_ms = (int64_t)seconds * 1000;
    return sw_rpc_send(rpc, &order, out, err);
}

/* ---- a signed call as a file ---- */

sw_status sw_cli_relay_write(sw_cli *cli, const char *path, const sw_app_place *at, sw_bytes data,
                             sw_error *err) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER(RELAY_LIMIT);
    sw_arena *a = sw_cli_arena(cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_integer(a, root, "chain", (int64_t)at->chain);
    sw_json_add_hex(a, root, "contract", SW_BYTES_OF(at->contract.b));
    sw_json_add_hex(a, root, "data", data);
    sw_json_add_text(a, root, "kind", SW_LITERAL(RELAY_KIND));
    sw_json_encode(&json, root);
    SW_TRY(sw_buffer_check(&json, "a signed call", err));
    return sw_file_write(path, sw_buffer_bytes(&json), 0644, SW_WRITE_NEW, err);
}

sw_status sw_cli_relay_read(sw_cli *cli, const char *path, sw_app_place *at, sw_bytes *data,
                            sw_error *err) {
    static const char *const names[] = {"chain", "contract", "data", "kind", NULL};
    const sw_json_limits limits = {.bytes = RELAY_LIMIT, .depth = 2, .nodes = 8};
    SW_SCOPED(sw_buffer) bytes = SW_BUFFER(RELAY_LIMIT);
    sw_json *root;
    sw_bytes file, text = {0};
    sw_app_place place;
    SW_TRY(sw_cli_read(cli, path, RELAY_LIMIT, &file, err));
    SW_TRY(sw_json_parse_canonical(sw_cli_arena(cli), file, &limits, &root, err));
    SW_TRY(sw_json_expect(root, "call", names, err));
    SW_TRY(sw_json_text(root, "call", "kind", &text, err));
    if (!sw_bytes_is(text, RELAY_KIND))
        return sw_fail(err, SW_MALFORMED, "format", "%s is not a signed call", path);
    SW_TRY(sw_json_u64(root, "call", "chain", (UINT64_C(1) << 53) - 1, &place.chain, err));
    SW_TRY(sw_json_hex(root, "call", "contract", place.contract.b, SW_ADDRESS_BYTES, err));
    SW_TRY(sw_json_text(root, "call", "data", &text, err));
    SW_TRY(sw_hex_append(&bytes, text, false, err));
    SW_TRY(sw_buffer_check(&bytes, "call.data", err));
    *data = sw_arena_copy(sw_cli_arena(cli), sw_buffer_bytes(&bytes));
    *at = place;
    return data->size == bytes.size ? SW_OK
                                    : sw_fail(err, SW_MEMORY, "memory", "no memory for a call");
}

/* ---- reading ---- */

static sw_status read_at(sw_ledger_access *a, const sw_head *at, sw_error *err) {
    SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    const sw_hash *compose = a->ask.compose_count == 1 ? a->ask.composes : NULL;
    sw_ledger *ledger = NULL;
    sw_rpc_app app;
    SW_TRY(sw_rpc_view(a->rpc, &a->genesis, at, &a->ask, &view, &ledger, err));
    sw_status status = sw_rpc_app_at(a->rpc, &a->genesis, at, compose, &app, err);
    if (status != SW_OK) {
        sw_ledger_close(&ledger);
        return status;
    }
    if (a->ledger != NULL) sw_ledger_close(&a->ledger);
    a->ledger = ledger;
    a->app = app;
    return SW_OK;
}

/* At the newest finalised block, and never before the one that was read. */
sw_status sw_chain_access_reload(sw_ledger_access *a, sw_error *err) {
    sw_head final, last = {0};
    if (a->ledger != NULL) last = sw_ledger_head(a->ledger);
    SW_TRY(sw_rpc_final(a->rpc, &final, NULL, err));
    return read_at(a, final.index >= last.index ? &final : &last, err);
}

sw_status sw_chain_access_open(sw_ledger_access *a, const char *where, sw_error *err) {
    const sw_genesis *g = &a->genesis;
    sw_app_place place = g->chain;
    if (where != NULL && strncmp(where, "eip155:", 7) == 0)
        SW_TRY(sw_cli_chain_place(where, &place, err));
    else if (sw_cli_option(a->cli, "ledger") != NULL)
        place.chain = 0; /* another kind of ledger than the app's */
    SW_TRY(sw_genesis_check_place(g, &place, err));
    SW_TRY(sw_cli_node(a->cli, &a->rpc, err));
    SW_TRY(sw_rpc_check_chain(a->rpc, g->chain.chain, err));
    return sw_chain_access_reload(a, err);
}

sw_status sw_chain_access_ask(sw_ledger_access *a, const sw_hash *compose,
                              const sw_chain_opening *opening, sw_error *err) {
    sw_arena *arena = sw_cli_arena(a->cli);
    sw_hash *composes = SW_ARENA_NEW(arena, sw_hash, 1);
    sw_chain_opening *openings = SW_ARENA_NEW(arena, sw_chain_opening, 1);
    if (composes == NULL || openings == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a question");
    if (compose != NULL) *composes = *compose;
    if (opening != NULL) *openings = *opening;
    a->ask = (sw_chain_ask){composes, compose != NULL ? 1 : 0, openings, opening != NULL ? 1 : 0};
    sw_head at = sw_ledger_head(a->ledger);
    return read_at(a, &at, err);
}

sw_status sw_chain_access_discover(sw_ledger_access *a, bool *more, sw_error *err) {
    sw_head at = sw_ledger_head(a->ledger);
    SW_TRY(sw_rpc_discover(a->rpc, &a->genesis, &at, sw_cli_arena(a->cli), &a->ask, more, err));
    return read_at(a, &at, err);
}

sw_status sw_cli_chain_devices(sw_cli *cli, sw_hash **out, size_t *count, sw_error *err) {
    const char *const *given = sw_cli_list(cli, "allow-device", count);
    *out = SW_ARENA_NEW(sw_cli_arena(cli), sw_hash, *count + 1);
    if (*out == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for device ids");
    for (size_t i = 0; i < *count; i++)
        SW_TRY(sw_hex_decode((*out)[i].b, SW_HASH_BYTES, sw_text(given[i]), false, err));
    return SW_OK;
}

static sw_status check_owners(sw_rpc *rpc, const sw_genesis *g, const sw_head *at, sw_error *err) {
    sw_rpc_app app;
    SW_TRY(sw_rpc_app_at(rpc, g, at, NULL, &app, err));
    uint64_t all = (UINT64_C(1) << g->owner_count) - 1;
    if (app.head.places == g->owner_count && app.head.active == all &&
        app.head.quorum == g->quorum && app.head.changes == 0)
        return SW_OK;
    return sw_fail(err, SW_REFUSED, "ledger",
                   "the contract has %u owners and the quorum %u, after %" PRIu64
                   " changes: the genesis says %zu and %u",
                   app.head.places, app.head.quorum, app.head.changes, g->owner_count, g->quorum);
}

sw_status sw_cli_chain_founded(sw_cli *cli, sw_rpc *rpc, const sw_genesis *g, sw_error *err) {
    SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    const sw_chain_ask nothing = {0};
    sw_hash *devices;
    size_t count;
    sw_head at;
    SW_TRY(sw_cli_chain_devices(cli, &devices, &count, err));
    SW_TRY(sw_rpc_final(rpc, &at, NULL, err));
    SW_TRY(sw_rpc_view(rpc, g, &at, &nothing, &view, NULL, err));
    SW_TRY(check_owners(rpc, g, &at, err));
    sw_status status = sw_chain_view_check_new(g, &at, sw_buffer_bytes(&view), devices, count, err);
    if (status == SW_UNAUTHENTIC)
        sw_error_hint(err, "when it was made for some machines alone, each owner names them with "
                           "--allow-device");
    return status;
}

/* ---- owners ---- */

sw_status sw_chain_access_place(const sw_ledger_access *a, const sw_card *card, uint8_t *out,
                                sw_error *err) {
    const sw_rpc_app *app = &a->app;
    int found = -1;
    for (uint8_t i = 0; i < app->head.places && card->has_address; i++) {
        bool same = memcmp(app->owners[i].account.b, card->address.b, SW_ADDRESS_BYTES) == 0;
        bool active = (app->head.active >> i & 1) != 0;
        if (same && (found < 0 || active)) found = i;
    }
    if (found < 0 && !card->has_address) {
        sw_status status = sw_fail(err, SW_MISSING, "missing", "%s has no chain key", card->name);
        sw_error_hint(err, "owners of an app on a chain have one before it is drafted: "
                           "`sealwright identity chain-key`");
        return status;
    }
    if (found < 0)
        return sw_fail(err, SW_REFUSED, "ledger", "%s is no owner of the app %s", card->name,
                       a->genesis.name);
    *out = (uint8_t)found;
    return SW_OK;
}

sw_status sw_chain_access_check(sw_ledger_access *a, const sw_identity *who, const sw_seen *seen,
                                sw_error *err) {
    const sw_card *card = sw_identity_card(who);
    sw_head now = sw_ledger_head(a->ledger);
    uint8_t place;
    SW_TRY(sw_chain_access_place(a, card, &place, err));
    SW_TRY(sw_rpc_check_seen(a->rpc, &seen->ledger, &now, err));
    if (a->app.owners[place].sequence >= seen->sequence) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "rollback", "the ledger has lost an entry of %s's own",
                   card->name);
}

uint64_t sw_chain_access_sequence(const sw_ledger_access *a) {
    return a->app.owners[a->place].sequence;
}

/* ---- saying ---- */

static sw_status refuse(sw_error *err, const char *sentence) {
    return sw_fail(err, SW_REFUSED, "ledger", "%s", sentence);
}

/* Who revokes again may fear a lift of her own that is still on its way. */
static sw_status stands(sw_error *err) {
    sw_status status = refuse(err, "this owner's revocation stands already");
    sw_error_hint(err, "a lift that was signed and not sent is void after any other entry of hers");
    return status;
}

/* LDG-032 and CHN-025 on what is proven, so that nobody pays for being refused. */
static sw_status judge(const sw_ledger_access *a, const sw_entry *entry, sw_error *err) {
    const sw_app_head *head = &a->app.head;
    const sw_app_decision *c = &a->app.compose;
    uint32_t bit = UINT32_C(1) << a->place;
    uint32_t approvals = c->app_round == head->round ? c->approvals : 0;
    uint32_t revoked = entry->everything ? head->everything : c->revocations;
    if ((head->active & bit) == 0 && entry->kind != SW_PAYLOAD_LIFT)
        return sw_fail(err, SW_REFUSED, "removed", "this owner was removed from the app");
    if (entry->kind == SW_PAYLOAD_APPROVE && (approvals & bit) != 0)
        return refuse(err, "this owner has approved this compose hash already");
    if (entry->kind == SW_PAYLOAD_REVOKE && (revoked & bit) != 0) return stands(err);
    if (entry->kind == SW_PAYLOAD_LIFT && (revoked & bit) == 0)
        return refuse(err, "there is no revocation of this owner's to lift");
    return SW_OK;
}

static sw_app_act act_of(sw_payload_kind kind) {
    return kind == SW_PAYLOAD_APPROVE  ? SW_ACT_APPROVE
           : kind == SW_PAYLOAD_OPEN   ? SW_ACT_OPEN
           : kind == SW_PAYLOAD_REVOKE ? SW_ACT_REVOKE
                                       : SW_ACT_LIFT;
}

static sw_status sign_call(const sw_ledger_access *a, const sw_entry *entry,
                           const sw_chain_key *key, sw_buffer *call, sw_error *err) {
    uint8_t signature[SW_SECP256K1_SIG_BYTES];
    sw_hash digest;
    sw_app_say said = {.act = act_of(entry->kind),
                       .everything = entry->everything,
                       .app_round = a->app.head.round,
                       .round = a->app.compose.round,
                       .sequence = entry->sequence};
    if (!entry->everything) said.compose = entry->compose;
    if (entry->kind == SW_PAYLOAD_OPEN) {
        said.manifest = entry->manifest;
        sw_key_id(&said.recipient, &entry->recipient);
    }
    sw_app_say_digest(&digest, &a->genesis.chain, &said);
    SW_TRY(sw_chain_key_sign(key, &digest, signature, err));
    sw_app_say_call(call, &said, a->place, signature);
    return sw_buffer_check(call, "a call", err);
}

sw_status sw_chain_access_send(sw_ledger_access *a, sw_identity *who, uint64_t seen_sequence,
                               sw_entry *entry, bool doubted, sw_error *err) {
    SW_SCOPED(sw_buffer) call = SW_BUFFER(RELAY_LIMIT / 4);
    const char *relay = sw_cli_value(a->cli, "relay-out");
    const sw_chain_key *key;
    sw_rpc_sent sent;
    SW_TRY(sw_chain_access_place(a, sw_identity_card(who), &a->place, err));
    SW_TRY(sw_identity_chain_key(who, &key, err));
    entry->genesis = a->genesis.hash;
    entry->owner = sw_identity_card(who)->id;
    entry->sequence =
        sw_ledger_access_number(entry, a->app.owners[a->place].sequence, seen_sequence);
    if (!doubted) SW_TRY(judge(a, entry, err));
    SW_TRY(sign_call(a, entry, key, &call, err));
    a->relayed = relay != NULL;
    if (relay != NULL)
        return sw_cli_relay_write(a->cli, relay, &a->genesis.chain, sw_buffer_bytes(&call), err);
    SW_TRY(sw_cli_transact(a->cli, a->rpc, &a->genesis.chain, key, &a->genesis.chain.contract,
                           sw_buffer_bytes(&call), &sent, err));
    return read_at(a, &sent.block, err);
}

sw_status sw_chain_revoke_offline(sw_cli *cli, sw_identity *who, sw_entry *entry, sw_error *err) {
    SW_SCOPED(sw_buffer) call = SW_BUFFER(RELAY_LIMIT / 4);
    const sw_card *card = sw_identity_card(who);
    const char *file = sw_cli_value(cli, "relay-out");
    const sw_chain_key *key;
    sw_ledger_access *a = SW_ARENA_NEW(sw_cli_arena(cli), sw_ledger_access, 1);
    sw_seen seen;
    if (a == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a ledger");
    SW_TRY(sw_cli_genesis(cli, &a->genesis, &a->genesis_envelope, err));
    const sw_owner *owner = sw_genesis_owner(&a->genesis, &card->id);
    if (a->genesis.backend != SW_LEDGER_ETHEREUM || file == NULL)
        return sw_fail(err, SW_USAGE, "usage",
                       "--offline goes with --relay-out, for an app whose ledger is on a chain");
    if (owner == NULL || memcmp(owner->address.b, card->address.b, SW_ADDRESS_BYTES) != 0)
        return sw_fail(err, SW_REFUSED, "ledger", "%s is no owner of the genesis of %s", card->name,
                       a->genesis.name);
    SW_TRY(sw_identity_chain_key(who, &key, err));
    SW_TRY(sw_identity_load_seen(who, &a->genesis.hash, &seen, err));
    a->place = (uint8_t)(owner - a->genesis.owners);
    entry->owner = card->id;
    entry->sequence = seen.sequence + OFFLINE_SKIP;
    SW_TRY(sign_call(a, entry, key, &call, err));
    return sw_cli_relay_write(cli, file, &a->genesis.chain, sw_buffer_bytes(&call), err);
}
