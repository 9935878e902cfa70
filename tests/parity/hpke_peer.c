/* SPDX-License-Identifier: Apache-2.0
 *
 * Our side of the HPKE comparison: reads one request a line from stdin, answers one line on stdout.
 *   seal PUBLIC INFO PSK PSK_ID AAD PLAIN           -> ENC SEALED
 *   from IKM PUBLIC INFO PSK PSK_ID AAD PLAIN       -> ENC SEALED, the ephemeral key derived from
 * IKM open SECRET ENC INFO PSK PSK_ID AAD SEALED      -> PLAIN Everything is hex, "-" is empty; a
 * refusal answers "refused". For tests: secrets lie in plain memory here.
 */
#include "codec/text.h"
#include "crypto/hpke.h"

#include <stdio.h>
#include <string.h>

#define FIELDS_MAX 8
#define LINE_BYTES (1 << 18)

typedef struct request {
    sw_bytes field[FIELDS_MAX]; /* [0] is the word */
    size_t count;
} request;

static bool split(sw_arena *arena, char *line, request *q) {
    char *rest = NULL;
    for (char *word = strtok_r(line, " \n", &rest); word != NULL;
         word = strtok_r(NULL, " \n", &rest)) {
        if (q->count == FIELDS_MAX) return false;
        size_t size = strcmp(word, "-") == 0 ? 0 : strlen(word) / 2;
        uint8_t *bytes = sw_arena_alloc(arena, size + 1, 1);
        sw_bytes text = SW_BYTES(word, size * 2);
        if (q->count == 0) {
            q->field[q->count++] = sw_text(word);
            continue;
        }
        if (bytes == NULL || sw_hex_decode(bytes, size, text, false, NULL) != SW_OK) return false;
        q->field[q->count++] = SW_BYTES(bytes, size);
    }
    return q->count > 0;
}

static void answer(sw_bytes a, sw_bytes b) {
    SW_SCOPED(sw_buffer) out = SW_BUFFER(LINE_BYTES);
    sw_hex_encode(&out, a);
    if (b.size > 0) sw_put_u8(&out, ' ');
    sw_hex_encode(&out, b);
    if (out.size == 0) sw_put_text(&out, "-");
    printf("%.*s\n", (int)out.size, (const char *)out.data);
}

static sw_status seal(sw_arena *arena, const request *q, bool derived) {
    const sw_bytes *f = q->field + (derived ? 2 : 1);
    sw_p256_public to;
    sw_hpke_keys keys;
    uint8_t enc[SW_HPKE_ENC_BYTES];
    if (f[0].size != sizeof to.b) return SW_USAGE;
    memcpy(to.b, f[0].data, sizeof to.b);
    sw_hpke_info info = {f[1], f[2], f[3]};
    sw_entropy system = sw_entropy_system();
    SW_TRY(derived ? sw_hpke_setup_sender_from(q->field[1], &to, &info, enc, &keys, NULL)
                   : sw_hpke_setup_sender(&system, &to, &info, enc, &keys, NULL));
    uint8_t *sealed = sw_arena_alloc(arena, f[5].size + SW_GCM_TAG_BYTES, 1);
    if (sealed == NULL) return SW_MEMORY;
    SW_TRY(sw_hpke_seal(&keys, f[4], f[5], sealed, NULL));
    answer(SW_BYTES_OF(enc), SW_BYTES(sealed, f[5].size + SW_GCM_TAG_BYTES));
    return SW_OK;
}

static sw_status open_sealed(sw_arena *arena, const request *q) {
    const sw_bytes *f = q->field + 1;
    sw_hpke_keys keys;
    if (f[0].size != 32 || f[1].size != SW_HPKE_ENC_BYTES) return SW_USAGE;
    sw_hpke_info info = {f[2], f[3], f[4]};
    SW_TRY(sw_hpke_setup_receiver(f[0].data, f[1].data, &info, &keys, NULL));
    uint8_t *plain = sw_arena_alloc(arena, f[6].size + 1, 1);
    if (plain == NULL) return SW_MEMORY;
    SW_TRY(sw_hpke_unseal(&keys, f[5], f[6], plain, NULL));
    answer(SW_BYTES(plain, f[6].size - SW_GCM_TAG_BYTES), (sw_bytes){0});
    return SW_OK;
}

static sw_status serve(char *line) {
    sw_arena arena = {0};
    request q = {0};
    sw_status status = SW_USAGE;
    if (split(&arena, line, &q)) {
        if (sw_bytes_is(q.field[0], "seal") && q.count == 7) status = seal(&arena, &q, false);
        if (sw_bytes_is(q.field[0], "from") && q.count == 8) status = seal(&arena, &q, true);
        if (sw_bytes_is(q.field[0], "open") && q.count == 8) status = open_sealed(&arena, &q);
    }
    sw_arena_free(&arena);
    return status;
}

int main(void) {
    static char line[LINE_BYTES];
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (serve(line) != SW_OK) puts("refused");
        fflush(stdout);
    }
    return 0;
}
