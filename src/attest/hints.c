/* SPDX-License-Identifier: Apache-2.0
 *
 * What a dstack host says about a machine (vm_config), as far as it helps to recompute registers
 * and MRCONFIGID (MSR-080 to MSR-085). Nothing measures it and nothing is believed: what follows
 * from it must be the quote's.
 */
#include "attest/measure_internal.h"
#include "codec/json.h"
#include "codec/text.h"

static const char WHERE[] = "vm_config";

static sw_status file_read(sw_arena *a, const sw_json *object, const char *name, size_t limit,
                           sw_bytes *out, sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_json_text(object, "vm_config.tdx_measurement", name, &text, err));
    SW_SCOPED(sw_buffer) file = SW_BUFFER(limit);
    sw_status status = sw_base64_decode(&file, text, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "vm_config.tdx_measurement.%s", name);
        return status;
    }
    *out = sw_arena_copy(a, sw_buffer_bytes(&file));
    if (out->data == NULL && file.size > 0)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for %s", WHERE);
    return SW_OK;
}

/* An attestation may carry the whole system configuration, which holds vm_config as text; *system
 * is what was given, *vm_config the same or the one inside. */
typedef struct config {
    const sw_json *system, *vm_config;
} config;

static sw_status config_open(sw_arena *a, sw_bytes text, config *out, sw_error *err) {
    const sw_json_limits limits = {.bytes = SW_VM_CONFIG_LIMIT, .depth = 8, .nodes = 2048};
    sw_json *system, *root;
    SW_TRY(sw_json_parse(a, text, &limits, &system, err));
    const sw_json *inner = sw_json_member(system, WHERE);
    root = system;
    if (inner != NULL && inner->type == SW_JSON_STRING)
        SW_TRY(sw_json_parse(a, inner->text, &limits, &root, err));
    if (root->type != SW_JSON_OBJECT) return BROKEN(err, "%s is not an object", WHERE);
    *out = (config){system, root};
    return SW_OK;
}

sw_status sw_lite_hints_read(sw_arena *a, sw_bytes vm_config, sw_lite_hints *out, sw_error *err) {
    static const char *const names[] = {"checksum_file", "measurement", NULL};
    const sw_json *root, *files;
    config given;
    sw_lite_hints made = {0};
    SW_TRY(config_open(a, vm_config, &given, err));
    root = given.vm_config;
    if (sw_json_member(root, "tdx_measurement") == NULL)
        return sw_fail(err, SW_MISSING, "evidence", "%s describes no TDX-lite image", WHERE);
    SW_TRY(sw_json_object(root, WHERE, "tdx_measurement", &files, err));
    SW_TRY(sw_json_expect(files, "vm_config.tdx_measurement", names, err));
    SW_TRY(file_read(a, files, names[0], SW_CHECKSUM_LIMIT, &made.image.checksum_file, err));
    SW_TRY(file_read(a, files, names[1], SW_MEASUREMENT_LIMIT, &made.image.measurement, err));
    SW_TRY(sw_json_u64(root, WHERE, "memory_size", SW_MEMORY_LIMIT, &made.memory_bytes, err));
    *out = made;
    return SW_OK;
}

bool sw_host_image_read(sw_arena *a, sw_bytes vm_config, sw_hash *out) {
    static const char name[] = "os_image_hash";
    config given;
    return config_open(a, vm_config, &given, NULL) == SW_OK &&
           sw_json_hash(given.vm_config, WHERE, name, out, NULL) == SW_OK;
}

/* ---- MRCONFIGID's document ---- */
static sw_status document_member(const sw_json *object, sw_bytes *out, sw_error *err) {
    static const char name[] = "mr_config";
    const sw_json *m = sw_json_member(object, name);
    *out = (sw_bytes){0};
    if (m == NULL || m->type == SW_JSON_NULL) return SW_OK;
    return sw_json_text(object, WHERE, name, out, err);
}

/* Hosts write it beside vm_config, older ones inside (MSR-084). */
sw_status sw_config_document_read(sw_arena *a, sw_bytes text, sw_bytes *out, sw_error *err) {
    config given;
    sw_bytes beside, inside;
    SW_TRY(config_open(a, text, &given, err));
    SW_TRY(document_member(given.system, &beside, err));
    SW_TRY(document_member(given.vm_config, &inside, err));
    if (beside.size > 0 && inside.size > 0 && !sw_bytes_equal(beside, inside))
        return REFUSE(err, "%s holds two documents of MRCONFIGID, and they differ", WHERE);
    *out = beside.size > 0 ? beside : inside;
    return SW_OK;
}
