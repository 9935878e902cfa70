/* SPDX-License-Identifier: Apache-2.0
 *
 * deploy --send: a deployment handed to the service that --to names. Docs: docs/formats/dstack.md,
 * DSK-080 on.
 */
#ifndef SW_CLI_DEPLOY_SEND_H
#define SW_CLI_DEPLOY_SEND_H
#include "cli/cli.h"
#include "recipe/deploy.h"

#define SW_DEPLOY_SEND_OPTIONS                                                                     \
    {"send", SW_OPTION_FLAG, NULL, "send it, judge what was built, then start it (it costs)"},     \
        {"to", SW_OPTION_VALUE, "URL",                                                             \
         "the service's API, such as https://cloud-api.phala.com/api/v1"},                         \
        {"token-file", SW_OPTION_VALUE, "FILE",                                                    \
         "holds the service's key for you; yours alone to read"},                                  \
        {"ca", SW_OPTION_VALUE, "FILE", "PEM of who vouches for the service's TLS"}, {             \
        "proxy", SW_OPTION_VALUE, "URL", "http://HOST:PORT; none is taken from elsewhere"          \
    }

/* Refuses, before anything is read or sent, options that mean nothing together. */
SW_NODISCARD sw_status sw_deploy_send_check(const sw_cli *cli, sw_error *err);
/* Both requests, with the judgement between them, and then --out, which is written before anything
 * is started; prints what was started. `compose` is what --out holds. */
SW_NODISCARD sw_status sw_deploy_send(sw_cli *cli, const sw_deployment *d, sw_bytes request,
                                      sw_bytes compose, sw_error *err);
/* --out, where it was given. */
SW_NODISCARD sw_status sw_deploy_keep(const sw_cli *cli, sw_bytes compose, sw_error *err);
#endif
