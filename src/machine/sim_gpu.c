/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated GPUs: gpus.json, the policy that names them, and signed SPDM exchanges of the form that
 * Hopper devices give. docs/formats/gpu-policy.md, GPU-230 to GPU-236.
 *
 * What a block holds follows from the versions alone, as a measurement of real firmware would, so
 * device and manifest agree because they tell of the same version and for no other reason.
 */
#include "codec/text.h"
#include "machine/sim_internal.h"
#include "sys/files.h"

#include <stdio.h>
#include <string.h>

#define GPUS_KIND "sealwright/sim-gpus/v1"
#define GPUS_FILE "gpus.json"

const char *const sw_sim_gpu_shared_files[SW_SIM_GPU_SHARED_COUNT] = {
    "keys/gpu-device-root", "keys/gpu-family",     "keys/gpu-provisioner", "keys/gpu-rim-root",
    "keys/gpu-rim-ca",      "keys/gpu-rim-issuer", "keys/gpu-rim-signer"};

/* ---- versions ---- */
void sw_sim_gpu_vbios_text(char out[32], const uint8_t vbios[8]) {
    (void)snprintf(out, 32, "%02X.%02X.%02X.%02X.%02X", vbios[3], vbios[2], vbios[1], vbios[0],
                   vbios[4]);
}

bool sw_sim_gpu_measures(sw_rim_kind kind, size_t index) { /* Hopper's active entries */
    bool driver = index == 7 || (index >= 21 && index <= 40);
    bool vbios = index <= 6 || (index >= 8 && index <= 12);
    return kind == SW_RIM_DRIVER ? driver : vbios;
}

static void digest_of(const char *what, const char *version, size_t index,
                      uint8_t out[SW_SHA384_BYTES]) {
    char text[128];
    int size = snprintf(text, sizeof text, "sealwright/sim/gpu/%s/%s/%zu", what, version, index);
    sw_sha384(out, SW_BYTES(text, (size_t)size));
}

void sw_sim_gpu_measurement(const sw_sim_gpu_facts *facts, size_t index,
                            uint8_t out[SW_SHA384_BYTES]) {
    char vbios[32];
    sw_sim_gpu_vbios_text(vbios, facts->vbios);
    if (sw_sim_gpu_measures(SW_RIM_DRIVER, index))
        digest_of("driver", facts->driver, index, out);
    else
        digest_of("vbios", vbios, index, out);
}

void sw_sim_gpu_fwid(const sw_sim_gpu_facts *facts, uint8_t out[SW_SHA384_BYTES]) {
    char vbios[32];
    sw_sim_gpu_vbios_text(vbios, facts->vbios);
    digest_of("firmware", vbios, 0, out);
}

/* ---- gpus.json ---- */
sw_status sw_sim_gpu_facts_encode(const sw_sim_gpu_facts *facts, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = SW_SIM_FILE_LIMIT};
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_text(&a, root, "kind", SW_LITERAL(GPUS_KIND));
    sw_json_add_integer(&a, root, "count", (int64_t)facts->count);
    sw_json_add_text(&a, root, "driver", sw_text(facts->driver));
    sw_json_add_hex(&a, root, "vbios", SW_BYTES_OF(facts->vbios));
    sw_json_add_hex(&a, root, "rim_root", SW_BYTES_OF(facts->rim_root.b));
    sw_json_encode(out, root);
    return sw_buffer_check(out, GPUS_FILE, err);
}

static sw_status facts_parse(sw_bytes text, sw_sim_gpu_facts *out, sw_error *err) {
    static const char *const names[] = {"count", "driver", "kind", "rim_root", "vbios", NULL};
    static const char where[] = GPUS_FILE;
    SW_SCOPED(sw_arena) a = {.limit_bytes = 2 * SW_SIM_FILE_LIMIT};
    sw_json *root;
    sw_bytes kind, driver;
    uint64_t count;
    sw_sim_gpu_facts made = {0};
    SW_TRY(sw_json_parse_canonical(&a, text, NULL, &root, err));
    SW_TRY(sw_json_expect(root, where, names, err));
    SW_TRY(sw_json_text(root, where, "kind", &kind, err));
    SW_TRY(sw_json_u64(root, where, "count", SW_GPU_LIMIT, &count, err));
    SW_TRY(sw_json_text(root, where, "driver", &driver, err));
    SW_TRY(sw_json_hex(root, where, "vbios", made.vbios, sizeof made.vbios, err));
    SW_TRY(sw_json_hash(root, where, "rim_root", &made.rim_root, err));
    bool good = sw_bytes_is(kind, GPUS_KIND) && count > 0 && driver.size > 0 &&
                driver.size < sizeof made.driver;
    if (!good) return sw_fail(err, SW_MALFORMED, "format", GPUS_FILE " is not that of a machine");
    memcpy(made.driver, driver.data, driver.size);
    made.count = (size_t)count;
    *out = made;
    return SW_OK;
}

sw_status sw_sim_gpu_facts_read(const char *folder, sw_sim_gpu_facts *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 2 * SW_SIM_FILE_LIMIT};
    sw_bytes text;
    sw_error why = {0};
    sw_status status = sw_sim_read(&a, folder, GPUS_FILE, &text, &why);
    if (status == SW_MISSING) {
        *out = (sw_sim_gpu_facts){0};
        return SW_OK;
    }
    if (status != SW_OK && err != NULL) *err = why;
    return status == SW_OK ? facts_parse(text, out, err) : status;
}

/* ---- the policy that names them ---- */
typedef struct chain_ends {
    size_t count;
    sw_gpu_serial leaf;
    sw_hash root;
} chain_ends;

static sw_status note_ends(void *context, sw_bytes der, sw_error *err) {
    chain_ends *c = context;
    sw_sha256(&c->root, der);
    if (c->count++ > 0) return SW_OK;
    sw_cert *leaf = NULL;
    size_t size = 0;
    SW_TRY(sw_cert_parse(der, &leaf, err));
    sw_status status = sw_cert_serial(leaf, c->leaf.b, &size, err);
    c->leaf.size = (uint8_t)size;
    sw_cert_free(&leaf);
    return status;
}

static sw_status chain_read(sw_arena *a, const char *folder, size_t index, sw_bytes *out,
                            sw_error *err) {
    char name[48];
    (void)snprintf(name, sizeof name, "gpu_%zu_chain.pem", index);
    return sw_sim_read(a, folder, name, out, err);
}

sw_status sw_sim_gpu_policy(const char *folder, sw_gpu_policy *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 4 * SW_SIM_FILE_LIMIT};
    sw_sim_gpu_facts facts;
    sw_gpu_policy p = {0};
    SW_TRY(sw_sim_gpu_facts_read(folder, &facts, err));
    for (size_t i = 0; i < facts.count; i++) {
        sw_bytes chain;
        chain_ends ends = {0};
        SW_TRY(chain_read(&a, folder, i, &chain, err));
        SW_TRY(sw_pem_decode(chain, "CERTIFICATE", 5, note_ends, &ends, err));
        p.device_root = ends.root;
        p.devices[p.device_count++] = ends.leaf;
    }
    p.count = (uint32_t)facts.count;
    if (facts.count > 0) {
        p.rim_root = facts.rim_root;
        p.driver_count = 1;
        memcpy(p.drivers[0], facts.driver, sizeof p.drivers[0]);
    }
    *out = p;
    return SW_OK;
}

/* ---- loading ---- */
void sw_sim_gpus_free(sw_sim_gpus *g) {
    for (size_t i = 0; i < SW_GPU_LIMIT; i++) sw_sim_gpu_key_drop(&g->keys[i]);
    for (size_t i = 0; i < SW_SIM_GPU_AUTHORITY_COUNT; i++) sw_sim_gpu_key_drop(&g->authorities[i]);
    sw_arena_free(&g->answers);
}

static sw_status key_load(sw_arena *a, const char *folder, const char *name, sw_sim_gpu_key **out,
                          sw_error *err) {
    void *secret = NULL;
    size_t size = 0;
    char *path = sw_path_join(a, folder, name);
    *out = sw_sim_gpu_key_new();
    if (path == NULL || *out == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(sw_file_read_secret(path, sizeof(*out)->b + 1, &secret, &size, err));
    if (size == sizeof(*out)->b) memcpy((*out)->b, secret, size);
    sw_secret_release(secret);
    if (size != sizeof(*out)->b)
        return sw_fail(err, SW_MALFORMED, "format", "%s has not %zu bytes", name, sizeof(*out)->b);
    return SW_OK;
}

sw_status sw_sim_gpus_load(sw_arena *a, const char *folder, sw_sim_gpus *g, sw_error *err) {
    SW_TRY(sw_sim_gpu_facts_read(folder, &g->facts, err));
    for (size_t i = 0; i < g->facts.count; i++) {
        char name[48];
        (void)snprintf(name, sizeof name, "keys/gpu-%zu-leaf", i);
        SW_TRY(chain_read(a, folder, i, &g->chains[i], err));
        SW_TRY(key_load(a, folder, name, &g->keys[i], err));
    }
    if (g->facts.count == 0) return SW_OK;
    for (size_t i = 0; i < SW_SIM_GPU_AUTHORITY_COUNT; i++)
        SW_TRY(key_load(a, folder, sw_sim_gpu_shared_files[i], &g->authorities[i], err));
    SW_TRY(sw_sim_read(a, folder, "gpu_rim_chain.pem", &g->rim_chain, err));
    SW_TRY(sw_sim_read(a, folder, "gpu_driver_rim.xml", &g->rims[0], err));
    SW_TRY(sw_sim_read(a, folder, "gpu_vbios_rim.xml", &g->rims[1], err));
    g->collateral = (sw_gpu_collateral){.rims = g->rims, .rim_count = SW_SIM_GPU_RIM_COUNT};
    return SW_OK;
}

/* ---- SPDM 1.1: request, response, signature ---- */
enum {
    SPDM_VERSION = 0x11,
    GET_MEASUREMENTS = 0xe0,
    WITH_SIGNATURE = 1,
    ALL_BLOCKS = 0xff,
    MEASUREMENTS = 0x60,
    DMTF = 1,
    RAW_HEAD_BYTES = 3,
    BLOCK_BYTES = 4 + RAW_HEAD_BYTES + SW_SHA384_BYTES
};
enum { /* opaque fields that Hopper writes and somebody reads, in Hopper's order */
       FIELD_VBIOS = 6,
       FIELD_CHIP_SKU = 15,
       FIELD_PROJECT = 17,
       FIELD_PROJECT_SKU = 18,
       FIELD_DRIVER = 3,
       FIELD_NVDEC0 = 11,
       FIELD_FWID = 20,
       FIELD_VERSION = 34,
       FIELD_FEATURE = 36,
       NVDEC0_ENABLED = 0xaa
};

static void put_u24le(sw_buffer *out, size_t v) {
    sw_put_u16le(out, (uint16_t)(v & 0xffff));
    sw_put_u8(out, (uint8_t)(v >> 16));
}

static void put_field(sw_buffer *out, uint16_t type, sw_bytes value) {
    sw_put_u16le(out, type);
    sw_put_u16le(out, (uint16_t)value.size);
    sw_put_bytes(out, value);
}

static void put_text_field(sw_buffer *out, uint16_t type, const char *text) {
    put_field(out, type, SW_BYTES(text, strlen(text) + 1)); /* with its NUL */
}

static void put_opaque(sw_buffer *out, const sw_sim_gpu_facts *facts) {
    static const uint8_t nvdec0 = NVDEC0_ENABLED, version[2] = {1, 0};
    const uint8_t feature[2] = {facts->count > 1, 0}; /* several GPUs know of each other */
    uint8_t fwid[SW_SHA384_BYTES];
    sw_sim_gpu_fwid(facts, fwid);
    put_field(out, FIELD_VBIOS, SW_BYTES_OF(facts->vbios));
    put_text_field(out, FIELD_CHIP_SKU, "882");
    put_text_field(out, FIELD_PROJECT, "1010");
    put_text_field(out, FIELD_PROJECT_SKU, "0200");
    put_text_field(out, FIELD_DRIVER, facts->driver);
    put_field(out, FIELD_NVDEC0, SW_BYTES(&nvdec0, 1));
    put_field(out, FIELD_FWID, SW_BYTES_OF(fwid));
    put_field(out, FIELD_VERSION, SW_BYTES_OF(version));
    put_field(out, FIELD_FEATURE, SW_BYTES_OF(feature));
}

static void put_blocks(sw_buffer *out, const sw_sim_gpu_facts *facts) {
    for (size_t i = 0; i < SW_GPU_BLOCK_LIMIT; i++) {
        uint8_t value[SW_SHA384_BYTES];
        sw_sim_gpu_measurement(facts, i, value);
        sw_put_u8(out, (uint8_t)(i + 1));
        sw_put_u8(out, DMTF);
        sw_put_u16le(out, RAW_HEAD_BYTES + SW_SHA384_BYTES);
        sw_put_u8(out, 1); /* DMTF's value type: firmware */
        sw_put_u16le(out, SW_SHA384_BYTES);
        sw_put_bytes(out, SW_BYTES_OF(value));
    }
}

static void put_request(sw_buffer *out, const sw_hash *nonce) {
    sw_put_u8(out, SPDM_VERSION);
    sw_put_u8(out, GET_MEASUREMENTS);
    sw_put_u8(out, WITH_SIGNATURE);
    sw_put_u8(out, ALL_BLOCKS);
    sw_put_bytes(out, SW_BYTES_OF(nonce->b));
    sw_put_u8(out, 0); /* slot */
}

sw_status sw_sim_gpu_report_make(const sw_sim_gpus *g, size_t index, const sw_hash *nonce,
                                 const sw_entropy *e, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_GPU_REPORT_LIMIT);
    SW_SCOPED(sw_buffer) opaque = SW_BUFFER(SW_GPU_REPORT_LIMIT);
    uint8_t own[32], signature[SW_P384_SIGNATURE_BYTES];
    SW_TRY(sw_entropy_fill(e, own, sizeof own, err));
    put_request(&made, nonce);
    sw_put_u8(&made, SPDM_VERSION);
    sw_put_u8(&made, MEASUREMENTS);
    sw_put_u16le(&made, 0);
    sw_put_u8(&made, SW_GPU_BLOCK_LIMIT);
    put_u24le(&made, (size_t)SW_GPU_BLOCK_LIMIT * BLOCK_BYTES);
    put_blocks(&made, &g->facts);
    sw_put_bytes(&made, SW_BYTES_OF(own));
    put_opaque(&opaque, &g->facts);
    sw_put_u16le(&made, (uint16_t)opaque.size);
    sw_put_bytes(&made, sw_buffer_bytes(&opaque));
    SW_TRY(sw_buffer_check(&opaque, "a GPU's report", err));
    SW_TRY(sw_buffer_check(&made, "a GPU's report", err));
    SW_TRY(sw_p384_sign_raw(g->keys[index]->b, sw_buffer_bytes(&made), signature, err));
    sw_put_bytes(out, sw_buffer_bytes(&made));
    sw_put_bytes(out, SW_BYTES_OF(signature));
    return sw_buffer_check(out, "a GPU's report", err);
}
