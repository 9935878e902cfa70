/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's own state, shared by the files of this room. One agent, one run, one thread;
 * beside it stands the lease's guard, which sees nothing of this.
 */
#ifndef SW_RUN_AGENT_H
#define SW_RUN_AGENT_H
#include "run/agent_guard.h"
#include "run/run.h"
#include "sys/cpuid.h"
#include "sys/files.h"
#include "sys/kernel_log.h"
#include "sys/process.h"

#define SW_AGENT_MODEL_LIMIT  ((uint64_t)64 << 30)
#define SW_AGENT_ROWS_LIMIT   ((uint64_t)16 << 30)
#define SW_AGENT_OUTPUT_FILES 16
/* More than all that the agent adds to the outputs besides a curve: names, facts, signature. */
#define SW_AGENT_OUTPUT_REST 65536
/* WRK-045: what a checkpoint's record carries. Grants take at most three fifths of it, because what
 * stands there in base64, and the whole manifest does, takes a third more. Renewals leave room for
 * the grants of this many resumes, each as large as the largest. */
#define SW_AGENT_RECORD_LIMIT ((size_t)256 << 20)
#define SW_AGENT_GRANT_BYTES  (SW_AGENT_RECORD_LIMIT / 5 * 3)
#define SW_AGENT_RESUMES      16
/* What a child is given behind control, stream and metrics. */
#define SW_AGENT_FD_LIMIT (2 * SW_SHARD_LIMIT + 1)
/* WRK-050: leases without a byte that are a stall. A script may compute long between two words. */
#define SW_AGENT_PATIENCE         1
#define SW_AGENT_COMMAND_PATIENCE 10
#define SW_AGENT_GRACE_MS         5000 /* WRK-055 */

typedef struct sw_agent_grant {              /* owned bytes behind one sw_manifest_grant */
    sw_buffer receipt, statements, evidence; /* the last shortened by the grant before (MAN-006) */
    sw_manifest_grant view;
} sw_agent_grant;
void sw_agent_grant_free(sw_agent_grant *g);

/* What a replay compares with, and what it has found (replay.c). */
typedef struct sw_agent_replay {
    sw_manifest_record said; /* by the verified manifest */
    uint64_t first, last;    /* steps to do again */
    bool enough;             /* nothing more is wanted of the worker */
    sw_replay_result result;
} sw_agent_replay;

struct sw_private_root;

/* CMD-045, WRK-022: how a worker ended that did not end well, besides the classes of FAILED. */
typedef enum sw_agent_end {
    SW_END_BROKE,   /* what it said was not due, or beyond a limit */
    SW_END_FAILED,  /* it said so itself: by `failure` */
    SW_END_GONE,    /* without its last word */
    SW_END_KILLED,  /* by the sandbox */
    SW_END_STALLED, /* WRK-050 */
    SW_END_HOST     /* none of its doing: stopped, or the folder cannot be written */
} sw_agent_end;

/* What a run of a command has besides (agent_command.c, agent_command_rows.c). */
typedef struct sw_agent_command {
    struct sw_private_root *root;
    sw_watch *watch;       /* of the child that runs or ran */
    uint64_t memory_kills; /* of the machine, before the start */
    bool started;
    size_t fd_count;
    int fds[SW_AGENT_FD_LIMIT]; /* of shard i rows 2i, index 2i + 1; then the state to resume from
                                 */
    uint64_t shard_bytes[SW_SHARD_LIMIT];
    char media_types[SW_SHARD_LIMIT][SW_MEDIA_TYPE_LIMIT + 1];
    uint64_t planned;               /* by the start that is resumed; 0 when none is */
    bool claimed;                   /* claims.json is among the outputs: nothing follows it */
    bool differs[SW_COMMAND_FILES]; /* of the lock's files, in the tree that was copied */
} sw_agent_command;

typedef struct sw_agent {
    const sw_run_options *o;
    sw_agent_replay *replay;   /* NULL in a run */
    sw_agent_command *command; /* NULL with the native trainer */
    sw_arena arena;
    sw_recipe *recipe;
    sw_genesis *genesis;
    sw_hash compose;
    int lock_fd;
    /* measured once into memory */
    int image_fd, model_fd, rows_fd;
    sw_bytes image;
    sw_hash worker_digest;
    uint64_t model_bytes, rows_bytes;
    sw_wire_span files[SW_WIRE_FILE_LIMIT], shards[SW_WIRE_FILE_LIMIT];
    /* trust */
    sw_machine *machine;
    sw_session_key *manifest_key;
    sw_p256_public manifest_public;
    sw_consent consents[SW_SHARD_LIMIT];
    const char *shard_paths[SW_SHARD_LIMIT];
    sw_remote *kms;
    sw_verifier *verifier; /* of the KMS's evidence, from renewal to renewal */
    sw_granted granted;
    int64_t lease_end_ms, renew_at_ms; /* by the machine's counter */
    sw_agent_guard *guard;             /* since the boot; has a deadline since the first grant */
    int64_t time_base_ms;              /* KMS's time minus the machine's counter */
    sw_data_key *data_keys[SW_SHARD_LIMIT];
    sw_run_key *run_key;
    sw_subkey *checkpoint_key, *output_key, *commit_key;
    sw_status lease_status; /* why the lease could not be renewed */
    sw_error lease_error;
    /* what was seen: goes into the manifest, and into every checkpoint */
    sw_manifest_dataset datasets[SW_SHARD_LIMIT];
    sw_agent_grant *grants; /* SW_MANIFEST_GRANT_LIMIT in the arena, filled lazily */
    size_t grant_count;
    uint64_t grant_bytes, largest_grant; /* of all, and of one */
    sw_buffer newest_evidence;           /* whole, of the last grant */
    sw_buffer views; /* on a chain: of the blocks that these grants rest on (CHN-062) */
    sw_manifest_link *links, *checkpoints;
    size_t link_count, checkpoint_count;
    sw_manifest_metric *metrics;
    size_t metric_count, metric_capacity;
    uint64_t resumes;
    int64_t started_ms;
    sw_sandbox_layers layers;
    bool on_hardware; /* log and disk may be the host's to read: silent kernel, no swap */
    sw_kernel_log kernel_log;
    sw_hash previous_root; /* of the newest checkpoint */
    uint64_t saved_step;   /* and its step; 0 when there is none */
    sw_buffer resume;      /* worker state of the checkpoint resumed from */
    /* the worker */
    pid_t worker;
    int worker_pidfd, control_fd, stream_fd, metrics_fd;
    bool hello_seen, plan_seen, stop_sent, stopped;
    bool stop_state;  /* a state of a step that the recipe does not fix was taken: an end is due */
    bool stop_due;    /* STOP found the control pipe full: at the next tick again */
    sw_agent_end end; /* of the newest worker, when the conversation with it failed */
    sw_failure failure;  /* of SW_END_FAILED */
    int64_t patience;    /* leases that it may be silent */
    int64_t progress_ms; /* when the worker last took or gave a byte, by the machine's counter */
    /* WRK-054: the longest step and the longest save so far, and when the newest step was told */
    int64_t step_ms, save_ms, stepped_ms;
    int64_t waited_ms;                                          /* for renewals, in all */
    uint8_t record[SW_FRAME_HEADER_BYTES + SW_WIRE_STEP_BYTES]; /* a step record as it arrives */
    size_t record_bytes;
    uint64_t step, total_steps;
    uint64_t tokens_unsaid; /* of the steps behind the newest record; saturates */
    uint64_t save_steps;    /* of the recipe */
    sw_buffer outputs[SW_AGENT_OUTPUT_FILES];
    char output_names[SW_AGENT_OUTPUT_FILES][129];
    size_t output_count;
    uint64_t output_bytes;
    sw_run_account account;
} sw_agent;

/* agent.c: allocated with every descriptor closed; dropping wipes every key and ends the worker. */
sw_agent *sw_agent_new(const sw_run_options *o);
void sw_agent_drop(sw_agent **a);
void sw_agent_drop_keys(sw_agent *a); /* but for the one that signs the manifest */
/* The three beginnings of a run, in this order: recipe and genesis; worker, model, consents, shards
 * and checkpoints as far as they can be looked at without a key; this machine and the keys. */
SW_NODISCARD sw_status sw_agent_prepare(sw_agent *a, sw_error *err);
SW_NODISCARD sw_status sw_agent_measure(sw_agent *a, sw_error *err);
SW_NODISCARD sw_status sw_agent_attest(sw_agent *a, sw_purpose purpose, sw_error *err);
/* agent_trust.c */
/* MAN-092, MAN-100: every link of a run's out folder, for the app of a->genesis; then what it says.
 */
SW_NODISCARD sw_status sw_agent_verify_folder(sw_agent *a, const sw_manifest_input *folder,
                                              sw_manifest_verdict *verdict,
                                              sw_manifest_record *record, sw_error *err);
SW_NODISCARD sw_status sw_agent_match_consents(sw_agent *a, const char *const *paths, size_t count,
                                               sw_error *err);
/* The machine that the options name, with the options' app-compose. */
SW_NODISCARD sw_status sw_agent_boot(sw_agent *a, sw_error *err);
SW_NODISCARD sw_status sw_agent_take_keys(sw_agent *a, sw_purpose purpose, sw_error *err);
SW_NODISCARD sw_status sw_agent_take_open_keys(sw_agent *a, const sw_hash *manifest,
                                               const sw_p256_public *recipient, sw_error *err);
SW_NODISCARD sw_status sw_agent_derive(sw_agent *a, sw_error *err);
/* Adds an array of views to those that the run's grants rest on; nothing without a chain. */
SW_NODISCARD sw_status sw_agent_keep_views(sw_agent *a, sw_bytes views, sw_error *err);
/* What the grants that are kept take: after each change of them. */
void sw_agent_weigh_grants(sw_agent *a);
/* Renews when it is due; false when the run must end now (a->lease_error says why). */
bool sw_agent_lease_holds(sw_agent *a);
/* Why there is no lease any more: the refusal that was heard, else that it has ended. */
SW_NODISCARD sw_status sw_agent_end_lease(sw_agent *a, sw_error *err);
/* By the counter, or as the guard has seen it. */
bool sw_agent_lease_ended(const sw_agent *a);
/* WRK-055: the work is done, so that its guard goes; SW_REFUSED "lease" when it was too late. */
SW_NODISCARD sw_status sw_agent_release_lease(sw_agent *a, sw_error *err);
/* WRK-052, behind the worker's last word, where no tick comes: renews when it is due. SW_OK: the
 * lease lasts at this moment and no renewal was refused. */
SW_NODISCARD sw_status sw_agent_hold_lease(sw_agent *a, sw_error *err);
/* For a sealer's `write`: the host may keep what goes to its disk, so the lease is held before each
 * piece of it (WRK-052). */
typedef struct sw_agent_output {
    sw_agent *agent;
    sw_output *output;
} sw_agent_output;
SW_NODISCARD sw_status sw_agent_to_output(void *context, sw_bytes bytes, sw_error *err);
/* agent_measure.c */
SW_NODISCARD sw_status sw_agent_load_worker(sw_agent *a, sw_error *err);
SW_NODISCARD sw_status sw_agent_load_model(sw_agent *a, sw_error *err);
/* agent_model.c: WRK-046. `map` holds the model's files at the offsets of a->files. */
SW_NODISCARD sw_status sw_agent_check_model(const sw_agent *a, const uint8_t *map, sw_error *err);
/* agent_rows.c */
SW_NODISCARD sw_status sw_agent_match_shards(sw_agent *a, sw_error *err);
SW_NODISCARD sw_status sw_agent_decode_shards(sw_agent *a, sw_error *err);
/* agent_kernel.c: SANDBOX-050 to SANDBOX-054, told to a person. Before a start; again does nothing.
 * Of a native worker on a software machine nothing at all. */
void sw_agent_hush_kernel(sw_agent *a);
/* On hardware the same, and SW_REFUSED "sandbox" where no child could start: before a key is asked
 * for. */
SW_NODISCARD sw_status sw_agent_check_kernel(sw_agent *a, sw_error *err);
void sw_agent_restore_kernel(sw_agent *a); /* when the last child has ended */
/* agent_worker.c */
/* Starts `what`, whose fds come behind the three pipes. The control pipe takes `control_bytes`
 * without being read, and writing to it never blocks. */
SW_NODISCARD sw_status sw_agent_spawn(sw_agent *a, const sw_spawn *what, size_t control_bytes,
                                      sw_error *err);
SW_NODISCARD sw_status sw_agent_start(sw_agent *a, const sw_wire_job *job, const int *fds,
                                      size_t fd_count, sw_error *err);
SW_NODISCARD sw_status sw_agent_send_job(sw_agent *a, const sw_wire_job *job, sw_error *err);
/* JOB, as the child takes it. A child that has gone is no failure here: its stream says why. */
SW_NODISCARD sw_status sw_agent_tell_job(sw_agent *a, sw_bytes job, sw_error *err);
/* WRK-050. Once a tick: lease end, a stalled worker, renewal, Ctrl-C. */
SW_NODISCARD sw_status sw_agent_tick(sw_agent *a, sw_error *err);
/* All three keep the lease and the metrics pipe alive, and none waits for a worker longer than its
 * patience (WRK-050). */
SW_NODISCARD sw_status sw_agent_read(sw_agent *a, void *out, uint64_t size, sw_error *err);
/* Into a pipe that does not block. *gone, with SW_OK: nobody reads it any more, and what is left of
 * `bytes` is nowhere. */
SW_NODISCARD sw_status sw_agent_feed(sw_agent *a, int fd, sw_bytes bytes, bool *gone,
                                     sw_error *err);
/* Until the metrics pipe has told of `step`; of a command it is read empty, which is enough
 * (CMD-048). */
SW_NODISCARD sw_status sw_agent_await_step(sw_agent *a, uint64_t step, sw_error *err);
SW_NODISCARD sw_status sw_agent_frame(sw_agent *a, sw_frame_type *type, uint64_t *size,
                                      sw_error *err);
void sw_agent_end_worker(sw_agent *a);
SW_NODISCARD sw_status sw_agent_train(sw_agent *a, sw_error *err);
/* The conversation with what was started, to its last word. */
SW_NODISCARD sw_status sw_agent_converse(sw_agent *a, sw_error *err);
SW_NODISCARD sw_status sw_agent_not_due(const sw_agent *a, const char *what, sw_error *err);
SW_NODISCARD sw_status sw_agent_read_buffer(sw_agent *a, uint64_t size, uint64_t limit,
                                            sw_buffer *out, sw_error *err);
/* Into sealed memory, to be closed by the caller. */
SW_NODISCARD sw_status sw_agent_share_resume(sw_agent *a, int *fd, sw_error *err);
/* agent_command.c, agent_command_rows.c, agent_command_words.c: the same parts of a run for a
 * recipe with a command (docs/formats/command.md) */
SW_NODISCARD sw_status sw_agent_open_command(sw_agent *a, sw_error *err);
void sw_agent_drop_command(sw_agent *a);
SW_NODISCARD sw_status sw_agent_copy_tree(sw_agent *a, sw_error *err);
SW_NODISCARD sw_status sw_agent_share_shards(sw_agent *a, sw_error *err);
SW_NODISCARD sw_status sw_agent_start_command(sw_agent *a, sw_error *err);
SW_NODISCARD sw_status sw_agent_encode_job(const sw_agent *a, sw_buffer *out, sw_error *err);
SW_NODISCARD sw_status sw_agent_check_plan(const sw_agent *a, uint64_t total, uint64_t tokens,
                                           sw_error *err);
SW_NODISCARD sw_status sw_agent_take_claims(sw_agent *a, uint64_t size, sw_error *err);
/* CMD-052: SW_REFUSED "command" where a script could say to the host what is neither closed nor
 * counted. */
SW_NODISCARD sw_status sw_agent_check_place(const sw_policy *p, sw_cpuid *ask, sw_error *err);
/* The chain's last value, when no state was taken at the last step. */
SW_NODISCARD sw_status sw_agent_end_chain(sw_agent *a, sw_error *err);
/* Offsets of a text's rows and its size (CMD-030), u64le each, into `index` with room for `rows` +
 * 1 of them; SW_REFUSED "shard" when there are others. */
SW_NODISCARD sw_status sw_agent_index_rows(sw_bytes text, uint64_t rows, uint8_t *index,
                                           sw_error *err);
SW_NODISCARD sw_status sw_agent_fill_job(const sw_agent *a, sw_job_kind kind, sw_buffer *settings,
                                         sw_wire_job *job, sw_error *err);
/* agent_end.c. CMD-045, WRK-022: of a failure that a worker may have chosen the class alone is
 * left, in one of a fixed list of sentences. `status` comes from the conversation or from what
 * follows it; what is not of the worker's doing is as it was. */
SW_NODISCARD sw_status sw_agent_fold(sw_agent *a, sw_status status, sw_error *err);
/* The same of a shard's decoder, and which shard it was. */
SW_NODISCARD sw_status sw_agent_fold_decoder(sw_agent *a, size_t shard, sw_status status,
                                             sw_error *err);
/* The same of what ends a run after its script's last word, when what it gave takes too much. */
SW_NODISCARD sw_status sw_agent_fold_finish(sw_agent *a, sw_status status, sw_error *err);
/* agent_record.c: as of `step`; and back, in front of what this start has seen */
SW_NODISCARD sw_status sw_agent_encode_record(const sw_agent *a, uint64_t step, sw_buffer *out,
                                              sw_error *err);
SW_NODISCARD sw_status sw_agent_decode_record(sw_agent *a, sw_bytes text, sw_error *err);
/* agent_checkpoint.c */
SW_NODISCARD sw_status sw_agent_extend_chain(sw_agent *a, uint64_t step, const sw_hash *state,
                                             sw_error *err);
SW_NODISCARD sw_status sw_agent_save(sw_agent *a, uint64_t step, sw_bytes state, bool in_chain,
                                     sw_error *err);
/* Without a key: when there are checkpoints, one of them is whole. */
SW_NODISCARD sw_status sw_agent_check_checkpoints(sw_agent *a, sw_error *err);
SW_NODISCARD sw_status sw_agent_restore(sw_agent *a, bool *found, sw_error *err);
SW_NODISCARD sw_status sw_agent_has_checkpoint(const sw_agent *a, bool *out, sw_error *err);
/* `step` is one whose state is sealed, or the last: how far records ran ahead of a state would be a
 * script's to say (CMD-054). */
SW_NODISCARD sw_status sw_agent_write_state(sw_agent *a, const char *phase, uint64_t step,
                                            sw_error *err);
SW_NODISCARD sw_status sw_agent_check_state(sw_agent *a, sw_error *err);
/* SW_REFUSED "recipe" when what lies in the folder is of another recipe than this one. */
SW_NODISCARD sw_status sw_agent_check_recipe(const sw_agent *a, const sw_hash *compose,
                                             sw_error *err);
/* agent_metrics.c: what the metrics pipe holds; closes it at its end */
/* WRK-054: so many steps are done since the last were. */
void sw_agent_note_pace(sw_agent *a, uint64_t steps);
SW_NODISCARD sw_status sw_agent_take_metrics(sw_agent *a, sw_error *err);
/* Room for so many step records, those that are there kept. */
SW_NODISCARD sw_status sw_agent_metric_room(sw_agent *a, uint64_t count, sw_error *err);
/* When training is done: curve.svg among the outputs, if there are records and room for it. */
SW_NODISCARD sw_status sw_agent_add_curve(sw_agent *a, sw_error *err);
/* out/metrics-N.sealed for every owner of a listed shard, unless metrics are
 * public */
SW_NODISCARD sw_status sw_agent_seal_metrics(sw_agent *a, sw_manifest_facts *facts, sw_error *err);
/* Their content (MAN-024); its size follows from the recipe and total_steps alone. */
SW_NODISCARD sw_status sw_agent_encode_metrics(const sw_agent *a, sw_buffer *out, sw_error *err);
/* How many such files a finished run has. */
size_t sw_agent_metric_owners(const sw_agent *a);
/* replay.c: what a replay does with a state; and, before that, whether a checkpoint is one that the
 * manifest names. */
SW_NODISCARD sw_status sw_agent_compare(sw_agent *a, uint64_t step, sw_bytes state, bool in_chain,
                                        sw_error *err);
bool sw_agent_names_checkpoint(const sw_agent_replay *r, uint64_t step, const sw_hash *root);
/* agent_finish.c */
/* The worker's outputs with sealwright.json: what model.sig signs, and the commitment to it
 * (MAN-041). The caller frees `facts`. */
typedef struct sw_agent_model {
    sw_buffer facts;
    size_t count;
    sw_oms_file files[SW_AGENT_OUTPUT_FILES + 1];
    sw_hash commitment;
} sw_agent_model;
SW_NODISCARD sw_status sw_agent_make_model(const sw_agent *a, sw_agent_model *out, sw_error *err);
/* SW_LIMIT when the outputs and what is added to them go beyond the recipe's output.limit. */
SW_NODISCARD sw_status sw_agent_check_room(const sw_agent *a, sw_error *err);
/* That refusal. */
SW_NODISCARD sw_status sw_agent_too_large(const sw_agent *a, sw_error *err);
SW_NODISCARD sw_status sw_agent_finish(sw_agent *a, sw_hash *manifest, sw_error *err);
/* MAN-093: that no file of a finished run's out folder is missing. */
SW_NODISCARD sw_status sw_agent_check_finished(sw_agent *a, sw_error *err);

void sw_agent_phase(const sw_agent *a, const char *sentence);
int64_t sw_agent_now_us(const sw_agent *a);
/* HMAC-SHA256 under the commit subkey over the bound fields. */
void sw_agent_commit(const sw_agent *a, sw_hash *out, const char *label, const sw_bytes *fields,
                     size_t count);
#endif
