/* SPDX-License-Identifier: Apache-2.0
 *
 * The policy's GPUs as JSON and in recipe.yaml: one meaning in both, every way to leave something
 * out or to say something twice, and what an owner is told. docs/formats/gpu-policy.md, GPU-200 on.
 */
#include "recipe/golden.h"
#include "recipe/policy.h"

#define DEVICE_ROOT "0101010101010101010101010101010101010101010101010101010101010101"
#define RIM_ROOT    "0202020202020202020202020202020202020202020202020202020202020202"
#define NVIDIA      "102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48"
#define NVIDIA_RIM  "12977b5115acb0381179279fffeb5a8c4d264971ebb32298023a465fa41df5d1"
#define INTEL       "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3"
#define ANCHOR      "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* A GPU's part of a policy as it stands in the JSON, and as an author writes it. */
#define JSON_GPU                                                                                   \
    "{\"count\":2,\"device_root\":\"" DEVICE_ROOT "\",\"devices\":[\"0b01\",\"0a\"],"              \
    "\"drivers\":[\"570.172.08\",\"580.95.05\"],\"revocation\":\"required\",\"rim_root\":"         \
    "\"" RIM_ROOT "\"}"
#define YAML_GPU                                                                                   \
    "gpu: {count: 2, device_root: " DEVICE_ROOT ", rim_root: " RIM_ROOT ", devices: [0b01, 0a], "  \
    "drivers: [\"570.172.08\", 580.95.05], revocation: required}"

static void change(char *out, size_t size, const char *text, const char *from, const char *to) {
    const char *hit = strstr(text, from);
    if (hit == NULL) fail_msg("the text does not hold: %s", from);
    (void)snprintf(out, size, "%.*s%s%s", (int)(hit - text), text, to, hit + strlen(from));
}

/* ---- the two readers ---- */
static sw_status read_yaml(const char *gpu, sw_recipe *out, sw_error *err) {
    golden g = golden_load();
    SW_SCOPED(sw_buffer) yaml = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) made = SW_BUFFER(1 << 20);
    replace(&g.recipe, "gpu: none", gpu, &yaml);
    sw_status status = golden_make(&g, sw_buffer_bytes(&yaml), &made, err);
    if (status == SW_OK) status = sw_compose_parse(sw_buffer_bytes(&made), out, err);
    golden_drop(&g);
    return status;
}

/* The golden recipe's policy with this GPU part; `platform` tdx takes Intel's root with it. */
static sw_status read_json(const char *gpu, bool tdx, sw_policy *out, sw_error *err) {
    static sw_recipe r;
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    char with_gpu[8192], tried[8192], full[8192];
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    assert_int_equal(read_yaml("gpu: none", &r, NULL), SW_OK);
    sw_policy_to_json(&a, root, "p", &r.policy);
    sw_json_encode(&text, sw_json_member(root, "p"));
    sw_put_u8(&text, 0);
    change(with_gpu, sizeof with_gpu, (const char *)text.data, "\"none\"", gpu);
    change(tried, sizeof tried, with_gpu, tdx ? ANCHOR : "", tdx ? INTEL : "");
    change(full, sizeof full, tried, "\"platform\":\"sim\"",
           tdx ? "\"platform\":\"tdx\"" : "\"platform\":\"sim\"");
    SW_TRY(sw_json_parse(&a, sw_text(full), NULL, &root, err));
    return sw_policy_from_json(root, "policy", out, err);
}

static void gpu_text(const sw_policy *p, char *out, size_t size) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_policy_to_json(&a, root, "p", p);
    sw_json_encode(&text, sw_json_member(sw_json_member(root, "p"), "gpu"));
    assert_true(sw_buffer_check(&text, "gpu", NULL) == SW_OK && text.size < size);
    memcpy(out, text.data, text.size);
    out[text.size] = 0;
}

/* ---- accepted ---- */
static const struct {
    const char *yaml_from, *yaml_to, *json_from, *json_to;
} ACCEPTED[] = {
    {"", "", "", ""},
    {"count: 2", "count: 1", "\"count\":2", "\"count\":1"},
    {"devices: [0b01, 0a]", "devices: any", "[\"0b01\",\"0a\"]", "\"any\""},
    {"[\"570.172.08\", 580.95.05]", "any", "[\"570.172.08\",\"580.95.05\"]", "\"any\""},
    {"[0b01, 0a]", "[10, 20, 3030303030303030303030303030303030303030]", "[\"0b01\",\"0a\"]",
     "[\"10\",\"20\",\"3030303030303030303030303030303030303030\"]"},
    {"revocation: required", "revocation: required, ocsp_max_age: 1h", "\"revocation\"",
     "\"ocsp_max_age_ms\":3600000,\"revocation\""},
    {"revocation: required", "revocation: required, ocsp_max_age: 366d", "\"revocation\"",
     "\"ocsp_max_age_ms\":31622400000,\"revocation\""},
    {"revocation: required", "revocation: required, rim_max_age: 3660d", ",\"rim_root\"",
     ",\"rim_max_age_ms\":316224000000,\"rim_root\""},
};

static void test_accepted(void **state) {
    (void)state;
    static sw_recipe r;
    for (size_t i = 0; i < COUNT(ACCEPTED); i++) {
        char yaml[2048], json[2048], back[2048];
        sw_error err = {0};
        sw_policy p;
        change(yaml, sizeof yaml, YAML_GPU, ACCEPTED[i].yaml_from, ACCEPTED[i].yaml_to);
        change(json, sizeof json, JSON_GPU, ACCEPTED[i].json_from, ACCEPTED[i].json_to);
        if (read_yaml(yaml, &r, &err) != SW_OK) fail_msg("%s: %s", yaml, err.message);
        if (read_json(json, false, &p, &err) != SW_OK) fail_msg("%s: %s", json, err.message);
        gpu_text(&p, back, sizeof back);
        assert_string_equal(back, json);
        gpu_text(&r.policy, back, sizeof back);
        assert_string_equal(back, json);
    }
}

static void test_nvidia(void **state) {
    (void)state;
    char json[2048], both[2048];
    sw_policy p;
    change(json, sizeof json, JSON_GPU, DEVICE_ROOT, NVIDIA);
    change(both, sizeof both, json, RIM_ROOT, NVIDIA_RIM);
    assert_int_equal(read_json(both, true, &p, NULL), SW_OK);
    assert_int_equal(p.gpu.count, 2);
    assert_int_equal(p.gpu.devices[0].size, 2);
    assert_string_equal(p.gpu.drivers[1], "580.95.05");
}

/* ---- refused ---- */
static const struct {
    const char *from, *to;
    bool tdx;
    const char *sentence;
} REFUSED_JSON[] = {
    {JSON_GPU, "2", false, "a number alone does not say which GPUs"},
    {JSON_GPU, "\"any\"", false, "a number alone does not say which GPUs"},
    {JSON_GPU, "null", false, "policy.gpu is not none"},
    {JSON_GPU, "[]", false, "policy.gpu is not none"},
    {JSON_GPU, "{}", false, "gpu.count"},
    {"\"count\":2", "\"count\":0", false, "gpu.count is not 1 or more"},
    {"\"count\":2", "\"count\":17", false, "count"},
    {"\"count\":2", "\"count\":-1", false, "count"},
    {"\"count\":2", "\"count\":3", false, "fewer devices than it asks for"},
    {"\"count\":2,", "", false, "count"},
    {"\"device_root\":\"" DEVICE_ROOT "\",", "", false, "device_root"},
    {",\"rim_root\":\"" RIM_ROOT "\"", "", false, "rim_root"},
    {"\"devices\":[\"0b01\",\"0a\"],", "", false, "devices"},
    {"\"drivers\":[\"570.172.08\",\"580.95.05\"],", "", false, "drivers"},
    {"\"revocation\":\"required\",", "", false, "revocation"},
    {"\"count\":2", "\"count\":2,\"debug\":true", false, "debug"},
    {DEVICE_ROOT, RIM_ROOT, false, "one root for devices and manifests"},
    {DEVICE_ROOT, NVIDIA, false, "sim and names NVIDIA's root"},
    {DEVICE_ROOT, NVIDIA_RIM, false, "sim and names NVIDIA's root"},
    {RIM_ROOT, NVIDIA_RIM, false, "sim and names NVIDIA's root"},
    {RIM_ROOT, NVIDIA, false, "sim and names NVIDIA's root"},
    {"", "", true, "tdx and its device_root is not NVIDIA's"},
    {DEVICE_ROOT, NVIDIA, true, "tdx and its rim_root is not NVIDIA's"},
    {RIM_ROOT, NVIDIA_RIM, true, "tdx and its device_root is not NVIDIA's"},
    {DEVICE_ROOT, "01", false, "device_root"},
    {"[\"0b01\",\"0a\"]", "[]", false, "names no device and does not say any"},
    {"[\"0b01\",\"0a\"]", "\"all\"", false, "a list or \"any\""},
    {"[\"0b01\",\"0a\"]", "[\"0a\",\"0a\"]", false, "names a device twice"},
    {"[\"0b01\",\"0a\"]", "[\"0a\",\"\"]", false, "devices[] is not a serial"},
    {"[\"0b01\",\"0a\"]", "[\"0a\",\"b\"]", false, "devices[] is not a serial"},
    {"[\"0b01\",\"0a\"]", "[\"0a\",\"000b\"]", false, "devices[] is not a serial"},
    {"[\"0b01\",\"0a\"]", "[\"0a\",\"00\"]", false, "devices[] is not a serial"},
    {"[\"0b01\",\"0a\"]", "[\"0a\",\"0B\"]", false, "devices[] is not a serial"},
    {"[\"0b01\",\"0a\"]", "[\"0a\",11]", false, "devices[] is not a serial"},
    {"0b01", "303030303030303030303030303030303030303030", false, "devices[] is not a serial"},
    {"[\"0b01\",\"0a\"]",
     "[\"01\",\"02\",\"03\",\"04\",\"05\",\"06\",\"07\",\"08\",\"09\",\"0a\",\"0b\",\"0c\","
     "\"0d\",\"0e\",\"0f\",\"10\",\"11\"]",
     false, "devices"},
    {"[\"570.172.08\",\"580.95.05\"]", "[]", false, "names no driver and does not say any"},
    {"[\"570.172.08\",\"580.95.05\"]", "\"latest\"", false, "a list or \"any\""},
    {"580.95.05", "570.172.08", false, "names a driver twice"},
    {"580.95.05", "", false, "drivers[] is not a driver's version"},
    {"580.95.05", "580 95", false, "drivers[] is not a driver's version"},
    {"580.95.05", "580\\u000095", false, "drivers[] is not a driver's version"},
    {"580.95.05", "01234567890123456789012345678901", false, "drivers[] is not a driver's version"},
    {"\"580.95.05\"", "580", false, "drivers[] is not a driver's version"},
    {"[\"570.172.08\",\"580.95.05\"]", "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]",
     false, "drivers"},
    {"\"required\"", "\"off\"", false, "revocation is not \"required\""},
    {"\"required\"", "\"unchecked\"", false, "revocation is not \"required\""},
    {"\"required\"", "true", false, "revocation"},
    {"\"revocation\"", "\"ocsp_max_age_ms\":3599999,\"revocation\"", false, "an hour or more"},
    {"\"revocation\"", "\"ocsp_max_age_ms\":0,\"revocation\"", false, "an hour or more"},
    {"\"revocation\"", "\"ocsp_max_age_ms\":31622400001,\"revocation\"", false, "ocsp_max_age_ms"},
    {"\"revocation\"", "\"ocsp_max_age_ms\":\"any\",\"revocation\"", false, "ocsp_max_age_ms"},
    {"\"revocation\"", "\"ocsp_max_age_ms\":null,\"revocation\"", false, "ocsp_max_age_ms"},
    {"\"revocation\"", "\"rim_max_age_ms\":-1,\"revocation\"", false, "rim_max_age_ms"},
    {"\"revocation\"", "\"rim_max_age_ms\":316224000001,\"revocation\"", false, "rim_max_age_ms"},
    {"\"revocation\"", "\"rim_max_age\":3600000,\"revocation\"", false, "is not known"},
};

static void test_refused_json(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(REFUSED_JSON); i++) {
        char json[2048];
        sw_policy p = {.gpu.count = 77};
        sw_error err = {0};
        change(json, sizeof json, JSON_GPU, REFUSED_JSON[i].from, REFUSED_JSON[i].to);
        if (read_json(json, REFUSED_JSON[i].tdx, &p, &err) == SW_OK) fail_msg("accepted: %s", json);
        if (strstr(err.message, REFUSED_JSON[i].sentence) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", REFUSED_JSON[i].sentence, err.message);
        assert_int_equal(p.gpu.count, 77);
    }
}

static const struct {
    const char *from, *to, *sentence;
} REFUSED_YAML[] = {
    {YAML_GPU, "gpu: 2", "machine.gpu is not none or {count, device_root"},
    {YAML_GPU, "gpu: [none]", "machine.gpu is not none or {count, device_root"},
    {YAML_GPU, "gpu: {}", "machine.gpu.count is missing"},
    {"count: 2", "count: 0", "machine.gpu.count"},
    {"count: 2", "count: 17", "machine.gpu.count"},
    {"count: 2", "count: 3", "fewer devices than it asks for"},
    {"count: 2", "cuont: 2", "cuont is not known"},
    {"device_root: 01", "device_root: 1", "64 lower-case hex"},
    {DEVICE_ROOT, NVIDIA, "sim and names NVIDIA's root"},
    {"[0b01, 0a]", "[]", "empty"},
    {"[0b01, 0a]", "all", "machine.gpu.devices must be a list, or any"},
    {"[0b01, 0a]", "{}", "machine.gpu.devices"},
    {"[0b01, 0a]", "[0a, 0a]", "names a device twice"},
    {"[0b01, 0a]", "[0a, 00]", "machine.gpu.devices[] is not a serial"},
    {"[0b01, 0a]", "[0a, [0b]]", "machine.gpu.devices[] is not a serial"},
    {"580.95.05]", "580.95.05, \"a b\"]", "machine.gpu.drivers[] is not a driver's version"},
    {"580.95.05]", "570.172.08]", "names a driver twice"},
    {"revocation: required", "revocation: requierd", "required"},
    {"revocation: required", "revocation: unchecked", "required"},
    {", revocation: required", "", "revocation is missing"},
    {"required}", "required, ocsp_max_age: 59m}", "machine.gpu.ocsp_max_age"},
    {"required}", "required, ocsp_max_age: any}", "machine.gpu.ocsp_max_age"},
    {"required}", "required, ocsp_max_age: 367d}", "machine.gpu.ocsp_max_age"},
    {"required}", "required, rim_max_age: 3661d}", "machine.gpu.rim_max_age"},
    {"required}", "required, rim_max_age_ms: 3600000}", "is not known"},
};

static void test_refused_yaml(void **state) {
    (void)state;
    static sw_recipe r;
    for (size_t i = 0; i < COUNT(REFUSED_YAML); i++) {
        char yaml[2048];
        sw_error err = {0};
        change(yaml, sizeof yaml, YAML_GPU, REFUSED_YAML[i].from, REFUSED_YAML[i].to);
        if (read_yaml(yaml, &r, &err) == SW_OK) fail_msg("accepted: %s", yaml);
        if (strstr(err.message, REFUSED_YAML[i].sentence) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", REFUSED_YAML[i].sentence, err.message);
    }
}

/* What no reader gives is refused all the same: nothing hides behind `none`. */
static void test_built(void **state) {
    (void)state;
    sw_policy good, p;
    assert_int_equal(read_json(JSON_GPU, false, &good, NULL), SW_OK);
    assert_int_equal(sw_policy_complete(&good, NULL), SW_OK);
    p = good, p.gpu.count = 0;
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    p = good, p.gpu = (sw_gpu_policy){.any_device = true};
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    p = good, p.gpu = (sw_gpu_policy){.rim_root = {{1}}};
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    p = good, p.gpu.count = SW_GPU_LIMIT + 1;
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    p = good, p.gpu.ocsp_max_age_ms = -1;
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    p = good, p.gpu.rim_max_age_ms = INT64_MAX;
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    p = good, p.gpu = (sw_gpu_policy){.ocsp_max_age_ms = SW_GPU_OCSP_AGE_MS};
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    p = good, p.gpu.any_device = true;
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    p = good, p.gpu.any_driver = true;
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    p = good, p.gpu.device_count = SW_GPU_LIMIT + 1;
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    p = good, p.gpu.driver_count = SW_GPU_DRIVER_LIMIT + 1;
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    p = good, p.gpu.devices[0].size = 21;
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    p = good, memset(p.gpu.drivers[0], '5', sizeof p.gpu.drivers[0]); /* no end */
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
}

/* ---- what people are told ---- */
static void show(const char *yaml, sw_buffer *text) {
    static sw_recipe r;
    const sw_hash compose = {{0xc0}};
    sw_error err = {0};
    if (read_yaml(yaml, &r, &err) != SW_OK) fail_msg("%s", err.message);
    text->size = 0;
    assert_int_equal(sw_recipe_show(&r, &compose, text, NULL), SW_OK);
    sw_put_u8(text, 0);
}

static void test_words(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *says;
    } cases[] = {
        {"", "", "GPUs: 2, each attested, no more and no fewer\n"},
        {"", "", "root of GPUs      " DEVICE_ROOT},
        {"", "", "root of manifests " RIM_ROOT},
        {"", "", "2 named by serial and no other\n      serial 0b01\n      serial 0a\n"},
        {"", "", "GPU drivers: 570.172.08, 580.95.05 and no other\n"},
        {"", "", "revocation: required; a GPU or a manifest without a fresh answer is refused\n"},
        {"", "", "What GPU evidence does not say: that the GPU sits in this machine."},
        {"devices: [0b01, 0a]", "devices: any", "GPU devices: ANY."},
        {"devices: [0b01, 0a]", "devices: any", "the signing key of one GPU anywhere"},
        {"[\"570.172.08\", 580.95.05]", "any", "GPU drivers: ANY"},
        {"[\"570.172.08\", 580.95.05]", "any", "an old driver with known holes"},
        {"", "",
         "OCSP answers at most 1 day old, manifests of signers certified at most 731 days ago\n"},
        {"required}", "required, ocsp_max_age: 2h, rim_max_age: 90d}",
         "at most 2 hours old, manifests of signers certified at most 90 days ago\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        char yaml[2048];
        change(yaml, sizeof yaml, YAML_GPU, cases[i].from, cases[i].to);
        show(yaml, &text);
        if (strstr((const char *)text.data, cases[i].says) == NULL)
            fail_msg("does not say: %s\n%s", cases[i].says, (const char *)text.data);
    }
}

/* RCP-096 for GPUs: recipes that differ in one digit of a root, a serial or a driver are not told
 * alike. */
static void test_every_digit(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) first = SW_BUFFER(1 << 20);
    char yaml[] = YAML_GPU;
    size_t flipped = 0;
    show(yaml, &first);
    for (char *at = strstr(yaml, "count"); *at != 0; at++) {
        bool digit = (*at >= '0' && *at <= '9' && at[1] != 'b') || strncmp(at, "a]", 2) == 0;
        if (!digit || strncmp(at, "0a", 2) == 0 || strncmp(at, "2, device_root", 14) == 0) continue;
        SW_SCOPED(sw_buffer) other = SW_BUFFER(1 << 20);
        char was = *at;
        *at = was == '3' ? '4' : '3';
        show(yaml, &other);
        if (strcmp((const char *)other.data, (const char *)first.data) == 0) fail_msg("%s", yaml);
        *at = was;
        flipped++;
    }
    assert_int_equal(flipped, 2 * 64 + 3 + 8 + 7);
}

static void test_diff(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *line;
        size_t differences;
    } cases[] = {
        {"", "", "", 0},
        {YAML_GPU, "gpu: none", "~ machine.gpu: {\"count\":2,", 1},
        {"count: 2", "count: 1", "~ machine.gpu.count: 2 -> 1\n", 1},
        {", 0a]", ", 0c]", "+ machine.gpu.devices[0c]: \"0c\"\n", 2},
        {"devices: [0b01, 0a]", "devices: any", "~ machine.gpu.devices: [\"0b01\",\"0a\"] -> \"any",
         1},
        {"580.95.05", "580.95.06", "- machine.gpu.drivers[580.95.05]", 2},
    };
    static sw_recipe a, b;
    assert_int_equal(read_yaml(YAML_GPU, &a, NULL), SW_OK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        size_t differences;
        char yaml[2048];
        change(yaml, sizeof yaml, YAML_GPU, cases[i].from, cases[i].to);
        assert_int_equal(read_yaml(yaml, &b, NULL), SW_OK);
        assert_int_equal(sw_recipe_diff(&a, &b, &text, &differences, NULL), SW_OK);
        sw_put_u8(&text, 0);
        if (strstr((const char *)text.data, cases[i].line) == NULL)
            fail_msg("%s: %s", cases[i].to, (const char *)text.data);
        assert_int_equal(differences, cases[i].differences);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),     cmocka_unit_test(test_nvidia),
        cmocka_unit_test(test_refused_json), cmocka_unit_test(test_refused_yaml),
        cmocka_unit_test(test_built),        cmocka_unit_test(test_words),
        cmocka_unit_test(test_every_digit),  cmocka_unit_test(test_diff),
    };
    return cmocka_run_group_tests_name("GPUs of a policy", tests, NULL, NULL);
}
