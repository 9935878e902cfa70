/* SPDX-License-Identifier: Apache-2.0
 *
 * The wire between agent and worker: frames over pipes, and packed files in shared memory. Linked
 * into both programs. Docs: docs/formats/worker.md (WRK-001 ...).
 *
 * The worker is untrusted: the agent bounds every length before it allocates and believes nothing
 * it cannot bound. A frame is u32be type, u64be size, then `size` bytes. A pack is the one way to
 * carry several named byte strings: fields (u32be length, bytes) of name, then u64be size and
 * content; a name of length 0 ends it, and everything behind it must be zero (that is how outputs
 * are padded to their declared size).
 */
#ifndef SW_RUN_WIRE_H
#define SW_RUN_WIRE_H
#include "base/base.h"

typedef enum sw_frame_type {
    SW_FRAME_JOB = 1,    /* agent: what to do, once */
    SW_FRAME_STOP,       /* agent: end after the step in hand, with a checkpoint */
    SW_FRAME_HELLO,      /* worker: it is confined and has read its job */
    SW_FRAME_PLAN,       /* worker: u64be total steps, u64be tokens per epoch */
    SW_FRAME_ROWS,       /* decoder: the rows of one shard in wire form */
    SW_FRAME_STEP,       /* worker, on the metrics pipe: sw_wire_step */
    SW_FRAME_CHECKPOINT, /* worker: u64be step, then resumable state */
    SW_FRAME_OUTPUT,     /* worker: u32be name length, name, content */
    SW_FRAME_DONE,       /* worker: u8: 1 when it was stopped early */
    SW_FRAME_FAILED,     /* worker: u8 class */
    SW_FRAME_CLAIMS      /* command: what it says about itself (CMD-044) */
} sw_frame_type;

/* Why a worker failed: all that leaves it. */
typedef enum sw_failure {
    SW_FAILURE_INTERNAL,
    SW_FAILURE_MODEL,
    SW_FAILURE_ROWS,
    SW_FAILURE_NO_ROWS,
    SW_FAILURE_MEMORY,
    SW_FAILURE_DIVERGED,
    SW_FAILURE_SCRIPT, /* from here on of commands alone (CMD-045) */
    SW_FAILURE_IMPORT,
    SW_FAILURE_FORBIDDEN,
    SW_FAILURE_DATA,
    SW_FAILURE_GAVE_UP,
    SW_FAILURE_COUNT
} sw_failure;
const char *sw_failure_sentence(sw_failure f);

#define SW_FRAME_HEADER_BYTES 12
void sw_frame_header(uint8_t out[SW_FRAME_HEADER_BYTES], sw_frame_type type, uint64_t size);
SW_NODISCARD sw_status sw_frame_write(int fd, sw_frame_type type, sw_bytes head, sw_bytes body,
                                      sw_error *err);
/* SW_MISSING at a clean end of the stream; SW_MALFORMED for an unknown type. The caller bounds
 * *size. */
SW_NODISCARD sw_status sw_frame_read_header(int fd, sw_frame_type *type, uint64_t *size,
                                            sw_error *err);

typedef struct sw_wire_step {
    uint64_t step, total_steps, tokens;
    double loss, learning_rate, grad_norm;
} sw_wire_step;
#define SW_WIRE_STEP_BYTES 48
void sw_wire_step_encode(uint8_t out[SW_WIRE_STEP_BYTES], const sw_wire_step *s);
SW_NODISCARD sw_status sw_wire_step_parse(sw_bytes in, sw_wire_step *out, sw_error *err);

/* ---- job ---- */
typedef enum sw_job_kind { SW_JOB_TRAIN = 1, SW_JOB_DECODE = 2 } sw_job_kind;
#define SW_WIRE_FILE_LIMIT 64
typedef struct sw_wire_span { /* one byte string inside the shared memory of its kind */
    char name[129];
    uint64_t offset, size;
} sw_wire_span;
typedef struct sw_wire_job {
    sw_job_kind kind;
    uint32_t lanes;
    sw_bytes settings; /* sw_training_encode */
    char base_model_name[129];
    uint32_t file_count; /* model files */
    sw_wire_span files[SW_WIRE_FILE_LIMIT];
    uint32_t shard_count; /* TRAIN: row blocks */
    sw_wire_span shards[SW_WIRE_FILE_LIMIT];
    uint64_t model_bytes, rows_bytes, resume_bytes;
    char media_type[65]; /* DECODE */
} sw_wire_job;
SW_NODISCARD sw_status sw_wire_job_encode(const sw_wire_job *job, sw_buffer *out, sw_error *err);
SW_NODISCARD sw_status sw_wire_job_parse(sw_bytes in, sw_wire_job *out,
                                         sw_error *err); /* spans within their totals, in order */

/* Descriptors of the worker, by job. */
enum {
    SW_FD_CONTROL = 3,
    SW_FD_STREAM = 4,
    SW_FD_METRICS = 5,
    SW_FD_MODEL = 6,
    SW_FD_ROWS = 7,
    SW_FD_RESUME = 8,
    SW_FD_SHARED = 6 /* of a command: rows 6 + 2i, index 7 + 2i, behind them the state (CMD-040) */
};

/* ---- pack ---- */
#define SW_PACK_FILE_LIMIT 64
void sw_pack_add(sw_buffer *out, const char *name, sw_bytes content);
void sw_pack_end(sw_buffer *out);
bool sw_pack_name_fits(sw_bytes name);
typedef struct sw_packed {
    sw_bytes name, content;
} sw_packed;
/* Names: 1..128 of [A-Za-z0-9._-], not starting with a dot, strictly ascending is not required but
 * each only once. Trailing zeros only. */
SW_NODISCARD sw_status sw_pack_parse(sw_bytes in, sw_packed *files, size_t limit, size_t *count,
                                     sw_error *err);
#endif
