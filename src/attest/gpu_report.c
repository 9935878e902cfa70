/* SPDX-License-Identifier: Apache-2.0
 *
 * A device's report, from bytes to fields (GPU-001 to GPU-025): SPDM 1.1's GET_MEASUREMENTS
 * request and MEASUREMENTS response as NVIDIA's drivers hand them over.
 *
 * The signature's place is found by walking, never from the end: drivers hand over bytes behind it.
 * Only zeros may be there, since nothing signs them.
 */
#include "attest/gpu_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    SPDM_1_1 = 0x11,
    GET_MEASUREMENTS = 0xe0,
    MEASUREMENTS = 0x60,
    SIGNATURE_WANTED = 1,
    ALL_BLOCKS = 0xff,
    SPECIFICATION_DMTF = 1,
    VALUE_TYPE_FIRMWARE = 1,
    BLOCK_BYTES = 55, /* index, specification, u16 size, type, u16 size, digest */
    BLOCK_VALUE_BYTES = 51,
    NVDEC0_ENABLED = 0xaa,
    NVDEC0_DISABLED = 0x55,
    FEATURE_LAST = 2,
    OPAQUE_VERSION_LAST = 1
};
static_assert(BLOCK_BYTES == 4 + BLOCK_VALUE_BYTES, "a block's head and its value");
static_assert(BLOCK_VALUE_BYTES == 3 + SW_SHA384_BYTES, "a value's head and its digest");

/* ---- request and response heads ---- */
static sw_status request_parse(sw_reader *r, sw_gpu_report *g, sw_error *err) {
    uint8_t version = sw_read_u8(r), code = sw_read_u8(r);
    uint8_t attributes = sw_read_u8(r), operation = sw_read_u8(r);
    sw_read_into(r, g->nonce, sizeof g->nonce);
    uint8_t slot = sw_read_u8(r);
    if (r->failed) return BROKEN(err, "the report ends inside its request");
    if (version != SPDM_1_1 || code != GET_MEASUREMENTS)
        return BROKEN(err, "the report does not begin with GET_MEASUREMENTS of SPDM 1.1");
    if (attributes != SIGNATURE_WANTED)
        return REFUSE(err, "the report's request did not ask for a signature");
    if (operation != ALL_BLOCKS)
        return REFUSE(err, "the report's request did not ask for every measurement");
    if (slot != 0) return REFUSE(err, "the report's request is of slot %u, not 0", slot);
    return SW_OK;
}

/* The number of blocks. */
static sw_status response_parse(sw_reader *r, uint8_t *count, sw_error *err) {
    uint8_t version = sw_read_u8(r), code = sw_read_u8(r);
    uint8_t first = sw_read_u8(r), second = sw_read_u8(r);
    *count = sw_read_u8(r);
    if (r->failed) return BROKEN(err, "the report ends inside its response");
    if (version != SPDM_1_1 || code != MEASUREMENTS)
        return BROKEN(err, "the report's response is not MEASUREMENTS of SPDM 1.1");
    if (first != 0 || second != 0)
        return REFUSE(err, "the report's response has parameters other than 0");
    if (*count == 0 || *count > SW_GPU_BLOCK_LIMIT)
        return REFUSE(err, "the report has %u measurements, not 1 to %d", *count,
                      SW_GPU_BLOCK_LIMIT);
    return SW_OK;
}

/* ---- measurements ---- */
static sw_status block_parse(sw_reader *r, uint8_t *last, sw_gpu_report *g, sw_error *err) {
    uint8_t index = sw_read_u8(r), specification = sw_read_u8(r);
    uint16_t size = sw_read_u16le(r);
    uint8_t type = sw_read_u8(r);
    uint16_t value_size = sw_read_u16le(r);
    if (index == 0 || index > SW_GPU_BLOCK_LIMIT)
        return REFUSE(err, "a measurement has index %u, not 1 to %d", index, SW_GPU_BLOCK_LIMIT);
    if (index <= *last)
        return REFUSE(err, "measurement %u does not come before measurement %u", *last, index);
    if (specification != SPECIFICATION_DMTF || size != BLOCK_VALUE_BYTES ||
        type != VALUE_TYPE_FIRMWARE || value_size != SW_SHA384_BYTES)
        return REFUSE(err, "measurement %u is not a SHA-384 digest of DMTF's form", index);
    sw_read_into(r, g->blocks[index - 1], SW_SHA384_BYTES);
    g->present[index - 1] = true;
    *last = index;
    return SW_OK;
}

static sw_status blocks_parse(sw_reader *r, uint8_t count, sw_gpu_report *g, sw_error *err) {
    uint32_t size = sw_read_u16le(r);
    size |= (uint32_t)sw_read_u8(r) << 16;
    if (r->failed || size > r->rest.size)
        return BROKEN(err, "the report ends inside its measurements");
    if (size != (uint32_t)count * BLOCK_BYTES)
        return BROKEN(err, "%u measurements take %u bytes, not %u", count, count * BLOCK_BYTES,
                      size);
    uint8_t last = 0;
    for (size_t i = 0; i < count; i++) SW_TRY(block_parse(r, &last, g, err));
    g->block_count = count;
    return SW_OK;
}

/* ---- opaque fields ---- */
typedef enum form { ANY, TEXT, VBIOS, NVDEC0, FWID, FEATURE, VERSION, INVALID } form;
typedef struct field_rule {
    uint16_t type, least, most, multiple; /* sizes in bytes */
    form form;
    const char *name;
    size_t place, place_bytes; /* of TEXT in the report */
} field_rule;
#define PLACE(member) offsetof(sw_gpu_report, member), sizeof(((sw_gpu_report *)0)->member)
#define NOWHERE       0, 0
static const field_rule FIELDS[] = {
    {SW_GPU_FIELD_DRIVER, 1, 32, 1, TEXT, "driver version", PLACE(driver)},
    {4, 8, 128, 8, ANY, "GPU info", NOWHERE},
    {SW_GPU_FIELD_VBIOS, 1, 32, 1, VBIOS, "VBIOS version", PLACE(vbios)},
    {SW_GPU_FIELD_NVDEC0, 1, 1, 1, NVDEC0, "NVDEC0 status", NOWHERE},
    {12, 4, 256, 4, ANY, "measurement counts", NOWHERE},
    {13, 4, 4, 1, ANY, "CPR info", NOWHERE},
    {14, 4, 4, 1, ANY, "board id", NOWHERE},
    {SW_GPU_FIELD_CHIP_SKU, 1, 16, 1, TEXT, "chip SKU", PLACE(chip_sku)},
    {16, 1, 16, 1, ANY, "chip SKU modifier", NOWHERE},
    {SW_GPU_FIELD_PROJECT, 1, 16, 1, TEXT, "project", PLACE(project)},
    {SW_GPU_FIELD_PROJECT_SKU, 1, 16, 1, TEXT, "project SKU", PLACE(project_sku)},
    {19, 1, 16, 1, ANY, "project SKU modifier", NOWHERE},
    {SW_GPU_FIELD_FWID, 48, 48, 1, FWID, "firmware id", NOWHERE},
    {21, 1, 1, 1, ANY, "protected PCIe status", NOWHERE},
    {SW_GPU_FIELD_SWITCH_PDI, 8, 256, 8, ANY, "switch identifiers", NOWHERE},
    {23, 2, 2, 1, ANY, "floorswept ports", NOWHERE},
    {24, 2, 2, 1, ANY, "position", NOWHERE},
    {25, 2, 2, 1, ANY, "lock status", NOWHERE},
    {SW_GPU_FIELD_GPU_PDIS, 128, 128, 1, ANY, "GPU identifiers and ports", NOWHERE},
    {33, 2, 2, 1, ANY, "system enable status", NOWHERE},
    {SW_GPU_FIELD_VERSION, 2, 2, 1, VERSION, "opaque data version", NOWHERE},
    {SW_GPU_FIELD_CHIP_INFO, 1, 16, 1, TEXT, "chip info", PLACE(chip_info)},
    {SW_GPU_FIELD_FEATURE, 2, 2, 1, FEATURE, "feature flag", NOWHERE},
    {255, 0, UINT16_MAX, 1, INVALID, "invalid field", NOWHERE},
};
enum { FIELD_RULES = sizeof FIELDS / sizeof FIELDS[0] };

static const field_rule *rule_of(uint16_t type) {
    for (size_t i = 0; i < FIELD_RULES; i++)
        if (FIELDS[i].type == type) return &FIELDS[i];
    return NULL;
}

const char *sw_gpu_field_name(uint16_t type) {
    const field_rule *rule = rule_of(type);
    return rule == NULL ? "" : rule->name;
}

static bool is_version_character(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' ||
           c == '-' || c == '_';
}

/* Letters, digits, dots; then zeros to the field's end (drivers pad). */
static sw_status text_take(sw_bytes value, const field_rule *rule, sw_gpu_report *g,
                           sw_error *err) {
    char *out = (char *)g + rule->place;
    size_t size = 0;
    while (size < value.size && is_version_character(value.data[size])) size++;
    for (size_t i = size; i < value.size; i++)
        if (value.data[i] != 0)
            return REFUSE(err, "the report's %s holds something other than a version", rule->name);
    if (size == 0) return REFUSE(err, "the report's %s is empty", rule->name);
    if (size >= rule->place_bytes)
        return REFUSE(err, "the report's %s is longer than %zu characters", rule->name,
                      rule->place_bytes - 1);
    memcpy(out, value.data, size);
    out[size] = 0;
    return SW_OK;
}

/* Eight bytes of a GPU: 00 9f 00 96 01 is 96.00.9F.00.01. Text of a switch. */
static sw_status vbios_take(sw_bytes value, const field_rule *rule, sw_gpu_report *g,
                            sw_error *err) {
    const uint8_t *b = value.data;
    g->is_switch = value.size != 8;
    if (g->is_switch) return text_take(value, rule, g, err);
    (void)snprintf(g->vbios, sizeof g->vbios, "%02X.%02X.%02X.%02X.%02X", b[3], b[2], b[1], b[0],
                   b[4]);
    return SW_OK;
}

static sw_status number_take(sw_bytes value, const field_rule *rule, uint16_t last, uint16_t *out,
                             sw_error *err) {
    *out = (uint16_t)(value.data[0] | value.data[1] << 8);
    if (*out > last)
        return REFUSE(err, "the report's %s is %u, which is not known", rule->name, *out);
    return SW_OK;
}

static sw_status field_take(sw_bytes value, const field_rule *rule, sw_gpu_report *g,
                            sw_error *err) {
    uint16_t version;
    if (value.size < rule->least || value.size > rule->most || value.size % rule->multiple != 0)
        return REFUSE(err, "the report's %s has %zu bytes", rule->name, value.size);
    switch (rule->form) {
    case TEXT:
        return text_take(value, rule, g, err);
    case VBIOS:
        return vbios_take(value, rule, g, err);
    case NVDEC0:
        if (value.data[0] != NVDEC0_ENABLED && value.data[0] != NVDEC0_DISABLED)
            return REFUSE(err, "the report's NVDEC0 status is 0x%02x, which is not known",
                          value.data[0]);
        g->nvdec0_disabled = value.data[0] == NVDEC0_DISABLED;
        return SW_OK;
    case FWID:
        g->has_fwid = true;
        memcpy(g->fwid, value.data, sizeof g->fwid);
        return SW_OK;
    case FEATURE:
        g->has_feature = true;
        return number_take(value, rule, FEATURE_LAST, &g->feature, err);
    case VERSION:
        return number_take(value, rule, OPAQUE_VERSION_LAST, &version, err);
    case INVALID:
        return REFUSE(err, "the report has an opaque field of type %u, which is none", rule->type);
    case ANY:
        break;
    }
    return SW_OK;
}

const sw_gpu_opaque *sw_gpu_field(const sw_gpu_report *r, uint16_t type) {
    for (size_t i = 0; i < r->opaque_count; i++)
        if (r->opaque[i].type == type) return &r->opaque[i];
    return NULL;
}

static sw_status field_parse(sw_reader *r, sw_gpu_report *g, sw_error *err) {
    uint16_t type = sw_read_u16le(r), size = sw_read_u16le(r);
    if (r->failed || size > r->rest.size)
        return BROKEN(err, "the report's opaque data end inside a field");
    sw_bytes value = sw_read_bytes(r, size);
    if (sw_gpu_field(g, type) != NULL)
        return REFUSE(err, "the report has two opaque fields of type %u", type);
    if (g->opaque_count == SW_GPU_OPAQUE_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "the report has more than %d opaque fields",
                       SW_GPU_OPAQUE_LIMIT);
    g->opaque[g->opaque_count++] = (sw_gpu_opaque){type, value};
    const field_rule *rule = rule_of(type);
    return rule == NULL ? SW_OK : field_take(value, rule, g, err);
}

static sw_status opaque_parse(sw_reader *r, sw_gpu_report *g, sw_error *err) {
    uint16_t size = sw_read_u16le(r);
    if (r->failed || size > r->rest.size)
        return BROKEN(err, "the report ends inside its opaque data");
    sw_reader fields = sw_reader_of(sw_read_bytes(r, size));
    while (fields.rest.size > 0) SW_TRY(field_parse(&fields, g, err));
    return SW_OK;
}

/* ---- the whole ---- */
/* What a device of either kind must say of itself, and must not. */
static sw_status kind_check(const sw_gpu_report *g, sw_error *err) {
    const sw_gpu_opaque *pdi = sw_gpu_field(g, SW_GPU_FIELD_SWITCH_PDI);
    if (g->vbios[0] == 0) return REFUSE(err, "the report names no VBIOS version");
    if (!g->is_switch && g->driver[0] == 0)
        return REFUSE(err, "the report names no driver version");
    if (g->is_switch && g->driver[0] != 0)
        return REFUSE(err, "the report is of a switch and names a driver version");
    if (g->is_switch && (pdi == NULL || pdi->value.size != SW_GPU_PDI_BYTES))
        return REFUSE(err, "the report is of a switch and does not name it");
    return SW_OK;
}

static sw_status end_parse(sw_reader *r, sw_bytes report, sw_gpu_report *g, sw_error *err) {
    g->signed_part = SW_BYTES(report.data, r->offset);
    sw_read_into(r, g->signature, sizeof g->signature);
    if (r->failed) return BROKEN(err, "the report ends inside its signature");
    g->trailing_bytes = r->rest.size;
    for (size_t i = 0; i < r->rest.size; i++)
        if (r->rest.data[i] != 0)
            return BROKEN(err, "something other than zeros stands behind the report");
    return SW_OK;
}

sw_status sw_gpu_report_parse(sw_bytes report, sw_gpu_report *out, sw_error *err) {
    sw_gpu_report g = {0};
    sw_reader r = sw_reader_of(report);
    uint8_t count = 0;
    if (report.size > SW_GPU_REPORT_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "the report has more than %zu bytes",
                       SW_GPU_REPORT_LIMIT);
    SW_TRY(request_parse(&r, &g, err));
    SW_TRY(response_parse(&r, &count, err));
    SW_TRY(blocks_parse(&r, count, &g, err));
    sw_read_into(&r, g.responder_nonce, sizeof g.responder_nonce);
    SW_TRY(opaque_parse(&r, &g, err));
    SW_TRY(end_parse(&r, report, &g, err));
    SW_TRY(kind_check(&g, err));
    *out = g;
    return SW_OK;
}

/* ---- names of manifests ---- */
/* A version without its dots, in upper case, as the names of VBIOS manifests have it. */
static void undotted(const char *version, char out[32]) {
    size_t size = 0;
    for (const char *c = version; *c != 0 && size + 1 < 32; c++)
        if (*c != '.') out[size++] = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    out[size] = 0;
}

void sw_gpu_rim_names(const sw_gpu_report *r, char driver[128], char vbios[128]) {
    char version[32];
    bool hopper = strncmp(r->vbios, "96.", 3) == 0;
    const char *chip = r->chip_info[0] != 0 ? r->chip_info : "GB100";
    undotted(r->vbios, version);
    driver[0] = 0;
    if (r->is_switch) {
        (void)snprintf(vbios, 128, "NV_SWITCH_BIOS_5612_0002_890_%s", version);
        return;
    }
    (void)snprintf(driver, 128, "%s_%s_%s", hopper ? "NV_GPU_DRIVER" : "NV_GPU_CC_DRIVER",
                   hopper ? "GH100" : chip, r->driver);
    (void)snprintf(vbios, 128, "NV_GPU_VBIOS_%s_%s_%s_%s", r->project, r->project_sku, r->chip_sku,
                   version);
}
