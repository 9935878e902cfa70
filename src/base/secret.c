/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets: each takes pages of its own, so that wiping, locking and guarding touch nothing else.
 *
 *   | size, read-only | guard | ... secret | guard |
 *
 * The secret ends at the rear guard (up to 16-byte alignment), so an overrun faults at once; the
 * front guard catches an underrun; the length lies before it, where nothing can change it.
 */
#include "base/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGNMENT = 16 };

typedef struct secret_layout {
    size_t page, body, total; /* bytes */
} secret_layout;

static bool layout_of(size_t size, secret_layout *out) {
    secret_layout made = {.page = (size_t)sysconf(_SC_PAGESIZE)};
    size_t padded;
    if (size == 0 || !sw_add_size(size, made.page - 1, &padded)) return false;
    made.body = padded / made.page * made.page;
    if (!sw_add_size(made.body, 3 * made.page, &made.total)) return false;
    *out = made;
    return true;
}

/* Opens the two parts that are used, locks the body and keeps it out of dumps and children. */
static bool prepare(uint8_t *base, const secret_layout *l, size_t size) {
    uint8_t *body = base + 2 * l->page;
    if (mprotect(base, l->page, PROT_READ | PROT_WRITE) != 0) return false;
    memcpy(base, &size, sizeof size);
    if (mprotect(base, l->page, PROT_READ) != 0) return false;
    if (mprotect(body, l->body, PROT_READ | PROT_WRITE) != 0) return false;
    if (mlock(body, l->body) != 0) return false;
    if (madvise(body, l->body, MADV_DONTDUMP) != 0) return false;
    return madvise(body, l->body, MADV_WIPEONFORK) == 0;
}

void *sw_secret_alloc(size_t size) {
    secret_layout l;
    if (!layout_of(size, &l)) return NULL;
    uint8_t *base = mmap(NULL, l.total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return NULL;
    if (!prepare(base, &l, size)) {
        (void)munmap(base, l.total);
        return NULL;
    }
    size_t padded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    return base + 2 * l.page + l.body - padded;
}

/* Where the secret's body begins. */
static uint8_t *body_of(void *memory, secret_layout *l) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size;
    uint8_t *body = (uint8_t *)memory - (uintptr_t)memory % page;
    memcpy(&size, body - 2 * page, sizeof size);
    return layout_of(size, l) ? body : NULL; /* it can: the page is read-only */
}

void sw_secret_release(void *memory) {
    if (memory == NULL) return;
    secret_layout l;
    uint8_t *body = body_of(memory, &l);
    if (body == NULL) return;
    sw_wipe(body, l.body);
    (void)munmap(body - 2 * l.page, l.total); /* also unlocks */
}

/* The pages are closed, moved to where nobody knows of them, and wiped there; what is left where
 * they were stays closed. */
void sw_secret_withdraw(void *memory) {
    if (memory == NULL) return;
    secret_layout l;
    uint8_t *body = body_of(memory, &l);
    if (body == NULL || mprotect(body, l.body, PROT_NONE) != 0) return;
    void *away = mremap(body, l.body, l.body, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    if (away == MAP_FAILED) return; /* closed it is, and goes with the process */
    if (mprotect(away, l.body, PROT_READ | PROT_WRITE) == 0) sw_wipe(away, l.body);
}

void sw_wipe(void *memory, size_t size) {
    if (size > 0) explicit_bzero(memory, size);
}

bool sw_secret_equal(const void *a, const void *b, size_t size) {
    const volatile uint8_t *left = a, *right = b;
    uint8_t difference = 0;
    for (size_t i = 0; i < size; i++) difference |= left[i] ^ right[i];
    return difference == 0;
}
