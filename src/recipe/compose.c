/* SPDX-License-Identifier: Apache-2.0
 *
 * app-compose.json in dstack's format: a pure function of recipe.yaml, model.lock and trainer.lock.
 *
 * One recipe has one compose: parsing takes recipe and locks out of the bytes, makes the compose
 * again and compares every byte, so nothing can stand in it that the recipe did not say.
 * docs/formats/recipe.md, RCP-070 to RCP-075.
 */
#include "codec/text.h"
#include "crypto/crypto.h"
#include "recipe/recipe_internal.h"

#include <stdio.h>
#include <string.h>

#define COMPOSE_FILE "app-compose.json"
#define RECIPE_FILE  "recipe.yaml"

/* What dstack knows and a compose of ours never holds, with the reason that people are told. */
static const struct {
    const char *name, *why;
} banned[] = {
    {"init_script", "it would run code before anything is measured by us"},
    {"pre_launch_script", "it would run code that no recipe shows"},
    {"bash_script", "it would run code that no recipe shows"},
    {"docker_config", "it would let the host choose where images come from"},
    {"features", "it switches services on that the recipe does not know"},
    {"tproxy_enabled", "it would open a gateway"},
    {"default_gateway_domain", "it would open a gateway"},
    {"port_policy", "it would open ports"},
    {"key_provider", "it would give the machine keys from elsewhere"},
    {"key_provider_id", "it would give the machine keys from elsewhere"},
    {"swap_size", "it would write memory to the host's disk"},
    {"storage_fs", "it would keep a disk"},
    {"verity_volumes", "it would bring files that no recipe shows"},
    {"requirements", "what a machine must be stands in the recipe"},
    {"salt", "one recipe has one compose"},
};

/* ---- making ---- */

/* The run as dstack reads it; the image can be nothing but one that has the trainer's digest. */
static void put_docker_compose(sw_buffer *out, const sw_recipe *r) {
    /* CMD-020: what docker lets no container do by itself, and a private root is made with. */
    static const char mounts[] = "    cap_add: [SYS_ADMIN, SYS_PTRACE]\n"
                                 "    security_opt: [\"seccomp=unconfined\", "
                                 "\"apparmor=unconfined\"]\n";
    char digest[65];
    sw_hex_text(digest, SW_BYTES_OF(r->trainer_digest.b));
    sw_put_format(out,
                  "services:\n"
                  "  sealwright:\n"
                  "    image: sealwright@sha256:%s\n"
                  "    command: [\"run\", \"/dstack/app-compose.json\"]\n"
                  "    read_only: true\n"
                  "%s"
                  "    restart: \"no\"\n"
                  "    volumes:\n"
                  "      - /dstack/app-compose.json:/dstack/app-compose.json:ro\n"
                  "      - /var/run/dstack.sock:/var/run/dstack.sock\n"
                  "      - run:/run/sealwright\n"
                  "volumes:\n"
                  "  run:\n",
                  digest, r->native ? "" : mounts);
}

static sw_status add_lock(sw_arena *a, sw_json *parent, const char *key, sw_bytes lock,
                          sw_error *err) {
    sw_json *tree = NULL;
    SW_TRY(sw_json_parse_canonical(a, lock, NULL, &tree, err));
    (void)sw_json_add(parent, key, tree);
    return SW_OK;
}

static sw_status encode(sw_arena *a, const sw_recipe *r, sw_bytes yaml, sw_bytes model_lock,
                        sw_bytes trainer_lock, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) docker = SW_BUFFER(4096);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    put_docker_compose(&docker, r);
    SW_TRY(sw_buffer_check(&docker, "the docker compose text", err));
    (void)sw_json_add_array(a, root, "allowed_envs");
    sw_json_add_text(a, root, "docker_compose_file", sw_buffer_bytes(&docker));
    sw_json_add_flag(a, root, "gateway_enabled", false);
    sw_json_add_flag(a, root, "kms_enabled", false);
    sw_json_add_flag(a, root, "local_key_provider_enabled", false);
    sw_json_add_integer(a, root, "manifest_version", 2);
    sw_json_add_text(a, root, "name", sw_text(r->name));
    sw_json_add_flag(a, root, "no_instance_id", false);
    sw_json_add_flag(a, root, "public_logs", false);
    sw_json_add_flag(a, root, "public_sysinfo", false);
    sw_json_add_flag(a, root, "public_tcbinfo", false);
    sw_json_add_text(a, root, "runner", SW_LITERAL("docker-compose"));
    sw_json_add_flag(a, root, "secure_time", true);
    sw_json *ours = sw_json_add_object(a, root, "sealwright");
    SW_TRY(add_lock(a, ours, "model_lock", model_lock, err));
    sw_json_add_text(a, ours, "recipe", yaml);
    SW_TRY(add_lock(a, ours, "trainer_lock", trainer_lock, err));
    sw_json_add_integer(a, ours, "version", 1);
    sw_json_encode(out, root);
    return sw_buffer_check(out, COMPOSE_FILE, err);
}

/* The trainer must know the profile that the recipe asks for. */
static sw_status check_profile(const sw_recipe *r, const char *file, sw_error *err) {
    const char *word = sw_profile_word(r->training.profile);
    size_t size = strlen(word);
    for (const char *at = r->profiles; *at != 0; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == size && memcmp(at, word, size) == 0) return SW_OK;
    return sw_fail(err, SW_REFUSED, "recipe",
                   "%s: trainer.profile %s is none that the trainer lock names (%s)", file, word,
                   r->profiles);
}

uint64_t sw_recipe_states(uint64_t steps, uint64_t save_steps) {
    return save_steps == 0 ? 1 : steps / save_steps + (steps % save_steps != 0);
}

static sw_status too_many(const char *file, const char *key, uint64_t value, const char *what,
                          uint64_t count, uint64_t most, sw_error *err) {
    return sw_fail(err, SW_REFUSED, "recipe",
                   "%s: %s %llu makes %llu %s, and a run keeps at most %llu: choose it larger",
                   file, key, (unsigned long long)value, (unsigned long long)count, what,
                   (unsigned long long)most);
}

/* RCP-043: before owners are asked, and not when the run has come that far. Where the rows' lengths
 * or a script have a say in the number of steps, the run's plan is looked at (WRK-047). */
static sw_status check_room(const sw_recipe *r, const char *file, sw_error *err) {
    const sw_training *t = &r->training;
    if (!r->native || (t->packing && t->max_steps == 0)) return SW_OK;
    uint64_t steps = sw_training_steps(t, sw_recipe_rows(r, NULL));
    uint64_t states = sw_recipe_states(steps, t->save_steps), records = steps / r->metrics_interval;
    if (states > SW_RECIPE_STATE_LIMIT)
        return too_many(file, "training.save_steps", t->save_steps, "states", states,
                        SW_RECIPE_STATE_LIMIT, err);
    if (records > SW_RECIPE_RECORD_LIMIT)
        return too_many(file, "observe.interval", r->metrics_interval, "step records", records,
                        SW_RECIPE_RECORD_LIMIT, err);
    return SW_OK;
}

static sw_status make(sw_bytes yaml, const char *file, sw_bytes model_lock, sw_bytes trainer_lock,
                      sw_recipe *r, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    SW_TRY(sw_recipe_parse(yaml, file, r, err));
    SW_TRY(sw_model_lock_parse(model_lock, r, err));
    SW_TRY(r->native ? sw_trainer_lock_parse(trainer_lock, r, err)
                     : sw_command_lock_parse(trainer_lock, r, err));
    SW_TRY(r->native ? check_profile(r, file, err) : sw_command_check_model(r, err));
    SW_TRY(check_room(r, file, err));
    return encode(&a, r, yaml, model_lock, trainer_lock, out, err);
}

/* A recipe is too large for a stack. */
static sw_status make_place(sw_arena *a, sw_recipe **out, sw_error *err) {
    *out = SW_ARENA_NEW(a, sw_recipe, 1);
    return *out != NULL ? SW_OK : sw_fail(err, SW_MEMORY, "memory", "no memory for a recipe");
}

sw_status sw_compose_make(sw_bytes recipe_yaml, const char *file, sw_bytes model_lock,
                          sw_bytes trainer_lock, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_COMPOSE_LIMIT);
    SW_SCOPED(sw_arena) a = {0};
    sw_recipe *r;
    SW_TRY(make_place(&a, &r, err));
    SW_TRY(make(recipe_yaml, file, model_lock, trainer_lock, r, &made, err));
    sw_put_bytes(out, sw_buffer_bytes(&made));
    return sw_buffer_check(out, COMPOSE_FILE, err);
}

void sw_compose_hash(sw_hash *out, sw_bytes app_compose) {
    sw_sha256(out, app_compose);
}

/* ---- parsing ---- */

static sw_status refuse(sw_error *err, const char *sentence) {
    sw_status status = sw_fail(err, SW_REFUSED, "compose", COMPOSE_FILE ": %s", sentence);
    sw_error_hint(err, "only what `sealwright recipe compose` writes is accepted");
    return status;
}

static sw_status check_member(const sw_json *m, sw_error *err) {
    static const char *const known[] = {"allowed_envs",
                                        "docker_compose_file",
                                        "gateway_enabled",
                                        "kms_enabled",
                                        "local_key_provider_enabled",
                                        "manifest_version",
                                        "name",
                                        "no_instance_id",
                                        "public_logs",
                                        "public_sysinfo",
                                        "public_tcbinfo",
                                        "runner",
                                        "sealwright",
                                        "secure_time"};
    char text[160];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (sw_bytes_is(m->key, known[i])) return SW_OK;
    for (size_t i = 0; i < sizeof banned / sizeof banned[0]; i++) {
        if (!sw_bytes_is(m->key, banned[i].name)) continue;
        (void)snprintf(text, sizeof text, "it holds %s: %s", banned[i].name, banned[i].why);
        return refuse(err, text);
    }
    bool plain = m->key.size > 0 && m->key.size <= 40;
    for (size_t i = 0; plain && i < m->key.size; i++)
        plain = m->key.data[i] > 0x20 && m->key.data[i] < 0x7f;
    (void)snprintf(text, sizeof text, "it holds %.*s, which no recipe gives",
                   plain ? (int)m->key.size : 8, plain ? (const char *)m->key.data : "a member");
    return refuse(err, text);
}

typedef struct sources {
    sw_bytes yaml, model_lock, trainer_lock;
} sources;

static sw_status take_sources(const sw_json *root, sources *out, sw_error *err) {
    static const char *const names[] = {"model_lock", "recipe", "trainer_lock", "version", NULL};
    const sw_json *ours = NULL, *lock = NULL;
    uint64_t version;
    SW_TRY(sw_json_object(root, "", "sealwright", &ours, err));
    SW_TRY(sw_json_expect(ours, "sealwright", names, err));
    SW_TRY(sw_json_u64(ours, "sealwright", "version", 1, &version, err));
    SW_TRY(sw_json_text(ours, "sealwright", "recipe", &out->yaml, err));
    SW_TRY(sw_json_object(ours, "sealwright", "model_lock", &lock, err));
    out->model_lock = lock->span;
    SW_TRY(sw_json_object(ours, "sealwright", "trainer_lock", &lock, err));
    out->trainer_lock = lock->span;
    return SW_OK;
}

/* Names the first member of `expected` that `given` lacks or writes in another way. */
static sw_status name_difference(sw_arena *a, const sw_json *given, sw_bytes made, sw_error *err) {
    sw_json *expected = NULL;
    char text[200];
    SW_TRY(sw_json_parse_canonical(a, made, NULL, &expected, err));
    for (const sw_json *e = expected->first; e != NULL; e = e->next) {
        char name[40];
        (void)snprintf(name, sizeof name, "%.*s", (int)e->key.size, (const char *)e->key.data);
        const sw_json *g = sw_json_member(given, name);
        if (g != NULL && sw_bytes_equal(g->span, e->span)) continue;
        bool brief = e->span.size <= 40;
        (void)snprintf(text, sizeof text, "%s %s what its recipe gives%s%.*s", name,
                       g == NULL ? "is missing," : "is not", brief ? ": " : "",
                       brief ? (int)e->span.size : 0, (const char *)e->span.data);
        return refuse(err, text);
    }
    return refuse(err, "its bytes are not in canonical form");
}

static sw_status parse(sw_bytes bytes, sw_recipe *out, sw_error *err) {
    static const sw_json_limits limits = {.bytes = SW_COMPOSE_LIMIT, .depth = 8, .nodes = 2000};
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_COMPOSE_LIMIT);
    sw_json *root = NULL;
    sources from;
    SW_TRY(sw_json_parse(&a, bytes, &limits, &root, err));
    if (root->type != SW_JSON_OBJECT) return refuse(err, "it is not an object");
    for (const sw_json *m = root->first; m != NULL; m = m->next) SW_TRY(check_member(m, err));
    SW_TRY(take_sources(root, &from, err));
    SW_TRY(make(from.yaml, RECIPE_FILE, from.model_lock, from.trainer_lock, out, &made, err));
    if (sw_bytes_equal(bytes, sw_buffer_bytes(&made))) return SW_OK;
    return name_difference(&a, root, sw_buffer_bytes(&made), err);
}

sw_status sw_compose_parse(sw_bytes app_compose, sw_recipe *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_recipe *r;
    sw_error why = {0};
    SW_TRY(make_place(&a, &r, err));
    sw_status status = parse(app_compose, r, &why);
    if (status == SW_OK) {
        *out = *r;
        return SW_OK;
    }
    bool ours = status == SW_MEMORY || status == SW_INTERNAL || strcmp(why.word, "compose") == 0;
    if (ours) {
        if (err != NULL) *err = why;
        return status;
    }
    return refuse(err, why.message);
}
