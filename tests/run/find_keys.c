/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks for every key that a run's owners and its agent hold in a file: the data keys, the unlock
 * secrets, the owners' private keys, the run key and its subkeys. The file is what a hostile worker
 * could read of its own memory; the keys are computed here, from the owners' folders.
 *
 *     find_keys FILE APP-COMPOSE GENESIS (IDENTITY DATASET)...   in the recipe's order
 *
 * Exits 0 when none is there, 1 naming those that are. The search is tried on a copy first into
 * which each key was written, so that it cannot pass by seeing nothing.
 */
#include "codec/text.h"
#include "identity/identity.h"
#include "recipe/recipe.h"
#include "seal/consent.h"
#include "sys/files.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_LIMIT 128
typedef struct found_key {
    char name[48];
    uint8_t b[32];
} found_key;
static found_key keys[KEY_LIMIT];
static size_t key_count;

static void check(sw_status status, const sw_error *err) {
    if (status == SW_OK) return;
    printf("find_keys: %s\n", err->message);
    exit(2);
}

static void add(const char *what, const char *of, const uint8_t b[32]) {
    found_key *k = &keys[key_count++];
    snprintf(k->name, sizeof k->name, "%s %s", what, of);
    memcpy(k->b, b, 32);
}

static bool holds(const uint8_t *in, size_t size, const uint8_t key[32]) {
    return memmem(in, size, key, 32) != NULL;
}

static void hash_of(const char *hex, sw_hash *out) {
    sw_error err = {0};
    check(sw_hex_decode(out->b, sizeof out->b, sw_text(hex), false, &err), &err);
}

static sw_data_key *add_owner(const char *folder, const char *dataset, const sw_hash *genesis) {
    sw_error err = {0};
    const sw_entropy e = sw_entropy_system();
    sw_identity *owner;
    sw_hash id;
    hash_of(dataset, &id);
    check(sw_identity_open(folder, NULL, &e, &owner, &err), &err);
    sw_data_key *data = sw_data_key_new();
    check(sw_identity_load_data_key(owner, &id, data, &err), &err);
    sw_unlock_secret *unlock = sw_unlock_secret_new();
    check(sw_identity_unlock_secret(owner, genesis, false, unlock, &err), &err);
    const sw_identity_key *signing;
    const sw_encryption_key *encryption;
    check(sw_identity_signing_key(owner, &signing, &err), &err);
    check(sw_identity_encryption_key(owner, &encryption, &err), &err);
    add("data key", folder, data->b);
    add("unlock secret", folder, unlock->b);
    add("identity key", folder, signing->b);
    add("encryption key", folder, encryption->b);
    sw_unlock_secret_drop(&unlock);
    sw_identity_close(&owner);
    return data;
}

static void add_run(const sw_data_key *const *data, size_t count, const sw_hash *compose) {
    static const struct {
        sw_subkey_label label;
        const char *name;
    } subkeys[] = {{SW_SUBKEY_CHECKPOINT, "checkpoint"},
                   {SW_SUBKEY_OUTPUT, "output"},
                   {SW_SUBKEY_COMMIT, "commit"}};
    sw_error err = {0};
    sw_run_key *run = sw_run_key_new();
    check(sw_run_key_derive(data, count, compose, run, &err), &err);
    add("run key", "", run->b);
    for (size_t i = 0; i < sizeof subkeys / sizeof subkeys[0]; i++) {
        sw_subkey *k = sw_subkey_new();
        check(sw_subkey_derive(run, subkeys[i].label, k, &err), &err);
        add("subkey", subkeys[i].name, k->b);
        sw_subkey_drop(&k);
    }
    sw_run_key_drop(&run);
}

/* Writes each key somewhere into a copy, and looks. */
static void try_search(const sw_buffer *file) {
    uint8_t *copy = malloc(file->size);
    for (size_t i = 0; copy && i < key_count; i++) {
        memcpy(copy, file->data, file->size);
        memcpy(copy + (file->size - 32) / key_count * i, keys[i].b, 32);
        if (!holds(copy, file->size, keys[i].b)) exit(2);
    }
    free(copy);
}

int main(int argc, char **argv) {
    if (argc < 6) return 2;
    sw_error err = {0};
    sw_buffer file = SW_BUFFER((size_t)64 << 20), text = SW_BUFFER(SW_COMPOSE_LIMIT);
    sw_hash compose, genesis;
    sw_data_key *data[16];
    const sw_data_key *views[16];
    size_t count = 0;
    check(sw_file_read(argv[1], (size_t)64 << 20, &file, &err), &err);
    check(sw_file_read(argv[2], SW_COMPOSE_LIMIT, &text, &err), &err);
    sw_compose_hash(&compose, sw_buffer_bytes(&text));
    hash_of(argv[3], &genesis);
    for (int i = 4; i + 1 < argc && count < 16; i += 2) {
        views[count] = data[count] = add_owner(argv[i], argv[i + 1], &genesis);
        count++;
    }
    add_run(views, count, &compose);
    for (size_t i = 0; i < count; i++) sw_data_key_drop(&data[i]);
    if (file.size < 65536) return 2;
    try_search(&file);
    int hits = 0;
    for (size_t i = 0; i < key_count; i++) {
        if (!holds(file.data, file.size, keys[i].b)) continue;
        printf("the %s is there\n", keys[i].name);
        hits++;
    }
    printf("%zu keys looked for in %zu bytes, %d found\n", key_count, file.size, hits);
    sw_buffer_free(&file);
    sw_buffer_free(&text);
    return hits ? 1 : 0;
}
