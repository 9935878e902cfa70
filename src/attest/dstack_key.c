/* SPDX-License-Identifier: Apache-2.0
 *
 * GetKey's signature chain (DSK-050 to DSK-057): the KMS's root signed the app's key for the app's
 * id, and the app's key signed the derived key for its purpose. Neither key is written anywhere:
 * each is recovered from its signature, so the chain holds only when the last recovery gives the
 * very root that was named from outside.
 */
#include "attest/dstack_internal.h"
#include "codec/json.h"
#include "codec/text.h"

#include <string.h>

enum { ED25519_BYTES = 32 };

/* keccak-256 of "purpose:hex(public key)" */
static void purpose_digest(const sw_dstack_key_chain *chain, sw_hash *out) {
    char hex[2 * SW_SECP256K1_BYTES + 1];
    sw_hex_text(hex, chain->public_key);
    const sw_bytes parts[] = {chain->purpose, SW_LITERAL(":"), sw_text(hex)};
    sw_keccak256_parts(out, parts, 3);
}

/* keccak-256 of "dstack-kms-issued:" app id, app key */
static void issued_digest(const uint8_t app_id[20], const sw_secp256k1_public *app, sw_hash *out) {
    const sw_bytes parts[] = {SW_LITERAL("dstack-kms-issued:"), SW_BYTES(app_id, 20),
                              SW_BYTES_OF(app->b)};
    sw_keccak256_parts(out, parts, 3);
}

static sw_status shape_check(const sw_dstack_key_chain *chain, sw_error *err) {
    sw_secp256k1_public point;
    if (chain->purpose.size > SW_DSTACK_TEXT_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "a key's purpose has more than %zu bytes",
                       SW_DSTACK_TEXT_LIMIT);
    if (chain->public_key.size == ED25519_BYTES) return SW_OK;
    if (chain->public_key.size != SW_SECP256K1_BYTES)
        return BROKEN(err, "a derived key has %zu bytes, neither 32 (ed25519) nor 33 (secp256k1)",
                      chain->public_key.size);
    return sw_secp256k1_parse(chain->public_key, &point, err);
}

static sw_status recover(const sw_dstack_key_chain *chain, size_t link, const sw_hash *digest,
                         sw_secp256k1_public *out, sw_error *err) {
    sw_status status = sw_secp256k1_recover(digest, chain->link[link], out, err);
    if (status != SW_OK) sw_error_prefix(err, "link %zu of the signature chain", link);
    return status;
}

sw_status sw_dstack_key_verify(const sw_dstack_key_chain *chain, const uint8_t app_id[20],
                               const sw_secp256k1_public *kms_root, sw_error *err) {
    sw_hash digest;
    sw_secp256k1_public app, root;
    SW_TRY(sw_dstack_deny_key(kms_root, err));
    SW_TRY(sw_dstack_deny_app(app_id, err));
    SW_TRY(shape_check(chain, err));
    purpose_digest(chain, &digest);
    SW_TRY(recover(chain, 0, &digest, &app, err));
    SW_TRY(sw_dstack_deny_key(&app, err));
    issued_digest(app_id, &app, &digest);
    SW_TRY(recover(chain, 1, &digest, &root, err));
    if (memcmp(root.b, kms_root->b, sizeof root.b) != 0)
        return REFUSE(err, "the signature chain does not lead to the KMS root that was named");
    return SW_OK;
}

/* ---- as a file ---- */
static sw_status links_read(const sw_json *root, const char *where, sw_dstack_key_chain *out,
                            sw_error *err) {
    static const char name[] = "signature_chain";
    const sw_json *list;
    size_t n = 0;
    SW_TRY(sw_json_array(root, where, name, 2, &list, err));
    if (list->count != 2) return BROKEN(err, "%s.%s has not two links", where, name);
    for (const sw_json *m = list->first; m != NULL; m = m->next, n++)
        if (m->type != SW_JSON_STRING ||
            sw_hex_decode(out->link[n], sizeof out->link[n], m->text, false, NULL) != SW_OK)
            return BROKEN(err, "%s.%s[%zu] is not %d bytes in hex", where, name, n,
                          SW_SECP256K1_SIG_BYTES);
    return SW_OK;
}

sw_status sw_dstack_key_parse(sw_arena *a, sw_bytes json, sw_dstack_key_chain *out, sw_error *err) {
    static const char where[] = "key";
    static const char *const names[] = {"public_key", "purpose", "signature_chain", NULL};
    const sw_json_limits limits = {.bytes = SW_DSTACK_KEY_LIMIT, .depth = 2, .nodes = 8};
    const sw_hex_rule key = {.bytes = SW_SECP256K1_BYTES};
    sw_json *root;
    sw_dstack_key_chain made = {0};
    SW_TRY(sw_json_parse(a, json, &limits, &root, err));
    if (sw_json_member(root, "key") != NULL)
        return REFUSE(err, "%s.key is the secret itself, which is nobody's evidence", where);
    SW_TRY(sw_json_expect(root, where, names, err));
    SW_TRY(sw_json_text(root, where, "purpose", &made.purpose, err));
    SW_TRY(sw_json_hex_bytes(a, root, where, "public_key", &key, &made.public_key, err));
    SW_TRY(links_read(root, where, &made, err));
    *out = made;
    return SW_OK;
}
