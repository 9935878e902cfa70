/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this room share: limits, kinds, and the verifier's state while it walks the
 * links.
 */
#ifndef SW_MANIFEST_INTERNAL_H
#define SW_MANIFEST_INTERNAL_H
#include "codec/json.h"
#include "ledger/chain_judge.h"
#include "manifest/manifest.h"

#define SW_MANIFEST_TEXT_LIMIT  ((size_t)256 << 20)
#define SW_MANIFEST_NODE_LIMIT  ((size_t)4000000)
#define SW_MANIFEST_LEDGER_KIND "sealwright/ledger-file/v1"
#define SW_MODEL_FACTS_NAME     "sealwright.json"
#define SW_MODEL_SIGNATURE_NAME "model.sig"

/* A run's step chain and checkpoints may be long, and grants many; the tree of all of it may not
 * take more than this. */
#define SW_MANIFEST_ARENA_LIMIT ((size_t)1 << 30)

typedef struct sw_walk {
    const sw_manifest_input *in;
    const sw_manifest_report *report;
    const char *link; /* in hand */
    sw_arena arena;
    sw_manifest_verdict verdict;
    sw_genesis *genesis;
    sw_recipe *recipe;
    sw_journal *journal; /* or, on a chain, views of blocks */
    sw_view_list views;
    bool *judged;          /* by place in `views`: approval stood there */
    sw_verifier *verifier; /* of the run's evidence */
    /* parsed, unverified until the link that verifies it */
    sw_envelope manifest;
    const sw_json *statement, *predicate, *ledger_file, *evidence_file;
    /* established by the links, in their order */
    sw_p256_public machine; /* named by the newest receipt */
    size_t grant_count;
    sw_grant *grants;
    uint64_t starts;            /* receipts that are no renewals */
    sw_claims claims;           /* of the newest receipt's evidence */
    sw_buffer evidence;         /* whole, the last that was restored */
    uint64_t rows, rows_listed; /* delivered to training, and of how many */
    uint64_t tokens;            /* of these rows */
    int64_t finished_ms;
    bool claims_named; /* by the statement, as a file of the model */
    sw_hash last_checkpoint, output_root, model_commitment;
    size_t sealed_metrics_count;
    sw_manifest_sealed_metrics sealed_metrics[SW_OWNER_LIMIT];
} sw_walk;

/* Reports a link that holds; `format` is its detail. */
__attribute__((format(printf, 3, 4))) void sw_walk_holds(sw_walk *w, const char *link,
                                                         const char *format, ...);
/* Refuses unless the member of that name is this hash, which an earlier link established. */
SW_NODISCARD sw_status sw_walk_same_hash(const sw_json *o, const char *where, const char *name,
                                         const sw_hash *expected, sw_error *err);
bool sw_walk_has_shard(const sw_walk *w, const sw_hash *owner);

/* Is the head that somebody signed among what ledger.json shows? "rollback"; on a chain "proof". */
SW_NODISCARD sw_status sw_walk_find_head(sw_walk *w, const sw_head *head, sw_error *err);
bool sw_walk_on_chain(const sw_walk *w);

/* Each verifies one link (the grants: three) and reports it. On failure the caller reports the
 * error's sentence under `link`. */
SW_NODISCARD sw_status sw_walk_genesis(sw_walk *w, sw_error *err);
SW_NODISCARD sw_status sw_walk_compose(sw_walk *w, sw_error *err);
SW_NODISCARD sw_status sw_walk_ledger(sw_walk *w, sw_error *err);
SW_NODISCARD sw_status sw_walk_grants(sw_walk *w, sw_error *err);
SW_NODISCARD sw_status sw_walk_evidence(sw_walk *w, sw_error *err);
SW_NODISCARD sw_status sw_walk_statement(sw_walk *w, sw_error *err);
SW_NODISCARD sw_status sw_walk_closing(sw_walk *w, sw_error *err);
SW_NODISCARD sw_status sw_walk_sealed(sw_walk *w, sw_error *err);
SW_NODISCARD sw_status sw_walk_metrics(sw_walk *w, sw_error *err);
SW_NODISCARD sw_status sw_walk_model(sw_walk *w, sw_error *err);

/* `predicate.run` (MAN-019 on); a part of the link `manifest`. Needs `rows` and `starts`. */
SW_NODISCARD sw_status sw_walk_record(sw_walk *w, const sw_json *run, sw_error *err);
/* MAN-087, MAN-077: whether a run of that trainer there must have had this layer of the sandbox. */
bool sw_walk_needs_layer(const char *layer, bool native, sw_platform platform);
/* MAN-077: whether that recipe's trainer may have run on that recipe's machines at all. */
bool sw_walk_place_allowed(const sw_recipe *r);
/* What the line about a script says of that besides, or "". */
const char *sw_walk_place_words(const sw_recipe *r);

/* ---- OMS: a model's files by name, each hashed once ---- */
#define SW_OMS_FILE_LIMIT 64
typedef struct sw_oms_listing {
    size_t count;
    const char *names[SW_OMS_FILE_LIMIT]; /* ascending; the caller's */
    uint64_t sizes[SW_OMS_FILE_LIMIT];
    sw_hash digests[SW_OMS_FILE_LIMIT];
} sw_oms_listing;
SW_NODISCARD sw_status sw_oms_list(const sw_oms_file *files, size_t count, sw_oms_listing *out,
                                   sw_error *err);
/* The same of files that were hashed already. */
SW_NODISCARD sw_status sw_oms_list_hashed(const sw_manifest_file *files, size_t count,
                                          sw_oms_listing *out, sw_error *err);
void sw_oms_listing_root(const sw_oms_listing *listing, sw_hash *root);
/* The bundle is byte for byte what is made of this name, these files and a signature by `key`. */
SW_NODISCARD sw_status sw_oms_check(sw_bytes bundle, const char *model_name,
                                    const sw_oms_listing *listing, const sw_p256_public *key,
                                    sw_error *err);
#endif
