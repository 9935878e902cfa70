/* SPDX-License-Identifier: Apache-2.0
 *
 * Base models that this program knows by the digest of their whole model.lock. Knowing means that
 * somebody looked at where the files come from; docs/formats/recipe.md, RCP-091 says from where.
 */
#include "recipe/recipe_internal.h"

static const struct {
    sw_hash model_lock;
    const char *name;
} known[1];

const char *sw_recipe_known_model(const sw_hash *model_lock) {
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].name != NULL && sw_hash_equal(&known[i].model_lock, model_lock))
            return known[i].name;
    return NULL;
}
