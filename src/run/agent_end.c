/* SPDX-License-Identifier: Apache-2.0
 *
 * How a worker that did not end well is told to the host: by one of a closed list of sentences,
 * which the 4 bits of RCP-095 count (CMD-045, WRK-022).
 *
 * The idea: the conversation fails where it fails, with whatever sentence helps whoever reads the
 * code; what leaves the agent is made here, out of the kind of end alone.
 */
#include "run/agent.h"
#include <assert.h>

/* ---- of a command ---- */

static sw_agent_end end_of(const sw_agent *a, sw_status status) {
    if (a->end != SW_END_BROKE) return a->end;
    return status == SW_MEMORY || status == SW_IO || status == SW_INTERNAL ? SW_END_FAILED
                                                                           : SW_END_BROKE;
}

static const char *end_sentence(const sw_agent *a, sw_status status) {
    switch (end_of(a, status)) {
    case SW_END_FAILED:
        if (a->end == SW_END_FAILED) return sw_failure_sentence(a->failure);
        return sw_failure_sentence(status == SW_MEMORY ? SW_FAILURE_MEMORY : SW_FAILURE_INTERNAL);
    case SW_END_GONE:
        return "the script ended without its last word";
    case SW_END_KILLED:
        return "the script made a system call that the sandbox forbids";
    case SW_END_STALLED:
        return "the script has stalled: not a byte during 10 leases";
    default:
        return "the script said what is not due, or went beyond a limit of the recipe";
    }
}

static sw_status say_end(const sw_agent *a, sw_status status, sw_error *err) {
    static_assert(SW_AGENT_COMMAND_PATIENCE == 10);
    const char *sentence = end_sentence(a, status);
    sw_status folded = sw_fail(err, SW_REFUSED, "worker", "training ended: %s", sentence);
    if (a->saved_step)
        sw_error_hint(err,
                      "the last good checkpoint is kept in %s; of a script that cannot go on from "
                      "one, the same command begins again when its checkpoint-* are removed",
                      a->o->folder);
    return folded;
}

/* Without the cause: where the folder lies in memory, a script has a hand in it. */
static sw_status say_unwritten(const sw_agent *a, sw_error *err) {
    sw_status status = sw_fail(err, SW_IO, "io", "what the run leaves cannot be written");
    sw_error_hint(err,
                  "see whether there is room in %s and whether the machine gives quotes; then the "
                  "same command goes on",
                  a->o->folder);
    return status;
}

static sw_status fold_command(const sw_agent *a, sw_status status, sw_error *err) {
    if (a->end != SW_END_HOST) return say_end(a, status, err);
    return status == SW_IO ? say_unwritten(a, err) : status;
}

/* The script's last word has come, so that the lease has no part in it. */
sw_status sw_agent_fold_finish(sw_agent *a, sw_status status, sw_error *err) {
    if (status == SW_OK || !a->command) return status;
    if (status == SW_IO) return say_unwritten(a, err);
    bool takes = status == SW_LIMIT || status == SW_MEMORY || status == SW_INTERNAL;
    return takes ? say_end(a, status, err) : status;
}

/* ---- of the native trainer ---- */

/* What has a sentence already is as it was: its own word, that it was killed, has gone or stalled,
 * and what goes beyond a limit, of which the sentences are few and hold the recipe's numbers alone.
 */
static sw_status fold_native(const sw_agent *a, sw_status status, sw_error *err) {
    if (a->end != SW_END_BROKE || status == SW_LIMIT || status == SW_IO || status == SW_INTERNAL)
        return status;
    if (status == SW_MEMORY)
        return sw_fail(err, SW_MEMORY, "memory", "there is no memory for what the worker sends");
    status = sw_fail(err, SW_UNAUTHENTIC, "worker", "the worker said what is not due");
    if (!a->replay && a->saved_step)
        sw_error_hint(err, "the last good checkpoint is kept in %s", a->o->folder);
    return status;
}

sw_status sw_agent_fold(sw_agent *a, sw_status status, sw_error *err) {
    if (status == SW_OK || a->lease_status != SW_OK) return status;
    return a->command ? fold_command(a, status, err) : fold_native(a, status, err);
}

sw_status sw_agent_fold_decoder(sw_agent *a, size_t shard, sw_status status, sw_error *err) {
    if (status == SW_OK || a->lease_status != SW_OK || a->end == SW_END_HOST) return status;
    status = fold_native(a, status, err);
    sw_error_prefix(err, "shard %zu of %s", shard + 1, a->recipe->shards[shard].name);
    return status;
}
