/* SPDX-License-Identifier: Apache-2.0
 *
 * A PEFT adapter: u32le length of adapter_config.json, it, adapter_model.safetensors. What reads
 * has whole pairs in the order of their names, magnitudes with DoRA alone and what modules_to_save
 * names, and is written and read again as it was.
 */
#include "fuzz.h"
#include "model/model.h"
#include <string.h>

typedef struct kept {
    sw_arena arena;
    sw_model_file files[2];
    size_t count;
} kept;

static sw_status keep(void *context, const char *name, sw_bytes bytes, sw_error *err) {
    kept *k = context;
    FUZZ_REQUIRE(k->count < 2);
    sw_bytes copy = sw_arena_copy(&k->arena, bytes);
    if (copy.data == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory");
    k->files[k->count++] = (sw_model_file){name, copy};
    return SW_OK;
}

static void check(const sw_adapter *a) {
    FUZZ_REQUIRE(a->pair_count > 0 && a->lora.r > 0);
    FUZZ_REQUIRE((a->lora.save_count > 0) == (a->embed_tokens.values || a->lm_head.values));
    for (size_t i = 0; i < a->pair_count; i++) {
        const sw_adapter_pair *p = &a->pairs[i];
        FUZZ_REQUIRE(p->in > 0 && p->out > 0 && p->a && p->b && p->module[0]);
        FUZZ_REQUIRE(a->lora.use_dora == (p->magnitude != NULL));
        FUZZ_REQUIRE(sw_lora_rank(&a->lora, p->module) > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sw_reader r = sw_reader_of(SW_BYTES(data, size));
    uint32_t length = sw_read_u32le(&r);
    if (r.failed || length > size - 4) return 0;
    kept first = {.arena = {.limit_bytes = (size_t)16 << 20}};
    const sw_model_file files[] = {
        {"adapter_config.json", SW_BYTES(data + 4, length)},
        {"adapter_model.safetensors", SW_BYTES(data + 4 + length, size - 4 - length)}};
    sw_adapter a = {.pair_count = 7}, b;
    if (sw_adapter_read(&first.arena, files, 2, &a, NULL) != SW_OK) {
        FUZZ_REQUIRE(a.pair_count == 7 && a.pairs == NULL);
    } else {
        const sw_model_sink sink = {&first, keep};
        check(&a);
        if (a.lora.target_count > 0 && sw_adapter_write(&a, NULL, &sink, NULL) == SW_OK) {
            FUZZ_REQUIRE(sw_adapter_read(&first.arena, first.files, 2, &b, NULL) == SW_OK);
            FUZZ_REQUIRE(b.pair_count == a.pair_count && b.lora.r == a.lora.r);
            check(&b);
        }
    }
    sw_arena_free(&first.arena);
    return 0;
}
