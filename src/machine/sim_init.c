/* SPDX-License-Identifier: Apache-2.0
 *
 * A new software machine: root, PCK chain, TCB signer, revocation lists, collateral, secrets.
 *
 * Everything is made afresh, so a simulated app can only ever be simulated: no other machine has
 * this root. The names are those that the one verifier demands of Intel's. The folder is made under
 * another name and has its own when all of it is there; a disk that fills up leaves nothing.
 */
#include "codec/text.h"
#include "crypto/x509.h"
#include "machine/sim_internal.h"
#include "sys/files.h"
#include "sys/folder.h"

#define DAY_MS     ((int64_t)86400 * 1000)
#define VALID_DAYS 3652
#define DER_LIMIT  ((size_t)16 << 10)

/* The order is that of the serial numbers. */
enum { ROOT, PLATFORM_CA, PCK, TCB_SIGNING, ATTESTATION, KEY_COUNT };
static const char *const KEY_FILES[KEY_COUNT] = {"keys/root.pem", "keys/platform-ca.pem",
                                                 "keys/pck.pem", "keys/tcb-signing.pem",
                                                 "keys/attestation.pem"};

typedef struct maker {
    sw_arena arena;
    sw_draft draft;
    const char *folder, *key_folder; /* the draft's, and `keys` in it */
    const sw_entropy *entropy;
    sw_sim_dates dates;
    sw_sim_key *keys[KEY_COUNT];
    sw_p256_public publics[KEY_COUNT];
    sw_cert *certs[KEY_COUNT]; /* none for the attestation key */
    sw_sim_facts facts;
    size_t gpu_count;
} maker;

static void maker_free(maker *m) {
    for (size_t i = 0; i < KEY_COUNT; i++) {
        sw_sim_key_drop(&m->keys[i]);
        sw_cert_free(&m->certs[i]);
    }
    sw_arena_free(&m->arena);
}

static sw_status folders_make(maker *m, const char *folder, sw_error *err) {
    if (sw_path_exists(folder)) {
        (void)sw_fail(err, SW_EXISTS, "exists", "%s is there already", folder);
        sw_error_hint(err, "choose a new folder; a machine is never made anew in place");
        return SW_EXISTS;
    }
    SW_TRY(sw_folder_draft(&m->arena, folder, "keys", 0700, &m->draft, err));
    m->folder = m->draft.path;
    m->key_folder = sw_path_join(&m->arena, m->folder, "keys");
    if (m->key_folder == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    return sw_folder_make(m->key_folder, 0700, err);
}

static void folders_discard(maker *m) {
    if (m->key_folder != NULL) sw_folder_discard(m->key_folder);
    sw_draft_discard(&m->draft);
}

/* ---- secrets ---- */
static sw_status key_make(maker *m, size_t i, sw_error *err) {
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(DER_LIMIT);
    m->keys[i] = sw_sim_key_new();
    if (m->keys[i] == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(sw_p256_generate(m->entropy, m->keys[i]->b, &m->publics[i], err));
    SW_TRY(sw_pkcs8_encode(&pem, m->keys[i]->b, (sw_bytes){0}, m->entropy, err));
    return sw_sim_file_put(m->folder, KEY_FILES[i], sw_buffer_bytes(&pem), 0600, err);
}

static sw_status secret_make(const maker *m, sw_error *err) {
    SW_SCOPED_SECRET(sw_file_key) secret = sw_file_key_new();
    if (secret == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(sw_entropy_fill(m->entropy, secret->b, sizeof secret->b, err));
    return sw_sim_file_put(m->folder, "keys/platform-secret", SW_BYTES_OF(secret->b), 0600, err);
}

/* ---- certificates ---- */
static sw_status cert_make(maker *m, size_t subject, size_t issuer, sw_cert_plan plan,
                           sw_error *err) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(DER_LIMIT);
    plan.serial = subject + 1;
    plan.not_before_ms = m->dates.from_ms;
    plan.not_after_ms = m->dates.until_ms;
    SW_TRY(
        sw_cert_make(&plan, &m->publics[subject], m->certs[issuer], m->keys[issuer]->b, &der, err));
    return sw_cert_parse(sw_buffer_bytes(&der), &m->certs[subject], err);
}

static sw_status certs_make(maker *m, sw_error *err) {
    SW_SCOPED(sw_buffer) extension = SW_BUFFER(DER_LIMIT);
    SW_TRY(sw_sim_pck_extension_make(m->facts.ppid, &extension, err));
    sw_cert_plan root = {.common_name = "Intel SGX Root CA", .ca = true};
    sw_cert_plan ca = {.common_name = "Intel SGX PCK Platform CA", .ca = true};
    sw_cert_plan signer = {.common_name = "Intel SGX TCB Signing"};
    sw_cert_plan pck = {.common_name = "Intel SGX PCK Certificate",
                        .extension_oid = "1.2.840.113741.1.13.1",
                        .extension = sw_buffer_bytes(&extension)};
    SW_TRY(cert_make(m, ROOT, ROOT, root, err));
    SW_TRY(cert_make(m, PLATFORM_CA, ROOT, ca, err));
    SW_TRY(cert_make(m, TCB_SIGNING, ROOT, signer, err));
    return cert_make(m, PCK, PLATFORM_CA, pck, err);
}

static sw_status chain_put(const maker *m, const char *name, const size_t *members, size_t count,
                           sw_error *err) {
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(4 * DER_LIMIT);
    for (size_t i = 0; i < count; i++)
        sw_pem_encode(&pem, "CERTIFICATE", sw_cert_der(m->certs[members[i]]));
    return sw_sim_public_put(m->folder, name, &pem, err);
}

static sw_status list_put(const maker *m, const char *name, size_t issuer, sw_error *err) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(DER_LIMIT);
    SW_TRY(sw_crl_make(m->certs[issuer], m->keys[issuer]->b, m->dates.from_ms, m->dates.until_ms, 1,
                       NULL, 0, &der, err));
    return sw_sim_public_put(m->folder, name, &der, err);
}

/* ---- what is published ---- */
static sw_status published_make(const maker *m, sw_error *err) {
    static const size_t pck_chain[] = {PCK, PLATFORM_CA, ROOT}, tcb_chain[] = {TCB_SIGNING, ROOT};
    SW_SCOPED(sw_buffer) info = SW_BUFFER(SW_SIM_FILE_LIMIT);
    SW_SCOPED(sw_buffer) identity = SW_BUFFER(SW_SIM_FILE_LIMIT);
    SW_TRY(chain_put(m, "pck_chain.pem", pck_chain, 3, err));
    SW_TRY(chain_put(m, "tcb_signing_chain.pem", tcb_chain, 2, err));
    SW_TRY(list_put(m, "root_ca_crl.der", ROOT, err));
    SW_TRY(list_put(m, "pck_crl.der", PLATFORM_CA, err));
    SW_TRY(sw_sim_tcb_info_make(m->keys[TCB_SIGNING], m->dates, &info, err));
    SW_TRY(sw_sim_public_put(m->folder, "tcb_info.json", &info, err));
    SW_TRY(sw_sim_qe_identity_make(m->keys[TCB_SIGNING], m->dates, &identity, err));
    return sw_sim_public_put(m->folder, "qe_identity.json", &identity, err);
}

static sw_status facts_make(maker *m, sw_error *err) {
    sw_sim_facts *f = &m->facts;
    SW_TRY(sw_entropy_fill(m->entropy, f->ppid, sizeof f->ppid, err));
    SW_TRY(sw_entropy_fill(m->entropy, f->instance_seed, sizeof f->instance_seed, err));
    f->image_count = 1;
    return sw_sim_image_make("sim", m->entropy, &f->images[0], err);
}

static sw_status machine_make(maker *m, const char *folder, sw_error *err) {
    SW_TRY(folders_make(m, folder, err));
    SW_TRY(facts_make(m, err));
    for (size_t i = 0; i < KEY_COUNT; i++) SW_TRY(key_make(m, i, err));
    SW_TRY(secret_make(m, err));
    SW_TRY(certs_make(m, err));
    SW_TRY(published_make(m, err));
    if (m->gpu_count > 0)
        SW_TRY(sw_sim_gpus_make(m->folder, m->gpu_count, m->dates, m->entropy, err));
    SW_TRY(sw_sim_facts_write(m->folder, &m->facts, false, err));
    return sw_draft_publish(&m->draft, folder, err);
}

sw_status sw_sim_init(const char *folder, const sw_entropy *e, int64_t wall_ms, sw_error *err) {
    return sw_sim_init_gpus(folder, 0, e, wall_ms, err);
}

sw_status sw_sim_init_gpus(const char *folder, size_t gpu_count, const sw_entropy *e,
                           int64_t wall_ms, sw_error *err) {
    if (gpu_count > SW_GPU_LIMIT)
        return sw_fail(err, SW_USAGE, "usage", "a machine has at most %d GPUs", SW_GPU_LIMIT);
    int64_t from = wall_ms - wall_ms % 1000; /* certificates count in seconds */
    SW_SCOPED(maker)
    m = {.entropy = e, .dates = {from, from + VALID_DAYS * DAY_MS}, .gpu_count = gpu_count};
    sw_status status = machine_make(&m, folder, err);
    if (status != SW_OK) folders_discard(&m);
    return status;
}
