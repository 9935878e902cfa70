/* SPDX-License-Identifier: Apache-2.0
 *
 * The committed recipe, its locks and its compose (made by golden/make-golden.py), and changed
 * copies of them.
 */
#ifndef SW_TESTS_RECIPE_GOLDEN_H
#define SW_TESTS_RECIPE_GOLDEN_H
#include "cmocka_plain.h"
#include "recipe/recipe.h"
#include "sys/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct golden {
    sw_buffer recipe, model_lock, trainer_lock, compose, hash;
} golden;

static inline sw_buffer golden_file(const char *folder, const char *name) {
    char path[256];
    sw_error err = {0};
    sw_buffer b = SW_BUFFER(1 << 20);
    (void)snprintf(path, sizeof path, "tests/recipe/golden/%s%s", folder, name);
    if (sw_file_read(path, 1 << 20, &b, &err) != SW_OK) fail_msg("%s", err.message);
    return b;
}

static inline golden golden_load_in(const char *folder) {
    return (golden){.recipe = golden_file(folder, "recipe.yaml"),
                    .model_lock = golden_file("", "model.lock"),
                    .trainer_lock = golden_file(folder, "trainer.lock"),
                    .compose = golden_file(folder, "app-compose.json"),
                    .hash = golden_file(folder, "hash")};
}

static inline golden golden_load(void) {
    return golden_load_in("");
}

static inline void golden_drop(golden *g) {
    sw_buffer_free(&g->recipe);
    sw_buffer_free(&g->model_lock);
    sw_buffer_free(&g->trainer_lock);
    sw_buffer_free(&g->compose);
    sw_buffer_free(&g->hash);
}

/* A copy of `text` with the first `from` replaced by `to`; `from` must be there. An empty `from`
 * puts `to` in front. */
static inline void replace(const sw_buffer *text, const char *from, const char *to,
                           sw_buffer *out) {
    const uint8_t *at = memmem(text->data, text->size, from, strlen(from));
    if (at == NULL) fail_msg("the golden does not hold: %s", from);
    size_t before = (size_t)(at - text->data), after = before + strlen(from);
    out->size = 0;
    sw_put_bytes(out, SW_BYTES(text->data, before));
    sw_put_text(out, to);
    sw_put_bytes(out, SW_BYTES(text->data + after, text->size - after));
    assert_false(out->failed);
}

static inline sw_status golden_make(const golden *g, sw_bytes yaml, sw_buffer *out, sw_error *err) {
    return sw_compose_make(yaml, "recipe.yaml", sw_buffer_bytes(&g->model_lock),
                           sw_buffer_bytes(&g->trainer_lock), out, err);
}
#endif
