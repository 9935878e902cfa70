/* SPDX-License-Identifier: Apache-2.0
 *
 * What is gathered over all chunks: the Merkle tree of RFC 6962 2.1, kept as a stack while chunks
 * come, and the number of rows (SEAL-031, SEAL-032).
 *
 * The stack holds the roots of perfect subtrees, largest first: one for every bit of the count.
 */
#include "seal/container_internal.h"

#include <string.h>

void sw_merkle_leaf(sw_hash *out, sw_bytes chunk) {
    static const uint8_t leaf = 0x00;
    const sw_bytes parts[] = {SW_BYTES(&leaf, 1), chunk};
    sw_sha256_parts(out, parts, 2);
}

void sw_merkle_leaves(sw_hash *out, const sw_bytes *chunks, size_t count) {
    size_t done = 0;
    for (; done + 2 <= count; done += 2)
        sw_sha256_pair(out + done, 0x00, chunks[done], chunks[done + 1]);
    if (done < count) sw_merkle_leaf(out + done, chunks[done]);
}

static void join(sw_hash *left, const sw_hash *right) {
    static const uint8_t node = 0x01;
    const sw_bytes parts[] = {SW_BYTES(&node, 1), SW_BYTES_OF(left->b), SW_BYTES_OF(right->b)};
    sw_hash made;
    sw_sha256_parts(&made, parts, 3);
    *left = made;
}

void sw_merkle_add(sw_merkle *m, const sw_hash *leaf) {
    m->stack[m->depth++] = *leaf;
    for (uint64_t full = m->count; (full & 1) != 0; full >>= 1) {
        join(&m->stack[m->depth - 2], &m->stack[m->depth - 1]);
        m->depth--;
    }
    m->count++;
}

void sw_merkle_root(const sw_merkle *m, sw_hash *out) {
    sw_merkle left = *m;
    for (; left.depth > 1; left.depth--)
        join(&left.stack[left.depth - 2], &left.stack[left.depth - 1]);
    *out = left.stack[0];
}

/* ---- rows ---- */

static bool has_content(const uint8_t *from, const uint8_t *to) {
    for (; from < to; from++)
        if (*from != ' ' && *from != '\t' && *from != '\r') return true;
    return false;
}

void sw_rows_scan(sw_bytes text, sw_row_piece *out) {
    const uint8_t *at = text.data, *end = text.data + text.size;
    *out = (sw_row_piece){0};
    while (at < end) {
        const uint8_t *feed = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *stop = feed == NULL ? end : feed;
        bool content = has_content(at, stop);
        if (feed == NULL && out->newline)
            out->tail = content;
        else if (!out->newline)
            out->head = content;
        else
            out->inner += content;
        if (feed == NULL) return;
        out->newline = true;
        at = feed + 1;
    }
}

void sw_rows_join(sw_row_count *count, const sw_row_piece *piece) {
    bool open = count->open || piece->head;
    if (piece->newline) {
        count->rows += piece->inner + open;
        open = piece->tail;
    }
    count->open = open;
}

uint64_t sw_rows_total(const sw_row_count *count) {
    return count->rows + count->open;
}
