/* SPDX-License-Identifier: Apache-2.0
 *
 * The manifest: an in-toto Statement v1 about one run, written from what the agent saw and signed
 * by a key that only this attested machine held; and its offline verification, link by link, from
 * the genesis hash that the auditor brings. Docs: docs/formats/manifest.md (MAN-001 ...).
 *
 * A run's out folder: manifest.json (DSSE), evidence.json, app-compose.json, ledger.json,
 * machine.pem, model.sealed. Everything needed is in it; no network.
 */
#ifndef SW_MANIFEST_H
#define SW_MANIFEST_H
#include "ledger/ledger.h"
#include "manifest/grant.h"
#include "seal/container.h"
#include "sys/sandbox.h"

#define SW_MANIFEST_PREDICATE        "https://sealwright.org/manifest/v1"
#define SW_MANIFEST_EVIDENCE_KIND    "sealwright/evidence-file/v1"
#define SW_MANIFEST_CHECKPOINT_LIMIT SW_RECIPE_STATE_LIMIT
#define SW_MANIFEST_GRANT_LIMIT      16384
#define SW_MANIFEST_CLAIMS_LIMIT     ((size_t)64 << 10)
#define SW_MANIFEST_CLAIMS_DEPTH     8

typedef struct sw_manifest_dataset {
    sw_hash owner, dataset;
    uint64_t rows_listed, rows_delivered, tokens;
    sw_hash tokens_commitment; /* HMAC-SHA256(commit subkey, fields("sealwright/tokens/v1", dataset
                                  id, rows in wire form)) */
} sw_manifest_dataset;
typedef struct sw_manifest_link { /* of the keyed step chain */
    uint64_t step;
    sw_hash value; /* HMAC-SHA256(commit subkey, fields("sealwright/step/v1", previous value, u64be
                      step, SHA-256(state))) */
} sw_manifest_link;
typedef struct sw_manifest_metric {
    uint64_t step;
    double loss; /* as the agent rounds it (sw_recipe_round_loss); only with metrics: public */
} sw_manifest_metric;

typedef struct sw_manifest_sealed_metrics {
    sw_hash owner, root; /* metrics-N.sealed: addressed to this owner alone */
} sw_manifest_sealed_metrics;

/* One grant as the out folder keeps it: receipt in the manifest; evidence and channel beside it. */
typedef struct sw_manifest_grant {
    sw_bytes receipt, statements; /* envelope; canonical JSON array of unlock envelopes */
    sw_bytes evidence;            /* JSON that was judged, shortened by the grant before it */
    sw_hash challenge;
    sw_p256_public own_tls, peer_tls, response;
} sw_manifest_grant;

typedef struct sw_manifest_facts {
    sw_bytes app_compose, genesis_envelope;
    sw_bytes ledger_export; /* of a journal */
    sw_bytes views;         /* or, on a chain, of every block that the grants rest on; else empty */
    sw_hash genesis, compose;
    bool simulated, native;
    sw_hash worker_digest;
    const char *profile;              /* of the native trainer */
    const sw_recipe_command *command; /* of a script; else NULL */
    bool claims; /* by a script about itself: SW_MANIFEST_CLAIMS_NAME is in the model */
    sw_p256_public machine;
    size_t dataset_count;
    const sw_manifest_dataset *datasets;
    size_t grant_count;
    const sw_manifest_grant *grants;
    sw_bytes newest_evidence; /* whole, of the last of them */
    sw_sandbox_layers layers;
    uint64_t steps, resumes;
    size_t link_count, checkpoint_count, metric_count;
    const sw_manifest_link *links;
    const sw_manifest_link
        *checkpoints; /* step and root of each sealed checkpoint that is still part of the run */
    const sw_manifest_metric *metrics;
    size_t sealed_metrics_count; /* 0 when metrics are public */
    const sw_manifest_sealed_metrics *sealed_metrics;
    sw_hash output_root;      /* root id of model.sealed */
    uint64_t output_bytes;    /* plain bytes, padded */
    sw_hash model_commitment; /* bind-SHA-256("sealwright/model/v1", salt, OMS root digest) */
    int64_t started_ms, finished_ms; /* KMS's time of the first grant plus the machine's counter */
} sw_manifest_facts;

/* ---- evidence of one run after the other (MAN-006): what is the same, at the same place of the
 * JSON, as in the evidence before is null ---- */
/* Appends `evidence` without what `before` holds too; the first of a run stands behind nothing
 * (empty) and is whole. Both are canonical JSON. */
SW_NODISCARD sw_status sw_manifest_shorten(sw_bytes before, sw_bytes evidence, sw_buffer *out,
                                           sw_error *err);
/* Appends the very bytes that were shortened. SW_MALFORMED "evidence" for what sw_manifest_shorten
 * does not write behind `before`. */
SW_NODISCARD sw_status sw_manifest_restore(sw_bytes before, sw_bytes shortened, sw_buffer *out,
                                           sw_error *err);

/* CMD-044: one canonical JSON object, neither too long nor too deep; the file of the sealed model
 * that holds it. */
#define SW_MANIFEST_CLAIMS_NAME "claims.json"
bool sw_manifest_are_claims(sw_bytes json);

/* The Statement's canonical JSON. */
SW_NODISCARD sw_status sw_manifest_statement(const sw_manifest_facts *f, sw_buffer *payload,
                                             sw_error *err);
/* manifest.json from it, signed; *digest = SHA-256(payload): what the closing quote and `open`
 * entries name. */
SW_NODISCARD sw_status sw_manifest_sign(sw_bytes payload, const sw_session_key *machine,
                                        sw_buffer *envelope, sw_hash *digest, sw_error *err);
/* evidence.json: {"closing": evidence,
 * "grants":[{"challenge","evidence","own_tls","peer_tls","response"}], "kind"} canonical, each
 * evidence shortened by the one before it. `closing_evidence` is whole. */
SW_NODISCARD sw_status sw_manifest_evidence(const sw_manifest_facts *f, sw_bytes closing_evidence,
                                            sw_buffer *out, sw_error *err);
/* ledger.json: {"genesis": envelope, "journal": export, "kind"} canonical; on a chain "views"
 * instead of "journal". */
SW_NODISCARD sw_status sw_manifest_ledger(const sw_manifest_facts *f, sw_buffer *out,
                                          sw_error *err);
SW_NODISCARD sw_status sw_manifest_digest(sw_bytes manifest_json, sw_hash *digest,
                                          sw_error *err); /* of the payload, unverified */

/* What a manifest says about its run: what a replay makes again, and the output that an approval of
 * its digest opens. */
typedef struct sw_manifest_record {
    uint64_t steps;
    size_t dataset_count, link_count, checkpoint_count;
    sw_manifest_dataset datasets[SW_SHARD_LIMIT];
    sw_manifest_link *links, *checkpoints; /* in the arena */
    sw_hash compose, output_root, model_commitment;
} sw_manifest_record;
/* Of the payload, unverified: sw_manifest_verify says whether any of it is true. */
SW_NODISCARD sw_status sw_manifest_parse_record(sw_arena *arena, sw_bytes manifest_json,
                                                sw_manifest_record *out, sw_error *err);

/* ---- OpenSSF Model Signing (OMS v1.0) bundle over files, and the model commitment ---- */
typedef struct sw_oms_file {
    const char *name;
    sw_bytes content;
} sw_oms_file;
/* SHA-256 over the concatenated digests of files sorted by name: the OMS root digest. At most 64
 * files with plain base names (MAN-050), each once. */
SW_NODISCARD sw_status sw_oms_root(const sw_oms_file *files, size_t count, sw_hash *root,
                                   sw_error *err);
/* model.sig: Sigstore bundle v0.3 in public-key mode, P-256; see reference: verifies with
 * model-signing and @sigstore/verify. */
SW_NODISCARD sw_status sw_oms_sign(const char *model_name, const sw_oms_file *files, size_t count,
                                   const sw_session_key *key, sw_buffer *bundle, sw_error *err);
void sw_model_commitment(sw_hash *out, const sw_hash *salt, const sw_hash *oms_root);

/* ---- verification ---- */
/* A file of the opened folder: hashed as it was read, whatever its size. */
typedef struct sw_manifest_file {
    const char *name;
    uint64_t size;
    sw_hash digest;
    sw_bytes content; /* of sealwright.json, model.sig and claims.json; else empty */
} sw_manifest_file;
typedef struct sw_manifest_input {
    sw_bytes manifest, evidence, app_compose, ledger, machine_pem;
    int model_fd; /* model.sealed, or -1: then the link says that it was not brought */
    const int
        *metrics_fds; /* metrics-N.sealed for N from 1, -1 where it is not there; NULL: none */
    size_t metrics_count;
    const sw_hash *app; /* the genesis hash the auditor brings; NULL: "consistent in itself;
                           compared with nobody's expectation" */
    const sw_manifest_file *model; /* opened folder's files, or NULL */
    size_t model_count;
} sw_manifest_input;
/* Reads the opened folder into in->model and in->model_count, each file once and front to back;
 * names and contents lie in the arena. SW_LIMIT for more files, or more in one of the three that
 * are kept, than a run can make; SW_IO for what is no regular file. */
SW_NODISCARD sw_status sw_manifest_read_model(sw_arena *arena, const char *folder,
                                              sw_manifest_input *in, sw_error *err);
/* One line per link, in order; `detail` says what was checked, with values. ok false only for the
 * last one reported. */
typedef struct sw_manifest_report {
    void *context;
    void (*link)(void *context, const char *name, bool ok, const char *detail);
} sw_manifest_report;
typedef struct sw_manifest_verdict {
    bool app_compared, simulated, model_compared;
    sw_hash genesis, compose, digest;
    sw_head ledger; /* state as of this head; on a chain its block */
    uint64_t chain; /* 0: a journal */
    sw_address contract;
    int64_t time_ms; /* and this time; later revocations are unseen */
    uint64_t steps;
    sw_hash output_body; /* SHA-256 of model.sealed's body, for who reads the file again */
} sw_manifest_verdict;
/* genesis -> owners' keys -> unlock statements -> receipt key -> grant receipts -> machine key ->
 * manifest -> closing quote -> model. SW_OK only when every link holds; without `app` it still
 * walks every link and then returns SW_REFUSED "app". */
SW_NODISCARD sw_status sw_manifest_verify(const sw_manifest_input *in,
                                          const sw_manifest_report *report,
                                          sw_manifest_verdict *out, sw_error *err);
#endif
