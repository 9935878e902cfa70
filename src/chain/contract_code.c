/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for the contract's code until the contract's own build writes this file.
 */
#include "chain/chain_internal.h"

const uint8_t sw_chain_creation_code[] = {0x60, 0x00};
const size_t sw_chain_creation_bytes = sizeof sw_chain_creation_code;
const sw_hash sw_chain_code_hash = {{0xc0, 0xde}};
