/* SPDX-License-Identifier: Apache-2.0
 *
 * Replay: a finished run is done again on an attested machine that was granted the purpose
 * `replay`, and everything that its manifest commits to is made again and compared: each shard's
 * rows, each state of the step chain, the model (docs/formats/manifest.md, MAN-100 on).
 *
 * It is the run with another end for what the worker sends: a state is compared where a run seals
 * it. Nothing is written and no state leaves. The manifest is verified before a key is asked for,
 * so the only digests compared with are those of an attested machine, and a verdict tests no guess.
 */
#include "run/agent.h"

/* ---- states ---- */

bool sw_agent_names_checkpoint(const sw_agent_replay *r, uint64_t step, const sw_hash *root) {
    for (size_t i = 0; i < r->said.checkpoint_count; i++)
        if (r->said.checkpoints[i].step == step)
            return sw_hash_equal(&r->said.checkpoints[i].value, root);
    return false;
}

static bool same_link(const sw_agent *a, size_t index) {
    const sw_manifest_record *said = &a->replay->said;
    return index < said->link_count && said->links[index].step == a->links[index].step &&
           sw_hash_equal(&said->links[index].value, &a->links[index].value);
}

/* Each value of the chain holds the one before it, so the first that differs is the first state
 * that does. A state after a STOP is not of the chain. */
sw_status sw_agent_compare(sw_agent *a, uint64_t step, sw_bytes state, bool in_chain,
                           sw_error *err) {
    sw_agent_replay *r = a->replay;
    a->saved_step = step;
    if (!in_chain) return SW_OK;
    sw_hash digest;
    sw_sha256(&digest, state);
    SW_TRY(sw_agent_extend_chain(a, step, &digest, err));
    if (same_link(a, a->link_count - 1)) {
        r->result.equal = step;
    } else {
        r->result.differs = SW_REPLAY_STATE;
        r->result.at = step;
    }
    bool stretch_done = step >= r->last && r->last < r->said.steps;
    r->enough = r->result.differs != SW_REPLAY_NOTHING || stretch_done;
    return SW_OK;
}

/* A checkpoint's state is compared like any other; the links before it are the manifest's word. */
static sw_status compare_beginning(sw_agent *a, sw_error *err) {
    sw_agent_replay *r = a->replay;
    const sw_manifest_link *said = r->said.links;
    for (a->link_count = 0;
         a->link_count < r->said.link_count && said[a->link_count].step < a->step; a->link_count++)
        a->links[a->link_count] = said[a->link_count];
    r->result.begun = a->step;
    return sw_agent_compare(a, a->step, sw_buffer_bytes(&a->resume), true, err);
}

/* ---- rows and model ---- */

static void compare_rows(const sw_agent *a) {
    sw_agent_replay *r = a->replay;
    for (size_t i = 0; i < a->recipe->shard_count && !r->enough; i++) {
        const sw_manifest_dataset *mine = &a->datasets[i], *said = &r->said.datasets[i];
        if (mine->rows_delivered == said->rows_delivered && mine->tokens == said->tokens &&
            sw_hash_equal(&mine->tokens_commitment, &said->tokens_commitment))
            continue;
        r->result.differs = SW_REPLAY_ROWS;
        r->result.at = i + 1;
        r->enough = true;
    }
}

static sw_status compare_model(const sw_agent *a, sw_error *err) {
    sw_agent_replay *r = a->replay;
    sw_agent_model model = {0};
    sw_status status = sw_agent_make_model(a, &model, err);
    r->result.model =
        status == SW_OK && sw_hash_equal(&model.commitment, &r->said.model_commitment);
    if (!r->result.model) r->result.differs = SW_REPLAY_MODEL;
    sw_buffer_free(&model.facts);
    return status;
}

/* ---- in order ---- */

static sw_status verify(sw_agent *a, const sw_replay_options *o, sw_error *err) {
    sw_agent_replay *r = a->replay;
    sw_manifest_verdict verdict;
    sw_agent_phase(a, "verifying the manifest");
    SW_TRY(sw_agent_verify_folder(a, o->out, &verdict, &r->said, err));
    r->result.manifest = verdict.digest;
    r->result.compose = verdict.compose;
    r->result.simulated = verdict.simulated;
    r->first = o->first ? o->first : 1;
    r->last = o->last ? o->last : r->said.steps;
    if (r->first <= r->last && r->last <= r->said.steps) return SW_OK;
    return sw_fail(err, SW_USAGE, "usage", "the run has the steps 1 to %llu",
                   (unsigned long long)r->said.steps);
}

/* Without a verdict: who stopped it, or why the lease went. */
static sw_status stopped(const sw_agent *a, sw_error *err) {
    sw_status status = a->lease_status;
    if (status != SW_OK && err)
        *err = a->lease_error;
    else if (status == SW_OK)
        status = sw_fail(err, SW_REFUSED, "stopped", "stopped");
    sw_error_prefix(err, "no verdict after step %llu", (unsigned long long)a->step);
    sw_error_hint(err, "the same command begins again");
    return status;
}

static sw_status train(sw_agent *a, sw_error *err) {
    sw_agent_phase(a, a->step ? "doing the steps again, from a sealed checkpoint"
                              : "doing the steps again");
    sw_status status = sw_agent_train(a, err);
    if (a->stopped || a->lease_status != SW_OK) return stopped(a, err);
    return status == SW_OK && !a->replay->enough ? compare_model(a, err) : status;
}

static sw_status execute(sw_agent *a, const sw_replay_options *o, sw_error *err) {
    SW_TRY(sw_agent_prepare(a, err));
    SW_TRY(verify(a, o, err));
    SW_TRY(sw_agent_measure(a, err));
    SW_TRY(sw_agent_attest(a, SW_PURPOSE_REPLAY, err));
    bool restored;
    SW_TRY(sw_agent_restore(a, &restored, err));
    if (restored) SW_TRY(compare_beginning(a, err));
    if (a->replay->enough) return SW_OK;
    sw_agent_phase(a, "unsealing and reading the shards");
    SW_TRY(sw_agent_decode_shards(a, err));
    compare_rows(a);
    return a->replay->enough ? SW_OK : train(a, err);
}

sw_status sw_run_replay(const sw_replay_options *o, sw_replay_result *out, sw_error *err) {
    sw_agent *a = sw_agent_new(&o->run);
    if (!a) return sw_fail(err, SW_MEMORY, "memory", "no memory for a replay");
    sw_agent_replay replay = {0};
    a->replay = &replay;
    sw_status status = execute(a, o, err);
    replay.result.account = a->account;
    sw_agent_drop(&a);
    if (status == SW_OK) *out = replay.result;
    return status;
}
