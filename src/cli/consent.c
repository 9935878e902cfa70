/* SPDX-License-Identifier: Apache-2.0
 *
 * consent: one owner addresses one sealed shard to one compose hash, and approves that hash.
 *
 * Order: everything is checked, the consent file is written, then the approval goes to the ledger.
 * A consent file without an approval opens nothing; an approval without the file neither.
 */
#include "seal/consent.h"
#include "cli/ledger_chain.h"
#include "codec/text.h"
#include "seal/container.h"
#include "sys/files.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define REFERENCE_BYTES ((size_t)64 << 10)
#define CONSENT_BYTES   ((size_t)64 << 10)

const sw_option sw_cli_consent_options[] = {
    {"shard", SW_OPTION_VALUE, "FILE", "the sealed shard"},
    {"identity", SW_OPTION_VALUE, "DIR", "the owner's keys"},
    {"app", SW_OPTION_VALUE, "FILE", "the app's genesis, signed by all owners"},
    {"kms", SW_OPTION_VALUE, "URL", "the key service that shall hand out the key"},
    {"reference", SW_OPTION_VALUE, "FILE", "the key service as this owner accepts it"},
    {"root", SW_OPTION_VALUE, "KEY", "instead: its root key (`kms root`), 130 hex digits"},
    {"ledger", SW_OPTION_VALUE, "WHERE",
     "file:PATH, https://HOST:PORT (default: the --kms) or eip155:CHAIN/ADDRESS"},
    SW_CLI_RPC_OPTIONS,
    SW_CLI_SEND_OPTIONS,
    SW_CLI_RELAY_OPTION,
    {"out", SW_OPTION_VALUE, "FILE", "where the consent goes"},
    {"address-only", SW_OPTION_FLAG, NULL, "write the consent file; `approve` comes later"},
    SW_CLI_PASSPHRASE_OPTION,
    {0},
};

typedef struct consenting {
    sw_cli *cli;
    sw_ledger_access access;
    sw_identity *who;
    sw_recipe *recipe;
    sw_wrap_context context; /* G, X, owner, dataset */
    sw_p256_public root;
    const char *out;
    bool approved_before;
} consenting;

/* The recipe must be of this app, and list shards of its owners alone. */
static sw_status read_recipe(consenting *c, sw_error *err) {
    sw_bytes bytes;
    c->recipe = SW_ARENA_NEW(sw_cli_arena(c->cli), sw_recipe, 1);
    if (c->recipe == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a recipe");
    SW_TRY(sw_cli_read(c->cli, sw_cli_argument(c->cli, 0), SW_COMPOSE_LIMIT, &bytes, err));
    SW_TRY(sw_compose_parse(bytes, c->recipe, err));
    sw_compose_hash(&c->context.compose, bytes);
    if (!sw_hash_equal(&c->recipe->genesis, &c->access.genesis.hash))
        return sw_fail(err, SW_REFUSED, "compose", "the recipe is of another app");
    for (size_t i = 0; i < c->recipe->shard_count; i++)
        if (sw_genesis_owner(&c->access.genesis, &c->recipe->shards[i].owner) == NULL)
            return sw_fail(err, SW_REFUSED, "compose",
                           "the recipe lists a shard of somebody who is no owner: %s",
                           c->recipe->shards[i].name);
    return SW_OK;
}

/* The shard itself is read whole: its id is what the recipe must list, with its rows. */
static sw_status read_shard(consenting *c, sw_error *err) {
    const char *path;
    sw_container_body body;
    sw_container_trailer trailer;
    const sw_card *card = sw_identity_card(c->who);
    SW_TRY(sw_cli_need(c->cli, "shard", &path, err));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return sw_fail(err, errno == ENOENT ? SW_MISSING : SW_IO, "io", "%s: %s", path,
                       strerror(errno));
    sw_status status =
        sw_container_inspect(sw_cli_arena(c->cli), fd, &card->identity_key, &body, &trailer, err);
    (void)close(fd);
    if (status != SW_OK) sw_error_prefix(err, "%s", path);
    SW_TRY(status);
    const sw_shard *listed = NULL;
    for (size_t i = 0; i < c->recipe->shard_count; i++)
        if (sw_hash_equal(&c->recipe->shards[i].dataset, &trailer.root_id))
            listed = &c->recipe->shards[i];
    if (listed == NULL || !sw_hash_equal(&listed->owner, &card->id)) {
        status = sw_fail(err, SW_REFUSED, "compose", "the recipe does not list %s as %s's", path,
                         card->name);
        sw_error_hint(err, "`sealwright recipe show` says what it lists");
        return status;
    }
    if (trailer.rows > 0 && trailer.rows != listed->rows)
        return sw_fail(err, SW_REFUSED, "compose", "the recipe says %llu rows and %s holds %llu",
                       (unsigned long long)listed->rows, path, (unsigned long long)trailer.rows);
    c->context.genesis = c->access.genesis.hash;
    c->context.owner = card->id;
    c->context.dataset = trailer.root_id;
    return SW_OK;
}

/* --root, or the root that a key service proves by this owner's reference. */
static sw_status find_root(consenting *c, sw_error *err) {
    const char *given = sw_cli_value(c->cli, "root"), *url, *path;
    sw_bytes json;
    sw_kms_reference *reference = SW_ARENA_NEW(sw_cli_arena(c->cli), sw_kms_reference, 1);
    sw_kms_facts *facts = SW_ARENA_NEW(sw_cli_arena(c->cli), sw_kms_facts, 1);
    if (given != NULL) {
        SW_TRY(sw_hex_decode(c->root.b, sizeof c->root.b, sw_text(given), false, err));
        return sw_p256_check(&c->root, err);
    }
    if (reference == NULL || facts == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a reference");
    SW_TRY(sw_cli_need(c->cli, "reference", &path, err));
    SW_TRY(sw_cli_need(c->cli, "kms", &url, err));
    SW_TRY(sw_cli_read(c->cli, path, REFERENCE_BYTES, &json, err));
    SW_TRY(sw_kms_reference_parse(json, reference, err));
    const sw_clock *clock = sw_cli_clock(c->cli);
    sw_remote *remote = c->access.remote, *own = NULL;
    if (sw_cli_value(c->cli, "ledger") != NULL || remote == NULL) {
        SW_TRY(sw_remote_open(url, sw_cli_entropy(c->cli), &own, err));
        remote = own;
    }
    sw_status status =
        sw_remote_look(remote, reference, clock->wall_ms(clock->context), facts, err);
    if (status == SW_OK) c->root = facts->root;
    sw_remote_close(&own);
    return status;
}

static sw_status write_consent(consenting *c, sw_error *err) {
    const sw_identity_key *key;
    SW_SCOPED_SECRET(sw_data_key) data_key = sw_data_key_new();
    SW_SCOPED_SECRET(sw_unlock_secret) psk = sw_unlock_secret_new();
    SW_SCOPED(sw_buffer) file = SW_BUFFER(CONSENT_BYTES);
    if (data_key == NULL || psk == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory");
    SW_TRY(sw_identity_load_data_key(c->who, &c->context.dataset, data_key, err));
    SW_TRY(sw_identity_unlock_secret(c->who, &c->context.genesis, true, psk, err));
    SW_TRY(sw_identity_signing_key(c->who, &key, err));
    SW_TRY(sw_consent_make(&c->context, &c->root, psk, data_key, key, sw_cli_entropy(c->cli), &file,
                           err));
    return sw_file_write(c->out, sw_buffer_bytes(&file), 0644, SW_WRITE_REPLACE, err);
}

static bool has_approved(const consenting *c) {
    sw_approval a;
    sw_ledger_approval(c->access.ledger, &c->context.compose, &a);
    for (size_t i = 0; i < a.approver_count; i++)
        if (sw_hash_equal(&a.approvers[i], &c->context.owner)) return true;
    return false;
}

static sw_status approve(consenting *c, sw_error *err) {
    sw_entry entry = {.kind = SW_PAYLOAD_APPROVE, .compose = c->context.compose};
    SW_TRY(sw_ledger_access_hold(&c->access, c->who, err));
    c->approved_before = has_approved(c);
    if (c->approved_before || sw_cli_flag(c->cli, "address-only"))
        return sw_ledger_access_check(&c->access, c->who, err);
    return sw_ledger_access_append(&c->access, c->who, &entry, err);
}

static void report(const consenting *c) {
    sw_cli *cli = c->cli;
    char compose[2 * SW_HASH_BYTES + 1], dataset[2 * SW_HASH_BYTES + 1];
    sw_approval a;
    sw_ledger_approval(c->access.ledger, &c->context.compose, &a);
    sw_hex_text(compose, SW_BYTES_OF(c->context.compose.b));
    sw_hex_text(dataset, SW_BYTES_OF(c->context.dataset.b));
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    sw_json_add_text(sw_cli_arena(cli), root, "compose_hash", sw_text(compose));
    sw_json_add_text(sw_cli_arena(cli), root, "dataset", sw_text(dataset));
    sw_json_add_text(sw_cli_arena(cli), root, "file", sw_text(c->out));
    sw_json_add_integer(sw_cli_arena(cli), root, "approvals", a.approvals);
    sw_json_add_integer(sw_cli_arena(cli), root, "quorum", a.quorum);
    sw_json_add_flag(sw_cli_arena(cli), root, "approved", a.approved);
    sw_cli_result(cli, root);
    sw_cli_print(cli, "consent   %s\ncompose   %s\ndataset   %s\napproved  by %u of %u%s\n", c->out,
                 compose, dataset, a.approvals, a.quorum,
                 c->approved_before  ? " (this owner's approval stood already)"
                 : c->access.relayed ? " (the signed call is not sent yet)"
                                     : "");
    if (a.revoker_count > 0) sw_cli_print(cli, "REVOKED: nothing runs until that is lifted\n");
    sw_cli_note(cli, "consents to other recipes stay valid until their compose hashes are revoked");
}

static sw_status work(consenting *c, sw_error *err) {
    SW_TRY(sw_ledger_access_owner(&c->access, c->who, err));
    SW_TRY(read_recipe(c, err));
    SW_TRY(sw_ledger_access_ask(&c->access, &c->context.compose, NULL, err));
    SW_TRY(read_shard(c, err));
    SW_TRY(find_root(c, err));
    SW_TRY(write_consent(c, err));
    SW_TRY(approve(c, err));
    report(c);
    return SW_OK;
}

sw_status sw_cli_consent(sw_cli *cli, sw_error *err) {
    consenting *c = SW_ARENA_NEW(sw_cli_arena(cli), consenting, 1);
    const char *folder;
    if (c == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a consent");
    c->cli = cli;
    SW_TRY(sw_cli_need(cli, "identity", &folder, err));
    SW_TRY(sw_cli_need(cli, "out", &c->out, err));
    SW_TRY(sw_ledger_access_open(cli, &c->access, err));
    sw_status status =
        sw_identity_open(folder, sw_cli_passphrase(cli), sw_cli_entropy(cli), &c->who, err);
    if (status == SW_OK) status = work(c, err);
    if (c->who != NULL) sw_identity_close(&c->who);
    sw_ledger_access_close(&c->access);
    return status;
}
