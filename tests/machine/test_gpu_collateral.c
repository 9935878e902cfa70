/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests and OCSP answers for a machine's GPUs, from services on loopback (pcs.py): those of a
 * software machine with two GPUs, whose every issuer answers for its own certificates
 * (MCH-064 to MCH-069).
 */
#include "machine/gpu_service.h"

static int setup(void **state) {
    (void)state;
    return service_open() ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    service_close();
    return 0;
}

/* ---- fetching ---- */
static sw_status fetch(const sw_collateral_source *s, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_gpu_collateral c = {.rim_count = 99};
    sw_status status = sw_gpu_collateral_fetch(s, &a, devices, GPU_COUNT, &c, NULL, err);
    if (status != SW_OK) {
        assert_int_equal(c.rim_count, 99);
        return status;
    }
    assert_int_equal(c.rim_count, RIM_EXPECTED);
    assert_int_equal(c.ocsp_count, OCSP_EXPECTED);
    return SW_OK;
}

static void good(const sw_collateral_source *s) {
    sw_error err = {0};
    if (fetch(s, &err) != SW_OK) fail_msg("%s", err.message);
}

/* What comes is what a verifier needs. */
static void test_verifies(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_gpu_collateral c;
    sw_gpu_claims claims[GPU_COUNT];
    sw_error err = {0};
    sw_collateral_source s = source_of("good+fresh");
    (void)pcs_asked(&service);
    if (sw_gpu_collateral_fetch(&s, &a, devices, GPU_COUNT, &c, NULL, &err) != SW_OK ||
        sw_gpu_verify(devices, GPU_COUNT, &c, &policy.gpu, NOW, NULL, claims, &err) != SW_OK ||
        sw_gpu_policy_check(&policy.gpu, claims, GPU_COUNT, NOW, NULL, &err) != SW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(pcs_asked(&service), RIM_EXPECTED + OCSP_EXPECTED); /* each once */
    for (size_t i = 0; i < GPU_COUNT; i++) assert_true(claims[i].revocation_checked);
    /* A revoked certificate is an answer; the verifier is who refuses it. */
    s = source_of("good+revoked");
    assert_int_equal(sw_gpu_collateral_fetch(&s, &a, devices, GPU_COUNT, &c, NULL, &err), SW_OK);
    assert_int_equal(sw_gpu_verify(devices, GPU_COUNT, &c, &policy.gpu, NOW, NULL, claims, &err),
                     SW_REFUSED);
    assert_non_null(strstr(err.message, "revoked"));
}

static void test_dishonest(void **state) {
    (void)state;
    static const struct {
        const char *mode;
        sw_status status;
        const char *sentence;
    } table[] = {
        {"good+stale", SW_REFUSED, "out of date"},
        {"good+endless", SW_REFUSED, "next"},
        {"other-answer+fresh", SW_MISSING, "another certificate"},
        {"other-manifest+fresh", SW_REFUSED, "another than NV_GPU_DRIVER"},
        {"good+nowhere", SW_MISSING, "the service has none"},
        {"redirect+fresh", SW_REFUSED, "no redirect"},
        {"cut+fresh", SW_UNAVAILABLE, "does not answer"},
        {"oversized+fresh", SW_LIMIT, "more than"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        sw_collateral_source s = source_of(table[i].mode);
        sw_error err = {0};
        sw_status status = fetch(&s, &err);
        if (status != table[i].status || strstr(err.message, table[i].sentence) == NULL)
            fail_msg("%s: %d %s", table[i].mode, status, err.message);
    }
}

static void test_anchor(void **state) {
    (void)state;
    sw_error err = {0};
    sw_collateral_source s = source_of("good+fresh");
    sw_policy other = policy;
    other.gpu.rim_root.b[0] ^= 1;
    s.anchors = &other;
    assert_int_equal(fetch(&s, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "NV_GPU_DRIVER_GH100_"));
}

/* Evidence that does not hold: nobody is asked for it (MCH-138). */
static void test_no_evidence(void **state) {
    (void)state;
    sw_error err = {0};
    sw_collateral_source s = source_of("good+fresh");
    sw_bytes good_report = devices[0].report, good_chain = devices[0].chain;
    sw_bytes bent = sw_arena_copy(&arena, good_report);
    (void)pcs_asked(&service);
    s.anchors = NULL; /* NVIDIA's */
    assert_int_equal(fetch(&s, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "NVIDIA device 0: the chain does not end in"));
    s.anchors = &policy;
    ((uint8_t *)(uintptr_t)bent.data)[10] ^= 1; /* of the nonce */
    devices[0].report = bent;
    assert_int_equal(fetch(&s, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "NVIDIA device 0: the signature over"));
    devices[0].report = good_report;
    devices[0].chain = devices[1].chain;
    assert_int_equal(fetch(&s, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "NVIDIA device 0: the signature over"));
    devices[0].chain = good_chain;
    assert_int_equal(pcs_asked(&service), 0);
}

static void test_cache(void **state) {
    (void)state;
    sw_error err = {0};
    sw_collateral_source s = source_of("good+fresh");
    s.cache_folder = cache;
    s.offline = true;
    assert_int_equal(fetch(&s, &err), SW_MISSING);
    assert_non_null(strstr(err.message, "the cache holds no NV_GPU_DRIVER"));
    s.offline = false;
    (void)pcs_asked(&service);
    good(&s);
    assert_int_equal(pcs_asked(&service), RIM_EXPECTED + OCSP_EXPECTED);
    good(&s);
    s.offline = true;
    good(&s);
    assert_int_equal(pcs_asked(&service), 0);
    now_ms = NOW + 2 * DAY; /* answers end before manifests do */
    assert_int_equal(fetch(&s, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "the cache holds no OCSP answer"));
    s.offline = false;
    (void)pcs_asked(&service);
    assert_int_equal(fetch(&s, &err), SW_REFUSED); /* and the service's are as old */
    assert_int_equal(pcs_asked(&service), 1);
    now_ms = NOW;
    good(&s);
}

/* ---- a responder that gives none (MCH-124) ---- */
static void test_silent(void **state) {
    (void)state;
    static const struct {
        const char *mode;
        sw_status status;
    } table[] = {{"cut+fresh", SW_UNAVAILABLE}, {"broken+fresh", SW_UNAVAILABLE},
                 {"good+stale", SW_REFUSED},    {"other-answer+fresh", SW_MISSING},
                 {"good+nowhere", SW_MISSING},  {"redirect+fresh", SW_REFUSED},
                 {"oversized+fresh", SW_LIMIT}};
    char other[128];
    sw_collateral_source s = source_of("good+fresh");
    for (size_t i = 0; i < COUNT(table); i++) {
        sw_error err = {0};
        (void)snprintf(other, sizeof other, "https://127.0.0.1:%u/%s", service.port, table[i].mode);
        s.ocsp_url = other;
        (void)pcs_asked(&service);
        sw_status found = fetch(&s, &err);
        if (found != table[i].status) fail_msg("%s: %d %s", table[i].mode, found, err.message);
        assert_int_equal(pcs_asked(&service), RIM_EXPECTED / 2 + 1); /* and asked no further */
    }
    s.ocsp_url = "https://127.0.0.1:1";
    assert_int_equal(fetch(&s, NULL), SW_UNAVAILABLE);
    (void)snprintf(other, sizeof other, "https://127.0.0.1:%u/good+fresh", service.other);
    s.ocsp_url = other; /* TLS of a stranger is no silence */
    assert_int_equal(fetch(&s, NULL), SW_UNAUTHENTIC);
    s.ocsp_url = base;
    good(&s);
}

/* Takes from the cache the answer about the first device's own certificate. */
static void cache_forget(void) {
    certs all = {0};
    sw_hash digest;
    char hex[65], path[256];
    assert_int_equal(sw_pem_decode(gpus.chains[0], "CERTIFICATE", 5, collect, &all, NULL), SW_OK);
    sw_sha256(&digest, sw_cert_der(all.c[1]));
    sw_hex_text(hex, SW_BYTES_OF(digest.b));
    (void)snprintf(path, sizeof path, "%s/ocsp-%s.der", cache, hex);
    assert_int_equal(unlink(path), 0);
    for (size_t i = 0; i < all.count; i++) sw_cert_free(&all.c[i]);
}

static void test_silent_cache(void **state) {
    (void)state;
    sw_error err = {0};
    sw_collateral_source s = source_of("good+fresh");
    s.cache_folder = cache;
    good(&s);
    s.ocsp_url = "https://127.0.0.1:1";
    good(&s); /* what the cache has is asked of nobody */
    cache_forget();
    assert_int_equal(fetch(&s, NULL), SW_UNAVAILABLE);
    s.offline = true;
    assert_int_equal(fetch(&s, &err), SW_MISSING);
    assert_non_null(strstr(err.message, "the cache holds no OCSP answer"));
}

/* Too old is asked for again, and not given when the service has no newer (MCH-136). */
static void test_old(void **state) {
    (void)state;
    char folder[128];
    sw_error err = {0};
    sw_collateral_source s = source_of("good+old");
    assert_int_equal(fetch(&s, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "older than the machine policy accepts"));
    (void)snprintf(folder, sizeof folder, "%s-old", cache);
    s.ocsp_max_age_ms = 2 * DAY;
    s.cache_folder = folder;
    good(&s);
    (void)pcs_asked(&service);
    good(&s);
    assert_int_equal(pcs_asked(&service), 0);
    s.ocsp_max_age_ms = 0;
    s.offline = true;
    assert_int_equal(fetch(&s, NULL), SW_REFUSED);
    s.offline = false;
    (void)snprintf(base, sizeof base, "https://127.0.0.1:%u/good+fresh", service.port);
    good(&s);
    assert_int_equal(pcs_asked(&service), OCSP_EXPECTED);
    s.rim_max_age_ms = 29 * DAY; /* the folder was made a day earlier */
    assert_int_equal(fetch(&s, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "older than the machine policy accepts"));
    s.rim_max_age_ms = 31 * DAY;
    good(&s);
}

/* The first end of all parts, or of a part's age (MCH-137). */
static void test_until(void **state) {
    (void)state;
    const int64_t hour = DAY / 24;
    const struct {
        int64_t ocsp_age_ms, rim_age_ms, until_ms;
    } table[] = {{2 * DAY, 100 * DAY, NOW + DAY},                 /* the answers' nextUpdate */
                 {DAY + hour, 100 * DAY, NOW + hour},             /* from a day ago */
                 {2 * DAY, 30 * DAY + 2 * hour, NOW + 2 * hour}}; /* signers of 30 days ago */
    for (size_t i = 0; i < COUNT(table); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_gpu_collateral c;
        sw_error err = {0};
        int64_t until_ms = 0;
        sw_collateral_source s = source_of("good+fresh");
        s.ocsp_max_age_ms = table[i].ocsp_age_ms;
        s.rim_max_age_ms = table[i].rim_age_ms;
        if (sw_gpu_collateral_fetch(&s, &a, devices, GPU_COUNT, &c, &until_ms, &err) != SW_OK)
            fail_msg("row %zu: %s", i, err.message);
        if (until_ms != table[i].until_ms)
            fail_msg("row %zu: %lld ms beside it", i, (long long)(until_ms - table[i].until_ms));
    }
}

/* Names from a report that nobody has verified go into no address and no path. */
static void test_names(void **state) {
    (void)state;
    static const char *const versions[] = {"../570.172", "570 172.08", "570/172.08", "570?172.08",
                                           "570%2f2.08"};
    sw_bytes good_report = devices[0].report;
    for (size_t i = 0; i < COUNT(versions); i++) {
        sw_error err = {0};
        sw_collateral_source s = source_of("good+fresh");
        sw_bytes copy = sw_arena_copy(&arena, good_report);
        uint8_t *at = memmem(copy.data, copy.size, "570.172.08", 10);
        assert_non_null(at);
        memcpy(at, versions[i], 10);
        devices[0].report = copy;
        (void)pcs_asked(&service);
        sw_status status = fetch(&s, &err);
        if (status == SW_OK || pcs_asked(&service) != 0) fail_msg("row %zu: %s", i, err.message);
        devices[0].report = good_report;
    }
}

/* ---- pieces ---- */
static void test_request(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    SW_SCOPED(sw_buffer) small = SW_BUFFER(20);
    certs all = {0};
    assert_int_equal(sw_pem_decode(gpus.chains[0], "CERTIFICATE", 5, collect, &all, NULL), SW_OK);
    assert_int_equal(sw_ocsp_request(all.c[1], all.c[2], &der, NULL), SW_OK);
    const uint8_t *at = der.data;
    OCSP_REQUEST *request = d2i_OCSP_REQUEST(NULL, &at, (long)der.size);
    assert_non_null(request);
    assert_ptr_equal(at, der.data + der.size);
    assert_int_equal(OCSP_request_onereq_count(request), 1);
    OCSP_CERTID *expected = OCSP_cert_to_id(EVP_sha384(), all.c[1]->x509, all.c[2]->x509);
    OCSP_CERTID *asked = OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0));
    assert_int_equal(OCSP_id_cmp(expected, asked), 0);
    assert_int_equal(OCSP_REQUEST_get_ext_count(request), 0);
    OCSP_CERTID_free(expected);
    OCSP_REQUEST_free(request);
    assert_int_equal(sw_ocsp_request(all.c[1], all.c[2], &small, NULL), SW_LIMIT);
    for (size_t i = 0; i < all.count; i++) sw_cert_free(&all.c[i]);
}

static void test_answers(void **state) {
    (void)state;
    static const struct {
        const char *json;
        sw_status status;
    } table[] = {
        {"{\"id\":\"A\",\"rim\":\"PGEvPg==\"}", SW_OK},
        {"{\"id\":\"A\",\"rim\":\"PGEvPg==\",\"sha256\":\"0\",\"request_id\":\"1\"}", SW_OK},
        {"{\"id\":\"B\",\"rim\":\"PGEvPg==\"}", SW_REFUSED},
        {"{\"rim\":\"PGEvPg==\"}", SW_MALFORMED},
        {"{\"id\":\"A\"}", SW_MALFORMED},
        {"{\"id\":\"A\",\"rim\":\"\"}", SW_MALFORMED},
        {"{\"id\":\"A\",\"rim\":\"PGEvPg\"}", SW_MALFORMED},
        {"{\"id\":\"A\",\"rim\":7}", SW_MALFORMED},
        {"{\"id\":\"A\",\"id\":\"A\",\"rim\":\"PGEvPg==\"}", SW_MALFORMED},
        {"<html>", SW_MALFORMED},
        {"", SW_MALFORMED},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_bytes xml = {0};
        sw_status status = sw_rim_answer_parse(&a, sw_text(table[i].json), "A", &xml, NULL);
        if (status != table[i].status) fail_msg("row %zu: %d", i, status);
        assert_true(status != SW_OK || sw_bytes_is(xml, "<a/>"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verifies),     cmocka_unit_test(test_dishonest),
        cmocka_unit_test(test_anchor),       cmocka_unit_test(test_no_evidence),
        cmocka_unit_test(test_cache),        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_silent_cache), cmocka_unit_test(test_old),
        cmocka_unit_test(test_until),        cmocka_unit_test(test_names),
        cmocka_unit_test(test_request),      cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests_name("gpu collateral", tests, setup, teardown);
}
