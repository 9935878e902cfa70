/* SPDX-License-Identifier: Apache-2.0
 *
 * What a command says that the native trainer does not, and what it may say otherwise: its plan,
 * its claims, an end without a last state (CMD-042 to CMD-044); and where it may run at all
 * (CMD-052).
 */
#include "codec/json.h"
#include "run/agent.h"
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
