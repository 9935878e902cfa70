/* SPDX-License-Identifier: Apache-2.0
 *
 * DER (X.690 section 10): one-byte tags, definite lengths in their shortest form, integers in
 * theirs. The reader is the sticky one of base/bytes.h.
 */
#include "codec/der.h"

enum { LENGTH_BYTES_MAX = 4, OID_ARCS_MAX = 32 };

uint8_t sw_der_peek(const sw_reader *r) {
    return r->failed || r->rest.size == 0 ? 0 : r->rest.data[0];
}

static uint32_t read_length(sw_reader *r) {
    uint8_t first = sw_read_u8(r);
    if (first < 0x80) return first;
    size_t count = first & 0x7f;
    if (count == 0 || count > LENGTH_BYTES_MAX) {
        r->failed = true;
        return 0;
    }
    uint32_t length = 0;
    for (size_t i = 0; i < count; i++) length = length << 8 | sw_read_u8(r);
    uint32_t least = count == 1 ? 0x80 : UINT32_C(1) << (8 * (count - 1));
    if (!r->failed && length < least) r->failed = true; /* not its shortest form */
    return r->failed ? 0 : length;
}

sw_bytes sw_der_read(sw_reader *r, uint8_t tag) {
    if (sw_der_peek(r) != tag || (tag & 0x1f) == 0x1f) r->failed = true;
    (void)sw_read_u8(r);
    uint32_t length = read_length(r);
    return sw_read_bytes(r, length);
}

sw_reader sw_der_enter(sw_reader *r, uint8_t tag) {
    size_t before = r->offset;
    sw_bytes content = sw_der_read(r, tag);
    sw_reader inner = sw_reader_of(content);
    inner.failed = r->failed;
    inner.offset = r->failed ? before : r->offset - content.size; /* offsets stay the document's */
    return inner;
}

uint64_t sw_der_read_u64(sw_reader *r, uint8_t tag) {
    sw_bytes content = sw_der_read(r, tag);
    bool negative = content.size > 0 && (content.data[0] & 0x80) != 0;
    bool padded = content.size > 1 && content.data[0] == 0 && (content.data[1] & 0x80) == 0;
    size_t most = content.size > 0 && content.data[0] == 0 ? 9 : 8;
    if (content.size == 0 || content.size > most || negative || padded) r->failed = true;
    uint64_t value = 0;
    for (size_t i = 0; i < content.size && !r->failed; i++) value = value << 8 | content.data[i];
    return value;
}

static void put_length(sw_buffer *out, size_t length) {
    if (length > UINT32_MAX) {
        sw_buffer_fail(out, SW_LIMIT);
        return;
    }
    size_t count = 0;
    for (size_t rest = length; rest > 0; rest >>= 8) count++;
    if (length >= 0x80) sw_put_u8(out, (uint8_t)(0x80 | count));
    if (length < 0x80) count = 1;
    for (size_t i = count; i > 0; i--) sw_put_u8(out, (uint8_t)(length >> (8 * (i - 1))));
}

void sw_der_put(sw_buffer *out, uint8_t tag, sw_bytes content) {
    sw_put_u8(out, tag);
    put_length(out, content.size);
    sw_put_bytes(out, content);
}

void sw_der_put_u64(sw_buffer *out, uint8_t tag, uint64_t v) {
    uint8_t bytes[9] = {0};
    for (size_t i = 0; i < 8; i++) bytes[8 - i] = (uint8_t)(v >> (8 * i));
    size_t from = 0;
    while (from < 8 && bytes[from] == 0 && (bytes[from + 1] & 0x80) == 0) from++;
    sw_der_put(out, tag, SW_BYTES(bytes + from, sizeof bytes - from));
}

/* One decimal arc without leading zeros; moves *text behind it. */
static bool read_arc(const char **text, uint32_t *out) {
    const char *c = *text;
    uint64_t value = 0;
    if (*c < '0' || *c > '9' || (c[0] == '0' && c[1] >= '0' && c[1] <= '9')) return false;
    for (; *c >= '0' && *c <= '9'; c++) {
        value = value * 10 + (uint64_t)(*c - '0');
        if (value > UINT32_MAX - 80) return false;
    }
    *text = c;
    *out = (uint32_t)value;
    return true;
}

static void put_arc(sw_buffer *out, uint32_t arc) {
    for (int shift = 28; shift > 0; shift -= 7)
        if (arc >> shift != 0) sw_put_u8(out, (uint8_t)(0x80 | (arc >> shift & 0x7f)));
    sw_put_u8(out, arc & 0x7f);
}

bool sw_der_oid(sw_buffer *out, const char *dotted) {
    uint32_t arcs[OID_ARCS_MAX];
    size_t count = 0;
    for (const char *c = dotted;; c++) {
        if (count == OID_ARCS_MAX || !read_arc(&c, &arcs[count++])) return false;
        if (*c == 0) break;
        if (*c != '.') return false;
    }
    if (count < 2 || arcs[0] > 2 || (arcs[0] < 2 && arcs[1] > 39)) return false;
    put_arc(out, arcs[0] * 40 + arcs[1]);
    for (size_t i = 2; i < count; i++) put_arc(out, arcs[i]);
    return !out->failed;
}
