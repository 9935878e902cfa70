/* SPDX-License-Identifier: Apache-2.0
 *
 * The model and tokenizer rooms as a program that the parity scripts talk to.
 *
 *   model_peer import GGUF DIR bf16|f32
 *   model_peer encode TOKENIZER_JSON add|plain   frames of text in, frames of u32 ids out
 *   model_peer decode TOKENIZER_JSON all|skip    frames of u32 ids in, frames of text out
 *   model_peer chat TEMPLATE_FILE prompt|plain   frames role, content, role, ... and an empty frame
 *   model_peer open DIR                          config and tensors of a model folder
 *   model_peer encode-safetensors IN OUT         parse and encode again
 *   model_peer adapter IN_DIR OUT_DIR BASE       read an adapter and write it again
 *
 * A frame is a u32 length, little-endian, and that many bytes.
 */
#include "model/model.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const sw_error *err) {
    (void)fprintf(stderr, "%s: %s\n", err->word, err->message);
    return 1;
}

static bool read_path(const char *path, sw_buffer *out) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return false;
    (void)fseek(file, 0, SEEK_END);
    long size = ftell(file);
    (void)fseek(file, 0, SEEK_SET);
    uint8_t *to = sw_put_space(out, (size_t)size);
    bool good = to != NULL && fread(to, 1, (size_t)size, file) == (size_t)size;
    (void)fclose(file);
    return good;
}

static sw_status write_file(void *context, const char *name, sw_bytes bytes, sw_error *err) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", (const char *)context, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes.data, 1, bytes.size, file) != bytes.size || fclose(file) != 0)
        return sw_fail(err, SW_IO, "io", "cannot write %s", path);
    return SW_OK;
}

static bool read_frame(sw_buffer *out) {
    uint8_t head[4];
    if (fread(head, 1, 4, stdin) != 4) return false;
    size_t size = head[0] | head[1] << 8 | head[2] << 16 | (size_t)head[3] << 24;
    sw_buffer_free(out);
    *out = SW_BUFFER(SIZE_MAX);
    uint8_t *to = sw_put_space(out, size);
    return to != NULL && fread(to, 1, size, stdin) == size;
}

static void write_frame(const void *data, size_t size) {
    const uint8_t head[4] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16),
                             (uint8_t)(size >> 24)};
    (void)fwrite(head, 1, 4, stdout);
    (void)fwrite(data, 1, size, stdout);
}

static int import(char **args) {
    sw_error err = {0};
    SW_SCOPED(sw_buffer) gguf = SW_BUFFER(SIZE_MAX);
    const sw_model_sink sink = {args[1], write_file};
    sw_dtype dtype = strcmp(args[2], "f32") == 0 ? SW_DTYPE_F32 : SW_DTYPE_BF16;
    if (!read_path(args[0], &gguf)) return 2;
    return sw_gguf_import(sw_buffer_bytes(&gguf), dtype, &sink, &err) == SW_OK ? 0 : fail(&err);
}

static int encode(char **args) {
    sw_error err = {0};
    sw_tokenizer *t = NULL;
    SW_SCOPED(sw_buffer) file = SW_BUFFER(SIZE_MAX);
    SW_SCOPED(sw_buffer) frame = SW_BUFFER(SIZE_MAX);
    SW_SCOPED(sw_tokens) tokens = {0};
    if (!read_path(args[0], &file)) return 2;
    if (sw_tokenizer_open(sw_buffer_bytes(&file), &t, &err) != SW_OK) return fail(&err);
    bool add = strcmp(args[1], "add") == 0;
    while (read_frame(&frame)) {
        tokens.count = 0;
        if (sw_tokenizer_encode(t, sw_buffer_bytes(&frame), add, &tokens, &err) != SW_OK)
            return fail(&err);
        write_frame(tokens.ids, tokens.count * sizeof *tokens.ids);
    }
    sw_tokenizer_close(&t);
    return 0;
}

static int decode(char **args) {
    sw_error err = {0};
    sw_tokenizer *t = NULL;
    SW_SCOPED(sw_buffer) file = SW_BUFFER(SIZE_MAX);
    SW_SCOPED(sw_buffer) frame = SW_BUFFER(SIZE_MAX);
    if (!read_path(args[0], &file)) return 2;
    if (sw_tokenizer_open(sw_buffer_bytes(&file), &t, &err) != SW_OK) return fail(&err);
    bool skip = strcmp(args[1], "skip") == 0;
    while (read_frame(&frame)) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(SIZE_MAX);
        const void *ids = frame.data;
        if (sw_tokenizer_decode(t, ids, frame.size / 4, skip, &text, &err) != SW_OK)
            return fail(&err);
        write_frame(text.data, text.size);
    }
    sw_tokenizer_close(&t);
    return 0;
}

static int chat(char **args) {
    enum { TURNS = 64 };
    sw_error err = {0};
    sw_chat_turn turns[TURNS];
    size_t count = 0;
    sw_template template;
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) file = SW_BUFFER(SIZE_MAX);
    SW_SCOPED(sw_buffer) frame = SW_BUFFER(SIZE_MAX);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SIZE_MAX);
    if (!read_path(args[0], &file)) return 2;
    if (sw_template_recognise(sw_buffer_bytes(&file), &template, &err) != SW_OK) return fail(&err);
    bool prompt = strcmp(args[1], "prompt") == 0;
    while (read_frame(&frame)) {
        if (frame.size > 0 && count < TURNS) {
            turns[count].role = sw_arena_copy(&arena, sw_buffer_bytes(&frame));
            if (!read_frame(&frame)) return 2;
            turns[count++].content = sw_arena_copy(&arena, sw_buffer_bytes(&frame));
            continue;
        }
        sw_buffer_reset(&text);
        if (sw_template_render(template, turns, count, prompt, &text, &err) != SW_OK)
            return fail(&err);
        write_frame(text.data, text.size);
        count = 0;
    }
    return 0;
}

typedef struct folder {
    sw_buffer contents[SW_MODEL_FILE_LIMIT];
    char names[SW_MODEL_FILE_LIMIT][256];
    sw_model_file files[SW_MODEL_FILE_LIMIT];
    size_t count;
} folder;

static bool read_folder(const char *path, folder *out) {
    DIR *directory = opendir(path);
    if (directory == NULL) return false;
    for (struct dirent *e = readdir(directory); e != NULL; e = readdir(directory)) {
        char whole[4096];
        if (e->d_name[0] == '.' || out->count == SW_MODEL_FILE_LIMIT) continue;
        size_t i = out->count++;
        (void)snprintf(whole, sizeof whole, "%s/%s", path, e->d_name);
        (void)snprintf(out->names[i], sizeof out->names[i], "%s", e->d_name);
        out->contents[i] = SW_BUFFER(SIZE_MAX);
        if (!read_path(whole, &out->contents[i])) return false;
        out->files[i] = (sw_model_file){out->names[i], sw_buffer_bytes(&out->contents[i])};
    }
    (void)closedir(directory);
    return true;
}

static folder read_files; /* large, and freed by the end of the program */

static int open_model(char **args) {
    sw_error err = {0};
    sw_model model;
    SW_SCOPED(sw_arena) arena = {0};
    if (!read_folder(args[0], &read_files)) return 2;
    if (sw_model_open(&arena, read_files.files, read_files.count, &model, &err) != SW_OK)
        return fail(&err);
    const sw_model_config *c = &model.config;
    (void)printf("%s C %u F %u L %u H %u K %u D %u V %u context %u eps %.9g theta %.9g tied %d "
                 "bos %u eos %u pad %u dtype %d\n",
                 c->family->model_type, c->hidden_size, c->intermediate_size, c->num_hidden_layers,
                 c->num_attention_heads, c->num_key_value_heads, c->head_dim, c->vocab_size,
                 c->max_position_embeddings, c->rms_norm_eps, c->rope.theta, c->tie_word_embeddings,
                 c->bos_token_id, c->eos_token_id, c->pad_token_id, (int)model.dtype);
    return 0;
}

static int encode_safetensors(char **args) {
    sw_error err = {0};
    sw_tensor_view *tensors;
    size_t count;
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) in = SW_BUFFER(SIZE_MAX);
    SW_SCOPED(sw_buffer) out = SW_BUFFER(SIZE_MAX);
    if (!read_path(args[0], &in)) return 2;
    if (sw_safetensors_parse(&arena, sw_buffer_bytes(&in), &tensors, &count, &err) != SW_OK ||
        sw_safetensors_encode(&out, tensors, count, &err) != SW_OK ||
        write_file(".", args[1], sw_buffer_bytes(&out), &err) != SW_OK)
        return fail(&err);
    return 0;
}

static int adapter(char **args) {
    sw_error err = {0};
    sw_adapter adapter;
    SW_SCOPED(sw_arena) arena = {0};
    const sw_model_sink sink = {args[1], write_file};
    if (!read_folder(args[0], &read_files)) return 2;
    if (sw_adapter_read(&arena, read_files.files, read_files.count, &adapter, &err) != SW_OK ||
        sw_adapter_write(&adapter, args[2], &sink, &err) != SW_OK)
        return fail(&err);
    return 0;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int count;
        int (*run)(char **args);
    } commands[] = {{"import", 3, import},
                    {"encode", 2, encode},
                    {"decode", 2, decode},
                    {"chat", 2, chat},
                    {"open", 1, open_model},
                    {"adapter", 3, adapter},
                    {"encode-safetensors", 2, encode_safetensors}};
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0 && argc == commands[i].count + 2)
            return commands[i].run(argv + 2);
    (void)fputs("usage: see the head of model_peer.c\n", stderr);
    return 2;
}
