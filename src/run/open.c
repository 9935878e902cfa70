/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening: an attested machine that was granted the purpose `open` re-seals the output to one
 * recipient; the recipient unpacks it (unpack.c). Approval to run is never approval to open: the
 * KMS asks the ledger for an `open` entry that names this manifest and this key (DESIGN section 3,
 * "Outputs").
 */
#include "run/agent.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct opener {
    const sw_open_options *o;
    sw_run_options run; /* what the trust functions of the agent read */
    sw_agent *agent;
    sw_hash manifest, output_root; /* what owners approved, and the output that it names */
    sw_hash output_body;           /* of the file that was verified */
} opener;

/* MAN-092: owners approved what verifies. A folder that was changed since is not opened, even where
 * the bytes that their approval names, the manifest's payload, are the same. */
static sw_status verify_folder(opener *p, sw_error *err) {
    sw_manifest_verdict verdict;
    sw_manifest_record record;
    SW_TRY(sw_agent_verify_folder(p->agent, p->o->folder, &verdict, &record, err));
    p->manifest = verdict.digest;
    p->output_root = record.output_root;
    p->output_body = verdict.output_body;
    return SW_OK;
}

static sw_status prepare(opener *p, sw_error *err) {
    sw_agent *a = p->agent;
    a->recipe = SW_ARENA_NEW(&a->arena, sw_recipe, 1);
    a->genesis = SW_ARENA_NEW(&a->arena, sw_genesis, 1);
    if (!a->recipe || !a->genesis) return sw_fail(err, SW_MEMORY, "memory", "no memory to open");
    SW_TRY(sw_compose_parse(p->run.app_compose, a->recipe, err));
    sw_compose_hash(&a->compose, p->run.app_compose);
    SW_TRY(sw_genesis_open(&a->arena, p->o->genesis_envelope, true, a->genesis, err));
    if (!sw_hash_equal(&a->genesis->hash, &a->recipe->genesis))
        return sw_fail(err, SW_REFUSED, "app",
                       "the recipe belongs to another app than the genesis given");
    SW_TRY(verify_folder(p, err));
    SW_TRY(sw_agent_match_consents(a, p->o->consents, p->o->consent_count, err));
    return sw_agent_boot(a, err);
}

static sw_status take_output_key(opener *p, sw_error *err) {
    SW_TRY(sw_agent_take_open_keys(p->agent, &p->manifest, &p->o->recipient, err));
    return sw_agent_derive(p->agent, err);
}

/* KMS-058. Renews when it is due. */
static sw_status check_lease(sw_agent *a, sw_error *err) {
    sw_status status = sw_agent_hold_lease(a, err);
    if (status != SW_OK && err && strcmp(err->word, "lease") == 0)
        sw_error_hint(err, "the same command asks for the keys again, which takes another grant");
    return status;
}

typedef struct resealer {
    sw_agent *agent;
    sw_sealer *sealer;
    sw_output *output;
} resealer;

static sw_status reseal(void *context, sw_bytes plain, sw_error *err) {
    return sw_sealer_add(((resealer *)context)->sealer, plain, err);
}

/* The host may keep what we write to its disk, so the lease is looked at before each byte of it,
 * and the file's name is only what comes last. */
static sw_status to_output(void *context, sw_bytes bytes, sw_error *err) {
    const resealer *r = context;
    SW_TRY(check_lease(r->agent, err));
    return sw_output_write(r->output, bytes, err);
}

/* The host may have changed the file since it was verified, and what we write it may keep: nothing
 * is unsealed but under the body that was verified, which fixes the data key (MAN-092). */
static sw_status read_binding(opener *p, sw_container_body *body, sw_error *err) {
    sw_container_trailer trailer;
    int fd = p->o->folder->model_fd;
    if (lseek(fd, 0, SEEK_SET) != 0)
        return sw_fail(err, SW_IO, "io", "model.sealed cannot be read again");
    return sw_container_peek(&p->agent->arena, fd, body, &trailer, err);
}

static sw_status pass_through(opener *p, const sw_container_body *body, sw_output *output,
                              sw_error *err) {
    resealer r = {.agent = p->agent, .output = output};
    const sw_seal_plan plan = {.kind = SW_CONTAINER_OPENED,
                               .media_type = body->media_type,
                               .binding = body->binding,
                               .recipient = &p->o->recipient,
                               .lanes = 1,
                               .entropy = &p->o->entropy,
                               .write = to_output,
                               .context = &r};
    SW_TRY(sw_sealer_open(&plan, &r.sealer, err));
    const sw_unseal_keys keys = {.subkey = p->agent->output_key,
                                 .binding = &body->binding,
                                 .root_id = &p->output_root,
                                 .body_id = &p->output_body};
    sw_container_trailer trailer;
    sw_status status = sw_unseal_fd(p->o->folder->model_fd, &keys, 1, reseal, &r, &trailer, err);
    if (status == SW_OK) status = sw_sealer_finish(r.sealer, &trailer, NULL, err);
    sw_sealer_close(&r.sealer);
    return status;
}

static sw_status execute(opener *p, sw_error *err) {
    SW_TRY(prepare(p, err));
    SW_TRY(take_output_key(p, err));
    sw_container_body body;
    SW_TRY(read_binding(p, &body, err));
    sw_output *output = NULL;
    SW_TRY(sw_output_open(p->o->out, 0644, SW_WRITE_NEW, &output, err));
    sw_status status = pass_through(p, &body, output, err);
    if (status == SW_OK) status = check_lease(p->agent, err);
    if (status == SW_OK) status = sw_agent_release_lease(p->agent, err);
    if (status != SW_OK) {
        sw_output_abort(&output);
        return status;
    }
    sw_agent_drop_keys(p->agent); /* the disk may keep what follows waiting for long */
    sw_session_key_drop(&p->agent->manifest_key);
    return sw_output_commit(&output, err);
}

sw_status sw_run_open(const sw_open_options *o, bool *simulated, sw_error *err) {
    opener p = {.o = o,
                .run = {.app_compose = o->folder->app_compose,
                        .genesis_envelope = o->genesis_envelope,
                        .kms_url = o->kms_url,
                        .machine = o->machine,
                        .places = o->places,
                        .reference = o->reference,
                        .entropy = o->entropy,
                        .clock = o->clock}};
    p.agent = sw_agent_new(&p.run);
    if (!p.agent) return sw_fail(err, SW_MEMORY, "memory", "no memory to open");
    sw_status status = execute(&p, err);
    if (status == SW_OK) *simulated = p.agent->recipe->policy.platform == SW_PLATFORM_SIM;
    sw_agent_drop(&p.agent);
    return status;
}
