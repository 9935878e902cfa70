/* SPDX-License-Identifier: Apache-2.0
 *
 * verify: the auditor's command. No network, no secret, no trust in the folder: it starts from the
 * genesis hash that the auditor brings.
 */
#include "cli/ledger_access.h"
#include "cli/out_folder.h"
#include "codec/text.h"
#include <inttypes.h>
#include <string.h>

typedef struct lines {
    sw_cli *cli;
    sw_json *array;
    const char *broken; /* the link that does not hold, or NULL */
} lines;

static void on_link(void *context, const char *name, bool ok, const char *detail) {
    lines *l = context;
    sw_arena *a = sw_cli_arena(l->cli);
    sw_json *o = sw_json_add_object(a, l->array, NULL);
    sw_json_add_text(a, o, "link", sw_text(name));
    sw_json_add_flag(a, o, "ok", ok);
    sw_json_add_text(a, o, "detail", sw_text(detail));
    if (!ok) l->broken = name;
    sw_cli_print(l->cli, "%-4s %-16s %s\n", ok ? "ok" : "NO", name, detail);
}

/* MAN-074: whether the blocks are the chain's, only a node can say. */
static void say_block(sw_cli *cli, const sw_manifest_verdict *v, const char *time) {
    char contract[43], hash[2 * SW_HASH_BYTES + 1];
    sw_address_text(contract, &v->contract);
    sw_hex_text(hash, SW_BYTES_OF(v->ledger.hash.b));
    sw_cli_print(
        cli,
        "state as of block %" PRIu64 " of chain %" PRIu64
        ", contract %s, at %s; a revocation after that is not seen here\n"
        "block hash 0x%s\n"
        "that the blocks are on the chain is the word of the owners who named them, and of "
        "no proof here: ask a node of that chain\n",
        v->ledger.index, v->chain, contract, time, hash);
}

static void say_head(sw_cli *cli, const sw_manifest_verdict *v, const char *time) {
    char head[17];
    sw_hex_text(head, SW_BYTES(v->ledger.hash.b, 8));
    sw_cli_print(cli,
                 "state as of ledger entry %" PRIu64
                 " (%s...) at %s; a revocation after that is not seen here\n",
                 v->ledger.index, head, time);
}

/* What no offline check can know is always said. */
static void say_limits(sw_cli *cli, const sw_manifest_verdict *v) {
    char time[21];
    sw_time_text(time, v->time_ms);
    if (v->chain != 0)
        say_block(cli, v, time);
    else
        say_head(cli, v, time);
    if (v->simulated)
        sw_cli_print(cli, "SIMULATED: a software machine vouches for this run, no hardware does\n");
    if (!v->model_compared)
        sw_cli_print(cli, "the opened model was not compared; bring it with --model DIR\n");
}

static void add_verdict(sw_arena *a, sw_json *root, const sw_manifest_verdict *v) {
    sw_json_add_hex(a, root, "genesis", SW_BYTES_OF(v->genesis.b));
    sw_json_add_hex(a, root, "compose_hash", SW_BYTES_OF(v->compose.b));
    sw_json_add_hex(a, root, "manifest", SW_BYTES_OF(v->digest.b));
    sw_json_add_flag(a, root, "simulated", v->simulated);
    sw_json_add_flag(a, root, "model_compared", v->model_compared);
    sw_json_add_integer(a, root, "ledger_index", (int64_t)v->ledger.index);
    sw_json_add_hex(a, root, "ledger_head", SW_BYTES_OF(v->ledger.hash.b));
    sw_json_add_integer(a, root, "time_ms", v->time_ms);
    sw_json_add_integer(a, root, "steps", (int64_t)v->steps);
    if (v->chain == 0) {
        sw_json_add_text(a, root, "unseen",
                         SW_LITERAL("revocations after this ledger entry and this time"));
        return;
    }
    char contract[43];
    sw_address_text(contract, &v->contract);
    sw_json_add_integer(a, root, "chain", (int64_t)v->chain);
    sw_json_add_text(a, root, "contract", sw_text(contract));
    sw_json_add_text(a, root, "unseen",
                     SW_LITERAL("whether the blocks are on the chain, and revocations after this "
                                "block and this time"));
}

/* Nothing was established, so there is not even a time to name. */
static void say_unknown(sw_cli *cli, sw_json *root) {
    sw_json_add_text(sw_cli_arena(cli), root, "unseen",
                     SW_LITERAL("revocations after the newest grant"));
    sw_cli_print(cli,
                 "not verified; and whatever a folder says, no offline check sees a revocation "
                 "after its newest grant\n");
}

static sw_status walk(sw_cli *cli, sw_out_folder *out, sw_error *err) {
    sw_arena *a = sw_cli_arena(cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    lines l = {.cli = cli, .array = sw_json_add_array(a, root, "links")};
    const sw_manifest_report report = {&l, on_link};
    sw_manifest_verdict verdict = {0};
    sw_status status = sw_manifest_verify(&out->in, &report, &verdict, err);
    bool consistent = status == SW_OK || (status == SW_REFUSED && verdict.steps != 0);
    if (consistent) {
        say_limits(cli, &verdict);
        add_verdict(a, root, &verdict);
    } else
        say_unknown(cli, root);
    if (status != SW_OK) {
        if (l.broken == NULL) sw_json_add_null(a, root, "broken");
        if (l.broken != NULL) sw_json_add_text(a, root, "broken", sw_text(l.broken));
        sw_cli_failure(cli, root);
        return status;
    }
    sw_cli_result(cli, root);
    sw_cli_print(cli, "verified\n");
    return SW_OK;
}

static sw_status verify(sw_cli *cli, sw_error *err) {
    sw_out_folder out;
    sw_hash app;
    const char *expected = sw_cli_option(cli, "app"), *model = sw_cli_value(cli, "model");
    if (expected) SW_TRY(sw_cli_genesis_hash(cli, expected, &app, err));
    SW_TRY(sw_out_folder_open(cli, sw_cli_argument(cli, 0), &out, err));
    if (expected) out.in.app = &app;
    sw_status status =
        model ? sw_manifest_read_model(sw_cli_arena(cli), model, &out.in, err) : SW_OK;
    if (status == SW_OK) status = walk(cli, &out, err);
    sw_out_folder_close(&out);
    return status;
}

static const sw_option verify_options[] = {
    {"app", SW_OPTION_VALUE, "HASH|FILE",
     "the genesis hash that you know; without it nothing is compared with your expectation"},
    {"model", SW_OPTION_VALUE, "DIR", "an opened model folder to tie to the manifest"},
    {0},
};

const sw_command sw_commands_manifest[] = {
    {"verify", "OUT", "verify a run's manifest offline, link by link",
     "OUT is a run's out folder. Exit 0 only when every link from your genesis hash to the model "
     "holds.\nThe hash must be given here; a configuration file's `app` does not count.",
     1, 1, verify_options, verify},
    {0},
};
