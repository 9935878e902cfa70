/* SPDX-License-Identifier: Apache-2.0
 *
 * The verifier over mutated out folders. An input is five fields: a machine key, the statement's
 * payload, evidence.json, ledger.json, app-compose.json. The payload is signed anew by that key, so
 * that mutations of it pass the signature and meet the rules behind it. No model is there, so
 * nothing may ever be accepted. tests/manifest/make_corpus.c wrote the corpus.
 */
#include "codec/text.h"
#include "fuzz.h"
#include "manifest/manifest.h"

#include <string.h>

enum { FIELDS = 5, LIMIT = 1 << 22 };

typedef struct seen {
    size_t held;
    bool broken;
} seen;

static void on_link(void *context, const char *name, bool ok, const char *detail) {
    seen *s = context;
    FUZZ_REQUIRE(!s->broken && name[0] != 0 && detail[0] != 0);
    s->broken = !ok;
    s->held += ok;
}

static void write_pem(sw_buffer *out, const sw_p256_public *key) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(256);
    sw_p256_spki(&der, key);
    sw_pem_encode(out, "PUBLIC KEY", sw_buffer_bytes(&der));
}

static void verify(const sw_bytes *fields, sw_bytes manifest, sw_bytes pem) {
    seen s = {0};
    sw_error err = {0};
    sw_manifest_verdict verdict, before;
    const sw_manifest_report report = {&s, on_link};
    const sw_manifest_input in = {.manifest = manifest,
                                  .evidence = fields[2],
                                  .ledger = fields[3],
                                  .app_compose = fields[4],
                                  .machine_pem = pem,
                                  .model_fd = -1};
    memset(&verdict, 0x5a, sizeof verdict);
    memcpy(&before, &verdict, sizeof verdict);
    FUZZ_REQUIRE(sw_manifest_verify(&in, &report, &verdict, &err) != SW_OK);
    FUZZ_REQUIRE(s.broken && err.word[0] != 0 && err.message[0] != 0);
    const sw_bytes after = SW_BYTES(&verdict, sizeof verdict);
    FUZZ_REQUIRE(sw_bytes_equal(after, SW_BYTES(&before, sizeof before)));
}

/* What it says is read whether it holds or not. */
static void read_record(sw_bytes manifest) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_error err = {0};
    sw_manifest_record record = {.steps = UINT64_MAX};
    if (sw_manifest_parse_record(&arena, manifest, &record, &err) == SW_OK)
        FUZZ_REQUIRE(record.steps <= UINT32_MAX && record.dataset_count <= SW_SHARD_LIMIT);
    else
        FUZZ_REQUIRE(record.steps == UINT64_MAX && err.word[0] != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sw_reader r = sw_reader_of(SW_BYTES(data, size));
    sw_bytes fields[FIELDS];
    sw_session_key key;
    sw_p256_public public;
    sw_hash digest;
    SW_SCOPED(sw_buffer) manifest = SW_BUFFER(2 * LIMIT);
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(1024);
    for (size_t i = 0; i < FIELDS; i++) fields[i] = sw_read_field(&r, LIMIT);
    verify(fields, SW_BYTES(data, size), SW_BYTES(data, size)); /* as it came */
    if (r.failed || fields[0].size != sizeof key.b) return 0;
    memcpy(key.b, fields[0].data, sizeof key.b);
    if (sw_p256_derive(key.b, &public, NULL) != SW_OK) return 0;
    if (sw_manifest_sign(fields[1], &key, &manifest, &digest, NULL) != SW_OK) return 0;
    read_record(sw_buffer_bytes(&manifest));
    write_pem(&pem, &public);
    verify(fields, sw_buffer_bytes(&manifest), sw_buffer_bytes(&pem));
    return 0;
}
