/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent: attests, holds the keys, feeds a sandboxed worker, seals what comes out and writes the
 * manifest from what it saw itself. Docs: docs/formats/worker.md, docs/formats/manifest.md.
 *
 * The agent is this process; the worker dies with it. Nothing from a disk is used that was not read
 * once into memory and hashed there. All keys live in locked memory and are wiped on every way out.
 */
#ifndef SW_RUN_H
#define SW_RUN_H
#include "kms/client.h"
#include "manifest/manifest.h"
#include "run/wire.h"
#include "train/curve.h"

/* What a person may see of a run: phases always; step of total always; loss and curve only when the
 * recipe says `metrics: public`. */
typedef struct sw_run_eyes {
    void *context;
    void (*phase)(void *context, const char *sentence);
    /* Loss and tokens are there at multiples of the recipe's interval alone, rounded (RCP-095): the
     * tokens of all steps since the last such. The rate is the recipe's, the gradient norm is not
     * there. */
    void (*step)(void *context, const sw_wire_step *step, bool with_loss);
    /* Once, when training is done: the rounded records; valid during the call. */
    void (*curve)(void *context, const sw_curve *curve);
    bool (*interrupted)(void *context); /* Ctrl-C: end after the step in hand, with a checkpoint */
} sw_run_eyes;

typedef struct sw_run_options {
    const char *folder;   /* --run DIR */
    sw_bytes app_compose; /* exact bytes */
    sw_bytes genesis_envelope;
    const char *model_folder;  /* base model */
    const char *const *shards; /* sealed files, any order */
    size_t shard_count;
    const char *const *consents; /* consent files, any order */
    size_t consent_count;
    const char *kms_url, *machine;
    const sw_machine_places *places;   /* of a real machine; NULL: the usual ones */
    const sw_kms_reference *reference; /* the key service as this machine's operator accepts it */
    const char *worker;                /* path of sealwright-worker; of a command not read */
    const char *tree;                  /* of a recipe with a command, and of no other: its `/` */
    uint32_t lanes;                    /* 0: all usable CPUs; results do not depend on it */
    sw_entropy entropy;
    sw_clock clock;
    sw_run_eyes eyes;
} sw_run_options;

/* Accounting inside one run, for `sealed_run_overhead`. attest: measuring, attesting, obtaining
 * keys, starting the worker; decode: rows into tokens, which plain training does as well; seal:
 * receiving and sealing checkpoints, receiving outputs; finish: sealing the output, the manifest.
 */
typedef struct sw_run_account {
    int64_t attest_us, unseal_us, decode_us, steps_us, seal_us, finish_us;
} sw_run_account;
typedef struct sw_run_result {
    uint64_t steps;
    bool stopped;         /* resumable: run the same command again */
    bool finished_before; /* the folder holds this recipe's manifest: nothing was done */
    bool simulated;       /* the recipe takes a software machine */
    sw_hash manifest;     /* digest, when not stopped */
    sw_hash compose;
    sw_run_account account;
} sw_run_result;

/* All three that take keys (a run, a replay, an opening) end this process, exit 1 and without a
 * word, when the thread that calls them is held up for 5 s beyond the lease's end (WRK-055). */
/* Runs, or resumes what lies in the folder. Refuses a folder of another recipe. When the lease
 * cannot be renewed: seals a checkpoint, wipes, and returns the KMS's refusal with the resuming
 * hint. */
SW_NODISCARD sw_status sw_run(const sw_run_options *o, sw_run_result *out, sw_error *err);

typedef struct sw_replay_options {
    sw_run_options run;           /* app_compose: the out folder's; folder: the run's, whose sealed
                                     checkpoints           may be begun from, or NULL */
    const sw_manifest_input *out; /* a run's out folder, without app and model */
    uint64_t first, last;         /* the steps to do again; 0: the run's first, its last */
} sw_replay_options;
/* What differs first: the rows of a shard, a state, the model. */
typedef enum sw_replay_part {
    SW_REPLAY_NOTHING,
    SW_REPLAY_ROWS,
    SW_REPLAY_STATE,
    SW_REPLAY_MODEL
} sw_replay_part;
typedef struct sw_replay_result {
    sw_replay_part differs;
    uint64_t begun, equal; /* begun from the state after this step (0: the base model); every state
                              compared is equal up to this one */
    uint64_t at;           /* ROWS: the shard's number from 1; STATE: the step after which it is */
    bool model;            /* compared, and equal */
    bool simulated;
    sw_hash manifest, compose;
    sw_run_account account;
} sw_replay_result;
/* Does a finished run again on an attested machine that was granted the purpose `replay`, with the
 * same recipe, worker and sandbox, and compares what the manifest commits to. Writes nothing.
 * Before it asks for a key it refuses an out folder that sw_manifest_verify refuses. What differs
 * is a result, not an error; a replay that was stopped is an error, because it has no verdict. */
SW_NODISCARD sw_status sw_run_replay(const sw_replay_options *o, sw_replay_result *out,
                                     sw_error *err);

typedef struct sw_open_options {
    sw_bytes genesis_envelope;
    const sw_manifest_input *folder; /* a run's out folder, without app and model */
    const char *out;
    const char *const *consents;
    size_t consent_count;
    const char *kms_url, *machine;
    const sw_machine_places *places;
    const sw_kms_reference *reference;
    sw_p256_public recipient;
    sw_entropy entropy;
    sw_clock clock;
} sw_open_options;
/* Re-seals model.sealed to one recipient on an attested machine that was granted the purpose
 * `open`. Refuses, before it asks for a key, a folder that sw_manifest_verify refuses. *simulated:
 * the recipe takes a software machine. */
SW_NODISCARD sw_status sw_run_open(const sw_open_options *o, bool *simulated, sw_error *err);
/* The recipient's side: unseals an OPENED container into a new folder (its files, checksums, salt
 * and model.sig). */
SW_NODISCARD sw_status sw_run_unpack(const char *opened, const sw_encryption_key *recipient,
                                     const char *folder, sw_error *err);
#endif
