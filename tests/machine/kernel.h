/* SPDX-License-Identifier: Apache-2.0
 *
 * A kernel for tests behind sw_tsm_files: configfs-tsm and the RTMR files of a TDX guest, with
 * their semantics (attributes appear with the entry, each write moves the generation, outblob needs
 * a fresh inblob) and with what goes wrong there, by plan.
 */
#ifndef SW_TESTS_MACHINE_KERNEL_H
#define SW_TESTS_MACHINE_KERNEL_H
#include "machine/collect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct kernel {
    /* the plan */
    int make_error, inblob_error, outblob_error; /* errno values */
    int error_count;                             /* how often they come; -1: always */
    int intruder_writes;                         /* so many foreign writes to our entry, one a go */
    int extend_error;
    const char *provider, *generation_text; /* NULL: "tdx_guest\n", and the number */
    bool foreign_extend;                    /* somebody else extends right behind us */
    bool wrong_report, no_registers;
    size_t register_bytes; /* 0: 48 */
    /* Makes a quote for these report data; NULL: a frame of zeros of version 4. */
    void (*quote)(struct kernel *k, const uint8_t report[64], sw_buffer *out);
    void *quote_context;
    /* the state */
    char entry[256];
    uint64_t generation;
    bool has_entry, has_inblob, fresh;
    uint8_t inblob[64], rtmr[4][48];
    unsigned entries, quotes, pauses;
} kernel;

static inline bool kernel_fails(kernel *k, int *error) {
    if (*error == 0 || k->error_count == 0) return false;
    if (k->error_count > 0) k->error_count--;
    return true;
}

static inline int kernel_make(void *context, const char *folder) {
    kernel *k = context;
    if (k->make_error != 0) return k->make_error;
    if (k->has_entry) return EEXIST;
    (void)snprintf(k->entry, sizeof k->entry, "%s", folder);
    k->has_entry = true;
    k->has_inblob = k->fresh = false;
    k->generation = 0;
    k->entries++;
    return 0;
}

static inline int kernel_remove(void *context, const char *folder) {
    kernel *k = context;
    if (!k->has_entry || strcmp(folder, k->entry) != 0) return ENOENT;
    k->has_entry = false;
    return 0;
}

/* The attribute's name when the path is one of our entry. */
static inline const char *kernel_attribute(const kernel *k, const char *path) {
    size_t size = strlen(k->entry);
    bool ours = k->has_entry && strncmp(path, k->entry, size) == 0 && path[size] == '/';
    return ours ? path + size + 1 : NULL;
}

static inline int kernel_register(const char *path) {
    const char *name = strstr(path, "/rtmr");
    return name != NULL && strcmp(name + 6, ":sha384") == 0 ? name[5] - '0' : -1;
}

/* A quote's header, in version 5 with the head of a TD 1.5 body, and zeros. */
static inline void kernel_frame(uint8_t *out, size_t size, uint8_t version) {
    static const uint8_t head[] = {0,    0,    2,    0,    0x81, 0,    0,    0,    0,    0,
                                   0,    0,    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                   0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
    memset(out, 0, size);
    memcpy(out, head, sizeof head);
    out[0] = version;
    if (version == 5) memcpy(out + 48, (const uint8_t[]){3, 0, 0x88, 2, 0, 0}, 6);
}

static inline void kernel_quote(kernel *k, sw_buffer *out) {
    uint8_t quote[5000];
    kernel_frame(quote, sizeof quote, 4);
    k->quotes++;
    if (k->quote != NULL) {
        k->quote(k, k->inblob, out);
        return;
    }
    memcpy(quote + 48 + 472, k->rtmr[3], 48);
    memcpy(quote + 48 + 520, k->inblob, 64);
    if (k->wrong_report) quote[48 + 520 + 63] ^= 1;
    sw_put_bytes(out, SW_BYTES_OF(quote));
}

static inline int kernel_outblob(kernel *k, sw_buffer *out) {
    if (kernel_fails(k, &k->outblob_error)) {
        sw_put_text(out, "half a quo"); /* what an interrupted read leaves must not stay */
        out->size -= 10;
        return k->outblob_error;
    }
    if (!k->has_inblob) return EINVAL;
    kernel_quote(k, out);
    if (k->intruder_writes > 0) {
        k->intruder_writes--;
        k->generation++;
    }
    return 0;
}

static inline int kernel_read(void *context, const char *path, size_t limit, sw_buffer *out) {
    kernel *k = context;
    const char *name = kernel_attribute(k, path);
    int index = kernel_register(path);
    size_t before = out->size;
    int cause = 0;
    if (name == NULL && index >= 0 && index < 4) {
        if (k->no_registers) return ENOENT;
        sw_put_bytes(out,
                     SW_BYTES(k->rtmr[index], k->register_bytes == 0 ? 48 : k->register_bytes));
        return 0;
    }
    if (name == NULL) return ENOENT;
    if (strcmp(name, "provider") == 0)
        sw_put_text(out, k->provider == NULL ? "tdx_guest\n" : k->provider);
    else if (strcmp(name, "generation") == 0 && k->generation_text != NULL)
        sw_put_text(out, k->generation_text);
    else if (strcmp(name, "generation") == 0)
        sw_put_format(out, "%llu\n", (unsigned long long)k->generation);
    else if (strcmp(name, "outblob") == 0)
        cause = kernel_outblob(k, out);
    else
        return ENOENT;
    if (cause != 0) return cause;
    if (out->size - before <= limit && !out->failed) return 0;
    return EFBIG;
}

static inline int kernel_write(void *context, const char *path, sw_bytes bytes) {
    kernel *k = context;
    const char *name = kernel_attribute(k, path);
    int index = kernel_register(path);
    if (name == NULL && index >= 0 && index < 4) {
        if (k->no_registers) return ENOENT;
        if (k->extend_error != 0) return k->extend_error;
        if (bytes.size != 48) return EINVAL;
        sw_rtmr_extend(k->rtmr[index], bytes.data);
        if (k->foreign_extend) sw_rtmr_extend(k->rtmr[index], bytes.data);
        return 0;
    }
    if (name == NULL || strcmp(name, "inblob") != 0) return ENOENT;
    if (kernel_fails(k, &k->inblob_error)) return k->inblob_error;
    if (bytes.size != 64) return EINVAL;
    memcpy(k->inblob, bytes.data, 64);
    k->has_inblob = true;
    k->generation++;
    return 0;
}

static inline void kernel_pause(void *context, int64_t ms) {
    (void)ms;
    ((kernel *)context)->pauses++;
}

static inline sw_tsm kernel_tsm(kernel *k, const char *lock_path) {
    const sw_clock clock = sw_clock_system();
    const sw_entropy entropy = sw_entropy_system();
    sw_tsm t = sw_tsm_system(&clock, &entropy);
    t.report_folder = "/kernel/report";
    t.measurement_folder = "/kernel/measurements";
    t.lock_path = lock_path;
    t.files =
        (sw_tsm_files){kernel_make, kernel_remove, kernel_read, kernel_write, kernel_pause, k};
    return t;
}
#endif
