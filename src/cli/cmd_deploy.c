/* SPDX-License-Identifier: Apache-2.0
 *
 * deploy: what a cloud of dstack machines is asked for, as files, or sent (deploy_send.c); and
 * whether its answer is that.
 */
#include "cli/deploy_send.h"
#include "codec/text.h"
#include "sys/files.h"

#include <string.h>

/* --compose or -c: one of the two. */
static sw_status either(sw_cli *cli, const char *name, const char *letter, const char **out,
                        sw_error *err) {
    const char *by_letter = sw_cli_option(cli, letter), *by_name = sw_cli_option(cli, name);
    if (by_letter != NULL && by_name != NULL)
        return sw_fail(err, SW_USAGE, "usage", "--%s is given twice", name);
    if (by_letter == NULL && by_name == NULL)
        return sw_fail(err, SW_USAGE, "usage", "'deploy' needs --%s", name);
    *out = by_letter != NULL ? by_letter : by_name;
    return SW_OK;
}

/* A,B,C; an empty text is no name. */
static sw_status env_names(sw_cli *cli, sw_deployment *d, sw_error *err) {
    const char *text = sw_cli_option(cli, "env-names");
    if (text == NULL) return SW_OK;
    size_t count = 1;
    for (const char *c = text; *c != 0; c++) count += *c == ',';
    sw_bytes *names = SW_ARENA_NEW(sw_cli_arena(cli), sw_bytes, count);
    if (names == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for the names");
    for (size_t i = 0; i < count; i++) {
        size_t size = strcspn(text, ",");
        names[i] = SW_BYTES(text, size);
        text += size + (text[size] == ',');
    }
    d->env_names = names;
    d->env_count = count;
    return SW_OK;
}

static sw_status kms_check(sw_cli *cli, sw_error *err) {
    const char *kms = sw_cli_option(cli, "kms");
    if (kms == NULL || strcmp(kms, "phala") == 0) return SW_OK;
    sw_status status = sw_fail(err, SW_USAGE, "usage", "--kms is not phala");
    sw_error_hint(err, "a KMS that asks a contract needs transactions, which nothing here makes");
    return status;
}

static sw_status read_deployment(sw_cli *cli, sw_deployment *d, sw_error *err) {
    const char *compose;
    SW_TRY(either(cli, "compose", "c", &compose, err));
    SW_TRY(either(cli, "name", "n", &d->name, err));
    SW_TRY(either(cli, "type", "t", &d->instance_type, err));
    SW_TRY(kms_check(cli, err));
    d->image = sw_cli_option(cli, "image");
    d->region = sw_cli_option(cli, "region");
    d->key_provider_id = sw_cli_option(cli, "key-provider-id");
    d->gateway = sw_cli_flag(cli, "gateway");
    SW_TRY(env_names(cli, d, err));
    return sw_cli_read_regular(cli, compose, SW_DEPLOY_COMPOSE_LIMIT, &d->docker_compose, err);
}

/* The service's answer instead of a request: what it built is what was asked for. */
static sw_status judge_answer(sw_cli *cli, const sw_deployment *d, const char *path,
                              sw_deploy_built *out, sw_error *err) {
    sw_bytes answer;
    SW_TRY(sw_cli_read_regular(cli, path, SW_DEPLOY_ANSWER_LIMIT, &answer, err));
    sw_status status = sw_deploy_answer_check(d, answer, out, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", path);
    return status;
}

static void tell_built(sw_cli *cli, const sw_deploy_built *built) {
    char hex[2 * SW_HASH_BYTES + 1];
    sw_hex_text(hex, SW_BYTES_OF(built->compose.b));
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    sw_json_add_text(sw_cli_arena(cli), root, "compose_hash", sw_text(hex));
    sw_cli_result(cli, root);
    sw_cli_print(cli, "%s\n", hex);
}

static sw_status deploy(sw_cli *cli, sw_error *err) {
    sw_deployment d = {0};
    sw_deploy_built built;
    const char *answer = sw_cli_option(cli, "answer");
    SW_SCOPED(sw_buffer) compose = SW_BUFFER(4 * SW_DEPLOY_COMPOSE_LIMIT);
    SW_SCOPED(sw_buffer) request = SW_BUFFER(8 * SW_DEPLOY_COMPOSE_LIMIT);
    SW_TRY(sw_deploy_send_check(cli, err));
    SW_TRY(read_deployment(cli, &d, err));
    SW_TRY(sw_deploy_compose_make(&d, &compose, err));
    SW_TRY(sw_deploy_request_make(&d, &request, err));
    if (sw_cli_flag(cli, "send"))
        return sw_deploy_send(cli, &d, sw_buffer_bytes(&request), sw_buffer_bytes(&compose), err);
    if (answer != NULL) SW_TRY(judge_answer(cli, &d, answer, &built, err));
    SW_TRY(sw_deploy_keep(cli, sw_buffer_bytes(&compose), err));
    if (answer != NULL) {
        tell_built(cli, &built);
        return SW_OK;
    }
    sw_put_u8(&request, '\n');
    SW_TRY(sw_buffer_check(&request, "the provision request", err));
    sw_cli_write(cli, sw_buffer_bytes(&request));
    return SW_OK;
}

static const sw_option deploy_options[] = {
    {"compose", SW_OPTION_VALUE, "FILE", "docker-compose.yml of what runs, or -c"},
    {"name", SW_OPTION_VALUE, "NAME", "of the deployment, 5 to 63 letters, digits, dashes, or -n"},
    {"type", SW_OPTION_VALUE, "TYPE", "instance type, such as h200.small, or -t"},
    {"kms", SW_OPTION_VALUE, "KIND", "whose keys the machine gets: phala (default)"},
    {"image", SW_OPTION_VALUE, "IMAGE", "OS image (default: the service chooses)"},
    {"region", SW_OPTION_VALUE, "REGION", "where (default: the service chooses)"},
    {"env-names", SW_OPTION_VALUE, "A,B", "variables whose values may be sent encrypted later"},
    {"key-provider-id", SW_OPTION_VALUE, "HEX",
     "the one KMS that keys may come from: its CA's public key (SubjectPublicKeyInfo)"},
    {"gateway", SW_OPTION_FLAG, NULL, "let the service's gateway lead to it"},
    {"out", SW_OPTION_VALUE, "FILE", "where app-compose.json goes, as we would have it measured"},
    {"answer", SW_OPTION_VALUE, "FILE",
     "the service's answer: check what it built, print its hash"},
    SW_DEPLOY_SEND_OPTIONS,
    {"c", SW_OPTION_VALUE, "FILE", NULL},
    {"n", SW_OPTION_VALUE, "NAME", NULL},
    {"t", SW_OPTION_VALUE, "TYPE", NULL},
    {0},
};

const sw_command sw_commands_deploy[] = {
    {"deploy", "", "print or send the request that puts a docker compose on a dstack machine",
     "Nothing is sent without --send. The service writes the app-compose that is measured, so its"
     " answer is\nchecked, with --answer as with --send: the hash is computed from the text that it"
     " shows, and the text must\nsay what was asked; where it shows none, the hash must be that of"
     " what --out writes. --send has it built by\nthe service that --to names, checks its answer,"
     " and only then has it start the machine.",
     0, 0, deploy_options, deploy},
    {0},
};
