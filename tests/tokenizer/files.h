/* SPDX-License-Identifier: Apache-2.0
 *
 * Golden files of this room, read from the repository's root, where tests run.
 */
#ifndef SW_TESTS_TOKENIZER_FILES_H
#define SW_TESTS_TOKENIZER_FILES_H
#include "cmocka_plain.h"
#include "codec/json.h"
#include "tokenizer/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline sw_bytes read_golden(sw_arena *arena, const char *folder, const char *name) {
    char path[256];
    (void)snprintf(path, sizeof path, "tests/%s/golden/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail_msg("%s is missing: run from the repository's root", path);
    (void)fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    (void)fseek(file, 0, SEEK_SET);
    uint8_t *data = sw_arena_alloc(arena, size, 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, size, file), size);
    (void)fclose(file);
    return SW_BYTES(data, size);
}

static inline sw_tokenizer *open_golden(const char *name) {
    char file[64];
    sw_arena arena = {0};
    sw_tokenizer *t = NULL;
    sw_error err = {0};
    (void)snprintf(file, sizeof file, "%s.json", name);
    if (sw_tokenizer_open(read_golden(&arena, "tokenizer", file), &t, &err) != SW_OK)
        fail_msg("%s: %s", file, err.message);
    sw_arena_free(&arena); /* the tokeniser keeps nothing of the file */
    return t;
}

/* `text` with the first `from` in it replaced; fails the test when it is not there. */
static inline sw_bytes replace(sw_arena *arena, sw_bytes text, const char *from, const char *to) {
    size_t from_size = strlen(from), to_size = strlen(to);
    const uint8_t *at = memmem(text.data, text.size, from, from_size);
    if (at == NULL) fail_msg("the base text does not hold: %s", from);
    size_t before = (size_t)(at - text.data), after = text.size - before - from_size;
    uint8_t *out = sw_arena_alloc(arena, before + to_size + after, 1);
    assert_non_null(out);
    memcpy(out, text.data, before);
    memcpy(out + before, to, to_size);
    memcpy(out + before + to_size, at + from_size, after);
    return SW_BYTES(out, before + to_size + after);
}
#endif
