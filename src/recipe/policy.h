/* SPDX-License-Identifier: Apache-2.0
 *
 * Machine policy: by what evidence is judged. Plain data, read by attest. A member that is missing
 * means refusal, never "any".
 *
 * The same structure is an owner's list of accepted KMS images (a "reference" file: canonical JSON
 * of this policy plus the KMS's compose hash).
 */
#ifndef SW_RECIPE_POLICY_H
#define SW_RECIPE_POLICY_H
#include "codec/json.h"

#define SW_ANCHOR_LIMIT 4
#define SW_IMAGE_LIMIT  16
#define SW_DEVICE_LIMIT 64

/* ---- images: by their registers, or by the hash of an OS image that they are computed from ----
 */
#define SW_IMAGE_ACPI_LIMIT   8
#define SW_IMAGE_MEMORY_LIMIT 8
#define SW_ACPI_COUNT         3                   /* digests of one machine: loader, RSDP, tables */
#define SW_MEMORY_LIMIT       (UINT64_C(1) << 46) /* bytes of one machine */
#define SW_MEMORY_PAGE_BYTES  4096
typedef struct sw_image {
    char name[65];
    bool answers_cpuid;            /* said of its kernel, and of that alone (EVD-125) */
    bool by_hash;                  /* false: the next line counts; true: those behind it */
    uint8_t mrtd[48], rtmr[3][48]; /* MRTD, RTMR0-2 */
    sw_hash os_image;
    bool any_acpi; /* written out as `acpi: any` */
    size_t acpi_count;
    uint8_t acpi[SW_IMAGE_ACPI_LIMIT][SW_ACPI_COUNT][48];
    bool any_memory; /* written out as `memory_bytes: any` */
    size_t memory_count;
    uint64_t memory_bytes[SW_IMAGE_MEMORY_LIMIT];
} sw_image;

/* ---- NVIDIA devices ---- */
#define SW_GPU_LIMIT        16 /* GPUs and switches of one machine together */
#define SW_GPU_DRIVER_LIMIT 8
typedef struct sw_gpu_serial { /* of a device's leaf certificate: big-endian, without leading zeros
                                */
    uint8_t size, b[20];
} sw_gpu_serial;
typedef struct sw_gpu_policy {
    uint32_t count; /* of GPUs, switches not counted; 0: none (written out as `gpu: none`) */
    sw_hash device_root, rim_root; /* SHA-256 of the two roots; for tdx exactly NVIDIA's */
    bool any_device;               /* written out as `devices: any` */
    size_t device_count;
    sw_gpu_serial devices[SW_GPU_LIMIT];
    bool any_driver; /* written out as `drivers: any`: each still has its signed manifest */
    size_t driver_count;
    char drivers[SW_GPU_DRIVER_LIMIT][32];
    /* How old an OCSP answer and a manifest may be when the evidence is judged; 0: the defaults. */
    int64_t ocsp_max_age_ms, rim_max_age_ms;
} sw_gpu_policy;

/* Unless the policy says otherwise: NVIDIA answers OCSP on the spot and gives a manifest's signer
 * two years. */
#define SW_GPU_OCSP_AGE_MS     INT64_C(86400000)
#define SW_GPU_RIM_AGE_MS      (731 * INT64_C(86400000))
#define SW_GPU_RIM_AGE_MOST_MS (3660 * INT64_C(86400000))
int64_t sw_gpu_ocsp_max_age_ms(const sw_gpu_policy *p);
int64_t sw_gpu_rim_max_age_ms(const sw_gpu_policy *p);

/* Of collateral, when the policy bounds it. */
#define SW_COLLATERAL_AGE_LEAST_MS INT64_C(3600000)          /* an hour */
#define SW_COLLATERAL_AGE_MOST_MS  (366 * INT64_C(86400000)) /* a year */

typedef enum sw_platform { SW_PLATFORM_SIM, SW_PLATFORM_TDX } sw_platform;
typedef struct sw_policy {
    sw_platform platform;
    size_t anchor_count;
    sw_hash anchors[SW_ANCHOR_LIMIT]; /* SHA-256 of the root certificate's DER; for tdx exactly
                                         Intel's */
    size_t image_count;               /* 0 is refused as incomplete */
    sw_image images[SW_IMAGE_LIMIT];
    bool any_device; /* written out as `devices: any` */
    size_t device_count;
    sw_hash devices[SW_DEVICE_LIMIT];   /* SHA-256(PPID) */
    uint32_t minimum_evaluation_number; /* tcbEvaluationDataNumber of TCB info and QE identity */
    int64_t collateral_max_age_ms; /* `collateral_max_age`, by the time that the evidence is judged
                                      at; 0: any age within the collateral's dates */
    bool up_to_date_only;   /* accepted TCB statuses: UpToDate; false also SWHardeningNeeded */
    bool has_grace;         /* written out as `grace`: exactly OutOfDate is accepted as well */
    int64_t grace_until_ms; /* before this time, by the time that the evidence is judged at */
    sw_gpu_policy gpu;
} sw_policy;

/* SHA-256 of the DER of the makers' roots: "Intel SGX Root CA", "NVIDIA Device Identity CA",
 * "NVIDIA CoRIM signing Root CA". They keep the word `tdx` for these roots; nothing trusts them by
 * itself. */
extern const sw_hash sw_intel_root, sw_nvidia_device_root, sw_nvidia_rim_root;

/* Every member present and of sense: at least one anchor and one image, devices named or `any`
 * written out, an evaluation number; names and measurements distinct; `tdx` with exactly Intel's
 * root, `sim` never with it. SW_REFUSED "policy" with one sentence. */
SW_NODISCARD sw_status sw_policy_complete(const sw_policy *p, sw_error *err);
/* {"anchors","devices","gpu","images","minimum_tcb":{"evaluation_data_number","status"},"platform"},
 * with "grace" and "collateral_max_age_ms" in minimum_tcb where they are: docs/formats/evidence.md,
 * EVD-060 on. The result is complete. `where` is the member's dotted name for messages. */
SW_NODISCARD sw_status sw_policy_from_json(const sw_json *object, const char *where, sw_policy *out,
                                           sw_error *err);
void sw_policy_to_json(sw_arena *a, sw_json *parent, const char *key, const sw_policy *p);
/* Whether it is said of every image that its kernel answers CPUID's hypervisor leaves itself: what
 * a command needs on hardware (CMD-052). */
bool sw_policy_answers_cpuid(const sw_policy *p);

/* A KMS as one owner accepts it. {"compose_hash","kind":"sealwright/kms-reference/v1","policy"}
 * canonical. */
typedef struct sw_kms_reference {
    sw_hash compose; /* hash of the KMS's own app-compose, measured into its RTMR3 */
    sw_policy policy;
} sw_kms_reference;
SW_NODISCARD sw_status sw_kms_reference_parse(sw_bytes json, sw_kms_reference *out, sw_error *err);
SW_NODISCARD sw_status sw_kms_reference_encode(const sw_kms_reference *r, sw_buffer *out,
                                               sw_error *err);
#endif
