/* SPDX-License-Identifier: Apache-2.0
 *
 * The service's own compose and its root key at rest. Format: docs/formats/kms.md (KMS-090 ...
 * KMS-092).
 *
 * The idea: the root is sealed by a key that follows from what was measured at boot, and what was
 * measured names the program. So another program, image or machine has other keys and opens
 * nothing, and there is nothing to export. A machine without such a key makes a root for each start
 * and keeps none. Invariant: in the clear the root exists in locked memory alone.
 */
#include "codec/text.h"
#include "kms/kms_internal.h"
#include "sys/files.h"

#include <string.h>

#define COMPOSE_FILE "app-compose.json"
#define ROOT_FILE    "root.sealed"
#define ROOT_LABEL   "sealwright/root/v1"
enum { COMPOSE_LIMIT = 16384, ROOT_LIMIT = 512, SEALED_ROOT_BYTES = 32 + SW_GCM_TAG_BYTES };

/* ---- the service's own compose ---- */
static void put_docker_compose(sw_buffer *out, const char *digest) {
    sw_put_format(out,
                  "services:\n"
                  "  sealwright-kms:\n"
                  "    image: sealwright@sha256:%s\n"
                  "    command: [\"kms\", \"serve\", \"--dir\", \"/kms\", \"--listen\", "
                  "\"0.0.0.0:7440\"]\n"
                  "    read_only: true\n"
                  "    ports: [\"7440:7440\"]\n"
                  "    volumes:\n"
                  "      - /var/run/dstack.sock:/var/run/dstack.sock\n"
                  "      - kms:/kms\n"
                  "volumes:\n"
                  "  kms:\n",
                  digest);
}

static void add_flags(sw_arena *a, sw_json *root) {
    static const struct {
        const char *name;
        bool value;
    } flags[] = {
        {"gateway_enabled", false}, {"kms_enabled", false}, {"local_key_provider_enabled", true},
        {"no_instance_id", false},  {"public_logs", false}, {"public_sysinfo", false},
        {"public_tcbinfo", false},  {"secure_time", true}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        sw_json_add_flag(a, root, flags[i].name, flags[i].value);
}

sw_status sw_kms_compose_make(sw_bytes program, sw_buffer *out, sw_error *err) {
    sw_hash digest;
    char hex[2 * SW_HASH_BYTES + 1];
    sw_sha256(&digest, program);
    sw_hex_text(hex, SW_BYTES_OF(digest.b));
    SW_SCOPED(sw_buffer) docker = SW_BUFFER(COMPOSE_LIMIT);
    put_docker_compose(&docker, hex);
    SW_TRY(sw_buffer_check(&docker, "the docker compose text", err));
    sw_arena arena = {0};
    sw_json *root = sw_json_make(&arena, SW_JSON_OBJECT);
    (void)sw_json_add_array(&arena, root, "allowed_envs");
    sw_json_add_text(&arena, root, "docker_compose_file", sw_buffer_bytes(&docker));
    add_flags(&arena, root);
    sw_json_add_integer(&arena, root, "manifest_version", 2);
    sw_json_add_text(&arena, root, "name", SW_LITERAL("sealwright-kms"));
    sw_json_add_text(&arena, root, "runner", SW_LITERAL("docker-compose"));
    sw_json *ours = sw_json_add_object(&arena, root, "sealwright_kms");
    sw_json_add_hex(&arena, ours, "program", SW_BYTES_OF(digest.b));
    sw_json_add_integer(&arena, ours, "version", 1);
    sw_json_encode(out, root);
    sw_arena_free(&arena);
    return sw_buffer_check(out, "the key service's app-compose", err);
}

static sw_status path_in(sw_arena *a, const char *folder, const char *name, const char **out,
                         sw_error *err) {
    *out = sw_path_join(a, folder, name);
    return *out != NULL ? SW_OK : sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
}

/* The machine must be there before a folder is made for it. */
static sw_status check_machine(const sw_kms_options *o, sw_bytes compose, const sw_hash *hash,
                               sw_error *err) {
    sw_machine *machine = NULL;
    SW_TRY(sw_machine_boot_at(o->places, o->machine, compose, hash->b, &o->entropy, &o->clock,
                              &machine, err));
    sw_machine_close(&machine);
    return SW_OK;
}

sw_status sw_kms_init(const sw_kms_options *o, sw_hash *compose, sw_error *err) {
    SW_SCOPED(sw_buffer) made = SW_BUFFER(COMPOSE_LIMIT);
    sw_arena arena = {0};
    const char *path = NULL;
    sw_hash hash;
    sw_status status = sw_kms_compose_make(o->program, &made, err);
    sw_compose_hash(&hash, sw_buffer_bytes(&made));
    if (status == SW_OK) status = check_machine(o, sw_buffer_bytes(&made), &hash, err);
    if (status == SW_OK) status = sw_folder_make(o->folder, 0700, err);
    if (status == SW_OK) status = path_in(&arena, o->folder, COMPOSE_FILE, &path, err);
    if (status == SW_OK)
        status = sw_file_write(path, sw_buffer_bytes(&made), 0644, SW_WRITE_NEW, err);
    if (status == SW_OK) *compose = hash;
    sw_arena_free(&arena);
    return status;
}

static sw_status read_compose(const char *path, sw_buffer *out, sw_error *err) {
    sw_status status = sw_file_read(path, COMPOSE_LIMIT, out, err);
    if (status == SW_MISSING) sw_error_hint(err, "make the folder with `sealwright kms init`");
    return status;
}

/* The folder's compose must be the one of the program that runs. */
static sw_status boot_machine(sw_kms *k, const sw_kms_options *o, const char *path, sw_error *err) {
    SW_SCOPED(sw_buffer) there = SW_BUFFER(COMPOSE_LIMIT);
    SW_SCOPED(sw_buffer) ours = SW_BUFFER(COMPOSE_LIMIT);
    sw_status status;
    SW_TRY(read_compose(path, &there, err));
    SW_TRY(sw_kms_compose_make(o->program, &ours, err));
    if (!sw_bytes_equal(sw_buffer_bytes(&there), sw_buffer_bytes(&ours))) {
        status = sw_fail(err, SW_REFUSED, "compose",
                         "%s names another program than the one that runs", path);
        sw_error_hint(err, "an upgraded key service starts in a new folder (`sealwright kms "
                           "init`), and owners consent to it again");
        return status;
    }
    sw_compose_hash(&k->compose, sw_buffer_bytes(&there));
    return sw_machine_boot_at(o->places, o->machine, sw_buffer_bytes(&there), k->compose.b,
                              &o->entropy, &o->clock, &k->machine, err);
}

sw_status sw_kms_reference_make(const sw_kms_options *o, sw_kms_reference *out, sw_error *err) {
    static const char sim[] = "sim:";
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) compose = SW_BUFFER(COMPOSE_LIMIT);
    sw_kms_reference made = {0};
    const char *path = NULL;
    SW_TRY(path_in(&arena, o->folder, COMPOSE_FILE, &path, err));
    SW_TRY(read_compose(path, &compose, err));
    if (strncmp(o->machine, sim, sizeof sim - 1) != 0)
        return sw_fail(err, SW_MISSING, "missing",
                       "this machine cannot tell its own policy; write the reference by hand");
    SW_TRY(sw_sim_policy(o->machine + sizeof sim - 1, &made.policy, err));
    made.policy.gpu = (sw_gpu_policy){0}; /* GPU-227: a key service shows none */
    sw_compose_hash(&made.compose, sw_buffer_bytes(&compose));
    *out = made;
    return SW_OK;
}

/* ---- the root at rest ---- */
static void put_aad(sw_buffer *out, const sw_kms *k, const sw_p256_public *public) {
    sw_put_field(out, SW_LITERAL(ROOT_LABEL));
    sw_put_field(out, SW_BYTES_OF(k->compose.b));
    sw_put_field(out, SW_BYTES_OF(public->b));
}

static sw_status gcm_of(const sw_kms *k, sw_gcm **out, sw_error *err) {
    SW_SCOPED_SECRET(sw_file_key) key = sw_file_key_new();
    if (key == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(sw_machine_sealing_key(k->machine, key, err));
    return sw_gcm_open(key->b, out, err);
}

static sw_status seal_root(const sw_kms *k, sw_buffer *out, sw_error *err) {
    uint8_t nonce[SW_GCM_NONCE_BYTES], sealed[SEALED_ROOT_BYTES];
    SW_SCOPED(sw_buffer) aad = SW_BUFFER(ROOT_LIMIT);
    sw_gcm *gcm = NULL;
    put_aad(&aad, k, &k->root_public);
    SW_TRY(sw_buffer_check(&aad, "the root key's binding", err));
    SW_TRY(sw_entropy_fill(&k->entropy, nonce, sizeof nonce, err));
    SW_TRY(gcm_of(k, &gcm, err));
    sw_status status =
        sw_gcm_seal(gcm, nonce, sw_buffer_bytes(&aad), SW_BYTES_OF(k->root->b), sealed, err);
    sw_gcm_close(&gcm);
    if (status != SW_OK) return status;
    sw_put_field(out, SW_LITERAL(ROOT_LABEL));
    sw_put_field(out, SW_BYTES_OF(k->root_public.b));
    sw_put_field(out, SW_BYTES_OF(nonce));
    sw_put_field(out, SW_BYTES_OF(sealed));
    return sw_buffer_check(out, "the sealed root key", err);
}

static sw_status make_root(sw_kms *k, const char *path, sw_error *err) {
    SW_SCOPED(sw_buffer) sealed = SW_BUFFER(ROOT_LIMIT);
    SW_TRY(sw_p256_generate(&k->entropy, k->root->b, &k->root_public, err));
    SW_TRY(seal_root(k, &sealed, err));
    return sw_file_write(path, sw_buffer_bytes(&sealed), 0600, SW_WRITE_NEW, err);
}

static sw_status root_refused(sw_error *err, const char *why) {
    sw_status status = sw_fail(err, SW_REFUSED, "root", "the root key does not open: %s", why);
    sw_error_hint(err, "start the same program on the machine and image that made it; or make a "
                       "new folder (`sealwright kms init`), and owners consent again");
    return status;
}

static sw_status open_root(sw_kms *k, sw_bytes file, sw_error *err) {
    sw_reader r = sw_reader_of(file);
    sw_bytes label = sw_read_field(&r, ROOT_LIMIT), public = sw_read_field(&r, SW_P256_BYTES);
    sw_bytes nonce = sw_read_field(&r, SW_GCM_NONCE_BYTES);
    sw_bytes sealed = sw_read_field(&r, SEALED_ROOT_BYTES);
    if (sw_reader_finish(&r, ROOT_FILE, NULL) != SW_OK || !sw_bytes_is(label, ROOT_LABEL) ||
        public.size != SW_P256_BYTES || nonce.size != SW_GCM_NONCE_BYTES ||
        sealed.size != SEALED_ROOT_BYTES)
        return root_refused(err, ROOT_FILE " is damaged");
    memcpy(k->root_public.b, public.data, SW_P256_BYTES);
    SW_SCOPED(sw_buffer) aad = SW_BUFFER(ROOT_LIMIT);
    sw_gcm *gcm = NULL;
    put_aad(&aad, k, &k->root_public);
    SW_TRY(sw_buffer_check(&aad, "the root key's binding", err));
    SW_TRY(gcm_of(k, &gcm, err));
    sw_status status =
        sw_gcm_unseal(gcm, nonce.data, sw_buffer_bytes(&aad), sealed, k->root->b, err);
    sw_gcm_close(&gcm);
    if (status == SW_UNAUTHENTIC)
        return root_refused(err, "another machine, image or program made it, or " ROOT_FILE
                                 " is damaged");
    if (status != SW_OK) return status;
    sw_p256_public derived;
    SW_TRY(sw_p256_derive(k->root->b, &derived, err));
    SW_CHECK(err, sw_p256_equal(&derived, &k->root_public));
    return SW_OK;
}

/* A file that lies here is of another machine, or of this one in a better time: no root takes its
 * place silently. */
static sw_status root_for_this_start(sw_kms *k, const char *path, sw_error *err) {
    if (sw_path_exists(path))
        return root_refused(err, "this machine has no key that could have sealed " ROOT_FILE);
    return sw_p256_generate(&k->entropy, k->root->b, &k->root_public, err);
}

static sw_status load_root(sw_kms *k, const char *path, sw_error *err) {
    k->root = sw_root_key_new();
    if (k->root == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for the root key");
    k->keeps_root = sw_machine_seals(k->machine);
    if (!k->keeps_root) return root_for_this_start(k, path, err);
    SW_SCOPED(sw_buffer) file = SW_BUFFER(ROOT_LIMIT);
    sw_status status = sw_file_read(path, ROOT_LIMIT, &file, err);
    if (status == SW_MISSING) return make_root(k, path, err);
    if (status == SW_LIMIT) return root_refused(err, ROOT_FILE " is damaged");
    return status == SW_OK ? open_root(k, sw_buffer_bytes(&file), err) : status;
}

sw_status sw_kms_boot(sw_kms *k, const sw_kms_options *o, sw_error *err) {
    sw_arena arena = {0};
    const char *compose = NULL, *root = NULL;
    sw_status status = path_in(&arena, o->folder, COMPOSE_FILE, &compose, err);
    if (status == SW_OK) status = path_in(&arena, o->folder, ROOT_FILE, &root, err);
    if (status == SW_OK) status = boot_machine(k, o, compose, err);
    if (status == SW_OK) status = load_root(k, root, err);
    sw_arena_free(&arena);
    return status;
}
