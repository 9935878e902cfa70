/* SPDX-License-Identifier: Apache-2.0
 *
 * NVIDIA's reference integrity manifests (RIM): signed lists of the measurements that a driver or a
 * VBIOS of one version gives. XML as NVIDIA writes it and nothing more. Docs: docs/formats/rim.md,
 * GPU-100 on.
 */
#ifndef SW_ATTEST_RIM_H
#define SW_ATTEST_RIM_H
#include "crypto/ocsp.h"

#define SW_RIM_LIMIT             ((size_t)256 << 10)
#define SW_RIM_INDEX_LIMIT       64
#define SW_RIM_ALTERNATIVE_LIMIT 16
#define SW_RIM_CHAIN_LIMIT       6

typedef enum sw_rim_kind {
    SW_RIM_DRIVER,
    SW_RIM_VBIOS
} sw_rim_kind; /* VBIOS: a switch's BIOS too */
typedef struct sw_rim_entry {
    bool active;
    size_t alternative_count;
    uint8_t alternatives[SW_RIM_ALTERNATIVE_LIMIT][SW_SHA384_BYTES];
} sw_rim_entry;
typedef struct sw_rim {
    char version[48];                         /* colloquialVersion, as written */
    char product[64], edition[64], name[128]; /* empty when absent */
    sw_rim_entry entries[SW_RIM_INDEX_LIMIT]; /* by index; not there: inactive, no alternatives */
    size_t active_count;
    sw_cert *chain[SW_RIM_CHAIN_LIMIT]; /* leaf first; owned */
    size_t chain_count;
    sw_hash anchor;         /* SHA-256 of the last one's DER */
    int64_t signer_from_ms; /* since when the first certificate is valid: a manifest has no date of
                               its own and is no older than its signer (GPU-088) */
    int64_t valid_from_ms, valid_until_ms; /* joint window of the chain */
} sw_rim;
void sw_rim_free(sw_rim *rim);

/* Reads and verifies: the XML subset (anything else is refused by name), exactly one enveloped
 * signature with exactly one reference and the one set of algorithms, the digest of the canonical
 * document, the signature over the canonical SignedInfo by the first certificate, the chain from
 * that certificate to the root whose SHA-256 is `anchor`, dates at wall_ms. Revocation is the
 * caller's (sw_ocsp_verify over rim->chain). On failure *out is untouched. */
SW_NODISCARD sw_status sw_rim_verify(sw_bytes xml, const sw_hash *anchor, int64_t wall_ms,
                                     sw_rim *out, sw_error *err);
/* Reads without verifying anything, for people (attest explain). */
SW_NODISCARD sw_status sw_rim_explain(sw_bytes xml, sw_buffer *out, sw_error *err);
/* The canonical form (C14N 1.1) of the document without its signature, and of its SignedInfo: what
 * the tests compare with an independent implementation. */
SW_NODISCARD sw_status sw_rim_canonical(sw_bytes xml, sw_buffer *document, sw_buffer *signed_info,
                                        sw_error *err);

/* ---- making (software machine, tests) ---- */
typedef struct sw_rim_plan {
    sw_rim_kind kind; /* enters the tag's id; nothing else in a manifest tells the two apart */
    const char *version, *product, *edition; /* such as "545.00", "GH100", "GPU" */
    const sw_rim_entry *entries;             /* by index; one without alternatives: zeros */
    size_t entry_count;                      /* at most SW_RIM_INDEX_LIMIT */
    const sw_bytes *chain;                   /* DER, leaf first, root last */
    size_t chain_count;                      /* at most SW_RIM_CHAIN_LIMIT */
    const uint8_t *secret;                   /* the leaf's, of P-384 */
} sw_rim_plan;
/* Appends a manifest in the form that NVIDIA writes; sw_rim_verify takes it under the SHA-256 of
 * the chain's last certificate. SW_USAGE for a plan that has no such form, or whose secret is not
 * the leaf's. */
SW_NODISCARD sw_status sw_rim_make(const sw_rim_plan *plan, sw_buffer *xml, sw_error *err);
#endif
