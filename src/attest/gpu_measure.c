/* SPDX-License-Identifier: Apache-2.0
 *
 * A device's measurements against the two signed manifests of its driver and its VBIOS (GPU-050 to
 * GPU-057). Entry i of a manifest is compared with the measurement of SPDM index i+1.
 *
 * A manifest that lists little proves little, so each kind has a floor; an index that both claim is
 * a contradiction and not a choice.
 */
#include "attest/gpu_internal.h"
#include "codec/text.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

enum {
    NVDEC0_INDEX = 35, /* not measured while the decoder is off */
    DRIVER_FLOOR = 20, /* of 21 and more in every manifest published so far */
    VBIOS_FLOOR = 10,  /* of 12 and more */
    SWITCH_FLOOR = 20, /* of 31 */
    SHOWN_BYTES = 8
};
static_assert((int)SW_RIM_INDEX_LIMIT == (int)SW_GPU_BLOCK_LIMIT, "one entry a measurement");

/* ---- a device's own ---- */
/* The chip as manifests spell it: "LS_10 A01 FSP BROM" is LS10. */
static void family_of(const char *model, char out[64]) {
    size_t size = 0;
    for (const char *c = model; *c != 0 && *c != ' ' && size + 1 < 64; c++)
        if (*c != '_') out[size++] = *c;
    out[size] = 0;
}

/* What a manifest does not say excludes nothing; its version is always there. */
static bool manifest_fits(const sw_rim *m, const sw_gpu_report *r, const char *model,
                          sw_rim_kind kind) {
    char family[64];
    bool version = kind == SW_RIM_DRIVER ? strcmp(m->version, r->driver) == 0
                                         : strcasecmp(m->version, r->vbios) == 0;
    family_of(model, family);
    bool product = m->product[0] == 0 || strcmp(m->product, family) == 0 ||
                   (r->chip_info[0] != 0 && strcmp(m->product, r->chip_info) == 0);
    bool edition = m->edition[0] == 0 || strcmp(m->edition, r->is_switch ? "SWITCH" : "GPU") == 0;
    return version && product && edition;
}

sw_status sw_gpu_manifest_find(const sw_gpu_manifests *m, const sw_gpu_report *r, const char *model,
                               sw_rim_kind kind, const sw_rim **out, sw_error *err) {
    char driver[128], vbios[128];
    const sw_rim *found = NULL;
    sw_gpu_rim_names(r, driver, vbios);
    const char *name = kind == SW_RIM_DRIVER ? driver : vbios;
    for (size_t i = 0; i < m->count; i++) {
        if (!manifest_fits(m->rims[i], r, model, kind)) continue;
        if (found != NULL) return REFUSE(err, "two manifests fit, of which one is %s", name);
        found = m->rims[i];
    }
    if (found == NULL) return REFUSE(err, "the manifest %s is missing", name);
    *out = found;
    return SW_OK;
}

/* ---- comparison ---- */
static sw_status floor_check(const sw_rim *m, const char *what, size_t least, sw_error *err) {
    size_t active = 0;
    for (size_t i = 0; i < SW_RIM_INDEX_LIMIT; i++) active += m->entries[i].active;
    if (active < least)
        return REFUSE(err, "the %s manifest lists %zu active indices, and %zu is the least", what,
                      active, least);
    return SW_OK;
}

static bool measured_as(const sw_gpu_report *r, size_t index, const sw_rim_entry *entry) {
    for (size_t i = 0; r->present[index] && i < entry->alternative_count; i++)
        if (memcmp(r->blocks[index], entry->alternatives[i], SW_SHA384_BYTES) == 0) return true;
    return false;
}

sw_status sw_gpu_compare(const sw_gpu_report *r, const sw_rim *driver, const sw_rim *vbios,
                         sw_gpu_comparison *out, sw_error *err) {
    sw_gpu_comparison made = {0};
    if (driver != NULL) SW_TRY(floor_check(driver, "driver", DRIVER_FLOOR, err));
    SW_TRY(floor_check(vbios, "VBIOS", r->is_switch ? SWITCH_FLOOR : VBIOS_FLOOR, err));
    for (size_t i = 0; i < SW_RIM_INDEX_LIMIT; i++) {
        bool by_driver = driver != NULL && driver->entries[i].active;
        bool by_vbios = vbios->entries[i].active;
        if (by_driver && by_vbios)
            return REFUSE(err, "index %zu is active in the driver's and in the VBIOS manifest", i);
        if ((!by_driver && !by_vbios) || (i == NVDEC0_INDEX && r->nvdec0_disabled)) continue;
        made.compared++;
        made.differs[i] = !measured_as(r, i, by_driver ? &driver->entries[i] : &vbios->entries[i]);
        made.differing += made.differs[i];
    }
    *out = made;
    return SW_OK;
}

static sw_status differ(const sw_gpu_report *r, const sw_rim_entry *entry, const char *what,
                        size_t index, size_t differing, sw_error *err) {
    char here[2 * SHOWN_BYTES + 1], there[2 * SHOWN_BYTES + 1] = "";
    sw_hex_text(here, SW_BYTES(r->blocks[index], SHOWN_BYTES));
    if (entry->alternative_count > 0)
        sw_hex_text(there, SW_BYTES(entry->alternatives[0], SHOWN_BYTES));
    if (!r->present[index])
        return REFUSE(err, "index %zu of the %s manifest was not measured (%zu differ)", index,
                      what, differing);
    return REFUSE(err,
                  "index %zu was measured as %s..., and the %s manifest has %s... (%zu "
                  "alternatives; %zu indices differ)",
                  index, here, what, there, entry->alternative_count, differing);
}

sw_status sw_gpu_measure(const sw_gpu_report *r, const sw_rim *driver, const sw_rim *vbios,
                         size_t *compared, sw_error *err) {
    sw_gpu_comparison c;
    SW_TRY(sw_gpu_compare(r, driver, vbios, &c, err));
    for (size_t i = 0; i < SW_RIM_INDEX_LIMIT; i++) {
        if (!c.differs[i]) continue;
        bool by_driver = driver != NULL && driver->entries[i].active;
        return differ(r, by_driver ? &driver->entries[i] : &vbios->entries[i],
                      by_driver ? "driver" : "VBIOS", i, c.differing, err);
    }
    *compared = c.compared;
    return SW_OK;
}
