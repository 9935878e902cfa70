/* SPDX-License-Identifier: Apache-2.0
 *
 * A device's certificates and the firmware that its leaf was made for (GPU-030 to GPU-037).
 *
 * Five certificates: leaf, boot ROM, provisioner, family, root. The root is pinned by the policy's
 * hash and never believed for standing last. Written in the one PEM form, since nothing signs the
 * spaces between certificates.
 */
#include "attest/gpu_internal.h"
#include "codec/der.h"
#include "codec/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    DER_BIT_STRING = 0x03,
    TCB_FIRST = 0x80, /* DICE TcbInfo: primitive context tags 0 to 9, fwids alone constructed */
    TCB_LAST = 0x89,
    TCB_FWIDS = 0xa6,
    TCB_NUMBER_MASK = 0x1f,
    FWID_LIMIT = 8,
    COMPOSITE_VERSION = 1
};

/* ---- the extension ---- */
/* SEQUENCE { OID, OCTET STRING }. */
static sw_status digest_parse(sw_reader *r, sw_bytes *oid, sw_bytes *digest, sw_error *err) {
    sw_reader fwid = sw_der_enter(r, SW_DER_SEQUENCE);
    *oid = sw_der_read(&fwid, SW_DER_OID);
    *digest = sw_der_read(&fwid, SW_DER_OCTETS);
    if (fwid.failed || fwid.rest.size > 0)
        return BROKEN(err, "the leaf's firmware id is not an algorithm and a digest");
    return SW_OK;
}

static sw_status sha384_take(sw_bytes oid, sw_bytes digest, uint8_t out[SW_SHA384_BYTES],
                             sw_error *err) {
    static const uint8_t sha384[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02};
    if (!sw_bytes_equal(oid, SW_BYTES_OF(sha384)) || digest.size != SW_SHA384_BYTES)
        return REFUSE(err, "the leaf's firmware id is not a SHA-384 digest");
    memcpy(out, digest.data, SW_SHA384_BYTES);
    return SW_OK;
}

/* SEQUENCE { INTEGER 1, SubjectPublicKeyInfo of the device id, firmware id }. */
static sw_status composite_parse(sw_reader *r, sw_bytes *oid, sw_bytes *digest, sw_error *err) {
    uint64_t version = sw_der_read_u64(r, SW_DER_INTEGER);
    sw_reader key = sw_der_enter(r, SW_DER_SEQUENCE);
    (void)sw_der_read(&key, SW_DER_SEQUENCE);
    (void)sw_der_read(&key, DER_BIT_STRING);
    if (r->failed || key.failed || key.rest.size > 0 || version != COMPOSITE_VERSION)
        return BROKEN(err, "the leaf's composite device id is not version, key and firmware id");
    return digest_parse(r, oid, digest, err);
}

/* The first one counts; others keep the form. */
static sw_status fwids_parse(sw_reader r, sw_bytes *oid, sw_bytes *digest, sw_error *err) {
    size_t count = 0;
    while (!r.failed && r.rest.size > 0) {
        sw_bytes other_oid, other;
        if (count == FWID_LIMIT)
            return sw_fail(err, SW_LIMIT, "evidence", "the leaf has more than %d firmware ids",
                           FWID_LIMIT);
        SW_TRY(count == 0 ? digest_parse(&r, oid, digest, err)
                          : digest_parse(&r, &other_oid, &other, err));
        count++;
    }
    if (r.failed || count == 0) return BROKEN(err, "the leaf's TcbInfo has no firmware id");
    return SW_OK;
}

/* A SEQUENCE of members that are all optional, in the order of their numbers. */
static sw_status tcb_info_parse(sw_reader *r, sw_bytes *oid, sw_bytes *digest, sw_error *err) {
    int last = -1;
    bool found = false;
    while (!r->failed && r->rest.size > 0) {
        uint8_t tag = sw_der_peek(r);
        int number = tag & TCB_NUMBER_MASK;
        bool fwids = tag == TCB_FWIDS;
        if (!fwids &&
            (tag < TCB_FIRST || tag > TCB_LAST || number == (TCB_FWIDS & TCB_NUMBER_MASK)))
            return BROKEN(err, "the leaf's TcbInfo has a member of tag 0x%02x", tag);
        if (number <= last) return BROKEN(err, "the leaf's TcbInfo is out of order");
        last = number;
        sw_bytes content = sw_der_read(r, tag);
        if (!fwids || r->failed) continue;
        SW_TRY(fwids_parse(sw_reader_of(content), oid, digest, err));
        found = true;
    }
    if (!found) return BROKEN(err, "the leaf's TcbInfo has no firmware id");
    return SW_OK;
}

sw_status sw_gpu_fwid_parse(sw_bytes extension, bool tcb_info, uint8_t out[SW_SHA384_BYTES],
                            sw_error *err) {
    sw_bytes oid = {0}, digest = {0};
    sw_reader whole = sw_reader_of(extension);
    sw_reader inside = sw_der_enter(&whole, SW_DER_SEQUENCE);
    if (inside.failed || whole.rest.size > 0)
        return BROKEN(err, "the leaf's firmware extension is not one sequence");
    SW_TRY((tcb_info ? tcb_info_parse : composite_parse)(&inside, &oid, &digest, err));
    if (inside.failed || inside.rest.size > 0)
        return BROKEN(err, "the leaf's firmware extension does not end where it should");
    return sha384_take(oid, digest, out, err);
}

static sw_status fwid_find(const sw_cert *leaf, uint8_t out[SW_SHA384_BYTES], sw_error *err) {
    sw_bytes composite, tcb_info;
    sw_status first = sw_cert_extension(leaf, SW_GPU_FWID_OID, &composite, err);
    if (first != SW_OK && first != SW_MISSING) return first;
    sw_status second = sw_cert_extension(leaf, SW_GPU_TCB_INFO_OID, &tcb_info, err);
    if (second != SW_OK && second != SW_MISSING) return second;
    if (first == SW_OK && second == SW_OK)
        return REFUSE(err, "the leaf has two extensions with a firmware id");
    if (first != SW_OK && second != SW_OK)
        return REFUSE(err, "the leaf has no extension with a firmware id");
    return sw_gpu_fwid_parse(first == SW_OK ? composite : tcb_info, second == SW_OK, out, err);
}

/* ---- PEM ---- */
void sw_gpu_chain_free(sw_gpu_chain *c) {
    for (size_t i = 0; i < SW_GPU_CHAIN_COUNT; i++) sw_cert_free(&c->certs[i]);
    c->count = 0;
}

static sw_gpu_chain with_holds(const sw_gpu_chain *c) {
    for (size_t i = 0; i < c->count; i++) sw_cert_hold(c->certs[i]);
    return *c;
}

sw_gpu_chain *sw_gpu_chain_copy(const sw_gpu_chain *c) {
    sw_gpu_chain *made = malloc(sizeof *made);
    if (made != NULL) *made = with_holds(c);
    return made;
}

void sw_gpu_chain_drop(sw_gpu_chain **held) {
    if (*held != NULL) sw_gpu_chain_free(*held);
    free(*held);
    *held = NULL;
}

bool sw_gpu_chain_reuse(const sw_gpu_chain *c, sw_bytes pem, sw_gpu_chain *out) {
    sw_hash id;
    sw_sha256(&id, pem);
    if (!sw_hash_equal(&c->id, &id)) return false;
    *out = with_holds(c);
    return true;
}

typedef struct reading {
    sw_gpu_chain *chain;
    const sw_cert_cache *known;
    sw_buffer again; /* the same certificates, encoded */
} reading;

static void reading_free(reading *r) {
    sw_buffer_free(&r->again);
}

static sw_status certificate_add(void *context, sw_bytes der, sw_error *err) {
    reading *r = context;
    sw_cert **made = &r->chain->certs[r->chain->count];
    *made = sw_cert_cache_find(r->known, der);
    if (*made == NULL) SW_TRY(sw_cert_parse(der, made, err));
    r->chain->count++;
    sw_pem_encode(&r->again, "CERTIFICATE", der);
    return SW_OK;
}

static sw_status pem_parse(sw_bytes pem, const sw_cert_cache *known, sw_gpu_chain *c,
                           sw_error *err) {
    SW_SCOPED(reading) r = {c, known, SW_BUFFER(2 * SW_GPU_CHAIN_LIMIT)};
    if (pem.size > SW_GPU_CHAIN_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "the chain has more than %zu bytes",
                       SW_GPU_CHAIN_LIMIT);
    sw_status status =
        sw_pem_decode(pem, "CERTIFICATE", SW_GPU_CHAIN_COUNT, certificate_add, &r, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "the chain");
        return status;
    }
    if (c->count != SW_GPU_CHAIN_COUNT)
        return REFUSE(err, "the chain has %zu certificates, not %d", c->count, SW_GPU_CHAIN_COUNT);
    if (r.again.failed || !sw_bytes_equal(sw_buffer_bytes(&r.again), pem))
        return BROKEN(err, "the chain is not written in the one PEM form");
    return SW_OK;
}

static sw_status leaf_read(sw_gpu_chain *c, sw_error *err) {
    size_t size = 0;
    SW_TRY(sw_cert_key_p384(c->certs[0], &c->key, err));
    SW_TRY(sw_cert_serial(c->certs[0], c->serial.b, &size, err));
    c->serial.size = (uint8_t)size;
    SW_TRY(sw_cert_common_name(c->certs[1], c->model, sizeof c->model, err));
    if (!sw_utf8_plain(sw_text(c->model)))
        return REFUSE(err, "the chain's model is not plain text");
    return fwid_find(c->certs[0], c->fwid, err);
}

sw_status sw_gpu_chain_parse(sw_bytes pem, const sw_cert_cache *known, sw_gpu_chain *out,
                             sw_error *err) {
    sw_gpu_chain made = {0};
    sw_status status = pem_parse(pem, known, &made, err);
    if (status == SW_OK) status = leaf_read(&made, err);
    if (status == SW_OK) sw_sha256(&made.id, pem);
    if (status == SW_OK)
        *out = made;
    else
        sw_gpu_chain_free(&made);
    return status;
}

/* ---- truth ---- */
enum { UPPER = 2 }; /* from the provisioner's certificate up */

bool sw_gpu_chain_shares_upper(const sw_gpu_chain *c, const sw_gpu_chain *other) {
    for (size_t i = UPPER; i < SW_GPU_CHAIN_COUNT; i++)
        if (sw_cert_constrains_names(c->certs[i]) ||
            !sw_bytes_equal(sw_cert_der(c->certs[i]), sw_cert_der(other->certs[i])))
            return false;
    return true;
}

sw_status sw_gpu_chain_check(const sw_gpu_chain *c, const sw_hash *root, sw_window *w,
                             sw_error *err) {
    static const char *const names[SW_GPU_CHAIN_COUNT] = {
        "leaf certificate", "boot ROM's certificate", "provisioner's certificate",
        "family's certificate", "device root"};
    sw_hash digest;
    sw_sha256(&digest, sw_cert_der(c->certs[SW_GPU_CHAIN_COUNT - 1]));
    if (!sw_hash_equal(&digest, root))
        return REFUSE(err, "the chain does not end in the policy's device root");
    for (size_t i = 0; i < SW_GPU_CHAIN_COUNT; i++) {
        int64_t from = 0, until = 0;
        sw_cert_validity(c->certs[i], &from, &until);
        SW_TRY(sw_window_narrow(w, names[i], from, until, err));
    }
    return SW_OK;
}

sw_status sw_gpu_chain_link(const sw_gpu_chain *c, const sw_gpu_chain *held, int64_t wall_ms,
                            sw_error *err) {
    if (held != NULL && sw_gpu_chain_shares_upper(c, held))
        return sw_chain_verify_below(c->certs, UPPER + 1, wall_ms, err);
    return sw_chain_verify_path(c->certs, SW_GPU_CHAIN_COUNT,
                                sw_cert_der(c->certs[SW_GPU_CHAIN_COUNT - 1]), wall_ms, err);
}
