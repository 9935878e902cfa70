/* SPDX-License-Identifier: Apache-2.0
 *
 * Collateral as the field's Rust verifiers keep it: one JSON object with lists in hex or base64,
 * documents as text and PEM chains (EVD-130).
 *
 * Nothing in the object is signed as a whole; every part has its own signature, which is judged
 * where it always is. Members that are not needed are left alone.
 */
#include "attest/evidence.h"
#include "codec/json.h"
#include "codec/text.h"

/* Hex, as the library writes it, or base64, as some of its users do. */
static sw_status list_read(sw_arena *a, const sw_json *object, const char *name, sw_bytes *out,
                           sw_error *err) {
    SW_SCOPED(sw_buffer) decoded = SW_BUFFER(SW_REVOCATION_LIMIT);
    sw_bytes text;
    SW_TRY(sw_json_text(object, "collateral", name, &text, err));
    sw_status status = sw_der_text_decode(&decoded, text, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "collateral.%s", name);
        return status;
    }
    *out = sw_arena_copy(a, sw_buffer_bytes(&decoded));
    return out->data != NULL ? SW_OK
                             : sw_fail(err, SW_MEMORY, "memory", "no memory for collateral");
}

static sw_status signed_read(sw_arena *a, const sw_json *object, const char *const names[3],
                             size_t limit, sw_signed_json *out, sw_error *err) {
    const sw_hex_rule rule = {.bytes = sizeof out->signature, .upper = true};
    bool there;
    SW_TRY(sw_json_text(object, "collateral", names[0], &out->text, err));
    SW_TRY(sw_json_text(object, "collateral", names[1], &out->issuer_chain, err));
    if (out->text.size > limit || out->issuer_chain.size > SW_ISSUER_CHAIN_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "collateral.%s or its chain is too long",
                       names[0]);
    SW_TRY(sw_pem_normalise_chain(a, &out->issuer_chain, err));
    return sw_json_hex_exact(object, "collateral", names[2], &rule, out->signature, &there, err);
}

sw_status sw_collateral_from_qvl(sw_arena *a, sw_bytes json, sw_collateral *out, sw_error *err) {
    static const char *const info[] = {"tcb_info", "tcb_info_issuer_chain", "tcb_info_signature"};
    static const char *const identity[] = {"qe_identity", "qe_identity_issuer_chain",
                                           "qe_identity_signature"};
    const sw_json_limits limits = {.bytes = SW_EVIDENCE_LIMIT, .depth = 8, .nodes = 10000};
    sw_json *root;
    sw_collateral made = {0};
    SW_TRY(sw_json_parse(a, json, &limits, &root, err));
    SW_TRY(list_read(a, root, "pck_crl", &made.pck_crl, err));
    SW_TRY(list_read(a, root, "root_ca_crl", &made.root_crl, err));
    SW_TRY(signed_read(a, root, info, SW_TCB_INFO_LIMIT, &made.tcb_info, err));
    SW_TRY(signed_read(a, root, identity, SW_QE_IDENTITY_LIMIT, &made.qe_identity, err));
    *out = made;
    return SW_OK;
}
