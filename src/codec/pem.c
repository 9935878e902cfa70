/* SPDX-License-Identifier: Apache-2.0
 *
 * PEM (RFC 7468), one label at a time: base64 with white space anywhere between the two
 * boundaries, white space between blocks, nothing else. Blocks are visited in order, so a caller
 * keeps what it collects to itself until the end says OK.
 */
#include "codec/text.h"

#include <string.h>

enum {
    PEM_BLOCK_LIMIT = 1 << 20,
    PEM_LINE_COLUMNS = 64,
    CHAIN_LIMIT = 8 /* certificates: more than any chain has */
};

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(sw_bytes *rest) {
    while (rest->size > 0 && is_space(rest->data[0])) {
        rest->data++;
        rest->size--;
    }
}

/* Takes "-----WORD LABEL-----" off the front. */
static bool take_boundary(sw_bytes *rest, const char *word, const char *label) {
    const char *const parts[] = {"-----", word, " ", label, "-----"};
    sw_bytes at = *rest;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        sw_bytes part = sw_text(parts[i]);
        if (!sw_bytes_starts(at, part)) return false;
        at.data += part.size;
        at.size -= part.size;
    }
    *rest = at;
    return true;
}

/* One block's base64 without its line ends. */
static sw_status collect(sw_bytes *rest, sw_buffer *text, sw_error *err) {
    while (rest->size > 0 && rest->data[0] != '-') {
        if (!is_space(rest->data[0])) sw_put_u8(text, rest->data[0]);
        rest->data++;
        rest->size--;
    }
    return sw_buffer_check(text, "a PEM block", err);
}

static sw_status take_block(sw_bytes *rest, const char *label, sw_buffer *der, sw_error *err) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(PEM_BLOCK_LIMIT);
    if (!take_boundary(rest, "BEGIN", label))
        return sw_fail(err, SW_MALFORMED, "format", "expected a PEM block BEGIN %s", label);
    SW_TRY(collect(rest, &text, err));
    if (!take_boundary(rest, "END", label))
        return sw_fail(err, SW_MALFORMED, "format", "a PEM block lacks its END %s", label);
    if (text.size == 0) return sw_fail(err, SW_MALFORMED, "format", "a PEM block is empty");
    return sw_base64_decode(der, sw_buffer_bytes(&text), err);
}

sw_status sw_pem_decode(sw_bytes text, const char *label, size_t limit, sw_pem_visit each,
                        void *context, sw_error *err) {
    if (text.size > 0 && text.data[text.size - 1] == 0) text.size--;
    SW_SCOPED(sw_buffer) der = SW_BUFFER(PEM_BLOCK_LIMIT);
    size_t count = 0;
    for (skip_space(&text); text.size > 0; skip_space(&text)) {
        if (count++ == limit)
            return sw_fail(err, SW_LIMIT, "limit", "there are more PEM blocks than %zu", limit);
        sw_buffer_reset(&der);
        SW_TRY(take_block(&text, label, &der, err));
        SW_TRY(each(context, sw_buffer_bytes(&der), err));
    }
    if (count == 0) return sw_fail(err, SW_MALFORMED, "format", "there is no PEM block %s", label);
    return SW_OK;
}

void sw_pem_encode(sw_buffer *out, const char *label, sw_bytes der) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SIZE_MAX / 2);
    sw_base64_encode(&text, der);
    if (text.failed) sw_buffer_fail(out, text.cause);
    sw_put_format(out, "-----BEGIN %s-----\n", label);
    for (size_t at = 0; at < text.size; at += PEM_LINE_COLUMNS) {
        size_t left = text.size - at;
        sw_put_bytes(out,
                     SW_BYTES(text.data + at, left < PEM_LINE_COLUMNS ? left : PEM_LINE_COLUMNS));
        sw_put_u8(out, '\n');
    }
    sw_put_format(out, "-----END %s-----\n", label);
}

typedef struct rewriting {
    sw_buffer *out;
    const char *label;
    size_t count;
} rewriting;

static sw_status put_again(void *context, sw_bytes der, sw_error *err) {
    rewriting *w = context;
    w->count++;
    sw_pem_encode(w->out, w->label, der);
    return sw_buffer_check(w->out, "a PEM block", err);
}

sw_status sw_pem_rewrite(sw_bytes text, const char *label, size_t limit, sw_buffer *out,
                         size_t *count, sw_error *err) {
    rewriting w = {.out = out, .label = label};
    SW_TRY(sw_pem_decode(text, label, limit, put_again, &w, err));
    *count = w.count;
    return SW_OK;
}

sw_status sw_pem_normalise_chain(sw_arena *a, sw_bytes *text, sw_error *err) {
    SW_SCOPED(sw_buffer) again = SW_BUFFER(SIZE_MAX / 2);
    size_t count;
    sw_status status = sw_pem_rewrite(*text, "CERTIFICATE", CHAIN_LIMIT, &again, &count, NULL);
    if (status != SW_OK && status != SW_MEMORY) return SW_OK;
    sw_bytes kept = sw_arena_copy(a, sw_buffer_bytes(&again));
    if (status != SW_OK || kept.data == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for PEM");
    *text = kept;
    return SW_OK;
}
