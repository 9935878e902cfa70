/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests whose keys are in the test's hands: made by sw_rim_make, bent in one place as text, and
 * signed again when what was bent stands behind the signature.
 */
#ifndef SW_TESTS_ATTEST_RIM_FORGE_H
#define SW_TESTS_ATTEST_RIM_FORGE_H
#include "attest/rim.h"
#include "crypto/vector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RIM_NOW (INT64_C(1790000000) * 1000) /* 2026-09-21T14:13:20Z */
#define RIM_DAY ((int64_t)86400 * 1000)

typedef struct rim_party {
    uint8_t secret[SW_P384_SECRET_BYTES];
    sw_p384_public public;
    sw_cert *cert;
} rim_party;
typedef struct rim_forge {
    uint64_t seed;
    rim_party root, ca, leaf;
    rim_party spare, responder; /* of the same CA: another leaf, one for OCSP signing */
    sw_hash anchor;
    sw_rim_entry entries[SW_RIM_INDEX_LIMIT];
} rim_forge;

static rim_forge forge;

static inline void rim_certify(rim_party *p, const sw_cert_plan *plan, const rim_party *issuer) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    sw_entropy entropy = {.fill = fill_from_seed, .context = &forge.seed};
    sw_error err = {0};
    assert_int_equal(sw_p384_generate(&entropy, p->secret, &p->public, &err), SW_OK);
    if (sw_cert_make_p384(plan, &p->public, issuer == NULL ? NULL : issuer->cert,
                          issuer == NULL ? p->secret : issuer->secret, &der, &err) != SW_OK ||
        sw_cert_parse(sw_buffer_bytes(&der), &p->cert, &err) != SW_OK)
        fail_msg("%s", err.message);
}

static inline void rim_forge_open(void) {
    const sw_cert_plan root = {.common_name = "Forged Root",
                               .serial = 1,
                               .not_before_ms = RIM_NOW - 900 * RIM_DAY,
                               .not_after_ms = RIM_NOW + 9000 * RIM_DAY,
                               .ca = true};
    sw_cert_plan ca = root, leaf = root;
    forge.seed = 20260921;
    ca.common_name = "Forged CA";
    ca.serial = 2;
    ca.not_after_ms = RIM_NOW + 400 * RIM_DAY;
    leaf.common_name = "Forged Signer";
    leaf.serial = 3;
    leaf.ca = false;
    leaf.not_before_ms = RIM_NOW - 100 * RIM_DAY;
    leaf.not_after_ms = RIM_NOW + 600 * RIM_DAY;
    rim_certify(&forge.root, &root, NULL);
    rim_certify(&forge.ca, &ca, &forge.root);
    rim_certify(&forge.leaf, &leaf, &forge.ca);
    leaf.serial = 4;
    rim_certify(&forge.spare, &leaf, &forge.ca);
    leaf.serial = 5;
    leaf.extension_oid = "2.5.29.37";
    leaf.extension = SW_LITERAL("\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x09");
    rim_certify(&forge.responder, &leaf, &forge.ca);
    sw_sha256(&forge.anchor, sw_cert_der(forge.root.cert));
    for (size_t i = 0; i < SW_RIM_INDEX_LIMIT; i++) {
        sw_rim_entry *e = &forge.entries[i];
        e->active = i % 3 == 0;
        e->alternative_count = i == 12 ? 4 : i == 15 ? SW_RIM_ALTERNATIVE_LIMIT : i % 3 == 0;
        for (size_t k = 0; k < e->alternative_count; k++)
            memset(e->alternatives[k], (int)(16 * i + k), SW_SHA384_BYTES);
    }
}

static inline void rim_forge_close(void) {
    sw_cert_free(&forge.root.cert);
    sw_cert_free(&forge.ca.cert);
    sw_cert_free(&forge.leaf.cert);
    sw_cert_free(&forge.spare.cert);
    sw_cert_free(&forge.responder.cert);
}

/* The usual plan over `chain`, three places. */
static inline sw_rim_plan rim_plan_of(sw_bytes chain[3]) {
    chain[0] = sw_cert_der(forge.leaf.cert);
    chain[1] = sw_cert_der(forge.ca.cert);
    chain[2] = sw_cert_der(forge.root.cert);
    return (sw_rim_plan){.kind = SW_RIM_DRIVER,
                         .version = "570.00.1",
                         .product = "FH100",
                         .edition = "GPU",
                         .entries = forge.entries,
                         .entry_count = SW_RIM_INDEX_LIMIT,
                         .chain = chain,
                         .chain_count = 3,
                         .secret = forge.leaf.secret};
}

/* A good manifest as a C string; free it. */
static inline char *rim_text(const sw_rim_plan *plan) {
    SW_SCOPED(sw_buffer) xml = SW_BUFFER(SW_RIM_LIMIT);
    sw_error err = {0};
    if (sw_rim_make(plan, &xml, &err) != SW_OK) fail_msg("%s", err.message);
    return strndup((const char *)xml.data, xml.size);
}

static inline char *rim_good(void) {
    sw_bytes chain[3];
    sw_rim_plan plan = rim_plan_of(chain);
    return rim_text(&plan);
}

/* `text` with the n-th `from` (0: the first) as `to`; frees `text`. */
static inline char *rim_bend_at(char *text, size_t n, const char *from, const char *to) {
    char *at = strstr(text, from);
    for (; at != NULL && n > 0; n--) at = strstr(at + 1, from);
    if (at == NULL) fail_msg("\"%s\" is not in the manifest", from);
    size_t before = (size_t)(at - text), room = strlen(text) + strlen(to) + 1;
    char *made = malloc(room);
    assert_non_null(made);
    (void)snprintf(made, room, "%.*s%s%s", (int)before, text, to, text + before + strlen(from));
    free(text);
    return made;
}

static inline char *rim_bend(char *text, const char *from, const char *to) {
    return rim_bend_at(text, 0, from, to);
}

/* Base64 of `value` in the place behind `tag`, which is of the same length. */
static inline void rim_put_value(char *text, const char *tag, sw_bytes value) {
    SW_SCOPED(sw_buffer) base64 = SW_BUFFER(4096);
    char *at = strstr(text, tag);
    assert_non_null(at);
    sw_base64_encode(&base64, value);
    memcpy(at + strlen(tag), base64.data, base64.size);
}

/* Signs what `text` says now, with the leaf's key. */
static inline void rim_sign(char *text, const uint8_t *secret) {
    uint8_t digest[SW_SHA384_BYTES], signature[SW_P384_SIGNATURE_BYTES];
    for (int round = 0; round < 2; round++) {
        SW_SCOPED(sw_buffer) document = SW_BUFFER(4 * SW_RIM_LIMIT);
        SW_SCOPED(sw_buffer) info = SW_BUFFER(4 * SW_RIM_LIMIT);
        sw_error err = {0};
        if (sw_rim_canonical(sw_text(text), &document, &info, &err) != SW_OK)
            fail_msg("%s", err.message);
        sw_sha384(digest, sw_buffer_bytes(&document));
        rim_put_value(text, "<ds:DigestValue>", SW_BYTES_OF(digest));
        assert_int_equal(sw_p384_sign_raw(secret, sw_buffer_bytes(&info), signature, &err), SW_OK);
        rim_put_value(text, "<ds:SignatureValue>", SW_BYTES_OF(signature));
    }
}

static inline sw_status rim_judge(sw_bytes xml, sw_rim *out, sw_error *err) {
    return sw_rim_verify(xml, &forge.anchor, RIM_NOW, out, err);
}

/* Not taken, for this reason, and `out` as it was. */
static inline void rim_check_refused(sw_bytes xml, const sw_hash *anchor, int64_t wall_ms,
                                     const char *sentence) {
    static sw_rim out, before;
    sw_error err = {0};
    memset(&out, 0x5a, sizeof out);
    memset(&before, 0x5a, sizeof before);
    if (sw_rim_verify(xml, anchor, wall_ms, &out, &err) == SW_OK)
        fail_msg("taken, not refused: \"%s\"", sentence);
    assert_memory_equal(&out, &before, sizeof out);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
}

/* The same of a bent text, which is freed. */
static inline void rim_check_text(char *text, const char *sentence) {
    rim_check_refused(sw_text(text), &forge.anchor, RIM_NOW, sentence);
    free(text);
}
#endif
