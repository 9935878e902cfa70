/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows between processes: what parses encodes to the same bytes, and can be packed in every way
 * into sequences that hold each token once.
 */
#include "fuzz.h"
#include "train/engine.h"

static void pack(sw_arena *arena, const sw_rows *rows, const sw_training *t) {
    sw_sequences s;
    size_t tokens = 0, piece = 0;
    FUZZ_REQUIRE(sw_rows_pack(arena, rows, t, &s, NULL) == SW_OK);
    for (size_t i = 0; i < s.count; i++) {
        uint64_t length = 0;
        FUZZ_REQUIRE(piece < s.ends[i]);
        for (; piece < s.ends[i]; piece++) {
            const sw_piece *p = &s.piece[piece];
            FUZZ_REQUIRE(p->length > 0 && p->start + p->length <= rows->token_count);
            length += p->length;
        }
        FUZZ_REQUIRE(!t->packing || length <= t->max_length);
        tokens += length;
    }
    FUZZ_REQUIRE(piece == s.piece_count && tokens <= rows->token_count);
    FUZZ_REQUIRE((t->packing && sw_training_cuts(t)) || tokens == rows->token_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) arena = {.limit_bytes = (size_t)1 << 26};
    SW_SCOPED(sw_buffer) wire = SW_BUFFER((size_t)1 << 26);
    sw_bytes shard = SW_BYTES(data, size);
    sw_rows rows;
    if (sw_rows_parse(&arena, &shard, 1, 320, &rows, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(sw_rows_encode(&wire, &rows, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&wire), shard));
    sw_training t = {.max_length = 3};
    if (rows.count > 0) pack(&arena, &rows, &t);
    t.packing = true;
    for (int s = SW_PACKING_BFD; s <= SW_PACKING_WRAPPED && rows.count > 0; s++) {
        t.packing_strategy = (sw_packing)s;
        pack(&arena, &rows, &t);
    }
    return 0;
}
