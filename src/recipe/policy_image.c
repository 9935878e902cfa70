/* SPDX-License-Identifier: Apache-2.0
 *
 * Images of a machine policy: each by its registers, or by the hash of the OS image that they are
 * computed from and what it leaves to the host (EVD-062, EVD-120 to EVD-124).
 *
 * An OS image's hash fixes firmware, kernel, initrd and command line. ACPI tables and memory size
 * are the host's, so both are said every time: named, or `any` written out.
 */
#include "codec/text.h"
#include "recipe/recipe_internal.h"

#include <string.h>

/* ---- completeness ---- */
static sw_status refuse(sw_error *err, const char *sentence) {
    return sw_fail(err, SW_REFUSED, "policy", "%s", sentence);
}

static bool name_valid(const char *name) {
    size_t size = strnlen(name, sizeof((sw_image *)NULL)->name);
    if (size == 0 || size == sizeof((sw_image *)NULL)->name) return false;
    for (size_t i = 0; i < size; i++) {
        bool letter = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z');
        bool digit = name[i] >= '0' && name[i] <= '9';
        if (!letter && !digit && strchr("._-", name[i]) == NULL) return false;
    }
    return true;
}

static bool same_image(const sw_image *a, const sw_image *b) {
    if (a->by_hash != b->by_hash) return false;
    if (a->by_hash) return sw_hash_equal(&a->os_image, &b->os_image);
    return memcmp(a->mrtd, b->mrtd, sizeof a->mrtd) == 0 &&
           memcmp(a->rtmr, b->rtmr, sizeof a->rtmr) == 0;
}

static sw_status acpi_check(const sw_image *image, sw_error *err) {
    if (image->any_acpi && image->acpi_count != 0)
        return refuse(err, "an image in the machine policy says any ACPI tables and names some");
    if (!image->any_acpi && image->acpi_count == 0)
        return refuse(err, "an image in the machine policy names no ACPI tables and does not say "
                           "any");
    if (image->acpi_count > SW_IMAGE_ACPI_LIMIT)
        return refuse(err, "an image in the machine policy names too many ACPI tables");
    for (size_t i = 0; i < image->acpi_count; i++)
        for (size_t k = 0; k < i; k++)
            if (memcmp(image->acpi[i], image->acpi[k], sizeof image->acpi[i]) == 0)
                return refuse(err, "an image in the machine policy names ACPI tables twice");
    return SW_OK;
}

static sw_status memory_check(const sw_image *image, sw_error *err) {
    if (image->any_memory && image->memory_count != 0)
        return refuse(err, "an image in the machine policy says any memory and names sizes");
    if (!image->any_memory && image->memory_count == 0)
        return refuse(err, "an image in the machine policy names no memory size and does not say "
                           "any");
    if (image->memory_count > SW_IMAGE_MEMORY_LIMIT)
        return refuse(err, "an image in the machine policy names too many memory sizes");
    for (size_t i = 0; i < image->memory_count; i++) {
        uint64_t bytes = image->memory_bytes[i];
        if (bytes == 0 || bytes > SW_MEMORY_LIMIT || bytes % SW_MEMORY_PAGE_BYTES != 0)
            return refuse(err, "an image's memory in the machine policy is not a number of bytes "
                               "in whole pages of 4 KiB, up to 64 TiB");
        for (size_t k = 0; k < i; k++)
            if (bytes == image->memory_bytes[k])
                return refuse(err, "an image in the machine policy names a memory size twice");
    }
    return SW_OK;
}

static sw_status hash_image_check(const sw_image *image, sw_error *err) {
    static const sw_hash nothing;
    if (sw_hash_equal(&image->os_image, &nothing))
        return refuse(err, "an image in the machine policy has an OS image hash of zeros");
    SW_TRY(acpi_check(image, err));
    return memory_check(image, err);
}

static sw_status image_check(const sw_image *image, sw_error *err) {
    static const uint8_t nothing[sizeof image->mrtd];
    if (!name_valid(image->name))
        return refuse(err, "an image's name in the machine policy is not 1 to 64 of A-Z a-z "
                           "0-9 . _ -");
    if (image->by_hash) return hash_image_check(image, err);
    if (memcmp(image->mrtd, nothing, sizeof nothing) == 0)
        return refuse(err, "an image in the machine policy has an MRTD of zeros");
    return SW_OK;
}

sw_status sw_image_policy_complete(const sw_policy *p, sw_error *err) {
    if (p->image_count == 0 || p->image_count > SW_IMAGE_LIMIT)
        return refuse(err, "the machine policy is incomplete: it names no image");
    for (size_t i = 0; i < p->image_count; i++) {
        const sw_image *image = &p->images[i];
        SW_TRY(image_check(image, err));
        for (size_t k = 0; k < i; k++)
            if (strcmp(image->name, p->images[k].name) == 0 || same_image(image, &p->images[k]))
                return refuse(err, "the machine policy names an image twice");
    }
    return SW_OK;
}

bool sw_policy_answers_cpuid(const sw_policy *p) {
    bool all = p->image_count > 0;
    for (size_t i = 0; i < p->image_count; i++) all &= p->images[i].answers_cpuid;
    return all;
}

/* ---- from JSON ---- */
static const char WHERE[] = "images[]";

static sw_status wrong(sw_error *err, const char *name, const char *allowed) {
    return sw_fail(err, SW_MALFORMED, "format", "%s.%s is not %s", WHERE, name, allowed);
}

/* The list, or NULL in *out where the word `any` stands. */
static sw_status any_read(const sw_json *object, const char *name, size_t limit,
                          const sw_json **out, sw_error *err) {
    const sw_json *member = sw_json_member(object, name);
    if (member == NULL || member->type != SW_JSON_STRING)
        return sw_json_array(object, WHERE, name, limit, out, err);
    *out = NULL;
    return sw_bytes_is(member->text, "any") ? SW_OK : wrong(err, name, "a list or \"any\"");
}

static bool triple_read(const sw_json *item, uint8_t out[SW_ACPI_COUNT][48]) {
    if (item->type != SW_JSON_ARRAY || item->count != SW_ACPI_COUNT) return false;
    size_t n = 0;
    for (const sw_json *one = item->first; one != NULL; one = one->next)
        if (one->type != SW_JSON_STRING ||
            sw_hex_decode(out[n++], 48, one->text, false, NULL) != SW_OK)
            return false;
    return true;
}

static sw_status acpi_read(const sw_json *object, sw_image *out, sw_error *err) {
    const sw_json *list;
    SW_TRY(any_read(object, "acpi", SW_IMAGE_ACPI_LIMIT, &list, err));
    out->any_acpi = list == NULL;
    for (const sw_json *item = list == NULL ? NULL : list->first; item != NULL; item = item->next)
        if (!triple_read(item, out->acpi[out->acpi_count++]))
            return wrong(err, "acpi[]", SW_IMAGE_ACPI_FORM);
    return SW_OK;
}

static sw_status memory_read(const sw_json *object, sw_image *out, sw_error *err) {
    const sw_json *list;
    SW_TRY(any_read(object, "memory_bytes", SW_IMAGE_MEMORY_LIMIT, &list, err));
    out->any_memory = list == NULL;
    for (const sw_json *item = list == NULL ? NULL : list->first; item != NULL; item = item->next) {
        if (item->type != SW_JSON_NUMBER || !item->integral || item->integer < 0)
            return wrong(err, "memory_bytes[]", "a whole number");
        out->memory_bytes[out->memory_count++] = (uint64_t)item->integer;
    }
    return SW_OK;
}

static sw_status hash_image_read(const sw_json *object, sw_image *out, sw_error *err) {
    static const char *const names[] = {"acpi", "?answers_cpuid", "memory_bytes",
                                        "name", "os_image_hash",  NULL};
    SW_TRY(sw_json_expect(object, WHERE, names, err));
    SW_TRY(sw_json_hash(object, WHERE, "os_image_hash", &out->os_image, err));
    SW_TRY(acpi_read(object, out, err));
    return memory_read(object, out, err);
}

static sw_status registers_read(const sw_json *object, sw_image *out, sw_error *err) {
    static const char *const names[] = {"?answers_cpuid", "mrtd",  "name", "rtmr0",
                                        "rtmr1",          "rtmr2", NULL};
    SW_TRY(sw_json_expect(object, WHERE, names, err));
    SW_TRY(sw_json_hex(object, WHERE, "mrtd", out->mrtd, sizeof out->mrtd, err));
    for (size_t i = 0; i < 3; i++)
        SW_TRY(sw_json_hex(object, WHERE, names[3 + i], out->rtmr[i], sizeof out->rtmr[i], err));
    return SW_OK;
}

/* `true`, or not there: one way to say it. */
static sw_status answers_read(const sw_json *object, sw_image *out, sw_error *err) {
    static const char name[] = "answers_cpuid";
    if (sw_json_member(object, name) == NULL) return SW_OK;
    SW_TRY(sw_json_flag(object, WHERE, name, &out->answers_cpuid, err));
    return out->answers_cpuid ? SW_OK : wrong(err, name, "true; leave it out");
}

static sw_status image_read(const sw_json *object, sw_image *out, sw_error *err) {
    out->by_hash = sw_json_member(object, "os_image_hash") != NULL;
    SW_TRY(out->by_hash ? hash_image_read(object, out, err) : registers_read(object, out, err));
    SW_TRY(answers_read(object, out, err));
    sw_bytes name;
    SW_TRY(sw_json_text(object, WHERE, "name", &name, err));
    if (name.size >= sizeof out->name || memchr(name.data, 0, name.size) != NULL)
        return wrong(err, "name", "1 to 64 characters");
    memcpy(out->name, name.data, name.size);
    return SW_OK;
}

sw_status sw_image_policy_from_json(const sw_json *object, const char *where, sw_policy *p,
                                    sw_error *err) {
    const sw_json *array;
    SW_TRY(sw_json_array(object, where, "images", SW_IMAGE_LIMIT, &array, err));
    for (const sw_json *item = array->first; item != NULL; item = item->next)
        SW_TRY(image_read(item, &p->images[p->image_count++], err));
    return SW_OK;
}

/* ---- to JSON ---- */
static void hash_image_put(sw_arena *a, sw_json *object, const sw_image *image) {
    sw_json_add_hex(a, object, "os_image_hash", SW_BYTES_OF(image->os_image.b));
    if (image->any_acpi) sw_json_add_text(a, object, "acpi", SW_LITERAL("any"));
    sw_json *acpi = image->any_acpi ? NULL : sw_json_add_array(a, object, "acpi");
    for (size_t i = 0; i < image->acpi_count; i++) {
        sw_json *triple = sw_json_add_array(a, acpi, NULL);
        for (size_t k = 0; k < SW_ACPI_COUNT; k++)
            sw_json_add_hex(a, triple, NULL, SW_BYTES_OF(image->acpi[i][k]));
    }
    if (image->any_memory) sw_json_add_text(a, object, "memory_bytes", SW_LITERAL("any"));
    sw_json *memory = image->any_memory ? NULL : sw_json_add_array(a, object, "memory_bytes");
    for (size_t i = 0; i < image->memory_count; i++)
        sw_json_add_integer(a, memory, NULL, (int64_t)image->memory_bytes[i]);
}

static void registers_put(sw_arena *a, sw_json *object, const sw_image *image) {
    static const char *const names[3] = {"rtmr0", "rtmr1", "rtmr2"};
    sw_json_add_hex(a, object, "mrtd", SW_BYTES_OF(image->mrtd));
    for (size_t i = 0; i < 3; i++)
        sw_json_add_hex(a, object, names[i], SW_BYTES_OF(image->rtmr[i]));
}

void sw_image_policy_to_json(sw_arena *a, sw_json *parent, const sw_policy *p) {
    sw_json *array = sw_json_add_array(a, parent, "images");
    for (size_t i = 0; i < p->image_count; i++) {
        const sw_image *image = &p->images[i];
        sw_json *object = sw_json_add_object(a, array, NULL);
        sw_json_add_text(a, object, "name", sw_text(image->name));
        if (image->answers_cpuid) sw_json_add_flag(a, object, "answers_cpuid", true);
        if (image->by_hash)
            hash_image_put(a, object, image);
        else
            registers_put(a, object, image);
    }
}
