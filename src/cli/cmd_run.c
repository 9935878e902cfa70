/* SPDX-License-Identifier: Apache-2.0
 *
 * run, open, open unpack: the agent's commands.
 */
#include "cli/cli.h"
#include "cli/out_folder.h"
#include "cli/plot.h"
#include "cli/programs.h"
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
} eyes;

static void see_phase(void *context, const char *sentence) {
    sw_cli_note(((eyes *)context)->cli, "%s", sentence);
}

static void see_step(void *context, const sw_wire_step *s, bool with_loss) {
    eyes *e = context;
    const sw_clock *clock = sw_cli_clock(e->cli);
    int64_t now = clock->steady_ms(clock->context);
    if (!e->first_ms)
        e->first_ms = now;
    else
        e->tokens += s->tokens;
    double seconds = (double)(now - e->first_ms) / 1000;
    char text[128], loss[32] = "";
    if (with_loss) snprintf(loss, sizeof loss, "  loss %.4f", s->loss);
    snprintf(text, sizeof text, "step %" PRIu64 "/%" PRIu64 "  %.0f tokens/s%s  lr %.2e", s->step,
             s->total_steps, seconds > 0 ? (double)e->tokens / seconds : 0.0, loss,
             s->learning_rate);
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

static sw_status fill(sw_cli *cli, sw_run_options *o, sw_error *err) {
    const char *app;
    SW_TRY(sw_cli_need(cli, "app", &app, err));
    SW_TRY(sw_cli_need(cli, "kms", &o->kms_url, err));
    SW_TRY(sw_cli_need(cli, "machine", &o->machine, err));
    SW_TRY(sw_cli_need(cli, "model", &o->model_folder, err));
    SW_TRY(sw_cli_need(cli, "run", &o->folder, err));
    SW_TRY(read_reference(cli, &o->reference, err));
    SW_TRY(sw_cli_worker(cli, &o->worker, err));
    uint64_t lanes;
    SW_TRY(sw_cli_u64(cli, "threads", 0, 256, &lanes, err));
    o->lanes = (uint32_t)lanes;
    SW_TRY(sw_cli_read(cli, app, SW_ENVELOPE_LIMIT, &o->genesis_envelope, err));
    o->shards = sw_cli_list(cli, "data", &o->shard_count);
    o->consents = sw_cli_list(cli, "consent", &o->consent_count);
    o->entropy = *sw_cli_entropy(cli);
    o->clock = *sw_cli_clock(cli);
    return read_compose(cli, sw_cli_argument(cli, 0), &o->app_compose, err);
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

static void report_run(sw_cli *cli, const sw_run_options *o, const sw_run_result *r) {
    sw_arena *a = sw_cli_arena(cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    if (!r->finished_before) sw_json_add_integer(a, root, "steps", (int64_t)r->steps);
    sw_json_add_flag(a, root, "stopped", r->stopped);
    sw_json_add_hex(a, root, "compose_hash", SW_BYTES_OF(r->compose.b));
    if (!r->stopped) sw_json_add_hex(a, root, "manifest", SW_BYTES_OF(r->manifest.b));
    add_account(a, root, &r->account);
    sw_cli_result(cli, root);
    if (r->stopped) return;
    char id[65];
    sw_hex_text(id, SW_BYTES_OF(r->manifest.b));
    if (!r->finished_before) sw_cli_print(cli, "steps     %" PRIu64 "\n", r->steps);
    sw_cli_print(cli, "manifest  %s\nout       %s/out\n", id, o->folder);
}

static sw_status run(sw_cli *cli, sw_error *err) {
    sw_run_options o = {0};
    SW_TRY(fill(cli, &o, err));
    eyes e = {.cli = cli};
    o.eyes = (sw_run_eyes){&e, see_phase, see_step, see_curve, see_interrupt};
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
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

/* ---- open ---- */

static sw_status recipient_key(sw_cli *cli, const char *path, sw_p256_public *out, sw_error *err) {
    sw_card card;
    SW_TRY(sw_cli_card(cli, path, &card, err));
    *out = card.encryption_key;
    return SW_OK;
}

static sw_status open_folder(sw_cli *cli, const sw_open_options *asked, sw_error *err) {
    sw_out_folder folder;
    SW_TRY(sw_out_folder_open(cli, sw_cli_argument(cli, 0), &folder, err));
    sw_open_options o = *asked;
    o.folder = &folder.in;
    sw_status status = sw_run_open(&o, err);
    sw_out_folder_close(&folder);
    return status;
}

static sw_status open_output(sw_cli *cli, sw_error *err) {
    sw_open_options o = {0};
    const char *app, *to;
    SW_TRY(sw_cli_need(cli, "app", &app, err));
    SW_TRY(sw_cli_need(cli, "kms", &o.kms_url, err));
    SW_TRY(sw_cli_need(cli, "machine", &o.machine, err));
    SW_TRY(read_reference(cli, &o.reference, err));
    SW_TRY(sw_cli_need(cli, "recipient", &to, err));
    SW_TRY(sw_cli_need(cli, "out", &o.out, err));
    SW_TRY(sw_cli_read(cli, app, SW_ENVELOPE_LIMIT, &o.genesis_envelope, err));
    SW_TRY(recipient_key(cli, to, &o.recipient, err));
    o.consents = sw_cli_list(cli, "consent", &o.consent_count);
    o.entropy = *sw_cli_entropy(cli);
    o.clock = *sw_cli_clock(cli);
    SW_TRY(open_folder(cli, &o, err));
    sw_arena *a = sw_cli_arena(cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_text(a, root, "out", sw_text(o.out));
    sw_cli_result(cli, root);
    sw_cli_print(cli, "re-sealed to the recipient alone: %s\n", o.out);
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

static const sw_option run_options[] = {
    {"run", SW_OPTION_VALUE, "DIR",
     "the run's folder; the same command on the same folder resumes"},
    {"app", SW_OPTION_VALUE, "FILE", "the app's genesis, signed by all owners"},
    {"model", SW_OPTION_VALUE, "DIR", "the base model's folder"},
    {"model-lock", SW_OPTION_VALUE, "FILE", "model.lock, when RECIPE is a recipe.yaml"},
    {"trainer-lock", SW_OPTION_VALUE, "FILE", "trainer.lock (default: the one beside the program)"},
    {"worker", SW_OPTION_VALUE, "FILE",
     "the worker program (default: the one beside this program)"},
    {"data", SW_OPTION_LIST, "FILE", "a sealed shard"},
    {"consent", SW_OPTION_LIST, "FILE", "an owner's consent to this recipe"},
    {"kms", SW_OPTION_VALUE, "URL", "the key service"},
    {"reference", SW_OPTION_VALUE, "FILE", "what this machine accepts the key service by"},
    {"machine", SW_OPTION_VALUE, "KIND:WHERE", "this machine's root of trust, such as sim:DIR"},
    {"threads", SW_OPTION_VALUE, "N", "threads of the worker; the result does not depend on it"},
    {0},
};
static const sw_option open_options[] = {
    {"app", SW_OPTION_VALUE, "FILE", "the app's genesis"},
    {"recipient", SW_OPTION_VALUE, "CARD", "card.json of the one who may open it"},
    {"consent", SW_OPTION_LIST, "FILE", "an owner's consent to this recipe"},
    {"kms", SW_OPTION_VALUE, "URL", "the key service"},
    {"reference", SW_OPTION_VALUE, "FILE", "what this machine accepts the key service by"},
    {"machine", SW_OPTION_VALUE, "KIND:WHERE", "this machine's root of trust"},
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
     "in DIR/out.",
     1, 1, run_options, run},
    {"open", "OUT", "re-seal an output to one recipient, after an open quorum",
     "OUT is a run's out folder. The owners approve with `sealwright open approve`.", 1, 1,
     open_options, open_output},
    {"open unpack", "FILE", "unpack an opened model as its recipient", NULL, 1, 1, unpack_options,
     unpack},
    {0},
};
