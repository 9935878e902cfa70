/* SPDX-License-Identifier: Apache-2.0
 *
 * What kind of evidence some bytes are, told from them alone, and what stands in them for people.
 * Both take any bytes and nothing of the command line, so that they can be fuzzed.
 */
#ifndef SW_CLI_ATTEST_KIND_H
#define SW_CLI_ATTEST_KIND_H
#include "attest/dstack.h"
#include "attest/evidence.h"

typedef enum sw_attest_kind {
    SW_ATTEST_EVIDENCE,     /* sealwright/evidence/v1 */
    SW_ATTEST_RUN,          /* evidence.json of a run's out folder */
    SW_ATTEST_COLLATERAL,   /* sealwright/collateral/v1, or as dcap-qvl keeps it */
    SW_ATTEST_QUOTE,        /* a TDX quote */
    SW_ATTEST_DSTACK_QUOTE, /* GetQuote's answer */
    SW_ATTEST_DSTACK_INFO,  /* Info's answer */
    SW_ATTEST_DSTACK,       /* Attest's answer, or its bytes (SCALE, msgpack) */
    SW_ATTEST_CCEL,         /* a TCG event log */
    SW_ATTEST_LOG,          /* dstack's event log, a JSON array */
    SW_ATTEST_GPU_LIST,   /* [{"evidence","certificate",...}], alone or in nvidia_payload's form */
    SW_ATTEST_GPU_REPORT, /* one SPDM report, binary */
    SW_ATTEST_RIM,        /* a reference manifest, XML */
    SW_ATTEST_CERTIFICATES, /* PEM, or one in DER */
    SW_ATTEST_LIST,         /* a revocation list, DER or PEM */
    SW_ATTEST_OCSP,         /* an OCSP answer, DER */
    SW_ATTEST_TOKENS,       /* JWT, NRAS answers, nvattest's output */
    SW_ATTEST_KEY,          /* a GetKey chain without its secret */
    SW_ATTEST_TCB_INFO,     /* the provisioning service's answers */
    SW_ATTEST_QE_IDENTITY
} sw_attest_kind;
const char *sw_attest_kind_name(sw_attest_kind kind); /* for people */
typedef struct sw_attest_input {
    sw_attest_kind kind;
    sw_bytes bytes; /* as read, without what sw_attest_text_read takes off; a certificate in DER as
                       PEM, a list in PEM as DER */
} sw_attest_input;
#define SW_ATTEST_INPUT_LIMIT                                                                      \
    ((size_t)64 << 20) /* the evidence of a run with some hundred grants */
/* SW_MALFORMED "format" when the bytes are of no kind that is known, or of two. */
SW_NODISCARD sw_status sw_attest_recognise(sw_arena *a, sw_bytes in, sw_attest_input *out,
                                           sw_error *err);
/* Collateral, ours or as dcap-qvl keeps it. *gpu is left alone where none is for GPUs; NULL: of a
 * quote alone is wanted. Else *out may be empty (sw_collateral_parse). */
SW_NODISCARD sw_status sw_attest_collateral_parse(sw_arena *a, sw_bytes json, sw_collateral *out,
                                                  sw_gpu_collateral *gpu, sw_error *err);
/* Attest's answer, in JSON or not, as its bytes. */
SW_NODISCARD sw_status sw_attest_attestation_bytes(sw_arena *a, sw_bytes in, sw_bytes *out,
                                                   sw_error *err);
/* The first of PEM certificates with the attestation that it carries. */
SW_NODISCARD sw_status sw_attest_certificate_read(sw_arena *a, sw_bytes pem, sw_ratls_facts *out,
                                                  sw_error *err);
/* Appends what stands in evidence of any kind, shown and not judged: lines of plain text
 * (sw_utf8_plain). */
#define SW_EXPLANATION_LIMIT ((size_t)128 << 20)
SW_NODISCARD sw_status sw_attest_explain(sw_arena *a, const sw_attest_input *in, sw_buffer *text,
                                         sw_error *err);
#endif
