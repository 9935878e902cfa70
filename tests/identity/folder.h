/* SPDX-License-Identifier: Apache-2.0
 *
 * An owner's folder that a test makes, and a card by hand: what this room's tests share.
 */
#ifndef SW_TESTS_IDENTITY_FOLDER_H
#define SW_TESTS_IDENTITY_FOLDER_H
#include "identity/identity_internal.h"
#include "seal/support.h"

#include <fcntl.h>

typedef struct fixture {
    chance c;
    char root[64], folder[512];
    size_t asked, wrong_after; /* passphrase questions; wrong ones from this one on */
    sw_passphrase passphrase;
} fixture;

static inline sw_status answer(void *context, const char *file, char *out, size_t limit,
                               size_t *size, sw_error *err) {
    fixture *f = context;
    const char *text = f->asked >= f->wrong_after ? "wrong" : "right";
    (void)err;
    assert_true(strlen(text) < limit);
    assert_non_null(strstr(file, ".key"));
    memcpy(out, text, strlen(text));
    *size = strlen(text);
    f->asked++;
    return SW_OK;
}

static inline fixture *start(uint64_t seed) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    chance_start(&f->c, seed);
    make_folder(f->root);
    path_in(f->folder, f->root, "owner");
    f->wrong_after = SIZE_MAX;
    f->passphrase = (sw_passphrase){answer, f};
    return f;
}

static inline void end(fixture *f) {
    remove_folder(f->root);
    free(f);
}

static inline sw_identity *make_and_open(fixture *f, const char *name) {
    sw_identity *i = NULL;
    assert_int_equal(sw_identity_make(f->folder, name, NULL, &f->c.entropy, NULL), SW_OK);
    assert_int_equal(sw_identity_open(f->folder, NULL, &f->c.entropy, &i, NULL), SW_OK);
    return i;
}

static inline void replace_file(const char *path, sw_bytes content) {
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(sw_fd_write(fd, content, NULL), SW_OK);
    (void)close(fd);
}

/* ---- the card ---- */

static inline void sign(sw_card *card, const key_pair *by) {
    sw_identity_key key;
    memcpy(key.b, by->secret, sizeof key.b);
    assert_int_equal(sw_card_sign(card, &key, NULL), SW_OK);
}

static inline sw_card make_card(fixture *f, key_pair *signer) {
    sw_card card = {.name = "Klinik Süd, Lab 3"};
    *signer = make_key_pair(&f->c);
    card.identity_key = signer->public;
    card.encryption_key = make_key_pair(&f->c).public;
    sw_key_id(&card.id, &card.identity_key);
    sign(&card, signer);
    return card;
}
#endif
