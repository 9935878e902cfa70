/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests of a command in its private root share: a tree with the probe, a start, and one act of
 * the probe from start to end.
 */
#ifndef SW_TESTS_COMMAND_SUPPORT_H
#define SW_TESTS_COMMAND_SUPPORT_H
#include "sys/files.h"
#include "sys/process.h"
#include "tree_support.h"

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { DONE = 42, REFUSED = 1 };
enum { SCRATCH_BYTES = 1 << 20, END_MS = 20000 };

typedef struct place {
    char tree[64], devices[64], outside[64];
    int listeners[3];
} place;
static place here;
static int given_folder = -1; /* one more descriptor of the command, in one test */

static inline void put_probe(const char *folder) {
    char path[512];
    SW_SCOPED(sw_buffer) program = SW_BUFFER(16 << 20);
    sw_error err = {0};
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 32);
    assert_true(size > 0);
    path[size] = 0;
    (void)snprintf(strrchr(path, '/') + 1, 32, "probe_acts");
    if (sw_file_read(path, 16 << 20, &program, &err) != SW_OK) fail_msg("%s", err.message);
    put_file(folder, "bin/probe", program.data, program.size, 0700);
}

/* What a command must not reach: a name without a file, for streams and for packets, and a file. */
static inline void listen_outside(void) {
    for (int i = 0; i < 3; i++) {
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        int size =
            i < 2 ? snprintf(name.sun_path, sizeof name.sun_path, "@sealwright-%d", (int)getpid())
                  : snprintf(name.sun_path, sizeof name.sun_path, "%s/secret.socket", here.outside);
        socklen_t all = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)size);
        if (i < 2) name.sun_path[0] = 0;
        int fd = socket(AF_UNIX, (i == 1 ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&name, all), 0);
        if (i != 1) assert_int_equal(listen(fd, 4), 0);
        if (i == 2) assert_int_equal(chmod(name.sun_path, 0777), 0);
        here.listeners[i] = fd;
    }
}

static inline int make(void **state) {
    (void)state;
    make_tree_folder(here.tree);
    make_tree_folder(here.devices);
    make_tree_folder(here.outside);
    assert_int_equal(chmod(here.outside, 0755), 0);
    put_file(here.outside, "secret", "secret", 6, 0644);
    listen_outside();
    put_folder(here.tree, "bin");
    put_probe(here.tree);
    put_file(here.tree, "bin/text", "no program", 10, 0600);
    put_file(here.tree, "bin/script", "#!/bin/probe\n", 13, 0755);
    put_link(here.tree, "outside", inside(here.outside, "secret"));
    put_link(here.tree, "true", "/bin/true");
    put_link(here.tree, "again", "/../../bin/probe");
    for (int i = 0; i < 2; i++) { /* not nvidia1, nor a file of such a name */
        const char *name = i ? "nvidia0" : "nvidiactl";
        assert_int_equal(mknod(inside(here.devices, name), S_IFCHR | 0600, makedev(1, 3)), 0);
    }
    for (int i = 0; i < 3; i++) { /* devices that CMD-025 does not name */
        static const char *const others[] = {"nvidia16", "nvidia-modeset", "mem"};
        assert_int_equal(mknod(inside(here.devices, others[i]), S_IFCHR | 0666, makedev(1, 3)), 0);
    }
    put_file(here.devices, "nvidia-uvm", "x", 1, 0600);
    return 0;
}

static inline int unmake(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof here.listeners / sizeof here.listeners[0]; i++)
        (void)close(here.listeners[i]);
    remove_tree(here.tree);
    remove_tree(here.devices);
    remove_tree(here.outside);
    return 0;
}

static inline sw_private_root *make_root(bool gpu, bool closed) {
    sw_private_root *root = NULL;
    sw_tree_digest found;
    sw_hash digest;
    sw_error err = {0};
    int model = open(inside(here.outside, "secret"), O_RDONLY | O_CLOEXEC);
    if (sw_private_root_make(SCRATCH_BYTES, &root, &err) != SW_OK ||
        sw_private_root_copy(root, here.tree, NULL, NULL, &found, &err) != SW_OK ||
        sw_private_root_add(root, "/model/config.json", model, 6, &digest, &err) != SW_OK ||
        (closed && sw_private_root_close(root, gpu, here.devices, &err) != SW_OK))
        fail_msg("%s", err.message);
    (void)close(model);
    return root;
}

typedef struct run {
    int code, in[2], out[2], pidfd;
    pid_t pid;
    char output[256];
    sw_sandbox_layers layers;
    sw_watch *watch;
    unsigned seen;
} run;

static bool unwatched; /* in some tests */

static inline void open_pipes(run *r) {
    assert_int_equal(pipe2(r->in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(r->out, O_CLOEXEC), 0);
    assert_int_equal(write(r->in[1], "hello", 5), 5);
}

static inline void close_pipes(run *r) {
    for (int i = 0; i < 2; i++) {
        (void)close(r->in[i]);
        (void)close(r->out[i]);
    }
}

static inline sw_status start(const sw_private_root *root, const char *program, const char *act,
                              run *r, sw_error *err) {
    char parent[16], outside[128];
    (void)snprintf(parent, sizeof parent, "%d", (int)getpid());
    (void)snprintf(outside, sizeof outside, "OUTSIDE=%s/secret", here.outside);
    const char *const argv[] = {program, act, parent, NULL};
    const char *const environment[] = {"HOME=/tmp", outside, NULL};
    const int fds[] = {r->in[0], r->out[1], given_folder};
    const sw_sandbox_rules rules = {.profile = SW_SANDBOX_COMMAND, .root = root};
    const sw_spawn what = {.image_fd = -1,
                           .argv = argv,
                           .environment = environment,
                           .fds = fds,
                           .fd_count = given_folder < 0 ? 2 : 3,
                           .sandbox = &rules,
                           .watch = unwatched ? NULL : &r->watch};
    return sw_process_start(&what, &r->pid, &r->pidfd, &r->layers, err);
}

/* Until every holder of the other end is gone. */
static inline void read_to_end(run *r) {
    size_t done = 0;
    struct pollfd end = {.fd = r->out[0], .events = POLLIN};
    for (;;) {
        if (poll(&end, 1, END_MS) != 1) fail_msg("something of the command is still there");
        ssize_t n = read(r->out[0], r->output + done, sizeof r->output - 1 - done);
        if (n <= 0) break;
        done += (size_t)n;
    }
    r->output[done] = 0;
}

static inline run run_act(const char *act, bool gpu) {
    run r = {.pidfd = -1};
    sw_error err = {0};
    sw_private_root *root = make_root(gpu, true);
    open_pipes(&r);
    if (start(root, "/bin/probe", act, &r, &err) != SW_OK) fail_msg("%s: %s", act, err.message);
    (void)close(r.out[1]);
    r.out[1] = -1;
    assert_int_equal(sw_process_wait(r.pid, &r.code, &err), SW_OK);
    read_to_end(&r);
    close_pipes(&r);
    (void)close(r.pidfd);
    r.seen = sw_watch_end(&r.watch);
    sw_private_root_drop(&root);
    return r;
}

/* The probe's act that is allowed, under these rules and over the run's open pipes; when it starts,
 * to its end. */
static inline sw_status start_under(sw_sandbox_rules rules, run *r, sw_error *err) {
    sw_private_root *root = make_root(false, true);
    const char *const argv[] = {"/bin/probe", "legal", "0", NULL};
    const int fds[] = {r->in[0], r->out[1]};
    rules.profile = SW_SANDBOX_COMMAND;
    rules.root = root;
    const sw_spawn what = {
        .image_fd = -1, .argv = argv, .fds = fds, .fd_count = 2, .sandbox = &rules};
    sw_status status = sw_process_start(&what, &r->pid, &r->pidfd, &r->layers, err);
    if (status == SW_OK) assert_int_equal(sw_process_wait(r->pid, &r->code, err), SW_OK);
    if (status == SW_OK) (void)close(r->pidfd);
    sw_private_root_drop(&root);
    return status;
}

#endif
