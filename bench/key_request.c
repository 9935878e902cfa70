/* SPDX-License-Identifier: Apache-2.0
 *
 * Full key requests to a running key service, as a training machine makes them, one after the
 * other: a new channel, the challenge, fresh evidence, the request, the sealed answer, its receipt
 * verified and every data key unwrapped. key_request COUNT URL MACHINE GENESIS COMPOSE REFERENCE
 * CONSENT... prints the microseconds of each, one a line.
 */
#include "kms/client.h"
#include "recipe/recipe.h"
#include "sys/files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COUNT_MAX = 100000, FILE_LIMIT = 1 << 22 };

typedef struct asker {
    sw_arena arena;
    sw_entropy entropy;
    sw_clock clock;
    const char *url;
    sw_genesis genesis;
    sw_recipe recipe;
    sw_kms_reference reference;
    sw_consent consents[SW_SHARD_LIMIT];
    sw_session_key *manifest_key;
    sw_key_request request;
} asker;

static sw_status read_file(asker *a, const char *path, sw_bytes *out, sw_error *err) {
    SW_SCOPED(sw_buffer) content = SW_BUFFER(FILE_LIMIT);
    SW_TRY(sw_file_read(path, FILE_LIMIT, &content, err));
    *out = sw_arena_copy(&a->arena, sw_buffer_bytes(&content));
    return out->data ? SW_OK : sw_fail(err, SW_MEMORY, "memory", "no memory for %s", path);
}

static sw_status place_consent(asker *a, const char *path, sw_error *err) {
    sw_bytes file;
    sw_hash id;
    sw_consent c;
    SW_TRY(read_file(a, path, &file, err));
    SW_TRY(sw_consent_owner(&a->arena, file, &id, err));
    const sw_owner *owner = sw_genesis_owner(&a->genesis, &id);
    SW_CHECK(err, owner != NULL);
    SW_TRY(sw_consent_open(&a->arena, file, &owner->identity_key, &c, err));
    for (size_t i = 0; i < a->recipe.shard_count; i++)
        if (sw_hash_equal(&a->recipe.shards[i].dataset, &c.word.context.dataset))
            a->consents[i] = c;
    return SW_OK;
}

static sw_status prepare(asker *a, char **words, int count, sw_error *err) {
    sw_key_request *q = &a->request;
    sw_bytes reference;
    uint8_t app[20];
    a->url = words[0];
    SW_TRY(read_file(a, words[2], &q->genesis_envelope, err));
    SW_TRY(read_file(a, words[3], &q->app_compose, err));
    SW_TRY(read_file(a, words[4], &reference, err));
    SW_TRY(sw_kms_reference_parse(reference, &a->reference, err));
    SW_TRY(sw_genesis_open(&a->arena, q->genesis_envelope, true, &a->genesis, err));
    SW_TRY(sw_compose_parse(q->app_compose, &a->recipe, err));
    for (int i = 5; i < count; i++) SW_TRY(place_consent(a, words[i], err));
    sw_genesis_app_id(&a->genesis, app);
    SW_TRY(
        sw_machine_boot(words[1], q->app_compose, app, &a->entropy, &a->clock, &q->machine, err));
    a->manifest_key = sw_session_key_new();
    SW_CHECK(err, a->manifest_key != NULL);
    SW_TRY(sw_p256_generate(&a->entropy, a->manifest_key->b, &q->manifest_public, err));
    q->purpose = SW_PURPOSE_TRAIN;
    q->genesis = &a->genesis;
    q->recipe = &a->recipe;
    q->reference = &a->reference;
    SW_TRY(sw_verifier_open(NULL, &q->verifier, err)); /* as an agent does */
    q->consents = a->consents;
    q->manifest_key = a->manifest_key;
    return SW_OK;
}

static sw_status unwrap(const asker *a, const sw_granted *granted, sw_error *err) {
    for (size_t i = 0; i < granted->count; i++) {
        SW_SCOPED_SECRET(sw_data_key) key = sw_data_key_new();
        SW_CHECK(err, key != NULL);
        SW_TRY(sw_consent_unwrap(&a->consents[i], granted->keys[i], key, err));
    }
    return SW_OK;
}

static sw_status ask(const asker *a, sw_error *err) {
    sw_remote *remote = NULL;
    sw_granted granted = {0};
    SW_TRY(sw_remote_open(a->url, &a->entropy, &remote, err));
    sw_status status = sw_remote_keys(remote, &a->request, &a->entropy,
                                      a->clock.wall_ms(a->clock.context), &granted, err);
    if (status == SW_OK) status = unwrap(a, &granted, err);
    sw_granted_free(&granted);
    sw_remote_close(&remote);
    return status;
}

static int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static sw_status run(asker *a, int requests, sw_error *err) {
    for (int i = 0; i < requests; i++) {
        int64_t start = now_us();
        SW_TRY(ask(a, err));
        printf("%" PRId64 "\n", now_us() - start);
    }
    return SW_OK;
}

int main(int argc, char **argv) {
    static asker a;
    sw_error err = {0};
    int requests = argc > 7 ? atoi(argv[1]) : 0;
    if (requests < 1 || requests > COUNT_MAX) {
        fprintf(stderr,
                "usage: key_request COUNT URL MACHINE GENESIS COMPOSE REFERENCE CONSENT...\n");
        return 2;
    }
    a.entropy = sw_entropy_system();
    a.clock = sw_clock_system();
    sw_status status = sw_crypto_lock_heap(&err);
    if (status == SW_OK) status = prepare(&a, argv + 2, argc - 2, &err);
    if (status == SW_OK) status = run(&a, requests, &err);
    if (status != SW_OK) fprintf(stderr, "key_request: %s: %s\n", err.word, err.message);
    sw_session_key_drop(&a.manifest_key);
    sw_machine_close(&a.request.machine);
    sw_verifier_close(&a.request.verifier);
    sw_arena_free(&a.arena);
    return status == SW_OK ? 0 : 1;
}
