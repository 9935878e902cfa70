/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger as people and programs see it: who owns the app, what is approved, what is revoked,
 * what may be opened.
 */
#include "codec/json.h"
#include "codec/text.h"
#include "ledger/ledger_internal.h"

#define SHOW_LIMIT ((size_t)64 << 20)

static void put_hash(sw_buffer *out, const sw_hash *h) {
    sw_hex_encode(out, SW_BYTES_OF(h->b));
}

/* What an owner has said so far: entries, or on a chain the last one's number. */
static void put_owner(sw_buffer *out, const sw_ledger *l, size_t place) {
    sw_hash id = sw_ledger_owner_id(l, place);
    sw_put_text(out, "    ");
    put_hash(out, &id);
    sw_put_text(out, " ");
    sw_ledger_put_name(out, l, place);
    if (sw_ledger_on_chain(l))
        sw_put_format(out, ", sequence %llu%s\n", (unsigned long long)l->sequences[place],
                      (l->active >> place & 1) == 0 ? ", REMOVED" : "");
    else
        sw_put_format(out, ", %llu %s\n", (unsigned long long)l->counts[place],
                      l->counts[place] == 1 ? "entry" : "entries");
}

static void put_chain(sw_buffer *out, const sw_genesis *g) {
    char contract[43];
    sw_address_text(contract, &g->chain.contract);
    sw_put_format(out, "  on chain eip155:%llu, contract %s\n", (unsigned long long)g->chain.chain,
                  contract);
}

static void put_owners(sw_buffer *out, const sw_ledger *l) {
    const sw_genesis *g = &l->genesis;
    sw_put_format(out, "app %s\n  genesis ", g->name);
    put_hash(out, &g->hash);
    sw_put_text(out, "\n");
    if (sw_ledger_on_chain(l)) put_chain(out, g);
    sw_put_format(out, "  quorum %u of %d owners\n", l->quorum, __builtin_popcount(l->active));
    for (size_t i = 0; i < l->places; i++) put_owner(out, l, i);
    sw_put_format(out, "  %s %llu ", sw_ledger_on_chain(l) ? "block" : "head",
                  (unsigned long long)l->head.index);
    put_hash(out, &l->head.hash);
    sw_put_text(out, "\n");
    if (l->everything == 0) return;
    sw_put_text(out, "  EVERYTHING IS REVOKED by ");
    sw_ledger_put_names(out, l, l->everything);
    sw_put_text(out, "\n");
}

static void put_compose(sw_buffer *out, const sw_ledger *l, const sw_compose_state *c) {
    unsigned approvals = (unsigned)__builtin_popcount(c->approvals);
    uint32_t revocations = l->everything | c->revocations;
    sw_put_text(out, "  compose ");
    put_hash(out, &c->compose);
    if (revocations != 0) {
        sw_put_text(out, "\n    REVOKED by ");
        sw_ledger_put_names(out, l, revocations);
    }
    sw_put_format(out, "\n    %s, %u of %u",
                  revocations == 0 && approvals >= l->quorum ? "approved" : "not approved",
                  approvals, l->quorum);
    if (approvals > 0) sw_put_text(out, ": ");
    sw_ledger_put_names(out, l, c->approvals);
    sw_put_text(out, "\n");
}

static void put_opening(sw_buffer *out, const sw_ledger *l, const sw_open_state *o) {
    sw_hash recipient;
    sw_key_id(&recipient, &o->recipient);
    sw_put_text(out, "  open manifest ");
    put_hash(out, &o->manifest);
    sw_put_text(out, "\n    of compose ");
    put_hash(out, &o->compose);
    sw_put_text(out, "\n    to recipient key ");
    put_hash(out, &recipient);
    sw_put_text(out, "\n    approved by: ");
    sw_ledger_put_names(out, l, o->approvals);
    sw_put_text(out, o->approvals == 0 ? "nobody\n" : "\n");
}

static void add_names(sw_arena *a, sw_json *parent, const char *key, const sw_ledger *l,
                      uint32_t bits) {
    sw_json *list = sw_json_add_array(a, parent, key);
    for (size_t i = 0; i < l->places; i++) {
        sw_hash id = sw_ledger_owner_id(l, i);
        if ((bits >> i & 1) != 0) sw_json_add_hex(a, list, NULL, SW_BYTES_OF(id.b));
    }
}

static void add_owner(sw_arena *a, sw_json *owners, const sw_ledger *l, size_t place) {
    sw_json *o = sw_json_add_object(a, owners, NULL);
    sw_hash id = sw_ledger_owner_id(l, place);
    SW_SCOPED(sw_buffer) name = SW_BUFFER(128);
    sw_ledger_put_name(&name, l, place);
    sw_json_add_hex(a, o, "id", SW_BYTES_OF(id.b));
    sw_json_add_text(a, o, "name", sw_buffer_bytes(&name));
    sw_json_add_integer(a, o, "sequence", (int64_t)l->sequences[place]);
    if (!sw_ledger_on_chain(l)) return;
    sw_json_add_flag(a, o, "active", (l->active >> place & 1) != 0);
    sw_json_add_hex(a, o, "address", SW_BYTES_OF(l->accounts[place].b));
}

static void add_app(sw_arena *a, sw_json *root, const sw_ledger *l) {
    const sw_genesis *g = &l->genesis;
    sw_json_add_text(a, root, "name", sw_text(g->name));
    sw_json_add_hex(a, root, "genesis", SW_BYTES_OF(g->hash.b));
    if (sw_ledger_on_chain(l)) {
        sw_json_add_integer(a, root, "chain", (int64_t)g->chain.chain);
        sw_json_add_hex(a, root, "contract", SW_BYTES_OF(g->chain.contract.b));
    }
    sw_json_add_integer(a, root, "quorum", l->quorum);
    sw_json *owners = sw_json_add_array(a, root, "owners");
    for (size_t i = 0; i < l->places; i++) add_owner(a, owners, l, i);
    sw_json *head = sw_json_add_object(a, root, "head");
    sw_json_add_integer(a, head, "index", (int64_t)l->head.index);
    sw_json_add_hex(a, head, "hash", SW_BYTES_OF(l->head.hash.b));
    add_names(a, root, "everything_revoked_by", l, l->everything);
}

static sw_status show_json(const sw_ledger *l, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    add_app(&a, root, l);
    sw_json *composes = sw_json_add_array(&a, root, "composes");
    for (size_t i = 0; i < l->compose_count; i++) {
        const sw_compose_state *c = &l->composes[i];
        sw_json *o = sw_json_add_object(&a, composes, NULL);
        sw_approval approval;
        sw_ledger_approval(l, &c->compose, &approval);
        sw_json_add_hex(&a, o, "compose", SW_BYTES_OF(c->compose.b));
        sw_json_add_flag(&a, o, "approved", approval.approved);
        add_names(&a, o, "approved_by", l, c->approvals);
        add_names(&a, o, "revoked_by", l, l->everything | c->revocations);
    }
    sw_json *opens = sw_json_add_array(&a, root, "openings");
    for (size_t i = 0; i < l->open_count; i++) {
        const sw_open_state *open = &l->opens[i];
        sw_json *o = sw_json_add_object(&a, opens, NULL);
        sw_json_add_hex(&a, o, "compose", SW_BYTES_OF(open->compose.b));
        sw_json_add_hex(&a, o, "manifest", SW_BYTES_OF(open->manifest.b));
        sw_json_add_hex(&a, o, "recipient", SW_BYTES_OF(open->recipient.b));
        add_names(&a, o, "approved_by", l, open->approvals);
    }
    sw_json_encode(out, root);
    return sw_buffer_check(out, "the ledger's view", err);
}

sw_status sw_ledger_show(const sw_ledger *l, bool json, sw_buffer *out, sw_error *err) {
    if (json) return show_json(l, out, err);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SHOW_LIMIT);
    put_owners(&text, l);
    for (size_t i = 0; i < l->compose_count; i++) put_compose(&text, l, &l->composes[i]);
    for (size_t i = 0; i < l->open_count; i++) put_opening(&text, l, &l->opens[i]);
    SW_TRY(sw_buffer_check(&text, "the ledger's view", err));
    sw_put_bytes(out, sw_buffer_bytes(&text));
    return sw_buffer_check(out, "the ledger's view", err);
}
