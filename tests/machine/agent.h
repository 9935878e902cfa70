/* SPDX-License-Identifier: Apache-2.0
 *
 * A service on a unix socket in a temporary folder: one thread of the test, one request a
 * connection, answers written byte by byte by the test. What a guest agent is, and what it must not
 * be.
 */
#ifndef SW_TESTS_MACHINE_AGENT_H
#define SW_TESTS_MACHINE_AGENT_H
#include "base/base.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define AGENT_REQUEST_MAX ((size_t)1 << 20)

typedef struct agent agent;
struct agent {
    /* Writes the whole answer, head and body; nothing written: the connection is closed. */
    void (*answer)(agent *a, const char *method, sw_bytes body, sw_buffer *raw);
    void *context;
    char folder[64], path[80];
    int fd;
    unsigned calls;
    char head[4096]; /* of the last request */
    pthread_t thread;
};

static inline void agent_put(sw_buffer *raw, const char *status, sw_bytes body) {
    sw_put_format(raw,
                  "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                  status, body.size);
    sw_put_bytes(raw, body);
}

static inline void agent_ok(sw_buffer *raw, const char *json) {
    agent_put(raw, "200 OK", sw_text(json));
}

/* Reads until the body that Content-Length promises is there. */
static inline sw_bytes agent_request(int fd, sw_buffer *in, sw_bytes *body) {
    for (;;) {
        char piece[65536];
        const char *end = in->size == 0 ? NULL : memmem(in->data, in->size, "\r\n\r\n", 4);
        size_t head = end == NULL ? 0 : (size_t)(end - (const char *)in->data) + 4, promised = 0;
        const char *field = head == 0 ? NULL : memmem(in->data, head, "Content-Length: ", 16);
        if (field != NULL) promised = strtoul(field + 16, NULL, 10);
        if (head > 0 && in->size >= head + promised) {
            *body = SW_BYTES(in->data + head, promised);
            return SW_BYTES(in->data, head);
        }
        ssize_t n = read(fd, piece, sizeof piece);
        if (n <= 0) return (sw_bytes){0};
        sw_put_bytes(in, SW_BYTES(piece, (size_t)n));
    }
}

static inline void agent_serve(agent *a, int fd) {
    SW_SCOPED(sw_buffer) in = SW_BUFFER(AGENT_REQUEST_MAX);
    SW_SCOPED(sw_buffer) raw = SW_BUFFER((size_t)64 << 20);
    sw_bytes body = {0}, head = agent_request(fd, &in, &body);
    char method[64] = "";
    if (head.size == 0) return;
    size_t kept = head.size < sizeof a->head - 1 ? head.size : sizeof a->head - 1;
    memcpy(a->head, head.data, kept);
    a->head[kept] = 0;
    const char *slash = strchr(a->head, '/');
    if (slash != NULL) (void)sscanf(slash + 1, "%60[^ ?]", method);
    a->calls++;
    a->answer(a, method, body, &raw);
    for (size_t at = 0; at < raw.size;) {
        ssize_t n = send(fd, raw.data + at, raw.size - at, MSG_NOSIGNAL);
        if (n <= 0) return;
        at += (size_t)n;
    }
}

static inline void *agent_thread(void *context) {
    agent *a = context;
    int fd;
    while ((fd = accept(a->fd, NULL, NULL)) >= 0) {
        agent_serve(a, fd);
        (void)close(fd);
    }
    return NULL;
}

static inline bool agent_start(agent *a) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(a->folder, sizeof a->folder, "/tmp/sealwright-test-XXXXXX");
    if (mkdtemp(a->folder) == NULL) return false;
    (void)snprintf(a->path, sizeof a->path, "%s/dstack.sock", a->folder);
    memcpy(at.sun_path, a->path, sizeof a->path);
    a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return a->fd >= 0 && bind(a->fd, (struct sockaddr *)&at, sizeof at) == 0 &&
           listen(a->fd, 8) == 0 && pthread_create(&a->thread, NULL, agent_thread, a) == 0;
}

static inline void agent_stop(agent *a) {
    (void)shutdown(a->fd, SHUT_RDWR);
    (void)pthread_join(a->thread, NULL);
    (void)close(a->fd);
    (void)unlink(a->path);
    (void)rmdir(a->folder);
}
#endif
