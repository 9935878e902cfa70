/* SPDX-License-Identifier: Apache-2.0
 *
 * app-compose.json: exact bytes against the committed golden (Python's json,
 * golden/make-golden.py), and nothing but them. docs/formats/recipe.md, RCP-060 to RCP-075.
 */
#include "recipe/golden.h"

#include "codec/text.h"
#include <locale.h>
#include <unistd.h>

static void assert_same(const sw_buffer *a, const sw_buffer *b) {
    assert_true(sw_bytes_equal(sw_buffer_bytes(a), sw_buffer_bytes(b)));
}

static void test_golden(void **state) {
    (void)state;
    golden g = golden_load();
    sw_error err = {0};
    sw_hash hash;
    char hex[65];
    static sw_recipe r;
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_COMPOSE_LIMIT);
    if (golden_make(&g, sw_buffer_bytes(&g.recipe), &made, &err) != SW_OK)
        fail_msg("%s", err.message);
    assert_same(&made, &g.compose);
    sw_compose_hash(&hash, sw_buffer_bytes(&made));
    sw_hex_text(hex, SW_BYTES_OF(hash.b));
    assert_memory_equal(hex, g.hash.data, 64);
    assert_int_equal(sw_compose_parse(sw_buffer_bytes(&g.compose), &r, &err), SW_OK);
    assert_string_equal(r.name, "three-hospitals");
    assert_int_equal(r.model_file_count, 5);
    assert_string_equal(r.model_files[2].name, "model.safetensors");
    assert_int_equal(r.model_files[2].size, 269060552);
    assert_string_equal(r.profiles, "bf16-dp,fp32-ref");
    sw_hex_text(hex, SW_BYTES_OF(r.trainer_digest.b));
    assert_non_null(memmem(g.trainer_lock.data, g.trainer_lock.size, hex, 64));
    golden_drop(&g);
}

/* The same bytes in any working folder, under any name, in every locale that this machine has, also
 * in one with a decimal comma where localedef can make it. */
static void test_same_bytes_everywhere(void **state) {
    static const char *const locales[] = {"C",           "POSIX",       "C.utf8",     "de_DE.UTF-8",
                                          "tr_TR.UTF-8", "fr_FR.UTF-8", "comma.UTF-8"};
    (void)state;
    golden g = golden_load();
    char folder[] = "/tmp/sealwright-locale-XXXXXX", command[256], here[4096];
    static sw_recipe r;
    sw_hash hash;
    SW_SCOPED(sw_buffer) first = SW_BUFFER(1 << 20);
    assert_non_null(mkdtemp(folder));
    assert_non_null(getcwd(here, sizeof here));
    (void)snprintf(command, sizeof command,
                   "localedef -i de_DE -f UTF-8 %s/comma.UTF-8 >%s/log 2>&1", folder, folder);
    bool comma = system(command) == 0;
    assert_int_equal(setenv("LOCPATH", folder, 1), 0);
    assert_int_equal(sw_compose_parse(sw_buffer_bytes(&g.compose), &r, NULL), SW_OK);
    sw_compose_hash(&hash, sw_buffer_bytes(&g.compose));
    assert_int_equal(sw_recipe_show(&r, &hash, &first, NULL), SW_OK);
    assert_int_equal(chdir("/"), 0);
    for (size_t i = 0; i < COUNT(locales); i++) {
        bool set = setlocale(LC_ALL, locales[i]) != NULL;
        print_message("# locale %s%s, decimal point %s\n", locales[i], set ? "" : " is not here",
                      localeconv()->decimal_point);
        if (i == COUNT(locales) - 1) assert_true(set || !comma);
        SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_COMPOSE_LIMIT);
        SW_SCOPED(sw_buffer) shown = SW_BUFFER(1 << 20);
        assert_int_equal(sw_compose_make(sw_buffer_bytes(&g.recipe), "/elsewhere/other.yaml",
                                         sw_buffer_bytes(&g.model_lock),
                                         sw_buffer_bytes(&g.trainer_lock), &made, NULL),
                         SW_OK);
        assert_same(&made, &g.compose);
        assert_int_equal(sw_recipe_show(&r, &hash, &shown, NULL), SW_OK);
        assert_same(&shown, &first);
    }
    (void)setlocale(LC_ALL, "C");
    assert_int_equal(unsetenv("LOCPATH"), 0);
    assert_int_equal(chdir(here), 0);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    golden_drop(&g);
}

typedef struct refusal {
    const char *from, *to, *says;
} refusal;

/* Whatever else an app-compose may hold, ours does not. */
static const refusal refusals[] = {
    {"\"public_logs\":false", "\"public_logs\":true", "public_logs"},
    {"\"public_sysinfo\":false", "\"public_sysinfo\":true", "public_sysinfo"},
    {"\"public_tcbinfo\":false", "\"public_tcbinfo\":true", "public_tcbinfo"},
    {"\"secure_time\":true", "\"secure_time\":false", "secure_time"},
    {"\"kms_enabled\":false", "\"kms_enabled\":true", "kms_enabled"},
    {"\"gateway_enabled\":false", "\"gateway_enabled\":true", "gateway_enabled"},
    {"\"local_key_provider_enabled\":false", "\"local_key_provider_enabled\":true",
     "local_key_provider_enabled"},
    {"\"no_instance_id\":false", "\"no_instance_id\":true", "no_instance_id"},
    {"\"allowed_envs\":[]", "\"allowed_envs\":[\"LD_PRELOAD\"]", "allowed_envs"},
    {"\"runner\":\"docker-compose\"", "\"runner\":\"bash\"", "runner"},
    {"\"manifest_version\":2", "\"manifest_version\":3", "manifest_version"},
    {"\"manifest_version\":2", "\"manifest_version\":\"2\"", "manifest_version"},
    {"\"manifest_version\":2", "\"manifest_version\":2.0", "manifest_version"},
    {"\"name\":\"three-hospitals\"", "\"name\":\"four-hospitals\"", "name"},
    {"read_only: true", "read_only: false", "docker_compose_file"},
    {"\"run\\\", \\\"", "\"run\\\", \\\"-x\\\", \\\"", "docker_compose_file"},
    {"sealwright@sha256:e", "sealwright@sha256:f", "docker_compose_file"},
    {",\"public_logs\":false", "", "public_logs is missing"},
    {"\"allowed_envs\":[],", "", "allowed_envs is missing"},
    {",\"secure_time\":true", ",\"init_script\":\"true\",\"secure_time\":true", "init_script"},
    {"{\"allowed_envs\"", "{\"pre_launch_script\":\"\",\"allowed_envs\"", "pre_launch_script"},
    {"{\"allowed_envs\"", "{\"docker_config\":{},\"allowed_envs\"", "docker_config"},
    {"{\"allowed_envs\"", "{\"bash_script\":\"x\",\"allowed_envs\"", "bash_script"},
    {"{\"allowed_envs\"", "{\"key_provider\":\"none\",\"allowed_envs\"", "key_provider"},
    {"{\"allowed_envs\"", "{\"swap_size\":1,\"allowed_envs\"", "swap_size"},
    {"{\"allowed_envs\"", "{\"storage_fs\":\"zfs\",\"allowed_envs\"", "storage_fs"},
    {"{\"allowed_envs\"", "{\"features\":[],\"allowed_envs\"", "features"},
    {"{\"allowed_envs\"", "{\"salt\":\"1\",\"allowed_envs\"", "salt"},
    {"{\"allowed_envs\"", "{\"zebra\":1,\"allowed_envs\"", "zebra"},
    {"{\"allowed_envs\"", "{\"\\u0000\":1,\"allowed_envs\"", "a member"},
    {"{\"allowed_envs\"", "{ \"allowed_envs\"", "canonical"},
    {"{\"allowed_envs\":[],", "{\"allowed_envs\":[],\"allowed_envs\":[],", ""},
    {",\"secure_time\":true}", ",\"secure_time\":true}\n", "canonical"},
    {",\"secure_time\":true}", ",\"secure_time\":true}{}", ""},
    {"\"version\":1", "\"version\":2", "version"},
    {"\"version\":1", "\"version\":1,\"zoo\":1", "zoo"},
    {"{\"model_lock\":{", "{\"a\":1,\"model_lock\":{", "a is not known"},
    {"\"size\":705}", "\"size\":705.5}", ""},
    {"config.json", "../config.json", "name"},
    {"\"name\":\"config.json\"", "\"name\":\"zconfig.json\"", "order"},
    {"model-lock/v1", "model-lock/v2", "kind"},
    {"trainer-lock/v1", "trainer-lock/v2", "kind"},
    {"[\"bf16-dp\",\"fp32-ref\"]", "[\"fp32-ref\"]", "profile"},
    {"[\"bf16-dp\",\"fp32-ref\"]", "[\"fp32-ref\",\"bf16-dp\"]", "order"},
    {"[\"bf16-dp\",\"fp32-ref\"]", "[]", "profile"},
    {"\"worker\":\"e8", "\"worker\":\"E8", "worker"},
    {"\\nsealwright: 1\\n", "\\nsealwright: 1\\nenv: {A: b}\\n", "env is not known"},
    {"learning_rate", "learning_rote", "learning_rote"},
};

static void test_refusals(void **state) {
    (void)state;
    golden g = golden_load();
    static sw_recipe r, untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    for (size_t i = 0; i < COUNT(refusals); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        sw_error err = {0};
        replace(&g.compose, refusals[i].from, refusals[i].to, &text);
        memcpy(&r, &untouched, sizeof r);
        if (sw_compose_parse(sw_buffer_bytes(&text), &r, &err) == SW_OK)
            fail_msg("accepted: %s", refusals[i].to);
        assert_memory_equal(&r, &untouched, sizeof r);
        assert_string_equal(err.word, "compose");
        if (strstr(err.message, refusals[i].says) == NULL)
            fail_msg("%s: does not say %s: %s", refusals[i].to, refusals[i].says, err.message);
    }
    golden_drop(&g);
}

/* RCP-043: more than a run keeps. */
static void test_room(void **state) {
    (void)state;
    static const struct {
        const char *save_steps, *more, *says; /* says NULL: accepted */
    } cases[] = {
        {"save_steps: 1", "max_steps: 100000", NULL},
        {"save_steps: 1", "max_steps: 100001", "training.save_steps 1 makes 100001 states"},
        {"save_steps: 2", "max_steps: 200001", "training.save_steps 2 makes 100001 states"},
        {"save_steps: 0", "max_steps: 3000000", NULL},
        {"save_steps: 0", "max_steps: 3000010", "observe.interval 10 makes 300001 step records"},
        {"save_steps: 1", "num_train_epochs: 200", NULL},
        {"save_steps: 1", "num_train_epochs: 2000", "training.save_steps 1 makes "},
        {"save_steps: 1", "num_train_epochs: 2000\n  packing: true", NULL}, /* perhaps fewer */
        {"save_steps: 1", "max_steps: 100001\n  packing: true", "100001 states"},
    };
    golden g = golden_load();
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) saves = SW_BUFFER(1 << 20);
        SW_SCOPED(sw_buffer) bare = SW_BUFFER(1 << 20);
        SW_SCOPED(sw_buffer) yaml = SW_BUFFER(1 << 20);
        SW_SCOPED(sw_buffer) out = SW_BUFFER(1 << 20);
        sw_error err = {0};
        replace(&g.recipe, "save_steps: 50", cases[i].save_steps, &saves);
        replace(&saves, "  num_train_epochs: 2\n", "", &bare);
        replace(&bare, "max_length: 512", cases[i].more, &yaml);
        sw_status status =
            sw_compose_make(sw_buffer_bytes(&yaml), "recipe.yaml", sw_buffer_bytes(&g.model_lock),
                            sw_buffer_bytes(&g.trainer_lock), &out, &err);
        assert_int_equal(status, cases[i].says ? SW_REFUSED : SW_OK);
        if (cases[i].says && strstr(err.message, cases[i].says) == NULL)
            fail_msg("does not say %s: %s", cases[i].says, err.message);
    }
    golden_drop(&g);
}

static void test_cuts_and_sizes(void **state) {
    (void)state;
    golden g = golden_load();
    static sw_recipe r;
    sw_error err = {0};
    for (size_t i = 0; i < g.compose.size; i++)
        assert_int_not_equal(sw_compose_parse(SW_BYTES(g.compose.data, i), &r, NULL), SW_OK);
    uint8_t *big = malloc(SW_COMPOSE_LIMIT + 1);
    assert_non_null(big);
    memset(big, ' ', SW_COMPOSE_LIMIT + 1);
    assert_int_not_equal(sw_compose_parse(SW_BYTES(big, SW_COMPOSE_LIMIT + 1), &r, &err), SW_OK);
    free(big);
    /* A recipe that is fine by itself, and too much for one compose. */
    SW_SCOPED(sw_buffer) yaml = SW_BUFFER(SW_RECIPE_LIMIT);
    SW_SCOPED(sw_buffer) made = SW_BUFFER(1 << 20);
    sw_put_bytes(&yaml, sw_buffer_bytes(&g.recipe));
    while (yaml.size < SW_COMPOSE_LIMIT) sw_put_text(&yaml, "# and so on\n");
    assert_int_equal(golden_make(&g, sw_buffer_bytes(&yaml), &made, &err), SW_LIMIT);
    assert_int_equal(made.size, 0);
    golden_drop(&g);
}

/* A flip (two bits of every byte in turn) is refused, or it is another compose that says exactly
 * what its own recipe says: inside the texts that the compose is made from, and with another hash.
 */
static void test_flips(void **state) {
    (void)state;
    golden g = golden_load();
    static sw_recipe r;
    sw_buffer *b = &g.compose;
    const uint8_t *ours = memmem(b->data, b->size, "\"sealwright\":{", 14);
    size_t from = (size_t)(ours - b->data), other = 0;
    for (size_t i = 0; i < b->size; i++)
        for (size_t bit = i % 4; bit < 8; bit += 4) {
            b->data[i] ^= (uint8_t)(1 << bit);
            if (sw_compose_parse(sw_buffer_bytes(b), &r, NULL) == SW_OK) {
                assert_true(i > from);
                other++;
            }
            b->data[i] ^= (uint8_t)(1 << bit);
        }
    print_message("# %zu flips gave another recipe\n", other);
    assert_true(other > 0 && other < 2 * (b->size - from));
    golden_drop(&g);
}

/* ---- locks ---- */

static void test_model_lock(void **state) {
    (void)state;
    golden g = golden_load();
    static sw_recipe r;
    sw_error err = {0};
    SW_SCOPED(sw_buffer) made = SW_BUFFER(1 << 16);
    assert_int_equal(sw_model_lock_parse(sw_buffer_bytes(&g.model_lock), &r, &err), SW_OK);
    assert_int_equal(sw_model_lock_encode(r.model_files, r.model_file_count, &made, &err), SW_OK);
    assert_same(&made, &g.model_lock);
    sw_locked_file two[2] = {{.name = "a"}, {.name = "b"}};
    assert_int_equal(sw_model_lock_encode(two, 2, &made, &err), SW_OK);
#define REFUSED(first, second, count)                                                              \
    do {                                                                                           \
        (void)snprintf(two[0].name, sizeof two[0].name, "%s", first);                              \
        (void)snprintf(two[1].name, sizeof two[1].name, "%s", second);                             \
        assert_int_equal(sw_model_lock_encode(two, count, &made, &err), SW_REFUSED);               \
    } while (0)
    REFUSED("a", "a", 2);
    REFUSED("b", "a", 2);
    REFUSED("", "a", 2);
    REFUSED(".hidden", "a", 2);
    REFUSED("-rf", "a", 2);
    REFUSED("a/b", "c", 2);
    REFUSED("a b", "c", 2);
    REFUSED("a", "b", 0);
    REFUSED("a", "b", SW_LOCK_FILE_LIMIT + 1);
    two[0].size = UINT64_C(1) << 60;
    REFUSED("a", "b", 2);
#undef REFUSED
    sw_buffer *b = &g.model_lock;
    for (size_t i = 0; i < b->size; i++)
        assert_int_not_equal(sw_model_lock_parse(SW_BYTES(b->data, i), &r, NULL), SW_OK);
    sw_put_u8(b, '\n');
    assert_int_not_equal(sw_model_lock_parse(sw_buffer_bytes(b), &r, NULL), SW_OK);
    golden_drop(&g);
}

static void test_trainer_lock(void **state) {
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"kind\":\"sealwright/trainer-lock/v1\",\"profiles\":[\"bf16-dp\"]}",
        "{\"kind\":\"sealwright/trainer-lock/v1\",\"profiles\":[\"A\"],\"worker\":\"@\"}",
        "{\"kind\":\"sealwright/trainer-lock/v1\",\"profiles\":[\"a,b\"],\"worker\":\"@\"}",
        "{\"kind\":\"sealwright/trainer-lock/v1\",\"profiles\":[\"\"],\"worker\":\"@\"}",
        "{\"kind\":\"sealwright/trainer-lock/v1\",\"profiles\":[1],\"worker\":\"@\"}",
        "{\"kind\":\"sealwright/trainer-lock/v1\",\"profiles\":\"a\",\"worker\":\"@\"}",
        "{\"kind\":\"sealwright/trainer-lock/v1\",\"profiles\":[\"a\",\"a\"],\"worker\":\"@\"}",
        "{\"kind\":\"sealwright/trainer-lock/v1\",\"profiles\":[\"a\"],\"worker\":\"00\"}",
        "{\"kind\":\"sealwright/trainer-lock/v1\",\"profiles\":[\"a\"],\"worker\":\"@\",\"z\":1}",
        "{\"kind\":\"sealwright/trainer-lock/v1\",\"profiles\":[\"a\"], \"worker\":\"@\"}",
    };
    static const char hex[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    (void)state;
    static sw_recipe r;
    for (size_t i = 0; i < COUNT(bad); i++) {
        SW_SCOPED(sw_buffer) given = SW_BUFFER(4096);
        SW_SCOPED(sw_buffer) text = SW_BUFFER(4096);
        sw_put_text(&given, bad[i]);
        if (strchr(bad[i], '@') != NULL)
            replace(&given, "@", hex, &text);
        else
            sw_put_text(&text, bad[i]);
        if (sw_trainer_lock_parse(sw_buffer_bytes(&text), &r, NULL) == SW_OK)
            fail_msg("accepted: %s", bad[i]);
    }
    assert_string_equal(r.profiles, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),         cmocka_unit_test(test_same_bytes_everywhere),
        cmocka_unit_test(test_refusals),       cmocka_unit_test(test_room),
        cmocka_unit_test(test_cuts_and_sizes), cmocka_unit_test(test_flips),
        cmocka_unit_test(test_model_lock),     cmocka_unit_test(test_trainer_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
