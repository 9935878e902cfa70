/* SPDX-License-Identifier: Apache-2.0
 *
 * Where collateral comes from, as the options of a command say it: the same words wherever it is
 * fetched (MCH-120 to MCH-123).
 */
#ifndef SW_CLI_SOURCE_OPTIONS_H
#define SW_CLI_SOURCE_OPTIONS_H
#include "cli/cli.h"
#include "machine/collect.h"
#include "machine/machine.h"

#define SW_CLI_PCCS_OPTION                                                                         \
    { "pccs", SW_OPTION_VALUE, "URL", "ask this cache of Intel's service; default Intel itself" }
#define SW_CLI_PROXY_OPTION                                                                        \
    { "proxy", SW_OPTION_VALUE, "URL", "go through this proxy, http://HOST:PORT" }
#define SW_CLI_CA_OPTION                                                                           \
    { "ca", SW_OPTION_VALUE, "FILE", "who vouches for the service's TLS; default the system's" }
#define SW_CLI_CACHE_OPTION(name)                                                                  \
    { name, SW_OPTION_VALUE, "DIR", "keep what was verified here and use it while it is valid" }
#define SW_CLI_OFFLINE_OPTION                                                                      \
    { "offline", SW_OPTION_FLAG, NULL, "take it from the cache or not at all" }

/* What the commands take that boot a machine of any kind. */
#define SW_CLI_MACHINE_SOURCE_OPTIONS                                                              \
    SW_CLI_PCCS_OPTION, SW_CLI_PROXY_OPTION, SW_CLI_CA_OPTION,                                     \
        SW_CLI_CACHE_OPTION(SW_CLI_MACHINE_CACHE), SW_CLI_OFFLINE_OPTION
#define SW_CLI_MACHINE_CACHE "collateral-cache"

/* The five of them, by the command's clock; texts are the command line's. */
sw_collateral_source sw_cli_source(const sw_cli *cli, const char *cache_option);
/* SW_USAGE for --offline without a cache (the option's name) and for addresses that are none. */
SW_NODISCARD sw_status sw_cli_source_check(const sw_collateral_source *s, const char *cache_option,
                                           sw_error *err);
/* For a machine of this name, in the command's arena; NULL when no option is given. SW_USAGE beside
 * a software machine, for --offline without a cache and for addresses that are none. */
SW_NODISCARD sw_status sw_cli_machine_places(sw_cli *cli, const char *machine,
                                             const sw_machine_places **out, sw_error *err);
#endif
