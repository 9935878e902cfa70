/* SPDX-License-Identifier: Apache-2.0
 *
 * What imports gives a folder whose model and tokeniser open.
 */
#include "fuzz.h"
#include "model/model.h"

typedef struct folder {
    sw_arena arena;
    sw_model_file files[8];
    size_t count;
} folder;

static sw_status keep(void *context, const char *name, sw_bytes bytes, sw_error *err) {
    folder *f = context;
    (void)err;
    f->files[f->count++] = (sw_model_file){name, sw_arena_copy(&f->arena, bytes)};
    return SW_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    folder f = {.count = 0};
    const sw_model_sink sink = {&f, keep};
    sw_model model;
    sw_tokenizer *t = NULL;
    sw_dtype dtype = size % 2 == 0 ? SW_DTYPE_BF16 : SW_DTYPE_F32;
    if (sw_gguf_import(SW_BYTES(data, size), dtype, &sink, NULL) == SW_OK) {
        FUZZ_REQUIRE(f.count == 5);
        FUZZ_REQUIRE(sw_model_open(&f.arena, f.files, f.count, &model, NULL) == SW_OK);
        for (size_t i = 0; i < f.count; i++)
            if (sw_bytes_is(sw_text(f.files[i].name), "tokenizer.json"))
                FUZZ_REQUIRE(sw_tokenizer_open(f.files[i].bytes, &t, NULL) == SW_OK);
        FUZZ_REQUIRE(t != NULL);
        sw_tokenizer_close(&t);
    } else {
        FUZZ_REQUIRE(f.count == 0);
    }
    sw_arena_free(&f.arena);
    return 0;
}
