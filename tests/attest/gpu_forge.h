/* SPDX-License-Identifier: Apache-2.0
 *
 * A maker of GPUs whose keys are in the test's hands: device chains, reports and manifests in the
 * forms that NVIDIA writes, all of them good, for tests to bend. FH100 is a GPU, FS10 a switch.
 */
#ifndef SW_TESTS_ATTEST_GPU_FORGE_H
#define SW_TESTS_ATTEST_GPU_FORGE_H
#include "attest/gpu_internal.h"
#include "codec/der.h"
#include "crypto/vector.h"

#include <stdlib.h>
#include <string.h>

#define GPU_NOW     (INT64_C(1790000000) * 1000) /* 2026-09-21T14:13:20Z */
#define GPU_DAY     ((int64_t)86400 * 1000)
#define GPU_FOREVER (INT64_C(253402300799) * 1000) /* 9999-12-31T23:59:59Z */

typedef struct gpu_party {
    uint8_t secret[SW_P384_SECRET_BYTES];
    sw_p384_public key;
    sw_cert *cert;
} gpu_party;
static struct {
    uint64_t seed;
    gpu_party root, family, provisioner, rim_root, rim_ca, rim_signer;
    sw_gpu_policy policy;
} gpu_maker;

static inline void gpu_key(gpu_party *p) {
    sw_entropy entropy = {.fill = fill_from_seed, .context = &gpu_maker.seed};
    assert_int_equal(sw_p384_generate(&entropy, p->secret, &p->key, NULL), SW_OK);
}

static inline void gpu_certify(gpu_party *p, const sw_cert_plan *plan, const gpu_party *issuer) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    sw_error err = {0};
    gpu_key(p);
    if (sw_cert_make_p384(plan, &p->key, issuer == NULL ? NULL : issuer->cert,
                          issuer == NULL ? p->secret : issuer->secret, &der, &err) != SW_OK ||
        sw_cert_parse(sw_buffer_bytes(&der), &p->cert, &err) != SW_OK)
        fail_msg("%s", err.message);
}

static inline void gpu_authority(gpu_party *p, const char *name, uint64_t serial, int64_t until_ms,
                                 const gpu_party *issuer) {
    sw_cert_plan plan = {.common_name = name,
                         .serial = serial,
                         .not_before_ms = GPU_NOW - 900 * GPU_DAY,
                         .not_after_ms = until_ms,
                         .ca = true};
    gpu_certify(p, &plan, issuer);
}

static inline void gpu_maker_open(void) {
    gpu_maker.seed = 20261128;
    gpu_authority(&gpu_maker.root, "Forged Device Root", 1, GPU_FOREVER, NULL);
    gpu_authority(&gpu_maker.family, "Forged FH100 Identity", 2, GPU_FOREVER, &gpu_maker.root);
    gpu_authority(&gpu_maker.provisioner, "Forged Provisioner", 3, GPU_FOREVER, &gpu_maker.family);
    gpu_authority(&gpu_maker.rim_root, "Forged RIM Root", 4, GPU_NOW + 9000 * GPU_DAY, NULL);
    gpu_authority(&gpu_maker.rim_ca, "Forged RIM CA", 5, GPU_NOW + 400 * GPU_DAY,
                  &gpu_maker.rim_root);
    sw_cert_plan signer = {.common_name = "Forged RIM Signer",
                           .serial = 6,
                           .not_before_ms = GPU_NOW - 100 * GPU_DAY,
                           .not_after_ms = GPU_NOW + 600 * GPU_DAY};
    gpu_certify(&gpu_maker.rim_signer, &signer, &gpu_maker.rim_ca);
    gpu_maker.policy = (sw_gpu_policy){.count = 1, .any_device = true, .any_driver = true};
    sw_sha256(&gpu_maker.policy.device_root, sw_cert_der(gpu_maker.root.cert));
    sw_sha256(&gpu_maker.policy.rim_root, sw_cert_der(gpu_maker.rim_root.cert));
}

static inline void gpu_maker_close(void) {
    gpu_party *all[] = {&gpu_maker.root,     &gpu_maker.family, &gpu_maker.provisioner,
                        &gpu_maker.rim_root, &gpu_maker.rim_ca, &gpu_maker.rim_signer};
    for (size_t i = 0; i < COUNT(all); i++) sw_cert_free(&all[i]->cert);
}

/* ---- firmware extensions ---- */
static inline void put_digest(sw_buffer *out, const uint8_t digest[SW_SHA384_BYTES]) {
    SW_SCOPED(sw_buffer) fwid = SW_BUFFER(256);
    SW_SCOPED(sw_buffer) oid = SW_BUFFER(64);
    assert_true(sw_der_oid(&oid, "2.16.840.1.101.3.4.2.2"));
    sw_der_put(&fwid, SW_DER_OID, sw_buffer_bytes(&oid));
    sw_der_put(&fwid, SW_DER_OCTETS, SW_BYTES(digest, SW_SHA384_BYTES));
    sw_der_put(out, SW_DER_SEQUENCE, sw_buffer_bytes(&fwid));
}

/* SEQUENCE { 1, SubjectPublicKeyInfo, digest }: as Hopper and LS10 have it. */
static inline void put_composite(sw_buffer *out, const uint8_t digest[SW_SHA384_BYTES]) {
    static const uint8_t algorithm[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
                                        0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
    static const uint8_t point[98] = {0, 4};
    SW_SCOPED(sw_buffer) key = SW_BUFFER(256);
    SW_SCOPED(sw_buffer) inside = SW_BUFFER(512);
    sw_der_put(&key, SW_DER_SEQUENCE, SW_BYTES_OF(algorithm));
    sw_der_put(&key, 0x03, SW_BYTES_OF(point));
    sw_der_put_u64(&inside, SW_DER_INTEGER, 1);
    sw_der_put(&inside, SW_DER_SEQUENCE, sw_buffer_bytes(&key));
    put_digest(&inside, digest);
    sw_der_put(out, SW_DER_SEQUENCE, sw_buffer_bytes(&inside));
}

/* DICE TcbInfo with two digests, the second of zeros: as Blackwell has it. */
static inline void put_tcb_info(sw_buffer *out, const uint8_t digest[SW_SHA384_BYTES]) {
    static const uint8_t zeros[SW_SHA384_BYTES];
    SW_SCOPED(sw_buffer) digests = SW_BUFFER(256);
    SW_SCOPED(sw_buffer) inside = SW_BUFFER(512);
    put_digest(&digests, digest);
    put_digest(&digests, zeros);
    sw_der_put(&inside, 0x80, SW_LITERAL("FORGED"));
    sw_der_put(&inside, 0x83, SW_LITERAL("\1"));
    sw_der_put(&inside, 0xa6, sw_buffer_bytes(&digests));
    sw_der_put(&inside, 0x87, SW_LITERAL("\0\200\0\0\0"));
    sw_der_put(out, SW_DER_SEQUENCE, sw_buffer_bytes(&inside));
}

/* ---- reports ---- */
typedef struct gpu_plan {
    uint64_t serial; /* of the leaf; of the boot ROM: 1000 more */
    bool is_switch, tcb_info, no_fwid, nvdec0;
    const char *driver, *model; /* NULL: "570.00.1", "FH100 A01 GSP BROM" */
    int feature;                /* below 0: none */
    uint8_t nonce;              /* all bytes of it */
    size_t left_out;            /* a block's SPDM index; 0: none */
    size_t trailing;            /* zeros behind */
    sw_bytes more;              /* opaque fields behind the usual ones */
    const struct gpu_made *rom; /* whose boot ROM certifies this leaf too; NULL: one of its own */
} gpu_plan;
typedef struct gpu_made {
    sw_buffer report, chain;
    gpu_party boot, leaf; /* a boot ROM of its own, or none */
    uint8_t fwid[SW_SHA384_BYTES];
} gpu_made;

static inline void gpu_made_free(gpu_made *m) {
    sw_cert_free(&m->boot.cert);
    sw_cert_free(&m->leaf.cert);
    sw_buffer_free(&m->report);
    sw_buffer_free(&m->chain);
}

static inline sw_status chain_verify(const sw_gpu_chain *c, const sw_hash *root, sw_window *w,
                                     sw_error *err) {
    SW_TRY(sw_gpu_chain_check(c, root, w, err));
    return sw_gpu_chain_link(c, NULL, w->wall_ms, err);
}

static inline sw_gpu_device gpu_device(const gpu_made *m) {
    return (sw_gpu_device){sw_buffer_bytes(&m->report), sw_buffer_bytes(&m->chain)};
}

static inline void put_field(sw_buffer *out, uint16_t type, sw_bytes value) {
    sw_put_u16le(out, type);
    sw_put_u16le(out, (uint16_t)value.size);
    sw_put_bytes(out, value);
}

/* What device and manifest agree on: index i, counted from 0. */
static inline void gpu_digest(uint8_t out[SW_SHA384_BYTES], bool is_switch, size_t index) {
    memset(out, (int)(is_switch ? 0x80 + index : 0x40 + index), SW_SHA384_BYTES);
}

static inline void put_blocks(sw_buffer *out, const gpu_plan *p) {
    size_t count = p->is_switch ? 31 : 64;
    uint8_t digest[SW_SHA384_BYTES];
    size_t written = count - (p->left_out != 0);
    sw_put_u8(out, (uint8_t)written);
    sw_put_u16le(out, (uint16_t)(written * 55));
    sw_put_u8(out, 0);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == p->left_out) continue;
        gpu_digest(digest, p->is_switch, i);
        sw_put_u8(out, (uint8_t)(i + 1));
        sw_put_u8(out, 1);
        sw_put_u16le(out, 51);
        sw_put_u8(out, 1);
        sw_put_u16le(out, 48);
        sw_put_bytes(out, SW_BYTES_OF(digest));
    }
}

static inline void put_opaque(sw_buffer *out, const gpu_plan *p, const gpu_made *m) {
    if (p->is_switch) {
        put_field(out, SW_GPU_FIELD_VBIOS, SW_LITERAL("96.10.55.00.01"));
    } else {
        put_field(out, SW_GPU_FIELD_VBIOS, SW_LITERAL("\0\317\0\226\2\0\0\0"));
        put_field(out, SW_GPU_FIELD_CHIP_SKU, SW_LITERAL("895\0\0\0"));
        put_field(out, SW_GPU_FIELD_PROJECT, SW_LITERAL("G520\0"));
        put_field(out, SW_GPU_FIELD_PROJECT_SKU, SW_LITERAL("0280\0"));
        sw_bytes driver = sw_text(p->driver == NULL ? "570.00.1" : p->driver);
        put_field(out, SW_GPU_FIELD_DRIVER, SW_BYTES(driver.data, driver.size + 1));
        put_field(out, SW_GPU_FIELD_NVDEC0, p->nvdec0 ? SW_LITERAL("\252") : SW_LITERAL("\125"));
        put_field(out, 200, SW_LITERAL("of no known type"));
        if (!p->no_fwid) put_field(out, SW_GPU_FIELD_FWID, SW_BYTES_OF(m->fwid));
    }
    uint8_t feature[2] = {(uint8_t)p->feature, 0};
    if (p->feature >= 0) put_field(out, SW_GPU_FIELD_FEATURE, SW_BYTES_OF(feature));
    sw_put_bytes(out, p->more);
}

static inline void gpu_report_make(const gpu_plan *p, gpu_made *m) {
    static const uint8_t zeros[256];
    uint8_t nonce[32], signature[SW_P384_SIGNATURE_BYTES];
    SW_SCOPED(sw_buffer) opaque = SW_BUFFER(8192);
    m->report = SW_BUFFER(65536);
    memset(nonce, p->nonce, sizeof nonce);
    sw_put_bytes(&m->report, SW_LITERAL("\x11\xe0\x01\xff"));
    sw_put_bytes(&m->report, SW_BYTES_OF(nonce));
    sw_put_bytes(&m->report, SW_LITERAL("\0\x11\x60\0\0"));
    put_blocks(&m->report, p);
    memset(nonce, 0x77, sizeof nonce);
    sw_put_bytes(&m->report, SW_BYTES_OF(nonce));
    put_opaque(&opaque, p, m);
    sw_put_u16le(&m->report, (uint16_t)opaque.size);
    sw_put_bytes(&m->report, sw_buffer_bytes(&opaque));
    assert_int_equal(sw_p384_sign_raw(m->leaf.secret, sw_buffer_bytes(&m->report), signature, NULL),
                     SW_OK);
    sw_put_bytes(&m->report, SW_BYTES_OF(signature));
    sw_put_bytes(&m->report, SW_BYTES(zeros, p->trailing));
    assert_false(m->report.failed);
}

static inline void gpu_chain_make(const gpu_plan *p, gpu_made *m) {
    SW_SCOPED(sw_buffer) extension = SW_BUFFER(1024);
    const gpu_party *boot = p->rom == NULL ? &m->boot : &p->rom->boot;
    if (p->rom == NULL)
        gpu_authority(&m->boot, p->model == NULL ? "FH100 A01 GSP BROM" : p->model,
                      1000 + p->serial, GPU_FOREVER, &gpu_maker.provisioner);
    memset(m->fwid, 0x5f, sizeof m->fwid);
    (p->tcb_info ? put_tcb_info : put_composite)(&extension, m->fwid);
    sw_cert_plan leaf = {.common_name = "FH100 A01 GSP FMC LF",
                         .serial = p->serial,
                         .not_before_ms = GPU_NOW - 900 * GPU_DAY,
                         .not_after_ms = GPU_FOREVER,
                         .extension_oid = p->tcb_info ? SW_GPU_TCB_INFO_OID : SW_GPU_FWID_OID,
                         .extension = sw_buffer_bytes(&extension)};
    gpu_certify(&m->leaf, &leaf, boot);
    const gpu_party *all[] = {&m->leaf, boot, &gpu_maker.provisioner, &gpu_maker.family,
                              &gpu_maker.root};
    m->chain = SW_BUFFER(65536);
    for (size_t i = 0; i < COUNT(all); i++)
        sw_pem_encode(&m->chain, "CERTIFICATE", sw_cert_der(all[i]->cert));
}

static inline void gpu_make(const gpu_plan *p, gpu_made *m) {
    memset(m, 0, sizeof *m);
    gpu_chain_make(p, m);
    gpu_report_make(p, m);
}

/* ---- manifests ---- */
/* Active as NVIDIA's are: a GPU's driver 7, 21 to 40; its VBIOS 0 to 6, 8 to 12; a switch 0 to 30.
 */
static inline bool gpu_active(sw_rim_kind kind, bool is_switch, size_t i) {
    if (is_switch) return i <= 30;
    return kind == SW_RIM_DRIVER ? i == 7 || (i >= 21 && i <= 40) : i <= 12 && i != 7;
}

static inline void gpu_entries(sw_rim_kind kind, bool is_switch,
                               sw_rim_entry entries[SW_RIM_INDEX_LIMIT]) {
    memset(entries, 0, SW_RIM_INDEX_LIMIT * sizeof entries[0]);
    for (size_t i = 0; i < SW_RIM_INDEX_LIMIT; i++) {
        sw_rim_entry *e = &entries[i];
        e->active = gpu_active(kind, is_switch, i);
        e->alternative_count = 1;
        gpu_digest(e->alternatives[0], is_switch, i);
        if (i == 12) { /* the right one stands last */
            e->alternative_count = 4;
            memcpy(e->alternatives[3], e->alternatives[0], SW_SHA384_BYTES);
            for (size_t k = 0; k < 3; k++) memset(e->alternatives[k], (int)k, SW_SHA384_BYTES);
        }
    }
}

/* Entries NULL: the usual ones. */
static inline void gpu_manifest(sw_rim_kind kind, bool is_switch, const char *version,
                                const sw_rim_entry *entries, sw_buffer *xml) {
    static sw_rim_entry usual[SW_RIM_INDEX_LIMIT];
    sw_error err = {0};
    const sw_bytes chain[3] = {sw_cert_der(gpu_maker.rim_signer.cert),
                               sw_cert_der(gpu_maker.rim_ca.cert),
                               sw_cert_der(gpu_maker.rim_root.cert)};
    gpu_entries(kind, is_switch, usual);
    sw_rim_plan plan = {.kind = kind,
                        .version = version,
                        .product = is_switch ? "FS10" : "FH100",
                        .edition = is_switch ? "SWITCH" : "GPU",
                        .entries = entries == NULL ? usual : entries,
                        .entry_count = SW_RIM_INDEX_LIMIT,
                        .chain = chain,
                        .chain_count = 3,
                        .secret = gpu_maker.rim_signer.secret};
    *xml = SW_BUFFER(SW_RIM_LIMIT);
    if (sw_rim_make(&plan, xml, &err) != SW_OK) fail_msg("%s", err.message);
}
#endif
