/* SPDX-License-Identifier: Apache-2.0
 *
 * RLP (yellow paper, appendix B). A prefix says string or list and how many bytes follow; there is
 * one shortest prefix for everything, and that one alone is taken. Nothing here descends: a list's
 * payload is again items, for the caller to take one by one.
 */
#include "chain/chain.h"

enum {
    STRING = 0x80,
    LIST = 0xc0,
    SHORT_BYTES = 55,      /* the longest payload whose size stands in the prefix itself */
    LENGTH_BYTES_LIMIT = 8 /* of the size behind a long prefix */
};

static sw_status ends_early(sw_error *err) {
    return sw_fail(err, SW_MALFORMED, "format", "an RLP item ends early");
}

/* The size behind a long prefix: `count` bytes, no leading zero, above SHORT_BYTES. */
static sw_status long_size(sw_bytes in, size_t count, size_t *out, sw_error *err) {
    uint64_t size = 0;
    if (in.size < 1 + count) return ends_early(err);
    for (size_t i = 0; i < count; i++) size = size << 8 | in.data[1 + i];
    if (in.data[1] == 0 || size <= SHORT_BYTES)
        return sw_fail(err, SW_MALFORMED, "format", "an RLP length is longer than it must be");
    if (size > in.size - 1 - count) return ends_early(err);
    *out = (size_t)size;
    return SW_OK;
}

sw_status sw_rlp_next(sw_bytes *rest, sw_rlp_item *out, sw_error *err) {
    if (rest->size == 0) return ends_early(err);
    uint8_t first = rest->data[0];
    sw_rlp_item item = {.list = first >= LIST};
    size_t prefix = 1, size;
    if (first < STRING) {
        prefix = 0;
        size = 1;
    } else {
        size = (size_t)first - (item.list ? LIST : STRING);
        if (size > SHORT_BYTES) {
            size_t count = size - SHORT_BYTES;
            SW_TRY(long_size(*rest, count, &size, err));
            prefix += count;
        }
    }
    if (size > rest->size - prefix) return ends_early(err);
    item.payload = SW_BYTES(rest->data + prefix, size);
    item.span = SW_BYTES(rest->data, prefix + size);
    if (prefix == 1 && !item.list && size == 1 && item.payload.data[0] < STRING)
        return sw_fail(err, SW_MALFORMED, "format", "an RLP byte has a prefix that it must not");
    *rest = SW_BYTES(rest->data + item.span.size, rest->size - item.span.size);
    *out = item;
    return SW_OK;
}

sw_status sw_rlp_u64(const sw_rlp_item *item, uint64_t *out, sw_error *err) {
    uint64_t v = 0;
    if (item->list || item->payload.size > sizeof v ||
        (item->payload.size > 0 && item->payload.data[0] == 0))
        return sw_fail(err, SW_MALFORMED, "format",
                       "an RLP number is not at most 8 bytes without leading zeros");
    for (size_t i = 0; i < item->payload.size; i++) v = v << 8 | item->payload.data[i];
    *out = v;
    return SW_OK;
}

static void put_prefix(sw_buffer *out, uint8_t kind, size_t size) {
    if (size <= SHORT_BYTES) {
        sw_put_u8(out, (uint8_t)(kind + size));
        return;
    }
    size_t count = 1;
    while (count < LENGTH_BYTES_LIMIT && (uint64_t)size >> 8 * count != 0) count++;
    sw_put_u8(out, (uint8_t)(kind + SHORT_BYTES + count));
    for (size_t i = count; i-- > 0;) sw_put_u8(out, (uint8_t)((uint64_t)size >> 8 * i));
}

void sw_rlp_put_string(sw_buffer *out, sw_bytes s) {
    if (s.size != 1 || s.data[0] >= STRING) put_prefix(out, STRING, s.size);
    sw_put_bytes(out, s);
}

void sw_rlp_put_u64(sw_buffer *out, uint64_t v) {
    uint8_t bytes[sizeof v];
    size_t count = 0;
    for (size_t i = sizeof v; i-- > 0;)
        if (count > 0 || v >> 8 * i != 0) bytes[count++] = (uint8_t)(v >> 8 * i);
    sw_rlp_put_string(out, SW_BYTES(bytes, count));
}

void sw_rlp_put_list(sw_buffer *out, sw_bytes items) {
    put_prefix(out, LIST, items.size);
    sw_put_bytes(out, items);
}
