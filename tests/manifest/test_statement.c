/* SPDX-License-Identifier: Apache-2.0
 *
 * Verification by rules, not by signatures: each case is an out folder in which every signature,
 * quote and hash holds, and one thing is said that the links before it do not allow
 * (docs/formats/manifest.md, MAN-060 to MAN-089).
 */
#include "manifest/forge.h"

/* ---- running one case ---- */

typedef struct seen {
    char last[64];
    size_t held;
    bool broken;
} seen;

static void on_link(void *context, const char *name, bool ok, const char *detail) {
    seen *s = context;
    assert_false(s->broken); /* the first that does not hold is the last reported */
    assert_true(strlen(detail) > 0);
    (void)snprintf(s->last, sizeof s->last, "%s", name);
    s->broken = !ok;
    s->held += ok;
}

static sw_status walk(const sw_manifest_input *in, seen *s, sw_manifest_verdict *verdict,
                      sw_error *err) {
    const sw_manifest_report report = {s, on_link};
    *s = (seen){0};
    return sw_manifest_verify(in, &report, verdict, err);
}

static void accepted(const sw_manifest_input *in, sw_manifest_verdict *verdict) {
    sw_error err = {0};
    seen s;
    sw_status status = walk(in, &s, verdict, &err);
    if (status != SW_OK) print_message("# %s: %s\n", s.last, err.message);
    assert_int_equal(status, SW_OK);
    assert_false(s.broken);
}

/* Refused at this link with this sentence (a part of it); the verdict is untouched. */
static void refused(const sw_manifest_input *in, const char *name, const char *link,
                    const char *sentence) {
    sw_manifest_verdict verdict, before;
    sw_error err = {0};
    seen s;
    memset(&verdict, 0x5a, sizeof verdict);
    memcpy(&before, &verdict, sizeof verdict);
    sw_status status = walk(in, &s, &verdict, &err);
    bool right = status != SW_OK && s.broken && strcmp(s.last, link) == 0 &&
                 strstr(err.message, sentence) != NULL;
    if (!right) print_message("# %s: at '%s': %s\n", name, s.last, err.message);
    assert_true(right);
    assert_memory_equal(&verdict, &before, sizeof verdict);
}

/* ---- what holds ---- */

static void test_holds(void **state) {
    forge *f = *state;
    sw_manifest_verdict v;
    forge_plan(f);
    forge_make(f);
    sw_manifest_input in = forge_input(f);
    accepted(&in, &v);
    assert_true(v.app_compared && v.simulated && v.model_compared);
    assert_int_equal(v.steps, 4);
    assert_int_equal(v.time_ms, START_MS + 500000);
    assert_int_equal(v.ledger.index, 2);
    assert_memory_equal(v.compose.b, f->w->x.b, 32);
    sw_hash digest;
    assert_int_equal(sw_manifest_digest(in.manifest, &digest, NULL), SW_OK);
    assert_memory_equal(v.digest.b, digest.b, 32);
    assert_int_equal(sw_manifest_output_root(in.manifest, &digest, NULL), SW_OK);
    assert_memory_equal(f->facts.output_root.b, digest.b, 32);
    assert_int_equal(sw_manifest_output_root(in.ledger, &digest, NULL), SW_MALFORMED);
    assert_memory_equal(f->facts.output_root.b, digest.b, 32);
    in = forge_input(f);
    in.model = NULL;
    accepted(&in, &v);
    assert_false(v.model_compared);
}

/* MAN-072 */
static void test_nobodys_expectation(void **state) {
    forge *f = *state;
    sw_manifest_verdict v = {0};
    sw_error err = {0};
    seen s;
    forge_plan(f);
    forge_make(f);
    sw_manifest_input in = forge_input(f);
    in.app = NULL;
    assert_int_equal(walk(&in, &s, &v, &err), SW_REFUSED);
    assert_string_equal(err.word, "app");
    assert_string_equal(err.message, "consistent in itself; compared with nobody's expectation");
    assert_false(s.broken);
    assert_int_equal(v.steps, 4);
    assert_false(v.app_compared);
    const sw_hash another = named_hash('x');
    in = forge_input(f);
    in.app = &another;
    refused(&in, "another app", "genesis", "another app");
}

/* One run without a restart, and one in which an owner spoke again. */
static void test_other_runs(void **state) {
    forge *f = *state;
    sw_manifest_verdict v;
    forge_plan(f);
    f->grant_count = 2;
    f->resigned_by = 0;
    f->facts.machine = f->machine_public[0];
    f->facts.resumes = 0;
    f->facts.finished_ms = START_MS + 300000;
    forge_make(f);
    sw_manifest_input in = forge_input(f);
    in.model = NULL; /* signed by the other machine key */
    accepted(&in, &v);

    forge_plan(f);
    for (size_t i = 1; i < GRANTS; i++) {
        f->words[i][1].sequence = 900 + i;
        f->words[i][1].time_ms = START_MS + 1000;
    }
    f->grants[0].granted_ms = f->facts.started_ms = START_MS + 300000;
    f->grants[1].granted_ms = START_MS + 299000; /* that owner's clock had been ahead */
    forge_make(f);
    in = forge_input(f);
    accepted(&in, &v);

    forge_plan(f); /* resumed under another key service, whose numbers begin again */
    for (size_t k = 0; k < OWNERS; k++) {
        f->words[2][k].root = f->machine_public[0];
        f->words[2][k].boot_nonce = named_hash('B');
    }
    f->grants[2].number = 1;
    f->grants[2].audit.index = 4;
    forge_make(f);
    in = forge_input(f);
    accepted(&in, &v);
}

/* ---- owners' words and receipts ---- */

static void other_order(forge *f) {
    sw_unlock_statement s = f->words[0][0];
    f->words[0][0] = f->words[0][1];
    f->words[0][1] = s;
}
static void one_owner_silent(forge *f) {
    f->word_count = 2;
}
static void one_owner_twice(forge *f) {
    f->words[1][2] = f->words[1][1];
}
static void other_start(forge *f) {
    f->words[1][2].boot_nonce = named_hash('B');
}
static void other_receipt_key(forge *f) {
    f->words[1][2].receipt = f->root;
}
static void other_root(forge *f) {
    f->words[1][2].root = f->receipt_public;
}
static void forked_ledger(forge *f) {
    f->words[2][1].ledger = (sw_head){1, named_hash('f')};
}
static void longer_ledger(forge *f) {
    f->words[2][1].ledger.index = 9;
}
static void word_after_receipt(forge *f) {
    f->words[0][1].audit.index = 10;
}
static void other_signer(forge *f) { /* every word names a receipt key that did not sign */
    for (size_t k = 0; k < OWNERS; k++) f->words[0][k].receipt = f->root;
}
static void other_app(forge *f) {
    f->grants[1].genesis = named_hash('g');
}
static void other_compose(forge *f) {
    f->grants[0].compose = named_hash('x');
}
static void shard_left_out(forge *f) {
    f->grants[0].dataset_count = 2;
}
static void shard_swapped(forge *f) {
    sw_hash first = f->grants[2].datasets[0];
    f->grants[2].datasets[0] = f->grants[2].datasets[1];
    f->grants[2].datasets[1] = first;
}
static void longer_lease(forge *f) {
    f->grants[2].lease_ms++;
}
static void number_zero(forge *f) {
    f->grants[0].number = 0;
}
static void number_above(forge *f) {
    f->grants[2].number = 9;
}
static void hides_simulation(forge *f) {
    f->grants[0].simulated = false;
}
static void granted_before_words(forge *f) {
    f->grants[0].granted_ms = START_MS - 5001;
}
static void silent_too_long(forge *f) {
    f->words[0][1].time_ms = START_MS - 3600001;
}
static void begins_resuming(forge *f) {
    f->grants[0].purpose = SW_PURPOSE_RESUME;
    f->grants[1].purpose = SW_PURPOSE_RESUME;
}
static void begins_renewed(forge *f) {
    f->grants[0].renewal = 1;
    f->grants[1].renewal = 2;
}
static void for_replay(forge *f) {
    f->grants[2].purpose = SW_PURPOSE_REPLAY;
}
static void for_opening(forge *f) {
    f->grants[2].purpose = SW_PURPOSE_OPEN;
    f->grants[2].open_manifest = named_hash('m');
    f->grants[2].open_recipient = f->root;
}
static void renewal_skipped(forge *f) {
    f->grants[1].renewal = 2;
}
static void renewal_of_another(forge *f) {
    f->grants[1].number = 2;
    f->grants[2].number = 3;
}
static void renewal_by_another_machine(forge *f) {
    f->machine_of[1] = 1;
}
static void renewal_after_restart(forge *f) {
    for (size_t k = 0; k < OWNERS; k++) f->words[1][k].boot_nonce = named_hash('B');
}
static void renewal_after_end(forge *f) {
    f->grants[1].granted_ms = START_MS + 600001;
    f->grants[2].granted_ms = START_MS + 700000;
}
static void renewal_before_begin(forge *f) {
    f->grants[1].granted_ms = START_MS - 1;
}
static void renewal_for_other_purpose(forge *f) {
    f->grants[1].purpose = SW_PURPOSE_RESUME;
}
static void resumed_by_same_key(forge *f) {
    f->machine_of[0] = f->machine_of[1] = 1;
}
static void resumed_by_same_number(forge *f) {
    f->grants[2].number = 1;
}
static void resumed_to_train(forge *f) {
    f->grants[2].purpose = SW_PURPOSE_TRAIN;
}
static void audit_back(forge *f) {
    f->grants[2].audit.index = 11;
}
static void ledger_back(forge *f) { /* the newest receipt rests on one approval less */
    f->grants[2].ledger.index = 1;
}
static void older_words(forge *f) {
    for (size_t k = 0; k < OWNERS; k++) f->words[2][k].sequence = 5;
}
static void no_grant(forge *f) {
    f->grant_count = 0;
}

static const struct {
    const char *name;
    void (*change)(forge *f);
    const char *link, *sentence;
} grant_cases[] = {
    {"words in another order", other_order, "owners' words", "in order"},
    {"an owner's word is missing", one_owner_silent, "owners' words", "no word of"},
    {"an owner's word twice", one_owner_twice, "owners' words", "in order"},
    {"words to two starts", other_start, "owners' words", "different starts"},
    {"words for two receipt keys", other_receipt_key, "owners' words", "different starts"},
    {"words for two roots", other_root, "owners' words", "different starts"},
    {"a word for another ledger", forked_ledger, "owners' words", ""},
    {"a word for a longer ledger", longer_ledger, "owners' words", ""},
    {"a word that is newer than its receipt", word_after_receipt, "grants", "newer"},
    {"a receipt key that nobody named", other_signer, "grants", ""},
    {"a receipt for another app", other_app, "grants", "another app"},
    {"a receipt for another recipe", other_compose, "grants", "another app or recipe"},
    {"a receipt for fewer shards", shard_left_out, "grants", "other shards"},
    {"a receipt for shards in another order", shard_swapped, "grants", "other shards"},
    {"another lease", longer_lease, "grants", "lease or number"},
    {"number 0", number_zero, "grants", "lease or number"},
    {"a number above the grants", number_above, "grants", "lease or number"},
    {"a receipt that hides the simulation", hides_simulation, "grants", "simulated"},
    {"granted before every word", granted_before_words, "grants", "older"},
    {"an owner silent for too long", silent_too_long, "grants", "max_silence"},
    {"begins with resuming", begins_resuming, "grants", "first receipt"},
    {"begins with a renewal", begins_renewed, "grants", "first receipt"},
    {"a receipt to replay", for_replay, "grants", "neither"},
    {"a receipt to open", for_opening, "grants", "neither"},
    {"a renewal skipped", renewal_skipped, "grants", "renewal"},
    {"a renewal of another grant", renewal_of_another, "grants", "renewal"},
    {"a renewal by another machine key", renewal_by_another_machine, "grants", "renewal"},
    {"a renewal by a service started anew", renewal_after_restart, "grants", "renewal"},
    {"a renewal for another purpose", renewal_for_other_purpose, "grants", "renewal"},
    {"a renewal after the lease", renewal_after_end, "grants", "renewed"},
    {"a renewal before the lease", renewal_before_begin, "grants", "renewed"},
    {"resumed with the same machine key", resumed_by_same_key, "grants", "neither"},
    {"resumed with the same number", resumed_by_same_number, "grants", "neither"},
    {"resumed by a grant to train", resumed_to_train, "grants", "neither"},
    {"an audit log that goes back", audit_back, "grants", "order"},
    {"a ledger that goes back", ledger_back, "grants", "order"},
    {"words that were replaced before", older_words, "grants", "order"},
    {"no grant", no_grant, "grants", "no grant"},
};

static void test_grants(void **state) {
    forge *f = *state;
    for (size_t i = 0; i < COUNT(grant_cases); i++) {
        forge_plan(f);
        grant_cases[i].change(f);
        forge_make(f);
        const sw_manifest_input in = forge_input(f);
        refused(&in, grant_cases[i].name, grant_cases[i].link, grant_cases[i].sentence);
    }
}

/* ---- the record ---- */

static void step_more(forge *f) {
    f->facts.steps = 5;
}
static void no_step(forge *f) {
    f->facts.steps = 0;
}
static void resumed_unseen(forge *f) {
    f->facts.resumes = 0;
}
static void resumed_too_often(forge *f) {
    f->facts.resumes = 2;
}
static void started_early(forge *f) {
    f->facts.started_ms -= 1000;
}
static void started_late(forge *f) {
    f->facts.started_ms += 1000;
}
static void finished_before(forge *f) {
    f->facts.finished_ms = START_MS + 499000;
}
static void finished_after(forge *f) {
    f->facts.finished_ms = START_MS + 1101000;
}
static void without_seccomp(forge *f) {
    f->facts.layers.seccomp = false;
}
static void without_landlock(forge *f) {
    f->facts.layers.landlock_abi = 2;
}
static void with_privs(forge *f) {
    f->facts.layers.no_new_privs = false;
}
static void with_core(forge *f) {
    f->facts.layers.no_core = false;
}
static void dumpable(forge *f) {
    f->facts.layers.not_dumpable = false;
}
static void chain_short(forge *f) {
    f->facts.link_count = 1;
}
static void chain_other_step(forge *f) {
    f->links[0].step = 1;
}
static void chain_order(forge *f) {
    f->links[0].step = 4;
    f->links[1].step = 2;
}
static void checkpoint_missing(forge *f) {
    f->facts.checkpoint_count = 0;
}
static void checkpoint_other_step(forge *f) {
    f->roots[1].step = 3;
}
static void public_unasked(forge *f) {
    f->facts.metric_count = 1;
}
static void metrics_for_fewer(forge *f) {
    f->facts.sealed_metrics_count = 2;
}
static void metrics_for_stranger(forge *f) {
    f->sealed[1].owner = named_hash('o');
}
static void metrics_in_other_order(forge *f) {
    f->sealed[0] = f->sealed[1];
}
static void rows_more(forge *f) {
    f->datasets[1].rows_listed = 9;
}
static void rows_invented(forge *f) {
    f->datasets[1].rows_delivered = 11;
}
static void tokens_invented(forge *f) {
    f->datasets[1].tokens = 9 * 64 + 1;
}
static void tokens_none(forge *f) {
    f->datasets[1].tokens = 0;
}
static void dataset_other(forge *f) {
    f->datasets[2].dataset = named_hash('d');
}
static void dataset_fewer(forge *f) {
    f->facts.dataset_count = 2;
}
static void owner_other(forge *f) {
    f->datasets[2].owner = f->datasets[1].owner;
}
static void trainer_other(forge *f) {
    f->facts.worker_digest = named_hash('w');
}
static void trainer_script(forge *f) {
    f->facts.native = false;
}
static void profile_other(forge *f) {
    f->facts.profile = "fp32-ref";
}
static void output_smaller(forge *f) {
    f->facts.output_bytes = SIZE - 1;
}
static void simulation_hidden(forge *f) {
    f->facts.simulated = false;
}
static void machine_other(forge *f) {
    f->facts.machine = f->machine_public[0];
}
static void signed_by_other(forge *f) {
    f->resigned_by = 0;
}
static void closing_elsewhere(forge *f) {
    f->closing_elsewhere = true;
}
static void closing_for_another(forge *f) {
    f->closing_for_another = true;
}
static void output_other(forge *f) {
    f->facts.output_root = named_hash('r');
}
static void checkpoint_other(forge *f) {
    f->roots[1].value = named_hash('r');
}
static void metrics_other(forge *f) {
    f->sealed[2].root = named_hash('r');
}
static void commitment_other(forge *f) {
    f->facts.model_commitment = named_hash('r');
}

static const struct {
    const char *name;
    void (*change)(forge *f);
    const char *link, *sentence;
} record_cases[] = {
    {"a step more", step_more, "manifest", "number of steps"},
    {"no step", no_step, "manifest", "number of steps"},
    {"resumed unseen", resumed_unseen, "manifest", "resumed"},
    {"resumed too often", resumed_too_often, "manifest", "resumed"},
    {"started before its grant", started_early, "manifest", "start"},
    {"started after its grant", started_late, "manifest", "start"},
    {"finished before its last grant", finished_before, "manifest", "last lease"},
    {"finished after its last lease", finished_after, "manifest", "last lease"},
    {"without seccomp", without_seccomp, "manifest", "seccomp"},
    {"without Landlock", without_landlock, "manifest", "Landlock"},
    {"without no_new_privs", with_privs, "manifest", "no_new_privs"},
    {"with core dumps", with_core, "manifest", "no_core"},
    {"dumpable", dumpable, "manifest", "not_dumpable"},
    {"a state missing", chain_short, "manifest", "step_chain"},
    {"a state at another step", chain_other_step, "manifest", "step_chain"},
    {"states in another order", chain_order, "manifest", "step_chain"},
    {"no checkpoints", checkpoint_missing, "manifest", "checkpoints"},
    {"a checkpoint at another step", checkpoint_other_step, "manifest", "checkpoints"},
    {"public metrics that nobody allowed", public_unasked, "manifest", "metrics"},
    {"metrics for fewer owners", metrics_for_fewer, "manifest", "metrics"},
    {"metrics for a stranger", metrics_for_stranger, "manifest", "owner"},
    {"metrics in another order", metrics_in_other_order, "manifest", "owner"},
    {"fewer rows listed", rows_more, "manifest", "number of rows"},
    {"more rows delivered than listed", rows_invented, "manifest", "rows_delivered"},
    {"more tokens than rows can hold", tokens_invented, "manifest", "tokens"},
    {"rows without a token", tokens_none, "manifest", "tokens"},
    {"another dataset", dataset_other, "manifest", "dataset"},
    {"a dataset missing", dataset_fewer, "manifest", "other shards"},
    {"another owner", owner_other, "manifest", "owner"},
    {"another trainer", trainer_other, "manifest", "trainer_digest"},
    {"a script instead of the trainer", trainer_script, "manifest", "kind"},
    {"another profile", profile_other, "manifest", "profile"},
    {"an output of another size", output_smaller, "manifest", "size"},
    {"a manifest that hides the simulation", simulation_hidden, "manifest", "simulated"},
    {"another machine named", machine_other, "manifest", "another machine"},
    {"signed by the machine of an older receipt", signed_by_other, "manifest", ""},
    {"a closing quote by another image", closing_elsewhere, "closing quote", "another machine"},
    {"a closing quote over another statement", closing_for_another, "closing quote", ""},
    {"another output", output_other, "model.sealed", "not the output"},
    {"another last checkpoint", checkpoint_other, "model.sealed", "checkpoint"},
    {"other sealed metrics", metrics_other, "metrics", "not those"},
    {"another commitment", commitment_other, "model", "not the model"},
};

static void test_record(void **state) {
    forge *f = *state;
    for (size_t i = 0; i < COUNT(record_cases); i++) {
        forge_plan(f);
        record_cases[i].change(f);
        forge_make(f);
        const sw_manifest_input in = forge_input(f);
        refused(&in, record_cases[i].name, record_cases[i].link, record_cases[i].sentence);
    }
}

/* ---- the statement's text: exactly its members, each of its type ---- */

static const struct {
    const char *from, *to, *link;
} edits[] = {
    {"{\"_type\"", "{\"Type\":0,\"_type\"", "files"},
    {"in-toto.io/Statement/v1", "in-toto.io/Statement/v2", "files"},
    {"sealwright.org/manifest/v1", "sealwright.org/manifest/v2", "files"},
    {"\"predicate\":{\"app", "\"predicate\":{\"aaa\":1,\"app", "manifest"},
    {"\"claims_by_trainer\":{}", "\"claims_by_trainer\":[]", "manifest"},
    {"\"claims_by_trainer\":{},", "", "manifest"},
    {"\"engine\":{\"kind\"", "\"engine\":{\"a\":1,\"kind\"", "manifest"},
    {"\"kind\":\"native\"", "\"kind\":\"mative\"", "manifest"},
    {"\"tokens\":90,", "\"tokens\":90.5,", "manifest"},
    {"\"tokens\":90,", "\"tokens\":\"90\",", "manifest"},
    {"\"tokens_commitment\":\"", "\"tokens_commitment\":\"0", "manifest"},
    {"\"rows_listed\":10,", "\"rows_listed\":10,\"seen\":1,", "manifest"},
    {"\"output\":{\"bytes\"", "\"output\":{\"a\":1,\"bytes\"", "manifest"},
    {"\"bytes\":4096,", "", "manifest"},
    {"\"run\":{\"checkpoints\"", "\"run\":{\"a\":1,\"checkpoints\"", "manifest"},
    {"\"resumes\":1,", "", "manifest"},
    {"\"resumes\":1,", "\"resumes\":\"1\",", "manifest"},
    {"\"sandbox\":{", "\"sandbox\":{\"a\":true,", "manifest"},
    {"\"other_user\":false", "\"other_user\":\"no\"", "manifest"},
    {"\"ipc_namespace\":false,", "", "manifest"},
    {"\"landlock_abi\":3", "\"landlock_abi\":true", "manifest"},
    {"\"finished\":\"20", "\"finished\":\"1", "manifest"},
    {"\"sealwrightRoot\":\"", "\"sha256\":\"", "manifest"},
    {"\"name\":\"model.sealed\"", "\"name\":\"model.unsealed\"", "manifest"},
    {"\"subject\":[{\"digest\"", "\"subject\":[{\"a\":1,\"digest\"", "manifest"},
    {"\"simulated\":true}", "\"simulated\":1}", "manifest"},
    {"{\"receipt\":", "{\"a\":1,\"receipt\":", "owners' words"},
};

static void test_members(void **state) {
    forge *f = *state;
    for (size_t i = 0; i < COUNT(edits); i++) {
        forge_plan(f);
        f->from = edits[i].from;
        f->to = edits[i].to;
        forge_make(f);
        const sw_manifest_input in = forge_input(f);
        refused(&in, edits[i].to, edits[i].link, "");
    }
    forge_plan(f); /* what a trainer says about itself is allowed, and named as unproven */
    f->from = "\"claims_by_trainer\":{}";
    f->to = "\"claims_by_trainer\":{\"loss\":0.5}";
    forge_make(f);
    const sw_manifest_input in = forge_input(f);
    sw_manifest_verdict v;
    accepted(&in, &v);
}

/* ---- files beside the statement ---- */

static int fd_of(forge *f, const sw_seal_plan *plan, size_t size) {
    sw_hash root;
    int fd = forge_container(f, plan, size, &root);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void test_sealed_files(void **state) {
    forge *f = *state;
    forge_plan(f);
    forge_make(f);
    sw_manifest_input in = forge_input(f);
    in.model_fd = -1;
    refused(&in, "no model.sealed", "model.sealed", "not in the folder");
    const sw_seal_plan same = output_plan(f), metrics = metrics_plan(f, 1);
    in = forge_input(f);
    in.model_fd = fd_of(f, &same, SIZE); /* another sealing of the same content */
    refused(&in, "another sealing", "model.sealed", "not the output");
    (void)close(in.model_fd);
    in = forge_input(f);
    in.model_fd = f->metrics_fds[0];
    refused(&in, "metrics as the model", "model.sealed", "not the output");
    int others[OWNERS] = {f->metrics_fds[0], -1, -1};
    in = forge_input(f);
    in.metrics_fds = others;
    sw_manifest_verdict v;
    accepted(&in, &v); /* MAN-076: those that are not there are their owners' */
    others[0] = fd_of(f, &metrics, 100);
    in = forge_input(f);
    in.metrics_fds = others;
    refused(&in, "another's metrics", "metrics", "not those");
    (void)close(others[0]);
    int more[OWNERS + 1] = {-1, -1, -1, f->metrics_fds[0]};
    in = forge_input(f);
    in.metrics_fds = more;
    in.metrics_count = OWNERS + 1;
    refused(&in, "metrics for nobody", "metrics", "does not name");
}

/* A container of the right root whose binding or size is wrong. */
static void test_sealed_bindings(void **state) {
    forge *f = *state;
    const struct {
        const char *name, *sentence;
        size_t size;
        uint64_t step;
        char compose, previous;
    } cases[] = {{"another size", "size", SIZE - 1, 4, 0, 0},
                 {"another step", "bound", SIZE, 3, 0, 0},
                 {"another recipe", "bound", SIZE, 4, 'x', 0},
                 {"another checkpoint", "bound", SIZE, 4, 0, 'p'}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_hash root;
        sw_seal_plan plan = output_plan(f);
        plan.binding.step = cases[i].step;
        if (cases[i].compose) plan.binding.compose = named_hash(cases[i].compose);
        if (cases[i].previous) plan.binding.previous_root = named_hash(cases[i].previous);
        int fd = forge_container(f, &plan, cases[i].size, &root);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        forge_plan(f);
        f->facts.output_root = root;
        forge_make(f);
        sw_manifest_input in = forge_input(f);
        in.model_fd = fd;
        refused(&in, cases[i].name, "model.sealed", cases[i].sentence);
        (void)close(fd);
    }
}

/* The ledger ends where the newest receipt says: nothing left out, nothing added. */
static void test_ledger_end(void **state) {
    forge *f = *state;
    forge_plan(f);
    for (size_t i = 0; i < GRANTS; i++) f->grants[i].ledger.index = 1;
    forge_make(f);
    sw_manifest_input in = forge_input(f);
    refused(&in, "a head that is not on the chain", "approval", "");
    sw_head first;
    sw_journal *one;
    sw_error err = {0};
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 14);
    sw_entry e = entry_of(f->w, 0, SW_PAYLOAD_APPROVE);
    sign_entry(&f->w->p, &e, 0, &envelope);
    must(sw_journal_open_memory(&f->w->p.genesis.hash, &one, &err), &err);
    must(sw_journal_append(one, NULL, bytes_of(&envelope), &first, &err), &err);
    sw_journal_close(&one);
    forge_plan(f);
    for (size_t i = 0; i < GRANTS; i++) f->grants[i].ledger = first;
    forge_make(f);
    in = forge_input(f);
    refused(&in, "one approval stood", "approval", "approv");
    forge_plan(f); /* the first two receipts rest on one approval */
    f->grants[0].ledger = f->grants[1].ledger = first;
    forge_make(f);
    in = forge_input(f);
    refused(&in, "one approval stood at first", "approval", "approv");
}

/* ---- the opened folder ---- */

static void test_opened(void **state) {
    forge *f = *state;
    static const char *const names[] = {"adapter.bin", "sealwright.json", "model.sig"};
    forge_plan(f);
    forge_make(f);
    for (size_t i = 0; i < FILES; i++) { /* one file missing; one changed in each bit */
        sw_oms_file files[FILES];
        sw_manifest_input in = forge_input(f);
        size_t count = 0;
        for (size_t k = 0; k < FILES; k++)
            if (k != i) files[count++] = f->model[k];
        in.model = files;
        in.model_count = count;
        refused(&in, names[i], "model", "");
        SW_SCOPED(sw_buffer) copy = SW_BUFFER(1 << 16);
        sw_put_bytes(&copy, f->model[i].content);
        memcpy(files, f->model, sizeof files);
        files[i].content = bytes_of(&copy);
        for (size_t bit = 0; bit < copy.size * 8; bit += copy.size < 100 ? 1 : 37) {
            in = forge_input(f);
            in.model = files;
            copy.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            refused(&in, names[i], "model", "");
            copy.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
}

static void test_opened_names(void **state) {
    forge *f = *state;
    sw_oms_file files[FILES + 1];
    forge_plan(f);
    forge_make(f);
    memcpy(files, f->model, sizeof f->model);
    sw_manifest_input in = forge_input(f);
    in.model = files;
    files[0].name = "adapter.bim"; /* the root digest stays the same */
    refused(&in, "renamed", "model", "not in the opened folder");
    files[0].name = "../adapter.bin";
    in = forge_input(f);
    in.model = files;
    refused(&in, "a path", "model", "name");
    files[0] = f->model[0];
    files[FILES] = (sw_oms_file){"more.bin", SW_LITERAL("weights")};
    in = forge_input(f);
    in.model = files;
    in.model_count = FILES + 1;
    refused(&in, "one file more", "model", "no file that the run made");
    files[FILES].name = "adapter.bin";
    in = forge_input(f);
    in.model = files;
    in.model_count = FILES + 1;
    refused(&in, "a file twice", "model", "one name");
}

static int set_up(void **state) {
    *state = forge_new(false);
    return 0;
}

static int tear_down(void **state) {
    forge_close(*state);
    return 0;
}

/* `metrics: public` is another recipe, so another world. */
static void no_record(forge *f) {
    f->facts.metric_count = 1;
}
static void record_elsewhere(forge *f) {
    f->metrics[1].step = 3;
}
static void too_fine(forge *f) {
    f->metrics[0].loss = 2.5 + 1.0 / 4096;
}
static void sealed_as_well(forge *f) {
    f->facts.sealed_metrics_count = 1;
}

static void test_public_metrics(void **state) {
    (void)state;
    static const struct {
        const char *name;
        void (*change)(forge *f);
    } cases[] = {{"a record missing", no_record},
                 {"a record at another step", record_elsewhere},
                 {"a loss in more bits than 12", too_fine},
                 {"sealed metrics as well", sealed_as_well}};
    forge *f = forge_new(true);
    sw_manifest_verdict v;
    forge_plan(f);
    forge_make(f);
    sw_manifest_input in = forge_input(f);
    accepted(&in, &v);
    for (size_t i = 0; i < COUNT(cases); i++) {
        forge_plan(f);
        cases[i].change(f);
        forge_make(f);
        in = forge_input(f);
        refused(&in, cases[i].name, "manifest", "metric");
    }
    forge_close(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds),        cmocka_unit_test(test_nobodys_expectation),
        cmocka_unit_test(test_other_runs),   cmocka_unit_test(test_grants),
        cmocka_unit_test(test_record),       cmocka_unit_test(test_members),
        cmocka_unit_test(test_sealed_files), cmocka_unit_test(test_sealed_bindings),
        cmocka_unit_test(test_ledger_end),   cmocka_unit_test(test_opened),
        cmocka_unit_test(test_opened_names), cmocka_unit_test(test_public_metrics)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
