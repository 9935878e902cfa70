/* SPDX-License-Identifier: Apache-2.0
 *
 * sealwright: the program. Finds the command, loads the configuration, runs, and says in one place
 * how it ended.
 */
#include "cli/cli_internal.h"
#include "crypto/crypto.h"
#include "sys/process.h"
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define VERSION SEALWRIGHT_VERSION

static const sw_command *const groups[] = {
    sw_commands_identity, sw_commands_ledger,  sw_commands_seal,    sw_commands_recipe,
    sw_commands_machine,  sw_commands_kms,     sw_commands_model,   sw_commands_run,
    sw_commands_manifest, sw_commands_explain, sw_commands_attest,  sw_commands_collateral,
    sw_commands_deploy,   sw_commands_prove,   sw_commands_trainer,
};
#define GROUP_COUNT (sizeof groups / sizeof groups[0])

static void help(FILE *out) {
    fprintf(out, "sealwright " VERSION
                 ": train on data that never leaves its owner's silo in the clear\n\n"
                 "usage: sealwright COMMAND [arguments] [options]\n\ncommands:\n");
    for (size_t g = 0; g < GROUP_COUNT; g++)
        for (const sw_command *c = groups[g]; c && c->name; c++)
            fprintf(out, "  %-19s %s\n", c->name, c->summary);
    fprintf(out, "\nsealwright COMMAND --help shows one command.\n");
}

/* How many words of argv the command's name takes; 0 when they are not this command. */
static int matches(const sw_command *command, int count, char **words) {
    const char *space = strchr(command->name, ' ');
    if (!space) return count >= 1 && strcmp(words[0], command->name) == 0 ? 1 : 0;
    size_t first = (size_t)(space - command->name);
    return count >= 2 && strlen(words[0]) == first && memcmp(words[0], command->name, first) == 0 &&
                   strcmp(words[1], space + 1) == 0
               ? 2
               : 0;
}

/* The longest match wins, so that "open" and "open approve" can both be commands. */
static const sw_command *find(int count, char **words, int *used) {
    const sw_command *found = NULL;
    *used = 0;
    for (size_t g = 0; g < GROUP_COUNT; g++)
        for (const sw_command *c = groups[g]; c && c->name; c++) {
            int words_used = matches(c, count, words);
            if (words_used > *used) {
                found = c;
                *used = words_used;
            }
        }
    return found;
}

static int finish(sw_cli *cli, sw_status status, const sw_error *err) {
    sw_cli_progress_end(cli);
    if (status == SW_OK) return cli->write_failed ? 1 : 0;
    if (cli->json && !cli->result_failed) {
        sw_arena *a = &cli->arena;
        sw_json *root = cli->failure ? cli->failure : sw_json_make(a, SW_JSON_OBJECT);
        sw_json *error = sw_json_add_object(a, root, "error");
        sw_json_add_text(a, error, "word", sw_text(err->word));
        sw_json_add_text(a, error, "message", sw_text(err->message));
        if (err->hint[0]) sw_json_add_text(a, error, "hint", sw_text(err->hint));
        sw_cli_result(cli, root);
    }
    if (!cli->json || cli->result_failed) {
        fprintf(stderr, "sealwright: error: %s\n", err->message);
        if (err->hint[0]) fprintf(stderr, "sealwright: hint: %s\n", err->hint);
    }
    return status == SW_USAGE ? 2 : 1;
}

static sw_status unknown_command(const char *word, sw_error *err) {
    char known[160] = "";
    size_t size = strlen(word);
    for (size_t g = 0; g < GROUP_COUNT; g++)
        for (const sw_command *c = groups[g]; c && c->name; c++)
            if (strncmp(c->name, word, size) == 0 && c->name[size] == ' ' &&
                strlen(known) + strlen(c->name) + 3 < sizeof known)
                (void)snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s",
                               known[0] ? ", " : "", c->name);
    sw_status status = sw_fail(err, SW_USAGE, "usage", "there is no command '%.80s'", word);
    sw_error_hint(err, "%s", known[0] ? known : "sealwright --help");
    return status;
}

static sw_status unwritten(sw_error *err) {
    return sw_fail(err, SW_IO, "io", "standard output cannot be written");
}

static sw_status run(sw_cli *cli, int count, char **words, sw_error *err) {
    SW_TRY(sw_process_harden(err));
    SW_TRY(sw_crypto_lock_heap(err));
    SW_TRY(sw_cli_parse(cli, count, words, err));
    if (cli->help) {
        sw_cli_help_command(cli->command, stdout);
        cli->write_failed = fflush(stdout) != 0 || ferror(stdout);
        return cli->write_failed ? unwritten(err) : SW_OK;
    }
    SW_TRY(sw_cli_load_config(cli, err));
    SW_TRY(cli->command->run(cli, err));
    if (cli->result_failed) {
        cli->result_failed = false; /* there is room for the error */
        return sw_fail(err, SW_LIMIT, "limit", "the result is larger than JSON may be here");
    }
    return cli->write_failed ? unwritten(err) : SW_OK;
}

/* 1 and a word about it when not all of what was printed has gone out. */
static int printed(void) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
    fputs("sealwright: error: standard output cannot be written\n", stderr);
    return 1;
}

/* `help COMMAND` is `COMMAND --help`. */
static int help_of(int count, char **words, sw_cli *cli) {
    sw_error err = {0};
    int used = 0;
    const sw_command *command = find(count, words, &used);
    if (!command || used < count) return finish(cli, unknown_command(words[used], &err), &err);
    sw_cli_help_command(command, stdout);
    return printed();
}

/* OpenSSL reads these by itself: a configuration that loads providers, and where trust lies. The
 * environment has no say in either. */
static void forget_environment(void) {
    static const char *const names[] = {
        "OPENSSL_CONF",  "OPENSSL_CONF_INCLUDE", "OPENSSL_MODULES", "OPENSSL_ENGINES",
        "SSLKEYLOGFILE", "SSL_CERT_FILE",        "SSL_CERT_DIR"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) (void)unsetenv(names[i]);
}

int main(int argc, char **argv) {
    static sw_cli cli;
    sw_error err = {0};
    forget_environment(); /* before anything asks OpenSSL */
    signal(SIGPIPE, SIG_IGN);
    cli.entropy = sw_entropy_system();
    cli.clock = sw_clock_system();
    bool asks = argc >= 2 && strcmp(argv[1], "help") == 0;
    if (argc > 2 && asks) return help_of(argc - 2, argv + 2, &cli);
    if (argc < 2 || asks || strcmp(argv[1], "--help") == 0) {
        help(argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : printed();
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("sealwright " VERSION);
        return printed();
    }
    int used = 0;
    cli.command = find(argc - 1, argv + 1, &used);
    if (!cli.command) {
        cli.json = sw_cli_asks_json(argc - 1, argv + 1);
        return finish(&cli, unknown_command(argv[1], &err), &err);
    }
    sw_status status = run(&cli, argc - 1 - used, argv + 1 + used, &err);
    int code = finish(&cli, status, &err);
    sw_arena_free(&cli.arena);
    return code;
}
