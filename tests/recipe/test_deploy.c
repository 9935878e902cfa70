/* SPDX-License-Identifier: Apache-2.0
 *
 * Deployments: the exact bytes that are asked for, names and words that are refused, and answers of
 * a service that built what was asked, or something else.
 */
#include "cmocka_plain.h"
#include "codec/text.h"
#include "crypto/crypto.h"
#include "recipe/deploy.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DOCKER       "services:\n  a:\n    image: x\n"
#define DOCKER_JSON  "services:\\n  a:\\n    image: x\\n"

static const sw_bytes two_names[] = {{(const uint8_t *)"A_1", 3}, {(const uint8_t *)"_b", 2}};

static sw_deployment good(void) {
    return (sw_deployment){.name = "my-app",
                           .instance_type = "h200.small",
                           .docker_compose = SW_LITERAL(DOCKER),
                           .env_names = two_names,
                           .env_count = 2};
}

static void same(const sw_buffer *got, const char *expected) {
    if (!sw_bytes_is(sw_buffer_bytes(got), expected))
        fail_msg("%.*s", (int)got->size, (const char *)got->data);
}

static void test_bytes(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) compose = SW_BUFFER(1 << 16);
    SW_SCOPED(sw_buffer) request = SW_BUFFER(1 << 16);
    sw_deployment d = good();
    assert_int_equal(sw_deploy_compose_make(&d, &compose, NULL), SW_OK);
    same(
        &compose,
        "{\"allowed_envs\":[\"A_1\",\"_b\"],\"docker_compose_file\":\"" DOCKER_JSON
        "\",\"gateway_enabled\":false,\"kms_enabled\":true,\"local_key_provider_enabled\":false,"
        "\"manifest_version\":2,\"name\":\"my-app\",\"no_instance_id\":false,\"public_logs\":false,"
        "\"public_sysinfo\":false,\"public_tcbinfo\":true,\"runner\":\"docker-compose\","
        "\"secure_time\":true}");
    d.image = "dstack-nvidia-0.5.9";
    d.region = "US-EAST-1";
    assert_int_equal(sw_deploy_request_make(&d, &request, NULL), SW_OK);
    same(&request,
         "{\"compose_file\":{\"allowed_envs\":[\"A_1\",\"_b\"],\"docker_compose_file\":"
         "\"" DOCKER_JSON "\",\"name\":\"\",\"pre_launch_script\":\"\",\"public_logs\":false,"
         "\"public_sysinfo\":false,"
         "\"public_tcbinfo\":true,\"secure_time\":true},\"image\":\"dstack-nvidia-0.5.9\","
         "\"instance_type\":\"h200.small\",\"kms\":\"PHALA\",\"listed\":false,\"name\":\"my-app\","
         "\"region\":\"US-EAST-1\",\"skip_gateway\":true}");
    sw_buffer_reset(&request);
    d = good();
    d.gateway = true;
    assert_int_equal(sw_deploy_request_make(&d, &request, NULL), SW_OK);
    assert_null(memmem(request.data, request.size, "skip_gateway", 12));
    assert_null(memmem(request.data, request.size, "region", 6));
}

static void refused(const sw_deployment *d, const char *sentence) {
    sw_error err = {0};
    SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 20);
    sw_status status = sw_deploy_check(d, &err);
    if (status == SW_OK || strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
    assert_int_equal(sw_deploy_compose_make(d, &out, NULL), status);
    assert_int_equal(sw_deploy_request_make(d, &out, NULL), status);
    assert_int_equal(out.size, 0);
}

static void test_names(void **state) {
    (void)state;
    static const char *const taken[] = {
        "abcde", "A1b2c3", "0-0-0",
        "a23456789012345678901234567890123456789012345678901234567890123"};
    static const char *const not_taken[] = {
        "",        "abcd",
        "-abcde",  "abcde-",
        "ab_de",   "ab.cde",
        "ab cde",  "abcd\xc3\xa9",
        "abcde\n", "a234567890123456789012345678901234567890123456789012345678901234"};
    static const char *const words[] = {"", "a b", "a/b", "a\"b", "\xc3\xa9"};
    sw_deployment d = good();
    for (size_t i = 0; i < COUNT(taken); i++) {
        d.name = taken[i];
        assert_int_equal(sw_deploy_check(&d, NULL), SW_OK);
    }
    for (size_t i = 0; i < COUNT(not_taken); i++) {
        d.name = not_taken[i];
        refused(&d, "name has 5 to 63 letters");
    }
    for (size_t i = 0; i < COUNT(words); i++) {
        d = good();
        d.instance_type = words[i];
        refused(&d, "instance type is no plain word");
        d = good();
        d.image = words[i];
        refused(&d, "image is no plain word");
        d = good();
        d.region = words[i];
        refused(&d, "region is no plain word");
    }
}

static void test_texts(void **state) {
    (void)state;
    static uint8_t big[SW_DEPLOY_COMPOSE_LIMIT + 1], long_name[SW_DEPLOY_ENV_BYTES + 1];
    memset(big, 'x', sizeof big);
    memset(long_name, 'x', sizeof long_name);
    static const char *const names[] = {"", "1A", "A-B", "A B", "A=1", "\xc3\xa9"};
    sw_deployment d = good();
    d.docker_compose = (sw_bytes){0};
    refused(&d, "docker compose file is empty");
    d.docker_compose = SW_BYTES_OF(big);
    refused(&d, "docker compose file has more than 204800 bytes");
    d.docker_compose = SW_LITERAL("\xff");
    refused(&d, "docker compose file is not UTF-8");
    for (size_t i = 0; i < COUNT(names); i++) {
        sw_bytes list[] = {SW_LITERAL("A"), sw_text(names[i])};
        d = good();
        d.env_names = list;
        refused(&d, "variable 2 has no name of letters");
    }
    static const char *const root[] = {"DSTACK_ROOT_PASSWORD", "DSTACK_ROOT_PUBLIC_KEY",
                                       "DSTACK_AUTHORIZED_KEYS"};
    for (size_t i = 0; i < COUNT(root); i++) {
        sw_bytes list[] = {sw_text(root[i])};
        d = good();
        d.env_names = list;
        d.env_count = 1;
        refused(&d, "would let whoever sends it in as root");
    }
    sw_bytes twice[] = {SW_LITERAL("A"), SW_LITERAL("B"), SW_LITERAL("A")};
    d = good();
    d.env_names = twice;
    d.env_count = 3;
    refused(&d, "variables 1 and 3 are the same");
    sw_bytes too_long[] = {SW_BYTES_OF(long_name)};
    d.env_names = too_long;
    d.env_count = 1;
    refused(&d, "variable 1 has no name");
    d.env_count = SW_DEPLOY_ENV_LIMIT + 1;
    refused(&d, "more than 1024 names");
}

/* What is no docker compose (DSK-072), and ids of key providers (DSK-078). */
static void test_docker(void **state) {
    (void)state;
    static const struct {
        const char *text, *sentence;
    } table[] = {
        {"services: {a: {image: x}}", NULL},
        {"x", "names no services"},
        {"- services", "names no services"},
        {"version: '3'", "names no services"},
        {"services: {}", "names no services"},
        {"services: [a]", "names no services"},
        {"services: a", "names no services"},
        {"services: {a: {image: x}", "the docker compose file:"},
        {"services:\n\ta: 1\n", "the docker compose file:"},
        {"services: {a: &x {}}", "anchors are not accepted"},
        {"services: {a: !!map {}}", "tags are not accepted"},
        {"services: {a: {}}\n---\nb: 1\n", "more than one document"},
        {"services: {a: {}, a: {}}", "the docker compose file:"},
        {"{\"compose_hash\":\"00\"}", "names no services"},
        {"# nothing", "holds nothing"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        sw_deployment d = good();
        d.docker_compose = sw_text(table[i].text);
        if (table[i].sentence == NULL)
            assert_int_equal(sw_deploy_check(&d, NULL), SW_OK);
        else
            refused(&d, table[i].sentence);
    }
    static char long_id[2 * SW_DEPLOY_PROVIDER_LIMIT + 3];
    memset(long_id, 'a', sizeof long_id - 1);
    const char *const ids[] = {"", "0", "0x00", "AA", "g0", long_id};
    for (size_t i = 0; i < COUNT(ids); i++) {
        sw_deployment d = good();
        d.key_provider_id = ids[i];
        refused(&d, "1 to 256 bytes in lower-case hex");
    }
    sw_deployment d = good();
    long_id[2 * SW_DEPLOY_PROVIDER_LIMIT] = 0;
    d.key_provider_id = long_id;
    assert_int_equal(sw_deploy_check(&d, NULL), SW_OK);
}

/* ---- answers ---- */
/* {"compose_hash": of the text, "app_compose": the text}; `bend` flips the hash. */
static sw_bytes make_answer(sw_arena *a, sw_bytes text, bool bend) {
    SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 20);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_hash hash;
    sw_sha256(&hash, text);
    hash.b[0] ^= bend ? 1 : 0;
    sw_json_add_text(a, root, "app_compose", text);
    sw_json_add_hex(a, root, "compose_hash", SW_BYTES_OF(hash.b));
    sw_json_add_text(a, root, "app_id", SW_LITERAL("0123abcd"));
    sw_json_encode(&out, root);
    return sw_arena_copy(a, sw_buffer_bytes(&out));
}

static void test_answer(void **state) {
    (void)state;
    /* not our bytes, and the same in all that was asked */
    static const char built[] =
        "{ \"manifest_version\": 2, \"name\": \"\", \"runner\": \"docker-compose\",\n"
        "\"docker_compose_file\": \"" DOCKER_JSON "\", \"kms_enabled\": true,\n"
        "\"features\": [\"kms\"], \"pre_launch_script\": \"\", \"allowed_envs\": [\"A_1\", "
        "\"_b\"],\n"
        "\"salt\": \"x\", \"storage_fs\": \"zfs\" }\n";
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) ours = SW_BUFFER(1 << 20);
    sw_deployment d = good();
    sw_deploy_built got;
    sw_hash expected;
    sw_error err = {0};
    if (sw_deploy_answer_check(&d, make_answer(&a, sw_text(built), false), &got, &err) != SW_OK)
        fail_msg("%s", err.message);
    sw_sha256(&expected, sw_text(built));
    assert_true(sw_hash_equal(&got.compose, &expected));
    assert_int_equal(sw_deploy_compose_make(&d, &ours, NULL), SW_OK);
    sw_bytes answer = make_answer(&a, sw_buffer_bytes(&ours), false);
    assert_int_equal(sw_deploy_answer_check(&d, answer, &got, &err), SW_OK);
    assert_int_equal(sw_deploy_answer_check(&d, make_answer(&a, sw_text(built), true), &got, &err),
                     SW_REFUSED);
    assert_non_null(strstr(err.message, "compose_hash is not that of the app_compose"));
    assert_string_equal(got.app_id, "0123abcd");
    static const char *const versions[] = {"1", "\"1\"", "\"2\"", "\"3\""};
    for (size_t i = 0; i < COUNT(versions); i++) {
        char text[sizeof built + 8];
        (void)snprintf(text, sizeof text, "{\"manifest_version\":%s%s", versions[i],
                       strchr(built, ','));
        assert_int_equal(
            sw_deploy_answer_check(&d, make_answer(&a, sw_text(text), false), &got, &err), SW_OK);
    }
    static const char *const malformed[] = {"", "{", "[]", "{\"compose_hash\":\"00\"}",
                                            "{\"app_compose\":\"{}\"}"};
    for (size_t i = 0; i < COUNT(malformed); i++)
        assert_int_equal(sw_deploy_answer_check(&d, sw_text(malformed[i]), &got, &err),
                         SW_MALFORMED);
}

/* {"compose_hash": that of our own text, MORE}. */
static sw_bytes hash_alone(sw_arena *a, const sw_deployment *d, bool bend, const char *more) {
    SW_SCOPED(sw_buffer) ours = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 20);
    sw_hash hash;
    assert_int_equal(sw_deploy_compose_make(d, &ours, NULL), SW_OK);
    sw_sha256(&hash, sw_buffer_bytes(&ours));
    hash.b[31] ^= bend;
    sw_put_text(&out, "{\"compose_hash\":\"");
    sw_hex_encode(&out, SW_BYTES_OF(hash.b));
    sw_put_format(&out, "\"%s}", more);
    return sw_arena_copy(a, sw_buffer_bytes(&out));
}

/* A service that shows no text is believed when it measures ours, and no other (DSK-080). */
static void test_hash_alone(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_deployment d = good(), other = good();
    sw_deploy_built got = {.compose = {{9}}};
    sw_error err = {0};
    other.gateway = true;
    const sw_bytes refused[] = {hash_alone(&a, &d, true, ""), hash_alone(&a, &other, false, "")};
    for (size_t i = 0; i < COUNT(refused); i++) {
        assert_int_equal(sw_deploy_answer_check(&d, refused[i], &got, &err), SW_REFUSED);
        assert_string_equal(err.word, "compose");
        assert_non_null(strstr(err.message, "compose_hash is not ours"));
        assert_int_equal(got.compose.b[0], 9);
    }
    sw_bytes null_text = hash_alone(&a, &d, false, ",\"app_compose\":null");
    assert_int_equal(sw_deploy_answer_check(&d, null_text, &got, &err), SW_MALFORMED);
    assert_int_equal(sw_deploy_answer_check(&d, hash_alone(&a, &d, false, ""), &got, &err), SW_OK);
    assert_string_equal(got.app_id, "");
}

/* ---- what is started ---- */
static void test_start(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) body = SW_BUFFER(4096);
    static const char *const bad_ids[] = {"1", "\"\"", "\"a b\"", "\"a/b\"", "\"\\u0000\"", "[]"};
    char more[64], expected[256], hex[2 * SW_HASH_BYTES + 1];
    sw_deployment d = good();
    sw_deploy_built built = {0};
    sw_error err = {0};
    for (size_t i = 0; i < COUNT(bad_ids); i++) {
        (void)snprintf(more, sizeof more, ",\"app_id\":%s", bad_ids[i]);
        if (sw_deploy_answer_check(&d, hash_alone(&a, &d, false, more), &built, &err) == SW_OK)
            fail_msg("taken: %s", bad_ids[i]);
    }
    sw_bytes nameless = hash_alone(&a, &d, false, ",\"app_id\":null");
    assert_int_equal(sw_deploy_answer_check(&d, nameless, &built, &err), SW_OK);
    assert_int_equal(sw_deploy_start_make(&built, &body, &err), SW_MISSING);
    sw_bytes named = hash_alone(&a, &d, false, ",\"app_id\":\"ab01\"");
    assert_int_equal(sw_deploy_answer_check(&d, named, &built, &err), SW_OK);
    assert_int_equal(sw_deploy_start_make(&built, &body, &err), SW_OK);
    sw_hex_text(hex, SW_BYTES_OF(built.compose.b));
    (void)snprintf(expected, sizeof expected, "{\"app_id\":\"ab01\",\"compose_hash\":\"%s\"}", hex);
    same(&body, expected);
}

static void test_started(void **state) {
    (void)state;
    static const struct {
        const char *answer, *sentence;
    } table[] = {
        {"{}", NULL},
        {"{\"app_id\":\"ab01\",\"name\":\"my-app\",\"status\":\"starting\",\"vm_uuid\":\"5-6\","
         "\"id\":7,\"teepod\":{\"id\":1}}",
         NULL},
        {"{\"app_id\":null,\"name\":null,\"status\":null,\"vm_uuid\":null}", NULL},
        {"{\"app_id\":\"ab02\"}", "another app_id than it built"},
        {"{\"name\":\"my-app-2\"}", "another name than it built"},
        {"{\"compose_hash\":\"00\"}", "another compose_hash than it built"},
        {"{\"status\":\"a b.c\"}", NULL},
        {"{\"status\":\"a  b\"}", "status is no plain word"},
        {"{\"status\":\" a\"}", "status is no plain word"},
        {"{\"status\":\"a \"}", "status is no plain word"},
        {"{\"status\":\"a\\nb\"}", "status is no plain word"},
        {"{\"vm_uuid\":\"a b\"}", "vm_uuid is no plain word"},
        {"{\"status\":\"\\u001b[2J\"}", "status is no plain word"},
        {"{\"vm_uuid\":{}}", "vm_uuid"},
        {"{\"status\":\"a\",\"status\":\"b\"}", "JSON byte"},
        {"[]", "not an object"},
        {"", "JSON byte"},
        {"{", "JSON byte"},
    };
    const sw_deployment d = good();
    const sw_deploy_built built = {.compose = {{1}}, .app_id = "ab01"};
    for (size_t i = 0; i < COUNT(table); i++) {
        sw_deploy_started got = {.status = "kept"};
        sw_error err = {0};
        sw_status status =
            sw_deploy_started_check(&d, &built, sw_text(table[i].answer), &got, &err);
        if ((status == SW_OK) != (table[i].sentence == NULL))
            fail_msg("%s: %d %s", table[i].answer, status, err.message);
        if (status == SW_OK) continue;
        assert_string_equal(got.status, "kept");
        if (strstr(err.message, table[i].sentence) == NULL)
            fail_msg("%s: %s", table[i].answer, err.message);
    }
}

/* The first occurrence of `old` in our own compose replaced, hashed anew. */
static void test_answer_refused(void **state) {
    (void)state;
    static const struct {
        const char *old, *new, *sentence;
    } cases[] = {
        {"image: x", "image: y", "docker_compose_file is not what was asked for"},
        {"\"docker-compose\"", "\"bash\"", "runner is not what was asked for"},
        {"\"public_logs\":false", "\"public_logs\":true", "public_logs is true"},
        {"\"public_sysinfo\":false", "\"public_sysinfo\":true", "public_sysinfo is true"},
        {"\"public_tcbinfo\":true", "\"public_tcbinfo\":false", "public_tcbinfo is false"},
        {"\"secure_time\":true", "\"secure_time\":false", "secure_time is false"},
        {"\"secure_time\":true", "\"secure_time\":1", "secure_time"},
        {"\"gateway_enabled\":false", "\"gateway_enabled\":true", "gateway_enabled is true"},
        {"\"gateway_enabled\":false", "\"tproxy_enabled\":true", "tproxy_enabled is true"},
        {"{\"a", "{\"features\":[\"kms\",\"tproxy-net\"],\"a", "features turn the gateway on"},
        {"{\"a", "{\"features\":[\"x\"],\"a", "features name one that was not asked for"},
        {"{\"a", "{\"features\":1,\"a", "app_compose.features"},
        {"\"kms_enabled\":true", "\"kms_enabled\":false", "kms_enabled is false"},
        {"\"kms_enabled\":true,", "", "kms_enabled is false"},
        {"\"local_key_provider_enabled\":false", "\"local_key_provider_enabled\":true",
         "local_key_provider_enabled is true"},
        {"\"A_1\"", "\"A_2\"", "allowed_envs are not those"},
        {"\"A_1\",\"_b\"", "\"_b\",\"A_1\"", "allowed_envs are not those"},
        {"\"A_1\",", "\"A_1\",\"DSTACK_ROOT_PASSWORD\",", "allowed_envs are not those"},
        {"{\"a", "{\"pre_launch_script\":\"id\",\"a", "pre_launch_script is not what was asked"},
        {"\"no_instance_id\":false", "\"no_instance_id\":true", "no_instance_id is true"},
        {"\"my-app\"", "\"another\"", "name is not what was asked for"},
        {"{\"a", "{\"default_gateway_domain\":\"x\",\"a", "names a gateway"},
        {"{\"a", "{\"storage_fs\":\"ext4\",\"a", "storage_fs is not what was asked for"},
        {"{\"a", "{\"storage_fs\":\"$(id)\",\"a", "storage_fs is not what was asked for"},
        {"{\"a", "{\"storage_fs\":{},\"a", "app_compose.storage_fs"},
        {"{\"a", "{\"storage_fs\":null,\"a", "app_compose.storage_fs"},
        {"{\"a", "{\"salt\":{},\"a", "app_compose.salt"},
        {"\"manifest_version\":2,", "", "manifest_version is none that is known"},
        {"\"manifest_version\":2", "\"manifest_version\":0", "manifest_version is none"},
        {"\"manifest_version\":2", "\"manifest_version\":3", "manifest_version is none"},
        {"\"manifest_version\":2", "\"manifest_version\":99", "manifest_version is none"},
        {"\"manifest_version\":2", "\"manifest_version\":\"4\"", "manifest_version is none"},
        {"\"manifest_version\":2", "\"manifest_version\":\"02\"", "manifest_version is none"},
        {"\"manifest_version\":2", "\"manifest_version\":\"x\"", "manifest_version is none"},
        {"\"manifest_version\":2", "\"manifest_version\":{}", "manifest_version is none"},
        {"{\"a", "{\"init_script\":\"id\",\"a", "the member init_script was not asked for"},
        {"{\"a", "{\"bash_script\":\"id\",\"a", "the member bash_script was not asked for"},
        {"{\"a", "{\"verity_volumes\":[],\"a", "the member verity_volumes was not asked for"},
        {"{\"a", "{\"\\u0001\":1,\"a", "the member ? was not asked for"},
        {"{\"a", "{\"key_provider\":\"local\",\"a", "key_provider is not what was asked for"},
        {"{\"a", "{\"key_provider_id\":\"00\",\"a", "pins a KMS that was not asked for"},
        {"{\"a", "{\"key_provider_id\":0,\"a", "pins a KMS that was not asked for"},
        {"{\"a", "{\"kms_enabled\":true,\"a", "app_compose: JSON byte"},
        {"{\"a", "[\"a", "app_compose: JSON byte"},
    };
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) ours = SW_BUFFER(1 << 20);
    sw_deployment d = good();
    assert_int_equal(sw_deploy_compose_make(&d, &ours, NULL), SW_OK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) bent = SW_BUFFER(1 << 20);
        sw_deploy_built got = {.compose = {{9}}};
        sw_error err = {0};
        const uint8_t *hit = memmem(ours.data, ours.size, cases[i].old, strlen(cases[i].old));
        assert_non_null(hit);
        size_t before = (size_t)(hit - ours.data), behind = before + strlen(cases[i].old);
        sw_put_bytes(&bent, SW_BYTES(ours.data, before));
        sw_put_text(&bent, cases[i].new);
        sw_put_bytes(&bent, SW_BYTES(ours.data + behind, ours.size - behind));
        sw_bytes answer = make_answer(&a, sw_buffer_bytes(&bent), false);
        sw_status status = sw_deploy_answer_check(&d, answer, &got, &err);
        if (status == SW_OK || strstr(err.message, cases[i].sentence) == NULL)
            fail_msg("%zu: \"%s\" is not in \"%s\"", i, cases[i].sentence, err.message);
        assert_int_equal(got.compose.b[0], 9);
    }
}

/* A KMS that was asked for by its id stands in what is built, and no other. */
static void test_provider(void **state) {
    (void)state;
    static const struct {
        const char *id, *sentence;
    } table[] = {{"30aa", NULL},
                 {"30ab", "key_provider_id is not what was asked for"},
                 {"30AA", "key_provider_id is not what was asked for"},
                 {"", "key_provider_id is not what was asked for"}};
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) ours = SW_BUFFER(1 << 20);
    sw_deployment d = good();
    sw_deploy_built got;
    sw_error err = {0};
    assert_int_equal(sw_deploy_compose_make(&d, &ours, NULL), SW_OK);
    sw_bytes without = make_answer(&a, sw_buffer_bytes(&ours), false);
    d.key_provider_id = "30aa";
    assert_int_not_equal(sw_deploy_answer_check(&d, without, &got, &err), SW_OK);
    assert_non_null(strstr(err.message, "key_provider_id is missing"));
    for (size_t i = 0; i < COUNT(table); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        sw_put_format(&text, "{\"key_provider_id\":\"%s\",", table[i].id);
        sw_put_bytes(&text, SW_BYTES(ours.data + 1, ours.size - 1));
        sw_bytes answer = make_answer(&a, sw_buffer_bytes(&text), false);
        sw_status status = sw_deploy_answer_check(&d, answer, &got, &err);
        if (table[i].sentence == NULL)
            assert_int_equal(status, SW_OK);
        else if (status == SW_OK || strstr(err.message, table[i].sentence) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", table[i].sentence, err.message);
    }
    SW_SCOPED(sw_buffer) pinned = SW_BUFFER(1 << 20);
    assert_int_equal(sw_deploy_compose_make(&d, &pinned, NULL), SW_OK);
    assert_non_null(memmem(pinned.data, pinned.size, "\"key_provider_id\":\"30aa\"", 24));
    SW_SCOPED(sw_buffer) request = SW_BUFFER(1 << 20); /* and is asked for */
    assert_int_equal(sw_deploy_request_make(&d, &request, NULL), SW_OK);
    assert_non_null(memmem(request.data, request.size, "\"key_provider_id\":\"30aa\"", 24));
    assert_int_equal(
        sw_deploy_answer_check(&d, make_answer(&a, sw_buffer_bytes(&pinned), false), &got, NULL),
        SW_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),          cmocka_unit_test(test_names),
        cmocka_unit_test(test_texts),          cmocka_unit_test(test_answer),
        cmocka_unit_test(test_answer_refused), cmocka_unit_test(test_docker),
        cmocka_unit_test(test_provider),       cmocka_unit_test(test_hash_alone),
        cmocka_unit_test(test_start),          cmocka_unit_test(test_started),
    };
    return cmocka_run_group_tests_name("deploy", tests, NULL, NULL);
}
