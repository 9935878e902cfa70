/* SPDX-License-Identifier: Apache-2.0
 *
 * Reaching a ledger. Nothing that the other side says is believed: entries verify under the
 * genesis, the chain is recomputed, and this owner's own memory of it must be on it.
 */
#include "cli/ledger_chain.h"
#include "codec/text.h"
#include "sys/files.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

sw_status sw_cli_genesis(sw_cli *cli, sw_genesis *out, sw_bytes *envelope, sw_error *err) {
    const char *path;
    SW_TRY(sw_cli_need(cli, "app", &path, err));
    SW_TRY(sw_cli_read(cli, path, SW_ENVELOPE_LIMIT, envelope, err));
    sw_status status = sw_genesis_open(sw_cli_arena(cli), *envelope, true, out, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", path);
    return status;
}

sw_status sw_cli_genesis_hash(sw_cli *cli, const char *given, sw_hash *out, sw_error *err) {
    if (sw_hex_decode(out->b, sizeof out->b, sw_text(given), false, NULL) == SW_OK) return SW_OK;
    if (!sw_path_exists(given))
        return sw_fail(err, SW_MISSING, "missing",
                       "%.200s is neither 64 lower-case hex digits (a genesis hash) nor a genesis "
                       "file",
                       given);
    sw_genesis *genesis = SW_ARENA_NEW(sw_cli_arena(cli), sw_genesis, 1);
    if (genesis == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a genesis");
    sw_bytes envelope;
    SW_TRY(sw_cli_read(cli, given, SW_ENVELOPE_LIMIT, &envelope, err));
    sw_status status = sw_genesis_open(sw_cli_arena(cli), envelope, true, genesis, err);
    if (status == SW_OK)
        *out = genesis->hash;
    else
        sw_error_prefix(err, "%s", given);
    return status;
}

static sw_status load_file(sw_ledger_access *a, const char *path, sw_error *err) {
    SW_TRY(sw_journal_open_sqlite(path, &a->genesis.hash, &a->journal, err));
    SW_TRY(sw_ledger_open(&a->genesis, &a->ledger, err));
    return sw_ledger_load(a->ledger, a->journal, err);
}

static sw_status open_file(sw_cli *cli, sw_ledger_access *a, const char *path, bool made,
                           sw_error *err) {
    struct stat info; /* SQLite takes an empty file for a new one */
    bool there = stat(path, &info) == 0 && info.st_size > 0;
    if (!there && !made) return sw_fail(err, SW_MISSING, "missing", "there is no ledger %s", path);
    if (!there) sw_cli_note(cli, "%s is a new ledger: nothing stands on it", path);
    sw_status status = load_file(a, path, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", path);
    return status;
}

static sw_status open_remote(sw_cli *cli, sw_ledger_access *a, const char *url, sw_error *err) {
    SW_TRY(sw_remote_open(url, sw_cli_entropy(cli), &a->remote, err));
    SW_TRY(sw_remote_found(a->remote, a->genesis_envelope, err));
    return sw_remote_ledger(a->remote, &a->genesis, &a->journal, &a->ledger, err);
}

static sw_status open_app(sw_cli *cli, sw_ledger_access *out, sw_error *err) {
    *out = (sw_ledger_access){.cli = cli};
    return sw_cli_genesis(cli, &out->genesis, &out->genesis_envelope, err);
}

static sw_status open_place(const char *where, bool made, sw_ledger_access *out, sw_error *err) {
    sw_status status;
    if (out->genesis.backend == SW_LEDGER_ETHEREUM)
        status = sw_chain_access_open(out, where, err);
    else if (where == NULL)
        return sw_fail(err, SW_USAGE, "usage", "--ledger or --kms must say where the ledger is");
    else if (strncmp(where, "file:", 5) == 0)
        status = open_file(out->cli, out, where + 5, made, err);
    else if (strncmp(where, "https://", 8) == 0)
        status = open_remote(out->cli, out, where, err);
    else
        status = sw_fail(err, SW_USAGE, "usage",
                         "this app's ledger is file:PATH or "
                         "https://HOST:PORT");
    if (status != SW_OK) sw_ledger_access_close(out);
    return status;
}

sw_status sw_ledger_access_open(sw_cli *cli, sw_ledger_access *out, sw_error *err) {
    const char *where = sw_cli_value(cli, "ledger");
    SW_TRY(open_app(cli, out, err));
    if (where == NULL && out->genesis.backend == SW_LEDGER_LOCAL) where = sw_cli_value(cli, "kms");
    return open_place(where, true, out, err);
}

sw_status sw_ledger_access_at(sw_cli *cli, const char *where, bool made, sw_ledger_access *out,
                              sw_error *err) {
    SW_TRY(open_app(cli, out, err));
    if (out->genesis.backend == SW_LEDGER_ETHEREUM)
        return sw_fail(err, SW_REFUSED, "chain",
                       "the ledger of %s is on a chain, which keeps its copies itself",
                       out->genesis.name);
    return open_place(where, made, out, err);
}

void sw_ledger_access_close(sw_ledger_access *a) {
    if (a->ledger != NULL) sw_ledger_close(&a->ledger);
    if (a->journal != NULL) sw_journal_close(&a->journal);
    sw_remote_close(&a->remote);
    sw_rpc_close(&a->rpc);
}

sw_status sw_ledger_access_ask(sw_ledger_access *a, const sw_hash *compose,
                               const sw_chain_opening *opening, sw_error *err) {
    return a->rpc == NULL ? SW_OK : sw_chain_access_ask(a, compose, opening, err);
}

sw_status sw_ledger_access_owner(const sw_ledger_access *a, const sw_identity *who, sw_error *err) {
    const sw_card *card = sw_identity_card(who);
    const sw_owner *owner = sw_genesis_owner(&a->genesis, &card->id);
    uint8_t place;
    if (a->rpc != NULL) return sw_chain_access_place(a, card, &place, err);
    if (owner != NULL && sw_p256_equal(&owner->identity_key, &card->identity_key)) return SW_OK;
    return sw_fail(err, SW_REFUSED, "ledger", "%s is no owner of the app %s", card->name,
                   a->genesis.name);
}

sw_status sw_ledger_access_check(sw_ledger_access *a, sw_identity *who, sw_error *err) {
    sw_seen seen;
    SW_TRY(sw_identity_load_seen(who, &a->genesis.hash, &seen, err));
    if (a->rpc != NULL) return sw_chain_access_check(a, who, &seen, err);
    if (seen.ledger.index > 0) SW_TRY(sw_journal_contains(a->journal, &seen.ledger, err));
    if (sw_ledger_sequence(a->ledger, &sw_identity_card(who)->id) >= seen.sequence) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "rollback", "the ledger has lost an entry of %s's own",
                   sw_identity_card(who)->name);
}

sw_status sw_ledger_access_reload(sw_ledger_access *a, sw_error *err) {
    sw_journal *journal;
    sw_ledger *ledger;
    if (a->rpc != NULL) return sw_chain_access_reload(a, err);
    if (a->remote == NULL) return sw_ledger_load(a->ledger, a->journal, err);
    SW_TRY(sw_remote_ledger(a->remote, &a->genesis, &journal, &ledger, err));
    sw_ledger_close(&a->ledger);
    sw_journal_close(&a->journal);
    a->journal = journal;
    a->ledger = ledger;
    return SW_OK;
}

sw_status sw_ledger_access_hold(sw_ledger_access *a, sw_identity *who, sw_error *err) {
    const sw_identity_key *key;
    const sw_chain_key *chain_key;
    if (a->rpc == NULL) SW_TRY(sw_identity_signing_key(who, &key, err));
    if (a->rpc != NULL) SW_TRY(sw_identity_chain_key(who, &chain_key, err));
    SW_TRY(sw_identity_hold(who, SW_IDENTITY_WAIT_MS, err));
    a->held = true;
    return sw_ledger_access_reload(a, err);
}

/* What was appended must be in it. */
static sw_status reload_with(sw_ledger_access *a, const sw_entry *entry, sw_error *err) {
    SW_TRY(sw_ledger_access_reload(a, err));
    uint64_t last =
        a->rpc == NULL ? sw_ledger_sequence(a->ledger, &entry->owner) : sw_chain_access_sequence(a);
    if (last >= entry->sequence) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "rollback", "the ledger does not hold the new entry");
}

static sw_status keep_seen(sw_ledger_access *a, sw_identity *who, uint64_t sequence,
                           sw_error *err) {
    sw_seen seen;
    SW_TRY(sw_identity_load_seen(who, &a->genesis.hash, &seen, err));
    seen.ledger = sw_ledger_head(a->ledger);
    if (sequence > seen.sequence) seen.sequence = sequence;
    return sw_identity_store_seen(who, &a->genesis.hash, &seen, err);
}

static sw_status put(sw_ledger_access *a, sw_bytes envelope, sw_error *err) {
    sw_head head;
    if (a->remote != NULL) return sw_remote_append(a->remote, &a->genesis, envelope, &head, err);
    sw_head expected = sw_ledger_head(a->ledger);
    return sw_journal_append(a->journal, &expected, envelope, &head, err);
}

/* An entry that was signed and is still on its way, or held back, has the number after the last
 * one: a revocation leaves it out, so that whoever brings that entry first does not hold it up. */
uint64_t sw_ledger_access_number(const sw_entry *entry, uint64_t last, uint64_t seen) {
    if (entry->kind != SW_PAYLOAD_REVOKE) return last + 1;
    return (last > seen ? last : seen) + 2;
}

/* Signed as the owner's next entry, and appended. `doubted`: nothing shows that this is the ledger
 * as she saw it, so what it shows does not say whether a revocation of hers stands: whoever keeps
 * the ledger does. */
static sw_status send(sw_ledger_access *a, sw_identity *who, sw_entry *entry, bool doubted,
                      sw_error *err) {
    const sw_identity_key *key;
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(SW_ENVELOPE_LIMIT);
    sw_seen seen;
    SW_TRY(sw_identity_load_seen(who, &a->genesis.hash, &seen, err));
    if (a->rpc != NULL) return sw_chain_access_send(a, who, seen.sequence, entry, doubted, err);
    SW_TRY(sw_identity_signing_key(who, &key, err));
    entry->genesis = a->genesis.hash;
    entry->owner = sw_identity_card(who)->id;
    entry->sequence =
        sw_ledger_access_number(entry, sw_ledger_sequence(a->ledger, &entry->owner), seen.sequence);
    SW_TRY(sw_entry_sign(entry, key, &envelope, err));
    if (!doubted || a->remote == NULL)
        SW_TRY(sw_ledger_check(a->ledger, sw_buffer_bytes(&envelope), err));
    return put(a, sw_buffer_bytes(&envelope), err);
}

/* A refusal by a ledger that is not shown to be the one that this owner saw rests on its state, so
 * the doubt is what she hears (LDG-052). Anything else that went wrong is told as it is, with the
 * doubt behind it: the revocation may be on its way. */
static sw_status not_revoked(const sw_error *complaint, sw_error *sent) {
    if (strcmp(sent->word, "ledger") != 0 && strcmp(sent->word, "reverted") != 0) {
        size_t size = strlen(sent->message);
        (void)snprintf(sent->message + size, sizeof sent->message - size, "; besides, %s",
                       complaint->message);
        return sent->status;
    }
    *sent = *complaint;
    sw_error_prefix(sent, "not revoked");
    if (strcmp(sent->word, "busy") == 0) return complaint->status; /* the same command, later */
    sw_error_hint(sent, "nothing shows that this is the ledger as it was seen before: hand the "
                        "revocation to one that is, or on a chain to the key service itself "
                        "(`revoke --offline --relay-out FILE`, `kms revoke FILE`)");
    return complaint->status;
}

static sw_status done_but(const char *done, const sw_error *complaint, sw_error *err) {
    if (err != NULL) *err = *complaint;
    sw_error_prefix(err, "%s, but", done);
    return complaint->status;
}

sw_status sw_ledger_access_append(sw_ledger_access *a, sw_identity *who, sw_entry *entry,
                                  sw_error *err) {
    bool revoke = entry->kind == SW_PAYLOAD_REVOKE;
    const sw_chain_opening opening = {entry->compose, entry->manifest, entry->recipient};
    SW_TRY(sw_ledger_access_owner(a, who, err));
    SW_TRY(sw_ledger_access_ask(a, entry->everything ? NULL : &entry->compose,
                                entry->kind == SW_PAYLOAD_OPEN ? &opening : NULL, err));
    sw_error complaint = {0}, cause = {0};
    sw_status known = a->held ? SW_OK : sw_ledger_access_hold(a, who, &complaint);
    if (known == SW_OK) known = sw_ledger_access_check(a, who, &complaint);
    bool doubted = known != SW_OK;
    if (doubted && !revoke && err != NULL) *err = complaint;
    if (doubted && !revoke) return known;
    sw_status sent = send(a, who, entry, doubted, &cause);
    if (sent != SW_OK && doubted) sent = not_revoked(&complaint, &cause);
    if (sent != SW_OK && err != NULL) *err = cause;
    SW_TRY(sent);
    if (a->relayed)
        return doubted ? done_but("the revocation is signed and written", &complaint, err) : SW_OK;
    sw_status shown = reload_with(a, entry, &cause);
    if (doubted) return done_but("revoked", &complaint, err);
    if (shown != SW_OK && revoke) return done_but("the revocation was handed over", &cause, err);
    if (shown != SW_OK && err != NULL) *err = cause;
    SW_TRY(shown);
    sw_status status = keep_seen(a, who, entry->sequence, err);
    if (status != SW_OK && revoke) sw_error_prefix(err, "revoked, but");
    return status;
}

typedef struct copy {
    sw_ledger_access *to;
    uint64_t count;
} copy;

/* One entry that the other ledger has and this one does not. A key service judges it by itself. */
static sw_status copy_entry(void *context, const sw_head *at, const sw_envelope *envelope,
                            sw_bytes bytes, sw_error *err) {
    copy *c = context;
    (void)at;
    (void)envelope;
    bool file = c->to->remote == NULL;
    if (file) SW_TRY(sw_ledger_check(c->to->ledger, bytes, err));
    SW_TRY(put(c->to, bytes, err));
    if (file) SW_TRY(sw_ledger_access_reload(c->to, err));
    c->count++;
    return SW_OK;
}

static sw_status check_same(sw_journal *longer, const sw_head *shorter, sw_error *err) {
    if (shorter->index == 0 || sw_journal_contains(longer, shorter, NULL) == SW_OK) return SW_OK;
    sw_status status = sw_fail(err, SW_UNAUTHENTIC, "rollback",
                               "the two ledgers parted: entry %llu of one is not on the other",
                               (unsigned long long)shorter->index);
    sw_error_hint(err, "one of them is not the app's ledger: ask the owners which heads they know");
    return status;
}

sw_status sw_ledger_access_copy(const sw_ledger_access *from, sw_ledger_access *to, uint64_t *count,
                                sw_error *err) {
    sw_head has = sw_ledger_head(to->ledger), other = sw_ledger_head(from->ledger);
    copy c = {.to = to};
    *count = 0;
    if (other.index <= has.index) return check_same(to->journal, &other, err);
    SW_TRY(check_same(from->journal, &has, err));
    SW_TRY(sw_journal_read(from->journal, has.index + 1, copy_entry, &c, err));
    SW_TRY(sw_ledger_access_reload(to, err));
    *count = c.count;
    sw_head now = sw_ledger_head(to->ledger);
    return check_same(to->journal, &other, err) == SW_OK && now.index >= other.index
               ? SW_OK
               : sw_fail(err, SW_UNAUTHENTIC, "rollback",
                         "the ledger does not hold what was copied");
}
