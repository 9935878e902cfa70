/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows: each shard is unsealed into a decoder of its own, which sees that shard alone and hands
 * back token ids; all shards' rows then lie in sealed shared memory for the worker, in the recipe's
 * order.
 *
 * Shards are read front to back in the recipe's order, never on the worker's demand.
 */
#include "run/agent.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ROWS_TYPE "application/jsonl"

/* What the file says of itself, before a grant is spent on it; while it is unsealed it is proven
 * and checked again. */
static sw_status check_word(const sw_agent *a, size_t s, const sw_container_body *body,
                            uint64_t rows, sw_error *err) {
    bool jsonl = strcmp(body->media_type, ROWS_TYPE) == 0;
    if (!jsonl && !a->command)
        return sw_fail(err, SW_REFUSED, "shard",
                       "it holds %s, and the native trainer reads " ROWS_TYPE, body->media_type);
    uint64_t holds = jsonl ? rows : 1, lists = a->recipe->shards[s].rows; /* CMD-030 */
    if (holds == lists) return SW_OK;
    return sw_fail(err, SW_REFUSED, "shard", "it holds %llu rows, the recipe lists %llu",
                   (unsigned long long)holds, (unsigned long long)lists);
}

/* Finds each listed shard among the files given, by its ciphertext's id. */
sw_status sw_agent_match_shards(sw_agent *a, sw_error *err) {
    for (size_t i = 0; i < a->o->shard_count; i++) {
        const char *path = a->o->shards[i];
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hold us up */
        if (fd < 0) return sw_fail(err, SW_MISSING, "missing", "%s cannot be opened", path);
        sw_container_body body;
        sw_container_trailer trailer;
        sw_status status = sw_container_inspect(&a->arena, fd, NULL, &body, &trailer, err);
        close(fd);
        if (status != SW_OK) {
            sw_error_prefix(err, "%s", path);
            return status;
        }
        bool placed = false, listed = false;
        for (size_t s = 0; s < a->recipe->shard_count; s++) {
            if (!sw_hash_equal(&a->recipe->shards[s].dataset, &trailer.root_id)) continue;
            listed = true;
            if (a->shard_paths[s]) continue;
            status = check_word(a, s, &body, trailer.rows, err);
            if (status != SW_OK) {
                sw_error_prefix(err, "%s", path);
                return status;
            }
            a->shard_paths[s] = path;
            placed = true;
            break;
        }
        if (!placed) {
            status = sw_fail(err, SW_REFUSED, "shard",
                             listed ? "%s is given twice"
                                    : "%s is not one of the shards that the recipe lists",
                             path);
            sw_error_hint(err, "sealwright inspect %s shows its dataset id", path);
            return status;
        }
    }
    for (size_t s = 0; s < a->recipe->shard_count; s++)
        if (!a->shard_paths[s])
            return sw_fail(err, SW_MISSING, "shard", "shard %zu of %s is not among the files given",
                           s + 1, a->recipe->shards[s].name);
    return SW_OK;
}

typedef struct feed {
    sw_agent *agent;
    int fd;
    bool gone; /* the decoder reads no more */
} feed;

static sw_status feed_plain(void *context, sw_bytes plain, sw_error *err) {
    feed *f = context;
    SW_TRY(sw_agent_feed(f->agent, f->fd, plain, &f->gone, err));
    return f->gone ? sw_fail(err, SW_IO, "io", "the decoder has gone") : SW_OK;
}

/* SW_OK alone means that the shard was whole: what a decoder makes of less is no shard's rows. */
static sw_status unseal_into(sw_agent *a, size_t shard, feed *f, sw_error *err) {
    const sw_shard *s = &a->recipe->shards[shard];
    const sw_owner *owner = sw_genesis_owner(a->genesis, &s->owner);
    SW_CHECK(err, owner != NULL);
    int fd = open(a->shard_paths[shard], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return sw_fail(err, SW_MISSING, "missing", "%s cannot be opened", a->shard_paths[shard]);
    const sw_unseal_keys keys = {
        .data_key = a->data_keys[shard], .owner = &owner->identity_key, .root_id = &s->dataset};
    sw_container_trailer trailer;
    int64_t start = sw_agent_now_us(a);
    sw_status status = sw_unseal_fd(fd, &keys, 1, feed_plain, f, &trailer, err);
    close(fd);
    a->account.unseal_us += sw_agent_now_us(a) - start;
    if (status == SW_OK && trailer.rows != s->rows)
        status =
            sw_fail(err, SW_REFUSED, "shard", "shard %zu holds %llu rows, the recipe lists %llu",
                    shard + 1, (unsigned long long)trailer.rows, (unsigned long long)s->rows);
    return status;
}

/* WRK-006: what the rows of a shard can take where they are cut to max_length. */
static uint64_t rows_limit(const sw_agent *a, size_t shard) {
    if (!sw_training_cuts(&a->recipe->training)) return SW_AGENT_ROWS_LIMIT;
    uint64_t count = a->recipe->shards[shard].rows;
    uint64_t each = 8 + 5 * (uint64_t)a->recipe->training.max_length;
    return count > SW_AGENT_ROWS_LIMIT / each ? SW_AGENT_ROWS_LIMIT : 16 + count * each;
}

/* WRK-020: of a decoder, as of the native trainer, the first classes alone. */
static sw_status take_failure(sw_agent *a, sw_error *err) {
    uint8_t class = 0;
    SW_TRY(sw_agent_read(a, &class, 1, err));
    if (class >= SW_FAILURE_SCRIPT) class = SW_FAILURE_INTERNAL;
    a->end = SW_END_FAILED;
    return sw_fail(err, SW_MALFORMED, "rows", "%s", sw_failure_sentence((sw_failure) class));
}

/* One frame of rows, or the decoder's word why there is none. `gone`: it left its shard unread, so
 * that word alone is due. */
static sw_status take_rows(sw_agent *a, size_t shard, bool gone, sw_buffer *rows, sw_error *err) {
    for (;;) {
        sw_frame_type type;
        uint64_t size;
        SW_TRY(sw_agent_frame(a, &type, &size, err));
        if (type == SW_FRAME_HELLO && size == 0 && !a->hello_seen) {
            a->hello_seen = true;
            continue;
        }
        if (type == SW_FRAME_FAILED && size == 1) return take_failure(a, err);
        if (type != SW_FRAME_ROWS || gone || size > rows_limit(a, shard))
            return sw_agent_not_due(a, "something else than rows", err);
        uint8_t *space = sw_put_space(rows, (size_t)size);
        SW_TRY(sw_buffer_check(rows, "rows", err));
        return sw_agent_read(a, space, size, err);
    }
}

static sw_status note_rows(sw_agent *a, size_t shard, sw_bytes rows, sw_error *err) {
    sw_reader r = sw_reader_of(rows);
    uint64_t count = sw_read_u64le(&r), tokens = sw_read_u64le(&r);
    const sw_shard *s = &a->recipe->shards[shard];
    if (r.failed || count > s->rows || tokens > rows.size ||
        rows.size != 16 + 8 * count + 5 * tokens)
        return sw_agent_not_due(a, "another number of rows", err);
    sw_manifest_dataset *d = &a->datasets[shard];
    *d = (sw_manifest_dataset){.owner = s->owner,
                               .dataset = s->dataset,
                               .rows_listed = s->rows,
                               .rows_delivered = count,
                               .tokens = tokens};
    const sw_bytes fields[2] = {SW_BYTES_OF(s->dataset.b), rows};
    sw_agent_commit(a, &d->tokens_commitment, "sealwright/tokens/v1", fields, 2);
    return SW_OK;
}

/* The shard into the pipe `fd`, which is closed, and what the decoder makes of it. */
static sw_status converse(sw_agent *a, size_t shard, int fd, sw_buffer *rows, sw_error *err) {
    feed f = {a, fd, false};
    sw_status status = unseal_into(a, shard, &f, err);
    close(fd);
    int64_t start = sw_agent_now_us(a);
    if (status != SW_OK && !f.gone && a->end == SW_END_BROKE) a->end = SW_END_HOST;
    /* A decoder that refused a row stops reading: its own word says more than the broken pipe. */
    if (status == SW_OK || f.gone) status = take_rows(a, shard, f.gone, rows, err);
    if (status == SW_OK) status = note_rows(a, shard, sw_buffer_bytes(rows), err);
    a->account.decode_us += sw_agent_now_us(a) - start;
    sw_agent_end_worker(a);
    return sw_agent_fold_decoder(a, shard, status, err);
}

static sw_status start(sw_agent *a, int plain, sw_error *err) {
    SW_SCOPED(sw_buffer) settings = SW_BUFFER(4096);
    sw_wire_job *job = SW_ARENA_NEW(&a->arena, sw_wire_job, 1);
    if (!job) return sw_fail(err, SW_MEMORY, "memory", "no memory for a job");
    SW_TRY(sw_agent_fill_job(a, SW_JOB_DECODE, &settings, job, err));
    memcpy(job->media_type, ROWS_TYPE, sizeof ROWS_TYPE);
    const int fds[2] = {a->model_fd, plain};
    return sw_agent_start(a, job, fds, 2, err);
}

static sw_status decode_one(sw_agent *a, size_t shard, sw_buffer *rows, sw_error *err) {
    int plain[2];
    if (pipe2(plain, O_CLOEXEC) || fcntl(plain[1], F_SETFL, O_NONBLOCK))
        return sw_fail(err, SW_IO, "io", "a pipe to the decoder cannot be made");
    sw_status status = start(a, plain[0], err);
    close(plain[0]);
    if (status == SW_OK) return converse(a, shard, plain[1], rows, err);
    close(plain[1]);
    return status;
}

static sw_status share_rows(sw_agent *a, const sw_buffer *rows, size_t count, sw_error *err) {
    uint64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        a->shards[i] = (sw_wire_span){.offset = at, .size = rows[i].size};
        at += rows[i].size + (8 - rows[i].size % 8) % 8;
    }
    a->rows_bytes = at;
    void *map = NULL;
    SW_TRY(sw_shared_make("rows", (size_t)at, &a->rows_fd, &map, err));
    for (size_t i = 0; i < count; i++)
        memcpy((uint8_t *)map + a->shards[i].offset, rows[i].data, rows[i].size);
    return sw_shared_seal(a->rows_fd, &map, (size_t)at, err);
}

sw_status sw_agent_decode_shards(sw_agent *a, sw_error *err) {
    sw_buffer rows[SW_SHARD_LIMIT];
    size_t count = a->recipe->shard_count;
    for (size_t i = 0; i < count; i++) rows[i] = SW_BUFFER((size_t)SW_AGENT_ROWS_LIMIT);
    sw_status status = SW_OK;
    for (size_t i = 0; i < count && status == SW_OK; i++) status = decode_one(a, i, &rows[i], err);
    if (status == SW_OK) status = share_rows(a, rows, count, err);
    for (size_t i = 0; i < count; i++) sw_buffer_free(&rows[i]);
    return status;
}
