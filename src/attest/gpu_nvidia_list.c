/* SPDX-License-Identifier: Apache-2.0
 *
 * GPU evidence as NVIDIA's tools and their users pass it around (EVD-131): a JSON list of
 * {"arch","certificate","evidence","nonce"}, alone or as `evidence_list` of a request to NVIDIA's
 * service.
 *
 * The nonce and the architecture beside a report are its bringer's word: what counts is inside the
 * report. They must agree with it only where a reader might be misled, which is the nonce.
 */
#include "attest/gpu.h"
#include "codec/json.h"
#include "codec/text.h"

#include <string.h>

#define LIST_LIMIT       ((size_t)4 << 20)
#define BROKEN(err, ...) sw_fail((err), SW_MALFORMED, "evidence", __VA_ARGS__)

static sw_status bytes_read(sw_arena *a, const sw_json *item, const char *name, size_t limit,
                            sw_bytes *out, sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_json_text(item, "evidence_list[]", name, &text, err));
    SW_SCOPED(sw_buffer) decoded = SW_BUFFER(limit);
    sw_status status = sw_base64_decode(&decoded, text, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "evidence_list[].%s", name);
        return status;
    }
    if (decoded.size == 0) return BROKEN(err, "evidence_list[].%s is empty", name);
    *out = sw_arena_copy(a, sw_buffer_bytes(&decoded));
    if (out->data == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for GPU evidence");
    return SW_OK;
}

/* The nonce that is written beside a report is the one inside it. */
static sw_status nonce_check(const sw_json *item, sw_bytes report, sw_error *err) {
    const sw_json *written = sw_json_member(item, "nonce");
    sw_gpu_report parsed;
    uint8_t nonce[sizeof parsed.nonce];
    if (written == NULL) return SW_OK;
    if (written->type != SW_JSON_STRING ||
        sw_hex_decode(nonce, sizeof nonce, written->text, true, NULL) != SW_OK)
        return BROKEN(err, "the nonce beside a report is not 64 hex digits");
    SW_TRY(sw_gpu_report_parse(report, &parsed, err));
    if (memcmp(nonce, parsed.nonce, sizeof nonce) != 0)
        return BROKEN(err, "the nonce beside a report is not the one inside it");
    return SW_OK;
}

/* `around` is the request that holds the list, with a nonce for all; NULL for a bare list. */
static sw_status items_read(sw_arena *a, const sw_json *list, const sw_json *around,
                            sw_gpu_device *out, sw_error *err) {
    size_t n = 0;
    for (const sw_json *item = list->first; item != NULL; item = item->next, n++) {
        SW_TRY(bytes_read(a, item, "evidence", SW_GPU_REPORT_LIMIT, &out[n].report, err));
        SW_TRY(bytes_read(a, item, "certificate", SW_GPU_CHAIN_LIMIT, &out[n].chain, err));
        SW_TRY(sw_pem_normalise_chain(a, &out[n].chain, err));
        sw_status status = nonce_check(item, out[n].report, err);
        if (status == SW_OK && around != NULL) status = nonce_check(around, out[n].report, err);
        if (status != SW_OK) {
            sw_error_prefix(err, "device %zu", n);
            return status;
        }
    }
    return SW_OK;
}

/* What NVIDIA's service is asked with, and what its command line collects. */
static const char *list_name(const sw_json *object) {
    return sw_json_member(object, "evidences") != NULL ? "evidences" : "evidence_list";
}

sw_status sw_gpu_nvidia_list_parse(sw_arena *a, sw_bytes json, sw_gpu_device *out, size_t limit,
                                   size_t *count, sw_error *err) {
    const sw_json_limits limits = {.bytes = LIST_LIMIT, .depth = 6, .nodes = 1024};
    sw_gpu_device made[SW_GPU_LIMIT] = {0};
    sw_json *root;
    SW_TRY(sw_json_parse(a, json, &limits, &root, err));
    const sw_json *list = root;
    if (root->type == SW_JSON_OBJECT)
        SW_TRY(sw_json_array(root, "GPU evidence", list_name(root), SW_GPU_LIMIT, &list, err));
    if (list->type != SW_JSON_ARRAY || list->count == 0)
        return BROKEN(err, "GPU evidence is no list of devices");
    if (list->count > SW_GPU_LIMIT || list->count > limit)
        return sw_fail(err, SW_LIMIT, "limit", "GPU evidence names more than %zu devices",
                       limit < SW_GPU_LIMIT ? limit : (size_t)SW_GPU_LIMIT);
    SW_TRY(items_read(a, list, list == root ? NULL : root, made, err));
    memcpy(out, made, list->count * sizeof made[0]);
    *count = list->count;
    return SW_OK;
}
