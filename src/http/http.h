/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/1.1 over TLS 1.3 with self-signed P-256 keys made at start: requests, answers, and the two
 * TLS keys of the connection. libevent serves, libcurl asks.
 *
 * No resumption, no early data, no certificate authorities: who the peer is, is proven inside the
 * channel (kms/channel.h) and tied to the TLS key seen here. Both sides present a certificate.
 * TCP_NODELAY on listening sockets. Docs: docs/formats/kms.md.
 */
#ifndef SW_HTTP_H
#define SW_HTTP_H
#include "crypto/crypto.h"

#define SW_HTTP_BODY_LIMIT   ((size_t)8 << 20)
#define SW_HTTP_HEADER_LIMIT ((size_t)16 << 10)

typedef struct sw_http_request {
    /* 0, or the status by which the server refuses what it cannot hand over (KMS-008): method and
     * path are empty then, and the handler's body goes out under that status. */
    int refused;
    const char *method; /* "GET", "POST" */
    const char *path;   /* as sent, without query */
    sw_bytes body;
    sw_p256_public peer; /* the client's TLS key; has_peer false when it sent none */
    bool has_peer;
    uint64_t connection; /* unique per TLS connection of this process */
} sw_http_request;
typedef struct sw_http_reply {
    int status; /* 200 when the handler leaves it */
    sw_buffer body;
} sw_http_reply;
/* Called on the server's one thread; must not block for long. */
typedef void (*sw_http_handler)(void *context, const sw_http_request *request,
                                sw_http_reply *reply);

typedef struct sw_http_server sw_http_server;
/* Binds host:port (port 0: the system chooses; *bound_port tells). `tls` is the server's key. */
SW_NODISCARD sw_status sw_http_listen(const char *host, uint16_t port, const sw_session_key *tls,
                                      const sw_entropy *e, sw_http_handler handler, void *context,
                                      sw_http_server **out, uint16_t *bound_port, sw_error *err);
SW_NODISCARD sw_status sw_http_serve(sw_http_server *s,
                                     sw_error *err); /* until sw_http_stop, SIGINT or SIGTERM */
void sw_http_stop(sw_http_server *s);                /* async-signal-safe */
void sw_http_close(sw_http_server **s);

typedef struct sw_http_client sw_http_client;
/* "https://HOST:PORT"; keeps one connection alive. `tls` is the client's key. Connects at the first
 * call. */
SW_NODISCARD sw_status sw_http_connect(const char *url, const sw_session_key *tls,
                                       const sw_entropy *e, sw_http_client **out, sw_error *err);
void sw_http_disconnect(sw_http_client **c);
/* How long each later call may take, connecting included (60 s at first). */
void sw_http_patience(sw_http_client *c, int64_t ms);
/* One request. SW_UNAVAILABLE "unavailable" when there is no answer. *server is the TLS key of this
 * very connection; a server key that changes between calls of one client is SW_UNAUTHENTIC (a new
 * connection must prove itself again). Answers above SW_HTTP_BODY_LIMIT: SW_LIMIT. */
SW_NODISCARD sw_status sw_http_call(sw_http_client *c, const char *method, const char *path,
                                    sw_bytes body, int *status, sw_buffer *answer,
                                    sw_p256_public *server, sw_error *err);
#endif
