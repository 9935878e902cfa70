/* SPDX-License-Identifier: Apache-2.0
 *
 * Plain model folders and JSONL files for the commands that work unsealed.
 */
#ifndef SW_CLI_PLAIN_H
#define SW_CLI_PLAIN_H
#include "cli/cli.h"
#include "sys/pool.h"
#include "train/train.h"

typedef struct sw_plain_model {
    const char *folder;
    sw_model_file files[SW_MODEL_FILE_LIMIT];
    size_t file_count;
    sw_model model;
    sw_tokenizer *tokenizer;
    sw_row_end end; /* set when rows are read */
} sw_plain_model;

/* Maps a whole file read-only for the command's life; large files never go through the heap. */
SW_NODISCARD sw_status sw_plain_map(sw_cli *cli, const char *path, size_t limit, sw_bytes *out,
                                    sw_error *err);
SW_NODISCARD sw_status sw_plain_open(sw_cli *cli, const char *folder, sw_plain_model *out,
                                     sw_error *err);
/* The files beside a tokenizer.json against it, as sw_plain_open judges them (MODEL-110 on); where
 * there is none that can be opened nothing is judged. */
SW_NODISCARD sw_status sw_plain_check_tokens(sw_cli *cli, const char *folder, sw_error *err);
/* A folder with templates in `additional_chat_templates`: SW_REFUSED "model" (MODEL-094). */
SW_NODISCARD sw_status sw_plain_check_templates(sw_cli *cli, const char *folder, sw_error *err);
/* Where the model's answers end (MODEL-026). */
SW_NODISCARD sw_status sw_plain_ends(const sw_plain_model *m, sw_token_ends *out, sw_error *err);
/* A computation that ended in no number is told by the weight that is none, when there is one:
 * `status` and `err` of it, or those of sw_model_check_finite. */
SW_NODISCARD sw_status sw_plain_blame(const sw_plain_model *m, const sw_parallel *parallel,
                                      sw_status status, sw_error *err);
void sw_plain_close(sw_plain_model *m);
/* sw_train_host.release: whole pages of these mapped bytes leave memory; read again, they come
 * back.
 */
void sw_plain_release(void *context, sw_bytes tensor);
/* The rows of JSONL files as a run of these settings reads them; the template must be the model's.
 */
SW_NODISCARD sw_status sw_plain_rows(sw_cli *cli, sw_plain_model *m, const sw_training *settings,
                                     const char *const *files, size_t count, sw_rows *out,
                                     sw_error *err);
/* When its rows are there no tokeniser is needed: closes it, and says what it took at most, beside
 * these rows (PLN-009). */
size_t sw_plain_close_tokenizer(sw_plain_model *m, const sw_rows *rows);
SW_NODISCARD sw_status sw_plain_adapter(sw_cli *cli, const char *folder, sw_adapter *out,
                                        sw_error *err);
/* One user turn through the model's chat template, or the text itself when it has none. --date is
 * the day that a template may name. */
SW_NODISCARD sw_status sw_plain_prompt(sw_cli *cli, sw_plain_model *m, sw_bytes text,
                                       sw_tokens *out, sw_error *err);
SW_NODISCARD sw_status sw_plain_lanes(sw_cli *cli, uint64_t *lanes,
                                      sw_error *err); /* --threads, else all usable CPUs */
SW_NODISCARD sw_status sw_plain_pool(sw_cli *cli, sw_pool **pool, sw_parallel *parallel,
                                     sw_error *err);
#endif
