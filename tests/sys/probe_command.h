/* SPDX-License-Identifier: Apache-2.0
 *
 * Acts of probe_acts.c that have a meaning in a private root only (CMD-020 to CMD-025, CMD-046).
 * The test puts the probe at /bin/probe, a link to an outside file at /outside, one model file, and
 * 1 MiB of scratch. True: it was done.
 */
#ifndef SW_TESTS_PROBE_COMMAND_H
#define SW_TESTS_PROBE_COMMAND_H
#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

enum { SCRATCH_BYTES = 1 << 20, NAMES_MAX = 1 << 14 };

static bool act_write_root(void) {
    return opens("/x", O_WRONLY | O_CREAT) || mkdir("/y", 0700) == 0 || unlink("/outside") == 0 ||
           rename("/bin/probe", "/bin/other") == 0 || chmod("/bin", 0777) == 0;
}
static bool act_write_model(void) {
    return opens("/model/x", O_WRONLY | O_CREAT) || opens("/model/config.json", O_RDWR) ||
           truncate("/model/config.json", 0) == 0 || unlink("/model/config.json") == 0;
}
static bool act_write_program(void) {
    return opens("/bin/probe", O_WRONLY) || opens("/proc/cpuinfo", O_WRONLY) ||
           opens("/run/x", O_WRONLY | O_CREAT) || opens("/dev/x", O_WRONLY | O_CREAT);
}
static bool act_write_outside(void) {
    return opens("/etc/passwd", O_WRONLY | O_CREAT) || opens("/outside", O_WRONLY | O_CREAT);
}
static bool act_read_outside(void) { /* the name is in the environment */
    return opens(getenv("OUTSIDE"), O_RDONLY);
}
static bool act_read_by_link(void) {
    return opens("/outside", O_RDONLY) || opens("/bin/../outside", O_RDONLY);
}
static bool act_read_above(void) {
    if (chdir("/..") != 0 || chdir("../../..") != 0) return false;
    return opens("etc/passwd", O_RDONLY) || opens("../etc/passwd", O_RDONLY) ||
           opens("/tmp/../../etc/passwd", O_RDONLY);
}
static bool act_read_by_descriptor(void) {
    return opens("/proc/self/fd/3", O_RDONLY) || opens("/proc/self/root", O_RDONLY) ||
           opens("/dev/fd/3", O_RDONLY) || openat(GIVEN_IN, "..", O_RDONLY) >= 0;
}
static bool act_read_in_folder(void) { /* descriptor 5 */
    return openat(5, "secret", O_RDONLY) >= 0 || openat(5, "../../etc/passwd", O_RDONLY) >= 0 ||
           (fchdir(5) == 0 && (opens("secret", O_RDONLY) || opens("x", O_WRONLY | O_CREAT)));
}
static bool act_proc_1(void) {
    return opens("/proc/1/mem", O_RDONLY) || opens("/proc/1/root", O_RDONLY) ||
           opens("/proc/self/mem", O_RDWR);
}
static bool act_remount(void) {
    return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL) == 0;
}
static bool act_unmount(void) {
    return umount2("/tmp", MNT_DETACH) == 0;
}
static bool act_new_mount(void) {
    return syscall(SYS_fsopen, "proc", 0) >= 0;
}
static bool act_open_tree(void) {
    return syscall(SYS_open_tree, AT_FDCWD, "/", 1) >= 0;
}
static bool act_pivot(void) {
    return syscall(SYS_pivot_root, "/tmp", "/tmp") == 0;
}
static bool act_change_root(void) {
    return chroot("/tmp") == 0;
}
static bool act_join_namespace(void) {
    return setns(GIVEN_IN, 0) == 0;
}
static bool act_mount_namespace(void) {
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
}
static bool act_device(void) {
    return mknod("/tmp/null", S_IFCHR | 0600, makedev(1, 3)) == 0 ||
           mknod("/dev/shm/mem", S_IFCHR | 0600, makedev(1, 1)) == 0;
}
static bool act_pipe_file(void) {
    return mkfifo("/tmp/pipe", 0600) == 0;
}

static bool copy_probe(const char *to) {
    static char part[1 << 16];
    ssize_t size;
    int from = open("/bin/probe", O_RDONLY), made = open(to, O_WRONLY | O_CREAT, 0755);
    if (from < 0 || made < 0) return false;
    size = read(from, part, sizeof part);
    bool good = size > 0 && write(made, part, (size_t)size) == size;
    (void)close(made);
    (void)close(from);
    return good;
}
static bool act_exec_scratch(void) {
    char *const arguments[] = {"probe", "legal", "0", NULL};
    if (!copy_probe("/tmp/probe")) return true;
    (void)execve("/tmp/probe", arguments, environ);
    return errno != EACCES;
}
static bool act_map_scratch(void) {
    if (!copy_probe("/dev/shm/probe")) return true;
    int fd = open("/dev/shm/probe", O_RDONLY);
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) != MAP_FAILED;
}
static bool act_protect_scratch(void) { /* behind a page that is no file's */
    if (!copy_probe("/tmp/probe")) return true;
    int fd = open("/tmp/probe", O_RDONLY);
    char *pages = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mmap(pages + 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
        return true;
    return mprotect(pages, 8192, PROT_READ | PROT_EXEC) == 0;
}
static bool act_map_own(void) { /* as a loader does */
    int fd = open("/bin/probe", O_RDONLY);
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) != MAP_FAILED;
}
static bool act_write_relative(void) {
    int folder = open("/dev", O_RDONLY | O_DIRECTORY);
    return chdir("/bin") != 0 || opens("x", O_WRONLY | O_CREAT) || mkdir("../y/", 0700) == 0 ||
           openat(folder, "shm/../x", O_RDWR | O_CREAT, 0600) >= 0 ||
           symlinkat("a", folder, "b") == 0 || opens("/tmp/../nowhere/x", O_WRONLY | O_CREAT);
}
static bool act_change_own(void) {
    const char *const path = "/bin/text";
    int fd = open(path, O_RDONLY), folder = open("/bin", O_RDONLY | O_DIRECTORY);
    if (symlink(path, "/tmp/link") != 0) return true;
    return opens(path, O_WRONLY) || opens("/tmp/link", O_RDWR) || truncate(path, 0) == 0 ||
           chmod(path, 0777) == 0 || fchmod(fd, 0777) == 0 || futimens(fd, NULL) == 0 ||
           fchmodat(folder, "text", 0777, 0) == 0 || rename(path, "/tmp/text") == 0 ||
           rmdir("/bin") == 0 || unlinkat(folder, "text", 0) == 0;
}
/* A path alone, whatever else the flags say; and a name that must be new, of which the last link is
 * not followed. */
static bool act_name_own(void) {
    if (!opens("/bin/text", O_PATH | O_RDWR | O_CREAT) || symlink("/bin/text", "/tmp/own") != 0)
        return true;
    return opens("/tmp/own", O_WRONLY | O_CREAT | O_EXCL) || errno != EEXIST ||
           opens("/bin/text", O_WRONLY | O_CREAT | O_EXCL) || errno != EEXIST;
}
/* What is not there and is not made either. */
static bool act_change_nothing(void) {
    return opens("/etc/passwd", O_WRONLY) || opens("/outside", O_RDWR) || unlink("/a") == 0 ||
           truncate("/a", 0) == 0 || rename("/a", "/tmp/a") == 0 || chmod("/bin/a", 0700) == 0;
}
static bool act_make_there(void) { /* what creates a path's folders one by one */
    return mkdir("/", 0700) == 0 || mkdir("/tmp", 0700) == 0 || mkdir("/dev/", 0700) == 0 ||
           mkdir("/bin", 0700) == 0 || symlink("/x", "/bin") == 0;
}
/* No path, one without an end, one that is too long, and those of nowhere. */
static bool act_odd_paths(void) {
    static char long_path[PATH_MAX + 2];
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (munmap(page + 4096, 4096) != 0) return true;
    memset(page, '/', 4096);
    memset(long_path, '/', PATH_MAX + 1);
    return opens(NULL, O_WRONLY) || opens((const char *)8, O_RDWR) || opens(page, O_WRONLY) ||
           opens(page + 4095, O_WRONLY) || opens(long_path, O_WRONLY) || opens("", O_WRONLY) ||
           mkdirat(77, "x", 0700) == 0 || mkdirat(GIVEN_IN, "x", 0700) == 0 || fchmod(-1, 0) == 0 ||
           mprotect((void *)4096, SIZE_MAX & ~4095UL, PROT_EXEC) == 0 ||
           mmap(NULL, 4096, PROT_EXEC, MAP_PRIVATE, 77, 0) != MAP_FAILED;
}
/* A path that ends with its page, and one that begins in one and ends in the next. */
static bool act_path_over_pages(void) {
    char *page = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (munmap(page + 8192, 4096) != 0) return true;
    memcpy(page + 4096 - 4, "/bin/text", 10);
    memcpy(page + 8192 - 10, "/bin/text", 10);
    return opens(page + 4096 - 4, O_WRONLY) || opens(page + 8192 - 10, O_WRONLY);
}
static bool act_print(void) {
    return write(1, "row", 3) == 3 && write(2, "row", 3) == 3;
}
static bool act_print_much(void) { /* more than a pipe holds */
    static char part[1 << 16];
    for (int i = 0; i < 64; i++)
        if (write(1, part, sizeof part) <= 0) return false;
    return true;
}
static char raced[16];
static void *change_name(void *context) {
    volatile char *folder = context;
    for (const char *name = "tmpbin"; *folder != 0; name = name[3] != 0 ? name + 3 : name - 3)
        for (int i = 0; i < 3; i++) folder[i] = name[i];
    return NULL;
}
/* The name changes while it is looked at: what is opened for writing is the scratch's all the same.
 */
static bool act_race(void) {
    pthread_t other;
    struct stat scratch, st;
    memcpy(raced, "/tmp/text", 10);
    if (stat("/tmp", &scratch) != 0 || pthread_create(&other, NULL, change_name, raced + 1) != 0)
        return true;
    for (int i = 0; i < 3000; i++) {
        int fd = open(raced, O_WRONLY | O_CREAT, 0600);
        if (fd >= 0 && (fstat(fd, &st) != 0 || st.st_dev != scratch.st_dev)) return true;
        (void)close(fd);
    }
    return false;
}
static bool act_write_random(void) {
    return opens("/dev/urandom", O_WRONLY) || opens("/dev/random", O_RDWR);
}
static bool act_end_agent(void) {
    return getppid() == parent || kill(parent, SIGKILL) == 0;
}
static bool act_take_descriptor(void) {
    return syscall(SYS_pidfd_getfd, GIVEN_IN, 0, 0) >= 0;
}
static bool act_handle(void) {
    return syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, O_RDONLY) >= 0;
}

/* Both places together; true: more went in than the scratch has. */
static bool act_fill(void) {
    static char part[1 << 14];
    const char *const paths[] = {"/tmp/a", "/dev/shm/a"};
    size_t total = 0;
    for (int i = 0; i < 2; i++) {
        int fd = open(paths[i], O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0) return true;
        for (ssize_t n; total <= 2 * SCRATCH_BYTES && (n = write(fd, part, sizeof part)) > 0;) {
            total += (size_t)n;
            if (i == 0 && total >= SCRATCH_BYTES / 2) break;
        }
    }
    return total > SCRATCH_BYTES || total < SCRATCH_BYTES / 2;
}
static bool act_fill_sparse(void) {
    (void)signal(SIGXFSZ, SIG_IGN);
    int fd = open("/tmp/sparse", O_RDWR | O_CREAT, 0600);
    return fd < 0 || ftruncate(fd, SCRATCH_BYTES + 1) == 0 || errno != EFBIG;
}
static bool act_fill_names(void) {
    char path[32];
    for (int i = 0; i < NAMES_MAX; i++) {
        (void)snprintf(path, sizeof path, "/tmp/%d", i);
        int fd = open(path, O_WRONLY | O_CREAT, 0600);
        if (fd < 0) return i < 100 || errno != ENOSPC;
        (void)close(fd);
    }
    return true;
}
static bool act_rename_out(void) {
    if (!opens("/tmp/a", O_WRONLY | O_CREAT)) return true;
    return rename("/tmp/a", "/a") == 0 || link("/tmp/a", "/a") == 0 || symlink("/tmp", "/a") == 0;
}

/* ---- what a command may ---- */

static bool work_in(const char *folder) {
    if (chdir(folder) != 0 || mkdir("d", 0700) != 0) return false;
    int fd = open("d/a", O_RDWR | O_CREAT | O_EXCL, 0600);
    bool good = fd >= 0 && write(fd, "hello", 5) == 5 && ftruncate(fd, 3) == 0 && fsync(fd) == 0 &&
                fchmod(fd, 0640) == 0 && rename("d/a", "b") == 0 && link("b", "c") == 0 &&
                symlink("b", "l") == 0 && truncate("l", 1) == 0 && unlink("l") == 0 &&
                unlink("b") == 0 && unlink("c") == 0 && rmdir("d") == 0 &&
                mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED;
    (void)close(fd);
    return good;
}
static bool act_scratch(void) {
    return work_in("/tmp") && work_in("/dev/shm");
}
static bool act_write_null(void) {
    char zero = 1;
    int full = open("/dev/full", O_WRONLY), zeros = open("/dev/zero", O_RDWR);
    return opens("/dev/null", O_WRONLY | O_TRUNC | O_CREAT) && opens("/dev/urandom", O_RDONLY) &&
           opens("/dev/random", O_RDONLY) && write(full, "x", 1) == -1 && errno == ENOSPC &&
           read(zeros, &zero, 1) == 1 && zero == 0;
}

static bool is(const char *path, mode_t mode) {
    struct stat st;
    return lstat(path, &st) == 0 && st.st_mode == mode && (st.st_uid == 0) == (st.st_gid == 0);
}
static bool act_places(void) {
    struct statvfs root, tmp, shm;
    struct stat st;
    char byte;
    int info = open("/proc/cpuinfo", O_RDONLY), memory = open("/proc/meminfo", O_RDONLY);
    if (statvfs("/", &root) != 0 || statvfs("/tmp", &tmp) != 0 || statvfs("/dev/shm", &shm) != 0)
        return false;
    const unsigned long held = ST_NOSUID | ST_NODEV | ST_NOEXEC;
    return read(info, &byte, 1) == 1 && read(memory, &byte, 1) == 1 &&
           (root.f_flag & (ST_RDONLY | ST_NOSUID)) == (ST_RDONLY | ST_NOSUID) &&
           (tmp.f_flag & held) == held && (shm.f_flag & held) == held &&
           tmp.f_blocks * tmp.f_frsize == SCRATCH_BYTES && is("/", S_IFDIR | 0555) &&
           is("/bin", S_IFDIR | 0555) && is("/bin/probe", S_IFREG | 0555) &&
           is("/bin/text", S_IFREG | 0444) && is("/model", S_IFDIR | 0555) &&
           is("/model/config.json", S_IFREG | 0444) && is("/dev", S_IFDIR | 0555) &&
           lstat("/bin/probe", &st) == 0 && st.st_uid == 0 && st.st_nlink == 1;
}
static bool act_younger_call(void) {
    return syscall(452, 0, 0, 0, 0) == -1 && errno == ENOSYS && syscall(999) == -1 &&
           errno == ENOSYS;
}
/* What libraries try: an error, and life goes on. */
static bool act_tried(void) {
    int pending = -1;
    return ioctl(GIVEN_IN, FIONREAD, &pending) == 0 && pending == 5 &&
           ioctl(GIVEN_IN, TIOCGWINSZ, &pending) == -1 && errno == ENOTTY &&
           syscall(SYS_listxattr, "/", NULL, 0) == -1 && errno == EOPNOTSUPP &&
           prctl(PR_SET_NAME, "script", 0, 0, 0) == -1 &&
           prctl(PR_CAPBSET_READ, 0, 0, 0, 0) == -1 && errno == EACCES &&
           fcntl(GIVEN_IN, F_SETPIPE_SZ, 4096) == -1 && errno == EACCES &&
           fcntl(GIVEN_IN, F_GETPIPE_SZ) > 0 &&
           syscall(SYS_get_mempolicy, NULL, NULL, 0, NULL, 0) == -1;
}
/* The nodes have the numbers of /dev/null, which knows no ioctl. */
static bool act_gpu(void) {
    static const char *const absent[] = {"/dev/nvidia1", "/dev/nvidia-uvm", "/dev/nvidia16",
                                         "/dev/nvidia-modeset", "/dev/mem"};
    char byte;
    int node = open("/dev/nvidia0", O_RDWR), other = open("/dev/zero", O_RDWR);
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        if (opens(absent[i], O_RDONLY)) return false;
    return node >= 0 && opens("/dev/nvidiactl", O_RDWR) && write(node, "x", 1) == 1 &&
           read(node, &byte, 1) == 0 && ioctl(node, 0x4600, NULL) == -1 && errno == ENOTTY &&
           ioctl(other, 0x4600, NULL) == -1 && mknod("/tmp/nvidia1", S_IFCHR, makedev(1, 3)) == -1;
}
/* On any device but a node of the GPU: true when the kernel let it reach the driver. */
static bool act_other_ioctl(void) {
    int other = open("/dev/zero", O_RDWR);
    return ioctl(other, 0x4600, NULL) == 0 || errno != EACCES;
}
static bool act_no_gpu(void) {
    return opens("/dev/nvidia0", O_RDWR) || opens("/dev/nvidiactl", O_RDWR);
}
/* 0 is its own /dev/null, and no object of the machine's; 1 and 2 are that too, or a pipe. */
static bool act_own_null(void) {
    struct stat own, given;
    char byte;
    if (stat("/dev/null", &own) != 0) return false;
    for (int fd = 0; fd < 3; fd++)
        if (fstat(fd, &given) != 0 ||
            ((own.st_dev != given.st_dev || own.st_ino != given.st_ino) &&
             (fd == 0 || !S_ISFIFO(given.st_mode) || read(fd, &byte, 1) >= 0)))
            return false;
    return read(0, &byte, 1) == 0;
}
static struct sockaddr_un name_of(const char *path) { /* @ for one that is no file's */
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    (void)snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    if (path[0] == '@') name.sun_path[0] = 0;
    return name;
}
/* The test listens at both: one has a file's name, the other none. */
static bool act_unix_outside(void) {
    char path[2][108];
    const char *secret = getenv("OUTSIDE");
    (void)snprintf(path[0], sizeof path[0], "@sealwright-%d", (int)parent);
    (void)snprintf(path[1], sizeof path[1], "%.80s.socket", secret ? secret : "");
    for (int i = 0; i < 2; i++) {
        struct sockaddr_un name = name_of(path[i]);
        socklen_t size =
            i ? sizeof name : (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path[i]));
        int stream = socket(AF_UNIX, SOCK_STREAM, 0), packet = socket(AF_UNIX, SOCK_DGRAM, 0);
        if (connect(stream, (struct sockaddr *)&name, size) == 0) return true;
        if (sendto(packet, "x", 1, 0, (struct sockaddr *)&name, size) == 1) return true;
    }
    return false;
}
static bool act_unix_in_root(void) {
    static const char *const places[] = {"/socket", "/run/socket", "/dev/socket", "/model/socket"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct sockaddr_un name = name_of(places[i]);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (bind(fd, (struct sockaddr *)&name, sizeof name) == 0) return true;
    }
    return false;
}
static int pass(int through, int fd) {
    char byte = 'x', space[CMSG_SPACE(sizeof fd)] = "";
    struct iovec part = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    if (fd < 0) {
        if (recvmsg(through, &message, 0) != 1 || CMSG_FIRSTHDR(&message) == NULL) return -1;
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
        return fd;
    }
    struct cmsghdr *with = CMSG_FIRSTHDR(&message);
    *with = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(with), &fd, sizeof fd);
    return sendmsg(through, &message, 0) == 1 ? 0 : -1;
}
/* Between its own processes: what multiprocessing, asyncio and PyTorch's DataLoader do. */
static bool act_unix_inside(void) {
    struct sockaddr_un name = name_of("/tmp/listener");
    int yes = 1, pair[2], listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char byte = 0;
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(listener, (struct sockaddr *)&name, sizeof name) != 0 || listen(listener, 1) != 0)
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        _exit(connect(fd, (struct sockaddr *)&name, sizeof name) == 0 && pass(fd, GIVEN_IN) == 0
                  ? 0
                  : 1);
    }
    int end = accept(listener, NULL, NULL), passed = pass(end, -1), status = 1;
    return pid > 0 && passed >= 0 && read(passed, &byte, 1) == 1 && byte == 'h' &&
           waitpid(pid, &status, 0) == pid && status == 0 && unlink("/tmp/listener") == 0 &&
           socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0 && send(pair[0], "y", 1, 0) == 1 &&
           recv(pair[1], &byte, 1, 0) == 1 && byte == 'y' && send(pair[0], "z", 1, MSG_OOB) == -1 &&
           errno == EOPNOTSUPP &&
           setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &yes, sizeof yes) == -1 &&
           errno == ENOPROTOOPT;
}
static bool act_network(void) {
    static const int families[] = {AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG};
    int ends[2];
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (socket(families[i], SOCK_DGRAM, 0) >= 0 || errno != EACCES) return true;
    return socketpair(AF_TIPC, SOCK_DGRAM, 0, ends) == 0 || errno != EACCES ||
           syscall(SYS_socket, (1UL << 32) | AF_INET, SOCK_DGRAM, 0) >= 0;
}
/* ---- crashes with what a kernel would print: the test looks for it in the log ---- */

#define CANARY_NAME "SEALCANARYCOMM"
static bool act_crash_code(void) { /* CANARY around an instruction that is none */
    static const uint8_t code[] = "CANARYCANARY\x0f\x0b"
                                  "CANARYCANARYCANARYCANARYCANARYCANARYCANARYCANARY";
    uint8_t *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
    memcpy(page + 256 - 12, code, sizeof code);
    ((void (*)(void))(uintptr_t)(page + 256))();
    return true;
}
static bool act_crash_jump(void) {
    ((void (*)(void))(uintptr_t)0x5ea1ca4a4200)();
    return true;
}
static bool act_crash_read(void) {
    return *(volatile uint8_t *)(uintptr_t)0x5ea1ca4a4201 != 0;
}
static bool act_crash_divide(void) {
    __asm__ volatile("xor %%edx, %%edx\n xor %%ecx, %%ecx\n mov $1, %%eax\n div %%ecx" ::
                         : "eax", "ecx", "edx");
    return true;
}
static bool act_crash_frame(void) {
    return syscall(SYS_rt_sigreturn) == 0;
}
static bool act_loud(void) {
    static const char *const ways[] = {"crash",        "crash_code",  "crash_jump", "crash_read",
                                       "crash_divide", "crash_frame", "trace_me",   "old_call"};
    if (symlink("/bin/probe", "/tmp/" CANARY_NAME) != 0) return false;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        char *const arguments[] = {"probe", (char *)(uintptr_t)ways[i], "0", NULL};
        pid_t pid = fork();
        if (pid == 0) (void)execve("/tmp/" CANARY_NAME, arguments, environ);
        if (pid == 0) _exit(BAD_USAGE);
        int status = 0;
        if (waitpid(pid, &status, 0) != pid) return false;
        if (WIFEXITED(status) && WEXITSTATUS(status) != REFUSED) return false;
    }
    return true;
}
/* ---- too much of everything ---- */

/* Leaves a child in a session of its own, which holds descriptor 4. */
static bool act_outlive(void) {
    pid_t pid = fork();
    if (pid == 0) {
        (void)setsid();
        (void)signal(SIGHUP, SIG_IGN);
        for (;;) (void)pause();
    }
    return pid > 0;
}
static bool act_linger(void) {
    return write(GIVEN_OUT, "here", 4) == 4 && pause() == 0;
}
static bool act_surroundings(void) {
    char text[256];
    int descriptors = 0, variables = 0;
    struct rlimit files, open_files, core;
    for (int fd = 0; fd < 64; fd++) descriptors += fcntl(fd, F_GETFD) >= 0;
    for (char **v = environ; *v != NULL; v++) variables++;
    (void)getrlimit(RLIMIT_FSIZE, &files);
    (void)getrlimit(RLIMIT_NOFILE, &open_files);
    (void)getrlimit(RLIMIT_CORE, &core);
    const char *home = getenv("HOME");
    int size = snprintf(
        text, sizeof text, "fds %d env %d home %s fsize %llu files %llu core %llu pid %d dump %d",
        descriptors, variables, home ? home : "none", (unsigned long long)files.rlim_max,
        (unsigned long long)open_files.rlim_max, (unsigned long long)core.rlim_max, (int)getpid(),
        prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    return write(GIVEN_OUT, text, (size_t)size) == size;
}
#endif
