/* SPDX-License-Identifier: Apache-2.0
 *
 * A server that echoes, in a child process on a port of the system's choice, ended by its pid; the
 * client as a visitor; and strangers, made with OpenSSL alone.
 */
#ifndef SW_TESTS_HTTP_SERVER_H
#define SW_TESTS_HTTP_SERVER_H
#include "http/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct server {
    pid_t pid;
    uint16_t port;
    char url[64];
    sw_session_key *key;
    sw_p256_public public;
} server;

/* Answers what it saw: method, path, connection, peer's key or zeros, body size; /large answers
 * `limit` bytes, /over one more, /teapot a status. */
static inline void echo(void *context, const sw_http_request *q, sw_http_reply *reply) {
    (void)context;
    if (q->refused != 0) {
        sw_put_format(&reply->body, "refused %d", q->refused);
        return;
    }
    if (strcmp(q->path, "/large") == 0 || strcmp(q->path, "/over") == 0) {
        size_t size = SW_HTTP_BODY_LIMIT;
        uint8_t *to = sw_put_space(&reply->body, size);
        if (to != NULL) memset(to, 'x', size);
        if (q->path[1] == 'o') sw_put_u8(&reply->body, 'x');
        return;
    }
    if (strcmp(q->path, "/teapot") == 0) reply->status = 418;
    static const sw_p256_public none;
    sw_put_field(&reply->body, sw_text(q->method));
    sw_put_field(&reply->body, sw_text(q->path));
    sw_put_u64be(&reply->body, q->connection);
    sw_put_bytes(&reply->body, SW_BYTES(q->has_peer ? q->peer.b : none.b, SW_P256_BYTES));
    sw_put_u64be(&reply->body, q->body.size);
}

static inline void serve_at(server *s, uint16_t port) {
    sw_entropy e = sw_entropy_system();
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
        sw_http_server *http = NULL;
        uint16_t bound = 0;
        sw_status status =
            sw_http_listen("127.0.0.1", port, s->key, &e, echo, NULL, &http, &bound, NULL);
        if (status != SW_OK || write(ready[1], &bound, sizeof bound) != sizeof bound) _exit(1);
        status = sw_http_serve(http, NULL);
        sw_http_close(&http);
        _exit(status == SW_OK ? 0 : 1);
    }
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &s->port, sizeof s->port), sizeof s->port);
    (void)close(ready[0]);
    (void)snprintf(s->url, sizeof s->url, "https://127.0.0.1:%u", s->port);
}

static inline sw_session_key *fresh_key(sw_p256_public *public) {
    sw_entropy e = sw_entropy_system();
    sw_session_key *key = sw_session_key_new();
    assert_non_null(key);
    assert_int_equal(sw_p256_generate(&e, key->b, public, NULL), SW_OK);
    return key;
}

/* MADV_WIPEONFORK takes the key from a child, so the server's key is made again there: the test
 * keeps it in plain memory. */
static inline void start(server *s) {
    s->key = calloc(1, sizeof *s->key);
    assert_non_null(s->key);
    sw_session_key *made = fresh_key(&s->public);
    *s->key = *made;
    sw_session_key_drop(&made);
    serve_at(s, 0);
}

static inline void end_process(server *s) {
    int status = -1;
    assert_int_equal(kill(s->pid, SIGTERM), 0);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static inline int setup(void **state) {
    server *s = calloc(1, sizeof *s);
    if (s == NULL) return -1;
    start(s);
    *state = s;
    return 0;
}

static inline int teardown(void **state) {
    server *s = *state;
    end_process(s);
    free(s->key);
    free(s);
    return 0;
}

typedef struct seen {
    char method[8], path[64];
    uint64_t connection, size;
    sw_p256_public peer;
} seen;

static inline seen parse_seen(sw_bytes answer) {
    seen out = {0};
    sw_reader r = sw_reader_of(answer);
    sw_bytes method = sw_read_field(&r, sizeof out.method - 1);
    sw_bytes path = sw_read_field(&r, sizeof out.path - 1);
    out.connection = sw_read_u64be(&r);
    sw_read_into(&r, out.peer.b, sizeof out.peer.b);
    out.size = sw_read_u64be(&r);
    assert_int_equal(sw_reader_finish(&r, "echo", NULL), SW_OK);
    memcpy(out.method, method.data, method.size);
    memcpy(out.path, path.data, path.size);
    return out;
}

typedef struct visitor {
    sw_http_client *client;
    sw_p256_public own, server;
    int status;
    sw_buffer answer;
} visitor;

static inline void visitor_open(visitor *v, const server *s) {
    sw_entropy e = sw_entropy_system();
    sw_session_key *key = fresh_key(&v->own);
    v->answer = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    assert_int_equal(sw_http_connect(s->url, key, &e, &v->client, NULL), SW_OK);
    sw_session_key_drop(&key);
}

static inline void visitor_close(visitor *v) {
    sw_http_disconnect(&v->client);
    sw_buffer_free(&v->answer);
}

static inline sw_status call(visitor *v, const char *method, const char *path, sw_bytes body,
                             sw_error *err) {
    return sw_http_call(v->client, method, path, body, &v->status, &v->answer, &v->server, err);
}

/* ---- peers of other habits, by OpenSSL alone ---- */
typedef struct stranger {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
} stranger;

static inline int dial(const server *s) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(s->port)};
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static inline void stranger_open(stranger *t) {
    *t = (stranger){.ctx = SSL_CTX_new(TLS_client_method()), .fd = -1};
    assert_non_null(t->ctx);
    SSL_CTX_set_security_level(t->ctx, 0);
}

/* Handshake, one request, the first bytes of the answer; how many, 0 when any of it
 * fails. */
static inline int stranger_asks(stranger *t, const server *s, const char *request,
                                char answer[4096]) {
    t->fd = dial(s);
    t->ssl = SSL_new(t->ctx);
    assert_non_null(t->ssl);
    assert_int_equal(SSL_set_fd(t->ssl, t->fd), 1);
    int got = 0, more = 0;
    if (SSL_connect(t->ssl) == 1 && SSL_write(t->ssl, request, (int)strlen(request)) > 0)
        while (got < 4095 && (more = SSL_read(t->ssl, answer + got, 4095 - got)) > 0) got += more;
    ERR_clear_error();
    answer[got] = 0;
    return got;
}

static inline void stranger_close(stranger *t) {
    SSL_free(t->ssl);
    SSL_CTX_free(t->ctx);
    if (t->fd >= 0) (void)close(t->fd);
}
#endif
