/* SPDX-License-Identifier: Apache-2.0
 *
 * What a node answers. First byte: what is asked; then one answer a line, each to the next
 * question. Whatever comes, a failure has a word and a sentence without control characters, and a
 * header that is taken has the hash under which it is handed out.
 */
#include "fuzz.h"
#include "ledger/rpc.h"

#include <string.h>

typedef struct lines {
    sw_bytes rest;
} lines;

static sw_status carry(void *context, sw_bytes question, sw_buffer *answer, sw_error *err) {
    lines *l = context;
    (void)question;
    if (l->rest.size == 0) return sw_fail(err, SW_UNAVAILABLE, "unavailable", "nobody answers");
    const uint8_t *end = memchr(l->rest.data, '\n', l->rest.size);
    size_t size = end == NULL ? l->rest.size : (size_t)(end - l->rest.data);
    sw_put_bytes(answer, SW_BYTES(l->rest.data, size));
    size += end == NULL ? 0 : 1;
    l->rest = SW_BYTES(l->rest.data + size, l->rest.size - size);
    return SW_OK;
}

/* The app of the corpus: one owner, at a place that the toy chain gives. */
static void make_genesis(sw_genesis *g) {
    *g = (sw_genesis){.name = "fuzz",
                      .quorum = 1,
                      .backend = SW_LEDGER_ETHEREUM,
                      .chain = {31337, {{0x11}}},
                      .code_hash = sw_chain_code_hash,
                      .owner_count = 1};
    memset(g->owners[0].address.b, 0x22, SW_ADDRESS_BYTES);
}

static int64_t jump(void *context) {
    return *(int64_t *)context += 1000000;
}

static sw_status ask(int what, sw_rpc *r, sw_error *err) {
    SW_SCOPED(sw_buffer) out = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    SW_SCOPED(sw_arena) a = {0};
    static const sw_hash asked = {{0x33}};
    sw_genesis g;
    sw_head at = {.index = 5};
    sw_block block;
    sw_chain_ask found = {0};
    bool more;
    make_genesis(&g);
    if (what == 0) return sw_rpc_final(r, &at, NULL, err);
    if (what == 1) return sw_rpc_header(r, &asked, NULL, &block, err);
    if (what == 2) return sw_rpc_check_chain(r, 31337, err);
    if (what == 3) {
        SW_TRY(sw_rpc_discover(r, &g, &at, &a, &found, &more, err));
        FUZZ_REQUIRE(found.compose_count + found.opening_count <= SW_RPC_FOUND_COUNT);
        return SW_OK;
    }
    SW_TRY(
        sw_rpc_final(r, &at, NULL, err)); /* its header is asked for again, and must be the same */
    if (what == 4) return sw_rpc_view(r, &g, &at, &found, &out, NULL, err);
    sw_rpc_app app;
    return sw_rpc_app_at(r, &g, &at, &asked, &app, err);
}

static sw_status send(sw_rpc *r, sw_error *err) {
    int64_t now = 0;
    sw_chain_key key = {{1}};
    sw_rpc_sent sent;
    const sw_address to = {{0x11}};
    const sw_clock clock = {jump, jump, &now};
    const sw_rpc_order o = {
        .chain = 31337, .key = &key, .to = &to, .data = SW_LITERAL("x"), .clock = &clock};
    return sw_rpc_send(r, &o, &sent, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sw_rpc *r = NULL;
    sw_error err = {0};
    if (size == 0) return 0;
    lines l = {SW_BYTES(data + 1, size - 1)};
    const sw_rpc_carrier carrier = {carry, &l};
    if (sw_rpc_open_over(&carrier, &r, NULL) != SW_OK) return 0;
    int what = data[0] % 7;
    sw_status status = what == 6 ? send(r, &err) : ask(what, r, &err);
    if (status != SW_OK) FUZZ_REQUIRE(err.word[0] != 0 && err.message[0] != 0);
    for (const char *c = err.message; *c != 0; c++) FUZZ_REQUIRE(*c >= 0x20 && *c < 0x7f);
    sw_rpc_close(&r);
    return 0;
}
