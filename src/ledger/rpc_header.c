/* SPDX-License-Identifier: Apache-2.0
 *
 * A header from a node's answer: its fields in the order of the forks, encoded and hashed.
 * docs/formats/chain.md, CHN-210 to CHN-213; the yellow paper, section 4.4, and EIP-1559, 4895,
 * 4844, 4788, 7685, 7928, 7843 for what was added behind.
 *
 * Each fork appends, so a header is a beginning of the table: what is absent must be absent to the
 * end. The hash decides whether the fields are right; nothing else here needs to be believed.
 */
#include "ledger/rpc_internal.h"

#include <stdio.h>
#include <string.h>

enum { NUMBER = 0, EXTRA = -1, FIXED_FIELDS = 15, FIELD_LIMIT = 256 };
typedef struct header_field {
    const char *name;
    int bytes; /* of a fixed size; NUMBER; EXTRA: any, up to the header's limit */
} header_field;
static const header_field fields[] = {
    {"parentHash", 32},
    {"sha3Uncles", 32},
    {"miner", 20},
    {"stateRoot", 32},
    {"transactionsRoot", 32},
    {"receiptsRoot", 32},
    {"logsBloom", 256},
    {"difficulty", NUMBER},
    {"number", NUMBER},
    {"gasLimit", NUMBER},
    {"gasUsed", NUMBER},
    {"timestamp", NUMBER},
    {"extraData", EXTRA},
    {"mixHash", 32},
    {"nonce", 8},
    {"baseFeePerGas", NUMBER},     /* London */
    {"withdrawalsRoot", 32},       /* Shanghai */
    {"blobGasUsed", NUMBER},       /* Cancun, and the next two */
    {"excessBlobGas", NUMBER},     /* */
    {"parentBeaconBlockRoot", 32}, /* */
    {"requestsHash", 32},          /* Prague */
    {"blockAccessListHash", 32},   /* Amsterdam, and the next one */
    {"slotNumber", NUMBER},        /* */
};
enum { FIELD_COUNT = sizeof fields / sizeof *fields };

static sw_status put_number(sw_buffer *out, const sw_json *v, const char *where, sw_error *err) {
    sw_word word;
    size_t zeros = 0;
    SW_TRY(sw_rpc_word(v, where, &word, err));
    while (zeros < sizeof word.b && word.b[zeros] == 0) zeros++;
    sw_rlp_put_string(out, SW_BYTES(word.b + zeros, sizeof word.b - zeros));
    return SW_OK;
}

static sw_status put_field(sw_buffer *out, const header_field *f, const sw_json *v,
                           const char *where, sw_error *err) {
    uint8_t fixed[FIELD_LIMIT];
    SW_SCOPED(sw_buffer) any = SW_BUFFER(SW_CHAIN_HEADER_LIMIT);
    if (f->bytes == NUMBER) return put_number(out, v, where, err);
    if (f->bytes == EXTRA) {
        SW_TRY(sw_rpc_data(v, where, SW_CHAIN_HEADER_LIMIT, &any, err));
        sw_rlp_put_string(out, sw_buffer_bytes(&any));
        return SW_OK;
    }
    SW_TRY(sw_rpc_bytes(v, where, fixed, (size_t)f->bytes, err));
    sw_rlp_put_string(out, SW_BYTES(fixed, (size_t)f->bytes));
    return SW_OK;
}

static sw_status put_items(const sw_json *block, const char *where, sw_buffer *items,
                           sw_error *err) {
    const char *ended = NULL;
    char name[96];
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const sw_json *v = sw_json_member(block, fields[i].name);
        if (sw_rpc_absent(v)) {
            if (i < FIXED_FIELDS)
                return sw_fail(err, SW_MALFORMED, "format", "%s has no %s", where, fields[i].name);
            if (ended == NULL) ended = fields[i].name;
            continue;
        }
        if (ended != NULL)
            return sw_fail(err, SW_MALFORMED, "format", "%s has %s without %s", where,
                           fields[i].name, ended);
        (void)snprintf(name, sizeof name, "%s.%s", where, fields[i].name);
        SW_TRY(put_field(items, &fields[i], v, name, err));
    }
    return sw_buffer_check(items, "a block's header", err);
}

sw_status sw_rpc_read_header(const sw_json *block, const char *where, sw_buffer *rlp, sw_block *out,
                             sw_error *err) {
    SW_SCOPED(sw_buffer) items = SW_BUFFER(SW_CHAIN_HEADER_LIMIT);
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_CHAIN_HEADER_LIMIT);
    sw_hash said;
    sw_block parsed;
    char name[64];
    if (block->type != SW_JSON_OBJECT)
        return sw_fail(err, SW_MALFORMED, "format", "%s is not an object", where);
    SW_TRY(put_items(block, where, &items, err));
    sw_rlp_put_list(&made, sw_buffer_bytes(&items));
    SW_TRY(sw_buffer_check(&made, "a block's header", err));
    SW_TRY(sw_block_parse(sw_buffer_bytes(&made), &parsed, err));
    (void)snprintf(name, sizeof name, "%s.hash", where);
    SW_TRY(sw_rpc_bytes(sw_json_member(block, "hash"), name, said.b, sizeof said.b, err));
    if (!sw_hash_equal(&said, &parsed.hash))
        return sw_fail(err, SW_UNAUTHENTIC, "proof",
                       "%s: the header's fields do not give the hash that the node says", where);
    if (rlp != NULL) sw_put_bytes(rlp, sw_buffer_bytes(&made));
    if (rlp != NULL) SW_TRY(sw_buffer_check(rlp, "a block's header", err));
    *out = parsed;
    return SW_OK;
}
