/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory files: a program read once and sealed against every change, so that what was hashed is
 * what runs; and shared memory whose size, and later content, nobody can change.
 *
 * The image may be executed and not read (mode 0111): the kernel then keeps its process undumpable.
 */
#include "sys/process.h"

#include "sys/files.h"
#include "sys/sandbox_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Younger than some headers: linux/memfd.h. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

enum { COPY_BYTES = 1 << 16, SIZE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW };

/* Older kernels know neither of the two execution flags. */
static int make_memory_file(const char *name, unsigned execution) {
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | execution);
    if (fd < 0 && errno == EINVAL) fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd;
}

static sw_status failed(sw_error *err, const char *doing) {
    return sw_fail(err, SW_IO, "io", "%s: %s", doing, strerror(errno));
}

static sw_status copy_program(int from, int to, size_t limit, size_t *size, sw_error *err) {
    uint8_t part[COPY_BYTES];
    size_t total = 0, got = 0;
    do {
        SW_TRY(sw_fd_read(from, part, sizeof part, &got, err));
        if (got > limit - total)
            return sw_fail(err, SW_LIMIT, "limit", "the program is larger than %zu bytes", limit);
        SW_TRY(sw_fd_write(to, SW_BYTES(part, got), err));
        total += got;
    } while (got == sizeof part);
    if (total == 0) return sw_fail(err, SW_MALFORMED, "format", "the program is empty");
    *size = total;
    return SW_OK;
}

static sw_status seal_and_map(int fd, size_t size, sw_bytes *mapped, sw_error *err) {
    if (fchmod(fd, 0111) != 0) return failed(err, "setting the program's mode");
    if (fcntl(fd, F_ADD_SEALS, SIZE_SEALS | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
        return failed(err, "sealing the program");
    void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) return failed(err, "mapping the program");
    *mapped = SW_BYTES(map, size);
    return SW_OK;
}

sw_status sw_image_copy(int from, size_t limit, int *fd, sw_bytes *mapped, sw_error *err) {
    size_t size = 0;
    int made = make_memory_file("image", MFD_EXEC);
    sw_status status = made < 0 ? failed(err, "making a memory file") : SW_OK;
    if (status == SW_OK) status = copy_program(from, made, limit, &size, err);
    if (status == SW_OK) status = seal_and_map(made, size, mapped, err);
    if (status == SW_OK) *fd = made;
    if (status != SW_OK && made >= 0) (void)close(made);
    return status;
}

sw_status sw_image_load(const char *path, size_t limit, int *fd, sw_bytes *mapped, sw_error *err) {
    int from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (from < 0 && errno == ENOENT)
        return sw_fail(err, SW_MISSING, "missing", "%s: no such program", path);
    if (from < 0) return sw_fail(err, SW_IO, "io", "opening %s: %s", path, strerror(errno));
    sw_status status = sw_image_copy(from, limit, fd, mapped, err);
    (void)close(from);
    if (status != SW_OK) sw_error_prefix(err, "%s", path);
    return status;
}

void sw_image_unload(int *fd, sw_bytes *mapped) {
    if (mapped->data != NULL) (void)munmap((void *)(uintptr_t)mapped->data, mapped->size);
    if (*fd >= 0) (void)close(*fd);
    *mapped = (sw_bytes){NULL, 0};
    *fd = -1;
}

sw_status sw_shared_make(const char *name, size_t size, int *fd, void **map, sw_error *err) {
    if (size == 0 || size > INT64_MAX)
        return sw_fail(err, SW_USAGE, "usage", "shared memory of %zu bytes", size);
    int made = make_memory_file(name, MFD_NOEXEC_SEAL);
    if (made < 0) return failed(err, "making a memory file");
    void *at = MAP_FAILED;
    if (ftruncate(made, (off_t)size) == 0 && fcntl(made, F_ADD_SEALS, SIZE_SEALS) == 0)
        at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, made, 0);
    if (at == MAP_FAILED) {
        sw_status status = failed(err, "making shared memory");
        (void)close(made);
        return status;
    }
    *fd = made;
    *map = at;
    return SW_OK;
}

sw_status sw_shared_seal(int fd, void **map, size_t size, sw_error *err) {
    if (*map != NULL && munmap(*map, size) != 0) return failed(err, "unmapping shared memory");
    *map = NULL;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) != 0)
        return failed(err, "sealing shared memory");
    return SW_OK;
}

sw_status sw_shared_reopen(int fd, int *out, sw_error *err) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int made = open(path, O_RDONLY | O_CLOEXEC | O_NOATIME);
    if (made < 0) return failed(err, "opening shared memory again");
    *out = made;
    return SW_OK;
}
