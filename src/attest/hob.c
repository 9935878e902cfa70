/* SPDX-License-Identifier: Apache-2.0
 *
 * The hand-off blocks (UEFI Platform Initialization, volume 3) that QEMU puts into a TD's memory
 * and whose digest is RTMR0's first event (MSR-066 to MSR-068): one table block, then a block for
 * each piece of memory, accepted or not.
 *
 * A witness list says which pieces the firmware has accepted at the start: unsigned LEB128 numbers,
 * in pages of 4 KiB: base, offset of the blocks, count, then offset and length of each piece.
 */
#include "attest/measure_internal.h"

#include <string.h>

#define PAGE_BITS    12
#define PAGE_LIMIT   (UINT64_C(1) << 36) /* pages: 2^48 bytes */
#define LOW_MEMORY   UINT64_C(0x80000000)
#define HIGH_MEMORY  UINT64_C(0x100000000)
#define SPLIT_MEMORY UINT64_C(0xb0000000) /* from here on QEMU's q35 keeps 2 GiB below 4 GiB */

/* ---- witness ---- */
/* A number has one spelling: no zero group at its end. */
static sw_status number_read(sw_reader *r, uint64_t *out, sw_error *err) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        uint8_t byte = sw_read_u8(r);
        if (r->failed) return BROKEN(err, "td_hob ends within a number");
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) != 0) continue;
        if (byte == 0 && shift > 0) return BROKEN(err, "td_hob has a number with a zero too many");
        if (value >= PAGE_LIMIT) break;
        *out = value;
        return SW_OK;
    }
    return BROKEN(err, "td_hob has a number of 2^36 pages or more");
}

/* ---- blocks ---- */
enum { RESOURCE_ACCEPTED = 0, RESOURCE_UNACCEPTED = 7, ATTRIBUTES = 7 };
enum { TABLE_BYTES = 56, RESOURCE_BYTES = 48, END_BYTES = 8, TABLE_VERSION = 9, END_AT = 48 };

static void put_zeros(sw_buffer *out, size_t count) {
    for (size_t i = 0; i < count; i++) sw_put_u8(out, 0);
}

static void head_put(sw_buffer *out, uint16_t type, uint16_t bytes) {
    sw_put_u16le(out, type);
    sw_put_u16le(out, bytes);
    sw_put_u32le(out, 0);
}

static void table_put(sw_buffer *out, uint64_t end) {
    head_put(out, 1, TABLE_BYTES);
    sw_put_u32le(out, TABLE_VERSION);
    put_zeros(out, END_AT - 12); /* boot mode and four addresses */
    sw_put_u64le(out, end);
}

/* Nothing for a piece of no length. */
static void memory_put(sw_buffer *out, uint32_t type, uint64_t from, uint64_t to) {
    if (from == to) return;
    head_put(out, 3, RESOURCE_BYTES);
    put_zeros(out, 16); /* owner */
    sw_put_u32le(out, type);
    sw_put_u32le(out, ATTRIBUTES);
    sw_put_u64le(out, from);
    sw_put_u64le(out, to - from);
}

static sw_status memory_check(uint64_t memory_bytes, sw_error *err) {
    if (memory_bytes == 0 || memory_bytes > SW_MEMORY_LIMIT ||
        memory_bytes % (UINT64_C(1) << PAGE_BITS) != 0)
        return BROKEN(err, "the machine's memory is not a number of pages up to 64 TiB");
    return SW_OK;
}

/* The pieces in order, each with what lies before it. */
static sw_status pieces_put(sw_reader *r, sw_buffer *out, uint64_t base, uint64_t low,
                            uint64_t *behind, sw_error *err) {
    uint64_t count, at = 0;
    SW_TRY(number_read(r, &count, err));
    if (count == 0 || count > SW_HOB_RANGE_LIMIT)
        return BROKEN(err, "td_hob has not 1 to %d pieces", SW_HOB_RANGE_LIMIT);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t from, pages;
        SW_TRY(number_read(r, &from, err));
        SW_TRY(number_read(r, &pages, err));
        from = (base + from) << PAGE_BITS;
        uint64_t to = from + (pages << PAGE_BITS);
        if (pages == 0 || from < at || to > low)
            return BROKEN(err, "td_hob's pieces are empty, not in order, or beyond memory");
        memory_put(out, RESOURCE_UNACCEPTED, at, from);
        memory_put(out, RESOURCE_ACCEPTED, from, to);
        at = to;
    }
    if (r->rest.size != 0) return BROKEN(err, "td_hob has %zu bytes too many", r->rest.size);
    *behind = at;
    return SW_OK;
}

sw_status sw_td_hob_digest(sw_bytes witness, uint64_t memory_bytes, uint8_t out[SW_SHA384_BYTES],
                           sw_error *err) {
    SW_SCOPED(sw_buffer)
    pieces = SW_BUFFER((size_t)RESOURCE_BYTES * (2 * SW_HOB_RANGE_LIMIT + 2));
    SW_SCOPED(sw_buffer) blocks = SW_BUFFER(pieces.limit + TABLE_BYTES);
    sw_reader r = sw_reader_of(witness);
    uint64_t base, offset, behind;
    SW_TRY(memory_check(memory_bytes, err));
    uint64_t low = memory_bytes >= SPLIT_MEMORY ? LOW_MEMORY : memory_bytes;
    SW_TRY(number_read(&r, &base, err));
    SW_TRY(number_read(&r, &offset, err));
    SW_TRY(pieces_put(&r, &pieces, base, low, &behind, err));
    memory_put(&pieces, RESOURCE_UNACCEPTED, behind, low);
    memory_put(&pieces, RESOURCE_UNACCEPTED, HIGH_MEMORY, HIGH_MEMORY + memory_bytes - low);
    uint64_t end = ((base + offset) << PAGE_BITS) + TABLE_BYTES + pieces.size + END_BYTES;
    table_put(&blocks, end);
    sw_put_bytes(&blocks, sw_buffer_bytes(&pieces));
    SW_TRY(sw_buffer_check(&blocks, "td_hob", err));
    sw_sha384(out, sw_buffer_bytes(&blocks));
    return SW_OK;
}
