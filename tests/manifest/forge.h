/* SPDX-License-Identifier: Apache-2.0
 *
 * A run's out folder made in memory, with every key in the test's hands: three owners, a key
 * service's receipt key, a software machine. A test changes the plan (or the statement's text)
 * before anything is signed, so what it sees refused is a rule and not a signature.
 *
 * The plan of a run: a grant to train, its renewal, a restart with a grant to resume; 4 steps with
 * a state after 2 and 4.
 */
#ifndef SW_TESTS_MANIFEST_FORGE_H
#define SW_TESTS_MANIFEST_FORGE_H
#include "kms/world.h"
#include "manifest/manifest.h"
#include "seal/container.h"

#include <fcntl.h>
#include <sys/mman.h>

enum { GRANTS = 3, FILES = 3, SIZE = 4096, TEXT = 1 << 22 };

typedef struct forge {
    world *w;
    sw_machine *other; /* same folder, another image that the policy names as well */
    sw_session_key receipt, machines[2];
    sw_p256_public receipt_public, machine_public[2];
    sw_journal *journal;
    sw_p256_public root;
    sw_hash salt;
    sw_buffer files[FILES];
    int sealed_fd, metrics_fds[OWNERS];
    sw_hash output_root, metrics_roots[OWNERS], checkpoints[2];
    bool public_metrics, script; /* script: of a recipe with a command */
    /* the plan */
    size_t grant_count, machine_of[GRANTS], word_count, resigned_by;
    sw_grant grants[GRANTS];
    sw_unlock_statement words[GRANTS][OWNERS + 1]; /* with room for one too many */
    sw_manifest_facts facts;
    sw_manifest_dataset datasets[OWNERS];
    sw_manifest_link links[2], roots[2];
    sw_manifest_metric metrics[4];
    sw_manifest_sealed_metrics sealed[OWNERS];
    const char *from, *to; /* an edit of the statement's text */
    bool closing_elsewhere, closing_for_another, other_evidence, fewer_evidences;
    /* what comes of it */
    sw_buffer evidences[GRANTS], receipts[GRANTS], statements[GRANTS];
    sw_buffer manifest, evidence, ledger, pem, export;
    sw_oms_file model[FILES];
} forge;

static inline void must(sw_status status, const sw_error *err) {
    if (status != SW_OK) print_message("# %s: %s\n", err->word, err->message);
    assert_int_equal(status, SW_OK);
}

/* ---- the world: made once ---- */

static inline void put_two_images(const sw_policy *one, const sw_policy *two, sw_buffer *y) {
    const sw_policy *each[2] = {one, two};
    sw_put_text(y, "machine:\n  platform: sim\n");
    put_hex(y, "  anchors: [", one->anchors[0].b, 32, "]\n  images:\n");
    for (size_t i = 0; i < 2; i++) {
        sw_put_format(y, "    - name: %s\n", each[i]->images[0].name);
        put_hex(y, "      mrtd: ", each[i]->images[0].mrtd, 48, "\n");
        put_hex(y, "      rtmr0: ", each[i]->images[0].rtmr[0], 48, "\n");
        put_hex(y, "      rtmr1: ", each[i]->images[0].rtmr[1], 48, "\n");
        put_hex(y, "      rtmr2: ", each[i]->images[0].rtmr[2], 48, "\n");
    }
    put_hex(y, "  devices: [", one->devices[0].b, 32, "]\n");
    sw_put_format(y, "  minimum_tcb: {status: UpToDate, evaluation_data_number: %u}\n  gpu: none\n",
                  one->minimum_evaluation_number);
}

/* A lock of the one file that the recipe names, in a tree of a digest. */
static inline void forge_lock(sw_buffer *lock) {
    sw_error err = {0};
    const sw_hash worker = named_hash('w');
    sw_recipe_command *c = calloc(1, sizeof *c);
    assert_non_null(c);
    *c = (sw_recipe_command){.file_count = 1,
                             .files = {{"/app/train.py", 9, named_hash('f')}},
                             .tree = named_hash('e'),
                             .tree_entries = 2,
                             .tree_bytes = 9};
    must(sw_command_lock_encode(c, &worker, lock, &err), &err);
    free(c);
}

static inline void forge_compose(forge *f, const sw_policy *one, const sw_policy *two) {
    world *w = f->w;
    SW_SCOPED(sw_buffer) y = SW_BUFFER(1 << 16);
    SW_SCOPED(sw_buffer) lock = SW_BUFFER(1 << 16);
    sw_error err = {0};
    forge_lock(&lock);
    put_hex(&y, "sealwright: 1\nname: forged\napp: ", w->p.genesis.hash.b, 32,
            "\nmodel: {name: SmolLM2-135M-Instruct}\n");
    if (!f->script) sw_put_text(&y, "phase: sft\nmethod: lora\ntemplate: chatml-smollm2\n");
    sw_put_text(&y, "shards:\n");
    for (size_t i = 0; i < OWNERS; i++) {
        put_hex(&y, "  - {owner: ", w->p.genesis.owners[i].id.b, 32, ", dataset: ");
        put_hex(&y, "", w->datasets[i].b, 32, ", rows: 10, name: ");
        sw_put_format(&y, "%s}\n", w->p.genesis.owners[i].name);
    }
    sw_put_text(&y,
                f->script
                    ? "trainer:\n  kind: command\n  command: [/bin/python, /app/train.py]\n"
                      "  files: [/app/train.py]\n  max_steps: 6\n  save_steps: 2\n"
                    : "training:\n  max_steps: 4\n  save_steps: 2\n  max_length: 64\nlora: {r: 8}\n"
                      "trainer: {kind: native, profile: bf16-dp}\n");
    put_two_images(one, two, &y);
    sw_put_format(&y,
                  "output: {open_quorum: 2, limit: 4KiB}\nobserve: {metrics: %s, interval: 2, "
                  "checkpoint_limit: 4KiB}\nlease: 10m\nmax_silence: 1h\ngrants: 8\n",
                  f->public_metrics ? "public" : "sealed");
    w->compose.size = 0;
    must(sw_compose_make(bytes_of(&y), "recipe.yaml", bytes_of(&w->model_lock),
                         bytes_of(f->script ? &lock : &w->trainer_lock), &w->compose, &err),
         &err);
    sw_compose_hash(&w->x, bytes_of(&w->compose));
    must(sw_compose_parse(bytes_of(&w->compose), &w->recipe, &err), &err);
}

/* A second folder with the same keys that boots another image; the policy names both. */
static inline void forge_machines(forge *f) {
    world *w = f->w;
    char command[256], folder[128], where[136];
    uint8_t app_id[20];
    sw_policy one, two;
    sw_error err = {0};
    (void)snprintf(folder, sizeof folder, "%s/other", w->folder);
    (void)snprintf(where, sizeof where, "sim:%s", folder);
    (void)snprintf(command, sizeof command, "cp -r %s %s", w->sim, folder);
    assert_int_equal(system(command), 0);
    must(sw_sim_policy(w->sim, &one, &err), &err);
    must(sw_sim_add_image(folder, "other", true, &w->p.entropy, &err), &err);
    must(sw_sim_policy(folder, &two, &err), &err);
    forge_compose(f, &one, &two);
    boot_machine(w);
    sw_genesis_app_id(&w->p.genesis, app_id);
    must(sw_machine_boot(where, bytes_of(&w->compose), app_id, &w->options.entropy,
                         &w->options.clock, &f->other, &err),
         &err);
}

static inline sw_status to_fd(void *context, sw_bytes bytes, sw_error *err) {
    (void)err;
    assert_int_equal(write(*(int *)context, bytes.data, bytes.size), (ssize_t)bytes.size);
    return SW_OK;
}

static inline int forge_container(forge *f, const sw_seal_plan *how, size_t size, sw_hash *root) {
    static const uint8_t zeros[SIZE];
    sw_error err = {0};
    int fd = memfd_create("sealed", MFD_CLOEXEC);
    assert_true(fd >= 0);
    sw_seal_plan plan = *how;
    sw_sealer *sealer;
    sw_container_trailer trailer;
    plan.lanes = 1;
    plan.entropy = &f->w->p.entropy;
    plan.write = to_fd;
    plan.context = &fd;
    must(sw_sealer_open(&plan, &sealer, &err), &err);
    must(sw_sealer_add(sealer, SW_BYTES(zeros, size), &err), &err);
    must(sw_sealer_finish(sealer, &trailer, NULL, &err), &err);
    sw_sealer_close(&sealer);
    *root = trailer.root_id;
    return fd;
}

/* model.sealed as it should be; a test may make another. */
static inline sw_seal_plan output_plan(const forge *f) {
    static sw_subkey subkey;
    memset(subkey.b, 7, sizeof subkey.b);
    return (sw_seal_plan){.kind = SW_CONTAINER_OUTPUT,
                          .media_type = "application/vnd.sealwright.pack",
                          .subkey = &subkey,
                          .binding = {f->w->x, 4, f->checkpoints[1]}};
}

static inline sw_seal_plan metrics_plan(const forge *f, size_t i) {
    return (sw_seal_plan){.kind = SW_CONTAINER_OPENED,
                          .media_type = "application/json",
                          .binding = {f->w->x, 4, f->checkpoints[1]},
                          .recipient = &f->w->p.genesis.owners[i].encryption_key};
}

static inline void forge_files(forge *f) {
    static const char *const names[] = {"adapter.bin", "sealwright.json", "model.sig"};
    sw_error err = {0};
    char digest[65], x[65], salt[65];
    sw_hash hash;
    for (size_t i = 0; i < FILES; i++) f->files[i] = SW_BUFFER(1 << 16);
    f->salt = named_hash('s');
    sw_put_text(&f->files[0], "weights");
    sw_sha256(&hash, bytes_of(&f->files[0]));
    sw_hex_text(digest, SW_BYTES_OF(hash.b));
    sw_hex_text(x, SW_BYTES_OF(f->w->x.b));
    sw_hex_text(salt, SW_BYTES_OF(f->salt.b));
    sw_put_format(&f->files[1],
                  "{\"compose_hash\":\"%s\",\"files\":[{\"name\":\"adapter.bin\",\"sha256\":"
                  "\"%s\",\"size\":7}],\"kind\":\"sealwright/model/v1\",\"salt\":\"%s\","
                  "\"simulated\":true}",
                  x, digest, salt);
    for (size_t i = 0; i < FILES; i++)
        f->model[i] = (sw_oms_file){names[i], bytes_of(&f->files[i])};
    must(sw_oms_sign("forged", f->model, 2, &f->machines[1], &f->files[2], &err), &err);
    f->model[2].content = bytes_of(&f->files[2]);
}

static inline void forge_ledger(forge *f) {
    sw_error err = {0};
    sw_head head;
    must(sw_journal_open_memory(&f->w->p.genesis.hash, &f->journal, &err), &err);
    for (size_t i = 0; i < 2; i++) {
        SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 14);
        sw_entry e = entry_of(f->w, i, SW_PAYLOAD_APPROVE);
        sign_entry(&f->w->p, &e, i, &envelope);
        must(sw_journal_append(f->journal, NULL, bytes_of(&envelope), &head, &err), &err);
    }
}

static inline forge *forge_new_in(world *w, bool public_metrics, bool script) {
    forge *f = calloc(1, sizeof *f);
    sw_error err = {0};
    assert_non_null(f);
    f->public_metrics = public_metrics;
    f->script = script;
    f->w = w;
    forge_machines(f);
    const sw_entropy *e = &f->w->p.entropy;
    must(sw_p256_generate(e, f->receipt.b, &f->receipt_public, &err), &err);
    uint8_t unused[32];
    must(sw_p256_generate(e, unused, &f->root, &err), &err);
    for (size_t i = 0; i < 2; i++)
        must(sw_p256_generate(e, f->machines[i].b, &f->machine_public[i], &err), &err);
    f->checkpoints[0] = named_hash('c');
    f->checkpoints[1] = named_hash('d');
    const sw_seal_plan plan = output_plan(f);
    f->sealed_fd = forge_container(f, &plan, SIZE, &f->output_root);
    for (size_t i = 0; i < OWNERS; i++) {
        const sw_seal_plan metrics = metrics_plan(f, i);
        f->metrics_fds[i] = forge_container(f, &metrics, 100, &f->metrics_roots[i]);
    }
    forge_files(f);
    forge_ledger(f);
    return f;
}

static inline forge *forge_new_of(bool public_metrics, bool script) {
    return forge_new_in(world_new(), public_metrics, script);
}

static inline forge *forge_new(bool public_metrics) {
    return forge_new_of(public_metrics, false);
}

/* ---- the plan: made afresh for each case ---- */

static inline void plan_grants(forge *f) {
    static const int64_t after[GRANTS] = {0, 300000, 500000};
    const sw_head ledger = sw_journal_head(f->journal);
    f->grant_count = GRANTS;
    f->word_count = OWNERS;
    f->machine_of[0] = f->machine_of[1] = 0;
    f->machine_of[2] = f->resigned_by = 1;
    for (size_t i = 0; i < GRANTS; i++) {
        sw_grant *g = &f->grants[i];
        *g = (sw_grant){.genesis = f->w->p.genesis.hash,
                        .compose = f->w->x,
                        .purpose = i < 2 ? SW_PURPOSE_TRAIN : SW_PURPOSE_RESUME,
                        .dataset_count = OWNERS,
                        .ledger = ledger,
                        .audit = {10 + i, named_hash('a')},
                        .number = i < 2 ? 1 : 2,
                        .renewal = i == 1,
                        .lease_ms = 600000,
                        .granted_ms = START_MS + after[i],
                        .simulated = true};
        memcpy(g->datasets, f->w->datasets, sizeof f->w->datasets);
        for (size_t k = 0; k < OWNERS; k++)
            f->words[i][k] = (sw_unlock_statement){.genesis = f->w->p.genesis.hash,
                                                   .owner = f->w->p.genesis.owners[k].id,
                                                   .boot_nonce = named_hash('b'),
                                                   .root = f->root,
                                                   .receipt = f->receipt_public,
                                                   .ledger = {0, f->w->p.genesis.hash},
                                                   .audit = {3, named_hash('a')},
                                                   .time_ms = START_MS - 5000 + (int64_t)k,
                                                   .sequence = 20 + k};
        f->words[i][OWNERS] = f->words[i][OWNERS - 1];
    }
}

static inline void plan_run(forge *f) {
    const sw_recipe *r = &f->w->recipe;
    for (size_t i = 0; i < OWNERS; i++) {
        f->datasets[i] = (sw_manifest_dataset){.owner = r->shards[i].owner,
                                               .dataset = r->shards[i].dataset,
                                               .rows_listed = 10,
                                               .rows_delivered = 9,
                                               .tokens = 90,
                                               .tokens_commitment = named_hash('t')};
        f->sealed[i] =
            (sw_manifest_sealed_metrics){f->w->p.genesis.owners[i].id, f->metrics_roots[i]};
    }
    for (size_t i = 0; i < 2; i++) {
        f->links[i] = (sw_manifest_link){2 * i + 2, named_hash('l')};
        f->roots[i] = (sw_manifest_link){2 * i + 2, f->checkpoints[i]};
        f->metrics[i] = (sw_manifest_metric){2 * i + 2, 2.5};
    }
    f->facts = (sw_manifest_facts){.app_compose = bytes_of(&f->w->compose),
                                   .genesis_envelope = bytes_of(&f->w->p.envelope),
                                   .genesis = f->w->p.genesis.hash,
                                   .compose = f->w->x,
                                   .simulated = true,
                                   .native = true,
                                   .worker_digest = r->trainer_digest,
                                   .profile = "bf16-dp",
                                   .machine = f->machine_public[1],
                                   .dataset_count = OWNERS,
                                   .datasets = f->datasets,
                                   .layers = {.no_new_privs = true,
                                              .seccomp = true,
                                              .no_core = true,
                                              .not_dumpable = true,
                                              .landlock_abi = 3},
                                   .steps = 4,
                                   .resumes = 1,
                                   .link_count = 2,
                                   .checkpoint_count = 2,
                                   .metric_count = f->public_metrics ? 2 : 0,
                                   .links = f->links,
                                   .checkpoints = f->roots,
                                   .metrics = f->metrics,
                                   .sealed_metrics_count = f->public_metrics ? 0 : OWNERS,
                                   .sealed_metrics = f->sealed,
                                   .output_root = f->output_root,
                                   .output_bytes = SIZE,
                                   .started_ms = START_MS,
                                   .finished_ms = START_MS + 510000};
}

/* What a script's run says otherwise. */
static inline void plan_script(forge *f) {
    f->facts.native = false;
    f->facts.profile = NULL;
    f->facts.command = &f->w->recipe.command;
    f->facts.layers.mount_namespace = f->facts.layers.private_root = true;
    f->facts.layers.pid_namespace = f->facts.layers.ipc_namespace = true;
    f->facts.layers.network_namespace = f->facts.layers.other_user = true;
    for (size_t i = 0; i < OWNERS; i++) {
        f->datasets[i].rows_delivered = 10;
        f->datasets[i].tokens = 0;
    }
}

static inline void forge_plan(forge *f) {
    f->from = f->to = NULL;
    f->closing_elsewhere = f->closing_for_another = false;
    f->other_evidence = f->fewer_evidences = false;
    plan_grants(f);
    plan_run(f);
    if (f->script) plan_script(f);
    sw_hash root;
    sw_error err = {0};
    must(sw_oms_root(f->model, 2, &root, &err), &err);
    sw_model_commitment(&f->facts.model_commitment, &f->salt, &root);
}

/* ---- from the plan to the files ---- */

static inline void forge_grant(forge *f, size_t i, sw_manifest_grant *out) {
    sw_error err = {0};
    sw_p256_public peer = f->root;
    sw_report_data report;
    f->evidences[i] = SW_BUFFER(SW_EVIDENCE_LIMIT);
    f->receipts[i] = SW_BUFFER(1 << 16);
    f->statements[i] = SW_BUFFER(1 << 16);
    f->grants[i].machine = f->machine_public[f->machine_of[i]];
    const sw_channel_binding b = {.role = SW_ROLE_MACHINE,
                                  .purpose = f->grants[i].purpose,
                                  .challenge = named_hash('n'),
                                  .own_tls = peer,
                                  .peer_tls = peer,
                                  .response = &peer,
                                  .manifest = &f->grants[i].machine};
    must(sw_report_channel(&report, &b, &err), &err);
    must(sw_machine_evidence(f->w->machine, &report, &f->evidences[i], &err), &err);
    sw_sha256(&f->grants[i].evidence, bytes_of(&f->evidences[i]));
    must(sw_grant_sign(&f->grants[i], &f->receipt, &f->receipts[i], &err), &err);
    if (f->other_evidence) { /* as good, and not what was judged */
        f->evidences[i].size = 0;
        must(sw_machine_evidence(f->w->machine, &report, &f->evidences[i], &err), &err);
    }
    sw_put_text(&f->statements[i], "[");
    for (size_t k = 0; k < f->word_count; k++) {
        SW_SCOPED(sw_buffer) one = SW_BUFFER(1 << 14);
        size_t signer = k;
        for (size_t n = 0; n < OWNERS; n++)
            if (sw_hash_equal(&f->words[i][k].owner, &f->w->p.genesis.owners[n].id)) signer = n;
        must(sw_unlock_sign(&f->words[i][k], &f->w->p.keys[signer], &one, &err), &err);
        if (k) sw_put_text(&f->statements[i], ",");
        sw_put_bytes(&f->statements[i], bytes_of(&one));
    }
    sw_put_text(&f->statements[i], "]");
    *out = (sw_manifest_grant){bytes_of(&f->receipts[i]),
                               bytes_of(&f->statements[i]),
                               bytes_of(&f->evidences[i]),
                               named_hash('n'),
                               peer,
                               peer,
                               peer};
}

/* The first place of `from` becomes `to`; one that is not there is the test's mistake. */
static inline void forge_edit(const forge *f, sw_buffer *text) {
    if (!f->from) return;
    uint8_t *at = memmem(text->data, text->size, f->from, strlen(f->from));
    if (!at) print_message("# not in the statement: %s\n", f->from);
    assert_non_null(at);
    SW_SCOPED(sw_buffer) made = SW_BUFFER(TEXT);
    size_t before = (size_t)(at - text->data), gone = strlen(f->from);
    sw_put_bytes(&made, SW_BYTES(text->data, before));
    sw_put_text(&made, f->to);
    sw_put_bytes(&made, SW_BYTES(at + gone, text->size - before - gone));
    text->size = 0;
    sw_put_bytes(text, bytes_of(&made));
}

static inline void forge_evidence(forge *f, const sw_hash *digest) {
    sw_error err = {0};
    const sw_hash another = named_hash('z');
    sw_report_data report;
    SW_SCOPED(sw_buffer) closing = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_report_manifest(&report, f->closing_for_another ? &another : digest);
    must(sw_machine_evidence(f->closing_elsewhere ? f->other : f->w->machine, &report, &closing,
                             &err),
         &err);
    sw_manifest_facts facts = f->facts;
    sw_manifest_grant short_ones[GRANTS];
    sw_buffer shortened[GRANTS] = {0};
    if (f->fewer_evidences) facts.grant_count--;
    for (size_t i = 0; i < facts.grant_count; i++) {
        shortened[i] = SW_BUFFER(SW_EVIDENCE_LIMIT);
        must(sw_manifest_shorten(i == 0 ? (sw_bytes){0} : facts.grants[i - 1].evidence,
                                 facts.grants[i].evidence, &shortened[i], &err),
             &err);
        short_ones[i] = facts.grants[i];
        short_ones[i].evidence = bytes_of(&shortened[i]);
    }
    if (facts.grant_count > 0) facts.newest_evidence = facts.grants[facts.grant_count - 1].evidence;
    facts.grants = short_ones;
    must(sw_manifest_evidence(&facts, bytes_of(&closing), &f->evidence, &err), &err);
    for (size_t i = 0; i < facts.grant_count; i++) sw_buffer_free(&shortened[i]);
}

static inline void forge_pem(forge *f) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(256);
    sw_p256_spki(&der, &f->machine_public[f->resigned_by]);
    sw_pem_encode(&f->pem, "PUBLIC KEY", bytes_of(&der));
}

static inline void forge_free(forge *f) {
    for (size_t i = 0; i < GRANTS; i++) {
        sw_buffer_free(&f->evidences[i]);
        sw_buffer_free(&f->receipts[i]);
        sw_buffer_free(&f->statements[i]);
    }
    sw_buffer *all[] = {&f->manifest, &f->evidence, &f->ledger, &f->pem, &f->export};
    for (size_t i = 0; i < COUNT(all); i++) {
        sw_buffer_free(all[i]);
        *all[i] = SW_BUFFER(TEXT);
    }
}

static inline void forge_make(forge *f) {
    sw_error err = {0};
    sw_manifest_grant views[GRANTS];
    sw_hash digest;
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(TEXT);
    forge_free(f);
    for (size_t i = 0; i < f->grant_count; i++) forge_grant(f, i, &views[i]);
    f->facts.grants = views;
    f->facts.grant_count = f->grant_count;
    must(sw_journal_export(f->journal, &f->export, &err), &err);
    f->facts.ledger_export = bytes_of(&f->export);
    must(sw_manifest_statement(&f->facts, &payload, &err), &err);
    forge_edit(f, &payload);
    must(sw_manifest_sign(bytes_of(&payload), &f->machines[f->resigned_by], &f->manifest, &digest,
                          &err),
         &err);
    forge_evidence(f, &digest);
    must(sw_manifest_ledger(&f->facts, &f->ledger, &err), &err);
    forge_pem(f);
}

/* As the opened folder is read; good until the next call. */
static inline const sw_manifest_file *forge_hashed(const sw_oms_file *files, size_t count) {
    static sw_manifest_file out[FILES + 1];
    assert_true(count <= FILES + 1);
    for (size_t i = 0; i < count; i++) {
        out[i] = (sw_manifest_file){
            .name = files[i].name, .size = files[i].content.size, .content = files[i].content};
        sw_sha256(&out[i].digest, files[i].content);
    }
    return out;
}

static inline sw_manifest_input forge_input(const forge *f) {
    assert_int_equal(lseek(f->sealed_fd, 0, SEEK_SET), 0);
    for (size_t i = 0; i < OWNERS; i++) assert_int_equal(lseek(f->metrics_fds[i], 0, SEEK_SET), 0);
    return (sw_manifest_input){.manifest = bytes_of(&f->manifest),
                               .evidence = bytes_of(&f->evidence),
                               .app_compose = bytes_of(&f->w->compose),
                               .ledger = bytes_of(&f->ledger),
                               .machine_pem = bytes_of(&f->pem),
                               .model_fd = f->sealed_fd,
                               .metrics_fds = f->public_metrics ? NULL : f->metrics_fds,
                               .metrics_count = f->public_metrics ? 0 : OWNERS,
                               .app = &f->w->p.genesis.hash,
                               .model = forge_hashed(f->model, FILES),
                               .model_count = FILES};
}

static inline void forge_close(forge *f) {
    forge_free(f);
    sw_buffer *all[] = {&f->manifest, &f->evidence, &f->ledger, &f->pem, &f->export};
    for (size_t i = 0; i < COUNT(all); i++) sw_buffer_free(all[i]);
    for (size_t i = 0; i < FILES; i++) sw_buffer_free(&f->files[i]);
    for (size_t i = 0; i < OWNERS; i++) (void)close(f->metrics_fds[i]);
    (void)close(f->sealed_fd);
    sw_journal_close(&f->journal);
    sw_machine_close(&f->other);
    world_free(f->w);
    free(f);
}
#endif
