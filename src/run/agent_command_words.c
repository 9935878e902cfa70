/* SPDX-License-Identifier: Apache-2.0
 *
 * What a command says that the native trainer does not, and what it may say otherwise: its plan,
 * its claims, an end without a last state (CMD-042 to CMD-044); what is left of its failures
 * (CMD-045), and where it may run at all (CMD-052).
 */
#include "codec/json.h"
#include "run/agent.h"
#include <assert.h>
#include <stdio.h>

/* ---- where ---- */

static const char *missing_there(const sw_policy *p, sw_cpuid *ask) {
    if (!sw_policy_answers_cpuid(p))
        return "the recipe does not say of all its images that they answer it";
    switch (sw_cpuid_listen(ask)) {
    case SW_CPUID_SILENT:
        return NULL;
    case SW_CPUID_LOUD:
        return "here it does, whatever the recipe says of its images";
    default:
        return "here it could not be asked";
    }
}

/* CMD-052. Before a key is asked for. */
sw_status sw_agent_check_place(const sw_policy *p, sw_cpuid *ask, sw_error *err) {
    const char *missing = p->platform == SW_PLATFORM_SIM ? NULL : missing_there(p, ask);
    if (missing == NULL) return SW_OK;
    sw_status status =
        sw_fail(err, SW_REFUSED, "command",
                "in a TD the processor's CPUID instruction hands what a program asks "
                "to the host, unless the kernel answers it: %s",
                missing);
    sw_error_hint(err,
                  "docs/image-for-commands.md says what a machine's image needs for a command");
    return status;
}

/* ---- how it ended ---- */

static sw_agent_end end_of(const sw_agent_command *k, sw_status status) {
    if (k->end != SW_END_BROKE) return k->end;
    return status == SW_MEMORY || status == SW_IO || status == SW_INTERNAL ? SW_END_FAILED
                                                                           : SW_END_BROKE;
}

static const char *end_sentence(const sw_agent_command *k, sw_status status) {
    switch (end_of(k, status)) {
    case SW_END_FAILED:
        if (k->end == SW_END_FAILED) return sw_failure_sentence(k->failure);
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
    const char *sentence = end_sentence(a->command, status);
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

sw_status sw_agent_fold(sw_agent *a, sw_status status, sw_error *err) {
    const sw_agent_command *k = a->command;
    if (status == SW_OK || !k || a->lease_status != SW_OK) return status;
    if (k->end != SW_END_HOST) return say_end(a, status, err);
    return status == SW_IO ? say_unwritten(a, err) : status;
}

/* The script's last word has come, so that the lease has no part in it. */
sw_status sw_agent_fold_finish(sw_agent *a, sw_status status, sw_error *err) {
    if (status == SW_OK || !a->command) return status;
    if (status == SW_IO) return say_unwritten(a, err);
    bool takes = status == SW_LIMIT || status == SW_MEMORY || status == SW_INTERNAL;
    return takes ? say_end(a, status, err) : status;
}

/* ---- what it says ---- */

sw_status sw_agent_check_plan(const sw_agent *a, uint64_t total, uint64_t tokens, sw_error *err) {
    uint64_t most = a->recipe->command.max_steps, planned = a->command->planned;
    if (tokens != 0) return sw_agent_not_due(a, "a plan with tokens", err);
    if (total < 1 || total > most || total < a->step)
        return sw_fail(err, SW_UNAUTHENTIC, "worker",
                       "the command plans no step or too many, and the recipe's max_steps is %llu",
                       (unsigned long long)most);
    /* The chain's last step follows from it, and may be sealed already. */
    if (planned && total != planned)
        return sw_fail(err, SW_UNAUTHENTIC, "worker",
                       "the command plans another number of steps than before it was resumed");
    return SW_OK;
}

static sw_status check_claims(const sw_agent *a, sw_bytes claims, sw_error *err) {
    if (!sw_manifest_are_claims(claims))
        return sw_fail(err, SW_UNAUTHENTIC, "worker",
                       "the command's claims are not one RFC 8785 object of at most %d levels",
                       SW_MANIFEST_CLAIMS_DEPTH);
    if (claims.size > a->recipe->output_limit_bytes - a->output_bytes)
        return sw_fail(err, SW_LIMIT, "limit",
                       "with its claims the output is larger than the recipe's output.limit");
    return SW_OK;
}

/* They may say anything, rows too: so they leave inside the seal alone, as a file of the model. */
sw_status sw_agent_take_claims(sw_agent *a, uint64_t size, sw_error *err) {
    bool due = size && !a->command->claimed && a->output_count;
    if (!due || a->output_count == SW_AGENT_OUTPUT_FILES) return sw_agent_not_due(a, "claims", err);
    SW_SCOPED(sw_buffer) claims = {0};
    SW_TRY(sw_agent_read_buffer(a, size, SW_MANIFEST_CLAIMS_LIMIT, &claims, err));
    SW_TRY(check_claims(a, sw_buffer_bytes(&claims), err));
    snprintf(a->output_names[a->output_count], sizeof a->output_names[0], "%s",
             SW_MANIFEST_CLAIMS_NAME);
    a->outputs[a->output_count++] = claims;
    a->output_bytes += claims.size;
    a->command->claimed = true;
    claims = (sw_buffer){0};
    return SW_OK;
}

/* The digest of the outputs as a pack (WRK-030), which is never laid out in one piece. */
static sw_status pack_digest(const sw_agent *a, sw_hash *out, sw_error *err) {
    sw_sha256_stream *stream = sw_sha256_open();
    SW_SCOPED(sw_buffer) head = SW_BUFFER(4096);
    if (!stream) return sw_fail(err, SW_MEMORY, "memory", "no memory for a digest");
    for (size_t i = 0; i < a->output_count; i++) {
        sw_buffer_reset(&head);
        sw_put_field(&head, sw_text(a->output_names[i]));
        sw_put_u64be(&head, a->outputs[i].size);
        sw_sha256_add(stream, sw_buffer_bytes(&head));
        sw_sha256_add(stream, sw_buffer_bytes(&a->outputs[i]));
    }
    sw_buffer_reset(&head);
    sw_pack_end(&head);
    sw_sha256_add(stream, sw_buffer_bytes(&head));
    sw_sha256_close(&stream, out);
    return sw_buffer_check(&head, "pack", err);
}

sw_status sw_agent_end_chain(sw_agent *a, sw_error *err) {
    if (a->link_count && a->links[a->link_count - 1].step == a->total_steps) return SW_OK;
    sw_hash digest;
    SW_TRY(pack_digest(a, &digest, err));
    return sw_agent_extend_chain(a, a->total_steps, &digest, err);
}
