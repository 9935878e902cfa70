/* SPDX-License-Identifier: Apache-2.0
 *
 * GPUs for a new software machine: two roots, a chain of five for each device, two manifests.
 * docs/formats/gpu-policy.md, GPU-230 to GPU-233.
 *
 * As with Intel's side the names are those that the one verifier knows and the roots are the
 * folder's own, so nothing made here is ever taken for NVIDIA's.
 */
#include "codec/der.h"
#include "codec/text.h"
#include "machine/sim_internal.h"

#include <stdio.h>
#include <string.h>

#define DER_LIMIT  ((size_t)16 << 10)
#define SIM_DRIVER "570.172.08"
#define FWID_OID   "2.23.133.5.4.1"

/* Shared keys first; then two for each device. */
enum { KEY_COUNT = SW_SIM_GPU_SHARED_COUNT + 2 * SW_GPU_LIMIT };
static const struct {
    const char *common_name;
    size_t issuer;
} SHARED[SW_SIM_GPU_SHARED_COUNT] = {
    {"NVIDIA Device Identity CA", SW_SIM_GPU_DEVICE_ROOT},
    {"NVIDIA GH100 Identity", SW_SIM_GPU_DEVICE_ROOT},
    {"NVIDIA GH100 Provisioner ICA 1", SW_SIM_GPU_FAMILY},
    {"NVIDIA CoRIM signing Root CA", SW_SIM_GPU_RIM_ROOT},
    {"NVIDIA Reference Value GH100 CA", SW_SIM_GPU_RIM_ROOT},
    {"NVIDIA Reference Value L3 GH100 001", SW_SIM_GPU_RIM_CA},
    {"HCC RIM L4 Signer", SW_SIM_GPU_RIM_ISSUER},
};

typedef struct maker {
    const char *folder;
    const sw_entropy *entropy;
    sw_sim_dates dates;
    sw_sim_gpu_facts facts;
    sw_sim_gpu_key *keys[KEY_COUNT];
    sw_p384_public publics[KEY_COUNT];
    sw_cert *certs[KEY_COUNT];
} maker;

static void maker_free(maker *m) {
    for (size_t i = 0; i < KEY_COUNT; i++) {
        sw_sim_gpu_key_drop(&m->keys[i]);
        sw_cert_free(&m->certs[i]);
    }
}

static size_t rom_of(size_t device) {
    return SW_SIM_GPU_SHARED_COUNT + 2 * device;
}
static size_t leaf_of(size_t device) {
    return SW_SIM_GPU_SHARED_COUNT + 2 * device + 1;
}

static sw_status key_make(maker *m, size_t i, const char *file, sw_error *err) {
    m->keys[i] = sw_sim_gpu_key_new();
    if (m->keys[i] == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(sw_p384_generate(m->entropy, m->keys[i]->b, &m->publics[i], err));
    return sw_sim_file_put(m->folder, file, SW_BYTES_OF(m->keys[i]->b), 0600, err);
}

/* ---- certificates ---- */
static sw_status cert_make(maker *m, size_t subject, size_t issuer, sw_cert_plan plan,
                           sw_error *err) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(DER_LIMIT);
    plan.not_before_ms = m->dates.from_ms;
    plan.not_after_ms = m->dates.until_ms;
    SW_TRY(sw_cert_make_p384(&plan, &m->publics[subject], m->certs[issuer], m->keys[issuer]->b,
                             &der, err));
    return sw_cert_parse(sw_buffer_bytes(&der), &m->certs[subject], err);
}

static sw_status shared_make(maker *m, sw_error *err) {
    for (size_t i = 0; i < SW_SIM_GPU_SHARED_COUNT; i++) {
        const sw_cert_plan plan = {.common_name = SHARED[i].common_name,
                                   .serial = i + 1,
                                   .ca = i != SW_SIM_GPU_RIM_SIGNER};
        SW_TRY(key_make(m, i, sw_sim_gpu_shared_files[i], err));
        SW_TRY(cert_make(m, i, SHARED[i].issuer, plan, err));
    }
    return SW_OK;
}

/* TCG's composite device id: SEQUENCE { 1, key of the boot ROM, { SHA-384, firmware } }. */
static sw_status fwid_extension(const maker *m, const sw_p384_public *rom, sw_buffer *out,
                                sw_error *err) {
    enum { BIT_STRING = 0x03 };
    uint8_t fwid[SW_SHA384_BYTES];
    sw_sim_gpu_fwid(&m->facts, fwid);
    SW_SCOPED(sw_buffer) part = SW_BUFFER(DER_LIMIT);
    SW_SCOPED(sw_buffer) key = SW_BUFFER(DER_LIMIT);
    SW_SCOPED(sw_buffer) id = SW_BUFFER(DER_LIMIT);
    SW_SCOPED(sw_buffer) all = SW_BUFFER(DER_LIMIT);
    static const char *const key_oids[] = {"1.2.840.10045.2.1", "1.3.132.0.34"};
    for (size_t i = 0; i < 2; i++) {
        SW_SCOPED(sw_buffer) oid = SW_BUFFER(64);
        SW_CHECK(err, sw_der_oid(&oid, key_oids[i]));
        sw_der_put(&part, SW_DER_OID, sw_buffer_bytes(&oid));
    }
    sw_der_put(&key, SW_DER_SEQUENCE, sw_buffer_bytes(&part));
    sw_buffer_reset(&part);
    sw_put_u8(&part, 0); /* no unused bits */
    sw_put_bytes(&part, SW_BYTES_OF(rom->b));
    sw_der_put(&key, BIT_STRING, sw_buffer_bytes(&part));
    sw_buffer_reset(&part);
    SW_CHECK(err, sw_der_oid(&part, "2.16.840.1.101.3.4.2.2"));
    sw_der_put(&id, SW_DER_OID, sw_buffer_bytes(&part));
    sw_der_put(&id, SW_DER_OCTETS, SW_BYTES_OF(fwid));
    sw_der_put_u64(&all, SW_DER_INTEGER, 1);
    sw_der_put(&all, SW_DER_SEQUENCE, sw_buffer_bytes(&key));
    sw_der_put(&all, SW_DER_SEQUENCE, sw_buffer_bytes(&id));
    sw_der_put(out, SW_DER_SEQUENCE, sw_buffer_bytes(&all));
    return sw_buffer_check(out, "a firmware id", err);
}

/* 63 random bits: serials are what an owner names devices by, so no two machines share one. */
static sw_status serial_make(const maker *m, uint64_t *out, sw_error *err) {
    uint64_t serial;
    SW_TRY(sw_entropy_fill(m->entropy, &serial, sizeof serial, err));
    *out = (serial >> 1) | UINT64_C(1) << 62;
    return SW_OK;
}

static sw_status chain_put(const maker *m, const char *name, const size_t *members, size_t count,
                           sw_error *err) {
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(SW_GPU_CHAIN_LIMIT);
    for (size_t i = 0; i < count; i++)
        sw_pem_encode(&pem, "CERTIFICATE", sw_cert_der(m->certs[members[i]]));
    return sw_sim_public_put(m->folder, name, &pem, err);
}

static sw_status device_chain_put(const maker *m, size_t device, sw_error *err) {
    const size_t members[] = {leaf_of(device), rom_of(device), SW_SIM_GPU_PROVISIONER,
                              SW_SIM_GPU_FAMILY, SW_SIM_GPU_DEVICE_ROOT};
    char name[48];
    (void)snprintf(name, sizeof name, "gpu_%zu_chain.pem", device);
    return chain_put(m, name, members, sizeof members / sizeof members[0], err);
}

static sw_status device_make(maker *m, size_t device, sw_error *err) {
    size_t rom = rom_of(device), leaf = leaf_of(device);
    char rom_file[48], leaf_file[48];
    SW_SCOPED(sw_buffer) extension = SW_BUFFER(DER_LIMIT);
    sw_cert_plan of_rom = {.common_name = "GH100 A01 GSP BROM", .ca = true};
    sw_cert_plan of_leaf = {.common_name = "GH100 A01 GSP FMC LF", .extension_oid = FWID_OID};
    (void)snprintf(rom_file, sizeof rom_file, "keys/gpu-%zu-rom", device);
    (void)snprintf(leaf_file, sizeof leaf_file, "keys/gpu-%zu-leaf", device);
    SW_TRY(serial_make(m, &of_rom.serial, err));
    SW_TRY(serial_make(m, &of_leaf.serial, err));
    SW_TRY(key_make(m, rom, rom_file, err));
    SW_TRY(key_make(m, leaf, leaf_file, err));
    SW_TRY(cert_make(m, rom, SW_SIM_GPU_PROVISIONER, of_rom, err));
    SW_TRY(fwid_extension(m, &m->publics[rom], &extension, err));
    of_leaf.extension = sw_buffer_bytes(&extension);
    SW_TRY(cert_make(m, leaf, rom, of_leaf, err));
    return device_chain_put(m, device, err);
}

/* ---- manifests ---- */
static void entries_fill(const maker *m, sw_rim_kind kind,
                         sw_rim_entry entries[SW_RIM_INDEX_LIMIT]) {
    for (size_t i = 0; i < SW_RIM_INDEX_LIMIT; i++) {
        if (!sw_sim_gpu_measures(kind, i)) continue;
        entries[i].active = true;
        entries[i].alternative_count = 1;
        sw_sim_gpu_measurement(&m->facts, i, entries[i].alternatives[0]);
    }
}

static sw_status manifest_put(const maker *m, sw_rim_kind kind, const char *version,
                              const char *file, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = SW_SIM_FILE_LIMIT};
    SW_SCOPED(sw_buffer) xml = SW_BUFFER(SW_RIM_LIMIT);
    sw_bytes chain[] = {
        sw_cert_der(m->certs[SW_SIM_GPU_RIM_SIGNER]), sw_cert_der(m->certs[SW_SIM_GPU_RIM_ISSUER]),
        sw_cert_der(m->certs[SW_SIM_GPU_RIM_CA]), sw_cert_der(m->certs[SW_SIM_GPU_RIM_ROOT])};
    sw_rim_entry *entries = SW_ARENA_NEW(&a, sw_rim_entry, SW_RIM_INDEX_LIMIT);
    if (entries == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a manifest");
    entries_fill(m, kind, entries);
    const sw_rim_plan plan = {.kind = kind,
                              .version = version,
                              .product = "GH100",
                              .edition = "GPU",
                              .entries = entries,
                              .entry_count = SW_RIM_INDEX_LIMIT,
                              .chain = chain,
                              .chain_count = sizeof chain / sizeof chain[0],
                              .secret = m->keys[SW_SIM_GPU_RIM_SIGNER]->b};
    SW_TRY(sw_rim_make(&plan, &xml, err));
    return sw_sim_public_put(m->folder, file, &xml, err);
}

static sw_status manifests_make(const maker *m, sw_error *err) {
    static const size_t chain[] = {SW_SIM_GPU_RIM_SIGNER, SW_SIM_GPU_RIM_ISSUER, SW_SIM_GPU_RIM_CA,
                                   SW_SIM_GPU_RIM_ROOT};
    char vbios[32];
    sw_sim_gpu_vbios_text(vbios, m->facts.vbios);
    SW_TRY(chain_put(m, "gpu_rim_chain.pem", chain, sizeof chain / sizeof chain[0], err));
    SW_TRY(manifest_put(m, SW_RIM_DRIVER, m->facts.driver, "gpu_driver_rim.xml", err));
    return manifest_put(m, SW_RIM_VBIOS, vbios, "gpu_vbios_rim.xml", err);
}

static sw_status all_make(maker *m, sw_error *err) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_SIM_FILE_LIMIT);
    SW_TRY(shared_make(m, err));
    for (size_t i = 0; i < m->facts.count; i++) SW_TRY(device_make(m, i, err));
    SW_TRY(manifests_make(m, err));
    sw_sha256(&m->facts.rim_root, sw_cert_der(m->certs[SW_SIM_GPU_RIM_ROOT]));
    SW_TRY(sw_sim_gpu_facts_encode(&m->facts, &text, err));
    return sw_sim_public_put(m->folder, "gpus.json", &text, err);
}

sw_status sw_sim_gpus_make(const char *folder, size_t count, sw_sim_dates dates,
                           const sw_entropy *e, sw_error *err) {
    SW_CHECK(err, count > 0 && count <= SW_GPU_LIMIT);
    SW_SCOPED(maker)
    m = {.folder = folder,
         .entropy = e,
         .dates = dates,
         .facts = {.count = count,
                   .driver = SIM_DRIVER,
                   .vbios = {0x00, 0xcf, 0x00, 0x96, 0x02, 0x00, 0x00, 0x00}}};
    return all_make(&m, err);
}
