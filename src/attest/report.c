/* SPDX-License-Identifier: Apache-2.0
 *
 * Report data (EVD-070 to EVD-073): 64 bytes that bind a quote to what it is for. Each is SHA-512
 * in the one binding encoding, the label first; no caller chooses the bytes.
 */
#include "attest/attest_internal.h"

static const char *const PURPOSES[] = {"none", "train", "resume", "replay", "open"};
#define PURPOSE_COUNT (sizeof PURPOSES / sizeof PURPOSES[0])

const char *sw_purpose_name(sw_purpose p) {
    return (size_t)p < PURPOSE_COUNT ? PURPOSES[p] : "unknown";
}

bool sw_purpose_parse(sw_bytes text, sw_purpose *out) {
    for (size_t i = 0; i < PURPOSE_COUNT; i++) {
        if (!sw_bytes_is(text, PURPOSES[i])) continue;
        *out = (sw_purpose)i;
        return true;
    }
    return false;
}

static sw_bytes key_bytes(const sw_p256_public *key) {
    return key == NULL ? SW_BYTES(NULL, 0) : SW_BYTES_OF(key->b);
}

sw_status sw_report_channel(sw_report_data *out, const sw_channel_binding *b, sw_error *err) {
    sw_hash gpu;
    if (b->gpu_evidence.size == 0) return sw_report_channel_over(out, b, NULL, err);
    sw_sha256(&gpu, b->gpu_evidence);
    return sw_report_channel_over(out, b, &gpu, err);
}

sw_status sw_report_channel_over(sw_report_data *out, const sw_channel_binding *b,
                                 const sw_hash *gpu_evidence, sw_error *err) {
    bool known = (b->role == SW_ROLE_KMS || b->role == SW_ROLE_MACHINE) &&
                 (size_t)b->purpose < PURPOSE_COUNT;
    if (!known) return sw_fail(err, SW_USAGE, "usage", "a channel's role or purpose is not known");
    const sw_bytes fields[] = {
        b->role == SW_ROLE_KMS ? SW_LITERAL("kms") : SW_LITERAL("machine"),
        sw_text(sw_purpose_name(b->purpose)),
        SW_BYTES_OF(b->challenge.b),
        SW_BYTES_OF(b->own_tls.b),
        SW_BYTES_OF(b->peer_tls.b),
        key_bytes(b->response),
        gpu_evidence == NULL ? SW_BYTES(NULL, 0) : SW_BYTES_OF(gpu_evidence->b),
        key_bytes(b->manifest),
    };
    sw_bind_sha512(out->b, "channel", fields, sizeof fields / sizeof fields[0]);
    return SW_OK;
}

void sw_report_kms_root(sw_report_data *out, const sw_hash *nonce, const sw_hash *boot_nonce,
                        const sw_p256_public *root, const sw_p256_public *receipt,
                        const sw_p256_public *tls) {
    const sw_bytes fields[] = {SW_BYTES_OF(nonce->b), SW_BYTES_OF(boot_nonce->b),
                               SW_BYTES_OF(root->b), SW_BYTES_OF(receipt->b), SW_BYTES_OF(tls->b)};
    sw_bind_sha512(out->b, "kms-root", fields, sizeof fields / sizeof fields[0]);
}

void sw_report_manifest(sw_report_data *out, const sw_hash *statement_digest) {
    const sw_bytes field = SW_BYTES_OF(statement_digest->b);
    sw_bind_sha512(out->b, "manifest", &field, 1);
}
