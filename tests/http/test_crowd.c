/* SPDX-License-Identifier: Apache-2.0
 *
 * The server against a crowd: connections that do not ask, that are quiet, or that leave.
 */
#include "http/server.h"

#include <dirent.h>
#include <errno.h>

/* ---- more connections than the server takes (KMS-007) ---- */
enum { MANY = 150, IMPATIENT_MS = 20000 };

static uint64_t connection_of(visitor *v) {
    sw_http_patience(v->client, IMPATIENT_MS);
    assert_int_equal(call(v, "GET", "/", (sw_bytes){0}, NULL), SW_OK);
    return parse_seen(sw_buffer_bytes(&v->answer)).connection;
}

static size_t open_files(const server *s) {
    char path[32];
    size_t count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)s->pid);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder) != NULL) count++;
    (void)closedir(folder);
    return count;
}

/* Those who ask nothing give way first, to a newcomer and before anybody who has asked. */
static void test_idle_connections_give_way(void **state) {
    visitor before = {0}, after = {0};
    int fds[MANY];
    visitor_open(&before, *state);
    visitor_open(&after, *state);
    uint64_t connection = connection_of(&before);
    for (size_t i = 0; i < MANY; i++) fds[i] = dial(*state);
    (void)connection_of(&after);
    assert_in_range(open_files(*state), 60, 80);
    assert_int_equal(connection_of(&before), connection);
    for (size_t i = 0; i < MANY; i++) (void)close(fds[i]);
    visitor_close(&before);
    visitor_close(&after);
}

/* Where all have asked, the one that was quiet longest does; it may come again. */
static void test_quiet_connections_give_way(void **state) {
    visitor *all = calloc(MANY, sizeof *all);
    assert_non_null(all);
    uint64_t first = 0, last = 0;
    for (size_t i = 0; i < MANY; i++) {
        visitor_open(&all[i], *state);
        last = connection_of(&all[i]);
        if (i == 0) first = last;
    }
    assert_int_equal(connection_of(&all[MANY - 1]), last);
    assert_true(connection_of(&all[0]) > first);
    for (size_t i = 0; i < MANY; i++) visitor_close(&all[i]);
    free(all);
}

/* Blocks until the server ends the connection; false when it does not. */
static bool is_ended(int fd) {
    const struct timeval patience = {.tv_sec = IMPATIENT_MS / 1000};
    char bytes[4096];
    ssize_t got;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    while ((got = read(fd, bytes, sizeof bytes)) > 0) continue;
    return got == 0 || errno == ECONNRESET;
}

/* Handshake and the first bytes of a request. */
static void stranger_begins(stranger *t, const server *s, const char *bytes) {
    t->fd = dial(s);
    t->ssl = SSL_new(t->ctx);
    assert_non_null(t->ssl);
    assert_int_equal(SSL_set_fd(t->ssl, t->fd), 1);
    assert_int_equal(SSL_connect(t->ssl), 1);
    if (bytes[0] != 0)
        assert_int_equal(SSL_write(t->ssl, bytes, (int)strlen(bytes)), strlen(bytes));
}

static void test_a_first_request_has_a_deadline(void **state) {
    static const char *const begun[] = {
        "", "GET / HT", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nfour"};
    enum { STRANGERS = sizeof begun / sizeof *begun };
    stranger t[STRANGERS];
    visitor v = {0};
    visitor_open(&v, *state);
    uint64_t connection = connection_of(&v);
    int silent = dial(*state);
    for (size_t i = 0; i < STRANGERS; i++) {
        stranger_open(&t[i]);
        stranger_begins(&t[i], *state, begun[i]);
    }
    assert_true(is_ended(silent));
    for (size_t i = 0; i < STRANGERS; i++) {
        assert_true(is_ended(t[i].fd));
        stranger_close(&t[i]);
    }
    assert_int_equal(connection_of(&v), connection); /* later ones have not */
    (void)close(silent);
    visitor_close(&v);
}

/* A client that leaves in the middle of an answer ends nothing but its own connection. */
static void test_a_peer_that_leaves(void **state) {
    for (size_t i = 0; i < 8; i++) {
        stranger t;
        char answer[4096];
        stranger_open(&t);
        assert_true(stranger_asks(&t, *state, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n", answer));
        struct linger now = {.l_onoff = 1};
        assert_int_equal(setsockopt(t.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
        stranger_close(&t);
    }
    visitor v = {0};
    visitor_open(&v, *state);
    assert_int_equal(call(&v, "GET", "/", (sw_bytes){0}, NULL), SW_OK);
    visitor_close(&v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_connections_give_way),
        cmocka_unit_test(test_quiet_connections_give_way),
        cmocka_unit_test(test_a_first_request_has_a_deadline),
        cmocka_unit_test(test_a_peer_that_leaves),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("http/crowd", tests, setup, teardown);
}
