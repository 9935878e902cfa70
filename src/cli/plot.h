/* SPDX-License-Identifier: Apache-2.0
 *
 * A curve drawn in the terminal.
 */
#ifndef SW_CLI_PLOT_H
#define SW_CLI_PLOT_H
#include "cli/cli.h"
#include "train/curve.h"

/* The loss over the steps, on stdout when that is a terminal; nothing elsewhere, with --json, or
 * without points. Braille dots where the terminal takes UTF-8, plain characters elsewhere. */
void sw_cli_plot(sw_cli *cli, const sw_curve *curve);
#endif
