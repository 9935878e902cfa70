/* SPDX-License-Identifier: Apache-2.0
 *
 * An event log that a certificate holds compressed (DSK-033): "ELGZv1" and one gzip member (RFC
 * 1952), unpacked into a space of fixed size, so that nothing that is small can become large.
 */
#include "attest/dstack_internal.h"

#include <string.h>
#include <zlib.h>

enum { MAGIC_BYTES = 6, HEADER_BYTES = 10, FLAGS_AT = 3, WINDOW_GZIP = 15 + 16 };

bool sw_ratls_log_packed(sw_bytes log) {
    return sw_bytes_starts(log, SW_LITERAL("ELGZv1"));
}

/* Number of bytes that were unpacked; more than the limit when it is not all. */
static bool unpack(sw_bytes in, uint8_t *out, size_t *size) {
    z_stream z = {.next_in = (z_const Bytef *)in.data,
                  .avail_in = (uInt)in.size,
                  .next_out = out,
                  .avail_out = SW_RATLS_LOG_LIMIT + 1};
    if (inflateInit2(&z, WINDOW_GZIP) != Z_OK) return false;
    int status = inflate(&z, Z_FINISH);
    *size = z.total_out;
    bool whole = status == Z_STREAM_END && z.avail_in == 0;
    (void)inflateEnd(&z);
    return whole || *size > SW_RATLS_LOG_LIMIT;
}

sw_status sw_ratls_log_unpack(sw_arena *a, sw_bytes in, sw_bytes *out, sw_error *err) {
    size_t size = 0;
    sw_bytes member = SW_BYTES(in.data + MAGIC_BYTES, in.size - MAGIC_BYTES);
    /* neither names nor comments: nothing would look at them */
    if (member.size < HEADER_BYTES || member.size > SW_RATLS_LOG_LIMIT ||
        member.data[FLAGS_AT] != 0)
        return BROKEN(err, "a certificate's compressed event log is not one plain gzip member");
    uint8_t *space = sw_arena_alloc(a, SW_RATLS_LOG_LIMIT + 1, 1);
    if (space == NULL) return sw_dstack_memory(err);
    if (!unpack(member, space, &size))
        return BROKEN(err, "a certificate's compressed event log is not one whole gzip member");
    if (size > SW_RATLS_LOG_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence",
                       "a certificate's compressed event log has more than %zu bytes",
                       SW_RATLS_LOG_LIMIT);
    *out = SW_BYTES(space, size);
    return SW_OK;
}
