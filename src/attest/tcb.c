/* SPDX-License-Identifier: Apache-2.0
 *
 * Which TCB level a platform, its TDX module and its QE stand on, and what they come to together
 * (EVD-043 to EVD-047, EVD-101 to EVD-103).
 *
 * The highest level that fits is sought among all, so the order in the file means nothing. A status
 * is a set of flaws; converging is union. A TD report 1.5 is judged twice, by the versions at its
 * launch and by those of now: the worse of the two counts.
 */
#include "attest/tdx_internal.h"

#include <string.h>

enum { QE_DEBUG = 2 };           /* of ATTRIBUTES' lowest byte; no mask excuses it */
enum { FIRST_COMPARED_SVN = 2 }; /* module lines above 0 judge bytes 0 and 1 by their identity */

/* ---- TDX module and QE against their identities ---- */
static sw_status module_find(const sw_tcb_info *info, uint8_t line, const sw_tdx_module **out,
                             sw_error *err) {
    for (size_t i = 0; i < info->module_count; i++) {
        if (info->modules[i].line != line) continue;
        *out = &info->modules[i];
        return SW_OK;
    }
    return REFUSE(err, "the TCB info does not know the TDX module identity TDX_%02X", line);
}

sw_status sw_module_check(const sw_td_report *td, const sw_tcb_info *info, sw_error *err) {
    static const uint8_t zeros[8];
    const sw_tdx_module *module;
    SW_TRY(module_find(info, td->tee_tcb_svn[1], &module, err));
    if (memcmp(td->mr_signer_seam, module->mr_signer, sizeof module->mr_signer) != 0)
        return REFUSE(err, "the TDX module's signer (MRSIGNERSEAM) is not the one in the TCB info");
    if (memcmp(td->seam_attributes, zeros, sizeof zeros) != 0 ||
        memcmp(td->seam_attributes, module->attributes, sizeof zeros) != 0)
        return REFUSE(err, "the TDX module's attributes (SEAMATTRIBUTES) are not zero");
    return SW_OK;
}

static bool masked_equal(const uint8_t *value, const uint8_t *mask, const uint8_t *expected,
                         size_t size) {
    uint8_t difference = 0;
    for (size_t i = 0; i < size; i++) difference |= (value[i] & mask[i]) ^ expected[i];
    return difference == 0;
}

sw_status sw_qe_check(const sw_qe_report *qe, const sw_qe_identity *identity, sw_error *err) {
    if ((qe->misc_select & identity->misc_select_mask) != identity->misc_select)
        return REFUSE(err, "the quoting enclave's MISCSELECT is not that of its identity");
    if (!masked_equal(qe->attributes, identity->attributes_mask, identity->attributes,
                      sizeof qe->attributes))
        return REFUSE(err, "the quoting enclave's attributes are not those of its identity");
    if ((qe->attributes[0] & QE_DEBUG) != 0)
        return REFUSE(err, "the quoting enclave runs under DEBUG: its memory is open to the host");
    if (memcmp(qe->mr_signer, identity->mr_signer, sizeof qe->mr_signer) != 0)
        return REFUSE(err, "the quoting enclave's signer (MRSIGNER) is not that of its identity");
    if (qe->isv_prod_id != identity->isv_prod_id)
        return REFUSE(err, "the quoting enclave's product id is not that of its identity");
    return SW_OK;
}

/* ---- levels ---- */
static int level_compare(const sw_platform_level *a, const sw_platform_level *b) {
    int order = memcmp(a->sgx, b->sgx, sizeof a->sgx);
    if (order == 0) order = (a->pce_svn > b->pce_svn) - (a->pce_svn < b->pce_svn);
    return order == 0 ? memcmp(a->tdx, b->tdx, sizeof a->tdx) : order;
}

static bool platform_fits(const sw_platform_level *level, const sw_tcb_question *q,
                          const uint8_t svn[16]) {
    if (q->pck->pce_svn < level->pce_svn) return false;
    for (size_t i = 0; i < 16; i++)
        if (q->pck->component[i] < level->sgx[i]) return false;
    size_t first = svn[1] > 0 ? FIRST_COMPARED_SVN : 0;
    for (size_t i = first; i < 16; i++)
        if (svn[i] < level->tdx[i]) return false;
    return true;
}

static sw_status platform_level(const sw_tcb_question *q, const uint8_t svn[16],
                                const sw_level **out, sw_error *err) {
    const sw_platform_level *best = NULL;
    for (size_t i = 0; i < q->info->level_count; i++) {
        const sw_platform_level *level = &q->info->levels[i];
        for (size_t k = 0; k < i; k++)
            if (level_compare(level, &q->info->levels[k]) == 0)
                return REFUSE(err, "the TCB info has two platform levels of one version");
        if (platform_fits(level, q, svn) && (best == NULL || level_compare(level, best) > 0))
            best = level;
    }
    if (best == NULL)
        return REFUSE(err, "the platform's TCB is not supported: it is below every level");
    *out = &best->level;
    return SW_OK;
}

static sw_status isv_level(const sw_isv_levels *levels, uint16_t svn, const char *what,
                           const sw_level **out, sw_error *err) {
    const sw_isv_level *best = NULL;
    for (size_t i = 0; i < levels->count; i++) {
        const sw_isv_level *level = &levels->items[i];
        if (level->isv_svn <= svn && (best == NULL || level->isv_svn > best->isv_svn)) best = level;
    }
    if (best == NULL) return REFUSE(err, "the %s is not supported: it is below every level", what);
    *out = &best->level;
    return SW_OK;
}

/* ---- together ---- */
static bool listed(const char *list, sw_bytes id) {
    for (const char *at = list; *at != 0;) {
        size_t size = strcspn(at, ",");
        if (sw_bytes_equal(SW_BYTES(at, size), id)) return true;
        at += size + (at[size] == ',');
    }
    return false;
}

static bool advisory_valid(sw_bytes id) {
    if (id.size == 0) return false;
    for (size_t i = 0; i < id.size; i++)
        if (id.data[i] <= ' ' || id.data[i] > '~' || id.data[i] == ',') return false;
    return true;
}

static sw_status advisories_add(char *list, size_t limit, const sw_json *more, sw_error *err) {
    size_t used = strlen(list);
    for (const sw_json *item = more == NULL ? NULL : more->first; item != NULL; item = item->next) {
        if (item->type != SW_JSON_STRING || !advisory_valid(item->text))
            return BROKEN(err, "an advisory id in the collateral is not a plain word");
        if (listed(list, item->text)) continue;
        if (used + item->text.size + 2 > limit)
            return sw_fail(err, SW_LIMIT, "evidence", "the collateral names too many advisories");
        if (used > 0) list[used++] = ',';
        memcpy(list + used, item->text.data, item->text.size);
        used += item->text.size;
        list[used] = 0;
    }
    return SW_OK;
}

/* The levels that one set of versions stands on, and what they come to. */
typedef struct standing {
    const sw_level *levels[3]; /* platform, QE, module; the last NULL for line 0 */
    unsigned all;
} standing;
enum { PLATFORM, QE, MODULE, LEVEL_KINDS };

static unsigned status_of(const sw_level *level) {
    return level == NULL ? 0 : level->status;
}

static sw_status stand(const sw_tcb_question *q, const uint8_t svn[16], standing *out,
                       sw_error *err) {
    standing made = {0};
    const sw_tdx_module *module;
    SW_TRY(platform_level(q, svn, &made.levels[PLATFORM], err));
    SW_TRY(module_find(q->info, svn[1], &module, err));
    if (module->line > 0)
        SW_TRY(
            isv_level(&module->levels, svn[0], "TDX module's version", &made.levels[MODULE], err));
    SW_TRY(isv_level(&q->identity->levels, q->qe_isv_svn, "quoting enclave's version",
                     &made.levels[QE], err));
    for (size_t i = 0; i < LEVEL_KINDS; i++) made.all |= status_of(made.levels[i]);
    *out = made;
    return SW_OK;
}

/* The oldest date and every advisory of the levels that were stood on. */
static sw_status note(const standing *s, sw_tcb_result *out, sw_error *err) {
    static const int order[LEVEL_KINDS] = {PLATFORM, MODULE, QE};
    for (size_t i = 0; i < LEVEL_KINDS; i++) {
        const sw_level *level = s->levels[order[i]];
        if (level == NULL) continue;
        if (level->date_ms < out->date_ms) out->date_ms = level->date_ms;
        SW_TRY(advisories_add(out->advisories, sizeof out->advisories, level->advisories, err));
    }
    return SW_OK;
}

/* EVD-102: what was out of date at launch and is no longer so wants a relaunch; otherwise the flaws
 * of both count. */
static unsigned both(unsigned launch, unsigned current) {
    const unsigned bad = SW_TCB_OUT_OF_DATE | SW_TCB_REVOKED;
    bool cured = (launch & bad) == SW_TCB_OUT_OF_DATE && (current & bad) == 0;
    unsigned all = launch | current;
    return cured ? (all & SW_TCB_CONFIGURATION) | SW_TCB_RELAUNCH : all;
}

sw_status sw_tcb_evaluate(const sw_tcb_question *q, sw_tcb_result *out, sw_error *err) {
    standing launch, current;
    SW_TRY(stand(q, q->td->tee_tcb_svn, &launch, err));
    sw_tcb_result made = {.platform = launch.levels[PLATFORM]->status,
                          .module = status_of(launch.levels[MODULE]),
                          .qe = launch.levels[QE]->status,
                          .module_level = launch.levels[MODULE] != NULL,
                          .second = q->td->kind == SW_TD15,
                          .all = launch.all,
                          .date_ms = INT64_MAX};
    SW_TRY(note(&launch, &made, err));
    if (made.second) {
        sw_status status = stand(q, q->td->tee_tcb_svn2, &current, err);
        if (status != SW_OK) {
            sw_error_prefix(err, "by TEE_TCB_SVN2");
            return status;
        }
        SW_TRY(note(&current, &made, err));
        made.current_platform = current.levels[PLATFORM]->status;
        made.current_module = status_of(current.levels[MODULE]);
        made.current_module_level = current.levels[MODULE] != NULL;
        made.all = both(launch.all, current.all);
    }
    *out = made;
    return SW_OK;
}
