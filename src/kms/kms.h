/* SPDX-License-Identifier: Apache-2.0
 *
 * The key service: who may have a key, and why. Docs: docs/formats/kms.md (KMS-001 ...).
 *
 * One process, one root key, one ledger an app (a journal of its own, or a chain that nodes show)
 * and one audit journal. It holds no policy: it judges evidence by the policy inside the
 * app-compose whose hash the evidence carries. It sees neither ciphertext nor wrapped nor data
 * keys. sw_kms is the service without sockets: request bytes in, answer bytes out, so a test drives
 * it directly.
 */
#ifndef SW_KMS_H
#define SW_KMS_H
#include "http/http.h"
#include "ledger/ledger.h"
#include "machine/machine.h"
#include "manifest/grant.h"

typedef struct sw_kms sw_kms;
typedef struct sw_kms_node_place {
    uint64_t chain;  /* 0: any that no other node is named for */
    const char *url; /* as sw_rpc_options has it */
} sw_kms_node_place;
typedef struct sw_kms_options {
    const char *folder;  /* state: root.sealed (sealed by the machine's key), audit.db, apps/<G>.db,
                            app-compose.json of the KMS itself */
    const char *machine; /* as sw_machine_boot has it */
    const sw_machine_places *places; /* of a real machine; NULL: the usual ones; the caller's until
                                        the close */
    sw_entropy entropy;
    sw_clock clock;
    sw_bytes program; /* bytes of the running program: their SHA-256 is in the KMS's compose */
    /* The apps that may be founded, all when there are none; the caller's until the close. */
    const sw_hash *listed;
    size_t listed_count;
    /* Nodes for apps whose ledger is on a chain, one a chain. */
    const sw_kms_node_place *nodes;
    size_t node_count;
} sw_kms_options;
/* `kms init`: makes folder and the KMS's own app-compose.json; *compose is its hash. The root is
 * made at first start. */
SW_NODISCARD sw_status sw_kms_init(const sw_kms_options *o, sw_hash *compose, sw_error *err);
/* What an owner reviews and accepts this service by: its compose's hash and its machine's policy.
 * SW_MISSING for machines that cannot tell their own policy. */
SW_NODISCARD sw_status sw_kms_reference_make(const sw_kms_options *o, sw_kms_reference *out,
                                             sw_error *err);
/* A start: boots the machine with the KMS's compose, opens or makes the root, makes boot nonce,
 * receipt and TLS keys. Every owner is locked. */
SW_NODISCARD sw_status sw_kms_open(const sw_kms_options *o, sw_kms **out, sw_error *err);
void sw_kms_close(sw_kms **k); /* wipes */
const sw_session_key *sw_kms_tls_key(const sw_kms *k);
/* False: the machine has no key to seal the root with, so it ends with this start (KMS-092). */
bool sw_kms_keeps_root(const sw_kms *k);
/* The handler for sw_http_listen (context: the sw_kms). */
void sw_kms_answer(void *kms, const sw_http_request *request, sw_http_reply *reply);
#endif
