/* SPDX-License-Identifier: Apache-2.0
 *
 * The server and the client over loopback, and the server against peers of other habits.
 */
#include "http/server.h"

#include <poll.h>

/* ---- what works ---- */
static void test_both_keys_are_seen(void **state) {
    server *s = *state;
    visitor v = {0};
    visitor_open(&v, s);
    assert_int_equal(call(&v, "POST", "/a/b?c=d", SW_LITERAL("four"), NULL), SW_OK);
    seen first = parse_seen(sw_buffer_bytes(&v.answer));
    assert_int_equal(v.status, 200);
    assert_string_equal(first.method, "POST");
    assert_string_equal(first.path, "/a/b");
    assert_int_equal(first.size, 4);
    assert_true(sw_p256_equal(&first.peer, &v.own));
    assert_true(sw_p256_equal(&v.server, &s->public));
    assert_int_equal(call(&v, "GET", "/teapot", (sw_bytes){0}, NULL), SW_OK);
    seen second = parse_seen(sw_buffer_bytes(&v.answer));
    assert_int_equal(v.status, 418);
    assert_string_equal(second.method, "GET");
    assert_int_equal(second.size, 0);
    assert_int_equal(second.connection, first.connection); /* kept alive */
    visitor other = {0};
    visitor_open(&other, s);
    assert_int_equal(call(&other, "POST", "/", (sw_bytes){0}, NULL), SW_OK);
    assert_true(parse_seen(sw_buffer_bytes(&other.answer)).connection != first.connection);
    visitor_close(&other);
    visitor_close(&v);
}

static void test_bodies_up_to_the_limit(void **state) {
    visitor v = {0};
    visitor_open(&v, *state);
    uint8_t *big = calloc(1, SW_HTTP_BODY_LIMIT + 1);
    assert_non_null(big);
    assert_int_equal(call(&v, "POST", "/", SW_BYTES(big, SW_HTTP_BODY_LIMIT), NULL), SW_OK);
    assert_int_equal(parse_seen(sw_buffer_bytes(&v.answer)).size, SW_HTTP_BODY_LIMIT);
    sw_error err = {0};
    sw_status over = call(&v, "POST", "/", SW_BYTES(big, SW_HTTP_BODY_LIMIT + 1), &err);
    assert_true(over == SW_UNAVAILABLE || (over == SW_OK && v.status == 413));
    assert_int_equal(call(&v, "GET", "/large", (sw_bytes){0}, NULL), SW_OK);
    assert_int_equal(v.answer.size, SW_HTTP_BODY_LIMIT);
    assert_int_equal(call(&v, "GET", "/over", (sw_bytes){0}, NULL), SW_OK);
    assert_int_equal(v.status, 500); /* a handler's own limit */
    assert_int_equal(v.answer.size, 0);
    free(big);
    visitor_close(&v);
}

/* ---- refusals of the client ---- */
static void test_addresses(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "https://",
                                      "http://127.0.0.1:1",
                                      "https://user@host:1",
                                      "https://host:1/path",
                                      "https://host:1?q",
                                      "https://host:1#f",
                                      "https://ho st:1",
                                      "https://host\n:1",
                                      "ftp://host:1",
                                      "127.0.0.1:7440",
                                      "file:///etc/passwd"};
    sw_entropy e = sw_entropy_system();
    sw_p256_public public;
    sw_session_key *key = fresh_key(&public);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sw_http_client *c = NULL;
        sw_error err = {0};
        assert_int_equal(sw_http_connect(bad[i], key, &e, &c, &err), SW_USAGE);
        assert_null(c);
    }
    sw_session_key_drop(&key);
}

static void test_nobody_there(void **state) {
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound, not listening: refuses */
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    server nobody = {.port = ntohs(at.sin_port)};
    (void)snprintf(nobody.url, sizeof nobody.url, "https://127.0.0.1:%u", nobody.port);
    visitor v = {0};
    visitor_open(&v, &nobody);
    sw_error err = {0};
    v.status = 7;
    assert_int_equal(call(&v, "GET", "/", (sw_bytes){0}, &err), SW_UNAVAILABLE);
    assert_string_equal(err.word, "unavailable");
    assert_int_equal(v.status, 7);
    visitor_close(&v);
    (void)close(fd);
}

static void test_another_server_at_the_same_place(void **state) {
    (void)state;
    server s = {0};
    start(&s);
    visitor v = {0};
    visitor_open(&v, &s);
    assert_int_equal(call(&v, "GET", "/", (sw_bytes){0}, NULL), SW_OK);
    end_process(&s);
    serve_at(&s, s.port); /* the same key: a new connection, nothing else */
    assert_int_equal(call(&v, "POST", "/", SW_LITERAL("again"), NULL), SW_OK);
    assert_int_equal(parse_seen(sw_buffer_bytes(&v.answer)).size, 5);
    end_process(&s);
    free(s.key);
    uint16_t port = s.port;
    s.key = calloc(1, sizeof *s.key);
    sw_session_key *other = fresh_key(&s.public);
    *s.key = *other;
    sw_session_key_drop(&other);
    serve_at(&s, port);
    sw_error err = {0};
    assert_int_equal(call(&v, "GET", "/", (sw_bytes){0}, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "signature");
    visitor_close(&v);
    end_process(&s);
    free(s.key);
}

/* ---- an answer that got lost ---- */

/* Hands on what comes from either side until the server has begun to answer for the `last` time,
 * the handshake being the first: then both connections end, and nothing of it arrives. */
static void relay(int client, int there, int last) {
    struct pollfd both[2] = {{client, POLLIN, 0}, {there, POLLIN, 0}};
    char bytes[16384];
    int answers = 0;
    for (bool asked = false; poll(both, 2, -1) > 0;) {
        int from = both[1].revents != 0;
        ssize_t got = read(both[from].fd, bytes, sizeof bytes);
        if (from == 1 && asked) answers++;
        asked = from == 0;
        if (got <= 0 || answers == last) return;
        if (write(both[1 - from].fd, bytes, (size_t)got) != got) return;
    }
}

/* In front of `to`: loses the second answer of its first connection and nothing else. */
static void serve_lossy(server *s, const server *to) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    (void)snprintf(s->url, sizeof s->url, "https://127.0.0.1:%u", ntohs(at.sin_port));
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid > 0) {
        (void)close(listener);
        return;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int last = 3;; last = -1) {
        int client = accept(listener, NULL, NULL), there = dial(to);
        relay(client, there, last);
        (void)close(there);
        (void)close(client);
    }
}

/* KMS-009. A GET is asked again, which changes nothing. */
static void test_a_post_is_sent_once(void **state) {
    for (size_t get = 0; get < 2; get++) {
        server lossy = {0};
        visitor v = {0};
        sw_error err = {0};
        serve_lossy(&lossy, *state);
        visitor_open(&v, &lossy);
        assert_int_equal(call(&v, "POST", "/", SW_LITERAL("one"), NULL), SW_OK);
        sw_status second = get ? call(&v, "GET", "/", (sw_bytes){0}, &err)
                               : call(&v, "POST", "/", SW_LITERAL("two"), &err);
        assert_int_equal(second, get ? SW_OK : SW_UNAVAILABLE);
        if (!get) assert_non_null(strstr(err.message, "does not answer"));
        assert_int_equal(call(&v, "POST", "/", SW_LITERAL("three"), NULL), SW_OK);
        assert_int_equal(parse_seen(sw_buffer_bytes(&v.answer)).size, 5);
        visitor_close(&v);
        assert_int_equal(kill(lossy.pid, SIGKILL), 0);
        assert_int_equal(waitpid(lossy.pid, NULL, 0), lossy.pid);
    }
}

/* ---- peers of other habits, by OpenSSL alone ---- */
static const char get_root[] = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

static void test_without_a_certificate(void **state) {
    stranger t;
    char answer[4096];
    stranger_open(&t);
    assert_true(stranger_asks(&t, *state, get_root, answer));
    assert_non_null(strstr(answer, "200 OK"));
    assert_int_equal(SSL_version(t.ssl), TLS1_3_VERSION);
    assert_false(SSL_SESSION_is_resumable(SSL_get0_session(t.ssl))); /* no ticket came */
    assert_false(SSL_session_reused(t.ssl));
    stranger_close(&t);
}

static void test_other_versions_and_curves(void **state) {
    char answer[4096];
    stranger t;
    stranger_open(&t);
    assert_int_equal(SSL_CTX_set_max_proto_version(t.ctx, TLS1_2_VERSION), 1);
    assert_false(stranger_asks(&t, *state, get_root, answer));
    stranger_close(&t);
    static const char *const curves[] = {"X25519", "P-384", "P-521"};
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        stranger_open(&t);
        assert_int_equal(SSL_CTX_set1_groups_list(t.ctx, curves[i]), 1);
        assert_false(stranger_asks(&t, *state, get_root, answer));
        stranger_close(&t);
    }
}

static X509 *certificate_for(EVP_PKEY *subject, EVP_PKEY *signer) {
    X509 *made = X509_new();
    assert_non_null(made);
    assert_int_equal(X509_set_version(made, 2), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -60);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                               (const uint8_t *)"stranger", -1, -1, 0);
    X509_set_issuer_name(made, X509_get_subject_name(made));
    X509_set_pubkey(made, subject);
    assert_true(X509_sign(made, signer, EVP_sha256()) > 0);
    return made;
}

/* Did the server see a key? */
static bool is_known(const char *answer, size_t size) {
    static const sw_p256_public none;
    const char *body = strstr(answer, "\r\n\r\n");
    assert_non_null(body);
    seen s = parse_seen(SW_BYTES(body + 4, size - (size_t)(body + 4 - answer)));
    return !sw_p256_equal(&s.peer, &none);
}

/* Clients whose certificate is not a lone self-signed P-256 one are nobody, or hear nothing. */
static void test_other_certificates(void **state) {
    enum { GOOD, RSA_KEY, P384_KEY, NOT_SELF_SIGNED, CHAIN, CASES };
    for (int i = GOOD; i < CASES; i++) {
        EVP_PKEY *key = i == RSA_KEY    ? EVP_RSA_gen(2048)
                        : i == P384_KEY ? EVP_EC_gen("P-384")
                                        : EVP_EC_gen("P-256");
        EVP_PKEY *other = EVP_EC_gen("P-256");
        X509 *cert = certificate_for(key, i == NOT_SELF_SIGNED ? other : key);
        X509 *extra = certificate_for(other, other);
        stranger t;
        char answer[4096];
        stranger_open(&t);
        assert_int_equal(SSL_CTX_use_certificate(t.ctx, cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(t.ctx, key), 1);
        if (i == CHAIN) assert_int_equal(SSL_CTX_add1_chain_cert(t.ctx, extra), 1);
        int got = stranger_asks(&t, *state, get_root, answer);
        assert_true(i != GOOD || got > 0);
        if (got > 0) assert_int_equal(is_known(answer, (size_t)got), i == GOOD);
        stranger_close(&t);
        X509_free(cert);
        X509_free(extra);
        EVP_PKEY_free(key);
        EVP_PKEY_free(other);
    }
}

/* Refused under the right status, and in the handler's words. */
static void refused_as(const server *s, const char *request, const char *status) {
    char answer[4096], words[32];
    stranger t;
    stranger_open(&t);
    assert_true(stranger_asks(&t, s, request, answer) > 0);
    (void)snprintf(words, sizeof words, "\r\n\r\nrefused %s", status);
    assert_memory_equal(answer, "HTTP/1.", 7);
    assert_memory_equal(answer + 9, status, 3);
    const char *body = strstr(answer, words);
    assert_non_null(body);
    assert_string_equal(body, words); /* and nothing behind it */
    assert_non_null(strstr(answer, "Content-Length: 11\r\n"));
    assert_null(strstr(answer, "HTML"));
    stranger_close(&t);
}

static void test_other_requests(void **state) {
    static const struct {
        const char *request, *status;
    } table[] = {{"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "501"},
                 {"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", "501"},
                 {"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "501"},
                 {"nonsense\r\n\r\n", "400"},
                 {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", "413"},
                 {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8388609\r\n\r\n", "413"},
                 {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", "400"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        refused_as(*state, table[i].request, table[i].status);
    char *request = calloc(1, 64 << 10);
    assert_non_null(request);
    size_t used = (size_t)sprintf(request, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
    memset(request + used, 'x', SW_HTTP_HEADER_LIMIT + 100);
    (void)strcat(request, "\r\n\r\n");
    refused_as(*state, request, "400");
    (void)sprintf(request, "GET /%0300d HTTP/1.1\r\nHost: x\r\n\r\n", 0);
    refused_as(*state, request, "404");
    free(request);
}

static void test_nothing_is_answered_in_clear(void **state) {
    server *s = *state;
    int fd = dial(s);
    assert_int_equal(write(fd, get_root, strlen(get_root)), strlen(get_root));
    char answer[256] = {0};
    ssize_t got;
    while ((got = read(fd, answer, sizeof answer - 1)) > 0) {
        answer[got] = 0;
        assert_null(strstr(answer, "HTTP"));
    }
    (void)close(fd);
}

static void test_a_place_that_is_taken(void **state) {
    server *s = *state;
    sw_entropy e = sw_entropy_system();
    sw_http_server *http = NULL;
    uint16_t bound = 9;
    sw_error err = {0};
    assert_int_equal(
        sw_http_listen("127.0.0.1", s->port, s->key, &e, echo, NULL, &http, &bound, &err), SW_IO);
    assert_null(http);
    assert_int_equal(bound, 9);
    assert_int_equal(sw_http_listen("no such host", 0, s->key, &e, echo, NULL, &http, &bound, &err),
                     SW_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_keys_are_seen),
        cmocka_unit_test(test_bodies_up_to_the_limit),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_another_server_at_the_same_place),
        cmocka_unit_test(test_a_post_is_sent_once),
        cmocka_unit_test(test_without_a_certificate),
        cmocka_unit_test(test_other_versions_and_curves),
        cmocka_unit_test(test_other_certificates),
        cmocka_unit_test(test_other_requests),
        cmocka_unit_test(test_nothing_is_answered_in_clear),
        cmocka_unit_test(test_a_place_that_is_taken),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("http", tests, setup, teardown);
}
