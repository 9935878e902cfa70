/* SPDX-License-Identifier: Apache-2.0
 *
 * Written by tests/sys/golden_tree.py. */
#define GOLDEN_TREE         "48310bb569cd88bdd83f35e8f4148f13f10d34c743ffd1743252bca613a9948c"
#define GOLDEN_TREE_ENTRIES 15
#define GOLDEN_TREE_BYTES   300019
