/* SPDX-License-Identifier: Apache-2.0
 *
 * Two requests, as the service's own tool sends them (DSK-080 to DSK-084): one has the app-compose
 * built and starts nothing, the other starts what was built. Between them stands our judgement, so
 * a service that built something else is never told to start it.
 */
#include "cli/deploy_send.h"
#include "codec/text.h"
#include "http/fetch.h"
#include "sys/files.h"

#include <string.h>

#define BUILD_PATH   "/cvms/provision"
#define START_PATH   "/cvms"
#define TOKEN_FIELD  "X-API-Key"
#define DETAIL_LIMIT 200
enum { PATIENCE_MS = 120000 };

typedef struct sender {
    const sw_cli *cli;
    sw_bytes base;  /* without a slash at its end */
    sw_bytes token; /* in locked memory */
} sender;

/* ---- what may be said together ---- */
sw_status sw_deploy_send_check(const sw_cli *cli, sw_error *err) {
    static const char *const of_sending[] = {"to", "token-file", "ca", "proxy"};
    const char *value;
    if (!sw_cli_flag(cli, "send")) {
        for (size_t i = 0; i < sizeof of_sending / sizeof of_sending[0]; i++)
            if (sw_cli_option(cli, of_sending[i]) != NULL)
                return sw_fail(err, SW_USAGE, "usage", "--%s means nothing without --send",
                               of_sending[i]);
        return SW_OK;
    }
    if (sw_cli_option(cli, "answer") != NULL)
        return sw_fail(err, SW_USAGE, "usage", "--send asks for an answer of its own: no --answer");
    SW_TRY(sw_cli_need(cli, "to", &value, err));
    SW_TRY(sw_fetch_check_url(value, false, err));
    if (strchr(value, '?') != NULL)
        return sw_fail(err, SW_USAGE, "usage",
                       "--to is the address below which the service's "
                       "paths are, without a question in it");
    return sw_cli_need(cli, "token-file", &value, err);
}

/* ---- one request ---- */
static bool holds(sw_bytes text, sw_bytes secret) {
    return text.data != NULL && memmem(text.data, text.size, secret.data, secret.size) != NULL;
}

/* {"detail":TEXT} or {"message":TEXT}, where it can be shown. */
static sw_bytes detail_of(sw_arena *a, const sender *s, sw_bytes body) {
    static const char *const names[] = {"detail", "message"};
    sw_json *root;
    sw_bytes text = {0};
    if (sw_json_parse(a, body, NULL, &root, NULL) != SW_OK) return text;
    for (size_t i = 0; i < 2 && text.size == 0; i++)
        if (sw_json_text(root, "answer", names[i], &text, NULL) != SW_OK) text = (sw_bytes){0};
    bool good = text.size <= DETAIL_LIMIT && sw_utf8_plain(text) && !holds(text, s->token);
    return good ? text : (sw_bytes){0};
}

static sw_status status_check(const sender *s, const char *url, const sw_fetch_reply *reply,
                              sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 16 * SW_DEPLOY_ANSWER_LIMIT};
    if (reply->status == 200 || reply->status == 201) return SW_OK;
    if (reply->status < 300)
        return sw_fail(err, SW_REFUSED, "service",
                       "%s: the service answers with HTTP status %d, which does not say that it "
                       "is done",
                       url, reply->status);
    if (reply->status < 400)
        return sw_fail(err, SW_REFUSED, "unavailable",
                       "%s: the service sends us elsewhere, and no redirect is followed", url);
    if (reply->status >= 500)
        return sw_fail(err, SW_UNAVAILABLE, "unavailable",
                       "%s: the service answers with HTTP status %d", url, reply->status);
    sw_bytes detail = detail_of(&a, s, sw_buffer_bytes(&reply->body));
    return sw_fail(err, SW_REFUSED, "service", "%s: the service says no (HTTP status %d)%s%.*s",
                   url, reply->status, detail.size == 0 ? "" : ": ", (int)detail.size,
                   detail.size == 0 ? "" : (const char *)detail.data);
}

static sw_status ask(const sender *s, const char *path, sw_bytes body, sw_fetch_reply *out,
                     sw_error *err) {
    char url[SW_FETCH_URL_LIMIT + sizeof BUILD_PATH];
    (void)snprintf(url, sizeof url, "%.*s%s", (int)s->base.size, (const char *)s->base.data, path);
    const sw_fetch_request q = {.url = url,
                                .ca_file = sw_cli_option(s->cli, "ca"),
                                .proxy = sw_cli_option(s->cli, "proxy"),
                                .content_type = "application/json",
                                .body = body,
                                .secret_field = TOKEN_FIELD,
                                .secret = s->token,
                                .body_limit = SW_DEPLOY_ANSWER_LIMIT,
                                .timeout_ms = PATIENCE_MS};
    SW_SCOPED(sw_fetch_reply) got = {0};
    SW_TRY(sw_http_fetch(&q, &got, err));
    SW_TRY(status_check(s, url, &got, err));
    *out = got;
    got = (sw_fetch_reply){0};
    return SW_OK;
}

sw_status sw_deploy_keep(const sw_cli *cli, sw_bytes compose, sw_error *err) {
    const char *out = sw_cli_option(cli, "out");
    return out == NULL ? SW_OK : sw_file_write(out, compose, 0644, SW_WRITE_REPLACE, err);
}

/* ---- both ---- */
typedef struct order { /* views, and the second request's body */
    const sw_deployment *deployment;
    sw_bytes build, compose;
    sw_buffer start;
} order;

/* All that can fail before the machine costs anything. */
static sw_status build(const sender *s, order *o, sw_deploy_built *out, sw_error *err) {
    SW_SCOPED(sw_fetch_reply) reply = {0};
    SW_TRY(ask(s, BUILD_PATH, o->build, &reply, err));
    SW_TRY(sw_deploy_answer_check(o->deployment, sw_buffer_bytes(&reply.body), out, err));
    SW_TRY(sw_deploy_start_make(out, &o->start, err));
    return sw_deploy_keep(s->cli, o->compose, err);
}

static sw_status start(const sender *s, const order *o, const sw_deploy_built *built,
                       sw_deploy_started *out, sw_error *err) {
    SW_SCOPED(sw_fetch_reply) reply = {0};
    SW_TRY(ask(s, START_PATH, sw_buffer_bytes(&o->start), &reply, err));
    return sw_deploy_started_check(o->deployment, built, sw_buffer_bytes(&reply.body), out, err);
}

static void tell(sw_cli *cli, const sw_deploy_built *built, const sw_deploy_started *started) {
    sw_arena *a = sw_cli_arena(cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    char hex[2 * SW_HASH_BYTES + 1];
    sw_hex_text(hex, SW_BYTES_OF(built->compose.b));
    sw_cli_print(cli, "compose hash %s\napp %s\n", hex, built->app_id);
    if (started->machine[0] != 0)
        sw_cli_print(cli, "machine %s %s\n", started->machine, started->status);
    sw_json_add_text(a, root, "app_id", sw_text(built->app_id));
    sw_json_add_text(a, root, "compose_hash", sw_text(hex));
    sw_json_add_text(a, root, "machine", sw_text(started->machine));
    sw_json_add_text(a, root, "status", sw_text(started->status));
    sw_cli_result(cli, root);
}

static sw_status send_both(const sender *s, sw_cli *cli, order *o, sw_error *err) {
    sw_deploy_built built;
    sw_deploy_started started;
    sw_status status = build(s, o, &built, err);
    if (status != SW_OK) {
        sw_error_hint(err, "the service was not told to start anything");
        return status;
    }
    status = start(s, o, &built, &started, err);
    if (status != SW_OK) {
        sw_error_hint(err, "look at the service's own list: it may have started a machine");
        return status;
    }
    tell(cli, &built, &started);
    return SW_OK;
}

static sw_bytes without(sw_bytes text, char last) {
    while (text.size > 0 && text.data[text.size - 1] == (uint8_t)last) text.size--;
    return text;
}

sw_status sw_deploy_send(sw_cli *cli, const sw_deployment *d, sw_bytes request, sw_bytes compose,
                         sw_error *err) {
    void *token = NULL;
    size_t size = 0;
    SW_TRY(sw_file_read_secret(sw_cli_option(cli, "token-file"), SW_FETCH_SECRET_LIMIT + 1, &token,
                               &size, err));
    sender s = {.cli = cli,
                .base = without(sw_text(sw_cli_option(cli, "to")), '/'),
                .token = without(SW_BYTES(token, size), '\n')};
    order o = {.deployment = d, .build = request, .compose = compose, .start = SW_BUFFER(4096)};
    sw_status status = send_both(&s, cli, &o, err);
    sw_buffer_free(&o.start);
    sw_secret_release(token);
    return status;
}
