/* SPDX-License-Identifier: Apache-2.0
 *
 * `predicate.run`: what the agent recorded about the training itself, held against the recipe that
 * the links before established (MAN-019 to MAN-021, MAN-024, MAN-086 to MAN-089).
 *
 * The numbers of steps, of states in the chain and of metric records all follow from recipe and
 * rows, so each list has one right length and one right order.
 */
#include "codec/text.h"
#include "manifest/manifest_internal.h"
#include <string.h>

enum { LANDLOCK_ABI = 3 };

static sw_status broken(sw_error *err, const char *sentence) {
    return sw_fail(err, SW_UNAUTHENTIC, "manifest", "%s", sentence);
}

static sw_status check_steps(sw_walk *w, const sw_json *run, sw_error *err) {
    uint64_t resumes, least, most, *steps = &w->verdict.steps;
    SW_TRY(sw_json_u64(run, "manifest.run", "steps", UINT32_MAX, steps, err));
    SW_TRY(sw_json_u64(run, "manifest.run", "resumes", UINT32_MAX, &resumes, err));
    if (w->recipe->native) {
        sw_training_step_bounds(&w->recipe->training, w->rows, w->tokens, &least, &most);
    } else {
        least = 1;
        most = w->recipe->command.max_steps;
    }
    if (!*steps || *steps < least || *steps > most)
        return broken(err, "the run has another number of steps than the recipe gives these rows");
    if (resumes + 1 != w->starts)
        return broken(err, "the run was resumed another number of times than receipts were given");
    return SW_OK;
}

static sw_status read_time(const sw_json *run, const char *name, int64_t *out, sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_json_text(run, "manifest.run", name, &text, err));
    return sw_time_parse(text, out, err);
}

/* Times are written in whole seconds, rounded down. */
static sw_status check_times(sw_walk *w, const sw_json *run, sw_error *err) {
    const sw_grant *first = &w->grants[0], *last = &w->grants[w->grant_count - 1];
    int64_t started;
    SW_TRY(read_time(run, "started", &started, err));
    SW_TRY(read_time(run, "finished", &w->finished_ms, err));
    if (started > first->granted_ms || started + 1000 <= first->granted_ms)
        return broken(err, "the run did not start at its first grant");
    if (w->finished_ms + 1000 <= last->granted_ms ||
        w->finished_ms > last->granted_ms + last->lease_ms)
        return broken(err, "the run did not end within its last lease");
    return SW_OK;
}

bool sw_walk_needs_layer(const char *layer, bool native, sw_platform platform) {
    static const char *const always[] = {"no_new_privs", "seccomp", "no_core", "not_dumpable"};
    static const char *const of_command[] = {"private_root",  "mount_namespace",   "pid_namespace",
                                             "ipc_namespace", "network_namespace", "other_user"};
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        if (strcmp(always[i], layer) == 0) return true;
    for (size_t i = 0; !native && i < sizeof of_command / sizeof of_command[0]; i++)
        if (strcmp(of_command[i], layer) == 0) return true;
    bool of_hardware = strcmp(layer, "silent_kernel") == 0 || strcmp(layer, "no_swap") == 0;
    return platform != SW_PLATFORM_SIM && of_hardware;
}

bool sw_walk_place_allowed(const sw_recipe *r) {
    return r->native || r->policy.platform == SW_PLATFORM_SIM ||
           sw_policy_answers_cpuid(&r->policy);
}

const char *sw_walk_place_words(const sw_recipe *r) {
    if (r->native || r->policy.platform == SW_PLATFORM_SIM) return "";
    return "; that the kernel answers CPUID is the recipe's word, and measured by nobody";
}

/* MAN-087, MAN-077. Two layers more are told of a native worker on hardware, three of a command. */
static sw_status check_sandbox(const sw_walk *w, const sw_json *run, sw_error *err) {
    bool native = w->recipe->native, hardware = w->recipe->policy.platform != SW_PLATFORM_SIM;
    const char *const names[] = {"ipc_namespace",
                                 "landlock_abi",
                                 "mount_namespace",
                                 "network_namespace",
                                 "no_core",
                                 "no_new_privs",
                                 "not_dumpable",
                                 "other_user",
                                 "pid_namespace",
                                 "seccomp",
                                 native && !hardware ? NULL : "silent_kernel",
                                 "no_swap",
                                 native ? NULL : "private_root",
                                 NULL};
    const char *where = "manifest.run.sandbox";
    const sw_json *sandbox;
    SW_TRY(sw_json_object(run, "manifest.run", "sandbox", &sandbox, err));
    SW_TRY(sw_json_expect(sandbox, where, names, err));
    for (size_t i = 0; names[i]; i++) {
        const sw_json *layer = sw_json_member(sandbox, names[i]);
        if (layer->type != SW_JSON_BOOL && layer->type != SW_JSON_NUMBER)
            return sw_fail(err, SW_MALFORMED, "format", "%s.%s is no layer", where, names[i]);
    }
    for (size_t i = 0; names[i]; i++) {
        bool held;
        if (!sw_walk_needs_layer(names[i], native, w->recipe->policy.platform)) continue;
        SW_TRY(sw_json_flag(sandbox, where, names[i], &held, err));
        if (!held)
            return sw_fail(err, SW_UNAUTHENTIC, "manifest", "the worker ran without the layer %s",
                           names[i]);
    }
    if (!sw_walk_place_allowed(w->recipe))
        return broken(err, "a command ran on an image that is not said to answer CPUID itself");
    uint64_t abi;
    SW_TRY(sw_json_u64(sandbox, where, "landlock_abi", 1000, &abi, err));
    return abi < LANDLOCK_ABI ? broken(err, "the worker ran without Landlock") : SW_OK;
}

/* MAN-020: a state every save_steps, and the last one. */
static uint64_t chain_step(const sw_walk *w, uint64_t index) {
    uint64_t every = w->recipe->training.save_steps, steps = w->verdict.steps;
    uint64_t step = every ? (index + 1) * every : steps;
    return step < steps ? step : steps;
}

static sw_status check_chain(const sw_walk *w, const sw_json *run, const char *list_name,
                             const char *value_name, sw_hash *last, sw_error *err) {
    const char *const names[] = {"step", value_name, NULL};
    uint64_t every = w->recipe->training.save_steps, steps = w->verdict.steps;
    uint64_t count = every ? (steps + every - 1) / every : 1, i = 0;
    const sw_json *list;
    SW_TRY(sw_json_array(run, "manifest.run", list_name, SW_MANIFEST_CHECKPOINT_LIMIT, &list, err));
    if (list->count != count)
        return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                       "%s does not hold the states that the recipe fixes", list_name);
    for (const sw_json *o = list->first; o; o = o->next, i++) {
        uint64_t step;
        SW_TRY(sw_json_expect(o, list_name, names, err));
        SW_TRY(sw_json_u64(o, list_name, "step", UINT32_MAX, &step, err));
        SW_TRY(sw_json_hash(o, list_name, value_name, last, err));
        if (step != chain_step(w, i))
            return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                           "%s does not hold the states that the recipe fixes", list_name);
    }
    return SW_OK;
}

/* CMD-043, MAN-088: states of a command come at steps that the recipe fixes and where the script
 * gave them; the chain's last value is of the last step, with a checkpoint or without. */
static sw_status check_command_chain(sw_walk *w, const sw_json *run, sw_error *err) {
    static const char *const link_names[] = {"step", "value", NULL};
    static const char *const root_names[] = {"root", "step", NULL};
    uint64_t every = w->recipe->command.save_steps, steps = w->verdict.steps, last = 0;
    const sw_json *links, *roots;
    SW_TRY(sw_json_array(run, "manifest.run", "step_chain", SW_MANIFEST_CHECKPOINT_LIMIT, &links,
                         err));
    SW_TRY(sw_json_array(run, "manifest.run", "checkpoints", SW_MANIFEST_CHECKPOINT_LIMIT, &roots,
                         err));
    if (links->count != roots->count && links->count != roots->count + 1)
        return broken(err, "checkpoints does not hold the states of step_chain");
    const sw_json *root = roots->first;
    for (const sw_json *o = links->first; o; o = o->next) {
        uint64_t step, at;
        sw_hash unused;
        SW_TRY(sw_json_expect(o, "step_chain", link_names, err));
        SW_TRY(sw_json_u64(o, "step_chain", "step", UINT32_MAX, &step, err));
        SW_TRY(sw_json_hash(o, "step_chain", "value", &unused, err));
        if (step <= last || step > steps || (step < steps && (!every || step % every)))
            return broken(err, "step_chain holds a state where the recipe allows none");
        last = step;
        if (!root) continue;
        SW_TRY(sw_json_expect(root, "checkpoints", root_names, err));
        SW_TRY(sw_json_u64(root, "checkpoints", "step", UINT32_MAX, &at, err));
        SW_TRY(sw_json_hash(root, "checkpoints", "root", &w->last_checkpoint, err));
        if (at != step) return broken(err, "checkpoints does not hold the states of step_chain");
        root = root->next;
    }
    return last == steps ? SW_OK : broken(err, "step_chain does not end at the last step");
}

/* ---- metrics ---- */

/* MAN-021: a value that the agent gives, and no other. */
static bool rounded(double loss) {
    return loss == sw_recipe_round_loss(loss);
}

static sw_status check_public(const sw_walk *w, const sw_json *list, sw_error *err) {
    static const char *const names[] = {"loss", "step", NULL};
    uint64_t every = w->recipe->metrics_interval, due = every;
    bool all = w->recipe->native; /* a script tells of the steps that it likes to */
    uint64_t most = w->verdict.steps / every;
    if (list->count > most || (all && list->count != most))
        return broken(err, "metrics do not hold a record for each interval");
    for (const sw_json *o = list->first; o; o = o->next, due += every) {
        uint64_t step;
        SW_TRY(sw_json_expect(o, "manifest.run.metrics", names, err));
        SW_TRY(sw_json_u64(o, "manifest.run.metrics", "step", UINT32_MAX, &step, err));
        const sw_json *loss = sw_json_member(o, "loss");
        if (!all && step >= due && step <= w->verdict.steps && step % every == 0) due = step;
        if (step > w->verdict.steps || step != due || loss->type != SW_JSON_NUMBER ||
            !rounded(loss->number))
            return broken(err, "a metric is at another step or not rounded as the agent rounds");
    }
    return SW_OK;
}

/* MAN-024: one for each owner of a listed shard, in the order of the genesis. */
static sw_status check_sealed(sw_walk *w, const sw_json *list, sw_error *err) {
    static const char *const names[] = {"owner", "root", NULL};
    const sw_json *o = list->first;
    for (size_t i = 0; i < w->genesis->owner_count; i++) {
        const sw_owner *owner = &w->genesis->owners[i];
        if (!sw_walk_has_shard(w, &owner->id)) continue;
        if (!o) return broken(err, "an owner of a listed shard has no sealed metrics");
        sw_manifest_sealed_metrics *m = &w->sealed_metrics[w->sealed_metrics_count++];
        m->owner = owner->id;
        SW_TRY(sw_json_expect(o, "manifest.run.sealed_metrics", names, err));
        SW_TRY(sw_walk_same_hash(o, "manifest.run.sealed_metrics", "owner", &owner->id, err));
        SW_TRY(sw_json_hash(o, "manifest.run.sealed_metrics", "root", &m->root, err));
        o = o->next;
    }
    return o ? broken(err, "metrics are sealed to somebody without a listed shard") : SW_OK;
}

static sw_status check_metrics(sw_walk *w, const sw_json *run, sw_error *err) {
    const sw_json *plain, *sealed;
    SW_TRY(sw_json_array(run, "manifest.run", "metrics", SW_MANIFEST_NODE_LIMIT, &plain, err));
    SW_TRY(sw_json_array(run, "manifest.run", "sealed_metrics", SW_OWNER_LIMIT, &sealed, err));
    bool public = w->recipe->metrics == SW_METRICS_PUBLIC;
    if ((public ? sealed : plain)->count)
        return broken(err, "metrics stand where the recipe does not say");
    return public ? check_public(w, plain, err) : check_sealed(w, sealed, err);
}

sw_status sw_walk_record(sw_walk *w, const sw_json *run, sw_error *err) {
    static const char *const names[] = {"checkpoints",    "finished", "metrics",    "resumes",
                                        "sandbox",        "started",  "step_chain", "steps",
                                        "sealed_metrics", NULL};
    sw_hash unused;
    SW_TRY(sw_json_expect(run, "manifest.run", names, err));
    SW_TRY(check_steps(w, run, err));
    SW_TRY(check_times(w, run, err));
    SW_TRY(check_sandbox(w, run, err));
    if (!w->recipe->native) {
        SW_TRY(check_command_chain(w, run, err));
        return check_metrics(w, run, err);
    }
    SW_TRY(check_chain(w, run, "step_chain", "value", &unused, err));
    SW_TRY(check_chain(w, run, "checkpoints", "root", &w->last_checkpoint, err));
    return check_metrics(w, run, err);
}
