/* SPDX-License-Identifier: Apache-2.0
 *
 * The genesis: who owns an app, and how many of them must agree. Its hash is the app; every owner
 * signs the same bytes, and everything else takes owners' keys from it alone. docs/formats/
 * ledger.md, LDG-001 to LDG-009; on a chain, chain.md, CHN-001 to CHN-003.
 */
#include "codec/text.h"
#include "ledger/ledger.h"

#include <stdlib.h>
#include <string.h>

#define KIND        "sealwright/genesis/v1"
#define NONCE_BYTES 32

/* What JSON can name. */
#define CHAIN_LIMIT ((UINT64_C(1) << 53) - 1)

static const char *const backends[] = {
    [SW_LEDGER_LOCAL] = "local", [SW_LEDGER_ETHEREUM] = "ethereum"};
static const sw_json_limits limits = {.bytes = SW_GENESIS_LIMIT, .depth = 4, .nodes = 400};

static int by_id(const void *a, const void *b) {
    return memcmp(((const sw_owner *)a)->id.b, ((const sw_owner *)b)->id.b, SW_HASH_BYTES);
}

static bool same_address(const sw_address *a, const sw_address *b) {
    return memcmp(a->b, b->b, SW_ADDRESS_BYTES) == 0;
}

static sw_status wrong_owner_count(sw_error *err) {
    return sw_fail(err, SW_REFUSED, "ledger", "an app has 1 to %d owners", SW_OWNER_LIMIT);
}

static bool is_name(const char *name, size_t room) {
    size_t size = strnlen(name, room);
    return size < room && sw_utf8_name(SW_BYTES(name, size));
}

/* Where a ledger on a chain is, and what stands there (CHN-001, CHN-003). */
static sw_status check_chain(const sw_genesis *g, sw_error *err) {
    static const sw_address nowhere;
    if (g->backend == SW_LEDGER_LOCAL) return SW_OK;
    if (g->chain.chain == 0 || g->chain.chain > CHAIN_LIMIT)
        return sw_fail(err, SW_REFUSED, "ledger", "genesis.chain is not from 1 to 2^53-1");
    if (same_address(&g->chain.contract, &nowhere))
        return sw_fail(err, SW_REFUSED, "ledger", "genesis.contract is nobody's address");
    if (!sw_chain_code_known(&g->code_hash))
        return sw_fail(err, SW_REFUSED, "ledger",
                       "genesis.code_hash is of no contract that this program knows");
    for (size_t i = 0; i < g->owner_count; i++) {
        if (same_address(&g->owners[i].address, &nowhere))
            return sw_fail(err, SW_REFUSED, "ledger", "owner %zu of the genesis has no address",
                           i + 1);
        for (size_t k = 0; k < i; k++)
            if (same_address(&g->owners[k].address, &g->owners[i].address))
                return sw_fail(err, SW_REFUSED, "ledger",
                               "owners %zu and %zu of the genesis have the same address", k + 1,
                               i + 1);
    }
    return SW_OK;
}

/* Distinct owners in ascending order of their ids, each id the hash of its key (LDG-005 on). */
static sw_status check_owners(const sw_owner *owners, size_t count, sw_error *err) {
    for (size_t i = 0; i < count; i++) {
        sw_hash id;
        sw_key_id(&id, &owners[i].identity_key);
        if (!sw_hash_equal(&id, &owners[i].id))
            return sw_fail(err, SW_REFUSED, "ledger",
                           "owner %zu of the genesis: the id is not the hash of the key", i + 1);
        SW_TRY(sw_p256_check(&owners[i].identity_key, err));
        SW_TRY(sw_p256_check(&owners[i].encryption_key, err));
        if (!is_name(owners[i].name, sizeof owners[i].name))
            return sw_fail(
                err, SW_REFUSED, "ledger",
                "owner %zu of the genesis: the name is not 1 to 64 bytes of " SW_UTF8_NAME_FORM,
                i + 1);
        if (i > 0 && by_id(&owners[i - 1], &owners[i]) >= 0)
            return sw_fail(err, SW_REFUSED, "ledger",
                           "the genesis names an owner twice, or owners out of order");
    }
    return SW_OK;
}

static sw_status check(const sw_genesis *g, sw_error *err) {
    if (!is_name(g->name, sizeof g->name))
        return sw_fail(err, SW_REFUSED, "ledger",
                       "an app's name must be 1 to 64 bytes of " SW_UTF8_NAME_FORM);
    if (g->owner_count == 0) return wrong_owner_count(err);
    if (g->quorum == 0 || g->quorum > g->owner_count)
        return sw_fail(err, SW_REFUSED, "ledger", "the quorum must be from 1 to %zu",
                       g->owner_count);
    SW_TRY(check_owners(g->owners, g->owner_count, err));
    return check_chain(g, err);
}

static void add_owner(sw_arena *a, sw_json *list, const sw_owner *owner, bool address) {
    sw_json *o = sw_json_add_object(a, list, NULL);
    sw_json_add_text(a, o, "name", sw_text(owner->name));
    sw_json_add_hex(a, o, "id", SW_BYTES_OF(owner->id.b));
    sw_json_add_hex(a, o, "identity_key", SW_BYTES_OF(owner->identity_key.b));
    sw_json_add_hex(a, o, "encryption_key", SW_BYTES_OF(owner->encryption_key.b));
    if (address) sw_json_add_hex(a, o, "address", SW_BYTES_OF(owner->address.b));
}

static void encode(const sw_genesis *g, sw_bytes nonce, sw_buffer *out) {
    SW_SCOPED(sw_arena) a = {0};
    bool on_chain = g->backend == SW_LEDGER_ETHEREUM;
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_text(&a, root, "backend", sw_text(backends[g->backend]));
    if (on_chain) {
        sw_json_add_integer(&a, root, "chain", (int64_t)g->chain.chain);
        sw_json_add_hex(&a, root, "code_hash", SW_BYTES_OF(g->code_hash.b));
        sw_json_add_hex(&a, root, "contract", SW_BYTES_OF(g->chain.contract.b));
    }
    sw_json_add_text(&a, root, "kind", SW_LITERAL(KIND));
    sw_json_add_text(&a, root, "name", sw_text(g->name));
    sw_json_add_hex(&a, root, "nonce", nonce);
    sw_json_add_integer(&a, root, "quorum", g->quorum);
    sw_json *list = sw_json_add_array(&a, root, "owners");
    for (size_t i = 0; i < g->owner_count; i++) add_owner(&a, list, &g->owners[i], on_chain);
    sw_json_encode(out, root);
}

sw_status sw_genesis_draft(const char *name, uint32_t quorum, const sw_owner *owners, size_t count,
                           const sw_genesis_chain *chain, const sw_entropy *e, sw_buffer *payload,
                           sw_error *err) {
    uint8_t nonce[NONCE_BYTES];
    sw_genesis g = {.quorum = quorum, .owner_count = count};
    if (count == 0 || count > SW_OWNER_LIMIT) return wrong_owner_count(err);
    size_t size = strnlen(name, sizeof g.name);
    if (size < sizeof g.name) memcpy(g.name, name, size); /* else it stays empty, and is refused */
    memcpy(g.owners, owners, count * sizeof *owners);
    qsort(g.owners, count, sizeof *g.owners, by_id);
    if (chain != NULL) {
        g.backend = SW_LEDGER_ETHEREUM;
        g.chain = chain->at;
        g.code_hash = chain->code_hash;
    }
    SW_TRY(check(&g, err));
    SW_TRY(sw_entropy_fill(e, nonce, sizeof nonce, err));
    encode(&g, SW_BYTES_OF(nonce), payload);
    return sw_buffer_check(payload, "a genesis", err);
}

static sw_status copy_name(const sw_json *object, const char *where, char *out, size_t room,
                           sw_error *err) {
    sw_bytes name = {0};
    SW_TRY(sw_json_text(object, where, "name", &name, err));
    if (name.size >= room || !sw_utf8_name(name))
        return sw_fail(err, SW_REFUSED, "ledger",
                       "%s.name is not 1 to 64 bytes of " SW_UTF8_NAME_FORM, where);
    memcpy(out, name.data, name.size);
    out[name.size] = 0;
    return SW_OK;
}

static sw_status read_owner(const sw_json *node, sw_ledger_backend backend, sw_owner *out,
                            sw_error *err) {
    static const char *const local[] = {"encryption_key", "id", "identity_key", "name", NULL};
    static const char *const ethereum[] = {"address",      "encryption_key", "id",
                                           "identity_key", "name",           NULL};
    static const char where[] = "genesis.owners[]";
    bool on_chain = backend == SW_LEDGER_ETHEREUM;
    SW_TRY(sw_json_expect(node, where, on_chain ? ethereum : local, err));
    SW_TRY(copy_name(node, where, out->name, sizeof out->name, err));
    SW_TRY(sw_json_hash(node, where, "id", &out->id, err));
    SW_TRY(sw_json_hex(node, where, "identity_key", out->identity_key.b, sizeof out->identity_key.b,
                       err));
    if (on_chain)
        SW_TRY(sw_json_hex(node, where, "address", out->address.b, sizeof out->address.b, err));
    return sw_json_hex(node, where, "encryption_key", out->encryption_key.b,
                       sizeof out->encryption_key.b, err);
}

/* Which members a genesis has depends on its backend, so that is read first. */
static sw_status read_backend(const sw_json *root, sw_genesis *out, sw_error *err) {
    static const char *const local[] = {"backend", "kind",   "name", "nonce",
                                        "owners",  "quorum", NULL};
    static const char *const ethereum[] = {"backend", "chain", "code_hash", "contract", "kind",
                                           "name",    "nonce", "owners",    "quorum",   NULL};
    sw_bytes word = {0};
    SW_TRY(sw_json_text(root, "genesis", "backend", &word, err));
    if (sw_bytes_is(word, backends[SW_LEDGER_LOCAL]))
        return sw_json_expect(root, "genesis", local, err);
    if (!sw_bytes_is(word, backends[SW_LEDGER_ETHEREUM]))
        return sw_fail(err, SW_REFUSED, "ledger", "genesis.backend is neither local nor ethereum");
    SW_TRY(sw_json_expect(root, "genesis", ethereum, err));
    SW_TRY(sw_json_u64(root, "genesis", "chain", CHAIN_LIMIT, &out->chain.chain, err));
    SW_TRY(sw_json_hash(root, "genesis", "code_hash", &out->code_hash, err));
    out->backend = SW_LEDGER_ETHEREUM;
    return sw_json_hex(root, "genesis", "contract", out->chain.contract.b,
                       sizeof out->chain.contract.b, err);
}

static sw_status read_genesis(const sw_json *root, sw_genesis *out, sw_error *err) {
    const sw_json *list = NULL;
    sw_bytes word = {0};
    uint8_t nonce[NONCE_BYTES];
    uint64_t quorum;
    SW_TRY(read_backend(root, out, err));
    SW_TRY(sw_json_text(root, "genesis", "kind", &word, err));
    if (!sw_bytes_is(word, KIND))
        return sw_fail(err, SW_MALFORMED, "format", "genesis.kind is not " KIND);
    SW_TRY(copy_name(root, "genesis", out->name, sizeof out->name, err));
    SW_TRY(sw_json_hex(root, "genesis", "nonce", nonce, sizeof nonce, err));
    SW_TRY(sw_json_u64(root, "genesis", "quorum", SW_OWNER_LIMIT, &quorum, err));
    SW_TRY(sw_json_array(root, "genesis", "owners", SW_OWNER_LIMIT, &list, err));
    for (const sw_json *o = list->first; o != NULL; o = o->next)
        SW_TRY(read_owner(o, out->backend, &out->owners[out->owner_count++], err));
    out->quorum = (uint32_t)quorum;
    return check(out, err);
}

sw_status sw_genesis_parse(sw_bytes payload, sw_genesis *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root = NULL;
    sw_genesis g = {0};
    SW_TRY(sw_json_parse_canonical(&a, payload, &limits, &root, err));
    SW_TRY(read_genesis(root, &g, err));
    sw_sha256(&g.hash, payload);
    *out = g;
    return SW_OK;
}

sw_status sw_genesis_open(sw_arena *arena, sw_bytes envelope, bool complete, sw_genesis *out,
                          sw_error *err) {
    sw_envelope e;
    sw_genesis g;
    size_t valid = 0;
    const sw_owner *missing = NULL;
    SW_TRY(sw_envelope_parse(arena, envelope, &e, err));
    SW_TRY(sw_genesis_parse(e.payload, &g, err));
    for (size_t i = 0; i < g.owner_count; i++) {
        size_t s = 0;
        while (s < e.signature_count && !sw_hash_equal(&e.signatures[s].key_id, &g.owners[i].id))
            s++;
        if (s == e.signature_count) {
            if (missing == NULL) missing = &g.owners[i];
            continue;
        }
        SW_TRY(sw_envelope_verify(&e, SW_PAYLOAD_JOIN, &g.owners[i].identity_key, err));
        valid++;
    }
    if (valid != e.signature_count)
        return sw_fail(err, SW_UNAUTHENTIC, "signature",
                       "the genesis carries a signature of somebody who is no owner");
    if (complete && missing != NULL)
        return sw_fail(err, SW_REFUSED, "quorum",
                       "the genesis is signed by %zu of %zu owners; missing: %s", valid,
                       g.owner_count, missing->name);
    *out = g;
    return SW_OK;
}

const sw_owner *sw_genesis_owner(const sw_genesis *g, const sw_hash *id) {
    for (size_t i = 0; i < g->owner_count; i++)
        if (sw_hash_equal(&g->owners[i].id, id)) return &g->owners[i];
    return NULL;
}

void sw_genesis_app_id(const sw_genesis *g, uint8_t out[20]) {
    bool on_chain = g->backend == SW_LEDGER_ETHEREUM;
    memcpy(out, on_chain ? g->chain.contract.b : g->hash.b, SW_ADDRESS_BYTES);
}
