/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of ledger_access.h that is a contract on a chain, and what the commands for such apps
 * share. docs/formats/chain.md, CHN-230 on.
 */
#ifndef SW_CLI_LEDGER_CHAIN_H
#define SW_CLI_LEDGER_CHAIN_H
#include "cli/ledger_access.h"

#define SW_CLI_RPC_OPTIONS                                                                         \
    {"rpc", SW_OPTION_VALUE, "URL", "a node of the app's chain, when the ledger is there"}, {      \
        "rpc-ca", SW_OPTION_VALUE, "FILE",                                                         \
            "certificate authorities for it (default: the system's)"                               \
    }
#define SW_CLI_SEND_OPTIONS                                                                        \
    {"wait", SW_OPTION_VALUE, "SECONDS", "how long a transaction may take (default 1800)"}, {      \
        "max-cost-gwei", SW_OPTION_VALUE, "N", "what it may cost at most (default 100000000)"      \
    }
#define SW_CLI_DEVICE_OPTION                                                                       \
    { "allow-device", SW_OPTION_LIST, "ID", "for a stock dstack key service: these machines alone" }
#define SW_CLI_RELAY_OPTION                                                                        \
    {                                                                                              \
        "relay-out", SW_OPTION_VALUE, "FILE",                                                      \
            "write the signed call for somebody else to send (`app relay`)"                        \
    }

/* --rpc URL, not asked yet. */
SW_NODISCARD sw_status sw_cli_node(sw_cli *cli, sw_rpc **out, sw_error *err);
/* "eip155:CHAIN/ADDRESS". */
SW_NODISCARD sw_status sw_cli_chain_place(const char *text, sw_app_place *out, sw_error *err);
/* Signs as `key`, sends and waits, by --wait and --max-cost-gwei. to NULL: makes a contract. */
SW_NODISCARD sw_status sw_cli_transact(sw_cli *cli, sw_rpc *rpc, const sw_app_place *at,
                                       const sw_chain_key *key, const sw_address *to, sw_bytes data,
                                       sw_rpc_sent *out, sw_error *err);
/* A signed call as a file, for somebody else to send. */
SW_NODISCARD sw_status sw_cli_relay_write(sw_cli *cli, const char *path, const sw_app_place *at,
                                          sw_bytes data, sw_error *err);
SW_NODISCARD sw_status sw_cli_relay_read(sw_cli *cli, const char *path, sw_app_place *at,
                                         sw_bytes *data, sw_error *err);

/* The contract at the newest finalised block is the genesis' and as its constructor leaves it:
 * code, owners, quorum, the devices of --allow-device, and nothing else in its storage (CHN-105).
 */
SW_NODISCARD sw_status sw_cli_chain_founded(sw_cli *cli, sw_rpc *rpc, const sw_genesis *g,
                                            sw_error *err);
/* --allow-device; in the arena. */
SW_NODISCARD sw_status sw_cli_chain_devices(sw_cli *cli, sw_hash **out, size_t *count,
                                            sw_error *err);

SW_NODISCARD sw_status sw_chain_access_open(sw_ledger_access *a, const char *where, sw_error *err);
SW_NODISCARD sw_status sw_chain_access_reload(sw_ledger_access *a, sw_error *err);
SW_NODISCARD sw_status sw_chain_access_ask(sw_ledger_access *a, const sw_hash *compose,
                                           const sw_chain_opening *opening, sw_error *err);
/* Asks about what the contract's events speak of; *more: about a part of it. */
SW_NODISCARD sw_status sw_chain_access_discover(sw_ledger_access *a, bool *more, sw_error *err);
/* Where this owner's address stands; SW_REFUSED "ledger" when it does not. */
SW_NODISCARD sw_status sw_chain_access_place(const sw_ledger_access *a, const sw_card *card,
                                             uint8_t *out, sw_error *err);
/* What this owner has seen must be in the chain's past: "rollback". */
SW_NODISCARD sw_status sw_chain_access_check(sw_ledger_access *a, const sw_identity *who,
                                             const sw_seen *seen, sw_error *err);
/* Signs the entry as the owner's next (its owner and sequence are set) and sends it, or writes it
 * for somebody else. The ledger's head becomes the block in which it is final. `doubted`:
 * nothing shows that this is the chain as the owner saw it, so it refuses nothing that she revokes.
 */
SW_NODISCARD sw_status sw_chain_access_send(sw_ledger_access *a, sw_identity *who,
                                            uint64_t seen_sequence, sw_entry *entry, bool doubted,
                                            sw_error *err);
/* Signs a revocation without a node and writes it to --relay-out: a node that is away, or one that
 * nobody can trust, holds none back. The entry's owner and sequence are set. */
SW_NODISCARD sw_status sw_chain_revoke_offline(sw_cli *cli, sw_identity *who, sw_entry *entry,
                                               sw_error *err);
/* The last sequence number of the owner whose entry was sent. */
uint64_t sw_chain_access_sequence(const sw_ledger_access *a);

/* app relay, watch and change have a file of their own. */
extern const sw_option sw_cli_relay_options[], sw_cli_watch_options[], sw_cli_change_options[];
SW_NODISCARD sw_status sw_cli_relay(sw_cli *cli, sw_error *err);
SW_NODISCARD sw_status sw_cli_watch(sw_cli *cli, sw_error *err);
SW_NODISCARD sw_status sw_cli_change(sw_cli *cli, sw_error *err);
#endif
