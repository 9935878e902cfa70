/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence of NVIDIA's own devices, from ../shared/vectors/nvidia: a folder a device, with what an
 * independent reader (Python) found in it beside it.
 */
#ifndef SW_TESTS_ATTEST_GPU_VECTORS_H
#define SW_TESTS_ATTEST_GPU_VECTORS_H
#include "attest/gpu_forge.h"
#include "codec/json.h"

#include <dirent.h>
#include <stdio.h>
#include <time.h>

#define VECTORS    "../shared/vectors/nvidia"
#define FILE_BYTES ((size_t)64 << 10)
/* Any time will do where no manifest sets a window. */
#define SOME_DAY_MS (INT64_C(1772323200) * 1000) /* 2026-03-01T00:00:00Z */

typedef struct vector {
    sw_arena arena;
    sw_gpu_device device;
    sw_bytes rims[2];
    size_t rim_count;
    sw_json *notes;
    int64_t at_ms;
} vector;

static sw_gpu_policy nvidia; /* its roots */

static inline sw_bytes vector_load(sw_arena *a, const char *folder, const char *name) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s/%s", VECTORS, folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return (sw_bytes){0};
    uint8_t *bytes = sw_arena_alloc(a, FILE_BYTES, 1);
    assert_non_null(bytes);
    size_t size = fread(bytes, 1, FILE_BYTES, file);
    (void)fclose(file);
    return SW_BYTES(bytes, size);
}

static inline const sw_json *note_of(const sw_json *object, const char *name) {
    return sw_json_member(object, name);
}

static inline bool note_is(const sw_json *object, const char *name, const char *text) {
    const sw_json *m = sw_json_member(object, name);
    return m != NULL && m->type == SW_JSON_STRING && sw_bytes_is(m->text, text);
}

/* "2023-06-27 17:04:05" */
static inline int64_t note_ms(const sw_json *object, const char *name) {
    char text[32] = "";
    struct tm tm = {0};
    const sw_json *m = sw_json_member(object, name);
    assert_non_null(m);
    (void)snprintf(text, sizeof text, "%.*s", (int)m->text.size, (const char *)m->text.data);
    assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
    return (int64_t)timegm(&tm) * 1000;
}

/* The middle of the time in which the signers of all its manifests are valid. */
static inline int64_t vector_time(const sw_json *expected) {
    static const char *const names[] = {"driver_rim", "vbios_rim"};
    int64_t from = 0, until = INT64_MAX;
    for (size_t i = 0; i < COUNT(names); i++) {
        const sw_json *rim = note_of(expected, names[i]);
        if (rim == NULL) continue;
        int64_t starts = note_ms(rim, "leaf_not_before"), ends = note_ms(rim, "leaf_not_after");
        if (starts > from) from = starts;
        if (ends < until) until = ends;
    }
    assert_true(from < until);
    return from == 0 ? SOME_DAY_MS : from + (until - from) / 2;
}

static inline bool vector_open(vector *v, const char *folder) {
    memset(v, 0, sizeof *v);
    v->device.report = vector_load(&v->arena, folder, "report.bin");
    v->device.chain = vector_load(&v->arena, folder, "cert_chain.pem");
    sw_bytes notes = vector_load(&v->arena, folder, "expected.json");
    if (v->device.report.size == 0 || v->device.chain.size == 0 || notes.size == 0) return false;
    static const char *const names[] = {"driver_rim.xml", "vbios_rim.xml"};
    for (size_t i = 0; i < COUNT(names); i++) {
        sw_bytes rim = vector_load(&v->arena, folder, names[i]);
        if (rim.size > 0) v->rims[v->rim_count++] = rim;
    }
    sw_error err = {0};
    if (sw_json_parse(&v->arena, notes, NULL, &v->notes, &err) != SW_OK)
        fail_msg("%s: %s", folder, err.message);
    v->at_ms = vector_time(note_of(v->notes, "expected"));
    return true;
}

/* One root's hash from its PEM file. */
static inline sw_status root_hash(void *context, sw_bytes der, sw_error *err) {
    (void)err;
    sw_sha256(context, der);
    return SW_OK;
}

static inline bool vector_roots(void) {
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes device = vector_load(&a, "roots", "nvidia_device_identity_root.pem");
    sw_bytes rim = vector_load(&a, "roots", "nvidia_rim_root.pem");
    if (device.size == 0 || rim.size == 0) return false;
    nvidia = (sw_gpu_policy){.count = 1, .any_device = true, .any_driver = true};
    return sw_pem_decode(device, "CERTIFICATE", 1, root_hash, &nvidia.device_root, NULL) == SW_OK &&
           sw_pem_decode(rim, "CERTIFICATE", 1, root_hash, &nvidia.rim_root, NULL) == SW_OK;
}

static inline int vector_skip(void) {
    printf("1..0 # SKIP no folder %s\n", VECTORS);
    return 0;
}
#endif
