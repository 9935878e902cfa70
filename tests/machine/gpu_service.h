/* SPDX-License-Identifier: Apache-2.0
 *
 * A software machine with two GPUs, and what NVIDIA's services would publish for it: manifests, and
 * OCSP answers by every issuer for its own certificates, for pcs.py to serve. In "fresh" all is
 * well; "stale", "endless", "revoked" and "old" (in its dates) say it of every answer.
 */
#ifndef SW_TESTS_MACHINE_GPU_SERVICE_H
#define SW_TESTS_MACHINE_GPU_SERVICE_H
#include "crypto/ocsp_maker.h"

#include "codec/text.h"
#include "machine/collect.h"
#include "machine/pcs.h"
#include "machine/sim_internal.h"
#include "sys/files.h"

enum { GPU_COUNT = 2, OCSP_EXPECTED = 7, RIM_EXPECTED = 2 };

static char gpu_machine[64], published[96], cache[96], base[128];
static sw_arena arena;
static sw_sim_gpus gpus;
static sw_policy policy;
static sw_gpu_device devices[GPU_COUNT];
static sw_hash nonce;
static pcs service;
static int64_t now_ms;
/* When all of it is published, and how old answers are then; set before service_open. */
static int64_t service_now = NOW, answer_age = DAY;

static inline int64_t wall(void *context) {
    (void)context;
    return now_ms;
}

static inline sw_collateral_source source_of(const char *mode) {
    (void)snprintf(base, sizeof base, "https://127.0.0.1:%u/%s", service.port, mode);
    now_ms = service_now;
    return (sw_collateral_source){.rim_url = base,
                                  .ocsp_url = base,
                                  .ca_file = service.ca,
                                  .anchors = &policy,
                                  .timeout_ms = 20000,
                                  .clock = {wall, wall, NULL}};
}

/* ---- what is published ---- */
static inline void put(const char *where, const char *name, sw_bytes content) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s/%s", published, where, name);
    assert_int_equal(sw_file_write(path, content, 0644, SW_WRITE_REPLACE, NULL), SW_OK);
}

static inline void publish_manifest(const char *where, const char *name, sw_bytes xml) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER((size_t)1 << 20);
    char file[256];
    sw_put_format(&json, "{\"id\":\"%s\",\"rim\":\"", name);
    sw_base64_encode(&json, xml);
    sw_put_text(&json, "\",\"sha256\":\"00\",\"request_id\":\"1\"}");
    (void)snprintf(file, sizeof file, "rim-%s.json", name);
    put(where, file, sw_buffer_bytes(&json));
}

typedef struct certs {
    sw_cert *c[SW_RIM_CHAIN_LIMIT];
    size_t count;
} certs;

static inline sw_status collect(void *context, sw_bytes der, sw_error *err) {
    certs *all = context;
    return sw_cert_parse(der, &all->c[all->count++], err);
}

static inline void load_signer(signer *s, const char *key, const sw_cert *cert) {
    sw_bytes raw;
    *s = (signer){.p384 = true, .cert = (sw_cert *)(uintptr_t)cert};
    assert_int_equal(sw_sim_read(&arena, gpu_machine, key, &raw, NULL), SW_OK);
    assert_int_equal(raw.size, sizeof s->secret);
    memcpy(s->secret, raw.data, sizeof s->secret);
    assert_int_equal(sw_p384_evp_secret(s->secret, &s->evp, NULL), SW_OK);
}

static inline void publish_answer(const char *where, const sw_cert *cert, const sw_cert *issuer,
                                  const char *key, const answer *kind) {
    SW_SCOPED(sw_buffer) request = SW_BUFFER(4096);
    SW_SCOPED(sw_buffer) der = SW_BUFFER(SW_OCSP_LIMIT);
    sw_hash digest;
    char hex[65], name[80];
    signer by;
    answer a = *kind;
    load_signer(&by, key, issuer);
    a.about = cert;
    a.issuer = issuer;
    a.by = &by;
    answer_make(&a, &der);
    EVP_PKEY_free(by.evp);
    assert_int_equal(sw_ocsp_request(cert, issuer, &request, NULL), SW_OK);
    sw_sha256(&digest, sw_buffer_bytes(&request));
    sw_hex_text(hex, SW_BYTES_OF(digest.b));
    (void)snprintf(name, sizeof name, "ocsp-%s", hex);
    put(where, name, sw_buffer_bytes(&der));
}

static inline void publish_devices(const char *where, const answer *kind) {
    static const char *const keys[] = {"keys/gpu-provisioner", "keys/gpu-family",
                                       "keys/gpu-device-root"};
    for (size_t d = 0; d < GPU_COUNT; d++) {
        certs all = {0};
        assert_int_equal(sw_pem_decode(gpus.chains[d], "CERTIFICATE", 5, collect, &all, NULL),
                         SW_OK);
        for (size_t i = 1; i < 4; i++)
            publish_answer(where, all.c[i], all.c[i + 1], keys[i - 1], kind);
        for (size_t i = 0; i < all.count; i++) sw_cert_free(&all.c[i]);
    }
}

static inline void publish_all(const char *where, const answer *kind) {
    static const char *const keys[] = {"keys/gpu-rim-issuer", "keys/gpu-rim-ca",
                                       "keys/gpu-rim-root"};
    char path[256], driver[128], vbios[128];
    sw_gpu_report report;
    sw_rim rim;
    (void)snprintf(path, sizeof path, "%s/%s", published, where);
    assert_int_equal(sw_folder_make(path, 0700, NULL), SW_OK);
    assert_int_equal(sw_gpu_report_parse(devices[0].report, &report, NULL), SW_OK);
    sw_gpu_rim_names(&report, driver, vbios);
    publish_manifest(where, driver, gpus.collateral.rims[0]);
    publish_manifest(where, vbios, gpus.collateral.rims[1]);
    publish_devices(where, kind);
    assert_int_equal(
        sw_rim_verify(gpus.collateral.rims[0], &policy.gpu.rim_root, service_now, &rim, NULL),
        SW_OK);
    assert_int_equal(rim.chain_count, 4);
    for (size_t i = 0; i < 3; i++)
        publish_answer(where, rim.chain[i], rim.chain[i + 1], keys[i], kind);
    sw_rim_free(&rim);
}

static inline bool service_open(void) {
    const sw_entropy e = sw_entropy_system();
    answer usual = {.id_hash = EVP_sha384(),
                    .status = V_OCSP_CERTSTATUS_GOOD,
                    .reason = -1,
                    .from = service_now - answer_age,
                    .until = service_now + DAY,
                    .revoked = service_now - 30 * DAY,
                    .hash = EVP_sha384(),
                    .flags = OCSP_NOCERTS};
    (void)snprintf(gpu_machine, sizeof gpu_machine, "/tmp/sealwright-test-XXXXXX");
    if (mkdtemp(gpu_machine) == NULL) return false;
    (void)strcat(gpu_machine, "/sim");
    (void)snprintf(published, sizeof published, "%s/../published", gpu_machine);
    (void)snprintf(cache, sizeof cache, "%s/../cache", gpu_machine);
    if (sw_sim_init_gpus(gpu_machine, GPU_COUNT, &e, service_now - 30 * DAY, NULL) != SW_OK ||
        sw_sim_policy(gpu_machine, &policy, NULL) != SW_OK ||
        sw_sim_gpus_load(&arena, gpu_machine, &gpus, NULL) != SW_OK)
        return false;
    nonce.b[3] = 77;
    for (size_t i = 0; i < GPU_COUNT; i++) {
        SW_SCOPED(sw_buffer) report = SW_BUFFER(SW_GPU_REPORT_LIMIT);
        if (sw_sim_gpu_report_make(&gpus, i, &nonce, &e, &report, NULL) != SW_OK) return false;
        devices[i] =
            (sw_gpu_device){sw_arena_copy(&arena, sw_buffer_bytes(&report)), gpus.chains[i]};
    }
    publish_all("fresh", &usual);
    usual.until = service_now - DAY / 2;
    publish_all("stale", &usual);
    usual.until = 0;
    publish_all("endless", &usual);
    usual.until = service_now + DAY;
    usual.status = V_OCSP_CERTSTATUS_REVOKED;
    publish_all("revoked", &usual);
    usual.status = V_OCSP_CERTSTATUS_GOOD;
    usual.from = service_now - 2 * DAY;
    publish_all("old", &usual);
    return pcs_start(&service, published);
}

static inline void service_close(void) {
    char command[128];
    pcs_stop(&service);
    sw_sim_gpus_free(&gpus);
    sw_arena_free(&arena);
    *strrchr(gpu_machine, '/') = 0;
    (void)snprintf(command, sizeof command, "rm -rf %s", gpu_machine);
    assert_int_equal(system(command), 0);
}
#endif
