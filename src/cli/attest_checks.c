/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks for people and programs. A check that was begun and never held is the one that failed.
 */
#include "cli/attest_checks.h"

static void begun(void *context, const char *check) {
    sw_checks *c = context;
    sw_arena *a = sw_cli_arena(c->cli);
    c->open = sw_json_add_object(a, c->list, NULL);
    c->name = check;
    sw_json_add_text(a, c->open, "check", sw_text(check));
}

static void held(void *context, const char *value) {
    sw_checks *c = context;
    sw_arena *a = sw_cli_arena(c->cli);
    sw_cli_print(c->cli, "ok      %-28s %s\n", c->name, value);
    sw_json_add_flag(a, c->open, "held", true);
    sw_json_add_text(a, c->open, "value", sw_text(value));
    c->open = NULL;
}

/* Neither ok nor failed: it was not made, and the line says why. */
static void left(void *context, const char *reason) {
    sw_checks *c = context;
    sw_arena *a = sw_cli_arena(c->cli);
    sw_cli_print(c->cli, "LEFT    %-28s %s\n", c->name, reason);
    sw_json_add_flag(a, c->open, "made", false);
    sw_json_add_text(a, c->open, "reason", sw_text(reason));
    c->open = NULL;
}

void sw_checks_open(sw_checks *checks, sw_cli *cli) {
    *checks = (sw_checks){.cli = cli, .list = sw_json_make(sw_cli_arena(cli), SW_JSON_ARRAY)};
    checks->log = (sw_check_log){.begun = begun, .held = held, .left = left, .context = checks};
}

sw_status sw_checks_close(sw_checks *checks, sw_json *facts, sw_status status, sw_error *err) {
    sw_arena *a = sw_cli_arena(checks->cli);
    sw_json_add(facts, "checks", checks->list);
    sw_json_add_text(a, facts, "verdict",
                     status == SW_OK ? SW_LITERAL("holds") : SW_LITERAL("refused"));
    if (status == SW_OK) {
        sw_cli_print(checks->cli, "HOLDS\n");
        sw_cli_result(checks->cli, facts);
        return SW_OK;
    }
    sw_json_add_text(a, facts, "reason", sw_text(err->message));
    if (checks->open != NULL) {
        sw_cli_print(checks->cli, "FAILED  %-28s %s\n", checks->name, err->message);
        sw_json_add_flag(a, checks->open, "held", false);
        sw_json_add_text(a, checks->open, "reason", sw_text(err->message));
        sw_json_add_text(a, facts, "failed", sw_text(checks->name));
        sw_error_prefix(err, "%s", checks->name);
    }
    sw_cli_failure(checks->cli, facts);
    return status;
}
