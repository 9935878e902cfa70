/* SPDX-License-Identifier: Apache-2.0
 *
 * The server: libevent speaks HTTP/1.1, one thread calls the handler.
 *
 * Each connection has a slot, freed by OpenSSL telling us that its SSL object dies. Whoever takes
 * the last slot makes the least deserving other one leave (KMS-007), and the listener pauses until
 * that has ended: their number is bounded and nobody is locked out by those who only hold on. A
 * connection leaves by a shutdown of its socket, which libevent takes for its peer's.
 * libevent refuses what it cannot parse by a page of its own, which becomes the handler's answer on
 * its way out, since libevent 2.1 has no other place for that. Nobody is answered in clear. Bodies
 * and headers are bounded by libevent, quiet connections end after IDLE_SECONDS. Stopping is one
 * write to an eventfd, which a signal handler may do. Spec: docs/formats/kms.md, KMS-001.
 */
#include "http/http_internal.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTION_LIMIT 64
#define FIRST_SECONDS    5 /* until the first request is there */
#define IDLE_SECONDS     60
#define PATH_MAX_BYTES   256

typedef struct connection {
    SSL *ssl; /* NULL: the slot is free */
    uint64_t number;
    uint64_t asked; /* when the last whole request came, as a count of requests; 0: none yet */
    unsigned ticks; /* seconds without a first request */
    bool leaving;
    bool has_peer; /* the TLS key that it showed, read at the first request */
    sw_p256_public peer;
} connection;

struct sw_http_server {
    sw_http_handler handler;
    void *context;
    SSL_CTX *tls;
    int ssl_index; /* of the connection in its SSL object; -1 for none */
    struct event_base *base;
    struct evhttp *http;
    struct evconnlistener *listener;
    struct event *stop, *tick, *interrupt, *terminate;
    int stop_fd;
    bool answering;                           /* what goes out is ours */
    uint64_t connection_count, request_count; /* ever */
    connection connections[CONNECTION_LIMIT];
};

/* ---- refusals of libevent's ---- */
/* "HTTP/1.1 413 ...": the status; 0 when this is no whole page. */
static int page_status(struct evbuffer *page) {
    char start[sizeof "HTTP/1.1 413"] = {0};
    if (evbuffer_search(page, "\r\n\r\n<HTML>", 10, NULL).pos < 0 ||
        evbuffer_copyout(page, start, sizeof start - 1) != sizeof start - 1)
        return 0;
    return (int)strtol(start + sizeof "HTTP/1.1", NULL, 10);
}

/* The same refusal with the handler's body. */
static void put_refusal(sw_http_server *s, struct evbuffer *out, int status) {
    const sw_http_request refused = {.refused = status, .method = "", .path = ""};
    sw_http_reply reply = {.body = SW_BUFFER(SW_HTTP_BODY_LIMIT)};
    s->handler(s->context, &refused, &reply);
    (void)evbuffer_add_printf(out,
                              "HTTP/1.1 %d Refused\r\nContent-Type: application/octet-stream\r\n"
                              "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                              status, reply.body.size);
    (void)evbuffer_add(out, reply.body.data, reply.body.size);
    sw_buffer_free(&reply.body);
}

static void something_goes_out(struct evbuffer *out, const struct evbuffer_cb_info *info,
                               void *context) {
    sw_http_server *s = context;
    if (s->answering || info->n_added == 0) return;
    int status = page_status(out);
    if (status == 0) return;
    s->answering = true;
    if (evbuffer_drain(out, evbuffer_get_length(out)) == 0) put_refusal(s, out, status);
    s->answering = false;
}

/* ---- connections ---- */
static int accept_peer(X509_STORE_CTX *store, void *context) {
    (void)context;
    sw_p256_public key;
    if (sw_tls_peer_in_store(store, &key)) return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

static void connection_ended(void *parent, void *slot, CRYPTO_EX_DATA *data, int index, long argl,
                             void *argp) {
    (void)parent, (void)data, (void)index, (void)argl;
    sw_http_server *s = argp;
    if (slot == NULL) return;
    *(connection *)slot = (connection){0};
    if (s->listener != NULL) (void)evconnlistener_enable(s->listener);
}

static void leave(connection *c) {
    c->leaving = true;
    (void)shutdown(SSL_get_fd(c->ssl), SHUT_RDWR);
}

static connection *free_slot(sw_http_server *s) {
    for (size_t i = 0; i < CONNECTION_LIMIT; i++)
        if (s->connections[i].ssl == NULL) return &s->connections[i];
    return NULL;
}

/* Does `a` leave before `b`? Who has not asked, the oldest first; then who asked longest ago. */
static bool leaves_before(const connection *a, const connection *b) {
    return a->asked != b->asked ? a->asked < b->asked : a->number < b->number;
}

/* All slots are taken, the last one by `newest`: the listener pauses until one is free again. */
static void make_room(sw_http_server *s, const connection *newest) {
    connection *last = NULL;
    (void)evconnlistener_disable(s->listener);
    for (size_t i = 0; i < CONNECTION_LIMIT; i++) {
        connection *c = &s->connections[i];
        if (c->leaving) return;
        if (c != newest && (last == NULL || leaves_before(c, last))) last = c;
    }
    leave(last);
}

/* Without memory this gives NULL and libevent falls back to a connection in clear:
 * `request_arrives` answers none of those. */
static struct bufferevent *connection_begins(struct event_base *base, void *context) {
    sw_http_server *s = context;
    connection *c = free_slot(s);
    SSL *ssl = c == NULL ? NULL : SSL_new(s->tls);
    if (ssl == NULL) return NULL;
    if (SSL_set_ex_data(ssl, s->ssl_index, c) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    *c = (connection){.ssl = ssl, .number = ++s->connection_count};
    if (free_slot(s) == NULL) make_room(s, c);
    struct bufferevent *bev = bufferevent_openssl_socket_new(
        base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (bev != NULL) (void)evbuffer_add_cb(bufferevent_get_output(bev), something_goes_out, s);
    return bev;
}

/* Once a second. */
static void tick(evutil_socket_t fd, short what, void *context) {
    (void)fd, (void)what;
    sw_http_server *s = context;
    for (size_t i = 0; i < CONNECTION_LIMIT; i++) {
        connection *c = &s->connections[i];
        if (c->ssl != NULL && c->asked == 0 && !c->leaving && ++c->ticks > FIRST_SECONDS) leave(c);
    }
}

/* ---- requests ---- */
static const char *method_name(struct evhttp_request *req) {
    return evhttp_request_get_command(req) == EVHTTP_REQ_POST ? "POST" : "GET";
}

/* The path without its query; false when it is longer than any that exists here. */
static bool path_of(struct evhttp_request *req, char out[PATH_MAX_BYTES]) {
    const char *uri = evhttp_request_get_uri(req);
    size_t size = uri == NULL ? 0 : strcspn(uri, "?#");
    if (size == 0 || size >= PATH_MAX_BYTES) return false;
    memcpy(out, uri, size);
    out[size] = 0;
    return true;
}

static void send_reply(struct evhttp_request *req, const sw_http_reply *reply) {
    struct evbuffer *body = evbuffer_new();
    bool whole = body != NULL && !reply->body.failed &&
                 evbuffer_add(body, reply->body.data, reply->body.size) == 0;
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    (void)evhttp_add_header(headers, "Content-Type", "application/octet-stream");
    (void)evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_send_reply(req, whole ? reply->status : HTTP_INTERNAL, NULL, whole ? body : NULL);
    if (body != NULL) evbuffer_free(body);
}

static void request_arrives(struct evhttp_request *req, void *context) {
    sw_http_server *s = context;
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
    const SSL *ssl = bufferevent_openssl_get_ssl(bev);
    char path[PATH_MAX_BYTES];
    if (ssl == NULL || !path_of(req, path)) {
        evhttp_send_error(req, HTTP_NOTFOUND, NULL);
        return;
    }
    connection *c = SSL_get_ex_data(ssl, s->ssl_index);
    if (c->asked == 0) c->has_peer = sw_tls_peer_of(ssl, &c->peer);
    c->asked = ++s->request_count;
    struct evbuffer *input = evhttp_request_get_input_buffer(req);
    size_t size = evbuffer_get_length(input);
    const sw_http_request made = {.method = method_name(req),
                                  .path = path,
                                  .body =
                                      SW_BYTES(size == 0 ? NULL : evbuffer_pullup(input, -1), size),
                                  .peer = c->peer,
                                  .has_peer = c->has_peer,
                                  .connection = c->number};
    sw_http_reply reply = {.status = 200, .body = SW_BUFFER(SW_HTTP_BODY_LIMIT)};
    s->handler(s->context, &made, &reply);
    s->answering = true;
    send_reply(req, &reply);
    s->answering = false;
    sw_buffer_free(&reply.body);
}

/* ---- making ---- */
static void discard_log(int severity, const char *message) {
    (void)severity, (void)message; /* libraries print nothing */
}

static void stop_asked(evutil_socket_t fd, short what, void *context) {
    (void)fd, (void)what;
    sw_http_server *s = context;
    (void)event_base_loopexit(s->base, NULL);
}

static sw_status tls_make(sw_http_server *s, const sw_session_key *key, const sw_entropy *e,
                          sw_error *err) {
    sw_tls_identity identity;
    SW_TRY(sw_tls_identity_make(key, e, &identity, err));
    s->tls = SSL_CTX_new(TLS_server_method());
    bool good = s->tls != NULL && sw_tls_configure(s->tls, &identity, accept_peer, NULL);
    sw_tls_identity_free(&identity);
    s->ssl_index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0, s, NULL, NULL, connection_ended);
    if (!good || s->ssl_index < 0)
        return sw_fail(err, SW_INTERNAL, "internal", "TLS could not be set up");
    return SW_OK;
}

static sw_status http_make(sw_http_server *s, sw_error *err) {
    const struct timeval second = {.tv_sec = 1};
    event_set_log_callback(discard_log);
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->base = event_base_new();
    s->http = s->base == NULL ? NULL : evhttp_new(s->base);
    if (s->stop_fd < 0 || s->http == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "the server has no memory");
    s->stop = event_new(s->base, s->stop_fd, EV_READ, stop_asked, s);
    s->tick = event_new(s->base, -1, EV_PERSIST, tick, s);
    if (s->stop == NULL || event_add(s->stop, NULL) != 0 || s->tick == NULL ||
        event_add(s->tick, &second) != 0)
        return sw_fail(err, SW_MEMORY, "memory", "the server has no memory");
    evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
    evhttp_set_max_body_size(s->http, (ev_ssize_t)SW_HTTP_BODY_LIMIT);
    evhttp_set_max_headers_size(s->http, (ev_ssize_t)SW_HTTP_HEADER_LIMIT);
    evhttp_set_timeout(s->http, IDLE_SECONDS);
    evhttp_set_bevcb(s->http, connection_begins, s);
    evhttp_set_gencb(s->http, request_arrives, s);
    return SW_OK;
}

static sw_status bind_to(sw_http_server *s, const char *host, uint16_t port, uint16_t *bound,
                         sw_error *err) {
    errno = 0;
    struct evhttp_bound_socket *socket = evhttp_bind_socket_with_handle(s->http, host, port);
    if (socket == NULL)
        return sw_fail(err, SW_IO, "io", "cannot listen on %s:%u: %s", host, port,
                       strerror(errno != 0 ? errno : EADDRNOTAVAIL));
    int fd = evhttp_bound_socket_get_fd(socket), on = 1;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at = {.v6 = {0}};
    socklen_t size = sizeof at;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        getsockname(fd, &at.any, &size) != 0)
        return sw_fail(err, SW_IO, "io", "cannot set up the socket: %s", strerror(errno));
    s->listener = evhttp_bound_socket_get_listener(socket);
    *bound = ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
    return SW_OK;
}

sw_status sw_http_listen(const char *host, uint16_t port, const sw_session_key *tls,
                         const sw_entropy *e, sw_http_handler handler, void *context,
                         sw_http_server **out, uint16_t *bound_port, sw_error *err) {
    sw_http_server *s = calloc(1, sizeof *s);
    if (s == NULL) return sw_fail(err, SW_MEMORY, "memory", "the server has no memory");
    *s = (sw_http_server){.handler = handler, .context = context, .ssl_index = -1, .stop_fd = -1};
    uint16_t bound = 0;
    sw_status status = tls_make(s, tls, e, err);
    if (status == SW_OK) status = http_make(s, err);
    if (status == SW_OK) status = bind_to(s, host, port, &bound, err);
    if (status != SW_OK) {
        sw_http_close(&s);
        return status;
    }
    *out = s;
    *bound_port = bound;
    return SW_OK;
}

/* ---- serving ---- */
sw_status sw_http_serve(sw_http_server *s, sw_error *err) {
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    s->interrupt = evsignal_new(s->base, SIGINT, stop_asked, s);
    s->terminate = evsignal_new(s->base, SIGTERM, stop_asked, s);
    if (s->interrupt == NULL || s->terminate == NULL || event_add(s->interrupt, NULL) != 0 ||
        event_add(s->terminate, NULL) != 0)
        return sw_fail(err, SW_MEMORY, "memory", "the server has no memory");
    bool quiet = sigaction(SIGPIPE, &ignore, &before) == 0; /* a peer may leave while we write */
    int ended = event_base_dispatch(s->base);
    if (quiet) (void)sigaction(SIGPIPE, &before, NULL);
    (void)event_del(s->interrupt);
    (void)event_del(s->terminate);
    if (ended < 0) return sw_fail(err, SW_IO, "io", "the server's event loop failed");
    return SW_OK;
}

void sw_http_stop(sw_http_server *s) {
    uint64_t one = 1;
    ssize_t sent = write(s->stop_fd, &one, sizeof one);
    (void)sent; /* fails only when stopping has been asked for already */
}

void sw_http_close(sw_http_server **held) {
    sw_http_server *s = *held;
    *held = NULL;
    if (s == NULL) return;
    if (s->interrupt != NULL) event_free(s->interrupt);
    if (s->terminate != NULL) event_free(s->terminate);
    if (s->stop != NULL) event_free(s->stop);
    if (s->tick != NULL) event_free(s->tick);
    s->listener = NULL;
    if (s->http != NULL) evhttp_free(s->http);
    if (s->base != NULL) event_base_free(s->base);
    if (s->stop_fd >= 0) (void)close(s->stop_fd);
    SSL_CTX_free(s->tls);
    if (s->ssl_index >= 0) (void)CRYPTO_free_ex_index(CRYPTO_EX_INDEX_SSL, s->ssl_index);
    free(s);
}
