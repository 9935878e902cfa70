/* SPDX-License-Identifier: Apache-2.0
 *
 * app change: owners and quorum of an app on a chain change when a quorum has signed the same
 * words. docs/formats/chain.md, CHN-025, CHN-240 on.
 *
 * The draft is a file that goes from owner to owner. Nothing in it is believed: each signer reads
 * the contract's words by proof and signs what the file says, and the contract counts.
 */
#include "cli/ledger_chain.h"
#include "codec/text.h"
#include "ledger/handed.h"
#include "sys/files.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CHANGE_KIND  "sealwright/change/v1"
#define CHANGE_LIMIT ((size_t)64 << 10)
enum { LIST_LIMIT = SW_PLACE_LIMIT, DEVICE_LIMIT = 64 };

typedef struct changing {
    sw_cli *cli;
    const char *path;
    sw_ledger_access access;
    sw_app_place at;
    sw_address add[LIST_LIMIT];
    uint8_t remove[LIST_LIMIT];
    sw_hash add_devices[DEVICE_LIMIT], remove_devices[DEVICE_LIMIT];
    sw_app_change change; /* its lists are those above */
    size_t signed_count;
    uint8_t places[LIST_LIMIT]; /* ascending */
    uint8_t signatures[LIST_LIMIT][SW_SECP256K1_SIG_BYTES];
} changing;

/* ---- the file ---- */

static void add_bytes(sw_arena *a, sw_json *root, const char *name, const void *items, size_t size,
                      size_t count) {
    sw_json *list = sw_json_add_array(a, root, name);
    for (size_t i = 0; i < count; i++)
        sw_json_add_hex(a, list, NULL, SW_BYTES((const uint8_t *)items + i * size, size));
}

/* What is signed. */
static void add_words(sw_arena *a, sw_json *root, const changing *c) {
    const sw_app_change *w = &c->change;
    add_bytes(a, root, "add", c->add, SW_ADDRESS_BYTES, w->add_count);
    add_bytes(a, root, "add_devices", c->add_devices, SW_HASH_BYTES, w->add_device_count);
    sw_json_add_flag(a, root, "allow_any_device", w->allow_any_device);
    sw_json_add_integer(a, root, "chain", (int64_t)c->at.chain);
    sw_json_add_integer(a, root, "change", (int64_t)w->change);
    sw_json_add_hex(a, root, "contract", SW_BYTES_OF(c->at.contract.b));
    sw_json_add_integer(a, root, "quorum", w->quorum);
    sw_json *removed = sw_json_add_array(a, root, "remove");
    for (size_t i = 0; i < w->remove_count; i++)
        sw_json_add_integer(a, removed, NULL, c->remove[i]);
    add_bytes(a, root, "remove_devices", c->remove_devices, SW_HASH_BYTES, w->remove_device_count);
    sw_json_add_flag(a, root, "require_tcb_up_to_date", w->require_tcb_up_to_date);
}

static sw_status write_file(const changing *c, sw_write_rule rule, sw_error *err) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER(CHANGE_LIMIT);
    sw_arena *a = sw_cli_arena(c->cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    add_words(a, root, c);
    sw_json_add_text(a, root, "kind", SW_LITERAL(CHANGE_KIND));
    sw_json *signatures = sw_json_add_array(a, root, "signatures");
    for (size_t i = 0; i < c->signed_count; i++) {
        sw_json *o = sw_json_add_object(a, signatures, NULL);
        sw_json_add_integer(a, o, "place", c->places[i]);
        sw_json_add_hex(a, o, "signature", SW_BYTES_OF(c->signatures[i]));
    }
    sw_json_encode(&json, root);
    SW_TRY(sw_buffer_check(&json, "a change", err));
    return sw_file_write(c->path, sw_buffer_bytes(&json), 0644, rule, err);
}

static sw_status read_bytes(const sw_json *root, const char *name, void *out, size_t size,
                            size_t limit, size_t *count, sw_error *err) {
    const sw_json *list;
    size_t i = 0;
    SW_TRY(sw_json_array(root, "change", name, limit, &list, err));
    for (const sw_json *v = list->first; v != NULL; v = v->next, i++)
        if (v->type != SW_JSON_STRING ||
            sw_hex_decode((uint8_t *)out + i * size, size, v->text, false, NULL) != SW_OK)
            return sw_fail(err, SW_MALFORMED, "format", "change.%s[%zu] is not %zu hex digits",
                           name, i, 2 * size);
    *count = i;
    return SW_OK;
}

static sw_status read_removed(const sw_json *root, changing *c, sw_error *err) {
    const sw_json *list;
    SW_TRY(sw_json_array(root, "change", "remove", LIST_LIMIT, &list, err));
    for (const sw_json *v = list->first; v != NULL; v = v->next) {
        if (v->type != SW_JSON_NUMBER || !v->integral || v->integer < 0 ||
            v->integer >= SW_PLACE_LIMIT)
            return sw_fail(err, SW_MALFORMED, "format", "change.remove names no place");
        c->remove[c->change.remove_count++] = (uint8_t)v->integer;
    }
    return SW_OK;
}

static sw_status read_signatures(const sw_json *root, changing *c, sw_error *err) {
    static const char *const names[] = {"place", "signature", NULL};
    const sw_json *list;
    SW_TRY(sw_json_array(root, "change", "signatures", LIST_LIMIT, &list, err));
    for (const sw_json *v = list->first; v != NULL; v = v->next) {
        uint64_t place;
        size_t i = c->signed_count;
        SW_TRY(sw_json_expect(v, "change.signatures[]", names, err));
        SW_TRY(sw_json_u64(v, "change.signatures[]", "place", SW_PLACE_LIMIT - 1, &place, err));
        SW_TRY(sw_json_hex(v, "change.signatures[]", "signature", c->signatures[i],
                           SW_SECP256K1_SIG_BYTES, err));
        if (i > 0 && place <= c->places[i - 1])
            return sw_fail(err, SW_MALFORMED, "format", "change.signatures are out of order");
        c->places[i] = (uint8_t)place;
        c->signed_count++;
    }
    return SW_OK;
}

static sw_status read_change(const sw_json *root, changing *c, sw_error *err) {
    static const char *const names[] = {"add",
                                        "add_devices",
                                        "allow_any_device",
                                        "chain",
                                        "change",
                                        "contract",
                                        "kind",
                                        "quorum",
                                        "remove",
                                        "remove_devices",
                                        "require_tcb_up_to_date",
                                        "signatures",
                                        NULL};
    const uint64_t most = (UINT64_C(1) << 53) - 1;
    sw_app_change *w = &c->change;
    sw_bytes kind = {0};
    uint64_t quorum;
    SW_TRY(sw_json_expect(root, "change", names, err));
    SW_TRY(sw_json_text(root, "change", "kind", &kind, err));
    if (!sw_bytes_is(kind, CHANGE_KIND))
        return sw_fail(err, SW_MALFORMED, "format", "the file is not a change of version 1");
    SW_TRY(read_bytes(root, "add", c->add, SW_ADDRESS_BYTES, LIST_LIMIT, &w->add_count, err));
    SW_TRY(read_bytes(root, "add_devices", c->add_devices, SW_HASH_BYTES, DEVICE_LIMIT,
                      &w->add_device_count, err));
    SW_TRY(read_bytes(root, "remove_devices", c->remove_devices, SW_HASH_BYTES, DEVICE_LIMIT,
                      &w->remove_device_count, err));
    SW_TRY(sw_json_flag(root, "change", "allow_any_device", &w->allow_any_device, err));
    SW_TRY(sw_json_flag(root, "change", "require_tcb_up_to_date", &w->require_tcb_up_to_date, err));
    SW_TRY(sw_json_u64(root, "change", "chain", most, &c->at.chain, err));
    SW_TRY(sw_json_u64(root, "change", "change", most, &w->change, err));
    SW_TRY(sw_json_hex(root, "change", "contract", c->at.contract.b, SW_ADDRESS_BYTES, err));
    SW_TRY(sw_json_u64(root, "change", "quorum", SW_PLACE_LIMIT, &quorum, err));
    w->quorum = (uint8_t)quorum;
    SW_TRY(read_removed(root, c, err));
    return read_signatures(root, c, err);
}

static sw_status read_file(changing *c, sw_error *err) {
    const sw_json_limits limits = {.bytes = CHANGE_LIMIT, .depth = 4, .nodes = 400};
    sw_json *root;
    sw_bytes file;
    SW_TRY(sw_cli_read(c->cli, c->path, CHANGE_LIMIT, &file, err));
    SW_TRY(sw_json_parse_canonical(sw_cli_arena(c->cli), file, &limits, &root, err));
    SW_TRY(read_change(root, c, err));
    sw_status placed = sw_genesis_check_place(&c->access.genesis, &c->at, err);
    if (placed != SW_OK) sw_error_prefix(err, "the change is of another app");
    SW_TRY(placed);
    if (c->change.change == c->access.app.head.changes + 1) return SW_OK;
    return sw_fail(err, SW_REFUSED, "ledger",
                   "the change has number %" PRIu64 ", and number %" PRIu64 " is due",
                   c->change.change, c->access.app.head.changes + 1);
}

/* ---- drafting ---- */

/* A card, or the number of a place. */
static sw_status find_removed(changing *c, const char *given, uint8_t *out, sw_error *err) {
    char *end;
    unsigned long place = strtoul(given, &end, 10);
    if (*given >= '0' && *given <= '9' && *end == 0 && place < SW_PLACE_LIMIT) {
        *out = (uint8_t)place;
        return SW_OK;
    }
    sw_card card;
    SW_TRY(sw_cli_card(c->cli, given, &card, err));
    return sw_chain_access_place(&c->access, &card, out, err);
}

static sw_status draft_owners(changing *c, sw_error *err) {
    size_t added, removed;
    const char *const *list = sw_cli_list(c->cli, "add", &added);
    if (added > LIST_LIMIT) return sw_fail(err, SW_USAGE, "usage", "too many owners to add");
    for (size_t i = 0; i < added; i++) {
        sw_card card;
        SW_TRY(sw_cli_card(c->cli, list[i], &card, err));
        if (!card.has_address)
            return sw_fail(err, SW_MISSING, "missing", "%s has no chain key", card.name);
        c->add[c->change.add_count++] = card.address;
    }
    list = sw_cli_list(c->cli, "remove", &removed);
    if (removed > LIST_LIMIT) return sw_fail(err, SW_USAGE, "usage", "too many owners to remove");
    for (size_t i = 0; i < removed; i++)
        SW_TRY(find_removed(c, list[i], &c->remove[c->change.remove_count++], err));
    return SW_OK;
}

static sw_status draft(changing *c, sw_error *err) {
    const sw_app_head *head = &c->access.app.head;
    uint64_t quorum;
    SW_TRY(sw_cli_u64(c->cli, "quorum", head->quorum, SW_PLACE_LIMIT, &quorum, err));
    c->at = c->access.genesis.chain;
    c->change.quorum = (uint8_t)quorum;
    c->change.allow_any_device = head->allow_any_device;
    c->change.require_tcb_up_to_date = head->require_tcb_up_to_date;
    c->change.change = head->changes + 1;
    SW_TRY(draft_owners(c, err));
    if (c->change.add_count + c->change.remove_count == 0 && quorum == head->quorum)
        return sw_fail(err, SW_USAGE, "usage", "--add, --remove and --quorum change nothing");
    return write_file(c, SW_WRITE_NEW, err);
}

/* ---- signing and sending ---- */

static sw_status sign(changing *c, sw_identity *who, sw_error *err) {
    const sw_chain_key *key;
    sw_hash digest;
    uint8_t place;
    size_t at = 0;
    SW_TRY(sw_chain_access_place(&c->access, sw_identity_card(who), &place, err));
    SW_TRY(sw_identity_chain_key(who, &key, err));
    while (at < c->signed_count && c->places[at] < place) at++;
    if (at < c->signed_count && c->places[at] == place)
        return sw_fail(err, SW_REFUSED, "ledger", "%s has signed this change already",
                       sw_identity_card(who)->name);
    if (c->signed_count == LIST_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "the change has too many signatures");
    memmove(&c->places[at + 1], &c->places[at], c->signed_count - at);
    memmove(&c->signatures[at + 1], &c->signatures[at],
            (c->signed_count - at) * sizeof c->signatures[0]);
    sw_app_change_digest(&digest, &c->at, &c->change);
    SW_TRY(sw_chain_key_sign(key, &digest, c->signatures[at], err));
    c->places[at] = place;
    c->signed_count++;
    return write_file(c, SW_WRITE_REPLACE, err);
}

static sw_status send(changing *c, sw_identity *who, sw_error *err) {
    SW_SCOPED(sw_buffer) call = SW_BUFFER((size_t)64 << 10);
    const sw_chain_key *key;
    sw_rpc_sent sent;
    if (c->signed_count < c->access.app.head.quorum)
        return sw_fail(err, SW_REFUSED, "quorum", "%zu of the %u owners who must sign have signed",
                       c->signed_count, c->access.app.head.quorum);
    SW_TRY(sw_identity_chain_key(who, &key, err));
    sw_app_change_call(&call, &c->change, c->places,
                       (const uint8_t(*)[SW_SECP256K1_SIG_BYTES])c->signatures, c->signed_count);
    SW_TRY(sw_buffer_check(&call, "a change", err));
    SW_TRY(sw_cli_transact(c->cli, c->access.rpc, &c->at, key, &c->at.contract,
                           sw_buffer_bytes(&call), &sent, err));
    SW_TRY(sw_ledger_access_reload(&c->access, err));
    if (c->access.app.head.changes >= c->change.change) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "rollback", "the ledger does not hold the change");
}

static sw_status as_owner(changing *c, sw_status (*act)(changing *, sw_identity *, sw_error *),
                          sw_error *err) {
    const char *folder;
    sw_identity *who;
    SW_TRY(sw_cli_need(c->cli, "identity", &folder, err));
    SW_TRY(sw_identity_open(folder, sw_cli_passphrase(c->cli), sw_cli_entropy(c->cli), &who, err));
    sw_status status = act(c, who, err);
    sw_identity_close(&who);
    return status;
}

static void report_devices(const changing *c, const char *word, const sw_hash *list, size_t count) {
    char id[2 * SW_HASH_BYTES + 1];
    for (size_t i = 0; i < count; i++) {
        sw_hex_text(id, SW_BYTES_OF(list[i].b));
        sw_cli_print(c->cli, "%s device %s\n", word, id);
    }
}

/* All that an owner signs is shown, also what this program would not have drafted. */
static void report_settings(const changing *c) {
    const sw_app_change *w = &c->change;
    const sw_app_head *head = &c->access.app.head;
    report_devices(c, "allows  ", c->add_devices, w->add_device_count);
    report_devices(c, "forbids ", c->remove_devices, w->remove_device_count);
    if (w->allow_any_device != head->allow_any_device)
        sw_cli_print(c->cli, "devices  %s\n", w->allow_any_device ? "any" : "named ones alone");
    if (w->require_tcb_up_to_date != head->require_tcb_up_to_date)
        sw_cli_print(c->cli, "TCB      %s\n",
                     w->require_tcb_up_to_date
                         ? "up to date alone, for a stock dstack key service (recipes say it here)"
                         : "any");
}

/* Before anybody's word is given. */
static void report_content(const changing *c) {
    sw_cli *cli = c->cli;
    const sw_app_change *w = &c->change;
    char address[43];
    for (size_t i = 0; i < w->add_count; i++) {
        sw_address_text(address, &c->add[i]);
        sw_cli_print(cli, "adds     %s\n", address);
    }
    for (size_t i = 0; i < w->remove_count; i++) {
        sw_address_text(address, &c->access.app.owners[c->remove[i]].account);
        sw_cli_print(cli, "removes  place %u, %s\n", c->remove[i], address);
    }
    report_settings(c);
    sw_cli_print(cli, "quorum   %u\n", w->quorum);
}

static void report_state(const changing *c, const char *word) {
    sw_cli *cli = c->cli;
    sw_arena *a = sw_cli_arena(cli);
    const sw_app_change *w = &c->change;
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_text(a, root, "change", sw_text(word));
    sw_json_add_integer(a, root, "number", (int64_t)w->change);
    sw_json_add_integer(a, root, "signed", (int64_t)c->signed_count);
    sw_json_add_integer(a, root, "quorum", w->quorum);
    sw_json *words = sw_json_add_object(a, root, "words");
    add_words(a, words, c);
    sw_json *removed = sw_json_add_array(a, root, "removed");
    for (size_t i = 0; i < w->remove_count; i++) {
        char address[43];
        sw_address_text(address, &c->access.app.owners[c->remove[i]].account);
        sw_json_add_text(a, removed, NULL, sw_text(address));
    }
    sw_cli_result(cli, root);
    sw_cli_print(cli, "change   %" PRIu64 ", %s\nsigned   by %zu of the %u who must\n", w->change,
                 word, c->signed_count, c->access.app.head.quorum);
}

static sw_status work(changing *c, sw_error *err) {
    bool signs = sw_cli_flag(c->cli, "sign"), sends = sw_cli_flag(c->cli, "send"),
         shows = sw_cli_flag(c->cli, "show");
    if (signs + sends + shows > 1)
        return sw_fail(err, SW_USAGE, "usage", "--show, --sign and --send exclude each other");
    bool drafts = !signs && !sends && !shows;
    SW_TRY(drafts ? draft(c, err) : read_file(c, err));
    report_content(c);
    if (signs || sends) SW_TRY(as_owner(c, signs ? sign : send, err));
    report_state(c, drafts ? "drafted" : signs ? "signed" : sends ? "made" : "as it stands");
    return SW_OK;
}

sw_status sw_cli_change(sw_cli *cli, sw_error *err) {
    changing *c = SW_ARENA_NEW(sw_cli_arena(cli), changing, 1);
    if (c == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a change");
    c->cli = cli;
    c->path = sw_cli_argument(cli, 0);
    c->change = (sw_app_change){.add = c->add,
                                .remove = c->remove,
                                .add_devices = c->add_devices,
                                .remove_devices = c->remove_devices};
    SW_TRY(sw_ledger_access_open(cli, &c->access, err));
    sw_status status = c->access.rpc != NULL ? work(c, err)
                                             : sw_fail(err, SW_REFUSED, "ledger",
                                                       "the owners of an app without a chain stay");
    sw_ledger_access_close(&c->access);
    return status;
}

const sw_option sw_cli_change_options[] = {
    {"add", SW_OPTION_LIST, "CARD", "a new owner's card.json"},
    {"remove", SW_OPTION_LIST, "CARD", "an owner's card.json, or the number of a place"},
    {"quorum", SW_OPTION_VALUE, "K", "the quorum from then on"},
    {"show", SW_OPTION_FLAG, NULL, "show what FILE says, and sign nothing"},
    {"sign", SW_OPTION_FLAG, NULL, "sign FILE as one of the owners"},
    {"send", SW_OPTION_FLAG, NULL, "send FILE, which a quorum has signed"},
    {"app", SW_OPTION_VALUE, "FILE", "the app's genesis"},
    {"identity", SW_OPTION_VALUE, "DIR", "the owner's keys; with --send: who pays"},
    {"ledger", SW_OPTION_VALUE, "WHERE", "eip155:CHAIN/ADDRESS, when it is to be checked"},
    SW_CLI_RPC_OPTIONS,
    SW_CLI_SEND_OPTIONS,
    SW_CLI_PASSPHRASE_OPTION,
    {0},
};
