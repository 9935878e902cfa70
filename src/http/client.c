/* SPDX-License-Identifier: Apache-2.0
 *
 * The client: libcurl speaks HTTP/1.1 over one connection at a time.
 *
 * libcurl checks no certificate here; our own callback does, for every handshake, and remembers the
 * key that it saw. The first key with which a call was answered is the server's for the client's
 * whole life: another one ends the handshake. No proxy, redirect, cookie or environment has a say.
 * Spec: docs/formats/kms.md, KMS-001.
 *
 * Where a kept connection ends without an answer libcurl sends the request again, and what was a
 * POST may have been heard: a challenge is used up, an entry is there. So a body is handed over by
 * a callback that cannot go back, and libcurl then fails instead (KMS-009).
 */
#include "http/http_internal.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX_BYTES 512
#define CONNECT_MS    10000L
#define CALL_MS       60000L
#define SCHEME        "https://"

struct sw_http_client {
    CURL *curl;
    struct curl_slist *headers;
    char base[URL_MAX_BYTES]; /* "https://HOST:PORT" */
    sw_tls_identity identity;
    sw_p256_public server, shown;
    bool has_server;    /* `server` has answered a call */
    bool has_shown;     /* `shown` stands in the certificate of a handshake: not proven yet */
    bool other_server;  /* the last handshake showed another key */
    bool bad_settings;  /* our rules could not be put on the TLS context */
    sw_bytes unsent;    /* of a POST's body */
    sw_buffer received; /* kept from call to call */
};

/* ---- TLS ---- */
static int accept_server(X509_STORE_CTX *store, void *context) {
    sw_http_client *c = context;
    sw_p256_public key;
    if (!sw_tls_peer_in_store(store, &key)) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
        return 0;
    }
    c->other_server = c->has_server && !sw_p256_equal(&key, &c->server);
    if (c->other_server) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
        return 0;
    }
    c->shown = key; /* whose it is shows when the handshake ends */
    c->has_shown = true;
    return 1;
}

static CURLcode configure_tls(CURL *curl, void *ctx, void *context) {
    (void)curl;
    sw_http_client *c = context;
    c->bad_settings = !sw_tls_configure(ctx, &c->identity, accept_server, c);
    return c->bad_settings ? CURLE_SSL_CONNECT_ERROR : CURLE_OK;
}

/* ---- opening ---- */
/* "https://HOST:PORT" with an optional slash behind it; no user, path or query. */
static bool base_of(const char *url, char out[URL_MAX_BYTES]) {
    size_t size = strlen(url);
    if (size > 0 && url[size - 1] == '/') size--;
    if (size >= URL_MAX_BYTES || strncmp(url, SCHEME, sizeof SCHEME - 1) != 0) return false;
    if (size <= sizeof SCHEME - 1) return false;
    for (size_t i = sizeof SCHEME - 1; i < size; i++)
        if (strchr("/?#@\\", url[i]) != NULL || (uint8_t)url[i] <= ' ' || (uint8_t)url[i] > '~')
            return false;
    memcpy(out, url, size);
    out[size] = 0;
    return true;
}

static size_t receive(char *data, size_t one, size_t size, void *context) {
    (void)one;
    sw_http_client *c = context;
    sw_put_bytes(&c->received, SW_BYTES(data, size));
    return c->received.failed ? 0 : size; /* 0 ends the transfer */
}

static size_t hand_over(char *out, size_t one, size_t room, void *context) {
    sw_http_client *c = context;
    size_t size = one * room < c->unsent.size ? one * room : c->unsent.size;
    if (size > 0) memcpy(out, c->unsent.data, size);
    c->unsent.data += size;
    c->unsent.size -= size;
    return size;
}

static bool set_options(sw_http_client *c) {
    CURL *h = c->curl;
    bool good = curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_PROXY, "") == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_MAXCONNECTS, 1L) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, CALL_MS) == CURLE_OK;
    good &=
        curl_easy_setopt(h, CURLOPT_SSLVERSION,
                         (long)(CURL_SSLVERSION_TLSv1_3 | CURL_SSLVERSION_MAX_TLSv1_3)) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK; /* accept_server does */
    good &= curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_SSL_CTX_FUNCTION, configure_tls) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_SSL_CTX_DATA, c) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_HTTPHEADER, c->headers) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, receive) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_WRITEDATA, c) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_READFUNCTION, hand_over) == CURLE_OK;
    good &= curl_easy_setopt(h, CURLOPT_READDATA, c) == CURLE_OK;
    return good;
}

sw_status sw_http_connect(const char *url, const sw_session_key *tls, const sw_entropy *e,
                          sw_http_client **out, sw_error *err) {
    sw_http_client *c = calloc(1, sizeof *c);
    if (c == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a connection");
    c->received = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    sw_status status =
        base_of(url, c->base)
            ? sw_tls_identity_make(tls, e, &c->identity, err)
            : sw_fail(err, SW_USAGE, "usage", "an address is not written as https://HOST:PORT");
    if (status == SW_OK) {
        c->curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
        c->headers = curl_slist_append(NULL, "Expect:"); /* never wait for "100 Continue" */
        if (c->curl == NULL || c->headers == NULL || !set_options(c))
            status = sw_fail(err, SW_INTERNAL, "internal", "libcurl could not be set up");
    }
    if (status != SW_OK) {
        sw_http_disconnect(&c);
        return status;
    }
    *out = c;
    return SW_OK;
}

void sw_http_patience(sw_http_client *c, int64_t ms) {
    long most = ms < 1 ? 1 : ms > CALL_MS ? CALL_MS : (long)ms;
    (void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, most);
    (void)curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS,
                           most < CONNECT_MS ? most : CONNECT_MS);
}

void sw_http_disconnect(sw_http_client **held) {
    sw_http_client *c = *held;
    *held = NULL;
    if (c == NULL) return;
    curl_easy_cleanup(c->curl);
    curl_slist_free_all(c->headers);
    sw_tls_identity_free(&c->identity);
    sw_buffer_free(&c->received);
    free(c);
}

/* ---- calling ---- */
static sw_status prepare_call(sw_http_client *c, const char *method, const char *path,
                              sw_bytes body, sw_error *err) {
    char url[URL_MAX_BYTES * 2];
    size_t size = strlen(path);
    if (path[0] != '/' || size >= URL_MAX_BYTES)
        return sw_fail(err, SW_USAGE, "usage", "a request's path is not one");
    memcpy(url, c->base, strlen(c->base));
    memcpy(url + strlen(c->base), path, size + 1);
    bool post = strcmp(method, "POST") == 0;
    bool good = curl_easy_setopt(c->curl, CURLOPT_URL, url) == CURLE_OK;
    if (post) {
        good &= curl_easy_setopt(c->curl, CURLOPT_POST, 1L) == CURLE_OK;
        good &= curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE, (long)body.size) == CURLE_OK;
        c->unsent = body;
    } else {
        good &= curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    }
    if (!good) return sw_fail(err, SW_INTERNAL, "internal", "libcurl refused a request");
    sw_buffer_reset(&c->received);
    c->other_server = c->bad_settings = false;
    return SW_OK;
}

static sw_status call_failed(const sw_http_client *c, CURLcode code, sw_error *err) {
    if (c->other_server)
        return sw_fail(err, SW_UNAUTHENTIC, "signature",
                       "%s is not the server that it was: its TLS key changed", c->base);
    if (c->bad_settings) return sw_fail(err, SW_INTERNAL, "internal", "TLS could not be set up");
    if (code == CURLE_WRITE_ERROR)
        return sw_fail(err, SW_LIMIT, "limit", "the answer of %s has more than %zu bytes", c->base,
                       SW_HTTP_BODY_LIMIT);
    const char *why = code == CURLE_SEND_FAIL_REWIND ? "it ended the connection instead"
                                                     : curl_easy_strerror(code);
    sw_status status =
        sw_fail(err, SW_UNAVAILABLE, "unavailable", "%s does not answer: %s", c->base, why);
    sw_error_hint(err, "see that `sealwright kms serve` is running there, and try again");
    return status;
}

sw_status sw_http_call(sw_http_client *c, const char *method, const char *path, sw_bytes body,
                       int *status, sw_buffer *answer, sw_p256_public *server, sw_error *err) {
    SW_TRY(prepare_call(c, method, path, body, err));
    CURLcode code = curl_easy_perform(c->curl);
    if (code != CURLE_OK) return call_failed(c, code, err);
    long answered = 0;
    if (!c->has_server) c->server = c->shown;
    c->has_server = c->has_server || c->has_shown;
    if (curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &answered) != CURLE_OK || !c->has_server)
        return sw_fail(err, SW_INTERNAL, "internal", "libcurl gave an answer without a server");
    SW_SCOPED(sw_buffer) copy = SW_BUFFER(answer->limit);
    sw_put_bytes(&copy, sw_buffer_bytes(&c->received));
    SW_TRY(sw_buffer_check(&copy, "an answer", err));
    sw_buffer before = *answer;
    *answer = copy;
    copy = before;
    *status = (int)answered;
    *server = c->server;
    return SW_OK;
}
