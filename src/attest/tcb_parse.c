/* SPDX-License-Identifier: Apache-2.0
 *
 * TCB info version 3 and TD QE identity version 2, from their signed text (EVD-036 to EVD-040).
 *
 * The format is Intel's: members that are not needed are left alone, those that are needed must be
 * there, of their exact length, with a status that belongs to their kind of level. Lists of sixteen
 * have sixteen members.
 */
#include "attest/tdx_internal.h"
#include "codec/text.h"

#include <string.h>

/* Statuses by the kind of level that may carry them. */
enum { OF_PLATFORM = 1, OF_MODULE = 2, OF_QE = 4 };
typedef struct status_word {
    const char *name;
    unsigned status, kinds;
} status_word;
static const status_word STATUSES[] = {
    {"UpToDate", 0, OF_PLATFORM | OF_MODULE | OF_QE},
    {"SWHardeningNeeded", SW_TCB_HARDENING, OF_PLATFORM},
    {"ConfigurationNeeded", SW_TCB_CONFIGURATION, OF_PLATFORM | OF_QE},
    {"ConfigurationAndSWHardeningNeeded", SW_TCB_CONFIGURATION | SW_TCB_HARDENING, OF_PLATFORM},
    {"OutOfDate", SW_TCB_OUT_OF_DATE, OF_PLATFORM | OF_MODULE | OF_QE},
    {"OutOfDateConfigurationNeeded", SW_TCB_OUT_OF_DATE | SW_TCB_CONFIGURATION,
     OF_PLATFORM | OF_QE},
    {"Revoked", SW_TCB_REVOKED, OF_PLATFORM | OF_MODULE | OF_QE},
};

/* Revoked covers all; an outdated level needs no mention of hardening, nor does advice to relaunch.
 */
const char *sw_tcb_status_name(unsigned status) {
    if ((status & SW_TCB_REVOKED) != 0) status = SW_TCB_REVOKED;
    if ((status & SW_TCB_RELAUNCH) != 0)
        return (status & SW_TCB_CONFIGURATION) != 0 ? "TDRelaunchAdvisedConfigurationNeeded"
                                                    : "TDRelaunchAdvised";
    if ((status & SW_TCB_OUT_OF_DATE) != 0) status &= ~(unsigned)SW_TCB_HARDENING;
    for (size_t i = 0; i < sizeof STATUSES / sizeof STATUSES[0]; i++)
        if (STATUSES[i].status == status) return STATUSES[i].name;
    return "Revoked";
}

/* ---- members ---- */
static sw_status time_read(const sw_json *object, const char *where, const char *name, int64_t *out,
                           sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_json_text(object, where, name, &text, err));
    if (sw_time_parse(text, out, NULL) != SW_OK)
        return BROKEN(err, "%s.%s is not a time", where, name);
    return SW_OK;
}

/* Hex of either case. */
static sw_status hex_read(const sw_json *object, const char *where, const char *name, void *out,
                          size_t size, sw_error *err) {
    const sw_hex_rule rule = {.bytes = size, .upper = true};
    bool there;
    return sw_json_hex_exact(object, where, name, &rule, out, &there, err);
}

/* As its bytes stand in an enclave's report, the lowest first. */
static sw_status hex_word_read(const sw_json *object, const char *where, const char *name,
                               uint32_t *out, sw_error *err) {
    uint8_t b[4];
    SW_TRY(hex_read(object, where, name, b, sizeof b, err));
    *out = (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
    return SW_OK;
}

/* Status, date and advisories, which every level ends with. */
static sw_status level_read(const sw_json *object, const char *where, unsigned kind, sw_level *out,
                            sw_error *err) {
    sw_bytes text;
    size_t i = 0, known = sizeof STATUSES / sizeof STATUSES[0];
    SW_TRY(sw_json_text(object, where, "tcbStatus", &text, err));
    while (i < known && !sw_bytes_is(text, STATUSES[i].name)) i++;
    if (i == known || (STATUSES[i].kinds & kind) == 0)
        return REFUSE(err, "%s.tcbStatus is not one that such a level may have", where);
    out->status = STATUSES[i].status;
    SW_TRY(time_read(object, where, "tcbDate", &out->date_ms, err));
    out->advisories = NULL;
    if (sw_json_member(object, "advisoryIDs") == NULL) return SW_OK;
    return sw_json_array(object, where, "advisoryIDs", 256, &out->advisories, err);
}

/* ---- levels by one security version: modules and the QE ---- */
static sw_status isv_levels_read(sw_arena *a, const sw_json *object, const char *where,
                                 unsigned kind, sw_isv_levels *out, sw_error *err) {
    const sw_json *array, *tcb;
    SW_TRY(sw_json_array(object, where, "tcbLevels", SW_TCB_LEVEL_LIMIT, &array, err));
    sw_isv_level *items = SW_ARENA_NEW(a, sw_isv_level, array->count + 1);
    if (items == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for TCB levels");
    size_t n = 0;
    for (const sw_json *item = array->first; item != NULL; item = item->next, n++) {
        uint64_t svn;
        SW_TRY(sw_json_object(item, where, "tcb", &tcb, err));
        SW_TRY(sw_json_u64(tcb, where, "isvsvn", UINT16_MAX, &svn, err));
        items[n].isv_svn = (uint16_t)svn;
        SW_TRY(level_read(item, where, kind, &items[n].level, err));
        for (size_t i = 0; i < n; i++)
            if (items[i].isv_svn == items[n].isv_svn)
                return REFUSE(err, "%s has two levels of one isvsvn", where);
    }
    *out = (sw_isv_levels){n, items};
    return SW_OK;
}

/* ---- TDX modules ---- */
/* "TDX_01" without regard to case: its line, or 0. */
static uint8_t module_line(sw_bytes id) {
    uint8_t line;
    bool good = id.size == 6 && (id.data[0] | 32) == 't' && (id.data[1] | 32) == 'd' &&
                (id.data[2] | 32) == 'x' && id.data[3] == '_';
    if (!good || sw_hex_decode(&line, 1, SW_BYTES(id.data + 4, 2), true, NULL) != SW_OK) return 0;
    return line;
}

static sw_status module_read(const sw_json *object, const char *where, sw_tdx_module *out,
                             sw_error *err) {
    SW_TRY(hex_read(object, where, "mrsigner", out->mr_signer, sizeof out->mr_signer, err));
    return hex_read(object, where, "attributes", out->attributes, sizeof out->attributes, err);
}

static sw_status identity_read(sw_arena *a, const sw_json *object, sw_tcb_info *info,
                               sw_error *err) {
    static const char where[] = "tcbInfo.tdxModuleIdentities[]";
    sw_tdx_module *made = &info->modules[info->module_count];
    sw_bytes id;
    SW_TRY(sw_json_text(object, where, "id", &id, err));
    made->line = module_line(id);
    if (made->line == 0) return BROKEN(err, "%s.id is not TDX_ and two hex digits", where);
    for (size_t i = 1; i < info->module_count; i++)
        if (info->modules[i].line == made->line)
            return REFUSE(err, "the TCB info names one TDX module identity twice");
    SW_TRY(module_read(object, where, made, err));
    SW_TRY(isv_levels_read(a, object, where, OF_MODULE, &made->levels, err));
    info->module_count++;
    return SW_OK;
}

static sw_status modules_read(sw_arena *a, const sw_json *root, sw_tcb_info *info, sw_error *err) {
    const sw_json *object, *array;
    SW_TRY(sw_json_object(root, "tcbInfo", "tdxModule", &object, err));
    SW_TRY(module_read(object, "tcbInfo.tdxModule", &info->modules[0], err));
    info->module_count = 1;
    if (sw_json_member(root, "tdxModuleIdentities") == NULL) return SW_OK; /* before mid-2023 */
    SW_TRY(sw_json_array(root, "tcbInfo", "tdxModuleIdentities", SW_MODULE_LIMIT - 1, &array, err));
    for (const sw_json *item = array->first; item != NULL; item = item->next)
        SW_TRY(identity_read(a, item, info, err));
    return SW_OK;
}

/* ---- platform levels ---- */
static sw_status components_read(const sw_json *tcb, const char *name, uint8_t out[16],
                                 sw_error *err) {
    static const char where[] = "tcbInfo.tcbLevels[].tcb";
    const sw_json *array;
    uint64_t svn;
    SW_TRY(sw_json_array(tcb, where, name, 16, &array, err));
    if (array->count != 16) return BROKEN(err, "%s.%s has not 16 members", where, name);
    size_t i = 0;
    for (const sw_json *item = array->first; item != NULL; item = item->next, i++) {
        SW_TRY(sw_json_u64(item, where, "svn", UINT8_MAX, &svn, err));
        out[i] = (uint8_t)svn;
    }
    return SW_OK;
}

static sw_status platform_level_read(const sw_json *item, sw_platform_level *out, sw_error *err) {
    static const char where[] = "tcbInfo.tcbLevels[]";
    const sw_json *tcb;
    uint64_t svn;
    SW_TRY(sw_json_object(item, where, "tcb", &tcb, err));
    SW_TRY(components_read(tcb, "sgxtcbcomponents", out->sgx, err));
    SW_TRY(components_read(tcb, "tdxtcbcomponents", out->tdx, err));
    SW_TRY(sw_json_u64(tcb, where, "pcesvn", UINT16_MAX, &svn, err));
    out->pce_svn = (uint16_t)svn;
    return level_read(item, where, OF_PLATFORM, &out->level, err);
}

static sw_status platform_levels_read(sw_arena *a, const sw_json *root, sw_tcb_info *info,
                                      sw_error *err) {
    const sw_json *array;
    SW_TRY(sw_json_array(root, "tcbInfo", "tcbLevels", SW_TCB_LEVEL_LIMIT, &array, err));
    info->levels = SW_ARENA_NEW(a, sw_platform_level, array->count + 1);
    if (info->levels == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for TCB levels");
    for (const sw_json *item = array->first; item != NULL; item = item->next)
        SW_TRY(platform_level_read(item, &info->levels[info->level_count++], err));
    return SW_OK;
}

/* ---- the two documents ---- */
static sw_status document_parse(sw_arena *a, sw_bytes text, size_t limit, sw_json **root,
                                sw_error *err) {
    const sw_json_limits limits = {.bytes = limit, .depth = 12, .nodes = 20000};
    return sw_json_parse(a, text, &limits, root, err);
}

/* What both documents say of themselves. */
static sw_status frame_read(const sw_json *root, const char *where, const char *id,
                            uint64_t version, sw_error *err) {
    sw_bytes text;
    uint64_t number;
    SW_TRY(sw_json_text(root, where, "id", &text, err));
    if (!sw_bytes_is(text, id)) return REFUSE(err, "%s.id is not %s", where, id);
    SW_TRY(sw_json_u64(root, where, "version", 1000, &number, err));
    if (number != version) return REFUSE(err, "%s.version is not %u", where, (unsigned)version);
    return SW_OK;
}

static sw_status dates_read(const sw_json *root, const char *where, int64_t *issued, int64_t *next,
                            uint32_t *evaluation, sw_error *err) {
    uint64_t number;
    SW_TRY(time_read(root, where, "issueDate", issued, err));
    SW_TRY(time_read(root, where, "nextUpdate", next, err));
    SW_TRY(sw_json_u64(root, where, "tcbEvaluationDataNumber", UINT32_MAX, &number, err));
    *evaluation = (uint32_t)number;
    return SW_OK;
}

sw_status sw_tcb_info_parse(sw_arena *a, sw_bytes text, sw_tcb_info *out, sw_error *err) {
    static const char where[] = "tcbInfo";
    sw_json *root;
    uint64_t type;
    sw_tcb_info info = {0};
    SW_TRY(document_parse(a, text, SW_TCB_INFO_LIMIT, &root, err));
    SW_TRY(frame_read(root, where, "TDX", 3, err));
    SW_TRY(dates_read(root, where, &info.issued_ms, &info.next_ms, &info.evaluation_number, err));
    SW_TRY(hex_read(root, where, "fmspc", info.fmspc, sizeof info.fmspc, err));
    SW_TRY(hex_read(root, where, "pceId", info.pce_id, sizeof info.pce_id, err));
    SW_TRY(sw_json_u64(root, where, "tcbType", 1000, &type, err));
    if (type != 0) return REFUSE(err, "tcbInfo.tcbType is not 0");
    SW_TRY(modules_read(a, root, &info, err));
    SW_TRY(platform_levels_read(a, root, &info, err));
    *out = info;
    return SW_OK;
}

sw_status sw_qe_identity_parse(sw_arena *a, sw_bytes text, sw_qe_identity *out, sw_error *err) {
    static const char where[] = "enclaveIdentity";
    sw_json *root;
    uint64_t product;
    sw_qe_identity q = {0};
    SW_TRY(document_parse(a, text, SW_QE_IDENTITY_LIMIT, &root, err));
    SW_TRY(frame_read(root, where, "TD_QE", 2, err));
    SW_TRY(dates_read(root, where, &q.issued_ms, &q.next_ms, &q.evaluation_number, err));
    SW_TRY(hex_word_read(root, where, "miscselect", &q.misc_select, err));
    SW_TRY(hex_word_read(root, where, "miscselectMask", &q.misc_select_mask, err));
    SW_TRY(hex_read(root, where, "attributes", q.attributes, sizeof q.attributes, err));
    SW_TRY(
        hex_read(root, where, "attributesMask", q.attributes_mask, sizeof q.attributes_mask, err));
    SW_TRY(hex_read(root, where, "mrsigner", q.mr_signer, sizeof q.mr_signer, err));
    SW_TRY(sw_json_u64(root, where, "isvprodid", UINT16_MAX, &product, err));
    q.isv_prod_id = (uint16_t)product;
    SW_TRY(isv_levels_read(a, root, where, OF_QE, &q.levels, err));
    *out = q;
    return SW_OK;
}
