/* SPDX-License-Identifier: Apache-2.0
 *
 * The chain of a dstack certificate (DSK-040 to DSK-047): leaf, app CA, KMS root, or a leaf of the
 * root's own, to one root that is named from outside.
 *
 * Names are never matched, as releases spell them differently; dstack publishes no revocation
 * lists, so nothing is said of revocation, and authority key identifiers are missing.
 */
#include "attest/dstack_internal.h"
#include "attest/measure.h"
#include "codec/text.h"
#include "crypto/x509_unkeyed.h"

#include <string.h>

#define APP_CA_USAGE "app:ca"

void sw_ratls_chain_free(sw_ratls_chain *chain) {
    for (size_t i = 0; i < SW_DSTACK_CHAIN_LIMIT; i++) sw_cert_free(&chain->certs[i]);
    chain->count = 0;
}

static sw_status add(void *context, sw_bytes der, sw_error *err) {
    sw_ratls_chain *chain = context;
    SW_TRY(sw_cert_parse(der, &chain->certs[chain->count], err));
    chain->count++;
    return SW_OK;
}

static sw_status chain_parse(sw_bytes pem, sw_ratls_chain *chain, sw_error *err) {
    if (pem.size > SW_DSTACK_PEM_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "a certificate chain has more than %zu bytes",
                       SW_DSTACK_PEM_LIMIT);
    SW_TRY(sw_pem_decode(pem, "CERTIFICATE", SW_DSTACK_CHAIN_LIMIT, add, chain, err));
    if (chain->count < 2)
        return REFUSE(err, "a certificate chain has %zu certificates, not 2 or 3", chain->count);
    return SW_OK;
}

/* Every key is of P-256 and none is the simulator's. */
static sw_status keys_check(sw_ratls_chain *chain, sw_error *err) {
    for (size_t i = 0; i < chain->count; i++) {
        sw_p256_public key;
        SW_TRY(sw_cert_key(chain->certs[i], &key, err));
        sw_ratls_spki(chain->root_spki, &key); /* the last one's stays */
        SW_TRY(sw_dstack_deny_spki(SW_BYTES_OF(chain->root_spki), err));
    }
    return SW_OK;
}

static sw_status anchor_check(const sw_ratls_chain *chain, const sw_ratls_anchor *anchor,
                              sw_error *err) {
    sw_hash hash;
    sw_sha256(&hash, anchor->of_spki ? SW_BYTES_OF(chain->root_spki)
                                     : sw_cert_der(chain->certs[chain->count - 1]));
    if (!sw_hash_equal(&hash, &anchor->hash))
        return REFUSE(err, "a certificate chain ends in another root than the one that was named");
    return SW_OK;
}

/* Leaf and CA speak of one app; without a CA the root speaks of the leaf itself. */
static sw_status app_check(sw_arena *a, sw_ratls_chain *chain, sw_error *err) {
    uint8_t of_leaf[20];
    bool leaf_has;
    sw_bytes ca_usage;
    SW_TRY(sw_ratls_app_id(a, chain->certs[0], &leaf_has, of_leaf, err));
    SW_TRY(sw_ratls_usage(a, chain->certs[0], &chain->usage, err));
    if (sw_bytes_is(chain->usage, APP_CA_USAGE))
        return REFUSE(err, "a certificate chain begins with an app's CA");
    if (chain->count == 2) {
        chain->has_app_id = leaf_has;
        if (leaf_has) memcpy(chain->app_id, of_leaf, sizeof of_leaf);
        return SW_OK;
    }
    SW_TRY(sw_ratls_app_id(a, chain->certs[1], &chain->has_app_id, chain->app_id, err));
    SW_TRY(sw_ratls_usage(a, chain->certs[1], &ca_usage, err));
    if (!chain->has_app_id || !sw_bytes_is(ca_usage, APP_CA_USAGE))
        return REFUSE(err, "the certificate between leaf and root is no app's CA");
    if (leaf_has && memcmp(of_leaf, chain->app_id, sizeof of_leaf) != 0)
        return REFUSE(err, "an app's CA issued a certificate for another app");
    return SW_OK;
}

static sw_status verify(sw_arena *a, sw_bytes pem, const sw_ratls_anchor *anchor, int64_t wall_ms,
                        sw_ratls_chain *chain, sw_error *err) {
    SW_TRY(chain_parse(pem, chain, err));
    SW_TRY(keys_check(chain, err));
    SW_TRY(anchor_check(chain, anchor, err));
    SW_TRY(sw_chain_verify_unkeyed(chain->certs, chain->count,
                                   sw_cert_der(chain->certs[chain->count - 1]), wall_ms, err));
    return app_check(a, chain, err);
}

sw_status sw_ratls_chain_verify(sw_arena *a, sw_bytes pem, const sw_ratls_anchor *anchor,
                                int64_t wall_ms, sw_ratls_chain *out, sw_error *err) {
    sw_ratls_chain made = {0};
    sw_status status = verify(a, pem, anchor, wall_ms, &made, err);
    if (status == SW_OK)
        *out = made;
    else
        sw_ratls_chain_free(&made);
    return status;
}

/* ---- beside the machine that holds the leaf's key ---- */
sw_status sw_ratls_chain_machine_check(sw_arena *a, const sw_ratls_chain *chain,
                                       const sw_event_log *log, sw_error *err) {
    const sw_event *events;
    size_t count;
    sw_config_facts facts;
    SW_TRY(sw_log_runtime(a, log, &events, &count, err));
    SW_TRY(sw_config_facts_read(a, events, count, &facts, err));
    if (chain->has_app_id && memcmp(chain->app_id, facts.app_id, sizeof facts.app_id) != 0)
        return REFUSE(err, "the certificate is of another app than the machine's event log");
    if (facts.provider != SW_KEY_PROVIDER_KMS ||
        !sw_bytes_equal(facts.provider_id, SW_BYTES_OF(chain->root_spki)))
        return REFUSE(err, "the machine's event log does not name the chain's root as the KMS that "
                           "its keys come from");
    return SW_OK;
}
