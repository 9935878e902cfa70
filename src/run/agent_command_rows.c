/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of a command: each shard is unsealed, whole and verified, into sealed memory that the
 * script can read and nothing else, and beside it lies where each row begins (CMD-030, CMD-031).
 *
 * No decoder stands between: a row is what lies between two newlines, and nothing of it is parsed
 * here.
 */
#include "run/agent.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Younger than some headers: linux/memfd.h. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

static const char rows_type[] = "application/jsonl";

typedef struct filler { /* one shard on its way into memory */
    sw_agent *agent;
    uint8_t *map;
    uint64_t size, at;
    sw_sha256_stream *digest;
} filler;

/* ---- where rows begin ---- */

/* As a sealed file counts its rows: lines with something in them besides blanks. */
static bool has_content(const uint8_t *from, const uint8_t *to) {
    for (; from < to; from++)
        if (*from != ' ' && *from != '\t' && *from != '\r') return true;
    return false;
}

static void put_u64le(uint8_t *out, uint64_t v) {
    for (int i = 0; i < 8; i++) out[i] = (uint8_t)(v >> (8 * i));
}

sw_status sw_agent_index_rows(sw_bytes text, uint64_t rows, uint8_t *index, sw_error *err) {
    const uint8_t *at = text.data, *end = text.data + text.size;
    uint64_t found = 0;
    while (at < end) {
        const uint8_t *feed = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *stop = feed ? feed : end;
        if (has_content(at, stop)) {
            if (found < rows) put_u64le(index + 8 * found, (uint64_t)(at - text.data));
            found++;
        }
        at = feed ? feed + 1 : end;
    }
    if (found != rows)
        return sw_fail(err, SW_REFUSED, "shard", "it holds %llu rows, the recipe lists %llu",
                       (unsigned long long)found, (unsigned long long)rows);
    put_u64le(index + 8 * rows, text.size);
    return SW_OK;
}

static sw_status share_index(sw_bytes text, uint64_t rows, int *fd, sw_error *err) {
    if (rows > text.size) /* before anything is allocated for them */
        return sw_fail(err, SW_REFUSED, "shard", "it has fewer bytes than the recipe lists rows");
    size_t size = 8 * ((size_t)rows + 1);
    void *map = NULL;
    SW_TRY(sw_shared_make("index", size, fd, &map, err));
    sw_status status = sw_agent_index_rows(text, rows, map, err);
    sw_status sealed = sw_shared_seal(*fd, &map, size, status == SW_OK ? err : NULL);
    return status != SW_OK ? status : sealed;
}

/* Of a shard that is one byte string: nothing, and that for good. */
static sw_status share_nothing(int *fd, sw_error *err) {
    *fd = memfd_create("index", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (*fd >= 0 &&
        fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
        return SW_OK;
    return sw_fail(err, SW_IO, "io", "making an empty index: %s", strerror(errno));
}

/* ---- one shard ---- */

static sw_status take_plain(void *context, sw_bytes plain, sw_error *err) {
    filler *f = context;
    if (plain.size > f->size - f->at)
        return sw_fail(err, SW_UNAUTHENTIC, "trailer", "it holds more bytes than it counts");
    memcpy(f->map + f->at, plain.data, plain.size);
    f->at += plain.size;
    sw_sha256_add(f->digest, plain);
    /* No child is there yet that could be silent. */
    f->agent->progress_ms = sw_machine_counter_ms(f->agent->machine);
    return sw_agent_tick(f->agent, err);
}

/* What the file claims to be. Its id is the recipe's, and that covers media type; sizes and rows
 * are only believed when it was unsealed. */
static sw_status read_claims(sw_agent *a, size_t shard, int fd, sw_container_trailer *trailer,
                             sw_error *err) {
    sw_container_body body;
    sw_agent_command *k = a->command;
    SW_TRY(sw_container_peek(&a->arena, fd, &body, trailer, err));
    if (body.kind != SW_CONTAINER_DATASET ||
        !sw_hash_equal(&trailer->root_id, &a->recipe->shards[shard].dataset))
        return sw_fail(err, SW_REFUSED, "shard", "it is another file than before");
    uint64_t before = 0;
    for (size_t i = 0; i < shard; i++) before += k->shard_bytes[i];
    if (trailer->plain_bytes == 0 || trailer->plain_bytes > SW_AGENT_ROWS_LIMIT - before)
        return sw_fail(err, SW_LIMIT, "limit",
                       "it is empty, or all shards together are more than this agent holds");
    k->shard_bytes[shard] = trailer->plain_bytes;
    memcpy(k->media_types[shard], body.media_type, sizeof k->media_types[shard]);
    return SW_OK;
}

static sw_status unseal(sw_agent *a, size_t shard, int fd, filler *f, sw_error *err) {
    const sw_shard *s = &a->recipe->shards[shard];
    const sw_owner *owner = sw_genesis_owner(a->genesis, &s->owner);
    SW_CHECK(err, owner != NULL);
    const sw_unseal_keys keys = {
        .data_key = a->data_keys[shard], .owner = &owner->identity_key, .root_id = &s->dataset};
    sw_container_trailer trailer;
    int64_t start = sw_agent_now_us(a);
    SW_TRY(sw_unseal_fd(fd, &keys, 1, take_plain, f, &trailer, err));
    a->account.unseal_us += sw_agent_now_us(a) - start;
    bool whole = strcmp(a->command->media_types[shard], rows_type) != 0;
    uint64_t rows = whole ? 1 : trailer.rows; /* one byte string is one row */
    if (f->at == f->size && rows == s->rows) return SW_OK;
    return sw_fail(err, SW_REFUSED, "shard", "it holds %llu rows, the recipe lists %llu",
                   (unsigned long long)rows, (unsigned long long)s->rows);
}

/* MAN-017: of a command the commitment is to the shard's bytes, whose digest is taken on the way.
 */
static void note_shard(sw_agent *a, size_t shard, const sw_hash *digest) {
    const sw_shard *s = &a->recipe->shards[shard];
    sw_manifest_dataset *d = &a->datasets[shard];
    *d = (sw_manifest_dataset){.owner = s->owner,
                               .dataset = s->dataset,
                               .rows_listed = s->rows,
                               .rows_delivered = s->rows};
    const sw_bytes fields[2] = {SW_BYTES_OF(s->dataset.b), SW_BYTES_OF(digest->b)};
    sw_agent_commit(a, &d->tokens_commitment, "sealwright/rows/v1", fields, 2);
}

static sw_status fill(sw_agent *a, size_t shard, int fd, void *map, sw_error *err) {
    sw_agent_command *k = a->command;
    filler f = {a, map, k->shard_bytes[shard], 0, sw_sha256_open()};
    if (!f.digest) return sw_fail(err, SW_MEMORY, "memory", "no memory for a digest");
    sw_status status = unseal(a, shard, fd, &f, err);
    sw_hash digest;
    sw_sha256_close(&f.digest, &digest);
    if (status != SW_OK) return status;
    note_shard(a, shard, &digest);
    int *index = &k->fds[2 * shard + 1];
    if (strcmp(k->media_types[shard], rows_type) != 0) return share_nothing(index, err);
    return share_index(SW_BYTES(map, (size_t)f.size), a->recipe->shards[shard].rows, index, err);
}

static sw_status share_open(sw_agent *a, size_t shard, int fd, sw_error *err) {
    sw_container_trailer trailer;
    void *map = NULL;
    SW_TRY(read_claims(a, shard, fd, &trailer, err));
    size_t size = (size_t)trailer.plain_bytes;
    int *made = &a->command->fds[2 * shard];
    SW_TRY(sw_shared_make("rows", size, made, &map, err));
    sw_status status = fill(a, shard, fd, map, err);
    sw_status sealed = sw_shared_seal(*made, &map, size, status == SW_OK ? err : NULL);
    return status != SW_OK ? status : sealed;
}

static sw_status share_one(sw_agent *a, size_t shard, sw_error *err) {
    int fd = open(a->shard_paths[shard], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return sw_fail(err, SW_MISSING, "missing", "%s cannot be opened", a->shard_paths[shard]);
    sw_status status = share_open(a, shard, fd, err);
    close(fd);
    if (status != SW_OK && a->lease_status == SW_OK && !a->stop_sent)
        sw_error_prefix(err, "shard %zu of %s", shard + 1, a->recipe->shards[shard].name);
    return status;
}

sw_status sw_agent_share_shards(sw_agent *a, sw_error *err) {
    size_t count = a->recipe->shard_count;
    for (size_t i = 0; i < count; i++) SW_TRY(share_one(a, i, err));
    a->command->fd_count = 2 * count;
    return SW_OK;
}
