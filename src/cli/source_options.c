/* SPDX-License-Identifier: Apache-2.0
 *
 * Options that say where collateral comes from (MCH-120 to MCH-123).
 */
#include "cli/source_options.h"
#include "sys/files.h"

#include <string.h>

sw_collateral_source sw_cli_source(const sw_cli *cli, const char *cache_option) {
    return (sw_collateral_source){.pcs_url = sw_cli_option(cli, "pccs"),
                                  .proxy = sw_cli_option(cli, "proxy"),
                                  .ca_file = sw_cli_option(cli, "ca"),
                                  .cache_folder = sw_cli_option(cli, cache_option),
                                  .offline = sw_cli_flag(cli, "offline"),
                                  .clock = *sw_cli_clock(cli)};
}

/* The first option given; NULL for none. */
static const char *given(const sw_cli *cli) {
    static const char *const names[] = {"pccs", "proxy", "ca", SW_CLI_MACHINE_CACHE, "offline"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (sw_cli_flag(cli, names[i])) return names[i];
    return NULL;
}

/* What would else be told at the first evidence, which a key service makes for a stranger, or in
 * the name of what is asked about. */
static sw_status address_check(const char *option, const char *url, sw_error *err) {
    if (url == NULL || (strncmp(url, "https://", 8) == 0 && strpbrk(url, "?#") == NULL))
        return SW_OK;
    return sw_fail(err, SW_USAGE, "usage", "--%s is not written as https://HOST[:PORT]", option);
}

sw_status sw_cli_source_check(const sw_collateral_source *s, const char *cache_option,
                              sw_error *err) {
    if (s->offline && s->cache_folder == NULL)
        return sw_fail(err, SW_USAGE, "usage", "--offline needs --%s", cache_option);
    SW_TRY(address_check("pccs", s->pcs_url, err));
    SW_TRY(address_check("rim", s->rim_url, err));
    SW_TRY(address_check("ocsp", s->ocsp_url, err));
    if (s->proxy != NULL && strncmp(s->proxy, "http://", 7) != 0)
        return sw_fail(err, SW_USAGE, "usage", "--proxy is not written as http://HOST:PORT");
    if (s->ca_file != NULL && !sw_path_exists(s->ca_file))
        return sw_fail(err, SW_MISSING, "missing", "--ca names %s, which is not there", s->ca_file);
    return SW_OK;
}

typedef struct own_places {
    sw_collateral_source source;
    sw_machine_places places;
} own_places;

sw_status sw_cli_machine_places(sw_cli *cli, const char *machine, const sw_machine_places **out,
                                sw_error *err) {
    static const char sim[] = "sim:";
    const char *option = given(cli);
    if (option == NULL) {
        *out = NULL;
        return SW_OK;
    }
    if (strncmp(machine, sim, sizeof sim - 1) == 0)
        return sw_fail(err, SW_USAGE, "usage",
                       "--%s is for real machines: a software machine has its own collateral",
                       option);
    own_places *own = SW_ARENA_NEW(sw_cli_arena(cli), own_places, 1);
    if (own == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a command");
    own->source = sw_cli_source(cli, SW_CLI_MACHINE_CACHE);
    SW_TRY(sw_cli_source_check(&own->source, SW_CLI_MACHINE_CACHE, err));
    own->places = (sw_machine_places){.collateral = &own->source};
    *out = &own->places;
    return SW_OK;
}
