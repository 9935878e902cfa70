/* SPDX-License-Identifier: Apache-2.0
 *
 * GGUF files that are imported whole or changed in a few bytes: what the tests of the import share.
 */
#ifndef SW_TESTS_MODEL_GGUF_FILES_H
#define SW_TESTS_MODEL_GGUF_FILES_H
#include "model/model_internal.h"
#include "tokenizer/files.h"

typedef struct folder {
    sw_arena arena;
    sw_model_file files[8];
    size_t count, fail_at;
} folder;

static inline sw_status keep(void *context, const char *name, sw_bytes bytes, sw_error *err) {
    folder *f = context;
    if (f->fail_at == f->count + 1) return sw_fail(err, SW_IO, "io", "the disk is full");
    assert_true(f->count < COUNT(f->files));
    f->files[f->count++] = (sw_model_file){name, sw_arena_copy(&f->arena, bytes)};
    return SW_OK;
}

static inline sw_status import(sw_bytes gguf, sw_dtype dtype, folder *f, sw_error *err) {
    const sw_model_sink sink = {f, keep};
    return sw_gguf_import(gguf, dtype, &sink, err);
}

static inline sw_bytes file_of(const folder *f, const char *name) {
    const sw_model_file *file = sw_model_file_find(f->files, f->count, name);
    if (file == NULL) fail_msg("no %s", name);
    return file->bytes;
}

/* ---- so many bytes behind the end of a text in the file, put others ---- */

#define PUT(bytes) bytes, sizeof(bytes) - 1

typedef struct patch {
    const char *find;
    size_t skip;
    const char *put;
    size_t put_size;
    sw_status status;
    const char *says;
} patch;

static inline sw_bytes patched(sw_arena *arena, sw_bytes file, const patch *p) {
    sw_bytes copy = sw_arena_copy(arena, file);
    const uint8_t *at = memmem(copy.data, copy.size, p->find, strlen(p->find));
    if (at == NULL) fail_msg("the miniature does not hold %s", p->find);
    size_t place = (size_t)(at - copy.data) + strlen(p->find) + p->skip;
    assert_true(place + p->put_size <= copy.size);
    memcpy((uint8_t *)(uintptr_t)copy.data + place, p->put, p->put_size);
    return copy;
}

/* Each change of the golden file of this name has its status and its words; imports nothing when
 * it is refused. */
static inline void refuse_all(const char *name, const patch *patches, size_t count) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_bytes file = read_golden(&arena, "model", name);
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        folder f = {.count = 0};
        sw_error err = {0};
        sw_status status = import(patched(&f.arena, file, &patches[i]), SW_DTYPE_BF16, &f, &err);
        if (status != patches[i].status || strstr(err.message, patches[i].says) == NULL) {
            print_message("# patch %zu behind %s: status %d, %s\n", i, patches[i].find, status,
                          err.message);
            wrong++;
        }
        assert_int_equal(f.count, status == SW_OK ? 5 : 0);
        sw_arena_free(&f.arena);
    }
    assert_int_equal(wrong, 0);
}

#endif
