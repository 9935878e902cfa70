/* SPDX-License-Identifier: Apache-2.0
 *
 * What holds between the devices of one machine (GPU-070 to GPU-073): one nonce, no device twice,
 * one mode, and in protected PCIe mode GPUs and switches that name each other.
 */
#include "attest/gpu_internal.h"

#include <string.h>

enum { FEATURE_PROTECTED_PCIE = 2, BOOT_ROM = 1 /* its certificate's place in a chain */ };

/* ---- identifiers of the other side ---- */
typedef struct pdi_set {
    uint8_t pdis[SW_GPU_PDIS_BYTES / SW_GPU_PDI_BYTES * 2][SW_GPU_PDI_BYTES];
    size_t count;
} pdi_set;
enum { PDI_SET_LIMIT = SW_GPU_PDIS_BYTES / SW_GPU_PDI_BYTES * 2 };

static bool pdi_in(const pdi_set *set, const uint8_t *pdi) {
    for (size_t i = 0; i < set->count; i++)
        if (memcmp(set->pdis[i], pdi, SW_GPU_PDI_BYTES) == 0) return true;
    return false;
}

/* Places that are not used are zeros; one that is used often counts once. */
static void pdis_add(pdi_set *set, sw_bytes list) {
    static const uint8_t unused[SW_GPU_PDI_BYTES];
    for (size_t at = 0; at + SW_GPU_PDI_BYTES <= list.size; at += SW_GPU_PDI_BYTES) {
        const uint8_t *pdi = list.data + at;
        if (memcmp(pdi, unused, SW_GPU_PDI_BYTES) == 0 || pdi_in(set, pdi)) continue;
        if (set->count < PDI_SET_LIMIT) memcpy(set->pdis[set->count++], pdi, SW_GPU_PDI_BYTES);
    }
}

static bool pdi_sets_equal(const pdi_set *a, const pdi_set *b) {
    for (size_t i = 0; i < a->count; i++)
        if (!pdi_in(b, a->pdis[i])) return false;
    return a->count == b->count;
}

/* ---- protected PCIe ---- */
/* A GPU writes a switch's identifier in the other byte order than the switch itself. */
static sw_status switches_present(const sw_gpu_judged *devices, size_t count, pdi_set *out,
                                  sw_error *err) {
    out->count = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t reversed[SW_GPU_PDI_BYTES];
        if (!devices[i].report.is_switch) continue;
        const sw_gpu_opaque *own = sw_gpu_field(&devices[i].report, SW_GPU_FIELD_SWITCH_PDI);
        for (size_t b = 0; b < sizeof reversed; b++)
            reversed[b] = own->value.data[sizeof reversed - 1 - b];
        size_t before = out->count;
        pdis_add(out, SW_BYTES_OF(reversed));
        if (out->count == before) return REFUSE(err, "switch %zu has no identifier of its own", i);
    }
    return SW_OK;
}

static sw_status gpu_topology(const sw_gpu_report *r, size_t place, const pdi_set *switches,
                              sw_error *err) {
    const sw_gpu_opaque *list = sw_gpu_field(r, SW_GPU_FIELD_SWITCH_PDI);
    pdi_set seen = {.count = 0};
    if (r->has_feature && r->feature != FEATURE_PROTECTED_PCIE)
        return REFUSE(err, "GPU %zu is not in protected PCIe mode, and switches stand beside it",
                      place);
    if (list == NULL) return REFUSE(err, "GPU %zu does not say which switches it sees", place);
    pdis_add(&seen, list->value);
    if (!pdi_sets_equal(&seen, switches))
        return REFUSE(err, "GPU %zu sees %zu switches that are not the %zu present", place,
                      seen.count, switches->count);
    return SW_OK;
}

static sw_status switch_topology(const sw_gpu_report *r, size_t place, size_t gpus, pdi_set *common,
                                 sw_error *err) {
    const sw_gpu_opaque *list = sw_gpu_field(r, SW_GPU_FIELD_GPU_PDIS);
    pdi_set seen = {.count = 0};
    if (list == NULL) return REFUSE(err, "switch %zu does not say which GPUs it sees", place);
    pdis_add(&seen, SW_BYTES(list->value.data, SW_GPU_PDIS_LISTED * SW_GPU_PDI_BYTES));
    if (seen.count != gpus)
        return REFUSE(err, "switch %zu sees %zu GPUs, and %zu are present", place, seen.count,
                      gpus);
    if (common->count == 0) *common = seen;
    if (!pdi_sets_equal(common, &seen))
        return REFUSE(err, "switch %zu sees other GPUs than the switches before it", place);
    return SW_OK;
}

static sw_status topology_check(const sw_gpu_judged *devices, size_t count, size_t gpus,
                                sw_error *err) {
    pdi_set switches, common = {.count = 0};
    SW_TRY(switches_present(devices, count, &switches, err));
    for (size_t i = 0; i < count; i++) {
        const sw_gpu_report *r = &devices[i].report;
        SW_TRY(r->is_switch ? switch_topology(r, i, gpus, &common, err)
                            : gpu_topology(r, i, &switches, err));
    }
    return SW_OK;
}

/* ---- the set ---- */
/* A leaf's serial is what its boot ROM writes into it, and one that lets itself be misled may have
 * certified two leaves; its own certificate its maker signed, one for each device. */
static bool same_device(const sw_gpu_judged *a, const sw_gpu_judged *b) {
    return sw_bytes_equal(SW_BYTES(a->chain.serial.b, a->chain.serial.size),
                          SW_BYTES(b->chain.serial.b, b->chain.serial.size)) ||
           sw_bytes_equal(sw_cert_der(a->chain.certs[BOOT_ROM]),
                          sw_cert_der(b->chain.certs[BOOT_ROM]));
}

static sw_status pair_check(const sw_gpu_judged *devices, size_t i, size_t k, sw_error *err) {
    const sw_gpu_judged *a = &devices[i], *b = &devices[k];
    if (memcmp(a->report.nonce, b->report.nonce, sizeof a->report.nonce) != 0)
        return REFUSE(err, "devices %zu and %zu answered different nonces", i, k);
    if (same_device(a, b)) return REFUSE(err, "devices %zu and %zu are one and the same", i, k);
    if (a->report.is_switch || b->report.is_switch) return SW_OK;
    if (a->report.has_feature != b->report.has_feature || a->report.feature != b->report.feature)
        return REFUSE(err, "GPUs %zu and %zu are in different modes", i, k);
    return SW_OK;
}

sw_status sw_gpu_set_check(const sw_gpu_judged *devices, size_t count, sw_error *err) {
    size_t gpus = 0;
    for (size_t i = 0; i < count; i++) {
        gpus += !devices[i].report.is_switch;
        for (size_t k = i + 1; k < count; k++) SW_TRY(pair_check(devices, i, k, err));
    }
    if (gpus == 0 || gpus == count) return SW_OK; /* topology is between the two */
    return topology_check(devices, count, gpus, err);
}
