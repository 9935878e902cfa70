/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame's own state, shared by main.c, options.c and terminal.c.
 */
#ifndef SW_CLI_INTERNAL_H
#define SW_CLI_INTERNAL_H
#include "cli/cli.h"

#define SW_CLI_VALUE_LIMIT    256
#define SW_CLI_CONFIG_MEMBERS 7
typedef struct sw_cli_given {
    const sw_option *option;
    const char *value;
} sw_cli_given;

struct sw_cli {
    const sw_command *command;
    size_t argument_count, given_count;
    const char *arguments[SW_CLI_VALUE_LIMIT];
    sw_cli_given given[SW_CLI_VALUE_LIMIT];
    const char *config[SW_CLI_CONFIG_MEMBERS];
    const char *config_path;
    const char *list[SW_CLI_VALUE_LIMIT]; /* scratch of sw_cli_list */
    bool json, help, bar_shown, write_failed;
    bool result_failed; /* the result does not fit into JSON here, and was not printed */
    int64_t bar_start_ms, bar_drawn_ms;
    uint64_t bar_start_done;
    sw_json *failure; /* sw_cli_failure */
    sw_arena arena;
    sw_entropy entropy;
    sw_clock clock;
    sw_passphrase passphrase;
};

extern const char *const sw_cli_config_names[SW_CLI_CONFIG_MEMBERS];
bool sw_cli_asks_json(int count, char **words);
/* Fills options and arguments from words behind the command's name. */
SW_NODISCARD sw_status sw_cli_parse(sw_cli *cli, int count, char **words, sw_error *err);
/* --config, else ./sealwright.yaml, else the user's config folder; absent files other than --config
 * are no error. */
SW_NODISCARD sw_status sw_cli_load_config(sw_cli *cli, sw_error *err);
/* How wide the terminal is said to be, within reason. */
int sw_cli_columns(int fd); /* of this terminal; 80 where nothing says it, 120 at most */
void sw_cli_help_command(const sw_command *command, FILE *out);
#endif
