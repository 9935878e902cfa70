/* SPDX-License-Identifier: Apache-2.0
 *
 * A pack of files: what parses encodes to the same bytes and zeros, and no name leaves its folder.
 */
#include "fuzz.h"
#include "run/unpack.h"
#include <string.h>

static sw_status note_name(void *context, const char *name, sw_error *err) {
    (void)context, (void)err;
    FUZZ_REQUIRE(name[0] && name[0] != '.' && !strchr(name, '/'));
    return SW_OK;
}
static sw_status note_part(void *context, sw_bytes part, sw_error *err) {
    (void)err;
    *(size_t *)context += part.size;
    return SW_OK;
}
static sw_status note_end(void *context, sw_error *err) {
    (void)context, (void)err;
    return SW_OK;
}

/* In pieces it is what it is in one. */
static void take_pieces(sw_bytes in, bool good, size_t content) {
    size_t seen = 0;
    sw_unpacker u = {.sink = {&seen, note_name, note_part, note_end}};
    const size_t piece = 1 + in.size % 61;
    sw_status status = SW_OK;
    for (size_t at = 0; at < in.size && status == SW_OK; at += piece) {
        size_t size = in.size - at < piece ? in.size - at : piece;
        status = sw_unpack_take(&u, SW_BYTES(in.data + at, size), NULL);
    }
    if (status == SW_OK) status = sw_unpack_finish(&u, NULL);
    FUZZ_REQUIRE((status == SW_OK) == good);
    if (good) FUZZ_REQUIRE(seen == content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_buffer) wire = SW_BUFFER((size_t)1 << 26);
    SW_SCOPED(sw_arena) arena = {0};
    sw_packed files[SW_PACK_FILE_LIMIT];
    size_t count = 0, content = 0;
    const sw_bytes in = SW_BYTES(data, size);
    bool good = sw_pack_parse(in, files, SW_PACK_FILE_LIMIT, &count, NULL) == SW_OK;
    for (size_t i = 0; good && i < count; i++) content += files[i].content.size;
    take_pieces(in, good, content);
    if (!good) return 0;
    for (size_t i = 0; i < count; i++) {
        char *name = sw_arena_text(&arena, files[i].name);
        FUZZ_REQUIRE(name && name[0] && name[0] != '.' && !strchr(name, '/'));
        sw_pack_add(&wire, name, files[i].content);
    }
    sw_pack_end(&wire);
    FUZZ_REQUIRE(!wire.failed && wire.size <= size && memcmp(wire.data, data, wire.size) == 0);
    for (size_t i = wire.size; i < size; i++) FUZZ_REQUIRE(data[i] == 0);
    return 0;
}
