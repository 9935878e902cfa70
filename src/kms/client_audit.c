/* SPDX-License-Identifier: Apache-2.0
 *
 * Verifying an audit log: fetched from a service or exported before. Format: docs/formats/kms.md
 * (KMS-080 ... KMS-085).
 *
 * Chain, signatures and the numbers of grants are checked here. Whose the receipt keys are, owners'
 * statements in it say; whether it is the whole log, too: they name the newest head that each has
 * seen.
 */
#include "kms/audit.h"
#include "kms/client_internal.h"

#include <stdlib.h>
#include <string.h>

static sw_status read_id(sw_bytes json, sw_hash *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    const sw_json_limits limits = {SW_JOURNAL_EXPORT_LIMIT, 8, 1000000};
    sw_json *root;
    SW_TRY(sw_json_parse_canonical(&arena, json, &limits, &root, err));
    return sw_json_hash(root, "audit log", "id", out, err);
}

static sw_status take_entry(void *context, sw_bytes envelope, sw_error *err) {
    return sw_journal_append(context, NULL, envelope, NULL, err);
}

static sw_status fetch(sw_remote *r, sw_journal **out, sw_error *err) {
    SW_SCOPED(sw_buffer) page = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    sw_journal *j = NULL;
    sw_hash id;
    sw_head claimed;
    SW_TRY(sw_remote_call(r, "GET", SW_KMS_AUDIT_PATH "/1", (sw_bytes){0}, &page, NULL, err));
    SW_TRY(read_id(sw_buffer_bytes(&page), &id, err));
    SW_TRY(sw_journal_open_memory(&id, &j, err));
    sw_status status = sw_remote_pages(r, SW_KMS_AUDIT_PATH, &id, 1, take_entry, j, &claimed, err);
    sw_head head = sw_journal_head(j);
    if (status == SW_OK && !sw_head_equal(&head, &claimed))
        status = sw_fail(err, SW_UNAUTHENTIC, "rollback", "the audit log does not end at its head");
    if (status == SW_OK)
        *out = j;
    else
        sw_journal_close(&j);
    return status;
}

sw_status sw_remote_audit(sw_remote *r, sw_buffer *json, sw_error *err) {
    sw_journal *j = NULL;
    SW_TRY(fetch(r, &j, err));
    sw_status status = sw_journal_export(j, json, err);
    sw_journal_close(&j);
    return status;
}

static sw_status read_log(sw_bytes json, const sw_genesis *g, sw_kms_counts *counts,
                          sw_audit_reader *r, sw_error *err) {
    sw_journal *j = NULL;
    sw_hash id;
    SW_TRY(read_id(json, &id, err));
    sw_audit_begin(r, &id, counts);
    r->genesis = g;
    SW_TRY(sw_journal_import(json, &id, &j, err));
    sw_status status = sw_journal_read(j, 1, sw_audit_read, r, err);
    sw_journal_close(&j);
    return status;
}

sw_status sw_audit_verify(sw_bytes json, const sw_genesis *g, sw_audit_summary *out,
                          sw_error *err) {
    sw_audit_reader r;
    sw_kms_counts *counts = calloc(1, sizeof *counts);
    if (counts == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a count of grants");
    sw_status status = read_log(json, g, counts, &r, err);
    free(counts);
    if (status != SW_OK) return status;
    *out = (sw_audit_summary){.id = r.id,
                              .head = r.at,
                              .starts = r.starts,
                              .unlocks = r.unlocks,
                              .grants = r.grants,
                              .refusals = r.refusals,
                              .revocations = r.revocations,
                              .alone_count = r.alone_count};
    memcpy(out->alone, r.alone, sizeof out->alone);
    return SW_OK;
}
