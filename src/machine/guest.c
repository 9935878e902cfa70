/* SPDX-License-Identifier: Apache-2.0
 *
 * dstack's guest agent: JSON over HTTP/1.1 on a unix socket (MCH-040 to MCH-049).
 *
 * Agents of 0.5.4 to 0.6 differ in what methods they have; a method that is not there is an answer
 * like another. Whatever the agent says of measurements is checked against a quote by others.
 */
#include "attest/measure.h"
#include "codec/text.h"
#include "http/fetch.h"
#include "machine/collect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { QUICK_MS = 30000, QUOTE_MS = 120000, ERROR_LIMIT = 200, METHOD_LIMIT = 40 };
#define SMALL_ANSWER_LIMIT ((size_t)64 << 10)
#define INFO_LIMIT         ((size_t)4 << 20) /* app-compose, event log, certificates */

struct sw_guest {
    char socket[sizeof((struct sockaddr_un *)NULL)->sun_path];
};

/* ---- finding it ---- */
static const char *const PLACES[] = {"/var/run/dstack.sock", "/run/dstack.sock",
                                     "/var/run/dstack/dstack.sock", "/run/dstack/dstack.sock"};

static bool is_socket(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static sw_status socket_find(const char **out, sw_error *err) {
    for (size_t i = 0; i < sizeof PLACES / sizeof PLACES[0]; i++)
        if (is_socket(PLACES[i])) {
            *out = PLACES[i];
            return SW_OK;
        }
    sw_status status = sw_fail(err, SW_MISSING, "missing",
                               "no guest agent of dstack: there is neither %s nor another of its "
                               "sockets",
                               PLACES[0]);
    sw_error_hint(err, "mount /var/run/dstack.sock into the container, or name it: dstack:SOCKET");
    return status;
}

sw_status sw_guest_open(const char *socket, sw_guest **out, sw_error *err) {
    if (socket == NULL)
        SW_TRY(socket_find(&socket, err));
    else if (!is_socket(socket))
        return sw_fail(err, SW_MISSING, "missing", "%.100s is no socket", socket);
    sw_guest *made = calloc(1, sizeof *made);
    if (made == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a guest agent");
    if (strlen(socket) >= sizeof made->socket) {
        free(made);
        return sw_fail(err, SW_LIMIT, "limit", "a socket's path has more than %zu bytes",
                       sizeof made->socket - 1);
    }
    memcpy(made->socket, socket, strlen(socket));
    *out = made;
    return SW_OK;
}

void sw_guest_close(sw_guest **g) {
    free(*g);
    *g = NULL;
}

const char *sw_guest_socket(const sw_guest *g) {
    return g->socket;
}

/* ---- calling ---- */
/* {"error":text}: the text itself when it can be shown. */
static sw_status agent_says(const char *method, sw_bytes body, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = SMALL_ANSWER_LIMIT * 4};
    const sw_json_limits limits = {.bytes = SMALL_ANSWER_LIMIT, .depth = 2, .nodes = 16};
    sw_json *root;
    sw_bytes text;
    if (sw_json_parse(&a, body, &limits, &root, NULL) != SW_OK ||
        sw_json_text(root, "answer", "error", &text, NULL) != SW_OK || text.size == 0 ||
        text.size > ERROR_LIMIT || !sw_utf8_plain(text))
        return sw_fail(err, SW_REFUSED, "agent", "the guest agent refuses %s", method);
    return sw_fail(err, SW_REFUSED, "agent", "the guest agent refuses %s: %.*s", method,
                   (int)text.size, (const char *)text.data);
}

static sw_status status_check(const char *method, const sw_fetch_reply *reply, sw_error *err) {
    if (reply->status == 200) return SW_OK;
    if (reply->status == 400) return agent_says(method, sw_buffer_bytes(&reply->body), err);
    if (reply->status == 404)
        return sw_fail(err, SW_MISSING, "missing", "this guest agent has no method %s", method);
    return sw_fail(err, SW_UNAVAILABLE, "unavailable",
                   "the guest agent answers %s with HTTP status %d", method, reply->status);
}

static bool method_good(const char *method) {
    size_t size = strlen(method);
    bool good = size > 0 && size <= METHOD_LIMIT;
    for (size_t i = 0; i < size && good; i++)
        good = (method[i] >= 'A' && method[i] <= 'Z') || (method[i] >= 'a' && method[i] <= 'z');
    return good;
}

sw_status sw_guest_call(sw_guest *g, const char *method, sw_bytes json, int64_t timeout_ms,
                        sw_buffer *answer, sw_error *err) {
    char url[64];
    if (!method_good(method)) return sw_fail(err, SW_USAGE, "usage", "an agent's method is a word");
    (void)snprintf(url, sizeof url, "http://dstack/%s", method);
    const sw_fetch_request q = {.url = url,
                                .unix_socket = g->socket,
                                .content_type = "application/json",
                                .body = json,
                                .body_limit = SW_GUEST_ANSWER_LIMIT,
                                .timeout_ms = timeout_ms};
    SW_SCOPED(sw_fetch_reply) reply = {0};
    sw_status status = sw_http_fetch(&q, &reply, err);
    if (status != SW_OK) sw_error_prefix(err, "the guest agent at %s", g->socket);
    SW_TRY(status);
    SW_TRY(status_check(method, &reply, err));
    sw_put_bytes(answer, sw_buffer_bytes(&reply.body));
    return sw_buffer_check(answer, "the guest agent's answer", err);
}

/* ---- methods ---- */
sw_status sw_guest_quote(sw_guest *g, const sw_report_data *report, sw_buffer *answer,
                         sw_error *err) {
    SW_SCOPED(sw_buffer) q = SW_BUFFER(512);
    sw_put_text(&q, "{\"report_data\":\"");
    sw_hex_encode(&q, SW_BYTES_OF(report->b));
    sw_put_text(&q, "\"}");
    SW_TRY(sw_buffer_check(&q, "a request", err));
    return sw_guest_call(g, "GetQuote", sw_buffer_bytes(&q), QUOTE_MS, answer, err);
}

/* An answer as a tree. */
static sw_status tree_call(sw_guest *g, sw_arena *a, const char *method, sw_bytes json,
                           sw_json **root, sw_error *err) {
    const sw_json_limits limits = {.bytes = INFO_LIMIT, .depth = 8, .nodes = 4096};
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(INFO_LIMIT);
    SW_TRY(sw_guest_call(g, method, json, QUICK_MS, &answer, err));
    sw_bytes kept = sw_arena_copy(a, sw_buffer_bytes(&answer));
    if (kept.data == NULL) return sw_fail(err, SW_MALFORMED, "format", "%s: empty answer", method);
    return sw_json_parse(a, kept, &limits, root, err);
}

sw_status sw_guest_version(sw_guest *g, char out[32], sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 8 * INFO_LIMIT};
    sw_json *root;
    sw_bytes text;
    sw_status status = tree_call(g, &a, "Version", SW_LITERAL("{}"), &root, err);
    if (status == SW_MISSING || status == SW_REFUSED) { /* agents before 0.5.7 */
        out[0] = 0;
        return SW_OK;
    }
    SW_TRY(status);
    SW_TRY(sw_json_text(root, "Version", "version", &text, err));
    if (text.size == 0 || text.size > 31 || !sw_utf8_plain(text))
        return sw_fail(err, SW_MALFORMED, "format", "Version.version is no short text");
    memcpy(out, text.data, text.size);
    out[text.size] = 0;
    return SW_OK;
}

sw_status sw_guest_compose(sw_guest *g, sw_hash *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 8 * INFO_LIMIT};
    sw_json *root;
    sw_bytes text;
    SW_TRY(tree_call(g, &a, "Info", SW_LITERAL("{}"), &root, err));
    if (sw_json_member(root, "compose_hash") == NULL)
        return sw_fail(err, SW_MISSING, "missing", "the guest agent does not name its compose");
    SW_TRY(sw_json_text(root, "Info", "compose_hash", &text, err));
    if (text.size == 0)
        return sw_fail(err, SW_MISSING, "missing", "the guest agent does not name its compose");
    return sw_json_hash(root, "Info", "compose_hash", out, err);
}

sw_status sw_guest_keys_are_local(sw_guest *g, bool *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 8 * INFO_LIMIT};
    sw_config_facts facts = {0};
    sw_json *root;
    sw_bytes text = {0};
    SW_TRY(tree_call(g, &a, "Info", SW_LITERAL("{}"), &root, err));
    *out = sw_json_text(root, "Info", "key_provider_info", &text, NULL) == SW_OK &&
           sw_key_provider_read(&a, text, &facts, NULL) == SW_OK &&
           facts.provider == SW_KEY_PROVIDER_LOCAL;
    return SW_OK;
}

sw_status sw_guest_emit(sw_guest *g, const sw_event *event, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 16 * SW_EVENT_PAYLOAD_LIMIT};
    SW_SCOPED(sw_buffer) q = SW_BUFFER(4 * SW_EVENT_PAYLOAD_LIMIT);
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(SMALL_ANSWER_LIMIT);
    uint8_t digest[SW_SHA384_BYTES];
    SW_TRY(sw_event_digest(event, digest, err)); /* judges name and payload */
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_text(&a, root, "event", event->name);
    sw_json_add_hex(&a, root, "payload", event->payload);
    sw_json_encode(&q, root);
    SW_TRY(sw_buffer_check(&q, "a request", err));
    return sw_guest_call(g, "EmitEvent", sw_buffer_bytes(&q), QUICK_MS, &answer, err);
}

sw_status sw_guest_key(sw_guest *g, const char *path, const char *purpose, uint8_t out[32],
                       sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 8 * INFO_LIMIT}; /* wiped with the answer */
    SW_SCOPED(sw_buffer) q = SW_BUFFER(1024);
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT), *answer;
    sw_json_add_text(&a, root, "path", sw_text(path));
    sw_json_add_text(&a, root, "purpose", sw_text(purpose));
    sw_json_encode(&q, root);
    SW_TRY(sw_buffer_check(&q, "a request", err));
    SW_TRY(tree_call(g, &a, "GetKey", sw_buffer_bytes(&q), &answer, err));
    return sw_json_hex(answer, "GetKey", "key", out, 32, err);
}
