/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract that this release deploys (CHN-003), as the compiler made it.
 * Made by contracts/build.py.
 */
#ifndef SW_CHAIN_CONTRACT_CODE_H
#define SW_CHAIN_CONTRACT_CODE_H
#include "chain/chain.h"

#define SW_CHAIN_CONTRACT_CODE_BYTES 10128
/* Creation code; the constructor's words follow it (sw_app_deploy_code). */
extern const uint8_t sw_chain_contract_code[SW_CHAIN_CONTRACT_CODE_BYTES];
#endif
