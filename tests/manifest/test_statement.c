/* SPDX-License-Identifier: Apache-2.0
 *
 * The statement's rules: each case is an out folder in which every signature, quote and hash holds,
 * and one thing is said that the links before it do not allow (docs/formats/manifest.md, MAN-068,
 * MAN-069, MAN-085 to MAN-089).
 */
#include "manifest/forged_walk.h"

/* ---- what holds ---- */

/* What it says comes back as it was written; what is no manifest says nothing. */
static void parsed(const forge *f, const sw_manifest_input *in) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_manifest_record r = {.steps = 77};
    assert_int_equal(sw_manifest_parse_record(&arena, in->ledger, &r, NULL), SW_MALFORMED);
    assert_int_equal(r.steps, 77);
    assert_int_equal(sw_manifest_parse_record(&arena, in->manifest, &r, NULL), SW_OK);
    assert_int_equal(r.steps, f->facts.steps);
    assert_memory_equal(r.compose.b, f->facts.compose.b, 32);
    assert_memory_equal(r.output_root.b, f->facts.output_root.b, 32);
    assert_memory_equal(r.model_commitment.b, f->facts.model_commitment.b, 32);
    assert_int_equal(r.dataset_count, f->facts.dataset_count);
    assert_int_equal(r.link_count, f->facts.link_count);
    assert_int_equal(r.checkpoint_count, f->facts.checkpoint_count);
    for (size_t i = 0; i < r.dataset_count; i++) {
        const sw_manifest_dataset *got = &r.datasets[i], *said = &f->facts.datasets[i];
        assert_memory_equal(got->tokens_commitment.b, said->tokens_commitment.b, 32);
        assert_memory_equal(got->dataset.b, said->dataset.b, 32);
        assert_int_equal(got->rows_delivered, said->rows_delivered);
        assert_int_equal(got->tokens, said->tokens);
    }
    for (size_t i = 0; i < r.link_count; i++) {
        assert_int_equal(r.links[i].step, f->facts.links[i].step);
        assert_memory_equal(r.links[i].value.b, f->facts.links[i].value.b, 32);
        assert_int_equal(r.checkpoints[i].step, f->facts.checkpoints[i].step);
        assert_memory_equal(r.checkpoints[i].value.b, f->facts.checkpoints[i].value.b, 32);
    }
}

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
    parsed(f, &in);
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
static void other_evidence(forge *f) {
    f->other_evidence = true;
}
static void fewer_evidences(forge *f) {
    f->fewer_evidences = true;
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
    {"metrics for fewer owners", metrics_for_fewer, "manifest", "has no sealed metrics"},
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
    {"evidence that nobody judged", other_evidence, "evidence", "judged"},
    {"evidence of fewer grants", fewer_evidences, "evidence", "number of grants"},
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
    {"\"app_compose\":\"{", "\"app_compose\":\" {", "manifest"},
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
    char subject[256], root[65]; /* no subject at all */
    sw_hex_text(root, SW_BYTES_OF(f->output_root.b));
    (void)snprintf(subject, sizeof subject,
                   "{\"digest\":{\"sealwrightRoot\":\"%s\"},\"name\":\"model.sealed\"}", root);
    forge_plan(f);
    f->from = subject;
    f->to = "";
    forge_make(f);
    const sw_manifest_input without = forge_input(f);
    refused(&without, "no subject", "manifest", "no subject");
    forge_plan(f); /* the native trainer says nothing about itself */
    f->from = "\"claims_by_trainer\":{}";
    f->to = "\"claims_by_trainer\":{\"file\":\"claims.json\"}";
    forge_make(f);
    const sw_manifest_input in = forge_input(f);
    refused(&in, "claims", "manifest", "of a script");
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
        cmocka_unit_test(test_holds), cmocka_unit_test(test_nobodys_expectation),
        cmocka_unit_test(test_record), cmocka_unit_test(test_members),
        cmocka_unit_test(test_public_metrics)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
