/* SPDX-License-Identifier: Apache-2.0
 *
 * sim init, sim image, sim show: the software machine for development.
 */
#include "attest/attest.h"
#include "cli/cli.h"
#include "codec/text.h"
#include "machine/machine.h"

#include <string.h>

/* ---- sim ---- */
static void print_hex(sw_cli *cli, const char *label, sw_bytes value) {
    char text[2 * 64 + 1];
    sw_hex_text(text, value);
    sw_cli_print(cli, "%s%s\n", label, text);
}

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
    sw_cli_print(cli, "    revocation: required\n");
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

static const sw_option init_options[] = {
    {"gpus", SW_OPTION_VALUE, "N", "simulate so many GPUs, 0 to 16; default 0"},
    {0},
};
static const sw_option image_options[] = {
    {"boot", SW_OPTION_FLAG, NULL, "make it the image that boots"},
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
    {0},
};
