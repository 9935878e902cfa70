/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this room share: limits, kinds, and the verifier's state while it walks the
 * links.
 */
#ifndef SW_MANIFEST_INTERNAL_H
#define SW_MANIFEST_INTERNAL_H
#include "codec/json.h"
#include "manifest/manifest.h"

#define SW_MANIFEST_TEXT_LIMIT    ((size_t)256 << 20)
#define SW_MANIFEST_NODE_LIMIT    ((size_t)4000000)
#define SW_MANIFEST_EVIDENCE_KIND "sealwright/evidence-file/v1"
#define SW_MANIFEST_LEDGER_KIND   "sealwright/ledger-file/v1"
#define SW_MODEL_FACTS_NAME       "sealwright.json"
#define SW_MODEL_SIGNATURE_NAME   "model.sig"

typedef struct sw_walk {
    const sw_manifest_input *in;
    const sw_manifest_report *report;
    sw_arena arena;
    sw_manifest_verdict verdict;
    sw_genesis *genesis;
    sw_recipe *recipe;
    sw_journal *journal;
    /* parsed, unverified until the link that verifies it */
    sw_envelope manifest;
    const sw_json *predicate, *ledger_file, *evidence_file;
    sw_p256_public machine; /* named by the newest receipt */
    size_t grant_count;
    sw_grant *grants;
    int64_t finished_ms;
    sw_hash output_root, model_commitment;
} sw_walk;

/* Reports a link that holds; `format` is its detail. */
__attribute__((format(printf, 3, 4))) void sw_walk_holds(sw_walk *w, const char *link,
                                                         const char *format, ...);
/* Each verifies one link and reports it. On failure the caller reports the error's sentence. */
SW_NODISCARD sw_status sw_walk_genesis(sw_walk *w, sw_error *err);
SW_NODISCARD sw_status sw_walk_compose(sw_walk *w, sw_error *err);
SW_NODISCARD sw_status sw_walk_ledger(sw_walk *w, sw_error *err);
SW_NODISCARD sw_status
sw_walk_grants(sw_walk *w, sw_error *err); /* statements, receipts, approvals at their heads */
SW_NODISCARD sw_status sw_walk_evidence(sw_walk *w, sw_error *err);
SW_NODISCARD sw_status sw_walk_statement(sw_walk *w, sw_error *err);
SW_NODISCARD sw_status sw_walk_closing(sw_walk *w, sw_error *err);
SW_NODISCARD sw_status sw_walk_sealed(sw_walk *w, sw_error *err);
SW_NODISCARD sw_status sw_walk_model(sw_walk *w, sw_error *err);

/* OMS bundle: signature by `key` and root over these files. */
SW_NODISCARD sw_status sw_oms_check(sw_bytes bundle, const sw_hash *root, const sw_p256_public *key,
                                    sw_error *err);
#endif
