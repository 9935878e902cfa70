/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line's frame: commands as tables, options and configuration, output for people and
 * for programs.
 *
 * A command file defines `const sw_command sw_commands_NAME[]` ending in {0} and is listed in
 * main.c. A command returns a status; the frame prints "sealwright: error: ..." and "sealwright:
 * hint: ...", or {"error":{...}} with --json, and exits 0, 1 or 2 (SW_USAGE). Data goes to stdout,
 * everything else to stderr. Only this room reads the environment (XDG_CONFIG_HOME, HOME, NO_COLOR,
 * TERM, COLUMNS, and LC_ALL, LC_CTYPE, LANG for whether the terminal takes UTF-8).
 */
#ifndef SW_CLI_H
#define SW_CLI_H
#include "codec/json.h"
#include "identity/identity.h"
#include "sys/clock.h"
#include <stdio.h>

typedef enum sw_option_kind { SW_OPTION_FLAG, SW_OPTION_VALUE, SW_OPTION_LIST } sw_option_kind;
typedef struct sw_option {
    const char *name; /* without dashes; of one letter: with one dash as well */
    sw_option_kind kind;
    const char *value; /* "FILE", "DIR", "N"; NULL for flags */
    const char *help;  /* one line; NULL: another form of an option that is told */
} sw_option;

typedef struct sw_cli sw_cli;
typedef struct sw_command {
    const char *name;      /* one or two words: "seal", "kms serve" */
    const char *arguments; /* "RECIPE", "FILE...", "" */
    const char *summary;   /* one line, imperative */
    const char *details;   /* a few lines for the man page; NULL for none */
    size_t min_arguments, max_arguments;
    const sw_option *options; /* ends with a NULL name; NULL for none */
    sw_status (*run)(sw_cli *cli, sw_error *err);
} sw_command;

/* Options that every command takes: --json, --config FILE, --help. */
size_t sw_cli_argument_count(const sw_cli *cli);
const char *sw_cli_argument(const sw_cli *cli, size_t index);
/* The option's value; for ledger, rpc, kms, app, identity, machine and models also the
 * configuration's member of that name; NULL when neither is there. */
const char *sw_cli_value(const sw_cli *cli, const char *name);
/* The option's value as the command line gives it; NULL when it does not. A configuration file may
 * have come with the very folder that is judged, so it is nobody's expectation. */
const char *sw_cli_option(const sw_cli *cli, const char *name);
/* As sw_cli_value; SW_USAGE naming the option when it is missing. */
SW_NODISCARD sw_status sw_cli_need(const sw_cli *cli, const char *name, const char **value,
                                   sw_error *err);
/* --model: a folder, or the name of one in the configuration's `models`. */
SW_NODISCARD sw_status sw_cli_model(sw_cli *cli, const char **folder, sw_error *err);
SW_NODISCARD sw_status sw_cli_u64(const sw_cli *cli, const char *name, uint64_t fallback,
                                  uint64_t max, uint64_t *out, sw_error *err);
bool sw_cli_flag(const sw_cli *cli, const char *name);
const char *const *sw_cli_list(const sw_cli *cli, const char *name, size_t *count);

bool sw_cli_json(const sw_cli *cli);
sw_arena *sw_cli_arena(sw_cli *cli); /* lives as long as the command */
const sw_entropy *sw_cli_entropy(const sw_cli *cli);
const sw_clock *sw_cli_clock(const sw_cli *cli);
/* From --passphrase-file FILE when the command has that option and it is given, else asked on the
 * terminal without echo; refuses when there is no terminal. */
const sw_passphrase *sw_cli_passphrase(sw_cli *cli);
#define SW_CLI_PASSPHRASE_OPTION                                                                   \
    { "passphrase-file", SW_OPTION_VALUE, "FILE", "read the passphrase from FILE (first line)" }

/* stdout, flushed; a failed write is an error. Prints nothing for people when --json is given. */
__attribute__((format(printf, 2, 3))) void sw_cli_print(sw_cli *cli, const char *format, ...);
/* Raw data on stdout (a file's content, a public key), with and without --json. */
void sw_cli_write(sw_cli *cli, sw_bytes data);
/* The result for programs: printed as one line when --json is given. */
void sw_cli_result(sw_cli *cli, const sw_json *object);
/* What programs are told beside the error when the command fails: `object` of the command's arena,
 * to which the frame adds "error". */
void sw_cli_failure(sw_cli *cli, sw_json *object);
/* A note for people on stderr ("sealwright: ..."), not with --json. */
__attribute__((format(printf, 2, 3))) void sw_cli_note(sw_cli *cli, const char *format, ...);
/* One line that redraws itself on a terminal, nothing elsewhere; total 0: unknown. `text` follows
 * the bar, and behind it the time left, from what was done since the line was first drawn; the bar
 * takes the columns that they leave. sw_cli_progress_end clears it. */
void sw_cli_progress(sw_cli *cli, uint64_t done, uint64_t total, const char *text);
void sw_cli_progress_end(sw_cli *cli);

/* "3m05s", "2h40m": what is left, or what something takes. */
#define SW_CLI_DURATION_BYTES 32
void sw_cli_duration(char out[SW_CLI_DURATION_BYTES], double seconds);

/* Reads a whole file into the command's arena. */
SW_NODISCARD sw_status sw_cli_read(sw_cli *cli, const char *path, size_t limit, sw_bytes *out,
                                   sw_error *err);
/* The same for what somebody else may have put there: nothing but a regular file is read, because a
 * pipe would wait for its writer for ever; or "-". */
SW_NODISCARD sw_status sw_cli_read_regular(sw_cli *cli, const char *path, size_t limit,
                                           sw_bytes *out, sw_error *err);
/* And for a file in a folder. */
SW_NODISCARD sw_status sw_cli_read_in(sw_cli *cli, const char *folder, const char *name,
                                      size_t limit, sw_bytes *out, sw_error *err);

/* Reads somebody's card; the error names the file. */
SW_NODISCARD sw_status sw_cli_card(sw_cli *cli, const char *path, sw_card *out, sw_error *err);

extern const sw_command sw_commands_seal[], sw_commands_identity[], sw_commands_recipe[],
    sw_commands_ledger[], sw_commands_machine[], sw_commands_kms[], sw_commands_model[],
    sw_commands_run[], sw_commands_manifest[], sw_commands_collateral[], sw_commands_attest[],
    sw_commands_deploy[], sw_commands_explain[], sw_commands_prove[], sw_commands_trainer[];
#endif
