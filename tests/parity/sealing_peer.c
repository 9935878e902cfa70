/* SPDX-License-Identifier: Apache-2.0
 *
 * Our side of the comparison of consents and containers: one request a line on stdin, one answer a
 * line on stdout. Everything is hex, "-" is empty; a refusal answers "refused".
 *   make OWNER-SECRET ROOT-PUBLIC PSK CONTEXT DATA-KEY      -> consent file
 *   open OWNER-PUBLIC ROOT-SECRET PSK CONTEXT FILE          -> data key
 *   seal OWNER-SECRET CONTENT                               -> data key, dataset id, file
 *   unseal OWNER-PUBLIC DATA-KEY ID FILE                    -> content
 * For tests: secrets lie in plain memory here.
 */
#include "codec/text.h"
#include "seal/consent.h"
#include "seal/container.h"
#include "sys/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FIELDS_MAX = 6 };
#define ANSWER_LIMIT ((size_t)64 << 20)

typedef struct request {
    const char *word;
    sw_bytes field[FIELDS_MAX];
    size_t count;
} request;

static bool split(sw_arena *arena, char *line, request *q) {
    char *rest = NULL;
    q->word = strtok_r(line, " \n", &rest);
    for (char *w = strtok_r(NULL, " \n", &rest); w != NULL; w = strtok_r(NULL, " \n", &rest)) {
        size_t size = strcmp(w, "-") == 0 ? 0 : strlen(w) / 2;
        uint8_t *bytes = sw_arena_alloc(arena, size + 1, 1);
        if (q->count == FIELDS_MAX || bytes == NULL ||
            sw_hex_decode(bytes, size, SW_BYTES(w, size * 2), false, NULL) != SW_OK)
            return false;
        q->field[q->count++] = SW_BYTES(bytes, size);
    }
    return q->word != NULL;
}

static bool load(void *out, size_t size, sw_bytes from) {
    if (from.size != size) return false;
    memcpy(out, from.data, size);
    return true;
}

static sw_status append(void *context, sw_bytes bytes, sw_error *err) {
    sw_put_bytes(context, bytes);
    return sw_buffer_check(context, "answer", err);
}

static int memory_file(sw_bytes content) {
    int fd = memfd_create("peer", MFD_CLOEXEC);
    if (fd < 0 || sw_fd_write(fd, content, NULL) != SW_OK || lseek(fd, 0, SEEK_SET) != 0) exit(2);
    return fd;
}

static sw_status make(const request *q, sw_buffer *out) {
    sw_identity_key owner;
    sw_p256_public root;
    sw_unlock_secret psk;
    sw_data_key key;
    sw_wrap_context c;
    const sw_bytes *f = q->field;
    sw_entropy system = sw_entropy_system();
    if (!load(owner.b, 32, f[0]) || !load(root.b, 65, f[1]) || !load(psk.b, 32, f[2]) ||
        !load(&c, sizeof c, f[3]) || !load(key.b, 32, f[4]))
        return SW_USAGE;
    return sw_consent_make(&c, &root, &psk, &key, &owner, &system, out, NULL);
}

/* The key service's part: the schedule for the context that it attested. */
static sw_status answer_keys(const sw_bytes *f, const sw_consent *consent, sw_hpke_keys *keys) {
    SW_SCOPED(sw_buffer) info = SW_BUFFER(512);
    SW_SCOPED(sw_buffer) psk_id = SW_BUFFER(128);
    sw_wrap_context c;
    if (f[1].size != 32 || !load(&c, sizeof c, f[3])) return SW_USAGE;
    sw_wrap_info(&info, &c);
    sw_wrap_psk_id(&psk_id, &c.genesis, &c.owner);
    const sw_hpke_info binding = {sw_buffer_bytes(&info), f[2], sw_buffer_bytes(&psk_id)};
    return sw_hpke_setup_receiver(f[1].data, consent->word.enc, &binding, keys, NULL);
}

static sw_status open_consent(sw_arena *arena, const request *q, sw_buffer *out) {
    sw_p256_public owner;
    sw_consent consent;
    sw_hpke_keys keys;
    sw_data_key key;
    if (!load(owner.b, 65, q->field[0])) return SW_USAGE;
    SW_TRY(sw_consent_open(arena, q->field[4], &owner, &consent, NULL));
    SW_TRY(answer_keys(q->field, &consent, &keys));
    SW_TRY(sw_consent_unwrap(&consent, &keys, &key, NULL));
    sw_put_bytes(out, SW_BYTES_OF(key.b));
    return SW_OK;
}

static sw_status seal(const request *q, sw_buffer *out) {
    SW_SCOPED(sw_buffer) file = SW_BUFFER(ANSWER_LIMIT);
    sw_identity_key owner;
    sw_container_trailer trailer;
    sw_data_key key;
    sw_entropy system = sw_entropy_system();
    if (!load(owner.b, 32, q->field[0])) return SW_USAGE;
    const sw_seal_plan plan = {.kind = SW_CONTAINER_DATASET,
                               .media_type = "application/octet-stream",
                               .owner = &owner,
                               .lanes = 2,
                               .entropy = &system,
                               .write = append,
                               .context = &file};
    int fd = memory_file(q->field[1]);
    sw_status status = sw_seal_fd(&plan, fd, &trailer, &key, NULL, NULL, NULL);
    (void)close(fd);
    SW_TRY(status);
    sw_put_bytes(out, SW_BYTES_OF(key.b));
    sw_put_bytes(out, SW_BYTES_OF(trailer.root_id.b));
    sw_put_bytes(out, sw_buffer_bytes(&file));
    return SW_OK;
}

static sw_status unseal(const request *q, sw_buffer *out) {
    sw_p256_public owner;
    sw_data_key key;
    sw_hash id;
    sw_container_trailer trailer;
    const sw_bytes *f = q->field;
    if (!load(owner.b, 65, f[0]) || !load(key.b, 32, f[1]) || !load(id.b, 32, f[2]))
        return SW_USAGE;
    const sw_unseal_keys keys = {.data_key = &key, .owner = &owner, .root_id = &id};
    int fd = memory_file(f[3]);
    sw_status status = sw_unseal_fd(fd, &keys, 2, append, out, &trailer, NULL);
    (void)close(fd);
    return status;
}

static sw_status serve(sw_arena *arena, const request *q, sw_buffer *out) {
    static const struct {
        const char *word;
        size_t fields;
    } known[] = {{"make", 5}, {"open", 5}, {"seal", 2}, {"unseal", 4}};
    size_t which = 0;
    while (which < 4 && strcmp(q->word, known[which].word) != 0) which++;
    if (which == 4 || q->count != known[which].fields) return SW_USAGE;
    return which == 0   ? make(q, out)
           : which == 1 ? open_consent(arena, q, out)
           : which == 2 ? seal(q, out)
                        : unseal(q, out);
}

int main(void) {
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        SW_SCOPED(sw_arena) arena = {0};
        SW_SCOPED(sw_buffer) out = SW_BUFFER(ANSWER_LIMIT);
        SW_SCOPED(sw_buffer) text = SW_BUFFER(2 * ANSWER_LIMIT);
        request q = {0};
        if (!split(&arena, line, &q) || serve(&arena, &q, &out) != SW_OK)
            sw_put_text(&text, "refused");
        else if (out.size == 0)
            sw_put_text(&text, "-");
        else
            sw_hex_encode(&text, sw_buffer_bytes(&out));
        printf("%.*s\n", (int)text.size, (const char *)text.data);
        (void)fflush(stdout);
    }
    free(line);
    return 0;
}
