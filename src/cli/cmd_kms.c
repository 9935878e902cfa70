/* SPDX-License-Identifier: Apache-2.0
 *
 * kms init, serve, reference, root, unlock, audit verify: the key service, and what owners do with
 * one.
 */
#include "cli/ledger_chain.h"
#include "cli/source_options.h"
#include "codec/text.h"
#include "kms/kms.h"
#include "ledger/handed.h"
#include "sys/files.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROGRAM_LIMIT   ((size_t)256 << 20)
#define REFERENCE_LIMIT ((size_t)64 << 10)
#define DEFAULT_LISTEN  "127.0.0.1:7440"
enum { HOST_BYTES = 256, SILENCE_MS = 24 * 3600 * 1000, POLL_SECONDS = 2, REFUSAL_LIMIT = 3 };

/* ---- the service ---- */
/* --dir, --machine, the clock, chance and this program's own bytes. */
static sw_status read_options(sw_cli *cli, bool program, sw_kms_options *out, sw_error *err) {
    *out = (sw_kms_options){.entropy = *sw_cli_entropy(cli), .clock = *sw_cli_clock(cli)};
    SW_TRY(sw_cli_need(cli, "dir", &out->folder, err));
    SW_TRY(sw_cli_need(cli, "machine", &out->machine, err));
    return program ? sw_cli_read(cli, "/proc/self/exe", PROGRAM_LIMIT, &out->program, err) : SW_OK;
}

static void show_hash(sw_cli *cli, const char *label, const char *member, const sw_hash *hash) {
    char hex[2 * SW_HASH_BYTES + 1];
    sw_hex_text(hex, SW_BYTES_OF(hash->b));
    sw_cli_print(cli, "%s%s\n", label, hex);
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    sw_json_add_text(sw_cli_arena(cli), root, member, sw_text(hex));
    sw_cli_result(cli, root);
}

static sw_status kms_init(sw_cli *cli, sw_error *err) {
    sw_kms_options o;
    sw_hash compose;
    SW_TRY(read_options(cli, true, &o, err));
    SW_TRY(sw_kms_init(&o, &compose, err));
    show_hash(cli, "compose hash of this key service  ", "compose_hash", &compose);
    return SW_OK;
}

static sw_status kms_reference(sw_cli *cli, sw_error *err) {
    sw_kms_options o;
    sw_kms_reference reference;
    SW_SCOPED(sw_buffer) json = SW_BUFFER(REFERENCE_LIMIT);
    SW_TRY(read_options(cli, false, &o, err));
    SW_TRY(sw_kms_reference_make(&o, &reference, err));
    SW_TRY(sw_kms_reference_encode(&reference, &json, err));
    const char *path = sw_cli_value(cli, "out");
    if (path == NULL) {
        sw_cli_write(cli, sw_buffer_bytes(&json));
        return SW_OK;
    }
    SW_TRY(sw_file_write(path, sw_buffer_bytes(&json), 0644, SW_WRITE_REPLACE, err));
    show_hash(cli, "compose hash of this key service  ", "compose_hash", &reference.compose);
    return SW_OK;
}

/* "HOST:PORT", "[V6]:PORT". */
static sw_status read_place(const char *text, char host[HOST_BYTES], uint16_t *port,
                            sw_error *err) {
    const char *colon = strrchr(text, ':');
    size_t size = colon == NULL ? 0 : (size_t)(colon - text);
    char *end = NULL;
    unsigned long number = colon == NULL ? 0 : strtoul(colon + 1, &end, 10);
    if (size == 0 || size >= HOST_BYTES || colon[1] < '0' || colon[1] > '9' || *end != 0 ||
        number > UINT16_MAX)
        return sw_fail(err, SW_USAGE, "usage", "--listen is not written as HOST:PORT");
    bool bracketed = text[0] == '[' && text[size - 1] == ']';
    memcpy(host, text + bracketed, size - 2 * (size_t)bracketed);
    host[size - 2 * (size_t)bracketed] = 0;
    *port = (uint16_t)number;
    return SW_OK;
}

static sw_status serve(sw_cli *cli, sw_kms *k, const char *host, uint16_t port, sw_error *err) {
    char line[HOST_BYTES + 32];
    sw_http_server *server = NULL;
    SW_TRY(sw_http_listen(host, port, sw_kms_tls_key(k), sw_cli_entropy(cli), sw_kms_answer, k,
                          &server, &port, err));
    int size =
        snprintf(line, sizeof line, strchr(host, ':') ? "listening [%s]:%u\n" : "listening %s:%u\n",
                 host, port);
    sw_cli_write(cli, SW_BYTES(line, (size_t)size));
    sw_status status = sw_http_serve(server, err);
    sw_http_close(&server);
    return status;
}

/* --app, as often as it is given. */
static sw_status read_listed(sw_cli *cli, sw_kms_options *o, sw_error *err) {
    const char *const *given = sw_cli_list(cli, "app", &o->listed_count);
    sw_hash *listed = SW_ARENA_NEW(sw_cli_arena(cli), sw_hash, o->listed_count + 1);
    if (listed == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a list of apps");
    for (size_t i = 0; i < o->listed_count; i++)
        SW_TRY(sw_cli_genesis_hash(cli, given[i], &listed[i], err));
    o->listed = listed;
    return SW_OK;
}

/* "URL" or "CHAIN=URL". */
static sw_status read_node(const char *text, sw_kms_node_place *out, sw_error *err) {
    char *end = NULL;
    *out = (sw_kms_node_place){.url = text};
    if (text[0] < '0' || text[0] > '9') return SW_OK;
    unsigned long long chain = strtoull(text, &end, 10);
    if (*end != '=' || text[0] == '0' || chain >= UINT64_C(1) << 53)
        return sw_fail(err, SW_USAGE, "usage", "--rpc is not written as URL or CHAIN=URL");
    *out = (sw_kms_node_place){.chain = chain, .url = end + 1};
    return SW_OK;
}

/* --rpc, once a chain. */
static sw_status read_nodes(sw_cli *cli, sw_kms_options *o, sw_error *err) {
    const char *const *given = sw_cli_list(cli, "rpc", &o->node_count);
    sw_kms_node_place *nodes =
        SW_ARENA_NEW(sw_cli_arena(cli), sw_kms_node_place, o->node_count + 1);
    if (nodes == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for nodes");
    for (size_t i = 0; i < o->node_count; i++) SW_TRY(read_node(given[i], &nodes[i], err));
    o->nodes = nodes;
    return SW_OK;
}

static sw_status kms_serve(sw_cli *cli, sw_error *err) {
    const char *place = sw_cli_value(cli, "listen");
    char host[HOST_BYTES];
    uint16_t port;
    sw_kms_options o;
    sw_kms *k = NULL;
    SW_TRY(read_place(place == NULL ? DEFAULT_LISTEN : place, host, &port, err));
    SW_TRY(read_options(cli, true, &o, err));
    SW_TRY(sw_cli_machine_places(cli, o.machine, &o.places, err));
    SW_TRY(read_listed(cli, &o, err));
    SW_TRY(read_nodes(cli, &o, err));
    SW_TRY(sw_kms_open(&o, &k, err));
    if (!sw_kms_keeps_root(k))
        sw_cli_note(cli, "this machine has no key to seal with: the root key lives in memory, and "
                         "owners consent again after each start");
    sw_status status = serve(cli, k, host, port, err);
    sw_kms_close(&k);
    return status;
}

/* ---- owners ---- */
static sw_status read_reference(sw_cli *cli, sw_kms_reference *out, sw_error *err) {
    const char *path;
    sw_bytes json;
    SW_TRY(sw_cli_need(cli, "reference", &path, err));
    SW_TRY(sw_cli_read(cli, path, REFERENCE_LIMIT, &json, err));
    sw_status status = sw_kms_reference_parse(json, out, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", path);
    return status;
}

static int64_t wall_ms(const sw_cli *cli) {
    const sw_clock *clock = sw_cli_clock(cli);
    return clock->wall_ms(clock->context);
}

static sw_status open_remote(sw_cli *cli, sw_remote **out, sw_error *err) {
    const char *url;
    SW_TRY(sw_cli_need(cli, "kms", &url, err));
    return sw_remote_open(url, sw_cli_entropy(cli), out, err);
}

static sw_status kms_root(sw_cli *cli, sw_error *err) {
    sw_kms_reference reference;
    sw_kms_facts facts;
    sw_remote *remote = NULL;
    char hex[2 * SW_P256_BYTES + 1];
    SW_TRY(read_reference(cli, &reference, err));
    SW_TRY(open_remote(cli, &remote, err));
    sw_status status = sw_remote_look(remote, &reference, wall_ms(cli), &facts, err);
    sw_remote_close(&remote);
    if (status != SW_OK) return status;
    bool simulated = facts.claims.platform == SW_PLATFORM_SIM;
    sw_hex_text(hex, SW_BYTES_OF(facts.root.b));
    sw_cli_print(cli, "%s\n", hex);
    if (simulated) sw_cli_note(cli, "SIMULATED: a software machine runs this key service");
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    sw_json_add_text(sw_cli_arena(cli), root, "root_key", sw_text(hex));
    sw_json_add_flag(sw_cli_arena(cli), root, "simulated", simulated);
    sw_json_add_text(sw_cli_arena(cli), root, "image", sw_text(facts.claims.image));
    sw_cli_result(cli, root);
    return SW_OK;
}

typedef struct unlocking {
    sw_cli *cli;
    sw_kms_reference reference;
    sw_genesis genesis;
    sw_bytes genesis_envelope;
    sw_identity *owner;
    sw_remote *remote;
    sw_kms_facts facts; /* of the last word */
    sw_rpc *node;       /* of an app on a chain */
    int64_t every_ms;   /* --watch */
} unlocking;

/* Final blocks are minutes old, on some chains hours: what was decided since is not heard, and the
 * key service counts silence from there (CHN-060). */
static void tell_block(sw_cli *cli, int64_t block_ms) {
    const int64_t hour_ms = 3600000, now_ms = wall_ms(cli);
    if (block_ms == 0 || now_ms - block_ms <= hour_ms) return;
    sw_cli_note(cli,
                "the newest final block that your node shows is %lld h old: does it stand still?",
                (long long)((now_ms - block_ms) / hour_ms));
}

/* One word to the service, which learns of the app first when it does not know it. */
static sw_status unlock_once(unlocking *u, sw_error *err) {
    sw_remote_node(u->remote, u->node);
    SW_TRY(sw_remote_found(u->remote, u->genesis_envelope, err));
    SW_TRY(sw_remote_unlock(u->remote, &u->reference, &u->genesis, u->owner, sw_cli_entropy(u->cli),
                            sw_cli_clock(u->cli), &u->facts, err));
    tell_block(u->cli, u->facts.block_ms);
    const char *kind = u->facts.claims.platform == SW_PLATFORM_SIM ? " (SIMULATED)" : "";
    sw_cli_print(u->cli, "unlocked for %s: image %s%s\n", sw_identity_card(u->owner)->name,
                 u->facts.claims.image, kind);
    if (u->node == NULL) return SW_OK;
    char hash[2 * SW_HASH_BYTES + 1];
    sw_hex_text(hash, SW_BYTES_OF(u->facts.ledger.hash.b));
    sw_cli_print(u->cli, "as of block %llu of chain %llu, 0x%s\n",
                 (unsigned long long)u->facts.ledger.index,
                 (unsigned long long)u->genesis.chain.chain, hash);
    return SW_OK;
}

/* Waits for the next turn, and keeps each newer head of the audit log meanwhile (KMS-044); ends
 * early when the service is no longer the one that was unlocked, or its log no longer that one. */
static void wait_for_turn(unlocking *u) {
    const struct timespec poll = {.tv_sec = POLL_SECONDS};
    bool away = false;
    for (int64_t left = u->every_ms; left > 0; left -= POLL_SECONDS * 1000) {
        sw_error err = {0};
        (void)nanosleep(&poll, NULL);
        sw_status status = sw_remote_probe(u->remote, &u->genesis, &err);
        if (status == SW_OK)
            status = sw_remote_follow(u->remote, &u->genesis, u->owner, &u->facts, &err);
        if (status != SW_OK && status != SW_UNAVAILABLE) return;
        if (status != SW_OK && !away)
            sw_cli_note(u->cli, "%s; what is granted meanwhile is not seen", err.message);
        away = status != SW_OK;
    }
}

/* Is it worth asking again? An absent service always; one that refuses, or that the owner refuses,
 * a few times: it may be in the middle of a restart. */
static bool asks_again(unlocking *u, sw_status status, const sw_error *err, unsigned *refusals) {
    const struct timespec poll = {.tv_sec = POLL_SECONDS};
    *refusals = status == SW_OK || status == SW_UNAVAILABLE ? 0 : *refusals + 1;
    if (*refusals == REFUSAL_LIMIT) return false;
    if (status == SW_OK) {
        wait_for_turn(u);
    } else {
        sw_cli_note(u->cli, "%s; trying again", err->message);
        (void)nanosleep(&poll, NULL);
    }
    return true;
}

/* After a first attempt that ended with `status`. */
static sw_status watch(unlocking *u, sw_status status, sw_error *err) {
    unsigned refusals = 0;
    const char *url;
    SW_TRY(sw_cli_need(u->cli, "kms", &url, err));
    while (asks_again(u, status, err, &refusals)) {
        sw_remote *fresh = NULL;
        SW_TRY(sw_remote_open(url, sw_cli_entropy(u->cli), &fresh, err));
        sw_remote_close(&u->remote);
        u->remote = fresh;
        status = unlock_once(u, err);
    }
    return status;
}

/* A quarter of max_silence: the recipe's with --compose, else of the default. */
static sw_status read_interval(sw_cli *cli, int64_t *every_ms, sw_error *err) {
    const char *path = sw_cli_value(cli, "compose");
    *every_ms = SILENCE_MS / 4;
    if (path == NULL) return SW_OK;
    sw_recipe *recipe = SW_ARENA_NEW(sw_cli_arena(cli), sw_recipe, 1);
    sw_bytes compose;
    if (recipe == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a recipe");
    SW_TRY(sw_cli_read(cli, path, SW_COMPOSE_LIMIT, &compose, err));
    SW_TRY(sw_compose_parse(compose, recipe, err));
    *every_ms = (int64_t)(recipe->max_silence_ms / 4);
    return SW_OK;
}

/* --rpc, of an app on a chain. */
static sw_status open_node(sw_cli *cli, unlocking *u, sw_error *err) {
    if (u->genesis.backend != SW_LEDGER_ETHEREUM) return SW_OK;
    return sw_cli_node(cli, &u->node, err);
}

static sw_status kms_unlock(sw_cli *cli, sw_error *err) {
    unlocking *u = SW_ARENA_NEW(sw_cli_arena(cli), unlocking, 1);
    const char *folder;
    if (u == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a command");
    u->cli = cli;
    SW_TRY(sw_cli_need(cli, "identity", &folder, err));
    SW_TRY(read_reference(cli, &u->reference, err));
    SW_TRY(sw_cli_genesis(cli, &u->genesis, &u->genesis_envelope, err));
    SW_TRY(read_interval(cli, &u->every_ms, err));
    SW_TRY(sw_identity_open(folder, sw_cli_passphrase(cli), sw_cli_entropy(cli), &u->owner, err));
    sw_status status = open_node(cli, u, err);
    if (status == SW_OK) status = open_remote(cli, &u->remote, err);
    if (status == SW_OK) status = unlock_once(u, err);
    bool there = status == SW_OK || status == SW_UNAVAILABLE; /* a refusal is told at once */
    if (there && sw_cli_flag(cli, "watch")) status = watch(u, status, err);
    sw_remote_close(&u->remote);
    sw_rpc_close(&u->node);
    sw_identity_close(&u->owner);
    return status;
}

/* CHN-304: a call of `revoke --relay-out`, which counts there before it is mined. */
static sw_status kms_revoke(sw_cli *cli, sw_error *err) {
    const char *path = sw_cli_argument(cli, 0);
    sw_handed_revocation read;
    sw_genesis *g = SW_ARENA_NEW(sw_cli_arena(cli), sw_genesis, 1);
    sw_bytes envelope, call;
    sw_app_place at;
    sw_remote *remote = NULL;
    if (g == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a genesis");
    SW_TRY(sw_cli_genesis(cli, g, &envelope, err));
    SW_TRY(sw_cli_relay_read(cli, path, &at, &call, err));
    sw_status status = sw_genesis_check_place(g, &at, err);
    if (status == SW_OK) status = sw_handed_revocation_open(g, call, &read, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "%s", path);
        return status;
    }
    SW_TRY(open_remote(cli, &remote, err));
    status = sw_remote_revoke(remote, g, call, err);
    sw_remote_close(&remote);
    if (status != SW_OK) return status;
    sw_cli_print(cli, "the key service heeds the revocation by %s from now on\n",
                 g->owners[read.owner].name);
    return SW_OK;
}

/* ---- the audit log ---- */
static sw_status read_log(sw_cli *cli, const char *where, sw_buffer *out, sw_error *err) {
    sw_remote *remote = NULL;
    if (strncmp(where, "https://", 8) != 0)
        return sw_file_read(where, SW_JOURNAL_EXPORT_LIMIT, out, err);
    SW_TRY(sw_remote_open(where, sw_cli_entropy(cli), &remote, err));
    sw_status status = sw_remote_audit(remote, out, err);
    sw_remote_close(&remote);
    return status;
}

/* Whose receipt keys sign it: what owners' words in it say, and what they leave open. */
static void show_alone(sw_cli *cli, const sw_audit_summary *s, sw_json *root) {
    sw_arena *a = sw_cli_arena(cli);
    sw_json *list = sw_json_add_array(a, root, "alone");
    sw_cli_print(cli, "the owners vouch for %llu of %llu starts\n",
                 (unsigned long long)(s->starts - s->alone_count), (unsigned long long)s->starts);
    for (size_t i = 0; i < s->alone_count && i < SW_AUDIT_ALONE_COUNT; i++) {
        sw_cli_print(cli, "no owner vouches for the start at entry %llu\n",
                     (unsigned long long)s->alone[i]);
        sw_json_add_integer(a, list, NULL, (int64_t)s->alone[i]);
    }
    sw_json_add_integer(a, root, "vouched", (int64_t)(s->starts - s->alone_count));
}

static void show_summary(sw_cli *cli, const sw_genesis *g, const sw_audit_summary *s) {
    sw_arena *a = sw_cli_arena(cli);
    char hash[2 * SW_HASH_BYTES + 1];
    sw_hex_text(hash, SW_BYTES_OF(s->head.hash.b));
    sw_cli_print(cli,
                 "%llu entries hold: %llu starts, %llu unlocks, %llu grants and renewals, %llu "
                 "refusals\nhead %s\n",
                 (unsigned long long)s->head.index, (unsigned long long)s->starts,
                 (unsigned long long)s->unlocks, (unsigned long long)s->grants,
                 (unsigned long long)s->refusals, hash);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_integer(a, root, "entries", (int64_t)s->head.index);
    sw_json_add_integer(a, root, "starts", (int64_t)s->starts);
    sw_json_add_integer(a, root, "unlocks", (int64_t)s->unlocks);
    sw_json_add_integer(a, root, "grants", (int64_t)s->grants);
    sw_json_add_integer(a, root, "refusals", (int64_t)s->refusals);
    sw_json_add_integer(a, root, "revocations", (int64_t)s->revocations);
    sw_json_add_text(a, root, "head", sw_text(hash));
    if (g != NULL)
        show_alone(cli, s, root);
    else
        sw_cli_note(cli, "--app FILE checks by its owners' words in the log whose keys signed it");
    sw_cli_result(cli, root);
}

/* --app: whose owners' words in the log are checked. */
static sw_status read_app(sw_cli *cli, const sw_genesis **out, sw_error *err) {
    if (sw_cli_value(cli, "app") == NULL) return SW_OK;
    sw_genesis *g = SW_ARENA_NEW(sw_cli_arena(cli), sw_genesis, 1);
    sw_bytes envelope;
    if (g == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a genesis");
    SW_TRY(sw_cli_genesis(cli, g, &envelope, err));
    *out = g;
    return SW_OK;
}

static sw_status kms_audit_verify(sw_cli *cli, sw_error *err) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_JOURNAL_EXPORT_LIMIT);
    const char *out = sw_cli_value(cli, "out");
    const sw_genesis *g = NULL;
    sw_audit_summary summary;
    if (strcmp(sw_cli_argument(cli, 0), "verify") != 0)
        return sw_fail(err, SW_USAGE, "usage", "what can be done with an audit log: verify");
    SW_TRY(read_log(cli, sw_cli_argument(cli, 1), &json, err));
    SW_TRY(read_app(cli, &g, err));
    SW_TRY(sw_audit_verify(sw_buffer_bytes(&json), g, &summary, err));
    if (out != NULL) SW_TRY(sw_file_write(out, sw_buffer_bytes(&json), 0644, SW_WRITE_NEW, err));
    show_summary(cli, g, &summary);
    return SW_OK;
}

/* ---- tables ---- */
#define DIR_OPTION                                                                                 \
    { "dir", SW_OPTION_VALUE, "DIR", "the key service's folder" }
#define MACHINE_OPTION                                                                             \
    { "machine", SW_OPTION_VALUE, "KIND:WHERE", "its root of trust, such as sim:DIR" }
#define KMS_OPTION                                                                                 \
    { "kms", SW_OPTION_VALUE, "URL", "the key service: https://HOST:PORT" }
#define REFERENCE_OPTION                                                                           \
    { "reference", SW_OPTION_VALUE, "FILE", "what this owner accepts the key service by" }

static const sw_option init_options[] = {DIR_OPTION, MACHINE_OPTION, {0}};
static const sw_option serve_options[] = {
    DIR_OPTION,
    MACHINE_OPTION,
    SW_CLI_MACHINE_SOURCE_OPTIONS,
    {"listen", SW_OPTION_VALUE, "HOST:PORT", "default " DEFAULT_LISTEN "; port 0: any"},
    {"app", SW_OPTION_LIST, "HASH|FILE", "an app that may be founded here; none given: any"},
    {"rpc", SW_OPTION_LIST, "[CHAIN=]URL", "a node for apps on that chain; without CHAIN: on any"},
    {0}};
static const sw_option reference_options[] = {
    DIR_OPTION, MACHINE_OPTION, {"out", SW_OPTION_VALUE, "FILE", "default: stdout"}, {0}};
static const sw_option root_options[] = {KMS_OPTION, REFERENCE_OPTION, {0}};
static const sw_option unlock_options[] = {
    {"app", SW_OPTION_VALUE, "FILE", "the complete genesis"},
    {"identity", SW_OPTION_VALUE, "DIR", "the owner's keys"},
    REFERENCE_OPTION,
    KMS_OPTION,
    SW_CLI_RPC_OPTIONS,
    {"watch", SW_OPTION_FLAG, NULL, "stay, and unlock again in time and after restarts"},
    {"compose", SW_OPTION_VALUE, "FILE", "with --watch: the app-compose whose max_silence counts"},
    SW_CLI_PASSPHRASE_OPTION,
    {0}};
static const sw_option revoke_options[] = {
    {"app", SW_OPTION_VALUE, "FILE", "the complete genesis"}, KMS_OPTION, {0}};
static const sw_option audit_options[] = {
    {"app", SW_OPTION_VALUE, "FILE",
     "the complete genesis of an app whose owners vouch for starts"},
    {"out", SW_OPTION_VALUE, "FILE", "keep the log that was verified"},
    {0}};

const sw_command sw_commands_kms[] = {
    {"kms init", "", "make a key service's folder", NULL, 0, 0, init_options, kms_init},
    {"kms serve", "", "run the key service", NULL, 0, 0, serve_options, kms_serve},
    {"kms reference", "", "write what owners review and accept a key service by", NULL, 0, 0,
     reference_options, kms_reference},
    {"kms root", "", "verify a key service and print its root key", NULL, 0, 0, root_options,
     kms_root},
    {"kms unlock", "", "verify a key service and give it this owner's word", NULL, 0, 0,
     unlock_options, kms_unlock},
    {"kms revoke", "FILE", "hand a key service a signed revocation before the chain has it",
     "FILE is what `revoke --relay-out` wrote; `app relay` sends it to the chain. The key service "
     "heeds it at the\nnext request, and after a restart, where it keeps its root, until the chain "
     "has "
     "a later word of its owner.",
     1, 1, revoke_options, kms_revoke},
    {"kms audit", "verify FILE|URL", "verify a key service's audit log",
     "FILE is a log that --out kept.", 2, 2, audit_options, kms_audit_verify},
    {0}};
