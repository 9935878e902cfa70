/* SPDX-License-Identifier: Apache-2.0
 *
 * A pack of files: what parses encodes to the same bytes and zeros, and no name leaves its folder.
 */
#include "fuzz.h"
#include "run/wire.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_buffer) wire = SW_BUFFER((size_t)1 << 26);
    SW_SCOPED(sw_arena) arena = {0};
    sw_packed files[SW_PACK_FILE_LIMIT];
    size_t count = 0;
    if (sw_pack_parse(SW_BYTES(data, size), files, SW_PACK_FILE_LIMIT, &count, NULL) != SW_OK)
        return 0;
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
