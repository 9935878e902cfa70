/* SPDX-License-Identifier: Apache-2.0
 *
 * A ledger as an owner's commands reach it: a file on this machine, a key service's, or a contract
 * on a chain. Read, checked against what this owner has seen, appended to, and read again.
 */
#ifndef SW_CLI_LEDGER_ACCESS_H
#define SW_CLI_LEDGER_ACCESS_H
#include "cli/cli.h"
#include "kms/client.h"
#include "ledger/rpc.h"

typedef struct sw_ledger_access {
    sw_cli *cli;
    sw_genesis genesis;
    sw_bytes genesis_envelope;
    sw_journal *journal; /* NULL on a chain */
    sw_ledger *ledger;
    sw_remote *remote; /* NULL for a file and on a chain */
    bool held;         /* sw_ledger_access_hold */
    /* On a chain: the node, what was asked about, and the contract's words at the ledger's head. */
    sw_rpc *rpc; /* NULL elsewhere */
    sw_chain_ask ask;
    sw_rpc_app app;
    uint8_t place; /* this owner's, once an entry was signed */
    bool relayed;  /* the last entry went into --relay-out FILE, not to the chain */
} sw_ledger_access;

/* --app FILE: the complete genesis. */
SW_NODISCARD sw_status sw_cli_genesis(sw_cli *cli, sw_genesis *out, sw_bytes *envelope,
                                      sw_error *err);
/* A genesis hash (64 lower-case hex digits), or the file of a complete genesis; what is neither is
 * SW_MISSING. */
SW_NODISCARD sw_status sw_cli_genesis_hash(sw_cli *cli, const char *given, sw_hash *out,
                                           sw_error *err);
/* An app on a chain: the contract that the genesis names, through --rpc URL; --ledger may say the
 * same. Else --ledger file:PATH or https://HOST:PORT, else --kms URL. A key service learns of the
 * app when it does not know it. */
SW_NODISCARD sw_status sw_ledger_access_open(sw_cli *cli, sw_ledger_access *out, sw_error *err);
/* The ledger at one such place. A file that is not there is made and named in a note when `made`,
 * else SW_MISSING. */
SW_NODISCARD sw_status sw_ledger_access_at(sw_cli *cli, const char *where, bool made,
                                           sw_ledger_access *out, sw_error *err);
void sw_ledger_access_close(sw_ledger_access *a);
/* On a chain a ledger knows what it was asked about: this compose hash and opening (NULL: none)
 * from the next reading on. Elsewhere it knows everything. */
SW_NODISCARD sw_status sw_ledger_access_ask(sw_ledger_access *a, const sw_hash *compose,
                                            const sw_chain_opening *opening, sw_error *err);
/* The ledger again, from where it is. */
SW_NODISCARD sw_status sw_ledger_access_reload(sw_ledger_access *a, sw_error *err);
/* The owner's place in this app; the identity must be the genesis' owner, key for key. */
SW_NODISCARD sw_status sw_ledger_access_owner(const sw_ledger_access *a, const sw_identity *who,
                                              sw_error *err);
/* Holds the identity until it is closed, so that other commands of this owner wait, and reads the
 * ledger again: what they appended is on it. Private keys are read first. */
SW_NODISCARD sw_status sw_ledger_access_hold(sw_ledger_access *a, sw_identity *who, sw_error *err);
/* Held: what this owner has seen must be on the ledger: "rollback". */
SW_NODISCARD sw_status sw_ledger_access_check(sw_ledger_access *a, sw_identity *who, sw_error *err);
/* Holds when that was not done, signs `entry` (kind and target are given) as the owner's next,
 * appends it, reads the ledger again and keeps its head as seen. A revocation goes out even to a
 * ledger that lost what this owner has seen, and when the identity cannot be held; the error then
 * follows. */
SW_NODISCARD sw_status sw_ledger_access_append(sw_ledger_access *a, sw_identity *who,
                                               sw_entry *entry, sw_error *err);
/* The number that an entry carries when `last` is the owner's last on the ledger and `seen` the
 * last that she knows of (LDG-031, LDG-052). */
uint64_t sw_ledger_access_number(const sw_entry *entry, uint64_t last, uint64_t seen);

/* Appends to `to` what `from` has beyond it, entry by entry under the rules of the ledger; *count
 * says how many: none when `to` is ahead. The shorter of the two must lie on the longer one:
 * "rollback" otherwise. Entries carry their owners' signatures, so whoever has a copy can bring it.
 */
SW_NODISCARD sw_status sw_ledger_access_copy(const sw_ledger_access *from, sw_ledger_access *to,
                                             uint64_t *count, sw_error *err);

/* `consent` has a file of its own. */
extern const sw_option sw_cli_consent_options[];
SW_NODISCARD sw_status sw_cli_consent(sw_cli *cli, sw_error *err);
#endif
