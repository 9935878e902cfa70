/* SPDX-License-Identifier: Apache-2.0
 *
 * identity new, identity chain-key, identity erase, identity show: an owner's keys, and what
 * others may know of them.
 */
#include "cli/cli.h"
#include "cli/ledger_access.h"
#include "codec/text.h"
#include "identity/identity.h"
#include "sys/files.h"
#include <string.h>

enum { PASSPHRASE_LIMIT = 1024 };

/* A new passphrase is typed twice and serves for all four files. */
typedef struct new_passphrase {
    sw_cli *cli;
    char *text; /* locked memory, 2 * PASSPHRASE_LIMIT; the second half is for the repetition */
    size_t size;
} new_passphrase;

static sw_status ask_new(new_passphrase *p, sw_error *err) {
    const sw_passphrase *source = sw_cli_passphrase(p->cli);
    char *again = p->text + PASSPHRASE_LIMIT;
    size_t size, again_size;
    SW_TRY(source->ask(source->context, "the new identity", p->text, PASSPHRASE_LIMIT, &size, err));
    if (sw_cli_value(p->cli, "passphrase-file") == NULL) {
        SW_TRY(source->ask(source->context, "the new identity, once more", again, PASSPHRASE_LIMIT,
                           &again_size, err));
        if (again_size != size || !sw_secret_equal(p->text, again, size))
            return sw_fail(err, SW_REFUSED, "passphrase", "the two passphrases differ");
    }
    p->size = size;
    return SW_OK;
}

static sw_status hand_out(void *context, const char *file, char *out, size_t limit, size_t *size,
                          sw_error *err) {
    new_passphrase *p = context;
    (void)file;
    if (p->size == 0) SW_TRY(ask_new(p, err));
    if (p->size > limit) return sw_fail(err, SW_LIMIT, "passphrase", "the passphrase is too long");
    memcpy(out, p->text, p->size);
    *size = p->size;
    return SW_OK;
}

static void report(sw_cli *cli, const sw_card *card) {
    sw_arena *a = sw_cli_arena(cli);
    char id[2 * SW_HASH_BYTES + 1], key[2 * SW_P256_BYTES + 1], encryption[2 * SW_P256_BYTES + 1];
    sw_hex_text(id, SW_BYTES_OF(card->id.b));
    sw_hex_text(key, SW_BYTES_OF(card->identity_key.b));
    sw_hex_text(encryption, SW_BYTES_OF(card->encryption_key.b));
    sw_cli_print(cli, "name            %s\nid              %s\nidentity key    %s\n", card->name,
                 id, key);
    sw_cli_print(cli, "encryption key  %s\n", encryption);
    char address[43];
    sw_address_text(address, &card->address);
    if (card->has_address) sw_cli_print(cli, "address         %s\n", address);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_text(a, root, "name", sw_text(card->name));
    sw_json_add_text(a, root, "id", sw_text(id));
    sw_json_add_text(a, root, "identity_key", sw_text(key));
    sw_json_add_text(a, root, "encryption_key", sw_text(encryption));
    if (card->has_address) sw_json_add_text(a, root, "address", sw_text(address));
    sw_cli_result(cli, root);
}

static sw_status show_folder(sw_cli *cli, const char *folder, sw_error *err) {
    sw_identity *identity;
    SW_TRY(sw_identity_open(folder, NULL, sw_cli_entropy(cli), &identity, err));
    report(cli, sw_identity_card(identity));
    sw_identity_close(&identity);
    return SW_OK;
}

/* A chain key for a folder; NULL: as its other keys are kept, plain ones when there is no
 * passphrase. */
static sw_status add_chain_key(sw_cli *cli, const char *folder, const sw_passphrase *passphrase,
                               sw_error *err) {
    sw_identity *identity;
    SW_TRY(sw_identity_open(folder, passphrase, sw_cli_entropy(cli), &identity, err));
    sw_status status = sw_identity_make_chain_key(identity, passphrase, err);
    sw_identity_close(&identity);
    return status;
}

static sw_status make(sw_cli *cli, const char *folder, const char *name,
                      const sw_passphrase *passphrase, sw_error *err) {
    SW_TRY(sw_identity_make(folder, name, passphrase, sw_cli_entropy(cli), err));
    return sw_cli_flag(cli, "chain-key") ? add_chain_key(cli, folder, passphrase, err) : SW_OK;
}

static sw_status make_protected(sw_cli *cli, const char *folder, const char *name, sw_error *err) {
    new_passphrase p = {.cli = cli, .text = sw_secret_alloc(2 * PASSPHRASE_LIMIT)};
    if (p.text == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory");
    const sw_passphrase passphrase = {hand_out, &p};
    sw_status status = make(cli, folder, name, &passphrase, err);
    sw_secret_release(p.text);
    return status;
}

static sw_status check_plain(sw_cli *cli, bool plain, sw_error *err) {
    if (!plain || sw_cli_value(cli, "passphrase-file") == NULL) return SW_OK;
    return sw_fail(err, SW_USAGE, "usage",
                   "--no-passphrase and --passphrase-file exclude each other");
}

static sw_status new_identity(sw_cli *cli, sw_error *err) {
    const char *folder = sw_cli_argument(cli, 0), *name;
    SW_TRY(sw_cli_need(cli, "name", &name, err));
    bool plain = sw_cli_flag(cli, "no-passphrase");
    SW_TRY(check_plain(cli, plain, err));
    SW_TRY(plain ? make(cli, folder, name, NULL, err) : make_protected(cli, folder, name, err));
    if (plain)
        sw_cli_note(cli, "the keys in %s are not encrypted; the files are mode 0600", folder);
    return show_folder(cli, folder, err);
}

static sw_status chain_key(sw_cli *cli, sw_error *err) {
    const char *folder = sw_cli_argument(cli, 0);
    bool plain = sw_cli_flag(cli, "no-passphrase");
    SW_TRY(check_plain(cli, plain, err));
    SW_TRY(add_chain_key(cli, folder, plain ? NULL : sw_cli_passphrase(cli), err));
    return show_folder(cli, folder, err);
}

static sw_status erase_unlock(sw_cli *cli, sw_error *err) {
    const char *app;
    sw_hash genesis;
    sw_identity *identity;
    SW_TRY(sw_cli_need(cli, "app", &app, err));
    SW_TRY(sw_cli_genesis_hash(cli, app, &genesis, err));
    SW_TRY(sw_identity_open(sw_cli_argument(cli, 0), NULL, sw_cli_entropy(cli), &identity, err));
    sw_status status = sw_identity_erase_unlock(identity, &genesis, err);
    sw_identity_close(&identity);
    if (status != SW_OK) return status;
    sw_cli_print(cli, "erased: what was consented to for this app opens no more\n");
    sw_cli_note(cli, "a key service that was unlocked before forgets the secret when it is "
                     "restarted; `sealwright revoke` ends what it grants until then");
    return SW_OK;
}

/* DIR is an identity's folder, or a card that somebody handed over. */
static sw_status show(sw_cli *cli, sw_error *err) {
    const char *path = sw_cli_argument(cli, 0);
    if (sw_path_is_folder(path)) return show_folder(cli, path, err);
    sw_card card;
    SW_TRY(sw_cli_card(cli, path, &card, err));
    report(cli, &card);
    return SW_OK;
}

static const sw_option new_options[] = {
    {"name", SW_OPTION_VALUE, "NAME", "what people call this owner"},
    {"no-passphrase", SW_OPTION_FLAG, NULL, "leave the keys unencrypted, mode 0600"},
    {"chain-key", SW_OPTION_FLAG, NULL, "a key for a ledger on an Ethereum chain as well"},
    SW_CLI_PASSPHRASE_OPTION,
    {0},
};
static const sw_option chain_options[] = {
    {"no-passphrase", SW_OPTION_FLAG, NULL, "the folder's keys are unencrypted, and this one too"},
    SW_CLI_PASSPHRASE_OPTION,
    {0},
};

static const sw_option erase_options[] = {
    {"app", SW_OPTION_VALUE, "FILE|HASH", "the app's genesis, or its hash"},
    {0},
};

const sw_command sw_commands_identity[] = {
    {"identity new", "DIR", "make an owner's keys: identity, encryption, keyring, unlock",
     "DIR/card.json is what others need to name this owner; everything else stays with her.", 1, 1,
     new_options, new_identity},
    {"identity chain-key", "DIR", "make a key for a ledger on an Ethereum chain",
     "DIR/card.json then names its address, signed again: hand that card out before an app is "
     "drafted.",
     1, 1, chain_options, chain_key},
    {"identity erase", "DIR", "erase the secret without which nothing consented to opens",
     "All that this owner has consented to for the app is lost to every key service, for good; the "
     "rows are\nsealed as before, and a new `consent` makes a new secret.",
     1, 1, erase_options, erase_unlock},
    {"identity show", "DIR", "show an identity's (or a card's) name, id and public keys", NULL, 1,
     1, NULL, show},
    {0},
};
