/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine policy's GPUs: `none`, or every member written out (GPU-200 to GPU-206).
 *
 * As with Intel's root nothing is trusted by being compiled in: the two constants keep the word
 * `tdx` for NVIDIA's roots, and keep those from being called a simulation.
 */
#include "codec/text.h"
#include "recipe/recipe_internal.h"

#include <string.h>

/* SHA-256 of the DER of "NVIDIA Device Identity CA" and of "NVIDIA CoRIM signing Root CA". */
const sw_hash sw_nvidia_device_root = {{0x10, 0x2b, 0xf6, 0x59, 0xd5, 0x41, 0x96, 0x14,
                                        0xc9, 0xd8, 0xe6, 0xae, 0xce, 0xbc, 0x80, 0x45,
                                        0x4e, 0xb2, 0x6b, 0x1d, 0xf6, 0xa7, 0x69, 0xac,
                                        0x72, 0x0b, 0x9a, 0x69, 0x0b, 0x16, 0x7b, 0x48}};
const sw_hash sw_nvidia_rim_root = {{0x12, 0x97, 0x7b, 0x51, 0x15, 0xac, 0xb0, 0x38,
                                     0x11, 0x79, 0x27, 0x9f, 0xff, 0xeb, 0x5a, 0x8c,
                                     0x4d, 0x26, 0x49, 0x71, 0xeb, 0xb3, 0x22, 0x98,
                                     0x02, 0x3a, 0x46, 0x5f, 0xa4, 0x1d, 0xf5, 0xd1}};

const char *const sw_recipe_revocation_words[] = {"required", NULL};

/* ---- completeness ---- */
static sw_status refuse(sw_error *err, const char *sentence) {
    return sw_fail(err, SW_REFUSED, "policy", "the machine policy's gpu %s", sentence);
}

static bool is_nvidia(const sw_hash *root) {
    return sw_hash_equal(root, &sw_nvidia_device_root) || sw_hash_equal(root, &sw_nvidia_rim_root);
}

static sw_status roots_check(const sw_gpu_policy *p, sw_platform platform, sw_error *err) {
    if (sw_hash_equal(&p->device_root, &p->rim_root))
        return refuse(err, "names one root for devices and manifests");
    if (platform == SW_PLATFORM_SIM && (is_nvidia(&p->device_root) || is_nvidia(&p->rim_root)))
        return refuse(err, "is of a machine that is sim and names NVIDIA's root");
    if (platform == SW_PLATFORM_TDX && !sw_hash_equal(&p->device_root, &sw_nvidia_device_root))
        return refuse(err, "is of a machine that is tdx and its device_root is not NVIDIA's");
    if (platform == SW_PLATFORM_TDX && !sw_hash_equal(&p->rim_root, &sw_nvidia_rim_root))
        return refuse(err, "is of a machine that is tdx and its rim_root is not NVIDIA's");
    return SW_OK;
}

static bool serial_equal(const sw_gpu_serial *a, const sw_gpu_serial *b) {
    return a->size == b->size && memcmp(a->b, b->b, a->size) == 0;
}

static sw_status devices_check(const sw_gpu_policy *p, sw_error *err) {
    if (p->any_device)
        return p->device_count == 0 ? SW_OK : refuse(err, "says any device and names devices");
    if (p->device_count == 0) return refuse(err, "names no device and does not say any");
    if (p->device_count > SW_GPU_LIMIT) return refuse(err, "names too many devices");
    for (size_t i = 0; i < p->device_count; i++) {
        const sw_gpu_serial *serial = &p->devices[i];
        if (serial->size == 0 || serial->size > sizeof serial->b || serial->b[0] == 0)
            return refuse(err, "names a serial that is empty, too long or starts with zeros");
        for (size_t k = 0; k < i; k++)
            if (serial_equal(serial, &p->devices[k])) return refuse(err, "names a device twice");
    }
    if (p->device_count < p->count) return refuse(err, "names fewer devices than it asks for");
    return SW_OK;
}

/* What versions are written with; nothing that a terminal or a file's name could take otherwise. */
static bool version_valid(const char version[32]) {
    size_t size = strnlen(version, 32);
    return size > 0 && size < 32 &&
           strspn(version, "0123456789.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") ==
               size;
}

static sw_status drivers_check(const sw_gpu_policy *p, sw_error *err) {
    if (p->any_driver)
        return p->driver_count == 0 ? SW_OK : refuse(err, "says any driver and names drivers");
    if (p->driver_count == 0) return refuse(err, "names no driver and does not say any");
    if (p->driver_count > SW_GPU_DRIVER_LIMIT) return refuse(err, "names too many drivers");
    for (size_t i = 0; i < p->driver_count; i++) {
        if (!version_valid(p->drivers[i]))
            return refuse(err, "names a driver that is not 1 to 31 of A-Z a-z 0-9 . _ -");
        for (size_t k = 0; k < i; k++)
            if (strcmp(p->drivers[i], p->drivers[k]) == 0)
                return refuse(err, "names a driver twice");
    }
    return SW_OK;
}

/* An age that is not written is the default, never any age. */
int64_t sw_gpu_ocsp_max_age_ms(const sw_gpu_policy *p) {
    return p->ocsp_max_age_ms != 0 ? p->ocsp_max_age_ms : SW_GPU_OCSP_AGE_MS;
}

int64_t sw_gpu_rim_max_age_ms(const sw_gpu_policy *p) {
    return p->rim_max_age_ms != 0 ? p->rim_max_age_ms : SW_GPU_RIM_AGE_MS;
}

static sw_status ages_check(const sw_gpu_policy *p, sw_error *err) {
    int64_t ocsp = sw_gpu_ocsp_max_age_ms(p), rim = sw_gpu_rim_max_age_ms(p);
    if (ocsp < SW_COLLATERAL_AGE_LEAST_MS || ocsp > SW_COLLATERAL_AGE_MOST_MS)
        return refuse(err, "has a greatest age of OCSP answers that is not between an hour and 366 "
                           "days");
    if (rim < SW_COLLATERAL_AGE_LEAST_MS || rim > SW_GPU_RIM_AGE_MOST_MS)
        return refuse(err, "has a greatest age of manifests that is not between an hour and 3660 "
                           "days");
    return SW_OK;
}

/* Nothing may hide behind `none`: it could not be written out. */
static bool is_blank(const sw_gpu_policy *p) {
    static const sw_hash zeros;
    return !p->any_device && !p->any_driver && p->device_count == 0 && p->driver_count == 0 &&
           p->ocsp_max_age_ms == 0 && p->rim_max_age_ms == 0 &&
           sw_hash_equal(&p->device_root, &zeros) && sw_hash_equal(&p->rim_root, &zeros);
}

sw_status sw_gpu_policy_complete(const sw_gpu_policy *p, sw_platform platform, sw_error *err) {
    if (p->count == 0) return is_blank(p) ? SW_OK : refuse(err, "asks for no GPU and names some");
    if (p->count > SW_GPU_LIMIT) return refuse(err, "asks for too many GPUs");
    SW_TRY(roots_check(p, platform, err));
    SW_TRY(devices_check(p, err));
    SW_TRY(drivers_check(p, err));
    return ages_check(p, err);
}

/* ---- words that both readers take apart ---- */
bool sw_gpu_serial_parse(sw_bytes hex, sw_gpu_serial *out) {
    sw_gpu_serial made = {.size = (uint8_t)(hex.size / 2)};
    if (hex.size == 0 || hex.size > 2 * sizeof made.b || hex.size % 2 != 0) return false;
    if (sw_hex_decode(made.b, made.size, hex, false, NULL) != SW_OK || made.b[0] == 0) return false;
    *out = made;
    return true;
}

bool sw_gpu_version_parse(sw_bytes text, char out[32]) {
    char made[32] = {0};
    if (text.size >= sizeof made || memchr(text.data, 0, text.size) != NULL) return false;
    memcpy(made, text.data, text.size);
    if (!version_valid(made)) return false;
    memcpy(out, made, sizeof made);
    return true;
}

/* ---- from JSON ---- */
static sw_status broken(sw_error *err, const char *where, const char *name, const char *allowed) {
    return sw_fail(err, SW_MALFORMED, "format", "%s.%s is not %s", where, name, allowed);
}

/* The list, or NULL in *out where the word `any` stands. */
static sw_status list_read(const sw_json *object, const char *where, const char *name, size_t limit,
                           const sw_json **out, sw_error *err) {
    const sw_json *member = sw_json_member(object, name);
    if (member == NULL || member->type != SW_JSON_STRING)
        return sw_json_array(object, where, name, limit, out, err);
    *out = NULL;
    return sw_bytes_is(member->text, "any") ? SW_OK : broken(err, where, name, "a list or \"any\"");
}

static sw_status devices_read(const sw_json *object, const char *where, sw_gpu_policy *p,
                              sw_error *err) {
    const sw_json *list;
    SW_TRY(list_read(object, where, "devices", SW_GPU_LIMIT, &list, err));
    p->any_device = list == NULL;
    for (const sw_json *m = list == NULL ? NULL : list->first; m != NULL; m = m->next)
        if (m->type != SW_JSON_STRING ||
            !sw_gpu_serial_parse(m->text, &p->devices[p->device_count++]))
            return broken(err, where, "devices[]", SW_GPU_SERIAL_FORM);
    return SW_OK;
}

static sw_status drivers_read(const sw_json *object, const char *where, sw_gpu_policy *p,
                              sw_error *err) {
    const sw_json *list;
    SW_TRY(list_read(object, where, "drivers", SW_GPU_DRIVER_LIMIT, &list, err));
    p->any_driver = list == NULL;
    for (const sw_json *m = list == NULL ? NULL : list->first; m != NULL; m = m->next)
        if (m->type != SW_JSON_STRING ||
            !sw_gpu_version_parse(m->text, p->drivers[p->driver_count++]))
            return broken(err, where, "drivers[]", SW_GPU_VERSION_FORM);
    return SW_OK;
}

/* GPU-205: it is always, and is written out all the same. */
static sw_status revocation_read(const sw_json *object, const char *where, sw_error *err) {
    sw_bytes word;
    SW_TRY(sw_json_text(object, where, "revocation", &word, err));
    if (sw_bytes_is(word, sw_recipe_revocation_words[0])) return SW_OK;
    return broken(err, where, "revocation", "\"required\"");
}

/* GPU-087, GPU-088: absent means the default, which `*out` has as 0. */
static sw_status age_read(const sw_json *gpu, const char *name, int64_t most_ms, int64_t *out,
                          sw_error *err) {
    uint64_t age;
    if (sw_json_member(gpu, name) == NULL) return SW_OK;
    SW_TRY(sw_json_u64(gpu, "gpu", name, (uint64_t)most_ms, &age, err));
    if (age < SW_COLLATERAL_AGE_LEAST_MS) return broken(err, "gpu", name, "an hour or more");
    *out = (int64_t)age;
    return SW_OK;
}

sw_status sw_gpu_policy_from_json(const sw_json *object, const char *where, sw_gpu_policy *out,
                                  sw_error *err) {
    static const char *const names[] = {"count",           "device_root",      "devices",
                                        "drivers",         "?ocsp_max_age_ms", "revocation",
                                        "?rim_max_age_ms", "rim_root",         NULL};
    const sw_json *gpu = sw_json_member(object, "gpu");
    sw_gpu_policy p = {0};
    uint64_t count;
    if (gpu != NULL && gpu->type == SW_JSON_STRING && sw_bytes_is(gpu->text, "none")) {
        *out = p;
        return SW_OK;
    }
    if (gpu == NULL || gpu->type != SW_JSON_OBJECT)
        return broken(err, where, "gpu", SW_GPU_POLICY_FORM);
    SW_TRY(sw_json_expect(gpu, "gpu", names, err));
    SW_TRY(sw_json_u64(gpu, "gpu", "count", SW_GPU_LIMIT, &count, err));
    p.count = (uint32_t)count;
    if (count == 0) return broken(err, "gpu", "count", "1 or more; without GPUs gpu is \"none\"");
    SW_TRY(sw_json_hash(gpu, "gpu", "device_root", &p.device_root, err));
    SW_TRY(sw_json_hash(gpu, "gpu", "rim_root", &p.rim_root, err));
    SW_TRY(devices_read(gpu, "gpu", &p, err));
    SW_TRY(drivers_read(gpu, "gpu", &p, err));
    SW_TRY(revocation_read(gpu, "gpu", err));
    SW_TRY(age_read(gpu, "ocsp_max_age_ms", SW_COLLATERAL_AGE_MOST_MS, &p.ocsp_max_age_ms, err));
    SW_TRY(age_read(gpu, "rim_max_age_ms", SW_GPU_RIM_AGE_MOST_MS, &p.rim_max_age_ms, err));
    *out = p;
    return SW_OK;
}

/* ---- to JSON ---- */
static void devices_put(sw_arena *a, sw_json *gpu, const sw_gpu_policy *p) {
    if (p->any_device) {
        sw_json_add_text(a, gpu, "devices", SW_LITERAL("any"));
        return;
    }
    sw_json *list = sw_json_add_array(a, gpu, "devices");
    for (size_t i = 0; i < p->device_count; i++)
        sw_json_add_hex(a, list, NULL, SW_BYTES(p->devices[i].b, p->devices[i].size));
}

static void drivers_put(sw_arena *a, sw_json *gpu, const sw_gpu_policy *p) {
    if (p->any_driver) {
        sw_json_add_text(a, gpu, "drivers", SW_LITERAL("any"));
        return;
    }
    sw_json *list = sw_json_add_array(a, gpu, "drivers");
    for (size_t i = 0; i < p->driver_count; i++)
        sw_json_add_text(a, list, NULL, sw_text(p->drivers[i]));
}

void sw_gpu_policy_to_json(sw_arena *a, sw_json *parent, const sw_gpu_policy *p) {
    if (p->count == 0) {
        sw_json_add_text(a, parent, "gpu", SW_LITERAL("none"));
        return;
    }
    sw_json *gpu = sw_json_add_object(a, parent, "gpu");
    sw_json_add_integer(a, gpu, "count", p->count);
    sw_json_add_hex(a, gpu, "device_root", SW_BYTES_OF(p->device_root.b));
    sw_json_add_hex(a, gpu, "rim_root", SW_BYTES_OF(p->rim_root.b));
    devices_put(a, gpu, p);
    drivers_put(a, gpu, p);
    sw_json_add_text(a, gpu, "revocation", sw_text(sw_recipe_revocation_words[0]));
    if (p->ocsp_max_age_ms != 0) sw_json_add_integer(a, gpu, "ocsp_max_age_ms", p->ocsp_max_age_ms);
    if (p->rim_max_age_ms != 0) sw_json_add_integer(a, gpu, "rim_max_age_ms", p->rim_max_age_ms);
}
