/* SPDX-License-Identifier: Apache-2.0
 *
 * run, replay, open, open unpack: the agent's commands.
 */
#include "cli/cli.h"
#include "cli/out_folder.h"
#include "cli/plot.h"
#include "cli/programs.h"
#include "cli/source_options.h"
#include "codec/text.h"
#include "run/run.h"
#include "sys/files.h"
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static volatile sig_atomic_t interrupted;
static void on_signal(int number) {
    (void)number;
    interrupted = 1;
}

typedef struct eyes {
    sw_cli *cli;
    int64_t first_ms;
    uint64_t tokens;
    char pace[48], loss[32];
} eyes;

static void see_phase(void *context, const char *sentence) {
    sw_cli_note(((eyes *)context)->cli, "%s", sentence);
}

/* Of the last record, which there is one of in an interval: seen until the next. */
static void see_record(eyes *e, const sw_wire_step *s, bool with_loss) {
    const sw_clock *clock = sw_cli_clock(e->cli);
    int64_t now = clock->steady_ms(clock->context);
    if (with_loss) snprintf(e->loss, sizeof e->loss, "  loss %.4f", s->loss);
    if (!s->tokens) return; /* a script's: nobody counts them */
    if (!e->first_ms)
        e->first_ms = now;
    else
        e->tokens += s->tokens;
    double seconds = (double)(now - e->first_ms) / 1000;
    snprintf(e->pace, sizeof e->pace, "  %.0f tokens/s",
             seconds > 0 ? (double)e->tokens / seconds : 0.0);
}

static void see_step(void *context, const sw_wire_step *s, bool with_loss) {
    eyes *e = context;
    char text[160], rate[32] = "";
    see_record(e, s, with_loss);
    if (e->pace[0]) snprintf(rate, sizeof rate, "  lr %.2e", s->learning_rate);
    snprintf(text, sizeof text, "step %" PRIu64 "/%" PRIu64 "%s%s%s", s->step, s->total_steps,
             e->pace, e->loss, rate);
    sw_cli_progress(e->cli, s->step, s->total_steps, text);
}

static void see_curve(void *context, const sw_curve *curve) {
    sw_cli_plot(((eyes *)context)->cli, curve);
}

static bool see_interrupt(void *context) {
    (void)context;
    return interrupted != 0;
}

/* An app-compose.json as it is, or a recipe.yaml with its locks. */
static sw_status read_compose(sw_cli *cli, const char *path, sw_bytes *out, sw_error *err) {
    size_t size = strlen(path);
    if (size > 5 && strcmp(path + size - 5, ".json") == 0)
        return sw_cli_read(cli, path, SW_COMPOSE_LIMIT, out, err);
    sw_bytes recipe, model_lock, trainer_lock;
    const char *model, *trainer;
    SW_TRY(sw_cli_need(cli, "model-lock", &model, err));
    SW_TRY(sw_cli_trainer_lock(cli, &trainer, err));
    SW_TRY(sw_cli_read(cli, path, SW_RECIPE_LIMIT, &recipe, err));
    SW_TRY(sw_cli_read(cli, model, SW_RECIPE_LIMIT, &model_lock, err));
    SW_TRY(sw_cli_read(cli, trainer, SW_RECIPE_LIMIT, &trainer_lock, err));
    SW_SCOPED(sw_buffer) compose = SW_BUFFER(SW_COMPOSE_LIMIT);
    SW_TRY(sw_compose_make(recipe, path, model_lock, trainer_lock, &compose, err));
    *out = sw_arena_copy(sw_cli_arena(cli), sw_buffer_bytes(&compose));
    return out->data ? SW_OK : sw_fail(err, SW_MEMORY, "memory", "no memory for the compose");
}

static sw_status read_reference(sw_cli *cli, const sw_kms_reference **out, sw_error *err) {
    const char *path;
    SW_TRY(sw_cli_need(cli, "reference", &path, err));
    sw_bytes text;
    SW_TRY(sw_cli_read(cli, path, SW_RECIPE_LIMIT, &text, err));
    sw_kms_reference *reference = SW_ARENA_NEW(sw_cli_arena(cli), sw_kms_reference, 1);
    if (!reference) return sw_fail(err, SW_MEMORY, "memory", "no memory for a reference");
    *out = reference;
    return sw_kms_reference_parse(text, reference, err);
}

/* What a run and a replay of it take alike. */
static sw_status fill(sw_cli *cli, sw_run_options *o, sw_error *err) {
    const char *app;
    SW_TRY(sw_cli_need(cli, "app", &app, err));
    SW_TRY(sw_cli_need(cli, "kms", &o->kms_url, err));
    SW_TRY(sw_cli_need(cli, "machine", &o->machine, err));
    SW_TRY(sw_cli_machine_places(cli, o->machine, &o->places, err));
    SW_TRY(sw_cli_model(cli, &o->model_folder, err));
    SW_TRY(read_reference(cli, &o->reference, err));
    SW_TRY(sw_cli_worker(cli, &o->worker, err));
    uint64_t lanes;
    SW_TRY(sw_cli_u64(cli, "threads", 0, 256, &lanes, err));
    if (sw_cli_value(cli, "threads") && lanes == 0)
        return sw_fail(err, SW_USAGE, "usage", "--threads must be at least 1");
    o->lanes = (uint32_t)lanes;
    SW_TRY(sw_cli_read(cli, app, SW_ENVELOPE_LIMIT, &o->genesis_envelope, err));
    o->shards = sw_cli_list(cli, "data", &o->shard_count);
    o->consents = sw_cli_list(cli, "consent", &o->consent_count);
    o->entropy = *sw_cli_entropy(cli);
    o->clock = *sw_cli_clock(cli);
    return SW_OK;
}

/* Whoever started us deaf to a lost terminal (nohup) keeps us so. */
static void watch(sw_run_options *o, eyes *e) {
    struct sigaction before;
    o->eyes = (sw_run_eyes){e, see_phase, see_step, see_curve, see_interrupt};
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        signal(SIGHUP, on_signal);
}

static void add_account(sw_arena *a, sw_json *root, const sw_run_account *t) {
    sw_json *o = sw_json_add_object(a, root, "account_us");
    sw_json_add_integer(a, o, "attest", t->attest_us);
    sw_json_add_integer(a, o, "unseal", t->unseal_us);
    sw_json_add_integer(a, o, "decode", t->decode_us);
    sw_json_add_integer(a, o, "steps", t->steps_us);
    sw_json_add_integer(a, o, "seal", t->seal_us);
    sw_json_add_integer(a, o, "finish", t->finish_us);
}

static void note_simulated(sw_cli *cli, bool simulated) {
    if (simulated)
        sw_cli_note(cli, "SIMULATED: a software machine did this, no hardware vouches for it");
}

static void report_run(sw_cli *cli, const sw_run_options *o, const sw_run_result *r) {
    sw_arena *a = sw_cli_arena(cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    if (!r->finished_before) sw_json_add_integer(a, root, "steps", (int64_t)r->steps);
    sw_json_add_flag(a, root, "stopped", r->stopped);
    sw_json_add_flag(a, root, "simulated", r->simulated);
    sw_json_add_hex(a, root, "compose_hash", SW_BYTES_OF(r->compose.b));
    if (!r->stopped) sw_json_add_hex(a, root, "manifest", SW_BYTES_OF(r->manifest.b));
    add_account(a, root, &r->account);
    sw_cli_result(cli, root);
    if (r->stopped) return;
    char id[65];
    sw_hex_text(id, SW_BYTES_OF(r->manifest.b));
    if (!r->finished_before) sw_cli_print(cli, "steps     %" PRIu64 "\n", r->steps);
    sw_cli_print(cli, "manifest  %s\nout       %s/out\n", id, o->folder);
    note_simulated(cli, r->simulated);
}

static sw_status run(sw_cli *cli, sw_error *err) {
    sw_run_options o = {0};
    SW_TRY(fill(cli, &o, err));
    SW_TRY(sw_cli_need(cli, "run", &o.folder, err));
    SW_TRY(read_compose(cli, sw_cli_argument(cli, 0), &o.app_compose, err));
    o.tree = sw_cli_value(cli, "tree");
    eyes e = {.cli = cli};
    watch(&o, &e);
    sw_run_result result;
    sw_status status = sw_run(&o, &result, err);
    sw_cli_progress_end(cli);
    if (status != SW_OK) return status;
    report_run(cli, &o, &result);
    if (!result.stopped) return SW_OK;
    status = sw_fail(err, SW_REFUSED, "stopped",
                     "stopped after step %" PRIu64 " with a sealed checkpoint", result.steps);
    sw_error_hint(err, "the same command resumes from %s", o.folder);
    return status;
}

/* ---- replay ---- */

static bool read_step(const char **at, uint64_t *out) {
    const char *begin = *at;
    for (*out = 0; **at >= '0' && **at <= '9' && *out <= UINT32_MAX; (*at)++)
        *out = 10 * *out + (uint64_t)(**at - '0');
    return *at != begin;
}

/* --steps A-B; both 0 when it is not given. */
static sw_status read_steps(const sw_cli *cli, sw_replay_options *o, sw_error *err) {
    const char *at = sw_cli_value(cli, "steps");
    if (!at) return SW_OK;
    if (read_step(&at, &o->first) && *at++ == '-' && read_step(&at, &o->last) && !*at &&
        o->first >= 1 && o->first <= o->last)
        return SW_OK;
    return sw_fail(err, SW_USAGE, "usage", "--steps must be two steps in order, such as 1-20");
}

static sw_json *replay_object(sw_cli *cli, const sw_replay_result *r) {
    sw_arena *a = sw_cli_arena(cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_flag(a, root, "bit_equal", r->differs == SW_REPLAY_NOTHING);
    sw_json_add_integer(a, root, "begun", (int64_t)r->begun);
    sw_json_add_integer(a, root, "equal", (int64_t)r->equal);
    sw_json_add_flag(a, root, "model", r->model);
    sw_json_add_flag(a, root, "simulated", r->simulated);
    sw_json_add_hex(a, root, "manifest", SW_BYTES_OF(r->manifest.b));
    sw_json_add_hex(a, root, "compose_hash", SW_BYTES_OF(r->compose.b));
    add_account(a, root, &r->account);
    return root;
}

static sw_status say_difference(sw_cli *cli, const sw_replay_result *r, sw_error *err) {
    static const char *const parts[] = {"", "rows", "state", "model"};
    sw_json *root = replay_object(cli, r);
    sw_json_add_text(sw_cli_arena(cli), root, "differs", sw_text(parts[r->differs]));
    sw_json_add_integer(sw_cli_arena(cli), root, "at", (int64_t)r->at);
    sw_cli_failure(cli, root);
    if (r->differs == SW_REPLAY_ROWS)
        return sw_fail(err, SW_UNAUTHENTIC, "differs",
                       "differs before the first step: shard %" PRIu64
                       " gives other rows than the run had",
                       r->at);
    char before[64] = "";
    if (r->equal)
        snprintf(before, sizeof before, "; the state after step %" PRIu64 " is equal", r->equal);
    if (r->differs == SW_REPLAY_MODEL)
        return sw_fail(err, SW_UNAUTHENTIC, "differs", "differs in the model%s", before);
    return sw_fail(err, SW_UNAUTHENTIC, "differs", "differs first at step %" PRIu64 "%s", r->at,
                   before);
}

static sw_status say_verdict(sw_cli *cli, const sw_replay_result *r, sw_error *err) {
    note_simulated(cli, r->simulated);
    if (r->differs != SW_REPLAY_NOTHING) return say_difference(cli, r, err);
    sw_cli_result(cli, replay_object(cli, r));
    uint64_t count = r->equal - r->begun;
    sw_cli_print(cli, "bit-equal: %" PRIu64 " step%s (%" PRIu64 " to %" PRIu64 ")%s\n", count,
                 count == 1 ? "" : "s", r->begun + 1, r->equal, r->model ? ", model" : "");
    return SW_OK;
}

static sw_status replay_folder(sw_cli *cli, const sw_replay_options *asked,
                               sw_replay_result *result, sw_error *err) {
    sw_out_folder folder;
    SW_TRY(sw_out_folder_open(cli, sw_cli_argument(cli, 0), &folder, err));
    sw_replay_options o = *asked;
    o.run.app_compose = folder.in.app_compose;
    o.out = &folder.in;
    eyes e = {.cli = cli};
    watch(&o.run, &e);
    sw_status status = sw_run_replay(&o, result, err);
    sw_cli_progress_end(cli);
    sw_out_folder_close(&folder);
    return status;
}

static sw_status replay(sw_cli *cli, sw_error *err) {
    sw_replay_options o = {0};
    sw_replay_result result;
    if (!sw_cli_option(cli, "app"))
        return sw_fail(err, SW_USAGE, "usage", "'replay' needs --app on the command line");
    SW_TRY(read_steps(cli, &o, err));
    SW_TRY(fill(cli, &o.run, err));
    o.run.folder = sw_cli_value(cli, "run");
    SW_TRY(replay_folder(cli, &o, &result, err));
    return say_verdict(cli, &result, err);
}

/* ---- open ---- */

static sw_status recipient_key(sw_cli *cli, const char *path, sw_p256_public *out, sw_error *err) {
    sw_card card;
    SW_TRY(sw_cli_card(cli, path, &card, err));
    *out = card.encryption_key;
    return SW_OK;
}

static sw_status open_folder(sw_cli *cli, const sw_open_options *asked, bool *simulated,
                             sw_error *err) {
    sw_out_folder folder;
    SW_TRY(sw_out_folder_open(cli, sw_cli_argument(cli, 0), &folder, err));
    sw_open_options o = *asked;
    o.folder = &folder.in;
    sw_status status = sw_run_open(&o, simulated, err);
    sw_out_folder_close(&folder);
    return status;
}

static sw_status open_output(sw_cli *cli, sw_error *err) {
    sw_open_options o = {0};
    bool simulated = false;
    const char *app, *to;
    SW_TRY(sw_cli_need(cli, "app", &app, err));
    SW_TRY(sw_cli_need(cli, "kms", &o.kms_url, err));
    SW_TRY(sw_cli_need(cli, "machine", &o.machine, err));
    SW_TRY(sw_cli_machine_places(cli, o.machine, &o.places, err));
    SW_TRY(read_reference(cli, &o.reference, err));
    SW_TRY(sw_cli_need(cli, "recipient", &to, err));
    SW_TRY(sw_cli_need(cli, "out", &o.out, err));
    SW_TRY(sw_cli_read(cli, app, SW_ENVELOPE_LIMIT, &o.genesis_envelope, err));
    SW_TRY(recipient_key(cli, to, &o.recipient, err));
    o.consents = sw_cli_list(cli, "consent", &o.consent_count);
    o.entropy = *sw_cli_entropy(cli);
    o.clock = *sw_cli_clock(cli);
    SW_TRY(open_folder(cli, &o, &simulated, err));
    sw_arena *a = sw_cli_arena(cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_text(a, root, "out", sw_text(o.out));
    sw_json_add_flag(a, root, "simulated", simulated);
    sw_cli_result(cli, root);
    sw_cli_print(cli, "re-sealed to the recipient alone: %s\n", o.out);
    note_simulated(cli, simulated);
    return SW_OK;
}

static sw_status unpack(sw_cli *cli, sw_error *err) {
    const char *folder, *out;
    SW_TRY(sw_cli_need(cli, "identity", &folder, err));
    SW_TRY(sw_cli_need(cli, "out", &out, err));
    sw_identity *identity;
    SW_TRY(sw_identity_open(folder, sw_cli_passphrase(cli), sw_cli_entropy(cli), &identity, err));
    const sw_encryption_key *key;
    sw_status status = sw_identity_encryption_key(identity, &key, err);
    if (status == SW_OK) status = sw_run_unpack(sw_cli_argument(cli, 0), key, out, err);
    sw_identity_close(&identity);
    if (status != SW_OK) return status;
    sw_arena *a = sw_cli_arena(cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_text(a, root, "folder", sw_text(out));
    sw_cli_result(cli, root);
    sw_cli_print(cli, "%s\n", out);
    return SW_OK;
}

/* What both take that attest, hold keys and start a worker. */
#define AGENT_OPTIONS                                                                              \
    {"model", SW_OPTION_VALUE, "DIR", "the base model's folder, or its name in `models`"},         \
        {"worker", SW_OPTION_VALUE, "FILE",                                                        \
         "the worker program (default: the one beside this program)"},                             \
        {"data", SW_OPTION_LIST, "FILE", "a sealed shard"},                                        \
        {"consent", SW_OPTION_LIST, "FILE", "an owner's consent to this recipe"},                  \
        {"kms", SW_OPTION_VALUE, "URL", "the key service"},                                        \
        {"reference", SW_OPTION_VALUE, "FILE", "what this machine accepts the key service by"},    \
        {"machine", SW_OPTION_VALUE, "KIND:WHERE",                                                 \
         "this machine's root of trust, such as sim:DIR"},                                         \
        SW_CLI_MACHINE_SOURCE_OPTIONS, {                                                           \
        "threads", SW_OPTION_VALUE, "N", "threads of the worker; the result does not depend on it" \
    }

static const sw_option run_options[] = {
    {"run", SW_OPTION_VALUE, "DIR",
     "the run's folder; the same command on the same folder resumes"},
    {"app", SW_OPTION_VALUE, "FILE", "the app's genesis, signed by all owners"},
    {"model-lock", SW_OPTION_VALUE, "FILE", "model.lock, when RECIPE is a recipe.yaml"},
    {"trainer-lock", SW_OPTION_VALUE, "FILE", "trainer.lock (default: the one beside the program)"},
    {"tree", SW_OPTION_VALUE, "DIR",
     "of a recipe with a command: the folder that becomes the command's /"},
    AGENT_OPTIONS,
    {0},
};
static const sw_option replay_options[] = {
    {"app", SW_OPTION_VALUE, "FILE", "the app's genesis as you know it; must be given here"},
    {"steps", SW_OPTION_VALUE, "A-B", "these steps only (default: all, and the model)"},
    {"run", SW_OPTION_VALUE, "DIR",
     "the run's folder: begin from its newest sealed checkpoint before step A"},
    AGENT_OPTIONS,
    {0},
};
static const sw_option open_options[] = {
    {"app", SW_OPTION_VALUE, "FILE", "the app's genesis"},
    {"recipient", SW_OPTION_VALUE, "CARD", "card.json of the one who may open it"},
    {"consent", SW_OPTION_LIST, "FILE", "an owner's consent to this recipe"},
    {"kms", SW_OPTION_VALUE, "URL", "the key service"},
    {"reference", SW_OPTION_VALUE, "FILE", "what this machine accepts the key service by"},
    {"machine", SW_OPTION_VALUE, "KIND:WHERE", "this machine's root of trust"},
    SW_CLI_MACHINE_SOURCE_OPTIONS,
    {"out", SW_OPTION_VALUE, "FILE", "where the re-sealed output goes"},
    {0},
};
static const sw_option unpack_options[] = {
    {"identity", SW_OPTION_VALUE, "DIR", "the recipient's identity"},
    {"out", SW_OPTION_VALUE, "DIR", "a folder that does not exist yet"},
    SW_CLI_PASSPHRASE_OPTION,
    {0},
};

const sw_command sw_commands_run[] = {
    {"run", "RECIPE", "train a recipe sealed, on this attested machine",
     "RECIPE is an app-compose.json, or a recipe.yaml with --model-lock. The agent attests, "
     "obtains the keys of all\n"
     "listed shards or none, trains in a sandbox, and leaves a sealed model and a signed manifest "
     "in DIR/out.\n"
     "SIGINT, SIGTERM and SIGHUP stop it with a sealed checkpoint, from which the same command "
     "goes "
     "on.",
     1, 1, run_options, run},
    {"replay", "OUT", "do a finished run again, on an attested machine, and compare every bit",
     "OUT is a run's out folder. Its manifest is verified, keys are asked for with the purpose "
     "`replay`, a grant of its\nown, and the same steps are done in the same sandbox. Says "
     "`bit-equal`, or what differs first; writes nothing.",
     1, 1, replay_options, replay},
    {"open", "OUT", "re-seal an output to one recipient, after an open quorum",
     "OUT is a run's out folder. The owners approve with `sealwright open approve`.", 1, 1,
     open_options, open_output},
    {"open unpack", "FILE", "unpack an opened model as its recipient", NULL, 1, 1, unpack_options,
     unpack},
    {0},
};
