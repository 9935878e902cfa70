/* SPDX-License-Identifier: Apache-2.0
 *
 * Device chains (GPU-030 to GPU-037): five certificates in one form to one root, and the firmware
 * id in the two forms that leaves have.
 */
#include "attest/gpu_forge.h"
#include "crypto/crypto_internal.h"
#include "crypto/x509_internal.h"

#include <openssl/x509v3.h>

static gpu_made hopper, blackwell;

static int open_all(void **state) {
    (void)state;
    gpu_maker_open();
    gpu_make(&(gpu_plan){.serial = 21, .feature = -1}, &hopper);
    gpu_make(&(gpu_plan){.serial = 22, .feature = -1, .tcb_info = true}, &blackwell);
    return 0;
}

static int close_all(void **state) {
    (void)state;
    gpu_made_free(&hopper);
    gpu_made_free(&blackwell);
    gpu_maker_close();
    return 0;
}

static sw_status judge(sw_bytes pem, int64_t at_ms, sw_error *err) {
    sw_gpu_chain c = {0};
    sw_window w = {at_ms, INT64_MIN, INT64_MAX};
    SW_TRY(sw_gpu_chain_parse(pem, NULL, &c, err));
    sw_status status = chain_verify(&c, &gpu_maker.policy.device_root, &w, err);
    sw_gpu_chain_free(&c);
    return status;
}

static void check_refused_at(sw_bytes pem, int64_t at_ms, const char *sentence) {
    sw_error err = {0};
    if (judge(pem, at_ms, &err) == SW_OK) fail_msg("taken, not refused: \"%s\"", sentence);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
}

static void check_refused(sw_bytes pem, const char *sentence) {
    check_refused_at(pem, GPU_NOW, sentence);
}

/* ---- good ones ---- */
static void test_both_forms(void **state) {
    (void)state;
    const gpu_made *all[] = {&hopper, &blackwell};
    for (size_t i = 0; i < COUNT(all); i++) {
        sw_gpu_chain c = {0};
        sw_window w = {GPU_NOW, INT64_MIN, INT64_MAX};
        sw_error err = {0};
        if (sw_gpu_chain_parse(sw_buffer_bytes(&all[i]->chain), NULL, &c, &err) != SW_OK ||
            chain_verify(&c, &gpu_maker.policy.device_root, &w, &err) != SW_OK)
            fail_msg("%s", err.message);
        assert_string_equal(c.model, "FH100 A01 GSP BROM");
        assert_int_equal(c.serial.size, 1);
        assert_int_equal(c.serial.b[0], 21 + i);
        assert_memory_equal(c.fwid, all[i]->fwid, sizeof c.fwid);
        assert_memory_equal(c.key.b, all[i]->leaf.key.b, sizeof c.key.b);
        assert_int_equal(w.until_ms, GPU_FOREVER);
        sw_gpu_chain_free(&c);
    }
}

static void test_known_certificates(void **state) {
    (void)state;
    sw_cert_cache known = {0};
    sw_gpu_chain first = {0}, second = {0};
    sw_bytes pem = sw_buffer_bytes(&hopper.chain);
    assert_int_equal(sw_gpu_chain_parse(pem, &known, &first, NULL), SW_OK);
    sw_cert_cache_keep(&known, first.certs[4]);
    assert_int_equal(sw_gpu_chain_parse(pem, &known, &second, NULL), SW_OK);
    assert_ptr_equal(first.certs[4], second.certs[4]);
    assert_ptr_not_equal(first.certs[3], second.certs[3]);
    sw_gpu_chain_free(&first);
    sw_gpu_chain_free(&second);
    sw_cert_cache_free(&known);
}

/* ---- shape ---- */
static void put_certs(sw_buffer *out, const char *order) {
    const gpu_party *all[] = {&hopper.leaf, &hopper.boot, &gpu_maker.provisioner, &gpu_maker.family,
                              &gpu_maker.root};
    sw_buffer_reset(out);
    for (const char *c = order; *c != 0; c++)
        sw_pem_encode(out, "CERTIFICATE", sw_cert_der(all[*c - '0']->cert));
}

static void test_numbers_and_order(void **state) {
    (void)state;
    static const struct {
        const char *order, *sentence;
    } table[] = {
        {"4", "has 1 certificates, not 5"},
        {"0124", "has 4 certificates, not 5"},
        {"1234", "has 4 certificates, not 5"},
        {"012344", "more PEM blocks than 5"},
        {"", "there is no PEM block"},
        {"00234", "names another issuer"},
        {"01243", "does not end in the policy's device root"},
        {"02134", "names another issuer"},
        {"10234", "firmware id"},
        {"01134", "names another issuer"},
    };
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(65536);
    for (size_t i = 0; i < COUNT(table); i++) {
        put_certs(&pem, table[i].order);
        check_refused(sw_buffer_bytes(&pem), table[i].sentence);
    }
    put_certs(&pem, "01234");
    assert_int_equal(judge(sw_buffer_bytes(&pem), GPU_NOW, NULL), SW_OK);
}

static void test_one_form(void **state) {
    (void)state;
    sw_bytes good = sw_buffer_bytes(&hopper.chain);
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(65536);
    sw_put_bytes(&pem, good);
    sw_put_u8(&pem, 0);
    check_refused(sw_buffer_bytes(&pem), "one PEM form");
    pem.data[pem.size - 1] = '\n';
    check_refused(sw_buffer_bytes(&pem), "one PEM form");
    check_refused(SW_BYTES(good.data, good.size - 1), "one PEM form");
    sw_buffer_reset(&pem);
    for (size_t i = 0; i < good.size; i++) {
        if (good.data[i] == '\n') sw_put_u8(&pem, '\r');
        sw_put_u8(&pem, good.data[i]);
    }
    check_refused(sw_buffer_bytes(&pem), "one PEM form");
    sw_buffer_reset(&pem);
    sw_put_text(&pem, "# a note\n");
    sw_put_bytes(&pem, good);
    check_refused(sw_buffer_bytes(&pem), "expected a PEM block");
    sw_buffer_reset(&pem);
    while (pem.size <= SW_GPU_CHAIN_LIMIT) sw_put_u8(&pem, '\n');
    check_refused(sw_buffer_bytes(&pem), "more than 32768 bytes");
}

/* ---- roots and dates ---- */
static void test_roots(void **state) {
    (void)state;
    const gpu_party root = gpu_maker.root;
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(65536);
    gpu_party twin = {0};
    gpu_authority(&twin, "Forged Device Root", 1, GPU_FOREVER, NULL);
    gpu_maker.root = twin;
    put_certs(&pem, "01234");
    gpu_maker.root = root;
    check_refused(sw_buffer_bytes(&pem), "does not end in the policy's device root");
    sw_hash pinned = gpu_maker.policy.device_root;
    sw_sha256(&gpu_maker.policy.device_root, sw_cert_der(twin.cert));
    check_refused(sw_buffer_bytes(&pem), "unable to get local issuer certificate");
    gpu_maker.policy.device_root = pinned;
    sw_cert_free(&twin.cert);
}

static void test_dates(void **state) {
    (void)state;
    sw_bytes pem = sw_buffer_bytes(&hopper.chain);
    check_refused_at(pem, GPU_NOW - 901 * GPU_DAY, "is not valid yet");
    check_refused_at(pem, GPU_FOREVER, "is no longer valid");
    gpu_party kept = gpu_maker.family, old = {0};
    gpu_authority(&old, "Forged FH100 Identity", 2, GPU_NOW, &gpu_maker.root);
    gpu_maker.family = old;
    gpu_made m;
    gpu_make(&(gpu_plan){.serial = 23, .feature = -1}, &m);
    check_refused(sw_buffer_bytes(&m.chain), "family's certificate is no longer valid");
    gpu_maker.family = kept;
    gpu_made_free(&m);
    sw_cert_free(&old.cert);
}

/* ---- the leaf ---- */
static void check_leaf(sw_cert_plan plan, const char *sentence) {
    gpu_party kept = hopper.leaf, other = {0};
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(65536);
    plan.common_name = "FH100 A01 GSP FMC LF";
    plan.serial = 24;
    plan.not_before_ms = GPU_NOW - GPU_DAY;
    plan.not_after_ms = GPU_FOREVER;
    gpu_certify(&other, &plan, &hopper.boot);
    hopper.leaf = other;
    put_certs(&pem, "01234");
    hopper.leaf = kept;
    check_refused(sw_buffer_bytes(&pem), sentence);
    sw_cert_free(&other.cert);
}

static void test_leaf(void **state) {
    (void)state;
    check_leaf((sw_cert_plan){0}, "no extension with a firmware id");
    check_leaf(
        (sw_cert_plan){.extension_oid = SW_GPU_FWID_OID, .extension = SW_LITERAL("\x30\x00")},
        "not version, key and firmware id");
    check_leaf(
        (sw_cert_plan){.extension_oid = SW_GPU_TCB_INFO_OID, .extension = SW_LITERAL("\x30\x00")},
        "TcbInfo has no firmware id");
    check_leaf(
        (sw_cert_plan){.extension_oid = SW_GPU_TCB_INFO_OID, .extension = SW_LITERAL("\x05\x00")},
        "not one sequence");
}

/* A good leaf with DICE's extension beside its own, or with its own twice, signed again. */
static void check_second_extension(const char *oid, const char *sentence) {
    const sw_cert *good = hopper.leaf.cert;
    SW_SCOPED(sw_buffer) value = SW_BUFFER(1024);
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(65536);
    EVP_PKEY *key = NULL;
    uint8_t *der = NULL;
    put_tcb_info(&value, hopper.fwid);
    X509 *x = X509_dup(good->x509);
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    assert_int_equal(ASN1_OCTET_STRING_set(octets, value.data, (int)value.size), 1);
    X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, object, 0, octets);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    assert_int_equal(sw_p384_evp_secret(hopper.boot.secret, &key, NULL), SW_OK);
    assert_true(X509_sign(x, key, EVP_sha384()) > 0);
    int size = i2d_X509(x, &der);
    sw_cert *made = NULL;
    assert_int_equal(sw_cert_parse(SW_BYTES(der, (size_t)size), &made, NULL), SW_OK);
    hopper.leaf.cert = made;
    put_certs(&pem, "01234");
    hopper.leaf.cert = (sw_cert *)good;
    check_refused(sw_buffer_bytes(&pem), sentence);
    sw_cert_free(&made);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(octets);
    ASN1_OBJECT_free(object);
    X509_free(x);
}

static void test_two_extensions(void **state) {
    (void)state;
    check_second_extension(SW_GPU_TCB_INFO_OID, "the leaf has two extensions with a firmware id");
    check_second_extension(SW_GPU_FWID_OID, "has the extension 2.23.133.5.4.1 twice");
}

/* ---- the extension alone ---- */
static void check_bent(sw_buffer *value, bool tcb_info, size_t at, uint8_t byte,
                       const char *sentence) {
    uint8_t fwid[48] = {9}, was = value->data[at];
    sw_error err = {0};
    value->data[at] = byte;
    assert_int_not_equal(sw_gpu_fwid_parse(sw_buffer_bytes(value), tcb_info, fwid, &err), SW_OK);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
    assert_int_equal(fwid[0], 9);
    value->data[at] = was;
}

/* 30 len | 02 01 01 | 30 len (30 len ... 03 len ...) | 30 len 06 09 ... 04 30 ... */
static void test_composite(void **state) {
    (void)state;
    uint8_t digest[48], out[48];
    memset(digest, 0x5f, sizeof digest);
    SW_SCOPED(sw_buffer) value = SW_BUFFER(1024);
    put_composite(&value, digest);
    assert_int_equal(sw_gpu_fwid_parse(sw_buffer_bytes(&value), false, out, NULL), SW_OK);
    assert_memory_equal(out, digest, sizeof out);
    size_t end = value.size;
    check_bent(&value, false, 5, 2, "not version, key and firmware id");
    check_bent(&value, false, 6, 0x31, "not version, key and firmware id");
    check_bent(&value, false, end - 50, 0x03, "not an algorithm and a digest");
    check_bent(&value, false, end - 51, 0x03, "not a SHA-384 digest");
    check_bent(&value, false, end - 49, 47, "not an algorithm and a digest");
    check_bent(&value, false, 2, 0xff, "not one sequence");
    assert_int_not_equal(sw_gpu_fwid_parse(sw_buffer_bytes(&value), true, out, NULL), SW_OK);
    for (size_t size = 0; size < end; size++)
        assert_int_not_equal(sw_gpu_fwid_parse(SW_BYTES(value.data, size), false, out, NULL),
                             SW_OK);
    sw_put_u8(&value, 0);
    assert_int_not_equal(sw_gpu_fwid_parse(sw_buffer_bytes(&value), false, out, NULL), SW_OK);
}

static void test_tcb_info(void **state) {
    (void)state;
    uint8_t digest[48], out[48];
    memset(digest, 0x5f, sizeof digest);
    SW_SCOPED(sw_buffer) value = SW_BUFFER(1024);
    put_tcb_info(&value, digest);
    assert_int_equal(sw_gpu_fwid_parse(sw_buffer_bytes(&value), true, out, NULL), SW_OK);
    assert_memory_equal(out, digest, sizeof out);
    const size_t vendor = value.data[1] < 0x80 ? 2 : 3, svn = vendor + 8, fwids = svn + 3;
    assert_int_equal(value.data[vendor], 0x80);
    assert_int_equal(value.data[fwids], 0xa6);
    check_bent(&value, true, vendor, 0x84, "out of order");
    check_bent(&value, true, svn, 0x80, "out of order");
    check_bent(&value, true, svn, 0x86, "member of tag 0x86");
    check_bent(&value, true, svn, 0x8a, "member of tag 0x8a");
    check_bent(&value, true, svn, 0x04, "member of tag 0x04");
    check_bent(&value, true, fwids, 0x86, "member of tag 0x86");
    check_bent(&value, true, fwids, 0x85, "no firmware id");
    check_bent(&value, true, fwids + 2, 0x31, "not an algorithm and a digest");
    for (size_t size = 0; size < value.size; size++)
        assert_int_not_equal(sw_gpu_fwid_parse(SW_BYTES(value.data, size), true, out, NULL), SW_OK);
}

static void test_many_digests(void **state) {
    (void)state;
    uint8_t digest[48] = {1}, out[48];
    for (size_t count = 0; count <= 9; count++) {
        SW_SCOPED(sw_buffer) digests = SW_BUFFER(1024);
        SW_SCOPED(sw_buffer) inside = SW_BUFFER(1024);
        SW_SCOPED(sw_buffer) value = SW_BUFFER(1024);
        for (size_t i = 0; i < count; i++) put_digest(&digests, digest);
        sw_der_put(&inside, 0xa6, sw_buffer_bytes(&digests));
        sw_der_put(&value, SW_DER_SEQUENCE, sw_buffer_bytes(&inside));
        sw_status status = sw_gpu_fwid_parse(sw_buffer_bytes(&value), true, out, NULL);
        assert_int_equal(status, count == 0 ? SW_MALFORMED : count > 8 ? SW_LIMIT : SW_OK);
    }
}

/* ---- no flip passes ---- */
static void test_flips(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(65536);
    sw_put_bytes(&pem, sw_buffer_bytes(&hopper.chain));
    for (size_t at = 0; at < pem.size; at += 3) {
        uint8_t bit = (uint8_t)(1 << at % 8);
        pem.data[at] ^= bit;
        if (judge(sw_buffer_bytes(&pem), GPU_NOW, NULL) == SW_OK) fail_msg("byte %zu", at);
        pem.data[at] ^= bit;
    }
    for (size_t size = 0; size < pem.size; size += 7)
        assert_int_not_equal(judge(SW_BYTES(pem.data, size), GPU_NOW, NULL), SW_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_forms),
        cmocka_unit_test(test_known_certificates),
        cmocka_unit_test(test_numbers_and_order),
        cmocka_unit_test(test_one_form),
        cmocka_unit_test(test_roots),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_leaf),
        cmocka_unit_test(test_two_extensions),
        cmocka_unit_test(test_composite),
        cmocka_unit_test(test_tcb_info),
        cmocka_unit_test(test_many_digests),
        cmocka_unit_test(test_flips),
    };
    return cmocka_run_group_tests_name("gpu chain", tests, open_all, close_all);
}
