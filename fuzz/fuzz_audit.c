/* SPDX-License-Identifier: Apache-2.0
 *
 * An audit log's entries. Input: their payloads, a line each; they are signed here, by the receipt
 * key that a start of the corpus names, so that what lies behind a signature is reached. Read as by
 * the service at its start and as by somebody who holds a genesis. What fails is not counted as
 * read; what is counted was read.
 */
#include "fuzz.h"
#include "kms/audit.h"
#include "kms/kms_internal.h"

#include <string.h>

enum { ENTRY_LIMIT = 64, ROOT = 1, RECEIPT = 2, OWNER = 3, CODE = 4, APP = 0x11 };

static sw_genesis genesis;
static sw_hash log_id;
static uint8_t receipt[32];

static void make_keys(void) {
    uint8_t secret[32];
    sw_p256_public root;
    memset(secret, ROOT, sizeof secret);
    FUZZ_REQUIRE(sw_p256_derive(secret, &root, NULL) == SW_OK);
    sw_audit_id(&log_id, &root);
    memset(secret, OWNER, sizeof secret);
    memset(genesis.hash.b, APP, sizeof genesis.hash.b);
    FUZZ_REQUIRE(sw_p256_derive(secret, &genesis.owners[0].identity_key, NULL) == SW_OK);
    sw_key_id(&genesis.owners[0].id, &genesis.owners[0].identity_key);
    genesis.owner_count = genesis.quorum = 1;
    memset(receipt, RECEIPT, sizeof receipt);
}

/* The count of grants is that of the entries that gave one. */
static void check_counts(const sw_audit_reader *r) {
    uint64_t given = 0;
    for (size_t i = 0; i < r->counts->count; i++) {
        FUZZ_REQUIRE(r->counts->slots[i].granted > 0);
        given += r->counts->slots[i].granted;
    }
    FUZZ_REQUIRE(given <= r->grants && r->alone_count <= r->starts);
    FUZZ_REQUIRE(r->at.index == 0 || r->starts > 0);
}

static bool read_entry(sw_audit_reader *r, const sw_head *at, const sw_envelope *e, sw_bytes bytes) {
    sw_error err = {0};
    const sw_head before = r->at;
    sw_status status = sw_audit_read(r, at, e, bytes, &err);
    FUZZ_REQUIRE(sw_head_equal(&r->at, status == SW_OK ? at : &before));
    FUZZ_REQUIRE(status == SW_OK || (err.word[0] != 0 && err.message[0] != 0));
    return status == SW_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sw_kms_counts counts[2];
    static sw_envelope envelope;
    sw_audit_reader readers[2];
    sw_audit_key key;
    sw_bytes rest = SW_BYTES(data, size);
    bool reads[2] = {true, true};
    if (genesis.owner_count == 0) make_keys();
    memset(key.b, CODE, sizeof key.b);
    for (size_t i = 0; i < 2; i++) {
        counts[i].count = 0;
        sw_audit_begin(&readers[i], &log_id, &counts[i]);
    }
    readers[0].key = &key;
    readers[1].genesis = &genesis;
    for (uint64_t n = 1; rest.size > 0 && n <= ENTRY_LIMIT && (reads[0] || reads[1]); n++) {
        SW_SCOPED(sw_arena) arena = {.limit_bytes = (size_t)64 << 20};
        SW_SCOPED(sw_buffer) out = SW_BUFFER((size_t)1 << 18);
        const uint8_t *end = memchr(rest.data, '\n', rest.size);
        size_t length = end == NULL ? rest.size : (size_t)(end - rest.data);
        const sw_bytes payload = SW_BYTES(rest.data, length);
        rest = SW_BYTES(rest.data + length, rest.size - length);
        if (end != NULL) rest = SW_BYTES(rest.data + 1, rest.size - 1);
        if (sw_envelope_sign(SW_PAYLOAD_AUDIT, payload, receipt, &out, NULL) != SW_OK) return 0;
        FUZZ_REQUIRE(sw_envelope_parse(&arena, sw_buffer_bytes(&out), &envelope, NULL) == SW_OK);
        sw_head at = {.index = n};
        sw_sha256(&at.hash, payload);
        for (size_t i = 0; i < 2; i++)
            if (reads[i]) reads[i] = read_entry(&readers[i], &at, &envelope, sw_buffer_bytes(&out));
    }
    for (size_t i = 0; i < 2; i++) check_counts(&readers[i]);
    return 0;
}
