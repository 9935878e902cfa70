/* SPDX-License-Identifier: Apache-2.0
 *
 * The OS image that evidence describes: measured, held against the quote, and compared with the
 * images of a policy (EVD-112 to EVD-117).
 *
 * Anyone can mint two files with a hash of their own. What measures to the quote says which image
 * this is; whether that image is wanted, a policy alone says.
 */
#include "attest/attest_internal.h"

#include <string.h>

sw_status sw_claims_image_verify(const sw_evidence_image *image, const sw_td_report *td,
                                 const sw_app_log *app, const sw_check_log *log, sw_claims *claims,
                                 sw_error *err) {
    sw_td_measurements quoted;
    sw_hash os_image;
    sw_td_measurements_of(td, &quoted);
    sw_check_begin(log, "OS image");
    SW_TRY(sw_lite_verify(image, &quoted, app->events, app->count, &os_image, err));
    sw_check_held_hex(log, SW_BYTES_OF(os_image.b));
    claims->has_os_image = true;
    claims->os_image = os_image;
    memcpy(claims->acpi, image->machine.acpi, sizeof claims->acpi);
    claims->memory_bytes = image->machine.memory_bytes;
    return SW_OK;
}

/* ---- policy ---- */
bool sw_policy_names_hashes(const sw_policy *policy) {
    for (size_t i = 0; i < policy->image_count; i++)
        if (policy->images[i].by_hash) return true;
    return false;
}

static bool acpi_listed(const sw_image *image, const sw_claims *claims) {
    for (size_t i = 0; i < image->acpi_count; i++)
        if (memcmp(image->acpi[i], claims->acpi, sizeof claims->acpi) == 0) return true;
    return image->any_acpi;
}

static bool memory_listed(const sw_image *image, const sw_claims *claims) {
    for (size_t i = 0; i < image->memory_count; i++)
        if (image->memory_bytes[i] == claims->memory_bytes) return true;
    return image->any_memory;
}

static bool hash_matches(const sw_image *image, const sw_claims *claims) {
    return image->by_hash && claims->has_os_image &&
           sw_hash_equal(&image->os_image, &claims->os_image);
}

static bool image_matches(const sw_image *image, const sw_claims *claims) {
    if (image->by_hash)
        return hash_matches(image, claims) && acpi_listed(image, claims) &&
               memory_listed(image, claims);
    return memcmp(image->mrtd, claims->mrtd, sizeof image->mrtd) == 0 &&
           memcmp(image->rtmr, claims->rtmr, sizeof image->rtmr) == 0;
}

/* Why none matched: what is wrong with the image that was nearest. */
static sw_status image_refuse(const sw_policy *policy, const sw_claims *claims, sw_error *err) {
    for (size_t i = 0; i < policy->image_count; i++) {
        const sw_image *image = &policy->images[i];
        if (!hash_matches(image, claims)) continue;
        if (!acpi_listed(image, claims))
            return sw_fail(err, SW_REFUSED, "policy",
                           "the machine's ACPI tables are none of those that the machine policy "
                           "names for image %s",
                           image->name);
        return sw_fail(err, SW_REFUSED, "policy",
                       "the machine's memory of %llu bytes is none of the sizes that the machine "
                       "policy names for image %s",
                       (unsigned long long)claims->memory_bytes, image->name);
    }
    if (!sw_policy_names_hashes(policy))
        return sw_fail(err, SW_REFUSED, "policy",
                       "the machine booted an image that the machine policy does not name (MRTD, "
                       "RTMR0-2)");
    if (!claims->has_os_image)
        return sw_fail(err, SW_REFUSED, "policy",
                       "the machine booted an image that the machine policy does not name (MRTD, "
                       "RTMR0-2), and its evidence does not say which OS image it is");
    return sw_fail(err, SW_REFUSED, "policy",
                   "the machine booted an image that the machine policy does not name (MRTD, "
                   "RTMR0-2, OS image hash)");
}

sw_status sw_policy_image_check(const sw_policy *policy, const sw_claims *claims,
                                const sw_image **out, sw_error *err) {
    for (size_t i = 0; i < policy->image_count; i++) {
        if (!image_matches(&policy->images[i], claims)) continue;
        *out = &policy->images[i];
        return SW_OK;
    }
    return image_refuse(policy, claims, err);
}
