/* SPDX-License-Identifier: Apache-2.0
 *
 * A deployment asked for (DSK-070 to DSK-079); its answer is judged in deploy_answer.c.
 */
#include "recipe/deploy.h"

#include "codec/text.h"
#include "codec/yaml.h"

#include <string.h>

enum { NAME_LEAST = 5, NAME_MOST = 63 };

/* Names by which a machine's default script lets people in as root. */
static const char *const root_names[] = {"DSTACK_ROOT_PASSWORD", "DSTACK_ROOT_PUBLIC_KEY",
                                         "DSTACK_AUTHORIZED_KEYS", NULL};

static sw_status refuse(sw_error *err, const char *sentence) {
    return sw_fail(err, SW_REFUSED, "compose", "%s", sentence);
}

/* ---- what is asked ---- */
static bool is_letter(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool name_good(const char *name) {
    size_t size = strlen(name);
    if (size < NAME_LEAST || size > NAME_MOST) return false;
    if (name[0] == '-' || name[size - 1] == '-') return false;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t)name[i];
        if (!is_letter(c) && !is_digit(c) && c != '-') return false;
    }
    return true;
}

/* Types, images, regions: words of letters, digits, dots, dashes and underscores. */
bool sw_deploy_word_valid(sw_bytes word) {
    if (word.size == 0 || word.size > SW_DEPLOY_WORD_LIMIT) return false;
    for (size_t i = 0; i < word.size; i++) {
        uint8_t c = word.data[i];
        if (!is_letter(c) && !is_digit(c) && c != '.' && c != '-' && c != '_') return false;
    }
    return true;
}

static bool word_good(const char *word) {
    return sw_deploy_word_valid(sw_text(word));
}

static bool env_good(sw_bytes name) {
    if (name.size == 0 || name.size > SW_DEPLOY_ENV_BYTES || is_digit(name.data[0])) return false;
    for (size_t i = 0; i < name.size; i++)
        if (!is_letter(name.data[i]) && !is_digit(name.data[i]) && name.data[i] != '_')
            return false;
    return true;
}

static sw_status env_check(const sw_deployment *d, sw_error *err) {
    if (d->env_count > SW_DEPLOY_ENV_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "more than %d names of variables",
                       SW_DEPLOY_ENV_LIMIT);
    for (size_t i = 0; i < d->env_count; i++) {
        if (!env_good(d->env_names[i]))
            return sw_fail(err, SW_REFUSED, "compose",
                           "variable %zu has no name of letters, digits and _", i + 1);
        for (size_t k = 0; root_names[k] != NULL; k++)
            if (sw_bytes_is(d->env_names[i], root_names[k]))
                return sw_fail(err, SW_REFUSED, "compose",
                               "%s would let whoever sends it in as root", root_names[k]);
        for (size_t k = 0; k < i; k++)
            if (sw_bytes_equal(d->env_names[i], d->env_names[k]))
                return sw_fail(err, SW_REFUSED, "compose", "variables %zu and %zu are the same",
                               k + 1, i + 1);
    }
    return SW_OK;
}

/* DSK-072: what is sent is a docker compose and not something else by mistake. The same reader as
 * for recipes, so anchors and tags are refused: what runs is written out. */
static sw_status docker_check(sw_bytes text, sw_error *err) {
    static const char what[] = "the docker compose file";
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)32 << 20};
    sw_yaml *root;
    sw_status status = sw_yaml_parse(&a, text, what, &root, err);
    if (status == SW_MEMORY || status == SW_INTERNAL) return status;
    if (status != SW_OK) {
        sw_error_hint(err, "a docker compose is taken without anchors, aliases and tags");
        return status;
    }
    const sw_yaml *services = root->type == SW_YAML_MAP ? sw_yaml_member(root, "services") : NULL;
    if (services == NULL || services->type != SW_YAML_MAP || services->count == 0)
        return refuse(err, "the docker compose file names no services");
    return SW_OK;
}

static sw_status provider_check(const char *id, sw_error *err) {
    uint8_t bytes[SW_DEPLOY_PROVIDER_LIMIT];
    size_t size = id == NULL ? 2 : strlen(id);
    if (size == 0 || size % 2 != 0 || size > 2 * sizeof bytes ||
        (id != NULL && sw_hex_decode(bytes, size / 2, sw_text(id), false, NULL) != SW_OK))
        return sw_fail(err, SW_REFUSED, "compose",
                       "a key provider's id is 1 to %d bytes in lower-case hex",
                       SW_DEPLOY_PROVIDER_LIMIT);
    return SW_OK;
}

sw_status sw_deploy_check(const sw_deployment *d, sw_error *err) {
    if (!name_good(d->name))
        return refuse(err, "a deployment's name has 5 to 63 letters, digits and dashes, and no "
                           "dash at either end");
    if (!word_good(d->instance_type)) return refuse(err, "the instance type is no plain word");
    if (d->image != NULL && !word_good(d->image)) return refuse(err, "the image is no plain word");
    if (d->region != NULL && !word_good(d->region))
        return refuse(err, "the region is no plain word");
    if (d->docker_compose.size == 0) return refuse(err, "the docker compose file is empty");
    if (d->docker_compose.size > SW_DEPLOY_COMPOSE_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "the docker compose file has more than %zu bytes",
                       SW_DEPLOY_COMPOSE_LIMIT);
    if (!sw_utf8_valid(d->docker_compose))
        return refuse(err, "the docker compose file is not UTF-8");
    SW_TRY(docker_check(d->docker_compose, err));
    SW_TRY(provider_check(d->key_provider_id, err));
    return env_check(d, err);
}

static void add_env(sw_arena *a, sw_json *object, const sw_deployment *d) {
    sw_json *list = sw_json_add_array(a, object, "allowed_envs");
    for (size_t i = 0; i < d->env_count; i++) sw_json_add_text(a, list, NULL, d->env_names[i]);
}

/* What both the app-compose and the request say. */
static void add_common(sw_arena *a, sw_json *object, const sw_deployment *d) {
    add_env(a, object, d);
    sw_json_add_text(a, object, "docker_compose_file", d->docker_compose);
    if (d->key_provider_id != NULL)
        sw_json_add_text(a, object, "key_provider_id", sw_text(d->key_provider_id));
    sw_json_add_flag(a, object, "public_logs", false);
    sw_json_add_flag(a, object, "public_sysinfo", false);
    sw_json_add_flag(a, object, "public_tcbinfo", true);
    sw_json_add_flag(a, object, "secure_time", true);
}

sw_status sw_deploy_compose_make(const sw_deployment *d, sw_buffer *out, sw_error *err) {
    SW_TRY(sw_deploy_check(d, err));
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    add_common(&a, root, d);
    sw_json_add_flag(&a, root, "gateway_enabled", d->gateway);
    sw_json_add_flag(&a, root, "kms_enabled", true);
    sw_json_add_flag(&a, root, "local_key_provider_enabled", false);
    sw_json_add_integer(&a, root, "manifest_version", 2);
    sw_json_add_text(&a, root, "name", sw_text(d->name));
    sw_json_add_flag(&a, root, "no_instance_id", false);
    sw_json_add_text(&a, root, "runner", SW_LITERAL("docker-compose"));
    sw_json_encode(out, root);
    return sw_buffer_check(out, "app-compose.json", err);
}

sw_status sw_deploy_request_make(const sw_deployment *d, sw_buffer *out, sw_error *err) {
    SW_TRY(sw_deploy_check(d, err));
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json *compose = sw_json_add_object(&a, root, "compose_file");
    add_common(&a, compose, d);
    sw_json_add_text(&a, compose, "name", SW_LITERAL(""));
    sw_json_add_text(&a, compose, "pre_launch_script", SW_LITERAL(""));
    if (d->image != NULL) sw_json_add_text(&a, root, "image", sw_text(d->image));
    sw_json_add_text(&a, root, "instance_type", sw_text(d->instance_type));
    sw_json_add_text(&a, root, "kms", SW_LITERAL("PHALA"));
    sw_json_add_flag(&a, root, "listed", false);
    sw_json_add_text(&a, root, "name", sw_text(d->name));
    if (d->region != NULL) sw_json_add_text(&a, root, "region", sw_text(d->region));
    if (!d->gateway) sw_json_add_flag(&a, root, "skip_gateway", true);
    sw_json_encode(out, root);
    return sw_buffer_check(out, "the provision request", err);
}
