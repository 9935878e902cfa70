/* SPDX-License-Identifier: Apache-2.0
 *
 * One plain request to a service that the public names: HTTPS under certificate authorities, or
 * HTTP over a unix socket or a loopback address of this machine. libcurl asks.
 *
 * What comes back is untrusted: authenticity of its content rests on signatures inside, never on
 * the channel, which is verified all the same. No redirect is followed, no cookie kept, no netrc
 * read, no environment asked (proxies come as parameters). Each call is a connection of its own;
 * calls of several threads do not meet. Docs: docs/formats/machine.md, MCH-001 on.
 */
#ifndef SW_HTTP_FETCH_H
#define SW_HTTP_FETCH_H
#include "base/base.h"

#define SW_FETCH_URL_LIMIT    ((size_t)1024)
#define SW_FETCH_HEADER_LIMIT ((size_t)64 << 10) /* of all lines of an answer's header together */
#define SW_FETCH_FIELD_COUNT  4
#define SW_FETCH_SECRET_LIMIT ((size_t)512)

typedef struct sw_fetch_request {
    const char *url;          /* https://; over a unix socket http:// */
    bool loopback;            /* http:// is taken as well when the host is a loopback address */
    bool hide_path;           /* messages name the host alone: what follows it may be a password */
    const char *unix_socket;  /* NULL: TCP and TLS */
    const char *ca_file;      /* PEM; NULL: the authorities that the system trusts */
    const char *proxy;        /* http://HOST:PORT; NULL: none; never for http:// on loopback */
    const char *content_type; /* NULL: GET, else POST of `body` */
    sw_bytes body;
    /* A header field of the request whose value is a secret: visible ASCII, at most
     * SW_FETCH_SECRET_LIMIT. Our copies are wiped, libcurl's are not; over TLS alone. NULL: none.
     */
    const char *secret_field;
    sw_bytes secret;
    size_t body_limit;  /* of the answer */
    int64_t timeout_ms; /* of everything, connecting included */
    /* Header fields whose values are wanted, by name; NULL-terminated, at most
     * SW_FETCH_FIELD_COUNT. Each may come once. */
    const char *const *fields;
} sw_fetch_request;
typedef struct sw_fetch_reply {
    int status;
    sw_buffer body;
    sw_buffer fields[SW_FETCH_FIELD_COUNT]; /* values; empty when the field did not come */
} sw_fetch_reply;
void sw_fetch_reply_free(sw_fetch_reply *r);
/* An address that a request over TCP may have: https://, and with `loopback` http:// with the host
 * 127.0.0.1, [::1] or localhost (which is never looked up). SW_USAGE. */
SW_NODISCARD sw_status sw_fetch_check_url(const char *url, bool loopback, sw_error *err);

/* Any HTTP status is an answer. SW_USAGE for addresses that are none; SW_UNAVAILABLE "unavailable"
 * when there is no answer in time; SW_UNAUTHENTIC "signature" when TLS shows nobody that the
 * authorities vouch for under this name; SW_LIMIT; SW_MALFORMED "format". */
SW_NODISCARD sw_status sw_http_fetch(const sw_fetch_request *q, sw_fetch_reply *out, sw_error *err);
#endif
