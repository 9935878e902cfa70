/* SPDX-License-Identifier: Apache-2.0
 *
 * A pack (WRK-030) that comes in pieces, as what is unsealed does: its files are handed on as they
 * come, so that none needs to fit into memory. Takes exactly what sw_pack_parse takes.
 */
#ifndef SW_RUN_UNPACK_H
#define SW_RUN_UNPACK_H
#include "run/wire.h"

/* For each file, in order: begin, content as often as bytes come (never none), end. Names fit
 * (sw_pack_name_fits) and come once. A failure of theirs ends the taking. */
typedef struct sw_unpack_sink {
    void *context;
    sw_status (*begin)(void *context, const char *name, sw_error *err);
    sw_status (*content)(void *context, sw_bytes part, sw_error *err);
    sw_status (*end)(void *context, sw_error *err);
} sw_unpack_sink;

#define SW_PACK_NAME_LIMIT 128
typedef struct sw_unpacker { /* all zero but `sink` at the start */
    sw_unpack_sink sink;
    char names[SW_PACK_FILE_LIMIT][SW_PACK_NAME_LIMIT + 1];
    size_t count;
    uint8_t head[4 + SW_PACK_NAME_LIMIT + 8]; /* u32be, name, u64be */
    size_t head_bytes;
    uint64_t left;   /* of the file that is open */
    uint64_t offset; /* of the byte that is next */
    bool inside, ended;
} sw_unpacker;

/* SW_MALFORMED "format", or what the sink said; nothing may be taken after either. */
SW_NODISCARD sw_status sw_unpack_take(sw_unpacker *u, sw_bytes part, sw_error *err);
/* SW_MALFORMED "format" when the pack has not ended. */
SW_NODISCARD sw_status sw_unpack_finish(const sw_unpacker *u, sw_error *err);
#endif
