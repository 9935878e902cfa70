/* SPDX-License-Identifier: Apache-2.0
 *
 * Options, arguments and the configuration file. An option of the same name wins over the
 * configuration (DESIGN section 11).
 */
#include "cli/cli_internal.h"
#include "codec/yaml.h"
#include "sys/files.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_LIMIT ((size_t)64 << 10)

const char *const sw_cli_config_names[SW_CLI_CONFIG_MEMBERS] = {
    "ledger", "rpc", "kms", "app", "identity", "machine", "models"};
static const sw_option common_options[] = {
    {"json", SW_OPTION_FLAG, NULL, "print one JSON object for programs"},
    {"config", SW_OPTION_VALUE, "FILE", "configuration file"},
    {"help", SW_OPTION_FLAG, NULL, "show this help"},
    {0},
};

static const sw_option *find_option(const sw_option *options, const char *name, size_t size) {
    for (; options && options->name; options++)
        if (strlen(options->name) == size && memcmp(options->name, name, size) == 0) return options;
    return NULL;
}

/* -X, where the command has an option of that one letter: a form that people know from elsewhere.
 */
static bool is_letter_option(const sw_cli *cli, const char *word) {
    return word[0] == '-' && word[1] != 0 && word[2] == 0 &&
           find_option(cli->command->options, word + 1, 1) != NULL;
}

static sw_status unknown_option(const sw_cli *cli, const char *word, sw_error *err) {
    const char *names[64];
    size_t count = 0;
    for (const sw_option *o = cli->command->options; o && o->name && count < 60; o++)
        if (o->help) names[count++] = o->name;
    for (const sw_option *o = common_options; o->name; o++) names[count++] = o->name;
    names[count] = NULL;
    const char *name = word + 2;
    const char *near = sw_nearest_name(SW_BYTES(name, strcspn(name, "=")), names);
    sw_status status =
        sw_fail(err, SW_USAGE, "usage", "'%s' has no option %.80s", cli->command->name, word);
    if (near) sw_error_hint(err, "did you mean --%s?", near);
    return status;
}

static sw_status take_option(sw_cli *cli, int count, char **words, int *index, sw_error *err) {
    const char *word = words[*index], *name = word + (word[1] == '-' ? 2 : 1);
    const char *equals = strchr(name, '=');
    size_t size = equals ? (size_t)(equals - name) : strlen(name);
    const sw_option *option = find_option(cli->command->options, name, size);
    if (!option) option = find_option(common_options, name, size);
    if (!option) return unknown_option(cli, word, err);
    const char *value = NULL;
    if (option->kind == SW_OPTION_FLAG) {
        if (equals) return sw_fail(err, SW_USAGE, "usage", "--%s takes no value", option->name);
    } else {
        value = equals ? equals + 1 : (*index + 1 < count ? words[++*index] : NULL);
        if (!value)
            return sw_fail(err, SW_USAGE, "usage", "--%s needs %s", option->name, option->value);
    }
    for (size_t i = 0; i < cli->given_count; i++)
        if (cli->given[i].option == option && option->kind != SW_OPTION_LIST)
            return sw_fail(err, SW_USAGE, "usage", "--%s is given twice", option->name);
    if (cli->given_count == SW_CLI_VALUE_LIMIT)
        return sw_fail(err, SW_USAGE, "usage", "too many options");
    cli->given[cli->given_count++] = (sw_cli_given){option, value};
    return SW_OK;
}

/* Before anything is parsed, so that what cannot be parsed is told in the form that was asked for.
 */
bool sw_cli_asks_json(int count, char **words) {
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++)
        if (strcmp(words[i], "--json") == 0) return true;
    return false;
}

static sw_status one_dash(const char *word, sw_error *err) {
    sw_status status = sw_fail(err, SW_USAGE, "usage", "options have two dashes: %.80s", word);
    sw_error_hint(err, "what stands behind -- is an argument, whatever it begins with");
    return status;
}

sw_status sw_cli_parse(sw_cli *cli, int count, char **words, sw_error *err) {
    bool options = true;
    cli->json = sw_cli_asks_json(count, words);
    for (int i = 0; i < count; i++) {
        if (options && strcmp(words[i], "--") == 0) {
            options = false;
        } else if (options && strncmp(words[i], "--", 2) == 0) {
            SW_TRY(take_option(cli, count, words, &i, err));
        } else if (options && is_letter_option(cli, words[i])) {
            SW_TRY(take_option(cli, count, words, &i, err));
        } else if (options && words[i][0] == '-' && words[i][1]) {
            return one_dash(words[i], err);
        } else {
            if (cli->argument_count == SW_CLI_VALUE_LIMIT)
                return sw_fail(err, SW_USAGE, "usage", "too many arguments");
            cli->arguments[cli->argument_count++] = words[i];
        }
    }
    cli->json = sw_cli_flag(cli, "json");
    cli->help = sw_cli_flag(cli, "help");
    cli->config_path = sw_cli_value(cli, "config");
    if (cli->help) return SW_OK;
    const sw_command *c = cli->command;
    if (cli->argument_count < c->min_arguments || cli->argument_count > c->max_arguments) {
        sw_status status =
            sw_fail(err, SW_USAGE, "usage", "'%s' takes %s, and got %zu argument%s", c->name,
                    c->arguments && *c->arguments ? c->arguments : "no argument",
                    cli->argument_count, cli->argument_count == 1 ? "" : "s");
        sw_error_hint(err, "sealwright %s --help", c->name);
        return status;
    }
    return SW_OK;
}

static sw_status take_member(sw_cli *cli, const sw_yaml *node, const char *path, sw_error *err) {
    for (size_t i = 0; i < SW_CLI_CONFIG_MEMBERS; i++) {
        if (!sw_bytes_is(node->key, sw_cli_config_names[i])) continue;
        if (node->type != SW_YAML_SCALAR)
            return sw_fail(err, SW_MALFORMED, "format", "%s:%zu: %s must be text", path, node->line,
                           sw_cli_config_names[i]);
        cli->config[i] = sw_arena_text(&cli->arena, node->text);
        return cli->config[i]
                   ? SW_OK
                   : sw_fail(err, SW_MEMORY, "memory", "no memory for the configuration");
    }
    const char *names[SW_CLI_CONFIG_MEMBERS + 1] = {0};
    memcpy(names, sw_cli_config_names, sizeof sw_cli_config_names);
    const char *near = sw_nearest_name(node->key, names);
    sw_status status =
        sw_fail(err, SW_MALFORMED, "format", "%s:%zu: unknown member '%.*s'", path, node->line,
                (int)(node->key.size > 64 ? 64 : node->key.size), (const char *)node->key.data);
    if (near) sw_error_hint(err, "did you mean %s?", near);
    return status;
}

static const char *default_config(sw_cli *cli) {
    if (sw_path_exists("sealwright.yaml")) return "sealwright.yaml";
    const char *folder = getenv("XDG_CONFIG_HOME");
    if (!folder || !*folder) {
        const char *home = getenv("HOME");
        if (!home || !*home) return NULL;
        folder = sw_path_join(&cli->arena, home, ".config");
    }
    const char *path = folder ? sw_path_join(&cli->arena, folder, "sealwright/config.yaml") : NULL;
    return path && sw_path_exists(path) ? path : NULL;
}

sw_status sw_cli_load_config(sw_cli *cli, sw_error *err) {
    const char *path = cli->config_path ? cli->config_path : default_config(cli);
    if (!path) return SW_OK;
    sw_bytes text;
    SW_TRY(sw_cli_read(cli, path, CONFIG_LIMIT, &text, err));
    sw_yaml *root;
    SW_TRY(sw_yaml_parse(&cli->arena, text, path, &root, err));
    if (root->type != SW_YAML_MAP)
        return sw_fail(err, SW_MALFORMED, "format", "%s: the configuration must be a mapping",
                       path);
    for (const sw_yaml *node = root->first; node; node = node->next)
        SW_TRY(take_member(cli, node, path, err));
    return SW_OK;
}

size_t sw_cli_argument_count(const sw_cli *cli) {
    return cli->argument_count;
}

const char *sw_cli_argument(const sw_cli *cli, size_t index) {
    return index < cli->argument_count ? cli->arguments[index] : NULL;
}

const char *sw_cli_option(const sw_cli *cli, const char *name) {
    for (size_t i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].option->name, name) == 0) return cli->given[i].value;
    return NULL;
}

const char *sw_cli_value(const sw_cli *cli, const char *name) {
    const char *given = sw_cli_option(cli, name);
    if (given) return given;
    for (size_t i = 0; i < SW_CLI_CONFIG_MEMBERS; i++)
        if (strcmp(sw_cli_config_names[i], name) == 0) return cli->config[i];
    return NULL;
}

sw_status sw_cli_need(const sw_cli *cli, const char *name, const char **value, sw_error *err) {
    const char *found = sw_cli_value(cli, name);
    if (!found) {
        sw_status status =
            sw_fail(err, SW_USAGE, "usage", "'%s' needs --%s", cli->command->name, name);
        sw_error_hint(err, "sealwright %s --help", cli->command->name);
        return status;
    }
    *value = found;
    return SW_OK;
}

sw_status sw_cli_u64(const sw_cli *cli, const char *name, uint64_t fallback, uint64_t max,
                     uint64_t *out, sw_error *err) {
    const char *text = sw_cli_value(cli, name);
    if (!text) {
        *out = fallback;
        return SW_OK;
    }
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || !*text || *end || text[0] < '0' || text[0] > '9' || value > max)
        return sw_fail(err, SW_USAGE, "usage", "--%s must be a whole number up to %llu", name,
                       (unsigned long long)max);
    *out = value;
    return SW_OK;
}

bool sw_cli_flag(const sw_cli *cli, const char *name) {
    for (size_t i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].option->name, name) == 0) return true;
    return false;
}

const char *const *sw_cli_list(const sw_cli *cli, const char *name, size_t *count) {
    sw_cli *mutable = (sw_cli *)(uintptr_t)cli;
    size_t total = 0;
    for (size_t i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].option->name, name) == 0) total++;
    const char **list = SW_ARENA_NEW(&mutable->arena, const char *, total + 1);
    *count = list ? total : 0;
    for (size_t i = 0, at = 0; list && i < cli->given_count; i++)
        if (strcmp(cli->given[i].option->name, name) == 0) list[at++] = cli->given[i].value;
    return list;
}

/* A plain name that is no folder here, where the configuration says that models lie. */
static bool lies_elsewhere(const sw_cli *cli, const char *name) {
    return strchr(name, '/') == NULL && !sw_path_is_folder(name) &&
           sw_cli_value(cli, "models") != NULL;
}

sw_status sw_cli_model(sw_cli *cli, const char **folder, sw_error *err) {
    const char *given;
    SW_TRY(sw_cli_need(cli, "model", &given, err));
    *folder = given;
    if (!lies_elsewhere(cli, given)) return SW_OK;
    *folder = sw_path_join(&cli->arena, sw_cli_value(cli, "models"), given);
    return *folder != NULL ? SW_OK : sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
}

static void help_options(const sw_option *options, FILE *out) {
    for (; options && options->name; options++) {
        char left[48];
        if (!options->help) continue; /* another form of one that is told */
        snprintf(left, sizeof left, "--%s%s%s", options->name, options->value ? " " : "",
                 options->value ? options->value : "");
        fprintf(out, "  %-26s %s%s\n", left, options->help,
                options->kind == SW_OPTION_LIST ? " (repeatable)" : "");
    }
}

void sw_cli_help_command(const sw_command *c, FILE *out) {
    fprintf(out, "usage: sealwright %s%s%s [options]\n\n%s\n", c->name,
            c->arguments && *c->arguments ? " " : "", c->arguments ? c->arguments : "", c->summary);
    if (c->details) fprintf(out, "\n%s\n", c->details);
    fprintf(out, "\noptions:\n");
    help_options(c->options, out);
    help_options(common_options, out);
}
