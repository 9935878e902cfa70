/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames, jobs and packs: docs/formats/worker.md. Everything is big-endian with explicit lengths;
 * one value has one encoding.
 */
#include "run/wire.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define JOB_VERSION    1
#define SETTINGS_LIMIT 4096

const char *sw_failure_sentence(sw_failure f) {
    static const char *const sentences[SW_FAILURE_COUNT] = {
        "the worker failed",
        "the base model cannot be used",
        "a row is malformed",
        "no row has anything left to predict",
        "there is not enough memory",
        "the loss is no longer a number",
        "the script ended with an error",
        "the tree lacks a module or a file",
        "the script called for the network, another program or a file that it may not have",
        "the script cannot read the rows",
        "the script gave up",
    };
    return f < SW_FAILURE_COUNT ? sentences[f] : sentences[SW_FAILURE_INTERNAL];
}

/* WRK-002 */
void sw_frame_header(uint8_t out[SW_FRAME_HEADER_BYTES], sw_frame_type type, uint64_t size) {
    for (int i = 0; i < 4; i++) out[i] = (uint8_t)((uint32_t)type >> (24 - 8 * i));
    for (int i = 0; i < 8; i++) out[4 + i] = (uint8_t)(size >> (56 - 8 * i));
}

static sw_status write_all(int fd, sw_bytes in, sw_error *err) {
    while (in.size) {
        ssize_t n = write(fd, in.data, in.size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return sw_fail(err, SW_IO, "io", "the other process has gone");
        in.data += n;
        in.size -= (size_t)n;
    }
    return SW_OK;
}

sw_status sw_frame_write(int fd, sw_frame_type type, sw_bytes head, sw_bytes body, sw_error *err) {
    uint8_t header[SW_FRAME_HEADER_BYTES];
    sw_frame_header(header, type, (uint64_t)head.size + body.size);
    SW_TRY(write_all(fd, SW_BYTES_OF(header), err));
    SW_TRY(write_all(fd, head, err));
    return write_all(fd, body, err);
}

sw_status sw_frame_read_header(int fd, sw_frame_type *type, uint64_t *size, sw_error *err) {
    uint8_t header[SW_FRAME_HEADER_BYTES];
    size_t got = 0;
    while (got < sizeof header) {
        ssize_t n = read(fd, header + got, sizeof header - got);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return sw_fail(err, SW_IO, "io", "the other process cannot be read");
        if (n == 0) break;
        got += (size_t)n;
    }
    if (got == 0) return sw_fail(err, SW_MISSING, "missing", "the stream has ended");
    sw_reader r = sw_reader_of(SW_BYTES(header, got));
    uint32_t kind = sw_read_u32be(&r);
    uint64_t count = sw_read_u64be(&r);
    if (r.failed || kind < SW_FRAME_JOB || kind > SW_FRAME_CLAIMS)
        return sw_fail(err, SW_MALFORMED, "format", "the stream holds no frame where one is due");
    *type = (sw_frame_type)kind;
    *size = count;
    return SW_OK;
}

static uint64_t double_bits(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static double bits_double(uint64_t bits) {
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

void sw_wire_step_encode(uint8_t out[SW_WIRE_STEP_BYTES], const sw_wire_step *s) {
    const uint64_t words[6] = {s->step,
                               s->total_steps,
                               s->tokens,
                               double_bits(s->loss),
                               double_bits(s->learning_rate),
                               double_bits(s->grad_norm)};
    for (int w = 0; w < 6; w++)
        for (int i = 0; i < 8; i++) out[8 * w + i] = (uint8_t)(words[w] >> (56 - 8 * i));
}

sw_status sw_wire_step_parse(sw_bytes in, sw_wire_step *out, sw_error *err) {
    sw_reader r = sw_reader_of(in);
    sw_wire_step s = {
        .step = sw_read_u64be(&r), .total_steps = sw_read_u64be(&r), .tokens = sw_read_u64be(&r)};
    s.loss = bits_double(sw_read_u64be(&r));
    s.learning_rate = bits_double(sw_read_u64be(&r));
    s.grad_norm = bits_double(sw_read_u64be(&r));
    SW_TRY(sw_reader_finish(&r, "step record", err));
    *out = s;
    return SW_OK;
}

/* ---- job (WRK-010) ---- */

static void put_spans(sw_buffer *out, const sw_wire_span *spans, uint32_t count) {
    sw_put_u32be(out, count);
    for (uint32_t i = 0; i < count; i++) {
        sw_put_field(out, sw_text(spans[i].name));
        sw_put_u64be(out, spans[i].offset);
        sw_put_u64be(out, spans[i].size);
    }
}

sw_status sw_wire_job_encode(const sw_wire_job *job, sw_buffer *out, sw_error *err) {
    SW_CHECK(err, job->file_count <= SW_WIRE_FILE_LIMIT && job->shard_count <= SW_WIRE_FILE_LIMIT);
    sw_put_u32be(out, JOB_VERSION);
    sw_put_u32be(out, (uint32_t)job->kind);
    sw_put_u32be(out, job->lanes);
    sw_put_field(out, job->settings);
    sw_put_field(out, sw_text(job->base_model_name));
    sw_put_field(out, sw_text(job->media_type));
    sw_put_u64be(out, job->model_bytes);
    sw_put_u64be(out, job->rows_bytes);
    sw_put_u64be(out, job->resume_bytes);
    put_spans(out, job->files, job->file_count);
    put_spans(out, job->shards, job->shard_count);
    return sw_buffer_check(out, "worker job", err);
}

static void read_name(sw_reader *r, char *out, size_t capacity) {
    sw_bytes text = sw_read_field(r, capacity - 1);
    if (text.size && memchr(text.data, 0, text.size)) r->failed = true;
    if (r->failed) return;
    if (text.size) memcpy(out, text.data, text.size);
    out[text.size] = 0;
}

static uint32_t read_spans(sw_reader *r, sw_wire_span *spans, uint64_t total) {
    uint32_t count = sw_read_u32be(r);
    if (count > SW_WIRE_FILE_LIMIT) r->failed = true;
    uint64_t end = 0;
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        read_name(r, spans[i].name, sizeof spans[i].name);
        spans[i].offset = sw_read_u64be(r);
        spans[i].size = sw_read_u64be(r);
        if (spans[i].offset < end || spans[i].offset > total ||
            spans[i].size > total - spans[i].offset)
            r->failed = true;
        end = spans[i].offset + spans[i].size;
    }
    return r->failed ? 0 : count;
}

sw_status sw_wire_job_parse(sw_bytes in, sw_wire_job *out, sw_error *err) {
    sw_reader r = sw_reader_of(in);
    sw_wire_job job = {0};
    if (sw_read_u32be(&r) != JOB_VERSION) r.failed = true;
    uint32_t kind = sw_read_u32be(&r);
    if (kind != SW_JOB_TRAIN && kind != SW_JOB_DECODE) r.failed = true;
    job.kind = (sw_job_kind)kind;
    job.lanes = sw_read_u32be(&r);
    if (job.lanes < 1 || job.lanes > 256) r.failed = true;
    job.settings = sw_read_field(&r, SETTINGS_LIMIT);
    read_name(&r, job.base_model_name, sizeof job.base_model_name);
    read_name(&r, job.media_type, sizeof job.media_type);
    job.model_bytes = sw_read_u64be(&r);
    job.rows_bytes = sw_read_u64be(&r);
    job.resume_bytes = sw_read_u64be(&r);
    job.file_count = read_spans(&r, job.files, job.model_bytes);
    job.shard_count = read_spans(&r, job.shards, job.rows_bytes);
    SW_TRY(sw_reader_finish(&r, "worker job", err));
    *out = job;
    return SW_OK;
}

/* ---- pack (WRK-030) ---- */

void sw_pack_add(sw_buffer *out, const char *name, sw_bytes content) {
    sw_put_field(out, sw_text(name));
    sw_put_u64be(out, content.size);
    sw_put_bytes(out, content);
}

void sw_pack_end(sw_buffer *out) {
    sw_put_u32be(out, 0);
}

bool sw_pack_name_fits(sw_bytes name) {
    if (name.size < 1 || name.size > 128 || name.data[0] == '.') return false;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '.' && c != '_' && c != '-') return false;
    }
    return true;
}

static bool all_zero(sw_bytes in) {
    for (size_t i = 0; i < in.size; i++)
        if (in.data[i]) return false;
    return true;
}

sw_status sw_pack_parse(sw_bytes in, sw_packed *files, size_t limit, size_t *count, sw_error *err) {
    sw_reader r = sw_reader_of(in);
    size_t found = 0;
    for (;;) {
        sw_bytes name = sw_read_field(&r, 128);
        if (r.failed || name.size == 0) break;
        uint64_t size = sw_read_u64be(&r);
        sw_bytes content = size <= r.rest.size ? sw_read_bytes(&r, (size_t)size)
                                               : (r.failed = true, (sw_bytes){0});
        if (!sw_pack_name_fits(name) || found == limit) r.failed = true;
        for (size_t i = 0; i < found; i++)
            if (sw_bytes_equal(files[i].name, name)) r.failed = true;
        if (r.failed) break;
        files[found++] = (sw_packed){name, content};
    }
    if (r.failed || !all_zero(r.rest))
        return sw_fail(err, SW_MALFORMED, "format", "a pack of files is malformed near byte %zu",
                       r.offset);
    *count = found;
    return SW_OK;
}
