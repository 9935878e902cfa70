/* SPDX-License-Identifier: Apache-2.0
 *
 * A file of evidence and what is said beside it: attest verify and attest explain take any kind and
 * ask nobody for it. A file that looks like one kind is judged as that kind alone.
 */
#ifndef SW_CLI_ATTEST_INPUT_H
#define SW_CLI_ATTEST_INPUT_H
#include "attest/check.h"
#include "attest/dstack.h"
#include "attest/evidence.h"
#include "attest/gpu.h"
#include "cli/attest_kind.h"
#include "cli/cli.h"

/* What --policy names: a machine policy, alone or as `sim show --json` prints it (under "machine",
 * and nothing beside), or a KMS reference, which says a compose too. Errors name the file. */
typedef struct sw_attest_policy {
    sw_policy policy;
    bool has_compose;
    sw_hash compose;
} sw_attest_policy;
SW_NODISCARD sw_status sw_attest_policy_read(sw_cli *cli, const char *path, sw_attest_policy *out,
                                             sw_error *err);
/* Every option of `attest verify` that was given means something for this kind; SW_USAGE. */
SW_NODISCARD sw_status sw_attest_options_check(const sw_cli *cli, sw_attest_kind kind,
                                               sw_error *err);
/* --NAME as exactly so many bytes of hex; *there is false without it. SW_USAGE. */
SW_NODISCARD sw_status sw_attest_hex_option(const sw_cli *cli, const char *name, void *out,
                                            size_t size, bool *there, sw_error *err);
/* --report-data and --nonce against what was verified, where they were given. SW_REFUSED
 * "evidence". */
SW_NODISCARD sw_status sw_attest_report_compare(const sw_cli *cli, const sw_check_log *log,
                                                const uint8_t report[64], sw_error *err);
SW_NODISCARD sw_status sw_attest_nonce_compare(const sw_cli *cli, const sw_check_log *log,
                                               const sw_gpu_claims *claims, size_t count,
                                               sw_error *err);

/* --OPTION, where it was given, against a value that was proven; NULL: nothing here proves one.
 * `name` is the check's. SW_REFUSED "evidence". */
SW_NODISCARD sw_status sw_attest_hash_compare(const sw_cli *cli, const sw_check_log *log,
                                              const char *option, const char *name,
                                              const sw_hash *proven, sw_error *err);
/* --chain of a GPU's report, in the one form of GPU-030 where it is PEM at all. */
SW_NODISCARD sw_status sw_attest_chain_read(sw_cli *cli, sw_bytes *out, sw_error *err);
/* --log and --ccel as one log. *there is false when neither was given; *firmware_only is true
 * without --log. */
SW_NODISCARD sw_status sw_attest_log_read(sw_cli *cli, sw_event_log *out, bool *there,
                                          bool *firmware_only, sw_error *err);

/* SW_MALFORMED naming the file when it is of no kind that is known. */
SW_NODISCARD sw_status sw_attest_input_read(sw_cli *cli, const char *path, sw_attest_input *out,
                                            sw_error *err);
/* Collateral of one quote: a folder with tcb_info.json, qe_identity.json, tcb_signing_chain.pem,
 * pck_crl.der, root_ca_crl.der (as `sim init` writes them), or a bundle. */
SW_NODISCARD sw_status sw_attest_collateral_read(sw_cli *cli, const char *path, sw_collateral *out,
                                                 sw_gpu_collateral *gpu, sw_error *err);
#endif
