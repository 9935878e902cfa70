/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker's job: what parses encodes to the same bytes, and its spans lie inside their memory.
 */
#include "fuzz.h"
#include "run/wire.h"

static void require_spans(const sw_wire_span *spans, uint32_t count, uint64_t total) {
    uint64_t end = 0;
    for (uint32_t i = 0; i < count; i++) {
        FUZZ_REQUIRE(spans[i].offset >= end && spans[i].offset <= total);
        FUZZ_REQUIRE(spans[i].size <= total - spans[i].offset);
        end = spans[i].offset + spans[i].size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_buffer) wire = SW_BUFFER((size_t)1 << 20);
    SW_SCOPED(sw_arena) arena = {0};
    sw_wire_job *job = SW_ARENA_NEW(&arena, sw_wire_job, 1);
    if (!job || sw_wire_job_parse(SW_BYTES(data, size), job, NULL) != SW_OK) return 0;
    require_spans(job->files, job->file_count, job->model_bytes);
    require_spans(job->shards, job->shard_count, job->rows_bytes);
    FUZZ_REQUIRE(sw_wire_job_encode(job, &wire, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&wire), SW_BYTES(data, size)));
    return 0;
}
