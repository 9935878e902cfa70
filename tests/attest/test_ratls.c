/* SPDX-License-Identifier: Apache-2.0
 *
 * RA-TLS certificates with keys of our own: every form of the extensions, what binds a certificate
 * to its quote, compressed event logs, and what is refused and why.
 */
#include "attest/ratls_forge.h"

#include <zlib.h>

/* ---- one certificate ---- */
static sw_status read_cert(sw_arena *a, sw_bytes der, sw_ratls_facts *out, sw_error *err) {
    sw_cert *cert = NULL;
    assert_int_equal(sw_cert_parse(der, &cert, NULL), SW_OK);
    sw_status status = sw_ratls_read(a, cert, out, err);
    sw_cert_free(&cert); /* facts outlive it */
    return status;
}

static void check_facts(pki *k, sw_bytes der, sw_ratls_facts *f) {
    sw_error err = {0};
    if (read_cert(&k->arena, der, f, &err) != SW_OK) fail_msg("%s", err.message);
    assert_true(sw_bytes_equal(f->attestation.quote, k->quote));
    assert_int_equal(f->attestation.runtime_count, COUNT(made_boot));
    assert_memory_equal(f->attestation.report_data, k->attestation.report_data, 64);
    assert_memory_equal(f->key.b, k->leaf_key.b, sizeof f->key.b);
}

static void test_forms(void **state) {
    (void)state;
    pki k;
    sw_ratls_facts f;
    pki_open(&k);
    for (int bare = 0; bare < 2; bare++) {
        cert_plan p = leaf_plan(&k);
        for (size_t i = 0; i < 3; i++) p.ext[i].bare = bare != 0;
        sw_bytes der = make_cert(&k.arena, &p);
        check_facts(&k, der, &f);
        assert_true(f.has_app_id);
        assert_memory_equal(f.app_id, k.app_id, 20);
        assert_true(sw_bytes_is(f.usage, "app:custom"));
        assert_true(same_attestation(&f.attestation, &k.attestation));
        write_seed("ratls", bare != 0 ? "bare" : "wrapped", der);
        /* until 0.5.8 */
        p.ext[0] = (cert_ext){ARC "1", k.quote, bare != 0};
        p.ext[3] = (cert_ext){ARC "2", k.log_json, bare != 0};
        der = make_cert(&k.arena, &p);
        check_facts(&k, der, &f);
        assert_int_equal(f.attestation.config.size, 0);
        write_seed("ratls", bare != 0 ? "old-bare" : "old-wrapped", der);
        /* nothing but the attestation */
        p.ext[0] = (cert_ext){SW_RATLS_ATTESTATION_OID, k.v0, bare != 0};
        p.ext[1].oid = NULL;
        check_facts(&k, make_cert(&k.arena, &p), &f);
        assert_false(f.has_app_id);
        assert_false(f.has_app_info);
        assert_int_equal(f.usage.size, 0);
    }
    pki_close(&k);
}

/* 20 bare bytes that are a whole OCTET STRING of 18. */
static void test_bare_app_id(void **state) {
    (void)state;
    pki k;
    sw_ratls_facts f;
    pki_open(&k);
    static const char app[] = "0412a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4";
    made_event boot[COUNT(made_boot)];
    memcpy(boot, made_boot, sizeof boot);
    boot[1].payload = app;
    sw_dstack_attestation t =
        make_attestation(&k.arena, k.attestation.report_data, boot, COUNT(boot));
    SW_SCOPED(sw_buffer) v0 = SW_BUFFER(MADE_MAX);
    assert_int_equal(sw_dstack_attestation_encode(&t, &v0, NULL), SW_OK);
    cert_plan p = leaf_plan(&k);
    p.ext[0].value = sw_buffer_bytes(&v0);
    p.ext[1] = (cert_ext){ARC "3", unhex(&k.arena, app), true};
    assert_int_equal(read_cert(&k.arena, make_cert(&k.arena, &p), &f, NULL), SW_OK);
    assert_hex(f.app_id, 20, app);
    pki_close(&k);
}

static void test_made_extension(void **state) {
    (void)state;
    pki k;
    sw_ratls_facts f;
    pki_open(&k);
    /* a log with more than a certificate keeps: a boot event, and digests that are written */
    sw_log_event *events = SW_ARENA_NEW(&k.arena, sw_log_event, k.attestation.log.count + 1);
    memcpy(events + 1, k.attestation.log.events, k.attestation.log.count * sizeof *events);
    events[0] = (sw_log_event){.imr = 1, .type = 4, .has_digest = true};
    for (size_t i = 4; i < k.attestation.log.count + 1; i++) {
        assert_int_equal(sw_event_digest(&k.attestation.runtime[i - 4], events[i].digest, NULL),
                         SW_OK);
        events[i].has_digest = true;
    }
    sw_dstack_attestation full = k.attestation;
    full.log = (sw_event_log){events, k.attestation.log.count + 1};
    SW_SCOPED(sw_buffer) value = SW_BUFFER(MADE_MAX);
    assert_int_equal(sw_ratls_extension_make(&full, &value, NULL), SW_OK);
    cert_plan p = leaf_plan(&k);
    p.ext[0] = (cert_ext){SW_RATLS_ATTESTATION_OID, sw_buffer_bytes(&value), true};
    check_facts(&k, make_cert(&k.arena, &p), &f);
    /* digests of a stripped log read as zeros that nobody wrote */
    assert_int_equal(f.attestation.log.count, k.attestation.log.count);
    assert_true(same_attestation(&f.attestation, &k.attestation));
    /* and a certificate of our own making */
    SW_SCOPED(sw_buffer) der = SW_BUFFER(MADE_MAX);
    uint8_t secret[32];
    sw_p256_public key;
    const sw_entropy entropy = sw_entropy_system();
    assert_int_equal(sw_p256_generate(&entropy, secret, &key, NULL), SW_OK);
    sw_report_data report;
    sw_ratls_report(&report, &key);
    sw_dstack_attestation own = make_attestation(&k.arena, report.b, made_boot, COUNT(made_boot));
    sw_buffer_reset(&value);
    assert_int_equal(sw_ratls_extension_make(&own, &value, NULL), SW_OK);
    const sw_cert_plan plan = {.common_name = "own",
                               .serial = 7,
                               .not_before_ms = NOW_MS,
                               .not_after_ms = NOW_MS + 1000,
                               .extension_oid = SW_RATLS_ATTESTATION_OID,
                               .extension = sw_buffer_bytes(&value)};
    assert_int_equal(sw_cert_make(&plan, &key, NULL, secret, &der, NULL), SW_OK);
    assert_int_equal(read_cert(&k.arena, sw_buffer_bytes(&der), &f, NULL), SW_OK);
    assert_true(same_attestation(&f.attestation, &own));
    pki_close(&k);
}

static void cert_refused(const cert_plan *p, sw_status status, const char *sentence) {
    SW_SCOPED(sw_arena) a = {0};
    sw_ratls_facts f, before;
    sw_error err = {0};
    memset(&f, 0xa5, sizeof f);
    memcpy(&before, &f, sizeof f);
    sw_status got = read_cert(&a, make_cert(&a, p), &f, &err);
    if (got != status || strstr(err.message, sentence) == NULL)
        fail_msg("%d \"%s\", not %d \"%s\"", got, err.message, status, sentence);
    assert_memory_equal(&f, &before, sizeof f);
}

static void test_cert_refused(void **state) {
    (void)state;
    pki k;
    pki_open(&k);
    static uint8_t other_app[20], long_usage[SW_DSTACK_TEXT_LIMIT + 1];
    memset(long_usage, 'x', sizeof long_usage);
    const struct {
        cert_ext ext[4];
        sw_status status;
        const char *sentence;
    } cases[] = {
        {{{NULL, {0}, false}}, SW_MISSING, "carries no attestation"},
        {{{ARC "3", SW_BYTES_OF(k.app_id), false}}, SW_MISSING, "carries no attestation"},
        {{{ARC "1", k.quote, false}}, SW_REFUSED, "a quote and no event log"},
        {{{ARC "2", k.log_json, false}}, SW_REFUSED, "an event log and no quote"},
        {{{ARC "8", k.v0, false}, {ARC "1", k.quote, false}, {ARC "2", k.log_json, false}},
         SW_REFUSED,
         "its attestation in two forms"},
        {{{ARC "8", k.v0, false}, {ARC "2", k.log_json, false}}, SW_REFUSED, "in two forms"},
        {{{ARC "8", k.v0, false}, {ARC "8", k.v0, false}}, SW_MALFORMED, "twice"},
        {{{ARC "8", k.v0, false},
          {ARC "3", SW_BYTES_OF(k.app_id), false},
          {ARC "3", SW_BYTES_OF(k.app_id), false}},
         SW_MALFORMED,
         "twice"},
        {{{ARC "8", SW_LITERAL(""), false}},
         SW_MALFORMED,
         "extension 1.3.6.1.4.1.62397.1.8 is empty"},
        {{{ARC "8", SW_LITERAL(""), true}},
         SW_MALFORMED,
         "extension 1.3.6.1.4.1.62397.1.8 is empty"},
        {{{ARC "8", k.quote, false}}, SW_REFUSED, "begins with 0x04"},
        {{{ARC "1", k.quote, false}, {ARC "2", SW_LITERAL("ELGZv1\x1f\x8b"), false}},
         SW_MALFORMED,
         "is not one plain gzip member"},
        {{{ARC "1", k.quote, false}, {ARC "2", SW_LITERAL("[]x"), false}},
         SW_MALFORMED,
         "JSON byte"},
        {{{ARC "1", k.log_json, false}, {ARC "2", k.log_json, false}}, SW_REFUSED, "quote"},
        {{{ARC "8", k.v0, false}, {ARC "3", SW_BYTES_OF(other_app), false}},
         SW_REFUSED,
         "app id is not that of its event log"},
        {{{ARC "8", k.v0, false}, {ARC "3", SW_BYTES(k.app_id, 19), false}},
         SW_MALFORMED,
         "app id has 19 bytes, not 20"},
        {{{ARC "8", k.v0, false}, {ARC "4", SW_LITERAL("a\nb"), false}},
         SW_MALFORMED,
         "usage is not plain text"},
        {{{ARC "8", k.v0, false}, {ARC "4", SW_BYTES_OF(long_usage), false}},
         SW_MALFORMED,
         "usage is not plain text"},
        {{{ARC "8", k.v0, false}, {ARC "9", SW_LITERAL("\x91\xc0"), false}},
         SW_MALFORMED,
         "app info is not a list"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cert_plan p = leaf_plan(&k);
        memset(p.ext, 0, sizeof p.ext);
        memcpy(p.ext, cases[i].ext, sizeof cases[i].ext);
        cert_refused(&p, cases[i].status, cases[i].sentence);
    }
    pki_close(&k);
}

/* ---- compressed event logs ---- */
static sw_bytes packed(sw_arena *a, sw_bytes text, bool named) {
    uint8_t *out = sw_arena_alloc(a, MADE_MAX, 1);
    gz_header header = {.name = (Bytef *)(uintptr_t) "log"};
    z_stream z = {.next_in = (z_const Bytef *)text.data,
                  .avail_in = (uInt)text.size,
                  .next_out = out + 6,
                  .avail_out = MADE_MAX - 6};
    memcpy(out, "ELGZv1", 6);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    if (named) assert_int_equal(deflateSetHeader(&z, &header), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t size = 6 + z.total_out;
    assert_int_equal(deflateEnd(&z), Z_OK);
    return SW_BYTES(out, size);
}

static void unpack_refused(sw_bytes in, sw_status status, const char *sentence) {
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes out = {0};
    sw_error err = {0};
    sw_status got = sw_ratls_log_unpack(&a, in, &out, &err);
    if (got != status || strstr(err.message, sentence) == NULL)
        fail_msg("%d \"%s\", not %d \"%s\"", got, err.message, status, sentence);
    assert_null(out.data);
}

static void test_packed_log(void **state) {
    (void)state;
    pki k;
    sw_ratls_facts f;
    pki_open(&k);
    sw_bytes log = packed(&k.arena, k.log_json, false);
    cert_plan p = leaf_plan(&k);
    p.ext[0] = (cert_ext){ARC "1", k.quote, false};
    p.ext[3] = (cert_ext){ARC "2", log, false};
    sw_bytes der = make_cert(&k.arena, &p);
    check_facts(&k, der, &f);
    write_seed("ratls", "packed", der);
    /* at the limit, and beyond it: as dstack, 16 KiB */
    uint8_t *zeros = sw_arena_alloc(&k.arena, MADE_MAX / 2, 1);
    sw_bytes out;
    assert_int_equal(
        sw_ratls_log_unpack(&k.arena, packed(&k.arena, SW_BYTES(zeros, SW_RATLS_LOG_LIMIT), false),
                            &out, NULL),
        SW_OK);
    assert_int_equal(out.size, SW_RATLS_LOG_LIMIT);
    static const size_t sizes[] = {SW_RATLS_LOG_LIMIT + 1, 2 * SW_RATLS_LOG_LIMIT, MADE_MAX / 2};
    for (size_t i = 0; i < COUNT(sizes); i++)
        unpack_refused(packed(&k.arena, SW_BYTES(zeros, sizes[i]), false), SW_LIMIT,
                       "compressed event log has more than 16384 bytes");
    unpack_refused(packed(&k.arena, k.log_json, true), SW_MALFORMED, "not one plain gzip member");
    SW_SCOPED(sw_buffer) twice = SW_BUFFER(MADE_MAX);
    sw_put_bytes(&twice, log);
    sw_put_bytes(&twice, SW_BYTES(log.data + 6, log.size - 6));
    unpack_refused(sw_buffer_bytes(&twice), SW_MALFORMED, "not one whole gzip member");
    pki_close(&k);
}

/* No cut is a log, and no flip gives another. Two places say nothing: date and system in the
 * header, and the bits that fill the last byte of the packed data. */
static void test_packed_flips(void **state) {
    (void)state;
    enum { DATE_AT = 6 + 4, DATA_AT = 6 + 10, CHECKSUM_BYTES = 8 };
    pki k;
    pki_open(&k);
    sw_bytes log = packed(&k.arena, k.log_json, false), out;
    uint8_t *work = (uint8_t *)log.data;
    size_t header = 0, filling = 0;
    for (size_t cut = 6; cut < log.size; cut++)
        assert_int_not_equal(sw_ratls_log_unpack(&k.arena, SW_BYTES(log.data, cut), &out, NULL),
                             SW_OK);
    for (size_t bit = 6 * 8; bit < 8 * log.size; bit++) {
        SW_SCOPED(sw_arena) a = {0};
        work[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (sw_ratls_log_unpack(&a, log, &out, NULL) == SW_OK) {
            assert_true(sw_bytes_equal(out, k.log_json));
            header += bit / 8 >= DATE_AT && bit / 8 < DATA_AT;
            filling += bit / 8 == log.size - CHECKSUM_BYTES - 1;
            if (bit / 8 < DATE_AT || (bit / 8 >= DATA_AT && filling == 0)) fail_msg("bit %zu", bit);
        }
        work[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(header, 8 * (DATA_AT - DATE_AT));
    assert_true(filling < 8);
    pki_close(&k);
}

/* Another key, one bit more, and keys of other kinds. */
static void test_binding(void **state) {
    (void)state;
    pki k;
    pki_open(&k);
    cert_plan p = leaf_plan(&k);
    p.key = k.ca;
    cert_refused(&p, SW_REFUSED, "quote was made for another key");
    p.key = new_key("P-384");
    cert_refused(&p, SW_MALFORMED, "");
    EVP_PKEY_free(p.key);
    uint8_t report[64];
    memcpy(report, k.attestation.report_data, sizeof report);
    report[63] ^= 1;
    sw_dstack_attestation t = make_attestation(&k.arena, report, made_boot, COUNT(made_boot));
    SW_SCOPED(sw_buffer) v0 = SW_BUFFER(MADE_MAX);
    assert_int_equal(sw_dstack_attestation_encode(&t, &v0, NULL), SW_OK);
    p = leaf_plan(&k);
    p.ext[0].value = sw_buffer_bytes(&v0);
    cert_refused(&p, SW_REFUSED, "quote was made for another key");
    pki_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),          cmocka_unit_test(test_bare_app_id),
        cmocka_unit_test(test_made_extension), cmocka_unit_test(test_cert_refused),
        cmocka_unit_test(test_packed_log),     cmocka_unit_test(test_packed_flips),
        cmocka_unit_test(test_binding),
    };
    return cmocka_run_group_tests_name("ratls", tests, NULL, NULL);
}
