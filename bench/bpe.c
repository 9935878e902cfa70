/* SPDX-License-Identifier: Apache-2.0
 *
 * Our side of bpe.py: encodes the same texts once for each line on stdin. bpe TOKENIZER_JSON TEXTS
 * IDS: TEXTS holds frames, each a u32 length and a text; the ids of the first round go to IDS as
 * u32 in the same frames; each round prints its nanoseconds of processor time.
 */
#include "sys/files.h"
#include "tokenizer/tokenizer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FILE_LIMIT = 1 << 28, TEXT_LIMIT = 1 << 16 };

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

typedef struct texts {
    sw_bytes list[TEXT_LIMIT];
    sw_tokens ids[TEXT_LIMIT];
    size_t count;
} texts;

static sw_status read_texts(sw_bytes file, texts *out, sw_error *err) {
    sw_reader r = sw_reader_of(file);
    while (r.rest.size > 0 && out->count < TEXT_LIMIT && !r.failed)
        out->list[out->count++] = sw_read_bytes(&r, sw_read_u32le(&r));
    return sw_reader_finish(&r, "texts", err);
}

static sw_status encode_all(sw_tokenizer *t, texts *x, sw_error *err) {
    int64_t start = now_ns();
    for (size_t i = 0; i < x->count; i++) {
        x->ids[i].count = 0;
        SW_TRY(sw_tokenizer_encode(t, x->list[i], false, &x->ids[i], err));
    }
    printf("%" PRId64 "\n", now_ns() - start);
    return fflush(stdout) == 0 ? SW_OK : sw_fail(err, SW_IO, "io", "nobody listens");
}

static bool write_ids(const char *path, const texts *x) {
    FILE *file = fopen(path, "wb");
    bool good = file != NULL;
    for (size_t i = 0; good && i < x->count; i++) {
        uint32_t size = (uint32_t)(x->ids[i].count * sizeof(uint32_t));
        good = fwrite(&size, sizeof size, 1, file) == 1 &&
               fwrite(x->ids[i].ids, 1, size, file) == size;
    }
    return file != NULL && fclose(file) == 0 && good;
}

static sw_status run(char **words, sw_error *err) {
    static texts x;
    SW_SCOPED(sw_buffer) json = SW_BUFFER(FILE_LIMIT);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(FILE_LIMIT);
    sw_tokenizer *t = NULL;
    bool first = true;
    SW_TRY(sw_file_read(words[0], FILE_LIMIT, &json, err));
    SW_TRY(sw_file_read(words[1], FILE_LIMIT, &text, err));
    SW_TRY(read_texts(sw_buffer_bytes(&text), &x, err));
    SW_TRY(sw_tokenizer_open(sw_buffer_bytes(&json), &t, err));
    for (int c; (c = getchar()) != EOF;) {
        if (c != '\n') continue;
        SW_TRY(encode_all(t, &x, err));
        if (first && !write_ids(words[2], &x))
            return sw_fail(err, SW_IO, "io", "cannot write %s", words[2]);
        first = false;
    }
    sw_tokenizer_close(&t);
    return SW_OK;
}

int main(int argc, char **argv) {
    sw_error err = {0};
    if (argc != 4) {
        fprintf(stderr, "usage: bpe TOKENIZER_JSON TEXTS IDS\n");
        return 2;
    }
    if (run(argv + 1, &err) == SW_OK) return 0;
    fprintf(stderr, "bpe: %s: %s\n", err.word, err.message);
    return 1;
}
