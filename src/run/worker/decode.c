/* SPDX-License-Identifier: Apache-2.0
 *
 * The decoder of one shard: JSONL text in through a pipe, rows of token ids out as one frame. It
 * sees that shard alone.
 */
#include "codec/json.h"
#include "run/worker/worker.h"
#include "tokenizer/beside.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LINE_LIMIT ((size_t)16 << 20)
#define ROWS_LIMIT ((size_t)16 << 30)
#define READ_BYTES 65536

typedef struct decoder {
    sw_worker *worker;
    sw_tokenizer *tokenizer;
    sw_row_template chat;
    sw_model_config config;
    sw_row_end end;
    sw_rows rows;
    size_t row_number;
} decoder;

static sw_status open_model(decoder *d, sw_error *err) {
    d->worker->failure = SW_FAILURE_MODEL;
    SW_TRY(sw_model_config_parse(sw_worker_file(d->worker, "config.json"), &d->config, err));
    SW_TRY(sw_tokenizer_open(sw_worker_file(d->worker, "tokenizer.json"), &d->tokenizer, err));
    sw_chat_files files = {sw_worker_file(d->worker, "chat_template.jinja"),
                           sw_worker_file(d->worker, "tokenizer_config.json")};
    const sw_tokenizer_beside beside = {files.tokenizer_config,
                                        sw_worker_file(d->worker, "special_tokens_map.json"),
                                        sw_worker_file(d->worker, "added_tokens.json")};
    SW_TRY(sw_tokenizer_check_beside(d->tokenizer, &beside, err));
    SW_TRY(sw_row_end_find(d->tokenizer, files.tokenizer_config, &d->config, &d->end, err));
    return sw_row_template_open(&files, &d->worker->settings, &d->chat, err);
}

static bool blank(sw_bytes line) {
    for (size_t i = 0; i < line.size; i++)
        if (!strchr(" \t\r", line.data[i]) || !line.data[i]) return false;
    return true;
}

static sw_status take_line(decoder *d, sw_bytes line, sw_error *err) {
    if (blank(line)) return SW_OK;
    d->row_number++;
    bool kept;
    sw_status status = sw_rows_append(&d->rows, d->tokenizer, &d->chat, d->end,
                                      &d->worker->settings, line, d->row_number, &kept, err);
    if (status == SW_REFUSED && strcmp(err->word, "model") == 0)
        d->worker->failure = SW_FAILURE_MODEL; /* its files do not serve this row */
    SW_TRY(status);
    if (!kept) return SW_OK;
    return sw_rows_check_row(&d->rows, d->rows.count - 1, d->row_number, &d->worker->settings,
                             &d->config, err);
}

/* Takes whole lines out of `text`, leaves what is behind the last newline. */
static sw_status take_lines(decoder *d, sw_buffer *text, sw_error *err) {
    size_t start = 0;
    for (;;) {
        const uint8_t *newline = memchr(text->data + start, '\n', text->size - start);
        if (!newline) break;
        size_t end = (size_t)(newline - text->data);
        SW_TRY(take_line(d, SW_BYTES(text->data + start, end - start), err));
        start = end + 1;
    }
    memmove(text->data, text->data + start, text->size - start);
    text->size -= start;
    return SW_OK;
}

static sw_status read_rows(decoder *d, sw_error *err) {
    d->worker->failure = SW_FAILURE_ROWS;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(LINE_LIMIT);
    for (;;) {
        uint8_t *space = sw_put_space(&text, READ_BYTES);
        SW_TRY(sw_buffer_check(&text, "a row", err));
        ssize_t n = read(SW_FD_ROWS, space, READ_BYTES);
        if (n < 0 && errno != EINTR) return sw_fail(err, SW_IO, "io", "the shard cannot be read");
        text.size -= READ_BYTES - (n > 0 ? (size_t)n : 0);
        if (n > 0) SW_TRY(take_lines(d, &text, err));
        if (n == 0) break;
    }
    return text.size ? take_line(d, sw_buffer_bytes(&text), err) : SW_OK;
}

sw_status sw_worker_decode(sw_worker *w, sw_error *err) {
    decoder d = {.worker = w};
    SW_TRY(open_model(&d, err));
    SW_TRY(read_rows(&d, err));
    SW_SCOPED(sw_buffer) wire = SW_BUFFER(ROWS_LIMIT);
    SW_TRY(sw_rows_encode(&wire, &d.rows, err));
    SW_TRY(sw_frame_write(SW_FD_STREAM, SW_FRAME_ROWS, (sw_bytes){0}, sw_buffer_bytes(&wire), err));
    sw_rows_free(&d.rows);
    sw_row_template_close(&d.chat);
    sw_tokenizer_close(&d.tokenizer);
    return SW_OK;
}
