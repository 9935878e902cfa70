/* SPDX-License-Identifier: Apache-2.0
 *
 * The service's own parts. One thread; every table is bounded; `counter_ms` is the machine's
 * counter and the only clock.
 */
#ifndef SW_KMS_INTERNAL_H
#define SW_KMS_INTERNAL_H
#include "kms/audit.h"
#include "kms/kms.h"
#include "kms/message.h"
#include "ledger/chain_judge.h"
#include "ledger/handed.h"
#include "ledger/rpc.h"
#include "seal/consent.h"

#define SW_KMS_APP_LIMIT       256
#define SW_KMS_CHALLENGE_LIMIT 256
#define SW_KMS_PEER_TOKENS     2 /* of each kind */
#define SW_KMS_GRANT_LIMIT     1024

/* ---- challenges and looks: what was said to whom, and when (KMS-012, KMS-042) ---- */
typedef struct sw_kms_token {
    bool live;
    sw_hash value;
    sw_p256_public peer;
    int64_t made_ms;
} sw_kms_token;
typedef struct sw_kms_tokens {
    sw_kms_token slots[SW_KMS_CHALLENGE_LIMIT];
} sw_kms_tokens;
/* The peer's oldest makes room when it holds SW_KMS_PEER_TOKENS, else the oldest of all. */
void sw_kms_token_add(sw_kms_tokens *t, const sw_hash *value, const sw_p256_public *peer,
                      int64_t now_ms);
/* Uses up the peer's token of that value (NULL: its newest). SW_UNAUTHENTIC "evidence" with the
 * cause; *made_ms tells when it was made. */
SW_NODISCARD sw_status sw_kms_token_take(sw_kms_tokens *t, const sw_hash *value,
                                         const sw_p256_public *peer, int64_t now_ms,
                                         int64_t *made_ms, sw_error *err);

/* ---- apps ---- */
typedef struct sw_kms_word { /* one owner's, since this start */
    bool present;
    sw_unlock_statement statement;
    sw_buffer envelope;
    int64_t heard_ms; /* counter at the look before it */
    int64_t known_ms; /* how far the owner's knowledge of the ledger reaches, by her clock: the time
                       * of the statement, or of a block before it that she named */
} sw_kms_word;
SW_SECRET_ROLE(sw_kms_secrets, 32 * SW_OWNER_LIMIT) /* unlock secrets by owner's place */
typedef struct sw_kms_ledger sw_kms_ledger;
typedef struct sw_kms_app {
    sw_genesis genesis;
    sw_buffer envelope;    /* join */
    sw_kms_ledger *ledger; /* whichever keeps it */
    sw_kms_word words[SW_OWNER_LIMIT];
    sw_kms_secrets *secrets; /* NULL until the first unlock */
} sw_kms_app;
SW_NODISCARD sw_status sw_kms_apps_load(sw_kms *k, sw_error *err);
void sw_kms_apps_close(sw_kms *k);
sw_kms_app *sw_kms_app_find(const sw_kms *k, const sw_hash *genesis);
SW_NODISCARD sw_status sw_kms_app_found(sw_kms *k, sw_bytes envelope, const sw_kms_app **out,
                                        sw_error *err);
/* KMS-022: an entry, or on a chain a revocation that its owner hands over (CHN-304). */
SW_NODISCARD sw_status sw_kms_app_append(sw_kms_app *app, sw_bytes entry, sw_head *head,
                                         sw_error *err);
/* KMS-023 */
SW_NODISCARD sw_status sw_kms_page(sw_journal *j, const sw_hash *id, uint64_t from, sw_buffer *out,
                                   sw_error *err);

/* ---- the ledger of an app: a journal of the service's own, or a chain ---- */
typedef struct sw_kms_question { /* of a key request, when all else holds that comes before */
    const sw_recipe *recipe;
    const sw_hash *compose;
    const sw_chain_opening *opening; /* purpose `open`, else NULL */
    const sw_kms_word *words;        /* by place in the genesis; present where listed */
    const bool *listed;              /* owners of listed shards, by place */
} sw_kms_question;
#define SW_KMS_BLOCK_COUNT (SW_OWNER_LIMIT + 1)
typedef struct sw_kms_finding {
    sw_head head;    /* what the receipt names */
    sw_buffer views; /* JSON array for the machine and its manifest (KMS-057); owned */
    bool known;      /* on a chain: a newest block of this start has approved of the compose hash */
    size_t block_count;
    sw_head blocks[SW_KMS_BLOCK_COUNT]; /* that were looked at; none on a journal */
    sw_buffer each[SW_KMS_BLOCK_COUNT]; /* their views; owned */
} sw_kms_finding;
void sw_kms_finding_free(sw_kms_finding *f);
typedef struct sw_kms_ledger_kind {
    /* May an owner name this head? `before` is what the same owner named last, NULL at first.
     * *made_ms: when the head was made, by itself; INT64_MAX where it does not say. */
    sw_status (*check_head)(sw_kms_ledger *l, const sw_head *named, const sw_head *before,
                            int64_t *made_ms, sw_error *err);
    /* The 5th and 6th check of KMS-051. Fills *out as far as it came, also when it refuses. */
    sw_status (*judge)(sw_kms_ledger *l, const sw_kms_question *q, sw_kms_finding *out,
                       sw_error *err);
    sw_status (*append)(sw_kms_ledger *l, sw_bytes entry, sw_head *head, sw_error *err);
    /* A revocation that the audit log holds; asks nobody. NULL: none comes there. */
    sw_status (*restore)(sw_kms_ledger *l, sw_bytes call, sw_error *err);
    sw_status (*page)(sw_kms_ledger *l, uint64_t from, sw_buffer *out, sw_error *err);
    void (*close)(sw_kms_ledger *l);
} sw_kms_ledger_kind;
struct sw_kms_ledger {
    const sw_kms_ledger_kind *kind;
};
SW_NODISCARD sw_status sw_kms_ledger_open_local(sw_kms *k, const sw_genesis *g, sw_kms_ledger **out,
                                                sw_error *err);
/* `g` is the app's, which lives as long. */
SW_NODISCARD sw_status sw_kms_ledger_open_chain(sw_kms *k, const sw_genesis *g, sw_kms_ledger **out,
                                                sw_error *err);

/* ---- nodes of chains (KMS-026) ---- */
#define SW_KMS_NODE_LIMIT      16
#define SW_KMS_NODE_CALL_MS    1500 /* one call to a node */
#define SW_KMS_NODE_REQUEST_MS 3000 /* no further call for a request after this */
#define SW_KMS_NODE_REST_MS    5000 /* one that did not answer is not asked */
typedef struct sw_kms_node {
    uint64_t chain; /* 0: whichever it says that it is on */
    sw_rpc *rpc;
    uint64_t known;        /* the chain that it said it is on; 0: not asked yet */
    int64_t rest_until_ms; /* counter */
} sw_kms_node;
SW_NODISCARD sw_status sw_kms_nodes_open(sw_kms *k, const sw_kms_options *o, sw_error *err);
void sw_kms_nodes_close(sw_kms *k);
/* NULL when the service was given none for this chain. */
sw_kms_node *sw_kms_node_of(sw_kms *k, uint64_t chain);

/* ---- audit log (KMS-080 ...) ---- */
typedef struct sw_kms_decision { /* over keys; views into the request */
    sw_hash app, compose, evidence;
    sw_purpose purpose;
    sw_p256_public machine;
    sw_hash open_manifest;
    sw_p256_public open_recipient;
    uint64_t number, renewal;
    int64_t time_ms;
    const sw_kms_finding *finding; /* NULL before the ledger was asked */
    bool vouched;                  /* the evidence held and the owners approve of the recipe */
} sw_kms_decision;
typedef struct sw_kms_minute { /* refusals of peers for whom nobody speaks (KMS-087) */
    int64_t since_ms;          /* counter */
    uint64_t written, counted;
} sw_kms_minute;
SW_NODISCARD sw_status sw_kms_audit_open(sw_kms *k, sw_error *err);
/* Reads what the log holds beyond k->log, so that k->counts are right: SW_UNAVAILABLE when it
 * cannot. */
SW_NODISCARD sw_status sw_kms_audit_catch_up(sw_kms *k, sw_error *err);
/* `refusal` NULL: granted. Durable when it returns, but for refusals that are only counted. */
SW_NODISCARD sw_status sw_kms_audit_unlock(sw_kms *k, const sw_hash *app, const sw_hash *owner,
                                           sw_bytes statement, const sw_error *refusal,
                                           sw_error *err);
SW_NODISCARD sw_status sw_kms_audit_keys(sw_kms *k, const sw_kms_decision *d,
                                         const sw_error *refusal, sw_error *err);
/* A revocation that an owner handed over (KMS-088); durable when it returns. */
SW_NODISCARD sw_status sw_kms_audit_revocation(sw_kms *k, const sw_hash *app,
                                               const sw_handed_revocation *r, sw_error *err);
/* Writes down how many refusals were only counted, if any. */
SW_NODISCARD sw_status sw_kms_audit_settle(sw_kms *k, sw_error *err);

/* ---- leases (KMS-073) ---- */
typedef struct sw_kms_lease {
    bool live;
    sw_hash compose;
    sw_purpose purpose;
    sw_p256_public machine;
    sw_hash open_manifest;
    sw_p256_public open_recipient;
    uint64_t number, renewal;
    int64_t until_ms; /* counter */
} sw_kms_lease;

/* ---- root and own compose (KMS-090 ...) ---- */
SW_NODISCARD sw_status sw_kms_compose_make(sw_bytes program, sw_buffer *out, sw_error *err);
/* Boots the machine with the folder's compose, then opens or makes the root. */
SW_NODISCARD sw_status sw_kms_boot(sw_kms *k, const sw_kms_options *o, sw_error *err);

struct sw_kms {
    char *folder;
    int lock_fd;
    sw_entropy entropy;
    sw_machine *machine;
    sw_hash compose; /* of the service itself */
    sw_root_key *root;
    bool keeps_root; /* sealed, for the next start (KMS-092) */
    sw_session_key *receipt, *tls;
    void *answer; /* SW_SHARD_LIMIT * SW_KMS_KEYS_BYTES, locked: keys on their way out */
    sw_hash boot_nonce, audit_id;
    sw_p256_public root_public, receipt_public, tls_public;
    sw_journal *audit;
    sw_audit_reader log; /* of `audit` */
    sw_kms_minute minute;
    sw_verifier *verifier; /* of machines' evidence */
    sw_kms_tokens challenges, looks;
    sw_kms_counts counts;
    sw_kms_lease leases[SW_KMS_GRANT_LIMIT];
    sw_kms_node nodes[SW_KMS_NODE_LIMIT];
    size_t node_count;
    size_t view_bytes;     /* that ledgers on chains keep, together */
    const sw_hash *listed; /* apps that may be founded; all when listed_count is 0 */
    size_t listed_count, app_count;
    sw_kms_app *apps[SW_KMS_APP_LIMIT];
};
int64_t sw_kms_counter_ms(const sw_kms *k);
/* KMS-045: a counter that was lost tells no time any more, whatever owners say. SW_REFUSED
 * "silence". */
SW_NODISCARD sw_status sw_kms_check_counter(const sw_kms *k, sw_error *err);
void sw_kms_self_of(const sw_kms *k, sw_kms_self *out);

/* ---- the two requests that decide; answers go to `out` ---- */
SW_NODISCARD sw_status sw_kms_unlock(sw_kms *k, sw_kms_app *app, const sw_http_request *q,
                                     sw_buffer *out, sw_error *err);
SW_NODISCARD sw_status sw_kms_release(sw_kms *k, sw_kms_app *app, const sw_http_request *q,
                                      sw_buffer *out, sw_error *err);

/* ---- a key request as it is judged (keys.c judges, release.c delivers) ---- */
typedef struct sw_kms_case {
    sw_kms *kms;
    sw_kms_app *app;
    const sw_http_request *request;
    sw_arena *arena;
    sw_key_call call;
    sw_bytes app_compose, evidence, shards;
    sw_recipe *recipe; /* in the arena */
    sw_shard_word *words;
    size_t owners[SW_SHARD_LIMIT];          /* the shard's owner's place in the genesis */
    int64_t now_ms, earliest_ms, latest_ms; /* counter; the listed owners' times */
    sw_claims claims;
    sw_kms_lease *lease; /* of the grant to renew; NULL: a new one */
    sw_kms_finding finding;
    sw_kms_decision decision;
    bool proving; /* the peer was still proving itself when it failed */
} sw_kms_case;
SW_NODISCARD sw_status sw_kms_judge(sw_kms_case *c, sw_error *err);
#endif
