/* SPDX-License-Identifier: Apache-2.0
 *
 * sim init, sim image, sim show: the software machine for development. attest explain, attest
 * verify: evidence for people.
 */
#include "attest/attest.h"
#include "cli/cli.h"
#include "codec/text.h"
#include "machine/machine.h"
#include "manifest/manifest.h"

#include <string.h>

#define RUN_EVIDENCE_LIMIT ((size_t)64 << 20) /* of some hundred grants */

/* ---- sim ---- */
static void print_hex(sw_cli *cli, const char *label, sw_bytes value) {
    char text[2 * 64 + 1];
    sw_hex_text(text, value);
    sw_cli_print(cli, "%s%s\n", label, text);
}

/* A simulated machine's GPUs have no OCSP service, so the word is `unchecked`. */
static void print_gpus(sw_cli *cli, const sw_gpu_policy *p) {
    if (p->count == 0) {
        sw_cli_print(cli, "  gpu: none\n");
        return;
    }
    sw_cli_print(cli, "  gpu:\n    count: %u\n", p->count);
    print_hex(cli, "    device_root: ", SW_BYTES_OF(p->device_root.b));
    print_hex(cli, "    rim_root: ", SW_BYTES_OF(p->rim_root.b));
    sw_cli_print(cli, "    devices:\n");
    for (size_t i = 0; i < p->device_count; i++)
        print_hex(cli, "      - ", SW_BYTES(p->devices[i].b, p->devices[i].size));
    sw_cli_print(cli, "    drivers:\n");
    for (size_t i = 0; i < p->driver_count; i++)
        sw_cli_print(cli, "      - \"%s\"\n", p->drivers[i]);
    sw_cli_print(cli, "    revocation: %s\n", p->revocation_required ? "required" : "unchecked");
}

/* What a recipe says under `machine:` to name this machine. */
static void print_policy(sw_cli *cli, const sw_policy *p) {
    const sw_image *image = &p->images[0];
    sw_cli_print(cli, "machine:\n  platform: sim\n  anchors:\n");
    print_hex(cli, "    - ", SW_BYTES_OF(p->anchors[0].b));
    sw_cli_print(cli, "  images:\n    - name: %s\n", image->name);
    print_hex(cli, "      mrtd: ", SW_BYTES_OF(image->mrtd));
    print_hex(cli, "      rtmr0: ", SW_BYTES_OF(image->rtmr[0]));
    print_hex(cli, "      rtmr1: ", SW_BYTES_OF(image->rtmr[1]));
    print_hex(cli, "      rtmr2: ", SW_BYTES_OF(image->rtmr[2]));
    sw_cli_print(cli, "  devices:\n");
    print_hex(cli, "    - ", SW_BYTES_OF(p->devices[0].b));
    sw_cli_print(cli, "  minimum_tcb: {status: UpToDate, evaluation_data_number: %u}\n",
                 p->minimum_evaluation_number);
    print_gpus(cli, &p->gpu);
}

static sw_status sim_show(sw_cli *cli, sw_error *err) {
    sw_policy policy;
    SW_TRY(sw_sim_policy(sw_cli_argument(cli, 0), &policy, err));
    print_policy(cli, &policy);
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    sw_policy_to_json(sw_cli_arena(cli), root, "machine", &policy);
    sw_cli_result(cli, root);
    return SW_OK;
}

static sw_status sim_init(sw_cli *cli, sw_error *err) {
    const sw_clock *clock = sw_cli_clock(cli);
    uint64_t gpus;
    SW_TRY(sw_cli_u64(cli, "gpus", 0, SW_GPU_LIMIT, &gpus, err));
    SW_TRY(sw_sim_init_gpus(sw_cli_argument(cli, 0), (size_t)gpus, sw_cli_entropy(cli),
                            clock->wall_ms(clock->context), err));
    sw_cli_note(cli, "%s is a software machine: everything that it attests is SIMULATED",
                sw_cli_argument(cli, 0));
    return sim_show(cli, err);
}

static sw_status sim_image(sw_cli *cli, sw_error *err) {
    SW_TRY(sw_sim_add_image(sw_cli_argument(cli, 0), sw_cli_argument(cli, 1),
                            sw_cli_flag(cli, "boot"), sw_cli_entropy(cli), err));
    return sim_show(cli, err);
}

/* ---- attest ---- */
static sw_status explain_member(const sw_json *parent, const char *where, const char *name,
                                sw_buffer *text, sw_error *err) {
    const sw_json *evidence;
    SW_TRY(sw_json_object(parent, where, name, &evidence, err));
    sw_status status = sw_evidence_explain(evidence->span, text, err);
    if (status != SW_OK) sw_error_prefix(err, "%s.%s", where, name);
    return status;
}

/* A run's evidence.json (MAN-005): each grant's evidence and the closing one. */
static sw_status explain_run(const sw_json *root, sw_buffer *text, sw_error *err) {
    const sw_json *grants;
    size_t number = 0;
    SW_TRY(sw_json_array(root, "evidence.json", "grants", SW_MANIFEST_GRANT_LIMIT, &grants, err));
    for (const sw_json *g = grants->first; g != NULL; g = g->next) {
        sw_put_format(text, "---- grant %zu of %zu\n", ++number, grants->count);
        SW_TRY(explain_member(g, "grants", "evidence", text, err));
    }
    sw_put_text(text, "---- closing\n");
    return explain_member(root, "evidence.json", "closing", text, err);
}

static sw_status explain_any(sw_cli *cli, sw_bytes json, sw_buffer *text, sw_error *err) {
    const sw_json_limits limits = {.bytes = RUN_EVIDENCE_LIMIT, .depth = 8, .nodes = 1000000};
    sw_json *root;
    sw_bytes kind;
    SW_TRY(sw_json_parse(sw_cli_arena(cli), json, &limits, &root, err));
    if (sw_json_text(root, "evidence", "kind", &kind, NULL) == SW_OK &&
        sw_bytes_is(kind, SW_MANIFEST_EVIDENCE_KIND))
        return explain_run(root, text, err);
    return sw_evidence_explain(json, text, err);
}

static sw_status attest_explain(sw_cli *cli, sw_error *err) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(2 * RUN_EVIDENCE_LIMIT);
    sw_bytes json;
    SW_TRY(sw_cli_read(cli, sw_cli_argument(cli, 0), RUN_EVIDENCE_LIMIT, &json, err));
    sw_status status = explain_any(cli, json, &text, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", sw_cli_argument(cli, 0));
    SW_TRY(status);
    sw_cli_print(cli, "%.*s", (int)text.size, (const char *)text.data);
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    sw_json_add_text(sw_cli_arena(cli), root, "explanation", sw_buffer_bytes(&text));
    sw_cli_result(cli, root);
    return SW_OK;
}

/* A policy of its own, or the one inside a KMS reference or under "machine". */
static sw_status read_policy(sw_cli *cli, const char *path, sw_policy *out, sw_error *err) {
    sw_bytes text;
    sw_json *root;
    sw_kms_reference reference;
    SW_TRY(sw_cli_read(cli, path, (size_t)1 << 20, &text, err));
    SW_TRY(sw_json_parse(sw_cli_arena(cli), text, NULL, &root, err));
    if (sw_json_member(root, "kind") != NULL) {
        SW_TRY(sw_kms_reference_parse(text, &reference, err));
        *out = reference.policy;
        return SW_OK;
    }
    const sw_json *machine = sw_json_member(root, "machine");
    return sw_policy_from_json(machine == NULL ? root : machine, "policy", out, err);
}

static sw_status time_of(sw_cli *cli, int64_t *out, sw_error *err) {
    const char *text = sw_cli_value(cli, "time");
    const sw_clock *clock = sw_cli_clock(cli);
    *out = clock->wall_ms(clock->context);
    return text == NULL ? SW_OK : sw_time_parse(sw_text(text), out, err);
}

static void report_text(sw_cli *cli, sw_json *root, const char *key, const char *label,
                        const char *value) {
    sw_cli_print(cli, "%-14s %s\n", label, value);
    sw_json_add_text(sw_cli_arena(cli), root, key, sw_text(value));
}

static void report_hex(sw_cli *cli, sw_json *root, const char *key, const char *label,
                       sw_bytes value) {
    char text[2 * 64 + 1];
    sw_hex_text(text, value);
    report_text(cli, root, key, label, text);
}

static void report_claims(sw_cli *cli, const sw_claims *c) {
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    char from[21], until[21];
    bool sim = c->platform == SW_PLATFORM_SIM;
    sw_time_text(from, c->valid_from_ms);
    sw_time_text(until, c->valid_until_ms);
    if (sim) sw_cli_print(cli, "SIMULATED: made by a software machine\n");
    report_text(cli, root, "platform", "platform", sim ? "sim" : "tdx");
    report_text(cli, root, "image", "image", c->image);
    report_text(cli, root, "tcb_status", "TCB status", c->tcb_status);
    report_text(cli, root, "advisories", "advisories",
                c->advisories[0] == 0 ? "none" : c->advisories);
    report_hex(cli, root, "anchor", "anchor", SW_BYTES_OF(c->anchor.b));
    report_hex(cli, root, "device", "device", SW_BYTES_OF(c->device.b));
    report_hex(cli, root, "app_id", "app id", SW_BYTES_OF(c->app_id));
    report_hex(cli, root, "instance_id", "instance id", SW_BYTES_OF(c->instance_id));
    report_hex(cli, root, "compose_hash", "compose hash", SW_BYTES_OF(c->compose.b));
    report_hex(cli, root, "report_data", "report data", SW_BYTES_OF(c->report_data.b));
    report_text(cli, root, "valid_from", "valid from", from);
    report_text(cli, root, "valid_until", "valid until", until);
    sw_json_add_flag(sw_cli_arena(cli), root, "simulated", sim);
    sw_cli_result(cli, root);
}

static sw_status attest_verify(sw_cli *cli, sw_error *err) {
    const char *path;
    sw_policy policy;
    sw_claims claims;
    sw_bytes json;
    int64_t wall_ms;
    SW_TRY(sw_cli_need(cli, "policy", &path, err));
    SW_TRY(time_of(cli, &wall_ms, err));
    SW_TRY(read_policy(cli, path, &policy, err));
    SW_TRY(sw_cli_read(cli, sw_cli_argument(cli, 0), SW_EVIDENCE_LIMIT, &json, err));
    SW_TRY(sw_evidence_verify(json, &policy, wall_ms, NULL, &claims, err));
    SW_TRY(sw_policy_check(&policy, &claims, NULL, err));
    report_claims(cli, &claims);
    sw_cli_note(cli, "the evidence holds under this policy; nobody's challenge was compared with "
                     "its report data");
    return SW_OK;
}

static const sw_option init_options[] = {
    {"gpus", SW_OPTION_VALUE, "N", "simulate so many GPUs, 0 to 16; default 0"},
    {0},
};
static const sw_option image_options[] = {
    {"boot", SW_OPTION_FLAG, NULL, "make it the image that boots"},
    {0},
};
static const sw_option verify_options[] = {
    {"policy", SW_OPTION_VALUE, "FILE", "the machine policy, or a KMS reference, as JSON"},
    {"time", SW_OPTION_VALUE, "TIME", "judge at this time, 2026-11-23T04:21:32Z; default now"},
    {0},
};

const sw_command sw_commands_machine[] = {
    {"sim init", "DIR", "make a software machine with a root of its own",
     "For development. DIR is new; it holds every key of the simulated platform. A recipe that\n"
     "names this machine is simulated in its hash and can never become a real one.",
     1, 1, init_options, sim_init},
    {"sim image", "DIR NAME", "add an image, with other measurements, to a software machine", NULL,
     2, 2, image_options, sim_image},
    {"sim show", "DIR", "print what a recipe says under `machine:` to name this machine", NULL, 1,
     1, NULL, sim_show},
    {"attest explain", "FILE", "show what stands in evidence, without judging it",
     "FILE is one machine's evidence, or the evidence.json of a run's out folder.", 1, 1, NULL,
     attest_explain},
    {"attest verify", "FILE", "judge evidence by a machine policy",
     "Verifies chains, collateral, quote and event log, then the policy. A freshness check needs\n"
     "the exchange that the evidence was made for; this command has none and says so.",
     1, 1, verify_options, attest_verify},
    {0},
};
