/* SPDX-License-Identifier: Apache-2.0
 *
 * The policy's images by OS image hash and its grace by date, as JSON and in recipe.yaml: one
 * meaning in both, every way to leave something out or to say something twice, and what an owner is
 * told. docs/formats/evidence.md, EVD-062, EVD-067, EVD-120 to EVD-125.
 */
#include "recipe/golden.h"
#include "recipe/policy.h"

#define HASH  "0505050505050505050505050505050505050505050505050505050505050505"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define D(d)  d d d d d d d d d d d d /* 12 times 8 digits */
#define A1    D("a1a1a1a1")
#define A2    D("a2a2a2a2")
#define A3    D("a3a3a3a3")
#define B3    D("b3b3b3b3")

/* An image as it stands in the JSON, and as an author writes it. */
#define JSON_ACPI "[[\"" A1 "\",\"" A2 "\",\"" A3 "\"],[\"" A1 "\",\"" A2 "\",\"" B3 "\"]]"
#define JSON_IMAGE                                                                                 \
    "{\"acpi\":" JSON_ACPI ",\"memory_bytes\":[2147483648,4294967296],\"name\":\"dstack-0.6\","    \
    "\"os_image_hash\":\"" HASH "\"}"
#define YAML_ACPI "[[" A1 ", " A2 ", " A3 "], [" A1 ", " A2 ", " B3 "]]"
#define YAML_IMAGE                                                                                 \
    "{name: dstack-0.6, os_image_hash: " HASH ", acpi: " YAML_ACPI                                 \
    ", memory_bytes: [2147483648, 4294967296]}"
#define JSON_TCB                                                                                   \
    "{\"evaluation_data_number\":17,\"grace\":{\"status\":\"OutOfDate\",\"until\":"                \
    "\"2026-12-31T00:00:00Z\"},\"status\":\"UpToDate\"}"
#define JSON_PLAIN_TCB "{\"evaluation_data_number\":17,\"status\":\"UpToDate\"}"
#define YAML_GRACE     "grace: {status: OutOfDate, until: 2026-12-31T00:00:00Z}"
#define YAML_TCB       "{status: UpToDate, evaluation_data_number: 17, " YAML_GRACE "}"
#define YAML_PLAIN_TCB "{status: UpToDate, evaluation_data_number: 17}"
#define JSON_AGE_TCB                                                                               \
    "{\"collateral_max_age_ms\":1209600000,\"evaluation_data_number\":17,\"grace\":{\"status\":"   \
    "\"OutOfDate\",\"until\":\"2026-12-31T00:00:00Z\"},\"status\":\"UpToDate\"}"
#define YAML_AGE_TCB                                                                               \
    "{status: UpToDate, evaluation_data_number: 17, collateral_max_age: 14d, " YAML_GRACE "}"
#define UNTIL_MS INT64_C(1798675200000)

static void change(char *out, size_t size, const char *text, const char *from, const char *to) {
    const char *hit = strstr(text, from);
    if (hit == NULL) fail_msg("the text does not hold: %s", from);
    (void)snprintf(out, size, "%.*s%s%s", (int)(hit - text), text, to, hit + strlen(from));
}

/* ---- the two readers ---- */
/* The golden recipe with these images behind or in place of its own, and this minimum_tcb. */
static sw_status read_yaml(const char *images, const char *tcb, sw_recipe *out, sw_error *err) {
    golden g = golden_load();
    SW_SCOPED(sw_buffer) yaml = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) made = SW_BUFFER(1 << 20);
    char text[16384], with_tcb[16384];
    sw_put_u8(&g.recipe, 0);
    change(with_tcb, sizeof with_tcb, (const char *)g.recipe.data, YAML_PLAIN_TCB, tcb);
    const char *from = strstr(with_tcb, "  images:"), *to = strstr(with_tcb, "  devices:");
    (void)snprintf(text, sizeof text, "%.*s  images: %s\n%s", (int)(from - with_tcb), with_tcb,
                   images, to);
    sw_put_text(&yaml, text);
    sw_status status = golden_make(&g, sw_buffer_bytes(&yaml), &made, err);
    if (status == SW_OK) status = sw_compose_parse(sw_buffer_bytes(&made), out, err);
    golden_drop(&g);
    return status;
}

#define POLICY_HEAD                                                                                \
    "{\"anchors\":[\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"],"         \
    "\"devices\":\"any\",\"gpu\":\"none\",\"images\":"

static void policy_text(char out[16384], const char *images, const char *tcb) {
    (void)snprintf(out, 16384, POLICY_HEAD "%s,\"minimum_tcb\":%s,\"platform\":\"sim\"}", images,
                   tcb);
}

static sw_status read_json(const char *images, const char *tcb, sw_policy *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    char text[16384];
    sw_json *root;
    policy_text(text, images, tcb);
    SW_TRY(sw_json_parse(&a, sw_text(text), NULL, &root, err));
    return sw_policy_from_json(root, "policy", out, err);
}

static void text_of(const sw_policy *p, sw_buffer *out) {
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_policy_to_json(&a, root, "p", p);
    out->size = 0;
    sw_json_encode(out, sw_json_member(root, "p"));
    sw_put_u8(out, 0);
    assert_false(out->failed);
}

/* ---- one meaning ---- */
static const struct {
    const char *json, *yaml, *json_tcb, *yaml_tcb;
} SAME[] = {
    {JSON_IMAGE, YAML_IMAGE, JSON_PLAIN_TCB, YAML_PLAIN_TCB},
    {JSON_IMAGE, YAML_IMAGE, JSON_TCB, YAML_TCB},
    {JSON_IMAGE, YAML_IMAGE, JSON_AGE_TCB, YAML_AGE_TCB},
    {"{\"acpi\":\"any\",\"memory_bytes\":\"any\",\"name\":\"a\",\"os_image_hash\":\"" HASH "\"}",
     "{name: a, os_image_hash: " HASH ", acpi: any, memory_bytes: any}", JSON_TCB, YAML_TCB},
    {"{\"acpi\":\"any\",\"memory_bytes\":[70368744177664],\"name\":\"a\",\"os_image_hash\":\"" HASH
     "\"}",
     "{name: a, os_image_hash: " HASH ", acpi: any, memory_bytes: [70368744177664]}",
     JSON_PLAIN_TCB, YAML_PLAIN_TCB},
    {JSON_IMAGE ",{\"mrtd\":\"" A1 "\",\"name\":\"b\",\"rtmr0\":\"" A1 "\",\"rtmr1\":\"" A2
                "\",\"rtmr2\":\"" A3 "\"}",
     YAML_IMAGE ", {name: b, mrtd: " A1 ", rtmr0: " A1 ", rtmr1: " A2 ", rtmr2: " A3 "}",
     JSON_PLAIN_TCB, YAML_PLAIN_TCB},
    {"{\"acpi\":\"any\",\"answers_cpuid\":true,\"memory_bytes\":\"any\",\"name\":\"a\","
     "\"os_image_hash\":\"" HASH "\"},{\"answers_cpuid\":true,\"mrtd\":\"" A1
     "\",\"name\":\"b\",\"rtmr0\":\"" A1 "\",\"rtmr1\":\"" A2 "\",\"rtmr2\":\"" A3 "\"}",
     "{name: a, os_image_hash: " HASH ", acpi: any, memory_bytes: any, answers_cpuid: true}, "
     "{answers_cpuid: true, name: b, mrtd: " A1 ", rtmr0: " A1 ", rtmr1: " A2 ", rtmr2: " A3 "}",
     JSON_PLAIN_TCB, YAML_PLAIN_TCB},
};

static void test_both_ways(void **state) {
    (void)state;
    static sw_recipe r;
    static sw_policy p;
    for (size_t i = 0; i < COUNT(SAME); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        char json[8192], yaml[8192], expected[16384];
        sw_error err = {0};
        (void)snprintf(json, sizeof json, "[%s]", SAME[i].json);
        (void)snprintf(yaml, sizeof yaml, "[%s]", SAME[i].yaml);
        policy_text(expected, json, SAME[i].json_tcb);
        if (read_json(json, SAME[i].json_tcb, &p, &err) != SW_OK) fail_msg("%s", err.message);
        text_of(&p, &text);
        assert_string_equal((const char *)text.data, expected);
        if (read_yaml(yaml, SAME[i].yaml_tcb, &r, &err) != SW_OK) fail_msg("%s", err.message);
        text_of(&r.policy, &text);
        assert_string_equal((const char *)text.data, expected);
    }
    assert_int_equal(read_yaml("[" YAML_IMAGE "]", YAML_TCB, &r, NULL), SW_OK);
    const sw_image *image = &r.policy.images[0];
    assert_true(image->by_hash && !image->any_acpi && !image->any_memory);
    assert_int_equal(image->acpi_count, 2);
    assert_int_equal(image->acpi[1][2][47], 0xb3);
    assert_int_equal(image->memory_bytes[1], UINT64_C(4) << 30);
    assert_true(r.policy.has_grace);
    assert_true(r.policy.grace_until_ms == UNTIL_MS);
}

/* CMD-052: what is said of one image is not said of another. */
static void test_answers(void **state) {
    (void)state;
    static sw_recipe r;
    static const char one[] =
        "{name: a, os_image_hash: " HASH ", acpi: any, memory_bytes: any, answers_cpuid: true}";
    char both[8192];
    (void)snprintf(both, sizeof both,
                   "[%s, {name: b, mrtd: " A1 ", rtmr0: " A1 ", rtmr1: " A2 ", rtmr2: " A3 "}]",
                   one);
    assert_int_equal(read_yaml(both, YAML_PLAIN_TCB, &r, NULL), SW_OK);
    assert_true(r.policy.images[0].answers_cpuid && !r.policy.images[1].answers_cpuid);
    assert_false(sw_policy_answers_cpuid(&r.policy));
    (void)snprintf(both, sizeof both, "[%s]", one);
    assert_int_equal(read_yaml(both, YAML_PLAIN_TCB, &r, NULL), SW_OK);
    assert_true(sw_policy_answers_cpuid(&r.policy));
    r.policy.image_count = 0;
    assert_false(sw_policy_answers_cpuid(&r.policy));
}

/* As much as a policy can hold goes through a KMS reference. */
static void test_the_largest(void **state) {
    (void)state;
    static sw_kms_reference full, back;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    sw_error err = {0};
    assert_int_equal(read_json("[" JSON_IMAGE "]", JSON_TCB, &full.policy, NULL), SW_OK);
    sw_policy *p = &full.policy;
    sw_image *first = &p->images[0];
    first->acpi_count = SW_IMAGE_ACPI_LIMIT;
    first->memory_count = SW_IMAGE_MEMORY_LIMIT;
    for (size_t i = 0; i < SW_IMAGE_ACPI_LIMIT; i++) {
        memset(first->acpi[i], (int)i + 1, sizeof first->acpi[i]);
        first->memory_bytes[i] = SW_MEMORY_LIMIT - i * SW_MEMORY_PAGE_BYTES;
    }
    for (p->image_count = 1; p->image_count < SW_IMAGE_LIMIT; p->image_count++) {
        sw_image *image = &p->images[p->image_count];
        *image = *first;
        memset(image->name, 'a' + (int)p->image_count, sizeof image->name - 1);
        image->os_image.b[1] = (uint8_t)(0x80 + p->image_count);
    }
    p->any_device = false;
    p->device_count = SW_DEVICE_LIMIT;
    for (size_t i = 0; i < SW_DEVICE_LIMIT; i++) p->devices[i].b[0] = (uint8_t)i;
    if (sw_kms_reference_encode(&full, &text, &err) != SW_OK) fail_msg("%s", err.message);
    if (sw_kms_reference_parse(sw_buffer_bytes(&text), &back, &err) != SW_OK)
        fail_msg("%s", err.message);
    assert_memory_equal(&back, &full, sizeof full);
}

/* ---- refusals ---- */
typedef struct refusal {
    const char *from, *to, *sentence;
} refusal;

static const refusal JSON_REFUSED[] = {
    {JSON_ACPI, "\"all\"", "images[].acpi is not a list or \"any\""},
    {JSON_ACPI, "[]", "names no ACPI tables and does not say any"},
    {JSON_ACPI, "null", "acpi"},
    {JSON_ACPI, "[\"any\"]", "three digests"},
    {JSON_ACPI, "[[]]", "three digests"},
    {JSON_ACPI, "[[\"" A1 "\",\"" A2 "\"]]", "three digests"},
    {JSON_ACPI, "[[\"" A1 "\",\"" A2 "\",\"" A3 "\",\"" A3 "\"]]", "three digests"},
    {JSON_ACPI, "[[\"" A1 "\",\"" A2 "\",\"" HASH "\"]]", "three digests"},
    {JSON_ACPI, "[[\"" A1 "\",\"" A2 "\",7]]", "three digests"},
    {B3, A3, "names ACPI tables twice"},
    {"\"acpi\":" JSON_ACPI ",", "", "acpi"},
    {"[2147483648,4294967296]", "\"all\"", "images[].memory_bytes is not a list or \"any\""},
    {"[2147483648,4294967296]", "2147483648", "memory_bytes"},
    {"[2147483648,4294967296]", "[]", "names no memory size and does not say any"},
    {"2147483648,", "\"2147483648\",", "whole number"},
    {"2147483648,", "-4096,", "whole number"},
    {"2147483648,", "0.5,", "whole number"},
    {"2147483648,", "0,", "whole pages of 4 KiB, up to 64 TiB"},
    {"2147483648,", "4097,", "whole pages of 4 KiB, up to 64 TiB"},
    {"2147483648,", "70368744181760,", "whole pages of 4 KiB, up to 64 TiB"},
    {"2147483648,", "4294967296,", "names a memory size twice"},
    {"2147483648,", "4096,8192,12288,16384,20480,24576,28672,32768,", "memory_bytes"},
    {",\"memory_bytes\":[2147483648,4294967296]", "", "memory_bytes"},
    {HASH, ZEROS, "OS image hash of zeros"},
    {"\"" HASH "\"", "\"any\"", "os_image_hash"},
    {",\"os_image_hash\":\"" HASH "\"", "", "acpi is not known"},
    {"\"name\":\"dstack-0.6\",", "", "name"},
    {"dstack-0.6", "dstack 0.6", "name"},
    {"\"name\":", "\"mrtd\":\"" A1 "\",\"name\":", "mrtd is not known"},
    {"\"memory_bytes\"", "\"answers_cpuid\":false,\"memory_bytes\"", "is not true; leave it out"},
    {"\"memory_bytes\"", "\"answers_cpuid\":\"true\",\"memory_bytes\"", "answers_cpuid"},
    {"\"memory_bytes\"", "\"answers_cpuid\":1,\"memory_bytes\"", "answers_cpuid"},
    {"\"memory_bytes\"", "\"answers_cpuid\":null,\"memory_bytes\"", "answers_cpuid"},
    {JSON_IMAGE, JSON_IMAGE "," JSON_IMAGE, "an image twice"},
    {JSON_IMAGE,
     "{\"acpi\":\"any\",\"memory_bytes\":\"any\",\"name\":\"a\",\"os_image_hash\":\"" HASH
     "\"},{\"acpi\":\"any\",\"answers_cpuid\":true,\"memory_bytes\":\"any\",\"name\":\"b\","
     "\"os_image_hash\":\"" HASH "\"}",
     "an image twice"},
    {JSON_IMAGE,
     JSON_IMAGE
     ",{\"acpi\":\"any\",\"memory_bytes\":\"any\",\"name\":\"b\",\"os_image_hash\":\"" HASH "\"}",
     "an image twice"},
};

static const refusal TCB_REFUSED[] = {
    {"\"OutOfDate\"", "\"Revoked\"", "minimum_tcb.grace.status is not OutOfDate"},
    {"\"OutOfDate\"", "\"OutOfDateConfigurationNeeded\"", "minimum_tcb.grace.status"},
    {"\"OutOfDate\"", "\"SWHardeningNeeded\"", "minimum_tcb.grace.status"},
    {"\"OutOfDate\"", "[\"OutOfDate\"]", "status"},
    {"2026-12-31T00:00:00Z", "2026-12-31", "minimum_tcb.grace.until is not a time"},
    {"2026-12-31T00:00:00Z", "2026-12-31T00:00:00", "until"},
    {"2026-12-31T00:00:00Z", "2026-12-31T00:00:00+00:00", "until"},
    {"2026-12-31T00:00:00Z", "2026-12-31t00:00:00z", "until"},
    {"2026-12-31T00:00:00Z", "2026-12-31T24:00:00Z", "until"},
    {"2026-12-31T00:00:00Z", "2026-02-30T00:00:00Z", "until"},
    {"2026-12-31T00:00:00Z", "1969-12-31T23:59:59Z", "until"},
    {"2026-12-31T00:00:00Z", "2026-1/-31T00:00:00Z", "until"},
    {"2026-12-31T00:00:00Z", "never", "until"},
    {"\"2026-12-31T00:00:00Z\"", "1798675200000", "until"},
    {",\"until\":\"2026-12-31T00:00:00Z\"", "", "until"},
    {"\"status\":\"OutOfDate\",", "", "status"},
    {"{\"status\":\"OutOfDate\",", "{\"advisories\":[],\"status\":\"OutOfDate\",", "advisories"},
    {"{\"status\":\"OutOfDate\",\"until\":\"2026-12-31T00:00:00Z\"}", "null", "grace"},
    {"{\"status\":\"OutOfDate\",\"until\":\"2026-12-31T00:00:00Z\"}", "\"none\"", "grace"},
    {"{\"status\":\"OutOfDate\",\"until\":\"2026-12-31T00:00:00Z\"}", "{}", "grace"},
};

/* The greatest age of collateral (EVD-068). */
static const refusal AGE_REFUSED[] = {
    {"1209600000", "\"14d\"", "collateral_max_age_ms"},
    {"1209600000", "0", "an hour or more"},
    {"1209600000", "3599999", "an hour or more"},
    {"1209600000", "31622400001", "collateral_max_age_ms"},
    {"1209600000", "-1", "collateral_max_age_ms"},
    {"1209600000", "null", "collateral_max_age_ms"},
    {"collateral_max_age_ms", "collateral_max_age", "is not known"},
};
static const refusal YAML_AGE_REFUSED[] = {
    {"14d", "14", "collateral_max_age must be a whole number with a unit"},
    {"14d", "59m", "from 1 hour to 366 days"},
    {"14d", "367d", "from 1 hour to 366 days"},
    {"14d", "any", "collateral_max_age must be"},
    {"14d", "[14d]", "collateral_max_age must be"},
    {"collateral_max_age", "collateral_max_age_ms", "is not known"},
};

static void json_refused(const char *images, const char *tcb, const refusal *r) {
    static sw_policy p;
    sw_error err = {0};
    p.gpu.count = 77;
    if (read_json(images, tcb, &p, &err) == SW_OK) fail_msg("accepted: %s", r->to);
    if (strstr(err.message, r->sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", r->sentence, err.message);
    assert_int_equal(p.gpu.count, 77);
}

static void test_json_refused(void **state) {
    (void)state;
    char text[8192];
    for (size_t i = 0; i < COUNT(JSON_REFUSED); i++) {
        change(text, sizeof text, "[" JSON_IMAGE "]", JSON_REFUSED[i].from, JSON_REFUSED[i].to);
        json_refused(text, JSON_PLAIN_TCB, &JSON_REFUSED[i]);
    }
    for (size_t i = 0; i < COUNT(TCB_REFUSED); i++) {
        change(text, sizeof text, JSON_TCB, TCB_REFUSED[i].from, TCB_REFUSED[i].to);
        json_refused("[" JSON_IMAGE "]", text, &TCB_REFUSED[i]);
    }
    for (size_t i = 0; i < COUNT(AGE_REFUSED); i++) {
        change(text, sizeof text, JSON_AGE_TCB, AGE_REFUSED[i].from, AGE_REFUSED[i].to);
        json_refused("[" JSON_IMAGE "]", text, &AGE_REFUSED[i]);
    }
}

static const refusal YAML_REFUSED[] = {
    {YAML_ACPI, "all", "machine.images[].acpi must be a list, or any"},
    {YAML_ACPI, "[]", "acpi is empty"},
    {YAML_ACPI, "{}", "acpi must be a list"},
    {YAML_ACPI, "[any]", "three digests"},
    {YAML_ACPI, "[[" A1 ", " A2 "]]", "three digests"},
    {YAML_ACPI, "[[" A1 ", " A2 ", " A3 ", " A3 "]]", "three digests"},
    {YAML_ACPI, "[[" A1 ", " A2 ", [" A3 "]]]", "three digests"},
    {B3, A3, "names ACPI tables twice"},
    {"[2147483648, 4294967296]", "all", "memory_bytes must be a list, or any"},
    {"[2147483648, 4294967296]", "2147483648", "memory_bytes must be a list, or any"},
    {"[2147483648, 4294967296]", "[]", "memory_bytes is empty"},
    {"2147483648", "2GiB", "memory_bytes[] must be a whole number"},
    {"2147483648", "[2147483648]", "memory_bytes[] must be a whole number"},
    {"2147483648", "0", "whole pages of 4 KiB"},
    {"2147483648", "4294967296", "names a memory size twice"},
    {"2147483648", "4096, 8192, 12288, 16384, 20480, 24576, 28672, 32768", "more than 8"},
    {"os_image_hash: " HASH, "os_image_hash: " ZEROS, "OS image hash of zeros"},
    {"os_image_hash: " HASH, "os_image_hash: any", "64 lower-case hex digits"},
    {"os_image_hash: " HASH ", ", "", "acpi is not known"},
    {", memory_bytes: [2147483648, 4294967296]", "", "memory_bytes is missing"},
    {"acpi: " YAML_ACPI ", ", "", "acpi is missing"},
    {"name: dstack-0.6, ", "", "name is missing"},
    {"name: dstack-0.6, ", "name: dstack-0.6, mrtd: " A1 ", ", "mrtd is not known"},
    {"name: dstack-0.6, ", "name: dstack-0.6, answers_cpuid: false, ", "must be true, or left out"},
    {"name: dstack-0.6, ", "name: dstack-0.6, answers_cpuid: any, ", "answers_cpuid"},
    {"name: dstack-0.6, ", "name: dstack-0.6, answers_cpuid: [true], ", "answers_cpuid"},
};

static const refusal YAML_TCB_REFUSED[] = {
    {"OutOfDate", "Revoked", "status must be one of: OutOfDate"},
    {"OutOfDate", "[OutOfDate]", "status"},
    {"2026-12-31T00:00:00Z", "2026-12-31", "until must be a time like 2026-12-31T00:00:00Z"},
    {"2026-12-31T00:00:00Z", "[2026-12-31T00:00:00Z]", "until must be a time"},
    {", until: 2026-12-31T00:00:00Z", "", "until is missing"},
    {"status: OutOfDate, ", "", "status is missing"},
    {"{status: OutOfDate, until: 2026-12-31T00:00:00Z}", "none", "grace must be a map"},
    {"{status: OutOfDate, ", "{for: 7d, status: OutOfDate, ", "for is not known"},
};

static void yaml_refused(const char *images, const char *tcb, const refusal *r) {
    static sw_recipe recipe;
    sw_error err = {0};
    if (read_yaml(images, tcb, &recipe, &err) == SW_OK) fail_msg("accepted: %s", r->to);
    if (strstr(err.message, r->sentence) == NULL && strstr(err.hint, r->sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", r->sentence, err.message);
}

static void test_yaml_refused(void **state) {
    (void)state;
    char text[8192];
    for (size_t i = 0; i < COUNT(YAML_REFUSED); i++) {
        change(text, sizeof text, "[" YAML_IMAGE "]", YAML_REFUSED[i].from, YAML_REFUSED[i].to);
        yaml_refused(text, YAML_PLAIN_TCB, &YAML_REFUSED[i]);
    }
    for (size_t i = 0; i < COUNT(YAML_TCB_REFUSED); i++) {
        change(text, sizeof text, YAML_TCB, YAML_TCB_REFUSED[i].from, YAML_TCB_REFUSED[i].to);
        yaml_refused("[" YAML_IMAGE "]", text, &YAML_TCB_REFUSED[i]);
    }
    for (size_t i = 0; i < COUNT(YAML_AGE_REFUSED); i++) {
        change(text, sizeof text, YAML_AGE_TCB, YAML_AGE_REFUSED[i].from, YAML_AGE_REFUSED[i].to);
        yaml_refused("[" YAML_IMAGE "]", text, &YAML_AGE_REFUSED[i]);
    }
}

/* A policy that no reader made is held to the same. */
static void test_incomplete(void **state) {
    (void)state;
    static sw_policy good, p;
    assert_int_equal(read_json("[" JSON_IMAGE "]", JSON_TCB, &good, NULL), SW_OK);
    p = good;
    p.images[0].any_acpi = true;
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    p = good;
    p.images[0].any_memory = true;
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    p = good;
    p.images[0].acpi_count = SW_IMAGE_ACPI_LIMIT + 1;
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    p = good;
    p.images[0].memory_count = SW_IMAGE_MEMORY_LIMIT + 1;
    assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    static const int64_t ends[] = {-1000, UNTIL_MS + 1, INT64_C(253402300800000), INT64_MAX};
    for (size_t i = 0; i < COUNT(ends); i++) {
        p = good;
        p.grace_until_ms = ends[i];
        assert_int_equal(sw_policy_complete(&p, NULL), SW_REFUSED);
    }
    p = good;
    p.grace_until_ms = INT64_C(253402300799000);
    assert_int_equal(sw_policy_complete(&p, NULL), SW_OK);
}

/* ---- what people are told ---- */
static const char *show(const sw_recipe *r, sw_buffer *text) {
    const sw_hash compose = {{0xc0}};
    text->size = 0;
    assert_int_equal(sw_recipe_show(r, &compose, text, NULL), SW_OK);
    sw_put_u8(text, 0);
    return (const char *)text->data;
}

static void says(const char *words, const char *part) {
    if (strstr(words, part) == NULL) fail_msg("does not say: %s\n%s", part, words);
}

static void test_show(void **state) {
    (void)state;
    static sw_recipe r;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    assert_int_equal(read_yaml("[" YAML_IMAGE "]", YAML_TCB, &r, NULL), SW_OK);
    const char *words = show(&r, &text);
    says(words, "  image dstack-0.6\n    OS image hash " HASH "\n");
    says(words, "It fixes firmware, kernel, initrd and the kernel's command line");
    says(words, "ACPI tables: 2 named and no other\n      loader " A1 "\n      RSDP   " A2
                "\n      tables " A3 "\n");
    says(words, "      tables " B3 "\n");
    says(words, "memory: 2 GiB, 4 GiB and no other\n");
    says(words, "GRACE: before 2026-12-31T00:00:00Z a machine that is OutOfDate is accepted");
    assert_null(strstr(words, "MRTD  "));
    assert_null(strstr(words, "ACPI tables: ANY"));
    r.policy.images[0].any_acpi = r.policy.images[0].any_memory = true;
    r.policy.images[0].acpi_count = r.policy.images[0].memory_count = 0;
    r.policy.has_grace = false;
    words = show(&r, &text);
    says(words, "ACPI tables: ANY. They are the host's, and they hold code that the guest's kernel "
                "runs");
    says(words, "memory: ANY size");
    assert_null(strstr(words, "GRACE"));
    says(words, "collateral: OF ANY AGE within its dates");
    says(words, "what that costs: the machine chooses what it shows");
    r.policy.collateral_max_age_ms = INT64_C(14) * 86400000;
    words = show(&r, &text);
    says(words, "collateral: at most 14 days old\n");
    assert_null(strstr(words, "OF ANY AGE"));
}

/* RCP-096: two recipes that differ in one digit of an image are not told alike. */
static void test_every_digit(void **state) {
    (void)state;
    static sw_recipe r;
    SW_SCOPED(sw_buffer) first = SW_BUFFER(1 << 20);
    char images[8192] = "[" YAML_IMAGE "]";
    size_t flipped = 0;
    assert_int_equal(read_yaml(images, YAML_TCB, &r, NULL), SW_OK);
    (void)show(&r, &first);
    for (char *at = images; *at != 0;) {
        size_t run = strspn(at, "0123456789abcdef");
        for (size_t i = 0; run >= 64 && i < run; i++, flipped++) {
            SW_SCOPED(sw_buffer) other = SW_BUFFER(1 << 20);
            char was = at[i];
            at[i] = was == '9' ? '8' : '9';
            assert_int_equal(read_yaml(images, YAML_TCB, &r, NULL), SW_OK);
            if (strcmp(show(&r, &other), (const char *)first.data) == 0)
                fail_msg("digit %zu of: %.*s", i, (int)run, at);
            at[i] = was;
        }
        at += run == 0 ? 1 : run;
    }
    assert_int_equal(flipped, 64 + 6 * 96);
}

/* ---- what changed ---- */
static const struct {
    const char *from, *to, *tcb, *line;
} CHANGES[] = {
    {"", "", YAML_TCB, "+ machine.minimum_tcb.grace: {\"status\":\"OutOfDate\",\"until\":"},
    {"", "", "{status: UpToDate, evaluation_data_number: 17, collateral_max_age: 1h}",
     "+ machine.minimum_tcb.collateral_max_age_ms: 3600000\n"},
    {", 4294967296]", "]", YAML_PLAIN_TCB,
     "~ machine.images[dstack-0.6].memory_bytes: [2147483648,4294967296] -> [2147483648]\n"},
    {"2147483648, 4294967296", "4294967296, 2147483648", YAML_PLAIN_TCB,
     "~ machine.images[dstack-0.6].memory_bytes: [2147483648,4294967296] -> [4294967296,"},
    {", [" A1 ", " A2 ", " B3 "]", "", YAML_PLAIN_TCB,
     "~ machine.images[dstack-0.6].acpi: [[\"" A1},
    {B3, A2, YAML_PLAIN_TCB, "~ machine.images[dstack-0.6].acpi: [[\"" A1},
    {YAML_ACPI, "any", YAML_PLAIN_TCB, "] -> \"any\"\n"},
    {HASH, "0605050505050505050505050505050505050505050505050505050505050505", YAML_PLAIN_TCB,
     "~ machine.images[dstack-0.6].os_image_hash: \"" HASH},
};

static void test_diff(void **state) {
    (void)state;
    static sw_recipe a, b;
    assert_int_equal(read_yaml("[" YAML_IMAGE "]", YAML_PLAIN_TCB, &a, NULL), SW_OK);
    for (size_t i = 0; i < COUNT(CHANGES); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        char images[8192];
        size_t differences = 0;
        sw_error err = {0};
        change(images, sizeof images, "[" YAML_IMAGE "]", CHANGES[i].from, CHANGES[i].to);
        if (read_yaml(images, CHANGES[i].tcb, &b, &err) != SW_OK) fail_msg("%s", err.message);
        assert_int_equal(sw_recipe_diff(&a, &b, &text, &differences, NULL), SW_OK);
        sw_put_u8(&text, 0);
        says((const char *)text.data, CHANGES[i].line);
        assert_int_equal(differences, 1);
        assert_int_equal(sw_recipe_diff(&b, &b, &text, &differences, NULL), SW_OK);
        assert_int_equal(differences, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),    cmocka_unit_test(test_answers),
        cmocka_unit_test(test_the_largest),  cmocka_unit_test(test_json_refused),
        cmocka_unit_test(test_yaml_refused), cmocka_unit_test(test_incomplete),
        cmocka_unit_test(test_show),         cmocka_unit_test(test_every_digit),
        cmocka_unit_test(test_diff),
    };
    return cmocka_run_group_tests_name("image_policy", tests, NULL, NULL);
}
