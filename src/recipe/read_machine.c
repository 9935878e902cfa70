/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of recipe.yaml that says on which machine: read here, judged by sw_policy_complete, the
 * same as everywhere. docs/formats/recipe.md, RCP-050 to RCP-055; docs/formats/gpu-policy.md.
 */
#include "codec/text.h"
#include "recipe/recipe_internal.h"
#include "sys/clock.h"

/* ---- anchors, images, devices, TCB ---- */

static sw_status read_hash(const sw_recipe_reader *r, const sw_yaml *node, const char *what,
                           sw_hash *out) {
    bool good = node->type == SW_YAML_SCALAR &&
                sw_hex_decode(out->b, sizeof out->b, node->text, false, NULL) == SW_OK;
    if (!good)
        return sw_recipe_refuse(r, node, "machine", "%s holds what is not 64 lower-case hex digits",
                                what);
    return SW_OK;
}

static sw_status read_hashes(const sw_recipe_reader *r, const sw_yaml *map, const char *key,
                             size_t limit, sw_hash *out, size_t *count) {
    const sw_yaml *list = NULL;
    SW_TRY(sw_recipe_list(r, map, "machine", key, limit, &list));
    *count = 0;
    for (const sw_yaml *m = list->first; m != NULL; m = m->next)
        SW_TRY(read_hash(r, m, key, &out[(*count)++]));
    return SW_OK;
}

/* The list, or NULL in *out where the word `any` stands. */
static sw_status read_any(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                          const char *key, size_t limit, const sw_yaml **out) {
    const sw_yaml *m = sw_yaml_member(map, key);
    if (m == NULL || m->type != SW_YAML_SCALAR)
        return sw_recipe_list(r, map, where, key, limit, out);
    *out = NULL;
    if (sw_bytes_is(m->text, "any")) return SW_OK;
    return sw_recipe_refuse(r, m, where, "%s must be a list, or any", key);
}

static bool read_triple(const sw_yaml *list, uint8_t out[SW_ACPI_COUNT][48]) {
    if (list->type != SW_YAML_SEQUENCE || list->count != SW_ACPI_COUNT) return false;
    size_t n = 0;
    for (const sw_yaml *m = list->first; m != NULL; m = m->next)
        if (m->type != SW_YAML_SCALAR || sw_hex_decode(out[n++], 48, m->text, false, NULL) != SW_OK)
            return false;
    return true;
}

static const char IMAGES[] = "machine.images[]";

static sw_status read_hash_image(const sw_recipe_reader *r, const sw_yaml *map, sw_image *out) {
    static const char *const names[] = {"name",         "os_image_hash",  "acpi",
                                        "memory_bytes", "?answers_cpuid", NULL};
    const sw_yaml *list = NULL;
    SW_TRY(sw_recipe_expect(r, map, IMAGES, names));
    SW_TRY(sw_recipe_hex(r, map, IMAGES, "os_image_hash", out->os_image.b, sizeof out->os_image.b));
    SW_TRY(read_any(r, map, IMAGES, "acpi", SW_IMAGE_ACPI_LIMIT, &list));
    out->any_acpi = list == NULL;
    for (const sw_yaml *m = list == NULL ? NULL : list->first; m != NULL; m = m->next)
        if (!read_triple(m, out->acpi[out->acpi_count++]))
            return sw_recipe_refuse(r, m, IMAGES, "acpi[] must be " SW_IMAGE_ACPI_FORM);
    SW_TRY(read_any(r, map, IMAGES, "memory_bytes", SW_IMAGE_MEMORY_LIMIT, &list));
    out->any_memory = list == NULL;
    for (const sw_yaml *m = list == NULL ? NULL : list->first; m != NULL; m = m->next)
        if (m->type != SW_YAML_SCALAR || !sw_yaml_u64(m, &out->memory_bytes[out->memory_count++]))
            return sw_recipe_refuse(r, m, IMAGES, "memory_bytes[] must be a whole number");
    return SW_OK;
}

static sw_status read_registers(const sw_recipe_reader *r, const sw_yaml *map, sw_image *out) {
    static const char *const names[] = {"name",  "mrtd",           "rtmr0", "rtmr1",
                                        "rtmr2", "?answers_cpuid", NULL};
    SW_TRY(sw_recipe_expect(r, map, IMAGES, names));
    SW_TRY(sw_recipe_hex(r, map, IMAGES, "mrtd", out->mrtd, sizeof out->mrtd));
    for (size_t i = 0; i < 3; i++)
        SW_TRY(sw_recipe_hex(r, map, IMAGES, names[2 + i], out->rtmr[i], sizeof out->rtmr[i]));
    return SW_OK;
}

/* `true`, or not there: one way to say it. */
static sw_status read_answers(const sw_recipe_reader *r, const sw_yaml *map, sw_image *out) {
    static const char name[] = "answers_cpuid";
    const sw_yaml *m = sw_yaml_member(map, name);
    if (m == NULL) return SW_OK;
    SW_TRY(sw_recipe_flag(r, map, IMAGES, name, &out->answers_cpuid));
    return out->answers_cpuid
               ? SW_OK
               : sw_recipe_refuse(r, m, IMAGES, "%s must be true, or left out", name);
}

static sw_status read_image(const sw_recipe_reader *r, const sw_yaml *map, sw_image *out) {
    out->by_hash = sw_yaml_member(map, "os_image_hash") != NULL;
    SW_TRY(out->by_hash ? read_hash_image(r, map, out) : read_registers(r, map, out));
    SW_TRY(read_answers(r, map, out));
    return sw_recipe_text(r, map, IMAGES, "name", sizeof out->name - 1, out->name);
}

static sw_status read_images(const sw_recipe_reader *r, const sw_yaml *map, sw_policy *p) {
    const sw_yaml *list = NULL;
    SW_TRY(sw_recipe_list(r, map, "machine", "images", SW_IMAGE_LIMIT, &list));
    for (const sw_yaml *m = list->first; m != NULL; m = m->next)
        SW_TRY(read_image(r, m, &p->images[p->image_count++]));
    return SW_OK;
}

static sw_status read_devices(const sw_recipe_reader *r, const sw_yaml *map, sw_policy *p) {
    const sw_yaml *m = sw_yaml_member(map, "devices");
    p->any_device = m != NULL && m->type == SW_YAML_SCALAR && sw_bytes_is(m->text, "any");
    if (p->any_device) return SW_OK;
    if (m != NULL && m->type == SW_YAML_SCALAR)
        return sw_recipe_refuse(r, m, "machine", "devices must be a list of devices, or any");
    return read_hashes(r, map, "devices", SW_DEVICE_LIMIT, p->devices, &p->device_count);
}

static sw_status read_grace(const sw_recipe_reader *r, const sw_yaml *tcb, sw_policy *p) {
    static const char *const names[] = {"status", "until", NULL};
    static const char *const statuses[] = {SW_GRACE_STATUS, NULL};
    static const char where[] = "machine.minimum_tcb.grace";
    const sw_yaml *grace = NULL, *until;
    uint64_t word;
    p->has_grace = sw_yaml_member(tcb, "grace") != NULL;
    if (!p->has_grace) return SW_OK;
    SW_TRY(sw_recipe_map(r, tcb, "machine.minimum_tcb", "grace", &grace));
    SW_TRY(sw_recipe_expect(r, grace, where, names));
    SW_TRY(sw_recipe_choice(r, grace, where, "status", statuses, &word));
    until = sw_yaml_member(grace, "until");
    if (until->type != SW_YAML_SCALAR ||
        sw_time_parse(until->text, &p->grace_until_ms, NULL) != SW_OK)
        return sw_recipe_refuse(r, until, where, "until must be " SW_GRACE_UNTIL_FORM);
    return SW_OK;
}

static sw_status read_age(const sw_recipe_reader *r, const sw_yaml *tcb, sw_policy *p) {
    static const char name[] = "collateral_max_age";
    uint64_t age;
    if (sw_yaml_member(tcb, name) == NULL) return SW_OK;
    SW_TRY(sw_recipe_duration(r, tcb, "machine.minimum_tcb", name, SW_COLLATERAL_AGE_LEAST_MS,
                              SW_COLLATERAL_AGE_MOST_MS, &age));
    p->collateral_max_age_ms = (int64_t)age;
    return SW_OK;
}

static sw_status read_tcb(const sw_recipe_reader *r, const sw_yaml *map, sw_policy *p) {
    static const char *const names[] = {"status", "evaluation_data_number", "?collateral_max_age",
                                        "?grace", NULL};
    const sw_yaml *tcb = NULL;
    uint64_t word, number;
    SW_TRY(sw_recipe_map(r, map, "machine", "minimum_tcb", &tcb));
    SW_TRY(sw_recipe_expect(r, tcb, "machine.minimum_tcb", names));
    SW_TRY(sw_recipe_choice(r, tcb, "machine.minimum_tcb", "status", sw_recipe_tcb_words, &word));
    SW_TRY(sw_recipe_whole(r, tcb, "machine.minimum_tcb", "evaluation_data_number", 1, UINT32_MAX,
                           &number));
    p->up_to_date_only = word == 0;
    p->minimum_evaluation_number = (uint32_t)number;
    SW_TRY(read_age(r, tcb, p));
    return read_grace(r, tcb, p);
}

/* ---- GPUs ---- */

static sw_status read_gpu_devices(const sw_recipe_reader *r, const sw_yaml *map, sw_gpu_policy *p) {
    const sw_yaml *list = NULL;
    SW_TRY(read_any(r, map, "machine.gpu", "devices", SW_GPU_LIMIT, &list));
    p->any_device = list == NULL;
    for (const sw_yaml *m = list == NULL ? NULL : list->first; m != NULL; m = m->next)
        if (m->type != SW_YAML_SCALAR ||
            !sw_gpu_serial_parse(m->text, &p->devices[p->device_count++]))
            return sw_recipe_refuse(r, m, "machine.gpu", "devices[] is not " SW_GPU_SERIAL_FORM);
    return SW_OK;
}

static sw_status read_gpu_drivers(const sw_recipe_reader *r, const sw_yaml *map, sw_gpu_policy *p) {
    const sw_yaml *list = NULL;
    SW_TRY(read_any(r, map, "machine.gpu", "drivers", SW_GPU_DRIVER_LIMIT, &list));
    p->any_driver = list == NULL;
    for (const sw_yaml *m = list == NULL ? NULL : list->first; m != NULL; m = m->next)
        if (m->type != SW_YAML_SCALAR ||
            !sw_gpu_version_parse(m->text, p->drivers[p->driver_count++]))
            return sw_recipe_refuse(r, m, "machine.gpu", "drivers[] is not " SW_GPU_VERSION_FORM);
    return SW_OK;
}

/* Absent: the default (GPU-087, GPU-088). */
static sw_status read_gpu_age(const sw_recipe_reader *r, const sw_yaml *gpu, const char *name,
                              int64_t most_ms, int64_t *out) {
    uint64_t age;
    if (sw_yaml_member(gpu, name) == NULL) return SW_OK;
    SW_TRY(sw_recipe_duration(r, gpu, "machine.gpu", name, SW_COLLATERAL_AGE_LEAST_MS,
                              (uint64_t)most_ms, &age));
    *out = (int64_t)age;
    return SW_OK;
}

static sw_status read_gpu(const sw_recipe_reader *r, const sw_yaml *map, sw_gpu_policy *p) {
    static const char *const names[] = {"count",         "device_root",  "rim_root",
                                        "devices",       "drivers",      "revocation",
                                        "?ocsp_max_age", "?rim_max_age", NULL};
    static const char where[] = "machine.gpu";
    const sw_yaml *gpu = sw_yaml_member(map, "gpu");
    uint64_t count, word;
    if (gpu != NULL && gpu->type == SW_YAML_SCALAR && sw_bytes_is(gpu->text, "none")) return SW_OK;
    if (gpu != NULL && gpu->type != SW_YAML_MAP)
        return sw_recipe_refuse(r, gpu, "machine", "gpu is not " SW_GPU_POLICY_FORM);
    SW_TRY(sw_recipe_map(r, map, "machine", "gpu", &gpu));
    SW_TRY(sw_recipe_expect(r, gpu, where, names));
    SW_TRY(sw_recipe_whole(r, gpu, where, "count", 1, SW_GPU_LIMIT, &count));
    p->count = (uint32_t)count;
    SW_TRY(sw_recipe_hex(r, gpu, where, "device_root", p->device_root.b, sizeof p->device_root.b));
    SW_TRY(sw_recipe_hex(r, gpu, where, "rim_root", p->rim_root.b, sizeof p->rim_root.b));
    SW_TRY(read_gpu_devices(r, gpu, p));
    SW_TRY(read_gpu_drivers(r, gpu, p));
    SW_TRY(sw_recipe_choice(r, gpu, where, "revocation", sw_recipe_revocation_words, &word));
    SW_TRY(read_gpu_age(r, gpu, "ocsp_max_age", SW_COLLATERAL_AGE_MOST_MS, &p->ocsp_max_age_ms));
    return read_gpu_age(r, gpu, "rim_max_age", SW_GPU_RIM_AGE_MOST_MS, &p->rim_max_age_ms);
}

/* ---- all of it ---- */

sw_status sw_recipe_read_machine(const sw_recipe_reader *r, const sw_yaml *root, sw_policy *out) {
    static const char *const names[] = {"platform",    "anchors", "images", "devices",
                                        "minimum_tcb", "gpu",     NULL};
    const sw_yaml *map = NULL;
    sw_policy p = {0};
    uint64_t platform;
    sw_error why = {0};
    SW_TRY(sw_recipe_map(r, root, "", "machine", &map));
    SW_TRY(sw_recipe_expect(r, map, "machine", names));
    SW_TRY(sw_recipe_choice(r, map, "machine", "platform", sw_recipe_platforms, &platform));
    p.platform = (sw_platform)platform;
    SW_TRY(read_hashes(r, map, "anchors", SW_ANCHOR_LIMIT, p.anchors, &p.anchor_count));
    SW_TRY(read_images(r, map, &p));
    SW_TRY(read_devices(r, map, &p));
    SW_TRY(read_tcb(r, map, &p));
    SW_TRY(read_gpu(r, map, &p.gpu));
    if (sw_policy_complete(&p, &why) != SW_OK)
        return sw_recipe_refuse(r, map, "", "machine: %s", why.message);
    *out = p;
    return SW_OK;
}
