/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl, once per request, with everything said that its defaults would take from elsewhere.
 *
 * An empty CURLOPT_PROXY and CURLOPT_NOPROXY keep it from reading *_proxy; the header is read line
 * by line, bounded as a whole, and only the fields that were asked for are kept, each once.
 */
#include "http/fetch.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CONNECT_MS  10000L
#define TIMEOUT_MAX 600000

typedef struct transfer {
    CURL *curl;
    struct curl_slist *headers;
    const sw_fetch_request *q;
    sw_fetch_reply reply;
    size_t header_bytes;
    bool header_long, header_ended, repeated, unprintable;
} transfer;

void sw_fetch_reply_free(sw_fetch_reply *r) {
    sw_buffer_free(&r->body);
    for (size_t i = 0; i < SW_FETCH_FIELD_COUNT; i++) sw_buffer_free(&r->fields[i]);
}

/* One of the fields may hold a secret. */
static void transfer_free(transfer *t) {
    curl_easy_cleanup(t->curl);
    for (struct curl_slist *s = t->headers; s != NULL; s = s->next)
        sw_wipe(s->data, strlen(s->data));
    curl_slist_free_all(t->headers);
    sw_fetch_reply_free(&t->reply);
}

/* ---- what comes back ---- */
static size_t take_body(char *data, size_t one, size_t size, void *context) {
    (void)one;
    transfer *t = context;
    sw_put_bytes(&t->reply.body, SW_BYTES(data, size));
    return t->reply.body.failed ? 0 : size; /* 0 ends the transfer */
}

static sw_bytes trimmed(sw_bytes v) {
    while (v.size > 0 && (v.data[0] == ' ' || v.data[0] == '\t'))
        v = SW_BYTES(v.data + 1, v.size - 1);
    while (v.size > 0 && strchr(" \t\r\n", v.data[v.size - 1]) != NULL) v.size--;
    return v;
}

static bool take_field(transfer *t, sw_buffer *to, sw_bytes value) {
    t->repeated = t->repeated || to->size > 0;
    for (size_t i = 0; i < value.size; i++)
        t->unprintable = t->unprintable || value.data[i] < ' ' || value.data[i] > '~';
    if (t->repeated || t->unprintable) return false;
    sw_put_bytes(to, value);
    return !to->failed;
}

/* One line of a header; every answer on the way (100, a proxy's) begins with its own first line. */
static size_t take_line(char *data, size_t one, size_t size, void *context) {
    (void)one;
    transfer *t = context;
    const char *const *names = t->q->fields;
    t->header_bytes += size;
    t->header_long = t->header_bytes > SW_FETCH_HEADER_LIMIT;
    if (t->header_long) return 0;
    if (size >= 5 && memcmp(data, "HTTP/", 5) == 0)
        for (size_t i = 0; i < SW_FETCH_FIELD_COUNT; i++) sw_buffer_reset(&t->reply.fields[i]);
    t->header_ended = size <= 2 && (data[0] == '\r' || data[0] == '\n');
    const char *colon = memchr(data, ':', size);
    if (colon == NULL || names == NULL) return size;
    size_t name = (size_t)(colon - data);
    for (size_t i = 0; i < SW_FETCH_FIELD_COUNT && names[i] != NULL; i++)
        if (strlen(names[i]) == name && strncasecmp(names[i], data, name) == 0 &&
            !take_field(t, &t->reply.fields[i], trimmed(SW_BYTES(colon + 1, size - name - 1))))
            return 0;
    return size;
}

/* ---- what is asked ---- */
static bool address_good(const char *text, const char *scheme) {
    size_t size = strlen(text), head = strlen(scheme);
    if (size <= head || size > SW_FETCH_URL_LIMIT || memcmp(text, scheme, head) != 0) return false;
    for (size_t i = head; i < size; i++)
        if (text[i] <= ' ' || text[i] > '~' || strchr("@#\\\"<>", text[i]) != NULL) return false;
    return text[head] != '/';
}

/* http:// over TCP goes to this machine alone: curl takes localhost for it without asking anybody.
 */
static bool is_loopback(const char *url) {
    static const char *const hosts[] = {"127.0.0.1", "[::1]", "localhost"};
    if (!address_good(url, "http://")) return false;
    const char *host = url + strlen("http://");
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        size_t size = strlen(hosts[i]);
        if (strncmp(host, hosts[i], size) == 0 && strchr(":/?", host[size]) != NULL) return true;
    }
    return false;
}

sw_status sw_fetch_check_url(const char *url, bool loopback, sw_error *err) {
    if (address_good(url, "https://") || (loopback && is_loopback(url))) return SW_OK;
    return sw_fail(err, SW_USAGE, "usage",
                   "an address is not written as https://HOST[:PORT]/PATH%s",
                   loopback ? " (http:// for a loopback address alone)" : "");
}

/* What would end a header's line would begin one of its own. */
static sw_status secret_check(const sw_fetch_request *q, sw_error *err) {
    bool good = q->secret.size > 0 && q->secret.size <= SW_FETCH_SECRET_LIMIT &&
                strncmp(q->url, "https://", 8) == 0;
    for (size_t i = 0; i < q->secret.size && good; i++)
        good = q->secret.data[i] > ' ' && q->secret.data[i] <= '~';
    if (good) return SW_OK;
    return sw_fail(err, SW_USAGE, "usage",
                   "a secret for a request is not 1 to %zu visible characters, sent by https",
                   SW_FETCH_SECRET_LIMIT);
}

static sw_status request_check(const sw_fetch_request *q, sw_error *err) {
    if (q->secret_field != NULL) SW_TRY(secret_check(q, err));
    if (q->unix_socket == NULL) SW_TRY(sw_fetch_check_url(q->url, q->loopback, err));
    if (q->unix_socket != NULL && !address_good(q->url, "http://"))
        return sw_fail(err, SW_USAGE, "usage",
                       "an address is not written as http://HOST[:PORT]/PATH");
    if (q->proxy != NULL && !address_good(q->proxy, "http://"))
        return sw_fail(err, SW_USAGE, "usage", "a proxy is not written as http://HOST:PORT");
    return SW_OK;
}

/* libcurl writes session keys to a file that the environment names, unless it is told not to. */
static CURLcode forget_key_log(CURL *curl, void *ctx, void *context) {
    (void)curl;
    (void)context;
    SSL_CTX_set_keylog_callback(ctx, NULL);
    return CURLE_OK;
}

static bool set_channel(CURL *h, const sw_fetch_request *q) {
    bool local = q->unix_socket != NULL || is_loopback(q->url);
    bool proxied = q->proxy != NULL && (!local || q->unix_socket != NULL);
    bool good = curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, local ? "http" : "https") == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_PROXY, proxied ? q->proxy : "") == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_NOPROXY, "") == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK;
    if (q->unix_socket != NULL)
        return good && curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, q->unix_socket) == CURLE_OK;
    if (local) return good;
    good &= curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_SSL_CTX_FUNCTION, forget_key_log) == CURLE_OK;
    if (q->ca_file == NULL) return good;
    good &= curl_easy_setopt(h, CURLOPT_CAINFO, q->ca_file) == CURLE_OK;
    return good && curl_easy_setopt(h, CURLOPT_CAPATH, NULL) == CURLE_OK;
}

static long patience(const sw_fetch_request *q) {
    return q->timeout_ms < 1 ? 1 : q->timeout_ms > TIMEOUT_MAX ? TIMEOUT_MAX : (long)q->timeout_ms;
}

static bool set_request(transfer *t) {
    const sw_fetch_request *q = t->q;
    CURL *h = t->curl;
    long all = patience(q);
    bool good = curl_easy_setopt(h, CURLOPT_URL, q->url) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, all) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, all < CONNECT_MS ? all : CONNECT_MS) ==
            CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, take_line) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_HEADERDATA, t) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_WRITEDATA, t) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK;
    if (q->content_type == NULL)
        return good && curl_easy_setopt(h, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_POST, 1L) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, (long)q->body.size) == CURLE_OK;
    return good &&
           curl_easy_setopt(h, CURLOPT_POSTFIELDS,
                            q->body.size == 0 ? "" : (const char *)q->body.data) == CURLE_OK;
}

static bool add_field(transfer *t, const char *name, sw_bytes value) {
    char line[SW_FETCH_SECRET_LIMIT + 64];
    int size =
        snprintf(line, sizeof line, "%s: %.*s", name, (int)value.size, (const char *)value.data);
    bool good =
        size > 0 && (size_t)size < sizeof line && curl_slist_append(t->headers, line) != NULL;
    sw_wipe(line, sizeof line);
    return good;
}

/* "Expect:" alone: never wait for "100 Continue". */
static bool set_headers(transfer *t) {
    const sw_fetch_request *q = t->q;
    t->headers = curl_slist_append(NULL, "Expect:");
    return t->headers != NULL &&
           (q->content_type == NULL || add_field(t, "Content-Type", sw_text(q->content_type))) &&
           (q->secret_field == NULL || add_field(t, q->secret_field, q->secret));
}

static sw_status prepare(transfer *t, sw_error *err) {
    t->reply.body = SW_BUFFER(t->q->body_limit);
    for (size_t i = 0; i < SW_FETCH_FIELD_COUNT; i++)
        t->reply.fields[i] = SW_BUFFER(SW_FETCH_HEADER_LIMIT);
    t->curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
    if (t->curl == NULL || !set_headers(t) || !set_channel(t->curl, t->q) || !set_request(t))
        return sw_fail(err, SW_INTERNAL, "internal", "libcurl could not be set up");
    return SW_OK;
}

/* The address as messages name it. */
static void put_name(char out[SW_FETCH_URL_LIMIT + 1], const sw_fetch_request *q) {
    (void)snprintf(out, SW_FETCH_URL_LIMIT + 1, "%s", q->url);
    char *host = strstr(out, "//");
    if (q->hide_path && host != NULL) host[2 + strcspn(host + 2, "/?")] = 0;
}

static sw_status fetch_failed(const transfer *t, CURLcode code, sw_error *err) {
    char url[SW_FETCH_URL_LIMIT + 1];
    put_name(url, t->q);
    if (t->header_long)
        return sw_fail(err, SW_LIMIT, "limit", "the answer's header of %s has more than %zu bytes",
                       url, SW_FETCH_HEADER_LIMIT);
    if (t->repeated || t->unprintable)
        return sw_fail(err, SW_MALFORMED, "format", "a header field of the answer of %s %s", url,
                       t->repeated ? "stands twice" : "holds what is not ASCII text");
    if (t->reply.body.failed)
        return sw_fail(err, SW_LIMIT, "limit", "the answer of %s has more than %zu bytes", url,
                       t->q->body_limit);
    if (code == CURLE_OUT_OF_MEMORY) /* it ends a line of more than 100 KiB so, too */
        return sw_fail(err, SW_LIMIT, "limit",
                       "the answer's header of %s has a line of more than %zu bytes, or libcurl "
                       "had no memory for it",
                       url, SW_FETCH_HEADER_LIMIT);
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return sw_fail(err, SW_UNAUTHENTIC, "signature",
                       "%s shows no certificate for this name that a known authority signed", url);
    if (code == CURLE_SSL_CACERT_BADFILE)
        return sw_fail(err, SW_MISSING, "missing", "%s holds no certificate authority",
                       t->q->ca_file == NULL ? "the system" : t->q->ca_file);
    return sw_fail(err, SW_UNAVAILABLE, "unavailable", "%s does not answer: %s", url,
                   curl_easy_strerror(code));
}

static sw_status cut_header(const sw_fetch_request *q, sw_error *err) {
    char url[SW_FETCH_URL_LIMIT + 1];
    put_name(url, q);
    return sw_fail(err, SW_UNAVAILABLE, "unavailable",
                   "%s does not answer: its answer ends inside the header", url);
}

sw_status sw_http_fetch(const sw_fetch_request *q, sw_fetch_reply *out, sw_error *err) {
    SW_SCOPED(transfer) t = {.q = q};
    long answered = 0;
    SW_TRY(request_check(q, err));
    SW_TRY(prepare(&t, err));
    CURLcode code = curl_easy_perform(t.curl);
    if (code != CURLE_OK) return fetch_failed(&t, code, err);
    if (curl_easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &answered) != CURLE_OK)
        return sw_fail(err, SW_INTERNAL, "internal", "libcurl gave an answer without a status");
    if (!t.header_ended) /* libcurl takes the end of the connection for it */
        return cut_header(q, err);
    t.reply.status = (int)answered;
    *out = t.reply;
    t.reply = (sw_fetch_reply){0};
    return SW_OK;
}
