/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole way: what an author writes in recipe.yaml becomes a compose, the compose a policy, and
 * the policy judges evidence of a machine that booted the image; the same for a grace by date.
 */
#include "attest/image_forge.h"
#include "recipe/golden.h"

static forge house;

/* ---- from recipe to policy ---- */
static void recipe_text(const char *image, const char *grace, sw_buffer *out) {
    char anchor[65];
    golden g = golden_load();
    sw_put_u8(&g.recipe, 0);
    const char *text = (const char *)g.recipe.data;
    const char *machine = strstr(text, "machine:"), *output = strstr(text, "output:");
    assert_true(machine != NULL && output != NULL);
    sw_hex_text(anchor, SW_BYTES_OF(house.policy.anchors[0].b));
    sw_put_bytes(out, SW_BYTES(text, (size_t)(machine - text)));
    sw_put_format(out,
                  "machine:\n  platform: sim\n  anchors: [%s]\n  images:\n    - %s\n"
                  "  devices: any\n"
                  "  minimum_tcb: {status: UpToDate, evaluation_data_number: 1%s}\n  gpu: none\n",
                  anchor, image, grace);
    sw_put_text(out, output);
    golden_drop(&g);
}

/* The policy of the compose that is made of this recipe. */
static sw_policy policy_of(const char *image, const char *grace) {
    static sw_recipe r;
    SW_SCOPED(sw_buffer) yaml = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) compose = SW_BUFFER(1 << 20);
    sw_error err = {0};
    golden g = golden_load();
    recipe_text(image, grace, &yaml);
    if (golden_make(&g, sw_buffer_bytes(&yaml), &compose, &err) != SW_OK ||
        sw_compose_parse(sw_buffer_bytes(&compose), &r, &err) != SW_OK)
        fail_msg("%s", err.message);
    golden_drop(&g);
    return r.policy;
}

static void image_text(const booted *m, const char *acpi, const char *memory, char out[1024]) {
    char hash[65];
    sw_hex_text(hash, SW_BYTES_OF(m->values.os_image.b));
    (void)snprintf(out, 1024, "{name: dstack-0.6, os_image_hash: %s, acpi: %s, memory_bytes: %s}",
                   hash, acpi, memory);
}

static void triple_text(const booted *m, char out[512]) {
    char hex[3][97];
    for (size_t i = 0; i < 3; i++) sw_hex_text(hex[i], SW_BYTES_OF(m->image.machine.acpi[i]));
    (void)snprintf(out, 512, "[[%s, %s, %s]]", hex[0], hex[1], hex[2]);
}

/* ---- verdicts ---- */
static void verdict(booted *m, const char *sentence) {
    sw_claims claims;
    sw_error err = {0};
    sw_status status = bend_judge(&m->b, bend_encode(&m->b), &claims, &err);
    if (sentence == NULL && status != SW_OK) fail_msg("%s", err.message);
    if (sentence == NULL) assert_string_equal(claims.image, "dstack-0.6");
    if (sentence == NULL) return;
    if (status == SW_OK) fail_msg("accepted: %s", sentence);
    if (strstr(err.message, sentence) == NULL) fail_msg("%s", err.message);
}

static void test_hash(void **state) {
    (void)state;
    booted m;
    char image[1024], triple[512], other[512];
    booted_start(&m, &house);
    triple_text(&m, triple);
    (void)strcpy(other, triple);
    other[2] = other[2] == '0' ? '1' : '0';
    const struct {
        const char *acpi, *memory, *sentence;
    } table[] = {
        {"any", "any", NULL},
        {triple, "[4294967296]", NULL},
        {triple, "[2147483648, 4294967296]", NULL},
        {triple, "[2147483648]", "memory of 4294967296 bytes is none of the sizes"},
        {other, "any", "ACPI tables are none of those"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        image_text(&m, table[i].acpi, table[i].memory, image);
        m.b.policy = policy_of(image, "");
        verdict(&m, table[i].sentence);
    }
    m.values.os_image.b[0] ^= 1;
    image_text(&m, "any", "any", image);
    m.b.policy = policy_of(image, "");
    verdict(&m, "OS image hash");
    booted_end(&m);
}

/* FORGE_NOW is 2026-09-21T14:13:20Z. */
static void test_grace(void **state) {
    (void)state;
    static const struct {
        const char *grace, *status, *sentence;
    } table[] = {
        {"", "OutOfDate", "TCB status is OutOfDate, which the machine policy does not accept"},
        {"2026-09-21T14:13:21Z", "OutOfDate", NULL},
        {"2026-09-21T14:13:20Z", "OutOfDate", "TCB status is OutOfDate"},
        {"2026-09-21T14:13:19Z", "OutOfDate", "TCB status is OutOfDate"},
        {"2026-12-31T00:00:00Z", "Revoked", "TCB status is Revoked"},
        {"2026-12-31T00:00:00Z", "OutOfDateConfigurationNeeded", "OutOfDateConfigurationNeeded"},
        {"2026-12-31T00:00:00Z", "SWHardeningNeeded", "TCB status is SWHardeningNeeded"},
        {"2026-09-21T14:13:19Z", "UpToDate", NULL},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        booted m;
        char image[1024], grace[96] = "", level[96];
        booted_start(&m, &house);
        image_text(&m, "any", "any", image);
        if (table[i].grace[0] != 0)
            (void)snprintf(grace, sizeof grace, ", grace: {status: OutOfDate, until: %s}",
                           table[i].grace);
        (void)snprintf(level, sizeof level, "\"tcbStatus\":\"%s\"", table[i].status);
        edit_tcb_info(&m.b, "\"tcbStatus\":\"UpToDate\"", level, 0);
        m.b.policy = policy_of(image, grace);
        verdict(&m, table[i].sentence);
        booted_end(&m);
    }
}

int main(void) {
    forge_open(&house);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_grace),
    };
    int failed = cmocka_run_group_tests_name("image_recipe", tests, NULL, NULL);
    forge_close(&house);
    return failed;
}
