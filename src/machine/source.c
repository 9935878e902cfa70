/* SPDX-License-Identifier: Apache-2.0
 *
 * One request to a service that publishes collateral, and the files of the cache (MCH-050 on).
 */
#include "machine/collateral_internal.h"
#include "sys/files.h"

#include <string.h>

/* ---- requests ---- */
static sw_status answer_check(const char *url, int status, sw_error *err) {
    if (status == 200) return SW_OK;
    if (status == 404 || status == 410)
        return sw_fail(err, SW_MISSING, "missing", "%s: the service has none (HTTP status %d)", url,
                       status);
    if (status >= 300 && status < 400)
        return sw_fail(err, SW_REFUSED, "unavailable",
                       "%s: the service sends us elsewhere, and no redirect is followed", url);
    return sw_fail(err, SW_UNAVAILABLE, "unavailable",
                   "%s: the service answers with HTTP status %d", url, status);
}

sw_status sw_source_ask(const sw_collateral_source *s, const sw_source_question *q,
                        sw_fetch_reply *out, sw_error *err) {
    const char *const fields[] = {q->field, NULL};
    const sw_fetch_request request = {.url = q->url,
                                      .ca_file = s->ca_file,
                                      .proxy = s->proxy,
                                      .content_type = q->content_type,
                                      .body = q->body,
                                      .body_limit = q->body_limit,
                                      .timeout_ms = s->timeout_ms > 0 ? s->timeout_ms : SW_FETCH_MS,
                                      .fields = fields};
    SW_SCOPED(sw_fetch_reply) got = {0};
    SW_TRY(sw_http_fetch(&request, &got, err));
    SW_TRY(answer_check(q->url, got.status, err));
    *out = got;
    got = (sw_fetch_reply){0};
    return SW_OK;
}

sw_status sw_source_base(sw_arena *a, const char *given, const char *usual, const char **out,
                         sw_error *err) {
    const char *url = given == NULL ? usual : given;
    size_t size = strlen(url);
    while (size > 0 && url[size - 1] == '/') size--;
    *out = sw_arena_text(a, SW_BYTES(url, size));
    return *out != NULL ? SW_OK
                        : sw_fail(err, SW_MEMORY, "memory", "no memory for a service's address");
}

sw_status sw_source_url(sw_buffer *url, sw_error *err) {
    sw_put_u8(url, 0);
    if (!url->failed) return SW_OK;
    return sw_fail(err, SW_USAGE, "usage", "the service's address has more than %zu bytes",
                   SW_FETCH_URL_LIMIT);
}

/* ---- the cache ---- */
static sw_status cache_path(const sw_collateral_source *s, sw_arena *a, const char *name,
                            const char **out, sw_error *err) {
    *out = sw_path_join(a, s->cache_folder, name);
    return *out != NULL ? SW_OK : sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
}

sw_status sw_source_cached(const sw_collateral_source *s, sw_arena *a, const char *name,
                           size_t limit, sw_bytes *out, sw_error *err) {
    SW_SCOPED(sw_buffer) file = SW_BUFFER(limit);
    const char *path;
    if (s->cache_folder == NULL) return sw_fail(err, SW_MISSING, "missing", "there is no cache");
    SW_TRY(cache_path(s, a, name, &path, err));
    if (sw_path_exists(path) && !sw_path_is_file(path))
        return sw_fail(err, SW_MALFORMED, "format", "%s is not a regular file", path);
    SW_TRY(sw_file_read(path, limit, &file, err));
    *out = sw_arena_copy(a, sw_buffer_bytes(&file));
    if (out->data == NULL) return sw_fail(err, SW_MALFORMED, "format", "%s is empty", path);
    return SW_OK;
}

sw_status sw_source_keep(const sw_collateral_source *s, const char *name, sw_bytes content,
                         sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    const char *path;
    if (s->cache_folder == NULL) return SW_OK;
    SW_TRY(cache_path(s, &a, name, &path, err));
    SW_TRY(sw_folder_make(s->cache_folder, 0700, err));
    return sw_file_write(path, content, 0600, SW_WRITE_REPLACE, err);
}
