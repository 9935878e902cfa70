/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks for every key that a run's owners and its agent hold in a file: the data keys, the unlock
 * secrets, the owners' private keys, the run key and its subkeys. The file is what a hostile worker
 * could read of its own memory; the keys are computed here, from the owners' folders.
 *
 *     find_keys FILE APP-COMPOSE GENESIS (IDENTITY DATASET)... [-- CONSENT...]   in the recipe's
 * order
 *
 * With consents it also looks for what a key service answers: 44 bytes that open a wrapped key.
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

#define KEY_LIMIT  128
#define FILE_LIMIT ((size_t)1 << 30)
typedef struct found_key {
    char name[48];
    uint8_t b[32];
} found_key;
static found_key keys[KEY_LIMIT];
static size_t key_count;
static sw_p256_public owner_keys[16];
static size_t owner_count;

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
    check(sw_p256_derive(signing->b, &owner_keys[owner_count++], &err), &err);
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

/* ---- what opens a consent ---- */
/* Secret memory begins them at 16 bytes; what has four zeros is taken for no key. */
static bool may_be_key(const uint8_t *b) {
    size_t zeros = 0;
    for (size_t i = 0; i < 32; i++) zeros += b[i] == 0;
    return zeros < 4;
}

static bool holds_opener(const uint8_t *in, size_t size, const sw_consent *c) {
    sw_hpke_keys *taken = sw_hpke_keys_new();
    sw_data_key *out = sw_data_key_new();
    bool found = false;
    for (size_t at = 0; at + sizeof *taken <= size && !found; at += 16) {
        if (!may_be_key(in + at)) continue;
        memcpy(taken, in + at, sizeof *taken);
        found = sw_consent_unwrap(c, taken, out, NULL) == SW_OK;
    }
    sw_data_key_drop(&out);
    sw_hpke_keys_drop(&taken);
    return found;
}

/* A consent of our own making, and what opens it behind other bytes. */
static void try_openers(void) {
    enum { SIZE = 4096, AT = 4096 - 48 };
    sw_error err = {0};
    sw_consent consent = {0};
    sw_hpke_keys opener;
    uint8_t page[SIZE], data[32];
    memset(page, 0xa5, sizeof page);
    memset(data, 0x5a, sizeof data);
    memset(&opener, 0x3c, sizeof opener);
    check(sw_hpke_seal(&opener, (sw_bytes){0}, SW_BYTES_OF(data), consent.wrapped_key, &err), &err);
    if (holds_opener(page, SIZE, &consent)) exit(2);
    memcpy(page + AT, &opener, sizeof opener);
    if (!holds_opener(page, SIZE, &consent)) exit(2);
}

static const sw_p256_public *key_of(const sw_hash *owner) {
    for (size_t i = 0; i < owner_count; i++) {
        sw_hash id;
        sw_key_id(&id, &owner_keys[i]);
        if (sw_hash_equal(&id, owner)) return &owner_keys[i];
    }
    printf("find_keys: a consent is nobody's\n");
    exit(2);
}

static int find_opener(const sw_buffer *file, const char *path) {
    sw_error err = {0};
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_CONSENT_LIMIT);
    sw_consent consent;
    sw_hash owner;
    check(sw_file_read(path, SW_CONSENT_LIMIT, &text, &err), &err);
    check(sw_consent_owner(&arena, sw_buffer_bytes(&text), &owner, &err), &err);
    check(sw_consent_open(&arena, sw_buffer_bytes(&text), key_of(&owner), &consent, &err), &err);
    bool found = holds_opener(file->data, file->size, &consent);
    if (found) printf("what opens %s is there\n", path);
    return found;
}

int main(int argc, char **argv) {
    if (argc < 6) return 2;
    sw_error err = {0};
    sw_buffer file = SW_BUFFER(FILE_LIMIT), text = SW_BUFFER(SW_COMPOSE_LIMIT);
    sw_hash compose, genesis;
    sw_data_key *data[16];
    const sw_data_key *views[16];
    size_t count = 0;
    check(sw_file_read(argv[1], FILE_LIMIT, &file, &err), &err);
    check(sw_file_read(argv[2], SW_COMPOSE_LIMIT, &text, &err), &err);
    sw_compose_hash(&compose, sw_buffer_bytes(&text));
    hash_of(argv[3], &genesis);
    int at = 4;
    for (; at + 1 < argc && count < 16 && strcmp(argv[at], "--") != 0; at += 2) {
        views[count] = data[count] = add_owner(argv[at], argv[at + 1], &genesis);
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
    try_openers();
    for (at++; at < argc; at++) hits += find_opener(&file, argv[at]);
    printf("%zu keys looked for in %zu bytes, %d found\n", key_count, file.size, hits);
    sw_buffer_free(&file);
    sw_buffer_free(&text);
    return hits ? 1 : 0;
}
