/* SPDX-License-Identifier: Apache-2.0
 *
 * Collateral from a provisioning service on loopback (pcs.py), honest and not; the cache; the
 * bundle as a file. What the service publishes is a software machine's.
 */
#include "attest/forge.h"
#include "machine/collect.h"
#include "machine/pcs.h"
#include "sys/files.h"

#include <dirent.h>
#include <sys/stat.h>

static forge house;
static pcs service;
static char cache[96], address[128];
static int64_t now_ms;

static int64_t wall(void *context) {
    (void)context;
    return now_ms;
}

static sw_collateral_source source_of(const char *mode) {
    (void)snprintf(address, sizeof address, "https://127.0.0.1:%u/%s", service.port, mode);
    now_ms = FORGE_NOW;
    return (sw_collateral_source){.pcs_url = address,
                                  .ca_file = service.ca,
                                  .anchors = &house.policy,
                                  .timeout_ms = 20000,
                                  .clock = {wall, wall, NULL}};
}

static sw_status fetch(const sw_collateral_source *s, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_collateral c = {0};
    int64_t until = 0;
    SW_TRY(sw_collateral_fetch(s, &a, house.good.quote, &c, &until, err));
    assert_true(until > now_ms);
    assert_true(sw_bytes_equal(c.pck_crl, house.good.collateral.pck_crl));
    assert_true(sw_bytes_equal(c.root_crl, house.good.collateral.root_crl));
    assert_true(sw_bytes_equal(c.tcb_info.text, house.good.collateral.tcb_info.text));
    assert_true(sw_bytes_equal(c.qe_identity.text, house.good.collateral.qe_identity.text));
    assert_true(
        sw_bytes_equal(c.tcb_info.issuer_chain, house.good.collateral.tcb_info.issuer_chain));
    return SW_OK;
}

static void good(const sw_collateral_source *s) {
    sw_error err = {0};
    if (fetch(s, &err) != SW_OK) fail_msg("%s", err.message);
}

static int setup(void **state) {
    (void)state;
    forge_open(&house);
    if (!pcs_start(&service, house.folder)) return -1;
    (void)snprintf(cache, sizeof cache, "%s/a/cache", service.work);
    /* Nobody reads the environment: with these in it nothing would be reached. */
    assert_int_equal(setenv("https_proxy", "http://127.0.0.1:9", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:9", 1), 0);
    assert_int_equal(setenv("CURL_CA_BUNDLE", "/nowhere", 1), 0);
    assert_int_equal(setenv("SSL_CERT_FILE", "/nowhere", 1), 0);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    pcs_stop(&service);
    forge_close(&house);
    return 0;
}

/* MCH-050 to MCH-053, MCH-060 to MCH-063 */
static void test_service(void **state) {
    (void)state;
    static const char *const modes[] = {"good", "good/", "pccs", "hex", "pem"};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        sw_collateral_source s = source_of(modes[i]);
        (void)pcs_asked(&service);
        good(&s);
        assert_int_equal(pcs_asked(&service), 4);
    }
}

static void test_dishonest(void **state) {
    (void)state;
    static const struct {
        const char *mode;
        sw_status status;
        const char *sentence;
    } table[] = {
        {"wrong-chain", SW_REFUSED, "issuer chain"},
        {"one-certificate", SW_MALFORMED, "1 certificate instead of two"},
        {"swapped", SW_MALFORMED, "not known here"},
        {"bent", SW_REFUSED, "TCB info's signature does not hold"},
        {"bad-percent", SW_MALFORMED, "two digits behind a percent sign"},
        {"plain-chain", SW_MALFORMED, "not percent-encoded"},
        {"no-chain", SW_MALFORMED, "has no issuer chain"},
        {"twice", SW_MALFORMED, "stands twice"},
        {"cut-list", SW_MALFORMED, ""},
        {"no-list", SW_MALFORMED, "neither DER, PEM, hexadecimal nor base64"},
        {"missing", SW_MISSING, "the service has none"},
        {"redirect", SW_REFUSED, "no redirect is followed"},
        {"broken", SW_UNAVAILABLE, "HTTP status 500"},
        {"oversized", SW_LIMIT, "more than"},
        {"cut", SW_UNAVAILABLE, "does not answer"},
        {"slow", SW_UNAVAILABLE, "does not answer"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        sw_collateral_source s = source_of(table[i].mode);
        sw_error err = {0};
        s.cache_folder = cache;
        if (strcmp(table[i].mode, "slow") == 0) s.timeout_ms = 500;
        sw_status status = fetch(&s, &err);
        if (status != table[i].status || strstr(err.message, table[i].sentence) == NULL)
            fail_msg("%s: %d %s", table[i].mode, status, err.message);
        assert_false(sw_path_exists(cache)); /* nothing of it is kept */
    }
}

/* MCH-002, MCH-003 */
static void test_tls(void **state) {
    (void)state;
    sw_error err = {0};
    char other[64], stranger[96];
    sw_collateral_source s = source_of("good");
    s.ca_file = NULL;
    assert_int_equal(fetch(&s, &err), SW_UNAUTHENTIC);
    s.ca_file = "/nowhere.pem";
    assert_int_equal(fetch(&s, &err), SW_MISSING);
    (void)snprintf(stranger, sizeof stranger, "%s/other.pem", service.work);
    s.ca_file = stranger;
    assert_int_equal(fetch(&s, &err), SW_UNAUTHENTIC);
    (void)snprintf(other, sizeof other, "https://127.0.0.1:%u/good", service.other);
    s.pcs_url = other; /* the right authority, another name */
    assert_int_equal(fetch(&s, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "signature");
    s = source_of("good");
    s.pcs_url = "http://127.0.0.1:1/good";
    assert_int_equal(fetch(&s, &err), SW_USAGE);
    s.pcs_url = "https://127.0.0.1:1/good";
    assert_int_equal(fetch(&s, &err), SW_UNAVAILABLE);
}

static void test_proxy(void **state) {
    (void)state;
    char proxy[64];
    sw_error err = {0};
    sw_collateral_source s = source_of("good");
    (void)snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", service.proxy);
    s.proxy = proxy;
    (void)pcs_asked(&service);
    assert_int_equal(setenv("no_proxy", "127.0.0.1", 1), 0);
    good(&s);
    assert_int_equal(unsetenv("no_proxy"), 0);
    assert_int_equal(pcs_asked(&service), 8); /* CONNECT and GET */
    s.proxy = "http://127.0.0.1:1";
    assert_int_equal(fetch(&s, &err), SW_UNAVAILABLE);
}

/* MCH-054: judged before it is given. */
static void test_judged(void **state) {
    (void)state;
    sw_error err = {0};
    sw_collateral_source s = source_of("good");
    s.anchors = NULL; /* Intel's root */
    assert_int_equal(fetch(&s, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "does not hold for this quote"));
    s = source_of("good");
    now_ms = FORGE_NOW + 5000 * FORGE_DAY;
    assert_int_equal(fetch(&s, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "no longer valid"));
    s = source_of("good");
    SW_SCOPED(sw_arena) a = {0};
    sw_collateral c = {.pck_crl = SW_LITERAL("before")};
    assert_int_equal(sw_collateral_fetch(&s, &a, SW_LITERAL("no quote"), &c, NULL, &err),
                     SW_MALFORMED);
    assert_true(sw_bytes_is(c.pck_crl, "before"));
}

/* ---- the cache (MCH-055 to MCH-058) ---- */
static void cache_file(char out[160], const char *rule) {
    (void)snprintf(out, 160, "%s/tdx-%02x%02x%02x%02x%02x%02x-platform-%s.json", cache,
                   sw_sim_platform.fmspc[0], sw_sim_platform.fmspc[1], sw_sim_platform.fmspc[2],
                   sw_sim_platform.fmspc[3], sw_sim_platform.fmspc[4], sw_sim_platform.fmspc[5],
                   rule);
}

static void test_cache(void **state) {
    (void)state;
    struct stat st;
    char path[160];
    sw_error err = {0};
    sw_collateral_source s = source_of("good");
    cache_file(path, "standard");
    s.offline = true;
    assert_int_equal(fetch(&s, &err), SW_USAGE);
    s.cache_folder = cache;
    assert_int_equal(fetch(&s, &err), SW_MISSING);
    assert_non_null(strstr(err.message, "the cache holds no collateral"));
    s.offline = false;
    (void)pcs_asked(&service);
    good(&s);
    assert_int_equal(pcs_asked(&service), 4);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(cache, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    good(&s);
    s.offline = true;
    good(&s);
    assert_int_equal(pcs_asked(&service), 0);
}

static void spoil(const char *path) {
    assert_int_equal(sw_file_write(path, SW_LITERAL("{}"), 0600, SW_WRITE_REPLACE, NULL), SW_OK);
}

static void test_cache_spoilt(void **state) {
    (void)state;
    char path[160];
    sw_error err = {0};
    sw_collateral_source s = source_of("good");
    s.cache_folder = cache;
    cache_file(path, "standard");
    good(&s);
    spoil(path);
    s.offline = true;
    assert_int_equal(fetch(&s, &err), SW_MALFORMED);
    s.offline = false;
    (void)pcs_asked(&service);
    good(&s);
    assert_int_equal(pcs_asked(&service), 4);
    good(&s);
    assert_int_equal(pcs_asked(&service), 0);
    now_ms = FORGE_NOW + 5000 * FORGE_DAY; /* over: the service is asked again */
    assert_int_equal(fetch(&s, &err), SW_REFUSED);
    assert_int_equal(pcs_asked(&service), 4);
    now_ms = FORGE_NOW;
    good(&s); /* and what cannot replace it leaves it */
    assert_int_equal(pcs_asked(&service), 0);
}

/* What holds and yet would be refused by a policy: of an older number, or too old (MCH-056). */
static void keep_older(const char *path, const char *old, const char *new) {
    bend b;
    SW_SCOPED(sw_buffer) file = SW_BUFFER(SW_COLLATERAL_FILE_LIMIT);
    bend_start(&b, &house);
    edit_tcb_info(&b, old, new, 0);
    assert_int_equal(sw_collateral_encode(&b.e.collateral, NULL, &file, NULL), SW_OK);
    assert_int_equal(sw_file_write(path, sw_buffer_bytes(&file), 0600, SW_WRITE_REPLACE, NULL),
                     SW_OK);
    bend_end(&b);
}

static void test_cache_demands(void **state) {
    (void)state;
    static const struct {
        const char *old, *new, *sentence;
    } table[] = {
        {"\"tcbEvaluationDataNumber\":1", "\"tcbEvaluationDataNumber\":0", "are 0 and 1"},
        {"\"issueDate\":\"2026-08-22", "\"issueDate\":\"2026-08-19", "older than"},
    };
    char path[160];
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        sw_error err = {0};
        sw_collateral_source s = source_of("good");
        s.cache_folder = cache;
        cache_file(path, "standard");
        good(&s);
        keep_older(path, table[i].old, table[i].new);
        (void)pcs_asked(&service);
        SW_SCOPED(sw_arena) a = {0};
        sw_collateral c;
        assert_int_equal(sw_collateral_fetch(&s, &a, house.good.quote, &c, NULL, NULL), SW_OK);
        assert_int_equal(pcs_asked(&service), 0); /* without a demand it will do */
        s.minimum_evaluation_number = sw_sim_platform.evaluation_number;
        s.max_age_ms = 32 * FORGE_DAY;
        s.offline = true;
        assert_int_equal(fetch(&s, &err), SW_REFUSED);
        assert_non_null(strstr(err.message, table[i].sentence));
        assert_non_null(strstr(err.message, "the cache holds no collateral"));
        s.offline = false;
        good(&s); /* fetched anew, kept, and not asked for again */
        assert_int_equal(pcs_asked(&service), 4);
        good(&s);
        assert_int_equal(pcs_asked(&service), 0);
    }
}

/* A service that has nothing better is refused here, before a verifier refuses it. */
static void test_service_demands(void **state) {
    (void)state;
    sw_error err = {0};
    sw_collateral_source s = source_of("good");
    int64_t until = 0;
    SW_SCOPED(sw_arena) a = {0};
    sw_collateral c;
    s.minimum_evaluation_number = 2;
    assert_int_equal(fetch(&s, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "are 1 and 1, and the machine policy demands 2"));
    assert_string_equal(err.word, "policy");
    s = source_of("good");
    s.max_age_ms = 30 * FORGE_DAY; /* exactly: the folder is as old */
    assert_int_equal(sw_collateral_fetch(&s, &a, house.good.quote, &c, &until, NULL), SW_OK);
    assert_true(until == FORGE_NOW); /* what is in hand is fetched anew before it is too old */
    now_ms = FORGE_NOW + 1;
    assert_int_equal(fetch(&s, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "older than the machine policy accepts"));
}

static void test_early(void **state) {
    (void)state;
    char path[160];
    SW_SCOPED(sw_buffer) asked = SW_BUFFER(1 << 16);
    sw_collateral_source s = source_of("good");
    s.cache_folder = cache;
    s.early = true;
    cache_file(path, "early");
    (void)pcs_asked(&service);
    good(&s);
    assert_true(sw_path_exists(path));
    assert_int_equal(sw_file_read(service.asked, 1 << 16, &asked, NULL), SW_OK);
    sw_put_u8(&asked, 0);
    assert_non_null(strstr((char *)asked.data, "/tcb?fmspc="));
    assert_non_null(strstr((char *)asked.data, "&update=early "));
    assert_non_null(strstr((char *)asked.data, "/qe/identity?update=early "));
    assert_int_equal(pcs_asked(&service), 4);
}

/* ---- the file (MCH-070 to MCH-075) ---- */
static const sw_bytes OCSP_ANSWERS[] = {{(const uint8_t *)"\x30\x03\x0a\x01\x06", 5}};
static const sw_bytes MANIFESTS[] = {{(const uint8_t *)"<a/>", 4}, {(const uint8_t *)"<b/>", 4}};
static const sw_gpu_collateral DEVICES = {
    .rims = MANIFESTS, .rim_count = 2, .ocsp = OCSP_ANSWERS, .ocsp_count = 1};

static void bundle(sw_buffer *out, const sw_gpu_collateral *gpu) {
    assert_int_equal(sw_collateral_encode(&house.good.collateral, gpu, out, NULL), SW_OK);
}

static void test_file(void **state) {
    (void)state;
    static const struct {
        bool quote;
        const sw_gpu_collateral *gpus;
    } table[] = {{true, NULL}, {true, &DEVICES}, {false, &DEVICES}};
    for (size_t i = 0; i < COUNT(table); i++) {
        SW_SCOPED(sw_arena) a = {0};
        SW_SCOPED(sw_buffer) once = SW_BUFFER(SW_COLLATERAL_FILE_LIMIT);
        SW_SCOPED(sw_buffer) twice = SW_BUFFER(SW_COLLATERAL_FILE_LIMIT);
        sw_collateral c = {0};
        sw_gpu_collateral gpu;
        const sw_collateral *given = table[i].quote ? &house.good.collateral : NULL;
        assert_int_equal(sw_collateral_encode(given, table[i].gpus, &once, NULL), SW_OK);
        assert_int_equal(sw_collateral_parse(&a, sw_buffer_bytes(&once), &c, &gpu, NULL), SW_OK);
        assert_int_equal(gpu.rim_count, table[i].gpus == NULL ? 0 : 2);
        assert_int_equal(gpu.ocsp_count, table[i].gpus == NULL ? 0 : 1);
        assert_int_equal(c.tcb_info.text.size > 0, table[i].quote);
        const sw_collateral *found = table[i].quote ? &c : NULL;
        assert_int_equal(sw_collateral_encode(found, &gpu, &twice, NULL), SW_OK);
        assert_true(sw_bytes_equal(sw_buffer_bytes(&once), sw_buffer_bytes(&twice)));
    }
}

static sw_status parse(sw_bytes json) {
    SW_SCOPED(sw_arena) a = {0};
    sw_collateral c = {.pck_crl = SW_LITERAL("before")};
    sw_gpu_collateral gpu = {.rim_count = 77};
    sw_collateral_facts facts;
    sw_error err = {0};
    sw_status status = sw_collateral_parse(&a, json, &c, &gpu, &err);
    if (status != SW_OK) {
        assert_true(sw_bytes_is(c.pck_crl, "before"));
        assert_int_equal(gpu.rim_count, 77);
        assert_true(err.message[0] != 0);
        return status;
    }
    return sw_collateral_judge(house.good.quote, &c, &house.policy, FORGE_NOW, &facts, NULL);
}

static void test_file_bent(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_COLLATERAL_FILE_LIMIT);
    bundle(&json, NULL);
    assert_int_equal(parse(sw_buffer_bytes(&json)), SW_OK);
    for (size_t i = 0; i < json.size; i++)
        assert_int_not_equal(parse(SW_BYTES(json.data, i)), SW_OK);
    size_t held = 0;
    for (size_t i = 0; i < json.size; i += 5) {
        json.data[i] ^= (uint8_t)(1 << (i / 5 % 7));
        held += parse(sw_buffer_bytes(&json)) == SW_OK;
        json.data[i] ^= (uint8_t)(1 << (i / 5 % 7));
    }
    assert_int_equal(held, 0);
    sw_put_u8(&json, '\n');
    assert_int_equal(parse(sw_buffer_bytes(&json)), SW_MALFORMED);
}

/* Replaces one piece of the bundle with devices by another. */
static void test_file_refusals(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
    } table[] = {
        {"sealwright/collateral/v1", "sealwright/collateral/v2"},
        {"\"kind\":", "\"kinds\":"},
        {"\"rims\":[", "\"rims\":[7,"},
        {"\"rims\":[", "\"rims\":[\"\","},
        {"\"ocsp\":[", "\"ocsp\":[\"\","},
        {"\"ocsp\":[\"MAMKAQY=\"]", "\"ocsp\":[\"MAMKAQZ=\"]"},
        {"\"ocsp\":[\"MAMKAQY=\"]", "\"ocsp\":{}"},
        {"\"gpu\":{", "\"gpu\":{\"a\":1,"},
        {"\"collateral\":{", "\"collateral\":{\"a\":1,"},
        {"\"pck_crl\":\"MI", "\"pck_crl\":\"-I"},
        {"{\"collateral\"", "{ \"collateral\""},
        {"\"rims\":[\"<a/>\"", "\"rims\":[\"\\u003ca/>\""},
    };
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_COLLATERAL_FILE_LIMIT);
    bundle(&json, &DEVICES);
    sw_put_u8(&json, 0);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        SW_SCOPED(sw_buffer) bent = SW_BUFFER(SW_COLLATERAL_FILE_LIMIT);
        const char *text = (const char *)json.data, *at = strstr(text, table[i].from);
        if (at == NULL) fail_msg("row %zu is not there", i);
        sw_put_bytes(&bent, SW_BYTES(text, (size_t)(at - text)));
        sw_put_text(&bent, table[i].to);
        sw_put_text(&bent, at + strlen(table[i].from));
        if (parse(sw_buffer_bytes(&bent)) == SW_OK) fail_msg("row %zu is taken", i);
    }
}

/* A bundle is for a quote, for GPUs, or for both (MCH-076). */
static void test_file_of_gpus(void **state) {
    (void)state;
    static const struct {
        const char *members;
        sw_status status;
    } table[] = {
        {"\"gpu\":{\"ocsp\":[],\"rims\":[\"<a/>\"]},", SW_OK},
        {"\"gpu\":{\"ocsp\":[],\"rims\":[]},", SW_MALFORMED},
        {"\"gpu\":{\"ocsp\":[\"MAMKAQY=\"],\"rims\":[]},", SW_MALFORMED},
        {"", SW_MALFORMED},
        {"\"collateral\":{},\"gpu\":{\"ocsp\":[],\"rims\":[\"<a/>\"]},", SW_MALFORMED},
        {"\"collateral\":null,\"gpu\":{\"ocsp\":[],\"rims\":[\"<a/>\"]},", SW_MALFORMED},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_collateral c = {0};
        sw_gpu_collateral gpu;
        char json[256];
        (void)snprintf(json, sizeof json, "{%s\"kind\":\"%s\"}", table[i].members,
                       SW_COLLATERAL_KIND);
        sw_status status = sw_collateral_parse(&a, sw_text(json), &c, &gpu, NULL);
        if (status != table[i].status) fail_msg("row %zu: %d", i, status);
        assert_int_equal(c.tcb_info.text.size, 0);
    }
}

/* ---- spellings of headers and lists ---- */
static void test_spellings(void **state) {
    (void)state;
    static const struct {
        const char *body;
        sw_status status;
    } lists[] = {
        {"3003", SW_OK},
        {"", SW_MALFORMED},
        {"300", SW_MALFORMED},
        {"30 03", SW_MALFORMED},
        {"3003\r\n", SW_OK},
        {"\n3003", SW_MALFORMED},
        {"MAMKAQY=\n", SW_OK},
        {"MAMKAQY", SW_MALFORMED},
        {"MAMKAQY=\n ", SW_MALFORMED},
        {"-----BEGIN X509 CRL-----\nMAMKAQY=\n-----END X509 CRL-----\n", SW_OK},
        {"-----BEGIN X509 CRL-----\nMAMKAQY=\n", SW_MALFORMED},
        {"-----BEGIN CERTIFICATE-----\nMAMKAQY=\n-----END CERTIFICATE-----\n", SW_MALFORMED},
    };
    static const char *const chains[] = {"", "%", "%2", "%2g", "abc", "%00", "%41%42", "a b"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_bytes der = {0};
        if (sw_pcs_list_parse(&a, sw_text(lists[i].body), &der, NULL) != lists[i].status)
            fail_msg("list %zu", i);
    }
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_bytes pem = {0};
        if (sw_pcs_chain_parse(&a, sw_text(chains[i]), &pem, NULL) != SW_MALFORMED)
            fail_msg("chain %zu", i);
    }
}

/* One chain as different services encode it: bytes, lines and spaces. */
static void test_chain_spellings(void **state) {
    (void)state;
    static const struct {
        const char *line, *space;
        bool plus, last; /* base64's plus is escaped; the last line ends */
        sw_status status;
    } table[] = {
        {"%0A", "%20", true, true, SW_OK},      {"%0a", "%20", false, true, SW_OK},
        {"%0D%0A", "%20", true, true, SW_OK},   {"%0A", "%20", true, false, SW_OK},
        {"%0A", "+", true, true, SW_OK},        {"%0D%0A", "+", true, false, SW_OK},
        {"%0A", "-", true, true, SW_MALFORMED}, {"%0A!", "%20", true, true, SW_MALFORMED},
        {"+", "%20", true, true, SW_MALFORMED},
    };
    const sw_bytes chain = house.good.collateral.tcb_info.issuer_chain;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        SW_SCOPED(sw_buffer) field = SW_BUFFER(1 << 16);
        SW_SCOPED(sw_arena) a = {0};
        sw_bytes pem = {0};
        for (size_t k = 0; k + !table[i].last < chain.size; k++) {
            char c = (char)chain.data[k], one[2] = {c, 0};
            sw_put_text(&field, c == '\n'                   ? table[i].line
                                : c == ' '                  ? table[i].space
                                : c == '+' && table[i].plus ? "%2B"
                                                            : one);
        }
        if (sw_pcs_chain_parse(&a, sw_buffer_bytes(&field), &pem, NULL) != table[i].status)
            fail_msg("spelling %zu", i);
        if (table[i].status == SW_OK) assert_true(sw_bytes_equal(pem, chain));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain_spellings), cmocka_unit_test(test_service),
        cmocka_unit_test(test_dishonest),       cmocka_unit_test(test_tls),
        cmocka_unit_test(test_proxy),           cmocka_unit_test(test_judged),
        cmocka_unit_test(test_cache),           cmocka_unit_test(test_cache_spoilt),
        cmocka_unit_test(test_early),           cmocka_unit_test(test_cache_demands),
        cmocka_unit_test(test_service_demands), cmocka_unit_test(test_file),
        cmocka_unit_test(test_file_bent),       cmocka_unit_test(test_file_refusals),
        cmocka_unit_test(test_file_of_gpus),    cmocka_unit_test(test_spellings),
    };
    return cmocka_run_group_tests_name("collateral", tests, setup, teardown);
}
