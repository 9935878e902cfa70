/* SPDX-License-Identifier: Apache-2.0
 *
 * A small reader of CBOR (RFC 8949), as small as TDX-lite's measurement file needs it (MSR-061).
 *
 * One value, one encoding: definite lengths, heads of the shortest form, no tags, no floats. A
 * parser asks for what its table says comes next; nothing is skipped, so nothing nests by input.
 */
#include "attest/measure_internal.h"
#include "codec/text.h"

enum { MAJOR_UNSIGNED = 0, MAJOR_BYTES = 2, MAJOR_TEXT = 3, MAJOR_MAP = 5, MAJOR_SIMPLE = 7 };
enum { SIMPLE_FALSE = 20, SIMPLE_TRUE = 21, ONE_BYTE = 24, EIGHT_BYTES = 27 };

/* The argument of a head of this kind; a number that a shorter form could hold is refused. */
static sw_status head_read(sw_reader *r, unsigned major, const char *where, uint64_t *out,
                           sw_error *err) {
    size_t at = r->offset;
    uint8_t first = sw_read_u8(r);
    unsigned form = first & 0x1f;
    uint64_t value = form, least = 0;
    if (r->failed) return BROKEN(err, "%s: the CBOR ends at byte %zu", where, at);
    if (first >> 5 != major) return BROKEN(err, "%s at byte %zu is not of its type", where, at);
    if (form > EIGHT_BYTES) return BROKEN(err, "%s at byte %zu has no definite length", where, at);
    if (form >= ONE_BYTE) {
        unsigned bytes = 1U << (form - ONE_BYTE);
        value = 0;
        for (unsigned i = 0; i < bytes; i++) value = value << 8 | sw_read_u8(r);
        least = bytes == 1 ? ONE_BYTE : UINT64_C(1) << 4 * bytes;
    }
    if (r->failed) return BROKEN(err, "%s: the CBOR ends at byte %zu", where, r->offset);
    if (value < least) return BROKEN(err, "%s at byte %zu is not in its shortest form", where, at);
    *out = value;
    return SW_OK;
}

static sw_status string_read(sw_reader *r, unsigned major, const char *where, size_t limit,
                             sw_bytes *out, sw_error *err) {
    uint64_t size;
    SW_TRY(head_read(r, major, where, &size, err));
    if (size > limit)
        return sw_fail(err, SW_LIMIT, "evidence", "%s has more than %zu bytes", where, limit);
    *out = sw_read_bytes(r, (size_t)size);
    if (r->failed) return BROKEN(err, "%s: the CBOR ends at byte %zu", where, r->offset);
    return SW_OK;
}

sw_status sw_cbor_map(sw_reader *r, const char *where, size_t *pairs, sw_error *err) {
    uint64_t count;
    SW_TRY(head_read(r, MAJOR_MAP, where, &count, err));
    if (count > r->rest.size / 2) /* a pair has two bytes at least */
        return BROKEN(err, "%s has more members than bytes follow", where);
    *pairs = (size_t)count;
    return SW_OK;
}

sw_status sw_cbor_key(sw_reader *r, const char *key, sw_error *err) {
    size_t at = r->offset;
    sw_bytes text;
    SW_TRY(string_read(r, MAJOR_TEXT, key, r->rest.size, &text, err));
    if (!sw_bytes_is(text, key))
        return BROKEN(err, "the member at byte %zu of the CBOR is not %s", at, key);
    return SW_OK;
}

sw_status sw_cbor_u64(sw_reader *r, const char *where, uint64_t max, uint64_t *out, sw_error *err) {
    uint64_t value;
    SW_TRY(head_read(r, MAJOR_UNSIGNED, where, &value, err));
    if (value > max) return BROKEN(err, "%s is out of range", where);
    *out = value;
    return SW_OK;
}

sw_status sw_cbor_flag(sw_reader *r, const char *where, bool *out, sw_error *err) {
    uint64_t value;
    SW_TRY(head_read(r, MAJOR_SIMPLE, where, &value, err));
    if (value != SIMPLE_FALSE && value != SIMPLE_TRUE)
        return BROKEN(err, "%s is neither true nor false", where);
    *out = value == SIMPLE_TRUE;
    return SW_OK;
}

sw_status sw_cbor_text(sw_reader *r, const char *where, size_t limit, sw_bytes *out,
                       sw_error *err) {
    sw_bytes text;
    SW_TRY(string_read(r, MAJOR_TEXT, where, limit, &text, err));
    if (!sw_utf8_valid(text)) return BROKEN(err, "%s is not UTF-8", where);
    *out = text;
    return SW_OK;
}

sw_status sw_cbor_bytes(sw_reader *r, const char *where, size_t limit, sw_bytes *out,
                        sw_error *err) {
    return string_read(r, MAJOR_BYTES, where, limit, out, err);
}
