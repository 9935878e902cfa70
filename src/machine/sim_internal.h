/* SPDX-License-Identifier: Apache-2.0
 *
 * The software machine's folder: what lies in it, and what is made from it.
 *
 *   sim.json                  PPID, instance seed, images and which of them boots (canonical JSON)
 *   keys/NAME.pem             root, platform-ca, pck, tcb-signing, attestation (PKCS#8, 0600)
 *   keys/platform-secret      32 bytes (0600)
 *   pck_chain.pem, tcb_signing_chain.pem, root_ca_crl.der, pck_crl.der, tcb_info.json,
 * qe_identity.json what Intel's side would publish, in its form
 *
 * and, of a machine with GPUs (GPU-230 on):
 *
 *   gpus.json                 how many, driver and VBIOS version, the manifests' root
 *   keys/gpu-NAME             P-384 scalars, 48 bytes (0600)
 *   gpu_N_chain.pem, gpu_driver_rim.xml, gpu_vbios_rim.xml  what NVIDIA would, in its form
 *   gpu_rim_chain.pem         the chain of the manifests' signer
 */
#ifndef SW_MACHINE_SIM_INTERNAL_H
#define SW_MACHINE_SIM_INTERNAL_H
#include "crypto/x509.h"
#include "machine/machine_internal.h"
#include <sys/types.h>

#define SW_SIM_FILE_LIMIT ((size_t)1 << 20)

SW_SECRET_ROLE(sw_sim_key, 32) /* a private key of the simulated platform */

/* What a real platform would carry in silicon and fuses. */
typedef struct sw_sim_hardware {
    uint8_t component[16], tee_tcb_svn[16], fmspc[6], pce_id[2];
    uint16_t pce_svn, qe_svn, qe_product;
    uint8_t qe_attributes[16], qe_attributes_mask[16];
    uint32_t evaluation_number;
} sw_sim_hardware;
extern const sw_sim_hardware sw_sim_platform;
void sw_sim_qe_signer(uint8_t out[32]); /* the simulated QE's MRSIGNER; MRENCLAVE follows from it */

/* ---- sim.json ---- */
typedef struct sw_sim_facts {
    uint8_t ppid[16], instance_seed[20];
    size_t image_count, boot_index;
    sw_image images[SW_IMAGE_LIMIT];
} sw_sim_facts;
SW_NODISCARD sw_status sw_sim_facts_read(const char *folder, sw_sim_facts *out, sw_error *err);
SW_NODISCARD sw_status sw_sim_facts_write(const char *folder, const sw_sim_facts *facts,
                                          bool replace, sw_error *err);
SW_NODISCARD sw_status sw_sim_image_make(const char *name, const sw_entropy *e, sw_image *out,
                                         sw_error *err);

/* ---- files (sim_folder.c) ---- */
/* A new file of the machine's folder; the second for what may be read by anybody. */
SW_NODISCARD sw_status sw_sim_file_put(const char *folder, const char *name, sw_bytes content,
                                       mode_t mode, sw_error *err);
SW_NODISCARD sw_status sw_sim_public_put(const char *folder, const char *name,
                                         const sw_buffer *content, sw_error *err);
SW_NODISCARD sw_status sw_sim_read(sw_arena *a, const char *folder, const char *name, sw_bytes *out,
                                   sw_error *err);
SW_NODISCARD sw_status sw_sim_key_read(const char *folder, const char *name, sw_sim_key *out,
                                       sw_error *err);

/* ---- collateral (sim_collateral.c) ---- */
typedef struct sw_sim_dates {
    int64_t from_ms, until_ms;
} sw_sim_dates;
/* The provisioning service's answers: {"tcbInfo":{...},"signature":hex}, {"enclaveIdentity":...}.
 */
SW_NODISCARD sw_status sw_sim_tcb_info_make(const sw_sim_key *signer, sw_sim_dates dates,
                                            sw_buffer *out, sw_error *err);
SW_NODISCARD sw_status sw_sim_qe_identity_make(const sw_sim_key *signer, sw_sim_dates dates,
                                               sw_buffer *out, sw_error *err);
/* The PCK certificate's SGX extension. */
SW_NODISCARD sw_status sw_sim_pck_extension_make(const uint8_t ppid[16], sw_buffer *out,
                                                 sw_error *err);

/* ---- GPUs (sim_gpu.c, sim_gpu_init.c, sim_gpu_ocsp.c) ---- */
#define SW_SIM_GPU_RIM_COUNT 2 /* driver, VBIOS */
SW_SECRET_ROLE(sw_sim_gpu_key, SW_P384_SECRET_BYTES)
/* Keys that all devices of a folder share, in the order of their making: authorities up to the
 * manifests' signer, which certifies nothing. */
typedef enum sw_sim_gpu_shared {
    SW_SIM_GPU_DEVICE_ROOT,
    SW_SIM_GPU_FAMILY,
    SW_SIM_GPU_PROVISIONER,
    SW_SIM_GPU_RIM_ROOT,
    SW_SIM_GPU_RIM_CA,
    SW_SIM_GPU_RIM_ISSUER,
    SW_SIM_GPU_RIM_SIGNER,
    SW_SIM_GPU_SHARED_COUNT,
    SW_SIM_GPU_AUTHORITY_COUNT = SW_SIM_GPU_RIM_SIGNER
} sw_sim_gpu_shared;
extern const char *const sw_sim_gpu_shared_files[SW_SIM_GPU_SHARED_COUNT];
typedef struct sw_sim_gpu_facts { /* gpus.json; count 0: there is none */
    size_t count;
    char driver[32];
    uint8_t vbios[8]; /* as reports hold it */
    sw_hash rim_root;
} sw_sim_gpu_facts;
SW_NODISCARD sw_status sw_sim_gpu_facts_read(const char *folder, sw_sim_gpu_facts *out,
                                             sw_error *err);
SW_NODISCARD sw_status sw_sim_gpu_facts_encode(const sw_sim_gpu_facts *facts, sw_buffer *out,
                                               sw_error *err);
/* What the policy says of them; nothing when there is none. */
SW_NODISCARD sw_status sw_sim_gpu_policy(const char *folder, sw_gpu_policy *out, sw_error *err);
/* "96.00.CF.00.02", as manifests write it. */
void sw_sim_gpu_vbios_text(char out[32], const uint8_t vbios[8]);
/* What stands in block `index` (from 0) of whoever runs this driver and this VBIOS. */
void sw_sim_gpu_measurement(const sw_sim_gpu_facts *facts, size_t index,
                            uint8_t out[SW_SHA384_BYTES]);
bool sw_sim_gpu_measures(sw_rim_kind kind, size_t index); /* active in that manifest */
void sw_sim_gpu_fwid(const sw_sim_gpu_facts *facts, uint8_t out[SW_SHA384_BYTES]);

/* A boot ROM for each device; provisioner and family; the manifests' signer and two above it. */
#define SW_SIM_GPU_OCSP_LIMIT (SW_GPU_LIMIT + 5)
typedef struct sw_sim_gpus {
    sw_sim_gpu_facts facts;
    sw_bytes chains[SW_GPU_LIMIT], rim_chain;
    sw_sim_gpu_key *keys[SW_GPU_LIMIT]; /* of the leaves */
    sw_sim_gpu_key *authorities[SW_SIM_GPU_AUTHORITY_COUNT];
    sw_bytes rims[SW_SIM_GPU_RIM_COUNT];
    sw_arena answers; /* holds those below */
    sw_bytes ocsp[SW_SIM_GPU_OCSP_LIMIT];
    int64_t answered_ms; /* their thisUpdate */
    sw_gpu_collateral collateral;
} sw_sim_gpus;
/* Views into the arena; `g` starts as zeros and stays where it is. */
SW_NODISCARD sw_status sw_sim_gpus_load(sw_arena *a, const char *folder, sw_sim_gpus *g,
                                        sw_error *err);
void sw_sim_gpus_free(sw_sim_gpus *g);
/* The authorities' OCSP answers about each of their certificates that GPU-060 asks after, put into
 * the collateral; those that are there stay until they are half as old as accepted (GPU-235). */
SW_NODISCARD sw_status sw_sim_gpus_answer(sw_sim_gpus *g, int64_t wall_ms, int64_t max_age_ms,
                                          sw_error *err);
/* One signed SPDM exchange over this nonce. */
SW_NODISCARD sw_status sw_sim_gpu_report_make(const sw_sim_gpus *g, size_t index,
                                              const sw_hash *nonce, const sw_entropy *e,
                                              sw_buffer *out, sw_error *err);
/* The folder's GPUs, made afresh: keys, chains, manifests, gpus.json last. */
SW_NODISCARD sw_status sw_sim_gpus_make(const char *folder, size_t count, sw_sim_dates dates,
                                        const sw_entropy *e, sw_error *err);

/* ---- quotes (sim_quote.c) ---- */
typedef struct sw_sim_td {
    const sw_image *image;
    uint8_t rtmr3[SW_SHA384_BYTES];
    sw_hash compose;
} sw_sim_td;
/* Everything behind the attestation key that one boot needs once: QE report, its signature,
 * authentication data, PCK chain. */
SW_NODISCARD sw_status sw_sim_certification_make(const sw_sim_key *pck,
                                                 const sw_p256_public *attestation,
                                                 sw_bytes pck_chain, sw_buffer *out, sw_error *err);
typedef struct sw_sim_signer {
    const sw_sim_key *attestation;
    const sw_p256_public *attestation_public;
    sw_bytes certification;
} sw_sim_signer;
SW_NODISCARD sw_status sw_sim_quote_make(const sw_sim_td *td, const sw_report_data *report,
                                         const sw_sim_signer *signer, sw_buffer *out,
                                         sw_error *err);
#endif
