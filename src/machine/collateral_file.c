/* SPDX-License-Identifier: Apache-2.0
 *
 * A collateral bundle as a file (MCH-070 to MCH-075): canonical JSON, so that one bundle has one
 * encoding. The member "collateral" is that of evidence (EVD-005).
 */
#include "codec/text.h"
#include "machine/collect.h"

#include <string.h>

static const char *const COLLATERAL_NAMES[] = {
    "pck_crl",  "qe_identity", "qe_identity_issuer_chain", "qe_identity_signature",
    "root_crl", "tcb_info",    "tcb_info_issuer_chain",    "tcb_info_signature",
    NULL};

/* ---- reading ---- */
static sw_status base64_copy(sw_arena *a, sw_bytes text, const char *what, size_t limit,
                             sw_bytes *out, sw_error *err) {
    SW_SCOPED(sw_buffer) decoded = SW_BUFFER(limit);
    sw_status status = sw_base64_decode(&decoded, text, err);
    if (status == SW_OK && decoded.size == 0)
        status = sw_fail(err, SW_MALFORMED, "format", "it is empty");
    if (status != SW_OK) {
        sw_error_prefix(err, "%s", what);
        return status;
    }
    *out = sw_arena_copy(a, sw_buffer_bytes(&decoded));
    if (out->data == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a bundle");
    return SW_OK;
}

static sw_status text_bounded(sw_bytes text, const char *what, size_t limit, sw_error *err) {
    if (text.size == 0 || text.size > limit)
        return sw_fail(err, SW_LIMIT, "limit", "%s has not 1 to %zu bytes", what, limit);
    return SW_OK;
}

static sw_status signed_read(const sw_json *object, const char *const names[3], size_t limit,
                             sw_signed_json *out, sw_error *err) {
    static const char where[] = "collateral";
    SW_TRY(sw_json_text(object, where, names[0], &out->text, err));
    SW_TRY(text_bounded(out->text, names[0], limit, err));
    SW_TRY(sw_json_text(object, where, names[1], &out->issuer_chain, err));
    SW_TRY(text_bounded(out->issuer_chain, names[1], SW_ISSUER_CHAIN_LIMIT, err));
    return sw_json_hex(object, where, names[2], out->signature, sizeof out->signature, err);
}

static sw_status list_read(sw_arena *a, const sw_json *object, const char *name, sw_bytes *out,
                           sw_error *err) {
    sw_bytes text;
    SW_TRY(sw_json_text(object, "collateral", name, &text, err));
    return base64_copy(a, text, name, SW_REVOCATION_LIMIT, out, err);
}

static sw_status collateral_read(sw_arena *a, const sw_json *root, sw_collateral *out,
                                 sw_error *err) {
    const sw_json *object;
    SW_TRY(sw_json_object(root, "bundle", "collateral", &object, err));
    SW_TRY(sw_json_expect(object, "collateral", COLLATERAL_NAMES, err));
    SW_TRY(list_read(a, object, "pck_crl", &out->pck_crl, err));
    SW_TRY(list_read(a, object, "root_crl", &out->root_crl, err));
    SW_TRY(signed_read(object, COLLATERAL_NAMES + 1, SW_QE_IDENTITY_LIMIT, &out->qe_identity, err));
    return signed_read(object, COLLATERAL_NAMES + 5, SW_TCB_INFO_LIMIT, &out->tcb_info, err);
}

typedef struct array_plan {
    const char *name;
    size_t count_limit, limit;
    bool base64; /* else text as it is */
} array_plan;
static const array_plan RIMS = {"rims", SW_GPU_RIM_COUNT, SW_RIM_LIMIT, false};
static const array_plan OCSP = {"ocsp", SW_GPU_OCSP_COUNT, SW_OCSP_LIMIT, true};

static sw_status array_read(sw_arena *a, const sw_json *object, const array_plan *plan,
                            const sw_bytes **out, size_t *count, sw_error *err) {
    const sw_json *array;
    SW_TRY(sw_json_array(object, "gpu", plan->name, plan->count_limit, &array, err));
    sw_bytes *items = SW_ARENA_NEW(a, sw_bytes, array->count + 1);
    if (items == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a bundle");
    size_t n = 0;
    for (const sw_json *item = array->first; item != NULL; item = item->next) {
        if (item->type != SW_JSON_STRING)
            return sw_fail(err, SW_MALFORMED, "format", "gpu.%s[%zu] is not text", plan->name, n);
        if (plan->base64)
            SW_TRY(base64_copy(a, item->text, plan->name, plan->limit, &items[n], err));
        else
            SW_TRY(text_bounded(item->text, plan->name, plan->limit, err));
        if (!plan->base64) items[n] = item->text;
        n++;
    }
    *out = items;
    *count = n;
    return SW_OK;
}

static sw_status gpu_read(sw_arena *a, const sw_json *root, sw_gpu_collateral *out, sw_error *err) {
    static const char *const names[] = {"ocsp", "rims", NULL};
    const sw_json *object;
    SW_TRY(sw_json_object(root, "bundle", "gpu", &object, err));
    SW_TRY(sw_json_expect(object, "gpu", names, err));
    SW_TRY(array_read(a, object, &OCSP, &out->ocsp, &out->ocsp_count, err));
    return array_read(a, object, &RIMS, &out->rims, &out->rim_count, err);
}

sw_status sw_collateral_parse(sw_arena *a, sw_bytes json, sw_collateral *out,
                              sw_gpu_collateral *gpu, sw_error *err) {
    static const char *const both[] = {"collateral", "gpu", "kind", NULL};
    const sw_json_limits limits = {.bytes = SW_COLLATERAL_FILE_LIMIT, .depth = 3, .nodes = 512};
    sw_collateral made = {0};
    sw_gpu_collateral devices = {0};
    sw_json *root;
    sw_bytes kind;
    SW_TRY(sw_json_parse_canonical(a, json, &limits, &root, err));
    bool gpus_alone = sw_json_member(root, both[0]) == NULL;
    SW_TRY(sw_json_expect(root, "bundle", gpus_alone ? both + 1 : both, err));
    SW_TRY(sw_json_text(root, "bundle", "kind", &kind, err));
    if (!sw_bytes_is(kind, SW_COLLATERAL_KIND))
        return sw_fail(err, SW_MALFORMED, "kind", "bundle.kind is not " SW_COLLATERAL_KIND);
    if (!gpus_alone) SW_TRY(collateral_read(a, root, &made, err));
    SW_TRY(gpu_read(a, root, &devices, err));
    if (gpus_alone && devices.rim_count == 0)
        return sw_fail(err, SW_MALFORMED, "format", "the bundle is for no quote and no GPU");
    *out = made;
    *gpu = devices;
    return SW_OK;
}

/* ---- writing ---- */
static void signed_put(sw_arena *a, sw_json *object, const char *const names[3],
                       const sw_signed_json *s) {
    sw_json_add_text(a, object, names[0], s->text);
    sw_json_add_text(a, object, names[1], s->issuer_chain);
    sw_json_add_hex(a, object, names[2], SW_BYTES_OF(s->signature));
}

static void collateral_put(sw_arena *a, sw_json *object, const sw_collateral *c) {
    sw_json_add_base64(a, object, "pck_crl", c->pck_crl);
    signed_put(a, object, COLLATERAL_NAMES + 1, &c->qe_identity);
    sw_json_add_base64(a, object, "root_crl", c->root_crl);
    signed_put(a, object, COLLATERAL_NAMES + 5, &c->tcb_info);
}

sw_status sw_collateral_encode(const sw_collateral *c, const sw_gpu_collateral *gpu, sw_buffer *out,
                               sw_error *err) {
    static const sw_gpu_collateral none;
    SW_SCOPED(sw_arena) a = {.limit_bytes = 4 * SW_COLLATERAL_FILE_LIMIT};
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    if (gpu == NULL) gpu = &none;
    if (c != NULL) collateral_put(&a, sw_json_add_object(&a, root, "collateral"), c);
    sw_json *devices = sw_json_add_object(&a, root, "gpu");
    sw_json *ocsp = sw_json_add_array(&a, devices, "ocsp");
    for (size_t i = 0; i < gpu->ocsp_count; i++) sw_json_add_base64(&a, ocsp, NULL, gpu->ocsp[i]);
    sw_json *rims = sw_json_add_array(&a, devices, "rims");
    for (size_t i = 0; i < gpu->rim_count; i++) sw_json_add_text(&a, rims, NULL, gpu->rims[i]);
    sw_json_add_text(&a, root, "kind", SW_LITERAL(SW_COLLATERAL_KIND));
    sw_json_encode(out, root);
    return sw_buffer_check(out, "a collateral bundle", err);
}
