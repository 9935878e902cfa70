/* SPDX-License-Identifier: Apache-2.0
 *
 * What `train` keeps of a run that is not over, so that the same command goes on from it: the
 * folder OUT.state with the files `state` and `curve` (docs/formats/training.md, CKP-030 to
 * CKP-033).
 */
#ifndef SW_CLI_PLAIN_STATE_H
#define SW_CLI_PLAIN_STATE_H
#include "cli/plain.h"
#include "train/curve.h"

typedef struct sw_plain_state {
    const char *folder, *state_path, *curve_path; /* in the command's arena */
    sw_hash model;                                /* of the base model's files */
    bool keeps;                                   /* the recipe has save_steps */
    uint64_t kept;          /* the step of the state that lies there; 0: none */
    sw_bytes resume;        /* that state, mapped until the run has read it; empty: none */
    sw_curve_point *points; /* of its steps, `kept` of them */
} sw_plain_state;
/* Looks at what lies beside `out` for a job that is planned. SW_REFUSED "checkpoint" when it is of
 * another job or base model, SW_MALFORMED when a file is damaged or the curve does not belong to
 * the state; each names the file, and the hint is a way on (CKP-035). */
SW_NODISCARD sw_status sw_plain_state_open(sw_cli *cli, const char *out, const sw_plain_model *m,
                                           const sw_train_job *job, sw_plain_state *s,
                                           sw_error *err);
/* The state after the curve's last step takes the place of the one before; a crash leaves either.
 * Nothing when the recipe does not ask for it. */
SW_NODISCARD sw_status sw_plain_state_write(sw_plain_state *s, const sw_curve *curve,
                                            sw_bytes state, sw_error *err);
/* Says beside a failure what is kept and how to go on. */
void sw_plain_state_hint(const sw_plain_state *s, sw_error *err);
void sw_plain_state_unmap(sw_plain_state *s);
/* The run is over: the two files go, and the folder if nothing else is in it. */
void sw_plain_state_remove(const sw_plain_state *s);
#endif
