/* SPDX-License-Identifier: Apache-2.0
 *
 * The statement's rules for a recipe with a command (docs/formats/manifest.md, MAN-023, MAN-025,
 * MAN-026, MAN-077): each case is an out folder in which every signature, quote and hash holds, and
 * one thing is said that the recipe does not allow.
 */
#include "manifest/forged_walk.h"
#include "manifest/manifest_internal.h"

typedef void change(forge *f);

/* ---- what holds ---- */

static void as_it_is(forge *f) {
    (void)f;
}
static void without_last_state(forge *f) { /* bound to the checkpoint that is there */
    f->roots[0].value = f->checkpoints[1];
    f->facts.checkpoint_count = 1;
}
static void last_state_only(forge *f) {
    f->links[0] = f->links[1];
    f->roots[0] = f->roots[1];
    f->facts.link_count = f->facts.checkpoint_count = 1;
}
static void with_claims(forge *f) {
    f->facts.claims = true;
}
static void with_silence(forge *f) {
    f->facts.layers.silent_kernel = true;
    f->facts.layers.no_swap = true;
}

static void test_holds(void **state) {
    forge *f = *state;
    change *const changes[] = {as_it_is, without_last_state, last_state_only, with_claims,
                               with_silence};
    for (size_t i = 0; i < COUNT(changes); i++) {
        sw_manifest_verdict v;
        forge_plan(f);
        changes[i](f);
        forge_make(f);
        sw_manifest_input in = forge_input(f);
        if (f->facts.claims) { /* the opened model that is at hand has none */
            refused(&in, "claims", "model", "claims.json is not what the manifest says");
            in = forge_input(f);
            in.model = NULL;
        }
        accepted(&in, &v);
        assert_int_equal(v.steps, 4);
    }
}

/* ---- what is said ---- */

typedef struct lines {
    char script[512], claims[512];
} lines;

static void keep_lines(void *context, const char *name, bool ok, const char *detail) {
    lines *l = context;
    assert_true(ok);
    if (strcmp(name, "script") == 0) (void)snprintf(l->script, sizeof l->script, "%s", detail);
    if (strcmp(name, "claims") == 0) (void)snprintf(l->claims, sizeof l->claims, "%s", detail);
}

static lines lines_of(forge *f, change *make) {
    lines l = {0};
    const sw_manifest_report report = {&l, keep_lines};
    sw_manifest_verdict v;
    forge_plan(f);
    make(f);
    forge_make(f);
    sw_manifest_input in = forge_input(f);
    if (f->facts.claims) in.model = NULL;
    assert_int_equal(sw_manifest_verify(&in, &report, &v, NULL), SW_OK);
    return l;
}

static void test_lines(void **state) {
    forge *f = *state;
    lines l = lines_of(f, as_it_is);
    assert_non_null(
        strstr(l.script, "a command trained, not the native trainer: /app/train.py of"));
    assert_non_null(strstr(l.script, "..., run by /bin/python, as the recipe names them;"));
    assert_int_equal(l.claims[0], 0);
    l = lines_of(f, with_claims);
    assert_string_equal(l.claims, "what the script says about itself is sealed with the model, in "
                                  "claims.json: UNPROVEN");
}

/* ---- what does not ---- */

static void step_beyond(forge *f) {
    f->facts.steps = 7;
}
static void no_step(forge *f) {
    f->facts.steps = 0;
}
static void chain_between(forge *f) {
    f->links[0].step = f->roots[0].step = 3;
}
static void chain_back(forge *f) {
    f->links[0].step = f->roots[0].step = 4;
    f->links[1].step = f->roots[1].step = 2;
}
static void chain_twice(forge *f) {
    f->links[0].step = f->roots[0].step = 4;
}
static void chain_beyond(forge *f) {
    f->links[1].step = f->roots[1].step = 6;
}
static void chain_short(forge *f) {
    f->facts.link_count = f->facts.checkpoint_count = 1;
}
static void chain_none(forge *f) {
    f->facts.link_count = f->facts.checkpoint_count = 0;
}
static void checkpoints_none(forge *f) {
    f->facts.checkpoint_count = 0;
}
static void checkpoints_more(forge *f) {
    f->facts.link_count = 1;
    f->links[0].step = 4;
}
static void checkpoint_elsewhere(forge *f) {
    f->roots[0].step = 4;
}
static void checkpoint_dropped(forge *f) { /* the output is bound to it */
    f->facts.checkpoint_count = 1;
}
static void rows_fewer(forge *f) {
    f->datasets[1].rows_delivered = 9;
}
static void tokens_counted(forge *f) {
    f->datasets[1].tokens = 90;
}
static void as_native(forge *f) {
    f->facts.native = true;
    f->facts.profile = "bf16-dp";
    f->facts.command = NULL;
}
static void trainer_other(forge *f) {
    f->facts.worker_digest = named_hash('x');
}
static void without_root(forge *f) {
    f->facts.layers.private_root = false;
}
static void without_mounts(forge *f) {
    f->facts.layers.mount_namespace = false;
}
static void without_processes(forge *f) {
    f->facts.layers.pid_namespace = false;
}
static void without_seccomp(forge *f) {
    f->facts.layers.seccomp = false;
}
static void without_network(forge *f) {
    f->facts.layers.network_namespace = false;
}
static void without_ipc(forge *f) {
    f->facts.layers.ipc_namespace = false;
}
static void as_our_user(forge *f) {
    f->facts.layers.other_user = false;
}
static void without_privs(forge *f) {
    f->facts.layers.no_new_privs = false;
}
static void with_core(forge *f) {
    f->facts.layers.no_core = false;
}
static void dumpable(forge *f) {
    f->facts.layers.not_dumpable = false;
}
static void without_landlock(forge *f) {
    f->facts.layers.landlock_abi = 2;
}

static const struct {
    const char *name;
    change *make;
    const char *link, *sentence;
} cases[] = {
    {"more steps than max_steps", step_beyond, "manifest", "number of steps"},
    {"no step", no_step, "manifest", "number of steps"},
    {"a state between", chain_between, "manifest", "where the recipe allows none"},
    {"states in another order", chain_back, "manifest", "where the recipe allows none"},
    {"a state twice", chain_twice, "manifest", "where the recipe allows none"},
    {"a state beyond the last step", chain_beyond, "manifest", "where the recipe allows none"},
    {"a chain that ends early", chain_short, "manifest", "does not end at the last step"},
    {"no chain", chain_none, "manifest", "does not end at the last step"},
    {"no checkpoint of two", checkpoints_none, "manifest", "checkpoints does not hold"},
    {"more checkpoints than states", checkpoints_more, "manifest", "checkpoints does not hold"},
    {"a checkpoint of another step", checkpoint_elsewhere, "manifest", "checkpoints does not hold"},
    {"a last checkpoint that is not told", checkpoint_dropped, "model.sealed", "checkpoint"},
    {"rows that were not given", rows_fewer, "manifest", "not given to the command whole"},
    {"tokens that nobody counted", tokens_counted, "manifest", "not given to the command whole"},
    {"the native trainer", as_native, "manifest", ""},
    {"another build", trainer_other, "manifest", "trainer_digest"},
    {"without a private root", without_root, "manifest", "private_root"},
    {"without a mount namespace", without_mounts, "manifest", "mount_namespace"},
    {"without a PID namespace", without_processes, "manifest", "pid_namespace"},
    {"without seccomp", without_seccomp, "manifest", "seccomp"},
    {"without a network namespace", without_network, "manifest", "network_namespace"},
    {"without an IPC namespace", without_ipc, "manifest", "ipc_namespace"},
    {"as the agent's user", as_our_user, "manifest", "other_user"},
    {"with new privileges", without_privs, "manifest", "no_new_privs"},
    {"with core files", with_core, "manifest", "no_core"},
    {"dumpable", dumpable, "manifest", "not_dumpable"},
    {"with Landlock of ABI 2", without_landlock, "manifest", "without Landlock"},
};

static void test_refused(void **state) {
    forge *f = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        forge_plan(f);
        cases[i].make(f);
        forge_make(f);
        const sw_manifest_input in = forge_input(f);
        refused(&in, cases[i].name, cases[i].link, cases[i].sentence);
    }
}

/* On hardware the kernel's log is quiet and there is no swap besides, whichever trains; a native
 * worker needs less. */
static void test_layers(void **state) {
    (void)state;
    static const struct {
        const char *layer;
        bool native, script, hardware; /* needed by: the trainer, a script, a script on hardware */
    } layers[] = {{"no_new_privs", true, true, true},    {"seccomp", true, true, true},
                  {"no_core", true, true, true},         {"not_dumpable", true, true, true},
                  {"private_root", false, true, true},   {"mount_namespace", false, true, true},
                  {"pid_namespace", false, true, true},  {"ipc_namespace", false, true, true},
                  {"other_user", false, true, true},     {"network_namespace", false, true, true},
                  {"silent_kernel", false, false, true}, {"no_swap", false, false, true}};
    for (size_t i = 0; i < COUNT(layers); i++) {
        const char *layer = layers[i].layer;
        assert_int_equal(sw_walk_needs_layer(layer, true, SW_PLATFORM_SIM), layers[i].native);
        bool of_hardware = layers[i].hardware && !layers[i].script;
        assert_int_equal(sw_walk_needs_layer(layer, true, SW_PLATFORM_TDX),
                         layers[i].native || of_hardware);
        assert_int_equal(sw_walk_needs_layer(layer, false, SW_PLATFORM_SIM), layers[i].script);
        assert_int_equal(sw_walk_needs_layer(layer, false, SW_PLATFORM_TDX), layers[i].hardware);
    }
}

/* CMD-052: a policy of hardware that no quote of this test's could meet. */
static void test_place(void **state) {
    (void)state;
    static sw_recipe r;
    r.policy.image_count = 2;
    for (int native = 0; native < 2; native++)
        for (int hardware = 0; hardware < 2; hardware++)
            for (int said = 0; said < 4; said++) {
                r.native = native;
                r.policy.platform = hardware ? SW_PLATFORM_TDX : SW_PLATFORM_SIM;
                r.policy.images[0].answers_cpuid = said & 1;
                r.policy.images[1].answers_cpuid = said & 2;
                assert_int_equal(sw_walk_place_allowed(&r), native || !hardware || said == 3);
                bool open = strstr(sw_walk_place_words(&r), "measured by nobody") != NULL;
                assert_int_equal(open, !native && hardware);
            }
}

/* ---- the statement's text ---- */

static const struct {
    const char *from, *to;
} edits[] = {
    {"\"arguments\":[\"/bin/python\",", "\"arguments\":[\"/bin/bash\","},
    {"\"arguments\":[\"/bin/python\",", "\"arguments\":["},
    {"\"/app/train.py\"]", "\"/app/train.py\",\"x\"]"},
    {"\"/app/train.py\"]", "1]"},
    {"\"arguments\":[\"/bin/python\",\"/app/train.py\"],", ""},
    {"\"command\":{\"arg", "\"command\":{\"a\":1,\"arg"},
    {"\"tree\":\"", "\"tree\":\"0"},
    {"\"tree\":\"", "\"trunk\":\""},
    {"\"kind\":\"script\"", "\"kind\":\"native\""},
    {"\"kind\":\"script\",", "\"kind\":\"script\",\"profile\":\"bf16-dp\","},
    {"\"private_root\":true,", ""},
    {",\"silent_kernel\":false", ""},
    {"\"silent_kernel\":false", "\"silent_kernel\":null"},
    {"\"no_swap\":false,", ""},
    {"\"no_swap\":false", "\"no_swap\":null"},
    {"\"private_root\":true", "\"private_root\":\"yes\""},
    {"\"claims_by_trainer\":{}", "\"claims_by_trainer\":[]"},
    {"\"claims_by_trainer\":{}", "\"claims_by_trainer\":{\"loss\":0.5}"},
    {"\"claims_by_trainer\":{}", "\"claims_by_trainer\":{\"file\":\"claims.json\",\"loss\":0.5}"},
    {"\"claims_by_trainer\":{}", "\"claims_by_trainer\":{\"file\":\"curve.svg\"}"},
    {"\"claims_by_trainer\":{},", ""},
};

static void test_members(void **state) {
    forge *f = *state;
    for (size_t i = 0; i < COUNT(edits); i++) {
        forge_plan(f);
        f->from = edits[i].from;
        f->to = edits[i].to;
        forge_make(f);
        const sw_manifest_input in = forge_input(f);
        refused(&in, edits[i].to, "manifest", "");
    }
}

/* A tree of another digest, whole and well formed. */
static void test_another_tree(void **state) {
    forge *f = *state;
    sw_recipe_command *other = malloc(sizeof *other);
    assert_non_null(other);
    *other = f->w->recipe.command;
    other->tree = named_hash('o');
    forge_plan(f);
    f->facts.command = other;
    forge_make(f);
    const sw_manifest_input in = forge_input(f);
    refused(&in, "another tree", "manifest", "tree is another");
    free(other);
}

/* ---- public metrics: of the steps that the script told of (interval 2) ---- */

static void fewer_records(forge *f) {
    f->metrics[0] = f->metrics[1];
    f->facts.metric_count = 1;
}
static void no_records(forge *f) {
    f->facts.metric_count = 0;
}
static void record_between(forge *f) {
    f->metrics[0].step = 3;
}
static void record_back(forge *f) {
    f->metrics[0].step = 4;
    f->metrics[1].step = 2;
}
static void record_twice(forge *f) {
    f->metrics[0].step = 4;
}
static void record_beyond(forge *f) {
    f->metrics[1].step = 6;
}
static void record_fine(forge *f) {
    f->metrics[0].loss = 2.5 + 1.0 / 4096;
}
static void record_negative(forge *f) {
    f->metrics[0].loss = -2.5;
}
static void record_small(forge *f) {
    f->metrics[0].loss = 0x1p-16;
}
static void record_large(forge *f) {
    f->metrics[0].loss = 65536;
}
static void record_at_ends(forge *f) {
    f->metrics[0].loss = 0;
    f->metrics[1].loss = 65520;
}

static void test_public_metrics(void **state) {
    (void)state;
    change *const good[] = {as_it_is, fewer_records, no_records, record_at_ends};
    change *const bad[] = {record_between, record_back,     record_twice, record_beyond,
                           record_fine,    record_negative, record_small, record_large};
    forge *f = forge_new_of(true, true);
    for (size_t i = 0; i < COUNT(good) + COUNT(bad); i++) {
        sw_manifest_verdict v;
        bool holds = i < COUNT(good);
        forge_plan(f);
        (holds ? good[i] : bad[i - COUNT(good)])(f);
        forge_make(f);
        const sw_manifest_input in = forge_input(f);
        if (holds)
            accepted(&in, &v);
        else
            refused(&in, "a record", "manifest", "metric");
    }
    forge_close(f);
}

static int set_up_script(void **state) {
    *state = forge_new_of(false, true);
    return 0;
}

int main(void) {
    (void)set_up;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds),        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_layers),
        cmocka_unit_test(test_place),        cmocka_unit_test(test_members),
        cmocka_unit_test(test_another_tree), cmocka_unit_test(test_public_metrics)};
    return cmocka_run_group_tests(tests, set_up_script, tear_down);
}
