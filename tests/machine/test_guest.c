/* SPDX-License-Identifier: Apache-2.0
 *
 * dstack's guest agent as a client sees it: agents of 0.5.4 to 0.6, and services that are none
 * (MCH-040 to MCH-049); and with it HTTP over a unix socket (MCH-001 to MCH-008).
 */
#include "cmocka_plain.h"

#include "http/fetch.h"
#include "machine/agent.h"
#include "machine/collect.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static agent service;
static sw_guest *guest;
static char seen_method[64], seen_body[4096];

/* ---- agents by version ---- */
static const char *version = "0.5.11"; /* "": an agent before 0.5.7 */
static bool emits = true;

static void refuse(sw_buffer *raw, const char *text) {
    SW_SCOPED(sw_buffer) body = SW_BUFFER(4096);
    sw_put_format(&body, "{\n  \"error\": \"%s\"\n}", text);
    agent_put(raw, "400 Bad Request", sw_buffer_bytes(&body));
}

static void by_version(agent *a, const char *method, sw_bytes body, sw_buffer *raw) {
    (void)a;
    (void)snprintf(seen_method, sizeof seen_method, "%s", method);
    size_t kept = body.size < sizeof seen_body - 1 ? body.size : sizeof seen_body - 1;
    memcpy(seen_body, body.data, kept);
    seen_body[kept] = 0;
    if (strcmp(method, "Version") == 0 && version[0] != 0) {
        SW_SCOPED(sw_buffer) json = SW_BUFFER(256);
        sw_put_format(&json, "{\"version\":\"%s\",\"rev\":\"abc\"}", version);
        agent_put(raw, "200 OK", sw_buffer_bytes(&json));
    } else if (strcmp(method, "EmitEvent") == 0 && emits) {
        agent_ok(raw, "{}");
    } else if (strcmp(method, "GetKey") == 0) {
        agent_ok(raw,
                 "{\"key\":\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\","
                 "\"signature_chain\":[\"00\",\"01\"]}");
    } else if (strcmp(method, "GetQuote") == 0) {
        agent_ok(raw, "{\"quote\":\"00\",\"event_log\":\"[]\"}");
    } else {
        refuse(raw, "Method not found");
    }
}

static int setup(void **state) {
    (void)state;
    service.answer = by_version;
    if (!agent_start(&service)) return -1;
    return sw_guest_open(service.path, &guest, NULL) == SW_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    sw_guest_close(&guest);
    agent_stop(&service);
    return 0;
}

static int plain(void **state) {
    (void)state;
    service.answer = by_version;
    return 0;
}

static void test_versions(void **state) {
    (void)state;
    static const char *const table[] = {"", "0.5.7", "0.5.11", "0.6.0"};
    char text[32];
    for (size_t i = 0; i < COUNT(table); i++) {
        version = table[i];
        assert_int_equal(sw_guest_version(guest, text, NULL), SW_OK);
        assert_string_equal(text, table[i]);
        assert_string_equal(seen_method, "Version");
        assert_string_equal(seen_body, "{}");
    }
    assert_non_null(strstr(service.head, "POST /Version HTTP/1.1\r\n"));
    assert_non_null(strstr(service.head, "\r\nContent-Type: application/json\r\n"));
    assert_null(strstr(service.head, "Expect"));
}

static void test_quote(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(SW_GUEST_ANSWER_LIMIT);
    sw_report_data report = {{0xab, 1}};
    assert_int_equal(sw_guest_quote(guest, &report, &answer, NULL), SW_OK);
    assert_true(sw_bytes_is(sw_buffer_bytes(&answer), "{\"quote\":\"00\",\"event_log\":\"[]\"}"));
    assert_string_equal(seen_method, "GetQuote");
    assert_non_null(strstr(seen_body, "{\"report_data\":\"ab010000"));
    assert_int_equal(strlen(seen_body), 128 + 18);
}

static void test_emit(void **state) {
    (void)state;
    const sw_event event = {SW_LITERAL("mine"), SW_LITERAL("\1\xff"), false};
    const sw_event bad = {SW_LITERAL("a:b"), {0}, false};
    sw_error err = {0};
    assert_int_equal(sw_guest_emit(guest, &event, NULL), SW_OK);
    assert_string_equal(seen_body, "{\"event\":\"mine\",\"payload\":\"01ff\"}");
    emits = false;
    assert_int_equal(sw_guest_emit(guest, &event, &err), SW_REFUSED);
    assert_string_equal(err.word, "agent");
    assert_string_equal(err.message, "the guest agent refuses EmitEvent: Method not found");
    unsigned before = service.calls;
    assert_int_equal(sw_guest_emit(guest, &bad, &err), SW_REFUSED);
    assert_int_equal(service.calls, before);
}

static void test_key(void **state) {
    (void)state;
    uint8_t key[32];
    assert_int_equal(sw_guest_key(guest, "a/b", "sealing", key, NULL), SW_OK);
    assert_string_equal(seen_body, "{\"path\":\"a/b\",\"purpose\":\"sealing\"}");
    for (size_t i = 0; i < 32; i++) assert_int_equal(key[i], i);
}

/* ---- Info ---- */
static const char *info;
static void informs(agent *a, const char *method, sw_bytes body, sw_buffer *raw) {
    (void)a;
    (void)method;
    (void)body;
    agent_ok(raw, info);
}

static void test_compose(void **state) {
    (void)state;
    static const struct {
        const char *json;
        sw_status status;
    } table[] = {
        {"{\"compose_hash\":\"0102030000000000000000000000000000000000000000000000000000000000\"}",
         SW_OK},
        {"{\"app_id\":\"00\",\"tcb_info\":\"{}\"}", SW_MISSING},
        {"{\"compose_hash\":\"\"}", SW_MISSING},
        {"{\"compose_hash\":\"01\"}", SW_MALFORMED},
        {"{\"compose_hash\":7}", SW_MALFORMED},
        {"[]", SW_MISSING},
        {"", SW_MALFORMED},
        {"{", SW_MALFORMED},
    };
    service.answer = informs;
    for (size_t i = 0; i < COUNT(table); i++) {
        sw_hash hash = {0};
        sw_error err = {0};
        info = table[i].json;
        sw_status status = sw_guest_compose(guest, &hash, &err);
        if (status != table[i].status) fail_msg("row %zu: %d %s", i, status, err.message);
        assert_int_equal(hash.b[2], status == SW_OK ? 3 : 0);
    }
}

/* ---- what is no agent ---- */
static const char *_Atomic raw_answer;
static _Atomic size_t raw_fill; /* so many 'x' behind it */
static _Atomic unsigned raw_sleep_ms;
static void raw(agent *a, const char *method, sw_bytes body, sw_buffer *out) {
    (void)a;
    (void)method;
    (void)body;
    sw_put_text(out, raw_answer);
    uint8_t *space = sw_put_space(out, raw_fill);
    if (space != NULL) memset(space, 'x', raw_fill);
    (void)usleep(raw_sleep_ms * 1000);
}

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

static void test_answers(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        sw_status status;
        const char *sentence;
    } table[] = {
        {"", SW_UNAVAILABLE, "does not answer"},
        {"x", SW_UNAVAILABLE, "does not answer"},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", SW_MISSING, "no method GetQuote"},
        {"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", SW_UNAVAILABLE, "HTTP status 500"},
        {"HTTP/1.1 302 X\r\nLocation: http://dstack/Other\r\nContent-Length: 0\r\n\r\n",
         SW_UNAVAILABLE, "HTTP status 302"},
        {OK_HEAD "Content-Length: 9\r\n\r\nshort", SW_UNAVAILABLE, "does not answer"},
        {"HTTP/1.1 400 X\r\nContent-Length: 2\r\n\r\n{}", SW_REFUSED, "refuses GetQuote"},
        {"HTTP/1.1 400 X\r\nContent-Length: 14\r\n\r\n{\"error\":\"no\"}", SW_REFUSED,
         "refuses GetQuote: no"},
        {"HTTP/1.1 400 X\r\nContent-Length: 19\r\n\r\n{\"error\":\"\\u001b[m\"}", SW_REFUSED,
         "refuses GetQuote"},
        {"HTTP/1.1 400 X\r\nContent-Length: 4\r\n\r\n\n\2no", SW_REFUSED, "refuses GetQuote"},
    };
    const sw_report_data report = {0};
    service.answer = raw;
    for (size_t i = 0; i < COUNT(table); i++) {
        SW_SCOPED(sw_buffer) answer = SW_BUFFER(SW_GUEST_ANSWER_LIMIT);
        sw_error err = {0};
        raw_answer = table[i].answer;
        sw_status status = sw_guest_quote(guest, &report, &answer, &err);
        if (status != table[i].status || strstr(err.message, table[i].sentence) == NULL)
            fail_msg("row %zu: %d %s", i, status, err.message);
        assert_null(strchr(err.message, 27)); /* no escape sequence reaches a terminal */
        assert_int_equal(answer.size, 0);
    }
}

static void test_large(void **state) {
    (void)state;
    const sw_report_data report = {0};
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(2 * SW_GUEST_ANSWER_LIMIT);
    sw_error err = {0};
    service.answer = raw;
    raw_answer = OK_HEAD "Connection: close\r\n\r\n";
    raw_fill = SW_GUEST_ANSWER_LIMIT;
    assert_int_equal(sw_guest_quote(guest, &report, &answer, &err), SW_OK);
    assert_int_equal(answer.size, SW_GUEST_ANSWER_LIMIT);
    raw_fill++;
    assert_int_equal(sw_guest_quote(guest, &report, &answer, &err), SW_LIMIT);
    raw_fill = 0;
}

static void test_places(void **state) {
    (void)state;
    sw_guest *other = NULL;
    sw_error err = {0};
    char longer[200];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    assert_int_equal(sw_guest_open("/nowhere.sock", &other, &err), SW_MISSING);
    assert_int_equal(sw_guest_open("/tmp", &other, &err), SW_MISSING);
    assert_int_equal(sw_guest_open(longer, &other, &err), SW_MISSING);
    if (access("/var/run/dstack.sock", F_OK) != 0 && access("/run/dstack", F_OK) != 0) {
        assert_int_equal(sw_guest_open(NULL, &other, &err), SW_MISSING);
        assert_non_null(strstr(err.message, "/var/run/dstack.sock"));
    }
    assert_null(other);
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(100);
    assert_int_equal(sw_guest_call(guest, "", SW_LITERAL("{}"), 1000, &answer, &err), SW_USAGE);
    assert_int_equal(sw_guest_call(guest, "../x", SW_LITERAL("{}"), 1000, &answer, &err), SW_USAGE);
}

/* ---- plain requests ---- */
static const char *const FIELDS[] = {"X-One", "X-Two", NULL};

static sw_status fetch(const char *answer, sw_fetch_reply *reply, sw_error *err) {
    service.answer = raw;
    raw_answer = answer;
    const sw_fetch_request q = {.url = "http://dstack/x?y=1",
                                .unix_socket = service.path,
                                .body_limit = 100,
                                .timeout_ms = 2000,
                                .fields = FIELDS};
    return sw_http_fetch(&q, reply, err);
}

static void test_fields(void **state) {
    (void)state;
    SW_SCOPED(sw_fetch_reply) r = {0};
    assert_int_equal(fetch("HTTP/1.1 100 Continue\r\nX-Two: early\r\n\r\n" OK_HEAD
                           "x-one:  a%20b \r\nX-Three: no\r\nContent-Length: 2\r\n\r\nhi",
                           &r, NULL),
                     SW_OK);
    assert_non_null(strstr(service.head, "GET /x?y=1 HTTP/1.1\r\n"));
    assert_int_equal(r.status, 200);
    assert_true(sw_bytes_is(sw_buffer_bytes(&r.body), "hi"));
    assert_true(sw_bytes_is(sw_buffer_bytes(&r.fields[0]), "a%20b"));
    assert_int_equal(r.fields[1].size, 0);
}

static void test_field_refusals(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        sw_status status;
        const char *sentence;
    } table[] = {
        {OK_HEAD "X-One: a\r\nX-One: b\r\nContent-Length: 0\r\n\r\n", SW_MALFORMED, "twice"},
        {OK_HEAD "X-One: a\x80\r\nContent-Length: 0\r\n\r\n", SW_MALFORMED, "not ASCII"},
        {OK_HEAD "Content-Length: 0\r\nX-Cut: ", SW_UNAVAILABLE, "ends inside the header"},
        {OK_HEAD "Content-Length: 0\r\n", SW_UNAVAILABLE, "ends inside the header"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        sw_fetch_reply r = {0};
        sw_error err = {0};
        sw_status status = fetch(table[i].answer, &r, &err);
        if (status != table[i].status || strstr(err.message, table[i].sentence) == NULL)
            fail_msg("row %zu: %d %s", i, status, err.message);
    }
    SW_SCOPED(sw_buffer) many = SW_BUFFER((size_t)1 << 20);
    sw_put_text(&many, OK_HEAD);
    for (int i = 0; i < 3000; i++) sw_put_format(&many, "X-Many-%d: 0123456789\r\n", i);
    sw_put_text(&many, "Content-Length: 0\r\n\r\n");
    sw_put_u8(&many, 0);
    sw_fetch_reply r = {0};
    sw_error err = {0};
    assert_int_equal(fetch((const char *)many.data, &r, &err), SW_LIMIT);
}

static void test_slow(void **state) {
    (void)state;
    sw_fetch_reply r = {0};
    sw_error err = {0};
    raw_sleep_ms = 700;
    service.answer = raw;
    raw_answer = OK_HEAD "Content-Length: 0\r\n\r\n";
    const sw_fetch_request q = {.url = "http://dstack/x",
                                .unix_socket = service.path,
                                .body_limit = 100,
                                .timeout_ms = 100};
    assert_int_equal(sw_http_fetch(&q, &r, &err), SW_UNAVAILABLE);
    assert_string_equal(err.word, "unavailable");
    raw_sleep_ms = 0;
}

static void test_addresses(void **state) {
    (void)state;
    static const struct {
        const char *url, *socket, *proxy;
    } table[] = {
        {"http://example.invalid/", NULL, NULL},
        {"https://", NULL, NULL},
        {"https:///path", NULL, NULL},
        {"https://user@example.invalid/", NULL, NULL},
        {"https://example.invalid/#x", NULL, NULL},
        {"https://example.invalid/a b", NULL, NULL},
        {"https://example.invalid/\n", NULL, NULL},
        {"file:///etc/passwd", NULL, NULL},
        {"", NULL, NULL},
        {"https://dstack/", "/x.sock", NULL},
        {"https://example.invalid/", NULL, "https://proxy.invalid"},
        {"https://example.invalid/", NULL, "socks5://proxy.invalid"},
        {"https://example.invalid/", NULL, "http://name:word@proxy.invalid"},
        {"https://example.invalid/", NULL, ""},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        sw_fetch_reply r = {0};
        const sw_fetch_request q = {.url = table[i].url,
                                    .unix_socket = table[i].socket,
                                    .proxy = table[i].proxy,
                                    .body_limit = 1,
                                    .timeout_ms = 1000};
        if (sw_http_fetch(&q, &r, NULL) != SW_USAGE) fail_msg("row %zu", i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_versions, plain),
        cmocka_unit_test_setup(test_quote, plain),
        cmocka_unit_test_setup(test_emit, plain),
        cmocka_unit_test_setup(test_key, plain),
        cmocka_unit_test(test_compose),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_field_refusals),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
