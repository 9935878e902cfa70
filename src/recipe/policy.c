/* SPDX-License-Identifier: Apache-2.0
 *
 * Machine policy: JSON in, a complete policy or one refusal out, and the same JSON back.
 *
 * What is not written is not allowed, so completeness is part of parsing. Nothing here is trusted
 * by being compiled in: the one constant below only keeps the word `tdx` for Intel's root, and
 * keeps that root from being called a simulation. docs/formats/evidence.md, EVD-060 to EVD-068.
 */
#include "codec/text.h"
#include "recipe/recipe_internal.h"
#include "sys/clock.h"

#include <string.h>

#define REFERENCE_KIND        "sealwright/kms-reference/v1"
#define REFERENCE_BYTES_LIMIT ((size_t)64 << 10)
#define TIME_LIMIT_MS         INT64_C(253402300799000) /* 9999-12-31T23:59:59Z, the last of its form */

/* SHA-256 of the DER of "Intel SGX Root CA", the root of SGX and TDX. */
const sw_hash sw_intel_root = {{0x44, 0xa0, 0x19, 0x6b, 0x2b, 0x99, 0xf8, 0x89, 0xb8, 0xe1, 0x49,
                                0xe9, 0x5b, 0x80, 0x7a, 0x35, 0x0e, 0x74, 0x24, 0x96, 0x43, 0x99,
                                0xe8, 0x85, 0xa7, 0xcb, 0xb8, 0xcc, 0xfa, 0xb6, 0x74, 0xd3}};

/* ---- completeness ---- */
static sw_status refuse(sw_error *err, const char *sentence) {
    return sw_fail(err, SW_REFUSED, "policy", "%s", sentence);
}

static bool hashes_distinct(const sw_hash *hashes, size_t count) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (sw_hash_equal(&hashes[i], &hashes[k])) return false;
    return true;
}

static sw_status anchors_check(const sw_policy *p, sw_error *err) {
    if (p->anchor_count == 0 || p->anchor_count > SW_ANCHOR_LIMIT)
        return refuse(err, "the machine policy names no anchor, so nothing could be believed");
    if (!hashes_distinct(p->anchors, p->anchor_count))
        return refuse(err, "the machine policy names an anchor twice");
    bool intel = false;
    for (size_t i = 0; i < p->anchor_count; i++)
        intel = intel || sw_hash_equal(&p->anchors[i], &sw_intel_root);
    if (p->platform == SW_PLATFORM_SIM && intel)
        return refuse(err, "the machine policy says sim and names Intel's root");
    if (p->platform == SW_PLATFORM_TDX && !(intel && p->anchor_count == 1))
        return refuse(err,
                      "the machine policy says tdx and its anchor is not exactly Intel's root");
    return SW_OK;
}

static sw_status devices_check(const sw_policy *p, sw_error *err) {
    if (p->any_device && p->device_count != 0)
        return refuse(err, "the machine policy says any device and names devices");
    if (!p->any_device && p->device_count == 0)
        return refuse(err, "the machine policy is incomplete: it names no device and does not say "
                           "any");
    if (p->device_count > SW_DEVICE_LIMIT || !hashes_distinct(p->devices, p->device_count))
        return refuse(err, "the machine policy names a device twice");
    return SW_OK;
}

sw_status sw_policy_complete(const sw_policy *p, sw_error *err) {
    if (p->platform != SW_PLATFORM_SIM && p->platform != SW_PLATFORM_TDX)
        return refuse(err, "the machine policy names no platform");
    SW_TRY(anchors_check(p, err));
    SW_TRY(sw_image_policy_complete(p, err));
    SW_TRY(devices_check(p, err));
    if (p->minimum_evaluation_number == 0)
        return refuse(err, "the machine policy is incomplete: its least evaluation number is 0");
    if (p->has_grace && (p->grace_until_ms < 0 || p->grace_until_ms > TIME_LIMIT_MS ||
                         p->grace_until_ms % 1000 != 0))
        return refuse(err, "the machine policy's grace has no end in whole seconds before 10000");
    if (p->collateral_max_age_ms != 0 && (p->collateral_max_age_ms < SW_COLLATERAL_AGE_LEAST_MS ||
                                          p->collateral_max_age_ms > SW_COLLATERAL_AGE_MOST_MS))
        return refuse(err, "the machine policy's greatest age of collateral is not between an hour "
                           "and 366 days");
    return sw_gpu_policy_complete(&p->gpu, p->platform, err);
}

/* ---- from JSON ---- */
static sw_status text_wrong(sw_error *err, const char *where, const char *name,
                            const char *allowed) {
    return sw_fail(err, SW_MALFORMED, "format", "%s.%s is not %s", where, name, allowed);
}

static sw_status hash_items(const sw_json *array, const char *where, const char *name, sw_hash *out,
                            sw_error *err) {
    size_t i = 0;
    for (const sw_json *item = array->first; item != NULL; item = item->next, i++) {
        bool good = item->type == SW_JSON_STRING &&
                    sw_hex_decode(out[i].b, sizeof out[i].b, item->text, false, NULL) == SW_OK;
        if (!good)
            return sw_fail(err, SW_MALFORMED, "format", "%s.%s[%zu] is not 64 hex digits", where,
                           name, i);
    }
    return SW_OK;
}

static sw_status anchors_read(const sw_json *object, const char *where, sw_policy *p,
                              sw_error *err) {
    const sw_json *array;
    SW_TRY(sw_json_array(object, where, "anchors", SW_ANCHOR_LIMIT, &array, err));
    p->anchor_count = array->count;
    return hash_items(array, where, "anchors", p->anchors, err);
}

static sw_status devices_read(const sw_json *object, const char *where, sw_policy *p,
                              sw_error *err) {
    const sw_json *member = sw_json_member(object, "devices");
    if (member != NULL && member->type == SW_JSON_STRING) {
        p->any_device = sw_bytes_is(member->text, "any");
        return p->any_device ? SW_OK : text_wrong(err, where, "devices", "a list or \"any\"");
    }
    const sw_json *array;
    SW_TRY(sw_json_array(object, where, "devices", SW_DEVICE_LIMIT, &array, err));
    p->device_count = array->count;
    return hash_items(array, where, "devices", p->devices, err);
}

/* EVD-067: absent means none. */
static sw_status grace_read(const sw_json *tcb, sw_policy *p, sw_error *err) {
    static const char *const names[] = {"status", "until", NULL};
    static const char where[] = "minimum_tcb.grace";
    const sw_json *grace;
    sw_bytes status, until;
    p->has_grace = sw_json_member(tcb, "grace") != NULL;
    if (!p->has_grace) return SW_OK;
    SW_TRY(sw_json_object(tcb, "minimum_tcb", "grace", &grace, err));
    SW_TRY(sw_json_expect(grace, where, names, err));
    SW_TRY(sw_json_text(grace, where, "status", &status, err));
    if (!sw_bytes_is(status, SW_GRACE_STATUS))
        return text_wrong(err, where, "status", SW_GRACE_STATUS ", the one status with a grace");
    SW_TRY(sw_json_text(grace, where, "until", &until, err));
    if (sw_time_parse(until, &p->grace_until_ms, NULL) != SW_OK)
        return text_wrong(err, where, "until", SW_GRACE_UNTIL_FORM);
    return SW_OK;
}

/* EVD-068: absent means any age. */
static sw_status age_read(const sw_json *tcb, sw_policy *p, sw_error *err) {
    static const char name[] = "collateral_max_age_ms";
    uint64_t age;
    if (sw_json_member(tcb, name) == NULL) return SW_OK;
    SW_TRY(sw_json_u64(tcb, "minimum_tcb", name, SW_COLLATERAL_AGE_MOST_MS, &age, err));
    if (age < SW_COLLATERAL_AGE_LEAST_MS)
        return text_wrong(err, "minimum_tcb", name, "an hour or more");
    p->collateral_max_age_ms = (int64_t)age;
    return SW_OK;
}

static sw_status tcb_read(const sw_json *object, const char *where, sw_policy *p, sw_error *err) {
    static const char *const names[] = {"?collateral_max_age_ms", "evaluation_data_number",
                                        "?grace", "status", NULL};
    const sw_json *tcb;
    uint64_t number;
    sw_bytes status;
    SW_TRY(sw_json_object(object, where, "minimum_tcb", &tcb, err));
    SW_TRY(sw_json_expect(tcb, "minimum_tcb", names, err));
    SW_TRY(sw_json_u64(tcb, "minimum_tcb", "evaluation_data_number", UINT32_MAX, &number, err));
    SW_TRY(sw_json_text(tcb, "minimum_tcb", "status", &status, err));
    p->minimum_evaluation_number = (uint32_t)number;
    p->up_to_date_only = sw_bytes_is(status, "UpToDate");
    if (!p->up_to_date_only && !sw_bytes_is(status, "SWHardeningNeeded"))
        return text_wrong(err, "minimum_tcb", "status", "UpToDate or SWHardeningNeeded");
    SW_TRY(age_read(tcb, p, err));
    return grace_read(tcb, p, err);
}

static sw_status platform_read(const sw_json *object, const char *where, sw_policy *p,
                               sw_error *err) {
    sw_bytes platform;
    SW_TRY(sw_json_text(object, where, "platform", &platform, err));
    bool tdx = sw_bytes_is(platform, "tdx");
    if (!tdx && !sw_bytes_is(platform, "sim"))
        return text_wrong(err, where, "platform", "\"sim\" or \"tdx\"");
    p->platform = tdx ? SW_PLATFORM_TDX : SW_PLATFORM_SIM;
    return SW_OK;
}

sw_status sw_policy_from_json(const sw_json *object, const char *where, sw_policy *out,
                              sw_error *err) {
    static const char *const names[] = {"anchors",     "devices",  "gpu", "images",
                                        "minimum_tcb", "platform", NULL};
    sw_policy p = {0};
    SW_TRY(sw_json_expect(object, where, names, err));
    SW_TRY(platform_read(object, where, &p, err));
    SW_TRY(anchors_read(object, where, &p, err));
    SW_TRY(sw_image_policy_from_json(object, where, &p, err));
    SW_TRY(devices_read(object, where, &p, err));
    SW_TRY(tcb_read(object, where, &p, err));
    SW_TRY(sw_gpu_policy_from_json(object, where, &p.gpu, err));
    SW_TRY(sw_policy_complete(&p, err));
    *out = p;
    return SW_OK;
}

/* ---- to JSON ---- */
static void hashes_put(sw_arena *a, sw_json *parent, const char *key, const sw_hash *hashes,
                       size_t count) {
    sw_json *array = sw_json_add_array(a, parent, key);
    for (size_t i = 0; i < count; i++) sw_json_add_hex(a, array, NULL, SW_BYTES_OF(hashes[i].b));
}

static void tcb_put(sw_arena *a, sw_json *parent, const sw_policy *p) {
    sw_json *tcb = sw_json_add_object(a, parent, "minimum_tcb");
    sw_json_add_integer(a, tcb, "evaluation_data_number", p->minimum_evaluation_number);
    sw_json_add_text(a, tcb, "status",
                     p->up_to_date_only ? SW_LITERAL("UpToDate") : SW_LITERAL("SWHardeningNeeded"));
    if (p->collateral_max_age_ms != 0)
        sw_json_add_integer(a, tcb, "collateral_max_age_ms", p->collateral_max_age_ms);
    if (!p->has_grace) return;
    char until[21];
    sw_time_text(until, p->grace_until_ms);
    sw_json *grace = sw_json_add_object(a, tcb, "grace");
    sw_json_add_text(a, grace, "status", SW_LITERAL(SW_GRACE_STATUS));
    sw_json_add_text(a, grace, "until", sw_text(until));
}

void sw_policy_to_json(sw_arena *a, sw_json *parent, const char *key, const sw_policy *p) {
    sw_json *object = sw_json_add_object(a, parent, key);
    bool tdx = p->platform == SW_PLATFORM_TDX;
    sw_json_add_text(a, object, "platform", tdx ? SW_LITERAL("tdx") : SW_LITERAL("sim"));
    hashes_put(a, object, "anchors", p->anchors, p->anchor_count);
    sw_image_policy_to_json(a, object, p);
    if (p->any_device)
        sw_json_add_text(a, object, "devices", SW_LITERAL("any"));
    else
        hashes_put(a, object, "devices", p->devices, p->device_count);
    tcb_put(a, object, p);
    sw_gpu_policy_to_json(a, object, &p->gpu);
}

/* ---- a KMS as an owner accepts it ---- */
static sw_status reference_read(sw_arena *a, sw_bytes json, sw_kms_reference *out, sw_error *err) {
    static const char *const names[] = {"compose_hash", "kind", "policy", NULL};
    const sw_json_limits limits = {.bytes = REFERENCE_BYTES_LIMIT, .depth = 8, .nodes = 1000};
    sw_json *root;
    const sw_json *policy;
    sw_bytes kind;
    sw_kms_reference made = {0};
    SW_TRY(sw_json_parse_canonical(a, json, &limits, &root, err));
    SW_TRY(sw_json_expect(root, "reference", names, err));
    SW_TRY(sw_json_text(root, "reference", "kind", &kind, err));
    if (!sw_bytes_is(kind, REFERENCE_KIND))
        return sw_fail(err, SW_MALFORMED, "format", "reference.kind is not " REFERENCE_KIND);
    SW_TRY(sw_json_hash(root, "reference", "compose_hash", &made.compose, err));
    SW_TRY(sw_json_object(root, "reference", "policy", &policy, err));
    SW_TRY(sw_policy_from_json(policy, "reference.policy", &made.policy, err));
    *out = made;
    return SW_OK;
}

sw_status sw_kms_reference_parse(sw_bytes json, sw_kms_reference *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)1 << 20};
    return reference_read(&a, json, out, err);
}

sw_status sw_kms_reference_encode(const sw_kms_reference *r, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)1 << 20};
    SW_TRY(sw_policy_complete(&r->policy, err));
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_text(&a, root, "kind", SW_LITERAL(REFERENCE_KIND));
    sw_json_add_hex(&a, root, "compose_hash", SW_BYTES_OF(r->compose.b));
    sw_policy_to_json(&a, root, "policy", &r->policy);
    sw_json_encode(out, root);
    return sw_buffer_check(out, "the KMS reference", err);
}
