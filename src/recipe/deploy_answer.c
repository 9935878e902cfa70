/* SPDX-License-Identifier: Apache-2.0
 *
 * What a service says that it built, and what it says that it started (DSK-076 to DSK-083). The
 * hash is computed here: of the text that the service shows, or of ours when it shows none.
 */
#include "codec/text.h"
#include "crypto/crypto.h"
#include "recipe/deploy.h"

#include <string.h>

#define APP_COMPOSE "app_compose"

static const sw_json_limits limits = {.bytes = SW_DEPLOY_ANSWER_LIMIT, .depth = 16, .nodes = 16384};

static sw_status refuse(sw_error *err, const char *sentence) {
    return sw_fail(err, SW_REFUSED, "compose", "%s", sentence);
}

/* ---- the app-compose that was built ---- */
static sw_status flag_is(const sw_json *compose, const char *name, bool wanted, bool missing,
                         sw_error *err) {
    const sw_json *m = sw_json_member(compose, name);
    bool value = missing;
    if (m != NULL) SW_TRY(sw_json_flag(compose, APP_COMPOSE, name, &value, err));
    if (value == wanted) return SW_OK;
    return sw_fail(err, SW_REFUSED, "compose", "%s: %s is %s", APP_COMPOSE, name,
                   value ? "true" : "false");
}

static sw_status text_is(const sw_json *compose, const char *name, sw_bytes wanted, sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_json_text(compose, APP_COMPOSE, name, &text, err));
    if (sw_bytes_equal(text, wanted)) return SW_OK;
    return sw_fail(err, SW_REFUSED, "compose", "%s: %s is not what was asked for", APP_COMPOSE,
                   name);
}

static sw_status env_is(const sw_json *compose, const sw_deployment *d, sw_error *err) {
    const sw_json *list;
    size_t n = 0;
    SW_TRY(sw_json_array(compose, APP_COMPOSE, "allowed_envs", SW_DEPLOY_ENV_LIMIT, &list, err));
    bool same = list->count == d->env_count;
    for (const sw_json *m = list->first; same && m != NULL; m = m->next, n++)
        same = m->type == SW_JSON_STRING && sw_bytes_equal(m->text, d->env_names[n]);
    if (same) return SW_OK;
    return sw_fail(err, SW_REFUSED, "compose", "%s: allowed_envs are not those asked for",
                   APP_COMPOSE);
}

/* Each member is one that was asked for, is judged below, or changes nothing that a verifier would
 * mind: what the service adds to say where it runs. */
static sw_status members_check(const sw_json *compose, sw_error *err) {
    static const char *const known[] = {"allowed_envs",
                                        "docker_compose_file",
                                        "public_logs",
                                        "public_sysinfo",
                                        "public_tcbinfo",
                                        "secure_time",
                                        "kms_enabled",
                                        "gateway_enabled",
                                        "local_key_provider_enabled",
                                        "runner",
                                        "pre_launch_script",
                                        "manifest_version",
                                        "name",
                                        "no_instance_id",
                                        "features",
                                        "storage_fs",
                                        "default_gateway_domain",
                                        "key_provider_id",
                                        "salt",
                                        "key_provider",
                                        "tproxy_enabled",
                                        NULL};
    for (const sw_json *m = compose->first; m != NULL; m = m->next) {
        size_t i = 0;
        while (known[i] != NULL && !sw_bytes_is(m->key, known[i])) i++;
        if (known[i] != NULL) continue;
        bool plain = m->key.size <= 64 && sw_utf8_plain(m->key);
        return sw_fail(err, SW_REFUSED, "compose", "%s: the member %.*s was not asked for",
                       APP_COMPOSE, plain ? (int)m->key.size : 1,
                       plain ? (const char *)m->key.data : "?");
    }
    return SW_OK;
}

/* The older way to say `gateway_enabled` and `kms_enabled`, which a guest still heeds. */
static sw_status features_check(const sw_deployment *d, const sw_json *compose, sw_error *err) {
    const sw_json *list;
    if (sw_json_member(compose, "features") == NULL) return SW_OK;
    SW_TRY(sw_json_array(compose, APP_COMPOSE, "features", 8, &list, err));
    for (const sw_json *m = list->first; m != NULL; m = m->next) {
        bool gateway = m->type == SW_JSON_STRING && sw_bytes_is(m->text, "tproxy-net");
        bool kms = m->type == SW_JSON_STRING && sw_bytes_is(m->text, "kms");
        if (!kms && !(gateway && d->gateway))
            return refuse(err, gateway ? "app_compose: features turn the gateway on"
                                       : "app_compose: features name one that was not asked for");
    }
    return SW_OK;
}

/* DSK-079: whom the machine takes its keys from is what was asked for, in both directions. */
static sw_status provider_is(const sw_json *compose, const sw_deployment *d, sw_error *err) {
    static const char name[] = "key_provider_id";
    const sw_json *m = sw_json_member(compose, name);
    if (d->key_provider_id != NULL) return text_is(compose, name, sw_text(d->key_provider_id), err);
    if (m == NULL || m->type == SW_JSON_NULL || (m->type == SW_JSON_STRING && m->text.size == 0))
        return SW_OK;
    return refuse(err, "app_compose: key_provider_id pins a KMS that was not asked for");
}

static sw_status keys_check(const sw_json *compose, const sw_deployment *d, sw_error *err) {
    SW_TRY(provider_is(compose, d, err));
    SW_TRY(flag_is(compose, "kms_enabled", true, false, err));
    SW_TRY(flag_is(compose, "local_key_provider_enabled", false, false, err));
    if (sw_json_member(compose, "key_provider") == NULL) return SW_OK;
    return text_is(compose, "key_provider", SW_LITERAL("kms"), err);
}

/* The service leaves the name out of what is measured, or empty. */
static sw_status name_is(const sw_json *compose, const sw_deployment *d, sw_error *err) {
    const sw_json *m = sw_json_member(compose, "name");
    if (m == NULL || (m->type == SW_JSON_STRING && m->text.size == 0)) return SW_OK;
    return text_is(compose, "name", sw_text(d->name), err);
}

/* Version 3 is a text alone; a number is of the years before. */
static bool version_known(const sw_json *m) {
    if (m == NULL) return false;
    if (m->type == SW_JSON_NUMBER) return sw_bytes_is(m->span, "1") || sw_bytes_is(m->span, "2");
    return m->type == SW_JSON_STRING &&
           (sw_bytes_is(m->text, "1") || sw_bytes_is(m->text, "2") || sw_bytes_is(m->text, "3"));
}

/* What is the service's own. The rows are written to the machine's disk, where zfs, the guest's
 * default, proves what it reads back and ext4 does not. */
static sw_status own_check(const sw_json *compose, sw_error *err) {
    static const char *const texts[] = {"salt", "default_gateway_domain"};
    sw_bytes text;
    if (!version_known(sw_json_member(compose, "manifest_version")))
        return refuse(err, "app_compose: manifest_version is none that is known");
    if (sw_json_member(compose, "storage_fs") != NULL)
        SW_TRY(text_is(compose, "storage_fs", SW_LITERAL("zfs"), err));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (sw_json_member(compose, texts[i]) != NULL)
            SW_TRY(sw_json_text(compose, APP_COMPOSE, texts[i], &text, err));
    return SW_OK;
}

static sw_status compose_check(const sw_deployment *d, const sw_json *compose, sw_error *err) {
    if (compose->type != SW_JSON_OBJECT) return refuse(err, "app_compose is not an object");
    SW_TRY(members_check(compose, err));
    SW_TRY(text_is(compose, "docker_compose_file", d->docker_compose, err));
    SW_TRY(text_is(compose, "runner", SW_LITERAL("docker-compose"), err));
    SW_TRY(name_is(compose, d, err));
    SW_TRY(flag_is(compose, "no_instance_id", false, false, err));
    if (sw_json_member(compose, "pre_launch_script") != NULL)
        SW_TRY(text_is(compose, "pre_launch_script", SW_LITERAL(""), err));
    SW_TRY(flag_is(compose, "public_logs", false, false, err));
    SW_TRY(flag_is(compose, "public_sysinfo", false, false, err));
    SW_TRY(flag_is(compose, "public_tcbinfo", true, true, err));
    SW_TRY(flag_is(compose, "secure_time", true, true, err));
    if (!d->gateway) {
        if (sw_json_member(compose, "default_gateway_domain") != NULL)
            return refuse(err, "app_compose: default_gateway_domain names a gateway");
        SW_TRY(flag_is(compose, "gateway_enabled", false, false, err));
        SW_TRY(flag_is(compose, "tproxy_enabled", false, false, err));
    }
    SW_TRY(features_check(d, compose, err));
    SW_TRY(own_check(compose, err));
    SW_TRY(env_is(compose, d, err));
    return keys_check(compose, d, err);
}

/* The text has the hash that is named and says what was asked. */
static sw_status shown_check(sw_arena *a, const sw_deployment *d, const sw_json *answer,
                             const sw_hash *claimed, sw_error *err) {
    sw_json *built;
    sw_bytes text;
    sw_hash computed;
    SW_TRY(sw_json_text(answer, "answer", APP_COMPOSE, &text, err));
    sw_sha256(&computed, text);
    if (!sw_hash_equal(claimed, &computed))
        return refuse(err,
                      "the answer's compose_hash is not that of the app_compose that it shows");
    sw_status status = sw_json_parse(a, text, &limits, &built, err);
    if (status != SW_OK) sw_error_prefix(err, APP_COMPOSE);
    SW_TRY(status);
    return compose_check(d, built, err);
}

/* Without a text a hash says something only when it is that of the text we would have measured. */
static sw_status ours_check(const sw_deployment *d, const sw_hash *claimed, sw_error *err) {
    SW_SCOPED(sw_buffer) compose = SW_BUFFER(SW_DEPLOY_ANSWER_LIMIT);
    sw_hash ours;
    SW_TRY(sw_deploy_compose_make(d, &compose, err));
    sw_sha256(&ours, sw_buffer_bytes(&compose));
    if (sw_hash_equal(claimed, &ours)) return SW_OK;
    return refuse(err, "the answer's compose_hash is not ours, and the app_compose that was built "
                       "is not shown: nothing vouches for it");
}

/* ---- words that go into the next request or onto a terminal ---- */
static bool absent(const sw_json *m) {
    return m == NULL || m->type == SW_JSON_NULL;
}

/* Words with one space between them. */
static bool phrase_valid(sw_bytes text) {
    if (text.size == 0 || text.size > SW_DEPLOY_WORD_LIMIT) return false;
    for (;;) {
        const uint8_t *space = memchr(text.data, ' ', text.size);
        size_t size = space == NULL ? text.size : (size_t)(space - text.data);
        if (!sw_deploy_word_valid(SW_BYTES(text.data, size))) return false;
        if (space == NULL) return true;
        text = SW_BYTES(space + 1, text.size - size - 1);
    }
}

static sw_status plain_read(const sw_json *answer, const char *name, bool (*valid)(sw_bytes text),
                            sw_deploy_word out, sw_error *err) {
    sw_bytes text;
    out[0] = 0;
    if (absent(sw_json_member(answer, name))) return SW_OK;
    SW_TRY(sw_json_text(answer, "answer", name, &text, err));
    if (!valid(text))
        return sw_fail(err, SW_MALFORMED, "format", "answer.%s is no plain word", name);
    memcpy(out, text.data, text.size);
    out[text.size] = 0;
    return SW_OK;
}

static sw_status word_read(const sw_json *answer, const char *name, sw_deploy_word out,
                           sw_error *err) {
    return plain_read(answer, name, sw_deploy_word_valid, out, err);
}

/* ---- the two answers ---- */
static sw_status built_check(sw_arena *a, const sw_deployment *d, sw_bytes answer,
                             sw_deploy_built *out, sw_error *err) {
    sw_json *root;
    sw_deploy_built made;
    SW_TRY(sw_json_parse(a, answer, &limits, &root, err));
    SW_TRY(sw_json_hash(root, "answer", "compose_hash", &made.compose, err));
    SW_TRY(sw_json_member(root, APP_COMPOSE) != NULL ? shown_check(a, d, root, &made.compose, err)
                                                     : ours_check(d, &made.compose, err));
    SW_TRY(word_read(root, "app_id", made.app_id, err));
    *out = made;
    return SW_OK;
}

sw_status sw_deploy_answer_check(const sw_deployment *d, sw_bytes answer, sw_deploy_built *out,
                                 sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)32 << 20};
    SW_TRY(sw_deploy_check(d, err));
    return built_check(&a, d, answer, out, err);
}

/* What is named is what was built; what is not named says nothing. */
static sw_status same_word(const sw_json *answer, const char *name, const char *expected,
                           sw_error *err) {
    sw_deploy_word word;
    SW_TRY(word_read(answer, name, word, err));
    if (word[0] == 0 || strcmp(word, expected) == 0) return SW_OK;
    return sw_fail(err, SW_REFUSED, "compose", "the service started another %s than it built",
                   name);
}

static sw_status started_check(const sw_json *answer, const sw_deployment *d,
                               const sw_deploy_built *built, sw_deploy_started *out,
                               sw_error *err) {
    char hex[2 * SW_HASH_BYTES + 1];
    sw_deploy_started made;
    sw_hex_text(hex, SW_BYTES_OF(built->compose.b));
    SW_TRY(same_word(answer, "app_id", built->app_id, err));
    SW_TRY(same_word(answer, "compose_hash", hex, err));
    SW_TRY(same_word(answer, "name", d->name, err));
    SW_TRY(word_read(answer, "vm_uuid", made.machine, err));
    SW_TRY(plain_read(answer, "status", phrase_valid, made.status, err));
    *out = made;
    return SW_OK;
}

sw_status sw_deploy_started_check(const sw_deployment *d, const sw_deploy_built *built,
                                  sw_bytes answer, sw_deploy_started *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)32 << 20};
    sw_json *root;
    SW_TRY(sw_json_parse(&a, answer, &limits, &root, err));
    if (root->type != SW_JSON_OBJECT)
        return sw_fail(err, SW_MALFORMED, "format", "the answer is not an object");
    return started_check(root, d, built, out, err);
}

sw_status sw_deploy_start_make(const sw_deploy_built *built, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    if (built->app_id[0] == 0)
        return sw_fail(err, SW_MISSING, "missing", "the answer names no app_id to start");
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_text(&a, root, "app_id", sw_text(built->app_id));
    sw_json_add_hex(&a, root, "compose_hash", SW_BYTES_OF(built->compose.b));
    sw_json_encode(out, root);
    return sw_buffer_check(out, "the request to start it", err);
}
