/* SPDX-License-Identifier: Apache-2.0
 *
 * app new, join, show; consent, revoke, lift, open approve: what owners say, and where it stands.
 */
#include "cli/ledger_chain.h"
#include "cli/out_folder.h"
#include "codec/text.h"
#include "sys/files.h"
#include <string.h>

#define VIEW_BYTES ((size_t)64 << 20)

/* ---- app new ---- */

static sw_status read_owner(sw_cli *cli, const char *path, sw_owner *out, sw_error *err) {
    sw_card card;
    SW_TRY(sw_cli_card(cli, path, &card, err));
    *out = (sw_owner){
        .id = card.id, .identity_key = card.identity_key, .encryption_key = card.encryption_key};
    memcpy(out->name, card.name, sizeof out->name);
    out->address = card.address;
    return SW_OK;
}

/* A genesis, signed or not yet. */
static sw_status open_any(sw_cli *cli, const char *path, sw_bytes *bytes, sw_genesis *out,
                          bool *draft, sw_error *err) {
    SW_TRY(sw_cli_read(cli, path, SW_ENVELOPE_LIMIT, bytes, err));
    *draft = sw_genesis_parse(*bytes, out, NULL) == SW_OK;
    if (*draft) return SW_OK;
    sw_status status = sw_genesis_open(sw_cli_arena(cli), *bytes, false, out, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", path);
    return status;
}

static void say_genesis(sw_cli *cli, const sw_genesis *g, size_t signers, const char *missing) {
    char id[2 * SW_HASH_BYTES + 1];
    sw_arena *a = sw_cli_arena(cli);
    sw_hex_text(id, SW_BYTES_OF(g->hash.b));
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_text(a, root, "genesis", sw_text(id));
    sw_json_add_text(a, root, "name", sw_text(g->name));
    sw_json_add_integer(a, root, "quorum", g->quorum);
    sw_json_add_integer(a, root, "owners", (int64_t)g->owner_count);
    sw_json_add_integer(a, root, "signed", (int64_t)signers);
    sw_cli_result(cli, root);
    sw_cli_print(cli, "app      %s\ngenesis  %s\nquorum   %u of %zu\n", g->name, id, g->quorum,
                 g->owner_count);
    char contract[43];
    sw_address_text(contract, &g->chain.contract);
    if (g->backend == SW_LEDGER_ETHEREUM)
        sw_cli_print(cli, "ledger   eip155:%llu/%s\n", (unsigned long long)g->chain.chain,
                     contract);
    for (size_t i = 0; i < g->owner_count; i++) {
        sw_hex_text(id, SW_BYTES_OF(g->owners[i].id.b));
        sw_cli_print(cli, "owner    %s %s\n", id, g->owners[i].name);
    }
    sw_cli_print(cli, "signed   by %zu of %zu%s%s\n", signers, g->owner_count,
                 missing == NULL ? "" : "; missing: ", missing == NULL ? "" : missing);
}

typedef struct founding {
    const char *name, *out;
    uint64_t quorum;
    sw_owner *owners;
    size_t count;
    sw_genesis *genesis;
    sw_buffer payload;
} founding;

static sw_status draft(sw_cli *cli, founding *f, const sw_genesis_chain *chain, sw_error *err) {
    sw_buffer_reset(&f->payload);
    SW_TRY(sw_genesis_draft(f->name, (uint32_t)f->quorum, f->owners, f->count, chain,
                            sw_cli_entropy(cli), &f->payload, err));
    return sw_genesis_parse(sw_buffer_bytes(&f->payload), f->genesis, err);
}

/* The contract with the owners in the genesis' order, which the draft for nowhere has brought. */
static sw_status deploy(sw_cli *cli, sw_rpc *rpc, const founding *f, const sw_chain_key *key,
                        sw_genesis_chain *chain, sw_error *err) {
    SW_SCOPED(sw_buffer) code = SW_BUFFER((size_t)128 << 10);
    sw_address addresses[SW_OWNER_LIMIT];
    sw_hash *devices;
    size_t device_count;
    sw_rpc_sent sent;
    SW_TRY(sw_cli_chain_devices(cli, &devices, &device_count, err));
    for (size_t i = 0; i < f->count; i++) addresses[i] = f->genesis->owners[i].address;
    sw_app_deploy_code(&code, addresses, f->count, (uint8_t)f->quorum, device_count == 0, devices,
                       device_count, sw_cli_flag(cli, "tcb-up-to-date"));
    SW_TRY(sw_buffer_check(&code, "the contract", err));
    SW_TRY(sw_cli_transact(cli, rpc, &chain->at, key, NULL, sw_buffer_bytes(&code), &sent, err));
    char address[43];
    sw_address_text(address, &sent.contract);
    sw_cli_note(cli, "the contract is %s", address);
    chain->at.contract = sent.contract;
    return SW_OK;
}

static sw_status pay_and_deploy(sw_cli *cli, sw_rpc *rpc, const founding *f,
                                sw_genesis_chain *chain, sw_error *err) {
    const sw_chain_key *key;
    const char *folder;
    sw_identity *who;
    SW_TRY(sw_cli_need(cli, "identity", &folder, err));
    SW_TRY(sw_identity_open(folder, sw_cli_passphrase(cli), sw_cli_entropy(cli), &who, err));
    sw_status status = sw_identity_chain_key(who, &key, err);
    if (status == SW_OK) status = deploy(cli, rpc, f, key, chain, err);
    sw_identity_close(&who);
    return status;
}

static sw_status found_on(sw_cli *cli, sw_rpc *rpc, founding *f, sw_error *err) {
    sw_genesis_chain chain = {.at.contract.b = {1}, .code_hash = sw_chain_code_hash};
    SW_TRY(sw_rpc_chain(rpc, &chain.at.chain, err));
    SW_TRY(draft(cli, f, &chain, err)); /* refuses before anybody has paid */
    const char *made = sw_cli_value(cli, "contract");
    if (made != NULL) SW_TRY(sw_address_parse(sw_text(made), &chain.at.contract, err));
    if (made == NULL) SW_TRY(pay_and_deploy(cli, rpc, f, &chain, err));
    SW_TRY(draft(cli, f, &chain, err));
    return sw_cli_chain_founded(cli, rpc, f->genesis, err);
}

static sw_status found(sw_cli *cli, founding *f, sw_error *err) {
    const char *ledger = sw_cli_option(cli, "ledger");
    if (ledger == NULL || strcmp(ledger, "local") == 0) return draft(cli, f, NULL, err);
    if (strcmp(ledger, "ethereum") != 0)
        return sw_fail(err, SW_USAGE, "usage", "--ledger is local or ethereum");
    sw_rpc *rpc;
    SW_TRY(sw_cli_node(cli, &rpc, err));
    sw_status status = found_on(cli, rpc, f, err);
    sw_rpc_close(&rpc);
    return status;
}

static sw_status read_founding(sw_cli *cli, founding *f, sw_error *err) {
    const char *const *cards = sw_cli_list(cli, "owner", &f->count);
    f->owners = SW_ARENA_NEW(sw_cli_arena(cli), sw_owner, SW_OWNER_LIMIT);
    f->genesis = SW_ARENA_NEW(sw_cli_arena(cli), sw_genesis, 1);
    if (f->owners == NULL || f->genesis == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a genesis");
    SW_TRY(sw_cli_need(cli, "name", &f->name, err));
    SW_TRY(sw_cli_need(cli, "out", &f->out, err));
    SW_TRY(sw_cli_u64(cli, "quorum", 0, SW_OWNER_LIMIT, &f->quorum, err));
    if (f->count == 0 || f->count > SW_OWNER_LIMIT)
        return sw_fail(err, SW_USAGE, "usage", "--owner must name 1 to %d cards", SW_OWNER_LIMIT);
    for (size_t i = 0; i < f->count; i++) SW_TRY(read_owner(cli, cards[i], &f->owners[i], err));
    if (sw_path_exists(f->out))
        return sw_fail(err, SW_EXISTS, "exists", "%s is there already", f->out);
    return SW_OK;
}

static sw_status app_new(sw_cli *cli, sw_error *err) {
    founding f = {.payload = SW_BUFFER(SW_GENESIS_LIMIT)};
    sw_status status = read_founding(cli, &f, err);
    if (status == SW_OK) status = found(cli, &f, err);
    if (status == SW_OK)
        status = sw_file_write(f.out, sw_buffer_bytes(&f.payload), 0644, SW_WRITE_NEW, err);
    sw_buffer_free(&f.payload);
    if (status == SW_OK) say_genesis(cli, f.genesis, 0, "everybody");
    return status;
}

/* ---- app join ---- */

/* Who has signed: the owners whose key ids stand in the envelope (all were verified). *missing: the
 * others' names, NULL when there is none. */
static size_t count_signers(sw_cli *cli, const sw_genesis *g, sw_bytes bytes,
                            const char **missing) {
    sw_envelope e;
    size_t signers = 0;
    SW_SCOPED(sw_buffer) names = SW_BUFFER(SW_OWNER_LIMIT * (sizeof g->owners[0].name + 2));
    if (sw_envelope_parse(sw_cli_arena(cli), bytes, &e, NULL) != SW_OK) e.signature_count = 0;
    for (size_t i = 0; i < g->owner_count; i++) {
        bool found = false;
        for (size_t s = 0; s < e.signature_count; s++)
            found = found || sw_hash_equal(&e.signatures[s].key_id, &g->owners[i].id);
        signers += found ? 1 : 0;
        if (!found) sw_put_format(&names, "%s%s", names.size == 0 ? "" : ", ", g->owners[i].name);
    }
    const char *list = sw_arena_text(sw_cli_arena(cli), sw_buffer_bytes(&names));
    *missing = signers == g->owner_count ? NULL : list == NULL ? "somebody" : list;
    return signers;
}

/* The genesis must name this owner with both keys of the card, or it would receive for another. */
static sw_status check_self(const sw_genesis *g, const sw_identity *who, sw_error *err) {
    const sw_card *card = sw_identity_card(who);
    const sw_owner *owner = sw_genesis_owner(g, &card->id);
    if (owner == NULL)
        return sw_fail(err, SW_REFUSED, "ledger", "%s is no owner of the app %s", card->name,
                       g->name);
    if (sw_p256_equal(&owner->identity_key, &card->identity_key) &&
        sw_p256_equal(&owner->encryption_key, &card->encryption_key) &&
        strcmp(owner->name, card->name) == 0 &&
        (g->backend == SW_LEDGER_LOCAL ||
         memcmp(owner->address.b, card->address.b, SW_ADDRESS_BYTES) == 0))
        return SW_OK;
    return sw_fail(err, SW_REFUSED, "ledger",
                   "the app %s names %s with another encryption key, address or name", g->name,
                   card->name);
}

/* An owner signs for a contract that is there and is what the genesis says: by proof. */
static sw_status check_contract(sw_cli *cli, const sw_genesis *g, sw_error *err) {
    sw_rpc *rpc;
    if (g->backend == SW_LEDGER_LOCAL) return SW_OK;
    SW_TRY(sw_cli_node(cli, &rpc, err));
    sw_status status = sw_rpc_check_chain(rpc, g->chain.chain, err);
    if (status == SW_OK) status = sw_cli_chain_founded(cli, rpc, g, err);
    sw_rpc_close(&rpc);
    return status;
}

static sw_status sign_genesis(sw_identity *who, sw_bytes bytes, bool draft, sw_buffer *out,
                              sw_error *err) {
    const sw_identity_key *key;
    SW_TRY(sw_identity_signing_key(who, &key, err));
    return draft ? sw_envelope_sign(SW_PAYLOAD_JOIN, bytes, key->b, out, err)
                 : sw_envelope_cosign(bytes, SW_PAYLOAD_JOIN, key->b, out, err);
}

static sw_status app_join(sw_cli *cli, sw_error *err) {
    const char *path = sw_cli_argument(cli, 0), *folder, *missing;
    sw_genesis *g = SW_ARENA_NEW(sw_cli_arena(cli), sw_genesis, 1);
    sw_identity *who;
    sw_bytes bytes;
    bool draft;
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_ENVELOPE_LIMIT);
    if (g == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a genesis");
    SW_TRY(sw_cli_need(cli, "identity", &folder, err));
    SW_TRY(open_any(cli, path, &bytes, g, &draft, err));
    SW_TRY(check_contract(cli, g, err));
    SW_TRY(sw_identity_open(folder, sw_cli_passphrase(cli), sw_cli_entropy(cli), &who, err));
    sw_status status = check_self(g, who, err);
    if (status == SW_OK) status = sign_genesis(who, bytes, draft, &made, err);
    sw_identity_close(&who);
    SW_TRY(status);
    SW_TRY(sw_file_write(path, sw_buffer_bytes(&made), 0644, SW_WRITE_REPLACE, err));
    size_t signers = count_signers(cli, g, sw_buffer_bytes(&made), &missing);
    say_genesis(cli, g, signers, missing);
    return SW_OK;
}

/* ---- app show ---- */

static sw_status show_ledger(sw_cli *cli, sw_error *err) {
    sw_ledger_access *access = SW_ARENA_NEW(sw_cli_arena(cli), sw_ledger_access, 1);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(VIEW_BYTES);
    if (access == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a ledger");
    SW_TRY(sw_ledger_access_open(cli, access, err));
    bool more = false;
    sw_status status = access->rpc == NULL ? SW_OK : sw_chain_access_discover(access, &more, err);
    if (status == SW_OK) status = sw_ledger_show(access->ledger, sw_cli_json(cli), &text, err);
    if (status == SW_OK && sw_cli_json(cli)) sw_put_u8(&text, '\n');
    if (status == SW_OK) sw_cli_write(cli, sw_buffer_bytes(&text));
    if (status == SW_OK && more)
        sw_cli_note(cli, "the contract's events speak of more than is shown");
    sw_ledger_access_close(access);
    return status;
}

static sw_status app_show(sw_cli *cli, sw_error *err) {
    bool reach = sw_cli_value(cli, "app") != NULL &&
                 (sw_cli_value(cli, "ledger") != NULL || sw_cli_value(cli, "kms") != NULL ||
                  sw_cli_value(cli, "rpc") != NULL);
    const char *path = sw_cli_argument_count(cli) == 1 ? sw_cli_argument(cli, 0) : NULL, *missing;
    sw_genesis *g = SW_ARENA_NEW(sw_cli_arena(cli), sw_genesis, 1);
    sw_bytes bytes;
    bool draft;
    if (g == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a genesis");
    if (path == NULL) SW_TRY(sw_cli_need(cli, "app", &path, err));
    SW_TRY(open_any(cli, path, &bytes, g, &draft, err));
    size_t signers = count_signers(cli, g, bytes, &missing);
    if (reach && missing == NULL) return show_ledger(cli, err);
    say_genesis(cli, g, signers, missing);
    return SW_OK;
}

/* ---- app copy ---- */

static sw_status app_copy(sw_cli *cli, sw_error *err) {
    const char *source, *target;
    uint64_t count = 0;
    sw_arena *a = sw_cli_arena(cli);
    sw_ledger_access *from = SW_ARENA_NEW(a, sw_ledger_access, 1);
    sw_ledger_access *to = SW_ARENA_NEW(a, sw_ledger_access, 1);
    if (from == NULL || to == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for two ledgers");
    SW_TRY(sw_cli_need(cli, "from", &source, err));
    SW_TRY(sw_cli_need(cli, "to", &target, err));
    SW_TRY(sw_ledger_access_at(cli, source, false, from, err));
    sw_status status = sw_ledger_access_at(cli, target, true, to, err);
    if (status == SW_OK) {
        status = sw_ledger_access_copy(from, to, &count, err);
        sw_head head = sw_ledger_head(to->ledger);
        sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
        sw_json_add_integer(a, root, "copied", (int64_t)count);
        sw_json_add_integer(a, root, "index", (int64_t)head.index);
        sw_json_add_hex(a, root, "head", SW_BYTES_OF(head.hash.b));
        if (status == SW_OK) sw_cli_result(cli, root);
        if (status == SW_OK)
            sw_cli_print(cli, "copied  %llu\nledger entry %llu\n", (unsigned long long)count,
                         (unsigned long long)head.index);
        sw_ledger_access_close(to);
    }
    sw_ledger_access_close(from);
    return status;
}

/* ---- revoke, lift, open approve ---- */

/* COMPOSE is a compose hash or a file; --everything stands instead of it. */
static sw_status read_target(sw_cli *cli, sw_entry *entry, sw_error *err) {
    entry->everything = sw_cli_flag(cli, "everything");
    bool named = sw_cli_argument_count(cli) == 1;
    if (named == entry->everything)
        return sw_fail(err, SW_USAGE, "usage", "give a compose, or --everything");
    if (!named) return SW_OK;
    const char *given = sw_cli_argument(cli, 0);
    if (sw_hex_decode(entry->compose.b, SW_HASH_BYTES, sw_text(given), false, NULL) == SW_OK)
        return SW_OK;
    sw_bytes bytes;
    SW_TRY(sw_cli_read(cli, given, SW_COMPOSE_LIMIT, &bytes, err));
    sw_compose_hash(&entry->compose, bytes);
    return SW_OK;
}

static void say_entry(sw_cli *cli, const sw_ledger_access *access, const sw_entry *entry,
                      const char *word) {
    sw_arena *a = sw_cli_arena(cli);
    sw_head head = sw_ledger_head(access->ledger);
    char target[2 * SW_HASH_BYTES + 1] = "everything";
    if (!entry->everything) sw_hex_text(target, SW_BYTES_OF(entry->compose.b));
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_text(a, root, "entry", sw_text(word));
    sw_json_add_text(a, root, "target", sw_text(target));
    sw_json_add_integer(a, root, "sequence", (int64_t)entry->sequence);
    sw_json_add_integer(a, root, "index", (int64_t)head.index);
    sw_json_add_hex(a, root, "head", SW_BYTES_OF(head.hash.b));
    sw_json_add_flag(a, root, "sent", !access->relayed);
    sw_cli_result(cli, root);
    bool chain = access->rpc != NULL;
    if (access->relayed)
        sw_cli_print(cli, "%s  %s\nsigned call %s: it counts when somebody has sent it\n", word,
                     target, sw_cli_value(cli, "relay-out"));
    else
        sw_cli_print(cli, "%s  %s\n%s %llu\n", word, target, chain ? "block" : "ledger entry",
                     (unsigned long long)head.index);
}

/* Opens ledger and identity, appends the entry, says so. */
static sw_status append(sw_cli *cli, sw_entry *entry, const char *word, sw_error *err) {
    const char *folder;
    sw_ledger_access *access = SW_ARENA_NEW(sw_cli_arena(cli), sw_ledger_access, 1);
    sw_identity *who;
    if (access == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a ledger");
    SW_TRY(sw_cli_need(cli, "identity", &folder, err));
    SW_TRY(sw_ledger_access_open(cli, access, err));
    sw_status status =
        sw_identity_open(folder, sw_cli_passphrase(cli), sw_cli_entropy(cli), &who, err);
    if (status == SW_OK) {
        status = sw_ledger_access_append(access, who, entry, err);
        sw_identity_close(&who);
    }
    if (status == SW_OK) say_entry(cli, access, entry, word);
    sw_ledger_access_close(access);
    return status;
}

/* An owner approves a compose that this program understands and that is of this app, never a bare
 * hash. */
static sw_status approve(sw_cli *cli, sw_error *err) {
    sw_bytes compose, envelope;
    sw_entry entry = {.kind = SW_PAYLOAD_APPROVE};
    sw_recipe *recipe = SW_ARENA_NEW(sw_cli_arena(cli), sw_recipe, 1);
    sw_genesis *genesis = SW_ARENA_NEW(sw_cli_arena(cli), sw_genesis, 1);
    if (recipe == NULL || genesis == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a recipe");
    SW_TRY(sw_cli_read(cli, sw_cli_argument(cli, 0), SW_COMPOSE_LIMIT, &compose, err));
    SW_TRY(sw_compose_parse(compose, recipe, err));
    SW_TRY(sw_cli_genesis(cli, genesis, &envelope, err));
    if (!sw_hash_equal(&recipe->genesis, &genesis->hash))
        return sw_fail(err, SW_REFUSED, "compose", "the recipe is of another app");
    sw_compose_hash(&entry.compose, compose);
    return append(cli, &entry, "approved", err);
}

/* Without a node there is no block to name. */
static sw_status revoke_offline(sw_cli *cli, sw_entry *entry, sw_error *err) {
    const char *folder;
    sw_identity *who;
    SW_TRY(sw_cli_need(cli, "identity", &folder, err));
    SW_TRY(sw_identity_open(folder, sw_cli_passphrase(cli), sw_cli_entropy(cli), &who, err));
    sw_status status = sw_chain_revoke_offline(cli, who, entry, err);
    sw_identity_close(&who);
    if (status != SW_OK) return status;
    char target[2 * SW_HASH_BYTES + 1] = "everything";
    if (!entry->everything) sw_hex_text(target, SW_BYTES_OF(entry->compose.b));
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    sw_json_add_text(sw_cli_arena(cli), root, "entry", sw_text("revoked"));
    sw_json_add_text(sw_cli_arena(cli), root, "target", sw_text(target));
    sw_json_add_integer(sw_cli_arena(cli), root, "sequence", (int64_t)entry->sequence);
    sw_json_add_flag(sw_cli_arena(cli), root, "sent", false);
    sw_cli_result(cli, root);
    sw_cli_print(cli,
                 "revoked  %s\nsigned call %s: it counts when a key service has heard it "
                 "(`kms revoke`), or somebody has sent it (`app relay`)\n",
                 target, sw_cli_value(cli, "relay-out"));
    return SW_OK;
}

static sw_status revoke(sw_cli *cli, sw_error *err) {
    sw_entry entry = {.kind = SW_PAYLOAD_REVOKE};
    SW_TRY(read_target(cli, &entry, err));
    if (sw_cli_flag(cli, "offline")) return revoke_offline(cli, &entry, err);
    return append(cli, &entry, "revoked", err);
}

static sw_status lift(sw_cli *cli, sw_error *err) {
    sw_entry entry = {.kind = SW_PAYLOAD_LIFT};
    SW_TRY(read_target(cli, &entry, err));
    SW_TRY(append(cli, &entry, "lifted", err));
    sw_cli_note(cli, "the quorum must approve again before anything runs");
    return SW_OK;
}

/* What is signed is what `verify` accepts for this app, never the digest of whatever lies there. */
static sw_status verify_out(sw_cli *cli, const char *folder, sw_entry *entry, sw_error *err) {
    sw_genesis *genesis = SW_ARENA_NEW(sw_cli_arena(cli), sw_genesis, 1);
    sw_bytes envelope;
    sw_out_folder out;
    sw_manifest_verdict verdict;
    if (genesis == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a genesis");
    SW_TRY(sw_cli_genesis(cli, genesis, &envelope, err));
    SW_TRY(sw_out_folder_open(cli, folder, &out, err));
    out.in.app = &genesis->hash;
    sw_status status = sw_manifest_verify(&out.in, NULL, &verdict, err);
    sw_out_folder_close(&out);
    if (status != SW_OK) {
        sw_error_hint(err, "`sealwright verify %s` names the link that does not hold", folder);
        return status;
    }
    entry->manifest = verdict.digest;
    entry->compose = verdict.compose;
    return SW_OK;
}

static sw_status open_approve(sw_cli *cli, sw_error *err) {
    const char *card_path;
    sw_entry entry = {.kind = SW_PAYLOAD_OPEN};
    sw_card card;
    SW_TRY(sw_cli_need(cli, "recipient", &card_path, err));
    SW_TRY(sw_cli_card(cli, card_path, &card, err));
    SW_TRY(verify_out(cli, sw_cli_argument(cli, 0), &entry, err));
    entry.recipient = card.encryption_key;
    SW_TRY(append(cli, &entry, "opening approved", err));
    char manifest[2 * SW_HASH_BYTES + 1], recipient[2 * SW_HASH_BYTES + 1];
    sw_hex_text(manifest, SW_BYTES_OF(entry.manifest.b));
    sw_hex_text(recipient, SW_BYTES_OF(card.id.b));
    sw_cli_print(cli, "manifest  %s\nrecipient %s %s\n", manifest, recipient, card.name);
    return SW_OK;
}

/* ---- the table ---- */

#define APP_OPTION                                                                                 \
    { "app", SW_OPTION_VALUE, "FILE", "the app's genesis" }
#define IDENTITY_OPTION                                                                            \
    { "identity", SW_OPTION_VALUE, "DIR", "the owner's keys" }
#define LEDGER_OPTIONS                                                                             \
    {"ledger", SW_OPTION_VALUE, "WHERE", "file:PATH, https://HOST:PORT or eip155:CHAIN/ADDRESS"},  \
        SW_CLI_RPC_OPTIONS, {                                                                      \
        "kms", SW_OPTION_VALUE, "URL", "the key service, when its ledger is the one"               \
    }

static const sw_option new_options[] = {
    {"name", SW_OPTION_VALUE, "NAME", "what people call the app"},
    {"quorum", SW_OPTION_VALUE, "K", "how many owners must approve a recipe"},
    {"owner", SW_OPTION_LIST, "CARD", "an owner's card.json, once for each"},
    {"out", SW_OPTION_VALUE, "FILE", "where the genesis goes"},
    {"ledger", SW_OPTION_VALUE, "KIND", "local (default), or ethereum: deploys the contract"},
    SW_CLI_RPC_OPTIONS,
    {"identity", SW_OPTION_VALUE, "DIR", "whose chain key pays for the contract"},
    {"contract", SW_OPTION_VALUE, "ADDRESS",
     "instead: one that is there already, for these owners"},
    SW_CLI_DEVICE_OPTION,
    {"tcb-up-to-date", SW_OPTION_FLAG, NULL, "for a stock dstack key service: no older TCB"},
    SW_CLI_SEND_OPTIONS,
    SW_CLI_PASSPHRASE_OPTION,
    {0},
};
static const sw_option join_options[] = {
    IDENTITY_OPTION, SW_CLI_RPC_OPTIONS, SW_CLI_DEVICE_OPTION, SW_CLI_PASSPHRASE_OPTION, {0}};
static const sw_option show_options[] = {APP_OPTION, LEDGER_OPTIONS, {0}};
static const sw_option copy_options[] = {
    APP_OPTION,
    {"from", SW_OPTION_VALUE, "WHERE", "a ledger: file:PATH or https://HOST:PORT"},
    {"to", SW_OPTION_VALUE, "WHERE", "the ledger that receives what it lacks"},
    {0},
};
#define REVOKE_OPTIONS                                                                             \
    {"everything", SW_OPTION_FLAG, NULL, "the whole app instead of one compose"}, APP_OPTION,      \
        IDENTITY_OPTION, LEDGER_OPTIONS, SW_CLI_SEND_OPTIONS, SW_CLI_RELAY_OPTION,                 \
        SW_CLI_PASSPHRASE_OPTION

static const sw_option revoke_options[] = {
    REVOKE_OPTIONS,
    {"offline", SW_OPTION_FLAG, NULL, "with --relay-out, on a chain: no node is asked"},
    {0},
};
static const sw_option lift_options[] = {REVOKE_OPTIONS, {0}};
static const sw_option approve_options[] = {
    APP_OPTION,
    IDENTITY_OPTION,
    LEDGER_OPTIONS,
    SW_CLI_SEND_OPTIONS,
    SW_CLI_RELAY_OPTION,
    SW_CLI_PASSPHRASE_OPTION,
    {0},
};
static const sw_option open_options[] = {
    {"recipient", SW_OPTION_VALUE, "CARD", "card.json of the one who may open it"},
    APP_OPTION,
    IDENTITY_OPTION,
    LEDGER_OPTIONS,
    SW_CLI_SEND_OPTIONS,
    SW_CLI_RELAY_OPTION,
    SW_CLI_PASSPHRASE_OPTION,
    {0},
};

const sw_command sw_commands_ledger[] = {
    {"app new", "", "draft an app: its owners and its quorum",
     "Every owner then signs with"
     " `app join`; an app that is not signed by all is none. With --ledger ethereum the app's "
     "ledger"
     " is a\ncontract, which this command makes on the chain of --rpc.",
     0, 0, new_options, app_new},
    {"app join", "GENESIS", "sign an app's genesis as one of its owners", NULL, 1, 1, join_options,
     app_join},
    {"app show", "[GENESIS]", "show an app, and with a ledger what is approved and revoked", NULL,
     0, 1, show_options, app_show},
    {"app watch", "", "print each decision as it becomes final",
     "First what stands, then each new entry (on a chain: each change of what is proven).", 0, 0,
     sw_cli_watch_options, sw_cli_watch},
    {"app change", "FILE", "draft, sign or send a change of an app's owners on a chain",
     "Without --show, --sign and --send it drafts: FILE then goes from owner to owner until a "
     "quorum has\nsigned. Read it with --show before you sign: whoever had it may have changed it.",
     1, 1, sw_cli_change_options, sw_cli_change},
    {"app relay", "FILE", "send a call that somebody else has signed (--relay-out)",
     "The signature covers app, chain, round and number: whoever sends it pays and decides "
     "nothing.\nWho says what is printed first; a call without its owner's signature is refused.",
     1, 1, sw_cli_relay_options, sw_cli_relay},
    {"app copy", "", "bring one copy of an app's ledger up to another",
     "Keeps a copy of a key service's ledger in a file, and gives it to another key service when"
     " the\nfirst is lost: owners then consent again, to the new root, and unlock it.",
     0, 0, copy_options, app_copy},
    {"consent", "COMPOSE", "address a sealed shard to one recipe, and approve that recipe",
     "Writes the consent file and appends the approval to the ledger. Read `recipe show COMPOSE`"
     " first.\nEarlier consents stay valid until their compose hashes are revoked.",
     1, 1, sw_cli_consent_options, sw_cli_consent},
    {"approve", "COMPOSE", "co-sign one recipe; `consent` does this too",
     "For owners without a shard in the recipe, and after a lift. Read `recipe show COMPOSE` "
     "first.",
     1, 1, approve_options, approve},
    {"revoke", "[COMPOSE]", "withdraw: no key for this compose, or for the whole app",
     "COMPOSE is a file or a compose hash. It stands until its own owner lifts it; others cannot"
     " outvote it.\nWith --offline and --relay-out it is signed without a node, for `kms revoke` "
     "and "
     "`app relay`.",
     0, 1, revoke_options, revoke},
    {"lift", "[COMPOSE]", "lift one's own revocation; the quorum must then approve again", NULL, 0,
     1, lift_options, lift},
    {"open approve", "OUT", "approve that one recipient may open one run's output",
     "OUT is a run's out folder; verify it first. Approval to run is never approval to open.", 1, 1,
     open_options, open_approve},
    {0},
};
