/* SPDX-License-Identifier: Apache-2.0
 *
 * A program of somebody who installed the library: seals, unseals by stream and by chunk, verifies.
 * user FOLDER [OUT GENESIS_HASH]. Prints TAP; compiled by test_abi.sh against the installed header.
 */
#include <sealwright.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int count, failures;
static sw_error err;

static void check(bool good, const char *name) {
    if (!good) failures++;
    printf("%s %d - %s%s%s\n", good ? "ok" : "not ok", ++count, name, good ? "" : ": ",
           good ? "" : err.message);
}

/* ---- content and sinks ---- */

enum { ROWS = 60000, CONTENT_MAX = ROWS * 48 };
typedef struct bytes {
    unsigned char *data;
    size_t size, limit;
} bytes;

static bytes take(size_t limit) {
    bytes b = {malloc(limit), 0, limit};
    if (b.data == NULL) _exit(1);
    return b;
}

static sw_status append(void *context, const void *data, size_t size, sw_error *error) {
    bytes *b = context;
    if (size > b->limit - b->size) {
        error->status = SW_LIMIT;
        strcpy(error->word, "limit");
        return SW_LIMIT;
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
    return SW_OK;
}

static bytes make_rows(void) {
    bytes b = take(CONTENT_MAX);
    for (int i = 0; i < ROWS; i++)
        b.size += (size_t)snprintf((char *)b.data + b.size, b.limit - b.size,
                                   "{\"text\":\"row number %d\"}\n", i);
    return b;
}

static char *in(const char *folder, const char *name) {
    static char paths[8][4096];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void save(const char *path, const bytes *b) {
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(b->data, 1, b->size, f) != b->size || fclose(f) != 0) _exit(1);
}

/* ---- sealing ---- */

static void seal_by_stream(sealwright_identity *me, const bytes *plain, bytes *sealed,
                           sealwright_dataset *d) {
    sealwright_sealer *s = NULL;
    sw_status status = sealwright_sealer_open(me, "application/jsonl", 2, append, sealed, &s, &err);
    for (size_t at = 0; status == SW_OK && at < plain->size; at += 99991) {
        size_t left = plain->size - at;
        status = sealwright_sealer_add(s, plain->data + at, left < 99991 ? left : 99991, &err);
    }
    if (status == SW_OK) status = sealwright_sealer_finish(s, d, &err);
    check(status == SW_OK && d->rows == ROWS && d->bytes == plain->size && d->chunks == 2 &&
              strcmp(d->media_type, "application/jsonl") == 0,
          "seals a stream");
    check(s != NULL && sealwright_sealer_add(s, "x", 1, &err) == SW_USAGE,
          "nothing follows the end");
    sealwright_sealer_close(&s);
    check(s == NULL, "closing clears the pointer");
}

static void refuse_sealing(sealwright_identity *me, const char *folder) {
    char media_type[80];
    sealwright_sealer *s = NULL;
    sealwright_dataset d;
    bytes none = take(1);
    memset(media_type, 'a', sizeof media_type - 1);
    media_type[sizeof media_type - 1] = 0;
    check(sealwright_sealer_open(me, media_type, 1, append, &none, &s, &err) == SW_LIMIT &&
              s == NULL,
          "a long media type is refused");
    check(sealwright_sealer_open(me, NULL, 1, append, &none, &s, &err) == SW_USAGE && s == NULL,
          "no media type is refused");
    check(sealwright_seal_file(me, "from", "to", NULL, 1, &d, &err) == SW_USAGE,
          "nor does a file go without one");
    check(sealwright_sealer_open(me, "text/plain", 9, append, &none, &s, &err) == SW_USAGE,
          "nine threads are refused");
    check(sealwright_sealer_open(me, "text/plain", 1, append, &none, &s, &err) == SW_LIMIT,
          "what the writer returns ends the call");
    check(sealwright_seal_file(me, in(folder, "absent"), in(folder, "out"), "text/plain", 0, &d,
                               &err) == SW_MISSING,
          "a file that is not there is refused");
    check(access(in(folder, "out"), F_OK) != 0, "and leaves nothing");
    free(none.data);
}

static void seal_by_file(sealwright_identity *me, const char *folder) {
    sealwright_dataset d, again;
    check(sealwright_seal_file(me, in(folder, "rows"), in(folder, "sealed"), "application/jsonl", 0,
                               &d, &err) == SW_OK &&
              d.rows == ROWS,
          "seals a file");
    check(sealwright_seal_file(me, in(folder, "rows"), in(folder, "sealed"), "application/jsonl", 0,
                               &again, &err) == SW_EXISTS,
          "an existing file is never overwritten");
}

/* ---- unsealing ---- */

static void unseal_by_stream(sealwright_identity *me, const char *path, const bytes *expected,
                             const sealwright_dataset *d) {
    bytes plain = take(expected->size + 1);
    sealwright_dataset got;
    int fd = open(path, O_RDONLY);
    check(sealwright_unseal_stream(me, NULL, fd, 0, append, &plain, &got, &err) == SW_OK &&
              plain.size == expected->size && memcmp(plain.data, expected->data, plain.size) == 0 &&
              memcmp(got.id, d->id, sizeof got.id) == 0 &&
              memcmp(got.owner, d->owner, sizeof got.owner) == 0,
          "unseals a stream");
    lseek(fd, 0, SEEK_SET);
    plain.size = 0;
    check(sealwright_unseal_stream(me, d->id, fd, 1, append, &plain, &got, &err) == SW_OK &&
              plain.size == expected->size && got.rows == ROWS,
          "unseals a stream by its id");
    close(fd);
    free(plain.data);
}

static void unseal_by_chunk(sealwright_identity *me, const char *path, const bytes *expected) {
    static unsigned char chunk[SEALWRIGHT_CHUNK_BYTES];
    sealwright_unsealer *u = NULL;
    sealwright_dataset d;
    size_t size = 0;
    int fd = open(path, O_RDONLY);
    check(sealwright_unsealer_open(me, fd, &u, &err) == SW_OK, "opens by chunk");
    sealwright_unsealer_dataset(u, &d);
    check(d.chunks == 2 && d.rows == ROWS, "and says what it is");
    check(sealwright_unsealer_chunk(u, 1, chunk, &size, &err) == SW_OK &&
              size == expected->size - sizeof chunk &&
              memcmp(chunk, expected->data + sizeof chunk, size) == 0,
          "the second chunk before the first");
    check(sealwright_unsealer_chunk(u, 0, chunk, &size, &err) == SW_OK && size == sizeof chunk &&
              memcmp(chunk, expected->data, size) == 0,
          "the first chunk");
    size = 7;
    check(sealwright_unsealer_chunk(u, 2, chunk, &size, &err) == SW_USAGE && size == 7,
          "there is no third, and the output is untouched");
    sealwright_unsealer_close(&u);
    close(fd);
}

static sw_status try_stream(sealwright_identity *who, const char *path, size_t room) {
    bytes plain = take(room);
    int fd = open(path, O_RDONLY);
    sw_status status = sealwright_unseal_stream(who, NULL, fd, 1, append, &plain, NULL, &err);
    close(fd);
    free(plain.data);
    return status;
}

static void refuse_unsealing(sealwright_identity *me, sealwright_identity *other,
                             const char *folder, bytes *sealed) {
    char *path = in(folder, "changed");
    sealwright_unsealer *u = NULL;
    check(try_stream(other, in(folder, "sealed"), sealed->size) == SW_MISSING &&
              strcmp(err.word, "missing") == 0,
          "another owner has no key");
    sealed->data[sealed->size / 2] ^= 1;
    save(path, sealed);
    check(try_stream(me, path, sealed->size) == SW_UNAUTHENTIC, "a flipped bit is refused");
    sealed->data[sealed->size / 2] ^= 1;
    sealed->size--;
    save(path, sealed);
    int fd = open(path, O_RDONLY);
    sw_status status = sealwright_unsealer_open(me, fd, &u, &err);
    check(status != SW_OK && u == NULL, "a file cut by one byte is refused by chunk");
    close(fd);
    check(try_stream(me, path, sealed->size) != SW_OK, "and by stream");
    check(try_stream(me, "/dev/null", 1) != SW_OK, "what is no file is refused without an id");
}

/* ---- manifest ---- */

typedef struct links {
    int held, broken;
} links;

static void on_link(void *context, const char *name, bool holds, const char *detail) {
    links *l = context;
    *(holds ? &l->held : &l->broken) += 1;
    printf("# %s %s: %s\n", holds ? "ok" : "NO", name, detail);
}

static void verify(int argc, char **argv) {
    links l = {0};
    sealwright_verdict v = {.steps = 99};
    uint8_t app[SEALWRIGHT_ID_BYTES] = {1};
    check(sealwright_manifest_verify(argv[1], app, NULL, on_link, &l, &v, &err) == SW_MISSING &&
              v.steps == 99,
          "a folder without a manifest is refused");
    if (argc < 4) return;
    check(sealwright_manifest_verify(argv[2], app, NULL, on_link, &l, &v, &err) != SW_OK &&
              l.broken == 1,
          "another app's genesis is refused");
    check(sealwright_manifest_verify(argv[2], NULL, NULL, on_link, &l, &v, &err) == SW_REFUSED &&
              strcmp(err.word, "app") == 0,
          "without a genesis it is compared with nobody's expectation");
    for (int i = 0; i < SEALWRIGHT_ID_BYTES; i++) {
        unsigned value = 0;
        sscanf(argv[3] + 2 * i, "%2x", &value);
        app[i] = (uint8_t)value;
    }
    l = (links){0};
    check(sealwright_manifest_verify(argv[2], app, NULL, on_link, &l, &v, &err) == SW_OK &&
              l.held > 5 && l.broken == 0 && v.steps > 0 && v.steps != 99,
          "a run's manifest verifies link by link");
}

int main(int argc, char **argv) {
    const char *folder = argc > 1 ? argv[1] : ".";
    sealwright_identity *me = NULL, *other = NULL;
    sealwright_dataset d = {0};
    check(strcmp(sealwright_version(), SEALWRIGHT_VERSION) == 0, "header and library agree");
    check(strcmp(sealwright_status_name(SW_UNAUTHENTIC), "unauthentic") == 0 &&
              strcmp(sealwright_status_name((sw_status)99), "unknown") == 0,
          "a status has a name");
    check(sealwright_lock_heap(&err) == SW_OK, "the heap of private keys is locked");
    check(sealwright_identity_make(in(folder, "me"), "Me", NULL, NULL, &err) == SW_OK &&
              sealwright_identity_make(in(folder, "other"), "Other", NULL, NULL, &err) == SW_OK,
          "makes identities");
    check(sealwright_identity_make(in(folder, "me"), "Me", NULL, NULL, &err) == SW_EXISTS,
          "and never overwrites one");
    check(sealwright_identity_open(in(folder, "absent"), NULL, NULL, &me, &err) != SW_OK &&
              me == NULL,
          "an identity that is not there is refused");
    if (sealwright_identity_open(in(folder, "me"), NULL, NULL, &me, &err) != SW_OK ||
        sealwright_identity_open(in(folder, "other"), NULL, NULL, &other, &err) != SW_OK)
        return 1;
    bytes plain = make_rows(), sealed = take(CONTENT_MAX + 65536);
    save(in(folder, "rows"), &plain);
    seal_by_stream(me, &plain, &sealed, &d);
    uint8_t id[SEALWRIGHT_ID_BYTES];
    sealwright_identity_id(me, id);
    check(memcmp(id, d.owner, sizeof id) == 0, "the dataset names its owner");
    save(in(folder, "streamed"), &sealed);
    seal_by_file(me, folder);
    refuse_sealing(me, folder);
    unseal_by_stream(me, in(folder, "streamed"), &plain, &d);
    unseal_by_chunk(me, in(folder, "sealed"), &plain);
    refuse_unsealing(me, other, folder, &sealed);
    verify(argc, argv);
    free(plain.data);
    free(sealed.data);
    sealwright_identity_close(&other);
    sealwright_identity_close(&me);
    printf("1..%d\n", count);
    return failures > 0;
}
